"""Repair issues: one for each lane and cause, said once, gone when it is over."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from homeassistant.components.repairs import repairs_flow_manager
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import CoreState, HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
    get_schema_suggested_value,
)

from custom_components.watched_sync import repairs
from custom_components.watched_sync.const import DOMAIN
from custom_components.watched_sync.core.errors import (
    Fault,
    Forbidden,
    JournalError,
    Refused,
    Unreachable,
    UnsupportedVersion,
)
from custom_components.watched_sync.core.identity import Item, MediaKind
from custom_components.watched_sync.core.lane import Phase
from custom_components.watched_sync.core.operation import MarkUnwatched, MarkWatched
from custom_components.watched_sync.runtime import Request, WatchedSyncRuntime

from .common import MOVIE, OTHER_MOVIE, MemoryServer, drained, setup_lane, until
from .scene import lose_contact

ENTRY = "lane"
UNDELIVERABLE = f"undeliverable_{ENTRY}"
UNSUPPORTED = f"unsupported_server_{ENTRY}"
UNWRITABLE = f"outbox_unwritable_{ENTRY}"
LOST = f"outbox_lost_{ENTRY}"
PERSON_NEEDED = f"person_needed_{ENTRY}"


def issues(hass: HomeAssistant) -> dict[str, ir.IssueEntry]:
    """Return our issues that a person sees, by id."""
    return {
        issue.issue_id: issue
        for issue in ir.async_get(hass).issues.values()
        if issue.domain == DOMAIN and issue.active
    }


async def begin(hass: HomeAssistant, issue_id: str) -> Mapping[str, Any]:
    """Open the dialog of an issue."""
    assert await async_setup_component(hass, "repairs", {})
    manager = repairs_flow_manager(hass)
    assert manager is not None
    return await manager.async_init(DOMAIN, context={"issue_id": issue_id})


async def go_on(
    hass: HomeAssistant,
    result: Mapping[str, Any],
    option: str | None = None,
    **data: Any,
) -> Mapping[str, Any]:
    """Choose from a menu, or submit a form."""
    manager = repairs_flow_manager(hass)
    assert manager is not None
    return await manager.async_configure(
        result["flow_id"], data if option is None else {"next_step_id": option}
    )


async def choose(
    hass: HomeAssistant, result: Mapping[str, Any], option: str | None = None
) -> Mapping[str, Any]:
    """Choose from a menu, or submit a form, which ends the dialog."""
    answer = await go_on(hass, result, option)
    manager = repairs_flow_manager(hass)
    assert manager is not None
    assert not manager.async_progress()
    return answer


def shown_in(result: Mapping[str, Any]) -> tuple[str, str]:
    """Return the step of a menu, and the reasons that it shows."""
    assert result["type"] is FlowResultType.MENU
    return result["step_id"], result["description_placeholders"]["reasons"]


async def lane_with_failures(
    hass: HomeAssistant, *item_ids: str
) -> tuple[MemoryServer, MockConfigEntry]:
    """Return a lane in which marking these items was given up."""
    server = MemoryServer()
    entry = await setup_lane(hass, server, entry_id=ENTRY)
    await give_up(hass, entry, server, *item_ids)
    return server, entry


async def give_up(
    hass: HomeAssistant, entry: MockConfigEntry, server: MemoryServer, *item_ids: str
) -> None:
    server.item_faults |= dict.fromkeys(item_ids, Refused("no"))
    await entry.runtime_data.async_submit(
        [Request(server.items[item_id], MarkWatched()) for item_id in item_ids]
    )
    await drained(hass, entry)
    assert len(rejected(entry)) >= len(item_ids)


def rejected(entry: MockConfigEntry) -> list[str]:
    return [one.item.item_id for one in entry.runtime_data.lane.outbox.rejected]


def break_disk(entry: MockConfigEntry, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail() -> None:
        raise JournalError

    monkeypatch.setattr(entry.runtime_data.lane._journal, "save", fail)


# --- undeliverable --------------------------------------------------------------


async def test_working_lane_has_no_issue(hass: HomeAssistant) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server, entry_id=ENTRY)
    await lose_contact(hass, entry, server)
    await entry.runtime_data.async_submit([Request(MOVIE, MarkWatched())])
    # Waiting is no failure, however long it takes.
    assert issues(hass) == {}


async def test_many_failures_are_one_issue(hass: HomeAssistant) -> None:
    events = async_capture_events(hass, ir.EVENT_REPAIRS_ISSUE_REGISTRY_UPDATED)
    server, entry = await lane_with_failures(hass, "m1", "m2", "e1x1", "e1x2")
    await give_up(hass, entry, server, "e2x1", "e2x2")
    assert list(issues(hass)) == [UNDELIVERABLE]
    issue = issues(hass)[UNDELIVERABLE]
    assert issue.is_fixable
    assert issue.severity is ir.IssueSeverity.WARNING
    assert issue.translation_placeholders == {"name": "Attic (Ada)"}
    assert [event.data["action"] for event in events] == ["create"]


async def test_each_lane_has_an_issue_of_its_own(hass: HomeAssistant) -> None:
    await lane_with_failures(hass, "m1")
    other = MemoryServer(server_id="server-2", server_name="Cellar", user_id="user-2")
    other_entry = await setup_lane(hass, other)
    await give_up(hass, other_entry, other, "m1")
    assert set(issues(hass)) == {UNDELIVERABLE, f"undeliverable_{other_entry.entry_id}"}


async def test_dialog_says_how_many_and_why(hass: HomeAssistant) -> None:
    films = [
        Item(f"film{number}", MediaKind.MOVIE, f"Film {number}") for number in range(7)
    ]
    server = MemoryServer([MOVIE, OTHER_MOVIE, *films])
    entry = await setup_lane(hass, server, entry_id=ENTRY)
    server.item_faults["m1"] = Forbidden("not you")
    await entry.runtime_data.async_submit([Request(MOVIE, MarkWatched())])
    await give_up(hass, entry, server, *(film.item_id for film in films))
    result = await begin(hass, UNDELIVERABLE)
    assert (result["type"], result["step_id"]) == (FlowResultType.MENU, "init")
    assert result["menu_options"] == ["try_again", "discard", "single"]
    assert result["description_placeholders"] == {
        "name": "Attic (Ada)",
        "count": "8",
        "reasons": (
            "- Refused by the server: 7 (Film 0, Film 1, Film 2, Film 3, Film 4, …)\n"
            "- Not allowed for this user, or not now: 1 (Arrival (2016))"
        ),
    }


async def test_failure_without_a_reason_is_unexpected(hass: HomeAssistant) -> None:
    _, entry = await lane_with_failures(hass, "m1")
    outbox = entry.runtime_data.lane.outbox
    operation = next(iter(outbox.rejected))
    object.__setattr__(operation, "last_error", None)
    result = await begin(hass, UNDELIVERABLE)
    assert result["description_placeholders"]["reasons"] == (
        "- Unexpected fault: 1 (Arrival (2016))"
    )


async def test_trying_again_delivers_and_the_issue_goes(hass: HomeAssistant) -> None:
    server, entry = await lane_with_failures(hass, "m1", "m2")
    server.item_faults.clear()
    result = await choose(hass, await begin(hass, UNDELIVERABLE), "try_again")
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await drained(hass, entry)
    assert [server.states[one].watched for one in ("m1", "m2")] == [True, True]
    assert issues(hass) == {}


async def test_trying_again_in_vain_is_no_repair_and_says_why(
    hass: HomeAssistant,
) -> None:
    server, entry = await lane_with_failures(hass, "m1", "m2")
    server.item_faults["m1"] = Forbidden("not you")
    del server.item_faults["m2"]
    result = await go_on(hass, await begin(hass, UNDELIVERABLE), "try_again")
    assert shown_in(result) == (
        "failed_again",
        "- Not allowed for this user, or not now: 1 (Arrival (2016))",
    )
    assert result["menu_options"] == ["try_again", "discard"]
    assert rejected(entry) == ["m1"]
    assert list(issues(hass)) == [UNDELIVERABLE]
    server.item_faults.clear()
    result = await choose(hass, result, "try_again")
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert issues(hass) == {}


async def test_trying_again_while_the_server_is_away_is_no_repair_yet(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repairs, "SECONDS_WAITED", 0.01)
    server, entry = await lane_with_failures(hass, "m1")
    result = await begin(hass, UNDELIVERABLE)
    await lose_contact(hass, entry, server)
    result = await choose(hass, result, "try_again")
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "queued_again")
    assert [one.item.item_id for one in entry.runtime_data.lane.outbox] == ["m1"]
    assert issues(hass) == {}


async def choose_single(
    hass: HomeAssistant, entry: MockConfigEntry, *item_ids: str
) -> Mapping[str, Any]:
    """Choose single changes in a dialog that was just opened; return what follows."""
    form = await go_on(hass, await begin(hass, UNDELIVERABLE), "single")
    assert (form["type"], form["step_id"]) == (FlowResultType.FORM, "single")
    outbox = entry.runtime_data.lane.outbox
    chosen = [one for one in outbox.rejected if one.item.item_id in item_ids]
    return await go_on(hass, form, changes=[one.operation_id for one in chosen])


async def test_single_changes_can_be_discarded(hass: HomeAssistant) -> None:
    _, entry = await lane_with_failures(hass, "m1", "m2", "e1x1")
    chosen = await choose_single(hass, entry, "m1", "e1x1")
    assert shown_in(chosen) == (
        "chosen",
        "- Refused by the server: 2 (Arrival (2016), Severance S01E01 Part 1)",
    )
    assert chosen["menu_options"] == ["try_again", "discard"]
    rest = await go_on(hass, chosen, "discard")
    assert rejected(entry) == ["m2"]
    # One is left to decide on, so nothing is repaired yet.
    assert shown_in(rest) == ("init", "- Refused by the server: 1 (Contact (1997))")
    assert list(issues(hass)) == [UNDELIVERABLE]


async def test_single_changes_can_be_tried_again(hass: HomeAssistant) -> None:
    server, entry = await lane_with_failures(hass, "m1", "m2")
    server.item_faults.clear()
    rest = await go_on(hass, await choose_single(hass, entry, "m2"), "try_again")
    assert shown_in(rest)[0] == "init"
    assert rejected(entry) == ["m1"]
    assert [server.states[one].watched for one in ("m1", "m2")] == [False, True]


async def test_each_single_change_is_shown_with_its_reason(
    hass: HomeAssistant,
) -> None:
    _, entry = await lane_with_failures(hass, "m1", "m2")
    form = await go_on(hass, await begin(hass, UNDELIVERABLE), "single")
    selector = form["data_schema"].schema["changes"]
    assert [one["label"] for one in selector.config["options"]] == [
        "Arrival (2016): Mark as watched (Refused by the server)",
        "Contact (1997): Mark as watched (Refused by the server)",
    ]
    assert form["data_schema"]({}) == {"changes": []}
    form = await go_on(hass, form, changes=[])
    assert form["errors"] == {"base": "nothing_chosen"}
    assert rejected(entry) == ["m1", "m2"]


@pytest.mark.parametrize("step_id", ["chosen", "failed_again"])
async def test_menus_shown_on_the_way_lead_back_to_the_first(
    hass: HomeAssistant, step_id: str
) -> None:
    _, entry = await lane_with_failures(hass, "m1", "m2")
    flow = repairs.UndeliverableFlow(entry)
    flow.hass = hass
    result = await getattr(flow, f"async_step_{step_id}")()
    assert result["step_id"] == "init"


async def test_single_changes_that_are_settled_meanwhile_are_not_asked_about(
    hass: HomeAssistant,
) -> None:
    _, entry = await lane_with_failures(hass, "m1", "m2")
    result = await begin(hass, UNDELIVERABLE)
    await entry.runtime_data.async_discard()
    result = await choose(hass, result, "single")
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_discarding_leaves_the_server_as_it_is(hass: HomeAssistant) -> None:
    server, entry = await lane_with_failures(hass, "m1", "m2")
    result = await choose(hass, await begin(hass, UNDELIVERABLE), "discard")
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert rejected(entry) == []
    assert server.states["m1"].watched is False
    assert issues(hass) == {}


@pytest.mark.parametrize("option", ["try_again", "discard"])
async def test_what_failed_while_the_dialog_was_open_is_not_decided_upon(
    hass: HomeAssistant, option: str
) -> None:
    server, entry = await lane_with_failures(hass, "m1")
    result = await begin(hass, UNDELIVERABLE)
    await give_up(hass, entry, server, "m2")
    server.item_faults.clear()
    result = await go_on(hass, result, option)
    await drained(hass, entry)
    assert rejected(entry) == ["m2"]
    assert shown_in(result) == ("init", "- Refused by the server: 1 (Contact (1997))")
    assert list(issues(hass)) == [UNDELIVERABLE]


async def test_what_was_retried_elsewhere_is_not_discarded_by_an_open_dialog(
    hass: HomeAssistant,
) -> None:
    server, entry = await lane_with_failures(hass, "m1")
    result = await begin(hass, UNDELIVERABLE)
    await lose_contact(hass, entry, server)
    await entry.runtime_data.async_retry()
    assert issues(hass) == {}
    await choose(hass, result, "discard")
    assert [one.item.item_id for one in entry.runtime_data.lane.outbox] == ["m1"]


async def test_issue_goes_when_the_failures_are_settled_otherwise(
    hass: HomeAssistant,
) -> None:
    server, entry = await lane_with_failures(hass, "m1", "m2")
    # One is retried by an action, the other replaced by a later operation.
    del server.item_faults["m1"]
    operation = next(iter(entry.runtime_data.lane.outbox.rejected))
    await entry.runtime_data.async_retry([operation.operation_id])
    await drained(hass, entry)
    assert list(issues(hass)) == [UNDELIVERABLE]
    await entry.runtime_data.async_submit([Request(OTHER_MOVIE, MarkUnwatched())])
    await drained(hass, entry)
    assert issues(hass) == {}


async def test_dialog_of_something_settled_meanwhile_just_ends(
    hass: HomeAssistant,
) -> None:
    _, entry = await lane_with_failures(hass, "m1")
    lane = entry.runtime_data.lane
    lane.outbox.discard(None)  # without anybody being told
    result = await begin(hass, UNDELIVERABLE)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert issues(hass) == {}


@pytest.mark.parametrize("option", ["try_again", "discard"])
async def test_dialog_that_cannot_be_written_down_says_so_and_the_issue_stays(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    _, entry = await lane_with_failures(hass, "m1")
    result = await begin(hass, UNDELIVERABLE)
    break_disk(entry, monkeypatch)
    result = await choose(hass, result, option)
    assert (result["type"], result["reason"]) == (
        FlowResultType.ABORT,
        "outbox_write_failed",
    )
    assert rejected(entry) == ["m1"]
    assert list(issues(hass)) == [UNDELIVERABLE]


@pytest.mark.parametrize("option", ["try_again", "discard"])
async def test_dialog_during_shutdown_changes_nothing(
    hass: HomeAssistant, option: str
) -> None:
    _, entry = await lane_with_failures(hass, "m1")
    result = await begin(hass, UNDELIVERABLE)
    hass.set_state(CoreState.stopping)
    result = await choose(hass, result, option)
    hass.set_state(CoreState.running)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "stopping")
    assert rejected(entry) == ["m1"]


@pytest.mark.parametrize("option", ["try_again", "discard", "single"])
async def test_dialog_of_an_entry_that_was_unloaded_ends(
    hass: HomeAssistant, option: str
) -> None:
    _, entry = await lane_with_failures(hass, "m1", "m2")
    result = await begin(hass, UNDELIVERABLE)
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert issues(hass) == {}
    result = await choose(hass, result, option)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "not_loaded")


async def test_dialog_cannot_begin_for_an_entry_that_is_not_there(
    hass: HomeAssistant,
) -> None:
    _, entry = await lane_with_failures(hass, "m1")
    issue = issues(hass)[UNDELIVERABLE]
    assert await hass.config_entries.async_remove(entry.entry_id)
    assert issues(hass) == {}
    # Left behind, as by a version that forgot to withdraw it.
    ir.async_get(hass).issues[DOMAIN, UNDELIVERABLE] = issue
    result = await begin(hass, UNDELIVERABLE)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "not_loaded")


async def test_failures_of_an_earlier_run_are_told_of_at_the_start(
    hass: HomeAssistant,
) -> None:
    _, entry = await lane_with_failures(hass, "m1")
    assert await hass.config_entries.async_reload(entry.entry_id)
    assert rejected(entry) == ["m1"]
    assert list(issues(hass)) == [UNDELIVERABLE]


# --- unsupported_server ------------------------------------------------------------


def versions(hass: HomeAssistant) -> list[str]:
    """Return the versions that notices name."""
    return [
        (issue.translation_placeholders or {})["version"]
        for issue in issues(hass).values()
    ]


async def test_old_server_is_told_of_until_it_is_updated(hass: HomeAssistant) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server, entry_id=ENTRY)
    runtime: WatchedSyncRuntime = entry.runtime_data
    server.go_down(UnsupportedVersion("too old", "10.8.13"))
    runtime.relay.nudge()
    await until(runtime, lambda: runtime.lane.health.phase is Phase.BACKING_OFF)
    assert list(issues(hass)) == [UNSUPPORTED]
    issue = issues(hass)[UNSUPPORTED]
    assert not issue.is_fixable
    assert issue.severity is ir.IssueSeverity.ERROR
    assert issue.translation_placeholders == {"name": "Attic", "version": "10.8.13"}
    # Another version that is too old as well is named in its place.
    failures = runtime.lane.health.failures
    server.go_down(UnsupportedVersion("too old", "10.8.14"))
    runtime.relay.nudge()
    await until(runtime, lambda: runtime.lane.health.failures > failures)
    assert versions(hass) == ["10.8.14"]
    # While it is being updated it does not answer; that is no news.
    failures = runtime.lane.health.failures
    server.go_down(Unreachable("updating"))
    runtime.relay.nudge()
    await until(runtime, lambda: runtime.lane.health.failures > failures)
    assert list(issues(hass)) == [UNSUPPORTED]
    server.come_up()
    runtime.relay.nudge()
    await until(runtime, lambda: runtime.lane.health.phase is Phase.READY)
    assert issues(hass) == {}


async def test_old_server_is_told_of_at_the_start_and_operations_wait(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server, entry_id=ENTRY)
    server.go_down(UnsupportedVersion("too old", "10.8.13"))
    assert await hass.config_entries.async_reload(entry.entry_id)
    assert list(issues(hass)) == [UNSUPPORTED]
    assert versions(hass) == ["10.8.13"]
    await entry.runtime_data.async_submit([Request(MOVIE, MarkWatched())])
    server.come_up()
    entry.runtime_data.relay.nudge()
    await drained(hass, entry)
    assert server.states["m1"].watched
    assert issues(hass) == {}


async def test_old_server_at_the_first_set_up_is_told_of_too(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    server.go_down(UnsupportedVersion("too old", "10.8.13"))
    entry = await setup_lane(hass, server, entry_id=ENTRY)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert list(issues(hass)) == [UNSUPPORTED]
    assert versions(hass) == ["10.8.13"]
    server.come_up()
    assert await hass.config_entries.async_reload(entry.entry_id)
    assert issues(hass) == {}


async def test_issue_of_an_entry_that_never_ran_goes_with_it(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    server.go_down(UnsupportedVersion("too old", "10.8.13"))
    entry = await setup_lane(hass, server, entry_id=ENTRY)
    await hass.config_entries.async_remove(entry.entry_id)
    assert issues(hass) == {}


# --- the disk ---------------------------------------------------------------------


@pytest.fixture
def real_disk(hass: HomeAssistant) -> Path:
    """Return the folder of the storage files."""
    folder = Path(hass.config.path(".storage"))
    folder.mkdir(exist_ok=True)
    return folder


class TestOnDisk:
    """What needs a real disk."""

    @pytest.fixture
    def hass_storage(self) -> dict[str, Any]:
        """Have a real disk."""
        return {}

    async def test_disk_that_fails_is_told_of_until_it_works(
        self, hass: HomeAssistant, real_disk: Path
    ) -> None:
        server = MemoryServer()
        entry = await setup_lane(hass, server, entry_id=ENTRY)
        await lose_contact(hass, entry, server)
        runtime: WatchedSyncRuntime = entry.runtime_data
        file = real_disk / f"{DOMAIN}.{ENTRY}.outbox"
        _block(file)
        with pytest.raises(HomeAssistantError, match="could not be stored"):
            await runtime.async_submit([Request(MOVIE, MarkWatched())])
        assert list(issues(hass)) == [UNWRITABLE]
        issue = issues(hass)[UNWRITABLE]
        assert not issue.is_fixable
        assert issue.translation_placeholders == {
            "name": "Attic (Ada)",
            "file": f".storage/{DOMAIN}.{ENTRY}.outbox",
        }
        file.rmdir()
        await runtime.async_submit([Request(MOVIE, MarkWatched())])
        assert issues(hass) == {}

    async def test_disk_that_fails_is_no_matter_of_an_entry_that_is_not_loaded(
        self, hass: HomeAssistant, real_disk: Path
    ) -> None:
        entry = await setup_lane(hass, entry_id=ENTRY)
        file = real_disk / f"{DOMAIN}.{ENTRY}.outbox"
        _block(file)
        with pytest.raises(HomeAssistantError, match="could not be stored"):
            await entry.runtime_data.async_submit([Request(MOVIE, MarkWatched())])
        assert await hass.config_entries.async_unload(entry.entry_id)
        assert issues(hass) == {}
        file.rmdir()

    async def test_lost_outbox_is_told_of_until_somebody_took_note(
        self, hass: HomeAssistant, real_disk: Path
    ) -> None:
        file = real_disk / f"{DOMAIN}.{ENTRY}.outbox"
        _write(file, "{ not what we wrote")
        entry = await setup_lane(hass, entry_id=ENTRY)
        assert list(issues(hass)) == [LOST]
        # It outlives a reload, and Home Assistant's restart.
        assert await hass.config_entries.async_reload(entry.entry_id)
        issue = issues(hass)[LOST]
        assert issue.is_fixable
        assert issue.is_persistent
        result = await begin(hass, LOST)
        assert (result["type"], result["step_id"]) == (FlowResultType.FORM, "confirm")
        assert result["description_placeholders"] == {
            "name": "Attic (Ada)",
            "file": f".storage/{DOMAIN}.{ENTRY}.outbox.corrupt",
        }
        result = await choose(hass, result)
        assert result["type"] is FlowResultType.CREATE_ENTRY
        assert issues(hass) == {}

    async def test_lost_outbox_is_forgotten_with_the_entry(
        self, hass: HomeAssistant, real_disk: Path
    ) -> None:
        _write(real_disk / f"{DOMAIN}.{ENTRY}.outbox", "{ not what we wrote")
        entry = await setup_lane(hass, entry_id=ENTRY)
        result = await begin(hass, LOST)
        await hass.config_entries.async_remove(entry.entry_id)
        assert issues(hass) == {}
        # A dialog that was open then still ends.
        manager = repairs_flow_manager(hass)
        assert manager is not None
        flow = manager._progress[result["flow_id"]]
        again = await flow.async_step_confirm()  # type: ignore[attr-defined]  # ours
        assert again["description_placeholders"] is None
        result = await choose(hass, result)
        assert result["type"] is FlowResultType.CREATE_ENTRY


def _block(file: Path) -> None:
    """Put a folder in the file's place: writing fails as on a broken disk."""
    file.unlink(missing_ok=True)
    file.mkdir()


def _write(file: Path, text: str) -> None:
    file.write_text(text)


# --- all of them ------------------------------------------------------------------


async def test_failing_server_alone_is_no_issue(hass: HomeAssistant) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server, entry_id=ENTRY)
    server.go_down(Fault("500"))
    entry.runtime_data.relay.nudge()
    await until(
        entry.runtime_data,
        lambda: entry.runtime_data.lane.health.phase is Phase.BACKING_OFF,
    )
    assert issues(hass) == {}


# --- whose a lane is ------------------------------------------------------------


async def test_an_entry_of_before_is_asked_once_whose_it_is(
    hass: HomeAssistant,
) -> None:
    hass.states.async_set("person.ada", "home", {"friendly_name": "Ada"})
    entry = await setup_lane(hass, options={"entities": {}}, entry_id=ENTRY)
    [issue_id] = issues(hass)
    assert issue_id == PERSON_NEEDED
    form = await begin(hass, issue_id)
    assert form["step_id"] == "person"
    assert form["description_placeholders"] == {"name": "Attic (Ada)"}
    fields = form["data_schema"].schema
    assert get_schema_suggested_value(fields, "person") == "person.ada"
    manager = repairs_flow_manager(hass)
    assert manager is not None
    await manager.async_configure(form["flow_id"], {"person": "somebody_else"})
    await hass.async_block_till_done()
    assert issues(hass) == {}
    assert entry.state is ConfigEntryState.LOADED
    assert entry.options == {"entities": {}, "person": "somebody_else"}

    await hass.config_entries.async_reload(entry.entry_id)
    assert issues(hass) == {}


async def test_the_question_whose_it_is_stays_until_it_is_answered(
    hass: HomeAssistant,
) -> None:
    entry = await setup_lane(hass, options={}, entry_id=ENTRY)
    form = await begin(hass, PERSON_NEEDED)
    manager = repairs_flow_manager(hass)
    assert manager is not None
    manager.async_abort(form["flow_id"])
    assert list(issues(hass)) == [PERSON_NEEDED]
    form = await begin(hass, PERSON_NEEDED)
    await hass.config_entries.async_unload(entry.entry_id)
    assert issues(hass) == {}
    answer = await manager.async_configure(form["flow_id"], {"person": "shared"})
    assert answer["reason"] == "not_loaded"
    assert entry.options == {}
