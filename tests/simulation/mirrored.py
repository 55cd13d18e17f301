"""A simulated world of two lanes that copy to each other.

Other clients change things on both servers, requests fail, servers go away and the
process dies; everything follows from one seed, in virtual time. Then it all stops, and
the two have to agree.
"""

import asyncio
from collections.abc import Coroutine, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
import json
import random
from typing import Any

from custom_components.watched_sync.core.codec import (
    decode_move,
    decode_reading,
    encode_move,
    encode_reading,
)
from custom_components.watched_sync.core.copying import Copier, CopyTarget, NoTarget
from custom_components.watched_sync.core.errors import ServerError
from custom_components.watched_sync.core.identity import Item, MediaKind
from custom_components.watched_sync.core.lane import Lane, LaneUpdate, Phase
from custom_components.watched_sync.core.ledger import Ledger
from custom_components.watched_sync.core.mirror import Moves
from custom_components.watched_sync.core.operation import (
    Change,
    MarkUnwatched,
    MarkWatched,
    SetProgress,
)
from custom_components.watched_sync.core.outbox import Outbox, Result
from custom_components.watched_sync.core.play_state import PlayState, Reading
from custom_components.watched_sync.core.ports import Catalogue
from custom_components.watched_sync.core.reconcile import Policy
from custom_components.watched_sync.core.relay import Relay
from tests.core.twins import (
    NOTICE,
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

from .records import Broken, spoiled
from .tally import Tally

#: Seconds in which things happen.
EVENTFUL = 1800.0

#: Seconds between two looks at everything, and between two rounds of copying.
LOOK = 8.0
ROUND = 2.0

#: Seconds between two writes of the ledger.
STORE = 10.0

#: How many times as long it is between them once nothing happens any more.
CALM = 15

#: Seconds that a request may take: what others do meanwhile it cannot know.
OVERTAKEN = 60.0

#: Seconds in which a change is noticed and copied where nothing goes wrong, and by
#: which clocks may differ.
NOTICED = 30.0

#: Seconds in which everything has to come to rest.
PATIENCE = 12 * 3600.0

#: What is counted under these names, and why something is left out.
AGREE = "both servers agree"
LAST_WORD = "both show what was done last"
ONCE = "a change is copied once at most"
NO_DOUBLE = "no play is counted twice"
NOTHING_ELSE = "nothing is written that nobody did"
BEGUN = "begun on one side while a mark from the other was under way"

#: How many rows are odd, in worlds that have such.
ODD_ROWS = 0.05

#: How much of each invariant has to be checked: in a world on average, and as a part of
#: all it is about.
FLOORS: Mapping[str, tuple[float, float]] = {
    AGREE: (5, 0.8),
    LAST_WORD: (0.8, 0.15),
    ONCE: (5, 0.2),
    NO_DOUBLE: (8, 1.0),
    NOTHING_ELSE: (8, 1.0),
}

_TROUBLES = (
    Kind.REFUSE,
    Kind.HANG,
    Kind.LATE,
    Kind.DROP,
    Kind.LIE,
    Kind.ERROR,
    Kind.BUSY,
    Kind.HTML,
)


class Side:
    """One server and its lane, through all lives of the process."""

    def __init__(self, world: Mirrored, name: str, server: ModelServer) -> None:
        """Put the same works on each side, under ids of its own."""
        self.world = world
        self.name = name
        self.server = server
        server.server_id = name
        server.trouble = self._trouble
        server.after_write = self._written
        self.touched: dict[str, float] = {}
        self.doubled: list[str] = []
        self.copied = 0
        if server.kind.repeat_safe and world.more.random() < 0.5 and not world.calmer:
            server.clears_flag = True
        if world.hasty and server.kind.repeat_safe:
            server.shows_what_was = True
        if world.spoils:
            server.spoil = self._spoil
        server.skew = timedelta(seconds=world.rng.choice((0, 0, 3, -3, 90)))
        self.stock()
        server.on_change = self._note_change
        #: What was written to which work, and the restores of the server.
        self.written: list[tuple[str, Change]] = []
        self.restores = 0
        self._away = 0
        self.journal = MemoryJournal(seconds=world.rng.choice((0.0, 0.01, 0.2)))
        self.stored = json.dumps({"readings": [], "moves": [], "since": None})
        self.tasks: list[asyncio.Task[None]] = []

    def stock(self) -> None:
        """Put the works into the library."""
        self.server.add(*(film(self.name, f"m{number}") for number in range(4)))
        self.server.add_show(series(self.name, "s"), {1: 3})
        self.server.add(
            *(film(self.name, f"burst{one}") for one in range(self.world.burst))
        )

    @property
    def works(self) -> dict[str, Item]:
        """All films and episodes as they are now, by what they are called."""
        return {
            work_of(item): item
            for item in self.server.items.values()
            if not item.kind.is_container
        }

    async def stay_away(self, seconds: float) -> None:
        """Have the server be away; it is back when nothing keeps it away any more."""
        self._away += 1
        self.server.down = True
        try:
            await asyncio.sleep(seconds)
        finally:
            self._away -= 1
            self.server.down = self._away > 0

    def restore(self, rng: random.Random) -> None:
        """Come back from another database: ids change their owners."""
        ids = [item.item_id for item in self.works.values()]
        moved = rng.sample(ids, rng.randint(2, 5))
        new_ids = dict(zip(moved, rng.sample(moved, len(moved)), strict=True))
        if rng.random() < 0.5:
            new_ids[moved[0]] = f"{self.name}-new{self.restores}"
        for work, item in self.works.items():
            known = self.lane.ledger.base_of(item)
            shown = self.server.states[item.item_id]
            if item.item_id in new_ids and not (known and shown.agrees_with(known)):
                # Nobody saw that it was un-marked or begun anew: under its new id it
                # is read for the first time.
                self.world.begun.add(work)
        self.server.renumber(new_ids)
        self.restores += 1

    def _note_change(self, item: Item, change: Change) -> None:
        self.written.append((work_of(item), change))

    def catalogue_on_disk(self) -> Catalogue | None:
        """Return what is known of the whole library, where the world keeps it."""
        return None

    def assemble(self) -> None:
        """Begin a life with what is on disk."""
        outbox = self.journal.restore() if self.journal.writes else Outbox()
        self.journal.outbox = outbox
        data = json.loads(self.stored)
        self.moves = Moves(map(decode_move, data["moves"]), since=self.world.began_at)
        self.lane = Lane(
            outbox=outbox,
            ledger=Ledger(map(decode_reading, data["readings"])),
            journal=self.journal,
            clock=self.world.clock,
            catalogue=self.catalogue_on_disk(),
        )
        self.moved: set[str] = set()
        self.reading = asyncio.Lock()
        self.lane.add_listener(self._hear)
        self.relay = Relay(
            self.lane,
            self.server,
            server_id=self.name,
            label=self.name,
            clock=self.world.clock,
            rng=random.Random(self.world.rng.random()),
            policy=Policy.NEWEST,
            max_retry_age=timedelta(days=30),
            opening=self.open,
        )
        self.copier = Copier(
            self.lane,
            self.server,
            self.moves,
            label=self.name,
            targets=self.world.targets_of(self),
            find_target=self.world.find_target,
            one_at_a_time=self.world.lock,
            clock=self.world.clock,
            max_age=timedelta(days=30),
            new_id=self.world.new_id,
            report=self.relay.report,
        )
        self.tasks = [
            self.world.loop.create_task(one)
            for one in (self.relay.run(), self._look(), self._copy(), self._store())
        ]

    def die(self) -> list[asyncio.Task[None]]:
        """Lose what is not on disk; return what has to end first."""
        self.journal.dead = True
        for task in self.tasks:
            task.cancel()
        stored = self.journal.stored
        self.journal = MemoryJournal(seconds=self.journal.seconds)
        self.journal.stored, self.journal.writes = stored, 1
        self.copied += self.moves.copied
        return self.tasks

    async def open(self) -> None:
        """Look at the server before anything is written."""
        await self.catch_up()

    async def catch_up(self) -> None:
        """Read everything."""
        async with self.reading:
            self.moved.clear()
            found = await self.server.fetch(
                [one.item_id for one in self.works.values()]
            )
            self.take_over(found.values())

    def take_over(self, readings: Iterable[Reading]) -> None:
        """Remember what was read; what the relay writes or has read, it knows better.

        `moved` has to be cleared before the reading begins.
        """
        newer = self.moved | {
            operation.item.item_id
            for operation_id in self.lane.in_flight
            if (operation := self.lane.outbox.get(operation_id)) is not None
        }
        self.lane.remember(one for one in readings if one.item.item_id not in newer)

    def _hear(self, update: LaneUpdate) -> None:
        self.moved.update(one.item.item_id for one in update.readings)
        self.moved.update(one.operation.item.item_id for one in update.outcomes)
        for outcome in update.outcomes:
            after = outcome.after
            if outcome.result is Result.OVERRULED and (
                isinstance(outcome.operation.change, SetProgress)
                # A play that has just begun has left a date, and no position yet.
                or (after is not None and after.last_played and not after.watched)
                or (after is not None and after.position > 0)
            ):
                self.world.begun.add(work_of(outcome.operation.item))

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(self.world.look)
            if self.lane.health.phase is Phase.READY:
                try:
                    await self.catch_up()
                except ServerError as err:
                    self.relay.report(err)

    async def _copy(self) -> None:
        while True:
            await asyncio.sleep(self.world.round)
            await self.copier.copy()
            for move in self.moves:
                if move.held:
                    self.moves.approve([move.item.item_id])

    async def _store(self) -> None:
        """Write the ledger now and then: readings and what they gave rise to."""
        while True:
            await asyncio.sleep(self.world.store)
            self.stored = json.dumps(
                {
                    "readings": [encode_reading(one) for one in self.lane.ledger],
                    "moves": [encode_move(one) for one in self.moves],
                }
            )

    def _written(self, item: Item) -> None:
        """Note a play too many, unless somebody was quicker than our request."""
        touched = self.touched.get(work_of(item), -OVERTAKEN)
        if self.server.doubled and self.world.loop.time() - touched >= OVERTAKEN:
            self.doubled += self.server.doubled
        self.server.doubled.clear()

    def _trouble(self, request: Request) -> Trouble | None:
        rng = self.world.rng
        if not self.world.troubled or rng.random() >= self.world.trouble_rate:
            return None
        kind = rng.choice(_TROUBLES)
        if kind is Kind.LIE and request.ask is not Ask.WRITE:
            return None
        return Trouble(kind, seconds=rng.uniform(0, 20), retry_after=3.0)

    def _spoil(self, reading: Reading) -> Reading | None:
        """Make of a row what the clients make of an odd one, now and then."""
        if not self.world.troubled or self.world.odd.random() >= ODD_ROWS:
            return reading
        return spoiled(self.world.odd, reading)

    @property
    def quiet(self) -> bool:
        """Whether nothing waits here."""
        return (
            not len(self.lane.outbox)
            and not len(self.moves)
            and self.lane.health.phase is Phase.READY
        )


def film(side: str, work: str) -> Item:
    """Return a film under its id on one side, with the provider ids it has on both."""
    return movie(f"{side}-{work}", provider_ids=movie(work).provider_ids)


def series(side: str, work: str) -> Item:
    """Return a show under its id on one side, with its provider ids."""
    return replace(show(f"{side}-{work}"), provider_ids=show(work).provider_ids)


def work_of(item: Item) -> str:
    """Return what a film or episode is called on both sides."""
    if item.kind is MediaKind.MOVIE:
        return item.title.rpartition("-")[2]
    show = (item.show_title or "").rpartition("-")[2]
    return f"{show}.{item.season}.{item.episode}"


class Mirrored:
    """Two lanes, each of which may follow the other."""

    #: Seconds, as told of the constants.
    look = LOOK
    round = ROUND
    store = STORE
    eventful = EVENTFUL

    #: Seconds after which all is noticed and copied, if nothing goes wrong any more.
    rest = 4 * LOOK

    #: Seconds after the end in which nothing may be written any more.
    afterwards = 3600.0

    def __init__(
        self,
        seed: int,
        loop: asyncio.AbstractEventLoop,
        *,
        calmer: bool = False,
        failing: bool = False,
    ) -> None:
        """Everything follows from *seed*.

        In a *calmer* world nobody watches anything step by step, no flag is cleared at
        the start of a play, and nothing dies in the first minute. In a *failing* one
        servers go away and the process dies for certain.
        """
        self.seed = seed
        self.rng = random.Random(seed)
        self.calmer = calmer
        self.loop = loop
        self.clock = VirtualClock()
        self.lock = asyncio.Lock()
        self.troubled = True
        self.trouble_rate = self.rng.choice((0.0, 0.0, 0.05, 0.2))
        self.crashes = self.rng.random() < 0.4 or failing
        self.outages = self.rng.random() < 0.5 or failing
        #: What came into these worlds later has a chance of its own, so that the others
        #: stay as they were.
        self.more = random.Random(f"{seed} more")
        self.plays = self.more.random() < 0.4 and not calmer
        self.early = self.more.random() < 0.15 and not calmer
        # Of a chance of its own: worlds without restores are as they were before.
        self.restoring = random.Random(f"restores {seed}")
        self.restores = self.restoring.random() < 0.3 and not calmer and not self.plays
        # So have odd rows, people who mark and un-mark in haste, and bursts.
        self.odd = random.Random(f"{seed} odd")
        self.spoils = self.odd.random() < 0.2 and not calmer
        self.hasty = self.odd.random() < 0.2 and not (calmer or self.restores)
        self.burst = 0
        if self.odd.random() < 0.01 and not (calmer or self.restores):
            self.burst = self.odd.randint(200, 1000)
            # Much is read with each look, and much is written.
            self.look, self.round, self.store = 60.0, 10.0, 200.0
        self.tally = Tally()
        self._number = 0
        self.began_at = self.clock.now()
        self.sides = [self.make_side(name) for name in ("a", "b")]
        #: Works somebody began on one side while a mark from the other was under way.
        #: The newer stands there, and nobody takes the older back.
        self.begun: set[str] = set()
        #: What others did to each work: when, and what it showed then.
        self.changes: dict[str, list[tuple[float, PlayState]]] = {}
        #: Works that are played, or were until just now: nobody else touches them.
        self.playing: set[str] = set()

    def make_side(self, name: str) -> Side:
        """Return one of the two sides, with its server."""
        return Side(self, name, self.make_server())

    def make_server(self) -> ModelServer:
        """Return the server of the next side."""
        make = self.rng.choice((ModelServer.plex, ModelServer.jellyfin))
        return make(self.clock)

    def new_id(self) -> str:
        self._number += 1
        return f"{self._number:05}"

    def targets_of(self, side: Side) -> list[str]:
        return [one.name for one in self.sides if one is not side]

    def find_target(self, name: str) -> CopyTarget | NoTarget:
        side = next(one for one in self.sides if one.name == name)
        server = side.server
        return CopyTarget(
            side.lane, server, server.find, Policy.NEWEST, side.relay.report
        )

    async def live(self) -> None:
        """Let everything happen, then let it come to rest, and look at it."""
        for side in self.sides:
            side.assemble()
        if self.early:
            await self._burst_and_die()
        await asyncio.sleep(2 * self.look)
        actors = [self.loop.create_task(one) for one in self.actors()]
        await asyncio.sleep(self.eventful)
        for actor in actors:
            actor.cancel()
        await asyncio.wait(actors)
        for actor in actors:
            if not actor.cancelled():
                actor.result()
        self.troubled = False
        for side in self.sides:
            side.server.down = False
            side.relay.nudge()
        end = self.loop.time() + PATIENCE
        await asyncio.sleep(self.rest)
        while not self.quiet:
            if self.loop.time() > end:
                raise Broken(f"seed {self.seed}: it does not come to rest")
            await asyncio.sleep(LOOK)
        await asyncio.sleep(self.rest)
        writes = [len(side.server.writes) for side in self.sides]
        # Nothing happens any more: seldom is often enough.
        self.look, self.round = CALM * self.look, CALM * self.round
        await asyncio.sleep(self.afterwards)
        problems = list(self.problems())
        if [len(side.server.writes) for side in self.sides] != writes:
            problems.append("it goes on writing")
        if problems:
            kinds = [
                "Jellyfin" if side.server.kind.repeat_safe else "Plex"
                for side in self.sides
            ]
            raise Broken(f"seed {self.seed} {kinds}: " + "; ".join(problems))

    @property
    def quiet(self) -> bool:
        """Whether nothing waits on either side."""
        return all(side.quiet for side in self.sides)

    def actors(self) -> list[Coroutine[Any, Any, None]]:
        """Return what happens, each thing until it is stopped."""
        actors = [self._others()]
        if self.plays:
            actors.append(self._players())
        if self.outages:
            actors += map(self._outages, self.sides)
        if self.restores:
            actors += map(self._restores, self.sides)
        if self.crashes:
            actors.append(self._crashes())
        if self.hasty:
            actors += [
                self._in_haste(side)
                for side in self.sides
                if side.server.shows_what_was
            ]
        if self.burst:
            actors.append(self._watch_much())
        return actors

    def problems(self) -> Iterator[str]:
        """Yield every promise that was not kept, and count what was looked at."""
        one, other = self.sides
        there = other.works
        for work, item in one.works.items():
            if work in self.begun:
                self.tally.leave_out(AGREE, BEGUN)
                continue
            self.tally.check(AGREE)
            ours = one.server.states[item.item_id]
            theirs = other.server.states[there[work].item_id]
            if not ours.means_the_same_as(theirs):
                yield f"{work}: {ours} and {theirs}"
        yield from self._not_the_last_word()
        yield from self._nobody_has_changed()
        copied = sum(side.copied + side.moves.copied for side in self.sides)
        changed = sum(map(len, self.changes.values()))
        if self.crashes or self.early:
            self.tally.leave_out(ONCE, "what was copied died with the process", changed)
        else:
            self.tally.check(ONCE, changed)
            if copied > changed:
                yield f"{changed} changes were copied {copied} times"
        for side in self.sides:
            self.tally.check(NO_DOUBLE, len(side.server.writes))
            for item_id in side.doubled:
                yield f"{item_id} was marked although it was watched"

    def _nobody_has_changed(self) -> Iterator[str]:
        """Yield what was written to a work to which nobody had done that."""
        for side in self.sides:
            for work, change in side.written:
                self.tally.check(NOTHING_ELSE)
                states = [state for _, state in self.changes.get(work, ())]
                if isinstance(change, MarkUnwatched):
                    done = any(not state.watched for state in states)
                elif isinstance(change, MarkWatched):
                    done = any(state.watched for state in states)
                else:
                    done = bool(states)
                if not done:
                    yield f"{change} of {work}, which nobody had changed so"

    def _not_the_last_word(self) -> Iterator[str]:
        """Yield works that do not show what was done to them last.

        Who that was is certain where what went before left a date, or was noticed
        before the last.
        """
        calm = not (self.trouble_rate or self.outages or self.crashes or self.early)
        side = self.sides[0]
        works = side.works
        for work, changes in self.changes.items():
            (last_at, last), earlier = changes[-1], changes[:-1]
            certain = all(
                last_at - at > (NOTICED if calm or state.last_played else EVENTFUL)
                for at, state in earlier
            )
            shown = side.server.states[works[work].item_id].keeping_flag()
            last = last.keeping_flag()
            if not certain:
                self.tally.leave_out(LAST_WORD, "what went before left no date")
                continue
            if not (calm or last.watched):
                self.tally.leave_out(LAST_WORD, "an un-mark leaves no date")
                continue
            if work in self.begun:
                self.tally.leave_out(LAST_WORD, BEGUN)
                continue
            self.tally.check(LAST_WORD)
            # What is begun here and was watched there before may be both.
            both = shown.watched and last.position > 0
            if shown.watched != last.watched and not both:
                yield f"{work} shows {shown}, and was last {last}"

    async def _others(self) -> None:
        """Have another client change something on either side."""
        rng = self.rng
        while True:
            await asyncio.sleep(rng.expovariate(1 / rng.choice((5, 40, 120))))
            # Also of a server that only we cannot reach.
            side = rng.choice(self.sides)
            work = rng.choice(list(side.works))
            if work in self.playing:
                continue
            item = side.works[work]
            state = side.server.states[item.item_id]
            kind = rng.random()
            if kind < 0.5:
                side.server.played_elsewhere(item.item_id)
            elif kind < 0.75:
                if self.restores and side.lane.ledger.base_of(item) is None:
                    # Nobody has read it under its new id: what was cannot be missed.
                    self.begun.add(work)
                side.server.elsewhere(item.item_id, PlayState(watched=False))
            else:
                position = rng.choice((300.0, 700.0, 1500.0))
                side.server.elsewhere(
                    item.item_id,
                    replace(
                        state,
                        position=position,
                        last_played=side.server.server_now(),
                    ),
                )
            self._record(side, work)

    def _record(self, side: Side, work: str, item_id: str | None = None) -> None:
        """Note that somebody else has done something to a work just now."""
        item_id = item_id or side.works[work].item_id
        side.touched[work] = self.loop.time()
        self.changes.setdefault(work, []).append(
            (self.loop.time(), side.server.states[item_id])
        )

    async def _players(self) -> None:
        """Have others watch: from the beginning, halfway or to the end, or again."""
        while True:
            await asyncio.sleep(self.more.expovariate(1 / 100))
            side = self.more.choice(self.sides)
            work = self.more.choice(list(side.works))
            self.playing.add(work)
            await self._play(side, work)
            await asyncio.sleep(NOTICED)
            self.playing.discard(work)

    async def _play(self, side: Side, work: str) -> None:
        """Watch something, step by step."""
        rng, server, item = self.more, side.server, side.works[work]
        length = item.duration or 0.0
        if rng.random() < 0.1:
            # As it comes from apps that lost their session.
            server.stop_elsewhere(item.item_id, 0.97 * length)
            self._record(side, work)
            return
        self.note_unseen(side, work)
        server.begin_elsewhere(item.item_id)
        self._record(side, work)
        part = 0.0
        for _ in range(rng.randrange(1, 5)):
            await asyncio.sleep(rng.uniform(1, 90))
            part += rng.uniform(0.1, 0.3)
            server.progress_elsewhere(item.item_id, part * length)
            self._record(side, work)
        if rng.random() < 0.5:
            server.stop_elsewhere(item.item_id, 0.97 * length)
            self._record(side, work)

    def note_unseen(self, side: Side, work: str) -> None:
        """Note a work about to be begun whose last mark or un-mark nobody has seen.

        The start hides it: a server may clear the flag with it.
        """
        item_id = side.works[work].item_id
        known = side.lane.ledger.base(item_id)
        if side.server.states[item_id].keeping_flag().watched != (
            known is not None and known.keeping_flag().watched
        ):
            self.begun.add(work)

    async def _burst_and_die(self) -> None:
        """Have everything be watched at once in the first minute, and die soon after.

        Little is known by then, and less is on the disk.
        """
        await asyncio.sleep(self.more.uniform(0, self.more.choice((5, 60))))
        side = self.more.choice(self.sides)
        for work, item in side.works.items():
            side.server.played_elsewhere(item.item_id)
            self._record(side, work)
        await asyncio.sleep(self.more.uniform(0, self.more.choice((3, 30))))
        await self._restart()

    async def _in_haste(self, side: Side) -> None:
        """Have others mark episodes one by one, and un-mark their season at once.

        A Jellyfin up to 10.11 may then show what was for some time.
        """
        while True:
            await asyncio.sleep(self.odd.expovariate(1 / 120))
            works = {
                work: item
                for work, item in side.works.items()
                if item.kind is MediaKind.EPISODE
            }
            if self.playing.intersection(works):
                continue
            (season_id,) = {item.season_id for item in works.values()}
            for work, item in works.items():
                side.server.mark_elsewhere(item.item_id, watched=True)
                self._record(side, work)
            await asyncio.sleep(self.odd.uniform(0, NOTICE))
            assert season_id is not None
            side.server.mark_elsewhere(season_id, watched=False)
            for work in works:
                self._record(side, work)

    async def _watch_much(self) -> None:
        """Have others watch very much at once."""
        while True:
            await asyncio.sleep(self.odd.expovariate(1 / 600))
            side = self.odd.choice(self.sides)
            for work, item in side.works.items():
                if work.startswith("burst"):
                    side.server.played_elsewhere(item.item_id)
                    self._record(side, work, item.item_id)

    async def _outages(self, side: Side) -> None:
        rng = self.rng
        while True:
            await asyncio.sleep(rng.uniform(60, 600))
            await side.stay_away(rng.uniform(5, 300))

    async def _restores(self, side: Side) -> None:
        """Have a server come back from another database now and then."""
        rng = self.restoring
        while True:
            await asyncio.sleep(rng.uniform(60, 900))
            await side.stay_away(rng.uniform(10, 120))
            side.restore(rng)

    async def _crashes(self) -> None:
        """Have the process die, and start again."""
        while True:
            await asyncio.sleep(self.rng.uniform(60, 900))
            await self._restart()

    async def _restart(self) -> None:
        await asyncio.wait([task for side in self.sides for task in side.die()])
        self.lock = asyncio.Lock()
        for side in self.sides:
            side.assemble()


def simulate(seed: int, *, calmer: bool = False, failing: bool = False) -> Tally:
    """Live through the world of *seed*; return what was checked.

    Raises `Broken` if a promise was not kept.
    """
    loop = VirtualLoop()

    async def main() -> Tally:
        world = Mirrored(seed, loop, calmer=calmer, failing=failing)
        await world.live()
        return world.tally

    return run(main(), loop)
