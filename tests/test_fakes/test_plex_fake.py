"""What the simulated Plex Media Server does, one numbered behaviour after another.

The numbers are those of the project's list of behaviours a faithful simulation must
have; 32 to 34 are about plex.tv and stand in `test_plex_tv_fake.py`.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
import json
from typing import Any
from xml.etree import ElementTree as ET

from aiohttp import (
    ClientConnectorCertificateError,
    ClientError,
    ClientSession,
    ClientTimeout,
    WSMsgType,
    WSServerHandshakeError,
)
from aiohttp.client import ClientWebSocketResponse
import pytest
from yarl import URL

from tests.fakes.base import FakeClock, FaultKind
from tests.fakes.plex import FakePlex, PlexState
from tests.fakes.plex.oddities import ODD_GUIDS
from tests.fakes.poster import STORED_WIDTH, size_of
from tests.fakes.tls import Certificates

pytestmark = pytest.mark.usefixtures("socket_enabled")

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LIBRARY = "com.plexapp.plugins.library"
SOCKET = "/:/websockets/notifications"


@dataclass(frozen=True)
class Reply:
    """An answer, read."""

    status: int
    content_type: str
    text: str
    headers: Any

    @property
    def container(self) -> dict[str, Any]:
        return json.loads(self.text)["MediaContainer"]

    @property
    def rows(self) -> list[dict[str, Any]]:
        return self.container.get("Metadata", [])

    @property
    def titles(self) -> list[str]:
        return [row["title"] for row in self.rows]

    @property
    def row(self) -> dict[str, Any]:
        (found,) = self.rows
        return found


class Caller:
    """Somebody with a token, asking for JSON unless told otherwise."""

    def __init__(self, session: ClientSession, plex: FakePlex, token: str) -> None:
        self.session = session
        self.plex = plex
        self.token = token

    async def ask(
        self, method: str, path: str, *, accept: str = "application/json", **more: str
    ) -> Reply:
        headers = {"X-Plex-Token": self.token, "Accept": accept}
        headers |= {name.replace("_", "-"): value for name, value in more.items()}
        url = URL(self.plex.url + path, encoded=False)
        async with self.session.request(
            method, url, headers=headers, allow_redirects=False
        ) as response:
            return Reply(
                response.status,
                response.content_type,
                (await response.read()).decode(errors="replace"),
                response.headers,
            )

    async def get(self, path: str, **more: str) -> Reply:
        return await self.ask("GET", path, **more)

    async def item(self, key: str) -> dict[str, Any]:
        return (await self.get(f"/library/metadata/{key}")).row

    async def mark(self, key: str, *, watched: bool = True, verb: str = "GET") -> Reply:
        path = "/:/scrobble" if watched else "/:/unscrobble"
        return await self.ask(verb, f"{path}?identifier={LIBRARY}&key={key}")

    async def report(
        self,
        key: str,
        time: float,
        state: str = "playing",
        *,
        duration: int | None = 6_960_000,
        client: str | None = "player",
        session: str = "one",
        verb: str = "POST",
        more: str = "",
    ) -> Reply:
        path = (
            f"/:/timeline?ratingKey={key}&key=/library/metadata/{key}"
            f"&state={state}&time={int(time)}{more}"
        )
        if duration is not None:
            path += f"&duration={duration}"
        headers = {"X_Plex_Session_Identifier": session}
        if client is not None:
            headers["X_Plex_Client_Identifier"] = client
        return await self.ask(verb, path, **headers)

    def listen(self, query: str = "") -> Any:
        return self.session.ws_connect(
            f"{self.plex.url}{SOCKET}?X-Plex-Token={self.token}{query}"
        )


@dataclass
class Desk:
    """A server and its three users."""

    plex: FakePlex
    clock: FakeClock
    session: ClientSession
    alex: Caller
    kim: Caller
    sam: Caller


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    clock = FakeClock(NOON)
    async with FakePlex(clock=clock) as plex, ClientSession() as session:
        callers = {
            name: Caller(session, plex, plex.token_for(name)) for name in plex.users
        }
        yield Desk(plex, clock, session, **callers)


async def heard(socket: ClientWebSocketResponse, kind: str) -> dict[str, Any]:
    """Wait for the next notification of one kind, and return what it holds."""
    while True:
        container = (await socket.receive_json(timeout=10))["NotificationContainer"]
        if container["type"] == kind:
            return container


async def nothing_but(
    desk: Desk, socket: ClientWebSocketResponse
) -> list[dict[str, Any]]:
    """Return all that was announced so far: an end mark closes the list."""
    desk.plex.announce("status", "StatusNotification", [{"title": "end"}])
    found: list[dict[str, Any]] = []
    while True:
        container = (await socket.receive_json(timeout=10))["NotificationContainer"]
        if container["type"] == "status":
            return found
        found.append(container)


# Speaking


async def test_behaviour_1_json_only_where_accept_asks_for_it(desk: Desk) -> None:
    for path in ("/", "/identity", "/library/sections"):
        reply = await desk.alex.get(path)
        assert reply.content_type == "application/json"
        assert "size" in reply.container
        reply = await desk.alex.get(path, accept="*/*")
        assert reply.content_type == "text/xml"
        root = ET.fromstring(reply.text)  # noqa: S314 - our own server wrote it
        assert root.tag == "MediaContainer"
        assert root.get("size") is not None


async def test_behaviour_1_xml_names_each_kind_of_item(desk: Desk) -> None:
    show = desk.plex.rating_key("Sherlock")
    reply = await desk.alex.get(f"/library/metadata/{show}/children", accept="*/*")
    root = ET.fromstring(reply.text)  # noqa: S314 - our own server wrote it
    assert {child.tag for child in root} == {"Directory"}
    reply = await desk.alex.get(
        f"/library/metadata/{show}/allLeaves?includeGuids=1", accept="*/*"
    )
    root = ET.fromstring(reply.text)  # noqa: S314 - our own server wrote it
    assert {child.tag for child in root} == {"Video"}
    assert [guid.get("id") for guid in root.iter("Guid")] == [
        "imdb://tt3845232",
        "imdb://tt1665071",
    ]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 503])
async def test_behaviour_2_errors_are_html_whatever_accept_says(
    desk: Desk, status: int
) -> None:
    desk.plex.fail(FaultKind.STATUS, status=status)
    reply = await desk.alex.get("/library/sections")
    assert (reply.status, reply.content_type) == (status, "text/html")
    assert f"<h1>{status} " in reply.text
    assert "<title>" in reply.text


async def test_behaviour_2_real_errors_are_html_too(desk: Desk) -> None:
    paths = {
        "/library/metadata/999999": 404,
        "/:/scrobble": 400,
        "/no/such/path": 404,
    }
    for path, status in paths.items():
        reply = await desk.alex.get(path)
        assert (reply.status, reply.content_type) == (status, "text/html")
    reply = await desk.kim.get("/accounts")
    assert (reply.status, reply.content_type) == (403, "text/html")


async def test_behaviour_3_identity_needs_no_token(desk: Desk) -> None:
    stranger = Caller(desk.session, desk.plex, "")
    reply = await stranger.get("/identity")
    assert reply.status == 200
    assert reply.container["machineIdentifier"] == desk.plex.machine_identifier
    assert reply.container["version"] == desk.plex.options.version


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/library/sections",
        "/library/metadata/1001",
        "/:/scrobble",
        "/:/timeline",
        "/hubs/search",
        "/no/such/path",
        SOCKET,
    ],
)
async def test_behaviour_3_everything_else_needs_a_good_token(
    desk: Desk, path: str
) -> None:
    async with desk.session.get(desk.plex.url + path) as response:
        assert response.status == 401
    reply = await Caller(desk.session, desk.plex, "unknown").get(path)
    assert (reply.status, reply.content_type) == (401, "text/html")
    assert [entry.user for entry in desk.plex.requests] == [None, None]


async def test_behaviour_3_a_token_may_travel_in_the_query(desk: Desk) -> None:
    async with desk.session.get(
        f"{desk.plex.url}/?X-Plex-Token={desk.kim.token}"
    ) as response:
        assert response.status == 200
    assert desk.plex.requests[-1].user == "kim"


async def test_behaviour_3_a_revoked_token_is_worth_nothing(desk: Desk) -> None:
    assert (await desk.alex.get("/")).status == 200
    desk.plex.revoke(desk.alex.token)
    assert (await desk.alex.get("/")).status == 401
    assert (await desk.kim.get("/")).status == 200
    renewed = desk.plex.token_for("alex")
    assert renewed != desk.alex.token
    assert (await Caller(desk.session, desk.plex, renewed).get("/")).status == 200


async def test_behaviour_4_the_root_says_who_it_is(desk: Desk) -> None:
    root = (await desk.alex.get("/")).container
    assert root["machineIdentifier"] == desk.plex.machine_identifier
    assert root["friendlyName"] == "Fake Plex"
    assert root["version"] == desk.plex.options.version
    assert root["myPlexUsername"] == "alex"


# Reading


async def test_behaviour_5_a_user_sees_only_the_shared_libraries(desk: Desk) -> None:
    sections = (await desk.alex.get("/library/sections")).container["Directory"]
    assert [(entry["key"], entry["type"], entry["title"]) for entry in sections] == [
        ("1", "movie", "Movies"),
        ("2", "movie", "Movies 4K"),
        ("3", "show", "TV Shows"),
        ("4", "artist", "Music"),
    ]
    sections = (await desk.kim.get("/library/sections")).container["Directory"]
    assert [entry["key"] for entry in sections] == ["1", "3"]
    hidden = desk.plex.rating_key("Blade Runner", library="Movies 4K")
    for path in (
        "/library/sections/2/all",
        f"/library/metadata/{hidden}",
        f"/:/scrobble?identifier={LIBRARY}&key={hidden}",
    ):
        assert (await desk.kim.get(path)).status == 404
    assert len((await desk.kim.get("/library/all?title=Blade")).rows) == 2
    assert len((await desk.alex.get("/library/all?title=Blade")).rows) == 3


async def test_behaviour_6_keys_are_strings_and_section_ids_are_mixed(
    desk: Desk,
) -> None:
    listing = await desk.alex.get("/library/sections/3/all?type=4")
    for row in listing.rows:
        assert isinstance(row["ratingKey"], str)
        assert isinstance(row["parentRatingKey"], str)
        assert isinstance(row["grandparentRatingKey"], str)
    assert listing.container["librarySectionID"] == 3
    single = await desk.alex.item(listing.rows[0]["ratingKey"])
    assert single["librarySectionID"] == 3
    await desk.plex.play("alex", listing.rows[0]["ratingKey"])
    (history,) = (await desk.alex.get("/status/sessions/history/all")).rows
    assert history["librarySectionID"] == "3"
    assert isinstance(history["ratingKey"], str)


async def test_behaviour_7_pages_are_asked_for_by_header_or_query(desk: Desk) -> None:
    path = "/library/sections/1/all?sort=titleSort"
    everything = await desk.alex.get(path)
    assert "totalSize" not in everything.container
    assert everything.container["size"] == 29
    by_header = await desk.alex.get(
        path, X_Plex_Container_Start="5", X_Plex_Container_Size="3"
    )
    by_query = await desk.alex.get(
        path + "&X-Plex-Container-Start=5&X-Plex-Container-Size=3"
    )
    for page in (by_header, by_query):
        assert page.titles == everything.titles[5:8]
        assert page.container["offset"] == 5
        assert page.container["size"] == 3
        assert page.container["totalSize"] == 29
        assert page.headers["X-Plex-Container-Start"] == "5"
        assert page.headers["X-Plex-Container-Total-Size"] == "29"
    last = await desk.alex.get(
        path, X_Plex_Container_Start="28", X_Plex_Container_Size="3"
    )
    assert last.container["size"] == 1


async def test_behaviour_7_a_server_may_ignore_or_cap_pages(desk: Desk) -> None:
    path = "/library/sections/1/all"
    bounds = {"X_Plex_Container_Start": "0", "X_Plex_Container_Size": "10"}
    desk.plex.options.ignore_paging = True
    reply = await desk.alex.get(path, **bounds)
    assert reply.container["size"] == 29
    assert "totalSize" not in reply.container
    desk.plex.options.ignore_paging = False
    desk.plex.options.max_page = 4
    reply = await desk.alex.get(path, **bounds)
    assert reply.container["size"] == 4
    assert reply.container["totalSize"] == 29


async def test_behaviour_8_size_zero_counts(desk: Desk) -> None:
    reply = await desk.alex.get(
        "/library/sections/3/all?type=4",
        X_Plex_Container_Start="0",
        X_Plex_Container_Size="0",
    )
    assert reply.container["totalSize"] == 634
    assert reply.container["size"] == 0
    assert "Metadata" not in reply.container


async def test_behaviour_8_empty_lists_have_no_metadata(desk: Desk) -> None:
    for path in (
        "/library/sections/1/all?title=nothing",
        "/library/onDeck",
        "/status/sessions",
        "/status/sessions/history/all",
    ):
        reply = await desk.alex.get(path)
        assert reply.status == 200
        assert reply.container["size"] == 0
        assert "Metadata" not in reply.container


async def test_behaviour_9_external_ids_only_when_asked_for(desk: Desk) -> None:
    key = desk.plex.rating_key("Arrival")
    paths = (
        f"/library/metadata/{key}?",
        "/library/sections/1/all?title=Arrival&",
        "/hubs/search?query=arrival&",
    )
    for path in paths:
        without = await desk.alex.get(path)
        assert "Guid" not in without.text
        asked = await desk.alex.get(path + "includeGuids=1")
        assert '"imdb://tt2543164"' in asked.text
        assert '"tmdb://329865"' in asked.text
    unmatched = desk.plex.rating_key("Sita Sings the Blues")
    row = (await desk.alex.get(f"/library/metadata/{unmatched}?includeGuids=1")).row
    assert "Guid" not in row
    assert row["guid"] == f"local://{unmatched}"


async def test_parts_of_rows_that_nobody_wants_are_left_out(desk: Desk) -> None:
    path = f"/library/metadata/{desk.plex.rating_key('Arrival')}"
    narrowed = f"{path}?excludeElements=Media,Role&excludeFields=summary"
    unwanted = {"Media", "Role", "summary"}
    assert unwanted <= (await desk.alex.get(path)).row.keys()
    row = (await desk.alex.get(narrowed)).row
    assert not unwanted & row.keys()
    assert {"Genre", "title", "ratingKey"} <= row.keys()
    desk.plex.options.leaves_out_excluded = False
    assert unwanted <= (await desk.alex.get(narrowed)).row.keys()


async def test_behaviour_10_guid_matches_the_primary_one_only(desk: Desk) -> None:
    film = await desk.alex.item(desk.plex.rating_key("Arrival"))
    assert film["guid"].startswith("plex://movie/")
    path = "/library/sections/1/all?includeGuids=1&guid="
    assert (await desk.alex.get(path + film["guid"])).titles == ["Arrival"]
    assert (await desk.alex.get(path + "imdb://tt2543164")).rows == []


async def test_behaviour_10_an_episodes_guid_needs_the_type(desk: Desk) -> None:
    key = desk.plex.rating_key("Sherlock", season=1, episode=1)
    guid = (await desk.alex.item(key))["guid"]
    path = f"/library/sections/3/all?guid={guid}"
    assert (await desk.alex.get(path)).rows == []
    assert (await desk.alex.get(path + "&type=4")).titles == ["A Study in Pink"]


async def test_behaviour_10_copies_share_the_guid_and_nothing_else(desk: Desk) -> None:
    first = desk.plex.rating_key("Blade Runner")
    second = desk.plex.rating_key("Blade Runner", library="Movies 4K")
    assert first != second
    assert (await desk.alex.item(first))["guid"] == (await desk.alex.item(second))[
        "guid"
    ]
    await desk.alex.mark(first)
    assert desk.plex.state("alex", second) == PlexState()


async def test_behaviour_11_filters_and_order_by_play_state(desk: Desk) -> None:
    first, second, third = (
        desk.plex.rating_key(title) for title in ("Alien", "Arrival", "Stalker")
    )
    for key in (first, second, third):
        desk.clock.advance(100)
        await desk.alex.mark(key)
    await desk.alex.mark(second)
    path = "/library/sections/1/all?"
    since = int(NOON.timestamp()) + 150

    async def titles(params: str) -> list[str]:
        return (await desk.alex.get(path + params)).titles

    assert await titles("viewCount=2") == ["Arrival"]
    assert await titles("viewCount>>=0&sort=titleSort") == [
        "Alien",
        "Arrival",
        "Stalker",
    ]
    assert len(await titles("unwatched=1")) == 26
    assert await titles("unwatched=0") == ["Alien", "Arrival", "Stalker"]
    assert await titles(f"lastViewedAt>>={since}") == ["Arrival", "Stalker"]
    assert await titles("sort=lastViewedAt:desc&limit=3") == [
        "Arrival",
        "Stalker",
        "Alien",
    ]
    assert await titles("lastViewedAt>>=-1m") == ["Arrival", "Stalker"]
    desk.plex.set_state("alex", first, view_offset_ms=120_000)
    assert await titles("inProgress=1") == ["Alien"]
    assert await titles("viewOffset>>=0") == ["Alien"]


async def test_behaviour_11_episodes_are_filtered_by_scope(desk: Desk) -> None:
    key = desk.plex.rating_key("Severance", season=1, episode=2)
    await desk.alex.mark(key)
    since = int(NOON.timestamp()) - 1
    for params in (
        f"type=4&lastViewedAt>>={since}",
        f"type=4&episode.lastViewedAt>>={since}",
    ):
        reply = await desk.alex.get(f"/library/sections/3/all?{params}")
        assert reply.titles == ["Half Loop"]
    reply = await desk.alex.get(
        f"/library/sections/3/all?type=2&episode.lastViewedAt>>={since}"
    )
    assert reply.titles == ["Severance"]
    reply = await desk.alex.get(
        f"/library/sections/3/all?type=2&lastViewedAt>>={since}"
    )
    assert reply.rows == []


async def test_behaviour_11_a_misspelt_filter_is_refused(desk: Desk) -> None:
    for params in ("lastSeenAt>>=1", "viewCount>>=many", "type=99", "sort=colour"):
        reply = await desk.alex.get(f"/library/sections/1/all?{params}")
        assert reply.status == 400


async def test_behaviour_12_a_batch_leaves_unknown_items_out(desk: Desk) -> None:
    first, second = desk.plex.rating_key("Alien"), desk.plex.rating_key("Stalker")
    reply = await desk.alex.get(f"/library/metadata/{first},999999,{second}")
    assert reply.titles == ["Alien", "Stalker"]
    assert (await desk.alex.get("/library/metadata/999999,999998")).status == 404
    assert (await desk.alex.get("/library/metadata/999999")).status == 404


async def test_behaviour_12_opening_an_item_as_plex_web_does_announces_an_activity(
    desk: Desk,
) -> None:
    key = desk.plex.rating_key("Alien")
    async with desk.alex.listen() as socket:
        await desk.alex.get(f"/library/metadata/{key}?includeGuids=1")
        assert await nothing_but(desk, socket) == []
        await desk.alex.get(f"/library/metadata/{key}?asyncRefreshAnalysis=1")
        for event in ("started", "ended"):
            container = await heard(socket, "activity")
            (notification,) = container["ActivityNotification"]
            assert notification["event"] == event
            activity = notification["Activity"]
            assert activity["type"] == "library.refresh.items"
            assert activity["Context"]["key"] == f"/library/metadata/{key}"


async def test_a_show_has_seasons_and_episodes(desk: Desk) -> None:
    show = desk.plex.rating_key("Sherlock")
    children = await desk.alex.get(f"/library/metadata/{show}/children")
    assert children.titles[:2] == ["All episodes", "Specials"]
    assert "ratingKey" not in children.rows[0]
    children = await desk.alex.get(
        f"/library/metadata/{show}/children?excludeAllLeaves=1"
    )
    assert [row["index"] for row in children.rows] == [0, 1, 2, 3, 4]
    assert {row["parentTitle"] for row in children.rows} == {"Sherlock"}
    season = children.rows[1]["ratingKey"]
    episodes = await desk.alex.get(f"/library/metadata/{season}/children")
    assert [(row["parentIndex"], row["index"]) for row in episodes.rows] == [
        (1, 1),
        (1, 2),
        (1, 3),
    ]
    leaves = await desk.alex.get(f"/library/metadata/{show}/allLeaves")
    assert len(leaves.rows) == 15
    film = desk.plex.rating_key("Alien")
    assert (await desk.alex.get(f"/library/metadata/{film}/allLeaves")).status == 404


async def test_a_file_of_two_episodes_is_listed_as_both(desk: Desk) -> None:
    show = "Star Trek: The Next Generation"
    season = desk.plex.rating_key(show, season=1)
    rows = (await desk.alex.get(f"/library/metadata/{season}/children")).rows
    assert [row["index"] for row in rows] == list(range(1, 14))
    assert rows[0]["duration"] == rows[1]["duration"] == 91 * 60_000


async def test_search_limits_each_hub(desk: Desk) -> None:
    assert (await desk.alex.get("/hubs/search")).status == 400
    reply = await desk.alex.get("/hubs/search?query=the&limit=2")
    hubs = {hub["type"]: hub for hub in reply.container["Hub"]}
    assert [hub["size"] for hub in hubs.values()][:3] == [2, 2, 2]
    assert hubs["movie"]["more"]
    reply = await desk.alex.get("/hubs/search?query=AMELIE")
    hubs = {hub["type"]: hub for hub in reply.container["Hub"]}
    assert hubs["movie"]["Metadata"][0]["title"] == "Amélie"
    assert "Metadata" not in hubs["show"]
    reply = await desk.alex.get("/library/search?query=sherlock")
    assert [
        result["Metadata"]["title"] for result in reply.container["SearchResult"]
    ] == ["Sherlock"]


async def test_extras_and_music_are_there_and_are_of_other_types(desk: Desk) -> None:
    film = desk.plex.rating_key("Dune: Part Two")
    (trailer,) = (await desk.alex.get(f"/library/metadata/{film}/extras")).rows
    assert (trailer["type"], trailer["subtype"]) == ("clip", "trailer")
    assert (await desk.alex.item(trailer["ratingKey"]))["title"] == "Official Trailer"
    listed = await desk.alex.get("/library/all?title=Trailer")
    assert listed.rows == []
    track = await desk.alex.item(desk.plex.rating_key("So What"))
    assert (track["type"], track["grandparentTitle"]) == ("track", "Miles Davis")


async def test_every_item_has_a_picture(desk: Desk) -> None:
    row = await desk.alex.item(desk.plex.rating_key("Alien"))
    async with desk.session.get(
        desk.plex.url + row["thumb"], headers={"X-Plex-Token": desk.alex.token}
    ) as response:
        assert response.content_type == "image/png"
        assert (await response.read()).startswith(b"\x89PNG\r\n\x1a\n")
    async with desk.session.get(desk.plex.url + row["thumb"]) as response:
        assert response.status == 401


@pytest.mark.parametrize(
    ("asked", "width"),
    [
        ("width=90&height=135&minSize=1&upscale=0", 90),
        ("width=90&height=90", 60),
        ("width=500&height=750&minSize=1", 500),
        ("width=500&height=750&minSize=1&upscale=0", STORED_WIDTH),
    ],
)
async def test_pictures_are_scaled(desk: Desk, asked: str, width: int) -> None:
    row = await desk.alex.item(desk.plex.rating_key("Alien"))
    url = f"{desk.plex.url}/photo/:/transcode?url={row['thumb']}&{asked}"
    headers = {"X-Plex-Token": desk.alex.token}
    async with desk.session.get(url, headers=headers) as response:
        assert size_of(await response.read()) == (width, width * 3 // 2)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("url=/library/metadata/{key}/thumb/1&width=90", 400),
        ("url=/library/metadata/{key}/thumb/1&width=0&height=9", 400),
        ("url=https://example.org/x.png&width=90&height=90", 400),
        ("url=/library/metadata/9/thumb/1&width=90&height=90", 404),
    ],
)
async def test_pictures_that_cannot_be_scaled_are_refused(
    desk: Desk, query: str, status: int
) -> None:
    key = desk.plex.rating_key("Alien")
    reply = await desk.alex.get(f"/photo/:/transcode?{query.format(key=key)}")
    assert reply.status == status


async def test_item_without_a_picture_names_none(desk: Desk) -> None:
    episode = desk.plex.rating_key("Severance", season=1, episode=1)
    row = await desk.alex.item(episode)
    assert {"thumb", "parentThumb", "grandparentThumb"} <= row.keys()
    desk.plex.without_picture |= {episode, desk.plex.rating_key("Severance")}
    bare = await desk.alex.item(episode)
    assert {"thumb", "grandparentThumb"} & bare.keys() == set()
    assert bare["parentThumb"] == row["parentThumb"]
    assert (await desk.alex.get(row["thumb"])).status == 404


async def test_server_may_make_no_play_queues(desk: Desk) -> None:
    desk.plex.options.play_queues = False
    reply = await desk.alex.ask("POST", "/playQueues?type=video&uri=x")
    assert reply.status == 404
    assert desk.plex.play_queues == []


async def test_what_is_only_announced_is_neither_held_nor_up_next(desk: Desk) -> None:
    show = desk.plex.rating_key("The Last of Us")
    assert len(desk.plex.leaves(show)) == 16
    with pytest.raises(LookupError):
        desk.plex.rating_key("The Last of Us", season=3)
    await desk.alex.mark(desk.plex.leaves(show)[-1])
    assert (await desk.alex.get("/hubs/continueWatching/items")).rows == []


# Marking


@pytest.mark.parametrize("verb", ["GET", "PUT"])
async def test_behaviour_13_marks_are_answered_with_nothing(
    desk: Desk, verb: str
) -> None:
    key = desk.plex.rating_key("Alien")
    for watched, count in ((True, 1), (False, 0)):
        reply = await desk.alex.mark(key, watched=watched, verb=verb)
        assert (reply.status, reply.text) == (200, "")
        assert reply.content_type == "text/html"
        assert desk.plex.state("alex", key).view_count == count


@pytest.mark.parametrize("verb", ["POST", "DELETE"])
async def test_behaviour_13_a_wrong_verb_is_not_found(desk: Desk, verb: str) -> None:
    key = desk.plex.rating_key("Alien")
    reply = await desk.alex.mark(key, verb=verb)
    assert (reply.status, reply.content_type) == (404, "text/html")
    assert desk.plex.state("alex", key) == PlexState()
    assert (await desk.alex.ask(verb, "/library/sections")).status == 404


@pytest.mark.parametrize(("known", "other"), [("GET", "PUT"), ("PUT", "GET")])
async def test_behaviour_13_a_server_may_know_one_verb_only(
    desk: Desk, known: str, other: str
) -> None:
    desk.plex.options.scrobble_methods = frozenset({known})
    key = desk.plex.rating_key("Alien")
    assert (await desk.alex.mark(key, verb=other)).status == 404
    assert desk.plex.state("alex", key).view_count == 0
    assert (await desk.alex.mark(key, verb=known)).status == 200
    assert desk.plex.state("alex", key).view_count == 1


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ("key={key}", 400),
        ("identifier={library}", 400),
        ("identifier={library}&key={key}&uri={uri}", 400),
        ("identifier={library}&uri=nonsense", 400),
        ("identifier=com.example&key={key}", 404),
        ("identifier={library}&key=999999", 404),
        ("identifier={library}&key=/library/metadata/{key}", 404),
        ("identifier={library}&uri={other}", 404),
        ("identifier={library}&uri={uri}", 200),
    ],
)
@pytest.mark.parametrize("path", ["/:/scrobble", "/:/unscrobble"])
async def test_behaviour_14_what_is_missing_and_what_is_unknown(
    desk: Desk, path: str, params: str, status: int
) -> None:
    key = desk.plex.rating_key("Alien")
    below = f"/com.plexapp.plugins.library/library/metadata/{key}"
    filled = params.format(
        key=key,
        library=LIBRARY,
        uri=f"server://{desk.plex.machine_identifier}{below}",
        other=f"server://somebody-else{below}",
    )
    reply = await desk.alex.get(f"{path}?{filled}")
    assert reply.status == status
    expected = int(status == 200 and path == "/:/scrobble")
    assert desk.plex.state("alex", key).view_count == expected


async def test_behaviour_15_first_scrobble_counts_one_play_second_counts_two(
    desk: Desk,
) -> None:
    key = desk.plex.rating_key("Alien")
    before = await desk.alex.item(key)
    assert not {"viewCount", "viewOffset", "lastViewedAt"} & before.keys()
    desk.plex.set_state("alex", key, view_offset_ms=600_000)
    assert (await desk.alex.item(key))["viewOffset"] == 600_000
    await desk.alex.mark(key)
    after = await desk.alex.item(key)
    assert after["viewCount"] == 1
    assert after["lastViewedAt"] == int(NOON.timestamp())
    assert "viewOffset" not in after
    desk.clock.advance(60)
    await desk.alex.mark(key)
    assert desk.plex.state("alex", key) == PlexState(2, 0, desk.clock())


async def test_behaviour_16_unscrobble_leaves_no_trace(desk: Desk) -> None:
    key = desk.plex.rating_key("Alien")
    desk.plex.set_state("alex", key, view_count=3, view_offset_ms=600_000)
    for _ in range(2):
        await desk.alex.mark(key, watched=False)
        row = await desk.alex.item(key)
        assert not {"viewCount", "viewOffset", "lastViewedAt"} & row.keys()
    assert (await desk.alex.get("/hubs/continueWatching/items")).rows == []


@pytest.mark.parametrize(("season", "count"), [(None, 15), (0, 3), (2, 3)])
async def test_behaviour_17_a_mark_of_a_container_marks_every_leaf(
    desk: Desk, season: int | None, count: int
) -> None:
    key = desk.plex.rating_key("Sherlock", season=season)
    neighbour = desk.plex.rating_key("Severance")
    await desk.alex.mark(key)
    row = await desk.alex.item(key)
    assert (row["leafCount"], row["viewedLeafCount"]) == (count, count)
    assert "lastViewedAt" not in row
    leaves = desk.plex.leaves(key)
    assert len(leaves) == count
    assert {desk.plex.state("alex", leaf).view_count for leaf in leaves} == {1}
    show = await desk.alex.item(desk.plex.rating_key("Sherlock"))
    assert show["viewedLeafCount"] == count
    assert "lastViewedAt" not in show
    assert (await desk.alex.item(neighbour))["viewedLeafCount"] == 0
    await desk.alex.mark(key, watched=False)
    row = await desk.alex.item(key)
    assert row["viewedLeafCount"] == 0
    assert "viewCount" not in row


async def test_behaviour_17_a_real_play_dates_the_show(desk: Desk) -> None:
    await desk.plex.play("alex", desk.plex.rating_key("Sherlock", season=1, episode=1))
    for season in (None, 1):
        row = await desk.alex.item(desk.plex.rating_key("Sherlock", season=season))
        assert row["lastViewedAt"] > int(NOON.timestamp())
        assert row["viewedLeafCount"] == 1
    row = await desk.alex.item(desk.plex.rating_key("Sherlock", season=2))
    assert "lastViewedAt" not in row


# Progress

DURATION = 6_960_000


@pytest.mark.parametrize("verb", ["GET", "POST"])
async def test_behaviour_18_timeline_by_get_and_post_alike(
    desk: Desk, verb: str
) -> None:
    key = desk.plex.rating_key("Arrival")
    reply = await desk.alex.report(key, 600_000, "stopped", verb=verb)
    assert reply.status == 200
    assert reply.container == {"size": 0}
    assert desk.plex.state("alex", key) == PlexState(0, 600_000, NOON)


async def test_behaviour_18_a_server_may_know_one_timeline_verb_only(
    desk: Desk,
) -> None:
    desk.plex.options.timeline_methods = frozenset({"GET"})
    key = desk.plex.rating_key("Arrival")
    assert (await desk.alex.report(key, 600_000, "stopped")).status == 404
    assert (await desk.alex.report(key, 600_000, verb="GET")).status == 200


async def test_behaviour_18_without_client_or_duration_it_is_ignored(
    desk: Desk,
) -> None:
    key = desk.plex.rating_key("Arrival")
    for reply in (
        await desk.alex.report(key, 600_000, "stopped", client=None),
        await desk.alex.report(key, 600_000, "stopped", duration=None),
    ):
        assert reply.status == 200
        assert reply.container == {"size": 0}
    assert desk.plex.state("alex", key) == PlexState()
    assert desk.plex.sessions == []


@pytest.mark.parametrize(
    ("time", "state", "status"),
    [
        (DURATION + 1, "playing", 400),
        (DURATION, "playing", 200),
        (-1, "playing", 400),
        (1000, "dancing", 400),
    ],
)
async def test_behaviour_18_impossible_reports_are_refused(
    desk: Desk, time: int, state: str, status: int
) -> None:
    key = desk.plex.rating_key("Arrival")
    assert (await desk.alex.report(key, time, state)).status == status
    assert (await desk.alex.report("999999", 1000)).status == 404


@pytest.mark.parametrize(
    ("time", "kept"),
    [
        (0, 300_000),
        (59_999, 300_000),
        (60_000, 60_000),
        (DURATION * 0.9 - 1, DURATION * 0.9 - 1),
        (DURATION * 0.9, 300_000),
        (DURATION, 300_000),
    ],
)
async def test_behaviour_19_only_positions_in_the_middle_are_kept(
    desk: Desk, time: float, kept: float
) -> None:
    key = desk.plex.rating_key("Arrival")
    desk.plex.set_state("alex", key, view_offset_ms=300_000)
    await desk.alex.report(key, time, "stopped")
    state = desk.plex.state("alex", key)
    assert state.view_offset_ms == int(kept)
    assert state.view_count == 0


@pytest.mark.parametrize(
    ("times", "plays"),
    [
        ([1000, DURATION * 0.9], 1),
        ([1000, DURATION * 0.95, DURATION], 1),
        ([0, DURATION * 0.95], 0),
        ([DURATION * 0.91, DURATION * 0.95], 0),
        ([1000, DURATION * 0.89], 0),
    ],
)
async def test_behaviour_20_a_session_marks_by_crossing_the_threshold(
    desk: Desk, times: list[float], plays: int
) -> None:
    key = desk.plex.rating_key("Arrival")
    for time in times:
        await desk.alex.report(key, time)
    await desk.alex.report(key, times[-1], "stopped")
    assert desk.plex.state("alex", key).view_count == plays
    assert len(desk.plex.history) == plays


async def test_behaviour_20_a_lone_stop_at_the_end_marks_nothing(desk: Desk) -> None:
    key = desk.plex.rating_key("Arrival")
    await desk.alex.report(key, DURATION * 0.95, "stopped")
    assert desk.plex.state("alex", key) == PlexState()


async def test_behaviour_20_another_session_does_not_arm_it(desk: Desk) -> None:
    key = desk.plex.rating_key("Arrival")
    await desk.alex.report(key, 600_000, session="one")
    await desk.alex.report(key, DURATION * 0.95, session="two")
    assert desk.plex.state("alex", key).view_count == 0
    await desk.alex.report(key, DURATION * 0.95, session="one")
    assert desk.plex.state("alex", key) == PlexState(1, 0, NOON)


async def test_behaviour_20_marking_after_the_crossing_counts_twice(desk: Desk) -> None:
    key = desk.plex.rating_key("Arrival")
    await desk.plex.play("alex", key)
    await desk.alex.mark(key)
    assert desk.plex.state("alex", key).view_count == 2


async def test_behaviour_20_a_rewatch_keeps_the_mark_beside_the_position(
    desk: Desk,
) -> None:
    key = desk.plex.rating_key("Arrival")
    await desk.plex.play("alex", key)
    await desk.plex.play("alex", key, until=0.5)
    row = await desk.alex.item(key)
    assert (row["viewCount"], row["viewOffset"]) == (1, DURATION // 2)


async def test_behaviour_21_a_stopped_playback_tells_its_player(desk: Desk) -> None:
    key = desk.plex.rating_key("Arrival")
    await desk.alex.report(key, 600_000)
    desk.plex.terminate_sessions()
    reply = await desk.alex.report(key, 610_000)
    assert reply.status == 200
    assert reply.container["terminationCode"] == 2006
    assert reply.container["terminationText"]
    assert desk.plex.state("alex", key).view_offset_ms == 600_000
    assert desk.plex.zombie_reports == []
    await desk.alex.report(key, 620_000)
    assert [report.time_ms for report in desk.plex.zombie_reports] == [620_000]
    reply = await desk.alex.report(key, 620_000, "stopped")
    assert "terminationCode" not in reply.container
    assert desk.plex.state("alex", key).view_offset_ms == 620_000
    assert len(desk.plex.zombie_reports) == 1
    assert desk.plex.sessions == []


async def test_behaviour_22_progress_is_for_the_owner_alone(desk: Desk) -> None:
    key = desk.plex.rating_key("Arrival")
    path = f"/:/progress?key={key}&identifier={LIBRARY}&state=stopped&time="
    for caller in (desk.kim, desk.sam):
        assert (await caller.get(path + "600000")).status == 401
    assert desk.plex.state("kim", key) == PlexState()
    for time in ("600000", "0", "59999"):
        assert (await desk.alex.get(path + time)).status == 200
        assert desk.plex.state("alex", key).view_offset_ms == 600_000


# Users


async def test_behaviour_23_each_user_has_play_states_of_their_own(desk: Desk) -> None:
    key = desk.plex.rating_key("Arrival")
    await desk.kim.mark(key)
    await desk.sam.report(key, 600_000, "stopped")
    assert (await desk.kim.item(key))["viewCount"] == 1
    assert (await desk.sam.item(key))["viewOffset"] == 600_000
    row = await desk.alex.item(key)
    assert not {"viewCount", "viewOffset", "lastViewedAt"} & row.keys()
    assert desk.plex.states("alex") == {}
    assert list(desk.plex.states("kim")) == [key]


@pytest.mark.parametrize("path", ["/status/sessions", "/accounts", "/:/prefs"])
async def test_behaviour_24_some_paths_are_the_owners(desk: Desk, path: str) -> None:
    assert (await desk.alex.get(path)).status == 200
    assert (await desk.kim.get(path)).status == 403
    desk.plex.options.owner_only_status = 401
    assert (await desk.sam.get(path)).status == 401
    assert (await desk.alex.get(path)).status == 200


async def test_behaviour_24_what_the_owner_reads_there(desk: Desk) -> None:
    accounts = (await desk.alex.get("/accounts")).container["Account"]
    names = {account["id"]: account["name"] for account in accounts}
    assert names == {0: "", 1: "alex", 11000002: "kim", 11000003: "sam"}
    settings = (await desk.alex.get("/:/prefs")).container["Setting"]
    values = {setting["id"]: setting["value"] for setting in settings}
    assert values["LibraryVideoPlayedThreshold"] == 90
    assert values["minimumProgressTime"] == 60_000
    key = desk.plex.rating_key("Arrival")
    await desk.kim.report(key, 600_000)
    row = (await desk.alex.get("/status/sessions")).row
    assert (row["ratingKey"], row["viewOffset"]) == (key, 600_000)
    assert row["sessionKey"] == "1"
    assert row["User"] == {
        "id": "11000002",
        "thumb": row["User"]["thumb"],
        "title": "kim",
    }
    assert row["Player"]["machineIdentifier"] == "player"
    assert row["Player"]["state"] == "playing"


# Sockets


async def test_behaviour_25_the_socket_wants_a_good_token(desk: Desk) -> None:
    stranger = Caller(desk.session, desk.plex, "unknown")
    with pytest.raises(WSServerHandshakeError) as caught:
        await stranger.listen()
    assert caught.value.status == 401
    async with desk.session.ws_connect(
        desk.plex.url + SOCKET, headers={"X-Plex-Token": desk.kim.token}
    ):
        assert [socket.user for socket in desk.plex.sockets] == ["kim"]


async def test_behaviour_25_the_server_pings(desk: Desk) -> None:
    desk.plex.options.ping_interval = 0.01
    async with desk.session.ws_connect(
        f"{desk.plex.url}{SOCKET}?X-Plex-Token={desk.alex.token}", autoping=False
    ) as socket:
        message = await socket.receive(timeout=10)
        assert message.type is WSMsgType.PING


async def test_behaviour_25_what_is_missed_is_not_repeated(desk: Desk) -> None:
    key = desk.plex.rating_key("Arrival")
    async with desk.alex.listen() as socket:
        await desk.plex.drop_sockets()
        assert (await socket.receive(timeout=10)).type in {
            WSMsgType.CLOSED,
            WSMsgType.ERROR,
        }
    desk.plex.report("alex", key, "playing", 600_000)
    async with desk.alex.listen() as socket:
        assert await nothing_but(desk, socket) == []


async def test_behaviour_25_a_revoked_token_closes_its_socket(desk: Desk) -> None:
    async with desk.kim.listen() as kims, desk.alex.listen() as alexs:
        desk.plex.revoke(desk.kim.token)
        assert (await kims.receive(timeout=10)).type in {
            WSMsgType.CLOSED,
            WSMsgType.ERROR,
        }
        assert await nothing_but(desk, alexs) == []


async def test_behaviour_26_marks_are_silent(desk: Desk) -> None:
    key = desk.plex.rating_key("Arrival")
    async with desk.alex.listen() as socket:
        await desk.alex.mark(key)
        await desk.alex.mark(key, watched=False)
        desk.plex.mark("alex", key)
        desk.plex.set_state("alex", key, view_count=2)
        assert await nothing_but(desk, socket) == []
        desk.plex.options.mark_activity = True
        await desk.alex.mark(key)
        found = await nothing_but(desk, socket)
        assert [container["type"] for container in found] == ["activity", "activity"]


async def test_behaviour_27_playing_is_announced_without_a_user(desk: Desk) -> None:
    key = desk.plex.rating_key("Arrival")
    async with desk.alex.listen() as socket:
        await desk.alex.report(key, 600_000)
        container = await heard(socket, "playing")
        assert container["size"] == 1
        (playing,) = container["PlaySessionStateNotification"]
        assert playing["ratingKey"] == key
        assert playing["sessionKey"] == "1"
        assert playing["key"] == f"/library/metadata/{key}"
        assert playing["viewOffset"] == 600_000
        assert playing["state"] == "playing"
        assert playing["clientIdentifier"] == "player"
        assert not {name for name in playing if "user" in name.lower()}
        await desk.alex.report(key, 600_000, "stopped")
        container = await heard(socket, "playing")
        (playing,) = container["PlaySessionStateNotification"]
        assert playing["state"] == "stopped"


async def test_behaviour_27_only_the_owner_hears_everybody(desk: Desk) -> None:
    key = desk.plex.rating_key("Arrival")
    async with (
        desk.alex.listen() as alexs,
        desk.kim.listen() as kims,
        desk.sam.listen() as sams,
    ):
        await desk.kim.report(key, 600_000)
        assert len(await nothing_but(desk, alexs)) == 1
        # The end marks are heard by all: each listener reads up to the first.
        assert (await kims.receive_json(timeout=10))["NotificationContainer"][
            "type"
        ] == "playing"
        assert (await sams.receive_json(timeout=10))["NotificationContainer"][
            "type"
        ] == "status"


async def test_behaviour_28_messages_may_be_odd(desk: Desk) -> None:
    odd = {"NotificationContainer": {"type": "surprise", "size": 1, "Surprise": [{}]}}
    epg = [{"identifier": "tv.plex.providers.epg.cloud", "sectionID": -1, "type": -1}]
    playing = [
        {"ratingKey": "1", "state": "playing"},
        {"ratingKey": "2", "state": "stopped"},
    ]
    async with desk.alex.listen() as socket:
        desk.plex.announce_raw(odd)
        desk.plex.announce_raw("no json at all")
        desk.plex.announce("timeline", "TimelineEntry", epg)
        desk.plex.announce("playing", "PlaySessionStateNotification", playing)
        assert await socket.receive_json(timeout=10) == odd
        assert await socket.receive_str(timeout=10) == "no json at all"
        assert (await heard(socket, "timeline"))["TimelineEntry"] == epg
        container = await heard(socket, "playing")
        assert container["size"] == 2
        assert container["PlaySessionStateNotification"] == playing


async def test_a_listener_may_filter(desk: Desk) -> None:
    key = desk.plex.rating_key("Arrival")
    async with (
        desk.alex.listen() as default,
        desk.alex.listen("&filters=playing") as chosen,
        desk.alex.listen("&filters=-playing") as without,
    ):
        desk.plex.announce("log", "LogSentNotification", [{}])
        desk.plex.report("alex", key, "playing", 600_000)
        desk.plex.announce("status", "StatusNotification", [{}])
        desk.plex.report("alex", key, "stopped", 600_000)

        async def kinds(socket: ClientWebSocketResponse, count: int) -> list[str]:
            return [
                (await socket.receive_json(timeout=10))["NotificationContainer"]["type"]
                for _ in range(count)
            ]

        assert await kinds(default, 3) == ["playing", "status", "playing"]
        assert await kinds(chosen, 2) == ["playing", "playing"]
        assert await kinds(without, 2) == ["log", "status"]


# Trouble


async def test_behaviour_29_a_restart_is_busy_and_forgets_sessions(desk: Desk) -> None:
    key = desk.plex.rating_key("Arrival")
    for number in (1, 2):
        await desk.alex.report(key, 600_000, session=str(number))
    assert [session.key for session in desk.plex.sessions] == ["1", "2"]
    async with desk.alex.listen() as socket:
        await desk.plex.restart(busy=2)
        assert (await socket.receive(timeout=10)).type in {
            WSMsgType.CLOSED,
            WSMsgType.ERROR,
        }
    statuses = [(await desk.alex.get("/identity")).status for _ in range(3)]
    assert statuses == [503, 503, 200]
    assert desk.plex.sessions == []
    await desk.alex.report(key, 610_000, session="3")
    assert [session.key for session in desk.plex.sessions] == ["1"]
    assert desk.plex.state("alex", key).view_offset_ms == 610_000


async def test_behaviour_30_refused_slow_and_behind_a_proxy(desk: Desk) -> None:
    key = desk.plex.rating_key("Arrival")
    await desk.plex.go_dark()
    with pytest.raises(ClientError):
        await desk.alex.get("/identity")
    await desk.plex.come_back()
    slow = desk.plex.fail(FaultKind.SLOW, delay=3600)
    with pytest.raises(TimeoutError):
        await desk.session.get(
            desk.plex.url + "/identity", timeout=ClientTimeout(total=0.5)
        )
    assert slow.hits == 1
    desk.plex.fail(FaultKind.HTML)
    reply = await desk.alex.mark(key)
    assert (reply.status, reply.content_type) == (502, "text/html")
    assert desk.plex.state("alex", key) == PlexState()


async def test_an_answer_that_was_not_applied_looks_like_any_other(desk: Desk) -> None:
    key = desk.plex.rating_key("Arrival")
    fault = desk.plex.fail(FaultKind.NOT_APPLIED, times=2)
    async with desk.alex.listen() as socket:
        assert (await desk.alex.mark(key)).status == 200
        assert (await desk.alex.report(key, 600_000)).container == {"size": 0}
        assert await nothing_but(desk, socket) == []
    assert fault.hits == 2
    assert desk.plex.state("alex", key) == PlexState()
    assert desk.plex.sessions == []


async def test_a_dropped_mark_is_sent_twice_by_aiohttp_and_counts_twice(
    desk: Desk,
) -> None:
    key = desk.plex.rating_key("Arrival")
    desk.plex.fail(FaultKind.APPLIED_BUT_DROPPED, path="scrobble")
    assert (await desk.alex.mark(key)).status == 200
    assert desk.plex.count("/:/scrobble") == 2
    assert desk.plex.state("alex", key).view_count == 2


async def test_behaviour_31_history_lists_plays_and_no_marks(desk: Desk) -> None:
    played, marked = desk.plex.rating_key("Alien"), desk.plex.rating_key("Arrival")
    await desk.plex.play("alex", played)
    await desk.plex.play("kim", played)
    await desk.alex.mark(marked)
    rows = (await desk.alex.get("/status/sessions/history/all?sort=viewedAt:desc")).rows
    assert [row["accountID"] for row in rows] == [11000002, 1]
    assert {row["ratingKey"] for row in rows} == {played}
    assert rows[0]["historyKey"] == "/status/sessions/history/2"
    assert rows[0]["librarySectionID"] == "1"
    rows = (await desk.kim.get("/status/sessions/history/all")).rows
    assert [row["accountID"] for row in rows] == [11000002]
    latest = rows[0]["viewedAt"]
    for params, count in (
        ("accountID=1", 1),
        (f"viewedAt>={latest}", 1),
        ("librarySectionID=3", 0),
        (f"metadataItemID={played}", 2),
    ):
        reply = await desk.alex.get(f"/status/sessions/history/all?{params}")
        assert len(reply.rows) == count, params
    reply = await desk.alex.ask("DELETE", "/status/sessions/history/2")
    assert reply.status == 200
    assert len(desk.plex.history) == 1
    desk.plex.options.mark_history = True
    await desk.alex.mark(marked)
    assert [play.rating_key for play in desk.plex.history] == [played, marked]


async def test_behaviour_35_a_certificate_for_another_name(
    certificates: Certificates,
) -> None:
    async with (
        FakePlex(ssl_context=certificates.server("*.abc123.plex.direct")) as plex,
        ClientSession() as session,
    ):
        assert plex.url.startswith("https://127.0.0.1:")
        with pytest.raises(ClientConnectorCertificateError):
            await session.get(plex.url + "/identity", ssl=certificates.client())
        async with session.get(plex.url + "/identity", ssl=False) as response:
            assert response.status == 200


async def test_behaviour_35_a_certificate_for_the_right_name_is_accepted(
    certificates: Certificates,
) -> None:
    async with (
        FakePlex(ssl_context=certificates.server("127.0.0.1")) as plex,
        ClientSession() as session,
        session.get(plex.url + "/identity", ssl=certificates.client()) as response,
    ):
        assert response.status == 200


@pytest.fixture(scope="module")
def certificates() -> Certificates:
    return Certificates()


# What clients build on


async def test_continue_watching_is_what_is_in_progress_then_the_next_episode(
    desk: Desk,
) -> None:
    film = desk.plex.rating_key("Arrival")
    await desk.alex.report(film, 600_000, "stopped")
    desk.clock.advance(60)
    await desk.plex.play("alex", desk.plex.rating_key("Severance", season=1, episode=9))
    desk.clock.advance(60)
    await desk.alex.mark(desk.plex.rating_key("The Bear", season=1, episode=2))
    desk.clock.advance(60)
    await desk.alex.mark(desk.plex.rating_key("Chernobyl"))
    desk.clock.advance(60)
    await desk.alex.mark(desk.plex.rating_key("Sherlock", season=0))
    expected = ["Brigade", "Hello, Ms. Cobel", "Arrival"]
    for path in ("/hubs/continueWatching/items", "/library/onDeck"):
        assert (await desk.alex.get(path)).titles == expected
    (hub,) = (await desk.alex.get("/hubs/continueWatching")).container["Hub"]
    assert [row["title"] for row in hub["Metadata"]] == expected
    hubs = (
        await desk.alex.get("/hubs?identifier=home.continue,home.ondeck")
    ).container["Hub"]
    assert [hub["hubIdentifier"] for hub in hubs] == ["home.continue", "home.ondeck"]
    assert (await desk.alex.get("/library/sections/1/onDeck")).titles == ["Arrival"]
    assert (await desk.kim.get("/library/onDeck")).rows == []
    reply = await desk.alex.ask(
        "PUT", f"/actions/removeFromContinueWatching?ratingKey={film}"
    )
    assert reply.status == 200
    assert (await desk.alex.get("/library/onDeck")).titles == expected[:2]


async def test_a_removed_item_is_gone_and_returns_under_another_key(
    desk: Desk,
) -> None:
    key = desk.plex.rating_key("Arrival")
    await desk.alex.mark(key)
    async with desk.alex.listen() as socket:
        desk.plex.remove_item(key)
        (entry,) = (await heard(socket, "timeline"))["TimelineEntry"]
        assert (entry["itemID"], entry["state"]) == (key, 9)
        assert entry["metadataState"] == "deleted"
        assert (await desk.alex.get(f"/library/metadata/{key}")).status == 404
        assert (await desk.alex.mark(key)).status == 404
        with pytest.raises(LookupError):
            desk.plex.rating_key("Arrival")
        renewed = desk.plex.readd_item(key)
        (entry,) = (await heard(socket, "timeline"))["TimelineEntry"]
        assert (entry["itemID"], entry["state"]) == (renewed, 0)
    assert renewed != key
    assert desk.plex.rating_key("Arrival") == renewed
    row = await desk.alex.item(renewed)
    assert row["viewCount"] == 1


async def test_a_readded_show_can_come_back_unseen(desk: Desk) -> None:
    show = desk.plex.rating_key("Chernobyl")
    await desk.alex.mark(show)
    before = desk.plex.leaves(show)
    desk.plex.remove_item(show)
    renewed = desk.plex.readd_item(show, keep_states=False)
    after = desk.plex.leaves(renewed)
    assert len(after) == 5
    assert not set(before) & set(after)
    assert desk.plex.states("alex") == {}


async def test_a_play_queue_follows_the_reports(desk: Desk) -> None:
    key = desk.plex.rating_key("Chernobyl", season=1, episode=2)
    uri = f"server://{desk.plex.machine_identifier}/{LIBRARY}/library/metadata/{key}"
    path = f"/playQueues?type=video&continuous=1&repeat=0&shuffle=0&uri={uri}"
    queue = (await desk.alex.ask("POST", path)).container
    assert queue["playQueueTotalCount"] == 5
    assert queue["playQueueVersion"] == 1
    assert queue["playQueueSelectedItemOffset"] == 1
    selected = queue["playQueueSelectedItemID"]
    assert queue["Metadata"][1]["playQueueItemID"] == selected
    assert queue["Metadata"][1]["ratingKey"] == key
    following = queue["Metadata"][2]
    async with desk.alex.listen() as socket:
        await desk.alex.report(
            following["ratingKey"],
            600_000,
            duration=following["duration"],
            more=f"&playQueueItemID={following['playQueueItemID']}",
        )
        (playing,) = (await heard(socket, "playing"))["PlaySessionStateNotification"]
        assert playing["playQueueItemID"] == following["playQueueItemID"]
    number = queue["playQueueID"]
    queue = (await desk.alex.get(f"/playQueues/{number}?own=1")).container
    assert queue["playQueueSelectedItemID"] == following["playQueueItemID"]
    assert (await desk.kim.get(f"/playQueues/{number}")).status == 404
    for bad in ("/playQueues?type=video", f"/playQueues?type=odd&uri={uri}"):
        assert (await desk.alex.ask("POST", bad)).status == 400


async def test_media_providers_name_the_paths(desk: Desk) -> None:
    (provider,) = (await desk.kim.get("/media/providers")).container["MediaProvider"]
    features = {feature["type"]: feature for feature in provider["Feature"]}
    assert features["timeline"]["scrobbleKey"] == "/:/scrobble"
    assert [entry["id"] for entry in features["content"]["Directory"]] == ["1", "3"]


async def test_finding_keys_by_title(desk: Desk) -> None:
    plex = desk.plex
    assert plex.rating_key("Dune", 1984) != plex.rating_key("Dune", 2021)
    with pytest.raises(LookupError, match="2 items"):
        plex.rating_key("Dune")
    with pytest.raises(LookupError):
        plex.rating_key("Sherlock", season=1, episode=99)
    assert len(plex.leaves(plex.rating_key("Grey's Anatomy"))) == 448
    show = plex.rating_key("Sherlock")
    assert len(plex.leaves(show)) == 15
    assert len(plex.leaves(show, specials=False)) == 12
    with pytest.raises(ValueError, match="play state"):
        plex.set_state("alex", show, view_count=1)


# Beyond the numbered ones: what people's libraries and disks make of it


async def test_oddities_are_libraries_of_their_own(desk: Desk) -> None:
    async with FakePlex(oddities=True) as plex:
        alex = Caller(desk.session, plex, plex.token_for("alex"))
        sections = (await alex.get("/library/sections")).container["Directory"]
        by_title = {one["title"]: one for one in sections}
        assert by_title["Home Videos"]["type"] == "movie"
        assert by_title["Home Videos"]["agent"] == "com.plexapp.agents.none"
        assert by_title["Photos"]["type"] == "photo"
        assert (await alex.get(_all_of(by_title["Photos"]))).rows == []
        films = (
            await alex.get(f"{_all_of(by_title['Movies Odd'])}&includeGuids=1")
        ).rows
        guids = {row["guid"] for row in films}
        assert set(ODD_GUIDS) <= guids
        told = [one["id"] for row in films for one in row.get("Guid", [])]
        assert {"tmdb://0", "imdb://0133093", "tmdb:// 603 "} <= set(told)
        daily = plex.rating_key("Daily")
        days = (await alex.get(f"/library/metadata/{daily}/allLeaves")).rows
        assert [row["originallyAvailableAt"] for row in days] == [
            "2014-03-04",
            "2014-03-05",
        ]
        assert not any("index" in row for row in days)
        double = plex.rating_key("Double")
        numbers = (await alex.get(f"/library/metadata/{double}/allLeaves")).rows
        assert [row["index"] for row in numbers] == [1, 2, 1]
        bare = await alex.item(plex.rating_key("Bare"))
        assert bare["guid"] == f"local://{bare['ratingKey']}"


def _all_of(section: dict[str, Any]) -> str:
    return f"/library/sections/{section['key']}/all?X-Plex-Container-Start=0"


async def test_rows_and_totals_say_what_they_are_told_to(desk: Desk) -> None:
    film = desk.plex.rating_key("Alien")
    desk.plex.spoil(film, {"viewCount": -1, "year": "soon"})
    desk.plex.totals_off = -3
    assert (await desk.alex.item(film))["viewCount"] == -1
    reply = await desk.alex.get(
        "/library/sections/1/all?X-Plex-Container-Start=0&X-Plex-Container-Size=500"
    )
    (row,) = (one for one in reply.rows if one["ratingKey"] == film)
    assert row["year"] == "soon"
    assert reply.container["totalSize"] == len(reply.rows) - 3
    assert reply.headers["X-Plex-Container-Total-Size"] == str(len(reply.rows) - 3)


@pytest.mark.parametrize(
    ("path", "is_slow"),
    [
        ("/library/sections/1/all?type=1&X-Plex-Container-Size=1000", True),
        ("/library/all?type=4", True),
        ("/library/sections/1/all?unwatched=1&X-Plex-Container-Size=0", False),
        ("/library/all?sort=lastViewedAt:desc&lastViewedAt>>=0", False),
        ("/library/sections/1/all?title=Alien", False),
        ("/library/sections", False),
    ],
)
async def test_slow_disk_is_slow_at_whole_libraries(
    desk: Desk, path: str, *, is_slow: bool
) -> None:
    desk.plex.slow_listings = 0.01
    assert (await desk.alex.get(path)).status == 200
    assert len(desk.plex.wide_listings) == is_slow
