"""What the Jellyfin client alone does: its requests, signing in, other answers."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import ClientSession
from aioresponses import aioresponses
import pytest
from yarl import URL

from custom_components.watched_sync.core.errors import (
    AuthRejected,
    Busy,
    Fault,
    Forbidden,
    ItemGone,
    Malformed,
    Refused,
    ServerError,
    Starting,
    Unanswered,
    Unreachable,
    UnsupportedVersion,
    WrongServer,
)
from custom_components.watched_sync.core.identity import (
    Item,
    MediaKind,
)
from custom_components.watched_sync.core.operation import (
    Change,
    MarkUnwatched,
    MarkWatched,
    SetProgress,
)
from custom_components.watched_sync.core.play_state import PlayState
from custom_components.watched_sync.core.ports import Library, ServerInfo
from custom_components.watched_sync.servers.jellyfin.client import (
    JellyfinClient,
    JellyfinLogin,
    authenticate,
)
from tests.fakes.base import FakeClock, FaultKind
from tests.fakes.jellyfin import FakeJellyfin, Phase
from tests.fakes.library import SeedMovie

from .contract import pages_of
from .sent import Sent, sent

ADDRESS = "http://127.0.0.1:8096"
TOKEN = "5ecre7" * 5
USER = "1" * 32
SERVER = "2" * 32
FILM = "a" * 32
SHOW = "b" * 32
SEASON = "c" * 32
AT = datetime(2026, 10, 31, 21, 30, tzinfo=UTC)
INFO = {
    "ServerName": "den",
    "Version": "10.11.2",
    "ProductName": "Jellyfin Server",
    "Id": SERVER,
    "StartupWizardCompleted": True,
}
KNOWN = ServerInfo(SERVER, "den", "10.11.2", USER, "alex")
UNWATCHED = PlayState(watched=False)

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
        session, ADDRESS, TOKEN, user_id=USER, device_id='my "device", #1', known=KNOWN
    )


@pytest.fixture
async def server() -> AsyncIterator[FakeJellyfin]:
    async with FakeJellyfin(
        clock=FakeClock(datetime(2026, 11, 21, tzinfo=UTC))
    ) as running:
        yield running


def client_of(
    session: ClientSession, server: FakeJellyfin, user: str = "alex"
) -> JellyfinClient:
    return JellyfinClient(
        session,
        server.url,
        server.token_for(user),
        user_id=server.user_id(user),
        device_id="test-device",
    )


async def written(
    client: JellyfinClient,
    mocked: aioresponses,
    item: Item,
    change: Change,
    state: PlayState = UNWATCHED,
) -> Sent:
    """Return the one request that a change becomes."""
    for method in ("GET", "POST", "DELETE", "PUT"):
        mocked.add(
            URL(f"{ADDRESS}/UserPlayedItems/{item.item_id}").with_query(userId=USER),
            method=method,
            payload={},
        )
        mocked.add(
            URL(f"{ADDRESS}/UserItems/{item.item_id}/UserData").with_query(userId=USER),
            method=method,
            payload={},
        )
    await client.write(item, change, state)
    (request,) = sent(mocked)
    return request


# Requests


async def test_header_is_quoted_and_percent_encoded(
    client: JellyfinClient, mocked: aioresponses
) -> None:
    mocked.get(f"{ADDRESS}/Users/Me", payload={"Id": USER, "ServerId": SERVER})
    await client.probe()
    (request,) = sent(mocked)
    assert request.headers["Authorization"] == (
        'MediaBrowser Client="Home%20Assistant", Device="Watched%20Sync", '
        'DeviceId="my%20%22device%22%2C%20%231", Version="1", '
        f'Token="{TOKEN}"'
    )
    assert request.headers["Accept"] == "application/json"


async def test_mark_names_the_user_and_no_date(
    client: JellyfinClient, mocked: aioresponses
) -> None:
    request = await written(
        client, mocked, Item(FILM, MediaKind.MOVIE, "x"), MarkWatched()
    )
    assert request.line == f"POST /UserPlayedItems/{FILM}"
    assert dict(request.url.query) == {"userId": USER}
    assert request.options["json"] is None
    assert request.options["timeout"].total == 30


async def test_unmark_deletes(client: JellyfinClient, mocked: aioresponses) -> None:
    request = await written(
        client, mocked, Item(FILM, MediaKind.EPISODE, "x"), MarkUnwatched()
    )
    assert request.line == f"DELETE /UserPlayedItems/{FILM}"


@pytest.mark.parametrize("change", [MarkWatched(), MarkWatched(AT), MarkUnwatched()])
async def test_container_gets_more_time_and_no_date(
    client: JellyfinClient, mocked: aioresponses, change: Change
) -> None:
    request = await written(client, mocked, Item(SHOW, MediaKind.SHOW, "x"), change)
    assert request.url.path == f"/UserPlayedItems/{SHOW}"
    assert "datePlayed" not in request.url.query
    assert request.options["timeout"].total == 120


@pytest.mark.parametrize(("plays", "expected"), [(0, 1), (1, 1), (4, 4)])
async def test_dated_mark_adds_no_play(
    client: JellyfinClient, mocked: aioresponses, plays: int, expected: int
) -> None:
    request = await written(
        client,
        mocked,
        Item(FILM, MediaKind.MOVIE, "x"),
        MarkWatched(AT),
        PlayState(watched=False, play_count=plays),
    )
    assert request.line == f"POST /UserItems/{FILM}/UserData"
    assert request.options["json"] == {
        "Played": True,
        "PlayCount": expected,
        "PlaybackPositionTicks": 0,
        "LastPlayedDate": "2026-10-31T21:30:00Z",
    }


@pytest.mark.parametrize(
    ("change", "ticks", "date"),
    [
        (SetProgress(90.5), 905_000_000, "2026-10-01T08:00:00Z"),
        (SetProgress(0), 0, "2026-10-01T08:00:00Z"),
        (SetProgress(9000), 60_000_000_000, "2026-10-01T08:00:00Z"),
        (SetProgress(60, at=AT), 600_000_000, "2026-10-31T21:30:00Z"),
    ],
)
@pytest.mark.parametrize(("watched", "plays"), [(True, 3), (False, 1)])
async def test_position_is_sent_with_all_that_was_read_of_the_item(
    client: JellyfinClient,
    mocked: aioresponses,
    change: Change,
    ticks: int,
    date: str,
    *,
    watched: bool,
    plays: int,
) -> None:
    """A server may fill in what is left out from what it showed before."""
    item = Item(FILM, MediaKind.MOVIE, "x", duration=6000)
    state = PlayState(
        watched=watched,
        position=7.0,
        play_count=plays,
        last_played=datetime(2026, 10, 1, 8, tzinfo=UTC),
    )
    request = await written(client, mocked, item, change, state)
    assert request.line == f"POST /UserItems/{FILM}/UserData"
    assert request.options["json"] == {
        "Played": watched,
        "PlayCount": plays,
        "PlaybackPositionTicks": ticks,
        "LastPlayedDate": date,
    }


async def test_position_of_what_has_no_date_is_of_now(
    client: JellyfinClient, mocked: aioresponses
) -> None:
    item = Item(FILM, MediaKind.MOVIE, "x", duration=6000)
    request = await written(client, mocked, item, SetProgress(60))
    date = request.options["json"]["LastPlayedDate"]
    assert datetime.now(UTC) - datetime.fromisoformat(date) < timedelta(hours=1)


async def test_cleared_position_of_what_has_no_date_gets_none(
    client: JellyfinClient, mocked: aioresponses
) -> None:
    item = Item(FILM, MediaKind.MOVIE, "x", duration=6000)
    request = await written(client, mocked, item, SetProgress(0))
    assert request.options["json"] == {
        "Played": False,
        "PlayCount": 0,
        "PlaybackPositionTicks": 0,
    }


async def test_position_is_sent_as_it_is_where_no_duration_is_known(
    client: JellyfinClient, mocked: aioresponses
) -> None:
    item = Item(FILM, MediaKind.MOVIE, "x")
    request = await written(client, mocked, item, SetProgress(9000))
    assert request.options["json"]["PlaybackPositionTicks"] == 90_000_000_000


# Marks of shows and seasons


@pytest.fixture
async def newest() -> AsyncIterator[FakeJellyfin]:
    async with FakeJellyfin(profile="12.0") as running:
        yield running


async def test_mark_of_a_season_that_leaves_an_old_state_is_found_out(
    session: ClientSession, newest: FakeJellyfin
) -> None:
    client = client_of(session, newest)
    await client.identify()
    season_id = newest.item_id("Chernobyl", season=1)
    episode_id = newest.item_id("Chernobyl", season=1, episode=1)
    found = await client.fetch([season_id, episode_id])
    assert client.capabilities.marks_containers
    await client.write(found[season_id].item, MarkWatched(), found[season_id].state)
    leaf = (await client.fetch([episode_id]))[episode_id]
    assert leaf.state.watched is True
    assert not await client.is_whole(leaf)
    assert not client.capabilities.marks_containers
    await client.write(leaf.item, MarkWatched(), leaf.state)
    assert await client.is_whole(leaf)
    assert not client.capabilities.marks_containers, "once seen, not wanted any more"


async def test_mark_of_a_season_that_reaches_everything_stays_wanted(
    session: ClientSession, server: FakeJellyfin
) -> None:
    client = client_of(session, server)
    season_id = server.item_id("Chernobyl", season=1)
    episode_id = server.item_id("Chernobyl", season=1, episode=1)
    found = await client.fetch([season_id])
    await client.write(found[season_id].item, MarkWatched(), found[season_id].state)
    leaf = (await client.fetch([episode_id]))[episode_id]
    assert await client.is_whole(leaf)
    assert client.capabilities.marks_containers


async def test_episode_that_is_gone_has_nothing_left_behind(
    session: ClientSession, server: FakeJellyfin
) -> None:
    client = client_of(session, server)
    episode_id = server.item_id("Chernobyl", season=1, episode=1)
    leaf = (await client.fetch([episode_id]))[episode_id]
    server.remove_item(episode_id)
    assert await client.is_whole(leaf)
    assert client.capabilities.marks_containers


async def test_dashes_in_an_id_are_understood(
    client: JellyfinClient, mocked: aioresponses
) -> None:
    dashed = "AAAAAAAA-aaaa-aaaa-aaaa-aaaaaaaaaaaa"
    mocked.get(
        f"{ADDRESS}/Items?enableImages=false&enableTotalRecordCount=false"
        "&fields=ProviderIds,RecursiveItemCount,MediaSourceCount"
        f"&ids={FILM}&limit=1&recursive=true"
        f"&userId={USER}",
        payload={"Items": [{"Id": FILM, "Type": "Movie", "Name": "Alien"}]},
    )
    assert set(await client.fetch([dashed])) == {dashed}


async def test_leaves_of_a_season_are_asked_of_its_show(
    client: JellyfinClient, mocked: aioresponses
) -> None:
    mocked.get(
        f"{ADDRESS}/Shows/{SHOW}/Episodes?enableImages=false"
        f"&fields=ProviderIds,RecursiveItemCount&isMissing=false&limit=500"
        f"&seasonId={SEASON}&startIndex=0&userId={USER}",
        payload={"Items": [], "TotalRecordCount": 0},
    )
    season = Item(SEASON, MediaKind.SEASON, "x", show_id=SHOW, season=1)
    assert await client.fetch_leaves(season) == ()


async def test_announced_listing_that_breaks_off_is_malformed(
    client: JellyfinClient, mocked: aioresponses
) -> None:
    for start in (0, 1):
        mocked.get(
            f"{ADDRESS}/Shows/{SHOW}/Episodes?enableImages=false"
            f"&fields=ProviderIds,RecursiveItemCount&isMissing=false&limit=500"
            f"&startIndex={start}&userId={USER}",
            payload={
                "Items": [{"Id": FILM, "Type": "Episode"}] if start == 0 else [],
                "TotalRecordCount": 5,
            },
        )
    with pytest.raises(Malformed):
        await client.fetch_leaves(Item(SHOW, MediaKind.SHOW, "x"))


# Who answers


async def test_user_of_another_token_is_refused(
    client: JellyfinClient, mocked: aioresponses
) -> None:
    mocked.get(f"{ADDRESS}/Users/Me", payload={"Id": "3" * 32, "ServerId": SERVER})
    with pytest.raises(WrongServer):
        await client.probe()


async def test_user_of_a_session_is_read_where_it_may_be_seen(
    client: JellyfinClient, mocked: aioresponses
) -> None:
    for _ in range(2):
        mocked.get(f"{ADDRESS}/Sessions", payload=[{"Id": "one", "UserId": "3" * 32}])
    assert await client.session_user("one") == "3" * 32
    assert await client.session_user("another") is None


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        ({"Version": "10.8.13"}, UnsupportedVersion),
        ({"Version": "9.99.0"}, UnsupportedVersion),
        ({"Version": ""}, UnsupportedVersion),
        ({"ProductName": "Emby Server"}, WrongServer),
        ({"ProductName": None}, WrongServer),
        ({"Id": None}, WrongServer),
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
    assert len(sent(mocked)) == 1


async def test_unsupported_version_is_named(
    client: JellyfinClient, mocked: aioresponses
) -> None:
    mocked.get(f"{ADDRESS}/System/Info/Public", payload={**INFO, "Version": "10.8.13"})
    with pytest.raises(UnsupportedVersion) as caught:
        await client.identify()
    assert caught.value.version == "10.8.13"


@pytest.mark.parametrize(
    "version", ["10.9.0", "10.10.7", "10.11.0-rc5", "12.0.0", "13"]
)
async def test_supported_versions(
    client: JellyfinClient, mocked: aioresponses, version: str
) -> None:
    mocked.get(f"{ADDRESS}/System/Info/Public", payload={**INFO, "Version": version})
    mocked.get(
        f"{ADDRESS}/Users/Me",
        payload={"Id": USER.upper(), "Name": "alex", "ServerId": SERVER},
    )
    assert await client.identify() == ServerInfo(SERVER, "den", version, USER, "alex")


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (401, "", WrongServer),
        (403, "", WrongServer),
        (404, "", WrongServer),
        (405, "", WrongServer),
        (200, "<MediaContainer/>", WrongServer),
        (200, "[]", WrongServer),
        (200, '{"MediaContainer": {}}', WrongServer),
        (500, "", Fault),
        (502, "", Unanswered),
        (503, "", Busy),
    ],
)
async def test_other_answers_at_set_up(
    client: JellyfinClient,
    mocked: aioresponses,
    status: int,
    body: str,
    expected: type[ServerError],
) -> None:
    mocked.get(f"{ADDRESS}/System/Info/Public", status=status, body=body)
    with pytest.raises(expected) as caught:
        await client.identify()
    assert type(caught.value) is expected


async def test_api_key_is_refused_with_a_reason(
    session: ClientSession, server: FakeJellyfin
) -> None:
    client = JellyfinClient(
        session, server.url, server.api_key(), user_id=USER, device_id="x"
    )
    with pytest.raises(Refused, match="API key"):
        await client.identify()


@pytest.mark.parametrize("phase", [Phase.SETUP_EARLY, Phase.SETUP, Phase.CORE])
async def test_starting_server_says_so(
    session: ClientSession, server: FakeJellyfin, phase: Phase
) -> None:
    client = client_of(session, server)
    info = await client.identify()
    server.phase = phase
    with pytest.raises(Starting):
        await client_of(session, server).identify()
    with pytest.raises(Starting):
        await client.probe()
    with pytest.raises(Starting):
        await client.fetch([server.item_id("Alien")])
    server.phase = Phase.READY
    assert await client.probe() == info


async def test_server_that_does_not_let_us_in_is_busy_rather_than_starting(
    session: ClientSession, server: FakeJellyfin
) -> None:
    server.ip_filter = True
    with pytest.raises(Busy) as caught:
        await client_of(session, server).identify()
    assert not isinstance(caught.value, Starting)


async def test_base_path_is_kept(session: ClientSession) -> None:
    async with FakeJellyfin(base_url="/media/jf") as server:
        client = client_of(session, server)
        await client.identify()
        film = server.item_id("Alien")
        reading = (await client.fetch([film]))[film]
        await client.write(reading.item, MarkWatched(), reading.state)
        assert server.state("alex", film).played


async def test_missing_base_path_is_the_wrong_address(session: ClientSession) -> None:
    async with FakeJellyfin(base_url="/media/jf") as server:
        client = JellyfinClient(
            session,
            server.url.removesuffix("/media/jf"),
            server.token_for("alex"),
            user_id=server.user_id("alex"),
            device_id="test-device",
        )
        with pytest.raises(WrongServer):
            await client.identify()


async def test_token_with_a_line_break_behind_it_is_good(
    session: ClientSession, server: FakeJellyfin
) -> None:
    client = JellyfinClient(
        session,
        server.url,
        server.token_for("alex") + "\n",
        user_id=server.user_id("alex"),
        device_id="test-device",
    )
    assert (await client.identify()).user_name == "alex"


# Signing in


@pytest.mark.parametrize("profile", ["10.10", "10.11", "12.0"])
async def test_password_gives_a_token(session: ClientSession, profile: str) -> None:
    async with FakeJellyfin(profile=profile) as server:
        login = await authenticate(
            session, server.url, "alex", server.password("alex"), "our-device"
        )
        assert login.info == ServerInfo(
            server_id=server.server_id,
            server_name=server.name,
            version=server.profile.version,
            user_id=server.user_id("alex"),
            user_name="alex",
        )
        client = JellyfinClient(
            session,
            server.url,
            login.token,
            user_id=login.info.user_id,
            device_id="our-device",
        )
        assert await client.identify() == login.info
        assert login.token not in repr(login)


@pytest.mark.parametrize(
    ("name", "password", "expected"),
    [
        ("alex", "wrong", AuthRejected),
        ("nobody", "x", AuthRejected),
        ("", "x", AuthRejected),
        ("pat", "pat-password", Forbidden),
    ],
)
async def test_refused_sign_in_leaves_once(
    session: ClientSession,
    server: FakeJellyfin,
    name: str,
    password: str,
    expected: type[ServerError],
) -> None:
    with pytest.raises(expected):
        await authenticate(session, server.url, name, password, "our-device")
    assert server.count("AuthenticateByName") == 1


async def test_dropped_sign_in_leaves_once(
    session: ClientSession, server: FakeJellyfin
) -> None:
    server.fail(FaultKind.APPLIED_BUT_DROPPED, path="AuthenticateByName")
    with pytest.raises(Unreachable):
        await authenticate(
            session, server.url, "alex", server.password("alex"), "our-device"
        )
    assert server.count("AuthenticateByName") == 1


async def test_password_is_not_sent_to_something_else(
    session: ClientSession, mocked: aioresponses
) -> None:
    mocked.get(f"{ADDRESS}/System/Info/Public", status=404)
    with pytest.raises(WrongServer):
        await authenticate(session, ADDRESS, "alex", "secret", "our-device")
    assert len(sent(mocked)) == 1


async def test_sign_in_that_leads_nowhere_is_the_wrong_server(
    session: ClientSession, mocked: aioresponses
) -> None:
    mocked.get(f"{ADDRESS}/System/Info/Public", payload=INFO)
    mocked.post(f"{ADDRESS}/Users/AuthenticateByName", status=404)
    with pytest.raises(WrongServer):
        await authenticate(session, ADDRESS, "alex", "secret", "our-device")


# Behaviour that only Jellyfin has


async def test_user_without_preferences_is_marked_without_a_date(
    session: ClientSession, server: FakeJellyfin
) -> None:
    server.user("alex").preference_access = False
    film = server.item_id("Alien")
    client = client_of(session, server)
    item = (await client.fetch([film]))[film].item
    await client.write(item, MarkWatched(AT), UNWATCHED)
    state = server.state("alex", film)
    assert state.played
    assert state.play_count == 1
    with pytest.raises(Forbidden):
        await client.write(item, SetProgress(600), UNWATCHED)


async def test_progress_leaves_flag_count_and_date_alone(
    session: ClientSession, server: FakeJellyfin
) -> None:
    film = server.item_id("Alien")
    await server.set_state("alex", film, played=True, play_count=3, last_played_date=AT)
    client = client_of(session, server)
    reading = (await client.fetch([film]))[film]
    await client.write(reading.item, SetProgress(600), reading.state)
    state = server.state("alex", film)
    assert (state.played, state.play_count, state.last_played_date) == (True, 3, AT)
    assert state.position_ticks == 600 * 10_000_000


async def test_season_without_a_known_show_asks_for_it(
    session: ClientSession, server: FakeJellyfin
) -> None:
    client = client_of(session, server)
    season = server.item_id("Sherlock", season=2)
    leaves = await client.fetch_leaves(
        Item(season, MediaKind.SEASON, "Season 2", season=2)
    )
    assert [leaf.item.episode for leaf in leaves] == [1, 2, 3]
    server.remove_item(season)
    with pytest.raises(ItemGone):
        await client.fetch_leaves(Item(season, MediaKind.SEASON, "Season 2", season=2))


async def test_listing_of_many_pages_is_read_to_its_end(
    session: ClientSession, server: FakeJellyfin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "custom_components.watched_sync.servers.jellyfin.client._PAGE", 7
    )
    client = client_of(session, server)
    (found,) = await client.search("Grey's Anatomy", {MediaKind.SHOW}, 1)
    show = found.item
    leaves = await client.fetch_leaves(show)
    assert len(leaves) == len(server.leaves(show.item_id)) > 300
    assert len({leaf.item.item_id for leaf in leaves}) == len(leaves)


async def test_library_is_listed_in_the_way_that_is_always_cheap(
    session: ClientSession, server: FakeJellyfin
) -> None:
    """Of one library, without an order, and not counted."""
    client = client_of(session, server)
    for library in await client.libraries():
        server.clear_log()
        kind = library.kind or MediaKind.MOVIE
        await client.inventory_page(library, kind)
        (asked,) = server.requests
        assert asked.path == "/Items"
        assert asked.query["parentId"] == library.library_id
        assert "," not in asked.query["includeItemTypes"]
        assert not {"sortBy", "filters", "isPlayed"} & set(asked.query)
        assert asked.query["enableTotalRecordCount"] == "false"
        assert asked.query["enableImages"] == "false"


async def test_library_of_2500_films_takes_two_requests(
    session: ClientSession, server: FakeJellyfin
) -> None:
    client = client_of(session, server)
    films, *_ = await client.libraries()
    for number in range(2500 - 29):
        server.catalogue.add_movie(SeedMovie(f"Film {number}", 1980, 90, {}))
    server.clear_log()
    pages = await pages_of(client, films, MediaKind.MOVIE)
    assert len({one.item.item_id for page in pages for one in page.readings}) == 2500
    assert [len(page.readings) for page in pages] == [2000, 500]
    assert server.count() == 2


async def test_library_whose_id_is_none_is_not_the_whole_server(
    session: ClientSession, server: FakeJellyfin
) -> None:
    """The server drops an id that cannot be one, and lists everything it has."""
    client = client_of(session, server)
    with pytest.raises(ItemGone):
        await client.inventory_page(Library("films", "Films", None), MediaKind.MOVIE)
    assert server.count() == 0


async def test_items_that_were_listed_are_known_to_be_in_their_library(
    session: ClientSession, server: FakeJellyfin
) -> None:
    client = client_of(session, server)
    films, *_ = await client.libraries()
    page = await client.inventory_page(films, MediaKind.MOVIE)
    film = page.readings[0].item.item_id
    server.clear_log()
    found = await client.fetch([film])
    assert found[film].item.library_id == films.library_id
    assert server.count() == 1


async def test_episode_that_is_only_announced_is_no_leaf(
    session: ClientSession, server: FakeJellyfin
) -> None:
    client = client_of(session, server)
    (found,) = await client.search("The Last of Us", {MediaKind.SHOW}, 1)
    show = found.item
    leaves = await client.fetch_leaves(show)
    assert [leaf.item.item_id for leaf in leaves] == server.leaves(show.item_id)


async def test_file_of_two_episodes_says_so(
    session: ClientSession, server: FakeJellyfin
) -> None:
    episode = server.item_id("Star Trek: The Next Generation", season=1, episode=1)
    item = (await client_of(session, server).fetch([episode]))[episode].item
    assert (item.episode, item.episode_end) == (1, 2)


async def test_resumable_and_next_episode_are_one_entry(
    session: ClientSession, server: FakeJellyfin
) -> None:
    first = server.item_id("Severance", season=1, episode=1)
    second = server.item_id("Severance", season=1, episode=2)
    await server.set_state("alex", first, played=True)
    await server.set_state("alex", second, position_ticks=6_000_000_000)
    found = await client_of(session, server).up_next(10)
    assert [one.item.item_id for one in found] == [second]


async def test_clock_offset_follows_the_server(
    session: ClientSession, server: FakeJellyfin
) -> None:
    client = client_of(session, server)
    await client.identify()
    before = client.clock_offset
    server.clock.advance(3600)
    await client.probe()
    after = client.clock_offset
    assert before is not None
    assert after is not None
    assert abs(after - before - timedelta(hours=1)) < timedelta(seconds=30)


def test_login_hides_its_token() -> None:
    assert TOKEN not in repr(JellyfinLogin(TOKEN, KNOWN))
