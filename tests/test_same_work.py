"""Ids that are another film's by now: switches and pictures stay with their films."""

from dataclasses import replace
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.watched_sync.const import DOMAIN
from custom_components.watched_sync.core.identity import Item
from custom_components.watched_sync.images import picture_path

from .common import (
    EPISODES,
    MOVIE,
    OTHER_MOVIE,
    SHOW,
    MemoryServer,
    drained,
    setup_lane,
)
from .scene import look_at_it


def swap(server: MemoryServer) -> None:
    """Have the server come back from a database in which two films swap their ids."""
    one, other = MOVIE.item_id, OTHER_MOVIE.item_id
    items, states = server.items, server.states
    items[one], items[other] = (
        replace(items[other], item_id=one),
        replace(items[one], item_id=other),
    )
    states[one], states[other] = states[other], states[one]


def by_title(server: MemoryServer) -> dict[str, bool | None]:
    return {
        item.title: server.states[item_id].watched
        for item_id, item in server.items.items()
        if item.title in (MOVIE.title, OTHER_MOVIE.title)
    }


def switch_of(hass: HomeAssistant, entry: MockConfigEntry, item: Item) -> str:
    entity_id = er.async_get(hass).async_get_entity_id(
        "switch", DOMAIN, f"{entry.unique_id}:{item.item_id}:watched"
    )
    assert entity_id is not None
    return entity_id


def told(hass: HomeAssistant, entity_id: str) -> tuple[str, str | None, str | None]:
    state = hass.states.get(entity_id)
    assert state is not None
    attributes = state.attributes
    return state.state, attributes.get("title"), attributes.get("last_error")


async def test_a_tracked_film_is_found_under_the_id_it_has_now(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server, subentries=[MOVIE])
    switch = switch_of(hass, entry, MOVIE)
    server.states[MOVIE.item_id] = replace(
        server.states[MOVIE.item_id], watched=True, play_count=1
    )
    coordinator = entry.runtime_data.coordinator
    await coordinator.catch_up()
    assert told(hass, switch) == ("on", MOVIE.title, None)
    swap(server)
    await coordinator.catch_up()
    assert told(hass, switch) == ("on", MOVIE.title, None)
    await hass.services.async_call(
        "switch", "turn_off", {"entity_id": switch}, blocking=True
    )
    await drained(hass, entry)
    assert by_title(server) == {MOVIE.title: False, OTHER_MOVIE.title: False}
    assert told(hass, switch) == ("off", MOVIE.title, None)
    # Also after a restart, from what is known alone.
    assert await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert told(hass, switch) == ("off", MOVIE.title, None)


async def test_a_tracked_film_that_is_not_found_is_nothing_else(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server, subentries=[MOVIE])
    switch = switch_of(hass, entry, MOVIE)
    coordinator = entry.runtime_data.coordinator
    swap(server)
    lost = server.items.pop(OTHER_MOVIE.item_id)
    await coordinator.catch_up()
    await coordinator.async_refresh()
    assert told(hass, switch) == ("unknown", MOVIE.title, "missing")
    await hass.services.async_call(
        "switch", "turn_on", {"entity_id": switch}, blocking=True
    )
    await hass.async_block_till_done()
    assert server.writes == []
    assert told(hass, switch) == ("on", MOVIE.title, "missing")
    server.items[OTHER_MOVIE.item_id] = lost
    await coordinator.catch_up()
    await entry.runtime_data.lane.retry(
        [one.operation_id for one in entry.runtime_data.lane.outbox]
    )
    await drained(hass, entry)
    assert by_title(server) == {MOVIE.title: True, OTHER_MOVIE.title: False}
    assert told(hass, switch) == ("on", MOVIE.title, None)


async def test_an_address_of_a_picture_is_another_works_no_more(
    hass: HomeAssistant,
) -> None:
    entry = await setup_lane(hass)
    ours = picture_path(hass, entry.entry_id, MOVIE)
    theirs = picture_path(
        hass, entry.entry_id, replace(OTHER_MOVIE, item_id=MOVIE.item_id)
    )
    assert ours != theirs


async def test_a_switch_of_what_is_up_next_goes_with_its_film(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer([MOVIE, OTHER_MOVIE, SHOW, *EPISODES])
    server.up_next_ids = [MOVIE.item_id]
    entry = await setup_lane(hass, server)
    coordinator = entry.runtime_data.coordinator
    switch = "switch.attic_ada_up_next_1"
    look_at_it(entry)
    assert told(hass, switch)[1] == MOVIE.title
    swap(server)
    await coordinator.catch_up()
    await hass.async_block_till_done()
    # The id is on the list, and another film's by now.
    with pytest.raises(ServiceValidationError) as error:
        await hass.services.async_call(
            "switch", "turn_on", {"entity_id": switch}, blocking=True
        )
    assert error.value.translation_key == "slot_changed"
    server.up_next_ids = [OTHER_MOVIE.item_id]
    await coordinator.catch_up()
    await hass.async_block_till_done()
    assert coordinator.data.up_next == (OTHER_MOVIE.item_id,)
    assert told(hass, switch)[1] == MOVIE.title


async def test_what_was_ticked_off_is_not_listed_as_another_film(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    server.up_next_ids = [MOVIE.item_id]
    server.set(OTHER_MOVIE.item_id, watched=True)
    entry = await setup_lane(hass, server, subentries=[OTHER_MOVIE])
    todo = {"entity_id": "todo.attic_ada_up_next"}

    async def listed() -> list[str]:
        answer = await hass.services.async_call(
            "todo", "get_items", todo, blocking=True, return_response=True
        )
        rows: Any = (answer or {})[todo["entity_id"]]
        return [row["summary"] for row in rows["items"]]

    await hass.services.async_call(
        "todo",
        "update_item",
        {**todo, "item": MOVIE.item_id, "status": "completed"},
        blocking=True,
    )
    await drained(hass, entry)
    server.up_next_ids = []
    await entry.runtime_data.coordinator.async_refresh()
    assert [MOVIE.title in one for one in await listed()] == [True]
    swap(server)
    await entry.runtime_data.coordinator.catch_up()
    await hass.async_block_till_done()
    assert not any(OTHER_MOVIE.title in one for one in await listed())
