"""Options, read by everybody the same way."""

from datetime import timedelta

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
import pytest

from custom_components.watched_sync.core.reconcile import Policy
from custom_components.watched_sync.preferences import (
    Preferences,
    person_of,
    preferences,
)

from .common import MemoryServer, lane_entry, setup_lane


def test_what_was_never_chosen_has_its_default() -> None:
    chosen = preferences(lane_entry(MemoryServer()))
    assert chosen == Preferences(
        up_next_switches=10,
        libraries=frozenset(),
        watched_threshold=90,
        mirror_to=(),
        conflict_policy=Policy.NEWEST,
        max_retry_age=timedelta(days=30),
    )


def test_every_option_is_read_from_its_section() -> None:
    chosen = preferences(
        lane_entry(
            MemoryServer(),
            options={
                "entities": {"up_next_switches": 3, "libraries": ["films"]},
                "playback": {"watched_threshold": 75},
                "mirror": {"mirror_to": ["other"]},
                "delivery": {"conflict_policy": "furthest", "max_retry_age": 7},
            },
        )
    )
    assert chosen == Preferences(
        up_next_switches=3,
        libraries=frozenset({"films"}),
        watched_threshold=75,
        mirror_to=("other",),
        conflict_policy=Policy.FURTHEST,
        max_retry_age=timedelta(days=7),
    )


@pytest.mark.parametrize("person", ["person.ada", "somebody_else", "shared"])
def test_whose_a_lane_is_was_said(person: str) -> None:
    assert person_of(lane_entry(MemoryServer(), options={"person": person})) == person


def test_a_lane_of_which_nobody_has_said_whose_it_is_is_shared() -> None:
    assert person_of(lane_entry(MemoryServer())) == "shared"


async def test_a_lane_stays_a_persons_whose_entity_gets_another_id(
    hass: HomeAssistant,
) -> None:
    registry = er.async_get(hass)
    ada = registry.async_get_or_create("person", "person", "1", suggested_object_id="a")
    entry = await setup_lane(hass, options={"person": ada.entity_id})
    registry.async_update_entity(ada.entity_id, name="Ada")
    await hass.async_block_till_done()
    assert person_of(entry) == "person.a"
    registry.async_update_entity(ada.entity_id, new_entity_id="person.ada")
    await hass.async_block_till_done()
    assert person_of(entry) == "person.ada"
    # Also the next time, and without anybody to take their place.
    registry.async_update_entity("person.ada", new_entity_id="person.lovelace")
    await hass.async_block_till_done()
    registry.async_remove("person.lovelace")
    await hass.async_block_till_done()
    assert person_of(entry) == "person.lovelace"
    assert entry.state is ConfigEntryState.LOADED
