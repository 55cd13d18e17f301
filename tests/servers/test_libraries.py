"""Libraries, where the two kinds of server differ: what they leave unsaid."""

from collections.abc import AsyncIterator
from dataclasses import replace
import re

from aiohttp import ClientSession
from aioresponses import aioresponses
import pytest

from custom_components.watched_sync.core.identity import MediaKind
from custom_components.watched_sync.core.play_state import PlayState
from custom_components.watched_sync.servers.jellyfin.client import JellyfinClient
from custom_components.watched_sync.servers.plex.client import PlexClient
from tests.fakes.base import FaultKind
from tests.fakes.jellyfin import FakeJellyfin
from tests.fakes.library import (
    MOVIES_4K_LIBRARY,
    MOVIES_LIBRARY,
    SHOWS_LIBRARY,
    SeedMovie,
)

pytestmark = pytest.mark.usefixtures("socket_enabled")


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    async with ClientSession() as opened:
        yield opened


@pytest.fixture
async def server() -> AsyncIterator[FakeJellyfin]:
    async with FakeJellyfin() as running:
        yield running


def client_of(
    session: ClientSession, server: FakeJellyfin, *libraries: str
) -> JellyfinClient:
    return JellyfinClient(
        session,
        server.url,
        server.token_for("alex"),
        user_id=server.user_id("alex"),
        device_id="test-device",
        libraries=[server.catalogue.library(one).id for one in libraries],
    )


async def test_nobody_asks_where_items_are_unless_it_matters(
    session: ClientSession, server: FakeJellyfin
) -> None:
    film = server.item_id("Alien")
    client = client_of(session, server)
    found = await client.fetch([film])
    assert found[film].item.library_id is None
    assert server.count() == 1
    server.clear_log()
    await client.search("Alien", {MediaKind.MOVIE}, 5)
    await client.up_next(5)
    assert server.count("/UserViews$") == 0
    assert not [one for one in server.requests if "parentId" in one.query]


@pytest.mark.parametrize("profile", ["10.10", "10.11", "12.0"])
async def test_channels_are_no_libraries_and_the_home_screen_hides_none(
    session: ClientSession, profile: str
) -> None:
    async with FakeJellyfin(profile=profile) as server:
        client = client_of(session, server)
        before = [one.title for one in await client.libraries()]
        server.catalogue.add_channel("Trailers of the week")
        server.user("alex").off_home_screen = frozenset({MOVIES_4K_LIBRARY})
        assert [one.title for one in await client.libraries()] == before


async def test_where_many_items_are_takes_few_requests(
    session: ClientSession, server: FakeJellyfin
) -> None:
    films = [
        server.add_movie(SeedMovie(f"Film {number}", 2000, 90, {}))
        for number in range(150)
    ]
    client = client_of(session, server, SHOWS_LIBRARY)
    found = await client.fetch(films)
    movies = server.catalogue.library(MOVIES_LIBRARY).id
    assert {one.item.library_id for one in found.values()} == {movies}
    # Two batches read and two asked about, all of which lie in one folder.
    assert server.count("/UserViews$") == 1
    assert server.count("/Items$") == 2 + 2
    assert server.count("/Ancestors$") == 1
    server.clear_log()
    await client.fetch(films)
    assert server.count() == 2


async def test_broken_library_holds_nothing_up_and_is_asked_again(
    session: ClientSession, server: FakeJellyfin
) -> None:
    film = server.item_id("Alien")
    client = client_of(session, server, MOVIES_4K_LIBRARY)
    # The first request reads the item, the second one asks where it is.
    server.fail(FaultKind.STATUS, path="/Items$", status=500, after=1)
    found = await client.fetch([film])
    assert found[film].state == PlayState(watched=False)
    assert found[film].item.library_id is None
    found = await client.fetch([film])
    movies = server.catalogue.library(MOVIES_LIBRARY).id
    assert found[film].item.library_id == movies


async def test_item_in_no_library_is_asked_about_once(
    session: ClientSession, server: FakeJellyfin
) -> None:
    """Films among home videos, say, are in a view that holds none for us."""
    film = server.item_id("Alien")
    client = client_of(session, server, SHOWS_LIBRARY)
    movies = server.catalogue.library(MOVIES_LIBRARY)
    server.catalogue.items[movies.id] = replace(movies, collection_type="homevideos")
    assert (await client.fetch([film]))[film].item.library_id is None
    server.clear_log()
    assert (await client.fetch([film]))[film].item.library_id is None
    assert server.count() == 1


async def test_rows_that_do_not_name_their_library_are_looked_up(
    session: ClientSession,
) -> None:
    """Plex names a library beside the items, or beside the whole of a listing."""
    url = "http://127.0.0.1:32400"
    client = PlexClient(session, url, "secret", client_id="client", libraries=["1"])
    rows = [
        {"ratingKey": key, "type": "movie", "title": title}
        for key, title in (("41", "Alien"), ("42", "Contact"))
    ]
    with aioresponses() as mocked:
        mocked.get(
            re.compile(rf"{url}/hubs/continueWatching/items"),
            payload={"MediaContainer": {"Metadata": rows}},
        )
        mocked.get(
            re.compile(rf"{url}/library/metadata/41,42"),
            payload={
                "MediaContainer": {
                    "totalSize": 2,
                    "Metadata": [
                        row | {"librarySectionID": number}
                        for number, row in enumerate(rows, 1)
                    ],
                }
            },
        )
        found = await client.up_next(5)
    assert [(one.item.title, one.item.library_id) for one in found] == [("Alien", "1")]
