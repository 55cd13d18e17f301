"""What the tests in the browser share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from .house import House


@pytest.fixture(autouse=True)
def network(socket_enabled: None) -> None:
    """Let requests out, to 127.0.0.1."""


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A house with both servers connected."""
    async with House(tmp_path) as house:
        yield house


@pytest.fixture
async def empty_house(tmp_path: Path) -> AsyncIterator[House]:
    """A house in which nothing is connected yet."""
    async with House(tmp_path, plex=False, jellyfin=False) as house:
        yield house
