"""The dialog that tracks a movie or show."""

from dataclasses import replace
from unittest.mock import patch

from homeassistant.config_entries import (
    SOURCE_RECONFIGURE,
    SOURCE_USER,
    SubentryFlowResult,
)
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import device_registry as dr, entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    get_schema_suggested_value,
)

from custom_components.watched_sync.core.errors import (
    Forbidden,
    Malformed,
    ServerError,
    WrongServer,
)
from custom_components.watched_sync.core.identity import Item, MediaKind
from custom_components.watched_sync.core.ports import Library

from ..common import MOVIE, OTHER_MOVIE, SHOW, MemoryServer, drained, mark, setup_lane
from ..test_config_flow import ERRORS, IDS


async def search(
    hass: HomeAssistant, entry: MockConfigEntry, query: str
) -> SubentryFlowResult:
    form = await hass.config_entries.subentries.async_init(
        (entry.entry_id, "item"), context={"source": SOURCE_USER}
    )
    assert form["type"] is FlowResultType.FORM
    assert form["step_id"] == "user"
    return await hass.config_entries.subentries.async_configure(
        form["flow_id"], {"query": query}
    )


def candidates(form: SubentryFlowResult) -> dict[str, str]:
    """Return what can be picked: the label by the item id."""
    assert form["step_id"] == "pick"
    assert form["data_schema"] is not None
    [selector] = form["data_schema"].schema.values()
    return {one["value"]: one["label"] for one in selector.config["options"]}


async def test_title_that_is_misspelt_is_offered(hass: HomeAssistant) -> None:
    entry = await setup_lane(hass)
    form = await search(hass, entry, "Sevrance")
    assert candidates(form) == {"s1": "Severance (2022) - Show"}


async def test_a_show_found_by_its_title_is_tracked(hass: HomeAssistant) -> None:
    entry = await setup_lane(hass)
    form = await search(hass, entry, " sever ")
    assert candidates(form) == {"s1": "Severance (2022) - Show"}
    result = await hass.config_entries.subentries.async_configure(
        form["flow_id"], {"item": "s1"}
    )
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()
    [subentry] = entry.subentries.values()
    assert (subentry.title, subentry.unique_id) == ("Severance", "s1")
    assert set(entry.runtime_data.coordinator.tracked_ids) == {"s1"}


async def test_a_movie_is_offered_with_its_year_and_kind(hass: HomeAssistant) -> None:
    entry = await setup_lane(hass)
    form = await search(hass, entry, "arrival")
    assert candidates(form) == {"m1": "Arrival (2016) - Movie"}


async def test_copies_of_one_film_can_be_told_apart(hass: HomeAssistant) -> None:
    copy = Item("m3", MediaKind.MOVIE, "Arrival", 2016, library_id="4k")
    bare = Item("m4", MediaKind.MOVIE, "Arrivals")
    server = MemoryServer([MOVIE, copy, bare])
    server.shelves.append(Library("4k", "Films 4K", MediaKind.MOVIE))
    entry = await setup_lane(hass, server)
    form = await search(hass, entry, "arrival")
    assert candidates(form) == {
        "m1": "Arrival (2016) - Movie, Films",
        "m3": "Arrival (2016) - Movie, Films 4K",
        "m4": "Arrivals - Movie",
    }
    # Nothing is chosen beforehand where there is a choice.
    assert form["data_schema"] is not None
    assert get_schema_suggested_value(form["data_schema"].schema, "item") == ""


async def test_copies_in_one_library_or_in_none_are_told_apart_by_their_ids(
    hass: HomeAssistant,
) -> None:
    copy = replace(MOVIE, item_id="m3")
    lost = [replace(OTHER_MOVIE, item_id=one, library_id=None) for one in ("m5", "m6")]
    entry = await setup_lane(hass, MemoryServer([MOVIE, copy, *lost]))
    assert candidates(await search(hass, entry, "a")) == {
        "m1": "Arrival (2016) - Movie, Films, m1",
        "m3": "Arrival (2016) - Movie, Films, m3",
        "m5": "Contact (1997) - Movie, m5",
        "m6": "Contact (1997) - Movie, m6",
    }


async def test_copies_are_told_apart_though_the_libraries_have_no_names(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer([MOVIE, replace(MOVIE, item_id="m3", library_id="4k")])
    entry = await setup_lane(hass, server)
    form = await hass.config_entries.subentries.async_init(
        (entry.entry_id, "item"), context={"source": SOURCE_USER}
    )
    with patch.object(server, "libraries", side_effect=Malformed("html")):
        form = await hass.config_entries.subentries.async_configure(
            form["flow_id"], {"query": "arrival"}
        )
    assert candidates(form) == {
        "m1": "Arrival (2016) - Movie, films",
        "m3": "Arrival (2016) - Movie, 4k",
    }


async def test_what_is_not_allowed_is_not_found(hass: HomeAssistant) -> None:
    entry = await setup_lane(hass, options={"entities": {"libraries": ["shows"]}})
    form = await search(hass, entry, "a")
    assert candidates(form) == {"s1": "Severance (2022) - Show"}
    assert form["data_schema"] is not None
    suggested = get_schema_suggested_value(form["data_schema"].schema, "item")
    assert suggested == "s1"
    form = await search(hass, entry, "arrival")
    assert form["errors"] == {"query": "nothing_found"}


async def test_a_title_that_is_not_found_can_be_typed_again(
    hass: HomeAssistant,
) -> None:
    entry = await setup_lane(hass)
    form = await search(hass, entry, "nothing like it")
    assert form["errors"] == {"query": "nothing_found"}
    assert form["data_schema"] is not None
    typed = get_schema_suggested_value(form["data_schema"].schema, "query")
    assert typed == "nothing like it"
    form = await hass.config_entries.subentries.async_configure(
        form["flow_id"], {"query": "arrival"}
    )
    assert candidates(form) == {"m1": "Arrival (2016) - Movie"}


async def test_what_is_tracked_is_not_offered_again(hass: HomeAssistant) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server, subentries=[SHOW])
    form = await search(hass, entry, "severance")
    assert form["errors"] == {"query": "already_tracked"}
    form = await hass.config_entries.subentries.async_configure(
        form["flow_id"], {"query": "a"}
    )
    assert set(candidates(form)) == {"m1", "m2"}


async def test_an_item_tracked_meanwhile_is_not_tracked_twice(
    hass: HomeAssistant,
) -> None:
    entry = await setup_lane(hass)
    forms = [await search(hass, entry, "arrival") for _ in range(2)]
    results = []
    for form in forms:
        results.append(
            await hass.config_entries.subentries.async_configure(
                form["flow_id"], {"item": "m1"}
            )
        )
        await hass.async_block_till_done()
    assert results[0]["type"] is FlowResultType.CREATE_ENTRY
    assert results[1]["type"] is FlowResultType.ABORT
    assert results[1]["reason"] == "already_configured"
    assert len(entry.subentries) == 1


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        # No address is typed here: where it leads on to would be of no use.
        # Nor does anybody sign in here.
        *(
            (error, "invalid_auth")
            if isinstance(error, Forbidden)
            else (error, expected.get("base", "invalid_url"))
            for error, expected in ERRORS
        ),
        (WrongServer("another one"), "cannot_connect"),
    ],
    ids=[*IDS, "WrongServer"],
)
async def test_a_search_that_fails_says_why(
    hass: HomeAssistant, error: ServerError, expected: str
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    server.go_down(error)
    form = await search(hass, entry, "arrival")
    assert form["errors"] == {"base": expected}
    server.come_up()
    form = await hass.config_entries.subentries.async_configure(
        form["flow_id"], {"query": "arrival"}
    )
    assert candidates(form) == {"m1": "Arrival (2016) - Movie"}


async def test_nothing_can_be_tracked_while_the_entry_is_not_loaded(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    server.go_down()
    entry = await setup_lane(hass, server)
    result = await hass.config_entries.subentries.async_init(
        (entry.entry_id, "item"), context={"source": SOURCE_USER}
    )
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "entry_not_loaded"


async def test_a_queued_operation_survives_tracking_one_more_item(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    form = await search(hass, entry, "severance")
    server.go_down()
    await mark(entry)
    await hass.config_entries.subentries.async_configure(
        form["flow_id"], {"item": "s1"}
    )
    await hass.async_block_till_done()
    assert entry.runtime_data.coordinator.data.pending == 1
    server.come_up()
    entry.runtime_data.relay.nudge()
    await drained(hass, entry)
    assert [item_id for item_id, _ in server.writes] == [MOVIE.item_id]


async def test_an_item_that_is_tracked_no_longer_leaves_nothing_behind(
    hass: HomeAssistant,
) -> None:
    entry = await setup_lane(hass, subentries=[MOVIE, SHOW])
    entities, devices = er.async_get(hass), dr.async_get(hass)
    assert hass.states.get("switch.severance_watched") is not None
    [subentry_id] = [
        one.subentry_id
        for one in entry.subentries.values()
        if one.unique_id == SHOW.item_id
    ]
    hass.config_entries.async_remove_subentry(entry, subentry_id)
    await hass.async_block_till_done()
    assert set(entry.runtime_data.coordinator.tracked_ids) == {MOVIE.item_id}
    assert entities.async_get("switch.severance_watched") is None
    names = {
        device.name
        for device in dr.async_entries_for_config_entry(devices, entry.entry_id)
    }
    assert names == {"Attic (Ada)", MOVIE.full_title}


# --- found again -----------------------------------------------------------


async def find_again(hass: HomeAssistant, entry: MockConfigEntry) -> SubentryFlowResult:
    [subentry_id] = entry.subentries
    return await hass.config_entries.subentries.async_init(
        (entry.entry_id, "item"),
        context={"source": SOURCE_RECONFIGURE, "subentry_id": subentry_id},
    )


async def test_an_item_under_another_id_keeps_its_device_and_entities(
    hass: HomeAssistant,
) -> None:
    again = replace(SHOW, item_id="s9")
    server = MemoryServer([MOVIE, SHOW, again])
    entry = await setup_lane(hass, server, subentries=[SHOW])
    entities, devices = er.async_get(hass), dr.async_get(hass)
    before = er.async_entries_for_config_entry(entities, entry.entry_id)
    device = devices.async_get_device_by_identifier(
        ("watched_sync", "server-1:user-1:s1"), entry.entry_id
    )
    assert device is not None
    server.items.pop("s1")

    form = await find_again(hass, entry)
    assert form["step_id"] == "reconfigure"
    assert form["description_placeholders"] == {"title": "Severance"}
    assert form["data_schema"] is not None
    typed = get_schema_suggested_value(form["data_schema"].schema, "query")
    assert typed == "Severance"
    form = await hass.config_entries.subentries.async_configure(
        form["flow_id"], {"query": "severance"}
    )
    assert candidates(form) == {"s9": "Severance (2022) - Show"}
    result = await hass.config_entries.subentries.async_configure(
        form["flow_id"], {"item": "s9"}
    )
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "reconfigure_successful"
    await hass.async_block_till_done()

    [subentry] = entry.subentries.values()
    assert subentry.unique_id == "s9"
    assert set(entry.runtime_data.coordinator.tracked_ids) == {"s9"}
    after = er.async_entries_for_config_entry(entities, entry.entry_id)
    assert {one.entity_id for one in after} == {one.entity_id for one in before}
    moved = devices.async_get(device.id)
    assert moved is not None
    assert moved.identifiers == {("watched_sync", "server-1:user-1:s9")}
    switch = entities.async_get("switch.severance_watched")
    assert switch is not None
    assert switch.unique_id.startswith("server-1:user-1:s9:")
    state = hass.states.get("switch.severance_watched")
    assert state is not None
    assert state.state == "off"


async def test_a_damaged_item_is_chosen_anew(hass: HomeAssistant) -> None:
    """Its devices and entities are found by the id that it was tracked under."""
    server = MemoryServer([MOVIE, SHOW])
    entry = await setup_lane(hass, server, subentries=[SHOW])
    [damaged] = entry.subentries.values()
    object.__setattr__(damaged, "data", {"item": {"title": "Severance"}})
    before = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert not entry.runtime_data.coordinator.tracked_ids

    form = await find_again(hass, entry)
    assert form["description_placeholders"] == {"title": "Severance"}
    form = await hass.config_entries.subentries.async_configure(
        form["flow_id"], {"query": "severance"}
    )
    assert candidates(form) == {"s1": "Severance (2022) - Show"}
    result = await hass.config_entries.subentries.async_configure(
        form["flow_id"], {"item": "s1"}
    )
    assert result["reason"] == "reconfigure_successful"
    await hass.async_block_till_done()
    assert set(entry.runtime_data.coordinator.tracked_ids) == {"s1"}
    after = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
    assert {one.entity_id for one in after} == {one.entity_id for one in before}


async def test_a_movie_is_not_found_again_as_a_show(hass: HomeAssistant) -> None:
    server = MemoryServer([MOVIE, replace(SHOW, title="Arrival, the series")])
    entry = await setup_lane(hass, server, subentries=[MOVIE])
    form = await find_again(hass, entry)
    form = await hass.config_entries.subentries.async_configure(
        form["flow_id"], {"query": "arrival"}
    )
    assert form["errors"] == {"query": "already_tracked"}


async def test_an_item_is_found_again_though_its_device_was_deleted(
    hass: HomeAssistant,
) -> None:
    entry = await setup_lane(hass, subentries=[MOVIE])
    devices = dr.async_get(hass)
    device = devices.async_get_device_by_identifier(
        ("watched_sync", "server-1:user-1:m1"), entry.entry_id
    )
    assert device is not None
    devices.async_remove_device(device.id)
    await hass.async_block_till_done()
    form = await find_again(hass, entry)
    form = await hass.config_entries.subentries.async_configure(
        form["flow_id"], {"query": "contact"}
    )
    await hass.config_entries.subentries.async_configure(
        form["flow_id"], {"item": OTHER_MOVIE.item_id}
    )
    await hass.async_block_till_done()
    assert set(entry.runtime_data.coordinator.tracked_ids) == {OTHER_MOVIE.item_id}
    assert hass.states.get("switch.contact_1997_watched") is not None


@pytest.mark.parametrize("query", ["Harbour's End", "harbour's end (2002)", "haven"])
async def test_title_is_found_however_it_is_spelt(
    hass: HomeAssistant, query: str
) -> None:
    film = Item("f1", MediaKind.MOVIE, "Harbour’s End", 2002)  # noqa: RUF001 - as typed
    entry = await setup_lane(hass, MemoryServer([film, MOVIE]))
    form = await search(hass, entry, query)
    if query == "haven":
        # Too far away to be offered.
        assert form["errors"] == {"query": "nothing_found"}
    else:
        assert list(candidates(form)) == ["f1"]
    form = await search(hass, entry, "Harbor's End")
    assert list(candidates(form)) == ["f1"]
