"""Mirroring between a simulated Plex and a simulated Jellyfin, over TCP."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.watched_sync.const import DOMAIN
from custom_components.watched_sync.core.identity import Item
from custom_components.watched_sync.core.mirror import Skip
from custom_components.watched_sync.core.operation import Origin
from tests.common import drained
from tests.fakes.base import FaultKind

from .house import (
    ONE_PLAY,
    UNSEEN,
    USER,
    JellyfinSide,
    PlexSide,
    Seen,
    Side,
    act,
    bring_back,
    cut_off,
    runtime_of,
    until_true,
)
from .machine import TimeMachine

#: Seconds after which a change is seen, judged, copied and delivered.
COPIED = 60.0

#: Seconds after which nothing more can be on its way.
QUIET = 600.0


def mirrored_to(*targets: MockConfigEntry) -> dict[str, Any]:
    """Return the options of an entry that is copied to *targets*."""
    return {"mirror": {"mirror_to": [one.entry_id for one in targets]}}


async def link(
    hass: HomeAssistant, source: MockConfigEntry, *targets: MockConfigEntry
) -> None:
    """Have a lane copied to others, as the options form does."""
    hass.config_entries.async_update_entry(source, options=mirrored_to(*targets))
    await hass.async_block_till_done()


async def passing(machine: TimeMachine, seconds: float) -> None:
    """Let that much time pass."""
    assert machine.running, "else it takes that long"
    await asyncio.sleep(seconds)


async def both(
    hass: HomeAssistant,
    plex: PlexSide,
    jellyfin: JellyfinSide,
    items: Callable[[Side], Iterable[Item]],
) -> tuple[MockConfigEntry, MockConfigEntry]:
    """Connect both servers, tracking the same on each."""
    return (
        await plex.connect(hass, *items(plex)),
        await jellyfin.connect(hass, *items(jellyfin)),
    )


def alien(side: Side) -> tuple[Item, ...]:
    return (side.film("Alien"),)


def counts(entry: MockConfigEntry) -> Any:
    return runtime_of(entry).mirroring.counts


def issue(hass: HomeAssistant, entry: MockConfigEntry) -> ir.IssueEntry | None:
    return ir.async_get(hass).async_get_issue(DOMAIN, f"mass_change_{entry.entry_id}")


# --- one change, one way -------------------------------------------------------------


async def test_mark_in_a_plex_client_is_one_play_at_jellyfin_and_its_return_none(
    hass: HomeAssistant,
    plex: PlexSide,
    jellyfin: JellyfinSide,
    machine: TimeMachine,
) -> None:
    source, target = await both(hass, plex, jellyfin, alien)
    await link(hass, source, target)
    machine.running = True
    at_plex, at_jellyfin = plex.item_id("Alien"), jellyfin.item_id("Alien")
    plex.server.mark(USER, at_plex)
    await passing(machine, COPIED)
    assert jellyfin.seen(at_jellyfin) == ONE_PLAY
    when = jellyfin.last_played(at_jellyfin)
    assert when is not None
    seen_at = plex.last_played(at_plex)
    assert seen_at is not None
    assert abs((when - seen_at).total_seconds()) < 2
    (entry,) = runtime_of(target).lane.outbox.history
    assert entry.operation.origin is Origin.MIRROR
    plex.server.mark(USER, at_plex, watched=False)
    await passing(machine, COPIED)
    assert jellyfin.seen(at_jellyfin) == UNSEEN
    # Nothing comes back, and nothing goes on.
    writes = len(jellyfin.writes)
    await passing(machine, QUIET)
    assert plex.writes == []
    assert len(jellyfin.writes) == writes
    assert counts(source).pending == 0
    assert counts(source).copied == 2


async def test_mark_and_position_in_a_jellyfin_client_reach_plex(
    hass: HomeAssistant,
    plex: PlexSide,
    jellyfin: JellyfinSide,
    machine: TimeMachine,
) -> None:
    target, source = await both(hass, plex, jellyfin, alien)
    await link(hass, source, target)
    machine.running = True
    at_plex, at_jellyfin = plex.item_id("Alien"), jellyfin.item_id("Alien")
    await jellyfin.put(at_jellyfin, position=1800)
    await passing(machine, COPIED)
    assert plex.seen(at_plex) == Seen(watched=False, plays=0, position=1800)
    await jellyfin.put(at_jellyfin, plays=1)
    await passing(machine, COPIED)
    assert plex.seen(at_plex) == ONE_PLAY
    await passing(machine, QUIET)
    assert plex.marks() == [("progress", at_plex), ("watched", at_plex)]
    assert jellyfin.writes == []


async def test_few_seconds_by_accident_are_not_copied(
    hass: HomeAssistant,
    plex: PlexSide,
    jellyfin: JellyfinSide,
    machine: TimeMachine,
) -> None:
    target, source = await both(hass, plex, jellyfin, alien)
    await link(hass, source, target)
    machine.running = True
    await jellyfin.put(jellyfin.item_id("Alien"), position=45)
    await passing(machine, COPIED)
    assert plex.writes == []
    assert counts(source).skipped == {Skip.TOO_SHORT: 1}


async def test_film_nobody_had_read_before_is_copied_when_it_is_played(
    hass: HomeAssistant,
    plex: PlexSide,
    jellyfin: JellyfinSide,
    machine: TimeMachine,
) -> None:
    source, target = await both(hass, plex, jellyfin, lambda _: ())
    await link(hass, source, target)
    machine.running = True
    await passing(machine, 5)
    await plex.server.play(USER, plex.item_id("Paddington 2"))
    await passing(machine, COPIED)
    assert jellyfin.seen(jellyfin.item_id("Paddington 2")) == ONE_PLAY


async def test_operation_that_is_confirmed_is_copied_and_undone_everywhere(
    hass: HomeAssistant,
    plex: PlexSide,
    jellyfin: JellyfinSide,
    machine: TimeMachine,
) -> None:
    source, target = await both(hass, plex, jellyfin, alien)
    await link(hass, source, target)
    machine.running = True
    response = await act(
        hass,
        "mark_watched",
        config_entry_id=source.entry_id,
        item_id=plex.item_id("Alien"),
    )
    await passing(machine, COPIED)
    assert jellyfin.seen(jellyfin.item_id("Alien")) == ONE_PLAY
    (entry,) = runtime_of(target).lane.outbox.history
    assert entry.operation.batch_id == response["batch_id"]
    await act(hass, "undo")
    await passing(machine, COPIED)
    assert plex.seen(plex.item_id("Alien")) == UNSEEN
    assert jellyfin.seen(jellyfin.item_id("Alien")) == UNSEEN


# --- away ----------------------------------------------------------------------------


async def test_target_that_was_away_is_told_when_it_is_back(
    hass: HomeAssistant,
    plex: PlexSide,
    jellyfin: JellyfinSide,
    machine: TimeMachine,
) -> None:
    source, target = await both(
        hass, plex, jellyfin, lambda side: alien(side) if side is plex else ()
    )
    await link(hass, source, target)
    machine.running = True
    await cut_off(hass, target, jellyfin)
    plex.server.mark(USER, plex.item_id("Alien"))
    await passing(machine, COPIED)
    assert counts(source).pending == 1
    assert await hass.config_entries.async_reload(source.entry_id)
    await bring_back(hass, target, jellyfin)
    await passing(machine, COPIED)
    assert jellyfin.seen(jellyfin.item_id("Alien")) == ONE_PLAY
    assert counts(source).pending == 0


async def test_item_known_there_is_queued_while_the_target_is_away(
    hass: HomeAssistant,
    plex: PlexSide,
    jellyfin: JellyfinSide,
    machine: TimeMachine,
) -> None:
    source, target = await both(hass, plex, jellyfin, alien)
    await link(hass, source, target)
    machine.running = True
    await cut_off(hass, target, jellyfin)
    plex.server.mark(USER, plex.item_id("Alien"))
    await passing(machine, COPIED)
    assert len(runtime_of(target).lane.outbox) == 1
    await bring_back(hass, target, jellyfin)
    await passing(machine, COPIED)
    assert jellyfin.seen(jellyfin.item_id("Alien")) == ONE_PLAY
    assert len(jellyfin.writes) == 1
    assert counts(source).pending == 0


async def test_source_that_was_away_tells_what_happened_meanwhile(
    hass: HomeAssistant,
    plex: PlexSide,
    jellyfin: JellyfinSide,
    machine: TimeMachine,
) -> None:
    source, target = await both(hass, plex, jellyfin, alien)
    await link(hass, source, target)
    machine.running = True
    await cut_off(hass, source, plex)
    plex.server.mark(USER, plex.item_id("Alien"))
    await passing(machine, QUIET)
    assert jellyfin.writes == []
    await bring_back(hass, source, plex)
    await passing(machine, COPIED)
    assert jellyfin.seen(jellyfin.item_id("Alien")) == ONE_PLAY


# --- pitfalls -------------------------------------------------------------------------


async def test_p03_copy_that_comes_back_unseen_is_not_copied(
    hass: HomeAssistant,
    plex: PlexSide,
    jellyfin: JellyfinSide,
    machine: TimeMachine,
    side: Side,
) -> None:
    other: Side = jellyfin if side is plex else plex
    for one in (plex, jellyfin):
        await one.put(one.item_id("Alien"), plays=2, at=one.server.clock())
    source = await side.connect(hass, *alien(side))
    target = await other.connect(hass, *alien(other))
    await link(hass, source, target)
    machine.running = True
    await passing(machine, COPIED)
    old_id = side.item_id("Alien")
    side.remove(old_id)
    await runtime_of(source).coordinator.catch_up()
    await passing(machine, COPIED)
    new_id = side.put_back(old_id)
    await side.put(new_id, plays=0)
    await act(hass, "sync_now")
    await runtime_of(source).coordinator.catch_up()
    await passing(machine, COPIED)
    assert other.writes == []
    assert other.seen(other.item_id("Alien")).plays == 2


async def test_first_connection_copies_nothing(
    hass: HomeAssistant,
    plex: PlexSide,
    jellyfin: JellyfinSide,
    machine: TimeMachine,
) -> None:
    await plex.put(plex.item_id("Alien"), plays=1, at=plex.server.clock())
    await jellyfin.put(jellyfin.item_id("Arrival"), plays=1)
    source, target = await both(
        hass, plex, jellyfin, lambda side: (*alien(side), side.film("Arrival"))
    )
    await link(hass, source, target)
    await link(hass, target, source)
    machine.running = True
    await passing(machine, QUIET)
    assert plex.writes == []
    assert jellyfin.writes == []


async def test_p13_every_copy_of_the_film_is_told(
    hass: HomeAssistant,
    plex: PlexSide,
    jellyfin: JellyfinSide,
    machine: TimeMachine,
) -> None:
    title = "Blade Runner"
    source, target = await both(
        hass, plex, jellyfin, lambda side: (side.film(title),) if side is plex else ()
    )
    await link(hass, source, target)
    machine.running = True
    plex.server.mark(USER, plex.item_id(title, library="Movies"))
    await passing(machine, COPIED)
    for library in ("Movies", "Movies 4K"):
        copy = jellyfin.item_id(title, library=library)
        assert jellyfin.seen(copy).watched


async def test_p15_file_of_two_episodes_is_both_of_them_where_each_is_one(
    hass: HomeAssistant,
    plex: PlexSide,
    jellyfin: JellyfinSide,
    machine: TimeMachine,
) -> None:
    show = "Star Trek: The Next Generation"
    target, source = await both(hass, plex, jellyfin, lambda _: ())
    await link(hass, source, target)
    await link(hass, target, source)
    machine.running = True
    await passing(machine, 5)
    # Plex lists such a file once for each of its episodes.
    double = jellyfin.item_id(show, season=1, episode=1)
    first, second, third = (
        plex.item_id(show, season=1, episode=number) for number in (1, 2, 3)
    )
    await jellyfin.put(double, plays=1)
    await passing(machine, COPIED)
    assert [plex.seen(one) for one in (first, second, third)] == [
        ONE_PLAY,
        ONE_PLAY,
        UNSEEN,
    ]
    assert jellyfin.writes == []
    plex.server.mark(USER, second, watched=False)
    await passing(machine, COPIED)
    assert jellyfin.seen(double) == UNSEEN
    assert plex.seen(first) == ONE_PLAY


async def test_60_marks_wait_for_a_person_and_300_travel_once(
    hass: HomeAssistant,
    plex: PlexSide,
    jellyfin: JellyfinSide,
    machine: TimeMachine,
) -> None:
    title = "Grey's Anatomy"
    source, target = await both(hass, plex, jellyfin, lambda side: (side.show(title),))
    await link(hass, source, target)
    await link(hass, target, source)
    machine.running = True
    leaves = jellyfin.leaves(jellyfin.item_id(title))
    assert len(leaves) >= 300
    for leaf in leaves:
        await jellyfin.put(leaf, plays=1)
    await passing(machine, QUIET)
    assert plex.writes == []
    held = runtime_of(target).mirroring.held
    assert held.count == held.watched == len(leaves)
    assert issue(hass, target) is not None
    before = len(plex.server.requests)
    runtime_of(target).mirroring.async_approve(held.item_ids)
    await until_true(lambda: len(plex.writes) >= len(leaves), 3600, every=1)
    await drained(hass, source)
    await passing(machine, QUIET)
    assert issue(hass, target) is None
    assert {plex.seen(one) for one in plex.leaves(plex.item_id(title))} == {ONE_PLAY}
    assert len(plex.writes) == len(leaves)
    assert jellyfin.writes == []
    # One write each, read in batches before and after; the rest is looking as usual.
    assert len(plex.server.requests) - before < 2 * len(leaves)
    quiet = (len(plex.server.requests), len(jellyfin.server.requests))
    await passing(machine, QUIET)
    # Glances go on, and nothing else.
    looked = len(plex.server.requests) - quiet[0]
    assert looked <= 4 * QUIET / 32
    assert len(plex.writes) == len(leaves)
    assert counts(source).copied == 0


async def test_read_that_fails_is_no_empty_library(
    hass: HomeAssistant,
    plex: PlexSide,
    jellyfin: JellyfinSide,
    machine: TimeMachine,
) -> None:
    for one in (plex, jellyfin):
        await one.put(one.item_id("Alien"), plays=1, at=one.server.clock())
    source, target = await both(hass, plex, jellyfin, alien)
    await link(hass, source, target)
    machine.running = True
    await passing(machine, COPIED)
    for kind in (FaultKind.STATUS, FaultKind.HTML, FaultKind.TRUNCATED):
        plex.server.fail(kind, times=5)
        await passing(machine, COPIED)
    assert jellyfin.writes == []
    assert counts(source).pending == 0
