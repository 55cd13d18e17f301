"""Jellyfin's JSON <-> the core's words. Nothing but `Malformed` escapes.

Sources: Jellyfin's OpenAPI description and server source (BaseItemDto,
UserItemDataDto, UpdateUserItemDataDto). Ids are 32 hexadecimal digits, times are
ISO 8601 with seven digits, durations and positions are ticks of 100 ns.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
import re
from types import MappingProxyType
from typing import Final

from ...core.errors import Malformed
from ...core.identity import NO_IDS, Item, MediaKind, ProviderIds
from ...core.play_state import UNKNOWN, PlayState, Reading
from ...core.ports import Library
from ..fields import (
    Json,
    Row,
    as_row,
    count,
    day,
    flag,
    moment,
    needed_text,
    number,
    row,
    rows,
    text,
    whole,
)
from ..listing import Page

#: The name of each kind in `includeItemTypes` and `Type`.
TYPE_NAMES: Final[Mapping[MediaKind, str]] = MappingProxyType(
    {
        MediaKind.MOVIE: "Movie",
        MediaKind.SHOW: "Series",
        MediaKind.SEASON: "Season",
        MediaKind.EPISODE: "Episode",
    }
)

#: What Jellyfin calls itself.
PRODUCT_NAME: Final = "Jellyfin Server"

#: What a library's `CollectionType` says of its contents; without one it is mixed.
_LIBRARY_KINDS: Final[Mapping[str | None, MediaKind | None]] = MappingProxyType(
    {
        "movies": MediaKind.MOVIE,
        "tvshows": MediaKind.SHOW,
        "mixed": None,
        "unknown": None,
        None: None,
    }
)

_KINDS: Final = {name: kind for kind, name in TYPE_NAMES.items()}
_TICKS: Final = 10_000_000
_ID: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
_EMPTY_ID: Final = "0" * 32


@dataclass(frozen=True, slots=True)
class PublicInfo:
    """What a server says about itself to anybody.

    `product` is None where it does not say. `is_starting` is set while a responder
    answers in the server's place, and `is_set_up` once the first-run wizard is through.
    """

    server_id: str
    server_name: str
    version: str
    product: str | None
    is_starting: bool
    is_set_up: bool


@dataclass(frozen=True, slots=True)
class User:
    """The user a token belongs to."""

    user_id: str
    name: str
    server_id: str


def normal_id(value: str) -> str | None:
    """Return an id as Jellyfin writes it, None if it cannot be one.

    One id that is none would make a list of ids match everything.
    """
    plain = value.replace("-", "").lower()
    return plain if _ID.fullmatch(plain) and plain != _EMPTY_ID else None


def version_numbers(version: str) -> tuple[int, ...]:
    """Return the numbers of a version, to be compared: `10.11.2` -> (10, 11, 2)."""
    return tuple(int(part) for part in re.findall(r"\d{1,9}", version, re.ASCII))


def parse_public_info(answer: Json) -> PublicInfo:
    """Read `GET /System/Info/Public`, without the empty pretence of a start.

    From 10.11 on a separate responder answers while the server starts, with the
    same names in camelCase and a made-up StartupWizardCompleted.
    """
    info = as_row(answer, "the answer")
    if "Id" not in info and "version" in info:
        return PublicInfo(
            server_id="",
            server_name="",
            version="",
            product=PRODUCT_NAME,
            is_starting=True,
            is_set_up=True,
        )
    return PublicInfo(
        server_id=needed_text(info, "Id"),
        server_name=text(info, "ServerName") or "",
        version=text(info, "Version") or "",
        product=text(info, "ProductName"),
        is_starting=False,
        is_set_up=flag(info, "StartupWizardCompleted") is not False,
    )


def parse_user(answer: Json) -> User:
    """Read a UserDto, such as that of `GET /Users/Me`."""
    user = as_row(answer, "the user")
    return User(
        user_id=needed_text(user, "Id"),
        name=text(user, "Name") or "",
        server_id=text(user, "ServerId") or "",
    )


def parse_login(answer: Json) -> tuple[str, User]:
    """Read token and user out of an AuthenticationResult."""
    result = as_row(answer, "the answer")
    return needed_text(result, "AccessToken"), parse_user(result.get("User"))


def parse_session_users(answer: Json) -> dict[str, str]:
    """Read `GET /Sessions`: the user's id by the session's, of those that have one."""
    sessions = rows({"sessions": answer}, "sessions")
    return {
        needed_text(session, "Id"): normal_id(user) or user
        for session in sessions
        if (user := text(session, "UserId")) is not None
    }


def parse_page(answer: Json) -> Page:
    """Read a query result.

    Kinds without a play state of ours are left out, and so are episodes that are
    only announced: they have no file and their mark is never kept. (A season is
    virtual as well where it has no folder of its own; its episodes are files.)
    """
    result = as_row(answer, "the answer")
    if "Items" not in result:
        raise Malformed("the answer lists no Items")
    listed = rows(result, "Items")
    return Page(
        [
            found
            for entry in listed
            if (found := parse_row(entry)) is not None
            and not _is_announced(entry, found.item.kind)
        ],
        len(listed),
        count(result, "TotalRecordCount"),
    )


def parse_libraries(answer: Json) -> list[Library]:
    """Read the views of a user that can hold films or shows.

    Collections, playlists, music, channels and live TV are views as well. A channel
    names no `CollectionType`, as a mixed library does not.
    """
    result = as_row(answer, "the answer")
    if "Items" not in result:
        raise Malformed("the answer lists no Items")
    return [
        Library(
            library_id=(view_id := needed_text(entry, "Id")),
            title=text(entry, "Name") or view_id,
            kind=_LIBRARY_KINDS[held],
        )
        for entry in rows(result, "Items")
        if (held := text(entry, "CollectionType")) in _LIBRARY_KINDS
        and text(entry, "Type") != "Channel"
    ]


def parse_folders(answer: Json) -> dict[str, str]:
    """Read a query result with `ParentId`: the folder's id by the item's."""
    result = as_row(answer, "the answer")
    return {
        needed_text(entry, "Id"): folder
        for entry in rows(result, "Items")
        if (folder := text(entry, "ParentId")) is not None
    }


def parse_library_above(answer: Json) -> str | None:
    """Read the ancestors of an item: the id of the library, None if it is in none."""
    for entry in rows({"ancestors": answer}, "ancestors"):
        if text(entry, "Type") == "CollectionFolder":
            return needed_text(entry, "Id")
    return None


def parse_row(entry: Row) -> Reading | None:
    """Read one item, None if it is of no kind that we handle."""
    kind = _KINDS.get(needed_text(entry, "Type"))
    if kind is None:
        return None
    item = Item(
        item_id=needed_text(entry, "Id"),
        kind=kind,
        title=text(entry, "Name") or "",
        year=whole(entry, "ProductionYear"),
        provider_ids=_provider_ids(entry),
        duration=_seconds(entry, "RunTimeTicks") or None,
        aired=day(entry, "PremiereDate"),
    )
    match kind:
        case MediaKind.SEASON:
            item = replace(
                item,
                show_id=text(entry, "SeriesId"),
                show_title=text(entry, "SeriesName"),
                season=whole(entry, "IndexNumber"),
            )
        case MediaKind.EPISODE:
            episode = whole(entry, "IndexNumber")
            end = whole(entry, "IndexNumberEnd")
            item = replace(
                item,
                show_id=text(entry, "SeriesId"),
                show_title=text(entry, "SeriesName"),
                season_id=text(entry, "SeasonId"),
                season=whole(entry, "ParentIndexNumber"),
                episode=episode,
                episode_end=None if end == episode else end,
            )
    user_data = row(entry, "UserData")
    state = UNKNOWN if user_data is None else _play_state(user_data)
    if not kind.is_container:
        return Reading(item, state)
    return _container_reading(entry, item, state)


def date_played(at: datetime) -> str:
    """Write a moment as the server reads it; without the Z it would be local time."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def ticks(seconds: float) -> int:
    """Return *seconds* as ticks, never fewer than none."""
    return max(round(seconds * _TICKS), 0)


def _play_state(user_data: Row) -> PlayState:
    return PlayState(
        watched=flag(user_data, "Played"),
        position=_seconds(user_data, "PlaybackPositionTicks"),
        # Counted at the start of a playback: a count alone is no "watched".
        play_count=count(user_data, "PlayCount"),
        last_played=moment(user_data, "LastPlayedDate"),
    )


def _is_announced(entry: Row, kind: MediaKind) -> bool:
    return kind is MediaKind.EPISODE and text(entry, "LocationType") == "Virtual"


def _container_reading(entry: Row, item: Item, state: PlayState) -> Reading:
    """Read a show or season, whose flag is computed from the episodes below.

    One without episodes is reported as played; nothing below it is.
    """
    leaves = whole(entry, "RecursiveItemCount")
    user_data = row(entry, "UserData")
    unplayed = None if user_data is None else whole(user_data, "UnplayedItemCount")
    seen = None
    if leaves is not None and unplayed is not None:
        seen = max(leaves - unplayed, 0)
    watched = False if leaves == 0 and state.watched is not None else state.watched
    return Reading(
        item,
        PlayState(watched=watched),
        leaf_count=leaves,
        watched_leaf_count=seen,
    )


def _seconds(entry: Row, key: str) -> float:
    return max(number(entry, key) or 0.0, 0.0) / _TICKS


def _provider_ids(entry: Row) -> ProviderIds:
    ids = row(entry, "ProviderIds")
    if not ids:
        return NO_IDS
    # Plugins write the names in cases of their own.
    found = {key.lower(): text(ids, key) for key in ids}
    return ProviderIds(
        imdb=found.get("imdb"), tmdb=found.get("tmdb"), tvdb=found.get("tvdb")
    )
