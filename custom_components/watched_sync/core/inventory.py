"""Reading whole libraries at leisure, so that the catalogue knows what is in them.

The first inventory reads everything once, page by page, and goes on where it stopped:
after an outage, or in the next life. Rounds keep it true after that: a quick one after
every gap in which changes were not told, which reads again only what a cheap sign says
has changed; and once a day, in small steps, all of it. Where a server does not tell of
marks, but counts cheaply what is not watched, the observer has it count every now and
then: the catalogue says how many there have to be, so a library that disagrees, and is
listed for it, holds what nobody else has seen.

All of it is nice to know: one request at a time goes out, with long rests, and only
while the lane has nothing to do. No start, look, delivery or status waits for it, or
fails because of it.
"""

import asyncio
from collections import defaultdict
from collections.abc import (
    AsyncGenerator,
    Awaitable,
    Callable,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from heapq import nlargest
from itertools import batched
import logging
from operator import itemgetter
from types import MappingProxyType

from .catalogue import Progress, Selection, Sweep
from .errors import (
    CatalogueError,
    ItemGone,
    ServerError,
    StillLooking,
    Unanswered,
    Unsupported,
    is_outage,
)
from .identity import MediaKind, ProviderIds
from .keeping import FAILED_REST, Keeper, Taken, of_show
from .lane import Lane, LaneUpdate, Phase
from .pace import REST_FACTOR, Pace
from .play_state import Reading
from .ports import Catalogue, Changed, Clock, Library, MediaServer, Told
from .reconcile import CLOCK_TOLERANCE

_LOGGER = logging.getLogger(__name__)

#: Seconds for which a lane that came up, or came back, is left to what matters.
CALM = 30.0

#: Seconds between two quick rounds, at least.
ROUND_REST = 900.0

#: When everything is read again, and the seconds between two requests of that.
DAY = timedelta(days=1)
DAILY_STEP = 15.0

#: Counts asked for at once, where each library has to be asked: as many as where films
#: and episodes are counted over the whole server.
COUNTS = 2

#: Seconds for which what was listed says that something is not there.
LIFETIME = 3600.0

#: Seconds for which somebody who asks waits for it; most servers are quicker.
FIND_PATIENCE = 10.0

#: Times that a part of a library is tried before the others are read without it.
MOST_FAILURES = 3

#: Seconds after a read that failed, and after a fault of ours.
ERROR_REST = 300.0
FAULT_REST = 3600.0

#: Items that a library may lose unseen, and the part of it: of more, a listing that
#: does not show them is not believed.
FEW = 10
LOST_PART = 0.1

#: Last plays that are remembered of the first inventory.
PLAYS = 20

#: Shows of which the episodes are read one by one rather than those of the library.
MOST_SHOWS = 8

#: Seconds after which something that was not shown is asked for once more, and then
#: forgotten: a file that is replaced goes before the other comes.
GONE_REST = 600.0

#: Items asked for by id at once, and rows that are compared in one go.
_BATCH = 100
_FEW_ROWS = 200

#: The order in which libraries are read: what has a name of its own comes first.
_ORDER = (MediaKind.MOVIE, MediaKind.SHOW, MediaKind.EPISODE)

#: What is counted.
_COUNTED = (MediaKind.MOVIE, MediaKind.EPISODE)


class Stage(StrEnum):
    """How the inventory of a lane is."""

    RUNNING = "running"
    COMPLETE = "complete"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class InventoryStatus:
    """How far the libraries are read.

    It is `WAITING` as long as the first inventory has not ended and cannot go on.
    `percent` is how much of a reading of everything is done, None where none is under
    way. `items` is how many films, shows and episodes are known.
    """

    stage: Stage = Stage.WAITING
    percent: int | None = None
    items: Mapping[MediaKind, int] = field(
        default_factory=lambda: MappingProxyType[MediaKind, int]({})
    )

    @property
    def total(self) -> int:
        """How many items are known."""
        return sum(self.items.values())


#: What is counted: a kind in one library, or in all of them.
type _Part = tuple[Library | None, MediaKind]


@dataclass(slots=True)
class _Listing:
    """The items of one kind in one library, while they are listed.

    All that is shown is marked with `number`, which grows with every listing. `new`
    counts rows that were not known, `unwatched` those that are not watched, and
    `change` is how many more those are than of the same items was known.
    """

    library: Library
    kind: MediaKind
    number: int
    is_first: bool = False
    new: int = 0
    unwatched: int = 0
    change: int = 0


class Inventory:
    """Reads a lane's libraries into its catalogue, and finds what is in them."""

    def __init__(
        self,
        lane: Lane,
        server: MediaServer,
        catalogue: Catalogue,
        pace: Pace,
        *,
        label: str,
        played_until: datetime | None,
        hint: Callable[[Changed], None],
        report: Callable[[ServerError], None],
        clock: Clock,
    ) -> None:
        """Read *server* for *lane*, in step with others by *pace*.

        Nothing is read before `begin`. What was played after *played_until* is not
        taken for known by the first inventory: nobody has listened since, by our clock
        or the server's; None where nobody has to know. *hint* is told what is worth a
        look: nothing listed is believed, as it may be many minutes old. *report* hears
        of reads that failed, other than by being slow.
        """
        self._lane = lane
        self._server = server
        self._catalogue = catalogue
        self._pace = pace
        self._label = label
        self._hint = hint
        self._report = report
        self._played_until = played_until
        self._clock = clock
        self._lists_episodes = server.capabilities.lists_episodes
        self._keeper = Keeper(
            lane, catalogue, label=label, counts_are_signs=not self._lists_episodes
        )
        self._listeners: dict[object, Callable[[], None]] = {}
        self._status = InventoryStatus()
        # When something is to be done.
        self._has_begun = asyncio.Event()
        self._stirred = asyncio.Event()
        self._hurried = asyncio.Event()
        self._is_round_wanted = False
        self._next_round = clock.monotonic()
        self._is_asked_for = False
        self._is_trusted = False
        self._is_first_over = False
        # When the lane has nothing else to do.
        self._lane_stirred = asyncio.Event()
        self._was_ready = lane.health.phase is Phase.READY
        self._ready_at = clock.monotonic()
        # What was listed, and when.
        self._number = 0
        self._listed = asyncio.Event()
        self._listed_at: dict[MediaKind, float] = {}
        self._differing: dict[str, Reading] = {}
        self._gone: dict[str, float] = {}
        self._newest: list[tuple[datetime, str]] = []
        self._failures: dict[tuple[str, MediaKind], int] = {}
        self._known_libraries: Sequence[Library] = ()
        self._unseen: frozenset[str] = frozenset()
        # What was counted.
        self._is_counted = True
        self._is_counted_at_once = True
        self._counted = 0
        self._suspects: list[_Part] = []
        self._is_finding_out = False
        #: How many more are counted over all libraries than there are in those known.
        self._surplus: dict[MediaKind, int] = {}
        self._answered: dict[tuple[str, MediaKind], set[int]] = {}

    # --- what others ask -------------------------------------------------------

    def begin(self) -> None:
        """Read from now on."""
        self._has_begun.set()

    def look_again(self) -> None:
        """Find out, soon, what has changed while nobody was told."""
        self._is_round_wanted = True
        self._stirred.set()

    def read_again(self) -> None:
        """Read everything again, as somebody wants it, and believe what is gone.

        Only a library that is empty is never believed.
        """
        self._is_asked_for = True
        self._stirred.set()

    @property
    def status(self) -> InventoryStatus:
        """How far the libraries are read."""
        if self._is_first_over or self._is_at_leisure:
            return self._status
        return replace(self._status, stage=Stage.WAITING)

    @property
    def unseen(self) -> frozenset[str]:
        """The libraries of which items are known that were not there lately.

        They were removed, hidden from this user, or left out by the options; or the
        server is broken. Their items are kept for a while, and are not to be offered.
        """
        return self._unseen

    def add_listener(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call *listener* when the status may have changed; return what removes it."""
        key = object()
        self._listeners[key] = listener

        def remove() -> None:
            self._listeners.pop(key, None)

        return remove

    async def find(
        self, kind: MediaKind, ids: ProviderIds, title: str | None = None
    ) -> Sequence[Reading]:
        """Find every copy of a work by its provider ids, without listing a library.

        What the catalogue knows is read again. What it does not know is asked of the
        server as far as that is cheap. Raises `StillLooking` as long as a listing has
        to say whether there is one.
        """
        if not ids:
            return await self._server.find(kind, ids, title)
        is_listed = self._is_first_over or kind in self._listed_at
        if is_listed and (known := await self._read_known(kind, ids)):
            return known
        found = await self._server.find(kind, ids, title)
        if found or self._server.capabilities.finds_by_ids:
            return found
        if not is_listed and (known := await self._read_known(kind, ids)):
            return known
        if self._knows_all(kind):
            return found
        self.look_again()
        raise StillLooking("the libraries are being read for it")

    async def _read_known(self, kind: MediaKind, ids: ProviderIds) -> Sequence[Reading]:
        """Read what the catalogue knows by these ids, as it is now."""
        try:
            known = await self._catalogue.find(kind, ids)
        except CatalogueError as err:
            self._keeper.failed(err)
            return ()
        if not known:
            return ()
        found = await self._server.fetch({one.item.item_id for one in known})
        return [
            one
            for one in found.values()
            if one.item.kind is kind and one.item.provider_ids.matches(ids)
        ]

    async def find_now(
        self, kind: MediaKind, ids: ProviderIds, title: str | None = None
    ) -> Sequence[Reading]:
        """Find as `find` does, for somebody who waits for the answer.

        Where a listing has to say it begins at once, and is waited for a few seconds.
        """
        try:
            return await self.find(kind, ids, title)
        except StillLooking:
            self._hurried.set()
            self._stirred.set()
            with suppress(TimeoutError):
                async with asyncio.timeout(FIND_PATIENCE):
                    while not self._knows_all(kind):
                        self._listed.clear()
                        await self._listed.wait()
            return await self.find(kind, ids, title)

    def _knows_all(self, kind: MediaKind) -> bool:
        """Whether the catalogue can say that something is not there."""
        at = self._listed_at.get(kind)
        return at is not None and self._clock.monotonic() - at <= LIFETIME

    def _knows_all_now(self, kind: MediaKind) -> None:
        self._listed_at[kind] = self._clock.monotonic()
        self._listed.set()

    # --- one thing after the other -----------------------------------------------

    async def run(self) -> None:
        """Keep the catalogue true, until cancelled."""
        removers = [
            self._lane.add_listener(self._keeper.hear),
            self._lane.add_listener(self._lane_changed),
        ]
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._keeper.run())
                group.create_task(self._read_on())
        finally:
            for remove in removers:
                remove()

    async def flush(self) -> None:
        """Write what was read until now; for the end, when nobody minds a failure."""
        try:
            await self._keeper.flush()
        except CatalogueError as err:
            self._keeper.failed(err)

    def _lane_changed(self, update: LaneUpdate) -> None:
        if update.gone:
            now = self._clock.monotonic()
            self._gone |= dict.fromkeys(update.gone - self._gone.keys(), now)
            self._stirred.set()
        for one in (*update.seen, *update.readings):
            self._gone.pop(one.item.item_id, None)
        is_ready = self._lane.health.phase is Phase.READY
        if is_ready and not self._was_ready:
            self._ready_at = self._clock.monotonic()
        self._was_ready = is_ready
        self._lane_stirred.set()
        self._tell()

    async def _read_on(self) -> None:
        await self._try(self._look_back)
        await self._has_begun.wait()
        while True:
            await self._rest(await self._try(self._do_next))

    async def _try(self, turn: Callable[[], Awaitable[object]]) -> float:
        """Take a turn; return for how many seconds nothing is to follow."""
        began_at = self._clock.monotonic()
        try:
            await turn()
        except ServerError as err:
            _LOGGER.debug("%s: not listed: %r", self._label, err)
            self._hurried.clear()
            if not isinstance(err, Unanswered):
                self._report(err)
            # An outage is waited for in any case.
            least = CALM if is_outage(err) else ERROR_REST
            return max(REST_FACTOR * (self._clock.monotonic() - began_at), least)
        except CatalogueError as err:
            self._keeper.failed(err)
            self._hurried.clear()
            return FAILED_REST
        except Exception:
            _LOGGER.exception("%s: listing failed unexpectedly", self._label)
            self._hurried.clear()
            return FAULT_REST
        return 0.0

    async def _recall(self) -> Progress:
        """Return how far the libraries were read, in this life or before."""
        progress = await self._catalogue.progress()
        self._number = max(self._number, progress.round_no, progress.listings)
        self._is_first_over = progress.finished_at is not None
        return progress

    async def _look_back(self) -> None:
        """Show what is known from earlier lives."""
        self._unseen = (await self._recall()).vanished
        await self._show(Stage.COMPLETE if self._is_first_over else Stage.WAITING)

    async def _do_next(self) -> None:
        """Read what is due, or wait until something is."""
        progress = await self._recall()
        if progress.finished_at is None:
            await self._read_all(progress)
        elif self._suspects:
            await self._find_out()
        elif self._is_round_due:
            await self._catch_up()
        elif (
            self._is_asked_for
            or progress.library_id
            or self._daily_in(progress.finished_at) <= 0
        ):
            await self._read_all(progress)
        elif self._gone and self._gone_in <= 0:
            await self._forget_gone()
        else:
            await self._show(Stage.COMPLETE)
            await self._until_due(progress.finished_at)

    @property
    def _is_round_due(self) -> bool:
        return self._is_round_wanted and (
            self._hurried.is_set() or self._clock.monotonic() >= self._next_round
        )

    def _daily_in(self, finished_at: datetime) -> float:
        """Return the seconds until everything is to be read again.

        A clock that was set back must not put it off for long.
        """
        left = (finished_at + DAY - self._clock.now()).total_seconds()
        return left if left <= 2 * DAY.total_seconds() else 0.0

    async def _until_due(self, finished_at: datetime) -> None:
        now = self._clock.monotonic()
        waits = [self._daily_in(finished_at)]
        if self._gone:
            waits.append(self._gone_in)
        if self._is_round_wanted:
            waits.append(self._next_round - now)
        self._stirred.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(max(min(waits), 0)):
                await self._stirred.wait()

    # --- everything ----------------------------------------------------------------

    async def _read_all(self, progress: Progress) -> None:
        """Read all parts of all libraries, from where *progress* stands.

        A quick round that is due goes first; this is gone on with after it.
        """
        is_first = progress.finished_at is None
        if self._is_asked_for and not is_first:
            progress = Progress(
                finished_at=progress.finished_at, vanished=progress.vanished
            )
            self._is_trusted = True
        self._is_asked_for = False
        libraries = await self._libraries()
        parts = [
            (library, kind)
            for kind in _ORDER
            for library in libraries
            if library.may_hold(kind)
        ]
        if is_first and not parts:
            # A server that has just started may not know its libraries yet.
            await self._rest(ROUND_REST)
            return
        first = _place_of(progress, parts)
        if progress.library_id is None:
            self._begin_round()
            if is_first:  # what changed before it is nothing to be found out
                self._is_round_wanted = False
        if is_first:
            left = {kind for _, kind in parts[first:]}
            for kind in {kind for _, kind in parts[:first]} - left:
                self._knows_all_now(kind)
        for at, (library, kind) in enumerate(parts[first:], first):
            if (progress.library_id, progress.kind) != (library.library_id, kind):
                progress = Progress(
                    round_no=self._next_number(),
                    library_id=library.library_id,
                    kind=kind,
                    finished_at=progress.finished_at,
                    vanished=progress.vanished,
                )
                await self._catalogue.note(progress)
            listing = _Listing(library, kind, progress.round_no, is_first)
            try:
                async with aclosing(self._read_part(listing, progress)) as steps:
                    async for step, share in steps:
                        if await self._catalogue.progress() != progress:
                            return  # it was thrown away meanwhile
                        progress = step
                        await self._catalogue.note(progress)
                        await self._show(Stage.RUNNING, (at + share) / len(parts))
                        if not is_first and await self._gives_way():
                            return
            except ServerError as err:
                if is_outage(err) or not self._is_given_up(listing):
                    raise
                _LOGGER.debug("%s: a library is left out: %r", self._label, err)
            self._failures.pop((library.library_id, kind), None)
            if all(kind is not later for _, later in parts[at + 1 :]):
                self._knows_all_now(kind)
        await self._finish(is_first=is_first, vanished=progress.vanished)

    async def _gives_way(self) -> bool:
        """Rest a while in a round that nobody waits for; whether another goes first."""
        if not self._is_trusted:
            await self._rest(DAILY_STEP)
        return bool(self._suspects) or self._is_round_due or self._is_asked_for

    async def _finish(self, *, is_first: bool, vanished: frozenset[str]) -> None:
        """Note that everything was read.

        What is in libraries that had *vanished* when everything was read before, and
        are not there again, is forgotten.
        """
        for kind in _ORDER:
            self._knows_all_now(kind)
        gone = self._unseen if self._is_trusted else self._unseen & vanished
        if gone:
            # One may have come back, and been looked into, while others were read.
            await self._libraries()
        for library_id in gone & self._unseen:
            await self._forget_library(library_id)
            self._unseen -= {library_id}
        await self._catalogue.note(
            Progress(
                round_no=self._number,
                finished_at=self._clock.now(),
                vanished=self._unseen,
            )
        )
        self._is_first_over = True
        self._is_trusted = False
        self._hurried.clear()
        if is_first and self._newest:
            await self._show_newest()
        await self._show(Stage.COMPLETE)

    async def _show_newest(self) -> None:
        """Have the lane show what was played last, which is nobody's news.

        As the catalogue knows it: what has moved since an earlier listing is looked at,
        and told then. What the lane has read by itself is shown, and may be newer.
        """
        ids = [item_id for _, item_id in reversed(self._newest)]
        self._newest = []
        known = await self._catalogue.readings(ids)
        ledger = self._lane.ledger
        newest = [
            known[one] for one in ids if one in known and ledger.reading(one) is None
        ]
        ledger.recall(newest)
        self._lane.publish(LaneUpdate(readings=tuple(newest)))

    async def _forget_library(self, library_id: str) -> None:
        """Forget all that is known of a library."""
        wanted = Selection(library_ids=frozenset({library_id}), limit=_BATCH)
        while found := (await self._catalogue.select(wanted)).readings:
            await self._catalogue.drop({one.item.item_id for one in found})

    async def _read_part(
        self, listing: _Listing, progress: Progress
    ) -> AsyncGenerator[tuple[Progress, float]]:
        """Read what is left of a part; yield how far it is, and what share of it.

        A library that goes meanwhile is left as it is known.
        """
        if listing.kind is MediaKind.EPISODE and not self._lists_episodes:
            async for step in self._show_by_show(listing, progress):
                yield step
        else:
            try:
                async for start in self._pages(listing, progress.start):
                    yield replace(progress, start=start), 0.5
            except ItemGone:
                return
        if not listing.is_first:
            await self._sweep(listing)

    async def _show_by_show(
        self, listing: _Listing, progress: Progress
    ) -> AsyncGenerator[tuple[Progress, float]]:
        """Read the episodes of the shows that are left of a library."""
        shows = await self._catalogue.shows()
        ids = sorted(
            item_id
            for item_id, show in shows.items()
            if show.item.library_id == listing.library.library_id
        )
        for done, item_id in enumerate(ids, 1):
            if progress.show_id is not None and item_id <= progress.show_id:
                continue
            await self._read_show(shows[item_id], listing)
            yield replace(progress, show_id=item_id), done / len(ids)

    def _is_given_up(self, listing: _Listing) -> bool:
        """Whether a part has failed so often that the others are read without it."""
        part = (listing.library.library_id, listing.kind)
        self._failures[part] = self._failures.get(part, 0) + 1
        return self._failures[part] >= MOST_FAILURES

    # --- what has changed ------------------------------------------------------------

    async def _catch_up(self) -> None:
        """Read again what a cheap sign says has changed."""
        began_at = self._clock.monotonic()
        self._is_round_wanted = False
        self._hurried.clear()
        self._begin_round()
        try:
            for library in await self._libraries():
                if not await self._agrees(library):
                    await self._list_again(library)
        except BaseException:
            self._is_round_wanted = True
            self._answered.clear()  # what was not listed to its end is listed again
            raise
        finally:
            now = self._clock.monotonic()
            rest = max(REST_FACTOR * (now - began_at), ROUND_REST)
            self._next_round = now + rest
        for kind in _ORDER:
            self._knows_all_now(kind)

    async def _list_again(self, library: Library) -> None:
        """List a library, and read the episodes of shows whose counts differ."""
        number = await self._next_listing()
        for kind in _ORDER:
            if not library.may_hold(kind):
                continue
            listing = _Listing(library, kind, number)
            if kind is MediaKind.EPISODE and not self._lists_episodes:
                for show in list(self._differing.values()):
                    if show.item.library_id == library.library_id:
                        await self._read_show(show, listing)
                continue
            try:
                async for _ in self._pages(listing, 0):
                    pass
            except ItemGone:
                return
            await self._sweep(listing)
            if kind in _COUNTED:
                answered = self._answered.get((library.library_id, kind))
                if answered is not None:
                    answered.add(listing.unwatched)

    async def _agrees(self, library: Library) -> bool:
        """Ask whether as much of a library is unwatched as is known."""
        if not self._is_counted:
            return False
        for kind in _COUNTED:
            if library.may_hold(kind) and not await self._agrees_on(library, kind):
                return False
        return True

    async def _agrees_on(self, library: Library, kind: MediaKind) -> bool:
        """Ask for one count, and say whether it is known, or was listed for before.

        What was listed for is looked at by the observer; a server may also count
        otherwise than it lists, which no listing mends.
        """
        try:
            count = await self._in_turn(
                partial(self._server.count_unwatched, library, kind)
            )
        except Unsupported:
            self._is_counted = False
            return False
        except ItemGone:
            return True
        if count == await self._unwatched(library, kind):
            self._answered.pop((library.library_id, kind), None)
            return True
        answered = self._answered.setdefault((library.library_id, kind), set())
        if count in answered:
            return True
        answered.clear()
        answered.add(count)
        return False

    async def _unwatched(self, library: Library | None, kind: MediaKind) -> int:
        """Return how many of a kind are known as unwatched, in one library or all."""
        await self._keeper.flush()
        libraries = self._known_libraries if library is None else (library,)
        wanted = Selection(
            kinds=frozenset({kind}),
            library_ids=frozenset(one.library_id for one in libraries),
            watched=False,
            limit=0,
        )
        return (await self._catalogue.select(wanted)).total

    # --- counts ----------------------------------------------------------------------

    async def agree(self) -> bool | None:
        """Ask whether as much is unwatched as is known; None where nobody can say.

        That is two requests. What is known are the states that were read and believed:
        a mark that was seen meanwhile changes what is expected, and an un-mark beside
        it shows all the same. Raises `ServerError`.
        """
        if not (
            self._is_counted
            and self._is_first_over
            and self._known_libraries
            and self._is_at_leisure
            and not self._pace.is_slow
        ):
            return None
        try:
            self._suspects = await self._count()
        except Unsupported:
            self._is_counted = False
            return None
        except CatalogueError as err:
            self._keeper.failed(err)
            return None
        return not self._suspects

    def find_out(self) -> None:
        """Have those libraries listed, soon, whose counts disagree still."""
        if self._suspects:
            self._hurried.set()
            self._stirred.set()

    async def _count(self) -> list[_Part]:
        """Ask for what is to be counted next; return what differs from what is known.

        Raises `Unsupported` if this server does not count.
        """
        parts = self._next_counts()
        try:
            return [one for one in parts if not await self._is_expected(one)]
        except Unsupported:
            if not self._is_counted_at_once:
                raise
            self._is_counted_at_once = False
            return await self._count()

    def _next_counts(self) -> Sequence[_Part]:
        """Return what is to be counted next."""
        parts: list[_Part] = [
            (library, kind)
            for library in self._known_libraries
            for kind in _COUNTED
            if library.may_hold(kind)
        ]
        if self._is_counted_at_once:
            return [(None, one) for one in dict.fromkeys(kind for _, kind in parts)]
        start = self._counted % max(len(parts), 1)
        self._counted = start + COUNTS
        return [*parts[start:], *parts[:start]][:COUNTS]

    async def _is_expected(self, part: _Part) -> bool:
        """Ask for one count, and say whether it is what is known."""
        library, kind = part
        async with self._pace.beside():
            try:
                count = await self._server.count_unwatched(library, kind)
            except ItemGone:
                return False
        expected = await self._unwatched(library, kind)
        if library is None:
            expected += self._surplus.get(kind, 0)
            return count == expected
        answered = self._answered.get((library.library_id, kind), ())
        return count == expected or count in answered

    async def _find_out(self) -> None:
        """List the libraries whose counts disagree.

        Where none does, though all of them together do, what is counted beside them is
        no news from now on: there are libraries that the options leave out, or the
        server counts otherwise.
        """
        suspects, self._suspects = self._suspects, []
        self._is_finding_out = True
        try:
            libraries = await self._libraries()
            for library, kind in suspects:
                suspected = [
                    one
                    for one in libraries
                    if one.may_hold(kind)
                    and (library is None or library.library_id == one.library_id)
                ]
                differing = [
                    one for one in suspected if not await self._agrees_on(one, kind)
                ]
                self._begin_round()
                for one in differing:
                    is_shown = kind is MediaKind.EPISODE and await self._shows_say(one)
                    if not is_shown:
                        await self._list_again(one)
                if library is None and not differing:
                    await self._note_surplus(kind)
        except BaseException:
            self._answered.clear()
            raise
        finally:
            self._is_finding_out = False
            if not self._is_round_wanted:
                self._hurried.clear()

    async def _shows_say(self, library: Library) -> bool:
        """Read the episodes of shows whose counts differ; whether that explains all.

        It takes a page of shows and a few requests, in place of a page for each
        thousand episodes.
        """
        part = (library.library_id, MediaKind.EPISODE)
        expected = await self._unwatched(library, MediaKind.EPISODE)
        number = await self._next_listing()
        try:
            async for _ in self._pages(_Listing(library, MediaKind.SHOW, number), 0):
                pass
        except ItemGone:
            return True
        shows = [
            one
            for one in self._differing.values()
            if one.item.library_id == library.library_id
        ]
        if len(shows) > MOST_SHOWS:
            return False
        listing = _Listing(library, MediaKind.EPISODE, number)
        for show in shows:
            await self._read_show(show, listing)
        return expected + listing.change in self._answered.get(part, ())

    async def _note_surplus(self, kind: MediaKind) -> None:
        """Note how many more are counted than there are in the libraries known."""
        count = await self._in_turn(partial(self._server.count_unwatched, None, kind))
        self._surplus[kind] = count - await self._unwatched(None, kind)

    # --- reading -----------------------------------------------------------------

    def _begin_round(self) -> None:
        self._keeper.begin_round()
        self._differing.clear()

    def _next_number(self) -> int:
        self._number += 1
        return self._number

    async def _next_listing(self) -> int:
        """Return the number of a listing that is no part of a round.

        It is noted: what another life lists has to have a higher one, or what was shown
        here would pass for shown there as well.
        """
        number = self._next_number()
        progress = await self._catalogue.progress()
        await self._catalogue.note(replace(progress, listings=number))
        return number

    async def _libraries(self) -> Sequence[Library]:
        """Read which libraries the options allow."""
        found = await self._in_turn(self._server.libraries)
        self._known_libraries = [one for one in found if one.is_allowed]
        if found:  # a server that has just started may not know its libraries yet
            there = {one.library_id for one in self._known_libraries}
            self._unseen = await self._catalogue.libraries() - there
        return self._known_libraries

    async def _pages(self, listing: _Listing, start: int) -> AsyncGenerator[int]:
        """List what is left of a library; yield where the next page begins.

        Raises `ItemGone` for a library that is gone or hidden.
        """
        shows: Mapping[str, Reading] = {}
        if listing.kind is MediaKind.EPISODE:
            shows = await self._catalogue.shows()
        position: int | None = start
        while position is not None:
            page = await self._in_turn(
                partial(
                    self._server.inventory_page, listing.library, listing.kind, position
                )
            )
            await self._take((of_show(one, shows) for one in page.readings), listing)
            position = page.next_start
            if position is not None:
                yield position

    async def _read_show(self, show: Reading, listing: _Listing) -> None:
        """Read the episodes of a show.

        One that cannot be read keeps nobody from the others: it is read in another
        round.
        """
        try:
            leaves = await self._in_turn(partial(self._server.fetch_leaves, show.item))
        except ItemGone:
            return
        except ServerError as err:
            if is_outage(err):
                raise
            _LOGGER.debug("%s: a show is left out: %r", self._label, err)
            unread = replace(show, leaf_count=None, watched_leaf_count=None)
            await self._keeper.keep_counts(unread, listing.number)
            self.look_again()
            return
        shows = {show.item.item_id: show}
        taken = await self._take((of_show(one, shows) for one in leaves), listing)
        listed = self._differing.pop(show.item.item_id, None)
        if listed is not None and not taken.moved:
            # Else they are read once more, until what has moved is known.
            await self._keeper.keep_counts(listed, listing.number)

    async def _take(self, readings: Iterable[Reading], listing: _Listing) -> Taken:
        """Take in what was listed, and have looked at what has moved.

        A few rows at a time: a whole page would hold everybody else up.
        """
        parts = [
            await self._take_few(
                [_placed(one, listing.library) for one in some], listing
            )
            for some in batched(readings, _FEW_ROWS, strict=False)
        ]
        return Taken(
            {item_id: said for one in parts for item_id, said in one.moved.items()},
            sum(one.new for one in parts),
            [show for one in parts for show in one.differing],
            sum(one.unwatched for one in parts),
        )

    async def _take_few(self, rows: Sequence[Reading], listing: _Listing) -> Taken:
        taken = await self._keeper.take(
            rows,
            listing.number,
            is_first=listing.is_first,
            played_until=self._surely_played_until,
        )
        listing.new += taken.new
        listing.change += taken.unwatched
        listing.unwatched += sum(one.state.watched is False for one in rows)
        if listing.is_first:
            self._note_plays(rows)
        else:
            self._differing |= {one.item.item_id: one for one in taken.differing}
        self._look_at(taken.moved)
        return taken

    @property
    def _surely_played_until(self) -> datetime | None:
        """Until when plays are known, whichever clock that was said by."""
        if self._played_until is None:
            return None
        offset = self._server.clock_offset or timedelta()
        return self._played_until - CLOCK_TOLERANCE + min(offset, timedelta())

    def _note_plays(self, rows: Iterable[Reading]) -> None:
        """Note what was played last, where the server does not say so by itself."""
        if not self._server.capabilities.lists_plays:
            played = [
                (at, one.item.item_id)
                for one in rows
                if (at := one.state.last_played) is not None
            ]
            self._newest = nlargest(PLAYS, [*self._newest, *played], key=itemgetter(0))

    def _look_at(self, moved: Mapping[str, Told | None]) -> None:
        if moved:
            told = {one: said for one, said in moved.items() if said is not None}
            self._hint(Changed(frozenset(moved), told=told))

    async def _sweep(self, listing: _Listing) -> None:
        """Forget what a listing that has ended did not show, and is not there."""
        sweep = await self._catalogue.sweep(
            listing.library.library_id, listing.kind, listing.number
        )
        if not sweep.missing:
            return
        if not _is_believable(sweep, listing.new, is_trusted=self._is_trusted):
            _LOGGER.info(
                "%s: %d of %d items of a library were not listed; they are kept, as it"
                " looks lost",
                self._label,
                len(sweep.missing),
                sweep.total,
            )
            return
        await self._forget(sweep.missing, listing.number)

    async def _forget(self, item_ids: Iterable[str], number: int | None = None) -> None:
        """Forget items that were not shown, unless they are there all the same."""
        for batch in batched(item_ids, _BATCH, strict=False):
            # It may have come back, or be in another library by now.
            found = await self._in_turn(partial(self._server.fetch, batch))
            taken = await self._keeper.take(found.values(), number, is_first=False)
            self._look_at(taken.moved)
            await self._catalogue.drop(set(batch) - found.keys())

    # --- what came and went ----------------------------------------------------------

    @property
    def _gone_in(self) -> float:
        """The seconds until what was not shown first is asked for again."""
        return min(self._gone.values()) + GONE_REST - self._clock.monotonic()

    async def _forget_gone(self) -> None:
        """Forget what somebody did not see, if that is so still, and may be believed.

        Of a show that is gone its episodes are as well.
        """
        until = self._clock.monotonic() - GONE_REST
        due = {item_id for item_id, at in self._gone.items() if at <= until}
        known = dict(await self._catalogue.readings(due))
        for show in [one.item for one in known.values() if one.item.kind.is_container]:
            below = await self._catalogue.below(show)
            known |= {one.item.item_id: one for one in below}
        parts: defaultdict[tuple[str | None, MediaKind], list[str]] = defaultdict(list)
        for item_id, one in known.items():
            parts[one.item.library_id, one.item.kind].append(item_id)
        for (library_id, kind), item_ids in parts.items():
            total = len(item_ids) + 1
            if library_id is not None:
                wanted = Selection(
                    kinds=frozenset({kind}),
                    library_ids=frozenset({library_id}),
                    limit=0,
                )
                total = (await self._catalogue.select(wanted)).total
            # One that looks lost is looked at when everything is read again.
            if _is_believable(Sweep(item_ids, total), 0, is_trusted=False):
                await self._forget(item_ids)
        for item_id in due:
            self._gone.pop(item_id, None)

    async def _in_turn[T](self, ask: Callable[[], Awaitable[T]]) -> T:
        """Send one request, once the server is rested and the lane has nothing to do.

        Whoever waits for his lane must not keep other lanes from their turn.
        """
        while True:
            while not self._is_at_leisure:
                self._lane_stirred.clear()
                await self._lane_stirred.wait()
            calm = self._ready_at + CALM - self._clock.monotonic()
            if calm > 0 and not self._hurried.is_set():
                await self._rest(calm)
                continue
            async with self._pace.turn(is_waited_for=self._is_finding_out):
                # What was known before must not be written over what is answered now.
                await self._keeper.flush()
                if self._is_at_leisure:
                    return await ask()

    async def _rest(self, seconds: float) -> None:
        """Do nothing for some *seconds*, or until somebody waits for an answer.

        What the server needs to recover from is seen to by the pace.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._hurried.wait()

    @property
    def _is_at_leisure(self) -> bool:
        lane = self._lane
        return (
            lane.health.phase is Phase.READY
            and not lane.in_flight
            and not lane.outbox.due(lane.clock.now(), 1)
        )

    # --- how it is -------------------------------------------------------------------

    async def _show(self, stage: Stage, share: float | None = None) -> None:
        """Have others see how far the libraries are read."""
        known = await self._catalogue.counts()
        items = {kind: known.get(kind, 0) for kind in _ORDER}
        percent = None if share is None else int(100 * share)
        status = InventoryStatus(stage, percent, items)
        if status != self._status:
            self._status = status
            self._tell()

    def _tell(self) -> None:
        for listener in list(self._listeners.values()):
            listener()


def _place_of(progress: Progress, parts: Sequence[tuple[Library, MediaKind]]) -> int:
    """Return the part that was under way; where it is gone, the first of its kind."""
    if progress.library_id is None:
        return 0
    for at, (library, kind) in enumerate(parts):
        if library.library_id == progress.library_id and kind is progress.kind:
            return at
    return next(
        (at for at, (_, kind) in enumerate(parts) if kind is progress.kind), len(parts)
    )


def _placed(row: Reading, library: Library) -> Reading:
    """Return a row in the library that it was found in, if it names none."""
    if row.item.library_id is not None:
        return row
    return replace(row, item=replace(row.item, library_id=library.library_id))


def _is_believable(sweep: Sweep, new: int, *, is_trusted: bool) -> bool:
    """Whether what a listing did not show may be gone.

    A library that is empty, or has lost a tenth, is more likely to be broken. One that
    shows as many items as before under new ids has lost nothing.
    """
    shown = sweep.total - len(sweep.missing)
    before = sweep.total - new
    if not shown or len(sweep.missing) == sweep.total:
        return False
    lost = before - shown
    return is_trusted or lost < FEW or lost < LOST_PART * before
