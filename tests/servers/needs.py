"""What a test of the contract needs of a server that not every one gives."""

from collections.abc import Collection
from enum import StrEnum
from typing import Final

import pytest


class Need(StrEnum):
    """Given by every simulated server; the argument of `pytest.mark.needs`."""

    CLOCK = "clock"
    """Its time is what the test says."""
    FAULTS = "faults"
    """It breaks when the test says so."""
    SWITCHES = "switches"
    """It answers in another way when the test says so."""
    FILES = "files"
    """Its library changes when the test says so."""
    PICTURES = "pictures"
    """It has posters of a known size."""
    USERS = "users"
    """It has several users, who see what the test says and can be signed out."""


ALL_NEEDS: Final = frozenset(Need)


def needs_of(item: pytest.Item) -> frozenset[Need]:
    """Return what a test says that it needs; ValueError for what nobody gives."""
    marks = item.iter_markers("needs")
    return frozenset(Need(need) for mark in marks for need in mark.args)


class LeaveOut:
    """Plugin of pytest: leaves out what needs more than is given."""

    def __init__(self, given: Collection[Need]) -> None:
        """Keep what needs nothing, or only what is *given*."""
        self._given = frozenset(given)

    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        """Leave them out before anything is run."""
        left_out = [one for one in items if needs_of(one) - self._given]
        if left_out:
            config.hook.pytest_deselected(items=left_out)
            items[:] = [one for one in items if not needs_of(one) - self._given]
