"""Connecting servers, as a person does it in the frontend."""

import pytest

from .browser import Browser
from .house import House, no_complaints

pytestmark = pytest.mark.e2e

DIALOG = "dialog-data-entry-flow"
SUBMIT = f"{DIALOG} >> role=button[name='Submit']"
CREATED = f"{DIALOG} >> step-flow-create-entry"
ERROR = f"{DIALOG} >> ha-alert"


async def begin(browser: Browser, way: str) -> None:
    """Open the dialog for adding Watched Sync, and choose how to sign in."""
    await browser.go("/config/integrations/dashboard")
    await browser.click("role=button[name='Add integration']")
    await browser.fill("dialog-add-integration >> input", "watched")
    await browser.click("ha-integration-list-item:has-text('Watched Sync')")
    await browser.wait(f"{DIALOG} >> text=Connect a server")
    await browser.click(f"{DIALOG} >> text={way}")


async def fill(browser: Browser, **fields: str) -> None:
    """Type into the fields of a form."""
    for name, text in fields.items():
        await browser.fill(f"{DIALOG} >> input[name={name}]", text)


async def whose(browser: Browser, answer: str, picture: str) -> None:
    """Answer the last question of connecting."""
    await browser.wait(f"{DIALOG} >> text=Whose is it?")
    await browser.click(f"{DIALOG} >> text={answer}")
    await browser.settled()
    await browser.shot(picture)
    await browser.click(SUBMIT)


async def test_plex_is_connected_with_a_token(empty_house: House) -> None:
    house = empty_house
    async with house.browser() as browser, house.client() as client:
        await begin(browser, "Plex, with a token")
        await browser.wait(f"{DIALOG} >> text=Connect to Plex")

        await fill(browser, url=house.plex.url, token="wrong-token")
        await browser.click(SUBMIT)
        await browser.wait(f"{ERROR}:has-text('did not accept this token')")
        await browser.shot("plex-wrong-token")
        field = f"{DIALOG} >> input"
        assert await browser.value(f"{field}[name=url]") == house.plex.url
        assert await browser.value(f"{field}[name=token]") == "wrong-token"

        await fill(browser, url=house.jellyfin.url)
        await browser.click(SUBMIT)
        await browser.wait(f"{ERROR}:has-text('A Jellyfin server answers')")

        await fill(
            browser, url=house.plex.url, token=house.simulation.plex_token("alex")
        )
        await browser.click(SUBMIT)
        await whose(browser, "Shared by the household", "plex-whose")
        await browser.wait(CREATED)
        await browser.settled()
        await browser.shot("plex-connected")
        await client.until_state("sensor.attic_alex_sync_status", "synced")
        await browser.click(f"{DIALOG} >> role=button[name=/Finish|Skip/]")
        await browser.wait(DIALOG, gone=True)

        # The same once more is refused, and changes nothing.
        await begin(browser, "Plex, with a token")
        await fill(
            browser, url=house.plex.url, token=house.simulation.plex_token("alex")
        )
        await browser.click(SUBMIT)
        await browser.wait(f"{DIALOG} >> text=already connected")
        entries = await client.command("config_entries/get", domain="watched_sync")
        assert [entry["title"] for entry in entries] == ["Attic (alex)"]
        await no_complaints(browser)
    assert house.complaints() == []


async def test_jellyfin_is_connected_with_a_password(empty_house: House) -> None:
    house = empty_house
    async with house.browser() as browser, house.client() as client:
        await begin(browser, "Jellyfin, with user name and password")
        await browser.wait(f"{DIALOG} >> text=Connect to Jellyfin")

        await fill(
            browser, url=house.jellyfin.url, username="alex", password="mistyped"
        )
        await browser.click(SUBMIT)
        await browser.wait(f"{ERROR}:has-text('did not accept this user name')")
        field = f"{DIALOG} >> input"
        assert await browser.value(f"{field}[name=url]") == house.jellyfin.url
        assert await browser.value(f"{field}[name=username]") == "alex"

        await fill(browser, url=house.plex.url)
        await browser.click(SUBMIT)
        await browser.wait(f"{ERROR}:has-text('A Plex Media Server answers')")

        # Without a scheme, as people type it.
        await fill(
            browser,
            url=house.jellyfin.url.removeprefix("http://"),
            password=house.jellyfin.password("alex"),
        )
        await browser.click(SUBMIT)
        await whose(browser, "Somebody else", "jellyfin-whose")
        await browser.wait(CREATED)
        await client.until_state("sensor.cellar_alex_sync_status", "synced")
        await browser.click(f"{DIALOG} >> role=button[name=/Finish|Skip/]")
        await browser.wait(DIALOG, gone=True)

        await browser.go("/config/integrations/integration/watched_sync")
        await browser.wait("ha-config-entry-row:has-text('Cellar (alex)')")
        await browser.shot("integration")
        await no_complaints(browser)
    assert house.complaints() == []


async def test_a_show_is_tracked(house: House) -> None:
    async with house.browser() as browser, house.client() as client:
        await browser.go("/config/integrations/integration/watched_sync")
        await browser.click("role=button[name='Track a movie or show']")
        await browser.click("dialog-pick-config-entry >> text=Cellar (alex)")
        await fill(browser, query="grey")
        await browser.click(SUBMIT)
        await browser.wait(f"{DIALOG} >> text=Which one?")
        await browser.click(f"{DIALOG} >> text=Grey's Anatomy (2005)")
        await browser.shot("track")
        await browser.click(SUBMIT)
        await browser.wait(f"{DIALOG} >> text=Created configuration for Grey's Anatomy")
        await client.until_state("sensor.grey_s_anatomy_next_episode", "S01E01")
        await no_complaints(browser)
    assert house.complaints() == []
