"""Names of items that are not known on any lane yet: ids of the world, and titles."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
import re
from typing import Final

from ..core.identity import Item, MediaKind, ProviderIds
from ..core.matching import contradict
from ..core.play_state import Reading
from ..core.titles import Likeness, likeness, split_year
from ..failures import invalid
from .found import LaneItem

#: How external ids are written: what the texts that speak of them show.
EXTERNAL_ID_EXAMPLES: Final[Mapping[str, str]] = {
    "imdb": "imdb://tt0133093",
    "tmdb_movie": "tmdb://movie/603",
    "tmdb_show": "tmdb://show/95396",
    "tvdb": "tvdb://371980",
}


_EXTERNAL_ID = re.compile(
    r"(?P<source>imdb|tmdb|tvdb)://(?:(?P<kind>movie|show|episode)/)?(?P<id>\w+)"
)


class Fit(IntEnum):
    """How an item was recognised; the greatest found decides, nothing below it."""

    NOT = 0
    BUT_FOR_ARTICLE = 1
    BY_TITLE = 2
    BY_ID = 3


_BY_TITLE: Final = {
    Likeness.DIFFERENT: Fit.NOT,
    Likeness.BUT_FOR_ARTICLE: Fit.BUT_FOR_ARTICLE,
    Likeness.SAME: Fit.BY_TITLE,
}


@dataclass(frozen=True, slots=True)
class ItemName:
    """An item named by ids or a title, not yet known on any lane.

    `year` is one said beside the title, which may end in its own. With both ids and a
    title the ids come first: the title decides only where they lead nowhere, and never
    for an item with other ids. `hint` is what it may be called on a server that cannot
    look for ids. *heard* says that the title was spoken (see `titles.likeness`).
    """

    name: str
    kinds: tuple[MediaKind, ...]
    ids: ProviderIds | None = None
    title: str = ""
    year: int | None = None
    hint: str = ""
    heard: bool = False

    @property
    def said_year(self) -> int | None:
        """The year that was said, beside the title or in brackets behind it."""
        return split_year(self.title)[1] if self.year is None else self.year

    def fit(self, item: Item) -> Fit:
        """Return how *item* is recognised as what was named."""
        if item.kind not in self.kinds:
            return Fit.NOT
        if self.ids is not None:
            if item.provider_ids.matches(self.ids):
                return Fit.BY_ID
            if not self.title or contradict(item.provider_ids, self.ids):
                return Fit.NOT
        alike = likeness(self.title, self.year, item.title, item.year, heard=self.heard)
        return _BY_TITLE[alike]

    def fits(self, item: Item) -> bool:
        """Whether *item* may be what was named."""
        return self.fit(item) is not Fit.NOT

    async def by_ids(
        self, find: Callable[[MediaKind, ProviderIds], Awaitable[Iterable[Reading]]]
    ) -> list[Reading]:
        """Return what *find* finds by the ids, among each of the kinds."""
        found: list[Reading] = []
        if self.ids is not None:
            for kind in self.kinds:
                found.extend(await find(kind, self.ids))
                # IMDb numbers everything together; TVDB each kind from 1.
                if found and self.ids.imdb:
                    break
        return found

    def among(self, targets: Iterable[LaneItem]) -> list[LaneItem]:
        """Return those that are recognised best, as what was named."""
        fits = [(self.fit(one.item), one) for one in targets]
        best = max((fit for fit, _ in fits), default=Fit.NOT)
        return [one for fit, one in fits if fit is best is not Fit.NOT]


def title_words(title: str, year: int | None, kinds: tuple[MediaKind, ...]) -> ItemName:
    """Return the words for a title, which may end in its year in brackets."""
    title = title.strip()
    is_said = year is None or split_year(title)[1] == year
    name = title if is_said else f"{title} ({year})"
    return ItemName(name, kinds, title=title, year=year)


def parse_external_id(text: str) -> tuple[tuple[MediaKind, ...], ProviderIds]:
    """Return the kinds an external id may mean, and the id.

    `imdb://tt0133093`, `tmdb://movie/603`, `tmdb://show/95396`, `tvdb://371980`; the
    kind may be named for the other two as well. Raises ServiceValidationError.
    """
    match = _EXTERNAL_ID.fullmatch(text.strip())
    malformed = invalid(
        "malformed_external_id", external_id=text, **EXTERNAL_ID_EXAMPLES
    )
    if match is None:
        raise malformed
    source, kind, number = match["source"], match["kind"], match["id"]
    # TMDB counts movies and shows separately: the number alone says nothing.
    ids = ProviderIds.told(**{source: number})
    if not ids or (source == "tmdb" and kind is None):
        raise malformed
    if kind is not None:
        return (MediaKind(kind),), ids
    return (MediaKind.MOVIE, MediaKind.SHOW, MediaKind.EPISODE), ids


def external_ids(item: Item) -> list[str]:
    """Return an item's ids in the world, as `external_id` takes them."""
    if item.kind in (MediaKind.SEASON, MediaKind.UNKNOWN):
        return []  # nobody looks for a season by its id
    ids = item.provider_ids
    return [
        *([f"imdb://{ids.imdb}"] if ids.imdb else ()),
        *([f"tmdb://{item.kind}/{ids.tmdb}"] if ids.tmdb else ()),
        *([f"tvdb://{item.kind}/{ids.tvdb}"] if ids.tvdb else ()),
    ]
