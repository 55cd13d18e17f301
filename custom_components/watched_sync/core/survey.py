"""Reading at leisure what a server may take minutes for.

Servers have hours in which a wide listing takes a minute and more, and they go on
working on it after whoever asked has hung up. What needs one is nice to know: what
was played while nobody listened, and which item bears some provider id. So it is read
here, in the background, one request at a time and with long rests; no start, look,
delivery or status waits for it, or fails because of it.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from heapq import nlargest
import logging

from .errors import ItemGone, Malformed, ServerError, StillLooking, Unanswered
from .identity import Item, MediaKind, ProviderIds
from .lane import Lane, LaneUpdate, Phase
from .matching import IdKey, id_keys
from .play_state import Reading
from .ports import Changed, Clock, Library, MediaServer, Told

_LOGGER = logging.getLogger(__name__)

#: Seconds after which a request was slow; and how long a server is left alone after a
#: slow one: three an hour at most.
SLOW = 5.0
SLOW_REST = 1200.0

#: How many times as long as a request took the server is left alone after it.
REST_FACTOR = 3.0

#: Seconds between asking for a survey and its beginning, so that a start, or a
#: server that came back, is through with what matters.
CALM = 30.0

#: Seconds between two surveys, at least.
SURVEY_REST = 900.0

#: Seconds for which a survey answers that something is not there.
LIFETIME = 3600.0

#: Seconds for which somebody who asks waits for it; most servers are quicker.
FIND_PATIENCE = 10.0

#: Items of all libraries together, and items whose ids are remembered, at most; as many
#: as one listing may have.
MOST_ITEMS = 200_000

#: Items that have moved or were played, at most, that one survey tells of.
MOST_PLAYS = 10_000

#: Plays looked at where it is not known since when nobody has listened.
PLAYS = 20

#: Seconds after a fault of ours.
FAULT_REST = 3600.0

type _Counts = tuple[int | None, int | None]

_NEVER = datetime.min.replace(tzinfo=UTC)


class Pace:
    """When a server may be asked for what may be slow; shared by all lanes of it."""

    def __init__(self, clock: Clock) -> None:
        """Allow the first request at once."""
        self._clock = clock
        self._alone = asyncio.Lock()
        self._not_before = clock.monotonic()

    @asynccontextmanager
    async def turn(self) -> AsyncGenerator[None]:
        """Wait for a turn; what is done in it is one request.

        One that was given up, or cancelled, may keep the server busy for as long as a
        slow one does.
        """
        async with self._alone:
            await asyncio.sleep(max(self._not_before - self._clock.monotonic(), 0))
            began_at = self._clock.monotonic()
            is_answered = False
            try:
                yield
                is_answered = True
            except ServerError as err:
                is_answered = not isinstance(err, Unanswered)
                raise
            finally:
                now = self._clock.monotonic()
                rest = REST_FACTOR * (now - began_at)
                if not is_answered or now - began_at > SLOW:
                    rest = max(rest, SLOW_REST)
                self._not_before = now + rest


class Survey:
    """Read a lane's libraries at leisure, where its server cannot be asked directly.

    For a server that lists plays and finds ids by itself nothing is done here.
    """

    def __init__(
        self,
        lane: Lane,
        server: MediaServer,
        pace: Pace,
        *,
        label: str,
        played_until: datetime | None,
        surveyed: Callable[[datetime], None],
        hint: Callable[[Changed], None],
        report: Callable[[ServerError], None],
        clock: Clock,
    ) -> None:
        """Survey *server* for *lane*, in step with others by *pace*.

        *played_until* is the last play that is known for sure, by the server's clock,
        None before the first survey; *surveyed* is told of it after each. *hint* is
        told what is worth a look: nothing read here is believed, as it may be many
        minutes old. *report* hears of reads that failed, other than by being slow.
        """
        self._lane = lane
        self._server = server
        self._pace = pace
        self._label = label
        self._played_until = self._last_play = played_until
        self._surveyed = surveyed
        self._hint = hint
        self._report = report
        self._clock = clock
        self._wanted = asyncio.Event()
        self._hurried = asyncio.Event()
        self._indexed = asyncio.Event()
        self._stirred = asyncio.Event()
        self._needs_episodes = False
        self._counts: dict[str, _Counts] = {}
        self._index = _Index(MOST_ITEMS)
        self._indexed_at: dict[MediaKind, float] = {}

    # --- what others ask -------------------------------------------------------

    def look_for_plays(self) -> None:
        """Find out, some time, what was played while nobody listened."""
        if not self._server.capabilities.lists_plays:
            self._wanted.set()

    async def find(
        self, kind: MediaKind, ids: ProviderIds, title: str | None = None
    ) -> Sequence[Reading]:
        """Find every copy of a work by its provider ids, without listing a library.

        Raises `StillLooking` as long as a survey has to say whether there is one.
        """
        found = await self._server.find(kind, ids, title)
        if found or not ids or self._server.capabilities.finds_by_ids:
            return found
        if item_ids := self._index.find(kind, ids):
            readings = (await self._server.fetch(item_ids)).values()
            found = [
                one
                for one in readings
                if one.item.kind is kind and one.item.provider_ids.matches(ids)
            ]
        if not found and not self._knows_all(kind):
            self._needs_episodes |= kind is MediaKind.EPISODE
            self._wanted.set()
            raise StillLooking("the libraries are being read for it")
        return found

    async def find_now(
        self, kind: MediaKind, ids: ProviderIds, title: str | None = None
    ) -> Sequence[Reading]:
        """Find as `find` does, for somebody who waits for the answer.

        Where a survey has to say it begins at once, and is waited for a few seconds.
        """
        try:
            return await self.find(kind, ids, title)
        except StillLooking:
            self._hurried.set()
            with suppress(TimeoutError):
                async with asyncio.timeout(FIND_PATIENCE):
                    while not self._knows_all(kind):
                        self._indexed.clear()
                        await self._indexed.wait()
            return await self.find(kind, ids, title)

    def _knows_all(self, kind: MediaKind) -> bool:
        """Whether the index can say that something is not there."""
        at = self._indexed_at.get(kind)
        return at is not None and self._clock.monotonic() - at <= LIFETIME

    # --- one survey after the other ----------------------------------------------

    async def run(self) -> None:
        """Survey whenever that is wanted, until cancelled."""

        def stirred(_: LaneUpdate) -> None:
            self._stirred.set()

        remove = self._lane.add_listener(stirred)
        try:
            while True:
                await self._wanted.wait()
                await self._rest(CALM)
                self._wanted.clear()
                self._hurried.clear()
                await self._rest(await self._try())
        finally:
            remove()

    async def _rest(self, seconds: float) -> None:
        """Do nothing for some *seconds*, or until somebody waits for an answer.

        What the server needs to recover from is seen to by the pace.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._hurried.wait()

    async def _try(self) -> float:
        """Survey once; return for how many seconds none is to follow."""
        began_at = self._clock.monotonic()
        try:
            await self._survey()
        except ServerError as err:
            _LOGGER.debug("%s: not surveyed: %r", self._label, err)
            if not isinstance(err, Unanswered):
                self._report(err)
            self._wanted.set()
        except Exception:
            _LOGGER.exception("%s: surveying failed unexpectedly", self._label)
            return FAULT_REST
        return max(REST_FACTOR * (self._clock.monotonic() - began_at), SURVEY_REST)

    async def _survey(self) -> None:
        """Read all films and shows, and the episodes of shows that have moved."""
        plays: list[Reading] = []
        last_play = _NEVER
        found = await self._in_turn(self._server.libraries)
        # What was moved is looked for everywhere, where it is allowed first of all.
        libraries = sorted(found, key=lambda one: not one.is_allowed)
        async for films in self._pages(MediaKind.MOVIE, libraries):
            plays = self._worth_a_look([*plays, *films])[-MOST_PLAYS:]
            last_play = max(last_play, _last_play(films))
        needs_episodes = self._needs_episodes
        shows: list[Reading] = []
        listed: set[str] = set()
        async for page in self._pages(MediaKind.SHOW, libraries):
            listed.update(show.item.item_id for show in page)
            shows += (
                show
                for show in page
                if self._has_moved(show, needs_episodes=needs_episodes)
            )
        for gone in self._counts.keys() - listed:
            del self._counts[gone]
        for show in shows:
            try:
                leaves = await self._in_turn(
                    partial(self._server.fetch_leaves, show.item)
                )
            except ItemGone:
                continue
            self._learn(leaves)
            self._counts[show.item.item_id] = _counts(show)
            plays = self._worth_a_look([*plays, *leaves])[-MOST_PLAYS:]
            last_play = max(last_play, _last_play(leaves))
        if needs_episodes:
            self._knows_all_now(MediaKind.EPISODE)
            self._needs_episodes = False
        # What is hinted at now is looked at later, if nothing comes between: until the
        # next survey it is not taken as known.
        self._played_until = self._last_play or last_play
        self._last_play = last_play
        self._surveyed(self._played_until)
        if plays:
            told = {one.item.item_id: Told(one.state) for one in plays}
            self._hint(Changed(frozenset(told), told=told))

    def _worth_a_look(self, readings: Sequence[Reading]) -> list[Reading]:
        """Return what is known and has moved, and what was played since.

        Where it is not known since when, the last plays are those of any time.
        """
        ledger = self._lane.ledger
        moved: list[Reading] = []
        played: list[Reading] = []
        for one in readings:
            base = ledger.base(one.item.item_id)
            if base is None and one.state.last_played is not None:
                played.append(one)
            elif base is not None and base != one.state:
                moved.append(one)
        if self._played_until is None:
            return moved + nlargest(PLAYS, played, key=_played_at)
        until = self._played_until
        return moved + [one for one in played if _played_at(one) > until]

    # --- reading -----------------------------------------------------------------

    def _has_moved(self, show: Reading, *, needs_episodes: bool) -> bool:
        """Whether the episodes of a show are worth reading."""
        known = self._counts.get(show.item.item_id)
        is_known_or_begun = known is not None or _is_begun(show)
        return known != _counts(show) and (needs_episodes or is_known_or_begun)

    async def _pages(
        self, kind: MediaKind, libraries: Iterable[Library]
    ) -> AsyncGenerator[Sequence[Reading]]:
        """Read all films or shows page by page, and learn which ids they bear."""
        count = 0
        for library in libraries:
            async for page in self._pages_of(library, kind):
                count += len(page)
                if count > MOST_ITEMS:
                    raise Malformed(f"the libraries have more than {MOST_ITEMS} items")
                self._learn(page)
                yield page
        self._knows_all_now(kind)

    async def _pages_of(
        self, library: Library, kind: MediaKind
    ) -> AsyncGenerator[Sequence[Reading]]:
        """Read what one library can have of a kind; it may go meanwhile."""
        start: int | None = 0 if library.may_hold(kind) else None
        while start is not None:
            ask = partial(self._server.inventory_page, library, kind, start)
            try:
                page = await self._in_turn(ask)
            except ItemGone:
                return
            yield page.readings
            start = page.next_start

    def _knows_all_now(self, kind: MediaKind) -> None:
        self._indexed_at[kind] = self._clock.monotonic()
        self._indexed.set()

    async def _in_turn[T](self, ask: Callable[[], Awaitable[T]]) -> T:
        """Send one request, once the server is rested and the lane has nothing to do.

        Whoever waits for his lane must not keep other lanes from their turn.
        """
        while True:
            while not self._is_at_leisure:
                self._stirred.clear()
                await self._stirred.wait()
            async with self._pace.turn():
                if self._is_at_leisure:
                    return await ask()

    @property
    def _is_at_leisure(self) -> bool:
        lane = self._lane
        return (
            lane.health.phase is Phase.READY
            and not lane.in_flight
            and not lane.outbox.due(lane.clock.now(), 1)
        )

    def _learn(self, readings: Iterable[Reading]) -> None:
        for one in readings:
            self._index.learn(one.item)


class _Index:
    """Which items bear which provider ids: those that were learned last."""

    def __init__(self, most: int) -> None:
        """Remember no more than *most* items."""
        self._most = most
        self._keys: dict[str, list[IdKey]] = {}
        self._items: dict[IdKey, dict[str, None]] = {}

    def learn(self, item: Item) -> None:
        """Remember what an item bears now, and no more what it did before."""
        self._forget(item.item_id)
        if not (keys := id_keys(item.kind, item.provider_ids)):
            return
        self._keys[item.item_id] = keys
        for key in keys:
            self._items.setdefault(key, {})[item.item_id] = None
        if len(self._keys) > self._most:
            self._forget(next(iter(self._keys)))

    def find(self, kind: MediaKind, ids: ProviderIds) -> set[str]:
        """Return the ids of the items that bear one of *ids*."""
        return {one for key in id_keys(kind, ids) for one in self._items.get(key, ())}

    def _forget(self, item_id: str) -> None:
        for key in self._keys.pop(item_id, ()):
            held = self._items[key]
            del held[item_id]
            if not held:
                del self._items[key]


def _counts(show: Reading) -> _Counts:
    return show.leaf_count, show.watched_leaf_count


def _is_begun(show: Reading) -> bool:
    """Whether an episode of a show may be watched."""
    return show.watched_leaf_count is None or show.watched_leaf_count > 0


def _played_at(reading: Reading) -> datetime:
    return reading.state.last_played or _NEVER


def _last_play(readings: Iterable[Reading]) -> datetime:
    return max(map(_played_at, readings), default=_NEVER)
