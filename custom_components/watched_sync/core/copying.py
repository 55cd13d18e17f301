"""Copying rounds: hand what moved on one lane to the lanes that are to follow it.

Nothing is written here. What a move means on another lane becomes ordinary operations
in that lane's outbox, and is delivered, verified and told of like any other.
"""

from collections import Counter
from collections.abc import (
    Awaitable,
    Callable,
    Collection,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from datetime import timedelta
import logging

from .errors import (
    ItemGone,
    JournalError,
    ServerError,
    StillLooking,
    Unanswered,
    is_outage,
)
from .identity import Item, MediaKind, ProviderIds
from .lane import Lane, LaneClosed, LaneUpdate, Phase
from .matching import Shelf
from .mirror import (
    EMPTYING,
    Move,
    Moves,
    Skip,
    as_of,
    asked_since,
    cause_of,
    change_for,
    keeping_place,
    verdict,
)
from .operation import (
    Cause,
    CauseKind,
    Operation,
    Origin,
    Scope,
    folded,
)
from .outbox import OutboxFull, Result
from .play_state import UNKNOWN, PlayState, Reading, reading_of
from .ports import Clock, Find, MediaServer
from .reconcile import Policy, is_true_of

_LOGGER = logging.getLogger(__name__)

#: Answers that made no sense before a move is passed over.
MAX_ATTEMPTS = 8

#: Items that one round looks for in vain: a server that cannot look for ids lists its
#: whole library to say no.
MOST_MISSES = 20

#: Reads that one round lets fail while it looks for what spoils an answer.
MOST_FAILURES = 20

#: Questions that nobody answers in time before a round ends: each takes half a minute.
MOST_UNANSWERED = 3


@dataclass(frozen=True, slots=True)
class CopyTarget:
    """A lane that is to follow; *report* hears of reads there that failed.

    *find* looks for copies there and never takes long.
    """

    lane: Lane
    server: MediaServer
    find: Find
    policy: Policy
    report: Callable[[ServerError], None]
    allows: Callable[[Item], bool] = field(default=lambda _: True)


@dataclass(frozen=True, slots=True)
class NoTarget:
    """A lane that cannot be told now; `for_good` if there is none any more."""

    for_good: bool


@dataclass(frozen=True, slots=True)
class _Copy:
    """An item on another lane; `state` is set if it was read just now."""

    item: Item
    state: PlayState | None = None


class _NotNow(Exception):
    """It cannot be said yet which items are meant."""


class _Candidates:
    """What may be copies of a work on another lane, as it was read just now."""

    def __init__(self, readings: Iterable[Reading]) -> None:
        """Put what was read up once, however often it is asked."""
        self.readings = {one.item.item_id: one for one in readings}
        self.shelf = Shelf(one.item for one in self.readings.values())


@dataclass(slots=True)
class _Round:
    """What was found out while one lane is told of all that waits for it.

    It *is_online* if its server can be asked, and *is_listed* if its catalogue knows
    every copy there is.
    """

    target_id: str
    target: CopyTarget
    is_online: bool
    is_listed: bool
    shows: dict[ProviderIds, _Candidates] = field(default_factory=dict)
    misses: int = 0
    failures: int = 0
    unanswered: int = 0


class Copier:
    """Copies what moves on one lane to others, as long as it is attached to it."""

    def __init__(
        self,
        lane: Lane,
        server: MediaServer,
        moves: Moves,
        *,
        label: str,
        targets: Collection[str],
        find_target: Callable[[str], CopyTarget | NoTarget],
        one_at_a_time: AbstractAsyncContextManager[object],
        clock: Clock,
        max_age: timedelta,
        new_id: Callable[[], str],
        report: Callable[[ServerError], None],
        paused: Callable[[], bool] = lambda: False,
        allows: Callable[[Item], bool] = lambda _: True,
    ) -> None:
        """Copy from *lane* to *targets*, which *find_target* knows by these ids.

        *one_at_a_time* is shared by all copiers: two that copy to each other must not
        both decide before either has spoken. Moves older than *max_age* are given up.
        While *paused*, what others do is not noted. *report* hears of reads of this
        lane that failed.
        """
        self._lane = lane
        self._server = server
        self._moves = moves
        self._label = label
        self._targets = tuple(targets)
        self._find_target = find_target
        self._one_at_a_time = one_at_a_time
        self._clock = clock
        self._max_age = max_age
        self._new_id = new_id
        self._report = report
        self._paused = paused
        self._allows = allows
        self._attempts: Counter[tuple[str, str]] = Counter()
        #: What others show of items, copies of which gave way to what waits here.
        self._elsewhere: dict[str, PlayState] = {}
        if self._targets:
            if moves.since is None:
                moves.since = clock.now()
            lane.ledger.on_move = self._note
            lane.add_listener(self._hear)
        else:
            moves.clear()

    # --- what moves ------------------------------------------------------------

    def _note(self, known: Reading | None, reading: Reading) -> None:
        """Take in a step of the ledger, in the very moment that it is made."""
        cause = cause_of(self._lane.outbox.concerning(reading.item), reading)
        if (cause is None and self._paused()) or not self._allows(reading.item):
            return
        elsewhere = None
        if cause is not None and not cause.origin.is_copy:
            elsewhere = self._elsewhere.pop(reading.item.item_id, None)
        self._moves.note(
            None if known is None else known.state,
            reading,
            self._targets,
            cause=cause,
            now=self._clock.now(),
            clock_offset=self._server.clock_offset,
            elsewhere=elsewhere,
        )

    def _hear(self, update: LaneUpdate) -> None:
        """Take in which copies gave way here before they arrived."""
        for outcome in update.outcomes:
            copy = outcome.operation
            if outcome.result is Result.SUPERSEDED and copy.origin.is_copy:
                self._note_passed_over(copy)
        for item_id in list(self._elsewhere):
            item = self._lane.ledger.item(item_id)
            if item is None or not self._lane.outbox.concerning(item):
                del self._elsewhere[item_id]

    def _note_passed_over(self, copy: Operation) -> None:
        """Have the others told of what a person asked for instead of a *copy* to here.

        It is as if the copy had arrived, and been taken back: also where that was true
        already, so that nothing moves, or moves less than it does for the others.
        """
        outbox, reading = self._lane.outbox, self._lane.ledger.reading_of(copy.item)
        if reading is None or not self._allows(reading.item):
            return
        waiting = outbox.concerning(copy.item)
        asked = (
            waiting[-1]
            if waiting
            else asked_since(
                copy.asked_at, copy.item, waiting=(), history=outbox.history
            )
        )
        if asked is None or asked.origin.is_copy:
            return
        elsewhere = copy.change.apply(reading.state)
        if not is_true_of(asked.change, reading.state):
            self._elsewhere[reading.item.item_id] = elsewhere
            return
        self._moves.note(
            elsewhere,
            reading,
            self._targets,
            cause=asked,
            now=self._clock.now(),
            clock_offset=self._server.clock_offset,
            elsewhere=elsewhere,
        )

    # --- one round -------------------------------------------------------------

    async def copy(self) -> bool:
        """Copy what can be copied now; False if some of it has to be tried again.

        What waits for a lane that is away, for an operation that is under way or for a
        person does not count as that.
        """
        try:
            return await self._copy()
        except Exception:
            # A fault of ours in one item must not stop the copying for good.
            _LOGGER.exception("%s: copying failed unexpectedly", self._label)
            return False

    async def _copy(self) -> bool:
        now = self._clock.now()
        for move in self._moves:
            if now - move.moved_at > self._max_age:
                self._moves.give_up(move, Skip.TOO_OLD)
        is_many = self._moves.unmarks >= EMPTYING
        self._moves.hold_back(now, await self._lane.count_watched() if is_many else 0)
        done = True
        for target_id in {one: None for move in self._moves for one in move.before}:
            found = self._find_target(target_id)
            if target_id not in self._targets:
                found = NoTarget(for_good=True)
            if isinstance(found, CopyTarget):
                lane = found.lane
                is_online = lane.health.phase is Phase.READY
                is_listed = await lane.is_listed()
                done &= await self._tell(
                    _Round(target_id, found, is_online=is_online, is_listed=is_listed)
                )
            elif found.for_good:
                for move in self._moves:
                    if target_id in move.before:
                        self._moves.settle(move, target_id, Skip.NO_TARGET)
        return done

    def _ready(self, target_id: str) -> list[Move]:
        """Return what that lane can be told.

        An item for which an operation is under way is not done moving: if the operation
        wins, what was seen before does not matter any more.
        """
        return [
            move
            for move in self._moves
            if target_id in move.before
            and not move.held
            and not self._lane.outbox.concerning(move.item)
        ]

    async def _tell(self, one: _Round) -> bool:
        """Tell one lane; False if some of it has to be tried again.

        What is known there is read again, all of it at once. Only what is not known,
        or not there any more, is looked for at its server.
        """
        ready = self._ready(one.target_id)
        if not one.is_online:
            ready = [move for move in ready if one.target_id not in move.offered]
        found, done = await self._look_for(ready, one, self._find)
        if one.is_online:
            try:
                read = await self._read_again(one, found)
            except ServerError as err:
                _LOGGER.debug("%s: not read again: %r", self._label, err)
                one.target.report(err)
                return False
            there = {move.item.item_id for move, _ in read}
            gone = [move for move, _ in found if move.item.item_id not in there]
            more, all_done = await self._look_for(gone, one, self._ask_for)
            found, done = [*read, *more], done and all_done
        return await self._hand_over(one, found) and done

    async def _look_for(
        self,
        moves: Iterable[Move],
        one: _Round,
        look: Callable[[Move, _Round], Awaitable[list[_Copy] | Skip]],
    ) -> tuple[list[tuple[Move, list[_Copy]]], bool]:
        """Return what has copies there, and whether all of it could be looked for."""
        found: list[tuple[Move, list[_Copy]]] = []
        done = True
        for move in moves:
            if one.misses == MOST_MISSES:
                return found, False
            try:
                copies = await look(move, one)
            except _NotNow:
                continue
            except StillLooking:
                done = False
                continue
            except ServerError as err:
                done = False
                self._failed(move, one.target_id, err)
                if is_outage(err):
                    break
                if isinstance(err, Unanswered):
                    one.unanswered += 1
                    if one.unanswered == MOST_UNANSWERED:
                        break
                continue
            except Exception as err:  # noqa: BLE001 - one item's trouble is its own
                done = False
                self._failed(move, one.target_id, err)
                continue
            if isinstance(copies, Skip):
                self._skip(move, one.target_id, copies)
            else:
                found.append((move, copies))
        return found, done

    async def _read_again(
        self, one: _Round, found: Sequence[tuple[Move, list[_Copy]]]
    ) -> list[tuple[Move, list[_Copy]]]:
        """Read the copies that are only known; leave out of what one is not there."""
        unread = {
            copy.item.item_id for _, some in found for copy in some if not copy.state
        }
        readings = (
            await self._believed(await self._fetch(one, unread), one) if unread else {}
        )
        read: list[tuple[Move, list[_Copy]]] = []
        for move, some in found:
            shown = [copy for each in some if (copy := _as_read(each, readings))]
            if len(shown) == len(some):
                read.append((move, shown))
        return read

    async def _fetch(self, one: _Round, item_ids: Collection[str]) -> list[Reading]:
        """Read items of another lane; what spoils the answer for all is left out.

        Raises `ServerError` if the server cannot be asked at all.
        """
        try:
            return list((await one.target.server.fetch(item_ids)).values())
        except ServerError as err:
            one.failures += 1
            if _is_no_answer(err) or one.failures == MOST_FAILURES:
                raise
            _LOGGER.debug("%s: not read again: %r", self._label, err)
            one.target.report(err)
        if len(item_ids) == 1:
            return []
        ordered = sorted(item_ids)
        middle = len(ordered) // 2
        return [
            *await self._fetch(one, ordered[:middle]),
            *await self._fetch(one, ordered[middle:]),
        ]

    def _failed(self, move: Move, target_id: str, error: Exception) -> None:
        """Have a move wait for another attempt, or pass it over after so many.

        Neither an outage nor an answer that did not come in time is counted. A fault
        of ours in one item is logged once.
        """
        key = (move.item.item_id, target_id)
        if isinstance(error, ServerError) or self._attempts[key]:
            _LOGGER.debug("%s: not copied: %r", self._label, error)
        else:
            _LOGGER.error(
                "%s: copying failed unexpectedly", self._label, exc_info=error
            )
        if not (isinstance(error, ServerError) and _is_no_answer(error)):
            self._attempts[key] += 1
        if self._attempts[key] >= MAX_ATTEMPTS:
            self._skip(move, target_id, Skip.UNREADABLE)

    async def _hand_over(
        self,
        one: _Round,
        found: Iterable[tuple[Move, list[_Copy]]],
    ) -> bool:
        """Decide for all copies, and queue what is wanted as one batch."""
        target_id, outbox = one.target_id, one.target.lane.outbox
        batch_id = self._new_id()
        done = True
        async with self._one_at_a_time:
            operations: list[Operation] = []
            told: list[tuple[Move, list[Skip]]] = []
            for move, copies in found:
                current = self._moves.get(move.item.item_id)
                if current is not move or self._lane.outbox.concerning(move.item):
                    continue  # it moved on while we looked for it
                try:
                    made, skips = self._plan(one, move, copies, batch_id)
                    for operation in made:
                        one.target.lane.check(operation)
                except Exception as err:  # noqa: BLE001 - one item's trouble is its own
                    done = False
                    self._failed(move, target_id, err)
                    continue
                operations += made
                if made or not one.is_online:
                    # From here on it may be there, also if the item moves on before
                    # that is on disk. There may be more copies than a lane that is
                    # away knows of without asking.
                    told.append((self._moves.offer(move, target_id), []))
                else:
                    told.append((move, skips))
            if operations:
                try:
                    await one.target.lane.submit(operations)
                except (JournalError, LaneClosed, OutboxFull) as err:
                    _LOGGER.debug("%s: not copied: %r", self._label, err)
                    return False
        self._moves.copied += len(operations)
        if operations:
            _LOGGER.debug(
                "%s: copied %d changes, %d wait there",
                self._label,
                len(operations),
                len(outbox),
            )
        if one.is_online:
            for move, skips in told:
                self._skip(move, target_id, skips[0] if skips else None)
        return done

    def _skip(self, move: Move, target_id: str, reason: Skip | None) -> None:
        key = (move.item.item_id, target_id)
        self._attempts.pop(key, None)
        self._moves.settle(move, target_id, reason)
        if reason is not None:
            _LOGGER.debug(
                "%s: %s is not copied: %s", self._label, move.item.full_title, reason
            )

    def _plan(
        self, one: _Round, move: Move, copies: Sequence[_Copy], batch_id: str
    ) -> tuple[list[Operation], list[Skip]]:
        """Return the operations for all copies of one item, and why not for others."""
        operations: list[Operation] = []
        skips: list[Skip] = []
        for copy in copies:
            planned = self._plan_copy(one, move, copy, batch_id)
            if isinstance(planned, Skip):
                skips.append(planned)
            else:
                operations.append(planned)
        return operations, skips

    def _plan_copy(
        self, one: _Round, move: Move, copy: _Copy, batch_id: str
    ) -> Operation | Skip:
        """Return the operation for one copy, or why there is none."""
        target, lane = one.target, one.target.lane
        if not target.allows(copy.item):
            return Skip.NOT_ALLOWED
        before = move.before[one.target_id]
        change = change_for(
            move,
            before,
            copy.item,
            target.server.capabilities,
            self._server.clock_offset,
        )
        if isinstance(change, Skip):
            return change
        shown = copy.state or lane.ledger.base_of(copy.item) or UNKNOWN
        clock_offset, now = target.server.clock_offset, self._clock.now()
        waiting = lane.outbox.concerning(copy.item)
        judged = as_of(
            shown, lane.outbox.history, copy.item, clock_offset, waiting=waiting
        )
        change = keeping_place(change, judged, move, clock_offset=clock_offset, now=now)
        operation = Operation(
            operation_id=self._new_id(),
            batch_id=move.batch_id or batch_id,
            item=copy.item,
            change=change,
            asked_at=move.moved_at,
            origin=Origin.MIRROR,
            cause=Cause(CauseKind.MIRROR, self._label),
            base=None if waiting or shown.watched is None else shown,
        )
        later = asked_since(
            move.moved_at, copy.item, waiting=waiting, history=lane.outbox.history
        )
        if later is not None:
            return self._plan_before(operation, later, lane)
        skip = verdict(
            move,
            before,
            change,
            judged,
            waiting=waiting,
            policy=target.policy,
            clock_offset=clock_offset,
            now=now,
        )
        return skip or operation

    @staticmethod
    def _plan_before(copy: Operation, later: Operation, lane: Lane) -> Operation | Skip:
        """Return what a *copy* comes to of which something *later* was asked for.

        A position that was asked for alone has left the flag to the copy. Else nothing
        is left of it; whoever copies from that lane hears of that.
        """
        both = folded(copy, later)
        if later.scope is Scope.ITEM and both.change != later.change:
            return replace(both, operation_id=copy.operation_id)
        lane.pass_over(copy)
        return Skip.LATER_CHANGE

    # --- which items -------------------------------------------------------------

    async def _find(self, move: Move, one: _Round) -> list[_Copy] | Skip:
        """Return the copies on another lane, or why there are none.

        Raises `_NotNow` if that cannot be said yet, and `ServerError`.
        """
        if one.is_listed or not one.is_online:
            item = await self._with_show(move.item)
            found = Shelf(await one.target.lane.copies_of(item)).copies(item)
            if not isinstance(found, Skip):
                return [_Copy(copy) for copy in found]
            if not one.is_online:
                raise _NotNow  # it may know more when it is back
        return await self._ask_for(move, one)

    async def _ask_for(self, move: Move, one: _Round) -> list[_Copy] | Skip:
        """Return the copies that the server of another lane has, or why it has none.

        Raises `ServerError`, among them `StillLooking`.
        """
        item = await self._with_show(move.item)
        try:
            candidates = await self._candidates(item, one)
        except StillLooking:
            raise
        except ServerError as err:
            one.target.report(err)
            raise
        found = candidates.shelf.copies(item)
        if isinstance(found, Skip):
            one.misses += found is Skip.NOT_FOUND
            return found
        shown = await self._believed(
            (candidates.readings[copy.item_id] for copy in found), one
        )
        return [_Copy(copy, shown[copy.item_id].state) for copy in found]

    async def _believed(
        self, readings: Iterable[Reading], one: _Round
    ) -> dict[str, Reading]:
        """Return readings by item id, with what their lane knows from before.

        What may show what was shows what is known instead.
        """
        lane, readings = one.target.lane, list(readings)
        await lane.know(readings)
        return {
            reading.item.item_id: lane.ledger.knowing(
                replace(reading, state=lane.recent.state_of(reading))
            )
            for reading in readings
        }

    async def _with_show(self, item: Item) -> Item:
        """Return an episode with the ids of its show, which its own rows leave out."""
        if (
            item.kind is not MediaKind.EPISODE
            or item.show_provider_ids
            or item.show_id is None
        ):
            return item
        known = (await self._lane.known([item.show_id])).get(item.show_id)
        show = None if known is None else known.item
        if show is None or not show.provider_ids:
            if self._lane.health.phase is not Phase.READY:
                raise _NotNow
            try:
                found = await self._server.fetch([item.show_id])
            except ServerError as err:
                self._report(err)
                raise
            await self._lane.take_in(found.values())
            if item.show_id not in found:
                return item
            show = found[item.show_id].item
        return item.of_show(show)

    async def _candidates(self, item: Item, one: _Round) -> _Candidates:
        """Ask for what may be *item* on another lane."""
        target, show_ids = one.target, item.show_provider_ids
        if item.kind is MediaKind.EPISODE and show_ids:
            if show_ids not in one.shows:
                leaves = await _leaves(target, show_ids, item.show_title)
                one.shows[show_ids] = _Candidates(leaves)
            return one.shows[show_ids]
        if not item.provider_ids:
            return _Candidates(())
        return _Candidates(await target.find(item.kind, item.provider_ids, item.title))


def _is_no_answer(error: ServerError) -> bool:
    """Whether an error says nothing about the item that was asked for."""
    return is_outage(error) or isinstance(error, Unanswered)


def _as_read(copy: _Copy, readings: Mapping[str, Reading]) -> _Copy | None:
    """Return a copy as it is by now, None if it is not among what was read."""
    if copy.state is not None:
        return copy
    reading = reading_of(copy.item, readings)
    return None if reading is None else _Copy(copy.item, reading.state)


async def _leaves(
    target: CopyTarget, ids: ProviderIds, title: str | None
) -> list[Reading]:
    """Read the episodes of every copy of a show, each with the ids of its show."""
    found: list[Reading] = []
    for show in await target.find(MediaKind.SHOW, ids, title):
        try:
            leaves = await target.server.fetch_leaves(show.item)
        except ItemGone:
            continue  # listed still, and not there any more
        found += [replace(leaf, item=leaf.item.of_show(show.item)) for leaf in leaves]
    return found
