"""What the answers of the actions have in common: their rows.

A row is plain JSON, as scripts and templates read it.
"""

from collections.abc import Collection
from itertools import islice
from typing import Final

from homeassistant.core import ServiceCall
from homeassistant.util.json import JsonObjectType, JsonValueType

from ..core.codec import encode_change
from ..core.operation import CauseKind, Change, Operation, Origin, Scope
from ..core.outbox import HistoryEntry, Outcome, Result
from ..failures import invalid
from ..naming.found import Skipped
from ..runtime import WatchedSyncConfigEntry, runtime_of
from .fields import ATTR_WAIT, WAIT_LIMIT
from .planning import state_row

#: Episodes of one show or season of which the history says what they were before.
BEFORE_LIMIT: Final = 50

#: By what an operation came about of which nothing else is noted.
_CAUSES: Final = {
    Origin.PLAYBACK: CauseKind.PLAYER.value,
    Origin.MIRROR: CauseKind.MIRROR.value,
    Origin.LEVEL: "level",
}

_ENDED_WELL = (Result.DELIVERED, Result.ALREADY_TRUE)


def waiting_time(call: ServiceCall) -> float:
    """Return how long to wait for a confirmation, in seconds."""
    wait: float = call.data[ATTR_WAIT]
    if not 0 <= wait <= WAIT_LIMIT:
        raise invalid("wait_out_of_range", limit=str(WAIT_LIMIT))
    return wait


def status_of(outcome: Outcome | None) -> str:
    """Return the status of a row; None is an operation that has not ended."""
    if outcome is None:
        return "queued"
    return "confirmed" if outcome.result in _ENDED_WELL else "failed"


def lane_row(entry: WatchedSyncConfigEntry) -> dict[str, JsonValueType]:
    """Return what every row says of its lane: its id, and server and user in words."""
    return {"config_entry_id": entry.entry_id, "lane": entry.title}


def operation_row(
    entry: WatchedSyncConfigEntry, operation: Operation
) -> dict[str, JsonValueType]:
    """Return what every answer says of an operation."""
    return {
        "operation_id": operation.operation_id,
        **lane_row(entry),
        "item_id": operation.item.id_there,
        "title": operation.item.full_title,
        "change": change_name(operation.change),
    }


def skipped_row(skipped: Skipped) -> JsonObjectType:
    """Return the row of what was passed over."""
    return {
        **lane_row(skipped.entry),
        "item_id": skipped.item.item_id if skipped.item else None,
        "title": skipped.item.full_title if skipped.item else None,
        "reason": skipped.reason.value,
    }


def change_name(change: Change) -> str:
    """Return the name of a change: that of the action which asks for it."""
    name: str = encode_change(change)["type"]
    return name


def waiting_row(
    entry: WatchedSyncConfigEntry, operation: Operation
) -> dict[str, JsonValueType]:
    """Return the row of an operation that waits; when it is tried at the earliest."""
    lane = runtime_of(entry).lane
    syncing = operation.operation_id in lane.in_flight
    times = (operation.not_before, lane.health.next_attempt)
    next_attempt = max((time for time in times if time is not None), default=None)
    return {
        **operation_row(entry, operation),
        **_details(operation),
        "status": "syncing" if syncing else "queued",
        "next_attempt": next_attempt.isoformat() if next_attempt else None,
    }


def failed_row(
    entry: WatchedSyncConfigEntry, operation: Operation
) -> dict[str, JsonValueType]:
    """Return the row of an operation that was given up."""
    return {
        **operation_row(entry, operation),
        **_details(operation),
        "status": "failed",
        "next_attempt": None,
    }


def _details(operation: Operation) -> dict[str, JsonValueType]:
    return {
        "scope": operation.scope.value,
        "attempts": operation.attempts,
        "asked_at": operation.asked_at.isoformat(),
        "last_error": operation.last_error,
    }


def history_row(
    entry: WatchedSyncConfigEntry,
    done: HistoryEntry,
    undone: Collection[str],
    *,
    about: str | None = None,
) -> dict[str, JsonValueType]:
    """Return the row of what is done; *undone* are the batches taken back.

    *about* is the id of the item that is asked about, where that may be another than
    the one that was changed: an episode of a show.
    """
    operation = done.operation
    changed_id = operation.item.item_id
    before = operation.before.get(about or changed_id)
    is_of_tree = operation.scope is Scope.TREE and about in (None, changed_id)
    return {
        **operation_row(entry, operation),
        "batch_id": operation.batch_id,
        "scope": operation.scope.value,
        "origin": operation.origin.value,
        "cause": cause_row(operation),
        "result": done.result.value,
        "asked_at": operation.asked_at.isoformat(),
        "settled_at": done.settled_at.isoformat(),
        # What one item was before; below a show or season that is said of each.
        "before": None if before is None else state_row(before),
        "before_each": _before_each(operation) if is_of_tree else [],
        "items": len(operation.before),
        "undoes": operation.undoes,
        "undone": operation.batch_id in undone,
    }


def cause_row(operation: Operation) -> JsonObjectType:
    """Return by what an operation came about, as far as that is known."""
    cause = operation.cause
    known = _CAUSES.get(operation.origin, "unknown")
    return {
        "kind": known if cause is None else cause.kind.value,
        "name": None if cause is None else cause.name,
        "person": None if cause is None else cause.person,
    }


def _before_each(operation: Operation) -> list[JsonValueType]:
    """Return what the items below a show or season were, no more than a few of them."""
    return [
        {"item_id": item_id, **state_row(state)}
        for item_id, state in islice(operation.before.items(), BEFORE_LIMIT)
    ]
