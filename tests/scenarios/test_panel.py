"""What the panel does on a simulated Plex and a simulated Jellyfin, over TCP."""

from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.watched_sync.browsing import feed
from tests.common import drained
from tests.websocket import Client

from .house import (
    JellyfinSide,
    PlexSide,
    bring_back,
    cut_off,
    until_true,
)
from .machine import TimeMachine
from .test_level import read

#: It has no ids: whether both have the same film, nobody can tell.
NAMELESS = {"Sita Sings the Blues (2008)"}


async def test_evening_with_the_panel(
    hass: HomeAssistant,
    hass_ws_client: WebSocketGenerator,
    plex: PlexSide,
    jellyfin: JellyfinSide,
    machine: TimeMachine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Browse, tick, see it wait while a server is away, see it gone, take it back."""
    monkeypatch.setattr(feed, "REST", 0)
    await jellyfin.put(jellyfin.item_id("Alien"), plays=1)
    entries = [await plex.connect(hass), await jellyfin.connect(hass)]
    machine.running = True
    await read(*entries)
    machine.running = False
    await async_setup_component(hass, "websocket_api", {})
    client = Client(await hass_ws_client(hass))
    lanes = {one["product"] for one in (await client.ask("who"))["lanes"]}
    assert lanes == {"plex", "jellyfin"}

    # Every film that can be known is there once, also those that both have.
    page = await client.ask("library", kinds=["movie"], limit=200)
    titles = [one["full_title"] for one in page["works"]]
    twice = {one for one in titles if titles.count(one) > 1}
    assert (twice, len(titles)) == (NAMELESS, page["total"])
    alien = next(one for one in page["works"] if one["title"] == "Alien")
    assert len(alien["lanes"]) == 2
    assert (alien["watched"], alien["agrees"]) == (True, False)
    show = await client.ask("library", query="sherlock", kinds=["show"])
    ref = show["works"][0]["ref"]
    seasons = (await client.ask("show", ref=ref))["seasons"]
    last = seasons[1]["episodes"][0]

    # What is ticked while a server is away waits for it, and says so.
    await cut_off(hass, entries[1], jellyfin)
    await client.ask("subscribe")
    answer = await client.ask("mark_watched", ref=last["ref"], scope="up_to")
    assert answer["batch_id"]
    waits: dict[str, Any] = {}
    while not waits:
        event = await client.event()
        rows = event.get("waiting", {}).get("rows", {}).values()
        waits = {row["why"]: row for row in rows if row["why"] == "waits_for_server"}
    assert entries[1].title in waits["waits_for_server"]["text"]
    await drained(hass, entries[0])
    done = await client.ask("show", ref=ref)
    assert done["seasons"][0]["watched_episodes"] == len(seasons[0]["episodes"])
    states = {
        one["config_entry_id"]: one["sync_state"]
        for one in done["seasons"][1]["episodes"][0]["lanes"]
    }
    assert states == {entries[0].entry_id: "synced", entries[1].entry_id: "pending"}

    # It comes back: nothing waits any more, and the event says so.
    await bring_back(hass, entries[1], jellyfin)
    await drained(hass, entries[1])
    while event.get("waiting", {}).get("order") != []:
        event = await client.event()
    first = jellyfin.item_id("Sherlock", season=1, episode=1)
    assert jellyfin.seen(first).watched
    await client.ask("undo", batch_id=answer["batch_id"])
    await until_true(lambda: not jellyfin.seen(first).watched)
    for entry in entries:
        await drained(hass, entry)
    history = await client.ask("history")
    assert {row["undone"] for row in history["rows"] if row["origin"] == "user"} == {
        True
    }
