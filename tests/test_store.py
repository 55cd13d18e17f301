"""What is promised about the disk, on a real one."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
import json
import math
import os
from pathlib import Path
import stat
from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import EVENT_HOMEASSISTANT_FINAL_WRITE
from homeassistant.core import CoreState, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.storage import Store
from homeassistant.util import dt as dt_util
from homeassistant.util.file import WriteError
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)

from custom_components.watched_sync import store
from custom_components.watched_sync.const import DOMAIN
from custom_components.watched_sync.core.codec import encode_operation
from custom_components.watched_sync.core.errors import JournalError
from custom_components.watched_sync.core.identity import Item, MediaKind
from custom_components.watched_sync.core.operation import (
    MarkUnwatched,
    MarkWatched,
    Operation,
    SetProgress,
)
from custom_components.watched_sync.core.outbox import OUTBOX_LIMIT, OutboxFull, Result
from custom_components.watched_sync.core.play_state import PlayState
from custom_components.watched_sync.runtime import Request, WatchedSyncRuntime
from custom_components.watched_sync.store import (
    PICTURES_KEY,
    PLAYERS_KEY,
    OutboxStore,
    PictureSecret,
)

from .common import MOVIE, OTHER_MOVIE, MemoryServer, drained, setup_lane

ENTRY = "lane"


@pytest.fixture
def hass_storage() -> dict[str, Any]:
    """Have a real disk."""
    return {}


@pytest.fixture
def folder(hass: HomeAssistant) -> Path:
    """Return where the storage files are."""
    folder = Path(hass.config.path(".storage"))
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture
def outbox_file(folder: Path) -> Path:
    return folder / f"{DOMAIN}.{ENTRY}.outbox"


async def offline_lane(hass: HomeAssistant) -> MockConfigEntry:
    """Return a lane whose server has gone away, so that operations wait."""
    server = MemoryServer()
    entry = await setup_lane(hass, server, entry_id=ENTRY)
    server.go_down()
    return entry


def put(file: Path, content: bytes) -> None:
    file.write_bytes(content)


def take(file: Path) -> bytes:
    return file.read_bytes()


def exists(file: Path) -> bool:
    return file.exists()


def discard(file: Path) -> None:
    file.unlink()


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def names(folder: Path) -> list[str]:
    """Return the names of our files."""
    return sorted(file.name for file in folder.iterdir() if DOMAIN in file.name)


def block(file: Path) -> bytes:
    """Put a folder in the file's place: writing fails as on a broken disk."""
    content = file.read_bytes() if file.exists() else b""
    file.unlink(missing_ok=True)
    file.mkdir()
    return content


def unblock(file: Path, content: bytes | None = None) -> None:
    """Take the folder away, and put the file back."""
    file.rmdir()
    if content is not None:
        file.write_bytes(content)


def film(number: int) -> Item:
    return Item(f"film{number}", MediaKind.MOVIE, f"Film {number}")


def stored(file: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(file.read_bytes())["data"]
    return data


def waiting_on_disk(file: Path) -> list[str]:
    return [one["item"]["id"] for one in stored(file)["operations"]]


# --- saying yes ------------------------------------------------------------


async def test_an_action_that_returned_is_on_disk(
    hass: HomeAssistant, outbox_file: Path
) -> None:
    entry = await offline_lane(hass)
    await entry.runtime_data.async_submit([Request(MOVIE, MarkWatched())])
    assert waiting_on_disk(outbox_file) == [MOVIE.item_id]


async def test_what_no_file_can_hold_never_takes_the_others_with_it(
    hass: HomeAssistant, outbox_file: Path
) -> None:
    entry = await offline_lane(hass)
    odd = Item("odd", MediaKind.MOVIE, "caf\ud83d", duration=7200, year=2**70)
    for item in (odd, MOVIE):
        await entry.runtime_data.async_submit([Request(item, MarkWatched())])
    assert waiting_on_disk(outbox_file) == ["odd", MOVIE.item_id]
    held = stored(outbox_file)["operations"][0]["item"]
    assert held == {"id": "odd", "kind": "movie", "title": "caf", "duration": 7200}


async def test_what_means_nothing_is_refused_alone_and_never_takes_the_others_with_it(
    hass: HomeAssistant, outbox_file: Path
) -> None:
    entry = await offline_lane(hass)
    runtime: WatchedSyncRuntime = entry.runtime_data
    await runtime.async_submit([Request(MOVIE, MarkWatched())])
    odd = [Request(film(number), SetProgress(math.nan)) for number in range(3)]
    asked = [
        Request(MOVIE, SetProgress(math.inf)),
        *odd,
        Request(OTHER_MOVIE, MarkWatched()),
    ]
    done = await asyncio.gather(
        *(runtime.async_submit([operation]) for operation in asked),
        return_exceptions=True,
    )
    refused = [one for one in done if isinstance(one, HomeAssistantError)]
    assert [one.translation_key for one in refused] == ["not_storable"] * 4
    assert waiting_on_disk(outbox_file) == [MOVIE.item_id, OTHER_MOVIE.item_id]
    assert runtime.lane.outbox.oldest is not None
    assert runtime.lane.outbox.oldest.change == MarkWatched()


async def test_an_operation_that_cannot_be_stored_any_more_stays_as_it_was_stored(
    hass: HomeAssistant, outbox_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    entry = await offline_lane(hass)
    runtime: WatchedSyncRuntime = entry.runtime_data
    await runtime.async_submit(
        [Request(one, MarkWatched()) for one in (MOVIE, OTHER_MOVIE)]
    )
    before = stored(outbox_file)["operations"]
    outbox = runtime.lane.outbox
    assert outbox.oldest is not None
    odd = PlayState(watched=True, position=math.nan)
    outbox.update(replace(outbox.oldest, base=odd))
    await runtime.journal.save()
    assert stored(outbox_file)["operations"] == before
    assert "cannot be stored as it is now" in caplog.text
    # What was done is still written down, apart from what no file can hold.
    for operation in list(outbox):
        outbox.settle(operation, Result.DELIVERED, dt_util.utcnow())
    await runtime.journal.save()
    [done] = stored(outbox_file)["history"]
    assert done["operation"]["item"]["id"] == OTHER_MOVIE.item_id


async def test_the_file_is_private_and_synced_to_the_disk(
    hass: HomeAssistant, outbox_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    entry = await offline_lane(hass)
    real = os.fsync

    def fsync(descriptor: int) -> None:
        synced.append(descriptor)
        real(descriptor)

    monkeypatch.setattr("atomicwrites._proper_fsync", fsync)
    await entry.runtime_data.async_submit([Request(MOVIE, MarkWatched())])
    assert len(synced) == 2  # the file, and the folder it was renamed in
    assert mode(outbox_file) == 0o600


async def test_many_operations_at_once_share_few_writes(
    hass: HomeAssistant, outbox_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = await offline_lane(hass)
    runtime: WatchedSyncRuntime = entry.runtime_data
    writes = 0
    real = Store._async_write_data

    async def counting(store: Store[Any], data: dict[str, Any]) -> None:
        nonlocal writes
        writes += store.key.endswith(".outbox")
        await real(store, data)

    monkeypatch.setattr(Store, "_async_write_data", counting)
    await asyncio.gather(
        *(runtime.async_submit([Request(film(n), MarkWatched())]) for n in range(200))
    )
    assert writes <= 3
    assert len(waiting_on_disk(outbox_file)) == 200


async def test_savers_of_one_moment_share_one_write(
    hass: HomeAssistant, outbox_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = OutboxStore(hass, ENTRY)
    await journal.async_load()
    writes = 0
    real = Store._async_write_data

    async def counting(store: Store[Any], data: dict[str, Any]) -> None:
        nonlocal writes
        writes += 1
        await real(store, data)

    monkeypatch.setattr(Store, "_async_write_data", counting)
    await asyncio.gather(*(journal.save() for _ in range(10)))
    assert writes == 1
    assert exists(outbox_file)


async def test_a_failed_write_refuses_the_operation_and_keeps_the_old_queue(
    hass: HomeAssistant, outbox_file: Path, issue_registry: ir.IssueRegistry
) -> None:
    entry = await offline_lane(hass)
    runtime: WatchedSyncRuntime = entry.runtime_data
    await runtime.async_submit([Request(MOVIE, MarkUnwatched())])
    before = list(runtime.lane.outbox)
    content = block(outbox_file)

    for operation in (
        Request(MOVIE, MarkWatched()),
        Request(OTHER_MOVIE, MarkWatched()),
    ):
        with pytest.raises(HomeAssistantError) as refused:
            await runtime.async_submit([operation])
        assert refused.value.translation_key == "outbox_write_failed"
    assert list(runtime.lane.outbox) == before
    assert runtime.coordinator.data.pending == 1
    issue_id = f"outbox_unwritable_{ENTRY}"
    assert issue_registry.async_get_issue(DOMAIN, issue_id)

    unblock(outbox_file, content)
    await runtime.async_submit([Request(OTHER_MOVIE, MarkWatched())])
    assert waiting_on_disk(outbox_file) == [MOVIE.item_id, OTHER_MOVIE.item_id]
    assert issue_registry.async_get_issue(DOMAIN, issue_id) is None


async def test_retry_and_discard_are_refused_as_well_while_the_disk_fails(
    hass: HomeAssistant, outbox_file: Path
) -> None:
    entry = await offline_lane(hass)
    runtime: WatchedSyncRuntime = entry.runtime_data
    [operation] = await runtime.async_submit([Request(MOVIE, MarkWatched())])
    block(outbox_file)
    for call in (runtime.async_retry, runtime.async_discard):
        with pytest.raises(HomeAssistantError):
            await call([operation.operation_id])
    assert [one.operation_id for one in runtime.lane.outbox] == [operation.operation_id]
    unblock(outbox_file)
    assert await runtime.async_discard([operation.operation_id]) == 1
    assert waiting_on_disk(outbox_file) == []


async def test_a_write_that_failed_in_the_background_is_tried_again(
    hass: HomeAssistant, outbox_file: Path, issue_registry: ir.IssueRegistry
) -> None:
    entry = await offline_lane(hass)
    runtime: WatchedSyncRuntime = entry.runtime_data
    block(outbox_file)
    runtime.journal.save_later()
    await pass_time(hass, 3)
    assert issue_registry.async_get_issue(DOMAIN, f"outbox_unwritable_{ENTRY}")
    unblock(outbox_file)
    await pass_time(hass, 64)
    assert waiting_on_disk(outbox_file) == []
    assert issue_registry.async_get_issue(DOMAIN, f"outbox_unwritable_{ENTRY}") is None


async def test_a_full_outbox_refuses_with_a_reason(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = await offline_lane(hass)
    runtime: WatchedSyncRuntime = entry.runtime_data

    async def full(_: object) -> None:
        raise OutboxFull

    monkeypatch.setattr(runtime.lane, "submit", full)
    with pytest.raises(HomeAssistantError) as refused:
        await runtime.async_submit([Request(MOVIE, MarkWatched())])
    assert refused.value.translation_key == "outbox_full"
    assert refused.value.translation_placeholders == {"limit": str(OUTBOX_LIMIT)}


# --- cancellation ------------------------------------------------------------


async def test_a_storm_of_cancelled_callers_loses_and_reorders_nothing(
    hass: HomeAssistant, outbox_file: Path
) -> None:
    entry = await offline_lane(hass)
    runtime: WatchedSyncRuntime = entry.runtime_data
    tasks = []
    operations = []
    for number in range(100):
        change = MarkWatched() if number % 2 else MarkUnwatched()
        [operation] = runtime.plan([Request(film(number // 4), change)])
        operations.append(operation)
        tasks.append(asyncio.create_task(runtime.async_enqueue([operation])))
        if number % 3 == 0:
            # Let this one get anywhere between its first step and the disk.
            for _ in range(number % 7):
                await asyncio.sleep(0)
            tasks[-1].cancel()
    done = await asyncio.gather(*tasks, return_exceptions=True)
    await runtime.lane.close()

    on_disk = [one["id"] for one in stored(outbox_file)["operations"]]
    assert on_disk == [one.operation_id for one in runtime.lane.outbox]
    place = {one.operation_id: index for index, one in enumerate(operations)}
    waiting = {one.item.item_id: one.operation_id for one in runtime.lane.outbox}
    accepted = [
        operation
        for operation, result in zip(operations, done, strict=True)
        if result is None
    ]
    assert len(accepted) > 60
    # Of each film that operation waits which was accepted last, or one made after it.
    for operation in accepted:
        assert place[waiting[operation.item.item_id]] >= place[operation.operation_id]


async def test_cancelling_the_relay_in_a_write_keeps_the_newest_state(
    hass: HomeAssistant, outbox_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = await offline_lane(hass)
    runtime: WatchedSyncRuntime = entry.runtime_data
    gates: list[asyncio.Event] = []
    real = Store._async_write_data

    async def slow(store: Store[Any], data: dict[str, Any]) -> None:
        if store.key.endswith(".outbox"):
            gates.append(gate := asyncio.Event())
            await gate.wait()
        await real(store, data)

    monkeypatch.setattr(Store, "_async_write_data", slow)
    saver = asyncio.create_task(runtime.journal.save())
    await _turns(lambda: len(gates) == 1)
    saver.cancel()
    accepted = asyncio.create_task(
        runtime.async_submit([Request(MOVIE, MarkWatched())])
    )
    for _ in range(10):
        await asyncio.sleep(0)
    # The second write waits for the first, though nobody waits for that one.
    assert len(gates) == 1
    gates[0].set()
    await _turns(lambda: len(gates) == 2)
    gates[1].set()
    await accepted
    assert waiting_on_disk(outbox_file) == [MOVIE.item_id]


async def test_a_writer_that_is_interrupted_tells_everybody_who_waits(
    hass: HomeAssistant, outbox_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = OutboxStore(hass, ENTRY)
    await journal.async_load()
    started = asyncio.Event()

    async def stuck(*_: object) -> None:
        started.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(Store, "_async_write_data", stuck)
    first = asyncio.create_task(journal.save())
    await started.wait()
    second = asyncio.create_task(journal.save())
    await asyncio.sleep(0)
    assert journal._writer is not None
    journal._writer.cancel()
    for task in (first, second):
        with pytest.raises(JournalError):
            await task
    assert not exists(outbox_file)


async def test_flushing_waits_for_a_write_under_way(
    hass: HomeAssistant, outbox_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = OutboxStore(hass, ENTRY)
    await journal.async_load()
    gate = asyncio.Event()
    started = asyncio.Event()
    real = Store._async_write_data

    async def slow(store: Store[Any], data: dict[str, Any]) -> None:
        started.set()
        await gate.wait()
        await real(store, data)

    monkeypatch.setattr(Store, "_async_write_data", slow)
    saving = asyncio.create_task(journal.save())
    await started.wait()
    saving.cancel()
    flushing = asyncio.create_task(journal.async_flush())
    for _ in range(10):
        await asyncio.sleep(0)
    assert not flushing.done()
    gate.set()
    await flushing
    assert exists(outbox_file)


# --- reading -----------------------------------------------------------------

SPOILT = {
    "empty": lambda _: b"",
    "truncated": lambda content: content[: len(content) // 2],
    "NUL bytes": lambda content: b"\0" * len(content),
    "another shape": lambda _: b'{"version": 1, "data": {"operations": 1}}',
    "a list": lambda _: b"[]",
    "null": lambda _: b"null",
    "no version": lambda _: b'{"data": {}}',
    "nothing in it": lambda _: b"{}",
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
async def test_a_damaged_outbox_is_kept_aside_and_told_of(
    hass: HomeAssistant,
    folder: Path,
    outbox_file: Path,
    issue_registry: ir.IssueRegistry,
    spoil: Callable[[bytes], bytes],
) -> None:
    entry = await offline_lane(hass)
    await entry.runtime_data.async_submit([Request(MOVIE, MarkWatched())])
    await hass.config_entries.async_unload(entry.entry_id)
    damaged = spoil(take(outbox_file))
    put(outbox_file, damaged)

    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    # It ran before, so it comes up although its server is away.
    assert entry.state is ConfigEntryState.LOADED
    issue = issue_registry.async_get_issue(DOMAIN, f"outbox_lost_{ENTRY}")
    assert issue is not None
    assert issue.is_persistent
    aside = [name for name in names(folder) if ".outbox.corrupt." in name]
    kept = [take(folder / name) for name in aside]
    assert kept == ([] if damaged == b"{}" else [damaged])

    await entry.runtime_data.async_submit([Request(OTHER_MOVIE, MarkWatched())])
    assert waiting_on_disk(outbox_file) == [OTHER_MOVIE.item_id]
    await hass.config_entries.async_remove(entry.entry_id)
    assert issue_registry.async_get_issue(DOMAIN, f"outbox_lost_{ENTRY}") is None


def full_of(number: int) -> dict[str, Any]:
    """Return what says that a film of this number waits, on disk."""
    operation = Operation(
        f"op{number}", "batch", film(number), MarkWatched(), datetime.now(UTC)
    )
    return encode_operation(operation)


#: What the issue of a damaged file was about, and more of that kind.
ODD_ROWS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "an id that is a number": lambda row: row["item"].update(id=5),
    "a reason nobody knows": lambda row: row.update(last_error="zzz"),
    "a date without a zone": lambda row: row.update(asked_at="2026-03-01T12:00:00"),
    "an unknown change": lambda row: row["change"].update(type="marked"),
    "no item": lambda row: row.pop("item"),
}


@pytest.mark.parametrize("part", ["operations", "rejected", "history"])
@pytest.mark.parametrize("spoil", ODD_ROWS.values(), ids=ODD_ROWS)
async def test_a_damaged_row_is_kept_aside_and_told_of_and_the_others_go_on(
    hass: HomeAssistant,
    folder: Path,
    outbox_file: Path,
    issue_registry: ir.IssueRegistry,
    spoil: Callable[[dict[str, Any]], Any],
    part: str,
) -> None:
    server = MemoryServer([film(1), film(2), MOVIE])
    entry = await setup_lane(hass, server, entry_id=ENTRY)
    await hass.config_entries.async_unload(entry.entry_id)
    content = json.loads(take(outbox_file))
    row = full_of(1)
    done = {"result": "delivered", "settled_at": row["asked_at"]}
    content["data"]["operations"] = [full_of(2)]
    content["data"][part].append(
        {"operation": row} | done if part == "history" else row
    )
    spoil(row)
    damaged = json.dumps(content).encode()
    put(outbox_file, damaged)

    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    await drained(hass, entry)
    assert server.states["film2"].watched
    issue = issue_registry.async_get_issue(DOMAIN, f"outbox_damaged_{ENTRY}")
    assert issue is not None
    assert issue.is_persistent
    [aside] = [name for name in names(folder) if ".outbox.corrupt." in name]
    assert take(folder / aside) == damaged
    assert mode(folder / aside) == 0o600
    assert issue.translation_placeholders == {
        "name": entry.title,
        "count": "1",
        "titles": "Film 1" if "item" in row else "…",
        "file": f".storage/{aside}",
    }
    assert issue_registry.async_get_issue(DOMAIN, f"outbox_lost_{ENTRY}") is None
    await entry.runtime_data.async_submit([Request(MOVIE, MarkWatched())])

    # It was set aside for good: the next start finds nothing to tell of.
    await hass.config_entries.async_unload(entry.entry_id)
    issue_registry.async_delete(DOMAIN, issue.issue_id)
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert issue_registry.async_get_issue(DOMAIN, issue.issue_id) is None
    await hass.config_entries.async_remove(entry.entry_id)
    assert names(folder) == []


async def test_many_damaged_rows_are_told_of_by_some_of_their_titles(
    hass: HomeAssistant, outbox_file: Path, issue_registry: ir.IssueRegistry
) -> None:
    entry = await setup_lane(hass, entry_id=ENTRY)
    await hass.config_entries.async_unload(entry.entry_id)
    content = json.loads(take(outbox_file))
    rows = [full_of(number) | {"last_error": "zzz"} for number in range(7)]
    rows[0]["item"]["title"] = "[a](http://b)"
    content["data"]["operations"] = rows
    put(outbox_file, json.dumps(content).encode())
    await hass.config_entries.async_setup(entry.entry_id)
    issue = issue_registry.async_get_issue(DOMAIN, f"outbox_damaged_{ENTRY}")
    assert issue is not None
    assert issue.translation_placeholders is not None
    assert issue.translation_placeholders["count"] == "7"
    shown = issue.translation_placeholders["titles"].split(", ")
    assert shown[1:] == ["Film 1", "Film 2", "Film 3", "Film 4", "…"]
    assert shown[0].startswith(r"\[a\]")


async def test_a_file_damaged_in_places_that_cannot_be_kept_is_not_overwritten(
    hass: HomeAssistant, outbox_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = await setup_lane(hass, entry_id=ENTRY)
    await hass.config_entries.async_unload(entry.entry_id)
    content = json.loads(take(outbox_file))
    content["data"]["operations"] = [full_of(1), 5]
    damaged = json.dumps(content).encode()
    put(outbox_file, damaged)

    def full(*_: object, **__: object) -> None:
        raise WriteError

    monkeypatch.setattr(store, "write_utf8_file_atomic", full)
    await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert entry.error_reason_translation_key == "storage_unreadable"
    assert take(outbox_file) == damaged


@pytest.mark.parametrize("version", [0, "1", None])
async def test_a_file_of_no_version_of_ours_is_kept_aside(
    hass: HomeAssistant,
    outbox_file: Path,
    issue_registry: ir.IssueRegistry,
    version: object,
) -> None:
    entry = await setup_lane(hass, entry_id=ENTRY)
    await hass.config_entries.async_unload(entry.entry_id)
    content = json.loads(take(outbox_file)) | {"version": version}
    put(outbox_file, json.dumps(content).encode())
    await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.LOADED
    assert issue_registry.async_get_issue(DOMAIN, f"outbox_lost_{ENTRY}")


async def test_a_missing_outbox_is_no_loss(
    hass: HomeAssistant, outbox_file: Path, issue_registry: ir.IssueRegistry
) -> None:
    await setup_lane(hass, entry_id=ENTRY)
    assert issue_registry.async_get_issue(DOMAIN, f"outbox_lost_{ENTRY}") is None
    # Written at once, so that a later start knows that it is a later one.
    assert waiting_on_disk(outbox_file) == []


async def test_a_newer_file_refuses_to_load_and_is_not_touched(
    hass: HomeAssistant, folder: Path, outbox_file: Path
) -> None:
    newer = b'{"version": 2, "minor_version": 1, "key": "x", "data": {"ops": []}}'
    put(outbox_file, newer)
    entry = await setup_lane(hass, entry_id=ENTRY)
    assert entry.state is ConfigEntryState.SETUP_ERROR
    assert entry.error_reason_translation_key == "storage_newer"
    assert take(outbox_file) == newer
    assert set(names(folder)) == {outbox_file.name, PICTURES_KEY}


async def test_a_file_that_cannot_be_read_now_is_tried_again_later(
    hass: HomeAssistant, outbox_file: Path
) -> None:
    block(outbox_file)
    entry = await setup_lane(hass, entry_id=ENTRY)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert entry.error_reason_translation_key == "storage_unreadable"
    unblock(outbox_file)


async def test_a_damaged_file_that_cannot_be_kept_aside_is_not_overwritten(
    hass: HomeAssistant, outbox_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(outbox_file, b"[]")

    def refuse(*_: object) -> None:
        raise OSError

    monkeypatch.setattr(Path, "rename", refuse)
    entry = await setup_lane(hass, entry_id=ENTRY)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert take(outbox_file) == b"[]"


@pytest.mark.parametrize(
    "content",
    [b'{"version": 1, "data": {}}', b'{"version": 1, "data": []}', b"[]", b"\0"],
)
async def test_a_damaged_ledger_is_read_anew(
    hass: HomeAssistant, folder: Path, content: bytes
) -> None:
    server = MemoryServer()
    server.up_next_ids = [MOVIE.item_id]
    put(folder / f"{DOMAIN}.{ENTRY}.ledger", content)
    entry = await setup_lane(hass, server, entry_id=ENTRY)
    assert entry.state is ConfigEntryState.LOADED
    assert entry.runtime_data.coordinator.data.up_next == (MOVIE.item_id,)


async def test_damaged_rows_of_the_ledger_are_read_anew_and_the_others_kept(
    hass: HomeAssistant, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = folder / f"{DOMAIN}.{ENTRY}.ledger"
    server = MemoryServer()
    entry = await setup_lane(hass, server, entry_id=ENTRY)
    runtime: WatchedSyncRuntime = entry.runtime_data
    runtime.lane.remember(map(server.reading, ("m1", "m2", "e1x1", "e1x2")))
    await runtime.async_pause()
    await hass.config_entries.async_unload(entry.entry_id)
    content = json.loads(take(file))
    data = content["data"]
    rows = {row["item"]["id"]: row for row in data["readings"]}
    rows["m1"]["state"]["position"] = "x"
    move = {
        "item": rows["m2"]["item"],
        "after": {"watched": True},
        "before": {"other": None},
        "moved_at": "2026-03-01T12:00:00",
        "seen_at": "2026-03-01T12:00:00+00:00",
    }
    data |= {
        "moves": [move, 5],
        "up_next": "m1",
        "last_played": 7,
        "plays_seen_until": "yesterday",
        "moves_since": "2026-03-01T12:00:00",
        "absent": [5],
        "paused": "x",
        "learnt": 5,
    }
    put(file, json.dumps(content).encode())
    server.go_down()
    caplog.clear()

    await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.LOADED
    ledger = entry.runtime_data.lane.ledger
    assert {one.item.item_id for one in ledger} == {"e1x1", "e1x2"}
    assert entry.runtime_data.paused
    assert "9 rows are damaged and left out" in caplog.text
    assert entry.runtime_data.ledger.learnt.as_json() == []
    assert "2 changes that waited to be copied cannot be understood" in caplog.text
    server.come_up()
    entry.runtime_data.relay.nudge()
    await entry.runtime_data.async_submit([Request(MOVIE, MarkWatched())])
    await drained(hass, entry)
    assert server.states["m1"].watched


async def test_a_first_start_with_a_broken_disk_says_so_and_refuses_operations(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch, outbox_file: Path
) -> None:
    async def full(_: OutboxStore) -> None:
        raise JournalError

    with monkeypatch.context() as patched:
        patched.setattr(OutboxStore, "save", full)
        entry = await setup_lane(hass, entry_id=ENTRY)
        assert entry.state is ConfigEntryState.LOADED
        with pytest.raises(HomeAssistantError):
            await entry.runtime_data.async_submit([Request(MOVIE, MarkWatched())])
    assert not exists(outbox_file)


# --- stopping ----------------------------------------------------------------


async def pass_time(hass: HomeAssistant, seconds: float) -> None:
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=seconds))
    await hass.async_block_till_done()


async def test_what_may_be_written_later_is_written_within_seconds(
    hass: HomeAssistant, outbox_file: Path
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server, entry_id=ENTRY)
    await entry.runtime_data.async_submit([Request(MOVIE, MarkWatched())])
    await drained(hass, entry)
    assert waiting_on_disk(outbox_file) == [MOVIE.item_id]
    await pass_time(hass, 3)
    assert waiting_on_disk(outbox_file) == []
    assert len(stored(outbox_file)["history"]) == 1


async def test_steady_changes_do_not_put_off_the_write_for_ever(
    hass: HomeAssistant, outbox_file: Path
) -> None:
    entry = await offline_lane(hass)
    runtime: WatchedSyncRuntime = entry.runtime_data
    discard(outbox_file)
    due = hass.loop.time() + 2
    runtime.journal.save_later()
    handle = runtime.journal._store._delay_handle
    for _ in range(10):
        runtime.journal.save_later()
    assert runtime.journal._store._delay_handle is handle
    assert runtime.journal._store._next_write_time <= due
    await pass_time(hass, 3)
    assert exists(outbox_file)


async def test_what_waits_to_be_written_is_written_when_home_assistant_stops(
    hass: HomeAssistant, outbox_file: Path
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server, entry_id=ENTRY)
    runtime: WatchedSyncRuntime = entry.runtime_data
    await runtime.async_submit([Request(MOVIE, MarkWatched())])
    await drained(hass, entry)
    assert waiting_on_disk(outbox_file) == [MOVIE.item_id]

    hass.set_state(CoreState.stopping)
    # `Store` would say yes and write later: that is no yes.
    with pytest.raises(JournalError):
        await runtime.journal.save()
    hass.set_state(CoreState.final_write)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_FINAL_WRITE)
    await hass.async_block_till_done()
    assert waiting_on_disk(outbox_file) == []
    hass.set_state(CoreState.running)


async def test_an_operation_caught_by_the_stop_is_written_or_refused(
    hass: HomeAssistant, outbox_file: Path
) -> None:
    entry = await offline_lane(hass)
    runtime: WatchedSyncRuntime = entry.runtime_data
    caught = asyncio.create_task(runtime.async_submit([Request(MOVIE, MarkWatched())]))
    await asyncio.sleep(0)
    hass.set_state(CoreState.stopping)
    with pytest.raises(HomeAssistantError):
        await caught
    hass.set_state(CoreState.running)
    assert not len(runtime.lane.outbox)
    assert waiting_on_disk(outbox_file) == []


async def test_unloading_with_a_broken_disk_ends_all_the_same(
    hass: HomeAssistant, outbox_file: Path
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server, entry_id=ENTRY)
    await entry.runtime_data.async_submit([Request(MOVIE, MarkWatched())])
    await drained(hass, entry)
    content = block(outbox_file)
    assert await hass.config_entries.async_unload(entry.entry_id)
    # No timer is left that would write a file of an entry that is gone.
    await pass_time(hass, 120)
    unblock(outbox_file, content)

    # What was delivered is found delivered: nothing is written twice.
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    await drained(hass, entry)
    assert len(server.writes) == 1


async def test_removing_leaves_no_file(hass: HomeAssistant, folder: Path) -> None:
    entry = await offline_lane(hass)
    await entry.runtime_data.async_submit([Request(MOVIE, MarkWatched())])
    await hass.config_entries.async_remove(entry.entry_id)
    await hass.async_block_till_done()
    await pass_time(hass, 120)
    assert names(folder) == []


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
async def test_removing_leaves_no_file_that_was_kept_aside(
    hass: HomeAssistant,
    folder: Path,
    outbox_file: Path,
    spoil: Callable[[bytes], bytes],
) -> None:
    files = [outbox_file, folder / f"{DOMAIN}.{ENTRY}.ledger", folder / PLAYERS_KEY]
    entry = await setup_lane(hass, entry_id=ENTRY)
    await hass.config_entries.async_unload(entry.entry_id)
    for file in files:
        # Kept aside by Home Assistant or by us, at an earlier start and at this one.
        put(file.with_name(f"{file.name}.corrupt.2026-01-01T00:00:00+00:00"), b"old")
    damaged = spoil(take(outbox_file))
    for file in files[:2]:
        put(file, damaged)
    others = [
        f"{DOMAIN}.{ENTRY}2.outbox.corrupt.2026-01-01T00:00:00+00:00",
        f"{DOMAIN}_other.{ENTRY}.outbox.corrupt.2026-01-01T00:00:00+00:00",
        f"{DOMAIN}.{ENTRY}.outbox.mine",
    ]
    for name in others:
        put(folder / name, b"not ours to delete")
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.config_entries.async_remove(entry.entry_id)
    await pass_time(hass, 120)
    assert names(folder) == sorted(others)


async def test_a_file_kept_aside_that_cannot_be_deleted_is_named_and_holds_up_nothing(
    hass: HomeAssistant,
    folder: Path,
    outbox_file: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    entry = await setup_lane(hass, entry_id=ENTRY)
    stuck = outbox_file.with_name(f"{outbox_file.name}.corrupt.1")
    block(stuck)
    put(outbox_file.with_name(f"{outbox_file.name}.corrupt.2"), b"damaged")
    await hass.config_entries.async_remove(entry.entry_id)
    await pass_time(hass, 120)
    assert names(folder) == [stuck.name]
    [said] = [one for one in caplog.messages if stuck.name in one]
    assert "could not be deleted" in said


# --- cost --------------------------------------------------------------------


async def test_a_save_encodes_only_what_is_new(
    hass: HomeAssistant, outbox_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = await offline_lane(hass)
    runtime: WatchedSyncRuntime = entry.runtime_data
    await runtime.async_submit([Request(film(n), MarkWatched()) for n in range(500)])
    encoded = 0
    real = runtime.journal._operations._encode

    def encode(operation: Any) -> Any:
        nonlocal encoded
        encoded += 1
        return real(operation)

    monkeypatch.setattr(runtime.journal._operations, "_encode", encode)
    await runtime.async_submit([Request(MOVIE, MarkWatched())])
    assert encoded == 1
    assert len(waiting_on_disk(outbox_file)) == 501


async def _turns(condition: Callable[[], bool]) -> None:
    """Let everybody else go on until *condition* holds."""
    async with asyncio.timeout(10):
        for _ in count():
            if condition():
                return
            await asyncio.sleep(0)


# --- the secret behind the addresses of pictures ------------------------------------


@pytest.mark.parametrize(
    "damaged",
    [
        None,
        b"nonsense",
        b"[]",
        b'{"version": 1, "minor_version": 1, "key": "x", "data": {}}',
        b'{"version": 1, "minor_version": 1, "key": "x", "data": {"secret": 5}}',
        b'{"version": 1, "minor_version": 1, "key": "x", "data": {"secret": "x"}}',
        b'{"version": 1, "minor_version": 1, "key": "x", "data": {"secret": ""}}',
    ],
)
async def test_addresses_of_pictures_stay_over_restarts(
    hass: HomeAssistant, folder: Path, damaged: bytes | None
) -> None:
    file = folder / PICTURES_KEY
    if damaged is not None:
        put(file, damaged)
    secret = await PictureSecret(hass).async_load()
    assert len(secret) == 32
    assert await PictureSecret(hass).async_load() == secret
    assert file.stat().st_mode & 0o077 == 0


async def test_a_secret_of_a_later_release_is_not_touched(
    hass: HomeAssistant, folder: Path
) -> None:
    newer = b'{"version": 2, "minor_version": 1, "key": "x", "data": {"seed": "y"}}'
    put(folder / PICTURES_KEY, newer)
    secret = await PictureSecret(hass).async_load()
    assert len(secret) == 32
    assert await PictureSecret(hass).async_load() != secret
    assert take(folder / PICTURES_KEY) == newer
