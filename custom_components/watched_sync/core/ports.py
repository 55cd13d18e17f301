"""The doors of the study: what the core needs from the world outside."""

from collections.abc import (
    AsyncGenerator,
    Callable,
    Collection,
    Iterable,
    Mapping,
    Sequence,
)
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Protocol

from .catalogue import EpisodeCounts, Progress, Selected, Selection, Sweep
from .errors import Unsupported
from .identity import Item, MediaKind, ProviderIds
from .leaf import Leaf
from .operation import Change, Operation
from .play_state import PlayState, Reading


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a kind of server can do; the relay plans by it.

    `concurrency` is how many single items may be written at once, as long as it answers
    well; shows and seasons are marked one after the other. `repeat_safe` says that
    marking a watched item again adds no play. `keeps_watched_at` says that the server
    keeps the date a mark carries, `announces_marks` that marks made elsewhere are told
    over the socket, `lists_plays` that it says cheaply what was played last, and
    `finds_by_ids` that `find` misses nothing: where it does not, all of
    `inventory_page` is needed to say that something is not there. Where it
    `lists_episodes`, those of a whole library can be read in pages; elsewhere they are
    read show by show (`fetch_leaves`). Unless `marks_containers`, the mark of a show or
    season leaves something of its episodes as it was. `shows_what_was` says that a read
    may for a while answer with what was before marks in quick succession. Where it
    `writes_whole`, a position takes the watched flag along that was read before. A
    resume position below `min_position` seconds, or from `max_progress` (a fraction of
    the duration) on, is not kept.
    """

    concurrency: int
    repeat_safe: bool
    keeps_watched_at: bool
    announces_marks: bool = False
    lists_plays: bool = True
    finds_by_ids: bool = True
    lists_episodes: bool = False
    marks_containers: bool = True
    shows_what_was: bool = False
    writes_whole: bool = False
    min_position: float = 0.0
    max_progress: float = 1.0

    def can_hold(self, position: float, duration: float | None) -> bool:
        """Whether the server keeps *position* (seconds) of an item this long."""
        if position == 0:
            return True
        if position < self.min_position:
            return False
        return (
            duration is None
            or position < duration * self.max_progress
            or (self.max_progress >= 1.0 and position <= duration)
        )


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """Who answers: the server and the user the token belongs to.

    `user_name` is empty where nobody says how the user is called.
    """

    server_id: str
    server_name: str
    version: str
    user_id: str
    user_name: str


@dataclass(frozen=True, slots=True)
class Library:
    """One library of a server, as this user sees it.

    `kind` is MOVIE for films, SHOW for shows, None where it may hold both. Unless it
    `is_allowed`, the options leave it out.
    """

    library_id: str
    title: str
    kind: MediaKind | None
    is_allowed: bool = True

    def may_hold(self, kind: MediaKind) -> bool:
        """Whether items of a kind can be in it; seasons and episodes are with shows."""
        if kind is MediaKind.UNKNOWN:
            return False
        home = MediaKind.MOVIE if kind is MediaKind.MOVIE else MediaKind.SHOW
        return self.kind in {home, None}


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a listing: the readings in it, each item once.

    The next page begins at `next_start`, which is None at the end.
    """

    readings: Sequence[Reading]
    next_start: int | None


@dataclass(frozen=True, slots=True)
class Leaves:
    """A part of all films and episodes of a catalogue.

    The next part begins at `next_start`, which is None at the end.
    """

    leaves: Sequence[Leaf]
    next_start: int | None


@dataclass(frozen=True, slots=True)
class Connected:
    """The subscription stands; what happened before it was not told."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a server says of an item beside the hint, worth comparing but no reading.

    `unwatched` is how many episodes below it are not watched; None if it has none
    below, as a film or an episode.
    """

    state: PlayState
    unwatched: int | None = None

    def is_shown_by(self, known: Reading) -> bool:
        """Whether a reading shows the same already."""
        if self.unwatched is None:
            return self.state == known.state
        if known.leaf_count is None or known.watched_leaf_count is None:
            return False
        unwatched = known.leaf_count - known.watched_leaf_count
        return (self.state.watched, self.unwatched) == (known.state.watched, unwatched)


@dataclass(frozen=True, slots=True)
class Changed:
    """These items may have changed; an empty set says that something has.

    `again` are delays, in seconds, after which it is worth looking once more: some
    servers tell of a playback's end before they have written it down. `told` is what
    was said of some of them, by their ids: what is known already is not asked for.
    """

    item_ids: frozenset[str]
    again: tuple[float, ...] = ()
    told: Mapping[str, Told] = field(default_factory=dict)


type ServerEvent = Connected | Changed


class PlaybackState(StrEnum):
    """What a player does with an item; STOPPED ends the playback."""

    PLAYING = "playing"
    PAUSED = "paused"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaybackReport:
    """What one player does with one item at one moment.

    `session_id` is of our making: one per playback of one item, the same until it
    stops. `position` and `duration` are in seconds; the duration is the player's,
    None where it has none. `player_id` is the player's own and stays: what plays on
    two players at once is two playbacks of two devices to the server. `player` is its
    name.
    """

    session_id: str
    item: Item
    state: PlaybackState
    position: float
    duration: float | None = None
    player_id: str = "home-assistant"
    player: str = "Home Assistant"


@dataclass(frozen=True, slots=True)
class Image:
    """A picture, in one of the formats that every browser shows."""

    content_type: str
    data: bytes


class MediaServer(Protocol):
    """One user's view of one server.

    Every method returns the truth or raises a `ServerError`; a failed read is never
    an empty answer. A write goes out at most once per call: repeating it is the
    relay's decision, after it has looked again.
    """

    @property
    def capabilities(self) -> Capabilities:
        """What this kind of server can do."""
        ...

    @property
    def clock_offset(self) -> timedelta | None:
        """Server time minus ours, from the last `Date` header; None before one came."""
        ...

    @property
    def oddities(self) -> Mapping[str, int]:
        """How often something in a row could not be what it was said to be.

        By the server's name of the member; `row` are rows that were left out.
        """
        ...

    def item_id(self, given: str) -> str | None:
        """Return an item's id as this server writes it, None for what cannot be one.

        Nothing is asked. An id that a person, an action or a player names passes
        through here before it is looked up, compared or queued.
        """
        ...

    async def probe(self) -> ServerInfo:
        """Ask, with one cheap request, whether it is there and knows our token."""
        ...

    async def libraries(self) -> Sequence[Library]:
        """Read which libraries of films and shows this user sees."""
        ...

    async def fetch(self, item_ids: Collection[str]) -> Mapping[str, Reading]:
        """Read items; an id that is missing in the answer is gone or hidden."""
        ...

    async def resolve(self, item_id: str, find: Find) -> Reading | None:  # noqa: ARG002 - for servers whose files have ids
        """Read what an id stands for that a person or a player names; None if nothing.

        A film may have several files, each with an id of its own: it is the film then.
        Where a file does not name its film, *find* is asked for it and may raise
        `StillLooking`.
        """
        return (await self.fetch([item_id])).get(item_id)

    async def fetch_files(
        self,
        films: Collection[Item],  # noqa: ARG002 - for servers whose files have play states
    ) -> Mapping[str, Sequence[Reading]]:
        """Read the further files of films, where each has a play state of its own.

        By the films' ids. A file is read as its film under another id, and can be
        written to as that. Only for films whose readings say `has_more_files`.
        """
        return {}

    async def fetch_leaves(self, item: Item) -> Sequence[Reading]:
        """Read the episodes below a show or season, in order, existing files only."""
        ...

    async def write(self, item: Item, change: Change, state: PlayState) -> None:
        """Send one elementary change for one item now showing *state*.

        A container means everything below it.
        """
        ...

    def note_position_not_kept(self, position: float, duration: float) -> None:  # noqa: ARG002 - for servers with limits
        """Take note that a position was taken twice, without effect, in seconds.

        A server may keep no such positions and not say where its limits are: they can
        be learnt. Its `capabilities` tell them from then on.
        """
        return

    async def is_whole(self, leaf: Reading) -> bool:  # noqa: ARG002 - for servers with two views
        """Ask whether the mark of a show or season has reached all of one episode.

        *leaf* is the episode as a list shows it since. Where it has not, such marks
        are not wanted any more: `capabilities` say so from then on.
        """
        return True

    async def search(
        self, query: str, kinds: Collection[MediaKind], limit: int
    ) -> Sequence[Reading]:
        """Find items by title, however it is spelt there; the likest come first."""
        ...

    async def find(
        self, kind: MediaKind, ids: ProviderIds, title: str | None = None
    ) -> Sequence[Reading]:
        """Find every copy of a work by its provider ids; *title* narrows the search.

        Where `capabilities.finds_by_ids` is False only what bears the title is found.
        """
        ...

    async def inventory_page(
        self, library: Library, kind: MediaKind, start: int = 0
    ) -> Page:
        """Read a page of all films, shows or episodes of a library, with one request.

        They come in the order that costs the server least. *start* is 0 or the
        `next_start` of an earlier page, of whatever age: what has come or gone since
        then moves the others, so an item may be missed or come again. Each row tells
        identity, ids, numbers, play state and counts; an episode names its show by its
        id alone, and whether a film `has_more_files` is not told.

        It may take minutes, and the server may go on working on it when nobody waits
        any more: see `pace`. Raises `ItemGone` for a library that is gone or hidden,
        `Malformed` for a listing that does not end, and `Unsupported` for seasons, and
        for episodes unless `capabilities.lists_episodes`.
        """
        ...

    async def count_unwatched(self, library: Library | None, kind: MediaKind) -> int:
        """Ask, with one request, how many films or episodes of a library are unwatched.

        None means all libraries that this user sees, also those that the options leave
        out. Nothing is listed for it. Raises `ItemGone` for a library that is gone or
        hidden, and `Unsupported` where that is not cheap, or not told.
        """
        ...

    async def up_next(self, limit: int) -> Sequence[Reading]:
        """Read what this user would watch next, in the server's order."""
        ...

    async def listen(self) -> AsyncGenerator[ServerEvent]:
        """Subscribe: yield `Connected`, then hints, until the server closes.

        Closing the generator closes the connection. Raises `ServerError` if it is
        lost, or cannot be had: a server without a socket just says so.
        """
        raise Unsupported("this server has no socket")
        yield  # what makes it a generator

    async def last_played(self, limit: int) -> Sequence[Reading]:
        """Read what this user played last, newest first.

        Raises `Unsupported` where `capabilities.lists_plays` is False.
        """
        ...

    async def session_user(self, session_id: str) -> str | None:  # noqa: ARG002 - for servers that can be asked
        """Read whose session this is: the user's id, None if it is not ours to see.

        A user who does not administer the server sees no sessions of others.
        """
        raise Unsupported("this server does not say whose session it is")

    async def report(self, report: PlaybackReport) -> None:
        """Say what a player does, as the server's own players do.

        A hint at best: it is lost where this raises, and the next one says more. To
        be sent at every change, and every ten seconds between. The servers follow a
        playback by themselves: the position becomes the resume position, and one that
        has been followed from below to past their threshold (90 %) marks the item
        as watched and counts one play. So look before marking it as well.

        Raises `ItemGone` for an item that is gone, `Unsupported` for what cannot be
        played, and `Refused` once the server has ended the playback: of that nothing
        but the stop is sent any more.
        """
        ...

    async def image(self, item: Item, *, width: int) -> Image:
        """Read an item's poster or still, some *width* pixels wide.

        An episode without one shows its season's or show's. Raises `ItemGone` where
        there is none, and `Malformed` for what is no picture or far too large a one.
        """
        ...


class Find(Protocol):
    """How `MediaServer.find` is called, whoever answers."""

    async def __call__(
        self, kind: MediaKind, ids: ProviderIds, title: str | None = None
    ) -> Sequence[Reading]:
        """Find every copy of a work. Raises `StillLooking` while that is not known."""
        ...


class Journal(Protocol):
    """The disk, as far as the outbox needs it."""

    def check(self, operation: Operation) -> None:
        """Raise `Unstorable` for an operation that could not be read again."""
        ...

    async def save(self) -> None:
        """Write the outbox now; return once it is durable. Raises `JournalError`."""
        ...

    def save_later(self) -> None:
        """Write the outbox some time soon; losing this write must be harmless."""
        ...


type CatalogueListener = Callable[[frozenset[str] | None], None]


class Catalogue(Protocol):
    """What was last read of every item of one user's libraries.

    It can be read again, so it is never the only place that knows of a request. Every
    method raises `CatalogueError` where the catalogue cannot be read or written: a
    failed read is no empty answer. One that turns out to be damaged begins anew, and
    `progress` says so.
    """

    async def readings(self, item_ids: Collection[str]) -> Mapping[str, Reading]:
        """Return what is known of items; an id that is missing is not known."""
        ...

    async def below(self, parent: Item) -> Sequence[Reading]:
        """Return the known episodes of a show or season, in order."""
        ...

    async def find(self, kind: MediaKind, ids: ProviderIds) -> Sequence[Reading]:
        """Return every copy of a work: one id is the same, and none another."""
        ...

    async def find_episodes(
        self, show_ids: ProviderIds, season: int, episode: int
    ) -> Sequence[Reading]:
        """Return every file that holds an episode, known by its show and number."""
        ...

    async def titled(
        self,
        title: str,
        kinds: Collection[MediaKind],
        year: int | None = None,
        *,
        heard: bool = False,
    ) -> Sequence[Reading]:
        """Return what bears a title, by the rules of `titles.likeness`.

        What differs by an article comes last.
        """
        ...

    async def like(
        self, title: str, kinds: Collection[MediaKind], limit: int
    ) -> Sequence[Reading]:
        """Return what bears a title or one like it, the likest first.

        See `catalogue.likest`: near misses are there to be asked back.
        """
        ...

    async def shows(self) -> Mapping[str, Reading]:
        """Return all shows by their ids, with the counts that were read with them."""
        ...

    async def count_episodes(
        self, until: date, show_ids: Collection[str] | None = None
    ) -> Mapping[str, EpisodeCounts]:
        """Return how far shows are watched by the ids of the shows, all for None.

        Counted is what was aired until a day, and no specials; a show without such
        episodes is not in it.
        """
        ...

    async def select(self, wanted: Selection) -> Selected:
        """Return one part of what passes the filters, and how many do."""
        ...

    async def leaves(self, start: int = 0, limit: int = 500) -> Leaves:
        """Return some of all films and episodes, each in a few words.

        They come in an order that costs the same at any place. *start* is 0 or the
        `next_start` of an earlier part. What is known all the while comes once, also
        if others come and go between two parts.
        """
        ...

    async def keep(
        self, readings: Iterable[Reading], round_no: int | None = None
    ) -> None:
        """Take these readings for what is known of their items; the last one counts.

        They are marked as seen in a round: *round_no*, or the one that was last noted,
        as what is read while a listing is under way need not be in it to be there.
        What no row can hold is left out, so that it costs only itself. A caller who is
        cancelled may have kept some of them.
        """
        ...

    async def drop(self, item_ids: Collection[str]) -> None:
        """Forget items that are gone."""
        ...

    async def sweep(self, library_id: str, kind: MediaKind, round_no: int) -> Sweep:
        """Return what of a library was not seen in a round (or a later one)."""
        ...

    async def libraries(self) -> frozenset[str]:
        """Return the ids of the libraries of which items are known."""
        ...

    async def progress(self) -> Progress:
        """Return what was noted last of how far the libraries were read."""
        ...

    async def note(self, progress: Progress) -> None:
        """Note how far the libraries were read."""
        ...

    async def counts(self) -> Mapping[MediaKind, int]:
        """Return how many items of each kind are known; none is left out."""
        ...

    async def revision(self) -> object:
        """Return what stands for all that is known of the items there are.

        It is the same object as long as none of that changes, and another one after.
        """
        ...

    def add_listener(self, listener: CatalogueListener) -> Callable[[], None]:
        """Have *listener* told which items changed; return what removes it.

        It is told the ids of what was changed or dropped, and of the shows it is in,
        soon after; None where everything may be another, as the catalogue began anew.
        """
        ...

    async def close(self) -> None:
        """End it, once what was asked before is done; nothing can be asked after."""
        ...


class Clock(Protocol):
    """Time."""

    def now(self) -> datetime:
        """Return the wall time, aware and in UTC; it may jump."""
        ...

    def monotonic(self) -> float:
        """Return seconds that only ever grow, in step with the event loop."""
        ...


class Random(Protocol):
    """Chance."""

    def uniform(self, a: float, b: float) -> float:
        """Return a number between *a* and *b*."""
        ...
