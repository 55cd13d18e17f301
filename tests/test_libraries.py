"""Only what is in an allowed library is shown, found and followed."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.watched_sync.const import DOMAIN
from custom_components.watched_sync.core.identity import Item
from custom_components.watched_sync.runtime import WatchedSyncRuntime

from .common import (
    EPISODES,
    MOVIE,
    OTHER_MOVIE,
    SHOW,
    MemoryServer,
    drained,
    episode,
    mark,
    setup_lane,
)

SHOWS_ONLY = {"entities": {"libraries": ["shows"]}}
FILMS_ONLY = {"entities": {"libraries": ["films"]}}


def in_use() -> MemoryServer:
    """Return a server on which films and episodes are up next, and were played."""
    server = MemoryServer()
    server.up_next_ids = ["m1", "e1x2", "m2"]
    now = dt_util.utcnow()
    server.set("m1", watched=True, play_count=1, last_played=now)
    server.set("e1x1", watched=True, play_count=1, last_played=now.replace(year=2024))
    return server


async def setup(
    hass: HomeAssistant,
    server: MemoryServer,
    options: dict[str, Any] = SHOWS_ONLY,
    subentries: Iterable[Item] = (),
) -> tuple[MockConfigEntry, WatchedSyncRuntime]:
    entry = await setup_lane(hass, server, options=options, subentries=subentries)
    return entry, entry.runtime_data


async def narrow(
    hass: HomeAssistant, entry: MockConfigEntry, options: dict[str, Any]
) -> WatchedSyncRuntime:
    """Choose libraries for an entry that is in use."""
    hass.config_entries.async_update_entry(entry, options=options)
    await hass.async_block_till_done()
    runtime: WatchedSyncRuntime = entry.runtime_data
    return runtime


async def test_only_what_is_allowed_is_up_next_and_was_played_last(
    hass: HomeAssistant,
) -> None:
    _, runtime = await setup(hass, in_use())
    data = runtime.coordinator.data
    assert (data.up_next, data.last_played) == (("e1x2",), "e1x1")
    assert {one.item.item_id for one in runtime.lane.ledger} == {"e1x1", "e1x2"}


async def test_without_a_choice_everything_is_allowed(hass: HomeAssistant) -> None:
    nowhere = replace(MOVIE, item_id="m9", library_id=None)
    _, runtime = await setup(hass, in_use(), {})
    assert runtime.coordinator.allows(nowhere)
    assert runtime.coordinator.data.up_next == ("m1", "e1x2", "m2")


async def test_an_item_that_does_not_say_where_it_is_is_looked_up(
    hass: HomeAssistant,
) -> None:
    """Operations, and what Jellyfin tells of an item, may leave its library out."""
    _, runtime = await setup(hass, in_use())
    allows = runtime.coordinator.allows
    assert allows(EPISODES[1])
    assert not allows(MOVIE)
    assert allows(replace(EPISODES[1], library_id=None))
    # Neither it nor its show was ever read.
    assert not allows(replace(EPISODES[4], library_id=None, show_id="s9"))
    await runtime.coordinator.look(frozenset({"s1", "e1x1"}))
    known = replace(SHOW, item_id="e1x1", library_id=None)
    assert allows(known)


async def test_the_library_of_a_show_is_that_of_its_episodes(
    hass: HomeAssistant,
) -> None:
    _, runtime = await setup(hass, in_use(), subentries=[SHOW])
    assert runtime.lane.ledger.item("s1") is not None
    assert runtime.coordinator.allows(replace(episode(9, 9), library_id=None))


async def test_what_happens_in_other_libraries_is_not_followed(
    hass: HomeAssistant,
) -> None:
    server = in_use()
    _, runtime = await setup(hass, server)
    coordinator = runtime.coordinator
    server.requests.clear()
    server.set("m2", watched=True, play_count=1, last_played=dt_util.utcnow())
    await coordinator.look(frozenset({"m2"}))
    # Not even the lists are read again.
    assert server.requests == [("fetch", "m2")]
    await coordinator.glance()
    await coordinator.catch_up()
    assert coordinator.data.last_played == "e1x1"
    assert runtime.lane.ledger.item("m2") is None

    server.set("e2x1", watched=True, play_count=1, last_played=dt_util.utcnow())
    await coordinator.look(frozenset({"e2x1"}))
    assert coordinator.data.last_played == "e2x1"


async def test_what_is_tracked_is_followed_wherever_it_is(hass: HomeAssistant) -> None:
    server = in_use()
    _, runtime = await setup(hass, server, FILMS_ONLY, [SHOW])
    coordinator = runtime.coordinator
    assert coordinator.data.last_played == "m1"
    server.set("e1x2", watched=True, play_count=1, last_played=dt_util.utcnow())
    await coordinator.look(frozenset({"e1x2", "s1"}))
    assert coordinator.shows["s1"].unwatched == 2
    # Tracked, it has its own device; it is not what was played last.
    assert coordinator.data.last_played == "m1"
    server.set("e1x2", watched=False, play_count=0, last_played=None)
    await coordinator.look(frozenset({"e1x2", "s1"}))
    assert coordinator.shows["s1"].unwatched == 3


async def test_what_was_shown_before_a_library_was_left_out_goes(
    hass: HomeAssistant,
) -> None:
    server = in_use()
    entry, _ = await setup(hass, server, {})

    def films() -> list[str]:
        return [
            state.attributes["item_id"]
            for state in hass.states.async_all("switch")
            if state.attributes.get("media_type") == "movie"
        ]

    assert set(films()) == {"m1", "m2"}
    runtime = await narrow(hass, entry, SHOWS_ONLY)
    data = runtime.coordinator.data
    assert (data.up_next, data.last_played) == (("e1x2",), "e1x1")
    assert films() == []
    server.requests.clear()
    await runtime.coordinator.catch_up()
    await runtime.coordinator.glance()
    read = {
        one
        for name, ids in server.requests
        if name == "fetch" and ids
        for one in ids.split(",")
    }
    assert not read & {"m1", "m2"}


async def test_what_is_left_out_is_not_shown_while_the_server_is_away_either(
    hass: HomeAssistant,
) -> None:
    server = in_use()
    entry, _ = await setup(hass, server, {})
    server.go_down()
    runtime = await narrow(hass, entry, SHOWS_ONLY)
    data = runtime.coordinator.data
    assert (data.up_next, data.last_played) == (("e1x2",), None)
    server.come_up()
    runtime = await narrow(hass, entry, {})
    assert runtime.coordinator.data.up_next == ("m1", "e1x2", "m2")


async def test_what_was_read_without_its_library_is_read_again_to_learn_it(
    hass: HomeAssistant,
) -> None:
    """Jellyfin tells where things are only once somebody needs to know."""
    server = in_use()
    places = {one.item_id: one for one in server.items.values()}
    server.items = {key: replace(one, library_id=None) for key, one in places.items()}
    entry, runtime = await setup(hass, server, {})
    assert runtime.coordinator.data.up_next == ("m1", "e1x2", "m2")
    server.items = places
    runtime = await narrow(hass, entry, SHOWS_ONLY)
    assert runtime.coordinator.data.up_next == ("e1x2",)
    known = runtime.lane.ledger.item("m1")
    assert known is not None
    assert known.library_id == "films"


@pytest.mark.parametrize("is_away", [False, True])
@pytest.mark.parametrize(
    "named", [{"title": "Arrival"}, {"external_id": "imdb://tt2543164"}]
)
async def test_what_is_not_allowed_is_not_found(
    hass: HomeAssistant, named: dict[str, str], *, is_away: bool
) -> None:
    server = in_use()
    entry, _ = await setup(hass, server, {})
    await narrow(hass, entry, SHOWS_ONLY)
    if is_away:
        server.go_down()
        entry.runtime_data.relay.report(server.down)
    with pytest.raises(ServiceValidationError) as raised:
        await hass.services.async_call(DOMAIN, "mark_watched", named, blocking=True)
    key = "cannot_look_up" if is_away else "nothing_found"
    assert raised.value.translation_key == key
    await hass.services.async_call(
        DOMAIN,
        "mark_watched",
        {"title": "Severance", "season": 1, "episode": 1},
        blocking=True,
    )


async def test_one_of_two_copies_is_meant_where_the_other_library_is_left_out(
    hass: HomeAssistant,
) -> None:
    copy = replace(MOVIE, item_id="m3", library_id="4k")
    server = MemoryServer([MOVIE, copy])
    entry, _ = await setup(hass, server, {"entities": {"libraries": ["4k"]}})
    await hass.services.async_call(
        DOMAIN, "mark_watched", {"title": "Arrival"}, blocking=True
    )
    await drained(hass, entry)
    assert [item_id for item_id, _ in server.writes] == ["m3"]


async def test_what_was_asked_for_by_its_id_is_delivered_wherever_it_is(
    hass: HomeAssistant,
) -> None:
    server = in_use()
    entry, _ = await setup(hass, server)
    await mark(entry, OTHER_MOVIE)
    await drained(hass, entry)
    assert [item_id for item_id, _ in server.writes] == ["m2"]
    assert entry.runtime_data.coordinator.data.last_played == "e1x1"
