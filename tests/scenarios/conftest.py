"""Scenarios: Home Assistant, its disk, our clients and TCP are real."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

from homeassistant.core import HomeAssistant
import pytest

from tests.fakes.base import FakeClock
from tests.fakes.emby import FakeEmby
from tests.fakes.jellyfin import FakeJellyfin
from tests.fakes.plex import FakePlex

from .house import EmbySide, JellyfinSide, PlexSide, Side, Traffic
from .machine import TimeMachine


@pytest.fixture(autouse=True)
def network(socket_enabled: None) -> None:
    """Let requests out, to 127.0.0.1."""


@pytest.fixture
def hass_storage() -> dict[str, Any]:
    """Leave the disk to be a disk."""
    return {}


@pytest.fixture
async def plex() -> AsyncIterator[PlexSide]:
    async with FakePlex(clock=FakeClock(ticking=True)) as server:
        yield PlexSide(server)


@pytest.fixture
async def jellyfin() -> AsyncIterator[JellyfinSide]:
    async with FakeJellyfin(clock=FakeClock(ticking=True)) as server:
        yield JellyfinSide(server)


@pytest.fixture
async def emby() -> AsyncIterator[EmbySide]:
    async with FakeEmby(clock=FakeClock(ticking=True)) as server:
        yield EmbySide(server)


@pytest.fixture(params=["plex", "jellyfin"])
def side(request: pytest.FixtureRequest) -> Side:
    """One kind of server after the other."""
    found: Side = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def machine(
    request: pytest.FixtureRequest,
    hass: HomeAssistant,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[TimeMachine]:
    """Skip waiting, once a test has switched it on (see `TimeMachine`)."""
    made = TimeMachine(hass.loop, monkeypatch)
    for name in ("side", "plex", "jellyfin", "emby"):
        if name in request.fixturenames:
            side: Side = request.getfixturevalue(name)
            made.take_along(side.server.clock)
    yield made
    made.stop()


@pytest.fixture
def traffic(monkeypatch: pytest.MonkeyPatch) -> Traffic:
    """Every request that leaves."""
    return Traffic(monkeypatch)
