"""The to-do list as somebody uses it on a phone: in the dialog of an item."""

from typing import Any

import pytest

from .house import PLEX, House, no_complaints

pytestmark = pytest.mark.e2e

LIST = f"todo.{PLEX}_up_next"
DIALOG = "dialog-todo-item-editor"


async def test_an_item_is_ticked_off_in_its_dialog(house: House) -> None:
    key = house.plex.rating_key("Severance", season=2, episode=5)
    async with house.browser(size=(400, 800)) as browser, house.client() as client:
        await browser.go(f"/todo?entity_id={LIST}")
        await browser.shot("list")
        await browser.click("text=S02E05 Severance")
        await browser.wait(f"{DIALOG} >> text=Save item")

        # Its name is the server's; the dialog says so and stays.
        await browser.fill(f"{DIALOG} >> input >> nth=1", "Something else")
        await browser.click(f"{DIALOG} >> text=Save item")
        await browser.wait("text=its title comes from the server")
        await browser.shot("list_dialog")
        await browser.fill(
            f"{DIALOG} >> input >> nth=1", "S02E05 Severance Trojan's Horse"
        )

        await browser.click(f"{DIALOG} >> ha-checkbox")
        await browser.click(f"{DIALOG} >> text=Save item")

        def marked(_: dict[str, Any]) -> bool:
            return house.plex.state("alex", key).view_count == 1

        await client.until(marked, "the tick arrives")
        await browser.wait(f"{DIALOG} >> text=Save item", gone=True)
        await no_complaints(browser)
