"""Diagnostics help, and give nobody away."""

import json
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.components.diagnostics import (
    get_diagnostics_for_config_entry,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.watched_sync.core.errors import Forbidden
from custom_components.watched_sync.core.operation import MarkWatched
from custom_components.watched_sync.runtime import Wish

from .common import MOVIE, OTHER_MOVIE, SHOW, MemoryServer, drained, setup_lane


async def test_diagnostics_tell_counts_and_reasons_and_no_secret(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    socket_enabled: None,  # noqa: ARG001 - the answer comes over HTTP
) -> None:
    assert await async_setup_component(hass, "diagnostics", {})
    server = MemoryServer()
    server.up_next_ids = [MOVIE.item_id]
    server.item_faults[MOVIE.item_id] = Forbidden("not for you")
    entry = await setup_lane(hass, server, subentries=[SHOW])
    await entry.runtime_data.async_submit([Wish(MOVIE, MarkWatched())])
    await drained(hass, entry)
    server.go_down()
    await entry.runtime_data.async_submit([Wish(OTHER_MOVIE, MarkWatched())])

    told: Any = await get_diagnostics_for_config_entry(hass, hass_client, entry)
    assert told["server_version"] == "10.11.0"
    assert told["entry"]["subentries"] == {"item": 1}
    assert told["entry"]["data"]["kind"] == "jellyfin"
    assert (told["up_next"], told["tracked"]) == (1, 1)
    assert told["outbox"]["waiting"] == 1
    assert told["outbox"]["failed"] == 1
    waiting, failed = told["outbox"]["rows"]
    assert (waiting["kind"], waiting["change"]) == ("movie", "MarkWatched")
    assert failed["last_error"] == "forbidden"

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
    ):
        assert secret is not None
        assert secret not in text
