"""The sensors tell the truth about the queue and about tracked shows."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
import json
from pathlib import Path
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.const import STATE_UNKNOWN, EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
import pytest

from custom_components import watched_sync
from custom_components.watched_sync.core.activity import SERVER, ActivityKind, Lost
from custom_components.watched_sync.core.errors import Reason, Refused
from custom_components.watched_sync.core.identity import MediaKind
from custom_components.watched_sync.core.inventory import InventoryStatus, Stage
from custom_components.watched_sync.core.lane import Phase
from custom_components.watched_sync.core.operation import (
    MarkWatched,
    Origin,
    SetProgress,
)
from custom_components.watched_sync.core.snapshot import SyncStatus
from custom_components.watched_sync.runtime import Request
from custom_components.watched_sync.sensor import ItemsKnownSensor

from .common import (
    EPISODES,
    MOVIE,
    OTHER_MOVIE,
    SHOW,
    MemoryServer,
    drained,
    episode,
    setup_lane,
    until,
)
from .scene import lose_contact, shown

STATUS = "sensor.attic_ada_sync_status"
PENDING = "sensor.attic_ada_pending_changes"
FAILED = "sensor.attic_ada_failed_changes"
LAST_SYNCED = "sensor.attic_ada_last_synced"
UNWATCHED = "sensor.severance_unwatched_episodes"
NEXT = "sensor.severance_next_episode"


async def test_idle_lane_is_synced(hass: HomeAssistant) -> None:
    await setup_lane(hass)
    state = shown(hass, STATUS)
    assert state.state == "synced"
    assert {
        key: state.attributes[key]
        for key in (
            "pending",
            "failed",
            "oldest",
            "last_error",
            "reads_failing_since",
            "queue",
            "options",
        )
    } == {
        "pending": 0,
        "failed": 0,
        "oldest": None,
        "last_error": None,
        "reads_failing_since": None,
        "queue": [],
        "options": [status.value for status in SyncStatus],
    }
    assert shown(hass, PENDING).state == "0"
    assert shown(hass, FAILED).state == "0"
    assert shown(hass, LAST_SYNCED).state == STATE_UNKNOWN


async def test_offline_lane_says_so_and_shows_what_waits(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    freezer.move_to("2026-10-31 20:00:00+00:00")
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    await lose_contact(hass, entry, server)
    await entry.runtime_data.async_submit(
        [Request(MOVIE, MarkWatched()), Request(OTHER_MOVIE, SetProgress(60.0))]
    )
    state = shown(hass, STATUS)
    assert state.state == "offline"
    assert state.attributes["pending"] == 2
    assert state.attributes["oldest"] == datetime(2026, 10, 31, 20, tzinfo=UTC)
    assert state.attributes["last_error"] == "unreachable"
    assert state.attributes["queue"] == [
        {
            "title": "Arrival (2016)",
            "change": "mark_watched",
            "status": "queued",
            "last_error": None,
        },
        {
            "title": "Contact (1997)",
            "change": "set_progress",
            "status": "queued",
            "last_error": None,
        },
    ]
    assert shown(hass, PENDING).state == "2"


async def test_drained_queue_is_synced_and_knows_since_when(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    freezer.move_to("2026-10-31 20:00:00+00:00")
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    await entry.runtime_data.async_submit([Request(MOVIE, MarkWatched())])
    await drained(hass, entry)
    assert shown(hass, STATUS).state == "synced"
    assert shown(hass, PENDING).state == "0"
    assert shown(hass, LAST_SYNCED).state == "2026-10-31T20:00:00+00:00"


async def test_refused_change_is_counted_as_failed(hass: HomeAssistant) -> None:
    server = MemoryServer()
    server.item_faults["m1"] = Refused("no")
    entry = await setup_lane(hass, server)
    await entry.runtime_data.async_submit([Request(MOVIE, MarkWatched())])
    await drained(hass, entry)
    state = shown(hass, STATUS)
    assert state.state == "failed"
    assert state.attributes["last_error"] == "refused"
    (row,) = state.attributes["queue"]
    assert (row["status"], row["last_error"]) == ("failed", "refused")
    assert shown(hass, FAILED).state == "1"
    assert shown(hass, PENDING).state == "0"


async def test_failed_change_is_told_from_those_that_wait(hass: HomeAssistant) -> None:
    server = MemoryServer()
    server.item_faults["m1"] = Refused("no")
    entry = await setup_lane(hass, server)
    await entry.runtime_data.async_submit([Request(MOVIE, MarkWatched())])
    await drained(hass, entry)
    await lose_contact(hass, entry, server)
    await entry.runtime_data.async_submit([Request(OTHER_MOVIE, MarkWatched())])
    assert [
        (row["title"], row["status"]) for row in shown(hass, STATUS).attributes["queue"]
    ] == [("Contact (1997)", "queued"), ("Arrival (2016)", "failed")]
    assert (shown(hass, PENDING).state, shown(hass, FAILED).state) == ("1", "1")


async def test_revoked_token_asks_for_a_new_sign_in(hass: HomeAssistant) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    server.revoke()
    runtime = entry.runtime_data
    runtime.relay.nudge()
    await until(runtime, lambda: runtime.lane.health.phase is Phase.PARKED)
    await hass.async_block_till_done()
    assert shown(hass, STATUS).state == "auth_required"
    assert shown(hass, STATUS).attributes["last_error"] == "auth_required"


async def test_queue_in_the_attributes_is_short_and_not_recorded(
    hass: HomeAssistant,
) -> None:
    items = [episode(1, number) for number in range(1, 28)]
    server = MemoryServer(items=[SHOW, *items])
    entry = await setup_lane(hass, server)
    await lose_contact(hass, entry, server)
    await entry.runtime_data.async_submit(
        [Request(item, MarkWatched()) for item in items]
    )
    state = shown(hass, STATUS)
    assert state.attributes["pending"] == 27
    assert [row["title"] for row in state.attributes["queue"]] == [
        item.full_title for item in items[:20]
    ]
    assert state.state_info is not None
    assert "queue" in state.state_info["unrecorded_attributes"]


@pytest.mark.parametrize("entity_id", [STATUS, PENDING, FAILED, LAST_SYNCED])
async def test_sensors_of_the_queue_are_diagnostic(
    hass: HomeAssistant, entity_id: str
) -> None:
    await setup_lane(hass)
    registered = er.async_get(hass).async_get(entity_id)
    assert registered is not None
    assert registered.entity_category is EntityCategory.DIAGNOSTIC
    assert registered.unique_id.startswith("server-1:user-1:")


# --- tracked shows ------------------------------------------------------------


async def test_tracked_show_says_what_is_next_and_how_much_is_left(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    server.set("e1x1", watched=True)
    await setup_lane(hass, server, subentries=[SHOW])
    # The special does not count.
    assert shown(hass, UNWATCHED).state == "3"
    state = shown(hass, NEXT)
    assert state.state == "S01E02"
    assert state.attributes["title"] == "Part 2"
    assert state.attributes["item_id"] == "e1x2"
    assert state.attributes["aired"] == date(2022, 1, 2)


async def test_operation_for_an_episode_moves_on_to_the_next_before_it_is_delivered(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server, subentries=[SHOW])
    await lose_contact(hass, entry, server)
    assert shown(hass, NEXT).state == "S01E01"
    await entry.runtime_data.async_submit([Request(EPISODES[1], MarkWatched())])
    assert shown(hass, NEXT).state == "S01E02"
    assert shown(hass, UNWATCHED).state == "3"


async def test_episode_without_a_number_is_shown_by_its_title(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer([SHOW, replace(EPISODES[1], episode=None, title="Pilot")])
    await setup_lane(hass, server, subentries=[SHOW])
    assert shown(hass, NEXT).state == "Pilot"


async def test_what_has_not_been_aired_is_not_next(hass: HomeAssistant) -> None:
    tomorrow = datetime.now(UTC).date() + timedelta(days=2)
    server = MemoryServer(items=[SHOW, episode(1, 1, aired=tomorrow)])
    await setup_lane(hass, server, subentries=[SHOW])
    assert shown(hass, UNWATCHED).state == "0"
    assert shown(hass, NEXT).state == STATE_UNKNOWN
    assert "title" not in shown(hass, NEXT).attributes


async def test_show_that_was_never_read_is_unknown(hass: HomeAssistant) -> None:
    server = MemoryServer(items=[MOVIE])
    await setup_lane(hass, server, subentries=[SHOW])
    assert shown(hass, UNWATCHED).state == STATE_UNKNOWN
    assert shown(hass, NEXT).state == STATE_UNKNOWN


async def test_tracked_movie_has_no_sensors_of_a_show(hass: HomeAssistant) -> None:
    await setup_lane(hass, subentries=[MOVIE])
    assert not [
        entity_id
        for entity_id in hass.states.async_entity_ids("sensor")
        if "episode" in entity_id
    ]


# --- words ----------------------------------------------------------------------


def words_of(*path: str) -> dict[str, Any]:
    """Return a part of en.json."""
    file = Path(watched_sync.__path__[0]) / "translations" / "en.json"
    part: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    for key in path:
        part = part[key]
    return part


def test_every_status_and_reason_has_a_word() -> None:
    sensor = words_of("entity", "sensor", "sync_status")
    assert sensor["state"].keys() == {status.value for status in SyncStatus}
    reasons = {reason.value for reason in Reason}
    assert sensor["state_attributes"]["last_error"]["state"].keys() == reasons
    switches = words_of("entity", "switch")
    for switch in (switches[one] for one in ("last_played", "up_next", "watched")):
        assert switch["state_attributes"]["last_error"]["state"].keys() == reasons
    event = words_of("entity", "event", "activity", "state_attributes")
    assert event["reason"]["state"].keys() == {*reasons, *Lost}
    assert event["event_type"]["state"].keys() == {what.value for what in ActivityKind}
    assert event["origin"]["state"].keys() == {*Origin, SERVER}


def test_a_count_says_what_it_counts_in_its_name() -> None:
    # A unit has no singular: "1 changes".
    for count in ("pending", "failed", "unwatched_episodes"):
        assert words_of("entity", "sensor", count).keys() == {"name"}


async def test_items_known_follow_the_inventory(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ItemsKnownSensor, "entity_registry_enabled_default", True)
    entry = await setup_lane(hass)
    state = shown(hass, "sensor.attic_ada_items_known")
    assert (state.state, state.attributes["inventory"]) == ("0", "waiting")
    inventory = entry.runtime_data.inventory
    inventory._status = InventoryStatus(
        Stage.RUNNING, 40, {MediaKind.MOVIE: 3, MediaKind.EPISODE: 4}
    )
    inventory._tell()
    state = shown(hass, "sensor.attic_ada_items_known")
    assert state.state == "7"
    told = ("inventory", "percent", "movies", "shows", "episodes")
    assert [state.attributes[one] for one in told] == ["running", 40, 3, 0, 4]
    await hass.config_entries.async_unload(entry.entry_id)
    assert not inventory._listeners


async def test_items_known_are_off_by_default(hass: HomeAssistant) -> None:
    await setup_lane(hass)
    assert hass.states.get("sensor.attic_ada_items_known") is None
