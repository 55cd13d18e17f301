"""What both sides last agreed on: the base of every comparison."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
import logging

from .identity import Item, WorkKey
from .play_state import PlayState, Reading, reading_of

_LOGGER = logging.getLogger(__name__)

#: Items kept in memory; those untouched longest go first. Nothing is lost by that: what
#: was known of them is in the catalogue.
LEDGER_LIMIT = 5_000

#: Told of a step: what was known, None if nothing, and what took its place.
type MoveListener = Callable[[Reading | None, Reading], None]


class Ledger:
    """The working set of what is known of a library, least recently used first.

    It holds what was dealt with lately: tracked items, what is up next, what somebody
    changed. What is known of all others is in the catalogue, where whatever is read is
    written to as well, and is recalled when it is needed (see `Lane.know`). Both can
    be rebuilt by reading again, so losing them costs certainty, not changes.

    `on_move` hears, in the very moment, of every film and episode that shows something
    else than was known, was played again, or is known from now on. `absent` are items
    that the server did not show when it was last asked for them.
    """

    def __init__(
        self, readings: Iterable[Reading] = (), absent: Iterable[str] = ()
    ) -> None:
        """Start from *readings*, least recently used first."""
        self.on_move: MoveListener | None = None
        self._absent: set[str] = set()
        self._readings: dict[str, Reading] = {}
        #: Ids of the items remembered, by what their works are found by.
        self._ids: defaultdict[WorkKey, set[str]] = defaultdict(set)
        self._moved_from: dict[str, PlayState] = {}
        #: Readings whose ids are another work's now, by what their works are found by.
        self._displaced: dict[WorkKey, Reading] = {}
        self.remember(readings)
        self.miss(absent)

    def __iter__(self) -> Iterator[Reading]:
        """Iterate over all readings, least recently used first."""
        return iter(self._readings.values())

    def __len__(self) -> int:
        """Return how many items are remembered."""
        return len(self._readings)

    def remember(self, readings: Iterable[Reading]) -> list[Reading]:
        """Take over what the server says and return what is news.

        A reading of an unknown state is no news and never replaces a known one, nor
        do the ids of a show get lost because a reading leaves them out. Of an id that
        is another work's now, nothing was known: it has not moved.
        """
        readings = list(readings)
        # First of all: what has other ids now is to be known when it is taken over.
        self._each(readings, self._displace)
        news = self._each(readings, self._take)
        self._forget_the_oldest()
        return news

    def recall(self, readings: Iterable[Reading]) -> None:
        """Take in what was known of items that are not remembered, as no news.

        What is remembered is newer, and an unknown state is the base of nothing.
        """
        for reading in readings:
            item = reading.item
            if item.item_id in self._readings or reading.state.watched is None:
                continue
            self._readings[item.item_id] = reading
            self._index(None, item)
        self._forget_the_oldest()

    def _forget_the_oldest(self) -> None:
        while len(self._readings) > LEDGER_LIMIT:
            self.forget(next(iter(self._readings)))

    def _each(
        self, readings: list[Reading], take: Callable[[Reading], Reading | None]
    ) -> list[Reading]:
        """Take over what can be, and return what that makes of it."""
        found: list[Reading] = []
        for one in tuple(readings):
            try:
                reading = take(one)
            except Exception:
                # The others have to be known all the same, and this one read again.
                _LOGGER.exception("What an item shows could not be taken over")
                readings.remove(one)
                continue
            if reading is not None:
                found.append(reading)
        return found

    def _take(self, reading: Reading) -> Reading | None:
        """Take over one reading; return it, completed, if it is news."""
        item_id = reading.item.item_id
        if self._of_another(reading) is not None:
            self.forget(item_id)
        known = self._readings.pop(item_id, None)
        if known is not None and reading.state.watched is None:
            self._readings[item_id] = known
            return None
        if known is not None:
            reading = self._completed(reading, known)
            if (
                known.state.watched is not None
                and known.state != reading.state
                and item_id not in self._absent
            ):
                self._moved_from.setdefault(item_id, known.state)
        self._readings[item_id] = reading
        if known is None or known.item != reading.item:
            self._index(None if known is None else known.item, reading.item)
        self._tell(known, reading)
        return reading if known != reading else None

    def _index(self, known: Item | None, item: Item | None) -> None:
        """Have *item* found by its work, and what was *known* no more."""
        if known is not None:
            for key in known.work_keys:
                self._ids[key].discard(known.item_id)
                if not self._ids[key]:
                    del self._ids[key]
        if item is not None:
            for key in item.work_keys:
                self._ids[key].add(item.item_id)

    def _tell(self, known: Reading | None, reading: Reading) -> None:
        item_id = reading.item.item_id
        if item_id in self._absent:
            # What comes back may be another file, which nobody has seen yet.
            self._absent.discard(item_id)
            known = None
        if known is not None and known.state.watched is None:
            known = None
        if (
            self.on_move is not None
            and reading.state.watched is not None
            and not reading.item.kind.is_container
            and (
                not self._was_shown_before(reading)
                if known is None
                else reading.state.has_moved_from(known.state)
            )
        ):
            try:
                self.on_move(known, reading)
            except Exception:
                # It is known all the same, whoever was to be told.
                _LOGGER.exception("A move was not taken in by who is told of it")

    def _of_another(self, reading: Reading) -> Reading | None:
        """Return what is known of another work whose id *reading* has by now."""
        known = self._readings.get(reading.item.item_id)
        if known is None or known.item.is_still(reading.item):
            return None
        return known

    def _displace(self, reading: Reading) -> None:
        """Keep what was known of the work whose id *reading* has by now."""
        if (known := self._of_another(reading)) is None:
            return
        for key in known.item.work_keys:
            self._displaced.pop(key, None)
            self._displaced[key] = known
        while len(self._displaced) > LEDGER_LIMIT:
            del self._displaced[next(iter(self._displaced))]

    def _was_shown_before(self, reading: Reading) -> bool:
        """Whether what is read first under this id was known under another.

        A server that was restored from a backup gives works other ids. What it shows
        is then no play of now, unless there was one since. So it is with what another
        copy of the work has shown.
        """
        item = reading.item
        keys = item.work_keys
        earlier = [self._displaced.pop(key) for key in keys if key in self._displaced]
        ids = {one for key in keys for one in self._ids.get(key, ())} - {item.item_id}
        earlier += [self._readings[one] for one in ids]
        return any(
            one.item.is_same_work(item)
            and one.state.watched is not None
            and not reading.state.was_played_since(one.state)
            for one in earlier
        )

    @property
    def absent(self) -> Collection[str]:
        """Ids of known items that the server did not show."""
        return self._absent

    def miss(self, item_ids: Iterable[str]) -> bool:
        """Note that the server does not show these items; whether that is news."""
        missed = {one for one in item_ids if one in self._readings} - self._absent
        self._absent |= missed
        return bool(missed)

    def knowing(self, reading: Reading) -> Reading:
        """Return a reading together with what is known of its item from before."""
        known = self._readings.get(reading.item.item_id)
        if known is None or not known.item.is_still(reading.item):
            return reading
        return self._completed(reading, known)

    def _completed(self, reading: Reading, known: Reading) -> Reading:
        item, state = reading.item.completed_by(known.item), reading.state
        if item.item_id not in self._absent and not item.kind.is_container:
            state = state.following(known.state)
        if item is reading.item and state is reading.state:
            return reading
        return replace(reading, item=item, state=state)

    def take_moves(self, item_ids: Collection[str]) -> dict[str, PlayState]:
        """Return, once, what items showed before they moved, by their ids.

        It is what was known when the last moves of these items were taken; an item
        that was read for the first time since has not moved.
        """
        return {
            item_id: self._moved_from.pop(item_id)
            for item_id in item_ids
            if item_id in self._moved_from
        }

    def forget(self, item_id: str) -> None:
        """Forget an item that is gone."""
        known = self._readings.pop(item_id, None)
        self._index(None if known is None else known.item, None)
        self._moved_from.pop(item_id, None)
        self._absent.discard(item_id)

    def reading(self, item_id: str) -> Reading | None:
        """Return the last reading of an item, None if it was never read."""
        return self._readings.get(item_id)

    def base(self, item_id: str) -> PlayState | None:
        """Return the play state last agreed on, None if there is none."""
        reading = self._readings.get(item_id)
        if reading is None or reading.state.watched is None:
            return None
        return reading.state

    def reading_of(self, item: Item) -> Reading | None:
        """Return the last reading of *item*; None too if its id is another's now."""
        return reading_of(item, self._readings)

    def sharing_ids(self, item: Item) -> list[Reading]:
        """Return what is remembered that may be the same work, on another server."""
        numbers = item.numbers or (item.episode,)
        found = {
            item_id
            for number in numbers
            for key in replace(item, episode=number).work_keys
            for item_id in self._ids.get(key, ())
        }
        return [self._readings[item_id] for item_id in sorted(found)]

    def is_anothers(self, item: Item) -> bool:
        """Whether the id of *item* is another work's by now."""
        known = self._readings.get(item.item_id)
        return known is not None and not item.is_still(known.item)

    def base_of(self, item: Item) -> PlayState | None:
        """Return the play state of *item* last agreed on, None if there is none."""
        reading = self.reading_of(item)
        if reading is None or reading.state.watched is None:
            return None
        return reading.state

    def item(self, item_id: str) -> Item | None:
        """Return an item by its id, None if it was never read."""
        reading = self._readings.get(item_id)
        return None if reading is None else reading.item
