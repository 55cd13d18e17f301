"""What changes want, and how two operations for one item become one."""

from dataclasses import replace

from hypothesis import given
import pytest

from custom_components.watched_sync.core.operation import (
    Change,
    MarkUnwatched,
    MarkWatched,
    Scope,
    SetProgress,
    fold,
)
from custom_components.watched_sync.core.play_state import UNKNOWN, PlayState

from .samples import an_operation, at, changes, known_states, seen, unseen
from .twins import episode, movie, season, show

WATCHED = seen()
UNWATCHED = unseen()
SHOW = show()


@pytest.mark.parametrize(
    ("change", "state", "wanted"),
    [
        (MarkWatched(), UNWATCHED, WATCHED),
        (MarkWatched(), unseen(900.0), WATCHED),
        (MarkWatched(), seen(0, 7, at(1)), seen(0, 7, at(1))),
        (
            MarkWatched(at(5)),
            seen(0, 7, at(1)),
            seen(0, 7, at(5)),
        ),
        (MarkUnwatched(), seen(30, 7, at(1)), UNWATCHED),
        (SetProgress(90.0), UNWATCHED, unseen(90.0)),
        (SetProgress(90.0), seen(0, 2), seen(90, 2)),
        (SetProgress(90.0, watched=True), UNWATCHED, seen(90)),
        (SetProgress(90.0, watched=False), WATCHED, unseen(90.0)),
    ],
)
def test_a_change_says_the_state_it_wants(
    change: Change, state: PlayState, wanted: PlayState
) -> None:
    assert change.apply(state) == wanted


@pytest.mark.parametrize(
    ("earlier", "later", "one"),
    [
        (MarkWatched(), MarkUnwatched(), MarkUnwatched()),
        (MarkUnwatched(), MarkWatched(at(3)), MarkWatched(at(3))),
        (SetProgress(5), SetProgress(9), SetProgress(9)),
        (SetProgress(5), MarkWatched(), MarkWatched()),
        (MarkWatched(at(3)), SetProgress(9), SetProgress(9, watched=True, at=at(3))),
        (MarkUnwatched(), SetProgress(9), SetProgress(9, watched=False)),
        (SetProgress(5, watched=True), SetProgress(9), SetProgress(9, watched=True)),
        (
            SetProgress(5, watched=True),
            SetProgress(9, watched=False),
            SetProgress(9, watched=False),
        ),
    ],
)
def test_two_operations_become_one(earlier: Change, later: Change, one: Change) -> None:
    assert fold(earlier, later) == one


@given(earlier=changes, later=changes, state=known_states)
def test_folding_means_the_same_as_doing_one_after_the_other(
    earlier: Change, later: Change, state: PlayState
) -> None:
    folded = fold(earlier, later).apply(state)
    assert folded.agrees_with(later.apply(earlier.apply(state)))


@given(change=changes, state=known_states)
def test_a_change_wanted_twice_wants_nothing_more(
    change: Change, state: PlayState
) -> None:
    once = change.apply(state)
    assert change.apply(once).agrees_with(once)


def test_an_unknown_state_agrees_with_nothing_not_even_itself() -> None:
    assert not UNKNOWN.agrees_with(UNKNOWN)
    assert not UNKNOWN.agrees_with(UNWATCHED)
    assert not UNWATCHED.agrees_with(UNKNOWN)


def test_positions_two_seconds_apart_are_the_same() -> None:
    assert unseen(100.0).agrees_with(unseen(102.0))
    assert not unseen(100.0).agrees_with(unseen(102.1))


@pytest.mark.parametrize(
    ("operation", "reached"),
    [
        (an_operation(item=movie("m1")), {"m1"}),
        (an_operation(item=episode(SHOW, 1, 1)), {"s.1.1"}),
        (an_operation(item=season(SHOW, 1)), {"s.1", "s.1.1", "s.1.2"}),
        (an_operation(item=season(SHOW, 0)), {"s.0", "s.0.1"}),
        (an_operation(item=SHOW), {"s", "s.1", "s.1.1", "s.1.2", "s.2.1"}),
        (
            an_operation(item=SHOW, include_specials=True),
            {"s", "s.0", "s.0.1", "s.1", "s.1.1", "s.1.2", "s.2.1"},
        ),
        (replace(an_operation(item=SHOW), scope=Scope.ITEM), {"s"}),
    ],
)
def test_an_operation_reaches_what_lies_below_and_specials_only_if_asked(
    operation: object, reached: set[str]
) -> None:
    everything = [
        movie("m1"),
        movie("m2"),
        SHOW,
        season(SHOW, 0),
        season(SHOW, 1),
        episode(SHOW, 0, 1),
        episode(SHOW, 1, 1),
        episode(SHOW, 1, 2),
        episode(SHOW, 2, 1),
        show("other"),
        episode(show("other"), 1, 1),
    ]
    reaches = operation.reaches  # type: ignore[attr-defined]  # a table of operations
    assert {item.item_id for item in everything if reaches(item)} == reached
