"""What is in the three libraries that `scripts/make-library` makes files of."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from custom_components.watched_sync.core.identity import MediaKind
from scripts.lib.checking import Refusal
from tests.fakes.library import (
    MOVIES,
    MOVIES_4K_LIBRARY,
    MOVIES_LIBRARY,
    SHOWS,
    SHOWS_LIBRARY,
)

#: The libraries, and what they hold.
LIBRARIES: Final = {
    MOVIES_LIBRARY: MediaKind.MOVIE,
    MOVIES_4K_LIBRARY: MediaKind.MOVIE,
    SHOWS_LIBRARY: MediaKind.SHOW,
}


@dataclass(frozen=True, slots=True)
class Row:
    """One item; of an episode *title* is the name of its show, of a season as well."""

    item_id: str
    kind: MediaKind
    library: str
    title: str
    year: int | None = None
    season: int | None = None
    episodes: range = range(0)


class Shelf:
    """Items by what they are called."""

    def __init__(self, rows: Sequence[Row]) -> None:
        """Hold them. Raises `Refusal` if they are not those that were made."""
        self._rows = rows
        for library, kind in LIBRARIES.items():
            found = [self._title(one) for one in self._of(library, kind)]
            if sorted(found) != sorted(_seeded(library)):
                raise Refusal(
                    f"the library {library} does not hold exactly what "
                    "scripts/make-library makes; nothing was touched"
                )

    def item_id(
        self,
        title: str,
        year: int | None = None,
        season: int | None = None,
        episode: int | None = None,
        library: str | None = None,
    ) -> str:
        """Return the id of an item, the first of several. Raises LookupError."""
        kinds: Collection[MediaKind]
        if episode is not None:
            kinds = {MediaKind.EPISODE}
        elif season is not None:
            kinds = {MediaKind.SEASON}
        else:
            kinds = {MediaKind.MOVIE, MediaKind.SHOW}
        for one in self._rows:
            if (
                one.kind in kinds
                and one.title == title
                and year in {None, one.year}
                and (season is None or season == one.season)
                and (episode is None or episode in one.episodes)
                and library in {None, one.library}
            ):
                return one.item_id
        raise LookupError(f"no {title} ({year}) {season}x{episode} in {library}")

    def held(self, library: str, kind: MediaKind) -> list[str]:
        """Return the ids of all items of a kind."""
        return [one.item_id for one in self._of(library, kind)]

    def _of(self, library: str, kind: MediaKind) -> list[Row]:
        return [one for one in self._rows if (one.library, one.kind) == (library, kind)]

    @staticmethod
    def _title(row: Row) -> str:
        return f"{row.title} ({row.year})"


def _seeded(library: str) -> list[str]:
    films = [f"{one.title} ({one.year})" for one in MOVIES if library in one.libraries]
    shows = [f"{one.title} ({one.year})" for one in SHOWS if one.library == library]
    return films + shows
