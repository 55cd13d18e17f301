"""Copying changes to other lanes: when to look, whom to tell, and what a person sees.

What is copied, and to which item, is decided in `core.mirror` and `core.copying`.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Final

from homeassistant.config_entries import ConfigEntry, ConfigEntryState
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.dispatcher import (
    async_dispatcher_connect,
    async_dispatcher_send,
)
from homeassistant.util.hass_dict import HassKey
from homeassistant.util.ulid import ulid_now

from .const import CONF_SERVER_NAME, DOMAIN, LOGGER
from .core.copying import Copier, CopyTarget, NoTarget
from .core.errors import ServerError
from .core.identity import Item
from .core.lane import Lane, LaneUpdate, Phase
from .core.mirror import Held, Moves, Skip, SkippedCopy
from .core.ports import Clock, MediaServer
from .preferences import preferences
from .store import LedgerStore

#: Seconds in which moves are gathered: what was marked at once is judged as a whole.
GATHER: Final = 2.0

#: Seconds until what failed is tried again, and no event said so.
RETRY: Final = 300.0

#: Sent when a lane can be told something again, with the id of its entry.
_READY: Final = f"{DOMAIN}_lane_ready"

_ONE_AT_A_TIME: HassKey[asyncio.Lock] = HassKey(f"{DOMAIN}_mirroring")


@dataclass(frozen=True, slots=True)
class MirrorCounts:
    """How copying from one lane goes, since it was loaded.

    `pending` moves are not copied everywhere yet, `held` ones of them wait for a
    person. `skipped` counts what was passed over, by reason.
    """

    pending: int
    held: int
    emptied: bool
    copied: int
    skipped: Counter[Skip]


class Mirroring:
    """Copies what moves on one lane to those its options name."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry[Any],
        lane: Lane,
        server: MediaServer,
        ledger: LedgerStore,
        *,
        clock: Clock,
        allows: Callable[[Item], bool],
        report: Callable[[ServerError], None],
        tell: Callable[[Held], None],
    ) -> None:
        """Note from now on what moves; nothing is copied before `run`.

        *allows* says whether an item is in a library that is followed. *report* hears
        of reads of this lane that failed, *tell* of what waits for a person.
        """
        chosen = preferences(entry)
        one_at_a_time = hass.data.setdefault(_ONE_AT_A_TIME, asyncio.Lock())
        self._hass = hass
        self._entry = entry
        self._label: str = entry.data[CONF_SERVER_NAME]
        self._lane = lane
        self._ledger = ledger
        self._tell = tell
        self._stirred = asyncio.Event()
        self._told: Phase | None = None
        self._asking = False
        self._targets = frozenset(chosen.mirror_to) - {entry.entry_id}
        known_since = ledger.moves.since
        self._copier = Copier(
            lane,
            server,
            ledger.moves,
            label=self._label,
            targets=self._targets,
            find_target=self._find_target,
            one_at_a_time=one_at_a_time,
            clock=clock,
            max_age=chosen.max_retry_age,
            new_id=ulid_now,
            report=report,
            paused=lambda: ledger.paused,
            allows=allows,
        )
        self._has_begun_or_ended = ledger.moves.since != known_since
        entry.async_on_unload(lane.add_listener(self._lane_changed))
        entry.async_on_unload(entry.async_on_state_change(self._announce))
        entry.async_on_unload(
            async_dispatcher_connect(hass, _READY, self._other_is_ready)
        )
        self._stirred.set()

    @property
    def _moves(self) -> Moves:
        return self._ledger.moves

    # --- what others ask -------------------------------------------------------

    @property
    def targets(self) -> Collection[str]:
        """Ids of the config entries that changes are copied to."""
        return self._targets

    @property
    def held(self) -> Held:
        """What waits for a person."""
        return self._moves.held

    @property
    def counts(self) -> MirrorCounts:
        """How it goes."""
        moves = self._moves
        return MirrorCounts(
            pending=len(moves),
            held=moves.held.count,
            emptied=moves.emptied,
            copied=moves.copied,
            skipped=moves.skips,
        )

    def skipped(self, item_id: str) -> list[SkippedCopy]:
        """Return why an item's changes were lately not copied, oldest first."""
        return self._moves.skipped(item_id)

    @callback
    def async_approve(self, item_ids: Collection[str]) -> None:
        """Copy what was held back."""
        self._moves.approve(item_ids)
        self._changed()

    @callback
    def async_refuse(self, item_ids: Collection[str]) -> None:
        """Never copy what was held back."""
        self._moves.refuse(item_ids)
        self._changed()

    @callback
    def _changed(self) -> None:
        self._ledger.save_later()
        self._ask()
        self._stirred.set()

    @callback
    def _ask(self) -> None:
        """Have a person decide upon what is held, as long as something is."""
        held = self._moves.held
        self._asking = held.count > 0
        self._tell(held)

    # --- when ------------------------------------------------------------------

    @callback
    def _announce(self) -> None:
        """Tell the others that this lane was loaded, or went, or is back."""
        loaded = self._entry.state is ConfigEntryState.LOADED
        phase = self._lane.health.phase if loaded else None
        if phase not in (None, self._told):
            async_dispatcher_send(self._hass, _READY, self._entry.entry_id)
        self._told = phase

    @callback
    def _lane_changed(self, update: LaneUpdate) -> None:
        self._announce()
        if any(one.operation.origin.is_copy for one in update.outcomes):
            # A copy may have given way, which no reading tells.
            self._ledger.save_later()
        if len(self._moves) or self._asking:
            self._stirred.set()

    @callback
    def _other_is_ready(self, entry_id: str) -> None:
        if entry_id in self._targets and len(self._moves):
            self._stirred.set()

    async def run(self) -> None:
        """Copy until cancelled."""
        if self._has_begun_or_ended:
            # What is played from this very moment on is to be copied, or not any
            # more, also if nothing else is written before the next start.
            await self._ledger.async_save()
        done, too_many = True, 0
        self._ask()
        while True:
            try:
                async with asyncio.timeout(None if done else RETRY):
                    await self._stirred.wait()
            except TimeoutError:
                pass  # what failed is tried again
            await asyncio.sleep(GATHER)
            self._stirred.clear()
            before = self._state
            done = await self._copier.copy()
            if lost := self._moves.skips[Skip.TOO_MANY] - too_many:
                too_many += lost
                LOGGER.warning(
                    "%d changes on %s were not copied: too many wait already",
                    lost,
                    self._label,
                )
            if self._state != before:
                self._ledger.save_later()
            self._ask()

    @property
    def _state(self) -> tuple[int, ...]:
        """What changes with everything that a round does."""
        moves = self._moves
        lanes = sum(len(move.before) for move in moves)
        return (lanes, moves.copied, moves.held.count, moves.skips.total())

    # --- whom ------------------------------------------------------------------

    @callback
    def _find_target(self, entry_id: str) -> CopyTarget | NoTarget:
        entry = self._hass.config_entries.async_get_entry(entry_id)
        if entry is None or entry.domain != DOMAIN:
            return NoTarget(for_good=True)
        if entry.state is not ConfigEntryState.LOADED:
            return NoTarget(for_good=False)
        runtime = entry.runtime_data
        return CopyTarget(
            lane=runtime.lane,
            server=runtime.server,
            find=runtime.inventory.find,
            policy=preferences(entry).conflict_policy,
            report=runtime.relay.report,
            allows=runtime.coordinator.allows,
        )
