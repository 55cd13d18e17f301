"""The dashboard to copy: its entities exist, and it shows what needs somebody."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers.template import Template
import pytest
import yaml

from custom_components.watched_sync.core.errors import Refused
from custom_components.watched_sync.core.operation import MarkWatched
from custom_components.watched_sync.runtime import Request

from .common import MOVIE, OTHER_MOVIE, MemoryServer, drained, setup_lane
from .scene import lose_contact, shown

FILE = Path(__file__).parents[1] / "dashboards" / "watched_sync.yaml"


def cards(part: Any) -> Iterator[dict[str, Any]]:
    """Yield everything in a part of the dashboard that has a type."""
    if isinstance(part, dict):
        if "type" in part:
            yield part
        part = list(part.values())
    if isinstance(part, list):
        for one in part:
            yield from cards(one)


@pytest.fixture
def dashboard() -> list[dict[str, Any]]:
    """Return the cards, for the user that tests have."""
    text = FILE.read_text(encoding="utf-8").replace("attic_alex", "attic_ada")
    return list(cards(yaml.safe_load(text)))


def is_visible(hass: HomeAssistant, card: dict[str, Any]) -> bool:
    """Whether the conditions of a card are met."""
    for condition in card.get("visibility", []):
        state = shown(hass, condition["entity"]).state
        match condition["condition"]:
            case "numeric_state":
                met = float(state) > condition["above"]
            case "state" if "state_not" in condition:
                met = state != condition["state_not"]
            case "state":
                wanted = condition["state"]
                met = state in ([wanted] if isinstance(wanted, str) else wanted)
            case other:
                raise AssertionError(other)
        if not met:
            return False
    return True


def texts(hass: HomeAssistant, dashboard: list[dict[str, Any]]) -> list[str]:
    """Return the lines of lists that are visible."""
    found = [
        Template(card["content"], hass).async_render()
        for card in dashboard
        if card["type"] == "markdown" and is_visible(hass, card)
    ]
    return [line for text in found for line in text.split("\n") if line[:2] == "- "]


def color(hass: HomeAssistant, dashboard: list[dict[str, Any]]) -> str:
    """Return the color in which the sync status is shown."""
    (badge,) = (
        card
        for card in dashboard
        if card.get("entity") == "sensor.attic_ada_sync_status"
        and is_visible(hass, card)
    )
    found: str = badge["color"]
    return found


async def test_every_entity_it_names_is_there(
    hass: HomeAssistant, dashboard: list[dict[str, Any]]
) -> None:
    await setup_lane(hass)
    named = {card["entity"] for card in dashboard if "entity" in card}
    assert named - set(hass.states.async_entity_ids()) == set()


async def test_failed_changes_are_listed_apart_from_waiting_ones(
    hass: HomeAssistant, dashboard: list[dict[str, Any]]
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    assert (texts(hass, dashboard), color(hass, dashboard)) == ([], "green")
    server.item_faults["m1"] = Refused("no")
    await entry.runtime_data.async_submit([Request(MOVIE, MarkWatched())])
    await drained(hass, entry)
    assert texts(hass, dashboard) == ["- Arrival (2016): refused"]
    assert color(hass, dashboard) == "red"
    await lose_contact(hass, entry, server)
    await entry.runtime_data.async_submit([Request(OTHER_MOVIE, MarkWatched())])
    assert texts(hass, dashboard) == ["- Contact (1997)", "- Arrival (2016): refused"]
    assert color(hass, dashboard) == "amber"
