"""What was done, newest first: the history as rows of a story."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from homeassistant.core import HomeAssistant, callback
from homeassistant.util.json import JsonObjectType

from ..actions.answers import cause_row, change_name, lane_row
from ..actions.for_whom import counted_for
from ..actions.summaries import Phrases
from ..core.operation import CauseKind, Operation, Origin, SetProgress
from ..core.outbox import HistoryEntry, Result
from ..core.undo import undoable_batches, undone_batches
from ..images import picture_path
from ..persons import person_name
from ..runtime import WatchedSyncConfigEntry, runtime_of
from ..words import clock
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
    hass: HomeAssistant, audience: Audience, words: Phrases, start: int, limit: int
) -> JsonObjectType:
    """Return a part of what was done on these lanes, and how much that is."""
    found: list[_Done] = []
    for entry in audience.running:
        outbox = runtime_of(entry).lane.outbox
        undone, undoable = undone_batches(outbox), undoable_batches(outbox)
        found += (_Done(entry, one, undone, undoable) for one in outbox.history)
    # Newest first; of what ended at one time, what came last.
    found.reverse()
    found.sort(key=lambda one: one.history.settled_at, reverse=True)
    sizes = Counter(one.history.operation.batch_id for one in found)
    return {
        "rows": [
            _row(hass, one, words, sizes[one.history.operation.batch_id])
            for one in found[start : start + limit]
        ],
        "total": len(found),
        "start": start,
    }


def _row(
    hass: HomeAssistant, done: _Done, words: Phrases, batch_size: int
) -> JsonObjectType:
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
        "undo": _undo(done, batch_size),
        "cause": cause_row(operation),
        "text": _sentence(hass, done, words),
    }


def _undo(done: _Done, batch_size: int) -> str:
    """Return how far something can be taken back."""
    if done.history.operation.batch_id not in done.undoable:
        return "no"
    is_alone = batch_size == 1 or done.history.result is not Result.DELIVERED
    return "batch" if is_alone else "row"


def _sentence(hass: HomeAssistant, done: _Done, words: Phrases) -> str:
    """Return in one sentence what was done, and by what."""
    operation, result = done.history.operation, done.history.result
    change = operation.change
    blanks = {"item": operation.item.full_title, "lane": done.entry.title}
    if isinstance(change, SetProgress):
        blanks["position"] = clock(change.position)
    what = words.say(f"story_{change_name(change)}", **blanks)
    if operation.origin is Origin.UNDO:
        what = words.say("story_undo", what=what)
    if result in (Result.ALREADY_TRUE, Result.OVERRULED):
        what = words.say(f"story_{result.value}", what=what)
    by = _by(hass, operation, words)
    return f"{what}." if by is None else f"{what}, {by}."


def _by(hass: HomeAssistant, operation: Operation, words: Phrases) -> str | None:
    """Return by what something came about, in words; None if that is not known."""
    if operation.origin is Origin.LEVEL:
        return words.say("story_by_level")
    if (cause := operation.cause) is None:
        return None
    match cause.kind:
        case CauseKind.PERSON if cause.person is None:
            return words.say("story_by_user")
        case CauseKind.PERSON:
            name = person_name(hass, cause.person or "")
            return words.say("story_by_person", name=name)
        case kind:
            return words.say(f"story_by_{kind.value}", name=cause.name or "")
