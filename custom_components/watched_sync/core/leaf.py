"""A film or episode in a few words: what comparing whole libraries has to know."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from .identity import NO_IDS, Item, MediaKind, ProviderIds
from .play_state import PlayState, Reading

#: What has a play state of its own.
LEAVES = (MediaKind.MOVIE, MediaKind.EPISODE)


@dataclass(frozen=True, slots=True)
class Place:
    """What all episodes of one season have in common, and all films of a library.

    The members are those of an `Item`.
    """

    library_id: str | None = None
    show_id: str | None = None
    show_title: str | None = None
    show_provider_ids: ProviderIds = NO_IDS
    season_id: str | None = None
    listed_under: tuple[str, ...] = ()

    @classmethod
    def of(cls, item: Item) -> Place:
        """Return the place of an item."""
        return cls(
            item.library_id,
            item.show_id,
            item.show_title,
            item.show_provider_ids,
            item.season_id,
            item.listed_under,
        )

    @property
    def names_show(self) -> bool:
        """Whether anything here says what show it belongs to."""
        return bool(self.show_id or self.show_title or self.show_provider_ids)

    def keeps_title(self, kind: MediaKind) -> bool:
        """Whether what lies here is known by a title of its own."""
        return kind is MediaKind.MOVIE or not self.names_show

    @property
    def show_ids(self) -> tuple[str, ...]:
        """The ids of all shows that what lies here belongs to."""
        own = () if self.show_id is None else (self.show_id,)
        return (*own, *self.listed_under)

    @property
    def container_ids(self) -> tuple[str, ...]:
        """The ids of those shows, and of the season."""
        return (
            self.show_ids
            if self.season_id is None
            else (*self.show_ids, self.season_id)
        )


class Leaf(NamedTuple):
    """A film or episode, and what was last read of its play state.

    The members are those of an `Item`; `ids` are its own provider ids as numbers. The
    title is that of a film, or of what names no show, and empty for an episode of one.
    """

    item_id: str
    kind: MediaKind
    title: str
    place: Place
    ids: tuple[int, int, int]
    year: int | None
    season: int | None
    episode: int | None
    episode_end: int | None
    duration: float | None
    state: PlayState

    @classmethod
    def of(cls, reading: Reading) -> Leaf:
        """Return a reading in a few words."""
        item = reading.item
        place = Place.of(item)
        return cls(
            item.item_id,
            item.kind,
            item.title if place.keeps_title(item.kind) else "",
            place,
            item.provider_ids.numbers,
            item.year,
            item.season,
            item.episode,
            item.episode_end,
            item.duration,
            reading.state,
        )


@dataclass(frozen=True, slots=True)
class LibraryPage:
    """A part of what is known of a library: films and episodes, and shows."""

    leaves: Sequence[Leaf] = ()
    shows: Sequence[Item] = ()

    @classmethod
    def of(cls, readings: Iterable[Reading]) -> LibraryPage:
        """Return readings in a few words; seasons are left out."""
        readings = list(readings)
        return cls(
            [Leaf.of(one) for one in readings if one.item.kind in LEAVES],
            [one.item for one in readings if one.item.kind is MediaKind.SHOW],
        )
