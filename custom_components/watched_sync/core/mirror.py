"""Copying changes to other lanes: what a move means there, and to which items.

A *move* is a step of the ledger: an item showed one play state, and now shows another.
Moves are what is copied, never single operations: so it makes no difference whether
somebody pressed a button in Home Assistant or on the sofa, several steps become one,
and what was missed while nobody looked is found by the next look.

Everything here is a decision without a doubt left to somebody else: *nothing* is an
answer, and it has a name (`Skip`).
"""

from collections import Counter, deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from .identity import Item
from .operation import (
    Change,
    MarkUnwatched,
    MarkWatched,
    Operation,
    Scope,
    SetProgress,
    flag_of,
)
from .outbox import HistoryEntry, Result
from .play_state import LEFT_OVER, POSITION_TOLERANCE, PlayState, Reading
from .ports import Capabilities
from .reconcile import CLOCK_TOLERANCE, Accept, Policy, decide, is_true_of

#: Moves that may wait to be copied; of more, the oldest are given up.
MOST_MOVES = 5_000

#: Changes by others, and un-marks among them, that are copied unasked if they are seen
#: within `AT_ONCE`; the limits of an action that needs no confirmation.
MOST_CHANGES = 50
MOST_UNMARKS = 10
AT_ONCE = timedelta(minutes=1)

#: Un-marks at once that look like a library that was lost, if they are more than half
#: of all that was watched.
EMPTYING = 10

#: A position below this, in seconds or as a part of the whole, is an accident.
MIN_POSITION = 60.0
MIN_PART = 0.02

#: What is added to an id that was given to another work: no server has such ids.
_GONE = "\0gone"

#: The latest passed-over copies that are remembered one by one.
_SKIPS_KEPT = 200


class Skip(StrEnum):
    """Why a move was not copied."""

    NO_IDS = "no_ids"
    NOT_FOUND = "not_found"
    AMBIGUOUS = "ambiguous"
    OTHER_FILE = "other_file"
    ALREADY_THERE = "already_there"
    OVERRULED = "overruled"
    LATER_CHANGE = "later_change"
    TOO_SHORT = "too_short"
    CANNOT_HOLD = "cannot_hold"
    NOT_ALLOWED = "not_allowed"
    UNREADABLE = "unreadable"
    NO_TARGET = "no_target"
    TOO_OLD = "too_old"
    TOO_MANY = "too_many"
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class Move:
    """One item that moved and is not copied everywhere yet.

    `before` names the lanes it is to be copied to, by config entry id, and what the
    item showed when that lane was last told: None if it had never been read. `moved_at`
    is when it happened, `seen_at` when that was noticed, both by our clock. `trusted`
    is what Home Assistant was asked to do, or a person has approved; `held` waits for
    such a person. `batch_id` is the batch of the operation that caused it. `offered`
    are lanes that may show it by now: it is being queued there, or one that is away has
    queued it for what it knows by itself, and is asked for more copies when it is back.
    """

    item: Item
    after: PlayState
    before: Mapping[str, PlayState | None]
    moved_at: datetime
    seen_at: datetime
    trusted: bool = False
    held: bool = False
    batch_id: str | None = None
    offered: frozenset[str] = frozenset()

    @property
    def told(self) -> Mapping[str, PlayState | None]:
        """What the item showed when each lane was last told, offers included."""
        return {
            target: self.after if target in self.offered else state
            for target, state in self.before.items()
        }

    @property
    def unmarks(self) -> bool:
        """Whether something watched is not watched any more."""
        return self.after.watched is False and any(
            state is not None and state.watched for state in self.before.values()
        )

    @property
    def is_mark(self) -> bool:
        """Whether something is watched now that was not."""
        return self.after.watched is True and not all(
            state is not None and state.watched for state in self.before.values()
        )


@dataclass(frozen=True, slots=True)
class SkippedCopy:
    """A move that was not copied to a lane, and why."""

    item_id: str
    target_id: str
    reason: Skip


@dataclass(frozen=True, slots=True)
class Held:
    """Changes that wait for a person, by kind; `emptied` if a library looks lost."""

    item_ids: tuple[str, ...] = ()
    watched: int = 0
    unwatched: int = 0
    progress: int = 0
    emptied: bool = False

    @property
    def count(self) -> int:
        """How many they are."""
        return len(self.item_ids)


def cause_of(operations: Iterable[Operation], reading: Reading) -> Operation | None:
    """Return the operation that did what *reading* shows, None if somebody else did.

    *operations* are those that wait for the item: what was written counts as done only
    once it was read, so the one that did it is still among them.
    """
    item_id = reading.item.item_id
    return next(
        (
            operation
            for operation in operations
            if item_id in operation.before
            and operation.change.apply(operation.before[item_id]).means_the_same_as(
                reading.state
            )
        ),
        None,
    )


def played_at(
    state: PlayState, clock_offset: timedelta | None, now: datetime
) -> datetime | None:
    """Return when an item was played last, by our clock.

    None if that is not known: a play in the future has no known time either.
    """
    if state.last_played is None:
        return None
    at = state.last_played - (clock_offset or timedelta())
    return None if at > now + CLOCK_TOLERANCE else min(at, now)


class Moves:
    """The moves of one lane that are not copied everywhere yet, oldest first.

    `since` is when copying from this lane began: what was played before is nobody's
    news. `emptied` says that the library looked lost and a person has to look. `skips`
    counts what was passed over, `copied` what was handed to other lanes.
    """

    def __init__(
        self,
        moves: Iterable[Move] = (),
        *,
        since: datetime | None = None,
        emptied: bool = False,
    ) -> None:
        """Start with what was stored."""
        self._moves = {move.item.item_id: move for move in moves}
        self._recent: deque[Move] = deque(maxlen=MOST_MOVES)
        self._latest: deque[SkippedCopy] = deque(maxlen=_SKIPS_KEPT)
        #: When each item was last seen to move, those that moved longest ago first.
        self._moved: dict[str, datetime] = {}
        self.since = since
        self.emptied = emptied
        self.skips: Counter[Skip] = Counter()
        self.copied = 0

    def __len__(self) -> int:
        """Return how many moves wait."""
        return len(self._moves)

    def __iter__(self) -> Iterator[Move]:
        """Iterate over what waits, oldest first."""
        return iter(list(self._moves.values()))

    def get(self, item_id: str) -> Move | None:
        """Return what waits of an item."""
        return self._moves.get(item_id)

    def skipped(self, item_id: str) -> list[SkippedCopy]:
        """Return what was lately passed over of an item, oldest first."""
        return [one for one in self._latest if one.item_id == item_id]

    def clear(self) -> None:
        """Forget everything: nothing is copied from this lane any more."""
        self._moves.clear()
        self._recent.clear()
        self._moved.clear()
        self.since, self.emptied = None, False

    # --- in ------------------------------------------------------------------

    def note(
        self,
        known: PlayState | None,
        reading: Reading,
        targets: Collection[str],
        *,
        cause: Operation | None,
        now: datetime,
        clock_offset: timedelta | None,
        elsewhere: PlayState | None = None,
    ) -> bool:
        """Take in that an item showed *known* and now shows *reading*.

        *cause* is the operation of ours that did it. *elsewhere* is what other lanes
        show, where a copy of that gave way here. Return whether anything waits of it
        that did not before.

        An item read for the first time has no opinion, as a file that is new, or came
        back, is unwatched. The one thing it can tell is a play since copying began. A
        move that was copied here from another lane is not copied on: lanes that name
        each other would otherwise copy in circles.

        Where a play that begins clears the flag, what was watched stays so for others.
        """
        item_id, after = reading.item.item_id, reading.state.keeping_flag()
        known = None if known is None else known.keeping_flag()
        self._make_way(reading.item)
        waiting = self._moves.get(item_id)
        at = played_at(after, clock_offset, now)
        if known is None and not self._is_new_play(after, at):
            return False
        seen_otherwise_at = self._seen_to_move(item_id, now)
        pending = {} if waiting is None else waiting.told
        is_copy = cause is not None and cause.origin.is_copy
        if is_copy:
            targets = ()
        before = {
            one: elsewhere or pending.get(one, known) for one in (*targets, *pending)
        }
        before = {
            target: state
            for target, state in before.items()
            if state is None or after.has_moved_from(state)
        }
        self._moves.pop(item_id, None)
        if not before:
            return False  # it is back where it was
        if cause is not None:
            moved_at = cause.asked_at
        elif (
            at is not None
            and (after.watched or after.position > 0)
            and (known is None or after.was_played_since(known))
            # A mark may come with an old date: Jellyfin 12.0 fills it up from a state
            # of earlier on. That is when it was played, and not when it moved.
            and (seen_otherwise_at is None or at > seen_otherwise_at)
        ):
            moved_at = at
        else:
            moved_at = now
        trusted = cause is not None
        self._moves[item_id] = Move(
            reading.item,
            after,
            before,
            moved_at,
            now,
            trusted=trusted,
            held=not trusted and waiting is not None and waiting.held,
            batch_id=None if cause is None else cause.batch_id,
            # Where the copy came from shows it, whatever this had told it before.
            offered=frozenset(before if is_copy else ()),
        )
        while len(self._moves) > MOST_MOVES:
            self.give_up(next(iter(self._moves.values())), Skip.TOO_MANY)
        return True

    def _seen_to_move(self, item_id: str, now: datetime) -> datetime | None:
        """Note that an item moved; return when it was seen to before, if lately."""
        before = self._moved.pop(item_id, None)
        self._moved[item_id] = now
        while len(self._moved) > MOST_MOVES:
            del self._moved[next(iter(self._moved))]
        return before

    def _make_way(self, item: Item) -> None:
        """Have what waits under the id of *item* wait on, if it is another work's.

        What that work moved to is to be copied all the same. It is known by no id of
        this lane until it is seen again.
        """
        waiting = self._moves.get(item.item_id)
        if waiting is None or waiting.item.is_still(item):
            return
        gone_id = f"{item.item_id}{_GONE}"
        while gone_id in self._moves:
            gone_id += _GONE
        gone = replace(waiting, item=replace(waiting.item, item_id=gone_id))
        self._moves = {
            move.item.item_id: move
            for move in (
                gone if one is waiting else one for one in self._moves.values()
            )
        }

    def _is_new_play(self, state: PlayState, at: datetime | None) -> bool:
        return (
            (state.watched is True or state.position > 0)
            and at is not None
            and self.since is not None
            and at > self.since
        )

    # --- out -----------------------------------------------------------------

    def settle(self, move: Move, target: str, skip: Skip | None = None) -> None:
        """Have *target* told of *move*, or passed over; later steps still wait."""
        if skip is not None:
            self._count(move, target, skip)
        current = self._moves.get(move.item.item_id)
        if current is None or target not in current.before:
            return
        before = dict(current.before)
        if current is move:
            del before[target]
        else:
            before[target] = move.after
        if before:
            self._moves[move.item.item_id] = replace(current, before=before)
            return
        del self._moves[move.item.item_id]
        if not current.trusted:
            self._recent.append(move)

    def offer(self, move: Move, target: str) -> Move:
        """Note that *target* may show *move* from now on; return it, knowing that."""
        offered = replace(move, offered=move.offered | {target})
        if self._moves.get(move.item.item_id) is move:
            self._moves[move.item.item_id] = offered
        return offered

    def give_up(self, move: Move, reason: Skip) -> None:
        """Pass a move over altogether."""
        self._moves.pop(move.item.item_id, None)
        for target in move.before:
            self._count(move, target, reason)

    def _count(self, move: Move, target: str, reason: Skip) -> None:
        self.skips[reason] += 1
        self._latest.append(SkippedCopy(move.item.item_id, target, reason))

    # --- what a person has to see first ----------------------------------------

    @property
    def unmarks(self) -> int:
        """How many un-marks wait, or were lately copied."""
        return sum(one.unmarks for one in (*self._moves.values(), *self._recent))

    def hold_back(self, now: datetime, watched: int) -> None:
        """Have a person look at what is too much at once.

        *watched* is how many items of the library are watched still; it counts from
        `EMPTYING` un-marks on. What is our own doing was confirmed where it was asked
        for, and is not counted.
        """
        while self._recent and now - self._recent[0].seen_at > AT_ONCE:
            self._recent.popleft()
        doubtful = [one for one in self._moves.values() if not one.trusted]
        fresh = [one for one in doubtful if now - one.seen_at <= AT_ONCE]
        counted = [*fresh, *self._recent]
        unmarks = sum(one.unmarks for one in counted)
        if unmarks >= EMPTYING:
            self.emptied |= unmarks > watched
        if self.emptied:
            hold = doubtful
        elif len(counted) > MOST_CHANGES or unmarks > MOST_UNMARKS:
            hold = fresh
        else:
            hold = []
        for move in hold:
            self._moves[move.item.item_id] = replace(move, held=True)
        if not any(one.held for one in self._moves.values()):
            self.emptied = False

    @property
    def held(self) -> Held:
        """What waits for a person."""
        held = [move for move in self._moves.values() if move.held]
        watched = sum(one.is_mark for one in held)
        unwatched = sum(one.unmarks for one in held)
        return Held(
            tuple(one.item.item_id for one in held),
            watched,
            unwatched,
            len(held) - watched - unwatched,
            self.emptied,
        )

    def hold(self) -> None:
        """Have a person look at all that waits: it may have been copied before."""
        self._moves = {
            item_id: replace(move, held=True, trusted=False)
            for item_id, move in self._moves.items()
        }

    def approve(self, item_ids: Collection[str]) -> None:
        """Have held moves copied after all."""
        for item_id in item_ids:
            if (move := self._moves.get(item_id)) is not None and move.held:
                self._moves[item_id] = replace(move, held=False, trusted=True)
        self.emptied = False

    def refuse(self, item_ids: Collection[str]) -> None:
        """Have held moves never copied."""
        for item_id in item_ids:
            if (move := self._moves.get(item_id)) is not None and move.held:
                self.give_up(move, Skip.LEFT)
        self.emptied = False


# --- what to do there -----------------------------------------------------------------


def change_for(
    move: Move,
    before: PlayState | None,
    copy: Item,
    capabilities: Capabilities,
    clock_offset: timedelta | None = None,
) -> Change | Skip:
    """Return what *move* means for *copy*, on a server that can do this much.

    *before* is what the item showed when that lane was last told. A date is carried
    where it is new and can be kept; *clock_offset* is that of the server it is from.
    """
    after = move.after
    flag_moved = before is None or before.watched != after.watched
    resumes = after.position > POSITION_TOLERANCE
    skip = _no_position(move.item, after, copy, capabilities) if resumes else None
    if after.watched:
        date = _date(before, after, clock_offset, capabilities)
        if resumes and skip is None:
            return SetProgress(after.position, watched=True, at=date)
        return skip if skip is not None and not flag_moved else MarkWatched(date)
    if not after.watched and before is not None and before.watched:
        if not resumes or skip is not None:
            return MarkUnwatched()
        return SetProgress(after.position, watched=False)
    return skip or SetProgress(after.position if resumes else 0.0)


def _date(
    before: PlayState | None,
    after: PlayState,
    clock_offset: timedelta | None,
    capabilities: Capabilities,
) -> datetime | None:
    if after.last_played is None or not capabilities.keeps_watched_at:
        return None
    if before is not None and after.last_played == before.last_played:
        return None  # somebody marked it, and the server kept an old date
    return after.last_played - (clock_offset or timedelta())


def _no_position(
    item: Item, state: PlayState, copy: Item, capabilities: Capabilities
) -> Skip | None:
    """Say why a resume position cannot be copied; None if it can."""
    position = state.position
    ours, theirs = item.numbers, copy.numbers
    if ours != theirs and max(len(ours), len(theirs)) > 1:
        return Skip.OTHER_FILE  # it would mean another moment there
    least = max(MIN_POSITION, (copy.duration or item.duration or 0.0) * MIN_PART)
    if position < least:
        return Skip.TOO_SHORT
    if state.watched and item.duration and position > item.duration * LEFT_OVER:
        return Skip.CANNOT_HOLD  # it ended there; nobody wants to go on
    if not capabilities.can_hold(position, copy.duration):
        return Skip.CANNOT_HOLD
    return None


def keeping_place(
    change: Change,
    shown: PlayState,
    move: Move,
    *,
    clock_offset: timedelta | None,
    now: datetime,
) -> Change:
    """Return *change* as it is to be made where the copy shows *shown*.

    A mark clears the position. Where somebody has begun the copy since it was watched
    elsewhere, both are true: it was watched, and is being watched again.
    """
    if isinstance(change, MarkWatched) and _begun_since(
        shown, move, clock_offset=clock_offset, now=now
    ):
        return SetProgress(shown.position, watched=True, at=change.at)
    return change


def _begun_since(
    shown: PlayState, move: Move, *, clock_offset: timedelta | None, now: datetime
) -> bool:
    """Whether somebody has begun what is *shown* after it moved elsewhere.

    Jellyfin counts and dates a play when it starts, before there is a position; an
    un-mark leaves neither count nor date.
    """
    at = played_at(shown, clock_offset, now)
    return (
        shown.watched is False
        and (shown.position > POSITION_TOLERANCE or shown.play_count > 0)
        and at is not None
        and at > move.moved_at + CLOCK_TOLERANCE
    )


def as_of(
    shown: PlayState,
    history: Sequence[HistoryEntry],
    item: Item,
    clock_offset: timedelta | None,
    waiting: Iterable[Operation] = (),
) -> PlayState:
    """Return *shown*, which *item* shows, with the time of the change it shows.

    A server dates what we write with the time of the write. That was a change of
    earlier on, and must not look newer than what came after it: so the time of the
    operation takes the place of the date, unless it was played since. *history* is the
    oldest first; of what is *waiting*, some may be written and not confirmed yet.
    """
    if shown.last_played is None:
        return shown
    offset = clock_offset or timedelta()

    def made_by(operation: Operation) -> bool:
        before = operation.before.get(item.item_id)
        return before is not None and operation.change.apply(before).agrees_with(shown)

    for one in waiting:
        if one.scope is Scope.ITEM and one.is_for(item) and made_by(one):
            return replace(shown, last_played=one.asked_at + offset)
    for entry in reversed(history):
        done = entry.operation
        if done.scope is not Scope.ITEM or not done.is_for(item):
            continue
        if (
            entry.result is Result.DELIVERED
            and made_by(done)
            and shown.last_played - offset <= entry.settled_at + CLOCK_TOLERANCE
        ):
            return replace(shown, last_played=done.asked_at + offset)
        break
    return shown


def asked_since(
    asked_at: datetime,
    item: Item,
    *,
    waiting: Iterable[Operation],
    history: Sequence[HistoryEntry],
) -> Operation | None:
    """Return the last operation for *item* that was asked for after *asked_at*.

    It waits, or was carried out already: where it found what it wanted, nothing but the
    history tells that it came later. Of what is done, a position that was set alone
    has left the flag to others, and a copy from elsewhere is dated by other clocks.
    *waiting* and *history* are the oldest first.
    """
    for one in reversed(list(waiting)):
        if one.asked_at > asked_at:
            return one
    for entry in reversed(history):
        if entry.settled_at <= asked_at:
            break
        done = entry.operation
        if (
            done.asked_at > asked_at
            and not done.origin.is_copy
            and entry.result in (Result.DELIVERED, Result.ALREADY_TRUE)
            and flag_of(done.change) is not None
            and done.reaches(item)
        ):
            return done
    return None


def verdict(
    move: Move,
    before: PlayState | None,
    change: Change,
    shown: PlayState,
    *,
    waiting: Iterable[Operation] = (),
    policy: Policy,
    clock_offset: timedelta | None,
    now: datetime,
) -> Skip | None:
    """Say why *change* is not wanted where the copy shows *shown*; None if it is.

    What the two copies had in common, *before*, is the base of the comparison: a copy
    that still shows it, and was not played since, has not moved. Otherwise both moved,
    and the *policy* of that lane decides. *waiting* are the operations for the copy
    that are still to be delivered, all of them asked for before.
    """
    desired = shown
    for one in waiting:
        desired = one.change.apply(desired)
    if is_true_of(change, desired):
        return Skip.ALREADY_THERE
    if shown.watched is None:
        return None  # nothing is known; whoever delivers it looks first
    if before is not None and shown.means_the_same_as(before):
        at = played_at(shown, clock_offset, now)
        if at is None or at <= move.moved_at + CLOCK_TOLERANCE:
            return None
    if (
        move.after.watched
        and policy is not Policy.SERVER
        and _begun_since(shown, move, clock_offset=clock_offset, now=now)
    ):
        return None  # its place is kept: nothing is taken away
    if isinstance(change, SetProgress) and change.watched is None:
        before = None  # what was watched since counts only if it is not older
    found = decide(
        before,
        change,
        shown,
        asked_at=move.moved_at,
        policy=policy,
        clock_offset=clock_offset,
        now=now,
    )
    return Skip.OVERRULED if isinstance(found, Accept) else None
