"""Two Jellyfins mirrored both ways, while much happens within a minute.

One person marks, un-marks and watches on either side in other clients, and has Home
Assistant do so as well; one of the servers restarts. It is the like of what was done
with two real servers. Requests do not fail otherwise and nothing dies, so the two have
to be equal in the end, whoever came last. Everything follows from one seed, in virtual
time.
"""

import asyncio
from collections import Counter
from collections.abc import Coroutine, Iterator
from typing import Any, override

from custom_components.watched_sync.core.identity import Item, MediaKind
from custom_components.watched_sync.core.operation import (
    Change,
    MarkUnwatched,
    MarkWatched,
    Operation,
    Scope,
    SetProgress,
)
from tests.core.twins import ModelServer
from tests.core.virtual import VirtualLoop, run

from .mirrored import Mirrored, Side

#: The ways in which two servers can be of the versions that differ most.
PROFILES = (("10.11", "12.0"), ("12.0", "10.11"), ("10.11", "10.11"), ("12.0", "12.0"))

_MAKE = {"10.11": ModelServer.jellyfin_10_11, "12.0": ModelServer.jellyfin_12}

#: Seconds between two acts, on average.
PAUSE = 2.5

#: Seconds after which a mark is believed at last that looked like what was.
DOUBTED = 120.0

_ACTS = (
    "mark",
    "mark",
    "unmark",
    "play",
    "part",
    "mark season",
    "unmark season",
    "operation marked",
    "operation unmarked",
    "operation position",
    "operation season marked",
    "operation season unmarked",
)

_CHANGES: dict[str, Change] = {
    "operation marked": MarkWatched(),
    "operation unmarked": MarkUnwatched(),
    "operation season marked": MarkWatched(),
    "operation season unmarked": MarkUnwatched(),
}


class Pair(Mirrored):
    """Two lanes that follow each other, between servers of two versions."""

    look = 1.5
    round = 1.0
    eventful = 60.0
    rest = 24.0
    afterwards = 10.0

    def __init__(
        self, seed: int, loop: asyncio.AbstractEventLoop, profiles: tuple[str, str]
    ) -> None:
        """Have the servers be of *profiles*; the rest follows from *seed*."""
        self._profiles = iter(profiles)
        super().__init__(seed, loop, calmer=True)
        self.trouble_rate = 0.0
        self.crashes = self.outages = False
        #: How often each work was begun on each side.
        self.begins: Counter[tuple[str, str]] = Counter()
        for side in self.sides:
            side.server.turns_over = self.rng.choice((3.0, 20.0))

    @override
    def make_server(self) -> ModelServer:
        return self.make_server_of(next(self._profiles))

    def make_server_of(self, profile: str) -> ModelServer:
        """Return a server of that version."""
        return _MAKE[profile](self.clock)

    @override
    def actors(self) -> list[Coroutine[Any, Any, None]]:
        return [self._acts(), self._one_restarts()]

    @property
    @override
    def quiet(self) -> bool:
        """Nothing waits, and what a read shows is doubted no longer."""
        return super().quiet and (
            self.loop.time() > self.eventful + DOUBTED or not list(self.problems())
        )

    @override
    def problems(self) -> Iterator[str]:
        yield from super().problems()
        for side in self.sides:
            for work, item in side.works.items():
                count = side.server.states[item.item_id].play_count
                begins = self.begins[side.name, work]
                if count > begins + 1:
                    yield f"{work} counts {count} on {side.name}, was begun {begins}"
            if side.lane.outbox.rejected:
                yield f"{len(side.lane.outbox.rejected)} were given up on {side.name}"

    # --- what happens --------------------------------------------------------

    async def _one_restarts(self) -> None:
        side = self.rng.choice(self.sides)
        await asyncio.sleep(self.rng.uniform(0, self.eventful / 2))
        await self.restart(side, self.rng.uniform(3, 15))

    async def restart(self, side: Side, seconds: float) -> None:
        """Have a server restart, which takes so many seconds."""
        side.server.restart()
        await side.stay_away(seconds)

    async def _acts(self) -> None:
        async with asyncio.TaskGroup() as plays:
            while True:
                await asyncio.sleep(self.rng.expovariate(1 / PAUSE))
                side = self.rng.choice(self.sides)
                act = self.rng.choice(_ACTS)
                work = self.rng.choice(list(side.works))
                if act in {"play", "part"}:
                    if work not in self.playing:
                        plays.create_task(self._watch(side, work, to_end=act == "play"))
                elif "operation" in act:
                    await self._operation(side, act, work)
                else:
                    self._mark(side, act, work)

    def _mark(self, side: Side, act: str, work: str) -> None:
        """Mark something in another client, or what is not watched of the season."""
        works = self._meant(side, act, work)
        if self.playing.intersection(works):
            return
        item = _season_of(side) if "season" in act else side.works[work]
        side.server.mark_elsewhere(item.item_id, watched=act.startswith("mark"))
        for one in works:
            self._record(side, one)

    async def _operation(self, side: Side, act: str, work: str) -> None:
        """Have Home Assistant do something, by this side's lane."""
        works = self._meant(side, act, work)
        if self.playing.intersection(works):
            return
        item = side.works[work]
        change = _CHANGES.get(act) or SetProgress(0.3 * (item.duration or 0.0))
        scope = Scope.ITEM
        if "season" in act:
            item, scope = _season_of(side), Scope.TREE
        # Before anything else: whoever is stopped while he asks is not taken back.
        for one in works:
            shown = side.server.states[side.works[one].item_id]
            self.changes.setdefault(one, []).append(
                (self.loop.time(), change.apply(shown))
            )
        name = self.new_id()
        await side.lane.submit(
            [Operation(name, name, item, change, self.clock.now(), scope=scope)]
        )
        side.relay.nudge()

    @staticmethod
    def _meant(side: Side, act: str, work: str) -> list[str]:
        if "season" not in act:
            return [work]
        works = side.works.items()
        return [one for one, item in works if item.kind is MediaKind.EPISODE]

    async def _watch(self, side: Side, work: str, *, to_end: bool) -> None:
        """Watch something in another client, in leaps."""
        self.playing.add(work)
        self.begins[side.name, work] += 1
        item_id, length = side.works[work].item_id, side.works[work].duration or 0.0
        self.note_unseen(side, work)
        side.server.begin_elsewhere(item_id)
        self._record(side, work)
        for share in (0.4, 0.97) if to_end else (0.2, 0.4):
            await asyncio.sleep(self.rng.choice((0.0, 0.3, 3.0)))
            side.server.progress_elsewhere(item_id, share * length)
            self._record(side, work)
        self.playing.discard(work)


def _season_of(side: Side) -> Item:
    items = side.server.items.values()
    return next(item for item in items if item.kind is MediaKind.SEASON)


def simulate(seed: int, profiles: tuple[str, str]) -> None:
    """Live through *seed* between servers of *profiles*. Raises `Broken`."""
    loop = VirtualLoop()

    async def main() -> None:
        await Pair(seed, loop, profiles).live()

    run(main(), loop)
