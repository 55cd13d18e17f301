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
class Page:
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


async def all_pages(
    read: Callable[[int], Awaitable[Page]],
    size: float,
    *,
    exact: bool = True,
    most: int = MOST_ROWS,
) -> AsyncIterator[Page]:
    """Read a listing page by page, by what comes back and not by what was asked.

    *read* is given how many rows to pass over. A server may send more than *size*
    rows, or fewer. A total that the rows read so far exceed says nothing (some servers
    say 0): then a page that is not full is the last one, and so is one that brings
    nothing new. With *exact*, a listing that ends before its total is `Malformed`. So
    is one that goes on without bringing anything new, and one without an end: of more
    than *most* rows, or in more than `MOST_PAGES` parts.
    """
    start = 0
    seen: set[str] = set()
    for _ in range(MOST_PAGES):
        page = await read(start)
        start += page.row_count
        if start > most:
            raise Malformed(f"a listing has more than {most} rows")
        yield page
        says_more = page.total is not None and page.total > start
        if page.total == start or (not says_more and page.row_count < size):
            return
        if page.row_count == 0:
            if exact:
                raise Malformed("a listing ended before its total")
            return
        if page.row_ids <= seen:
            if says_more:
                raise Malformed("a listing goes on without anything new")
            return
        seen |= page.row_ids
    raise Malformed(f"a listing has more than {MOST_PAGES} parts")


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
