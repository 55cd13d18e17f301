"""How many writes go out at once: as many as do a server good, or one after the other.

Most servers are done sooner with several at once. Others make them wait for each other,
or fail, as one on a slow disk does while it scans a library: these get one at a time
until they answer well again.
"""

from collections import deque
from collections.abc import Callable, Generator
from contextlib import contextmanager

from .errors import Busy, Fault, Unreachable
from .pace import SLOW
from .ports import Clock

#: The answers by which it is known how quick a server can be.
REMEMBERED = 50

#: How many times as long as if they had gone out one after the other writes may take,
#: and the seconds within which an answer is quick, whatever others took.
SLOWER = 2.0
QUICK = 0.25

#: Good answers in a row after which one more goes out at once.
GOOD = 20

#: What tells of a server that has enough to do, and not of an item or a sign-in.
_TROUBLE = (Busy, Fault, Unreachable)


class Concurrency:
    """Says how many writes a server may be sent at once, by its answers to others."""

    def __init__(self, most: Callable[[], int], clock: Clock) -> None:
        """Allow as many as *most* says until an answer says otherwise."""
        self._most = most
        self._clock = clock
        self._held_back = 0
        self._good = 0
        self._seconds: deque[float] = deque(maxlen=REMEMBERED)

    @property
    def allowed(self) -> int:
        """How many may be under way at once; one at least."""
        return max(self._most() - self._held_back, 1)

    @contextmanager
    def judging(self) -> Generator[None]:
        """Send one write in it, and learn from how it is answered.

        What is refused, or answered by nobody of ours, teaches nothing.
        """
        began_at = self._clock.monotonic()
        try:
            yield
        except _TROUBLE:
            self._fall_back()
            raise
        self._answered(self._clock.monotonic() - began_at)

    def _answered(self, seconds: float) -> None:
        self._seconds.append(seconds)
        in_turn = self.allowed * min(self._seconds)
        if seconds > SLOW or seconds > max(SLOWER * in_turn, QUICK):
            self._fall_back()
            return
        self._good += 1
        if self._good >= GOOD and self._held_back:
            self._held_back -= 1
            self._good = 0

    def _fall_back(self) -> None:
        self._held_back = self._most() - 1
        self._good = 0
