"""What was done, newest first: the history as rows of a story."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from homeassistant.core import HomeAssistant, callback
from homeassistant.util.json import JsonObjectType

from ..actions.answers import lane_row
from ..actions.for_whom import counted_for
from ..core.outbox import HistoryEntry
from ..core.undo import undoable_batches, undone_batches
from ..images import picture_path
from ..runtime import WatchedSyncConfigEntry
from .refs import item_ref
from .rows import iso
from .waiting import change_row
from .whose import Audience


@dataclass(frozen=True, slots=True)
class _Done:
    """Something done on a lane; *undone* and *undoable* are batches of that lane."""

    entry: WatchedSyncConfigEntry
    history: HistoryEntry
    undone: Collection[str]
    undoable: Collection[str]


@callback
def story_rows(
    hass: HomeAssistant, audience: Audience, start: int, limit: int
) -> JsonObjectType:
    """Return a part of what was done on these lanes, and how much that is."""
    found: list[_Done] = []
    for entry in audience.running:
        outbox = entry.runtime_data.lane.outbox
        undone, undoable = undone_batches(outbox), undoable_batches(outbox)
        found += (_Done(entry, one, undone, undoable) for one in outbox.history)
    # Newest first; of what ended at one time, what came last.
    found.reverse()
    found.sort(key=lambda one: one.history.settled_at, reverse=True)
    sizes = Counter(one.history.operation.batch_id for one in found)
    return {
        "rows": [
            _row(hass, one, sizes[one.history.operation.batch_id])
            for one in found[start : start + limit]
        ],
        "total": len(found),
        "start": start,
    }


def _row(hass: HomeAssistant, done: _Done, batch_size: int) -> JsonObjectType:
    entry, operation = done.entry, done.history.operation
    item, batch_id = operation.item, operation.batch_id
    return {
        "key": f"{entry.entry_id}/{operation.operation_id}",
        "operation_id": operation.operation_id,
        "batch_id": batch_id,
        "batch_size": batch_size,
        **lane_row(entry),
        "owner": counted_for(entry),
        "ref": item_ref(entry.entry_id, item.item_id),
        "item_id": item.item_id,
        "kind": item.kind.value,
        "title": item.full_title,
        "picture": picture_path(hass, entry.entry_id, item),
        **change_row(operation),
        "scope": operation.scope.value,
        "items": len(operation.before),
        "asked_at": iso(operation.asked_at),
        "settled_at": iso(done.history.settled_at),
        "result": done.history.result.value,
        "origin": operation.origin.value,
        "undoes": operation.undoes,
        "undone": batch_id in done.undone,
        "undo": "batch" if batch_id in done.undoable else "no",
    }
