"""From lanes to a plan: all that is known of them, compared off the event loop."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Protocol, override

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import dt as dt_util

from ..const import CONF_SERVER_ID
from ..core.errors import CatalogueError
from ..core.lane import Lane
from ..core.level import Plan, Question, Side
from ..core.planner import Planner, complete
from ..core.play_state import Reading
from ..preferences import preferences
from ..runtime import WatchedSyncConfigEntry, runtime_of


class NotRead(Exception):
    """The libraries of a lane were not read yet, or cannot be told just now."""

    def __init__(self, title: str) -> None:
        """Remember what the lane is called."""
        super().__init__(title)
        self.title = title


class PlanSide(Protocol):
    """One side of a plan, and what is known there."""

    @property
    def side(self) -> Side:
        """What the plan has to know of it."""
        ...

    @property
    def title(self) -> str:
        """What it is called."""
        ...

    def pages(self) -> AsyncIterator[Sequence[Reading]]:
        """Yield all that is known, as it will be once all is delivered.

        Raises `NotRead`.
        """
        ...

    async def readings(self, item_ids: Collection[str]) -> Mapping[str, Reading]:
        """Return what is known of items, for their titles; nothing is an answer."""
        ...


class LaneSide(PlanSide):
    """A lane that runs, whether its server is there or not."""

    def __init__(self, entry: WatchedSyncConfigEntry) -> None:
        """Speak of the lane of *entry*."""
        self._entry = entry

    @property
    @override
    def side(self) -> Side:
        server = runtime_of(self._entry).server
        return Side(
            side_id=self._entry.entry_id,
            server_id=self._entry.data[CONF_SERVER_ID],
            capabilities=server.capabilities,
            clock_offset=server.clock_offset,
            policy=preferences(self._entry).conflict_policy,
        )

    @property
    @override
    def title(self) -> str:
        return self._entry.title

    @override
    async def pages(self) -> AsyncIterator[Sequence[Reading]]:
        try:
            runtime = runtime_of(self._entry)
        except HomeAssistantError as err:
            raise NotRead(self.title) from err  # it was unloaded meanwhile
        lane, allows = runtime.lane, runtime.coordinator.allows
        if not await lane.is_listed():
            raise NotRead(self.title)
        start: int | None = 0
        while start is not None:
            try:
                page = await runtime.catalogue.page(start)
            except CatalogueError as err:
                raise NotRead(self.title) from err
            yield [
                _as_it_will_be(lane, known)
                for one in page.readings
                if allows(one.item) and (known := newest(lane, one)) is not None
            ]
            start = page.next_start

    @override
    async def readings(self, item_ids: Collection[str]) -> Mapping[str, Reading]:
        return await runtime_of(self._entry).lane.known(item_ids)


async def async_plan(
    hass: HomeAssistant, sides: Sequence[PlanSide], question: Question
) -> Plan:
    """Compare *sides*, and return what would make them level.

    No server is asked. Raises `NotRead`, and ValueError for a question that cannot be
    asked of these sides.
    """
    planner = Planner([one.side for one in sides], question, now=dt_util.utcnow())
    for one in sides:
        async for readings in one.pages():
            await hass.async_add_executor_job(
                planner.take_in, one.side.side_id, readings
            )
    return await hass.async_add_executor_job(lambda: complete(planner.plan()))


def newest(lane: Lane, listed: Reading) -> Reading | None:
    """Return what the catalogue of a lane has of an item as the lane knows it by now.

    None if its id is another work's.
    """
    if lane.ledger.is_anothers(listed.item):
        return None
    known = lane.ledger.reading_of(listed.item)
    if known is None or known.state.watched is None:
        return listed
    return replace(known, item=known.item.completed_by(listed.item))


def _as_it_will_be(lane: Lane, reading: Reading) -> Reading:
    """Return a reading with all done that waits."""
    if not len(lane.outbox):
        return reading
    state = lane.outbox.desired(reading.item, reading.state)
    return reading if state is reading.state else replace(reading, state=state)
