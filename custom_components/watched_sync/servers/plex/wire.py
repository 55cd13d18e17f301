"""Plex's JSON <-> the core's words. Nothing but `Malformed` escapes.

Sources: Plex OpenAPI 1.2.0 and its examples; python-plexapi for what is left out
when it is zero. Times are epoch seconds, durations and offsets milliseconds.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
import re
from types import MappingProxyType
from typing import Final

from ...core.errors import Malformed
from ...core.identity import NO_IDS, Item, MediaKind, ProviderIds
from ...core.play_state import PlayState, Reading
from ...core.ports import Library
from ..fields import (
    Json,
    Row,
    as_row,
    count,
    day,
    epoch,
    needed_text,
    number,
    row,
    rows,
    text,
    whole,
)
from ..listing import Page

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
    "thetvdb": "tvdb",
}
_PREFIXED: Final = re.compile(r"(?P<provider>imdb|tmdb|tvdb)\d?-(?P<value>[a-z0-9]+)")


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
    return Identity(
        server_id=needed_text(held, "machineIdentifier"),
        version=text(held, "version") or "",
        name=text(held, "friendlyName"),
        owner=text(held, "myPlexUsername"),
    )


def parse_owner_name(answer: Json) -> str | None:
    """Read the owner's name out of `GET /accounts`: the local account 1."""
    for account in rows(container(answer), "Account"):
        if text(account, "id") == "1":
            return text(account, "name")
    return None


def parse_account(answer: Json) -> tuple[str, str]:
    """Read id and name out of plex.tv's `GET /api/v2/user`."""
    account = as_row(answer, "the account")
    user_id = needed_text(account, "id")
    name = (
        text(account, "friendlyName")
        or text(account, "title")
        or text(account, "username")
    )
    return user_id, name or user_id


def parse_history_account(answer: Json) -> str | None:
    """Read whose plays `GET /status/sessions/history/all` lists, None if nobody's."""
    for entry in rows(container(answer), "Metadata"):
        if (account := text(entry, "accountID")) is not None:
            return account
    return None


def parse_sections(answer: Json) -> list[Library]:
    """Read the libraries of films and shows out of `GET /library/sections`."""
    return [
        Library(
            library_id=(section_id := needed_text(entry, "key")),
            title=text(entry, "title") or section_id,
            kind=MediaKind(kind),
        )
        for entry in rows(container(answer), "Directory")
        if (kind := needed_text(entry, "type")) in ("movie", "show")
    ]


def parse_page(answer: Json) -> Page:
    """Read one listing; kinds without a play state of ours are left out."""
    held = container(answer)
    listed = rows(held, "Metadata")
    library = text(held, "librarySectionID")
    return Page(
        [found for entry in listed if (found := parse_row(entry, library)) is not None],
        len(listed),
        whole(held, "totalSize"),
    )


def parse_hubs(answer: Json) -> list[Reading]:
    """Read a listing grouped into hubs, or one that is not, hub after hub."""
    held = container(answer)
    return [
        found
        for group in (held, *rows(held, "Hub"))
        for entry in rows(group, "Metadata")
        if (found := parse_row(entry)) is not None
    ]


def parse_row(entry: Row, library: str | None = None) -> Reading | None:
    """Read one item, None if it is of no kind that we handle.

    *library* is the section a whole listing belongs to.
    """
    kind = _KINDS.get(needed_text(entry, "type"))
    if kind is None:
        return None
    own_ids, show_ids = _provider_ids(entry, kind)
    item = Item(
        item_id=needed_text(entry, "ratingKey"),
        kind=kind,
        title=text(entry, "title") or "",
        year=whole(entry, "year"),
        provider_ids=own_ids,
        duration=_seconds(entry, "duration") or None,
        library_id=text(entry, "librarySectionID") or library,
        aired=day(entry, "originallyAvailableAt"),
    )
    match kind:
        case MediaKind.SEASON:
            item = replace(
                item,
                show_id=text(entry, "parentRatingKey"),
                show_title=text(entry, "parentTitle"),
                show_provider_ids=show_ids,
                season=whole(entry, "index"),
            )
        case MediaKind.EPISODE:
            item = replace(
                item,
                show_id=text(entry, "grandparentRatingKey"),
                show_title=text(entry, "grandparentTitle"),
                show_provider_ids=show_ids,
                season_id=text(entry, "parentRatingKey"),
                season=whole(entry, "parentIndex"),
                episode=whole(entry, "index"),
            )
    if kind.is_container:
        return _container_reading(entry, item)
    # viewCount and viewOffset are left out when they are zero.
    plays = count(entry, "viewCount")
    return Reading(
        item,
        PlayState(
            watched=plays > 0,
            position=_seconds(entry, "viewOffset"),
            play_count=plays,
            last_played=epoch(entry, "lastViewedAt"),
        ),
    )


def parse_play_queue(answer: Json) -> PlayQueue:
    """Read the answer to `POST /playQueues`."""
    queue = container(answer)
    return PlayQueue(
        queue_id=needed_text(queue, "playQueueID"),
        item_id=needed_text(queue, "playQueueSelectedItemID"),
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
    named = [
        text(entry, key)
        for entry in rows(container(answer), "Metadata")[:1]
        for key in ("thumb", "parentThumb", "grandparentThumb")
    ]
    return list(dict.fromkeys(path for path in named if path and _PATH.fullmatch(path)))


def _container_reading(entry: Row, item: Item) -> Reading:
    """Read a show or season: watched when every episode below is.

    Without a count of episodes nothing is known, which is not "unwatched".
    """
    leaves = None if entry.get("leafCount") is None else count(entry, "leafCount")
    seen = None if leaves is None else count(entry, "viewedLeafCount")
    return Reading(
        item,
        PlayState(
            watched=None if leaves is None else leaves > 0 and seen == leaves,
            play_count=count(entry, "viewCount"),
            last_played=epoch(entry, "lastViewedAt"),
        ),
        leaf_count=leaves,
        watched_leaf_count=seen,
    )


def _seconds(entry: Row, key: str) -> float:
    return max(number(entry, key) or 0.0, 0.0) / _MILLISECONDS


def _provider_ids(entry: Row, kind: MediaKind) -> tuple[ProviderIds, ProviderIds]:
    """Return the item's own ids and, as far as the row tells, its show's."""
    own: dict[str, str] = {}
    for guid in rows(entry, "Guid"):
        provider, _, value = (text(guid, "id") or "").partition("://")
        if provider in ("imdb", "tmdb", "tvdb") and value:
            own.setdefault(provider, value)
    show: dict[str, str] = {}
    for key in ("guid", "parentGuid", "grandparentGuid"):
        for provider, value, numbered in _legacy_ids(text(entry, key) or ""):
            if kind in (MediaKind.MOVIE, MediaKind.SHOW):
                if key == "guid" and not numbered:
                    own.setdefault(provider, value)
            elif numbered or key != "guid":
                # Below a show every legacy guid starts with the show's id.
                show.setdefault(provider, value)
    return _ids(own), _ids(show)


def _legacy_ids(guid: str) -> Iterator[tuple[str, str, bool]]:
    """Yield provider, id and whether the numbers of a season or episode follow."""
    if (match := _LEGACY_GUID.match(guid)) is None:
        return
    agent, value = match["agent"], match["value"]
    below = match["below"] is not None
    if (provider := _LEGACY_AGENTS.get(agent)) is not None:
        yield provider, value, below
    elif agent == "xbmcnfo" and value.startswith("tt"):
        yield "imdb", value, below
    elif agent == "hama" and (named := _PREFIXED.fullmatch(value)) is not None:
        yield named["provider"], named["value"], below


def _ids(found: Mapping[str, str]) -> ProviderIds:
    if not found:
        return NO_IDS
    return ProviderIds(
        imdb=found.get("imdb"), tmdb=found.get("tmdb"), tvdb=found.get("tvdb")
    )
