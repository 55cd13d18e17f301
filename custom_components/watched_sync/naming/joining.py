"""Look-ups at one server: those that come together are one, and few are under way."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Final

from ..core.play_state import Reading

#: Look-ups of a lane that are under way at once.
MOST_AT_ONCE: Final = 4

#: Seconds for which a look-up by id waits for others to join it.
JOINED: Final = 0.01

#: Seconds for which the names of libraries are believed to be what they were.
LIBRARIES_KEPT: Final = 3600.0

type Readings = Mapping[str, Reading]


class ServerAway(Exception):
    """The server of a lane gives no answer to anybody at the moment."""


class LookUps:
    """What is being looked up for one lane at its server."""

    def __init__(self) -> None:
        """Begin with nothing under way."""
        self._turns = asyncio.Semaphore(MOST_AT_ONCE)
        self._outages = 0
        self._outage = ServerAway()
        self._wanted: set[str] = set()
        self._reading: asyncio.Task[Readings] | None = None
        self._tasks: set[asyncio.Task[Readings]] = set()
        #: The names of libraries by their ids, as the server told them last.
        self.libraries: Mapping[str, str] = {}
        self._libraries_until: float | None = None

    @property
    def are_libraries_due(self) -> bool:
        """Whether the names of the libraries are to be asked for."""
        until = self._libraries_until
        return until is None or asyncio.get_running_loop().time() >= until

    def note_libraries(self, names: Mapping[str, str]) -> None:
        """Remember what the libraries are called."""
        self.libraries = names
        self._libraries_until = asyncio.get_running_loop().time() + LIBRARIES_KEPT

    async def in_turn[T](self, ask: Callable[[], Awaitable[T]]) -> T:
        """Return what *ask* does, once it has its turn.

        Whoever waits for it while the server turns out to be away for another is told
        so as well, and does not ask.
        """
        waiting_since = self._outages
        async with self._turns:
            if self._outages != waiting_since:
                raise self._outage
            try:
                return await ask()
            except ServerAway as err:
                self._outages, self._outage = self._outages + 1, err
                raise

    async def together(
        self, item_id: str, fetch: Callable[[Collection[str]], Awaitable[Readings]]
    ) -> Reading | None:
        """Return what *fetch* reads of an item, None if there is no such item.

        All that is asked for until it has its turn is read in one go.
        """
        self._wanted.add(item_id)
        if (reading := self._reading) is None:
            reading = self._reading = asyncio.create_task(self._read(fetch))
            self._tasks.add(reading)
            reading.add_done_callback(self._done)
        # It goes on if one of those who wait is cancelled.
        await asyncio.wait([reading])
        return reading.result().get(item_id)

    async def _read(
        self, fetch: Callable[[Collection[str]], Awaitable[Readings]]
    ) -> Readings:
        async def ask() -> Readings:
            return await fetch(self._begin())

        await asyncio.sleep(JOINED)
        try:
            return await self.in_turn(ask)
        finally:
            if self._reading is asyncio.current_task():
                self._begin()

    def _begin(self) -> Collection[str]:
        """Close the list of what is read in one go; the next to ask begins another."""
        wanted, self._wanted, self._reading = self._wanted, set(), None
        return wanted

    def _done(self, task: asyncio.Task[Readings]) -> None:
        self._tasks.discard(task)
        # Whoever waited may be gone: then nobody is left to hear of a failure.
        if not task.cancelled():
            task.exception()
