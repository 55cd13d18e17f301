"""What is put together here is read as it is on the page."""

import pytest

from custom_components.watched_sync.words import clock


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0:00"),
        (30.4, "0:30"),
        (2436, "40:36"),
        (3599.6, "1:00:00"),
        (5025, "1:23:45"),
        (90_000, "25:00:00"),
    ],
)
def test_hours_are_said_where_there_are_some(seconds: float, text: str) -> None:
    assert clock(seconds) == text
