"""The card and the page, as people use them: tick, take back, look into a show."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
import json
from pathlib import Path
import shutil
from typing import Any

import pytest

from custom_components.watched_sync.bundle import FILES
from scripts.lib.demo.client import Client, RefusedError

from .browser import Browser
from .house import House, no_complaints, synced

pytestmark = pytest.mark.e2e

DASHBOARD = "/watched-sync/to-watch"
CARD = "watched-sync-card"
SHEET = "ws-sheet >> dialog"


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A house whose libraries are read."""
    async with House(tmp_path, reads_at_once=True) as house:
        await house.read()
        yield house


def poster(title: str) -> str:
    """Return where the poster of a work is, in the first card."""
    return f"{CARD} >> nth=0 >> ws-poster:has-text('{title}')"


def tick(title: str) -> str:
    return f"{poster(title)} >> button.tick"


def undo(title: str) -> str:
    return f"{poster(title)} >> button.undo"


def episode(number: int, *, season: int = 2) -> str:
    """Return where the square of an episode of Severance is."""
    name = f"S{season:02d}E{number:02d}"
    return f"ws-episodes >> button.square:has-text('{name}')"


async def until(true: Callable[[], bool], what: str) -> None:
    """Wait until something is so on a server."""
    try:
        async with asyncio.timeout(30):
            while True:
                if true():
                    return
                await asyncio.sleep(0.05)
    except TimeoutError:
        pytest.fail(f"never so: {what}")


def plays(house: House, title: str) -> int:
    """Return how often a film was played, as Plex counts."""
    count: int = house.plex.state("alex", house.plex.rating_key(title)).view_count
    return count


def seen_episodes(house: House, season: int) -> list[int]:
    """Return the episodes of a season of Severance that Plex has as watched."""
    return [
        number
        for number in range(1, 11)
        if house.plex.state(
            "alex", house.plex.rating_key("Severance", season=season, episode=number)
        ).view_count
    ]


async def test_a_tick_is_told_to_the_servers_and_taken_back(house: House) -> None:
    async with house.browser() as browser, house.client() as client:
        await browser.go(DASHBOARD)
        await browser.click(tick("Oppenheimer"))
        await browser.wait(undo("Oppenheimer"))
        await until(lambda: plays(house, "Oppenheimer") == 1, "it is marked")
        await browser.click(undo("Oppenheimer"))
        await browser.wait(tick("Oppenheimer"))
        await until(lambda: plays(house, "Oppenheimer") == 0, "it is taken back")
        await synced(client)

        # Not taken back: it goes after ten seconds.
        await browser.click(tick("Oppenheimer"))
        await until(lambda: plays(house, "Oppenheimer") == 1, "it is marked again")
        await browser.wait(poster("Oppenheimer"), gone=True)

        # A show: everything up to an episode, and all of that back.
        before = seen_episodes(house, 2)
        await browser.click(f"{poster('Severance')} >> button.open")
        await browser.wait(SHEET)
        await browser.click(episode(8))
        await browser.click("ws-work >> button:has-text('Watched up to here')")
        await until(
            lambda: seen_episodes(house, 2) == list(range(1, 9)), "they are marked"
        )
        await browser.wait(f"{episode(8)}.watched")
        await browser.click("ws-work >> .notice >> button:has-text('Undo')")
        await until(lambda: seen_episodes(house, 2) == before, "all is taken back")
        await browser.wait("ws-work >> .notice:has-text('Taken back')")
        await browser.press("Escape")
        await browser.wait(SHEET, gone=True)
        await synced(client)
        await no_complaints(browser)
    assert house.complaints() == []


async def test_what_waits_has_a_cloud_and_what_failed_a_reason(house: House) -> None:
    chip = f"{CARD} >> nth=0 >> button.chip"
    machine = house.simulation.machines["jellyfin"]
    async with house.browser() as browser, house.browser() as page:
        await page.go("/watched")
        await page.wait("ws-page-up-next >> ws-poster")
        await browser.go(DASHBOARD)
        assert await browser.count(chip) == 0
        await house.jellyfin.go_dark()
        await browser.click(tick("Past Lives"))
        await browser.wait(f"{poster('Past Lives')} >> .state.waits")
        await browser.click(chip)
        await browser.wait("ws-waiting >> text=Past Lives (2023)")
        await browser.press("Escape")
        # Both stay open while Home Assistant starts anew, with another version.
        update(house)
        await house.restart()
        await reload_the_page(page)
        await browser.ready()
        await browser.errors()
        await browser.wait(f"{chip}:has-text('1 is waiting')")
        outdated = f"{CARD} >> nth=0 >> .outdated"
        await browser.wait(f"{outdated}:has-text('Watched Sync was updated')")
        await browser.click(f"{outdated} >> button:has-text('Reload')")
        await browser.wait(outdated, gone=True)
        await browser.ready()
        await browser.wait(f"{chip}:has-text('1 is waiting')")
        assert await browser.count(outdated) == 0
        await house.jellyfin.come_back()
        await sync_now(house, "Cellar")
        await browser.wait(chip, gone=True)

        # Refused for good: it stays to be looked at, says why, and works in the end.
        machine.refuse(on=True)
        await browser.click(tick("Doctor Who"))
        await browser.wait(f"{chip}.alarm:has-text('1 failed')")
        await browser.wait(f"{poster('Doctor Who')} >> .state.failed")
        await browser.wait(f"{poster('Doctor Who')} >> .why.bad")
        await browser.click(chip)
        await browser.wait("ws-waiting >> li:has-text('Doctor Who')")
        assert await browser.axe("ws-sheet") == []
        machine.refuse(on=False)
        await browser.click("ws-waiting >> button:has-text('Try again')")
        await browser.wait("ws-waiting >> text=Nothing is waiting")
        await browser.press("Escape")
        await browser.wait(chip, gone=True)
        await no_complaints(browser, had_outage=True)
    async with house.client() as client:
        await synced(client)


async def reload_the_page(page: Browser) -> None:
    """Have the page of before say so, and load that of now."""
    outdated = "watched-sync-panel >> .banner:has-text('Watched Sync was updated')"
    await page.wait(outdated)
    await page.click(f"{outdated} >> button:has-text('Reload')")
    await page.wait(outdated, gone=True)
    await page.ready()
    await page.wait("ws-page-up-next >> ws-poster")
    assert await page.count(outdated) == 0


def update(house: House) -> None:
    """Have another version be what Home Assistant starts with."""
    there = house.folder / "home" / "custom_components" / "watched_sync"
    component = there.resolve()
    there.unlink()
    shutil.copytree(component, there, ignore=shutil.ignore_patterns("__pycache__"))
    bundle = there / "bundle.py"
    text = bundle.read_text("utf-8")
    bundle.write_text(text.replace(FILES, FILES[::-1]), "utf-8")


async def sync_now(house: House, server: str) -> None:
    """Have a server asked at once whether it is there again."""
    async with house.client() as client:
        who = await client.command("watched_sync/who")
        (lane,) = (
            one["config_entry_id"] for one in who["lanes"] if one["server"] == server
        )
        await client.action("watched_sync.sync_now", {"config_entry_id": lane})


async def test_it_works_on_a_phone_in_the_dark_with_a_keyboard_alone(
    house: House,
) -> None:
    async with house.browser(dark=True, size=(390, 844)) as browser:
        await browser.go(DASHBOARD)
        await browser.wait(poster("Oppenheimer"))
        assert await browser.axe(CARD) == []

        # One stop for all posters of a shelf; the arrows go from one to the next.
        await reach(browser, await first_poster(browser), exactly=False)
        await along(browser, "Oppenheimer")
        await browser.press("Space")
        await browser.wait(undo("Oppenheimer"))
        await reach(browser, "Undo: Oppenheimer (2023)")
        await browser.press("Enter")
        await browser.wait(tick("Oppenheimer"))

        await reach(browser, "Oppenheimer", exactly=False)
        await along(browser, "Severance")
        await browser.press("Enter")
        await browser.wait(episode(5))
        await browser.settled()
        assert await browser.axe("ws-sheet") == []
        await reach(browser, "S02E05", exactly=False)
        await browser.press("ArrowRight")
        assert "S02E06" in await browser.focused()
        await browser.press("Enter")
        await browser.wait("ws-work >> h3:has-text('S02E06')")
        await browser.press("Escape")
        await browser.wait(SHEET, gone=True)
        # The focus is where it was.
        assert "Severance" in await browser.focused()
        await no_complaints(browser)


async def first_poster(browser: Browser) -> str:
    """Return the title of the first poster of the first card."""
    return await browser.text(f"{CARD} >> ws-poster >> nth=0 >> .title")


async def along(browser: Browser, title: str) -> None:
    """Press the arrow key from the first poster of a shelf to another.

    On a phone the shelf has two rows, and is gone through from top to bottom.
    """
    seen: list[str] = []
    await browser.press("Home")
    while title not in (focused := await browser.focused()):
        assert focused not in seen, f"{title} is not on the shelf: {seen}"
        seen.append(focused)
        await browser.press("ArrowDown")


async def reach(browser: Browser, label: str, *, exactly: bool = True) -> None:
    """Press the tab key until something with a label has the focus."""
    seen = []
    for _ in range(80):
        await browser.press("Tab")
        focused = await browser.focused()
        seen.append(focused)
        if focused == label or (not exactly and label in focused):
            return
    pytest.fail(f"{label} has never the focus: {json.dumps(seen)}")


async def test_the_page_has_addresses_and_speaks_five_languages(house: House) -> None:
    async with house.browser() as browser:
        await browser.go("/watched")
        await browser.click("ws-poster:has-text('Severance') >> button.open")
        await browser.wait(SHEET)
        await browser.settled()
        assert await browser.axe("watched-sync-panel") == []
        # Going back closes it, as everywhere; the address opens it for somebody else.
        await browser.back()
        await browser.wait(SHEET, gone=True)
        assert await browser.path() == "/watched"
        await browser.wait("ws-poster:has-text('Oppenheimer')")
        await no_complaints(browser)
    for language, words in {
        "de": "Als Nächstes",
        "es": "A continuación",
        "fr": "À suivre",
        "nl": "Als volgende",
    }.items():
        async with house.browser(language=language) as browser:
            await browser.go(DASHBOARD)
            await browser.wait(f"{CARD} >> h2:text-is('{words}')")


async def dashboard(client: Client, title: str) -> tuple[str, dict[str, Any]]:
    """Return the address and the configuration of a dashboard, once both are there."""
    async with asyncio.timeout(60):
        while True:
            for one in await client.command("lovelace/dashboards/list"):
                if one["title"] == title:
                    # It is made first, and told what it shows a moment later.
                    with suppress(RefusedError):
                        path = one["url_path"]
                        return path, await client.command(
                            "lovelace/config", url_path=path
                        )
            await asyncio.sleep(0.1)


async def test_a_dashboard_makes_itself_and_the_card_has_an_editor(
    house: House,
) -> None:
    async with house.client() as client, house.browser() as browser:
        await browser.go("/config/lovelace/dashboards")
        await browser.click("ha-button:has-text('Add dashboard')")
        await browser.click("dashboard-card:has-text('Watched Sync')")
        await browser.fill("dialog-lovelace-dashboard-detail >> input", "Evenings")
        await browser.click("dialog-lovelace-dashboard-detail >> text=Create")
        path, config = await dashboard(client, "Evenings")
        assert config == {"strategy": {"type": "custom:watched-sync"}}
        await browser.go(f"/{path}/watched")
        await browser.wait(f"{CARD} >> nth=1 >> ws-poster")

        await client.command(
            "lovelace/config/save",
            url_path=path,
            config={"views": [{"path": "one", "cards": [{"type": f"custom:{CARD}"}]}]},
        )
        await browser.go(f"/{path}/one?edit=1")
        await browser.click("text=Add card >> visible=true")
        await browser.click("hui-dialog-create-card >> text=By card")
        await browser.fill("hui-card-picker >> input", "watched sync")
        await browser.wait("hui-card-picker >> ws-poster")
        await browser.press("Escape")
        await browser.wait("hui-card-picker", gone=True)
        await browser.click("hui-card-options >> text=Edit")
        await browser.wait(f"{CARD}-editor >> ha-form")
        await browser.click(f"{CARD}-editor >> text=Films not seen yet")
        await browser.wait(f"hui-dialog-edit-card >> {CARD} >> h2:text('Films')")
        await browser.shot("editor")
