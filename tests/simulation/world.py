"""One simulated world: lanes, servers that fail, people who change their minds.

Everything follows from one seed: what is asked for and when, what goes wrong, when the
process dies and what others do meanwhile. Time is virtual. After a while the faults
stop; the queue has to drain, and then the `invariants` are read.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import groupby
import random
from typing import Any

from custom_components.watched_sync.core.errors import (
    JournalError,
    Reason,
    Unreachable,
)
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
from custom_components.watched_sync.core.play_state import PlayState, Reading
from custom_components.watched_sync.core.reconcile import Policy
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

from .invariants import LOOKS_NEWER, SHOWN, invariants, looks_newer
from .records import (
    FORGOTTEN,
    LATE_POSITION,
    PATIENCE,
    TANGLED,
    Asked,
    Broken,
    Records,
    Restored,
    means,
    spoiled,
    work_of,
)
from .tally import Tally

#: Seconds of a world in which things go wrong.
TROUBLED = 900.0

#: How often worlds have what is rare.
RARE = 0.06

#: How many rows are odd, in worlds that have such.
ODD_ROWS = 0.05

#: Seconds it takes to put a backup back: longer than any write is under way.
RESTORING = 300.0

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
        # Two versions that keep states of before: one in lists, one for single items.
        kept = random.Random(f"{world.seed} {name} old states").random()
        if self.server.kind.repeat_safe and kept < 0.4:
            self.server.shows_what_was = kept < 0.2
            self.server.leaves_old_state = not self.server.shows_what_was
        self.server.skew = timedelta(seconds=rng.choice((0, 0, 0, 3, -3, 90)))
        self.server.trouble = self._trouble
        self.server.on_change = self._note_change
        if world.spoils:
            self.server.spoil = self._spoil
        self._away = 0
        self.policy = rng.choice((*[Policy.NEWEST] * 4, *Policy))
        self.initial: dict[str, PlayState] = {}
        self._stock(rng)
        self._hide(random.Random(f"{world.seed} {name}-hidden"))
        self.journal = MemoryJournal(seconds=rng.choice((0.0, 0.01, 0.2)))
        self.records = Records()
        self.is_off = False
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

    def _hide(self, rng: random.Random) -> None:
        """Have a Jellyfin list what this user may not see, in a few worlds.

        That is a whole show, or one or two films and episodes. Where ids change, what
        is hidden cannot be told from what is gone: no search shows it.
        """
        is_possible = self.server.kind.repeat_safe and not self.world.restores
        if not is_possible or rng.random() >= 0.15:
            return
        if rng.random() < 0.3:
            parent = rng.choice(self.shows)
            self.server.forbidden = {
                item_id
                for item_id, item in self.server.items.items()
                if item is parent or item.show_id == parent.item_id
            }
        else:
            hidden = rng.sample(self.leaves, rng.randint(1, 2))
            self.server.forbidden = {item.item_id for item in hidden}

    def is_hidden(self, item: Item) -> bool:
        """Whether the user may not see a film or episode, so no write knows it."""
        return self.id_now(item.item_id) in self.server.forbidden

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
            lane = self.lane
            found = await self.server.fetch(known)
            lane.remember(found.values())
            lane.ledger.miss(set(known) - found.keys())

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
            if lane.health.reason is Reason.UNEXPECTED or any(
                one.last_error == Reason.UNEXPECTED for one in lane.outbox
            ):
                self.records.oddities.append("the relay stumbled over itself")
            if lane.health.phase is Phase.PARKED and not self.records.signed_out:
                self.records.oddities.append("parked, and the sign-in is good")
            if self.world.closes and any(
                one.last_error == Reason.FORBIDDEN
                and not any(
                    self.is_hidden(leaf) for leaf in self.leaves if means(one, leaf)
                )
                for one in (*lane.outbox, *lane.outbox.rejected)
            ):
                self.records.oddities.append("an operation paid for closed doors")
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
        tally = self.world.tally
        for item in self.leaves:
            item_id = item.item_id
            if not means(operation, item):
                continue
            if reason := self._why_it_may_not_show(operation, item):
                tally.leave_out(SHOWN, reason)
                continue
            tally.check(SHOWN)
            shown = self.shown(item_id)
            if not operation.change.apply(shown).agrees_with(shown):
                yield f"{operation.operation_id} ended well, {item_id} shows {shown}"

    def _why_it_may_not_show(self, operation: Operation, item: Item) -> str | None:
        """Say why an item need not show what an operation that ended well wanted."""
        if self.is_tangled(item):
            return TANGLED
        if item.item_id in self.records.moved:
            return "somebody else moved it"
        if self.keeps_late_position(item.item_id):
            return LATE_POSITION
        if self.world.jumps and operation.unsure_until:
            return "our clock jumped while a write was in doubt"
        if self.records.backup is not None and operation.scope is Scope.TREE:
            return FORGOTTEN
        if self.may_be_forgetful and operation.scope is Scope.TREE:
            return "it may have been left to somebody, after a clock that jumped"
        offset = self.server.clock_offset or timedelta()
        if operation.scope is Scope.TREE and looks_newer(
            self, operation, item.item_id, offset
        ):
            return LOOKS_NEWER
        return None

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
                self.records.late.update(self.works(request.item_ids))
        return Trouble(
            kind,
            seconds=seconds,
            retry_after=world.rng.choice((None, 3.0, 40.0)),
        )

    def _spoil(self, reading: Reading) -> Reading | None:
        """Make of a row what the clients make of an odd one, now and then."""
        if not self.world.troubled or self.world.odd.random() >= ODD_ROWS:
            return reading
        row = spoiled(self.world.odd, reading)
        if row is not None and row.state.last_played is None:
            self.records.undated[work_of(reading.item)] = self.world.loop.time()
        return row

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
        if self.is_off:
            return
        await self._die()
        stored = self.journal.stored
        self.journal = MemoryJournal(seconds=self.journal.seconds)
        self.journal.stored = stored
        keeps_ledger = self.world.rng.random() < 0.5
        known = self.lane.ledger
        ledger = Ledger(known, known.absent) if keeps_ledger else Ledger()
        self._assemble(self.journal.restore(), ledger)

    async def _die(self) -> None:
        self.records.crashed_at.append(self.world.loop.time())
        self.journal.dead = True
        self.task.cancel()
        await asyncio.wait([self.task])

    async def back_up(self) -> Callable[[], tuple[Outbox, Ledger]] | None:
        """Make a backup; return what loads it, None if the disk fails."""
        journal, known = self.journal, self.lane.ledger
        try:
            await journal.save()
        except JournalError:
            return None
        copy = MemoryJournal()
        copy.stored = journal.stored
        readings, absent = list(known), frozenset(known.absent)
        return lambda: (copy.restore(), Ledger(readings, absent))

    async def put_back(self, load: Callable[[], tuple[Outbox, Ledger]]) -> None:
        """Have the files of a backup in place of ours, and start with them."""
        self.is_off = True
        await self._die()
        try:
            await asyncio.sleep(RESTORING)
        finally:
            outbox, ledger = load()
            self._note_backup(outbox)
            outbox.hold(Reason.RESTORED)
            self.journal = MemoryJournal(seconds=self.journal.seconds)
            self.journal.outbox = outbox
            await self.journal.save()
            self._assemble(outbox, ledger)
            self.is_off = False

    def _note_backup(self, outbox: Outbox) -> None:
        records = self.records
        # It took less time than that where the troubles ended meanwhile.
        late_until = records.crashed_at[-1] + RESTORING
        records.backup = Restored(
            self.world.loop.time(), late_until, tuple(outbox.rejected)
        )
        records.held = {one.operation_id for one in outbox}
        records.forgotten = {
            operation_id
            for operation_id in (one.operation.operation_id for one in records.asked)
            if operation_id not in outbox and outbox.outcome_of(operation_id) is None
        }

    async def decide(self, rng: random.Random) -> None:
        """Send or discard what a backup brought back, as a person does."""
        for operation in self.lane.outbox.held:
            if rng.random() < 0.5:
                await self._record_asking(
                    [operation], partial(self.lane.retry, [operation.operation_id])
                )
                continue
            with suppress(JournalError):  # it is held still
                await self.lane.discard([operation.operation_id])

    async def ask(self, operations: list[Operation]) -> None:
        """Submit operations and note whether the answer came back."""
        if not self.is_off:
            await self._record_asking(operations, partial(self.lane.submit, operations))

    async def _record_asking(
        self, operations: list[Operation], accept: Callable[[], Awaitable[object]]
    ) -> None:
        lane, at = self.lane, self.world.loop.time()
        places = [len(self.records.asked) + n for n in range(len(operations))]
        self.records.asked.extend(Asked(one, at, answered=False) for one in operations)
        try:
            await accept()
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

    def came_with_backup(self, operation: Operation) -> bool:
        """Whether a backup brought an operation back, or took it away.

        What it brings back may have been delivered already. So nothing that comes after
        it takes its flag along.
        """
        return operation.operation_id in self.records.held | self.records.forgotten

    def works_meant(self, operation: Operation) -> set[str]:
        """Return which films and episodes an operation is for."""
        return {work_of(leaf) for leaf in self.leaves if means(operation, leaf)}

    def is_tangled(self, item: Item) -> bool:
        """Whether it may not have been known in time that two are for an item.

        After a restore a show and its episodes may wait under ids of before and after
        it. That one is part of the other turns out when they are looked at. So it does
        for operations under one id, another, and the first again: which of them
        followed which cannot be told any more once those under one id are one. The same
        goes for operations under two ids where the item has a third by now. Nor is it
        told of a flag under an id of before, which goes with a position that was set
        since, that somebody took that position away in between.
        """
        if not self.records.restores:
            return False
        operations = [
            one.operation for one in self.records.asked if means(one.operation, item)
        ]
        if any(one.scope is Scope.TREE for one in operations):
            return True
        in_turn = [
            item_id for item_id, _ in groupby(one.item.item_id for one in operations)
        ]
        ids = set(in_turn)
        return (
            len(in_turn) > len(ids)
            or (len(ids) > 1 and len(ids | {self.id_now(item.item_id)}) > 2)
            or (len(ids) > 1 and item.item_id in self.records.first_moved)
        )

    def result_of(self, operation_id: str) -> Result | None:
        """Return how an operation ended; None if the news of it died with us."""
        outbox = self.lane.outbox
        if outbox.is_rejected(operation_id):
            return Result.REJECTED
        if (outcome := outbox.outcome_of(operation_id)) is not None:
            return outcome.result
        return self.records.ended.get(operation_id)

    def died_soon_after(self, moment: float) -> bool:
        """Whether what happened at *moment* may not have been on disk in time."""
        return any(0 <= at - moment < 5 for at in self.records.crashed_at)

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
        # Where our clock jumped, nobody can tell which of two operations came first
        # once they turn out to be for one work.
        self.restores = not self.jumps and self.restoring.random() < 0.3
        # So are those of closed doors and of backups that come back.
        self.closing = random.Random(f"{seed}-403")
        self.closes = not self.restores and self.closing.random() < RARE
        self.backing_up = random.Random(f"{seed}-backup")
        self.backs_up = (
            not (self.jumps or self.restores) and self.backing_up.random() < RARE
        )
        # And those of odd rows.
        self.odd = random.Random(f"{seed} odd")
        self.spoils = not self.restores and self.odd.random() < RARE
        self.tally = Tally()
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
        if self.closes:
            actors.append(self._closed_doors)
        if self.backs_up:
            actors.append(self._backups)
        tasks = [self.loop.create_task(self._act(lane, *actors)) for lane in self.lanes]
        await asyncio.wait(tasks)
        for task in tasks:
            task.result()
        self.troubled = False
        for lane in self.lanes:
            lane.server.down = False
            lane.server.token_good = True
            lane.server.lets_in = True
            lane.journal.broken = False
            await lane.decide(self.backing_up)
            if not self.closes:  # nobody has to ask for it once doors open again
                lane.relay.nudge()
        await self._rest()
        for lane in self.lanes:
            problems = list(invariants(self, lane, self.tally))
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
            operations = [
                self._operation(lane) for _ in range(rng.choice((1, 1, 1, 3)))
            ]
            asking = self.loop.create_task(lane.ask(operations))
            if rng.random() < 0.1:
                await asyncio.sleep(0)
                asking.cancel()
            await asyncio.wait([asking])
            if not asking.cancelled():
                asking.result()

    def _operation(self, lane: SimulatedLane) -> Operation:
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
            # Two operations of one moment are in order, as those of two moments are.
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
        lane.records.moves.append((item.item_id, now, lane.server.states[item_id]))

    async def _outages(self, lane: SimulatedLane) -> None:
        rng = self.rng
        while True:
            await asyncio.sleep(rng.expovariate(1 / 120))
            start = self.loop.time()
            kind = rng.random()
            lane.server.token_good = kind < 0.8
            lane.records.signed_out |= not lane.server.token_good
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
            lane.relay.report(Unreachable("the socket was closed"))

    async def _closed_doors(self, lane: SimulatedLane) -> None:
        """Have the server let nobody in for hours (here: minutes) that end."""
        rng = self.closing
        while True:
            await asyncio.sleep(rng.expovariate(1 / 200))
            start = self.loop.time()
            lane.server.lets_in = False
            try:
                await asyncio.sleep(rng.expovariate(1 / rng.choice((5, 60, 300))))
            finally:
                lane.records.outages.append((start, self.loop.time()))
                lane.records.turned_away += sum(
                    one.at > start for one in lane.server.requests
                )
                lane.server.lets_in = True

    async def _backups(self, lane: SimulatedLane) -> None:
        """Put a backup back, and have a person decide what comes of it."""
        rng = self.backing_up
        await asyncio.sleep(rng.uniform(20, 400))
        if (backup := await lane.back_up()) is None:
            return
        await asyncio.sleep(rng.expovariate(1 / 100))
        await lane.put_back(backup)
        while True:
            await asyncio.sleep(rng.expovariate(1 / 60))
            await lane.decide(rng)

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


def simulate(seed: int) -> Tally:
    """Live through the world of *seed*; return what was checked.

    Raises `Broken` if a promise was not kept.
    """
    loop = VirtualLoop()

    async def main() -> Tally:
        world = World(seed, loop)
        await world.live()
        return world.tally

    return run(main(), loop)
