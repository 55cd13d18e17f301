"""What both kinds of server do with the readings of a listing."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
import math
from typing import Final

from ..core.errors import Malformed
from ..core.identity import ProviderIds
from ..core.play_state import Reading
from ..core.titles import likeness

_NEVER: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Page:
    """One part of a listing.

    `row_count` also counts what is not ours to read. `total` is how many rows the
    whole listing has, None where that is not said.
    """

    readings: list[Reading]
    row_count: int
    total: int | None


async def all_pages(
    read: Callable[[int], Awaitable[Page]], size: float, *, exact: bool = True
) -> AsyncIterator[list[Reading]]:
    """Read a listing page by page, by what comes back and not by what was asked.

    *read* is given how many rows to pass over. A server may send more than *size*
    rows, or fewer. A total that the rows read so far exceed says nothing (some servers
    say 0): then a page that is not full is the last one, and so is one that brings
    nothing new. With *exact*, a listing that ends before its total is `Malformed`.
    """
    start = 0
    seen: set[str] = set()
    while True:
        page = await read(start)
        yield page.readings
        start += page.row_count
        if page.total is not None and page.total >= start:
            if page.total == start:
                return
            if page.row_count == 0:
                if exact:
                    raise Malformed("a listing ended before its total")
                return
            continue
        new = {one.item.item_id for one in page.readings} - seen
        if page.row_count < size or not new:
            return
        seen |= new


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
