"""The pages of the face: the library, one work, and a show with its episodes."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from itertools import chain
from typing import Final

from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
from homeassistant.util.json import JsonObjectType

from ..actions.answers import skipped_row
from ..actions.listing import chosen_libraries
from ..core.catalogue import Named, Numbering, likest, numbering
from ..core.identity import MediaKind
from ..core.play_state import Reading
from ..core.titles import heard, likeness
from ..core.works import CopyKey, Line, Work, WorkFilter, Works, line_of
from ..naming.asking import SkipReason
from ..naming.found import LaneItem, Skipped
from ..naming.known import async_known_like
from ..naming.libraries import async_library_names
from ..naming.names import external_ids
from .copies import async_leaves, episode_copies
from .refs import async_line, async_meant, unknown_ref
from .rows import household_rows, line_row, rows_of
from .shelves import Shelves
from .whose import Audience, loaded

#: Works that are called like what is searched for, of each lane.
MOST_ALIKE: Final = 200


async def async_library(
    hass: HomeAssistant,
    shelves: Shelves,
    audience: Audience,
    wanted: WorkFilter,
    *,
    query: str | None,
    libraries: Sequence[str] | None,
    start: int,
    limit: int,
) -> JsonObjectType:
    """Return a part of the works that pass the filters, and how many do.

    *libraries* are names or ids. With a *query* the likest come first, unless they are
    to be in another order. Raises ServiceValidationError for a library nobody has.
    """
    if libraries:
        names = await asyncio.gather(*map(async_library_names, audience.running))
        chosen = chosen_libraries(audience.running, names, libraries)
        ids = zip(audience.lane_ids, chosen, strict=True)
        wanted = replace(wanted, libraries=tuple(ids))
    view = await shelves.async_view(audience)
    found = view.find(wanted)
    if query is not None:
        found = await _async_like(shelves, audience, query, found)
    today = dt_util.now().date()
    skipped = [
        *(Skipped(one, SkipReason.NOT_LOADED) for one in audience.not_loaded),
        *(
            Skipped(one, SkipReason.STILL_LOOKING)
            for one in audience.running
            if not shelves.is_whole(one)
        ),
    ]
    return {
        "works": [*rows_of(hass, found[start : start + limit], audience, today)],
        "total": len(found),
        "start": start,
        "skipped": [skipped_row(one) for one in skipped],
    }


async def _async_like(
    shelves: Shelves, audience: Audience, query: str, lines: Sequence[Line]
) -> list[Line]:
    """Return those of *lines* that are called like *query*, the likest first."""
    kinds = (MediaKind.MOVIE, MediaKind.SHOW)
    answers = await asyncio.gather(
        *(
            async_known_like(entry, query, kinds, MOST_ALIKE)
            for entry in audience.running
        )
    )
    alike: dict[CopyKey, Named[CopyKey]] = {}
    for answer in answers:
        for reading in answer.readings:
            key = (answer.entry.entry_id, reading.item.item_id)
            if (work := shelves.works.of(key)) is not None:
                title, year = reading.item.title, reading.item.year
                place = work.copies[0].place
                how = likeness(query, None, title, year)
                alike.setdefault(work.key, Named(heard(title), place, work.key, how))
    by_key = {line.work.key: line for line in lines}
    found = likest(query, alike.values(), len(alike))
    return [by_key[key] for key in found if key in by_key]


async def async_works(
    hass: HomeAssistant, shelves: Shelves, audience: Audience, refs: Sequence[str]
) -> JsonObjectType:
    """Return what some refs mean; what is not there is left out."""
    lines = [await async_line(shelves, audience, one) for one in dict.fromkeys(refs)]
    there = [one for one in lines if one is not None]
    return {"works": [*rows_of(hass, there, audience, dt_util.now().date())]}


async def async_item(
    hass: HomeAssistant, shelves: Shelves, audience: Audience, ref: str
) -> JsonObjectType:
    """Return one film, show or episode, and how far each of the household is."""
    line = await async_line(shelves, audience, ref)
    if line is None:
        raise unknown_ref(ref)
    owners = audience.owners
    ids = chain.from_iterable(external_ids(one.item) for one in line.copies)
    return {
        "work": line_row(hass, line, owners, dt_util.now().date()),
        "household": [*household_rows(line, owners)],
        "external_ids": [*dict.fromkeys(ids)],
    }


# --- a show --------------------------------------------------------------------------


async def async_show(
    hass: HomeAssistant, shelves: Shelves, audience: Audience, ref: str
) -> JsonObjectType:
    """Return a show with its seasons, and what is to be watched next.

    *ref* may be that of one of its episodes. Raises ServiceValidationError if it is
    neither, or not there.
    """
    view = await shelves.async_view(audience)
    meant = await async_meant(shelves, audience, ref)
    if isinstance(meant, LaneItem):
        key = (meant.entry.entry_id, meant.item.show_id or "")
        meant = shelves.works.of(key)
    line = None if meant is None else view.line(meant.key)
    if line is None or line.kind is not MediaKind.SHOW:
        raise unknown_ref(ref)
    owners, today = audience.owners, dt_util.now().date()
    episodes = await _async_episodes(audience, line.work)
    following = next((one for one in episodes if _is_left(one, today)), None)
    return {
        "work": line_row(hass, line, owners, today),
        "next": None if following is None else line_row(hass, following, owners, today),
        "seasons": [
            {
                "season": number,
                "special": number == 0,
                "aired_episodes": sum(not _is_coming(one, today) for one in some),
                "watched_episodes": sum(
                    one.watched is True and not _is_coming(one, today) for one in some
                ),
                "episodes": [line_row(hass, one, owners, today) for one in some],
            }
            for number, some in _seasons(episodes)
        ],
        "skipped": [
            skipped_row(Skipped(one, SkipReason.STILL_LOOKING))
            for one in audience.running
            if not shelves.is_whole(one)
        ],
    }


async def _async_episodes(audience: Audience, show: Work) -> list[Line]:
    """Return the episodes of a show on all lanes, in order, specials last."""
    works = Works()
    for entry in loaded(audience.visible):
        leaves: dict[str, Reading] = {}
        for copy in show.copies:
            if copy.lane == entry.entry_id:
                found = await async_leaves(entry, copy.item)
                leaves |= {one.item.item_id: one for one in found}
        works.put(episode_copies(entry, leaves.values()))
    lanes = audience.lane_ids
    lines = (line_of(work, lanes, audience.seen_ids) for work in works)
    there = [one for one in lines if one is not None]
    return sorted(there, key=_place)


def _place(line: Line) -> tuple[bool, Numbering]:
    item = line.first.item
    return item.is_special, numbering(item)


def _seasons(episodes: Sequence[Line]) -> list[tuple[int | None, list[Line]]]:
    found: dict[int | None, list[Line]] = {}
    for one in episodes:
        found.setdefault(one.first.item.season, []).append(one)
    return list(found.items())


def _is_coming(line: Line, today: date) -> bool:
    aired = line.first.item.aired
    return aired is not None and aired > today


def _is_left(line: Line, today: date) -> bool:
    """Whether an episode is there to be watched."""
    is_special = line.first.item.is_special
    return line.watched is False and not is_special and not _is_coming(line, today)
