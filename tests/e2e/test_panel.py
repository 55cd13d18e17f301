"""The pages of the panel, as the people of a household use them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from .house import HOUSEMATE, VIEWER, House, no_complaints, synced
from .test_card import SHEET, episode, seen_episodes, until

# Two persons on both servers take their time to be read on a busy machine.
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

LIBRARY = "/watched/library"
FOUND = "ws-page-library >> .said"


@pytest.fixture
async def household(tmp_path: Path) -> AsyncIterator[House]:
    """A house with two persons, both with lanes on both servers."""
    async with House(tmp_path, household=True) as house:
        await house.read()
        yield house


def poster(title: str) -> str:
    return f"ws-poster:has-text('{title}')"


def chip(name: str) -> str:
    return f"ws-page-library >> button.chip:text-is('{name}')"


async def until_seen(
    house: House, title: str, user: str = VIEWER, *, seen: bool = True
) -> None:
    """Wait until both servers say that a user has seen a film, or has not."""
    key, item_id = house.plex.rating_key(title), house.jellyfin.item_id(title)
    count = 1 if seen else 0
    await until(
        lambda: (
            house.plex.state(user, key).view_count == count
            and house.jellyfin.state(user, item_id).played is seen
        ),
        f"{title} of {user}: {seen}",
    )


async def test_the_library_is_searched_filtered_and_ticked(household: House) -> None:
    house = household
    async with house.browser() as browser, house.client() as client:
        await browser.go(LIBRARY)
        await browser.wait(poster("Alien"))
        await browser.settled()
        assert await browser.axe("watched-sync-panel") == []

        # What is meant is found, and the address says what was looked for.
        await browser.fill("ws-page-library >> input", "godfahter")
        await browser.wait(f"{FOUND} >> text=1 title")
        await browser.wait(poster("The Godfather"))
        assert await browser.search() == "?q=godfahter"
        await browser.click("ws-page-library >> button[aria-label='Clear the search']")
        await browser.wait(poster("Alien"))
        await browser.click(chip("Films"))
        await browser.click(chip("Nobody has seen it yet"))
        await browser.wait(poster("Arrival"))
        for title in ("Paddington 2", "Alien", "Amélie", "Severance"):
            await browser.wait(poster(title), gone=True)
        shared = await browser.path() + await browser.search()
        await browser.back()
        await browser.wait(poster("Paddington 2"))
        await browser.go("/watched/waiting")
        await browser.go(shared)
        await browser.wait(poster("Arrival"))
        await browser.wait(poster("Paddington 2"), gone=True)

        # Seen together: in one tap on all lanes of both, and back.
        await browser.click(f"{poster('Arrival')} >> button.open")
        await browser.click("ws-work >> button:has-text('Kim')")
        for user in (VIEWER, HOUSEMATE):
            await until_seen(house, "Arrival", user)
        await browser.wait("ws-work >> .seen:has-text('Kim')")
        await browser.click("ws-work >> .notice >> button:has-text('Undo')")
        for user in (VIEWER, HOUSEMATE):
            await until_seen(house, "Arrival", user, seen=False)
        await browser.press("Escape")
        await browser.wait(SHEET, gone=True)

        # A show: its seasons, and all up to an episode.
        await browser.go(f"{LIBRARY}?kind=show&q=severance")
        await browser.click(f"{poster('Severance')} >> button.open")
        await browser.click(episode(7))
        await browser.click("ws-work >> button:has-text('Watched up to here')")
        await until(
            lambda: seen_episodes(house, 2) == list(range(1, 8)), "they are marked"
        )
        await browser.back()
        await browser.wait(SHEET, gone=True)
        await synced(client)

        # What is nowhere is said, with a way out.
        await browser.fill("ws-page-library >> input", "zzzz")
        await browser.click("ws-page-library >> button:has-text('Show everything')")
        await browser.wait(poster("Alien"))
        await no_complaints(browser)
    assert house.complaints() == []
