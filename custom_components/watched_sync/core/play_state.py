"""The value being synchronised: watched flag, resume position, count, date."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from .identity import Item

#: Seconds by which two resume positions may differ and still mean the same.
POSITION_TOLERANCE = 2.0

#: The part of a watched item after which a position is what its end left behind.
LEFT_OVER = 0.9


@dataclass(frozen=True, slots=True)
class PlayState:
    """What one user has seen of one item.

    `watched` is three-valued: True, False, or None for *unknown*, which is never
    read as unwatched. `position` is in seconds. `last_played` is the server's own
    time of the last play, where it has one.

    `begun_again` says of what is not watched that it was, before somebody began to
    watch it once more. No server says so: it follows from what was shown before (see
    `following`), and is not compared.

    `hides_position` says that the server shows a position that cannot be one, so that
    it is not known: `position` is then what it was before, or 0. It is not compared.
    """

    watched: bool | None
    position: float = 0.0
    play_count: int = 0
    last_played: datetime | None = None
    begun_again: bool = field(default=False, compare=False)
    hides_position: bool = field(default=False, compare=False)

    @property
    def is_untouched(self) -> bool:
        """Whether nobody has watched or begun it, or that is not known."""
        return not self.watched and self.position == 0 and self.last_played is None

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

    def means_the_same_as(self, other: PlayState) -> bool:
        """Whether both agree once a play that has begun is not taken for an un-mark."""
        return self.keeping_flag().agrees_with(other.keeping_flag())

    def was_played_since(self, earlier: PlayState) -> bool:
        """Whether there was a play between *earlier* and this: it left a date."""
        return self.last_played is not None and (
            earlier.last_played is None or earlier.last_played < self.last_played
        )

    def has_moved_from(self, earlier: PlayState) -> bool:
        """Whether this shows something else, or another play that left it as it was."""
        ours, before = self.keeping_flag(), earlier.keeping_flag()
        if self.hides_position or earlier.hides_position:
            before = replace(before, position=ours.position)
        shows_a_play = ours.watched is True or self.position > POSITION_TOLERANCE
        return not ours.agrees_with(before) or (
            shows_a_play and self.was_played_since(earlier)
        )

    def following(self, earlier: PlayState) -> PlayState:
        """Return this state, knowing what the server showed *earlier*.

        Jellyfin up to 10.11 clears the flag of a watched item as soon as somebody
        begins to watch it again, and sets it again near the end (seen on a real
        server). It counts that play and dates it, while an un-mark resets both: so a
        flag that fell with a higher count, or a later date, is a play that has begun.

        A position that is not known is taken to be the same as long as the flag is. So
        is the date of what is watched or begun as long as nothing else changes, for no
        server takes it away: else a row without one would make the next look like
        another play.
        """
        was_watched = earlier.watched is True or earlier.begun_again
        if self.watched is not False or not was_watched:
            begun_again = False
        elif self.play_count == earlier.play_count:
            # An un-mark takes the count away with the date.
            is_undated = self.last_played is None and self.play_count > 0
            begun_again = self.was_played_since(earlier) or (
                earlier.begun_again
                and (is_undated or self.last_played == earlier.last_played)
            )
        else:
            begun_again = self.play_count > earlier.play_count
        is_kept = self.hides_position and self.watched == earlier.watched
        position = earlier.position if is_kept else self.position
        last_played = self.last_played
        is_dated = self.watched is True or begun_again or self.position > 0
        is_as_before = (
            self.watched == earlier.watched
            and abs(position - earlier.position) <= POSITION_TOLERANCE
        )
        if last_played is None and is_dated and is_as_before:
            last_played = earlier.last_played
        if (begun_again, position, last_played) == (
            self.begun_again,
            self.position,
            self.last_played,
        ):
            return self
        return replace(
            self, begun_again=begun_again, position=position, last_played=last_played
        )

    def keeping_flag(self) -> PlayState:
        """Return what a server shows that keeps the flag when a play begins."""
        if not self.begun_again:
            return self
        return replace(self, watched=True, begun_again=False)


UNKNOWN = PlayState(watched=None)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a server said about one item at one moment.

    Containers carry the number of episodes and how many of them are watched, as
    the server counts (specials included). `has_more_files` says of a film that it has
    further files, each of which may have a play state of its own.
    """

    item: Item
    state: PlayState
    leaf_count: int | None = None
    watched_leaf_count: int | None = None
    has_more_files: bool = field(default=False, compare=False)


def reading_of(item: Item, found: Mapping[str, Reading]) -> Reading | None:
    """Return the reading of *item* among what was *found*, by item id.

    None if its id was not found, or is another work's by now.
    """
    reading = found.get(item.item_id)
    return reading if reading and item.is_still(reading.item) else None
