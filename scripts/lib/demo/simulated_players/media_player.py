"""The players themselves."""

from collections.abc import Mapping
from typing import Any, Final, override

from homeassistant.components.media_player import (
    MediaPlayerEntity,
    MediaPlayerEntityFeature,
    MediaPlayerState,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.entity_platform import (
    AddEntitiesCallback,
    async_get_current_platform,
)
from homeassistant.helpers.typing import ConfigType, DiscoveryInfoType
from homeassistant.util import dt as dt_util, slugify
import voluptuous as vol

#: What a player may tell of what it plays: attributes that Home Assistant knows.
_TOLD: Final = (
    "media_content_type",
    "media_title",
    "media_series_title",
    "media_season",
    "media_episode",
    "media_duration",
)


async def async_setup_platform(
    _hass: HomeAssistant,
    _config: ConfigType,
    async_add_entities: AddEntitiesCallback,
    discovery_info: DiscoveryInfoType | None = None,
) -> None:
    """Add the players, and the action that makes one play."""
    if discovery_info is None:
        return
    async_add_entities(SimulatedPlayer(name) for name in discovery_info["names"])
    async_get_current_platform().async_register_entity_service(
        "play",
        {
            vol.Required("media"): {vol.In(_TOLD): object},
            vol.Required("position"): cv.positive_float,
        },
        "async_play",
    )


class SimulatedPlayer(MediaPlayerEntity):
    """A player without a picture: time passes in it, and that is all."""

    _attr_should_poll = False
    _attr_supported_features = (
        MediaPlayerEntityFeature.PLAY
        | MediaPlayerEntityFeature.PAUSE
        | MediaPlayerEntityFeature.STOP
        | MediaPlayerEntityFeature.SEEK
    )

    def __init__(self, name: str) -> None:
        """Name it; it plays nothing."""
        self._attr_name = name
        self._attr_unique_id = slugify(name)
        self._attr_state = MediaPlayerState.IDLE
        self._tell({})

    def _tell(self, media: Mapping[str, Any]) -> None:
        for attribute in _TOLD:
            setattr(self, f"_attr_{attribute}", media.get(attribute))

    def _be_at(self, position: float | None) -> None:
        self._attr_media_position = None if position is None else round(position)
        self._attr_media_position_updated_at = (
            None if position is None else dt_util.utcnow()
        )

    def _position(self) -> float:
        """Return where it is now, in seconds."""
        position, since = self.media_position or 0, self.media_position_updated_at
        if self.state != MediaPlayerState.PLAYING or since is None:
            return position
        passed = (dt_util.utcnow() - since).total_seconds()
        return min(position + passed, self.media_duration or 0)

    async def async_play(self, media: Mapping[str, Any], position: float) -> None:
        """Play *media* from *position* seconds on."""
        self._tell(media)
        self._be_at(position)
        self._attr_state = MediaPlayerState.PLAYING
        self.async_write_ha_state()

    @override
    async def async_media_play(self) -> None:
        """Play on."""
        if self.state == MediaPlayerState.PAUSED:
            self._be_at(self._position())
            self._attr_state = MediaPlayerState.PLAYING
            self.async_write_ha_state()

    @override
    async def async_media_pause(self) -> None:
        """Pause."""
        if self.state == MediaPlayerState.PLAYING:
            self._be_at(self._position())
            self._attr_state = MediaPlayerState.PAUSED
            self.async_write_ha_state()

    @override
    async def async_media_seek(self, position: float) -> None:
        """Go to *position* seconds."""
        self._be_at(position)
        self.async_write_ha_state()

    @override
    async def async_media_stop(self) -> None:
        """Stop, and say nothing of what was played: most players do so."""
        self._tell({})
        self._be_at(None)
        self._attr_state = MediaPlayerState.IDLE
        self.async_write_ha_state()
