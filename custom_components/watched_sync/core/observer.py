"""The loops that notice what others change on a server.

Frames of a socket are hints: they say where to look, never what is there. The truth
is read again, batched, by the `Reader` handed in. What a server does not announce is
found by a cheap glance every now and then: a server that counts cheaply is asked how
much is not watched, and looked at where that is not what is known. While the lane is
down nothing is asked at all: the relay's probe finds out when the server is back, and
opens the eyes again before it delivers.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import aclosing, suppress
from itertools import islice
import logging
from typing import Protocol

from .backoff import Backoff
from .errors import (
    AuthRejected,
    ServerError,
    Unreachable,
    Unsupported,
    WrongServer,
)
from .lane import Lane, LaneUpdate, Phase
from .ports import Changed, Clock, Connected, MediaServer, Random, Told
from .recent import LOOK_AGAIN

_LOGGER = logging.getLogger(__name__)

#: Seconds in which hints are gathered for one look: a season marked elsewhere arrives
#: as many.
GATHER = 0.3

#: Looks in a row, and the seconds after which another one is allowed: a library that is
#: scanned hints for hours.
LOOKS = 60
NEXT_LOOK = 3.0

#: Items of one look, at most; the others are looked at next.
LOOK_BATCH = 500

#: Seconds between two glances at a server that does not announce marks, or whose
#: socket cannot be had: a look at what was played last and what is shown, which takes
#: three requests, or four where three libraries are allowed.
GLANCE = 32.0

#: The same where a server counts: most glances are two counts then, and every so many
#: are a look as well. So there are fewer than six requests a minute, and what was
#: changed by hand is told within 35 s, of which some are left for listing a library; a
#: mark and an un-mark that leave a count as it was, within three minutes.
COUNTING_GLANCE = 28.0
LOOK_EVERY = 6

#: Seconds without any change, or hint of one, after which nobody seems to be about, and
#: those between two glances from then on, until there is one: fewer than two requests
#: a minute, and what is changed by hand meanwhile is noticed within the longer time.
#: Without a socket, which gives the hints, nothing slows down.
QUIET = 3600.0
QUIET_GLANCE = 120.0

#: Seconds after which everything known is read again although nothing happened.
FULL_LOOK = 4 * 3600.0

#: Seconds a connection may take before delivering goes on without it.
PATIENCE = 5.0

#: Seconds after which a socket that closed counts as one that had worked.
STEADY = 30.0

#: Delays before asking for a socket again: of a server that may be back any moment,
#: and of one that has said no.
SOCKET_BACKOFF = Backoff(base=1.0, cap=60.0)
REFUSED_BACKOFF = Backoff(base=60.0, cap=900.0, floor=30.0)

#: Delays between two looks at everything for what may have been missed. A socket that
#: comes and goes is no reason to read everything all the time.
FULL_LOOK_BACKOFF = Backoff(base=5.0, cap=3600.0, floor=2.0)

#: Delays before looking again at what could not be read.
FAILED_LOOK_BACKOFF = Backoff(base=5.0, cap=300.0, floor=2.0)

#: Failed attempts at a socket, one after the other, that are reported.
_REPORTED_FAILURES = 2

_REFUSALS = (AuthRejected, Unsupported, WrongServer)


class Reader(Protocol):
    """Whoever reads the truth and takes it over; every method raises `ServerError`."""

    async def catch_up(self) -> None:
        """Read everything known again: events may have been missed."""
        ...

    async def look(self, item_ids: frozenset[str]) -> None:
        """Read these items again; an empty set means: see what is shown."""
        ...

    async def glance(self) -> None:
        """Look, cheaply, for what the server does not announce."""
        ...


class UnwatchedCounts(Protocol):
    """Whoever can ask how much is not watched, and knows how much ought to be."""

    async def agree(self) -> bool | None:
        """Ask whether as much is unwatched as is known; None if nobody can say.

        Raises `ServerError`.
        """
        ...

    def find_out(self) -> None:
        """Have found, soon, what makes counts differ that did not agree."""
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
        missed: Callable[[], None] = lambda: None,
        counts: UnwatchedCounts | None = None,
    ) -> None:
        """Observe *server* for *reader*, and by its *counts*, where there are any.

        *report* hears of reads that failed and of sockets that closed. *missed* is
        called after each gap in which changes were not told, and ever again as long as
        it lasts: what is not known by the ledger may have changed.
        """
        self._tell_of_gap = missed
        self._lane = lane
        self._server = server
        self._reader = reader
        self._label = label
        self._report = report
        self._clock = clock
        self._rng = rng
        self._opened = False
        # The socket: whether it is wanted, was tried since, and stands.
        self._wanted = asyncio.Event()
        self._tried = asyncio.Event()
        self._live = False
        self._waits_for_lane = False
        self._failures = 0
        self._refusals = 0
        # Hints: when to look at what, and not before when.
        self._stirred = asyncio.Event()
        self._due: dict[str, tuple[float, ...]] = {}
        self._told: dict[str, Told] = {}
        self._batch = LOOK_BATCH
        self._failed_looks = 0
        self._due_all: float | None = None
        self._looks_left = float(LOOKS)
        self._looked_at = 0.0
        self._not_before = 0.0
        # Full looks: whether one is needed, and not before when.
        self._missed = False
        self._full_looks = 0
        self._full_look_at = 0.0
        self._next_full_look = 0.0
        # Glances: how many there were, and when something happened last.
        self._counts = counts
        self._glances = 0
        self._is_counting = False
        self._happened_at = clock.monotonic()
        self._has_happened = asyncio.Event()

    @property
    def is_live(self) -> bool:
        """Whether a subscription stands."""
        return self._live

    async def open(self) -> None:
        """Subscribe, then catch up: what comes before anything is written.

        A socket that cannot be had (a proxy may refuse it) holds nothing up; then
        only glances tell of changes. Of a lane that never was away nothing was
        missed. Raises `ServerError` if reading fails.
        """
        if self._opened and self._ready:
            return
        if not self._live:
            self._tried.clear()
            self._wanted.set()
            with suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    await self._tried.wait()
        self._opened = True
        self._tell_of_gap()
        await self._look_at_all()

    async def run(self) -> None:
        """Observe until cancelled."""

        def stirred(update: LaneUpdate) -> None:
            self._look_at_doubted(update.doubted)
            self._stirred.set()
            if self._waits_for_lane and self._ready:
                self._wanted.set()
            if update.before or update.outcomes:
                self._note_life()

        remove = self._lane.add_listener(stirred)
        try:
            async with asyncio.TaskGroup() as group:
                for loop in (self._listen, self._follow_hints, self._glance):
                    group.create_task(self._keep_going(loop))
        finally:
            remove()

    async def _keep_going(self, turn: Callable[[], Awaitable[None]]) -> None:
        """Take turns for ever; a fault of ours must not blind us for good."""
        while True:
            try:
                await turn()
            except ServerError as err:
                self._tell(err)
            except Exception:
                _LOGGER.exception("%s: observing failed unexpectedly", self._label)
                await asyncio.sleep(SOCKET_BACKOFF.cap)

    @property
    def _ready(self) -> bool:
        return self._lane.health.phase is Phase.READY

    def _tell(self, error: ServerError) -> None:
        """Report, unless it is known that the server is away."""
        if self._ready:
            self._report(error)

    # --- the socket ----------------------------------------------------------

    async def _listen(self) -> None:
        """Subscribe, take events in until the socket closes, and wait a little."""
        await self._wanted.wait()
        self._wanted.clear()
        self._waits_for_lane = False
        began_at = self._clock.monotonic()
        error: ServerError | None = None
        try:
            async with aclosing(self._server.listen()) as events:
                async for event in events:
                    match event:
                        case Connected():
                            self._connected()
                        case Changed():
                            self.hint(event)
                            # A burst comes in many: others want to live as well.
                            await asyncio.sleep(0)
        except ServerError as err:
            _LOGGER.debug("%s: no socket: %r", self._label, err)
            error = err
        finally:
            was_live, self._live = self._live, False
            self._tried.set()
        if was_live and self._clock.monotonic() - began_at >= STEADY:
            self._failures = 0
        self._failures += 1
        self._refusals = self._refusals + 1 if isinstance(error, _REFUSALS) else 0
        if was_live:
            # A server that goes down closes its sockets, as a proxy does now and
            # then: let the relay ask which it was.
            self._tell(error or Unreachable("the socket was closed"))
        elif (
            error is not None
            and not isinstance(error, Unsupported)
            and self._failures <= _REPORTED_FAILURES
        ):
            # Later on it is no news: a proxy keeps us out while the server is there.
            self._tell(error)
        delay = (
            REFUSED_BACKOFF.delay(self._refusals, self._rng)
            if self._refusals
            else SOCKET_BACKOFF.delay(self._failures, self._rng)
        )
        with suppress(TimeoutError):
            async with asyncio.timeout(delay):
                await self._wanted.wait()
        if self._ready:
            self._wanted.set()
        else:
            # Until the server is back. That may be when open() has asked already, for
            # the socket that has closed since.
            self._waits_for_lane = True

    def _connected(self) -> None:
        self._live = True
        self._wanted.clear()
        self._tried.set()
        # What happened without a socket was not told; open() looks for it itself.
        self._miss()
        if self._opened:
            self._tell_of_gap()

    # --- hints ---------------------------------------------------------------

    def hint(self, change: Changed) -> None:
        """Note where to look, and when."""
        self._note_life()
        self._lane.recent.hear(change.item_ids)
        now = self._clock.monotonic()
        soon = now + GATHER
        if not change.item_ids:
            self._due_all = min(self._due_all or soon, soon)
        for item_id in change.item_ids:
            times = {soon, *(now + one for one in change.again)}
            known = self._due.get(item_id, ())
            if any(one <= soon for one in known):
                times.discard(soon)
            self._due[item_id] = tuple(sorted({*known, *times}))
            # What was hinted at without a word has to be looked at in any case.
            if item_id in change.told and (not known or item_id in self._told):
                self._told[item_id] = change.told[item_id]
            else:
                self._told.pop(item_id, None)
        self._stirred.set()

    def _look_at_doubted(self, item_ids: frozenset[str]) -> None:
        """Look once more at what may show what was: soon, then less and less often."""
        if not item_ids:
            return
        wait = self._rng.uniform(*LOOK_AGAIN)
        at = self._clock.monotonic() + max(
            wait, self._lane.recent.doubted_for(item_ids)
        )
        for item_id in item_ids:
            self._due[item_id] = tuple(sorted({*self._due.get(item_id, ()), at}))
            self._told.pop(item_id, None)

    def _miss(self) -> None:
        self._missed = True
        self._stirred.set()

    async def _follow_hints(self) -> None:
        """Do what is due next: a full look, or a look at all that was hinted at."""
        self._stirred.clear()
        now = self._clock.monotonic()
        if not (self._opened and self._ready):
            # Kept for then: they may be newer than what open() reads.
            await self._stirred.wait()
            return
        if self._missed and now >= self._next_full_look:
            await self._look_at_all()
            return
        times = [one[0] for one in self._due.values()]
        if self._due_all is not None:
            times.append(self._due_all)
        if times and now >= max(min(times), self._not_before):
            await self._look(now)
            return
        waits = [max(min(times), self._not_before)] if times else []
        if self._missed:
            waits.append(self._next_full_look)
        with suppress(TimeoutError):
            async with asyncio.timeout(min(waits) - now if waits else None):
                await self._stirred.wait()

    async def _look(self, now: float) -> None:
        """Look at what is due, or about to be."""
        item_ids, everything = self._take_due(now + GATHER)
        item_ids, is_new = await self._worth_reading(item_ids)
        everything |= is_new
        item_ids -= self._in_flight(item_ids)
        if not item_ids and not everything:
            await asyncio.sleep(0)
            return
        rested = (now - self._looked_at) / NEXT_LOOK
        self._looks_left = min(self._looks_left + rested, LOOKS) - 1
        self._looked_at = now
        self._not_before = now if self._looks_left >= 1 else now + NEXT_LOOK
        try:
            if everything:
                await self._reader.look(frozenset())
            if item_ids:
                await self._reader.look(frozenset(item_ids))
        except Exception:
            self._look_again(item_ids)
            raise
        self._failed_looks = 0
        self._batch = min(self._batch * 2, LOOK_BATCH)

    def _look_again(self, item_ids: Iterable[str]) -> None:
        """Have another look at items some time, as nobody will hint at them again.

        It may be one of them that cannot be read: next time fewer are read at once.
        """
        self._failed_looks += 1
        self._batch = max(self._batch // 2, 1)
        again = self._clock.monotonic() + FAILED_LOOK_BACKOFF.delay(
            self._failed_looks, self._rng
        )
        for item_id in item_ids:
            self._told.pop(item_id, None)
            # To the end of the queue, so that others get their turn.
            self._due[item_id] = tuple(sorted((again, *self._due.pop(item_id, ()))))

    async def _worth_reading(self, item_ids: set[str]) -> tuple[set[str], bool]:
        """Return what is not shown already by what was told, and whether lists may be.

        A folder or show that was never dealt with is none of ours; what is below it is
        told as well. An item that nobody knows and that was never played may be up
        next.
        """
        ledger = self._lane.ledger
        worth: set[str] = set()
        is_new = False
        said = {
            item_id: self._told.pop(item_id)
            for item_id in item_ids
            if item_id in self._told
        }
        listed = await self._lane.known(
            {item_id for item_id, told in said.items() if told.unwatched is None}
        )
        for item_id in item_ids:
            told = said.get(item_id)
            known = ledger.reading(item_id) or listed.get(item_id)
            if told is None:
                worth.add(item_id)
            elif known is not None:
                if item_id in ledger.absent or not told.is_shown_by(known):
                    worth.add(item_id)
            elif told.unwatched is None:
                if told.state.is_untouched:
                    is_new = True
                else:
                    worth.add(item_id)
        return worth, is_new

    def _take_due(self, horizon: float) -> tuple[set[str], bool]:
        """Take out what is due until *horizon*, a batch of it; the rest stays."""
        ripe = (item_id for item_id, one in self._due.items() if one[0] <= horizon)
        due = set(islice(ripe, self._batch))
        for item_id in due:
            self._set_due(item_id, [one for one in self._due[item_id] if one > horizon])
        everything = self._due_all is not None and self._due_all <= horizon
        if everything:
            self._due_all = None
        return due, everything

    def _set_due(self, item_id: str, times: Sequence[float]) -> None:
        if times:
            self._due[item_id] = tuple(times)
        else:
            self._due.pop(item_id, None)

    def _in_flight(self, item_ids: set[str]) -> set[str]:
        """Return those being written right now: the relay looks at them itself."""
        operations = self._lane.in_flight_operations
        if not operations:
            return set()
        ledger = self._lane.ledger
        return {
            item_id
            for item_id in item_ids
            if any(
                operation.item.item_id == item_id
                or ((item := ledger.item(item_id)) and operation.reaches(item))
                for operation in operations
            )
        }

    # --- full looks and glances ----------------------------------------------

    async def _look_at_all(self) -> None:
        """Read everything known; for a while only the relay makes us do so again."""
        now = self._clock.monotonic()
        if now - self._full_look_at > FULL_LOOK_BACKOFF.cap:
            self._full_looks = 0
        self._full_looks += 1
        self._full_look_at = now
        self._next_full_look = now + FULL_LOOK_BACKOFF.delay(
            self._full_looks, self._rng
        )
        # What was told until now of what is known will be read; what is told meanwhile
        # may be newer.
        for item_id, times in list(self._due.items()):
            if self._lane.ledger.item(item_id) is not None:
                later = tuple(one for one in times if one > now + GATHER)
                self._set_due(item_id, later)
        self._due_all = None
        self._missed = False
        try:
            await self._reader.catch_up()
        except Exception:
            self._miss()
            raise

    async def _glance(self) -> None:
        """Look for what is not announced, and now and then at everything."""
        await self._until_glance()
        if not (self._opened and self._ready):
            return
        if self._clock.monotonic() - self._full_look_at >= FULL_LOOK:
            self._miss()
        elif not (self._live and self._server.capabilities.announces_marks):
            await self._look_around()
            if self._server.capabilities.announces_marks:
                self._tell_of_gap()

    async def _look_around(self) -> None:
        """Compare the counts, and look where they differ or it is time to.

        What was marked is seen before it is counted: one that was un-marked beside it
        is what is left over.
        """
        is_due = self._glances % LOOK_EVERY == 0
        self._glances += 1
        if is_due:
            await self._reader.glance()
        agree = None if self._counts is None else await self._counts.agree()
        self._is_counting = agree is not None
        if agree:
            return
        if not is_due:
            await self._reader.glance()
        if self._counts is not None:
            self._counts.find_out()

    async def _until_glance(self) -> None:
        """Wait for the next glance, which comes the sooner once something happens."""
        began_at = self._clock.monotonic()
        while True:
            now = self._clock.monotonic()
            is_quiet = self._live and now - self._happened_at >= QUIET
            rhythm = COUNTING_GLANCE if self._is_counting else GLANCE
            left = began_at + (QUIET_GLANCE if is_quiet else rhythm) - now
            self._has_happened.clear()
            try:
                async with asyncio.timeout(left):
                    await self._has_happened.wait()
            except TimeoutError:
                return

    def _note_life(self) -> None:
        self._happened_at = self._clock.monotonic()
        self._has_happened.set()
