"""The switches: what they show, what turning them asks for, which ones there are."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
import itertools
import logging
from typing import Any

from homeassistant.const import (
    STATE_OFF,
    STATE_ON,
    STATE_UNAVAILABLE,
    STATE_UNKNOWN,
    EntityCategory,
)
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)

from custom_components.watched_sync.const import DOMAIN
from custom_components.watched_sync.core.errors import JournalError, Refused
from custom_components.watched_sync.core.identity import ProviderIds
from custom_components.watched_sync.core.operation import MarkUnwatched, MarkWatched
from custom_components.watched_sync.core.slots import HELD_FOR

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
from .scene import look_at_it, lose_contact, shown

LANE = "server-1:user-1"
LAST_PLAYED = "switch.attic_ada_last_played"
MOVIE_SWITCH = "switch.arrival_2016_watched"
SHOW_SWITCH = "switch.severance_watched"


def slot(number: int) -> str:
    """Return the entity id of the switch for one place of what is up next."""
    return f"switch.attic_ada_up_next_{number}"


def slots(hass: HomeAssistant) -> list[str | None]:
    """Return the ids of the items the slots stand for; None for none."""
    numbers = itertools.count(1)
    states = itertools.takewhile(bool, (hass.states.get(slot(one)) for one in numbers))
    return [one.attributes.get("item_id") for one in states if one]


async def wait(hass: HomeAssistant, entry: MockConfigEntry, seconds: float) -> None:
    """Let time pass, and what waits for it happen."""
    look_at_it(entry, seconds)
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=seconds))
    await hass.async_block_till_done()


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


async def test_switch_shows_the_operation_at_once_while_the_server_is_away(
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


async def test_switch_of_an_item_never_read_is_unknown_and_still_takes_an_operation(
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


async def test_operation_that_cannot_be_written_fails_and_is_not_shown(
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


async def test_last_played_is_unknown_until_something_was_played(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    state = shown(hass, LAST_PLAYED)
    assert state.state == STATE_UNKNOWN
    assert "entity_picture" not in state.attributes
    server.set("e1x1", position=600, last_played=datetime(2026, 10, 1, tzinfo=UTC))
    await look_again(hass, entry)
    state = shown(hass, LAST_PLAYED)
    assert state.state == STATE_OFF
    assert state.name == "Attic (Ada) Last played"
    assert state.attributes["item_id"] == "e1x1"
    assert state.attributes["show"] == "Severance"
    assert (state.attributes["season"], state.attributes["episode"]) == (1, 1)
    assert state.attributes["position"] == 600
    look_at_it(entry)
    await turn(hass, LAST_PLAYED, "on")
    await drained(hass, entry)
    assert server.writes == [("e1x1", MarkWatched())]


async def test_what_stands_for_nothing_cannot_be_turned_on_and_is_off_already(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server, options=up_next(1))
    look_at_it(entry)
    for entity_id in (LAST_PLAYED, slot(1)):
        with pytest.raises(ServiceValidationError) as error:
            await turn(hass, entity_id, "on")
        assert error.value.translation_key == "switch_without_item"
        await turn(hass, entity_id, "off")
    assert len(entry.runtime_data.lane.outbox) == 0


@pytest.mark.parametrize("to", ["on", "off"])
async def test_last_played_that_changed_a_moment_ago_is_not_turned(
    hass: HomeAssistant, to: str
) -> None:
    server = MemoryServer()
    server.set("m1", position=600, last_played=datetime(2026, 10, 1, tzinfo=UTC))
    entry = await setup_lane(hass, server)
    look_at_it(entry)
    server.set("m2", position=600, last_played=datetime(2026, 10, 2, tzinfo=UTC))
    await look_again(hass, entry)
    assert shown(hass, LAST_PLAYED).attributes["item_id"] == "m2"
    with pytest.raises(ServiceValidationError) as error:
        await turn(hass, LAST_PLAYED, to)
    assert error.value.translation_key == "slot_changed"
    assert len(entry.runtime_data.lane.outbox) == 0


# --- up next --------------------------------------------------------------------


async def test_slots_are_named_after_what_is_up_next(hass: HomeAssistant) -> None:
    server = MemoryServer()
    server.up_next_ids = ["e1x1", "m1"]
    entry = await setup_lane(hass, server, options=up_next(3))
    assert slots(hass) == ["e1x1", "m1", None]
    assert [shown(hass, slot(one)).name for one in (1, 2, 3)] == [
        "Attic (Ada) Severance S01E01 Part 1",
        "Attic (Ada) Arrival (2016)",
        "Attic (Ada) Up next 3",
    ]
    states = [shown(hass, slot(one)).state for one in (1, 2, 3)]
    assert states == [STATE_OFF, STATE_OFF, STATE_UNKNOWN]
    pictures = ["entity_picture" in shown(hass, slot(n)).attributes for n in (1, 2, 3)]
    assert pictures == [True, True, False]
    registry = er.async_get(hass)
    registered = registry.async_get(slot(2))
    assert registered is not None
    assert registered.unique_id == f"{LANE}:up_next_2"
    # Where Home Assistant lists the entities of a device, it goes by this name.
    assert registered.original_name == "Arrival (2016)"

    server.up_next_ids = ["m2"]
    await look_again(hass, entry)
    assert slots(hass) == ["m2", None, None]
    assert [shown(hass, slot(one)).name for one in (1, 2, 3)] == [
        "Attic (Ada) Contact (1997)",
        "Attic (Ada) Up next 2",
        "Attic (Ada) Up next 3",
    ]
    registered = registry.async_get(slot(2))
    assert registered is not None
    assert registered.original_name == "Up next 2"


async def test_a_slot_keeps_the_name_that_a_person_gave_it(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    server.up_next_ids = ["m1"]
    entry = await setup_lane(hass, server)
    er.async_get(hass).async_update_entity(slot(1), name="Tonight")
    server.up_next_ids = ["m2"]
    await look_again(hass, entry)
    assert shown(hass, slot(1)).name == "Tonight"
    assert shown(hass, slot(1)).attributes["full_title"] == "Contact (1997)"


@pytest.mark.parametrize(
    ("limit", "expected"), [(0, []), (1, ["m2"]), (4, ["m2", "m1", "e1x1", None])]
)
async def test_options_say_how_many_slots_there_are(
    hass: HomeAssistant, limit: int, expected: list[str | None]
) -> None:
    server = MemoryServer()
    server.up_next_ids = ["m2", "m1", "e1x1"]
    await setup_lane(hass, server, options=up_next(limit))
    assert slots(hass) == expected


async def test_slots_beyond_the_number_chosen_are_removed(hass: HomeAssistant) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server, options=up_next(11))
    registry = er.async_get(hass)
    assert registry.async_get(slot(11)) is not None
    hass.config_entries.async_update_entry(entry, options=up_next(9))
    await hass.async_block_till_done()
    assert [one for one in range(1, 12) if registry.async_get(slot(one))] == [
        *range(1, 10)
    ]
    # The list is none of them, though its id begins alike.
    assert registry.async_get("todo.attic_ada_up_next") is not None


async def test_the_registry_does_not_grow_with_what_is_up_next(
    hass: HomeAssistant,
) -> None:
    films = [
        replace(
            MOVIE, item_id=f"film{n}", title=f"Film {n}", provider_ids=ProviderIds()
        )
        for n in range(30)
    ]
    server = MemoryServer(films)
    entry = await setup_lane(hass, server, options=up_next(2))
    registry = er.async_get(hass)
    before = len(registry.entities)
    for film in films:
        server.up_next_ids = [film.item_id]
        await look_again(hass, entry)
        assert slots(hass) == [film.item_id, None]
    assert (len(registry.entities), dict(registry.deleted_entities)) == (before, {})


async def test_a_press_marks_what_the_slot_has_shown_for_a_while(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    server.up_next_ids = ["m1", "m2"]
    entry = await setup_lane(hass, server)
    look_at_it(entry)
    await turn(hass, slot(2), "on")
    await drained(hass, entry)
    assert server.writes == [("m2", MarkWatched())]
    assert shown(hass, slot(2)).state == STATE_ON


@pytest.mark.parametrize("to", ["on", "off"])
@pytest.mark.parametrize("now", [["m2"], []])
async def test_a_slot_that_changed_a_moment_ago_is_not_turned(
    hass: HomeAssistant, to: str, now: list[str]
) -> None:
    server = MemoryServer()
    server.up_next_ids = ["m1"]
    entry = await setup_lane(hass, server)
    look_at_it(entry)
    server.up_next_ids = now
    await look_again(hass, entry)
    look_at_it(entry, 2.5)
    with pytest.raises(ServiceValidationError) as error:
        await turn(hass, slot(1), to)
    assert error.value.translation_key == "slot_changed"
    assert error.value.translation_placeholders == {"entity_id": slot(1)}
    assert len(entry.runtime_data.lane.outbox) == 0


async def test_a_slot_is_not_turned_in_the_moment_of_a_restart(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    server.up_next_ids = ["m1"]
    await setup_lane(hass, server)
    with pytest.raises(ServiceValidationError) as error:
        await turn(hass, slot(1), "on")
    assert error.value.translation_key == "slot_changed"


async def test_what_was_just_marked_keeps_its_slot_until_it_is_too_late_to_take_back(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    server.up_next_ids = ["e1x1", "m1"]
    entry = await setup_lane(hass, server, options=up_next(3))
    look_at_it(entry)
    await turn(hass, slot(1), "on")
    await drained(hass, entry)
    server.up_next_ids = ["e1x2", "m1"]
    await look_again(hass, entry)
    assert slots(hass) == ["e1x1", "m1", "e1x2"]
    assert shown(hass, slot(1)).state == STATE_ON
    # A slip of the finger: it is taken back at once, and nothing else is touched.
    await turn(hass, slot(1), "off")
    await drained(hass, entry)
    assert server.writes == [("e1x1", MarkWatched()), ("e1x1", MarkUnwatched())]
    assert slots(hass) == ["e1x1", "m1", "e1x2"]
    await wait(hass, entry, HELD_FOR)
    assert slots(hass) == ["e1x2", "m1", None]


async def test_a_slot_shows_how_what_it_holds_becomes(hass: HomeAssistant) -> None:
    server = MemoryServer()
    server.up_next_ids = ["m1"]
    entry = await setup_lane(hass, server)
    look_at_it(entry)
    await turn(hass, slot(1), "on")
    await drained(hass, entry)
    server.up_next_ids = ["m2"]
    await look_again(hass, entry)
    await lose_contact(hass, entry, server)
    await turn(hass, slot(1), "off")
    await hass.async_block_till_done()
    state = shown(hass, slot(1))
    assert (state.state, state.attributes["sync_state"]) == (STATE_OFF, "pending")


async def test_no_timer_outlasts_the_entry(hass: HomeAssistant) -> None:
    server = MemoryServer()
    server.up_next_ids = ["m1"]
    entry = await setup_lane(hass, server)
    look_at_it(entry)
    await turn(hass, slot(1), "on")
    await drained(hass, entry)
    await hass.config_entries.async_unload(entry.entry_id)
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=HELD_FOR))
    await hass.async_block_till_done()
    assert shown(hass, slot(1)).state == STATE_UNAVAILABLE


async def test_slots_show_what_is_known_at_a_start_without_the_server(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    server.up_next_ids = ["m1"]
    entry = await setup_lane(hass, server)
    await hass.config_entries.async_unload(entry.entry_id)
    server.go_down()
    use_server(hass, server)
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert shown(hass, slot(1)).state == STATE_OFF
    look_at_it(entry)
    await turn(hass, slot(1), "on")
    assert shown(hass, slot(1)).state == STATE_ON
    assert [one.item for one in entry.runtime_data.lane.outbox] == [MOVIE]


async def test_switches_are_not_for_assist_unless_somebody_says_so(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    server.up_next_ids = ["m1"]
    entry = await setup_lane(hass, server, subentries=[MOVIE])
    registry = er.async_get(hass)

    def exposed(entity_id: str) -> bool:
        registered = registry.async_get(entity_id)
        assert registered is not None
        return bool(registered.options["conversation"]["should_expose"])

    for entity_id in (slot(1), LAST_PLAYED, MOVIE_SWITCH):
        assert not exposed(entity_id)
    registry.async_update_entity_options(
        MOVIE_SWITCH, "conversation", {"should_expose": True}
    )
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert exposed(MOVIE_SWITCH)


async def test_many_switches_turned_at_once_are_one_or_two_writes_to_disk(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = [episode(1, number) for number in range(1, 21)]
    server = MemoryServer(items=[SHOW, *items])
    server.up_next_ids = [item.item_id for item in items]
    entry = await setup_lane(hass, server, options=up_next(20))
    await lose_contact(hass, entry, server)
    look_at_it(entry)
    journal = entry.runtime_data.lane._journal
    saves = []
    original = journal.save

    async def save() -> None:
        saves.append(1)
        await original()

    monkeypatch.setattr(journal, "save", save)
    entity_ids = [slot(number) for number in range(1, 21)]
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


async def test_in_guest_mode_operations_are_delivered_and_switches_show_the_truth(
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
