"""A choice of libraries, with real clients and servers behind it."""

import asyncio
from typing import Any

from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.watched_sync.const import PERSON_SHARED
from custom_components.watched_sync.core.lane import Phase
from tests.common import drained
from tests.fakes.library import MOVIES_4K_LIBRARY, MOVIES_LIBRARY, SHOWS_LIBRARY

from .house import (
    ONE_PLAY,
    USER,
    JellyfinSide,
    Side,
    act,
    read_at_leisure,
    runtime_of,
    until_true,
)
from .machine import TimeMachine
from .test_live import HOUR, connected, play_to_the_end


async def choose(hass: HomeAssistant, entry: MockConfigEntry, *titles: str) -> None:
    """Allow some libraries, by their names, as the dialog does."""
    menu = await hass.config_entries.options.async_init(entry.entry_id)
    form = await hass.config_entries.options.async_configure(
        menu["flow_id"], {"next_step_id": "preferences"}
    )
    assert form["data_schema"] is not None
    sections = {str(key): one for key, one in form["data_schema"].schema.items()}
    selector = sections["entities"].schema.schema["libraries"]
    ids = {one["label"]: one["value"] for one in selector.config["options"]}
    assert set(ids) == {MOVIES_LIBRARY, MOVIES_4K_LIBRARY, SHOWS_LIBRARY}
    chosen: dict[str, Any] = {
        "person": PERSON_SHARED,
        "entities": {"libraries": [ids[title] for title in titles]},
        **{name: {} for name in ("playback", "mirror", "delivery")},
    }
    await hass.config_entries.options.async_configure(form["flow_id"], chosen)
    await hass.async_block_till_done()


async def test_one_of_two_copies_is_marked_where_one_library_is_chosen(
    hass: HomeAssistant, side: Side
) -> None:
    entry = await side.connect(hass)
    await choose(hass, entry, MOVIES_4K_LIBRARY, SHOWS_LIBRARY)
    for named in ({"title": "Blade Runner"}, {"external_id": "imdb://tt0083658"}):
        answer = await act(hass, "mark_watched", **named, dry_run=True)
        assert [one["item_id"] for one in answer["operations"]] == [
            side.item_id("Blade Runner", library=MOVIES_4K_LIBRARY)
        ]
    await act(hass, "mark_watched", title="Blade Runner")
    await drained(hass, entry)
    assert side.seen(side.item_id("Blade Runner", library=MOVIES_4K_LIBRARY)).watched


async def test_what_happens_in_a_library_left_out_is_not_seen(
    hass: HomeAssistant, side: Side
) -> None:
    await side.put(side.item_id("Alien"), plays=1)
    entry = await side.connect(hass)
    await read_at_leisure(entry)
    film = side.item_id("Alien")
    await until_true(lambda: runtime_of(entry).coordinator.data.last_played == film)
    await choose(hass, entry, SHOWS_LIBRARY)
    await connected(side)
    coordinator = runtime_of(entry).coordinator
    assert coordinator.data.last_played is None
    film, episode = (
        side.item_id("Arrival"),
        side.item_id("Severance", season=1, episode=1),
    )
    await play_to_the_end(side, film)
    await play_to_the_end(side, episode)
    await until_true(lambda: coordinator.data.last_played == episode)
    following = side.item_id("Severance", season=1, episode=2)
    await until_true(lambda: coordinator.data.up_next == (following,))
    assert coordinator.view(film) is None


async def test_library_that_is_hidden_later_stops_nothing(
    hass: HomeAssistant, jellyfin: JellyfinSide
) -> None:
    """Jellyfin answers 401 for it, as it does to a token that is worth nothing."""
    entry = await jellyfin.connect(hass)
    await choose(hass, entry, MOVIES_4K_LIBRARY, SHOWS_LIBRARY)
    jellyfin.server.user(USER).libraries = frozenset({MOVIES_LIBRARY, SHOWS_LIBRARY})
    runtime = runtime_of(entry)
    episode = jellyfin.item_id("Severance", season=1, episode=1)
    await jellyfin.put(episode, plays=1)
    await runtime.coordinator.catch_up()
    await read_at_leisure(entry)
    await until_true(lambda: runtime.coordinator.data.last_played == episode)
    assert runtime.lane.health.phase is Phase.READY
    await act(hass, "mark_watched", title="Severance", season=1, episode=2)
    await drained(hass, entry)
    following = jellyfin.item_id("Severance", season=1, episode=2)
    assert jellyfin.seen(following) == ONE_PLAY


async def test_idle_hour_with_a_choice_costs_hardly_more(
    hass: HomeAssistant, side: Side, machine: TimeMachine
) -> None:
    """Each library is one request to Plex, in place of two; none to Jellyfin."""
    entry = await side.connect(hass)
    await choose(hass, entry, MOVIES_LIBRARY, SHOWS_LIBRARY)
    await connected(side)
    machine.running = True
    await asyncio.sleep(60)
    side.server.clear_log()
    await asyncio.sleep(HOUR)
    assert side.server.count() <= (360 if side.kind == "plex" else 0)
