"""Keeping the catalogue true: how often is read, when, and what comes of it."""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
import logging
from typing import Any, override
from unittest.mock import patch

import pytest

from custom_components.watched_sync.core import inventory as inventory_module
from custom_components.watched_sync.core.activity import ActivityKind, Chronicle
from custom_components.watched_sync.core.catalogue import Progress
from custom_components.watched_sync.core.errors import (
    AuthRejected,
    ServerError,
    StillLooking,
    Unsupported,
)
from custom_components.watched_sync.core.identity import MediaKind, ProviderIds
from custom_components.watched_sync.core.inventory import (
    CALM,
    ERROR_REST,
    FAULT_REST,
    FIND_PATIENCE,
    GONE_REST,
    LIFETIME,
    MOST_FAILURES,
    ROUND_REST,
    Inventory,
    Stage,
)
from custom_components.watched_sync.core.keeping import FAILED_REST, GATHER
from custom_components.watched_sync.core.lane import Health, Lane, LaneUpdate, Phase
from custom_components.watched_sync.core.ledger import Ledger
from custom_components.watched_sync.core.mirror import Moves
from custom_components.watched_sync.core.observer import (
    GLANCE,
    LOOK_EVERY,
    QUIET,
    QUIET_GLANCE,
    Observer,
)
from custom_components.watched_sync.core.operation import MarkWatched
from custom_components.watched_sync.core.outbox import Outbox
from custom_components.watched_sync.core.pace import SLOW, SLOW_REST, Pace
from custom_components.watched_sync.core.play_state import (
    UNKNOWN,
    PlayState,
    Reading,
)
from custom_components.watched_sync.core.ports import Changed, Library, Page, Told

from .memory_catalogue import MemoryCatalogue
from .samples import an_operation, at, seen, unseen
from .twins import (
    ERROR,
    GONE,
    HANG,
    HTML,
    REFUSE,
    Ask,
    Kind,
    MemoryJournal,
    ModelServer,
    Request,
    Trouble,
    movie,
    show,
)
from .virtual import EPOCH, VirtualClock, settle, virtual

HOUR = 3600.0
DAY = 24 * HOUR

#: Longer than the first inventory of any library here takes, and a round after it.
LONG = 2 * HOUR

KINDS = (MediaKind.MOVIE, MediaKind.SHOW, MediaKind.EPISODE)

both_kinds = pytest.mark.parametrize("make", [ModelServer.plex, ModelServer.jellyfin])


class Rig:
    """A lane with an inventory, and somebody who is hinted at things.

    Its catalogue and server outlast a life.
    """

    played_until: datetime | None = None

    def __init__(
        self,
        make: Callable[[VirtualClock], ModelServer] = ModelServer.jellyfin,
        *,
        pace: Pace | None = None,
    ) -> None:
        self.clock = VirtualClock()
        self.server = make(self.clock)
        self.server.page = 1_000
        self.catalogue = MemoryCatalogue()
        self.pace = pace or Pace(self.clock)
        self.hints: list[Changed] = []
        self.reports: list[ServerError] = []
        self.assemble()

    def assemble(self) -> None:
        """Begin a life."""
        journal = MemoryJournal(seconds=0)
        self.outbox = journal.outbox = Outbox()
        self.ledger = Ledger()
        self.lane = Lane(
            outbox=self.outbox,
            ledger=self.ledger,
            journal=journal,
            clock=self.clock,
            catalogue=self.catalogue,
        )
        self.inventory = Inventory(
            self.lane,
            self.server,
            self.catalogue,
            self.pace,
            label="Model",
            played_until=self.played_until,
            hint=self.hint,
            report=self.reports.append,
            clock=self.clock,
        )
        self.tasks = [asyncio.create_task(self.inventory.run())]
        self.inventory.begin()

    def hint(self, change: Changed) -> None:
        self.hints.append(change)

    async def die(self) -> None:
        """End a life in the middle of whatever it does."""
        for task in self.tasks:
            task.cancel()
        await asyncio.wait(self.tasks)

    async def again(self) -> None:
        """Die, and live again with another pace: the process is a new one."""
        await self.die()
        self.pace = Pace(self.clock)
        self.assemble()

    def stock(self, films: int = 30, shows: int = 5, episodes: int = 4) -> None:
        """Put films and shows into the library."""
        self.server.add(*(movie(f"m{number}") for number in range(films)))
        for number in range(shows):
            self.server.add_show(show(f"s{number}"), {1: episodes})

    async def first(self) -> None:
        """Have the first inventory end, and forget how it went."""
        await self.finished()
        await asyncio.sleep(1)
        self.server.requests.clear()
        self.hints.clear()

    async def finished(self) -> None:
        """Wait until everything was read."""
        while (await self.catalogue.progress()).finished_at is None:
            assert self.clock.monotonic() < 3 * DAY
            await asyncio.sleep(1)

    async def asked(self, ask: Ask | None, times: int) -> None:
        """Wait until the server was asked so often, or everything was read."""
        while self.server.count(ask) < times:
            if (await self.catalogue.progress()).finished_at is not None:
                return
            await asyncio.sleep(0.005)

    async def round(self) -> None:
        """Have a quick round, long after any other."""
        await asyncio.sleep(ROUND_REST)
        self.hints.clear()
        self.server.requests.clear()
        self.inventory.look_again()
        await asyncio.sleep(ROUND_REST)

    async def known(self, item_id: str) -> Reading | None:
        return (await self.catalogue.readings([item_id])).get(item_id)

    async def state(self, item_id: str) -> PlayState | None:
        known = await self.known(item_id)
        return None if known is None else known.state

    def lane_is(self, phase: Phase) -> None:
        self.lane.set_health(Health(phase, self.clock.now()))
        self.lane.publish(LaneUpdate())

    @property
    def hinted(self) -> set[str]:
        return {item_id for hint in self.hints for item_id in hint.item_ids}

    def listings(self) -> int:
        return self.server.count(Ask.INVENTORY) + self.server.count(Ask.LEAVES)


async def agrees(rig: Rig) -> bool:
    """Whether the catalogue says of every film and episode what the server says."""
    known = await rig.catalogue.readings(rig.server.items.keys())
    leaves = {
        item_id: item
        for item_id, item in rig.server.items.items()
        if not item.kind.is_container
    }
    return leaves.keys() <= known.keys() and all(
        known[one].state == rig.server.states[one] for one in leaves
    )


# --- the first inventory ----------------------------------------------------------


@both_kinds
def test_everything_is_known_after_it_and_nothing_was_told(make: Any) -> None:
    @virtual
    async def world() -> None:
        rig = Rig(make)
        rig.stock()
        rig.server.states["m3"] = seen(last=at(1))
        rig.server.states["s1.1.2"] = unseen(600.0, last=at(2))
        await rig.finished()
        assert await agrees(rig)
        assert rig.hinted == set()
        assert not rig.server.writes
        counts = await rig.catalogue.counts()
        assert [counts[kind] for kind in KINDS] == [30, 5, 20]
        status = rig.inventory.status
        assert (status.stage, status.total, status.percent) == (
            Stage.COMPLETE,
            55,
            None,
        )

    world()


def test_plex_is_asked_once_for_a_thousand_items() -> None:
    @virtual
    async def world() -> None:
        rig = Rig(ModelServer.plex)
        rig.stock(films=2_500, shows=20, episodes=100)
        await rig.finished()
        items = len([one for one in rig.server.items.values() if one.season_id is None])
        items += 20 * 100
        assert rig.server.count() <= items / 1_000 + 10
        assert rig.server.count(Ask.INVENTORY) == 3 + 1 + 2

    world()


def test_jellyfin_is_asked_for_each_show_and_once_for_a_thousand_films() -> None:
    @virtual
    async def world() -> None:
        rig = Rig(ModelServer.jellyfin)
        rig.stock(films=2_500, shows=50, episodes=10)
        await rig.finished()
        assert rig.server.count(Ask.LEAVES) == 50
        assert rig.server.count() <= 50 + 2_500 / 1_000 + 10

    world()


@virtual
async def test_episodes_know_the_ids_of_their_shows() -> None:
    """Their rows name the show by its id in the library alone."""

    class Thin(ModelServer):
        @override
        async def inventory_page(
            self, library: Library, kind: MediaKind, start: int = 0
        ) -> Page:
            page = await super().inventory_page(library, kind, start)
            bare = ProviderIds()
            return replace(
                page,
                readings=[
                    replace(
                        one,
                        item=replace(one.item, show_provider_ids=bare, library_id=None),
                    )
                    for one in page.readings
                ],
            )

    rig = Rig(Thin.plex)
    rig.stock(films=1)
    await rig.finished()
    ids = show("s2").provider_ids
    (found,) = await rig.catalogue.find_episodes(ids, 1, 3)
    assert found.item.item_id == "s2.1.3"
    assert (found.item.show_provider_ids, found.item.library_id) == (ids, "shows")


@virtual
async def test_a_lane_that_came_up_has_a_while_for_itself() -> None:
    rig = Rig()
    rig.stock()
    await rig.finished()
    assert rig.server.requests[0].at == CALM


@virtual
async def test_nothing_is_read_before_it_may_begin() -> None:
    rig = Rig()
    await rig.die()
    rig.server.requests.clear()
    rig.assemble()
    rig.inventory._has_begun.clear()
    await asyncio.sleep(HOUR)
    assert rig.server.count() == 0
    assert rig.inventory.status.stage is Stage.WAITING
    rig.inventory.begin()
    await rig.finished()


@virtual
async def test_what_is_not_allowed_is_not_read() -> None:
    rig = Rig()
    rig.stock()
    rig.server.shelves["other"] = MediaKind.MOVIE
    rig.server.add(movie("elsewhere", library_id="other"))
    rig.server.allowed = {"films"}
    await rig.finished()
    asked = {one.library_id for one in rig.server.requests if one.library_id}
    assert asked == {"films"}
    counts = await rig.catalogue.counts()
    assert [counts[kind] for kind in KINDS] == [30, 0, 0]


@virtual
async def test_a_server_that_knows_no_libraries_yet_is_asked_again() -> None:
    rig = Rig()
    rig.stock()
    shelves, rig.server.shelves = rig.server.shelves, {}
    await asyncio.sleep(ROUND_REST / 2)
    assert (await rig.catalogue.progress()).finished_at is None
    rig.server.shelves = shelves
    await rig.finished()
    assert await agrees(rig)


@virtual
async def test_nothing_is_read_while_there_is_something_to_do() -> None:
    rig = Rig()
    rig.stock()
    await rig.lane.submit([an_operation(MarkWatched(), movie("m1"))])
    await asyncio.sleep(HOUR)
    assert rig.server.count() == 0
    rig.lane.in_flight = frozenset(one.operation_id for one in rig.outbox)
    await rig.lane.discard(rig.lane.in_flight)
    await asyncio.sleep(HOUR)
    assert rig.server.count() == 0
    rig.lane.in_flight = frozenset()
    rig.lane_is(Phase.BACKING_OFF)
    await asyncio.sleep(HOUR)
    assert rig.server.count() == 0
    assert rig.inventory.status.stage is Stage.WAITING
    rig.lane_is(Phase.READY)
    await asyncio.sleep(CALM - 1)
    assert rig.server.count() == 0
    await rig.finished()


@virtual
async def test_a_lane_that_is_busy_keeps_no_other_from_its_turn() -> None:
    first = Rig()
    other = Rig(pace=first.pace)
    other.stock()
    first.lane_is(Phase.PARKED)
    await asyncio.sleep(HOUR)
    assert first.server.count() == 0
    assert other.server.count(Ask.INVENTORY) == 2


@virtual
async def test_what_comes_up_while_a_turn_is_waited_for_goes_first() -> None:
    rig = Rig()
    rig.stock()
    rig.server.on(Ask.INVENTORY, Trouble(Kind.LATE, seconds=75.0))
    await asyncio.sleep(HOUR / 12)
    assert rig.server.count(Ask.INVENTORY) == 1
    rig.lane.in_flight = frozenset({"delivering"})
    await asyncio.sleep(HOUR)
    assert rig.server.count(Ask.INVENTORY) == 1
    rig.lane.in_flight = frozenset()
    rig.lane.publish(LaneUpdate())
    await asyncio.sleep(1)
    assert rig.server.count(Ask.INVENTORY) == 2


@virtual
async def test_a_slow_server_is_asked_seldom_and_read_all_the_same() -> None:
    rig = Rig()
    rig.stock(films=30, shows=2)
    rig.server.page = 10
    rig.server.on(Ask.INVENTORY, *[Trouble(Kind.LATE, seconds=75.0)] * 5)
    await rig.finished()
    times = [one.at for one in rig.server.requests if one.ask is Ask.INVENTORY]
    for one, later in pairwise(times):
        assert later - one >= SLOW_REST + 75.0
    assert await agrees(rig)


@virtual
async def test_what_moved_while_it_lasts_is_looked_at_before_it_is_shown() -> None:
    """By a Jellyfin, which does not say what was played last.

    Shown at once it would be known, and never be told as what somebody has done.
    """
    rig = Rig()
    rig.stock()
    rig.server.states["m1"] = seen(last=at(-10_000))
    before = rig.server.states["m2"]
    await rig.asked(Ask.INVENTORY, 1)
    await asyncio.sleep(0.5)
    await rig.die()
    # A life that ends before it has noted how far it was lists a page once more.
    await rig.catalogue.note(Progress())
    rig.server.played_elsewhere("m2")
    rig.server.played_elsewhere("s1.1.2")
    rig.played_until = EPOCH
    rig.pace = Pace(rig.clock)
    rig.assemble()
    told: list[LaneUpdate] = []
    rig.lane.add_listener(told.append)
    await rig.finished()
    await asyncio.sleep(1)
    assert rig.hinted == {"m2", "s1.1.2"}
    assert await rig.state("m2") == before
    assert rig.ledger.base("m2") == before
    shown = [one for update in told for one in update.readings]
    assert {one.item.item_id: one.state.watched for one in shown} == {
        "m1": True,
        "m2": False,
        "s1.1.2": False,
    }


@pytest.mark.parametrize("make", [ModelServer.plex, ModelServer.jellyfin])
@pytest.mark.parametrize("dies_after", range(1, 14))
def test_the_next_life_goes_on_where_the_last_one_ended(
    make: Any, dies_after: int
) -> None:
    """Nothing is listed twice but what was under way at the death."""

    @virtual
    async def world() -> None:
        rig = Rig(make)
        rig.stock(films=40, shows=4)
        rig.server.page = 10
        await rig.asked(None, dies_after)
        await rig.again()
        await rig.finished()
        assert await agrees(rig)
        assert rig.hinted == set()
        whole = Rig(make)
        whole.stock(films=40, shows=4)
        whole.server.page = 10
        await whole.finished()
        assert rig.listings() <= whole.listings() + 1

    world()


@both_kinds
def test_an_outage_in_the_middle_is_a_pause(make: Any) -> None:
    @virtual
    async def world() -> None:
        rig = Rig(make)
        rig.stock(films=40, shows=4)
        rig.server.page = 10
        rig.server.on(Ask.INVENTORY, None, None, REFUSE)
        await asyncio.sleep(CALM + 10)
        assert len(rig.reports) == 1
        rig.lane_is(Phase.BACKING_OFF)
        await asyncio.sleep(HOUR)
        assert rig.server.count(Ask.INVENTORY) == 3
        rig.lane_is(Phase.READY)
        await rig.finished()
        assert await agrees(rig)
        films = [one for one in rig.server.requests if one.library_id == "films"]
        # Four pages, or five where nothing says which is the last; one had failed.
        assert len(films) <= 6

    world()


@virtual
async def test_a_lost_sign_in_is_reported() -> None:
    rig = Rig()
    rig.server.token_good = False
    await asyncio.sleep(2 * CALM)
    assert {type(one) for one in rig.reports} == {AuthRejected}


@pytest.mark.parametrize(("trouble", "reported"), [(HANG, 0), (ERROR, 1)])
@virtual
async def test_what_failed_is_read_some_other_time(
    trouble: Trouble, reported: int
) -> None:
    rig = Rig()
    rig.stock()
    rig.server.on(Ask.INVENTORY, trouble)
    await asyncio.sleep(CALM + 60)
    # Given up by us says nothing about the server.
    assert len(rig.reports) == reported
    assert (await rig.catalogue.progress()).finished_at is None
    await rig.finished()


@virtual
async def test_a_library_that_cannot_be_read_keeps_nobody_from_the_others() -> None:
    rig = Rig()
    rig.stock()
    rig.server.on(Ask.INVENTORY, *[HTML] * MOST_FAILURES)
    await asyncio.sleep(MOST_FAILURES * ERROR_REST + HOUR)
    assert (await rig.catalogue.progress()).finished_at is not None
    assert (await rig.catalogue.counts())[MediaKind.EPISODE] == 20
    assert (await rig.catalogue.counts())[MediaKind.MOVIE] == 0
    rig.inventory.look_again()
    await asyncio.sleep(HOUR)
    assert await agrees(rig)


@virtual
async def test_a_show_that_cannot_be_read_keeps_nobody_from_the_others() -> None:
    rig = Rig()
    rig.stock()
    rig.server.poison("s1", HTML)
    await asyncio.sleep(HOUR)
    assert (await rig.catalogue.progress()).finished_at is not None
    assert (await rig.catalogue.counts())[MediaKind.EPISODE] == 16
    rig.server.poison("s1", None)
    # It is read in the next round, though none of its counts has changed.
    rig.inventory.look_again()
    await asyncio.sleep(HOUR)
    assert await agrees(rig)


@virtual
async def test_an_outage_among_the_shows_is_a_pause_as_well() -> None:
    rig = Rig()
    rig.stock()
    rig.server.on(Ask.LEAVES, None, REFUSE, GONE)
    await rig.finished()
    assert (await rig.catalogue.counts())[MediaKind.EPISODE] == 16


@virtual
async def test_a_library_that_goes_meanwhile_keeps_nobody_from_the_others() -> None:
    rig = Rig()
    rig.server.shelves = {"gone": MediaKind.MOVIE, **rig.server.shelves}
    rig.server.page = 10
    rig.server.add(*(movie(f"g{n}", library_id="gone") for n in range(20)))
    rig.server.add(movie("m1"))

    def vanish(_: Request) -> None:
        if rig.server.count(Ask.INVENTORY) == 2:
            rig.server.shelves.pop("gone", None)

    rig.server.trouble = vanish
    await rig.finished()
    assert rig.reports == []
    # What it had before it went is known as it was.
    assert (await rig.known("g1")) is not None
    assert (await rig.known("m1")) is not None


@virtual
async def test_a_library_that_went_between_two_lives_is_passed_over() -> None:
    rig = Rig()
    rig.stock()
    for library, kind in (("gone", MediaKind.MOVIE), ("gone", MediaKind.UNKNOWN)):
        await rig.again()
        await rig.catalogue.note(Progress(round_no=1, library_id=library, kind=kind))
        await rig.finished()


@virtual
async def test_ending_leaves_nobody_listening() -> None:
    rig = Rig()
    await asyncio.sleep(1)
    await rig.die()
    assert not rig.lane._listeners


@virtual
async def test_a_fault_of_ours_is_not_the_last() -> None:
    rig = Rig()
    rig.stock()
    faults = [RuntimeError("a bug")]
    real = rig.server.libraries

    async def broken() -> Any:
        if faults:
            raise faults.pop()
        return await real()

    rig.server.libraries = broken  # type: ignore[method-assign]  # for once
    await asyncio.sleep(FAULT_REST / 2)
    assert rig.server.count() == 0
    await rig.finished()


@virtual
async def test_what_was_played_last_is_shown_after_it_where_nothing_else_tells() -> (
    None
):
    rig = Rig()
    rig.stock()
    for number in range(25):
        rig.server.states[f"m{number}"] = seen(last=at(number))
    moved: list[Any] = []
    rig.ledger.on_move = lambda *move: moved.append(move)
    await rig.finished()
    await asyncio.sleep(1)
    assert [one.item.item_id for one in rig.ledger][-1] == "m24"
    assert len(rig.ledger) == inventory_module.PLAYS
    assert rig.hints == []
    assert moved == []


# --- rounds ----------------------------------------------------------------------


@virtual
async def test_a_jellyfin_is_asked_for_shows_and_films_after_a_gap() -> None:
    rig = Rig()
    rig.stock()
    await rig.first()
    rig.server.states["m3"] = seen(last=at(1))
    rig.server.states["s1.1.2"] = seen(last=at(2))
    await rig.round()
    assert rig.hinted == {"m3", "s1.1.2"}
    assert rig.server.count(Ask.INVENTORY) == 2
    assert [one.item_ids for one in rig.server.requests if one.ask is Ask.LEAVES] == [
        ("s1",)
    ]
    # It is not written over: nobody has looked yet.
    assert await rig.state("m3") == unseen()
    assert await rig.state("s1.1.2") == unseen()
    # What was told of them says what is worth a look.
    (told,) = (one.told["m3"] for one in rig.hints if "m3" in one.item_ids)
    assert told.state == seen(last=at(1))
    # And as long as nobody has, it is said again.
    await rig.round()
    assert rig.hinted == {"m3", "s1.1.2"}
    rig.lane.remember([rig.server.reading("m3"), rig.server.reading("s1.1.2")])
    await rig.round()
    assert rig.hinted == set()
    assert rig.server.count(Ask.LEAVES) == 1
    await rig.round()
    assert rig.server.count(Ask.LEAVES) == 0
    assert await agrees(rig)


@virtual
async def test_after_a_gap_a_plex_is_asked_for_counts_alone() -> None:
    rig = Rig(ModelServer.plex)
    rig.stock()
    rig.server.states["m3"] = seen(last=at(1))
    await rig.first()
    rig.lane.publish(LaneUpdate())
    await rig.round()
    assert rig.server.count(Ask.INVENTORY) == 0
    assert rig.server.count(Ask.COUNT) >= 2


@virtual
async def test_rounds_are_rare_however_often_they_are_wanted() -> None:
    rig = Rig()
    rig.stock()
    await rig.first()
    for _ in range(int(HOUR)):
        rig.inventory.look_again()
        await asyncio.sleep(1)
    assert rig.server.count(Ask.INVENTORY) / 2 <= HOUR / ROUND_REST + 1


@virtual
async def test_a_round_that_failed_is_made_again() -> None:
    rig = Rig()
    rig.stock()
    await rig.first()
    rig.server.states["m3"] = seen(last=at(1))
    rig.server.on(Ask.INVENTORY, ERROR)
    await rig.round()
    await asyncio.sleep(2 * ROUND_REST)
    assert rig.hinted == {"m3"}


@both_kinds
def test_once_a_day_everything_is_read_in_small_steps(make: Any) -> None:
    @virtual
    async def world() -> None:
        rig = Rig(make)
        rig.stock()
        await rig.first()
        # No count tells of this.
        rig.server.states["m3"] = seen(last=at(1))
        rig.server.states["m4"] = unseen(600.0, last=at(1))
        rig.server.states["s1.1.2"] = unseen(700.0, last=at(1))
        await asyncio.sleep(DAY - HOUR)
        rig.server.requests.clear()
        rig.hints.clear()
        await asyncio.sleep(2 * HOUR)
        assert rig.hinted >= {"m3", "m4", "s1.1.2"}
        if not rig.server.kind.lists_episodes:
            times = [one.at for one in rig.server.requests if one.ask is Ask.LEAVES]
            assert len(times) == 5
            for one, later in pairwise(times):
                assert later - one >= inventory_module.DAILY_STEP
        assert rig.inventory.status.stage is Stage.COMPLETE

    world()


@virtual
async def test_a_daily_round_gives_way_and_goes_on() -> None:
    rig = Rig()
    rig.stock(shows=20)
    await rig.first()
    await asyncio.sleep(DAY - 60)
    rig.server.requests.clear()
    await asyncio.sleep(180)
    assert 0 < rig.server.count(Ask.LEAVES) < 20
    assert rig.inventory.status.stage is Stage.RUNNING
    assert rig.inventory.status.percent
    films = [one for one in rig.server.requests if one.library_id == "films"]
    rig.inventory.look_again()
    await asyncio.sleep(HOUR)
    assert rig.server.count(Ask.LEAVES) == 20
    again = [one for one in rig.server.requests if one.library_id == "films"]
    assert len(again) == 2 * len(films)


@virtual
async def test_a_clock_that_was_set_back_puts_nothing_off_for_long() -> None:
    rig = Rig()
    rig.stock()
    await rig.first()
    rig.clock.jump(timedelta(days=-400))
    await rig.again()
    rig.server.requests.clear()
    await asyncio.sleep(LONG)
    assert rig.server.count(Ask.LEAVES) == 5


@virtual
async def test_a_restart_lists_nothing_again_but_what_may_have_changed() -> None:
    rig = Rig()
    rig.stock()
    await rig.first()
    await rig.again()
    await settle()
    # What is known is said before anything is read.
    assert rig.inventory.status.stage is Stage.COMPLETE
    assert rig.inventory.status.total == 55
    rig.inventory.look_again()  # as the observer says when it opens
    await asyncio.sleep(LONG)
    assert rig.server.count(Ask.LEAVES) == 0
    assert rig.server.count(Ask.INVENTORY) == 2


@virtual
async def test_everything_is_read_again_when_somebody_wants_it() -> None:
    rig = Rig()
    rig.stock()
    await rig.first()
    await asyncio.sleep(HOUR)
    rig.inventory.read_again()
    await asyncio.sleep(60)
    # Nobody waits longer than it takes.
    assert rig.server.count(Ask.LEAVES) == 5


@virtual
async def test_a_round_under_way_begins_anew_when_somebody_wants_it() -> None:
    rig = Rig()
    rig.stock(shows=20)
    await rig.first()
    await asyncio.sleep(DAY + 60)
    rig.server.requests.clear()
    rig.inventory.read_again()
    await asyncio.sleep(120)
    assert rig.server.count(Ask.LEAVES) >= 20
    assert rig.server.count(Ask.INVENTORY) == 2


# --- what has moved -----------------------------------------------------------------


@virtual
async def test_what_the_lane_has_read_is_newer_than_a_listing() -> None:
    """One that takes a minute shows what was a minute ago."""
    rig = Rig()
    rig.stock()
    rig.server.on(Ask.INVENTORY, Trouble(Kind.LATE, seconds=75.0))
    await asyncio.sleep(CALM + 10)
    rig.server.states["m3"] = seen(last=at(35))
    rig.lane.remember([rig.server.reading("m3")])
    await rig.finished()
    assert await rig.state("m3") == seen(last=at(35))


@virtual
async def test_what_is_new_is_known_as_unwatched_or_looked_at() -> None:
    rig = Rig()
    rig.stock()
    await rig.first()
    rig.server.add(movie("new"), movie("played"))
    rig.server.states["played"] = seen(last=at(1))
    await rig.round()
    assert rig.hinted == {"played"}
    assert await rig.state("new") == unseen()
    assert await rig.state("played") == UNKNOWN
    rig.lane.remember([rig.server.reading("played")])
    await asyncio.sleep(GATHER + 1)
    assert await rig.state("played") == seen(last=at(1))


@virtual
async def test_a_new_show_is_read() -> None:
    rig = Rig()
    rig.stock()
    await rig.first()
    rig.server.add_show(show("new"), {1: 3})
    await rig.round()
    assert rig.server.count(Ask.LEAVES) == 1
    assert (await rig.catalogue.counts())[MediaKind.EPISODE] == 23


@virtual
async def test_another_copy_that_shows_the_same_is_no_news() -> None:
    rig = Rig()
    rig.stock()
    rig.server.states["m3"] = seen(last=at(1))
    rig.server.states["s1.1.2"] = seen(last=at(1))
    await rig.first()
    copy = replace(movie("m3"), item_id="copy")
    rig.server.add(copy, state=seen(last=at(1)))
    rig.server.add_show(replace(show("s1"), item_id="again"), {1: 4})
    rig.server.states["again.1.2"] = seen(last=at(1))
    await rig.round()
    assert rig.hinted == set()
    assert await rig.state("copy") == seen(last=at(1))
    assert await rig.state("again.1.2") == seen(last=at(1))


@virtual
async def test_a_row_that_says_nothing_changes_nothing() -> None:
    rig = Rig()
    rig.stock()
    rig.server.states["m3"] = seen(last=at(1))
    await rig.first()
    rig.server.states["m3"] = UNKNOWN
    rig.server.items["m3"] = replace(rig.server.items["m3"], title="Retitled")
    await rig.round()
    assert rig.hinted == set()
    known = await rig.known("m3")
    assert known is not None
    assert (known.item.title, known.state) == ("Retitled", seen(last=at(1)))


@virtual
async def test_counts_and_dates_that_are_told_otherwise_are_no_moves() -> None:
    """Rows of a list and of single items differ in detail."""
    rig = Rig()
    rig.stock()
    rig.server.states["m3"] = seen(plays=2, last=at(1))
    await rig.first()
    rig.server.states["m3"] = seen(plays=0)
    await rig.round()
    assert rig.hinted == set()


@virtual
async def test_ids_that_went_to_other_works_are_not_taken_for_moves() -> None:
    rig = Rig()
    rig.stock()
    for number in range(30):
        if number % 2:
            rig.server.states[f"m{number}"] = seen(last=at(number))
    await rig.first()
    rig.server.renumber({f"m{n}": f"m{(n + 1) % 30}" for n in range(30)})
    await rig.round()
    assert rig.hinted == set()
    assert await agrees(rig)


@virtual
async def test_what_has_the_id_of_another_work_and_was_played_is_looked_at() -> None:
    rig = Rig()
    rig.stock()
    await rig.first()
    rig.lane.remember([rig.server.reading("m3")])
    rig.server.items["m3"] = replace(movie("other"), item_id="m3")
    rig.server.states["m3"] = seen(last=at(9))
    for _ in range(2):  # whoever was to look may have died before it was known
        await rig.round()
        assert rig.hinted == {"m3"}
        # What the lane knows under this id is of another work, and may look the same.
        assert all("m3" not in one.told for one in rig.hints)


@virtual
async def test_a_server_that_numbers_all_anew_is_known_by_its_works() -> None:
    rig = Rig()
    rig.stock(films=60, shows=2)
    for number in range(20):
        rig.server.states[f"m{number}"] = seen(last=at(number))
    await rig.first()
    rig.server.renumber({f"m{n}": f"n{n}" for n in range(60)})
    await rig.round()
    assert rig.hinted == set()
    assert await agrees(rig)
    # It has lost nothing, so what is not there is gone.
    assert (await rig.catalogue.counts())[MediaKind.MOVIE] == 60


# --- what is gone -----------------------------------------------------------------


@virtual
async def test_what_is_gone_is_asked_for_and_dropped() -> None:
    rig = Rig()
    rig.stock()
    await rig.first()
    rig.server.hidden = {"m3", "m4"}
    await rig.round()
    assert rig.server.count(Ask.FETCH) == 1
    assert (await rig.known("m3")) is None
    assert (await rig.catalogue.counts())[MediaKind.MOVIE] == 28


@virtual
async def test_what_was_not_listed_but_is_there_is_kept() -> None:
    """It came back meanwhile, or is in another library by now."""
    rig = Rig()
    rig.stock()
    rig.server.shelves["other"] = MediaKind.MOVIE
    await rig.first()
    moved = replace(rig.server.items["m3"], library_id="elsewhere")
    rig.server.items["m3"] = moved
    rig.server.states["m3"] = seen(last=at(1))
    await rig.round()
    known = await rig.known("m3")
    assert known is not None
    assert known.item.library_id == "elsewhere"
    assert rig.hinted == {"m3"}


@pytest.mark.parametrize("left", [0, 50])
@virtual
async def test_a_library_that_looks_lost_is_not_believed(left: int) -> None:
    rig = Rig()
    rig.stock(films=100)
    await rig.first()
    rig.server.hidden = {f"m{number}" for number in range(left, 100)}
    await rig.round()
    assert (await rig.catalogue.counts())[MediaKind.MOVIE] == 100
    assert rig.server.count(Ask.FETCH) == 0
    # Unless somebody has looked: but nobody wants a library without anything.
    rig.inventory.read_again()
    await asyncio.sleep(HOUR)
    films = (await rig.catalogue.counts())[MediaKind.MOVIE]
    assert films == (left or 100)


@virtual
async def test_episodes_that_are_gone_are_forgotten_within_a_day() -> None:
    rig = Rig()
    rig.stock(shows=30)
    await rig.first()
    rig.server.hidden = {"s1.1.4"}
    gone = [one for one in rig.server.items if one == "s2" or one.startswith("s2.")]
    rig.server.hidden |= set(gone)
    await rig.round()
    assert (await rig.known("s2")) is None
    await asyncio.sleep(DAY + HOUR)
    assert (await rig.known("s1.1.4")) is None
    assert (await rig.catalogue.counts())[MediaKind.EPISODE] == 29 * 4 - 1


# --- counts ------------------------------------------------------------------------


async def glance(rig: Rig) -> bool | None:
    """Compare the counts as the observer does, and have found out what differs."""
    agree = await rig.inventory.agree()
    rig.inventory.find_out()
    await asyncio.sleep(5)
    return agree


def listed(rig: Rig) -> list[str | None]:
    """Return which libraries were listed."""
    return [one.library_id for one in rig.server.requests if one.ask is Ask.INVENTORY]


async def a_plex(
    make: Callable[[VirtualClock], ModelServer] = ModelServer.plex,
    *watched: str,
) -> Rig:
    """Return a Plex of which everything is known."""
    rig = Rig(make)
    rig.stock()
    for item_id in watched:
        rig.server.states[item_id] = seen(last=at(1))
    await rig.first()
    await asyncio.sleep(LONG)
    rig.server.requests.clear()
    return rig


@virtual
async def test_two_counts_tell_that_nothing_was_changed_by_hand() -> None:
    rig = await a_plex()
    rig.server.shelves["more"] = MediaKind.MOVIE
    assert await glance(rig)
    assert [one.ask for one in rig.server.requests] == [Ask.COUNT, Ask.COUNT]
    assert [one.library_id for one in rig.server.requests] == [None, None]


@virtual
async def test_nothing_is_counted_before_everything_is_known() -> None:
    rig = Rig(ModelServer.plex)
    rig.stock()
    assert await rig.inventory.agree() is None
    assert rig.server.count(Ask.COUNT) == 0
    await rig.first()
    # Nor before it is known which libraries there are by now.
    await rig.again()
    await asyncio.sleep(1)
    assert await rig.inventory.agree() is None
    assert rig.server.count(Ask.COUNT) == 0


@virtual
async def test_nothing_is_counted_while_there_is_something_to_do() -> None:
    rig = await a_plex()
    rig.lane.in_flight = frozenset({"delivering"})
    assert await rig.inventory.agree() is None
    rig.lane.in_flight = frozenset()
    assert rig.server.count(Ask.COUNT) == 0
    # A listing of another lane is no reason to wait, one that was slow is.
    async with rig.pace.turn():
        assert await rig.inventory.agree()
        await asyncio.sleep(SLOW + 1)
    rig.server.requests.clear()
    assert await rig.inventory.agree() is None
    assert rig.server.count(Ask.COUNT) == 0
    await asyncio.sleep(SLOW_REST)
    assert await rig.inventory.agree()


@virtual
async def test_a_server_that_counts_slowly_is_left_alone_after_it() -> None:
    rig = await a_plex()
    rig.server.latency = SLOW + 1
    assert await rig.inventory.agree()
    assert rig.pace.is_slow
    assert await rig.inventory.agree() is None


@virtual
async def test_jellyfin_does_not_count() -> None:
    rig = Rig(ModelServer.jellyfin)
    rig.stock()
    await rig.first()
    assert await glance(rig) is None
    assert rig.server.requests == []


@virtual
async def test_an_un_mark_by_hand_is_found_by_the_counts_of_a_plex() -> None:
    rig = await a_plex(ModelServer.plex, "m3")
    rig.server.states["m3"] = unseen()
    assert await glance(rig) is False
    assert rig.hinted == {"m3"}
    assert listed(rig) == ["films"]
    # As long as nobody has looked it is not listed again and again.
    for _ in range(10):
        await glance(rig)
    assert listed(rig) == ["films"]
    rig.lane.remember([rig.server.reading("m3")])
    assert await glance(rig) is False
    rig.server.requests.clear()
    assert await glance(rig)
    assert rig.server.count() == 2
    rig.server.states["m4"] = seen(last=at(9))
    await glance(rig)
    assert listed(rig) == ["films"]
    assert rig.hinted == {"m3", "m4"}


@virtual
async def test_a_mark_that_was_seen_is_expected_of_the_count() -> None:
    """So that an un-mark beside it, which leaves the count as it was, shows."""
    rig = await a_plex(ModelServer.plex, "m3")
    rig.server.states["m3"] = unseen()
    rig.server.states["m4"] = seen(last=rig.clock.now())
    assert await rig.inventory.agree()
    rig.lane.remember([rig.server.reading("m4")])
    assert await glance(rig) is False
    assert rig.hinted == {"m3"}


@virtual
async def test_what_was_seen_since_the_count_needs_no_listing() -> None:
    rig = await a_plex()
    rig.server.states["m4"] = seen(last=rig.clock.now())
    assert await rig.inventory.agree() is False
    rig.lane.remember([rig.server.reading("m4")])
    rig.inventory.find_out()
    await asyncio.sleep(5)
    assert listed(rig) == []
    assert rig.hinted == set()
    assert await glance(rig)


@virtual
async def test_of_a_library_of_shows_those_with_other_counts_are_read() -> None:
    rig = await a_plex(ModelServer.plex, "s1.1.2", "s2.1.1")
    rig.server.states["s1.1.2"] = rig.server.states["s2.1.1"] = unseen()
    assert await glance(rig) is False
    assert rig.hinted == {"s1.1.2", "s2.1.1"}
    assert listed(rig) == ["shows"]
    assert rig.server.count(Ask.LEAVES) == 2


@virtual
async def test_what_shows_do_not_explain_has_the_library_listed() -> None:
    """The counts of a show may have been read since."""
    rig = await a_plex(ModelServer.plex, "s1.1.2")
    rig.server.states["s1.1.2"] = unseen()
    rig.lane.remember([rig.server.reading("s1")])
    assert await glance(rig) is False
    assert rig.hinted == {"s1.1.2"}
    assert rig.server.count(Ask.LEAVES) == 0
    assert len(listed(rig)) > 1
    # As are many shows at once.
    for number in range(5):
        rig.lane.remember([rig.server.reading(f"s{number}.1.2")])
    rig.hints.clear()
    rig.server.requests.clear()
    with patch.object(inventory_module, "MOST_SHOWS", 2):
        for number in range(3):
            rig.server.states[f"s{number}.1.3"] = seen(last=at(9))
        assert await glance(rig) is False
    assert len(rig.hinted) == 3
    assert rig.server.count(Ask.LEAVES) == 0


@virtual
async def test_a_library_of_shows_that_goes_meanwhile_is_passed_over() -> None:
    rig = await a_plex(ModelServer.plex, "s1.1.2")
    rig.server.states["s1.1.2"] = unseen()
    rig.server.on(Ask.INVENTORY, GONE)
    await glance(rig)
    assert len(listed(rig)) == 1
    assert rig.reports == []


@virtual
async def test_what_an_outage_has_kept_from_being_listed_is_listed_after_it() -> None:
    rig = await a_plex(ModelServer.plex, "m3", "s1.1.2")
    rig.server.states["m3"] = rig.server.states["s1.1.2"] = unseen()
    rig.server.on(Ask.INVENTORY, HTML)
    assert await glance(rig) is False
    assert rig.hinted == set()
    await asyncio.sleep(HOUR)
    await glance(rig)
    assert rig.hinted == {"m3", "s1.1.2"}


@virtual
async def test_what_counts_show_is_listed_without_long_rests() -> None:
    rig = await a_plex(ModelServer.plex, "m3")
    rig.server.page = 5
    rig.server.latency = 0.3
    rig.server.states["m3"] = unseen()
    assert await rig.inventory.agree() is False
    rig.inventory.find_out()
    await asyncio.sleep(3)
    assert len(listed(rig)) == 6
    assert rig.hinted == {"m3"}


@virtual
async def test_a_reading_of_everything_gives_way_to_what_counts_show() -> None:
    rig = await a_plex(ModelServer.plex, "m3")
    rig.server.page = 5
    rig.inventory.read_again()
    await asyncio.sleep(1)
    rig.server.requests.clear()
    rig.server.states["m3"] = unseen()
    await asyncio.sleep(DAY - LONG)
    await rig.asked(Ask.INVENTORY, 2)
    rig.server.requests.clear()
    rig.hints.clear()
    rig.lane.remember([rig.server.reading("m3")])
    rig.server.states["s1.1.1"] = seen(last=at(2))
    assert await glance(rig) is False
    assert rig.hinted == {"s1.1.1"}


@virtual
async def test_a_server_that_counts_otherwise_than_it_lists_is_listed_once() -> None:
    class Odd(ModelServer):
        @override
        async def count_unwatched(
            self, library: Library | None, kind: MediaKind
        ) -> int:
            return await super().count_unwatched(library, kind) + 3

    rig = await a_plex(Odd.plex, "m3")
    for _ in range(10):
        await glance(rig)
    assert len(listed(rig)) <= 4
    # From then on it counts as well as others.
    assert await glance(rig)
    rig.hints.clear()
    rig.server.states["m3"] = unseen()
    assert await glance(rig) is False
    assert rig.hinted == {"m3"}


@virtual
async def test_what_changes_in_a_library_that_is_left_out_is_no_news() -> None:
    rig = Rig(ModelServer.plex)
    rig.server.allowed = {"films"}
    rig.stock()
    await rig.first()
    await asyncio.sleep(LONG)
    for state in (seen(last=at(9)), unseen()):
        rig.server.states["s1.1.1"] = state
        await glance(rig)
        assert await glance(rig)
    rig.server.shelves["other"] = MediaKind.MOVIE
    rig.server.add(replace(movie("o1"), library_id="other"))
    assert await glance(rig) is False
    assert await glance(rig)
    assert listed(rig) == []
    assert rig.hinted == set()
    rig.server.states["m3"] = seen(last=at(9))
    await glance(rig)
    assert rig.hinted == {"m3"}


@virtual
async def test_a_server_without_a_common_listing_counts_its_libraries_in_turn() -> None:
    class Old(ModelServer):
        @override
        async def count_unwatched(
            self, library: Library | None, kind: MediaKind
        ) -> int:
            if library is None:
                raise Unsupported("not here")
            return await super().count_unwatched(library, kind)

    rig = Rig(Old.plex)
    rig.server.shelves["more"] = MediaKind.MOVIE
    rig.stock()
    rig.server.states["m3"] = seen(last=at(1))
    await rig.first()
    await asyncio.sleep(LONG)
    await glance(rig)
    rig.server.requests.clear()
    for _ in range(3):
        assert await glance(rig)
    asked = [one.library_id for one in rig.server.requests]
    assert Counter(asked) == {"films": 2, "more": 2, "shows": 2}
    rig.server.states["m3"] = unseen()
    for _ in range(2):
        await glance(rig)
    assert rig.hinted == {"m3"}
    # One that goes is no reason to list anything.
    rig.server.requests.clear()
    del rig.server.shelves["more"]
    for _ in range(4):
        await glance(rig)
    assert listed(rig) == []
    assert rig.reports == []


@virtual
async def test_a_library_that_went_is_not_listed() -> None:
    rig = await a_plex()
    del rig.server.shelves["films"]
    for _ in range(3):
        await glance(rig)
    assert listed(rig) == []
    assert await glance(rig)
    assert rig.reports == []


@virtual
async def test_a_library_that_goes_while_it_is_listed_again_is_passed_over() -> None:
    rig = await a_plex()
    rig.server.states["m3"] = seen(last=at(1))
    rig.server.on(Ask.INVENTORY, GONE)
    await glance(rig)
    assert rig.reports == []
    assert len(listed(rig)) == 1


@virtual
async def test_counts_wait_for_a_catalogue_that_fails() -> None:
    rig = await a_plex()
    rig.catalogue.fail = True
    assert await rig.inventory.agree() is None
    rig.catalogue.fail = False
    await asyncio.sleep(5)
    assert await rig.inventory.agree()


# --- what the lane reads ---------------------------------------------------------


@virtual
async def test_what_is_read_is_written_through_with_what_was_known() -> None:
    rig = Rig()
    rig.stock()
    await rig.first()
    leaf = rig.server.reading("s1.1.1")
    bare = replace(
        leaf.item, show_provider_ids=ProviderIds(), library_id=None, title="Anew"
    )
    rig.lane.remember([Reading(bare, seen(last=at(1)))])
    assert await rig.state("s1.1.1") == unseen()
    await asyncio.sleep(GATHER + 0.1)
    known = await rig.known("s1.1.1")
    assert known is not None
    assert known.state == seen(last=at(1))
    assert (known.item.title, known.item.library_id) == ("Anew", "shows")
    assert known.item.show_provider_ids == leaf.item.show_provider_ids
    # An unknown state replaces no known one, though the ledger may not have it.
    rig.ledger.forget("s1.1.1")
    rig.lane.remember([Reading(bare, UNKNOWN)])
    await asyncio.sleep(GATHER + 0.1)
    assert await rig.state("s1.1.1") == seen(last=at(1))


@virtual
async def test_what_was_read_before_a_listing_is_not_written_over_it() -> None:
    """It waits a few seconds to be written, and more may be known by then."""
    rig = Rig()
    rig.stock()
    await rig.first()
    for item_id in ("m3", "m4"):
        rig.server.states[item_id] = seen(last=at(1))
        rig.lane.remember([rig.server.reading(item_id)])
    rig.server.items["m3"] = replace(rig.server.items["m3"], title="Another title")
    rig.server.hidden = {"m4"}
    rig.inventory.read_again()
    await asyncio.sleep(2 * GATHER)
    known = await rig.known("m3")
    assert known is not None
    assert (known.item.title, known.state) == ("Another title", seen(last=at(1)))
    assert await rig.known("m4") is None


@virtual
async def test_many_readings_are_written_without_waiting_for_more() -> None:
    rig = Rig()
    rig.stock(films=300)
    await rig.first()
    for number in range(300):
        rig.server.states[f"m{number}"] = seen(last=at(1))
    rig.lane.remember(rig.server.reading(f"m{number}") for number in range(300))
    await settle()
    assert await rig.state("m299") == seen(last=at(1))


@virtual
async def test_a_show_keeps_the_counts_that_its_episodes_were_read_with() -> None:
    rig = Rig()
    rig.stock()
    await rig.first()
    rig.server.states["s1.1.1"] = seen(last=at(1))
    rig.lane.remember([rig.server.reading("s1")])
    await asyncio.sleep(GATHER + 0.1)
    known = await rig.known("s1")
    assert known is not None
    assert known.watched_leaf_count == 0
    await rig.round()
    assert rig.server.count(Ask.LEAVES) == 1
    # One that nobody has listed is read as well.
    rig.server.add_show(show("new"), {1: 2})
    rig.lane.remember([rig.server.reading("new")])
    await rig.round()
    assert ("new",) in [one.item_ids for one in rig.server.requests]


@virtual
async def test_the_counts_of_a_plex_show_are_those_read_last() -> None:
    rig = Rig(ModelServer.plex)
    rig.stock()
    await rig.first()
    rig.server.states["s1.1.1"] = seen(last=at(1))
    rig.lane.remember([rig.server.reading("s1")])
    await asyncio.sleep(GATHER + 0.1)
    known = await rig.known("s1")
    assert known is not None
    assert known.watched_leaf_count == 1
    # What has the id of another work by now is known as that.
    rig.lane.remember(
        [replace(rig.server.reading("m1"), item=replace(movie("x"), item_id="m1"))]
    )
    await asyncio.sleep(GATHER + 0.1)
    known = await rig.known("m1")
    assert known is not None
    assert known.item.provider_ids == movie("x").provider_ids


@virtual
async def test_what_is_under_way_is_written_at_the_end() -> None:
    rig = Rig()
    rig.stock()
    await rig.first()
    rig.server.states["m1"] = seen(last=at(1))
    rig.lane.remember([rig.server.reading("m1")])
    await rig.die()
    await rig.inventory.flush()
    assert await rig.state("m1") == seen(last=at(1))
    rig.inventory._keeper.hear(LaneUpdate(readings=(rig.server.reading("m2"),)))
    rig.catalogue.fail = True
    await rig.inventory.flush()


# --- a catalogue that fails ---------------------------------------------------------


@virtual
async def test_a_catalogue_that_fails_costs_nothing_but_itself(
    caplog: pytest.LogCaptureFixture,
) -> None:
    rig = Rig()
    rig.stock()
    rig.catalogue.fail = True
    with caplog.at_level(logging.WARNING):
        for number in range(10):
            rig.server.states[f"m{number}"] = seen(last=at(number))
            rig.lane.remember([rig.server.reading(f"m{number}")])
            await rig.lane.know([rig.server.reading("m20")])
            await asyncio.sleep(60)
        assert len(rig.ledger) == 10
        found = await rig.inventory.find(
            MediaKind.MOVIE, movie("m1").provider_ids, "Film m1"
        )
        assert [one.item.item_id for one in found] == ["m1"]
        await asyncio.sleep(HOUR)
    assert len(caplog.records) == 1
    rig.catalogue.fail = False
    await asyncio.sleep(FAILED_REST + 1)
    # What was read meanwhile was not lost.
    assert await rig.state("m9") == seen(last=at(9))
    await rig.finished()
    assert await agrees(rig)


@virtual
async def test_a_catalogue_that_fails_later_is_passed_over_by_whoever_looks() -> None:
    rig = Rig()
    rig.stock()
    heard: list[Stage] = []
    remove = rig.inventory.add_listener(
        lambda: heard.append(rig.inventory.status.stage)
    )
    await rig.first()
    assert heard[0] is Stage.WAITING
    assert {Stage.RUNNING, Stage.COMPLETE} <= set(heard)
    remove()
    rig.catalogue.fail = True
    found = await rig.inventory.find(MediaKind.MOVIE, movie("m1").provider_ids, "m1")
    assert [one.item.item_id for one in found] == ["m1"]


@virtual
async def test_no_more_waits_for_a_catalogue_than_there_is_room_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("custom_components.watched_sync.core.keeping.MOST_WAITING", 10)
    rig = Rig()
    rig.stock()
    rig.catalogue.fail = True
    await settle()
    rig.lane.remember(rig.server.reading(f"m{number}") for number in range(20))
    assert len(rig.inventory._keeper._news) == 10


@virtual
async def test_a_reading_that_cannot_be_kept_ends_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    rig = Rig()
    rig.stock()
    await rig.first()
    faults = [RuntimeError("a bug")]
    real = rig.catalogue.keep

    async def broken(*args: Any) -> None:
        if faults:
            raise faults.pop()
        await real(*args)

    monkeypatch.setattr(rig.catalogue, "keep", broken)
    rig.server.states["m1"] = rig.server.states["m2"] = seen(last=at(1))
    rig.lane.remember([rig.server.reading("m1")])
    await asyncio.sleep(GATHER + 1)
    assert "cannot be kept" in caplog.text
    rig.lane.remember([rig.server.reading("m2")])
    await asyncio.sleep(GATHER + 1)
    assert await rig.state("m2") == seen(last=at(1))


@virtual
async def test_a_catalogue_that_is_thrown_away_is_filled_again() -> None:
    rig = Rig()
    rig.stock(films=40)
    rig.server.page = 10
    await rig.asked(Ask.INVENTORY, 3)
    await rig.catalogue.drop(rig.server.items)
    rig.catalogue._progress = Progress()
    await rig.finished()
    assert await agrees(rig)


@virtual
async def test_no_more_displaced_works_are_remembered_than_there_is_room_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("custom_components.watched_sync.core.keeping.MOST_DISPLACED", 5)
    rig = Rig()
    rig.stock()
    await rig.first()
    rig.server.renumber({f"m{n}": f"m{(n + 1) % 30}" for n in range(30)})
    await rig.round()
    assert len(rig.inventory._keeper._displaced) == 5


# --- finding ------------------------------------------------------------------------

NOBODYS = ProviderIds(imdb="tt7654321")


async def find(rig: Rig, kind: MediaKind, ids: ProviderIds) -> list[str]:
    found = await rig.inventory.find(kind, ids, "A title in another language")
    return [one.item.item_id for one in found]


@virtual
async def test_what_bears_another_title_is_found_once_the_library_was_read() -> None:
    rig = Rig()
    film, parent = movie("m1"), show("s")
    rig.server.add(film, movie("m2"))
    leaves = rig.server.add_show(parent, {1: 2})
    leaf = replace(leaves[1], provider_ids=ProviderIds(imdb="tt0000099"))
    rig.server.add(leaf)
    rig.server.foreign = {"m1", "s", leaf.item_id}
    wanted = (
        (MediaKind.MOVIE, film.provider_ids, "m1"),
        (MediaKind.SHOW, parent.provider_ids, "s"),
        (MediaKind.EPISODE, leaf.provider_ids, leaf.item_id),
    )
    for kind, ids, _ in wanted:
        with pytest.raises(StillLooking):
            await find(rig, kind, ids)
    await rig.finished()
    await asyncio.sleep(CALM)
    for kind, ids, item_id in wanted:
        rig.server.requests.clear()
        assert await find(rig, kind, ids) == [item_id]
        # It is not searched for: what is known is read as it is now.
        assert [one.ask for one in rig.server.requests] == [Ask.FETCH]
    for kind, _, _ in wanted:
        assert await find(rig, kind, ProviderIds(imdb="tt0000404")) == []
    # One that went is not found.
    rig.server.hidden.add("m1")
    assert await find(rig, MediaKind.MOVIE, film.provider_ids) == []


@virtual
async def test_what_was_listed_long_ago_does_not_say_what_is_not_there() -> None:
    rig = Rig()
    rig.stock()
    await rig.first()
    await asyncio.sleep(LIFETIME + 1)
    with pytest.raises(StillLooking):
        await find(rig, MediaKind.MOVIE, NOBODYS)
    await asyncio.sleep(60)
    assert await find(rig, MediaKind.MOVIE, NOBODYS) == []
    # But what is known is known.
    await asyncio.sleep(LIFETIME + 1)
    assert await find(rig, MediaKind.MOVIE, movie("m1").provider_ids) == ["m1"]


@virtual
async def test_what_bears_the_title_needs_no_listing() -> None:
    rig = Rig()
    rig.server.add(movie("m1"))
    ids = movie("m1").provider_ids
    found = await rig.inventory.find(MediaKind.MOVIE, ids, "Film m1")
    assert [one.item.item_id for one in found] == ["m1"]
    assert await rig.inventory.find(MediaKind.MOVIE, ProviderIds()) == []
    assert rig.server.count(Ask.INVENTORY) == 0


@virtual
async def test_what_was_listed_in_part_may_be_found_in_it() -> None:
    rig = Rig()
    rig.stock(films=40)
    rig.server.page = 10
    rig.server.foreign = {"m1"}
    rig.server.on(Ask.INVENTORY, None, Trouble(Kind.LATE, seconds=75.0))
    await asyncio.sleep(CALM + 10)
    assert await find(rig, MediaKind.MOVIE, movie("m1").provider_ids) == ["m1"]


@virtual
async def test_what_finds_ids_by_itself_is_asked_for_what_is_not_known() -> None:
    rig = Rig(ModelServer.plex)
    rig.server.add(movie("m1"))
    ids = movie("m1").provider_ids
    assert await find(rig, MediaKind.MOVIE, ids) == ["m1"]
    assert await find(rig, MediaKind.MOVIE, NOBODYS) == []
    assert rig.server.count(Ask.FIND) == 2


@virtual
async def test_whoever_asks_is_answered_as_soon_as_the_libraries_are_read() -> None:
    rig = Rig()
    rig.stock()
    assert await rig.inventory.find_now(MediaKind.MOVIE, NOBODYS) == []
    assert rig.clock.monotonic() < FIND_PATIENCE


@virtual
async def test_whoever_asks_a_slow_server_waits_a_few_seconds_only() -> None:
    rig = Rig()
    rig.stock()
    rig.server.on(Ask.INVENTORY, *[Trouble(Kind.LATE, seconds=75.0)] * 30)
    with pytest.raises(StillLooking):
        await rig.inventory.find_now(MediaKind.MOVIE, NOBODYS)
    assert rig.clock.monotonic() < FIND_PATIENCE + 1
    # Asking again and again makes it no busier.
    for _ in range(20):
        with pytest.raises(StillLooking):
            await rig.inventory.find_now(MediaKind.SHOW, NOBODYS)
    assert rig.server.count(Ask.INVENTORY) == 1


@virtual
async def test_whoever_asks_does_not_wait_for_the_next_round() -> None:
    rig = Rig()
    rig.stock()
    await rig.first()
    await asyncio.sleep(DAY / 2)
    before = rig.clock.monotonic()
    # What was read hours ago does not say what is there now.
    assert await rig.inventory.find_now(MediaKind.MOVIE, NOBODYS) == []
    assert rig.clock.monotonic() - before < FIND_PATIENCE


@virtual
async def test_whoever_asks_does_not_make_a_failing_server_any_busier() -> None:
    rig = Rig()
    rig.stock()
    rig.server.trouble = lambda request: ERROR if request.ask is Ask.INVENTORY else None
    with pytest.raises(StillLooking):
        await rig.inventory.find_now(MediaKind.MOVIE, NOBODYS)
    assert rig.server.count(Ask.INVENTORY) == 1


@both_kinds
def test_what_goes_after_a_restart_is_noticed_however_much_was_listed_before(
    make: Any,
) -> None:
    """Listings are numbered, and rows bear the number of the last that showed them."""

    @virtual
    async def world() -> None:
        rig = Rig(make)
        rig.stock()
        await rig.first()
        for number in range(3):
            rig.server.states[f"m{number}"] = seen()
            await rig.round()
        await rig.again()
        del rig.server.items["m9"], rig.server.states["m9"]
        await rig.round()
        assert await rig.known("m9") is None
        assert await rig.known("m8") is not None

    world()


@virtual
async def test_what_goes_after_a_restart_is_noticed_whatever_counts_had_listed() -> (
    None
):
    """Of shows that are listed for their counts the numbers go on as well."""
    rig = await a_plex()
    for number in range(1, 4):
        rig.server.states[f"s1.1.{number}"] = seen(last=at(number))
        assert await glance(rig) is False
    await rig.again()
    for item_id in [one for one in rig.server.items if one.split(".")[0] == "s2"]:
        del rig.server.items[item_id]
        rig.server.states.pop(item_id, None)
    await rig.round()
    assert await rig.known("s2") is None
    assert await rig.known("s3") is not None


@virtual
async def test_last_plays_of_the_first_inventory_are_shown_as_they_are_by_now() -> None:
    """What a listing has shown may be hours old when the last one ends."""
    rig = Rig()
    rig.stock()
    rig.server.states["m3"] = rig.server.states["m4"] = seen(last=at(-60))
    await rig.asked(Ask.INVENTORY, 2)
    rig.server.states["m3"] = unseen()
    rig.lane.remember([rig.server.reading("m3")])
    await rig.finished()
    await asyncio.sleep(2 * GATHER)
    assert await rig.state("m3") == unseen()
    assert rig.ledger.base("m3") == unseen()
    assert rig.ledger.base("m4") == seen(last=at(-60))


@virtual
async def test_last_plays_of_the_first_inventory_are_called_as_they_were_listed() -> (
    None
):
    """What the lane has read of them may be of an earlier life."""
    rig = Rig()
    rig.stock()
    rig.server.states["m3"] = seen(last=at(-60))
    rig.ledger.remember([rig.server.reading("m3")])
    rig.server.items["m3"] = replace(rig.server.items["m3"], title="Another title")
    await rig.finished()
    await asyncio.sleep(2 * GATHER)
    known = await rig.known("m3")
    assert known is not None
    assert known.item.title == "Another title"


@virtual
async def test_last_plays_of_the_first_inventory_are_not_kept_once_they_are_gone() -> (
    None
):
    """What they were listed as is shown, and nothing that was read."""
    rig = Rig()
    rig.stock()
    rig.server.states["m3"] = rig.server.states["m4"] = seen(last=at(-60))
    await rig.asked(Ask.INVENTORY, 2)
    del rig.server.items["m3"], rig.server.states["m3"]
    rig.inventory.read_again()
    await rig.finished()
    await asyncio.sleep(2 * GATHER)
    assert await rig.known("m3") is None
    assert await rig.known("m4") is not None


# --- through a real observer ------------------------------------------------------


class Watched(Rig):
    """A lane that is observed, and whose moves are told and copied."""

    def __init__(self, make: Callable[[VirtualClock], ModelServer]) -> None:
        self.moves = Moves(since=EPOCH)
        self.told: list[tuple[ActivityKind, str]] = []
        super().__init__(make)

    @override
    def assemble(self) -> None:
        super().assemble()
        self.observer = Observer(
            self.lane,
            self.server,
            self,
            label="Model",
            report=self.reports.append,
            clock=self.clock,
            rng=_Middle(),
            missed=self.inventory.look_again,
            counts=self.inventory,
        )
        chronicle = Chronicle(self.outbox, self.ledger)

        def hear(update: LaneUpdate) -> None:
            self.told += [
                (one.what, one.item.item_id)
                for one in chronicle.tell(update)
                if one.item is not None
            ]

        self.lane.add_listener(hear)
        self.ledger.on_move = self._note
        self.tasks.append(asyncio.create_task(self.observer.run()))
        self.tasks.append(asyncio.create_task(self.observer.open()))

    def _note(self, known: Reading | None, reading: Reading) -> None:
        self.moves.note(
            None if known is None else known.state,
            reading,
            ["target"],
            cause=None,
            now=self.clock.now(),
            clock_offset=None,
        )

    @override
    def hint(self, change: Changed) -> None:
        super().hint(change)
        self.observer.hint(change)

    async def catch_up(self) -> None:
        await self._read({one.item.item_id for one in self.ledger})

    async def look(self, item_ids: frozenset[str]) -> None:
        """Take over what was dealt with or played, and tell of the rest."""
        found = await self.server.fetch(item_ids)
        await self.lane.know(found.values())
        ours = {
            item_id: one
            for item_id, one in found.items()
            if self.ledger.reading(item_id) or not one.state.is_untouched
        }
        self.lane.remember(ours.values())
        others = [one for item_id, one in found.items() if item_id not in ours]
        self.lane.note_library(others, item_ids - found.keys())

    async def glance(self) -> None:
        """See nothing: all has to be found by others."""

    async def _read(self, item_ids: Collection[str]) -> None:
        if item_ids:
            found = await self.server.fetch(item_ids)
            await self.lane.know(found.values())
            self.lane.remember(found.values())


class _Middle:
    def uniform(self, a: float, b: float) -> float:
        return (a + b) / 2


def played(state: PlayState | None = None) -> PlayState:
    """Return what is played after copying began."""
    return state or seen(last=EPOCH + timedelta(hours=1))


@both_kinds
def test_a_play_of_what_nobody_dealt_with_is_told_and_copied_once(make: Any) -> None:
    """It happened while nobody listened."""

    @virtual
    async def world() -> None:
        rig = Watched(make)
        rig.stock()
        rig.server.states["m9"] = seen(last=at(-1000))
        await rig.first()
        await asyncio.sleep(LONG)
        await rig.die()
        for item_id in ("m3", "m4", "s1.1.2"):
            rig.server.states[item_id] = played()
        rig.server.states["m9"] = unseen()
        rig.assemble()
        rig.told.clear()
        await asyncio.sleep(LONG)
        expected = {
            (ActivityKind.WATCHED, "m3"),
            (ActivityKind.WATCHED, "m4"),
            (ActivityKind.WATCHED, "s1.1.2"),
            (ActivityKind.UNWATCHED, "m9"),
        }
        assert set(rig.told) == expected
        ids = {item_id for _, item_id in expected}
        assert {one.item.item_id for one in rig.moves} == ids
        await asyncio.sleep(2 * DAY)
        await rig.again()
        await asyncio.sleep(2 * DAY)
        assert len(rig.told) == 4
        assert await agrees(rig)

    world()


@pytest.mark.parametrize("skew", [timedelta(), timedelta(hours=-2)])
@both_kinds
def test_a_play_of_before_the_first_inventory_is_copied_if_nobody_has_listened(
    make: Any, skew: timedelta
) -> None:
    """Copying had begun already; whoever looks at it first copies it."""

    @virtual
    async def world() -> None:
        rig = Watched(make)
        rig.inventory._played_until = EPOCH
        rig.stock()
        rig.server.skew = skew
        rig.server.states["m1"] = seen(last=at(-10_000))
        await asyncio.sleep(CALM / 2)
        rig.server.played_elsewhere("m3")
        rig.server.played_elsewhere("s1.1.2")
        await rig.finished()
        await asyncio.sleep(60)
        assert rig.hinted == {"m3", "s1.1.2"}
        if not skew:  # else whoever notes moves has to know of it
            assert {one.item.item_id for one in rig.moves} == rig.hinted
        assert await agrees(rig)

    world()


@both_kinds
def test_nothing_of_the_first_inventory_is_told_or_copied(make: Any) -> None:
    @virtual
    async def world() -> None:
        rig = Watched(make)
        rig.stock()
        for number in range(20):
            rig.server.states[f"m{number}"] = played()
        await rig.finished()
        await asyncio.sleep(DAY)
        assert rig.told == []
        assert len(rig.moves) == 0
        # Nor when one of them is looked at for another reason.
        rig.observer.hint(Changed(frozenset({"m3"})))
        await asyncio.sleep(HOUR)
        assert rig.told == []
        assert len(rig.moves) == 0

    world()


@virtual
async def test_what_is_told_of_what_nobody_dealt_with_is_read_if_it_differs() -> None:
    """As a Jellyfin tells over its socket; an un-mark is told as never played."""
    rig = Watched(ModelServer.jellyfin)
    rig.stock()
    rig.server.states["m3"] = rig.server.states["m4"] = seen(last=at(-10))
    await rig.first()
    await asyncio.sleep(LONG)
    rig.server.requests.clear()
    rig.server.states["m3"] = unseen()
    for item_id in ("m3", "m4", "m5"):
        state = rig.server.states[item_id]
        told = {item_id: Told(state)}
        rig.observer.hint(Changed(frozenset({item_id}), told=told))
    await asyncio.sleep(5)
    assert rig.told == [(ActivityKind.UNWATCHED, "m3")]
    assert [one.item_ids for one in rig.server.requests] == [("m3",)]


@virtual
async def test_what_is_changed_by_hand_on_a_plex_is_told_within_35_seconds() -> None:
    """In libraries that take ten pages each; nobody looks at what was played last."""
    rig = Watched(ModelServer.plex)
    rig.server.page = 10
    rig.server.latency = 0.1
    rig.server.shelves["more"] = MediaKind.MOVIE
    rig.server.add(
        *(movie(f"m{number}") for number in range(100)),
        *(replace(movie(f"n{number}"), library_id="more") for number in range(100)),
    )
    for number in range(10):
        rig.server.add_show(show(f"s{number}"), {1: 10})
    marked = ["m99", "n99", "s9.1.10"]
    for item_id in marked:
        rig.server.states[item_id] = seen(last=at(-10))
    await rig.first()
    await asyncio.sleep(ROUND_REST)
    rig.told.clear()
    rig.server.requests.clear()
    expected: list[tuple[ActivityKind, str]] = []
    for item_id in marked:
        for state in (unseen(), seen(last=rig.clock.now()), unseen()):
            rig.server.states[item_id] = state
            await asyncio.sleep(35)
            what = ActivityKind.WATCHED if state.watched else ActivityKind.UNWATCHED
            expected.append((what, item_id))
            assert rig.told == expected
    await asyncio.sleep(2 * GATHER)
    assert await agrees(rig)


def move(rig: Rig, item_id: str) -> None:
    """Have the lane see that somebody else has changed something."""
    rig.lane.remember([Reading(rig.server.items[item_id], unseen())])
    rig.server.states[item_id] = seen(last=rig.clock.now())
    rig.lane.remember([rig.server.reading(item_id)])


@pytest.mark.long
@virtual
async def test_an_un_mark_among_thirty_thousand_is_told_within_35_seconds() -> None:
    """On a server that takes a quarter of a second for each request."""
    rig = Looking(ModelServer.plex)
    rig.server.shelves["more"] = MediaKind.MOVIE
    films = [movie(f"m{number}") for number in range(10_000)]
    more = [movie(f"n{number}") for number in range(10_000)]
    rig.server.add(*films, *(replace(one, library_id="more") for one in more))
    for number in range(400):
        rig.server.add_show(show(f"s{number}"), {1: 25})
    marked = {
        (item_id, rest): seen(last=at(-10))
        for item_id, rest in zip(
            ("m9999", "n9999", "s399.1.25", "m0", "s0.1.1"),
            (0.0, 6.0, 13.0, 20.0, 27.0),
            strict=True,
        )
    }
    rig.server.states |= {item_id: state for (item_id, _), state in marked.items()}
    rig.server.latency = 0.25
    await rig.first()
    await asyncio.sleep(2 * ROUND_REST)
    for item_id, rest in marked:
        await asyncio.sleep(60 + rest)
        rig.told.clear()
        rig.server.states[item_id] = unseen()
        await asyncio.sleep(35)
        assert rig.told == [(ActivityKind.UNWATCHED, item_id)]


class Looking(Watched):
    """A lane whose glances see what was played last, and read what is shown."""

    #: Requests that it takes to see what was played last.
    lists = 2

    @override
    async def glance(self) -> None:
        for _ in range(self.lists):
            found = await self.server.last_played(5_000)
        shown = await self.server.fetch({"m1", "m2"})
        found = [*found, *shown.values()]
        await self.lane.know(found)
        self.lane.remember(found)


@virtual
async def test_a_mark_and_an_un_mark_at_once_are_both_told() -> None:
    """They leave the count as it was."""
    rig = Looking(ModelServer.plex)
    rig.stock()
    rig.server.states["m3"] = seen(last=at(-10))
    await rig.first()
    await asyncio.sleep(ROUND_REST)
    rig.told.clear()
    rig.server.states["m3"] = unseen()
    rig.server.states["m4"] = seen(last=rig.clock.now())
    await asyncio.sleep((LOOK_EVERY + 1) * GLANCE)
    assert rig.told == [(ActivityKind.WATCHED, "m4"), (ActivityKind.UNWATCHED, "m3")]
    assert rig.server.count(Ask.INVENTORY) <= 3


@pytest.mark.parametrize("lists", [2, 3])
def test_an_idle_plex_is_asked_seldom_and_ever_less(lists: int) -> None:
    """Where three libraries are allowed, it takes three to see what was played."""

    @virtual
    async def world() -> None:
        rig = Looking(ModelServer.plex)
        rig.lists = lists
        rig.server.shelves["more"] = MediaKind.MOVIE
        rig.stock()
        await rig.first()
        await asyncio.sleep(LONG)
        move(rig, "m1")
        await asyncio.sleep(60)
        rig.server.requests.clear()
        await asyncio.sleep(600)
        assert 4 <= rig.server.count() / 10 <= 6
        await asyncio.sleep(QUIET)
        rig.server.requests.clear()
        await asyncio.sleep(HOUR)
        assert 1 <= rig.server.count() / 60 <= 2
        # A hint that somebody is about is enough.
        rig.observer.hint(Changed(frozenset({"m5"})))
        await asyncio.sleep(1)
        rig.server.requests.clear()
        await asyncio.sleep(600)
        assert 4 <= rig.server.count() / 10 <= 6

    world()


@virtual
async def test_what_is_changed_while_nobody_is_about_is_told_later_on() -> None:
    rig = Looking(ModelServer.plex)
    rig.stock()
    rig.server.states["m3"] = seen(last=at(-10))
    await rig.first()
    await asyncio.sleep(LONG + QUIET)
    rig.told.clear()
    rig.server.states["m3"] = unseen()
    await asyncio.sleep(QUIET_GLANCE + 5)
    assert rig.told == [(ActivityKind.UNWATCHED, "m3")]


@pytest.mark.parametrize("size", [2, pytest.param(20, marks=pytest.mark.long)])
@both_kinds
def test_two_thousand_changes_of_a_day_off_are_each_told_once(
    make: Any, size: int
) -> None:
    """Nothing is asked one by one, and nothing is told that did not change.

    On a Plex there are as many un-marks as marks, which the counts do not show.
    """

    @virtual
    async def world() -> None:
        rig = Looking(make)
        rig.stock(films=60 * size, shows=3 * size, episodes=25)
        films = [f"m{number}" for number in range(50 * size)]
        shows = range(2 * size)
        leaves = [f"s{number}.1.{one}" for number in shows for one in range(1, 26)]
        un_marked = set(films[::2]) | set(leaves[::2])
        for item_id in un_marked:
            rig.server.states[item_id] = seen(last=at(-10))
        await rig.first()
        await asyncio.sleep(LONG)
        await rig.die()
        for item_id in (*films, *leaves):
            is_marked = item_id not in un_marked
            rig.server.states[item_id] = played() if is_marked else unseen()
        await asyncio.sleep(DAY / 2)
        rig.assemble()
        rig.told.clear()
        rig.server.requests.clear()
        await asyncio.sleep(HOUR)
        told = Counter(rig.told)
        assert told.total() == len(told) == 100 * size
        assert {
            item_id for what, item_id in told if what is ActivityKind.UNWATCHED
        } == un_marked
        assert rig.listings() + rig.server.count(Ask.FETCH) < 150
        assert await agrees(rig)
        await rig.again()
        await asyncio.sleep(DAY + HOUR)
        assert len(rig.told) == 100 * size

    world()


# --- what comes and goes -----------------------------------------------------------


async def a_watched(
    make: Callable[[VirtualClock], ModelServer], *watched: str
) -> Watched:
    """Return a lane of whose server everything is known, long after a start."""
    rig = Watched(make)
    rig.stock()
    for item_id in watched:
        rig.server.states[item_id] = seen(last=at(-10))
    await rig.first()
    await asyncio.sleep(LONG)
    rig.told.clear()
    rig.server.requests.clear()
    return rig


async def hear_of(rig: Watched, *item_ids: str, rest: float = 10.0) -> None:
    """Hint that something is about these items, and wait."""
    rig.observer.hint(Changed(frozenset(item_ids)))
    await asyncio.sleep(rest)


@both_kinds
def test_what_is_added_is_known_at_once(make: Any) -> None:
    @virtual
    async def world() -> None:
        rig = await a_watched(make)
        rig.server.add(movie("new"))
        rig.server.add_show(show("news"), {1: 2})
        await hear_of(rig, "new", "news", "news.1", "news.1.1", "news.1.2")
        assert await agrees(rig)
        assert await rig.state("new") == unseen()
        leaf = await rig.known("news.1.1")
        assert leaf is not None
        assert leaf.item.show_provider_ids == show("news").provider_ids
        assert rig.told == []
        assert rig.server.count(Ask.FETCH) == 1
        assert rig.listings() == 0
        # From then on it is an item as any other.
        rig.server.states["new"] = seen(last=rig.clock.now())
        await hear_of(rig, "new")
        assert rig.told == [(ActivityKind.WATCHED, "new")]

    world()


@both_kinds
def test_another_file_of_a_known_work_tells_nothing(make: Any) -> None:
    @virtual
    async def world() -> None:
        rig = await a_watched(make, "m3", "s1.1.2")
        for item_id in ("m3", "s1.1.2"):
            item = replace(rig.server.items[item_id], item_id=f"{item_id}-4k")
            if item.kind is MediaKind.EPISODE:
                item = replace(item, provider_ids=ProviderIds())
            rig.server.add(item)
            rig.server.states[item.item_id] = seen(last=at(-10))
            rig.server.hidden.add(item_id)
        await hear_of(rig, "m3", "m3-4k", "s1.1.2", "s1.1.2-4k")
        assert rig.told == []
        assert len(rig.moves) == 0
        assert await rig.state("m3-4k") == seen(last=at(-10))
        # What was replaced is forgotten, after a while.
        assert await rig.known("m3") is not None
        await asyncio.sleep(GONE_REST + 60)
        assert await rig.known("m3") is None
        assert await rig.known("s1.1.2") is None
        assert rig.told == []
        rig.server.states["m3-4k"] = unseen()
        await hear_of(rig, "m3-4k")
        assert rig.told == [(ActivityKind.UNWATCHED, "m3-4k")]

    world()


@virtual
async def test_what_is_removed_is_asked_for_once_more_and_forgotten() -> None:
    rig = await a_watched(ModelServer.jellyfin)
    rig.server.hidden |= {"m3", "m4"}
    await hear_of(rig, "m3", "a folder", rest=GONE_REST / 2)
    await hear_of(rig, "m4")
    rig.server.requests.clear()
    await asyncio.sleep(GONE_REST / 2)
    assert await rig.known("m3") is None
    # The other one has its own time, and may be back by then.
    assert await rig.known("m4") is not None
    assert [set(one.item_ids) for one in rig.server.requests] == [{"m3"}]
    rig.server.hidden.clear()
    await asyncio.sleep(GONE_REST)
    assert await rig.known("m4") is not None
    assert rig.listings() == 0


@virtual
async def test_what_is_seen_again_is_not_gone() -> None:
    rig = await a_watched(ModelServer.jellyfin)
    rig.server.hidden.add("m3")
    await hear_of(rig, "m3")
    rig.server.hidden.clear()
    await hear_of(rig, "m3")
    rig.server.requests.clear()
    await asyncio.sleep(2 * GONE_REST)
    assert rig.server.count(Ask.FETCH) == 0


@virtual
async def test_of_a_show_that_is_removed_the_episodes_are_gone_as_well() -> None:
    rig = await a_watched(ModelServer.jellyfin)
    rig.server.hidden |= {one for one in rig.server.items if one.startswith("s1")}
    await hear_of(rig, "s1")
    await asyncio.sleep(GONE_REST + 60)
    assert await rig.known("s1") is None
    assert await rig.known("s1.1.2") is None
    assert await rig.known("s2.1.2") is not None


@virtual
async def test_many_that_are_removed_at_once_are_not_believed() -> None:
    rig = await a_watched(ModelServer.jellyfin)
    lost = [f"m{number}" for number in range(20)]
    rig.server.hidden |= set(lost)
    await hear_of(rig, *lost)
    await asyncio.sleep(GONE_REST + 60)
    assert len(await rig.catalogue.readings(lost)) == len(lost)


@virtual
async def test_an_outage_puts_off_what_is_to_be_forgotten() -> None:
    rig = await a_watched(ModelServer.jellyfin)
    rig.server.hidden.add("m3")
    await hear_of(rig, "m3")
    rig.server.on(Ask.FETCH, HTML)
    await asyncio.sleep(GONE_REST + 60)
    assert await rig.known("m3") is not None
    await asyncio.sleep(HOUR)
    assert await rig.known("m3") is None


@virtual
async def test_an_item_of_no_known_library_is_forgotten_as_others_are() -> None:
    rig = await a_watched(ModelServer.jellyfin)
    stray = replace(movie("stray"), library_id=None)
    await rig.catalogue.keep([Reading(stray, unseen())])
    await hear_of(rig, "stray")
    await asyncio.sleep(GONE_REST + 60)
    assert await rig.known("stray") is None


# --- libraries that come and go ----------------------------------------------------


@both_kinds
def test_a_library_that_is_hidden_and_shown_again_is_no_news(make: Any) -> None:
    @virtual
    async def world() -> None:
        rig = await a_watched(make, "m3")
        films = rig.server.shelves.pop("films")
        await asyncio.sleep(DAY)
        assert rig.inventory.unseen == {"films"}
        assert await rig.state("m3") == seen(last=at(-10))
        # The next life knows it before anything is asked.
        await rig.again()
        await asyncio.sleep(0.1)
        assert rig.inventory.unseen == {"films"}
        rig.server.shelves["films"] = films
        rig.server.states["m4"] = played()
        await asyncio.sleep(DAY)
        assert rig.inventory.unseen == frozenset()
        assert rig.told == [(ActivityKind.WATCHED, "m4")]
        await asyncio.sleep(2 * DAY)
        assert await rig.state("m3") == seen(last=at(-10))
        assert rig.told == [(ActivityKind.WATCHED, "m4")]

    world()


@both_kinds
def test_a_library_that_two_daily_rounds_do_not_see_is_forgotten(make: Any) -> None:
    @virtual
    async def world() -> None:
        rig = await a_watched(make)
        del rig.server.shelves["films"]
        await asyncio.sleep(DAY + HOUR)
        assert await rig.known("m3") is not None
        await asyncio.sleep(DAY + HOUR)
        assert await rig.known("m3") is None
        assert await rig.known("s1.1.1") is not None
        assert rig.inventory.unseen == frozenset()
        assert await rig.catalogue.libraries() == {"shows"}
        assert (await rig.catalogue.progress()).vanished == frozenset()

    world()


@virtual
async def test_a_library_that_comes_back_while_all_is_read_is_not_forgotten() -> None:
    rig = await a_watched(ModelServer.plex)
    films = rig.server.shelves.pop("films")
    rig.server.requests.clear()
    rig.inventory.read_again()
    while not rig.server.count(Ask.INVENTORY):  # noqa: ASYNC110 - time is virtual
        await asyncio.sleep(0.01)
    rig.server.shelves["films"] = films
    rig.server.states["m4"] = played()
    await asyncio.sleep(DAY)
    assert rig.inventory.unseen == frozenset()
    assert rig.told == [(ActivityKind.WATCHED, "m4")]


@virtual
async def test_a_library_that_is_gone_is_believed_when_all_is_read_again() -> None:
    rig = await a_watched(ModelServer.jellyfin)
    del rig.server.shelves["films"]
    rig.inventory.read_again()
    await asyncio.sleep(HOUR)
    assert await rig.known("m3") is None
    assert await rig.known("s1.1.1") is not None


@virtual
async def test_a_library_that_the_options_leave_out_is_forgotten_as_well() -> None:
    rig = await a_watched(ModelServer.plex)
    rig.server.allowed = {"shows"}
    await rig.again()
    await asyncio.sleep(HOUR)
    assert rig.inventory.unseen == {"films"}
    await asyncio.sleep(2 * DAY + HOUR)
    assert await rig.known("m3") is None


@virtual
async def test_a_server_without_any_library_has_lost_none() -> None:
    rig = await a_watched(ModelServer.jellyfin)
    rig.server.shelves.clear()
    await asyncio.sleep(3 * DAY)
    assert rig.inventory.unseen == frozenset()
    assert await agrees(rig)


@virtual
async def test_a_catalogue_that_fails_tells_of_no_copies() -> None:
    rig = await a_watched(ModelServer.plex, "m3")
    rig.server.add(replace(rig.server.items["m3"], item_id="m3-4k"))
    rig.server.states["m3-4k"] = seen(last=at(-10))
    rig.catalogue.fail = True
    await rig.lane.know([rig.server.reading("m3-4k")])
    assert rig.ledger.reading("m3") is None
    rig.catalogue.fail = False
    await rig.lane.know([rig.server.reading("m3-4k")])
    assert rig.ledger.base("m3") == seen(last=at(-10))


@virtual
async def test_a_scan_does_not_drive_out_of_the_ledger_what_it_is_for() -> None:
    rig = Watched(ModelServer.jellyfin)
    rig.stock(films=200)
    await rig.first()
    known = [rig.server.reading(f"m{number}") for number in range(200)]
    await rig.lane.know(known)
    assert len(rig.ledger) == 0
    rig.server.states["m1"] = seen(last=at(1))
    await rig.lane.know([rig.server.reading("m1")])
    assert [one.item.item_id for one in rig.ledger] == ["m1"]
    # What has that id by now was never known.
    rig.ledger.forget("m1")
    other = replace(movie("x"), item_id="m1")
    await rig.lane.know([Reading(other, seen(last=at(1)))])
    assert len(rig.ledger) == 0
