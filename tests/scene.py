"""What tests of entities and actions do over and over: look, and lose contact."""

from datetime import datetime
from typing import override

from homeassistant.core import HomeAssistant, State
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.watched_sync.core.lane import Phase
from custom_components.watched_sync.core.ports import Clock
from custom_components.watched_sync.core.slots import STEADY_AFTER
from custom_components.watched_sync.runtime import WatchedSyncRuntime

from .common import MemoryServer, until


def shown(hass: HomeAssistant, entity_id: str) -> State:
    """Return the state of an entity that must be there."""
    state = hass.states.get(entity_id)
    assert state is not None, sorted(hass.states.async_entity_ids())
    return state


async def lose_contact(
    hass: HomeAssistant, entry: MockConfigEntry, server: MemoryServer
) -> None:
    """Make the server unreachable, and wait until that is known."""
    server.go_down()
    await _notice(hass, entry, Phase.BACKING_OFF)


async def revoke_token(
    hass: HomeAssistant, entry: MockConfigEntry, server: MemoryServer
) -> None:
    """Make the server refuse the token, and wait until that is known."""
    server.revoke()
    await _notice(hass, entry, Phase.PARKED)


async def _notice(hass: HomeAssistant, entry: MockConfigEntry, phase: Phase) -> None:
    runtime: WatchedSyncRuntime = entry.runtime_data
    runtime.relay.nudge()
    await until(runtime, lambda: runtime.lane.health.phase is phase)
    await hass.async_block_till_done()


class _Ahead(Clock):
    """A clock whose seconds are ahead of another's."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds

    @override
    def now(self) -> datetime:
        return self._clock.now()

    @override
    def monotonic(self) -> float:
        return self._clock.monotonic() + self._seconds


def look_at_it(entry: MockConfigEntry, seconds: float = STEADY_AFTER) -> None:
    """Let time pass for those who look at the switches, and for nobody else."""
    runtime: WatchedSyncRuntime = entry.runtime_data
    runtime.clock = _Ahead(runtime.clock, seconds)
