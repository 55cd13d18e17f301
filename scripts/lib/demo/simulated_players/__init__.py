"""Media players that play what they are told to, by an action of this integration.

It is linked into the demo's Home Assistant and set up by its configuration.yaml:
`simulated_players:` with the names of the players, each of which becomes an entity.
"""

from typing import Final

from homeassistant.core import HomeAssistant
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.discovery import async_load_platform
from homeassistant.helpers.typing import ConfigType
import voluptuous as vol

DOMAIN: Final = "simulated_players"
CONFIG_SCHEMA: Final = vol.Schema(
    {DOMAIN: vol.All(cv.ensure_list, [cv.string])}, extra=vol.ALLOW_EXTRA
)


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Set up the players that the configuration names."""
    hass.async_create_task(
        async_load_platform(
            hass, "media_player", DOMAIN, {"names": config[DOMAIN]}, config
        )
    )
    return True
