"""Copying from lane to lane: who is asked, who is told, and what has to wait."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
import itertools
import logging
import math
from typing import Any

import pytest

from custom_components.watched_sync.core import copying
from custom_components.watched_sync.core.catalogue import Progress
from custom_components.watched_sync.core.copying import Copier, CopyTarget, NoTarget
from custom_components.watched_sync.core.errors import StillLooking
from custom_components.watched_sync.core.identity import Item, MediaKind, ProviderIds
from custom_components.watched_sync.core.lane import Health, Lane, LaneUpdate, Phase
from custom_components.watched_sync.core.ledger import Ledger
from custom_components.watched_sync.core.mirror import Moves, Skip
from custom_components.watched_sync.core.operation import (
    Change,
    MarkUnwatched,
    MarkWatched,
    Operation,
    Origin,
    SetProgress,
)
from custom_components.watched_sync.core.outbox import Outbox, Outcome, Result
from custom_components.watched_sync.core.play_state import PlayState, Reading
from custom_components.watched_sync.core.reconcile import Policy

from .memory_catalogue import MemoryCatalogue
from .samples import an_operation, at, seen, unseen
from .twins import (
    ERROR,
    GONE,
    HANG,
    HTML,
    REFUSE,
    Ask,
    MemoryJournal,
    ModelServer,
    episode,
    movie,
    show,
)
from .virtual import VirtualClock, virtual


class End:
    """One lane and its server; nothing is delivered."""

    def __init__(self, clock: VirtualClock, server: ModelServer) -> None:
        self.server = server
        self.clock = clock
        self.journal = MemoryJournal(seconds=0)
        self.outbox = self.journal.outbox = Outbox()
        self.catalogue = MemoryCatalogue()
        self.lane = Lane(
            outbox=self.outbox,
            ledger=Ledger(),
            journal=self.journal,
            clock=clock,
            catalogue=self.catalogue,
        )
        self.reports: list[Exception] = []
        self.hidden: set[str] = set()

    def know(self, *items: Item, state: PlayState | None = None) -> None:
        """Have the lane read items."""
        self.lane.remember(Reading(item, state or unseen()) for item in items)

    async def list_all(self) -> None:
        """Have the catalogue know all there is, as an inventory has it."""
        shows = {
            one.item_id: one
            for one in self.server.items.values()
            if one.kind is MediaKind.SHOW
        }
        await self.catalogue.keep(
            Reading(
                one.of_show(shows[one.show_id]) if one.show_id in shows else one,
                self.server.states.get(one.item_id, unseen()),
            )
            for one in self.server.items.values()
            if not one.kind.is_container or one.item_id in shows
        )
        await self.catalogue.note(Progress(finished_at=self.clock.now()))

    def leave(self) -> None:
        self.lane.set_health(Health(Phase.BACKING_OFF, self.clock.now()))

    def come_back(self) -> None:
        self.lane.set_health(Health(Phase.READY, self.clock.now()))

    @property
    def waiting(self) -> list[tuple[str, Any]]:
        """What waits to be delivered: item ids and changes."""
        return [(one.item.item_id, one.change) for one in self.outbox]

    @property
    def operations(self) -> list[Operation]:
        return list(self.outbox)

    @property
    def target(self) -> CopyTarget:
        return CopyTarget(
            self.lane,
            self.server,
            self.server.find,
            Policy.NEWEST,
            self.reports.append,
            lambda item: item.item_id not in self.hidden,
        )


class Scene:
    """A lane that others follow."""

    def __init__(self, *targets: str) -> None:
        self.clock = VirtualClock()
        self.source = End(self.clock, ModelServer.plex(self.clock))
        self.target = End(self.clock, ModelServer.jellyfin(self.clock))
        self.missing: dict[str, NoTarget] = {}
        self.moves = Moves()
        self.paused = False
        self.copier = self.make(*(targets or ("b",)))

    def make(self, *targets: str, moves: Moves | None = None) -> Copier:
        numbers = itertools.count(1)
        return Copier(
            self.source.lane,
            self.source.server,
            self.moves if moves is None else moves,
            label="Model",
            targets=targets,
            find_target=self.find,
            one_at_a_time=asyncio.Lock(),
            clock=self.clock,
            max_age=timedelta(days=30),
            new_id=lambda: f"new{next(numbers)}",
            report=self.source.reports.append,
            paused=lambda: self.paused,
            allows=lambda item: item.item_id not in self.source.hidden,
        )

    def find(self, target: str) -> CopyTarget | NoTarget:
        return self.missing.get(target, self.target.target)

    def step(self, item: Item, before: PlayState, after: PlayState) -> None:
        """Have the source's ledger make one step."""
        self.source.know(item, state=before)
        self.source.know(item, state=after)


FILM = movie("a", provider_ids=ProviderIds(imdb="tt0000001"))
COPY = movie("b", provider_ids=ProviderIds(imdb="tt0000001"))


def scene(*targets: str) -> Scene:
    """Return a scene with one film on both sides."""
    made = Scene(*targets)
    made.source.server.add(FILM)
    made.target.server.add(COPY)
    return made


@virtual
async def test_a_move_becomes_one_operation_that_says_where_it_comes_from() -> None:
    s = scene()
    await asyncio.sleep(100)
    s.step(FILM, unseen(), seen(last=at(60)))
    assert await s.copier.copy()
    (operation,) = s.target.operations
    assert operation.item == COPY
    assert operation.change == MarkWatched(at(60))
    assert operation.asked_at == at(60)
    assert operation.origin is Origin.MIRROR
    assert operation.base == unseen()
    assert (len(s.moves), s.moves.copied, s.moves.skips) == (0, 1, {})
    assert s.source.server.count() == 0
    assert s.target.server.count() == 1


@virtual
async def test_moves_of_one_round_are_one_batch_and_one_write_to_the_disk() -> None:
    s = scene()
    for number in range(20):
        film = movie(f"m{number}")
        s.target.server.add(film)
        s.step(film, unseen(), seen())
    await s.copier.copy()
    assert len({one.batch_id for one in s.target.operations}) == 1
    assert len(s.target.outbox) == 20
    assert s.target.journal.writes == 1


@virtual
async def test_what_was_asked_for_here_stays_one_batch_with_its_copies() -> None:
    s = scene()
    s.source.know(FILM)
    ours = an_operation(MarkWatched(), FILM, before={"a": unseen()}, batch_id="evening")
    await s.source.lane.submit([ours])
    s.source.know(FILM, state=seen())
    # The operation may still lose: nothing is told before its end is known.
    await s.copier.copy()
    assert s.target.waiting == []
    await s.source.lane.discard([ours.operation_id])
    await s.copier.copy()
    (operation,) = s.target.operations
    assert operation.batch_id == "evening"


@virtual
async def test_copy_is_skipped_for_a_reason_that_can_be_asked_for() -> None:
    s = scene()
    s.target.server.states["b"] = seen()
    s.step(FILM, unseen(), seen())
    await s.copier.copy()
    assert s.target.waiting == []
    assert s.moves.skips == {Skip.ALREADY_THERE: 1}
    (skipped,) = s.moves.skipped("a")
    assert (skipped.target_id, skipped.reason) == ("b", Skip.ALREADY_THERE)
    assert not s.moves
    s = scene()
    s.step(FILM, unseen(), unseen(30))
    await s.copier.copy()
    assert s.moves.skips == {Skip.TOO_SHORT: 1}
    assert not s.moves


@virtual
async def test_what_is_wanted_of_one_copy_and_not_of_another() -> None:
    s = scene()
    other = movie("c", provider_ids=ProviderIds(imdb="tt0000001"))
    s.target.server.add(other)
    s.target.server.states["b"] = seen()
    s.step(FILM, unseen(), seen())
    await s.copier.copy()
    assert s.target.waiting == [("c", MarkWatched())]
    assert s.moves.skips == {}


@virtual
async def test_libraries_that_are_left_out_are_left_alone_on_either_side() -> None:
    s = scene()
    s.target.hidden = {"b"}
    s.step(FILM, unseen(), seen())
    await s.copier.copy()
    assert s.moves.skips == {Skip.NOT_ALLOWED: 1}
    s.target.hidden = set()
    s.source.hidden = {"a"}
    s.step(FILM, seen(), unseen())
    assert not s.moves


@virtual
async def test_what_others_do_while_paused_is_none_of_our_business() -> None:
    s = scene()
    s.source.know(FILM)
    s.paused = True
    s.source.know(FILM, state=unseen(600))
    assert not s.moves
    ours = an_operation(MarkWatched(), FILM, before={"a": unseen(600)})
    await s.source.lane.submit([ours])
    s.source.know(FILM, state=seen())
    assert len(s.moves) == 1


@virtual
async def test_nothing_is_noted_without_anybody_to_follow() -> None:
    s = scene()
    s.step(FILM, unseen(), seen())
    assert len(s.moves) == 1
    s.source.lane.ledger.on_move = None
    s.make()
    assert (len(s.moves), s.moves.since) == (0, None)
    s.step(FILM, seen(), unseen())
    assert not s.moves


@virtual
async def test_play_since_copying_began_is_copied_at_first_sight() -> None:
    s = scene()
    assert s.moves.since == at(0)
    await asyncio.sleep(100)
    s.source.know(FILM, state=seen(last=at(60)))
    s.source.know(movie("old"), state=seen(last=at(-60)))
    await s.copier.copy()
    assert s.target.waiting == [("b", MarkWatched(at(60)))]


# --- who is away ----------------------------------------------------------------------


@virtual
async def test_lane_that_is_away_queues_what_it_knows_and_is_asked_for_more_later() -> (
    None
):
    s = scene()
    other = movie("c", provider_ids=ProviderIds(imdb="tt0000001"))
    s.target.server.add(other)
    s.target.know(COPY)
    s.target.leave()
    s.step(FILM, unseen(), seen())
    assert await s.copier.copy()
    assert await s.copier.copy()
    assert s.target.waiting == [("b", MarkWatched())]
    assert (len(s.moves), s.target.server.count()) == (1, 0)
    s.target.come_back()
    await s.copier.copy()
    assert s.target.waiting == [("b", MarkWatched()), ("c", MarkWatched())]
    assert not s.moves


@virtual
async def test_lane_that_is_away_and_knows_nothing_is_told_later() -> None:
    s = scene()
    s.target.leave()
    s.step(FILM, unseen(), seen())
    assert await s.copier.copy()
    assert (s.target.waiting, len(s.moves)) == ([], 1)
    s.target.come_back()
    await s.copier.copy()
    assert s.target.waiting == [("b", MarkWatched())]


@virtual
async def test_lane_that_is_not_loaded_is_waited_for_and_one_that_is_gone_is_not() -> (
    None
):
    s = scene("b", "c")
    s.missing = {"b": NoTarget(for_good=False), "c": NoTarget(for_good=True)}
    s.step(FILM, unseen(), seen())
    assert await s.copier.copy()
    (move,) = s.moves
    assert set(move.before) == {"b"}
    assert s.moves.skips == {Skip.NO_TARGET: 1}
    # A lane that is no longer to follow is not told either.
    s.copier = s.make("d")
    await s.copier.copy()
    assert not s.moves


@virtual
async def test_move_that_waited_too_long_is_given_up() -> None:
    s = scene()
    s.target.leave()
    s.step(FILM, unseen(), seen())
    await asyncio.sleep(30 * 86400)
    await s.copier.copy()
    assert len(s.moves) == 1
    await asyncio.sleep(60)
    await s.copier.copy()
    assert s.moves.skips == {Skip.TOO_OLD: 1}


@virtual
async def test_outbox_that_takes_nothing_leaves_the_move_waiting() -> None:
    s = scene()
    s.step(FILM, unseen(), seen())
    s.target.journal.fail_next()
    assert not await s.copier.copy()
    assert (len(s.moves), s.moves.copied) == (1, 0)
    assert await s.copier.copy()
    assert s.target.waiting == [("b", MarkWatched())]


@virtual
async def test_closed_lane_leaves_the_move_waiting() -> None:
    s = scene()
    s.step(FILM, unseen(), seen())
    await s.target.lane.close()
    assert not await s.copier.copy()
    assert len(s.moves) == 1


# --- reading that fails ---------------------------------------------------------------


@virtual
async def test_failed_read_is_reported_and_tried_again() -> None:
    s = scene()
    for number in range(3):
        s.step(movie(f"m{number}"), unseen(), seen())
    s.target.server.next(REFUSE)
    assert not await s.copier.copy()
    assert len(s.target.reports) == 1
    # With the server away, the others need not be asked for.
    assert (s.target.server.count(), len(s.moves)) == (1, 3)
    assert await s.copier.copy()


@virtual
async def test_answer_that_never_makes_sense_is_passed_over_in_the_end() -> None:
    s = scene()
    other = movie("m")
    s.target.server.add(other)
    s.step(FILM, unseen(), seen())
    for attempt in range(1, copying.MAX_ATTEMPTS + 1):
        s.target.server.on(Ask.FIND, ERROR)
        assert not await s.copier.copy(), attempt
    assert s.moves.skips == {Skip.UNREADABLE: 1}
    # What it said of one film says nothing of another.
    s.step(other, unseen(), seen())
    assert await s.copier.copy()
    assert s.target.waiting == [("m", MarkWatched())]


@virtual
async def test_fault_of_ours_stops_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    s = scene()
    s.step(FILM, unseen(), seen())

    def fail(*_: object, **__: object) -> None:
        raise KeyError("oops")

    with monkeypatch.context() as patched, caplog.at_level(logging.ERROR):
        patched.setattr(copying, "verdict", fail)
        assert not await s.copier.copy()
    assert "copying failed unexpectedly" in caplog.text
    assert await s.copier.copy()
    assert s.target.waiting == [("b", MarkWatched())]


@virtual
@pytest.mark.parametrize("known_first", ["hd", "uhd"])
async def test_two_files_of_one_film_are_copied_beside_another_film(
    known_first: str,
) -> None:
    """One of the two was matched before, the other is looked for in this round."""
    s = scene()
    files = [movie(one, provider_ids=FILM.provider_ids) for one in ("hd", "uhd")]
    other = movie("other")
    s.target.server.add(other)
    first = next(one for one in files if one.item_id == known_first)
    s.step(first, unseen(), seen())
    await s.copier.copy()
    assert s.target.waiting == [("b", MarkWatched())]
    await s.target.lane.discard([one.operation_id for one in s.target.operations])
    for film in (*files, other):
        s.step(film, seen(), unseen())
        s.target.server.states["b"] = s.target.server.states["other"] = seen()
    assert await s.copier.copy()
    assert sorted(s.target.waiting) == [
        ("b", MarkUnwatched()),
        ("other", MarkUnwatched()),
    ]
    assert not s.moves


@virtual
@pytest.mark.parametrize("place", ["verdict", "Shelf"])
async def test_fault_in_one_item_does_not_hold_up_the_others(
    place: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    s = scene()
    for number in range(3):
        film = movie(f"m{number}")
        s.target.server.add(film)
        s.step(film, unseen(), seen())
    original: Any = getattr(copying, place)
    calls = itertools.count()

    def fail_once(*args: Any, **options: Any) -> Any:
        if next(calls) == 1:
            raise KeyError("oops")
        return original(*args, **options)

    with monkeypatch.context() as patched:
        patched.setattr(copying, place, fail_once)
        assert not await s.copier.copy()
        assert [one for one, _ in s.target.waiting] == ["m0", "m2"]
        assert await s.copier.copy()
    assert [one for one, _ in s.target.waiting] == ["m0", "m2", "m1"]
    assert caplog.text.count("copying failed unexpectedly") == 1


@virtual
async def test_fault_that_stays_is_logged_once_and_passed_over_in_the_end(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    s = scene()
    s.step(FILM, unseen(), seen())

    def fail(*_: object, **__: object) -> None:
        raise KeyError("oops")

    monkeypatch.setattr(copying, "verdict", fail)
    with caplog.at_level(logging.ERROR):
        for _ in range(copying.MAX_ATTEMPTS):
            assert not await s.copier.copy()
    assert caplog.text.count("copying failed unexpectedly") == 1
    assert s.moves.skips == {Skip.UNREADABLE: 1}
    assert await s.copier.copy()


async def matched(count: int) -> Scene:
    """Return a scene where films have moved that are listed on the other side."""
    s = scene()
    films = [movie(f"m{number:02}") for number in range(count)]
    s.target.server.add(*films)
    await s.target.list_all()
    for film in films:
        s.step(film, seen(), seen(600))
    return s


@virtual
async def test_copy_that_spoils_the_answer_for_all_costs_only_itself() -> None:
    s = await matched(9)
    s.target.server.poison("m03", HTML)
    s.target.server.on(Ask.FIND, HTML)
    assert not await s.copier.copy()
    assert [one for one, _ in s.target.waiting] == [
        f"m{number:02}" for number in range(9) if number != 3
    ]
    s.target.server.poison("m03", None)
    assert await s.copier.copy()
    assert len(s.target.waiting) == 9


@virtual
async def test_server_that_answers_nothing_is_not_asked_item_by_item() -> None:
    s = await matched(40)
    s.target.server.trouble = lambda _: HTML
    assert not await s.copier.copy()
    assert s.target.server.count() == copying.MOST_FAILURES
    assert s.target.waiting == []
    assert len(s.moves) == 40


@virtual
async def test_server_that_goes_away_is_asked_once() -> None:
    s = await matched(9)
    s.target.server.down = True
    assert not await s.copier.copy()
    assert s.target.server.count() == 1


# --- a play that clears the flag ------------------------------------------------------


def begun(position: float = 0.0, plays: int = 2, last: float = 60) -> PlayState:
    """Return what a server shows of FILM that has cleared the flag of it."""
    return PlayState(
        watched=False, position=position, play_count=plays, last_played=at(last)
    )


async def watched_on_both() -> Scene:
    """Return a scene where FILM was watched on both sides."""
    s = scene()
    await asyncio.sleep(60)
    s.source.know(FILM, state=seen(last=at(-10)))
    s.target.server.states["b"] = seen(last=at(-10))
    s.target.know(COPY, state=seen(last=at(-10)))
    return s


async def deliver(s: Scene) -> None:
    """Copy what there is to copy, and have the other server show it."""
    await s.copier.copy()
    for one in s.target.operations:
        shown = one.change.apply(s.target.server.states["b"])
        s.target.server.states["b"] = shown
        s.target.know(COPY, state=shown)
        await s.target.lane.discard([one.operation_id])


@virtual
async def test_watched_film_that_is_begun_again_loses_nothing_elsewhere() -> None:
    s = await watched_on_both()
    s.source.know(FILM, state=begun())
    await deliver(s)
    assert s.target.server.states["b"] == seen(last=at(-10))
    s.source.know(FILM, state=begun(1800))
    await s.copier.copy()
    assert s.target.waiting == [("b", SetProgress(1800, watched=True))]
    await deliver(s)
    s.source.know(FILM, state=begun(3600))
    await deliver(s)
    assert s.target.server.states["b"] == seen(3600, last=at(-10))


@virtual
async def test_film_that_was_watched_again_is_watched_there_once_more() -> None:
    s = await watched_on_both()
    for state in (begun(), begun(1800), seen(plays=2, last=at(60))):
        s.source.know(FILM, state=state)
        await deliver(s)
    assert s.target.server.states["b"] == seen(last=at(-10))
    assert s.moves.copied == 2


@virtual
@pytest.mark.parametrize("position", [0, 1800])
async def test_un_mark_of_what_was_begun_again_is_copied(position: float) -> None:
    s = await watched_on_both()
    s.source.know(FILM, state=begun(position))
    await deliver(s)
    await asyncio.sleep(60)
    s.source.know(FILM, state=unseen())
    await s.copier.copy()
    assert s.target.waiting == [("b", MarkUnwatched())]


@virtual
async def test_what_only_looks_un_marked_is_un_marked_where_that_was_done() -> None:
    s = await watched_on_both()
    s.target.know(COPY, state=begun())
    s.target.server.states["b"] = begun()
    await asyncio.sleep(60)
    s.source.know(FILM, state=unseen())
    await s.copier.copy()
    assert not s.moves.skips
    assert s.target.waiting == [("b", MarkUnwatched())]


@virtual
async def test_play_that_begins_while_an_un_mark_is_under_way_is_not_ours() -> None:
    s = await watched_on_both()
    ours = an_operation(MarkUnwatched(), FILM, before={"a": seen(last=at(-10))})
    await s.source.lane.submit([ours])
    s.source.know(FILM, state=begun(0))
    await s.source.lane.discard([ours.operation_id])
    await deliver(s)
    assert s.target.server.states["b"].watched
    assert s.moves.skips == {Skip.ALREADY_THERE: 1}


# --- what is asked for ----------------------------------------------------------------

SHOW = show("s")
THERE = show("t")


def bare(number: int, **changes: Any) -> Item:
    """Return an episode as a server reads it by itself: without its show's ids."""
    return episode(SHOW, 1, number).__replace__(
        show_provider_ids=ProviderIds(), **changes
    )


def series() -> Scene:
    """Return a scene with one show on both sides, under ids of its own."""
    made = Scene()
    made.source.server.add_show(SHOW, {1: 5})
    there = THERE.__replace__(provider_ids=SHOW.provider_ids)
    made.target.server.add(there)
    made.target.server.add(
        *(
            episode(THERE, 1, number).__replace__(show_provider_ids=ProviderIds())
            for number in range(1, 6)
        )
    )
    return made


@virtual
async def test_episodes_are_found_by_the_show_with_a_handful_of_requests() -> None:
    s = series()
    for number in range(1, 6):
        s.step(bare(number), unseen(), seen())
    await s.copier.copy()
    assert [one for one, _ in s.target.waiting] == [f"t.1.{n}" for n in range(1, 6)]
    assert [one.ask for one in s.source.server.requests] == [Ask.FETCH]
    assert [one.ask for one in s.target.server.requests] == [Ask.FIND, Ask.LEAVES]


@virtual
async def test_show_that_is_known_is_not_read_again() -> None:
    s = series()
    s.source.know(SHOW)
    s.step(bare(1), unseen(), seen())
    await s.copier.copy()
    assert s.source.server.count() == 0
    assert len(s.target.waiting) == 1


@virtual
async def test_show_that_is_gone_or_names_nothing_leaves_nothing_to_find() -> None:
    s = series()
    s.source.server.hidden = {"s"}
    s.step(bare(1), unseen(), seen())
    await s.copier.copy()
    assert s.moves.skips == {Skip.NO_IDS: 1}
    s = series()
    s.target.server.on(Ask.LEAVES, GONE)
    s.step(bare(1), unseen(), seen())
    await s.copier.copy()
    assert s.moves.skips == {Skip.NOT_FOUND: 1}


@virtual
async def test_source_that_cannot_say_whose_episode_it_is_is_asked_later() -> None:
    s = series()
    s.step(bare(1), unseen(), seen())
    s.source.server.next(ERROR)
    assert not await s.copier.copy()
    assert len(s.source.reports) == 1
    s.source.leave()
    assert await s.copier.copy()
    assert len(s.moves) == 1
    s.source.come_back()
    await s.copier.copy()
    assert not s.moves


@virtual
async def test_what_is_listed_there_only_has_to_be_read_again() -> None:
    """Films and episodes, every copy, all of it with one request."""
    s = series()
    s.target.server.add(COPY, replace(COPY, item_id="c"))
    s.source.server.add(FILM)
    await s.source.list_all()
    await s.target.list_all()
    s.step(bare(1), unseen(), seen())
    s.step(bare(2), unseen(), seen())
    s.step(FILM, unseen(), seen())
    assert await s.copier.copy()
    assert sorted(one for one, _ in s.target.waiting) == ["b", "c", "t.1.1", "t.1.2"]
    assert [one.ask for one in s.target.server.requests] == [Ask.FETCH]
    assert s.source.server.count() == 0


@virtual
async def test_library_is_lost_where_little_is_left_of_all_that_was_listed() -> None:
    """What counts is the whole library, and not what happens to be remembered."""
    s = scene()
    films = [movie(f"m{number:02}") for number in range(40)]
    s.source.server.add(*films)
    s.source.server.states |= {one.item_id: seen() for one in films}
    await s.source.list_all()
    await s.source.lane.take_in([Reading(one, unseen()) for one in films[:12]])
    await s.copier.copy()
    assert (s.moves.held.count, s.moves.emptied) == (12, False)
    await s.source.lane.take_in([Reading(one, unseen()) for one in films[:30]])
    await s.copier.copy()
    assert (s.moves.held.count, s.moves.emptied) == (30, True)


@virtual
@pytest.mark.parametrize("has_catalogue", [True, False])
async def test_without_a_catalogue_what_is_remembered_is_all_there_is(
    *, has_catalogue: bool
) -> None:
    s = scene()
    films = [movie(f"m{number:02}") for number in range(20)]
    if has_catalogue:
        s.source.catalogue.fail = True
    else:
        s.source.lane._catalogue = None
    for film in films:
        s.step(film, seen(), unseen())
    s.source.know(SHOW, state=seen())
    await s.copier.copy()
    assert (s.moves.held.count, s.moves.emptied) == (20, True)


@virtual
async def test_lane_whose_libraries_are_not_read_yet_is_asked_for_every_copy() -> None:
    s = scene()
    await s.target.list_all()
    s.target.server.add(replace(COPY, item_id="c"))
    await s.target.catalogue.note(Progress())
    s.step(FILM, unseen(), seen())
    assert await s.copier.copy()
    assert [item_id for item_id, _ in s.target.waiting] == ["b", "c"]


@virtual
async def test_lane_whose_catalogue_fails_is_asked() -> None:
    s = scene()
    await s.target.list_all()
    s.target.catalogue.fail = True
    s.step(FILM, unseen(), seen())
    assert await s.copier.copy()
    assert s.target.waiting == [("b", MarkWatched())]


@virtual
@pytest.mark.parametrize("has_catalogue", [True, False])
async def test_lane_that_is_away_follows_by_what_it_knows(
    *, has_catalogue: bool
) -> None:
    """What it has dealt with, and what is listed there, also of double episodes."""
    s = series()
    s.target.know(*(one for one in s.target.server.items.values()), COPY)
    double = replace(
        episode(SHOW, 1, 4), episode_end=5, show_provider_ids=SHOW.provider_ids
    )
    if has_catalogue:
        await s.target.list_all()
    s.source.know(SHOW)
    s.target.leave()
    s.step(double if has_catalogue else FILM, unseen(), seen())
    await s.copier.copy()
    expected = ["t.1.4", "t.1.5"] if has_catalogue else ["b"]
    assert [item_id for item_id, _ in s.target.waiting] == expected
    assert s.target.server.count() == 0
    assert len(s.moves) == 1  # there may be more of it, for its server to say


@virtual
async def test_what_a_copy_showed_is_what_the_server_is_compared_with() -> None:
    """Nobody has dealt with the copy yet; it was watched there, and is begun anew."""
    s = scene()
    s.target.server.states["b"] = seen(last=at(0))
    await s.target.list_all()
    s.target.server.states["b"] = unseen(600, at(100))
    await asyncio.sleep(200)
    s.step(FILM, seen(), unseen())
    assert await s.copier.copy()
    assert s.target.lane.ledger.base("b") == seen(last=at(0))


@virtual
async def test_copy_whose_id_is_anothers_is_not_meant() -> None:
    s = scene()
    await s.target.list_all()
    other = movie("b", title="Tin Friends", provider_ids=ProviderIds(imdb="tt0000002"))
    s.target.know(other)
    s.target.server.add(other, replace(COPY, item_id="c"))
    s.step(FILM, unseen(), seen())
    assert await s.copier.copy()
    assert s.target.waiting == [("c", MarkWatched())]


@virtual
async def test_copy_that_is_gone_since_it_was_listed_is_looked_for() -> None:
    s = scene()
    await s.target.list_all()
    s.target.server.replace_file("b", "c")
    s.step(FILM, unseen(600), unseen(1200))
    assert await s.copier.copy()
    assert s.target.waiting == [("c", SetProgress(1200))]
    assert [one.ask for one in s.target.server.requests] == [Ask.FETCH, Ask.FIND]


@virtual
async def test_copy_that_cannot_be_read_by_its_id_is_looked_for() -> None:
    s = scene()
    await s.target.list_all()
    s.step(FILM, unseen(), seen())
    s.target.server.on(Ask.FETCH, REFUSE, HTML)
    assert not await s.copier.copy()
    assert (len(s.moves), s.target.waiting) == (1, [])
    assert await s.copier.copy()
    assert len(s.target.reports) == 2
    assert s.target.waiting == [("b", MarkWatched())]


@virtual
async def test_what_we_wrote_there_late_does_not_look_newer_than_what_came_since() -> (
    None
):
    s = scene()
    await asyncio.sleep(1000)
    copied = an_operation(
        SetProgress(600), COPY, before={"b": unseen()}, asked_at=at(100)
    )
    await s.target.lane.submit([copied])
    s.target.outbox.settle(copied, Result.DELIVERED, at(1000))
    s.target.server.states["b"] = unseen(600, at(1000))
    s.step(FILM, unseen(600), unseen(1200, at(500)))
    await s.copier.copy()
    assert s.target.waiting == [("b", SetProgress(1200))]


@virtual
async def test_only_so_many_are_looked_for_in_vain_at_once() -> None:
    s = scene()
    for number in range(45):
        s.step(movie(f"m{number}"), unseen(), seen())
    done = [await s.copier.copy() for _ in range(3)]
    assert done == [False, False, True]
    assert s.target.server.count() == 45
    assert s.moves.skips == {Skip.NOT_FOUND: 45}


@virtual
async def test_item_without_any_id_is_not_asked_for() -> None:
    s = scene()
    s.step(movie("bare", provider_ids=ProviderIds()), unseen(), seen())
    await s.copier.copy()
    assert s.target.server.count() == 0
    assert s.moves.skips == {Skip.NO_IDS: 1}


# --- what moves meanwhile -------------------------------------------------------------


def while_finding(s: Scene, happen: Callable[[], None]) -> None:
    """Have something happen while the target is asked."""
    original = s.target.server.find

    async def find(*args: Any) -> Any:
        found = await original(*args)
        happen()
        return found

    setattr(s.target.server, "find", find)  # noqa: B010 - a test's own


@virtual
async def test_what_moves_while_it_is_looked_for_is_told_as_it_is_then() -> None:
    s = scene()
    s.step(FILM, unseen(), seen())
    while_finding(s, lambda: s.source.know(FILM, state=unseen(600)))
    await s.copier.copy()
    assert s.target.waiting == []
    await s.copier.copy()
    assert s.target.waiting == [("b", SetProgress(600))]


@virtual
async def test_earlier_operation_there_gives_way_and_a_later_one_does_not() -> None:
    s = scene()
    await asyncio.sleep(70)
    s.target.know(COPY)
    await s.target.lane.submit([an_operation(SetProgress(700), COPY, asked_at=at(50))])
    s.step(FILM, unseen(), seen(last=at(60)))
    await s.copier.copy()
    assert s.target.waiting == [("b", MarkWatched(at(60)))]
    await asyncio.sleep(30)
    await s.target.lane.submit([an_operation(MarkUnwatched(), COPY, asked_at=at(90))])
    s.step(FILM, seen(), seen(600, last=at(80)))
    await s.copier.copy()
    assert s.target.waiting == [("b", MarkUnwatched())]
    assert s.moves.skips == {Skip.LATER_CHANGE: 1}


# --- what was asked for after a copy ------------------------------------------------


class BothWays(Scene):
    """Two lanes that follow each other, and know a film as unwatched."""

    def __init__(self) -> None:
        super().__init__()
        self.moves_back = Moves()
        self.copier_back = Copier(
            self.target.lane,
            self.target.server,
            self.moves_back,
            label="Back",
            targets=("a",),
            find_target=lambda _: self.source.target,
            one_at_a_time=asyncio.Lock(),
            clock=self.clock,
            max_age=timedelta(days=30),
            new_id=lambda: f"back{len(self.source.outbox)}",
            report=self.target.reports.append,
            allows=lambda item: item.item_id not in self.target.hidden,
        )
        self.source.server.add(FILM)
        self.target.server.add(COPY)
        self.target.know(COPY)

    def mark(self) -> None:
        """Have the film be marked on the first of the two."""
        self.source.server.elsewhere("a", seen(last=self.clock.now()))
        self.step(FILM, unseen(), seen(last=self.clock.now()))

    async def ask(self, change: Change, **fields: Any) -> Operation:
        """Have somebody ask for something of the copy, now."""
        await asyncio.sleep(20)
        operation = an_operation(change, COPY, asked_at=self.clock.now(), **fields)
        await self.target.lane.submit([operation])
        return operation

    def finish(self, operation: Operation, result: Result) -> None:
        """Have an operation for the copy end."""
        self.target.outbox.settle(operation, result, self.clock.now())
        self.target.lane.publish(LaneUpdate((Outcome(operation, result),)))

    def write(self, operation: Operation, before: PlayState) -> None:
        """Have an operation be sent, and read what it has done."""
        sent = replace(operation, before={COPY.item_id: before})
        self.target.outbox.update(sent)
        self.target.know(COPY, state=operation.change.apply(before))
        self.finish(sent, Result.DELIVERED)

    async def told_back(self) -> list[tuple[str, Change]]:
        """Return what the first one is told by now."""
        await self.copier_back.copy()
        return self.source.waiting


@virtual
async def test_what_overtakes_a_copy_and_is_true_already_is_told_back() -> None:
    s = BothWays()
    s.mark()
    await s.copier.copy()
    assert s.target.waiting == [("b", MarkWatched(at(0)))]
    operation = await s.ask(MarkUnwatched())
    assert s.target.waiting == [("b", MarkUnwatched())]
    assert await s.told_back() == []  # it may still fail
    s.finish(operation, Result.ALREADY_TRUE)
    assert await s.told_back() == [("a", MarkUnwatched())]


@virtual
async def test_copy_that_comes_after_what_was_asked_for_is_answered_with_that() -> None:
    s = BothWays()
    s.mark()
    operation = await s.ask(MarkUnwatched())
    await s.copier.copy()
    assert s.moves.skips == {Skip.LATER_CHANGE: 1}
    assert s.target.waiting == [("b", MarkUnwatched())]
    s.finish(operation, Result.ALREADY_TRUE)
    assert await s.told_back() == [("a", MarkUnwatched())]


@virtual
async def test_copy_that_comes_after_what_was_done_is_answered_with_that() -> None:
    s = BothWays()
    s.mark()
    s.finish(await s.ask(MarkUnwatched()), Result.ALREADY_TRUE)
    await s.copier.copy()
    assert s.moves.skips == {Skip.LATER_CHANGE: 1}
    assert s.target.waiting == []
    assert await s.told_back() == [("a", MarkUnwatched())]


@virtual
async def test_what_overtakes_a_copy_is_told_back_also_where_it_moves_less() -> None:
    """The copy was begun and not watched: taking the place away is all that moves."""
    s = BothWays()
    s.target.know(COPY, state=unseen(900))
    s.mark()
    await s.copier.copy()
    operation = await s.ask(MarkUnwatched())
    assert await s.told_back() == []  # it may still fail
    s.write(operation, unseen(900))
    assert await s.told_back() == [("a", MarkUnwatched())]


@virtual
async def test_what_overtakes_a_copy_is_told_back_where_a_mark_is_not_yet() -> None:
    """What was marked here is not told yet: they have marked it by themselves."""
    s = BothWays()
    s.target.know(COPY, state=seen(last=at(5)))
    s.mark()
    unmark = await s.ask(MarkUnwatched())
    await s.copier.copy()
    s.write(unmark, seen(last=at(5)))
    assert await s.told_back() == [("a", MarkUnwatched())]


@virtual
async def test_what_overtook_a_copy_and_failed_leaves_the_next_alone() -> None:
    s = BothWays()
    s.target.know(COPY, state=unseen(900))
    s.mark()
    await s.copier.copy()
    s.finish(await s.ask(MarkUnwatched()), Result.REJECTED)
    s.write(await s.ask(SetProgress(0)), unseen(900))
    assert await s.told_back() == []


@virtual
async def test_change_that_is_taken_back_while_it_is_handed_over_is_copied() -> None:
    s = BothWays()
    s.target.journal.seconds = 1
    s.mark()
    copying_now = asyncio.create_task(s.copier.copy())
    await asyncio.sleep(0.5)
    s.source.know(FILM, state=unseen())
    await copying_now
    assert s.target.waiting == [("b", MarkWatched(at(0)))]
    await s.copier.copy()
    assert s.target.waiting == [("b", MarkUnwatched())]


@virtual
async def test_position_that_waits_takes_the_flag_of_an_older_copy_along() -> None:
    s = BothWays()
    s.mark()
    await s.ask(SetProgress(600))
    await s.copier.copy()
    (operation,) = s.target.operations
    assert operation.change == SetProgress(600, watched=True, at=at(0))
    assert (operation.origin, operation.asked_at) == (Origin.USER, at(20))


@virtual
async def test_what_will_move_or_cannot_be_judged_is_not_told_before_it_is_done() -> (
    None
):
    """A copy that gives way to a copy is followed by that, as one that moves is."""
    for change, fields in (
        (SetProgress(600, watched=False), {}),
        (MarkUnwatched(), {"origin": Origin.MIRROR}),
    ):
        s = BothWays()
        s.mark()
        await s.copier.copy()
        s.finish(await s.ask(change, **fields), Result.REJECTED)
        assert await s.told_back() == []
    for spoil in (
        lambda s: s.target.hidden.add("b"),
        lambda s: s.target.lane.ledger.forget("b"),
    ):
        s = BothWays()
        s.mark()
        await s.copier.copy()
        spoil(s)
        s.finish(await s.ask(MarkUnwatched()), Result.ALREADY_TRUE)
        assert await s.told_back() == []
    s = BothWays()
    s.mark()
    s.target.lane.pass_over(an_operation(MarkWatched(), COPY, origin=Origin.MIRROR))
    assert await s.told_back() == []  # nobody knows what for


# --- a target that is slow ----------------------------------------------------------


@virtual
async def test_what_is_looked_for_still_holds_up_nothing_else() -> None:
    s = scene()
    others = [movie(f"m{number}") for number in range(3)]
    s.target.server.add(*others)
    s.step(FILM, unseen(), seen())
    for film in others:
        s.step(film, unseen(), seen())
    looking = True
    real = s.target.server.find

    async def find(
        kind: MediaKind, ids: ProviderIds, title: str | None = None
    ) -> Sequence[Reading]:
        if looking and ids.matches(FILM.provider_ids):
            raise StillLooking("reading")
        return await real(kind, ids, title)

    s.target.server.find = find  # type: ignore[method-assign]  # it is an inventory's
    for _ in range(20):
        assert not await s.copier.copy()
    assert [item_id for item_id, _ in s.target.waiting] == ["m0", "m1", "m2"]
    # It is no trouble of the server's, and however long it takes no reason to give up.
    assert s.target.reports == []
    assert len(s.moves) == 1
    looking = False
    assert await s.copier.copy()
    assert s.target.waiting[-1][0] == "b"


@virtual
async def test_what_is_not_answered_in_time_is_neither_counted_nor_the_end() -> None:
    s = scene()
    s.target.server.add(movie("m1"))
    s.step(FILM, unseen(), seen())
    s.step(movie("m1"), unseen(), seen())
    for _ in range(copying.MAX_ATTEMPTS + 1):
        s.target.server.on(Ask.FIND, HANG)
        assert not await s.copier.copy()
    assert [item_id for item_id, _ in s.target.waiting] == ["m1"]
    assert len(s.moves) == 1
    assert await s.copier.copy()
    assert s.moves.skips == {}


@virtual
async def test_a_round_is_not_spent_on_waiting() -> None:
    s = scene()
    films = [movie(f"m{number}") for number in range(10)]
    for film in films:
        s.step(film, unseen(), seen())
    s.target.server.on(Ask.FIND, *[HANG] * 10)
    assert not await s.copier.copy()
    assert s.target.server.count(Ask.FIND) == copying.MOST_UNANSWERED
    assert len(s.moves) == 10


@virtual
async def test_a_copy_that_no_file_can_hold_costs_the_others_nothing() -> None:
    s = scene()
    s.target.server.add(replace(COPY, duration=None))
    other = movie("c", provider_ids=ProviderIds(imdb="tt0000002"))
    s.source.server.add(other)
    s.target.server.add(movie("d", provider_ids=ProviderIds(imdb="tt0000002")))
    await asyncio.sleep(100)
    s.step(FILM, unseen(), unseen(math.inf))
    s.step(other, unseen(), seen())
    assert not await s.copier.copy()
    assert s.target.waiting == [("d", MarkWatched())]
    for _ in range(copying.MAX_ATTEMPTS):
        await s.copier.copy()
    assert s.moves.skipped("a")[-1].reason is Skip.UNREADABLE
