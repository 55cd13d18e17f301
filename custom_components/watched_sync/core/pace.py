"""When a server may be asked for what may take it long.

Servers have hours in which a wide listing takes a minute and more, and they go on
working on it after whoever asked has hung up.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from .errors import ServerError, Unanswered
from .ports import Clock

#: Seconds after which a request was slow; and how long a server is left alone after a
#: slow one: three an hour at most.
SLOW = 5.0
SLOW_REST = 1200.0

#: How many times as long as a request took the server is left alone after it.
REST_FACTOR = 3.0


class Pace:
    """Lets one request at a time go out to a server; shared by all lanes of it."""

    def __init__(self, clock: Clock) -> None:
        """Allow the first request at once."""
        self._clock = clock
        self._alone = asyncio.Lock()
        self._not_before = clock.monotonic()

    @property
    def is_slow(self) -> bool:
        """Whether the server is left alone after a request that took it long."""
        return self._not_before - self._clock.monotonic() > REST_FACTOR * SLOW

    @asynccontextmanager
    async def turn(self, *, is_waited_for: bool = False) -> AsyncGenerator[None]:
        """Wait for a turn; what is done in it is one request.

        After one that was slow the server is left alone in any case, after others
        unless this one *is_waited_for*. One that was given up, or cancelled, may keep
        the server busy for as long as a slow one does.
        """
        async with self._alone:
            if self.is_slow or not is_waited_for:
                await asyncio.sleep(max(self._not_before - self._clock.monotonic(), 0))
            async with self.beside():
                yield

    @asynccontextmanager
    async def beside(self) -> AsyncGenerator[None]:
        """Take no turn, for one request that is cheap; if it is not, others rest."""
        began_at = self._clock.monotonic()
        is_answered = False
        try:
            yield
            is_answered = True
        except ServerError as err:
            is_answered = not isinstance(err, Unanswered)
            raise
        finally:
            now = self._clock.monotonic()
            rest = REST_FACTOR * (now - began_at)
            if not is_answered or now - began_at > SLOW:
                rest = max(rest, SLOW_REST)
            self._not_before = max(self._not_before, now + rest)
