"""The dialogs against simulated servers: real requests, real answers."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from homeassistant.config_entries import (
    SOURCE_USER,
    ConfigEntryState,
    ConfigFlowResult,
)
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
import pytest

from custom_components.watched_sync import connecting
from custom_components.watched_sync.const import DOMAIN
from custom_components.watched_sync.core.lane import Phase

from .common import say_whose, until
from .fakes.base import FakeServer, FaultKind
from .fakes.jellyfin import FakeJellyfin, Phase as JellyfinPhase
from .fakes.plex import FakePlex
from .fakes.tls import Certificates


@pytest.fixture(autouse=True)
def network(socket_enabled: None) -> None:
    """Let requests out, to 127.0.0.1."""


@pytest.fixture(autouse=True)
def find_servers() -> Iterator[None]:
    """Ask nobody in the network."""
    with patch(
        "custom_components.watched_sync.config_flow.async_find_servers", return_value={}
    ):
        yield


@pytest.fixture
async def plex() -> AsyncIterator[FakePlex]:
    async with FakePlex() as server:
        yield server


@pytest.fixture
async def jellyfin() -> AsyncIterator[FakeJellyfin]:
    async with FakeJellyfin() as server:
        yield server


@pytest.fixture
def certificates() -> Certificates:
    return Certificates()


async def connect(
    hass: HomeAssistant, step: str, typed: dict[str, Any]
) -> ConfigFlowResult:
    menu = await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_USER}
    )
    result = await hass.config_entries.flow.async_configure(
        menu["flow_id"], {"next_step_id": step}
    )
    result = await hass.config_entries.flow.async_configure(result["flow_id"], typed)
    await hass.async_block_till_done()
    return result


async def connect_plex(
    hass: HomeAssistant, url: str, token: str, *, verify_ssl: bool = True
) -> ConfigFlowResult:
    return await connect(
        hass, "plex_token", {"url": url, "token": token, "verify_ssl": verify_ssl}
    )


async def connect_jellyfin(
    hass: HomeAssistant,
    url: str,
    username: str = "alex",
    password: str = "alex-password",
) -> ConfigFlowResult:
    return await connect(
        hass,
        "jellyfin_password",
        {
            "url": url,
            "username": username,
            "password": password,
            "verify_ssl": True,
        },
    )


async def test_plex_is_connected_and_loaded(
    hass: HomeAssistant, plex: FakePlex
) -> None:
    result = await connect_plex(
        hass, plex.url.removeprefix("http://"), plex.token_for("alex")
    )
    result = await say_whose(hass, result)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    entry = result["result"]
    assert entry.unique_id == f"{plex.machine_identifier}:1"
    assert entry.title == "Fake Plex (alex)"
    assert entry.state is ConfigEntryState.LOADED
    assert entry.runtime_data.coordinator.data.connected
    assert entry.runtime_data.info.version


async def test_jellyfin_is_connected_and_loaded(
    hass: HomeAssistant, jellyfin: FakeJellyfin
) -> None:
    result = await connect_jellyfin(hass, f"{jellyfin.url}/")
    result = await say_whose(hass, result)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    entry = result["result"]
    assert entry.unique_id == f"{jellyfin.server_id}:{jellyfin.user_id('alex')}"
    assert entry.title == "Fake Jellyfin (alex)"
    assert entry.state is ConfigEntryState.LOADED
    assert entry.runtime_data.coordinator.data.connected
    assert entry.runtime_data.info.version
    again = await connect_jellyfin(hass, jellyfin.url)
    assert again["reason"] == "already_configured"


async def test_each_product_is_told_from_the_other(
    hass: HomeAssistant, plex: FakePlex, jellyfin: FakeJellyfin
) -> None:
    result = await connect_plex(hass, jellyfin.url, "token")
    assert result["errors"] == {"base": "found_jellyfin"}
    result = await connect_jellyfin(hass, plex.url)
    assert result["errors"] == {"base": "found_plex"}
    jellyfin.profile = replace(jellyfin.profile, version="10.8.13")
    sign_in = {"username": "alex", "password": "x", "verify_ssl": True}
    for phase in (JellyfinPhase.READY, JellyfinPhase.SETUP):
        jellyfin.phase = phase
        result = await connect(hass, "emby_password", {"url": jellyfin.url, **sign_in})
        assert result["errors"] == {"base": "found_jellyfin"}


async def test_what_is_neither_is_not_named_and_not_waited_for(
    hass: HomeAssistant, plex: FakePlex, monkeypatch: pytest.MonkeyPatch
) -> None:
    plex.fail(FaultKind.HTML, status=200, times=None)
    result = await connect_jellyfin(hass, plex.url)
    assert result["errors"] == {"base": "not_jellyfin"}
    plex.clear_faults()
    monkeypatch.setattr(connecting, "_INTRODUCTION", 0.0)
    result = await connect_jellyfin(hass, plex.url)
    assert result["errors"] == {"base": "not_jellyfin"}


async def test_a_wrong_token_or_password_is_not_accepted(
    hass: HomeAssistant, plex: FakePlex, jellyfin: FakeJellyfin
) -> None:
    result = await connect_plex(hass, plex.url, "wrong")
    assert result["errors"] == {"base": "invalid_token"}
    result = await connect_jellyfin(hass, jellyfin.url, password="wrong")
    assert result["errors"] == {"base": "invalid_password"}


async def test_a_server_that_is_not_there_cannot_be_connected_to(
    hass: HomeAssistant, plex: FakePlex, jellyfin: FakeJellyfin
) -> None:
    token = plex.token_for("alex")
    for server in (plex, jellyfin):
        await server.go_dark()
    result = await connect_plex(hass, plex.url, token)
    assert result["errors"] == {"base": "cannot_connect"}
    result = await connect_jellyfin(hass, jellyfin.url)
    assert result["errors"] == {"base": "cannot_connect"}


async def test_a_proxys_pages_are_no_server(
    hass: HomeAssistant, plex: FakePlex, jellyfin: FakeJellyfin
) -> None:
    servers: tuple[FakeServer, ...] = (plex, jellyfin)
    for status, expected in ((200, "not_"), (502, "cannot_connect")):
        for server in servers:
            server.clear_faults()
            server.fail(FaultKind.HTML, times=None, status=status)
        result = await connect_plex(hass, plex.url, plex.token_for("alex"))
        assert result["errors"] is not None
        assert result["errors"]["base"].startswith(expected)
        result = await connect_jellyfin(hass, jellyfin.url)
        assert result["errors"] is not None
        assert result["errors"]["base"].startswith(expected)


async def test_an_address_that_leads_elsewhere_is_refused(
    hass: HomeAssistant, plex: FakePlex, jellyfin: FakeJellyfin
) -> None:
    servers: tuple[FakeServer, ...] = (plex, jellyfin)
    for location, error in (
        ("https://attic.example/identity", "redirected"),
        ("https://attic.example/System/Info/Public", "redirected"),
        ("mailto:ada@attic.example", "invalid_url"),
    ):
        for server in servers:
            server.clear_faults()
            server.fail(FaultKind.REDIRECT, times=None, location=location)
        result = await connect_plex(hass, plex.url, plex.token_for("alex"))
        assert result["errors"] == {"url": error}
        result = await connect_jellyfin(hass, jellyfin.url)
        assert result["errors"] == {"url": error}


async def test_an_address_whose_proxy_wants_https_is_told_the_one_to_type(
    hass: HomeAssistant, plex: FakePlex, jellyfin: FakeJellyfin
) -> None:
    told = []
    plex.fail(FaultKind.REDIRECT, location="https://plex.example/identity")
    result = await connect_plex(hass, plex.url, plex.token_for("alex"))
    told.append(result["description_placeholders"])
    location = "https://jellyfin.example/System/Info/Public"
    jellyfin.fail(FaultKind.REDIRECT, location=location)
    result = await connect_jellyfin(hass, jellyfin.url)
    told.append(result["description_placeholders"])
    assert [each and each["location"] for each in told] == [
        "https://plex.example",
        "https://jellyfin.example",
    ]


async def test_a_starting_server_is_asked_again_later(
    hass: HomeAssistant, jellyfin: FakeJellyfin
) -> None:
    for phase in (JellyfinPhase.SETUP, JellyfinPhase.CORE):
        jellyfin.phase = phase
        result = await connect_jellyfin(hass, jellyfin.url)
        assert result["errors"] == {"base": "startup"}


async def test_a_certificate_of_ones_own_making_can_be_accepted(
    hass: HomeAssistant, certificates: Certificates
) -> None:
    async with FakePlex(ssl_context=certificates.server("127.0.0.1")) as plex:
        result = await connect_plex(
            hass, plex.url, plex.token_for("alex"), verify_ssl=False
        )
        result = await say_whose(hass, result)
        assert result["type"] is FlowResultType.CREATE_ENTRY
        await hass.config_entries.async_unload(result["result"].entry_id)


async def sign_in(
    hass: HomeAssistant, flow_id: str, typed: dict[str, Any]
) -> ConfigFlowResult:
    await hass.config_entries.flow.async_configure(
        flow_id, {"next_step_id": "jellyfin_password"}
    )
    return await hass.config_entries.flow.async_configure(flow_id, typed)


async def test_a_revoked_token_is_replaced_by_signing_in_again(
    hass: HomeAssistant, jellyfin: FakeJellyfin
) -> None:
    result = await say_whose(hass, await connect_jellyfin(hass, jellyfin.url))
    entry = result["result"]
    runtime = entry.runtime_data
    jellyfin.revoke(entry.data["token"])
    runtime.relay.nudge()
    await until(runtime, lambda: runtime.lane.health.phase is Phase.PARKED)
    await hass.async_block_till_done()
    [flow] = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    result = await sign_in(
        hass, flow["flow_id"], {"username": "kim", "password": "kim-password"}
    )
    assert result["reason"] == "wrong_account"
    entry.async_start_reauth(hass)
    await hass.async_block_till_done()
    [flow] = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    result = await sign_in(
        hass, flow["flow_id"], {"username": "alex", "password": "alex-password"}
    )
    assert result["reason"] == "reauth_successful"
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED
    assert entry.runtime_data.coordinator.data.connected
