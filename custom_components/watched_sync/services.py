"""The actions: what a person or an automation asks for, and what it is answered.

An action checks everything first, then queues all of it: one write to disk for each
lane. What it returns is on disk; whether it has reached the server is a matter of the
queue, of `wait`, and of the status sensor.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any

from homeassistant.const import ATTR_CONFIG_ENTRY_ID
from homeassistant.core import (
    HomeAssistant,
    ServiceCall,
    ServiceResponse,
    SupportsResponse,
    callback,
)
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.typing import VolDictType
from homeassistant.util import dt as dt_util
from homeassistant.util.json import JsonObjectType, JsonValueType
from homeassistant.util.ulid import ulid_now
import voluptuous as vol

from .const import DOMAIN
from .core.codec import encode_change
from .core.errors import ItemGone
from .core.identity import MediaKind
from .core.operation import Change, MarkUnwatched, MarkWatched, Operation, SetProgress
from .core.outbox import HISTORY_LIMIT, HistoryEntry, Outcome, Result
from .core.undo import Kept, undone_batches
from .failures import invalid
from .lookup import (
    ActionScope,
    CannotAsk,
    Skipped,
    SkipReason,
    Target,
    async_ask,
    async_get_lanes,
)
from .runtime import WatchedSyncConfigEntry, Wish
from .targets import (
    ATTR_EPISODE,
    ATTR_EXTERNAL_ID,
    ATTR_ITEM_ID,
    ATTR_SCOPE,
    ATTR_SEASON,
    ATTR_TITLE,
    ATTR_YEAR,
    async_resolve,
)
from .undo import Undone, async_undo

SERVICE_MARK_WATCHED = "mark_watched"
SERVICE_MARK_UNWATCHED = "mark_unwatched"
SERVICE_SET_PROGRESS = "set_progress"
SERVICE_SYNC_NOW = "sync_now"
SERVICE_RETRY = "retry"
SERVICE_DISCARD = "discard"
SERVICE_GET_QUEUE = "get_queue"
SERVICE_UNDO = "undo"
SERVICE_GET_HISTORY = "get_history"

ATTR_INCLUDE_SPECIALS = "include_specials"
ATTR_WATCHED_AT = "watched_at"
ATTR_CONFIRM = "confirm"
ATTR_WAIT = "wait"
ATTR_DRY_RUN = "dry_run"
ATTR_POSITION = "position"
ATTR_PERCENT = "percent"
ATTR_OPERATION_ID = "operation_id"
ATTR_BATCH_ID = "batch_id"
ATTR_LIMIT = "limit"

#: Items one action marks, or un-marks, without being told that this is meant.
MARK_LIMIT = 50
UNMARK_LIMIT = 10

#: Rows of the history in one answer.
DEFAULT_HISTORY_ROWS = 50

#: Seconds an action waits at most for its operations to be confirmed.
WAIT_LIMIT = 300

_ENDED_WELL = (Result.DELIVERED, Result.ALREADY_TRUE)


def _duration(value: Any) -> timedelta:
    try:
        period: timedelta = cv.time_period(value)
    except OverflowError as err:
        raise vol.Invalid(f"{value} is no time") from err
    return period


_LANES: VolDictType = {
    vol.Optional(ATTR_CONFIG_ENTRY_ID): vol.All(cv.ensure_list, [str])
}
_DRY_RUN: VolDictType = {vol.Optional(ATTR_DRY_RUN, default=False): cv.boolean}

# Values that are out of range are refused by the handlers: in words, translated.
_NAMING: VolDictType = {
    **cv.TARGET_FIELDS,
    **_LANES,
    **_DRY_RUN,
    vol.Optional(ATTR_ITEM_ID): cv.string,
    vol.Optional(ATTR_EXTERNAL_ID): cv.string,
    vol.Optional(ATTR_TITLE): cv.string,
    vol.Optional(ATTR_YEAR): vol.Coerce(int),
    vol.Optional(ATTR_SEASON): vol.Coerce(int),
    vol.Optional(ATTR_EPISODE): vol.Coerce(int),
    vol.Optional(ATTR_CONFIRM, default=False): cv.boolean,
    vol.Optional(ATTR_WAIT, default=0): vol.Coerce(float),
}
_MARK: VolDictType = {
    **_NAMING,
    vol.Optional(ATTR_SCOPE, default=ActionScope.ITEM): vol.Coerce(ActionScope),
    vol.Optional(ATTR_INCLUDE_SPECIALS, default=False): cv.boolean,
}
MARK_WATCHED_SCHEMA = vol.Schema({**_MARK, vol.Optional(ATTR_WATCHED_AT): cv.datetime})
MARK_UNWATCHED_SCHEMA = vol.Schema(_MARK)
SET_PROGRESS_SCHEMA = vol.Schema(
    {
        **_NAMING,
        vol.Optional(ATTR_POSITION): _duration,
        vol.Optional(ATTR_PERCENT): vol.Coerce(float),
    }
)
SYNC_NOW_SCHEMA = vol.Schema({**_LANES, **_DRY_RUN})
OPERATIONS_SCHEMA = vol.Schema(
    {
        **_LANES,
        **_DRY_RUN,
        vol.Optional(ATTR_OPERATION_ID): vol.All(cv.ensure_list, [str]),
    }
)
GET_QUEUE_SCHEMA = vol.Schema(_LANES)
UNDO_SCHEMA = vol.Schema(
    {
        **_LANES,
        **_DRY_RUN,
        vol.Optional(ATTR_BATCH_ID): cv.string,
        vol.Optional(ATTR_WAIT, default=0): vol.Coerce(float),
    }
)
GET_HISTORY_SCHEMA = vol.Schema(
    {
        **_LANES,
        vol.Optional(ATTR_LIMIT, default=DEFAULT_HISTORY_ROWS): vol.Coerce(int),
    }
)


@dataclass(frozen=True, slots=True)
class _Planned:
    """A wish and the lane it is for."""

    target: Target
    wish: Wish


# --- marking ----------------------------------------------------------------


async def _async_mark_watched(call: ServiceCall) -> ServiceResponse:
    at: datetime | None = call.data.get(ATTR_WATCHED_AT)
    if at is not None and (at := dt_util.as_utc(at)) > dt_util.utcnow():
        raise invalid("watched_in_future")
    return await _async_change(call, MarkWatched(at))


async def _async_mark_unwatched(call: ServiceCall) -> ServiceResponse:
    return await _async_change(call, MarkUnwatched())


async def _async_set_progress(call: ServiceCall) -> ServiceResponse:
    position: timedelta | None = call.data.get(ATTR_POSITION)
    percent: float | None = call.data.get(ATTR_PERCENT)
    if position is None and percent is None:
        raise invalid("no_position")
    if position is not None and percent is not None:
        raise invalid("two_positions")
    if position is not None and position < timedelta():
        raise invalid("negative_position")
    if percent is not None and not 0 <= percent <= 100:  # noqa: PLR2004 - percent
        raise invalid("percent_out_of_range", percent=f"{percent:g}")
    return await _async_change(call, None)


async def _async_change(call: ServiceCall, change: Change | None) -> ServiceResponse:
    """Resolve, check and queue *change*; None is the progress the call speaks of."""
    wait = _wait(call)
    resolution = await async_resolve(call)
    skipped = list(resolution.skipped)
    planned: list[_Planned] = []
    for target in resolution.targets:
        wanted = change or SetProgress(await _async_position(target, call.data))
        if (reason := _already_true(target, wanted)) is not None:
            skipped.append(Skipped(target.entry, reason, target.item))
            continue
        wish = Wish(target.item, wanted, call.data.get(ATTR_INCLUDE_SPECIALS, False))
        planned.append(_Planned(target, wish))
    if call.data[ATTR_DRY_RUN]:
        return _response(None, [_row(one, None, "planned") for one in planned], skipped)
    if not call.data[ATTR_CONFIRM]:
        await _async_check_size(planned)
    batch_id = ulid_now() if planned else None
    rows = await _async_submit(planned, batch_id, wait)
    return _response(batch_id, rows, skipped)


def _wait(call: ServiceCall) -> float:
    """Return how long to wait for a confirmation, in seconds."""
    wait: float = call.data[ATTR_WAIT]
    if not 0 <= wait <= WAIT_LIMIT:
        raise invalid("wait_out_of_range", limit=str(WAIT_LIMIT))
    return wait


def _already_true(target: Target, change: Change) -> SkipReason | None:
    """Say so if the server has just shown what is wanted and nothing is to change it.

    A container always goes through the queue: its own flag does not tell of every
    position below. So does a mark with a date of its own.
    """
    lane = target.entry.runtime_data.lane
    if (
        target.reading is None
        or target.item.kind.is_container
        or (isinstance(change, MarkWatched) and change.at is not None)
        or not change.apply(target.reading.state).agrees_with(target.reading.state)
        or lane.outbox.concerning(target.item)
        or lane.outbox.rejected_concerning(target.item)
    ):
        return None
    match change:
        case MarkWatched():
            return SkipReason.ALREADY_WATCHED
        case MarkUnwatched():
            return SkipReason.ALREADY_UNWATCHED
        case SetProgress():
            return SkipReason.ALREADY_THERE


async def _async_position(target: Target, data: Mapping[str, Any]) -> float:
    """Return the position wanted, in seconds, if this item and server can have it."""
    item = target.item
    if item.kind.is_container:
        raise invalid("progress_of_many", name=item.full_title)
    duration = item.duration
    position: timedelta | None = data.get(ATTR_POSITION)
    if position is not None:
        seconds = position.total_seconds()
    else:
        duration = await _async_duration(target)
        seconds = round(duration * data[ATTR_PERCENT] / 100, 3)
    if duration is not None and seconds > duration:
        raise invalid(
            "position_beyond_end",
            name=item.full_title,
            position=_clock(seconds),
            duration=_clock(duration),
        )
    capabilities = target.entry.runtime_data.server.capabilities
    if not capabilities.can_hold(seconds, duration):
        raise invalid(
            "position_not_kept",
            name=item.full_title,
            position=_clock(seconds),
            lane=target.entry.title,
            minimum=_clock(capabilities.min_position),
            maximum=f"{capabilities.max_progress:.0%}",
        )
    return seconds


async def _async_duration(target: Target) -> float:
    """Return how long an item is, in seconds; the server is asked if need be."""
    duration = target.item.duration
    if duration is None and target.reading is None:
        item_id = target.item.item_id
        try:
            readings = await async_ask(
                target.entry, lambda server: server.fetch([item_id])
            )
        except CannotAsk:
            readings = {}
        if (reading := readings.get(item_id)) is not None:
            duration = reading.item.duration
    if duration is None:
        raise invalid("duration_unknown", name=target.item.full_title)
    return duration


def _clock(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))


# --- how much at once -------------------------------------------------------


async def _async_check_size(planned: Sequence[_Planned]) -> None:
    """Raise if more would change than an action may change unasked."""
    if not planned:
        return
    unmark = isinstance(planned[0].wish.change, MarkUnwatched)
    limit = UNMARK_LIMIT if unmark else MARK_LIMIT
    counts = [await _async_count(one) for one in planned]
    known = [count for count in counts if count is not None]
    if sum(known) > limit:
        # Servers count the specials in, which are not always meant.
        known = [
            await _async_count_exactly(one, count)
            for one, count in zip(planned, counts, strict=True)
            if count is not None
        ]
    if sum(known) > limit:
        raise invalid(
            "unmark_needs_confirmation" if unmark else "mark_needs_confirmation",
            count=str(sum(known)),
            limit=str(limit),
        )
    if len(known) < len(counts):
        names = (
            one.target.item.full_title
            for one, count in zip(planned, counts, strict=True)
            if count is None
        )
        raise invalid(
            "unknown_size_needs_confirmation", name=", ".join(names), limit=str(limit)
        )


async def _async_count(planned: _Planned) -> int | None:
    """Return how many episodes a wish reaches, as the server counts, or None."""
    target = planned.target
    item_id = target.item.item_id
    if not target.item.kind.is_container:
        return 1
    reading = target.reading or target.entry.runtime_data.lane.ledger.reading(item_id)
    if reading is None or reading.leaf_count is None:
        try:
            readings = await async_ask(
                target.entry, lambda server: server.fetch([item_id])
            )
        except CannotAsk:
            return None
        reading = readings.get(item_id)
    return None if reading is None else reading.leaf_count


async def _async_count_exactly(planned: _Planned, count: int) -> int:
    """Return how many episodes a wish for a show reaches without the specials."""
    item = planned.target.item
    if item.kind is not MediaKind.SHOW or planned.wish.include_specials:
        return count
    try:
        leaves = await async_ask(
            planned.target.entry, lambda server: server.fetch_leaves(item)
        )
    except CannotAsk, ItemGone:
        return count
    return sum(not leaf.item.is_special for leaf in leaves)


# --- queueing ---------------------------------------------------------------


async def _async_submit(
    planned: Sequence[_Planned], batch_id: str | None, wait: float
) -> list[JsonObjectType]:
    """Queue wishes, one write to disk for each lane; return the rows of the answer."""
    by_lane: dict[str, list[_Planned]] = {}
    for one in planned:
        by_lane.setdefault(one.target.entry.entry_id, []).append(one)
    answers = await asyncio.gather(
        *(_async_submit_lane(group, batch_id, wait) for group in by_lane.values()),
        return_exceptions=True,
    )
    rows: list[JsonObjectType] = []
    for answer in answers:
        # The other lanes keep what they accepted: it is on disk, and asking for it
        # again changes nothing.
        if isinstance(answer, BaseException):
            raise answer
        rows.extend(answer)
    return rows


async def _async_submit_lane(
    group: Sequence[_Planned], batch_id: str | None, wait: float
) -> list[JsonObjectType]:
    runtime = group[0].target.entry.runtime_data
    # What the server showed just now is what the wish was made upon.
    runtime.lane.remember(
        one.target.reading for one in group if one.target.reading is not None
    )
    operations = await runtime.async_submit(
        [one.wish for one in group], batch_id=batch_id
    )
    ended: Mapping[str, Outcome] = {}
    if wait:
        ended = await runtime.lane.ended([one.operation_id for one in operations], wait)
    return [
        _row(one, operation, _status(ended.get(operation.operation_id)))
        for one, operation in zip(group, operations, strict=True)
    ]


def _status(outcome: Outcome | None) -> str:
    if outcome is None:
        return "queued"
    return "confirmed" if outcome.result in _ENDED_WELL else "failed"


def _row(planned: _Planned, operation: Operation | None, status: str) -> JsonObjectType:
    item = planned.target.item
    return {
        "operation_id": operation.operation_id if operation else None,
        "config_entry_id": planned.target.entry.entry_id,
        "item_id": item.item_id,
        "title": item.full_title,
        "change": change_name(planned.wish.change),
        "status": status,
    }


def _response(
    batch_id: str | None, rows: list[JsonObjectType], skipped: Sequence[Skipped]
) -> JsonObjectType:
    operations: list[JsonValueType] = [*rows]
    return {
        "batch_id": batch_id,
        "operations": operations,
        "skipped": [_skipped_row(one) for one in skipped],
    }


def _skipped_row(skipped: Skipped) -> JsonObjectType:
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


# --- the queue itself -------------------------------------------------------


def _lanes(call: ServiceCall) -> list[WatchedSyncConfigEntry]:
    return async_get_lanes(call.hass, call.data.get(ATTR_CONFIG_ENTRY_ID))


async def _async_sync_now(call: ServiceCall) -> ServiceResponse:
    lanes = _lanes(call)
    if not call.data[ATTR_DRY_RUN]:
        for entry in lanes:
            await entry.runtime_data.async_sync_now()
    return {
        "lanes": [
            {
                "config_entry_id": entry.entry_id,
                "pending": len(entry.runtime_data.lane.outbox),
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


def _choose(call: ServiceCall) -> list[_Chosen]:
    """Return the operations named, or all given up; raise if one is not there."""
    lanes = _lanes(call)
    operation_ids: list[str] | None = call.data.get(ATTR_OPERATION_ID)
    if operation_ids is None:
        return [
            _Chosen(entry, list(entry.runtime_data.lane.outbox.rejected))
            for entry in lanes
        ]
    wanted = dict.fromkeys(operation_ids)
    chosen = []
    for entry in lanes:
        outbox = entry.runtime_data.lane.outbox
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
            {**_operation_row(one.entry, operation), "status": status}
            for one in chosen
            for operation in one.operations
        ]
    }


async def _async_retry(call: ServiceCall) -> ServiceResponse:
    chosen = _choose(call)
    if call.data[ATTR_DRY_RUN]:
        return _chosen_response(chosen, "planned")
    for one in chosen:
        runtime = one.entry.runtime_data
        if one.operations:
            await runtime.async_retry(one.operation_ids)
        runtime.relay.nudge()
    return _chosen_response(chosen, "queued")


async def _async_discard(call: ServiceCall) -> ServiceResponse:
    chosen = _choose(call)
    if call.data[ATTR_DRY_RUN]:
        return _chosen_response(chosen, "planned")
    for one in chosen:
        if one.operations:
            await one.entry.runtime_data.async_discard(one.operation_ids)
    return _chosen_response(chosen, "discarded")


def _operation_row(
    entry: WatchedSyncConfigEntry, operation: Operation
) -> dict[str, JsonValueType]:
    return {
        "operation_id": operation.operation_id,
        "config_entry_id": entry.entry_id,
        "item_id": operation.item.item_id,
        "title": operation.item.full_title,
        "change": change_name(operation.change),
    }


@callback
def _get_queue(call: ServiceCall) -> ServiceResponse:
    rows: list[JsonValueType] = []
    for entry in _lanes(call):
        lane = entry.runtime_data.lane
        for operation in lane.outbox:
            syncing = operation.operation_id in lane.in_flight
            times = (operation.not_before, lane.health.next_attempt)
            next_attempt = max(
                (time for time in times if time is not None), default=None
            )
            rows.append(
                {
                    **_operation_row(entry, operation),
                    **_details(operation),
                    "status": "syncing" if syncing else "queued",
                    "next_attempt": next_attempt.isoformat() if next_attempt else None,
                }
            )
        rows.extend(
            {
                **_operation_row(entry, operation),
                **_details(operation),
                "status": "failed",
                "next_attempt": None,
            }
            for operation in lane.outbox.rejected
        )
    return {"operations": rows}


def _details(operation: Operation) -> dict[str, JsonValueType]:
    return {
        "scope": operation.scope.value,
        "attempts": operation.attempts,
        "asked_at": operation.asked_at.isoformat(),
        "last_error": operation.last_error,
    }


# --- taking back ------------------------------------------------------------


async def _async_undo(call: ServiceCall) -> ServiceResponse:
    wait = _wait(call)
    undo = await async_undo(
        _lanes(call), call.data.get(ATTR_BATCH_ID), dry_run=call.data[ATTR_DRY_RUN]
    )
    answers = await asyncio.gather(
        *(
            _async_undone_rows(one, wait, planned=call.data[ATTR_DRY_RUN])
            for one in undo.lanes
        )
    )
    return {
        "batch_id": undo.batch_id,
        "undone_batch_id": undo.undoes,
        "operations": [row for rows, _ in answers for row in rows],
        "skipped": [_skipped_row(one) for _, skipped in answers for one in skipped],
    }


async def _async_undone_rows(
    undone: Undone, wait: float, *, planned: bool
) -> tuple[list[JsonObjectType], list[Skipped]]:
    """Return the rows of one lane, after waiting for what was queued there."""
    entry, plan = undone.entry, undone.plan
    ended: Mapping[str, Outcome] = {}
    if wait and undone.operations:
        ended = await entry.runtime_data.lane.ended(
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
            **_operation_row(entry, operation),
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
            status = _status(outcome)
        rows.append(
            {
                "operation_id": operation_id,
                "config_entry_id": entry.entry_id,
                "item_id": restore.item.item_id,
                "title": restore.item.full_title,
                "change": change_name(restore.change),
                "status": status,
                "not_restored": [*sorted(loss.value for loss in restore.losses)],
            }
        )
    return rows, skipped


@callback
def _get_history(call: ServiceCall) -> ServiceResponse:
    """Return what was done, newest first."""
    limit: int = call.data[ATTR_LIMIT]
    if not 1 <= limit <= HISTORY_LIMIT:
        raise invalid("limit_out_of_range", limit=str(HISTORY_LIMIT))
    rows: list[tuple[datetime, dict[str, JsonValueType]]] = []
    for entry in _lanes(call):
        outbox = entry.runtime_data.lane.outbox
        undone = undone_batches(outbox)
        rows.extend(
            (one.settled_at, _history_row(entry, one, undone)) for one in outbox.history
        )
    # Newest first; of what ended at one time, what came last.
    rows.reverse()
    rows.sort(key=itemgetter(0), reverse=True)
    return {"operations": [row for _, row in rows[:limit]]}


def _history_row(
    entry: WatchedSyncConfigEntry, done: HistoryEntry, undone: Collection[str]
) -> dict[str, JsonValueType]:
    operation = done.operation
    before = operation.before.get(operation.item.item_id)
    return {
        **_operation_row(entry, operation),
        "batch_id": operation.batch_id,
        "scope": operation.scope.value,
        "origin": operation.origin.value,
        "result": done.result.value,
        "asked_at": operation.asked_at.isoformat(),
        "settled_at": done.settled_at.isoformat(),
        # What one item was before; below a show or season that is said of each.
        "before": None
        if before is None
        else {"watched": before.watched, "position": before.position},
        "items": len(operation.before),
        "undoes": operation.undoes,
        "undone": operation.batch_id in undone,
    }


# --- registration -----------------------------------------------------------


@callback
def async_setup_services(hass: HomeAssistant) -> None:
    """Register the actions."""
    for name, handler, schema, response in (
        (
            SERVICE_MARK_WATCHED,
            _async_mark_watched,
            MARK_WATCHED_SCHEMA,
            SupportsResponse.OPTIONAL,
        ),
        (
            SERVICE_MARK_UNWATCHED,
            _async_mark_unwatched,
            MARK_UNWATCHED_SCHEMA,
            SupportsResponse.OPTIONAL,
        ),
        (
            SERVICE_SET_PROGRESS,
            _async_set_progress,
            SET_PROGRESS_SCHEMA,
            SupportsResponse.OPTIONAL,
        ),
        (
            SERVICE_SYNC_NOW,
            _async_sync_now,
            SYNC_NOW_SCHEMA,
            SupportsResponse.OPTIONAL,
        ),
        (SERVICE_RETRY, _async_retry, OPERATIONS_SCHEMA, SupportsResponse.OPTIONAL),
        (
            SERVICE_DISCARD,
            _async_discard,
            OPERATIONS_SCHEMA,
            SupportsResponse.OPTIONAL,
        ),
        (SERVICE_GET_QUEUE, _get_queue, GET_QUEUE_SCHEMA, SupportsResponse.ONLY),
        (SERVICE_UNDO, _async_undo, UNDO_SCHEMA, SupportsResponse.OPTIONAL),
        (
            SERVICE_GET_HISTORY,
            _get_history,
            GET_HISTORY_SCHEMA,
            SupportsResponse.ONLY,
        ),
    ):
        hass.services.async_register(
            DOMAIN, name, handler, schema, supports_response=response
        )
