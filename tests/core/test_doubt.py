"""What may still be carried out after nobody answered."""

import asyncio
from dataclasses import replace
from datetime import timedelta
import random
from typing import Any

from custom_components.watched_sync.core.doubt import (
    FIRST_LOOK,
    PATIENCE,
    Doubts,
    may_add_play,
)
from custom_components.watched_sync.core.identity import Item
from custom_components.watched_sync.core.operation import (
    Change,
    MarkUnwatched,
    MarkWatched,
    Operation,
    SetProgress,
)
from custom_components.watched_sync.core.play_state import Reading

from .samples import an_operation, seen, unseen
from .twins import episode, movie, season, show
from .virtual import VirtualClock, virtual

FILM = movie("m")
SHOW = show()
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


def sent(change: Change, item: Item = FILM, **more: Any) -> Operation:
    """Return an operation whose before-states are on disk: nobody had seen FILM."""
    return replace(an_operation(change, item), before={"m": unseen()}, **more)


@virtual
async def test_what_was_sent_in_another_life_and_has_not_ended_is_in_doubt() -> None:
    some = doubts(VirtualClock())
    some.recall([an_operation(MarkWatched(), FILM)], [])
    assert some.about_marking(FILM) == 0
    some.recall([sent(MarkWatched())], [])
    assert some.about([UNSEEN]) == some.about_marking(FILM) == MINUTES
    assert some.about_item(FILM) == MINUTES
    assert some.about_item(movie("other")) == 0
    some.see({"m": SEEN})
    assert some.about_item(FILM) == 0


@virtual
async def test_when_it_was_sent_cannot_be_told_from_an_earlier_doubt() -> None:
    clock = VirtualClock()
    some = doubts(clock)
    past = clock.now() - timedelta(days=3)
    some.recall([sent(MarkWatched(), unsure_until=past)], [])
    some.see({"m": SEEN})  # by the first write, or by one that came after it
    assert some.about([UNSEEN]) == some.about_marking(FILM) == MINUTES


@virtual
async def test_of_what_has_ended_it_was_noted_until_when() -> None:
    clock = VirtualClock()
    for until, seconds in (
        (None, 0),
        (timedelta(seconds=-1), 0),
        (timedelta(seconds=60), 60),
        (timedelta(days=3), MINUTES),
    ):
        moment = until and clock.now() + until
        ended = sent(MarkWatched(), unsure_until=moment, late_until=moment)
        some = doubts(clock)
        some.recall([], [ended])
        assert some.about([UNSEEN]) == some.about_marking(FILM) == seconds


@virtual
async def test_what_was_answered_does_not_come_again_in_another_life() -> None:
    """Only an earlier operation for the item is in doubt: what would have left that."""
    clock = VirtualClock()
    ended = sent(
        MarkWatched(),
        traces={"m": (unseen(600),)},
        unsure_until=clock.now() + timedelta(seconds=60),
    )
    some = doubts(clock)
    some.recall([], [ended])
    assert some.about_marking(FILM) == 0
    assert some.about([UNSEEN]) == some.about([SEEN]) == 60


@virtual
async def test_what_was_true_already_may_be_made_so_by_what_is_under_way() -> None:
    """It ended because nothing under way would turn it: that would leave the same."""
    clock = VirtualClock()
    until = clock.now() + timedelta(seconds=60)
    for item in (FILM, SHOW):
        some = doubts(clock)
        ended = an_operation(MarkWatched(), item, unsure_until=until, late_until=until)
        some.recall([], [ended])
        below = UNSEEN if item is FILM else Reading(episode(SHOW, 1, 1), unseen())
        assert some.about([below]) == some.about_marking(item) == 60
        assert some.about([replace(below, state=seen())]) == 0
        some.see({below.item.item_id: replace(below, state=seen())})
        assert some.about([below]) == 60


@virtual
async def test_flag_of_a_position_may_come_by_itself_in_another_life() -> None:
    operation = an_operation(
        SetProgress(600, watched=False), FILM, before={"m": seen()}
    )
    some = doubts(VirtualClock())
    some.recall([operation], [])
    assert some.about([Reading(FILM, unseen(600))]) == MINUTES
    # One that comes alone may take along what was shown before.
    for before, seconds in ((unseen(), 0), (seen(), MINUTES)):
        some = doubts(VirtualClock())
        alone = replace(operation, change=SetProgress(600), before={"m": before})
        some.recall([alone], [])
        assert some.about([Reading(FILM, unseen(600))]) == seconds


@virtual
async def test_mark_of_a_show_without_its_specials_does_not_come_over_them() -> None:
    """In another life nothing is left of it but the operation."""
    special = Reading(episode(SHOW, 0, 1), unseen())
    regular = Reading(episode(SHOW, 1, 1), unseen())
    for include_specials in (False, True):
        some = doubts(VirtualClock())
        operation = an_operation(
            item=SHOW,
            before={"s.1.1": unseen()},
            include_specials=include_specials,
        )
        some.recall([operation], [])
        assert some.about([regular]) == MINUTES
        assert bool(some.about([special])) is include_specials


@virtual
async def test_of_two_that_may_come_neither_is_known_by_what_is_shown() -> None:
    """The mark of a show, then that of one episode: either may have come true."""
    parent = show()
    leaf = episode(parent, 1, 1)
    some = doubts(VirtualClock())
    some.note(parent, MarkWatched(), {leaf.item_id: unseen()})
    some.note(leaf, MarkWatched(), {leaf.item_id: unseen()})
    shown = Reading(leaf, seen())
    some.see({leaf.item_id: shown})
    assert some.about_marking(leaf) == MINUTES
    some.write_follows(movie("other"))
    assert some.about([Reading(leaf, unseen())]) == MINUTES


@virtual
async def test_another_life_knows_by_the_traces_what_else_may_come() -> None:
    unmarked = replace(
        an_operation(MarkUnwatched(), FILM), traces={"m": (seen(), unseen(600))}
    )
    some = doubts(VirtualClock())
    some.recall([unmarked], [])
    assert some.about_marking(FILM) == MINUTES
    assert some.traces([UNSEEN]) == {"m": (seen(), replace(unseen(600), play_count=0))}
    # By itself a position leaves the flag alone.
    assert replace(seen(), position=600) in some.traces([SEEN])["m"]


@virtual
async def test_another_life_knows_what_may_come_over_the_episodes_of_a_show() -> None:
    pilot, other = episode(show(), 1, 1), episode(show(), 1, 2)
    earlier = replace(
        an_operation(MarkWatched(), pilot), before={pilot.item_id: unseen()}
    )
    tree = an_operation(MarkUnwatched(), show()).following(earlier)
    some = doubts(VirtualClock())
    some.recall([tree], [])
    assert some.about([Reading(pilot, unseen())]) == MINUTES
    assert some.about([Reading(other, unseen())]) == 0
    assert some.about_marking(show()) == MINUTES
    # Where it was not noted which episode it was, it may be any.
    some = doubts(VirtualClock())
    some.recall([replace(tree, works={})], [])
    assert some.about([Reading(other, unseen())]) == MINUTES


@virtual
async def test_one_looks_soon_and_then_less_and_less_often() -> None:
    some = doubts(VirtualClock())
    assert some.next_look(MINUTES) == FIRST_LOOK
    assert 50 <= some.next_look(MINUTES - 100) <= 100
    assert some.next_look(2) == 2
