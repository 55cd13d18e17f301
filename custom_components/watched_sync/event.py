"""The event entity of a lane: what happens on it, as history and for automations."""

from typing import override

from homeassistant.components.event import EventEntity
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .activity import LaneActivity, async_listen_in_brief
from .core.activity import ActivityKind
from .entity import WatchedSyncEntity
from .runtime import WatchedSyncConfigEntry

# Nothing is read here: the lane tells.
PARALLEL_UPDATES = 0


async def async_setup_entry(
    _: HomeAssistant,
    entry: WatchedSyncConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the event entity of a lane."""
    async_add_entities([ActivityEvent(entry.runtime_data, "activity")])


class ActivityEvent(WatchedSyncEntity, EventEntity):
    """Fires for whatever happens on a lane; its attributes say what and to what.

    That everything is delivered is news only where something had to wait.
    """

    _attr_translation_key = "activity"
    _attr_event_types = [what.value for what in ActivityKind]  # noqa: RUF012 - Home Assistant's own declaration
    _unrecorded_attributes = frozenset({"item_id", "operation_id", "batch_id"})
    _something_waited = False

    @override
    async def async_added_to_hass(self) -> None:
        """Listen from now on."""
        await super().async_added_to_hass()
        self._take_news()
        self.async_on_remove(async_listen_in_brief(self.hass, self._happened))

    @override
    def _take_news(self) -> None:
        self._something_waited |= self.coordinator.data.waits

    @callback
    def _happened(self, happened: LaneActivity) -> None:
        if happened.entry_id != self.coordinator.config_entry.entry_id:
            return
        if happened.activity.what is ActivityKind.QUEUE_DRAINED:
            waited, self._something_waited = self._something_waited, False
            if not waited:
                return
        self._trigger_event(happened.activity.what, happened.attributes)
        self.async_write_ha_state()
