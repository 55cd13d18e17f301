"""What an item is: its kind, its id on one server and its names in the world.

An item id is an opaque string that means something on one server only. Which
server that is follows from the lane holding the id; it is never read out of the
id's text.
"""

from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
import re

from .titles import Likeness, likeness

#: Episodes that a single file is believed to hold.
MOST_EPISODES = 5

#: Seconds by which the lengths of one file may differ: servers round them.
_SECONDS_APART = 5.0

_IMDB_ID = re.compile(r"\s*tt([0-9]{7,10})\s*", re.IGNORECASE)
_DIGITS = 10
_IMDB_DIGITS = range(7, 11)
_NUMBER = re.compile(rf"\s*([0-9]{{1,{_DIGITS}}})\s*")


#: A kind, an id and its name; with season and number where the id is a show's.
type WorkKey = tuple[MediaKind, str, str, int | None, int | None]


class MediaKind(StrEnum):
    """The four levels that carry a play state.

    UNKNOWN is an item named by its id alone while the server was away, or by an id of
    the world's before it was there: a film or an episode. The first reading says what
    it is.
    """

    MOVIE = "movie"
    SHOW = "show"
    SEASON = "season"
    EPISODE = "episode"
    UNKNOWN = "unknown"

    @property
    def is_container(self) -> bool:
        """Whether the play state is computed from episodes below."""
        return self in (MediaKind.SHOW, MediaKind.SEASON)


@dataclass(frozen=True, slots=True)
class ProviderIds:
    """Ids of one item at the public databases, typed by the item that carries them.

    An episode's ids name the episode and a show's ids the show; the two are never
    compared with each other.
    """

    imdb: str | None = None
    tmdb: str | None = None
    tvdb: str | None = None

    @classmethod
    def told(
        cls,
        imdb: str | None = None,
        tmdb: str | None = None,
        tvdb: str | None = None,
    ) -> ProviderIds:
        """Return the ids that texts of others name: the gate all of them pass.

        IMDb's are `tt` and seven or more digits, TMDB's and TVDB's positive whole
        numbers, written the one way that can be compared. Servers and players keep
        whatever they are given: `0`, `tmdb:603`, an id in the place of another's.
        Such a text is no id.
        """
        return cls.numbered(*cls.told_numbers(imdb, tmdb, tvdb))

    @staticmethod
    def told_numbers(
        imdb: str | None, tmdb: str | None, tvdb: str | None
    ) -> tuple[int, int, int]:
        """Return the same as numbers, 0 where there is no id (see `numbers`)."""
        return (
            _imdb_number(imdb) if imdb else 0,
            _number(tmdb) if tmdb else 0,
            _number(tvdb) if tvdb else 0,
        )

    @classmethod
    def numbered(cls, imdb: int, tmdb: int, tvdb: int) -> ProviderIds:
        """Return the ids of these numbers, 0 where there is none (see `numbers`)."""
        return cls(
            f"tt{imdb:07}" if imdb else None,
            str(tmdb) if tmdb else None,
            str(tvdb) if tvdb else None,
        )

    @property
    def numbers(self) -> tuple[int, int, int]:
        """The same as numbers, 0 where there is none, for where many are kept."""
        return (
            int(self.imdb[2:]) if self.imdb else 0,
            int(self.tmdb) if self.tmdb else 0,
            int(self.tvdb) if self.tvdb else 0,
        )

    def __bool__(self) -> bool:
        """Whether any id is known."""
        return bool(self.imdb or self.tmdb or self.tvdb)

    @property
    def named(self) -> list[tuple[str, str]]:
        """The ids there are, each with the name of its kind."""
        pairs = (("imdb", self.imdb), ("tmdb", self.tmdb), ("tvdb", self.tvdb))
        return [(name, value) for name, value in pairs if value]

    def matches(self, other: ProviderIds) -> bool:
        """Whether both name the same thing: one id equal, none contradicting."""
        return self.verdict(other) is True

    def verdict(self, other: ProviderIds) -> bool | None:
        """Whether the ids known of both are all equal (True) or all differ (False).

        None if no id is known of both, or some are equal and some are not.
        """
        pairs = (
            (self.imdb, other.imdb),
            (self.tmdb, other.tmdb),
            (self.tvdb, other.tvdb),
        )
        found = {ours == theirs for ours, theirs in pairs if ours and theirs}
        return found.pop() if len(found) == 1 else None

    def address(self, kind: MediaKind) -> str | None:
        """Return one of them as actions take it, such as `tmdb://movie/603`."""
        if self.imdb:
            return f"imdb://{self.imdb}"
        if self.tmdb:
            return f"tmdb://{kind}/{self.tmdb}"
        return f"tvdb://{kind}/{self.tvdb}" if self.tvdb else None


NO_IDS = ProviderIds()

#: What no id of a server's has in it.
_UNSEEN = "://"

#: What has a play state of its own.
_LEAVES = (MediaKind.MOVIE, MediaKind.EPISODE)


def _imdb_number(text: str) -> int:
    if text[:2] == "tt" and (number := text[2:]).isdecimal() and text.isascii():
        # As most are, and in half the time.
        return int(number) if len(number) in _IMDB_DIGITS else 0
    match = _IMDB_ID.fullmatch(text)
    return int(match[1]) if match else 0


def _number(text: str) -> int:
    if len(text) <= _DIGITS and text.isascii() and text.isdecimal():
        return int(text)  # as most are, and in half the time
    match = _NUMBER.fullmatch(text)
    return int(match[1]) if match else 0


@dataclass(frozen=True, slots=True)
class Item:
    """One movie, show, season or episode as one server describes it.

    `duration` is in seconds. `season` 0 holds the specials. `episode_end` is the
    last episode number of a file that holds several. `show_*` describe the show an
    episode or season belongs to, as the server names it there; `listed_under` are the
    ids of further shows that list it. (Jellyfin merges what is one show in several
    folders: each lists the episodes of all, which go on naming their own folder.)
    """

    item_id: str
    kind: MediaKind
    title: str
    year: int | None = None
    provider_ids: ProviderIds = NO_IDS
    duration: float | None = None
    library_id: str | None = None
    show_id: str | None = None
    show_title: str | None = None
    show_provider_ids: ProviderIds = NO_IDS
    season_id: str | None = None
    season: int | None = None
    episode: int | None = None
    episode_end: int | None = None
    aired: date | None = None
    listed_under: tuple[str, ...] = ()

    @classmethod
    def unseen(
        cls,
        kind: MediaKind,
        ids: ProviderIds,
        season: int | None = None,
        episode: int | None = None,
    ) -> Item:
        """Return what is named by ids of the world alone, and was never seen.

        Where *season* is given the ids are those of its show. In the place of its id
        it has that name, such as `tmdb://show/95396/2/5`.
        """
        of_show = season is not None
        source, number = ids.named[0]
        named = MediaKind.SHOW if of_show else kind
        parts = (named.value, number, *(n for n in (season, episode) if n is not None))
        name = f"{source}{_UNSEEN}{'/'.join(map(str, parts))}"
        return cls(
            item_id=name,
            kind=kind,
            title=name,
            provider_ids=NO_IDS if of_show else ids,
            show_provider_ids=ids if of_show else NO_IDS,
            season=season,
            episode=episode,
        )

    @property
    def is_unseen(self) -> bool:
        """Whether it was never seen on its server, so that it has no id there."""
        return _UNSEEN in self.item_id

    @property
    def id_there(self) -> str | None:
        """Its id on the server, None as long as it was never seen there."""
        return None if self.is_unseen else self.item_id

    @property
    def show_ids(self) -> tuple[str, ...]:
        """The ids of all shows that an episode or season belongs to."""
        own = () if self.show_id is None else (self.show_id,)
        return (*own, *self.listed_under)

    @property
    def is_special(self) -> bool:
        """Whether this is the specials season or an episode of it."""
        return self.season == 0

    @property
    def number(self) -> str | None:
        """The number of an episode, such as `S02E05` or `S02E05-E06`, if it has one."""
        if self.season is None or self.episode is None:
            return None
        first = f"S{self.season:02}E{self.episode:02}"
        return first if self.episode_end is None else f"{first}-E{self.episode_end:02}"

    @property
    def full_title(self) -> str:
        """A title that stands alone, such as `Severance S02E05 Trojan's Horse`."""
        match self.kind:
            case MediaKind.EPISODE if self.show_title:
                parts = (self.show_title, self.number, self.title)
                return " ".join(part for part in parts if part)
            case MediaKind.SEASON if self.show_title:
                return f"{self.show_title} {self.title}"
            case MediaKind.MOVIE if self.year is not None:
                return f"{self.title} ({self.year})"
            case _:
                return self.title

    @property
    def numbers(self) -> range:
        """The numbers of the episodes that a file holds, at most five are believed."""
        if self.episode is None:
            return range(0)
        last = self.episode if self.episode_end is None else self.episode_end
        return range(self.episode, min(last, self.episode + MOST_EPISODES - 1) + 1)

    def covers(self, other: Item) -> bool:
        """Whether *other* lies below this show or season on the same server."""
        match self.kind:
            case MediaKind.SHOW:
                return (
                    self.item_id in other.show_ids
                    and self.provider_ids.verdict(other.show_provider_ids) is not False
                )
            case MediaKind.SEASON:
                ids = self.show_provider_ids
                return (
                    other.kind is MediaKind.EPISODE
                    and ids.verdict(other.show_provider_ids) is not False
                    and (
                        # An id may have become that of another season of the show.
                        (
                            other.season_id == self.item_id
                            and not _differ(self.season, other.season)
                        )
                        # What lies in another folder names a season of its own.
                        or (
                            self.show_id in other.listed_under
                            and self.season is not None
                            and self.season == other.season
                        )
                    )
                )
            case _:
                return False

    def listed_for(self, show_id: str) -> Item:
        """Return this item as found in the listing of a show, whatever it names."""
        if show_id in self.show_ids:
            return self
        return replace(self, listed_under=(*self.listed_under, show_id))

    def below(self, parent: Item) -> Item:
        """Return this item as one below *parent*, its show or season."""
        if parent.kind is MediaKind.SHOW:
            return replace(self, show_id=parent.item_id)
        return replace(self, season_id=parent.item_id)

    def placed_as(self, known: Item) -> Item:
        """Return this item below the show and season that *known*, the same, is in."""
        if (self.show_id, self.season_id) == (known.show_id, known.season_id):
            return self
        return replace(
            self,
            show_id=known.show_id or self.show_id,
            season_id=known.season_id or self.season_id,
        )

    def completed_by(self, known: Item) -> Item:
        """Return this item with what only *known* says of the shows it belongs to.

        Servers list a show's episodes without naming the show's ids at each, and the
        same goes for an item read by itself; who listed them had asked the show.
        """
        if self.show_id != known.show_id:
            return self
        item = self
        if known.show_provider_ids and not item.show_provider_ids:
            item = replace(item, show_provider_ids=known.show_provider_ids)
        for show_id in known.listed_under:
            item = item.listed_for(show_id)
        return item

    def of_show(self, show: Item) -> Item:
        """Return this episode or season with what only *show*, its show, tells.

        The id of a show may have become another's since *show* was read: where the
        titles differ nothing is taken over.
        """
        if self.show_id != show.item_id or _renamed(self.show_title, show.title):
            return self
        return replace(
            self,
            show_provider_ids=self.show_provider_ids or show.provider_ids,
            show_title=self.show_title or show.title,
        )

    def is_still(self, now: Item) -> bool:
        """Whether *now*, read under this item's id, can still be the same work.

        An id is a number: a server that was restored or rebuilt gives it to another
        work. Provider ids decide where they are of one mind. Otherwise a film or show
        has to differ by its title and by its year or length, as each alone changes
        when a server refreshes what it knows. An episode is known by its show and
        number, or by its title and date if it was renumbered. What is not known
        differs from nothing: an item named by its id alone may be anything.
        """
        if self is now or MediaKind.UNKNOWN in (self.kind, now.kind):
            return True
        if self.kind is not now.kind:
            return False
        if (verdict := self.provider_ids.verdict(now.provider_ids)) is not None:
            return verdict
        if self.kind in (MediaKind.EPISODE, MediaKind.SEASON):
            return self._is_still_in_place(now)
        return not (_renamed(self.title, now.title) and self._looks_other(now))

    def _is_still_in_place(self, now: Item) -> bool:
        """Say the same of an episode or season whose own ids do not tell."""
        same_show = self.show_provider_ids.verdict(now.show_provider_ids)
        if same_show is False:
            return False
        moved = _differ(self.season, now.season) or _differ(self.episode, now.episode)
        renamed = _renamed(self.title, now.title)
        if same_show is None and _renamed(self.show_title, now.show_title):
            # A season has nothing of its own that tells one show from another.
            return self.kind is MediaKind.EPISODE and not (
                moved or renamed or self._looks_other(now)
            )
        if self.kind is MediaKind.SEASON:
            return not moved
        if moved:
            # Renumbered, if it is called so and was aired then: many are "Episode 1".
            dated = self.aired is not None and self.aired == now.aired
            return dated and not (renamed or self._looks_other(now))
        in_place = None not in (self.season, self.episode, now.season, now.episode)
        if in_place and (same_show or (self.show_title and now.show_title)):
            return True
        return not (renamed and self._looks_other(now))

    def _looks_other(self, now: Item) -> bool:
        """Whether something differs that hardly ever changes of one work."""
        return (
            _differ(self.year, now.year)
            or _differ(self.aired, now.aired)
            or (
                self.duration is not None
                and now.duration is not None
                and abs(self.duration - now.duration) > _SECONDS_APART
            )
        )

    @property
    def work_keys(self) -> list[WorkKey]:
        """What it is found by: two of the same work have one of these in common."""
        kinds = _LEAVES if self.kind is MediaKind.UNKNOWN else (self.kind,)
        keys: list[WorkKey] = [
            (kind, *one, None, None)
            for kind in kinds
            for one in self.provider_ids.named
        ]
        if self.kind in (MediaKind.EPISODE, MediaKind.SEASON):
            keys += [
                (self.kind, *one, self.season, self.episode)
                for one in self.show_provider_ids.named
            ]
        return keys

    @property
    def awaited_keys(self) -> set[WorkKey]:
        """What may wait for it: itself, its season, or an episode that its file holds.

        Each is the key of a work that it is, or is a part of.
        """
        keys = set(self.work_keys)
        if self.kind is MediaKind.EPISODE and self.season is not None:
            for one in self.show_provider_ids.named:
                keys.add((MediaKind.SEASON, *one, self.season, None))
                keys |= {(self.kind, *one, self.season, each) for each in self.numbers}
        return keys

    def is_named_as(self, now: Item) -> bool:
        """Whether the world has the same names for *now*: it is found by the same."""
        return (
            self.provider_ids == now.provider_ids
            and self.show_provider_ids == now.show_provider_ids
            and (self.season, self.episode) == (now.season, now.episode)
        )

    def is_same_work(self, other: Item) -> bool:
        """Whether *other* is the same work, on whatever server.

        Provider ids decide, never titles. Episodes without ids of their own are
        matched by their show's ids with season and episode number. What is named by
        an id alone may be a film or an episode.
        """
        kinds = {self.kind, other.kind}
        if len(kinds) > 1 and kinds - {*_LEAVES} != {MediaKind.UNKNOWN}:
            return False
        if self.provider_ids and other.provider_ids:
            return self.provider_ids.matches(other.provider_ids)
        if self.kind not in (MediaKind.EPISODE, MediaKind.SEASON):
            return False
        return (
            self.season is not None
            and (self.season, self.episode) == (other.season, other.episode)
            and (self.kind is MediaKind.SEASON or self.episode is not None)
            and self.show_provider_ids.matches(other.show_provider_ids)
        )


def _differ(one: object, other: object) -> bool:
    """Whether both are known and not the same."""
    return one is not None and other is not None and one != other


def _renamed(one: str | None, other: str | None) -> bool:
    """Whether both titles are known and not the same."""
    if not one or not other or one == other:
        return False
    return likeness(one, None, other) is Likeness.DIFFERENT
