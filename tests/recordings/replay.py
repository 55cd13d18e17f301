"""Ask the simulated Jellyfin what a real one was asked, and compare the answers."""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
import json
import math
from pathlib import Path
import re
from typing import Any, Final

from aiohttp import ClientSession, hdrs

from tests.fakes.base import FakeClock
from tests.fakes.jellyfin import FakeJellyfin
from tests.fakes.jellyfin.items import Item, Kind
from tests.fakes.jellyfin.query import Query
from tests.fakes.library import MUSIC_LIBRARY

type Json = Any
type _Differs = Callable[[str, Json, Json], None]

NAMES: Final = ("10.11", "12.0", "10.11-odd", "12.0-odd")

#: What the recorder called the administrator.
_USERS: Final = {"admin": "root"}
_NOON: Final = datetime(2026, 11, 30, 12, tzinfo=UTC)
_NAME: Final = re.compile(r"\{(?:film|show|season|episode|version|user|library):.+?\}")
#: The day of the recordings: later dates are the moments of the acts.
_RECORDED: Final = "2026-11-30"
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.(?:0{7}|\d{0,6}[1-9])Z")
_HIDDEN: Final = ("X", "SECRET")
_NO_TOKEN: Final = "0" * 32
_FRAME_SECONDS: Final = 30
_SHOWN_ROWS: Final = 4


@dataclass(frozen=True, slots=True)
class Difference:
    """Where a simulated server answered otherwise than the real one.

    *where* is the path of a member, such as `Items[].UserData.Played`; the status is
    `status`, the type of the body `type`. None is what was not there.
    """

    recording: str
    sequence: str
    step: int
    where: str
    ours: Json
    theirs: Json

    @property
    def member(self) -> str:
        """The name of the member."""
        return self.where.rpartition(".")[2].removesuffix("[]")


def load(name: str) -> Json:
    """Read one of the recordings."""
    path = Path(__file__).with_name(f"jellyfin-{name}.json")
    return json.loads(path.read_text(encoding="utf-8"))


async def replay(name: str, recording: Json) -> list[Difference]:
    """Ask everything in *recording*, each sequence of a server of its own."""
    found: list[Difference] = []
    for sequence in recording["sequences"]:
        async with recorded_server(name) as server, ClientSession() as session:
            one = _Replay(server, session, name, sequence["sequence"])
            for number, step in enumerate(sequence.get("steps", ()), 1):
                await one.take(number, step)
            if "frames" in sequence:
                await one.listen(sequence["frames"])
            found += one.found
    return found


@asynccontextmanager
async def recorded_server(name: str) -> AsyncIterator[FakeJellyfin]:
    """Start what was recorded: a server with neither music nor missing episodes."""
    version, _, odd = name.partition("-")
    server = FakeJellyfin(
        profile=version,
        clock=FakeClock(_NOON),
        debounce=60,
        library_debounce=60,
        oddities=bool(odd),
    )
    server.user("sam").libraries = frozenset({"Movies", "TV Shows"})
    server.remove_item(server.catalogue.library(MUSIC_LIBRARY).id)
    server.remove_item(server.item_id("The Last of Us", season=3))
    async with server:
        yield server


def names_of(server: FakeJellyfin) -> dict[str, str]:
    """Name all that the server has by its id, as the recorder did.

    That asked each library for its items, as the administrator. Of several that are
    called the same each has a number, in the order of their libraries, shows and ids.
    """
    names = {user.id: f"user:{user.name}" for user in server.users.values()}
    names |= {server.user_id(real): f"user:{name}" for name, real in _USERS.items()}
    same: dict[str, list[tuple[str, str, str]]] = {}
    for library in server.catalogue.children(server.catalogue.root.id):
        names[library.id] = f"library:{library.name}"
        for item in _listed(server, library):
            key = (library.name, item.series_id or "", item.id)
            same.setdefault(_name(server, item), []).append(key)
    for name, keys in same.items():
        for number, (_, _, item_id) in enumerate(sorted(keys), 1):
            names[item_id] = f"{name} #{number}" if len(keys) > 1 else name
    for item in server.catalogue.items.values():
        if item.version_of is not None and item.id not in names:
            film = server.catalogue.items[item.version_of]
            names[item.id] = f"version:{film.name} {item.version}"
    return {key: f"{{{name}}}" for key, name in names.items()}


def _listed(server: FakeJellyfin, library: Item) -> Iterator[Item]:
    for kind in (Kind.MOVIE, Kind.SERIES, Kind.SEASON, Kind.EPISODE):
        asked = {
            "recursive": "true",
            "parentId": library.id,
            "includeItemTypes": kind.value,
        }
        yield from server.listing.select(Query(asked.items(), UTC), None)


def _name(server: FakeJellyfin, item: Item) -> str:
    show = server.catalogue.get(item.series_id)
    match item.kind:
        case Kind.MOVIE:
            return f"film:{item.name} ({item.year})"
        case Kind.SERIES:
            return f"show:{item.name}"
        case Kind.SEASON:
            return f"season:{show and show.name}/{item.index_number}"
        case _:
            place = f"{item.season_number}/{item.index_number}"
            return f"episode:{show and show.name}/{place}"


@dataclass
class _Replay:
    """One sequence, asked of one server."""

    server: FakeJellyfin
    session: ClientSession
    recording: str
    sequence: str
    found: list[Difference] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._names = names_of(self.server)
        self._ids = {name: key for key, name in self._names.items()}
        self._names[self.server.server_id] = "{server}"
        self._others: dict[str, str] = {}
        self._tokens: dict[str, str] = {}
        for who in ("kim", "sam", "admin"):
            self._sign_in(who)

    def _sign_in(self, who: str) -> None:
        # A second sign-in has a device of its own, as the first token may be dead.
        device = f"rec-{who}-{len(self.server.tokens)}"
        self._tokens[who] = self.server.token_for(_USERS.get(who, who), device)

    # -- asking --------------------------------------------------------------

    async def take(self, number: int, step: Json) -> None:
        """Ask what was asked, or prepare what was prepared."""
        if prepared := step.get("prepare"):
            self._prepare(prepared)
            return
        status, kind, answer = await self._ask(step)
        differs = self._differing(number)
        if status != step["status"]:
            differs("status", status, step["status"])
            return
        said = step["headers"].get(hdrs.CONTENT_TYPE)
        if kind != (said and said.partition(";")[0]):
            differs("type", kind, said)
        self._compare(differs, answer, step["answer"])

    async def _ask(self, step: Json) -> tuple[int, str | None, Json]:
        who = step["who"]
        login = f'Client="Recorder", Device="recorder", DeviceId="rec-{who}"'
        token = _NO_TOKEN if who == "stranger" else self._tokens.get(who)
        more = f', Token="{token}"' if token else ""
        async with self.session.request(
            step["method"],
            self.server.url + self._filled(step["path"]),
            params=self._filled(step["query"]),
            json=self._filled(step.get("body")),
            headers={hdrs.AUTHORIZATION: f'MediaBrowser {login}, Version="1"{more}'},
        ) as response:
            text = await response.text()
            kind = response.content_type if text else None
        try:
            answer = json.loads(text) if text else None
        except json.JSONDecodeError:
            answer = text
        return response.status, kind, answer

    def _prepare(self, prepared: Json) -> None:
        user = self.server.user(prepared["user"])
        match prepared:
            case {"policy": {"EnableUserPreferenceAccess": bool(allowed)}}:
                user.preference_access = allowed
            case {"policy": {"AccessSchedules": list(schedules)}}:
                user.access_schedules = schedules
            case {"policy": {"IsDisabled": True}}:
                self.server.disable(user.name)
            case {"policy": {"IsDisabled": False}}:
                self.server.enable(user.name)
            case {"account": "sign in"}:
                self._sign_in(user.name)
            case {"account": "sign out"}:
                self.server.revoke(self._tokens[user.name])
            case _:
                raise ValueError(prepared)

    def _filled(self, asked: Json) -> Json:
        """Put ids in the place of their names; KeyError for a name of nothing."""
        if isinstance(asked, dict):
            return {key: self._filled(value) for key, value in asked.items()}
        if isinstance(asked, str):
            return _NAME.sub(lambda found: self._ids[found[0]], asked)
        return asked

    # -- listening -----------------------------------------------------------

    async def listen(self, frames: Iterable[Json]) -> None:
        """Do what was done beside an open socket, and compare what it was told."""
        headers = {hdrs.AUTHORIZATION: f'MediaBrowser Token="{self._tokens["kim"]}"'}
        heard = 0
        async with self.session.ws_connect(
            f"{self.server.url}/socket", headers=headers
        ) as socket:
            for number, (done, told) in enumerate(_by_act(frames), 1):
                if done == "KeepAlive sent":
                    await socket.send_json({"MessageType": "KeepAlive"})
                elif done != "opened":
                    method, path, body = ACTS[done]
                    await self._ask(
                        {
                            "who": "kim",
                            "method": method,
                            "path": path,
                            "query": {},
                            "body": body,
                        }
                    )
                    self.server.flush()
                differs = self._differing(number)
                for frame in told:
                    ours = await socket.receive_json(timeout=_FRAME_SECONDS)
                    self._compare(differs, shortened(ours), frame)
                heard += len(told)
                if len(self.server.sockets[0].sent) != heard:
                    differs("frames", len(self.server.sockets[0].sent), heard)

    # -- comparing -----------------------------------------------------------

    def _differing(self, step: int) -> _Differs:
        def differs(where: str, ours: Json, theirs: Json) -> None:
            self.found.append(
                Difference(self.recording, self.sequence, step, where, ours, theirs)
            )

        return differs

    def _compare(
        self, differs: _Differs, ours: Json, theirs: Json, where: str = ""
    ) -> None:
        if isinstance(ours, dict) and isinstance(theirs, dict):
            for name in sorted(ours.keys() | theirs.keys()):
                # What is null says no more than what is not there.
                one, other = ours.get(name), theirs.get(name)
                self._compare(differs, one, other, f"{where}.{name}".lstrip("."))
        elif isinstance(ours, list) and isinstance(theirs, list):
            if len(ours) != len(theirs):
                differs(f"{where} rows", len(ours), len(theirs))
            for one, other in zip(ours, theirs, strict=False):
                self._compare(differs, one, other, f"{where}[]")
        elif not self._is_same(ours, theirs):
            differs(where, ours, theirs)

    def _is_same(self, ours: Json, theirs: Json) -> bool:
        if isinstance(ours, str) and isinstance(theirs, str):
            if _DATE.fullmatch(ours) and _DATE.fullmatch(theirs):
                return ours == theirs or min(ours, theirs) > _RECORDED
            if theirs in _HIDDEN:
                return True
            return self._named(ours, theirs) == theirs
        if isinstance(ours, bool) or isinstance(theirs, bool):
            return ours is theirs
        if isinstance(ours, int | float) and isinstance(theirs, int | float):
            return math.isclose(ours, theirs)
        return ours is theirs is None

    def _named(self, ours: str, theirs: str) -> str:
        """Write one of our ids as a name, the same one every time."""
        plain = ours.replace("-", "")
        if not re.fullmatch(r"[0-9a-f]{32}", plain):
            return ours
        name = self._names.get(plain)
        if name is None and re.fullmatch(r"\{other:\d+( dashed)?\}", theirs):
            name = self._others.setdefault(plain, theirs.replace(" dashed", ""))
        if name is None:
            return ours
        return name if "-" not in ours else f"{name[:-1]} dashed}}"


_FILM: Final = "{film:Alien (1979)}"
_MINUTES: Final = 600_000_000


def _played(what: str, minutes: int) -> tuple[str, str, Json]:
    body = {
        "ItemId": _FILM,
        "MediaSourceId": _FILM,
        "PlaySessionId": "p",
        "PositionTicks": minutes * _MINUTES,
    }
    return "POST", f"/Sessions/Playing{what}", body


#: What the recorder did beside its socket, by what it called that.
ACTS: Final[Mapping[str, tuple[str, str, Json]]] = {
    "film marked": ("POST", f"/UserPlayedItems/{_FILM}", None),
    "film marked again": ("POST", f"/UserPlayedItems/{_FILM}", None),
    "season marked": ("POST", "/UserPlayedItems/{season:Doctor Who/1}", None),
    "film begun": _played("", 0),
    "progress": _played("/Progress", 30),
    "stopped": _played("/Stopped", 30),
    "un-marked": ("DELETE", f"/UserPlayedItems/{_FILM}", None),
}


def _by_act(frames: Iterable[Json]) -> list[tuple[str, list[Json]]]:
    acts: list[tuple[str, list[Json]]] = []
    for one in frames:
        if "then" in one:
            acts.append((one["then"], []))
        else:
            acts[-1][1].append(one["frame"])
    return acts


def shortened(frame: Json) -> Json:
    """Leave of many rows as few as were recorded, and say how many there were."""
    if frame["MessageType"] == "UserDataChanged":
        rows = frame["Data"]["UserDataList"]
        if len(rows) > _SHOWN_ROWS:
            frame["Data"]["left out"] = len(rows) - _SHOWN_ROWS
            frame["Data"]["UserDataList"] = rows[:_SHOWN_ROWS]
    return frame
