"""Reads that fail again and again although the server is there.

Operations are delivered all the same, each compared with a reading of its own. But what
others watch or mark is not seen meanwhile, and whoever looks at a lane has to know.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from .errors import Reason, ServerError, reason_of
from .ports import Clock

#: Failures in a row, and seconds over which they go on, until a read counts as failing.
MANY = 3
LONG = 120.0


class Read(StrEnum):
    """What is read; each kind may fail by itself.

    `EVERYTHING` includes the others, but for looking for tracked items that are gone.
    """

    EVERYTHING = "everything"
    LISTS = "lists"
    HINTS = "hints"
    GLANCE = "glance"
    TRACKED = "tracked"


@dataclass(frozen=True, slots=True)
class ReadTrouble:
    """Why a read fails, and since when it has failed each time."""

    reason: Reason
    since: datetime


@dataclass(slots=True)
class _Failing:
    """How often a read has failed in a row; `began` is monotonic, in seconds."""

    began: float
    trouble: ReadTrouble
    count: int = 1
    lasts: bool = False


class FailingReads:
    """The reads of one lane that have failed since they last went well."""

    def __init__(self, clock: Clock) -> None:
        """Start with none."""
        self._clock = clock
        self._failing: dict[Read, _Failing] = {}

    @property
    def trouble(self) -> ReadTrouble | None:
        """What has failed for longest, of what has failed often and for long."""
        return min(
            (one.trouble for one in self._failing.values() if one.lasts),
            key=lambda one: one.since,
            default=None,
        )

    def failed(self, read: Read, error: ServerError) -> None:
        """Note that *read* has failed with *error*."""
        reason, now = reason_of(error), self._clock.monotonic()
        failing = self._failing.get(read)
        if failing is None:
            trouble = ReadTrouble(reason, self._clock.now())
            self._failing[read] = _Failing(now, trouble)
            return
        failing.count += 1
        failing.trouble = ReadTrouble(reason, failing.trouble.since)
        failing.lasts = failing.count >= MANY and now - failing.began >= LONG

    def succeeded(self, read: Read) -> None:
        """Note that *read* went well."""
        over = set(Read) - {Read.TRACKED} if read is Read.EVERYTHING else {read}
        for one in over:
            self._failing.pop(one, None)
