"""Plex's JSON <-> the core's words. Nothing but `Malformed` escapes.

A listing without the form of one is `Malformed`. An odd row of it is left out, and an
odd member of a row is unknown; `Oddities` counts them.

Sources: Plex OpenAPI 1.2.0 and its examples; python-plexapi for what is left out
when it is zero. Times are epoch seconds, durations and offsets milliseconds.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain, islice
import re
from types import MappingProxyType
from typing import Final
from urllib.parse import unquote

from ...core.errors import Malformed
from ...core.identity import Item, MediaKind, ProviderIds
from ...core.play_state import UNKNOWN, PlayState, Reading
from ...core.ports import Library
from ..fields import (
    Json,
    Oddities,
    Row,
    as_row,
    count,
    day,
    entries,
    epoch,
    identifier,
    name,
    needed_text,
    number,
    ordinal,
    row,
    seconds,
    tally,
    text,
    texts,
    title,
    total,
    year,
)
from ..listing import ListingPage
from .limits import DEFAULTS, Limits

#: The number by which a listing is asked for one kind.
TYPE_NUMBERS: Final[Mapping[MediaKind, str]] = MappingProxyType(
    {
        MediaKind.MOVIE: "1",
        MediaKind.SHOW: "2",
        MediaKind.SEASON: "3",
        MediaKind.EPISODE: "4",
    }
)

_KINDS: Final = {kind.value: kind for kind in TYPE_NUMBERS}
_MILLISECONDS: Final = 1000

#: Preferences of the server: milliseconds, and percent of the duration.
_MIN_POSITION: Final = "minimumProgressTime"
_PLAYED_FROM: Final = "LibraryVideoPlayedThreshold"

#: Rows of all hubs of one answer; nobody asks for so many.
_MOST_IN_HUBS: Final = 2000

#: What a ratingKey may look like; it is a path segment and part of a list.
_RATING_KEY: Final = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)

#: A path on the server itself, not the address of another host.
_PATH: Final = re.compile(r"/(?!/)[!-~]{1,512}", re.ASCII)

# Before 2019 an agent's own id was the item's only guid: for an episode that is the
# show's id with the numbers behind it.
_LEGACY_GUID: Final = re.compile(
    r"com\.plexapp\.agents\.(?P<agent>[a-z]+)://(?P<value>[^/?]+)(?P<below>/\d+)?"
)
_LEGACY_AGENTS: Final = {
    "imdb": "imdb",
    "themoviedb": "tmdb",
    "tmdb": "tmdb",
    "thetvdb": "tvdb",
    "xbmcnfotv": "tvdb",
}

# HAMA's `tvdb3-` to `tvdb6-` number episodes absolutely or by arcs: nobody else does,
# and so they name neither an episode nor a show whose episodes could be compared.
_HAMA: Final = re.compile(r"(?P<source>imdb|tmdb|tsdb|tvdb2?)-(?P<value>[a-z0-9]+)")
_HAMA_SOURCES: Final = {
    "imdb": "imdb",
    "tmdb": "tmdb",
    "tsdb": "tmdb",
    "tvdb": "tvdb",
    "tvdb2": "tvdb",
}

# Plex's own agents for NFO files, from 2026 on: what is named is the item itself.
_NFO_GUID: Final = re.compile(
    r"tv\.plex\.agents\.nfo\.(?:movie|series)://"
    r"(?P<kind>movie|show|episode)/(?P<provider>imdb|tmdb|tvdb)_(?P<value>[^/?]+)"
)


@dataclass(frozen=True, slots=True)
class Identity:
    """What a server says about itself."""

    server_id: str
    version: str
    name: str | None = None
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class PlayQueue:
    """A queue of one item, and the number this item has in it."""

    queue_id: str
    item_id: str


def is_rating_key(value: str) -> bool:
    """Whether *value* can be an item id of any Plex server."""
    return _RATING_KEY.fullmatch(value) is not None


def container(answer: Json) -> Row:
    """Return the `MediaContainer` that every answer is wrapped in."""
    found = row(as_row(answer, "the answer"), "MediaContainer")
    if found is None:
        raise Malformed("the answer has no MediaContainer")
    return found


def parse_identity(answer: Json) -> Identity:
    """Read `GET /identity` or `GET /`."""
    held = container(answer)
    odd = Oddities()
    return Identity(
        server_id=identifier(held, "machineIdentifier"),
        version=odd.read(name, held, "version") or "",
        name=odd.read(name, held, "friendlyName"),
        owner=odd.read(name, held, "myPlexUsername"),
    )


def parse_owner_name(answer: Json) -> str | None:
    """Read the owner's name out of `GET /accounts`: the local account 1."""
    odd = Oddities()
    for account in odd.rows(_as_it_is, entries(container(answer), "Account")):
        if odd.read(text, account, "id") == "1":
            return odd.read(name, account, "name")
    return None


def parse_limits(answer: Json, odd: Oddities) -> Limits:
    """Read the limits of resume positions out of `GET /:/prefs`.

    One that is absent, or cannot be one, is as on any server.
    """
    settings = {
        key: setting
        for setting in odd.rows(_as_it_is, entries(container(answer), "Setting"))
        if (key := odd.read(text, setting, "id")) in {_MIN_POSITION, _PLAYED_FROM}
    }
    least = odd.read(_length, settings.get(_MIN_POSITION, {}), "value")
    percent = odd.read(_percent, settings.get(_PLAYED_FROM, {}), "value")
    return Limits(
        DEFAULTS.min_position if least is None else least,
        DEFAULTS.max_progress if percent is None else percent / 100,
    )


def parse_account(answer: Json) -> tuple[str, str]:
    """Read id and name, empty if it has none, out of plex.tv's `GET /api/v2/user`."""
    account = as_row(answer, "the account")
    user_id = identifier(account, "id")
    return user_id, account_name(account) or ""


def account_name(account: Row) -> str | None:
    """Return what Plex calls an account or a user of a Home."""
    odd = Oddities()
    keys = ("friendlyName", "title", "username")
    return next((said for key in keys if (said := odd.read(name, account, key))), None)


def parse_history_account(answer: Json) -> str | None:
    """Read whose plays `GET /status/sessions/history/all` lists, None if nobody's."""
    for entry in Oddities().rows(_as_it_is, entries(container(answer), "Metadata")):
        if entry.get("accountID") is not None:
            return identifier(entry, "accountID")
    return None


def parse_sections(answer: Json, odd: Oddities) -> list[Library]:
    """Read the libraries of films and shows out of `GET /library/sections`."""

    def parse(entry: Row) -> Library | None:
        if (kind := needed_text(entry, "type")) not in ("movie", "show"):
            return None
        section_id = _needed_key(entry, "key")
        called = odd.read(name, entry, "title") or section_id
        return Library(section_id, called, MediaKind(kind))

    return odd.rows(parse, entries(container(answer), "Directory"))


def parse_page(answer: Json, odd: Oddities, most: int | None = None) -> ListingPage:
    """Read one listing; kinds without a play state of ours are left out.

    Of a server that pages, rows beyond *most*, which is how many were asked for, are
    not looked at.
    """
    held = container(answer)
    listed = entries(held, "Metadata")
    if (exist := odd.read(total, held, "totalSize")) is not None:
        listed = listed[:most]
    library = odd.read(_key, held, "librarySectionID")
    readings = odd.rows(lambda entry: parse_row(entry, odd, library), listed)
    return ListingPage(
        [one for one in readings if one.item.kind is not MediaKind.UNKNOWN],
        len(listed),
        exist,
        [one for one in readings if one.item.kind is MediaKind.UNKNOWN],
        texts(listed, "ratingKey"),
    )


def parse_total(answer: Json) -> int | None:
    """Read how many rows a listing has, None if it does not say."""
    return total(container(answer), "totalSize")


def parse_hubs(answer: Json, odd: Oddities) -> list[Reading]:
    """Read a listing grouped into hubs, or one that is not, hub after hub."""
    held = container(answer)
    groups = (held, *odd.rows(_as_it_is, entries(held, "Hub")))
    readings = odd.rows(
        lambda entry: parse_row(entry, odd),
        islice(
            chain.from_iterable(entries(group, "Metadata") for group in groups),
            _MOST_IN_HUBS,
        ),
    )
    return [one for one in readings if one.item.kind is not MediaKind.UNKNOWN]


def parse_row(entry: Row, odd: Oddities, library: str | None = None) -> Reading | None:
    """Read one item, None if it is of no kind that we handle.

    One whose kind cannot be read is of unknown kind and state. *library* is the
    section a whole listing belongs to.
    """
    item_id = _needed_key(entry, "ratingKey")
    called = odd.read(title, entry, "title") or ""
    if (type_name := odd.read(needed_text, entry, "type")) is None:
        return Reading(Item(item_id, MediaKind.UNKNOWN, called), UNKNOWN)
    if (kind := _KINDS.get(type_name)) is None:
        return None
    own_ids, show_ids = _provider_ids(entry, kind, odd)
    item = Item(
        item_id=item_id,
        kind=kind,
        title=called,
        year=odd.read(year, entry, "year"),
        provider_ids=own_ids,
        duration=odd.read(_length, entry, "duration") or None,
        library_id=odd.read(_key, entry, "librarySectionID") or library,
        aired=odd.read(day, entry, "originallyAvailableAt"),
    )
    match kind:
        case MediaKind.SEASON:
            item = replace(
                item,
                show_id=odd.read(_key, entry, "parentRatingKey"),
                show_title=odd.read(title, entry, "parentTitle"),
                show_provider_ids=show_ids,
                season=odd.read(ordinal, entry, "index"),
            )
        case MediaKind.EPISODE:
            item = replace(
                item,
                show_id=odd.read(_key, entry, "grandparentRatingKey"),
                show_title=odd.read(title, entry, "grandparentTitle"),
                show_provider_ids=show_ids,
                season_id=odd.read(_key, entry, "parentRatingKey"),
                season=odd.read(ordinal, entry, "parentIndex"),
                episode=odd.read(ordinal, entry, "index"),
            )
    if kind.is_container:
        return _container_reading(entry, item, odd)
    # viewCount and viewOffset are left out when they are zero.
    plays = odd.read(count, entry, "viewCount")
    position = odd.read(_offset, entry, "viewOffset")
    return Reading(
        item,
        PlayState(
            watched=None if plays is None else plays > 0,
            position=position or 0.0,
            play_count=plays or 0,
            last_played=odd.played(epoch, entry, "lastViewedAt"),
            hides_position=position is None,
        ),
    )


def parse_play_queue(answer: Json) -> PlayQueue:
    """Read the answer to `POST /playQueues`."""
    queue = container(answer)
    return PlayQueue(
        queue_id=_needed_key(queue, "playQueueID"),
        item_id=_needed_key(queue, "playQueueSelectedItemID"),
    )


def was_ended(answer: Json) -> bool:
    """Tell whether the answer to a report says that the playback is over.

    An administrator can end one: `terminationCode`. The report itself was taken, so
    an answer of any other form says nothing.
    """
    told = answer.get("MediaContainer") if isinstance(answer, Mapping) else None
    return isinstance(told, Mapping) and bool(told.get("terminationCode"))


def parse_artwork(answer: Json) -> list[str]:
    """Return the paths of an item's picture, its season's and its show's.

    Only what lies on the server itself: a path, never the address of another host.
    """
    odd = Oddities()
    listed = entries(container(answer), "Metadata")[:1]
    named = [
        odd.read(text, entry, key)
        for entry in odd.rows(_as_it_is, listed)
        for key in ("thumb", "parentThumb", "grandparentThumb")
    ]
    return list(dict.fromkeys(path for path in named if path and _is_path(path)))


def _container_reading(entry: Row, item: Item, odd: Oddities) -> Reading:
    """Read a show or season: watched when every episode below is.

    Without episodes, or a count of them, nothing is known, which is not "unwatched".
    """
    leaves = odd.read(tally, entry, "leafCount")
    seen = None if leaves is None else odd.read(count, entry, "viewedLeafCount")
    return Reading(
        item,
        PlayState(
            watched=seen == leaves if leaves and seen is not None else None,
            play_count=odd.read(count, entry, "viewCount") or 0,
            last_played=odd.played(epoch, entry, "lastViewedAt"),
        ),
        leaf_count=leaves,
        watched_leaf_count=seen,
    )


def _is_path(path: str) -> bool:
    """Whether a path leads to something on the server, below its own address."""
    steps = unquote(path.partition("?")[0]).split("/")
    return _PATH.fullmatch(path) is not None and ".." not in steps


def _as_it_is(entry: Row) -> Row:
    return entry


def _key(entry: Row, key: str) -> str | None:
    """Return the id of an item, library or queue: it becomes part of paths."""
    value = text(entry, key)
    if value is not None and not is_rating_key(value):
        raise Malformed(f"{key} is no key")
    return value


def _needed_key(entry: Row, key: str) -> str:
    if (value := _key(entry, key)) is None:
        raise Malformed(f"{key} is missing")
    return value


def _length(entry: Row, key: str) -> float | None:
    return seconds(entry, key, _MILLISECONDS)


def _percent(entry: Row, key: str) -> float | None:
    value = number(entry, key)
    if value is not None and not 0 < value <= 100:  # noqa: PLR2004 - per cent
        raise Malformed(f"{key} is no percentage")
    return value


def _offset(entry: Row, key: str) -> float:
    return _length(entry, key) or 0.0


def _provider_ids(
    entry: Row, kind: MediaKind, odd: Oddities
) -> tuple[ProviderIds, ProviderIds]:
    """Return the item's own ids and, as far as the row tells, its show's."""
    own: list[tuple[str, str]] = []
    show: list[tuple[str, str]] = []
    for listed in odd.rows(_as_it_is, odd.read(entries, entry, "Guid") or ()):
        provider, _, value = (odd.read(text, listed, "id") or "").partition("://")
        if provider in ("imdb", "tmdb", "tvdb"):
            own.append((provider, value))
    for key in ("guid", "parentGuid", "grandparentGuid"):
        guid = odd.read(text, entry, key) or ""
        if (named := _NFO_GUID.match(guid)) is not None:
            if named["kind"] == kind and key == "guid":
                own.append((named["provider"], named["value"]))
            elif named["kind"] == MediaKind.SHOW and key != "guid":
                show.append((named["provider"], named["value"]))
        for provider, value, numbered in _legacy_ids(guid, kind):
            if kind in (MediaKind.MOVIE, MediaKind.SHOW):
                if key == "guid" and not numbered:
                    own.append((provider, value))
            elif numbered or key != "guid":
                # Below a show every legacy guid starts with the show's id.
                show.append((provider, value))
    return _first(own), _first(show)


def _first(named: Iterable[tuple[str, str]]) -> ProviderIds:
    """Return the first id of each provider that is one."""
    found: dict[str, str] = {}
    for provider, value in named:
        if ProviderIds.told(**{provider: value}):
            found.setdefault(provider, value)
    return ProviderIds.told(**found)


def _legacy_ids(guid: str, kind: MediaKind) -> Iterator[tuple[str, str, bool]]:
    """Yield provider, id and whether the numbers of a season or episode follow."""
    if (match := _LEGACY_GUID.match(guid)) is None:
        return
    agent, value = match["agent"], match["value"]
    below = match["below"] is not None
    if (provider := _LEGACY_AGENTS.get(agent)) is not None:
        yield provider, value, below
    elif agent == "xbmcnfo":
        yield "imdb" if value.startswith("tt") else "tmdb", value, below
    elif agent == "hama" and (named := _HAMA.fullmatch(value)) is not None:
        # TMDB numbers films and shows apart: `tmdb-` is a film's, `tsdb-` a show's.
        others = "tsdb" if kind is MediaKind.MOVIE else "tmdb"
        if named["source"] != others:
            yield _HAMA_SOURCES[named["source"]], named["value"], below
