"""Which items of a lane are a given work, on whatever server that is known.

*None* is an answer, and it has a name (`Skip`): writing to the wrong item is worse than
writing to none.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import combinations

from .identity import NO_IDS, Item, MediaKind, ProviderIds
from .mirror import Skip

#: Years by which two databases may differ about one work.
_YEARS_APART = 1

type IdKey = tuple[MediaKind, str, str]


def id_keys(kind: MediaKind, ids: ProviderIds) -> list[IdKey]:
    """Return what an item of this kind is found by: each id, among its own kind."""
    return [(kind, *one) for one in ids.named]


def contradict(one: ProviderIds, other: ProviderIds) -> bool:
    """Whether some id is known of both, and differs."""
    return bool(
        (one.imdb and other.imdb and one.imdb != other.imdb)
        or (one.tmdb and other.tmdb and one.tmdb != other.tmdb)
        or (one.tvdb and other.tvdb and one.tvdb != other.tvdb)
    )


class Shelf:
    """Items of one lane, ready to be asked which of them are a given work."""

    def __init__(self, items: Iterable[Item]) -> None:
        """Put films and episodes up; episodes know the ids of their shows."""
        self._by_id: defaultdict[IdKey, list[Item]] = defaultdict(list)
        self._by_number: defaultdict[tuple[IdKey, int, int], list[Item]] = defaultdict(
            list
        )
        self.put(items)

    def put(self, items: Iterable[Item]) -> None:
        """Put further items up."""
        show_ids, show_keys = NO_IDS, list[IdKey]()
        for item in items:
            if item.kind not in (MediaKind.MOVIE, MediaKind.EPISODE):
                continue
            for key in id_keys(item.kind, item.provider_ids):
                self._by_id[key].append(item)
            if item.season is None:
                continue
            if item.show_provider_ids is not show_ids:  # most are of the same show
                show_ids = item.show_provider_ids
                show_keys = id_keys(MediaKind.SHOW, show_ids)
            for key in show_keys:
                for number in item.numbers:
                    self._by_number[key, item.season, number].append(item)

    def copies(self, item: Item) -> list[Item] | Skip:
        """Return every copy of a work here, or why there is none to be sure of.

        Ids decide, each kind among its own, and never titles. An episode is known by
        its own ids, or else by its show's with season and number; of a file that holds
        several, whatever holds one of them is meant.
        """
        match item.kind:
            case MediaKind.MOVIE:
                return self._films(item)
            case MediaKind.EPISODE:
                return self._episodes(item)
            case _:
                return Skip.NO_IDS

    def _films(self, item: Item) -> list[Item] | Skip:
        if not item.provider_ids:
            return Skip.NO_IDS
        return _one_work(
            [
                found
                for found in self._named(item)
                if found.year is None
                or item.year is None
                or abs(found.year - item.year) <= _YEARS_APART
            ],
            lambda found: found.provider_ids,
        )

    def _episodes(self, item: Item) -> list[Item] | Skip:
        numbered = item.season is not None and item.episode is not None
        if not item.provider_ids and not (item.show_provider_ids and numbered):
            return Skip.NO_IDS
        named = [
            found
            for found in self._named(item)
            if not contradict(found.show_provider_ids, item.show_provider_ids)
        ]
        if len({(found.season, found.episode) for found in named}) > 1:
            return Skip.AMBIGUOUS
        found = {one.item_id: one for one in named}
        # Unless the two sides count differently, as some do with what was aired.
        if all(
            (one.season, one.episode) == (item.season, item.episode) for one in named
        ):
            found |= {one.item_id: one for one in self._numbered(item)}
        if any(
            one.episode == other.episode
            and contradict(one.provider_ids, other.provider_ids)
            for one, other in combinations(found.values(), 2)
        ):
            return Skip.AMBIGUOUS
        return _one_work(list(found.values()), lambda one: one.show_provider_ids)

    def _numbered(self, item: Item) -> Iterator[Item]:
        """Yield what holds one of the episodes that *item* holds."""
        if item.season is None:
            return
        seen = set[str]()
        for show in id_keys(MediaKind.SHOW, item.show_provider_ids):
            for place in item.numbers:
                for one in self._by_number.get((show, item.season, place), ()):
                    if one.item_id in seen:
                        continue
                    seen.add(one.item_id)
                    is_other_show = contradict(
                        one.show_provider_ids, item.show_provider_ids
                    )
                    is_other_episode = one.episode == item.episode and contradict(
                        one.provider_ids, item.provider_ids
                    )
                    if not is_other_show and not is_other_episode:
                        yield one

    def _named(self, item: Item) -> list[Item]:
        found = {
            one.item_id: one
            for key in id_keys(item.kind, item.provider_ids)
            for one in self._by_id.get(key, ())
            if not contradict(one.provider_ids, item.provider_ids)
        }
        return list(found.values())


def _one_work(
    found: list[Item], ids: Callable[[Item], ProviderIds]
) -> list[Item] | Skip:
    if not found:
        return Skip.NOT_FOUND
    if any(contradict(ids(one), ids(other)) for one, other in combinations(found, 2)):
        return Skip.AMBIGUOUS
    return found
