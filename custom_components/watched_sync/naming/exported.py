"""What an export names but for one thing, which the libraries know."""

from collections.abc import Sequence
from dataclasses import replace

from ..core.identity import Item, MediaKind
from ..core.play_state import Reading
from ..core.titles import split_year
from ..runtime import WatchedSyncConfigEntry


async def async_completed(
    readings: Sequence[Reading], entries: Sequence[WatchedSyncConfigEntry]
) -> list[Reading]:
    """Return readings with what only the libraries can say of them.

    An id of IMDb's names one title, of whatever kind. A show that is named without its
    year is the only one of that name, or nothing is known of it. Raises
    `CatalogueError` where a library cannot be asked.
    """
    asked: dict[str, str] = {}
    completed = []
    for one in readings:
        item = one.item
        if item.kind is MediaKind.UNKNOWN:
            item = replace(item, kind=await _async_kind(item, entries))
        elif _is_without_ids(item) and (title := item.show_title) is not None:
            if title not in asked:
                asked[title] = await _async_with_year(title, entries)
            item = replace(item, show_title=asked[title])
        completed.append(one if item is one.item else replace(one, item=item))
    return completed


def _is_without_ids(item: Item) -> bool:
    return not (item.provider_ids or item.show_provider_ids)


async def _async_kind(
    item: Item, entries: Sequence[WatchedSyncConfigEntry]
) -> MediaKind:
    """Return the kind that the libraries know an id by; a film's if none has it."""
    for entry in entries:
        catalogue = entry.runtime_data.catalogue
        if await catalogue.find(MediaKind.EPISODE, item.provider_ids):
            return MediaKind.EPISODE
    return MediaKind.MOVIE


async def _async_with_year(
    title: str, entries: Sequence[WatchedSyncConfigEntry]
) -> str:
    """Return the title of a show with the year of all shows that are called so."""
    name, year = split_year(title)
    if year is not None:
        return title
    years = {
        found.item.year
        for entry in entries
        for found in await entry.runtime_data.catalogue.titled(name, {MediaKind.SHOW})
    }
    only = years.pop() if len(years) == 1 else None
    return title if only is None else f"{name} ({only})"
