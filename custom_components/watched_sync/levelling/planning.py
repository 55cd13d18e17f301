"""From lanes to a plan: all that is known of them, compared off the event loop.

A plan is shown first and carried out when it was confirmed. So the last one is kept for
some minutes, with what it was made from: as long as none of that has changed, making it
again would come to the same.
"""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Protocol, override

from homeassistant.core import HassJob, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.event import async_call_later
from homeassistant.util import dt as dt_util
from homeassistant.util.hass_dict import HassKey

from ..const import CONF_SERVER_ID, DOMAIN
from ..core.errors import CatalogueError
from ..core.lane import Lane
from ..core.leaf import Leaf, LibraryPage
from ..core.level.plan import Plan, Question, Side
from ..core.level.planner import Planner, complete
from ..core.operation import Operation
from ..core.play_state import Reading
from ..core.reconcile import CLOCK_TOLERANCE
from ..preferences import preferences
from ..runtime import WatchedSyncConfigEntry, runtime_of

#: How long a plan is kept that nobody has confirmed.
KEPT_FOR: Final = timedelta(minutes=10)

_KEPT: HassKey[_KeptPlan] = HassKey(f"{DOMAIN}_kept_plan")


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

    async def basis(self) -> Basis | None:
        """Return what `pages` are made from now, None where that is not known."""
        return None

    async def readings(self, item_ids: Collection[str]) -> Mapping[str, Reading]:
        """Return what is known of items, for their titles; nothing is an answer."""
        ...


@dataclass(frozen=True, slots=True)
class Basis:
    """What is known of the libraries of a lane, and what waits to be delivered there.

    `revision` is that of its catalogue, of which only the `libraries` are looked at, or
    all if there are none. `readings` are those the lane knows better, by item id.
    """

    revision: object
    libraries: frozenset[str]
    readings: Mapping[str, Reading]
    operations: Sequence[Operation]

    def is_same_as(self, other: Basis) -> bool:
        """Whether a plan made from either comes to the same."""
        return (
            self.revision is other.revision
            and self.libraries == other.libraries
            and self.readings.keys() == other.readings.keys()
            and all(
                _is_same(one, other.readings[item_id])
                for item_id, one in self.readings.items()
            )
            # Operations are never changed, but others take their place.
            and [*map(id, self.operations)] == [*map(id, other.operations)]
        )


def _is_same(one: Reading, other: Reading) -> bool:
    """Whether two readings say the same, what is not compared elsewhere too."""
    return one is other or (
        one == other
        and one.state.begun_again == other.state.begun_again
        and one.state.hides_position == other.state.hides_position
    )


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
    async def basis(self) -> Basis | None:
        try:
            runtime = runtime_of(self._entry)
            revision = await runtime.catalogue.revision()
        except HomeAssistantError, CatalogueError:
            return None
        lane = runtime.lane
        if not await lane.is_listed():
            return None
        return Basis(
            revision,
            preferences(self._entry).libraries,
            {one.item.item_id: one for one in lane.ledger},
            tuple(lane.outbox),
        )

    @override
    async def readings(self, item_ids: Collection[str]) -> Mapping[str, Reading]:
        return await runtime_of(self._entry).lane.known(item_ids)


@dataclass(frozen=True, slots=True)
class _KeptPlan:
    """A plan, and all that it was made from."""

    plan: Plan
    question: Question
    sides: Sequence[Side]
    bases: Sequence[Basis]

    def answers(
        self, question: Question, sides: Sequence[Side], bases: Sequence[Basis | None]
    ) -> bool:
        """Whether it would be made the same way now."""
        return (
            question == self.question
            and len(sides) == len(self.sides)
            and all(map(_is_same_side, sides, self.sides, strict=True))
            and all(
                now is not None and now.is_same_as(then)
                for now, then in zip(bases, self.bases, strict=True)
            )
        )


def _is_same_side(one: Side, other: Side) -> bool:
    """Whether two sides are the same, their clocks told as closely as can be."""
    ours, theirs = one.clock_offset, other.clock_offset
    if ours is not None and theirs is not None:
        return (
            replace(one, clock_offset=theirs) == other
            and abs(ours - theirs) <= CLOCK_TOLERANCE
        )
    return one == other


async def async_plan(
    hass: HomeAssistant, sides: Sequence[PlanSide], question: Question
) -> Plan:
    """Compare *sides*, and return what would make them level.

    The plan that was made last is returned once more if it would be made the same way.
    No server is asked. Raises `NotRead`, and ValueError for a question that cannot be
    asked of these sides.
    """
    # Before anything is read, so that what changes meanwhile makes a difference.
    asked, bases = [one.side for one in sides], [await one.basis() for one in sides]
    kept = hass.data.get(_KEPT)
    if kept is not None and kept.answers(question, asked, bases):
        return kept.plan
    planner = Planner(asked, question, now=dt_util.utcnow())
    for one in sides:
        async for page in one.pages():
            await hass.async_add_executor_job(planner.take_in, one.side.side_id, page)
    plan = await hass.async_add_executor_job(lambda: complete(planner.plan()))
    known = [one for one in bases if one is not None]
    if len(known) == len(sides):
        _async_keep(hass, _KeptPlan(plan, question, asked, known))
    return plan


@callback
def _async_keep(hass: HomeAssistant, kept: _KeptPlan) -> None:
    """Keep a plan for a while, in the place of the one before it."""
    hass.data[_KEPT] = kept

    @callback
    def forget(_: datetime) -> None:
        if hass.data.get(_KEPT) is kept:
            del hass.data[_KEPT]

    async_call_later(hass, KEPT_FOR, HassJob(forget, cancel_on_shutdown=True))


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
