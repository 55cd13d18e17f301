"""The snapshot: right at every moment, published once, cheap while offline."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)

from custom_components.watched_sync.const import DOMAIN
from custom_components.watched_sync.coordinator import (
    GLANCE_BATCH,
    LIBRARY_COOLDOWN,
    PLAYS,
    REFRESH_COOLDOWN,
    WatchedSyncCoordinator,
)
from custom_components.watched_sync.core.errors import (
    Forbidden,
    Malformed,
    Reason,
    Unreachable,
)
from custom_components.watched_sync.core.identity import Item, MediaKind
from custom_components.watched_sync.core.lane import LaneUpdate, Phase
from custom_components.watched_sync.core.observer import GLANCE
from custom_components.watched_sync.core.operation import (
    MarkUnwatched,
    MarkWatched,
    SetProgress,
)
from custom_components.watched_sync.core.play_state import PlayState, Reading
from custom_components.watched_sync.core.snapshot import (
    QUEUE_ROWS,
    ItemSyncState,
    ItemView,
    ShowProgress,
    SyncSnapshot,
    SyncStatus,
)
from custom_components.watched_sync.runtime import Request, WatchedSyncRuntime

from .common import (
    EPISODES,
    MOVIE,
    OTHER_MOVIE,
    SHOW,
    MemoryServer,
    drained,
    episode,
    season,
    setup_lane,
    take_inventory,
    until,
)

NO_UP_NEXT = {"entities": {"up_next_switches": 0}}


async def pass_time(hass: HomeAssistant, time: timedelta) -> None:
    async_fire_time_changed(hass, dt_util.utcnow() + time + timedelta(seconds=1))
    await hass.async_block_till_done()
    # The regular look runs in the background, which nobody waits for, and asks the
    # catalogue, whose thread answers one question after the other.
    for _ in range(4):
        for entry in hass.config_entries.async_loaded_entries(DOMAIN):
            await entry.runtime_data.catalogue.progress()
        for _ in range(10):
            await asyncio.sleep(0)


async def refreshed(hass: HomeAssistant) -> None:
    """Let the look at the server happen that an outcome has asked for."""
    await pass_time(hass, timedelta(seconds=REFRESH_COOLDOWN))


async def rested(hass: HomeAssistant, runtime: WatchedSyncRuntime) -> None:
    """Let it be a while since the lists were read."""
    await hass.async_block_till_done()
    runtime.coordinator._lists_read_at -= REFRESH_COOLDOWN


def published(coordinator: WatchedSyncCoordinator) -> list[SyncSnapshot]:
    """Return the list to which everything that is published is added."""
    seen: list[SyncSnapshot] = []
    coordinator.config_entry.async_on_unload(
        coordinator.async_add_listener(lambda: seen.append(coordinator.data))
    )
    return seen


def view_of(entry: MockConfigEntry, item: Item) -> ItemView:
    coordinator: WatchedSyncCoordinator = entry.runtime_data.coordinator
    view = coordinator.view(item.item_id)
    assert view is not None
    return view


async def lane_down(runtime: WatchedSyncRuntime) -> None:
    """Have the relay notice that the server is away."""
    runtime.relay.report(Unreachable("a read failed"))
    await until(runtime, lambda: runtime.lane.health.phase is not Phase.READY)


# --- what is read ----------------------------------------------------------------


async def test_a_snapshot_holds_up_next_last_played_and_what_is_tracked(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    server.up_next_ids = ["e1x2", "m2"]
    server.set("m1", watched=True, play_count=1, last_played=dt_util.utcnow())
    entry = await setup_lane(hass, server, subentries=[SHOW])
    data = entry.runtime_data.coordinator.data
    assert data.up_next == ("e1x2", "m2")
    assert data.last_played == "m1"
    assert set(data.items) == {"e1x2", "m2", "m1", "s1"}
    assert data.status is SyncStatus.SYNCED
    assert data.connected
    assert (data.pending, data.failed, data.queue, data.oldest) == (0, 0, (), None)
    view = data.items["m1"]
    assert view.server == server.states["m1"]
    assert view.desired == server.states["m1"]
    assert view.sync_state is ItemSyncState.SYNCED


async def test_nothing_is_asked_for_that_nobody_shows(hass: HomeAssistant) -> None:
    server = MemoryServer()
    server.up_next_ids = ["m1"]
    er.async_get(hass).async_get_or_create(
        "todo",
        DOMAIN,
        "server-1:user-1:up_next",
        disabled_by=er.RegistryEntryDisabler.USER,
    )
    entry = await setup_lane(hass, server, options=NO_UP_NEXT)
    # The first probe is of the set-up, the second of the relay.
    assert [name for name, _ in server.requests] == ["probe", "probe", "last_played"]
    data = entry.runtime_data.coordinator.data
    assert (data.up_next, data.last_played, dict(data.items)) == ((), None, {})


async def test_as_many_items_are_up_next_as_there_may_be_switches(
    hass: HomeAssistant,
) -> None:
    films = [replace(MOVIE, item_id=f"f{number}") for number in range(60)]
    server = MemoryServer(films)
    server.up_next_ids = [film.item_id for film in films]
    entry = await setup_lane(hass, server, options=NO_UP_NEXT)
    data = entry.runtime_data.coordinator.data
    assert data.up_next == tuple(server.up_next_ids[:50])
    assert data.items.keys() == set(data.up_next)


async def test_a_server_without_a_socket_is_glanced_at_every_half_minute(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    server.up_next_ids = ["m2"]
    entry = await setup_lane(hass, server)
    seen = published(entry.runtime_data.coordinator)
    server.requests.clear()
    await pass_time(hass, timedelta(seconds=GLANCE))
    # No news is neither published nor followed up.
    assert server.requests == [("last_played", None), ("fetch", "m2")]
    assert seen == []
    server.set("m1", watched=True, last_played=dt_util.utcnow())
    await pass_time(hass, timedelta(seconds=2 * GLANCE))
    assert seen[0].last_played == "m1"
    assert seen[0].items["m1"].desired.watched
    assert len(seen) == 1


async def test_nothing_is_read_while_the_lane_is_not_ready(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    runtime: WatchedSyncRuntime = entry.runtime_data
    server.revoke()
    await lane_down(runtime)
    requests = len(server.requests)
    await runtime.coordinator.async_refresh()
    await pass_time(hass, timedelta(seconds=GLANCE))
    assert len(server.requests) == requests
    assert runtime.coordinator.last_update_success


@pytest.mark.parametrize("request_number", [0, 1, 2, 3])
async def test_a_failed_read_is_reported_and_keeps_what_was_known(
    hass: HomeAssistant, request_number: int
) -> None:
    server = MemoryServer()
    server.up_next_ids = ["m1"]
    entry = await setup_lane(hass, server, subentries=[SHOW])
    runtime: WatchedSyncRuntime = entry.runtime_data
    before = runtime.coordinator.data
    server.set("e1x1", watched=True)
    reported: list[Exception] = []

    def fail_then(name: str) -> Callable[..., Any]:
        real = getattr(server, name)

        async def failing(*args: Any) -> Any:
            await real(*args)
            raise Unreachable(name)

        return failing

    name = ("up_next", "last_played", "fetch", "fetch_leaves")[request_number]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(server, name, fail_then(name))
        patched.setattr(runtime.relay, "report", reported.append)
        await runtime.coordinator.async_refresh()
    assert [str(one) for one in reported] == [name]
    assert runtime.coordinator.last_update_success
    assert runtime.coordinator.data.up_next == before.up_next
    assert runtime.coordinator.data.items.keys() == before.items.keys()

    await runtime.coordinator.async_refresh()
    assert runtime.coordinator.shows["s1"].unwatched == 3


async def test_a_reported_failure_takes_the_lane_down_and_entities_stay(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    server.up_next_ids = ["m1"]
    entry = await setup_lane(hass, server)
    runtime: WatchedSyncRuntime = entry.runtime_data
    server.go_down()
    await runtime.coordinator.async_refresh()
    await until(runtime, lambda: runtime.lane.health.phase is Phase.BACKING_OFF)
    data = runtime.coordinator.data
    assert data.status is SyncStatus.OFFLINE
    assert not data.connected
    assert data.last_error is Reason.UNREACHABLE
    assert "m1" in data.items
    assert runtime.coordinator.last_update_success


# --- what is shown -----------------------------------------------------------------


async def test_an_operation_shows_at_once_and_says_how_far_it_is(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    server.up_next_ids = ["m1"]
    entry = await setup_lane(hass, server)
    runtime: WatchedSyncRuntime = entry.runtime_data
    seen = published(runtime.coordinator)
    await runtime.async_submit([Request(MOVIE, MarkWatched())])
    await drained(hass, entry)

    assert [(one.status, one.items["m1"].sync_state) for one in seen] == [
        (SyncStatus.SYNCED, ItemSyncState.PENDING),
        (SyncStatus.SYNCED, ItemSyncState.SYNCED),
    ]
    assert all(one.items["m1"].desired.watched for one in seen)
    before, after = seen[0].items["m1"].server, seen[-1].items["m1"].server
    assert before is not None
    assert before.watched is False
    assert after == server.states["m1"]
    assert [(one.pending, one.waits) for one in seen] == [(1, False), (0, False)]
    assert runtime.coordinator.data.last_synced is not None


async def test_being_offline_says_more_than_pending(hass: HomeAssistant) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    runtime: WatchedSyncRuntime = entry.runtime_data
    server.go_down()
    await lane_down(runtime)
    await runtime.async_submit(
        [Request(MOVIE, MarkWatched()), Request(OTHER_MOVIE, SetProgress(120.0))]
    )
    data = runtime.coordinator.data
    assert (data.status, data.pending) == (SyncStatus.OFFLINE, 2)
    assert data.oldest is not None
    assert runtime.coordinator.view("never seen") is None


async def test_a_rejected_operation_shows_the_servers_truth_and_why(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    server.up_next_ids = ["m1"]
    server.item_faults["m1"] = Forbidden("not for you")
    entry = await setup_lane(hass, server)
    runtime: WatchedSyncRuntime = entry.runtime_data
    await runtime.async_submit([Request(MOVIE, MarkWatched())])
    await drained(hass, entry)
    data = runtime.coordinator.data
    assert (data.status, data.failed, data.pending) == (SyncStatus.FAILED, 1, 0)
    assert data.last_error is Reason.FORBIDDEN
    view = data.items["m1"]
    assert view.desired.watched is False
    assert view.sync_state is ItemSyncState.FAILED
    assert view.last_error is Reason.FORBIDDEN

    del server.item_faults["m1"]
    assert await runtime.async_retry() == 1
    await drained(hass, entry)
    assert runtime.coordinator.data.status is SyncStatus.SYNCED
    assert server.states["m1"].watched


async def test_an_operation_that_is_tried_again_says_why(hass: HomeAssistant) -> None:
    server = MemoryServer()
    server.up_next_ids = ["m1"]
    entry = await setup_lane(hass, server)
    runtime: WatchedSyncRuntime = entry.runtime_data
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(server, "_apply", lambda *_: None)
        await runtime.async_submit([Request(MOVIE, MarkWatched())])
        await until(
            runtime,
            lambda: (
                any(one.attempts for one in runtime.lane.outbox)
                and not runtime.lane.in_flight
            ),
        )
    data = runtime.coordinator.data
    assert data.last_error is Reason.NOT_APPLIED
    assert data.items["m1"].last_error is Reason.NOT_APPLIED
    assert data.items["m1"].sync_state is ItemSyncState.PENDING


async def test_the_queue_shows_twenty_rows_and_failed_ones_are_not_crowded_out(
    hass: HomeAssistant,
) -> None:
    films = [Item(f"f{n}", MediaKind.MOVIE, f"Film {n}") for n in range(30)]
    server = MemoryServer([*films, MOVIE])
    server.item_faults["m1"] = Forbidden("not for you")
    entry = await setup_lane(hass, server)
    runtime: WatchedSyncRuntime = entry.runtime_data
    await runtime.async_submit([Request(MOVIE, MarkWatched())])
    await drained(hass, entry)
    server.go_down()
    await lane_down(runtime)
    await runtime.async_submit([Request(film, MarkWatched()) for film in films[:3]])

    def rows() -> tuple[list[str], list[str]]:
        data = runtime.coordinator.data
        return (
            [one.item.item_id for one in data.queue],
            [one.item.item_id for one in data.given_up],
        )

    assert rows() == (["f0", "f1", "f2"], ["m1"])
    await runtime.async_submit([Request(film, MarkWatched()) for film in films[3:]])
    assert rows() == ([film.item_id for film in films[: QUEUE_ROWS - 1]], ["m1"])


async def test_one_batch_of_operations_is_published_once(hass: HomeAssistant) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    runtime: WatchedSyncRuntime = entry.runtime_data
    server.go_down()
    await lane_down(runtime)
    seen = published(runtime.coordinator)
    await runtime.async_submit([Request(one, MarkWatched()) for one in EPISODES])
    assert [one.pending for one in seen] == [len(EPISODES)]


async def test_a_change_and_its_return_during_a_read_are_both_published(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    server.up_next_ids = ["m1"]
    entry = await setup_lane(hass, server)
    runtime: WatchedSyncRuntime = entry.runtime_data
    seen = published(runtime.coordinator)
    server.gate.clear()
    reading = asyncio.create_task(runtime.coordinator.async_refresh())
    await asyncio.sleep(0)
    runtime.ledger.up_next = ("m2",)
    runtime.lane.publish(LaneUpdate())
    # What the server says is what it said before all this.
    server.gate.set()
    await reading
    assert [one.up_next for one in seen] == [("m2",), ("m1",)]


async def test_an_answer_does_not_overwrite_what_was_learnt_since_it_was_asked_for(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    server.up_next_ids = ["m1"]
    entry = await setup_lane(hass, server)
    runtime: WatchedSyncRuntime = entry.runtime_data
    late = asyncio.Event()

    async def fetch(item_ids: Collection[str]) -> Mapping[str, Reading]:
        answer = {one: server.reading(one) for one in item_ids}
        await late.wait()
        return answer

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(server, "fetch", fetch)
        looking = asyncio.create_task(
            runtime.coordinator.look(frozenset({"m1", "e1x1"}))
        )
        await asyncio.sleep(0)
    seen = published(runtime.coordinator)
    await runtime.async_submit([Request(MOVIE, MarkWatched())])
    await drained(hass, entry)
    assert runtime.coordinator.data.items["m1"].server == server.states["m1"]
    late.set()
    await looking
    assert runtime.coordinator.data.items["m1"].server == server.states["m1"]
    assert all(one.items["m1"].desired.watched for one in seen)


async def test_an_answer_about_what_is_being_written_is_left_to_the_relay(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server, subentries=[MOVIE, SHOW])
    runtime: WatchedSyncRuntime = entry.runtime_data
    answer = {
        item_id: replace(
            server.reading(item_id), state=PlayState(watched=False, position=500.0)
        )
        for item_id in ("m1", "m2", "e1x1")
    }

    async def fetch(_: Collection[str]) -> Mapping[str, Reading]:
        return answer

    def known() -> list[float]:
        ledger = runtime.lane.ledger
        return [
            base.position if (base := ledger.base(item_id)) else 0.0
            for item_id in ("m1", "m2", "e1x1")
        ]

    server.gate.clear()
    with pytest.MonkeyPatch.context() as patched:
        # The relay waits for its own answer all the while.
        asked = SimpleNamespace(fetch=fetch, capabilities=server.capabilities)
        patched.setattr(runtime.coordinator, "_server", asked)
        waiting = (
            Request(MOVIE, MarkWatched()),
            Request(SHOW, MarkWatched()),
        )
        operations = await runtime.async_submit(waiting)
        runtime.lane.in_flight = frozenset(one.operation_id for one in operations)
        runtime.coordinator._lists_read_at = runtime.clock.monotonic()
        await runtime.coordinator.look(frozenset(answer))
        assert known() == [0.0, 500.0, 0.0]
        runtime.lane.in_flight = frozenset()
        await runtime.coordinator.look(frozenset(answer))
        assert known() == [500.0, 500.0, 500.0]
    server.gate.set()
    await drained(hass, entry)


# --- what others do ------------------------------------------------------------------


async def test_a_hinted_change_is_published_at_once_and_the_lists_follow(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    server.up_next_ids = ["m1"]
    entry = await setup_lane(hass, server)
    runtime: WatchedSyncRuntime = entry.runtime_data
    await rested(hass, runtime)
    seen = published(runtime.coordinator)
    server.requests.clear()
    server.set("m1", watched=True, play_count=1, last_played=dt_util.utcnow())
    server.up_next_ids = ["m2"]
    await runtime.coordinator.look(frozenset({"m1"}))
    assert [name for name, _ in server.requests] == [
        "fetch",
        "up_next",
        "last_played",
    ]
    assert [(one.items["m1"].desired.watched, one.last_played) for one in seen] == [
        (True, "m1"),
        (True, "m1"),
    ]
    assert [one.up_next for one in seen] == [("m1",), ("m2",)]


async def test_hints_in_a_row_read_the_lists_once(hass: HomeAssistant) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    runtime: WatchedSyncRuntime = entry.runtime_data
    await rested(hass, runtime)
    server.requests.clear()
    for item_id in ("m1", "m2", "e1x1", "e1x2"):
        server.set(item_id, watched=True, last_played=dt_util.utcnow())
        await runtime.coordinator.look(frozenset({item_id}))
    assert runtime.coordinator.data.last_played == "e1x2"
    names = [name for name, _ in server.requests]
    assert (names.count("fetch"), names.count("last_played")) == (4, 1)
    await refreshed(hass)
    assert [name for name, _ in server.requests].count("last_played") == 2


async def test_a_hint_that_is_no_news_reads_nothing_more(hass: HomeAssistant) -> None:
    server = MemoryServer()
    server.up_next_ids = ["m1"]
    entry = await setup_lane(hass, server)
    runtime: WatchedSyncRuntime = entry.runtime_data
    seen = published(runtime.coordinator)
    server.requests.clear()
    await runtime.coordinator.look(frozenset({"m1"}))
    await refreshed(hass)
    assert server.requests == [("fetch", "m1")]
    assert seen == []


async def test_what_was_never_played_is_not_remembered_but_may_be_up_next(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer([MOVIE, OTHER_MOVIE, SHOW, season(1), *EPISODES])
    server.set("e1x1", watched=True)
    entry = await setup_lane(hass, server)
    runtime: WatchedSyncRuntime = entry.runtime_data
    server.requests.clear()
    updates: list[LaneUpdate] = []
    runtime.lane.add_listener(updates.append)
    await runtime.coordinator.look(frozenset({"m1", "season1", "e1x1", "strange"}))
    assert [one.item.item_id for one in runtime.lane.ledger] == ["e1x1"]
    # Whoever keeps what is in the libraries is told of it.
    seen = {one.item.item_id for update in updates for one in update.seen}
    assert seen == {"m1", "season1"}
    assert {one for update in updates for one in update.gone} == {"strange"}
    await refreshed(hass)
    server.requests.clear()
    # A library that is scanned comes with many of these.
    for _ in range(3):
        await runtime.coordinator.look(frozenset({"m1", "season1"}))
        await refreshed(hass)
    assert [name for name, _ in server.requests] == ["fetch"] * 3
    await pass_time(hass, timedelta(seconds=LIBRARY_COOLDOWN))
    assert [name for name, _ in server.requests][3:5] == ["up_next", "last_played"]


async def test_an_item_that_is_gone_leaves_the_lists(hass: HomeAssistant) -> None:
    server = MemoryServer()
    server.up_next_ids = ["m1", "m2"]
    entry = await setup_lane(hass, server)
    runtime: WatchedSyncRuntime = entry.runtime_data
    await rested(hass, runtime)
    del server.items["m1"]
    server.up_next_ids = ["m2"]
    await runtime.coordinator.look(frozenset({"m1"}))
    assert runtime.coordinator.data.up_next == ("m2",)


async def test_a_library_that_changed_somewhere_is_looked_at_after_a_while(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    runtime: WatchedSyncRuntime = entry.runtime_data
    server.requests.clear()
    server.up_next_ids = ["m1"]
    for _ in range(5):
        await runtime.coordinator.look(frozenset())
    assert server.requests == []
    await pass_time(hass, timedelta(seconds=LIBRARY_COOLDOWN))
    assert runtime.coordinator.data.up_next == ("m1",)
    assert [name for name, _ in server.requests].count("up_next") == 1


async def test_a_mark_that_was_taken_back_shows_at_the_next_glance(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    server.set("m1", watched=True, play_count=1, last_played=dt_util.utcnow())
    entry = await setup_lane(hass, server, subentries=[MOVIE, SHOW])
    runtime: WatchedSyncRuntime = entry.runtime_data
    assert view_of(entry, MOVIE).desired.watched
    server.states["m1"] = PlayState(watched=False)
    server.set("e1x1", watched=True)
    await rested(hass, runtime)
    await runtime.coordinator.glance()
    assert view_of(entry, MOVIE).desired.watched is False
    assert runtime.coordinator.data.last_played is None
    assert runtime.coordinator.shows["s1"].unwatched == 3


async def test_a_glance_looks_back_to_what_the_last_one_saw(
    hass: HomeAssistant,
) -> None:
    """A season marked through us comes between: none of it is news any more."""
    films = [Item(f"f{n}", MediaKind.MOVIE, f"Film {n}") for n in range(400)]
    server = MemoryServer([*films, MOVIE, OTHER_MOVIE])
    now = dt_util.utcnow() - timedelta(days=1)

    def plays(item: Item) -> None:
        nonlocal now
        now += timedelta(seconds=1)
        server.set(item.item_id, watched=True, play_count=1, last_played=now)

    for film in films[:300]:
        plays(film)
    entry = await setup_lane(hass, server)
    runtime: WatchedSyncRuntime = entry.runtime_data
    known = len(runtime.lane.ledger)
    assert known == PLAYS
    plays(MOVIE)
    for film in films[300:]:
        plays(film)
        runtime.lane.remember([server.reading(film.item_id)])
    server.requests.clear()
    await runtime.coordinator.glance()
    assert view_of(entry, MOVIE).desired.watched
    asked = [name for name, _ in server.requests]
    assert asked.count("last_played") == 3
    # From then on it is seen, also after a restart.
    await hass.config_entries.async_reload(entry.entry_id)
    runtime = entry.runtime_data
    server.requests.clear()
    plays(OTHER_MOVIE)
    await runtime.coordinator.glance()
    assert view_of(entry, OTHER_MOVIE).desired.watched
    assert [name for name, _ in server.requests].count("last_played") == 1


async def test_what_is_dated_in_the_future_hides_no_play(hass: HomeAssistant) -> None:
    films = [Item(f"f{n}", MediaKind.MOVIE, f"Film {n}") for n in range(3 * PLAYS)]
    server = MemoryServer([*films, MOVIE])
    far = dt_util.utcnow() + timedelta(days=9000)
    server.set("m1", watched=True, last_played=far)
    entry = await setup_lane(hass, server)
    runtime: WatchedSyncRuntime = entry.runtime_data
    for film in films:
        server.set(film.item_id, watched=True, last_played=dt_util.utcnow())
    await runtime.coordinator.glance()
    assert len(runtime.lane.ledger) == len(films) + 1


@pytest.mark.parametrize(("count", "asked"), [(1, 1), (15, 2), (25, 2)])
async def test_a_server_that_has_no_more_plays_is_not_asked_for_ever(
    hass: HomeAssistant, count: int, asked: int
) -> None:
    films = [Item(f"f{n}", MediaKind.MOVIE, f"Film {n}") for n in range(count)]
    server = MemoryServer(films)
    entry = await setup_lane(hass, server)
    for film in films:
        server.set(film.item_id, watched=True, last_played=dt_util.utcnow())
    server.requests.clear()
    await entry.runtime_data.coordinator.glance()
    assert [name for name, _ in server.requests].count("last_played") == asked
    assert len(entry.runtime_data.lane.ledger) == count


async def test_what_was_watched_nobody_knows_when_is_not_what_was_played_last(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a stop without a start: the server counted nothing, and has no date."""
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    runtime: WatchedSyncRuntime = entry.runtime_data

    async def last_played(_: int) -> list[Reading]:
        return [server.reading("m2"), server.reading("m1")]

    monkeypatch.setattr(server, "last_played", last_played)
    server.set("m2", watched=True)
    await runtime.coordinator.catch_up()
    assert runtime.coordinator.data.last_played is None
    server.set("m1", watched=True, last_played=dt_util.utcnow())
    await runtime.coordinator.catch_up()
    assert runtime.coordinator.data.last_played == "m1"


async def test_glances_read_what_is_shown_each_time_and_the_rest_in_turns(
    hass: HomeAssistant,
) -> None:
    films = [Item(f"f{n}", MediaKind.MOVIE, f"Film {n}") for n in range(250)]
    server = MemoryServer([*films, MOVIE])
    server.up_next_ids = ["m1"]
    entry = await setup_lane(hass, server)
    runtime: WatchedSyncRuntime = entry.runtime_data
    runtime.lane.remember(server.reading(film.item_id) for film in films)
    server.requests.clear()
    rounds = 6
    for _ in range(rounds):
        await runtime.coordinator.glance()
    batches = [
        set(item_ids.split(","))
        for name, item_ids in server.requests
        if name == "fetch" and item_ids
    ]
    assert len(batches) == rounds
    assert len(server.requests) == 2 * rounds
    assert all(len(batch) == GLANCE_BATCH and "m1" in batch for batch in batches)
    assert set.union(*batches) == {"m1", *(film.item_id for film in films)}


async def test_catching_up_reads_everything_known_and_publishes_once(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    server.up_next_ids = ["m1"]
    entry = await setup_lane(hass, server, subentries=[SHOW])
    runtime: WatchedSyncRuntime = entry.runtime_data
    runtime.lane.remember([server.reading("m2")])
    seen = published(runtime.coordinator)
    for item_id in ("m1", "m2", "e1x1"):
        server.set(item_id, watched=True, last_played=dt_util.utcnow())
    await runtime.coordinator.catch_up()
    base = runtime.lane.ledger.base("m2")
    assert base is not None
    assert base.watched
    assert runtime.coordinator.shows["s1"].unwatched == 3
    assert len(seen) == 1


@pytest.mark.parametrize("method", ["catch_up", "look", "glance"])
async def test_readers_leave_it_to_the_observer_to_report_a_failure(
    hass: HomeAssistant, method: str
) -> None:
    server = MemoryServer()
    server.set("m1", watched=True, last_played=dt_util.utcnow())
    entry = await setup_lane(hass, server)
    runtime: WatchedSyncRuntime = entry.runtime_data
    server.fail_next.append(Unreachable("away"))
    arguments = [frozenset({"m1"})] if method == "look" else []
    with pytest.raises(Unreachable):
        await getattr(runtime.coordinator, method)(*arguments)
    # Nothing stays locked.
    await getattr(runtime.coordinator, method)(*arguments)


async def test_an_episode_counts_from_the_day_it_airs_on(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    tomorrow = dt_util.now().date() + timedelta(days=1)
    server = MemoryServer([SHOW, *EPISODES, episode(2, 3, aired=tomorrow)])
    entry = await setup_lane(hass, server, subentries=[SHOW])
    coordinator: WatchedSyncCoordinator = entry.runtime_data.coordinator
    assert coordinator.shows["s1"].unwatched == 4
    requests = len(server.requests)
    midnight = dt_util.start_of_local_day(tomorrow)
    freezer.move_to(midnight)
    coordinator._new_day(midnight)
    assert coordinator.shows["s1"].unwatched == 5
    assert len(server.requests) == requests


async def test_deliveries_lead_to_one_look_for_what_is_up_next_now(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    server.up_next_ids = ["e1x1"]
    entry = await setup_lane(hass, server)
    runtime: WatchedSyncRuntime = entry.runtime_data
    server.requests.clear()
    await runtime.async_submit([Request(MOVIE, MarkWatched())])
    await drained(hass, entry)
    await runtime.async_submit([Request(episode(1, 1), MarkWatched())])
    await drained(hass, entry)
    server.up_next_ids = ["e1x2"]
    await refreshed(hass)
    assert runtime.coordinator.data.up_next == ("e1x2",)
    assert [name for name, _ in server.requests].count("up_next") == 1


async def test_sync_now_delivers_and_looks_at_once(hass: HomeAssistant) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    runtime: WatchedSyncRuntime = entry.runtime_data
    server.go_down()
    await lane_down(runtime)
    await runtime.async_submit([Request(MOVIE, MarkWatched())])
    server.come_up()
    await runtime.async_sync_now()
    await drained(hass, entry)
    assert server.states["m1"].watched
    server.requests.clear()
    await refreshed(hass)
    assert ("last_played", None) in server.requests


# --- shows ---------------------------------------------------------------------------


async def test_a_tracked_show_counts_without_specials_and_unaired_episodes(
    hass: HomeAssistant,
) -> None:
    unaired = episode(2, 3, aired=dt_util.now().date() + timedelta(days=2))
    server = MemoryServer([SHOW, *EPISODES, unaired])
    server.set("e1x1", watched=True)
    entry = await setup_lane(hass, server, subentries=[SHOW])
    progress = entry.runtime_data.coordinator.shows["s1"]
    assert progress == ShowProgress(3, server.reading("e1x2"))
    view = view_of(entry, SHOW)
    assert (view.leaf_count, view.watched_leaf_count) == (6, 1)
    assert view.desired.watched is False


async def test_an_episode_without_a_date_counts_as_aired(hass: HomeAssistant) -> None:
    undated = Item(
        **{
            name: getattr(episode(3, 1), name)
            for name in Item.__slots__
            if name != "aired"
        }
    )
    server = MemoryServer([SHOW, undated])
    entry = await setup_lane(hass, server, subentries=[SHOW])
    assert entry.runtime_data.coordinator.shows["s1"].unwatched == 1


async def test_marking_the_next_episode_twice_offline_marks_two(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server, subentries=[SHOW])
    runtime: WatchedSyncRuntime = entry.runtime_data
    server.go_down()
    await lane_down(runtime)
    for expected in ("e1x1", "e1x2"):
        following = runtime.coordinator.shows["s1"].next_episode
        assert following is not None
        assert following.item.item_id == expected
        await runtime.async_submit([Request(following.item, MarkWatched())])
    assert runtime.coordinator.shows["s1"].unwatched == 2
    assert view_of(entry, SHOW).sync_state is ItemSyncState.PENDING


async def test_a_show_is_watched_when_its_episodes_are_whatever_the_specials(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server, subentries=[SHOW])
    runtime: WatchedSyncRuntime = entry.runtime_data
    seen = published(runtime.coordinator)
    await runtime.async_submit([Request(SHOW, MarkWatched())])
    assert view_of(entry, SHOW).desired.watched
    await drained(hass, entry)
    await refreshed(hass)
    assert view_of(entry, SHOW).desired.watched
    assert view_of(entry, SHOW).sync_state is ItemSyncState.SYNCED
    assert server.states["e0x1"].watched is False
    # From the operation on, the switch never falls back for a moment.
    assert all(one.items["s1"].desired.watched for one in seen)
    assert runtime.coordinator.shows["s1"] == ShowProgress(0, None)

    await runtime.async_submit([Request(episode(2, 2), MarkUnwatched())])
    assert view_of(entry, SHOW).desired.watched is False
    await drained(hass, entry)


async def test_a_season_of_a_tracked_show_moves_the_shows_progress(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer([SHOW, season(1), season(2), *EPISODES])
    entry = await setup_lane(hass, server, subentries=[SHOW])
    runtime: WatchedSyncRuntime = entry.runtime_data
    await runtime.async_submit([Request(season(1), MarkWatched())])
    following = runtime.coordinator.shows["s1"].next_episode
    assert following is not None
    assert following.item.item_id == "e2x1"
    await drained(hass, entry)
    assert runtime.coordinator.shows["s1"].unwatched == 2


async def test_episodes_are_read_again_only_when_something_moved(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server, subentries=[SHOW])
    runtime: WatchedSyncRuntime = entry.runtime_data
    server.requests.clear()
    await runtime.coordinator.async_refresh()
    assert ("fetch_leaves", "s1") not in server.requests

    server.set("e1x1", watched=True)
    await runtime.coordinator.async_refresh()
    assert server.requests.count(("fetch_leaves", "s1")) == 1
    assert runtime.coordinator.shows["s1"].unwatched == 3

    # Two changes that leave the counts as they are, one of them ours.
    await runtime.async_submit([Request(episode(1, 1), MarkUnwatched())])
    await drained(hass, entry)
    server.set("e1x2", watched=True)
    server.requests.clear()
    await refreshed(hass)
    assert server.requests.count(("fetch_leaves", "s1")) == 1


async def test_episodes_that_are_known_to_be_so_are_not_read(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server, subentries=[SHOW])
    runtime: WatchedSyncRuntime = entry.runtime_data
    await take_inventory(entry, server)
    server.requests.clear()
    server.set("e1x1", watched=True)
    await runtime.coordinator.look(frozenset({"e1x1"}))
    await runtime.coordinator.async_refresh()
    assert runtime.coordinator.shows["s1"].unwatched == 3
    assert ("fetch_leaves", "s1") not in server.requests
    # Of another episode nobody has heard.
    server.set("e1x2", watched=True)
    await runtime.coordinator.async_refresh()
    assert runtime.coordinator.shows["s1"].unwatched == 2
    assert server.requests.count(("fetch_leaves", "s1")) == 1


async def test_a_show_that_cannot_be_read_does_not_hold_up_the_others(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = replace(SHOW, item_id="s0", title="Slow Horses")
    pilot = replace(
        episode(1, 1), item_id="s0e1", show_id="s0", season_id="s0x1", season=1
    )
    server = MemoryServer([other, pilot, SHOW, *EPISODES])
    entry = await setup_lane(hass, server, subentries=[other, SHOW])
    coordinator: WatchedSyncCoordinator = entry.runtime_data.coordinator
    for item_id in ("s0e1", "e1x1"):
        server.set(item_id, watched=True)
    real = server.fetch_leaves
    reported: list[Exception] = []

    async def fail(item: Item) -> Any:
        if item.item_id == "s0":
            raise Malformed("nonsense")
        return await real(item)

    with monkeypatch.context() as patched:
        patched.setattr(server, "fetch_leaves", fail)
        patched.setattr(entry.runtime_data.relay, "report", reported.append)
        await coordinator.async_refresh()
    assert [type(one) for one in reported] == [Malformed]
    assert (coordinator.shows["s0"].unwatched, coordinator.shows["s1"].unwatched) == (
        1,
        3,
    )
    await coordinator.async_refresh()
    assert coordinator.shows["s0"].unwatched == 0


async def test_a_show_that_is_gone_keeps_its_entry_without_progress(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server, subentries=[SHOW])
    runtime: WatchedSyncRuntime = entry.runtime_data
    assert "s1" in runtime.coordinator.shows
    del server.items["s1"]
    await runtime.async_submit([Request(episode(1, 1), MarkWatched())])
    await drained(hass, entry)
    await refreshed(hass)
    assert "s1" not in runtime.coordinator.shows
    assert runtime.coordinator.leaves("s1") == ()
    assert view_of(entry, SHOW).item == SHOW


async def test_a_tracked_item_that_was_never_on_the_server_is_unknown(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer([MOVIE])
    entry = await setup_lane(hass, server, subentries=[SHOW])
    view = view_of(entry, SHOW)
    assert view.server is None
    assert view.desired.watched is None
    assert entry.runtime_data.coordinator.shows == {}


async def test_a_failed_episode_shows_at_its_show(hass: HomeAssistant) -> None:
    server = MemoryServer()
    server.item_faults["e1x1"] = Forbidden("not for you")
    entry = await setup_lane(hass, server, subentries=[SHOW])
    runtime: WatchedSyncRuntime = entry.runtime_data
    await runtime.async_submit([Request(episode(1, 1), MarkWatched())])
    await drained(hass, entry)
    assert view_of(entry, SHOW).sync_state is ItemSyncState.FAILED


async def test_a_failed_show_shows_at_its_episodes(hass: HomeAssistant) -> None:
    server = MemoryServer()
    server.up_next_ids = ["e1x1"]
    for item_id in ("season1", "season2", *(item.item_id for item in EPISODES)):
        server.item_faults[item_id] = Forbidden("not for you")
    entry = await setup_lane(hass, server)
    runtime: WatchedSyncRuntime = entry.runtime_data
    await runtime.async_submit([Request(SHOW, MarkWatched())])
    await drained(hass, entry)
    assert view_of(entry, episode(1, 1)).sync_state is ItemSyncState.FAILED


async def test_a_restart_without_the_server_still_knows_the_shows_progress(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    server.set("e1x1", watched=True)
    entry = await setup_lane(hass, server, subentries=[SHOW])
    before = dict(entry.runtime_data.coordinator.shows)
    server.go_down()
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert dict(entry.runtime_data.coordinator.shows) == before
    assert [
        leaf.item.item_id for leaf in entry.runtime_data.coordinator.leaves("s1")
    ] == [item.item_id for item in EPISODES]


async def test_a_show_known_in_part_is_not_counted(hass: HomeAssistant) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server, subentries=[SHOW])
    entry.runtime_data.lane.ledger.forget("e1x1")
    server.go_down()
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert entry.runtime_data.coordinator.shows == {}


async def test_a_snapshot_with_many_waiting_is_built_quickly_enough_to_publish(
    hass: HomeAssistant,
) -> None:
    films = [Item(f"f{n}", MediaKind.MOVIE, f"Film {n}") for n in range(2000)]
    server = MemoryServer([*films, SHOW, *EPISODES])
    entry = await setup_lane(hass, server, subentries=[SHOW])
    runtime: WatchedSyncRuntime = entry.runtime_data
    server.go_down()
    await lane_down(runtime)
    await runtime.async_submit([Request(film, MarkWatched()) for film in films])
    looked_at = 0
    outbox = runtime.lane.outbox
    real = outbox.concerning

    def counting(item: Item) -> Any:
        nonlocal looked_at
        looked_at += 1
        return real(item)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(outbox, "concerning", counting)
        runtime.coordinator._build()
    # Only what is shown is looked at: the show's episodes, twice at most.
    assert looked_at <= 2 * len(EPISODES)


def test_dates_of_the_seeded_episodes_lie_in_the_past() -> None:
    assert all(one.aired and one.aired < date(2026, 1, 1) for one in EPISODES)


# --- a server that cannot say what was played last ------------------------------------


async def test_nothing_is_asked_that_could_take_minutes(hass: HomeAssistant) -> None:
    server = MemoryServer()
    server.lists_plays = False
    server.up_next_ids = ["m2"]
    server.set("m1", watched=True, last_played=dt_util.utcnow())
    entry = await setup_lane(hass, server, subentries=[MOVIE])
    runtime: WatchedSyncRuntime = entry.runtime_data
    await runtime.coordinator.catch_up()
    await runtime.coordinator.glance()
    await runtime.coordinator.async_refresh()
    asked = {name for name, _ in server.requests}
    assert asked <= {"probe", "libraries", "up_next", "fetch", "fetch_leaves"}
    # Of what is known, the newest is what was played last.
    assert runtime.coordinator.data.last_played == "m1"


async def test_last_played_follows_what_is_known(hass: HomeAssistant) -> None:
    server = MemoryServer()
    server.lists_plays = False
    entry = await setup_lane(hass, server)
    coordinator: WatchedSyncCoordinator = entry.runtime_data.coordinator
    assert coordinator.data.last_played is None
    now = dt_util.utcnow()
    for minutes, item_id in enumerate(("m1", "e1x1")):
        server.set(item_id, watched=True, last_played=now + timedelta(minutes=minutes))
        await coordinator.look(frozenset({item_id}))
        assert coordinator.data.last_played == item_id
    # Taken back again: what was played before shows once more.
    server.states["e1x1"] = PlayState(watched=False)
    await coordinator.look(frozenset({"e1x1"}))
    assert coordinator.data.last_played == "m1"


async def test_what_was_begun_shows_at_a_glance(hass: HomeAssistant) -> None:
    server = MemoryServer()
    server.lists_plays = False
    entry = await setup_lane(hass, server)
    runtime: WatchedSyncRuntime = entry.runtime_data
    await rested(hass, runtime)
    server.set("m1", position=900.0, last_played=dt_util.utcnow())
    server.up_next_ids = ["m1", "m2"]
    await runtime.coordinator.glance()
    assert runtime.coordinator.data.last_played == "m1"
    base = runtime.lane.ledger.base("m1")
    assert base is not None
    assert base.position == 900.0
