"""The films and shows of several lanes, each work once, as people look through them.

What lies on several servers, or in several files, is one work: its copies share an id
of the world, or they are one item that several users see. Ids decide, never titles. Of
copies that are linked by ids and contradict each other, only those belong together that
bear exactly the same ones: a wrong match is worse than none.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import combinations
from operator import attrgetter
from typing import Final

from .catalogue import ShelfPlace
from .errors import Reason
from .identity import Item, MediaKind, ProviderIds
from .matching import contradict
from .play_state import PlayState
from .snapshot import ItemSyncState

#: Years by which two databases may differ about one film.
_YEARS_APART: Final = 1

#: The worst comes last.
_SYNC_STATES: Final = (
    ItemSyncState.SYNCED,
    ItemSyncState.SYNCING,
    ItemSyncState.PENDING,
    ItemSyncState.FAILED,
)

#: The id of a lane, and that of an item there.
type CopyKey = tuple[str, str]
#: What copies of one work have in common: an id of the world or a number, written as in
#: an address, or an item of a server. There are many: texts take less than tuples do.
type _Link = str | tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """A film, show or episode on one lane.

    `state` is how it will be once all is delivered, `server` what its server showed
    last, `place` where it stands on the shelf. Of a show they go by its episodes:
    `episodes` of them are there, `seen` are watched and `begun` have a position; None
    as long as they are not all known. `server_id` tells the server of the lane.
    """

    lane: str
    server_id: str
    item: Item
    place: ShelfPlace
    state: PlayState
    server: PlayState
    sync: ItemSyncState = ItemSyncState.SYNCED
    error: Reason | None = None
    episodes: int | None = None
    seen: int | None = None
    begun: int | None = None
    #: What tells it from all others: made once, as much is found by it.
    key: CopyKey = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Make the key."""
        object.__setattr__(self, "key", (self.lane, self.item.item_id))

    @property
    def is_begun(self) -> bool:
        """Whether somebody is in the middle of it."""
        if self.item.kind is not MediaKind.SHOW:
            return self.state.position > 0
        if self.episodes is None:
            return False
        return bool(self.begun) or 0 < (self.seen or 0) < self.episodes

    @property
    def is_touched(self) -> bool:
        """Whether somebody has watched it, or a part of it."""
        return self.state.watched is True or self.is_begun

    def agrees_with(self, other: Copy) -> bool:
        """Whether both say the same of what somebody has watched.

        What is not known contradicts nothing. Of a show that has more episodes on one
        server than on another only so much can be said: that none is watched.
        """
        if None in (self.state.watched, other.state.watched):
            return True
        if self.item.kind is not MediaKind.SHOW:
            return self.state.means_the_same_as(other.state)
        if self.episodes == other.episodes:
            return self.seen == other.seen
        return bool(self.seen) is bool(other.seen)


@dataclass(frozen=True, slots=True)
class Work:
    """One film, show or episode; its copies in the order of their keys.

    `address` is an id of the world that all its copies and no others are linked by,
    such as `imdb.tt0133093`; None where there is no such id.
    """

    copies: tuple[Copy, ...]
    address: str | None = None

    @property
    def key(self) -> CopyKey:
        """What tells it from other works."""
        return self.copies[0].key


class Works:
    """Films and shows, or the episodes of one show, brought up to date copy by copy."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._copies: dict[CopyKey, Copy] = {}
        # Most have one or two: so short a tuple takes a quarter of what a set does,
        # and the garbage collector of Python leaves it alone.
        self._linked: dict[_Link, tuple[CopyKey, ...]] = {}
        self._of: dict[CopyKey, Work] = {}
        self._works: dict[CopyKey, Work] = {}

    def __iter__(self) -> Iterator[Work]:
        """Return each work once, in no order."""
        return iter(self._works.values())

    def copy(self, key: CopyKey) -> Copy | None:
        """Return a copy by its key."""
        return self._copies.get(key)

    def of(self, key: CopyKey) -> Work | None:
        """Return the work that a copy belongs to."""
        return self._of.get(key)

    def by_key(self, key: CopyKey) -> Work | None:
        """Return a work by its own key."""
        return self._works.get(key)

    def at(self, kind: MediaKind, address: str) -> Work | None:
        """Return the work that an address means, if it is one."""
        keys = self._linked.get(f"{kind}.{address}", ())
        works = {work.key: work for one in keys if (work := self._of.get(one))}
        return works.popitem()[1] if len(works) == 1 else None

    def put(self, copies: Iterable[Copy], gone: Iterable[CopyKey] = ()) -> set[CopyKey]:
        """Take in copies as they are now, and forget those that are gone.

        Returns the keys of the works that are new, changed, or not there any more.
        """
        changed: set[CopyKey] = set()
        loose: set[CopyKey] = set()
        for copy in copies:
            key, before = copy.key, self._copies.get(copy.key)
            if before == copy:
                continue
            self._copies[key] = copy
            links = _links(copy)
            if before is not None:
                if _links(before) == links:
                    changed.add(self._replace(copy))
                    continue
                loose |= self._unlink(before)
            for link in links:
                self._linked[link] = (*self._linked.get(link, ()), key)
            loose.add(key)
        for key in gone:
            if (known := self._copies.pop(key, None)) is not None:
                loose |= self._unlink(known)
        return changed | self._regroup(loose)

    def _replace(self, copy: Copy) -> CopyKey:
        """Put a copy that is linked as before into its work."""
        work = self._of[copy.key]
        copies = tuple(copy if one.key == copy.key else one for one in work.copies)
        self._add(Work(copies, work.address))
        return work.key

    def _unlink(self, copy: Copy) -> set[CopyKey]:
        """Take a copy off what links it; return whom it leaves behind."""
        left = {copy.key}
        for link in _links(copy):
            others = tuple(one for one in self._linked[link] if one != copy.key)
            left.update(others)
            if others:
                self._linked[link] = others
            else:
                del self._linked[link]
        return left

    def _regroup(self, loose: set[CopyKey]) -> set[CopyKey]:
        """Find the works that these copies belong to anew."""
        changed: set[CopyKey] = set()
        linked: set[CopyKey] = set()
        for key in loose:
            if (work := self._of.get(key)) is not None:
                changed.add(work.key)
                self._works.pop(work.key, None)
                linked |= {one.key for one in work.copies}
        linked |= loose
        for key in linked:
            self._of.pop(key, None)
        linked &= self._copies.keys()
        while linked:
            group = self._group(linked.pop())
            linked -= group
            for key in group:
                if (work := self._of.get(key)) is not None:
                    changed.add(work.key)
                    self._works.pop(work.key, None)
            for work in _works_of([self._copies[key] for key in sorted(group)]):
                self._add(work)
                changed.add(work.key)
        return changed

    def _group(self, key: CopyKey) -> set[CopyKey]:
        """Return all copies that are linked to one, itself included."""
        group, waiting = {key}, [key]
        while waiting:
            for link in _links(self._copies[waiting.pop()]):
                for other in self._linked[link]:
                    if other not in group:
                        group.add(other)
                        waiting.append(other)
        return group

    def _add(self, work: Work) -> None:
        self._works[work.key] = work
        for copy in work.copies:
            self._of[copy.key] = work


def _links(copy: Copy) -> list[_Link]:
    """Return what links a copy to others: one item of a server, ids, and a number.

    The number is that of an episode: none are put together but those of one show.
    """
    item = copy.item
    kind: str = item.kind
    ids = item.provider_ids.named
    links: list[_Link] = [f"{kind}.{name}.{value}" for name, value in ids]
    links.append((copy.server_id, item.item_id))
    if item.kind is MediaKind.EPISODE and None not in (item.season, item.episode):
        links.append(f"number.{item.season}.{item.episode}")
    return links


def _works_of(copies: Sequence[Copy]) -> Iterator[Work]:
    """Yield the works that copies which are linked to each other are."""
    if not any(_contradict(one, other) for one, other in _pairs(copies)):
        # The ids of each are in order: the first of all is among their first.
        named = [ids[0] for copy in copies if (ids := copy.item.provider_ids.named)]
        yield Work(tuple(copies), ".".join(min(named)) if named else None)
        return
    alike: dict[tuple[ProviderIds, int | None], list[Copy]] = {}
    for copy in copies:
        alike.setdefault((copy.item.provider_ids, copy.item.year), []).append(copy)
    for group in alike.values():
        yield Work(tuple(group))


def _pairs(copies: Sequence[Copy]) -> Iterable[tuple[Item, Item]]:
    """Return each two items that are not described alike."""
    first = copies[0].item
    if all(
        one.item.provider_ids == first.provider_ids and one.item.year == first.year
        for one in copies[1:]
    ):
        return ()
    items = {
        (copy.item.provider_ids, copy.item.year): copy.item for copy in copies
    }.values()
    return combinations(items, 2)


def _contradict(one: Item, other: Item) -> bool:
    """Whether two items that share an id cannot be one work."""
    return contradict(one.provider_ids, other.provider_ids) or (
        one.kind is MediaKind.MOVIE
        and one.year is not None
        and other.year is not None
        and abs(one.year - other.year) > _YEARS_APART
    )


# --- looking through them ------------------------------------------------------------


class Standing(StrEnum):
    """How far works are watched that are looked for."""

    WATCHED = "watched"
    UNWATCHED = "unwatched"
    IN_PROGRESS = "in_progress"
    NOBODY = "nobody"


class Order(StrEnum):
    """What works are sorted by."""

    TITLE = "title"
    YEAR = "year"
    LAST_PLAYED = "last_played"
    DURATION = "duration"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkFilter:
    """Which works are looked for, and in which order; None lets everything pass.

    `libraries` are lanes with the ids of their libraries that are wanted, None for all:
    of a lane that is not in it none is.
    """

    kinds: frozenset[MediaKind] = frozenset((MediaKind.MOVIE, MediaKind.SHOW))
    standing: Standing | None = None
    waiting: bool = False
    disagreeing: bool = False
    libraries: tuple[tuple[str, frozenset[str] | None], ...] | None = None
    order: Order = Order.TITLE
    descending: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """A work as it is for some lanes: `copies` are those on them.

    It is watched if one of the copies is. `touched` is whether anybody who may be seen
    has watched it or a part of it.
    """

    work: Work
    copies: tuple[Copy, ...]
    kind: MediaKind
    place: ShelfPlace
    watched: bool | None
    begun: bool
    agrees: bool
    touched: bool
    sync: ItemSyncState
    year: int | None
    duration: float | None
    last_played: datetime | None

    @property
    def first(self) -> Copy:
        """The copy it is described by."""
        return self.copies[0]

    @property
    def position(self) -> float:
        """The furthest position, of the watched copies if there are any."""
        return max(
            copy.state.position
            for copy in self.copies
            if copy.state.watched is self.watched
        )

    @property
    def error(self) -> Reason | None:
        """Why it waits or failed, as far as that is known."""
        return next((one.error for one in self.copies if one.error is not None), None)

    @property
    def counts(self) -> tuple[int | None, int | None]:
        """How many episodes it has, and how many are watched, where most are."""
        counted = [one for one in self.copies if one.episodes is not None]
        most = max(counted, key=lambda one: (one.seen or 0, one.episodes), default=None)
        return (None, None) if most is None else (most.episodes, most.seen)


def line_of(
    work: Work, lanes: Sequence[str], seen: Collection[str] = ()
) -> Line | None:
    """Return a work as it is for *lanes*, in their order; None if none has it.

    *seen* are all lanes by which somebody counts who has watched it.
    """
    copies = tuple(copy for lane in lanes for copy in work.copies if copy.lane == lane)
    if copies == work.copies:
        copies = work.copies  # as it mostly is: there need not be two
    return line_of_copies(work, copies, seen) if copies else None


def line_of_copies(
    work: Work, copies: tuple[Copy, ...], seen: Collection[str] = ()
) -> Line:
    """Return a work by some of its copies, at least one."""
    first = copies[0]
    flags = {copy.state.watched for copy in copies}
    played = [at for one in copies if (at := one.state.last_played) is not None]
    lengths = (one.item.duration for one in copies if one.item.duration is not None)
    return Line(
        work=work,
        copies=copies,
        kind=first.item.kind,
        place=first.place,
        watched=True if True in flags else None if None in flags else False,
        begun=any(one.is_begun for one in copies),
        agrees=all(first.agrees_with(one) for one in copies[1:]),
        touched=any(one.is_touched for one in work.copies if one.lane in seen),
        sync=max((one.sync for one in copies), key=_SYNC_STATES.index),
        year=next((one.item.year for one in copies if one.item.year), None),
        duration=next(lengths, None),
        last_played=max(played, default=None),
    )


@dataclass(slots=True, eq=False)
class View:
    """The works of some *lanes*, ready to be looked through again and again.

    *seen* are all lanes by which somebody counts who has watched something. `removed`
    counts how often a work was taken away from it.
    """

    lanes: tuple[str, ...]
    seen: frozenset[str]
    removed: int = 0
    _lines: dict[CopyKey, Line] = field(default_factory=dict)
    _found: dict[WorkFilter, Sequence[Line]] = field(default_factory=dict)

    def put(self, key: CopyKey, work: Work | None) -> None:
        """Take in how a work is now; None if it is not there any more."""
        line = None if work is None else line_of(work, self.lanes, self.seen)
        if line is not None:
            self._lines[key] = line
        elif self._lines.pop(key, None) is not None:
            self.removed += 1
        self._found.clear()

    def line(self, key: CopyKey) -> Line | None:
        """Return a work by its key."""
        return self._lines.get(key)

    def find(self, wanted: WorkFilter) -> Sequence[Line]:
        """Return all that is wanted, in order."""
        if (found := self._found.get(wanted)) is None:
            if len(self._found) >= _KEPT:
                self._found.clear()
            found = self._found[wanted] = self._look(wanted)
        return found

    def _look(self, wanted: WorkFilter) -> Sequence[Line]:
        takes = _filter(wanted)
        found = [one for one in self._lines.values() if takes(one)]
        found.sort(key=attrgetter("place"))
        if wanted.order is not Order.TITLE:
            # What has no such value comes last, whichever way round.
            value = attrgetter(wanted.order.value)
            known = [one for one in found if value(one) is not None]
            known.sort(key=value, reverse=wanted.descending)
            return [*known, *(one for one in found if value(one) is None)]
        if wanted.descending:
            found.reverse()
        return found


#: Filters of which a view remembers what passes them.
_KEPT: Final = 16


def _filter(wanted: WorkFilter) -> Callable[[Line], bool]:
    """Return what tells whether a work is looked for."""
    kinds, standing = wanted.kinds, wanted.standing
    libraries = dict(wanted.libraries or ())

    def takes(line: Line) -> bool:
        return (
            line.kind in kinds
            and (standing is None or _stands(line, standing))
            and not (wanted.waiting and line.sync is ItemSyncState.SYNCED)
            and not (wanted.disagreeing and line.agrees)
            and (wanted.libraries is None or any(map(is_in, line.copies)))
        )

    def is_in(copy: Copy) -> bool:
        ids = libraries.get(copy.lane, frozenset())
        return ids is None or copy.item.library_id in ids

    return takes


def _stands(line: Line, standing: Standing) -> bool:
    match standing:
        case Standing.WATCHED:
            return line.watched is True
        case Standing.UNWATCHED:
            return line.watched is False and not line.begun
        case Standing.IN_PROGRESS:
            return line.begun
        case Standing.NOBODY:
            return line.watched is False and not line.touched
