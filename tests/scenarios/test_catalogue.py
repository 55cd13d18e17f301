"""The whole library is known: what nobody ever dealt with is told of and copied."""

from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry

from tests.common import drained
from tests.scene import shown
from tests.test_trigger import automate, told

from .house import (
    ONE_PLAY,
    UNSEEN,
    USER,
    JellyfinSide,
    PlexSide,
    Side,
    Traffic,
    runtime_of,
    until_true,
)
from .machine import TimeMachine
from .test_mirror import link, passing

#: Seconds after which a change is seen, judged, copied and delivered.
COPIED = 60.0

#: Seconds after which all that may have changed in a gap was looked for.
LOOKED = 600.0

HEARD = """
triggers:
  - trigger: watched_sync.item_watched
  - trigger: watched_sync.item_unwatched
"""


async def inventoried(machine: TimeMachine, *entries: MockConfigEntry) -> None:
    """Wait until the libraries were read for the first time."""
    for entry in entries:
        inventory = runtime_of(entry).inventory
        await until_true(lambda: inventory.status.stage == "complete", 3600, every=1)  # noqa: B023 - called here
    await passing(machine, 60)


async def restart(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Begin another life of a lane."""
    assert await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()


async def test_a_film_that_nobody_dealt_with_is_told_of_and_copied(
    hass: HomeAssistant,
    side: Side,
    plex: PlexSide,
    jellyfin: JellyfinSide,
    machine: TimeMachine,
) -> None:
    machine.take_along(plex.server.clock)
    machine.take_along(jellyfin.server.clock)
    other = jellyfin if side is plex else plex
    source = await side.connect(hass)
    target = await other.connect(hass)
    await link(hass, source, target)
    calls = await automate(hass, HEARD, title="trigger.title")
    machine.running = True
    await inventoried(machine, source, target)
    film, copy = side.item_id("Alien"), other.item_id("Alien")
    assert runtime_of(source).lane.ledger.reading(film) is None
    assert told(calls) == []
    await side.put(film, plays=1)
    await passing(machine, COPIED)
    assert other.seen(copy) == ONE_PLAY
    assert {one["title"] for one in told(calls)} == {"Alien"}
    await drained(hass, target)


async def test_it_goes_everywhere_once_whatever_it_is(
    hass: HomeAssistant,
    side: Side,
    plex: PlexSide,
    jellyfin: JellyfinSide,
    machine: TimeMachine,
) -> None:
    """An episode that nobody dealt with: triggers, the copy and the counters."""
    machine.take_along(plex.server.clock)
    machine.take_along(jellyfin.server.clock)
    other = jellyfin if side is plex else plex
    source = await side.connect(hass)
    target = await other.connect(hass, other.show("Chernobyl"))
    await link(hass, source, target)
    calls = await automate(
        hass, HEARD, title="trigger.title", lane="trigger.entry_title"
    )
    machine.running = True
    await inventoried(machine, source, target)
    left = "sensor.chernobyl_unwatched_episodes"
    before = int(shown(hass, left).state)
    episode = side.item_id("Chernobyl", season=1, episode=2)
    copy = other.item_id("Chernobyl", season=1, episode=2)
    await side.put(episode, plays=1)
    await passing(machine, COPIED)
    assert other.seen(copy) == ONE_PLAY
    assert shown(hass, left).state == str(before - 1)
    await passing(machine, LOOKED)
    assert other.seen(copy) == ONE_PLAY
    assert sorted(one["lane"] for one in told(calls)) == sorted(
        (source.title, target.title)
    )
    for entry, item_id in ((source, episode), (target, copy)):
        listed = await runtime_of(entry).catalogue.readings([item_id])
        assert listed[item_id].state.watched


async def test_what_was_watched_while_it_was_off_is_told_of_once(
    hass: HomeAssistant, side: Side, machine: TimeMachine, traffic: Traffic
) -> None:
    film, other = side.item_id("Alien"), side.item_id("Arrival")
    episode = side.item_id("Chernobyl", season=1, episode=1)
    await side.put(other, plays=1)
    entry = await side.connect(hass)
    calls = await automate(hass, HEARD, title="trigger.title")
    machine.running = True
    await inventoried(machine, entry)
    await hass.config_entries.async_unload(entry.entry_id)
    await side.put(film, plays=1)
    await side.put(episode, plays=1)
    await passing(machine, LOOKED)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await passing(machine, LOOKED)
    assert len(told(calls)) == 2
    await restart(hass, entry)
    await passing(machine, LOOKED)
    assert len(told(calls)) == 2
    assert len(traffic) > 0


async def test_many_changes_of_a_day_off_are_each_told_once(
    hass: HomeAssistant, side: Side, machine: TimeMachine
) -> None:
    marked = [
        side.item_id("Grey's Anatomy", season=season, episode=one)
        for season in (1, 2)
        for one in range(1, 8)
    ]
    un_marked = [
        side.item_id("Chernobyl", season=1, episode=one) for one in range(1, 6)
    ]
    for item_id in un_marked:
        await side.put(item_id, plays=1)
    entry = await side.connect(hass)
    calls = await automate(hass, HEARD, title="trigger.title")
    machine.running = True
    await inventoried(machine, entry)
    await hass.config_entries.async_unload(entry.entry_id)
    for item_id in marked:
        await side.put(item_id, plays=1)
    for item_id in un_marked:
        await side.put(item_id)
    await passing(machine, LOOKED)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await passing(machine, LOOKED)
    assert len(told(calls)) == len(marked) + len(un_marked)
    known = await runtime_of(entry).catalogue.readings([*marked, *un_marked])
    watched = {item_id for item_id, one in known.items() if one.state.watched}
    assert watched == set(marked)
    await restart(hass, entry)
    await passing(machine, LOOKED)
    assert len(told(calls)) == len(marked) + len(un_marked)


async def test_what_a_server_scans_comes_and_goes(
    hass: HomeAssistant, side: Side, machine: TimeMachine
) -> None:
    film = side.item_id("Alien")
    await side.put(film, plays=1)
    entry = await side.connect(hass)
    calls = await automate(hass, HEARD, title="trigger.title")
    machine.running = True
    await inventoried(machine, entry)
    catalogue = runtime_of(entry).catalogue
    assert film in await catalogue.readings([film])
    side.remove(film)
    await passing(machine, 700)
    assert await catalogue.readings([film]) == {}
    back = side.put_back(film)
    await passing(machine, 60)
    assert back in await catalogue.readings([back])
    assert told(calls) == []


async def test_a_restart_lists_nothing_again(
    hass: HomeAssistant, side: Side, machine: TimeMachine, traffic: Traffic
) -> None:
    entry = await side.connect(hass)
    machine.running = True
    await inventoried(machine, entry)
    known = runtime_of(entry).inventory.status.total
    assert known > 0
    del traffic[:]
    await restart(hass, entry)
    await until_true(lambda: runtime_of(entry).inventory.status.total == known, 10)
    await passing(machine, LOOKED)
    paths = [one.path for one in traffic]
    if isinstance(side, PlexSide):
        # It is counted: no page is asked for.
        runtime = runtime_of(entry)
        (listed,) = {(await runtime.catalogue.progress()).round_no}
        await restart(hass, entry)
        await passing(machine, LOOKED)
        assert (await runtime_of(entry).catalogue.progress()).round_no == listed
    else:
        # Films and shows, but no episodes of any show.
        assert not any(path.endswith("/Episodes") for path in paths)


async def test_an_un_mark_by_hand_on_plex_is_found_whatever_it_is_on(
    hass: HomeAssistant, plex: PlexSide, machine: TimeMachine
) -> None:
    machine.take_along(plex.server.clock)
    film = plex.item_id("Alien")
    plex.server.mark(USER, film)
    entry = await plex.connect(hass)
    calls = await automate(hass, HEARD, title="trigger.title")
    machine.running = True
    await inventoried(machine, entry)
    runtime_of(entry).lane.ledger.forget(film)  # of 5,000 later ones, say
    plex.server.mark(USER, film, watched=False)
    assert plex.seen(film) == UNSEEN
    await passing(machine, LOOKED)
    assert told(calls) == [{"title": "Alien"}]
