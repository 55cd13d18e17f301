"""The longest time in which the event loop could do nothing else, and memory."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
import ctypes
from dataclasses import dataclass
import gc
from pathlib import Path
import resource
from time import monotonic, perf_counter, thread_time
from types import TracebackType
from typing import Self


@dataclass(slots=True)
class Stall:
    """One step of the loop: seconds it took, and those of the processor in them."""

    wall: float = 0.0
    cpu: float = 0.0
    what: str = ""


class StallMeter:
    """Watches every step that any event loop takes while it is entered.

    Time that other programs took from us counts in `wall`, and not in `cpu`.
    """

    def __init__(self) -> None:
        """Begin with nothing seen."""
        self.longest = Stall()

    def __enter__(self) -> Self:
        """Start to watch."""
        self._original = original = asyncio.Handle._run
        meter = self

        def run(handle: asyncio.Handle) -> None:
            began, used = perf_counter(), thread_time()
            callback = handle._callback  # type: ignore[attr-defined]  # not in typeshed
            original(handle)
            wall = perf_counter() - began
            if wall > meter.longest.wall:
                cpu = thread_time() - used
                meter.longest = Stall(wall, cpu, _what(callback))

        asyncio.Handle._run = run  # type: ignore[assignment, method-assign]  # that is the point
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop."""
        asyncio.Handle._run = self._original  # type: ignore[method-assign]  # put back what was replaced


def _what(callback: object) -> str:
    """Name what took a step: of a task, what it runs."""
    task = getattr(callback, "__self__", None)
    return repr(task if isinstance(task, asyncio.Task) else callback)


@dataclass(slots=True)
class Cost:
    """Seconds for which the loop stood still at most, and MiB that were taken."""

    stall: float = 0.0
    work: float = 0.0
    memory: float = 0.0


def memory() -> float:
    """Return the MiB of this process that are in memory."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 2**20


@asynccontextmanager
async def measured() -> AsyncIterator[Cost]:
    """Measure, with a task that wants its turn every few milliseconds.

    `stall` is by the clock, and longer where the machine has other things to do;
    `work` is how long this thread itself was busy in between.
    """
    cost = Cost()
    before = memory()

    async def tick() -> None:
        while True:
            asleep, busy = monotonic(), thread_time()
            await asyncio.sleep(0.005)
            cost.stall = max(cost.stall, monotonic() - asleep - 0.005)
            cost.work = max(cost.work, thread_time() - busy)
            cost.memory = max(cost.memory, memory() - before)

    ticking = asyncio.ensure_future(tick())
    await asyncio.sleep(0.02)
    try:
        yield cost
    finally:
        ticking.cancel()


def held_memory() -> float:
    """Return the MiB that are in use, without garbage and what is free again.

    The C library keeps what was freed, for the next to ask, unless it is told.
    """
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
    return memory()
