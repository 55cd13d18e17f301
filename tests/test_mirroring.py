"""Mirroring as Home Assistant sees it: options, entries, notices and the disk."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from homeassistant.components.repairs import repairs_flow_manager
from homeassistant.config_entries import ConfigEntryDisabler
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.watched_sync import mirroring as mirroring_module
from custom_components.watched_sync.const import DOMAIN
from custom_components.watched_sync.core import mirror as core_mirror
from custom_components.watched_sync.core.errors import JournalError
from custom_components.watched_sync.core.identity import Item, MediaKind, ProviderIds
from custom_components.watched_sync.core.mirror import Skip
from custom_components.watched_sync.core.operation import (
    MarkUnwatched,
    MarkWatched,
    Origin,
)
from custom_components.watched_sync.diagnostics import (
    async_get_config_entry_diagnostics,
)
from custom_components.watched_sync.mirroring import Mirroring
from custom_components.watched_sync.repairs import MassChangeFlow
from custom_components.watched_sync.runtime import Request, WatchedSyncRuntime

from .common import MOVIE, OTHER_MOVIE, MemoryServer, lane_entry, setup_lane, use_server
from .scene import lose_contact

FILMS = [
    Item(
        f"f{number}",
        MediaKind.MOVIE,
        f"Film {number}",
        provider_ids=ProviderIds(imdb=f"tt{number:07}"),
        duration=6000.0,
        library_id="films",
    )
    for number in range(120)
]


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirroring_module, "GATHER", 0.01)


def server(name: str, items: Iterable[Item] = (MOVIE, OTHER_MOVIE)) -> MemoryServer:
    return MemoryServer(items, server_id=name, server_name=name.title(), user_name="A")


def to(*entry_ids: str) -> dict[str, Any]:
    return {"mirror": {"mirror_to": list(entry_ids)}}


def runtime(entry: MockConfigEntry) -> WatchedSyncRuntime:
    found: WatchedSyncRuntime = entry.runtime_data
    return found


def mirroring(entry: MockConfigEntry) -> Mirroring:
    return runtime(entry).mirroring


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what a test waits for sets no event
            await asyncio.sleep(0.005)


async def change(
    entry: MockConfigEntry, source: MemoryServer, items: Iterable[Item], **state: Any
) -> None:
    """Have another client change items, and the lane look at them."""
    items = list(items)
    for item in items:
        source.set(item.item_id, **state)
    await runtime(entry).coordinator.look(frozenset(item.item_id for item in items))


async def read(entry: MockConfigEntry, items: Iterable[Item]) -> None:
    """Have the lane know items as they are now."""
    lane = runtime(entry).lane
    found = await runtime(entry).server.fetch([item.item_id for item in items])
    lane.remember(found.values())


async def settled(*entries: MockConfigEntry) -> None:
    """Wait until nothing waits any more, neither to be copied nor to be delivered."""
    await until(
        lambda: all(
            mirroring(entry).counts.pending == mirroring(entry).counts.held
            and not len(runtime(entry).lane.outbox)
            for entry in entries
        )
    )


async def pair(
    hass: HomeAssistant,
    items: Iterable[Item] = (MOVIE, OTHER_MOVIE),
    *,
    both_ways: bool = False,
) -> tuple[MockConfigEntry, MemoryServer, MockConfigEntry, MemoryServer]:
    """Return two lanes that know the same films, and follow each other."""
    items = list(items)
    one, other = server("attic", items), server("cellar", items)
    target = await setup_lane(
        hass, other, entry_id="cellar", options=to("attic") if both_ways else None
    )
    source = await setup_lane(hass, one, entry_id="attic", options=to("cellar"))
    await read(source, items)
    await read(target, items)
    return source, one, target, other


def issue(hass: HomeAssistant, entry_id: str = "attic") -> ir.IssueEntry | None:
    return ir.async_get(hass).async_get_issue(DOMAIN, f"mass_change_{entry_id}")


async def begin(hass: HomeAssistant) -> Mapping[str, Any]:
    """Open the dialog of the notice."""
    assert await async_setup_component(hass, "repairs", {})
    manager = repairs_flow_manager(hass)
    assert manager is not None
    return await manager.async_init(DOMAIN, context={"issue_id": "mass_change_attic"})


async def choose(
    hass: HomeAssistant, result: Mapping[str, Any], option: str
) -> Mapping[str, Any]:
    manager = repairs_flow_manager(hass)
    assert manager is not None
    return await manager.async_configure(result["flow_id"], {"next_step_id": option})


# --- one lane follows another ---------------------------------------------------------


async def test_change_seen_on_one_lane_is_made_on_the_other(
    hass: HomeAssistant,
) -> None:
    source, one, target, other = await pair(hass)
    await change(source, one, [MOVIE], watched=True)
    await settled(source, target)
    assert other.writes == [("m1", MarkWatched())]
    (done,) = runtime(target).lane.outbox.history
    assert done.operation.origin is Origin.MIRROR
    assert one.writes == []
    await change(source, one, [MOVIE], watched=False)
    await settled(source, target)
    assert other.writes[1:] == [("m1", MarkUnwatched())]


async def test_lane_without_followers_notes_nothing(hass: HomeAssistant) -> None:
    source, one, target, other = await pair(hass)
    await change(target, other, [MOVIE], watched=True)
    await asyncio.sleep(0.05)
    assert one.writes == []
    assert mirroring(target).counts.pending == 0
    assert mirroring(source).counts.copied == 0


async def test_lane_does_not_follow_itself(hass: HomeAssistant) -> None:
    one = server("attic")
    entry = await setup_lane(hass, one, entry_id="attic", options=to("attic"))
    await read(entry, [MOVIE])
    await change(entry, one, [MOVIE], watched=True)
    assert mirroring(entry).targets == frozenset()
    assert mirroring(entry).counts.pending == 0


async def test_300_changes_between_lanes_that_follow_each_other_travel_once(
    hass: HomeAssistant,
) -> None:
    films = [
        FILMS[0].__replace__(
            item_id=f"f{number}", provider_ids=ProviderIds(imdb=f"tt{number:07}")
        )
        for number in range(300)
    ]
    source, one, target, other = await pair(hass, films, both_ways=True)
    await runtime(source).async_submit([Request(film, MarkWatched()) for film in films])
    await until(lambda: len(other.writes) == 300)
    await settled(source, target)
    assert (len(one.writes), len(other.writes)) == (300, 300)

    def asked() -> list[int]:
        # What is up next is read whenever something was written, some seconds later.
        return [
            sum(name in ("fetch", "write") for name, _ in server.requests)
            for server in (one, other)
        ]

    before = asked()
    for entry, there in ((source, one), (target, other)):
        await change(entry, there, films)
    await asyncio.sleep(0.1)
    await settled(source, target)
    # One look each, and nothing that follows from it.
    assert asked() == [count + 1 for count in before]
    assert (len(one.writes), len(other.writes)) == (300, 300)
    assert issue(hass) is None
    assert issue(hass, "cellar") is None


async def test_three_lanes_in_a_ring_pass_a_change_on_once(
    hass: HomeAssistant,
) -> None:
    ring = {"attic": "cellar", "cellar": "garage", "garage": "attic"}
    servers = {name: server(name) for name in ring}
    entries = {
        name: await setup_lane(hass, servers[name], entry_id=name, options=to(target))
        for name, target in ring.items()
    }
    for entry in entries.values():
        await read(entry, [MOVIE])
    await change(entries["attic"], servers["attic"], [MOVIE], watched=True)
    await settled(*entries.values())
    await asyncio.sleep(0.05)
    # A copy is not copied on: whoever is to hear of the attic is named there.
    assert {name: len(one.writes) for name, one in servers.items()} == {
        "attic": 0,
        "cellar": 1,
        "garage": 0,
    }


async def test_what_a_guest_does_is_not_copied(hass: HomeAssistant) -> None:
    source, one, target, other = await pair(hass)
    await runtime(source).async_pause()
    await change(source, one, [MOVIE], watched=True)
    await runtime(source).async_resume()
    await change(source, one, [OTHER_MOVIE], watched=True)
    await settled(source, target)
    assert other.writes == [("m2", MarkWatched())]


async def test_library_that_is_left_out_is_not_followed(hass: HomeAssistant) -> None:
    one, other = server("attic"), server("cellar")
    target = await setup_lane(hass, other, entry_id="cellar")
    source = await setup_lane(
        hass,
        one,
        entry_id="attic",
        options=to("cellar") | {"entities": {"libraries": ["shows"]}},
    )
    await read(source, [MOVIE])
    one.set("m1", watched=True)
    await read(source, [MOVIE])
    await asyncio.sleep(0.05)
    assert mirroring(source).counts.pending == 0
    assert not runtime(target).lane.outbox.history
    assert other.writes == []


async def test_explain_tells_why_a_change_was_not_copied(hass: HomeAssistant) -> None:
    one, other = server("attic"), server("cellar", [MOVIE])
    target = await setup_lane(hass, other, entry_id="cellar")
    source = await setup_lane(hass, one, entry_id="attic", options=to("cellar"))
    await read(source, [OTHER_MOVIE])
    one.set(OTHER_MOVIE.item_id, watched=True)
    await read(source, [OTHER_MOVIE])
    await until(lambda: bool(mirroring(source).skipped(OTHER_MOVIE.item_id)))
    answer: Any = await hass.services.async_call(
        DOMAIN,
        "explain",
        {"item_id": OTHER_MOVIE.item_id, "config_entry_id": source.entry_id},
        blocking=True,
        return_response=True,
    )
    (row,) = answer["items"]
    assert row["not_copied"] == [
        {"config_entry_id": target.entry_id, "reason": "not_found"}
    ]


# --- who is away ----------------------------------------------------------------------


async def test_target_that_was_away_hears_of_it_when_it_is_back(
    hass: HomeAssistant,
) -> None:
    one, other = server("attic"), server("cellar")
    target = await setup_lane(hass, other, entry_id="cellar")
    source = await setup_lane(hass, one, entry_id="attic", options=to("cellar"))
    await read(source, [MOVIE])
    await lose_contact(hass, target, other)
    await change(source, one, [MOVIE], watched=True)
    await asyncio.sleep(0.05)
    assert mirroring(source).counts.pending == 1
    other.come_up()
    runtime(target).relay.nudge()
    await settled(source, target)
    assert other.writes == [("m1", MarkWatched())]


async def test_target_that_is_not_loaded_hears_of_it_when_it_is(
    hass: HomeAssistant,
) -> None:
    one, other = server("attic"), server("cellar")
    use_server(hass, other)
    target = lane_entry(other, entry_id="cellar")
    target.add_to_hass(hass)
    await hass.config_entries.async_set_disabled_by("cellar", ConfigEntryDisabler.USER)
    source = await setup_lane(hass, one, entry_id="attic", options=to("cellar"))
    await read(source, [MOVIE])
    await change(source, one, [MOVIE], watched=True)
    await asyncio.sleep(0.05)
    assert mirroring(source).counts.pending == 1
    await hass.config_entries.async_set_disabled_by("cellar", None)
    await until(lambda: bool(other.writes))
    await settled(source, target)
    assert other.writes == [("m1", MarkWatched())]


async def test_what_waits_is_on_disk_with_the_reading(hass: HomeAssistant) -> None:
    source, one, target, other = await pair(hass)
    await lose_contact(hass, target, other)
    await change(source, one, [MOVIE], watched=True)
    await until(lambda: bool(len(runtime(target).lane.outbox)))
    assert await hass.config_entries.async_reload("attic")
    assert mirroring(source).counts.pending == 1
    other.come_up()
    runtime(target).relay.nudge()
    await settled(source, target)
    assert other.writes == [("m1", MarkWatched())]


async def test_entry_that_is_gone_is_not_waited_for(
    hass: HomeAssistant, hass_storage: dict[str, Any]
) -> None:
    source, one, target, other = await pair(hass)
    await lose_contact(hass, target, other)
    await change(source, one, [MOVIE], watched=True)
    await asyncio.sleep(0.05)
    assert await hass.config_entries.async_remove("cellar")
    await change(source, one, [OTHER_MOVIE], watched=True)
    await settled(source)
    assert mirroring(source).counts.skipped == {Skip.NO_TARGET: 2}
    assert [one.reason for one in mirroring(source).skipped("m2")] == [Skip.NO_TARGET]
    assert not [key for key in hass_storage if "cellar" in key]


async def test_follower_that_is_no_longer_chosen_is_forgotten(
    hass: HomeAssistant,
) -> None:
    source, one, target, other = await pair(hass)
    await lose_contact(hass, target, other)
    await change(source, one, [MOVIE], watched=True)
    hass.config_entries.async_update_entry(source, options={})
    await hass.async_block_till_done()
    assert mirroring(source).counts.pending == 0


async def test_too_much_that_waits_is_told_in_the_log(
    hass: HomeAssistant,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(core_mirror, "MOST_MOVES", 2)
    source, one, target, other = await pair(hass, FILMS[:3])
    await lose_contact(hass, target, other)
    await change(source, one, FILMS[:3], watched=True)
    await until(lambda: "not copied" in caplog.text)
    assert "1 changes on Attic were not copied" in caplog.text
    assert mirroring(source).counts.skipped == {Skip.TOO_MANY: 1}


async def test_what_failed_is_tried_again_without_any_event(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirroring_module, "RETRY", 0.02)
    source, one, target, other = await pair(hass)
    original = runtime(target).lane.submit
    refused: Iterator[bool] = iter((True, True))

    async def submit(operations: Any) -> None:
        if next(refused, False):
            raise JournalError("no space left on device")
        await original(operations)

    monkeypatch.setattr(runtime(target).lane, "submit", submit)
    await change(source, one, [MOVIE], watched=True)
    await settled(source, target)
    assert other.writes == [("m1", MarkWatched())]


# --- too much at once -----------------------------------------------------------------


async def test_more_than_fifty_changes_wait_for_a_person_who_copies_them(
    hass: HomeAssistant,
) -> None:
    source, one, target, other = await pair(hass, FILMS)
    await change(source, one, FILMS[:60], watched=True)
    await until(lambda: issue(hass) is not None)
    assert other.writes == []
    notice = issue(hass)
    assert notice is not None
    assert notice.is_fixable
    assert notice.translation_placeholders == {"name": "Attic (A)"}
    dialog = await begin(hass)
    assert dialog["step_id"] == "init"
    assert dialog["menu_options"] == ["copy", "leave"]
    assert dialog["description_placeholders"] == {
        "name": "Attic (A)",
        "targets": "Cellar (A)",
        "count": "60",
        "watched": "60",
        "unwatched": "0",
        "progress": "0",
    }
    # What comes while the dialog is open was not shown.
    await change(source, one, FILMS[60:62], watched=True)
    await until(lambda: mirroring(source).held.count == 62)
    await choose(hass, dialog, "copy")
    await until(lambda: len(other.writes) == 60)
    await settled(source, target)
    assert mirroring(source).held.count == 2
    assert issue(hass) is not None
    await choose(hass, await begin(hass), "leave")
    await settled(source, target)
    assert issue(hass) is None
    assert len(other.writes) == 60


async def test_library_that_looks_lost_stops_everything_until_somebody_looked(
    hass: HomeAssistant,
) -> None:
    items = FILMS[:20]
    source, one, target, other = await pair(hass, items)
    for film in items:
        one.set(film.item_id, watched=True)
        other.set(film.item_id, watched=True)
    runtime(source).ledger.moves.clear()
    await runtime(source).async_pause()
    await read(source, items)
    await runtime(source).async_resume()
    await read(target, items)
    await change(source, one, items[:15], watched=False)
    await until(lambda: issue(hass) is not None)
    # It outlasts a restart.
    assert await hass.config_entries.async_reload("attic")
    await until(lambda: issue(hass) is not None)
    dialog = await begin(hass)
    assert (dialog["step_id"], dialog["menu_options"]) == ("emptied", ["leave", "copy"])
    assert mirroring(source).counts.emptied
    await change(source, one, [items[19]], watched=False)
    await until(lambda: mirroring(source).held.count == 16)
    assert other.writes == []
    manager = repairs_flow_manager(hass)
    assert manager is not None
    again = await manager.async_configure(dialog["flow_id"])
    shown = again["description_placeholders"]
    assert shown is not None
    assert shown["unwatched"] == "16"
    await choose(hass, again, "leave")
    await settled(source, target)
    assert issue(hass) is None
    assert other.writes == []
    # From now on it is followed as before.
    await change(source, one, [items[0]], watched=True)
    await change(source, one, [items[18]], watched=False)
    await settled(source, target)
    assert other.writes == [("f18", MarkUnwatched())]


async def test_dialog_about_what_is_over_has_nothing_to_ask(
    hass: HomeAssistant,
) -> None:
    source, one, _, _ = await pair(hass, FILMS)
    await change(source, one, FILMS[:60], watched=True)
    await until(lambda: issue(hass) is not None)
    dialog = await begin(hass)
    late = await begin(hass)
    await choose(hass, dialog, "leave")
    assert (await choose(hass, late, "copy"))["type"] == "create_entry"
    assert mirroring(source).counts.copied == 0
    assert await async_setup_component(hass, "repairs", {})
    await change(source, one, FILMS[:60], watched=False)
    await until(lambda: issue(hass) is not None)
    await change(source, one, FILMS[:60], watched=True)
    # The dialog may be opened before the notice is gone.
    assert (await begin(hass))["type"] == "create_entry"
    await until(lambda: issue(hass) is None)
    assert mirroring(source).counts.pending == 0


@pytest.mark.parametrize("option", ["copy", "leave"])
async def test_dialog_of_an_entry_that_is_not_loaded_says_so(
    hass: HomeAssistant, option: str
) -> None:
    source, one, _, _ = await pair(hass, FILMS)
    await change(source, one, FILMS[:60], watched=True)
    await until(lambda: issue(hass) is not None)
    dialog = await begin(hass)
    assert await hass.config_entries.async_unload("attic")
    answer = await choose(hass, dialog, option)
    assert (answer["type"], answer["reason"]) == ("abort", "not_loaded")


async def test_dialog_cannot_begin_while_the_entry_is_not_loaded(
    hass: HomeAssistant,
) -> None:
    flow = MassChangeFlow(None)
    flow.hass = hass
    assert (await flow.async_step_init())["reason"] == "not_loaded"
    flow.async_remove()


async def test_notice_goes_with_its_entry(hass: HomeAssistant) -> None:
    source, one, _, _ = await pair(hass, FILMS)
    await change(source, one, FILMS[:60], watched=True)
    await until(lambda: issue(hass) is not None)
    assert await hass.config_entries.async_remove("attic")
    assert issue(hass) is None


async def test_diagnostics_count_and_name_nobody(hass: HomeAssistant) -> None:
    source, one, target, _ = await pair(hass)
    await change(source, one, [MOVIE], watched=True)
    await settled(source, target)
    await change(source, one, [OTHER_MOVIE], position=20.0)
    await settled(source, target)
    told = await async_get_config_entry_diagnostics(hass, source)
    assert told["mirroring"] == {
        "targets": 1,
        "pending": 0,
        "held": 0,
        "emptied": False,
        "copied": 1,
        "skipped": {"too_short": 1},
    }


# --- before anything was copied -------------------------------------------------------


async def test_what_is_watched_before_the_first_change_of_all_is_copied(
    hass: HomeAssistant, hass_storage: dict[str, Any]
) -> None:
    """Home Assistant is stopped, or dies, before anything was worth a write."""
    films = FILMS[:40]
    other, one = server("cellar", films), server("attic", films)
    target = await setup_lane(hass, other, entry_id="cellar")
    source = await setup_lane(hass, one, entry_id="attic", options=to("cellar"))
    stored = hass_storage["watched_sync.attic.ledger"]["data"]
    assert stored["moves_since"]
    assert await hass.config_entries.async_unload("attic")
    # As it was left by a Home Assistant that died.
    hass_storage["watched_sync.attic.ledger"]["data"] = stored
    for film in films:
        one.set(film.item_id, watched=True, play_count=1, last_played=dt_util.utcnow())
    use_server(hass, one)
    assert await hass.config_entries.async_setup("attic")
    await until(lambda: mirroring(source).counts.copied == len(films))
    await settled(source, target)
    assert all(other.states[film.item_id].watched for film in films)


async def test_what_is_watched_while_nothing_is_copied_is_never_copied(
    hass: HomeAssistant, hass_storage: dict[str, Any]
) -> None:
    source, *_ = await pair(hass)
    hass.config_entries.async_update_entry(source, options={})
    await hass.async_block_till_done()
    assert hass_storage["watched_sync.attic.ledger"]["data"]["moves_since"] is None
