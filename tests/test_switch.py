"""The switches: what they show, what turning them asks for, which ones there are."""

from datetime import UTC, date, datetime, timedelta
import logging
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.const import (
    STATE_OFF,
    STATE_ON,
    STATE_UNAVAILABLE,
    STATE_UNKNOWN,
    EntityCategory,
)
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr, entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.watched_sync.const import DOMAIN
from custom_components.watched_sync.core.errors import JournalError, Refused
from custom_components.watched_sync.core.operation import MarkUnwatched, MarkWatched

from .common import (
    EPISODES,
    MOVIE,
    OTHER_MOVIE,
    SHOW,
    MemoryServer,
    drained,
    episode,
    mark,
    setup_lane,
    use_server,
)
from .scene import lose_contact, shown

LANE = "server-1:user-1"
LAST_PLAYED = "switch.attic_ada_last_played"
MOVIE_SWITCH = "switch.arrival_2016_watched"
SHOW_SWITCH = "switch.severance_watched"


def up_next_entity(hass: HomeAssistant, item_id: str) -> str | None:
    """Return the entity id of an item's up-next switch."""
    return er.async_get(hass).async_get_entity_id(
        "switch", DOMAIN, f"{LANE}:up_next:{item_id}"
    )


async def turn(hass: HomeAssistant, entity_id: str, state: str) -> None:
    """Turn a switch on or off."""
    await hass.services.async_call(
        "switch", f"turn_{state}", {"entity_id": entity_id}, blocking=True
    )


async def look_again(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Have the coordinator read the server now."""
    await entry.runtime_data.coordinator.async_refresh()
    await hass.async_block_till_done()


def up_next(limit: int) -> dict[str, Any]:
    """Return options with this many up-next switches."""
    return {"entities": {"up_next_switches": limit}}


# --- a tracked item -----------------------------------------------------------


async def test_tracked_movie_has_its_own_device_and_says_what_it_is(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    server.set("m1", position=61.4)
    entry = await setup_lane(hass, server, subentries=[MOVIE])
    state = shown(hass, MOVIE_SWITCH)
    assert state.state == STATE_OFF
    assert state.name == "Arrival (2016) Watched"
    assert {
        key: value
        for key, value in state.attributes.items()
        if key not in ("friendly_name", "entity_picture")
    } == {
        "sync_state": "synced",
        "server_state": "unwatched",
        "position": 61,
        "last_error": None,
        "media_type": "movie",
        "item_id": "m1",
        "title": "Arrival",
        "full_title": "Arrival (2016)",
        "external_id": "imdb://tt2543164",
        "year": 2016,
        "imdb": "tt2543164",
        "tmdb": "329865",
    }
    device = dr.async_get(hass).async_get_device_by_identifier(
        (DOMAIN, f"{LANE}:m1"), entry.entry_id
    )
    assert device is not None
    assert device.entry_type is dr.DeviceEntryType.SERVICE
    registered = er.async_get(hass).async_get(MOVIE_SWITCH)
    assert registered is not None
    assert registered.device_id == device.id
    assert registered.unique_id == f"{LANE}:m1:watched"
    assert registered.config_subentry_id in entry.subentries


async def test_turning_on_marks_watched_and_turning_off_marks_unwatched(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server, subentries=[MOVIE])
    await turn(hass, MOVIE_SWITCH, "on")
    await drained(hass, entry)
    assert server.writes == [("m1", MarkWatched())]
    assert shown(hass, MOVIE_SWITCH).state == STATE_ON
    assert shown(hass, MOVIE_SWITCH).attributes["server_state"] == "watched"
    await turn(hass, MOVIE_SWITCH, "off")
    await drained(hass, entry)
    assert server.writes[1:] == [("m1", MarkUnwatched())]
    assert shown(hass, MOVIE_SWITCH).state == STATE_OFF


async def test_switch_shows_the_wish_at_once_while_the_server_is_away(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server, subentries=[MOVIE])
    await lose_contact(hass, entry, server)
    assert shown(hass, MOVIE_SWITCH).state == STATE_OFF
    await turn(hass, MOVIE_SWITCH, "on")
    state = shown(hass, MOVIE_SWITCH)
    assert state.state == STATE_ON
    assert state.attributes["sync_state"] == "pending"
    assert state.attributes["server_state"] == "unwatched"
    server.come_up()
    entry.runtime_data.relay.nudge()
    await drained(hass, entry)
    state = shown(hass, MOVIE_SWITCH)
    assert state.attributes["sync_state"] == "synced"
    assert state.attributes["server_state"] == "watched"
    assert server.writes == [("m1", MarkWatched())]


async def test_refused_change_shows_as_failed_and_the_switch_as_the_server_has_it(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    server.item_faults["m1"] = Refused("no")
    entry = await setup_lane(hass, server, subentries=[MOVIE])
    await turn(hass, MOVIE_SWITCH, "on")
    await drained(hass, entry)
    state = shown(hass, MOVIE_SWITCH)
    assert state.state == STATE_OFF
    assert state.attributes["sync_state"] == "failed"
    assert state.attributes["last_error"] == "refused"


async def test_switch_of_an_item_never_read_is_unknown_and_still_takes_a_wish(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer(items=[OTHER_MOVIE])
    entry = await setup_lane(hass, server, subentries=[MOVIE])
    await lose_contact(hass, entry, server)
    state = shown(hass, MOVIE_SWITCH)
    assert state.state == STATE_UNKNOWN
    assert state.attributes["server_state"] == "unknown"
    await turn(hass, MOVIE_SWITCH, "on")
    assert shown(hass, MOVIE_SWITCH).state == STATE_ON
    assert [one.item.item_id for one in entry.runtime_data.lane.outbox] == ["m1"]


async def test_switch_of_a_show_marks_its_episodes_without_the_specials(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server, subentries=[SHOW])
    assert shown(hass, SHOW_SWITCH).attributes["media_type"] == "show"
    await turn(hass, SHOW_SWITCH, "on")
    assert shown(hass, SHOW_SWITCH).state == STATE_ON
    await drained(hass, entry)
    watched = {item_id for item_id, state in server.states.items() if state.watched}
    assert watched == {"e1x1", "e1x2", "e2x1", "e2x2"}


async def test_wish_that_cannot_be_written_fails_and_is_not_shown(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = await setup_lane(hass, subentries=[MOVIE])

    async def fail() -> None:
        raise JournalError

    monkeypatch.setattr(entry.runtime_data.lane._journal, "save", fail)
    with pytest.raises(HomeAssistantError) as error:
        await turn(hass, MOVIE_SWITCH, "on")
    assert error.value.translation_key == "outbox_write_failed"
    assert shown(hass, MOVIE_SWITCH).state == STATE_OFF
    assert len(entry.runtime_data.lane.outbox) == 0


# --- last played ----------------------------------------------------------------


async def test_last_played_is_unavailable_until_something_was_played(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    assert shown(hass, LAST_PLAYED).state == STATE_UNAVAILABLE
    server.set("e1x1", position=600, last_played=datetime(2026, 10, 1, tzinfo=UTC))
    await look_again(hass, entry)
    state = shown(hass, LAST_PLAYED)
    assert state.state == STATE_OFF
    assert state.name == "Attic (Ada) Last played"
    assert state.attributes["item_id"] == "e1x1"
    assert state.attributes["show"] == "Severance"
    assert (state.attributes["season"], state.attributes["episode"]) == (1, 1)
    assert state.attributes["position"] == 600
    await turn(hass, LAST_PLAYED, "on")
    await drained(hass, entry)
    assert server.writes == [("e1x1", MarkWatched())]


# --- up next --------------------------------------------------------------------


async def test_each_item_up_next_has_a_switch_named_after_it(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    server.up_next_ids = ["e1x1", "m1"]
    await setup_lane(hass, server)
    names = {
        item_id: shown(hass, entity_id).name
        for item_id in ("e1x1", "m1", "m2")
        if (entity_id := up_next_entity(hass, item_id)) is not None
    }
    assert names == {
        "e1x1": "Attic (Ada) Severance S01E01 Part 1",
        "m1": "Attic (Ada) Arrival (2016)",
    }


@pytest.mark.parametrize(
    ("limit", "expected"), [(0, set()), (1, {"m2"}), (2, {"m2", "m1"})]
)
async def test_options_bound_the_up_next_switches(
    hass: HomeAssistant, limit: int, expected: set[str]
) -> None:
    server = MemoryServer()
    server.up_next_ids = ["m2", "m1", "e1x1"]
    await setup_lane(hass, server, options=up_next(limit))
    assert {one for one in server.items if up_next_entity(hass, one)} == expected


async def test_switches_come_and_go_with_what_is_up_next(hass: HomeAssistant) -> None:
    server = MemoryServer()
    server.up_next_ids = ["m1"]
    entry = await setup_lane(hass, server)
    gone = up_next_entity(hass, "m1")
    assert gone is not None
    server.up_next_ids = ["m2"]
    await look_again(hass, entry)
    assert up_next_entity(hass, "m1") is None
    assert hass.states.get(gone) is None
    added = up_next_entity(hass, "m2")
    assert added is not None
    assert shown(hass, added).state == STATE_OFF


async def test_switch_of_an_item_just_watched_stays_for_a_day(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    server = MemoryServer()
    server.up_next_ids = ["m1"]
    entry = await setup_lane(hass, server)
    entity_id = up_next_entity(hass, "m1")
    assert entity_id is not None
    await turn(hass, entity_id, "on")
    await drained(hass, entry)
    server.up_next_ids = ["e1x1"]
    await look_again(hass, entry)
    assert up_next_entity(hass, "m1") == entity_id
    assert shown(hass, entity_id).state == STATE_ON
    # It can be taken back for a day; after that it goes with the next news.
    freezer.tick(timedelta(hours=25))
    server.up_next_ids = ["e1x2"]
    await look_again(hass, entry)
    assert up_next_entity(hass, "m1") is None


async def test_switch_stays_while_its_change_waits(hass: HomeAssistant) -> None:
    server = MemoryServer()
    server.up_next_ids = ["m1"]
    entry = await setup_lane(hass, server)
    entity_id = up_next_entity(hass, "m1")
    assert entity_id is not None
    await lose_contact(hass, entry, server)
    await turn(hass, entity_id, "on")
    entry.runtime_data.coordinator._ledger.up_next = ("m2",)
    entry.runtime_data.coordinator._publish()
    await hass.async_block_till_done()
    assert shown(hass, entity_id).state == STATE_ON


async def test_switch_stays_while_an_unmark_waits(hass: HomeAssistant) -> None:
    server = MemoryServer()
    server.up_next_ids = ["m1"]
    entry = await setup_lane(hass, server)
    entity_id = up_next_entity(hass, "m1")
    assert entity_id is not None
    await turn(hass, entity_id, "on")
    await drained(hass, entry)
    server.up_next_ids = ["m2"]
    await look_again(hass, entry)
    await lose_contact(hass, entry, server)
    await turn(hass, entity_id, "off")
    await hass.async_block_till_done()
    state = shown(hass, entity_id)
    assert (state.state, state.attributes["sync_state"]) == (STATE_OFF, "pending")


async def test_stale_switches_are_removed_at_start_and_others_kept(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    server.up_next_ids = ["m1", "m2"]
    entry = await setup_lane(hass, server)
    kept = up_next_entity(hass, "m1")
    assert kept is not None
    er.async_get(hass).async_update_entity(kept, name="The one with the heptapods")
    await hass.config_entries.async_unload(entry.entry_id)
    server.up_next_ids = ["m1"]
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert up_next_entity(hass, "m2") is None
    assert shown(hass, kept).name == "The one with the heptapods"


async def test_up_next_switches_survive_a_start_without_the_server(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    server.up_next_ids = ["m1"]
    entry = await setup_lane(hass, server)
    entity_id = up_next_entity(hass, "m1")
    assert entity_id is not None
    await hass.config_entries.async_unload(entry.entry_id)
    server.go_down()
    use_server(hass, server)
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert shown(hass, entity_id).state == STATE_OFF
    await turn(hass, entity_id, "on")
    assert shown(hass, entity_id).state == STATE_ON
    assert [one.item for one in entry.runtime_data.lane.outbox] == [MOVIE]


async def test_many_switches_turned_at_once_are_one_or_two_writes_to_disk(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = [episode(1, number) for number in range(1, 21)]
    server = MemoryServer(items=[SHOW, *items])
    server.up_next_ids = [item.item_id for item in items]
    entry = await setup_lane(hass, server, options=up_next(20))
    await lose_contact(hass, entry, server)
    journal = entry.runtime_data.lane._journal
    saves = []
    original = journal.save

    async def save() -> None:
        saves.append(1)
        await original()

    monkeypatch.setattr(journal, "save", save)
    entity_ids = [up_next_entity(hass, item.item_id) for item in items]
    await hass.services.async_call(
        "switch", "turn_on", {"entity_id": entity_ids}, blocking=True
    )
    assert len(entry.runtime_data.lane.outbox) == 20
    assert len(saves) <= 2


# --- how many are left of a show ------------------------------------------------


async def test_switch_of_a_show_says_how_many_aired_episodes_are_left(
    hass: HomeAssistant,
) -> None:
    coming = episode(2, 3, aired=date(2099, 1, 1))
    server = MemoryServer([SHOW, *EPISODES, coming])
    entry = await setup_lane(hass, server, subentries=[SHOW, MOVIE])
    assert shown(hass, SHOW_SWITCH).attributes["unwatched_episodes"] == 4
    assert "unwatched_episodes" not in shown(hass, MOVIE_SWITCH).attributes
    await mark(entry, EPISODES[1])
    assert shown(hass, SHOW_SWITCH).attributes["unwatched_episodes"] == 3


# --- guest mode -------------------------------------------------------------------

GUEST_MODE = "switch.attic_ada_guest_mode"


async def test_guest_mode_is_a_setting_and_off_at_first(hass: HomeAssistant) -> None:
    entry = await setup_lane(hass)
    assert shown(hass, GUEST_MODE).state == STATE_OFF
    assert entry.runtime_data.paused is False
    registered = er.async_get(hass).async_get(GUEST_MODE)
    assert registered is not None
    assert registered.unique_id == f"{LANE}:paused"
    assert registered.entity_category is EntityCategory.CONFIG


async def test_guest_mode_outlasts_a_restart_without_the_server(
    hass: HomeAssistant, hass_storage: dict[str, Any]
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    await turn(hass, GUEST_MODE, "on")
    assert shown(hass, GUEST_MODE).state == STATE_ON
    # At once, not with the next save.
    stored = hass_storage[f"{DOMAIN}.{entry.entry_id}.ledger"]["data"]
    assert stored["paused"] is True
    assert await hass.config_entries.async_unload(entry.entry_id)
    server.go_down()
    use_server(hass, server)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert shown(hass, GUEST_MODE).state == STATE_ON
    assert entry.runtime_data.paused
    await turn(hass, GUEST_MODE, "off")
    assert shown(hass, GUEST_MODE).state == STATE_OFF
    stored = hass_storage[f"{DOMAIN}.{entry.entry_id}.ledger"]["data"]
    assert stored["paused"] is False


async def test_in_guest_mode_wishes_are_delivered_and_switches_show_the_truth(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server, subentries=[MOVIE, OTHER_MOVIE])
    await turn(hass, GUEST_MODE, "on")
    await turn(hass, MOVIE_SWITCH, "on")
    await drained(hass, entry)
    assert server.writes == [("m1", MarkWatched())]
    server.set("m2", watched=True, last_played=datetime.now(UTC))
    await look_again(hass, entry)
    assert shown(hass, "switch.contact_1997_watched").state == STATE_ON


async def test_guest_mode_ends_only_after_a_last_look(hass: HomeAssistant) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    await turn(hass, GUEST_MODE, "on")
    server.requests.clear()
    await turn(hass, GUEST_MODE, "off")
    assert "last_played" in [name for name, _ in server.requests]
    assert entry.runtime_data.paused is False


async def test_guest_mode_ends_although_the_last_look_fails(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    await turn(hass, GUEST_MODE, "on")
    server.fail_next = [Refused("not now")]
    await turn(hass, GUEST_MODE, "off")
    assert entry.runtime_data.paused is False


async def test_guest_mode_does_not_wait_long_for_a_slow_server(
    hass: HomeAssistant,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("custom_components.watched_sync.runtime._LAST_LOOK", 0)
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    await turn(hass, GUEST_MODE, "on")
    server.gate.clear()
    caplog.set_level(logging.DEBUG)
    await turn(hass, GUEST_MODE, "off")
    server.gate.set()
    assert "took too long for a last look" in caplog.text
    assert entry.runtime_data.paused is False


async def test_a_late_change_of_guest_mode_does_not_bring_back_a_file(
    hass: HomeAssistant, hass_storage: dict[str, Any]
) -> None:
    entry = await setup_lane(hass)
    runtime = entry.runtime_data
    await hass.config_entries.async_remove(entry.entry_id)
    await runtime.async_pause()
    assert f"{DOMAIN}.{entry.entry_id}.ledger" not in hass_storage
