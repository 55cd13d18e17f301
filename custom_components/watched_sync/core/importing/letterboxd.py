"""Letterboxd: its export, and the table that it takes in.

The archive from letterboxd.com/settings/data has (seen in exports that others publish)

    diary.csv    Date,Name,Year,Letterboxd URI,Rating,Rewatch,Tags,Watched Date
    reviews.csv  the same, with Review
    ratings.csv  Date,Name,Year,Letterboxd URI,Rating
    watched.csv  Date,Name,Year,Letterboxd URI

in which `Date` is the day of the entry, and `Watched Date` that of the play. There are
no ids. `watchlist.csv` and `likes/films.csv` have the columns of `watched.csv`: only
the name of the file says what it lists. The folders `deleted`, `orphaned`, `lists` and
`likes` hold files that are called the same and are no history.

What Letterboxd takes in (letterboxd.com/about/importing-data), which many programs
write, has a `Title`, a `WatchedDate`, and often the ids `imdbID` and `tmdbID`. A row
without a date is of a film that was watched some time.
"""

from collections.abc import Mapping, Sequence, Set as AbstractSet
import re
from typing import Any

from ..identity import ProviderIds
from .faults import OnlyListed
from .rows import Play, Reader, Saying, film, id_text, moment, text, year

_LISTED = frozenset({"date", "name", "year", "letterboxd uri"})
_TAKEN_IN = frozenset({"title", "watcheddate"})

#: Every column that is known, whether it matters here or not.
COLUMNS = (
    _LISTED
    | _TAKEN_IN
    | {"rating", "rewatch", "tags", "watched date", "review"}
    | {"letterboxduri", "imdbid", "tmdbid", "directors", "rating10"}
)

_NO_HISTORY = frozenset({"deleted", "orphaned", "lists", "likes"})
_WATCHED = re.compile(r"(?<![a-z])watched(?![a-z])", re.IGNORECASE)


def reader(columns: AbstractSet[str], name: str, *, all_watched: bool) -> Reader | None:
    """Return what reads the rows of a table, None for a table of others.

    *name* is that of the file, with its folder where it is from an archive. A mere list
    is read where *all_watched* says that all of it was watched, or its name does.
    Raises `OnlyListed` for another.
    """
    *folders, file = name.split("/")
    if columns >= _TAKEN_IN:
        return _taken_in
    if not columns >= _LISTED or not _NO_HISTORY.isdisjoint(folders):
        return None
    if "rating" not in columns and not (all_watched or _WATCHED.search(file)):
        raise OnlyListed(name)
    return _exported


def _exported(row: Mapping[str, Any]) -> Sequence[Saying]:
    item = film(text(row["name"]), year(row["year"]))
    if (at := moment(row.get("watched date"))) is not None:
        return [Play(item, at)]
    return [Play(item, moment(row["date"]), is_entry_date=True)]


def _taken_in(row: Mapping[str, Any]) -> Sequence[Saying]:
    ids = ProviderIds.told(id_text(row.get("imdbid")), id_text(row.get("tmdbid")))
    item = film(text(row["title"]), year(row.get("year")), ids)
    return [Play(item, moment(row["watcheddate"]))]
