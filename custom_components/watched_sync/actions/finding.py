"""Searching for media: what the lanes have that is called so, and how it stands."""

import asyncio
from dataclasses import dataclass, field

from homeassistant.auth.permissions.const import POLICY_READ
from homeassistant.core import ServiceCall, ServiceResponse
from homeassistant.util.json import JsonObjectType

from ..core.identity import Item, MediaKind
from ..core.play_state import Reading
from ..core.titles import plain, split_year
from ..failures import invalid
from ..naming.asking import CannotAsk, SkipReason, async_ask
from ..naming.found import Skipped
from ..naming.known import known_items
from ..naming.names import ItemName, external_ids, title_words
from ..naming.searching import async_search
from ..runtime import WatchedSyncConfigEntry
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
class _Found:
    """What one lane answers: items, what was read of them, and why it was not asked."""

    entry: WatchedSyncConfigEntry
    items: list[tuple[Item, Reading | None]] = field(default_factory=list)
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
                **item_row(one.entry, item),
                **_state(reading),
                "read": "now" if one.reason is None else "earlier",
            }
            for one in answers
            for item, reading in one.items
        ],
        "skipped": [skipped_row(one) for one in skipped],
    }


async def _async_search(
    entry: WatchedSyncConfigEntry, words: ItemName, limit: int
) -> _Found:
    """Search one lane; what is called exactly so comes first."""
    found = _Found(entry)
    ledger = entry.runtime_data.lane.ledger
    try:
        readings = await async_ask(
            entry,
            # More than are wanted: some may be in a library that is left out.
            lambda server: async_search(
                server, words.title, words.kinds, FOUND_ITEMS_LIMIT
            ),
        )
    except CannotAsk as err:
        found.reason = err.reason
        part = plain(split_year(words.title)[0])
        found.items = [
            (item, ledger.reading(item.item_id))
            for item in known_items(entry)
            if item.kind in words.kinds and part in plain(item.title)
        ]
    else:
        found.items = [(reading.item, reading) for reading in readings]
    allows = entry.runtime_data.coordinator.allows
    found.items = [
        (item, reading)
        for item, reading in found.items
        if allows(item) and (words.said_year in (None, item.year) or words.fits(item))
    ]
    found.items.sort(key=lambda pair: -words.fit(pair[0]))
    del found.items[limit:]
    return found


def item_row(entry: WatchedSyncConfigEntry, item: Item) -> JsonObjectType:
    """Return what an item is, as answers have it.

    `external_ids` are written as the actions take them.
    """
    return {
        **lane_row(entry),
        "item_id": item.item_id,
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


def _state(reading: Reading | None) -> JsonObjectType:
    row: JsonObjectType = {"state": state_row(reading.state if reading else None)}
    if reading is not None and reading.item.kind.is_container:
        row["episodes"] = reading.leaf_count
        row["watched_episodes"] = reading.watched_leaf_count
    return row
