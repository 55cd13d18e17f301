"""What both sides last agreed on: the base of every comparison."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

from .identity import Item
from .play_state import PlayState, Reading

#: Items remembered; those untouched longest are forgotten first.
LEDGER_LIMIT = 5_000


class Ledger:
    """The last reading of every item this lane has dealt with, least recent first.

    It holds tracked items, what is up next and what an operation touched: never the
    library. It can be rebuilt by reading again, so losing it costs certainty, not
    changes.
    """

    def __init__(self, readings: Iterable[Reading] = ()) -> None:
        """Start from *readings*, least recently used first."""
        self._readings: dict[str, Reading] = {}
        self._moved_from: dict[str, PlayState] = {}
        self.remember(readings)

    def __iter__(self) -> Iterator[Reading]:
        """Iterate over all readings, least recently used first."""
        return iter(self._readings.values())

    def __len__(self) -> int:
        """Return how many items are remembered."""
        return len(self._readings)

    def remember(self, readings: Iterable[Reading]) -> list[Reading]:
        """Take over what the server says and return what is news.

        A reading of an unknown state is no news and never replaces a known one, nor
        do the ids of a show get lost because a reading leaves them out.
        """
        news = []
        for one in readings:
            reading = one
            item_id = reading.item.item_id
            known = self._readings.pop(item_id, None)
            if known is not None and reading.state.watched is None:
                self._readings[item_id] = known
                continue
            if known is not None:
                reading = replace(reading, item=reading.item.completed_by(known.item))
                if known.state.watched is not None and known.state != reading.state:
                    self._moved_from.setdefault(item_id, known.state)
            self._readings[item_id] = reading
            if known != reading:
                news.append(reading)
        while len(self._readings) > LEDGER_LIMIT:
            del self._readings[next(iter(self._readings))]
        return news

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
        self._readings.pop(item_id, None)
        self._moved_from.pop(item_id, None)

    def reading(self, item_id: str) -> Reading | None:
        """Return the last reading of an item, None if it was never read."""
        return self._readings.get(item_id)

    def base(self, item_id: str) -> PlayState | None:
        """Return the play state last agreed on, None if there is none."""
        reading = self._readings.get(item_id)
        if reading is None or reading.state.watched is None:
            return None
        return reading.state

    def item(self, item_id: str) -> Item | None:
        """Return an item by its id, None if it was never read."""
        reading = self._readings.get(item_id)
        return None if reading is None else reading.item
