"""The pages of the panel, as the people of a household use them."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, override

import pytest

from .browser import Browser
from .house import HOUSEMATE, VIEWER, House, no_complaints, synced
from .test_card import SHEET, episode, reach, seen_episodes, until

# Two persons on both servers take their time to be read on a busy machine.
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(480)]

LIBRARY = "/watched/library"
FOUND = "ws-page-library >> .said"


@pytest.fixture
async def household(tmp_path: Path) -> AsyncIterator[House]:
    """A house with two persons, both with lanes on both servers."""
    async with House(tmp_path, household=True, reads_at_once=True) as house:
        await house.read()
        yield house


def poster(title: str) -> str:
    return f"ws-poster:has-text('{title}')"


def chip(name: str) -> str:
    return f"ws-page-library >> button.chip:text-is('{name}')"


def plays(house: House, title: str, user: str = VIEWER) -> int:
    """Return how often a film was played, as Plex counts."""
    count: int = house.plex.state(user, house.plex.rating_key(title)).view_count
    return count


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


async def tab(browser: Browser, name: str) -> None:
    await browser.click(f"watched-sync-panel >> a.tab:has-text('{name}')")


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
        await browser.go("/watched/history")
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


async def test_what_failed_is_tried_again_and_what_was_done_taken_back(
    household: House,
) -> None:
    house = household
    row = "ws-page-history >> section >> li:has-text('Arrival')"
    async with house.browser() as browser, house.client() as client:
        await browser.go("/watched/history")
        await browser.wait("ws-page-history >> text=Nothing was changed yet")
        await browser.go(f"{LIBRARY}?q=arrival")
        house.simulation.machines["jellyfin"].refuse(on=True)
        await browser.click(f"{poster('Arrival')} >> button.tick")
        await browser.wait(f"{poster('Arrival')} >> .state.failed")
        await tab(browser, "Waiting")
        await browser.wait("ws-waiting >> li:has-text('Arrival')")
        await browser.wait("a.tab:has-text('Waiting') >> .badge")
        await browser.settled()
        assert await browser.axe("watched-sync-panel") == []
        house.simulation.machines["jellyfin"].refuse(on=False)
        await browser.click("ws-waiting >> button:has-text('Try again')")
        await browser.wait("ws-page-waiting >> text=All is delivered")
        await until_seen(house, "Arrival")

        # A server that is away is said on every page, and what is wanted of it waits.
        await house.plex.go_dark()
        await client.action(
            "watched_sync.mark_watched",
            {"title": "Stalker", "person": "person.alex"},
        )
        await browser.wait("ws-page-waiting >> li:has-text('Tries again')")
        await browser.wait(".banner:has-text('Attic (alex) is away')")
        await browser.wait("ws-waiting >> li:has-text('Stalker')")
        await house.plex.come_back()
        await browser.click(
            "ws-page-waiting >> button[aria-label='Try now: Attic (alex)']"
        )
        await browser.wait(".banner", gone=True)
        await until_seen(house, "Stalker")
        await synced(client)

        await tab(browser, "History")
        await browser.wait(f"{row}:has-text('was marked as watched on Cellar (alex)')")
        await browser.wait(f"{row}:has-text('by Alex')")
        await browser.settled()
        assert await browser.axe("watched-sync-panel") == []
        await browser.click(f"{row} >> button:has-text('Undo')")
        await until_seen(house, "Arrival", seen=False)
        await browser.wait(f"{row}:has-text('Taken back')")

        # Everything since something: asked for first.
        for title in ("Metropolis", "Inception"):
            await client.action(
                "watched_sync.mark_watched",
                {"title": title, "person": "person.alex", "wait": 10},
            )
        stalker = "ws-page-history >> section >> li:has-text('Stalker')"
        await browser.wait("ws-page-history >> li:has-text('Inception')")
        await browser.click(f"{stalker} >> button[aria-label^='Undo everything']")
        await browser.wait("ws-ask >> text=That takes back")
        await browser.click("ws-ask >> button:has-text('Go on')")
        for title in ("Stalker", "Metropolis", "Inception"):
            await until_seen(house, title, seen=False)
        await no_complaints(browser, had_outage=True)


async def test_servers_are_brought_level_with_a_stop_and_all_of_it_taken_back(
    household: House,
) -> None:
    house = household
    key = house.plex.rating_key("Toy Story")
    other = house.jellyfin.item_id("Alien")

    def seen() -> tuple[int, bool]:
        """Return what each server is told by the other."""
        return (
            house.plex.state(VIEWER, key).view_count,
            house.jellyfin.state(VIEWER, other).played,
        )

    async with house.browser() as browser, house.client() as client:
        await browser.go("/watched")
        await tab(browser, "Level")
        await browser.wait("ws-page-level >> text=Attic (kim)")
        await browser.settled()
        assert await browser.axe("watched-sync-panel") == []
        await browser.click("ws-page-level >> button:has-text('See what would change')")
        await browser.wait("ws-page-level >> h3:has-text('Cellar (alex)')")
        await browser.settled()
        assert await browser.axe("watched-sync-panel") == []
        assert seen() == (0, False)
        # Half of it has to wait, so that there is something to stop.
        await house.plex.go_dark()
        # What is known of the libraries may still become better: then it is shown anew.
        for _ in range(5):
            await browser.click("ws-page-level >> button:has-text('Make ')")
            await browser.wait("ws-page-level >> progress, p.said")
            if await browser.count("ws-page-level >> progress"):
                break
        await browser.wait("ws-page-level >> button:has-text('Stop')")
        await until(lambda: seen() == (0, True), "what can be done was done")
        await browser.click("ws-page-level >> button:has-text('Stop')")
        await browser.wait("ws-page-level >> h2:text-is('Stopped')")
        await house.plex.come_back()
        await synced(client)
        assert seen() == (0, True)
        await browser.click("ws-page-level >> button:has-text('Go on')")
        await browser.wait("ws-page-level >> h2:text-is('Finished')")
        assert seen() == (1, True)
        # Its address is that of this one, for whoever comes back to it.
        address = await browser.path()
        await tab(browser, "History")
        await browser.wait("ws-page-history >> li:has-text('to bring servers level')")
        await browser.go(address)
        await browser.click("ws-page-level >> button:has-text('Take all of it back')")
        await browser.click("ws-ask >> button:has-text('Go on')")
        await browser.wait("ws-page-level >> h2:text-is('Undone')")
        assert seen() == (0, False)
        await no_complaints(browser, had_outage=True)


async def test_whoever_is_no_administrator_sees_only_what_is_theirs(
    household: House,
) -> None:
    house = household
    async with house.client() as client, house.browser(signed_in=False) as browser:
        await client.action(
            "watched_sync.mark_watched",
            {"title": "Arrival", "person": "person.alex", "wait": 10},
        )
        await browser.open(house.home.url)
        await browser.fill("input[name=username]", HOUSEMATE)
        await browser.fill("input[name=password]", HOUSEMATE)
        await browser.click("button:has-text('Log in'), ha-button:has-text('Log in')")
        await browser.ready()
        # Also by the address that somebody else shared.
        for page in ("up-next", "library", "history", "waiting"):
            await browser.go(f"/watched/{page}?person=person.alex")
            await browser.settled()
            assert "Alex" not in await browser.text("watched-sync-panel")
            assert "alex" not in await browser.text("watched-sync-panel")
            assert await browser.count("ws-persons >> button") == 0
        await browser.go(f"{LIBRARY}?state=watched")
        await browser.wait(poster("Paddington 2"))
        await browser.wait(poster("Alien"), gone=True)
        await browser.click(f"{poster('Paddington 2')} >> button.tick")
        await until(lambda: plays(house, "Paddington 2", HOUSEMATE) == 0, "hers")
        await no_complaints(browser)


async def test_the_pages_work_on_a_phone_in_the_dark_with_a_keyboard_alone(
    household: House,
) -> None:
    house = household
    async with house.browser(dark=True, size=(390, 844), language="de") as browser:
        await browser.go("/watched")
        await browser.wait("h2:text-is('Weiterschauen')")
        await browser.settled()
        assert await browser.axe("watched-sync-panel") == []
        await reach(browser, "Bibliothek")
        await browser.press("Enter")
        await browser.wait(poster("Alien"))
        await browser.settled()
        assert await browser.axe("watched-sync-panel") == []

        # One stop for all posters; the arrows go from one to the next.
        await reach(browser, "Alien", exactly=False)
        await browser.press("ArrowRight")
        assert "Amélie" in await browser.focused()
        await browser.press("End")
        assert "Toy Story" in await browser.focused()
        await browser.press("Home")
        await browser.press("Space")
        await until(lambda: plays(house, "Alien") == 0, "it is not watched")
        await reach(browser, "Rückgängig")
        await browser.press("Enter")
        await until(lambda: plays(house, "Alien") == 1, "it is taken back")

        await browser.go("/watched/history")
        await browser.wait("ws-page-history >> li:has-text('Alien')")
        await browser.settled()
        assert await browser.axe("watched-sync-panel") == []
        await browser.go("/watched/waiting")
        await browser.wait("ws-page-waiting >> li:has-text('Attic (alex)')")
        await browser.settled()
        assert await browser.axe("watched-sync-panel") == []
        await no_complaints(browser)


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_memory_stays_flat_over_many_pages(household: House) -> None:
    async with household.browser() as browser:
        await browser.go("/watched")
        pages = [f"/watched/{one}" for one in ("up-next", "library", "history")]
        pages += [f"{LIBRARY}?open=tmdb%3A%2F%2Fmovie%2F348", "/watched/waiting"]
        held = []
        for _ in range(4):
            for _ in range(10):
                for page in pages:
                    await browser.turn_to(page)
            held.append(await browser.memory())
        # The first round loads what is kept for good.
        nodes = [one["nodes"] for one in held]
        heap = [one["heap"] for one in held]
        assert nodes[-1] <= nodes[0] * 1.1, nodes
        assert heap[-1] <= heap[0] * 1.1, heap


class Following(House):
    """A house in which the second server is to follow the first."""

    @override
    async def connected(self, hello: Mapping[str, Any]) -> list[dict[str, Any]]:
        first, second = await super().connected(hello)
        first["options"]["mirror"] = {"mirror_to": [second["entry_id"]]}
        return [first, second]


async def test_what_is_not_level_is_offered_with_its_plan_one_tap_away(
    tmp_path: Path,
) -> None:
    async with Following(tmp_path) as house:
        await house.read()
        async with house.browser() as browser:
            await browser.go("/watched")
            await browser.wait("ws-page-up-next >> .offer")
            await browser.settled()
            # Once, though they are of one person as well.
            assert await browser.count("ws-page-up-next >> .offer") == 1
            assert await browser.axe("watched-sync-panel") == []
            await browser.click("ws-page-up-next >> .offer >> a")
            await browser.wait("ws-page-level >> h3:has-text('Cellar (alex)')")
            await no_complaints(browser)
