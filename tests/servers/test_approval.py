"""Waiting for a person: patient with servers, and not for ever."""

from collections.abc import Awaitable, Callable, Iterable

import pytest

from custom_components.watched_sync.core.errors import (
    AuthRejected,
    Busy,
    Fault,
    Malformed,
    ServerError,
    Unreachable,
)
from custom_components.watched_sync.servers.approval import (
    LONGEST_PAUSE,
    PAUSE,
    CodeExpired,
    until_approved,
)


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def saying(
    answers: Iterable[str | ServerError | None],
) -> Callable[[], Awaitable[str | None]]:
    """Return a question with these answers, one after the other."""
    left = iter(answers)

    async def poll() -> str | None:
        answer = next(left)
        if isinstance(answer, ServerError):
            raise answer
        return answer

    return poll


async def wait(
    time: Time, answers: Iterable[str | ServerError | None], lifetime: float = 600
) -> str:
    return await until_approved(
        saying(answers), lifetime, sleep=time.sleep, monotonic=time.monotonic
    )


async def test_what_was_approved_already_is_returned_at_once() -> None:
    time = Time()
    assert await wait(time, ["token"]) == "token"
    assert time.slept == []


async def test_approval_is_asked_for_in_an_even_pace() -> None:
    time = Time()
    assert await wait(time, [None, None, None, "token"]) == "token"
    assert time.slept == [PAUSE] * 3


@pytest.mark.parametrize("error", [Unreachable, Busy, Fault, Malformed])
async def test_server_in_trouble_is_asked_less_and_less(
    error: type[ServerError],
) -> None:
    time = Time()
    assert await wait(time, [*([error("x")] * 6), None, "token"]) == "token"
    assert time.slept == [4, 8, 16, LONGEST_PAUSE, LONGEST_PAUSE, LONGEST_PAUSE, PAUSE]


@pytest.mark.parametrize(("asked", "expected"), [(1.0, 4.0), (90.0, 90.0)])
async def test_operation_for_patience_is_honoured(
    asked: float, expected: float
) -> None:
    time = Time()
    assert await wait(time, [Busy("x", asked), "token"]) == "token"
    assert time.slept == [expected]


async def test_code_that_nobody_used_expires() -> None:
    time = Time()
    with pytest.raises(CodeExpired) as caught:
        await wait(time, [None] * 9, lifetime=5)
    assert time.slept == [PAUSE, PAUSE, 1]
    assert caught.value.__cause__ is None


async def test_reason_of_the_last_failure_is_kept() -> None:
    time = Time()
    away = Unreachable("x")
    with pytest.raises(CodeExpired) as caught:
        await wait(time, [None, Busy("x", 300), away], lifetime=60)
    assert time.slept == [PAUSE, 58]
    assert caught.value.__cause__ is away


@pytest.mark.parametrize("error", [CodeExpired("x"), AuthRejected("x")])
async def test_refusal_ends_the_wait(error: ServerError) -> None:
    time = Time()
    with pytest.raises(type(error)) as caught:
        await wait(time, [None, error, "token"])
    assert caught.value is error
    assert time.slept == [PAUSE]


async def test_real_clock_is_used_unless_told_otherwise() -> None:
    assert await until_approved(saying(["token"]), 600) == "token"
