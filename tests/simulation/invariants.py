"""What must hold in a simulated world, once all has come to rest.

Every invariant counts what it has checked, and by name what it leaves out and why: one
that looks away shows in the counts.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from custom_components.watched_sync.core.errors import Reason
from custom_components.watched_sync.core.identity import Item
from custom_components.watched_sync.core.operation import (
    Change,
    MarkUnwatched,
    MarkWatched,
    Operation,
    Scope,
    SetProgress,
)
from custom_components.watched_sync.core.outbox import Result
from custom_components.watched_sync.core.play_state import PlayState
from custom_components.watched_sync.core.reconcile import CLOCK_TOLERANCE, Policy
from tests.core.twins import UNWATCHED, Ask

from .records import (
    FORGOTTEN,
    LATE_POSITION,
    PATIENCE,
    TANGLED,
    Asked,
    means,
    work_of,
)
from .tally import Tally

if TYPE_CHECKING:
    from .world import SimulatedLane, World

# --- what must hold ----------------------------------------------------------


#: What is counted under these names; the last as operations end.
ACCOUNTED = "an accepted operation is accounted for"
LAST_OPERATION = "an item shows what its operations say"
NOTHING_ELSE = "nothing is written that nobody asked for"
NO_DOUBLE = "no play is counted twice"
GIVEN_UP = "nothing is given up because of an outage"
FORBIDDEN = "only what is hidden is forbidden"
OVERRULED = "nobody is overruled by our own writes"
SPARINGLY = "a server that is away is asked sparingly"
NEWER_PLAY = "a newer play of somebody else stands"
SHOWN = "what ended well is shown"

#: Why an operation gives way to what was before it.
LOOKS_NEWER = "by a clock that jumped an old play is newer"

#: How much of each invariant has to be checked: in a world on average, and as a part of
#: all it is about.
FLOORS: Mapping[str, tuple[float, float]] = {
    ACCOUNTED: (40, 0.8),
    LAST_OPERATION: (8, 0.6),
    NOTHING_ELSE: (25, 1.0),
    NO_DOUBLE: (10, 0.75),
    GIVEN_UP: (8, 0.15),
    FORBIDDEN: (0.3, 1.0),
    OVERRULED: (0.3, 0.5),
    SPARINGLY: (3, 1.0),
    NEWER_PLAY: (0.3, 0.6),
    SHOWN: (25, 0.5),
}


def invariants(world: World, lane: SimulatedLane, tally: Tally) -> Iterator[str]:
    """Yield every promise that was not kept on *lane*, and count what was looked at."""
    yield from _accounted(lane, tally)
    yield from _last_operation_holds(world, lane, tally)
    yield from _nothing_else_changed(lane, tally)
    yield from _no_double_play(lane, tally)
    yield from lane.records.oddities
    yield from _given_up_for_a_reason(world, lane, tally)
    yield from _only_hidden_is_forbidden(lane, tally)
    yield from _overruled_for_a_reason(lane, tally)
    yield from _asked_sparingly(lane, tally)
    yield from _newer_play_stands(world, lane, tally)


def _asked(lane: SimulatedLane) -> list[Asked]:
    """Return the operations that were not refused, in order."""
    return [one for one in lane.records.asked if one.at >= 0]


def _accounted(lane: SimulatedLane, tally: Tally) -> Iterator[str]:
    """Every accepted operation ended where a person sees it, or gave way to a later."""
    outbox = lane.lane.outbox
    rejected = {one.operation_id for one in outbox.rejected}
    done = {one.operation.operation_id for one in outbox.history}
    asked = _asked(lane)
    for place, one in enumerate(asked):
        if not one.answered:
            tally.leave_out(ACCOUNTED, "its acceptance was never answered")
            continue
        tally.check(ACCOUNTED)
        operation_id = one.operation.operation_id
        if (
            operation_id in done
            or operation_id in rejected
            or operation_id in lane.records.ended
        ):
            continue
        meant = {leaf.item_id for leaf in lane.leaves if means(one.operation, leaf)}
        if any(
            meant <= {leaf.item_id for leaf in lane.leaves if means(later, leaf)}
            for later in (each.operation for each in asked[place + 1 :])
        ):
            continue  # overtaken by one whose news died with the process
        if operation_id in lane.records.forgotten:
            tally.leave_out(ACCOUNTED, "a backup came back from before it was asked")
            continue
        yield f"operation {operation_id} was accepted and is nowhere"
    for operation_id in rejected & done:
        yield f"operation {operation_id} is both done and given up"


def _operations_for(lane: SimulatedLane, item: Item) -> list[Asked]:
    return [one for one in _asked(lane) if means(one.operation, item)]


def _nothing_else_changed(lane: SimulatedLane, tally: Tally) -> Iterator[str]:
    """Nothing is done to a work that nobody had asked for, whatever its id is.

    After a backup came back nobody has, until it is asked for anew: it may have been
    done and taken back since.
    """
    backup = lane.records.backup
    operations = {
        item.item_id: [
            (kind, one.at)
            for one in _operations_for(lane, item)
            for kind in _kinds(one.operation.change)
        ]
        for item in lane.leaves
    }
    for work, change, at in lane.records.changed:
        tally.check(NOTHING_ELSE)
        if not any(
            kind is type(change) and asked_at <= at
            for kind, asked_at in operations[work]
        ):
            yield f"nobody had asked for {change} of {work}"
        elif (
            backup is not None
            and max(backup.at, backup.late_until) <= at
            and not any(
                kind is type(change) and backup.at <= asked_at <= at
                for kind, asked_at in operations[work]
            )
            # A later operation takes the flag along of what was given up.
            and not any(
                type(change) in _kinds(one.change) and work in lane.works_meant(one)
                for one in backup.given_up
            )
        ):
            yield f"{change} of {work} came out of a backup, and was sent unasked"


def _kinds(change: Change) -> Iterator[type]:
    """Yield what is written for a change: a position may take a flag along."""
    yield type(change)
    if isinstance(change, SetProgress) and change.watched is not None:
        yield MarkWatched if change.watched else MarkUnwatched


def _last_operation_holds(
    world: World, lane: SimulatedLane, tally: Tally
) -> Iterator[str]:
    """An item shows what the operations for it and other people's doings come to.

    That is one play state, wherever it is certain which operations were carried out and
    after what others did. Where it is not, it has to be one of those that are possible.
    """
    for item in lane.leaves:
        item_id = item.item_id
        if lane.is_tangled(item):
            tally.leave_out(LAST_OPERATION, TANGLED)
            continue
        if lane.may_be_forgetful and item_id in lane.records.late:
            why = "our clock jumped, and a crash took what may come yet"
            tally.leave_out(LAST_OPERATION, why)
            continue
        possible = _possible(world, lane, item)
        shown = lane.shown(item_id)
        if lane.keeps_late_position(item_id):
            tally.leave_out(LAST_OPERATION, LATE_POSITION + " (the flag is checked)")
            possible = [replace(one, position=shown.position) for one in possible]
        elif len({(one.watched, one.position) for one in possible}) > 1:
            tally.leave_out(
                LAST_OPERATION, "one of several possible states (is checked)"
            )
        else:
            tally.check(LAST_OPERATION)
        if not any(one.agrees_with(shown) for one in possible):
            wanted = " or ".join(map(str, possible))
            yield f"{item_id} shows {shown} and was wanted {wanted}"


def _possible(world: World, lane: SimulatedLane, item: Item) -> list[PlayState]:
    """Return what an item may show in the end.

    What is hidden from the user shows what others did, and nothing of ours.
    """
    operations = [] if lane.is_hidden(item) else _operations_for(lane, item)
    certain = _certain(world, lane, item, operations)
    repeatable = lane.server.kind.repeat_safe
    events: list[tuple[float, Asked | PlayState]] = [
        (one.at, one) for one in operations
    ]
    events += [
        (at, state) for work, at, state in lane.records.moves if work == item.item_id
    ]
    events.sort(key=lambda event: event[0])
    states, before = [lane.initial[item.item_id]], list[Asked]()
    for at, event in events:
        if isinstance(event, PlayState):
            # What others do shows at once; what was not settled then may come after it.
            shown, states = states, [event]
            for one in _unsettled(lane, item, before, at):
                change = one.operation.change
                states += [change.apply(state) for state in states]
                if change == SetProgress(0.0) and not repeatable:
                    states.append(UNWATCHED)  # what Plex is sent for it
                if (
                    isinstance(change, SetProgress)
                    and lane.server.kind.writes_whole
                    and (
                        item.item_id in lane.records.late
                        or _between_look_and_write(lane, item.item_id, at)
                    )
                ):
                    # It takes along the flag that it found before.
                    states += [change.apply(state) for state in shown]
        else:
            wanted = [event.operation.change.apply(state) for state in states]
            states = (
                wanted if event.operation.operation_id in certain else (states + wanted)
            )
            before.append(event)
        states = list({(one.watched, one.position): one for one in states}.values())
    return states


def _certain(
    world: World, lane: SimulatedLane, item: Item, operations: list[Asked]
) -> set[str]:
    """Return the operations that were surely carried out on an item.

    So is what was overtaken by another that was: that one says it all, or a position
    took the flag along.
    """
    found: set[str] = set()
    if item.item_id in lane.records.late and item.item_id in lane.records.moved:
        return found  # what somebody did looked like our write, which came yet later
    later_is = False
    for one in reversed(operations):
        operation = one.operation
        result = lane.result_of(operation.operation_id)
        is_over = result not in (Result.SUPERSEDED, None)
        if result in (Result.DELIVERED, Result.ALREADY_TRUE):
            # Of an episode in a tree it is not told that it was left to somebody.
            later_is = operation.scope is Scope.ITEM or not (
                item.item_id in lane.records.moved
                or world.jumps
                or lane.records.backup is not None
            )
        elif is_over or not one.answered or lane.came_with_backup(operation):
            later_is = False
        if later_is:
            found.add(operation.operation_id)
    return found


def _unsettled(
    lane: SimulatedLane, item: Item, operations: list[Asked], moment: float
) -> list[Asked]:
    """Return which of *operations* may have been written to an item after *moment*."""
    if item.item_id in lane.records.late:
        return operations
    for place in reversed(range(len(operations))):
        operation_id = operations[place].operation.operation_id
        if lane.result_of(operation_id) not in (Result.SUPERSEDED, None):
            ended_at = lane.records.ended_at.get(operation_id, PATIENCE)
            if ended_at < moment and not lane.died_soon_after(ended_at):
                return operations[place + 1 :]
    return operations


def _no_double_play(lane: SimulatedLane, tally: Tally) -> Iterator[str]:
    """A play is counted for an operation, or where ours and another write crossed."""
    doubled = Counter(
        work for item_id in lane.server.doubled for work in lane.works([item_id])
    )
    plays = Counter(
        {
            work_of(lane.server.items[item_id]): count
            for item_id, count in lane.server.plays.items()
        }
    )
    for item in lane.leaves:
        item_id = item.item_id
        if lane.is_tangled(item):
            tally.leave_out(NO_DOUBLE, TANGLED)
            continue
        tally.check(NO_DOUBLE)
        moves = sum(work == item_id for work, _, _ in lane.records.moves)
        if doubled[item_id] > moves:
            yield f"{item_id} was marked although it was watched"
        operations = _operations_for(lane, item)
        marks = [
            one
            for one in operations
            if not isinstance(one.operation.change, MarkUnwatched)
        ]
        # What comes late over a later operation is put right, as what others do may be.
        again = lane.records.late[item_id] if len(operations) > len(marks) else 0
        if lane.records.backup is not None:
            # An un-mark out of the backup, sent once more, is put right as well.
            again += sum(
                work == item_id and isinstance(change, MarkUnwatched)
                for work, change, _ in lane.records.changed
            )
        if plays[item_id] > len(marks) + moves + again:
            yield f"{item_id} got {plays[item_id]} plays from {len(marks)} operations"


def _given_up_for_a_reason(
    world: World, lane: SimulatedLane, tally: Tally
) -> Iterator[str]:
    """Outages give nothing up: only single requests that go wrong do."""
    if world.trouble_rate:
        why = "single requests go wrong on that lane"
        tally.leave_out(GIVEN_UP, why, len(_asked(lane)))
        return
    tally.check(GIVEN_UP, len(_asked(lane)))
    for operation, reason in lane.records.rejected:
        if reason not in {Reason.UNSUPPORTED, Reason.FORBIDDEN}:
            yield f"{operation.operation_id} was given up as {reason}"


def _only_hidden_is_forbidden(lane: SimulatedLane, tally: Tally) -> Iterator[str]:
    """What is given up as forbidden is, in part at least, hidden from the user."""
    tally.check(FORBIDDEN, len(lane.records.rejected))
    for operation, reason in lane.records.rejected:
        if reason is Reason.FORBIDDEN and not any(
            lane.is_hidden(item) for item in lane.leaves if means(operation, item)
        ):
            yield f"{operation.operation_id} was given up as forbidden"


def _overruled_for_a_reason(lane: SimulatedLane, tally: Tally) -> Iterator[str]:
    """Nobody is overruled by what we did ourselves, however it came about."""
    for operation, at, offset in lane.records.overruled:
        if reason := _why_overruled(lane, operation, offset):
            tally.leave_out(OVERRULED, reason)
            continue
        tally.check(OVERRULED)
        if not any(
            lane.records.first_moved.get(item.item_id, at) < at
            for item in lane.leaves
            if means(operation, item)
        ):
            yield f"{operation.operation_id} was overruled and nobody had moved"


def _why_overruled(
    lane: SimulatedLane, operation: Operation, offset: timedelta
) -> str | None:
    """Say why an operation may be overruled although nobody had moved."""
    change = operation.change
    leaves = [item for item in lane.leaves if means(operation, item)]
    if (
        isinstance(change, SetProgress)
        and change.watched is None
        and (lane.records.crashes or lane.records.restores)
    ):
        return "what we had marked ourselves beats a position, if that was forgotten"
    if any(map(lane.is_tangled, leaves)):
        return TANGLED
    if lane.records.backup is not None:
        return FORGOTTEN
    sent_twice = lane.records.late.keys() & lane.records.doubtful_positions
    if any(item.item_id in sent_twice for item in leaves):
        return "a position sent twice, the first coming late, is dated like a new play"
    if lane.world.jumps and operation.unsure_until is not None:
        return "by a clock that jumped it came later than any write of ours can have"
    if any(looks_newer(lane, operation, item.item_id, offset) for item in leaves):
        return LOOKS_NEWER
    if lane.world.spoils and _lacks_base(operation, leaves):
        return "an odd row hid what was agreed on when it was asked for"
    if lane.may_be_forgetful:
        return "our clock jumped, and what was agreed on was lost"
    return None


def _lacks_base(operation: Operation, leaves: Iterable[Item]) -> bool:
    """Whether of some item nothing was known when an operation was made."""
    if operation.scope is Scope.ITEM:
        return operation.base is None
    return any(leaf.item_id not in operation.bases for leaf in leaves)


def looks_newer(
    lane: SimulatedLane, operation: Operation, item_id: str, offset: timedelta
) -> bool:
    """Whether a play from before this world looks newer than an operation made in it.

    So it does after our clock was set forward by more than its age, for the operation
    has the time of the clock as it was. Who had read the item before knows that
    nobody moved; where it was never read, the clocks are all there is to go by.
    """
    played_at = lane.initial[item_id].last_played
    base = (
        operation.base
        if operation.scope is Scope.ITEM
        else operation.bases.get(item_id)
    )
    return (
        base is None
        and lane.world.jumps
        and played_at is not None
        and played_at - offset > operation.asked_at + CLOCK_TOLERANCE
    )


def _asked_sparingly(lane: SimulatedLane, tally: Tally) -> Iterator[str]:
    """While a server is away, or refuses us, it is asked now and then, not more."""
    for start, end in lane.records.outages:
        tally.check(SPARINGLY)
        asked = sum(start < one.at < end for one in lane.server.requests)
        allowed = 12 + (end - start) / 4 + 12 * lane.records.crashes
        if asked > allowed:
            yield f"{asked} requests in an outage of {end - start:.0f} s"


def _newer_play_stands(
    world: World, lane: SimulatedLane, tally: Tally
) -> Iterator[str]:
    """What somebody watched after the last operation for it stays watched."""
    for item in lane.leaves:
        played_at = lane.records.played_elsewhere.get(item.item_id)
        if played_at is None or lane.policy is not Policy.NEWEST:
            continue
        if any(one.at > played_at for one in _operations_for(lane, item)):
            continue  # it was not the last
        if reason := _why_it_may_not_stand(world, lane, item, played_at):
            tally.leave_out(NEWER_PLAY, reason)
            continue
        tally.check(NEWER_PLAY)
        if not lane.shown(item.item_id).keeping_flag().watched:
            yield (
                f"{item.item_id} was watched elsewhere after the last operation, "
                "and is not now"
            )


def _why_it_may_not_stand(
    world: World, lane: SimulatedLane, item: Item, played_at: float
) -> str | None:
    """Say why a play that nobody un-marked since need not stand."""
    operations = _operations_for(lane, item)
    tolerance = 2 * CLOCK_TOLERANCE.total_seconds()
    if _all_settled(lane, item, operations, played_at):
        return None  # whatever the clocks say, nothing of ours can come any more
    if lane.is_tangled(item):
        return TANGLED
    if any(one.at + tolerance > played_at for one in operations):
        return "too close to the operation for the clocks to tell"
    if operations and world.jumps:
        return "our clock jumped"
    if operations and item.item_id in lane.records.late:
        return "it looked like our own write that came late"
    if operations and abs(lane.server.skew.total_seconds()) > tolerance / 2:
        return "nobody knows the server's clock before its first answer"
    if any(_in_doubt(lane, one, played_at) for one in operations):
        return "it may have been our own mark"
    if lane.records.undated.get(item.item_id, played_at) > played_at:
        return "an odd row did not say when it was played"
    if _between_look_and_write(lane, item.item_id, played_at):
        return "it fell between our look and our write"
    return None


def _all_settled(
    lane: SimulatedLane, item: Item, operations: list[Asked], moment: float
) -> bool:
    """Whether nothing of ours could be written to an item after *moment*."""
    ended_at = lane.records.ended_at
    return item.item_id not in lane.records.late and all(
        (at := ended_at.get(one.operation.operation_id, PATIENCE)) < moment
        and not lane.died_soon_after(at)
        for one in operations
    )


def _between_look_and_write(lane: SimulatedLane, item_id: str, moment: float) -> bool:
    """Whether at *moment* an item had been read and was about to be written.

    No server compares before it writes, so what happens to the item between the last
    look at it and the write cannot be seen by whoever writes. A look counts from when
    the server answered it, which may be long before the answer arrived.
    """
    look, id_now = moment, lane.id_now(item_id)
    for request in lane.server.requests:
        at = request.at + lane.server.latency
        if not any(
            one == id_now
            or (
                request.ask is not Ask.FETCH
                and one in lane.server.items
                and lane.server.items[one].covers(lane.server.items[id_now])
            )
            for one in request.item_ids
        ):
            continue
        if request.ask in {Ask.FETCH, Ask.LEAVES}:
            look = at
        elif request.ask is Ask.WRITE and look < moment <= at:
            return True
    return False


def _in_doubt(lane: SimulatedLane, one: Asked, moment: float) -> bool:
    """Whether a write of this may or may not have been carried out by *moment*."""
    operation = one.operation
    ended_at = lane.records.ended_at.get(operation.operation_id, PATIENCE)
    if lane.records.ended.get(operation.operation_id) is Result.SUPERSEDED:
        ended_at = PATIENCE  # overtaken, not confirmed
    return ended_at > moment and any(
        request.ask is Ask.WRITE
        and one.at <= request.at <= moment
        and any(
            means(operation, item)
            for item in lane.leaves
            if item.item_id in lane.works(request.item_ids)
        )
        for request in lane.server.requests
    )
