"""What can be asked of a catalogue, and what the answers are.

A catalogue keeps what was last read of every item of a user's libraries. Wherever it
keeps them, the answers are made here, from candidates: a store may find those by an
index (`item_keys`, `show_keys`, `title_trigrams` say by what), or pass everything it
has. So two stores that hold the same readings give the same answers in the same order.
"""

from collections.abc import Iterable, Sequence, Set as AbstractSet
from dataclasses import dataclass
from datetime import date, datetime
from heapq import nsmallest
import math
from operator import itemgetter

from .identity import Item, MediaKind, ProviderIds
from .play_state import PlayState, Reading
from .titles import (
    NEARLY,
    Likeness,
    closeness_heard,
    heard,
    holds,
    holds_heard,
    keys,
    likeness,
    shared_trigrams,
    shelf_name,
    trigrams,
)

#: Every kind, in the order in which those of one name stand on a shelf.
KINDS = (
    MediaKind.MOVIE,
    MediaKind.SHOW,
    MediaKind.SEASON,
    MediaKind.EPISODE,
    MediaKind.UNKNOWN,
)

#: What an item can be looked up by; the first word says what the others mean.
type LookupKey = tuple[str, ...]

#: Season, episode and id; where one of the first two is not known it is infinite.
type Numbering = tuple[float, float, str]
#: A name without its article, the number of the kind in `KINDS`, and the numbering.
type ShelfPlace = tuple[str, int, float, float, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which items are wanted, and which part of them.

    A filter that is None lets everything pass; `kinds` of none are all. `watched` is
    what the state has to say: what is unknown is neither. `max_duration` is in seconds,
    and what has no known duration is not shorter than it. `text` is a part of the
    title (see `titles.holds`). `start` of those that pass are left out, at most
    `limit` are returned.
    """

    kinds: frozenset[MediaKind] = frozenset()
    library_ids: frozenset[str] | None = None
    watched: bool | None = None
    max_duration: float | None = None
    text: str | None = None
    start: int = 0
    limit: int = 50

    def takes(self, reading: Reading) -> bool:
        """Whether a reading passes all filters."""
        item = reading.item
        return (
            (not self.kinds or item.kind in self.kinds)
            and (self.library_ids is None or item.library_id in self.library_ids)
            and (self.watched is None or reading.state.watched is self.watched)
            and (
                self.max_duration is None
                or (item.duration is not None and item.duration <= self.max_duration)
            )
            and (self.text is None or holds(item.title, self.text))
        )


@dataclass(frozen=True, slots=True)
class Selected:
    """One part of what passes the filters, in the order of `shelf_place`.

    `total` is how many pass.
    """

    readings: Sequence[Reading]
    total: int


@dataclass(frozen=True, slots=True)
class EpisodeCounts:
    """How far a show is watched: episodes, those watched, and those begun.

    `last_played` is when one of them was played last.
    """

    episodes: int = 0
    watched: int = 0
    begun: int = 0
    last_played: datetime | None = None

    def with_more(self, other: EpisodeCounts) -> EpisodeCounts:
        """Return the counts of both together."""
        played = (self.last_played, other.last_played)
        return EpisodeCounts(
            self.episodes + other.episodes,
            self.watched + other.watched,
            self.begun + other.begun,
            max(filter(None, played), default=None),
        )


@dataclass(frozen=True, slots=True)
class Sweep:
    """What a listing that ended did not show.

    `missing` are the ids, in their order; `total` is how many of this library and kind
    are known, those included. Whether that many may be gone is for who asks to say.
    """

    missing: Sequence[str]
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where the reading of the libraries stands.

    `round_no` counts the rounds through all libraries and is that of the one under
    way. The part being read is all items of a `kind` in `library_id`, of which `start`
    were read; or, where episodes are read show by show, those of the shows up to and
    including `show_id`. `listings` is the highest number that a listing beside the
    rounds has had: what is listed later needs a higher one, also in the next life.
    `finished_at` is when the last whole round ended, None before the first has: until
    then something that is not found may yet be there. `vanished` are libraries of which
    items are known and that the last whole round did not see.
    """

    round_no: int = 0
    library_id: str | None = None
    kind: MediaKind | None = None
    start: int = 0
    show_id: str | None = None
    listings: int = 0
    finished_at: datetime | None = None
    vanished: frozenset[str] = frozenset()


# --- what an index holds ---------------------------------------------------------


def item_keys(item: Item) -> frozenset[LookupKey]:
    """Return what an item is found by: its provider ids and its title."""
    return id_keys(item.kind, item.provider_ids) | title_keys(item.title)


def show_keys(item: Item) -> frozenset[LookupKey]:
    """Return what all episodes of one season are found by, beside what each is by.

    The shows and the season they belong to, and the provider ids of the show.
    """
    found = id_keys(MediaKind.SHOW, item.show_provider_ids)
    found |= {parent_key(show_id) for show_id in item.show_ids}
    return found if item.season_id is None else found | {parent_key(item.season_id)}


def id_keys(kind: MediaKind, ids: ProviderIds) -> frozenset[LookupKey]:
    """Return the keys of provider ids, each among its own kind."""
    return frozenset(("id", kind, *one) for one in ids.named)


def title_keys(title: str) -> frozenset[LookupKey]:
    """Return the keys of what a title is the same as."""
    return frozenset(("title", key) for key in keys(title))


def parent_key(item_id: str) -> LookupKey:
    """Return the key of what lies below a show or season."""
    return ("below", item_id)


# --- answers -----------------------------------------------------------------------


def shelf_place(reading: Reading) -> ShelfPlace:
    """Return where a reading stands among others.

    By name, without articles; episodes and seasons by that of their show, in order.
    """
    item = reading.item
    kind = KINDS.index(item.kind)
    return (shelf_name_of(item), kind, *numbering(item))


def shelf_name_of(item: Item) -> str:
    """Return the name by which an item is sorted."""
    return shelf_name(item.show_title or item.title)


def numbering(item: Item) -> Numbering:
    """Return where an episode stands in its show: specials first, unnumbered last."""
    season = math.inf if item.season is None else item.season
    episode = math.inf if item.episode is None else item.episode
    return season, episode, item.item_id


def episodes_below(parent: Item, candidates: Iterable[Reading]) -> list[Reading]:
    """Return the episodes of a show or season, in order."""
    found = [
        one
        for one in candidates
        if one.item.kind is MediaKind.EPISODE and parent.covers(one.item)
    ]
    return sorted(found, key=lambda one: numbering(one.item))


def is_counted(item: Item, until: date) -> bool:
    """Whether an episode counts for its show: aired until a day, and no special."""
    return (
        item.kind is MediaKind.EPISODE
        and not item.is_special
        and (item.aired is None or item.aired <= until)
    )


def counts_of(states: Iterable[PlayState]) -> EpisodeCounts:
    """Return how far a show is watched whose episodes have these states."""
    found = list(states)
    played = (one.last_played for one in found)
    return EpisodeCounts(
        len(found),
        sum(one.watched is True for one in found),
        sum(one.position > 0 for one in found),
        max(filter(None, played), default=None),
    )


def copies(
    kind: MediaKind, ids: ProviderIds, candidates: Iterable[Reading]
) -> list[Reading]:
    """Return what is of this kind and bears one of these ids, contradicting none."""
    found = [
        one
        for one in candidates
        if one.item.kind is kind and one.item.provider_ids.matches(ids)
    ]
    return sorted(found, key=shelf_place)


def numbered(
    show_ids: ProviderIds,
    shows: AbstractSet[str],
    season: int,
    episode: int,
    candidates: Iterable[Reading],
) -> list[Reading]:
    """Return the files that hold an episode of a show, known by its number.

    *show_ids* are the show's provider ids. An episode whose row does not name any is
    known by the id of its show, one of *shows*.
    """
    found = []
    for one in candidates:
        item = one.item
        if (
            item.kind is MediaKind.EPISODE
            and item.season == season
            and episode in item.numbers
            and (
                item.show_provider_ids.matches(show_ids)
                if item.show_provider_ids
                else not shows.isdisjoint(item.show_ids)
            )
        ):
            found.append(one)
    return sorted(found, key=shelf_place)


def same_titled(
    asked: str, year: int | None, candidates: Iterable[Reading], *, spoken: bool
) -> list[Reading]:
    """Return what bears a title, but for articles last (see `titles.likeness`)."""
    found = []
    for one in candidates:
        alike = likeness(asked, year, one.item.title, one.item.year, heard=spoken)
        if alike is not Likeness.DIFFERENT:
            found.append((-alike, shelf_place(one), one))
    return [one for *_, one in sorted(found, key=lambda each: each[:2])]


@dataclass(frozen=True, slots=True)
class Named[T]:
    """A *value* by how its title is `heard`; `place` is where it stands on the shelf.

    `alike` says how well the title fits the one that was asked for.
    """

    heard: str
    place: ShelfPlace
    value: T
    alike: Likeness = Likeness.DIFFERENT


def likest[T](asked: str, candidates: Iterable[Named[T]], limit: int) -> list[T]:
    """Return what is called *asked* or something like it, the likest first.

    The same titles come first, those that only differ by an article next, then those
    of which *asked* is a part, then what is nearly called so, as a mistake in typing or
    hearing has it. A candidate is what is the same but for an article at least, or
    `may_be_like` it.
    """
    wanted = heard(asked)
    found = []
    for one in candidates:
        is_part = holds_heard(one.heard, wanted)
        is_known = is_part or one.alike is not Likeness.DIFFERENT
        close = closeness_heard(wanted, one.heard, 0.0 if is_known else NEARLY)
        if is_known or close:
            found.append(((-one.alike, not is_part, -close, one.place), one.value))
    return [value for _, value in nsmallest(limit, found, key=itemgetter(0))]


def may_be_like(asked: str, title: str) -> bool:
    """Whether so much of two titles is the same that they are to be compared."""
    wanted = trigrams(asked)
    return len(wanted & trigrams(title)) >= shared_trigrams(len(wanted))


def part_of(selection: Selection, candidates: Iterable[Reading]) -> Selected:
    """Return the part of what passes the filters that was asked for."""
    found = list(filter(selection.takes, candidates))
    if selection.limit:  # else somebody wants to know how many there are
        found.sort(key=shelf_place)
    end = selection.start + selection.limit
    return Selected(found[selection.start : end], len(found))
