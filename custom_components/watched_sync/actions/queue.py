"""The queue itself: try, drop, list, take back, and tell what was done."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from homeassistant.auth.permissions.const import POLICY_CONTROL, POLICY_READ
from homeassistant.core import ServiceCall, ServiceResponse
from homeassistant.util.json import JsonObjectType, JsonValueType

from ..causes import cause_of
from ..core.operation import Operation
from ..core.outbox import HISTORY_LIMIT, HistoryEntry, Outcome, Result
from ..core.undo import Kept, undone_batches
from ..failures import invalid
from ..levelling.answers import progress_row
from ..levelling.carrying_out import levellings
from ..naming.asking import SkipReason
from ..naming.found import Skipped
from ..runtime import WatchedSyncConfigEntry, runtime_of
from ..undo import Undone, async_undo as async_take_back, newest_batch
from .answers import (
    change_name,
    failed_row,
    history_row,
    lane_row,
    operation_row,
    skipped_row,
    status_of,
    waiting_row,
    waiting_time,
)
from .fields import ATTR_BATCH_ID, ATTR_DRY_RUN, ATTR_LIMIT, ATTR_OPERATION_ID
from .lanes import async_choose_lanes


async def async_sync_now(call: ServiceCall) -> ServiceResponse:
    """Try to deliver now."""
    lanes = (await async_choose_lanes(call, POLICY_CONTROL)).running
    if not call.data[ATTR_DRY_RUN]:
        for entry in lanes:
            await runtime_of(entry).async_sync_now()
    return {
        "lanes": [
            {
                **lane_row(entry),
                "pending": len(runtime_of(entry).lane.outbox),
            }
            for entry in lanes
        ]
    }


@dataclass(frozen=True, slots=True)
class _Chosen:
    """Operations of one lane that an action speaks of."""

    entry: WatchedSyncConfigEntry
    operations: list[Operation]

    @property
    def operation_ids(self) -> list[str]:
        """Their ids."""
        return [operation.operation_id for operation in self.operations]


async def _async_choose(call: ServiceCall) -> list[_Chosen]:
    """Return the operations named, or all given up; raise if one is not there."""
    lanes = (await async_choose_lanes(call, POLICY_CONTROL)).running
    operation_ids: list[str] | None = call.data.get(ATTR_OPERATION_ID)
    if operation_ids is None:
        return [
            _Chosen(entry, list(runtime_of(entry).lane.outbox.rejected))
            for entry in lanes
        ]
    wanted = dict.fromkeys(operation_ids)
    chosen = []
    for entry in lanes:
        outbox = runtime_of(entry).lane.outbox
        found = [
            operation
            for operation in (*outbox.rejected, *outbox)
            if operation.operation_id in wanted
        ]
        chosen.append(_Chosen(entry, found))
        for operation in found:
            del wanted[operation.operation_id]
    if wanted:
        raise invalid("unknown_operation", operation_id=", ".join(wanted))
    return chosen


def _chosen_response(chosen: Sequence[_Chosen], status: str) -> JsonObjectType:
    return {
        "operations": [
            {**operation_row(one.entry, operation), "status": status}
            for one in chosen
            for operation in one.operations
        ]
    }


async def async_retry(call: ServiceCall) -> ServiceResponse:
    """Queue given-up operations again."""
    chosen = await _async_choose(call)
    if call.data[ATTR_DRY_RUN]:
        return _chosen_response(chosen, "planned")
    for one in chosen:
        runtime = runtime_of(one.entry)
        if one.operations:
            await runtime.async_retry(one.operation_ids)
        runtime.relay.nudge()
    return _chosen_response(chosen, "queued")


async def async_discard(call: ServiceCall) -> ServiceResponse:
    """Drop operations."""
    chosen = await _async_choose(call)
    if call.data[ATTR_DRY_RUN]:
        return _chosen_response(chosen, "planned")
    for one in chosen:
        if one.operations:
            await runtime_of(one.entry).async_discard(one.operation_ids)
    return _chosen_response(chosen, "discarded")


async def async_get_queue(call: ServiceCall) -> ServiceResponse:
    """Return what waits and what was given up."""
    rows: list[JsonValueType] = []
    for entry in (await async_choose_lanes(call, POLICY_READ)).running:
        outbox = runtime_of(entry).lane.outbox
        rows.extend(waiting_row(entry, operation) for operation in outbox)
        rows.extend(failed_row(entry, operation) for operation in outbox.rejected)
    return {"operations": rows}


# --- taking back ------------------------------------------------------------


async def async_undo(call: ServiceCall) -> ServiceResponse:
    """Take a batch back."""
    wait = waiting_time(call)
    lanes = await async_choose_lanes(call, POLICY_CONTROL)
    batch_id: str | None = call.data.get(ATTR_BATCH_ID)
    if batch_id is None and (caller := lanes.caller) is not None:
        # Their own last one; what it did for others is taken back with it.
        batch_id = newest_batch(lanes.of_caller(caller).running).batch_id
    undo = await async_take_back(
        lanes.running,
        batch_id,
        dry_run=call.data[ATTR_DRY_RUN],
        cause=cause_of(call.hass, call.context),
    )
    answers = await asyncio.gather(
        *(
            _async_undone_rows(one, wait, planned=call.data[ATTR_DRY_RUN])
            for one in undo.lanes
        )
    )
    if undo.levelling is not None:
        if wait:
            await levellings(call.hass).async_wait(undo.undoes, wait)
        levelled = {"levelling": progress_row(call.hass, undo.levelling)}
    else:
        levelled = {}
    return {
        **levelled,
        "batch_id": undo.batch_id,
        "undone_batch_id": undo.undoes,
        "operations": [row for rows, _ in answers for row in rows],
        "skipped": [skipped_row(one) for _, skipped in answers for one in skipped],
    }


async def _async_undone_rows(
    undone: Undone, wait: float, *, planned: bool
) -> tuple[list[JsonObjectType], list[Skipped]]:
    """Return the rows of one lane, after waiting for what was queued there."""
    entry, plan = undone.entry, undone.plan
    ended: Mapping[str, Outcome] = {}
    if wait and undone.operations:
        ended = await runtime_of(entry).lane.ended(
            [one.operation_id for one in undone.operations], wait
        )
    skipped = [
        Skipped(
            entry,
            undone.unread if one.why is Kept.NOT_READ else SkipReason(one.why.value),
            one.item,
        )
        for one in plan.untouched
    ]
    rows: list[JsonObjectType] = [
        {
            **operation_row(entry, operation),
            "status": "planned" if planned else "discarded",
            "not_restored": [],
        }
        for operation in plan.discards
    ]
    for place, restore in enumerate(plan.restores):
        operation_id = None
        status = "planned"
        if undone.operations:
            operation_id = undone.operations[place].operation_id
            outcome = ended.get(operation_id)
            if outcome is not None and outcome.result is Result.OVERRULED:
                skipped.append(Skipped(entry, SkipReason.CHANGED_SINCE, restore.item))
                continue
            status = status_of(outcome)
        rows.append(
            {
                "operation_id": operation_id,
                **lane_row(entry),
                "item_id": restore.item.item_id,
                "title": restore.item.full_title,
                "change": change_name(restore.change),
                "status": status,
                "not_restored": [*sorted(loss.value for loss in restore.losses)],
            }
        )
    return rows, skipped


async def async_get_history(call: ServiceCall) -> ServiceResponse:
    """Return what was done, newest first."""
    limit: int = call.data[ATTR_LIMIT]
    if not 1 <= limit <= HISTORY_LIMIT:
        raise invalid("limit_out_of_range", limit=str(HISTORY_LIMIT))
    found: list[tuple[WatchedSyncConfigEntry, HistoryEntry, Collection[str]]] = []
    for entry in (await async_choose_lanes(call, POLICY_READ)).running:
        outbox = runtime_of(entry).lane.outbox
        undone = undone_batches(outbox)
        found.extend((entry, one, undone) for one in outbox.history)
    # Newest first; of what ended at one time, what came last.
    found.reverse()
    found.sort(key=lambda row: row[1].settled_at, reverse=True)
    return {"operations": [history_row(*row) for row in found[:limit]]}
