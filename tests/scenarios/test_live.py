"""What others do on a server: seen soon, seen once, and at next to no cost."""

import asyncio

from homeassistant.config_entries import SOURCE_REAUTH
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.watched_sync.const import DOMAIN
from custom_components.watched_sync.core.lane import Phase
from custom_components.watched_sync.core.observer import GATHER
from custom_components.watched_sync.core.snapshot import ItemView, SyncSnapshot
from tests.common import drained
from tests.fakes.base import FaultKind

from .house import (
    USER,
    JellyfinSide,
    PlexSide,
    Side,
    act,
    bring_back,
    cut_off,
    runtime_of,
    until_true,
)
from .machine import TimeMachine

HOUR = 3600.0
SOCKET = "websocket|/socket$"


def view(entry: MockConfigEntry, item_id: str) -> ItemView:
    found = runtime_of(entry).coordinator.view(item_id)
    assert found is not None
    return found


def is_watched(entry: MockConfigEntry, item_id: str) -> bool | None:
    return view(entry, item_id).desired.watched


def published(entry: MockConfigEntry) -> list[SyncSnapshot]:
    """Return the list to which everything that is published is added."""
    coordinator = runtime_of(entry).coordinator
    seen: list[SyncSnapshot] = []
    entry.async_on_unload(
        coordinator.async_add_listener(lambda: seen.append(coordinator.data))
    )
    return seen


def socket_count(side: Side) -> int:
    return side.server.count(SOCKET)


async def connected(side: Side) -> None:
    """Wait until the socket stands."""
    await until_true(lambda: bool(side.server.sockets))


async def play_to_the_end(side: Side, item_id: str) -> None:
    """Have the same user watch something to its end in another client."""
    if isinstance(side, PlexSide):
        await side.server.play(USER, item_id)
    elif isinstance(side, JellyfinSide):
        length = side.server.catalogue.items[item_id].run_time_ticks
        await side.server.play(USER, item_id)
        await side.server.stop_playing(USER, position_ticks=length)


async def unmark(side: Side, item_id: str) -> None:
    """Take a mark back by hand in another client."""
    if isinstance(side, PlexSide):
        side.server.mark(USER, item_id, watched=False)
    elif isinstance(side, JellyfinSide):
        await side.server.set_state(USER, item_id, played=False)


# --- seen soon -----------------------------------------------------------------------


async def test_end_of_a_playback_elsewhere_is_seen(
    hass: HomeAssistant, side: Side
) -> None:
    film = side.film("Alien")
    entry = await side.connect(hass, film)
    await connected(side)
    assert is_watched(entry, film.item_id) is False
    await play_to_the_end(side, film.item_id)
    await until_true(lambda: is_watched(entry, film.item_id) is True)
    assert runtime_of(entry).coordinator.data.last_played == film.item_id


async def test_mark_and_its_return_in_another_jellyfin_client_are_seen(
    hass: HomeAssistant, jellyfin: JellyfinSide
) -> None:
    film, show = jellyfin.film("Alien"), jellyfin.show("Severance")
    entry = await jellyfin.connect(hass, film, show)
    await connected(jellyfin)
    coordinator = runtime_of(entry).coordinator
    unwatched = coordinator.shows[show.item_id].unwatched
    await jellyfin.put(film.item_id, plays=1)
    await until_true(lambda: is_watched(entry, film.item_id) is True)
    await unmark(jellyfin, film.item_id)
    await until_true(lambda: is_watched(entry, film.item_id) is False)
    # An episode of a tracked show moves the show.
    await jellyfin.put(jellyfin.item_id("Severance", season=1, episode=1), plays=1)
    await until_true(lambda: coordinator.shows[show.item_id].unwatched == unwatched - 1)


async def test_mark_and_its_return_in_another_plex_client_are_seen_in_35_seconds(
    hass: HomeAssistant, plex: PlexSide, machine: TimeMachine
) -> None:
    film, show = plex.film("Alien"), plex.show("Severance")
    entry = await plex.connect(hass, film, show)
    await connected(plex)
    coordinator = runtime_of(entry).coordinator
    unwatched = coordinator.shows[show.item_id].unwatched
    machine.running = True
    plex.server.mark(USER, film.item_id)
    plex.server.mark(USER, plex.item_id("Severance", season=1, episode=1))
    await asyncio.sleep(35)
    assert is_watched(entry, film.item_id) is True
    assert coordinator.shows[show.item_id].unwatched == unwatched - 1
    await unmark(plex, film.item_id)
    await unmark(plex, plex.item_id("Severance", season=1, episode=1))
    await asyncio.sleep(35)
    assert is_watched(entry, film.item_id) is False
    assert coordinator.shows[show.item_id].unwatched == unwatched


async def test_item_that_is_removed_is_no_longer_up_next(
    hass: HomeAssistant, side: Side
) -> None:
    film = side.film("Alien")
    await side.put(film.item_id, position=1800)
    entry = await side.connect(hass)
    await connected(side)
    coordinator = runtime_of(entry).coordinator
    assert coordinator.data.up_next == (film.item_id,)
    # The lists are not read again at once.
    coordinator._lists_read_at -= 10
    if isinstance(side, PlexSide | JellyfinSide):
        side.server.remove_item(film.item_id)
    await until_true(lambda: coordinator.data.up_next == ())


# --- seen once -----------------------------------------------------------------------


@pytest.mark.parametrize("title", ["Grey's Anatomy", "Chernobyl"])
async def test_echoes_of_our_own_marks_are_no_news(
    hass: HomeAssistant, jellyfin: JellyfinSide, title: str
) -> None:
    show = jellyfin.show(title)
    entry = await jellyfin.connect(hass, show)
    await connected(jellyfin)
    (socket,) = jellyfin.server.sockets
    coordinator = runtime_of(entry).coordinator
    await act(hass, "mark_watched", item_id=show.item_id, confirm=True)
    await drained(hass, entry)
    # The lists are read once more after a delivery, and the echo comes after that.
    await coordinator.async_refresh()
    await hass.async_block_till_done()
    assert is_watched(entry, show.item_id) is True
    seen = published(entry)
    reads = jellyfin.server.count("/Items$")

    def echoes() -> list[str]:
        return [
            row["ItemId"]
            for message in socket.sent
            if message["MessageType"] == "UserDataChanged"
            for row in message["Data"]["UserDataList"]
        ]

    await until_true(lambda: len(echoes()) >= len(jellyfin.leaves(show.item_id)))
    await asyncio.sleep(3 * GATHER)
    await until_true(lambda: not coordinator._one_read.locked())
    assert len(seen) <= 1
    # They tell what is known already, of which nothing is asked.
    assert jellyfin.server.count("/Items$") == reads


# --- sockets that come and go --------------------------------------------------------


@pytest.mark.parametrize("how", ["drop", "restart"])
async def test_what_happened_while_the_socket_was_away_is_seen(
    hass: HomeAssistant, side: Side, machine: TimeMachine, how: str
) -> None:
    film = side.film("Alien")
    entry = await side.connect(hass, film)
    await connected(side)
    machine.running = True
    await asyncio.sleep(300)
    side.server.muted = True
    await (side.server.drop_sockets() if how == "drop" else side.server.restart())
    await side.put(film.item_id, plays=1)
    side.server.muted = False
    requests = socket_count(side)
    await until_true(lambda: socket_count(side) > requests)
    await asyncio.sleep(20)
    assert is_watched(entry, film.item_id) is True
    assert len(side.server.sockets) == 1


async def test_what_happened_during_an_outage_is_seen_before_anything_is_written(
    hass: HomeAssistant, side: Side
) -> None:
    seen, asked = side.film("Alien"), side.film("Arrival")
    entry = await side.connect(hass, seen, asked)
    await connected(side)
    await cut_off(hass, entry, side)
    await side.put(seen.item_id, plays=1)
    await act(
        hass,
        "mark_watched",
        item_id=asked.item_id,
        config_entry_id=entry.entry_id,
    )
    side.server.clear_log()
    await bring_back(hass, entry, side)
    await drained(hass, entry)
    assert is_watched(entry, seen.item_id) is True
    lines = [one.path for one in side.server.requests]
    (write,) = side.writes
    (socket,) = side.server.find(SOCKET)
    lists = side.server.find(side.read_paths)
    assert socket.seq < write.seq, lines
    # Probe, lists and known items come between the two.
    assert len([one for one in lists if socket.seq < one.seq < write.seq]) >= 3, lines


@pytest.mark.parametrize("status", [403, 404, 503])
async def test_socket_refused_for_an_hour_causes_no_storm(
    hass: HomeAssistant, side: Side, machine: TimeMachine, status: int
) -> None:
    film = side.film("Alien")
    side.server.fail(FaultKind.STATUS, path=SOCKET, status=status, times=None)
    entry = await side.connect(hass, film)
    machine.running = True
    await asyncio.sleep(60)
    side.server.clear_log()
    await asyncio.sleep(HOUR)
    assert socket_count(side) < (200 if status == 503 else 20)
    # Three requests for each glance, and libraries that are read at leisure.
    assert side.server.count() - socket_count(side) <= HOUR / 60 * 6
    assert runtime_of(entry).lane.health.phase is Phase.READY
    # What the socket would have told is seen all the same.
    await side.put(film.item_id, plays=1)
    await asyncio.sleep(40)
    assert is_watched(entry, film.item_id) is True


async def test_idle_hour_costs_next_to_nothing(
    hass: HomeAssistant, side: Side, machine: TimeMachine
) -> None:
    """A minute costs Plex six requests at most, later on two, and Jellyfin none."""
    for number in range(1, 6):
        await side.put(side.item_id("Severance", season=1, episode=number), plays=1)
    entry = await side.connect(hass, side.show("Severance"), side.film("Alien"))
    await connected(side)
    machine.running = True
    await asyncio.sleep(60)
    side.server.clear_log()
    seen = published(entry)
    is_plex = side.kind == "plex"
    await asyncio.sleep(600)
    assert side.server.count() <= 60 * is_plex
    # Meanwhile the libraries were read for the first time, a request now and then.
    await asyncio.sleep(HOUR)
    side.server.clear_log()
    await asyncio.sleep(600)
    assert side.server.count() <= 20 * is_plex
    assert seen == []
    assert len(side.server.sockets) == 1


async def test_revoked_token_parks_the_lane_and_asks_for_another(
    hass: HomeAssistant, side: Side
) -> None:
    entry = await side.connect(hass)
    await connected(side)
    side.revoke()
    await until_true(lambda: runtime_of(entry).lane.health.phase is Phase.PARKED)
    await hass.async_block_till_done()
    flows = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    assert [flow["context"]["source"] for flow in flows] == [SOURCE_REAUTH]


async def test_unloading_closes_the_socket_and_a_reload_opens_one(
    hass: HomeAssistant, side: Side
) -> None:
    entry = await side.connect(hass)
    await connected(side)
    (socket,) = side.server.sockets
    assert await hass.config_entries.async_unload(entry.entry_id)
    await asyncio.wait_for(socket.closed.wait(), 10)
    assert side.server.sockets == []
    assert not [task for task in asyncio.all_tasks() if DOMAIN in task.get_name()]
    assert await hass.config_entries.async_setup(entry.entry_id)
    await connected(side)
    assert len(side.server.sockets) == 1
