"""Filters, order and pages of the simulated Plex Media Server's listings.

The operator of a filter is the end of its parameter's name: `lastViewedAt>>=5` is
the parameter `lastViewedAt>>` with the value 5. Sources: Plex OpenAPI 1.2.0, "Media
Queries". A filter that is not known here is refused with 400, so that a misspelt one
cannot pass for one that selects everything.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
import re

from aiohttp import web

from tests.fakes.base import FakeSocket, RefusalError

from .model import TYPE_NUMBERS, Entry, PlexState, epoch, fold

type StateOf = Callable[[Entry], PlexState]

_NAME = re.compile(r"(?:(?P<scope>[a-z]+)\.)?(?P<field>\w+)(?P<operator>>>|<<|>|<|!)?")
_RELATIVE = re.compile(r"-(?P<count>\d+)(?P<unit>[smhdwy])")
_UNITS = {
    "s": 1,
    "m": 60,
    "h": 3600,
    "d": 86_400,
    "w": 604_800,
    "y": 31_536_000,
}
_NUMBERS = frozenset(
    {"viewCount", "lastViewedAt", "viewOffset", "addedAt", "year", "index"}
)
_DATES = frozenset({"lastViewedAt", "addedAt"})

# Parameters that select nothing.
_OTHER = re.compile(
    r"(X-Plex-|include|exclude|check|async)\w*|type|sort|limit|title|unwatched"
    r"|inProgress|guid|sectionID|query|searchTypes",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a listing that was asked for; *size* None means all of it."""

    start: int
    size: int | None


def plex_argument(request: web.Request | FakeSocket, name: str) -> str | None:
    """Read an `X-Plex-*` argument, which may travel as header or in the query."""
    return request.headers.get(name) or request.query.get(name)


def window(request: web.Request) -> Window | None:
    """Read the page asked for; None if the listing was asked for without bounds."""
    start = plex_argument(request, "X-Plex-Container-Start")
    size = plex_argument(request, "X-Plex-Container-Size")
    if start is None and size is None:
        return None
    return Window(whole(start, 0), None if size is None else whole(size, 0))


def excluded(request: web.Request) -> list[str]:
    """Read which members of a row are not wanted (as python-plexapi names them)."""
    return [
        member
        for name in ("excludeElements", "excludeFields")
        for member in request.query.get(name, "").split(",")
    ]


def whole(text: str | None, default: int) -> int:
    """Read a whole number that is not negative; anything else is a 400."""
    if text is None:
        return default
    if not text.isascii() or not text.isdigit():
        raise RefusalError(400)
    return int(text)


def wanted_type(params: Mapping[str, str], default: str) -> str:
    """Read which kind of item is listed."""
    if (number := params.get("type")) is None:
        return default
    for name, known in TYPE_NUMBERS.items():
        if number in {str(known), name}:
            return name
    raise RefusalError(400)


def select(
    entries: Iterable[Entry],
    params: Mapping[str, str],
    state_of: StateOf,
    now: int,
    folded: Callable[[str], str] = fold,
) -> list[Entry]:
    """Filter and sort *entries*; *now* (epoch seconds) is what `-3d` counts from.

    *folded* reduces a title to what a search compares.
    """
    tests = [
        test
        for name, value in params.items()
        if (test := _test(name, value, state_of, now)) is not None
    ]
    if (title := params.get("title")) is not None:
        tests.append(lambda entry: folded(title) in folded(entry.title))
    found = [entry for entry in entries if all(test(entry) for test in tests)]
    for field in reversed((params.get("sort") or "").split(",")):
        name, _, direction = field.partition(":")
        if name:
            key = _sort_key(name.rpartition(".")[2], state_of)
            found.sort(key=key, reverse=direction == "desc")
    return found[: whole(params.get("limit"), len(found))]


def number_of(entry: Entry, field: str, state: PlexState) -> int | None:
    """Read the number that a filter or sort compares."""
    match field:
        case "viewCount":
            return state.view_count
        case "viewOffset":
            return state.view_offset_ms
        case "lastViewedAt":
            return None if state.last_viewed_at is None else epoch(state.last_viewed_at)
        case "addedAt":
            return entry.added_at
        case "year":
            return entry.year
        case _:
            return entry.index


def _test(
    name: str, value: str, state_of: StateOf, now: int
) -> Callable[[Entry], bool] | None:
    match name:
        case "title":
            return None  # whoever selects knows how titles are compared
        case "guid":
            # The primary guid alone: external ids are no filter.
            return lambda entry: entry.guid == value
        case "show.guid":
            return lambda entry: entry.top.guid == value
        case "unwatched":
            return lambda entry: _is_unwatched(entry, state_of) is (value == "1")
        case "inProgress":
            return lambda entry: (state_of(entry).view_offset_ms > 0) is (value == "1")
    match = _NAME.fullmatch(name)
    if match is None or match["field"] not in _NUMBERS:
        if _OTHER.match(name):
            return None
        raise RefusalError(400)
    return _number_test(match, value, state_of, now)


def _number_test(
    match: re.Match[str], value: str, state_of: StateOf, now: int
) -> Callable[[Entry], bool]:
    scope, field, operator = match["scope"], match["field"], match["operator"]
    wanted = [_number(part, now, is_date=field in _DATES) for part in value.split(",")]

    def fits(entry: Entry) -> bool:
        held = number_of(entry, field, state_of(entry))
        if held is None:
            return False
        match operator:
            case ">>":
                return held > wanted[0]
            case "<<":
                return held < wanted[0]
            case ">":
                return held >= wanted[0]
            case "<":
                return held <= wanted[0]
            case "!":
                return held not in wanted
            case _:
                return held in wanted

    def test(entry: Entry) -> bool:
        if scope in {None, entry.type}:
            return fits(entry)
        family = (*entry.ancestors(), *entry.walk())
        return any(fits(found) for found in family if found.type == scope)

    return test


def _number(text: str, now: int, *, is_date: bool) -> int:
    relative = _RELATIVE.fullmatch(text) if is_date else None
    if relative is not None:
        return now - int(relative["count"]) * _UNITS[relative["unit"]]
    return whole(text, 0)


def _is_unwatched(entry: Entry, state_of: StateOf) -> bool:
    return any(state_of(leaf).view_count == 0 for leaf in entry.leaves())


def _sort_key(field: str, state_of: StateOf) -> Callable[[Entry], tuple[int, str]]:
    if field in _NUMBERS:
        return lambda entry: (number_of(entry, field, state_of(entry)) or 0, "")
    match field:
        case "titleSort" | "title":
            return lambda entry: (0, fold(entry.title.removeprefix("The ")))
        case "originallyAvailableAt":
            return lambda entry: (0, entry.aired.isoformat() if entry.aired else "")
    raise RefusalError(400)
