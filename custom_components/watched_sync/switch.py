"""Switches that are on when something is watched, and the one for guest mode.

A switch shows what is wanted, at once; its attributes tell what the server says and
how far the change has come. It works while the server is away: taking the request is
the point of the queue.
"""

import asyncio
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, Final, override

from homeassistant.components.switch import SwitchEntity
from homeassistant.const import EntityCategory, Platform
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .actions.batches import async_submit_together
from .activity import describe
from .const import (
    CONF_UP_NEXT_SWITCHES,
    DEFAULT_UP_NEXT_SWITCHES,
    DOMAIN,
    SECTION_ENTITIES,
    UP_NEXT_KEY,
)
from .core.identity import Item
from .core.operation import Change, MarkUnwatched, MarkWatched
from .core.play_state import PlayState
from .core.snapshot import ItemSyncState, ItemView
from .entity import ItemEntity, TrackedItemEntity, WatchedSyncEntity
from .runtime import Request, WatchedSyncConfigEntry, WatchedSyncRuntime

# Turning a switch only puts something into the queue.
PARALLEL_UPDATES = 0

#: How long the switch of an item stays once it is watched and not up next any more:
#: long enough to take it back.
RECENTLY: Final = timedelta(days=1)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: WatchedSyncConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the switches of a lane and of the items it tracks."""
    runtime = entry.runtime_data
    async_add_entities(
        [LastPlayedSwitch(runtime, "last_played"), PausedSwitch(runtime, "paused")]
    )
    runtime.tracked.async_join(
        async_add_entities, lambda item: [TrackedItemSwitch(runtime, item, "watched")]
    )
    up_next = UpNextSwitches(hass, entry, async_add_entities)
    up_next.update()
    entry.async_on_unload(runtime.coordinator.async_add_listener(up_next.update))


class WatchedSwitch(ItemEntity, SwitchEntity):
    """On when an item is watched, or will be once everything is delivered."""

    _unrecorded_attributes = frozenset(
        {
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
        # Home Assistant does not call an entity that is not available.
        if (item := self.item) is not None:
            await async_submit_together(
                self.runtime, Request(item, change), self._context
            )


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


class LastPlayedSwitch(WatchedSwitch):
    """The switch of whatever this user played last."""

    _attr_translation_key = "last_played"

    @property
    @override
    def view(self) -> ItemView | None:
        """How the item played last is."""
        item_id = self.coordinator.data.last_played
        return None if item_id is None else self.coordinator.view(item_id)

    @property
    @override
    def available(self) -> bool:
        """Whether anything was played."""
        return super().available and self.view is not None


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
        async with self._one_by_one:
            await self.runtime.async_pause()
            self.async_write_ha_state()

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        """End guest mode, once what happened during it is read."""
        async with self._one_by_one:
            await self.runtime.async_resume()
            self.async_write_ha_state()


class UpNextSwitch(WatchedSwitch):
    """The switch of one item that is up next; it is named after the item."""

    _attr_translation_key = "up_next"

    def __init__(self, runtime: WatchedSyncRuntime, view: ItemView) -> None:
        """Stand for the item that *view* shows."""
        self._item = view.item
        super().__init__(runtime, f"{UP_NEXT_KEY}{self._item.item_id}")
        self._attr_translation_placeholders = {"title": self._item.full_title}

    @property
    @override
    def item(self) -> Item:
        """The item."""
        return self.view.item if self.view else self._item

    @property
    @override
    def view(self) -> ItemView | None:
        """How the item is; None if its id is another's by now."""
        view = self.coordinator.view(self._item.item_id)
        return view if view and self._item.is_still(view.item) else None


class UpNextSwitches:
    """Keeps one switch for each item up next, and removes those that are gone.

    An item that was marked stays until it is neither waiting nor marked within the
    last day, so that a slip of the finger can be taken back. Both kinds together are
    never more than twice the number chosen in the options.
    """

    def __init__(
        self,
        hass: HomeAssistant,
        entry: WatchedSyncConfigEntry,
        async_add_entities: AddConfigEntryEntitiesCallback,
    ) -> None:
        """Begin with the switches the entity registry remembers."""
        self._registry = er.async_get(hass)
        self._async_add_entities = async_add_entities
        self._runtime = entry.runtime_data
        self._limit: int = entry.options.get(SECTION_ENTITIES, {}).get(
            CONF_UP_NEXT_SWITCHES, DEFAULT_UP_NEXT_SWITCHES
        )
        self._prefix = f"{self._runtime.lane_id}:{UP_NEXT_KEY}"
        self._remembered = {
            registered.unique_id.removeprefix(self._prefix)
            for registered in er.async_entries_for_config_entry(
                self._registry, entry.entry_id
            )
            if registered.domain == Platform.SWITCH
            and registered.unique_id.startswith(self._prefix)
        }
        self._added: dict[str, Item] = {}

    @callback
    def update(self) -> None:
        """Add what is new and remove what is gone."""
        coordinator = self._runtime.coordinator
        up_next = coordinator.data.up_next[: self._limit]
        self._remove_others()
        there = self._added.keys() | self._remembered
        wanted = [*up_next, *self._recent(there.difference(up_next))]
        views = {
            item_id: view
            for item_id in wanted
            if (view := coordinator.view(item_id)) is not None
        }
        self._remove(there - views.keys())
        new = [view for item_id, view in views.items() if item_id not in self._added]
        if new:
            self._added |= {view.item.item_id: view.item for view in new}
            self._async_add_entities(UpNextSwitch(self._runtime, view) for view in new)
        self._remembered = set()

    def _remove_others(self) -> None:
        """Remove the switches of what has an id by now that is another's."""
        views = {one: self._runtime.coordinator.view(one) for one in self._added}
        self._remove(
            item_id
            for item_id, view in views.items()
            if view is not None and not self._added[item_id].is_still(view.item)
        )

    def _recent(self, item_ids: Iterable[str]) -> list[str]:
        """Return which items are not to be forgotten yet, newest first.

        Those whose change waits or failed, and those that were marked lately.
        """
        lane = self._runtime.lane
        since = lane.clock.now() - RECENTLY
        marked_at = {
            done.operation.item.item_id: done.settled_at
            for done in lane.outbox.history
            if done.settled_at > since
            and not lane.ledger.is_anothers(done.operation.item)
        }
        times = {}
        for item_id in item_ids:
            view = self._runtime.coordinator.view(item_id)
            if view is None or not self._runtime.coordinator.allows(view.item):
                continue
            waits = view.sync_state is not ItemSyncState.SYNCED
            if not waits and not view.desired.watched:
                continue
            played = view.server.last_played if view.server else None
            at = lane.clock.now() if waits else marked_at.get(item_id, played)
            if at is not None and at > since:
                times[item_id] = at
        return sorted(times, key=times.__getitem__, reverse=True)[: self._limit]

    def _remove(self, item_ids: Iterable[str]) -> None:
        for item_id in item_ids:
            self._added.pop(item_id, None)
            entity_id = self._registry.async_get_entity_id(
                Platform.SWITCH, DOMAIN, f"{self._prefix}{item_id}"
            )
            # Removing it from the registry removes the entity as well.
            if entity_id is not None:
                self._registry.async_remove(entity_id)
