"""Marking and progress: resolve, check everything, then queue all of it at once."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from homeassistant.auth.permissions.const import POLICY_CONTROL
from homeassistant.core import ServiceCall, ServiceResponse
from homeassistant.helpers.target import TargetSelection
from homeassistant.util import dt as dt_util
from homeassistant.util.json import JsonObjectType, JsonValueType
from homeassistant.util.ulid import ulid_now

from ..causes import cause_of
from ..core.errors import Reason
from ..core.operation import (
    Cause,
    Change,
    MarkUnwatched,
    MarkWatched,
    Operation,
    SetProgress,
)
from ..core.outbox import Outcome, Result
from ..failures import invalid
from ..naming.asking import CannotAsk, async_ask
from ..naming.found import IfMissing, LaneItem, Resolution, Skipped
from ..naming.shows import ActionScope
from ..runtime import Request, runtime_of
from ..words import clock
from .answers import change_name, lane_row, skipped_row, status_of, waiting_time
from .fields import (
    ATTR_CONFIRM,
    ATTR_DRY_RUN,
    ATTR_EXTERNAL_ID,
    ATTR_INCLUDE_SPECIALS,
    ATTR_PERCENT,
    ATTR_POSITION,
    ATTR_SCOPE,
    ATTR_WATCHED_AT,
    ATTR_WHEN_THERE,
)
from .limits import async_check_size
from .planning import Planned, already_true, forecast
from .targets import async_resolve
from .up_to import async_up_to

# --- marking ----------------------------------------------------------------


async def async_mark_watched(call: ServiceCall) -> ServiceResponse:
    """Mark watched what the call names."""
    return await _async_change(call, mark_asked(call.data))


async def async_mark_unwatched(call: ServiceCall) -> ServiceResponse:
    """Mark unwatched what the call names."""
    return await _async_change(call, MarkUnwatched())


async def async_set_progress(call: ServiceCall) -> ServiceResponse:
    """Set the position of what the call names."""
    check_progress(call.data)
    return await _async_change(call, None)


def mark_asked(data: Mapping[str, Any]) -> MarkWatched:
    """Return the mark that is asked for; raises ServiceValidationError."""
    at: datetime | None = data.get(ATTR_WATCHED_AT)
    if at is not None and (at := dt_util.as_utc(at)) > dt_util.utcnow():
        raise invalid("watched_in_future")
    return MarkWatched(at)


def check_progress(data: Mapping[str, Any]) -> None:
    """Raise ServiceValidationError unless one position is asked for that can be one."""
    position: timedelta | None = data.get(ATTR_POSITION)
    percent: float | None = data.get(ATTR_PERCENT)
    if position is None and percent is None:
        raise invalid("no_position")
    if position is not None and percent is not None:
        raise invalid("two_positions")
    if position is not None and position < timedelta():
        raise invalid("negative_position")
    if percent is not None and not 0 <= percent <= 100:  # noqa: PLR2004 - percent
        raise invalid("percent_out_of_range", percent=f"{percent:g}")


async def _async_change(call: ServiceCall, change: Change | None) -> ServiceResponse:
    """Resolve, check and queue *change*; None is the progress the call speaks of."""
    wait = waiting_time(call)
    resolution = await async_resolve(call, POLICY_CONTROL, _missing(call.data))
    by_entity = TargetSelection(call.data).has_any_target
    return await async_change(
        resolution,
        change,
        call.data,
        cause=cause_of(call.hass, call.context),
        wait=wait,
        one_by_one=by_entity,
    )


async def async_change(
    resolution: Resolution,
    change: Change | None,
    data: Mapping[str, Any],
    *,
    cause: Cause | None,
    wait: float = 0,
    one_by_one: bool = False,
) -> JsonObjectType:
    """Check and queue *change* for all that was found, or only say what would be.

    None is the progress that *data*, the fields of the action, speak of. *one_by_one*
    is whether each item was named by itself. Returns the answer of the action. Raises
    ServiceValidationError, and what `WatchedSyncRuntime.async_submit` raises.
    """
    if change is not None and data[ATTR_SCOPE] is ActionScope.UP_TO:
        stretch = await async_up_to(
            resolution,
            change,
            include_specials=data[ATTR_INCLUDE_SPECIALS],
            today=dt_util.now().date(),
        )
        planned, skipped = stretch.planned, stretch.skipped
    else:
        planned, skipped = await _async_plan(resolution, change, data)
    if data[ATTR_DRY_RUN]:
        rows = [_planned_row(one) for one in planned]
        return _response(None, rows, skipped)
    if not data[ATTR_CONFIRM]:
        await async_check_size(planned, one_by_one=one_by_one)
    batch_id = ulid_now() if planned else None
    rows = await _async_submit(planned, batch_id, wait, cause)
    return _response(batch_id, rows, skipped)


def _missing(data: Mapping[str, Any]) -> IfMissing:
    """Return whether what is named may wait to be there, if it can be waited for.

    What is called so today may be something else tomorrow; an id of the world is not.
    """
    if not data[ATTR_WHEN_THERE]:
        return IfMissing.REFUSED
    if ATTR_EXTERNAL_ID not in data:
        raise invalid("when_there_without_external_id")
    if data.get(ATTR_SCOPE) is ActionScope.UP_TO:
        raise invalid("when_there_up_to")
    return IfMissing.AWAITED


async def _async_plan(
    resolution: Resolution, change: Change | None, data: Mapping[str, Any]
) -> tuple[list[Planned], list[Skipped]]:
    """Return what is to be queued for the items found, and what is passed over."""
    skipped = list(resolution.skipped)
    planned: list[Planned] = []
    for target in resolution.targets:
        wanted = change or SetProgress(await _async_position(target, data))
        if (reason := already_true(target, wanted)) is not None:
            skipped.append(Skipped(target.entry, reason, target.item))
            continue
        request = Request(target.item, wanted, data.get(ATTR_INCLUDE_SPECIALS, False))
        planned.append(Planned(target, request))
    return planned, skipped


async def _async_position(target: LaneItem, data: Mapping[str, Any]) -> float:
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
            position=clock(seconds),
            duration=clock(duration),
        )
    capabilities = runtime_of(target.entry).server.capabilities
    if not capabilities.can_hold(seconds, duration):
        raise invalid(
            "position_not_kept",
            name=item.full_title,
            position=clock(seconds),
            lane=target.entry.title,
            minimum=clock(capabilities.min_position),
            maximum=f"{capabilities.max_progress:.0%}",
        )
    return seconds


async def _async_duration(target: LaneItem) -> float:
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


# --- queueing ---------------------------------------------------------------


async def _async_submit(
    planned: Sequence[Planned],
    batch_id: str | None,
    wait: float,
    cause: Cause | None,
) -> list[JsonObjectType]:
    """Queue requests, one write to disk a lane; return the rows of the answer."""
    by_lane: dict[str, list[Planned]] = {}
    for one in planned:
        by_lane.setdefault(one.target.entry.entry_id, []).append(one)
    answers = await asyncio.gather(
        *(
            _async_submit_lane(group, batch_id, wait, cause)
            for group in by_lane.values()
        ),
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
    group: Sequence[Planned],
    batch_id: str | None,
    wait: float,
    cause: Cause | None,
) -> list[JsonObjectType]:
    runtime = runtime_of(group[0].target.entry)
    # What the server showed just now is what the request was made upon.
    await runtime.lane.take_in(
        one.target.reading for one in group if one.target.reading is not None
    )
    operations = await runtime.async_submit(
        [one.request for one in group], batch_id=batch_id, cause=cause
    )
    ended: Mapping[str, Outcome] = {}
    if wait:
        # What is not there yet hardly comes while somebody waits.
        expected = [one.operation_id for one in operations if not one.item.is_unseen]
        ended = await runtime.lane.ended(expected, wait)
    keeps = runtime.server.capabilities.keeps_watched_at
    return [
        _row(one, operation, status_of(outcome), outcome, keeps_date=keeps)
        for one, operation in zip(group, operations, strict=True)
        for outcome in (ended.get(operation.operation_id),)
    ]


def _planned_row(planned: Planned) -> JsonObjectType:
    capabilities = runtime_of(planned.target.entry).server.capabilities
    row = _row(planned, None, "planned", keeps_date=capabilities.keeps_watched_at)
    return {**row, **forecast(planned)}


def _row(
    planned: Planned,
    operation: Operation | None,
    status: str,
    outcome: Outcome | None = None,
    *,
    keeps_date: bool,
) -> JsonObjectType:
    """Return the row of an answer; *keeps_date* is whether the server keeps dates.

    Plex notes when it is told. What turns out to be watched already keeps its date. The
    entry may be unloaded by now, which makes what was accepted no less so.
    """
    item = planned.target.item
    row: JsonObjectType = {
        "operation_id": operation.operation_id if operation else None,
        **lane_row(planned.target.entry),
        "item_id": item.id_there,
        "title": item.full_title,
        "change": change_name(planned.request.change),
        "status": status,
    }
    if item.is_unseen:
        row["reason"] = Reason.MISSING.value
    if outcome is not None:
        row["result"] = outcome.result.value
        if outcome.reason is not None:
            row["last_error"] = outcome.reason.value
    change = planned.request.change
    if isinstance(change, MarkWatched) and change.at is not None:
        kept = keeps_date and (outcome is None or outcome.result is Result.DELIVERED)
        row["watched_at"] = "kept" if kept else "not_kept"
    return row


def _response(
    batch_id: str | None, rows: list[JsonObjectType], skipped: Sequence[Skipped]
) -> JsonObjectType:
    operations: list[JsonValueType] = [*rows]
    return {
        "batch_id": batch_id,
        "operations": operations,
        "skipped": [skipped_row(one) for one in skipped],
    }
