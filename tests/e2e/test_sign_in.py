"""Signing in as a person does it in the frontend, and everything that goes wrong."""

import asyncio
from collections.abc import Mapping
import re
from typing import Any

import pytest

from scripts.lib.demo.household import all_loaded
from tests.fakes.emby import FakeEmby
from tests.fakes.jellyfin import FakeJellyfin
from tests.fakes.jellyfin.profile import Phase
from tests.fakes.plex import FakePlex
from tests.fakes.tls import Certificates

from .browser import Browser
from .house import JELLYFIN, House, no_complaints
from .test_connect import CREATED, DIALOG, SUBMIT, begin, fill, whose

# Many dialogs in one house, as every start of Home Assistant takes its time.
#: Seconds after which a slot of what is up next may be pressed, and some more.
SETTLED = 4
#: Seconds in which a check is through, at the latest.
CHECKED = 90

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

PAGE = "/config/integrations/integration/watched_sync"
FINISH = f"{DIALOG} >> role=button[name=/Finish|Skip/]"
PROGRESS = f"{DIALOG} >> step-flow-progress"
FIELD = f"{DIALOG} >> input"


async def close(browser: Browser) -> None:
    """Give up: the dialog's cross. When this returns, Home Assistant knows."""
    await browser.click(f"{DIALOG} >> role=button[name='Close']")
    await browser.wait(DIALOG, gone=True)
    await browser.settled()


async def submit(browser: Browser, expected: str, picture: str) -> None:
    """Send a form, wait for what comes of it, and keep a picture of that."""
    await browser.click(SUBMIT)
    await see(browser, expected, picture)


async def see(browser: Browser, expected: str, picture: str) -> None:
    """Wait until the dialog says something, and keep a picture."""
    await browser.wait(f"{DIALOG} >> text={expected}")
    await browser.settled()
    await browser.shot(picture)


async def finish(browser: Browser, picture: str) -> None:
    """See that an entry was made, and close the dialog."""
    await browser.wait(CREATED)
    await browser.settled()
    await browser.shot(picture)
    await browser.click(FINISH)
    await browser.wait(DIALOG, gone=True)


async def from_menu(browser: Browser, entry: str, item: str) -> None:
    """Choose something from the menu of an entry."""
    await browser.go(PAGE)
    row = f"ha-config-entry-row:has-text('{entry}')"
    await browser.click(f"{row} >> role=button[name='Menu']")
    await browser.click(f"{row} >> ha-dropdown-item:has-text('{item}')")


async def sign_in_again(browser: Browser, way: str, picture: str) -> None:
    """Open the dialog that Home Assistant offers where a sign-in is worth nothing."""
    await browser.go(PAGE)
    await browser.click("role=button[name='Reconfigure']")
    await see(browser, "Sign in again", picture)
    await browser.click(f"{DIALOG} >> text={way}")


async def titles(client: Any) -> list[str]:
    """Return what the entries are called."""
    found = await client.command("config_entries/get", domain="watched_sync")
    return sorted(entry["title"] for entry in found)


async def mark(client: Any, entity: str) -> str:
    """Turn on a switch of what is up next, and return the server's id of the item."""
    pattern = rf"switch\.{entity}_.*\d"

    def first(states: Mapping[str, Any]) -> Any:
        found = sorted(one for one in states if re.match(pattern, one))
        return states[found[0]] if found else None

    # The switches may come a moment after the sensor that says all is well.
    switch = await client.until(first, f"what is up next of {entity}")
    await asyncio.sleep(SETTLED)
    switch = await client.until(first, f"what is up next of {entity}")
    await client.action("switch.turn_on", entity_id=switch["entity_id"])
    item_id: str = switch["attributes"]["item_id"]
    return item_id


async def test_plex_is_connected_with_an_account(empty_house: House) -> None:
    house = empty_house
    plex, plex_tv = house.plex, house.simulation.plex_tv
    async with (
        FakePlex(name="Barn", clock=plex.clock) as barn,
        house.browser() as browser,
        house.client() as client,
    ):
        # plex.tv is away, and back.
        await plex_tv.go_dark()
        await begin(browser, "Plex, with your account")
        await see(browser, "plex.tv does not answer", "plex-1-away")
        await plex_tv.come_back()
        await submit(browser, "Open plex.tv", "plex-2-code")

        # Cancelled: nobody asks any more what became of that code.
        await close(browser)
        cancelled = plex_tv.pins[-1]
        plex_tv.approve(cancelled.code, "alex")

        # The code expires.
        await begin(browser, "Plex, with your account")
        await browser.wait(f"{PROGRESS} >> text=Open plex.tv")
        plex_tv.pins[-1].created_at -= plex_tv.pins[-1].lifetime
        await see(browser, "Nobody used the code in time", "plex-3-expired")
        await close(browser)

        # The link leads to where one signs in.
        plex_tv.add_server(barn)
        await begin(browser, "Plex, with your account")
        await approve_at_plex_tv(browser, house, "alex")
        await see(browser, "Which server?", "plex-4-server")
        await browser.click(f"{DIALOG} >> text=Attic")
        await submit(browser, "Who watches?", "plex-5-user")

        # Kim is protected.
        await browser.click(f"{DIALOG} >> text=kim")
        await submit(browser, "This user is protected", "plex-6-no-pin")
        await fill(browser, pin="1111")
        await submit(browser, "This PIN is not right", "plex-7-wrong-pin")
        await fill(browser, pin="2468")
        await browser.click(SUBMIT)
        await whose(browser, "Shared by the household", "plex-8-whose")
        await finish(browser, "plex-8-connected")
        await client.until_state("sensor.attic_kim_sync_status", "synced")
        assert await titles(client) == ["Attic (kim)"]

        # Signed out at Plex; what is asked for meanwhile waits.
        plex_tv.sign_out_everywhere("kim")
        item_id = await mark(client, "attic_kim")
        await client.until_state("sensor.attic_kim_sync_status", "auth_required")
        await sign_in_again(browser, "Plex, with your account", "plex-9-again")
        await approve_at_plex_tv(browser, house, "sam")
        await see(browser, "another server or another user", "plex-10-wrong-user")
        await close(browser)
        assert await client.state("sensor.attic_kim_pending_changes") == "1"
        await sign_in_again(browser, "Plex, with your account", "plex-11-again")
        await approve_at_plex_tv(browser, house, "alex")
        await see(browser, "Who watches?", "plex-12-only-kim")
        assert await browser.count(f"{DIALOG} >> text=alex") == 0
        await fill(browser, pin="2468")
        await submit(browser, "Signed in again", "plex-13-done")
        await close(browser)
        await client.until_state("sensor.attic_kim_sync_status", "synced")
        assert plex.state("kim", item_id).view_count == 1
        assert plex.state("alex", item_id).view_count == 0

        assert cancelled in plex_tv.pins
        await no_complaints(browser, had_outage=True)
    assert house.complaints() == []


async def approve_at_plex_tv(browser: Browser, house: House, user: str) -> None:
    """Follow the link in a window of its own, and sign in there."""
    plex_tv = house.simulation.plex_tv
    await browser.wait(f"{PROGRESS} >> text=Open plex.tv")
    code = plex_tv.pins[-1].code
    await browser.wait(f"{PROGRESS} >> text={code}")
    address = f"[href^='{plex_tv.url}/auth#'][href*='{code}']"
    await browser.wait(f"{PROGRESS} >> a[target=_blank]{address}")
    async with Browser(plex_tv.url, pictures=browser.pictures) as other:
        await other.open(f"{plex_tv.url}/auth#?code={code}")
        await other.click(f"role=button[name='{user}']")
        await other.wait("text=Signed in")


async def test_jellyfin_and_emby_are_connected_in_every_way(
    empty_house: House,
) -> None:
    house = empty_house
    certificates = Certificates()
    async with (
        FakeJellyfin(
            name="Vault", ssl_context=certificates.server("127.0.0.1")
        ) as vault,
        FakeEmby(name="Loft") as loft,
        house.browser() as browser,
        house.client() as client,
    ):
        await quick_connect(browser, house)
        await client.until_state("sensor.cellar_kim_sync_status", "synced")
        await a_certificate_of_its_own(browser, vault)
        await client.until_state("sensor.vault_alex_sync_status", "synced")
        await emby(browser, house, loft)
        await client.until_state("sensor.loft_alex_sync_status", "synced")
        assert await titles(client) == ["Cellar (kim)", "Loft (alex)", "Vault (alex)"]

        # Signed out in Jellyfin; what is asked for meanwhile waits.
        for token in list(house.jellyfin.tokens):
            house.jellyfin.revoke(token)
        item_id = await mark(client, "cellar_kim")
        await client.until_state("sensor.cellar_kim_sync_status", "auth_required")
        way = "Jellyfin, with Quick Connect"
        await sign_in_again(browser, way, "jellyfin-again")
        await approve_in_jellyfin(browser, house, "alex")
        await see(browser, "another server or another user", "jellyfin-wrong-user")
        await close(browser)
        assert await client.state("sensor.cellar_kim_pending_changes") == "1"
        await sign_in_again(
            browser, "Jellyfin, with user name and password", "jellyfin-once-more"
        )
        await see(browser, "Sign in again to Cellar (kim)", "jellyfin-again-password")
        assert await browser.value(f"{FIELD}[name=username]") == "kim"
        await fill(browser, password=house.jellyfin.password("kim"))
        await submit(browser, "Signed in again", "jellyfin-signed-in")
        await close(browser)
        await client.until_state("sensor.cellar_kim_sync_status", "synced")
        assert house.jellyfin.state("kim", item_id).played

        await no_complaints(browser, had_outage=True)
    assert house.complaints() == []


async def approve_in_jellyfin(browser: Browser, house: House, user: str) -> None:
    """Type the code that is shown where somebody is signed in."""
    await browser.wait(f"{PROGRESS} >> text=The code is")
    code = await browser.text(f"{PROGRESS} >> strong")
    assert house.jellyfin.approve(code, user)


async def quick_connect(browser: Browser, house: House) -> None:
    """Connect Kim by a code, after everything that can go wrong."""
    jellyfin = house.jellyfin
    await begin(browser, "Jellyfin, with Quick Connect")
    await see(browser, "Connect to Jellyfin with Quick Connect", "code-1-form")
    await fill(browser, url=house.plex.url)
    await submit(browser, "Plex Media Server answers at this", "code-2-plex")
    assert await browser.value(f"{FIELD}[name=url]") == house.plex.url
    jellyfin.phase = Phase.SETUP_EARLY
    await fill(browser, url=jellyfin.url)
    await submit(browser, "still starting", "code-3-starting")
    jellyfin.phase = Phase.READY
    jellyfin.quick_connect.enabled = False
    await submit(browser, "Quick Connect is switched off", "code-4-off")
    assert await browser.value(f"{FIELD}[name=url]") == jellyfin.url
    jellyfin.quick_connect.enabled = True
    await submit(browser, "The code is", "code-5-code")
    # Jellyfin was restarted meanwhile: it does not know the code any more.
    jellyfin.quick_connect.forget()
    await see(browser, "does not know this code any more", "code-6-forgotten")
    assert await browser.value(f"{FIELD}[name=url]") == jellyfin.url
    await browser.click(SUBMIT)
    await approve_in_jellyfin(browser, house, "kim")
    await whose(browser, "Shared by the household", "code-7-whose")
    await finish(browser, "code-7-connected")

    # The same user of the same server, whichever way.
    await begin(browser, "Jellyfin, with user name and password")
    await fill(
        browser, url=jellyfin.url, username="kim", password=jellyfin.password("kim")
    )
    await submit(browser, "already connected", "code-8-twice")
    await close(browser)


async def a_certificate_of_its_own(browser: Browser, vault: FakeJellyfin) -> None:
    """Connect to a server whose certificate nobody vouches for."""
    await begin(browser, "Jellyfin, with user name and password")
    await browser.wait(f"{DIALOG} >> text=Connect to Jellyfin")
    await browser.settled()
    await browser.shot("password-1-form")
    # An API key, as some people have one at hand.
    typed = {"url": vault.url, "username": "alex", "password": "0123456789abcdef" * 2}
    await fill(browser, **typed)
    await submit(browser, "certificate cannot be verified", "password-2-certificate")
    for name, text in typed.items():
        assert await browser.value(f"{FIELD}[name={name}]") == text
    await browser.click(f"{DIALOG} >> ha-switch")
    await submit(browser, "looks like an API key", "password-3-key")
    await fill(browser, password="mistyped")
    await submit(browser, "did not accept this user name", "password-4-wrong")
    typed["password"] = "mistyped"
    for name, text in typed.items():
        assert await browser.value(f"{FIELD}[name={name}]") == text
    await fill(browser, password=vault.password("alex"))
    await browser.click(SUBMIT)
    await whose(browser, "Shared by the household", "password-5-whose")
    await finish(browser, "password-5-connected")


async def emby(browser: Browser, house: House, loft: FakeEmby) -> None:
    """Connect to Emby."""
    await begin(browser, "Emby, with user name")
    await see(browser, "Connect to Emby", "emby-1-form")
    await fill(
        browser,
        url=house.jellyfin.url,
        username="alex",
        password=loft.password("alex"),
    )
    await submit(browser, "A Jellyfin server answers at this", "emby-2-jellyfin")
    await fill(browser, url=loft.url)
    await browser.click(SUBMIT)
    await whose(browser, "Shared by the household", "emby-3-whose")
    await finish(browser, "emby-3-connected")


async def test_an_entry_is_looked_after(house: House) -> None:
    async with (
        FakeJellyfin(name="Vault") as vault,
        house.browser() as browser,
        house.client() as client,
    ):
        await preferences(browser, client)
        await check(browser, client)
        await track(browser, client)
        await report(browser)
        await move(browser, house, vault)
        await client.until_state(f"sensor.{JELLYFIN}_sync_status", "synced")
        await no_complaints(browser, had_outage=True)
    assert house.complaints() == []


async def move(browser: Browser, house: House, vault: FakeJellyfin) -> None:
    """Tell where a server is now."""
    jellyfin = house.jellyfin
    await from_menu(browser, "Cellar (alex)", "Reconfigure")
    await see(browser, "Change the address", "move-1-form")
    assert await browser.value(f"{FIELD}[name=url]") == jellyfin.url
    await fill(browser, url=house.simulation.plex_tv.unreachable_uri())
    await submit(browser, "Nothing answers at this address", "move-2-nothing")
    await fill(browser, url=f"localhost:{jellyfin.port}")
    await submit(browser, "The new address is in use", "move-3-done")
    await close(browser)
    # Another server, at which nobody may see the token.
    vault.clear_log()
    await from_menu(browser, "Cellar (alex)", "Reconfigure")
    await see(browser, "Change the address", "move-4-form")
    await fill(browser, url=vault.url)
    await submit(browser, "another server or another user", "move-5-other")
    await close(browser)
    assert vault.requests
    for request in vault.requests:
        assert "Token=" not in request.headers.get("Authorization", "")


async def configure(browser: Browser, what: str) -> None:
    """Choose from the menu of an entry's options."""
    await browser.go(PAGE)
    row = "ha-config-entry-row:has-text('Cellar (alex)')"
    await browser.click(f"{row} >> role=button[name='Configure']")
    await browser.wait(f"{DIALOG} >> text={what}")
    await browser.click(f"{DIALOG} >> text='{what}'")


async def check(browser: Browser, client: Any) -> None:
    """Check the server, on a film and a show."""
    await configure(browser, "Check this server")
    await see(browser, "Only read", "check-1-menu")
    await browser.click(f"{DIALOG} >> text='Try everything, and put it back'")
    await see(browser, "Try everything?", "check-2-confirm")
    await browser.click(SUBMIT)
    await browser.wait(f"{DIALOG} >> text=Trying one thing after the other")
    await browser.shot("check-3-progress")
    await browser.wait(f"{DIALOG} >> text=A verdict that differs", seconds=CHECKED)
    assert await browser.count(f"{DIALOG} >> td:text-is('same')") > 40
    assert await browser.count(f"{DIALOG} >> td:text-is('differs')") == 0
    await browser.shot("check-4-done")
    await close(browser)
    await all_loaded(client)


async def preferences(browser: Browser, client: Any) -> None:
    """Look at the options, and change four of them."""
    await configure(browser, "Preferences")
    await see(browser, "Whose is it?", "options-1")
    await browser.fill(f"{DIALOG} >> input[type=number]", "0")
    await browser.click(f"{DIALOG} >> text='TV Shows'")
    await browser.click(f"{DIALOG} >> text='Attic (alex) - Plex'")
    await browser.click(f"{DIALOG} >> ha-select")
    choice = f"{DIALOG} >> ha-dropdown-item:has-text('Home Assistant wins')"
    await browser.wait(choice)
    await browser.shot("options-2-policy")
    await browser.click(choice)
    await browser.click(SUBMIT)
    await finish(browser, "options-3-saved")
    await client.until(
        lambda states: (
            not any(re.match(rf"switch\.{JELLYFIN}_.*\d", entity) for entity in states)
        ),
        "no switches of what is up next",
    )
    await all_loaded(client)
    # What was chosen is shown again, and can be taken back.
    await configure(browser, "Preferences")
    await see(browser, "Whose is it?", "options-4-again")
    await browser.click(f"{DIALOG} >> text='TV Shows'")
    await browser.click(SUBMIT)
    await finish(browser, "options-5-saved")
    await all_loaded(client)


async def report(browser: Browser) -> None:
    """Look at the dialog that names a player."""
    await browser.go(PAGE)
    await browser.click("role=button[name='Report a player']")
    await browser.click("dialog-pick-config-entry >> text=Cellar (alex)")
    await see(browser, "Report while it plays", "player-1-form")
    await browser.wait(f"{DIALOG} >> text='TV Shows'")
    await close(browser)


async def track(browser: Browser, client: Any) -> None:
    """Track a film of which there are two."""
    await browser.go(PAGE)
    await browser.click("role=button[name='Track a movie or show']")
    await browser.click("dialog-pick-config-entry >> text=Cellar (alex)")
    await see(browser, "Track a movie or show", "track-1-form")
    await fill(browser, query="Solaris")
    await submit(browser, "No movie or show", "track-2-nothing")
    assert await browser.value(f"{FIELD}[name=query]") == "Solaris"
    await fill(browser, query="suspiria")
    await submit(browser, "Which one?", "track-3-two")
    await browser.click(f"{DIALOG} >> text=Suspiria (2018)")
    await browser.click(SUBMIT)
    await finish(browser, "track-4-done")
    await client.until_state("switch.suspiria_2018_watched", "off")
    await all_loaded(client)
