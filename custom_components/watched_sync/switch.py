"""Switches that are on when something is watched, and the one for guest mode.

A switch shows what is wanted, at once; its attributes tell what the server says and
how far the change has come. It works while the server is away: taking the request is
the point of the queue.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, override

from homeassistant.components.switch import SwitchEntity
from homeassistant.const import EntityCategory, Platform
from homeassistant.core import CALLBACK_TYPE, HassJob, HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.event import async_call_later

from .actions.batches import async_submit_together
from .activity import describe
from .const import DOMAIN, TITLE_SWITCH_KEY, UP_NEXT_KEY
from .core.identity import Item
from .core.operation import Change, MarkUnwatched, MarkWatched
from .core.play_state import PlayState
from .core.slots import Slot, Slots
from .core.snapshot import ItemView
from .entity import ItemEntity, TrackedItemEntity, WatchedSyncEntity
from .failures import invalid
from .preferences import preferences
from .runtime import Request, WatchedSyncConfigEntry, WatchedSyncRuntime

# Turning a switch only puts something into the queue.
PARALLEL_UPDATES = 0

#: How the entity registry names Assist, among what an entity can be exposed to.
_ASSIST: Final = "conversation"
_EXPOSED: Final = "should_expose"


async def async_setup_entry(
    hass: HomeAssistant,
    entry: WatchedSyncConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the switches of a lane and of the items it tracks."""
    runtime = entry.runtime_data
    up_next = UpNextSlots(hass, entry)
    _remove_others(hass, runtime.lane_id, len(up_next.slots))
    async_add_entities(
        [
            LastPlayedSwitch(runtime, "last_played"),
            PausedSwitch(runtime, "paused"),
            *(
                UpNextSwitch(runtime, number, slot)
                for number, slot in enumerate(up_next.slots, 1)
            ),
        ]
    )
    runtime.tracked.async_join(
        async_add_entities, lambda item: [TrackedItemSwitch(runtime, item, "watched")]
    )


def _remove_others(hass: HomeAssistant, lane_id: str, count: int) -> None:
    """Remove switches of a lane that are none any more.

    Those are slots beyond *count*, and the switches that earlier releases had for each
    title: Home Assistant would keep what it knew of every one of them for good.
    """
    registry = er.async_get(hass)
    of_titles = f"{lane_id}:{TITLE_SWITCH_KEY}"
    slots = f"{lane_id}:{UP_NEXT_KEY}"
    for entity in list(registry.entities.values()):
        if (entity.domain, entity.platform) != (Platform.SWITCH, DOMAIN):
            continue
        number = entity.unique_id.removeprefix(slots)
        is_gone = number != entity.unique_id and int(number) > count
        if is_gone or entity.unique_id.startswith(of_titles):
            registry.async_remove(entity.entity_id)
    deleted = [
        key
        for key in registry.deleted_entities
        if key[:2] == (Platform.SWITCH, DOMAIN) and key[2].startswith(of_titles)
    ]
    for key in deleted:
        del registry.deleted_entities[key]
    if deleted:
        registry.async_schedule_save()


class WatchedSwitch(ItemEntity, SwitchEntity):
    """On when an item is watched, or will be once everything is delivered."""

    _unrecorded_attributes = frozenset(
        {
            "position",
            "entity_picture",
            "title",
            "full_title",
            "show",
            "year",
            "item_id",
            "imdb",
            "tmdb",
            "tvdb",
            "external_id",
            "show_external_id",
        }
    )

    @override
    async def async_added_to_hass(self) -> None:
        """Stay out of what Assist may turn, unless a person has chosen otherwise.

        "Turn on" followed by a title would mark it without any of the questions that
        our own sentences ask.
        """
        await super().async_added_to_hass()
        if self.registry_entry is None:
            return
        options: Mapping[str, Any] = self.registry_entry.options.get(_ASSIST, {})
        if _EXPOSED not in options:
            er.async_get(self.hass).async_update_entity_options(
                self.entity_id, _ASSIST, {**options, _EXPOSED: False}
            )

    @property
    @override
    def is_on(self) -> bool | None:
        """Whether it is wanted watched; None while that is not known."""
        return self.view.desired.watched if self.view else None

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any]:
        """What the server says, how far the change is, and what the item is."""
        if (view := self.view) is None:
            return {}
        attributes: dict[str, Any] = {
            "sync_state": view.sync_state,
            "server_state": _server_state(view.server),
            "position": round(view.desired.position),
            "last_error": view.last_error,
        }
        return attributes | describe(view.item)

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        """Mark the item watched. Raises a translated HomeAssistantError."""
        await self._async_submit(MarkWatched())

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        """Mark the item unwatched. Raises a translated HomeAssistantError."""
        await self._async_submit(MarkUnwatched())

    async def _async_submit(self, change: Change) -> None:
        if (item := self.item_to_mark()) is not None:
            await async_submit_together(
                self.runtime, Request(item, change), self._context
            )
        elif isinstance(change, MarkWatched):
            raise invalid("switch_without_item", entity_id=self.entity_id)
        # To turn off what stands for nothing is no mistake: scripts turn off whole
        # areas.


def _server_state(state: PlayState | None) -> str:
    if state is None or state.watched is None:
        return "unknown"
    return "watched" if state.watched else "unwatched"


class TrackedItemSwitch(TrackedItemEntity, WatchedSwitch):
    """The switch of a tracked movie or show."""

    _attr_translation_key = "watched"

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any]:
        """Beside the others, how many aired episodes of a show are left."""
        attributes = super().extra_state_attributes
        if (progress := self.progress) is None:
            return attributes
        return {**attributes, "unwatched_episodes": progress.unwatched}


class SlotSwitch(WatchedSwitch):
    """A switch whose item changes, and that is not turned just after it did."""

    def __init__(self, runtime: WatchedSyncRuntime, key: str, slot: Slot) -> None:
        """Show what is in *slot*."""
        self._slot = slot
        super().__init__(runtime, key)

    @property
    @override
    def view(self) -> ItemView | None:
        """How the item is that it stands for now; None for none."""
        return self._slot.view

    @override
    def item_to_mark(self) -> Item | None:
        """Return the item, if it is what whoever turns the switch has seen."""
        if not self._slot.is_steady(self.runtime.clock.monotonic()):
            raise invalid("slot_changed", entity_id=self.entity_id)
        return self.item


class LastPlayedSwitch(SlotSwitch):
    """The switch of whatever this user played last."""

    _attr_translation_key = "last_played"

    def __init__(self, runtime: WatchedSyncRuntime, key: str) -> None:
        """Show what was played last as it was read last."""
        super().__init__(runtime, key, Slot(runtime.clock.monotonic()))
        self._take_news()

    @override
    def _take_news(self) -> None:
        item_id = self.coordinator.data.last_played
        view = None if item_id is None else self.coordinator.view(item_id)
        self._slot.show(view, self.runtime.clock.monotonic())


class PausedSwitch(WatchedSyncEntity, SwitchEntity):
    """Guest mode: while it is on, what others do on the server is left alone."""

    _attr_translation_key = "paused"
    _attr_entity_category = EntityCategory.CONFIG

    def __init__(self, runtime: WatchedSyncRuntime, key: str) -> None:
        """Show whether guest mode is on; the lane remembers it."""
        super().__init__(runtime, key)
        self._one_by_one = asyncio.Lock()

    @property
    @override
    def is_on(self) -> bool:
        """Whether guest mode is on."""
        return self.runtime.paused

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        """Begin guest mode."""
        await self.async_check_caller()
        async with self._one_by_one:
            await self.runtime.async_pause()
            self.async_write_ha_state()

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        """End guest mode, once what happened during it is read."""
        await self.async_check_caller()
        async with self._one_by_one:
            await self.runtime.async_resume()
            self.async_write_ha_state()


class UpNextSwitch(SlotSwitch):
    """One of the switches for what is up next; it is named after its item."""

    _attr_translation_key = "up_next"

    def __init__(self, runtime: WatchedSyncRuntime, number: int, slot: Slot) -> None:
        """Show what is in the slot with this number, counted from one."""
        super().__init__(runtime, f"{UP_NEXT_KEY}{number}", slot)
        self._attr_translation_placeholders = {"number": str(number)}

    @override
    async def async_added_to_hass(self) -> None:
        """Take the item's name; the entity id has been made of the slot's own."""
        await super().async_added_to_hass()
        self._take_news()

    @override
    def _take_news(self) -> None:
        if self.item is not None:
            self._attr_name = self.item.full_title
        elif hasattr(self, "_attr_name"):
            # Its own name, which is the translated one.
            del self._attr_name


class UpNextSlots:
    """Keeps the slots of a lane at what is up next there."""

    def __init__(self, hass: HomeAssistant, entry: WatchedSyncConfigEntry) -> None:
        """Fill the slots, as many as were chosen, and follow what is published.

        Ask before the switches do: they show what is in the slots by then.
        """
        self._hass = hass
        self._runtime = runtime = entry.runtime_data
        self._slots = Slots(
            preferences(entry).up_next_switches, runtime.clock.monotonic()
        )
        self._stop_waiting: CALLBACK_TYPE | None = None
        self._follow()
        entry.async_on_unload(runtime.coordinator.async_add_listener(self._follow))
        entry.async_on_unload(self._wait_no_more)

    @property
    def slots(self) -> Sequence[Slot]:
        """The slots in their order."""
        return self._slots.slots

    @callback
    def _follow(self) -> None:
        coordinator = self._runtime.coordinator
        now = self._runtime.clock.monotonic()
        listed = {
            item_id: view
            for item_id in coordinator.data.up_next
            if (view := coordinator.view(item_id)) is not None
        }
        self._slots.follow(listed, coordinator.view, now)
        self._wait_no_more()
        if held_for := self._slots.held_for(now):
            self._stop_waiting = async_call_later(
                self._hass,
                held_for,
                HassJob(self._time_is_up, cancel_on_shutdown=True),
            )

    @callback
    def _time_is_up(self, _: datetime) -> None:
        self._stop_waiting = None
        self._runtime.coordinator.async_update_listeners()

    @callback
    def _wait_no_more(self) -> None:
        if self._stop_waiting is not None:
            self._stop_waiting()
            self._stop_waiting = None
