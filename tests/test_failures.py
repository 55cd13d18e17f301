"""Every way a server can fail, as a person meets it: status, reason, issue, log.

`tests/core/test_errors.py` says what each error means; here it is caused, and what
Home Assistant shows of it is looked at.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
import logging
from typing import Any, override

from homeassistant.config_entries import SOURCE_REAUTH
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import (
    ConfigEntryAuthFailed,
    ConfigEntryNotReady,
    HomeAssistantError,
    ServiceValidationError,
)
from homeassistant.helpers import issue_registry as ir
import pytest

from custom_components.watched_sync import failures
from custom_components.watched_sync.const import DOMAIN
from custom_components.watched_sync.core import delivery, errors
from custom_components.watched_sync.core.errors import (
    AuthRejected,
    Busy,
    CertificateRefused,
    Fault,
    Forbidden,
    ItemGone,
    JournalError,
    Malformed,
    Redirected,
    Refused,
    ServerError,
    Starting,
    StillLooking,
    Unanswered,
    Unexpected,
    Unreachable,
    Unstorable,
    Unsupported,
    UnsupportedVersion,
    WrongAddress,
    WrongServer,
)
from custom_components.watched_sync.core.identity import Item
from custom_components.watched_sync.core.lane import LaneClosed, Phase
from custom_components.watched_sync.core.operation import Change, MarkWatched
from custom_components.watched_sync.core.outbox import OutboxFull
from custom_components.watched_sync.core.play_state import PlayState
from custom_components.watched_sync.runtime import Request, WatchedSyncRuntime

from .common import MOVIE, OTHER_MOVIE, MemoryServer, drained, setup_lane, until
from .scene import shown

STATUS = "sensor.attic_ada_sync_status"
CONNECTED = "binary_sensor.attic_ada_connected"


@dataclass(frozen=True)
class Meets:
    """What a person meets: the status, why, and which repair issue."""

    status: str
    last_error: str
    issue: str | None = None


#: The server fails in this way whatever it is asked.
SERVER_FAILS: list[tuple[ServerError, Meets]] = [
    (Unreachable("x"), Meets("offline", "unreachable")),
    (Unanswered("x"), Meets("offline", "unreachable")),
    (CertificateRefused("x"), Meets("offline", "unreachable")),
    (Busy("x"), Meets("offline", "busy")),
    (Starting("x", 5.0), Meets("offline", "busy")),
    (WrongServer("x"), Meets("offline", "wrong_server")),
    (WrongAddress("x"), Meets("offline", "wrong_server")),
    (Redirected("x", "y"), Meets("offline", "wrong_server")),
    (
        UnsupportedVersion("x", "1"),
        Meets("offline", "unsupported_version", "unsupported_server"),
    ),
    (AuthRejected("x"), Meets("auth_required", "auth_required")),
    (Forbidden("x"), Meets("offline", "forbidden")),
    (Refused("x"), Meets("offline", "refused")),
    (Unsupported("x"), Meets("offline", "unsupported")),
    (ItemGone("x"), Meets("offline", "wrong_server")),
    (Fault("x"), Meets("offline", "server_fault")),
    (Malformed("x"), Meets("offline", "malformed")),
    (Unexpected("x"), Meets("offline", "unexpected")),
    (StillLooking("x"), Meets("offline", "busy")),
]

#: One write fails in this way each time; everything else goes well.
WRITE_FAILS: list[tuple[ServerError, Meets]] = [
    (Unreachable("x"), Meets("failed", "unreachable", "undeliverable")),
    (Unanswered("x"), Meets("failed", "unreachable", "undeliverable")),
    (CertificateRefused("x"), Meets("failed", "unreachable", "undeliverable")),
    (Busy("x"), Meets("offline", "busy")),
    (Starting("x", 5.0), Meets("offline", "busy")),
    (WrongServer("x"), Meets("failed", "wrong_server", "undeliverable")),
    (WrongAddress("x"), Meets("failed", "wrong_server", "undeliverable")),
    (Redirected("x", "y"), Meets("failed", "wrong_server", "undeliverable")),
    (
        UnsupportedVersion("x", "1"),
        Meets("failed", "unsupported_version", "undeliverable"),
    ),
    (AuthRejected("x"), Meets("failed", "forbidden", "undeliverable")),
    (Forbidden("x"), Meets("failed", "forbidden", "undeliverable")),
    (Refused("x"), Meets("failed", "refused", "undeliverable")),
    (Unsupported("x"), Meets("failed", "unsupported", "undeliverable")),
    (ItemGone("x"), Meets("failed", "forbidden", "undeliverable")),
    (Fault("x"), Meets("failed", "server_fault", "undeliverable")),
    (Malformed("x"), Meets("failed", "malformed", "undeliverable")),
    (Unexpected("x"), Meets("failed", "unexpected", "undeliverable")),
    (StillLooking("x"), Meets("failed", "busy", "undeliverable")),
]


def _subclasses(parent: type[ServerError]) -> Iterator[type[ServerError]]:
    for child in parent.__subclasses__():
        if child.__module__ == errors.__name__:
            yield child
            yield from _subclasses(child)


@pytest.mark.parametrize("table", [SERVER_FAILS, WRITE_FAILS])
def test_no_class_of_error_is_left_out(table: list[tuple[ServerError, Meets]]) -> None:
    assert {type(error) for error, _ in table} == set(_subclasses(ServerError))


def issues(hass: HomeAssistant) -> list[str]:
    """Return the causes of our issues."""
    return [
        issue.translation_key or ""
        for issue in ir.async_get(hass).issues.values()
        if issue.domain == DOMAIN and issue.active
    ]


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """Return what our own loggers said above debug."""
    return [
        (record.levelname, record.getMessage())
        for record in caplog.records
        if record.name.startswith("custom_components.")
        and record.levelno > logging.DEBUG
    ]


def reauth_flows(hass: HomeAssistant) -> int:
    """Return how many new sign-ins are asked for."""
    return len(
        [
            flow
            for flow in hass.config_entries.flow.async_progress_by_handler(DOMAIN)
            if flow["context"]["source"] == SOURCE_REAUTH
        ]
    )


def kind(value: object) -> str | None:
    """Name a case after its error."""
    return type(value).__name__ if isinstance(value, ServerError) else None


@pytest.mark.parametrize(("error", "meets"), SERVER_FAILS, ids=kind)
async def test_failing_server_is_told_of_once_and_so_is_its_return(
    hass: HomeAssistant,
    caplog: pytest.LogCaptureFixture,
    error: ServerError,
    meets: Meets,
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    runtime: WatchedSyncRuntime = entry.runtime_data
    caplog.clear()
    server.go_down(error)
    await runtime.async_submit([Request(MOVIE, MarkWatched())])
    await until(runtime, lambda: runtime.lane.health.phase is not Phase.READY)
    await hass.async_block_till_done()

    state = shown(hass, STATUS)
    assert (state.state, state.attributes["last_error"]) == (
        meets.status,
        meets.last_error,
    )
    assert (state.attributes["pending"], state.attributes["failed"]) == (1, 0)
    assert shown(hass, CONNECTED).state == "off"
    assert issues(hass) == ([meets.issue] if meets.issue else [])
    assert reauth_flows(hass) == (meets.status == "auth_required")

    # More of the same is no news.
    for _ in range(3):
        server.requests.clear()
        runtime.relay.nudge()
        await until(runtime, lambda: bool(server.requests))
    await hass.async_block_till_done()
    assert len(told(caplog)) == 1
    assert reauth_flows(hass) == (meets.status == "auth_required")

    server.come_up()
    runtime.relay.nudge()
    await drained(hass, entry)
    assert shown(hass, STATUS).state == "synced"
    assert shown(hass, STATUS).attributes["last_error"] is None
    assert server.states["m1"].watched
    assert issues(hass) == []
    down = (
        "Attic does not accept our sign-in any more"
        if meets.status == "auth_required"
        else f"Lost contact with Attic: {meets.last_error}"
    )
    assert told(caplog) == [
        ("INFO", down),
        ("INFO", "Attic is back: delivered 1, waiting 0"),
    ]
    # No attempt was counted for what was the server's trouble.
    assert [one.operation.attempts for one in runtime.lane.outbox.history] == [0]


@pytest.mark.parametrize(("error", "meets"), WRITE_FAILS, ids=kind)
async def test_failing_change_is_told_of_where_a_person_decides_and_not_in_the_log(
    hass: HomeAssistant,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    error: ServerError,
    meets: Meets,
) -> None:
    monkeypatch.setattr(delivery, "MAX_ATTEMPTS", 1)
    server = MemoryServer()
    server.item_faults["m1"] = error
    entry = await setup_lane(hass, server)
    runtime: WatchedSyncRuntime = entry.runtime_data
    caplog.clear()
    await runtime.async_submit([Request(MOVIE, MarkWatched())])
    await until(runtime, lambda: _settled_as(runtime, meets))
    await hass.async_block_till_done()

    state = shown(hass, STATUS)
    assert (state.state, state.attributes["last_error"]) == (
        meets.status,
        meets.last_error,
    )
    assert issues(hass) == ([meets.issue] if meets.issue else [])
    failed = meets.status == "failed"
    assert (state.attributes["pending"], state.attributes["failed"]) == (
        not failed,
        failed,
    )
    assert [row["last_error"] for row in state.attributes["queue"]] == [
        None if meets.status == "offline" else meets.last_error
    ]
    assert reauth_flows(hass) == 0
    assert told(caplog) == (
        [("INFO", "Lost contact with Attic: busy")] if meets.status == "offline" else []
    )
    # What has nothing to do with it goes on.
    if meets.status != "offline":
        await runtime.async_submit([Request(OTHER_MOVIE, MarkWatched())])
        await until(runtime, lambda: bool(server.states["m2"].watched))


def _settled_as(runtime: WatchedSyncRuntime, meets: Meets) -> bool:
    lane = runtime.lane
    if lane.in_flight:
        return False
    match meets.status:
        case "failed":
            return bool(lane.outbox.rejected)
        case "pending":
            return any(one.last_error for one in lane.outbox)
        case _:
            return lane.health.phase is Phase.BACKING_OFF


async def test_server_that_says_yes_and_does_nothing_is_found_out(
    hass: HomeAssistant,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Liar(MemoryServer):
        @override
        async def write(self, item: Item, change: Change, state: PlayState) -> None:
            await self._request("write", item.item_id)

    monkeypatch.setattr(delivery, "MAX_ATTEMPTS", 1)
    entry = await setup_lane(hass, Liar())
    caplog.clear()
    await entry.runtime_data.async_submit([Request(MOVIE, MarkWatched())])
    await drained(hass, entry)
    assert shown(hass, STATUS).state == "failed"
    assert shown(hass, STATUS).attributes["last_error"] == "not_applied"
    assert issues(hass) == ["undeliverable"]
    assert told(caplog) == []


async def test_fault_of_ours_is_logged_and_stops_nothing_for_good(
    hass: HomeAssistant,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    runtime: WatchedSyncRuntime = entry.runtime_data
    caplog.clear()

    def broken(*_: Any) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr(delivery, "decide", broken)
        await runtime.async_submit([Request(MOVIE, MarkWatched())])
        await until(
            runtime,
            lambda: any(one.last_error == "unexpected" for one in runtime.lane.outbox),
        )
        await hass.async_block_till_done()
    state = shown(hass, STATUS)
    assert (state.state, state.attributes["last_error"]) == ("pending", "unexpected")
    assert told(caplog)[0] == ("ERROR", "Attic: delivering failed unexpectedly")
    await runtime.async_retry([one.operation_id for one in runtime.lane.outbox])
    await drained(hass, entry)
    assert server.states["m1"].watched
    caplog.clear()  # the plugin fails a test for an exception that was logged


async def test_start_without_the_server_is_one_line_and_its_return_another(
    hass: HomeAssistant, caplog: pytest.LogCaptureFixture
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    server.go_down()
    await entry.runtime_data.async_submit([Request(MOVIE, MarkWatched())])
    caplog.clear()
    assert await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert told(caplog) == [("INFO", "Starting without Attic: unreachable")]
    server.come_up()
    entry.runtime_data.relay.nudge()
    await drained(hass, entry)
    assert told(caplog)[1:] == [("INFO", "Attic is back: delivered 1, waiting 0")]


async def test_neither_names_nor_titles_nor_tokens_get_into_the_log(
    hass: HomeAssistant,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A long day: marks, failures, mistakes, an outage, an undo, a reload."""
    monkeypatch.setattr(delivery, "MAX_ATTEMPTS", 1)
    caplog.set_level(logging.DEBUG)
    server = MemoryServer(user_name="Zebedee")
    server.up_next_ids = ["m1"]
    server.item_faults["m2"] = Fault("no")
    entry = await setup_lane(hass, server)
    runtime: WatchedSyncRuntime = entry.runtime_data
    await runtime.async_submit(
        [Request(MOVIE, MarkWatched()), Request(OTHER_MOVIE, MarkWatched())]
    )
    await drained(hass, entry)
    for action, data in (
        ("mark_watched", {"title": "Arrivall"}),
        ("mark_watched", {}),
        ("undo", {"batch_id": "nope"}),
    ):
        with pytest.raises(ServiceValidationError):
            await hass.services.async_call(DOMAIN, action, data, blocking=True)
    await hass.services.async_call(DOMAIN, "undo", {}, blocking=True)
    server.revoke()
    runtime.relay.nudge()
    await until(runtime, lambda: runtime.lane.health.phase is Phase.PARKED)
    assert await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()

    ours = [text for _, text in told(caplog)]
    assert ours
    for secret in ("Zebedee", "zebedee", "Arrival", "Contact", "secret-token"):
        assert not [text for text in ours if secret in text]
    whole = [
        record.getMessage()
        for record in caplog.records
        if record.name.startswith("custom_components.")
    ]
    assert not [text for text in whole if "secret-token" in text]


async def test_mistakes_of_a_person_are_answered_and_not_logged(
    hass: HomeAssistant, caplog: pytest.LogCaptureFixture
) -> None:
    entry = await setup_lane(hass)
    caplog.clear()
    for action, data in (
        ("mark_watched", {}),
        ("mark_watched", {"title": "nothing of the kind"}),
        ("set_progress", {"title": "Arrival"}),
        ("undo", {}),
        ("undo", {"batch_id": "nope"}),
        ("retry", {"operation_id": "nope"}),
        ("get_history", {"limit": 0}),
    ):
        with pytest.raises(ServiceValidationError):
            await hass.services.async_call(
                DOMAIN,
                action,
                data,
                blocking=True,
                return_response=action == "get_history",
            )
    assert [one for one in told(caplog) if one[0] != "INFO"] == []
    assert told(caplog) == []
    assert not len(entry.runtime_data.lane.outbox)


# --- the words ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "key"),
    [
        (JournalError("full"), "outbox_write_failed"),
        (Unstorable("odd"), "not_storable"),
        (OutboxFull(), "outbox_full"),
        (LaneClosed(), "stopping"),
    ],
)
def test_refusal_of_an_operation_says_why(error: Any, key: str) -> None:
    refusal = failures.refusal(error)
    assert type(refusal) is HomeAssistantError
    assert (refusal.translation_domain, refusal.translation_key) == (DOMAIN, key)


@pytest.mark.parametrize(
    ("error", "kind_of", "key"),
    [
        (Unreachable("x"), ConfigEntryNotReady, "read_cannot_connect"),
        (Busy("x"), ConfigEntryNotReady, "read_cannot_connect"),
        (WrongServer("x"), ConfigEntryNotReady, "read_cannot_connect"),
        (CertificateRefused("x"), ConfigEntryNotReady, "read_ssl_error"),
        (Starting("x"), ConfigEntryNotReady, "read_startup"),
        (WrongAddress("x"), ConfigEntryNotReady, "read_invalid_url"),
        (Redirected("x", "y"), ConfigEntryNotReady, "read_invalid_url"),
        (UnsupportedVersion("x", "1"), ConfigEntryNotReady, "read_unsupported_version"),
        (Malformed("x"), ConfigEntryNotReady, "read_unknown"),
        (AuthRejected("x"), ConfigEntryAuthFailed, "read_invalid_auth"),
        (Forbidden("x"), ConfigEntryNotReady, "read_forbidden"),
    ],
)
def test_first_contact_that_fails_says_why(
    error: ServerError, kind_of: type[Exception], key: str
) -> None:
    failed = failures.first_contact_failed(error, "Attic")
    assert type(failed) is kind_of
    assert failed.translation_key == key
    assert failed.translation_placeholders == {"server": "Attic"}


@pytest.mark.parametrize(
    ("make", "key"),
    [
        (lambda: failures.no_next_episode("Severance"), "no_next_episode"),
        (failures.nothing_to_undo, "nothing_to_undo"),
        (failures.nothing_left_to_undo, "nothing_left_to_undo"),
        (lambda: failures.unknown_batch("b1"), "unknown_batch"),
    ],
)
def test_what_cannot_be_done_is_a_persons_mistake(
    make: Callable[[], ServiceValidationError], key: str
) -> None:
    error = make()
    assert type(error) is ServiceValidationError
    assert (error.translation_domain, error.translation_key) == (DOMAIN, key)
