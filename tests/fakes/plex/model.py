"""What the simulated Plex Media Server holds: users, items, play states."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum
import hashlib
import unicodedata

from tests.fakes import library

type Key = str
"""A ratingKey: opaque, a string, of this server only."""

TYPE_NUMBERS = {
    "movie": 1,
    "show": 2,
    "season": 3,
    "episode": 4,
    "artist": 8,
    "album": 9,
    "track": 10,
    "clip": 12,
}
LEAVES = frozenset({"movie", "episode", "track", "clip"})

_MINUTE_MS = 60_000
_SECTION_TYPES = {"movie": "movie", "show": "show", "music": "artist"}

#: What stands in a section, by the section's type.
_TYPES_BELOW = {
    "movie": ("movie",),
    "show": ("show", "season", "episode"),
    "artist": ("artist", "album", "track"),
    "photo": (),
}
_AGENTS = {
    "movie": ("tv.plex.agents.movie", "Plex Movie"),
    "show": ("tv.plex.agents.series", "Plex TV Series"),
    "artist": ("tv.plex.agents.music", "Plex Music"),
    "photo": ("com.plexapp.agents.none", "Plex Photo Scanner"),
}
_BARE = ("com.plexapp.agents.none", "Plex Video Files Scanner")


class PlexRole(StrEnum):
    """How somebody came to use the server."""

    OWNER = "owner"
    MANAGED = "managed"
    """A Home user without an account of their own."""
    HOME = "home"
    """A Home user with an account."""
    SHARED = "shared"
    """A friend with an account, not of the Home."""


@dataclass(frozen=True, slots=True)
class PlexUser:
    """Somebody who may use the server.

    *user_id* is the number of the plex.tv account; *libraries* are the names of
    those shared, None for all; *pin* is what a switch to this Home user asks for.
    """

    name: str
    role: PlexRole
    user_id: int
    libraries: tuple[str, ...] | None = None
    pin: str | None = None

    @property
    def is_owner(self) -> bool:
        """Whether the server is theirs."""
        return self.role is PlexRole.OWNER

    @property
    def is_home(self) -> bool:
        """Whether they belong to the owner's Home."""
        return self.role is not PlexRole.SHARED

    @property
    def account_id(self) -> int:
        """The number on the server itself, where the owner is always 1."""
        return 1 if self.is_owner else self.user_id

    @property
    def uuid(self) -> str:
        """The account's uuid at plex.tv."""
        return hashlib.sha256(self.name.encode()).hexdigest()[:16]


DEFAULT_USERS = (
    PlexUser("alex", PlexRole.OWNER, 11000001),
    PlexUser(
        "kim",
        PlexRole.MANAGED,
        11000002,
        libraries=(library.MOVIES_LIBRARY, library.SHOWS_LIBRARY),
        pin="2468",
    ),
    PlexUser(
        "sam",
        PlexRole.SHARED,
        11000003,
        libraries=(library.MOVIES_LIBRARY, library.SHOWS_LIBRARY),
    ),
)


@dataclass(frozen=True, slots=True)
class PlexState:
    """One user's play state of one item; *view_offset_ms* 0 means no resume point."""

    view_count: int = 0
    view_offset_ms: int = 0
    last_viewed_at: datetime | None = None


NEVER_SEEN = PlexState()


@dataclass(frozen=True, slots=True)
class Section:
    """One library; a bare one is of home videos, which nothing is matched with."""

    key: str
    title: str
    type: str
    is_bare: bool = False

    @property
    def uuid(self) -> str:
        """The library's uuid."""
        return f"{_hex(f'section {self.title}', 8)}-0000-4000-8000-{self.key:0>12}"

    @property
    def agent(self) -> str:
        """The metadata agent."""
        return self._agents[0]

    @property
    def scanner(self) -> str:
        """The scanner."""
        return self._agents[1]

    @property
    def _agents(self) -> tuple[str, str]:
        return _BARE if self.is_bare else _AGENTS[self.type]


@dataclass(slots=True)
class Entry:
    """One item; *children* are in order, *ids* are the external ones."""

    key: Key
    type: str
    title: str
    section: Section
    guid: str
    added_at: int
    ids: Mapping[str, str] = field(default_factory=dict)
    year: int | None = None
    duration_ms: int | None = None
    index: int | None = None
    aired: date | None = None
    parent: Entry | None = None
    children: list[Entry] = field(default_factory=list)
    extra_of: Entry | None = None
    extra_kind: str = ""

    @property
    def is_leaf(self) -> bool:
        """Whether it has a play state of its own."""
        return self.type in LEAVES

    @property
    def path(self) -> str:
        """The `/library/metadata/...` path of the item itself."""
        return f"/library/metadata/{self.key}"

    def leaves(self) -> Iterator[Entry]:
        """Yield what a mark of this item marks."""
        if self.is_leaf:
            yield self
        for child in self.children:
            yield from child.leaves()

    def walk(self) -> Iterator[Entry]:
        """Yield the item and everything below it."""
        yield self
        for child in self.children:
            yield from child.walk()

    def ancestors(self) -> Iterator[Entry]:
        """Yield the parent, and its parent."""
        above = self.parent
        while above is not None:
            yield above
            above = above.parent

    @property
    def top(self) -> Entry:
        """The show of an episode, the artist of a track, itself otherwise."""
        found = self
        for above in self.ancestors():
            found = above
        return found


def _of_kind(entries: Iterable[Entry], kind: str) -> Iterator[Entry]:
    """Yield the items of one type among these and below them."""
    for entry in entries:
        if entry.type == kind:
            yield entry
        else:
            yield from _of_kind(entry.children, kind)


def fold(text: str) -> str:
    """Reduce *text* to what a search compares: no case, no accents."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in decomposed if not unicodedata.combining(char))


def epoch(moment: datetime) -> int:
    """Whole seconds since 1970."""
    return int(moment.timestamp())


def whole_seconds(moment: datetime) -> datetime:
    """Drop what the server does not keep."""
    return datetime.fromtimestamp(epoch(moment), UTC)


class Shelf:
    """Every item of the server, by ratingKey and by section, in order."""

    def __init__(self, added_at: int) -> None:
        """Fill the shelf from the seeded library."""
        self.sections: list[Section] = []
        self._added_at = added_at
        self._tops: dict[str, list[Entry]] = {}
        self._by_key: dict[Key, Entry] = {}
        self._next_key = 1000
        for title, kind in library.libraries():
            section = self.add_section(title, _SECTION_TYPES[kind])
            for movie in library.MOVIES:
                if title in movie.libraries:
                    self.add_movie(section, movie)
            for show in library.SHOWS:
                if show.library == title:
                    self.add_show(section, show)
            if section.type == "artist":
                self._add_music(section)
        for extra in library.EXTRAS:
            self._add_extra(extra)

    def __contains__(self, key: Key) -> bool:
        return key in self._by_key

    def get(self, key: Key) -> Entry | None:
        """The item of that ratingKey."""
        return self._by_key.get(key)

    def of_section(self, section: Section, kind: str) -> Iterator[Entry]:
        """Yield the items of one type in one section."""
        if kind in _TYPES_BELOW.get(section.type, ()):
            yield from _of_kind(self._tops[section.key], kind)

    def extras_of(self, entry: Entry) -> list[Entry]:
        """List the trailers and clips of a film."""
        return [found for found in self._by_key.values() if found.extra_of is entry]

    def remove(self, entry: Entry) -> None:
        """Take an item and everything below it off the shelf."""
        for gone in entry.walk():
            del self._by_key[gone.key]
        if entry.parent is None:
            self._tops[entry.section.key].remove(entry)
        else:
            entry.parent.children.remove(entry)

    def rekey(self, entry: Entry) -> Iterator[tuple[Key, Key]]:
        """Give an item and everything below it new keys; yield old and new."""
        for found in tuple(entry.walk()):
            old = found.key
            self._by_key.pop(old, None)
            found.key = self._new_key()
            self._by_key[found.key] = found
            yield old, found.key

    def renumber(self, new_ids: Mapping[Key, Key]) -> None:
        """Give items other keys, by the old ones; raises ValueError for two of one."""
        renumbered = {new_ids.get(key, key): one for key, one in self._by_key.items()}
        if len(renumbered) < len(self._by_key):
            raise ValueError("two items would have one key")
        for key, entry in renumbered.items():
            if entry.guid == f"local://{entry.key}":
                entry.guid = f"local://{key}"
            entry.key = key
        self._by_key = renumbered

    def restore(self, entry: Entry) -> None:
        """Put a removed item back in its place, under the keys it has now."""
        for found in entry.walk():
            self._by_key[found.key] = found
        if entry.parent is None:
            self._tops[entry.section.key].append(entry)
        else:
            entry.parent.children.append(entry)
            entry.parent.children.sort(key=lambda child: child.index or 0)

    def add_section(self, title: str, kind: str, *, is_bare: bool = False) -> Section:
        """Add an empty library."""
        section = Section(str(len(self.sections) + 1), title, kind, is_bare)
        self.sections.append(section)
        self._tops[section.key] = []
        return section

    def _new_key(self) -> Key:
        self._next_key += 1
        return str(self._next_key)

    def _add(
        self,
        section: Section,
        kind: str,
        title: str,
        identity: str,
        *,
        parent: Entry | None = None,
        ids: Mapping[str, str] | None = None,
        matched: bool = True,
        year: int | None = None,
        minutes: int | None = None,
        index: int | None = None,
        aired: date | None = None,
    ) -> Entry:
        key = self._new_key()
        entry = Entry(
            key=key,
            type=kind,
            title=title,
            section=section,
            # The same work has the same guid in every library, and on every server.
            guid=f"plex://{kind}/{_hex(identity, 24)}" if matched else f"local://{key}",
            added_at=self._added_at,
            ids=ids or {},
            year=year,
            duration_ms=None if minutes is None else minutes * _MINUTE_MS,
            index=index,
            aired=aired,
            parent=parent,
        )
        self._by_key[key] = entry
        if parent is None:
            self._tops[section.key].append(entry)
        else:
            parent.children.append(entry)
        return entry

    def add_movie(self, section: Section, movie: library.SeedMovie) -> Entry:
        """Put a film into a section."""
        return self._add(
            section,
            "movie",
            movie.title,
            f"{movie.title} {movie.year}",
            ids=movie.ids,
            matched=bool(movie.ids),
            year=movie.year,
            minutes=movie.minutes,
            aired=date(movie.year, 6, 1),
        )

    def add_show(self, section: Section, seed: library.SeedShow) -> Entry:
        """Put a show into a section; what is only announced is no item here."""
        show = self._add(
            section,
            "show",
            seed.title,
            seed.title,
            ids=seed.ids,
            year=seed.year,
            index=1,
            aired=min((e.aired for e in seed.episodes if e.aired), default=None),
        )
        for number in seed.seasons:
            # What is only announced has no file, and so is no item here.
            held = [one for one in seed.season(number) if one.aired != library.UNAIRED]
            if not held:
                continue
            season = self._add(
                section,
                "season",
                f"Season {number}" if number else "Specials",
                f"{seed.title} {number}",
                parent=show,
                index=number,
            )
            for episode in held:
                self._add_episode(section, season, seed, episode)
        return show

    def _add_episode(
        self,
        section: Section,
        season: Entry,
        show: library.SeedShow,
        seed: library.SeedEpisode,
    ) -> None:
        """Add an episode; a file that holds two is listed as two, each of it all."""
        last = seed.number_end or seed.number
        for part, number in enumerate(range(seed.number, last + 1), 1):
            self._add(
                section,
                "episode",
                seed.title if last == seed.number else f"{seed.title} ({part})",
                f"{show.title} {seed.season} {number}",
                parent=season,
                ids=seed.ids if part == 1 else {},
                year=seed.aired.year if seed.aired else None,
                minutes=seed.minutes,
                index=number,
                aired=seed.aired,
            )

    def _add_music(self, section: Section) -> None:
        artists: dict[str, Entry] = {}
        albums: dict[tuple[str, str], Entry] = {}
        for seed in library.TRACKS:
            artist = artists.get(seed.artist) or artists.setdefault(
                seed.artist, self._add(section, "artist", seed.artist, seed.artist)
            )
            place = (seed.artist, seed.album)
            album = albums.get(place) or albums.setdefault(
                place,
                self._add(
                    section,
                    "album",
                    seed.album,
                    f"{seed.artist} {seed.album}",
                    parent=artist,
                    year=seed.year,
                    index=1,
                ),
            )
            self._add(
                section,
                "track",
                seed.title,
                f"{seed.artist} {seed.album} {seed.title}",
                parent=album,
                minutes=seed.minutes,
                index=seed.number,
            )

    def _add_extra(self, seed: library.SeedExtra) -> None:
        """Add a trailer or clip: it hangs on its film and is in no listing."""
        movie = next(
            entry
            for section in self.sections
            for entry in self.of_section(section, "movie")
            if (entry.title, entry.year) == (seed.movie, seed.year)
        )
        key = self._new_key()
        self._by_key[key] = Entry(
            key=key,
            type="clip",
            title=seed.title,
            section=movie.section,
            guid=f"iva://api.internetvideoarchive.com/{key}",
            added_at=self._added_at,
            duration_ms=seed.minutes * _MINUTE_MS,
            extra_of=movie,
            extra_kind=seed.kind.value,
        )


def _hex(text: str, length: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:length]
