"""The value being synchronised: watched flag, resume position, count, date."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from .identity import Item

#: Seconds by which two resume positions may differ and still mean the same.
POSITION_TOLERANCE = 2.0


@dataclass(frozen=True, slots=True)
class PlayState:
    """What one user has seen of one item.

    `watched` is three-valued: True, False, or None for *unknown*, which is never
    read as unwatched. `position` is in seconds. `last_played` is the server's own
    time of the last play, where it has one.
    """

    watched: bool | None
    position: float = 0.0
    play_count: int = 0
    last_played: datetime | None = None

    def agrees_with(self, other: PlayState) -> bool:
        """Whether both show a user the same thing; unknown agrees with nothing.

        Counts and dates are not compared: they follow from the flag, and each
        server keeps its own.
        """
        return (
            self.watched is not None
            and self.watched == other.watched
            and abs(self.position - other.position) <= POSITION_TOLERANCE
        )

    def was_played_since(self, earlier: PlayState) -> bool:
        """Whether there was a play between *earlier* and this: it left a date."""
        return self.last_played is not None and (
            earlier.last_played is None or earlier.last_played < self.last_played
        )

    def has_moved_from(self, earlier: PlayState) -> bool:
        """Whether this shows something else, or another play that left it as it was."""
        shows_a_play = self.watched is True or self.position > POSITION_TOLERANCE
        return not self.agrees_with(earlier) or (
            shows_a_play and self.was_played_since(earlier)
        )


UNKNOWN = PlayState(watched=None)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a server said about one item at one moment.

    Containers carry the number of episodes and how many of them are watched, as
    the server counts (specials included).
    """

    item: Item
    state: PlayState
    leaf_count: int | None = None
    watched_leaf_count: int | None = None


def reading_of(item: Item, found: Mapping[str, Reading]) -> Reading | None:
    """Return the reading of *item* among what was *found*, by item id.

    None if its id was not found, or is another work's by now.
    """
    reading = found.get(item.item_id)
    return reading if reading and item.is_still(reading.item) else None
