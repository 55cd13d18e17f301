"""From lanes to a plan: all that is known of them, compared off the event loop."""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Protocol, override

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import dt as dt_util

from ..const import CONF_SERVER_ID
from ..core.errors import CatalogueError
from ..core.lane import Lane
from ..core.leaf import Leaf, LibraryPage
from ..core.level.plan import Plan, Question, Side
from ..core.level.planner import Planner, complete
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

    def pages(self) -> AsyncIterator[LibraryPage]:
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
    async def pages(self) -> AsyncIterator[LibraryPage]:
        try:
            runtime = runtime_of(self._entry)
        except HomeAssistantError as err:
            raise NotRead(self.title) from err  # it was unloaded meanwhile
        lane, allows = runtime.lane, runtime.coordinator.allows
        if not await lane.is_listed():
            raise NotRead(self.title)

        def as_it_will_be(readings: Mapping[str, Reading]) -> LibraryPage:
            return LibraryPage.of(
                _as_it_will_be(lane, known)
                for one in readings.values()
                if allows(one.item) and (known := newest(lane, one)) is not None
            )

        libraries = preferences(self._entry).libraries
        start: int | None = 0
        try:
            yield as_it_will_be(await runtime.catalogue.shows())
            while start is not None:
                page = await runtime.catalogue.leaves(start)
                start = page.next_start
                is_as_listed = _listed(lane, libraries)
                yield LibraryPage(list(filter(is_as_listed, page.leaves)))
                others = {one.item_id for one in page.leaves if not is_as_listed(one)}
                if others:
                    yield as_it_will_be(await runtime.catalogue.readings(others))
        except CatalogueError as err:
            raise NotRead(self.title) from err

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
        async for page in one.pages():
            await hass.async_add_executor_job(planner.take_in, one.side.side_id, page)
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


def _listed(lane: Lane, libraries: Collection[str]) -> Callable[[Leaf], bool]:
    """Return what says of an item that all that counts of it is what was listed.

    Not so of what the lane knows better, of what waits and of all below that, and of
    what is in none of the *libraries* that are allowed, where only some are.
    """
    touched = {
        item_id
        for one in lane.outbox
        for item_id in (one.item.item_id, *one.item.show_ids, *one.bases)
    }

    def is_as_listed(leaf: Leaf) -> bool:
        place = leaf.place
        return (
            leaf.item_id not in touched
            and lane.ledger.reading(leaf.item_id) is None
            and (not libraries or place.library_id in libraries)
            and (not touched or touched.isdisjoint(place.container_ids))
        )

    return is_as_listed


def _as_it_will_be(lane: Lane, reading: Reading) -> Reading:
    """Return a reading with all done that waits."""
    if not len(lane.outbox):
        return reading
    state = lane.outbox.desired(reading.item, reading.state)
    return reading if state is reading.state else replace(reading, state=state)
