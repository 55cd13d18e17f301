"""A plan that is kept: used once more while it would be made the same, never after."""

import asyncio
from collections.abc import Awaitable, Callable, Generator
from dataclasses import replace
from datetime import timedelta
from typing import Any, override

from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)

from custom_components.watched_sync.core.catalogue import Progress
from custom_components.watched_sync.core.errors import CatalogueError, Reason
from custom_components.watched_sync.core.level.plan import Plan, Question, What
from custom_components.watched_sync.core.level.planner import Planner
from custom_components.watched_sync.core.play_state import PlayState, Reading
from custom_components.watched_sync.levelling import planning
from custom_components.watched_sync.levelling.exported import ExportSide
from custom_components.watched_sync.levelling.planning import (
    KEPT_FOR,
    LaneSide,
    NotRead,
    PlanSide,
    async_plan,
)

from .common import MOVIE, OTHER_MOVIE, MemoryServer, episode, mark
from .scene import lose_contact
from .test_levelling import PLAYED, act, film, ids, two_lanes

type Lanes = list[MockConfigEntry]
type Event = Callable[[HomeAssistant, Lanes], Awaitable[None]]

EPISODE = episode(1, 1)
QUESTION = Question(what=What.WATCHED)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Planner]:
    """Return the planners there were: one for each plan that was really made."""
    planners: list[Planner] = []

    class Counted(Planner):
        @override
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            planners.append(self)

    monkeypatch.setattr(planning, "Planner", Counted)
    return planners


@pytest.fixture
async def lanes(hass: HomeAssistant) -> Lanes:
    """Two lanes that differ in one film, and a person's mark that waits."""
    one, _, lanes = await two_lanes(hass, seen_here=["m1"])
    await lose_contact(hass, lanes[0], one)
    await mark(lanes[0], OTHER_MOVIE)
    await hass.async_block_till_done()
    return lanes


async def plan(hass: HomeAssistant, lanes: Lanes, asked: Question = QUESTION) -> Plan:
    """Return the plan for all lanes."""
    return await async_plan(hass, [LaneSide(one) for one in lanes], asked)


async def test_plan_that_is_confirmed_is_not_made_again(
    hass: HomeAssistant, made: list[Planner]
) -> None:
    _, other, lanes = await two_lanes(hass, seen_here=["m1"])
    data = {"config_entry_id": ids(lanes), "what": "watched"}
    shown = await act(hass, "level", **data)
    answer = await act(hass, "level", **data, confirm=shown["plan_id"], wait=60)
    assert len(made) == 1
    assert answer["levelling"]["done"] == 1
    assert other.states["bm1"].watched is True
    again = await act(hass, "level", **data)
    assert len(made) == 2
    assert again["total"] == 0


# --- what changes -------------------------------------------------------------------


async def read(lane: MockConfigEntry, item_id: str, state: PlayState) -> None:
    """Have a lane read from its server that an item shows this."""
    [known] = (await lane.runtime_data.lane.known([item_id])).values()
    await lane.runtime_data.lane.take_in([replace(known, state=state)])


async def list_as(lane: MockConfigEntry, *readings: Reading) -> None:
    """Have a listing of the server's show this."""
    await lane.runtime_data.catalogue.keep(readings)


async def watched(_: HomeAssistant, lanes: Lanes) -> None:
    await read(lanes[1], "bm1", PlayState(watched=True, last_played=PLAYED))


async def begun_again(_: HomeAssistant, lanes: Lanes) -> None:
    ledger = lanes[0].runtime_data.lane.ledger
    known = ledger.reading("m2")
    assert known is not None
    state = replace(known.state, begun_again=True)
    assert replace(known, state=state) == known  # it is not compared elsewhere
    ledger.forget("m2")
    ledger.remember([replace(known, state=state)])


async def new_item(_: HomeAssistant, lanes: Lanes) -> None:
    await list_as(lanes[1], Reading(film(7), PlayState(watched=True)))


async def listed_anew(_: HomeAssistant, lanes: Lanes) -> None:
    [known] = (await lanes[1].runtime_data.catalogue.readings(["bm1"])).values()
    await list_as(lanes[1], replace(known, state=PlayState(watched=True)))


async def item_gone(_: HomeAssistant, lanes: Lanes) -> None:
    await lanes[1].runtime_data.catalogue.drop(["bm1"])


async def asked_for(_: HomeAssistant, lanes: Lanes) -> None:
    await mark(lanes[0], EPISODE)


async def asked_for_no_more(_: HomeAssistant, lanes: Lanes) -> None:
    lane = lanes[0].runtime_data.lane
    assert await lane.discard([one.operation_id for one in lane.outbox])


async def held(_: HomeAssistant, lanes: Lanes) -> None:
    lanes[0].runtime_data.lane.outbox.hold(Reason.RESTORED)


async def other_policy(hass: HomeAssistant, lanes: Lanes) -> None:
    await choose(hass, lanes[1], conflict_policy="furthest")


async def fewer_libraries(hass: HomeAssistant, lanes: Lanes) -> None:
    await choose(hass, lanes[1], libraries=["shows"])


async def loaded_anew(hass: HomeAssistant, lanes: Lanes) -> None:
    assert await hass.config_entries.async_reload(lanes[1].entry_id)


async def choose(hass: HomeAssistant, lane: MockConfigEntry, **options: Any) -> None:
    hass.config_entries.async_update_entry(lane, options={**lane.options, **options})
    await hass.async_block_till_done()


@pytest.mark.parametrize(
    "change",
    [
        watched,
        begun_again,
        new_item,
        listed_anew,
        item_gone,
        asked_for,
        asked_for_no_more,
        held,
        other_policy,
        fewer_libraries,
        loaded_anew,
    ],
)
async def test_plan_is_made_anew_once_anything_has_changed(
    hass: HomeAssistant, lanes: Lanes, change: Event
) -> None:
    first = await plan(hass, lanes)
    assert await plan(hass, lanes) is first
    await change(hass, lanes)
    assert await plan(hass, lanes) is not first


async def test_another_question_and_other_lanes_have_plans_of_their_own(
    hass: HomeAssistant, lanes: Lanes
) -> None:
    first = await plan(hass, lanes)
    exact = Question(what=What.EXACT, sources=frozenset(ids(lanes[:1])))
    assert await plan(hass, lanes, exact) is not first
    first = await plan(hass, lanes)
    assert await plan(hass, lanes[::-1]) is not first


async def test_plan_is_made_anew_if_something_changed_while_it_was_made(
    hass: HomeAssistant, lanes: Lanes, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupted(Planner):
        @override
        def plan(self) -> Generator[None, None, Plan]:
            task = watched(hass, lanes)
            asyncio.run_coroutine_threadsafe(task, hass.loop).result()
            return (yield from super().plan())

    with monkeypatch.context() as patch:
        patch.setattr(planning, "Planner", Interrupted)
        first = await plan(hass, lanes)
    assert first.total == 2
    assert (await plan(hass, lanes)).total == 1


async def test_clock_of_a_server_is_never_told_exactly(
    hass: HomeAssistant, lanes: Lanes, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await plan(hass, lanes)
    for seconds, is_kept in ((0.8, True), (3_600, False), (3_600.8, True)):
        offset = timedelta(seconds=seconds)
        monkeypatch.setattr(MemoryServer, "clock_offset", offset)
        again = await plan(hass, lanes)
        assert (again is first) is is_kept
        first = again
    monkeypatch.setattr(MemoryServer, "clock_offset", None)
    assert await plan(hass, lanes) is not first


async def test_plan_that_nobody_confirms_is_forgotten(
    hass: HomeAssistant, lanes: Lanes, made: list[Planner]
) -> None:
    await plan(hass, lanes)
    await plan(hass, lanes[::-1])
    last = await plan(hass, lanes)
    async_fire_time_changed(hass, dt_util.utcnow() + KEPT_FOR - timedelta(seconds=9))
    assert await plan(hass, lanes) is last
    async_fire_time_changed(hass, dt_util.utcnow() + KEPT_FOR)
    assert await plan(hass, lanes) is not last
    assert len(made) == 4


async def test_plan_is_not_kept_where_nobody_tells_what_has_changed(
    hass: HomeAssistant, lanes: Lanes, made: list[Planner]
) -> None:
    sides: list[PlanSide] = [
        ExportSide("file", [Reading(MOVIE, PlayState(watched=True))]),
        LaneSide(lanes[1]),
    ]
    first = await async_plan(hass, sides, QUESTION)
    again = await async_plan(hass, sides, QUESTION)
    assert again is not first
    assert again.plan_id == first.plan_id
    assert len(made) == 2


async def test_kept_plan_is_no_answer_for_a_lane_that_cannot_tell(
    hass: HomeAssistant, lanes: Lanes, monkeypatch: pytest.MonkeyPatch
) -> None:
    await plan(hass, lanes)
    catalogue = lanes[1].runtime_data.catalogue

    async def fail(*_: Any) -> Any:
        raise CatalogueError("the disk is gone")

    monkeypatch.setattr(catalogue, "revision", fail)
    monkeypatch.setattr(catalogue, "leaves", fail)
    with pytest.raises(NotRead):
        await plan(hass, lanes)
    monkeypatch.undo()
    await catalogue.note(Progress())
    with pytest.raises(NotRead):
        await plan(hass, lanes)
