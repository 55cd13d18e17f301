"""Whether the server can be reached is shown, once it is known."""

from homeassistant.const import STATE_OFF, STATE_ON
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er

from custom_components.watched_sync.core.lane import Phase

from .common import MemoryServer, setup_lane, until

CONNECTED = "binary_sensor.attic_ada_connected"


async def test_connected_follows_the_server(hass: HomeAssistant) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    runtime = entry.runtime_data
    state = hass.states.get(CONNECTED)
    assert state is not None
    assert state.state == STATE_ON
    assert state.attributes["device_class"] == "connectivity"

    server.go_down()
    runtime.relay.nudge()
    await until(runtime, lambda: runtime.lane.health.phase is Phase.BACKING_OFF)
    assert hass.states.is_state(CONNECTED, STATE_OFF)

    server.come_up()
    runtime.relay.nudge()
    await until(runtime, lambda: runtime.lane.health.phase is Phase.READY)
    assert hass.states.is_state(CONNECTED, STATE_ON)


async def test_revoked_token_is_not_connected(hass: HomeAssistant) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    server.revoke()
    entry.runtime_data.relay.nudge()
    await until(
        entry.runtime_data,
        lambda: entry.runtime_data.lane.health.phase is Phase.PARKED,
    )
    await hass.async_block_till_done()
    assert hass.states.is_state(CONNECTED, STATE_OFF)


async def test_it_belongs_to_the_lane(hass: HomeAssistant) -> None:
    await setup_lane(hass)
    registered = er.async_get(hass).async_get(CONNECTED)
    assert registered is not None
    assert registered.unique_id == "server-1:user-1:connected"
