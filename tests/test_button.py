"""The buttons: deliver now, try again, take the last change back, mark the next."""

from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import entity_registry as er
import pytest

from custom_components.watched_sync.core.errors import JournalError, Refused
from custom_components.watched_sync.core.lane import Phase
from custom_components.watched_sync.core.operation import MarkWatched
from custom_components.watched_sync.runtime import Request

from .common import MOVIE, OTHER_MOVIE, SHOW, MemoryServer, drained, setup_lane, until

SYNC_NOW = "button.attic_ada_sync_now"
READ_LIBRARY = "button.attic_ada_read_the_library_again"
RETRY_FAILED = "button.attic_ada_retry_failed_changes"
UNDO_LAST = "button.attic_ada_undo_last_change"
MARK_NEXT = "button.severance_mark_next_episode_watched"


async def press(hass: HomeAssistant, entity_id: str) -> None:
    """Press a button that must be there."""
    assert hass.states.get(entity_id), sorted(hass.states.async_entity_ids())
    await hass.services.async_call(
        "button", "press", {"entity_id": entity_id}, blocking=True
    )


async def test_sync_now_does_not_wait_for_the_backoff(hass: HomeAssistant) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    runtime = entry.runtime_data
    server.go_down()
    runtime.relay.nudge()
    await until(runtime, lambda: runtime.lane.health.phase is Phase.BACKING_OFF)
    await runtime.async_submit([Request(MOVIE, MarkWatched())])
    server.come_up()
    await press(hass, SYNC_NOW)
    await drained(hass, entry)
    assert server.writes == [("m1", MarkWatched())]


async def test_the_library_is_read_again_where_somebody_wants_it(
    hass: HomeAssistant,
) -> None:
    entry = await setup_lane(hass)
    assert not entry.runtime_data.inventory._is_asked_for
    await press(hass, READ_LIBRARY)
    assert entry.runtime_data.inventory._is_asked_for


async def test_retry_failed_queues_again_what_was_given_up(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    server.item_faults["m1"] = Refused("no")
    entry = await setup_lane(hass, server)
    await entry.runtime_data.async_submit([Request(MOVIE, MarkWatched())])
    await drained(hass, entry)
    assert len(entry.runtime_data.lane.outbox.rejected) == 1
    server.item_faults.clear()
    await press(hass, RETRY_FAILED)
    await drained(hass, entry)
    assert server.writes == [("m1", MarkWatched())]
    assert not entry.runtime_data.lane.outbox.rejected


async def test_retry_that_cannot_be_written_fails_in_words(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = MemoryServer()
    server.item_faults["m1"] = Refused("no")
    entry = await setup_lane(hass, server)
    await entry.runtime_data.async_submit([Request(MOVIE, MarkWatched())])
    await drained(hass, entry)

    async def fail() -> None:
        raise JournalError

    monkeypatch.setattr(entry.runtime_data.lane._journal, "save", fail)
    with pytest.raises(HomeAssistantError) as error:
        await press(hass, RETRY_FAILED)
    assert error.value.translation_key == "outbox_write_failed"
    assert len(entry.runtime_data.lane.outbox.rejected) == 1


async def test_mark_next_marks_one_episode_after_the_other(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    server.set("e1x1", watched=True)
    entry = await setup_lane(hass, server, subentries=[SHOW])
    await press(hass, MARK_NEXT)
    await drained(hass, entry)
    await press(hass, MARK_NEXT)
    await drained(hass, entry)
    assert [item_id for item_id, _ in server.writes] == ["e1x2", "e2x1"]


async def test_mark_next_without_a_next_episode_is_an_error(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    for item_id in ("e1x1", "e1x2", "e2x1", "e2x2"):
        server.set(item_id, watched=True)
    entry = await setup_lane(hass, server, subentries=[SHOW])
    with pytest.raises(ServiceValidationError) as error:
        await press(hass, MARK_NEXT)
    assert error.value.translation_key == "no_next_episode"
    assert error.value.translation_placeholders == {"name": "Severance"}
    assert len(entry.runtime_data.lane.outbox) == 0


async def test_tracked_movie_has_no_button(hass: HomeAssistant) -> None:
    await setup_lane(hass, subentries=[MOVIE])
    assert sorted(hass.states.async_entity_ids("button")) == sorted(
        [SYNC_NOW, RETRY_FAILED, UNDO_LAST, READ_LIBRARY]
    )


async def test_undo_last_goes_back_one_press_at_a_time(hass: HomeAssistant) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    for item in (MOVIE, OTHER_MOVIE):
        await entry.runtime_data.async_submit([Request(item, MarkWatched())])
        await drained(hass, entry)
    await press(hass, UNDO_LAST)
    await drained(hass, entry)
    assert (server.states["m1"].watched, server.states["m2"].watched) == (True, False)
    await press(hass, UNDO_LAST)
    await drained(hass, entry)
    assert server.states["m1"].watched is False
    with pytest.raises(ServiceValidationError) as error:
        await press(hass, UNDO_LAST)
    assert error.value.translation_key == "nothing_to_undo"


async def test_undo_last_of_one_lane_leaves_another_lanes_changes_alone(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    other = MemoryServer(server_id="server-2", server_name="Cellar", user_id="user-2")
    other_entry = await setup_lane(hass, other)
    await entry.runtime_data.async_submit([Request(MOVIE, MarkWatched())])
    await drained(hass, entry)
    await other_entry.runtime_data.async_submit([Request(MOVIE, MarkWatched())])
    await drained(hass, other_entry)
    await press(hass, UNDO_LAST)
    await drained(hass, entry)
    assert (server.states["m1"].watched, other.states["m1"].watched) == (False, True)


async def test_undo_last_says_so_if_it_was_changed_since(hass: HomeAssistant) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    await entry.runtime_data.async_submit([Request(MOVIE, MarkWatched())])
    await drained(hass, entry)
    server.set("m1", watched=False, position=300.0)
    entry.runtime_data.lane.remember([server.reading("m1")])
    with pytest.raises(ServiceValidationError) as error:
        await press(hass, UNDO_LAST)
    assert error.value.translation_key == "nothing_left_to_undo"


async def test_undo_last_is_for_everyday_use(hass: HomeAssistant) -> None:
    await setup_lane(hass)
    registered = er.async_get(hass).async_get(UNDO_LAST)
    assert registered is not None
    assert registered.entity_category is None


@pytest.mark.parametrize("entity_id", [SYNC_NOW, RETRY_FAILED])
async def test_buttons_of_the_queue_are_configuration(
    hass: HomeAssistant, entity_id: str
) -> None:
    await setup_lane(hass)
    registered = er.async_get(hass).async_get(entity_id)
    assert registered is not None
    assert registered.entity_category is EntityCategory.CONFIG
