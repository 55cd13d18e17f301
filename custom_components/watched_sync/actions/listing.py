"""Listing the library: what the lanes have of it, by filters and in parts.

It is read from the catalogues, so it costs the servers nothing and works without them.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from heapq import merge
from itertools import islice

from homeassistant.auth.permissions.const import POLICY_READ
from homeassistant.core import ServiceCall, ServiceResponse
from homeassistant.util.json import JsonObjectType

from ..const import LOGGER
from ..core.catalogue import Selected, Selection, part_of, shelf_place
from ..core.errors import CatalogueError
from ..core.play_state import UNKNOWN, Reading
from ..core.titles import plain
from ..failures import invalid
from ..naming.asking import SkipReason
from ..naming.found import Skipped
from ..naming.libraries import async_library_names
from ..preferences import preferences
from ..runtime import WatchedSyncConfigEntry, runtime_of
from .answers import skipped_row
from .fields import (
    ATTR_LIBRARY,
    ATTR_LIMIT,
    ATTR_MAX_DURATION,
    ATTR_MEDIA_TYPE,
    ATTR_QUERY,
    ATTR_START,
    ATTR_WAITING,
    ATTR_WATCHED,
    LISTED_ITEMS_LIMIT,
)
from .finding import DEFAULT_MEDIA_TYPES, item_row, read_row
from .lanes import async_choose_lanes


@dataclass(slots=True)
class _Shelf:
    """What one lane has of what is asked for, in order, from the first on."""

    entry: WatchedSyncConfigEntry
    names: Mapping[str, str]
    readings: Sequence[Reading] = ()
    total: int = 0
    waiting: Collection[str] = field(default_factory=frozenset)
    reason: SkipReason | None = None


async def async_get_library(call: ServiceCall) -> ServiceResponse:
    """Return what passes the filters, on every lane the call is for.

    A lane whose libraries were not read to the end yet is listed as skipped: what is
    known of them so far is there.
    """
    data = call.data
    limit: int = data[ATTR_LIMIT]
    if not 1 <= limit <= LISTED_ITEMS_LIMIT:
        raise invalid("limit_out_of_range", limit=str(LISTED_ITEMS_LIMIT))
    start: int = data[ATTR_START]
    longest: timedelta | None = data.get(ATTR_MAX_DURATION)
    if start < 0 or (longest is not None and longest < timedelta()):
        raise invalid("negative_filter")
    wanted = Selection(
        kinds=frozenset(data[ATTR_MEDIA_TYPE] or DEFAULT_MEDIA_TYPES),
        watched=data.get(ATTR_WATCHED),
        max_duration=None if longest is None else longest.total_seconds(),
        text=data.get(ATTR_QUERY),
        start=start,
        limit=limit,
    )
    lanes = await async_choose_lanes(call, POLICY_READ)
    names = await asyncio.gather(*map(async_library_names, lanes.running))
    chosen = chosen_libraries(lanes.running, names, data.get(ATTR_LIBRARY))
    # Of one lane the catalogue leaves out what comes before, of several it is needed.
    if len(lanes.running) > 1:
        wanted = replace(wanted, start=0, limit=start + limit)
    shelves = await asyncio.gather(
        *(
            _async_shelf(
                _Shelf(entry, called),
                replace(wanted, library_ids=libraries),
                waiting=data.get(ATTR_WAITING),
            )
            for entry, called, libraries in zip(
                lanes.running, names, chosen, strict=True
            )
        )
    )
    rows = merge(
        *(
            [(shelf_place(one), number, one) for one in shelf.readings]
            for number, shelf in enumerate(shelves)
        ),
        key=lambda row: row[:2],
    )
    begin = start - wanted.start
    skipped = [
        *(Skipped(entry, SkipReason.NOT_LOADED) for entry in lanes.not_loaded),
        *(Skipped(one.entry, one.reason) for one in shelves if one.reason is not None),
    ]
    return {
        "items": [
            _row(shelves[number], reading)
            for _, number, reading in islice(rows, begin, begin + limit)
        ],
        "total": sum(one.total for one in shelves),
        "skipped": [skipped_row(one) for one in skipped],
    }


def chosen_libraries(
    lanes: Sequence[WatchedSyncConfigEntry],
    names: Sequence[Mapping[str, str]],
    wanted: Collection[str] | None,
) -> list[frozenset[str] | None]:
    """Return the libraries that are meant on each lane, None where all are.

    One is named by its id or its name. Raises ServiceValidationError for one that no
    lane has.
    """
    allowed = [preferences(entry).libraries or None for entry in lanes]
    if not wanted:
        return allowed
    missing = {one for one in wanted if not any(_is_there(one, of) for of in names)}
    # Where no names are known an id may be one of the lane's own.
    if missing and names and all(names):
        raise invalid(
            "unknown_library",
            library=", ".join(sorted(missing)),
            libraries=", ".join(sorted({name for of in names for name in of.values()})),
        )
    chosen: list[frozenset[str] | None] = []
    for of, may in zip(names, allowed, strict=True):
        called = {plain(one) for one in wanted}
        ids = {one for one, name in of.items() if plain(name) in called} | {*wanted}
        chosen.append(frozenset(ids if may is None else ids & may))
    return chosen


def _is_there(library: str, names: Mapping[str, str]) -> bool:
    return library in names or plain(library) in map(plain, names.values())


async def _async_shelf(
    shelf: _Shelf, wanted: Selection, *, waiting: bool | None
) -> _Shelf:
    """Fill a shelf with what its lane has; *waiting* narrows it to what does or not."""
    runtime = runtime_of(shelf.entry)
    catalogue = runtime.catalogue
    try:
        if unseen := runtime.inventory.unseen:
            libraries = wanted.library_ids or await catalogue.libraries()
            wanted = replace(wanted, library_ids=libraries - unseen)
        awaited = await _async_waiting(shelf.entry)
        shelf.waiting = awaited.keys()
        if waiting is None:
            found = await catalogue.select(wanted)
        elif waiting:
            found = part_of(wanted, awaited.values())
        else:
            found = await _async_at_rest(shelf.entry, wanted, awaited)
        progress = await catalogue.progress()
    except CatalogueError as err:
        LOGGER.debug("%s: its catalogue cannot be asked: %r", shelf.entry.title, err)
        # It is read again.
        shelf.reason = SkipReason.STILL_LOOKING
        return shelf
    shelf.readings, shelf.total = found.readings, found.total
    if progress.finished_at is None:
        shelf.reason = SkipReason.STILL_LOOKING
    return shelf


async def _async_waiting(entry: WatchedSyncConfigEntry) -> dict[str, Reading]:
    """Return what a change waits for, by its id; of a show, its episodes as well."""
    runtime = runtime_of(entry)
    items = {
        one.item.item_id: one.item
        for one in runtime.lane.outbox
        if not one.item.is_unseen
    }
    found = {item_id: Reading(item, UNKNOWN) for item_id, item in items.items()}
    found |= await runtime.catalogue.readings(items)
    for item in items.values():
        if item.kind.is_container:
            below = await runtime.catalogue.below(item)
            found |= {one.item.item_id: one for one in below}
    return found


async def _async_at_rest(
    entry: WatchedSyncConfigEntry, wanted: Selection, awaited: Mapping[str, Reading]
) -> Selected:
    """Return what nothing waits for."""
    passing = [one for one in awaited.values() if wanted.takes(one)]
    end = wanted.start + wanted.limit
    found = await runtime_of(entry).catalogue.select(
        replace(wanted, start=0, limit=end + len(passing))
    )
    at_rest = [one for one in found.readings if one.item.item_id not in awaited]
    listed = await runtime_of(entry).catalogue.readings(
        [one.item.item_id for one in passing]
    )
    return Selected(at_rest[wanted.start : end], found.total - len(listed))


def _row(shelf: _Shelf, reading: Reading) -> JsonObjectType:
    item, state = reading.item, reading.state
    return {
        **item_row(shelf.entry, item),
        **read_row(reading),
        "duration": item.duration,
        "library": shelf.names.get(item.library_id or ""),
        "last_played": state.last_played.isoformat() if state.last_played else None,
        "waiting": item.item_id in shelf.waiting,
    }
