"""In-memory twins of the ports: two kinds of server, and a disk.

A `ModelServer` behaves as the client and the server behind it do together: what each
kind keeps, counts and ignores is what the real ones keep, count and ignore (sources
are named in `servers/plex/client.py` and `servers/jellyfin/client.py`).
"""

import asyncio
from collections import Counter, defaultdict, deque
from collections.abc import (
    AsyncGenerator,
    Callable,
    Collection,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from heapq import nlargest
import json
from typing import Any, Self
from zlib import crc32

from custom_components.watched_sync.core.codec import (
    DAMAGE,
    decode_outbox,
    encode_history_entry,
    encode_operation,
)
from custom_components.watched_sync.core.errors import (
    AuthRejected,
    Busy,
    Fault,
    Forbidden,
    ItemGone,
    JournalError,
    Malformed,
    Refused,
    ServerError,
    Starting,
    Unanswered,
    Unreachable,
    Unstorable,
    Unsupported,
    WrongServer,
)
from custom_components.watched_sync.core.identity import (
    Item,
    MediaKind,
    ProviderIds,
)
from custom_components.watched_sync.core.operation import (
    Change,
    MarkUnwatched,
    MarkWatched,
    Operation,
    SetProgress,
)
from custom_components.watched_sync.core.outbox import HistoryEntry, Outbox
from custom_components.watched_sync.core.play_state import (
    POSITION_TOLERANCE,
    PlayState,
    Reading,
)
from custom_components.watched_sync.core.ports import (
    Capabilities,
    Connected,
    Find,
    Image,
    Library,
    Page,
    PlaybackReport,
    PlaybackState,
    ServerEvent,
    ServerInfo,
)
from custom_components.watched_sync.core.titles import spellings
from custom_components.watched_sync.servers.listing import likest_first

from .virtual import VirtualClock

#: As `servers/plex/client.py` says.
PLEX = Capabilities(
    concurrency=4,
    repeat_safe=False,
    keeps_watched_at=False,
    lists_episodes=True,
    min_position=60.0,
    max_progress=0.9,
)

#: As `servers/jellyfin/client.py` says.
JELLYFIN = Capabilities(
    concurrency=4,
    repeat_safe=True,
    keeps_watched_at=True,
    announces_marks=True,
    lists_plays=False,
    finds_by_ids=False,
    shows_what_was=True,
    writes_whole=True,
)

#: Rows of one page of an inventory.
PAGE = 10

#: The libraries that `movie` and `show` put things into, and which kind they are of.
SHELVES = {"films": MediaKind.MOVIE, "shows": MediaKind.SHOW}

#: Seconds after which a Jellyfin of 10.11 tells of marks: none may come for so long.
NOTICE = 0.5

UNWATCHED = PlayState(watched=False)

#: Seconds after which the clients give up waiting for an answer.
TIMEOUT = 30.0


class Ask(StrEnum):
    """The kinds of request."""

    PROBE = "probe"
    FETCH = "fetch"
    FILES = "files"
    LEAVES = "leaves"
    WRITE = "write"
    SEARCH = "search"
    FIND = "find"
    INVENTORY = "inventory"
    COUNT = "count"
    UP_NEXT = "up_next"
    LAST_PLAYED = "last_played"
    LISTEN = "listen"
    LIBRARIES = "libraries"
    REPORT = "report"
    ALONE = "alone"
    IMAGE = "image"


@dataclass(frozen=True, slots=True)
class Request:
    """One request as the server saw it; `at` is in seconds of the virtual world.

    `library_id` is that of a listing or a count.
    """

    ask: Ask
    item_ids: tuple[str, ...]
    change: Change | None
    at: float
    library_id: str | None = None


class Kind(StrEnum):
    """What can go wrong with one request."""

    REFUSE = "refuse"
    HANG = "hang"
    LATE = "late"
    DROP = "drop"
    SLOW = "slow"
    LIE = "lie"
    HALF = "half"
    ERROR = "error"
    BUSY = "busy"
    STARTING = "starting"
    AUTH = "auth"
    FORBIDDEN = "forbidden"
    BAD_REQUEST = "bad_request"
    GONE = "gone"
    UNSUPPORTED = "unsupported"
    HTML = "html"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing going wrong.

    HANG does not carry the request out, and nobody answers. LATE answers after
    `seconds`. DROP carries it out and loses the answer after `seconds`. SLOW carries it
    out `seconds` after the client has given up waiting. LIE answers
    without carrying it out. HALF carries a container's mark out for every other
    episode and fails. BUSY names `retry_after` seconds.
    """

    kind: Kind
    seconds: float = 5.0
    retry_after: float | None = None

    def error(self) -> ServerError | None:
        """Return what the client raises, None if it gets a proper answer."""
        match self.kind:
            case Kind.REFUSE:
                return Unreachable(self.kind.value)
            case Kind.HANG | Kind.DROP | Kind.SLOW:
                return Unanswered(self.kind.value)
            case Kind.ERROR | Kind.HALF:
                return Fault("500")
            case Kind.BUSY:
                return Busy("503", self.retry_after)
            case Kind.STARTING:
                return Starting("503", self.retry_after)
            case Kind.AUTH:
                return AuthRejected("401")
            case Kind.FORBIDDEN:
                return Forbidden("403")
            case Kind.BAD_REQUEST:
                return Refused("400")
            case Kind.GONE:
                return ItemGone("404")
            case Kind.UNSUPPORTED:
                return Unsupported("no")
            case Kind.HTML:
                return Malformed("<html>")
            case Kind.WRONG:
                return WrongServer("a coffee machine")
            case Kind.LATE | Kind.LIE:
                return None


REFUSE = Trouble(Kind.REFUSE)
HANG = Trouble(Kind.HANG)
LATE = Trouble(Kind.LATE)
DROP = Trouble(Kind.DROP)
SLOW = Trouble(Kind.SLOW, seconds=60)
LIE = Trouble(Kind.LIE)
HALF = Trouble(Kind.HALF)
ERROR = Trouble(Kind.ERROR)
BUSY = Trouble(Kind.BUSY)
AUTH = Trouble(Kind.AUTH)
FORBIDDEN = Trouble(Kind.FORBIDDEN)
HTML = Trouble(Kind.HTML)
GONE = Trouble(Kind.GONE)


# --- titles ----------------------------------------------------------------


def number_of(item_id: str) -> int:
    """Return the number that a public database has for a work, by its id here."""
    return crc32(item_id.encode()) + 1


def movie(item_id: str = "m1", **changes: Any) -> Item:
    """Return a film of two hours with an id at IMDb."""
    return replace(
        Item(
            item_id,
            MediaKind.MOVIE,
            f"Film {item_id}",
            year=1999,
            provider_ids=ProviderIds(imdb=f"tt{number_of(item_id):07}"),
            duration=7200.0,
            library_id="films",
        ),
        **changes,
    )


def show(item_id: str = "s") -> Item:
    """Return a show with an id at TVDB."""
    return Item(
        item_id,
        MediaKind.SHOW,
        f"Show {item_id}",
        provider_ids=ProviderIds(tvdb=str(number_of(item_id))),
        library_id="shows",
    )


def season(parent: Item, number: int) -> Item:
    """Return a season of a show; 0 holds the specials."""
    return Item(
        f"{parent.item_id}.{number}",
        MediaKind.SEASON,
        f"Season {number}",
        library_id=parent.library_id,
        show_id=parent.item_id,
        show_title=parent.title,
        show_provider_ids=parent.provider_ids,
        season_id=f"{parent.item_id}.{number}",
        season=number,
    )


def episode(parent: Item, number: int, episode_number: int) -> Item:
    """Return an episode of forty minutes, known by its show's ids and its number."""
    return Item(
        f"{parent.item_id}.{number}.{episode_number}",
        MediaKind.EPISODE,
        f"Episode {episode_number}",
        duration=2400.0,
        library_id=parent.library_id,
        show_id=parent.item_id,
        show_title=parent.title,
        show_provider_ids=parent.provider_ids,
        season_id=f"{parent.item_id}.{number}",
        season=number,
        episode=episode_number,
    )


def episodes(parent: Item, seasons: Mapping[int, int]) -> list[Item]:
    """Return all episodes of a show, given how many each season has."""
    return [
        episode(parent, number, one)
        for number, count in seasons.items()
        for one in range(1, count + 1)
    ]


def _unheard(answer: Callable[[], object]) -> None:
    """Do what was asked; nobody waits for the answer, or hears that it was refused."""
    with suppress(ServerError):
        answer()


# --- the server ------------------------------------------------------------


class ModelServer:
    """A media server in memory, as one user sees it.

    `requests` lists everything that arrived. `plays` counts the plays our marks added,
    by item id, and `doubled` names items we marked although they were watched to the
    end already. `touched` names items that another client changed, `foreign` those
    whose title is in another language than whoever looks for it expects. `playing` is
    the last report of every playback that has not stopped, by session. `overlapped`
    names items that we wrote to while another write to them was under way. With
    `clears_flag` it is a Jellyfin up to 10.11: a watched item is not watched any more
    from the moment somebody begins it again until near its end. `states` then knows
    that it was (`begun_again`), what is read does not say so. `same_show` holds
    the ids of shows that are one show in several folders. What is `forbidden` is
    listed by its id and among episodes. No write knows it, no search, and nobody who
    asks for the episodes of a show. Unless it `lets_in`, every answer is 403.

    `shelves` are its libraries, by id, and which kind they are of; with some `allowed`
    the options leave the others out. `page` is how many rows a page of an inventory
    has. `spoil` makes something else of a row that somebody asks for by its id, as
    clients do of one that is odd: with members unknown, or left out.

    `alone` is what items show that are asked for by themselves, where that is not what
    lists show: so after marks of containers on a server that *leaves_old_state*, as
    Jellyfin 12.0. `stale` is what items show instead of what they are, for
    `turns_over` seconds: so on one that *shows_what_was*, as Jellyfin 10.11, after
    marks that were followed by one of their container before they were told.
    """

    def __init__(
        self,
        clock: VirtualClock,
        capabilities: Capabilities,
        *,
        server_id: str = "server",
        latency: float = 0.02,
        leaves_old_state: bool = False,
        shows_what_was: bool = False,
    ) -> None:
        """Answer every request after *latency* seconds."""
        self.clock = clock
        self.kind = capabilities
        #: What it keeps of positions, whatever it says of itself.
        self.limits = capabilities
        self.not_kept: list[float] = []
        self.clears_flag = False
        self.server_id = server_id
        self.latency = latency
        self.shelves: dict[str, MediaKind | None] = dict(SHELVES)
        self.allowed: set[str] = set()
        self.page = PAGE
        self.skew = timedelta()
        self.items: dict[str, Item] = {}
        self.states: dict[str, PlayState] = {}
        self.files: dict[str, list[str]] = {}
        self.file_states: dict[str, PlayState] = {}
        self.hidden: set[str] = set()
        self.forbidden: set[str] = set()
        self.same_show: frozenset[str] = frozenset()
        self.foreign: set[str] = set()
        self.down = False
        self.token_good = True
        self.lets_in = True
        self.requests: list[Request] = []
        self.plays: Counter[str] = Counter()
        self.doubled: list[str] = []
        self.touched: set[str] = set()
        self.playing: dict[str, PlaybackReport] = {}
        self.most_at_once = 0
        self.trouble: Callable[[Request], Trouble | None] | None = None
        self.spoil: Callable[[Reading], Reading | None] = lambda reading: reading
        self.after_write: Callable[[Item], None] | None = None
        self.on_change: Callable[[Item, Change], None] | None = None
        self.leaves_old_state = leaves_old_state
        self.shows_what_was = shows_what_was
        self.turns_over = 30.0
        self.alone: dict[str, PlayState] = {}
        self.stale: dict[str, PlayState] = {}
        self.overlapped: list[str] = []
        self._noticed: dict[str, PlayState] = {}
        self._notice: asyncio.TimerHandle | None = None
        self._under_way: Counter[str] = Counter()
        self.sockets: list[asyncio.Queue[ServerEvent | ServerError | None]] = []
        self._queued: deque[Trouble | None] = deque()
        self._queued_for: defaultdict[Ask, deque[Trouble | None]] = defaultdict(deque)
        self._poison: dict[str, Trouble] = {}
        self.writing = 0
        self._lives = 0
        self._offset: timedelta | None = None

    @classmethod
    def plex(cls, clock: VirtualClock, **options: Any) -> Self:
        """Return a server that counts as Plex does."""
        return cls(clock, PLEX, **options)

    @classmethod
    def jellyfin(cls, clock: VirtualClock, **options: Any) -> Self:
        """Return a server that counts as Jellyfin does."""
        return cls(clock, JELLYFIN, **options)

    @classmethod
    def jellyfin_10_11(cls, clock: VirtualClock, **options: Any) -> Self:
        """Return a Jellyfin that may show what was, and clears flags at a start."""
        server = cls(clock, JELLYFIN, shows_what_was=True, **options)
        server.clears_flag = True
        return server

    @classmethod
    def jellyfin_12(cls, clock: VirtualClock, **options: Any) -> Self:
        """Return a Jellyfin on which the marks of containers leave an old state."""
        return cls(clock, JELLYFIN, leaves_old_state=True, **options)

    # --- a test's handles --------------------------------------------------

    def add(self, *items: Item, state: PlayState = UNWATCHED) -> None:
        """Put titles into the library."""
        for item in items:
            self.items[item.item_id] = item
            if not item.kind.is_container:
                self.states[item.item_id] = state

    def add_show(self, parent: Item, seasons: Mapping[int, int]) -> list[Item]:
        """Put a show with all its episodes into the library; return the episodes."""
        found = episodes(parent, seasons)
        self.add(parent, *(season(parent, number) for number in seasons), *found)
        return found

    def add_file(self, film: Item, file_id: str) -> None:
        """Give a film a further file, with a play state of its own."""
        self.files.setdefault(film.item_id, []).append(file_id)
        self.file_states[file_id] = UNWATCHED

    def next(self, *troubles: Trouble | None) -> None:
        """Have the next requests go wrong, whatever they ask; None goes well."""
        self._queued.extend(troubles)

    def on(self, ask: Ask, *troubles: Trouble | None) -> None:
        """Have the next requests of one kind go wrong; None goes well."""
        self._queued_for[ask].extend(troubles)

    def poison(self, item_id: str, trouble: Trouble | None) -> None:
        """Have everything that names an item go wrong; None ends it."""
        if trouble is None:
            self._poison.pop(item_id, None)
        else:
            self._poison[item_id] = trouble

    def count(self, ask: Ask | None = None) -> int:
        """Return how many requests arrived, of one kind or of all."""
        return sum(ask in {None, one.ask} for one in self.requests)

    @property
    def writes(self) -> list[tuple[str, Change]]:
        """Every write that arrived: item id and change."""
        return [
            (one.item_ids[0], one.change)
            for one in self.requests
            if one.change is not None
        ]

    def elsewhere(self, item_id: str, state: PlayState) -> None:
        """Have another client of this user set a play state."""
        self.touched.add(item_id)
        self.written_to(item_id)
        self.states[item_id] = state
        self._tell_later(item_id)

    def mark_elsewhere(self, item_id: str, *, watched: bool) -> None:
        """Have another client mark or un-mark an item, or all below a container."""
        item = self.items[item_id]
        leaves = self._below(item) if item.kind.is_container else [item]
        change = MarkWatched() if watched else MarkUnwatched()
        self.touched.update(leaf.item_id for leaf in leaves)
        for leaf in leaves:
            self._change(leaf, change, dated=False, alone=leaf is item)

    def tell(self, event: ServerEvent | ServerError | None) -> None:
        """Send an event to whoever listens; an error or None ends the subscription."""
        for socket in self.sockets:
            socket.put_nowait(event)

    def played_elsewhere(self, item_id: str) -> None:
        """Have this user watch something to the end in another client, now."""
        state = self.states[item_id]
        self.elsewhere(
            item_id,
            PlayState(
                watched=True,
                play_count=state.play_count + 1,
                last_played=self.server_now(),
            ),
        )

    def begin_elsewhere(self, item_id: str) -> None:
        """Have a player of this user begin something: Jellyfin counts and dates it.

        It starts from what is shown of the item alone.
        """
        state = self.shown_alone(item_id)
        if not self.kind.repeat_safe:
            self.elsewhere(item_id, state)
            return
        cleared = self.clears_flag and state.watched is True
        # It is begun again too where the start goes by what lists do not show.
        again = cleared or (not state.watched and self.states[item_id].watched is True)
        self.elsewhere(
            item_id,
            replace(
                state,
                watched=state.watched and not cleared,
                begun_again=state.begun_again or again,
                play_count=state.play_count + 1,
                last_played=self.server_now(),
            ),
        )

    def progress_elsewhere(self, item_id: str, position: float) -> None:
        """Have a player of this user be somewhere: near the end it is watched."""
        self.touched.add(item_id)
        self._write_alone(item_id)
        leaf, state = self.items[item_id], self.states[item_id]
        if position < 0.9 * (leaf.duration or 0.0):
            is_early = position < 0.05 * (leaf.duration or 0.0)
            is_left_out = is_early and self.kind.repeat_safe
            self._set_position(leaf, 0.0 if is_left_out else position)
        elif self.kind.repeat_safe:
            self.states[item_id] = replace(
                state, watched=True, position=0.0, begun_again=False
            )
        elif state.position > 0 or not state.watched:
            self.played_elsewhere(item_id)

    def stop_elsewhere(self, item_id: str, position: float | None) -> None:
        """Have a player of this user stop, which may not say where it was.

        Jellyfin then takes it for the end, and counts another play. It also takes a
        stop without a start, which leaves neither count nor date.
        """
        state = self.shown_alone(item_id)
        if position is not None:
            self.progress_elsewhere(item_id, position)
        elif self.kind.repeat_safe:
            self.elsewhere(
                item_id,
                replace(
                    state,
                    watched=True,
                    position=0.0,
                    play_count=state.play_count + 1,
                    begun_again=False,
                ),
            )

    def restart(self) -> None:
        """Forget what is in no database; whoever waits for an answer gets none."""
        self._lives += 1
        self.alone.clear()
        self.stale.clear()
        self._noticed.clear()

    def replace_file(self, old: str, new: str) -> None:
        """Have the file of an item replaced: it comes back under another id."""
        item = replace(self.items.pop(old), item_id=new)
        self.items[new] = item
        self.states[new] = self.states.pop(old)

    def renumber(self, new_ids: Mapping[str, str]) -> None:
        """Have works come back under other ids, as from another database.

        *new_ids* are theirs by the old ones; an id may become another work's. What
        refers to them is renumbered too, also in what was noted, and what is not named
        keeps its id. Whoever waits for an answer gets none: the server was restarted.
        """

        def new(item_id: str | None) -> str | None:
            return None if item_id is None else new_ids.get(item_id, item_id)

        assert len(set(map(new, self.items))) == len(self.items), "two with one id"
        self.items = {
            new_ids.get(item_id, item_id): replace(
                item,
                item_id=new_ids.get(item_id, item_id),
                show_id=new(item.show_id),
                season_id=new(item.season_id),
            )
            for item_id, item in self.items.items()
        }
        self.states = {new_ids.get(one, one): s for one, s in self.states.items()}
        self.plays = Counter(
            {new_ids.get(one, one): count for one, count in self.plays.items()}
        )
        self.doubled = [new_ids.get(one, one) for one in self.doubled]
        self.touched = {new_ids.get(one, one) for one in self.touched}
        self.hidden = {new_ids.get(one, one) for one in self.hidden}
        self.forbidden = {new_ids.get(one, one) for one in self.forbidden}
        self.requests = [
            replace(one, item_ids=tuple(new_ids.get(x, x) for x in one.item_ids))
            for one in self.requests
        ]
        self.restart()

    def swap(self, one: str, other: str) -> None:
        """Have two works come back under each other's ids."""
        self.renumber({one: other, other: one})

    def server_now(self) -> datetime:
        """Return the time by the server's own clock; Plex counts whole seconds."""
        now = self.clock.true_now() + self.skew
        return now if self.kind.repeat_safe else now.replace(microsecond=0)

    def shown_alone(self, item_id: str) -> PlayState:
        """Return what an item shows that is asked for by itself."""
        return self.alone.get(item_id, self.states[item_id])

    def watched(self, *item_ids: str) -> list[bool | None]:
        """Return the flags of some items."""
        return [self.states[item_id].watched for item_id in item_ids]

    # --- the port ----------------------------------------------------------

    @property
    def capabilities(self) -> Capabilities:
        return self.kind

    @property
    def clock_offset(self) -> timedelta | None:
        return self._offset

    @property
    def oddities(self) -> Mapping[str, int]:
        return {}

    def item_id(self, text: str) -> str | None:
        return text

    async def probe(self) -> ServerInfo:
        await self._request(Ask.PROBE)
        return ServerInfo(self.server_id, "Model", "1.0", "user", "User")

    async def libraries(self) -> Sequence[Library]:
        return await self._request(
            Ask.LIBRARIES,
            (),
            lambda: [
                Library(one, one, kind, not self.allowed or one in self.allowed)
                for one, kind in self.shelves.items()
            ],
        )

    async def fetch(self, item_ids: Collection[str]) -> Mapping[str, Reading]:
        assert item_ids, "a request for nothing"
        wanted = tuple(sorted(item_ids))
        return await self._request(
            Ask.FETCH,
            wanted,
            lambda: {
                item_id: reading
                for item_id in wanted
                if self._shows(item_id)
                and (reading := self.spoil(self.reading(item_id))) is not None
            },
        )

    async def resolve(self, item_id: str, find: Find) -> Reading | None:  # noqa: ARG002 - here every file names its film
        films = (film for film, files in self.files.items() if item_id in files)
        film = next(films, item_id)
        return (await self.fetch([film])).get(film)

    async def fetch_files(
        self, films: Collection[Item]
    ) -> Mapping[str, Sequence[Reading]]:
        """As up to Jellyfin 10.11."""
        assert all(film.item_id in self.files for film in films), "not worth asking"
        return await self._request(
            Ask.FILES,
            tuple(sorted(film.item_id for film in films)),
            lambda: {
                film.item_id: [
                    Reading(replace(film, item_id=file), self.file_states[file])
                    for file in self.files[film.item_id]
                ]
                for film in films
            },
        )

    async def fetch_leaves(self, item: Item) -> Sequence[Reading]:
        def leaves() -> list[Reading]:
            if item.item_id in self.forbidden or not self._shows(item.item_id):
                raise ItemGone(item.item_id)
            show_id = item.show_id or item.item_id
            return [
                replace(one, item=one.item.listed_for(show_id))
                for one in (self.reading(leaf.item_id) for leaf in self._below(item))
            ]

        return await self._request(Ask.LEAVES, (item.item_id,), leaves)

    async def write(self, item: Item, change: Change, state: PlayState) -> None:
        """Carry a write out, counted as one under way while it lasts."""
        self.writing += 1
        self.most_at_once = max(self.most_at_once, self.writing)
        written = [item.item_id]
        if item.kind.is_container:
            written += [leaf.item_id for leaf in self._below(item)]
        self._under_way.update(written)
        self.overlapped += [one for one in written if self._under_way[one] > 1]
        try:
            await self._send(item, change, state)
        finally:
            self.writing -= 1
            self._under_way.subtract(written)

    async def _send(self, item: Item, change: Change, state: PlayState) -> None:
        await self._request(
            Ask.WRITE,
            (item.item_id,),
            lambda: self._carry_out(item, change, state),
            change,
        )

    def note_position_not_kept(self, position: float, duration: float) -> None:
        self.not_kept.append(position)
        if position >= duration * self.limits.max_progress:
            self.kind = replace(self.kind, max_progress=position / duration)

    async def is_whole(self, leaf: Reading) -> bool:
        if not self.kind.repeat_safe:
            return True  # Plex has one view, and is not asked
        item_id = leaf.item.item_id
        whole = await self._request(
            Ask.ALONE,
            (item_id,),
            lambda: self.alone.get(item_id, leaf.state).agrees_with(leaf.state),
        )
        if not whole:
            self.kind = replace(self.kind, marks_containers=False)
        return whole

    async def search(
        self, query: str, kinds: Collection[MediaKind], limit: int
    ) -> Sequence[Reading]:
        def found() -> list[Reading]:
            # Every character counts but for its case, as it may on a server.
            return [
                self.reading(item.item_id)
                for spelling in spellings(query)
                for item in self.items.values()
                if item.kind in kinds and spelling.casefold() in item.title.casefold()
            ]

        return await self._request(
            Ask.SEARCH, (), lambda: likest_first(found(), query)[:limit]
        )

    async def find(
        self, kind: MediaKind, ids: ProviderIds, title: str | None = None
    ) -> Sequence[Reading]:
        if not (self.kind.finds_by_ids or title):
            return await self._request(Ask.FIND, (), list)
        return await self._request(
            Ask.FIND,
            (),
            lambda: [
                self.reading(item.item_id)
                for item in self.items.values()
                if item.kind is kind
                and item.provider_ids.matches(ids)
                and item.item_id not in self.hidden | self.forbidden
                and (self.kind.finds_by_ids or item.item_id not in self.foreign)
            ],
        )

    async def inventory_page(
        self, library: Library, kind: MediaKind, start: int = 0
    ) -> Page:
        """As real ones: Jellyfin tells no total, so its full pages are not the last."""
        listed = {MediaKind.MOVIE, MediaKind.SHOW}
        if self.kind.lists_episodes:
            listed.add(MediaKind.EPISODE)
        if kind not in listed:
            raise Unsupported(f"no {kind} is listed by itself")

        def page() -> Page:
            held = self._held(library, kind)
            end = start + self.page
            is_last = end >= len(held) if self.kind.lists_episodes else end > len(held)
            return Page(
                [self.reading(item_id) for item_id in held[start:end]],
                None if is_last else end,
            )

        return await self._request(
            Ask.INVENTORY, (), page, library_id=library.library_id
        )

    async def count_unwatched(self, library: Library | None, kind: MediaKind) -> int:
        """As Plex, which counts what was begun; Jellyfin does not count."""
        if kind.is_container or not self.kind.lists_episodes:
            raise Unsupported(f"no {kind} is counted")
        return await self._request(
            Ask.COUNT,
            (),
            lambda: sum(
                not self.stale.get(item_id, self.states[item_id]).watched
                for item_id in self._held(library, kind)
            ),
            library_id=None if library is None else library.library_id,
        )

    def _held(self, library: Library | None, kind: MediaKind) -> list[str]:
        """Return the ids of what a library lists of a kind, or all of them do."""
        held = set(self.shelves) if library is None else {library.library_id}
        if not held <= self.shelves.keys():
            raise ItemGone(", ".join(held))
        unseen = self.hidden | self.forbidden
        return [
            item_id
            for item_id, item in self.items.items()
            if item.kind is kind and item.library_id in held and item_id not in unseen
        ]

    async def up_next(self, limit: int) -> Sequence[Reading]:
        return await self._request(
            Ask.UP_NEXT,
            (),
            lambda: [
                self.reading(item_id)
                for item_id, state in self.states.items()
                if not state.watched
            ][:limit],
        )

    async def last_played(self, limit: int) -> Sequence[Reading]:
        if not self.kind.lists_plays:
            raise Unsupported("this kind of server would take minutes")
        return await self._request(
            Ask.LAST_PLAYED,
            (),
            lambda: [
                self.reading(item_id)
                for item_id, _ in nlargest(
                    limit,
                    (one for one in self.states.items() if one[1].last_played),
                    key=lambda one: str(one[1].last_played),
                )
            ],
        )

    async def listen(self) -> AsyncGenerator[ServerEvent]:
        """Yield what `tell` is told until it is told an error or None."""
        await self._request(Ask.LISTEN)
        socket: asyncio.Queue[ServerEvent | ServerError | None] = asyncio.Queue()
        self.sockets.append(socket)
        try:
            yield Connected()
            while (event := await socket.get()) is not None:
                if isinstance(event, ServerError):
                    raise event
                yield event
        finally:
            self.sockets.remove(socket)

    async def session_user(self, session_id: str) -> str | None:
        raise Unsupported(f"nobody asks the model whose {session_id} is")

    async def report(self, report: PlaybackReport) -> None:
        item = report.item
        if item.kind.is_container:
            raise Unsupported("only films and episodes can be played")
        await self._request(
            Ask.REPORT, (item.item_id,), lambda: self._follow_playback(report)
        )

    async def image(self, item: Item, *, width: int) -> Image:
        def picture() -> Image:
            if not self._shows(item.item_id):
                raise ItemGone(item.item_id)
            return Image("image/png", f"{item.item_id} {width}".encode())

        return await self._request(Ask.IMAGE, (item.item_id,), picture)

    # --- inside ------------------------------------------------------------

    async def _request[T](
        self,
        ask: Ask,
        item_ids: tuple[str, ...] = (),
        answer: Callable[[], T] = lambda: None,  # type: ignore[assignment, return-value]  # a probe carries nothing
        change: Change | None = None,
        *,
        library_id: str | None = None,
    ) -> T:
        request = Request(ask, item_ids, change, self.clock.monotonic(), library_id)
        self.requests.append(request)
        trouble = self._trouble_with(request)
        answer = self._in_this_life(answer)
        try:
            await asyncio.sleep(self.latency)
        except asyncio.CancelledError:
            if trouble is None and ask is Ask.WRITE:
                # It is on its way, whether anybody waits for the answer or not.
                asyncio.get_running_loop().call_soon(_unheard, answer)
            raise
        if trouble is None:
            found = answer()
            self._answered()
            return found
        result: Any = None
        match trouble.kind:
            case Kind.HANG:
                await asyncio.sleep(TIMEOUT)
            case Kind.SLOW:
                asyncio.get_running_loop().call_later(
                    TIMEOUT + trouble.seconds, _unheard, answer
                )
                await asyncio.sleep(TIMEOUT)
            case Kind.LATE:
                result = answer()
                await asyncio.sleep(trouble.seconds)
            case Kind.DROP:
                answer()
                await asyncio.sleep(trouble.seconds)
            case Kind.LIE if ask is not Ask.WRITE:
                result = answer()
            case Kind.HALF if ask is Ask.WRITE:
                self._half(item_ids[0], change)
            case _:
                pass  # refused before anything was done
        error = trouble.error()
        if not isinstance(error, Unreachable):
            self._answered()
        if error is not None:
            raise error
        return result

    def _in_this_life[T](self, answer: Callable[[], T]) -> Callable[[], T]:
        """Return what does nothing once the server was restarted."""
        life = self._lives

        def answered() -> T:
            if self._lives != life:
                raise Unreachable("the server was restarted")
            return answer()

        return answered

    def _trouble_with(self, request: Request) -> Trouble | None:
        if self.down:
            return REFUSE
        if not self.token_good:
            return AUTH
        if not self.lets_in:
            return FORBIDDEN
        if self._queued:
            return self._queued.popleft()
        if queued := self._queued_for[request.ask]:
            return queued.popleft()
        for item_id in request.item_ids:
            if item_id in self._poison:
                return self._poison[item_id]
        return self.trouble(request) if self.trouble else None

    def _answered(self) -> None:
        self._offset = self.server_now() - self.clock.now()

    def _shows(self, item_id: str) -> bool:
        return item_id in self.items and item_id not in self.hidden

    def _below(self, item: Item) -> list[Item]:
        """Return what a show or season lists."""
        parent = self.items[item.item_id]
        show_id = parent.show_id or parent.item_id
        return [
            leaf
            for leaf in self.items.values()
            if leaf.kind is MediaKind.EPISODE
            and parent.covers(
                leaf.listed_for(show_id)
                if {show_id, leaf.show_id} <= self.same_show
                else leaf
            )
            and leaf.item_id not in self.hidden
        ]

    def reading(self, item_id: str) -> Reading:
        """Return what the server says of an item, without asking it."""
        item = self.items[item_id]
        if not item.kind.is_container:
            state = self.stale.get(item_id, self.states[item_id])
            # No server says that it was watched before.
            if state.begun_again:
                state = replace(state, begun_again=False)
            return Reading(item, state, has_more_files=item_id in self.files)
        # Of a show in several folders those in one of them are counted.
        leaves = [
            self.states[leaf.item_id] for leaf in self._below(item) if item.covers(leaf)
        ]
        watched = sum(state.watched is True for state in leaves)
        return Reading(
            item,
            PlayState(watched == len(leaves) if leaves else None),
            len(leaves),
            watched,
        )

    def _carry_out(self, item: Item, change: Change, state: PlayState) -> None:
        is_file = item.item_id in self.file_states
        if item.item_id in self.forbidden or not (is_file or self._shows(item.item_id)):
            raise ItemGone(item.item_id)
        if is_file:
            state = self.file_states[item.item_id]
            self.file_states[item.item_id] = change.apply(state)
            return
        if item.kind.is_container:
            if isinstance(change, SetProgress):
                raise Unsupported("a container has no position")
            for leaf in self._marked_with(item):
                self._asked(leaf, change)
                self._change(leaf, change, dated=False, alone=False)
        else:
            assert not isinstance(change, SetProgress) or change.watched is None
            self._asked(self.items[item.item_id], change)
            if isinstance(change, SetProgress):
                if self.kind.repeat_safe:
                    self.as_jellyfin_client(item.item_id, change, state)
                else:
                    change = self._as_plex_client(change, state)
            self._change(self.items[item.item_id], change, dated=True, alone=True)
        if self.after_write is not None:
            self.after_write(item)

    def _marked_with(self, item: Item) -> list[Item]:
        """Return what the mark of a show or season reaches."""
        if item.item_id in self.forbidden:
            return []
        return [
            leaf for leaf in self._below(item) if leaf.item_id not in self.forbidden
        ]

    def as_jellyfin_client(
        self, item_id: str, change: SetProgress, state: PlayState
    ) -> None:
        """Write what the Jellyfin client sends with a position: all there is to say."""
        date = change.at or state.last_played
        if date is None and (change.position or state.watched):
            date = self.server_now()
        self.written_to(item_id)
        self.states[item_id] = replace(state, last_played=date)

    @staticmethod
    def _as_plex_client(change: SetProgress, state: PlayState) -> Change:
        """Return what the Plex client sends for a position; 0 is never kept."""
        if change.position > 0:
            return change
        if state.watched:
            raise Unsupported("a watched item keeps its resume position")
        return MarkUnwatched()

    def _half(self, item_id: str, change: Change | None) -> None:
        item = self.items[item_id]
        if item.kind.is_container and change is not None:
            for leaf in self._marked_with(item)[::2]:
                self._asked(leaf, change)
                self._change(leaf, change, dated=False, alone=False)

    def _change(self, leaf: Item, change: Change, *, dated: bool, alone: bool) -> None:
        """Carry a change out for one item, *alone* or as one below a container."""
        item_id = leaf.item_id
        if alone:
            self._write_alone(item_id)
        else:
            self.stale.pop(item_id, None)
            if self.leaves_old_state:
                self.alone.setdefault(item_id, self.states[item_id])
        self._apply(leaf, change, dated=dated)
        if alone:
            self._tell_later(item_id)

    def _write_alone(self, item_id: str) -> None:
        """Have a request for an item by itself write over what it shows alone."""
        shown, alone = self.states[item_id], self.shown_alone(item_id)
        # Plays that it does not show by itself are not counted any more either.
        self.plays[item_id] -= max(shown.play_count - alone.play_count, 0)
        self.states[item_id] = alone
        self.written_to(item_id)

    def written_to(self, item_id: str) -> None:
        """Have what is written to an item by itself be all there is to show."""
        self.alone.pop(item_id, None)
        self.stale.pop(item_id, None)
        self._noticed.pop(item_id, None)

    def _tell_later(self, item_id: str) -> None:
        """Tell of an item, as it is now, once nothing has happened for a moment."""
        if not self.shows_what_was:
            return
        self._noticed[item_id] = self.states[item_id]
        if self._notice is not None:
            self._notice.cancel()
        self._notice = asyncio.get_running_loop().call_later(NOTICE, self._tell)

    def _tell(self) -> None:
        told, self._noticed = self._noticed, {}
        stale = {
            item_id: state
            for item_id, state in told.items()
            if item_id in self.states and state != self.states[item_id]
        }
        self.stale |= stale
        asyncio.get_running_loop().call_later(self.turns_over, self._turn_over, stale)

    def _turn_over(self, stale: Mapping[str, PlayState]) -> None:
        for item_id, state in stale.items():
            if self.stale.get(item_id) is state:
                del self.stale[item_id]

    def _asked(self, leaf: Item, change: Change) -> None:
        if self.on_change is not None:
            self.on_change(leaf, change)

    def _apply(self, leaf: Item, change: Change, *, dated: bool) -> None:
        item_id = leaf.item_id
        state = self.states[item_id]
        match change:
            case MarkWatched(at):
                if state.watched and state.position <= POSITION_TOLERANCE:
                    if not self.kind.repeat_safe:
                        self.doubled.append(item_id)
                else:
                    self.plays[item_id] += 1
                if self.kind.repeat_safe:
                    self.states[item_id] = PlayState(
                        watched=True,
                        play_count=max(state.play_count, 1),
                        last_played=(at if dated else None)
                        or state.last_played
                        or self.server_now(),
                    )
                else:
                    self.states[item_id] = PlayState(
                        watched=True,
                        play_count=state.play_count + 1,
                        last_played=self.server_now(),
                    )
            case MarkUnwatched():
                self.states[item_id] = UNWATCHED
            case SetProgress(position):
                self._set_position(leaf, position)

    def _follow_playback(self, report: PlaybackReport) -> None:
        """Do what the reports of a player do: follow it, count a play once.

        Plex marks what crosses its threshold within one session. Jellyfin counts the
        start, and marks what is told to be past the threshold.
        """
        item_id = report.item.item_id
        if not self._shows(item_id):
            raise ItemGone(item_id)
        leaf = self.items[item_id]
        before = self.playing.get(report.session_id)
        self._write_alone(item_id)
        state = self.states[item_id]
        far = 0.9 * (leaf.duration or 0.0)
        # A watched item that is begun again stays watched: its start is not told.
        if before is None and self.kind.repeat_safe and not state.watched:
            state = self.states[item_id] = replace(
                state, play_count=state.play_count + 1, last_played=self.server_now()
            )
        if report.position < far:
            self._set_position(leaf, report.position)
        elif self.kind.repeat_safe:
            self.states[item_id] = replace(state, watched=True, position=0.0)
        elif before is not None and 0 < before.position < far:
            self.states[item_id] = PlayState(
                watched=True,
                play_count=state.play_count + 1,
                last_played=self.server_now(),
            )
        if report.state is PlaybackState.STOPPED:
            self.playing.pop(report.session_id, None)
        else:
            self.playing[report.session_id] = report

    def _set_position(self, leaf: Item, position: float) -> None:
        state = self.states[leaf.item_id]
        if self.kind.repeat_safe:
            kept = min(position, leaf.duration or position)
            self.states[leaf.item_id] = replace(state, position=kept)
        elif (
            leaf.duration is not None
            and self.limits.min_position
            <= position
            < leaf.duration * self.limits.max_progress
        ):
            self.states[leaf.item_id] = replace(
                state, position=position, last_played=self.server_now()
            )


# --- the disk --------------------------------------------------------------


#: Operations, those given up and those done, as they were at one moment.
type Stored = tuple[
    tuple[Operation, ...], tuple[Operation, ...], tuple[HistoryEntry, ...]
]


class MemoryJournal:
    """A disk that holds the outbox, and can fail or take its time.

    `stored` is the last write that was completed: what a crash leaves. It becomes JSON
    when it is read: most of what is written never is. `outbox` has to be set before the
    first save.
    """

    def __init__(self, *, seconds: float = 0.01, later: float = 2.0) -> None:
        """Take *seconds* for a write, and start a late one after *later* seconds."""
        self.seconds = seconds
        self.later = later
        self.outbox = Outbox()
        self.stored = self._snapshot()
        self.writes = 0
        self.failures: deque[bool] = deque()
        self.broken = False
        self.dead = False
        self._started = 0
        self._completed = 0
        self._timer: asyncio.TimerHandle | None = None

    def fail_next(self, *fail: bool) -> None:
        """Say for the next writes whether each fails."""
        self.failures.extend(fail or (True,))

    def check(self, operation: Operation) -> None:
        try:
            encode_operation(operation)
        except DAMAGE as err:
            raise Unstorable(repr(err)) from err

    async def save(self) -> None:
        self._started += 1
        number, stored = self._started, self._snapshot()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.seconds:
            await asyncio.sleep(self.seconds)
        self._complete(number, stored)

    def save_later(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(
                self.later, self._save_late
            )

    def restore(self) -> Outbox:
        """Return the outbox that a new start would find: as JSON, and back."""
        operations, rejected, history = self.stored
        text = json.dumps(
            {
                "operations": [encode_operation(one) for one in operations],
                "rejected": [encode_operation(one) for one in rejected],
                "history": [encode_history_entry(one) for one in history],
            }
        )
        found = decode_outbox(json.loads(text))
        assert not found.damaged
        return found.outbox

    def _save_late(self) -> None:
        self._timer = None
        self._started += 1
        try:
            self._complete(self._started, self._snapshot())
        except JournalError:
            self.save_later()

    def _snapshot(self) -> Stored:
        """Return what is there now; nothing of it changes any more."""
        outbox = self.outbox
        return tuple(outbox), tuple(outbox.rejected), tuple(outbox.history)

    def _complete(self, number: int, stored: Stored) -> None:
        if self.dead:
            return
        if self.broken or (self.failures and self.failures.popleft()):
            raise JournalError("no space left on device")
        self.writes += 1
        if number > self._completed:
            self._completed, self.stored = number, stored


def readings(server: ModelServer, items: Iterable[Item]) -> list[Reading]:
    """Return what a server says of some items, without asking it."""
    return [server.reading(item.item_id) for item in items]
