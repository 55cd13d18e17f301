"""Operations accepted and not yet confirmed, those given up, and those done.

The outbox holds operations, not calls: a later operation for the same item takes the
place of the earlier one, so its size is bounded by distinct items and nothing old can
be sent after something new. It is plain memory; `lane` decides when it is written to
disk.
"""

from collections import Counter, deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from .doubt import PATIENCE
from .errors import Reason
from .identity import Item
from .operation import MarkWatched, Operation, Scope, SetProgress, folded
from .play_state import PlayState

#: Operations a lane holds at most; beyond that an operation is refused, not lost.
OUTBOX_LIMIT = 20_000

#: No delay is longer; a `not_before` further away than this is a clock that jumped.
LONGEST_DELAY = timedelta(hours=2)

#: Confirmed operations remembered for undo, by number and by age.
HISTORY_LIMIT = 500
HISTORY_AGE = timedelta(days=30)

#: A batch is remembered whole, so that undo does not take back half of it; of a larger
#: one, this many operations.
HISTORY_BATCH_LIMIT = 2_000


class OutboxFull(Exception):
    """More operations wait than the outbox holds."""


class Result(StrEnum):
    """How an operation ended."""

    DELIVERED = "delivered"
    ALREADY_TRUE = "already_true"
    OVERRULED = "overruled"
    SUPERSEDED = "superseded"
    REJECTED = "rejected"
    DISCARDED = "discarded"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of one operation; `after` is what the server showed last."""

    operation: Operation
    result: Result
    after: PlayState | None = None
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One operation that is done, with the before-state it carries."""

    operation: Operation
    result: Result
    settled_at: datetime


@dataclass(frozen=True, slots=True)
class Receipt:
    """What adding one operation did, so that it can be taken back."""

    operation: Operation
    superseded: tuple[Operation, ...]
    superseded_rejected: tuple[Operation, ...]
    places: tuple[int, ...]
    staged: frozenset[str]


class Outbox:
    """The queue of one lane."""

    def __init__(
        self,
        operations: Iterable[Operation] = (),
        rejected: Iterable[Operation] = (),
        history: Iterable[HistoryEntry] = (),
    ) -> None:
        """Start with what was stored, oldest first."""
        self._live: dict[str, Operation] = {}
        self._order: dict[str, int] = {}
        self._next_order = 0
        self._by_item: dict[str, dict[str, None]] = {}
        self._trees: dict[str, None] = {}
        self._traced: set[str] = set()
        self._staged: set[str] = set()
        #: Operations about to be sent for the first time: of these nothing can have
        #: been carried out yet, although they have a before-state.
        self.unsent: set[str] = set()
        self._rejected: dict[str, Operation] = {
            operation.operation_id: operation for operation in rejected
        }
        self._history: deque[HistoryEntry] = deque(history)
        self._batches = Counter(entry.operation.batch_id for entry in self._history)
        for operation in operations:
            self._insert(operation)

    # --- reading -----------------------------------------------------------

    def __len__(self) -> int:
        """Return how many operations wait to be delivered."""
        return len(self._live)

    def __iter__(self) -> Iterator[Operation]:
        """Iterate over the waiting operations, oldest first."""
        return iter(self._live.values())

    def __contains__(self, operation_id: str) -> bool:
        """Whether this very operation still waits."""
        return operation_id in self._live

    def get(self, operation_id: str) -> Operation | None:
        """Return a waiting operation by its id."""
        return self._live.get(operation_id)

    @property
    def rejected(self) -> Collection[Operation]:
        """Operations given up, oldest first; they wait for a person."""
        return self._rejected.values()

    def is_rejected(self, operation_id: str) -> bool:
        """Whether this very operation was given up and still waits for a person."""
        return operation_id in self._rejected

    @property
    def history(self) -> Sequence[HistoryEntry]:
        """Operations done, oldest first."""
        return self._history

    def outcome_of(self, operation_id: str) -> Outcome | None:
        """Return how an operation ended, None if it waits or is not remembered."""
        if (rejected := self._rejected.get(operation_id)) is not None:
            reason = rejected.last_error and Reason(rejected.last_error)
            return Outcome(rejected, Result.REJECTED, None, reason or None)
        return next(
            (
                Outcome(entry.operation, entry.result)
                for entry in reversed(self._history)
                if entry.operation.operation_id == operation_id
            ),
            None,
        )

    @property
    def oldest(self) -> Operation | None:
        """The operation that has waited longest."""
        return next(iter(self._live.values()), None)

    def concerning(self, item: Item) -> list[Operation]:
        """Return the waiting operations that would touch *item*, oldest first."""
        found = [
            *(
                one
                for one in self._by_item.get(item.item_id, ())
                if self._live[one].is_for(item)
            ),
            *(
                tree
                for tree in self._trees
                if self._live[tree].item.item_id != item.item_id
                and self._live[tree].reaches(item)
            ),
        ]
        found.sort(key=self._order.__getitem__)
        return [self._live[operation_id] for operation_id in found]

    def rejected_concerning(self, item: Item) -> Operation | None:
        """Return the last operation given up that would have touched *item*."""
        return next(
            (
                operation
                for operation in reversed(self._rejected.values())
                if operation.reaches(item)
            ),
            None,
        )

    def desired(self, item: Item, state: PlayState) -> PlayState:
        """Return what *item* will show once everything that waits is delivered."""
        for operation in self.concerning(item):
            if not operation.held:
                state = operation.change.apply(state)
        return state

    @property
    def held(self) -> Collection[Operation]:
        """Operations that are not due before a person has decided, oldest first."""
        return [one for one in self._live.values() if one.held]

    def hold(self, reason: Reason) -> None:
        """Hold all that waits for a *reason*, until a person revives or discards it.

        What is asked for from now on goes its way, and takes the place of what is held
        for the same item.
        """
        for operation in list(self._live.values()):
            self._put(
                replace(operation, held=True, last_error=reason.value, not_before=None)
            )

    def due(self, now: datetime, limit: int) -> list[Operation]:
        """Return up to *limit* operations to deliver now, oldest first.

        A tree comes alone. What overlaps an earlier tree waits behind it, as a tree
        waits behind what it overlaps.
        """
        found: list[Operation] = []
        earlier_trees: list[Operation] = []
        earlier: list[Operation] = []
        for operation in self._live.values():
            if operation.held:
                continue
            is_tree = operation.scope is Scope.TREE
            ready = (
                operation.operation_id not in self._staged
                and not _delayed(operation, now)
                and not any(tree.reaches(operation.item) for tree in earlier_trees)
                and not (is_tree and any(operation.reaches(e.item) for e in earlier))
            )
            if ready and is_tree:
                return found or [operation]
            if ready:
                found.append(operation)
                if len(found) == limit:
                    return found
            if is_tree:
                earlier_trees.append(operation)
            if self._trees:
                earlier.append(operation)
        return found

    def next_due(self, now: datetime) -> datetime | None:
        """Return the next time after *now* at which a waiting operation comes due.

        None if there is none: what waits then is due already, or waits behind another.
        """
        return min(
            (
                operation.not_before
                for operation in self._live.values()
                if operation.not_before is not None and _delayed(operation, now)
            ),
            default=None,
        )

    # --- accepting ---------------------------------------------------------

    def add(self, operation: Operation, *, staged: bool = False) -> Receipt:
        """Take in *operation* in place of every earlier operation it overtakes.

        A *staged* operation is not due before `commit`. Raises `OutboxFull`.
        """
        overtaken = [
            waiting
            for waiting in self._candidates(operation)
            if _overtakes(operation, waiting)
        ]
        if len(self._live) - len(overtaken) >= OUTBOX_LIMIT:
            raise OutboxFull
        given_up = [
            rejected
            for rejected in self._rejected.values()
            if _overtakes(operation, rejected)
        ]
        places = tuple(self.place(waiting) for waiting in overtaken)
        were_staged = self._staged.intersection(
            waiting.operation_id for waiting in overtaken
        )
        # What was given up is folded in as well: a flag must not be lost because the
        # position that came after it was impossible.
        # What is held may have been delivered and taken back since.
        for earlier in (*overtaken, *given_up):
            if earlier.scope is operation.scope is Scope.ITEM and not earlier.held:
                operation = folded(earlier, operation)
        for waiting in overtaken:
            self._remove(waiting.operation_id)
        for rejected in given_up:
            del self._rejected[rejected.operation_id]
        for earlier in (*given_up, *overtaken, *self._trees_over(operation)):
            if earlier.operation_id not in self.unsent:
                operation = operation.following(earlier)
        operation = self._unsure_as_done(operation)
        self._insert(operation)
        if staged:
            self._staged.add(operation.operation_id)
        return Receipt(
            operation,
            tuple(overtaken),
            tuple(given_up),
            places,
            frozenset(were_staged),
        )

    def _unsure_as_done(self, operation: Operation) -> Operation:
        """Return an operation, unsure for as long as what was done to its item is."""
        for entry in reversed(self._history):
            if operation.asked_at - entry.settled_at > PATIENCE:
                break
            done = entry.operation
            if (
                done.unsure_until is not None
                and done.unsure_until > operation.asked_at
                and (done.reaches(operation.item) or operation.reaches(done.item))
            ):
                operation = operation.unsure_as(done)
        return operation

    def commit(self, receipts: Iterable[Receipt]) -> None:
        """Make staged operations due: they are on disk now."""
        for receipt in receipts:
            self._staged.discard(receipt.operation.operation_id)

    def take_back(self, receipt: Receipt) -> None:
        """Undo `add`; take several back in reverse order."""
        self._staged.discard(receipt.operation.operation_id)
        if receipt.operation.operation_id in self._live:
            self._remove(receipt.operation.operation_id)
        for operation in receipt.superseded_rejected:
            self._rejected[operation.operation_id] = operation
        self._insert_at(zip(receipt.places, receipt.superseded, strict=True))
        self._staged |= receipt.staged

    # --- settling ----------------------------------------------------------

    def update(self, operation: Operation) -> bool:
        """Store a new version of a waiting operation; False if it was superseded.

        What is known to be under way is not forgotten for a version from before that.
        """
        waiting = self._live.get(operation.operation_id)
        if waiting is None:
            return False
        operation = operation.unsure_as(waiting)
        if operation.late_until is None and waiting.late_until is not None:
            operation = replace(operation, late_until=waiting.late_until)
        if waiting.item.item_id != operation.item.item_id:
            self._unindex(waiting)
            self._index(operation)
        self._put(operation)
        return True

    def leave_traces(
        self, operation: Operation, written: Collection[Item], now: datetime
    ) -> list[Operation]:
        """Let what waits behind a tree know what the tree is about to write.

        What was in doubt only until before *now* is in doubt until then, if it is about
        one of the episodes that are *written*. Return those that wait as they were
        before.
        """
        behind = [
            waiting
            for waiting in self._live.values()
            if waiting.operation_id != operation.operation_id
            and _overlap(operation, waiting)
        ]
        for waiting in behind:
            following = waiting.following(operation)
            if following.unsure_until and any(map(following.reaches, written)):
                following = _unsure_until(following, now)
            self._put(following)
        return behind

    def unsend(self, operations: Iterable[Operation]) -> None:
        """Forget what was noted for writes that were not sent after all.

        *operations* are those concerned, as they were before; what else is known of
        them by now stays.
        """
        for earlier in operations:
            waiting = self._live.get(earlier.operation_id)
            if waiting is not None:
                self._put(
                    replace(waiting, before=earlier.before, traces=earlier.traces)
                )

    def agree(self, states: Mapping[str, PlayState]) -> None:
        """Let what waits know what items show after an earlier one, by their ids."""
        for operation_id in list(self._traced):
            self._put(self._live[operation_id].based_on(states))

    def move(self, operation: Operation, item: Item) -> list[Operation]:
        """Point a waiting operation to *item*, its item's new id; return what gave way.

        What waits for something below it goes on lying below it.
        Of two operations for one item the later one stays, also if it was carried out
        already; if it is for the position alone, the earlier one's flag goes with it.
        Nothing happens while a later one is still on its way to the disk.
        """
        if operation.operation_id not in self._live:
            return []
        moved = operation.moved_to(item)
        place = self.place(operation)
        others = [
            one
            for one in self._live.values()
            if one.operation_id != operation.operation_id
        ]
        later = [
            one for one in others if self.place(one) > place and _overtakes(one, moved)
        ]
        if any(one.operation_id in self._staged for one in later):
            return []
        for entry in self._history:
            done = entry.operation
            if done.asked_at > operation.asked_at and _overtakes(done, moved):
                if _leaves_flag_of(moved, entry):
                    moved = replace(moved, change=folded(moved, done).change)
                    continue
                self._remove(operation.operation_id)
                return [operation]
        if later:
            self._remove(operation.operation_id)
            if later[0].scope is moved.scope is Scope.ITEM:
                self._put(folded(moved, later[0]).following(moved))
            return [operation]
        overtaken = [
            one for one in others if self.place(one) < place and _overtakes(moved, one)
        ]
        for one in overtaken:
            if one.scope is moved.scope is Scope.ITEM and not one.held:
                moved = folded(one, moved)
            moved = moved.following(one)
            self._remove(one.operation_id)
        self.update(self._following_done(moved))
        for one in list(self._live.values()):
            if operation.item.covers(one.item):
                self._put(replace(one, item=one.item.below(item)))
        return overtaken

    def _following_done(self, moved: Operation) -> Operation:
        """Return an operation that was moved, knowing what was done to its item before.

        When it was asked for nobody knew that it was for the same item.
        """
        item, agreed = moved.item, None
        for entry in self._history:
            done = entry.operation
            if done.is_for(item) and entry.settled_at > moved.asked_at:
                moved = _unsure_until(moved.following(done), entry.settled_at)
            elif done.is_for(item) and item.item_id in done.before:
                before = done.before[item.item_id]
                agreed = done.change.apply(before)
                if before.watched and isinstance(done.change, MarkWatched):
                    agreed = None  # nobody knows whether the server counted a play
            elif done.reaches(item) or done.item.is_same_work(item):
                agreed = None  # it may have been for this item, as it was then
        if agreed is None or moved.undoes is not None:
            return moved
        # Dated by the server, when it was written.
        return replace(moved, base=replace(agreed, last_played=None))

    def hasten(self, reason: Reason, items: Collection[Item] | None = None) -> bool:
        """Make due what waits for a *reason*; whether anything does.

        With *items* only what would touch one of them, or the same work.
        """
        waiting = [one for one in self._live.values() if one.last_error == reason]
        if items is not None and waiting:
            # A page of a library is compared with all that waits: by its names.
            keys = {key for item in items for key in item.awaited_keys}
            names = {name for item in items for name in _own_names(item)}
            waiting = [
                one
                for one in waiting
                if not keys.isdisjoint(one.item.work_keys)
                or (
                    not names.isdisjoint((one.item.item_id, one.item.show_id))
                    and any(one.reaches(item) for item in items)
                )
            ]
        for one in waiting:
            self._put(replace(one, not_before=None))
        return bool(waiting)

    @property
    def missing(self) -> dict[str, Item]:
        """What waits because the server did not show it, by item ids."""
        return {
            one.item.item_id: one.item
            for one in self._live.values()
            if one.last_error == Reason.MISSING
        }

    def unseen_as(self, operation: Operation) -> Operation:
        """Return what is for an item that was never seen, under the name it waits by.

        One work has several names: what is asked for later takes the place of what was
        asked for earlier, whichever it was called by.
        """
        if not operation.item.is_unseen:
            return operation
        names = (
            one.item.item_id
            for one in (*self._live.values(), *self._rejected.values())
            if one.item.is_unseen and one.item.is_same_work(operation.item)
        )
        name = next(names, operation.item.item_id)
        return replace(operation, item=replace(operation.item, item_id=name))

    def gather(
        self, operation: Operation, leaves: Mapping[str, Item]
    ) -> list[Operation]:
        """Let a waiting tree overtake earlier operations for what is listed below it.

        *leaves* are the listed episodes by their ids. That an operation is for one of
        them was not seen before where its item named another show. Return what gave
        way; nothing does if the tree itself has given way meanwhile.
        """
        tree = self._live.get(operation.operation_id)
        if tree is None:
            return []
        overtaken = []
        for one in list(self._live.values()):
            leaf = leaves.get(one.item.item_id)
            if leaf is None or not one.item.is_still(leaf) or tree.reaches(one.item):
                continue
            if self.place(one) < self.place(tree) and tree.means(leaf):
                tree = tree.following(one)
                self._remove(one.operation_id)
                overtaken.append(one)
            else:
                self._put(replace(one, item=leaf.completed_by(one.item)))
        if overtaken:
            self._put(tree)
        return overtaken

    def move_listed(
        self, tree: Operation, listed: Mapping[str, Item]
    ) -> list[Operation]:
        """Point what waits for episodes below *tree* to the ids they are listed with.

        *listed* are those episodes by their ids; what waits has to be known by these
        while the tree is under way. Return what gave way.
        """
        gave_way: list[Operation] = []
        for waiting in list(self._live.values()):
            item = waiting.item
            if (
                waiting.scope is not Scope.ITEM
                or not tree.item.covers(item)
                or (item.item_id in listed and item.is_still(listed[item.item_id]))
            ):
                continue
            now = [leaf for leaf in listed.values() if leaf.is_same_work(item)]
            if len(now) == 1:
                gave_way += self.move(waiting, now[0])
        return gave_way

    def settle(self, operation: Operation, result: Result, now: datetime) -> bool:
        """Move an operation to the history; False if it was superseded meanwhile.

        It goes by the operation's id: an answer to an old operation never settles its
        successor.
        """
        if operation.operation_id not in self._live:
            return False
        self._remove(operation.operation_id)
        self._history.append(HistoryEntry(operation, result, now))
        self._batches[operation.batch_id] += 1
        self._forget(now)
        return True

    def reject(self, operation: Operation) -> bool:
        """Give an operation up; False if it was superseded meanwhile."""
        if operation.operation_id not in self._live:
            return False
        self._remove(operation.operation_id)
        self._rejected[operation.operation_id] = operation
        return True

    def revive(self, operation_ids: Collection[str] | None) -> list[Operation]:
        """Queue given-up operations again, all of them for None; return them."""
        revived = []
        for operation in self._select(self._rejected, operation_ids):
            del self._rejected[operation.operation_id]
            fresh = replace(
                operation,
                attempts=0,
                not_before=None,
                last_error=None,
                missing_since=None,
            )
            self._insert(fresh)
            revived.append(fresh)
        for operation in self._select(self._live, operation_ids or ()):
            if operation.not_before is not None or operation.held:
                self._put(
                    replace(
                        operation,
                        not_before=None,
                        held=False,
                        last_error=None if operation.held else operation.last_error,
                    )
                )
                revived.append(operation)
        return revived

    def discard(self, operation_ids: Collection[str] | None) -> list[Operation]:
        """Drop operations: the named ones, or for None all given up; return them."""
        dropped = self._select(self._rejected, operation_ids)
        for operation in dropped:
            del self._rejected[operation.operation_id]
        for operation in self._select(self._live, operation_ids or ()):
            self._remove(operation.operation_id)
            dropped.append(operation)
        return dropped

    def place(self, operation: Operation) -> int:
        """Return where a waiting operation stands; earlier ones have lower numbers."""
        return self._order[operation.operation_id]

    def put_back(
        self,
        *,
        waiting: Iterable[tuple[int, Operation]] = (),
        rejected: Iterable[Operation] = (),
    ) -> None:
        """Undo `revive` or `discard`; what waited goes back to its `place`."""
        for operation in rejected:
            if operation.operation_id in self._live:
                self._remove(operation.operation_id)
            self._rejected[operation.operation_id] = operation
        self._insert_at(waiting)

    # --- inside ------------------------------------------------------------

    def _forget(self, now: datetime) -> None:
        """Shorten the history: by age, and else by whole batches."""
        while self._history[0].settled_at < now - HISTORY_AGE:
            self._forget_at(0)
        latest = self._history[-1].operation.batch_id
        if self._batches[latest] > HISTORY_BATCH_LIMIT:
            self._forget_at(
                next(
                    place
                    for place, entry in enumerate(self._history)
                    if entry.operation.batch_id == latest
                )
            )
        oldest = self._history[0].operation.batch_id
        while len(self._history) - self._batches[oldest] >= HISTORY_LIMIT:
            if self._batches[oldest] == 1:
                self._history.popleft()
            else:
                self._history = deque(
                    one for one in self._history if one.operation.batch_id != oldest
                )
            del self._batches[oldest]
            oldest = self._history[0].operation.batch_id

    def _forget_at(self, place: int) -> None:
        batch_id = self._history[place].operation.batch_id
        del self._history[place]
        self._batches[batch_id] -= 1
        if not self._batches[batch_id]:
            del self._batches[batch_id]

    @staticmethod
    def _select(
        among: Mapping[str, Operation], operation_ids: Collection[str] | None
    ) -> list[Operation]:
        if operation_ids is None:
            return list(among.values())
        return [among[one] for one in operation_ids if one in among]

    def _candidates(self, operation: Operation) -> Iterable[Operation]:
        if operation.scope is Scope.TREE:
            return list(self._live.values())
        return [
            self._live[operation_id]
            for operation_id in self._by_item.get(operation.item.item_id, ())
        ]

    def _trees_over(self, operation: Operation) -> Iterable[Operation]:
        """Return the waiting trees that *operation* has to wait for."""
        return (
            self._live[tree]
            for tree in self._trees
            if _overlap(self._live[tree], operation)
        )

    def _put(self, operation: Operation) -> None:
        """Store the present version of a waiting operation."""
        self._live[operation.operation_id] = operation
        if operation.traces:
            self._traced.add(operation.operation_id)
        else:
            self._traced.discard(operation.operation_id)

    def _insert(self, operation: Operation, place: int | None = None) -> None:
        if place is None:
            place = self._next_order
            self._next_order += 1
        self._put(operation)
        self._order[operation.operation_id] = place
        self._index(operation)

    def _insert_at(self, placed: Iterable[tuple[int, Operation]]) -> None:
        count = len(self._live)
        for place, operation in placed:
            self._insert(operation, place)
        if len(self._live) > count:
            self._live = dict(
                sorted(self._live.items(), key=lambda pair: self._order[pair[0]])
            )

    def _remove(self, operation_id: str) -> None:
        operation = self._live.pop(operation_id)
        del self._order[operation_id]
        self._staged.discard(operation_id)
        self._traced.discard(operation_id)
        self._unindex(operation)

    def _index(self, operation: Operation) -> None:
        self._by_item.setdefault(operation.item.item_id, {})[operation.operation_id] = (
            None
        )
        if operation.scope is Scope.TREE:
            self._trees[operation.operation_id] = None

    def _unindex(self, operation: Operation) -> None:
        same_item = self._by_item[operation.item.item_id]
        del same_item[operation.operation_id]
        if not same_item:
            del self._by_item[operation.item.item_id]
        self._trees.pop(operation.operation_id, None)


def _delayed(operation: Operation, now: datetime) -> bool:
    not_before = operation.not_before
    return not_before is not None and now < not_before <= now + LONGEST_DELAY


def _overlap(tree: Operation, other: Operation) -> bool:
    """Whether delivering both could touch the same item."""
    return tree.reaches(other.item) or (
        other.scope is Scope.TREE and other.reaches(tree.item)
    )


def _leaves_flag_of(operation: Operation, entry: HistoryEntry) -> bool:
    """Whether nothing but a position was set since a flag was asked for.

    A position may have been set with a flag that is older.
    """
    done = entry.operation
    return (
        operation.scope is Scope.ITEM
        and isinstance(done.change, SetProgress)
        and entry.result in (Result.DELIVERED, Result.ALREADY_TRUE)
        and (
            done.change.watched is None or folded(operation, done).change != done.change
        )
    )


def _unsure_until(operation: Operation, until: datetime) -> Operation:
    """Return *operation*; if it was in doubt, it is so until then at least.

    What we have written up to then must not pass for somebody else's doing.
    """
    if operation.unsure_until is None or operation.unsure_until >= until:
        return operation
    return replace(operation, unsure_until=until)


def _overtakes(new: Operation, old: Operation) -> bool:
    """Whether *new* says all that *old* said, so that *old* need not be sent."""
    if new.scope is Scope.ITEM:
        return old.scope is Scope.ITEM and old.is_for(new.item)
    if not new.reaches(old.item):
        return False
    # An operation that includes the specials says more than one that leaves them out.
    return old.scope is Scope.ITEM or new.include_specials or not old.include_specials


def _own_names(item: Item) -> Iterable[str]:
    """Return the ids of an item, and of its season and shows."""
    season = () if item.season_id is None else (item.season_id,)
    return (item.item_id, *season, *item.show_ids)
