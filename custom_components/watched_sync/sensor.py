"""Sensors: how a lane's queue is, and how far a tracked show is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, override

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
)
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .core.codec import encode_change
from .core.identity import Item, MediaKind
from .core.operation import Operation
from .core.snapshot import SyncSnapshot, SyncStatus
from .entity import (
    DescribedEntity,
    TrackedItemEntity,
    WatchedSyncEntity,
)
from .levelling.carrying_out import async_listen_progress, levellings
from .runtime import WatchedSyncConfigEntry

# Nothing is read here: the coordinator tells.
PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class LaneSensorDescription(SensorEntityDescription):
    """A sensor of a lane, and where its value is in the snapshot."""

    value: Callable[[SyncSnapshot], str | int | datetime | None]


LANE_SENSORS = (
    LaneSensorDescription(
        key="pending",
        translation_key="pending",
        entity_category=EntityCategory.DIAGNOSTIC,
        value=lambda snapshot: snapshot.pending if snapshot.waits else 0,
    ),
    LaneSensorDescription(
        key="failed",
        translation_key="failed",
        entity_category=EntityCategory.DIAGNOSTIC,
        value=lambda snapshot: snapshot.failed,
    ),
    LaneSensorDescription(
        key="last_synced",
        translation_key="last_synced",
        entity_category=EntityCategory.DIAGNOSTIC,
        device_class=SensorDeviceClass.TIMESTAMP,
        value=lambda snapshot: snapshot.last_synced,
    ),
)


async def async_setup_entry(
    _: HomeAssistant,
    entry: WatchedSyncConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the sensors of a lane and of the shows it tracks."""
    runtime = entry.runtime_data
    async_add_entities(
        [
            SyncStatusSensor(runtime, "sync_status"),
            ItemsKnownSensor(runtime, "items_known"),
            *(LaneSensor(runtime, description) for description in LANE_SENSORS),
        ]
    )

    def of_tracked(item: Item) -> list[ShowSensor]:
        if item.kind is not MediaKind.SHOW:
            return []
        return [
            UnwatchedEpisodesSensor(runtime, item, "unwatched_episodes"),
            NextEpisodeSensor(runtime, item, "next_episode"),
        ]

    runtime.tracked.async_join(async_add_entities, of_tracked)


class LaneSensor(DescribedEntity, SensorEntity):
    """One value of the snapshot."""

    entity_description: LaneSensorDescription

    @property
    @override
    def native_value(self) -> str | int | datetime | None:
        """The value now."""
        return self.entity_description.value(self.coordinator.data)


class SyncStatusSensor(WatchedSyncEntity, SensorEntity):
    """How the lane is in one word, with the queue in short."""

    _attr_translation_key = "sync_status"
    _attr_device_class = SensorDeviceClass.ENUM
    _attr_entity_category = EntityCategory.DIAGNOSTIC
    _attr_options = [status.value for status in SyncStatus]  # noqa: RUF012 - Home Assistant's own declaration
    _unrecorded_attributes = frozenset({"queue", "oldest", "levelling"})

    @override
    async def async_added_to_hass(self) -> None:
        """Follow what brings the lane level."""
        await super().async_added_to_hass()
        self.async_on_remove(async_listen_progress(self.hass, self._got_on))

    @callback
    def _got_on(self, entry_id: str) -> None:
        if entry_id == self.coordinator.config_entry.entry_id:
            self.async_write_ha_state()

    @property
    @override
    def native_value(self) -> str:
        """The status now."""
        return self.coordinator.data.status.value

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any]:
        """The numbers behind it, and up to 20 rows of the queue.

        Nothing that changes while things only wait: each change is a row in the
        history.
        """
        snapshot = self.coordinator.data
        waiting = snapshot.queue if snapshot.waits else ()
        return {
            "pending": snapshot.pending if snapshot.waits else 0,
            "failed": snapshot.failed,
            "oldest": snapshot.oldest if snapshot.waits else None,
            "last_error": snapshot.last_error,
            "reads_failing_since": snapshot.reads_failing_since,
            "levelling": self._levelling,
            "queue": [
                *(_short(operation, "queued") for operation in waiting),
                *(_short(operation, "failed") for operation in snapshot.given_up),
            ],
        }

    @property
    def _levelling(self) -> dict[str, str | int] | None:
        """How far a levelling is that writes to this lane, None if there is none."""
        entry_id = self.coordinator.config_entry.entry_id
        for levelling in levellings(self.hass).under_way(entry_id):
            part = levelling.parts[entry_id]
            tally = part.tally
            return {
                "batch_id": levelling.batch_id,
                "state": part.state.value,
                "done": tally["total"] - tally["left"],
                "total": tally["total"],
            }
        return None


class ItemsKnownSensor(WatchedSyncEntity, SensorEntity):
    """How many films, shows and episodes of the libraries are known."""

    _attr_translation_key = "items_known"
    _attr_entity_category = EntityCategory.DIAGNOSTIC
    _attr_entity_registry_enabled_default = False
    _unrecorded_attributes = frozenset({"percent"})

    @override
    async def async_added_to_hass(self) -> None:
        """Follow the inventory."""
        await super().async_added_to_hass()
        self.async_on_remove(
            self.runtime.inventory.add_listener(self.async_write_ha_state)
        )

    @property
    @override
    def native_value(self) -> int:
        """The number now."""
        return self.runtime.inventory.status.total

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any]:
        """How the inventory is, how far a reading of everything is, and of what."""
        status = self.runtime.inventory.status
        return {
            "inventory": status.stage.value,
            "percent": status.percent,
            "movies": status.items.get(MediaKind.MOVIE, 0),
            "shows": status.items.get(MediaKind.SHOW, 0),
            "episodes": status.items.get(MediaKind.EPISODE, 0),
        }


def _short(operation: Operation, status: str) -> dict[str, str | None]:
    return {
        "title": operation.item.full_title,
        "change": encode_change(operation.change)["type"],
        "status": status,
        "last_error": operation.last_error,
    }


class ShowSensor(TrackedItemEntity, SensorEntity):
    """Something about how far a tracked show is; unknown until it was read."""


class UnwatchedEpisodesSensor(ShowSensor):
    """How many aired episodes are left to watch, without the specials."""

    _attr_translation_key = "unwatched_episodes"

    @property
    @override
    def native_value(self) -> int | None:
        """The number now."""
        return self.progress.unwatched if self.progress else None


class NextEpisodeSensor(ShowSensor):
    """The next episode to watch, such as `S02E05`."""

    _attr_translation_key = "next_episode"

    @property
    def episode(self) -> Item | None:
        """The next episode; None if none is left, or none is known."""
        if self.progress is None or self.progress.next_episode is None:
            return None
        return self.progress.next_episode.item

    @property
    @override
    def native_value(self) -> str | None:
        """Its number, or its title where it has none."""
        if (episode := self.episode) is None:
            return None
        return episode.number or episode.title

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any]:
        """What it is called and when it was first aired."""
        if (episode := self.episode) is None:
            return {}
        return {
            "title": episode.title,
            "item_id": episode.item_id,
            "aired": episode.aired,
        }
