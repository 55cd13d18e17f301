"""What a plan has to know of whole libraries, packed so that it takes little memory.

Some hundred bytes an item: numbers in columns, and texts in one long one. What may be
the same work lies in one *unit*: two items that have an id of their own in common, or
whose shows have, are always in the same. So every question of what is what can be
answered within a unit, by the rules of `matching`, and no answer takes longer the more
units there are.
"""

from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import combinations, repeat, starmap
from operator import mul

from ..identity import MOST_EPISODES, NO_IDS, Item, MediaKind, ProviderIds
from ..leaf import LEAVES, Leaf, LibraryPage, Place
from ..matching import contradict
from ..play_state import PlayState

#: Items of one side that may bear one id; what more than these bear names no work.
MOST_BEARERS = 1_000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

#: In a column, what is not known; no number of a season, episode or year is this low.
_NONE = -(2**31)
_MOST = 2**31 - 1
_NO_TIME = -(2**63)

#: An entry of the index is a key, and the row that bears it: so many bits of a number
#: and `_SLOTS` that tell what it is the number of.
_ROW_BITS = 24
_ROWS = (1 << _ROW_BITS) - 1
_KEYS = (1 << 40) - 1
_SLOTS = 8
_SERVER_SLOT = 7
_BUCKETS = 256

#: So few bearers of one id are compared, each with each.
_FEW = 8

#: Rows that are looked at in one go.
_SLICE = 100


@dataclass(slots=True)
class Show:
    """The episodes of one side that name one show, by their rows.

    `row` is the first of them. Of a film, which has a group of its own too, nothing
    but the title and year is filled in.
    """

    side: int
    row: int
    show_id: str | None = None
    ids: ProviderIds = NO_IDS
    title: str | None = None
    year: int | None = None
    rows: array[int] = field(default_factory=lambda: array("I"))


class Packed:
    """The films and episodes of several sides, each a row of its own."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._servers: dict[int, int | None] = {}
        self._sides = array("B")
        self._flags = array("B")
        self._kinds = array("B")
        self._group = array("I")
        self._texts = bytearray()
        self._ends = array("Q")
        self._ids = array("Q")  # three for each row
        self._numbers = array("i")  # season, episode, last episode and year of each
        self._durations = array("d")
        self._positions = array("d")
        self._counts = array("I")
        self._played = array("q")
        self._parents = array("I")  # of each group, within its unit
        self._groups: list[Show] = []
        self._members: dict[int, array[int]] = {}  # the groups of each unit
        self._by_show: dict[tuple[int, str | None, str | None, ProviderIds], int] = {}
        self._last_place: Place | None = None
        self._last_group = 0
        self._shows: dict[tuple[int, str], Item] = {}
        self._buckets = [array("Q") for _ in range(_BUCKETS)]

    # --- taking in ---------------------------------------------------------------

    def take_in(
        self,
        side: int,
        page: LibraryPage,
        *,
        server: int | None,
    ) -> range:
        """Pack films and episodes, and return the rows they got, in their order.

        Sides with the same *server* have items of one server: the same id is the
        same item. None where that is so of no other side.
        """
        self._servers[side] = server
        self._last_place = None
        for show in page.shows:
            self._shows[side, show.item_id] = show
        leaves = page.leaves
        rows = range(len(self._sides), len(self._sides) + len(leaves))
        # Column by column: that takes half as long as item by item.
        states = [leaf.state.keeping_flag() for leaf in leaves]
        kinds = [0 if leaf.kind is MediaKind.MOVIE else 1 for leaf in leaves]
        self._sides.extend(repeat(side, len(leaves)))
        self._kinds.extend(kinds)
        self._flags.extend([_packed_flags(state) for state in states])
        self._group.extend(
            [
                self._group_of(side, row, leaf)
                for row, leaf in zip(rows, leaves, strict=True)
            ]
        )
        for leaf in leaves:
            self._texts += leaf.item_id.encode(errors="surrogatepass")
            self._ends.append(len(self._texts))
        self._numbers.extend(
            [
                # One that is far too large is unknown.
                _NONE if number is None or abs(number) > _MOST else number
                for leaf in leaves
                for number in (leaf.season, leaf.episode, leaf.episode_end, leaf.year)
            ]
        )
        self._durations.extend([leaf.duration or 0.0 for leaf in leaves])
        self._positions.extend([state.position for state in states])
        self._counts.extend([min(state.play_count, 2**32 - 1) for state in states])
        self._played.extend(
            [
                _NO_TIME
                if state.last_played is None
                else (state.last_played - _EPOCH) // _MICROSECOND
                for state in states
            ]
        )
        self._ids.extend([number for leaf in leaves for number in leaf.ids])
        for row, kind, leaf in zip(rows, kinds, leaves, strict=True):
            for slot, number in enumerate(leaf.ids, 3 * kind):
                if number:
                    self._enter(number, slot, row)
            if server is not None:
                self._enter(hash((server, leaf.item_id)), _SERVER_SLOT, row)
        return rows

    def _enter(self, number: int, slot: int, row: int) -> None:
        # Numbers that are cut off put into one unit what need not be.
        key = (number * _SLOTS + slot) & _KEYS
        self._buckets[number % _BUCKETS].append(key << _ROW_BITS | row)

    def _group_of(self, side: int, row: int, leaf: Leaf) -> int:
        """Put an item into the group of its show, or one of its own; return which."""
        place = leaf.place
        if place.keeps_title(leaf.kind):
            return self._new_group(Show(side, row, title=leaf.title, year=leaf.year))
        if place is not self._last_place:  # most lie where the one before them does
            show_id, ids, title = (
                place.show_id,
                place.show_provider_ids,
                place.show_title,
            )
            key = (side, show_id, title, ids)
            group = self._by_show.get(key)
            if group is None:
                group = self._new_group(Show(side, row, show_id, ids, title))
                self._by_show[key] = group
            self._last_place, self._last_group = place, group
        group = self._last_group
        rows = self._groups[group].rows
        if rows[-1] != row:
            rows.append(row)
        return group

    def _new_group(self, group: Show) -> int:
        group.rows.append(group.row)
        self._groups.append(group)
        self._parents.append(len(self._parents))
        return len(self._parents) - 1

    # --- units -------------------------------------------------------------------

    def unite(self) -> Iterator[None]:
        """Find the units, once everything was taken in; yield now and then."""
        shows: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        for number, group in enumerate(self._groups):
            if number % _SLICE == 0:
                yield
            if not self.is_film(group):
                self._complete(group)
                for named in group.ids.named:
                    shows[named].append(number)
        for numbers in shows.values():
            self._unite(numbers, self._are_other_shows, lambda number: number)
            yield
        for bucket in self._buckets:
            self._unite_bucket(bucket)
            yield
        self._buckets = []
        for number in range(len(self._groups)):
            if number % _SLICE == 0:
                yield
            self._members.setdefault(self._root(number), array("I")).append(number)

    def _complete(self, group: Show) -> None:
        """Tell a group what only the row of its show says."""
        if group.show_id is None:
            return
        show = self._shows.get((group.side, group.show_id))
        if show is None:
            return
        episode = self.item(group.row)
        told = episode.of_show(show)
        if told is not episode:
            group.ids, group.title = told.show_provider_ids, told.show_title
            group.year = show.year

    def _unite_bucket(self, bucket: array[int]) -> None:
        """Put the bearers of each key in a bucket into one unit.

        Most are in one already, as their shows are, or another of their ids.
        """
        parents, group = self._parents, self._group
        known: dict[int, int] = {}
        to_unite = set[int]()
        for entry in bucket:
            key, parent = entry >> _ROW_BITS, parents[group[entry & _ROWS]]
            if known.setdefault(key, parent) != parent:
                to_unite.add(key)
        if len(bucket) > MOST_BEARERS:
            borne = Counter(entry >> _ROW_BITS for entry in bucket)
            to_unite.update(key for key, count in borne.items() if count > MOST_BEARERS)
        if not to_unite:
            return
        bearers: defaultdict[int, list[int]] = defaultdict(list)
        for entry in bucket:
            if (key := entry >> _ROW_BITS) in to_unite:
                bearers[key].append(entry & _ROWS)
        for rows in bearers.values():
            self._unite_rows(rows)

    def _unite_rows(self, rows: list[int]) -> None:
        """Put the bearers of one key into one unit."""
        if len(rows) > MOST_BEARERS and self._are_too_many(rows):
            for row in rows:
                self._flags[row] |= _CROWDED
        else:
            self._unite(rows, self._are_others, self._group.__getitem__)

    def _unite(
        self,
        bearers: list[int],
        are_others: Callable[[int, int], bool],
        group_of: Callable[[int], int],
    ) -> None:
        """Put the groups of the bearers of one key into one unit.

        A few are looked at in pairs, of which those that contradict stay apart: ids are
        wrong here and there, and would make one unit of all.
        """
        if len(bearers) > _FEW:
            for one in bearers:
                self._unite_groups(group_of(bearers[0]), group_of(one))
            return
        for one, other in combinations(bearers, 2):
            if not are_others(one, other):
                self._unite_groups(group_of(one), group_of(other))

    def _are_too_many(self, rows: Iterable[int]) -> bool:
        borne = Counter(self._sides[row] for row in rows)
        return max(borne.values()) > MOST_BEARERS

    def _are_others(self, row: int, other: int) -> bool:
        """Whether two are no copies, as an id of them or of their shows differs."""
        ids, start, other_start = self._ids, 3 * row, 3 * other
        for at in range(3):
            ours, theirs = ids[start + at], ids[other_start + at]
            if ours and theirs and ours != theirs:
                return True
        return self._are_other_shows(self._group[row], self._group[other])

    def _are_other_shows(self, group: int, other: int) -> bool:
        return contradict(self._groups[group].ids, self._groups[other].ids)

    def _unite_groups(self, group: int, other: int) -> None:
        first, second = self._root(group), self._root(other)
        if first != second:
            self._parents[max(first, second)] = min(first, second)

    def _root(self, group: int) -> int:
        parents = self._parents
        while parents[group] != group:
            parents[group] = parents[parents[group]]
            group = parents[group]
        return group

    # --- works -------------------------------------------------------------------

    def works(self) -> Iterator[Sequence[int] | None]:
        """Yield the rows of each part of a unit; None now and then.

        No row can be found by what one of another part is found by: mostly a part is
        one work, with its copies on all sides.
        """
        for groups in self._members.values():
            rows = [row for one in groups for row in self._groups[one].rows]
            if self.is_film(self._groups[groups[0]]):
                yield rows  # an id has brought them together, and no show
            else:
                yield from self._parts(rows)

    def _parts(self, rows: Iterable[int]) -> Iterator[Sequence[int] | None]:
        first: dict[object, int] = {}
        parts: dict[int, list[int]] = {}
        for at, row in enumerate(rows):
            if at % _SLICE == 0:
                yield None
            part = parts[row] = [row]
            for key in self._keys(row):
                other = parts[first.setdefault(key, row)]
                if other is not part:
                    if len(part) > len(other):
                        part, other = other, part
                    other += part
                    for one in part:
                        parts[one] = other
                    part = other
        for row, part in parts.items():
            if part[0] == row:
                yield part

    def _keys(self, row: int) -> list[object]:
        """Return what a row can be found by in its unit, and perhaps more."""
        imdb, tmdb, tvdb = self._ids[3 * row : 3 * row + 3]
        keys: list[object] = []
        if imdb:
            keys.append(imdb * _SLOTS)
        if tmdb:
            keys.append(tmdb * _SLOTS + 1)
        if tvdb:
            keys.append(tvdb * _SLOTS + 2)
        season, episode, end, _ = self._numbers[4 * row : 4 * row + 4]
        if season != _NONE != episode:
            keys.append((season, episode))
            if end > episode:
                last = min(end, episode + MOST_EPISODES - 1)
                keys += ((season, one) for one in range(episode + 1, last + 1))
        server = self._servers[self._sides[row]]
        if server is not None:
            keys.append((server, self.item_id(row)))
        return keys

    def are_copies(self, rows: Sequence[int]) -> bool:
        """Whether the rows of a part are one work on so many sides, beyond any doubt.

        So it is of most of two large libraries, and seen without asking for each what
        it is on the other sides.
        """
        return all(starmap(self._are_one, combinations(rows, 2)))

    def are_watched(self, rows: Sequence[int]) -> bool:
        """Whether rows show that they are watched, and no position."""
        return all(
            self._flags[row] == _SEEN and not self._positions[row] for row in rows
        )

    def _are_one(self, row: int, other: int) -> bool:
        """Whether two are copies on different sides, if no third is like either."""
        *ours, year = self._numbers[4 * row : 4 * row + 4]
        *theirs, other_year = self._numbers[4 * other : 4 * other + 4]
        if (
            self._sides[row] == self._sides[other]
            or self._kinds[row] != self._kinds[other]
            or ours != theirs
            or (year != other_year and _NONE not in (year, other_year))
            or (self._flags[row] | self._flags[other]) & _CROWDED
            or self._are_others(row, other)
        ):
            return False
        ids = self._ids[3 * row : 3 * row + 3]
        other_ids = self._ids[3 * other : 3 * other + 3]
        has_id_in_common = any(map(mul, ids, other_ids, strict=True))
        return has_id_in_common or (
            self._show_of(row).ids.matches(self._show_of(other).ids)
        )

    # --- rows --------------------------------------------------------------------

    def side(self, row: int) -> int:
        """Return whose a row is."""
        return self._sides[row]

    def group_number(self, row: int) -> int:
        """Return the number of the group a row is in."""
        return self._group[row]

    def is_film(self, group: Show) -> bool:
        """Whether a group is that of a film."""
        return self._kinds[group.row] == 0

    @property
    def groups(self) -> Sequence[Show]:
        """All shows and films, by their numbers."""
        return self._groups

    def is_crowded(self, row: int) -> bool:
        """Whether it bears an id that too many others bear."""
        return bool(self._flags[row] & _CROWDED)

    def may_matter(self, row: int) -> bool:
        """Whether its state is anything but unwatched and not begun."""
        return (
            self._flags[row] & (_KNOWN | _WATCHED) != _KNOWN or self._positions[row] > 0
        )

    def _show_of(self, row: int) -> Show:
        return self._groups[self._group[row]]

    def item_id(self, row: int) -> str:
        """Return the id of a row's item."""
        start = self._ends[row - 1] if row else 0
        return self._texts[start : self._ends[row]].decode(errors="surrogatepass")

    def item(self, row: int) -> Item:
        """Return what was kept of a row's item: its ids and numbers, and no title."""
        kind = LEAVES[self._kinds[row]]
        season, episode, end, year = self._numbers[4 * row : 4 * row + 4]
        imdb, tmdb, tvdb = self._ids[3 * row : 3 * row + 3]
        group = self._show_of(row)
        is_film = kind is MediaKind.MOVIE
        return Item(
            item_id=self.item_id(row),
            kind=kind,
            title=(group.title or "") if is_film else "",
            year=None if year == _NONE else year,
            provider_ids=ProviderIds.numbered(imdb, tmdb, tvdb)
            if imdb or tmdb or tvdb
            else NO_IDS,
            duration=self._durations[row] or None,
            show_id=group.show_id,
            show_title=None if is_film else group.title,
            show_provider_ids=group.ids,
            season=None if season == _NONE else season,
            episode=None if episode == _NONE else episode,
            episode_end=None if end == _NONE else end,
        )

    def state(self, row: int) -> PlayState:
        """Return the play state of a row; what has begun again is watched."""
        flags, played = self._flags[row], self._played[row]
        if (
            flags == _KNOWN
            and played == _NO_TIME
            and not (self._positions[row] or self._counts[row])
        ):
            return NEVER
        return PlayState(
            watched=bool(flags & _WATCHED) if flags & _KNOWN else None,
            position=self._positions[row],
            play_count=self._counts[row],
            last_played=None if played == _NO_TIME else _EPOCH + played * _MICROSECOND,
            hides_position=bool(flags & _HIDES),
        )


#: What an item shows that nobody has begun.
NEVER = PlayState(watched=False)

_KNOWN, _WATCHED, _HIDES, _CROWDED = 1, 2, 4, 8

#: The flags of what is watched, and of nothing else.
_SEEN = _KNOWN | _WATCHED


def _packed_flags(state: PlayState) -> int:
    return (
        (state.watched is not None) * _KNOWN
        | bool(state.watched) * _WATCHED
        | state.hides_position * _HIDES
    )
