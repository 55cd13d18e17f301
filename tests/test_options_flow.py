"""The dialog for preferences."""

from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType, InvalidData
import pytest
from pytest_homeassistant_custom_component.common import get_schema_suggested_value

from .common import MOVIE, MemoryServer, drained, mark, setup_lane


async def test_preferences_are_kept_and_take_effect(hass: HomeAssistant) -> None:
    server = MemoryServer()
    server.up_next_ids = ["m1", "m2", "e1x1"]
    entry = await setup_lane(hass, server)
    assert len(entry.runtime_data.coordinator.data.up_next) == 3
    form = await hass.config_entries.options.async_init(entry.entry_id)
    assert form["type"] is FlowResultType.FORM
    assert form["step_id"] == "init"
    chosen = {
        "entities": {"up_next_switches": 2},
        "delivery": {"conflict_policy": "server", "max_retry_age": 7},
    }
    result = await hass.config_entries.options.async_configure(form["flow_id"], chosen)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()
    assert entry.options == chosen
    assert entry.runtime_data.coordinator.data.up_next == ("m1", "m2")

    form = await hass.config_entries.options.async_init(entry.entry_id)
    assert form["data_schema"] is not None
    sections = {str(key): value for key, value in form["data_schema"].schema.items()}
    assert (
        get_schema_suggested_value(
            sections["entities"].schema.schema, "up_next_switches"
        )
        == 2
    )
    assert (
        get_schema_suggested_value(
            sections["delivery"].schema.schema, "conflict_policy"
        )
        == "server"
    )


@pytest.mark.parametrize(
    ("section", "field", "value"),
    [
        ("entities", "up_next_switches", -1),
        ("entities", "up_next_switches", 51),
        ("delivery", "max_retry_age", 0),
        ("delivery", "conflict_policy", "whoever"),
    ],
)
async def test_preferences_out_of_bounds_are_refused(
    hass: HomeAssistant, section: str, field: str, value: object
) -> None:
    entry = await setup_lane(hass)
    form = await hass.config_entries.options.async_init(entry.entry_id)
    chosen: dict[str, dict[str, object]] = {
        "entities": {"up_next_switches": 2},
        "delivery": {"conflict_policy": "server", "max_retry_age": 7},
    }
    chosen[section][field] = value
    with pytest.raises(InvalidData):
        await hass.config_entries.options.async_configure(form["flow_id"], chosen)


async def test_a_queued_wish_survives_new_preferences(hass: HomeAssistant) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    server.go_down()
    await mark(entry)
    before = entry.runtime_data
    form = await hass.config_entries.options.async_init(entry.entry_id)
    await hass.config_entries.options.async_configure(
        form["flow_id"],
        {
            "entities": {"up_next_switches": 2},
            "delivery": {"conflict_policy": "server", "max_retry_age": 7},
        },
    )
    await hass.async_block_till_done()
    assert entry.runtime_data is not before
    assert entry.runtime_data.coordinator.data.pending == 1
    server.come_up()
    entry.runtime_data.relay.nudge()
    await drained(hass, entry)
    assert [item_id for item_id, _ in server.writes] == [MOVIE.item_id]
