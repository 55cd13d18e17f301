"""System health: every lane in one look, and nobody's name."""

from datetime import datetime
from pathlib import Path
from typing import Any

from homeassistant.config_entries import SOURCE_IGNORE, ConfigEntryDisabler
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    get_system_health_info,
)

from custom_components import watched_sync
from custom_components.watched_sync.const import DOMAIN
from custom_components.watched_sync.core.errors import Refused
from custom_components.watched_sync.core.lane import Phase

from .common import (
    MOVIE,
    OTHER_MOVIE,
    MemoryServer,
    drained,
    lane_entry,
    mark,
    setup_lane,
    until,
)
from .wording import Wording


async def health(hass: HomeAssistant) -> dict[str, Any]:
    assert await async_setup_component(hass, "system_health", {})
    await hass.async_block_till_done()
    info: dict[str, Any] = await get_system_health_info(hass, DOMAIN)
    words = Wording.of(str(Path(watched_sync.__path__[0]))).words
    assert {f"system_health.info.{key}" for key in info} <= words.keys()
    return info


async def test_all_lanes_stand_beside_each_other(hass: HomeAssistant) -> None:
    plex = MemoryServer(kind="plex", server_id="server-2")
    jellyfin = MemoryServer(server_id="server-3")
    never = MemoryServer(kind="emby", server_id="server-4")
    first = await setup_lane(hass, plex)
    plex.item_faults[MOVIE.item_id] = Refused("400")
    await mark(first)
    await mark(first, OTHER_MOVIE)
    await drained(hass, first)
    second = await setup_lane(hass, jellyfin)
    jellyfin.go_down()
    await mark(second)
    runtime = second.runtime_data
    await until(runtime, lambda: runtime.lane.health.phase is Phase.BACKING_OFF)
    never.go_down()
    await setup_lane(hass, never)
    MockConfigEntry(domain=DOMAIN, source=SOURCE_IGNORE).add_to_hass(hass)
    disabled = lane_entry(MemoryServer(server_id="server-5"))
    disabled.disabled_by = ConfigEntryDisabler.USER
    disabled.add_to_hass(hass)

    info = await health(hass)
    last = info.pop("last_synced").split(", ")
    assert info == {
        "servers": "Plex, Jellyfin, Emby",
        "versions": "10.11.0, 10.11.0, -",
        "reachable": "1/3",
        "pending": "0, 1, -",
        "failed": "1, 0, -",
        "inventory": "waiting (0), waiting (0), -",
    }
    assert datetime.fromisoformat(last[0]).tzinfo is not None
    assert last[1:] == ["-", "-"]
    told = str(info)
    assert not any(name in told for name in ("Attic", "Ada", "Arrival", "memory"))
