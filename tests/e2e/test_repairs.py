"""A change that the server refuses: what Repairs says of it, and lets somebody do."""

import pytest

from tests.fakes.base import FaultKind

from .house import PLEX, House, no_complaints

pytestmark = pytest.mark.e2e


async def test_another_attempt_in_vain_is_not_called_repaired(house: House) -> None:
    house.plex.fail(FaultKind.STATUS, path="/:/scrobble", status=400, times=None)
    async with house.browser(size=(400, 800)) as browser, house.client() as client:
        for title in ("Oppenheimer", "Arrival"):
            await client.action("watched_sync.mark_watched", {"title": title})
        await client.until_state(f"sensor.{PLEX}_failed_changes", "2")
        await browser.go("/config/repairs")
        await browser.click("text=could not be delivered")
        await browser.wait("text=Refused by the server")
        await browser.shot("repairs")
        await browser.click("text=Try again >> visible=true")
        await browser.wait("text=Not delivered this time either")
        await browser.shot("repairs_failed_again")
        await browser.click("text=Choose single ones >> visible=true")
        await browser.wait("text=Oppenheimer (2023): Mark as watched")
        await browser.settled()
        await browser.click("ha-selector-select ha-checkbox >> nth=0")
        await browser.settled()
        await browser.shot("repairs_single")
        await browser.click("text=Submit >> visible=true")
        await browser.wait("text=What is to be done with these?")
        await browser.click("text=Discard >> visible=true")
        # One is left to decide on.
        await client.until_state(f"sensor.{PLEX}_failed_changes", "1")
        await browser.wait("text=Refused by the server: 1 (Arrival")
        await no_complaints(browser)
