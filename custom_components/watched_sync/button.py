"""Buttons: deliver, try again, undo, read the library again, mark what is next."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, override

from homeassistant.components.button import ButtonEntity, ButtonEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .actions.batches import async_submit_together
from .core.identity import Item, MediaKind
from .core.operation import MarkWatched
from .entity import DescribedEntity, TrackedItemEntity
from .failures import no_next_episode, nothing_left_to_undo
from .runtime import Request, WatchedSyncConfigEntry, WatchedSyncRuntime
from .undo import async_undo

# A press only puts something into the queue, or asks for a reading at leisure.
PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class LaneButtonDescription(ButtonEntityDescription):
    """A button of a lane, and what it does."""

    press: Callable[[WatchedSyncRuntime], Awaitable[Any]]


async def _async_retry_failed(runtime: WatchedSyncRuntime) -> None:
    await runtime.async_retry()
    runtime.relay.nudge()


async def _async_undo_last(runtime: WatchedSyncRuntime) -> None:
    undo = await async_undo([runtime.coordinator.config_entry])
    if all(one.plan.is_empty for one in undo.lanes):
        raise nothing_left_to_undo()


async def _async_read_library(runtime: WatchedSyncRuntime) -> None:
    runtime.inventory.read_again()


LANE_BUTTONS = (
    LaneButtonDescription(
        key="sync_now",
        translation_key="sync_now",
        entity_category=EntityCategory.CONFIG,
        press=lambda runtime: runtime.async_sync_now(),
    ),
    LaneButtonDescription(
        key="retry_failed",
        translation_key="retry_failed",
        entity_category=EntityCategory.CONFIG,
        press=_async_retry_failed,
    ),
    LaneButtonDescription(
        key="undo_last",
        translation_key="undo_last",
        press=_async_undo_last,
    ),
    LaneButtonDescription(
        key="read_library",
        translation_key="read_library",
        entity_category=EntityCategory.DIAGNOSTIC,
        press=_async_read_library,
    ),
)


async def async_setup_entry(
    _: HomeAssistant,
    entry: WatchedSyncConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the buttons of a lane and of the shows it tracks."""
    runtime = entry.runtime_data
    async_add_entities(LaneButton(runtime, description) for description in LANE_BUTTONS)

    def of_tracked(item: Item) -> list[MarkNextButton]:
        if item.kind is not MediaKind.SHOW:
            return []
        return [MarkNextButton(runtime, item, "mark_next_watched")]

    runtime.tracked.async_join(async_add_entities, of_tracked)


class LaneButton(DescribedEntity, ButtonEntity):
    """Does something with a whole lane: its queue, or its library."""

    entity_description: LaneButtonDescription

    @override
    async def async_press(self) -> None:
        """Do it; raises a translated HomeAssistantError if it cannot be done."""
        await self.async_check_caller()
        await self.entity_description.press(self.runtime)


class MarkNextButton(TrackedItemEntity, ButtonEntity):
    """Marks the next unwatched episode of a tracked show as watched."""

    _attr_translation_key = "mark_next_watched"

    @override
    async def async_press(self) -> None:
        """Queue it. Raises ServiceValidationError if no episode is left or known."""
        progress = self.progress
        if progress is None or progress.next_episode is None:
            raise no_next_episode(self.item.full_title)
        episode = progress.next_episode.item
        await async_submit_together(
            self.runtime, Request(episode, MarkWatched()), self._context
        )
