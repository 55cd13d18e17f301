"""Take the pictures of `docs/images` of a real Home Assistant and simulated servers."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
import shutil
import tempfile
from types import MappingProxyType
from typing import Any, Final, override

from scripts.lib.demo import household
from scripts.lib.demo.process import ROOT
from tests.e2e.browser import Browser
from tests.e2e.house import House

IMAGES: Final = ROOT / "docs" / "images"
DASHBOARD: Final = "/watched-sync/to-watch"
CARD: Final = "watched-sync-card"


class Home(House):
    """The household of the demo: Alex, Kim, and a server that all of them share."""

    residents = MappingProxyType(
        {"owner": household.OWNER, "others": list(household.OTHERS)}
    )

    @override
    async def connected(self, hello: Mapping[str, Any]) -> list[dict[str, Any]]:
        return await household.connect(hello)


async def take(folder: Path) -> None:
    """Take all pictures into *folder*."""
    async with Home(folder / "home") as home:
        await home.read()
        async with home.client() as client:
            await household.live(client)
        async with home.browser(size=(1280, 800)) as browser:
            await _look(browser)
            await browser.shot("card")
            await browser.click(f"{CARD} >> ws-poster:has-text('Severance') >> .open")
            await browser.wait("ws-episodes")
            await browser.settled()
            await browser.shot("show")
        async with home.browser(size=(1280, 800), dark=True) as browser:
            await _look(browser)
            await browser.shot("card-dark")
            await _page(browser, "", "page-dark", "ws-poster >> img.there")
            await _page(browser, "/history", "history-dark", "ws-page-history >> li")
        async with home.browser(size=(1280, 800)) as browser:
            await _page(browser, "/library", "library", "ws-grid >> img.there")
            await browser.click("ws-grid >> ws-poster:has-text('Arrival') >> .open")
            await browser.wait("ws-work >> .looked")
            await browser.settled()
            await browser.shot("household")
            await browser.go("/watched/level")
            await browser.wait("ws-page-level >> button.main")
            await browser.click("ws-page-level >> button.main")
            await browser.wait("ws-page-level >> .lanes")
            await browser.settled()
            await browser.shot("level-plan")
        async with home.browser(size=(390, 844), scale=2) as browser:
            await _page(browser, "", "phone", "ws-poster >> img.there")
        await home.plex.go_dark()
        async with home.browser(size=(390, 844), scale=2) as browser:
            await _look(browser)
            for title in ("Oppenheimer", "Breaking Bad"):
                await browser.click(f"ws-poster:has-text('{title}') >> button.tick")
            await browser.wait("ws-poster >> .state.waits >> nth=1")
            await browser.settled()
            await browser.shot("phone-waiting")
            await browser.click(f"{CARD} >> nth=0 >> button.chip")
            await browser.wait("ws-waiting >> li")
            await browser.settled()
            await browser.shot("phone-why")
        for picture in (folder / "home" / "pictures").glob("*.png"):
            shutil.copy(picture, IMAGES / picture.name)


async def _look(browser: Browser) -> None:
    await browser.go(DASHBOARD)
    await browser.wait(f"{CARD} >> ws-poster >> img.there")
    await browser.settled()


async def _page(browser: Browser, page: str, name: str, there: str) -> None:
    """Take a picture of a page once what it shows is there."""
    await browser.go(f"/watched{page}")
    await browser.wait(there)
    await browser.settled()
    await browser.shot(name)


def main() -> None:
    """Take the pictures, and leave nothing else behind."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(take(Path(folder)))


if __name__ == "__main__":
    main()
