"""Tautulli: the history as its API tells it (`cmd=get_history`), kept as a file.

Described at github.com/Tautulli/Tautulli, API.md, "get_history": the rows are the
`data` of the `data` of the `response`, and name `media_type`, `title`, `year`,
`grandparent_title`, `parent_media_index` and `media_index` (season and episode),
`stopped` and `date` (seconds since 1970), `user`, `friendly_name`, `user_id`, and
`watched_status`: 1 from the part on that Tautulli takes for watched, less below it.
Its export of a library (`export_metadata`) knows the plays of one account only.

The `guid` is Plex's. An agent from before 2019 names an id in it, and for an episode it
is that of its show, such as `com.plexapp.agents.thetvdb://121361/6/1?lang=en`. Today's
`plex://movie/5d77…` names nothing that others know: what has no other id is known by
its title, and the `year` of an episode is not that of its show.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
import re
from typing import Any

from ..identity import NO_IDS, ProviderIds
from .faults import WhoseRows
from .rows import (
    PassedOver,
    Play,
    RowReason,
    Saying,
    episode,
    film,
    id_text,
    moment,
    numbers,
    text,
    year,
)

_NAMED_BY = ("user", "friendly_name", "user_id")

_GUID = re.compile(r"com\.plexapp\.agents\.(?P<agent>[a-z]+)://(?P<value>[^/?]+)")
_AGENTS: Mapping[str, str] = {
    "imdb": "imdb",
    "themoviedb": "tmdb",
    "thetvdb": "tvdb",
    "thetvdbdvdorder": "tvdb",
}


def is_play(entry: Mapping[str, Any]) -> bool:
    """Whether an entry of an array is one of Tautulli's history."""
    return "media_type" in entry and "watched_status" in entry


def users(entries: Iterable[Mapping[str, Any]], user: str | None) -> Collection[str]:
    """Return under which name the rows of *user* are, or of the only one there is.

    Raises `WhoseRows` where that cannot be told.
    """
    names = {_user(one): _names(one) for one in entries}
    if user is None and len(names) <= 1:
        return set(names)
    asked = (user or "").strip().casefold()
    found = {name for name, others in names.items() if asked in others}
    if len(found) != 1:
        raise WhoseRows([name for name in names if name], user)
    return found


def of_users(
    rows: Iterable[tuple[int, object]], wanted: Collection[str]
) -> Iterator[tuple[int, object]]:
    """Yield the rows of the users who are *wanted*, and those that make no sense."""
    for row, entry in rows:
        if not isinstance(entry, dict) or _user(entry) in wanted:
            yield row, entry


def _user(entry: Mapping[str, Any]) -> str:
    """Return whose a row is, empty for one that does not say so."""
    return id_text(entry.get("user")) or ""


def _names(entry: Mapping[str, Any]) -> set[str]:
    """Return all that somebody is called by in a row."""
    return {name.casefold() for one in _NAMED_BY if (name := id_text(entry.get(one)))}


def read(entry: Mapping[str, Any]) -> Sequence[Saying]:
    """Read one row of the history. Raises `ValueError`."""
    title = text(entry.get("title"))
    kind = entry["media_type"]
    if kind not in ("movie", "episode"):
        return [PassedOver(RowReason.OTHER_KIND, title)]
    if entry["watched_status"] != 1:
        return [PassedOver(RowReason.NOT_WATCHED, title)]
    ids = _ids(entry.get("guid"))
    if kind == "movie":
        item = film(title, year(entry.get("year")), ids)
    else:
        item = episode(
            text(entry.get("grandparent_title")),
            *numbers(entry.get("parent_media_index"), entry.get("media_index")),
            title=title,
            show_ids=ids,
        )
    return [Play(item, moment(entry.get("stopped") or entry.get("date")))]


def _ids(guid: object) -> ProviderIds:
    match = _GUID.match(id_text(guid) or "")
    if match is None or match["agent"] not in _AGENTS:
        return NO_IDS
    return ProviderIds.told(**{_AGENTS[match["agent"]]: match["value"]})
