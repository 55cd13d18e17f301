"""What may be the same work by its title and year, where no id says so.

That is no more than probable: two films of one year do bear one title. So it is a
question for a person, and nothing is done because of it unasked.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

from ..matching import contradict
from ..titles import Likeness, keys, likeness, split_year
from .packing import Packed, Show

#: Titles that are compared in one go.
_SLICE = 100


class Likely(NamedTuple):
    """A row, and the row of what may be a copy of it on another side."""

    row: int
    copy: int


def likely(packed: Packed, rows: Sequence[int], side: int) -> Iterator[Likely | None]:
    """Yield what on a side may be the same as one of *rows*; None now and then.

    Title and year have to be the same, but for articles and how they are written, both
    years known, and no id known of both may differ. An episode is known by its show
    and its number. Where several works there fit, none is likely.
    """
    wanted: defaultdict[int, list[int]] = defaultdict(list)
    for row in rows:
        wanted[packed.group_number(row)].append(row)
    by_key: defaultdict[str, set[int]] = defaultdict(set)
    for at, number in enumerate(wanted):
        if at % _SLICE == 0:
            yield None
        for key in _keys(packed.groups[number]):
            by_key[key] = set()
    if not by_key:
        return
    for number, group in enumerate(packed.groups):
        if number % _SLICE == 0:
            yield None
        if group.side == side:
            for key in _keys(group):
                if key in by_key:
                    by_key[key].add(number)
    for number, some in wanted.items():
        yield None
        group = packed.groups[number]
        candidates = {one for key in _keys(group) for one in by_key.get(key, ())}
        there = [
            packed.groups[one]
            for one in sorted(candidates)
            if _is_like(packed, group, packed.groups[one])
        ]
        if there and packed.is_film(group):
            yield from _films(packed, some, there)
        elif there and not _are_several(there):
            yield from _episodes(packed, some, there)


def _films(
    packed: Packed, rows: Sequence[int], there: Sequence[Show]
) -> Iterator[Likely]:
    for row in rows:
        ids = packed.item(row).provider_ids
        found = {one.row: packed.item(one.row).provider_ids for one in there}
        if any(contradict(ids, other) for other in found.values()):
            found = {
                copy: other
                for copy, other in found.items()
                if not contradict(ids, other)
            }
        if any(
            contradict(one, other) for one, other in combinations(found.values(), 2)
        ):
            continue
        for copy in found:
            yield Likely(row, copy)


def _episodes(
    packed: Packed, rows: Sequence[int], there: Sequence[Show]
) -> Iterator[Likely | None]:
    by_place: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for show in there:
        for at, copy in enumerate(show.rows):
            if at % _SLICE == 0:
                yield None
            item = packed.item(copy)
            if item.season is not None and item.episode is not None:
                by_place[item.season, item.episode].append(copy)
    for at, row in enumerate(rows):
        if at % _SLICE == 0:
            yield None
        item = packed.item(row)
        if item.season is None:
            continue
        for number in item.numbers:
            for copy in by_place.get((item.season, number), ()):
                other = packed.item(copy)
                if set(other.numbers) <= set(item.numbers) and not contradict(
                    item.provider_ids, other.provider_ids
                ):
                    yield Likely(row, copy)


def _are_several(shows: Sequence[Show]) -> bool:
    """Whether these are more shows than one."""
    return any(contradict(one.ids, other.ids) for one, other in combinations(shows, 2))


def _is_like(packed: Packed, group: Show, other: Show) -> bool:
    if packed.is_film(group) is not packed.is_film(other):
        return False
    title, year = _named(group)
    there, year_there = _named(other)
    return (
        year == year_there
        and likeness(title, None, there) is not Likeness.DIFFERENT
        and not contradict(group.ids, other.ids)
    )


def _named(group: Show) -> tuple[str, int | None]:
    """Return the title of a film or show without its year, and that year."""
    title, year = split_year(group.title or "")
    return (title, year) if group.year is None else (group.title or "", group.year)


def _keys(group: Show) -> frozenset[str]:
    """Return what a film or show is looked up by, nothing where its year is unknown."""
    title, year = _named(group)
    return keys(title) if title and year is not None else frozenset()
