"""Servers restored from another database: ids are other works', over TCP.

The example: a server is away and comes back. What was one film's id is another's.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from homeassistant.core import (
    Event,
    EventStateChangedData,
    HomeAssistant,
    callback,
)
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.event import async_track_state_change_event
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.watched_sync.const import DOMAIN
from custom_components.watched_sync.core.errors import Reason
from custom_components.watched_sync.core.lane import Phase
from custom_components.watched_sync.core.outbox import Result
from tests.common import drained
from tests.fakes.base import FaultKind

from .house import (
    ONE_PLAY,
    UNSEEN,
    USER,
    JellyfinSide,
    PlexSide,
    Side,
    act,
    bring_back,
    cut_off,
    notice,
    runtime_of,
    until_true,
    waiting,
)
from .machine import TimeMachine
from .test_mirror import COPIED, QUIET, counts, link, passing

FILM, OTHER = "Alien", "Arrival"
SHOW, OTHER_SHOW = "Severance", "Chernobyl"


def swapped(side: Side, *titles: str) -> dict[str, str]:
    """Return new ids of two works: each other's."""
    one, other = (side.item_id(title) for title in titles)
    return {one: other, other: one}


def shows_swapped(side: Side) -> dict[str, str]:
    """Return new ids of two shows and of all that both have below them."""
    new_ids = swapped(side, SHOW, OTHER_SHOW)
    for episode in (None, 1, 2, 3, 4, 5):
        one, other = (
            side.item_id(title, season=1, episode=episode)
            for title in (SHOW, OTHER_SHOW)
        )
        new_ids |= {one: other, other: one}
    return new_ids


def unused_id(side: Side) -> str:
    """Return an id that no work has had yet."""
    return "9" * 32 if isinstance(side, JellyfinSide) else "9999"


async def come_back(
    hass: HomeAssistant, entry: MockConfigEntry, side: Side, new_ids: dict[str, str]
) -> None:
    """Restart a server from another database, and wait until its lane knows."""
    sockets = side.server.count("websocket|/socket$")
    await side.server.restart_renumbered(new_ids)
    await notice(hass, entry, Phase.READY)
    await until_true(
        lambda: side.server.count("websocket|/socket$") > sockets, seconds=120
    )
    await runtime_of(entry).coordinator.catch_up()
    await hass.async_block_till_done()


@contextmanager
def told(hass: HomeAssistant, entry: MockConfigEntry) -> Iterator[list[str | None]]:
    """Note what a lane tells automations of, until this is left."""
    entity_id = er.async_get(hass).async_get_entity_id(
        "event", DOMAIN, f"{entry.unique_id}:activity"
    )
    assert entity_id is not None
    heard: list[str | None] = []

    @callback
    def hear(event: Event[EventStateChangedData]) -> None:
        if (state := event.data["new_state"]) is not None:
            heard.append(state.attributes.get("event_type"))

    remove = async_track_state_change_event(hass, entity_id, hear)
    try:
        yield heard
    finally:
        remove()


# --- operations -------------------------------------------------------------------


async def test_operation_is_for_the_film_and_not_for_what_has_its_id_now(
    hass: HomeAssistant, side: Side
) -> None:
    entry = await side.connect(hass, side.film(FILM))
    await cut_off(hass, entry, side)
    answer = await act(
        hass,
        "mark_watched",
        item_id=side.item_id(FILM),
        config_entry_id=entry.entry_id,
    )
    assert [row["status"] for row in answer["operations"]] == ["queued"]
    side.server.renumber(swapped(side, FILM, OTHER))
    await bring_back(hass, entry, side)
    await drained(hass, entry)
    assert side.all_seen() == {(USER, side.item_id(FILM)): ONE_PLAY}
    assert side.marks() == [("watched", side.item_id(FILM))]
    (done,) = runtime_of(entry).lane.outbox.history
    assert done.result is Result.DELIVERED
    assert done.operation.item.title == FILM
    assert done.operation.item.item_id == side.item_id(FILM)


async def test_operation_for_a_film_that_is_not_there_waits_and_is_nobody_elses(
    hass: HomeAssistant, side: Side, machine: TimeMachine
) -> None:
    entry = await side.connect(hass, side.film(FILM))
    await cut_off(hass, entry, side)
    old, parked = side.item_id(FILM), unused_id(side)
    await act(hass, "mark_watched", item_id=old, config_entry_id=entry.entry_id)
    side.server.renumber({old: parked, side.item_id(OTHER): old})
    side.remove(parked)
    await bring_back(hass, entry, side)
    await until_true(
        lambda: [one.last_error for one in waiting(entry)] == [Reason.MISSING]
    )
    machine.running = True
    await asyncio.sleep(QUIET)
    assert side.writes == []
    assert side.all_seen() == {}
    found = side.put_back(parked)
    await drained(hass, entry, seconds=2 * 3600)
    assert side.all_seen() == {(USER, found): ONE_PLAY}


async def test_operation_for_a_show_goes_to_its_episodes(
    hass: HomeAssistant, side: Side
) -> None:
    entry = await side.connect(hass, side.show(SHOW))
    await cut_off(hass, entry, side)
    await act(
        hass,
        "mark_watched",
        item_id=side.item_id(SHOW),
        config_entry_id=entry.entry_id,
        scope="show",
    )
    side.server.renumber(shows_swapped(side))
    await bring_back(hass, entry, side)
    await drained(hass, entry)
    assert set(side.all_seen()) == {
        (USER, leaf) for leaf in side.leaves(side.item_id(SHOW))
    }


async def test_mark_that_nobody_answered_is_looked_for_at_the_film(
    hass: HomeAssistant, side: Side, machine: TimeMachine
) -> None:
    """The server dies with the answer, and has another database afterwards."""
    entry = await side.connect(hass)
    late = side.server.fail(
        FaultKind.APPLIED_BUT_SLOW, path=side.write_paths, delay=3600
    )
    await act(hass, "mark_watched", title=FILM)
    await late.struck.wait()
    await side.server.restart_renumbered(swapped(side, FILM, OTHER))
    machine.running = True
    await drained(hass, entry, seconds=3600)
    assert side.all_seen() == {(USER, side.item_id(FILM)): ONE_PLAY}
    assert len(side.writes) == 1
    (done,) = runtime_of(entry).lane.outbox.history
    assert done.operation.item.item_id == side.item_id(FILM)


# --- what is kept ---------------------------------------------------------------------


async def test_undo_takes_back_from_the_film_that_was_marked(
    hass: HomeAssistant, side: Side
) -> None:
    await side.put(side.item_id(OTHER), plays=1)
    entry = await side.connect(hass, side.film(FILM))
    answer = await act(hass, "mark_watched", title=FILM)
    await drained(hass, entry)
    with told(hass, entry) as heard:
        await come_back(hass, entry, side, swapped(side, FILM, OTHER))
    assert heard == []
    await act(hass, "undo", batch_id=answer["batch_id"])
    await drained(hass, entry)
    assert side.seen(side.item_id(FILM)) == UNSEEN
    assert side.seen(side.item_id(OTHER)) == ONE_PLAY
    # What is listed as done speaks of the film as well.
    history = await act(hass, "get_history", config_entry_id=entry.entry_id)
    assert {row["title"].split(" (")[0] for row in history["operations"]} == {FILM}


async def test_tracked_switch_stays_with_its_film(
    hass: HomeAssistant, side: Side
) -> None:
    film = side.film(FILM)
    await side.put(side.item_id(OTHER), plays=1)
    entry = await side.connect(hass, film)
    switch = er.async_get(hass).async_get_entity_id(
        "switch", DOMAIN, f"{entry.unique_id}:{film.item_id}:watched"
    )
    assert switch is not None

    def shown() -> str:
        state = hass.states.get(switch)
        assert state is not None
        return state.state

    assert shown() == "off"
    with told(hass, entry) as heard:
        await come_back(hass, entry, side, swapped(side, FILM, OTHER))
        assert shown() == "off"
        assert heard == []
    await hass.services.async_call(
        "switch", "turn_on", {"entity_id": switch}, blocking=True
    )
    await drained(hass, entry)
    assert shown() == "on"
    assert side.marks() == [("watched", side.item_id(FILM))]
    await hass.services.async_call(
        "switch", "turn_off", {"entity_id": switch}, blocking=True
    )
    await drained(hass, entry)
    assert side.seen(side.item_id(OTHER)) == ONE_PLAY


# --- copies ---------------------------------------------------------------------------


async def test_restore_is_no_change_that_is_copied(
    hass: HomeAssistant,
    plex: PlexSide,
    jellyfin: JellyfinSide,
    machine: TimeMachine,
    side: Side,
) -> None:
    """One film is watched on both servers, and the other has its id then."""
    other: Side = jellyfin if side is plex else plex
    for one in (plex, jellyfin):
        await one.put(one.item_id(FILM), plays=1, at=one.server.clock())
    # Watched there alone: an un-mark that nobody made would take it away.
    await other.put(other.item_id(OTHER), plays=1, at=other.server.clock())
    items = [(one.film(FILM), one.film(OTHER)) for one in (side, other)]
    source = await side.connect(hass, *items[0])
    target = await other.connect(hass, *items[1])
    await link(hass, source, target)
    await link(hass, target, source)
    machine.running = True
    await passing(machine, COPIED)
    with told(hass, source) as heard, told(hass, target) as heard_there:
        await come_back(hass, source, side, swapped(side, FILM, OTHER))
        await passing(machine, QUIET)
    assert heard == heard_there == []
    assert side.writes == other.writes == []
    assert counts(source).pending == counts(target).pending == 0
    assert other.seen(other.item_id(FILM)).watched
    assert other.seen(other.item_id(OTHER)).watched
    # And what does happen then is copied between the right ones.
    await side.put(side.item_id(OTHER), position=1800)
    await side.put(side.item_id(FILM), plays=0)
    await passing(machine, 2 * COPIED)
    assert not other.seen(other.item_id(FILM)).watched
