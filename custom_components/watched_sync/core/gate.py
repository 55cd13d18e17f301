"""The one gate for texts and numbers that others wrote.

What a server, plex.tv, a network or a file says is kept, shown, stored and sent on.
One lone surrogate in one title is enough to make Home Assistant's states, registries
and files unwritable, and so is one number beyond 64 bits. So a text is made valid, one
line and short, and a number that cannot be what it is said to be is unknown.
"""

from datetime import datetime
import re
from typing import Final
import unicodedata

#: Characters of a title, and of a name of a server, a user or a library.
TITLE: Final = 300
NAME: Final = 120

#: The years films and shows are of.
YEARS: Final = range(1800, 2201)
#: The years of a play; a date beyond them is a fault and not a date.
PLAY_YEARS: Final = range(1900, 2101)
#: Seconds of an item: the longest film there is takes five weeks.
LONGEST: Final = 100 * 24 * 3600.0
#: Numbers of seasons and episodes: some are dates, such as 20260131.
NUMBERS: Final = range(100_000_000)
#: Plays of an item, and episodes of a show.
COUNTS: Final = range(1_000_001)

_ID: Final = re.compile(r"[!-~]{1,128}", re.ASCII)

_NO_ID: Final = "\N{REPLACEMENT CHARACTER}"

#: What no printing shows: soft hyphens, marks and overrides of the direction of
#: writing, invisible signs and tags. Joiners stay, which some scripts need.
_INVISIBLE: Final = re.compile(
    "[\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_CONTROL: Final = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f]")

#: Characters looked at for each that is kept: clipped first, as bringing a megabyte
#: into its normal form takes long.
_LOOKED_AT: Final = 8


def line(text: str, limit: int) -> str:
    """Return *text* as one valid line of no more than *limit* characters.

    Surrogate pairs are joined and lone ones left out, as are control characters and
    what only directs how others are written. The rest is in Unicode's form NFC.
    """
    if len(text) <= limit and text.isprintable() and text.isascii():
        return " ".join(text.split())
    text = text[: limit * _LOOKED_AT]
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "ignore")
    text = _INVISIBLE.sub("", _CONTROL.sub("", text))
    text = " ".join(unicodedata.normalize("NFC", text).split())
    return text if len(text) <= limit else f"{text[: limit - 1].rstrip()}…"


def stored_id(text: str) -> str:
    """Return an id that was stored; one that cannot be an id stays none.

    It is made storable, and ends in a character that no server has in an id, so that
    it never becomes the id of something else.
    """
    if _ID.fullmatch(text):
        return text
    return f"{line(text, NAME).rstrip(_NO_ID)}{_NO_ID}"


def whole(value: float, bounds: range) -> int | None:
    """Return a whole number within *bounds*, None for any other."""
    # Not `in`: that would compare a float with each number there is.
    inside = bounds.start <= value < bounds.stop
    return int(value) if inside and value.is_integer() else None


def length(seconds: float) -> float | None:
    """Return a duration or position in seconds, None for what cannot be one."""
    return seconds if 0 <= seconds <= LONGEST else None


def play_time(moment: datetime) -> datetime | None:
    """Return when something was played, None for a date that cannot be."""
    return moment if moment.year in PLAY_YEARS else None
