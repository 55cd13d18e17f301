"""Reading JSON that somebody else wrote: a value that can be, or `Malformed`.

An absent field and an explicit null mean the same. Numbers may come as text, as Plex
sends some of them now one way and now the other. Texts and numbers pass the gate of
the core. Nothing but `Malformed` escapes.

What makes an answer usable, or says which item a row is about, is read by the
functions here. Everything else goes through `Oddities`, with which one odd member
costs itself and one odd row costs itself, never the page.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
import math
import re
from threading import Lock
from typing import Final

from ..core import gate
from ..core.errors import Malformed

type Json = bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None
type Row = Mapping[str, Json]

_DATE_LENGTH = len("2026-10-31")

#: How far ahead of all clocks a play may be dated.
_AHEAD: Final = timedelta(days=1)

#: Characters of a word: a kind, a path, an address, an id of some database.
_WORD: Final = 1000
_TOTALS: Final = range(10**15)
_IDENTIFIER: Final = re.compile(r"[!-~]{1,200}", re.ASCII)
_SECRET: Final = re.compile(r"[!-~]{1,4096}", re.ASCII)


def as_row(value: Json, what: str) -> Row:
    """Return *value* as an object."""
    if not isinstance(value, Mapping):
        raise Malformed(f"{what} is not an object")
    return value


def row(parent: Row, key: str) -> Row | None:
    """Return the object under *key*, None if absent."""
    value = parent.get(key)
    return None if value is None else as_row(value, key)


def entries(parent: Row, key: str) -> Sequence[Json]:
    """Return what is listed under *key*, whatever it is; nothing if absent."""
    value = parent.get(key)
    if value is None:
        return ()
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise Malformed(f"{key} is not a list")
    return value


def text(parent: Row, key: str) -> str | None:
    """Return the word under *key*, None if absent or empty; numbers become text.

    A word is compared or sent on, and shown to nobody: one that cannot be printed, or
    is longer than a thousand characters, is none.
    """
    value = _text(parent, key)
    if value is not None and (len(value) > _WORD or not value.isprintable()):
        raise Malformed(f"{key} is no word")
    return value


def needed_text(parent: Row, key: str) -> str:
    """Return the word under *key*."""
    return _needed(text(parent, key), key)


def identifier(parent: Row, key: str) -> str:
    """Return the id of a server, user, account, session or other thing under *key*."""
    value = _needed(_text(parent, key), key)
    if not _IDENTIFIER.fullmatch(value):
        raise Malformed(f"{key} is no id")
    return value


def secret(parent: Row, key: str) -> str | None:
    """Return the token under *key*, None if absent or empty."""
    value = _text(parent, key)
    if value is not None and not _SECRET.fullmatch(value):
        raise Malformed(f"{key} is no token")
    return value


def title(parent: Row, key: str) -> str | None:
    """Return the title under *key*, fit to be shown; None if absent or empty."""
    return gate.line(_text(parent, key) or "", gate.TITLE) or None


def name(parent: Row, key: str) -> str | None:
    """Return the name under *key*, fit to be shown; None if absent or empty."""
    return gate.line(_text(parent, key) or "", gate.NAME) or None


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


def year(parent: Row, key: str) -> int | None:
    """Return the year under *key*, None if absent."""
    return _whole(parent, key, gate.YEARS)


def ordinal(parent: Row, key: str) -> int | None:
    """Return the number of a season or episode under *key*, None if absent."""
    return _whole(parent, key, gate.NUMBERS)


def tally(parent: Row, key: str) -> int | None:
    """Return the count under *key*, None if absent."""
    return _whole(parent, key, gate.COUNTS)


def count(parent: Row, key: str) -> int:
    """Return the count under *key*, 0 if absent."""
    return tally(parent, key) or 0


def total(parent: Row, key: str) -> int | None:
    """Return how many rows a listing says that it has, None if it does not."""
    return _whole(parent, key, _TOTALS)


def seconds(parent: Row, key: str, units: int) -> float | None:
    """Return the duration or position under *key*, None if absent.

    It is written in parts of a second, of which there are *units* in one.
    """
    value = number(parent, key)
    if value is None:
        return None
    if (length := gate.length(value / units)) is None:
        raise Malformed(f"{key} is no length of time")
    return length


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
        found = datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise Malformed(f"{key} is not a moment") from error
    return _play_time(found, key)


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
            parsed = parsed.replace(tzinfo=UTC)
        parsed = parsed.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Malformed(f"{key} is not a moment") from error
    return _play_time(parsed, key)


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
    return parsed if parsed.year in gate.YEARS else None


class Oddities:
    """How rows are read that may be odd, and how often they were.

    `counts` has the names of the members that could not be, and `row` for rows that
    were left out: what diagnostics show, and nobody is told of otherwise. Rows may be
    read in several threads at once.
    """

    def __init__(self, now: Callable[[], datetime] | None = None) -> None:
        """Begin without any; *now* tells the time by which plays are in the future."""
        self._now = now
        self._counts: Counter[str] = Counter()
        self._lock = Lock()

    @property
    def counts(self) -> Mapping[str, int]:
        """How often what was odd, until now."""
        with self._lock:
            return dict(self._counts)

    def note(self, what: str) -> None:
        """Count one more."""
        with self._lock:
            self._counts[what] += 1

    def read[T](
        self, reader: Callable[[Row, str], T | None], parent: Row, key: str
    ) -> T | None:
        """Return what *reader* finds under *key*, None if that cannot be."""
        try:
            return reader(parent, key)
        except Malformed:
            self.note(key)
            return None

    def played(
        self, reader: Callable[[Row, str], datetime | None], parent: Row, key: str
    ) -> datetime | None:
        """Return the time of a play; None too for one that is yet to come.

        A clock was wrong when it was written down. It would be the last play of all,
        and newer than every operation, until then.
        """
        found = self.read(reader, parent, key)
        if found is None or self._now is None or found <= self._now() + _AHEAD:
            return found
        self.note(key)
        return None

    def rows[T](
        self, parse: Callable[[Row], T | None], listed: Iterable[Json]
    ) -> list[T]:
        """Return what *parse* makes of each row, without those it cannot read."""
        found = []
        for entry in listed:
            try:
                parsed = parse(as_row(entry, "the row"))
            except Malformed:
                self.note("row")
                continue
            if parsed is not None:
                found.append(parsed)
        return found


def texts(listed: Iterable[Json], key: str) -> frozenset[str]:
    """Return what stands under *key* in each row, whatever else is odd about it."""
    found = (entry.get(key) for entry in listed if isinstance(entry, Mapping))
    return frozenset(str(one) for one in found if isinstance(one, str | int))


def _text(parent: Row, key: str) -> str | None:
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


def _needed(value: str | None, key: str) -> str:
    if value is None:
        raise Malformed(f"{key} is missing")
    return value


def _whole(parent: Row, key: str, bounds: range) -> int | None:
    value = number(parent, key)
    if value is None:
        return None
    if (whole := gate.whole(value, bounds)) is None:
        raise Malformed(f"{key} is not a number from {bounds.start} to {bounds[-1]}")
    return whole


def _play_time(found: datetime, key: str) -> datetime:
    if (played := gate.play_time(found)) is None:
        raise Malformed(f"{key} is no time of a play")
    return played
