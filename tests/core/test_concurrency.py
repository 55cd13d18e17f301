"""How many writes go out at once."""

from collections.abc import Sequence

import pytest

from custom_components.watched_sync.core.concurrency import (
    GOOD,
    QUICK,
    REMEMBERED,
    SLOWER,
    Concurrency,
)
from custom_components.watched_sync.core.errors import (
    AuthRejected,
    Busy,
    Fault,
    Forbidden,
    ItemGone,
    Refused,
    ServerError,
    Unanswered,
    Unreachable,
)
from custom_components.watched_sync.core.pace import SLOW

MOST = 4
ALONE = 0.2


class HandClock:
    """A clock that is moved by hand; there is no other time."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def now(self) -> object:
        raise AssertionError("the wall clock may jump")

    def monotonic(self) -> float:
        return self.seconds


class Writes:
    """Writes that are answered after so many seconds, or fail."""

    def __init__(self) -> None:
        self._clock = HandClock()
        self._concurrency = Concurrency(lambda: MOST, self._clock)  # type: ignore[arg-type]  # it has no wall time

    @property
    def allowed(self) -> int:
        return self._concurrency.allowed

    def answered(self, *seconds: float) -> None:
        for one in seconds:
            with self._concurrency.judging():
                self._clock.seconds += one

    def fail(self, error: ServerError) -> None:
        with pytest.raises(type(error)), self._concurrency.judging():
            raise error


@pytest.fixture
def writes() -> Writes:
    return Writes()


def times(seconds: float, count: int) -> Sequence[float]:
    return [seconds] * count


def test_as_many_go_out_as_the_server_likes_at_first(writes: Writes) -> None:
    assert writes.allowed == MOST
    writes.answered(*times(ALONE, 3 * GOOD))
    assert writes.allowed == MOST


def test_who_answers_one_after_the_other_may_be_asked_together(writes: Writes) -> None:
    """Each of four waits for three others, so that nothing is lost."""
    writes.answered(ALONE, 2 * ALONE, 3 * ALONE, 4 * ALONE)
    assert writes.allowed == MOST


@pytest.mark.parametrize(
    "error", [Fault("locked"), Busy("no"), Unreachable("gone"), Unanswered("late")]
)
def test_a_failure_lets_one_go_out_at_a_time(
    writes: Writes, error: ServerError
) -> None:
    writes.fail(error)
    assert writes.allowed == 1


@pytest.mark.parametrize(
    "error", [ItemGone("1"), Refused("no"), Forbidden("no"), AuthRejected("no")]
)
def test_what_one_item_or_the_sign_in_suffers_from_changes_nothing(
    writes: Writes, error: ServerError
) -> None:
    writes.fail(error)
    assert writes.allowed == MOST


def test_slower_answers_let_one_go_out_at_a_time(writes: Writes) -> None:
    writes.answered(*times(ALONE, 3))
    writes.answered(SLOWER * MOST * ALONE)
    assert writes.allowed == MOST
    writes.answered(SLOWER * MOST * ALONE + 0.01)
    assert writes.allowed == 1


def test_a_quick_answer_is_quick_whatever_others_took(writes: Writes) -> None:
    writes.answered(0.001, QUICK)
    assert writes.allowed == MOST
    writes.answered(QUICK + 0.01)
    assert writes.allowed == 1


def test_a_server_that_is_slow_from_the_first_is_not_pressed(writes: Writes) -> None:
    writes.answered(SLOW + 0.1)
    assert writes.allowed == 1


def test_one_more_goes_out_after_some_good_answers(writes: Writes) -> None:
    writes.fail(Fault("locked"))
    for allowed in range(1, MOST):
        writes.answered(*times(ALONE, GOOD - 1))
        assert writes.allowed == allowed
        writes.answered(ALONE)
        assert writes.allowed == allowed + 1
    writes.answered(*times(ALONE, GOOD))
    assert writes.allowed == MOST


def test_a_failure_between_them_begins_the_count_anew(writes: Writes) -> None:
    writes.fail(Fault("locked"))
    writes.answered(*times(ALONE, GOOD - 1))
    writes.fail(Fault("locked"))
    writes.answered(*times(ALONE, GOOD - 1))
    assert writes.allowed == 1


def test_what_was_slow_for_long_is_how_the_server_is(writes: Writes) -> None:
    """As when it was moved to where the way to it is longer."""
    writes.answered(0.03, 0.4)
    assert writes.allowed == 1
    writes.answered(*times(0.4, REMEMBERED + MOST * GOOD))
    assert writes.allowed == MOST
