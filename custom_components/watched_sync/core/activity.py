"""What happened on a lane, told once: what was delivered, what failed, what others did.

It is read out of what the lane publishes. What was read for the first time has not
happened now, and what our own writes cause is told once, when they are confirmed. What
a levelling changes was watched long ago: that is told as a whole when it is done, and
only what fails is told one by one.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
import math

from .errors import Reason
from .identity import Item
from .lane import LaneUpdate
from .ledger import Ledger
from .mistakes import Mistakes
from .operation import Operation, Origin, Scope
from .outbox import Outbox, Outcome, Result
from .play_state import POSITION_TOLERANCE, PlayState, Reading

#: Activities of one kind that are told one by one when they come at once.
MOST_AT_ONCE = 20

#: The same where each becomes a row in the history of Home Assistant.
MOST_IN_HISTORY = 3

#: What the origin of a change is called that somebody else made.
SERVER = "server"

_ARRIVED = (Result.DELIVERED, Result.ALREADY_TRUE, Result.OVERRULED)


class ActivityKind(StrEnum):
    """Kinds of activity."""

    WATCHED = "watched"
    UNWATCHED = "unwatched"
    PROGRESS = "progress"
    SYNC_FAILED = "sync_failed"
    QUEUE_DRAINED = "queue_drained"
    CONFLICT = "conflict"
    NOT_FOLLOWED = "not_followed"
    LEVELLED = "levelled"


class Lost(StrEnum):
    """Why what a player plays is not followed."""

    NOT_FOUND = "not_found"
    AMBIGUOUS = "ambiguous"
    NAMELESS = "nameless"
    UNKNOWN_EPISODE = "unknown_episode"
    UNKNOWN_USER = "unknown_user"
    OTHER_SERVER = "other_server"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class LostPlayback:
    """What a player plays that cannot be followed, in its own words, and why.

    `title` is None for something without a name.
    """

    player: str
    title: str | None
    why: Lost


@dataclass(frozen=True, slots=True)
class Activity:
    """One thing that happened.

    `state` is what the item shows now, where that is known. `operation` is ours that
    did it, failed or was overruled; None if somebody else changed the item. `reason`
    is why something failed. `again` says that the item was watched before as well.
    `delivered` is how many operations came to an end before the queue was empty.
    `left_out` counts the others of its kind that came at the same time and are not
    told. `playback` is what a player said that led to no item. `levelled` is what a
    levelling did here, now that it has ended or was stopped, as the answers of the
    action have it.
    """

    what: ActivityKind
    item: Item | None = None
    state: PlayState | None = None
    operation: Operation | None = None
    reason: Reason | None = None
    again: bool = False
    delivered: int = 0
    left_out: int = 0
    playback: LostPlayback | None = None
    levelled: Mapping[str, object] | None = None

    @property
    def origin(self) -> str:
        """Who asked for it: one of `Origin`, or `server` for anybody else."""
        return SERVER if self.operation is None else self.operation.origin


class Chronicle:
    """Tells what happened, update by update."""

    def __init__(self, outbox: Outbox, ledger: Ledger) -> None:
        """Begin with a lane's outbox and ledger; nothing has happened yet."""
        self._outbox = outbox
        self._ledger = ledger
        self._mistakes = Mistakes()
        self._delivered = 0

    def tell(self, update: LaneUpdate, *, observing: bool = True) -> list[Activity]:
        """Return what happened with this update, our own doings first.

        Unless *observing*, what somebody else changed is passed over.
        """
        told: list[Activity] = []
        ours: set[str] = set()
        shown = _shown_states(update)
        for _, (item_ids, ends) in self._mistakes.each(
            (*update.overtaken, *update.outcomes),
            lambda outcome: self._told_of(outcome, update.before, shown),
            "The end of a change could not be told of",
        ):
            ours.update(item_ids)
            told += [one for one in ends if observing or one.operation is not None]
        if observing:
            told.extend(self._observed_moves(update, ours))
        self._delivered += sum(
            one.result in _ARRIVED and not _is_of_levelling(one)
            for one in update.outcomes
        )
        if self._delivered and not len(self._outbox):
            told.append(Activity(ActivityKind.QUEUE_DRAINED, delivered=self._delivered))
            self._delivered = 0
        return told

    def _told_of(
        self,
        outcome: Outcome,
        known: Mapping[str, PlayState],
        shown: Mapping[str, Sequence[PlayState]],
    ) -> tuple[Collection[str], list[Activity]]:
        """Return the ids of the items that an operation wrote to, and what to tell.

        *known* is what items showed until now, and *shown* what they show in turn.
        """
        match outcome.result:
            case Result.DELIVERED:
                return {item.item_id for item, *_ in self._written(outcome)}, [
                    one
                    for one in self._delivered_moves(outcome, known, shown)
                    if one.operation is None or not _is_of_levelling(outcome)
                ]
            case Result.REJECTED:
                return (), [_ended(ActivityKind.SYNC_FAILED, outcome)]
            case Result.OVERRULED if not _is_of_levelling(outcome):
                return (), [_ended(ActivityKind.CONFLICT, outcome)]
            case _:
                return (), []

    def _delivered_moves(
        self,
        outcome: Outcome,
        known: Mapping[str, PlayState],
        shown: Mapping[str, Sequence[PlayState]],
    ) -> Iterator[Activity]:
        """Yield what became of each item that an operation of ours wrote to.

        Others may have changed it as well: what was *known* is what was told.
        """
        operation = outcome.operation
        for item, before, after in self._written(outcome):
            item_id, base = item.item_id, before
            told = known.get(item_id, before)
            if before in shown[item_id]:  # what we saw just before we wrote
                yield from self._others_move(operation, item, told, before)
            elif not _may_have_left(operation, item_id, told):
                base = told  # others did that after we had written first
            if move := _move(item, base, after):
                yield replace(move, operation=operation)

    def _written(self, outcome: Outcome) -> Iterator[tuple[Item, PlayState, PlayState]]:
        """Yield each item an operation wrote to, as it was before, and afterwards."""
        operation = outcome.operation
        for item_id, before in operation.before.items():
            own = item_id == operation.item.item_id
            if operation.scope is Scope.ITEM and not own:
                continue  # the id that a file had before it was replaced
            after = operation.change.apply(before)
            if own and outcome.after is not None:
                after = outcome.after
            work = operation.item if own else operation.works.get(item_id)
            item = self._ledger.item(item_id)
            if item is None or (work is not None and not work.is_still(item)):
                item = work
            if item is not None:
                yield item, before, after

    def _others_move(
        self, operation: Operation, item: Item, before: PlayState, after: PlayState
    ) -> Iterator[Activity]:
        """Yield what an operation found changed when it was about to write."""
        move = _move(item, before, after)
        if move is None or self._is_echo(item, after):
            return
        is_ours = _may_have_left(operation, item.item_id, after)
        yield replace(move, operation=operation) if is_ours else move

    def _observed_moves(
        self, update: LaneUpdate, ours: Collection[str]
    ) -> list[Activity]:
        """Return what somebody else did, the newest play last.

        What was left behind by what gave way to an operation that has ended now is the
        doing of that one: nothing else tells of it. What an operation under way may
        have left behind is told once it has ended, as a move from what it wrote over.
        """
        ended = [one.operation for one in update.outcomes if one.operation.traces]
        # What was read twice in one go is told as what it ended as.
        latest = {one.item.item_id: one for one in update.readings}

        def observed(reading: Reading) -> Activity | None:
            item, before = reading.item, update.before
            if (
                item.item_id not in before
                or item.kind.is_container
                or item.item_id in ours
            ):
                return None
            told = before[item.item_id]
            move = _move(item, told, reading.state)
            if move is None:
                return None
            if (operation := self._echoing(item, reading.state)) is not None:
                return self._untold_move(operation, item, told)
            for operation in ended:
                if operation.reaches(item) and _may_have_left(
                    operation, item.item_id, reading.state
                ):
                    return _as_done_by(operation, move)
            return move

        moves = [
            move
            for _, move in self._mistakes.each(
                latest.values(), observed, "What others did could not be told of"
            )
            if move is not None
        ]
        moves.sort(key=_played_at)
        return moves

    def _untold_move(
        self, operation: Operation, item: Item, told: PlayState
    ) -> Activity | None:
        """Return the move from what was *told* to what an operation wrote over, if any.

        Others made it before the operation wrote, and the process died before it was
        told. Or what was told came after that, as the write was late: where the change
        makes the same of both, it was the operation that did away with it.
        """
        written_over = operation.before.get(item.item_id)
        if written_over is None or any(
            self._is_echo(item, one) for one in (told, written_over)
        ):
            return None
        move = _move(item, told, written_over)
        change = operation.change
        if move is not None and change.apply(told).means_the_same_as(
            change.apply(written_over)
        ):
            return _as_done_by(operation, move)
        return move

    def _is_echo(self, item: Item, state: PlayState) -> bool:
        """Whether an operation that is still under way may have left this behind."""
        return self._echoing(item, state) is not None

    def _echoing(self, item: Item, state: PlayState) -> Operation | None:
        """Return the operation still under way that may have left this behind."""
        return next(
            (
                operation
                for operation in self._outbox.concerning(item)
                if _may_have_left(operation, item.item_id, state)
            ),
            None,
        )


def gathered(activities: Iterable[Activity]) -> list[Activity]:
    """Return what was held back for a while in the order in which it is told at once.

    That is our own doings first, then what others did, the newest play last.
    """

    def place(one: Activity) -> tuple[int, float]:
        if one.what is ActivityKind.QUEUE_DRAINED:
            return 2, 0.0
        return (0, 0.0) if one.operation is not None else (1, _played_at(one))

    return sorted(activities, key=place)


def shorten(activities: Iterable[Activity], most: int = MOST_AT_ONCE) -> list[Activity]:
    """Leave out all but the last *most* of each kind; the last one says how many."""
    activities = list(activities)
    total = Counter(one.what for one in activities)
    left = Counter(total)
    kept: list[Activity] = []
    for one in activities:
        left[one.what] -= 1
        if left[one.what] >= most:
            continue
        over = max(total[one.what] - most, 0)
        kept.append(replace(one, left_out=over) if over and not left[one.what] else one)
    return kept


def marked_together(activities: Iterable[Activity]) -> list[list[Activity]]:
    """Return what became watched or unwatched, by what did it and in its order."""
    batches: dict[tuple[ActivityKind, str, str | None], list[Activity]] = {}
    for one in activities:
        if one.what in (ActivityKind.WATCHED, ActivityKind.UNWATCHED):
            batch_id = one.operation.batch_id if one.operation else None
            batches.setdefault((one.what, one.origin, batch_id), []).append(one)
    return list(batches.values())


def _shown_states(update: LaneUpdate) -> Mapping[str, Sequence[PlayState]]:
    """Return what the items of an update show, in the order in which it was read."""
    states: defaultdict[str, list[PlayState]] = defaultdict(list)
    if update.outcomes or update.overtaken:
        for one in update.readings:
            states[one.item.item_id].append(one.state)
    return states


def _may_have_left(operation: Operation, item_id: str, state: PlayState) -> bool:
    """Whether an operation, or one it took the place of, may have left this behind."""
    return any(trace.means_the_same_as(state) for trace in operation.traces_on(item_id))


def _as_done_by(operation: Operation, move: Activity) -> Activity | None:
    """Return a move as the doing of an operation; None if it is not told one by one."""
    if operation.origin is Origin.LEVEL:
        return None
    return replace(move, operation=operation)


def _is_of_levelling(outcome: Outcome) -> bool:
    return outcome.operation.origin is Origin.LEVEL


def _ended(what: ActivityKind, outcome: Outcome) -> Activity:
    return Activity(
        what,
        outcome.operation.item,
        state=outcome.after,
        operation=outcome.operation,
        reason=outcome.reason,
    )


def _move(item: Item, before: PlayState, after: PlayState) -> Activity | None:
    """Return what the step from *before* to *after* means; None for nothing."""
    if before.watched is None or after.watched is None:
        return None
    if before.watched and after.begun_again:
        return Activity(ActivityKind.PROGRESS, item, after)
    if before.begun_again and after.watched:
        return Activity(ActivityKind.WATCHED, item, after, again=True)
    before, after = before.keeping_flag(), after.keeping_flag()
    if before.watched != after.watched:
        return Activity(
            ActivityKind.WATCHED if after.watched else ActivityKind.UNWATCHED,
            item,
            after,
        )
    if abs(before.position - after.position) <= POSITION_TOLERANCE:
        # Play counts and dates tell nothing: Jellyfin counts a play when it begins.
        return None
    if after.watched and after.position == 0 and after.was_played_since(before):
        return Activity(ActivityKind.WATCHED, item, after, again=True)
    return Activity(ActivityKind.PROGRESS, item, after)


def _played_at(activity: Activity) -> float:
    state = activity.state
    if state is None or state.last_played is None:
        return -math.inf  # nobody knows when
    return state.last_played.timestamp()
