"""What the client does for Emby alone: its requests, what it keeps, what it hears."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta, timezone
import traceback
from typing import Any

from aiohttp import ClientSession
from aioresponses import aioresponses
import pytest
from yarl import URL

from custom_components.watched_sync.core.errors import (
    AuthRejected,
    Forbidden,
    ItemGone,
    Malformed,
    ServerError,
    Starting,
    Unreachable,
    UnsupportedVersion,
    WrongServer,
)
from custom_components.watched_sync.core.identity import (
    Item,
    MediaKind,
    ProviderIds,
)
from custom_components.watched_sync.core.operation import (
    Change,
    MarkUnwatched,
    MarkWatched,
    SetProgress,
)
from custom_components.watched_sync.core.play_state import PlayState
from custom_components.watched_sync.core.ports import Changed, Connected, ServerInfo
from custom_components.watched_sync.servers.jellyfin.client import (
    JellyfinClient,
    authenticate,
)
from custom_components.watched_sync.servers.jellyfin.dialect import EMBY, JELLYFIN
from tests.fakes.base import FakeClock, FaultKind
from tests.fakes.emby import FakeEmby
from tests.fakes.jellyfin import TICKS_PER_SECOND, FakeJellyfin, Phase
from tests.fakes.jellyfin.oddities import (
    MOVIES_ODD_LIBRARY,
    TV_A_LIBRARY,
    TV_B_LIBRARY,
    TV_C_LIBRARY,
)

from .contract import pages_of
from .sent import Sent, sent

ADDRESS = "http://127.0.0.1:8096"
TOKEN = "5ecre7" * 5
USER = "1" * 32
SERVER = "2" * 32
FILM = "191322"
SHOW = "7330"
AT = datetime(2026, 10, 31, 21, 30, 7, tzinfo=UTC)
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
INFO = {
    "LocalAddress": "http://172.17.0.2:8096",
    "RemoteAddresses": [],
    "ServerName": "den",
    "Version": "4.9.5.0",
    "Id": SERVER,
}
KNOWN = ServerInfo(SERVER, "den", "4.9.5.0", USER, "alex")
UNWATCHED = PlayState(watched=False)
PATIENCE = 30
"""Seconds after which a message that did not come is missed."""

pytestmark = pytest.mark.usefixtures("socket_enabled")


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    async with ClientSession() as opened:
        yield opened


@pytest.fixture
def mocked() -> Iterator[aioresponses]:
    with aioresponses() as mock:
        yield mock


@pytest.fixture
def client(session: ClientSession) -> JellyfinClient:
    return JellyfinClient(
        session,
        ADDRESS,
        TOKEN,
        user_id=USER,
        device_id="our device",
        known=KNOWN,
        dialect=EMBY,
    )


@pytest.fixture
async def server() -> AsyncIterator[FakeEmby]:
    async with FakeEmby(clock=FakeClock(NOW), debounce=0.01) as running:
        yield running


def client_of(
    session: ClientSession, server: FakeEmby, user: str = "alex", prefix: str = ""
) -> JellyfinClient:
    return JellyfinClient(
        session,
        server.url + prefix,
        server.token_for(user),
        user_id=server.user_id(user),
        device_id="test-device",
        dialect=EMBY,
    )


async def written(
    client: JellyfinClient,
    mocked: aioresponses,
    item: Item,
    change: Change,
    state: PlayState = UNWATCHED,
) -> Sent:
    """Return the one request that a change becomes."""
    url = URL(f"{ADDRESS}/Users/{USER}/PlayedItems/{item.item_id}")
    for method in ("POST", "DELETE"):
        for query in ({}, {"DatePlayed": "20261031213007"}):
            mocked.add(
                url.with_query({"userId": USER, **query}), method=method, payload={}
            )
    await client.write(item, change, state)
    (request,) = sent(mocked)
    return request


# Requests


async def test_token_travels_in_the_headers_that_emby_documents(
    client: JellyfinClient, mocked: aioresponses
) -> None:
    mocked.get(f"{ADDRESS}/Users/{USER}", payload={"Id": USER, "Name": "alex"})
    assert await client.probe() == KNOWN
    (request,) = sent(mocked)
    assert request.headers == {
        "Accept": "application/json",
        "Authorization": (
            'MediaBrowser Client="Home%20Assistant", Device="Watched%20Sync", '
            f'DeviceId="our%20device", Version="1", Token="{TOKEN}"'
        ),
        "X-Emby-Token": TOKEN,
    }


def test_nobody_who_has_no_token_sends_one() -> None:
    for dialect in (JELLYFIN, EMBY):
        headers = dialect.headers("our-device", None)
        assert set(headers) == {"Accept", "Authorization"}
        assert "Token" not in headers["Authorization"]


def test_jellyfin_gets_no_header_that_is_going_away() -> None:
    assert set(JELLYFIN.headers("d", TOKEN)) == {"Accept", "Authorization"}
    assert JELLYFIN.socket_params("d", TOKEN) is None


def test_representation_names_the_dialect_and_no_token(client: JellyfinClient) -> None:
    assert "<Emby>" in repr(client)
    assert TOKEN not in repr(client)


async def test_listing_asks_for_what_emby_withholds(
    client: JellyfinClient, mocked: aioresponses
) -> None:
    mocked.get(
        f"{ADDRESS}/Users/{USER}/Items?enableImages=false"
        "&enableTotalRecordCount=false"
        "&fields=ProviderIds,RecursiveItemCount,ProductionYear,PremiereDate,"
        f"UserDataLastPlayedDate,UserDataPlayCount&ids={FILM}&limit=1"
        f"&recursive=true&userId={USER}",
        payload={"Items": [{"Id": FILM, "Type": "Movie", "Name": "Alien"}]},
    )
    assert set(await client.fetch([FILM])) == {FILM}


async def test_copies_are_looked_for_by_their_ids(
    client: JellyfinClient, mocked: aioresponses
) -> None:
    mocked.get(
        f"{ADDRESS}/Users/{USER}/Items?anyProviderIdEquals=imdb.tt0000001,tvdb.7"
        "&enableImages=false&excludeLocationTypes=Virtual"
        "&fields=ProviderIds,RecursiveItemCount,ProductionYear,PremiereDate,"
        "UserDataLastPlayedDate,UserDataPlayCount&includeItemTypes=Series"
        f"&limit=500&recursive=true&sortBy=SortName&startIndex=0&userId={USER}",
        payload={
            "Items": [
                {"Id": "1", "Type": "Series", "ProviderIds": {"Imdb": "tt0000001"}},
                {"Id": "2", "Type": "Series", "ProviderIds": {"Tvdb": "8"}},
            ],
            "TotalRecordCount": 2,
        },
    )
    found = await client.find(MediaKind.SHOW, ProviderIds(imdb="tt0000001", tvdb="7"))
    assert [one.item.item_id for one in found] == ["1"]


@pytest.mark.parametrize(
    ("change", "line", "query"),
    [
        (MarkWatched(), "POST", {}),
        (MarkWatched(AT), "POST", {"DatePlayed": "20261031213007"}),
        (
            MarkWatched(AT.astimezone(timezone(timedelta(hours=2)))),
            "POST",
            {"DatePlayed": "20261031213007"},
        ),
        (MarkUnwatched(), "DELETE", {}),
    ],
)
async def test_mark_is_below_the_user(
    client: JellyfinClient,
    mocked: aioresponses,
    change: Change,
    line: str,
    query: dict[str, str],
) -> None:
    request = await written(client, mocked, Item(FILM, MediaKind.MOVIE, "x"), change)
    assert request.line == f"{line} /Users/{USER}/PlayedItems/{FILM}"
    assert dict(request.url.query) == {"userId": USER, **query}


async def test_mark_of_a_container_carries_no_date(
    client: JellyfinClient, mocked: aioresponses
) -> None:
    show = Item(SHOW, MediaKind.SHOW, "x")
    request = await written(client, mocked, show, MarkWatched(AT))
    assert dict(request.url.query) == {"userId": USER}
    assert request.options["timeout"].total == 120


@pytest.mark.parametrize(
    "item_id", ["a" * 32, "0", "007", "-1", "1.5", "\uff19", "9" * 20]
)
async def test_ids_are_decimal(client: JellyfinClient, item_id: str) -> None:
    assert await client.fetch([item_id]) == {}


# Who answers


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        ({"ProductName": "Jellyfin Server"}, WrongServer),
        ({"ProductName": "Plex"}, WrongServer),
        ({"Id": None}, WrongServer),
        ({"Version": "4.3.1.0"}, UnsupportedVersion),
        ({"Version": "3.6.0.0"}, UnsupportedVersion),
        ({"StartupWizardCompleted": False}, Starting),
    ],
)
async def test_server_that_cannot_be_used_is_told_apart(
    client: JellyfinClient,
    mocked: aioresponses,
    info: dict[str, Any],
    expected: type[ServerError],
) -> None:
    mocked.get(f"{ADDRESS}/System/Info/Public", payload={**INFO, **info})
    with pytest.raises(expected) as caught:
        await client.identify()
    assert type(caught.value) is expected


@pytest.mark.parametrize("version", ["4.4.0.40", "4.9.5.0", "4.10.0.23", "5"])
@pytest.mark.parametrize("product", [None, "Emby Server"])
async def test_emby_is_known_by_naming_no_other_product(
    client: JellyfinClient, mocked: aioresponses, version: str, product: str | None
) -> None:
    info = {**INFO, "Version": version, "ProductName": product, "ServerName": None}
    mocked.get(f"{ADDRESS}/System/Info/Public", payload=info)
    mocked.get(f"{ADDRESS}/Users/{USER}", payload={"Id": USER, "Name": "alex"})
    assert await client.identify() == ServerInfo(SERVER, "Emby", version, USER, "alex")


async def test_each_product_is_told_from_the_other(
    session: ClientSession, server: FakeEmby
) -> None:
    async with FakeJellyfin() as jellyfin:
        for found, dialect in ((server, JELLYFIN), (jellyfin, EMBY)):
            other = JellyfinClient(
                session,
                found.url,
                found.token_for("alex"),
                user_id=found.user_id("alex"),
                device_id="test-device",
                dialect=dialect,
            )
            with pytest.raises(WrongServer):
                await other.identify()
            with pytest.raises(WrongServer):
                await authenticate(
                    session,
                    found.url,
                    "alex",
                    found.password("alex"),
                    "our-device",
                    dialect=dialect,
                )
            assert found.count("Authenticate") == 0


async def test_starting_jellyfin_is_no_emby(session: ClientSession) -> None:
    async with FakeJellyfin() as jellyfin:
        jellyfin.phase = Phase.SETUP
        other = JellyfinClient(
            session, jellyfin.url, TOKEN, user_id=USER, device_id="d", dialect=EMBY
        )
        with pytest.raises(WrongServer):
            await other.identify()


async def test_starting_server_says_so(
    session: ClientSession, server: FakeEmby
) -> None:
    server.phase = Phase.CORE
    with pytest.raises(Starting):
        await client_of(session, server).identify()


@pytest.mark.parametrize("prefix", ["", "/emby"])
async def test_both_prefixes_lead_there(
    session: ClientSession, server: FakeEmby, prefix: str
) -> None:
    client = client_of(session, server, prefix=prefix)
    assert (await client.identify()).server_id == server.server_id
    film = server.item_id("Alien")
    reading = (await client.fetch([film]))[film]
    await client.write(reading.item, MarkWatched(), reading.state)
    assert server.state("alex", film).played


# Signing in


async def test_password_gives_a_token(session: ClientSession, server: FakeEmby) -> None:
    login = await authenticate(
        session,
        server.url,
        "alex",
        server.password("alex"),
        "our-device",
        dialect=EMBY,
    )
    assert login.info == ServerInfo(
        server_id=server.server_id,
        server_name="Fake Emby",
        version="4.9.5.0",
        user_id=server.user_id("alex"),
        user_name="alex",
    )
    client = JellyfinClient(
        session,
        server.url,
        login.token,
        user_id=login.info.user_id,
        device_id="our-device",
        dialect=EMBY,
    )
    assert await client.identify() == login.info
    assert server.tokens[login.token].device_id == "our-device"
    assert server.tokens[login.token].client == "Home Assistant"


@pytest.mark.parametrize(
    ("name", "password", "expected"),
    [("alex", "wrong", AuthRejected), ("pat", "pat-password", Forbidden)],
)
async def test_refused_sign_in_is_told(
    session: ClientSession,
    server: FakeEmby,
    name: str,
    password: str,
    expected: type[ServerError],
) -> None:
    with pytest.raises(expected):
        await authenticate(
            session, server.url, name, password, "our-device", dialect=EMBY
        )


# Writing


async def test_position_leaves_the_rest_of_the_user_data_alone(
    session: ClientSession, server: FakeEmby
) -> None:
    """Emby takes user data as a whole: what is not sent is lost."""
    film = server.item_id("Alien")
    await server.set_state("alex", film, played=True, play_count=3, last_played_date=AT)
    row = server.states.row(server.user("alex"), server.catalogue.items[film])
    row.favorite, row.rating, row.likes = True, 8.5, True
    client = client_of(session, server)
    reading = (await client.fetch([film]))[film]
    await client.write(reading.item, SetProgress(600), reading.state)
    assert row.position_ticks == 600 * TICKS_PER_SECOND
    assert (row.played, row.play_count, row.last_played_date) == (True, 3, AT)
    assert (row.favorite, row.rating, row.likes) == (True, 8.5, True)
    await client.write(reading.item, SetProgress(0), reading.state)
    assert row.position_ticks == 0
    assert (row.played, row.favorite) == (True, True)


async def test_only_what_is_kept_is_sent_back(
    session: ClientSession, server: FakeEmby
) -> None:
    film = server.item_id("Alien")
    await server.set_state("alex", film, position_ticks=1, last_played_date=AT)
    client = client_of(session, server)
    reading = (await client.fetch([film]))[film]
    await client.write(reading.item, SetProgress(600, at=NOW), reading.state)
    (request,) = server.find("UserData$")
    assert request.body == {
        "PlaybackPositionTicks": 600 * TICKS_PER_SECOND,
        "PlayCount": 0,
        "IsFavorite": False,
        "LastPlayedDate": "2026-11-21T12:00:00Z",
        "Played": False,
    }


async def test_position_gets_a_date_so_that_it_is_offered(
    session: ClientSession, server: FakeEmby
) -> None:
    film = server.item_id("Alien")
    client = client_of(session, server)
    reading = (await client.fetch([film]))[film]
    await client.write(reading.item, SetProgress(600), reading.state)
    state = server.state("alex", film)
    assert state.last_played_date is not None
    # The server's time, by its last `Date`; that has whole seconds.
    assert abs(state.last_played_date - NOW) < timedelta(minutes=1)
    assert [one.item.item_id for one in await client.up_next(5)] == [film]


async def test_cleared_position_gets_no_date(
    session: ClientSession, server: FakeEmby
) -> None:
    film = server.item_id("Alien")
    client = client_of(session, server)
    reading = (await client.fetch([film]))[film]
    await client.write(reading.item, SetProgress(0), reading.state)
    assert server.state("alex", film).last_played_date is None


async def test_dated_mark_of_what_was_played_adds_no_play(
    session: ClientSession, server: FakeEmby
) -> None:
    film = server.item_id("Alien")
    await server.set_state("alex", film, play_count=4, position_ticks=7)
    row = server.states.row(server.user("alex"), server.catalogue.items[film])
    row.favorite = True
    client = client_of(session, server)
    reading = (await client.fetch([film]))[film]
    assert reading.state.play_count == 4
    await client.write(reading.item, MarkWatched(AT), reading.state)
    state = server.state("alex", film)
    assert (state.played, state.play_count, state.position_ticks) == (True, 4, 0)
    assert state.last_played_date == AT
    assert row.favorite
    assert server.count("PlayedItems") == 0


async def test_item_without_user_data_is_not_written_over(
    client: JellyfinClient, mocked: aioresponses
) -> None:
    mocked.get(
        f"{ADDRESS}/Users/{USER}/Items?ids={FILM}&recursive=true",
        payload={"Items": [{"Id": FILM, "Type": "Movie"}]},
    )
    with pytest.raises(Malformed):
        await client.write(Item(FILM, MediaKind.MOVIE, "x"), SetProgress(60), UNWATCHED)
    assert len(sent(mocked)) == 1


async def test_item_that_is_not_listed_any_more_is_gone(
    session: ClientSession, server: FakeEmby
) -> None:
    film = server.item_id("Alien")
    client = client_of(session, server)
    reading = (await client.fetch([film]))[film]
    server.remove_item(film)
    with pytest.raises(ItemGone):
        await client.write(reading.item, SetProgress(600), reading.state)
    assert server.count("UserData$") == 0


async def test_lost_route_is_not_a_lost_item(
    session: ClientSession, server: FakeEmby
) -> None:
    film = server.item_id("Alien")
    client = client_of(session, server)
    reading = (await client.fetch([film]))[film]
    server.fail(FaultKind.STATUS, status=404, times=None)
    with pytest.raises(Unreachable):
        await client.write(reading.item, SetProgress(600), reading.state)


# Lists


async def test_what_follows_is_listed_among_the_resumable(
    session: ClientSession, server: FakeEmby
) -> None:
    """Emby has no list of next episodes across all shows."""
    film = server.item_id("Alien")
    await server.set_state(
        "alex", film, position_ticks=6_000_000_000, last_played_date=NOW
    )
    await server.set_state(
        "alex", server.item_id("Severance", season=1, episode=1), played=True
    )
    client = client_of(session, server)
    following = server.item_id("Severance", season=1, episode=2)
    found = [one.item.item_id for one in await client.up_next(10)]
    assert found == [film, following]
    # What was never begun was not played last.
    played = [one.item.item_id for one in await client.last_played(10)]
    assert following not in played
    assert film in played


# Listening


async def test_changes_are_heard_over_a_socket_of_its_own(
    session: ClientSession, server: FakeEmby
) -> None:
    client = client_of(session, server)
    assert not client.capabilities.announces_marks
    film = server.item_id("Alien")
    events = client.listen()
    async with asyncio.timeout(PATIENCE):
        assert await anext(events) == Connected()
        (socket,) = server.sockets
        assert socket.query["api_key"] == server.token_for("alex")
        assert socket.query["deviceId"] == "test-device"
        await server.set_state("alex", film, played=True)
        heard = await anext(events)
        assert isinstance(heard, Changed)
        assert film in heard.item_ids
        assert all(one.isdecimal() for one in heard.item_ids)
        gone = server.item_id("Arrival")
        server.remove_item(gone)
        heard = await anext(events)
        assert heard == Changed(frozenset({gone}))
    await events.aclose()


async def test_socket_needs_a_good_token(
    session: ClientSession, server: FakeEmby
) -> None:
    client = client_of(session, server)
    server.revoke(server.token_for("alex"))
    with pytest.raises(AuthRejected):
        await anext(client.listen())


@pytest.mark.parametrize("trouble", ["refused", "away", "proxy"])
async def test_no_error_of_the_socket_tells_the_token(
    session: ClientSession, server: FakeEmby, trouble: str
) -> None:
    """It is in the address, which errors of aiohttp know."""
    client = client_of(session, server)
    token = server.token_for("alex")
    match trouble:
        case "refused":
            server.revoke(token)
        case "away":
            await server.go_dark()
        case "proxy":
            server.fail(FaultKind.REDIRECT, path="embywebsocket")
    with pytest.raises(ServerError) as caught:
        await anext(client.listen())
    assert token not in "".join(traceback.format_exception(caught.value))


async def test_socket_lies_below_the_prefix_as_well(
    session: ClientSession, server: FakeEmby
) -> None:
    events = client_of(session, server, prefix="/emby").listen()
    async with asyncio.timeout(PATIENCE):
        assert await anext(events) == Connected()
    await events.aclose()


async def test_odd_libraries_are_read_whole_with_what_can_be_an_id(
    session: ClientSession,
) -> None:
    """Each folder of a show is a show there."""
    async with FakeEmby(oddities=True) as odd:
        client = client_of(session, odd)
        libraries = {one.title: one for one in await client.libraries()}
        films = [
            one.item.provider_ids
            for page in await pages_of(
                client, libraries[MOVIES_ODD_LIBRARY], MediaKind.MOVIE
            )
            for one in page.readings
        ]
        assert {one.imdb for one in films} <= {None, "tt0133093", "tt0468569"}
        assert {one.tmdb for one in films} <= {None, "603", "155", "999001"}
        folders = [
            one.item
            for name in (TV_A_LIBRARY, TV_B_LIBRARY, TV_C_LIBRARY)
            for page in await pages_of(client, libraries[name], MediaKind.SHOW)
            for one in page.readings
        ]
        places = {
            (one.title, one.library_id): [
                (leaf.item.season, leaf.item.episode)
                for leaf in await client.fetch_leaves(one)
            ]
            for one in folders
            if one.title in {"Two Homes", "Flat", "Daily"}
        }
        home, second = (
            libraries[name].library_id for name in (TV_A_LIBRARY, TV_B_LIBRARY)
        )
        assert places == {
            ("Two Homes", home): [(1, 1), (1, 2), (1, 3)],
            ("Two Homes", second): [(1, 3), (1, 4), (1, 5)],
            ("Flat", home): [(0, 1), (1, 1), (2, 1)],
            ("Daily", home): [(None, None), (None, None)],
        }
