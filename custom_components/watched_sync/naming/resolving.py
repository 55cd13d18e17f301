"""Finding what was named on every lane: by id, by the ids the world gives, by title.

A lane that knows an item already is not asked for it; one that cannot be asked answers
from what it knows, or is skipped with a reason. Whatever cannot be told for certain is
an error.
"""

from collections.abc import Iterable, Sequence

from ..core import gate
from ..core.identity import Item, MediaKind
from ..failures import invalid
from ..runtime import WatchedSyncConfigEntry, runtime_of
from .asking import CannotAsk, SkipReason, async_read
from .found import (
    IfMissing,
    LaneItem,
    Resolution,
    Skipped,
    candidates,
    nearest_first,
    nothing_found,
    same_work,
)
from .known import async_known_items
from .looking_up import async_answers
from .names import ItemName


async def async_resolve_words(
    lanes: Sequence[WatchedSyncConfigEntry],
    words: ItemName,
    not_loaded: Iterable[WatchedSyncConfigEntry],
    missing: IfMissing = IfMissing.REFUSED,
) -> Resolution:
    """Find what was named on every lane; it must be one work.

    *not_loaded* are entries that would have been asked as well. What no lane has may be
    *missing*: then there are no targets.
    """
    resolution = Resolution(
        skipped=[Skipped(entry, SkipReason.NOT_LOADED) for entry in not_loaded]
    )
    similar: list[LaneItem] = []
    answers = await async_answers(lanes, words, awaited=missing is IfMissing.AWAITED)
    fitting = [target for answer in answers for target in answer.fitting]
    described = [target.item for target in fitting if target.described]
    best = words.among(fitting)
    for answer in answers:
        sure = [
            target
            for target in answer.fitting
            if not _is_doubtful(target, described)
            and (
                target in best or any(same_work(one.item, target.item) for one in best)
            )
        ]
        resolution.targets.extend(sure)
        similar.extend(answer.similar)
        if not sure:
            reason = answer.reason or SkipReason.NOT_FOUND
            resolution.skipped.append(Skipped(answer.entry, reason))
    if not resolution.targets:
        if missing is not IfMissing.REFUSED:
            return resolution
        raise nothing_found(
            words.name,
            resolution.skipped,
            nearest_first(similar, words.title, lambda one: one.item),
        )
    first, *others = resolution.targets
    if all(same_work(first.item, target.item) for target in others):
        return resolution
    listed = candidates(resolution.targets)
    away = [one.entry.title for one in answers if one.reason is not None]
    if not away:
        raise invalid("ambiguous", name=words.name, candidates=listed)
    # One that could be asked might tell that they are the same.
    raise invalid(
        "ambiguous_while_away",
        name=words.name,
        candidates=listed,
        lanes=", ".join(away),
    )


def _is_doubtful(target: LaneItem, described: Sequence[Item]) -> bool:
    """Whether *target* is known by its title alone, and another lane knows more.

    A lane that is away knows some shows only from their episodes. That may be the
    show found elsewhere, or its remake: no reason to refuse, none to write either.
    """
    item = target.item
    return (
        bool(described)
        and not target.described
        and not item.provider_ids
        and item.year is None
        and not any(same_work(other, item) for other in described)
    )


async def async_resolve_id(
    entry: WatchedSyncConfigEntry, item_id: str, title: str | None = None
) -> LaneItem:
    """Return the item with this id on this lane.

    While the server cannot be asked an id that is not known is believed, if it can be
    one: the first reading says what it is.
    """
    own = runtime_of(entry).server.item_id(item_id)
    if own is None:
        told = gate.line(item_id, gate.NAME)
        raise invalid("impossible_item_id", item_id=told, lane=entry.title)
    item_id = own
    if known := await async_known_items(entry, [item_id]):
        return known[item_id]
    try:
        reading = await async_read(entry, item_id)
    except CannotAsk:
        called = gate.line(title or item_id, gate.TITLE)
        return LaneItem(entry, Item(item_id, MediaKind.UNKNOWN, called))
    if reading is None:
        raise invalid("unknown_item", item_id=item_id, lane=entry.title)
    return LaneItem(entry, reading.item, reading)
