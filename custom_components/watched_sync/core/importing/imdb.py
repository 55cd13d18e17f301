"""IMDb: the tables of ratings and of lists, from the menus of their pages.

Ratings (imdb.com/list/ratings, "Export") have the columns (seen in exports that others
publish; `Original Title` is new, and older ones write `You rated`)

    Const,Your Rating,Date Rated,Title,Original Title,URL,Title Type,IMDb Rating,
    Runtime (mins),Year,Genres,Num Votes,Release Date,Directors

and a list has `Position`, `Const`, `Created`, `Modified` and `Description` in front of
them. A list does not say that anything was watched: a watchlist is one too. IMDb knows
no day of a play, so the day of the rating, or of the entry in the list, stands for it.

`Const` is the id of one title: a film, an episode or a show, each among the same
numbers. `Title Type` says which, in the language of the page, and as `tvSeries` in
older exports. Where it is not understood the item is of an unknown kind, and whoever
has its id says what it is. So are specials, shorts and films for television: they are
films on one server and episodes on another. Who rated a show has not seen all of it.
"""

from collections.abc import Mapping, Sequence, Set as AbstractSet
from dataclasses import replace
import re
from typing import Any

from ..identity import MediaKind, ProviderIds
from .faults import OnlyListed
from .rows import PassedOver, Play, Reader, RowReason, Saying, film, moment, text, year

_RATED = frozenset({"const", "your rating", "date rated"})
_LISTED = frozenset({"const", "position"})

#: Every column that is known, whether it matters here or not.
COLUMNS = (
    _RATED
    | _LISTED
    | {"created", "modified", "description", "title", "original title", "url"}
    | {"title type", "imdb rating", "runtime (mins)", "year", "genres", "num votes"}
    | {"release date", "directors"}
)

_KINDS = {"movie": MediaKind.MOVIE, "tvepisode": MediaKind.EPISODE}
_SHOWS = frozenset({"tvseries", "tvminiseries"})
_OTHERS = frozenset({"videogame", "musicvideo", "podcastseries", "podcastepisode"})
_NO_LETTERS = re.compile("[^a-z]")


def reader(columns: AbstractSet[str], name: str, *, all_watched: bool) -> Reader | None:
    """Return what reads the rows of a table, None for a table of others.

    A list is read where *all_watched* says that all of it was watched. Raises
    `OnlyListed` for another, which is called *name*.
    """
    if columns >= _LISTED:
        if not all_watched:
            raise OnlyListed(name)
        return _listed
    return _rated if columns >= _RATED else None


def _rated(row: Mapping[str, Any]) -> Sequence[Saying]:
    if not row["your rating"].strip():
        return [PassedOver(RowReason.NOT_WATCHED, text(row.get("title")))]
    return _titled(row, row["date rated"])


def _listed(row: Mapping[str, Any]) -> Sequence[Saying]:
    return _titled(row, row.get("date rated") or row.get("created"))


def _titled(row: Mapping[str, Any], day: object) -> Sequence[Saying]:
    title = text(row.get("title"))
    said = _NO_LETTERS.sub("", str(row.get("title type")).casefold())
    ids = ProviderIds.told(row["const"])
    if said in _SHOWS:
        return [PassedOver(RowReason.WHOLE_SHOW, title, ids)]
    if said in _OTHERS:
        return [PassedOver(RowReason.OTHER_KIND, title)]
    if not ids:
        raise ValueError("no id")
    item = film(title, year(row.get("year")), ids)
    item = replace(item, kind=_KINDS.get(said, MediaKind.UNKNOWN))
    return [Play(item, moment(day), is_entry_date=True)]
