"""What was read and written lately: a read may show what was instead of what is.

Seen on Jellyfin 10.11: episodes are marked one by one, and within half a second
un-marked through their show. The notice of the marks then puts into the server's cache
what the episodes were when they were marked, and every read answers with that until
the cache turns over.

So two things are looked at again before they are believed: that an operation is true
already although something else was read or written a moment ago; and that something
un-marked is watched since the very play that was un-marked, as a new mark has a new
date.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
import math
from typing import Final

from .play_state import PlayState, Reading
from .ports import Clock

#: Seconds for which what was read or written speaks against what is read now.
MOMENT: Final = 10.0

#: After how many seconds, from and to, what is doubted is looked at again.
LOOK_AGAIN: Final = (2.0, 5.0)

#: Seconds after which what was doubted and still shows is believed after all, where
#: nothing can be written to make sure.
LONGEST_DOUBT: Final = 60.0

#: Seconds for which an un-mark is remembered, and how many are.
UNMARK_MEMORY: Final = 3600.0
UNMARKS_KEPT: Final = 5_000


@dataclass(frozen=True, slots=True)
class _Known:
    """What an item was known to be at a moment.

    `ours` says that we had written it, and `alone` that only this item was written to.
    """

    state: PlayState
    at: float
    alone: bool = False
    ours: bool = False


@dataclass(frozen=True, slots=True)
class _Unmark:
    """An un-mark that was seen `at` a moment.

    `played` is the date of the play it took away, `after` what was read then, and
    `doubted_at` when that play was first read again.
    """

    played: datetime
    after: PlayState
    at: float
    doubted_at: float | None = None


class Recent:
    """What was read of one lane's items, and written to them, a moment ago."""

    def __init__(self, clock: Clock) -> None:
        """Start without a memory."""
        self._clock = clock
        self._read: dict[str, _Known] = {}
        self._written: dict[str, _Known] = {}
        self._unmarks: dict[str, _Unmark] = {}
        #: What is known instead of what a look showed, since it was looked at first.
        self._doubted: dict[str, _Known] = {}
        self._lost_contact_at = -math.inf

    # --- what happens ------------------------------------------------------

    def see(self, known: PlayState | None, reading: Reading) -> None:
        """Take in a reading that is believed, of an item known to be *known*."""
        item_id, state, now = reading.item.item_id, reading.state, self._now()
        _keep(self._read, item_id, _Known(state, now))
        if state.watched is not False or state.begun_again:
            self._unmarks.pop(item_id, None)
        elif known is not None and known.watched and known.last_played is not None:
            _keep(self._unmarks, item_id, _Unmark(known.last_played, state, now))
            if len(self._unmarks) > UNMARKS_KEPT:
                del self._unmarks[next(iter(self._unmarks))]
        self._forget(now)

    def wrote(self, states: Mapping[str, PlayState], *, alone: bool) -> None:
        """Note that items were written to and should show *states*, by their ids.

        *alone* says that it was one item, and not all that is below another.
        """
        now = self._now()
        for item_id, state in states.items():
            _keep(self._written, item_id, _Known(state, now, alone, ours=True))
            self._read.pop(item_id, None)
            self._doubted.pop(item_id, None)
            if state.watched:
                self._unmarks.pop(item_id, None)
        self._forget(now)

    def may_have_marked(self, item_ids: Iterable[str]) -> None:
        """Note that a mark of items was sent, and not answered.

        It may carry any date: whatever shows them watched is no play of before.
        """
        for item_id in item_ids:
            self._unmarks.pop(item_id, None)

    def hear(self, item_ids: Iterable[str]) -> None:
        """Note that the server tells of a change: what was read of these may differ.

        It also tells of what we have written, which explains nothing.
        """
        for item_id in item_ids:
            self._read.pop(item_id, None)

    def was_read(self, item_id: str, seconds: float) -> bool:
        """Whether an item was read within the last *seconds*, and since contact."""
        known = self._read.get(item_id)
        return (
            known is not None
            and known.at > self._lost_contact_at
            and self._now() - known.at <= seconds
        )

    def lose_contact(self) -> None:
        """Note that the server is away: it may come back with another database."""
        self._lost_contact_at = self._now()

    def forget(self, item_id: str) -> None:
        """Forget an id that stands for another work by now."""
        for memory in (self._read, self._written, self._unmarks, self._doubted):
            memory.pop(item_id, None)

    # --- what is observed --------------------------------------------------

    def shows_what_was(self, reading: Reading) -> bool:
        """Whether an item is watched by a play that was seen to be un-marked."""
        unmark = self._unmarks.get(reading.item.item_id)
        if unmark is None or not _is_that_play(unmark, reading.state):
            return False
        now = self._now()
        return now - unmark.at < UNMARK_MEMORY and (
            unmark.doubted_at is None or now - unmark.doubted_at < LONGEST_DOUBT
        )

    def state_of(self, reading: Reading) -> PlayState:
        """Return what an item is: what *reading* shows, unless that is what was."""
        if self.shows_what_was(reading):
            return self._unmarks[reading.item.item_id].after
        return reading.state

    def doubt(self, reading: Reading) -> bool:
        """Whether *reading* is to be looked at again before it is taken over."""
        if not self.shows_what_was(reading):
            return False
        item_id = reading.item.item_id
        unmark = self._unmarks[item_id]
        if unmark.doubted_at is None:
            self._unmarks[item_id] = _Unmark(
                unmark.played, unmark.after, unmark.at, self._now()
            )
        return True

    def doubted_for(self, item_ids: Iterable[str]) -> float:
        """Return for how many seconds the longest of these doubts has lasted."""
        now = self._now()
        return max(
            (
                now - unmark.doubted_at
                for item_id in item_ids
                if (unmark := self._unmarks.get(item_id)) is not None
                and unmark.doubted_at is not None
            ),
            default=0.0,
        )

    # --- what is called true already ---------------------------------------

    def contradicts(self, reading: Reading) -> PlayState | None:
        """Return what is known of an item instead of what *reading* shows, if anything.

        What was known when it was first asked for counts until it is looked at again.
        """
        item_id = reading.item.item_id
        now = self._now()
        self._forget(now)
        known = self._doubted.get(item_id) or self._known(reading, now)
        if known is None or known.state.agrees_with(reading.state):
            self._doubted.pop(item_id, None)
            return None
        self._doubted.setdefault(item_id, replace(known, at=now))
        return known.state

    def is_ours(self, reading: Reading) -> bool:
        """Whether *reading* is what we wrote, known instead of what the item shows."""
        doubted = self._doubted.get(reading.item.item_id)
        return (
            doubted is not None
            and doubted.ours
            and doubted.state.agrees_with(reading.state)
        )

    def was_looked_at_again(self, item_id: str) -> bool:
        """Whether enough time has passed since an item was first doubted."""
        doubted = self._doubted.get(item_id)
        return doubted is not None and self._now() - doubted.at >= LOOK_AGAIN[0]

    def written_alone(self) -> frozenset[str]:
        """Return the ids of the items written to by themselves a moment ago."""
        self._forget(self._now())
        return frozenset(
            item_id for item_id, known in self._written.items() if known.alone
        )

    # --- inside ------------------------------------------------------------

    def _known(self, reading: Reading, now: float) -> _Known | None:
        item_id = reading.item.item_id
        for known in (self._written.get(item_id), self._read.get(item_id)):
            if known is not None and not known.state.agrees_with(reading.state):
                return known
        if self.shows_what_was(reading):
            return _Known(self._unmarks[item_id].after, now)
        return None

    def _now(self) -> float:
        return self._clock.monotonic()

    def _forget(self, now: float) -> None:
        """Forget what is too old; the oldest come first."""
        _drop(self._read, now - MOMENT)
        _drop(self._written, now - MOMENT)
        _drop(self._unmarks, now - UNMARK_MEMORY)
        _drop(self._doubted, now - LONGEST_DOUBT)


def _is_that_play(unmark: _Unmark, state: PlayState) -> bool:
    return (
        state.watched is True
        and state.last_played is not None
        and state.last_played <= unmark.played
    )


def _keep[T](memory: dict[str, T], item_id: str, value: T) -> None:
    """Remember *value* as the newest."""
    memory.pop(item_id, None)
    memory[item_id] = value


def _drop[T: (_Known, _Unmark)](memory: dict[str, T], before: float) -> None:
    while memory:
        oldest = next(iter(memory))
        if memory[oldest].at > before:
            return
        del memory[oldest]
