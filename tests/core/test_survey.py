"""Reading at leisure: how often, when, and what comes of it."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest

from custom_components.watched_sync.core import survey as survey_module
from custom_components.watched_sync.core.errors import (
    AuthRejected,
    Fault,
    Malformed,
    ServerError,
    StillLooking,
    Unanswered,
)
from custom_components.watched_sync.core.identity import MediaKind, ProviderIds
from custom_components.watched_sync.core.lane import Health, Lane, LaneUpdate, Phase
from custom_components.watched_sync.core.ledger import Ledger
from custom_components.watched_sync.core.operation import MarkWatched
from custom_components.watched_sync.core.outbox import Outbox
from custom_components.watched_sync.core.ports import Changed
from custom_components.watched_sync.core.survey import (
    CALM,
    FAULT_REST,
    FIND_PATIENCE,
    LIFETIME,
    PLAYS,
    SLOW,
    SLOW_REST,
    SURVEY_REST,
    Pace,
    Survey,
)

from .samples import an_operation, at, seen, unseen
from .twins import (
    ERROR,
    GONE,
    HANG,
    PAGE,
    Ask,
    Kind,
    MemoryJournal,
    ModelServer,
    Request,
    Trouble,
    movie,
    show,
)
from .virtual import VirtualClock, virtual

HOUR = 3600.0
DAY = 24 * HOUR


class Rig:
    """A lane with a survey, and somebody who is hinted at things."""

    def __init__(
        self,
        make: Callable[[VirtualClock], ModelServer] = ModelServer.jellyfin,
        *,
        pace: Pace | None = None,
        played_until: datetime | None = None,
    ) -> None:
        self.clock = VirtualClock()
        self.server = make(self.clock)
        journal = MemoryJournal(seconds=0)
        self.outbox = journal.outbox = Outbox()
        self.lane = Lane(
            outbox=self.outbox, ledger=Ledger(), journal=journal, clock=self.clock
        )
        self.hints: list[Changed] = []
        self.reports: list[ServerError] = []
        self.surveyed: list[datetime] = []
        self.pace = pace or Pace(self.clock)
        self.survey = Survey(
            self.lane,
            self.server,
            self.pace,
            label="Model",
            played_until=played_until,
            surveyed=self.surveyed.append,
            hint=self.hints.append,
            report=self.reports.append,
            clock=self.clock,
        )
        self.task = asyncio.create_task(self.survey.run())

    def times(self, ask: Ask = Ask.INVENTORY) -> list[float]:
        return [one.at for one in self.server.requests if one.ask is ask]

    def played(self, item_id: str, minute: int) -> None:
        self.server.states[item_id] = seen(last=at(minute))

    async def once(self) -> None:
        """Have one survey, long after any other."""
        await asyncio.sleep(DAY)
        self.hints.clear()
        self.survey.look_for_plays()
        await asyncio.sleep(DAY)

    @property
    def hinted(self) -> set[str]:
        return {item_id for hint in self.hints for item_id in hint.item_ids}


# --- pace -----------------------------------------------------------------------------


async def take(pace: Pace, seconds: float, error: Exception | None = None) -> float:
    """Have one turn that takes so long; return when it began."""
    async with pace.turn():
        began = asyncio.get_running_loop().time()
        await asyncio.sleep(seconds)
        if error is not None:
            raise error
    return began


@virtual
async def test_a_server_rests_three_times_as_long_as_it_worked() -> None:
    pace = Pace(VirtualClock())
    began = [await take(pace, 1.0) for _ in range(3)]
    assert began == [0.0, 4.0, 8.0]


@pytest.mark.parametrize("seconds", [SLOW + 1, 75.0, 300.0, 1500.0])
def test_no_more_than_three_slow_requests_an_hour(seconds: float) -> None:
    @virtual
    async def world() -> None:
        pace = Pace(VirtualClock())
        began = [await take(pace, seconds) for _ in range(12)]
        for one, later in zip(began, began[3:], strict=False):
            assert later - one >= HOUR
        for one, later in pairwise(began):
            assert later - one >= 4 * seconds

    world()


@virtual
async def test_one_at_a_time_whoever_asks() -> None:
    pace = Pace(VirtualClock())
    began = await asyncio.gather(*(take(pace, 75.0) for _ in range(3)))
    assert sorted(began) == [0.0, 75.0 + SLOW_REST, 2 * (75.0 + SLOW_REST)]


@virtual
async def test_what_was_given_up_counts_as_slow_and_what_was_refused_does_not() -> None:
    pace = Pace(VirtualClock())
    with pytest.raises(Fault):
        await take(pace, 1.0, Fault("500"))
    with pytest.raises(Unanswered):
        await take(pace, 1.0, Unanswered("nobody waited"))
    assert await take(pace, 1.0) == 4.0 + 1.0 + SLOW_REST
    task = asyncio.create_task(take(pace, 75.0))
    await asyncio.sleep(4.0)
    task.cancel()
    await asyncio.wait([task])
    now = asyncio.get_running_loop().time()
    assert await take(pace, 1.0) == now + SLOW_REST


# --- when -----------------------------------------------------------------------------


@virtual
async def test_a_start_has_a_while_for_itself() -> None:
    rig = Rig()
    rig.survey.look_for_plays()
    await asyncio.sleep(HOUR)
    assert rig.server.requests[0].at == CALM
    assert rig.server.count(Ask.INVENTORY) == 2


@virtual
async def test_what_lists_plays_and_finds_ids_is_never_surveyed() -> None:
    rig = Rig(ModelServer.plex)
    rig.server.add(movie("m1"))
    rig.survey.look_for_plays()
    found = await rig.survey.find(MediaKind.MOVIE, movie("m1").provider_ids)
    assert [one.item.item_id for one in found] == ["m1"]
    assert await rig.survey.find(MediaKind.MOVIE, ProviderIds(imdb="tt0")) == []
    await asyncio.sleep(DAY)
    assert rig.server.count() == 2


@virtual
async def test_surveys_are_rare_however_often_they_are_wanted() -> None:
    rig = Rig()
    for _ in range(int(HOUR)):
        rig.survey.look_for_plays()
        await asyncio.sleep(1)
    assert rig.server.count(Ask.INVENTORY) / 2 <= HOUR / SURVEY_REST


@virtual
async def test_nothing_is_read_while_there_is_something_to_do() -> None:
    rig = Rig()
    await rig.lane.submit([an_operation(MarkWatched(), movie("m1"))])
    rig.survey.look_for_plays()
    await asyncio.sleep(HOUR)
    assert rig.server.count() == 0
    rig.lane.in_flight = frozenset(one.operation_id for one in rig.outbox)
    await rig.lane.discard(rig.lane.in_flight)
    await asyncio.sleep(HOUR)
    assert rig.server.count() == 0
    rig.lane.in_flight = frozenset()
    rig.lane.set_health(Health(Phase.BACKING_OFF, rig.clock.now()))
    rig.lane.publish(LaneUpdate())
    await asyncio.sleep(HOUR)
    assert rig.server.count() == 0
    rig.lane.set_health(Health(Phase.READY, rig.clock.now()))
    rig.lane.publish(LaneUpdate())
    await asyncio.sleep(HOUR)
    assert rig.server.count() > 0


@virtual
async def test_a_lane_that_is_busy_keeps_no_other_from_its_turn() -> None:
    first = Rig()
    other = Rig(pace=first.pace)
    first.lane.set_health(Health(Phase.PARKED, first.clock.now()))
    first.survey.look_for_plays()
    other.survey.look_for_plays()
    await asyncio.sleep(HOUR)
    assert first.server.count() == 0
    assert other.server.count(Ask.INVENTORY) == 2


@virtual
async def test_what_comes_up_while_a_turn_is_waited_for_goes_first() -> None:
    rig = Rig()
    rig.server.on(Ask.INVENTORY, Trouble(Kind.LATE, seconds=75.0))
    rig.survey.look_for_plays()
    await asyncio.sleep(HOUR / 12)
    assert rig.server.count(Ask.INVENTORY) == 1
    rig.lane.in_flight = frozenset({"delivering"})
    await asyncio.sleep(HOUR)
    assert rig.server.count(Ask.INVENTORY) == 1
    rig.lane.in_flight = frozenset()
    rig.lane.publish(LaneUpdate())
    await asyncio.sleep(1)
    assert rig.server.count(Ask.INVENTORY) == 2


@pytest.mark.parametrize(("trouble", "reported"), [(HANG, 0), (ERROR, 1)])
@virtual
async def test_what_failed_is_read_some_other_time(
    trouble: Trouble, reported: int
) -> None:
    rig = Rig()
    rig.server.on(Ask.INVENTORY, trouble)
    rig.survey.look_for_plays()
    await asyncio.sleep(CALM + 60)
    assert rig.surveyed == []
    # Given up by us says nothing about the server.
    assert len(rig.reports) == reported
    await asyncio.sleep(HOUR)
    assert len(rig.surveyed) == 1


@virtual
async def test_a_lost_sign_in_is_reported() -> None:
    rig = Rig()
    rig.server.token_good = False
    rig.survey.look_for_plays()
    await asyncio.sleep(2 * CALM)
    assert [type(one) for one in rig.reports] == [AuthRejected]


@virtual
async def test_a_fault_of_ours_is_not_the_last() -> None:
    rig = Rig()
    real = rig.survey._worth_a_look
    faults = [RuntimeError("a bug")]

    def broken(readings: Any) -> Any:
        if faults:
            raise faults.pop()
        return real(readings)

    rig.survey._worth_a_look = broken  # type: ignore[method-assign]  # for once
    rig.survey.look_for_plays()
    await asyncio.sleep(HOUR / 2)
    assert rig.surveyed == []
    rig.survey.look_for_plays()
    await asyncio.sleep(FAULT_REST + HOUR)
    assert len(rig.surveyed) == 1


@virtual
async def test_ending_leaves_nobody_listening() -> None:
    rig = Rig()
    await asyncio.sleep(1)
    rig.task.cancel()
    await asyncio.wait([rig.task])
    assert not rig.lane._listeners


# --- plays ----------------------------------------------------------------------------


@virtual
async def test_the_first_survey_hints_at_the_last_plays_and_at_what_has_moved() -> None:
    rig = Rig()
    for n in range(3 * PLAYS):
        rig.server.add(movie(f"m{n}"))
        rig.played(f"m{n}", n)
    rig.server.add(movie("unseen"), movie("moved"))
    rig.lane.remember([replace(rig.server.reading("moved"), state=seen(last=at(1)))])
    await rig.once()
    assert rig.hinted == {"moved", *(f"m{n}" for n in range(2 * PLAYS, 3 * PLAYS))}
    assert rig.surveyed == [at(3 * PLAYS - 1)]
    # What was told of them is no reading: it says what is worth one.
    assert rig.hints[0].told["moved"].state == unseen()
    assert rig.lane.ledger.base("m59") is None


@virtual
async def test_later_surveys_hint_at_whatever_was_played_since() -> None:
    rig = Rig(played_until=at(10))
    leaves = rig.server.add_show(show("s"), {1: 3})
    for n in range(3 * PLAYS):
        rig.server.add(movie(f"m{n}"))
        rig.played(f"m{n}", n)
    rig.played(leaves[0].item_id, 100)
    await rig.once()
    expected = {leaves[0].item_id, *(f"m{n}" for n in range(11, 3 * PLAYS))}
    assert rig.hinted == expected
    assert rig.surveyed == [at(10)]
    # Nobody looked: they are hinted at once more.
    await rig.once()
    assert rig.hinted >= {f"m{n}" for n in range(11, 3 * PLAYS)}
    assert rig.surveyed[-1] == at(100)
    await rig.once()
    assert rig.hinted == set()


@virtual
async def test_only_shows_whose_counts_have_moved_are_read_again() -> None:
    rig = Rig()
    first = rig.server.add_show(show("s"), {1: 3})
    rig.server.add_show(show("t"), {1: 3})
    gone = rig.server.add_show(show("u"), {1: 3})
    rig.played(first[0].item_id, 1)
    rig.played(gone[0].item_id, 2)
    rig.server.on(Ask.LEAVES, None, GONE)
    await rig.once()
    assert rig.server.count(Ask.LEAVES) == 2
    assert rig.hinted == {first[0].item_id}
    await rig.once()
    # The one that could not be read is read now.
    assert rig.server.count(Ask.LEAVES) == 3
    rig.server.states[first[0].item_id] = unseen()
    await rig.once()
    assert rig.server.count(Ask.LEAVES) == 4


@virtual
async def test_a_library_that_goes_meanwhile_keeps_nobody_from_the_others() -> None:
    rig = Rig()
    rig.server.shelves = {"gone": MediaKind.MOVIE, **rig.server.shelves}
    rig.server.add(*(movie(f"g{n}", library_id="gone") for n in range(2 * PAGE)))
    rig.server.add(movie("m1"))
    rig.played("m1", 1)

    def vanish(_: Request) -> None:
        if rig.server.count(Ask.INVENTORY) == 2:
            rig.server.shelves.pop("gone", None)

    rig.server.trouble = vanish
    await rig.once()
    assert rig.hinted == {"m1"}
    assert rig.reports == []
    # What it had before it went is not forgotten: whoever finds it looks.
    assert rig.survey._index.find(MediaKind.MOVIE, movie("g1").provider_ids)


@virtual
async def test_allowed_libraries_are_read_first_and_the_others_after_them() -> None:
    """What was moved is looked for everywhere."""
    rig = Rig()
    rig.server.shelves = {"other": MediaKind.MOVIE, **rig.server.shelves}
    rig.server.allowed = {"films", "shows"}
    await rig.once()
    asked = [one.library_id for one in rig.server.requests if one.library_id]
    assert asked == ["films", "other", "shows"]


# --- what is where --------------------------------------------------------------------


async def find(rig: Rig, kind: MediaKind, ids: ProviderIds) -> list[str]:
    found = await rig.survey.find(kind, ids, "A title in another language")
    return [one.item.item_id for one in found]


@virtual
async def test_no_more_items_are_remembered_than_a_library_may_have(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However often a server gives all of its items other ids."""
    monkeypatch.setattr(survey_module, "MOST_ITEMS", 10)
    rig = Rig()
    for age in range(4):
        rig.server.items.clear()
        rig.server.states.clear()
        films = [movie(f"m{age}-{number}") for number in range(7)]
        rig.server.add(*films)
        await rig.once()
        assert len(rig.survey._index._keys) <= 10
        assert len(rig.survey._index._items) <= 30
        assert await find(rig, MediaKind.MOVIE, films[0].provider_ids) == [
            films[0].item_id
        ]


@virtual
async def test_libraries_of_more_items_than_there_are_is_a_failed_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(survey_module, "MOST_ITEMS", 3)
    rig = Rig()
    rig.server.add(*(movie(f"m{number}") for number in range(4)))
    await rig.once()
    assert set(map(type, rig.reports)) == {Malformed}


@virtual
async def test_what_bears_another_title_is_found_once_the_library_was_read() -> None:
    rig = Rig()
    film, parent = movie("m1"), show("s")
    rig.server.add(film, movie("m2"))
    leaves = rig.server.add_show(parent, {1: 2})
    leaf = replace(leaves[1], provider_ids=ProviderIds(imdb="tt99"))
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
    await asyncio.sleep(SURVEY_REST)
    for kind, ids, item_id in wanted:
        assert await find(rig, kind, ids) == [item_id]
    surveys = rig.server.count(Ask.INVENTORY)
    for kind, _, _ in wanted:
        assert await find(rig, kind, ProviderIds(imdb="tt404")) == []
    # A copy under another id that has come since is not known, and one that went is.
    rig.server.hidden.add("m1")
    assert await find(rig, MediaKind.MOVIE, film.provider_ids) == []
    await asyncio.sleep(LIFETIME)
    assert rig.server.count(Ask.INVENTORY) == surveys
    with pytest.raises(StillLooking):
        await find(rig, MediaKind.MOVIE, film.provider_ids)
    await asyncio.sleep(HOUR)
    assert await find(rig, MediaKind.MOVIE, film.provider_ids) == []


@virtual
async def test_what_bears_the_title_needs_no_survey() -> None:
    rig = Rig()
    rig.server.add(movie("m1"))
    assert await find(rig, MediaKind.MOVIE, movie("m1").provider_ids) == ["m1"]
    assert await rig.survey.find(MediaKind.MOVIE, ProviderIds()) == []
    await asyncio.sleep(HOUR)
    assert rig.server.count(Ask.INVENTORY) == 0


def test_rests_are_what_was_promised() -> None:
    """At most three slow ones an hour, and a start is through before the first."""
    assert 3 * SLOW_REST >= HOUR
    assert survey_module.REST_FACTOR == 3
    assert datetime(2026, 1, 1, tzinfo=UTC) > survey_module._NEVER


# --- somebody waits -------------------------------------------------------------------

NOBODYS = ProviderIds(imdb="tt7654321")


@virtual
async def test_whoever_asks_is_answered_as_soon_as_the_libraries_are_read() -> None:
    rig = Rig()
    with pytest.raises(StillLooking):
        await rig.survey.find(MediaKind.MOVIE, NOBODYS)
    assert await rig.survey.find_now(MediaKind.MOVIE, NOBODYS) == []
    assert rig.clock.monotonic() < FIND_PATIENCE
    assert len(rig.times()) > 0


@virtual
async def test_whoever_asks_a_slow_server_waits_a_few_seconds_only() -> None:
    rig = Rig()
    rig.server.add(*(movie(f"m{number}") for number in range(PAGE + 1)))
    rig.server.on(Ask.INVENTORY, *[Trouble(Kind.LATE, seconds=75.0)] * 30)
    with pytest.raises(StillLooking):
        await rig.survey.find_now(MediaKind.MOVIE, NOBODYS)
    assert rig.clock.monotonic() < FIND_PATIENCE + 1
    # Asking again and again makes it no busier.
    for _ in range(20):
        with pytest.raises(StillLooking):
            await rig.survey.find_now(MediaKind.MOVIE, NOBODYS)
    assert len(rig.times()) == 1


@virtual
async def test_whoever_asks_does_not_wait_for_the_next_survey() -> None:
    rig = Rig()
    await rig.once()
    rig.server.requests.clear()
    before = rig.clock.monotonic()
    # What was read a day ago does not say what is there now.
    assert await rig.survey.find_now(MediaKind.MOVIE, NOBODYS) == []
    assert rig.clock.monotonic() - before < FIND_PATIENCE
