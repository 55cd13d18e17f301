"""What goes into a lane's catalogue, and what has moved since it was kept there.

There are two ways in. What the lane reads and believes is written through, some seconds
later. What a listing shows is compared with what is known, and never written over it: a
row that shows another play state says where to look, and only what is read there is
believed, told and copied. So every change is told once, however it was noticed.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
import logging

from .errors import CatalogueError
from .identity import Item, MediaKind, WorkKey
from .lane import Lane, LaneUpdate, copies_of
from .play_state import UNKNOWN, PlayState, Reading
from .ports import Catalogue, Told

_LOGGER = logging.getLogger(__name__)

#: Seconds in which readings are gathered to be written together, and how many are
#: written without waiting for more.
GATHER = 3.0
MOST_GATHERED = 250

#: Readings that wait for a catalogue that cannot be written, at most.
MOST_WAITING = 5_000

#: Seconds after which a catalogue is asked again that failed.
FAILED_REST = 300.0

#: Works that other ones took the ids of, remembered until the listings have ended.
MOST_DISPLACED = 5_000

#: What is a row of the catalogue.
_KEPT = (MediaKind.MOVIE, MediaKind.SHOW, MediaKind.EPISODE)


@dataclass(frozen=True, slots=True)
class Taken:
    """What a part of a listing was, compared with what was known.

    `moved` are items worth a look, by their ids, and what the listing says of them; it
    is None where what was known under this id is another work. `new` counts rows that
    were not known. `differing` are shows with other counts of episodes than are known.
    `unwatched` is how many more items are not watched than of those was known.
    """

    moved: Mapping[str, Told | None] = field(default_factory=dict)
    new: int = 0
    differing: Sequence[Reading] = ()
    unwatched: int = 0


class Keeper:
    """Writes into the catalogue of a lane."""

    def __init__(
        self,
        lane: Lane,
        catalogue: Catalogue,
        *,
        label: str,
        counts_are_signs: bool,
    ) -> None:
        """Keep in *catalogue* what *lane* reads; *label* is how the log names it.

        Where *counts_are_signs*, those of a show say whether its episodes are to be
        read: then it is kept with the counts they were read with.
        """
        self._counts_are_signs = counts_are_signs
        self._lane = lane
        self._catalogue = catalogue
        self._label = label
        self._news: dict[str, Reading] = {}
        self._has_news = asyncio.Event()
        self._is_full = asyncio.Event()
        #: What is compared must not be written by anybody else meanwhile.
        self._one_write = asyncio.Lock()
        self._has_failed = False
        self._displaced: dict[WorkKey, PlayState] = {}

    # --- what the lane reads -----------------------------------------------------

    def hear(self, update: LaneUpdate) -> None:
        """Note what the lane has read, to be written with other readings."""
        for one in (*update.seen, *update.readings):
            if one.item.kind in _KEPT:
                self._news.pop(one.item.item_id, None)
                self._news[one.item.item_id] = one
        while len(self._news) > MOST_WAITING:
            del self._news[next(iter(self._news))]
        if self._news:
            self._has_news.set()
        if len(self._news) >= MOST_GATHERED:
            self._is_full.set()

    async def run(self) -> None:
        """Write through what the lane reads, until cancelled."""
        while True:
            await self._has_news.wait()
            with suppress(TimeoutError):
                async with asyncio.timeout(GATHER):
                    await self._is_full.wait()
            try:
                await self.flush()
            except CatalogueError as err:
                self.failed(err)
                await asyncio.sleep(FAILED_REST)
            except Exception:
                # The others have to be kept all the same; these are read again.
                _LOGGER.exception("%s: what was read cannot be kept", self._label)

    async def flush(self) -> None:
        """Write now what waits. Raises `CatalogueError`; it waits on then."""
        async with self._one_write:
            self._has_news.clear()
            self._is_full.clear()
            news, self._news = self._news, {}
            if not news:
                return
            try:
                shows = {
                    show_id for one in news.values() for show_id in one.item.show_ids
                }
                known = await self._catalogue.readings({*news, *shows})
                completed = {
                    item_id: self._completed(of_show(one, known), known.get(item_id))
                    for item_id, one in news.items()
                }
                await self._catalogue.keep(completed.values())
            except CatalogueError:
                self._news = {**news, **self._news}
                self._has_news.set()
                raise
        self.works()
        self._look_for(completed, known)

    def failed(self, error: CatalogueError) -> None:
        """Note that the catalogue failed; the log has it once, until it works again."""
        level = logging.DEBUG if self._has_failed else logging.WARNING
        self._has_failed = True
        _LOGGER.log(
            level,
            "%s: what is in the libraries cannot be kept just now: %s",
            self._label,
            error,
        )

    def works(self) -> None:
        """Note that the catalogue works."""
        self._has_failed = False

    # --- what a listing shows ----------------------------------------------------

    def begin_round(self) -> None:
        """Forget which works had other ids before."""
        self._displaced.clear()

    async def take(
        self,
        readings: Iterable[Reading],
        round_no: int | None,
        *,
        is_first: bool,
        played_until: datetime | None = None,
    ) -> Taken:
        """Take in rows of a listing, each seen in round *round_no*, or the last one.

        What *is_first* shows is how things are, and nothing has moved: but for what the
        lane has read itself, which is newer than any listing, and what was played after
        *played_until*, by the server's clock. Raises `CatalogueError`.
        """
        rows = {one.item.item_id: one for one in readings}
        if not rows:
            return Taken()
        async with self._one_write:
            known = await self._catalogue.readings(rows.keys())
            copies = {} if is_first else await self._shown_before(rows, known)
            kept: list[Reading] = []
            moved: dict[str, Told | None] = {}
            differing: list[Reading] = []
            new = unwatched = 0
            for item_id, row in rows.items():
                before = self._known(row, known.get(item_id))
                new += before is None
                if row.item.kind.is_container:
                    is_read = is_first or not self._counts_are_signs
                    kept.append(row if is_read else _with_counts_of(row, before))
                    if before is None or _counts(before) != _counts(row):
                        differing.append(row)
                    continue
                unwatched += row.state.watched is False
                if (kept_before := known.get(item_id)) is not None:
                    unwatched -= kept_before.state.watched is False
                is_old = is_first and not _was_played_after(row, played_until)
                kept.append(_compared(row, before, copies.get(item_id), is_old=is_old))
                if is_old or not _is_worth_a_look(kept[-1], row):
                    continue
                moved[item_id] = (
                    None
                    if self._is_id_of_others(row.item, known.get(item_id))
                    else Told(row.state)
                )
            # Nothing of what the lane has read meanwhile is lost: it is written next.
            await self._catalogue.keep(kept, round_no)
        self.works()
        self._look_for({one.item.item_id: one for one in kept}, known)
        return Taken(moved, new, differing, unwatched)

    async def keep_counts(self, show: Reading, round_no: int) -> None:
        """Keep the counts of a show whose episodes are known by now."""
        async with self._one_write:
            await self._catalogue.keep([show], round_no)

    def _look_for(
        self, kept: Mapping[str, Reading], before: Mapping[str, Reading]
    ) -> None:
        """Have the lane look for what is missing, where it may be what is new.

        What was there *before* may have got its names only now.
        """
        self._lane.look_for(
            [
                one.item
                for item_id, one in kept.items()
                if (earlier := before.get(item_id)) is None
                or not earlier.item.is_named_as(one.item)
            ]
        )

    def _known(self, row: Reading, kept: Reading | None) -> Reading | None:
        """Return what is known of the item of a row: by the lane, or else as kept."""
        read = self._lane.ledger.reading(row.item.item_id)
        known = [one for one in (read, kept) if one and one.item.is_still(row.item)]
        if not known:
            return None
        if row.item.kind.is_container:
            # Its counts are those with which its episodes were read.
            return kept if kept in known else None
        sure = (one for one in known if one.state.watched is not None)
        return next(sure, known[0])

    def _is_id_of_others(self, item: Item, kept: Reading | None) -> bool:
        """Whether another work is known by the id of *item*, by the lane or as kept.

        That may show what *item* does, which is no reason not to look.
        """
        read = self._lane.ledger.reading(item.item_id)
        return any(one and not one.item.is_still(item) for one in (read, kept))

    def _completed(self, news: Reading, kept: Reading | None) -> Reading:
        """Return what the lane has read with what only the catalogue knows."""
        if kept is not None and not kept.item.is_still(news.item):
            kept = None
        if news.item.kind.is_container and self._counts_are_signs:
            return _with_counts_of(news, kept)
        if kept is None:
            return news
        news = _completed_item(news, kept)
        if news.item.kind.is_container:
            return news
        if news.state.watched is None:
            return replace(news, state=kept.state)
        return replace(news, state=news.state.following(kept.state))

    async def _shown_before(
        self, rows: Mapping[str, Reading], known: Mapping[str, Reading]
    ) -> Mapping[str, Sequence[PlayState]]:
        """Return what the works of new rows have shown under other ids.

        A server that was rebuilt, or a library that was moved, numbers everything anew;
        and of many a film there is another copy.
        """
        found: dict[str, Sequence[PlayState]] = {}
        others: list[Reading] = []
        for item_id, row in rows.items():
            before = known.get(item_id)
            if before is not None and not before.item.is_still(row.item):
                others.append(before)
        for before in others:
            self._displace(before)
        for item_id, row in rows.items():
            if row.state.is_untouched or row.item.kind.is_container:
                continue
            before = self._known(row, known.get(item_id))
            if before is not None and before.state.watched is not None:
                continue
            copies = [
                one.state
                for one in await copies_of(row.item, self._catalogue)
                if one.item.item_id != item_id
            ]
            keys = row.item.work_keys
            copies += [self._displaced[key] for key in keys if key in self._displaced]
            found[item_id] = copies
        return found

    def _displace(self, before: Reading) -> None:
        for key in before.item.work_keys:
            self._displaced.pop(key, None)
            self._displaced[key] = before.state
        while len(self._displaced) > MOST_DISPLACED:
            del self._displaced[next(iter(self._displaced))]


def _counts(show: Reading) -> tuple[int | None, int | None]:
    """Return how many episodes a show has, and how many of them are watched."""
    return show.leaf_count, show.watched_leaf_count


def _was_played_after(row: Reading, until: datetime | None) -> bool:
    played_at = row.state.last_played
    return until is not None and played_at is not None and played_at > until


def _compared(
    row: Reading,
    before: Reading | None,
    copies: Collection[PlayState] | None,
    *,
    is_old: bool,
) -> Reading:
    """Return a row as it is kept: with the state that it is to be compared with.

    A file that is new and that nobody has watched shows what is to be known of it. One
    that was watched or begun is not known before it was looked at, unless it *is_old*
    or another copy has shown the same.
    """
    if before is None or before.state.watched is None:
        row = row if before is None else _completed_item(row, before)
        is_known = (
            is_old
            or row.state.is_untouched
            or any(not row.state.has_moved_from(one) for one in copies or ())
        )
        return row if is_known else replace(row, state=UNKNOWN)
    return replace(_completed_item(row, before), state=before.state)


def _is_worth_a_look(kept: Reading, row: Reading) -> bool:
    """Whether a row shows something else than what is kept of it."""
    if kept.state.watched is None:
        return row.state.watched is not None
    if row.state.watched is None:
        return False
    return row.state.following(kept.state).has_moved_from(kept.state)


def of_show(row: Reading, shows: Mapping[str, Reading]) -> Reading:
    """Return an episode with what only its show tells, if that is among *shows*."""
    show = shows.get(row.item.show_id or "")
    return row if show is None else replace(row, item=row.item.of_show(show.item))


def _with_counts_of(show: Reading, before: Reading | None) -> Reading:
    """Return a show with the counts that its episodes were read with, if they were."""
    if before is None:
        return replace(show, state=UNKNOWN, leaf_count=None, watched_leaf_count=None)
    return replace(
        show,
        state=before.state,
        leaf_count=before.leaf_count,
        watched_leaf_count=before.watched_leaf_count,
    )


def _completed_item(reading: Reading, known: Reading) -> Reading:
    """Return a reading with what is only known of its item from elsewhere."""
    item = reading.item.completed_by(known.item)
    if item.library_id is None:
        item = replace(item, library_id=known.item.library_id)
    has_more_files = reading.has_more_files or known.has_more_files
    return replace(reading, item=item, has_more_files=has_more_files)
