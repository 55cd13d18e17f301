"""How much may change at once without being told that this is meant.

The limits are the same on every way in. Items count for each person they reach.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from ..core.errors import ItemGone
from ..core.identity import MediaKind
from ..core.operation import MarkUnwatched
from ..core.play_state import Reading
from ..failures import invalid
from ..naming.asking import CannotAsk, async_ask
from ..runtime import runtime_of
from .fields import MARK_LIMIT, UNMARK_LIMIT
from .for_whom import counted_for
from .planning import Planned

type Counts = Mapping[Planned, int]


async def async_check_size(
    planned: Sequence[Planned], *, one_by_one: bool, before: int = 0
) -> int:
    """Return how many items would change; raise if these are too many.

    All of *planned* want the same change. *one_by_one* is whether each was named by
    itself; else they have one name, which means the same on all servers of a person.
    *before* is how many the same caller has changed already. Raises
    ServiceValidationError.
    """
    if not planned:
        return 0
    unmark = isinstance(planned[0].request.change, MarkUnwatched)
    limit = UNMARK_LIMIT if unmark else MARK_LIMIT
    counts = {one: await _async_count(one) for one in planned}
    known = {one: count for one, count in counts.items() if count is not None}
    if before + _total(known, one_by_one=one_by_one) > limit:
        # Servers count the specials in, which are not always meant.
        known = {
            one: await _async_count_exactly(one, count) for one, count in known.items()
        }
    total = _total(known, one_by_one=one_by_one)
    action = "watched_sync.mark_unwatched" if unmark else "watched_sync.mark_watched"
    if total and before + total > limit:
        raise invalid(
            "unmark_needs_confirmation" if unmark else "mark_needs_confirmation",
            count=str(before + total),
            limit=str(limit),
            action=action,
        )
    # Under one name a show of the same person is as long on each of the servers.
    told = set() if one_by_one else {counted_for(one.target.entry) for one in known}
    unknown = [
        one.target.item.full_title
        for one in planned
        if one not in known and counted_for(one.target.entry) not in told
    ]
    if unknown:
        raise invalid(
            "unknown_size_needs_confirmation",
            name=", ".join(unknown),
            limit=str(limit),
            action=action,
        )
    return total


def _total(counts: Counts, *, one_by_one: bool) -> int:
    """Return how many items all persons together would find changed."""
    if one_by_one:
        return sum(counts.values())
    by_lane: Counter[str] = Counter()
    persons: dict[str, str] = {}
    for one, count in counts.items():
        entry = one.target.entry
        by_lane[entry.entry_id] += count
        persons[entry.entry_id] = counted_for(entry)
    most: Counter[str] = Counter()
    for entry_id, count in by_lane.items():
        most[persons[entry_id]] = max(most[persons[entry_id]], count)
    return most.total()


async def _async_count(planned: Planned) -> int | None:
    """Return how many episodes a request reaches, as the server counts, or None."""
    target = planned.target
    item_id = target.item.item_id
    if planned.count is not None:
        return planned.count
    if not target.item.kind.is_container:
        return 1
    lane = runtime_of(target.entry).lane
    reading = target.reading or lane.ledger.reading(item_id)
    if reading is None or reading.leaf_count is None:
        if leaves := await lane.below(target.item):
            return len(leaves)
        try:
            readings = await async_ask(
                target.entry, lambda server: server.fetch([item_id])
            )
        except CannotAsk:
            return None
        reading = readings.get(item_id)
    return None if reading is None else reading.leaf_count


async def _async_count_exactly(planned: Planned, count: int) -> int:
    """Return how many episodes a request for a show reaches without the specials."""
    item = planned.target.item
    if (
        planned.count is not None
        or item.kind is not MediaKind.SHOW
        or planned.request.include_specials
    ):
        return count
    leaves: Sequence[Reading] | None
    leaves = await runtime_of(planned.target.entry).lane.below(item)
    if not leaves:
        try:
            leaves = await async_ask(
                planned.target.entry, lambda server: server.fetch_leaves(item)
            )
        except CannotAsk, ItemGone:
            return count
    return sum(not leaf.item.is_special for leaf in leaves)
