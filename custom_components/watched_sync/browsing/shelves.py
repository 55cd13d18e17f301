"""The works of all lanes, put in order before somebody looks at them.

The catalogues say what there is, and what changed in them since; what the lanes have
read or were asked for meanwhile is laid over it. So a page is answered without asking
anybody, and what changed is known work by work. Once made they are kept, and brought up
to date soon after each change: nobody who looks has to wait for what happened before.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import batched
from typing import Final

from homeassistant.core import (
    CALLBACK_TYPE,
    CoreState,
    HassJob,
    HomeAssistant,
    callback,
)
from homeassistant.helpers.event import async_call_later
from homeassistant.util import dt as dt_util
from homeassistant.util.hass_dict import HassKey

from ..actions.lanes import enabled_lanes
from ..const import DOMAIN, LOGGER
from ..core.catalogue import EpisodeCounts, Selection
from ..core.errors import CatalogueError
from ..core.identity import Item, MediaKind
from ..core.lane import LaneUpdate
from ..core.operation import Operation
from ..core.play_state import Reading
from ..core.snapshot import Failures
from ..core.works import Copy, CopyKey, View, Works
from ..runtime import (
    WatchedSyncConfigEntry,
    WatchedSyncRuntime,
    runtime_of,
)
from .copies import KINDS_SHOWN, copy_of, resting_copy, show_copy, show_copy_by
from .whose import Audience, audience, loaded

#: Works that are put in order without a break: others want the loop as well.
_AT_ONCE: Final = 100

#: Changed items of a lane of which each is looked at again; of more all is read.
_MANY: Final = 2_000

#: Seconds after a change until it is taken in, unless somebody looks before.
REST: Final = 30

#: Views that are kept: one for each person, and some for what they choose.
_VIEWS: Final = 12

#: Everything.
_ALL: Final = Selection(kinds=KINDS_SHOWN, limit=10**9)


@dataclass(slots=True, eq=False)
class _Shelf:
    """What is known of one loaded lane, and what is to be looked at again.

    `listed` are ids of items that changed in the catalogue, `moved` those that the lane
    has read or was asked for since. Unless it `is_filled` everything is to be read. It
    `is_whole` once the libraries were read to their end.
    """

    entry: WatchedSyncConfigEntry
    runtime: WatchedSyncRuntime
    day: date
    is_filled: bool = False
    is_whole: bool = False
    listed: set[str] = field(default_factory=set)
    moved: set[str] = field(default_factory=set)
    there: set[str] = field(default_factory=set)
    operations: dict[str, Operation] = field(default_factory=dict)
    in_flight: frozenset[str] = frozenset()
    unseen: frozenset[str] = frozenset()

    def note_operations(self) -> None:
        """Note what is asked for now, and of which items that is news."""
        lane = self.runtime.lane
        now = {one.operation_id: one for one in (*lane.outbox, *lane.outbox.rejected)}
        before = self.operations
        news = [one for key, one in now.items() if before.get(key) is not one]
        news += [one for key, one in before.items() if key not in now]
        stirred = lane.in_flight ^ self.in_flight
        news += [one for key, one in now.items() if key in stirred]
        self.operations, self.in_flight = now, lane.in_flight
        self.moved.update(_concerned(one.item for one in news))

    @property
    def busy(self) -> set[str]:
        """The ids of items for which something waits, or failed."""
        return _concerned(one.item for one in self.operations.values())

    def shows(self, item: Item) -> bool:
        """Whether an item is in a library that is shown."""
        if item.library_id in self.unseen:
            return False
        return self.runtime.coordinator.allows(item)


def _concerned(items: Iterable[Item]) -> set[str]:
    """Return the ids of items and of the shows they are in."""
    return {one for item in items for one in (item.item_id, *item.show_ids)}


class Shelves:
    """Every film and show of the loaded lanes, once for each work."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Begin with nothing: it is read when somebody looks."""
        self._hass = hass
        self.works = Works()
        self._shelves: dict[str, _Shelf] = {}
        self._views: OrderedDict[tuple[object, ...], View] = OrderedDict()
        self._changed: list[set[CopyKey]] = []
        self._one_at_a_time = asyncio.Lock()
        self._is_stirred = False
        self._timer: CALLBACK_TYPE | None = None

    async def async_view(self, audience: Audience) -> View:
        """Return what somebody looks at, up to date."""
        async with self._one_at_a_time:
            await self._async_refresh()
            return await self._async_view(audience)

    async def _async_view(self, audience: Audience) -> View:
        """Return what somebody looks at, of what is known already."""
        key = (audience.lane_ids, audience.seen_ids)
        view = self._views.get(key)
        if view is None:
            view = View(audience.lane_ids, audience.seen_ids)
            for some in batched(list(self.works), _AT_ONCE, strict=False):
                for work in some:
                    view.put(work.key, work)
                await asyncio.sleep(0)
            self._views[key] = view
        self._views.move_to_end(key)
        self._forget_views()
        return view

    # --- before somebody looks ---------------------------------------------------

    @callback
    def async_stir(self) -> None:
        """Have everything brought up to date soon, whether or not somebody looks."""
        if not self._is_stirred:
            self._is_stirred = True
            self._wake_in(REST)

    @callback
    def _wake_in(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer()
        wake = HassJob(self._wake, cancel_on_shutdown=True)
        self._timer = async_call_later(self._hass, seconds, wake)

    @callback
    def _wake(self, _: datetime) -> None:
        self._timer, self._is_stirred = None, False
        if self._hass.state is not CoreState.running:
            self.async_stir()  # what starts is more urgent
            return
        self._hass.async_create_background_task(
            self._async_prepare(), f"{DOMAIN} puts the works in order"
        )

    async def _async_prepare(self) -> None:
        """Have ready what each user would look at now; and again tomorrow."""
        async with self._one_at_a_time:
            await self._async_refresh()
            for user in await self._hass.auth.async_get_users():
                looking = audience(self._hass, user)
                if user.is_active and not user.system_generated and looking.lane_ids:
                    await self._async_view(looking)
        if not self._is_stirred:
            # What is aired on a day counts from its first moment on.
            now = dt_util.now()
            tomorrow = dt_util.start_of_local_day(now.date() + timedelta(days=1))
            self._wake_in((tomorrow - now).total_seconds() + 1)

    def _forget_views(self) -> None:
        while len(self._views) > _VIEWS:
            self._views.popitem(last=False)

    def is_whole(self, entry: WatchedSyncConfigEntry) -> bool:
        """Whether the libraries of a lane were read to their end."""
        shelf = self._shelves.get(entry.entry_id)
        return shelf is not None and shelf.is_whole

    @callback
    def async_follow(self) -> tuple[set[CopyKey], Callable[[], None]]:
        """Return a set for the keys of works that change, and what ends filling it."""
        changed: set[CopyKey] = set()
        self._changed.append(changed)

        def end() -> None:
            self._changed = [one for one in self._changed if one is not changed]

        return changed, end

    # --- up to date --------------------------------------------------------------

    async def _async_refresh(self) -> None:
        """Bring every loaded lane up to date, and forget those that are gone."""
        entries = {one.entry_id: one for one in loaded(enabled_lanes(self._hass))}
        for entry_id, shelf in list(self._shelves.items()):
            entry = entries.get(entry_id)
            if entry is None or runtime_of(entry) is not shelf.runtime:
                del self._shelves[entry_id]
                self._put((), ((entry_id, one) for one in shelf.there))
        for entry_id, entry in entries.items():
            if entry_id not in self._shelves:
                self._shelves[entry_id] = self._open(entry)
        # While one catalogue is read, what another has told is put up.
        outcomes = await asyncio.gather(
            *map(self._async_update, self._shelves.values()), return_exceptions=True
        )
        for outcome in outcomes:
            if outcome is not None:
                raise outcome

    def _open(self, entry: WatchedSyncConfigEntry) -> _Shelf:
        """Listen to a lane from now on; everything is read next."""
        runtime = runtime_of(entry)
        shelf = _Shelf(entry, runtime, dt_util.now().date())

        def hear(update: LaneUpdate) -> None:
            if shelf.is_filled:
                read = (*update.readings, *update.seen)
                shelf.moved.update(_concerned(one.item for one in read))
                self.async_stir()

        def hear_catalogue(changed: frozenset[str] | None) -> None:
            if changed is None:
                shelf.is_filled = False
            elif shelf.is_filled:
                shelf.listed |= changed
            self.async_stir()

        entry.async_on_unload(runtime.lane.add_listener(hear))
        entry.async_on_unload(runtime.catalogue.add_listener(hear_catalogue))
        return shelf

    async def _async_update(self, shelf: _Shelf) -> None:
        """Bring one lane up to date; where its catalogue fails it stays as it was."""
        runtime, today = shelf.runtime, dt_util.now().date()
        shelf.note_operations()
        unseen, day = runtime.inventory.unseen, shelf.day
        shows_other = shelf.unseen != unseen
        shelf.unseen, shelf.day = unseen, today
        try:
            progress = await runtime.catalogue.progress()
            is_whole = progress.finished_at is not None
            shows_other |= is_whole is not shelf.is_whole
            is_much = len(shelf.listed) + len(shelf.moved) > _MANY
            if shows_other or is_much or not shelf.is_filled:
                shelf.is_whole = is_whole
                await self._async_fill(shelf)
                return
            if day != today:
                await self._async_count_again(shelf)
            if shelf.listed or shelf.moved:
                await self._async_look_again(shelf)
        except CatalogueError as err:
            LOGGER.debug(
                "%s: its catalogue cannot be asked: %r", shelf.entry.title, err
            )
            shelf.is_filled = shelf.is_whole = False

    async def _async_fill(self, shelf: _Shelf) -> None:
        """Read everything that a lane has."""
        catalogue = shelf.runtime.catalogue
        shelf.is_filled = True
        shelf.listed.clear()
        shelf.moved.clear()
        found = await catalogue.select(_ALL)
        counts = await catalogue.count_episodes(shelf.day)
        ids = {one.item.item_id for one in found.readings}
        await self._async_put(shelf, found.readings, counts, shelf.there - ids)

    async def _async_count_again(self, shelf: _Shelf) -> None:
        """Note the shows of which other episodes count today than did before."""
        counts = await shelf.runtime.catalogue.count_episodes(shelf.day)
        for item_id in shelf.there:
            copy = self.works.copy((shelf.entry.entry_id, item_id))
            if copy is not None and copy.item.kind is MediaKind.SHOW:
                now = counts.get(item_id, EpisodeCounts())
                if copy.episodes != now.episodes:
                    shelf.listed.add(item_id)

    async def _async_look_again(self, shelf: _Shelf) -> None:
        """Read what may have changed on a lane."""
        catalogue = shelf.runtime.catalogue
        ids = shelf.listed | shelf.moved
        counted = shelf.listed - shelf.moved
        shelf.listed = set()
        found = await catalogue.readings(ids)
        shows = [one for one in counted if _is_show(found.get(one))]
        counts = await catalogue.count_episodes(shelf.day, shows) if shows else {}
        readings = [one for one in found.values() if one.item.kind in KINDS_SHOWN]
        await self._async_put(shelf, readings, counts, ids - found.keys())

    async def _async_put(
        self,
        shelf: _Shelf,
        readings: Sequence[Reading],
        counts: Mapping[str, EpisodeCounts],
        gone: Collection[str],
    ) -> None:
        """Put on the shelf what was read, and take off it what is *gone*."""
        entry, lane = shelf.entry, shelf.runtime.lane
        moved, shelf.moved = shelf.moved | shelf.busy, set()
        failures = Failures(lane.outbox.rejected)
        left = {one for one in gone if one in shelf.there}
        for some in batched(readings, _AT_ONCE, strict=False):
            copies: list[Copy] = []
            for reading in some:
                item = reading.item
                if not shelf.shows(item):
                    left.add(item.item_id)
                elif item.kind is not MediaKind.SHOW:
                    known = lane.ledger.reading(item.item_id) is not None
                    if known or item.item_id in moved:
                        copies.append(copy_of(entry, reading, failures))
                    else:
                        copies.append(resting_copy(entry, reading))
                elif item.item_id in moved:
                    leaves = await lane.below(item)
                    copies.append(
                        show_copy_by(entry, reading, leaves, failures, shelf.day)
                    )
                else:
                    known_counts = counts.get(item.item_id, EpisodeCounts())
                    copies.append(
                        show_copy(
                            entry, reading, known_counts if shelf.is_whole else None
                        )
                    )
            shelf.there.update(one.item.item_id for one in copies)
            self._put(copies, ())
            await asyncio.sleep(0)
        shelf.there -= left
        self._put((), ((entry.entry_id, one) for one in left))

    def _put(self, copies: Iterable[Copy], gone: Iterable[CopyKey]) -> None:
        """Take in copies, and have every view know which works changed."""
        for key in self.works.put(copies, gone):
            work = self.works.by_key(key)
            for view in self._views.values():
                view.put(key, work)
            for changed in self._changed:
                changed.add(key)


def _is_show(reading: Reading | None) -> bool:
    return reading is not None and reading.item.kind is MediaKind.SHOW


_SHELVES: Final[HassKey[Shelves]] = HassKey(f"{DOMAIN}_shelves")


@callback
def async_shelves(hass: HomeAssistant) -> Shelves:
    """Return the works of all lanes."""
    if _SHELVES not in hass.data:
        hass.data[_SHELVES] = Shelves(hass)
    return hass.data[_SHELVES]
