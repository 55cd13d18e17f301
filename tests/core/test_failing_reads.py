"""When a read counts as one that keeps failing, and when it is over."""

from datetime import datetime, timedelta

import pytest

from custom_components.watched_sync.core.errors import (
    AuthRejected,
    Fault,
    ItemGone,
    Malformed,
    Reason,
    Unanswered,
)
from custom_components.watched_sync.core.failing_reads import (
    FailingReads,
    Read,
    ReadTrouble,
)

from .samples import at


class HandClock:
    """A clock that is moved by hand; both its times go together."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return at(0) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds


class Reads:
    """Reads that fail and go well at given seconds."""

    def __init__(self) -> None:
        self._clock = HandClock()
        self.reads = FailingReads(self._clock)

    def fail(self, *seconds: float, read: Read = Read.GLANCE) -> None:
        for second in seconds:
            self._clock.seconds = second
            self.reads.failed(read, Malformed("<html>"))


@pytest.mark.parametrize(
    ("seconds", "lasts"),
    [
        ((0,), False),
        ((0, 300), False),
        ((0, 1, 2, 3, 119), False),
        ((0, 1, 120), True),
        ((0, 60, 120, 180), True),
    ],
)
def test_it_takes_three_failures_over_two_minutes(
    seconds: tuple[float, ...], *, lasts: bool
) -> None:
    found = Reads()
    found.fail(*seconds)
    assert found.reads.trouble == (
        ReadTrouble(Reason.MALFORMED, at(0)) if lasts else None
    )


def test_a_read_that_goes_well_ends_it_and_another_kind_does_not() -> None:
    found = Reads()
    found.fail(0, 60, 120)
    found.reads.succeeded(Read.LISTS)
    assert found.reads.trouble
    found.reads.succeeded(Read.GLANCE)
    assert not found.reads.trouble
    found.fail(121, 122)
    assert not found.reads.trouble, "it began anew"


def test_reading_everything_ends_all_but_the_search_for_what_is_gone() -> None:
    found = Reads()
    for read in Read:
        found.fail(0, 60, 120, read=read)
    found.reads.succeeded(Read.EVERYTHING)
    assert found.reads.trouble
    found.reads.succeeded(Read.TRACKED)
    assert not found.reads.trouble


def test_the_last_reason_and_the_longest_trouble_are_told() -> None:
    found = Reads()
    found.fail(0, 60, 120)
    found.reads.failed(Read.GLANCE, Fault("500"))
    found.fail(30, 90, 150, read=Read.LISTS)
    assert found.reads.trouble == ReadTrouble(Reason.SERVER_FAULT, at(0))


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (Unanswered("slow"), Reason.UNREACHABLE),
        (AuthRejected("401"), Reason.FORBIDDEN),
        (ItemGone("404"), Reason.MISSING),
    ],
)
def test_each_error_has_a_reason(error: Fault, reason: Reason) -> None:
    found = Reads()
    found.fail(0, 60, 120)
    found.reads.failed(Read.GLANCE, error)
    assert found.reads.trouble
    assert found.reads.trouble.reason is reason
