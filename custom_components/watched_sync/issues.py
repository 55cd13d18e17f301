"""Repair issues of a lane: one for each cause, raised and withdrawn by themselves."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.event import async_call_later

from .const import (
    CONF_PERSON,
    CONF_SERVER_NAME,
    DOMAIN,
    ISSUE_CHECK_NOT_PUT_BACK,
    ISSUE_MASS_CHANGE,
    ISSUE_OUTBOX_DAMAGED,
    ISSUE_OUTBOX_LOST,
    ISSUE_OUTBOX_UNWRITABLE,
    ISSUE_PERSON_NEEDED,
    ISSUE_READS_FAIL,
    ISSUE_RESTORED,
    ISSUE_UNDELIVERABLE,
    ISSUE_UNSUPPORTED_SERVER,
)
from .core.failing_reads import ReadTrouble
from .core.lane import Lane, LaneUpdate, Phase
from .core.mirror import Held
from .core.snapshot import read_trouble_of
from .markdown import plain
from .runtime import WatchedSyncConfigEntry
from .words import async_reason

#: What says something only while the entry is loaded.
_OF_LOADED = (
    ISSUE_MASS_CHANGE,
    ISSUE_OUTBOX_UNWRITABLE,
    ISSUE_PERSON_NEEDED,
    ISSUE_READS_FAIL,
    ISSUE_RESTORED,
    ISSUE_UNDELIVERABLE,
    ISSUE_UNSUPPORTED_SERVER,
)

#: Titles named of what a check has left.
_TITLES_SHOWN: Final = 5

#: How long reads fail until that is a repair issue; the status tells it before.
READS_FAIL_FOR: Final = timedelta(hours=1)


def issue_id(cause: str, entry_id: str) -> str:
    """Return the id of an entry's issue."""
    return f"{cause}_{entry_id}"


@callback
def async_watch(hass: HomeAssistant, entry: WatchedSyncConfigEntry, lane: Lane) -> None:
    """Raise and withdraw the lane's issues until the entry is unloaded."""
    cancel_timer: CALLBACK_TYPE | None = None

    @callback
    def stop_waiting() -> None:
        nonlocal cancel_timer
        if cancel_timer is not None:
            cancel_timer()
            cancel_timer = None

    @callback
    def look(_: LaneUpdate) -> None:
        nonlocal cancel_timer
        async_look(hass, entry, lane)
        stop_waiting()
        if (trouble := read_trouble_of(lane)) is not None:
            left = trouble.since + READS_FAIL_FOR - lane.clock.now()
            if left > timedelta():
                cancel_timer = async_call_later(hass, left, look_again)

    @callback
    def look_again(_: datetime) -> None:
        nonlocal cancel_timer
        cancel_timer = None
        look(LaneUpdate())

    @callback
    def withdraw() -> None:
        stop_waiting()
        for cause in _OF_LOADED:
            ir.async_delete_issue(hass, DOMAIN, issue_id(cause, entry.entry_id))

    entry.async_on_unload(withdraw)
    entry.async_on_unload(lane.add_listener(look))
    async_look(hass, entry, lane)
    async_person_needed(hass, entry)


@callback
def async_look(hass: HomeAssistant, entry: WatchedSyncConfigEntry, lane: Lane) -> None:
    """Say what a person has to decide upon or to see to, and nothing that is over."""
    _ask_about(hass, entry, ISSUE_UNDELIVERABLE, waits=bool(lane.outbox.rejected))
    _ask_about(hass, entry, ISSUE_RESTORED, waits=bool(lane.outbox.held))
    trouble = read_trouble_of(lane)
    if trouble and lane.clock.now() - trouble.since >= READS_FAIL_FOR:
        _reads_fail(hass, entry, trouble)
    else:
        ir.async_delete_issue(hass, DOMAIN, issue_id(ISSUE_READS_FAIL, entry.entry_id))
    # While a server is away it may be being updated: that says nothing yet.
    if lane.health.phase is Phase.READY:
        ir.async_delete_issue(
            hass, DOMAIN, issue_id(ISSUE_UNSUPPORTED_SERVER, entry.entry_id)
        )
    elif (version := lane.health.version) is not None:
        async_unsupported_server(hass, entry, version)


@callback
def async_person_needed(hass: HomeAssistant, entry: WatchedSyncConfigEntry) -> None:
    """Ask whose the lane is, if nobody has been asked: it was set up before that."""
    asked = CONF_PERSON in entry.options
    _ask_about(hass, entry, ISSUE_PERSON_NEEDED, waits=not asked)


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
def _reads_fail(
    hass: HomeAssistant, entry: WatchedSyncConfigEntry, trouble: ReadTrouble
) -> None:
    """Say that what others do is not seen, and why, in Home Assistant's language."""
    ir.async_create_issue(
        hass,
        DOMAIN,
        issue_id(ISSUE_READS_FAIL, entry.entry_id),
        is_fixable=False,
        severity=ir.IssueSeverity.WARNING,
        translation_key=ISSUE_READS_FAIL,
        translation_placeholders={
            "name": plain(entry.title),
            "reason": async_reason(hass, trouble.reason),
        },
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
def async_check_not_put_back(
    hass: HomeAssistant, entry: WatchedSyncConfigEntry, titles: Sequence[str]
) -> None:
    """Tell, until somebody has read it, what a check has left otherwise than it was."""
    ir.async_create_issue(
        hass,
        DOMAIN,
        issue_id(ISSUE_CHECK_NOT_PUT_BACK, entry.entry_id),
        is_fixable=True,
        is_persistent=True,
        severity=ir.IssueSeverity.WARNING,
        translation_key=ISSUE_CHECK_NOT_PUT_BACK,
        translation_placeholders={
            "name": plain(entry.title),
            "titles": ", ".join(map(plain, titles[:_TITLES_SHOWN])),
            "count": str(len(titles)),
        },
    )


@callback
def async_remove(hass: HomeAssistant, entry_id: str) -> None:
    """Withdraw everything that was said about an entry."""
    for cause in (
        ISSUE_CHECK_NOT_PUT_BACK,
        ISSUE_OUTBOX_DAMAGED,
        ISSUE_OUTBOX_LOST,
        *_OF_LOADED,
    ):
        ir.async_delete_issue(hass, DOMAIN, issue_id(cause, entry_id))
