"""The conditions, each in an automation written in YAML."""

from datetime import timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.automation.const import DOMAIN as AUTOMATION
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.condition import async_get_all_descriptions
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import async_mock_service
import yaml

from custom_components.watched_sync.core.operation import MarkUnwatched, MarkWatched
from custom_components.watched_sync.runtime import Request

from .common import (
    EPISODES,
    MOVIE,
    OTHER_MOVIE,
    SHOW,
    MemoryServer,
    drained,
    mark,
    setup_lane,
)

MOVIE_SWITCH = "switch.arrival_2016_watched"
OTHER_SWITCH = "switch.contact_1997_watched"
SHOW_SWITCH = "switch.severance_watched"
GUEST_MODE = "switch.attic_ada_guest_mode"


class Automation:
    """An automation that asks one condition whenever an event is fired."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Nothing is set up yet."""
        self.hass = hass
        self.calls = async_mock_service(hass, "test", "passed")

    async def set_up(self, condition: str) -> None:
        """Set the automation up with a condition in YAML."""
        config: dict[str, Any] = yaml.safe_load(
            """
            triggers:
              - trigger: event
                event_type: ask
            actions:
              - action: test.passed
            """
        )
        config["conditions"] = [yaml.safe_load(condition)]
        assert await async_setup_component(self.hass, AUTOMATION, {AUTOMATION: config})
        await self.hass.async_block_till_done()
        assert self.hass.states.async_all(AUTOMATION)[0].state == "on"

    async def passes(self) -> bool:
        """Fire the event; return whether the condition let the automation run."""
        before = len(self.calls)
        self.hass.bus.async_fire("ask")
        await self.hass.async_block_till_done()
        return len(self.calls) > before


@pytest.fixture
def automation(hass: HomeAssistant) -> Automation:
    """An automation to be set up with a condition."""
    return Automation(hass)


async def test_is_watched(hass: HomeAssistant, automation: Automation) -> None:
    entry = await setup_lane(hass, subentries=[MOVIE])
    await automation.set_up(
        f"""
        condition: watched_sync.is_watched
        target:
          entity_id: {MOVIE_SWITCH}
        """
    )
    assert not await automation.passes()
    await mark(entry)
    # What is wanted counts, at once.
    assert await automation.passes()
    await drained(hass, entry)
    assert await automation.passes()
    await entry.runtime_data.async_submit([Request(MOVIE, MarkUnwatched())])
    await drained(hass, entry)
    assert not await automation.passes()


@pytest.mark.parametrize(("behavior", "expected"), [("any", True), ("all", False)])
async def test_is_watched_of_several(
    hass: HomeAssistant, automation: Automation, behavior: str, *, expected: bool
) -> None:
    entry = await setup_lane(hass, subentries=[MOVIE, OTHER_MOVIE])
    await automation.set_up(
        f"""
        condition: watched_sync.is_watched
        target:
          entity_id: [{MOVIE_SWITCH}, {OTHER_SWITCH}]
        options:
          behavior: {behavior}
        """
    )
    assert not await automation.passes()
    await mark(entry)
    assert await automation.passes() is expected
    await mark(entry, OTHER_MOVIE)
    assert await automation.passes()


async def test_is_watched_for_a_while(
    hass: HomeAssistant, automation: Automation, freezer: FrozenDateTimeFactory
) -> None:
    entry = await setup_lane(hass, subentries=[MOVIE])
    await automation.set_up(
        f"""
        condition: watched_sync.is_watched
        target:
          entity_id: {MOVIE_SWITCH}
        options:
          for: "01:00:00"
        """
    )
    await mark(entry)
    await drained(hass, entry)
    assert not await automation.passes()
    freezer.tick(timedelta(hours=1, seconds=1))
    assert await automation.passes()


async def test_other_switches_are_not_asked(
    hass: HomeAssistant, automation: Automation
) -> None:
    hass.states.async_set("switch.lamp", "on")
    er.async_get(hass).async_get_or_create(
        "switch", "other", "1", suggested_object_id="other_lamp"
    )
    hass.states.async_set("switch.other_lamp", "on")
    entry = await setup_lane(hass)
    await hass.services.async_call(
        "switch", "turn_on", {"entity_id": GUEST_MODE}, blocking=True
    )
    assert entry.runtime_data.paused
    await automation.set_up(
        f"""
        condition: watched_sync.is_watched
        target:
          entity_id: [switch.lamp, switch.other_lamp, {GUEST_MODE}]
        """
    )
    assert not await automation.passes()


async def test_a_device_stands_for_its_watched_switch(
    hass: HomeAssistant, automation: Automation
) -> None:
    entry = await setup_lane(hass, subentries=[MOVIE])
    registered = er.async_get(hass).async_get(MOVIE_SWITCH)
    assert registered is not None
    assert dr.async_get(hass).async_get(registered.device_id or "") is not None
    await automation.set_up(
        f"""
        condition: watched_sync.is_watched
        target:
          device_id: {registered.device_id}
        """
    )
    assert not await automation.passes()
    await mark(entry)
    assert await automation.passes()


async def test_has_unwatched(hass: HomeAssistant, automation: Automation) -> None:
    server = MemoryServer()
    server.set("e1x1", watched=True)
    entry = await setup_lane(hass, server, subentries=[SHOW])
    await automation.set_up(
        f"""
        condition: watched_sync.has_unwatched
        target:
          entity_id: {SHOW_SWITCH}
        """
    )
    assert await automation.passes()
    await entry.runtime_data.async_submit(
        [Request(one, MarkWatched()) for one in EPISODES[1:]]
    )
    assert not await automation.passes()
    await drained(hass, entry)
    # The special that is left does not count.
    assert not await automation.passes()
    await entry.runtime_data.async_submit([Request(EPISODES[2], MarkUnwatched())])
    assert await automation.passes()


async def test_has_unwatched_asks_shows_only(
    hass: HomeAssistant, automation: Automation
) -> None:
    await setup_lane(hass, subentries=[MOVIE])
    await automation.set_up(
        f"""
        condition: watched_sync.has_unwatched
        target:
          entity_id: {MOVIE_SWITCH}
        """
    )
    assert not await automation.passes()


async def test_has_unwatched_for_a_while(
    hass: HomeAssistant, automation: Automation, freezer: FrozenDateTimeFactory
) -> None:
    entry = await setup_lane(hass, subentries=[SHOW])
    await automation.set_up(
        f"""
        condition: watched_sync.has_unwatched
        target:
          entity_id: {SHOW_SWITCH}
        options:
          for: "24:00:00"
        """
    )
    assert not await automation.passes()
    freezer.tick(timedelta(hours=12))
    # One episode less is no new beginning.
    await mark(entry, EPISODES[1])
    await drained(hass, entry)
    freezer.tick(timedelta(hours=12, minutes=1))
    assert await automation.passes()


async def test_every_condition_is_described(
    hass: HomeAssistant, automation: Automation
) -> None:
    await setup_lane(hass, subentries=[MOVIE])
    await automation.set_up(
        f"""
        condition: watched_sync.is_watched
        target:
          entity_id: {MOVIE_SWITCH}
        """
    )
    described = await async_get_all_descriptions(hass)
    ours = {
        name: (sorted(description or {}), sorted((description or {}).get("fields", {})))
        for name, description in described.items()
        if name.startswith("watched_sync.")
    }
    parts = (["fields", "target"], ["behavior", "for"])
    assert ours == {
        "watched_sync.is_watched": parts,
        "watched_sync.has_unwatched": parts,
    }
