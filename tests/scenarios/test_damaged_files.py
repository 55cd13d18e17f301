"""Damaged files: what cannot be read is told of, and everything else goes on."""

from collections.abc import Callable
import json
from pathlib import Path
from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
import pytest

from custom_components.watched_sync.const import DOMAIN
from custom_components.watched_sync.store import ledger_key
from tests.common import drained

from .house import (
    ONE_PLAY,
    USER,
    Side,
    act,
    bring_back,
    cut_off,
    outbox_file,
)

TITLES = ("Arrival", "Alien", "Stalker")

ODD: dict[str, Callable[[dict[str, Any]], Any]] = {
    "an id that is a number": lambda row: row["item"].update(id=5),
    "a reason nobody knows": lambda row: row.update(last_error="zzz"),
    "a date without a zone": lambda row: row.update(asked_at="2026-03-01T12:00:00"),
}


def change(file: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    """Edit what a stored file holds."""
    content = json.loads(file.read_bytes())
    edit(content["data"])
    file.write_bytes(json.dumps(content).encode())


@pytest.mark.parametrize("spoil", ODD.values(), ids=ODD)
async def test_damaged_operation_is_told_of_and_the_others_are_delivered(
    hass: HomeAssistant, side: Side, spoil: Callable[[dict[str, Any]], Any]
) -> None:
    entry = await side.connect(hass)
    await cut_off(hass, entry, side)
    films = [side.item_id(title) for title in TITLES]
    for film in films:
        await act(hass, "mark_watched", item_id=film, config_entry_id=entry.entry_id)
    assert await hass.config_entries.async_unload(entry.entry_id)
    change(outbox_file(hass, entry), lambda data: spoil(data["operations"][0]))

    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED
    issue = ir.async_get(hass).async_get_issue(
        DOMAIN, f"outbox_damaged_{entry.entry_id}"
    )
    assert issue is not None
    assert issue.translation_placeholders is not None
    assert issue.translation_placeholders["titles"] == films[0]
    await bring_back(hass, entry, side)
    await drained(hass, entry)
    assert side.all_seen() == {(USER, film): ONE_PLAY for film in films[1:]}


async def test_damaged_ledger_is_read_anew_and_the_lane_works(
    hass: HomeAssistant, side: Side
) -> None:
    entry = await side.connect(hass)
    film, other = side.item_id("Arrival"), side.item_id("Alien")
    await act(hass, "mark_watched", item_id=film, config_entry_id=entry.entry_id)
    await drained(hass, entry)
    assert await hass.config_entries.async_unload(entry.entry_id)

    def spoil(data: dict[str, Any]) -> None:
        assert data["readings"]
        for row in data["readings"]:
            row["state"]["position"] = "x"
        data["plays_seen_until"] = "2026-03-01T12:00:00"

    ledger = Path(hass.config.path(".storage", ledger_key(entry.entry_id)))
    change(ledger, spoil)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    await act(hass, "mark_watched", item_id=other, config_entry_id=entry.entry_id)
    await drained(hass, entry)
    assert side.all_seen() == {(USER, one): ONE_PLAY for one in (film, other)}
