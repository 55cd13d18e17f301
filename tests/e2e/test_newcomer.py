"""What somebody who is new meets on the first evening, on a desktop and on a phone."""

from pathlib import Path
from typing import Any

import pytest

from scripts.lib.demo.client import Client

from .browser import Browser
from .house import PLEX, VIEWER, House, no_complaints, up_next_switch
from .test_connect import CREATED, DIALOG, SUBMIT, begin, fill, whose
from .test_dashboard import tile, toggle

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

SIZES = {"wide": (1280, 900), "phone": (390, 844)}
HOME = "/watched-sync/home"


async def slots(client: Client) -> set[str]:
    """Return the entity ids of the lane's slots, also of those that are empty."""
    rows = await client.command("config/entity_registry/list")
    found = {row["entity_id"] for row in rows}
    return {one for one in found if one.startswith(f"switch.{PLEX}_up_next_")}


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES.keys())
async def test_slots_follow_what_is_next_and_stay_the_same_ones(
    house: House, size: tuple[int, int]
) -> None:
    film = house.plex.rating_key("Oppenheimer")
    async with house.browser(size=size) as browser, house.client() as client:
        pressed = await up_next_switch(client, PLEX, "Oppenheimer")
        before = await slots(client)
        assert before == {f"switch.{PLEX}_up_next_{n}" for n in range(1, 11)}
        await browser.go(HOME)
        await browser.click(toggle("Oppenheimer"))

        def counted(states: dict[str, Any]) -> bool:
            return (
                house.plex.state(VIEWER, film).view_count == 1
                and states[pressed]["state"] == "on"
                and states[pressed]["attributes"]["sync_state"] == "synced"
            )

        await client.until(counted, "the press arrives")
        # It stays under the finger, to be taken back there.
        await browser.state(pressed, "on")
        await browser.wait(tile("Oppenheimer"))

        # Somebody watches elsewhere: the next episode comes into a slot that was there.
        await up_next_switch(client, PLEX, "Trojan's Horse")
        await browser.wait(tile("Severance S02E05"))
        key = house.plex.rating_key("Severance", season=2, episode=5)
        house.plex.report(VIEWER, key, "playing", 0)
        house.plex.mark(VIEWER, key, watched=True)
        house.plex.report(VIEWER, key, "stopped", 0)
        assert await up_next_switch(client, PLEX, "Attila") in before
        await browser.wait(tile("Severance S02E06"))
        await browser.settled()
        await browser.shot("slots")
        assert await slots(client) == before
        await no_complaints(browser)
    assert house.complaints() == []


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES.keys())
async def test_names_tell_lanes_and_what_is_tracked_twice_apart(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    both = ["Severance"]
    async with (
        House(tmp_path, track=both, track_jellyfin=both) as house,
        house.browser(size=size) as browser,
    ):
        await browser.go("/config/integrations/integration/watched_sync")
        for lane, model in (
            ("Attic (alex)", "Plex Media Server"),
            ("Cellar (alex)", "Jellyfin Server"),
        ):
            await browser.wait(f"ha-config-entry-row:has-text('{lane}')")
            await browser.wait(f"text=Severance - {lane}")
            await browser.wait(f"text={model}")
        await browser.settled()
        await browser.shot("names")
        await browser.click("role=button[name='Track a movie or show']")
        for lane in ("Attic (alex)", "Cellar (alex)"):
            assert await browser.count(f"dialog-pick-config-entry >> text={lane}") == 1
        await browser.settled()
        await browser.shot("names-choice")
        await no_complaints(browser)
        assert house.complaints() == []


async def test_more_is_connected_with_what_the_servers_page_says(
    empty_house: House, tmp_path: Path
) -> None:
    house = empty_house
    page = house.simulation.control_url
    async with (
        house.browser() as browser,
        Browser(page, pictures=tmp_path / "servers") as servers,
        house.client() as client,
    ):
        await servers.open(page)
        await begin(browser, "Jellyfin, with Quick Connect")
        await fill(browser, url=house.jellyfin.url)
        await browser.click(SUBMIT)
        await browser.wait("text=The code is")
        code = await browser.text("step-flow-progress >> strong")
        await servers.click("[data-of=jellyfin][data-tab=sam]")
        let_in = f"[data-approve=jellyfin][data-user=sam]:has-text('{code}')"
        await servers.wait(let_in)
        await servers.settled()
        await servers.shot("quick-connect", full=True)
        await servers.click(let_in)
        await whose(browser, "Somebody else", "quick-connect-whose")
        await browser.wait(CREATED)
        await client.until_state("sensor.cellar_sam_sync_status", "synced")
        await servers.wait("[data-approve]", gone=True)
        await browser.click(f"{DIALOG} >> role=button[name=/Finish|Skip/]")
        await browser.wait(DIALOG, gone=True)

        # Of Emby the page says everything that is asked for.
        emby = ".server:has-text('Garage') >> .sign-in >> code"
        url, user, password = [
            await servers.text(f"{emby} >> nth={number}") for number in range(3)
        ]
        await begin(browser, "Emby, with user name and password")
        await fill(browser, url=url, username=user, password=password)
        await browser.click(SUBMIT)
        await whose(browser, "Shared by the household", "emby-whose")
        await browser.wait(CREATED)
        await client.until_state("sensor.garage_alex_sync_status", "synced")
        await client.action(
            "watched_sync.mark_watched", {"title": "Paddington 2", "wait": 30}
        )
        await servers.wait(
            "[data-server=emby].poster:has-text('Paddington 2') >> .tick"
        )
        assert await servers.errors() == []
        await no_complaints(browser)
    assert house.complaints() == []
