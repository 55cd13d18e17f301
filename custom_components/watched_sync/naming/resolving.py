"""Finding what was named on every lane: by id, by the ids the world gives, by title.

A lane that knows an item already is not asked for it; one that cannot be asked answers
from what it knows, or is skipped with a reason. Whatever cannot be told for certain is
an error.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace

from ..core import gate
from ..core.identity import Item, MediaKind
from ..failures import invalid
from ..runtime import WatchedSyncConfigEntry
from .asking import CannotAsk, SkipReason, async_ask
from .found import (
    LaneItem,
    Resolution,
    Skipped,
    candidates,
    nearest_first,
    nothing_found,
    same_work,
)
from .known import known_item, known_items
from .names import Fit, ItemName


async def async_resolve_words(
    lanes: Sequence[WatchedSyncConfigEntry],
    words: ItemName,
    not_loaded: Iterable[WatchedSyncConfigEntry],
) -> Resolution:
    """Find what was named on every lane; it must be one work.

    *not_loaded* are entries that would have been asked as well.
    """

    async def on_lane(
        entry: WatchedSyncConfigEntry,
    ) -> tuple[list[LaneItem], list[LaneItem], SkipReason | None]:
        allows = entry.runtime_data.coordinator.allows
        try:
            find = entry.runtime_data.inventory.find_now
            readings = await async_ask(entry, lambda server: asked.ask(server, find))
        except CannotAsk as err:
            known = [
                LaneItem(entry, item)
                for item in known_items(entry)
                if words.fits(item) and allows(item)
            ]
            return known, [], err.reason
        found = [
            LaneItem(entry, reading.item, reading)
            for reading in readings
            if allows(reading.item)
        ]
        fitting = [target for target in found if words.fits(target.item)]
        # A search also answers with what is like it.
        return fitting, found, None if fitting else SkipReason.NOT_FOUND

    asked = words
    if words.ids is not None:
        # A server that cannot look for ids is helped by a title some lane knows.
        titles = (
            item.title
            for entry in lanes
            for item in known_items(entry)
            if words.fits(item)
        )
        asked = replace(words, hint=next(titles, words.hint))
    resolution = Resolution(
        skipped=[Skipped(entry, SkipReason.NOT_LOADED) for entry in not_loaded]
    )
    similar: list[LaneItem] = []
    answers = await asyncio.gather(*map(on_lane, lanes))
    asked_items = [
        target.item
        for fitting, _, _ in answers
        for target in fitting
        if target.reading is not None
    ]
    best = max(
        (words.fit(one.item) for fitting, _, _ in answers for one in fitting),
        default=Fit.NOT,
    )
    chosen = [
        one.item
        for fitting, _, _ in answers
        for one in fitting
        if words.fit(one.item) is best
    ]
    for entry, (fitting, found, reason) in zip(lanes, answers, strict=True):
        sure = [
            target
            for target in fitting
            if not _is_doubtful(target, asked_items)
            and (
                words.fit(target.item) is best
                or any(same_work(one, target.item) for one in chosen)
            )
        ]
        resolution.targets.extend(sure)
        similar.extend(found)
        if not sure:
            resolution.skipped.append(Skipped(entry, reason or SkipReason.NOT_FOUND))
    if not resolution.targets:
        raise nothing_found(
            words.name,
            resolution.skipped,
            nearest_first(similar, words.title, lambda one: one.item),
        )
    first, *others = resolution.targets
    if all(same_work(first.item, target.item) for target in others):
        return resolution
    listed = candidates(resolution.targets)
    away = [
        entry.title
        for entry, (_, _, reason) in zip(lanes, answers, strict=True)
        if reason not in (None, SkipReason.NOT_FOUND)
    ]
    if not away:
        raise invalid("ambiguous", name=words.name, candidates=listed)
    # One that could be asked might tell that they are the same.
    raise invalid(
        "ambiguous_while_away",
        name=words.name,
        candidates=listed,
        lanes=", ".join(away),
    )


def _is_doubtful(target: LaneItem, asked: Sequence[Item]) -> bool:
    """Whether *target* is known by its title alone, and another lane knows more.

    A lane that is away knows some shows only from their episodes. That may be the
    show found elsewhere, or its remake: no reason to refuse, none to write either.
    """
    item = target.item
    return (
        bool(asked)
        and target.reading is None
        and not item.provider_ids
        and item.year is None
        and not any(same_work(other, item) for other in asked)
    )


async def async_resolve_id(
    entry: WatchedSyncConfigEntry, item_id: str, title: str | None = None
) -> LaneItem:
    """Return the item with this id on this lane.

    While the server cannot be asked an id that is not known is believed, if it can be
    one: the first reading says what it is.
    """
    own = entry.runtime_data.server.item_id(item_id)
    if own is None:
        told = gate.line(item_id, gate.NAME)
        raise invalid("impossible_item_id", item_id=told, lane=entry.title)
    item_id = own
    if item := known_item(entry, item_id):
        return LaneItem(entry, item)
    find = entry.runtime_data.inventory.find_now
    try:
        reading = await async_ask(entry, lambda server: server.resolve(item_id, find))
    except CannotAsk:
        called = gate.line(title or item_id, gate.TITLE)
        return LaneItem(entry, Item(item_id, MediaKind.UNKNOWN, called))
    if reading is None:
        raise invalid("unknown_item", item_id=item_id, lane=entry.title)
    return LaneItem(entry, reading.item, reading)
