"""Waiting for a person who approves a sign-in on another device."""

import asyncio
from collections.abc import Awaitable, Callable
import time
from typing import Final

from ..core.errors import Busy, Fault, ItemGone, Malformed, ServerError, Unreachable

#: Seconds between two questions whether a code was approved.
PAUSE: Final = 2.0
#: The same while the server does not answer, or asks for patience.
LONGEST_PAUSE: Final = 30.0

#: What passes by itself: the code stays good meanwhile.
_PASSING: Final = (Busy, Fault, Malformed, Unreachable)


class CodeExpired(ItemGone):
    """The code is good no longer, or was used already; ask for another one."""


async def until_approved[T](
    poll: Callable[[], Awaitable[T | None]],
    lifetime: float,
    *,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    monotonic: Callable[[], float] = time.monotonic,
) -> T:
    """Ask *poll* until it returns something, and return that.

    *lifetime* is how many seconds the code is good. A server that is away or asks
    for patience is asked less and less often, and never sooner than it wants to be.
    Raises `CodeExpired` once the time is over, and whatever else *poll* raises.
    """
    ends = monotonic() + lifetime
    pause = PAUSE
    last: ServerError | None = None
    while True:
        wait = pause
        try:
            found = await poll()
        except _PASSING as error:
            last = error
            pause = min(pause * 2, LONGEST_PAUSE)
            wait = pause
            if isinstance(error, Busy) and error.retry_after is not None:
                wait = max(wait, error.retry_after)
        else:
            if found is not None:
                return found
            last, pause = None, PAUSE
            wait = pause
        left = ends - monotonic()
        if left <= 0:
            raise CodeExpired("nobody approved the code in time") from last
        await sleep(min(wait, left))
