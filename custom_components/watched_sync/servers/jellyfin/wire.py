"""Jellyfin's JSON <-> the core's words. Nothing but `Malformed` escapes.

A listing without the form of one is `Malformed`. An odd row of it is left out, and an
odd member of a row is unknown; `Oddities` counts them.

Sources: Jellyfin's OpenAPI description and server source (BaseItemDto,
UserItemDataDto, UpdateUserItemDataDto). Ids are 32 hexadecimal digits, times are
ISO 8601 with seven digits, durations and positions are ticks of 100 ns.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
import re
from types import MappingProxyType
from typing import Final

from ...core.errors import Malformed
from ...core.identity import Item, MediaKind, ProviderIds
from ...core.play_state import UNKNOWN, PlayState, Reading
from ...core.ports import Library, Told
from ..fields import (
    Json,
    Oddities,
    Row,
    as_row,
    count,
    day,
    entries,
    flag,
    identifier,
    moment,
    name,
    needed_text,
    ordinal,
    row,
    seconds,
    secret,
    tally,
    text,
    texts,
    title,
    total,
    year,
)
from ..listing import ListingPage

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

#: Where the name of a film ends in that of a file.
_FILE_LABEL: Final = re.compile(r"\s+-\s|\s*\(\d{4}\)|\s+\[", re.ASCII)

#: Writes an id as the server does; None for what cannot be one.
type NormalId = Callable[[str], str | None]


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
    odd = Oddities()
    return PublicInfo(
        server_id=identifier(info, "Id"),
        server_name=odd.read(name, info, "ServerName") or "",
        version=odd.read(name, info, "Version") or "",
        product=text(info, "ProductName"),
        is_starting=False,
        is_set_up=odd.read(flag, info, "StartupWizardCompleted") is not False,
    )


def parse_user(answer: Json) -> User:
    """Read a UserDto, such as that of `GET /Users/Me`."""
    user = as_row(answer, "the user")
    return User(
        user_id=identifier(user, "Id"),
        name=Oddities().read(name, user, "Name") or "",
        server_id=text(user, "ServerId") or "",
    )


def parse_login(answer: Json) -> tuple[str, User]:
    """Read token and user out of an AuthenticationResult."""
    result = as_row(answer, "the answer")
    if (token := secret(result, "AccessToken")) is None:
        raise Malformed("AccessToken is missing")
    return token, parse_user(result.get("User"))


def parse_session_users(answer: Json) -> dict[str, str]:
    """Read `GET /Sessions`: the user's id by the session's, of those that have one."""

    def parse(session: Row) -> tuple[str, str] | None:
        if session.get("UserId") is None:
            return None
        user = identifier(session, "UserId")
        return identifier(session, "Id"), normal_id(user) or user

    return dict(Oddities().rows(parse, entries({"sessions": answer}, "sessions")))


def parse_page(
    answer: Json,
    odd: Oddities,
    most: int | None = None,
    *,
    item_id: NormalId = normal_id,
    library: str | None = None,
) -> ListingPage:
    """Read a query result, of one *library* or of any.

    Kinds without a play state of ours are left out, and so are episodes that are
    only announced: they have no file and their mark is never kept. (A season is
    virtual as well where it has no folder of its own; its episodes are files.) Rows
    beyond *most*, which is how many were asked for, are not looked at.
    """

    def parse(entry: Row) -> Reading | None:
        found = parse_row(entry, odd, item_id=item_id, library=library)
        is_episode = found is not None and found.item.kind is MediaKind.EPISODE
        is_announced = odd.read(text, entry, "LocationType") == "Virtual"
        return None if is_episode and is_announced else found

    result = as_row(answer, "the answer")
    if "Items" not in result:
        raise Malformed("the answer lists no Items")
    listed = entries(result, "Items")[:most]
    readings = odd.rows(parse, listed)
    return ListingPage(
        [one for one in readings if one.item.kind is not MediaKind.UNKNOWN],
        len(listed),
        odd.read(total, result, "TotalRecordCount"),
        [one for one in readings if one.item.kind is MediaKind.UNKNOWN],
        texts(listed, "Id"),
    )


def parse_libraries(
    answer: Json, odd: Oddities, *, item_id: NormalId = normal_id
) -> list[Library]:
    """Read the views of a user that can hold films or shows.

    Collections, playlists, music, channels and live TV are views as well. A channel
    names no `CollectionType`, as a mixed library does not.
    """

    def parse(entry: Row) -> Library | None:
        held = text(entry, "CollectionType")
        if held not in _LIBRARY_KINDS or odd.read(text, entry, "Type") == "Channel":
            return None
        view_id = _needed_id(entry, "Id", item_id)
        called = odd.read(name, entry, "Name") or view_id
        return Library(view_id, called, _LIBRARY_KINDS[held])

    result = as_row(answer, "the answer")
    if "Items" not in result:
        raise Malformed("the answer lists no Items")
    return odd.rows(parse, entries(result, "Items"))


def parse_folders(
    answer: Json, odd: Oddities, *, item_id: NormalId = normal_id
) -> dict[str, str]:
    """Read a query result with `ParentId`: the folder's id by the item's."""

    def parse(entry: Row) -> tuple[str, str] | None:
        if (folder := item_id(odd.read(text, entry, "ParentId") or "")) is None:
            return None
        return _needed_id(entry, "Id", item_id), folder

    result = as_row(answer, "the answer")
    return dict(odd.rows(parse, entries(result, "Items")))


def parse_files(
    answer: Json, odd: Oddities, *, item_id: NormalId = normal_id
) -> list[str]:
    """Read the ids of the files that an item consists of out of the item itself."""
    found = entries(as_row(answer, "the item"), "MediaSources")
    return odd.rows(lambda entry: _needed_id(entry, "Id", item_id), found)


def parse_listed_files(
    answer: Json, odd: Oddities, *, item_id: NormalId = normal_id
) -> dict[str, list[str]]:
    """Read a query result with `MediaSources`: the ids of the files by the item's."""

    def parse(entry: Row) -> tuple[str, list[str]]:
        files = parse_files(entry, odd, item_id=item_id)
        return _needed_id(entry, "Id", item_id), files

    result = as_row(answer, "the answer")
    return dict(odd.rows(parse, entries(result, "Items")))


def parse_states(
    answer: Json, odd: Oddities, *, item_id: NormalId = normal_id
) -> dict[str, PlayState]:
    """Read the play states out of a query result, of items of whatever kind."""

    def parse(entry: Row) -> tuple[str, PlayState] | None:
        if (user_data := odd.read(row, entry, "UserData")) is None:
            return None
        return _needed_id(entry, "Id", item_id), _play_state(user_data, odd)

    result = as_row(answer, "the answer")
    return dict(odd.rows(parse, entries(result, "Items")))


def parse_video(answer: Json, odd: Oddities) -> tuple[str, ProviderIds]:
    """Read what a file is called that is a video of its own, and the ids it bears.

    It has the ids of its film, and a name that begins as the film's and ends in what
    tells the files apart: `Alien (1979) - 1080p`.
    """
    video = as_row(answer, "the item")
    called = odd.read(title, video, "Name") or ""
    return _FILE_LABEL.split(called)[0].strip() or called, _provider_ids(video, odd)


def parse_library_above(
    answer: Json, odd: Oddities, *, item_id: NormalId = normal_id
) -> str | None:
    """Read the ancestors of an item: the id of the library, None if it is in none."""

    def parse(entry: Row) -> str | None:
        if text(entry, "Type") != "CollectionFolder":
            return None
        return _needed_id(entry, "Id", item_id)

    found = odd.rows(parse, entries({"ancestors": answer}, "ancestors"))
    return found[0] if found else None


def parse_row(
    entry: Row,
    odd: Oddities,
    *,
    item_id: NormalId = normal_id,
    library: str | None = None,
) -> Reading | None:
    """Read one item, None if it is of no kind that we handle.

    One whose kind cannot be read is of unknown kind and state. *library* is the one a
    whole listing belongs to.
    """

    def other(key: str) -> str | None:
        """Return the id of what the item belongs to, None for what cannot be one."""
        return item_id(odd.read(text, entry, key) or "")

    own_id = _needed_id(entry, "Id", item_id)
    called = odd.read(title, entry, "Name") or ""
    if (type_name := odd.read(needed_text, entry, "Type")) is None:
        return Reading(Item(own_id, MediaKind.UNKNOWN, called), UNKNOWN)
    if (kind := _KINDS.get(type_name)) is None:
        return None
    item = Item(
        item_id=own_id,
        kind=kind,
        title=called,
        year=odd.read(year, entry, "ProductionYear"),
        provider_ids=_provider_ids(entry, odd),
        duration=odd.read(_length, entry, "RunTimeTicks") or None,
        library_id=library,
        aired=odd.read(day, entry, "PremiereDate"),
    )
    match kind:
        case MediaKind.SEASON:
            item = replace(
                item,
                show_id=other("SeriesId"),
                show_title=odd.read(title, entry, "SeriesName"),
                season=odd.read(ordinal, entry, "IndexNumber"),
            )
        case MediaKind.EPISODE:
            episode = odd.read(ordinal, entry, "IndexNumber")
            end = odd.read(ordinal, entry, "IndexNumberEnd")
            item = replace(
                item,
                show_id=other("SeriesId"),
                show_title=odd.read(title, entry, "SeriesName"),
                season_id=other("SeasonId"),
                season=odd.read(ordinal, entry, "ParentIndexNumber"),
                episode=episode,
                episode_end=None if end == episode else end,
            )
    user_data = odd.read(row, entry, "UserData")
    state = UNKNOWN if user_data is None else _play_state(user_data, odd)
    if not kind.is_container:
        files = odd.read(tally, entry, "MediaSourceCount") or 1
        return Reading(item, state, has_more_files=files > 1)
    leaves = odd.read(tally, entry, "RecursiveItemCount")
    unplayed = odd.read(tally, user_data or {}, "UnplayedItemCount")
    return _container_reading(item, state, leaves, unplayed)


def parse_told(user_data: Row) -> Told | None:
    """Read what a notification says of an item; None if it makes no sense.

    Of a folder, show or season it is how many episodes are left.
    """
    odd = Oddities()
    state = _play_state(user_data, odd)
    unwatched = odd.read(tally, user_data, "UnplayedItemCount")
    if state.watched is None or odd.counts:
        return None
    return Told(state if unwatched is None else PlayState(state.watched), unwatched)


def date_played(at: datetime) -> str:
    """Write a moment as the server reads it; without the Z it would be local time."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def ticks(duration: float) -> int:
    """Return *duration* in seconds as ticks, never fewer than none."""
    return max(round(duration * _TICKS), 0)


def _play_state(user_data: Row, odd: Oddities) -> PlayState:
    position = odd.read(_offset, user_data, "PlaybackPositionTicks")
    return PlayState(
        watched=odd.read(flag, user_data, "Played"),
        position=position or 0.0,
        hides_position=position is None,
        # Counted at the start of a playback: a count alone is no "watched".
        play_count=odd.read(count, user_data, "PlayCount") or 0,
        last_played=odd.played(moment, user_data, "LastPlayedDate"),
    )


def _container_reading(
    item: Item, state: PlayState, leaves: int | None, unplayed: int | None
) -> Reading:
    """Read a show or season, whose flag is computed from the episodes below.

    One without episodes is reported as played (Jellyfin 10.11 between the first scan
    of a show and the next, seen on a real server); nothing is known of it.
    """
    seen = None
    if leaves is not None and unplayed is not None:
        seen = max(leaves - unplayed, 0)
    watched = None if leaves == 0 else state.watched
    return Reading(
        item,
        PlayState(watched=watched),
        leaf_count=leaves,
        watched_leaf_count=seen,
    )


def _length(entry: Row, key: str) -> float | None:
    return seconds(entry, key, _TICKS)


def _offset(entry: Row, key: str) -> float:
    return _length(entry, key) or 0.0


def _needed_id(entry: Row, key: str, item_id: NormalId) -> str:
    if (normal := item_id(needed_text(entry, key))) is None:
        raise Malformed(f"{key} is no id of this server")
    return normal


def _provider_ids(entry: Row, odd: Oddities) -> ProviderIds:
    ids = odd.read(row, entry, "ProviderIds") or {}
    # Plugins write the names in cases of their own.
    found = {
        provider: odd.read(text, ids, key)
        for key in ids
        if (provider := key.lower()) in ("imdb", "tmdb", "tvdb")
    }
    return ProviderIds.told(**found)
