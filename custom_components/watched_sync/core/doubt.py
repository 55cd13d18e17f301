"""Writes that nobody answered: a server that is slow today may carry them out yet.

Two things follow. On a server that would count a play twice, a mark is not repeated
while the first may still come. And nothing is called done that such a write would turn
round later: who marks something by mistake and takes it back at once must not find it
watched a minute after he was told that it is not.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from .identity import Item
from .operation import (
    Change,
    MarkWatched,
    Operation,
    Scope,
    SetProgress,
    Traces,
    flag_of,
)
from .play_state import PlayState, Reading
from .ports import Clock, Random

#: How long a write that nobody answered may still be carried out.
PATIENCE: Final = timedelta(minutes=5)

#: Seconds until one looks for the first time whether it was; later on more and more.
FIRST_LOOK: Final = 5.0

#: Seconds that are none: less than a time of the day can express is no delay.
SHORTEST_WAIT: Final = 0.001


_NOTHING: Mapping[str, PlayState] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Doubt:
    """A change that may still come over an item, or over all that is below it.

    It is over at *until*, by the monotonic clock. *before* is what the items concerned
    showed when the change was sent, by their ids; nothing if that tells nothing (any
    more). It comes over the specials of a show only where it *reaches_specials*.
    """

    item: Item
    change: Change
    until: float
    before: Mapping[str, PlayState] = field(default=_NOTHING)
    reaches_specials: bool = True

    def concerns(self, item: Item) -> bool:
        """Whether the change would come over *item* too."""
        if self.item.item_id == item.item_id:
            return True
        is_meant = self.reaches_specials or not item.is_special
        return is_meant and self.item.covers(item)

    def would_turn(self, state: PlayState) -> bool:
        """Whether what shows *state* would show something else after the change."""
        return not self.change.apply(state).agrees_with(state)

    def has_come_true(self, readings: Mapping[str, Reading]) -> bool:
        """Whether *readings*, by item id, show what only the change can have made."""
        changed = {
            item_id: wanted
            for item_id, before in self.before.items()
            if not (wanted := self.change.apply(before)).agrees_with(before)
        }
        return bool(changed) and all(
            item_id in readings and wanted.means_the_same_as(readings[item_id].state)
            for item_id, wanted in changed.items()
        )


class Doubts:
    """What may still be carried out on one server."""

    def __init__(self, clock: Clock, rng: Random) -> None:
        """Start without a doubt."""
        self._clock = clock
        self._rng = rng
        self._doubts: list[Doubt] = []

    def recall(self, waiting: Iterable[Operation], ended: Iterable[Operation]) -> None:
        """Take over what another life of the process may have left under way.

        Of what is still *waiting* nobody knows when it was sent last, or whether that
        was answered: the process may have died in between. So it is in doubt as if it
        had been sent just now. Of what has *ended* it was noted until when. That was
        true before it was sent, if nothing says what showed then: and as nothing ends
        that something under way would turn, what may come would leave the same.
        """
        for one in waiting:
            until = self._until(PATIENCE)
            if one.before:
                before = one.before if one.unsure_until is None else _NOTHING
                self._doubts += _sent_by(one, until, before)
            self._doubts += _left_to(one, until)
        for one in ended:
            if (late := self._still(one.late_until)) is not None:
                self._doubts += _sent_by(one, late)
            if (unsure := self._still(one.unsure_until)) is not None:
                self._doubts += _left_to(one, unsure)

    def note(self, item: Item, change: Change, before: Mapping[str, PlayState]) -> None:
        """Record a write of *change* to *item* that timed out.

        *before* is what the items concerned showed then, by their ids. Where something
        else is in doubt already, either may have made what they show from now on.
        """
        if any(map(self._overlaps(item), self._doubts)):
            before = _NOTHING
        self._doubts.append(Doubt(item, change, self._until(PATIENCE), before))

    def write_follows(self, item: Item) -> None:
        """Record a write to *item* that is about to be sent.

        If it soon shows what an earlier change would have left there, this says nothing
        of that one any more.
        """
        overlaps = self._overlaps(item)
        self._doubts = [
            replace(doubt, before=_NOTHING) if overlaps(doubt) else doubt
            for doubt in self._doubts
        ]

    def see(self, readings: Mapping[str, Reading]) -> None:
        """Let go of what has come true, as *readings* by item id show."""
        if self._doubts:
            self._doubts = [
                doubt for doubt in self._doubts if not doubt.has_come_true(readings)
            ]

    def about_marking(self, item: Item) -> float:
        """Return for how many seconds *item*, or what is below it, may get a play.

        It goes by the item: who marks it, un-marks it and marks it again must not find
        it marked twice either.
        """
        self._forget()
        overlaps = self._overlaps(item)
        return self._longest(
            doubt
            for doubt in self._doubts
            if may_add_play(doubt.change) and overlaps(doubt)
        )

    def about_item(self, item: Item) -> float:
        """Return for how many seconds *item*, or what is below it, may be written."""
        self._forget()
        return self._longest(filter(self._overlaps(item), self._doubts))

    def about(self, readings: Iterable[Reading]) -> float:
        """Return for how many seconds what *readings* show may be turned round."""
        return self._longest(
            doubt
            for doubt, reading in self._pairs(readings)
            if doubt.would_turn(reading.state)
        )

    def traces(self, readings: Iterable[Reading]) -> Traces:
        """Return what the items of *readings* may be turned to, by item id."""
        found: defaultdict[str, tuple[PlayState, ...]] = defaultdict(tuple)
        for doubt, reading in self._pairs(readings):
            turned = doubt.change.apply(reading.state)
            item_id = reading.item.item_id
            if doubt.would_turn(reading.state) and turned not in found[item_id]:
                found[item_id] += (turned,)
        return {item_id: states for item_id, states in found.items() if states}

    def next_look(self, seconds: float) -> float:
        """Return in how many seconds to look again at what is unsure for *seconds*."""
        waited = PATIENCE.total_seconds() - seconds
        return min(max(self._rng.uniform(waited / 2, waited), FIRST_LOOK), seconds)

    def _overlaps(self, item: Item) -> Callable[[Doubt], bool]:
        """Return what tells whether a doubt is about *item*, or what is below it."""
        return lambda doubt: doubt.concerns(item) or item.covers(doubt.item)

    def _until(self, patience: timedelta) -> float:
        return self._clock.monotonic() + patience.total_seconds()

    def _still(self, moment: datetime | None) -> float | None:
        """Return a moment to come by the monotonic clock; None if it is over."""
        if moment is None or moment <= (now := self._clock.now()):
            return None
        return self._until(min(moment - now, PATIENCE))

    def _pairs(self, readings: Iterable[Reading]) -> Iterator[tuple[Doubt, Reading]]:
        self._forget()
        if self._doubts:
            for reading in readings:
                for doubt in self._doubts:
                    if doubt.concerns(reading.item):
                        yield doubt, reading

    def _longest(self, doubts: Iterable[Doubt]) -> float:
        now = self._clock.monotonic()
        return max((doubt.until - now for doubt in doubts), default=0.0)

    def _forget(self) -> None:
        ended = self._clock.monotonic() + SHORTEST_WAIT
        self._doubts = [doubt for doubt in self._doubts if doubt.until >= ended]


def _sent_by(
    operation: Operation, until: float, before: Mapping[str, PlayState] = _NOTHING
) -> Iterator[Doubt]:
    """Yield what an operation of another life may have sent itself.

    Its change is known, and where it was sent only once also what showed *before*.
    """
    yield replace(_own(operation, until), before=before)
    if not operation.before:
        return  # nothing was sent: something else may come, and would leave the same
    mark = flag_of(operation.change)
    if mark is not None and mark != operation.change:
        # Sent first, and by itself: it takes the position away.
        yield Doubt(operation.item, mark, until)
    known = operation.before.get(operation.item.item_id)
    if isinstance(operation.change, SetProgress) and mark is None and known:
        # It may take the flag along that was shown then.
        change = replace(operation.change, watched=known.watched)
        yield Doubt(operation.item, change, until)


def _left_to(operation: Operation, until: float) -> Iterator[Doubt]:
    """Yield what those before an operation of another life may have sent.

    Of their changes only the traces are known: what they would have left behind.
    """
    for item_id, traces in operation.traces.items():
        item = (
            operation.item
            if operation.scope is Scope.ITEM
            else operation.works.get(item_id, operation.item)
        )
        for trace in traces:
            yield Doubt(item, SetProgress(trace.position, watched=trace.watched), until)
            if trace.position:
                # It may have come by itself, and leave the flag as it will be then.
                yield Doubt(item, SetProgress(trace.position), until)


def _own(operation: Operation, until: float) -> Doubt:
    """Return the doubt about the change of an operation."""
    return Doubt(
        operation.item,
        operation.change,
        until,
        reaches_specials=operation.include_specials or operation.item.is_special,
    )


def may_add_play(change: Change) -> bool:
    """Whether a server may count a play for this change."""
    return isinstance(change, MarkWatched) or (
        isinstance(change, SetProgress) and change.watched is True
    )
