"""What both kinds of server do with the readings of a listing."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
import math
from typing import Final

from ..core.identity import ProviderIds
from ..core.play_state import Reading
from ..core.titles import likeness

_NEVER: Final = datetime.min.replace(tzinfo=UTC)


def unique(readings: Iterable[Reading]) -> list[Reading]:
    """Return *readings* with every item once, where it came first."""
    found: dict[str, Reading] = {}
    for reading in readings:
        found.setdefault(reading.item.item_id, reading)
    return list(found.values())


def in_order(episodes: Iterable[Reading], show_ids: ProviderIds) -> tuple[Reading, ...]:
    """Return *episodes* by season and number, specials first, unnumbered last.

    Rows of a listing do not carry the provider ids of the show; *show_ids* adds them.
    """
    known = [
        replace(reading, item=replace(reading.item, show_provider_ids=show_ids))
        if show_ids
        else reading
        for reading in unique(episodes)
    ]
    return tuple(sorted(known, key=_numbering))


def matching(readings: Iterable[Reading], ids: ProviderIds) -> tuple[Reading, ...]:
    """Return the readings of the work that *ids* names."""
    return tuple(
        reading for reading in readings if reading.item.provider_ids.matches(ids)
    )


def likest_first(readings: Iterable[Reading], title: str) -> list[Reading]:
    """Return every item once, those called *title* before those like it."""
    return sorted(
        unique(readings),
        key=lambda reading: (
            -likeness(title, None, reading.item.title, reading.item.year)
        ),
    )


def newest_first(readings: Iterable[Reading], limit: int) -> tuple[Reading, ...]:
    """Return the items played last, the newest first, those without a date last."""
    ordered = sorted(
        unique(readings),
        key=lambda reading: reading.state.last_played or _NEVER,
        reverse=True,
    )
    return tuple(ordered[:limit])


def _numbering(reading: Reading) -> tuple[float, float]:
    season, episode = reading.item.season, reading.item.episode
    return (
        math.inf if season is None else season,
        math.inf if episode is None else episode,
    )
