"""System health: how every lane is, in one look; no names, titles or addresses.

The values of all lanes stand beside each other, in the order of the first line.
"""

from collections.abc import Callable
from typing import Any, Final

from homeassistant.components.system_health import SystemHealthRegistration
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, callback

from .const import CONF_KIND, DOMAIN, PRODUCTS
from .runtime import WatchedSyncConfigEntry, WatchedSyncRuntime

#: What stands for a lane that has nothing to say.
_NOTHING: Final = "-"


@callback
def async_register(
    _: HomeAssistant,
    register: SystemHealthRegistration,
) -> None:
    """Tell Home Assistant where to ask."""
    register.async_register_info(
        async_system_health_info, f"/config/integrations/integration/{DOMAIN}"
    )


async def async_system_health_info(hass: HomeAssistant) -> dict[str, Any]:
    """Return what every lane is, has to do, and did last."""
    entries: list[WatchedSyncConfigEntry] = hass.config_entries.async_entries(
        DOMAIN, include_ignore=False, include_disabled=False
    )

    def each(tell: Callable[[WatchedSyncRuntime], object]) -> str:
        return ", ".join(
            str(tell(entry.runtime_data) or _NOTHING)
            if entry.state is ConfigEntryState.LOADED
            else _NOTHING
            for entry in entries
        )

    loaded = [
        entry.runtime_data
        for entry in entries
        if entry.state is ConfigEntryState.LOADED
    ]
    reachable = sum(runtime.coordinator.data.connected for runtime in loaded)
    return {
        "servers": ", ".join(PRODUCTS[entry.data[CONF_KIND]] for entry in entries),
        "versions": each(lambda runtime: runtime.info.version),
        "reachable": f"{reachable}/{len(entries)}",
        "pending": each(lambda runtime: str(runtime.coordinator.data.pending)),
        "failed": each(lambda runtime: str(runtime.coordinator.data.failed)),
        "last_synced": each(_last_synced),
        "inventory": each(_inventory),
    }


def _last_synced(runtime: WatchedSyncRuntime) -> str | None:
    last = runtime.coordinator.data.last_synced
    return last.isoformat(timespec="seconds") if last else None


def _inventory(runtime: WatchedSyncRuntime) -> str:
    status = runtime.inventory.status
    return f"{status.stage.value} ({status.total})"
