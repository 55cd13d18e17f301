"""A simulated world of one lane that keeps a catalogue of all that its server has.

Files come, go, and get other ids and numbers; libraries are hidden, emptied and shown
again; others mark and watch; listings are slow or fail; the process dies, its catalogue
is lost or fails, and clocks are wrong. Everything follows from one seed, in virtual
time. Then it all stops, and the catalogue has to say what the server says.

What the core has is real: lane, relay, observer and inventory. Whoever only listens to
what is told has to know as much: what he heard last of a film or episode is how it is.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
import random
from typing import override

from custom_components.watched_sync.core.activity import (
    Activity,
    ActivityKind,
    Chronicle,
)
from custom_components.watched_sync.core.catalogue import Progress, Sweep
from custom_components.watched_sync.core.codec import decode_reading, encode_reading
from custom_components.watched_sync.core.errors import Unreachable
from custom_components.watched_sync.core.identity import NO_IDS, Item, MediaKind
from custom_components.watched_sync.core.inventory import FEW, ROUND_REST, Inventory
from custom_components.watched_sync.core.lane import Lane, LaneUpdate
from custom_components.watched_sync.core.ledger import Ledger
from custom_components.watched_sync.core.observer import Observer, UnwatchedCounts
from custom_components.watched_sync.core.operation import (
    Change,
    MarkUnwatched,
    MarkWatched,
    Operation,
    SetProgress,
)
from custom_components.watched_sync.core.outbox import Outbox
from custom_components.watched_sync.core.pace import Pace
from custom_components.watched_sync.core.play_state import PlayState, Reading
from custom_components.watched_sync.core.ports import Changed, Library, Page, Told
from custom_components.watched_sync.core.reconcile import Policy
from custom_components.watched_sync.core.relay import Relay
from tests.core.memory_catalogue import MemoryCatalogue
from tests.core.twins import (
    UNWATCHED,
    Ask,
    Kind,
    MemoryJournal,
    ModelServer,
    Request,
    Trouble,
    episode,
    movie,
    show,
)
from tests.core.virtual import VirtualClock, VirtualLoop, run

from .reader import ShortReader
from .records import Broken
from .tally import Tally

HOUR = 3600.0
DAY = 24 * HOUR

#: Seconds in which things happen, and between two of them.
EVENTFUL = (HOUR / 2, HOUR, 2 * HOUR)
PAUSES = (20.0, 60.0, 300.0)

#: Seconds between two writes of the ledger, and in which what was read is on disk at
#: the latest.
STORE = 10.0
ON_DISK = 15.0

#: Seconds in which what we have written may pass for what others did, or hide it.
OURS = 120.0

#: Seconds in which everything has to be read once more, and what that shows be seen.
PATIENCE = 4 * DAY
SEEN = 2 * ROUND_REST

#: How many glances there are for one that reads, once nothing happens any more.
SELDOM = 20

#: How often somebody asks for the library to be read again in the end. The others wait
#: for the day on which it is read anyhow, and that is most of what a world costs.
ASKED = 0.9

#: Seconds after that in which nothing may be listed any more; and how often as long may
#: pass until then, as what took a slow server long rests three times as long.
AFTERWARDS = HOUR
MOST_AFTERWARDS = 3

#: Libraries, and which kind they are of.
LIBRARIES = {
    "films": MediaKind.MOVIE,
    "more": MediaKind.MOVIE,
    "shows": MediaKind.SHOW,
    "serials": MediaKind.SHOW,
}

#: What is counted under these names, and why something is left out.
AGREE = "the catalogue says what the server says"
NOTHING_ELSE = "the catalogue has nothing that is not there"
HEARD = "who listens knows how it is"
ONCE = "a change is told once, and only if there was one"
ALONE = "the inventory sends one request at a time"
ENDS = "what is quiet is not listed again"
NOT_KNOWN = "it was not known, or not in doubt, when it changed"
UNTOLD = "where nothing is told, or somebody else asks, it has to be asked for"
BELIEVED_LOST = "so much is gone that it is not believed"

#: How much of each invariant has to be checked: in a world on average, and as a part of
#: all it is about.
FLOORS: Mapping[str, tuple[float, float]] = {
    AGREE: (15, 1.0),
    NOTHING_ELSE: (15, 0.8),
    HEARD: (4, 0.3),
    ONCE: (4, 1.0),
    ALONE: (30, 1.0),
    ENDS: (0.5, 0.5),
}

_FLAGS = {ActivityKind.WATCHED: True, ActivityKind.UNWATCHED: False}

_TROUBLES = (
    Kind.REFUSE,
    Kind.HANG,
    Kind.LATE,
    Kind.ERROR,
    Kind.BUSY,
    Kind.HTML,
)


class CataloguedServer(ModelServer):
    """A server that counts how many listings are asked of it, and how many at once.

    What is asked beside them, as it costs the server nothing, is none.

    Nor is what is asked while it `is_searched`: operations that wait for an item, or
    cannot read one, ask for shows and libraries themselves.
    """

    def __init__(self, *args: object, **options: object) -> None:
        """Start with nothing to list."""
        super().__init__(*args, **options)  # type: ignore[arg-type]  # as they come
        self.is_searched: Callable[[], bool] = lambda: False
        self.listings = 0
        self.listing = 0
        self.most_listings = 0

    @asynccontextmanager
    async def _listed(self) -> AsyncGenerator[None]:
        self.listing += 1
        self.listings += 1
        self.most_listings = max(self.most_listings, self.listing)
        try:
            yield
        finally:
            self.listing -= 1

    @override
    async def libraries(self) -> Sequence[Library]:
        if self.is_searched():
            return await super().libraries()
        async with self._listed():
            return await super().libraries()

    @override
    async def inventory_page(
        self, library: Library, kind: MediaKind, start: int = 0
    ) -> Page:
        async with self._listed():
            return await super().inventory_page(library, kind, start)

    @override
    async def fetch_leaves(self, item: Item) -> Sequence[Reading]:
        if self.is_searched():
            return await super().fetch_leaves(item)
        async with self._listed():
            return await super().fetch_leaves(item)


class DiskCatalogue(MemoryCatalogue):
    """A catalogue that can be looked into, and tells when everything was read."""

    def __init__(self, finished: Callable[[], None]) -> None:
        """Begin with nothing; *finished* is called at the end of each whole round."""
        super().__init__()
        self._finished = finished
        #: What a library did not show of a kind when it was listed last.
        self.missing: dict[tuple[str | None, MediaKind], frozenset[str]] = {}

    @override
    async def sweep(self, library_id: str, kind: MediaKind, round_no: int) -> Sweep:
        sweep = await super().sweep(library_id, kind, round_no)
        self.missing[library_id, kind] = frozenset(sweep.missing)
        return sweep

    @override
    async def note(self, progress: Progress) -> None:
        before = await self.progress()
        await super().note(progress)
        if progress.finished_at != before.finished_at:
            self._finished()

    @property
    def rows(self) -> Mapping[str, Reading]:
        """All that is known, by id; also while every call fails."""
        return self._readings


class CalmReader(ShortReader):
    """Reads for the observer, and seldom once nothing happens any more."""

    is_calm = False
    _glances = 0

    @override
    async def glance(self) -> None:
        self._glances += 1
        if not self.is_calm or self._glances % SELDOM == 0:
            await super().glance()


class CalmCounts:
    """Compares counts for the observer, and seldom once nothing happens any more."""

    is_calm = False
    _compared = 0

    def __init__(self, counts: UnwatchedCounts) -> None:
        """Compare what *counts* does."""
        self._counts = counts

    async def agree(self) -> bool | None:
        """Ask whether as much is unwatched as is known; None if nobody can say."""
        self._compared += 1
        if self.is_calm and self._compared % SELDOM:
            return True
        return await self._counts.agree()

    def find_out(self) -> None:
        """Have found out what differs."""
        self._counts.find_out()


@dataclass(slots=True)
class Work:
    """What became of one film or episode.

    `heard` is what somebody knows of it who only listens: whether it is watched. It is
    None where that cannot be said. `position` is what he heard with it. `changed_at` is
    when others changed it last, in seconds like all moments here. `marked` and
    `told` count the changes that others made and that were told, by what they made of
    it; `may_repeat` how many may be told again, as it was forgotten that they were.
    """

    heard: bool | None = None
    heard_at: float = -DAY
    changed_at: float = -DAY
    position: float = 0.0
    ours_at: float = -DAY
    marked: Counter[bool] = field(default_factory=Counter)
    told: Counter[bool] = field(default_factory=Counter)
    may_repeat: int = 0


class Catalogued:
    """One lane, its server, its catalogue and the people around it."""

    def __init__(self, seed: int, loop: VirtualLoop) -> None:
        """Everything follows from *seed*."""
        self.seed = seed
        self.loop = loop
        self.rng = rng = random.Random(f"{seed} catalogued")
        self.clock = VirtualClock()
        self.tally = Tally()
        self.problems: list[str] = []
        self.works: dict[str, Work] = {}
        self.is_calm = False
        self.eventful = rng.choice(EVENTFUL)
        self.pause = rng.choice(PAUSES)
        self.trouble_rate = rng.choice((0.0, 0.0, 0.05, 0.2))
        self.crashes = rng.random() < 0.4
        self.is_slow = rng.random() < 0.1
        self._number = 0
        self._finished = 0
        self._is_away = 0
        self._hidden: set[str] = set()
        self._gone: list[tuple[Item, PlayState]] = []
        #: What each id has stood for whenever ids or numbers changed their owners.
        self._stood_for: defaultdict[str, set[Item]] = defaultdict(set)
        #: Some proxies let no socket through.
        self.is_deaf = rng.random() < 0.15
        self.server = self._make_server()
        self._stock()
        self.journal = MemoryJournal(seconds=0)
        self.catalogue = DiskCatalogue(self._note_finished)
        self.stored: tuple[list[Reading], set[str]] = ([], set())
        self.ledger = Ledger()
        self.seen_until: datetime | None = None
        self.tasks: list[asyncio.Task[None]] = []
        self.neighbour = rng.random() < 0.15
        #: Taken while the process is away: nobody can ask it for anything.
        self._alive = asyncio.Lock()
        self._assemble()

    # --- what there is ---------------------------------------------------------------

    def _make_server(self) -> CataloguedServer:
        rng = self.rng
        make = rng.choice((CataloguedServer.plex, CataloguedServer.jellyfin))
        server = make(self.clock, latency=rng.choice((0.02, 0.02, 0.5, 2.0)))
        server.shelves = dict(LIBRARIES)
        server.page = rng.choice((3, 10, 50))
        server.skew = timedelta(seconds=rng.choice((0, 0, 3, -3, 90, -7200)))
        server.trouble = self._trouble
        server.is_searched = lambda: len(self.lane.outbox) > 0
        server.after_write = lambda item: self._announce(item.item_id)
        return server

    def _stock(self) -> None:
        for _ in range(self.rng.randint(4, 14)):
            self._add_film()
        for _ in range(self.rng.randint(1, 4)):
            self._add_show()
        # What was done before anybody has listened is nobody's news.
        for item in self._shown():
            if self.rng.random() < 0.4:
                self.server.states[item.item_id] = self._old_state()

    def _old_state(self) -> PlayState:
        """Return what somebody may have made of a film or episode long ago."""
        ago = timedelta(seconds=self.rng.uniform(HOUR, 30 * DAY))
        at = self.server.server_now() - ago
        if self.rng.random() < 0.3:
            return PlayState(watched=False, position=600.0, last_played=at)
        is_dated = self.rng.random() < 0.8
        return PlayState(
            watched=True, play_count=1, last_played=at if is_dated else None
        )

    def _new_number(self) -> int:
        self._number += 1
        return self._number

    def _add_film(self) -> Item:
        """Add a film; a few have no ids, and some are another file of one."""
        number = self._new_number()
        film = movie(
            f"m{number}",
            year=1900 + number,
            duration=5000.0 + 200 * number,
            library_id=self.rng.choice(("films", "films", "more")),
        )
        films = [one for one in self._shown() if one.kind is MediaKind.MOVIE]
        if films and self.rng.random() < 0.1:
            film = replace(film, provider_ids=self.rng.choice(films).provider_ids)
        elif self.rng.random() < 0.1:
            film = replace(film, provider_ids=NO_IDS)
        self._put(film, UNWATCHED)
        return film

    def _add_show(self) -> None:
        parent = replace(
            show(f"s{self._new_number()}"),
            library_id=self.rng.choice(("shows", "shows", "serials")),
        )
        self.server.add(parent)
        for _ in range(self.rng.randint(1, 6)):
            self._add_episode(parent)

    def _add_episode(self, parent: Item) -> Item:
        """Add the next episode of a show; its title says which work it is."""
        number = self._new_number()
        one = episode(parent, 1, self._next_episode(parent))
        leaf = replace(
            one,
            item_id=f"e{number}",
            title=f"Part {number}",
            aired=date(2000, 1, 1) + timedelta(days=number),
        )
        self._put(leaf, UNWATCHED)
        return leaf

    def _next_episode(self, parent: Item) -> int:
        taken = [
            one.episode or 0
            for one in self.server.items.values()
            if one.show_id == parent.item_id
        ]
        return max(taken, default=0) + 1

    def _put(self, item: Item, state: PlayState) -> None:
        self.server.add(item, state=state)
        self.works.setdefault(item.title, Work())

    def _shown(self) -> list[Item]:
        """Return all films and episodes that the user sees."""
        return [
            one
            for one in self.server.items.values()
            if not one.kind.is_container and one.item_id not in self.server.hidden
        ]

    def _shows(self) -> list[Item]:
        return [
            one
            for one in self.server.items.values()
            if one.kind is MediaKind.SHOW and one.item_id not in self.server.hidden
        ]

    # --- lives -----------------------------------------------------------------------

    def _assemble(self) -> None:
        """Begin a life with what is on disk."""
        outbox = self.journal.restore() if self.journal.writes else Outbox()
        self.journal.outbox = outbox
        self.lane = Lane(
            outbox=outbox,
            ledger=self.ledger,
            journal=self.journal,
            clock=self.clock,
            catalogue=self.catalogue,
        )
        self.relay = Relay(
            self.lane,
            self.server,
            server_id="server",
            label="Model",
            clock=self.clock,
            rng=random.Random(self.rng.random()),
            policy=Policy.NEWEST,
            max_retry_age=timedelta(days=30),
            opening=self._open,
        )
        self.reader = CalmReader(self.lane, self.server, seen_until=self.seen_until)
        self.reader.is_calm = self.is_calm
        pace = Pace(self.clock)
        self.inventory = Inventory(
            self.lane,
            self.server,
            self.catalogue,
            pace,
            label="Model",
            played_until=self.seen_until,
            hint=self._hint,
            report=self.relay.report,
            clock=self.clock,
        )
        self.counts = CalmCounts(self.inventory)
        self.counts.is_calm = self.is_calm
        self.observer = Observer(
            self.lane,
            self.server,
            self.reader,
            label="Model",
            report=self.relay.report,
            clock=self.clock,
            rng=random.Random(self.rng.random()),
            missed=self.inventory.look_again,
            counts=self.counts,
        )
        self.chronicle = Chronicle(outbox, self.ledger)
        self.lane.add_listener(self._hear)
        self.inventory.begin()
        runs = [
            self.relay.run(),
            self.observer.run(),
            self.inventory.run(),
            self._store(),
        ]
        if self.neighbour:
            runs.append(self._another_lane(pace).run())
        self.tasks = [self.loop.create_task(one) for one in runs]

    async def _open(self) -> None:
        await self.observer.open()

    def _hint(self, change: Changed) -> None:
        self.observer.hint(change)

    def _another_lane(self, pace: Pace) -> Inventory:
        """Return the inventory of another user of this server, begun anew."""
        catalogue = MemoryCatalogue()
        journal = MemoryJournal(seconds=0)
        lane = Lane(
            outbox=journal.outbox,
            ledger=Ledger(),
            journal=journal,
            clock=self.clock,
            catalogue=catalogue,
        )
        inventory = Inventory(
            lane,
            self.server,
            catalogue,
            pace,
            label="Other",
            played_until=None,
            hint=lambda _: None,
            report=lambda _: None,
            clock=self.clock,
        )
        inventory.begin()
        return inventory

    async def _store(self) -> None:
        """Write the ledger now and then; nothing dies once it is calm."""
        while not self.is_calm:
            await asyncio.sleep(STORE)
            self._store_now()

    def _store_now(self) -> None:
        self.stored = (list(self.lane.ledger), set(self.lane.ledger.absent))
        self.seen_until = self.reader.seen_until

    async def _end(self, *, is_clean: bool) -> None:
        """End a life: orderly, or in the middle of whatever it does."""
        for task in self.tasks:
            task.cancel()
        await asyncio.wait(self.tasks)
        if is_clean:
            await self.inventory.flush()
            self._store_now()
        self.journal.dead = True
        stored, writes = self.journal.stored, self.journal.writes
        self.journal = MemoryJournal(seconds=0)
        self.journal.stored, self.journal.writes = stored, writes
        readings, absent = self.stored
        # It becomes text where it is read again: most of what is written never is.
        self.ledger = Ledger(
            (decode_reading(encode_reading(one)) for one in readings), absent
        )
        if not is_clean:
            self._forget_what_was_not_kept()

    def _forget_what_was_not_kept(self) -> None:
        """Note what will be told again, as it died with the process that it was."""
        now = self.loop.time()
        # Also of what is hidden: it may be seen again, or was asked for before.
        there = {one.title: one for one in self.server.items.values()}
        for title, work in self.works.items():
            item = there.get(title)
            known = None if item is None else self._known_state(item)
            if known is None:
                work.heard = None
            elif now - work.heard_at <= ON_DISK and (
                known.watched is not work.heard or known.position != work.position
            ):
                work.heard = known.watched
                work.may_repeat += 1

    # --- who listens -----------------------------------------------------------------

    def _hear(self, update: LaneUpdate) -> None:
        for one in self.chronicle.tell(update):
            if one.item is not None and one.what in _FLAGS:
                self._heard(one, self.works[one.item.title], _FLAGS[one.what])

    def _heard(self, activity: Activity, work: Work, watched: bool) -> None:  # noqa: FBT001 - the flag itself
        work.heard_at = self.loop.time()
        work.position = activity.state.position if activity.state else 0.0
        if activity.operation is None:
            self.tally.check(ONCE)
            work.told[watched] += 1
            title = activity.item.title if activity.item else ""
            if work.heard is watched and not activity.again:
                self.problems.append(f"{title} was told twice as {watched=}")
            if work.told[watched] > work.marked[watched] + work.may_repeat:
                self.problems.append(f"{title} was told as {watched=}: nobody did that")
        # What is told of a file that was replaced says nothing of the new one.
        is_there = activity.item is not None and self._is_there(activity.item)
        work.heard = watched if is_there else None

    def _is_there(self, item: Item) -> bool:
        """Whether the server still has this film or episode under its id."""
        here = self.server.items.get(item.item_id)
        return here is not None and here.title == item.title

    def _known(self, item: Item) -> bool | None:
        """Return whether an item is watched as far as the lane knows, None if not."""
        known = self._known_state(item)
        return None if known is None else known.watched

    def _known_state(self, item: Item) -> PlayState | None:
        """Return what an item shows as far as the lane knows, None if it does not."""
        ledger = self.ledger
        if item.item_id in ledger.absent:
            return None
        known = ledger.reading(item.item_id)
        if known is None or known.state.watched is None:
            known = self.catalogue.rows.get(item.item_id)
        if known is None or not known.item.is_still(item):
            return None
        return known.state.keeping_flag()

    def _item(self, title: str) -> Item | None:
        return next((one for one in self._shown() if one.title == title), None)

    def _is_ours(self, work: Work, item: Item) -> bool:
        """Whether we are writing to an item, or were until just now."""
        return (
            self.loop.time() - work.ours_at <= OURS
            or next(iter(self.lane.outbox.concerning(item)), None) is not None
        )

    def _before_change(self, item: Item) -> Work:
        """Note what is known of an item that others are about to change."""
        work = self.works[item.title]
        known = self._known(item)
        if known is None or self.catalogue.fail or self._is_ours(work, item):
            work.heard = None
        elif work.heard is None:
            work.heard = known
        work.changed_at = self.loop.time()
        return work

    def _before_move(self, *items: Item) -> None:
        """Note that what was not noticed of items will hardly be: they go elsewhere."""
        for item in items:
            work = self.works.get(item.title)
            if work is not None and not item.kind.is_container:
                flag = self.server.states[item.item_id].keeping_flag().watched
                # Of two changes in a row that were not told yet, one may be.
                if work.heard is not flag or work.changed_at > work.heard_at:
                    work.heard = None

    # --- how it goes -----------------------------------------------------------------

    async def live(self) -> None:
        """Let everything happen, then let it come to rest, and look at it."""
        actors = [self.loop.create_task(self._happen())]
        if self.trouble_rate or self.rng.random() < 0.5:
            actors.append(self.loop.create_task(self._outages()))
        if self.crashes:
            actors.append(self.loop.create_task(self._crashes()))
        await asyncio.sleep(self.eventful)
        for actor in actors:
            actor.cancel()
        await asyncio.wait(actors)
        for actor in actors:
            if not actor.cancelled():
                actor.result()
        await self._come_to_rest()
        self.problems += self._problems()
        if self.problems:
            kind = "Jellyfin" if self.server.kind.repeat_safe else "Plex"
            shown = "; ".join(self.problems[:6])
            raise Broken(f"seed {self.seed} {kind}: {shown}")

    async def _come_to_rest(self) -> None:
        """Wait until everything was read once more, and what that shows was seen."""
        self.is_calm = self.reader.is_calm = self.counts.is_calm = True
        self.server.down = False
        self.catalogue.fail = False
        if self.rng.random() < 0.5:
            # Nobody has listened for a day.
            async with self._away(is_clean=True):
                await asyncio.sleep(DAY)
        calm_at = self.loop.time()
        progress = await self.catalogue.progress()
        # What is gone on with was begun when other things were there.
        is_resumed = progress.library_id is not None or progress.finished_at is None
        wanted = self._finished + 1 + is_resumed
        self.relay.nudge()
        await asyncio.sleep(SEEN)
        if self.rng.random() < ASKED:
            self.inventory.read_again()
        while self._finished < wanted:
            if self.loop.time() - calm_at > PATIENCE:
                raise Broken(f"seed {self.seed}: it does not come to rest")
            await asyncio.sleep(ROUND_REST)
        await asyncio.sleep(SEEN)
        for _ in range(MOST_AFTERWARDS):
            listings = self._listings
            await asyncio.sleep(AFTERWARDS)
            if self._listings == listings or self.is_deaf or self.neighbour:
                break
        if self.is_deaf or self.neighbour:
            self.tally.leave_out(ENDS, UNTOLD)
            return
        self.tally.check(ENDS)
        if self._listings > listings:
            self.problems.append("it goes on listing")

    @property
    def _listings(self) -> int:
        """How much was listed, other than to look for what an operation waits for."""
        leaves = 0 if len(self.lane.outbox) else self.server.count(Ask.LEAVES)
        return self.server.count(Ask.INVENTORY) + leaves

    def _note_finished(self) -> None:
        self._finished += 1

    def _problems(self) -> Iterator[str]:
        """Yield every promise that was not kept, and count what was looked at."""
        rows = self.catalogue.rows
        shown = {
            item.item_id: item
            for item in self.server.items.values()
            if item.kind is not MediaKind.SEASON
            and item.item_id not in self.server.hidden
            and item.library_id in self.server.shelves
        }
        for item_id, item in shown.items():
            self.tally.check(AGREE)
            known = rows.get(item_id)
            if known is None:
                yield f"{item.title} is not in the catalogue"
            elif _identity(known.item) != _identity(item):
                yield f"{_identity(known.item)} is {_identity(item)}"
            elif not item.kind.is_container:
                state = self.server.states[item_id]
                if not known.state.agrees_with(state):
                    yield f"{item.title} is {state}, and {known.state} is known"
        yield from self._nothing_else(shown)
        for title, work in self.works.items():
            here = self._item(title)
            if here is None or work.heard is None or here.item_id not in shown:
                self.tally.leave_out(HEARD, NOT_KNOWN)
                continue
            self.tally.check(HEARD)
            flag = self.server.states[here.item_id].keeping_flag().watched
            if flag is not work.heard:
                yield f"{title} is watched={flag}, and {work.heard} was heard"
        self.tally.check(ALONE, self.server.listings)
        if self.server.most_listings > 1:
            yield f"{self.server.most_listings} were listed at once"

    def _nothing_else(self, shown: Mapping[str, Item]) -> Iterator[str]:
        """Yield what the catalogue has and the server has not, as the user sees it.

        A library that is not seen, is empty, or has lost much, is not believed. How
        much that is, is said when it is listed: what is found in another library
        afterwards was missing as well.
        """
        here = Counter((one.library_id, one.kind) for one in shown.values())
        others = [
            one
            for item_id, one in self.catalogue.rows.items()
            if item_id not in shown and one.item.kind is not MediaKind.SEASON
        ]
        self.tally.check(NOTHING_ELSE, len(shown))
        for one in others:
            part = (one.item.library_id, one.item.kind)
            missing = self.catalogue.missing.get(part, frozenset())
            if (
                one.item.library_id not in self.server.shelves
                or not here[part]
                or (one.item.item_id in missing and len(missing) >= FEW)
            ):
                self.tally.leave_out(NOTHING_ELSE, BELIEVED_LOST)
            else:
                yield f"{one.item.title} in {one.item.library_id} is not there"

    # --- what goes wrong -------------------------------------------------------------

    def _trouble(self, request: Request) -> Trouble | None:
        rng = self.rng
        if self.is_deaf and request.ask is Ask.LISTEN:
            return Trouble(Kind.REFUSE)
        if self.is_calm:
            return None
        if self.is_slow and request.ask in {Ask.INVENTORY, Ask.LEAVES}:
            return Trouble(Kind.LATE, seconds=rng.choice((6.0, 75.0)))
        if rng.random() >= self.trouble_rate:
            return None
        return Trouble(
            rng.choice(_TROUBLES), seconds=rng.uniform(0, 20), retry_after=3.0
        )

    async def _outages(self) -> None:
        while True:
            await asyncio.sleep(self.rng.uniform(60, 1800))
            await self._stay_away(self.rng.uniform(5, 600))

    async def _stay_away(self, seconds: float) -> None:
        """Have the server be away; it is back when nothing keeps it away any more."""
        self._is_away += 1
        self.server.down = True
        self.server.tell(Unreachable("the server goes down"))
        try:
            await asyncio.sleep(seconds)
        finally:
            self._is_away -= 1
            self.server.down = self._is_away > 0

    async def _crashes(self) -> None:
        """Have the process die, or be stopped, and start again some time later."""
        await asyncio.sleep(self.rng.uniform(20, 120))
        while True:
            async with self._away(is_clean=self.rng.random() < 0.4):
                await asyncio.sleep(self.rng.choice((0, 0, 60, HOUR)))
            await asyncio.sleep(self.rng.uniform(10, 3600))

    @asynccontextmanager
    async def _away(self, *, is_clean: bool) -> AsyncGenerator[None]:
        async with self._alive:
            await self._end(is_clean=is_clean)
            try:
                yield
            finally:
                self._assemble()

    # --- what happens ----------------------------------------------------------------

    async def _happen(self) -> None:
        """Have one thing after the other happen."""
        acts: Sequence[tuple[Callable[[], object], float]] = (
            (self._mark, 30),
            (self._watch, 15),
            (self._mark_show, 4),
            (self._add, 6),
            (self._remove, 4),
            (self._come_back, 3),
            (self._upgrade, 4),
            (self._move, 3),
            (self._merge, 2),
            (self._renumber_episode, 3),
            (self._hide_library, 2),
            (self._show_library, 4),
            (self._restore, 1),
            (self._set_clock, 1),
            (self._lose_catalogue, 1),
            (self._fail_catalogue, 1),
            (self._read_again, 1),
            (self._own, 10),
        )
        does = [one for one, _ in acts]
        weights = [weight for _, weight in acts]
        while True:
            await asyncio.sleep(self.rng.expovariate(1 / self.pause))
            (act,) = self.rng.choices(does, weights)
            found = act()
            if asyncio.iscoroutine(found):
                await found

    def _announce(self, *item_ids: str) -> None:
        """Tell of changes over the socket, if this kind of server does."""
        if not self.server.capabilities.announces_marks or self.server.down:
            return
        told = {}
        if self.rng.random() < 0.7:
            told = {
                one: Told(self.server.states[one])
                for one in item_ids
                if one in self.server.states
            }
        self.server.tell(Changed(frozenset(item_ids), told=told))

    def _any(self) -> Item | None:
        found = self._shown()
        return self.rng.choice(found) if found else None

    def _changed(self, item: Item, work: Work) -> None:
        flag = self.server.states[item.item_id].keeping_flag().watched
        work.marked[bool(flag)] += 1
        self._announce(item.item_id)

    def _mark(self) -> None:
        """Have somebody mark or un-mark something."""
        if (item := self._any()) is None:
            return
        work = self._before_change(item)
        watched = not self.server.states[item.item_id].watched
        self.server.mark_elsewhere(item.item_id, watched=watched)
        self._changed(item, work)

    def _watch(self) -> None:
        """Have somebody watch something, in part or to the end, maybe once more."""
        if (item := self._any()) is None:
            return
        work = self._before_change(item)
        if self.rng.random() < 0.6:
            self.server.played_elsewhere(item.item_id)
        else:
            state = self.server.states[item.item_id]
            at = self.server.server_now()
            self.server.elsewhere(
                item.item_id, replace(state, position=700.0, last_played=at)
            )
        self._changed(item, work)

    def _mark_show(self) -> None:
        """Have somebody mark or un-mark all of a show."""
        shows = self._shows()
        if not shows:
            return
        parent = self.rng.choice(shows)
        watched = self.rng.random() < 0.5
        leaves = [
            one
            for one in self._shown()
            if one.show_id == parent.item_id
            and self.server.states[one.item_id].watched is not watched
        ]
        for leaf in leaves:
            work = self._before_change(leaf)
            self.server.mark_elsewhere(leaf.item_id, watched=watched)
            work.marked[watched] += 1
        if leaves:
            self._announce(*(one.item_id for one in leaves))

    def _add(self) -> None:
        """Have a file be added: a film, an episode, or a whole show."""
        kind = self.rng.random()
        shows = self._shows()
        if len(self.server.items) > 45:
            return
        if kind < 0.4:
            self._announce(self._add_film().item_id)
        elif kind < 0.8 and shows:
            self._announce(self._add_episode(self.rng.choice(shows)).item_id)
        else:
            self._add_show()

    def _remove(self) -> None:
        """Have a file be deleted, or a whole show."""
        shows = self._shows()
        if shows and self.rng.random() < 0.2:
            parent = self.rng.choice(shows)
            for one in list(self.server.items.values()):
                if one.show_id == parent.item_id:
                    self._take_out(one)
            del self.server.items[parent.item_id]
        elif (item := self._any()) is not None:
            self._gone.append((item, self.server.states[item.item_id]))
            self._take_out(item)

    def _take_out(self, item: Item) -> None:
        self.works[item.title].heard = None
        del self.server.items[item.item_id]
        del self.server.states[item.item_id]
        self._announce(item.item_id)

    def _come_back(self) -> None:
        """Have a file that was deleted be there again, under its id or another."""
        if not self._gone:
            return
        item, state = self._gone.pop(self.rng.randrange(len(self._gone)))
        if item.kind is MediaKind.EPISODE:
            shows = (one for one in self._shows() if one.title == item.show_title)
            if (parent := next(shows, None)) is None:
                return
            item = replace(item, show_id=parent.item_id, library_id=parent.library_id)
        if self.rng.random() < 0.5:
            item = replace(item, item_id=f"x{self._new_number()}")
        if item.item_id in self.server.items:
            return
        work = self.works[item.title]
        work.heard = None
        state = self.rng.choice((state, UNWATCHED))
        self._put(item, state)
        # Who did not see that it was gone sees this as a change.
        work.marked[bool(state.watched)] += 1
        self._announce(item.item_id)

    def _upgrade(self) -> None:
        """Have a file be replaced by a better one, which has another id."""
        if (item := self._any()) is None:
            return
        self._before_move(item)
        self.server.replace_file(item.item_id, f"x{self._new_number()}")

    def _move(self) -> None:
        """Have a film, or a show, be in another library, under its id or others."""
        found = [*self._shows(), *self._shown()]
        if not found or (item := self.rng.choice(found)).kind is MediaKind.EPISODE:
            return
        homes = [one for one, kind in LIBRARIES.items() if kind is item.kind]
        homes.remove(item.library_id or "")
        is_new = self.rng.random() < 0.5
        for one in list(self.server.items.values()):
            if item.item_id in {one.item_id, one.show_id}:
                moved = replace(one, library_id=homes[0])
                self.server.items[one.item_id] = moved
        if is_new:
            ids = [
                one.item_id
                for one in self.server.items.values()
                if item.item_id in {one.item_id, one.show_id}
            ]
            self._before_move(*(self.server.items[one] for one in ids))
            self.server.renumber({one: f"x{self._new_number()}" for one in ids})
        if homes[0] in self._hidden:
            self._hide(homes[0])

    def _merge(self) -> None:
        """Have two files of one film become one."""
        films = [
            one
            for one in self._shown()
            if one.kind is MediaKind.MOVIE and one.provider_ids
        ]
        for one in films:
            for other in films:
                if one is not other and one.provider_ids.matches(other.provider_ids):
                    self._take_out(other)
                    return

    def _renumber_episode(self) -> None:
        """Have an episode get another number, as when a show is matched anew."""
        leaves = [one for one in self._shown() if one.kind is MediaKind.EPISODE]
        if not leaves:
            return
        leaf = self.rng.choice(leaves)
        parent = self.server.items[leaf.show_id or ""]
        number = self._next_episode(parent)
        self._before_move(leaf)
        self._stood_for[leaf.item_id].add(leaf)
        self.server.items[leaf.item_id] = replace(leaf, episode=number)

    def _hide_library(self) -> None:
        """Have the user see a library no more, or nothing in it."""
        shown = [one for one in LIBRARIES if one not in self._hidden]
        if len(shown) < 2:
            return
        library_id = self.rng.choice(shown)
        self._hidden.add(library_id)
        if self.rng.random() < 0.5:
            self.server.shelves.pop(library_id)
        self._hide(library_id)

    def _hide(self, library_id: str) -> None:
        for one in list(self.server.items.values()):
            if one.library_id == library_id:
                self._before_move(one)
                self.server.hidden.add(one.item_id)

    def _show_library(self) -> None:
        """Have a library be there again."""
        if not self._hidden:
            return
        library_id = self.rng.choice(sorted(self._hidden))
        self._hidden.remove(library_id)
        self.server.shelves[library_id] = LIBRARIES[library_id]
        for one in self.server.items.values():
            if one.library_id == library_id:
                self.server.hidden.discard(one.item_id)

    async def _restore(self) -> None:
        """Have the server come back from another database: ids change their owners."""
        ids = [
            one.item_id
            for one in self.server.items.values()
            if one.item_id not in self.server.hidden
        ]
        if len(ids) < 2:
            return
        await self._stay_away(self.rng.uniform(10, 120))
        ids = [one for one in ids if one in self.server.items]
        moved = self.rng.sample(ids, self.rng.randint(0, len(ids)))
        self._before_move(*(self.server.items[one] for one in moved))
        shuffled = self.rng.sample(moved, len(moved))
        new_ids = dict(zip(moved, shuffled, strict=True))
        for one in moved[: len(moved) // 4]:
            new_ids[one] = f"x{self._new_number()}"
        for item_id, item in self.server.items.items():
            self._stood_for[item_id].add(item)
        self.server.renumber(new_ids)
        for item_id in set(new_ids.values()) & self.server.items.keys():
            item = self.server.items[item_id]
            if item.kind.is_container:
                continue
            known, work = self._stood_for[item_id], self.works[item.title]
            if any(one.title == item.title for one in known):
                # What is known under the id is from when it had it before.
                work.heard = None
                work.may_repeat += 1
            if any(one.is_still(item) for one in known if one.title != item.title):
                # Two files of one film cannot be told apart, nor two episodes that had
                # the same number one after the other: it looks like a change.
                work.heard = None
                work.marked.update((True, False))

    def _set_clock(self) -> None:
        """Set our clock forward or back."""
        hours = self.rng.choice((-30, -2, 1, 26))
        self.clock.jump(timedelta(hours=hours))

    async def _lose_catalogue(self) -> None:
        """Have the catalogue be lost while nobody uses it, or a backup come back."""
        is_clean = self.rng.random() < 0.5
        if self._alive.locked():
            return
        async with self._away(is_clean=is_clean):
            self.catalogue = DiskCatalogue(self._note_finished)
            for title, work in self.works.items():
                item = self._item(title)
                flag = None if item is None else self.server.states[item.item_id]
                if flag is None or work.heard is not flag.keeping_flag().watched:
                    work.heard = None

    async def _fail_catalogue(self) -> None:
        """Have the catalogue fail for a while."""
        for title in self.works:
            if (item := self._item(title)) is not None:
                self._before_move(item)
        self.catalogue.fail = True
        try:
            await asyncio.sleep(self.rng.uniform(1, 900))
        finally:
            self.catalogue.fail = False

    def _read_again(self) -> None:
        """Have somebody press the button."""
        if not self._alive.locked():
            self.inventory.read_again()

    async def _own(self) -> None:
        """Have Home Assistant be asked for something."""
        if (item := self._any()) is None or self._alive.locked():
            return
        change = self.rng.choice((MarkWatched(), MarkUnwatched(), SetProgress(900.0)))
        await self._ask(item, change)

    async def _ask(self, item: Item, change: Change) -> None:
        work = self.works[item.title]
        work.heard = None
        work.ours_at = self.loop.time()
        name = f"op{self._new_number():05}"
        async with self._alive:
            await self.lane.submit(
                [Operation(name, name, item, change, self.clock.now())]
            )
            self.relay.nudge()


def _identity(item: Item) -> tuple[object, ...]:
    """Return what the catalogue has to know of what an item is."""
    return (
        item.kind,
        item.title,
        item.provider_ids,
        item.library_id,
        item.show_id,
        item.season,
        item.episode,
    )


def simulate(seed: int) -> Tally:
    """Live through the world of *seed*; return what was checked.

    Raises `Broken` if a promise was not kept.
    """
    loop = VirtualLoop()

    async def main() -> Tally:
        world = Catalogued(seed, loop)
        await world.live()
        return world.tally

    return run(main(), loop)
