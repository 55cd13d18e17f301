"""What the fields of the actions are called, and how far their values may go."""

from datetime import datetime, timedelta
import re
from typing import Any, Final

from homeassistant.helpers import config_validation as cv
import voluptuous as vol

from .for_whom import EVERYONE

ATTR_ITEM_ID: Final = "item_id"
ATTR_EXTERNAL_ID: Final = "external_id"
ATTR_TITLE: Final = "title"
ATTR_YEAR: Final = "year"
ATTR_SEASON: Final = "season"
ATTR_EPISODE: Final = "episode"
ATTR_SCOPE: Final = "scope"
ATTR_INCLUDE_SPECIALS: Final = "include_specials"
ATTR_WATCHED_AT: Final = "watched_at"
ATTR_CONFIRM: Final = "confirm"
ATTR_WAIT: Final = "wait"
ATTR_WHEN_THERE: Final = "when_there"
ATTR_DRY_RUN: Final = "dry_run"
ATTR_POSITION: Final = "position"
ATTR_PERCENT: Final = "percent"
ATTR_OPERATION_ID: Final = "operation_id"
ATTR_BATCH_ID: Final = "batch_id"
ATTR_LIMIT: Final = "limit"
ATTR_PERSON: Final = "person"
ATTR_QUERY: Final = "query"
ATTR_MEDIA_TYPE: Final = "media_type"
ATTR_LANGUAGE: Final = "language"
ATTR_LIBRARY: Final = "library"
ATTR_WATCHED: Final = "watched"
ATTR_WAITING: Final = "waiting"
ATTR_MAX_DURATION: Final = "max_duration"
ATTR_START: Final = "start"
ATTR_FILE: Final = "file"
ATTR_USER: Final = "user"
ATTR_ALL_WATCHED: Final = "all_watched"
ATTR_DIRECTION: Final = "direction"
ATTR_SOURCE: Final = "source"
ATTR_WHAT: Final = "what"
ATTR_SINCE: Final = "since"
ATTR_INCLUDE_PROBABLE: Final = "include_probable"
ATTR_STOP: Final = "stop"
ATTR_GO_ON: Final = "go_on"

#: Which way to level: each lane follows all others, or all of them one source.
DIRECTION_BOTH: Final = "both"
DIRECTION_FROM: Final = "from"

#: Items one action marks, or un-marks, without being told that this is meant.
MARK_LIMIT: Final = 50
UNMARK_LIMIT: Final = 10

#: Rows of the history in one answer.
DEFAULT_HISTORY_ROWS: Final = 50

#: Items one search returns for each lane.
DEFAULT_FOUND_ITEMS: Final = 10
FOUND_ITEMS_LIMIT: Final = 50

#: Items of the library in one answer.
DEFAULT_LISTED_ITEMS: Final = 50
LISTED_ITEMS_LIMIT: Final = 100

#: Seconds an action waits at most for its operations to be confirmed.
WAIT_LIMIT: Final = 300

_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,9}")
_MOST: Final = 10**9


def _whole(value: Any) -> int:
    """Return a whole number that came as one or as text. Raises `vol.Invalid`.

    Nothing is cut off or guessed: 1.7 is no season, and neither is true.
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < _MOST:
        return value
    if isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
        return int(value)
    raise vol.Invalid("expected a whole number")


#: A whole number in a schema; the last part tells language models its type.
WHOLE_NUMBER: Final = vol.All(_whole, vol.Coerce(int))


def valid_text(value: Any) -> str:
    """Return text, without halves of characters. Raises `vol.Invalid`.

    Nothing that has one can be sent, stored or told back.
    """
    text = cv.string(value)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise vol.Invalid("expected text without half a character") from error
    return text


def duration(value: Any) -> timedelta:
    """Return a time as Home Assistant takes it. Raises `vol.Invalid`."""
    try:
        period: timedelta = cv.time_period(value)
    except OverflowError as err:
        raise vol.Invalid(f"{value} is no time") from err
    return period


def moment(value: Any) -> datetime:
    """Return a date and time. Raises `vol.Invalid`.

    The parser of Home Assistant's ends the process over some texts.
    """
    if isinstance(value, str) and not value.isascii():
        raise vol.Invalid("a date has no such characters")
    found: datetime = cv.datetime(value)
    return found


def number(value: Any) -> float:
    """Return a number that came as one or as text. Raises `vol.Invalid`."""
    try:
        found: float = vol.Coerce(float)(value)
    except OverflowError as err:
        raise vol.Invalid("the number is too large") from err
    return found


def _persons(value: Any) -> list[str]:
    """Return the entity ids of persons, or the word that means everyone."""
    if value in (EVERYONE, [EVERYONE]):
        return [EVERYONE]
    persons: list[str] = cv.entities_domain("person")(value)
    return persons


#: Persons in a schema. Home Assistant's own validator iterates over whatever it is
#: given.
PERSONS: Final = vol.All(vol.Any(str, [str]), _persons)
