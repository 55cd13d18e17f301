"""A server that is away: for an hour, with a thousand operations."""

import asyncio
from itertools import pairwise
import logging

from homeassistant.core import HomeAssistant
import pytest

from custom_components.watched_sync.core.backoff import LANE_BACKOFF
from custom_components.watched_sync.core.lane import Phase
from tests.common import drained, until
from tests.fakes.base import FaultKind

from .house import (
    ONE_PLAY,
    USER,
    JellyfinSide,
    Seen,
    Side,
    Traffic,
    act,
    cut_off,
    on_disk,
    runtime_of,
    state_of,
    waiting,
)
from .machine import TimeMachine

HOUR = 3600.0


@pytest.mark.parametrize(
    "side", ["jellyfin", pytest.param("plex", marks=pytest.mark.long)], indirect=True
)
async def test_hour_without_a_server_and_a_thousand_operations(
    hass: HomeAssistant,
    side: Side,
    machine: TimeMachine,
    traffic: Traffic,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Everything is accepted, one probe an interval is sent, nothing is sent twice."""
    leaves = side.leaves(side.item_id("Grey's Anatomy"))[:400]
    for leaf in leaves[100:200]:
        await side.put(leaf, plays=1)
    for leaf in leaves[200:300]:
        await side.put(leaf, plays=2)
    entry = await side.connect(hass)
    lane = runtime_of(entry).lane
    before = side.all_seen()
    await cut_off(hass, entry, side)

    # Each item is asked for twice or three times, and the last is another change.
    operations = [
        ("mark_unwatched" if 400 <= number < 800 else "mark_watched", leaves[place])
        for number in range(1000)
        for place in (number % 400,)
    ]
    for action, item_id in operations:
        answer = await act(
            hass, action, item_id=item_id, config_entry_id=entry.entry_id
        )
        assert [row["status"] for row in answer["operations"]] == ["queued"]
    assert len(waiting(entry)) == 400
    assert len(on_disk(hass, entry)["operations"]) == 400

    caplog.clear()
    traffic.clear()
    failures = lane.health.failures
    machine.running = True
    await asyncio.sleep(HOUR)
    machine.running = False
    probes = list(traffic)
    assert state_of(hass, entry, "sync_status") == "offline"
    assert state_of(hass, entry, "pending") == "400"
    # One request at a time, never two in one interval, however much waits.
    assert len(probes) == lane.health.failures - failures
    assert len({(one.method, one.path) for one in probes}) == 1
    for earlier, later in pairwise(probes):
        assert LANE_BACKOFF.floor <= later.at - earlier.at <= LANE_BACKOFF.cap + 1
    assert HOUR / LANE_BACKOFF.cap <= len(probes) <= HOUR / 5
    ours = [
        record.message
        for record in caplog.records
        if record.name.startswith("custom_components.")
        and record.levelno >= logging.INFO
    ]
    assert ours == []  # the outage was told once, when it began
    assert all(one.attempts == 0 for one in waiting(entry))

    await side.server.come_back()
    side.server.clear_log()
    returned = machine.seconds()
    machine.running = True
    await until(
        runtime_of(entry), lambda: lane.health.phase is Phase.READY, seconds=HOUR
    )
    assert machine.seconds() - returned <= LANE_BACKOFF.cap + 1
    noticed = machine.seconds()
    await drained(hass, entry, seconds=HOUR)
    assert machine.seconds() - noticed < 20
    wanted = {
        **{(USER, leaf): ONE_PLAY for leaf in leaves[:200]},
        **{(USER, leaf): None for leaf in leaves[200:400]},
    }
    after = {key: seen for key, seen in (before | wanted).items() if seen is not None}
    assert side.all_seen() == after
    # Only what was not so already was written, each once, in their order.
    expected = [("unwatched", leaf) for leaf in leaves[200:300]]
    expected += [("watched", leaf) for leaf in leaves[:100]]
    sent = side.marks()
    if isinstance(side, JellyfinSide):
        assert sent == expected
    else:
        # Four at a time: the order of those four is the server's.
        assert sorted(sent) == sorted(expected)
        assert all(
            abs(place - expected.index(mark)) < 8 for place, mark in enumerate(sent)
        )
    assert state_of(hass, entry, "sync_status") == "synced"
    assert state_of(hass, entry, "failed") == "0"


async def test_server_that_asks_for_patience_is_left_alone_that_long(
    hass: HomeAssistant, side: Side, machine: TimeMachine, traffic: Traffic
) -> None:
    film = side.item_id("Arrival")
    entry = await side.connect(hass, side.film("Arrival"))
    fault = side.server.fail(
        FaultKind.STATUS, status=503, retry_after=120, times=2, path=side.read_paths
    )
    traffic.clear()
    machine.running = True
    await act(hass, "mark_watched", item_id=film, config_entry_id=entry.entry_id)
    await drained(hass, entry, seconds=HOUR)
    assert fault.hits == 2
    first, second, third, *_ = traffic
    assert second.at - first.at >= 120
    assert third.at - second.at >= 120
    assert side.all_seen() == {(USER, film): ONE_PLAY}


async def test_outage_is_told_once_and_so_is_its_end(
    hass: HomeAssistant,
    side: Side,
    machine: TimeMachine,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Two lines for an outage, with neither a title nor a user's name in them."""
    entry = await side.connect(hass)
    name = entry.data["server_name"]
    caplog.clear()
    await cut_off(hass, entry, side)
    for title in ("Arrival", "Alien", "Stalker"):
        await act(
            hass,
            "mark_watched",
            item_id=side.item_id(title),
            config_entry_id=entry.entry_id,
        )
    machine.running = True
    await asyncio.sleep(600)
    await side.server.come_back()
    await drained(hass, entry, seconds=HOUR)
    told = [
        (record.levelname, record.getMessage())
        for record in caplog.records
        if record.name.startswith("custom_components.")
        and record.levelno >= logging.INFO
    ]
    assert told == [
        ("INFO", f"Lost contact with {name}: unreachable"),
        ("INFO", f"{name} is back: delivered 3, waiting 0"),
    ]


async def test_person_who_cannot_wait_ends_the_backoff(
    hass: HomeAssistant, side: Side
) -> None:
    """No time is skipped here: `sync_now` alone gets it delivered."""
    film = side.item_id("Arrival")
    entry = await side.connect(hass)
    await cut_off(hass, entry, side)
    await act(hass, "mark_watched", item_id=film, config_entry_id=entry.entry_id)
    await side.server.come_back()
    await act(hass, "sync_now")
    await drained(hass, entry)
    assert side.all_seen() == {(USER, film): ONE_PLAY}


async def test_what_was_watched_elsewhere_during_the_outage_is_not_played_again(
    hass: HomeAssistant, side: Side
) -> None:
    film = side.item_id("Arrival")
    entry = await side.connect(hass)
    await cut_off(hass, entry, side)
    await act(hass, "mark_watched", item_id=film, config_entry_id=entry.entry_id)
    await side.put(film, plays=1)
    await side.server.come_back()
    await act(hass, "sync_now")
    await drained(hass, entry)
    assert side.writes == []
    assert side.all_seen() == {(USER, film): ONE_PLAY}


async def test_newer_play_elsewhere_wins_over_an_older_operation(
    hass: HomeAssistant, side: Side, machine: TimeMachine
) -> None:
    film = side.item_id("Arrival")
    await side.put(film, plays=1)
    entry = await side.connect(hass)
    await cut_off(hass, entry, side)
    await act(hass, "mark_unwatched", item_id=film, config_entry_id=entry.entry_id)
    machine.running = True
    await asyncio.sleep(600)
    await side.put(film, plays=2, at=side.server.clock())
    await side.server.come_back()
    await drained(hass, entry, seconds=HOUR)
    assert side.writes == []
    assert side.all_seen() == {(USER, film): Seen(watched=True, plays=2)}


async def test_last_operation_for_a_show_and_its_episode_is_kept(
    hass: HomeAssistant, side: Side
) -> None:
    """Show watched, one episode unwatched: in that order, whatever the writes are."""
    show = side.show("Chernobyl")
    leaves = side.leaves(show.item_id)
    entry = await side.connect(hass, show)
    await cut_off(hass, entry, side)
    await act(hass, "mark_watched", item_id=leaves[0], config_entry_id=entry.entry_id)
    await act(
        hass, "mark_watched", item_id=show.item_id, config_entry_id=entry.entry_id
    )
    await act(hass, "mark_unwatched", item_id=leaves[2], config_entry_id=entry.entry_id)
    await side.server.come_back()
    await act(hass, "sync_now")
    await drained(hass, entry)
    assert side.all_seen() == {
        (USER, leaf): ONE_PLAY for leaf in leaves if leaf != leaves[2]
    }
