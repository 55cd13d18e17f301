"""The library of the simulated Jellyfin: items, their ids and their tree."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
import hashlib
import re
from types import MappingProxyType
from typing import Any
import unicodedata

from tests.fakes import library as seed

TICKS_PER_MINUTE = 600_000_000

_PROVIDER_NAMES = {"imdb": "Imdb", "tmdb": "Tmdb", "tvdb": "Tvdb"}
_COLLECTION_TYPES = {"movie": "movies", "show": "tvshows", "music": "music"}


class Kind(StrEnum):
    """`Type` of an item."""

    ROOT = "UserRootFolder"
    LIBRARY = "CollectionFolder"
    CHANNEL = "Channel"
    FOLDER = "Folder"
    MOVIE = "Movie"
    SERIES = "Series"
    SEASON = "Season"
    EPISODE = "Episode"
    BOX_SET = "BoxSet"
    MUSIC_ALBUM = "MusicAlbum"
    AUDIO = "Audio"
    AUDIO_BOOK = "AudioBook"
    BOOK = "Book"
    VIDEO = "Video"
    TRAILER = "Trailer"


FOLDERS = {
    Kind.ROOT,
    Kind.LIBRARY,
    Kind.CHANNEL,
    Kind.FOLDER,
    Kind.SERIES,
    Kind.SEASON,
    Kind.BOX_SET,
    Kind.MUSIC_ALBUM,
}
"""Kinds that hold other items."""

COMPUTED = {Kind.FOLDER, Kind.SERIES, Kind.SEASON, Kind.BOX_SET, Kind.MUSIC_ALBUM}
"""Folders whose watched state is that of their children."""

_GOOD_IDS = {
    "imdb": re.compile(r"(tt|nm)?\d+", re.IGNORECASE | re.ASCII),
    "tmdb": re.compile(r"0*[1-9]\d*", re.ASCII),
}
_SORTED_AS = str.maketrans(dict.fromkeys(",&-{}'") | dict.fromkeys(".+%", " "))
_NUMBER = re.compile(r"\d+")
_NEVER_FOUND = {Kind.SEASON, Kind.EPISODE, Kind.LIBRARY, Kind.FOLDER}
"""Kinds that `Catalogue.find` does not look for by their own title."""


def make_id(*parts: str) -> str:
    """Derive 32 hex digits from *parts*, the same ones every time."""
    text = "\0".join(parts).encode()
    return hashlib.blake2b(text, digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class Item:
    """A row of the library; lengths in ticks, `None` where the server knows none."""

    id: str
    kind: Kind
    name: str
    path: str
    parent_id: str | None = None
    year: int | None = None
    run_time_ticks: int | None = None
    provider_ids: dict[str, str] = field(default_factory=dict)
    index_number: int | None = None
    index_number_end: int | None = None
    season_number: int | None = None
    """`ParentIndexNumber` of an episode."""
    series_id: str | None = None
    season_id: str | None = None
    premiere: date | None = None
    virtual: bool = False
    """There is no file: an episode that is missing or not aired."""
    without_folder: bool = False
    """A season whose episodes lie in the folder of the show."""
    collection_type: str | None = None
    linked: tuple[str, ...] = ()
    """What a box set holds, which lives elsewhere."""
    version_of: str | None = None
    """The film or episode that this is another file of; such items are not listed."""
    extra_of: str | None = None
    """The film that a trailer or a clip belongs to; such items are never listed."""

    @property
    def is_folder(self) -> bool:
        """Whether it holds other items."""
        return self.kind in FOLDERS

    @property
    def location(self) -> str:
        """`LocationType`: what has no path is virtual, whatever lies below it."""
        return "Virtual" if self.virtual or self.without_folder else "FileSystem"

    @property
    def media_type(self) -> str:
        """`MediaType`."""
        if self.is_folder:
            return "Unknown"
        if self.kind in {Kind.AUDIO, Kind.AUDIO_BOOK}:
            return "Audio"
        return "Book" if self.kind is Kind.BOOK else "Video"

    @property
    def sort_name(self) -> str:
        """`SortName`: lower case, no leading article, numbers of ten digits.

        Seasons sort by their number, episodes by season and number before the name.
        """
        if self.kind is Kind.SEASON and self.index_number is not None:
            return f"{self.index_number:04}"
        if self.kind is Kind.EPISODE:
            season = _prefix(self.season_number, 3)
            return f"{season}{_prefix(self.index_number, 4)}{self.name}"
        name = self.name.lower().translate(_SORTED_AS)
        for article in ("the ", "a ", "an "):
            name = name.removeprefix(article)
        return _NUMBER.sub(lambda found: found[0].zfill(10), name)

    @property
    def version(self) -> str:
        """What a file is called beside the others: `1080p`."""
        return self.file_name.rpartition(" - ")[2]

    @property
    def file_name(self) -> str:
        """The name of the file, without its ending."""
        return self.path.rpartition("/")[2].removesuffix(".mkv")

    @property
    def dashed_id(self) -> str:
        """The id as a GUID with dashes, as in `UserData.Key`."""
        text = self.id
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _film_path(library: str, movie: seed.SeedMovie) -> str:
    name = f"{movie.title} ({movie.year})"
    return f"/media/{library}/{name}/{name}.mkv"


def _prefix(number: int | None, digits: int) -> str:
    return "" if number is None else f"{number:0{digits}} - "


def clean(text: str) -> str:
    """Text as the search compares it: lower case, no diacritics."""
    decomposed = unicodedata.normalize("NFD", text.lower())
    return "".join(c for c in decomposed if not unicodedata.combining(c))


class Catalogue:
    """All items of a server, in the order in which they were added."""

    def __init__(self, *, decimal_ids: bool = False, checks_ids: bool = False) -> None:
        self._decimal_ids = decimal_ids
        self._checks_ids = checks_ids
        self.items: dict[str, Item] = {}
        self._children: dict[str, list[str]] = {}
        self._versions: dict[str, list[str]] = {}
        self.root = self._new(Kind.ROOT, "Media Folders", "/root")
        self._moves = 0

    # -- building ------------------------------------------------------------

    def _new(self, kind: Kind, name: str, path: str, **facts: Any) -> Item:
        item = Item(self._id(kind, path), kind, name, path, **facts)
        self.insert(item)
        return item

    def _id(self, kind: Kind, path: str) -> str:
        found = make_id(kind, path)
        return str(1 + int(found[:12], 16)) if self._decimal_ids else found

    def insert(self, item: Item) -> None:
        """Put *item* below its parent."""
        self.items[item.id] = item
        if item.parent_id is not None and item.version_of is None:
            self._children.setdefault(item.parent_id, []).append(item.id)
        if item.version_of is not None:
            self._versions.setdefault(item.version_of, []).append(item.id)

    def fill(self) -> None:
        """Fill the libraries with the seeded titles."""
        for name, kind in seed.libraries():
            self.add_library(name, _COLLECTION_TYPES[kind])
        for movie in seed.MOVIES:
            self.add_movie(movie)
        for show in seed.SHOWS:
            self.add_show(show)
        for track in seed.TRACKS:
            self._add_track(track)
        for extra in seed.EXTRAS:
            self._add_extra(extra)

    def add_library(self, name: str, collection_type: str) -> Item:
        """Add an empty library, with the one folder of the disk that it shows."""
        path = f"/media/{name}"
        library = self._new(
            Kind.LIBRARY,
            name,
            path,
            parent_id=self.root.id,
            collection_type=collection_type,
        )
        self._new(Kind.FOLDER, name, path, parent_id=library.id)
        return library

    def add_channel(self, name: str) -> Item:
        """Add a channel, which a plugin fills and which is a view like a library."""
        path = f"/channels/{name}"
        return self._new(Kind.CHANNEL, name, path, parent_id=self.root.id)

    def library(self, name: str) -> Item:
        """Return the library of that name; raises LookupError when there is none."""
        for item in self.children(self.root.id):
            if item.name == name:
                return item
        raise LookupError(f"no library is called {name}")

    def _folder(self, library: str) -> Item:
        """Return the folder that holds what a library shows."""
        return self.items[self._children[self.library(library).id][0]]

    def add_movie(self, movie: seed.SeedMovie) -> tuple[Item, ...]:
        """Add a film to each of its libraries."""
        return tuple(
            self._new(
                Kind.MOVIE,
                movie.title,
                _film_path(library, movie),
                parent_id=self._folder(library).id,
                year=movie.year,
                premiere=date(movie.year, 1, 1),
                run_time_ticks=movie.minutes * TICKS_PER_MINUTE,
                provider_ids=self._providers(movie.ids),
            )
            for library in movie.libraries
        )

    def add_show(self, show: seed.SeedShow) -> Item:
        """Add a show with its seasons and episodes; unaired ones have no file."""
        series = self.add_series(show.title, show.year, show.library, show.ids)
        for number in show.seasons:
            episodes = show.season(number)
            season = self.add_season(
                series,
                number,
                virtual=all(one.aired == seed.UNAIRED for one in episodes),
                # Specials have one in any case.
                without_folder=bool(number) and not show.season_folders,
            )
            for one in episodes:
                self.add_episode(
                    season,
                    one.number,
                    one.title,
                    index_number_end=one.number_end,
                    aired=one.aired,
                    minutes=one.minutes,
                    ids=one.ids,
                )
        return series

    def add_series(
        self,
        title: str,
        year: int,
        library: str,
        ids: Mapping[str, str],
        *,
        folder: str | None = None,
    ) -> Item:
        """Add a show without seasons, in a folder of its title unless one is named."""
        return self._new(
            Kind.SERIES,
            title,
            f"/media/{library}/{folder or f'{title} ({year})'}",
            parent_id=self._folder(library).id,
            year=year,
            premiere=date(year, 1, 1),
            provider_ids=self._providers(ids),
        )

    def add_season(
        self,
        series: Item,
        number: int | None,
        *,
        virtual: bool = False,
        without_folder: bool = False,
    ) -> Item:
        """Add a season; None is that of episodes whose season nobody knows."""
        name = "Season Unknown" if number is None else f"Season {number}"
        return self._new(
            Kind.SEASON,
            name if number != 0 else "Specials",
            f"{series.path}/{name if number is None else f'Season {number:02}'}",
            parent_id=series.id,
            series_id=series.id,
            index_number=number,
            virtual=virtual,
            without_folder=without_folder,
        )

    def add_episode(
        self,
        season: Item,
        number: int | None,
        title: str,
        *,
        index_number_end: int | None = None,
        aired: date | None = None,
        minutes: int = 100,
        ids: Mapping[str, str] = MappingProxyType({}),
        file: str | None = None,
    ) -> Item:
        """Add an episode, in a file of its number unless one is named."""
        if file is None:
            show = self.items[season.series_id or ""].name
            file = f"{show} S{season.index_number or 0:02}E{number or 0:02}"
        return self._new(
            Kind.EPISODE,
            title,
            f"{season.path}/{file}.mkv",
            parent_id=season.id,
            series_id=season.series_id,
            season_id=season.id,
            season_number=season.index_number,
            index_number=number,
            index_number_end=index_number_end,
            year=aired.year if aired else None,
            premiere=aired,
            virtual=aired == seed.UNAIRED,
            run_time_ticks=minutes * TICKS_PER_MINUTE,
            provider_ids=self._providers(ids),
        )

    def _add_track(self, track: seed.SeedTrack) -> None:
        folder = self._folder(seed.MUSIC_LIBRARY)
        path = f"{folder.path}/{track.artist}/{track.album}"
        album = self.items.get(self._id(Kind.MUSIC_ALBUM, path)) or self._new(
            Kind.MUSIC_ALBUM, track.album, path, parent_id=folder.id, year=track.year
        )
        self._new(
            Kind.AUDIO,
            track.title,
            f"{path}/{track.number:02}.flac",
            parent_id=album.id,
            year=track.year,
            index_number=track.number,
            run_time_ticks=track.minutes * TICKS_PER_MINUTE,
        )

    def _add_extra(self, extra: seed.SeedExtra) -> None:
        owner = self.find(extra.movie, extra.year)
        trailer = extra.kind is seed.ExtraKind.TRAILER
        self._new(
            Kind.TRAILER if trailer else Kind.VIDEO,
            extra.title,
            f"{owner.path.rpartition('/')[0]}/extras/{extra.title}.mkv",
            extra_of=owner.id,
            run_time_ticks=extra.minutes * TICKS_PER_MINUTE,
        )

    def add_version(self, item_id: str, file: str, *, linked: bool) -> Item:
        """Add another file of a film or episode, in the same folder.

        Up to 10.11 it bears the name of the file, not being *linked* as from 12.0 on.
        """
        item = self.items[item_id]
        path = f"{item.path.rpartition('/')[0]}/{file}.mkv"
        added = replace(
            item, id=self._id(item.kind, path), path=path, version_of=item_id
        )
        if not linked:
            added = replace(added, kind=Kind.VIDEO, name=file, parent_id=None)
        self.insert(added)
        return added

    def versions(self, item: Item) -> list[Item]:
        """Return all files of what *item* is one file of, the first one first."""
        first = self.items[item.version_of] if item.version_of else item
        others = self._versions.get(first.id, ())
        return [first, *(self.items[one] for one in others if one in self.items)]

    def add_box_set(self, name: str, linked: Iterable[str]) -> Item:
        """Add a collection of items that live elsewhere."""
        try:
            folder = self._folder("Collections")
        except LookupError:
            self.add_library("Collections", "boxsets")
            folder = self._folder("Collections")
        return self._new(
            Kind.BOX_SET,
            name,
            f"{folder.path}/{name}",
            parent_id=folder.id,
            linked=tuple(linked),
        )

    def remove(self, item_id: str) -> list[Item]:
        """Take an item and all below it out; returns what was taken, it first."""
        item = self.items[item_id]
        gone = [item, *self.descendants(item_id)] if not item.linked else [item]
        for one in gone:
            del self.items[one.id]
            self._children.pop(one.id, None)
        if item.parent_id in self._children:
            self._children[item.parent_id].remove(item_id)
        return gone

    def readd(self, gone: list[Item]) -> list[Item]:
        """Put removed items back under another path, hence with other ids."""
        self._moves += 1
        ids = {
            item.id: self._id(item.kind, f"{item.path}.{self._moves}") for item in gone
        }
        back = []
        for item in gone:
            moved = replace(
                item,
                id=ids[item.id],
                path=f"{item.path}.{self._moves}",
                parent_id=ids.get(item.parent_id or "", item.parent_id),
                series_id=ids.get(item.series_id or "", item.series_id),
                season_id=ids.get(item.season_id or "", item.season_id),
            )
            self.insert(moved)
            back.append(moved)
        return back

    def renumber(self, new_ids: Mapping[str, str]) -> None:
        """Give items other ids, by the old ones; raises ValueError for two of one."""

        def new(item_id: str) -> str:
            return new_ids.get(item_id, item_id)

        def new_or_none(item_id: str | None) -> str | None:
            return None if item_id is None else new(item_id)

        def renumbered(by_id: dict[str, list[str]]) -> dict[str, list[str]]:
            return {new(key): list(map(new, below)) for key, below in by_id.items()}

        items = {
            new(item.id): replace(
                item,
                id=new(item.id),
                parent_id=new_or_none(item.parent_id),
                series_id=new_or_none(item.series_id),
                season_id=new_or_none(item.season_id),
                version_of=new_or_none(item.version_of),
                extra_of=new_or_none(item.extra_of),
                linked=tuple(map(new, item.linked)),
            )
            for item in self.items.values()
        }
        if len(items) < len(self.items):
            raise ValueError("two items would have one id")
        self.items = items
        self._children = renumbered(self._children)
        self._versions = renumbered(self._versions)
        self.root = items[new(self.root.id)]

    # -- reading -------------------------------------------------------------

    def get(self, item_id: str | None) -> Item | None:
        """Return the item, or None."""
        return self.items.get(item_id or "")

    def children(self, item_id: str) -> list[Item]:
        """Return what lies directly in a folder, for a library in the disk's one."""
        return [
            shown
            for child in self._held(item_id)
            for shown in (
                self._held(child.id) if child.kind is Kind.FOLDER else (child,)
            )
        ]

    def _held(self, item_id: str) -> list[Item]:
        item = self.items.get(item_id)
        ids = item.linked if item and item.linked else self._children.get(item_id, ())
        return [self.items[one] for one in ids if one in self.items]

    def descendants(self, item_id: str) -> Iterator[Item]:
        """Return all below a folder, parents before their children."""
        for child in self._held(item_id):
            yield child
            if child.is_folder:
                yield from self.descendants(child.id)

    def ancestors(self, item: Item) -> Iterator[Item]:
        """Return what an item lies in, nearest first, but for folders of the disk."""
        above = self.get(item.parent_id)
        while above is not None:
            if above.kind is not Kind.FOLDER:
                yield above
            above = self.get(above.parent_id)

    def library_of(self, item: Item) -> Item | None:
        """Return the library in which an item lies; None for the root."""
        if item.kind is Kind.LIBRARY:
            return item
        above = self.get(item.extra_of or item.version_of or item.parent_id)
        return self.library_of(above) if above else None

    def find(
        self,
        title: str,
        year: int | None = None,
        season: int | None = None,
        episode: int | None = None,
        library: str | None = None,
    ) -> Item:
        """Return a film or extra, a show, or a season or an episode of a show.

        Copies in several libraries count as one: the first is returned unless
        *library* says which. Raises LookupError when nothing fits or the title
        stands for several works.
        """
        found = [
            item
            for item in self.items.values()
            if item.name == title
            and (year is None or item.year == year)
            and item.kind not in _NEVER_FOUND
            and (library is None or self._lies_in(item, library))
        ]
        if len({(item.kind, item.year) for item in found}) != 1:
            raise LookupError(f"{len(found)} items are called {title} ({year})")
        if season is None:
            return found[0]
        for item in self.descendants(found[0].id):
            if episode is None:
                if item.kind is Kind.SEASON and item.index_number == season:
                    return item
            elif (item.season_number, item.index_number) == (season, episode):
                return item
        raise LookupError(f"no season {season} episode {episode} of {title}")

    def _lies_in(self, item: Item, library: str) -> bool:
        found = self.library_of(item)
        return found is not None and found.name == library

    def user_data_key(self, item: Item) -> str:
        """Return `UserData.Key`: a provider id, or what the show's one makes of it."""
        if item.kind is Kind.EPISODE and item.index_number is not None:
            series = self.get(item.series_id)
            if series is not None:
                place = f"{item.season_number or 0:03}{item.index_number:03}"
                return self.user_data_key(series) + place
        if item.kind is Kind.SEASON:
            series = self.get(item.series_id)
            if series is not None:
                return f"{self.user_data_key(series)}{item.index_number or 0:03}"
        for provider in ("Tvdb", "Tmdb", "Imdb"):
            if provider in item.provider_ids:
                return item.provider_ids[provider]
        return item.dashed_id

    def _providers(self, ids: Mapping[str, str]) -> dict[str, str]:
        kept = {
            name: self._kept_id(name, value)
            for name, value in ids.items()
            if value.strip()
        }
        return {_PROVIDER_NAMES[name]: value for name, value in kept.items() if value}

    def _kept_id(self, provider: str, value: str) -> str:
        """Return what the server keeps of a provider's id, nothing of a bad one."""
        if not self._checks_ids:
            return value
        pattern = _GOOD_IDS.get(provider)
        good = pattern is None or pattern.fullmatch(value.strip())
        return value.strip() if good else ""
