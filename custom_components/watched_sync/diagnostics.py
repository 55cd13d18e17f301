"""Diagnostics: counts, health and reasons; no tokens, titles, names or addresses."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from itertools import islice
from typing import Any, Final

from homeassistant.components.diagnostics import async_redact_data
from homeassistant.const import CONF_TOKEN, CONF_URL
from homeassistant.core import HomeAssistant
from homeassistant.helpers.device_registry import DeviceEntry

from .checks import async_found
from .const import (
    CONF_ACCOUNT_TOKEN,
    CONF_CLIENT_ID,
    CONF_PERSON,
    CONF_SERVER_ID,
    CONF_SERVER_NAME,
    CONF_USER_ID,
    CONF_USER_NAME,
    DOMAIN,
)
from .core.identity import Item
from .core.operation import Operation
from .core.play_state import PlayState
from .core.snapshot import QUEUE_ROWS
from .runtime import WatchedSyncConfigEntry

_TO_REDACT: Final = {
    CONF_ACCOUNT_TOKEN,
    CONF_CLIENT_ID,
    # A person's entity id is their name.
    CONF_PERSON,
    CONF_SERVER_ID,
    CONF_SERVER_NAME,
    CONF_TOKEN,
    CONF_URL,
    CONF_USER_ID,
    CONF_USER_NAME,
}


async def async_get_config_entry_diagnostics(
    hass: HomeAssistant,
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
            "options": async_redact_data(dict(entry.options), _TO_REDACT),
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
            "failed_rows": [_row(operation) for operation in snapshot.given_up],
        },
        "check": async_found(hass, entry.entry_id),
        "oddities": dict(runtime.server.oddities),
        "learnt": runtime.ledger.learnt.as_json(),
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


async def async_get_device_diagnostics(
    hass: HomeAssistant, entry: WatchedSyncConfigEntry, device: DeviceEntry
) -> dict[str, Any]:
    """Return what helps to understand one tracked item, or the lane itself.

    An item is told by its kind and play state alone: neither by title nor by any id.
    """
    runtime = entry.runtime_data
    prefix = f"{runtime.lane_id}:"
    for domain, identifier in device.identifiers:
        if domain == DOMAIN and identifier.startswith(prefix):
            return _item(entry, identifier.removeprefix(prefix))
    return await async_get_config_entry_diagnostics(hass, entry)


def _item(entry: WatchedSyncConfigEntry, item_id: str) -> dict[str, Any]:
    runtime = entry.runtime_data
    coordinator, outbox = runtime.coordinator, runtime.lane.outbox
    view = coordinator.tracked_view(item_id)
    if view is None:
        return {"status": coordinator.data.status.value, "item": None}
    item = view.item
    progress = coordinator.progress(item)
    return {
        "status": coordinator.data.status.value,
        "item": {
            "kind": item.kind.value,
            "provider_ids": [
                name
                for name in ("imdb", "tmdb", "tvdb")
                if getattr(item.provider_ids, name)
            ],
            "library_allowed": coordinator.allows(item),
            "sync_state": view.sync_state.value,
            "last_error": view.last_error.value if view.last_error else None,
            "desired": _state(view.desired),
            "server": None if view.server is None else _state(view.server),
            "episodes": view.leaf_count,
            "watched_episodes": view.watched_leaf_count,
            "unwatched_and_aired": None if progress is None else progress.unwatched,
        },
        "waiting": _rows(outbox, item),
        "failed": _rows(outbox.rejected, item),
    }


def _rows(operations: Iterable[Operation], item: Item) -> list[dict[str, Any]]:
    """Return the operations about an item or, of a show, its episodes."""
    about = (
        one
        for one in operations
        if item.item_id in (one.item.item_id, *one.item.show_ids) or one.reaches(item)
    )
    return [_row(one) for one in islice(about, QUEUE_ROWS)]


def _state(state: PlayState) -> dict[str, Any]:
    return {
        "watched": state.watched,
        "position": state.position,
        "play_count": state.play_count,
        "last_played": _time(state.last_played),
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
