"""The dialog for preferences."""

from typing import Any

from homeassistant.config_entries import ConfigFlowResult
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType, InvalidData
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    get_schema_suggested_value,
)

from custom_components.watched_sync.core.errors import Malformed
from custom_components.watched_sync.dialogs import options as options_flow
from custom_components.watched_sync.preferences import person_of, preferences

from ..common import MOVIE, MemoryServer, drained, lane_entry, mark, setup_lane

CHOSEN: dict[str, Any] = {
    "person": "person.ada",
    "entities": {"up_next_switches": 2, "libraries": ["films"], "panel": False},
    "playback": {"watched_threshold": 75},
    "mirror": {"mirror_to": []},
    "delivery": {"conflict_policy": "server", "max_retry_age": 7},
}


def people(hass: HomeAssistant, **names: str) -> None:
    """Have these persons: their names by their ids."""
    for key, name in names.items():
        hass.states.async_set(f"person.{key}", "home", {"friendly_name": name})


@pytest.fixture(autouse=True)
def ada(hass: HomeAssistant) -> None:
    """Have the person that is chosen."""
    people(hass, ada="Ada")


async def ask(hass: HomeAssistant, entry: MockConfigEntry) -> ConfigFlowResult:
    menu = await hass.config_entries.options.async_init(entry.entry_id)
    assert menu["type"] is FlowResultType.MENU
    assert menu["menu_options"] == ["preferences", "check"]
    form = await hass.config_entries.options.async_configure(
        menu["flow_id"], {"next_step_id": "preferences"}
    )
    assert form["type"] is FlowResultType.FORM
    assert form["step_id"] == "preferences"
    return form


async def submit(
    hass: HomeAssistant, form: ConfigFlowResult, chosen: dict[str, Any]
) -> None:
    result = await hass.config_entries.options.async_configure(form["flow_id"], chosen)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()


def schema_of(form: ConfigFlowResult) -> Any:
    assert form["data_schema"] is not None
    return form["data_schema"].schema


def fields(form: ConfigFlowResult, section: str) -> Any:
    return schema_of(form)[section].schema.schema


def offered(form: ConfigFlowResult, section: str, field: str) -> dict[str, str]:
    """Return what can be chosen: the label by the value."""
    selector = fields(form, section)[field]
    return {one["value"]: one["label"] for one in selector.config["options"]}


def suggested(form: ConfigFlowResult) -> dict[str, Any]:
    return {"person": get_schema_suggested_value(schema_of(form), "person")} | {
        section: {
            str(field): get_schema_suggested_value(fields(form, section), str(field))
            for field in fields(form, section)
        }
        for section in ("entities", "playback", "mirror", "delivery")
    }


async def test_preferences_are_kept_and_shown_again(hass: HomeAssistant) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    await submit(hass, await ask(hass, entry), CHOSEN)
    assert entry.options == CHOSEN
    assert suggested(await ask(hass, entry)) == CHOSEN


async def test_new_preferences_take_effect_at_once(hass: HomeAssistant) -> None:
    server = MemoryServer()
    server.up_next_ids = ["m1", "m2", "e1x1"]
    entry = await setup_lane(hass, server)
    assert entry.runtime_data.coordinator.data.up_next == ("m1", "m2", "e1x1")
    await submit(
        hass,
        await ask(hass, entry),
        CHOSEN | {"entities": {"up_next_switches": 1, "libraries": ["films"]}},
    )
    assert entry.runtime_data.coordinator.data.up_next == ("m1", "m2")
    switches = [
        one for one in hass.states.async_entity_ids("switch") if "_up_next_" in one
    ]
    assert len(switches) == 1


async def test_nothing_has_to_be_chosen(hass: HomeAssistant) -> None:
    entry = await setup_lane(hass, options={})
    form = await ask(hass, entry)
    # Who is called like the server's user is likely to be it.
    assert suggested(form)["person"] == "person.ada"
    await submit(
        hass,
        form,
        {"person": "shared"} | {section: {} for section in CHOSEN.keys() - {"person"}},
    )
    assert entry.options == {
        "person": "shared",
        "entities": {"up_next_switches": 10, "libraries": [], "panel": True},
        "playback": {"watched_threshold": 90},
        "mirror": {"mirror_to": []},
        "delivery": {"conflict_policy": "newest", "max_retry_age": 30},
    }


async def test_whose_it_is_is_chosen_among_persons_and_two_words(
    hass: HomeAssistant,
) -> None:
    people(hass, grace="Grace", ada="Ada")
    entry = await setup_lane(hass, options=CHOSEN)
    form = await ask(hass, entry)
    choices = schema_of(form)["person"].config["options"]
    assert [(one["value"], one["label"]) for one in choices] == [
        ("person.ada", "Ada"),
        ("person.grace", "Grace"),
        ("somebody_else", "Somebody else"),
        ("shared", "Shared by the household"),
    ]
    await submit(hass, form, CHOSEN | {"person": "somebody_else"})
    assert person_of(entry) == "somebody_else"


@pytest.mark.parametrize(
    ("section", "field", "value"),
    [
        ("entities", "up_next_switches", -1),
        ("entities", "up_next_switches", 51),
        ("entities", "libraries", ["music"]),
        ("playback", "watched_threshold", 49),
        ("playback", "watched_threshold", 101),
        ("mirror", "mirror_to", ["nowhere"]),
        ("delivery", "max_retry_age", 0),
        ("delivery", "conflict_policy", "whoever"),
    ],
)
async def test_preferences_out_of_bounds_are_refused(
    hass: HomeAssistant, section: str, field: str, value: object
) -> None:
    entry = await setup_lane(hass)
    form = await ask(hass, entry)
    chosen = CHOSEN | {section: CHOSEN[section] | {field: value}}
    with pytest.raises(InvalidData):
        await hass.config_entries.options.async_configure(form["flow_id"], chosen)


async def test_whom_nobody_knows_is_refused(hass: HomeAssistant) -> None:
    form = await ask(hass, await setup_lane(hass))
    with pytest.raises(InvalidData):
        await hass.config_entries.options.async_configure(
            form["flow_id"], CHOSEN | {"person": "person.grace"}
        )


async def test_a_queued_operation_survives_new_preferences(hass: HomeAssistant) -> None:
    """Also one for something that is in no allowed library any more."""
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    form = await ask(hass, entry)
    server.go_down()
    await mark(entry)
    before = entry.runtime_data
    chosen = CHOSEN | {"entities": {"up_next_switches": 2, "libraries": ["shows"]}}
    await submit(hass, form, chosen)
    assert entry.runtime_data is not before
    assert entry.runtime_data.coordinator.data.pending == 1
    server.come_up()
    entry.runtime_data.relay.nudge()
    await drained(hass, entry)
    assert [item_id for item_id, _ in server.writes] == [MOVIE.item_id]


# --- libraries -------------------------------------------------------------


async def test_libraries_are_offered_by_their_names(hass: HomeAssistant) -> None:
    form = await ask(hass, await setup_lane(hass))
    names = {"films": "Films", "shows": "Shows"}
    assert offered(form, "entities", "libraries") == names


async def test_a_chosen_library_that_the_server_hides_now_is_not_lost(
    hass: HomeAssistant,
) -> None:
    options = {"entities": {"libraries": ["films", "kids"]}}
    entry = await setup_lane(hass, options=options)
    form = await ask(hass, entry)
    assert offered(form, "entities", "libraries") == {
        "films": "Films",
        "shows": "Shows",
        "kids": "kids",
    }
    assert suggested(form)["entities"]["libraries"] == ["films", "kids"]


@pytest.mark.parametrize("trouble", ["away", "broken", "slow", "never there"])
async def test_chosen_libraries_outlast_a_server_that_cannot_be_asked(
    hass: HomeAssistant, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = MemoryServer()
    if trouble == "never there":
        server.go_down()
    entry = await setup_lane(hass, server, options=CHOSEN)
    if trouble == "away":
        server.go_down()
    elif trouble == "broken":
        server.fail_next.append(Malformed("html"))
    elif trouble == "slow":
        monkeypatch.setattr(options_flow, "PATIENCE", 0)
        server.gate.clear()
    form = await ask(hass, entry)
    assert offered(form, "entities", "libraries") == {"films": "films"}
    server.gate.set()
    server.come_up()
    await submit(hass, form, CHOSEN)
    assert preferences(entry).libraries == {"films"}


# --- where changes are copied to -------------------------------------------


async def test_changes_can_be_copied_to_the_other_entries(hass: HomeAssistant) -> None:
    entry = await setup_lane(hass)
    other = MemoryServer(server_id="server-2", server_name="Cellar")
    cellar = await setup_lane(hass, other)
    away = lane_entry(MemoryServer(server_id="server-3", server_name="Shed"))
    away.add_to_hass(hass)
    form = await ask(hass, entry)
    assert offered(form, "mirror", "mirror_to") == {
        cellar.entry_id: "Cellar (Ada) - Jellyfin",
        away.entry_id: "Shed (Ada) - Jellyfin",
    }
    await submit(hass, form, CHOSEN | {"mirror": {"mirror_to": [cellar.entry_id]}})
    assert preferences(entry).mirror_to == (cellar.entry_id,)
    assert suggested(await ask(hass, entry))["mirror"] == {
        "mirror_to": [cellar.entry_id]
    }


async def test_an_entry_that_was_removed_is_no_choice_any_more(
    hass: HomeAssistant,
) -> None:
    options = CHOSEN | {"mirror": {"mirror_to": ["gone"]}}
    entry = await setup_lane(hass, options=options)
    form = await ask(hass, entry)
    assert offered(form, "mirror", "mirror_to") == {}
    assert suggested(form)["mirror"] == {"mirror_to": []}
