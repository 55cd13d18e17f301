"""The loops that notice what others change on a server.

Frames of a socket are hints: they say where to look, never what is there. The truth
is read again, batched, by the `Reader` handed in. What a server does not announce is
found by a cheap glance every now and then. While the lane is down nothing is asked at
all: the relay's probe finds out when the server is back, and opens the eyes again
before it delivers.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
import logging
from typing import Protocol

from .backoff import Backoff
from .errors import ServerError, Unreachable
from .lane import Lane, Phase
from .ports import Changed, Clock, Connected, MediaServer, Random

_LOGGER = logging.getLogger(__name__)

#: Seconds in which hints are gathered for one look: a season marked elsewhere arrives
#: as many.
GATHER = 0.3

#: Seconds between two glances at a server that does not announce marks, or whose
#: socket cannot be had: three requests each make less than six a minute.
GLANCE = 32.0

#: Seconds after which everything known is read again although nothing happened.
FULL_LOOK = 4 * 3600.0

#: Seconds a first connection may take before delivering goes on without it.
PATIENCE = 5.0

#: Seconds after which a socket that closed counts as one that had worked.
STEADY = 30.0

#: Delays before asking for a socket again.
SOCKET_BACKOFF = Backoff(base=1.0, cap=60.0)


class Reader(Protocol):
    """Whoever reads the truth and takes it over; every method raises `ServerError`."""

    async def catch_up(self) -> None:
        """Read everything known again: events may have been missed."""
        ...

    async def look(self, item_ids: frozenset[str]) -> None:
        """Read these items again."""
        ...

    async def glance(self) -> None:
        """Look, cheaply, for what the server does not announce."""
        ...


class Observer:
    """Keep a subscription, and look where its events point."""

    def __init__(
        self,
        lane: Lane,
        server: MediaServer,
        reader: Reader,
        *,
        label: str,
        report: Callable[[ServerError], None],
        clock: Clock,
        rng: Random,
    ) -> None:
        """Observe *server* for *reader*.

        *report* hears of reads that failed and of sockets that closed.
        """
        self._lane = lane
        self._server = server
        self._reader = reader
        self._label = label
        self._report = report
        self._clock = clock
        self._rng = rng
        self._wanted = asyncio.Event()
        self._tried = asyncio.Event()
        self._live = False
        self._opening = False
        self._missed = False
        self._due: dict[str, list[float]] = {}
        self._hinted = asyncio.Event()
        self._failures = 0
        self._full_look_at = clock.monotonic()

    @property
    def is_live(self) -> bool:
        """Whether a subscription stands."""
        return self._live

    async def open(self) -> None:
        """Subscribe, then catch up: what comes before anything is written.

        A socket that cannot be had (a proxy may refuse it) holds nothing up; then
        only glances tell of changes. Raises `ServerError` if reading fails.
        """
        self._opening = True
        try:
            if not self._live:
                self._tried.clear()
                self._wanted.set()
                async with asyncio.timeout(PATIENCE):
                    await self._tried.wait()
        except TimeoutError:
            _LOGGER.debug("%s: goes on without a socket", self._label)
        finally:
            self._opening = False
        await self._reader.catch_up()

    async def run(self) -> None:
        """Observe until cancelled."""
        async with asyncio.TaskGroup() as group:
            for loop in (self._listen, self._follow_hints, self._glance):
                group.create_task(self._keep_going(loop))

    async def _keep_going(self, turn: Callable[[], Awaitable[None]]) -> None:
        """Take turns for ever; a fault of ours must not blind us for good."""
        while True:
            try:
                await turn()
            except ServerError as err:
                self._report(err)
            except Exception:
                _LOGGER.exception("%s: observing failed unexpectedly", self._label)
                await asyncio.sleep(SOCKET_BACKOFF.cap)

    # --- the socket ----------------------------------------------------------

    async def _listen(self) -> None:
        """Subscribe, and take events in until the socket closes."""
        await self._wanted.wait()
        opened_at = self._clock.monotonic()
        try:
            async with aclosing(self._server.listen()) as events:
                async for event in events:
                    match event:
                        case Connected():
                            self._live = True
                            self._tried.set()
                            if not self._opening:
                                # What happened without a socket was not told.
                                self._missed = True
                                self._hinted.set()
                        case Changed():
                            self._take(event)
        except ServerError as err:
            _LOGGER.debug("%s: no socket: %r", self._label, err)
        finally:
            was_live, self._live = self._live, False
            self._tried.set()
        if was_live and self._clock.monotonic() - opened_at >= STEADY:
            self._failures = 0
        self._failures += 1
        if was_live:
            # A server that goes down closes its sockets, as a proxy does now and
            # then: let the relay ask which it was.
            self._report(Unreachable("the socket was closed"))
        await asyncio.sleep(SOCKET_BACKOFF.delay(self._failures, self._rng))
        if self._lane.health.phase is not Phase.READY:
            self._wanted.clear()  # open() comes when the server is back

    # --- hints ---------------------------------------------------------------

    def _take(self, change: Changed) -> None:
        now = self._clock.monotonic()
        for item_id in change.item_ids:
            self._due[item_id] = [now + GATHER, *(now + one for one in change.again)]
        self._hinted.set()

    async def _follow_hints(self) -> None:
        """Look at what is due, all of it at once."""
        if self._missed:
            self._missed = False
            await self._reader.catch_up()
        if not self._due:
            self._hinted.clear()
            await self._hinted.wait()
        earliest = min(times[0] for times in self._due.values())
        delay = earliest - self._clock.monotonic()
        if delay > 0:
            await asyncio.sleep(min(delay, GATHER))
            return
        horizon = self._clock.monotonic() + GATHER
        item_ids = frozenset(
            item_id for item_id, times in self._due.items() if times[0] <= horizon
        )
        for item_id in item_ids:
            self._due[item_id] = [one for one in self._due[item_id] if one > horizon]
            if not self._due[item_id]:
                del self._due[item_id]
        if self._lane.health.phase is Phase.READY:
            await self._reader.look(item_ids)

    # --- glances -------------------------------------------------------------

    async def _glance(self) -> None:
        """Look for what is not announced, and now and then at everything."""
        await asyncio.sleep(GLANCE)
        if self._lane.health.phase is not Phase.READY:
            return
        if self._clock.monotonic() - self._full_look_at >= FULL_LOOK:
            self._full_look_at = self._clock.monotonic()
            await self._reader.catch_up()
        elif not (self._live and self._server.capabilities.announces_marks):
            await self._reader.glance()
