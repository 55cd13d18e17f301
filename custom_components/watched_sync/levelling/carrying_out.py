"""Carrying levellings out: hand a plan to the lanes bit by bit, and never lose it.

There is one `Levellings` for all of Home Assistant. A levelling is on the disk before
it begins; each lane it writes to has a runner, which lives as long as the lane's entry
is loaded and goes on where it was the next time.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Final

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.dispatcher import (
    async_dispatcher_connect,
    async_dispatcher_send,
)
from homeassistant.util import dt as dt_util
from homeassistant.util.hass_dict import HassKey
from homeassistant.util.ulid import ulid_now

from ..activity import async_tell_levelled
from ..const import DOMAIN, LOGGER
from ..core.codec import DAMAGE
from ..core.errors import JournalError
from ..core.lane import LaneUpdate
from ..core.level.codec import decode_levelling, encode_levelling
from ..core.level.levelling import Asked, Levelling, Part
from ..core.level.plan import Plan
from ..core.play_state import Reading
from ..runtime import WatchedSyncConfigEntry
from ..store import LevellingsStore, LevellingStore
from .planning import newest
from .runner import Host, Runner

#: Seconds between two writes of how far a levelling is, and two tellings of it.
SAVED_EVERY: Final = 10.0

#: Levellings that are over are remembered, to be taken back, by number and by age.
MOST_REMEMBERED: Final = 10
REMEMBERED_FOR: Final = timedelta(days=30)

#: Sent when a levelling got further on the lane of an entry, with the entry's id.
_PROGRESS: Final = f"{DOMAIN}_levelling"

_LEVELLINGS: HassKey[Levellings] = HassKey(f"{DOMAIN}_levellings")


class UnderWay(Exception):
    """A lane is being levelled already."""


class Unknown(Exception):
    """There is no such levelling, or it was forgotten."""


@dataclass(slots=True, eq=False)
class _Live:
    """A levelling that is in memory, as something is left to be done."""

    levelling: Levelling
    store: LevellingStore
    runners: dict[str, Runner] = field(default_factory=dict)
    one_write: asyncio.Lock = field(default_factory=asyncio.Lock)
    saved_at: float = 0.0


class Levellings(Host):
    """All levellings there are, under way and over.

    `offers` is what became of offers to level, by the ids of the entries concerned.
    """

    def __init__(self, hass: HomeAssistant) -> None:
        """Prepare; nothing is read before `async_load`."""
        self._hass = hass
        self._store = LevellingsStore(hass)
        self._live: dict[str, _Live] = {}
        #: What is remembered of each, the oldest first: `over` since then, or None.
        self._known: dict[str, str | None] = {}
        self.offers: dict[str, str] = {}

    # --- what there is ---------------------------------------------------------

    async def async_load(self) -> None:
        """Read what was stored; what is under way goes on with its lanes."""
        data = await self._store.async_load() or {}
        known, offers = data.get("levellings"), data.get("offers")
        if isinstance(known, dict):
            self._known = {
                batch_id: over if isinstance(over, str) else None
                for batch_id, over in known.items()
            }
        if isinstance(offers, dict):
            self.offers = {key: str(value) for key, value in offers.items()}
        for batch_id, over in [*self._known.items()]:
            if over is None:
                try:
                    await self._async_bring_back(batch_id)
                except Unknown:
                    LOGGER.warning("A levelling that was under way cannot be read")
                    self._known.pop(batch_id)

    async def _async_bring_back(self, batch_id: str) -> _Live:
        """Return a levelling, read again if it is over. Raises `Unknown`."""
        if (live := self._live.get(batch_id)) is not None:
            return live
        if batch_id not in self._known:
            raise Unknown(batch_id)
        store = LevellingStore(self._hass, batch_id)
        try:
            data = await store.async_load()
            levelling = await self._hass.async_add_executor_job(decode_levelling, data)
        except DAMAGE as err:
            raise Unknown(batch_id) from err
        live = self._live.setdefault(batch_id, _Live(levelling, store))
        for part in live.levelling.parts.values():
            if (entry := self._loaded(part.target_id)) is not None:
                live.levelling.catch_up(part, entry.runtime_data.lane.outbox)
        return live

    def knows(self, batch_id: str) -> bool:
        """Whether a batch is a levelling that can be taken back, or is under way."""
        return batch_id in self._known

    async def async_find(self, batch_id: str) -> Levelling:
        """Return a levelling by its batch. Raises `Unknown`."""
        levelling = (await self._async_bring_back(batch_id)).levelling
        self._let_go(batch_id)
        return levelling

    def under_way(self, entry_id: str | None = None) -> list[Levelling]:
        """Return what is not over, of one lane or all, the newest first."""
        return [
            live.levelling
            for live in reversed(self._live.values())
            if not live.levelling.is_over
            and (
                entry_id is None
                or (
                    entry_id in live.levelling.parts
                    and not live.levelling.parts[entry_id].is_over
                )
            )
        ]

    # --- what is asked for -----------------------------------------------------

    async def async_start(self, plan: Plan, asked: Asked) -> Levelling:
        """Carry a plan out; when this returns it is on the disk.

        Raises `UnderWay` and `JournalError`.
        """
        parts = {
            target_id: Part(target_id, steps)
            for target_id, steps in plan.steps.items()
            if steps
        }
        if any(self.under_way(target_id) for target_id in parts):
            raise UnderWay
        levelling = Levelling(
            batch_id=ulid_now(),
            plan_id=plan.plan_id,
            asked_at=dt_util.utcnow(),
            asked=asked,
            parts=parts,
        )
        batch_id = levelling.batch_id
        live = _Live(levelling, LevellingStore(self._hass, batch_id))
        self._live[batch_id] = live
        try:
            await self._async_save(live)
            self._known[batch_id] = None
            await self._async_save_known()
        except JournalError:
            self._known.pop(batch_id, None)
            del self._live[batch_id]
            raise
        self._run(live)
        return levelling

    async def async_stop(
        self, batch_id: str, entry_ids: Collection[str] | None = None
    ) -> Levelling:
        """Hand no more over; what was handed over is delivered still.

        Raises `Unknown` and `JournalError`.
        """
        live = await self._async_bring_back(batch_id)

        def stop(levelling: Levelling) -> None:
            for part in _parts(levelling, entry_ids):
                part.is_stopped |= not part.is_over

        await self._async_change(live, stop)
        self._stir(live)
        return live.levelling

    async def async_go_on(
        self, batch_id: str, entry_ids: Collection[str] | None = None
    ) -> Levelling:
        """Go on with what was stopped. Raises `Unknown` and `JournalError`."""
        live = await self._async_bring_back(batch_id)

        def go_on(levelling: Levelling) -> None:
            for part in _parts(levelling, entry_ids):
                part.is_stopped = False

        await self._async_change(live, go_on)
        self._run(live)
        self._let_go(batch_id)
        return live.levelling

    async def async_take_back(
        self, batch_id: str, entry_ids: Collection[str] | None = None
    ) -> Levelling:
        """Take back what was done, and do no more of it.

        When this returns it is on the disk that it is to be done. Raises `Unknown` and
        `JournalError`.
        """
        live = await self._async_bring_back(batch_id)
        undo_batch_id = live.levelling.undo_batch_id or ulid_now()

        def take_back(levelling: Levelling) -> None:
            levelling.undo_batch_id = undo_batch_id
            levelling.ended_at = None
            for part in _parts(levelling, entry_ids):
                if part.takes_back:
                    part.is_stopped = False
                else:
                    part.take_back()

        over = self._known[batch_id]
        self._known[batch_id] = None
        try:
            await self._async_save_known()
            await self._async_change(live, take_back)
        except JournalError:
            self._known[batch_id] = over
            raise
        self._run(live, again=True)
        return live.levelling

    async def async_wait(self, batch_id: str, seconds: float) -> None:
        """Wait until a levelling is over or stopped, at most *seconds*."""
        live = self._live.get(batch_id)
        tasks = [one.task for one in live.runners.values()] if live else []
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)

    async def async_note_offer(self, key: str, answer: str) -> None:
        """Remember what became of an offer; a failure costs another offer."""
        self.offers[key] = answer
        await self._async_save_known_or_log()

    # --- the lanes -------------------------------------------------------------

    @callback
    def async_attach(
        self, entry: WatchedSyncConfigEntry, *, is_restored: bool
    ) -> CALLBACK_TYPE:
        """Go on with what is under way on a lane; return what ends that.

        What came out of a backup may have been done since: a person has to say that it
        is to go on.
        """
        lane = entry.runtime_data.lane
        for live in self._live.values():
            if (part := live.levelling.parts.get(entry.entry_id)) is not None:
                live.levelling.catch_up(part, lane.outbox)
                part.is_stopped |= is_restored
                self._run(live, again=True)

        @callback
        def hear(update: LaneUpdate) -> None:
            self._hear(entry.entry_id, update)

        remove = lane.add_listener(hear)

        @callback
        def detach() -> None:
            remove()
            for live in self._live.values():
                if (runner := live.runners.pop(entry.entry_id, None)) is not None:
                    runner.task.cancel()

        return detach

    @callback
    def _hear(self, entry_id: str, update: LaneUpdate) -> None:
        """Take in how operations ended, and have the runners look again."""
        now = dt_util.utcnow()
        for live in [*self._live.values()]:
            if (part := live.levelling.parts.get(entry_id)) is None:
                continue
            for outcome in update.outcomes:
                live.levelling.take_in(part, outcome, now)
            self._stir(live)

    @callback
    def _stir(self, live: _Live) -> None:
        for runner in live.runners.values():
            runner.stir()

    @callback
    def _run(self, live: _Live, *, again: bool = False) -> None:
        """Have all lanes of a levelling get on with it that can.

        *again* is also where nothing seems to be left: what waits may have to go.
        """
        for target_id, part in live.levelling.parts.items():
            entry = self._loaded(target_id)
            if entry is None or part.is_stopped:
                continue
            if part.is_over and not (again and part.takes_back):
                continue
            runner = live.runners.get(target_id)
            if runner is None or runner.task.done():
                live.runners[target_id] = runner = Runner(
                    self, live.levelling, entry, part
                )
            runner.stir()

    def _loaded(self, entry_id: str) -> WatchedSyncConfigEntry | None:
        """Return the entry of a lane if it runs; it does so while it is set up, too."""
        entry: WatchedSyncConfigEntry | None
        entry = self._hass.config_entries.async_get_entry(entry_id)
        if entry is None or entry.state not in (
            ConfigEntryState.LOADED,
            ConfigEntryState.SETUP_IN_PROGRESS,
        ):
            return None
        return entry if getattr(entry, "runtime_data", None) is not None else None

    async def async_known(
        self, entry_id: str, item_ids: Collection[str]
    ) -> Mapping[str, Reading] | None:
        """Return what a lane will show of items, None if it cannot tell.

        Raises `CatalogueError`.
        """
        entry = self._loaded(entry_id)
        if entry is None or not await entry.runtime_data.lane.is_listed():
            return None
        lane = entry.runtime_data.lane
        listed = await entry.runtime_data.catalogue.readings(item_ids)
        found = {one: newest(lane, reading) for one, reading in listed.items()}
        return {one: reading for one, reading in found.items() if reading is not None}

    # --- what becomes of it ----------------------------------------------------

    async def async_got_on(
        self, levelling: Levelling, entry: WatchedSyncConfigEntry
    ) -> None:
        """Tell how far a levelling is, and write it down now and then."""
        live = self._live[levelling.batch_id]
        if self._hass.loop.time() - live.saved_at >= SAVED_EVERY:
            async_dispatcher_send(self._hass, _PROGRESS, entry.entry_id)
            await self._async_save_or_log(live)

    async def async_ended(
        self, levelling: Levelling, entry: WatchedSyncConfigEntry
    ) -> None:
        """Note that a lane is done with a levelling."""
        live = self._live[levelling.batch_id]
        live.runners.pop(entry.entry_id, None)
        self._tell(levelling, entry)
        if levelling.is_over:
            levelling.ended_at = dt_util.utcnow()
        await self._async_save_or_log(live)
        if levelling.is_over:
            # After it: what is said to be over is not looked at again.
            self._known[levelling.batch_id] = dt_util.utcnow().isoformat()
            await self._async_forget_old()
            await self._async_save_known_or_log()
            self._let_go(levelling.batch_id)

    async def async_stopped(
        self, levelling: Levelling, entry: WatchedSyncConfigEntry
    ) -> None:
        """Note that nothing more is handed to a lane, for now."""
        live = self._live[levelling.batch_id]
        self._tell(levelling, entry)
        await self._async_save_or_log(live)

    @callback
    def _let_go(self, batch_id: str) -> None:
        """Have what is over no longer in memory; the disk remembers it."""
        live = self._live.get(batch_id)
        if live is not None and live.levelling.is_over and not live.runners:
            del self._live[batch_id]

    @callback
    def _tell(self, levelling: Levelling, entry: WatchedSyncConfigEntry) -> None:
        part = levelling.parts[entry.entry_id]
        async_dispatcher_send(self._hass, _PROGRESS, entry.entry_id)
        told = {"batch_id": levelling.batch_id, "levelling": part.state.value}
        async_tell_levelled(self._hass, entry, {**told, **part.tally})

    async def _async_change(
        self, live: _Live, change: Callable[[Levelling], None]
    ) -> None:
        """Change a levelling, once it is on the disk. Raises `JournalError`."""
        changed = _frozen(live.levelling)
        change(changed)
        await self._async_save(live, changed)
        change(live.levelling)

    async def _async_save(
        self, live: _Live, levelling: Levelling | None = None
    ) -> None:
        """Write a levelling down, as it is or is to be. Raises `JournalError`."""
        live.saved_at = self._hass.loop.time()
        await asyncio.shield(
            self._hass.async_create_task(
                self._async_write(live, levelling or live.levelling),
                f"{DOMAIN} writes a levelling",
            )
        )

    async def _async_write(self, live: _Live, levelling: Levelling) -> None:
        async with live.one_write:
            data = await self._hass.async_add_executor_job(
                encode_levelling, _frozen(levelling)
            )
            await live.store.async_save(data)

    async def _async_save_or_log(self, live: _Live) -> None:
        """Write a levelling down; what the disk does not know is found out again."""
        try:
            await self._async_save(live)
        except JournalError as err:
            LOGGER.debug("How far a levelling is was not written: %r", err)

    async def _async_save_known(self) -> None:
        await self._store.async_save(
            {"levellings": dict(self._known), "offers": dict(self.offers)}
        )

    async def _async_save_known_or_log(self) -> None:
        """Write down what there is; what the disk does not know is found out again."""
        try:
            await self._async_save_known()
        except JournalError as err:
            LOGGER.debug("What is remembered of levellings was not written: %r", err)

    async def _async_forget_old(self) -> None:
        """Delete what nobody will take back any more."""
        oldest = (dt_util.utcnow() - REMEMBERED_FOR).isoformat()
        over = [batch_id for batch_id, at in self._known.items() if at is not None]
        for batch_id in over:
            is_old = (self._known[batch_id] or "") < oldest
            if is_old or len(self._known) > MOST_REMEMBERED:
                del self._known[batch_id]
                self._live.pop(batch_id, None)
                await LevellingStore(self._hass, batch_id).async_remove()

    async def async_forget(self, entry_id: str) -> None:
        """Forget what was to be done on the lane of an entry that is gone."""
        for batch_id, live in [*self._live.items()]:
            parts = {
                target_id: part
                for target_id, part in live.levelling.parts.items()
                if target_id != entry_id
            }
            if len(parts) == len(live.levelling.parts):
                continue
            live.levelling.parts = parts
            if parts:
                await self._async_save_or_log(live)
            else:
                del self._live[batch_id]
                del self._known[batch_id]
                await live.store.async_remove()
        self.offers = {
            key: answer
            for key, answer in self.offers.items()
            if entry_id not in key.split()
        }
        await self._async_save_known_or_log()

    async def async_remove(self) -> None:
        """Delete all there is, as nothing of ours is left."""
        for batch_id in self._known:
            await LevellingStore(self._hass, batch_id).async_remove()
        await self._store.async_remove()
        self._live, self._known, self.offers = {}, {}, {}


def _parts(levelling: Levelling, entry_ids: Collection[str] | None) -> list[Part]:
    """Return what a levelling does on some lanes, or on all for None."""
    return [
        part
        for part in levelling.parts.values()
        if entry_ids is None or part.target_id in entry_ids
    ]


def _frozen(levelling: Levelling) -> Levelling:
    """Return a levelling as it is now, for another thread."""
    return replace(
        levelling,
        parts={
            target_id: replace(
                part,
                ends=dict(part.ends),
                back=dict(part.back),
                on_its_way=set(part.on_its_way),
            )
            for target_id, part in levelling.parts.items()
        },
    )


async def async_start_levellings(hass: HomeAssistant) -> Levellings:
    """Return the levellings of Home Assistant, read from the disk at first."""
    if (found := hass.data.get(_LEVELLINGS)) is None:
        found = hass.data[_LEVELLINGS] = Levellings(hass)
        await found.async_load()
    return found


@callback
def levellings(hass: HomeAssistant) -> Levellings:
    """Return the levellings of Home Assistant."""
    return hass.data[_LEVELLINGS]


@callback
def async_listen_progress(
    hass: HomeAssistant, listener: Callable[[str], Any]
) -> CALLBACK_TYPE:
    """Call *listener* with the id of an entry whose lane a levelling got further on.

    Return what ends that.
    """
    return async_dispatcher_connect(hass, _PROGRESS, listener)
