"""Triggers, conditions and the list, in a real Home Assistant of the next release."""

from collections.abc import Mapping
from typing import Any

import pytest

from scripts.lib.demo.client import Client

from .house import JELLYFIN, PLEX, House

pytestmark = pytest.mark.e2e

LIST = f"todo.{PLEX}_up_next"


async def automate(client: Client, name: str, config: Mapping[str, Any]) -> str:
    """Save an automation as the editor does; return its entity id."""
    await client.rest(
        "POST", f"/api/config/automation/config/{name}", {"alias": name, **config}
    )
    entity_id = f"automation.{name}"
    await client.until_state(entity_id, "on")
    return entity_id


async def ran(client: Client, entity_id: str) -> str | None:
    """Return when an automation ran last."""
    states = await client.states()
    found: str | None = states[entity_id]["attributes"]["last_triggered"]
    return found


def has_run(entity_id: str) -> Any:
    """Return what tells whether an automation has run."""
    return lambda states: states[entity_id]["attributes"]["last_triggered"]


async def test_automations_hear_of_a_tick_and_ask_what_is_watched(house: House) -> None:
    episode = house.plex.rating_key("Severance", season=2, episode=5)
    async with house.client() as client:
        rows = await client.action("todo.get_items", entity_id=LIST, response=True)
        summary = "S02E05 Severance Trojan's Horse"
        assert summary in [row["summary"] for row in rows[LIST]["items"]]
        heard = await automate(
            client,
            "heard",
            {
                "triggers": [
                    {
                        "trigger": "watched_sync.item_watched",
                        "options": {"media_type": ["episode"]},
                    }
                ],
                "conditions": [
                    {
                        "condition": "watched_sync.has_unwatched",
                        "target": {"entity_id": "switch.severance_watched"},
                    },
                    "{{ trigger.show == 'Severance' and trigger.origin == 'user' }}",
                ],
                "actions": [],
            },
        )
        deaf = await automate(
            client,
            "deaf",
            {
                "triggers": [{"trigger": "watched_sync.queue_drained"}],
                "conditions": [
                    {
                        "condition": "watched_sync.is_watched",
                        "target": {"entity_id": "switch.severance_watched"},
                    }
                ],
                "actions": [],
            },
        )
        await client.action(
            "todo.update_item",
            {"item": summary, "status": "completed"},
            entity_id=LIST,
        )
        await client.until(has_run(heard), "the automation")
        assert house.plex.state("alex", episode).view_count == 1
        assert await ran(client, deaf) is None
        event = (await client.states())[f"event.{PLEX}_activity"]
        assert event["attributes"]["event_type"] in {"watched", "queue_drained"}

        await client.action(
            "todo.update_item",
            {"item": summary, "status": "needs_action"},
            entity_id=LIST,
        )
        await client.until(
            lambda _: house.plex.state("alex", episode).view_count == 0, "the undo"
        )
    assert house.complaints() == []


async def test_guest_mode_outlasts_a_crash(house: House) -> None:
    switch = f"switch.{JELLYFIN}_guest_mode"
    async with house.client() as client:
        await client.action("switch.turn_on", entity_id=switch)
        assert await client.state(switch) == "on"
    await house.crash()
    async with house.client() as client:
        await client.until_state(switch, "on")
