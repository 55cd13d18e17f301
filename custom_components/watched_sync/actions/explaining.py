"""Why an item is as it is: what both sides say, what waits, and which rule applies.

It works without the server, and changes nothing. The reasons are for automations, the
summaries for people who look for a fault, in their language.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from homeassistant.auth.permissions.const import POLICY_READ
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import ServiceCall, ServiceResponse
from homeassistant.helpers.target import TargetSelection
from homeassistant.util import dt as dt_util
from homeassistant.util.json import JsonObjectType, JsonValueType

from ..const import CONF_KIND
from ..core.errors import Reason
from ..core.lane import Phase
from ..core.operation import Operation, SetProgress
from ..core.outbox import HistoryEntry, Result
from ..core.play_state import UNKNOWN, Reading
from ..core.reconcile import NoOp, Policy, Push
from ..core.undo import undone_batches
from ..naming.asking import CannotAsk, SkipReason, async_ask
from ..naming.found import IfMissing, LaneItem
from ..naming.names import external_ids
from ..preferences import preferences
from ..runtime import WatchedSyncConfigEntry, runtime_of
from .answers import failed_row, history_row, skipped_row, waiting_row
from .fields import (
    ATTR_EPISODE,
    ATTR_EXTERNAL_ID,
    ATTR_ITEM_ID,
    ATTR_LANGUAGE,
    ATTR_SEASON,
    ATTR_TITLE,
    ATTR_YEAR,
)
from .finding import item_row
from .planning import state_row
from .summaries import Explanation, Phrases, Rule, Variant, Why, async_words
from .targets import async_resolve

#: Items one answer explains, and rows of each kind for one item.
ITEM_LIMIT = 20
ROW_LIMIT = 10


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the server said of an item just now, or why it said nothing."""

    reading: Reading | None = None
    read_at: datetime | None = None
    reason: SkipReason | None = None


@dataclass(frozen=True, slots=True)
class _Case:
    """One item on one lane, with everything that concerns it, oldest first."""

    target: LaneItem
    seen: _Seen
    waiting: Sequence[Operation]
    failed: Sequence[Operation]
    history: Sequence[HistoryEntry]

    @property
    def lane_name(self) -> str:
        """The lane as a person knows it."""
        return self.target.entry.title


async def async_explain(call: ServiceCall) -> ServiceResponse:
    """Return, for each item the call names, how it stands and why."""
    words = await async_words(call.hass, call.data.get(ATTR_LANGUAGE))
    resolution = await async_resolve(call, POLICY_READ, IfMissing.CLAIMED)
    targets = resolution.targets[:ITEM_LIMIT]
    entries = {target.entry.entry_id: target.entry for target in targets}
    entries |= {one.entry.entry_id: one.entry for one in resolution.skipped}
    seen: dict[tuple[str, str], _Seen] = {}
    for answer in await asyncio.gather(
        *(
            _async_look(
                entry, [one for one in targets if one.entry.entry_id == entry_id]
            )
            for entry_id, entry in entries.items()
        )
    ):
        seen |= answer
    cases = [
        _case(target, seen[target.entry.entry_id, target.item.item_id])
        for target in targets
    ]
    shared = Counter(
        external_id for case in cases for external_id in external_ids(case.target.item)
    )
    items: list[JsonValueType] = [
        {
            **_row(case, words),
            "matched_by": [*_matched_by(call)],
            # What several rows have in common tells that they are one work.
            "shared_ids": [
                one for one in external_ids(case.target.item) if shared[one] > 1
            ],
        }
        for case in cases
    ]
    return {
        "items": items,
        "more_items": len(resolution.targets) - len(targets),
        "lanes": [
            _lane_row(entry)
            for entry in entries.values()
            if entry.state is ConfigEntryState.LOADED
        ],
        "skipped": [skipped_row(one) for one in resolution.skipped],
    }


def _matched_by(call: ServiceCall) -> list[str]:
    """Return what led from the call to the items."""
    data: Mapping[str, Any] = call.data
    if TargetSelection(call.data).has_any_target:
        found = ["target"]
    elif ATTR_EXTERNAL_ID in data:
        found = [data[ATTR_EXTERNAL_ID].strip()]
    else:
        names = (ATTR_ITEM_ID, ATTR_TITLE, ATTR_YEAR)
        found = [name for name in names if name in data]
    return [*found, *(name for name in (ATTR_SEASON, ATTR_EPISODE) if name in data)]


async def _async_look(
    entry: WatchedSyncConfigEntry, targets: Sequence[LaneItem]
) -> dict[tuple[str, str], _Seen]:
    """Ask the server, once, how items are now."""
    if not targets:
        return {}
    item_ids = [target.item.item_id for target in targets]
    try:
        readings = await async_ask(entry, lambda server: server.fetch(item_ids))
    except CannotAsk as err:
        return {
            (entry.entry_id, item_id): _Seen(reason=err.reason) for item_id in item_ids
        }
    now = dt_util.utcnow()
    return {
        (entry.entry_id, item_id): _Seen(reading, now)
        if (reading := readings.get(item_id)) is not None
        else _Seen(read_at=now, reason=SkipReason.NOT_FOUND)
        for item_id in item_ids
    }


def _case(target: LaneItem, seen: _Seen) -> _Case:
    outbox = runtime_of(target.entry).lane.outbox
    item = target.item
    if seen.reading is not None:
        item = seen.reading.item.completed_by(item)

    def concerns(operation: Operation) -> bool:
        # What is asked of an episode concerns its season and show as well.
        return operation.reaches(item) or item.covers(operation.item)

    return _Case(
        LaneItem(target.entry, item, seen.reading),
        seen,
        [one for one in outbox if concerns(one)]
        if item.kind.is_container
        else outbox.concerning(item),
        [one for one in outbox.rejected if concerns(one)],
        [one for one in outbox.history if concerns(one.operation)],
    )


# --- rows -------------------------------------------------------------------


def _row(case: _Case, words: Phrases) -> JsonObjectType:
    entry, item = case.target.entry, case.target.item
    lane = runtime_of(entry).lane
    agreed = lane.ledger.reading(item.item_id)
    last = case.seen.reading or agreed
    wanted = lane.outbox.desired(item, last.state if last else UNKNOWN)
    explanation = _why(case)
    undone = undone_batches(lane.outbox)
    return {
        **item_row(entry, item),
        "server": {
            "state": state_row(case.seen.reading.state) if case.seen.reading else None,
            "read_at": case.seen.read_at.isoformat() if case.seen.read_at else None,
            "reason": case.seen.reason.value if case.seen.reason else None,
        },
        "agreed": None if agreed is None else state_row(agreed.state),
        "wanted": {
            "watched": wanted.watched,
            "position": round(wanted.position, 3),
        },
        "waiting": [waiting_row(entry, one) for one in islice(case.waiting, ROW_LIMIT)],
        # The latest come first.
        "failed": [
            failed_row(entry, one) for one in islice(reversed(case.failed), ROW_LIMIT)
        ],
        "history": [
            history_row(entry, one, undone, about=item.item_id)
            for one in islice(reversed(case.history), ROW_LIMIT)
        ],
        "not_copied": [
            {"config_entry_id": one.target_id, "reason": one.reason.value}
            for one in runtime_of(entry).mirroring.skipped(item.item_id)
        ],
        "reason": explanation.why.value,
        "summary": words.sentence(explanation),
    }


def _lane_row(entry: WatchedSyncConfigEntry) -> JsonObjectType:
    """Return how a lane is, and by which rules it goes."""
    runtime = runtime_of(entry)
    health, lane = runtime.lane.health, runtime.lane
    chosen = preferences(entry)
    offset = runtime.server.clock_offset
    return {
        "config_entry_id": entry.entry_id,
        "name": entry.title,
        "kind": entry.data[CONF_KIND],
        "health": health.phase.value,
        "since": health.since.isoformat(),
        "last_error": health.reason.value if health.reason else None,
        "next_attempt": _iso(health.next_attempt),
        "last_synced": _iso(lane.last_synced),
        "pending": len(lane.outbox),
        "failed": len(lane.outbox.rejected),
        "conflict_policy": chosen.conflict_policy.value,
        "clock_offset": None if offset is None else offset.total_seconds(),
        "keeps_watched_at": runtime.server.capabilities.keeps_watched_at,
    }


def _iso(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()


# --- why --------------------------------------------------------------------


def why_listed(entry: WatchedSyncConfigEntry, operation: Operation) -> Explanation:
    """Return what keeps an operation that waits, or was given up, as far as is known.

    The server is not asked: it goes by what was last read.
    """
    lane = entry.runtime_data.lane
    if lane.outbox.get(operation.operation_id) is None:
        return Explanation(
            Why.GIVEN_UP, entry.title, operation, error=_error(operation)
        )
    seen = _Seen(lane.ledger.reading_of(operation.item))
    case = _Case(LaneItem(entry, operation.item), seen, [operation], (), ())
    return _why_it_waits(case, operation)


def _why(case: _Case) -> Explanation:
    """Return what keeps the item as it is: what waits, what failed, or what was."""
    if case.waiting:
        return _why_it_waits(case, case.waiting[0])
    name = case.lane_name
    if case.failed:
        failed = case.failed[-1]
        return Explanation(Why.GIVEN_UP, name, failed, error=_error(failed))
    if not case.history:
        gone = case.seen.reason is SkipReason.NOT_FOUND
        return Explanation(Why.MISSING if gone else Why.NOTHING_ASKED, name)
    done = case.history[-1]
    operation, ended = done.operation, done.settled_at
    match done.result:
        case Result.OVERRULED:
            rule = _rule(case, operation)
            return Explanation(
                Why.WAS_OVERRULED, name, operation, time=ended, rule=rule
            )
        case Result.ALREADY_TRUE:
            variant = Variant.WAS_ALREADY_TRUE
            return Explanation(Why.WAS_DELIVERED, name, operation, variant, ended)
        case _:
            return Explanation(Why.WAS_DELIVERED, name, operation, time=ended)


def _why_it_waits(case: _Case, operation: Operation) -> Explanation:
    lane = runtime_of(case.target.entry).lane
    name, health = case.lane_name, lane.health
    if operation.held:
        return Explanation(Why.WAITS_FOR_DECISION, name, operation)
    match health.phase:
        case Phase.PARKED:
            return Explanation(Why.WAITS_FOR_SIGN_IN, name, operation)
        case Phase.BACKING_OFF:
            return Explanation(
                Why.WAITS_FOR_SERVER,
                name,
                operation,
                time=health.next_attempt,
                error=health.reason or Reason.UNEXPECTED,
            )
    if operation.operation_id in lane.in_flight:
        return Explanation(Why.BEING_DELIVERED, name, operation)
    not_before = operation.not_before
    if operation.item.is_unseen:
        return Explanation(Why.MISSING, name, operation, Variant.NOT_YET, not_before)
    if operation.missing_since is not None:
        variant = Variant.MISSING_SINCE
        if operation.last_error == Reason.NO_EPISODES:
            variant = Variant.NO_EPISODES
        return Explanation(Why.MISSING, name, operation, variant, not_before)
    now = lane.clock.now()
    if not_before is not None and not_before > now:
        if operation.unsure_until is not None and operation.unsure_until > now:
            return Explanation(
                Why.MAY_HAVE_BEEN_WRITTEN, name, operation, time=not_before
            )
        return Explanation(
            Why.RETRIES_LATER,
            name,
            operation,
            time=not_before,
            error=_error(operation),
        )
    return _why_by_rule(case, operation)


def _why_by_rule(case: _Case, operation: Operation) -> Explanation:
    """Say what would be decided if the operation was delivered now."""
    name, reading = case.lane_name, case.seen.reading
    if case.seen.reason is SkipReason.NOT_FOUND:
        return Explanation(Why.MISSING, name, operation, Variant.MISSING_NOW)
    if reading is not None and reading.item.kind.is_container:
        return Explanation(Why.WAITS_FOR_TURN, name, operation)
    if reading is None or reading.state.watched is None:
        return Explanation(Why.STATE_UNKNOWN, name, operation)
    rule = _rule(case, operation)
    match runtime_of(case.target.entry).relay.judge(operation, reading):
        case NoOp():
            return Explanation(Why.ALREADY_TRUE, name, operation)
        case Push():
            return Explanation(Why.WOULD_BE_WRITTEN, name, operation, rule=rule)
    if (
        isinstance(operation.change, SetProgress)
        and operation.change.watched is None
        and reading.state.watched
    ):
        rule = Rule.WATCHED
    return Explanation(Why.WOULD_BE_OVERRULED, name, operation, rule=rule)


def _rule(case: _Case, operation: Operation) -> Policy | Rule:
    if operation.undoes is not None:
        return Rule.UNDO
    return preferences(case.target.entry).conflict_policy


def _error(operation: Operation) -> Reason:
    return Reason(operation.last_error or Reason.UNEXPECTED)
