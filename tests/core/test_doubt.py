"""What may still be carried out after nobody answered."""

import asyncio
from dataclasses import replace
from datetime import timedelta
import random

from custom_components.watched_sync.core.doubt import (
    FIRST_LOOK,
    PATIENCE,
    Doubts,
    may_add_play,
)
from custom_components.watched_sync.core.operation import (
    MarkUnwatched,
    MarkWatched,
    SetProgress,
)
from custom_components.watched_sync.core.play_state import Reading

from .samples import seen, unseen, wish
from .twins import episode, movie, season, show
from .virtual import VirtualClock, virtual

FILM = movie("m")
UNSEEN = Reading(FILM, unseen())
SEEN = Reading(FILM, seen())
MINUTES = PATIENCE.total_seconds()


def doubts(clock: VirtualClock) -> Doubts:
    return Doubts(clock, random.Random(1))


@virtual
async def test_only_what_it_would_change_is_in_doubt() -> None:
    some = doubts(VirtualClock())
    assert some.about([UNSEEN]) == 0
    some.note(FILM, MarkWatched(), {"m": unseen()})
    assert some.about([UNSEEN]) == MINUTES
    assert some.about([SEEN]) == 0
    assert some.about([Reading(movie("other"), unseen())]) == 0
    assert some.traces([UNSEEN]) == {"m": (seen(),)}
    assert some.traces([Reading(movie("other"), unseen())]) == {}


@virtual
async def test_a_show_is_in_doubt_with_all_its_episodes() -> None:
    some = doubts(VirtualClock())
    some.note(season(show(), 1), MarkWatched(), {})
    assert some.about([Reading(episode(show(), 1, 2), unseen())]) == MINUTES
    assert some.about([Reading(episode(show(), 2, 1), unseen())]) == 0
    assert some.about_marking(show()) == MINUTES
    assert some.about_marking(episode(show(), 1, 1)) == MINUTES
    assert some.about_marking(episode(show(), 2, 1)) == 0


@virtual
async def test_only_what_may_add_a_play_keeps_from_marking() -> None:
    some = doubts(VirtualClock())
    some.note(FILM, MarkUnwatched(), {"m": seen()})
    some.note(FILM, SetProgress(600), {"m": unseen()})
    assert some.about_marking(FILM) == 0
    some.note(FILM, SetProgress(600, watched=True), {"m": unseen()})
    assert some.about_marking(FILM) == MINUTES


def test_marks_and_positions_with_a_mark_may_add_a_play() -> None:
    assert may_add_play(MarkWatched())
    assert may_add_play(SetProgress(5, watched=True))
    assert not may_add_play(SetProgress(5))
    assert not may_add_play(SetProgress(5, watched=False))
    assert not may_add_play(MarkUnwatched())


@virtual
async def test_what_has_come_true_is_no_doubt() -> None:
    some = doubts(VirtualClock())
    some.note(FILM, MarkWatched(), {"m": unseen()})
    some.see({"m": UNSEEN})
    assert some.about_marking(FILM)
    some.see({"m": SEEN})
    assert not some.about_marking(FILM)


@virtual
async def test_what_it_showed_before_proves_nothing() -> None:
    some = doubts(VirtualClock())
    some.note(FILM, MarkWatched(), {"m": seen()})
    some.see({"m": SEEN})
    assert some.about_marking(FILM)


@virtual
async def test_after_another_write_nobody_knows_which_of_them_shows() -> None:
    some = doubts(VirtualClock())
    some.note(FILM, MarkWatched(), {"m": unseen()})
    some.write_follows(FILM)
    some.see({"m": SEEN})
    assert some.about([UNSEEN])


@virtual
async def test_a_container_has_come_true_when_all_that_was_missing_shows_it() -> None:
    some = doubts(VirtualClock())
    first, second, third = (episode(show(), 1, number) for number in (1, 2, 3))
    before = {first.item_id: unseen(), second.item_id: unseen(), third.item_id: seen()}
    some.note(show(), MarkWatched(), before)
    some.see({first.item_id: Reading(first, seen())})
    assert some.about_marking(show())
    some.see({one.item_id: Reading(one, seen()) for one in (first, second)})
    assert not some.about_marking(show())


@virtual
async def test_after_five_minutes_it_is_over() -> None:
    clock = VirtualClock()
    some = doubts(clock)
    some.note(FILM, MarkWatched(), {"m": unseen()})
    await asyncio.sleep(MINUTES - 1)
    assert some.about([UNSEEN]) == some.about_marking(FILM) == 1
    await asyncio.sleep(1)
    assert some.about([UNSEEN]) == some.about_marking(FILM) == 0
    assert some.traces([UNSEEN]) == {}


@virtual
async def test_another_life_knows_what_was_noted_and_not_for_longer() -> None:
    clock = VirtualClock()
    waiting = wish(MarkUnwatched(), FILM)
    soon = replace(waiting, unsure_until=clock.now() + timedelta(seconds=60))
    far = replace(waiting, unsure_until=clock.now() + timedelta(days=3))
    for operation, seconds in ((waiting, 0), (soon, 60), (far, MINUTES)):
        some = doubts(clock)
        some.recall([operation])
        assert some.about([UNSEEN]) == some.about_marking(FILM) == seconds


@virtual
async def test_another_life_knows_by_the_traces_what_else_may_come() -> None:
    clock = VirtualClock()
    marked = replace(
        wish(MarkWatched(), FILM),
        unsure_until=clock.now() + timedelta(seconds=60),
        traces={"m": (unseen(600),)},
    )
    some = doubts(clock)
    some.recall([marked])
    assert some.traces([SEEN]) == {"m": (replace(unseen(600), play_count=0),)}
    tree = replace(wish(MarkWatched(), show()), unsure_until=marked.unsure_until)
    some = doubts(clock)
    some.recall([tree])
    assert some.about([Reading(episode(show(), 1, 1), seen())]) == 60


@virtual
async def test_one_looks_soon_and_then_less_and_less_often() -> None:
    some = doubts(VirtualClock())
    assert some.next_look(MINUTES) == FIRST_LOOK
    assert 50 <= some.next_look(MINUTES - 100) <= 100
    assert some.next_look(2) == 2
