"""Servers that show what was: to whoever asks for one item, or to everybody."""

import asyncio
from dataclasses import replace
from typing import Self

import pytest

from custom_components.watched_sync.core.lane import LaneUpdate
from custom_components.watched_sync.core.observer import Observer
from custom_components.watched_sync.core.operation import (
    Change,
    MarkUnwatched,
    MarkWatched,
    SetProgress,
)
from custom_components.watched_sync.core.outbox import Result
from custom_components.watched_sync.core.ports import Changed
from custom_components.watched_sync.core.recent import LONGEST_DOUBT
from custom_components.watched_sync.core.reconcile import Policy

from .rig import Rig
from .samples import an_operation, at, seen, unseen
from .twins import (
    ERROR,
    GONE,
    LIE,
    REFUSE,
    SLOW,
    Ask,
    Kind,
    ModelServer,
    Request,
    Trouble,
    episode,
    movie,
    season,
    show,
)
from .virtual import settle, virtual

SHOW = show()
SEASON = season(SHOW, 1)
PILOT = episode(SHOW, 1, 1)
marks = pytest.mark.parametrize("change", [MarkWatched(), MarkUnwatched()])


def newest(change: Change | None = None) -> Rig:
    """Return a lane on a Jellyfin 12.0 with a show that needs *change*."""
    rig = Rig(ModelServer.jellyfin_12)
    rig.server.add_show(SHOW, {1: 5, 2: 3})
    if isinstance(change, MarkUnwatched):
        for item_id in rig.server.states:
            rig.server.states[item_id] = seen(last=at(-9999))
    return rig.start()


# --- a mark of a container that leaves an old state (12.0) -------------------------


@marks
@virtual
async def test_what_a_season_mark_leaves_behind_is_marked_one_by_one(
    change: Change,
) -> None:
    rig = newest(change)
    await rig.ask(change, SEASON)
    await rig.drained()
    assert rig.server.alone == {}
    assert rig.asks() == ["F", "L", "W", "L", "A", *["W"] * 5, "L"]
    assert rig.server.most_at_once == 4
    assert rig.server.overlapped == []
    assert rig.results() == [Result.DELIVERED]
    assert len(rig.outcomes[0].operation.before) == 5


@virtual
async def test_from_then_on_episodes_are_marked_one_by_one() -> None:
    rig = newest()
    await rig.ask(MarkWatched(), SEASON)
    await rig.drained()
    rig.server.requests.clear()
    await rig.ask(MarkUnwatched(), SHOW)
    await rig.drained()
    assert rig.asks() == ["F", "L", *["W"] * 5, "L"]
    assert rig.server.alone == {}


@virtual
async def test_a_crash_between_the_two_leaves_no_old_state() -> None:
    rig = newest()
    await rig.ask(MarkWatched(), SEASON)
    await rig.until(lambda: rig.server.count(Ask.ALONE) == 1)
    assert rig.server.alone
    await rig.crash()
    rig.server.kind = replace(rig.server.kind, marks_containers=True)
    rig.start()
    await rig.drained()
    assert rig.server.alone == {}
    assert Result.DELIVERED in rig.results()


@virtual
async def test_a_look_that_fails_is_made_up_for() -> None:
    rig = newest()
    rig.server.on(Ask.ALONE, REFUSE, ERROR)
    await rig.ask(MarkWatched(), SEASON)
    await rig.drained()
    assert rig.server.alone == {}
    assert rig.results() == [Result.DELIVERED]


@virtual
async def test_a_single_mark_that_fails_is_made_up_for() -> None:
    rig = newest()
    await rig.ask(MarkWatched(), SEASON)
    rig.server.on(Ask.WRITE, None, None, REFUSE)
    await rig.drained()
    assert all(rig.server.states[f"s.1.{one}"].watched for one in range(1, 6))
    assert rig.results() == [Result.DELIVERED]


@virtual
async def test_a_server_with_one_view_is_looked_at_once_and_no_more() -> None:
    rig = Rig(ModelServer.jellyfin)
    rig.server.add_show(SHOW, {1: 5})
    rig.start()
    await rig.ask(MarkWatched(), SEASON)
    await rig.drained()
    assert rig.asks() == ["F", "L", "W", "L", "A"]


@virtual
async def test_a_position_after_a_season_mark_keeps_the_episode_watched() -> None:
    """Also where somebody else has marked the season."""
    rig = newest()
    rig.server.mark_elsewhere("s.1", watched=True)
    rig.lane.remember([rig.server.reading("s.1.1")])
    await rig.ask(SetProgress(600), PILOT)
    await rig.drained()
    assert rig.server.states["s.1.1"].agrees_with(seen(600))
    assert "s.1.1" not in rig.server.alone


@virtual
async def test_a_late_position_with_an_old_flag_is_put_right() -> None:
    """A position takes the flag along, and may come after a later mark."""
    rig = newest()
    rig.server.on(Ask.WRITE, SLOW)
    await rig.ask(SetProgress(600), PILOT)
    await rig.until(lambda: rig.server.count(Ask.WRITE) == 1)
    await rig.ask(MarkWatched(), PILOT)
    await rig.drained()
    await asyncio.sleep(600)
    assert rig.server.states["s.1.1"].agrees_with(seen())


@virtual
async def test_date_of_a_mark_that_comes_late_is_no_play_of_somebody_else() -> None:
    """A season's mark left old states; one of the marks that follow takes minutes."""
    rig = newest()
    rig.server.on(Ask.WRITE, None, Trouble(Kind.SLOW, seconds=200))
    await rig.ask(MarkWatched(), SEASON)
    await rig.drained()
    assert rig.results() == [Result.DELIVERED]
    await rig.lane.save_now()
    await rig.stop()
    await rig.crash()
    rig.start()
    episodes = [f"s.1.{number}" for number in range(1, 6)]
    rig.lane.remember([rig.server.reading(one) for one in episodes])
    await asyncio.sleep(30)
    rig.server.down = True
    await rig.ask(MarkUnwatched(), SEASON)
    await asyncio.sleep(200)
    rig.server.down = False
    await rig.drained()
    assert rig.server.watched(*episodes) == [False] * 5
    assert rig.results()[-1] is Result.DELIVERED


# --- what was, read in the place of what is (10.11) --------------------------------


def older() -> Rig:
    """Return a lane on a Jellyfin 10.11 with a show and a film."""
    rig = Rig(ModelServer.jellyfin_10_11)
    rig.server.add_show(SHOW, {1: 5, 2: 3})
    rig.server.add(movie())
    return rig.start()


async def showing_what_was(rig: Rig) -> None:
    """Have somebody mark an episode, and us un-mark the season before it is told."""
    rig.server.mark_elsewhere("s.1.1", watched=True)
    await asyncio.sleep(0.1)
    await rig.ask(MarkUnwatched(), SEASON)
    await rig.drained()
    await asyncio.sleep(1)
    assert rig.server.states["s.1.1"] == unseen()
    assert rig.server.reading("s.1.1").state.watched is True
    rig.server.requests.clear()
    rig.outcomes.clear()


@virtual
async def test_a_mark_after_such_an_unmark_is_written() -> None:
    rig = older()
    await showing_what_was(rig)
    await rig.ask(MarkWatched(), PILOT)
    await rig.drained()
    assert rig.asks() == ["F", "F", "W", "F"]
    first, second = (one.at for one in rig.server.requests[:2])
    assert 2 <= second - first <= 6
    assert rig.server.states["s.1.1"].watched is True
    assert rig.results() == [Result.DELIVERED]
    assert rig.outcomes[0].operation.before == {"s.1.1": unseen()}


@virtual
async def test_a_season_marked_after_such_an_unmark_is_written_whole() -> None:
    rig = older()
    await showing_what_was(rig)
    await rig.ask(MarkWatched(), SEASON)
    await rig.drained()
    assert all(rig.server.states[f"s.1.{one}"].watched for one in range(1, 6))
    assert rig.results() == [Result.DELIVERED]


@virtual
async def test_minutes_later_it_is_known_by_its_date() -> None:
    rig = older()
    rig.server.turns_over = 3600
    await showing_what_was(rig)
    await asyncio.sleep(300)
    await rig.ask(MarkWatched(), PILOT)
    await rig.drained()
    assert rig.server.states["s.1.1"].watched is True
    assert rig.results() == [Result.DELIVERED]


@virtual
async def test_what_was_and_is_not_shown_any_more_is_written_at_the_second_look() -> (
    None
):
    rig = older()
    rig.server.turns_over = 2.0
    await showing_what_was(rig)
    await rig.ask(MarkWatched(), PILOT)
    await rig.drained()
    assert rig.asks() == ["F", "F", "W", "F"]
    assert rig.results() == [Result.DELIVERED]


@pytest.mark.parametrize("policy", Policy)
@virtual
async def test_a_position_that_is_there_takes_no_flag_along_from_before(
    policy: Policy,
) -> None:
    """Somebody un-marks an item and its position goes; we had just read it."""
    rig = Rig(ModelServer.jellyfin_10_11, policy=policy)
    rig.server.add_show(SHOW, {1: 1})
    rig.server.states["s.1.1"] = seen(600, last=at(-3600))
    await rig.lane.take_in([rig.server.reading("s.1.1")])
    rig.server.elsewhere("s.1.1", unseen())
    rig.start()
    await rig.ask(SetProgress(0), PILOT)
    await rig.drained()
    assert rig.server.states["s.1.1"] == unseen()
    assert rig.server.count(Ask.WRITE) == 0


@virtual
async def test_many_are_looked_at_again_in_one_batch() -> None:
    rig = older()
    for number in range(1, 6):
        rig.server.mark_elsewhere(f"s.1.{number}", watched=True)
    await showing_what_was(rig)
    await rig.lane.submit(
        [
            an_operation(
                MarkWatched(), episode(SHOW, 1, number), asked_at=rig.clock.now()
            )
            for number in range(1, 6)
        ]
    )
    await rig.drained()
    assert rig.server.count(Ask.FETCH) == 3
    assert rig.server.watched(*(f"s.1.{one}" for one in range(1, 6))) == [True] * 5


@pytest.mark.parametrize("policy", Policy)
@virtual
async def test_what_we_wrote_a_moment_ago_is_no_move_of_somebody_else(
    policy: Policy,
) -> None:
    """A season's mark was answered, reached no episode, and is given up."""
    rig = Rig(ModelServer.jellyfin_10_11, policy=policy)
    rig.server.add_show(SHOW, {1: 2})

    def hidden(request: Request) -> Trouble | None:
        if request.ask is not Ask.WRITE:
            return None
        return LIE if request.item_ids[0] in ("s", "s.1") else GONE

    rig.server.trouble = hidden
    rig.start()
    await rig.ask(MarkWatched(), SEASON)
    await rig.until(lambda: bool(rig.outbox.rejected))
    rig.server.trouble = None
    rig.outcomes.clear()
    await rig.ask(MarkUnwatched(), PILOT)
    await rig.drained()
    assert rig.results() == [Result.DELIVERED]


@virtual
async def test_what_is_true_long_since_costs_nothing_more() -> None:
    rig = older()
    rig.server.states["m1"] = seen(last=at(-9999))
    await rig.ask(MarkWatched(), movie())
    await rig.drained()
    assert rig.asks() == ["F"]
    assert rig.results() == [Result.ALREADY_TRUE]
    await rig.ask(MarkWatched(), movie())
    await rig.drained()
    assert rig.asks() == ["F", "F"]


@virtual
async def test_a_mark_of_ours_confirmed_a_moment_ago_is_true_already() -> None:
    rig = older()
    await rig.ask(MarkWatched(), movie())
    await rig.drained()
    await rig.ask(MarkWatched(), movie())
    await rig.drained()
    assert rig.asks() == ["F", "W", "F", "F"]
    assert rig.results() == [Result.DELIVERED, Result.ALREADY_TRUE]


@virtual
async def test_episodes_marked_a_moment_ago_are_unmarked_one_by_one() -> None:
    """So that we do not make the server show what was."""
    rig = older()
    await rig.ask(MarkWatched(), PILOT)
    await rig.ask(MarkWatched(), episode(SHOW, 1, 2))
    await rig.drained()
    await rig.ask(MarkUnwatched(), SHOW)
    await rig.drained()
    await asyncio.sleep(1)
    assert rig.server.stale == {}
    assert rig.server.writes[2:] == [
        ("s.1.1", MarkUnwatched()),
        ("s.1.2", MarkUnwatched()),
    ]
    await asyncio.sleep(60)
    await rig.ask(MarkWatched(), SHOW)
    await rig.drained()
    assert rig.server.writes[4:] == [("s", MarkWatched())]


# --- what is observed --------------------------------------------------------------


class Reads:
    """Reads what it is told to look at, and takes it over."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig

    async def catch_up(self) -> None:
        await self.look(frozenset(self.rig.server.states))

    async def look(self, item_ids: frozenset[str]) -> None:
        found = await self.rig.server.fetch(item_ids)
        self.rig.lane.remember(found.values())

    async def glance(self) -> None:
        raise AssertionError("a socket tells of everything")


class Observed:
    """A lane with an observer, and what everybody was told by it."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.updates: list[LaneUpdate] = []
        self.observer = Observer(
            rig.lane,
            rig.server,
            Reads(rig),
            label="Model",
            report=lambda error: pytest.fail(repr(error)),
            clock=rig.clock,
            rng=rig.rng,
        )
        self.task = asyncio.create_task(self.observer.run())

    async def opened(self) -> Self:
        await self.observer.open()
        self.rig.lane.add_listener(self.updates.append)
        self.rig.server.requests.clear()
        return self

    def flags(self, item_id: str) -> list[bool | None]:
        """Return what everybody was told of an item, one after the other."""
        return [
            one.state.watched
            for update in self.updates
            for one in update.readings
            if one.item.item_id == item_id
        ]


async def with_an_unmark_seen() -> tuple[Rig, Observed]:
    """Return a lane on which a mark was read, un-marked by us, and is shown again."""
    rig = older()
    rig.server.turns_over, rig.server.latency = 8.0, 0.001
    lane = await Observed(rig).opened()
    rig.server.mark_elsewhere("s.1.1", watched=True)
    rig.server.tell(Changed(frozenset({"s.1.1"})))
    await asyncio.sleep(0.35)
    await rig.ask(MarkUnwatched(), SEASON)
    await rig.drained()
    assert lane.flags("s.1.1") == [True, False]
    rig.server.requests.clear()
    await asyncio.sleep(0.5)
    assert rig.server.reading("s.1.1").state.watched is True
    rig.server.tell(Changed(frozenset({"s.1.1"})))
    return rig, lane


@virtual
async def test_what_was_is_looked_at_again_before_anybody_is_told() -> None:
    rig, lane = await with_an_unmark_seen()
    await asyncio.sleep(LONGEST_DOUBT)
    assert lane.flags("s.1.1") == [True, False]
    assert 2 <= rig.server.count(Ask.FETCH) <= 4
    first, second = (one.at for one in rig.server.requests[:2])
    assert 2 <= second - first <= 5.5
    assert rig.lane.ledger.base("s.1.1") == unseen()


@virtual
async def test_what_still_shows_after_a_minute_is_told() -> None:
    """Somebody may have brought an old play back, date and all."""
    rig, lane = await with_an_unmark_seen()
    rig.server.states["s.1.1"] = rig.server.reading("s.1.1").state
    await asyncio.sleep(3 * LONGEST_DOUBT)
    assert lane.flags("s.1.1") == [True, False, True]
    assert rig.server.count(Ask.FETCH) <= 8


@virtual
async def test_a_new_mark_after_an_unmark_is_told_at_once() -> None:
    rig, lane = await with_an_unmark_seen()
    rig.server.played_elsewhere("s.1.1")
    await asyncio.sleep(1)
    assert lane.flags("s.1.1") == [True, False, True]
    assert rig.server.count(Ask.FETCH) == 1


@virtual
async def test_an_event_explains_what_is_true_already() -> None:
    rig = older()
    await Observed(rig).opened()
    rig.server.played_elsewhere("m1")
    rig.server.tell(Changed(frozenset({"m1"})))
    await settle()
    await rig.ask(MarkWatched(), movie())
    await rig.drained()
    assert rig.asks() == ["F"]
    assert rig.results() == [Result.ALREADY_TRUE]
