"""Diagnostics: counts, health and reasons; no tokens, titles, names or addresses."""

from collections import Counter
from datetime import datetime
from typing import Any, Final

from homeassistant.components.diagnostics import async_redact_data
from homeassistant.const import CONF_TOKEN, CONF_URL
from homeassistant.core import HomeAssistant

from .const import (
    CONF_ACCOUNT_TOKEN,
    CONF_CLIENT_ID,
    CONF_SERVER_ID,
    CONF_SERVER_NAME,
    CONF_USER_ID,
    CONF_USER_NAME,
)
from .core.operation import Operation
from .runtime import WatchedSyncConfigEntry

_TO_REDACT: Final = {
    CONF_ACCOUNT_TOKEN,
    CONF_CLIENT_ID,
    CONF_SERVER_ID,
    CONF_SERVER_NAME,
    CONF_TOKEN,
    CONF_URL,
    CONF_USER_ID,
    CONF_USER_NAME,
}


async def async_get_config_entry_diagnostics(
    hass: HomeAssistant,  # noqa: ARG001 - the signature is Home Assistant's
    entry: WatchedSyncConfigEntry,
) -> dict[str, Any]:
    """Return what helps to understand one lane."""
    runtime = entry.runtime_data
    lane = runtime.lane
    snapshot = runtime.coordinator.data
    health = lane.health
    return {
        "entry": {
            "data": async_redact_data(dict(entry.data), _TO_REDACT),
            "options": dict(entry.options),
            "subentries": dict(
                Counter(one.subentry_type for one in entry.subentries.values())
            ),
        },
        "server_version": runtime.info.version,
        "lane": {
            "status": snapshot.status.value,
            "phase": health.phase.value,
            "since": _time(health.since),
            "reason": health.reason.value if health.reason else None,
            "failures": health.failures,
            "next_attempt": _time(health.next_attempt),
            "last_synced": _time(lane.last_synced),
            "in_flight": len(lane.in_flight),
        },
        "outbox": {
            "waiting": len(lane.outbox),
            "failed": len(lane.outbox.rejected),
            "history": len(lane.outbox.history),
            "oldest": _time(snapshot.oldest),
            "rows": [_row(operation) for operation in snapshot.queue],
        },
        "mirroring": _mirroring(entry),
        "ledger": len(lane.ledger),
        "up_next": len(snapshot.up_next),
        "tracked": len(runtime.coordinator.tracked_ids),
    }


def _mirroring(entry: WatchedSyncConfigEntry) -> dict[str, Any]:
    mirroring = entry.runtime_data.mirroring
    counts = mirroring.counts
    return {
        "targets": len(mirroring.targets),
        "pending": counts.pending,
        "held": counts.held,
        "emptied": counts.emptied,
        "copied": counts.copied,
        "skipped": {reason.value: count for reason, count in counts.skipped.items()},
    }


def _row(operation: Operation) -> dict[str, Any]:
    return {
        "kind": operation.item.kind.value,
        "change": type(operation.change).__name__,
        "scope": operation.scope.value,
        "origin": operation.origin.value,
        "asked_at": _time(operation.asked_at),
        "attempts": operation.attempts,
        "not_before": _time(operation.not_before),
        "last_error": operation.last_error,
        "missing_since": _time(operation.missing_since),
    }


def _time(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat()
