"""How long to wait: a table, its edges and its chance."""

from collections.abc import Callable
import math
import random

from hypothesis import given, strategies as st
import pytest

from custom_components.watched_sync.core.backoff import (
    IDLE_BACKOFF,
    LANE_BACKOFF,
    OPERATION_BACKOFF,
    Backoff,
)


class Extreme:
    """Chance that always draws the shortest or the longest."""

    def __init__(self, choose: Callable[[float, float], float]) -> None:
        self._choose = choose

    def uniform(self, a: float, b: float) -> float:
        return self._choose(a, b)


LONGEST, SHORTEST = Extreme(max), Extreme(min)


@pytest.mark.parametrize(
    ("failures", "longest"),
    [
        (0, 1.0),
        (1, 1.0),
        (2, 2.0),
        (3, 4.0),
        (4, 8.0),
        (5, 16.0),
        (6, 30.0),
        (7, 30.0),
        (1_000, 30.0),
        (10**9, 30.0),
    ],
)
def test_delay_doubles_up_to_its_cap(failures: int, longest: float) -> None:
    backoff = Backoff(base=1.0, cap=30.0, floor=0.5)
    assert backoff.delay(failures, LONGEST) == longest
    assert backoff.delay(failures, SHORTEST) == 0.5


@pytest.mark.parametrize(
    ("asked_for", "shortest"),
    [(None, 0.5), (0, 0.5), (17.0, 17.0), (300.0, 300.0), (86_400.0, 300.0)],
)
def test_what_the_server_asks_for_is_honoured_but_cannot_stop_a_queue_for_days(
    asked_for: float | None, shortest: float
) -> None:
    backoff = Backoff(base=1.0, cap=30.0, floor=0.5)
    assert backoff.delay(1, SHORTEST, asked_for) == shortest


def test_a_short_request_of_the_server_does_not_shorten_the_delay() -> None:
    assert Backoff(base=8.0, cap=30.0).delay(1, LONGEST, 1.0) == 8.0


@given(
    failures=st.integers(min_value=0, max_value=10**12),
    base=st.floats(min_value=0.001, max_value=1e300),
    cap=st.floats(min_value=0.001, max_value=1e300),
    seed=st.integers(),
)
def test_delay_is_always_a_finite_number_within_its_bounds(
    failures: int, base: float, cap: float, seed: int
) -> None:
    delay = Backoff(base, cap).delay(failures, random.Random(seed))
    assert math.isfinite(delay)
    assert 0 <= delay <= cap


def test_clients_that_failed_together_do_not_return_together() -> None:
    rng = random.Random(1)
    assert len({LANE_BACKOFF.delay(9, rng) for _ in range(50)}) == 50


@pytest.mark.parametrize("backoff", [LANE_BACKOFF, IDLE_BACKOFF, OPERATION_BACKOFF])
def test_no_delay_in_use_is_a_busy_loop(backoff: Backoff) -> None:
    assert backoff.delay(1, SHORTEST) >= 0.5


def test_a_waiting_queue_is_tried_at_least_every_five_minutes() -> None:
    assert LANE_BACKOFF.delay(10**6, LONGEST) <= 300
