"""What a play state says beside another one of the same item."""

from dataclasses import replace

from hypothesis import given
import pytest

from custom_components.watched_sync.core.operation import SetProgress
from custom_components.watched_sync.core.play_state import UNKNOWN, PlayState

from .samples import at, known_states, seen


def left(position: float = 0.0, plays: int = 0, last: float | None = None) -> PlayState:
    """Return the play state of an item whose flag fell."""
    return PlayState(
        watched=False,
        position=position,
        play_count=plays,
        last_played=None if last is None else at(last),
    )


@pytest.mark.parametrize(
    ("earlier", "now"),
    [
        (seen(last=at(10)), left(plays=2, last=20)),
        (seen(last=at(10)), left(900, plays=2, last=20)),
        (seen(last=at(10)), left(plays=2, last=10)),
        (seen(last=at(10)), left(plays=1, last=20)),
        (seen(plays=0), left(plays=1, last=20)),
        (seen(plays=0), left(plays=0, last=20)),
        (seen(), left(plays=2)),
    ],
    ids=[
        "as Jellyfin 10.11 does",
        "and is somewhere by now",
        "a higher count",
        "a later date",
        "watched by a stop without a start",
        "where counts are not told",
        "where dates are not told",
    ],
)
def test_flag_that_falls_with_a_play_is_a_play_that_has_begun(
    earlier: PlayState, now: PlayState
) -> None:
    known = now.following(earlier)
    assert known.begun_again
    assert known == now
    assert known.keeping_flag().watched
    assert known.keeping_flag().position == now.position


@pytest.mark.parametrize(
    ("earlier", "now"),
    [
        (seen(last=at(10)), left()),
        (seen(plays=0), left()),
        (seen(plays=3, last=at(10)), left(600, plays=1, last=20)),
        (seen(plays=1, last=at(10)), left(600, last=20)),
        (seen(plays=1, last=at(10)), left(plays=1)),
        (seen(plays=1, last=at(10)), left(plays=1, last=10)),
        (left(plays=1, last=10), left(plays=2, last=20)),
        (UNKNOWN, left(plays=2, last=20)),
        (seen(last=at(10)), seen(plays=2, last=at(20))),
        (seen(last=at(10)), UNKNOWN),
    ],
    ids=[
        "un-marked",
        "un-marked, watched without count and date",
        "un-marked, and begun since",
        "un-marked, and begun where only the end counts",
        "un-marked where the count stays",
        "un-marked where the count and the date stay",
        "never watched",
        "nobody knows",
        "watched again to the end",
        "not known any more",
    ],
)
def test_anything_else_is_what_it_looks_like(
    earlier: PlayState, now: PlayState
) -> None:
    known = now.following(earlier)
    assert not known.begun_again
    assert known.keeping_flag() == now


def test_play_that_has_begun_stays_one_until_it_ends_or_is_un_marked() -> None:
    begun = left(plays=2, last=20).following(seen(last=at(10)))
    assert left(900, plays=2, last=20).following(begun).begun_again
    assert left(900, plays=3, last=30).following(begun).begun_again
    assert not left().following(begun).begun_again
    assert not left(900, plays=1, last=30).following(begun).begun_again
    assert not seen(plays=2, last=at(20)).following(begun).begun_again
    undated = left(plays=1).following(seen(plays=0))
    assert left(900, plays=1).following(undated).begun_again


def test_un_mark_of_what_has_begun_is_a_move_though_it_looks_alike() -> None:
    begun = left(plays=2, last=20).following(seen(last=at(10)))
    assert begun.agrees_with(left())
    assert left().has_moved_from(begun)
    assert not begun.means_the_same_as(left())
    assert begun.means_the_same_as(seen())


@given(known_states, known_states)
def test_what_was_known_changes_nothing_of_what_is_shown(
    earlier: PlayState, now: PlayState
) -> None:
    known = now.following(earlier)
    assert known == replace(now, last_played=known.last_played)
    assert known.last_played == now.last_played or now.last_played is None
    assert known.following(known) == known
    assert known.following(known).begun_again == known.begun_again


@pytest.mark.parametrize(
    ("earlier", "now", "is_kept"),
    [
        (seen(last=at(10)), seen(), True),
        (left(900, last=10), left(901), True),
        # A position is dated when it is set.
        (left(900, last=10), left(600), False),
        (left(900, last=10), left(), False),
        (seen(last=at(10)), left(900), False),
        (left(900, last=10), seen(), False),
        (seen(last=at(10)), seen(last=at(5)), False),
    ],
)
def test_date_that_is_not_known_stays_what_it_was(
    earlier: PlayState, now: PlayState, *, is_kept: bool
) -> None:
    known = now.following(earlier)
    assert known.last_played == (earlier if is_kept else now).last_played
    # So the next row that has a date shows no other play.
    assert not is_kept or not known.was_played_since(earlier)


def test_play_that_has_begun_stays_so_where_its_date_is_not_known() -> None:
    begun = replace(left(plays=2, last=20), begun_again=True)
    assert left(plays=2).following(begun) == begun
    # An un-mark takes the count away as well.
    assert not left().following(begun).begun_again


def test_a_position_that_is_not_known_stays_what_it_was() -> None:
    """Else a lane that held one would copy that it was reset."""
    hidden = PlayState(watched=False, hides_position=True)
    known = hidden.following(left(900, last=10))
    assert known.position == 900
    assert known.hides_position
    assert not known.has_moved_from(left(900, last=10))


def test_a_position_that_becomes_known_has_not_moved() -> None:
    hidden = PlayState(watched=False, hides_position=True)
    assert not left(900).has_moved_from(hidden)
    assert left(900, last=20).has_moved_from(hidden)
    assert seen().has_moved_from(hidden)


def test_of_what_was_marked_since_no_position_is_kept() -> None:
    hidden = PlayState(watched=True, hides_position=True)
    assert hidden.following(left(900)).position == 0
    assert hidden.following(left(900)).has_moved_from(left(900))


def test_an_operation_for_a_position_is_not_true_of_one_that_is_not_known() -> None:
    """What is wanted is known, and so is what is left behind by it."""
    hidden = PlayState(watched=False, hides_position=True)
    assert not SetProgress(900).apply(hidden).hides_position
    assert not SetProgress(900).apply(hidden).agrees_with(hidden)
