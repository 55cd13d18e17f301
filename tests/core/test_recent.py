"""What was read and written lately speaks against a read that may show what was."""

from dataclasses import replace

from custom_components.watched_sync.core.play_state import PlayState, Reading
from custom_components.watched_sync.core.recent import (
    LONGEST_DOUBT,
    LOOK_AGAIN,
    MOMENT,
    UNMARK_MEMORY,
    UNMARKS_KEPT,
    Recent,
)

from .samples import at, seen, unseen
from .twins import movie


class StillClock:
    """A clock that a test moves on."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> object:
        raise AssertionError("the wall clock may jump")

    def monotonic(self) -> float:
        return self.seconds


def made() -> tuple[Recent, StillClock]:
    clock = StillClock()
    return Recent(clock), clock  # type: ignore[arg-type]  # it has no wall time


def shows(state: PlayState, item_id: str = "m1") -> Reading:
    return Reading(movie(item_id), state)


WATCHED = seen(last=at(-60))


# --- what is called true already ---------------------------------------------------


def test_what_was_not_read_lately_is_believed() -> None:
    recent, _ = made()
    assert recent.contradicts(shows(WATCHED)) is None


def test_what_shows_what_was_read_is_believed() -> None:
    recent, _ = made()
    recent.see(None, shows(WATCHED))
    assert recent.contradicts(shows(WATCHED)) is None


def test_something_else_than_was_read_a_moment_ago_is_doubted() -> None:
    recent, clock = made()
    recent.see(None, shows(unseen()))
    clock.seconds += MOMENT - 0.1
    assert recent.contradicts(shows(WATCHED)) == unseen()


def test_what_was_read_longer_ago_says_nothing() -> None:
    recent, clock = made()
    recent.see(None, shows(unseen()))
    clock.seconds += MOMENT + 0.1
    assert recent.contradicts(shows(WATCHED)) is None


def test_an_event_explains_what_differs_from_what_was_read() -> None:
    recent, _ = made()
    recent.see(None, shows(unseen()))
    recent.hear({"m1", "unknown"})
    assert recent.contradicts(shows(WATCHED)) is None


def test_an_event_does_not_explain_what_differs_from_what_was_written() -> None:
    """It may be the echo of just that."""
    recent, _ = made()
    recent.wrote({"m1": unseen()}, alone=False)
    recent.hear({"m1"})
    assert recent.contradicts(shows(WATCHED)) == unseen()


def test_it_is_looked_at_again_after_two_seconds() -> None:
    recent, clock = made()
    recent.wrote({"m1": unseen()}, alone=True)
    recent.contradicts(shows(WATCHED))
    clock.seconds += LOOK_AGAIN[0] - 0.1
    assert not recent.was_looked_at_again("m1")
    clock.seconds += 0.2
    assert recent.was_looked_at_again("m1")
    assert not recent.was_looked_at_again("m2")


def test_what_was_known_at_the_first_look_counts_at_the_second() -> None:
    recent, clock = made()
    recent.wrote({"m1": unseen()}, alone=True)
    clock.seconds += MOMENT - 1
    recent.contradicts(shows(WATCHED))
    clock.seconds += LOOK_AGAIN[1]
    assert recent.contradicts(shows(WATCHED)) == unseen()


def test_a_second_look_that_agrees_ends_the_doubt() -> None:
    recent, clock = made()
    recent.wrote({"m1": unseen()}, alone=True)
    recent.contradicts(shows(WATCHED))
    clock.seconds += 3
    assert recent.contradicts(shows(unseen())) is None
    assert not recent.was_looked_at_again("m1")


def test_an_old_doubt_is_forgotten() -> None:
    recent, clock = made()
    recent.wrote({"m1": unseen()}, alone=True)
    recent.contradicts(shows(WATCHED))
    clock.seconds += LONGEST_DOUBT + 1
    assert recent.contradicts(shows(WATCHED)) is None


def test_a_write_ends_a_doubt() -> None:
    recent, _ = made()
    recent.wrote({"m1": unseen()}, alone=True)
    recent.contradicts(shows(WATCHED))
    recent.wrote({"m1": WATCHED}, alone=True)
    assert recent.contradicts(shows(WATCHED)) is None


def test_what_was_written_by_itself_is_known_for_a_moment() -> None:
    recent, clock = made()
    recent.wrote({"m1": WATCHED}, alone=True)
    recent.wrote({"m2": WATCHED}, alone=False)
    assert recent.written_alone() == {"m1"}
    clock.seconds += MOMENT + 1
    assert recent.written_alone() == frozenset()


# --- watched by a play that was un-marked -------------------------------------------


def unmarked() -> tuple[Recent, StillClock]:
    recent, clock = made()
    recent.see(WATCHED, shows(unseen()))
    return recent, clock


def test_watched_by_the_play_that_was_unmarked_is_what_was() -> None:
    recent, _ = unmarked()
    assert recent.shows_what_was(shows(WATCHED))
    assert recent.shows_what_was(shows(seen(last=at(-90))))
    assert recent.state_of(shows(WATCHED)) == unseen()


def test_a_new_mark_has_a_new_date() -> None:
    recent, _ = unmarked()
    again = shows(seen(last=at(-59)))
    assert not recent.shows_what_was(again)
    assert not recent.doubt(again)
    assert recent.state_of(again) == again.state


def test_a_mark_without_a_date_is_believed() -> None:
    recent, _ = unmarked()
    assert not recent.shows_what_was(shows(replace(WATCHED, last_played=None)))


def test_an_unmark_of_a_play_without_a_date_cannot_be_told() -> None:
    recent, _ = made()
    recent.see(replace(WATCHED, last_played=None), shows(unseen()))
    assert not recent.shows_what_was(shows(WATCHED))


def test_an_unmark_that_nobody_saw_is_none() -> None:
    recent, _ = made()
    recent.see(None, shows(unseen()))
    recent.see(unseen(), shows(unseen()))
    assert not recent.shows_what_was(shows(WATCHED))


def test_what_was_is_believed_after_a_minute_all_the_same() -> None:
    recent, clock = unmarked()
    clock.seconds += 100
    assert recent.doubt(shows(WATCHED))
    clock.seconds += LONGEST_DOUBT - 1
    assert recent.doubt(shows(WATCHED))
    assert recent.doubted_for(["m1", "m2"]) == LONGEST_DOUBT - 1
    clock.seconds += 2
    assert not recent.doubt(shows(WATCHED))
    recent.see(unseen(), shows(WATCHED))
    assert not recent.shows_what_was(shows(WATCHED))


def test_an_unmark_is_remembered_for_an_hour() -> None:
    recent, clock = unmarked()
    clock.seconds += UNMARK_MEMORY - 1
    assert recent.shows_what_was(shows(WATCHED))
    clock.seconds += 2
    assert not recent.shows_what_was(shows(WATCHED))


def test_only_so_many_unmarks_are_remembered() -> None:
    recent, _ = unmarked()
    for number in range(UNMARKS_KEPT):
        recent.see(WATCHED, shows(unseen(), f"x{number}"))
    assert not recent.shows_what_was(shows(WATCHED))
    assert recent.shows_what_was(shows(WATCHED, "x0"))


def test_our_own_mark_takes_an_unmark_back() -> None:
    """It may carry the date of an older play."""
    recent, _ = unmarked()
    recent.wrote({"m1": seen(last=at(-9999))}, alone=True)
    assert not recent.shows_what_was(shows(seen(last=at(-9999))))


def test_mark_that_nobody_answered_explains_whatever_is_watched() -> None:
    """Else what it left would not be taken over, and pass for somebody else's later."""
    recent, _ = unmarked()
    recent.may_have_marked(["m1"])
    assert not recent.doubt(shows(seen(last=at(-9999))))


def test_an_operation_is_not_true_because_of_a_play_that_was_unmarked() -> None:
    recent, clock = unmarked()
    clock.seconds += 10 * MOMENT
    assert recent.contradicts(shows(WATCHED)) == unseen()


# --- what was just read ------------------------------------------------------------


def test_an_item_was_just_read_for_some_seconds() -> None:
    recent, clock = made()
    assert not recent.was_read("m1", 5)
    recent.see(None, shows(unseen()))
    assert recent.was_read("m1", 5)
    clock.seconds += 5.1
    assert not recent.was_read("m1", 5)


def test_what_was_read_before_the_server_was_away_was_not_just_read() -> None:
    recent, clock = made()
    recent.see(None, shows(unseen()))
    recent.lose_contact()
    assert not recent.was_read("m1", 5)
    # It speaks against what is read all the same.
    assert recent.contradicts(shows(WATCHED)) == unseen()
    clock.seconds += 1
    recent.see(None, shows(unseen()))
    assert recent.was_read("m1", 5)
