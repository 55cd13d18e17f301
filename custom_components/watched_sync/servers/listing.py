"""What both kinds of server do with the readings of a listing."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
import math
from typing import Final

from ..core.errors import Malformed
from ..core.identity import ProviderIds
from ..core.play_state import Reading
from ..core.titles import likeness

#: Rows of one listing; no library has as many.
MOST_ROWS: Final = 200_000
#: Parts of one listing: a server that sends far fewer rows at once than it is asked for
#: is through by then as well.
MOST_PAGES: Final = 2_000
#: Episodes of one show, which are read all at once; no show has as many.
MOST_EPISODES: Final = 20_000

_NEVER: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ListingPage:
    """One part of a listing.

    `row_count` also counts what is not ours to read, and `row_ids` are the ids of
    those rows as well. `total` is how many rows the whole listing has, None where that
    is not said. `unreadable` are readings of rows that do not say of which kind they
    are: they are there, and nothing more is known.
    """

    readings: list[Reading]
    row_count: int
    total: int | None
    unreadable: list[Reading] = field(default_factory=list)
    row_ids: frozenset[str] = frozenset()


class Walk:
    """The reading of one listing, page after page: how far it is, and if it ends.

    It goes by what comes back and not by what was asked. A server may send more rows
    than it is asked for, or fewer. A total is believed where it says that there is
    more. One that was reached, or exceeded (some servers say 0), says nothing beside a
    full page, as it may be too low: then a page that is not full is the last one, and
    so is one that brings nothing new. With *exact*, a listing that ends before its
    total is `Malformed`. So is one that goes on without bringing anything new, and one
    without an end: of more than *most* rows, or in more than `MOST_PAGES` parts.
    """

    def __init__(
        self, start: int = 0, *, exact: bool = True, most: int = MOST_ROWS
    ) -> None:
        """Begin after *start* rows."""
        self._start = start
        self._exact = exact
        self._most = most
        self._parts = 0
        self._seen: set[str] = set()

    def has_passed(self, row_id: str) -> bool:
        """Whether an earlier page had a row with this id."""
        return row_id in self._seen

    def after(self, page: ListingPage, size: float) -> int | None:
        """Return how many rows the next page passes over, None if there is none.

        *page* is what came when *size* rows were asked for.
        """
        self._start += page.row_count
        self._parts += 1
        if self._start > self._most:
            raise Malformed(f"a listing has more than {self._most} rows")
        says_more = page.total is not None and page.total > self._start
        if not says_more and page.row_count < size:
            return None
        if page.row_count == 0:
            if self._exact:
                raise Malformed("a listing ended before its total")
            return None
        if page.row_ids <= self._seen:
            if says_more:
                raise Malformed("a listing goes on without anything new")
            return None
        if self._parts >= MOST_PAGES:
            raise Malformed(f"a listing has more than {MOST_PAGES} parts")
        self._seen |= page.row_ids
        return self._start


async def all_pages(
    read: Callable[[int], Awaitable[ListingPage]],
    size: float,
    *,
    exact: bool = True,
    most: int = MOST_ROWS,
) -> AsyncIterator[ListingPage]:
    """Read a listing page by page, as `Walk` says.

    *read* is given how many rows to pass over, and asks for *size* rows.
    """
    walk = Walk(exact=exact, most=most)
    start: int | None = 0
    while start is not None:
        page = await read(start)
        start = walk.after(page, size)
        yield page


def unique(readings: Iterable[Reading]) -> list[Reading]:
    """Return *readings* with every item once, where it came first."""
    found: dict[str, Reading] = {}
    for reading in readings:
        found.setdefault(reading.item.item_id, reading)
    return list(found.values())


def in_order(episodes: Iterable[Reading], show_ids: ProviderIds) -> tuple[Reading, ...]:
    """Return *episodes* by season and number, specials first, unnumbered last.

    Rows of a listing do not carry the provider ids of the show; *show_ids* adds them.
    """
    known = [
        replace(reading, item=replace(reading.item, show_provider_ids=show_ids))
        if show_ids
        else reading
        for reading in unique(episodes)
    ]
    return tuple(sorted(known, key=_numbering))


def matching(readings: Iterable[Reading], ids: ProviderIds) -> tuple[Reading, ...]:
    """Return the readings of the work that *ids* names."""
    return tuple(
        reading for reading in readings if reading.item.provider_ids.matches(ids)
    )


def likest_first(readings: Iterable[Reading], title: str) -> list[Reading]:
    """Return every item once, those called *title* before those like it."""
    return sorted(
        unique(readings),
        key=lambda reading: (
            -likeness(title, None, reading.item.title, reading.item.year)
        ),
    )


def newest_first(readings: Iterable[Reading], limit: int) -> tuple[Reading, ...]:
    """Return the items played last, the newest first, those without a date last."""
    ordered = sorted(
        unique(readings),
        key=lambda reading: reading.state.last_played or _NEVER,
        reverse=True,
    )
    return tuple(ordered[:limit])


def _numbering(reading: Reading) -> tuple[float, float]:
    season, episode = reading.item.season, reading.item.episode
    return (
        math.inf if season is None else season,
        math.inf if episode is None else episode,
    )
