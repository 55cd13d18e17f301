"""Plan what takes a batch back: from the outbox, its history and the ledger alone.

Undo goes back to what the server showed before the first write, item by item, and only
where the server still shows what the batch left there: whatever was changed since, by a
later batch or by anybody else, stays. What takes a batch back is a batch itself, so it
can be taken back as well.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from .identity import Item, MediaKind
from .ledger import Ledger
from .operation import (
    Change,
    MarkUnwatched,
    MarkWatched,
    Operation,
    Origin,
    Scope,
    SetProgress,
)
from .outbox import HistoryEntry, Outbox, Result
from .play_state import UNKNOWN, PlayState
from .ports import Capabilities
from .reconcile import CLOCK_TOLERANCE, is_true_of

_NO_STATES: Mapping[str, PlayState] = MappingProxyType({})
_NO_WORKS: Mapping[str, Item] = MappingProxyType({})


class Kept(StrEnum):
    """Why something of a batch is not taken back."""

    ALREADY_THERE = "already_there"
    ALREADY_UNDONE = "already_undone"
    CHANGED_NOTHING = "changed_nothing"
    CHANGED_SINCE = "changed_since"
    NOT_POSSIBLE = "not_possible"
    NOT_READ = "not_read"


class Loss(StrEnum):
    """What a server cannot be told, and therefore is not as it was before."""

    PLAY_COUNT = "play_count"
    POSITION = "position"
    WATCHED_AT = "watched_at"


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch by its id, and when it was asked for."""

    batch_id: str
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class Untouched:
    """Something that stays as it is; *item* is as much as is known of it."""

    item: Item
    why: Kept


@dataclass(frozen=True, slots=True)
class Restore:
    """One operation to queue.

    `base` is what the item has to show still, and `bases` the same of a container's
    episodes: it stands for those and no others; `works` says which they are.
    `interrupted` are the operations of the
    batch that may or may not have been written.
    """

    item: Item
    change: Change
    base: PlayState = UNKNOWN
    bases: Mapping[str, PlayState] = field(default=_NO_STATES)
    works: Mapping[str, Item] = field(default=_NO_WORKS)
    include_specials: bool = False
    losses: frozenset[Loss] = frozenset()
    interrupted: tuple[Operation, ...] = ()

    def operation(
        self, *, operation_id: str, batch_id: str, undoes: str, asked_at: datetime
    ) -> Operation:
        """Return the operation that does it, as part of the batch *batch_id*."""
        operation = Operation(
            operation_id=operation_id,
            batch_id=batch_id,
            item=self.item,
            change=self.change,
            asked_at=asked_at,
            origin=Origin.UNDO,
            scope=Scope.TREE if self.bases else Scope.ITEM,
            include_specials=self.include_specials,
            base=None if self.bases else self.base,
            undoes=undoes,
            bases=self.bases,
            works=self.works,
        )
        for earlier in self.interrupted:
            operation = operation.following(earlier)
        return operation


@dataclass(frozen=True, slots=True)
class UndoPlan:
    """What takes a batch back: operations to drop, operations to queue, what stays."""

    batch_id: str
    discards: tuple[Operation, ...] = ()
    restores: tuple[Restore, ...] = ()
    untouched: tuple[Untouched, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.discards and not self.restores

    @property
    def unread(self) -> frozenset[str]:
        """Ids of the items of which nothing is known; with a reading there would be."""
        return frozenset(
            one.item.item_id for one in self.untouched if one.why is Kept.NOT_READ
        )


@dataclass(frozen=True, slots=True)
class _Record:
    """An operation and how it ended; no result while it waits or is given up."""

    operation: Operation
    result: Result | None = None
    settled_at: datetime | None = None


type _Batches = dict[str, list[_Record]]


def last_batch(outbox: Outbox) -> Batch | None:
    """Return the last batch that changed something, or still waits to.

    A batch that takes back is not one, nor is one that was taken back: so undoing again
    and again goes further and further back.
    """
    batches = _batches(outbox)
    undone = _undone(batches)
    for batch_id, records in reversed(batches.items()):
        if batch_id in undone or records[0].operation.undoes is not None:
            continue
        if _changed_something(records):
            return Batch(batch_id, records[0].operation.asked_at)
    return None


def asked_at(outbox: Outbox, batch_id: str) -> datetime | None:
    """Return when a batch was asked for; None if nothing of it is known."""
    records = _batches(outbox).get(batch_id)
    return records[0].operation.asked_at if records else None


def batches_since(outbox: Outbox, since: datetime) -> list[Batch]:
    """Return what was asked for from a moment on.

    Left out is what takes back, what was taken back, and what changed nothing.
    """
    batches = _batches(outbox)
    undone = _undone(batches)
    firsts = {one: records[0].operation for one, records in batches.items()}
    return [
        Batch(one, first.asked_at)
        for one, first in firsts.items()
        if first.asked_at >= since
        and one not in undone
        and first.undoes is None
        and _changed_something(batches[one])
    ]


def undoable_batches(outbox: Outbox) -> Collection[str]:
    """Return the ids of the batches that changed something and stand yet."""
    batches = _batches(outbox)
    undone = _undone(batches)
    return {
        batch_id
        for batch_id, records in batches.items()
        if batch_id not in undone and _changed_something(records)
    }


def undone_batches(outbox: Outbox) -> Collection[str]:
    """Return the ids of the batches that are taken back, or about to be."""
    return _undone(_batches(outbox))


def knows(outbox: Outbox, batch_id: str) -> bool:
    """Whether anything of a batch waits, was given up or is remembered."""
    return batch_id in _batches(outbox)


def plan_undo(
    outbox: Outbox,
    ledger: Ledger,
    batch_id: str,
    *,
    capabilities: Capabilities,
    clock_offset: timedelta | None = None,
    kept: Iterable[HistoryEntry] | None = None,
) -> UndoPlan:
    """Plan what takes the batch *batch_id* back on a server with *capabilities*.

    What waits, or was given up, is dropped. Where it was written already, or may have
    been, that is taken back as well: the reading before delivery tells which it is.
    *clock_offset* is the server's clock minus ours. Where somebody has *kept* what the
    batch did, as the history does not hold all of it, that is taken back and nothing
    else that is done.
    """
    batches = _batches(outbox, None if kept is None else {batch_id: kept})
    own = batches.get(batch_id, [])
    discards = tuple(one.operation for one in own if one.result is None)
    untouched = [
        Untouched(one.operation.item, Kept.CHANGED_NOTHING)
        for one in own
        if one.result is not None and not any(_changes(one))
    ]
    found: list[tuple[_Touched, Restore]] = []
    for touched, item, answer in _restores(
        batches, batch_id, own, ledger, capabilities, clock_offset
    ):
        if isinstance(answer, Restore):
            found.append((touched, answer))
        else:
            untouched.append(Untouched(item, answer))
    trees = [
        one.operation
        for one in (*_waiting(outbox), *own)
        if one.operation.scope is Scope.TREE
    ]
    return UndoPlan(
        batch_id, discards, _gathered(found, trees, capabilities), tuple(untouched)
    )


def plan_row(
    outbox: Outbox,
    ledger: Ledger,
    operation_id: str,
    *,
    capabilities: Capabilities,
    clock_offset: timedelta | None = None,
) -> list[Restore]:
    """Plan what makes the items of one operation of the history as they were.

    One for each item that still shows what the operation left there; none if nothing
    of it is remembered. Its batch is not taken back by that: it has others.
    """
    batches = _batches(outbox)
    for batch_id, records in batches.items():
        own = [one for one in records if one.operation.operation_id == operation_id]
        if own and own[0].result is not None:
            answers = _restores(
                batches, batch_id, own, ledger, capabilities, clock_offset
            )
            return [one for _, _, one in answers if isinstance(one, Restore)]
    return []


# --- what happened -----------------------------------------------------------


def _waiting(outbox: Outbox) -> Iterator[_Record]:
    yield from map(_Record, outbox.rejected)
    yield from map(_Record, outbox)


def _batches(
    outbox: Outbox, kept: Mapping[str, Iterable[HistoryEntry]] | None = None
) -> _Batches:
    """Return all that is known, by batch, in the order in which it was asked for.

    Of a batch of which somebody has *kept* entries, those and no others count as done.
    """
    kept = kept or {}
    done = [
        *(one for entries in kept.values() for one in entries),
        *(one for one in outbox.history if one.operation.batch_id not in kept),
    ]
    records = [
        *(_Record(one.operation, one.result, one.settled_at) for one in done),
        *_waiting(outbox),
    ]
    records.sort(key=lambda record: record.operation.asked_at)
    batches: _Batches = {}
    for record in records:
        batches.setdefault(record.operation.batch_id, []).append(record)
    return batches


def _undone(batches: _Batches) -> set[str]:
    """Return the batches that are taken back by one that is not taken back itself."""
    undone: set[str] = set()
    for batch_id, records in reversed(batches.items()):
        undoes = records[0].operation.undoes
        if undoes is not None and batch_id not in undone:
            undone.add(undoes)
    return undone


def _changed_something(records: Iterable[_Record]) -> bool:
    """Whether some operation changed something, or may yet."""
    return any(record.result is None or any(_changes(record)) for record in records)


def _changes(record: _Record) -> Iterator[str]:
    """Yield the ids of the items that an operation changed, or may have changed."""
    operation = record.operation
    if record.result not in (None, Result.DELIVERED):
        return
    for item_id, state in operation.before.items():
        # A replaced file leaves the state it had under its old id behind.
        ours = operation.scope is Scope.TREE or item_id == operation.item.item_id
        if ours and not is_true_of(operation.change, state):
            yield item_id


class _Reach:
    """What some operations touch, ready to be asked for many items."""

    def __init__(self) -> None:
        self._by_id: dict[str, list[Operation]] = {}
        self._trees: list[Operation] = []

    def add(self, record: _Record) -> None:
        """Count an operation in; what was true already was not touched by it."""
        operation = record.operation
        for item_id in _changes(record):
            self._by_id.setdefault(item_id, []).append(operation)
        if record.result is None:
            self._by_id.setdefault(operation.item.item_id, []).append(operation)
            if operation.scope is Scope.TREE:
                self._trees.append(operation)

    def touch(self, item: Item) -> bool:
        """Whether one of them touches *item*."""
        return any(
            operation.knows(item) for operation in self._by_id.get(item.item_id, ())
        ) or any(tree.reaches(item) for tree in self._trees)


def _since(batches: _Batches, batch_id: str) -> tuple[_Reach, _Reach]:
    """Return what took the batch back already, and what else came after it.

    A later batch that was taken back is as if it had never been, and so is what took
    it back.
    """
    undone = _undone(batches)
    order = {one: place for place, one in enumerate(batches)}
    place = order.get(batch_id, len(order))
    taken_back, later = _Reach(), _Reach()
    for other, records in batches.items():
        undoes = records[0].operation.undoes
        if order[other] <= place or other in undone:
            continue
        if undoes is not None and order.get(undoes, -1) > place:
            continue
        reach = taken_back if undoes == batch_id else later
        for record in records:
            reach.add(record)
    return taken_back, later


@dataclass(slots=True)
class _Touched:
    """One item that the batch changed, or may have changed.

    `before` is what it showed before the first of the batch's operations, `left` what
    the last of them wanted. `interrupted` are those that never came to an end.
    """

    item_id: str
    operation: Operation
    before: PlayState
    left: PlayState
    settled_at: datetime | None
    interrupted: tuple[Operation, ...] = ()

    def item(self, ledger: Ledger) -> Item:
        """Return the item, or as much as the operation knows of it."""
        item = ledger.item(self.item_id)
        if item is not None and self.operation.knows(item):
            return item
        item = self.operation.item
        if self.operation.scope is Scope.ITEM:
            return item
        if (work := self.operation.works.get(self.item_id)) is not None:
            return work
        is_show = item.kind is MediaKind.SHOW
        return Item(
            self.item_id,
            MediaKind.EPISODE,
            item.full_title,
            show_id=item.item_id if is_show else item.show_id,
            season_id=None if is_show else item.item_id,
            season=item.season,
        )


def _touched(own: Iterable[_Record]) -> Iterable[_Touched]:
    """Return the items a batch changed; an item may be in several of its operations."""
    touched: dict[str, _Touched] = {}
    for record in own:
        operation = record.operation
        for item_id in _changes(record):
            # What was being watched again stays watched when its mark is taken back.
            before = operation.before[item_id].keeping_flag()
            one = touched.setdefault(
                item_id, _Touched(item_id, operation, before, before, None)
            )
            one.left = operation.change.apply(before)
            one.settled_at = record.settled_at
            if record.result is None:
                one.interrupted = (*one.interrupted, operation)
    return touched.values()


# --- what to do about it -----------------------------------------------------


def _restores(
    batches: _Batches,
    batch_id: str,
    own: Iterable[_Record],
    ledger: Ledger,
    capabilities: Capabilities,
    clock_offset: timedelta | None,
) -> Iterator[tuple[_Touched, Item, Restore | Kept]]:
    """Yield each item that *own* changed, and what makes it as it was, or why not.

    They are operations of the batch *batch_id*.
    """
    taken_back, later = _since(batches, batch_id)
    for touched in _touched(own):
        item = touched.item(ledger)
        if taken_back.touch(item):
            yield touched, item, Kept.ALREADY_UNDONE
        elif later.touch(item):
            yield touched, item, Kept.CHANGED_SINCE
        else:
            answer = _restore(touched, item, ledger, capabilities, clock_offset)
            yield touched, item, answer


def _restore(
    touched: _Touched,
    item: Item,
    ledger: Ledger,
    capabilities: Capabilities,
    clock_offset: timedelta | None,
) -> Restore | Kept:
    """Return what makes an item as it was, or why it stays as it is."""
    if touched.interrupted:
        # Whether it was written nobody knows. `interrupted` tells the relay what to
        # expect beside this base.
        base = touched.interrupted[-1].before[touched.item_id]
    elif ledger.is_anothers(item):
        # Whoever delivers this looks for it elsewhere, and
        # whether it still shows what we left there, and was not played since.
        base = replace(
            touched.left, last_played=_last_ours(touched.settled_at, clock_offset)
        )
    elif (now := ledger.base(touched.item_id)) is None:
        return Kept.NOT_READ
    elif now.means_the_same_as(touched.before):
        return Kept.ALREADY_THERE
    elif not now.means_the_same_as(touched.left) or _played_since(
        now, touched.settled_at, clock_offset
    ):
        return Kept.CHANGED_SINCE
    else:
        base = now
    restoring = _restoring(touched, item.duration, capabilities)
    if restoring is None:
        return Kept.NOT_POSSIBLE
    change, losses = restoring
    return Restore(
        item,
        change,
        base,
        losses=frozenset(losses),
        interrupted=touched.interrupted,
    )


def _played_since(
    now: PlayState, settled_at: datetime | None, clock_offset: timedelta | None
) -> bool:
    """Whether somebody played the item after the batch was done with it."""
    last_ours = _last_ours(settled_at, clock_offset)
    if now.last_played is None or last_ours is None:
        return False
    return now.last_played > last_ours


def _last_ours(
    settled_at: datetime | None, clock_offset: timedelta | None
) -> datetime | None:
    """Return the latest date, by the server's clock, that our write may have left."""
    if settled_at is None:
        return None
    return settled_at + (clock_offset or timedelta()) + CLOCK_TOLERANCE


def _restoring(
    touched: _Touched, duration: float | None, capabilities: Capabilities
) -> tuple[Change, set[Loss]] | None:
    """Return the change back to the state before, and what it cannot bring back."""
    before, left = touched.before, touched.left
    losses: set[Loss] = set()
    position = before.position
    if not capabilities.can_hold(position, duration):
        position = 0.0
        losses.add(Loss.POSITION)
    if before.watched and not left.watched:
        if before.play_count > 1:
            losses.add(Loss.PLAY_COUNT)
        if before.last_played is not None and not capabilities.keeps_watched_at:
            losses.add(Loss.WATCHED_AT)
    if not before.watched:
        if position:
            return SetProgress(position, watched=False), losses
        return MarkUnwatched(), losses
    if left.watched and not position and not capabilities.repeat_safe:
        # Nothing but another mark would clear the position, and count as a play.
        return None
    if left.watched or position:
        return SetProgress(position, watched=True, at=before.last_played), losses
    return MarkWatched(before.last_played), losses


def _gathered(
    found: Sequence[tuple[_Touched, Restore]],
    trees: Sequence[Operation],
    capabilities: Capabilities,
) -> tuple[Restore, ...]:
    """Make one operation of what came from one show or season and is marked alike.

    It reaches those episodes and no others, so the relay marks the whole container
    only where they are all there is. Left single is what carries a date of its own, a
    position, or an uncertainty, and everything below a container that another
    operation speaks of as well: of two for one container the later would swallow the
    earlier. *trees* are those others, and the batch's own.
    """
    by_source: dict[str, list[Restore]] = {}
    sources: dict[str, Operation] = {}
    for touched, restore in found:
        source = touched.operation
        if source.scope is Scope.TREE and not restore.interrupted:
            sources[source.operation_id] = source
            by_source.setdefault(source.operation_id, []).append(restore)
    gathered: list[Restore] = []
    inside: set[str] = set()
    for source_id, source in sources.items():
        members, change = _largest_alike(by_source[source_id], capabilities)
        if len(members) <= 1 or any(
            tree.operation_id != source_id and _overlap(tree, source) for tree in trees
        ):
            continue
        gathered.append(
            Restore(
                source.item,
                change,
                bases={one.item.item_id: one.base for one in members},
                works={one.item.item_id: one.item for one in members},
                include_specials=source.include_specials,
                losses=frozenset[Loss]().union(*(one.losses for one in members)),
            )
        )
        inside.update(one.item.item_id for one in members)
    single = (restore for _, restore in found if restore.item.item_id not in inside)
    return (*gathered, *single)


def _largest_alike(
    restores: Sequence[Restore], capabilities: Capabilities
) -> tuple[Sequence[Restore], Change]:
    """Return most of what is marked alike, and how; it may be nothing."""
    unwatched = [one for one in restores if isinstance(one.change, MarkUnwatched)]
    watched = [
        one
        for one in restores
        if isinstance(one.change, MarkWatched) and not capabilities.keeps_watched_at
    ]
    if len(watched) > len(unwatched):
        return watched, MarkWatched()
    return unwatched, MarkUnwatched()


def _overlap(one: Operation, other: Operation) -> bool:
    return (
        one.is_for(other.item)
        or one.item.covers(other.item)
        or other.item.covers(one.item)
    )
