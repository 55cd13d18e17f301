"""Diagnostics help, and give nobody away."""

from datetime import timedelta
import json
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.diagnostics import (
    get_diagnostics_for_config_entry,
    get_diagnostics_for_device,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.watched_sync.const import DOMAIN
from custom_components.watched_sync.core.errors import Forbidden
from custom_components.watched_sync.core.operation import MarkWatched
from custom_components.watched_sync.core.play_state import PlayState, Reading
from custom_components.watched_sync.runtime import Request

from .common import (
    MOVIE,
    OTHER_MOVIE,
    SHOW,
    MemoryServer,
    drained,
    episode,
    setup_lane,
)


async def test_diagnostics_tell_counts_and_reasons_and_no_secret(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    socket_enabled: None,  # noqa: ARG001 - the answer comes over HTTP
) -> None:
    assert await async_setup_component(hass, "diagnostics", {})
    server = MemoryServer()
    server.up_next_ids = [MOVIE.item_id]
    server.item_faults[MOVIE.item_id] = Forbidden("not for you")
    options = {"person": "person.ada"}
    entry = await setup_lane(hass, server, subentries=[SHOW], options=options)
    await entry.runtime_data.async_submit([Request(MOVIE, MarkWatched())])
    await drained(hass, entry)
    server.go_down()
    await entry.runtime_data.async_submit([Request(OTHER_MOVIE, MarkWatched())])

    told: Any = await get_diagnostics_for_config_entry(hass, hass_client, entry)
    assert told["server_version"] == "10.11.0"
    assert told["entry"]["subentries"] == {"item": 1}
    assert told["entry"]["data"]["kind"] == "jellyfin"
    assert (told["up_next"], told["tracked"]) == (1, 1)
    assert told["outbox"]["waiting"] == 1
    assert told["outbox"]["failed"] == 1
    (waiting,), (failed,) = (told["outbox"][one] for one in ("rows", "failed_rows"))
    assert (waiting["kind"], waiting["change"]) == ("movie", "MarkWatched")
    assert failed["last_error"] == "forbidden"

    assert told["entry"]["options"]["person"] == "**REDACTED**"
    keeps_to_itself(told, entry)


async def test_diagnostics_tell_what_was_learnt_of_the_server(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    socket_enabled: None,  # noqa: ARG001 - the answer comes over HTTP
) -> None:
    assert await async_setup_component(hass, "diagnostics", {})
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    runtime = entry.runtime_data
    runtime.ledger.learnt.runs("12.0.0")
    # Somebody watches a film again, and its mark is gone as soon as they begin.
    watched = PlayState(watched=True, play_count=1, last_played=dt_util.utcnow())
    later = dt_util.utcnow() + timedelta(hours=1)
    begun = PlayState(watched=False, play_count=2, last_played=later)
    for state in (watched, begun):
        runtime.lane.remember([Reading(MOVIE, state)])

    # It is known after a restart as well.
    assert await hass.config_entries.async_reload(entry.entry_id)
    told: Any = await get_diagnostics_for_config_entry(hass, hass_client, entry)
    (version,) = told["learnt"]
    assert version["version"] == "12.0.0"
    assert version["seen"]["play_keeps_flag"]["value"] is False
    keeps_to_itself(told, entry)


def keeps_to_itself(told: Any, entry: MockConfigEntry) -> None:
    """Check that nothing in diagnostics says whose, where or what it is."""
    text = json.dumps(told)
    data = entry.data
    for secret in (
        data["token"],
        data["client_id"],
        data["url"],
        data["server_id"],
        data["server_name"],
        data["user_id"],
        data["user_name"],
        MOVIE.title,
        OTHER_MOVIE.title,
        SHOW.title,
        MOVIE.provider_ids.imdb,
        SHOW.provider_ids.tvdb,
        "ada",
    ):
        assert secret is not None
        assert secret not in text


async def told_of(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    entry: MockConfigEntry,
    key: str,
) -> Any:
    """Return the diagnostics of a device of the entry."""
    device = dr.async_get(hass).async_get_device_by_identifier(
        (DOMAIN, f"{entry.unique_id}{key}"), entry.entry_id
    )
    assert device is not None
    return await get_diagnostics_for_device(hass, hass_client, entry, device)


async def test_device_tells_of_its_item_and_no_secret(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    socket_enabled: None,  # noqa: ARG001 - the answer comes over HTTP
) -> None:
    assert await async_setup_component(hass, "diagnostics", {})
    server = MemoryServer()
    failing, waiting = episode(1, 1), episode(1, 2)
    server.item_faults[failing.item_id] = Forbidden("not for you")
    entry = await setup_lane(hass, server, subentries=[SHOW, MOVIE])
    await entry.runtime_data.async_submit([Request(failing, MarkWatched())])
    await drained(hass, entry)
    server.go_down()
    await entry.runtime_data.async_submit([Request(waiting, MarkWatched())])

    told = await told_of(hass, hass_client, entry, f":{SHOW.item_id}")
    assert told["item"]["kind"] == "show"
    assert told["item"]["provider_ids"] == ["imdb", "tmdb", "tvdb"]
    assert told["item"]["sync_state"] == "pending"
    assert told["item"]["server"]["watched"] is False
    assert (told["item"]["episodes"], told["item"]["unwatched_and_aired"]) == (5, 3)
    assert [one["last_error"] for one in told["failed"]] == ["forbidden"]
    assert [one["kind"] for one in told["waiting"]] == ["episode"]
    keeps_to_itself(told, entry)

    told = await told_of(hass, hass_client, entry, f":{MOVIE.item_id}")
    assert told["item"]["library_allowed"] is True
    assert (told["waiting"], told["failed"]) == ([], [])
    keeps_to_itself(told, entry)

    told = await told_of(hass, hass_client, entry, "")
    assert told["tracked"] == 2
    keeps_to_itself(told, entry)


async def test_device_of_an_item_that_is_tracked_no_longer_has_nothing_to_tell(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    socket_enabled: None,  # noqa: ARG001 - the answer comes over HTTP
) -> None:
    assert await async_setup_component(hass, "diagnostics", {})
    entry = await setup_lane(hass)
    dr.async_get(hass).async_get_or_create(
        config_entry_id=entry.entry_id,
        identifiers={(DOMAIN, f"{entry.unique_id}:gone")},
    )
    told = await told_of(hass, hass_client, entry, ":gone")
    assert told == {"status": "synced", "item": None}
