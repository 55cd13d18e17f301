"""Looking up a name on lanes: in their catalogues first, and then at their servers.

A catalogue that knows all there is answers by itself. Only what it does not have is
asked for at the server, once: it may have been added a minute ago. While the libraries
are read for the first time the server is asked for everything but ids of its own.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from ..core.play_state import Reading
from ..core.ports import Find, MediaServer
from ..runtime import WatchedSyncConfigEntry, runtime_of
from .asking import CannotAsk, SkipReason, async_look_up
from .found import LaneItem
from .known import CatalogueAnswer, async_known_by, async_known_like, known_items
from .names import ItemName
from .searching import SEARCH_LIMIT, async_search


@dataclass(slots=True)
class Answer:
    """What one lane has by a name, and what it has that is like it.

    `reason` says why something may be missing: the server could not be asked.
    """

    entry: WatchedSyncConfigEntry
    fitting: list[LaneItem] = field(default_factory=list)
    similar: list[LaneItem] = field(default_factory=list)
    reason: SkipReason | None = None


async def async_answers(
    lanes: Sequence[WatchedSyncConfigEntry], name: ItemName, *, awaited: bool = False
) -> list[Answer]:
    """Return what each lane has that may be what was named.

    Where it is *awaited* anyhow, no server is asked for what its catalogue would have.
    """
    known = await asyncio.gather(*(async_known_by(entry, name) for entry in lanes))
    if name.ids is not None and any(not (one.whole and one.readings) for one in known):
        # A server that cannot look for ids is helped by a title some lane knows.
        name = replace(name, hint=_title_of(name, known) or name.hint)
    return await asyncio.gather(
        *(_async_answer(one, name, awaited=awaited) for one in known)
    )


async def async_known_answers(
    lanes: Sequence[WatchedSyncConfigEntry], name: ItemName
) -> list[Answer]:
    """Return what the catalogues say; nothing if one does not know all there is."""
    known = await asyncio.gather(*(async_known_by(entry, name) for entry in lanes))
    if not all(one.whole for one in known):
        return []
    return [Answer(one.entry, one.targets) for one in known]


def _title_of(name: ItemName, known: Iterable[CatalogueAnswer]) -> str | None:
    """Return what is named by ids is called on some lane, None if none knows."""
    for one in known:
        for reading in one.readings:
            return reading.item.title
    return next(
        (
            item.title
            for one in known
            for item in known_items(one.entry)
            if name.fits(item)
        ),
        None,
    )


async def _async_answer(
    known: CatalogueAnswer, name: ItemName, *, awaited: bool
) -> Answer:
    entry = known.entry
    answer = Answer(entry, known.targets)
    if known.whole and (answer.fitting or awaited):
        return answer
    if known.whole and name.title:
        like = await async_known_like(entry, name.title, name.kinds, SEARCH_LIMIT)
        answer.similar = like.targets
    allows = runtime_of(entry).coordinator.allows
    try:
        readings = await async_look_up(
            entry,
            lambda server, find: _ask(server, find, name, closely=known.whole),
            patient=not answer.fitting,
        )
    except CannotAsk as err:
        if not known.whole:
            answer.reason = err.reason
            there = {one.item.item_id for one in answer.fitting}
            answer.fitting += [
                LaneItem(entry, item)
                for item in known_items(entry)
                if item.item_id not in there and name.fits(item) and allows(item)
            ]
        return answer
    read = [LaneItem(entry, one.item, one) for one in readings if allows(one.item)]
    there = {one.item.item_id for one in read}
    # What was read just now says more than what the catalogue has. A search also
    # answers with what is like it.
    fitting = [one for one in answer.fitting if one.item.item_id not in there]
    similar = [one for one in answer.similar if one.item.item_id not in there]
    answer.fitting = fitting + [one for one in read if name.fits(one.item)]
    answer.similar = similar + [one for one in read if not name.fits(one.item)]
    return answer


async def _ask(
    server: MediaServer, find: Find, name: ItemName, *, closely: bool
) -> list[Reading]:
    """Return what the server finds, by ids with *find*; some of it may not fit.

    *closely* is without what is nearly called so: where the catalogue knows all of it.
    """
    hint = name.hint or name.title or None
    found = await name.by_ids(lambda kind, ids: find(kind, ids, hint))
    if found or not name.title:
        return found
    if closely:
        return list(await server.search(name.title, name.kinds, SEARCH_LIMIT))
    return await async_search(server, name.title, name.kinds, fits=name.fits)
