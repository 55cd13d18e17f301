"""Carry out a plan that a person has confirmed, and take it back: who has got how far.

A plan may have ten thousand steps, and a lane is handed a few of them at a time: what
somebody marks meanwhile does not wait behind all the others. Everything here is
bookkeeping, one `Part` for each lane that is written to. It can be lost for some
seconds without harm: each operation bears the number of its step, so that the outbox
and its history tell what was handed over and how it ended.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from ..identity import Item
from ..operation import Change, Operation, Origin, SetProgress, flag_of
from ..outbox import HistoryEntry, Outbox, Outcome, Result
from ..play_state import POSITION_TOLERANCE, UNKNOWN, PlayState, Reading
from ..undo import Kept, UndoPlan
from .plan import Step, StepNow

#: Steps a lane is handed at a time: as many as the relay reads with one request.
CHUNK = 100

#: Operations of a levelling that may wait for another attempt before a lane is handed
#: no more of it.
MOST_WAITING = 500


class End(StrEnum):
    """What became of one step."""

    DONE = "done"
    ALREADY_THERE = "already_there"
    CHANGED_SINCE = "changed_since"
    NOT_FOUND = "not_found"
    NOT_POSSIBLE = "not_possible"
    DISCARDED = "discarded"
    FAILED = "failed"


_ENDS = {
    Result.DELIVERED: End.DONE,
    Result.ALREADY_TRUE: End.ALREADY_THERE,
    Result.OVERRULED: End.CHANGED_SINCE,
    Result.SUPERSEDED: End.CHANGED_SINCE,
    Result.REJECTED: End.FAILED,
    Result.DISCARDED: End.DISCARDED,
}

_KEPT = {
    Kept.ALREADY_THERE: End.ALREADY_THERE,
    Kept.ALREADY_UNDONE: End.ALREADY_THERE,
    Kept.CHANGED_NOTHING: End.ALREADY_THERE,
    Kept.CHANGED_SINCE: End.CHANGED_SINCE,
    Kept.NOT_POSSIBLE: End.NOT_POSSIBLE,
    Kept.NOT_READ: End.NOT_FOUND,
}

_NOW = {
    StepNow.DONE: End.ALREADY_THERE,
    StepNow.MOVED: End.CHANGED_SINCE,
    StepNow.GONE: End.NOT_FOUND,
}


class State(StrEnum):
    """How far a levelling is, on one lane or on all of them."""

    RUNNING = "running"
    STOPPED = "stopped"
    FINISHED = "finished"
    UNDOING = "undoing"
    UNDONE = "undone"


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of a step.

    `before` is what the item showed before it was written, None if nothing was, and
    `item_id` what it is known by since, where that is another id than in the plan.
    """

    end: End
    before: PlayState | None = None
    at: datetime | None = None
    item_id: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What a levelling was asked for: the plan's question in short.

    `title` is the one work it is about, None for all there are. `since` is the date
    from which plays count.
    """

    what: str
    side_ids: tuple[str, ...]
    source_ids: tuple[str, ...] = ()
    since: datetime | None = None
    title: str | None = None


@dataclass(slots=True)
class Part:
    """What a levelling does on one lane, step by step.

    `ends` are the ends of the steps that have one, by their numbers. If it *takes back*
    what was done, `back` holds the same of that. What is `on_its_way` waits in the
    outbox.
    """

    target_id: str
    steps: Sequence[Step]
    ends: dict[int, Ended] = field(default_factory=dict)
    takes_back: bool = False
    back: dict[int, End] = field(default_factory=dict)
    is_stopped: bool = False
    on_its_way: set[int] = field(default_factory=set)
    _first: int = 0

    @property
    def state(self) -> State:
        """How far it is."""
        if self.is_over:
            return State.UNDONE if self.takes_back else State.FINISHED
        if self.is_stopped:
            return State.STOPPED
        return State.UNDOING if self.takes_back else State.RUNNING

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to be done."""
        return not self.on_its_way and not any(self._left())

    def left(self, most: int) -> list[int]:
        """Return the numbers of the next steps to look at, at most so many."""
        found: list[int] = []
        for number in self._left():
            found.append(number)
            if len(found) == most:
                break
        return found

    def _left(self) -> Iterator[int]:
        """Yield what is neither done nor on its way, as numbers from 1 on."""
        is_first = True
        for number in range(self._first or 1, len(self.steps) + 1):
            if number in self.on_its_way or self._is_done(number):
                continue
            if is_first:
                self._first, is_first = number, False
            yield number

    def _is_done(self, number: int) -> bool:
        ended = self.ends.get(number)
        if not self.takes_back:
            return ended is not None
        return number in self.back or ended is None or ended.before is None

    def take_back(self) -> None:
        """Have what was done taken back from now on, and nothing else done."""
        self.takes_back, self.is_stopped, self._first = True, False, 0
        self.on_its_way.clear()

    def hand_over(self, numbers: Iterable[int]) -> None:
        """Note that steps are in the outbox."""
        self.on_its_way.update(numbers)

    def keep(self, numbers: Iterable[int]) -> None:
        """Note that they are not in it after all."""
        self.on_its_way.difference_update(numbers)
        self._first = 0

    def end(self, number: int, ended: Ended) -> None:
        """Note the end of a step."""
        if not self.takes_back:
            self.on_its_way.discard(number)
        self.ends[number] = ended

    def end_back(self, number: int, end: End) -> None:
        """Note what became of taking a step back."""
        self.on_its_way.discard(number)
        self.back[number] = end

    def item_id(self, number: int) -> str:
        """Return what the item of a step is known by."""
        ended = self.ends.get(number)
        return (ended and ended.item_id) or self.step(number).item_id

    def step(self, number: int) -> Step:
        """Return a step by its number."""
        return self.steps[number - 1]

    @property
    def tally(self) -> dict[str, int]:
        """How many steps there are, and how many have ended in which way.

        `left` are those that have not ended, on their way or not.
        """
        ends: Counter[End] = Counter()
        if not self.takes_back:
            total = len(self.steps)
            ends.update(one.end for one in self.ends.values())
        else:
            ends.update(self.back.values())
            left = self.on_its_way.union(self._left())
            total = len(self.back.keys() | left)
        return {
            "total": total,
            "left": total - ends.total(),
            **{end.value: ends[end] for end in End},
        }


@dataclass(slots=True)
class Levelling:
    """A plan that is carried out: one batch, on one or more lanes.

    `undo_batch_id` is the batch of what takes it back, once that was asked for.
    """

    batch_id: str
    plan_id: str
    asked_at: datetime
    asked: Asked
    parts: Mapping[str, Part]
    undo_batch_id: str | None = None
    ended_at: datetime | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to be done on any lane."""
        return all(part.is_over for part in self.parts.values())

    @property
    def state(self) -> State:
        """How far it is; it runs as long as it does so on one lane."""
        states = {part.state for part in self.parts.values()}
        return next(
            state
            for state in (
                State.UNDOING,
                State.RUNNING,
                State.STOPPED,
                State.UNDONE,
                State.FINISHED,
            )
            if state in states
        )

    # --- the operations of the steps -------------------------------------------

    def operation_id(self, target_id: str, number: int, *, back: bool = False) -> str:
        """Return the id of the operation of a step, or of what takes it back."""
        batch_id = self.undo_batch_id if back else self.batch_id
        return f"{batch_id}.{target_id}.{number}"

    def number_of(self, operation: Operation) -> int | None:
        """Return the number of the step an operation is of; None for all others."""
        if operation.batch_id not in (self.batch_id, self.undo_batch_id):
            return None
        number = operation.operation_id.rpartition(".")[2]
        return int(number) if number.isdecimal() else None

    def operation(
        self, part: Part, number: int, reading: Reading, now: datetime
    ) -> Operation:
        """Return the operation of a step whose item shows *reading*."""
        return Operation(
            operation_id=self.operation_id(part.target_id, number),
            batch_id=self.batch_id,
            item=reading.item,
            change=part.step(number).change,
            asked_at=now,
            origin=Origin.LEVEL,
            # Whatever the server shows else by then is somebody's doing.
            base=reading.state,
        )

    # --- how they end ----------------------------------------------------------

    def take_in(self, part: Part, outcome: Outcome, now: datetime) -> bool:
        """Note how an operation ended, if it is of a step; whether it is."""
        operation = outcome.operation
        number = self.number_of(operation)
        if number is None or not 0 < number <= len(part.steps):
            return False
        if operation.batch_id == self.undo_batch_id:
            part.end_back(number, _ENDS[outcome.result])
        else:
            part.end(number, _ended(part.step(number), operation, outcome.result, now))
        return True

    def catch_up(self, part: Part, outbox: Outbox) -> None:
        """Take in what the outbox knows and was not noted when we ended the last time.

        To be done before anything is handed over.
        """
        for entry in outbox.history:
            self._catch_up_with(part, entry.operation, entry.result, entry.settled_at)
        for operation in outbox.rejected:
            self._catch_up_with(part, operation, Result.REJECTED, operation.asked_at)
        for operation in outbox:
            number = self.number_of(operation)
            is_back = operation.batch_id == self.undo_batch_id
            if number is not None and is_back is part.takes_back:
                part.on_its_way.add(number)

    def _catch_up_with(
        self, part: Part, operation: Operation, result: Result, at: datetime
    ) -> None:
        number = self.number_of(operation)
        if number is None or not 0 < number <= len(part.steps):
            return
        if operation.batch_id == self.undo_batch_id:
            if number not in part.back:
                part.end_back(number, _ENDS[result])
        elif (known := part.ends.get(number)) is None or known.end is End.FAILED:
            part.end(number, _ended(part.step(number), operation, result, at))


def _ended(step: Step, operation: Operation, result: Result, at: datetime) -> Ended:
    item_id = operation.item.item_id
    before = operation.before.get(item_id)
    return Ended(
        _ENDS[result],
        before if result is Result.DELIVERED else None,
        at,
        None if item_id == step.item_id else item_id,
    )


# --- what to do now --------------------------------------------------------------


def verdict(
    step: Step,
    reading: Reading | None,
    source: Reading | None,
    others: Iterable[Operation],
) -> End | None:
    """Say why a step is not to be taken any more; None if it is.

    *reading* is what is known of its item now, *source* the same of the item it
    follows, None where that cannot be told. *others* are operations of somebody else
    that wait, were given up, or were carried out since the levelling was asked for.
    """
    if reading is None:
        return End.NOT_FOUND
    if (end := _NOW.get(step.now(reading))) is not None:
        return end
    if any(one.reaches(reading.item) for one in others):
        return End.CHANGED_SINCE
    if source is not None and has_moved(step.change, source.state):
        return End.CHANGED_SINCE
    return None


def has_moved(change: Change, source: PlayState) -> bool:
    """Whether a source that shows this is no reason for *change* any more."""
    source = source.keeping_flag()
    if source.watched is None:
        return False
    if flag_of(change) is not None:
        # A position that comes with a flag may be the one the item has already.
        return change.apply(source).watched is not source.watched
    return (
        isinstance(change, SetProgress)
        and abs(change.position - source.position) > POSITION_TOLERANCE
    )


def done_since(
    history: Sequence[HistoryEntry], levelling: Levelling
) -> list[Operation]:
    """Return what somebody else has asked for since a levelling was, and was done.

    Copies are not among it: they are what other lanes show.
    """
    found: list[Operation] = []
    for entry in reversed(history):
        if entry.settled_at < levelling.asked_at:
            break
        done = entry.operation
        if not done.origin.is_copy and done.asked_at >= levelling.asked_at:
            found.append(done)
    return found


# --- taking back -----------------------------------------------------------------


def remembered(
    levelling: Levelling, part: Part, items: Mapping[int, Item]
) -> list[HistoryEntry]:
    """Return what was done to *items*, by the numbers of their steps, as history.

    An outbox remembers so much of a batch and no more; what is to be taken back has to
    be known of all of it.
    """

    def entry(number: int, item: Item) -> HistoryEntry:
        ended = part.ends[number]
        operation = Operation(
            operation_id=levelling.operation_id(part.target_id, number),
            batch_id=levelling.batch_id,
            item=item,
            change=part.step(number).change,
            asked_at=levelling.asked_at,
            origin=Origin.LEVEL,
            before={item.item_id: ended.before or UNKNOWN},
        )
        settled_at = ended.at or levelling.asked_at
        return HistoryEntry(operation, Result.DELIVERED, settled_at)

    return [entry(number, item) for number, item in items.items()]


def kept_back(plan: UndoPlan, numbers: Mapping[str, int]) -> dict[int, End]:
    """Return what an undo leaves as it is, by the numbers of the steps, and why."""
    return {
        numbers[one.item.item_id]: _KEPT[one.why]
        for one in plan.untouched
        if one.item.item_id in numbers
    }
