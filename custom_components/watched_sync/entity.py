"""What all entities have in common: their device, their name, their unique id."""

from typing import Final, override

from homeassistant.auth.permissions.const import POLICY_CONTROL
from homeassistant.core import callback
from homeassistant.helpers.device_registry import DeviceEntryType, DeviceInfo
from homeassistant.helpers.entity import EntityDescription
from homeassistant.helpers.update_coordinator import CoordinatorEntity

from .const import CONF_KIND, DOMAIN, LOGGER, PRODUCTS
from .coordinator import WatchedSyncCoordinator
from .core.identity import Item, MediaKind
from .core.snapshot import ItemView, ShowProgress
from .images import picture_path
from .permissions import async_permit
from .runtime import WatchedSyncRuntime
from .tracking import device_name

#: What the device of a tracked item is.
_MODELS: Final = {MediaKind.MOVIE: "Movie", MediaKind.SHOW: "Show"}


class WatchedSyncEntity(CoordinatorEntity[WatchedSyncCoordinator]):
    """An entity of a lane's device. Available also while the server is not."""

    _attr_has_entity_name = True

    def __init__(self, runtime: WatchedSyncRuntime, key: str) -> None:
        """Join the lane's device; *key* is unique within the lane."""
        super().__init__(runtime.coordinator)
        self.runtime = runtime
        self._attr_unique_id = f"{runtime.lane_id}:{key}"
        self._attr_device_info = DeviceInfo(identifiers={(DOMAIN, runtime.lane_id)})

    @callback
    @override
    def _handle_coordinator_update(self) -> None:
        """Show what is new; what one entity cannot show never costs the others."""
        try:
            self._take_news()
            super()._handle_coordinator_update()
        except Exception:  # noqa: BLE001 - the coordinator goes on with the others
            LOGGER.error("%s cannot show what is new", self.entity_id, exc_info=True)

    async def async_check_caller(self) -> None:
        """Raise Unauthorized if whoever calls an action may not change this lane.

        Home Assistant has asked for the entity; a lane may be somebody else's.
        """
        if (context := self._context) is not None:
            permit = await async_permit(self.hass, context, POLICY_CONTROL)
            permit.check([self.coordinator.config_entry])

    def _take_news(self) -> None:
        """Take over what an entity keeps by itself of the coordinator's data."""


class DescribedEntity(WatchedSyncEntity):
    """An entity of a lane of which a description says all there is to say."""

    def __init__(
        self, runtime: WatchedSyncRuntime, description: EntityDescription
    ) -> None:
        """Take over the description; its key is unique within the lane."""
        super().__init__(runtime, description.key)
        self.entity_description = description


class ItemEntity(WatchedSyncEntity):
    """An entity that stands for one item at a time, or for none at the moment."""

    @property
    @override
    def entity_picture(self) -> str | None:
        """The item's poster, by way of Home Assistant."""
        if self.item is None:
            return None
        entry_id = self.coordinator.config_entry.entry_id
        return picture_path(self.hass, entry_id, self.item)

    @property
    def item(self) -> Item | None:
        """The item this entity stands for at the moment."""
        return self.view.item if self.view else None

    @property
    def view(self) -> ItemView | None:
        """How that item is."""
        raise NotImplementedError

    def item_to_mark(self) -> Item | None:
        """Return the item to mark for somebody who names this entity; None for none.

        Raises ServiceValidationError where that may be another item than was meant.
        """
        return self.item


class TrackedItemEntity(WatchedSyncEntity):
    """An entity of a tracked movie's or show's own device.

    Its unique id is `<server id>:<user id>:<item id>:<key>`.
    """

    def __init__(self, runtime: WatchedSyncRuntime, tracked: Item, key: str) -> None:
        """Join the device of the item that is *tracked*, as it was added."""
        self._tracked = tracked
        super().__init__(runtime, f"{self._tracked.item_id}:{key}")
        self._attr_device_info = DeviceInfo(
            identifiers={(DOMAIN, f"{runtime.lane_id}:{self._tracked.item_id}")},
            name=device_name(
                runtime.hass, runtime.coordinator.config_entry, self._tracked
            ),
            manufacturer=PRODUCTS[runtime.coordinator.config_entry.data[CONF_KIND]],
            model=_MODELS.get(self._tracked.kind),
            entry_type=DeviceEntryType.SERVICE,
            via_device_id=runtime.device_id,
        )

    @property
    def item(self) -> Item:
        """The tracked item as it was last read."""
        return self.view.item if self.view else self._tracked

    @property
    def view(self) -> ItemView | None:
        """How the tracked item is."""
        return self.coordinator.tracked_view(self._tracked.item_id)

    @property
    def progress(self) -> ShowProgress | None:
        """How far the tracked show is, as far as its episodes are known."""
        return self.coordinator.progress(self.item)
