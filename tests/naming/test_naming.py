"""Every way of naming something is answered by the catalogue, server there or not."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import date
from typing import Any
from unittest.mock import patch

from homeassistant.config_entries import SOURCE_USER
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.watched_sync.const import DOMAIN
from custom_components.watched_sync.core.errors import CatalogueError, Malformed
from custom_components.watched_sync.core.identity import Item, MediaKind, ProviderIds
from custom_components.watched_sync.naming.joining import MOST_AT_ONCE
from custom_components.watched_sync.naming.played import async_resolve_player
from custom_components.watched_sync.naming.shows import async_episodes
from custom_components.watched_sync.voice.hearing import (
    Asks,
    Heard,
    NeedsAnswer,
    async_find,
    fields_of,
)
from tests.common import (
    EPISODES,
    MOVIE,
    OTHER_MOVIE,
    SHOW,
    MemoryServer,
    drained,
    season,
    setup_lane,
    take_inventory,
)
from tests.scene import lose_contact

LIBRARY = (MOVIE, OTHER_MOVIE, SHOW, season(1), season(2), *EPISODES)
LOOK_UPS = {"fetch", "fetch_leaves", "search", "find"}
TV = "media_player.tv"

type Way = Callable[[HomeAssistant, MockConfigEntry], Awaitable[list[str]]]


def film(item_id: str, title: str, year: int | None = None) -> Item:
    """Return a film without ids."""
    return replace(
        MOVIE, item_id=item_id, title=title, year=year, provider_ids=ProviderIds()
    )


def looked_up(server: MemoryServer) -> list[str]:
    """Return the look-ups the server was asked for."""
    return [name for name, _ in server.requests if name in LOOK_UPS]


async def known_lane(
    hass: HomeAssistant, *items: Item, away: bool = False, **server: Any
) -> tuple[MockConfigEntry, MemoryServer]:
    """Return a lane whose libraries were read, and its server."""
    there = MemoryServer(items or LIBRARY, **server)
    entry = await setup_lane(hass, there)
    await take_inventory(entry, there)
    if away:
        await lose_contact(hass, entry, there)
    there.requests.clear()
    return entry, there


async def planned(hass: HomeAssistant, **data: Any) -> list[str]:
    """Return the ids of what an action would mark."""
    answer = await hass.services.async_call(
        DOMAIN,
        "mark_watched",
        {"dry_run": True, **data},
        blocking=True,
        return_response=True,
    )
    assert isinstance(answer, dict)
    rows: Any = answer["operations"]
    return [row["item_id"] for row in rows]


async def refused(hass: HomeAssistant, **data: Any) -> tuple[str | None, str]:
    """Return the key of the error an action ends in, and what may be meant."""
    with pytest.raises(ServiceValidationError) as error:
        await planned(hass, **data)
    placeholders = error.value.translation_placeholders or {}
    return error.value.translation_key, placeholders.get("candidates", "")


def action(**data: Any) -> Way:
    """Name something in the fields of an action."""

    async def way(hass: HomeAssistant, _: MockConfigEntry) -> list[str]:
        return await planned(hass, **data)

    return way


def player(**attributes: Any) -> Way:
    """Name something by a player that plays it."""

    async def way(hass: HomeAssistant, entry: MockConfigEntry) -> list[str]:
        hass.states.async_set(TV, "playing", attributes)
        await hass.async_block_till_done()
        found = await async_resolve_player(hass, TV, [entry])
        return [target.item.item_id for target in found]

    return way


def sentence(**heard: Any) -> Way:
    """Name something in a sentence."""

    async def way(_: HomeAssistant, entry: MockConfigEntry) -> list[str]:
        work = await async_find([entry], Heard(**heard))
        return [target.item.item_id for target in work.targets]

    return way


async def next_episode(_: HomeAssistant, entry: MockConfigEntry) -> list[str]:
    """Name an episode by its place in the show."""
    work = await async_find([entry], Heard(title="severance"))
    [told], _skipped = await async_episodes(work, date(2026, 1, 1))
    assert told.next is not None
    return [told.next.item.item_id]


async def dialog(hass: HomeAssistant, entry: MockConfigEntry) -> list[str]:
    """Search for what is to be tracked."""
    form = await hass.config_entries.subentries.async_init(
        (entry.entry_id, "item"), context={"source": SOURCE_USER}
    )
    form = await hass.config_entries.subentries.async_configure(
        form["flow_id"], {"query": "arriv"}
    )
    assert form["data_schema"] is not None
    [selector] = form["data_schema"].schema.values()
    return [one["value"] for one in selector.config["options"]]


async def search(
    hass: HomeAssistant, query: str = "arriv", **data: Any
) -> list[dict[str, Any]]:
    """Return the rows that a search finds."""
    answer = await hass.services.async_call(
        DOMAIN,
        "find_media",
        {"query": query, **data},
        blocking=True,
        return_response=True,
    )
    assert isinstance(answer, dict)
    rows: Any = answer["items"]
    return rows


async def found(hass: HomeAssistant, _: MockConfigEntry) -> list[str]:
    """Search for something."""
    return [row["item_id"] for row in await search(hass)]


WAYS: dict[str, tuple[Way, list[str]]] = {
    "item_id": (action(item_id="m1"), ["m1"]),
    "item_id of a season": (action(item_id="e1x1", scope="season"), ["season1"]),
    "item_id of a show": (action(item_id="e1x1", scope="show"), ["s1"]),
    "external_id": (action(external_id="imdb://tt2543164"), ["m1"]),
    "external_id of a kind": (action(external_id="tmdb://movie/686"), ["m2"]),
    "external_id of an episode": (action(external_id="tvdb://1001"), ["e1x1"]),
    "external_id of a show": (action(external_id="tmdb://show/95396"), ["s1"]),
    "external_id, season": (
        action(external_id="tmdb://show/95396", season=2),
        ["season2"],
    ),
    "external_id, season and episode": (
        action(external_id="tmdb://show/95396", season=2, episode=1),
        ["e2x1"],
    ),
    "title": (action(title="arrival"), ["m1"]),
    "title and year": (action(title="Contact", year=1997), ["m2"]),
    "title of a show, season": (action(title="Severance", season=1), ["season1"]),
    "title of a show, season and episode": (
        action(title="severance", season=1, episode=2),
        ["e1x2"],
    ),
    "player: film": (
        player(media_content_type="movie", media_title="Arrival (2016)"),
        ["m1"],
    ),
    "player: address": (
        player(
            media_content_type="video",
            media_content_id="http://nas/Videos/" + "a" * 32 + "/stream",
        ),
        ["a" * 32],
    ),
    "player: episode": (
        player(
            media_content_type="tvshow",
            media_series_title="Severance",
            media_season=2,
            media_episode=1,
        ),
        ["e2x1"],
    ),
    "sentence: title": (sentence(title="arrival"), ["m1"]),
    "sentence: title and year": (sentence(title="contact 1997"), ["m2"]),
    "sentence: external id": (sentence(external_id="imdb://tt0118884"), ["m2"]),
    "sentence: next episode": (next_episode, ["e1x1"]),
    "search": (found, ["m1"]),
    "dialog": (dialog, ["m1"]),
}
HASHED = replace(
    OTHER_MOVIE, item_id="a" * 32, title="Hash", provider_ids=ProviderIds()
)


@pytest.mark.parametrize("away", [False, True], ids=["server there", "server away"])
@pytest.mark.parametrize(("way", "expected"), WAYS.values(), ids=WAYS)
async def test_what_the_catalogue_has_is_named_without_a_look_up(
    hass: HomeAssistant, way: Way, expected: list[str], *, away: bool
) -> None:
    items = [one for one in LIBRARY if one.kind is not MediaKind.SEASON]
    entry, server = await known_lane(hass, *items, HASHED, away=away)
    assert await way(hass, entry) == expected
    assert looked_up(server) == []


@pytest.mark.parametrize("away", [False, True], ids=["server there", "server away"])
async def test_up_to_and_whole_shows_are_known_with_the_server_away(
    hass: HomeAssistant, *, away: bool
) -> None:
    await known_lane(hass, away=away)
    upto = {"title": "Severance", "season": 2, "episode": 1, "scope": "up_to"}
    assert await planned(hass, **upto) == ["season1", "e2x1"]
    answer = await hass.services.async_call(
        DOMAIN,
        "mark_unwatched",
        {"title": "Severance"},
        blocking=True,
        return_response=True,
    )
    assert answer is not None
    assert answer["operations"]


async def test_what_is_in_a_library_that_is_gone_is_not_named(
    hass: HomeAssistant,
) -> None:
    entry, server = await known_lane(hass)
    assert await planned(hass, item_id="m1", config_entry_id=entry.entry_id) == ["m1"]
    assert await planned(hass, title=MOVIE.title) == ["m1"]
    entry.runtime_data.inventory._unseen = frozenset({"films"})
    del server.items["m1"]
    with pytest.raises(ServiceValidationError):
        await planned(hass, title=MOVIE.title)
    with pytest.raises(ServiceValidationError):
        await planned(hass, item_id="m1", config_entry_id=entry.entry_id)


async def test_show_is_counted_by_the_catalogue(hass: HomeAssistant) -> None:
    episodes = [
        replace(EPISODES[1], item_id=f"e{number}", episode=number)
        for number in range(1, 12)
    ]
    special = replace(EPISODES[0], item_id="special")
    _, server = await known_lane(hass, SHOW, *episodes[:10], special, away=True)
    unmark = {"title": "Severance"}
    await hass.services.async_call(DOMAIN, "mark_unwatched", unmark, blocking=True)
    with pytest.raises(ServiceValidationError) as error:
        await hass.services.async_call(
            DOMAIN,
            "mark_unwatched",
            {**unmark, "include_specials": True},
            blocking=True,
        )
    assert error.value.translation_key == "unmark_needs_confirmation"
    assert looked_up(server) == []


@pytest.mark.parametrize(
    "name", [{"item_id": "m1"}, {"external_id": "tvdb://1001"}, {"title": "Arrival"}]
)
async def test_server_that_takes_its_time_holds_nobody_up(
    hass: HomeAssistant, name: dict[str, str]
) -> None:
    entry, server = await known_lane(hass)
    server.gate.clear()
    await hass.services.async_call(DOMAIN, "mark_watched", name, blocking=True)
    assert len(entry.runtime_data.lane.outbox) == 1
    server.gate.set()
    await drained(hass, entry)
    assert looked_up(server) == ["fetch", "fetch"]  # the look and the verification


# --- what the catalogue does not have -------------------------------------------

NEW = replace(
    MOVIE,
    item_id="new",
    title="Sicario",
    year=2015,
    provider_ids=ProviderIds(imdb="tt3397884"),
)
BY_ITS_NAME = [
    {"title": "Sicario"},
    {"external_id": "imdb://tt3397884"},
    {"item_id": "new"},
]


@pytest.mark.parametrize("name", BY_ITS_NAME)
async def test_what_was_added_a_minute_ago_is_asked_for_once(
    hass: HomeAssistant, name: dict[str, str]
) -> None:
    _, server = await known_lane(hass)
    server.items["new"], server.states["new"] = NEW, server.states["m1"]
    assert await planned(hass, **name) == ["new"]
    assert len(looked_up(server)) == 1


async def test_episode_that_was_added_a_minute_ago_is_found(
    hass: HomeAssistant,
) -> None:
    _, server = await known_lane(hass)
    added = replace(EPISODES[-1], item_id="new", episode=3, provider_ids=ProviderIds())
    server.items["new"], server.states["new"] = added, server.states["m1"]
    name = {"title": "Severance", "season": 2}
    assert await planned(hass, **name, episode=3) == ["new"]
    assert looked_up(server) == ["fetch_leaves"]
    assert await refused(hass, **name, episode=4) == ("nothing_found", "")
    assert await refused(hass, title="Severance", season=9) == ("nothing_found", "")


@pytest.mark.parametrize("away", [False, True], ids=["server there", "server away"])
async def test_what_is_nowhere_is_not_found(hass: HomeAssistant, *, away: bool) -> None:
    _, server = await known_lane(hass, away=away)
    assert await refused(hass, title="Solaris") == ("nothing_found", "")
    assert await refused(hass, external_id="imdb://tt0069293") == ("nothing_found", "")
    assert await refused(hass, title="Severance", season=3, episode=1) == (
        "nothing_found",
        "",
    )
    assert bool(looked_up(server)) is not away


async def test_look_that_fails_leaves_the_catalogue_its_word(
    hass: HomeAssistant,
) -> None:
    _, server = await known_lane(hass)
    server.fail_next = [Malformed("no answer one can read")] * 2
    assert await refused(hass, title="Solaris") == ("nothing_found", "")
    assert await search(hass, "solaris") == []


async def test_id_that_nobody_knows_is_taken_while_the_server_is_away(
    hass: HomeAssistant,
) -> None:
    await known_lane(hass, away=True)
    assert await planned(hass, item_id="unheard-of") == ["unheard-of"]


async def test_id_that_nobody_knows_is_refused_by_the_server(
    hass: HomeAssistant,
) -> None:
    await known_lane(hass)
    assert await refused(hass, item_id="unheard-of") == ("unknown_item", "")


# --- short names, many names, near misses ------------------------------------------


@pytest.mark.parametrize("title", ["Her", "Dark", "It"])
async def test_short_title_is_found_among_many_that_hold_it(
    hass: HomeAssistant, title: str
) -> None:
    many = [film(f"x{number}", f"{title}cules {number}") for number in range(60)]
    _, server = await known_lane(hass, film("short", title, 2013), *many)
    assert await planned(hass, title=title) == ["short"]
    assert (await search(hass, title))[0]["item_id"] == "short"
    assert looked_up(server) == []


async def test_each_of_eighty_titles_with_one_word_is_found(
    hass: HomeAssistant,
) -> None:
    reels = [film(f"reel{number}", f"Reel {number}", 1999) for number in range(80)]
    _, server = await known_lane(hass, *reels)
    for reel in reels:
        assert await planned(hass, title=reel.title) == [reel.item_id]
    assert looked_up(server) == []


@pytest.mark.parametrize("away", [False, True], ids=["server there", "server away"])
async def test_near_miss_is_a_question(hass: HomeAssistant, *, away: bool) -> None:
    entry, _ = await known_lane(hass, away=away)
    key, candidates = await refused(hass, title="Arival")
    assert (key, candidates.split(",")[0]) == ("only_similar", "Arrival (2016)")
    with pytest.raises(NeedsAnswer) as question:
        await async_find([entry], Heard(title="arival"))
    assert question.value.asks is Asks.SIMILAR
    assert [one.item.item_id for one in question.value.candidates] == ["m1"]


async def test_rivals_of_one_title_are_a_question_and_named_by_their_ids(
    hass: HomeAssistant,
) -> None:
    remake = replace(
        MOVIE, item_id="remake", provider_ids=ProviderIds(imdb="tt9999999")
    )
    entry, _ = await known_lane(hass, MOVIE, remake)
    with pytest.raises(NeedsAnswer) as question:
        await async_find([entry], Heard(title="arrival"))
    assert question.value.asks is Asks.WHICH_WORK
    work = await async_find([entry], Heard(external_id="imdb://tt9999999"))
    assert fields_of(work.name) == {"external_id": "imdb://tt9999999"}


# --- before the first inventory has ended, and without a catalogue -------------------


async def test_half_an_inventory_does_not_choose_between_rivals(
    hass: HomeAssistant,
) -> None:
    """What was listed first must not be taken for the only one of its name."""
    remake = replace(
        MOVIE, item_id="remake", year=2030, provider_ids=ProviderIds(imdb="tt9999999")
    )
    server = MemoryServer([MOVIE, remake])
    entry = await setup_lane(hass, server)
    await entry.runtime_data.catalogue.keep([server.reading("m1")])
    assert (await refused(hass, title="Arrival"))[0] == "ambiguous"


async def test_half_an_inventory_helps_while_the_server_is_away(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer(LIBRARY)
    entry = await setup_lane(hass, server)
    await entry.runtime_data.catalogue.keep(
        server.reading(one) for one in ("m1", "s1", "e1x1")
    )
    await lose_contact(hass, entry, server)
    assert await planned(hass, item_id="m1") == ["m1"]
    assert await planned(hass, title="Arrival") == ["m1"]
    assert await planned(hass, title="Severance", season=1, episode=1) == ["e1x1"]
    assert (await refused(hass, title="Contact"))[0] == "cannot_look_up"
    assert [row["read"] for row in await search(hass)] == ["earlier"]


async def test_ids_of_half_an_inventory_are_known_before_the_libraries_are_read(
    hass: HomeAssistant,
) -> None:
    """A server that finds no ids by itself has to read its libraries for that."""
    server = MemoryServer(LIBRARY)
    server.lists_plays = False
    entry = await setup_lane(hass, server)
    await entry.runtime_data.catalogue.keep([server.reading("m1")])
    moved = replace(MOVIE, title="Premier Contact")
    server.items["m1"] = moved
    with patch.object(entry.runtime_data.inventory, "find_now") as wait:
        assert await planned(hass, external_id="tmdb://movie/329865") == ["m1"]
    assert not wait.called


async def test_catalogue_that_fails_costs_only_itself(hass: HomeAssistant) -> None:
    entry, server = await known_lane(hass)
    catalogue = entry.runtime_data.catalogue
    failing = {
        name: patch.object(catalogue, name, side_effect=CatalogueError("disk"))
        for name in ("readings", "below", "find", "titled", "like")
    }
    for one in failing.values():
        one.start()
    try:
        for name in ("item_id", "external_id", "title", "title of a show, season"):
            way, expected = WAYS[name]
            assert await way(hass, entry) == expected
        assert await found(hass, entry) == ["m1"]
        assert looked_up(server)
    finally:
        for one in failing.values():
            one.stop()


# --- look-ups that come together ---------------------------------------------------


async def test_marks_by_unknown_ids_that_come_together_are_looked_up_in_one_go(
    hass: HomeAssistant,
) -> None:
    films = [film(f"f{number}", f"Film {number}", 1999) for number in range(51)]
    server = MemoryServer(films)
    entry = await setup_lane(hass, server)
    server.requests.clear()
    found = await asyncio.gather(*(planned(hass, item_id=one.item_id) for one in films))
    assert found == [[one.item_id] for one in films]
    assert looked_up(server) == ["fetch"]
    ledger = entry.runtime_data.lane.ledger
    # That was the first look: the lane knows them from now on.
    assert all(ledger.item(one.item_id) for one in films)


async def test_marks_by_titles_that_come_together_wait_for_each_other(
    hass: HomeAssistant,
) -> None:
    films = [film(f"f{number}", f"Film {number}", 1999) for number in range(20)]
    server = MemoryServer(films)
    await setup_lane(hass, server)
    server.requests.clear()
    server.gate.clear()
    marks = asyncio.gather(*(planned(hass, title=one.title) for one in films))
    for _ in range(1_000):
        await asyncio.sleep(0.01)
        if len(looked_up(server)) == MOST_AT_ONCE:
            break
    await asyncio.sleep(0.05)
    assert len(looked_up(server)) == MOST_AT_ONCE
    server.gate.set()
    assert await marks == [[one.item_id] for one in films]


async def test_marks_in_the_first_second_of_an_outage_do_not_all_ask(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer(LIBRARY)
    entry = await setup_lane(hass, server)
    server.requests.clear()
    server.go_down()
    names = [{"item_id": f"f{number}"} for number in range(20)]
    await asyncio.gather(*(planned(hass, **one) for one in names))
    assert looked_up(server) == ["fetch"]
    await drained(hass, entry)


async def test_what_was_found_knows_better_than_what_was_listed(
    hass: HomeAssistant,
) -> None:
    entry, server = await known_lane(hass)
    server.set("m1", watched=True)
    entry.runtime_data.lane.remember([server.reading("m1")])
    [row] = await search(hass)
    assert (row["state"]["watched"], row["read"]) == (True, "earlier")
