"""A lane: one server and one user; the one door through which operations enter.

The lane owns the outbox, the ledger and the health, writes the outbox to disk before
it says yes, and tells its listeners once per batch what changed. The relay delivers.
"""

import asyncio
from collections.abc import (
    Callable,
    Collection,
    Coroutine,
    Iterable,
    Mapping,
    Sequence,
)
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
import logging
from types import MappingProxyType
from typing import Any

from .catalogue import Selection
from .errors import CatalogueError, JournalError, Reason, Unstorable
from .failing_reads import FailingReads
from .identity import Item, MediaKind
from .ledger import Ledger
from .mistakes import Mistakes
from .operation import Operation, Scope
from .outbox import Outbox, OutboxFull, Outcome, Receipt, Result
from .play_state import PlayState, Reading
from .ports import Catalogue, Clock, Journal, MediaServer
from .recent import Recent
from .rehoming import find_unseen

_LOGGER = logging.getLogger(__name__)

#: What is asked for at one moment and written together, at most: more would hold
#: everybody else up.
MOST_AT_ONCE = 200

#: All that is watched, to be counted.
_WATCHED = Selection(
    kinds=frozenset({MediaKind.MOVIE, MediaKind.EPISODE}), watched=True, limit=0
)

_NO_STATES: Mapping[str, PlayState] = MappingProxyType({})


class LaneClosed(Exception):
    """The lane is shutting down and takes nothing in any more."""


class Phase(StrEnum):
    """Whether a lane can deliver."""

    READY = "ready"
    BACKING_OFF = "backing_off"
    PARKED = "parked"


@dataclass(frozen=True, slots=True)
class Health:
    """How a lane is, why, since when, and when it is tried again.

    `version` is the server's if that is why: one that is too old.
    """

    phase: Phase
    since: datetime
    reason: Reason | None = None
    failures: int = 0
    next_attempt: datetime | None = None
    version: str | None = None


@dataclass(frozen=True, slots=True)
class LaneUpdate:
    """What changed in one go: ended operations, fresh readings, or only health.

    `before` is what the items of the readings showed until then, by item id; whoever
    publishes leaves it out. An item that was not known before is not in it. `doubted`
    are items that are to be looked at again, as what was read of them may be what was;
    it is left out like `before`. `seen` are readings of what nobody has dealt with, and
    `gone` items that the server did not show when it was asked for them: news only to
    whoever keeps what is in the libraries. `overtaken` are operations that were carried
    out although they had given way to a later one, as their request was under way by
    then; they ended when they gave way.
    """

    outcomes: tuple[Outcome, ...] = ()
    readings: tuple[Reading, ...] = ()
    before: Mapping[str, PlayState] = field(default=_NO_STATES)
    doubted: frozenset[str] = frozenset()
    seen: tuple[Reading, ...] = ()
    gone: frozenset[str] = frozenset()
    overtaken: tuple[Outcome, ...] = ()


type LaneListener = Callable[[LaneUpdate], None]


@dataclass(frozen=True, slots=True)
class _Applied:
    """A change made in memory: what it ended, how to seal it, how to take it back."""

    seal: Callable[[], None]
    take_back: Callable[[], None]
    outcomes: tuple[Outcome, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class _Commit:
    """Something that must be on disk before its caller is answered.

    What is known of its *operations* is looked up before it is applied.
    """

    apply: Callable[[], _Applied]
    done: asyncio.Future[None]
    operations: Sequence[Operation] = ()


class Lane:
    """The outbox, ledger and health of one server and user."""

    def __init__(
        self,
        *,
        outbox: Outbox,
        ledger: Ledger,
        journal: Journal,
        clock: Clock,
        catalogue: Catalogue | None = None,
        create_task: Callable[
            [Coroutine[Any, Any, None]], asyncio.Task[None]
        ] = asyncio.create_task,
    ) -> None:
        """Take over what was stored; *create_task* starts the writer of the journal.

        That task must not be cancelled while it runs: callers wait for it. What the
        ledger does not remember is looked up in the *catalogue*, where there is one.
        """
        self.outbox = outbox
        self.ledger = ledger
        self.clock = clock
        self.recent = Recent(clock)
        self.health = Health(Phase.READY, clock.now())
        self.last_synced = max(
            (entry.settled_at for entry in outbox.history), default=None
        )
        self.in_flight: frozenset[str] = frozenset()
        #: Publishes what a delivery has read and ended so far, set by who delivers.
        self.publish_delivered: Callable[[], None] = lambda: None
        self.wake = asyncio.Event()
        self.reads = FailingReads(clock)
        self.mistakes = Mistakes()
        self._journal = journal
        self._catalogue = catalogue
        self._create_task = create_task
        self._commits: list[_Commit] = []
        self._writer: asyncio.Task[None] | None = None
        self._listeners: dict[object, LaneListener] = {}
        self._waiters: dict[str, list[asyncio.Future[Outcome]]] = {}
        self._doubted: set[str] = set()
        self._closed = False

    @property
    def in_flight_operations(self) -> Sequence[Operation]:
        """What is being sent or checked right now, as far as it is still wanted."""
        found = map(self.outbox.get, self.in_flight)
        return [operation for operation in found if operation is not None]

    # --- operations in ---------------------------------------------------------

    async def submit(self, operations: Sequence[Operation]) -> None:
        """Accept operations; when this returns they are on disk.

        All are accepted or none. Cancelling the caller does not take them back.
        Raises `JournalError` (nothing is queued then), among them `Unstorable`,
        `OutboxFull`, `LaneClosed`.
        """
        await self._commit(lambda: self._add(operations), operations)

    async def exchange(
        self, plan: Callable[[], tuple[Collection[str], Sequence[Operation]]]
    ) -> None:
        """Drop the operations named and accept others: all of it or nothing.

        *plan* says which, and is asked at the very moment, so that nothing it has seen
        of the lane can change before it is done. Raises what it raises, and nothing is
        dropped or queued then; other errors are those of `submit`.
        """

        def apply() -> _Applied:
            drop, accept = plan()
            dropped = self._drop(drop)
            try:
                added = self._add(accept)
            except Exception:
                dropped.take_back()
                raise

            def take_back() -> None:
                added.take_back()
                dropped.take_back()

            return _Applied(added.seal, take_back, dropped.outcomes + added.outcomes)

        await self._commit(apply)

    def pass_over(self, copy: Operation) -> None:
        """Publish that a *copy* of another lane gave way before it was accepted."""
        self.publish(LaneUpdate((Outcome(copy, Result.SUPERSEDED),)))

    async def retry(self, operation_ids: Collection[str] | None = None) -> int:
        """Queue given-up operations again (all for None); return how many.

        A waiting operation that is named is tried without further delay. Raises
        `JournalError`, `LaneClosed`.
        """
        revived: list[Operation] = []

        def apply() -> _Applied:
            given_up = {one.operation_id: one for one in self.outbox.rejected}
            revived.extend(self.outbox.revive(operation_ids))
            rejected = [
                given_up[one.operation_id]
                for one in revived
                if one.operation_id in given_up
            ]
            return _Applied(
                seal=lambda: None,
                take_back=lambda: self.outbox.put_back(
                    waiting=[
                        (self.outbox.place(one), one)
                        for one in revived
                        if one.held and one.operation_id in self.outbox
                    ],
                    rejected=rejected,
                ),
            )

        await self._commit(apply)
        return len(revived)

    async def discard(self, operation_ids: Collection[str] | None = None) -> int:
        """Drop operations (all given up for None); return how many.

        Raises `JournalError`, `LaneClosed`.
        """
        dropped: list[Operation] = []

        def apply() -> _Applied:
            applied = self._drop(operation_ids)
            dropped.extend(one.operation for one in applied.outcomes)
            return applied

        await self._commit(apply)
        return len(dropped)

    async def take_in(self, readings: Iterable[Reading]) -> None:
        """Compare what the server says of items with all that was known of them.

        What is news is published. So enters whatever was read, unless its reader awaits
        `know` by himself.
        """
        readings = list(readings)
        await self.know(readings)
        self.remember(readings)

    def remember(self, readings: Iterable[Reading]) -> None:
        """Take over what the server says of some items, and publish what is news.

        What the catalogue knows of them has to be known before, see `know`. What was
        delivered until now happened before that, and is published first.
        """
        self.publish_delivered()
        news = self.learn(readings)
        if news or self._doubted:
            self.publish(LaneUpdate(readings=tuple(news)))

    def learn(self, readings: Iterable[Reading]) -> list[Reading]:
        """Take over what the server says of some items; return what is news.

        What may be what was is not taken over: the next update says that it is to be
        looked at again. What is missing is looked for at once where its work is seen.
        """
        believed: list[Reading] = []
        seen_first: list[Item] = []
        missing = self.outbox.missing
        for one in readings:
            item_id = one.item.item_id
            known = self.ledger.reading(item_id)
            if known is not None and not known.item.is_still(one.item):
                self.recent.forget(item_id)
                known = None
            if self.recent.doubt(one):
                self._doubted.add(item_id)
                continue
            knowing = self.ledger.knowing(one)
            self.recent.see(None if known is None else known.state, knowing)
            believed.append(one)
            is_back = item_id in missing and missing[item_id].is_still(one.item)
            if is_back or known is None or not known.item.is_named_as(knowing.item):
                seen_first.append(knowing.item)
        news = self.ledger.remember(believed)
        self.look_for(seen_first)
        return news

    def note_library(self, seen: Iterable[Reading], gone: Collection[str]) -> None:
        """Tell of items that came or went, and that nobody has dealt with.

        What waits for one of those *seen* is tried at once. Those *gone* were not
        shown, which is to be looked at again before it is believed.
        """
        seen = tuple(seen)
        self.look_for([one.item for one in seen])
        if seen or gone:
            self.publish(LaneUpdate(seen=seen, gone=frozenset(gone)))

    def look_for(self, items: Collection[Item]) -> None:
        """Have looked for at once what is missing, where its work may be one of these.

        To be told of *items* that were not there before, or under other names.
        """
        if not items:
            return
        for reason in (Reason.MISSING, Reason.NO_EPISODES):
            if self.outbox.hasten(reason, items):
                self.wake.set()

    async def find_unseen(self, server: MediaServer, item: Item) -> Item | None:
        """Return what an item has turned out to be that was never seen, if it is there.

        Raises `ServerError`.
        """
        if self._catalogue is None:
            return None
        try:
            return await find_unseen(server, item, self._catalogue)
        except CatalogueError as err:
            _LOGGER.debug("What waits to be there cannot be looked up: %r", err)
            return None

    async def known(self, item_ids: Collection[str]) -> Mapping[str, Reading]:
        """Return what is known of items, whether they were dealt with or only listed.

        What the catalogue cannot tell just now is left out.
        """
        remembered = {
            item_id: reading
            for item_id in item_ids
            if (reading := self.ledger.reading(item_id)) is not None
        }
        others = set(item_ids) - remembered.keys()
        if self._catalogue is None or not others:
            return remembered
        try:
            return {**await self._catalogue.readings(others), **remembered}
        except CatalogueError as err:
            _LOGGER.debug("What is known of items cannot be looked up: %r", err)
            return remembered

    async def copies_of(self, item: Item) -> list[Item]:
        """Return what may be a work here, of what was dealt with or only listed.

        Which of them are, if one can be sure, is for `matching.Shelf` to say.
        """
        found = {
            one.item.item_id: self._newest(one).item
            for one in await self._listed_copies(item)
            if not self.ledger.is_anothers(one.item)
        }
        for one in self.ledger.sharing_ids(item):
            found.setdefault(one.item.item_id, one.item)
        return list(found.values())

    async def _listed_copies(self, item: Item) -> Sequence[Reading]:
        """Return what was listed of a work, as far as the catalogue can tell now."""
        if self._catalogue is None:
            return ()
        try:
            return await copies_of(item, self._catalogue)
        except CatalogueError as err:
            _LOGGER.debug("Copies of an item cannot be looked up: %r", err)
            return ()

    async def below(self, container: Item) -> list[Reading] | None:
        """Return the episodes of a show or season as they are known, in order.

        None as long as nobody has listed all there is, or where the catalogue cannot
        tell just now.
        """
        if self._catalogue is None:
            return None
        try:
            listed = await self._catalogue.below(container)
            progress = await self._catalogue.progress()
        except CatalogueError as err:
            _LOGGER.debug("Episodes cannot be looked up: %r", err)
            return None
        if progress.finished_at is None:
            return None
        return [
            self._newest(one) for one in listed if not self.ledger.is_anothers(one.item)
        ]

    async def is_listed(self) -> bool:
        """Whether the catalogue has all there was when it was last read."""
        if self._catalogue is None:
            return False
        try:
            progress = await self._catalogue.progress()
        except CatalogueError as err:
            _LOGGER.debug("It cannot be said what was listed: %r", err)
            return False
        return progress.finished_at is not None

    async def count_watched(self) -> int:
        """Return how many films and episodes are watched, as far as is known."""
        known = {
            one.item.item_id: one.state.watched is True
            for one in self.ledger
            if not one.item.kind.is_container
        }
        watched = sum(known.values())
        if self._catalogue is None:
            return watched
        try:
            listed = await self._catalogue.select(_WATCHED)
            of_those = await self._catalogue.readings(known.keys())
        except CatalogueError as err:
            _LOGGER.debug("What is watched cannot be counted: %r", err)
            return watched
        # The ledger is ahead of the catalogue by some seconds.
        before = sum(one.state.watched is True for one in of_those.values())
        return listed.total - before + watched

    def _newest(self, listed: Reading) -> Reading:
        """Return what the catalogue has of an item as the ledger knows it by now."""
        known = self.ledger.reading_of(listed.item)
        if known is None:
            return listed
        return replace(known, item=known.item.completed_by(listed.item))

    async def know(self, readings: Iterable[Reading]) -> None:
        """Have the ledger know what was known of the items of these *readings*.

        To be awaited before readings are compared: it is what they have moved from.
        What has another id now was listed under an earlier one; what it shows was shown
        before. What nobody has ever watched needs no base, so that a library that is
        scanned does not drive out of the ledger what it is for.
        """
        shown = {
            one.item.item_id: one
            for one in readings
            if not one.item.kind.is_container
            and self.ledger.reading(one.item.item_id) is None
        }
        known = await self.known(shown.keys())
        self.ledger.recall(
            one
            for item_id, one in known.items()
            if one.item.is_still(shown[item_id].item)
            and not (one.state.is_untouched and shown[item_id].state.is_untouched)
        )
        for item_id, one in shown.items():
            is_known = item_id in known and known[item_id].item.is_still(one.item)
            if is_known or one.state.is_untouched:
                continue
            copies = await self._listed_copies(one.item)
            self.ledger.recall(copy for copy in copies if not copy.state.is_untouched)

    async def ended(
        self, operation_ids: Collection[str], seconds: float
    ) -> Mapping[str, Outcome]:
        """Wait up to *seconds* for operations to end; return those that did.

        Superseded operations that ended before the call are not in the answer.
        """
        loop = asyncio.get_running_loop()
        futures: dict[str, asyncio.Future[Outcome]] = {
            operation_id: loop.create_future()
            for operation_id in operation_ids
            if operation_id in self.outbox and not self._closed
        }
        for operation_id, future in futures.items():
            self._waiters.setdefault(operation_id, []).append(future)
        if futures:
            await asyncio.wait(futures.values(), timeout=seconds)
        for operation_id, future in futures.items():
            if not future.done() and operation_id in self._waiters:
                self._waiters[operation_id].remove(future)
                if not self._waiters[operation_id]:
                    del self._waiters[operation_id]
        earlier = {
            operation_id: outcome
            for operation_id in operation_ids
            if operation_id not in futures
            and (outcome := self.outbox.outcome_of(operation_id)) is not None
        }
        return earlier | {
            operation_id: future.result()
            for operation_id, future in futures.items()
            if future.done() and not future.cancelled()
        }

    async def close(self) -> None:
        """Refuse new operations and wait until those being written are on disk.

        Whoever waits for an operation to end is told that it has not.
        """
        self._closed = True
        for futures in self._waiters.values():
            for future in futures:
                future.cancel()
        self._waiters.clear()
        if self._writer is not None:
            await asyncio.wait([self._writer])

    # --- news out ----------------------------------------------------------

    def add_listener(self, listener: LaneListener) -> Callable[[], None]:
        """Call *listener* once per batch of changes; return what removes it."""
        key = object()
        self._listeners[key] = listener

        def remove() -> None:
            self._listeners.pop(key, None)

        return remove

    def publish(self, update: LaneUpdate) -> None:
        """Tell everyone who waits or listens."""
        if update.readings:
            moves = self.ledger.take_moves(
                {one.item.item_id for one in update.readings}
            )
            update = replace(update, before=moves)
        if self._doubted:
            update = replace(update, doubted=frozenset(self._doubted))
            self._doubted.clear()
        for outcome in update.outcomes:
            for future in self._waiters.pop(outcome.operation.operation_id, ()):
                if not future.done():
                    future.set_result(outcome)
        for listener in list(self._listeners.values()):
            try:
                listener(update)
            except Exception:
                # Neither the others nor whoever delivers are to suffer from it.
                _LOGGER.exception("What changed was not taken in by everybody")

    def set_health(self, health: Health) -> None:
        """Change the health, without publishing."""
        if health.phase is self.health.phase and health.reason is self.health.reason:
            health = replace(health, since=self.health.since)
        if health.phase is not Phase.READY:
            self.recent.lose_contact()
        self.health = health

    async def _recall_bases(self, operations: Iterable[Operation]) -> None:
        """Have the ledger know what was known of what *operations* are for."""
        items: dict[str, Item] = {}
        for one in operations:
            if one.undoes is not None or one.base or one.bases:
                continue  # it says itself what it goes by
            if one.scope is Scope.ITEM:
                items[one.item.item_id] = one.item
            else:
                leaves = await self.below(one.item) or ()
                self.ledger.recall(
                    leaf for leaf in leaves if not leaf.state.is_untouched
                )
        known = await self.known(items.keys())
        self.ledger.recall(
            one for item_id, one in known.items() if items[item_id].is_still(one.item)
        )

    def _with_base(self, operation: Operation) -> Operation:
        """Note what both sides agree on now: what the server does later is its move.

        Whoever names an item may remember it from before its show and season got other
        ids; what waits for those has to be known as what it waits for.
        """
        if (read := self.ledger.reading_of(operation.item)) is not None:
            operation = replace(operation, item=operation.item.placed_as(read.item))
        if operation.undoes is not None or operation.base or operation.bases:
            return operation  # it says itself what it goes by
        if operation.scope is Scope.ITEM:
            if operation.item.item_id in self.ledger.absent:
                # It may have been read, and moved, under another id since.
                return operation
            return replace(operation, base=self.ledger.base_of(operation.item))
        known = [
            reading
            for reading in self.ledger
            if reading.state.watched is not None
            and not reading.item.kind.is_container
            and operation.reaches(reading.item)
        ]
        bases = {reading.item.item_id: reading.state for reading in known}
        return replace(operation, bases=bases).noting(one.item for one in known)

    def save_later(self) -> None:
        """Have the outbox written some time soon."""
        self._journal.save_later()

    def check(self, operation: Operation) -> None:
        """Raise `Unstorable` for an operation that could not be read again."""
        self._journal.check(operation)

    async def save_now(self) -> None:
        """Have the outbox written now. Raises `JournalError`."""
        await self._journal.save()

    # --- in memory, until it is on disk ------------------------------------

    def _add(self, operations: Iterable[Operation]) -> _Applied:
        """Take operations in, or none of them. Raises `OutboxFull`, `Unstorable`."""
        receipts: list[Receipt] = []

        def take_back() -> None:
            for receipt in reversed(receipts):
                self.outbox.take_back(receipt)

        try:
            for one in operations:
                operation = self._with_base(self.outbox.unseen_as(one))
                receipt = self.outbox.add(operation, staged=True)
                receipts.append(receipt)
                self.check(receipt.operation)
        except OutboxFull, Unstorable:
            take_back()
            raise
        return _Applied(
            seal=lambda: self.outbox.commit(receipts),
            take_back=take_back,
            outcomes=tuple(
                Outcome(overtaken, Result.SUPERSEDED)
                for receipt in receipts
                for overtaken in (*receipt.superseded, *receipt.superseded_rejected)
            ),
        )

    def _drop(self, operation_ids: Collection[str] | None) -> _Applied:
        """Drop the operations named, or for None all given up."""
        named = frozenset(operation_ids or ())
        waiting = {
            one.operation_id: (self.outbox.place(one), one)
            for one in self.outbox
            if one.operation_id in named
        }
        dropped = self.outbox.discard(operation_ids)
        rejected = [one for one in dropped if one.operation_id not in waiting]
        return _Applied(
            seal=lambda: None,
            take_back=lambda: self.outbox.put_back(
                waiting=waiting.values(), rejected=rejected
            ),
            outcomes=tuple(Outcome(one, Result.DISCARDED) for one in dropped),
        )

    # --- group commit ------------------------------------------------------

    async def _commit(
        self, apply: Callable[[], _Applied], operations: Sequence[Operation] = ()
    ) -> None:
        if self._closed:
            raise LaneClosed
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        # Nobody may be left to hear of a failure: mark it as heard.
        done.add_done_callback(_heard)
        self._commits.append(_Commit(apply, done, operations))
        if self._writer is None or self._writer.done():  # done: it began at once
            self._writer = self._create_task(self._write())
        # The writer goes on if the caller is cancelled: an automation in restart
        # mode cancels its running action, and half-written is not an answer.
        await asyncio.wait([done])
        done.result()

    async def _write(self) -> None:
        """Write group after group until nobody waits; later callers join the next."""
        try:
            while self._commits:
                group = self._commits[:MOST_AT_ONCE]
                await self._recall_bases(
                    one for commit in group for one in commit.operations
                )
                del self._commits[: len(group)]
                applied: list[tuple[_Commit, _Applied]] = []
                for commit in group:
                    try:
                        applied.append((commit, commit.apply()))
                    except Exception as err:  # noqa: BLE001 - raised to its caller
                        # Those who wait for the same write must not hang for it.
                        commit.done.set_exception(err)
                if applied:
                    await self._write_group(applied)
        finally:
            self._writer = None
            for commit in self._commits:
                commit.done.set_exception(LaneClosed())
            self._commits = []

    async def _write_group(self, applied: list[tuple[_Commit, _Applied]]) -> None:
        try:
            await self._journal.save()
        except BaseException as err:
            for commit, change in reversed(applied):
                change.take_back()
                commit.done.set_exception(
                    err if isinstance(err, JournalError) else LaneClosed()
                )
            self.publish(LaneUpdate())
            if not isinstance(err, JournalError):
                raise
            return
        for commit, change in applied:
            change.seal()
            commit.done.set_result(None)
        self.wake.set()
        self.publish(
            LaneUpdate(tuple(out for _, change in applied for out in change.outcomes))
        )


async def copies_of(item: Item, catalogue: Catalogue) -> list[Reading]:
    """Return what a catalogue has by a work's ids, or by its show's and its number."""
    found: list[Reading] = []
    if item.provider_ids:
        found += await catalogue.find(item.kind, item.provider_ids)
    if item.show_provider_ids and item.season is not None:
        for number in item.numbers:
            found += await catalogue.find_episodes(
                item.show_provider_ids, item.season, number
            )
    return found


def _heard(future: asyncio.Future[None]) -> None:
    if not future.cancelled():
        future.exception()
