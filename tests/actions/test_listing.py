"""Listing the library: filters, parts, and several lanes as one."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

from homeassistant.core import HomeAssistant, SupportsResponse
from homeassistant.exceptions import ServiceValidationError
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.watched_sync.const import DOMAIN
from custom_components.watched_sync.core.errors import CatalogueError
from custom_components.watched_sync.core.identity import Item, ProviderIds

from ..common import (
    EPISODES,
    MOVIE,
    OTHER_MOVIE,
    SHOW,
    MemoryServer,
    mark,
    setup_lane,
    take_inventory,
)
from ..scene import lose_contact

SEEN_AT = datetime(2026, 3, 1, 20, tzinfo=UTC)


async def listed(hass: HomeAssistant, /, **data: Any) -> dict[str, Any]:
    """Ask for the library, and return the answer."""
    answer = await hass.services.async_call(
        DOMAIN, "get_library", data, blocking=True, return_response=True
    )
    assert isinstance(answer, dict)
    return answer


async def ids(hass: HomeAssistant, /, **data: Any) -> list[str]:
    """Return the ids of what is listed."""
    return [row["item_id"] for row in (await listed(hass, **data))["items"]]


async def refused(hass: HomeAssistant, /, **data: Any) -> ServiceValidationError:
    """Return the error of a list that must be refused."""
    with pytest.raises(ServiceValidationError) as error:
        await listed(hass, **data)
    return error.value


async def house(
    hass: HomeAssistant, *items: Item, away: bool = False, **kwargs: Any
) -> tuple[MockConfigEntry, MemoryServer]:
    """Set up a lane whose libraries were read."""
    server = MemoryServer(items or (MOVIE, OTHER_MOVIE, SHOW, *EPISODES))
    server.set("m2" if not items else items[0].item_id, watched=True, play_count=1)
    entry = await setup_lane(hass, server, **kwargs)
    await take_inventory(entry, server)
    if away:
        await lose_contact(hass, entry, server)
    return entry, server


async def test_it_must_be_asked_for_its_answer(hass: HomeAssistant) -> None:
    await setup_lane(hass)
    response = hass.services.supports_response(DOMAIN, "get_library")
    assert response is SupportsResponse.ONLY


async def test_row_says_all_that_is_known(hass: HomeAssistant) -> None:
    server = MemoryServer()
    server.set("m1", watched=True, play_count=2, last_played=SEEN_AT)
    entry = await setup_lane(hass, server)
    await take_inventory(entry, server)
    assert await listed(hass, media_type="movie", watched=True) == {
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
                    "watched": True,
                    "position": 0.0,
                    "play_count": 2,
                    "last_played": SEEN_AT.isoformat(),
                },
                "duration": 6960.0,
                "library": "Films",
                "last_played": SEEN_AT.isoformat(),
                "waiting": False,
            }
        ],
        "total": 1,
        "skipped": [],
    }
    [show] = (await listed(hass, media_type="show"))["items"]
    assert (show["episodes"], show["watched_episodes"]) == (5, 0)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"media_type": "movie"}, ["m1", "m2"]),
        ({"media_type": ["movie", "show"]}, ["m1", "m2", "s1"]),
        ({"media_type": "movie", "watched": False}, ["m1"]),
        ({"watched": True}, ["m2"]),
        ({"library": "films"}, ["m1", "m2"]),
        ({"media_type": "movie", "max_duration": {"minutes": 120}}, ["m1"]),
        ({"query": "contact"}, ["m2"]),
        ({"query": "part 1", "limit": 2}, ["e0x1", "e1x1"]),
        ({"query": "part 1", "limit": 2, "start": 2}, ["e2x1"]),
        ({"query": "nothing is called so"}, []),
    ],
)
@pytest.mark.parametrize("away", [False, True], ids=["server there", "server away"])
async def test_filters_narrow_it(
    hass: HomeAssistant, data: dict[str, Any], expected: list[str], *, away: bool
) -> None:
    _, server = await house(hass, away=away)
    server.requests.clear()
    assert await ids(hass, **data) == expected
    assert {name for name, _ in server.requests} <= {"libraries", "probe"}


async def test_libraries_are_named_by_ids_or_names(hass: HomeAssistant) -> None:
    await house(hass)
    kinds = ["movie", "show"]
    assert await ids(hass, library="FILMS") == ["m1", "m2"]
    both = await ids(hass, library=["films", "Shows"], media_type=kinds)
    assert both == ["m1", "m2", "s1"]


async def test_total_counts_what_is_left_out(hass: HomeAssistant) -> None:
    await house(hass)
    answer = await listed(hass, limit=1, start=1)
    assert (answer["total"], len(answer["items"])) == (8, 1)


async def test_names_of_libraries_outlast_the_server(hass: HomeAssistant) -> None:
    entry, server = await house(hass)
    assert await ids(hass, library="Films") == ["m1", "m2"]
    await lose_contact(hass, entry, server)
    server.requests.clear()
    assert await ids(hass, library="Films") == ["m1", "m2"]
    assert (await refused(hass, library="Music")).translation_placeholders == {
        "library": "Music",
        "libraries": "Films, Shows",
    }


async def test_library_that_is_left_out_is_not_listed(hass: HomeAssistant) -> None:
    await house(
        hass, options={"person": "shared", "entities": {"libraries": ["films"]}}
    )
    assert await ids(hass) == ["m1", "m2"]
    assert await ids(hass, library="Shows") == []


async def test_library_that_is_not_there_any_more_is_not_listed(
    hass: HomeAssistant,
) -> None:
    entry, _ = await house(hass)
    entry.runtime_data.inventory._unseen = frozenset({"films"})
    assert "m1" not in await ids(hass)
    assert await ids(hass, library="Films") == []
    assert len(await ids(hass)) > 0


async def test_what_waits_can_be_listed_or_left_out(hass: HomeAssistant) -> None:
    entry, _ = await house(hass, away=True)
    await mark(entry, MOVIE)
    await mark(entry, replace(MOVIE, item_id="gone", title="Solaris"))
    assert await ids(hass, media_type="movie", waiting=True) == ["m1", "gone"]
    answer = await listed(hass, media_type="movie", waiting=False)
    assert [row["item_id"] for row in answer["items"]] == ["m2"]
    assert answer["total"] == 1
    answer = await listed(hass, media_type="movie")
    assert [row["waiting"] for row in answer["items"]] == [True, False]


async def test_show_that_waits_has_its_episodes_wait(hass: HomeAssistant) -> None:
    entry, _ = await house(hass, away=True)
    await mark(entry, SHOW)
    waiting = await ids(hass, waiting=True)
    assert waiting == ["s1", *(one.item_id for one in EPISODES)]
    answer = await listed(hass, waiting=False, limit=1, start=1)
    assert ([row["item_id"] for row in answer["items"]], answer["total"]) == (["m2"], 2)


async def test_several_lanes_are_one_list(hass: HomeAssistant) -> None:
    entry, _ = await house(hass)
    other = MemoryServer(
        [
            replace(MOVIE, item_id="b", title="Brazil", provider_ids=ProviderIds()),
            replace(MOVIE, item_id="z", title="Zodiac", provider_ids=ProviderIds()),
        ],
        server_id="server-2",
        server_name="Cellar",
        user_id="user-2",
    )
    second = await setup_lane(hass, other)
    await take_inventory(second, other)
    movies = {"media_type": "movie"}
    assert await ids(hass, **movies) == ["m1", "b", "m2", "z"]
    assert await ids(hass, **movies, start=1, limit=2) == ["b", "m2"]
    assert (await listed(hass, **movies, limit=1))["total"] == 4
    assert await ids(hass, config_entry_id=second.entry_id) == ["b", "z"]
    await hass.config_entries.async_unload(second.entry_id)
    answer = await listed(hass, **movies)
    assert [one["reason"] for one in answer["skipped"]] == ["not_loaded"]
    assert [one["config_entry_id"] for one in answer["items"]] == [entry.entry_id] * 2


async def test_what_was_not_read_to_the_end_is_said_so(hass: HomeAssistant) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    await entry.runtime_data.catalogue.keep([server.reading("m1")])
    answer = await listed(hass)
    assert [row["item_id"] for row in answer["items"]] == ["m1"]
    assert [row["reason"] for row in answer["skipped"]] == ["still_looking"]


async def test_catalogue_that_fails_is_said_so(hass: HomeAssistant) -> None:
    entry, _ = await house(hass)
    with patch.object(
        entry.runtime_data.catalogue, "select", side_effect=CatalogueError("disk")
    ):
        answer = await listed(hass)
    assert (answer["items"], answer["total"]) == ([], 0)
    assert [row["reason"] for row in answer["skipped"]] == ["still_looking"]


@pytest.mark.parametrize(
    ("data", "key"),
    [
        ({"limit": 0}, "limit_out_of_range"),
        ({"limit": 101}, "limit_out_of_range"),
        ({"start": -1}, "negative_filter"),
        ({"max_duration": {"minutes": -1}}, "negative_filter"),
        ({"library": "Music"}, "unknown_library"),
    ],
)
async def test_bad_filters_are_refused_in_words(
    hass: HomeAssistant, data: dict[str, Any], key: str
) -> None:
    await house(hass)
    assert (await refused(hass, **data)).translation_key == key
