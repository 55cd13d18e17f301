"""Reading JSON that somebody else wrote: a value of the right type, or `Malformed`.

An absent field and an explicit null mean the same. Numbers may come as text, as Plex
sends some of them now one way and now the other. Nothing but `Malformed` escapes.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
import math

from ..core.errors import Malformed

type Json = bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None
type Row = Mapping[str, Json]

_DATE_LENGTH = len("2026-10-31")


def as_row(value: Json, what: str) -> Row:
    """Return *value* as an object."""
    if not isinstance(value, Mapping):
        raise Malformed(f"{what} is not an object")
    return value


def row(parent: Row, key: str) -> Row | None:
    """Return the object under *key*, None if absent."""
    value = parent.get(key)
    return None if value is None else as_row(value, key)


def rows(parent: Row, key: str) -> list[Row]:
    """Return the objects listed under *key*, none if absent."""
    value = parent.get(key)
    if value is None:
        return []
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise Malformed(f"{key} is not a list")
    return [as_row(entry, key) for entry in value]


def text(parent: Row, key: str) -> str | None:
    """Return the text under *key*, None if absent or empty; numbers become text."""
    value = parent.get(key)
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        try:
            return str(value)
        except ValueError as error:  # more digits than Python converts
            raise Malformed(f"{key} is too long a number") from error
    raise Malformed(f"{key} is not text")


def needed_text(parent: Row, key: str) -> str:
    """Return the text under *key*."""
    value = text(parent, key)
    if value is None:
        raise Malformed(f"{key} is missing")
    return value


def number(parent: Row, key: str) -> float | None:
    """Return the finite number under *key*, None if absent or empty."""
    value = parent.get(key)
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise Malformed(f"{key} is not a number")
    try:
        result = float(value)
    except (ValueError, OverflowError) as error:
        raise Malformed(f"{key} is not a number") from error
    if not math.isfinite(result):
        raise Malformed(f"{key} is not a finite number")
    return result


def whole(parent: Row, key: str) -> int | None:
    """Return the whole number under *key*, None if absent or empty."""
    value = number(parent, key)
    if value is None:
        return None
    if not value.is_integer():
        raise Malformed(f"{key} is not a whole number")
    return int(value)


def count(parent: Row, key: str) -> int:
    """Return the count under *key*, 0 if absent."""
    value = whole(parent, key)
    if value is None:
        return 0
    if value < 0:
        raise Malformed(f"{key} is negative")
    return value


def flag(parent: Row, key: str) -> bool | None:
    """Return the truth value under *key*, None if absent."""
    value = parent.get(key)
    if value is None or isinstance(value, bool):
        return value
    raise Malformed(f"{key} is neither true nor false")


def epoch(parent: Row, key: str) -> datetime | None:
    """Return the moment under *key*, in seconds since 1970; None if absent or 0."""
    value = number(parent, key)
    if not value:
        return None
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise Malformed(f"{key} is not a moment") from error


def moment(parent: Row, key: str) -> datetime | None:
    """Return the ISO 8601 moment under *key*, in UTC; None if absent or in year 1.

    Without a zone it is taken as UTC. Digits beyond microseconds are dropped.
    """
    value = text(parent, key)
    if value is None:
        return None
    try:
        parsed = datetime.fromisoformat(value)
        if parsed.year == 1:  # how .NET writes "never"
            return None
        if parsed.tzinfo is None:
            return parsed.replace(tzinfo=UTC)
        return parsed.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Malformed(f"{key} is not a moment") from error


def day(parent: Row, key: str) -> date | None:
    """Return the day under *key*; None if absent, in year 1, or no full date.

    Databases hold half-known dates ("2010"); those are nothing to fail over.
    """
    value = text(parent, key)
    if value is None:
        return None
    try:
        parsed = date.fromisoformat(value[:_DATE_LENGTH])
    except ValueError:
        return None
    return None if parsed.year == 1 else parsed
