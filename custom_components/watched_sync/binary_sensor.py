"""Whether the server of a lane can be reached."""

from typing import override

from homeassistant.components.binary_sensor import BinarySensorEntity
from homeassistant.components.binary_sensor.const import BinarySensorDeviceClass
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .entity import WatchedSyncEntity
from .runtime import WatchedSyncConfigEntry

# Nothing is read here: the coordinator tells.
PARALLEL_UPDATES = 0


async def async_setup_entry(
    _: HomeAssistant,
    entry: WatchedSyncConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the binary sensor of a lane."""
    async_add_entities([ConnectedBinarySensor(entry.runtime_data, "connected")])


class ConnectedBinarySensor(WatchedSyncEntity, BinarySensorEntity):
    """On while the server answers and accepts the token."""

    _attr_translation_key = "connected"
    _attr_device_class = BinarySensorDeviceClass.CONNECTIVITY
    _attr_entity_category = EntityCategory.DIAGNOSTIC

    @property
    @override
    def is_on(self) -> bool:
        """Whether the lane can deliver."""
        return self.coordinator.data.connected
