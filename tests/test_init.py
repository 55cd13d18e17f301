"""Setting up, stopping and removing an entry."""

import asyncio
from collections.abc import Sequence
from types import MappingProxyType
from typing import Any

from homeassistant.config_entries import (
    SOURCE_REAUTH,
    ConfigEntryState,
    ConfigSubentry,
)
from homeassistant.core import (
    DOMAIN as HOMEASSISTANT_DOMAIN,
    CoreState,
    HomeAssistant,
)
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import (
    device_registry as dr,
    entity_registry as er,
    issue_registry as ir,
)
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.watched_sync import async_remove_config_entry_device
from custom_components.watched_sync.const import DOMAIN, PERSON_SHARED
from custom_components.watched_sync.core.errors import (
    Busy,
    Fault,
    Forbidden,
    ServerError,
    Unreachable,
    UnsupportedVersion,
)
from custom_components.watched_sync.core.lane import Phase
from custom_components.watched_sync.core.operation import MarkUnwatched, MarkWatched
from custom_components.watched_sync.core.play_state import Reading
from custom_components.watched_sync.core.snapshot import SyncStatus
from custom_components.watched_sync.preferences import (
    Preferences,
    person_of,
    preferences,
)
from custom_components.watched_sync.runtime import Request, WatchedSyncRuntime

from .common import (
    MOVIE,
    OTHER_MOVIE,
    SHOW,
    MemoryServer,
    drained,
    lane_entry,
    setup_lane,
    until,
    use_server,
)


async def restart(hass: HomeAssistant, entry: MockConfigEntry) -> WatchedSyncRuntime:
    """Unload and set up again."""
    assert await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    return entry.runtime_data


def reauth_flows(hass: HomeAssistant) -> list[Any]:
    return [
        flow
        for flow in hass.config_entries.flow.async_progress_by_handler(DOMAIN)
        if flow["context"]["source"] == SOURCE_REAUTH
    ]


async def test_an_accepted_operation_reaches_the_server_and_is_confirmed(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    assert entry.state is ConfigEntryState.LOADED
    runtime = entry.runtime_data

    operations = await runtime.async_submit([Request(MOVIE, MarkWatched())])
    await drained(hass, entry)

    assert server.states[MOVIE.item_id].watched
    assert [item_id for item_id, _ in server.writes] == [MOVIE.item_id]
    assert [one.operation.operation_id for one in runtime.lane.outbox.history] == [
        operations[0].operation_id
    ]
    assert runtime.coordinator.data.status is SyncStatus.SYNCED


async def test_a_tracked_item_that_is_damaged_costs_itself_alone(
    hass: HomeAssistant, caplog: pytest.LogCaptureFixture
) -> None:
    """As after an edit by hand, or a restored backup that was cut off."""
    server = MemoryServer()
    entry = lane_entry(server, subentries=[MOVIE, SHOW])
    damaged, sound = entry.subentries.values()
    object.__setattr__(damaged, "data", {"item": {"id": 5}})
    use_server(hass, server)
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED
    tracked = {
        one.config_subentry_id
        for one in er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
    }
    assert tracked == {None, sound.subentry_id}
    [told] = [one for one in caplog.records if damaged.subentry_id in one.message]
    assert told.levelname == "WARNING"
    assert damaged.title not in told.message


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"media_player": 5},
        {"media_player": "nothing"},
        {"media_player": "media_player.tv", "libraries": 7},
        {"media_player": "media_player.tv", "libraries": [["films"]]},
    ],
)
async def test_a_reported_player_that_is_damaged_costs_itself_alone(
    hass: HomeAssistant, caplog: pytest.LogCaptureFixture, data: dict[str, Any]
) -> None:
    server = MemoryServer()
    entry = lane_entry(server)
    subentry = ConfigSubentry(
        data=MappingProxyType(data),
        subentry_type="player",
        title="Television",
        unique_id="tv",
    )
    use_server(hass, server)
    entry.add_to_hass(hass)
    hass.config_entries.async_add_subentry(entry, subentry)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED
    [told] = [one for one in caplog.records if "reported player" in one.message]
    assert told.levelname == "WARNING"
    assert "Television" not in told.message


async def test_options_that_nobody_can_have_chosen_are_those_of_the_start(
    hass: HomeAssistant,
) -> None:
    sections: dict[str, Any] = {
        "entities": {"up_next_switches": "many", "libraries": "films"},
        "playback": {"watched_threshold": 1e300},
        "mirror": {"mirror_to": [5, None]},
        "delivery": {"conflict_policy": "loudest", "max_retry_age": True},
        "person": ["person.ada"],
    }
    for options in (sections, dict.fromkeys(sections, 7)):
        server = MemoryServer()
        entry = await setup_lane(hass, server, options=options)
        assert entry.state is ConfigEntryState.LOADED
        assert preferences(entry) == Preferences()
        assert person_of(entry) == PERSON_SHARED
        await hass.config_entries.async_remove(entry.entry_id)


@pytest.mark.parametrize(
    "error",
    [
        Unreachable("away"),
        Busy("busy"),
        Fault("500"),
        Forbidden("outside the hours"),
        UnsupportedVersion("old", "1"),
    ],
)
async def test_first_set_up_without_a_server_is_retried(
    hass: HomeAssistant, error: ServerError
) -> None:
    server = MemoryServer()
    server.go_down(error)
    entry = await setup_lane(hass, server)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert server.requests == [("probe", None)]


async def test_first_set_up_with_a_refused_sign_in_asks_for_another(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    server.revoke()
    entry = await setup_lane(hass, server)
    assert entry.state is ConfigEntryState.SETUP_ERROR
    assert len(reauth_flows(hass)) == 1


async def test_first_set_up_at_another_servers_address_is_retried(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    use_server(hass, server)
    entry = lane_entry(server)
    server.info = MemoryServer(server_id="somebody-else").info
    entry.add_to_hass(hass)
    await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_RETRY


async def test_a_restart_without_the_server_comes_up_offline_and_accepts_operations(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    server.up_next_ids = [MOVIE.item_id]
    entry = await setup_lane(hass, server)
    server.go_down()
    runtime = await restart(hass, entry)

    assert entry.state is ConfigEntryState.LOADED
    offline = runtime.coordinator.data
    assert (offline.status, offline.connected) == (SyncStatus.OFFLINE, False)
    # What was up next is known from the ledger.
    assert MOVIE.item_id in runtime.coordinator.data.items

    await runtime.async_submit([Request(MOVIE, MarkWatched())])
    view = runtime.coordinator.view(MOVIE.item_id)
    assert view is not None
    assert view.desired.watched
    assert runtime.coordinator.data.pending == 1

    server.come_up()
    runtime.relay.nudge()
    await drained(hass, entry)
    assert server.states[MOVIE.item_id].watched
    assert runtime.coordinator.data.status is SyncStatus.SYNCED


async def test_what_waits_survives_a_restart(hass: HomeAssistant) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    server.go_down()
    runtime: WatchedSyncRuntime = entry.runtime_data
    await runtime.async_submit(
        [
            Request(MOVIE, MarkWatched()),
            Request(SHOW, MarkUnwatched(), include_specials=True),
        ]
    )
    waiting = list(runtime.lane.outbox)

    runtime = await restart(hass, entry)
    after = list(runtime.lane.outbox)
    assert [one.operation_id for one in after] == [one.operation_id for one in waiting]
    assert [(one.item, one.change, one.scope) for one in after] == [
        (one.item, one.change, one.scope) for one in waiting
    ]


async def test_a_refused_sign_in_at_a_later_start_parks_and_asks_once(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    server.revoke()
    runtime = await restart(hass, entry)

    assert entry.state is ConfigEntryState.LOADED
    assert runtime.lane.health.phase is Phase.PARKED
    assert runtime.coordinator.data.status is SyncStatus.AUTH_REQUIRED
    assert len(reauth_flows(hass)) == 1

    # Operations are taken in, the server is left alone.
    requests = len(server.requests)
    await runtime.async_submit([Request(MOVIE, MarkWatched())])
    await hass.async_block_till_done()
    assert len(server.requests) == requests
    assert len(reauth_flows(hass)) == 1


async def test_a_sign_in_refused_while_running_asks_once_until_it_is_accepted(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    runtime: WatchedSyncRuntime = entry.runtime_data
    server.revoke()
    await runtime.async_submit([Request(MOVIE, MarkWatched())])
    await until(runtime, lambda: runtime.lane.health.phase is Phase.PARKED)
    await hass.async_block_till_done()
    assert len(reauth_flows(hass)) == 1
    runtime.relay.nudge()
    await until(runtime, lambda: server.requests[-1][0] == "probe")
    await hass.async_block_till_done()
    assert len(reauth_flows(hass)) == 1


async def test_a_sign_in_that_works_again_needs_nobody_any_more(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    runtime: WatchedSyncRuntime = entry.runtime_data
    server.revoke()
    runtime.relay.nudge()
    await until(runtime, lambda: runtime.lane.health.phase is Phase.PARKED)
    await hass.async_block_till_done()
    registry = ir.async_get(hass)
    issue = (HOMEASSISTANT_DOMAIN, f"config_entry_reauth_{DOMAIN}_{entry.entry_id}")
    assert len(reauth_flows(hass)) == 1
    assert registry.async_get_issue(*issue)

    # An outage says nothing of the sign-in.
    server.go_down(Unreachable("away"))
    runtime.relay.nudge()
    await until(runtime, lambda: runtime.lane.health.phase is Phase.BACKING_OFF)
    assert len(reauth_flows(hass)) == 1

    server.come_up()
    runtime.relay.nudge()
    await until(runtime, lambda: runtime.lane.health.phase is Phase.READY)
    assert reauth_flows(hass) == []
    assert not registry.async_get_issue(*issue)


@pytest.mark.parametrize("error", [Fault("500"), Unreachable("away")])
async def test_a_later_start_with_a_failing_server_backs_off(
    hass: HomeAssistant, error: ServerError
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    server.go_down(error)
    runtime = await restart(hass, entry)
    assert runtime.lane.health.phase is Phase.BACKING_OFF


async def test_a_server_that_never_answers_does_not_hold_up_a_later_start(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    monkeypatch.setattr("custom_components.watched_sync.FIRST_CONTACT", 0.01)
    server.gate.clear()
    runtime = await restart(hass, entry)
    assert runtime.lane.health.phase is Phase.BACKING_OFF


async def test_lists_that_never_come_do_not_hold_up_a_start(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = MemoryServer()
    server.up_next_ids = [MOVIE.item_id]
    monkeypatch.setattr("custom_components.watched_sync.FIRST_CONTACT", 0.01)
    came = asyncio.Event()
    real = server.last_played

    async def late(limit: int) -> Sequence[Reading]:
        await came.wait()
        return await real(limit)

    monkeypatch.setattr(server, "last_played", late)
    entry = await setup_lane(hass, server)
    runtime: WatchedSyncRuntime = entry.runtime_data
    assert entry.state is ConfigEntryState.LOADED
    assert not runtime.coordinator.data.up_next
    # Once they come, the entities follow.
    read = asyncio.Event()
    entry.async_on_unload(runtime.coordinator.async_add_listener(read.set))
    came.set()
    async with asyncio.timeout(10):
        await read.wait()
    assert runtime.coordinator.data.up_next == (MOVIE.item_id,)


async def test_unloading_leaves_no_task_even_while_the_server_hangs(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    runtime: WatchedSyncRuntime = entry.runtime_data
    server.gate.clear()
    await runtime.async_submit([Request(MOVIE, MarkWatched())])
    await until(runtime, lambda: bool(runtime.lane.in_flight))
    refresh = hass.async_create_task(runtime.coordinator.async_refresh())
    await asyncio.sleep(0)

    assert await hass.config_entries.async_unload(entry.entry_id)
    await hass.async_block_till_done()

    assert runtime.relay_task.done()
    assert refresh.done()
    assert not [
        task
        for task in asyncio.all_tasks()
        if DOMAIN in task.get_name() and not task.done()
    ]
    with pytest.raises(HomeAssistantError) as refused:
        await runtime.async_submit([Request(OTHER_MOVIE, MarkWatched())])
    assert refused.value.translation_key == "stopping"


async def test_unloading_writes_down_what_was_delivered(
    hass: HomeAssistant, hass_storage: dict[str, Any]
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    await entry.runtime_data.async_submit([Request(MOVIE, MarkWatched())])
    await drained(hass, entry)
    assert await hass.config_entries.async_unload(entry.entry_id)
    stored = hass_storage[f"{DOMAIN}.{entry.entry_id}.outbox"]["data"]
    assert stored["operations"] == []
    assert [one["result"] for one in stored["history"]] == ["delivered"]
    ledger = hass_storage[f"{DOMAIN}.{entry.entry_id}.ledger"]["data"]
    assert MOVIE.item_id in [one["item"]["id"] for one in ledger["readings"]]


async def test_removing_an_entry_removes_its_files(
    hass: HomeAssistant, hass_storage: dict[str, Any]
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    server.go_down()
    await entry.runtime_data.async_submit([Request(MOVIE, MarkWatched())])
    assert f"{DOMAIN}.{entry.entry_id}.outbox" in hass_storage
    await hass.config_entries.async_remove(entry.entry_id)
    await hass.async_block_till_done()
    assert not [key for key in hass_storage if key.startswith(DOMAIN)]
    assert server.signed_out == ["secret-token"]


async def test_a_storage_file_of_a_newer_version_is_left_alone(
    hass: HomeAssistant, hass_storage: dict[str, Any]
) -> None:
    server = MemoryServer()
    key = f"{DOMAIN}.lane.outbox"
    newer = {"version": 2, "minor_version": 1, "key": key, "data": {"precious": 1}}
    hass_storage[key] = newer
    entry = await setup_lane(hass, server, entry_id="lane")
    assert entry.state is ConfigEntryState.SETUP_ERROR
    assert entry.error_reason_translation_key == "storage_newer"
    assert hass_storage[key] == newer
    assert server.requests == []


async def test_changed_options_reload_the_entry(hass: HomeAssistant) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    before = entry.runtime_data
    hass.config_entries.async_update_entry(
        entry, options={"delivery": {"conflict_policy": "server"}}
    )
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED
    assert entry.runtime_data is not before


async def test_an_entry_that_cannot_unload_goes_on_working(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)

    async def refuse(*_: Any) -> bool:
        return False

    with monkeypatch.context() as patched:
        patched.setattr(hass.config_entries, "async_unload_platforms", refuse)
        assert not await hass.config_entries.async_unload(entry.entry_id)
    await entry.runtime_data.async_submit([Request(MOVIE, MarkWatched())])
    await drained(hass, entry)
    assert server.states[MOVIE.item_id].watched
    # For the end of the test: Home Assistant believes it cannot be unloaded.
    object.__setattr__(entry, "state", ConfigEntryState.LOADED)


async def test_the_lanes_device_says_what_it_is_and_keeps_its_version_offline(
    hass: HomeAssistant, device_registry: dr.DeviceRegistry
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    device = device_registry.async_get(entry.runtime_data.device_id)
    assert isinstance(device, dr.DeviceEntry)
    assert device.name == "Attic (Ada)"
    assert device.identifiers == {(DOMAIN, "server-1:user-1")}
    assert device.entry_type is dr.DeviceEntryType.SERVICE
    assert (device.manufacturer, device.sw_version) == ("Jellyfin", "10.11.0")

    server.go_down()
    runtime = await restart(hass, entry)
    device = device_registry.async_get(runtime.device_id)
    assert isinstance(device, dr.DeviceEntry)
    assert device.sw_version == "10.11.0"


async def test_only_devices_out_of_use_can_be_deleted(
    hass: HomeAssistant, device_registry: dr.DeviceRegistry
) -> None:
    entry = await setup_lane(hass, subentries=[MOVIE])
    old = device_registry.async_get_or_create(
        config_entry_id=entry.entry_id,
        identifiers={(DOMAIN, "server-1:user-1:gone")},
    )
    for device in dr.async_entries_for_config_entry(device_registry, entry.entry_id):
        assert await async_remove_config_entry_device(hass, entry, device) is (
            device.id == old.id
        )


async def test_the_component_itself_needs_no_entry(hass: HomeAssistant) -> None:
    assert await async_setup_component(hass, DOMAIN, {})


async def test_nothing_is_accepted_while_home_assistant_stops(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    runtime: WatchedSyncRuntime = entry.runtime_data
    hass.set_state(CoreState.stopping)
    for call in (
        lambda: runtime.async_submit([Request(MOVIE, MarkWatched())]),
        runtime.async_retry,
        runtime.async_discard,
    ):
        with pytest.raises(HomeAssistantError) as refused:
            await call()
        assert refused.value.translation_key == "stopping"
    assert not len(runtime.lane.outbox)
    hass.set_state(CoreState.running)
