"""Searching a lane for what is called so, or nearly: its catalogue, then its server."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass

from ..core.errors import ServerError
from ..core.identity import Item, MediaKind
from ..core.play_state import Reading
from ..core.ports import MediaServer
from ..core.titles import (
    NEARLY,
    Likeness,
    closeness,
    holds,
    likeness,
    telling_words,
    word_ends,
)
from ..runtime import WatchedSyncConfigEntry, runtime_of
from .asking import CannotAsk
from .found import nearest_first
from .known import async_known_like

#: Titles a server is asked for; a common word is part of many.
SEARCH_LIMIT = 50

type Ask = Callable[
    [Callable[[MediaServer], Awaitable[Sequence[Reading]]]],
    Awaitable[Sequence[Reading]],
]


@dataclass(frozen=True, slots=True)
class Found:
    """Something that a lane has, as it was read just now or earlier."""

    reading: Reading
    is_now: bool

    def is_called(self, title: str) -> bool:
        """Whether it bears a title, or one that holds it: no near miss."""
        item = self.reading.item
        return holds(item.title, title) or (
            likeness(title, None, item.title, item.year) is not Likeness.DIFFERENT
        )


async def async_search(
    server: MediaServer,
    title: str,
    kinds: Collection[MediaKind],
    limit: int = SEARCH_LIMIT,
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
            for one in await server.search(part, kinds, SEARCH_LIMIT):
                if closeness(title, one.item.title) >= NEARLY:
                    near.setdefault(one.item.item_id, one)
        if near:
            break
    known = {one.item.item_id for one in found}
    found += (one for one in near.values() if one.item.item_id not in known)
    return nearest_first(found, title, lambda one: one.item)[:limit]


async def async_browse(
    entry: WatchedSyncConfigEntry,
    title: str,
    kinds: Collection[MediaKind],
    limit: int,
    ask: Ask,
) -> list[Found]:
    """Return what a lane has that is called like *title*, the likest first.

    A catalogue that knows all there is answers by itself, unless it has nothing but
    near misses: what is looked for may have been added a minute ago. Then, and before
    the libraries were read, the server is asked by means of *ask*, whose errors are
    raised if it has to say.
    """
    known = await async_known_like(entry, title, kinds, limit)
    listed = [Found(one, is_now=False) for one in known.readings]
    if known.whole and (called := [one for one in listed if one.is_called(title)]):
        return called
    try:
        readings = await ask(
            lambda server: (
                async_search(server, title, kinds, limit)
                if not known.whole
                else server.search(title, kinds, limit)
            )
        )
    except CannotAsk, ServerError:
        if not known.whole:
            raise
        return listed
    allows = runtime_of(entry).coordinator.allows
    found = [Found(one, is_now=True) for one in readings if allows(one.item)]
    there = {one.reading.item.item_id for one in found}
    found += [
        one
        for one in listed
        if one.reading.item.item_id not in there and (one.is_called(title) or not there)
    ]
    return found[:limit]
