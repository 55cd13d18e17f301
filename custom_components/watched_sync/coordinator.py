"""What is read of the server, and the snapshot of it, published once per batch.

The snapshot is put together from the lane alone (`core/snapshot.py`); reading only
brings the lane's ledger up to date. When and where to read is said by the observer,
which hears what others do, and by the ends of our own operations.
"""

import asyncio
from collections.abc import (
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any, Final, override

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import Platform
from homeassistant.core import CALLBACK_TYPE, HassJob, HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.debounce import Debouncer
from homeassistant.helpers.event import async_call_later, async_track_time_change
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator
from homeassistant.util import dt as dt_util

from .const import (
    CONF_SERVER_NAME,
    DOMAIN,
    LOGGER,
    MAX_UP_NEXT_SWITCHES,
)
from .core.errors import ItemGone, Reason, ServerError, StillLooking, is_outage
from .core.failing_reads import Read
from .core.identity import Item, MediaKind
from .core.lane import Lane, LaneUpdate, Phase
from .core.operation import Scope
from .core.outbox import Result
from .core.play_state import PlayState, Reading
from .core.ports import Find, MediaServer
from .core.reconcile import CLOCK_TOLERANCE
from .core.rehoming import find_again
from .core.relay import Relay
from .core.snapshot import (
    ON_ITS_WAY,
    Failures,
    ItemView,
    ShownItems,
    ShowProgress,
    SyncSnapshot,
    take_snapshot,
    view_of,
)
from .preferences import preferences
from .store import LedgerStore
from .tracking import tracked_items

#: Seconds in which the ends of several operations lead to one look.
REFRESH_COOLDOWN: Final = 2.0

#: The same for items that came, went or were rewritten: a scan changes them for hours.
LIBRARY_COOLDOWN: Final = 30.0

#: Plays read to see what was marked or played elsewhere; ever more as long as the last
#: look has seen none of them, but not more than that many.
PLAYS: Final = 20
MORE_PLAYS: Final = 4
MOST_PLAYS: Final = 5_000

#: Plex dates a play to the second.
_SECOND: Final = timedelta(seconds=1)

#: Items read again by a glance: one request to either kind of server. Those shown come
#: first; the others, and more shown ones than this share, take turns.
GLANCE_BATCH: Final = 100
GLANCE_SHOWN: Final = 60

#: Ends of operations after which the server's lists may look different.
_READ_AFTER: Final = (Result.DELIVERED, Result.ALREADY_TRUE, Result.OVERRULED)


@dataclass(frozen=True, slots=True)
class _Leaves:
    """The episodes of a show, and the counts it had when they were read."""

    show: Item
    readings: tuple[Reading, ...]
    counts: tuple[int | None, int | None]

    @property
    def are_merged(self) -> bool:
        """Whether they lie in several folders; the counts then tell of one alone."""
        return len({one.item.show_id for one in self.readings}) > 1


@dataclass(frozen=True, slots=True)
class _Plays:
    """What was played last, as far as it is shown, and when the newest of all was."""

    readings: Sequence[Reading]
    newest: datetime | None


class WatchedSyncCoordinator(DataUpdateCoordinator[SyncSnapshot]):
    """Publish a lane's snapshot, and read what nobody asked the relay for."""

    config_entry: ConfigEntry[Any]

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry[Any],
        *,
        lane: Lane,
        relay: Relay,
        server: MediaServer,
        ledger: LedgerStore,
        find: Find,
    ) -> None:
        """Show what was stored; nothing is read before the first refresh."""
        super().__init__(
            hass,
            LOGGER,
            config_entry=entry,
            name=entry.data[CONF_SERVER_NAME],
            # The observer says when.
            update_interval=None,
            request_refresh_debouncer=Debouncer(
                hass, LOGGER, cooldown=REFRESH_COOLDOWN, immediate=False
            ),
            always_update=False,
        )
        self._lane = lane
        self._relay = relay
        self._server = server
        self._find = find
        self._ledger = ledger
        self._libraries = preferences(entry).libraries
        #: By the ids they had when tracking began; they may have others now.
        self._tracked = {
            item.item_id: self._as_known(item) for _, item in tracked_items(entry)
        }
        self._lost: set[str] = set()
        self._leaves: dict[str, _Leaves] = {}
        self._stale_shows: set[str] = set()
        #: None for one that is not there.
        self._shows_asked: dict[str, Reading | None] = {}
        self._remembering = False
        self._waits_in: CALLBACK_TYPE | None = None
        self._one_read = asyncio.Lock()
        self._moved: set[str] = set()
        self._turn = 0
        self._lists_read_at = -REFRESH_COOLDOWN
        self._library_changed: Debouncer[Any] = Debouncer(
            hass,
            LOGGER,
            cooldown=LIBRARY_COOLDOWN,
            immediate=False,
            function=self.async_refresh,
            background=True,
        )
        for show in self._tracked_shows:
            self._restore_leaves(show)
        self.data = self._build()
        entry.async_on_unload(lane.add_listener(self._lane_changed))
        entry.async_on_unload(self._library_changed.async_shutdown)
        entry.async_on_unload(self._stop_waiting)
        entry.async_on_unload(
            async_track_time_change(hass, self._new_day, hour=0, minute=0, second=0)
        )

    # --- what entities ask ---------------------------------------------------

    @property
    def tracked_ids(self) -> Collection[str]:
        """Ids that the items tracked by subentries had when tracking began."""
        return self._tracked.keys()

    @callback
    def async_track(self, items: Iterable[Item]) -> None:
        """Track these items from now on, and no others; the next refresh reads them."""
        before = self._tracked
        self._tracked = {
            item.item_id: before.get(item.item_id) or self._as_known(item)
            for item in items
        }
        self._lost &= self._tracked.keys()
        for show_id in self._leaves.keys() - self._tracked_now.keys():
            del self._leaves[show_id]
        for item_id, item in self._tracked.items():
            if item_id not in before and item.kind is MediaKind.SHOW:
                self._restore_leaves(item)
        self._publish()

    @property
    def shows(self) -> Mapping[str, ShowProgress]:
        """Progress of the tracked shows that were read, by item id."""
        return self.data.shows

    def allows(self, item: Item) -> bool:
        """Whether an item is in a library that is to be shown, found and followed.

        What was accepted before, and what is tracked, is delivered all the same. An
        item of an unknown library is not allowed where only some libraries are.
        """
        if not self._libraries:
            return True
        known = (
            item,
            self._lane.ledger.item(item.item_id),
            self._lane.ledger.item(item.show_id or ""),
        )
        places = (one.library_id for one in known if one and one.library_id)
        return next(places, None) in self._libraries

    def view(self, item_id: str) -> ItemView | None:
        """Return how an item is; None if it was never seen."""
        if (shown := self.data.items.get(item_id)) is not None:
            return shown
        if (item := self._item(item_id)) is None:
            return None
        failures = Failures(self._lane.outbox.rejected)
        return view_of(self._lane, item, self.leaves(item_id), failures)

    def progress(self, show: Item) -> ShowProgress | None:
        """Return how far a tracked show is; None if its episodes are not known."""
        if self._lane.ledger.is_anothers(show):
            return None
        return self.shows.get(show.item_id)

    def tracked_view(self, tracked_id: str) -> ItemView | None:
        """Return how a tracked item is, by the id it had when tracking began."""
        return self.data.tracked.get(tracked_id)

    def leaves(self, show_id: str) -> Sequence[Reading]:
        """Return the last readings of a tracked show's episodes, in order."""
        if (leaves := self._leaves.get(show_id)) is None:
            return ()
        return [
            self._lane.ledger.reading_of(leaf.item) or leaf for leaf in leaves.readings
        ]

    # --- publishing ------------------------------------------------------------

    @callback
    def _lane_changed(self, update: LaneUpdate) -> None:
        if update.readings:
            self._drop_others(update.readings)
            self._ledger.save_later()
            if not self._lists_plays:
                self._keep_lists(self._ledger.up_next, self._newest_known)
        if not self._remembering:
            self._moved.update(reading.item.item_id for reading in update.readings)
        for outcome in update.outcomes:
            item = outcome.operation.item
            self._moved.add(item.item_id)
            self._stale_shows |= self._leaves.keys() & {item.item_id, *item.show_ids}
        if not self._remembering:
            self._publish()
        if any(outcome.result in _READ_AFTER for outcome in update.outcomes):
            self._debounced_refresh.async_schedule_call()

    def _drop_others(self, readings: Iterable[Reading]) -> None:
        """Take off the lists what has the id of something that was on them."""
        others = {
            reading.item.item_id
            for reading in readings
            if (shown := self.data.items.get(reading.item.item_id)) is not None
            and not shown.item.is_still(reading.item)
        }
        up_next = self._ledger.up_next
        self._ledger.up_next = tuple(one for one in up_next if one not in others)
        if self._ledger.last_played in others:
            self._ledger.last_played = None

    @callback
    def _new_day(self, _: datetime) -> None:
        """Count the episodes that air today."""
        self._publish()

    @callback
    def _publish(self, _: datetime | None = None) -> None:
        """Tell the entities, if there is news.

        Not `async_set_updated_data`: that would cancel the look that was asked for.
        """
        snapshot = self._build()
        self._tell_in_time(snapshot)
        if snapshot != self.data:
            self.data = snapshot
            self.async_update_listeners()

    @callback
    def _tell_in_time(self, snapshot: SyncSnapshot) -> None:
        """Look again when what is on its way counts as waiting, if it still is."""
        self._stop_waiting()
        if snapshot.pending and not snapshot.waits:
            self._waits_in = async_call_later(
                self.hass,
                ON_ITS_WAY,
                HassJob(self._publish, cancel_on_shutdown=True),
            )

    @callback
    def _stop_waiting(self) -> None:
        if self._waits_in is not None:
            self._waits_in()
            self._waits_in = None

    # --- reading ---------------------------------------------------------------

    @override
    async def _async_update_data(self) -> SyncSnapshot:
        """Read the server if it is there; never fail, as entities work without it."""
        before = self.data
        if self._lane.health.phase is Phase.READY:
            # On the entry, so that unloading does not wait for a slow server.
            reading = self.config_entry.async_create_background_task(
                self.hass, self._read(), f"{self.name} - read"
            )
            await asyncio.wait([reading])
            if not reading.cancelled():
                reading.result()
        snapshot = self._build()
        if snapshot == before:
            # What changed meanwhile was published, and has changed back: the base
            # class would see no news in that.
            self._publish()
        return snapshot

    async def _read(self) -> None:
        try:
            async with self._one_read:
                self._moved.clear()
                with self._noting(Read.LISTS):
                    await self._read_lists()
                    await self._read_shows()
        except ServerError as err:
            self._relay.report(err)

    async def catch_up(self) -> None:
        """Read everything known again, and publish it as one. Raises `ServerError`."""
        async with self._one_read:
            self._moved.clear()
            with self._noting(Read.EVERYTHING):
                await self._read_lists(everything=True)
                await self._read_shows()
        self._publish()

    @contextmanager
    def _noting(self, read: Read) -> Iterator[None]:
        """Note whether *read* went well: one that keeps failing is told of."""
        reads = self._lane.reads
        before = reads.trouble
        try:
            yield
        except ServerError as err:
            reads.failed(read, err)
            raise
        else:
            reads.succeeded(read)
        finally:
            if reads.trouble != before:
                self._lane.publish(LaneUpdate())

    async def look(self, item_ids: frozenset[str]) -> None:
        """Read items again that may have changed. Raises `ServerError`.

        What was never played and never seen is none of ours, but may be up next. An
        empty set says that the library has changed somewhere: episodes that are waited
        for may be there now.
        """
        if not item_ids:
            self._library_changed.async_schedule_call()
            self._look_for_episodes()
            return
        with self._noting(Read.HINTS):
            await self._look(item_ids)

    async def _look(self, item_ids: frozenset[str]) -> None:
        async with self._one_read:
            self._moved.clear()
            fetched = await self._fetch(item_ids)
            self._look_for_episodes([reading.item for reading in fetched.values()])
            found = {
                item_id: reading
                for item_id, reading in fetched.items()
                if self._follows(reading.item)
            }
            await self._lane.know(found.values())
            ledger = self._lane.ledger
            known = {
                one
                for one in item_ids
                if (item := ledger.item(one)) is not None
                and (one in found or self._follows(item))
            }
            ours = [
                reading
                for item_id, reading in found.items()
                if item_id in known or _was_played(reading)
            ]
            news = self._news(ours)
            self._remember(ours)
            dealt_with = {one.item.item_id for one in ours}
            others = [one for key, one in found.items() if key not in dealt_with]
            self._lane.note_library(others, item_ids - fetched.keys())
            self._note_last_played(news)
            self._publish()
            if news or known - found.keys():
                await self._follow_up()
            elif len(ours) < len(found):
                self._library_changed.async_schedule_call()

    def _look_for_episodes(self, items: Collection[Item] | None = None) -> None:
        """Have what waits for episodes looked at, where *items* or all may be new."""
        if self._lane.outbox.hasten(Reason.NO_EPISODES, items):
            self._lane.wake.set()

    async def glance(self) -> None:
        """Look for marks that the server did not tell of. Raises `ServerError`.

        What was played last shows new marks, of any item; only items that are read
        again show that a mark was taken back.
        """
        with self._noting(Read.GLANCE):
            await self._glance()

    async def _glance(self) -> None:
        async with self._one_read:
            self._moved.clear()
            plays = await self._plays()
            found = [*plays.readings, *await self._begun()]
            batch = self._next_batch({reading.item.item_id for reading in found})
            if batch:
                readings = (await self._fetch(batch)).values()
                found.extend(one for one in readings if self._follows(one.item))
            await self._lane.know(found)
            news = self._news(found)
            # Rows of a list and of single items differ in detail: only play states
            # that moved are worth remembering, or looking at again.
            doubted = filter(self._lane.recent.shows_what_was, found)
            self._remember([*news, *doubted])
            self._note_plays_seen(plays)
            self._note_last_played(news)
            self._publish()
            if news:
                await self._follow_up()

    async def _follow_up(self) -> None:
        """Read the lists, where others changed something; not every moment."""
        rested = self.hass.loop.time() - self._lists_read_at
        if rested < REFRESH_COOLDOWN:
            self._debounced_refresh.async_schedule_call()
            return
        await self._read_lists()
        await self._read_shows()
        self._publish()

    async def _read_lists(self, *, everything: bool = False) -> None:
        """Read what is up next and was played last, and what is shown, or known."""
        self._lists_read_at = self.hass.loop.time()
        found: list[Reading] = []
        up_next: list[Reading] = []
        # What was begun is told by it as well, where plays are not.
        if self._lists_up_next or not self._lists_plays:
            up_next = [
                reading
                for reading in await self._server.up_next(MAX_UP_NEXT_SWITCHES)
                if self.allows(reading.item)
            ]
            up_next = await self._with_show_ids(up_next)
            found.extend(up_next)
        plays = await self._plays()
        found.extend(plays.readings)
        wanted = self._shown_ids
        if everything:
            wanted.update(self._followed_ids)
        missing = wanted - {reading.item.item_id for reading in found}
        if missing:
            found.extend((await self._fetch(missing)).values())
        await self._lane.know(found)
        # First of all: what was on the lists may have had ids that are others' now.
        self._remember(found)
        if self._lists_plays:
            last_played = next(
                (
                    one.item.item_id
                    for one in plays.readings
                    if one.state.last_played
                    and not self._lane.recent.shows_what_was(one)
                ),
                None,
            )
        else:
            last_played = self._newest_known
        self._keep_lists(
            tuple(dict.fromkeys(reading.item.item_id for reading in up_next)),
            last_played,
        )
        self._note_plays_seen(plays)
        await self._find_tracked(again=everything)

    async def _with_show_ids(self, listed: Sequence[Reading]) -> list[Reading]:
        """Return what is up next with the ids of its shows, which tell what it is.

        Servers list an episode without them. The catalogue knows them once the show was
        read; until then its server is asked, once, for all shows in one request.
        """
        wanted = {
            one.item.show_id
            for one in listed
            if one.item.show_id and not one.item.show_provider_ids
        }
        known = await self._lane.known(wanted)
        missing = wanted - known.keys() - self._shows_asked.keys()
        if missing:
            asked = await self._server.fetch(missing)
            self._shows_asked |= {one: asked.get(one) for one in missing}
        shows = {**self._shows_asked, **known}
        return [
            replace(one, item=one.item.of_show(show.item))
            if (show := shows.get(one.item.show_id or "")) is not None
            else one
            for one in listed
        ]

    def _keep_lists(self, up_next: tuple[str, ...], last_played: str | None) -> None:
        """Show other lists from now on, and after a restart."""
        lists = (up_next, last_played)
        if lists != (self._ledger.up_next, self._ledger.last_played):
            self._ledger.up_next, self._ledger.last_played = lists
            self._ledger.save_later()

    async def _find_tracked(self, *, again: bool) -> None:
        """Look for tracked items that are gone, or whose ids are others' now.

        What was not found is looked for *again* only where everything is read.
        """
        ledger = self._lane.ledger
        for first_id, item in self._tracked.items():
            if item.item_id not in ledger.absent and not ledger.is_anothers(item):
                self._lost.discard(first_id)
                continue
            if first_id in self._lost and not again:
                continue
            self._lost.add(first_id)
            try:
                found = await find_again(self._server, item, self._find)
            except StillLooking:
                continue
            except ServerError as err:
                # What is known is shown all the same; the next full look tries again.
                self._lane.reads.failed(Read.TRACKED, err)
                self._relay.report(err)
                return
            if found is None or first_id not in self._tracked:
                continue
            self._lost.discard(first_id)
            self._tracked[first_id] = found
            readings = (await self._fetch([found.item_id])).values()
            await self._lane.know(readings)
            self._remember(readings)
        self._lane.reads.succeeded(Read.TRACKED)

    def _as_known(self, item: Item) -> Item:
        """Return a tracked item under the id it has now, as far as that is known."""
        ledger = self._lane.ledger
        if not ledger.is_anothers(item):
            return item
        now = [one.item for one in ledger if one.item.is_same_work(item)]
        return now[0] if len(now) == 1 else item

    @property
    def _lists_plays(self) -> bool:
        """Whether the server says without effort what was played last."""
        return self._server.capabilities.lists_plays

    @property
    def _newest_known(self) -> str | None:
        """The id of what was played last of all that is known."""
        played = (
            (reading.state.last_played, reading.item)
            for reading in self._lane.ledger
            if reading.state.last_played is not None
            and not reading.item.kind.is_container
            and self.allows(reading.item)
        )
        _, item = max(played, key=itemgetter(0), default=(None, None))
        return None if item is None else item.item_id

    async def _begun(self) -> list[Reading]:
        """Read what is begun by now, where the server does not list plays."""
        if self._lists_plays:
            return []
        found = await self._server.up_next(MAX_UP_NEXT_SWITCHES)
        return [one for one in found if self.allows(one.item) and _was_played(one)]

    async def _plays(self) -> _Plays:
        """Read what was played last, back to what the last look has seen.

        However much was played or marked meanwhile, by us or by others, hides nothing.
        Where that takes the server long, the inventory finds it out.
        """
        seen_until = self._ledger.plays_seen_until or self._ledger.moves.since
        if not self._lists_plays:
            return _Plays([], self._ledger.plays_seen_until)
        now = self._lane.clock.now() + (self._server.clock_offset or timedelta())
        limit, before = PLAYS, 0
        while True:
            found = await self._server.last_played(limit)
            dates = [at for one in found if (at := one.state.last_played) is not None]
            if (
                seen_until is None
                or any(at < seen_until for at in dates)
                # Odd rows are left out, so that a page may be full with fewer.
                or len(found) <= max(before, limit // 2)
                or limit == MOST_PLAYS
            ):
                break
            limit, before = min(limit * MORE_PLAYS, MOST_PLAYS), len(found)
        # What is dated later than now says nothing of what will be played.
        newest = max((at for at in dates if at <= now + CLOCK_TOLERANCE), default=None)
        if newest is not None and newest + CLOCK_TOLERANCE < now:
            # Nothing more will be dated with that second: of a hundred marks in one
            # second, this look has seen all.
            newest += _SECOND
        return _Plays(
            [reading for reading in found if self.allows(reading.item)],
            newest or seen_until or now,
        )

    def _note_plays_seen(self, plays: _Plays) -> None:
        """Note that all of *plays* is known from now on."""
        if self._ledger.plays_seen_until != plays.newest:
            self._ledger.plays_seen_until = plays.newest
            self._ledger.save_later()

    async def _fetch(self, item_ids: Collection[str]) -> Mapping[str, Reading]:
        """Read items, and note which of them are not there any more."""
        found = await self._server.fetch(item_ids)
        if self._lane.ledger.miss(set(item_ids) - found.keys()):
            self._ledger.save_later()
        return found

    async def _read_shows(self) -> None:
        """Read the episodes of tracked shows that changed.

        Its server is asked where they are not what is known of them. A show that cannot
        be read does not hold up the others; raises its `ServerError` in the end.
        """
        failed: ServerError | None = None
        ledger = self._lane.ledger
        for tracked in self._tracked_shows:
            show_id = tracked.item_id
            show = ledger.reading_of(tracked)
            if show is None:
                continue
            counts = (show.leaf_count, show.watched_leaf_count)
            known = self._leaves.get(show_id)
            if (
                known
                and known.counts == counts
                and known.show.is_still(show.item)
                and not known.are_merged
                and show_id not in self._stale_shows
                and not any(ledger.is_anothers(leaf.item) for leaf in known.readings)
            ):
                continue
            self._stale_shows.discard(show_id)
            if listed := await self._listed_leaves(show):
                self._leaves[show_id] = _Leaves(show.item, tuple(listed), counts)
                continue
            try:
                readings = await self._server.fetch_leaves(show.item)
            except ItemGone:
                self._leaves.pop(show_id, None)
                continue
            except ServerError as err:
                self._stale_shows.add(show_id)
                if is_outage(err):
                    raise
                failed = failed or err
                continue
            self._leaves[show_id] = _Leaves(show.item, tuple(readings), counts)
            await self._lane.know(readings)
            self._remember(readings)
        if failed is not None:
            raise failed

    async def _listed_leaves(self, show: Reading) -> Sequence[Reading]:
        """Return what is known of a show's episodes, if its counts say the same."""
        leaves = await self._lane.below(show.item) or ()
        watched = sum(one.state.watched is True for one in leaves)
        agrees = (len(leaves), watched) == (show.leaf_count, show.watched_leaf_count)
        return leaves if agrees else ()

    def _remember(self, readings: Iterable[Reading]) -> None:
        """Take over readings without publishing each batch of them.

        What the relay is writing, or has read since we asked, it knows better.
        """
        is_in_flight = self._in_flight()
        current = [
            reading
            for reading in readings
            if reading.item.item_id not in self._moved
            and not is_in_flight(reading.item)
        ]
        self._remembering = True
        try:
            self._lane.remember(current)
        finally:
            self._remembering = False

    def _in_flight(self) -> Callable[[Item], bool]:
        """Return what tells whether an item is being written right now."""
        operations = self._lane.in_flight_operations
        items = {operation.item.item_id for operation in operations}
        trees = [one for one in operations if one.scope is Scope.TREE]
        return lambda item: (
            item.item_id in items or any(tree.reaches(item) for tree in trees)
        )

    def _news(self, readings: Iterable[Reading]) -> list[Reading]:
        """Return the readings that show another play state than is known.

        What may show what was is no news before it was looked at again.
        """
        ledger, recent = self._lane.ledger, self._lane.recent
        return [
            reading
            for reading in readings
            if not recent.shows_what_was(reading)
            and (
                (known := ledger.reading(reading.item.item_id)) is None
                or _shown(known) != _shown(reading)
            )
        ]

    def _note_last_played(self, news: Iterable[Reading]) -> None:
        """See at once what was played last, before the lists are read again."""
        if not self._lists_plays:
            self._keep_lists(self._ledger.up_next, self._newest_known)
            return
        for reading in news:
            played_at = reading.state.last_played
            if played_at is None or reading.item.kind.is_container:
                continue
            if not self.allows(reading.item):
                continue
            before = self._lane.ledger.base(self._ledger.last_played or "")
            if (
                before is None
                or before.last_played is None
                or before.last_played < played_at
            ):
                self._keep_lists(self._ledger.up_next, reading.item.item_id)

    def _next_batch(self, read: Collection[str]) -> list[str]:
        """Return what a glance reads again, apart from what it has *read*."""
        known = dict.fromkeys(sorted(self._shown_ids))
        known |= dict.fromkeys(self._followed_ids)
        wanted = [item_id for item_id in known if item_id not in read]
        if len(wanted) <= GLANCE_BATCH:
            return wanted
        first, others = wanted[:GLANCE_SHOWN], wanted[GLANCE_SHOWN:]
        room = GLANCE_BATCH - GLANCE_SHOWN
        start = self._turn % len(others)
        self._turn = start + room
        return [*first, *(others[start:] + others[:start])[:room]]

    def _restore_leaves(self, tracked: Item) -> None:
        """Take a show's episodes from the ledger, if it has all of them."""
        show = self._lane.ledger.reading_of(tracked)
        if show is None or not show.leaf_count:
            return
        readings = [
            reading
            for reading in self._lane.ledger
            if reading.item.kind is MediaKind.EPISODE and show.item.covers(reading.item)
        ]
        if len(readings) == show.leaf_count:
            readings.sort(key=lambda one: (one.item.season or 0, one.item.episode or 0))
            self._leaves[tracked.item_id] = _Leaves(
                show.item, tuple(readings), (show.leaf_count, show.watched_leaf_count)
            )

    @property
    def _tracked_shows(self) -> Iterable[Item]:
        return [one for one in self._tracked.values() if one.kind is MediaKind.SHOW]

    @property
    def _tracked_now(self) -> Mapping[str, Item]:
        """The tracked items by the ids they have now."""
        return {item.item_id: item for item in self._tracked.values()}

    def _follows(self, item: Item) -> bool:
        """Whether what others do to an item is looked at: also if it is tracked."""
        tracked = self._tracked_now.keys() & {item.item_id, *item.show_ids}
        return bool(tracked) or self.allows(item)

    @property
    def _followed_ids(self) -> Iterable[str]:
        """Ids of what was read before; reading again tells where an item is."""
        return [
            reading.item.item_id
            for reading in self._lane.ledger
            if reading.item.library_id is None or self._follows(reading.item)
        ]

    @property
    def _up_next(self) -> tuple[str, ...]:
        """Ids of what is up next; a library may have been left out since."""
        return tuple(one for one in self._ledger.up_next if self._is_shown(one))

    @property
    def _last_played(self) -> str | None:
        """The id of what was played last, as far as it is shown."""
        last_played = self._ledger.last_played
        return last_played if last_played and self._is_shown(last_played) else None

    def _is_shown(self, item_id: str) -> bool:
        item = self._lane.ledger.item(item_id)
        return item is None or item.library_id is None or self.allows(item)

    @property
    def _lists_up_next(self) -> bool:
        """Whether anybody sees what is up next: as switches, or as a list.

        The list is there unless a person has disabled it, and as long as there may be
        switches, however few are chosen.
        """
        if preferences(self.config_entry).up_next_switches:
            return True
        registry = er.async_get(self.hass)
        entity_id = registry.async_get_entity_id(
            Platform.TODO, DOMAIN, f"{self.config_entry.unique_id}:up_next"
        )
        listed = entity_id and registry.async_get(entity_id)
        return not (listed and listed.disabled)

    @property
    def _shown_ids(self) -> set[str]:
        """Ids of the items a snapshot holds."""
        shown = {*self._tracked_now, *self._up_next}
        if self._last_played is not None:
            shown.add(self._last_played)
        return shown

    def _item(self, item_id: str) -> Item | None:
        return self._lane.ledger.item(item_id) or self._tracked_now.get(item_id)

    def _build(self) -> SyncSnapshot:
        known = map(self._item, sorted(self._shown_ids))
        shown = ShownItems(
            items=[item for item in known if item is not None],
            tracked={
                first_id: reading.item
                if (reading := self._lane.ledger.reading_of(item))
                else item
                for first_id, item in self._tracked.items()
            },
            leaves={show_id: self.leaves(show_id) for show_id in self._leaves},
            up_next=self._up_next,
            last_played=self._last_played,
        )
        return take_snapshot(self._lane, shown, dt_util.now().date())


def _was_played(reading: Reading) -> bool:
    """Whether a film or episode was watched or begun."""
    return not reading.item.kind.is_container and not reading.state.is_untouched


def _shown(reading: Reading) -> tuple[PlayState, int | None, int | None]:
    """Return what a reading says of the play state."""
    return reading.state, reading.leaf_count, reading.watched_leaf_count
