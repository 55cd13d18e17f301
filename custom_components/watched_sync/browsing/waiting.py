"""What waits or failed, and why: rows for the face."""

from itertools import islice
from typing import Final

from homeassistant.core import HomeAssistant, callback
from homeassistant.util.json import JsonObjectType

from ..actions.answers import change_name, failed_row, waiting_row
from ..actions.explaining import why_listed
from ..actions.summaries import Phrases
from ..core.operation import Operation, SetProgress
from ..images import picture_path
from ..runtime import WatchedSyncConfigEntry, runtime_of
from .refs import item_ref
from .whose import Audience

#: Rows that are told; the numbers count all.
WAITING_ROWS: Final = 100


@callback
def waiting_rows(
    hass: HomeAssistant, audience: Audience, words: Phrases
) -> dict[str, JsonObjectType]:
    """Return what failed and what waits, by the ids of the operations.

    What failed comes first, the newest before all; then what waits, in the order in
    which it is delivered, lane by lane.
    """
    failed = [
        (entry, one)
        for entry in audience.running
        for one in runtime_of(entry).lane.outbox.rejected
    ]
    failed.sort(key=lambda found: found[1].asked_at, reverse=True)
    queued = (
        (entry, one)
        for entry in audience.running
        for one in islice(runtime_of(entry).lane.outbox, WAITING_ROWS)
    )
    rows: dict[str, JsonObjectType] = {}
    for entry, one in islice((*failed, *queued), WAITING_ROWS):
        rows[one.operation_id] = _row(hass, entry, one, words)
    return rows


def _row(
    hass: HomeAssistant,
    entry: WatchedSyncConfigEntry,
    operation: Operation,
    words: Phrases,
) -> JsonObjectType:
    outbox = runtime_of(entry).lane.outbox
    is_queued = outbox.get(operation.operation_id) is not None
    explanation = why_listed(entry, operation)
    item = operation.item
    return {
        **(waiting_row if is_queued else failed_row)(entry, operation),
        "ref": None if item.is_unseen else item_ref(entry.entry_id, item.item_id),
        "kind": item.kind.value,
        "picture": None if item.is_unseen else picture_path(hass, entry.entry_id, item),
        "batch_id": operation.batch_id,
        "origin": operation.origin.value,
        **change_row(operation),
        "why": explanation.why.value,
        "text": words.sentence(explanation),
    }


def change_row(operation: Operation) -> JsonObjectType:
    """Return what an operation is to change."""
    change = operation.change
    row: JsonObjectType = {"change": change_name(change)}
    if isinstance(change, SetProgress):
        row["position"] = round(change.position, 3)
    return row


@callback
def waiting_counts(audience: Audience) -> JsonObjectType:
    """Return how many changes wait, and how many failed."""
    boxes = [runtime_of(one).lane.outbox for one in audience.running]
    return {
        "pending": sum(len(one) for one in boxes),
        "failed": sum(len(one.rejected) for one in boxes),
    }
