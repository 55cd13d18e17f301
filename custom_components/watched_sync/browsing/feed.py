"""What the face is told without asking: one whole picture first, then what changed."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

from homeassistant.config_entries import SIGNAL_CONFIG_ENTRY_CHANGED
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.util import dt as dt_util
from homeassistant.util.json import JsonObjectType, JsonValueType

from ..actions.summaries import async_words
from ..const import LOGGER
from ..core.works import View
from ..levelling.answers import progress_row
from ..levelling.carrying_out import async_listen_progress, levellings
from ..levelling.offers import lanes_of, open_offers
from ..runtime import (
    WatchedSyncConfigEntry,
    WatchedSyncRuntime,
    runtime_of,
)
from .refs import async_item_line, ref_of
from .rows import lane_health_row, line_row
from .shelves import Shelves
from .waiting import waiting_counts, waiting_rows
from .whose import Audience, loaded

#: Seconds between two messages.
REST: Final = 0.25

_SECTIONS: Final = ("up_next", "waiting", "health", "levelling", "offers")

#: Works that are told one by one; of more the page is to be read again.
MOST_WORKS: Final = 50


class _Section:
    """Rows in an order, of which only is told what was not told before."""

    def __init__(self) -> None:
        """Begin with nothing told."""
        self._rows: Mapping[str, JsonObjectType] = {}
        self._more: JsonObjectType = {}

    def news(
        self, rows: Mapping[str, JsonObjectType], more: JsonObjectType
    ) -> JsonObjectType | None:
        """Return what is news in *rows* and in *more* values, None if nothing is."""
        before, self._rows = self._rows, rows
        told, self._more = self._more, more
        news: JsonObjectType = {
            name: value for name, value in more.items() if told.get(name) != value
        }
        changed = {key: row for key, row in rows.items() if before.get(key) != row}
        if list(before) != list(rows):
            news["order"] = [*rows]
        if changed or "order" in news:
            news["rows"] = {**changed}
        return news or None


class Feed:
    """One subscription: what it is about, and what was told already."""

    def __init__(
        self,
        hass: HomeAssistant,
        shelves: Shelves,
        look: Callable[[], Audience],
        tell: Callable[[JsonObjectType], None],
        language: str | None,
    ) -> None:
        """Prepare; *look* says who looks at what, *tell* sends an event."""
        self._hass = hass
        self._shelves = shelves
        self._look = look
        self._send = tell
        self._language = language
        self._sections = {name: _Section() for name in _SECTIONS}
        self._stirred = asyncio.Event()
        self._heard: dict[str, tuple[WatchedSyncRuntime, list[Callable[[], None]]]] = {}
        self._view: View | None = None
        self._removed = 0
        # From the first moment on: what changes after a page was read is told.
        self._changed, self._end_following = shelves.async_follow()

    @callback
    def async_start(self) -> Callable[[], None]:
        """Tell from now on; return what ends it."""
        removes = [
            async_dispatcher_connect(
                self._hass, SIGNAL_CONFIG_ENTRY_CHANGED, self._stir
            ),
            async_listen_progress(self._hass, self._stir),
            self._hass.bus.async_listen(
                ir.EVENT_REPAIRS_ISSUE_REGISTRY_UPDATED, self._stir
            ),
        ]
        # Not eager: the answer to the command comes first.
        task = self._hass.async_create_background_task(
            self._run(), "watched_sync feed", eager_start=False
        )

        @callback
        def stop() -> None:
            task.cancel()
            for remove in removes:
                remove()
            for entry_id in list(self._heard):
                self._end_hearing(entry_id)
            self._end_following()

        return stop

    @callback
    def _stir(self, *_: object) -> None:
        self._stirred.set()

    async def _run(self) -> None:
        """Tell what is news, at most so often, until cancelled."""
        kind = "all"
        while True:
            self._stirred.clear()
            try:
                await self._tell(kind)
                kind = "changed"
            except HomeAssistantError as err:
                # An entry was unloaded meanwhile: that stirs once more.
                LOGGER.debug("What changed cannot be shown just now: %r", err)
            except Exception:  # noqa: BLE001 - it is logged, and the feed goes on
                # What comes next is to be told all the same.
                LOGGER.exception("What changed cannot be shown")
            await asyncio.sleep(REST)
            await self._stirred.wait()

    async def _tell(self, kind: str) -> None:
        audience = self._look()
        self._hear(audience)
        words = await async_words(self._hass, self._language)
        up_next = await _up_next(self._hass, audience)
        health = {
            one.entry_id: lane_health_row(one, audience.me) for one in audience.lanes
        }
        waiting = waiting_rows(self._hass, audience, words)
        event: JsonObjectType = {"type": kind}
        for name, rows, more in (
            ("up_next", up_next, {}),
            ("waiting", waiting, waiting_counts(audience)),
            ("health", health, {}),
            ("levelling", _levelling(self._hass, audience), {}),
            ("offers", _offers(self._hass, audience), {}),
        ):
            news = self._sections[name].news(rows, more)
            if kind == "all":
                empty: JsonObjectType = {"order": [], "rows": {}}
                news = {**empty, **(news or {})}
            if news is not None:
                event[name] = news
        if kind == "all":
            # The works take longer where they were not looked at yet.
            self._send(event)
            event = {"type": "changed"}
        if (library := await self._library(audience)) is not None:
            event["library"] = library
        if len(event) > 1:
            self._send(event)

    async def _library(self, audience: Audience) -> JsonObjectType | None:
        """Return the works that changed since they were told."""
        view = await self._shelves.async_view(audience)
        before = (self._view, self._removed)
        self._view, self._removed = view, view.removed
        changed = set(self._changed)
        self._changed.clear()
        lines = [line for key in changed if (line := view.line(key)) is not None]
        is_other = before[0] is not None and before != (view, view.removed)
        if is_other or len(lines) > MOST_WORKS:
            return {"reload": True}
        owners, today = audience.owners, dt_util.now().date()
        works: dict[str, JsonValueType] = {
            ref_of(one): line_row(self._hass, one, owners, today) for one in lines
        }
        return {"works": works} if works else None

    # --- hearing -----------------------------------------------------------------

    def _hear(self, audience: Audience) -> None:
        """Listen to the lanes that are there now, and no others."""
        entries = {one.entry_id: one for one in loaded(audience.visible)}
        for entry_id, (runtime, _) in list(self._heard.items()):
            entry = entries.get(entry_id)
            if entry is None or runtime_of(entry) is not runtime:
                self._end_hearing(entry_id)
        for entry_id, entry in entries.items():
            if entry_id not in self._heard:
                self._heard[entry_id] = (runtime_of(entry), self._listen(entry))

    def _listen(self, entry: WatchedSyncConfigEntry) -> list[Callable[[], None]]:
        runtime = runtime_of(entry)
        return [
            runtime.lane.add_listener(self._stir),
            runtime.coordinator.async_add_listener(self._stir),
            runtime.inventory.add_listener(self._stir),
            runtime.catalogue.add_listener(self._stir),
        ]

    def _end_hearing(self, entry_id: str) -> None:
        _, removes = self._heard.pop(entry_id)
        for remove in removes:
            remove()


async def _up_next(
    hass: HomeAssistant, audience: Audience
) -> dict[str, JsonObjectType]:
    """Return what is up next on these lanes, each work once."""
    rows: dict[str, JsonObjectType] = {}
    owners, today = audience.owners, dt_util.now().date()
    told: set[tuple[str, str]] = set()
    for entry in audience.running:
        coordinator = runtime_of(entry).coordinator
        for item_id in coordinator.data.up_next:
            view = coordinator.view(item_id)
            if view is None or (entry.entry_id, item_id) in told:
                continue
            line = await async_item_line(audience, entry, view.item)
            # One lane may know by its ids what the other cannot tell yet.
            if line is not None and not any(one.key in told for one in line.copies):
                told |= {one.key for one in line.copies}
                rows[ref_of(line)] = line_row(hass, line, owners, today)
    return rows


@callback
def _levelling(hass: HomeAssistant, audience: Audience) -> dict[str, JsonObjectType]:
    """Return what is being brought level, where all of it may be seen."""
    visible = {one.entry_id for one in audience.visible}
    return {
        one.batch_id: progress_row(hass, one)
        for one in levellings(hass).under_way()
        if one.parts.keys() <= visible
    }


@callback
def _offers(hass: HomeAssistant, audience: Audience) -> dict[str, JsonObjectType]:
    """Return which lanes are offered to be brought level, where all may be seen."""
    visible = {one.entry_id for one in audience.visible}
    return {
        one.issue_id: {
            "config_entry_id": [*one.side_ids],
            "source": [*sorted(one.sources)],
            "lanes": [lane.title for lane in lanes_of(hass, one) or ()],
        }
        for one in open_offers(hass)
        if visible.issuperset(one.side_ids)
    }
