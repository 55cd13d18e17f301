"""Searching for media: what the lanes have that is called so, and how it stands."""

import asyncio
from dataclasses import dataclass, field, replace

from homeassistant.auth.permissions.const import POLICY_READ
from homeassistant.core import ServiceCall, ServiceResponse
from homeassistant.util.json import JsonObjectType

from ..core.identity import Item, MediaKind
from ..core.play_state import UNKNOWN, Reading
from ..core.titles import plain, split_year
from ..failures import invalid
from ..naming.asking import CannotAsk, SkipReason, async_look_up
from ..naming.found import Skipped
from ..naming.known import async_known_like, known_items
from ..naming.names import ItemName, external_ids, title_words
from ..naming.searching import Found, async_browse
from ..runtime import WatchedSyncConfigEntry, runtime_of
from .answers import lane_row, skipped_row
from .fields import (
    ATTR_LIMIT,
    ATTR_MEDIA_TYPE,
    ATTR_QUERY,
    FOUND_ITEMS_LIMIT,
)
from .lanes import async_choose_lanes
from .planning import state_row

#: What is searched for if nobody says: seasons bear no names.
DEFAULT_MEDIA_TYPES = (MediaKind.MOVIE, MediaKind.SHOW, MediaKind.EPISODE)


@dataclass(slots=True)
class _Answer:
    """What one lane has, and why its server was not asked if it had to be."""

    entry: WatchedSyncConfigEntry
    found: list[Found] = field(default_factory=list)
    reason: SkipReason | None = None


async def async_find_media(call: ServiceCall) -> ServiceResponse:
    """Return what is called as the query says, on every lane the call is for.

    A lane that cannot be asked answers from what it knows, and is listed as skipped.
    """
    limit: int = call.data[ATTR_LIMIT]
    if not 1 <= limit <= FOUND_ITEMS_LIMIT:
        raise invalid("limit_out_of_range", limit=str(FOUND_ITEMS_LIMIT))
    kinds = tuple(dict.fromkeys(call.data[ATTR_MEDIA_TYPE])) or DEFAULT_MEDIA_TYPES
    words = title_words(call.data[ATTR_QUERY], None, kinds)
    if not words.title:
        raise invalid("nothing_to_search")
    lanes = await async_choose_lanes(call, POLICY_READ)
    answers = await asyncio.gather(
        *(_async_search(entry, words, limit) for entry in lanes.running)
    )
    skipped = [
        *(Skipped(entry, SkipReason.NOT_LOADED) for entry in lanes.not_loaded),
        *(Skipped(one.entry, one.reason) for one in answers if one.reason is not None),
    ]
    return {
        "items": [
            {
                **item_row(one.entry, found.reading.item),
                **read_row(found.reading),
                "read": "now" if found.is_now else "earlier",
            }
            for one in answers
            for found in one.found
        ],
        "skipped": [skipped_row(one) for one in skipped],
    }


async def _async_search(
    entry: WatchedSyncConfigEntry, words: ItemName, limit: int
) -> _Answer:
    """Search one lane; what is called exactly so comes first."""
    answer = _Answer(entry)
    runtime = runtime_of(entry)
    # More than are wanted: some may be of another year.
    most = FOUND_ITEMS_LIMIT
    try:
        found = await async_browse(
            entry,
            words.title,
            words.kinds,
            most,
            lambda question: async_look_up(entry, lambda server, _: question(server)),
        )
    except CannotAsk as err:
        answer.reason = err.reason
        known = await async_known_like(entry, words.title, words.kinds, most)
        readings = {one.item.item_id: one for one in known.readings}
        part = plain(split_year(words.title)[0])
        for item in known_items(entry):
            if (
                item.kind in words.kinds
                and part in plain(item.title)
                and runtime.coordinator.allows(item)
            ):
                readings.setdefault(item.item_id, Reading(item, UNKNOWN))
        found = [Found(one, is_now=False) for one in readings.values()]
    ledger = runtime.lane.ledger
    answer.found = [
        # What was read earlier, the lane may know better by now.
        one
        if one.is_now
        else replace(one, reading=ledger.reading_of(item) or one.reading)
        for one in found
        for item in (one.reading.item,)
        if words.said_year in (None, item.year) or words.fits(item)
    ]
    answer.found.sort(key=lambda one: -words.fit(one.reading.item))
    del answer.found[limit:]
    return answer


def item_row(entry: WatchedSyncConfigEntry, item: Item) -> JsonObjectType:
    """Return what an item is, as answers have it.

    `external_ids` are written as the actions take them.
    """
    return {
        **lane_row(entry),
        "item_id": item.id_there,
        "media_type": item.kind.value,
        "title": item.title,
        "full_title": item.full_title,
        "year": item.year,
        "show": item.show_title,
        "season": item.season,
        "episode": item.episode,
        "aired": item.aired.isoformat() if item.aired else None,
        "library_id": item.library_id,
        "external_ids": [*external_ids(item)],
    }


def read_row(reading: Reading) -> JsonObjectType:
    """Return the state that was read of an item, and below it, as answers have it."""
    row: JsonObjectType = {"state": state_row(reading.state)}
    if reading.item.kind.is_container:
        row["episodes"] = reading.leaf_count
        row["watched_episodes"] = reading.watched_leaf_count
    return row
