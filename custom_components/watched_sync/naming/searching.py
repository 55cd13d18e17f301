"""Searching a server for what is called so, or nearly."""

from collections.abc import Callable, Collection

from ..core.identity import Item, MediaKind
from ..core.play_state import Reading
from ..core.ports import MediaServer
from ..core.titles import NEARLY, closeness, telling_words, word_ends
from .found import nearest_first

#: Titles a server is asked for; a common word is part of many.
_SEARCH_LIMIT = 50


async def async_search(
    server: MediaServer,
    title: str,
    kinds: Collection[MediaKind],
    limit: int = _SEARCH_LIMIT,
    *,
    fits: Callable[[Item], bool] = lambda _: True,
) -> list[Reading]:
    """Return what a server has that is called like *title*, the likest first.

    If nothing of it *fits*, what nearly is called so follows.
    """
    found = list(await server.search(title, kinds, limit))
    if any(fits(one.item) for one in found):
        return found
    near: dict[str, Reading] = {}
    # Parts of words are in many titles: they are asked for only if no word leads there.
    for parts in (telling_words(title), word_ends(title)):
        for part in parts:
            if part.casefold() == title.strip().casefold():
                continue  # that was asked for
            for one in await server.search(part, kinds, _SEARCH_LIMIT):
                if closeness(title, one.item.title) >= NEARLY:
                    near.setdefault(one.item.item_id, one)
        if near:
            break
    known = {one.item.item_id for one in found}
    found += (one for one in near.values() if one.item.item_id not in known)
    return nearest_first(found, title, lambda one: one.item)[:limit]
