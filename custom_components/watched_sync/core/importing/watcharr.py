"""Watcharr: the file `watcharr-export.json` of its profile page.

It is the answer of `/api/watched`, described by github.com/sbondCo/Watcharr in
server/watched.go, watched_episodes.go, content.go and activity.go: one object a title,
with its `status` (`FINISHED`, `WATCHING`, `PLANNED`, `HOLD`, `DROPPED`), the `content`
{`type` `movie` or `tv`, `tmdbId`, `imdb_id`, `title`, `release_date`} or a `game`, the
`watchedEpisodes` [{`seasonNumber`, `episodeNumber`, `status`, `createdAt`}] of a show,
and the `activity` [{`type`, `data`, `createdAt`, `customDate`}] that led to it.

The date of a film is the latest that its activity names for it: a `customDate` was set
by hand or came with an import. A show that is finished names no episodes by that.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from ..identity import ProviderIds
from ..members import mapping, rows
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

_FINISHED = "FINISHED"
_WATCHED_BY = ("ADDED_WATCHED", "STATUS_CHANGED", "IMPORTED_ADDED_WATCHED")


def is_play(entry: Mapping[str, Any]) -> bool:
    """Whether an entry of an array is one of Watcharr's titles."""
    return (
        "status" in entry
        and "activity" in entry
        and ("content" in entry or "game" in entry)
    )


def read(entry: Mapping[str, Any]) -> Sequence[Saying]:
    """Read one title. Raises `ValueError`."""
    if "content" not in entry:
        return [PassedOver(RowReason.OTHER_KIND)]
    content = mapping(entry["content"])
    if content["type"] == "tv":
        return list(_episodes(entry, content))
    if content["type"] != "movie":
        return [PassedOver(RowReason.OTHER_KIND, text(content.get("title")))]
    if entry["status"] != _FINISHED:
        return [PassedOver(RowReason.NOT_WATCHED, text(content.get("title")))]
    item = film(text(content.get("title")), _year(content), _ids(content))
    return [Play(item, _watched_at(entry))]


def _episodes(entry: Mapping[str, Any], content: Mapping[str, Any]) -> Iterator[Saying]:
    title, ids = text(content.get("title")), _ids(content)
    episodes = [mapping(one) for one in rows(entry.get("watchedEpisodes") or [])]
    if entry["status"] == _FINISHED and not episodes:
        yield PassedOver(RowReason.WHOLE_SHOW, title, ids)
    for one in episodes:
        if one.get("status") != _FINISHED:
            yield PassedOver(RowReason.NOT_WATCHED, title, ids)
            continue
        place = numbers(one.get("seasonNumber"), one.get("episodeNumber"))
        item = episode(title, *place, show_year=_year(content), show_ids=ids)
        yield Play(item, moment(one.get("createdAt")), is_entry_date=True)


def _watched_at(entry: Mapping[str, Any]) -> datetime | None:
    dates = [
        moment(one.get("customDate") or one.get("createdAt"))
        for one in map(mapping, rows(entry["activity"] or []))
        if str(one.get("type")).startswith(_WATCHED_BY)
    ]
    return max((one for one in dates if one is not None), default=None)


def _year(content: Mapping[str, Any]) -> int | None:
    return year(text(content.get("release_date"))[:4])


def _ids(content: Mapping[str, Any]) -> ProviderIds:
    return ProviderIds.told(id_text(content.get("imdb_id")), id_text(content["tmdbId"]))
