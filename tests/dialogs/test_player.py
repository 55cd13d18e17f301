"""The dialog that names a player whose plays are reported."""

from typing import Any

from homeassistant.config_entries import (
    SOURCE_RECONFIGURE,
    SOURCE_USER,
    ConfigSubentry,
    SubentryFlowResult,
)
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType, InvalidData
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    get_schema_suggested_value,
)

from custom_components.watched_sync.dialogs.player import followed_entity_id

from ..common import MemoryServer, setup_lane

TV = "media_player.living_room"


@pytest.fixture
def television(hass: HomeAssistant) -> er.RegistryEntry:
    """A player that Home Assistant knows by more than its name."""
    registered = er.async_get(hass).async_get_or_create(
        "media_player", "cast", "tv", suggested_object_id="living_room"
    )
    assert registered.entity_id == TV
    hass.states.async_set(TV, "idle", {"friendly_name": "Living room TV"})
    return registered


async def begin(hass: HomeAssistant, entry: MockConfigEntry) -> SubentryFlowResult:
    form = await hass.config_entries.subentries.async_init(
        (entry.entry_id, "player"), context={"source": SOURCE_USER}
    )
    assert form["type"] is FlowResultType.FORM
    assert form["step_id"] == "user"
    return form


async def again(
    hass: HomeAssistant, entry: MockConfigEntry, subentry: ConfigSubentry
) -> SubentryFlowResult:
    form = await hass.config_entries.subentries.async_init(
        (entry.entry_id, "player"),
        context={
            "source": SOURCE_RECONFIGURE,
            "subentry_id": subentry.subentry_id,
        },
    )
    assert form["type"] is FlowResultType.FORM
    assert form["step_id"] == "reconfigure"
    assert form["description_placeholders"] == {"title": subentry.title}
    return form


async def submit(
    hass: HomeAssistant, form: SubentryFlowResult, **typed: Any
) -> SubentryFlowResult:
    result = await hass.config_entries.subentries.async_configure(
        form["flow_id"], typed
    )
    await hass.async_block_till_done()
    return result


async def report(
    hass: HomeAssistant, entry: MockConfigEntry, player: str = TV, **typed: Any
) -> ConfigSubentry:
    """Report a player, and return its subentry."""
    before = set(entry.subentries)
    result = await submit(hass, await begin(hass, entry), media_player=player, **typed)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    [subentry_id] = set(entry.subentries) - before
    return entry.subentries[subentry_id]


def suggested(form: SubentryFlowResult) -> dict[str, Any]:
    assert form["data_schema"] is not None
    fields = form["data_schema"].schema
    return {str(key): get_schema_suggested_value(fields, str(key)) for key in fields}


async def test_a_player_is_reported_under_its_name(
    hass: HomeAssistant, television: er.RegistryEntry
) -> None:
    entry = await setup_lane(hass)
    subentry = await report(hass, entry, libraries=["films"], report_progress=False)
    assert subentry.title == "Living room TV"
    assert subentry.unique_id == television.id
    assert subentry.data == {
        "media_player": TV,
        "report_progress": False,
        "libraries": ["films"],
    }


async def test_only_the_player_has_to_be_named(hass: HomeAssistant) -> None:
    """One that is not registered is known by its entity id alone."""
    entry = await setup_lane(hass)
    subentry = await report(hass, entry, "media_player.somewhere")
    assert subentry.title == "media_player.somewhere"
    assert subentry.unique_id == "media_player.somewhere"
    assert subentry.data == {
        "media_player": "media_player.somewhere",
        "report_progress": True,
        "libraries": [],
    }
    assert followed_entity_id(hass, subentry) == "media_player.somewhere"


@pytest.mark.usefixtures("television")
async def test_a_player_is_reported_once_to_each_entry(hass: HomeAssistant) -> None:
    entry = await setup_lane(hass)
    await report(hass, entry)
    await report(hass, entry, "media_player.bedroom")
    for player in (TV, "media_player.bedroom"):
        result = await submit(hass, await begin(hass, entry), media_player=player)
        assert result["type"] is FlowResultType.ABORT
        assert result["reason"] == "already_configured"
    other = await setup_lane(hass, MemoryServer(server_id="server-2"))
    await report(hass, other)


async def test_a_player_that_is_registered_later_is_still_the_same(
    hass: HomeAssistant,
) -> None:
    entry = await setup_lane(hass)
    subentry = await report(hass, entry)
    er.async_get(hass).async_get_or_create(
        "media_player", "cast", "tv", suggested_object_id="living_room"
    )
    assert followed_entity_id(hass, subentry) == TV
    result = await submit(hass, await begin(hass, entry), media_player=TV)
    assert result["reason"] == "already_configured"


@pytest.mark.usefixtures("television")
async def test_a_player_with_a_new_name_is_still_the_same(hass: HomeAssistant) -> None:
    entry = await setup_lane(hass)
    subentry = await report(hass, entry)
    er.async_get(hass).async_update_entity(TV, new_entity_id="media_player.tv")
    assert followed_entity_id(hass, subentry) == "media_player.tv"
    result = await submit(
        hass, await begin(hass, entry), media_player="media_player.tv"
    )
    assert result["reason"] == "already_configured"
    form = await again(hass, entry, subentry)
    assert suggested(form)["media_player"] == "media_player.tv"


async def test_a_player_of_ours_is_not_followed(hass: HomeAssistant) -> None:
    """What is reported must not come back to us as something played."""
    entry = await setup_lane(hass)
    ours = er.async_get(hass).async_get_or_create(
        "media_player", "watched_sync", "echo"
    )
    form = await begin(hass, entry)
    typed = {"media_player": ours.entity_id, "report_progress": False}
    form = await submit(hass, form, **typed, libraries=["shows"])
    assert form["errors"] == {"media_player": "own_player"}
    # What was typed is kept.
    assert suggested(form) == typed | {"libraries": ["shows"]}
    result = await submit(hass, form, media_player="media_player.bedroom")
    assert result["type"] is FlowResultType.CREATE_ENTRY


@pytest.mark.parametrize(
    "typed",
    [
        {"media_player": "sensor.living_room"},
        {"media_player": TV, "libraries": ["music"]},
        {"report_progress": True},
    ],
)
async def test_what_makes_no_sense_is_refused(
    hass: HomeAssistant, typed: dict[str, Any]
) -> None:
    form = await begin(hass, await setup_lane(hass))
    with pytest.raises(InvalidData):
        await submit(hass, form, **typed)


@pytest.mark.usefixtures("television")
async def test_what_is_reported_can_be_changed(hass: HomeAssistant) -> None:
    entry = await setup_lane(hass)
    subentry = await report(hass, entry, libraries=["films"])
    hass.config_entries.async_update_subentry(entry, subentry, title="Telly")
    await hass.async_block_till_done()
    form = await again(hass, entry, entry.subentries[subentry.subentry_id])
    assert suggested(form) == {
        "media_player": TV,
        "report_progress": True,
        "libraries": ["films"],
    }
    result = await submit(
        hass, form, media_player=TV, report_progress=False, libraries=[]
    )
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "reconfigure_successful"
    changed = entry.subentries[subentry.subentry_id]
    assert changed.data == {
        "media_player": TV,
        "report_progress": False,
        "libraries": [],
    }
    # The name that a person gave it is kept.
    assert changed.title == "Telly"


@pytest.mark.usefixtures("television")
async def test_another_player_takes_its_place(hass: HomeAssistant) -> None:
    entry = await setup_lane(hass)
    subentry = await report(hass, entry)
    await report(hass, entry, "media_player.bedroom")
    form = await again(hass, entry, subentry)
    result = await submit(hass, form, media_player="media_player.bedroom")
    assert result["reason"] == "already_configured"
    hass.states.async_set("media_player.attic", "idle", {"friendly_name": "Attic"})
    form = await again(hass, entry, subentry)
    result = await submit(hass, form, media_player="media_player.attic")
    assert result["reason"] == "reconfigure_successful"
    changed = entry.subentries[subentry.subentry_id]
    assert (changed.title, changed.unique_id) == ("Attic", "media_player.attic")


async def test_chosen_libraries_are_kept_while_the_server_is_away(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    subentry = await report(hass, entry, libraries=["films"])
    server.go_down()
    form = await again(hass, entry, subentry)
    result = await submit(hass, form, media_player=TV, libraries=["films"])
    assert result["reason"] == "reconfigure_successful"
    assert entry.subentries[subentry.subentry_id].data["libraries"] == ["films"]
