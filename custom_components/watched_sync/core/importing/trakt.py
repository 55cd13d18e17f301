"""Trakt's own export: the JSON files of the archive from trakt.tv/settings/data.

Trakt describes the answers of its API (trakt.docs.apiary.io, "history" and "watched"
of "users" and "sync"), and the files of the archive hold the same: `watched-history-1`,
`-2` … have one entry a play,

    {"id": 1, "watched_at": "2014-04-05T15:27:00.000Z", "action": "scrobble",
     "type": "movie", "movie": {"title": …, "year": …, "ids": {"imdb": "tt0468569",
     "tmdb": 155, "trakt": 120, "slug": …}}}

and of `"type": "episode"` an `"episode"` {`season`, `number`, `title`, `ids`} and its
`"show"`. `watched-movies` has one entry a film, with `plays` and `last_watched_at`, and
`watched-shows` one a show, in which the episodes are named as `seasons` [{`number`,
`episodes` [{`number`, `plays`, `last_watched_at`}]}], if at all. Where somebody told
Trakt no date it is null or the first second of 1970. The files for ratings, lists and
collections have neither of the two dates.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..identity import Item, ProviderIds
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

_DATES = ("watched_at", "last_watched_at")
_WORKS = ("movie", "episode", "show")


def is_play(entry: Mapping[str, Any]) -> bool:
    """Whether an entry of an array is one of Trakt's history."""
    return any(one in entry for one in _DATES) and any(one in entry for one in _WORKS)


def read(entry: Mapping[str, Any]) -> Sequence[Saying]:
    """Read one entry of the history. Raises `ValueError` and `KeyError`."""
    if "movie" in entry:
        movie = mapping(entry["movie"])
        item = film(text(movie.get("title")), year(movie.get("year")), _ids(movie))
        return [_play(item, entry)]
    if "episode" in entry:
        return [
            _play(_episode(mapping(entry["show"]), mapping(entry["episode"])), entry)
        ]
    if "show" in entry:
        return list(_episodes(mapping(entry["show"]), entry.get("seasons")))
    return [PassedOver(RowReason.OTHER_KIND)]


def _episodes(show: Mapping[str, Any], seasons: object) -> Iterator[Saying]:
    if not seasons:
        yield PassedOver(RowReason.WHOLE_SHOW, text(show.get("title")), _ids(show))
        return
    for season in map(mapping, rows(seasons)):
        for entry in map(mapping, rows(season.get("episodes"))):
            numbered = {"season": season.get("number"), "number": entry.get("number")}
            yield _play(_episode(show, numbered), entry)


def _episode(show: Mapping[str, Any], entry: Mapping[str, Any]) -> Item:
    return episode(
        text(show.get("title")),
        *numbers(entry.get("season"), entry.get("number")),
        show_year=year(show.get("year")),
        title=text(entry.get("title")),
        ids=_ids(entry),
        show_ids=_ids(show),
    )


def _play(item: Item, entry: Mapping[str, Any]) -> Play:
    at = entry.get("watched_at", entry.get("last_watched_at"))
    return Play(item, moment(at))


def _ids(entry: Mapping[str, Any]) -> ProviderIds:
    ids = mapping(entry.get("ids") or {})
    return ProviderIds.told(
        *(id_text(ids.get(one)) for one in ("imdb", "tmdb", "tvdb"))
    )
