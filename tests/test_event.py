"""The event entity tells what happens on a lane, and nothing that does not."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from homeassistant.const import STATE_UNKNOWN
from homeassistant.core import Event, EventStateChangedData, HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.event import async_track_state_change_event
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.watched_sync.core.activity import MOST_IN_HISTORY
from custom_components.watched_sync.core.errors import Refused
from custom_components.watched_sync.core.operation import (
    MarkUnwatched,
    MarkWatched,
    Origin,
    SetProgress,
)
from custom_components.watched_sync.runtime import Request

from .common import (
    MOVIE,
    SHOW,
    MemoryServer,
    drained,
    episode,
    mark,
    setup_lane,
    use_server,
)
from .scene import lose_contact, shown

EVENT = "event.attic_ada_activity"

type Told = list[dict[str, Any]]


def listen(hass: HomeAssistant) -> Told:
    """Return a list that grows with every event."""
    told: Told = []

    @callback
    def changed(event: Event[EventStateChangedData]) -> None:
        state = event.data["new_state"]
        if state is not None:
            told.append(
                {
                    key: value
                    for key, value in state.attributes.items()
                    if key not in ("event_types", "friendly_name")
                }
            )

    async_track_state_change_event(hass, EVENT, changed)
    return told


def types(told: Told) -> list[str]:
    """Return what happened, in order."""
    return [one["event_type"] for one in told]


async def catch_up(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Have everything known read again."""
    await entry.runtime_data.coordinator.catch_up()
    await hass.async_block_till_done()


def played(server: MemoryServer, item_id: str, minute: int = 0) -> None:
    """Have the user watch something to the end elsewhere."""
    at = datetime(2026, 1, 1, 20, minute, tzinfo=UTC)
    server.set(item_id, watched=True, play_count=1, position=0, last_played=at)


# --- our own doings --------------------------------------------------------------


async def test_nothing_has_happened_at_first(hass: HomeAssistant) -> None:
    server = MemoryServer()
    server.up_next_ids = ["m1"]
    played(server, "m2")
    await setup_lane(hass, server)
    state = shown(hass, EVENT)
    assert state.state == STATE_UNKNOWN
    assert state.attributes["event_types"] == [
        "watched",
        "unwatched",
        "progress",
        "sync_failed",
        "queue_drained",
        "conflict",
        "not_followed",
        "levelled",
    ]
    registered = er.async_get(hass).async_get(EVENT)
    assert registered is not None
    assert registered.unique_id == "server-1:user-1:activity"


async def test_confirmed_mark_is_told_with_all_that_names_it(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    told = listen(hass)
    (operation,) = await entry.runtime_data.async_submit(
        [Request(episode(1, 2), MarkWatched())]
    )
    await drained(hass, entry)
    assert told == [
        {
            "event_type": "watched",
            "media_type": "episode",
            "item_id": "e1x2",
            "title": "Part 2",
            "full_title": "Severance S01E02 Part 2",
            "show": "Severance",
            "season": 1,
            "episode": 2,
            "tvdb": "1002",
            "external_id": "tvdb://episode/1002",
            "show_external_id": "imdb://tt11280740",
            "origin": "user",
            "operation_id": operation.operation_id,
            "batch_id": operation.batch_id,
            "again": False,
        },
    ]


async def test_unmark_and_position_are_told_by_their_origin(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    played(server, "m1")
    entry = await setup_lane(hass, server)
    told = listen(hass)
    runtime = entry.runtime_data
    await runtime.async_submit([Request(MOVIE, MarkUnwatched())], origin=Origin.MIRROR)
    await drained(hass, entry)
    await runtime.async_submit(
        [Request(MOVIE, SetProgress(90))], origin=Origin.PLAYBACK
    )
    await drained(hass, entry)
    assert [
        (one["event_type"], one.get("origin"), one.get("position")) for one in told
    ] == [
        ("unwatched", "mirror", None),
        ("progress", "playback", 90),
    ]


async def test_a_change_that_is_given_up_is_told_with_its_reason(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    server.item_faults["m1"] = Refused("no")
    entry = await setup_lane(hass, server)
    told = listen(hass)
    await mark(entry)
    await drained(hass, entry)
    (failed,) = told
    assert failed["event_type"] == "sync_failed"
    assert (failed["reason"], failed["wanted"]) == ("refused", "watched")
    assert (failed["full_title"], failed["origin"]) == ("Arrival (2016)", "user")


@pytest.mark.parametrize(
    ("change", "wanted"),
    [(MarkUnwatched(), "unwatched"), (SetProgress(600), "progress")],
)
async def test_an_overruled_operation_is_a_conflict(
    hass: HomeAssistant, change: MarkUnwatched | SetProgress, wanted: str
) -> None:
    server = MemoryServer()
    server.set("m1", position=300)
    server.up_next_ids = ["m1"]
    entry = await setup_lane(
        hass, server, options={"delivery": {"conflict_policy": "server"}}
    )
    await lose_contact(hass, entry, server)
    await entry.runtime_data.async_submit([Request(MOVIE, change)])
    played(server, "m1")
    told = listen(hass)
    server.come_up()
    entry.runtime_data.relay.nudge()
    await drained(hass, entry)
    conflicts = [one for one in told if one["event_type"] == "conflict"]
    assert [(one["wanted"], one["server_state"]) for one in conflicts] == [
        (wanted, "watched")
    ]
    assert sorted(types(told)) == ["conflict", "queue_drained", "watched"]


async def test_an_overruled_show_is_one_conflict(hass: HomeAssistant) -> None:
    server = MemoryServer([SHOW, episode(1, 1)])
    server.set("e1x1", position=300)
    server.up_next_ids = ["e1x1"]
    entry = await setup_lane(
        hass, server, options={"delivery": {"conflict_policy": "server"}}
    )
    await lose_contact(hass, entry, server)
    await entry.runtime_data.async_submit([Request(SHOW, MarkUnwatched())])
    played(server, "e1x1")
    told = listen(hass)
    server.come_up()
    entry.runtime_data.relay.nudge()
    await drained(hass, entry)
    (conflict,) = [one for one in told if one["event_type"] == "conflict"]
    assert (conflict["media_type"], conflict["wanted"]) == ("show", "unwatched")
    assert "server_state" not in conflict


# --- what others do --------------------------------------------------------------


async def test_what_is_watched_elsewhere_is_told_once(hass: HomeAssistant) -> None:
    server = MemoryServer()
    server.up_next_ids = ["m1", "m2"]
    entry = await setup_lane(hass, server)
    told = listen(hass)
    played(server, "m1")
    server.set("m2", position=700)
    await catch_up(hass, entry)
    await catch_up(hass, entry)
    assert [(one["event_type"], one["item_id"], one["origin"]) for one in told] == [
        ("progress", "m2", "server"),
        ("watched", "m1", "server"),
    ]
    assert not any("operation_id" in one or "batch_id" in one for one in told)
    server.set("m1", watched=False)
    await catch_up(hass, entry)
    assert types(told)[2:] == ["unwatched"]


async def test_what_is_seen_for_the_first_time_did_not_just_happen(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    told = listen(hass)
    played(server, "m1")
    await catch_up(hass, entry)
    assert entry.runtime_data.coordinator.data.last_played == "m1"
    assert told == []


async def test_what_our_own_write_causes_is_not_told_a_second_time(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    server.up_next_ids = ["m1"]
    entry = await setup_lane(hass, server)
    told = listen(hass)
    await mark(entry)
    await drained(hass, entry)
    await catch_up(hass, entry)
    assert types(told) == ["watched"]


async def test_of_many_changes_at_once_the_last_ones_are_told_and_the_rest_counted(
    hass: HomeAssistant,
) -> None:
    films = [replace(MOVIE, item_id=f"f{number:02}") for number in range(50)]
    server = MemoryServer(films)
    server.up_next_ids = [film.item_id for film in films]
    entry = await setup_lane(hass, server)
    told = listen(hass)
    for minute, film in enumerate(films):
        played(server, film.item_id, minute)
    await catch_up(hass, entry)
    assert [one["item_id"] for one in told] == [
        film.item_id for film in films[-MOST_IN_HISTORY:]
    ]
    others = [one.get("left_out") for one in told[:-1]]
    assert others == [None] * (MOST_IN_HISTORY - 1)
    assert told[-1]["left_out"] == 47


async def test_what_happened_while_home_assistant_was_away_is_told_at_its_start(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    server.up_next_ids = ["m1"]
    entry = await setup_lane(hass, server)
    assert await hass.config_entries.async_unload(entry.entry_id)
    played(server, "m1")
    told = listen(hass)
    use_server(hass, server)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    happened = [one for one in told if one.get("event_type") is not None]
    assert [(one["event_type"], one["item_id"]) for one in happened] == [
        ("watched", "m1")
    ]


async def test_each_lane_tells_of_itself(hass: HomeAssistant) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    other = MemoryServer(
        server_id="server-2", server_name="Cellar", user_id="user-2", user_name="Bob"
    )
    await setup_lane(hass, other)
    await mark(entry)
    await drained(hass, entry)
    assert shown(hass, EVENT).attributes["event_type"] == "watched"
    assert shown(hass, "event.cellar_bob_activity").state == STATE_UNKNOWN


# --- guest mode ------------------------------------------------------------------


async def pause(hass: HomeAssistant, state: str) -> None:
    """Begin or end guest mode."""
    await hass.services.async_call(
        "switch",
        f"turn_{state}",
        {"entity_id": "switch.attic_ada_guest_mode"},
        blocking=True,
    )


async def test_in_guest_mode_nothing_is_told_but_what_we_do(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    server.up_next_ids = ["m1", "m2", "e1x1"]
    entry = await setup_lane(hass, server)
    told = listen(hass)
    await pause(hass, "on")
    played(server, "m1")
    await catch_up(hass, entry)
    assert told == []
    await mark(entry, episode(1, 1))
    await drained(hass, entry)
    assert types(told) == ["watched"]
    # What nobody has read until the end of it belongs to it as well.
    played(server, "m2")
    await pause(hass, "off")
    await catch_up(hass, entry)
    assert types(told) == ["watched"]
    server.set("m2", watched=False)
    await catch_up(hass, entry)
    assert types(told)[1:] == ["unwatched"]


async def test_guest_mode_ends_although_the_server_is_away(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    server.up_next_ids = ["m1"]
    entry = await setup_lane(hass, server)
    await pause(hass, "on")
    await lose_contact(hass, entry, server)
    server.requests.clear()
    await pause(hass, "off")
    assert entry.runtime_data.paused is False
    assert [name for name, _ in server.requests if name != "probe"] == []


async def test_an_event_outlasts_a_restart(hass: HomeAssistant) -> None:
    entry = await setup_lane(hass, MemoryServer())
    await mark(entry)
    await drained(hass, entry)
    before = shown(hass, EVENT)
    assert datetime.fromisoformat(before.state) > datetime.now(UTC) - timedelta(hours=1)
    assert await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert shown(hass, EVENT).state == before.state
