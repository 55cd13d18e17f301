"""What a person sees and does on the demo's dashboard."""

from pathlib import Path
from typing import Any

import pytest

from .browser import Browser
from .house import (
    JELLYFIN,
    PASSWORD,
    PLEX,
    USER,
    House,
    no_complaints,
    synced,
    up_next_switch,
)

pytestmark = pytest.mark.e2e

STATUS = f"sensor.{PLEX}_sync_status"
PENDING = f"sensor.{PLEX}_pending_changes"


def tile(name: str) -> str:
    return f"hui-tile-card:has-text('{name}')"


def toggle(name: str) -> str:
    return f"{tile(name)} >> ha-control-switch"


async def test_somebody_signs_in_and_sees_both_servers(house: House) -> None:
    async with house.browser(signed_in=False) as browser:
        await browser.open(house.home.url)
        await browser.fill("input[name=username]", USER)
        await browser.fill("input[name=password]", PASSWORD)
        await browser.click("button:has-text('Log in'), ha-button:has-text('Log in')")
        await browser.wait("ws-poster >> nth=0")
        await browser.ready()

        assert await browser.path() == "/watched-sync/to-watch"
        for text in ("Up next", "S02E05", "Films not seen yet"):
            await browser.wait(f"text={text} >> visible=true")
        await browser.go("/watched-sync/home")
        for text in ("Attic", "Cellar", "Up next", "Severance S02E05", "Past Lives"):
            await browser.wait(f"text={text} >> visible=true")
        assert await browser.count("hui-warning, hui-error-card") == 0
        await browser.shot("dashboard")
        await no_complaints(browser)
    assert house.complaints() == []


async def test_a_switch_marks_the_film_on_the_server(house: House) -> None:
    film = house.plex.rating_key("Oppenheimer")
    async with house.browser() as browser, house.client() as client:
        await browser.go("/watched-sync/home")
        switch = await up_next_switch(client, PLEX, "Oppenheimer")
        await browser.click(toggle("Oppenheimer"))
        await _synced(client, switch, "on")
        assert house.plex.state("alex", film).view_count == 1
        assert house.plex.state("alex", film).view_offset_ms == 0

        # It turns the other way only once the page knows which way it is.
        await browser.state(switch, "on")
        await browser.settled()
        await browser.click(toggle("Oppenheimer"))

        def taken_back(states: dict[str, Any]) -> bool:
            return (
                house.plex.state("alex", film).view_count == 0
                and states[PENDING]["state"] == "0"
                and states[STATUS]["state"] == "synced"
                and states[switch]["state"] == "off"
            )

        await client.until(taken_back, "it is taken back")
        await no_complaints(browser)
    assert house.complaints() == []


async def test_a_switch_marks_the_episode_on_jellyfin(house: House) -> None:
    episode = house.jellyfin.item_id("Chernobyl", None, 1, 3)
    async with house.browser() as browser, house.client() as client:
        await browser.go("/watched-sync/home")
        switch = await up_next_switch(client, JELLYFIN, "Open Wide, O Earth")
        await browser.click(toggle("Chernobyl S01E03"))
        await _synced(client, switch, "on")
        state = house.jellyfin.state("alex", episode)
        assert (state.played, state.play_count) == (True, 1)
        # What comes next takes its place beside it.
        await browser.wait(tile("Chernobyl S01E04"))
        await no_complaints(browser)


async def test_the_next_episode_is_marked_with_a_button(house: House) -> None:
    async with house.browser() as browser, house.client() as client:
        await browser.go("/watched-sync/home")
        await browser.click(tile("Mark next"))
        await client.until_state("sensor.severance_next_episode", "S02E06")
        await browser.wait("text=S02E06")
        await synced(client)
        key = house.plex.rating_key("Severance", season=2, episode=5)
        assert house.plex.state("alex", key).view_count == 1


async def test_an_outage_a_restart_and_the_return(house: House) -> None:
    film = house.plex.rating_key("Oppenheimer")
    async with house.browser() as browser:
        await browser.go("/watched-sync/home")
        async with house.client() as client:
            switch = await up_next_switch(client, PLEX, "Oppenheimer")
        await house.plex.go_dark()
        await browser.click(toggle("Oppenheimer"))
        await browser.state(switch, "on")
        await browser.state(STATUS, "offline")
        await browser.state(PENDING, "1")
        await browser.wait("hui-markdown-card:has-text('Oppenheimer')")
        await browser.settled()
        await browser.shot("outage")
        await no_complaints(browser, had_outage=True)

    await house.restart()
    async with house.browser() as browser, house.client() as client:
        await browser.go("/watched-sync/home")
        await browser.state(switch, "on")
        await browser.state(STATUS, "offline")
        await browser.state(PENDING, "1")
        assert house.plex.state("alex", film).view_count == 0

        await house.plex.come_back()
        await client.action("button.press", entity_id=f"button.{PLEX}_sync_now")
        await synced(client)
        await browser.wait("text=Nothing: the servers know everything.")
        state = house.plex.state("alex", film)
        assert (state.view_count, state.view_offset_ms) == (1, 0)
        assert house.plex.count(r"/:/scrobble") == 1
        await no_complaints(browser, had_outage=True)
    assert house.complaints() == []


async def test_the_servers_page_shows_what_home_assistant_did(
    house: House, tmp_path: Path
) -> None:
    page = house.simulation.control_url
    poster = "[data-server=plex].poster:has-text('Oppenheimer')"
    async with Browser(page, pictures=tmp_path / "pictures") as browser:
        await browser.open(page)
        await browser.wait(f"{poster}[data-watched=false]")
        async with house.client() as client:
            switch = await up_next_switch(client, PLEX, "Oppenheimer")
            await client.action("switch.turn_on", entity_id=switch)
        await browser.wait(f"{poster}[data-watched=true]")
        await browser.wait("tr.write:has-text('/:/scrobble')")

        # What is drawn anew between a button's press and its release is not clicked.
        await browser.settled()
        await browser.click("[data-power=plex]")
        await browser.wait(".server.down:has-text('unreachable')")
        assert not house.plex.is_listening
        await browser.settled()
        await browser.shot("servers", full=True)
        await browser.click("[data-power=plex]")
        await browser.wait(".server.down", gone=True)
        assert house.plex.is_listening
        assert await browser.errors() == []


async def _synced(client: Any, entity_id: str, state: str) -> None:
    """Wait until the server has confirmed that an item is in that state."""

    def reached(states: dict[str, Any]) -> bool:
        found = states.get(entity_id)
        return (
            found is not None
            and found["state"] == state
            and found["attributes"]["sync_state"] == "synced"
        )

    await client.until(reached, f"{entity_id} {state} and synced")
