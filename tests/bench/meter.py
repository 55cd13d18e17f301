"""The longest time in which the event loop could do nothing else."""

import asyncio
from dataclasses import dataclass
from time import perf_counter, thread_time
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
                meter.longest = Stall(wall, thread_time() - used, repr(callback))

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
