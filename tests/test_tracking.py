"""What an entry tracks: added and deleted while everything else goes on."""

from collections.abc import Sequence
from types import MappingProxyType

from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import EVENT_STATE_CHANGED, STATE_UNAVAILABLE
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
)

from custom_components.watched_sync import tracking
from custom_components.watched_sync.const import DOMAIN
from custom_components.watched_sync.core.codec import encode_item
from custom_components.watched_sync.core.identity import Item

from .common import MOVIE, SHOW, MemoryServer, setup_lane

FILM, SERIES = "switch.arrival_2016_watched", "sensor.severance_next_episode"


def track(hass: HomeAssistant, entry: MockConfigEntry, item: Item) -> ConfigSubentry:
    """Track one more item, as the dialog does."""
    subentry = ConfigSubentry(
        data=MappingProxyType({"item": encode_item(item)}),
        subentry_type="item",
        title=item.full_title,
        unique_id=item.item_id,
    )
    hass.config_entries.async_add_subentry(entry, subentry)
    return subentry


def device_of(
    hass: HomeAssistant, entry: MockConfigEntry, item: Item
) -> dr.DeviceEntry | None:
    return dr.async_get(hass).async_get_device_by_identifier(
        (DOMAIN, f"{entry.unique_id}:{item.item_id}"), entry.entry_id
    )


def names(
    hass: HomeAssistant, entries: Sequence[MockConfigEntry], item: Item
) -> list[str | None]:
    devices = [device_of(hass, entry, item) for entry in entries]
    return [None if one is None else one.name for one in devices]


# --- while it runs ---------------------------------------------------------


async def test_one_more_tracked_item_costs_the_others_no_moment(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server, subentries=[MOVIE])
    runtime = entry.runtime_data
    changes = async_capture_events(hass, EVENT_STATE_CHANGED)
    track(hass, entry, SHOW)
    await hass.async_block_till_done()
    assert entry.runtime_data is runtime
    assert [one.data["entity_id"] for one in changes if one.data["old_state"]] == []
    new = hass.states.get(SERIES)
    assert new is not None
    # It was read before it was shown.
    assert new.state == "S01E01"
    assert {one.data["entity_id"] for one in changes} == {
        SERIES,
        "sensor.severance_unwatched_episodes",
        "switch.severance_watched",
        "button.severance_mark_next_episode_watched",
    }


async def test_an_item_that_is_deleted_takes_only_itself_along(
    hass: HomeAssistant,
) -> None:
    entry = await setup_lane(hass, subentries=[MOVIE, SHOW])
    runtime = entry.runtime_data
    [of_show] = [one for one in entry.subentries.values() if one.unique_id == "s1"]
    changes = async_capture_events(hass, EVENT_STATE_CHANGED)
    hass.config_entries.async_remove_subentry(entry, of_show.subentry_id)
    await hass.async_block_till_done()
    assert entry.runtime_data is runtime
    assert hass.states.get(SERIES) is None
    assert device_of(hass, entry, SHOW) is None
    assert STATE_UNAVAILABLE not in {
        one.data["new_state"].state for one in changes if one.data["new_state"]
    }
    assert set(runtime.coordinator.tracked_ids) == {MOVIE.item_id}
    assert runtime.coordinator.leaves(SHOW.item_id) == ()

    # Tracked again, it is as it was.
    track(hass, entry, SHOW)
    await hass.async_block_till_done()
    new = hass.states.get(SERIES)
    assert new is not None
    assert new.state == "S01E01"


@pytest.mark.parametrize("trouble", ["away", "slow"])
async def test_an_item_can_be_tracked_whatever_the_server_does(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    monkeypatch.setattr(tracking, "_FIRST_READING", 0.01)
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    if trouble == "away":
        server.go_down()
    else:
        server.gate.clear()
    track(hass, entry, MOVIE)
    await hass.async_block_till_done()
    state = hass.states.get(FILM)
    assert state is not None
    assert state.state != STATE_UNAVAILABLE
    server.come_up()
    server.gate.set()


async def test_an_entry_that_ends_meanwhile_gets_no_entity(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    server.gate.clear()
    track(hass, entry, MOVIE)
    await hass.config_entries.async_unload(entry.entry_id)
    server.gate.set()
    await hass.async_block_till_done()
    assert hass.states.get(FILM) is None


async def test_whatever_else_is_changed_starts_the_entry_anew(
    hass: HomeAssistant,
) -> None:
    entry = await setup_lane(hass, subentries=[MOVIE])
    runtime = entry.runtime_data
    hass.config_entries.async_update_entry(entry, title="Loft (Ada)")
    await hass.async_block_till_done()
    assert entry.runtime_data is not runtime


# --- what the devices are called -------------------------------------------


async def test_devices_of_one_title_name_their_lanes(hass: HomeAssistant) -> None:
    attic = await setup_lane(hass, subentries=[MOVIE, SHOW])
    other = MemoryServer(server_id="server-2", server_name="Cellar", kind="plex")
    cellar = await setup_lane(hass, other)
    both = [attic, cellar]
    assert names(hass, both, MOVIE) == ["Arrival (2016)", None]
    subentry = track(hass, cellar, MOVIE)
    await hass.async_block_till_done()
    assert names(hass, both, MOVIE) == [
        "Arrival (2016) - Attic (Ada)",
        "Arrival (2016) - Cellar (Ada)",
    ]
    assert names(hass, both, SHOW) == ["Severance", None]
    assert hass.states.get("switch.arrival_2016_cellar_ada_watched") is not None

    hass.config_entries.async_remove_subentry(cellar, subentry.subentry_id)
    await hass.async_block_till_done()
    assert names(hass, both, MOVIE) == ["Arrival (2016)", None]


async def test_a_lane_that_is_removed_leaves_plain_names(hass: HomeAssistant) -> None:
    attic = await setup_lane(hass, subentries=[MOVIE])
    other = MemoryServer(server_id="server-2", server_name="Cellar")
    cellar = await setup_lane(hass, other, subentries=[MOVIE])
    [name] = names(hass, [attic], MOVIE)
    assert name == "Arrival (2016) - Attic (Ada)"
    await hass.config_entries.async_remove(cellar.entry_id)
    assert names(hass, [attic], MOVIE) == ["Arrival (2016)"]


async def test_a_device_says_what_it_is_and_whose_product_knows_it(
    hass: HomeAssistant,
) -> None:
    entry = await setup_lane(hass, MemoryServer(kind="plex"), subentries=[MOVIE, SHOW])
    devices = [device_of(hass, entry, item) for item in (MOVIE, SHOW)]
    assert [(one.manufacturer, one.model) for one in devices if one is not None] == [
        ("Plex", "Movie"),
        ("Plex", "Show"),
    ]
