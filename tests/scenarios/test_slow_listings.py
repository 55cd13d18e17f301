"""A server whose wide listings take minutes, and go on when nobody waits any more."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise

from homeassistant.core import HomeAssistant
import pytest

from tests.common import drained
from tests.fakes.base import FakeServer
from tests.fakes.library import SeedMovie

from .house import ONE_PLAY, JellyfinSide, Side, act, runtime_of, state_of, until_true
from .machine import TimeMachine

#: Seconds that such a listing took on a real server with 5,000 watched episodes.
STALE = 75.0
HOUR = 3600.0


@pytest.fixture(params=["plex", "jellyfin", "emby"])
def side(request: pytest.FixtureRequest) -> Side:
    """One kind of server after the other."""
    found: Side = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def slow(side: Side) -> Iterator[FakeServer]:
    """A server with a slow disk, or before its optimisation (every six hours)."""
    server = side.server
    server.slow_listings = STALE
    yield server
    assert server.most_wide_listings <= 1
    # Three an hour, and three times as long to rest as each took.
    rests = [later - one for one, later in pairwise(server.wide_listings)]
    assert all(rest >= timedelta(minutes=20, seconds=STALE) for rest in rests)


async def later(machine: TimeMachine, seconds: float) -> None:
    """Let time pass."""
    machine.running = True
    await asyncio.sleep(seconds)
    machine.running = False


async def test_lane_comes_up_and_delivers_while_listings_take_minutes(
    hass: HomeAssistant,
    side: Side,
    slow: FakeServer,
    machine: TimeMachine,
) -> None:
    entry = await side.connect(hass)
    assert state_of(hass, entry, "sync_status") == "synced"
    await later(machine, 60)
    # Something slow is under way by now.
    await until_true(lambda: len(slow.wide_listings) == 1)
    film = side.item_id("Alien")
    began = machine.elapsed
    answer = await act(hass, "mark_watched", item_id=film, wait=60)
    assert [row["status"] for row in answer["operations"]] == ["confirmed"]
    await drained(hass, entry)
    assert side.seen(film) == ONE_PLAY
    assert state_of(hass, entry, "sync_status") == "synced"
    # No time was skipped for it, so it waited for nothing.
    assert machine.elapsed == began
    for _ in range(6):
        # After each gap there is something to be found out.
        await slow.drop_sockets()
        await later(machine, HOUR / 4)
        assert state_of(hass, entry, "sync_status") == "synced"
    assert len(slow.wide_listings) > 1


@pytest.mark.parametrize("side", ["jellyfin"], indirect=True)
@pytest.mark.usefixtures("slow")
async def test_what_others_played_meanwhile_is_found_at_leisure(
    hass: HomeAssistant,
    jellyfin: JellyfinSide,
    machine: TimeMachine,
) -> None:
    films = [
        jellyfin.server.add_movie(
            SeedMovie(f"Film {n}", 2000, 90, {"imdb": f"tt{9_000_000 + n}"})
        )
        for n in range(40)
    ]
    entry = await jellyfin.connect(hass)
    await later(machine, HOUR / 2)
    await hass.config_entries.async_unload(entry.entry_id)
    episode = jellyfin.item_id("Chernobyl", season=1, episode=1)
    for item_id in (*films, episode):
        await jellyfin.put(item_id, plays=1)
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    await later(machine, HOUR)
    ledger = runtime_of(entry).lane.ledger
    known = {item_id for item_id in (*films, episode) if ledger.base(item_id)}
    assert known == {*films, episode}
    assert runtime_of(entry).coordinator.data.last_played == episode
