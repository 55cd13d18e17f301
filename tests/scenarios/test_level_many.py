"""Bringing servers level of which a lot differs: what it costs, and that it lasts."""

import asyncio
from datetime import UTC, datetime, timedelta
from random import Random

from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from tests.fakes import library

from .big_outage import named
from .house import ONE_PLAY, USER, JellyfinSide, PlexSide, Side
from .machine import TimeMachine
from .test_level import films, level, over, read
from .test_mirror import link, passing

FILMS = 200
LONG_AGO = datetime(2024, 3, 3, 20, 15, tzinfo=UTC)

#: What is not asked because of a change: sockets, and looks at who is there.
SOCKETS = "websocket|/socket$"


@pytest.fixture(autouse=True)
def many_films(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give both servers many films more."""
    monkeypatch.setattr(library, "MOVIES", (*library.MOVIES, *films(FILMS)))


def long_ago(side: Side) -> list[str]:
    """Return the ids of those films, in one order on both sides."""
    return named(side, "Film of long ago")


async def watch_half_each(plex: PlexSide, jellyfin: JellyfinSide) -> None:
    """Have every film watched on one of both."""
    for number, pair in enumerate(zip(long_ago(plex), long_ago(jellyfin), strict=True)):
        side = (plex, jellyfin)[number % 2]
        at = LONG_AGO + timedelta(hours=number)
        await side.put(pair[number % 2], plays=1, at=at)


async def mark(side: Side, item_id: str, *, watched: bool) -> None:
    """Have somebody else's client mark a film, or take the mark back."""
    if isinstance(side, PlexSide):
        side.server.mark(USER, item_id, watched=watched)
    else:
        assert isinstance(side, JellyfinSide)
        await side.server.set_state(USER, item_id, played=watched)


async def connect(
    hass: HomeAssistant, plex: PlexSide, jellyfin: JellyfinSide, machine: TimeMachine
) -> list[MockConfigEntry]:
    await watch_half_each(plex, jellyfin)
    lanes = [await plex.connect(hass), await jellyfin.connect(hass)]
    machine.running = True
    await read(*lanes)
    await passing(machine, 60)
    return lanes


def asked_of(side: Side) -> int:
    """Return how many requests a server was asked, apart from its socket."""
    return side.server.count() - side.server.count(SOCKETS)


def differing(plex: PlexSide, jellyfin: JellyfinSide) -> int:
    pairs = zip(long_ago(plex), long_ago(jellyfin), strict=True)
    return sum(
        plex.seen(one).watched is not jellyfin.seen(other).watched
        for one, other in pairs
    )


async def test_a_difference_costs_hardly_more_than_the_request_that_ends_it(
    hass: HomeAssistant,
    plex: PlexSide,
    jellyfin: JellyfinSide,
    machine: TimeMachine,
) -> None:
    lanes = await connect(hass, plex, jellyfin, machine)
    assert differing(plex, jellyfin) == FILMS
    for side in (plex, jellyfin):
        side.server.clear_log()
    begun = await level(hass, lanes)
    done = await over(hass, begun["batch_id"])
    assert done["done"] == FILMS
    assert differing(plex, jellyfin) == 0
    requests = asked_of(plex) + asked_of(jellyfin)
    assert requests <= 1.05 * FILMS
    for side in (plex, jellyfin):
        assert len(side.writes) == FILMS // 2
        assert {side.seen(film) for film in long_ago(side)} == {ONE_PLAY}


@pytest.mark.long
@pytest.mark.timeout(900)
async def test_levelled_and_mirrored_for_a_day_both_are_equal_at_its_end(
    hass: HomeAssistant,
    plex: PlexSide,
    jellyfin: JellyfinSide,
    machine: TimeMachine,
) -> None:
    lanes = await connect(hass, plex, jellyfin, machine)
    await link(hass, lanes[0], lanes[1])
    await link(hass, lanes[1], lanes[0])
    rng = Random(16)
    begun = await level(hass, lanes)
    pairs = list(zip(long_ago(plex), long_ago(jellyfin), strict=True))
    wanted = dict.fromkeys(range(FILMS), True)
    for hour in range(24):
        for number in rng.sample(range(FILMS), 6):
            at_plex = rng.random() < 0.5
            wanted[number] = not wanted[number]
            side: Side = plex if at_plex else jellyfin
            await mark(side, pairs[number][0 if at_plex else 1], watched=wanted[number])
        if hour == 7:
            await jellyfin.server.go_dark()
        if hour == 9:
            await jellyfin.server.come_back()
        if hour == 12:
            assert await hass.config_entries.async_reload(lanes[0].entry_id)
        await asyncio.sleep(3600)
    await over(hass, begun["batch_id"])
    await asyncio.sleep(3600)
    assert {
        number: (plex.seen(pair[0]).watched, jellyfin.seen(pair[1]).watched)
        for number, pair in enumerate(pairs)
    } == {number: (one, one) for number, one in wanted.items()}
