"""One person's operations in quick succession, on servers that may show what was.

Nothing goes wrong and nobody else says anything but now and then: in the end the server
has to show the last operation for each item. Everything follows from one seed, in
virtual time.
"""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import timedelta
import random

from custom_components.watched_sync.core.identity import Item
from custom_components.watched_sync.core.lane import Lane
from custom_components.watched_sync.core.ledger import Ledger
from custom_components.watched_sync.core.operation import (
    Change,
    MarkUnwatched,
    MarkWatched,
    Operation,
    Scope,
    SetProgress,
)
from custom_components.watched_sync.core.outbox import Outbox
from custom_components.watched_sync.core.play_state import PlayState
from custom_components.watched_sync.core.reconcile import Policy
from custom_components.watched_sync.core.relay import Relay
from tests.core.twins import UNWATCHED, MemoryJournal, ModelServer, show
from tests.core.virtual import VirtualClock, VirtualLoop, run

from .records import Broken

#: Operations of one storm, and the seconds between two.
CHANGES = 25
PAUSES = (0.0, 0.02, 0.1, 0.4, 1.5)

#: Seconds in which everything has to be delivered.
PATIENCE = 600.0

#: What is asked for, each as often as it stands here.
KINDS = ("mark", "mark", "mark", "unmark", "position", "tree", "untree")


class Storm:
    """A lane, its server, and what it was asked for."""

    def __init__(
        self,
        seed: int,
        server: ModelServer,
        clock: VirtualClock,
        kinds: Sequence[str] = KINDS,
    ) -> None:
        """Put two shows on *server*, of which everything else follows from *seed*."""
        self.kinds = kinds
        self.seed = seed
        self.rng = random.Random(seed)
        self.clock = clock
        self.server = server
        server.latency = self.rng.choice((0.001, 0.02, 0.1))
        server.turns_over = self.rng.choice((3.0, 30.0, 3600.0))
        for name, seasons in (("a", {1: 3, 2: 2}), ("b", {0: 2, 1: 3})):
            server.add_show(show(name), seasons)
        items = server.items.values()
        self.leaves = [one for one in items if not one.kind.is_container]
        self.containers = [one for one in items if one.kind.is_container]
        self.wanted = {one.item_id: UNWATCHED for one in self.leaves}
        journal = MemoryJournal(seconds=0.0)
        journal.outbox = Outbox()
        self.lane = Lane(
            outbox=journal.outbox, ledger=Ledger(), journal=journal, clock=clock
        )
        self.relay = Relay(
            self.lane,
            server,
            server_id="server",
            label="storm",
            clock=clock,
            rng=random.Random(self.rng.random()),
            policy=Policy.HOME_ASSISTANT,
            max_retry_age=timedelta(days=30),
        )

    async def live(self) -> None:
        """Ask for everything, wait, and look. Raises `Broken`."""
        delivering = asyncio.create_task(self.relay.run())
        for number in range(CHANGES):
            await self._ask(f"{number:04}")
            await asyncio.sleep(self.rng.choice(PAUSES))
        waiting = [one.operation_id for one in self.lane.outbox]
        await self.lane.ended(waiting, PATIENCE)
        await asyncio.sleep(2)  # the last notice
        delivering.cancel()
        if problems := list(self._problems()):
            raise Broken(f"seed {self.seed}: " + "; ".join(problems))

    async def _ask(self, name: str) -> None:
        kind = self.rng.choice(self.kinds)
        change: Change
        if kind in {"tree", "untree"}:
            item, scope = self.rng.choice(self.containers), Scope.TREE
            change = MarkWatched() if kind == "tree" else MarkUnwatched()
        else:
            item, scope = self.rng.choice(self.leaves), Scope.ITEM
            changes: dict[str, Change] = {
                "mark": MarkWatched(),
                "unmark": MarkUnwatched(),
                "position": SetProgress(900.0),
            }
            change = changes[kind]
        operation = Operation(
            operation_id=name,
            batch_id=name,
            item=item,
            change=change,
            asked_at=self.clock.now(),
            scope=scope,
            include_specials=self.rng.random() < 0.3,
        )
        for leaf in self._reached(operation):
            before = self.wanted[leaf.item_id]
            self.wanted[leaf.item_id] = change.apply(before)
        await self.lane.submit([operation])
        self.relay.nudge()

    def _reached(self, operation: Operation) -> list[Item]:
        return [leaf for leaf in self.leaves if operation.reaches(leaf)]

    def _problems(self) -> Iterator[str]:
        if len(self.lane.outbox):
            yield f"{len(self.lane.outbox)} operations still wait"
        for operation in self.lane.outbox.rejected:
            yield f"{operation.operation_id} was given up: {operation.last_error}"
        for item_id, wanted in self.wanted.items():
            shown = self.server.states[item_id]
            if not wanted.agrees_with(shown):
                yield f"{item_id} was wanted {_brief(wanted)}, is {_brief(shown)}"
            alone = self.server.shown_alone(item_id)
            if not alone.agrees_with(shown):
                yield f"{item_id} is {_brief(shown)}, by itself {_brief(alone)}"
        for item_id in set(self.server.overlapped):
            yield f"{item_id} was written to twice at once"


def _brief(state: PlayState) -> str:
    return f"{'watched' if state.watched else 'unwatched'} at {state.position:.0f} s"


def simulate(seed: int, profile: str) -> None:
    """Live through the storm of *seed* on a server of one *profile*.

    That is `plex`, `10.11` or `12.0`. Raises `Broken` if it ends wrong.
    """
    make = {
        "plex": ModelServer.plex,
        "10.11": ModelServer.jellyfin_10_11,
        "12.0": ModelServer.jellyfin_12,
    }[profile]
    clock = VirtualClock()

    async def main() -> None:
        await Storm(seed, make(clock), clock).live()

    run(main(), VirtualLoop())
