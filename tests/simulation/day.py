"""A day of a Plex and a Jellyfin that follow each other, with libraries of a real size.

Other clients change single things, and now and then up to two thousand at once, on
either side; Home Assistant is asked for batches of its own in between; its process
dies, servers restart and requests fail. Whoever uses it answers when asked about many
changes at once. Every change has to arrive on the other side, copied unasked or after
that answer. Everything follows from one seed, in virtual time.

What the core has is real: lanes, relays, copiers, observers and inventories. Only the
`Reader` of the observers, which belongs to Home Assistant, is a short one.
"""

import asyncio
from collections.abc import Collection, Coroutine, Iterator
from dataclasses import dataclass
from datetime import datetime
import json
import random
from typing import Any, override

from custom_components.watched_sync.core.codec import encode_move, encode_reading
from custom_components.watched_sync.core.copying import CopyTarget, NoTarget
from custom_components.watched_sync.core.errors import Unreachable
from custom_components.watched_sync.core.identity import Item, MediaKind
from custom_components.watched_sync.core.inventory import Inventory
from custom_components.watched_sync.core.lane import LaneUpdate
from custom_components.watched_sync.core.mirror import MOST_CHANGES, Move
from custom_components.watched_sync.core.observer import Observer
from custom_components.watched_sync.core.operation import (
    MarkUnwatched,
    MarkWatched,
    Operation,
    Origin,
    Scope,
)
from custom_components.watched_sync.core.outbox import Result
from custom_components.watched_sync.core.pace import Pace
from custom_components.watched_sync.core.play_state import Reading
from custom_components.watched_sync.core.ports import Catalogue, Changed
from custom_components.watched_sync.core.reconcile import Policy
from tests.core.memory_catalogue import MemoryCatalogue
from tests.core.twins import ModelServer
from tests.core.virtual import VirtualLoop, run

from .mirrored import Mirrored, Side, film, series, work_of
from .reader import ShortReader

#: What is in both libraries.
FILMS = 3_000
SHOWS = 20
SEASONS = {1: 12, 2: 12}

#: Seconds for which a work is left alone that somebody has changed. In these it is
#: noticed: a Plex does not tell, but all that is known is read in turn in 20 minutes,
#: and the inventory of a Jellyfin finds what changed while nobody listened.
RESTED = 2 * 3600.0

#: Changes of a burst that may be copied before anybody is asked: as many as need no
#: question, and again where the process died or the question was answered meanwhile.
UNASKED = 3 * MOST_CHANGES


@dataclass(eq=False, slots=True)
class Act:
    """One change of one work: where, and whether it makes it watched.

    `own` was asked of Home Assistant. `asked` says that a person was asked whether to
    copy it, `arrived` that the other side has it, `delivered` that its own has.
    """

    work: str
    side: str
    watched: bool
    own: bool = False
    asked: bool = False
    arrived: bool = False
    delivered: bool = False


@dataclass(slots=True)
class Counts:
    """What happened in a day."""

    changes: int = 0
    copied: int = 0
    asked: int = 0
    operations: int = 0
    delivered: int = 0
    bursts: int = 0
    largest: int = 0
    questions: int = 0
    deaths: int = 0
    server_restarts: int = 0
    missing: int = 0

    def lines(self) -> Iterator[str]:
        """Yield the counts for people."""
        yield f"changes made by others: {self.changes}"
        yield f"    in {self.bursts} bursts of up to {self.largest} and one by one"
        yield f"    copied unasked: {self.copied}"
        yield f"    asked about, then copied: {self.asked} ({self.questions} answers)"
        yield f"own operations: {self.operations}, delivered, copied: {self.delivered}"
        yield f"restarts of the process: {self.deaths}"
        yield f"restarts of servers: {self.server_restarts}"
        yield f"missing: {self.missing}"


class DaySide(Side):
    """One server and its lane, which is observed as it is in Home Assistant."""

    def __init__(self, day: Day, name: str, server: ModelServer) -> None:
        """Be one side of *day*."""
        self.day = day
        super().__init__(day, name, server)

    @override
    def stock(self) -> None:
        self.server.page = 500
        self.server.add(*(film(self.name, f"m{number}") for number in range(FILMS)))
        for number in range(SHOWS):
            self.server.add_show(series(self.name, f"s{number}"), SEASONS)
        self._works = {
            work_of(item): item
            for item in self.server.items.values()
            if not item.kind.is_container
        }
        self._kept: tuple[list[Reading], list[Move], datetime | None] = ([], [], None)
        self.answers_at: float | None = None
        self.catalogue = MemoryCatalogue()

    @property
    @override
    def works(self) -> dict[str, Item]:
        """All films and episodes: nothing comes or goes."""
        return self._works

    # --- lives ---------------------------------------------------------------

    @override
    def catalogue_on_disk(self) -> Catalogue:
        return self.catalogue

    @override
    def assemble(self) -> None:
        readings, moves, seen_until = self._kept
        self.stored = json.dumps(
            {
                "readings": [encode_reading(one) for one in readings],
                "moves": [encode_move(one) for one in moves],
            }
        )
        super().assemble()
        self.reader = ShortReader(
            self.lane, self.server, seen_until=seen_until or self.moves.since
        )
        self.inventory = Inventory(
            self.lane,
            self.server,
            self.catalogue,
            Pace(self.world.clock),
            label=self.name,
            played_until=self.reader.seen_until,
            hint=self._hint,
            report=self.relay.report,
            clock=self.world.clock,
        )
        self.inventory.begin()
        self.observer = Observer(
            self.lane,
            self.server,
            self.reader,
            label=self.name,
            report=self.relay.report,
            clock=self.world.clock,
            rng=random.Random(self.world.rng.random()),
            missed=self.inventory.look_again,
            counts=self.inventory,
        )
        self.lane.add_listener(lambda update: self.day.note_outcomes(self, update))
        self.tasks.append(self.world.loop.create_task(self.inventory.run()))

    def _hint(self, change: Changed) -> None:
        self.observer.hint(change)

    @override
    async def _store(self) -> None:
        """Write the ledger now and then; it becomes text where it is read again."""
        while True:
            await asyncio.sleep(10)
            self._kept = (
                list(self.lane.ledger),
                list(self.moves),
                self.reader.seen_until,
            )

    # --- reading -------------------------------------------------------------

    @override
    async def open(self) -> None:
        await self.observer.open()

    @override
    async def _look(self) -> None:
        await self.observer.run()

    # --- copying -------------------------------------------------------------

    @override
    async def _copy(self) -> None:
        """Copy, and have a person answer some minutes after being asked."""
        while True:
            await asyncio.sleep(self.world.round)
            await self.copier.copy()
            held = self.moves.held
            if not held.count:
                continue
            self.day.note_asked(self, held.item_ids)
            now = self.world.loop.time()
            if self.answers_at is None:
                self.answers_at = now + self.world.rng.uniform(20, 900)
            elif now >= self.answers_at:
                self.answers_at = None
                self.day.counts.questions += 1
                self.moves.approve(held.item_ids)

    # --- the server ----------------------------------------------------------

    @override
    def _written(self, item: Item) -> None:
        super()._written(item)
        self.announce(item.item_id)

    def announce(self, item_id: str) -> None:
        """Tell of a change over the socket, if this kind of server does."""
        if self.server.capabilities.announces_marks and not self.server.down:
            self.server.tell(Changed(frozenset({item_id})))


class Day(Mirrored):
    """Two lanes that follow each other through a day."""

    round = 4.0
    rest = RESTED / 2
    afterwards = 1200.0

    def __init__(
        self,
        seed: int,
        loop: VirtualLoop,
        counts: Counts,
        *,
        hours: float,
        largest: int,
    ) -> None:
        """Live for so many *hours*, with bursts of up to *largest* changes."""
        self.eventful = hours * 3600.0
        self._largest = largest
        self._makers = [ModelServer.plex, ModelServer.jellyfin]
        random.Random(f"{seed} order").shuffle(self._makers)
        self.counts = counts
        self.acts: list[Act] = []
        self._latest: dict[str, Act] = {}
        self._bursts: list[list[Act]] = []
        #: Taken while the process is away: nobody can ask it for anything.
        self._alive = asyncio.Lock()
        super().__init__(seed, loop, calmer=True, failing=True)
        self.trouble_rate = 0.01

    @override
    def make_side(self, name: str) -> DaySide:
        return DaySide(self, name, self.make_server())

    @override
    def make_server(self) -> ModelServer:
        return self._makers.pop()(self.clock)

    @override
    def find_target(self, name: str) -> CopyTarget | NoTarget:
        side = self._side(name)
        return CopyTarget(
            side.lane,
            side.server,
            side.inventory.find,
            Policy.NEWEST,
            side.relay.report,
        )

    def _side(self, name: str) -> DaySide:
        return next(one for one in self._day_sides if one.name == name)

    @property
    def _day_sides(self) -> list[DaySide]:
        return [one for one in self.sides if isinstance(one, DaySide)]

    @override
    def actors(self) -> list[Coroutine[Any, Any, None]]:
        return [
            self._others(),
            self._have_bursts(),
            self._operation(),
            self._crashes(),
            *map(self._outages, self.sides),
        ]

    # --- what happens --------------------------------------------------------

    def _free(self, side: Side, *, watched: bool) -> list[str]:
        """Return the works that can be changed so: at rest, and not so yet."""
        now = self.loop.time()
        return [
            work
            for work, item in side.works.items()
            if side.server.states[item.item_id].watched is not watched
            and now - self._rested_since(work) >= RESTED
        ]

    def _rested_since(self, work: str) -> float:
        changes = self.changes.get(work)
        return changes[-1][0] if changes else -RESTED

    def _choose(self, side: Side, most: int) -> tuple[list[str], bool]:
        """Return up to so many works and whether to mark or un-mark them."""
        watched = self.rng.random() < 0.7
        free = self._free(side, watched=watched)
        if not free:  # as at first, when there is nothing yet to un-mark
            watched = not watched
            free = self._free(side, watched=watched)
        return self.rng.sample(free, min(most, len(free))), watched

    def _change(self, side: DaySide, work: str, *, watched: bool) -> Act:
        """Have another client mark or un-mark a work, of a server we may not reach."""
        item_id = side.works[work].item_id
        side.server.mark_elsewhere(item_id, watched=watched)
        self._record(side, work)
        side.announce(item_id)
        self.counts.changes += 1
        return self._act(Act(work, side.name, watched))

    def _act(self, act: Act) -> Act:
        self.acts.append(act)
        self._latest[act.work] = act
        return act

    @override
    async def _others(self) -> None:
        """Have others change some few things now and then."""
        while True:
            await asyncio.sleep(self.rng.expovariate(1 / 240))
            side = self.rng.choice(self._day_sides)
            works, watched = self._choose(side, self.rng.choice((1, 1, 2, 8)))
            for work in works:
                self._change(side, work, watched=watched)

    async def _have_bursts(self) -> None:
        """Have others change very much at once, for one app or another."""
        while True:
            await asyncio.sleep(self.rng.uniform(1200, 6000))
            side = self.rng.choice(self._day_sides)
            # One of each day is as large as can be.
            most = self._largest if not self._bursts else self._a_size()
            works, watched = self._choose(side, most)
            pause = self.rng.choice((0.0, 0.005, 0.05))
            burst: list[Act] = []
            self._bursts.append(burst)
            for work in works:
                if self._rested_since(work) > self.loop.time() - RESTED:
                    continue  # somebody was quicker
                burst.append(self._change(side, work, watched=watched))
                await asyncio.sleep(pause)

    def _a_size(self) -> int:
        return self.rng.randint(MOST_CHANGES, self._largest)

    async def _operation(self) -> None:
        """Have Home Assistant mark or un-mark a batch, or a season, now and then."""
        while True:
            await asyncio.sleep(self.rng.uniform(300, 1500))
            async with self._alive:
                side = self.rng.choice(self._day_sides)
                if self.rng.random() < 0.3:
                    await self._operation_season(side)
                else:
                    works, watched = self._choose(side, self.rng.randint(1, 60))
                    items = [side.works[work] for work in works]
                    await self._ask(side, items, works, watched=watched)

    async def _operation_season(self, side: DaySide) -> None:
        number = self.rng.randrange(SHOWS)
        season = side.server.items[f"{side.name}-s{number}.1"]
        works = [
            work
            for work, item in side.works.items()
            if item.kind is MediaKind.EPISODE and season.covers(item)
        ]
        if set(works) <= set(self._free(side, watched=True)):
            await self._ask(side, [season], works, watched=True)

    async def _ask(
        self, side: DaySide, items: list[Item], works: list[str], *, watched: bool
    ) -> None:
        """Have a lane change *items*, which are or hold *works*."""
        change = MarkWatched() if watched else MarkUnwatched()
        batch_id, now = self.new_id(), self.clock.now()
        for work in works:
            shown = side.server.states[side.works[work].item_id]
            self.changes.setdefault(work, []).append(
                (self.loop.time(), change.apply(shown))
            )
            self._act(Act(work, side.name, watched, own=True))
        self.counts.operations += len(works)
        await side.lane.submit(
            [
                Operation(
                    self.new_id(),
                    batch_id,
                    item,
                    change,
                    now,
                    scope=Scope.TREE if item.kind.is_container else Scope.ITEM,
                )
                for item in items
            ]
        )
        side.relay.nudge()

    @override
    async def _outages(self, side: Side) -> None:
        """Have a server restart now and then."""
        while True:
            await asyncio.sleep(self.rng.uniform(1800, 10800))
            self.counts.server_restarts += 1
            side.server.restart()
            side.server.tell(Unreachable("the server restarts"))
            await side.stay_away(self.rng.uniform(20, 300))

    @override
    async def _crashes(self) -> None:
        """Have the process die now and then, and start again minutes later."""
        while True:
            await asyncio.sleep(self.rng.uniform(900, 7200))
            async with self._alive:
                self.counts.deaths += 1
                await asyncio.wait([task for side in self.sides for task in side.die()])
                try:
                    await asyncio.sleep(self.rng.choice((0, 30, 300)))
                finally:
                    self.lock = asyncio.Lock()
                    for side in self.sides:
                        side.assemble()

    # --- what came of it -----------------------------------------------------

    def note_asked(self, side: Side, item_ids: Collection[str]) -> None:
        """Note that a person was asked about changes of one side."""
        for item_id in item_ids:
            act = self._latest.get(work_of(side.server.items[item_id]))
            if act is not None and act.side == side.name:
                act.asked = True

    def note_outcomes(self, side: Side, update: LaneUpdate) -> None:
        """Note which changes have come to one side."""
        for outcome in update.outcomes:
            if outcome.result not in {Result.DELIVERED, Result.ALREADY_TRUE}:
                continue
            operation = outcome.operation
            for work in self._works_of(side, operation):
                act = self._latest.get(work)
                kind = MarkWatched if act and act.watched else MarkUnwatched
                if act is None or not isinstance(operation.change, kind):
                    continue
                if operation.origin is not Origin.MIRROR:
                    act.delivered |= act.side == side.name
                elif act.side != side.name:
                    act.arrived = True

    @staticmethod
    def _works_of(side: Side, operation: Operation) -> list[str]:
        if not operation.item.kind.is_container:
            return [work_of(operation.item)]
        return [work for work, one in side.works.items() if operation.reaches(one)]

    @override
    def problems(self) -> Iterator[str]:
        yield from super().problems()
        counts = self.counts
        lost = [one for one in self.acts if not self._is_there(one)]
        for act in lost[:10]:
            yield f"{act} is missing"
        counts.missing = len(lost)
        done = [one for one in self.acts if self._is_there(one)]
        counts.asked = sum(one.asked for one in done if not one.own)
        counts.copied = sum(not one.asked for one in done if not one.own)
        counts.delivered = sum(one.own for one in done)
        counts.bursts = len(self._bursts)
        counts.largest = max(map(len, self._bursts), default=0)
        for burst in self._bursts:
            unasked = sum(not one.asked for one in burst)
            if unasked > UNASKED:
                yield f"{unasked} of {len(burst)} changes at once were copied unasked"

    def _is_there(self, act: Act) -> bool:
        """Whether a change has come to the other side, and shows on both at last."""
        if not act.arrived or (act.own and not act.delivered):
            return False
        return self._latest[act.work] is not act or all(
            side.server.states[side.works[act.work].item_id].watched is act.watched
            for side in self.sides
        )


def simulate(
    seed: int, counts: Counts, *, hours: float = 24.0, largest: int = 2_000
) -> None:
    """Live through the day of *seed*, and count in *counts* what happened.

    Raises `Broken` if a promise was not kept.
    """
    loop = VirtualLoop()

    async def main() -> None:
        await Day(seed, loop, counts, hours=hours, largest=largest).live()

    run(main(), loop)
