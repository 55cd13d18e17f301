"""What is up next, as a to-do list: ticking an item off marks it watched.

The list is the server's, in its order. A tick is a request like any other: it is queued
and delivered even if the server is away. What was ticked off stays on the list for a
day, so that it can be taken back.

Whoever opens an item sees fields for its name, description and date, and the frontend
sends all of them back with a tick. So they are taken, and refused if they were changed.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Final, override

from homeassistant.components.todo import (
    TodoItem,
    TodoItemStatus,
    TodoListEntity,
    TodoListEntityFeature,
)
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.event import async_track_time_interval
from homeassistant.util import dt as dt_util

from .actions.batches import async_submit_together
from .causes import cause_of
from .core import gate
from .core.identity import Item, MediaKind
from .core.operation import MarkUnwatched, MarkWatched, Operation, Origin, Scope
from .core.outbox import Outbox, Result
from .core.play_state import PlayState
from .core.snapshot import ItemView
from .entity import WatchedSyncEntity
from .failures import invalid
from .markdown import plain
from .runtime import Request, WatchedSyncConfigEntry, WatchedSyncRuntime
from .undo import async_undo
from .words import clock

# Ticking an item off only puts something into the queue.
PARALLEL_UPDATES = 0

#: How long, and how many, items that were ticked off stay on the list.
RECENTLY: Final = timedelta(days=1)
MOST_COMPLETED: Final = 20

#: How long an item has a due date after it aired.
NEW_FOR: Final = timedelta(days=14)

#: How often the list is looked through for what is due to leave it. Nothing else may
#: happen on a lane for days.
LOOKED_THROUGH: Final = timedelta(hours=1)

#: Characters of a title: the frontend cuts what does not fit on a phone without a sign.
LONGEST_SUMMARY: Final = 40

_DONE: Final = (Result.DELIVERED, Result.ALREADY_TRUE)


async def async_setup_entry(
    _: HomeAssistant,
    entry: WatchedSyncConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the list of a lane."""
    async_add_entities([UpNextList(entry.runtime_data, "up_next")])


class UpNextList(WatchedSyncEntity, TodoListEntity):
    """What this user would watch next; items are neither added nor changed here."""

    _attr_translation_key = "up_next"
    _attr_supported_features = (
        TodoListEntityFeature.UPDATE_TODO_ITEM
        | TodoListEntityFeature.SET_DESCRIPTION_ON_ITEM
        | TodoListEntityFeature.SET_DUE_DATE_ON_ITEM
    )

    def __init__(self, runtime: WatchedSyncRuntime, key: str) -> None:
        """Show the list as it was read last."""
        super().__init__(runtime, key)
        self._outbox = runtime.lane.outbox
        self._attr_todo_items = list(self._items())

    @override
    async def async_added_to_hass(self) -> None:
        """Let what was ticked off leave in time, also if nothing else happens."""
        await super().async_added_to_hass()

        @callback
        def look_through(_: datetime) -> None:
            self._handle_coordinator_update()

        self.async_on_remove(
            async_track_time_interval(self.hass, look_through, LOOKED_THROUGH)
        )

    @override
    def _take_news(self) -> None:
        self._attr_todo_items = list(self._items())

    @override
    async def async_update_todo_item(self, item: TodoItem) -> None:
        """Mark an item watched, or take that back.

        Raises ServiceValidationError for anything else, and for an item that is not
        on the list any more; a HomeAssistantError if it cannot be queued. A length or
        date that comes back with a tick may be that of a moment ago, as somebody
        watches: it says nothing.
        """
        await self.async_check_caller()
        listed = next((one for one in self._items() if one.uid == item.uid), None)
        view = None if item.uid is None else self.coordinator.view(item.uid)
        if listed is None or view is None:
            raise invalid("not_on_the_list", item=item.summary or item.uid or "")
        if item.summary not in (None, listed.summary):
            raise invalid("list_cannot_rename", item=listed.summary or "")
        if item.status in (None, listed.status):
            if (item.description or None, item.due) != (listed.description, listed.due):
                raise invalid("list_cannot_edit", item=listed.summary or "")
            return
        # Not `is`: the action hands on the mere word.
        if item.status == TodoItemStatus.COMPLETED:
            await self._async_submit(Request(view.item, MarkWatched()))
        else:
            await self._async_take_back(view.item)

    async def _async_take_back(self, item: Item) -> None:
        """Undo the very mark that ticked an item off; else mark it unwatched."""
        if (batch_id := _mark_alone(self._outbox, item)) is not None:
            await async_undo(
                [self.coordinator.config_entry],
                batch_id,
                cause=cause_of(self.hass, self._context),
            )
        view = self.coordinator.view(item.item_id)
        if view is None or _is_done(view.desired):
            # It was marked along with others, or played since.
            await self._async_submit(Request(item, MarkUnwatched()))

    async def _async_submit(self, request: Request) -> None:
        await async_submit_together(self.runtime, request, self._context)

    def _items(self) -> Iterator[TodoItem]:
        """Yield what is up next, then what was ticked off lately."""
        up_next = self.coordinator.data.up_next
        for item_id in up_next:
            if (view := self.coordinator.view(item_id)) is not None:
                waiting = self._outbox.concerning(view.item)
                yield _row(view, waiting[-1].asked_at if waiting else None)
        listed = set(up_next)
        count = 0
        for operation in self._ticked_off():
            item_id = operation.item.item_id
            view = self.coordinator.view(item_id)
            if (
                item_id in listed
                or view is None
                or not operation.item.is_still(view.item)
                or not _is_done(view.desired)
                or not self.coordinator.allows(view.item)
            ):
                continue
            listed.add(item_id)
            yield _row(view, operation.asked_at)
            count += 1
            if count == MOST_COMPLETED:
                return

    def _ticked_off(self) -> Iterator[Operation]:
        """Yield the single marks of the last day that have arrived, newest first."""
        since = self.runtime.clock.now() - RECENTLY
        lately = [one for one in self._outbox.history if one.settled_at > since]
        sizes = Counter(done.operation.batch_id for done in lately)
        for done in reversed(lately):
            operation = done.operation
            if (
                operation.origin is Origin.USER
                and _is_mark(operation)
                and done.result in _DONE
                and sizes[operation.batch_id] == 1
            ):
                yield operation


def _row(view: ItemView, completed: datetime | None) -> TodoItem:
    item = view.item
    done = _is_done(view.desired)
    return TodoItem(
        uid=item.item_id,
        summary=_summary(item),
        status=TodoItemStatus.COMPLETED if done else TodoItemStatus.NEEDS_ACTION,
        due=_due(item),
        description=_description(item, view.desired),
        completed=completed if done else None,
    )


def _title(item: Item) -> str:
    """Return a title that says what tells one episode from another first."""
    if item.kind is MediaKind.EPISODE and item.show_title and item.number:
        # No sign between them: sentences that tick it off are heard without any.
        return f"{item.number} {item.show_title} {item.title}"
    return item.full_title


def _summary(item: Item) -> str:
    return gate.line(_title(item), LONGEST_SUMMARY)


def _description(item: Item, state: PlayState) -> str | None:
    """Return how long an item is, after its title where that had to be cut."""
    title = _title(item)
    parts = [plain(title)] if _summary(item) != title else []
    if (length := _length(item, state)) is not None:
        parts.append(length)
    return "\n\n".join(parts) or None


def _due(item: Item) -> date | None:
    """Return when an item airs, or has aired lately.

    What came out years ago would stand there as overdue by years, and first in every
    list that is sorted by it.
    """
    if item.aired is None or item.aired < dt_util.now().date() - NEW_FOR:
        return None
    return item.aired


def _is_done(state: PlayState) -> bool:
    """Whether nothing is left to watch; what is being watched again has a position."""
    return state.watched is True and state.position == 0


def _length(item: Item, state: PlayState) -> str | None:
    """Return how long an item is, and how far it was watched: `21:30 / 1:56:00`."""
    parts = [one for one in (state.position, item.duration) if one]
    return " / ".join(clock(one) for one in parts) or None


def _is_mark(operation: Operation) -> bool:
    return operation.scope is Scope.ITEM and isinstance(operation.change, MarkWatched)


def _mark_alone(outbox: Outbox, item: Item) -> str | None:
    """Return the batch that marked *item*, and nothing else, last."""
    done = [one.operation for one in outbox.history if one.result in _DONE]
    about = [
        *(one for one in done if one.is_for(item)),
        *outbox.concerning(item),
    ]
    if not about or not _is_mark(about[-1]):
        return None
    batch_id = about[-1].batch_id
    everything = (*done, *outbox, *outbox.rejected)
    if sum(one.batch_id == batch_id for one in everything) != 1:
        return None
    return batch_id
