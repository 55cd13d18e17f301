"""One lane with its relay, in virtual time, against a model server."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta
import itertools
import random
from typing import Self

from custom_components.watched_sync.core.identity import Item
from custom_components.watched_sync.core.lane import Lane, LaneUpdate, Phase
from custom_components.watched_sync.core.ledger import Ledger
from custom_components.watched_sync.core.operation import Change, Operation
from custom_components.watched_sync.core.outbox import Outbox, Outcome, Result
from custom_components.watched_sync.core.ports import Catalogue
from custom_components.watched_sync.core.reconcile import Policy
from custom_components.watched_sync.core.relay import Relay

from .samples import an_operation
from .twins import Ask, MemoryJournal, ModelServer
from .virtual import VirtualClock, VirtualLoop


class Rig:
    """A lane, its server, its disk and its clock."""

    def __init__(
        self,
        make_server: Callable[[VirtualClock], ModelServer] = ModelServer.jellyfin,
        *,
        policy: Policy = Policy.NEWEST,
        max_retry_age: timedelta = timedelta(days=30),
        seed: int = 1,
        catalogue: Catalogue | None = None,
    ) -> None:
        """Put everything together; nothing is delivered before `start`."""
        self.clock = VirtualClock()
        self.server = make_server(self.clock)
        self.journal = MemoryJournal()
        self.policy = policy
        self.max_retry_age = max_retry_age
        self.rng = random.Random(seed)
        self.catalogue = catalogue
        self.updates: list[LaneUpdate] = []
        self.outcomes: list[Outcome] = []
        self.task: asyncio.Task[None] | None = None
        self._assemble(Outbox(), Ledger())

    def _assemble(self, outbox: Outbox, ledger: Ledger) -> None:
        self.outbox = outbox
        self.journal.outbox = outbox
        self.lane = Lane(
            outbox=outbox,
            ledger=ledger,
            journal=self.journal,
            clock=self.clock,
            catalogue=self.catalogue,
        )
        self.lane.add_listener(self._hear)
        self.relay = Relay(
            self.lane,
            self.server,
            server_id="server",
            label="Model (User)",
            clock=self.clock,
            rng=self.rng,
            policy=self.policy,
            max_retry_age=self.max_retry_age,
        )

    def _hear(self, update: LaneUpdate) -> None:
        self.updates.append(update)
        self.outcomes.extend(update.outcomes)

    # --- what tests do -----------------------------------------------------

    def start(self) -> Self:
        """Begin to deliver."""
        self.task = asyncio.create_task(self.relay.run())
        return self

    async def stop(self) -> None:
        """Stop delivering, whatever it is in the middle of."""
        if self.task is not None:
            self.task.cancel()
            await asyncio.wait([self.task])

    async def crash(self, *, ledger: bool = False) -> None:
        """Lose everything that is not on disk, and start again."""
        await self.stop()
        self.journal.dead = True
        stored, later = self.journal.stored, self.journal.later
        self.journal = MemoryJournal(later=later)
        self.journal.stored = stored
        self._assemble(self.journal.restore(), self.lane.ledger if ledger else Ledger())

    async def ask(
        self, change: Change | None, item: Item, **fields: object
    ) -> Operation:
        """Submit one operation, asked for now."""
        fields.setdefault("asked_at", self.clock.now())
        operation = an_operation(change, item, **fields)
        await self.lane.submit([operation])
        return operation

    async def drained(self, seconds: float = 3600) -> None:
        """Wait until nothing waits any more; fail after *seconds*."""
        await self.until(lambda: not len(self.outbox), seconds)

    async def until(self, condition: Callable[[], bool], seconds: float = 3600) -> None:
        """Wait until something holds; fail after *seconds*."""
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        holds: asyncio.Future[None] = loop.create_future()

        def look() -> None:
            if not holds.done() and condition():
                holds.set_result(None)

        loop.on_step = look
        try:
            async with asyncio.timeout(seconds):
                await holds
        finally:
            loop.on_step = None

    # --- what tests look at -------------------------------------------------

    @property
    def phase(self) -> Phase:
        """Whether the lane can deliver."""
        return self.lane.health.phase

    def results(self) -> list[Result]:
        """Return how operations ended, in order."""
        return [outcome.result for outcome in self.outcomes]

    def asks(self) -> list[str]:
        """Return what was asked of the server, one letter per request."""
        letters = {
            Ask.PROBE: "P",
            Ask.FETCH: "F",
            Ask.FILES: "f",
            Ask.LEAVES: "L",
            Ask.WRITE: "W",
            Ask.ALONE: "A",
        }
        return [letters.get(one.ask, "?") for one in self.server.requests]

    def gaps(self, ask: Ask) -> Sequence[float]:
        """Return the seconds between requests of one kind."""
        times = [one.at for one in self.server.requests if one.ask is ask]
        return [later - earlier for earlier, later in itertools.pairwise(times)]
