"""What a person is shown of a lane: one frozen snapshot, put together from the lane.

No server is asked: it is right while the server is away.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import islice
from typing import Final

from .errors import Reason
from .failing_reads import ReadTrouble
from .identity import Item
from .lane import Lane, Phase
from .operation import Operation, Scope
from .play_state import UNKNOWN, PlayState, Reading

#: Rows of the queue that a snapshot carries.
QUEUE_ROWS: Final = 20

#: How long a change may be on its way before it counts as waiting. Most are delivered
#: within that, and telling of each step would fill the history of Home Assistant.
ON_ITS_WAY: Final = timedelta(seconds=2)


class SyncStatus(StrEnum):
    """How a lane is, in one word; the first that applies from below upwards."""

    SYNCED = "synced"
    FAILED = "failed"
    PENDING = "pending"
    SYNCING = "syncing"
    OFFLINE = "offline"
    AUTH_REQUIRED = "auth_required"


class ItemSyncState(StrEnum):
    """How one item is."""

    SYNCED = "synced"
    PENDING = "pending"
    SYNCING = "syncing"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ItemView:
    """One item as it will be once all is delivered, and as the server has it.

    `server` is None if it was never read. Of a tracked show both leave the specials
    out.
    """

    item: Item
    desired: PlayState
    server: PlayState | None
    sync_state: ItemSyncState
    last_error: Reason | None = None
    leaf_count: int | None = None
    watched_leaf_count: int | None = None


@dataclass(frozen=True, slots=True)
class ShowProgress:
    """How far a tracked show is, as it will be once all is delivered.

    Specials and what has not been aired yet are left out.
    """

    unwatched: int
    next_episode: Reading | None


@dataclass(frozen=True, slots=True)
class SyncSnapshot:
    """All that entities show of one lane.

    `pending` counts what is not delivered; `waits` says whether that has lasted long
    enough to be told, as `status` goes by. `oldest` is when the operation that waits
    longest was asked for.
    `reads_failing_since` is set while what others do is not seen, as reads keep failing
    although the server is there. `queue` holds the first operations that wait and
    `given_up` the first that failed, together up to 20; neither crowds the other out.
    `tracked` holds the tracked items by the ids they had when tracking began, `items`
    all that is shown by the ids there are now.
    """

    status: SyncStatus
    pending: int
    waits: bool
    failed: int
    last_synced: datetime | None
    connected: bool
    oldest: datetime | None
    last_error: Reason | None
    reads_failing_since: datetime | None
    queue: tuple[Operation, ...]
    given_up: tuple[Operation, ...]
    up_next: tuple[str, ...]
    last_played: str | None
    items: Mapping[str, ItemView]
    tracked: Mapping[str, ItemView]
    shows: Mapping[str, ShowProgress]


@dataclass(frozen=True, slots=True)
class ShownItems:
    """What is to be shown: items, the episodes of tracked shows, and two lists.

    `tracked` are the tracked items by the ids they had when tracking began. `leaves`
    are the last readings of a show's episodes in order, by the show's id.
    """

    items: Sequence[Item]
    tracked: Mapping[str, Item]
    leaves: Mapping[str, Sequence[Reading]]
    up_next: tuple[str, ...]
    last_played: str | None


def take_snapshot(lane: Lane, shown: ShownItems, today: date) -> SyncSnapshot:
    """Return how all that is *shown* is, and the lane itself.

    What airs after *today* does not count as unwatched. An item about which we make a
    mistake is left out, and costs nothing but itself.
    """
    each = lane.mistakes.each
    outbox = lane.outbox
    failures = Failures(outbox.rejected)

    def view(item: Item) -> ItemView:
        return view_of(lane, item, shown.leaves.get(item.item_id, ()), failures)

    items = {
        item.item_id: there
        for item, there in each(shown.items, view, "An item could not be shown")
    }

    def view_tracked(first_id: str) -> ItemView:
        one = shown.tracked[first_id]
        there = items.get(one.item_id)
        return there if there and one.is_still(there.item) else view(one)

    tracked = dict(
        each(shown.tracked, view_tracked, "A tracked item could not be shown")
    )

    def progress(show_id: str) -> ShowProgress:
        return _progress(lane, shown.leaves[show_id], today)

    oldest = outbox.oldest
    read_trouble = read_trouble_of(lane)
    return SyncSnapshot(
        status=_status(lane),
        pending=len(outbox),
        waits=waits(lane),
        failed=len(outbox.rejected),
        last_synced=lane.last_synced,
        connected=lane.health.phase is Phase.READY,
        oldest=oldest.asked_at if oldest else None,
        last_error=lane.health.reason
        or _last_error(lane)
        or (read_trouble.reason if read_trouble else None),
        reads_failing_since=read_trouble.since if read_trouble else None,
        queue=tuple(islice(outbox, _rows(beside=len(outbox.rejected)))),
        given_up=tuple(islice(outbox.rejected, _rows(beside=len(outbox)))),
        up_next=shown.up_next,
        last_played=shown.last_played,
        items=items,
        tracked=tracked,
        shows=dict(each(shown.leaves, progress, "A show could not be counted")),
    )


def _rows(*, beside: int) -> int:
    """Return how many rows there may be of one kind with *beside* of the other."""
    return QUEUE_ROWS - min(beside, QUEUE_ROWS // 2)


def waits(lane: Lane) -> bool:
    """Whether something waits, and not only is on its way since a moment ago."""
    oldest = lane.outbox.oldest
    if oldest is None:
        return False
    if lane.health.phase is not Phase.READY or not all(
        map(_is_news, islice(lane.outbox, QUEUE_ROWS))
    ):
        return True
    since = lane.clock.now() - oldest.asked_at
    # A clock that was set back says nothing: better to tell too early.
    return not timedelta() <= since < ON_ITS_WAY


def _status(lane: Lane) -> SyncStatus:
    match lane.health.phase:
        case Phase.PARKED:
            return SyncStatus.AUTH_REQUIRED
        case Phase.BACKING_OFF:
            return SyncStatus.OFFLINE
    if waits(lane):
        syncing = any(map(_is_news, lane.in_flight_operations))
        return SyncStatus.SYNCING if syncing else SyncStatus.PENDING
    if lane.outbox.rejected or read_trouble_of(lane) is not None:
        return SyncStatus.FAILED
    return SyncStatus.SYNCED


def read_trouble_of(lane: Lane) -> ReadTrouble | None:
    """Return why reads keep failing; None as long as the server itself is away."""
    return lane.reads.trouble if lane.health.phase is Phase.READY else None


def _is_news(operation: Operation) -> bool:
    """Whether it is worth telling that an operation is tried; not if it failed before.

    Something that is missing is looked for all night.
    """
    return operation.last_error is None


def _last_error(lane: Lane) -> Reason | None:
    """Return why the first operation that has a reason waits."""
    outbox = lane.outbox
    for operation in (*islice(outbox, QUEUE_ROWS), *islice(outbox.rejected, 1)):
        if operation.last_error is not None:
            return Reason(operation.last_error)
    return None


def view_of(
    lane: Lane, item: Item, leaves: Iterable[Reading], failures: Failures
) -> ItemView:
    """Return how an item is; a show with known *leaves* goes by them.

    Of one whose id is another work's now only what is wanted is known.
    """
    reading = lane.ledger.reading_of(item)
    is_lost = lane.ledger.is_anothers(item)
    leaf_count = reading.leaf_count if reading else None
    watched_leaf_count = reading.watched_leaf_count if reading else None
    server: PlayState | None
    leaves = [] if is_lost else list(leaves)
    if leaves:
        # Of a show in several folders the server counts those in one of them.
        leaf_count = len(leaves)
        watched_leaf_count = sum(one.state.watched is True for one in leaves)
    if counting := [one for one in leaves if _counts(one.item)]:
        waiting, desired, server = _sum_up(lane, counting)
    else:
        waiting = lane.outbox.concerning(item)
        server = lane.ledger.base_of(item)
        desired = lane.outbox.desired(item, server or UNKNOWN)
    error: str | None = None
    in_flight = [one for one in waiting if one.operation_id in lane.in_flight]
    if any(map(_is_news, in_flight)) and waits(lane):
        sync_state = ItemSyncState.SYNCING
    elif waiting:
        sync_state = ItemSyncState.PENDING
        error = next((one.last_error for one in waiting if one.last_error), None)
    elif (given_up := failures.concerning(item)) is not None:
        sync_state = ItemSyncState.FAILED
        error = given_up.last_error
    else:
        sync_state = ItemSyncState.SYNCED
    if error is None and is_lost:
        error = Reason.MISSING
    return ItemView(
        item=item,
        desired=desired,
        server=server,
        sync_state=sync_state,
        last_error=None if error is None else Reason(error),
        leaf_count=leaf_count,
        watched_leaf_count=watched_leaf_count,
    )


def _sum_up(
    lane: Lane, leaves: Sequence[Reading]
) -> tuple[list[Operation], PlayState, PlayState]:
    """Return what waits for a show's episodes, and the show's two states."""
    outbox = lane.outbox
    waiting: dict[str, Operation] = {}
    desired: list[PlayState] = []
    for leaf in leaves:
        state = leaf.state
        for operation in outbox.concerning(leaf.item) if len(outbox) else ():
            waiting[operation.operation_id] = operation
            if not operation.held:
                state = operation.change.apply(state)
        desired.append(state)
    return (
        list(waiting.values()),
        _state_of_show(desired),
        _state_of_show([leaf.state for leaf in leaves]),
    )


def _progress(lane: Lane, leaves: Iterable[Reading], today: date) -> ShowProgress:
    unwatched = [
        leaf
        for leaf in leaves
        if _counts(leaf.item)
        and (leaf.item.aired is None or leaf.item.aired <= today)
        and lane.outbox.desired(leaf.item, leaf.state).watched is False
    ]
    return ShowProgress(len(unwatched), unwatched[0] if unwatched else None)


class Failures:
    """The operations given up, ready to be asked for many items."""

    def __init__(self, rejected: Collection[Operation]) -> None:
        """Take in what was given up, the oldest first."""
        self._by_item: dict[str, Operation] = {}
        self._trees: list[Operation] = []
        for operation in rejected:
            self._by_item[operation.item.item_id] = operation
            for show_id in operation.item.show_ids:
                # A show with an episode that failed has failed, in part.
                self._by_item[show_id] = operation
            if operation.scope is Scope.TREE:
                self._trees.append(operation)

    def concerning(self, item: Item) -> Operation | None:
        """Return the last operation given up that was about *item*."""
        if (found := self._by_item.get(item.item_id)) is not None:
            return found
        return next((one for one in reversed(self._trees) if one.reaches(item)), None)


def _counts(item: Item) -> bool:
    """Whether an episode counts for its show: specials do not."""
    return not item.is_special


def _state_of_show(states: Sequence[PlayState]) -> PlayState:
    """Return a show's play state: watched if every episode is."""
    flags = {state.watched for state in states}
    watched = None if None in flags else flags == {True}
    played = [state.last_played for state in states if state.last_played is not None]
    return PlayState(watched=watched, last_played=max(played, default=None))
