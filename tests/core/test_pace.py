"""When a server is asked for what takes it long."""

import asyncio
from itertools import pairwise

import pytest

from custom_components.watched_sync.core.errors import Fault, Unanswered
from custom_components.watched_sync.core.pace import (
    REST_FACTOR,
    SLOW,
    SLOW_REST,
    Pace,
)

from .virtual import VirtualClock, virtual

HOUR = 3600.0


def test_rests_are_what_was_promised() -> None:
    """At most three slow ones an hour."""
    assert 3 * SLOW_REST >= HOUR
    assert REST_FACTOR == 3


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
