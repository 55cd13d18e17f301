"""A simulated server in a process of its own: it must cost the measured one nothing.

`python -m tests.bench.remote plex|jellyfin|emby FILMS SHOWS` serves the seeded library
with that many films and shows more (see `more_of`). It reads commands, one JSON list a
line, and answers each with a line.
"""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import islice
import json
from pathlib import Path
import subprocess
import sys
from typing import Any

from tests.fakes import library
from tests.fakes.base import FakeClock, FaultKind
from tests.fakes.emby import FakeEmby
from tests.fakes.jellyfin import FakeJellyfin
from tests.fakes.plex import FakePlex
from tests.scenarios.big_outage import named
from tests.scenarios.house import USER, EmbySide, JellyfinSide, PlexSide, Side

from . import large_library

type Command = Callable[..., Awaitable[Any]]

ROOT = Path(__file__).parents[2]
_NAME = "Measured film"


class Desk:
    """What the other process can ask for."""

    def __init__(self, side: Side) -> None:
        """Serve commands about *side*."""
        self._side = side

    async def data(self) -> dict[str, Any]:
        """Return an entry's data."""
        return self._side.data()

    async def films(self) -> list[str]:
        """Return the ids of the added films."""
        return named(self._side, _NAME)

    async def leaves(self, title: str) -> list[str]:
        """Return the ids of a show's episodes."""
        return self._side.leaves(self._side.item_id(title))

    async def plays(self) -> dict[str, int]:
        """Return how often each item was played by the user."""
        return {
            item_id: seen.plays
            for (user, item_id), seen in self._side.all_seen().items()
            if user == USER
        }

    async def clear(self) -> None:
        """Forget the requests, and how many there were at once."""
        self._side.server.clear_log()

    async def most_at_once(self) -> int:
        """Return how many requests were handled at once, sockets aside."""
        return self._side.server.most_in_flight

    async def slow(self, seconds: float) -> None:
        """Take so many *seconds* more for every answer; none is as quick as ever."""
        self._side.server.clear_faults()
        if seconds:
            self._side.server.fail(FaultKind.SLOW, times=None, delay=seconds)

    async def log(self) -> list[tuple[float, str, str, bool]]:
        """Return when each request came, what it was, and whether it was a write."""
        writes = {one.seq for one in self._side.writes}
        return [
            (one.at.timestamp(), one.method, one.path, one.seq in writes)
            for one in self._side.server.requests
        ]

    async def mark(self, item_id: str) -> None:
        """Have the user mark something watched in another client."""
        await self._side.put(item_id, plays=1)

    async def watch(self, item_ids: list[str]) -> None:
        """Have the user have watched some things long ago."""
        for item_id in item_ids:
            await self._side.put(item_id, plays=1)

    async def api_key(self) -> str:
        """Return a key of the whole server, as an administrator makes one."""
        server = self._side.server
        assert isinstance(server, FakeJellyfin)
        return server.api_key()

    async def finish(self, item_id: str) -> None:
        """Have the user watch something to its end in another client."""
        server = self._side.server
        if isinstance(server, FakeJellyfin):
            length = server.catalogue.items[item_id].run_time_ticks
            await server.play(USER, item_id)
            await server.stop_playing(USER, position_ticks=length)
        else:
            assert isinstance(server, FakePlex)
            await server.play(USER, item_id)

    async def listeners(self) -> int:
        """Return how many websockets stand."""
        return len(self._side.server.sockets)

    async def dark(self) -> None:
        """Refuse connections."""
        await self._side.server.go_dark()

    async def back(self) -> None:
        """Accept them again."""
        await self._side.server.come_back()


def more_of(films: int, shows: int) -> None:
    """Have simulated servers that are made from now on hold more.

    Films that can be told from others by their title, and shows as `large_library` has
    them, of 90 episodes each.
    """
    library.MOVIES = (
        *library.MOVIES,
        *(
            library.SeedMovie(
                f"{_NAME} {number:05}",
                2000,
                100,
                {"imdb": f"tt9{number:07}", "tmdb": f"9{number:07}"},
            )
            for number in range(films)
        ),
    )
    library.SHOWS = (*library.SHOWS, *islice(large_library.shows(), shows))


async def serve(kind: str, films: int, shows: int) -> None:
    """Serve until there are no more commands."""
    more_of(films, shows)
    clock = FakeClock(ticking=True)
    side: Side
    match kind:
        case "plex":
            side = PlexSide(FakePlex(clock=clock))
        case "emby":
            side = EmbySide(FakeEmby(clock=clock))
        case _:
            side = JellyfinSide(FakeJellyfin(clock=clock))
    async with side.server:
        desk = Desk(side)
        print("ready", flush=True)  # noqa: T201 - how it speaks
        while line := await asyncio.to_thread(sys.stdin.readline):
            name, *arguments = json.loads(line)
            command: Command = getattr(desk, name)
            print(json.dumps(await command(*arguments)), flush=True)  # noqa: T201 - its answer to the bench


class Remote:
    """The other end: starts the process and asks it."""

    def __init__(self, kind: str, films: int, shows: int = 0) -> None:
        """Start it and wait until it serves."""
        self.kind = kind
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.remote", kind, str(films), str(shows)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        if self._read() != "ready\n":
            raise RuntimeError("the simulated server did not start")

    def ask(self, *command: object) -> Any:
        """Return the answer to a command; blocks."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        return json.loads(self._read())

    def stop(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(60)
        self._process.stdout.close()

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
