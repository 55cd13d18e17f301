"""Finding a work again that is not under its id any more.

A file that was replaced comes back under a new id, and a server that was restored or
rebuilt numbers everything anew. What the world calls a work stays. By that name a work
can also be waited for that was never there.
"""

from dataclasses import replace

from .errors import ItemGone
from .identity import Item, MediaKind
from .play_state import reading_of
from .ports import Catalogue, Find, MediaServer


async def find_again(
    server: MediaServer, item: Item, find: Find | None = None
) -> Item | None:
    """Return *item* as it is under another id, None if that cannot be said for sure.

    It goes by provider ids alone. Several matches mean no match: writing to the wrong
    item is worse than waiting. What was named by its id alone may be a file of a film.
    *find* is asked in place of the server's own, and may be `StillLooking`. Raises
    `ServerError`.
    """
    find = find or server.find
    if item.kind is MediaKind.UNKNOWN:
        named = await server.resolve(item.item_id, find)
        return None if named is None else named.item
    same = {
        found.item_id: found
        for found in await _candidates(server, item, find)
        if found.item_id != item.item_id and found.is_same_work(item)
    }
    if len(same) != 1:
        return None
    (work,) = same.values()
    # Only what can be read is there: a search may be behind the times.
    reading = reading_of(work, await server.fetch([work.item_id]))
    return None if reading is None else reading.item.completed_by(work)


async def _candidates(server: MediaServer, item: Item, find: Find) -> list[Item]:
    is_part = item.kind in (MediaKind.EPISODE, MediaKind.SEASON)
    if not (is_part and item.show_provider_ids):
        if not item.provider_ids:
            return []
        readings = await find(item.kind, item.provider_ids, item.title)
        return [reading.item for reading in readings]
    found: list[Item] = []
    for show in await find(MediaKind.SHOW, item.show_provider_ids, item.show_title):
        try:
            leaves = [leaf.item for leaf in await server.fetch_leaves(show.item)]
        except ItemGone:
            continue  # the search still lists what is not there any more
        if item.kind is MediaKind.SEASON:
            season_ids = {leaf.season_id for leaf in leaves if leaf.season_id}
            seasons = await server.fetch(season_ids) if season_ids else {}
            leaves = [reading.item for reading in seasons.values()]
        found += [leaf.of_show(show.item) for leaf in leaves]
    return found


async def find_unseen(
    server: MediaServer, item: Item, catalogue: Catalogue
) -> Item | None:
    """Return what *item* has turned out to be, None as long as it is not there.

    It has been named by ids of the world alone, and was never seen. The *catalogue*
    says what is there, so that waiting for it costs the server nothing; what it says is
    read. Of several copies it is the one with the lowest id. Raises `CatalogueError`
    and `ServerError`.
    """
    listed = await _listed(item, catalogue)
    if not listed:
        return None
    there = await server.fetch(listed.keys())
    found = {
        item_id: reading.item.completed_by(known)
        for item_id, known in listed.items()
        if (reading := reading_of(known, there)) is not None
    }
    return found[min(found)] if found else None


async def _listed(item: Item, catalogue: Catalogue) -> dict[str, Item]:
    """Return what the catalogue has that may be *item*, by the ids to read it by."""
    match item.kind:
        case MediaKind.SEASON:
            seasons: dict[str, Item] = {}
            for show in await catalogue.find(MediaKind.SHOW, item.show_provider_ids):
                for leaf in await catalogue.below(show.item):
                    season_id = leaf.item.season_id
                    if season_id is not None and leaf.item.season == item.season:
                        seasons[season_id] = _season_of(item, season_id, show.item)
            return seasons
        case MediaKind.EPISODE if item.season is not None and item.episode is not None:
            found = await catalogue.find_episodes(
                item.show_provider_ids, item.season, item.episode
            )
        case MediaKind.UNKNOWN:
            found = [
                *await catalogue.find(MediaKind.MOVIE, item.provider_ids),
                *await catalogue.find(MediaKind.EPISODE, item.provider_ids),
            ]
        case _:
            found = await catalogue.find(item.kind, item.provider_ids)
    return {one.item.item_id: one.item for one in found}


def _season_of(item: Item, season_id: str, show: Item) -> Item:
    """Return a season that was never seen as the one that a show's episodes are in."""
    return replace(
        item,
        item_id=season_id,
        show_id=show.item_id,
        show_title=show.title,
        show_provider_ids=show.provider_ids,
    )
