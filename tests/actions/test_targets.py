"""How an action names something, and which items on which lanes that means."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any
import unicodedata

from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import (
    area_registry as ar,
    device_registry as dr,
    entity_registry as er,
)
import probatio
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.watched_sync.const import DOMAIN
from custom_components.watched_sync.core.errors import Fault, Unreachable
from custom_components.watched_sync.core.identity import Item, MediaKind, ProviderIds
from custom_components.watched_sync.core.lane import Phase
from custom_components.watched_sync.core.operation import (
    MarkUnwatched,
    MarkWatched,
    Scope,
)
from custom_components.watched_sync.naming.names import (
    EXTERNAL_ID_EXAMPLES,
    parse_external_id,
)

from ..common import (
    EPISODES,
    MOVIE,
    OTHER_MOVIE,
    SHOW,
    MemoryServer,
    drained,
    episode,
    season,
    setup_lane,
    until,
)
from ..scene import look_at_it, lose_contact, revoke_token

LAST_PLAYED = "switch.attic_ada_last_played"
MOVIE_SWITCH = "switch.arrival_2016_watched"
SHOW_SWITCH = "switch.severance_watched"
UP_NEXT = "switch.attic_ada_up_next_1"
EVERYTHING = (MOVIE, OTHER_MOVIE, SHOW, season(1), season(2), *EPISODES)


def second_server(items: Iterable[Item] = EVERYTHING) -> MemoryServer:
    """Return another user's server."""
    return MemoryServer(
        items, server_id="server-2", server_name="Cellar", user_id="user-2"
    )


async def mark(
    hass: HomeAssistant, /, context: Context | None = None, **data: Any
) -> dict[str, Any]:
    """Mark something watched and return the response."""
    response = await hass.services.async_call(
        DOMAIN,
        "mark_watched",
        data,
        blocking=True,
        return_response=True,
        context=context,
    )
    assert isinstance(response, dict)
    return response


async def planned(hass: HomeAssistant, /, **data: Any) -> list[str]:
    """Return the ids of the items that marking something watched would mean."""
    answer = await mark(hass, dry_run=True, **data)
    return [row["item_id"] for row in answer["operations"]]


async def refused(
    hass: HomeAssistant, *entries: MockConfigEntry, **data: Any
) -> ServiceValidationError:
    """Return the error of a mark that must be refused; nothing may be queued."""
    with pytest.raises(ServiceValidationError) as error:
        await mark(hass, **data)
    for entry in entries:
        assert len(entry.runtime_data.lane.outbox) == 0
    return error.value


def waiting(entry: MockConfigEntry) -> list[str]:
    """Return the ids of the items that wait in a lane."""
    return [one.item.item_id for one in entry.runtime_data.lane.outbox]


# --- external ids ---------------------------------------------------------------

ANY = (MediaKind.MOVIE, MediaKind.SHOW, MediaKind.EPISODE)


@pytest.mark.parametrize(
    ("text", "kinds", "ids"),
    [
        ("imdb://tt2543164", ANY, ProviderIds(imdb="tt2543164")),
        (" imdb://tt2543164\n", ANY, ProviderIds(imdb="tt2543164")),
        (
            "imdb://movie/tt2543164",
            (MediaKind.MOVIE,),
            ProviderIds(imdb="tt2543164"),
        ),
        ("tmdb://movie/329865", (MediaKind.MOVIE,), ProviderIds(tmdb="329865")),
        ("tmdb://show/95396", (MediaKind.SHOW,), ProviderIds(tmdb="95396")),
        ("tvdb://371980", ANY, ProviderIds(tvdb="371980")),
        ("tvdb://show/371980", (MediaKind.SHOW,), ProviderIds(tvdb="371980")),
        ("tvdb://episode/1001", (MediaKind.EPISODE,), ProviderIds(tvdb="1001")),
    ],
)
def test_external_id_is_understood(
    text: str, kinds: tuple[MediaKind, ...], ids: ProviderIds
) -> None:
    assert parse_external_id(text) == (kinds, ids)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tt2543164",
        "imdb:tt2543164",
        "imdb://2543164",
        "imdb://tt",
        "imdb://tt12x",
        "imdb://show/",
        "tmdb://329865",
        "tmdb://movie/",
        "tmdb://movie/tt2543164",
        "tmdb://season/1",
        "tmdb://movie/1/2",
        "tvdb://-1",
        "tvdb://١٢",
        "TVDB://1",
        "plex://movie/5d77",
    ],
)
def test_malformed_external_id_is_refused(text: str) -> None:
    with pytest.raises(ServiceValidationError) as error:
        parse_external_id(text)
    assert error.value.translation_key == "malformed_external_id"
    assert error.value.translation_placeholders == {
        "external_id": text,
        **EXTERNAL_ID_EXAMPLES,
    }


@pytest.mark.parametrize("text", EXTERNAL_ID_EXAMPLES.values())
def test_the_examples_of_external_ids_are_understood(text: str) -> None:
    parse_external_id(text)


@pytest.mark.parametrize(
    ("external_id", "item_id"),
    [
        ("imdb://tt2543164", "m1"),
        ("tmdb://movie/329865", "m1"),
        ("tmdb://show/95396", "s1"),
        ("tvdb://371980", "s1"),
        ("tvdb://1001", "e1x1"),
        ("imdb://tt11280740", "s1"),
    ],
)
async def test_item_is_found_by_external_id(
    hass: HomeAssistant, external_id: str, item_id: str
) -> None:
    await setup_lane(hass)
    assert await planned(hass, external_id=external_id) == [item_id]


async def test_number_that_means_two_things_at_tvdb_is_ambiguous(
    hass: HomeAssistant,
) -> None:
    movie = replace(MOVIE, provider_ids=ProviderIds(tvdb="371980"))
    server = MemoryServer([movie, SHOW])
    entry = await setup_lane(hass, server)
    error = await refused(hass, entry, external_id="tvdb://371980")
    assert error.translation_key == "ambiguous"
    assert error.translation_placeholders == {
        "name": "tvdb://371980",
        "candidates": (
            "Arrival (2016), Movie: Attic (Ada); Severance, Show: Attic (Ada)"
        ),
    }
    assert await planned(hass, external_id="tvdb://show/371980") == ["s1"]


# --- titles -----------------------------------------------------------------------


@pytest.mark.parametrize("title", ["Arrival", "arrival", "  ARRIVAL "])
async def test_title_is_found_whatever_its_case(
    hass: HomeAssistant, title: str
) -> None:
    await setup_lane(hass)
    assert await planned(hass, title=title) == ["m1"]


async def test_ambiguous_title_lists_its_candidates_and_a_year_decides(
    hass: HomeAssistant,
) -> None:
    old = Item("d1", MediaKind.MOVIE, "Dune", 1984, ProviderIds(tmdb="841"))
    new = Item("d2", MediaKind.MOVIE, "Dune", 2021, ProviderIds(tmdb="438631"))
    part = Item("d3", MediaKind.MOVIE, "Dune: Part Two", 2024)
    entry = await setup_lane(hass, MemoryServer([old, new, part]))
    error = await refused(hass, entry, title="Dune")
    assert error.translation_key == "ambiguous"
    assert error.translation_placeholders == {
        "name": "Dune",
        "candidates": (
            "Dune (1984), Movie: Attic (Ada); Dune (2021), Movie: Attic (Ada)"
        ),
    }
    assert await planned(hass, title="Dune", year=2021) == ["d2"]


@pytest.mark.parametrize(
    ("data", "item_ids"),
    [
        ({"title": "Dune (1984)"}, ["d1"]),
        ({"title": " dune  (2021) "}, ["d2"]),
        ({"title": "Dune (2021)", "year": 2021}, ["d2"]),
        ({"title": "Castle (2009)"}, ["c1"]),
        ({"title": "Castle (2009)", "season": 1, "episode": 1}, ["c1e1"]),
        ({"title": "(500) Days of Summer"}, ["f1"]),
        ({"title": "2012 (2009)"}, ["f2"]),
    ],
)
async def test_title_may_end_in_its_year(
    hass: HomeAssistant, data: dict[str, Any], item_ids: list[str]
) -> None:
    # Some servers have the year in the title itself.
    castle = Item("c1", MediaKind.SHOW, "Castle (2009)", 2009)
    items = [
        Item("d1", MediaKind.MOVIE, "Dune", 1984, ProviderIds(tmdb="841")),
        Item("d2", MediaKind.MOVIE, "Dune", 2021, ProviderIds(tmdb="438631")),
        castle,
        replace(episode(1, 1), item_id="c1e1", show_id="c1", show_title=castle.title),
        Item("f1", MediaKind.MOVIE, "(500) Days of Summer", 2009),
        Item("f2", MediaKind.MOVIE, "2012", 2009),
    ]
    await setup_lane(hass, MemoryServer(items))
    assert await planned(hass, **data) == item_ids


@pytest.mark.parametrize(
    "data", [{"title": "Dune (1999)"}, {"title": "Dune (2021)", "year": 1984}]
)
async def test_title_with_another_year_is_not_found(
    hass: HomeAssistant, data: dict[str, Any]
) -> None:
    dune = Item("d1", MediaKind.MOVIE, "Dune", 1984, ProviderIds(tmdb="841"))
    entry = await setup_lane(hass, MemoryServer([dune]))
    error = await refused(hass, entry, **data)
    assert error.translation_key in ("only_similar", "nothing_found")


async def test_title_known_to_two_lanes_that_are_away_is_ambiguous_and_says_why(
    hass: HomeAssistant,
) -> None:
    bare = [replace(item, show_provider_ids=ProviderIds()) for item in EPISODES]
    servers = [MemoryServer(bare), second_server(bare)]
    entries = []
    for server in servers:
        server.up_next_ids = ["e1x1"]
        entries.append(await setup_lane(hass, server))
    for entry, server in zip(entries, servers, strict=True):
        await lose_contact(hass, entry, server)
    error = await refused(hass, *entries, title="Severance", season=1, episode=1)
    assert error.translation_key == "ambiguous_while_away"
    assert error.translation_placeholders == {
        "name": "Severance",
        "candidates": "Severance, Show: Attic (Ada), Cellar (Ada)",
        "lanes": "Attic (Ada), Cellar (Ada)",
    }
    answer = await mark(
        hass,
        title="Severance",
        season=1,
        episode=1,
        config_entry_id=entries[0].entry_id,
        dry_run=True,
    )
    assert [row["item_id"] for row in answer["operations"]] == ["e1x1"]


async def test_title_of_different_works_on_two_servers_is_ambiguous(
    hass: HomeAssistant,
) -> None:
    old = Item("d1", MediaKind.MOVIE, "Dune", 1984, ProviderIds(tmdb="841"))
    new = Item("d2", MediaKind.MOVIE, "Dune", 2021, ProviderIds(tmdb="438631"))
    entries = [
        await setup_lane(hass, server)
        for server in (MemoryServer([old]), second_server([new]))
    ]
    error = await refused(hass, *entries, title="Dune")
    assert error.translation_key == "ambiguous"
    assert error.translation_placeholders is not None
    assert error.translation_placeholders["candidates"] == (
        "Dune (1984), Movie: Attic (Ada); Dune (2021), Movie: Cellar (Ada)"
    )


async def test_candidate_on_several_servers_is_listed_once_with_all_of_them(
    hass: HomeAssistant,
) -> None:
    old = Item("d1", MediaKind.MOVIE, "Dune", 1984, ProviderIds(tmdb="841"))
    new = Item("d2", MediaKind.MOVIE, "Dune", 2021, ProviderIds(tmdb="438631"))
    entries = [
        # The same film twice, as in a library of its own for what is in 4K.
        await setup_lane(hass, MemoryServer([old, replace(old, item_id="d3"), new])),
        await setup_lane(hass, second_server([replace(new, title="dune"), old])),
    ]
    error = await refused(hass, *entries, title="Dune")
    assert error.translation_placeholders == {
        "name": "Dune",
        "candidates": (
            "Dune (1984), Movie: Attic (Ada), Cellar (Ada); "
            "Dune (2021), Movie: Attic (Ada), Cellar (Ada)"
        ),
    }


async def test_candidates_that_are_called_alike_are_told_apart_by_their_ids(
    hass: HomeAssistant,
) -> None:
    remake = replace(
        SHOW, item_id="s2", year=None, provider_ids=ProviderIds(imdb="tt0000001")
    )
    original = replace(SHOW, year=None)
    entry = await setup_lane(hass, MemoryServer([original, remake]))
    error = await refused(hass, entry, title="Severance")
    assert error.translation_placeholders == {
        "name": "Severance",
        "candidates": (
            f"Severance, Show, {SHOW.provider_ids.address(MediaKind.SHOW)}: Attic (Ada)"
            "; Severance, Show, imdb://tt0000001: Attic (Ada)"
        ),
    }


@pytest.mark.parametrize(("language", "kind"), [("de", "Film"), ("fr", "Film")])
async def test_candidates_are_listed_in_home_assistants_language(
    hass: HomeAssistant, language: str, kind: str
) -> None:
    hass.config.language = language
    old = Item("d1", MediaKind.MOVIE, "Dune", 1984, ProviderIds(tmdb="841"))
    new = Item("d2", MediaKind.MOVIE, "Dune", 2021, ProviderIds(tmdb="438631"))
    entry = await setup_lane(hass, MemoryServer([old, new]))
    error = await refused(hass, entry, title="Dune")
    assert error.translation_placeholders is not None
    assert error.translation_placeholders["candidates"] == (
        f"Dune (1984), {kind}: Attic (Ada); Dune (2021), {kind}: Attic (Ada)"
    )


async def test_movie_and_show_of_one_title_are_ambiguous_unless_a_season_is_named(
    hass: HomeAssistant,
) -> None:
    movie = Item("f1", MediaKind.MOVIE, "Severance", 2006, ProviderIds(tmdb="10878"))
    entry = await setup_lane(hass, MemoryServer([movie, SHOW, *EPISODES]))
    assert (await refused(hass, entry, title="Severance")).translation_key == (
        "ambiguous"
    )
    assert await planned(hass, title="Severance", season=1, episode=2) == ["e1x2"]


async def test_long_list_of_candidates_is_cut(hass: HomeAssistant) -> None:
    items = [
        Item(f"x{number}", MediaKind.MOVIE, "Untitled", 1990 + number)
        for number in range(12)
    ]
    entry = await setup_lane(hass, MemoryServer(items))
    error = await refused(hass, entry, title="Untitled")
    assert error.translation_placeholders is not None
    candidates = error.translation_placeholders["candidates"]
    assert candidates.count("Untitled") == 10
    assert candidates.endswith("; …")


async def test_every_copy_of_a_movie_is_meant(hass: HomeAssistant) -> None:
    copy = replace(MOVIE, item_id="m1b", title="Arrival (4K)")
    bare = replace(MOVIE, item_id="m1c", provider_ids=ProviderIds())
    server = MemoryServer([MOVIE, copy, bare])
    entry = await setup_lane(hass, server)
    assert await planned(hass, external_id="imdb://tt2543164") == ["m1", "m1b"]
    # A copy without ids is told by title and year.
    assert await planned(hass, title="Arrival") == ["m1", "m1c"]
    await mark(hass, external_id="imdb://tt2543164")
    await drained(hass, entry)
    assert {item_id for item_id, _ in server.writes} == {"m1", "m1b"}


# --- seasons and episodes -----------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "item_ids"),
    [
        ({"title": "Severance", "season": 2, "episode": 1}, ["e2x1"]),
        ({"title": "Severance", "season": 0, "episode": 1}, ["e0x1"]),
        ({"external_id": "tmdb://show/95396", "season": 2, "episode": 2}, ["e2x2"]),
        ({"external_id": "imdb://tt11280740", "season": 1, "episode": 1}, ["e1x1"]),
        ({"item_id": "s1", "season": 1, "episode": 2}, ["e1x2"]),
        ({"title": "Severance", "season": 2}, ["season2"]),
        ({"title": "Severance"}, ["s1"]),
        ({"item_id": "e1x1", "scope": "season"}, ["season1"]),
        ({"item_id": "e1x1", "scope": "show"}, ["s1"]),
        ({"item_id": "season2", "scope": "show"}, ["s1"]),
        ({"item_id": "season2", "scope": "season"}, ["season2"]),
        ({"item_id": "season2"}, ["season2"]),
        ({"item_id": "s1", "scope": "show"}, ["s1"]),
        (
            {"title": "Severance", "season": 1, "episode": 1, "scope": "season"},
            ["season1"],
        ),
    ],
)
async def test_show_forms_and_scopes(
    hass: HomeAssistant, data: dict[str, Any], item_ids: list[str]
) -> None:
    await setup_lane(hass, MemoryServer(EVERYTHING))
    assert await planned(hass, **data) == item_ids


@pytest.mark.parametrize("number", [3, 4])
async def test_file_with_two_episodes_is_found_by_either(
    hass: HomeAssistant, number: int
) -> None:
    double = replace(episode(1, 3), episode_end=4)
    await setup_lane(hass, MemoryServer([SHOW, *EPISODES, double]))
    assert await planned(hass, title="Severance", season=1, episode=number) == ["e1x3"]


async def test_every_copy_of_an_episode_is_meant(hass: HomeAssistant) -> None:
    copy = replace(EPISODES[1], item_id="e1x1b")
    await setup_lane(hass, MemoryServer([SHOW, *EPISODES, copy]))
    assert await planned(hass, title="Severance", season=1, episode=1) == [
        "e1x1",
        "e1x1b",
    ]


async def test_lane_without_the_episode_is_skipped(hass: HomeAssistant) -> None:
    entries = [
        await setup_lane(hass, server)
        for server in (
            MemoryServer(EVERYTHING),
            second_server([SHOW, EPISODES[1]]),
        )
    ]
    answer = await mark(hass, title="Severance", season=2, episode=1)
    assert [row["item_id"] for row in answer["operations"]] == ["e2x1"]
    assert answer["skipped"] == [
        {
            "config_entry_id": entries[1].entry_id,
            "lane": entries[1].title,
            "item_id": "s1",
            "title": "Severance",
            "reason": "not_found",
        }
    ]


async def test_episode_that_is_nowhere_is_named_in_the_error(
    hass: HomeAssistant,
) -> None:
    entry = await setup_lane(hass, MemoryServer(EVERYTHING))
    error = await refused(hass, entry, title="Severance", season=3, episode=7)
    assert error.translation_key == "nothing_found"
    assert error.translation_placeholders == {"name": "Severance S03E07"}


async def test_show_that_vanishes_meanwhile_is_not_found(hass: HomeAssistant) -> None:
    server = MemoryServer(EVERYTHING)
    entry = await setup_lane(hass, server, subentries=[SHOW])
    del server.items["s1"]
    error = await refused(hass, entry, item_id="s1", season=1)
    assert error.translation_key == "nothing_found"


# --- what a lane knows by itself ------------------------------------------------------


async def test_known_item_is_queued_without_a_question(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = MemoryServer()
    server.up_next_ids = ["m1"]
    entry = await setup_lane(hass, server)
    # Delivering asks, of course: not now.
    monkeypatch.setattr(entry.runtime_data.lane.outbox, "due", lambda *_: [])
    before = len(server.requests)
    await mark(hass, item_id="m1")
    await hass.async_block_till_done()
    assert len(server.requests) == before
    assert waiting(entry) == ["m1"]


@pytest.mark.parametrize(
    "data",
    [
        {"item_id": "e1x1"},
        {"title": "Severance", "season": 1, "episode": 1},
        {"external_id": "tvdb://371980", "season": 1, "episode": 1},
        {"external_id": "tvdb://1001"},
    ],
)
async def test_known_episode_is_resolved_offline(
    hass: HomeAssistant, data: dict[str, Any]
) -> None:
    server = MemoryServer(EVERYTHING)
    server.up_next_ids = ["e1x1", "m1"]
    entry = await setup_lane(hass, server)
    await lose_contact(hass, entry, server)
    answer = await mark(hass, **data)
    assert answer["skipped"] == []
    assert waiting(entry) == ["e1x1"]


async def test_season_and_show_of_a_known_episode_are_known_offline(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer(EVERYTHING)
    server.up_next_ids = ["e1x1"]
    entry = await setup_lane(hass, server)
    await lose_contact(hass, entry, server)
    await mark(hass, title="Severance", season=1, confirm=True)
    await mark(hass, external_id="tmdb://show/95396", confirm=True)
    operations = list(entry.runtime_data.lane.outbox)
    # The show overtakes its season.
    assert [(one.item.item_id, one.scope) for one in operations] == [("s1", Scope.TREE)]
    server.come_up()
    entry.runtime_data.relay.nudge()
    await drained(hass, entry)
    assert server.states["e2x2"].watched
    assert not server.states["e0x1"].watched


async def test_unknown_id_is_believed_while_offline(hass: HomeAssistant) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    await lose_contact(hass, entry, server)
    await mark(hass, item_id="m2")
    (operation,) = entry.runtime_data.lane.outbox
    assert operation.item == Item("m2", MediaKind.UNKNOWN, "m2")
    server.come_up()
    entry.runtime_data.relay.nudge()
    await drained(hass, entry)
    assert server.writes == [("m2", MarkWatched())]


@pytest.mark.parametrize(
    "item_id",
    [
        "../x",
        "m1?a=b",
        "m1#",
        "a/b",
        "a%2Fb",
        "m\x001",
        "m1,m2",
        "x" * 1_000_000,
    ],
)
@pytest.mark.parametrize("is_away", [False, True])
async def test_id_that_cannot_be_one_is_refused_unasked_and_never_queued(
    hass: HomeAssistant, item_id: str, *, is_away: bool
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    if is_away:
        await lose_contact(hass, entry, server)
    error = await refused(hass, entry, item_id=item_id)
    assert error.translation_key == "impossible_item_id"
    assert len(str(error.translation_placeholders)) < 500
    assert str(error.translation_placeholders).encode()
    assert ("fetch", item_id) not in server.requests


async def test_an_id_gets_the_form_of_its_server_before_it_is_queued(
    hass: HomeAssistant,
) -> None:
    class Dashless(MemoryServer):
        def item_id(self, text: str) -> str | None:
            return text.replace("-", "").lower()

    server = Dashless()
    entry = await setup_lane(hass, server)
    await lose_contact(hass, entry, server)
    await mark(hass, item_id="0A1B2C3D-0000-1111-2222-333344445555")
    await hass.services.async_call(
        DOMAIN,
        "mark_unwatched",
        {"item_id": "0a1b2c3d000011112222333344445555"},
        blocking=True,
    )
    (operation,) = entry.runtime_data.lane.outbox
    assert operation.item.item_id == "0a1b2c3d000011112222333344445555"
    assert operation.change == MarkUnwatched()


@pytest.mark.parametrize("data", [{"scope": "show"}, {"season": 1}])
async def test_neighbours_of_an_unknown_id_cannot_be_found_offline(
    hass: HomeAssistant, data: dict[str, Any]
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    await lose_contact(hass, entry, server)
    error = await refused(hass, entry, item_id="e1x1", **data)
    assert error.translation_key == "cannot_look_up"


@pytest.mark.parametrize(
    "data",
    [
        {"title": "Contact"},
        {"external_id": "imdb://tt0118884"},
        {"title": "Severance", "season": 2, "episode": 2},
    ],
)
async def test_unknown_name_while_offline_is_an_error_that_says_so(
    hass: HomeAssistant, data: dict[str, Any]
) -> None:
    server = MemoryServer()
    entry = await setup_lane(
        hass, server, subentries=[SHOW] if "season" in data else []
    )
    entry.runtime_data.lane.ledger.forget("e2x2")
    entry.runtime_data.coordinator._leaves.clear()
    await lose_contact(hass, entry, server)
    error = await refused(hass, entry, **data)
    assert error.translation_key == "cannot_look_up"
    assert error.translation_placeholders is not None
    assert error.translation_placeholders["lanes"] == "Attic (Ada)"


async def test_offline_lane_is_skipped_while_another_takes_the_operation(
    hass: HomeAssistant,
) -> None:
    first, second = MemoryServer(), second_server()
    entries = [await setup_lane(hass, server) for server in (first, second)]
    await lose_contact(hass, entries[0], first)
    answer = await mark(hass, title="Arrival")
    assert [row["config_entry_id"] for row in answer["operations"]] == [
        entries[1].entry_id
    ]
    assert answer["skipped"] == [
        {
            "config_entry_id": entries[0].entry_id,
            "lane": entries[0].title,
            "item_id": None,
            "title": None,
            "reason": "offline",
        }
    ]


async def test_lane_that_waits_for_a_sign_in_is_skipped_for_that_reason(
    hass: HomeAssistant,
) -> None:
    first, second = MemoryServer(), second_server()
    entries = [await setup_lane(hass, server) for server in (first, second)]
    await revoke_token(hass, entries[0], first)
    answer = await mark(hass, title="Arrival")
    assert [row["reason"] for row in answer["skipped"]] == ["auth_required"]


async def test_entry_that_is_not_loaded_is_skipped_and_told_of(
    hass: HomeAssistant,
) -> None:
    entries = [
        await setup_lane(hass, server) for server in (MemoryServer(), second_server())
    ]
    await hass.config_entries.async_unload(entries[1].entry_id)
    answer = await mark(hass, title="Arrival")
    assert len(answer["operations"]) == 1
    assert answer["skipped"] == [
        {
            "config_entry_id": entries[1].entry_id,
            "lane": entries[1].title,
            "item_id": None,
            "title": None,
            "reason": "not_loaded",
        }
    ]
    error = await refused(hass, title="Nothing like it")
    assert error.translation_key == "cannot_look_up"
    # Named, the lane is enough.
    answer = await mark(hass, title="Contact", config_entry_id=entries[0].entry_id)
    assert answer["skipped"] == []


async def test_server_that_fails_to_answer_is_skipped_and_the_relay_hears_of_it(
    hass: HomeAssistant,
) -> None:
    first, second = MemoryServer(), second_server()
    entries = [await setup_lane(hass, server) for server in (first, second)]
    first.fail_next = [Fault("overworked")]
    answer = await mark(hass, title="Arrival")
    assert [row["reason"] for row in answer["skipped"]] == ["server_error"]
    # Its word is not taken for the lane's health: it is asked once more.
    await drained(hass, entries[1])
    assert first.requests[-1][0] == "probe"
    assert entries[0].runtime_data.lane.health.phase is Phase.READY


async def test_server_found_unreachable_by_a_question_takes_the_lane_down(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    server.go_down(Unreachable("gone"))
    error = await refused(hass, entry, title="Arrival")
    assert error.translation_key == "cannot_look_up"
    runtime = entry.runtime_data
    await until(runtime, lambda: runtime.lane.health.phase is Phase.BACKING_OFF)


async def test_token_found_revoked_by_a_question_is_the_reason(
    hass: HomeAssistant,
) -> None:
    first, second = MemoryServer(), second_server()
    entries = [await setup_lane(hass, server) for server in (first, second)]
    first.revoke()
    answer = await mark(hass, title="Arrival")
    assert [row["reason"] for row in answer["skipped"]] == ["auth_required"]
    await drained(hass, entries[1])


async def test_tracked_item_is_known_though_it_was_never_read(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server, subentries=[MOVIE])
    await lose_contact(hass, entry, server)
    entry.runtime_data.lane.ledger.forget("m1")
    await mark(hass, item_id="m1")
    (operation,) = entry.runtime_data.lane.outbox
    assert operation.item == MOVIE


# --- entities -------------------------------------------------------------------------


async def test_switches_are_marked_in_one_batch(hass: HomeAssistant) -> None:
    server = MemoryServer()
    server.up_next_ids = ["m2"]
    entry = await setup_lane(hass, server, subentries=[MOVIE, SHOW])
    await lose_contact(hass, entry, server)
    look_at_it(entry)
    answer = await mark(hass, entity_id=[MOVIE_SWITCH, SHOW_SWITCH, UP_NEXT])
    assert sorted(waiting(entry)) == ["m1", "m2", "s1"]
    assert {one.batch_id for one in entry.runtime_data.lane.outbox} == {
        answer["batch_id"]
    }


async def test_two_switches_of_one_item_are_one_operation(hass: HomeAssistant) -> None:
    server = MemoryServer()
    server.up_next_ids = ["m1"]
    look_at_it(await setup_lane(hass, server, subentries=[MOVIE]))
    assert await planned(hass, entity_id=[MOVIE_SWITCH, UP_NEXT]) == ["m1"]


@pytest.mark.parametrize("by", ["entity_id", "device_id"])
async def test_a_slot_that_changed_a_moment_ago_is_not_marked_but_explained(
    hass: HomeAssistant, by: str
) -> None:
    server = MemoryServer()
    server.up_next_ids = ["m1"]
    entry = await setup_lane(
        hass, server, options={"entities": {"up_next_switches": 1}}
    )
    named = {"entity_id": UP_NEXT, "device_id": entry.runtime_data.device_id}
    error = await refused(hass, entry, **{by: named[by]})
    assert error.translation_key == "slot_changed"
    answer = await hass.services.async_call(
        DOMAIN, "explain", {by: named[by]}, blocking=True, return_response=True
    )
    assert "m1" in str(answer)
    look_at_it(entry)
    assert await planned(hass, **{by: named[by]}) == ["m1"]


async def test_switch_of_a_show_takes_season_and_episode(hass: HomeAssistant) -> None:
    await setup_lane(hass, MemoryServer(EVERYTHING), subentries=[SHOW])
    assert await planned(hass, entity_id=SHOW_SWITCH, season=2, episode=1) == ["e2x1"]


async def test_device_means_its_switches(hass: HomeAssistant) -> None:
    entry = await setup_lane(hass, subentries=[MOVIE, SHOW])
    device = dr.async_get(hass).async_get_device_by_identifier(
        (DOMAIN, "server-1:user-1:s1"), entry.entry_id
    )
    assert device is not None
    assert await planned(hass, device_id=device.id) == ["s1"]


async def test_device_of_a_lane_means_what_its_switches_stand_for(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    server.up_next_ids = ["m2", "e1x1"]
    entry = await setup_lane(hass, server, subentries=[MOVIE])
    device = dr.async_get(hass).async_get_device_by_identifier(
        (DOMAIN, "server-1:user-1"), entry.entry_id
    )
    assert device is not None
    look_at_it(entry)
    # Nothing was played: the switch for that stands for nothing, and is left out.
    assert sorted(await planned(hass, device_id=device.id)) == ["e1x1", "m2"]


async def test_area_means_the_switches_in_it(hass: HomeAssistant) -> None:
    await setup_lane(hass, subentries=[MOVIE, SHOW])
    area = ar.async_get(hass).async_create("Den")
    er.async_get(hass).async_update_entity(MOVIE_SWITCH, area_id=area.id)
    assert await planned(hass, area_id=area.id) == ["m1"]


async def test_device_of_another_lane_than_the_one_named_means_nothing(
    hass: HomeAssistant,
) -> None:
    first = await setup_lane(hass, MemoryServer(), subentries=[MOVIE])
    second = await setup_lane(hass, second_server())
    device = dr.async_get(hass).async_get_device_by_identifier(
        (DOMAIN, "server-1:user-1:m1"), first.entry_id
    )
    assert device is not None
    error = await refused(
        hass, first, second, device_id=device.id, config_entry_id=second.entry_id
    )
    assert error.translation_key == "no_entity"


@pytest.mark.parametrize(
    ("entity_id", "key"),
    [
        ("switch.nowhere", "entity_not_found"),
        ("media_player.nowhere", "entity_not_found"),
        ("light.kitchen", "entity_not_supported"),
        ("sensor.attic_ada_sync_status", "entity_not_supported"),
        (LAST_PLAYED, "switch_without_item"),
    ],
)
async def test_other_entities_are_refused(
    hass: HomeAssistant, entity_id: str, key: str
) -> None:
    entry = await setup_lane(hass)
    hass.states.async_set("light.kitchen", "on")
    look_at_it(entry)
    error = await refused(hass, entry, entity_id=entity_id)
    assert error.translation_key == key
    assert error.translation_placeholders == {"entity_id": entity_id}


async def test_one_bad_entity_is_enough_to_queue_nothing(hass: HomeAssistant) -> None:
    entry = await setup_lane(hass, subentries=[MOVIE])
    error = await refused(hass, entry, entity_id=[MOVIE_SWITCH, "light.kitchen"])
    assert error.translation_key == "entity_not_found"


async def test_switch_of_another_lane_than_the_one_named_is_refused(
    hass: HomeAssistant,
) -> None:
    first = await setup_lane(hass, MemoryServer(), subentries=[MOVIE])
    second = await setup_lane(hass, second_server())
    error = await refused(
        hass, first, second, entity_id=MOVIE_SWITCH, config_entry_id=second.entry_id
    )
    assert error.translation_key == "entity_of_other_lane"
    assert error.translation_placeholders == {
        "entity_id": MOVIE_SWITCH,
        "lane": "Attic (Ada)",
    }


# --- the one rule for titles --------------------------------------------------------

HARBOUR = Item("f1", MediaKind.MOVIE, "Harbour’s End", 1999)  # noqa: RUF001 - as typed
LINE = Item("f2", MediaKind.MOVIE, "North Line (2002)")
CAFE = Item("f3", MediaKind.MOVIE, "Cafe\N{COMBINING ACUTE ACCENT} Nord", 2010)


@pytest.mark.parametrize(
    ("naming", "item_id"),
    [
        ({"title": "Harbour's End"}, "f1"),
        ({"title": "HARBOUR`S END", "year": 1999}, "f1"),
        ({"title": "The Harbour's End (1999)"}, "f1"),
        ({"title": "Harbours End"}, "f1"),
        ({"title": "North Line"}, "f2"),
        ({"title": "North Line", "year": 2002}, "f2"),
        ({"title": "North\N{EN DASH}Line [2002]"}, "f2"),
        ({"title": "Café Nord"}, "f3"),
        ({"title": "café nord (2010)"}, "f3"),
    ],
)
async def test_title_is_the_same_however_it_is_spelt(
    hass: HomeAssistant, naming: dict[str, Any], item_id: str
) -> None:
    films = [HARBOUR, LINE, CAFE]
    server = MemoryServer(films)
    entry = await setup_lane(hass, server, subentries=films)
    assert await planned(hass, **naming) == [item_id]
    await lose_contact(hass, entry, server)
    assert await planned(hass, **naming) == [item_id]


@pytest.mark.parametrize(
    ("naming", "candidate"),
    [
        ({"title": "Harbor's End"}, HARBOUR.title),
        ({"title": "Cafe Nord"}, CAFE.title),
        ({"title": "North Line", "year": 2003}, LINE.title),
        ({"title": "North Line 2"}, LINE.title),
    ],
)
async def test_near_miss_is_no_hit_but_is_offered(
    hass: HomeAssistant, naming: dict[str, Any], candidate: str
) -> None:
    await setup_lane(hass, MemoryServer([HARBOUR, LINE, CAFE]))
    error = await refused(hass, **naming)
    assert error.translation_key == "only_similar"
    assert error.translation_placeholders is not None
    candidate = unicodedata.normalize("NFC", candidate)
    assert candidate in error.translation_placeholders["candidates"].split(";")[0]


async def test_word_that_is_misspelt_is_no_hit_but_is_offered(
    hass: HomeAssistant,
) -> None:
    await setup_lane(hass)
    error = await refused(hass, title="Sevrance")
    assert str(error) == (
        "Sevrance was not found on any server. Do you mean: Severance, Show: "
        "Attic (Ada)?"
    )


async def test_article_makes_no_difference_unless_something_is_called_exactly_so(
    hass: HomeAssistant,
) -> None:
    films = [
        Item("a1", MediaKind.MOVIE, "The Line", 2001, ProviderIds(tmdb="1")),
        Item("a2", MediaKind.MOVIE, "Line", 2002, ProviderIds(tmdb="2")),
        Item("a3", MediaKind.MOVIE, "The Ferry", 2003, ProviderIds(tmdb="3")),
    ]
    same = replace(films[1], item_id="b2", title="A Line")
    await setup_lane(hass, MemoryServer(films))
    await setup_lane(hass, second_server([same]))
    assert await planned(hass, title="the line") == ["a1"]
    # The same work is meant on the other server too, as it is called there.
    assert await planned(hass, title="line") == ["a2", "b2"]
    assert await planned(hass, title="ferry") == ["a3"]


@pytest.mark.parametrize("number", [1.5, "1.5", "one", True, "", "1e2", None, [1]])
async def test_only_whole_numbers_are_seasons_episodes_and_years(
    hass: HomeAssistant, number: Any
) -> None:
    await setup_lane(hass, MemoryServer(EVERYTHING))
    for field in ("season", "episode", "year"):
        fields = {"title": "Severance", "season": 1, field: number}
        with pytest.raises(probatio.Invalid):
            await mark(hass, **fields)


@pytest.mark.parametrize("number", [1, 1.0, "1", " 01 "])
async def test_whole_number_may_come_as_text(hass: HomeAssistant, number: Any) -> None:
    await setup_lane(hass, MemoryServer(EVERYTHING))
    named = {"title": "Severance", "season": number, "episode": number}
    assert await planned(hass, **named) == ["e1x1"]
