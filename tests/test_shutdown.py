"""Stop, reload, unload and removal: nothing is lost, and nothing is left behind."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
import json
from pathlib import Path
from typing import Any, override

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import EVENT_HOMEASSISTANT_STOP
from homeassistant.core import CoreState, Event, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.storage import Store
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)

from custom_components.watched_sync.const import DOMAIN
from custom_components.watched_sync.core.codec import decode_outbox
from custom_components.watched_sync.core.errors import Refused, ServerError, Unreachable
from custom_components.watched_sync.core.identity import Item, MediaKind
from custom_components.watched_sync.core.operation import MarkUnwatched, MarkWatched
from custom_components.watched_sync.core.outbox import Outbox
from custom_components.watched_sync.core.ports import Connected, ServerEvent
from custom_components.watched_sync.runtime import Request, WatchedSyncRuntime

from .common import MOVIE, OTHER_MOVIE, SHOW, MemoryServer, drained, setup_lane, until
from .scene import look_at_it, lose_contact

ENTRY = "lane"
FILMS = [
    Item(f"film{number}", MediaKind.MOVIE, f"Film {number}") for number in range(300)
]


@pytest.fixture
def hass_config_dir(hass_tmp_config_dir: str) -> str:
    """Have a folder of one's own."""
    return hass_tmp_config_dir


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


class SocketServer(MemoryServer):
    """A server with a socket, and more films; `open` counts the sockets that are."""

    def __init__(self) -> None:
        super().__init__([MOVIE, OTHER_MOVIE, SHOW, *FILMS])
        self.open = 0
        self.opened = 0
        self.closing = asyncio.Event()

    @override
    async def listen(self) -> AsyncGenerator[ServerEvent]:
        await self._request("listen")
        self.open += 1
        self.opened += 1
        try:
            yield Connected()
            await self.closing.wait()
        finally:
            self.open -= 1


async def busy_lane(
    hass: HomeAssistant, error: ServerError | None = None
) -> tuple[SocketServer, MockConfigEntry]:
    """Return a lane with an open socket, 300 operations, and a request that hangs.

    With *error* the requests fail instead, so that the operations wait.
    """
    server = SocketServer()
    server.up_next_ids = ["m1"]
    entry = await setup_lane(hass, server, entry_id=ENTRY, subentries=[SHOW])
    runtime: WatchedSyncRuntime = entry.runtime_data
    look_at_it(entry)
    await until_true(lambda: server.open == 1)
    if error is None:
        server.gate.clear()
    else:
        server.go_down(error)
    await runtime.async_submit([Request(film, MarkWatched()) for film in FILMS])
    if error is None:
        await until(runtime, lambda: bool(runtime.lane.in_flight))
        asked = len(server.requests)
        hass.async_create_task(runtime.coordinator.async_refresh())
        await until_true(lambda: len(server.requests) >= asked)
    return server, entry


async def until_true(condition: Callable[[], bool]) -> None:
    """Let everybody else go on until *condition* holds."""
    async with asyncio.timeout(10):
        for _ in count():
            if condition():
                return
            await asyncio.sleep(0)


async def pass_time(hass: HomeAssistant, seconds: float) -> None:
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=seconds))
    await hass.async_block_till_done()


def on_disk(folder: Path) -> Outbox:
    """Return the outbox that the next start would find."""
    text = (folder / f"{DOMAIN}.{ENTRY}.outbox").read_text()
    stored = decode_outbox(json.loads(text)["data"])
    assert not stored.damaged
    return stored.outbox


def names(folder: Path) -> list[str]:
    """Return the names of our files."""
    return sorted(file.name for file in folder.iterdir() if DOMAIN in file.name)


def tasks() -> list[str]:
    """Return the names of our tasks that are not done."""
    return [
        task.get_name()
        for task in asyncio.all_tasks()
        if not task.done()
        and any(
            word in f"{task.get_name()} {task.get_coro()}"
            for word in (DOMAIN, "Attic", "Observer", "Relay", "Lane")
        )
    ]


def issues(hass: HomeAssistant) -> list[str]:
    return [
        issue.issue_id
        for issue in ir.async_get(hass).issues.values()
        if issue.domain == DOMAIN
    ]


def ids(outbox: Outbox) -> list[str]:
    return [operation.operation_id for operation in outbox]


@contextmanager
def refused(key: str) -> Iterator[None]:
    """Expect a translated error, and nothing else."""
    with pytest.raises(HomeAssistantError) as error:
        yield
    assert error.value.translation_key == key


# --- stop -----------------------------------------------------------------------


async def test_stopping_in_the_middle_loses_nothing_and_leaves_no_task(
    hass: HomeAssistant, folder: Path
) -> None:
    server, entry = await busy_lane(hass)
    waiting = ids(entry.runtime_data.lane.outbox)
    assert len(waiting) == len(FILMS)
    assert len(tasks()) >= 3
    await hass.async_stop(force=True)
    assert tasks() == []
    assert server.open == 0
    assert ids(on_disk(folder)) == waiting


async def test_stopping_with_a_full_queue_and_no_server_loses_nothing(
    hass: HomeAssistant, folder: Path
) -> None:
    _, entry = await busy_lane(hass, Unreachable("away"))
    waiting = ids(entry.runtime_data.lane.outbox)
    await hass.async_stop(force=True)
    assert tasks() == []
    assert ids(on_disk(folder)) == waiting


async def test_stopping_writes_down_what_was_just_delivered_and_seen(
    hass: HomeAssistant, folder: Path
) -> None:
    server = SocketServer()
    entry = await setup_lane(hass, server, entry_id=ENTRY)
    await entry.runtime_data.async_submit([Request(MOVIE, MarkWatched())])
    await drained(hass, entry)
    assert ids(on_disk(folder)) != []
    await hass.async_stop(force=True)
    assert ids(on_disk(folder)) == []
    assert len(on_disk(folder).history) == 1
    ledger = json.loads((folder / f"{DOMAIN}.{ENTRY}.ledger").read_text())["data"]
    assert "m1" in [one["item"]["id"] for one in ledger["readings"]]


async def test_operation_that_is_being_written_when_the_stop_comes_is_kept_or_refused(
    hass: HomeAssistant, folder: Path
) -> None:
    _, entry = await busy_lane(hass, Unreachable("away"))
    runtime: WatchedSyncRuntime = entry.runtime_data
    asked = [
        hass.async_create_task(runtime.async_submit([Request(item, MarkWatched())]))
        for item in (MOVIE, OTHER_MOVIE)
    ]
    await hass.async_stop(force=True)
    answers = await asyncio.gather(*asked, return_exceptions=True)
    kept = {one.item.item_id for one in on_disk(folder)}
    for item, answer in zip((MOVIE, OTHER_MOVIE), answers, strict=True):
        if isinstance(answer, BaseException):
            assert isinstance(answer, HomeAssistantError)
            assert answer.translation_key in {"stopping", "outbox_write_failed"}
        assert (item.item_id in kept) is not isinstance(answer, BaseException)


async def test_action_that_waits_for_a_confirmation_is_answered_at_the_stop(
    hass: HomeAssistant,
) -> None:
    _, _ = await busy_lane(hass, Unreachable("away"))
    action = hass.async_create_task(
        hass.services.async_call(
            DOMAIN,
            "mark_watched",
            {"item_id": "film1", "wait": 300},
            blocking=True,
            return_response=True,
        )
    )
    await asyncio.sleep(0)
    await until_true(lambda: bool(_waiters(hass)))
    await hass.async_stop(force=True)
    answer = await action
    assert answer is not None
    assert [row["status"] for row in answer["operations"]] == ["queued"]  # type: ignore[union-attr, index, call-overload]  # as documented


def _waiters(hass: HomeAssistant) -> dict[str, Any]:
    entry = hass.config_entries.async_get_entry(ENTRY)
    assert entry is not None
    return entry.runtime_data.lane._waiters


# --- reload and unload ------------------------------------------------------------


async def test_reloading_keeps_the_queue_and_its_order_and_opens_one_socket(
    hass: HomeAssistant, folder: Path
) -> None:
    server, entry = await busy_lane(hass, Unreachable("away"))
    before: WatchedSyncRuntime = entry.runtime_data
    waiting = ids(before.lane.outbox)
    server.come_up()
    server.gate.clear()
    # One request hangs; a reload must not wait for it.
    before.relay.nudge()
    await until_true(lambda: server.requests[-1][0] == "probe")
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert tasks() == []
    assert server.open == 0
    assert ids(on_disk(folder)) == waiting
    server.gate.set()
    opened = server.opened
    assert await hass.config_entries.async_setup(entry.entry_id)
    after: WatchedSyncRuntime = entry.runtime_data
    assert after is not before
    await drained(hass, entry)
    assert [item_id for item_id, _ in server.writes] == [one.item_id for one in FILMS]
    await until_true(lambda: server.open == 1)
    assert server.opened == opened + 1


async def test_unloading_ends_tasks_sockets_and_timers(
    hass: HomeAssistant, folder: Path
) -> None:
    server, entry = await busy_lane(hass)
    waiting = ids(entry.runtime_data.lane.outbox)
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert entry.state is ConfigEntryState.NOT_LOADED
    assert tasks() == []
    assert server.open == 0
    assert ids(on_disk(folder)) == waiting
    written = _times(folder)
    requests = len(server.requests)
    server.gate.set()
    await pass_time(hass, 4 * 3600)
    # Nothing is asked and nothing is written any more.
    assert len(server.requests) == requests
    assert _times(folder) == written


def _times(folder: Path) -> list[int]:
    return [(folder / name).stat().st_mtime_ns for name in names(folder)]


async def test_action_that_waits_for_a_confirmation_is_answered_at_the_unload(
    hass: HomeAssistant,
) -> None:
    _, entry = await busy_lane(hass, Unreachable("away"))
    runtime: WatchedSyncRuntime = entry.runtime_data
    operation = next(iter(runtime.lane.outbox))
    waits = hass.async_create_task(runtime.lane.ended([operation.operation_id], 300))
    await asyncio.sleep(0)
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert await waits == {}
    # Nor does anybody begin to wait now.
    assert await runtime.lane.ended([operation.operation_id], 300) == {}


async def test_reading_that_comes_in_after_the_unload_writes_nothing(
    hass: HomeAssistant, folder: Path
) -> None:
    server, entry = await busy_lane(hass)
    runtime: WatchedSyncRuntime = entry.runtime_data
    assert await hass.config_entries.async_unload(entry.entry_id)
    written = _times(folder)
    # As if something had held on to them.
    runtime.lane.remember([server.reading("m2")])
    runtime.ledger.save_later()
    runtime.journal.save_later()
    await pass_time(hass, 3600)
    assert _times(folder) == written


# --- removal -----------------------------------------------------------------------


async def test_removing_in_the_middle_leaves_no_file_no_issue_and_no_task(
    hass: HomeAssistant, folder: Path
) -> None:
    server, entry = await busy_lane(hass)
    runtime: WatchedSyncRuntime = entry.runtime_data
    # One was given up, one is being written, and readings are not on disk yet.
    given_up = next(iter(runtime.lane.outbox))
    runtime.lane.outbox.reject(given_up)
    runtime.lane.remember([server.reading("m2")])
    assert issues(hass) == [f"undeliverable_{ENTRY}"]
    late = hass.async_create_task(runtime.async_submit([Request(MOVIE, MarkWatched())]))
    await asyncio.sleep(0)
    await hass.config_entries.async_remove(entry.entry_id)
    await asyncio.gather(late, return_exceptions=True)
    server.gate.set()
    await pass_time(hass, 4 * 3600)
    assert tasks() == []
    assert server.open == 0
    assert names(folder) == []
    assert not [
        one for one in ir.async_get(hass).issues.values() if one.domain == DOMAIN
    ]


async def test_removing_while_a_write_takes_its_time_leaves_no_file(
    hass: HomeAssistant, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, entry = await busy_lane(hass, Unreachable("away"))
    runtime: WatchedSyncRuntime = entry.runtime_data
    gate = asyncio.Event()
    writing = asyncio.Event()
    real = Store._async_write_data

    async def slow(store: Store[Any], data: dict[str, Any]) -> None:
        if store.key.startswith(DOMAIN):
            writing.set()
            await gate.wait()
        await real(store, data)

    monkeypatch.setattr(Store, "_async_write_data", slow)
    asked = hass.async_create_task(
        runtime.async_submit([Request(MOVIE, MarkWatched())])
    )
    await writing.wait()
    removal = hass.async_create_task(hass.config_entries.async_remove(entry.entry_id))
    for _ in range(20):
        await asyncio.sleep(0)
    gate.set()
    await removal
    assert len(await asked) == 1
    await pass_time(hass, 3600)
    assert names(folder) == []


async def test_removing_an_entry_that_was_lost_and_failed_leaves_nothing(
    hass: HomeAssistant, folder: Path
) -> None:
    (folder / f"{DOMAIN}.{ENTRY}.outbox").write_text("no outbox")
    server = SocketServer()
    server.item_faults["m1"] = Refused("no")
    entry = await setup_lane(hass, server, entry_id=ENTRY)
    await entry.runtime_data.async_submit([Request(MOVIE, MarkWatched())])
    await drained(hass, entry)
    await hass.config_entries.async_remove(entry.entry_id)
    await pass_time(hass, 3600)
    # Not even what Home Assistant or we kept aside.
    assert names(folder) == []
    assert not [
        one for one in ir.async_get(hass).issues.values() if one.domain == DOMAIN
    ]


# --- actions meanwhile ---------------------------------------------------------------

ACTIONS: list[tuple[str, str, dict[str, Any]]] = [
    (DOMAIN, "mark_watched", {"item_id": "m1"}),
    (DOMAIN, "mark_unwatched", {"item_id": "m1"}),
    (DOMAIN, "set_progress", {"item_id": "m1", "position": 600}),
    (DOMAIN, "undo", {}),
    (DOMAIN, "retry", {}),
    (DOMAIN, "discard", {}),
    ("switch", "turn_on", {"entity_id": "switch.attic_ada_last_played"}),
    ("button", "press", {"entity_id": "button.attic_ada_retry_failed_changes"}),
    ("button", "press", {"entity_id": "button.attic_ada_undo_last_change"}),
]


async def lane_with_everything(hass: HomeAssistant) -> MockConfigEntry:
    """Return a lane with something delivered, given up, waiting and played last."""
    server = MemoryServer()
    entry = await setup_lane(hass, server, entry_id=ENTRY)
    runtime: WatchedSyncRuntime = entry.runtime_data
    server.item_faults["m2"] = Refused("no")
    await runtime.async_submit([Request(MOVIE, MarkWatched())])
    await drained(hass, entry)
    await runtime.async_submit([Request(MOVIE, MarkUnwatched())])
    await runtime.async_submit([Request(OTHER_MOVIE, MarkWatched())])
    await drained(hass, entry)
    server.set("m1", last_played=dt_util.utcnow())
    await runtime.coordinator.async_refresh()
    await hass.async_block_till_done()
    await lose_contact(hass, entry, server)
    look_at_it(entry)
    return entry


def contents(entry: MockConfigEntry) -> tuple[Any, ...]:
    outbox = entry.runtime_data.lane.outbox
    return (list(outbox), list(outbox.rejected), list(outbox.history))


@pytest.mark.parametrize(
    ("domain", "action", "data"), ACTIONS, ids=lambda one: str(one)[:40]
)
async def test_action_while_home_assistant_stops_changes_nothing_and_says_why(
    hass: HomeAssistant, folder: Path, domain: str, action: str, data: dict[str, Any]
) -> None:
    entry = await lane_with_everything(hass)
    before = contents(entry)
    text = (folder / f"{DOMAIN}.{ENTRY}.outbox").read_text()
    hass.set_state(CoreState.stopping)
    with refused("stopping"):
        await hass.services.async_call(domain, action, data, blocking=True)
    assert contents(entry) == before
    assert (folder / f"{DOMAIN}.{ENTRY}.outbox").read_text() == text
    hass.set_state(CoreState.running)


@pytest.mark.parametrize(
    ("domain", "action", "data"), ACTIONS, ids=lambda one: str(one)[:40]
)
async def test_action_while_the_entry_is_unloaded_changes_nothing_and_says_why(
    hass: HomeAssistant, domain: str, action: str, data: dict[str, Any]
) -> None:
    entry = await lane_with_everything(hass)
    before = contents(entry)
    # As far as an unload can be while entities are still there.
    await entry.runtime_data.lane.close()
    with refused("stopping"):
        await hass.services.async_call(domain, action, data, blocking=True)
    assert contents(entry) == before


@pytest.mark.parametrize(
    ("action", "data"),
    [(action, data) for domain, action, data in ACTIONS if domain == DOMAIN],
    ids=lambda one: str(one)[:40],
)
async def test_action_after_the_unload_says_that_nothing_is_loaded(
    hass: HomeAssistant, action: str, data: dict[str, Any]
) -> None:
    entry = await lane_with_everything(hass)
    assert await hass.config_entries.async_unload(entry.entry_id)
    with pytest.raises(HomeAssistantError) as error:
        await hass.services.async_call(DOMAIN, action, data, blocking=True)
    assert error.value.translation_key == "service_config_entry_not_loaded"


async def test_automation_at_the_stop_is_refused_cleanly(hass: HomeAssistant) -> None:
    """An automation may be triggered by the very stop."""
    entry = await lane_with_everything(hass)
    before = contents(entry)
    answers: list[BaseException | None] = []

    async def act(_: Event) -> None:
        try:
            await hass.services.async_call(
                DOMAIN, "mark_watched", {"item_id": "m1"}, blocking=True
            )
        except HomeAssistantError as err:
            answers.append(err)
        else:
            answers.append(None)

    hass.bus.async_listen_once(EVENT_HOMEASSISTANT_STOP, act)
    await hass.async_stop(force=True)
    (answer,) = answers
    assert isinstance(answer, HomeAssistantError)
    assert answer.translation_key == "stopping"
    assert contents(entry) == before
