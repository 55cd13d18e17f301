"""Deliver operations: look, decide, write, verify, and judge each by itself.

An operation leaves the outbox only when a read has shown what was wanted. What the
answers mean for the lane as a whole is not decided here: the `LaneHealth` is asked.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
import logging
import math
from typing import Protocol

from .backoff import OPERATION_BACKOFF
from .concurrency import Concurrency
from .doubt import PATIENCE, Doubts, may_add_play
from .errors import (
    AuthRejected,
    Busy,
    Fault,
    Forbidden,
    ItemGone,
    JournalError,
    LaneDown,
    Missing,
    Parked,
    Reason,
    Rejected,
    RetryLater,
    ServerError,
    StillLooking,
    Unanswered,
    Unexpected,
    Unreachable,
    Verdict,
    WrongServer,
    classify,
    reason_of,
)
from .identity import Item, MediaKind
from .lane import Lane, LaneUpdate, Phase
from .operation import Change, MarkWatched, Operation, Scope, SetProgress, flag_of
from .outbox import Outcome, Result
from .play_state import PlayState, Reading, reading_of
from .ports import Clock, Find, MediaServer, Random
from .recent import LOOK_AGAIN
from .reconcile import (
    Accept,
    Decision,
    NoOp,
    Policy,
    Push,
    decide,
    elementary,
    in_scope,
    plan_tree,
    played_after,
)
from .rehoming import find_again

_LOGGER = logging.getLogger(__name__)

#: Answers that refused an operation before it is given up.
MAX_ATTEMPTS = 8

#: How long to wait before looking again for an item the server does not know.
MISSING_RECHECK = timedelta(hours=1)

#: The same while its library is read to find out.
LOOKING_RECHECK = timedelta(minutes=5)

#: How long to wait before asking again for what the server could not show in time:
#: three times as long as the clients wait for an answer.
SLOW_RECHECK = timedelta(seconds=90)

#: Seconds for which a reading is worth writing over. No server compares before it
#: writes, so what somebody watches between a look and a write is lost.
FRESH = 5.0

#: Errors after which no further request is sent before the server was asked how it is.
_HALTING = (Busy, Unreachable, AuthRejected, WrongServer)


@dataclass(frozen=True, slots=True)
class _Write:
    """Changes to send, in order, for one item now showing *state*.

    `leaves` is what the items concerned show now, by their ids.
    """

    operation_id: str
    item: Item
    changes: tuple[Change, ...]
    state: PlayState
    leaves: Mapping[str, PlayState]


@dataclass(slots=True)
class _Sent:
    """What became of a round of writes; the errors by the ids of the items written.

    `attempted` holds the first write of each operation: that to its item itself.
    """

    attempted: dict[str, _Write] = field(default_factory=dict)
    errors: dict[str, ServerError] = field(default_factory=dict)
    halted: ServerError | None = None


class LaneHealth(Protocol):
    """Whoever looks after the health of the lane."""

    async def is_there(self, halted: ServerError | None) -> bool:
        """Say whether to go on after requests, the last of which *halted* them.

        That may mean the server or this one item, so it is asked how it is.
        """
        ...

    def is_to_blame(self, faults: int) -> bool:
        """Say whether it is the server's fault that all *faults* writes have failed."""
        ...

    def has_written(self) -> None:
        """Note that a write was carried out."""
        ...

    async def reads_others(self, item: Item, error: ServerError) -> bool:
        """Say whether other items can be read, where *item* cannot because of *error*.

        Where none can it is the server's trouble, and the lane is taken down.
        """
        ...


class Delivery:
    """Deliver what it is handed to one server, and tell the lane what became of it."""

    def __init__(
        self,
        lane: Lane,
        server: MediaServer,
        host: LaneHealth,
        *,
        clock: Clock,
        rng: Random,
        policy: Policy,
        max_retry_age: timedelta,
        find: Find | None = None,
    ) -> None:
        """Deliver for *lane* to *server*; *host* judges the server by its answers.

        An operation whose item is missing for longer than *max_retry_age* is given up.
        *find* looks for it under another id and never takes long; the server's own
        where there is no other.
        """
        self._find = find or server.find
        self._lane = lane
        self._server = server
        self._host = host
        self._clock = clock
        self._rng = rng
        self._policy = policy
        self._max_retry_age = max_retry_age
        self._outcomes: list[Outcome] = []
        self._overtaken: list[Outcome] = []
        self._readings: list[Reading] = []
        #: How many operations were settled so far, of those that were told of.
        self.settled = 0
        self._doubts = Doubts(clock, rng)
        self._concurrency = Concurrency(lambda: server.capabilities.concurrency, clock)
        self._recall_doubts()
        #: Operations refused with a 401 or 403 before, by their ids.
        self._refused_once: set[str] = set()
        self._stopping = False
        self._answered = asyncio.Event()
        self._answered.set()
        lane.publish_delivered = self._publish_so_far

    async def deliver(self, operations: Sequence[Operation]) -> None:
        """Deliver operations that are due together: one tree, or a batch of items.

        Raises `ServerError` if reading failed, and `JournalError` if the before-states
        could not be saved; nothing was sent then. What was sent before a read failed is
        looked at again when it is delivered the next time.
        """
        if operations[0].scope is Scope.TREE:
            await self._deliver_tree(operations[0])
        else:
            await self._deliver_items(operations)

    def postpone(self, operation: Operation) -> None:
        """Have an operation wait whose item nobody would show us in time.

        The server is there and may be at work on it still, so it is not asked again at
        once; and as it has refused nothing, this is no attempt.
        """
        self._lane.outbox.update(
            replace(
                operation,
                not_before=self._clock.now() + SLOW_RECHECK,
                last_error=Reason.UNREACHABLE.value,
            )
        )
        self._lane.save_later()

    async def judge_failure(self, operation: Operation, error: ServerError) -> None:
        """Have an operation wait, or give it up, because of what befell its item.

        The server is there, so *error* is no outage.
        """
        if not self._tries_once_more(operation, error):
            await self._carry_out(operation, _verdict_on_item(error))

    async def stop(self, seconds: float) -> None:
        """Send nothing more, and wait up to *seconds* for answers to what was sent."""
        self._stopping = True
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._answered.wait()

    def publish(self) -> None:
        """Tell what has ended and what was read, and count what was settled."""
        outcomes = tuple(
            outcome
            for outcome in self._outcomes
            # One given up may have been asked for again before this is told.
            if outcome.result is not Result.REJECTED
            or self._lane.outbox.is_rejected(outcome.operation.operation_id)
        )
        update = LaneUpdate(
            outcomes, tuple(self._readings), overtaken=tuple(self._overtaken)
        )
        self._outcomes.clear()
        self._overtaken.clear()
        self._readings.clear()
        self._lane.publish(update)
        if update.outcomes:
            self._lane.save_later()
        self.settled += sum(
            one.result not in (Result.REJECTED, Result.SUPERSEDED) for one in outcomes
        )

    def _publish_so_far(self) -> None:
        """Tell of a delivery that has not come to its end, if there is anything yet."""
        if self._outcomes or self._overtaken or self._readings:
            self.publish()

    def judge(self, operation: Operation, reading: Reading) -> Decision:
        """Say what delivering *operation* would do to one item that shows *reading*.

        The state must be known. Nothing is sent.
        """
        item_id = reading.item.item_id
        is_item = operation.scope is Scope.ITEM
        base = operation.base if is_item else operation.bases.get(item_id)
        if self._lane.recent.is_ours(reading):
            base = reading.state  # known from our own write: nobody else has moved
        return self._decide(operation, reading, operation.before.get(item_id, base))

    async def _read_fresh[T](self, read: Callable[[], Awaitable[T]]) -> tuple[T, float]:
        """Return what *read* answers, and when it was asked; once more if it was slow.

        A server that is slow every time has to be written to all the same.
        """
        read_at = self._clock.monotonic()
        found = await read()
        if self._clock.monotonic() - read_at > FRESH:
            read_at = self._clock.monotonic()
            found = await read()
        return found, read_at

    # --- items -----------------------------------------------------------

    async def _deliver_items(self, operations: Sequence[Operation]) -> None:
        wanted_ids = {one.item.item_id for one in operations if not one.item.is_unseen}

        async def shown() -> Mapping[str, Reading]:
            return await self._server.fetch(wanted_ids) if wanted_ids else {}

        found, read_at = await self._read_fresh(shown)
        found = {one.item.item_id: one for one in await self._knowing(found.values())}
        doubted: dict[str, PlayState] = {}
        for operation in operations:
            if (reading := reading_of(operation.item, found)) is not None and not (
                self._leaves_flag_open(operation, reading)
            ):
                doubted |= self._contradicted(operation, [reading])
        await self._learn(
            one for item_id, one in found.items() if item_id not in doubted
        )
        files = await self._files_to_mark(operations, found)
        look_again_at = self._next_look_at()
        missing: list[Operation] = []
        wanted: dict[str, Operation] = {}
        writes: list[_Write] = []
        for operation in operations:
            reading = reading_of(operation.item, found)
            if reading is None:
                missing.append(operation)
                continue
            item_id = reading.item.item_id
            if item_id in doubted:
                if not self._lane.recent.was_looked_at_again(item_id):
                    self._wait_until(operation, look_again_at)
                    continue
                reading = replace(reading, state=doubted[item_id])
            unmarked = _unmarked(operation, files.get(item_id, ()))
            if (planned := self._look(operation, reading, unmarked)) is None:
                continue
            wanted[operation.operation_id], planned_writes = planned
            writes += planned_writes
        if writes:
            sent = await self._send_first(operations, writes, read_at + FRESH)
            if sent.attempted and await self._host.is_there(sent.halted):
                await self._verify_items([wanted[one] for one in sent.attempted], sent)
        for operation in missing:
            await self._search_again(operation)

    async def _files_to_mark(
        self, operations: Iterable[Operation], found: Mapping[str, Reading]
    ) -> Mapping[str, Sequence[Reading]]:
        """Read the further files of films that are to be marked, by the films' ids.

        A mark is meant for the film, however many files it has; a position belongs to
        the file that was played.
        """
        films = [
            reading.item
            for one in operations
            if flag_of(one.change) is not None
            and (reading := reading_of(one.item, found)) is not None
            and reading.has_more_files
        ]
        return await self._server.fetch_files(films) if films else {}

    def _look(
        self, operation: Operation, reading: Reading, unmarked: Sequence[Reading]
    ) -> tuple[Operation, list[_Write]] | None:
        """Compare and decide; return the operation and its writes if there are any.

        *unmarked* are further files of the item that do not show its mark.
        """
        item_id = reading.item.item_id
        if operation.item.kind is MediaKind.UNKNOWN and reading.item.kind.is_container:
            # Named by id alone while offline: a whole show was hardly meant.
            self._reject(operation, Reason.REFUSED)
            return None
        item = reading.item.completed_by(operation.item)
        operation = replace(operation, item=item, missing_since=None)
        remote = reading.state
        if remote.watched is None:
            self._retry_later(operation, Reason.MALFORMED)
            return None
        desired = operation.change.apply(remote)
        match self.judge(operation, reading):
            case NoOp():
                if self._may_be_turned(operation, [reading]):
                    return None
                if unmarked and self._lane.outbox.update(operation):
                    return operation, _file_writes(operation, unmarked)
                before = operation.before.get(item_id)
                ours = before is not None and not desired.means_the_same_as(before)
                self._settle(
                    operation,
                    Result.DELIVERED if ours else Result.ALREADY_TRUE,
                    remote,
                )
                if ours:
                    self._lane.outbox.agree({item_id: remote})
            case Accept():
                self._settle(operation, Result.OVERRULED, remote)
            case Push():
                if not self._server.capabilities.can_hold(
                    desired.position, reading.item.duration
                ):
                    self._reject(operation, Reason.UNSUPPORTED)
                    return None
                if self._may_be_marked(operation, elementary(operation.change, remote)):
                    return None
                operation = self._noting_before(
                    self._expecting(operation, [reading]), [reading]
                )
                if not self._lane.outbox.update(operation):
                    return None  # overtaken by a later operation while we were reading
                write = _Write(
                    operation.operation_id,
                    operation.item,
                    elementary(operation.change, remote),
                    remote,
                    {operation.item.item_id: remote},
                )
                return operation, [write, *_file_writes(operation, unmarked)]
        return None

    async def _verify_items(self, operations: Sequence[Operation], sent: _Sent) -> None:
        answer = await self._server.fetch({one.item.item_id for one in operations})
        found = {one.item.item_id: one for one in await self._learn(answer.values())}
        files = await self._files_to_mark(operations, found)
        confirmed: list[tuple[Operation, Reading]] = []
        failed: list[tuple[Operation, Verdict]] = []
        for operation in operations:
            reading = reading_of(operation.item, found)
            if reading is None:
                failed.append((operation, Missing()))
                continue
            # Compared with what was there at this write, not at an earlier attempt.
            written_over = sent.attempted[operation.operation_id].state
            wrong = _unmarked(operation, files.get(reading.item.item_id, ()))
            if not operation.change.apply(written_over).agrees_with(reading.state):
                wrong = [reading, *wrong]
            if wrong:
                errors = (sent.errors.get(one.item.item_id) for one in wrong)
                error = next(filter(None, errors), None)
                if self._tries_once_more(operation, error):
                    continue
                verdict = _verdict_on_listed(error)
                if error is None and self._is_not_kept(
                    operation, reading, written_over
                ):
                    verdict = Rejected(Reason.UNSUPPORTED)
                failed.append((operation, verdict))
            else:
                confirmed.append((operation, reading))
        for operation, reading in confirmed:
            if not self._may_be_turned(operation, [reading]):
                # Where the film was marked already, only further files of it were not.
                is_ours = operation.item.item_id in operation.before
                result = Result.DELIVERED if is_ours else Result.ALREADY_TRUE
                self._settle(operation, result, reading.state)
                self._lane.outbox.agree({operation.item.item_id: reading.state})
        if confirmed:
            self._host.has_written()
        elif (
            len(sent.errors) == len(operations)
            and all(isinstance(one, Fault | Unexpected) for one in sent.errors.values())
            and self._host.is_to_blame(len(failed))
        ):
            return
        for operation, verdict in failed:
            await self._carry_out(operation, verdict)

    def _tries_once_more(self, operation: Operation, error: ServerError | None) -> bool:
        """Whether a first 401 or 403 is not believed: it is due again at once.

        The server lets us in by now. It may have let nobody in a moment ago, when the
        request was refused: who is not allowed something is refused it again.
        """
        if not isinstance(error, Forbidden | AuthRejected):
            return False
        waiting = self._lane.outbox
        self._refused_once = {one for one in self._refused_once if one in waiting}
        is_first = operation.operation_id not in self._refused_once
        self._refused_once.add(operation.operation_id)
        return is_first

    def _is_not_kept(
        self, operation: Operation, reading: Reading, before: PlayState
    ) -> bool:
        """Whether the server keeps no such position, as it has shown a second time.

        Once may be chance. It was taken without an error, and the item shows what was
        there *before*.
        """
        change, duration = operation.change, reading.item.duration
        if (
            not isinstance(change, SetProgress)
            or operation.last_error != Reason.NOT_APPLIED
            or not duration
            or not reading.state.means_the_same_as(before)
        ):
            return False
        position = change.position
        self._server.note_position_not_kept(position, duration)
        return not self._server.capabilities.can_hold(position, duration)

    # --- shows and seasons -----------------------------------------------

    async def _deliver_tree(self, operation: Operation) -> None:
        if operation.item.is_unseen:
            await self._search_again(operation)
            return
        if not self._was_just_read(operation.item):
            shown = await self._server.fetch({operation.item.item_id})
            await self._learn(shown.values())
            if shown and reading_of(operation.item, shown) is None:
                await self._search_again(operation)
                return
        try:
            leaves, _ = await self._read_fresh(
                lambda: self._server.fetch_leaves(operation.item)
            )
        except ItemGone as err:
            # Hidden from this user, as in a write, or gone: a list of ids tells.
            shown = await self._server.fetch({operation.item.item_id})
            await self._learn(shown.values())
            is_listed = reading_of(operation.item, shown) is not None
            verdict = _verdict_on_listed(err) if is_listed else Missing()
            await self._carry_out(operation, verdict)
            return
        leaves = await self._knowing(leaves)
        listed = {leaf.item.item_id: leaf.item for leaf in leaves}
        outbox = self._lane.outbox
        if operation.operation_id not in outbox:
            return  # overtaken by a later operation while we were reading
        self._superseded(outbox.move_listed(operation, listed))
        self._superseded(outbox.gather(operation, listed))
        operation = outbox.get(operation.operation_id) or operation
        operation = operation.as_listed(listed.values())
        doubted = self._contradicted(operation, in_scope(operation, leaves))
        await self._learn(one for one in leaves if one.item.item_id not in doubted)
        if not all(map(self._lane.recent.was_looked_at_again, doubted)):
            self._wait_until(operation, self._next_look_at())
            return
        leaves = [
            replace(one, state=doubted.get(one.item.item_id, one.state))
            for one in leaves
        ]
        scope = in_scope(operation, leaves)
        if not scope:
            # Neither a show that suddenly lists nothing is done, nor one whose first
            # episodes the server has not read in yet: its mark would reach none.
            self._wait_until_there(operation, Reason.NO_EPISODES)
            return
        operation = replace(operation, missing_since=None)
        if any(leaf.state.watched is None for leaf in scope):
            self._retry_later(operation, Reason.MALFORMED)
            return
        decisions: dict[str, Decision] = {
            leaf.item.item_id: self.judge(operation, leaf) for leaf in scope
        }
        left_alone = {
            item_id
            for item_id, decision in decisions.items()
            if isinstance(decision, Accept)
        }
        steps = plan_tree(
            operation,
            leaves,
            decisions,
            self._server.capabilities,
            self._lane.recent.written_alone(),
        )
        if not steps:
            if self._may_be_turned(operation, scope):
                return
            # Whatever was written then, nobody has looked yet what it left behind.
            if not await self._is_whole(operation, leaves, operation.before):
                await self._write_singly(
                    operation, leaves, operation.before, left_alone
                )
                return
            self._settle(operation, _result_of_tree(operation, decisions))
            self._lane.outbox.agree(
                _carried_out(
                    operation, {leaf.item.item_id: leaf.state for leaf in scope}
                )
            )
            return
        if self._may_be_marked(operation, (operation.change,)):
            return
        pushed = [
            leaf for leaf in scope if isinstance(decisions[leaf.item.item_id], Push)
        ]
        earlier = operation
        operation = self._noting_before(
            self._expecting(operation, pushed), pushed
        ).noting(leaf.item for leaf in pushed)
        outbox = self._lane.outbox
        if not outbox.update(operation):
            return
        written = [leaf.item for step in steps for leaf in step.leaves]
        behind = outbox.leave_traces(operation, written, self._clock.now())
        try:
            await self._save([operation.operation_id])
        except JournalError:
            outbox.unsend((earlier, *behind))
            raise
        sent = await self._send(
            [
                _Write(
                    operation.operation_id,
                    step.item,
                    (step.change,),
                    step.leaves[0].state,
                    {leaf.item.item_id: leaf.state for leaf in step.leaves},
                )
                for step in steps
            ]
        )
        if sent.attempted and await self._host.is_there(sent.halted):
            swept = {
                leaf.item.item_id
                for step in steps
                if step.item.kind.is_container
                for leaf in step.leaves
            }
            await self._verify_tree(operation, left_alone, sent, swept)

    def _was_just_read(self, item: Item) -> bool:
        """Whether a show or season was seen to be the same a moment ago.

        Whoever asks for one has read it, most often: then it is as fresh as anything
        is that is written over. The listing of its episodes does not say what it is.
        """
        lane = self._lane
        return (
            lane.recent.was_read(item.item_id, FRESH)
            and lane.ledger.reading_of(item) is not None
        )

    async def _verify_tree(
        self,
        operation: Operation,
        left_alone: Collection[str],
        sent: _Sent,
        swept: Collection[str] = (),
    ) -> None:
        """Look whether every episode that is listed now shows what was wanted.

        That goes for those that were as wanted before, and for new ones, but not for
        those that were *left_alone*, as somebody else has the last word there. Those
        *swept* were marked with their season or show.
        """
        leaves = await self._learn(await self._server.fetch_leaves(operation.item))
        scope = in_scope(operation, leaves)
        wrong = [
            leaf
            for leaf in scope
            if leaf.item.item_id not in left_alone
            and not operation.change.apply(leaf.state).agrees_with(leaf.state)
        ]
        if scope and not wrong:
            self._host.has_written()
            if not await self._is_whole(operation, leaves, swept):
                await self._write_singly(operation, leaves, swept, left_alone)
                return
            if not self._may_be_turned(operation, scope):
                now = {leaf.item.item_id: leaf.state for leaf in leaves}
                self._settle(operation, Result.DELIVERED)
                self._lane.outbox.agree(_carried_out(operation, now))
            return
        if not scope:
            self._wait_until_there(operation, Reason.NO_EPISODES)
            return
        self._agree_on_part(operation, scope)
        refusals = (
            one
            for one in sent.errors.values()
            if isinstance(one, Forbidden | AuthRejected)
        )
        if not self._tries_once_more(operation, next(refusals, None)):
            await self._carry_out(operation, _verdict_on_tree(wrong, sent.errors))

    def _agree_on_part(self, operation: Operation, scope: Iterable[Reading]) -> None:
        """Let what waits know which part of a tree was carried out, and is certain."""
        certain = {
            leaf.item.item_id: leaf.state
            for leaf in scope
            if not self._doubts.about([leaf])
        }
        self._lane.outbox.agree(_carried_out(operation, certain))

    async def _is_whole(
        self,
        operation: Operation,
        leaves: Iterable[Reading],
        swept: Collection[str],
    ) -> bool:
        """Whether the mark of a container has left nothing as it was.

        One of the *swept* episodes tells, one that has changed.
        """
        if not self._server.capabilities.marks_containers:
            return True
        for leaf in leaves:
            before = operation.before.get(leaf.item.item_id)
            if (
                before is not None
                and leaf.item.item_id in swept
                and not before.agrees_with(leaf.state)
            ):
                return await self._server.is_whole(leaf)
        return True

    async def _write_singly(
        self,
        operation: Operation,
        leaves: Iterable[Reading],
        swept: Collection[str],
        left_alone: Collection[str],
    ) -> None:
        """Write once more, one by one, what the mark of a container has changed."""
        rest = [
            leaf
            for leaf in leaves
            if leaf.item.item_id in swept and leaf.item.item_id in operation.before
        ]
        sent = await self._send(
            [
                _Write(
                    operation.operation_id,
                    leaf.item,
                    (operation.change,),
                    leaf.state,
                    {leaf.item.item_id: leaf.state},
                )
                for leaf in rest
            ]
        )
        if sent.attempted and await self._host.is_there(sent.halted):
            await self._verify_tree(operation, left_alone, sent)

    def _decide(
        self, operation: Operation, reading: Reading, base: PlayState | None
    ) -> Decision:
        remote = reading.state
        if self._may_be_ours(operation, reading, base):
            before = operation.before.get(reading.item.item_id, remote)
            if (
                remote.watched
                and not before.watched
                and isinstance(operation.change, MarkWatched)
                and self._counts_again(operation.change)
            ):
                # A position that came late, over what we have marked, stays: only
                # another play would clear it.
                return NoOp()
            base = remote  # moved by nobody but ourselves
        return decide(
            base,
            operation.change,
            remote,
            asked_at=operation.asked_at,
            # Taking back what we did is no reason to take back what others did since.
            policy=self._policy if operation.undoes is None else Policy.SERVER,
            clock_offset=self._server.clock_offset,
            now=self._clock.now(),
        )

    def _may_be_ours(
        self, operation: Operation, reading: Reading, base: PlayState | None
    ) -> bool:
        """Whether what an item shows may have come of something we wrote before.

        What was played too late for that is not ours, whatever it left behind. A mark
        that comes late over a watched item dates it anew, and counts no play.
        """
        item_id, remote = reading.item.item_id, reading.state
        unsure_until = operation.unsure_until
        if unsure_until is not None and played_after(
            remote,
            max(unsure_until, operation.asked_at),
            self._server.clock_offset,
            self._clock.now(),
        ):
            own = replace(operation, traces={}).traces_on(item_id)
            return any(map(remote.means_the_same_as, own))
        if any(map(remote.means_the_same_as, operation.traces_on(item_id))):
            return True
        is_unsure = (
            unsure_until is not None or self._doubts.about_item(reading.item) > 0
        )
        return (
            is_unsure
            and base is not None
            and remote.means_the_same_as(base)
            and remote.play_count == base.play_count
        )

    def _noting_before(
        self, operation: Operation, shown: Iterable[Reading]
    ) -> Operation:
        """Have *operation* know what its items show that are about to be written to.

        What somebody else has made of one since we wrote first takes the place of what
        was there then: that is what we do away with. What an earlier write of ours may
        leave behind yet goes on being known.
        """
        moved: dict[str, PlayState] = {}
        for one in shown:
            before = operation.before.get(one.item.item_id)
            if before is None or not (
                one.state.means_the_same_as(before)
                or self._may_be_ours(operation, one, before)
            ):
                moved[one.item.item_id] = one.state
        noting = replace(operation, before={**operation.before, **moved})
        left = {
            item_id: tuple(
                trace
                for trace in operation.traces_on(item_id)
                if not any(map(trace.means_the_same_as, noting.traces_on(item_id)))
            )
            for item_id in moved
        }
        return noting.expecting(left)

    # --- writing ---------------------------------------------------------

    async def _send_first(
        self,
        operations: Sequence[Operation],
        writes: Sequence[_Write],
        fresh_until: float,
    ) -> _Sent:
        """Save the before-states, send, and forget those of what was never sent.

        After a crash between write and answer, only they tell "we did that" from "it
        was so already", and undo needs to know. Raises `JournalError`; nothing was
        sent then.
        """
        outbox = self._lane.outbox
        fresh = {one.operation_id: one for one in operations if not one.before}
        outbox.unsent = {one.operation_id for one in writes} & fresh.keys()
        try:
            await self._save(one.operation_id for one in writes)
            return await self._send(writes, fresh_until)
        finally:
            if outbox.unsent:
                outbox.unsend(fresh[operation_id] for operation_id in outbox.unsent)
                outbox.unsent = set()
                # Or another life of the process would take them for sent, and wait.
                self._lane.save_later()

    async def _save(self, operation_ids: Iterable[str]) -> None:
        """Have these operations on disk as they are now, before they are sent.

        Raises `JournalError`, and `Unstorable` if one of them cannot be written at all.
        """
        for operation_id in operation_ids:
            if (operation := self._lane.outbox.get(operation_id)) is not None:
                self._lane.check(operation)
        await self._lane.save_now()

    async def _send(
        self, writes: Sequence[_Write], fresh_until: float = math.inf
    ) -> _Sent:
        """Send writes, as many at once as do the server good; stop when it is gone.

        Shows and seasons come first and one after the other. No two of the writes are
        for the same item.

        Stop as well when something was written and it is later than *fresh_until*: the
        others are looked at again first. While all fail, all are tried, for that tells
        what the trouble is.
        """
        sent = _Sent()
        queue = deque(one for one in writes if one.item.kind.is_container)

        def is_stale() -> bool:
            return (
                len(sent.attempted) > len(sent.errors)
                and self._clock.monotonic() > fresh_until
            )

        async def work(number: int = 0) -> None:
            while (
                queue
                and sent.halted is None
                and not self._stopping
                and not is_stale()
                and number < self._concurrency.allowed
            ):
                write = queue.popleft()
                if write.operation_id not in self._lane.outbox:
                    continue  # overtaken by a later operation
                sent.attempted.setdefault(write.operation_id, write)
                self._lane.outbox.unsent.discard(write.operation_id)
                try:
                    await self._write(write)
                except _HALTING as err:
                    sent.errors[write.item.item_id] = err
                    sent.halted = err
                except ServerError as err:
                    sent.errors[write.item.item_id] = err
                except Exception as err:
                    # Of this write only: the others are under way, and to be heard.
                    _LOGGER.exception("A write failed unexpectedly")
                    sent.errors[write.item.item_id] = Unexpected(repr(err))

        self._answered.clear()
        try:
            await work()
            queue.extend(one for one in writes if not one.item.kind.is_container)
            most = self._server.capabilities.concurrency
            workers = min(most, self._concurrency.allowed, len(queue))
            if workers <= 1:
                await work()
            else:
                async with asyncio.TaskGroup() as group:
                    for number in range(workers):
                        group.create_task(work(number))
        finally:
            self._answered.set()
        return sent

    async def _write(self, write: _Write) -> None:
        shown, state = write.leaves, write.state
        self._doubts.write_follows(write.item)
        for change in write.changes:
            try:
                with self._concurrency.judging():
                    await self._server.write(write.item, change, state)
            except Unanswered, asyncio.CancelledError:
                self._note_doubt(write, self._as_sent(change, state), shown)
                if may_add_play(change):
                    self._lane.recent.may_have_marked(shown)
                raise
            shown = {item_id: change.apply(state) for item_id, state in shown.items()}
            state = change.apply(state)
            self._lane.recent.wrote(shown, alone=not write.item.kind.is_container)

    # --- reads that show what was ----------------------------------------

    def _contradicted(
        self, operation: Operation, shown: Iterable[Reading]
    ) -> dict[str, PlayState]:
        """Return what is known instead of what these show as wanted, by item id."""
        if not self._server.capabilities.shows_what_was:
            return {}
        return {
            one.item.item_id: known
            for one in shown
            if one.state.watched is not None
            and operation.change.apply(one.state).agrees_with(one.state)
            and (known := self._lane.recent.contradicts(one)) is not None
        }

    def _leaves_flag_open(self, operation: Operation, shown: Reading) -> bool:
        """Whether what a second look shows is believed, since the flag is not ours.

        A position is written whole, with the flag that the item has: what is known may
        be older than what somebody else has made of that. So if the flag is what
        differs, and we have not written it, a position alone that is there stays.
        """
        change, recent = operation.change, self._lane.recent
        if not isinstance(change, SetProgress) or change.watched is not None:
            return False
        item_id = shown.item.item_id
        known = recent.contradicts(shown)
        return (
            known is not None
            and known.watched is not shown.state.watched
            and recent.was_looked_at_again(item_id)
            and not recent.is_ours(replace(shown, state=known))
        )

    def _next_look_at(self) -> datetime:
        return self._clock.now() + timedelta(seconds=self._rng.uniform(*LOOK_AGAIN))

    def _wait_until(self, operation: Operation, at: datetime) -> None:
        self._lane.outbox.update(replace(operation, not_before=at))
        self._lane.save_later()

    # --- writes that nobody answered -------------------------------------

    def _as_sent(self, change: Change, state: PlayState) -> Change:
        """Return all that *change* does to an item showing *state*, whenever it comes.

        A position may take the flag along, and come after the mark of a later
        operation. To begin anew is an un-mark where positions are set by themselves.
        """
        if isinstance(change, SetProgress) and (
            self._server.capabilities.writes_whole or change.position == 0
        ):
            return replace(change, watched=state.watched)
        return change

    def _note_doubt(
        self, write: _Write, change: Change, before: Mapping[str, PlayState]
    ) -> None:
        """Remember that *change* may be carried out yet; a mark is not repeated."""
        self._doubts.note(write.item, change, before)
        outbox = self._lane.outbox
        waiting = outbox.get(write.operation_id)
        # Whatever has taken its place has to know of it in another life as well.
        until = self._clock.now() + PATIENCE
        if waiting is not None:
            outbox.update(replace(waiting, unsure_until=until, late_until=until))
        else:
            for one in outbox.concerning(write.item):
                outbox.update(replace(one, unsure_until=until))
        if waiting is not None and may_add_play(change):
            waiting = replace(waiting, last_error=Reason.UNREACHABLE.value)
            self._may_be_marked(waiting, (change,))
        self._lane.save_later()

    def _counts_again(self, change: Change) -> bool:
        return not self._server.capabilities.repeat_safe and may_add_play(change)

    def _may_be_marked(self, operation: Operation, changes: Iterable[Change]) -> bool:
        """Whether one of *changes* may be carried out already; then it has to wait."""
        seconds = self._unsure_for(operation.item, changes)
        if seconds:
            self._look_again(operation, seconds)
        return seconds > 0

    def _unsure_for(self, item: Item, changes: Iterable[Change]) -> float:
        """Return for how many seconds these *changes* must not be sent to *item*."""
        if any(map(self._counts_again, changes)):
            return self._doubts.about_marking(item)
        return 0.0

    def _may_be_turned(self, operation: Operation, shown: Iterable[Reading]) -> bool:
        """Whether what is *shown*, as it was wanted, may be turned round yet.

        Then the operation has to wait. What was left to somebody else is not looked at.
        """
        ours = [
            one
            for one in shown
            if operation.change.apply(one.state).agrees_with(one.state)
        ]
        seconds = self._doubts.about(ours)
        if seconds:
            traces = self._doubts.traces(ours)
            item_ids = {one.item.item_id for one in ours}
            self._look_again(operation.left_with(traces, item_ids), seconds)
        return seconds > 0

    def _expecting(self, operation: Operation, shown: Iterable[Reading]) -> Operation:
        """Have *operation* know what may become of its items once it is carried out."""
        wanted = [
            replace(one, state=operation.change.apply(one.state)) for one in shown
        ]
        traces = self._doubts.traces(wanted)
        if not traces:
            return operation
        until = self._clock.now() + timedelta(seconds=self._doubts.about(wanted))
        return replace(operation.expecting(traces), unsure_until=until)

    def _look_again(self, operation: Operation, unsure: float) -> None:
        """Look soon at what is unsure for some more seconds, then less and less often.

        It is noted down as well, for another life of the process.
        """
        now = self._clock.now()
        self._lane.outbox.update(
            replace(
                operation,
                not_before=now + timedelta(seconds=self._doubts.next_look(unsure)),
                unsure_until=now + timedelta(seconds=unsure),
            )
        )
        self._lane.save_later()

    def _recall_doubts(self) -> None:
        """Take over what another life of the process may have left under way.

        The life after this one has to know of it as well: what is shown then may have
        been made by either.
        """
        outbox = self._lane.outbox
        ended = (entry.operation for entry in outbox.history)
        self._doubts.recall(outbox, (*outbox.rejected, *ended))
        until = self._clock.now() + PATIENCE
        for one in [one for one in outbox if one.before]:
            outbox.update(
                replace(one, unsure_until=until, late_until=until).unsure_as(one)
            )

    def _noting_doubt(self, operation: Operation) -> Operation:
        """Have an operation that ends say until when its item may be written yet.

        What it shows is as it was wanted; a later operation may want something else, in
        another life of the process.
        """
        seconds = self._doubts.about_item(operation.item)
        if not seconds:
            # What may have come late has come.
            return replace(operation, late_until=None)
        until = self._clock.now() + timedelta(seconds=seconds)
        late_until = operation.late_until if operation.before else until
        later = replace(operation, unsure_until=until, late_until=late_until)
        return later.unsure_as(operation)

    # --- verdicts --------------------------------------------------------

    async def _carry_out(self, operation: Operation, verdict: Verdict) -> None:
        match verdict:
            case RetryLater(reason):
                self._retry_later(operation, reason)
            case Rejected(reason):
                self._reject(operation, reason)
            case Missing():
                await self._search_again(operation)
            case _:
                msg = f"{verdict!r} is no verdict about one operation"
                raise TypeError(msg)

    async def _search_again(self, operation: Operation) -> None:
        """Look for an item under another id; or wait until it is there again."""
        if self._lane.health.phase is not Phase.READY:
            return
        # A search may take long, and what has ended is waited for.
        self._publish_so_far()
        item, recheck = None, MISSING_RECHECK
        try:
            if operation.item.is_unseen:
                item = await self._lane.find_unseen(self._server, operation.item)
            else:
                item = await find_again(self._server, operation.item, self._find)
        except ItemGone:
            pass  # the search still lists what is not there any more
        except StillLooking:
            recheck = LOOKING_RECHECK
        except ServerError as err:
            is_about_item = not isinstance(err, (*_HALTING, Forbidden))
            if (
                await self._host.reads_others(operation.item, err)
                if is_about_item
                else await self._host.is_there(err)
            ):
                self._retry_later(operation, reason_of(err))
            return
        if item is not None:
            self._superseded(self._lane.outbox.move(operation, item))
            return
        self._wait_until_there(operation, Reason.MISSING, recheck)

    def _wait_until_there(
        self,
        operation: Operation,
        reason: Reason,
        recheck: timedelta = MISSING_RECHECK,
    ) -> None:
        """Look now and then for what is missing, until it is missing for too long."""
        now = self._clock.now()
        since = operation.missing_since or now
        if now - since > self._max_retry_age:
            self._reject(operation, reason)
            return
        self._lane.outbox.update(
            replace(
                operation,
                missing_since=since,
                not_before=now + recheck,
                last_error=reason.value,
            )
        )
        if operation.missing_since is None:
            # Else each life would begin to count anew.
            self._lane.save_later()

    def _retry_later(self, operation: Operation, reason: Reason) -> None:
        attempts = operation.attempts + 1
        if attempts >= MAX_ATTEMPTS:
            self._reject(replace(operation, attempts=attempts), reason)
            return
        delay = OPERATION_BACKOFF.delay(attempts, self._rng)
        if unsure := self._unsure_for(operation.item, (operation.change,)):
            delay = max(delay, self._doubts.next_look(unsure))
        self._lane.outbox.update(
            replace(
                operation,
                attempts=attempts,
                not_before=self._clock.now() + timedelta(seconds=delay),
                last_error=reason.value,
            )
        )
        self._lane.save_later()

    def _reject(self, operation: Operation, reason: Reason) -> None:
        operation = replace(
            self._noting_doubt(operation), last_error=reason.value, not_before=None
        )
        self._refused_once.discard(operation.operation_id)
        if self._lane.outbox.reject(operation):
            self._outcomes.append(Outcome(operation, Result.REJECTED, None, reason))

    def _superseded(self, operations: Iterable[Operation]) -> None:
        self._outcomes.extend(Outcome(one, Result.SUPERSEDED) for one in operations)

    def _settle(
        self, operation: Operation, result: Result, state: PlayState | None = None
    ) -> None:
        now = self._clock.now()
        operation = self._noting_doubt(operation)
        outcome = Outcome(operation, result, state)
        if not self._lane.outbox.settle(operation, result, now):
            # Overtaken by a later operation: that one decides.
            if result is Result.DELIVERED:
                self._overtaken.append(outcome)
            return
        self._lane.last_synced = now
        self._outcomes.append(outcome)

    async def _knowing(self, readings: Iterable[Reading]) -> list[Reading]:
        """Return what was read with what was known of it before."""
        readings = list(readings)
        await self._lane.know(readings)
        return [self._lane.ledger.knowing(one) for one in readings]

    async def _learn(self, readings: Iterable[Reading]) -> list[Reading]:
        """Take over what was read; return it with what was known of it before."""
        known = await self._knowing(readings)
        shown = {one.item.item_id: one for one in known}
        self._doubts.see(shown)
        self._readings.extend(self._lane.learn(shown.values()))
        return known


def _unmarked(operation: Operation, files: Iterable[Reading]) -> list[Reading]:
    """Return those of a film's further *files* that are not marked as wanted."""
    mark = flag_of(operation.change)
    if mark is None:
        return []
    return [one for one in files if not mark.apply(one.state).agrees_with(one.state)]


def _file_writes(operation: Operation, files: Iterable[Reading]) -> list[_Write]:
    """Return the writes that mark further *files* of a film."""
    mark = flag_of(operation.change)
    return [
        _Write(
            operation.operation_id,
            one.item,
            (mark,),
            one.state,
            {one.item.item_id: one.state},
        )
        for one in files
        if mark is not None
    ]


def _result_of_tree(operation: Operation, decisions: Mapping[str, Decision]) -> Result:
    """Name the end of a tree that needs no write (any more)."""
    if operation.before:
        return Result.DELIVERED
    if any(isinstance(decision, Accept) for decision in decisions.values()):
        return Result.OVERRULED
    return Result.ALREADY_TRUE


def _carried_out(
    operation: Operation, now: Mapping[str, PlayState]
) -> dict[str, PlayState]:
    """Return what we wrote to, by item id, and shows by *now* what was wanted."""
    return {
        item_id: now[item_id]
        for item_id, before in operation.before.items()
        if item_id in now and operation.change.apply(before).agrees_with(now[item_id])
    }


def _verdict_on_listed(error: ServerError | None) -> Verdict:
    """Say why a write had no effect on an item that the server lists.

    404 for what is listed means that this user may not: Jellyfin lists items by their
    ids also where it hides them from a user, and knows none of them in a write, nor
    where the episodes of a show are asked for.
    """
    match error:
        case None:
            return RetryLater(Reason.NOT_APPLIED)
        case ItemGone():
            return Rejected(Reason.FORBIDDEN)
        case _:
            return _verdict_on_item(error)


def _verdict_on_tree(
    wrong: Iterable[Reading], errors: Mapping[str, ServerError]
) -> Verdict:
    """Say why a tree is not carried out, by what befell the writes, by item id.

    *wrong* are the listed episodes that do not show what was wanted. What is left in
    the end are those that this user may not mark.
    """
    verdicts = [_verdict_on_listed(errors.get(one.item.item_id)) for one in wrong]
    forbidden = Rejected(Reason.FORBIDDEN)
    if all(verdict == forbidden for verdict in verdicts):
        return forbidden
    others = [one for one in errors.values() if not isinstance(one, ItemGone)]
    return _verdict_on_listed(others[0] if others else None)


def _verdict_on_item(error: ServerError) -> Verdict:
    """Judge a failed request for one item, knowing that the server is there."""
    verdict = classify(error)
    if isinstance(verdict, LaneDown | Parked):
        return RetryLater(reason_of(error))
    return verdict
