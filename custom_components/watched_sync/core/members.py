"""Members of stored rows, read with their types: each is what we write, or damaged.

What is of the right type and cannot be true is for the gate; what is of another type
was never written by us, and nothing is guessed from it.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
import math
from typing import Any

from . import gate


class DamagedRow(ValueError):
    """A stored row is not what we write."""


def mapping(value: object) -> Mapping[str, Any]:
    """Return an object of JSON. Raises `DamagedRow`."""
    # What JSON is read into is a dict: that is said many times sooner.
    if not isinstance(value, dict) and not isinstance(value, Mapping):
        raise DamagedRow("no object")
    return value


def rows(value: object) -> list[Any]:
    """Return an array of JSON. Raises `DamagedRow`."""
    if not isinstance(value, list):
        raise DamagedRow("no array")
    return value


def text(value: object) -> str:
    """Return a text. Raises `DamagedRow`."""
    if not isinstance(value, str):
        raise DamagedRow("no text")
    return value


def texts(value: object) -> list[str]:
    """Return an array of texts. Raises `DamagedRow`."""
    return [text(one) for one in rows(value)]


def own_id(value: object) -> str:
    """Return an id of our making. Raises `DamagedRow`."""
    if not (found := text(value)):
        raise DamagedRow("no id")
    return found


def flag(value: object) -> bool:
    """Return a truth value. Raises `DamagedRow`."""
    if not isinstance(value, bool):
        raise DamagedRow("no truth value")
    return value


def number(value: object) -> float:
    """Return a finite number. Raises `DamagedRow`."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise DamagedRow("no number")
    try:
        is_finite = math.isfinite(value)
    except OverflowError:  # a whole number of hundreds of digits
        is_finite = False
    if not is_finite:
        raise DamagedRow("no finite number")
    return value


def count(value: object) -> int:
    """Return how often something happened. Raises `DamagedRow`."""
    found = gate.whole(number(value), gate.COUNTS)
    if found is None:
        raise DamagedRow("no count")
    return found


def position(value: object) -> float:
    """Return a position in seconds. Raises `DamagedRow`."""
    found = gate.length(number(value))
    if found is None:
        raise DamagedRow("no position")
    return found


def play_time(value: object) -> datetime | None:
    """Return when a server says that something was played, in UTC.

    None for a date that cannot be; raises `DamagedRow` for what is no aware date.
    """
    said = datetime.fromisoformat(text(value))
    if said.tzinfo is None:
        raise DamagedRow("no time zone")
    known = gate.play_time(said)
    return known and known.astimezone(UTC)


def moment(value: object) -> datetime:
    """Return a moment that we noted, in UTC. Raises `DamagedRow`, `ValueError`."""
    found = play_time(value)
    if found is None:
        raise DamagedRow("no moment of these days")
    return found
