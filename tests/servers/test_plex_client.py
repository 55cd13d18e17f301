"""What the Plex client alone does: its requests, whose token it is, both verbs."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
import re
from typing import Any

from aiohttp import ClientSession
from aioresponses import aioresponses
import pytest

from custom_components.watched_sync.core.errors import (
    AuthRejected,
    Fault,
    Forbidden,
    ItemGone,
    Malformed,
    Refused,
    ServerError,
    Starting,
    Unanswered,
    Unreachable,
    Unsupported,
    WrongAddress,
    WrongServer,
)
from custom_components.watched_sync.core.identity import (
    Item,
    MediaKind,
    ProviderIds,
)
from custom_components.watched_sync.core.learnt import Learnt
from custom_components.watched_sync.core.operation import (
    Change,
    MarkUnwatched,
    MarkWatched,
    SetProgress,
)
from custom_components.watched_sync.core.play_state import PlayState
from custom_components.watched_sync.core.ports import Library, ServerInfo
from custom_components.watched_sync.servers import transport
from custom_components.watched_sync.servers.jellyfin.client import JellyfinClient
from custom_components.watched_sync.servers.plex import limits
from custom_components.watched_sync.servers.plex.client import PlexClient
from tests.fakes.base import FakeClock, FaultKind, LoggedRequest
from tests.fakes.jellyfin import FakeJellyfin
from tests.fakes.library import SeedMovie
from tests.fakes.plex import FakePlex
from tests.fakes.plex.oddities import (
    HOME_VIDEOS_LIBRARY,
    MOVIES_ODD_LIBRARY,
    ODD_GUIDS,
    PHOTOS_LIBRARY,
    TV_ODD_LIBRARY,
)

from .account_server import accounts_of
from .contract import pages_of
from .sent import Sent, sent

ADDRESS = "http://127.0.0.1:32400"
PLEX_TV = "http://127.0.0.1:4"
TOKEN = "5ecre7" * 3
MACHINE = "9" * 40
KNOWN = ServerInfo(MACHINE, "den", "1.43.0", "1", "alex")
UNWATCHED = PlayState(watched=False)
WATCHED = PlayState(watched=True, play_count=1)
FILM = Item("41", MediaKind.MOVIE, "Alien", duration=7020.0)
IDENTITY = {
    "MediaContainer": {
        "machineIdentifier": MACHINE,
        "version": "1.43.0",
        "friendlyName": "den",
        "myPlexUsername": "alex@example.org",
    }
}
ACCOUNTS = {"MediaContainer": {"Account": [{"id": 1, "name": "alex"}]}}
ANY_WRITE = re.compile(rf"{ADDRESS}/:/")
HISTORY = (
    f"{ADDRESS}/status/sessions/history/all?sort=viewedAt:desc"
    "&X-Plex-Container-Start=0&X-Plex-Container-Size=1"
)

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
def client(session: ClientSession) -> PlexClient:
    return PlexClient(
        session,
        ADDRESS,
        TOKEN,
        client_id="our-client",
        known=KNOWN,
        plex_tv_url=PLEX_TV,
    )


@pytest.fixture
async def server() -> AsyncIterator[FakePlex]:
    clock = FakeClock(datetime(2026, 11, 21, tzinfo=UTC))
    async with FakePlex(clock=clock) as running:
        yield running


def client_of(session: ClientSession, server: FakePlex, **options: Any) -> PlexClient:
    return PlexClient(
        session,
        server.url,
        server.token_for("alex"),
        client_id="our-client",
        **options,
    )


async def item_of(client: PlexClient, key: str) -> Item:
    return (await client.fetch([key]))[key].item


# Requests


async def test_every_request_names_client_and_token_in_headers_only(
    client: PlexClient, mocked: aioresponses
) -> None:
    mocked.get(f"{ADDRESS}/", payload=IDENTITY)
    await client.probe()
    (request,) = sent(mocked)
    assert request.headers["X-Plex-Token"] == TOKEN
    assert request.headers["X-Plex-Client-Identifier"] == "our-client"
    assert request.headers["X-Plex-Product"] == "Watched Sync"
    assert request.headers["Accept"] == "application/json"
    assert TOKEN not in str(request.url)


async def written(
    client: PlexClient,
    mocked: aioresponses,
    item: Item,
    change: Change,
    state: PlayState = UNWATCHED,
) -> Sent:
    """Return the one request that a change becomes."""
    for method in ("GET", "POST", "PUT"):
        mocked.add(ANY_WRITE, method=method, content_type="text/html", repeat=True)
    await client.write(item, change, state)
    (request,) = (one for one in sent(mocked) if one.line != "GET /:/prefs")
    return request


@pytest.mark.parametrize(
    ("change", "path"),
    [(MarkWatched(), "/:/scrobble"), (MarkUnwatched(), "/:/unscrobble")],
)
async def test_mark_names_library_and_item(
    client: PlexClient, mocked: aioresponses, change: Change, path: str
) -> None:
    request = await written(client, mocked, FILM, change)
    assert request.line == f"GET {path}"
    assert dict(request.url.query) == {
        "identifier": "com.plexapp.plugins.library",
        "key": "41",
    }
    assert request.options["timeout"].total == 30


@pytest.mark.parametrize("kind", [MediaKind.SHOW, MediaKind.SEASON])
async def test_container_gets_more_time(
    client: PlexClient, mocked: aioresponses, kind: MediaKind
) -> None:
    request = await written(client, mocked, Item("7", kind, "x"), MarkWatched())
    assert request.options["timeout"].total == 120


async def test_progress_is_one_stopped_report_of_a_session_of_its_own(
    client: PlexClient, mocked: aioresponses
) -> None:
    request = await written(client, mocked, FILM, SetProgress(1800.4))
    assert request.line == "POST /:/timeline"
    assert dict(request.url.query) == {
        "ratingKey": "41",
        "key": "/library/metadata/41",
        "identifier": "com.plexapp.plugins.library",
        "state": "stopped",
        "time": "1800400",
        "duration": "7020000",
    }
    first = request.headers["X-Plex-Session-Identifier"]
    assert first
    await client.write(FILM, SetProgress(1900), UNWATCHED)
    assert sent(mocked)[-1].headers["X-Plex-Session-Identifier"] != first


@pytest.mark.parametrize("position", [30, 6500, 9000])
async def test_position_that_would_not_be_kept_is_not_sent(
    client: PlexClient, mocked: aioresponses, position: float
) -> None:
    with pytest.raises(Unsupported):
        await client.write(FILM, SetProgress(position), UNWATCHED)
    assert [one.line for one in sent(mocked)] == ["GET /:/prefs"]


def held(client: PlexClient) -> tuple[float, float]:
    capabilities = client.capabilities
    return capabilities.min_position, capabilities.max_progress


async def test_limits_of_positions_are_the_servers_own(
    session: ClientSession, server: FakePlex
) -> None:
    server.options.played_threshold = 70
    server.options.min_progress_ms = 120_000
    client = client_of(session, server)
    item = await item_of(client, server.rating_key("Alien"))
    assert item.duration is not None
    assert held(client) == (60, 0.9)
    for position in (90, item.duration * 0.8):
        with pytest.raises(Unsupported):
            await client.write(item, SetProgress(position), UNWATCHED)
    assert held(client) == (120, 0.7)
    assert len(server.find("^/:/prefs$")) == 1
    assert server.find("^/:/timeline$") == []
    await client.write(item, SetProgress(item.duration * 0.69), UNWATCHED)
    assert len(server.find("^/:/timeline$")) == 1


@pytest.mark.parametrize("status", [401, 403, 404, 400])
async def test_limits_a_user_may_not_read_are_learnt(
    session: ClientSession, server: FakePlex, status: int
) -> None:
    server.fail(FaultKind.STATUS, path="^/:/prefs$", status=status, times=None)
    client = client_of(session, server)
    item = await item_of(client, server.rating_key("Alien"))
    await client.write(item, SetProgress(600), UNWATCHED)
    await client.write(item, SetProgress(700), UNWATCHED)
    assert len(server.find("^/:/prefs$")) == 1
    assert held(client) == (60, 0.9)
    client.note_position_not_kept(4800, 6000)
    assert held(client) == (60, 0.8)
    client.note_position_not_kept(120, 6000)
    assert held(client) == (121, 0.8)
    # In the middle, or in something short: that says nothing of a limit.
    client.note_position_not_kept(1200, 6000)
    client.note_position_not_kept(120, 160)
    assert held(client) == (121, 0.8)


async def test_limits_that_the_server_told_are_not_learnt(
    session: ClientSession, server: FakePlex
) -> None:
    client = client_of(session, server)
    await client._limits.refresh()
    client.note_position_not_kept(4800, 6000)
    assert held(client) == (60, 0.9)


async def test_old_limits_are_asked_for_again(
    session: ClientSession, server: FakePlex
) -> None:
    clock = FakeClock()
    server.options.played_threshold = 70
    client = client_of(session, server, learnt=Learnt(clock))
    await client._limits.refresh()
    assert held(client) == (60, 0.7)
    server.options.played_threshold = 95
    clock.advance(limits.LIFETIME - 1)
    await client._limits.refresh()
    assert held(client) == (60, 0.7)
    clock.advance(1)
    # What is old refuses nothing: it is looked at again before it is sent.
    assert held(client) == (60, 0.9)
    await client._limits.refresh()
    assert held(client) == (60, 0.95)
    clock.advance(limits.LIFETIME)
    assert held(client) == (60, 0.95)
    server.fail(FaultKind.STATUS, path="^/:/prefs$", status=403)
    await client._limits.refresh()
    assert held(client) == (60, 0.9)
    client.note_position_not_kept(4800, 6000)
    assert held(client) == (60, 0.8)
    clock.advance(limits.LIFETIME)
    assert held(client) == (60, 0.9)


async def test_limits_of_a_server_that_fails_are_asked_for_the_next_time(
    session: ClientSession, server: FakePlex
) -> None:
    server.options.played_threshold = 70
    server.fail(FaultKind.STATUS, path="^/:/prefs$", status=500)
    client = client_of(session, server)
    await client._limits.refresh()
    assert held(client) == (60, 0.9)
    await client._limits.refresh()
    assert held(client) == (60, 0.7)


async def test_odd_libraries_are_read_whole_with_what_can_be_an_id(
    session: ClientSession,
) -> None:
    async with FakePlex(oddities=True) as odd:
        client = client_of(session, odd)
        libraries = {one.title: one for one in await client.libraries()}
        assert PHOTOS_LIBRARY not in libraries
        films = {
            one.item.title: one.item.provider_ids
            for page in await pages_of(
                client, libraries[MOVIES_ODD_LIBRARY], MediaKind.MOVIE
            )
            for one in page.readings
        }
        assert len(films) == len(odd.held(MOVIES_ODD_LIBRARY, "movie"))
        for number, known in enumerate(ODD_GUIDS.values()):
            ids = films[f"Odd guid {number:02}"]
            assert (ids.imdb or ids.tmdb) == known
        assert {one.imdb for one in films.values()} <= {None, "tt0133093"}
        assert {one.tmdb for one in films.values()} <= {None, "603", "999001"}
        (video,) = (
            one.item
            for page in await pages_of(
                client, libraries[HOME_VIDEOS_LIBRARY], MediaKind.MOVIE
            )
            for one in page.readings
        )
        assert not video.provider_ids
        shows = {
            one.item.title: one.item
            for page in await pages_of(
                client, libraries[TV_ODD_LIBRARY], MediaKind.SHOW
            )
            for one in page.readings
        }
        places = {
            title: [
                (one.item.season, one.item.episode)
                for one in await client.fetch_leaves(show)
            ]
            for title, show in shows.items()
        }
        assert places == {
            "Daily": [(1, None), (1, None)],
            "Double": [(1, 1), (1, 1), (1, 2)],
            "Bare": [(1, 1)],
        }


async def test_position_zero_of_an_unwatched_item_unmarks(
    client: PlexClient, mocked: aioresponses
) -> None:
    request = await written(client, mocked, FILM, SetProgress(0))
    assert request.line == "GET /:/unscrobble"


@pytest.mark.parametrize("state", [WATCHED, PlayState(watched=None)])
async def test_position_zero_is_not_set_where_the_mark_would_be_lost(
    client: PlexClient, mocked: aioresponses, state: PlayState
) -> None:
    with pytest.raises(Unsupported):
        await client.write(FILM, SetProgress(0), state)
    assert sent(mocked) == []


async def test_duration_is_looked_up_where_it_is_not_known(
    session: ClientSession, server: FakePlex
) -> None:
    key = server.rating_key("Alien")
    client = client_of(session, server)
    await client.write(Item(key, MediaKind.MOVIE, "Alien"), SetProgress(600), UNWATCHED)
    assert server.state("alex", key).view_offset_ms == 600_000
    server.remove_item(key)
    with pytest.raises(ItemGone):
        await client.write(
            Item(key, MediaKind.MOVIE, "Alien"), SetProgress(600), UNWATCHED
        )


async def test_item_without_a_duration_has_no_resume_position(
    client: PlexClient, mocked: aioresponses
) -> None:
    row = {"ratingKey": "41", "type": "movie", "title": "Alien"}
    mocked.get(
        f"{ADDRESS}/library/metadata/41?includeGuids=1"
        "&X-Plex-Container-Start=0&X-Plex-Container-Size=1",
        payload={"MediaContainer": {"Metadata": [row]}},
    )
    with pytest.raises(Unsupported):
        await client.write(
            Item("41", MediaKind.MOVIE, "Alien"), SetProgress(600), UNWATCHED
        )


async def test_progress_leaves_a_watched_item_watched(
    session: ClientSession, server: FakePlex
) -> None:
    key = server.rating_key("Alien")
    server.mark("alex", key)
    client = client_of(session, server)
    await client.write(await item_of(client, key), SetProgress(600), WATCHED)
    state = server.state("alex", key)
    assert (state.view_count, state.view_offset_ms) == (1, 600_000)


async def test_positions_of_one_item_never_add_up_to_a_play(
    session: ClientSession, server: FakePlex
) -> None:
    """Reports of one session that cross the threshold would mark it watched."""
    key = server.rating_key("Alien")
    server.options.played_threshold = 70
    server.fail(FaultKind.STATUS, path="^/:/prefs$", status=403)
    client = client_of(session, server)
    item = await item_of(client, key)
    assert item.duration is not None
    for position in (600, item.duration * 0.69, item.duration * 0.79):
        await client.write(item, SetProgress(position), UNWATCHED)
    assert len(server.find("^/:/timeline$")) == 3
    assert server.state("alex", key).view_count == 0


# Verbs


@pytest.mark.parametrize("verb", ["GET", "PUT"])
@pytest.mark.parametrize("change", [MarkWatched(), MarkUnwatched()])
async def test_verb_of_the_server_is_found_once_and_remembered(
    session: ClientSession, server: FakePlex, verb: str, change: Change
) -> None:
    server.options.scrobble_methods = frozenset({verb})
    client = client_of(session, server)
    for title in ("Alien", "Arrival"):
        item = await item_of(client, server.rating_key(title))
        await client.write(item, change, UNWATCHED)
    watched = isinstance(change, MarkWatched)
    for title in ("Alien", "Arrival"):
        state = server.state("alex", server.rating_key(title))
        assert state.view_count == (1 if watched else 0)
    verbs = [request.method for request in server.find("scrobble$")]
    assert verbs == (["GET", "GET"] if verb == "GET" else ["GET", "PUT", "PUT"])


async def test_verb_is_found_again_after_a_server_changed_its_mind(
    session: ClientSession, server: FakePlex
) -> None:
    client = client_of(session, server)
    key = server.rating_key("Alien")
    item = await item_of(client, key)
    for verb in ("PUT", "GET"):
        server.options.scrobble_methods = frozenset({verb})
        await client.write(item, MarkWatched(), UNWATCHED)
    assert server.state("alex", key).view_count == 2


@pytest.mark.parametrize("verb", ["GET", "POST"])
async def test_verb_of_the_timeline_is_found(
    session: ClientSession, server: FakePlex, verb: str
) -> None:
    server.options.timeline_methods = frozenset({verb})
    client = client_of(session, server)
    key = server.rating_key("Alien")
    item = await item_of(client, key)
    for position in (600, 900):
        await client.write(item, SetProgress(position), UNWATCHED)
        assert server.state("alex", key).view_offset_ms == position * 1000
    verbs = [request.method for request in server.find("timeline$")]
    assert verbs == (["POST", "POST"] if verb == "POST" else ["POST", "GET", "GET"])


async def test_server_that_knows_no_verb_refuses(
    session: ClientSession, server: FakePlex
) -> None:
    server.options.scrobble_methods = frozenset()
    client = client_of(session, server)
    item = await item_of(client, server.rating_key("Alien"))
    with pytest.raises(Refused):
        await client.write(item, MarkWatched(), UNWATCHED)
    assert server.count("scrobble$") == 2


async def test_not_allowed_verb_is_replaced_as_well(
    client: PlexClient, mocked: aioresponses
) -> None:
    url = f"{ADDRESS}/:/scrobble?identifier=com.plexapp.plugins.library&key=41"
    mocked.get(url, status=405)
    mocked.get(
        f"{ADDRESS}/library/metadata/41"
        "?X-Plex-Container-Start=0&X-Plex-Container-Size=1",
        payload={
            "MediaContainer": {"Metadata": [{"ratingKey": "41", "type": "movie"}]}
        },
    )
    mocked.put(url)
    await client.write(FILM, MarkWatched(), UNWATCHED)
    assert [request.method for request in sent(mocked)] == ["GET", "GET", "PUT"]


async def test_empty_answer_about_an_item_means_it_is_gone(
    client: PlexClient, mocked: aioresponses
) -> None:
    mocked.get(ANY_WRITE, status=404)
    mocked.get(
        f"{ADDRESS}/library/metadata/41"
        "?X-Plex-Container-Start=0&X-Plex-Container-Size=1",
        payload={"MediaContainer": {"size": 0}},
    )
    with pytest.raises(ItemGone):
        await client.write(FILM, MarkWatched(), UNWATCHED)
    assert all(request.method == "GET" for request in sent(mocked))


@pytest.mark.parametrize("status", [400, 401, 403, 500, 503])
async def test_other_refusals_do_not_try_the_other_verb(
    client: PlexClient, mocked: aioresponses, status: int
) -> None:
    mocked.get(ANY_WRITE, status=status)
    with pytest.raises(ServerError):
        await client.write(FILM, MarkWatched(), UNWATCHED)
    assert len(sent(mocked)) == 1


# Whose token it is


async def identified(
    session: ClientSession, server: FakePlex, user: str, plex_tv: str
) -> ServerInfo:
    client = PlexClient(
        session,
        server.url,
        server.token_for(user),
        client_id="our-client",
        plex_tv_url=plex_tv,
    )
    return await client.identify()


async def test_owner_is_account_one_and_plex_tv_is_not_asked(
    session: ClientSession, server: FakePlex
) -> None:
    info = await identified(session, server, "alex", "http://127.0.0.1:1")
    assert info == ServerInfo(
        server_id=server.machine_identifier,
        server_name="Fake Plex",
        version=server.options.version,
        user_id="1",
        user_name="alex",
    )


@pytest.mark.parametrize("user", ["kim", "sam"])
@pytest.mark.parametrize("status", [401, 403])
async def test_others_are_their_plex_tv_account(
    session: ClientSession, server: FakePlex, user: str, status: int
) -> None:
    server.options.owner_only_status = status
    async with accounts_of(server) as plex_tv:
        info = await identified(session, server, user, plex_tv)
    assert info.user_id == str(server.users[user].user_id)
    assert info.user_name == user


async def test_play_history_tells_the_account_where_plex_tv_is_silent(
    session: ClientSession, server: FakePlex
) -> None:
    """The same id as plex.tv would have given."""
    await server.play("alex", server.rating_key("Arrival"))
    await server.play("kim", server.rating_key("Alien"))
    info = await identified(session, server, "kim", "http://127.0.0.1:1")
    assert info.user_id == str(server.users["kim"].user_id)


async def test_no_id_is_guessed_while_plex_tv_is_silent(
    session: ClientSession, server: FakePlex
) -> None:
    with pytest.raises(Unreachable):
        await identified(session, server, "kim", "http://127.0.0.1:1")


@pytest.mark.parametrize("status", [401, 403, 422])
async def test_token_of_nobody_stands_for_itself(
    session: ClientSession, mocked: aioresponses, status: int
) -> None:
    infos = []
    for token in ("one", "two", "one"):
        _stranger(mocked)
        mocked.get(f"{PLEX_TV}/api/v2/user", status=status)
        mocked.get(HISTORY, payload={"MediaContainer": {"size": 0}})
        client = PlexClient(session, ADDRESS, token, client_id="c", plex_tv_url=PLEX_TV)
        infos.append(await client.identify())
    assert infos[0] == infos[2]
    assert infos[0].user_id != infos[1].user_id
    assert infos[0].user_id.startswith("token-")
    assert "one" not in infos[0].user_id


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_history_may_be_closed(
    client: PlexClient, mocked: aioresponses, status: int
) -> None:
    _stranger(mocked)
    mocked.get(f"{PLEX_TV}/api/v2/user", status=401)
    mocked.get(HISTORY, status=status)
    assert (await client.identify()).user_id.startswith("token-")


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 429},
        {"status": 500},
        {"status": 302},
        {"status": 404},
        {"status": 200, "body": "<html>", "content_type": "text/html"},
        {"timeout": True},
    ],
)
async def test_trouble_at_plex_tv_is_not_an_answer(
    client: PlexClient, mocked: aioresponses, answer: dict[str, Any]
) -> None:
    _stranger(mocked)
    mocked.get(f"{PLEX_TV}/api/v2/user", **answer)
    mocked.get(HISTORY, payload={"MediaContainer": {"size": 0}})
    with pytest.raises(Unreachable):
        await client.identify()


@pytest.mark.parametrize(
    ("accounts", "expected"),
    [
        (ACCOUNTS, "alex"),
        ({"MediaContainer": {}}, "alex@example.org"),
    ],
)
async def test_owner_is_named_by_the_server(
    client: PlexClient, mocked: aioresponses, accounts: dict[str, Any], expected: str
) -> None:
    mocked.get(f"{ADDRESS}/identity", payload=IDENTITY)
    mocked.get(f"{ADDRESS}/", payload=IDENTITY)
    mocked.get(f"{ADDRESS}/accounts", payload=accounts)
    info = await client.identify()
    assert (info.user_id, info.user_name) == ("1", expected)


def _stranger(mocked: aioresponses) -> None:
    """Answer up to `/accounts` as to somebody who is not the owner."""
    mocked.get(f"{ADDRESS}/identity", payload=IDENTITY)
    mocked.get(f"{ADDRESS}/", payload=IDENTITY)
    mocked.get(f"{ADDRESS}/accounts", status=403)


# Who answers


async def test_identity_may_ask_for_a_token(
    client: PlexClient, mocked: aioresponses
) -> None:
    mocked.get(f"{ADDRESS}/identity", status=401)
    mocked.get(f"{ADDRESS}/", payload=IDENTITY)
    mocked.get(f"{ADDRESS}/accounts", payload=ACCOUNTS)
    assert (await client.identify()).server_id == MACHINE


async def test_token_is_not_sent_before_plex_has_answered(
    client: PlexClient, mocked: aioresponses
) -> None:
    mocked.get(f"{ADDRESS}/identity", status=404)
    with pytest.raises(WrongServer):
        await client.identify()
    (request,) = sent(mocked)
    assert "X-Plex-Token" not in request.headers


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"status": 404}, WrongServer),
        ({"status": 400}, WrongServer),
        ({"status": 405}, WrongServer),
        ({"body": "<html>", "content_type": "text/html"}, WrongServer),
        ({"payload": {"version": "12.0.0"}}, WrongServer),
        ({"payload": []}, WrongServer),
        ({"payload": {"MediaContainer": {"size": 0}}}, WrongServer),
        ({"status": 301}, WrongAddress),
        ({"status": 500}, Fault),
        ({"status": 502}, Unanswered),
        (
            {"status": 503, "body": "<html>", "content_type": "text/html"},
            Starting,
        ),
        ({"timeout": True}, Unanswered),
    ],
)
@pytest.mark.parametrize("path", ["/identity", "/"])
async def test_other_answers_at_set_up(
    client: PlexClient,
    mocked: aioresponses,
    answer: dict[str, Any],
    expected: type[ServerError],
    path: str,
) -> None:
    if path == "/":
        mocked.get(f"{ADDRESS}/identity", payload=IDENTITY)
    mocked.get(f"{ADDRESS}{path}", **answer)
    with pytest.raises(expected) as caught:
        await client.identify()
    assert type(caught.value) is expected


async def test_wrong_token_is_rejected_at_set_up(
    session: ClientSession, server: FakePlex
) -> None:
    client = PlexClient(session, server.url, "wrong", client_id="c")
    with pytest.raises(AuthRejected):
        await client.identify()


async def test_token_with_a_line_break_behind_it_is_good(
    session: ClientSession, server: FakePlex
) -> None:
    token = server.token_for("alex") + "\n"
    client = PlexClient(session, server.url, token, client_id="c")
    assert (await client.identify()).user_name == "alex"


async def test_plex_client_knows_a_jellyfin_server_for_something_else(
    session: ClientSession,
) -> None:
    for base_url in ("", "/jellyfin"):
        async with FakeJellyfin(base_url=base_url) as server:
            client = PlexClient(session, server.url, TOKEN, client_id="c")
            with pytest.raises(WrongServer):
                await client.identify()
            assert not any(TOKEN in str(one.headers) for one in server.requests)


async def test_jellyfin_client_knows_a_plex_server_for_something_else(
    session: ClientSession, server: FakePlex
) -> None:
    client = JellyfinClient(session, server.url, TOKEN, user_id="1" * 32, device_id="d")
    with pytest.raises(WrongServer):
        await client.identify()


# Reading what only Plex does


@pytest.mark.parametrize("cap", [1, 7, 100])
async def test_server_that_sends_smaller_pages_is_read_to_the_end(
    session: ClientSession, server: FakePlex, cap: int
) -> None:
    server.options.max_page = cap
    client = client_of(session, server)
    show = server.rating_key("Doctor Who")
    leaves = await client.fetch_leaves(await item_of(client, show))
    assert [leaf.item.item_id for leaf in leaves] == server.leaves(show)
    assert set(await client.fetch(server.leaves(show))) == set(server.leaves(show))
    found = await client.find(MediaKind.MOVIE, ProviderIds(imdb="tt0114709"))
    assert [one.item.title for one in found] == ["Toy Story"]


async def test_listing_that_ends_before_its_total_is_malformed(
    client: PlexClient, mocked: aioresponses
) -> None:
    row = {"ratingKey": "8", "type": "episode"}
    for start, rows in ((0, [row]), (1, [])):
        mocked.get(
            f"{ADDRESS}/library/metadata/7/allLeaves?includeGuids=1"
            f"&X-Plex-Container-Start={start}&X-Plex-Container-Size=500",
            payload={"MediaContainer": {"totalSize": 9, "Metadata": rows}},
        )
    with pytest.raises(Malformed):
        await client.fetch_leaves(Item("7", MediaKind.SHOW, "x"))


async def test_batch_whose_total_counts_gone_items_is_read_all_the_same(
    client: PlexClient, mocked: aioresponses
) -> None:
    row = {"ratingKey": "8", "type": "movie"}
    for start, rows in ((0, [row]), (1, [])):
        mocked.get(
            f"{ADDRESS}/library/metadata/8,9?includeGuids=1"
            f"&X-Plex-Container-Start={start}&X-Plex-Container-Size=2",
            payload={"MediaContainer": {"totalSize": 2, "Metadata": rows}},
        )
    assert set(await client.fetch(["8", "9"])) == {"8"}


@pytest.mark.parametrize("size", [2, 3, 100])
async def test_404_for_several_items_may_mean_one_of_them(
    session: ClientSession, server: FakePlex, size: int
) -> None:
    server.options.leaves_out_gone = False
    keys = server.leaves(server.rating_key("Grey's Anatomy"))[:size]
    server.remove_item(keys[0])
    client = client_of(session, server)
    assert set(await client.fetch(keys)) == set(keys[1:])
    # Halves on the way to the one that is gone, and who answers after each 404.
    assert len(server.requests) <= 4 * (size.bit_length() + 1)


async def test_404_for_several_items_means_all_once_the_server_left_some_out(
    session: ClientSession, server: FakePlex
) -> None:
    keys = server.leaves(server.rating_key("Grey's Anatomy"))[:20]
    for key in keys[1:]:
        server.remove_item(key)
    client = client_of(session, server)
    assert set(await client.fetch(keys)) == {keys[0]}
    server.clear_log()
    assert await client.fetch(keys[1:]) == {}
    assert server.count("/library/metadata/") == 1


async def test_items_that_were_not_asked_for_are_left_out(
    client: PlexClient, mocked: aioresponses
) -> None:
    rows = [{"ratingKey": key, "type": "movie"} for key in ("8", "9")]
    mocked.get(
        f"{ADDRESS}/library/metadata/8?includeGuids=1"
        "&X-Plex-Container-Start=0&X-Plex-Container-Size=1",
        payload={"MediaContainer": {"Metadata": rows}},
    )
    assert set(await client.fetch(["8"])) == {"8"}


async def test_gone_items_are_believed_from_the_known_server_only(
    session: ClientSession, server: FakePlex
) -> None:
    client = client_of(session, server, known=KNOWN)
    with pytest.raises(WrongServer):
        await client.fetch(["999999"])


async def test_gone_items_are_believed_from_a_server_that_hides_its_identity(
    client: PlexClient, mocked: aioresponses
) -> None:
    mocked.get(
        f"{ADDRESS}/library/metadata/8?includeGuids=1"
        "&X-Plex-Container-Start=0&X-Plex-Container-Size=1",
        status=404,
    )
    mocked.get(f"{ADDRESS}/identity", status=401)
    assert await client.fetch(["8"]) == {}


async def test_reading_starts_no_activity_on_the_server(
    session: ClientSession, server: FakePlex
) -> None:
    client = client_of(session, server)
    show = await item_of(client, server.rating_key("Sherlock"))
    await client.fetch_leaves(show)
    await client.up_next(5)
    await client.last_played(5)
    await client.search("Alien", {MediaKind.MOVIE}, 5)
    names = {name for request in server.requests for name in request.query}
    assert not any(name.lower().startswith("async") for name in names)
    assert "checkFiles" not in names


async def test_extras_and_music_are_no_items(
    session: ClientSession, server: FakePlex
) -> None:
    client = client_of(session, server)
    trailer = server.extra_key(server.rating_key("Dune: Part Two"))
    song = server.rating_key("So What")
    assert await client.fetch([trailer, song]) == {}


@pytest.mark.parametrize("status", [400, 404])
async def test_search_without_hubs_filters_the_libraries(
    session: ClientSession, server: FakePlex, status: int
) -> None:
    server.fail(FaultKind.STATUS, path="/hubs/search", status=status, times=None)
    client = client_of(session, server)
    kinds = {MediaKind.MOVIE, MediaKind.SHOW}
    found = await client.search("blade runner", kinds, 10)
    assert {one.item.item_id for one in found} == {
        server.rating_key("Blade Runner"),
        server.rating_key("Blade Runner", library="Movies 4K"),
        server.rating_key("Blade Runner 2049"),
    }


async def test_search_that_fails_otherwise_is_no_empty_answer(
    session: ClientSession, server: FakePlex
) -> None:
    server.fail(FaultKind.STATUS, path="/hubs/search", status=403)
    with pytest.raises(Forbidden):
        await client_of(session, server).search("alien", {MediaKind.MOVIE}, 10)


async def test_search_results_without_ids_are_looked_up(
    client: PlexClient, mocked: aioresponses
) -> None:
    row = {"ratingKey": "41", "type": "movie", "title": "Alien"}
    mocked.get(
        f"{ADDRESS}/hubs/search?query=Alien&limit=50&includeGuids=1",
        payload={"MediaContainer": {"Hub": [{"Metadata": [row]}]}},
    )
    mocked.get(
        f"{ADDRESS}/library/metadata/41?includeGuids=1"
        "&X-Plex-Container-Start=0&X-Plex-Container-Size=1",
        payload={
            "MediaContainer": {
                "Metadata": [{**row, "Guid": [{"id": "imdb://tt0078748"}]}]
            }
        },
    )
    (found,) = await client.find(
        MediaKind.MOVIE, ProviderIds(imdb="tt0078748"), "Alien"
    )
    assert found.item.item_id == "41"
    assert found.item.provider_ids == ProviderIds(imdb="tt0078748")


@pytest.mark.parametrize("status", [400, 404])
async def test_old_server_without_continue_watching_has_on_deck(
    session: ClientSession, server: FakePlex, status: int
) -> None:
    server.fail(FaultKind.STATUS, path="/hubs/continue", status=status, times=None)
    key = server.rating_key("Alien")
    server.set_state("alex", key, view_offset_ms=600_000)
    found = await client_of(session, server).up_next(5)
    assert [one.item.item_id for one in found] == [key]


def assert_small_pages(pages: list[LoggedRequest]) -> None:
    for page in pages:
        assert page.query["X-Plex-Container-Size"] == "3"
        assert page.query["sort"] == "lastViewedAt:desc"
        assert page.query["lastViewedAt>>"] == "0"


async def test_last_played_takes_two_small_pages_whatever_the_libraries(
    session: ClientSession, server: FakePlex
) -> None:
    await client_of(session, server).last_played(3)
    pages = server.find("^/library/all$")
    assert [page.query["type"] for page in pages] == ["1", "4"]
    assert_small_pages(pages)
    assert server.requests == pages


@pytest.mark.parametrize("status", [400, 404])
async def test_last_played_without_a_common_listing_asks_each_library(
    session: ClientSession, server: FakePlex, status: int
) -> None:
    film, episode = (
        server.rating_key("Alien"),
        server.rating_key("Severance", season=2, episode=5),
    )
    for key in (film, episode):
        server.mark("alex", key)
        server.clock.advance(60)
    server.fail(FaultKind.STATUS, path="^/library/all", status=status, times=None)
    client = client_of(session, server)
    found = await client.last_played(3)
    assert [one.item.item_id for one in found] == [episode, film]
    pages = server.find("^/library/sections/.*/all$")
    assert [page.query["type"] for page in pages] == ["1", "1", "4"]
    assert_small_pages(pages)
    server.clear_log()
    assert await client.last_played(3) == found
    # What the server does not know is not asked for again.
    assert server.count("^/library/all") == 0
    assert server.count() == 4


async def test_a_restarting_proxys_404_is_no_news_of_what_the_server_knows(
    session: ClientSession, server: FakePlex
) -> None:
    client = client_of(session, server)
    server.fail(FaultKind.STATUS, path="^/library", status=404, times=2)
    with pytest.raises(Unreachable):
        await client.last_played(3)
    server.clear_log()
    await client.last_played(3)
    assert server.count("^/library/all") == server.count() == 2


# Whole libraries


async def test_library_of_2500_films_takes_three_requests(
    session: ClientSession, server: FakePlex
) -> None:
    client = client_of(session, server)
    films, *_ = await client.libraries()
    seeded = server.held(films.title, "movie")
    added = [
        server.add_movie(SeedMovie(f"Film {number}", 1980, 90, {}))
        for number in range(2500 - len(seeded))
    ]
    server.clear_log()
    pages = await pages_of(client, films, MediaKind.MOVIE)
    found = [one.item.item_id for page in pages for one in page.readings]
    assert sorted(found) == sorted([*seeded, *added])
    assert server.count() == 3
    assert not any("sort" in one.query for one in server.requests)


@pytest.mark.parametrize("leaves_out", [True, False])
async def test_long_parts_of_rows_are_left_out_or_fewer_are_asked_for(
    session: ClientSession,
    server: FakePlex,
    monkeypatch: pytest.MonkeyPatch,
    *,
    leaves_out: bool,
) -> None:
    monkeypatch.setattr(transport, "MOST_MARKS", 25_000)
    server.options.leaves_out_excluded = leaves_out
    client = client_of(session, server)
    *_, shows = await client.libraries()
    server.clear_log()
    pages = await pages_of(client, shows, MediaKind.EPISODE)
    found = [one.item.item_id for page in pages for one in page.readings]
    assert sorted(found) == sorted(server.held(shows.title, "episode"))
    sizes = [one.query["X-Plex-Container-Size"] for one in server.requests]
    assert sizes == (["1000"] if leaves_out else ["1000", "500", "500"])


@pytest.mark.parametrize("total", [-1, "many", [], 1e300, 2**64])
async def test_count_that_cannot_be_is_no_count(
    client: PlexClient, mocked: aioresponses, total: Any
) -> None:
    mocked.get(
        re.compile(rf"{ADDRESS}/library/sections/1/all"),
        payload={"MediaContainer": {"size": 0, "totalSize": total}},
    )
    with pytest.raises(Malformed):
        await client.count_unwatched(
            Library("1", "Films", MediaKind.MOVIE), MediaKind.MOVIE
        )


@pytest.mark.parametrize("status", [400, 404])
async def test_server_without_a_common_listing_counts_each_library(
    session: ClientSession, server: FakePlex, status: int
) -> None:
    client = client_of(session, server)
    server.fail(FaultKind.STATUS, path="^/library/all", status=status, times=None)
    with pytest.raises(Unsupported):
        await client.count_unwatched(None, MediaKind.MOVIE)
    films, *_ = await client.libraries()
    assert await client.count_unwatched(films, MediaKind.MOVIE) > 0
