"""What reads for the observer of a simulated lane.

In Home Assistant that is the coordinator. This one is short, and goes by the same plan:
what is hinted at, what was played since the last look, and known items in turn.
"""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from custom_components.watched_sync.core.lane import Lane, LaneUpdate
from custom_components.watched_sync.core.play_state import Reading
from custom_components.watched_sync.core.reconcile import CLOCK_TOLERANCE
from tests.core.twins import ModelServer

#: Plays that a look begins with, and known items that it reads again in turn.
PLAYS = 20
IN_TURN = 100


class ShortReader:
    """Reads a server for a lane, and has the lane take over what it says.

    `seen_until` is the date of the newest play that was seen.
    """

    def __init__(
        self, lane: Lane, server: ModelServer, *, seen_until: datetime | None
    ) -> None:
        """Read *server* for *lane*; plays after *seen_until* are not known yet."""
        self.seen_until = seen_until
        self._lane = lane
        self._server = server
        self._turn = 0
        self._moved: set[str] = set()
        self._one_read = asyncio.Lock()
        lane.add_listener(self._hear)

    def _hear(self, update: LaneUpdate) -> None:
        self._moved.update(one.item.item_id for one in update.readings)
        self._moved.update(one.operation.item.item_id for one in update.outcomes)

    async def catch_up(self) -> None:
        """Read everything known, and what was played meanwhile."""
        async with self._one_read:
            self._moved.clear()
            await self._read([one.item.item_id for one in self._lane.ledger])

    async def look(self, item_ids: frozenset[str]) -> None:
        """Read what was hinted at; of what was never played nobody needs to know."""
        if not item_ids:
            return
        async with self._one_read:
            self._moved.clear()
            found = await self._server.fetch(item_ids)
            self._lane.ledger.miss(item_ids - found.keys())
            await self._lane.know(found.values())
            self._take_over(
                one
                for item_id, one in found.items()
                if self._lane.ledger.item(item_id) is not None
                or one.state.watched
                or one.state.last_played is not None
            )

    async def glance(self) -> None:
        """Read what was played meanwhile, and some of what is known in turn."""
        async with self._one_read:
            self._moved.clear()
            known = [one.item.item_id for one in self._lane.ledger]
            known.sort()
            start = self._turn % max(len(known), 1)
            self._turn = start + IN_TURN
            await self._read([*known[start:], *known[:start]][:IN_TURN])

    async def _read(self, item_ids: Collection[str]) -> None:
        """Read some items beside the last plays, and take over what moved."""
        plays = await self._plays()
        found = {one.item.item_id: one for one in plays}
        if unread := set(item_ids) - found.keys():
            found |= await self._server.fetch(unread)
            self._lane.ledger.miss(unread - found.keys())
        await self._lane.know(found.values())
        self._take_over(
            one
            for item_id, one in found.items()
            if self._lane.ledger.base(item_id) != one.state
        )
        if plays:
            self.seen_until = plays[0].state.last_played

    async def _plays(self) -> Sequence[Reading]:
        """Read what was played last, back to what the last look has seen."""
        if not self._server.capabilities.lists_plays:
            return []
        limit = PLAYS
        while True:
            found = await self._server.last_played(limit)
            oldest = found[-1].state.last_played if found else None
            if (
                len(found) < limit
                or self.seen_until is None
                or (oldest is not None and oldest < self.seen_until - CLOCK_TOLERANCE)
            ):
                return found
            limit *= 4

    def _take_over(self, readings: Iterable[Reading]) -> None:
        """Have the lane know what was read; what it writes, or has read, it knows."""
        newer = self._moved | {
            operation.item.item_id for operation in self._lane.in_flight_operations
        }
        self._lane.remember(one for one in readings if one.item.item_id not in newer)
