"""Repair issues of a lane: one for each cause, raised and withdrawn by themselves."""

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir

from .const import (
    CONF_SERVER_NAME,
    DOMAIN,
    ISSUE_MASS_CHANGE,
    ISSUE_OUTBOX_DAMAGED,
    ISSUE_OUTBOX_LOST,
    ISSUE_OUTBOX_UNWRITABLE,
    ISSUE_UNDELIVERABLE,
    ISSUE_UNSUPPORTED_SERVER,
)
from .core.lane import Lane, LaneUpdate, Phase
from .core.mirror import Held
from .markdown import plain
from .runtime import WatchedSyncConfigEntry

#: What says something only while the entry is loaded.
_OF_LOADED = (
    ISSUE_MASS_CHANGE,
    ISSUE_OUTBOX_UNWRITABLE,
    ISSUE_UNDELIVERABLE,
    ISSUE_UNSUPPORTED_SERVER,
)


def issue_id(cause: str, entry_id: str) -> str:
    """Return the id of an entry's issue."""
    return f"{cause}_{entry_id}"


@callback
def async_watch(hass: HomeAssistant, entry: WatchedSyncConfigEntry, lane: Lane) -> None:
    """Raise and withdraw the lane's issues until the entry is unloaded."""

    @callback
    def look(_: LaneUpdate) -> None:
        async_look(hass, entry, lane)

    @callback
    def withdraw() -> None:
        for cause in _OF_LOADED:
            ir.async_delete_issue(hass, DOMAIN, issue_id(cause, entry.entry_id))

    entry.async_on_unload(withdraw)
    entry.async_on_unload(lane.add_listener(look))
    async_look(hass, entry, lane)


@callback
def async_look(hass: HomeAssistant, entry: WatchedSyncConfigEntry, lane: Lane) -> None:
    """Say what a person has to decide upon or to see to, and nothing that is over."""
    _ask_about(hass, entry, ISSUE_UNDELIVERABLE, waits=bool(lane.outbox.rejected))
    # While a server is away it may be being updated: that says nothing yet.
    if lane.health.phase is Phase.READY:
        ir.async_delete_issue(
            hass, DOMAIN, issue_id(ISSUE_UNSUPPORTED_SERVER, entry.entry_id)
        )
    elif (version := lane.health.version) is not None:
        async_unsupported_server(hass, entry, version)


@callback
def async_mass_change(
    hass: HomeAssistant, entry: WatchedSyncConfigEntry, held: Held
) -> None:
    """Ask whether what changed at once is to be copied, as long as something waits."""
    _ask_about(hass, entry, ISSUE_MASS_CHANGE, waits=held.count > 0)


@callback
def _ask_about(
    hass: HomeAssistant, entry: WatchedSyncConfigEntry, cause: str, *, waits: bool
) -> None:
    """Ask a person what to do, as long as something *waits* for that."""
    if not waits:
        ir.async_delete_issue(hass, DOMAIN, issue_id(cause, entry.entry_id))
        return
    ir.async_create_issue(
        hass,
        DOMAIN,
        issue_id(cause, entry.entry_id),
        data={"entry_id": entry.entry_id},
        is_fixable=True,
        severity=ir.IssueSeverity.WARNING,
        translation_key=cause,
        translation_placeholders={"name": plain(entry.title)},
    )


@callback
def async_unsupported_server(
    hass: HomeAssistant, entry: WatchedSyncConfigEntry, version: str
) -> None:
    """Say that the server has to be updated, and which *version* it runs now."""
    ir.async_create_issue(
        hass,
        DOMAIN,
        issue_id(ISSUE_UNSUPPORTED_SERVER, entry.entry_id),
        is_fixable=False,
        severity=ir.IssueSeverity.ERROR,
        translation_key=ISSUE_UNSUPPORTED_SERVER,
        translation_placeholders={
            "name": plain(entry.data[CONF_SERVER_NAME]),
            "version": plain(version),
        },
    )


@callback
def async_remove(hass: HomeAssistant, entry_id: str) -> None:
    """Withdraw everything that was said about an entry."""
    for cause in (ISSUE_OUTBOX_DAMAGED, ISSUE_OUTBOX_LOST, *_OF_LOADED):
        ir.async_delete_issue(hass, DOMAIN, issue_id(cause, entry_id))
