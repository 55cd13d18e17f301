"""Arrays as text (JSON, RFC 8259), read entry by entry.

A whole file read in one go would hold up everything else as long as that takes.
"""

from collections.abc import Iterator
from json import JSONDecoder
import re

from .faults import DamagedExport, UnknownFormat

#: Members of an object that may hold the array, from the outermost in.
_HOLDERS = ("response", "data")

#: Members that an error tells.
_TOLD = 20

_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = JSONDecoder()


def entries(content: bytes) -> Iterator[object]:
    """Yield the entries of an array, which may lie in a few objects.

    Raises `DamagedExport`, and `UnknownFormat` for what has no such array.
    """
    try:
        text = content.decode("utf-8-sig")
        yield from _array(text, _inside(text, _after(text, 0)))
    except (ValueError, RecursionError, IndexError) as err:
        raise DamagedExport("no JSON") from err


def _array(text: str, at: int) -> Iterator[object]:
    """Yield what is in the array that begins at a place."""
    at = _after(text, at + 1)
    while text[at] != "]":
        entry, at = _DECODER.raw_decode(text, at)
        yield entry
        at = _after(text, at)
        if text[at] == ",":
            at = _after(text, at + 1)
        elif text[at] != "]":
            raise ValueError("no array")


def _inside(text: str, at: int) -> int:
    """Return where the array begins that the value at a place is, or holds."""
    if text[at] == "[":
        return at
    names = []
    separator = text[at]
    while separator in "{,":
        name, at = _DECODER.raw_decode(text, _after(text, at + 1))
        names.append(str(name))
        if text[(at := _after(text, at))] != ":":
            raise ValueError("no object")
        at = _after(text, at + 1)
        if name in _HOLDERS and text[at] in "[{":
            return _inside(text, at)
        _, at = _DECODER.raw_decode(text, at)
        at = _after(text, at)
        separator = text[at]
    raise UnknownFormat(names[:_TOLD])


def _after(text: str, at: int) -> int:
    """Return the place of the first sign that is no space, from *at* on."""
    match = _SPACE.match(text, at)
    return at if match is None else match.end()
