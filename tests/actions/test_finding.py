"""Searching for media on every lane, also while some are away."""

from dataclasses import replace
from typing import Any

from homeassistant.core import HomeAssistant, SupportsResponse
from homeassistant.exceptions import ServiceValidationError
import probatio
import pytest

from custom_components.watched_sync.const import DOMAIN
from custom_components.watched_sync.core.errors import Fault
from custom_components.watched_sync.core.identity import Item, MediaKind, ProviderIds

from ..common import (
    EPISODES,
    MOVIE,
    OTHER_MOVIE,
    SHOW,
    MemoryServer,
    season,
    setup_lane,
)
from ..scene import lose_contact, revoke_token

EVERYTHING = (MOVIE, OTHER_MOVIE, SHOW, season(1), season(2), *EPISODES)


def second_server(*items: Item) -> MemoryServer:
    """Return another user's server."""
    return MemoryServer(
        items or EVERYTHING,
        server_id="server-2",
        server_name="Cellar",
        user_id="user-2",
    )


async def act(hass: HomeAssistant, action: str, /, **data: Any) -> dict[str, Any]:
    """Call an action of ours and return its response."""
    response = await hass.services.async_call(
        DOMAIN, action, data, blocking=True, return_response=True
    )
    assert isinstance(response, dict)
    return response


async def find(hass: HomeAssistant, query: str, /, **data: Any) -> dict[str, Any]:
    """Search, and return the answer."""
    return await act(hass, "find_media", query=query, **data)


async def found(hass: HomeAssistant, query: str, /, **data: Any) -> list[str]:
    """Search, and return the ids of what was found."""
    return [row["item_id"] for row in (await find(hass, query, **data))["items"]]


async def test_find_media_must_be_asked_for_its_answer(hass: HomeAssistant) -> None:
    await setup_lane(hass)
    for action in ("find_media", "explain"):
        response = hass.services.supports_response(DOMAIN, action)
        assert response is SupportsResponse.ONLY


async def test_movie_is_found_with_all_that_is_known_of_it(hass: HomeAssistant) -> None:
    server = MemoryServer()
    server.set("m1", position=60.0)
    entry = await setup_lane(hass, server)
    assert await find(hass, "arriv") == {
        "items": [
            {
                "config_entry_id": entry.entry_id,
                "lane": entry.title,
                "item_id": "m1",
                "media_type": "movie",
                "title": "Arrival",
                "full_title": "Arrival (2016)",
                "year": 2016,
                "show": None,
                "season": None,
                "episode": None,
                "aired": None,
                "library_id": "films",
                "external_ids": ["imdb://tt2543164", "tmdb://movie/329865"],
                "state": {
                    "watched": False,
                    "position": 60.0,
                    "play_count": 0,
                    "last_played": None,
                },
                "read": "now",
            }
        ],
        "skipped": [],
    }


async def test_show_and_episode_say_what_they_are(hass: HomeAssistant) -> None:
    server = MemoryServer(EVERYTHING)
    server.set("e1x1", watched=True)
    await setup_lane(hass, server)
    (show,) = (await find(hass, "severance"))["items"]
    assert (show["media_type"], show["year"]) == ("show", 2022)
    assert (show["episodes"], show["watched_episodes"]) == (5, 1)
    assert show["external_ids"] == [
        "imdb://tt11280740",
        "tmdb://show/95396",
        "tvdb://show/371980",
    ]
    rows = (await find(hass, "part 2", media_type="episode"))["items"]
    assert [row["full_title"] for row in rows] == [
        "Severance S01E02 Part 2",
        "Severance S02E02 Part 2",
    ]
    assert (rows[0]["show"], rows[0]["season"], rows[0]["episode"]) == (
        "Severance",
        1,
        2,
    )
    assert rows[0]["aired"] == "2022-01-02"
    assert rows[0]["external_ids"] == ["tvdb://episode/1002"]


async def test_what_is_found_can_be_marked_by_each_of_its_ids(
    hass: HomeAssistant,
) -> None:
    await setup_lane(hass, MemoryServer(EVERYTHING))
    rows = [
        row
        for query in ("arrival", "severance", "part 1")
        for row in (await find(hass, query))["items"]
    ]
    assert {row["media_type"] for row in rows} == {"movie", "show", "episode"}
    for row in rows:
        for external_id in row["external_ids"]:
            answer = await act(
                hass, "mark_watched", external_id=external_id, dry_run=True
            )
            assert [one["item_id"] for one in answer["operations"]] == [row["item_id"]]


async def test_media_types_limit_and_lanes_narrow_the_search(
    hass: HomeAssistant,
) -> None:
    film = Item("f1", MediaKind.MOVIE, "Severance", 2006)
    first = await setup_lane(
        hass, MemoryServer([*EVERYTHING, film]), options={"person": "person.grace"}
    )
    second = await setup_lane(hass, second_server(), options={"person": "person.ada"})
    assert await found(hass, "severance") == ["s1", "f1", "s1"]
    assert await found(hass, "severance", limit=1) == ["s1", "s1"]
    assert await found(hass, "severance", media_type="movie") == ["f1"]
    assert await found(hass, "severance", media_type=["show", "movie"]) == [
        "s1",
        "f1",
        "s1",
    ]
    for where in (
        {"config_entry_id": second.entry_id},
        {"person": "person.ada"},
    ):
        rows = (await find(hass, "severance", **where))["items"]
        assert [row["config_entry_id"] for row in rows] == [second.entry_id]
    assert first.entry_id != second.entry_id


async def test_what_is_called_exactly_so_comes_first(hass: HomeAssistant) -> None:
    items = [
        Item("d3", MediaKind.MOVIE, "Dune: Part Two", 2024),
        Item("d1", MediaKind.MOVIE, "Dune", 1984),
        Item("d2", MediaKind.MOVIE, "Dune", 2021, ProviderIds(tmdb="438631")),
    ]
    await setup_lane(hass, MemoryServer(items))
    assert await found(hass, "dune") == ["d1", "d2", "d3"]
    assert await found(hass, "dune", limit=1) == ["d1"]
    assert await found(hass, "dune (2021)") == ["d2"]


async def test_library_that_is_left_out_is_not_searched(hass: HomeAssistant) -> None:
    other = replace(MOVIE, item_id="m9", library_id="cinema")
    await setup_lane(
        hass,
        MemoryServer([other, MOVIE]),
        options={"entities": {"libraries": ["films"]}},
    )
    assert await found(hass, "arrival", limit=1) == ["m1"]


async def test_lanes_that_cannot_be_asked_are_listed_and_answer_from_memory(
    hass: HomeAssistant,
) -> None:
    servers = [
        MemoryServer(EVERYTHING),
        second_server(),
        MemoryServer(EVERYTHING, server_id="server-3", user_id="user-3"),
        MemoryServer(EVERYTHING, server_id="server-4", user_id="user-4"),
    ]
    servers[0].up_next_ids = ["e1x1", "m1"]
    servers[0].set("m1", position=90.0)
    entries = [await setup_lane(hass, server) for server in servers]
    await lose_contact(hass, entries[0], servers[0])
    await revoke_token(hass, entries[1], servers[1])
    await hass.config_entries.async_unload(entries[2].entry_id)
    servers[3].fail_next = [Fault("overworked")]
    answer = await find(hass, "a")
    rows = {row["item_id"]: row for row in answer["items"]}
    assert rows.keys() == {"e1x1", "m1", "s1"}
    assert {row["read"] for row in rows.values()} == {"earlier"}
    assert rows["m1"]["state"]["position"] == 90.0
    # The show is known from its episode alone.
    assert rows["s1"]["state"]["watched"] is None
    assert {row["config_entry_id"]: row["reason"] for row in answer["skipped"]} == {
        entries[0].entry_id: "offline",
        entries[1].entry_id: "auth_required",
        entries[2].entry_id: "not_loaded",
        entries[3].entry_id: "server_error",
    }
    assert (await find(hass, "contact"))["items"][0]["config_entry_id"] == (
        entries[3].entry_id
    )


async def test_nothing_found_is_an_answer(hass: HomeAssistant) -> None:
    await setup_lane(hass)
    assert await find(hass, "nothing like it") == {"items": [], "skipped": []}


@pytest.mark.parametrize(
    ("query", "data", "key"),
    [
        ("  ", {}, "nothing_to_search"),
        ("a", {"limit": 0}, "limit_out_of_range"),
        ("a", {"limit": 51}, "limit_out_of_range"),
        ("a", {"person": "person.nobody"}, "person_without_lane"),
    ],
)
async def test_bad_search_is_refused_in_words(
    hass: HomeAssistant, query: str, data: dict[str, Any], key: str
) -> None:
    await setup_lane(hass)
    with pytest.raises(ServiceValidationError) as error:
        await find(hass, query, **data)
    assert error.value.translation_key == key


@pytest.mark.parametrize("media_type", ["season", "unknown", "song"])
async def test_other_media_is_refused_by_the_schema(
    hass: HomeAssistant, media_type: str
) -> None:
    await setup_lane(hass)
    with pytest.raises(probatio.Invalid):
        await find(hass, "a", media_type=media_type)


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("Harbour's End", ["f1", "f2"]),
        ("harbour’s end (2002)", ["f1"]),  # noqa: RUF001 - the other apostrophe
        ("The Harbour's End", ["f1", "f2"]),
        # Nothing is called so: what nearly is, is found by its telling words.
        ("Harbor's End", ["f1", "f2"]),
        ("North", ["f3"]),
        ("Harbor", []),
    ],
)
@pytest.mark.parametrize("is_away", [False, True])
async def test_title_is_found_however_it_is_spelt(
    hass: HomeAssistant, query: str, ids: list[str], *, is_away: bool
) -> None:
    films = [
        Item("f3", MediaKind.MOVIE, "The North Line", 2002),
        Item("f2", MediaKind.MOVIE, "Harbour’s End", 1999),  # noqa: RUF001 - as typed
        Item("f1", MediaKind.MOVIE, "Harbour's End (2002)"),
    ]
    server = MemoryServer(films)
    entry = await setup_lane(hass, server, subentries=films)
    if is_away:
        await lose_contact(hass, entry, server)
        # What was read earlier is compared by the same rule, but not guessed from.
        ids = [] if query == "Harbor's End" or "The" in query else ids
    assert sorted(await found(hass, query)) == ids
