"""What the answers of the actions have in common: their rows.

A row is plain JSON, as scripts and templates read it.
"""

from homeassistant.core import ServiceCall
from homeassistant.util.json import JsonObjectType, JsonValueType

from .action_fields import ATTR_WAIT, WAIT_LIMIT
from .core.codec import encode_change
from .core.operation import Change, Operation
from .core.outbox import Outcome, Result
from .failures import invalid
from .lookup import Skipped
from .runtime import WatchedSyncConfigEntry

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


def operation_row(
    entry: WatchedSyncConfigEntry, operation: Operation
) -> dict[str, JsonValueType]:
    """Return what every answer says of an operation."""
    return {
        "operation_id": operation.operation_id,
        "config_entry_id": entry.entry_id,
        "item_id": operation.item.item_id,
        "title": operation.item.full_title,
        "change": change_name(operation.change),
    }


def skipped_row(skipped: Skipped) -> JsonObjectType:
    """Return the row of what was passed over."""
    return {
        "config_entry_id": skipped.entry.entry_id,
        "item_id": skipped.item.item_id if skipped.item else None,
        "title": skipped.item.full_title if skipped.item else None,
        "reason": skipped.reason.value,
    }


def change_name(change: Change) -> str:
    """Return the name of a change: that of the action which asks for it."""
    name: str = encode_change(change)["type"]
    return name
