"""The simulated servers together, with a page to look at them and to break them.

`Simulation` runs all of them in one event loop. Its control app serves a status page
at `/` and, for scripts, an API in JSON:

* `GET /api/state?plex=NAME&jellyfin=NAME&emby=NAME`: everything the page shows of one
  user of each server
* `POST /api/outage/SERVER/{on|off}`: make a server unreachable, and back
* `POST /api/refuse/SERVER/{on|off}`: refuse every change of a play state, or take it
* `POST /api/fault/SERVER`: break it in a way of `FaultKind`; the body holds `kind` and
  the other arguments of `FakeServer.fail`. `DELETE` works again
* `POST /api/approve/SERVER`: let a device in that shows a Quick Connect code; `{"code",
  "user"}`
* `POST /api/watch`: mark as another client would; `{"server", "user", "item",
  "watched"}`, with `position` (seconds) instead of `watched` to stop in between

SERVER is `plex`, `jellyfin` or `emby`.

An error is answered 400 or 404 with `{"error": sentence}`.
"""

from abc import ABC, abstractmethod
import asyncio
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
import hashlib
import json
from pathlib import Path
import re
from typing import Any, Final, override
from urllib.parse import urlencode

from aiohttp import web

from .base import HOST, FakeClock, FakeServer, Fault, FaultKind, LoggedRequest
from .emby import FakeEmby
from .jellyfin import TICKS_PER_SECOND, FakeJellyfin
from .jellyfin.auth import Token
from .jellyfin.items import Item, Kind
from .library import MOVIES_LIBRARY
from .plex import FakePlex
from .plex.model import Entry
from .plex_tv import FakePlexTv

type Json = dict[str, Any]

_PAGE: Final = Path(__file__).with_name("control.html")
_LOG_LINES: Final = 8
#: Requests kept per server; the log would grow for days.
_LOG_LIMIT: Final = 5000
_TICK: Final = 5.0
_SECRETS: Final = frozenset({"x-plex-token", "api_key", "apikey"})
_WRITES: Final = re.compile(r"/:/|PlayedItems|UserData|Sessions/Playing")
_CHANGES: Final = r"/:/((un)?scrobble|timeline|progress)$|PlayedItems|UserData$"
_MILLISECONDS: Final = 1000


@dataclass(frozen=True, slots=True)
class Ports:
    """Where to listen; 0 picks a free port."""

    plex: int = 0
    plex_tv: int = 0
    jellyfin: int = 0
    emby: int = 0
    control: int = 0


@dataclass(frozen=True, slots=True)
class Seen:
    """One user's play state of one film or episode; position in seconds."""

    watched: bool = False
    position: float = 0.0
    plays: int = 0
    last_played: str | None = None


class Machine[ServerT: FakeServer](ABC):
    """What the page wants to know of a server, whatever kind it is."""

    kind: str
    product: str

    def __init__(self, server: ServerT) -> None:
        self.server = server
        self.shown_first: str | None = None
        """The user the page begins with; without one it is the first of them."""
        self._refusal: Fault | None = None

    @property
    @abstractmethod
    def name(self) -> str:
        """What the server calls itself."""

    @property
    @abstractmethod
    def users(self) -> list[str]:
        """Names of those who may sign in."""

    @abstractmethod
    def secret(self, user: str) -> tuple[str, str]:
        """Return what the user signs in with: what it is, and that itself."""

    @abstractmethod
    def movies(self, user: str) -> Iterator[Json]:
        """Yield the films with the user's play states."""

    @abstractmethod
    def shows(self, user: str) -> Iterator[Json]:
        """Yield the shows with seasons, episodes and the user's play states."""

    @abstractmethod
    def item_id(self, title: str, season: int | None, episode: int | None) -> str:
        """Find an item by its title; raises LookupError."""

    @abstractmethod
    def seen(self, user: str) -> dict[str, Seen]:
        """Return every play state of the user that is not the default."""

    @abstractmethod
    def set_seen(self, user: str, item_id: str, seen: Seen) -> None:
        """Write a play state as it is, announcing nothing."""

    @abstractmethod
    async def watch(self, user: str, item_id: str, *, watched: bool) -> None:
        """Mark as another client of that user would."""

    @abstractmethod
    async def stop_at(self, user: str, item_id: str, position: float) -> None:
        """Stop at *position* seconds, as another client would."""

    @property
    def codes(self) -> list[str]:
        """Codes that devices show until somebody approves them."""
        return []

    def approve(self, code: str, user: str) -> None:
        """Let the device in that shows *code*. Raises LookupError without one."""
        raise LookupError(f"no device shows {code!r} to {user!r}")

    def refuse(self, *, on: bool) -> None:
        """Refuse every change of a play state from now on, or take changes again."""
        if on and self._refusal is None:
            self._refusal = self.server.fail(
                FaultKind.STATUS, path=_CHANGES, status=400, times=None
            )
        elif not on and self._refusal is not None:
            self.server.remove_fault(self._refusal)
            self._refusal = None

    def repair(self) -> None:
        """Break in no way any more."""
        self._refusal = None
        self.server.clear_faults()

    def describe(self, user: str | None = None) -> Json:
        """Return what the page shows of the server, to begin with if *user* is None."""
        user = user or self.shown_first
        if user not in self.users:
            user = self.users[0]
        return {
            "kind": self.kind,
            "product": self.product,
            "name": self.name,
            "url": self.server.url,
            "up": self.server.is_listening,
            "refuses": self._refusal is not None,
            "secret": self.secret(user),
            "codes": self.codes,
            "sockets": len(self.server.sockets),
            "users": self.users,
            "user": user,
            "movies": list(self.movies(user)),
            "shows": list(self.shows(user)),
            "requests": [_line(entry) for entry in self.server.requests[-_LOG_LINES:]],
        }

    def dump(self) -> Json:
        """Return what a restart of the simulation should not forget."""
        return {
            "seen": {
                user: {key: asdict(seen) for key, seen in self.seen(user).items()}
                for user in self.users
            }
        }

    def load(self, data: Mapping[str, Any]) -> None:
        """Put back what `dump` returned."""
        for user, states in data["seen"].items():
            for item_id, seen in states.items():
                with suppress(LookupError):
                    self.set_seen(user, item_id, Seen(**seen))


class PlexMachine(Machine[FakePlex]):
    """The page's view of the simulated Plex Media Server."""

    kind = "plex"
    product = "Plex Media Server"

    @property
    @override
    def name(self) -> str:
        return self.server.name

    @property
    @override
    def users(self) -> list[str]:
        return list(self.server.users)

    @override
    def secret(self, user: str) -> tuple[str, str]:
        return "token", Simulation.plex_token(user)

    def _tops(self, kind: str) -> Iterator[Entry]:
        shelf = self.server._shelf
        for section in shelf.sections:
            yield from shelf.of_section(section, kind)

    def _leaf(self, user: str, entry: Entry) -> Json:
        state = self.server.state(user, entry.key)
        return _leaf(
            entry.key,
            entry.title,
            entry.duration_ms and entry.duration_ms / _MILLISECONDS,
            watched=state.view_count > 0,
            position=state.view_offset_ms / _MILLISECONDS,
            plays=state.view_count,
        )

    @override
    def movies(self, user: str) -> Iterator[Json]:
        for entry in self._tops("movie"):
            yield self._leaf(user, entry) | {
                "year": entry.year,
                "library": _unless_usual(entry.section.title),
            }

    @override
    def shows(self, user: str) -> Iterator[Json]:
        for show in self._tops("show"):
            yield {
                "id": show.key,
                "title": show.title,
                "year": show.year,
                "seasons": [
                    {
                        "id": season.key,
                        "number": season.index,
                        "episodes": [
                            self._leaf(user, one) | {"number": one.index}
                            for one in season.children
                        ],
                    }
                    for season in show.children
                ],
            }

    @override
    def item_id(self, title: str, season: int | None, episode: int | None) -> str:
        return self.server.rating_key(title, season=season, episode=episode)

    @override
    def seen(self, user: str) -> dict[str, Seen]:
        return {
            key: Seen(
                watched=state.view_count > 0,
                position=state.view_offset_ms / _MILLISECONDS,
                plays=state.view_count,
                last_played=_iso(state.last_viewed_at),
            )
            for key, state in self.server.states(user).items()
        }

    @override
    def set_seen(self, user: str, item_id: str, seen: Seen) -> None:
        self.server.set_state(
            user,
            item_id,
            view_count=max(seen.plays, 1) if seen.watched else 0,
            view_offset_ms=round(seen.position * _MILLISECONDS),
            last_viewed_at=seen.last_played
            and datetime.fromisoformat(seen.last_played),
        )

    @override
    async def watch(self, user: str, item_id: str, *, watched: bool) -> None:
        self.server.mark(user, item_id, watched=watched)

    @override
    async def stop_at(self, user: str, item_id: str, position: float) -> None:
        milliseconds = round(position * _MILLISECONDS)
        self.server.report(user, item_id, "playing", milliseconds)
        self.server.report(user, item_id, "stopped", milliseconds)

    @override
    def dump(self) -> Json:
        tokens = {token: user.name for token, user in self.server._tokens.items()}
        return super().dump() | {"tokens": tokens}

    @override
    def load(self, data: Mapping[str, Any]) -> None:
        super().load(data)
        for token, user in data["tokens"].items():
            self.server.accept_token(token, user)


class JellyfinMachine(Machine[FakeJellyfin]):
    """The page's view of the simulated Jellyfin server."""

    kind = "jellyfin"
    product = "Jellyfin"

    @property
    @override
    def name(self) -> str:
        return self.server.name

    @property
    @override
    def users(self) -> list[str]:
        # Those whose shelves are worth a look.
        return [
            user.name
            for user in self.server.users.values()
            if not user.disabled and not user.admin
        ]

    @override
    def secret(self, user: str) -> tuple[str, str]:
        return "password", self.server.password(user)

    @property
    @override
    def codes(self) -> list[str]:
        waiting = self.server.quick_connect.waiting(self.server.clock())
        return [request.code for request in waiting]

    @override
    def approve(self, code: str, user: str) -> None:
        if not self.server.approve(code, user):
            super().approve(code, user)

    def _below(self, item_id: str, kind: Kind) -> Iterator[Item]:
        for item in self.server.catalogue.children(item_id):
            if item.kind is kind:
                yield item

    def _libraries(self) -> Iterator[Item]:
        return self._below(self.server.catalogue.root.id, Kind.LIBRARY)

    def _leaf(self, user: str, item: Item) -> Json:
        state = self.server.state(user, item.id)
        return _leaf(
            item.id,
            item.name,
            item.run_time_ticks and item.run_time_ticks / TICKS_PER_SECOND,
            watched=state.played,
            position=state.position_ticks / TICKS_PER_SECOND,
            plays=state.play_count,
        )

    @override
    def movies(self, user: str) -> Iterator[Json]:
        for library in self._libraries():
            for movie in self._below(library.id, Kind.MOVIE):
                yield self._leaf(user, movie) | {
                    "year": movie.year,
                    "library": _unless_usual(library.name),
                }

    @override
    def shows(self, user: str) -> Iterator[Json]:
        for library in self._libraries():
            for show in self._below(library.id, Kind.SERIES):
                yield {
                    "id": show.id,
                    "title": show.name,
                    "year": show.year,
                    "seasons": [
                        {
                            "id": season.id,
                            "number": season.index_number,
                            "episodes": [
                                self._leaf(user, one) | {"number": one.index_number}
                                for one in self._below(season.id, Kind.EPISODE)
                                if not one.virtual
                            ],
                        }
                        for season in self._below(show.id, Kind.SEASON)
                        if not season.virtual
                    ],
                }

    @override
    def item_id(self, title: str, season: int | None, episode: int | None) -> str:
        return self.server.item_id(title, None, season, episode)

    @override
    def seen(self, user: str) -> dict[str, Seen]:
        found = {}
        for item in self.server.catalogue.items.values():
            if item.kind in {Kind.MOVIE, Kind.EPISODE}:
                state = self.server.state(user, item.id)
                seen = Seen(
                    watched=state.played,
                    position=state.position_ticks / TICKS_PER_SECOND,
                    plays=state.play_count,
                    last_played=_iso(state.last_played_date),
                )
                if seen != Seen():
                    found[item.id] = seen
        return found

    @override
    def set_seen(self, user: str, item_id: str, seen: Seen) -> None:
        item = self.server.catalogue.items[item_id]
        row = self.server.states.row(self.server.user(user), item)
        row.played = seen.watched
        row.play_count = seen.plays
        row.position_ticks = round(seen.position * TICKS_PER_SECOND)
        row.last_played_date = (
            datetime.fromisoformat(seen.last_played) if seen.last_played else None
        )

    @override
    async def watch(self, user: str, item_id: str, *, watched: bool) -> None:
        await self.server.set_state(user, item_id, played=watched)

    @override
    async def stop_at(self, user: str, item_id: str, position: float) -> None:
        ticks = round(position * TICKS_PER_SECOND)
        await self.server.play(user, item_id, position_ticks=ticks)
        await self.server.stop_playing(user, position_ticks=ticks)

    @override
    def dump(self) -> Json:
        tokens = [asdict(token) for token in self.server.tokens.values()]
        return super().dump() | {"tokens": tokens}

    @override
    def load(self, data: Mapping[str, Any]) -> None:
        super().load(data)
        for token in data["tokens"]:
            self.server.tokens[token["value"]] = Token(**token)


class EmbyMachine(JellyfinMachine):
    """The page's view of the simulated Emby server."""

    kind = "emby"
    product = "Emby"


class Simulation:
    """Plex with plex.tv, Jellyfin, Emby, and the control app; all on 127.0.0.1."""

    def __init__(self) -> None:
        clock = FakeClock(ticking=True)
        self.plex = FakePlex(clock=clock, name="Attic")
        self.plex_tv = FakePlexTv([self.plex], clock=clock)
        self.jellyfin = FakeJellyfin(clock=clock, name="Cellar")
        self.jellyfin.add_user(HOUSEHOLD)
        self.emby = FakeEmby(clock=clock, name="Garage")
        self.machines: dict[str, Machine[Any]] = {
            machine.kind: machine
            for machine in (
                PlexMachine(self.plex),
                JellyfinMachine(self.jellyfin),
                EmbyMachine(self.emby),
            )
        }
        for user in self.plex.users:
            # The same ones at every start: an entry made yesterday works today.
            self.plex.accept_token(self.plex_token(user), user)
            self.plex_tv.accept_token(self.plex_token(user), user)
        self._runner: web.AppRunner | None = None
        self._ticker: asyncio.Task[None] | None = None
        self.control_url = ""

    @staticmethod
    def plex_token(user: str) -> str:
        """Return the token of a Plex user, the same at every start."""
        return f"plex-token-of-{user}"

    async def start(self, ports: Ports) -> None:
        """Start everything. Raises OSError if a port is taken."""
        try:
            await self.plex.start(ports.plex)
            await self.plex_tv.start(ports.plex_tv)
            await self.jellyfin.start(ports.jellyfin)
            await self.emby.start(ports.emby)
            await self._serve(ports.control)
        except BaseException:
            await self.stop()
            raise
        self._ticker = asyncio.create_task(self._tick())

    async def stop(self) -> None:
        """Stop everything; raises what went wrong inside the servers, if anything."""
        if self._ticker is not None:
            self._ticker.cancel()
            with suppress(asyncio.CancelledError):
                await self._ticker
        if self._runner is not None:
            await self._runner.cleanup()
        for server in (self.plex, self.plex_tv, self.jellyfin, self.emby):
            await server.stop()

    def hello(self) -> Json:
        """Return addresses, users and what they sign in with."""
        return {
            "control": self.control_url,
            "plex": {
                "url": self.plex.url,
                "name": self.plex.name,
                "users": {
                    user: {"token": self.plex_token(user)} for user in self.plex.users
                },
            },
            "plex_tv": {"url": self.plex_tv.url},
            "jellyfin": _hello(self.jellyfin),
            "emby": _hello(self.emby),
        }

    def dump(self) -> Json:
        """Return what a restart should not forget."""
        return {kind: machine.dump() for kind, machine in self.machines.items()}

    def load(self, data: Mapping[str, Any]) -> None:
        """Put back what `dump` returned."""
        for kind, known in data.items():
            self.machines[kind].load(known)

    def live_in(self) -> None:
        """Let the users have watched something already."""
        now = self.plex.clock().replace(microsecond=0)
        for kind, lives in LIVES.items():
            machine = self.machines[kind]
            for user, watched in lives.items():
                _live(machine, user, watched, now)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_TICK)
            await self.jellyfin.tick()
            await self.emby.tick()
            for machine in self.machines.values():
                if len(machine.server.requests) > _LOG_LIMIT:
                    machine.server.clear_log()

    # The control app

    async def _serve(self, port: int) -> None:
        app = web.Application(middlewares=[_explain])
        app.router.add_get("/", self._page)
        app.router.add_get("/api/state", self._state)
        app.router.add_post("/api/outage/{server}/{switch:on|off}", self._outage)
        app.router.add_post("/api/refuse/{server}/{switch:on|off}", self._refuse)
        app.router.add_post("/api/approve/{server}", self._approve)
        app.router.add_post("/api/fault/{server}", self._fault)
        app.router.add_delete("/api/fault/{server}", self._repair)
        app.router.add_post("/api/watch", self._watch)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, HOST, port)
        await site.start()
        bound = self._runner.addresses[0][1]
        self.control_url = f"http://{HOST}:{bound}"

    async def _page(self, _: web.Request) -> web.FileResponse:
        return web.FileResponse(_PAGE, headers={"Cache-Control": "no-store"})

    async def _state(self, request: web.Request) -> web.Response:
        state = [
            machine.describe(request.query.get(kind))
            for kind, machine in self.machines.items()
        ]
        text = json.dumps({"servers": state})
        version = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
        if request.query.get("have") == version:
            return web.Response(status=204)
        return web.Response(
            text=text, content_type="application/json", headers={"X-Version": version}
        )

    def _machine(self, name: str) -> Machine[Any]:
        if (machine := self.machines.get(name)) is None:
            raise LookupError(
                f"no server is called {name!r}: {', '.join(self.machines)}"
            )
        return machine

    async def _outage(self, request: web.Request) -> web.Response:
        server = self._machine(request.match_info["server"]).server
        if request.match_info["switch"] == "on":
            await server.go_dark()
        else:
            await server.come_back()
        return web.json_response({"up": server.is_listening})

    async def _refuse(self, request: web.Request) -> web.Response:
        on = request.match_info["switch"] == "on"
        self._machine(request.match_info["server"]).refuse(on=on)
        return web.json_response({"refuses": on})

    async def _approve(self, request: web.Request) -> web.Response:
        machine = self._machine(request.match_info["server"])
        given = await request.json()
        if (user := given["user"]) not in machine.users:
            raise LookupError(f"no user is called {user!r}")
        machine.approve(str(given["code"]), user)
        return web.json_response({})

    async def _fault(self, request: web.Request) -> web.Response:
        server = self._machine(request.match_info["server"]).server
        arguments = await request.json()
        server.fail(FaultKind(arguments.pop("kind")), **arguments)
        return web.json_response({})

    async def _repair(self, request: web.Request) -> web.Response:
        self._machine(request.match_info["server"]).repair()
        return web.json_response({})

    async def _watch(self, request: web.Request) -> web.Response:
        operation = await request.json()
        machine = self._machine(operation["server"])
        if (user := operation["user"]) not in machine.users:
            raise LookupError(f"no user is called {user!r}")
        if "position" in operation:
            await machine.stop_at(user, operation["item"], float(operation["position"]))
        else:
            await machine.watch(
                user, operation["item"], watched=bool(operation["watched"])
            )
        return web.json_response({})


@web.middleware
async def _explain(request: web.Request, handler: Any) -> web.StreamResponse:
    """Answer a request that makes no sense with a sentence."""
    try:
        answer: web.StreamResponse = await handler(request)
    except LookupError as error:
        return web.json_response({"error": f"not found: {error}"}, status=404)
    except (TypeError, ValueError, re.PatternError) as error:
        return web.json_response({"error": str(error)}, status=400)
    return answer


def _hello(server: FakeJellyfin) -> Json:
    users = server.users.values()
    return {
        "url": server.url,
        "name": server.name,
        "users": {user.name: {"password": user.password} for user in users},
    }


def _leaf(
    item_id: str,
    title: str,
    duration: float | None,
    *,
    watched: bool,
    position: float,
    plays: int,
) -> Json:
    return {
        "id": item_id,
        "title": title,
        "duration": duration,
        "watched": watched,
        "position": position,
        "plays": plays,
    }


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _unless_usual(library: str) -> str | None:
    return None if library == MOVIES_LIBRARY else library


def _line(entry: LoggedRequest) -> Json:
    query = [
        (key, value)
        for key, value in entry.query.items()
        if key.lower() not in _SECRETS
    ]
    return {
        "at": entry.at.isoformat(),
        "method": entry.method,
        "path": entry.path + (f"?{urlencode(query, safe=',/:')}" if query else ""),
        "status": entry.status,
        "user": entry.user,
        "write": bool(_WRITES.search(entry.path)) and entry.status != 101,
    }


#: The user of the simulated Jellyfin whom everybody in the house signs in as.
HOUSEHOLD: Final = "family"

# What the users have watched when the simulation starts ---------------------

type Watched = tuple[str, int | None, int | None, float | None]
"""A title, season and last episode seen of it, minutes into what is not finished."""

LIVES: Final[Mapping[str, Mapping[str, tuple[Watched, ...]]]] = {
    "plex": {
        "alex": (
            ("Alien", None, None, None),
            ("The Matrix", None, None, None),
            ("Parasite", None, None, None),
            ("Spirited Away", None, None, None),
            ("The Grand Budapest Hotel", None, None, None),
            ("The Bear", 1, 8, None),
            ("The Bear", 2, 3, None),
            ("Severance", 1, 9, None),
            ("Severance", 2, 4, None),
            ("The Last of Us", 1, 9, None),
            ("The Last of Us", 2, 6, None),
            ("Breaking Bad", 1, 3, None),
            ("Oppenheimer", None, None, 64),
            ("Dune: Part Two", None, None, 41),
        ),
        "kim": (
            ("Paddington 2", None, None, None),
            ("Sherlock", 1, 2, None),
            ("Amélie", None, None, 35),
        ),
    },
    "jellyfin": {
        "alex": (
            ("Casablanca", None, None, None),
            ("The Third Man", None, None, None),
            ("Toy Story", None, None, None),
            ("Sherlock", 1, 3, None),
            ("Doctor Who", 1, 9, None),
            ("Chernobyl", 1, 2, None),
            ("Past Lives", None, None, 52),
        ),
        HOUSEHOLD: (
            ("Toy Story", None, None, None),
            ("Spirited Away", None, None, None),
            ("Doctor Who", 1, 9, None),
            ("Chernobyl", 1, 2, None),
            ("Past Lives", None, None, 52),
        ),
        "kim": (
            ("Toy Story", None, None, None),
            ("Grey's Anatomy", 1, 9, None),
            ("Grey's Anatomy", 2, 11, None),
        ),
    },
}


def _live(
    machine: Machine[Any], user: str, lives: tuple[Watched, ...], now: datetime
) -> None:
    """Write play states, the first of *lives* the longest ago."""
    moment = now - timedelta(days=len(lives) + 1)
    for title, season, last, minutes in lives:
        moment += timedelta(days=1)
        if minutes is not None:
            seen = Seen(position=60.0 * minutes, last_played=moment.isoformat())
            machine.set_seen(user, machine.item_id(title, None, None), seen)
            continue
        for number in range(1, (last or 1) + 1):
            seen = Seen(
                watched=True,
                plays=1,
                last_played=(moment + timedelta(minutes=number)).isoformat(),
            )
            episode = None if season is None else number
            machine.set_seen(user, machine.item_id(title, season, episode), seen)
