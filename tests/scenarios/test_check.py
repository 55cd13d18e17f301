"""*Check this server*: asked for, told in a table, and put back whatever happens."""

import asyncio
from datetime import timedelta
import json
from pathlib import Path
from typing import Any

from homeassistant.config_entries import ConfigEntryState, ConfigFlowResult
from homeassistant.core import CoreState, HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import entity_registry as er, issue_registry as ir
from homeassistant.helpers.storage import Store
from homeassistant.util import dt as dt_util
from homeassistant.util.file import WriteError
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.watched_sync import checks
from custom_components.watched_sync.const import DOMAIN
from custom_components.watched_sync.core.checking import CheckRequest
from custom_components.watched_sync.core.errors import JournalError, Reason
from custom_components.watched_sync.core.restoring import RestoreNote
from custom_components.watched_sync.diagnostics import (
    async_get_config_entry_diagnostics,
)
from custom_components.watched_sync.store import CheckNotes
from custom_components.watched_sync.words import async_reason
from tests.fakes.base import FaultKind

from .house import JellyfinSide, Side, until_true
from .test_live import connected

QUICK = CheckRequest(patience=0.05, quiet=0.05, second_look=0.0, pauses=())


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for little: what is told over sockets is tried elsewhere."""
    monkeypatch.setattr(checks, "CheckRequest", lambda: QUICK)


async def choose(hass: HomeAssistant, entry: MockConfigEntry, what: str) -> str:
    """Open the dialog and choose; return the flow's id."""
    options = hass.config_entries.options
    menu = await options.async_init(entry.entry_id)
    menu = await options.async_configure(menu["flow_id"], {"next_step_id": "check"})
    assert menu["menu_options"] == ["check_read", "check_write"]
    result = await options.async_configure(menu["flow_id"], {"next_step_id": what})
    assert result["type"] is FlowResultType.SHOW_PROGRESS
    assert result["progress_action"] == "check_reading"
    return menu["flow_id"]


async def go_on(
    hass: HomeAssistant, flow_id: str, answer: dict[str, Any] | None = None
) -> ConfigFlowResult:
    """Wait for what is under way, and look at the dialog."""
    await hass.async_block_till_done()
    return await hass.config_entries.options.async_configure(flow_id, answer)


async def all_of_it(hass: HomeAssistant, entry: MockConfigEntry) -> ConfigFlowResult:
    """Try everything, and return the last page."""
    flow_id = await choose(hass, entry, "check_write")
    form = await go_on(hass, flow_id)
    assert form["type"] is FlowResultType.FORM
    assert form["step_id"] == "check_confirm"
    result = await hass.config_entries.options.async_configure(flow_id, {})
    assert result["type"] is FlowResultType.SHOW_PROGRESS
    return await go_on(hass, flow_id)


def shown(result: ConfigFlowResult) -> str:
    placeholders = result["description_placeholders"]
    assert placeholders is not None
    return placeholders["table"]


def told(hass: HomeAssistant, entry: MockConfigEntry) -> str:
    """Return when something was told last, and `unknown` for never."""
    entity_id = er.async_get(hass).async_get_entity_id(
        "event", DOMAIN, f"{entry.unique_id}:activity"
    )
    assert entity_id is not None
    state = hass.states.get(entity_id)
    assert state is not None
    return state.state


async def noted(hass: HomeAssistant, entry: MockConfigEntry) -> Any:
    return await CheckNotes(hass, entry.entry_id).async_load()


def issue_of(hass: HomeAssistant, entry: MockConfigEntry) -> ir.IssueEntry | None:
    found = ir.async_get(hass)
    return found.async_get_issue(DOMAIN, f"check_not_put_back_{entry.entry_id}")


async def test_reading_leaves_the_entry_alone(hass: HomeAssistant, side: Side) -> None:
    entry = await side.connect(hass)
    runtime = entry.runtime_data
    side.server.clear_log()
    result = await go_on(hass, await choose(hass, entry, "check_read"))
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "checked"
    assert "| Does a second mark count another play? |" in shown(result)
    assert "nothing was to be written" in shown(result)
    assert "| differs |" not in shown(result)
    placeholders = result["description_placeholders"]
    assert placeholders is not None
    assert placeholders["differs"] == "0"
    assert int(placeholders["same"]) + int(placeholders["not_tried"]) == (
        shown(result).count("\n") - 1
    )
    assert side.marks() == []
    assert entry.runtime_data is runtime


async def test_everything_is_tried_told_to_nobody_and_put_back(
    hass: HomeAssistant, side: Side
) -> None:
    entry = await side.connect(hass)
    await hass.async_block_till_done()
    before = side.all_seen()
    activity = told(hass, entry)
    result = await all_of_it(hass, entry)
    assert result["reason"] == "checked"
    assert "| Is a film watched after a mark? | yes | yes | same |" in shown(result)
    assert side.marks()
    assert side.all_seen() == before
    assert await noted(hass, entry) is None
    assert entry.state is ConfigEntryState.LOADED
    await hass.async_block_till_done()
    assert told(hass, entry) == activity
    found = (await async_get_config_entry_diagnostics(hass, entry))["check"]
    assert found["put_back"] is True
    assert len(found["facts"]) > 30


async def test_words_are_those_of_home_assistant(
    hass: HomeAssistant, jellyfin: JellyfinSide
) -> None:
    hass.config.language = "de"
    entry = await jellyfin.connect(hass)
    result = await go_on(hass, await choose(hass, entry, "check_read"))
    assert shown(result).startswith("| # | Frage | Wir glauben | Dieser Server |")


async def test_nothing_that_fits_is_only_read(
    hass: HomeAssistant, jellyfin: JellyfinSide
) -> None:
    entry = await jellyfin.connect(hass)
    jellyfin.server.user("alex").libraries = frozenset()
    result = await go_on(hass, await choose(hass, entry, "check_write"))
    assert result["reason"] == "checked"
    assert jellyfin.marks() == []


@pytest.mark.parametrize("status", [401, 403, 503])
async def test_server_that_cannot_be_asked_is_said(
    hass: HomeAssistant, jellyfin: JellyfinSide, status: int
) -> None:
    entry = await jellyfin.connect(hass)
    jellyfin.server.fail(FaultKind.STATUS, path="/Me$", status=status, times=None)
    result = await go_on(hass, await choose(hass, entry, "check_write"))
    assert result["reason"] == "check_failed"
    placeholders = result["description_placeholders"]
    assert placeholders is not None
    said = {
        401: Reason.AUTH_REQUIRED,
        403: Reason.FORBIDDEN,
        503: Reason.BUSY,
    }
    assert placeholders["reason"] == async_reason(hass, said[status])


async def test_entry_that_is_not_loaded_is_not_checked(
    hass: HomeAssistant, jellyfin: JellyfinSide
) -> None:
    entry = await jellyfin.connect(hass)
    await hass.config_entries.async_unload(entry.entry_id)
    options = hass.config_entries.options
    menu = await options.async_init(entry.entry_id)
    result = await options.async_configure(menu["flow_id"], {"next_step_id": "check"})
    assert result["reason"] == "not_loaded"


@pytest.mark.parametrize("error", [WriteError("full"), OSError("full")])
async def test_nothing_is_written_that_is_not_noted(
    hass: HomeAssistant,
    jellyfin: JellyfinSide,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    entry = await jellyfin.connect(hass)
    real = Store._async_write_data

    async def full(self: Store[Any], data: dict[str, Any]) -> None:
        if self.key.endswith(".check"):
            raise error
        await real(self, data)

    flow_id = await choose(hass, entry, "check_write")
    await go_on(hass, flow_id)
    monkeypatch.setattr(Store, "_async_write_data", full)
    await hass.config_entries.options.async_configure(flow_id, {})
    result = await go_on(hass, flow_id)
    assert result["reason"] == "check_not_noted"
    assert jellyfin.marks() == []
    assert entry.state is ConfigEntryState.LOADED


async def test_nothing_is_noted_while_home_assistant_stops(
    hass: HomeAssistant,
) -> None:
    """It would be written later, and nobody would know whether it was."""
    hass.set_state(CoreState.stopping)
    with pytest.raises(JournalError):
        await CheckNotes(hass, "an-entry").async_save({})


async def test_entry_that_does_not_end_is_only_read(
    hass: HomeAssistant, jellyfin: JellyfinSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = await jellyfin.connect(hass)

    async def refuse(*_: object, **__: object) -> bool:
        return False

    flow_id = await choose(hass, entry, "check_write")
    await go_on(hass, flow_id)
    with monkeypatch.context() as patch:
        patch.setattr(hass.config_entries, "async_unload", refuse)
        await hass.config_entries.options.async_configure(flow_id, {})
        result = await go_on(hass, flow_id)
    assert result["reason"] == "checked"
    assert "nothing was to be written" in shown(result)
    assert jellyfin.marks() == []


async def test_what_is_left_is_named(
    hass: HomeAssistant, jellyfin: JellyfinSide
) -> None:
    entry = await jellyfin.connect(hass)
    jellyfin.server.fail(
        FaultKind.STATUS, path="/UserPlayedItems/", status=403, after=1, times=None
    )
    result = await all_of_it(hass, entry)
    assert result["reason"] == "checked_and_left"
    placeholders = result["description_placeholders"]
    assert placeholders is not None
    assert placeholders["titles"] == "Alien (1979)"
    assert issue_of(hass, entry) is not None


async def test_mistake_of_ours_is_no_answer_of_the_server(
    hass: HomeAssistant, jellyfin: JellyfinSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = await jellyfin.connect(hass)

    async def stumble(_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(checks.EntryCheck, "async_read", stumble)
    flow_id = await choose(hass, entry, "check_read")
    with pytest.raises(ZeroDivisionError):
        await go_on(hass, flow_id)


def age(file: Path) -> None:
    """Have a file be of a version to come."""
    content = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps(content | {"version": 99}), encoding="utf-8")


async def test_note_of_a_newer_version_is_left_alone(
    hass: HomeAssistant, jellyfin: JellyfinSide
) -> None:
    entry = await jellyfin.connect(hass)
    await hass.config_entries.async_unload(entry.entry_id)
    await CheckNotes(hass, entry.entry_id).async_save({})
    file = Path(hass.config.path(".storage", f"{DOMAIN}.{entry.entry_id}.check"))
    age(file)
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED
    age(file)


async def halfway(
    hass: HomeAssistant, entry: MockConfigEntry, side: Side
) -> tuple[str, asyncio.Task[Any]]:
    """Check until a mark is carried out and not yet answered."""
    fault = side.server.fail(
        FaultKind.APPLIED_BUT_SLOW, path=side.write_paths, after=3, delay=60
    )
    flow_id = await choose(hass, entry, "check_write")
    await go_on(hass, flow_id)
    await hass.config_entries.options.async_configure(flow_id, {})
    await asyncio.wait_for(fault.struck.wait(), 10)
    return flow_id, hass.data[checks._UNDER_WAY][entry.entry_id]


async def close(hass: HomeAssistant, flow_id: str, task: asyncio.Task[Any]) -> None:
    """Close the dialog while something is under way."""
    hass.config_entries.options.async_abort(flow_id)
    await asyncio.wait([task])
    await hass.async_block_till_done()


async def test_dialog_that_is_closed_puts_back(hass: HomeAssistant, side: Side) -> None:
    entry = await side.connect(hass)
    before = side.all_seen()
    await close(hass, *await halfway(hass, entry, side))
    assert side.all_seen() == before
    assert await noted(hass, entry) is None
    assert entry.state is ConfigEntryState.LOADED


async def test_entry_waits_for_the_end_of_the_check(
    hass: HomeAssistant, side: Side
) -> None:
    entry = await side.connect(hass)
    flow_id, task = await halfway(hass, entry, side)
    await hass.config_entries.async_setup(entry.entry_id)
    assert entry.reason == (
        "The server of Fake Plex (alex) is being checked. This entry goes on when "
        "that is through."
    ).replace("Fake Plex (alex)", entry.title).removesuffix(".")
    await close(hass, flow_id, task)
    assert entry.state is ConfigEntryState.LOADED


@pytest.mark.parametrize("closed", [False, True])
async def test_entry_that_is_removed_ends_its_check(
    hass: HomeAssistant, side: Side, *, closed: bool
) -> None:
    """Also while that puts back already, which a second end would cut off."""
    entry = await side.connect(hass)
    before = side.all_seen()
    flow_id, _ = await halfway(hass, entry, side)
    if closed:
        hass.config_entries.options.async_abort(flow_id)
        await asyncio.sleep(0)
    await hass.config_entries.async_remove(entry.entry_id)
    await hass.async_block_till_done()
    assert side.all_seen() == before
    assert await noted(hass, entry) is None


async def crashed(
    hass: HomeAssistant, entry: MockConfigEntry, side: Side
) -> dict[str, Any]:
    """Leave what a crash in the middle of a check leaves: marks, and the note."""
    notes: list[Any] = []
    real = CheckNotes.async_save

    async def save(self: CheckNotes, data: dict[str, Any]) -> None:
        notes.append(data)
        await real(self, data)

    patch = pytest.MonkeyPatch()
    patch.setattr(CheckNotes, "async_save", save)
    await close(hass, *await halfway(hass, entry, side))
    patch.undo()
    await hass.config_entries.async_unload(entry.entry_id)
    for item_id in RestoreNote.from_json(notes[0]["note"]).stored:
        await side.put(item_id, plays=1)
    await CheckNotes(hass, entry.entry_id).async_save(notes[0])
    return notes[0]


async def test_crash_is_made_good_before_anybody_listens(
    hass: HomeAssistant, side: Side
) -> None:
    entry = await side.connect(hass)
    await hass.async_block_till_done()
    before = side.all_seen()
    await crashed(hass, entry, side)
    assert side.all_seen() != before
    activity = told(hass, entry)
    await side.server.go_dark()
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert await noted(hass, entry) is not None
    await side.server.come_back()
    entry.runtime_data.relay.nudge()
    await until_true(lambda: side.all_seen() == before)
    await connected(side)
    assert await noted(hass, entry) is None
    assert issue_of(hass, entry) is None
    assert told(hass, entry) in {activity, "unknown"}


async def test_what_the_server_does_not_take_back_is_told(
    hass: HomeAssistant, jellyfin: JellyfinSide
) -> None:
    entry = await jellyfin.connect(hass)
    await crashed(hass, entry, jellyfin)
    jellyfin.server.fail(
        FaultKind.STATUS, path="/UserPlayedItems/", status=403, times=None
    )
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    found = issue_of(hass, entry)
    assert found is not None
    assert found.translation_placeholders is not None
    assert "Alien (1979)" in found.translation_placeholders["titles"]
    assert await noted(hass, entry) is None


@pytest.mark.parametrize("fault", ["old", "damaged"])
async def test_note_that_cannot_be_acted_on_is_dropped(
    hass: HomeAssistant, jellyfin: JellyfinSide, fault: str
) -> None:
    """It may come out of a backup, and what it says may long be otherwise."""
    entry = await jellyfin.connect(hass)
    note = await crashed(hass, entry, jellyfin)
    left = jellyfin.all_seen()
    if fault == "old":
        note["at"] = (dt_util.utcnow() - timedelta(days=2)).isoformat()
    else:
        note["note"] = []
    await CheckNotes(hass, entry.entry_id).async_save(note)
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert jellyfin.all_seen() == left
    assert await noted(hass, entry) is None
