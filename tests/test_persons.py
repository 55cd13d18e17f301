"""Servers and users named by the person they belong to."""

from typing import Any

from homeassistant.config_entries import ConfigEntryDisabler
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
import probatio
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.watched_sync.const import DOMAIN

from .common import MOVIE, MemoryServer, drained, lane_entry, setup_lane, use_server

ADA, GRACE, NOBODY = "person.ada", "person.grace", "person.nobody"


def belonging_to(person: str | None) -> dict[str, Any]:
    """Return the options of a lane that belongs to a person."""
    return {} if person is None else {"person": person}


async def house(hass: HomeAssistant, *persons: str | None) -> list[MockConfigEntry]:
    """Set up one lane for each of these persons; None is nobody's."""
    return [
        await setup_lane(
            hass,
            MemoryServer(server_id=f"server-{number}", user_id=f"user-{number}"),
            options=belonging_to(person),
            entry_id=f"lane-{number}",
        )
        for number, person in enumerate(persons)
    ]


async def act(
    hass: HomeAssistant, action: str = "mark_watched", /, **data: Any
) -> dict[str, Any]:
    """Call an action of ours and return its response."""
    response = await hass.services.async_call(
        DOMAIN, action, data, blocking=True, return_response=True
    )
    assert isinstance(response, dict)
    return response


async def marked_on(hass: HomeAssistant, **data: Any) -> list[str]:
    """Return the lanes that a mark by title would reach."""
    answer = await act(hass, title="Arrival", dry_run=True, **data)
    return [row["config_entry_id"] for row in answer["operations"]]


@pytest.mark.parametrize(
    ("persons", "lanes"),
    [
        (ADA, ["lane-0", "lane-2"]),
        ([ADA], ["lane-0", "lane-2"]),
        (GRACE, ["lane-1"]),
        ([GRACE, ADA], ["lane-0", "lane-1", "lane-2"]),
        (f"{GRACE},{ADA}", ["lane-0", "lane-1", "lane-2"]),
    ],
)
async def test_person_means_the_lanes_that_are_theirs(
    hass: HomeAssistant, persons: Any, lanes: list[str]
) -> None:
    await house(hass, ADA, GRACE, ADA, None)
    assert await marked_on(hass, person=persons) == lanes


async def test_person_on_one_lane_is_enough_for_an_item_id(
    hass: HomeAssistant,
) -> None:
    entries = await house(hass, ADA, GRACE)
    await act(hass, item_id="m1", person=GRACE)
    await drained(hass, entries[1])
    assert len(entries[1].runtime_data.lane.outbox.history) == 1
    assert not entries[0].runtime_data.lane.outbox.history


@pytest.mark.parametrize(
    "action", ["get_queue", "get_history", "sync_now", "retry", "discard", "undo"]
)
async def test_every_action_for_lanes_takes_a_person(
    hass: HomeAssistant, action: str
) -> None:
    entries = await house(hass, ADA, GRACE)
    for entry in entries:
        await act(hass, item_id="m1", config_entry_id=entry.entry_id)
        await drained(hass, entry)
    answer = await act(hass, action, person=GRACE)
    rows = answer["lanes" if action == "sync_now" else "operations"]
    assert {row["config_entry_id"] for row in rows} <= {"lane-1"}
    if action in ("get_history", "sync_now", "undo"):
        assert len(rows) == 1


@pytest.mark.parametrize(
    ("data", "key"),
    [
        ({"person": NOBODY}, "person_without_lane"),
        ({"person": [ADA, NOBODY]}, "person_without_lane"),
        ({"person": []}, "no_config_entry"),
        ({"person": ADA, "config_entry_id": "lane-0"}, "lanes_named_twice"),
    ],
)
async def test_person_that_means_nothing_is_refused_in_words(
    hass: HomeAssistant, data: dict[str, Any], key: str
) -> None:
    (entry,) = await house(hass, ADA)
    with pytest.raises(ServiceValidationError) as error:
        await act(hass, title="Arrival", **data)
    assert error.value.translation_key == key
    if key == "person_without_lane":
        assert error.value.translation_placeholders == {"person": NOBODY}
    assert len(entry.runtime_data.lane.outbox) == 0


async def test_what_is_no_person_is_refused_by_the_schema(hass: HomeAssistant) -> None:
    await house(hass, ADA)
    with pytest.raises(probatio.Invalid):
        await act(hass, title="Arrival", person="light.ada")


async def test_lane_of_a_person_that_does_not_run_is_told_of(
    hass: HomeAssistant,
) -> None:
    entries = await house(hass, ADA, ADA, GRACE)
    await hass.config_entries.async_unload("lane-1")
    await hass.config_entries.async_unload("lane-2")
    answer = await act(hass, title="Arrival", person=ADA)
    assert [row["config_entry_id"] for row in answer["operations"]] == ["lane-0"]
    assert [(row["config_entry_id"], row["reason"]) for row in answer["skipped"]] == [
        ("lane-1", "not_loaded")
    ]
    await drained(hass, entries[0])
    with pytest.raises(ServiceValidationError) as error:
        await act(hass, title="Arrival", person=GRACE)
    assert error.value.translation_key == "service_config_entry_not_loaded"


async def test_lane_that_is_switched_off_belongs_to_nobody(
    hass: HomeAssistant,
) -> None:
    await house(hass, None)
    server = MemoryServer(server_id="server-9", user_id="user-9")
    use_server(hass, server)
    entry = lane_entry(server, options=belonging_to(ADA), subentries=[MOVIE])
    entry.add_to_hass(hass)
    await hass.config_entries.async_set_disabled_by(
        entry.entry_id, ConfigEntryDisabler.USER
    )
    with pytest.raises(ServiceValidationError) as error:
        await act(hass, title="Arrival", person=ADA)
    assert error.value.translation_key == "person_without_lane"
