"""Taking batches back, for the action and the button alike."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from homeassistant.util.ulid import ulid_now

from .core.errors import JournalError
from .core.level.levelling import Levelling
from .core.operation import Cause, Operation
from .core.undo import (
    Batch,
    Restore,
    UndoPlan,
    asked_at,
    batches_since,
    knows,
    last_batch,
    plan_row,
    plan_undo,
)
from .failures import (
    levelling_to_be_named,
    nothing_to_undo,
    refusal,
    row_not_undoable,
    unknown_batch,
)
from .levelling.carrying_out import Unknown, levellings
from .naming.asking import CannotAsk, SkipReason, async_ask
from .runtime import Request, WatchedSyncConfigEntry, runtime_of


@dataclass(frozen=True, slots=True)
class Undone:
    """What becomes of a batch on one lane.

    `operations` belong to the plan's restores, one to each, and are empty if they were
    only planned. `unread` is why nothing is known of the items of which nothing is.
    """

    entry: WatchedSyncConfigEntry
    plan: UndoPlan
    operations: Sequence[Operation] = ()
    unread: SkipReason = SkipReason.NOT_FOUND


@dataclass(frozen=True, slots=True)
class Undo:
    """An undo: which batch it takes back, lane by lane.

    `batch_id` is the batch it became itself, None if nothing had to be queued. What a
    `levelling` did is taken back bit by bit, so that of it no lane is named.
    """

    undoes: str
    batch_id: str | None
    lanes: Sequence[Undone]
    levelling: Levelling | None = None


async def async_undo(
    entries: Sequence[WatchedSyncConfigEntry],
    batch_id: str | None = None,
    *,
    dry_run: bool = False,
    cause: Cause | None = None,
) -> Undo:
    """Take a batch back on these lanes, for None the last one that changed something.

    When this returns, what it takes is on disk, as one batch. Raises
    `ServiceValidationError` if there is no such batch, and what `async_submit` raises.
    """
    undoes = newest_batch(entries).batch_id if batch_id is None else batch_id
    if entries and levellings(runtime_of(entries[0]).hass).knows(undoes):
        return await _async_undo_levelling(entries, undoes, dry_run=dry_run)
    known = [one for one in entries if knows(runtime_of(one).lane.outbox, undoes)]
    if not known:
        raise unknown_batch(undoes)
    planned = await asyncio.gather(*(_async_plan(entry, undoes) for entry in known))
    if dry_run or all(one.plan.is_empty for one in planned):
        return Undo(undoes, None, planned)
    new_batch = ulid_now()
    answers = await asyncio.gather(
        *(_async_carry_out(one, new_batch, cause) for one in planned),
        return_exceptions=True,
    )
    lanes: list[Undone] = []
    for answer in answers:
        # The other lanes keep what they accepted; it is on disk.
        if isinstance(answer, BaseException):
            raise answer
        lanes.append(answer)
    queued = any(one.operations for one in lanes)
    return Undo(undoes, new_batch if queued else None, lanes)


async def _async_undo_levelling(
    entries: Sequence[WatchedSyncConfigEntry], undoes: str, *, dry_run: bool
) -> Undo:
    """Begin to take back what a levelling did on these lanes; it goes on by itself."""
    found = levellings(runtime_of(entries[0]).hass)
    try:
        levelling = await found.async_find(undoes)
        entry_ids = {entry.entry_id for entry in entries} & levelling.parts.keys()
        if not entry_ids:
            raise unknown_batch(undoes)
        if not dry_run:
            levelling = await found.async_take_back(undoes, entry_ids)
    except Unknown as err:
        raise unknown_batch(undoes) from err
    except JournalError as err:
        raise refusal(err) from err
    return Undo(undoes, levelling.undo_batch_id, (), levelling)


def newest_batch(entries: Sequence[WatchedSyncConfigEntry]) -> Batch:
    """Return the last batch that changed something.

    Raises `ServiceValidationError` if there is none, and if it is a levelling: that
    may be ten thousand items, so it has to be named.
    """
    batches = [
        batch
        for entry in entries
        if (batch := last_batch(runtime_of(entry).lane.outbox)) is not None
    ]
    if not batches:
        raise nothing_to_undo()
    newest = max(batches, key=lambda batch: batch.asked_at)
    if levellings(runtime_of(entries[0]).hass).knows(newest.batch_id):
        raise levelling_to_be_named(newest.batch_id)
    return newest


def _plan(entry: WatchedSyncConfigEntry, batch_id: str) -> UndoPlan:
    runtime = runtime_of(entry)
    return plan_undo(
        runtime.lane.outbox,
        runtime.lane.ledger,
        batch_id,
        capabilities=runtime.server.capabilities,
        clock_offset=runtime.server.clock_offset,
    )


async def _async_plan(entry: WatchedSyncConfigEntry, batch_id: str) -> Undone:
    """Plan, after reading what the lane has forgotten."""
    plan = _plan(entry, batch_id)
    unread = SkipReason.NOT_FOUND
    if item_ids := plan.unread:
        try:
            readings = await async_ask(entry, lambda server: server.fetch(item_ids))
        except CannotAsk as err:
            unread = err.reason
        else:
            await runtime_of(entry).lane.take_in(readings.values())
            plan = _plan(entry, batch_id)
    return Undone(entry, plan, unread=unread)


async def _async_carry_out(
    undone: Undone, batch_id: str, cause: Cause | None
) -> Undone:
    """Plan once more, at the moment it is done, and do it in one write to disk."""
    if undone.plan.is_empty:
        return undone
    runtime = runtime_of(undone.entry)
    done = undone

    def swap() -> tuple[Collection[str], Sequence[Operation]]:
        nonlocal done
        plan = _plan(undone.entry, undone.plan.batch_id)
        operations = [operation(one) for one in plan.restores]
        done = Undone(undone.entry, plan, operations, undone.unread)
        return [one.operation_id for one in plan.discards], operations

    def operation(restore: Restore) -> Operation:
        made = restore.operation(
            operation_id=ulid_now(),
            batch_id=batch_id,
            undoes=undone.plan.batch_id,
            asked_at=runtime.clock.now(),
        )
        return replace(made, cause=cause)

    await runtime.async_exchange(swap)
    return done


# --- other parts of what was done ---------------------------------------------------


def batches_from(entries: Sequence[WatchedSyncConfigEntry], batch_id: str) -> list[str]:
    """Return a batch, and those that were asked for on these lanes after it.

    The newest comes first: in that order they can be taken back. Raises
    `ServiceValidationError` if nothing is known of the batch.
    """
    outboxes = [runtime_of(entry).lane.outbox for entry in entries]
    since = [at for one in outboxes if (at := asked_at(one, batch_id)) is not None]
    if not since:
        raise unknown_batch(batch_id)
    found = {
        one.batch_id: one.asked_at
        for outbox in outboxes
        for one in batches_since(outbox, min(since))
    }
    return sorted(found, key=found.__getitem__, reverse=True)


@dataclass(frozen=True, slots=True)
class UndoneRow:
    """An operation of the history that was taken back by itself.

    `restores` make its items as they were, `operations` are what they were queued as;
    none if that was only planned.
    """

    entry: WatchedSyncConfigEntry
    restores: Sequence[Restore]
    operations: Sequence[Operation]


async def async_undo_row(
    entries: Sequence[WatchedSyncConfigEntry],
    operation_id: str,
    *,
    dry_run: bool = False,
    cause: Cause | None = None,
) -> UndoneRow:
    """Make the items of one operation of the history as they were before it.

    It becomes an ordinary change: the rest of its batch stays, and may be taken back
    later. Raises `ServiceValidationError` if the operation is not in the history, or
    all of its items were changed since, and what `async_submit` raises.
    """
    for entry in entries:
        runtime = runtime_of(entry)
        restores = plan_row(
            runtime.lane.outbox,
            runtime.lane.ledger,
            operation_id,
            capabilities=runtime.server.capabilities,
            clock_offset=runtime.server.clock_offset,
        )
        if not restores:
            continue
        operations: Sequence[Operation] = ()
        if not dry_run:
            operations = await runtime.async_submit(
                [Request(one.item, one.change) for one in restores], cause=cause
            )
        return UndoneRow(entry, restores, operations)
    raise row_not_undoable()
