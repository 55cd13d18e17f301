"""Signing in elsewhere, as a person does it in the frontend, and what goes wrong."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, override

import pytest

from scripts.lib.demo.home import Access

from .browser import Browser
from .house import House, no_complaints
from .test_connect import CREATED, DIALOG, ERROR, SUBMIT, begin, fill

pytestmark = pytest.mark.e2e

FINISH = f"{DIALOG} >> role=button[name=/Finish|Skip/]"
PROGRESS = f"{DIALOG} >> step-flow-progress"


class HouseWithPlexTv(House):
    """Its Home Assistant takes the simulated plex.tv for the real one."""

    monkeypatch: pytest.MonkeyPatch

    @override
    async def _furnish(self) -> Access:
        self.monkeypatch.setenv("WATCHED_SYNC_PLEX_TV_URL", self.simulation.plex_tv.url)
        return await super()._furnish()


@pytest.fixture
async def unfurnished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[House]:
    """A house with a plex.tv, in which nothing is connected yet."""
    house = HouseWithPlexTv(tmp_path, plex=False, jellyfin=False)
    house.monkeypatch = monkeypatch
    async with house:
        yield house


async def close(browser: Browser) -> None:
    """Give up: the dialog's cross."""
    await browser.click(f"{DIALOG} >> role=button[name='Close']")
    await browser.wait(DIALOG, gone=True)


async def entries(client: Any) -> list[Any]:
    found: list[Any] = await client.command("config_entries/get", domain="watched_sync")
    return found


async def test_plex_is_connected_with_an_account(unfurnished: House) -> None:
    house = unfurnished
    plex_tv = house.simulation.plex_tv
    async with house.browser() as browser, house.client() as client:
        # plex.tv is away, and back.
        await plex_tv.go_dark()
        await begin(browser, "Plex, with your account")
        await browser.wait(f"{ERROR}:has-text('plex.tv does not answer')")
        await browser.shot("plex-tv-away")
        await plex_tv.come_back()
        await browser.click(SUBMIT)
        await browser.wait(f"{PROGRESS} >> text=Open plex.tv")
        await browser.shot("plex-code")

        # Cancelled: nothing is left.
        await close(browser)
        assert await client.command("config_entries/flow/progress") == []

        # The code expires.
        await begin(browser, "Plex, with your account")
        await browser.wait(f"{PROGRESS} >> text=Open plex.tv")
        plex_tv.pins[-1].created_at -= plex_tv.pins[-1].lifetime
        await browser.wait(f"{DIALOG} >> text=Nobody used the code in time")
        await browser.shot("plex-expired")
        await close(browser)

        # The link leads to where one signs in.
        await begin(browser, "Plex, with your account")
        await browser.wait(f"{PROGRESS} >> text=Open plex.tv")
        code = plex_tv.pins[-1].code
        assert code in await browser.text(f"{PROGRESS} >> p >> nth=1")
        async with Browser(plex_tv.url, pictures=browser.pictures) as other:
            link = f"/auth#?clientID=x&code={code}"
            await other.open(f"{plex_tv.url}{link}")
            await other.click("role=button[name='alex']")
            await other.wait("text=Signed in")
        await browser.wait(f"{DIALOG} >> text=Who watches?")
        await browser.settled()
        await browser.shot("plex-who")

        # Kim is protected.
        await browser.click(f"{DIALOG} >> text=kim")
        await browser.click(SUBMIT)
        await browser.wait(f"{DIALOG} >> text=This user is protected")
        await fill(browser, pin="1111")
        await browser.click(SUBMIT)
        await browser.wait(f"{DIALOG} >> text=This PIN is not right")
        await browser.shot("plex-wrong-pin")
        await fill(browser, pin="2468")
        await browser.click(SUBMIT)
        await browser.wait(CREATED)
        await client.until_state("sensor.attic_kim_sync_status", "synced")
        await browser.click(FINISH)
        [entry] = await entries(client)
        assert entry["title"] == "Attic (kim)"
        await no_complaints(browser)
    assert house.complaints() == []


async def test_jellyfin_is_connected_with_quick_connect(unfurnished: House) -> None:
    house = unfurnished
    jellyfin = house.jellyfin
    async with house.browser() as browser, house.client() as client:
        await begin(browser, "Jellyfin, with Quick Connect")
        await browser.wait(f"{DIALOG} >> text=Connect to Jellyfin with Quick Connect")
        await browser.shot("quick-connect")
        jellyfin.quick_connect.enabled = False
        await fill(browser, url=jellyfin.url)
        await browser.click(SUBMIT)
        await browser.wait(f"{ERROR}:has-text('Quick Connect is switched off')")
        await browser.shot("quick-connect-off")
        assert await browser.value(f"{DIALOG} >> input[name=url]") == jellyfin.url

        jellyfin.quick_connect.enabled = True
        await browser.click(SUBMIT)
        await browser.wait(f"{PROGRESS} >> text=The code is")
        await browser.shot("quick-connect-code")
        code = await browser.text(f"{PROGRESS} >> strong")
        assert jellyfin.approve(code, "kim")
        await browser.wait(CREATED)
        await client.until_state("sensor.cellar_kim_sync_status", "synced")
        await browser.click(FINISH)

        # Signed out in Jellyfin: the same user has to sign in again.
        for token in list(jellyfin.tokens):
            jellyfin.revoke(token)
        await client.action("button.press", entity_id="button.cellar_kim_sync_now")
        await client.until_state("sensor.cellar_kim_sync_status", "auth_required")
        for user, expected in (
            ("alex", "another server or another user"),
            ("kim", "Signed in again"),
        ):
            await browser.go("/config/integrations/integration/watched_sync")
            await browser.click("role=button[name='Reconfigure']")
            await browser.wait(f"{DIALOG} >> text=Sign in again")
            await browser.shot("sign-in-again")
            await browser.click(f"{DIALOG} >> text=Jellyfin, with Quick Connect")
            await browser.wait(f"{PROGRESS} >> text=The code is")
            code = await browser.text(f"{PROGRESS} >> strong")
            assert jellyfin.approve(code, user)
            await browser.wait(f"{DIALOG} >> text={expected}")
            await browser.shot(f"signed-in-again-as-{user}")
            await close(browser)
        await client.until_state("sensor.cellar_kim_sync_status", "synced")
        await no_complaints(browser)
