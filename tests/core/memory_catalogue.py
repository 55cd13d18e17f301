"""The in-memory twin of the catalogue: all it has is a candidate for every answer."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import override

from custom_components.watched_sync.core.catalogue import (
    KINDS,
    EpisodeCounts,
    LookupKey,
    Named,
    Progress,
    Selected,
    Selection,
    Sweep,
    copies,
    counts_of,
    episodes_below,
    id_keys,
    is_counted,
    likest,
    may_be_like,
    numbered,
    part_of,
    same_titled,
    shelf_place,
)
from custom_components.watched_sync.core.codec import DAMAGE, decode_row, encode_row
from custom_components.watched_sync.core.errors import CatalogueError
from custom_components.watched_sync.core.identity import Item, MediaKind, ProviderIds
from custom_components.watched_sync.core.leaf import LEAVES, Leaf
from custom_components.watched_sync.core.play_state import PlayState, Reading
from custom_components.watched_sync.core.ports import (
    Catalogue,
    CatalogueListener,
    Leaves,
)
from custom_components.watched_sync.core.titles import Likeness, heard, likeness


class MemoryCatalogue(Catalogue):
    """A catalogue that is gone with the test; `fail` makes every call fail."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.fail = False
        self._readings: dict[str, Reading] = {}
        self._bearing: defaultdict[LookupKey, set[str]] = defaultdict(set)
        self._seen: dict[str, int] = {}
        self._numbers: dict[str, int] = {}
        self._last_number = 0
        self._listeners: dict[object, CatalogueListener] = {}
        self._progress = Progress()
        self._revision = object()
        self._is_closed = False

    def _all(self) -> Collection[Reading]:
        if self.fail or self._is_closed:
            raise CatalogueError("as the test wants it")
        return self._readings.values()

    def _of(self, kinds: Collection[MediaKind]) -> list[Reading]:
        return [one for one in self._all() if one.item.kind in kinds]

    @override
    async def readings(self, item_ids: Collection[str]) -> Mapping[str, Reading]:
        wanted = set(item_ids)
        return {
            one.item.item_id: one for one in self._all() if one.item.item_id in wanted
        }

    @override
    async def below(self, parent: Item) -> Sequence[Reading]:
        return episodes_below(parent, self._all())

    @override
    async def find(self, kind: MediaKind, ids: ProviderIds) -> Sequence[Reading]:
        self._all()
        found = {one for key in id_keys(kind, ids) for one in self._bearing[key]}
        return copies(kind, ids, (self._readings[one] for one in found))

    @override
    async def find_episodes(
        self, show_ids: ProviderIds, season: int, episode: int
    ) -> Sequence[Reading]:
        shows = {
            one.item.item_id for one in copies(MediaKind.SHOW, show_ids, self._all())
        }
        return numbered(show_ids, shows, season, episode, self._all())

    @override
    async def titled(
        self,
        title: str,
        kinds: Collection[MediaKind],
        year: int | None = None,
        *,
        heard: bool = False,
    ) -> Sequence[Reading]:
        return same_titled(title, year, self._of(kinds), spoken=heard)

    @override
    async def like(
        self, title: str, kinds: Collection[MediaKind], limit: int
    ) -> Sequence[Reading]:
        candidates = []
        for one in self._of(kinds):
            alike = likeness(title, None, one.item.title, one.item.year)
            if alike is not Likeness.DIFFERENT or may_be_like(title, one.item.title):
                name = heard(one.item.title)
                candidates.append(Named(name, shelf_place(one), one, alike))
        return likest(title, candidates, limit)

    @override
    async def shows(self) -> Mapping[str, Reading]:
        return {one.item.item_id: one for one in self._of((MediaKind.SHOW,))}

    @override
    async def count_episodes(
        self, until: date, show_ids: Collection[str] | None = None
    ) -> Mapping[str, EpisodeCounts]:
        states: defaultdict[str, list[PlayState]] = defaultdict(list)
        for one in self._all():
            if is_counted(one.item, until):
                for show_id in one.item.show_ids:
                    states[show_id].append(one.state)
        return {
            show_id: counts_of(found)
            for show_id, found in states.items()
            if show_ids is None or show_id in show_ids
        }

    @override
    async def select(self, wanted: Selection) -> Selected:
        return part_of(wanted, self._all())

    @override
    async def leaves(self, start: int = 0, limit: int = 500) -> Leaves:
        self._all()
        after = sorted(
            (number, item_id)
            for item_id, number in self._numbers.items()
            if number > start and self._readings[item_id].item.kind in LEAVES
        )
        found = after[:limit]
        is_last = len(found) < limit
        return Leaves(
            [Leaf.of(self._readings[item_id]) for _, item_id in found],
            None if is_last else found[-1][0],
        )

    @override
    async def keep(
        self, readings: Iterable[Reading], round_no: int | None = None
    ) -> None:
        self._all()
        for reading in readings:
            try:
                kept = decode_row(encode_row(reading))
            except DAMAGE:
                continue
            self._tell(self._readings.get(kept.item.item_id), kept)
            self._forget(kept.item.item_id)
            self._readings[kept.item.item_id] = kept
            self._last_number += 1
            self._numbers.setdefault(kept.item.item_id, self._last_number)
            for key in id_keys(kept.item.kind, kept.item.provider_ids):
                self._bearing[key].add(kept.item.item_id)
            self._seen[kept.item.item_id] = (
                self._progress.round_no if round_no is None else round_no
            )

    @override
    async def drop(self, item_ids: Collection[str]) -> None:
        self._all()
        for item_id in item_ids:
            self._tell(self._readings.get(item_id), None)
            self._forget(item_id)
            self._numbers.pop(item_id, None)

    def _forget(self, item_id: str) -> None:
        known = self._readings.pop(item_id, None)
        if known is not None:
            for key in id_keys(known.item.kind, known.item.provider_ids):
                self._bearing[key].discard(item_id)

    @override
    async def sweep(self, library_id: str, kind: MediaKind, round_no: int) -> Sweep:
        there = [
            one.item.item_id
            for one in self._of((kind,))
            if one.item.library_id == library_id
        ]
        missing = [one for one in sorted(there) if self._seen[one] < round_no]
        return Sweep(missing, len(there))

    @override
    async def progress(self) -> Progress:
        self._all()
        return self._progress

    @override
    async def note(self, progress: Progress) -> None:
        self._all()
        self._progress = progress

    @override
    async def libraries(self) -> frozenset[str]:
        items = (one.item for one in self._of(KINDS))
        return frozenset(one.library_id for one in items if one.library_id)

    @override
    async def counts(self) -> Mapping[MediaKind, int]:
        return {kind: len(self._of((kind,))) for kind in KINDS}

    def _tell(self, before: Reading | None, now: Reading | None) -> None:
        if before == now:
            return
        self._revision = object()
        items = [one.item for one in (before, now) if one is not None]
        changed = {shown for one in items for shown in (one.item_id, *one.show_ids)}
        for listener in list(self._listeners.values()):
            listener(frozenset(changed))

    @override
    async def revision(self) -> object:
        self._all()
        return self._revision

    @override
    def add_listener(self, listener: CatalogueListener) -> Callable[[], None]:
        key = object()
        self._listeners[key] = listener

        def remove() -> None:
            self._listeners.pop(key, None)

        return remove

    @override
    async def close(self) -> None:
        self._is_closed = True
