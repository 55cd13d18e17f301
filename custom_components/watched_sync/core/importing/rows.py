"""What one row of an export says, and the members that rows are made of."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from enum import StrEnum
import re
from typing import Any

from .. import gate, members
from ..identity import NO_IDS, Item, MediaKind, ProviderIds
from ..titles import split_year

#: Dates that programs write where they do not know one: the beginning of their time.
_NO_DATE = date(1970, 1, 1)

#: The hour, in UTC, of a play of which only the day is known: it is that day almost
#: everywhere.
_NOON = time(12, tzinfo=UTC)

#: Seconds since 1970 that are beyond every play.
_FAR_AHEAD = 10.0**11

_WHOLE = re.compile(r"[0-9]{1,9}", re.ASCII)

#: Above every id there is; what is longer is not worth the work of writing it.
_IDS = range(1, 10**10)


class RowReason(StrEnum):
    """Why a row is passed over.

    `DAMAGED` rows make no sense, `NOT_WATCHED` ones were not seen to the end,
    `WHOLE_SHOW` ones speak of a show or season without naming its episodes, and
    `OTHER_KIND` ones are neither films nor episodes.
    """

    DAMAGED = "damaged"
    NOT_WATCHED = "not_watched"
    WHOLE_SHOW = "whole_show"
    OTHER_KIND = "other_kind"


@dataclass(frozen=True, slots=True)
class Play:
    """A film or episode was watched; `at` is when, in UTC.

    The item has no id, as it is on no server. `is_entry_date` says that `at` is when
    that was noted: a play can only have been before.
    """

    item: Item
    at: datetime | None = None
    is_entry_date: bool = False


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A row, or a part of one, that says of no film or episode that it was watched."""

    reason: RowReason
    title: str = ""
    show_ids: ProviderIds = NO_IDS


type Saying = Play | PassedOver

#: Reads one row. Raises `ValueError` or `KeyError` for one that makes no sense.
type Reader = Callable[[Mapping[str, Any]], Sequence[Saying]]


def film(title: str, year: int | None = None, ids: ProviderIds = NO_IDS) -> Item:
    """Return a film. Raises `ValueError` for one that nothing is known of."""
    return _named(Item("", MediaKind.MOVIE, title, year=year, provider_ids=ids))


def episode(
    show_title: str,
    season: int,
    number: int,
    *,
    show_year: int | None = None,
    title: str = "",
    ids: ProviderIds = NO_IDS,
    show_ids: ProviderIds = NO_IDS,
) -> Item:
    """Return an episode. Raises `ValueError` for one that nothing is known of."""
    if show_title and show_year is not None and split_year(show_title)[1] is None:
        show_title = f"{show_title} ({show_year})"
    return _named(
        Item(
            "",
            MediaKind.EPISODE,
            title,
            provider_ids=ids,
            show_title=show_title or None,
            show_provider_ids=show_ids,
            season=season,
            episode=number,
        )
    )


def _named(item: Item) -> Item:
    name = item.title if item.kind is MediaKind.MOVIE else item.show_title
    if not (name or item.provider_ids or item.show_provider_ids):
        raise ValueError("neither a title nor an id")
    return item


# --- members ---------------------------------------------------------------------


def text(value: object) -> str:
    """Return a title or name, empty for none. Raises `ValueError` for no text."""
    return "" if value is None else gate.line(members.text(value), gate.TITLE)


def id_text(value: object) -> str | None:
    """Return an id as text, however it is written; what cannot be one is none."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if value in _IDS else None
    return value if isinstance(value, str) else None


def whole(value: object, bounds: range) -> int | None:
    """Return a whole number within *bounds*; None for none, and for any other."""
    if isinstance(value, str):
        digits = value.strip()
        return gate.whole(int(digits), bounds) if _WHOLE.fullmatch(digits) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return gate.whole(value, bounds)


def year(value: object) -> int | None:
    """Return the year a work is of, None if it is not told."""
    return whole(value, gate.YEARS)


def numbers(season: object, number: object) -> tuple[int, int]:
    """Return the numbers of an episode. Raises `ValueError` without both of them."""
    first, second = whole(season, gate.NUMBERS), whole(number, gate.NUMBERS)
    if first is None or second is None:
        raise ValueError("an episode without its numbers")
    return first, second


def moment(value: object) -> datetime | None:
    """Return when something was watched, in UTC; None if that is not told.

    A text with a date in it, with or without a time, or seconds since 1970. Without a
    zone a time is in UTC. Raises `ValueError` for a text that is no date.
    """
    if value is None or value == "":
        return None
    if isinstance(value, str):
        said = _parsed(value.strip())
    else:
        seconds = min(max(members.number(value), 0.0), _FAR_AHEAD)
        said = datetime.fromtimestamp(seconds, UTC)
    if said.date() <= _NO_DATE:
        return None
    known = gate.play_time(said)
    return known and known.astimezone(UTC)


def _parsed(value: str) -> datetime:
    try:
        return datetime.combine(date.fromisoformat(value), _NOON)
    except ValueError:
        said = datetime.fromisoformat(value)
    return said if said.tzinfo is not None else said.replace(tzinfo=UTC)
