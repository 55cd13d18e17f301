"""A backup of Home Assistant comes back: nothing is sent again unasked."""

from pathlib import Path
from typing import Any

from homeassistant.components.repairs import repairs_flow_manager
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.integration_platform import (
    async_process_integration_platforms,
)
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.watched_sync import backup
from custom_components.watched_sync.const import DOMAIN
from custom_components.watched_sync.core.errors import JournalError, Reason
from tests.common import drained

from .house import (
    Side,
    act,
    bring_back,
    cut_off,
    on_disk,
    runtime_of,
    waiting,
)

type Files = dict[Path, bytes]


def copy(hass: HomeAssistant) -> Files:
    """Return all that our files hold."""
    folder = Path(hass.config.path(".storage"))
    return {file: file.read_bytes() for file in folder.glob(f"{DOMAIN}.*")}


async def make_backup(hass: HomeAssistant) -> Files:
    """Copy the files as Home Assistant does: it says so before and after."""
    await backup.async_pre_backup(hass)
    files = copy(hass)
    await backup.async_post_backup(hass)
    return files


async def restore(hass: HomeAssistant, entry: MockConfigEntry, files: Files) -> None:
    """Stop, have the files as they were, and start."""
    assert await hass.config_entries.async_unload(entry.entry_id)
    for file, content in files.items():
        file.write_bytes(content)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()


async def decide(hass: HomeAssistant, entry: MockConfigEntry, option: str) -> None:
    """Choose in the dialog of the notice."""
    assert await async_setup_component(hass, "repairs", {})
    manager = repairs_flow_manager(hass)
    assert manager is not None
    issue = f"restored_{entry.entry_id}"
    result = await manager.async_init(DOMAIN, data={"issue_id": issue})
    assert result["menu_options"] == ["send", "discard", "single"]
    placeholders = result["description_placeholders"] or {}
    assert placeholders["count"] == "2"
    assert "Came with a restored backup: 2" in placeholders["reasons"]
    await manager.async_configure(result["flow_id"], {"next_step_id": option})


@pytest.mark.parametrize("option", ["send", "discard"])
async def test_operation_of_a_restored_backup_is_not_sent_over_a_later_un_mark_unasked(
    hass: HomeAssistant, side: Side, option: str
) -> None:
    first, second, third = (
        side.item_id(title) for title in ("Arrival", "Alien", "Stalker")
    )
    issue = (DOMAIN, f"restored_{(entry := await side.connect(hass)).entry_id}")
    await cut_off(hass, entry, side)
    for film in (first, second):
        await act(hass, "mark_watched", item_id=film, config_entry_id=entry.entry_id)
    files = await make_backup(hass)
    # It is delivered after that, and somebody takes one back on the server.
    await bring_back(hass, entry, side)
    await drained(hass, entry)
    await side.put(first, plays=0)
    sent = len(side.writes)

    await restore(hass, entry, files)
    held = waiting(entry)
    assert [(one.held, one.last_error) for one in held] == [(True, "restored")] * 2
    registry = ir.async_get(hass)
    assert registry.async_get_issue(*issue)
    snapshot = runtime_of(entry).coordinator.data
    assert (snapshot.pending, snapshot.last_error) == (2, Reason.RESTORED)

    answer = await act(hass, "explain", item_id=first, config_entry_id=entry.entry_id)
    assert answer["items"][0]["reason"] == "waits_for_decision"

    # What is asked for from now on goes its way.
    await act(
        hass,
        "mark_watched",
        item_id=third,
        config_entry_id=entry.entry_id,
        wait=30,
    )
    assert side.seen(third).watched
    assert len(side.writes) == sent + 1
    assert not side.seen(first).watched
    # It lasts, also over another start.
    assert await hass.config_entries.async_reload(entry.entry_id)
    assert [one.held for one in waiting(entry)] == [True, True]

    await decide(hass, entry, option)
    await drained(hass, entry)
    assert side.seen(first).watched is (option == "send")
    assert side.seen(second).plays == 1
    assert not registry.async_get_issue(*issue)
    assert "in_backup_of" not in on_disk(hass, entry)


async def test_backup_that_is_not_restored_changes_nothing(
    hass: HomeAssistant, side: Side
) -> None:
    film = side.item_id("Arrival")
    entry = await side.connect(hass)
    await cut_off(hass, entry, side)
    await backup.async_pre_backup(hass)
    await act(hass, "mark_watched", item_id=film, config_entry_id=entry.entry_id)
    assert "in_backup_of" in on_disk(hass, entry)
    # The entry starts anew while the backup is made: its file is no restored one.
    assert await hass.config_entries.async_reload(entry.entry_id)
    assert not any(one.held for one in waiting(entry))
    await backup.async_post_backup(hass)
    assert "in_backup_of" not in on_disk(hass, entry)
    await bring_back(hass, entry, side)
    await drained(hass, entry)
    assert side.seen(film).watched


async def test_home_assistant_finds_whom_to_tell_of_a_backup(
    hass: HomeAssistant, side: Side
) -> None:
    found: dict[str, Any] = {}

    async def add(_: HomeAssistant, domain: str, platform: Any) -> None:
        found[domain] = platform

    await side.connect(hass)
    await async_process_integration_platforms(
        hass, "backup", add, wait_for_platforms=True
    )
    assert found[DOMAIN] is backup


async def test_queue_that_cannot_be_written_fails_no_backup(
    hass: HomeAssistant, side: Side, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = await side.connect(hass)
    journal = runtime_of(entry).journal

    async def fail(error: BaseException) -> None:
        raise error

    monkeypatch.setattr(journal, "save", lambda: fail(JournalError("full")))
    await backup.async_pre_backup(hass)
    monkeypatch.setattr(journal, "save", lambda: fail(RuntimeError("a mistake")))
    with pytest.raises(RuntimeError):
        await backup.async_post_backup(hass)
