"""Items as real Jellyfin servers list them: in several folders, in several files."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from aiohttp import ClientSession
import pytest

from custom_components.watched_sync.core.errors import ItemGone, StillLooking
from custom_components.watched_sync.core.identity import MediaKind, ProviderIds
from custom_components.watched_sync.core.play_state import Reading
from custom_components.watched_sync.servers import libraries as libraries_module
from custom_components.watched_sync.servers.jellyfin import client as client_module
from custom_components.watched_sync.servers.jellyfin.client import JellyfinClient
from tests.fakes.base import FaultKind
from tests.fakes.jellyfin import FakeJellyfin
from tests.fakes.library import (
    MOVIES_LIBRARY,
    SHOWS_LIBRARY,
    SeedEpisode,
    SeedMovie,
    SeedShow,
)

pytestmark = pytest.mark.usefixtures("socket_enabled")

IDS = {"tvdb": "777001"}


def episodes(*places: tuple[int, int]) -> tuple[SeedEpisode, ...]:
    return tuple(
        SeedEpisode(season, number, f"S{season}E{number}", 40, None)
        for season, number in places
    )


def folder(
    year: int, *places: tuple[int, int], library: str = SHOWS_LIBRARY
) -> SeedShow:
    """Return one folder of a show, told apart from the others by a year."""
    return SeedShow("Two Homes", year, IDS, episodes(*places), library=library)


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    async with ClientSession() as opened:
        yield opened


@pytest.fixture(params=["10.11", "12.0"])
async def server(request: pytest.FixtureRequest) -> AsyncIterator[FakeJellyfin]:
    async with FakeJellyfin(profile=request.param) as running:
        yield running


def client_of(
    session: ClientSession, server: FakeJellyfin, *libraries: str, user: str = "alex"
) -> JellyfinClient:
    return JellyfinClient(
        session,
        server.url,
        server.token_for(user),
        user_id=server.user_id(user),
        device_id="test-device",
        libraries=[server.catalogue.library(one).id for one in libraries],
    )


def add_file(server: FakeJellyfin, film: str, name: str) -> str:
    """Give a film another file, as this version keeps one; return its id."""
    linked = server.profile.versions_linked
    return server.catalogue.add_version(film, name, linked=linked).id


async def test_shows_and_seasons_that_are_folded_are_all_there(
    session: ClientSession, server: FakeJellyfin
) -> None:
    shows = [server.add_show(folder(2000 + one, (1, one))) for one in (1, 2, 3)]
    seasons = [one.id for show in shows for one in server.catalogue.children(show)]
    client = client_of(session, server)
    asked = [*shows, *seasons]
    assert set(await client.fetch(asked)) == set(asked)
    # One request less than there are folders would be too few.
    assert server.count("/Items$") == 3


async def test_show_hidden_from_a_user_is_listed_without_its_episodes(
    session: ClientSession, server: FakeJellyfin
) -> None:
    show, season = server.item_id("Chernobyl"), server.item_id("Chernobyl", season=1)
    client = client_of(session, server, user="sam")
    found = await client.fetch([show, season])
    assert set(found) == {show, season}
    for reading in found.values():
        with pytest.raises(ItemGone):
            await client.fetch_leaves(reading.item)


async def test_what_is_gone_beside_a_show_costs_one_request_more(
    session: ClientSession, server: FakeJellyfin
) -> None:
    client = client_of(session, server)
    show, film = server.item_id("Severance"), server.item_id("Alien")
    assert set(await client.fetch([show, film, "f" * 32])) == {show, film}
    assert server.count("/Items$") == 2
    server.clear_log()
    assert set(await client.fetch([film, "f" * 32])) == {film}
    assert server.count("/Items$") == 1


async def test_show_in_two_folders_lists_all_episodes_as_its_own(
    session: ClientSession, server: FakeJellyfin
) -> None:
    first = server.add_show(folder(2001, (1, 1), (2, 1)))
    server.add_show(folder(2002, (1, 2), (2, 2), (2, 3)))
    client = client_of(session, server)
    show = (await client.fetch([first]))[first].item
    leaves = [one.item for one in await client.fetch_leaves(show)]
    places = [(one.season, one.episode) for one in leaves]
    assert places == [(1, 1), (1, 2), (2, 1), (2, 2), (2, 3)]
    assert all(show.covers(leaf) for leaf in leaves)
    assert len({leaf.show_id for leaf in leaves}) == 2
    season_id = next(leaf.season_id for leaf in leaves if leaf.season == 2) or ""
    season = (await client.fetch([season_id]))[season_id].item
    below = [one.item for one in await client.fetch_leaves(season)]
    assert [(one.season, one.episode) for one in below] == [(2, 1), (2, 2), (2, 3)]
    assert all(season.covers(leaf) for leaf in below)


async def test_episodes_of_a_show_in_two_libraries_say_where_they_are(
    session: ClientSession, server: FakeJellyfin
) -> None:
    server.catalogue.add_library("TV B", "tvshows")
    first = server.add_show(folder(2001, (1, 1)))
    second = server.add_show(folder(2002, (1, 2), library="TV B"))
    client = client_of(session, server, "TV B")
    found = await client.fetch([first, second])
    places = {
        first: server.catalogue.library(SHOWS_LIBRARY).id,
        second: server.catalogue.library("TV B").id,
    }
    assert {key: one.item.library_id for key, one in found.items()} == places
    leaves = [one.item for one in await client.fetch_leaves(found[first].item)]
    assert {one.library_id for one in leaves} == {
        places[one.show_id or ""] for one in leaves
    }
    server.clear_log()
    await client.fetch([first, second, *(one.item_id for one in leaves)])
    assert server.count("/Ancestors$") == 0


async def test_seasons_without_folders_are_found(
    session: ClientSession, server: FakeJellyfin
) -> None:
    show_id = server.add_show(
        SeedShow("Flat", 2013, {}, episodes((1, 1), (2, 1)), season_folders=False)
    )
    client = client_of(session, server)
    show = (await client.fetch([show_id]))[show_id].item
    leaves = [one.item for one in await client.fetch_leaves(show)]
    assert [one.season for one in leaves] == [1, 2]
    ids = [one.season_id or "" for one in leaves]
    seasons = await client.fetch(ids)
    assert [seasons[one].item.season for one in ids] == [1, 2]
    below = await client.fetch_leaves(seasons[ids[0]].item)
    assert [one.item.item_id for one in below] == [leaves[0].item_id]


async def test_what_is_hidden_is_asked_about_once_in_a_while(
    session: ClientSession, server: FakeJellyfin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list of ids shows it, and nothing says in which library it is."""
    now = 1000.0
    for module in (client_module, libraries_module):
        monkeypatch.setattr(module, "monotonic", lambda: now)
    hidden = server.leaves(server.item_id("Severance"))
    client = client_of(session, server, MOVIES_LIBRARY, user="sam")
    found = await client.fetch([*hidden, server.item_id("Alien")])
    libraries = {one.item.kind: one.item.library_id for one in found.values()}
    assert libraries == {
        MediaKind.EPISODE: None,
        MediaKind.MOVIE: server.catalogue.library(MOVIES_LIBRARY).id,
    }
    assert server.count("/Ancestors$") == 2
    await client.fetch(hidden)
    assert server.count("/Ancestors$") == 2
    server.user("sam").libraries = None
    now += libraries_module.LIFETIME
    found = await client.fetch(hidden)
    assert server.count("/Ancestors$") == 3
    assert None not in {one.item.library_id for one in found.values()}


async def test_where_items_are_is_asked_again_after_a_fault(
    session: ClientSession, server: FakeJellyfin
) -> None:
    client = client_of(session, server, MOVIES_LIBRARY)
    film = server.item_id("Alien")
    server.fail(FaultKind.STATUS, path="/Ancestors$", status=500)
    assert (await client.fetch([film]))[film].item.library_id is None
    assert (await client.fetch([film]))[film].item.library_id is not None


@pytest.mark.parametrize("file", ["Alien (1979) - 1080p", "Alien [Director's Cut]"])
async def test_further_file_of_a_film_is_the_film(
    session: ClientSession, server: FakeJellyfin, file: str
) -> None:
    """From 12.0 on it names the film, before that the film has to name it."""
    film = server.item_id("Alien")
    added = add_file(server, film, file)
    client = client_of(session, server)
    assert await client.fetch([added]) == {}
    for asked in (film, added):
        reading = await client.resolve(asked, client.find)
        assert reading is not None
        assert reading.item.item_id == film


async def test_file_without_ids_is_found_by_its_name(session: ClientSession) -> None:
    async with FakeJellyfin(profile="10.11") as server:
        film = server.item_id("Alien")
        items = server.catalogue.items
        items[film] = replace(items[film], provider_ids={})
        file = add_file(server, film, "Alien (1979) - 1080p")
        client = client_of(session, server)
        reading = await client.resolve(file, client.find)
        assert reading is not None
        assert reading.item.item_id == film


async def test_whoever_bears_the_ids_of_a_file_has_to_name_it(
    session: ClientSession,
) -> None:
    """Trailers and the like bear the ids of their film as well (Jellyfin 10.11)."""
    async with FakeJellyfin(profile="10.11") as server:
        items = server.catalogue.items
        extra = next(one for one in items.values() if one.extra_of is not None)
        film = items[extra.extra_of or ""]
        add_file(server, film.id, f"{film.name} - 1080p")
        items[extra.id] = replace(extra, name=film.name, provider_ids=film.provider_ids)
        client = client_of(session, server)
        assert await client.resolve(extra.id, client.find) is None


@pytest.mark.parametrize("item_id", ["f" * 32, "none"])
async def test_what_no_item_and_no_file_has_is_nothing(
    session: ClientSession, server: FakeJellyfin, item_id: str
) -> None:
    client = client_of(session, server)
    assert await client.resolve(item_id, client.find) is None


async def test_film_that_cannot_be_looked_for_yet_is_no_answer(
    session: ClientSession,
) -> None:
    async def find(
        kind: MediaKind, ids: ProviderIds, title: str | None = None
    ) -> Sequence[Reading]:
        assert (kind, title) == (MediaKind.MOVIE, "Alien")
        assert ids.imdb == "tt0078748"
        raise StillLooking("later")

    async with FakeJellyfin(profile="10.11") as server:
        file = add_file(server, server.item_id("Alien"), "Alien (1979) - 1080p")
        with pytest.raises(StillLooking):
            await client_of(session, server).resolve(file, find)


async def test_files_with_play_states_of_their_own_are_read(
    session: ClientSession, server: FakeJellyfin
) -> None:
    """Before 12.0; from then on a mark reaches all of them."""
    film, other = server.item_id("Alien"), server.item_id("Arrival")
    file = add_file(server, film, "Alien (1979) - 1080p")
    client = client_of(session, server)
    await client.identify()
    await server.set_state("alex", file, played=True)
    server.clear_log()
    readings = await client.fetch([film, other])
    assert len(server.requests) == 1
    is_apart = not server.profile.versions_linked
    assert {key: one.has_more_files for key, one in readings.items()} == {
        film: is_apart,
        other: False,
    }
    found = await client.fetch_files([readings[film].item])
    assert [
        (one.item, one.state.watched) for files in found.values() for one in files
    ] == [(replace(readings[film].item, item_id=file), True)] * is_apart


async def test_files_of_many_films_take_few_requests(
    session: ClientSession, server: FakeJellyfin
) -> None:
    seeds = [SeedMovie(f"Film {number}", 2000, 90, {}) for number in range(45)]
    films = [server.add_movie(seed) for seed in seeds]
    files = [add_file(server, one, f"Other {one}") for one in films]
    client = client_of(session, server)
    items = [one.item for one in (await client.fetch(films)).values()]
    server.remove_item(films[0])
    server.clear_log()
    found = await client.fetch_files(items)
    assert len(server.requests) == 4
    if not server.profile.versions_linked:
        assert [one.item.item_id for rows in found.values() for one in rows] == (
            files[1:]
        )
