"""What every measurement needs: silence, real sockets and a real disk."""

from collections.abc import Iterator
import logging
from typing import Any

import pytest


@pytest.fixture(scope="module", autouse=True)
def silence() -> Iterator[None]:
    """Print nothing but the table."""
    logging.disable(logging.ERROR)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture(autouse=True, scope="session")
def rare_garbage_collection() -> None:
    """Collect garbage as everywhere: it is a part of what things cost."""


@pytest.fixture(autouse=True)
def network(socket_enabled: None) -> None:
    """Let requests out, to 127.0.0.1."""


@pytest.fixture
def hass_storage() -> dict[str, Any]:
    """Leave the disk to be a disk."""
    return {}


@pytest.fixture
def hass_config_dir(hass_tmp_config_dir: str) -> str:
    return hass_tmp_config_dir
