"""Naming what a media player plays, or played last, on lanes.

A player of the Plex or Jellyfin integration says which item of which server it plays,
and in whose session: that user's lane is meant, and no other. Other players say what
they play in words, and sometimes by an id; whose session it is nobody knows, so that
names it as a title would. Whatever is not certain is an error.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

from homeassistant.components.media_player import MediaType
from homeassistant.const import CONF_URL
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util

from ..const import (
    CONF_KIND,
    CONF_SERVER_ID,
    KIND_EMBY,
    KIND_JELLYFIN,
    KIND_PLEX,
)
from ..core.identity import Item, MediaKind, ProviderIds
from ..core.matching import contradict
from ..failures import invalid
from ..players.memory import Played, async_get_memory
from ..players.whose import SEPARATORS, is_client_of, is_of_emby_user, lanes_of_session
from ..runtime import WatchedSyncConfigEntry
from .asking import CannotAsk, async_read
from .found import LaneItem, Skipped, nothing_found
from .known import async_known_items
from .names import Fit, ItemName, parse_external_id, title_words
from .resolving import async_resolve_id, async_resolve_words
from .shows import async_descend

#: How long ago something may have ended that a player is still named for.
MAX_AGE: Final = timedelta(hours=6)

#: Episodes in one file that are all meant; more is not believed.
_MAX_EPISODES: Final = 5

#: Part of its length by which a film may differ from what was played: other cuts do,
#: and trailers more than that.
_LENGTH_TOLERANCE: Final = 0.25


#: Errors after which something else than ids may name what is played.
_LED_NOWHERE: Final = (
    "nothing_found",
    "only_similar",
    "cannot_look_up",
    "still_looking",
)

_EPISODES: Final = (MediaType.EPISODE, MediaType.TVSHOW)
_PLEX_ID: Final = re.compile(
    r"(?:plex|server)://(?P<server>[^/]+)/"
    r"(?:com\.plexapp\.plugins\.library/library/metadata/)?(?P<id>[0-9]+)"
)
_PLEX_PATH: Final = re.compile(r"/library/metadata/(?P<id>[0-9]+)(?:/.*)?")
_JELLYFIN_MEDIA: Final = re.compile(r"media-source://jellyfin/(?P<id>[0-9a-fA-F]{32})")
_JELLYFIN_PATH: Final = re.compile(
    r".*/(?:videos|items)/(?P<id>[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
    r"(?:/.*)?",
    re.IGNORECASE,
)
_EMBY_PATH: Final = re.compile(
    r".*/(?:videos|items)/(?P<id>[0-9]+)(?:/.*)?", re.IGNORECASE
)


@callback
def async_plays(hass: HomeAssistant, entity_id: str) -> bool:
    """Whether a player plays something at this moment."""
    played = async_get_memory(hass).last(entity_id)
    return played is not None and played.ended_at is None


async def async_resolve_player(
    hass: HomeAssistant,
    entity_id: str,
    lanes: Sequence[WatchedSyncConfigEntry],
    *,
    chosen: bool = False,
) -> list[LaneItem]:
    """Return what a player plays, or played last in the past six hours.

    These are all copies of one film or episode, or the episodes of one file.
    With *chosen* somebody said that it is for *lanes*: all of those are meant, as long
    as one of them is of the user who plays, or who that is cannot be known. Raises a
    translated `ServiceValidationError`.
    """
    memory = async_get_memory(hass)
    played = memory.last(entity_id)
    if (
        played is None
        and hass.states.get(entity_id) is None
        and er.async_get(hass).async_get(entity_id) is None
    ):
        raise invalid("entity_not_found", entity_id=entity_id)
    if (
        played is not None
        and played.ended_at is not None
        and dt_util.utcnow() - played.ended_at > MAX_AGE
    ):
        raise invalid(
            "player_played_long_ago",
            entity_id=entity_id,
            hours=str(int(MAX_AGE / timedelta(hours=1))),
        )
    return await async_resolve_played(hass, entity_id, played, lanes, chosen=chosen)


async def async_resolve_played(
    hass: HomeAssistant,
    entity_id: str,
    played: Played | None,
    lanes: Sequence[WatchedSyncConfigEntry],
    *,
    chosen: bool = False,
) -> list[LaneItem]:
    """Return what *played* is on *lanes*, as `async_resolve_player`, at any age."""
    registered = er.async_get(hass).async_get(entity_id)
    platform = registered.platform if registered else ""
    separator = SEPARATORS.get(platform)
    on_server: list[WatchedSyncConfigEntry] = []
    if registered is not None and separator is not None:
        on_server = [
            entry for entry in lanes if is_client_of(registered, entry) is not None
        ]
        if not on_server and not chosen:
            raise invalid("player_of_other_server", entity_id=entity_id)
    elif platform == KIND_EMBY:
        lanes = [entry for entry in lanes if is_of_emby_user(entry, played)]
        if not lanes:
            raise invalid("player_of_other_server", entity_id=entity_id)
    if played is None:
        raise invalid("player_plays_nothing", entity_id=entity_id)
    if not played.playable:
        raise invalid("player_plays_nothing", entity_id=entity_id)
    if not played.is_named:
        raise invalid("player_plays_nameless", entity_id=entity_id)
    targets: list[LaneItem] = []
    if registered is not None and on_server:
        if played.content_id is None or played.content_type not in (
            MediaType.MOVIE,
            *_EPISODES,
        ):
            raise invalid("player_plays_nothing", entity_id=entity_id)
        for entry in await lanes_of_session(
            hass, registered, played, on_server, chosen=chosen
        ):
            target = await async_resolve_id(entry, played.content_id, played.title)
            if _may_be(played, target.item):
                targets.append(target)
            else:
                targets += await _by_what_it_says(entity_id, played, [entry])
    elsewhere = [entry for entry in lanes if entry not in on_server]
    if separator is None or (chosen and elsewhere):
        try:
            targets += await _by_what_it_says(entity_id, played, elsewhere)
        except ServiceValidationError:
            # On a server of its own it is named already.
            if not targets:
                raise
    return targets


# --- by what it says ------------------------------------------------------------


async def _by_what_it_says(
    entity_id: str, played: Played, lanes: Sequence[WatchedSyncConfigEntry]
) -> list[LaneItem]:
    """Return what a player names by an id, or else in words."""
    targets = [
        target
        for entry in lanes
        if (target := await _by_content_id(entry, played.content_id or "")) is not None
        and _may_be(played, target.item)
    ]
    if targets:
        return targets
    if played.content_type in _EPISODES or (
        played.series_title and played.episode is not None
    ):
        return await _episodes(entity_id, played, lanes)
    return await _movies(entity_id, played, lanes)


def _may_be(played: Played, item: Item) -> bool:
    """Whether *item*, under the id a player gave, can be what was played then.

    A player is remembered for long, and its server may give the id to another work.
    """
    named = Item(
        item.item_id,
        item.kind,
        played.title or "",
        duration=played.duration,
        show_title=played.series_title,
        season=played.season,
        episode=played.episode,
    )
    return named.is_still(item)


async def _by_content_id(
    entry: WatchedSyncConfigEntry, content_id: str
) -> LaneItem | None:
    """Return the item a content id names for certain on this lane's server.

    A number counts at the server's own address only. An id of Jellyfin's is made from
    the file's path and so is the server's own, but that has to know it.
    """
    kind = entry.data[CONF_KIND]
    if kind == KIND_PLEX and (match := _PLEX_ID.fullmatch(content_id)):
        if match["server"] == entry.data[CONF_SERVER_ID]:
            return await async_resolve_id(entry, match["id"])
        return None
    if kind == KIND_JELLYFIN and (match := _JELLYFIN_MEDIA.match(content_id)):
        return await _if_known(entry, match["id"].lower())
    try:
        url = urlsplit(content_id)
        own = _origin(url) == _origin(urlsplit(entry.data[CONF_URL]))
    except ValueError:
        return None  # no address at all
    if url.scheme not in ("http", "https"):
        return None
    if kind == KIND_JELLYFIN and (match := _JELLYFIN_PATH.fullmatch(url.path)):
        return await _if_known(entry, match["id"].lower().replace("-", ""))
    number = _PLEX_PATH if kind == KIND_PLEX else _EMBY_PATH
    if own and kind != KIND_JELLYFIN and (match := number.fullmatch(url.path)):
        return await async_resolve_id(entry, match["id"])
    return None


def _origin(url: SplitResult) -> tuple[str | None, int | None]:
    return url.hostname, url.port or {"http": 80, "https": 443}.get(url.scheme)


async def _if_known(entry: WatchedSyncConfigEntry, item_id: str) -> LaneItem | None:
    """Return an item if this lane's server has it."""
    if known := await async_known_items(entry, [item_id]):
        return known[item_id]
    try:
        reading = await async_read(entry, item_id)
    except CannotAsk:
        return None
    return None if reading is None else LaneItem(entry, reading.item, reading)


async def _episodes(
    entity_id: str, played: Played, lanes: Sequence[WatchedSyncConfigEntry]
) -> list[LaneItem]:
    """Return the episodes a player names by ids, or by show, season and number."""
    words = _words_by_ids(played, (MediaKind.EPISODE, MediaKind.SHOW))
    error: ServiceValidationError | None = None
    by_words: list[LaneItem] = []
    if played.series_title and played.season is not None and played.episode is not None:
        show = title_words(played.series_title, None, (MediaKind.SHOW,))
        try:
            by_words = await _numbered(entity_id, played, lanes, show)
        except ServiceValidationError as err:
            error = err
    elif words is None:
        raise _unclear(entity_id, played)
    if words is not None and words.ids is not None:
        # The episodes of the show are the cheapest place to look for the ids.
        items = [target.item for target in by_words]
        if not any(is_named_by(item, words.ids) for item in items):
            try:
                return await _numbered(entity_id, played, lanes, words)
            except ServiceValidationError as err:
                if err.translation_key not in _LED_NOWHERE:
                    raise
                error = error or err
        agreeing = {item.item_id for item in not_contradicting(items, words.ids)}
        by_words = [one for one in by_words if one.item.item_id in agreeing]
    if by_words:
        return by_words
    raise error or nothing_found(_name(played), ())


def is_named_by(item: Item, ids: ProviderIds) -> bool:
    """Whether ids that a player gives for an episode are its own or its show's."""
    return item.provider_ids.matches(ids) or item.show_provider_ids.matches(ids)


def not_contradicting(items: Sequence[Item], ids: ProviderIds) -> list[Item]:
    """Return what words led to, as far as the *ids* given say nothing else.

    Of several episodes in one file, ids name one: the first, if it is none of them.
    """
    if not items:
        return []
    if any(item.show_provider_ids.matches(ids) for item in items):
        return [item for item in items if not contradict(item.show_provider_ids, ids)]
    named = {item.episode for item in items if item.provider_ids.matches(ids)}
    named = named or {items[0].episode}
    kept = [
        item
        for item in items
        if item.episode not in named or not contradict(item.provider_ids, ids)
    ]
    return kept if any(item.episode in named for item in kept) else []


def _unclear(entity_id: str, played: Played) -> ServiceValidationError:
    """Return the error for a player that does not say which episode it plays."""
    if played.series_title is None:
        return invalid("player_not_supported", entity_id=entity_id)
    return invalid(
        "player_plays_unknown_episode", entity_id=entity_id, name=played.series_title
    )


def _name(played: Played) -> str:
    if played.series_title is None or played.season is None or played.episode is None:
        return played.title or played.content_id or "?"
    return f"{played.series_title} S{played.season:02}E{played.episode:02}"


async def _numbered(
    entity_id: str,
    played: Played,
    lanes: Sequence[WatchedSyncConfigEntry],
    words: ItemName,
) -> list[LaneItem]:
    """Return the episodes that *words* name, or those played of the show they name."""
    found = await async_resolve_words(lanes, words, ())
    if found.targets[0].item.kind is not MediaKind.SHOW:
        return found.targets
    if played.season is None or played.episode is None:
        raise _unclear(entity_id, played)
    last = min(played.episode_end or played.episode, played.episode + _MAX_EPISODES - 1)
    episodes: dict[tuple[str, str], LaneItem] = {}
    skipped = list(found.skipped)
    for show in found.targets:
        for number in range(played.episode, last + 1):
            try:
                below = await async_descend(show, played.season, number)
            except CannotAsk as err:
                skipped.append(Skipped(show.entry, err.reason, show.item))
                break
            for target in below:
                episodes[target.entry.entry_id, target.item.item_id] = target
    targets = [
        target for target in episodes.values() if not _is_preview(played, target.item)
    ]
    if not targets:
        raise nothing_found(_name(played), skipped)
    return targets


async def _movies(
    entity_id: str, played: Played, lanes: Sequence[WatchedSyncConfigEntry]
) -> list[LaneItem]:
    """Return the film a player names by ids, or by its title."""
    title = played.title or ""
    words = title_words(title, None, (MediaKind.MOVIE,))
    is_sure = played.content_type == MediaType.MOVIE or words.said_year is not None
    if not is_sure and played.duration is None:
        # Any video may bear the title of a film.
        words = replace(words, title="")
    if (by_ids := _words_by_ids(played, (MediaKind.MOVIE,))) is not None:
        words = replace(by_ids, title=words.title)
    elif not words.title:
        raise invalid("player_not_supported", entity_id=entity_id)
    targets = [
        target
        for target in (await async_resolve_words(lanes, words, ())).targets
        if words.fit(target.item) is Fit.BY_ID
        or (
            not _is_other_film(played, target.item)
            and (is_sure or target.item.duration is not None)
        )
    ]
    if not targets:
        raise nothing_found(words.name, ())
    return targets


def _words_by_ids(played: Played, kinds: tuple[MediaKind, ...]) -> ItemName | None:
    """Return words for the ids of databases that a player gives, None without any."""
    hint = played.title or ""
    if ids := ProviderIds.told(**played.ids):
        # They are of what is played, so never those of a show.
        return ItemName(hint or "?", kinds[:1], ids=ids, hint=hint)
    try:
        meant, ids = parse_external_id(played.content_id or "")
    except ServiceValidationError:
        return None
    # Without a kind only IMDb is sure not to mean two things by one number.
    is_any = len(meant) > 1 and not ids.imdb
    kinds = tuple(one for one in (kinds[:1] if is_any else kinds) if one in meant)
    return (
        ItemName(hint or played.content_id or "", kinds, ids=ids, hint=hint)
        if kinds
        else None
    )


def _is_preview(played: Played, item: Item) -> bool:
    """Whether what was played is too short to be this episode."""
    if played.duration is None or item.duration is None:
        return False
    return played.duration < item.duration / 2


def _is_other_film(played: Played, item: Item) -> bool:
    """Whether what was played cannot be this film, for its length: a trailer, say."""
    if played.duration is None or item.duration is None:
        return False
    return abs(played.duration - item.duration) > _LENGTH_TOLERANCE * item.duration
