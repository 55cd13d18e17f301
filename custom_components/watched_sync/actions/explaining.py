"""Why an item is as it is: what both sides say, what waits, and which rule applies.

It works without the server, and changes nothing. The reasons and summaries are for
automations and for people who look for a fault, so they are in English only.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import islice
from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import ServiceCall, ServiceResponse
from homeassistant.helpers.target import TargetSelection
from homeassistant.util import dt as dt_util
from homeassistant.util.json import JsonObjectType, JsonValueType

from ..const import CONF_KIND
from ..core.lane import Phase
from ..core.operation import Operation, SetProgress
from ..core.outbox import HistoryEntry, Result
from ..core.play_state import UNKNOWN, Reading
from ..core.reconcile import Accept, NoOp, Policy
from ..core.undo import undone_batches
from ..lookup import CannotAsk, SkipReason, Target, async_ask
from ..preferences import preferences
from ..runtime import WatchedSyncConfigEntry
from .answers import change_name, failed_row, history_row, skipped_row, waiting_row
from .fields import (
    ATTR_EPISODE,
    ATTR_EXTERNAL_ID,
    ATTR_ITEM_ID,
    ATTR_SEASON,
    ATTR_TITLE,
    ATTR_YEAR,
)
from .finding import external_ids, item_row
from .planning import state_row
from .targets import async_resolve

#: Items one answer explains, and rows of each kind for one item.
ITEM_LIMIT = 20
ROW_LIMIT = 10


class Why(StrEnum):
    """What keeps a wish from being delivered, or what became of it."""

    NOTHING_ASKED = "nothing_asked"
    WAITS_FOR_SIGN_IN = "waits_for_sign_in"
    WAITS_FOR_SERVER = "waits_for_server"
    BEING_DELIVERED = "being_delivered"
    MISSING = "missing"
    MAY_HAVE_BEEN_WRITTEN = "may_have_been_written"
    RETRIES_LATER = "retries_later"
    WAITS_FOR_TURN = "waits_for_turn"
    STATE_UNKNOWN = "state_unknown"
    ALREADY_TRUE = "already_true"
    WOULD_BE_WRITTEN = "would_be_written"
    WOULD_BE_OVERRULED = "would_be_overruled"
    GIVEN_UP = "given_up"
    WAS_OVERRULED = "was_overruled"
    WAS_DELIVERED = "was_delivered"


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the server said of an item just now, or why it said nothing."""

    reading: Reading | None = None
    read_at: datetime | None = None
    reason: SkipReason | None = None


@dataclass(frozen=True, slots=True)
class _Case:
    """One item on one lane, with everything that concerns it, oldest first."""

    target: Target
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
    resolution = await async_resolve(call)
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
            **_row(case),
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
    entry: WatchedSyncConfigEntry, targets: Sequence[Target]
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


def _case(target: Target, seen: _Seen) -> _Case:
    outbox = target.entry.runtime_data.lane.outbox
    item = target.item
    if seen.reading is not None:
        item = seen.reading.item.completed_by(item)

    def concerns(operation: Operation) -> bool:
        # What is asked of an episode concerns its season and show as well.
        return operation.reaches(item) or item.covers(operation.item)

    return _Case(
        Target(target.entry, item, seen.reading),
        seen,
        [one for one in outbox if concerns(one)]
        if item.kind.is_container
        else outbox.concerning(item),
        [one for one in outbox.rejected if concerns(one)],
        [one for one in outbox.history if concerns(one.operation)],
    )


# --- rows -------------------------------------------------------------------


def _row(case: _Case) -> JsonObjectType:
    entry, item = case.target.entry, case.target.item
    lane = entry.runtime_data.lane
    agreed = lane.ledger.reading(item.item_id)
    last = case.seen.reading or agreed
    wanted = lane.outbox.desired(item, last.state if last else UNKNOWN)
    why, summary = _why(case)
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
            history_row(entry, one, undone)
            for one in islice(reversed(case.history), ROW_LIMIT)
        ],
        "not_copied": [
            {"config_entry_id": one.target_id, "reason": one.reason.value}
            for one in entry.runtime_data.mirroring.skipped(item.item_id)
        ],
        "reason": why.value,
        "summary": summary,
    }


def _lane_row(entry: WatchedSyncConfigEntry) -> JsonObjectType:
    """Return how a lane is, and by which rules it goes."""
    runtime = entry.runtime_data
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


def _why(case: _Case) -> tuple[Why, str]:
    """Return the reason, for automations, and the same as a sentence."""
    if case.waiting:
        return _why_it_waits(case, case.waiting[0])
    if case.failed:
        failed = case.failed[-1]
        error = failed.last_error or "unknown"
        return Why.GIVEN_UP, (
            f"{_wish(case, failed)} was given up after {_times(failed.attempts)} "
            f"({error}); it waits for somebody to retry or to discard it."
        )
    if not case.history:
        if case.seen.reason is SkipReason.NOT_FOUND:
            return Why.MISSING, f"{case.lane_name} does not have this item any more."
        return Why.NOTHING_ASKED, (
            "Nothing waits, and nothing was asked for in the past 30 days: "
            "what the server shows stands."
        )
    done = case.history[-1]
    wish, ended = _wish(case, done.operation), _at(done.settled_at)
    match done.result:
        case Result.OVERRULED:
            return Why.WAS_OVERRULED, (
                f"{wish} was overruled at {ended}: somebody else had changed it "
                f"meanwhile, and {_policy(case, done.operation)} let that stand."
            )
        case Result.ALREADY_TRUE:
            return Why.WAS_DELIVERED, (
                f"{wish} ended at {ended} without a write: it was so already."
            )
        case _:
            return Why.WAS_DELIVERED, (
                f"{wish} was confirmed by the server at {ended}."
            )


def _why_it_waits(case: _Case, operation: Operation) -> tuple[Why, str]:
    lane = case.target.entry.runtime_data.lane
    wish, name = _wish(case, operation), case.lane_name
    then = (
        f"The server is asked again at {_at(lane.health.next_attempt)}, and what it "
        "shows then is compared before anything is written."
    )
    match lane.health.phase:
        case Phase.PARKED:
            return Why.WAITS_FOR_SIGN_IN, (
                f"{wish} waits until somebody signs in to {name} again."
            )
        case Phase.BACKING_OFF:
            error = lane.health.reason.value if lane.health.reason else "unknown"
            return Why.WAITS_FOR_SERVER, (
                f"{wish} waits because {name} cannot be reached ({error}). {then}"
            )
    if operation.operation_id in lane.in_flight:
        return Why.BEING_DELIVERED, f"{wish} is being delivered right now."
    if operation.missing_since is not None:
        return Why.MISSING, (
            f"{wish} waits because {name} has not had this item since "
            f"{_at(operation.missing_since)}; it is looked for again at "
            f"{_at(operation.not_before)}."
        )
    now = lane.clock.now()
    if operation.not_before is not None and operation.not_before > now:
        if operation.unsure_until is not None and operation.unsure_until > now:
            return Why.MAY_HAVE_BEEN_WRITTEN, (
                f"{wish} waits because {name} never answered an earlier write, and may "
                f"carry it out until {_at(operation.unsure_until)}; it is looked at "
                f"again at {_at(operation.not_before)}."
            )
        return Why.RETRIES_LATER, (
            f"{wish} failed {_times(operation.attempts)} "
            f"({operation.last_error or 'unknown'}) and is tried again at "
            f"{_at(operation.not_before)}."
        )
    return _why_by_rule(case, operation)


def _why_by_rule(case: _Case, operation: Operation) -> tuple[Why, str]:
    """Say what would be decided if the operation was delivered now."""
    wish, reading = _wish(case, operation), case.seen.reading
    if case.seen.reason is SkipReason.NOT_FOUND:
        return Why.MISSING, (
            f"{wish} is about to be delivered, but {case.lane_name} does not show the "
            "item; it is looked for under another id."
        )
    if reading is not None and reading.item.kind.is_container:
        return Why.WAITS_FOR_TURN, (
            f"{wish} waits for its turn; it is decided episode by episode."
        )
    if reading is None or reading.state.watched is None:
        return Why.STATE_UNKNOWN, (
            f"{wish} waits, and what {case.lane_name} shows is not known; an unknown "
            "state never leads to a write."
        )
    runtime = case.target.entry.runtime_data
    decision = runtime.relay.judge(operation, reading)
    if isinstance(decision, NoOp):
        return Why.ALREADY_TRUE, (
            f"{wish} waits for its turn; the server shows it already, so nothing will "
            "be written."
        )
    if not isinstance(decision, Accept):
        return Why.WOULD_BE_WRITTEN, (
            f"{wish} waits for its turn and would be written: nobody else has changed "
            f"it since, or {_policy(case, operation)} lets the wish win."
        )
    if (
        isinstance(operation.change, SetProgress)
        and operation.change.watched is None
        and reading.state.watched
    ):
        rule = "watched beats an older position"
    else:
        rule = f"{_policy(case, operation)} lets the server's state stand"
    return Why.WOULD_BE_OVERRULED, (
        f"{wish} would be overruled: somebody else has changed it meanwhile, and "
        f"{rule}."
    )


def _wish(case: _Case, operation: Operation) -> str:
    what = change_name(operation.change)
    if operation.item.item_id != case.target.item.item_id:
        what += f" of {operation.item.full_title}"
    return f"{what}, asked for at {_at(operation.asked_at)},"


def _policy(case: _Case, operation: Operation) -> str:
    if operation.undoes is not None:
        return "the rule that an undo leaves alone what others did"
    policy: Policy = preferences(case.target.entry).conflict_policy
    return f"the policy {policy.value}"


def _at(time: datetime | None) -> str:
    return (
        "the next opportunity" if time is None else time.isoformat(timespec="seconds")
    )


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
