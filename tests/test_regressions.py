"""Fourteen ways in which an earlier program of this kind lost, doubled or hid changes.

It had a queue, a worker and a screen for it, and all of them had tests. Each test here
names one thing that went wrong nevertheless, and shows that it does not go wrong here:
from the action to the simulated server. Close-ups of some are in `tests/core`.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
import inspect
import logging
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.watched_sync.const import DOMAIN
from custom_components.watched_sync.core.errors import Reason
from custom_components.watched_sync.core.lane import Phase
from custom_components.watched_sync.core.outbox import HISTORY_LIMIT, Result
from custom_components.watched_sync.core.ports import MediaServer
from custom_components.watched_sync.servers.jellyfin.client import JellyfinClient
from custom_components.watched_sync.servers.plex.client import PlexClient

from .common import drained
from .fakes.base import FakeClock, FaultKind
from .fakes.jellyfin import FakeJellyfin
from .fakes.plex import FakePlex
from .scenarios.house import (
    ONE_PLAY,
    UNSEEN,
    USER,
    JellyfinSide,
    PlexSide,
    Side,
    Traffic,
    act,
    bring_back,
    cut_off,
    on_disk,
    outbox_file,
    runtime_of,
    until_true,
    until_written,
    waiting,
)
from .scenarios.machine import TimeMachine

HOUR = 3600.0


@pytest.fixture(autouse=True)
def network(socket_enabled: None) -> None:
    """Let requests out, to 127.0.0.1."""


@pytest.fixture
def hass_storage() -> dict[str, Any]:
    """Leave the disk to be a disk."""
    return {}


@pytest.fixture
async def plex() -> AsyncIterator[PlexSide]:
    async with FakePlex(clock=FakeClock(ticking=True)) as server:
        yield PlexSide(server)


@pytest.fixture
async def jellyfin() -> AsyncIterator[JellyfinSide]:
    async with FakeJellyfin(clock=FakeClock(ticking=True)) as server:
        yield JellyfinSide(server)


@pytest.fixture(params=["plex", "jellyfin"])
def side(request: pytest.FixtureRequest) -> Side:
    found: Side = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def machine(
    hass: HomeAssistant, side: Side, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TimeMachine]:
    made = TimeMachine(hass.loop, monkeypatch)
    made.take_along(side.server.clock)
    yield made
    made.stop()


@pytest.fixture
def traffic(monkeypatch: pytest.MonkeyPatch) -> Traffic:
    return Traffic(monkeypatch)


def entity_of(
    hass: HomeAssistant, entry: MockConfigEntry, domain: str, key: str
) -> str:
    """Return the id of one of a lane's entities."""
    entity_id = er.async_get(hass).async_get_entity_id(
        domain, DOMAIN, f"{entry.unique_id}:{key}"
    )
    assert entity_id is not None
    return entity_id


def shown(hass: HomeAssistant, entity_id: str) -> tuple[str, dict[str, Any]]:
    """Return state and attributes of an entity."""
    state = hass.states.get(entity_id)
    assert state is not None
    return state.state, dict(state.attributes)


async def test_r01_ids_that_are_no_numbers_are_queued(
    hass: HomeAssistant, side: Side
) -> None:
    """The id of a server or user had to be a number, or nothing was queued at all."""
    entry = await side.connect(hass)
    assert entry.unique_id is not None
    assert not entry.unique_id.isdecimal()
    await cut_off(hass, entry, side)
    film = side.item_id("Arrival")
    answer = await act(hass, "mark_watched", item_id=film)
    assert [row["status"] for row in answer["operations"]] == ["queued"]
    (stored,) = on_disk(hass, entry)["operations"]
    assert stored["item"]["id"] == film
    await bring_back(hass, entry, side)
    await drained(hass, entry)
    assert side.all_seen() == {(USER, film): ONE_PLAY}


async def test_r02_progress_of_an_id_without_a_colon_is_not_skipped(
    hass: HomeAssistant, side: Side
) -> None:
    """Which server an item was on was read out of its id; without a colon, nowhere."""
    film = side.item_id("Arrival")
    assert ":" not in film
    entry = await side.connect(hass)
    answer = await act(hass, "set_progress", item_id=film, position=1800)
    assert [row["change"] for row in answer["operations"]] == ["set_progress"]
    assert answer["skipped"] == []
    await drained(hass, entry)
    assert side.seen(film).position == 1800


async def test_r03_what_failed_is_tried_again_when_somebody_says_so(
    hass: HomeAssistant, side: Side
) -> None:
    """There was a command to retry, and nothing that ever sent it."""
    film = side.item_id("Arrival")
    entry = await side.connect(hass)
    side.server.fail(FaultKind.STATUS, path=side.write_paths, status=400, times=2)
    await act(hass, "mark_watched", item_id=film)
    await drained(hass, entry)
    failed = entity_of(hass, entry, "sensor", "failed")
    assert shown(hass, failed)[0] == "1"
    # By the action first, which fails again, then by the button.
    await act(hass, "retry")
    await drained(hass, entry)
    assert shown(hass, failed)[0] == "1"
    button = entity_of(hass, entry, "button", "retry_failed")
    await hass.services.async_call(
        "button", "press", {"entity_id": button}, blocking=True
    )
    await drained(hass, entry)
    assert shown(hass, failed)[0] == "0"
    assert side.all_seen() == {(USER, film): ONE_PLAY}


async def test_r04_older_operation_is_never_sent_after_a_newer_one(
    hass: HomeAssistant, side: Side, machine: TimeMachine
) -> None:
    """The newest of several was sent first, and the older ones afterwards."""
    film = side.item_id("Arrival")
    entry = await side.connect(hass)
    await cut_off(hass, entry, side)
    for action in ("mark_watched", "mark_unwatched", "mark_watched", "mark_unwatched"):
        await act(hass, action, item_id=film)
    await act(hass, "mark_watched", item_id=film)
    assert len(waiting(entry)) == 1
    await side.server.come_back()
    machine.running = True
    await drained(hass, entry, seconds=HOUR)
    await asyncio.sleep(300)  # for anything older that might still wait
    assert side.marks() == [("watched", film)]
    assert side.all_seen() == {(USER, film): ONE_PLAY}


async def test_r05_change_under_way_when_everything_stopped_is_picked_up_again(
    hass: HomeAssistant, side: Side, machine: TimeMachine
) -> None:
    """A row marked as being sent was never looked at again after a restart."""
    leaves = side.leaves(side.item_id("Severance"))[:8]
    entry = await side.connect(hass)
    await cut_off(hass, entry, side)
    for leaf in leaves:
        await act(hass, "mark_watched", item_id=leaf)
    held = side.server.fail(
        FaultKind.SLOW, path=side.write_paths, times=None, after=3, delay=20
    )
    await side.server.come_back()
    lane = runtime_of(entry).lane
    runtime_of(entry).relay.nudge()
    await held.struck.wait()
    under_way = lane.in_flight
    assert under_way
    assert under_way <= {one["id"] for one in on_disk(hass, entry)["operations"]}
    side.server.clear_faults()
    await side.server.go_dark()
    assert await hass.config_entries.async_reload(entry.entry_id)
    await bring_back(hass, entry, side)
    # Plex may carry out yet what was under way, and would count it twice.
    machine.running = True
    await drained(hass, entry, seconds=3600)
    assert side.all_seen() == {(USER, leaf): ONE_PLAY for leaf in leaves}


async def test_r06_delivery_that_takes_long_is_not_started_a_second_time(
    hass: HomeAssistant, side: Side
) -> None:
    """A run that took longer than the timer's interval met the next one halfway."""
    leaves = side.leaves(side.item_id("Grey's Anatomy"))[:40]
    entry = await side.connect(hass)
    await cut_off(hass, entry, side)
    for leaf in leaves:
        await act(hass, "mark_watched", item_id=leaf)
    await side.server.come_back()
    side.server.clear_log()
    for writes in (0, 10, 20, 30):
        await until_written(side, writes)
        await act(hass, "sync_now")
        await act(hass, "retry")
    await drained(hass, entry)
    assert sorted(side.marks()) == sorted(("watched", leaf) for leaf in leaves)
    assert side.all_seen() == {(USER, leaf): ONE_PLAY for leaf in leaves}
    # One delivery at a time, beside which only the coordinator may read.
    limit = runtime_of(entry).server.capabilities.concurrency
    assert side.server.most_in_flight <= limit + 1


async def test_r07_nothing_is_sent_while_the_server_is_known_to_be_away(
    hass: HomeAssistant, side: Side, traffic: Traffic
) -> None:
    """Pause and resume existed, and nothing told the worker about the connection."""
    film = side.item_id("Arrival")
    entry = await side.connect(hass)
    await cut_off(hass, entry, side)
    status = entity_of(hass, entry, "sensor", "sync_status")
    assert shown(hass, status)[0] == "offline"
    traffic.clear()
    await act(hass, "mark_watched", item_id=film)
    await hass.async_block_till_done()
    # At most the one question whether it is back.
    assert {one.path for one in traffic} <= {"/", "/Users/Me", "/System/Info/Public"}
    (one,) = waiting(entry)
    assert one.attempts == 0
    await bring_back(hass, entry, side)
    await drained(hass, entry)
    assert shown(hass, status)[0] == "synced"
    assert side.all_seen() == {(USER, film): ONE_PLAY}


async def test_r08_server_is_asked_before_it_is_told(
    hass: HomeAssistant, side: Side
) -> None:
    """The current state was always "unknown", so everything was always sent."""
    film = side.item_id("Arrival")
    entry = await side.connect(hass)
    await cut_off(hass, entry, side)
    await act(hass, "mark_watched", item_id=film)
    await side.put(film, plays=3)
    await bring_back(hass, entry, side)
    await drained(hass, entry)
    assert side.writes == []
    assert side.seen(film).plays == 3


async def test_r09_progress_is_never_reported_without_a_duration(
    hass: HomeAssistant, plex: PlexSide
) -> None:
    """Plex ignores a position without the duration and without the client's id."""
    film = plex.item_id("Arrival")
    entry = await plex.connect(hass)
    await act(hass, "set_progress", item_id=film, position=1800)
    await drained(hass, entry)
    (report,) = plex.server.find("^/:/timeline$")
    assert report.query["duration"] == str(116 * 60 * 1000)
    assert report.query["time"] == "1800000"
    assert report.headers["X-Plex-Client-Identifier"] == entry.data["client_id"]
    # Where it is not known the change waits for a person, and says why.
    plex.server.entry(plex.item_id("Alien")).duration_ms = None
    await act(hass, "set_progress", item_id=plex.item_id("Alien"), position=1800)
    await drained(hass, entry)
    assert plex.server.count("^/:/timeline$") == 1
    (given_up,) = runtime_of(entry).lane.outbox.rejected
    assert given_up.last_error == Reason.UNSUPPORTED


async def test_r10_saying_watched_again_and_again_is_one_play(
    hass: HomeAssistant, side: Side
) -> None:
    """Beyond 90 % each tick of the player queued one more "watched"."""
    film = side.item_id("Arrival")
    entry = await side.connect(hass)
    await cut_off(hass, entry, side)
    for _ in range(30):
        await act(hass, "mark_watched", item_id=film)
    assert len(waiting(entry)) == 1
    await bring_back(hass, entry, side)
    await drained(hass, entry)
    for _ in range(5):
        await act(hass, "mark_watched", item_id=film)
    await drained(hass, entry)
    assert side.marks() == [("watched", film)]
    assert side.all_seen() == {(USER, film): ONE_PLAY}


async def test_r11_what_the_server_says_neither_hides_an_operation_nor_is_ignored(
    hass: HomeAssistant, side: Side
) -> None:
    """Reading the library undid a waiting operation, and never un-marked anything."""
    film = side.film("Arrival")
    entry = await side.connect(hass, film)
    switch = entity_of(hass, entry, "switch", f"{film.item_id}:watched")
    coordinator = runtime_of(entry).coordinator
    assert shown(hass, switch)[0] == "off"
    # The operation waits; the server is read meanwhile and says "unwatched".
    side.server.fail(FaultKind.STATUS, path=side.write_paths, status=500, times=1)
    await act(hass, "mark_watched", item_id=film.item_id)
    await until_true(lambda: [one.attempts for one in waiting(entry)] == [1])
    await coordinator.async_refresh()
    await hass.async_block_till_done()
    state, attributes = shown(hass, switch)
    assert (state, attributes["server_state"]) == ("on", "unwatched")
    assert attributes["sync_state"] == "pending"
    (one,) = waiting(entry)
    await act(hass, "retry", operation_id=one.operation_id)
    await drained(hass, entry)
    assert side.seen(film.item_id) == ONE_PLAY
    # And what somebody un-marks elsewhere is un-marked here.
    await side.put(film.item_id, plays=0)
    await coordinator.async_refresh()
    await hass.async_block_till_done()
    state, attributes = shown(hass, switch)
    assert (state, attributes["server_state"]) == ("off", "unwatched")
    assert side.seen(film.item_id) == UNSEEN


async def test_r12_server_that_does_nothing_is_no_success(
    hass: HomeAssistant, side: Side
) -> None:
    """The default of every backend was to do nothing and to say that all was well."""
    promised = {
        name
        for name, member in vars(MediaServer).items()
        if not name.startswith("_")
        and (inspect.isfunction(member) or isinstance(member, property))
    }
    assert {"write", "fetch", "fetch_leaves", "probe"} <= promised
    # Plex has one file and one view of an item.
    not_needed = {"fetch_files", "is_whole", "resolve"}
    for client, needed in (
        (PlexClient, promised - not_needed),
        # Jellyfin keeps every position that it is given.
        (JellyfinClient, promised - {"note_position_not_kept"}),
    ):
        # What is inherited from the protocol would do nothing.
        assert needed <= vars(client).keys()
    film = side.item_id("Arrival")
    entry = await side.connect(hass)
    side.server.fail(FaultKind.NOT_APPLIED, path=side.write_paths)
    await act(hass, "mark_watched", item_id=film)
    await until_true(lambda: [one.attempts for one in waiting(entry)] == [1])
    (one,) = waiting(entry)
    assert one.last_error == Reason.NOT_APPLIED
    assert not runtime_of(entry).lane.outbox.history
    await act(hass, "retry", operation_id=one.operation_id)
    await drained(hass, entry)
    assert side.all_seen() == {(USER, film): ONE_PLAY}


async def test_r13_queue_can_be_seen_and_emptied_and_does_not_grow_for_ever(
    hass: HomeAssistant, side: Side
) -> None:
    """Nothing removed what was done, and nobody could see or drop what waited."""
    films = [side.item_id(title) for title in ("Arrival", "Alien", "Stalker")]
    entry = await side.connect(hass)
    await cut_off(hass, entry, side)
    for film in films:
        await act(hass, "mark_watched", item_id=film)
    queue = (await act(hass, "get_queue"))["operations"]
    assert [row["item_id"] for row in queue] == films
    assert {row["status"] for row in queue} == {"queued"}
    await act(hass, "discard", operation_id=queue[1]["operation_id"])
    assert [one["item"]["id"] for one in on_disk(hass, entry)["operations"]] == [
        films[0],
        films[2],
    ]
    await bring_back(hass, entry, side)
    await drained(hass, entry)
    assert (await act(hass, "get_queue"))["operations"] == []
    assert side.all_seen() == {(USER, film): ONE_PLAY for film in films[::2]}
    assert await hass.config_entries.async_reload(entry.entry_id)
    stored = on_disk(hass, entry)
    assert (stored["operations"], stored["rejected"]) == ([], [])
    assert len(stored["history"]) == 2
    outbox = runtime_of(entry).lane.outbox
    (done, *_) = outbox.history
    for number in range(HISTORY_LIMIT + 50):
        again = replace(done.operation, operation_id=f"{number}", batch_id=f"{number}")
        outbox.add(again)
        assert outbox.settle(again, Result.DELIVERED, done.settled_at)
    assert len(outbox.history) == HISTORY_LIMIT
    # And nothing of it stays when the entry goes.
    assert await hass.config_entries.async_remove(entry.entry_id)
    await hass.async_block_till_done()
    assert not outbox_file(hass, entry).exists()


async def test_r14_trouble_makes_no_noise(
    hass: HomeAssistant,
    side: Side,
    machine: TimeMachine,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Each failed attempt had a message, with a raw id and a raw error in it."""
    films = [side.item_id(title) for title in ("Arrival", "Alien", "Stalker")]
    entry = await side.connect(hass)
    caplog.clear()
    machine.running = True
    side.server.fail(FaultKind.STATUS, path=side.write_paths, status=500, times=2)
    side.server.fail(FaultKind.STATUS, path=side.write_paths, status=400, times=1)
    for film in films:
        await act(hass, "mark_watched", item_id=film)
    await cut_off(hass, entry, side)
    await asyncio.sleep(600)
    await bring_back(hass, entry, side)
    await drained(hass, entry, seconds=HOUR)
    ours = [
        record
        for record in caplog.records
        if record.name.startswith(f"custom_components.{DOMAIN}")
        and record.levelno > logging.DEBUG
    ]
    # Gone and back: that is all there is to say.
    assert [record.levelname for record in ours] == ["INFO", "INFO"]
    said = " ".join(record.getMessage() for record in ours)
    secrets = {*films, "Arrival", "Alien", "Stalker", entry.data["token"]}
    assert not [secret for secret in secrets if secret in said]
    # Why something failed is a word that has a translation, not the server's answer.
    status = entity_of(hass, entry, "sensor", "sync_status")
    state, attributes = shown(hass, status)
    given_up = len(runtime_of(entry).lane.outbox.rejected)
    assert (state, attributes["failed"]) == (
        "failed" if given_up else "synced",
        given_up,
    )
    assert attributes["last_error"] in {None, *Reason}
    assert runtime_of(entry).lane.health.phase is Phase.READY


def test_every_regression_has_its_test() -> None:
    here = [name for name in globals() if name.startswith("test_r")]
    numbers = sorted(name.split("_")[1] for name in here)
    assert numbers == [f"r{number:02}" for number in range(1, 15)]
