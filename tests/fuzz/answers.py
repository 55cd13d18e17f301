"""Answers of servers with something wrong in them, and the servers that give them."""

from collections.abc import Mapping
import copy
import json
from typing import Any, Self

from aiohttp import ClientSession
from hypothesis import strategies as st
from yarl import URL

from custom_components.watched_sync.core.identity import Item, MediaKind
from custom_components.watched_sync.core.ports import ServerInfo
from custom_components.watched_sync.servers.fields import Json
from custom_components.watched_sync.servers.jellyfin.client import JellyfinClient
from custom_components.watched_sync.servers.jellyfin.dialect import EMBY, JELLYFIN
from custom_components.watched_sync.servers.plex.account import PlexTv
from custom_components.watched_sync.servers.plex.client import PlexClient
from custom_components.watched_sync.servers.transport import Transport
from tests.servers.json_strategies import ANYTHING

SERVER = "e" * 32
USER = "f" * 32
FILM = "a" * 32
SHOW = "b" * 32
SEASON = "c" * 32
EPISODE = "d" * 32

#: Values that have hurt somebody, somewhere.
HOSTILE: st.SearchStrategy[Json] = st.sampled_from(
    [
        "caf\ud83d",
        "\ud83d\ude00",
        "\x00",
        "\u202eevil",
        "![x](http://evil.example/)",
        "a" * 5000,
        "../../etc/passwd",
        "..",
        "1?x#",
        1e300,
        -1,
        2**64,
        -(2**63),
        10**400,
        float("nan"),
        float("inf"),
        "1e999",
        "9999-12-31T23:59:59-23:59",
        "0001-01-01T00:00:00+23:59",
        "2600-01-01",
        253402300800,
        "٣",
        "²",
        [],
        {},
        [[]],
        [{}],
        True,
        "http://evil.example:99999/",
        "http://[::1",
        "https://user:secret@evil.example",
    ]
)


@st.composite
def mangled(draw: st.DrawFn, sound: st.SearchStrategy[Any]) -> Any:
    """Draw a sound value and spoil some of its members."""
    root = [json.loads(json.dumps(draw(sound)))]
    for _ in range(draw(st.integers(0, 4))):
        holder: Any = root
        key: Any = 0
        while isinstance(holder[key], dict | list) and holder[key] and draw(DEEPER):
            holder = holder[key]
            key = draw(
                st.sampled_from(list(holder))
                if isinstance(holder, dict)
                else st.integers(0, len(holder) - 1)
            )
        match draw(st.sampled_from(("other", "hostile", "gone", "wrapped"))):
            case "other":
                holder[key] = copy.deepcopy(draw(ANYTHING))
            case "hostile":
                holder[key] = copy.deepcopy(draw(HOSTILE))
            case "gone" if isinstance(holder, dict):
                del holder[key]
            case "gone":
                holder[key] = None
            case "wrapped":
                holder[key] = [holder[key]]
    return root[0]


#: Most of what is worth spoiling lies deep.
DEEPER = st.sampled_from((True, True, True, True, False))

_PLEX_ROWS: tuple[Json, ...] = (
    {
        "ratingKey": "1",
        "type": "movie",
        "title": "The Matrix",
        "year": 1999,
        "duration": 8_160_000,
        "viewCount": 1,
        "viewOffset": 95_500,
        "lastViewedAt": 1_760_000_000,
        "originallyAvailableAt": "1999-03-31",
        "librarySectionID": 1,
        "guid": "plex://movie/5d776825880197001ec90a31",
        "Guid": [{"id": "imdb://tt0133093"}, {"id": "tmdb://603"}],
        "thumb": "/library/metadata/1/thumb/1",
    },
    {
        "ratingKey": "2",
        "type": "show",
        "title": "Sherlock",
        "leafCount": 3,
        "viewedLeafCount": 1,
        "guid": "com.plexapp.agents.thetvdb://176941?lang=en",
    },
    {
        "ratingKey": "3",
        "type": "season",
        "parentRatingKey": "2",
        "parentTitle": "Sherlock",
        "index": 1,
        "leafCount": 3,
        "viewedLeafCount": 1,
    },
    {
        "ratingKey": "4",
        "type": "episode",
        "title": "A Study in Pink",
        "grandparentRatingKey": "2",
        "grandparentTitle": "Sherlock",
        "parentRatingKey": "3",
        "parentIndex": 1,
        "index": "1",
        "guid": "com.plexapp.agents.hama://tvdb-176941/1/1?lang=en",
    },
)

#: One that has whatever any request of ours asks for.
_PLEX: Json = {
    "MediaContainer": {
        "size": 4,
        "totalSize": 4,
        "machineIdentifier": SERVER,
        "version": "1.43.0.1",
        "friendlyName": "den",
        "myPlexUsername": "somebody",
        "Metadata": _PLEX_ROWS,
        "Directory": [{"key": "1", "type": "movie", "title": "Films"}],
        "Hub": [{"type": "movie", "Metadata": _PLEX_ROWS[:1]}],
        "Account": [{"id": 1, "name": "somebody"}],
        "playQueueID": 7,
        "playQueueSelectedItemID": 8,
        "terminationCode": 0,
    }
}

_USER_DATA: Json = {
    "Played": True,
    "PlayCount": 1,
    "PlaybackPositionTicks": 95_500_000_0,
    "LastPlayedDate": "2026-10-31T20:15:00.1234567Z",
    "UnplayedItemCount": 2,
    "ItemId": FILM,
}

_JELLYFIN_ROWS: tuple[Json, ...] = (
    {
        "Id": FILM,
        "Type": "Movie",
        "Name": "The Matrix",
        "ProductionYear": 1999,
        "RunTimeTicks": 81_600_000_000,
        "PremiereDate": "1999-03-31T00:00:00.0000000Z",
        "ProviderIds": {"Imdb": "tt0133093", "tmdb": "603", "Tvdb": ""},
        "ParentId": "1" * 32,
        "UserData": _USER_DATA,
        "LocationType": "FileSystem",
    },
    {"Id": SHOW, "Type": "Series", "Name": "Sherlock", "RecursiveItemCount": 3},
    {
        "Id": SEASON,
        "Type": "Season",
        "SeriesId": SHOW,
        "SeriesName": "Sherlock",
        "IndexNumber": 1,
        "UserData": _USER_DATA,
    },
    {
        "Id": EPISODE,
        "Type": "Episode",
        "Name": "A Study in Pink",
        "SeriesId": SHOW,
        "SeasonId": SEASON,
        "ParentIndexNumber": 1,
        "IndexNumber": 1,
        "IndexNumberEnd": 2,
        "UserData": _USER_DATA,
    },
    {"Id": "1" * 32, "Type": "CollectionFolder", "CollectionType": "movies"},
)

#: One that has whatever any request of ours asks for.
_JELLYFIN: Json = {
    "Items": _JELLYFIN_ROWS,
    "TotalRecordCount": 5,
    "Id": USER,
    "Type": "Movie",
    "Name": "somebody",
    "ServerId": SERVER,
    "ServerName": "den",
    "Version": "10.11.2",
    "ProductName": "Jellyfin Server",
    "StartupWizardCompleted": True,
    "MediaSources": [{"Id": FILM}],
    "UserData": _USER_DATA,
}

_PLEX_TV: Json = {
    "id": 4711,
    "uuid": "a1b2c3",
    "code": "x7k2",
    "authToken": "token",
    "expiresIn": 900,
    "username": "somebody",
    "users": [{"id": 1, "uuid": "a1", "title": "kid", "protected": True}],
}

_RESOURCES: Json = [
    {
        "name": "den",
        "provides": "server",
        "clientIdentifier": SERVER,
        "accessToken": "token",
        "owned": True,
        "presence": True,
        "connections": [
            {
                "uri": "https://10-0-0-2.abc.plex.direct:32400",
                "protocol": "https",
                "address": "10.0.0.2",
                "port": 32400,
                "local": True,
                "relay": False,
            }
        ],
    }
]

PLEX_ANSWERS = mangled(st.just(_PLEX))
JELLYFIN_ANSWERS = mangled(st.sampled_from([_JELLYFIN, _JELLYFIN, _JELLYFIN_ROWS]))
PLEX_TV_ANSWERS = mangled(st.sampled_from([_PLEX_TV, _RESOURCES]))

PLEX_MESSAGES = mangled(
    st.sampled_from(
        [
            {
                "NotificationContainer": {
                    "type": "playing",
                    "size": 1,
                    "PlaySessionStateNotification": [
                        {
                            "sessionKey": "1",
                            "ratingKey": "1",
                            "state": "playing",
                            "viewOffset": 9e6,
                        }
                    ],
                }
            },
            {
                "NotificationContainer": {
                    "type": "activity",
                    "ActivityNotification": [
                        {
                            "event": "ended",
                            "Activity": {
                                "type": "library.refresh.items",
                                "Context": {"key": "/library/metadata/1"},
                            },
                        }
                    ],
                }
            },
            {
                "NotificationContainer": {
                    "type": "timeline",
                    "TimelineEntry": [
                        {
                            "identifier": "com.plexapp.plugins.library",
                            "itemID": 1,
                            "type": 1,
                            "state": 5,
                        }
                    ],
                }
            },
        ]
    )
)

JELLYFIN_MESSAGES = mangled(
    st.sampled_from(
        [
            {"MessageType": "ForceKeepAlive", "Data": 60},
            {
                "MessageType": "UserDataChanged",
                "Data": {"UserId": USER, "UserDataList": [_USER_DATA]},
            },
            {
                "MessageType": "LibraryChanged",
                "Data": {"ItemsAdded": [FILM], "ItemsRemoved": [], "IsEmpty": False},
            },
            {"MessageType": "ServerRestarting"},
        ]
    )
)

#: An item of each kind, by its ids on each kind of server.
ITEMS: Mapping[str, tuple[Item, ...]] = {
    "plex": (
        Item("1", MediaKind.MOVIE, "The Matrix"),
        Item("2", MediaKind.SHOW, "Sherlock"),
        Item("3", MediaKind.SEASON, "Season 1", show_id="2", season=1),
    ),
    "jellyfin": (
        Item(FILM, MediaKind.MOVIE, "The Matrix"),
        Item(SHOW, MediaKind.SHOW, "Sherlock"),
        Item(SEASON, MediaKind.SEASON, "Season 1", show_id=SHOW, season=1),
    ),
    "emby": (
        Item("4", MediaKind.MOVIE, "The Matrix"),
        Item("5", MediaKind.SHOW, "Sherlock"),
        Item("6", MediaKind.SEASON, "Season 1", show_id="5", season=1),
    ),
}

_URL = "http://127.0.0.1:1"


class _Answering:
    """In place of a session: every request gets the next of some answers."""

    def __init__(self, answers: list[Any]) -> None:
        self._answers = answers
        self._asked = 0

    def request(self, _method: str, url: URL, **_: object) -> _Given:
        """Answer; a listing that goes on for ever is as good as any."""
        answer = self._answers[self._asked % len(self._answers)]
        self._asked += 1
        return _Given(url, json.dumps(answer, ensure_ascii=False))


class _Given:
    """One answer, as far as it is looked at."""

    status = 200
    content_type = "application/json"
    headers: Mapping[str, str] = {}

    def __init__(self, url: URL, text: str) -> None:
        self.url = url
        self._body = text.encode(errors="surrogatepass")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    @property
    def content(self) -> _Given:
        return self

    async def iter_chunked(self, _: int) -> Any:
        """Yield the whole body."""
        yield self._body

    def close(self) -> None:
        """Nothing is open."""


def session_with(answers: list[Any]) -> ClientSession:
    """Return what looks enough like a session that gives these answers in turn."""
    session: Any = _Answering(answers)
    found: ClientSession = session
    return found


def plex_client(answers: list[Any]) -> PlexClient:
    """Return a client of a Plex server that gives these answers, whatever is asked."""
    return PlexClient(
        session_with(answers), _URL, "token", client_id="c", plex_tv_url=_URL
    )


def jellyfin_client(answers: list[Any], *, is_emby: bool) -> JellyfinClient:
    """Return a client of a Jellyfin or Emby server that gives these answers."""
    return JellyfinClient(
        session_with(answers),
        _URL,
        "token",
        user_id=USER,
        device_id="d",
        known=ServerInfo(SERVER, "den", "10.11.2", USER, "somebody"),
        dialect=EMBY if is_emby else JELLYFIN,
    )


def plex_tv(answers: list[Any]) -> PlexTv:
    """Return a client of a plex.tv that gives these answers."""
    return PlexTv(session_with(answers), "c", url=_URL)


def transport(answers: list[Any]) -> Transport:
    """Return requests to something that gives these answers."""
    return Transport(session_with(answers), _URL, {})
