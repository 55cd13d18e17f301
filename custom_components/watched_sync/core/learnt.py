"""What a server has shown of itself where the versions of its kind differ.

It is learnt from what is asked and written anyway, kept for each version, and shown in
diagnostics. Nothing in it is anybody's own. What a check (`facts`) asks as well has the
same name here.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from . import members
from .play_state import PlayState, Reading

#: Versions of a server that something is kept of: this one, and those before.
MOST_VERSIONS: Final = 3
#: Seconds after which it is found out anew: what was seen once may have been chance.
LIFETIME: Final = 30 * 24 * 3600.0
#: Characters of a version and of a word that are kept.
_LONGEST: Final = 100

#: What was seen: yes or no, a number, or a word.
type Value = bool | int | float | str


class Trait(StrEnum):
    """What may differ from version to version."""

    POSITION_LIMITS = "position_limits"
    """Where the next two are from: `told` by the server, `learnt` from a position that
    was not kept, or `assumed`."""
    POSITION_FROM = "position_from"
    """Seconds from which on a position is kept."""
    POSITION_BELOW = "position_below"
    """The part of an item below which a position is kept."""
    MARK_METHOD = "mark_method"
    """The HTTP method that a mark was taken with."""
    UNMARK_METHOD = "unmark_method"
    """The same of taking a mark off."""
    POSITION_METHOD = "position_method"
    """The same of a position, and of what a player reports."""
    MARK_COUNT = "mark_count"
    """Plays counted of what was marked and had none."""
    UNMARK_COUNT = "unmark_count"
    """Plays counted of what had some and was un-marked."""
    MARK_TOLD = "mark_told"
    """A mark of ours was told over the socket."""
    PLAY_KEEPS_FLAG = "play_keeps_flag"
    """What is watched stays so while somebody watches it again."""
    SEASON_MARK_WHOLE = "season_mark_whole"
    """A mark of a season or show reaches every view of its episodes."""
    BATCH_LEAVES_OUT_GONE = "batch_leaves_out_gone"
    """A list of ids is answered without those that are not there."""
    BATCH_FOLDS = "batch_folds"
    """A list of ids had one row for several shows or seasons."""
    LISTS_WHOLE_SERVER = "lists_whole_server"
    """All libraries are listed with one request."""
    PAGE_ROWS = "page_rows"
    """Rows of a library that fit into one answer."""
    FILM_PAGE_TIME = "film_page_time"
    """Seconds that a page of films took at most."""
    SHOW_PAGE_TIME = "show_page_time"
    """The same of shows."""
    EPISODE_PAGE_TIME = "episode_page_time"
    """The same of episodes."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen last of one trait, and when."""

    value: Value
    at: datetime


class Learnt:
    """What one server has shown, by its versions.

    What its version is may not be known yet: the last one known is taken for it until
    `runs` says otherwise. What nothing has shown for `LIFETIME` is not known any more.
    """

    def __init__(
        self,
        now: Callable[[], datetime],
        versions: Mapping[str, Mapping[Trait, Seen]] | None = None,
    ) -> None:
        """Go on with *versions*, the last one last; *now* is what time it is."""
        self._now = now
        self._versions = {key: dict(seen) for key, seen in (versions or {}).items()}
        self._listener: Callable[[], None] = _nobody

    @property
    def version(self) -> str:
        """The version that the server runs, empty if it was never told."""
        return next(reversed(self._versions), "")

    def listen(self, listener: Callable[[], None]) -> None:
        """Call *listener* whenever something else is known than before."""
        self._listener = listener

    def runs(self, version: str) -> None:
        """Take note of the version that the server says; an empty one says nothing.

        What was learnt before it said any is of this one.
        """
        version = version[:_LONGEST]
        if not version or version == self.version:
            return
        unnamed = self._versions.pop("", {})
        self._versions[version] = self._versions.pop(version, {}) | unnamed
        for oldest in list(self._versions)[:-MOST_VERSIONS]:
            del self._versions[oldest]
        self._listener()

    def note(self, trait: Trait, value: Value) -> None:
        """Take note of what was seen just now."""
        if isinstance(value, str):
            value = value[:_LONGEST]
        known = self._here.get(trait)
        self._versions.setdefault(self.version, {})[trait] = Seen(value, self._now())
        if known is None or known.value != value:
            self._listener()

    def note_longest(self, trait: Trait, seconds: float) -> None:
        """Take note of how long something took, if nothing of its kind took longer."""
        seconds = round(seconds, 2)
        if seconds > (self.number(trait) or -1.0):
            self.note(trait, seconds)

    def flag(self, trait: Trait) -> bool | None:
        """Return whether it is so; None if that was not seen."""
        value = self._value(trait)
        return value if isinstance(value, bool) else None

    def number(self, trait: Trait) -> float | None:
        """Return how much it is; None if that was not seen."""
        value = self._value(trait)
        return None if isinstance(value, bool | str) else value

    def word(self, trait: Trait) -> str | None:
        """Return which one it is; None if that was not seen."""
        value = self._value(trait)
        return value if isinstance(value, str) else None

    def age(self, trait: Trait) -> float | None:
        """Return the seconds since it was seen last; None if it was not.

        Below 0 where the clock was set back meanwhile.
        """
        seen = self._here.get(trait)
        return None if seen is None else (self._now() - seen.at).total_seconds()

    def _value(self, trait: Trait) -> Value | None:
        age = self.age(trait)
        if age is None or age >= LIFETIME:
            return None
        return self._here[trait].value

    @property
    def _here(self) -> Mapping[Trait, Seen]:
        return self._versions.get(self.version, {})

    def as_json(self) -> list[dict[str, Any]]:
        """Return all of it, to be stored and shown: the versions, the last one last."""
        return [
            {
                "version": version,
                "seen": {
                    trait.value: {"value": one.value, "at": one.at.isoformat()}
                    for trait, one in sorted(seen.items())
                },
            }
            for version, seen in self._versions.items()
        ]


def learnt_from_json(data: object, now: Callable[[], datetime]) -> Learnt:
    """Return what `Learnt.as_json` wrote, without what is damaged or not known here.

    It is learnt again. Raises `members.DamagedRow` for what is no list.
    """
    versions: dict[str, dict[Trait, Seen]] = {}
    for one in members.rows(data)[-MOST_VERSIONS:]:
        try:
            stored = members.mapping(one)
            version = members.text(stored.get("version"))
            seen = members.mapping(stored.get("seen"))
        except members.DamagedRow:
            continue
        versions[version[:_LONGEST]] = dict(_seen(seen.items()))
    return Learnt(now, versions)


def learn_from_plays(
    learnt: Learnt, before: Mapping[str, PlayState], readings: Iterable[Reading]
) -> None:
    """Learn from readings what becomes of a mark when a play begins.

    *before* is what the items showed until then, by their ids.

    Jellyfin up to 10.11 takes it off then, later versions leave it (seen on real
    servers).
    """
    for reading in readings:
        known = before.get(reading.item.item_id)
        if known is not None and known.watched:
            keeps = _keeps_flag(known, reading.state)
            if keeps is not None:
                learnt.note(Trait.PLAY_KEEPS_FLAG, keeps)


def _keeps_flag(before: PlayState, after: PlayState) -> bool | None:
    """Whether a watched item that shows *after* now kept its mark; None: no play."""
    if after.begun_again:
        return False
    begins = after.position > 0 == before.position and after.was_played_since(before)
    return True if after.watched and begins else None


def _seen(stored: Iterable[tuple[str, object]]) -> Iterable[tuple[Trait, Seen]]:
    for name, one in stored:
        try:
            row = members.mapping(one)
            value, at = row.get("value"), members.moment(row.get("at"))
            trait = Trait(name)
            if isinstance(value, str):
                value = value[:_LONGEST]
            elif not isinstance(value, bool):
                value = members.number(value)
        except ValueError:
            continue
        yield trait, Seen(value, at)


def _nobody() -> None:
    """Nobody listens yet."""
