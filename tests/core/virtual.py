"""Time that costs nothing: an event loop that jumps to the next thing to happen.

Code written with plain asyncio runs in it unchanged. Nothing in it depends on the
machine: the same program does the same things in the same order, every time.
"""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from datetime import UTC, datetime, timedelta
import functools
import selectors
from typing import Any, override

#: Real seconds in which what was sent to a socket of this process has arrived, and
#: the same before the time jumps by more than a second: to the end of a patience, say.
MOMENT = 0.001
LONG_MOMENT = 0.005

#: When every virtual world begins.
EPOCH = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class NothingToWaitFor(Exception):
    """Everything sleeps and nothing is left that could wake it."""


class _Jump:
    """Stands where an event loop keeps its selector, and moves the time instead."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[Any]:
        if timeout is None:
            raise NothingToWaitFor
        if timeout > 0:
            self._loop.seconds += timeout
        return []


class VirtualLoop(asyncio.BaseEventLoop):
    """An event loop without sockets, threads or waiting.

    `steps` counts its rounds; `on_step` is called before each, so that a test can
    strike between any two of them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0
        self.steps = 0
        self.on_step: Callable[[], None] | None = None
        self._selector = _Jump(self)
        self._clock_resolution = 1e-9

    @override
    def time(self) -> float:
        return self.seconds

    def _run_once(self) -> None:
        self.steps += 1
        if self.on_step is not None:
            self.on_step()
        super()._run_once()  # type: ignore[misc]  # typeshed leaves it out

    def _process_events(self, event_list: list[Any]) -> None:
        """There are none: nothing outside can happen."""

    def _write_to_self(self) -> None:
        """There is nobody to wake: no other thread."""


class _Patient(selectors.DefaultSelector):
    """A selector that moves the time where no socket has anything for a moment."""

    def __init__(self, loop: SocketLoop) -> None:
        super().__init__()
        self._loop = loop

    @override
    def select(
        self, timeout: float | None = None
    ) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        ready = super().select(LONG_MOMENT if timeout > 1 else MOMENT)
        if not ready:
            self._loop.seconds += timeout
        return ready


class SocketLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is virtual although its sockets are real.

    Both ends of every connection are in this process, so whatever was sent is there a
    moment later. Only when nothing comes for that long the time jumps to the next
    timer. In which order sockets are served is for the machine to say.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        super().__init__(_Patient(self))

    @override
    def time(self) -> float:
        return self.seconds

    @override
    def run_in_executor[*Ts, T](
        self,
        executor: Executor | None,
        func: Callable[[*Ts], T],
        *args: *Ts,
    ) -> asyncio.Future[T]:
        """Do it here and now: no time passes while another thread is busy."""
        done: asyncio.Future[T] = self.create_future()
        done.set_result(func(*args))
        return done


def run[T](
    main: Coroutine[Any, Any, T], loop: asyncio.BaseEventLoop | None = None
) -> T:
    """Run *main* in a world of its own and end everything it left behind."""
    loop = loop or VirtualLoop()
    problems: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: problems.append(context))
    try:
        result = loop.run_until_complete(main)
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
    assert not problems, problems
    return result


def virtual[**P](
    test: Callable[P, Coroutine[Any, Any, None]],
) -> Callable[P, None]:
    """Run an asynchronous test in virtual time."""

    @functools.wraps(test)
    def runner(*args: P.args, **kwargs: P.kwargs) -> None:
        run(test(*args, **kwargs))

    return runner


async def settle(rounds: int = 50) -> None:
    """Let everything that can happen without time passing happen."""
    for _ in range(rounds):
        await asyncio.sleep(0)


class VirtualClock:
    """The wall clock of the virtual world, which a test can set wrong.

    `wrong_by` is how far our clock is ahead of the true time.
    """

    def __init__(self) -> None:
        self.wrong_by = timedelta()

    def true_now(self) -> datetime:
        """Return the time it really is; what a server goes by."""
        return EPOCH + timedelta(seconds=asyncio.get_running_loop().time())

    def now(self) -> datetime:
        return self.true_now() + self.wrong_by

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    def jump(self, by: timedelta) -> None:
        """Set our wall clock forward, or back."""
        self.wrong_by += by
