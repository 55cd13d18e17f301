"""Files that earlier releases left behind, and files of later ones."""

from collections.abc import Mapping
import json
from pathlib import Path
from typing import Any

from homeassistant.config_entries import ConfigEntry, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.json import json_bytes
import pytest

from custom_components.watched_sync.const import (
    DOMAIN,
    ENTRY_MINOR_VERSION,
    TITLE_SWITCH_KEY,
)

from .common import MOVIE, OTHER_MOVIE, MemoryServer, drained, use_server

STORED = sorted((Path(__file__).parent / "stored").glob("*.json"))
ENTRIES = "core.config_entries"


@pytest.fixture(params=STORED, ids=lambda file: file.stem)
def stored(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What one release left behind."""
    content: dict[str, Any] = json.loads(request.param.read_text(encoding="utf-8"))
    return content


async def start(
    hass: HomeAssistant,
    hass_storage: dict[str, Any],
    stored: Mapping[str, Any],
    **changes: Any,
) -> tuple[ConfigEntry[Any], MemoryServer]:
    """Start with the stored files, with *changes* made to the entry."""
    [row] = stored["storage"][ENTRIES]["data"]["entries"]
    row |= changes
    hass_storage |= stored["storage"]
    await hass.config_entries.async_initialize()
    [entry] = hass.config_entries.async_entries(DOMAIN)
    server = MemoryServer()
    server.url = entry.data["url"]
    server.up_next_ids = [MOVIE.item_id]
    use_server(hass, server)
    registry = er.async_get(hass)
    for one in stored["entities"]:
        [subentry_id] = entry.subentries
        registry.async_get_or_create(
            one["domain"],
            DOMAIN,
            one["unique_id"],
            config_entry=entry,
            config_subentry_id=subentry_id if one["subentry"] else None,
            # As if a person had chosen other names.
            suggested_object_id=f"mine_{one['entity_id'].partition('.')[2]}",
        )
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    return entry, server


async def test_everything_an_earlier_release_knew_is_kept(
    hass: HomeAssistant, hass_storage: dict[str, Any], stored: dict[str, Any]
) -> None:
    [before] = stored["storage"][ENTRIES]["data"]["entries"]
    data, options = dict(before["data"]), dict(before["options"])
    entry, server = await start(hass, hass_storage, stored)
    assert entry.state is ConfigEntryState.LOADED
    assert (entry.version, entry.minor_version) == (1, ENTRY_MINOR_VERSION)
    assert entry.data == data
    assert entry.options == options

    # What waited is delivered, what was given up still waits for a person.
    await drained(hass, entry)
    assert [item_id for item_id, _ in server.writes] == [MOVIE.item_id]
    outbox = entry.runtime_data.lane.outbox
    assert [one.item.item_id for one in outbox.rejected] == [OTHER_MOVIE.item_id]
    delivered = [one.operation.item.item_id for one in outbox.history]
    assert sorted(delivered) == ["e1x1", MOVIE.item_id]
    assert set(entry.runtime_data.coordinator.tracked_ids) == {"s1"}


async def test_entities_of_an_earlier_release_keep_the_names_people_gave_them(
    hass: HomeAssistant, hass_storage: dict[str, Any], stored: dict[str, Any]
) -> None:
    entry, _ = await start(hass, hass_storage, stored)
    registry = er.async_get(hass)
    entities = {
        one.unique_id: one.entity_id
        for one in er.async_entries_for_config_entry(registry, entry.entry_id)
    }
    for one in stored["entities"]:
        if TITLE_SWITCH_KEY in one["unique_id"]:
            assert one["unique_id"] not in entities
            continue
        entity_id = entities[one["unique_id"]]
        assert entity_id.partition(".")[2].startswith("mine_")
        assert hass.states.get(entity_id) is not None, entity_id


async def test_a_person_chosen_in_an_earlier_release_is_still_the_one(
    hass: HomeAssistant, hass_storage: dict[str, Any], stored: dict[str, Any]
) -> None:
    playback = {"watched_threshold": 75}
    entry, _ = await start(
        hass,
        hass_storage,
        stored,
        minor_version=2,
        options={"playback": {**playback, "person": "person.ada"}},
    )
    assert entry.options == {"playback": playback, "person": "person.ada"}


async def test_switches_for_single_titles_make_room_for_slots(
    hass: HomeAssistant, hass_storage: dict[str, Any], stored: dict[str, Any]
) -> None:
    """They go from what Home Assistant keeps of deleted entities as well."""
    registry = er.async_get(hass)
    lane = "server-1:user-1"
    unique_ids = {
        "gone": f"{lane}:{TITLE_SWITCH_KEY}m9",
        "other lane": f"server-1:user-2:{TITLE_SWITCH_KEY}m9",
        "tracked once": f"{lane}:m9:watched",
    }
    for unique_id in unique_ids.values():
        once = registry.async_get_or_create("switch", DOMAIN, unique_id)
        registry.async_remove(once.entity_id)
    theirs = registry.async_get_or_create(
        "switch", "another_integration", unique_ids["gone"]
    )
    entry, _ = await start(hass, hass_storage, stored)

    there = er.async_entries_for_config_entry(registry, entry.entry_id)
    count = entry.options["entities"]["up_next_switches"]
    assert sorted(
        one.unique_id.removeprefix(f"{lane}:")
        for one in there
        if one.domain == "switch"
    ) == sorted(
        [
            "last_played",
            "paused",
            "s1:watched",
            *(f"up_next_{number}" for number in range(1, count + 1)),
        ]
    )
    assert {key[2] for key in registry.deleted_entities} == {
        unique_ids["other lane"],
        unique_ids["tracked once"],
    }
    assert registry.async_get(theirs.entity_id) is not None
    first = registry.async_get_entity_id("switch", DOMAIN, f"{lane}:up_next_1")
    assert first is not None
    state = hass.states.get(first)
    assert state is not None
    assert state.attributes["item_id"] == MOVIE.item_id
    # That is also what is written down.
    kept = json.loads(json_bytes(registry._data_to_save()))["deleted_entities"]
    assert len(kept) == len(registry.deleted_entities) == 2


async def test_an_entry_of_a_later_minor_release_loads_and_stays_as_it_is(
    hass: HomeAssistant, hass_storage: dict[str, Any], stored: dict[str, Any]
) -> None:
    [before] = stored["storage"][ENTRIES]["data"]["entries"]
    data = before["data"] | {"of_the_future": 1}
    entry, _ = await start(hass, hass_storage, stored, minor_version=99, data=data)
    assert entry.state is ConfigEntryState.LOADED
    assert entry.minor_version == 99
    assert entry.data == data


async def test_an_entry_of_a_later_major_release_is_not_touched(
    hass: HomeAssistant, hass_storage: dict[str, Any], stored: dict[str, Any]
) -> None:
    outbox = next(key for key in stored["storage"] if key.endswith(".outbox"))
    before = json.dumps(stored["storage"][outbox])
    entry, server = await start(hass, hass_storage, stored, version=2)
    assert entry.state is ConfigEntryState.MIGRATION_ERROR
    assert json.dumps(hass_storage[outbox]) == before
    assert server.requests == []


async def test_an_outbox_of_a_later_major_release_is_not_touched(
    hass: HomeAssistant, hass_storage: dict[str, Any], stored: dict[str, Any]
) -> None:
    outbox = next(key for key in stored["storage"] if key.endswith(".outbox"))
    stored["storage"][outbox]["version"] = 2
    before = json.dumps(stored["storage"][outbox])
    entry, _ = await start(hass, hass_storage, stored)
    assert entry.state is ConfigEntryState.SETUP_ERROR
    assert json.dumps(hass_storage[outbox]) == before
