"""A day of two lanes that follow each other: nothing is missing at its end.

The whole day is lived through again with `scripts/simulate --day --seed N`.
"""

import pytest

from custom_components.watched_sync.core import mirror

from .day import Counts, simulate
from .records import Broken

#: Longer than any takes, on a busy machine as well.
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("CRITICAL")


def _lived(*, hours: float, largest: int) -> Counts:
    counts = Counts()
    simulate(17, counts, hours=hours, largest=largest)
    print(*counts.lines(), sep="\n")  # noqa: T201 - shown with -s, and where it fails
    return counts


def _is_complete(counts: Counts) -> bool:
    return (
        counts.missing == 0
        and counts.copied + counts.asked == counts.changes
        and counts.delivered == counts.operations
    )


def test_hours_of_bursts_and_restarts_lose_nothing() -> None:
    counts = _lived(hours=1.5, largest=400)
    assert _is_complete(counts)
    assert counts.largest == 400
    assert counts.asked >= 400
    assert counts.operations > 30
    assert counts.deaths
    assert counts.server_restarts


@pytest.mark.long
def test_a_day_of_bursts_and_restarts_loses_nothing() -> None:
    counts = _lived(hours=24, largest=2_000)
    assert _is_complete(counts)
    # But for what somebody else has changed while it went on.
    assert counts.largest > 1_990
    assert counts.bursts > 10
    assert counts.asked > 5_000
    assert counts.operations > 1_000
    assert counts.deaths > 5
    assert counts.server_restarts > 5


@pytest.mark.long
@pytest.mark.parametrize(
    ("limit", "value", "story"),
    [
        pytest.param("MOST_MOVES", 100, "is missing", id="the oldest are given up"),
        pytest.param("MOST_CHANGES", 9_999, "copied unasked", id="nobody is asked"),
    ],
)
def test_a_burst_that_is_cut_or_not_asked_about_is_noticed(
    monkeypatch: pytest.MonkeyPatch, limit: str, value: int, story: str
) -> None:
    monkeypatch.setattr(mirror, limit, value)
    # So that only what others mark counts, however many un-marks there are.
    monkeypatch.setattr(mirror, "MOST_UNMARKS", 9_999)
    with pytest.raises(Broken, match=story):
        _lived(hours=1.5, largest=300)
