"""One simulated world: lanes, servers that fail, people who change their minds.

Everything follows from one seed: what is asked for and when, what goes wrong, when the
process dies and what others do meanwhile. Time is virtual. After a while the faults
stop; the queue has to drain, and then the `invariants` are read.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
import random
from typing import Any

from custom_components.watched_sync.core.errors import JournalError, Reason
from custom_components.watched_sync.core.identity import Item, MediaKind
from custom_components.watched_sync.core.lane import Lane, LaneUpdate, Phase
from custom_components.watched_sync.core.ledger import Ledger
from custom_components.watched_sync.core.operation import (
    Change,
    MarkUnwatched,
    MarkWatched,
    Operation,
    Scope,
    SetProgress,
)
from custom_components.watched_sync.core.outbox import Outbox, Result
from custom_components.watched_sync.core.play_state import PlayState
from custom_components.watched_sync.core.reconcile import CLOCK_TOLERANCE, Policy
from custom_components.watched_sync.core.relay import Relay
from tests.core.twins import (
    Ask,
    Kind,
    MemoryJournal,
    ModelServer,
    Request,
    Trouble,
    movie,
    show,
)
from tests.core.virtual import VirtualClock, VirtualLoop, run

#: Seconds of a world in which things go wrong.
TROUBLED = 900.0

#: Seconds a queue may take to drain once nothing goes wrong any more: eight attempts
#: with the longest delays, and a clock that jumped.
PATIENCE = 6 * 3600.0

#: What can befall one request, and how often beside the others.
_TROUBLES = (
    (Kind.REFUSE, 4),
    (Kind.HANG, 2),
    (Kind.LATE, 4),
    (Kind.DROP, 4),
    (Kind.SLOW, 3),
    (Kind.LIE, 4),
    (Kind.HALF, 2),
    (Kind.ERROR, 3),
    (Kind.BUSY, 2),
    (Kind.STARTING, 1),
    (Kind.HTML, 2),
)


class Broken(AssertionError):
    """A promise was not kept; the seed says how to see it again."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A wish, and whether its acceptance was answered."""

    operation: Operation
    at: float
    answered: bool


@dataclass(slots=True)
class Records:
    """What happened to one lane."""

    asked: list[Asked] = field(default_factory=list)
    ended: dict[str, Result] = field(default_factory=dict)
    ended_at: dict[str, float] = field(default_factory=dict)
    moved: dict[str, float] = field(default_factory=dict)
    played_elsewhere: dict[str, float] = field(default_factory=dict)
    #: What was written by a server that took minutes.
    late: set[str] = field(default_factory=set)
    #: Of which items a request to set the position went wrong.
    doubtful_positions: set[str] = field(default_factory=set)
    outages: list[tuple[float, float]] = field(default_factory=list)
    first_moved: dict[str, float] = field(default_factory=dict)
    #: What our writes changed: the work, how, and when.
    changed: list[tuple[str, Change, float]] = field(default_factory=list)
    restores: int = 0
    #: With the moment, and the server's clock minus ours as it was known by then.
    overruled: list[tuple[Operation, float, timedelta]] = field(default_factory=list)
    rejected: list[tuple[Operation, Reason | None]] = field(default_factory=list)
    oddities: list[str] = field(default_factory=list)
    crashes: int = 0


def work_of(item: Item) -> str:
    """Return what a film or episode is called here: the id it had at first."""
    if item.kind is MediaKind.MOVIE:
        return item.title.removeprefix("Film ")
    show_id = (item.show_title or "").removeprefix("Show ")
    return f"{show_id}.{item.season}.{item.episode}"


def means(operation: Operation, leaf: Item) -> bool:
    """Whether an operation is for a film or episode, by what they are called."""
    item = operation.item
    if operation.scope is Scope.ITEM:
        return work_of(item) == work_of(leaf)
    is_show = item.kind is MediaKind.SHOW
    ids = item.provider_ids if is_show else item.show_provider_ids
    return (
        ids == leaf.show_provider_ids
        and (is_show or item.season == leaf.season)
        and (operation.include_specials or item.is_special or not leaf.is_special)
    )


class SimulatedLane:
    """One lane in the world, as it lives through crashes."""

    def __init__(self, world: World, name: str) -> None:
        """Put a library of films and shows on a server of either kind."""
        rng = world.rng
        self.world = world
        self.name = name
        make = rng.choice((ModelServer.plex, ModelServer.jellyfin))
        self.server = make(world.clock, latency=rng.choice((0.0, 0.02, 0.4)))
        # Of a chance of its own, so that the worlds without it stay as they were.
        self.server.clears_flag = (
            self.server.kind.repeat_safe
            and random.Random(f"{world.seed} {name}").random() < 0.5
        )
        self.server.skew = timedelta(seconds=rng.choice((0, 0, 0, 3, -3, 90)))
        self.server.trouble = self._trouble
        self.server.on_change = self._note_change
        self._away = 0
        self.policy = rng.choice((*[Policy.NEWEST] * 4, *Policy))
        self.initial: dict[str, PlayState] = {}
        self._stock(rng)
        self.journal = MemoryJournal(seconds=rng.choice((0.0, 0.01, 0.2)))
        self.records = Records()
        self._assemble(Outbox(), Ledger())

    def _stock(self, rng: random.Random) -> None:
        films = [movie(f"m{number}") for number in range(4)]
        self.server.add(*films)
        self.shows = []
        for name, seasons in (("a", {1: 3, 2: 2}), ("b", {0: 2, 1: 2})):
            parent = show(name)
            self.server.add_show(parent, seasons)
            self.shows.append(parent)
        for item_id in self.server.states:
            if rng.random() < 0.25:
                self.server.states[item_id] = PlayState(
                    watched=True,
                    play_count=1,
                    last_played=self.world.clock.true_now() - timedelta(days=3),
                )
        self.initial = dict(self.server.states)
        self.leaves = [
            item for item in self.server.items.values() if not item.kind.is_container
        ]

    # Works are named by the ids they had at first. A server that is restored gives
    # them others.

    def id_now(self, work: str) -> str:
        """Return the id that a film or episode has now."""
        return next(
            item_id
            for item_id, item in self.server.items.items()
            if not item.kind.is_container and work_of(item) == work
        )

    def shown(self, work: str) -> PlayState:
        """Return what the server shows of a film or episode now."""
        return self.server.states[self.id_now(work)]

    def works(self, item_ids: Iterable[str]) -> set[str]:
        """Return which films and episodes have these ids, or lie below them, now."""
        items = self.server.items
        return {
            work_of(leaf)
            for item_id in item_ids
            for leaf in items.values()
            if not leaf.kind.is_container
            and (
                leaf.item_id == item_id
                or (item_id in items and items[item_id].covers(leaf))
            )
        }

    def _note_change(self, item: Item, change: Change) -> None:
        self.records.changed.append((work_of(item), change, self.world.loop.time()))

    def _assemble(self, outbox: Outbox, ledger: Ledger) -> None:
        self.journal.outbox = outbox
        self.lane = Lane(
            outbox=outbox,
            ledger=ledger,
            journal=self.journal,
            clock=self.world.clock,
        )
        self.lane.add_listener(self._hear)
        self._watch(self.lane, self.journal)
        self.relay = Relay(
            self.lane,
            self.server,
            server_id="server",
            label=self.name,
            clock=self.world.clock,
            rng=random.Random(self.world.rng.random()),
            policy=self.policy,
            max_retry_age=timedelta(days=30),
            opening=self._catch_up,
        )
        self.task = asyncio.get_running_loop().create_task(self.relay.run())

    async def _catch_up(self) -> None:
        """Listen before speaking: read again what is known."""
        known = [reading.item.item_id for reading in self.lane.ledger]
        if known:
            found = await self.server.fetch(known)
            self.lane.remember(found.values())

    def _hear(self, update: LaneUpdate) -> None:
        for outcome in update.outcomes:
            self.records.ended[outcome.operation.operation_id] = outcome.result
            self.records.ended_at[outcome.operation.operation_id] = (
                self.world.loop.time()
            )

    def _watch(self, lane: Lane, journal: MemoryJournal) -> None:
        """Look, in one life of the process, at each end of an operation as it comes."""
        ended: dict[str, Result] = {}

        def hear(update: LaneUpdate) -> None:
            if journal.dead:
                return  # whoever is told so late died with the process
            if lane.health.reason is Reason.UNEXPECTED:
                self.records.oddities.append("the relay stumbled over itself")
            for outcome in update.outcomes:
                operation = outcome.operation
                earlier = ended.get(operation.operation_id, Result.REJECTED)
                if earlier is not Result.REJECTED:
                    self.records.oddities.append(
                        f"{operation.operation_id} ended as {earlier.value} and as "
                        f"{outcome.result.value}"
                    )
                ended[operation.operation_id] = outcome.result
                match outcome.result:
                    case Result.OVERRULED:
                        self.records.overruled.append(
                            (
                                operation,
                                self.world.loop.time(),
                                self.server.clock_offset or timedelta(),
                            )
                        )
                    case Result.REJECTED:
                        self.records.rejected.append((operation, outcome.reason))
                    case Result.DELIVERED | Result.ALREADY_TRUE:
                        self.records.oddities.extend(self._not_shown(operation))

        lane.add_listener(hear)

    def _not_shown(self, operation: Operation) -> Iterator[str]:
        """Yield what the server does not show although an operation says so."""
        if self.may_be_forgetful:
            return  # an episode of a tree may have been left to somebody else
        for item in self.leaves:
            item_id = item.item_id
            shown = self.shown(item_id)
            if (
                means(operation, item)
                and not self.is_tangled(item)
                and item_id not in self.records.moved
                and not operation.change.apply(shown).agrees_with(shown)
                and not self.keeps_late_position(item_id)
                and not (self.world.jumps and operation.unsure_until)
            ):
                yield f"{operation.operation_id} ended well, {item_id} shows {shown}"

    def _trouble(self, request: Request) -> Trouble | None:
        world = self.world
        if not world.troubled or world.rng.random() >= world.trouble_rate:
            return None
        kind = world.rng.choices(
            [kind for kind, _ in _TROUBLES], [weight for _, weight in _TROUBLES]
        )[0]
        if kind is Kind.LIE and request.ask is not Ask.WRITE:
            return None
        if isinstance(request.change, SetProgress):
            self.records.doubtful_positions |= self.works(request.item_ids)
        seconds = world.rng.uniform(0, 20)
        if kind is Kind.SLOW:
            seconds *= 12
            if request.ask is Ask.WRITE:
                self.records.late |= self.works(request.item_ids)
        return Trouble(
            kind,
            seconds=seconds,
            retry_after=world.rng.choice((None, 3.0, 40.0)),
        )

    async def stay_away(self, seconds: float) -> None:
        """Have the server be away; it is back when nothing keeps it away any more."""
        self._away += 1
        self.server.down = True
        try:
            await asyncio.sleep(seconds)
        finally:
            self._away -= 1
            self.server.down = self._away > 0

    # --- life and death ------------------------------------------------------

    async def crash(self) -> None:
        """Lose all that is not on disk, at whatever await this happens, and start.

        Of a write that was cut off nothing is left: the file is written beside the old
        one and takes its place whole. What a torn file means is tested with the codec.
        """
        self.records.crashes += 1
        self.journal.dead = True
        self.task.cancel()
        await asyncio.wait([self.task])
        text = self.journal.text
        self.journal = MemoryJournal(seconds=self.journal.seconds)
        self.journal.text = text
        keeps_ledger = self.world.rng.random() < 0.5
        ledger = Ledger(self.lane.ledger) if keeps_ledger else Ledger()
        self._assemble(self.journal.restore(), ledger)

    async def ask(self, operations: list[Operation]) -> None:
        """Submit wishes and note whether the answer came back."""
        lane, at = self.lane, self.world.loop.time()
        places = [len(self.records.asked) + n for n in range(len(operations))]
        self.records.asked.extend(Asked(one, at, answered=False) for one in operations)
        try:
            await lane.submit(operations)
        except JournalError:
            # Refused: it is as if it had never been asked.
            for place in places:
                self.records.asked[place] = Asked(
                    self.records.asked[place].operation, -1.0, answered=False
                )
            return
        if lane is self.lane:  # else the process died before it could answer
            for place, operation in zip(places, operations, strict=True):
                self.records.asked[place] = Asked(operation, at, answered=True)

    def keeps_late_position(self, item_id: str) -> bool:
        """Whether a position nobody answered may stay.

        If it was sent twice and the first came last, it is dated like a new play. And
        of a watched item only another play would clear it, where that counts.
        """
        return item_id in self.records.doubtful_positions and (
            item_id in self.records.late
            or (
                not self.server.kind.repeat_safe and self.shown(item_id).watched is True
            )
        )

    def is_tangled(self, item: Item) -> bool:
        """Whether it may not have been known in time that two wishes are for an item.

        After a restore a show and its episodes may wait under ids of before and after
        it. That one is part of the other turns out when they are looked at.
        """
        return self.records.restores > 0 and any(
            one.operation.scope is Scope.TREE and means(one.operation, item)
            for one in self.records.asked
        )

    @property
    def may_be_forgetful(self) -> bool:
        """Whether a crash may have taken what tells our own writes from others'.

        A clock that jumped makes even a date useless for that.
        """
        return self.world.jumps and self.records.crashes > 0

    @property
    def quiet(self) -> bool:
        """Whether nothing waits and nothing is under way."""
        return not len(self.lane.outbox) and self.lane.health.phase is Phase.READY


class World:
    """Lanes, people, faults and time."""

    def __init__(self, seed: int, loop: VirtualLoop) -> None:
        """Everything follows from *seed*."""
        self.seed = seed
        self.rng = random.Random(seed)
        self.loop = loop
        self.clock = VirtualClock()
        self.troubled = True
        self.trouble_rate = self.rng.choice((0.0, 0.02, 0.1, 0.3))
        self.jumps = self.rng.random() < 0.15
        self.crashes = self.rng.random() < 0.5
        # Of a chance of its own: worlds without restores are as they were before.
        self.restoring = random.Random(f"restores {seed}")
        # Where our clock jumped, nobody can tell which of two wishes came first once
        # they turn out to be for one work.
        self.restores = not self.jumps and self.restoring.random() < 0.3
        self._number = 0
        self.lanes = [
            SimulatedLane(self, f"lane {number}")
            for number in range(self.rng.choice((1, 1, 2)))
        ]

    async def live(self) -> None:
        """Let everything happen, then let it come to rest, and look at it."""
        actors = [self._people, self._others]
        if self.rng.random() < 0.7:
            actors.append(self._outages)
        if self.crashes:
            actors.append(self._crashes)
        if self.rng.random() < 0.3:
            actors.append(self._disk)
        if self.jumps:
            actors.append(self._clocks)
        if self.restores:
            actors.append(self._restores)
        tasks = [self.loop.create_task(self._act(lane, *actors)) for lane in self.lanes]
        await asyncio.wait(tasks)
        for task in tasks:
            task.result()
        self.troubled = False
        for lane in self.lanes:
            lane.server.down = False
            lane.server.token_good = True
            lane.journal.broken = False
            lane.relay.nudge()
        await self._rest()
        for lane in self.lanes:
            problems = list(invariants(self, lane))
            if problems:
                raise Broken(
                    f"seed {self.seed}, {lane.name} "
                    f"({'Jellyfin' if lane.server.kind.repeat_safe else 'Plex'}, "
                    f"{lane.policy.value}): " + "; ".join(problems)
                )

    async def _act(
        self,
        lane: SimulatedLane,
        *actors: Callable[[SimulatedLane], Coroutine[Any, Any, None]],
    ) -> None:
        """Run all actors of one lane until the trouble is over."""
        tasks = [self.loop.create_task(actor(lane)) for actor in actors]
        await asyncio.sleep(TROUBLED)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        for task in tasks:
            if not task.cancelled():
                task.result()

    async def _rest(self) -> None:
        end = self.loop.time() + PATIENCE
        while not all(lane.quiet for lane in self.lanes):
            if self.loop.time() > end:
                waiting = [len(lane.lane.outbox) for lane in self.lanes]
                raise Broken(f"seed {self.seed}: {waiting} still wait at the end")
            await asyncio.sleep(5)
        await asyncio.sleep(5)

    # --- actors --------------------------------------------------------------

    async def _people(self, lane: SimulatedLane) -> None:
        """Ask for things, often several at a time and about the same few items."""
        rng = self.rng
        while True:
            await asyncio.sleep(rng.expovariate(1 / rng.choice((2, 20, 60))))
            operations = [self._wish(lane) for _ in range(rng.choice((1, 1, 1, 3)))]
            asking = self.loop.create_task(lane.ask(operations))
            if rng.random() < 0.1:
                await asyncio.sleep(0)
                asking.cancel()
            await asyncio.wait([asking])
            if not asking.cancelled():
                asking.result()

    def _wish(self, lane: SimulatedLane) -> Operation:
        rng = self.rng
        self._number += 1
        known = list(lane.server.items.values())
        scope = Scope.ITEM
        item = rng.choice([one for one in known if not one.kind.is_container])
        if self.restores and self.restoring.random() < 0.3:
            # By the id it had at first: somebody remembers that.
            item = replace(item, item_id=work_of(item))
        change: Change = rng.choice((MarkWatched(), MarkUnwatched()))
        if rng.random() < 0.15:
            scope = Scope.TREE
            item = rng.choice([one for one in known if one.kind.is_container])
        elif rng.random() < 0.25:
            position = rng.choice((0.0, 30.0, 300.0, 900.0, 1500.0))
            change = SetProgress(position)
        elif isinstance(change, MarkWatched) and rng.random() < 0.2:
            change = MarkWatched(self.clock.now() - timedelta(days=1))
        return Operation(
            operation_id=f"{self._number:05}",
            batch_id=f"b{self._number:05}",
            item=item,
            change=change,
            # Two wishes of one moment are in order, as those of two moments are.
            asked_at=self.clock.now() + timedelta(microseconds=self._number),
            scope=scope,
            include_specials=scope is Scope.TREE and rng.random() < 0.3,
        )

    async def _others(self, lane: SimulatedLane) -> None:
        """Watch and mark in another client."""
        rng = self.rng
        while True:
            await asyncio.sleep(rng.expovariate(1 / 90))
            item = rng.choice(lane.leaves)
            self._move(lane, item)

    def _move(self, lane: SimulatedLane, item: Item) -> None:
        now, item_id = self.loop.time(), lane.id_now(item.item_id)
        lane.records.moved[item.item_id] = now
        lane.records.first_moved.setdefault(item.item_id, now)
        lane.records.played_elsewhere.pop(item.item_id, None)
        match self.rng.randrange(3):
            case 0:
                lane.server.elsewhere(item_id, PlayState(watched=False))
            case 1:
                if lane.server.clears_flag:
                    lane.server.begin_elsewhere(item_id)
                state = lane.server.states[item_id]
                lane.server.elsewhere(
                    item_id,
                    replace(
                        state,
                        position=self.rng.choice((120.0, 600.0)),
                        last_played=lane.server.server_now(),
                    ),
                )
            case _:
                lane.server.played_elsewhere(item_id)
                lane.records.played_elsewhere[item.item_id] = now

    async def _outages(self, lane: SimulatedLane) -> None:
        rng = self.rng
        while True:
            await asyncio.sleep(rng.expovariate(1 / 120))
            start = self.loop.time()
            kind = rng.random()
            lane.server.token_good = kind < 0.8
            try:
                seconds = rng.expovariate(1 / rng.choice((5, 60, 300)))
                if kind < 0.8:
                    await lane.stay_away(seconds)
                else:
                    await asyncio.sleep(seconds)
            finally:
                lane.records.outages.append((start, self.loop.time()))
                lane.server.token_good = True
            lane.relay.nudge()

    async def _crashes(self, lane: SimulatedLane) -> None:
        rng = self.rng
        while True:
            await asyncio.sleep(rng.expovariate(1 / 150))
            # Not only where everything sleeps: between any two steps.
            for _ in range(rng.randrange(12)):
                await asyncio.sleep(0)
            await lane.crash()

    async def _disk(self, lane: SimulatedLane) -> None:
        rng = self.rng
        while True:
            await asyncio.sleep(rng.expovariate(1 / 120))
            lane.journal.broken = True
            await asyncio.sleep(rng.expovariate(1 / 5))
            lane.journal.broken = False

    async def _restores(self, lane: SimulatedLane) -> None:
        """Have the server come back from another database: ids change their owners."""
        rng = self.restoring
        while True:
            await asyncio.sleep(rng.expovariate(1 / 200))
            start = self.loop.time()
            try:
                await lane.stay_away(rng.uniform(10, 60))
            finally:
                lane.records.outages.append((start, self.loop.time()))
            lane.server.renumber(self._new_ids(lane))
            lane.records.restores += 1
            lane.relay.nudge()

    def _new_ids(self, lane: SimulatedLane) -> dict[str, str]:
        """Return new ids by the old ones: some that were others', some never seen."""
        rng = self.restoring
        items = lane.server.items.values()
        leaves = [one.item_id for one in items if not one.kind.is_container]
        shows = [one.item_id for one in items if one.kind is MediaKind.SHOW]
        seasons = [one.item_id for one in items if one.kind is MediaKind.SEASON]
        moved: list[str] = []
        for among, most in ((leaves, 6), (shows, 2), (seasons, 3)):
            if rng.random() < 0.6:
                moved += rng.sample(among, rng.randint(2, most))
        shuffled = rng.sample(moved, len(moved))
        new_ids = dict(zip(moved, shuffled, strict=True))
        if moved and rng.random() < 0.5:
            new_ids[moved[0]] = f"new{lane.records.restores}"
        return new_ids

    async def _clocks(self, lane: SimulatedLane) -> None:
        del lane
        rng = self.rng
        while True:
            await asyncio.sleep(rng.expovariate(1 / 200))
            self.clock.jump(
                timedelta(seconds=rng.choice((-7200, -60, 60, 7200, 86400)))
            )


# --- what must hold ----------------------------------------------------------


def invariants(world: World, lane: SimulatedLane) -> Iterator[str]:
    """Yield every promise that was not kept on *lane*."""
    yield from _accounted(lane)
    yield from _last_wish_holds(world, lane)
    yield from _nothing_else_changed(lane)
    yield from _no_double_play(lane)
    yield from lane.records.oddities
    yield from _given_up_for_a_reason(world, lane)
    yield from _overruled_for_a_reason(lane)
    yield from _asked_sparingly(lane)
    if not world.jumps and lane.policy is Policy.NEWEST:
        yield from _newer_play_stands(lane)


def _asked(lane: SimulatedLane) -> list[Asked]:
    """Return the wishes that were not refused, in order."""
    return [one for one in lane.records.asked if one.at >= 0]


def _accounted(lane: SimulatedLane) -> Iterator[str]:
    """Every accepted wish ended where a person can see it, or gave way to a later."""
    outbox = lane.lane.outbox
    rejected = {one.operation_id for one in outbox.rejected}
    done = {one.operation.operation_id for one in outbox.history}
    asked = _asked(lane)
    for place, one in enumerate(asked):
        operation_id = one.operation.operation_id
        if (
            not one.answered
            or operation_id in done
            or operation_id in rejected
            or operation_id in lane.records.ended
        ):
            continue
        meant = {leaf.item_id for leaf in lane.leaves if means(one.operation, leaf)}
        if any(
            meant <= {leaf.item_id for leaf in lane.leaves if means(later, leaf)}
            for later in (each.operation for each in asked[place + 1 :])
        ):
            continue  # overtaken by one whose news died with the process
        yield f"operation {operation_id} was accepted and is nowhere"
    for operation_id in rejected & done:
        yield f"operation {operation_id} is both done and given up"


def _wishes_for(lane: SimulatedLane, item: Item) -> list[Asked]:
    return [one for one in _asked(lane) if means(one.operation, item)]


def _nothing_else_changed(lane: SimulatedLane) -> Iterator[str]:
    """Nothing is done to a work that nobody had asked for, whatever its id is."""
    wishes = {
        item.item_id: [
            (type(one.operation.change), one.at) for one in _wishes_for(lane, item)
        ]
        for item in lane.leaves
    }
    for work, change, at in lane.records.changed:
        if not any(
            kind is type(change) and asked_at <= at for kind, asked_at in wishes[work]
        ):
            yield f"nobody had asked for {change} of {work}"


def _last_wish_holds(world: World, lane: SimulatedLane) -> Iterator[str]:
    """An item is as the wishes for it say, one after the other.

    What counts are the last mark and what came after it: whatever became of earlier
    wishes, and whatever others did before, that mark says it all.
    """
    given_up = {one.operation_id for one in lane.lane.outbox.rejected} | {
        operation_id
        for operation_id, result in lane.records.ended.items()
        if result in (Result.REJECTED, Result.OVERRULED)
    }
    for item in lane.leaves:
        item_id = item.item_id
        wishes = _wishes_for(lane, item)
        deciding = _deciding(wishes)
        if (
            not _untouched(world, lane, item_id, deciding)
            or lane.is_tangled(item)
            # What somebody else did looked like our own write, which came later.
            or (item_id in lane.records.late and item_id in lane.records.moved)
            # By our clock, what came late was too late to be our own.
            or (item_id in lane.records.late and world.jumps)
            or any(not one.answered for one in deciding)
            or any(one.operation.operation_id in given_up for one in deciding)
            # Where our own clock jumped, and what both sides had agreed on was lost,
            # nobody can tell who spoke last; of an episode in a tree it is not told.
            or (
                lane.may_be_forgetful
                and any(one.operation.scope is Scope.TREE for one in wishes)
            )
        ):
            continue
        wanted = lane.initial[item_id]
        for one in deciding:
            wanted = one.operation.change.apply(wanted)
        shown = lane.shown(item_id)
        if lane.keeps_late_position(item_id):
            continue
        if not wanted.agrees_with(shown):
            yield f"{item_id} shows {shown} and was wanted {wanted}"


def _deciding(wishes: list[Asked]) -> list[Asked]:
    """Return the last mark among *wishes* and what follows; all, if there is none."""
    for place in reversed(range(len(wishes))):
        if not isinstance(wishes[place].operation.change, SetProgress):
            return wishes[place:]
    return wishes


def _untouched(
    world: World,
    lane: SimulatedLane,
    item_id: str,
    deciding: list[Asked],
) -> bool:
    """Whether nobody else has moved an item, or surely before the wishes that count."""
    moved = lane.records.moved.get(item_id)
    if moved is None:
        return True
    tolerance = 2 * CLOCK_TOLERANCE.total_seconds()
    return (
        lane.policy in (Policy.NEWEST, Policy.HOME_ASSISTANT)
        and not world.jumps
        and abs(lane.server.skew.total_seconds()) <= tolerance / 2
        and bool(deciding)
        and not isinstance(deciding[0].operation.change, SetProgress)
        and moved + tolerance < deciding[0].at
    )


def _no_double_play(lane: SimulatedLane) -> Iterator[str]:
    works = {item.item_id: item for item in lane.leaves}
    for item_id in lane.works(lane.server.doubled):
        if item_id not in lane.records.moved:
            yield f"{item_id} was marked although it was watched"
    for id_now, plays in lane.server.plays.items():
        item_id = work_of(lane.server.items[id_now])
        all_wishes = _wishes_for(lane, works[item_id])
        wishes = [
            one
            for one in all_wishes
            if not isinstance(one.operation.change, MarkUnwatched)
        ]
        if item_id in lane.records.late and len(all_wishes) > len(wishes):
            continue  # one of the two came late and was put right
        if item_id not in lane.records.moved and plays > len(wishes):
            yield f"{item_id} got {plays} plays from {len(wishes)} wishes"


def _given_up_for_a_reason(world: World, lane: SimulatedLane) -> Iterator[str]:
    """Outages give nothing up: only single requests that go wrong do."""
    if world.trouble_rate == 0:
        for operation, reason in lane.records.rejected:
            if reason is not Reason.UNSUPPORTED:
                yield f"{operation.operation_id} was given up as {reason}"


def _overruled_for_a_reason(lane: SimulatedLane) -> Iterator[str]:
    """Nobody is overruled by what we did ourselves, however it came about."""
    for operation, at, offset in lane.records.overruled:
        change = operation.change
        if (
            isinstance(change, SetProgress)
            and change.watched is None
            and lane.records.crashes
        ):
            continue  # what we had marked ourselves beats it, if that was forgotten
        if any(means(operation, one) and lane.is_tangled(one) for one in lane.leaves):
            continue  # it may have been one of ours
        sent_twice = lane.records.late & lane.records.doubtful_positions
        if any(
            means(operation, item) for item in lane.leaves if item.item_id in sent_twice
        ):
            continue  # sent twice, the first coming late: it is dated like a new play
        if lane.world.jumps and operation.unsure_until is not None:
            continue  # by the date it came later than any write of ours can have
        moved = any(
            lane.records.first_moved.get(item.item_id, at) < at
            for item in lane.leaves
            if means(operation, item)
        )
        if any(
            _looks_newer(lane, operation, item.item_id, offset)
            for item in lane.leaves
            if means(operation, item)
        ):
            continue
        if not moved and not lane.may_be_forgetful:
            yield f"{operation.operation_id} was overruled and nobody had moved"


def _looks_newer(
    lane: SimulatedLane, operation: Operation, item_id: str, offset: timedelta
) -> bool:
    """Whether a play from before this world looks newer than a wish made in it.

    So it does after our clock was set forward by more than its age, for the wish has
    the time of the clock as it was. Who had read the item before the wish knows that
    nobody moved; where it was never read, the clocks are all there is to go by.
    """
    played_at = lane.initial[item_id].last_played
    base = (
        operation.base
        if operation.scope is Scope.ITEM
        else operation.bases.get(item_id)
    )
    return (
        base is None
        and lane.world.jumps
        and played_at is not None
        and played_at - offset > operation.asked_at + CLOCK_TOLERANCE
    )


def _asked_sparingly(lane: SimulatedLane) -> Iterator[str]:
    """While a server is away, or refuses us, it is asked now and then, not more."""
    for start, end in lane.records.outages:
        asked = sum(start < one.at < end for one in lane.server.requests)
        allowed = 12 + (end - start) / 4 + 12 * lane.records.crashes
        if asked > allowed:
            yield f"{asked} requests in an outage of {end - start:.0f} s"


def _newer_play_stands(lane: SimulatedLane) -> Iterator[str]:
    """What somebody watched after the last wish for it stays watched."""
    works = {item.item_id: item for item in lane.leaves}
    for item_id, played_at in lane.records.played_elsewhere.items():
        if item_id in lane.records.late or lane.is_tangled(works[item_id]):
            continue
        wishes = _wishes_for(lane, works[item_id])
        tolerance = 2 * CLOCK_TOLERANCE.total_seconds()
        if abs(lane.server.skew.total_seconds()) > tolerance / 2:
            continue  # nobody knows the offset before the first answer
        if any(one.at + tolerance > played_at for one in wishes):
            continue
        if any(_in_doubt(lane, one, played_at) for one in wishes):
            continue  # it may have been our own mark: nobody can tell
        if _between_look_and_write(lane, item_id, played_at):
            continue
        if not lane.shown(item_id).keeping_flag().watched:
            yield f"{item_id} was watched elsewhere after the last wish, and is not now"


def _between_look_and_write(lane: SimulatedLane, item_id: str, moment: float) -> bool:
    """Whether at *moment* an item had been read and was about to be written.

    No server compares before it writes, so what happens to the item between the last
    look at it and the write cannot be seen by whoever writes. A look counts from when
    the server answered it, which may be long before the answer arrived.
    """
    look, id_now = moment, lane.id_now(item_id)
    for request in lane.server.requests:
        at = request.at + lane.server.latency
        if not any(
            one == id_now
            or (
                request.ask is not Ask.FETCH
                and one in lane.server.items
                and lane.server.items[one].covers(lane.server.items[id_now])
            )
            for one in request.item_ids
        ):
            continue
        if request.ask in {Ask.FETCH, Ask.LEAVES}:
            look = at
        elif request.ask is Ask.WRITE and look < moment <= at:
            return True
    return False


def _in_doubt(lane: SimulatedLane, one: Asked, moment: float) -> bool:
    """Whether a write of this wish may or may not have been carried out by *moment*."""
    operation = one.operation
    ended_at = lane.records.ended_at.get(operation.operation_id, PATIENCE)
    if lane.records.ended.get(operation.operation_id) is Result.SUPERSEDED:
        ended_at = PATIENCE  # overtaken, not confirmed
    return ended_at > moment and any(
        request.ask is Ask.WRITE
        and one.at <= request.at <= moment
        and any(
            means(operation, item)
            for item in lane.leaves
            if item.item_id in lane.works(request.item_ids)
        )
        for request in lane.server.requests
    )


def simulate(seed: int) -> None:
    """Live through the world of *seed*. Raises `Broken` if a promise was not kept."""
    loop = VirtualLoop()

    async def main() -> None:
        await World(seed, loop).live()

    run(main(), loop)
