"""Finding a work again that is not under its id any more.

A file that was replaced comes back under a new id, and a server that was restored or
rebuilt numbers everything anew. What the world calls a work stays.
"""

from .errors import ItemGone
from .identity import Item, MediaKind
from .play_state import reading_of
from .ports import Find, MediaServer


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
