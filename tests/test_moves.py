"""Servers that announce themselves, are suggested, and are followed elsewhere."""

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from functools import partial
from ipaddress import ip_address
from typing import Any
from unittest.mock import AsyncMock, patch

from homeassistant.config_entries import (
    SOURCE_IGNORE,
    SOURCE_USER,
    SOURCE_ZEROCONF,
    ConfigEntryState,
    ConfigFlowResult,
)
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    get_schema_suggested_value,
)
from yarl import URL

from custom_components.watched_sync import connecting, moves
from custom_components.watched_sync.connecting import (
    async_find_servers,
    async_locate,
    async_server_id,
    async_verify,
)
from custom_components.watched_sync.const import DOMAIN
from custom_components.watched_sync.core.errors import Reason, ServerError, Unreachable
from custom_components.watched_sync.core.identity import Item, MediaKind
from custom_components.watched_sync.core.lane import Health, LaneUpdate, Phase
from custom_components.watched_sync.servers.jellyfin.discovery import discover

from .common import (
    MOVIE,
    MemoryServer,
    drained,
    lane_entry,
    mark,
    say_whose,
    setup_lane,
    use_server,
)
from .fakes.base import FaultKind
from .fakes.emby import FakeEmby
from .fakes.jellyfin import FakeJellyfin
from .fakes.plex import FakePlex
from .fakes.plex_tv import FakePlexTv

FILM = "The Shawshank Redemption"


@pytest.fixture(autouse=True)
def network(socket_enabled: None) -> None:
    """Let requests out, to 127.0.0.1."""


@pytest.fixture
async def plex() -> AsyncIterator[FakePlex]:
    async with FakePlex() as server:
        yield server


@pytest.fixture
def discovered() -> Iterator[AsyncMock]:
    """Have no broadcast sent."""
    with patch(
        "custom_components.watched_sync.connecting.jellyfin_discover", return_value=()
    ) as mock:
        yield mock


async def announce(
    hass: HomeAssistant, url: str, name: str = "Attic"
) -> ConfigFlowResult:
    """Have a Plex server say that it is at this address."""
    address = URL(url)
    host = ip_address(address.host or "")
    return await hass.config_entries.flow.async_init(
        DOMAIN,
        context={"source": SOURCE_ZEROCONF},
        data=ZeroconfServiceInfo(
            ip_address=host,
            ip_addresses=[host],
            port=address.port,
            hostname="attic.local.",
            type="_plexmediasvr._tcp.local.",
            name=f"{name}._plexmediasvr._tcp.local.",
            properties={},
        ),
    )


def plex_entry(plex: FakePlex, **data: Any) -> MockConfigEntry:
    """Return an entry of the server's owner, not yet added."""
    entry = lane_entry(
        MemoryServer(kind="plex", server_id=plex.machine_identifier, user_id="1")
    )
    token = plex.token_for("alex")
    given = {"url": plex.url, "token": token, "user_name": "alex"} | data
    return MockConfigEntry(
        domain=DOMAIN,
        title=entry.title,
        unique_id=entry.unique_id,
        data={**entry.data, **given},
    )


# --- announced -------------------------------------------------------------


@pytest.mark.usefixtures("discovered")
async def test_a_server_in_the_network_is_offered_once_with_its_address(
    hass: HomeAssistant, plex: FakePlex
) -> None:
    menu = await announce(hass, plex.url)
    assert menu["type"] is FlowResultType.MENU
    assert menu["step_id"] == "zeroconf_confirm"
    assert menu["menu_options"] == ["plex_account", "plex_token"]
    assert menu["description_placeholders"] == {"name": "Attic", "url": plex.url}
    [flow] = hass.config_entries.flow.async_progress()
    assert flow["context"]["title_placeholders"] == {"name": "Attic"}
    again = await announce(hass, plex.url)
    assert again["reason"] == "already_in_progress"

    form = await hass.config_entries.flow.async_configure(
        menu["flow_id"], {"next_step_id": "plex_token"}
    )
    assert form["data_schema"] is not None
    fields = form["data_schema"].schema
    assert get_schema_suggested_value(fields, "url") == plex.url
    result = await hass.config_entries.flow.async_configure(
        form["flow_id"],
        {"url": plex.url, "token": plex.token_for("alex"), "verify_ssl": True},
    )
    result = await say_whose(hass, result)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["result"].unique_id == f"{plex.machine_identifier}:1"
    again = await announce(hass, plex.url)
    assert again["reason"] == "already_configured"


@pytest.mark.usefixtures("discovered")
async def test_the_offer_is_withdrawn_once_the_server_is_connected_by_hand(
    hass: HomeAssistant, plex: FakePlex
) -> None:
    await announce(hass, plex.url)
    async with FakePlex(name="Cellar") as cellar:
        other = await announce(hass, cellar.url, "Cellar")
        menu = await hass.config_entries.flow.async_init(
            DOMAIN, context={"source": SOURCE_USER}
        )
        form = await hass.config_entries.flow.async_configure(
            menu["flow_id"], {"next_step_id": "plex_token"}
        )
        result = await hass.config_entries.flow.async_configure(
            form["flow_id"],
            {"url": plex.url, "token": plex.token_for("alex"), "verify_ssl": True},
        )
        result = await say_whose(hass, result)
        assert result["type"] is FlowResultType.CREATE_ENTRY
        [flow] = hass.config_entries.flow.async_progress()
        assert flow["flow_id"] == other["flow_id"]


async def test_a_server_that_was_ignored_is_not_offered_again(
    hass: HomeAssistant, plex: FakePlex
) -> None:
    MockConfigEntry(
        domain=DOMAIN, unique_id=plex.machine_identifier, source=SOURCE_IGNORE
    ).add_to_hass(hass)
    async with FakePlex(name="Cellar") as cellar:
        assert (await announce(hass, plex.url))["reason"] == "already_configured"
        other = await announce(hass, cellar.url)
        assert other["type"] is FlowResultType.MENU


async def test_what_does_not_answer_is_not_offered(
    hass: HomeAssistant, plex: FakePlex
) -> None:
    await plex.go_dark()
    assert (await announce(hass, plex.url))["reason"] == "cannot_connect"


async def test_a_server_that_wants_encryption_is_recognised(
    hass: HomeAssistant,
) -> None:
    asked: list[dict[str, Any]] = []

    async def server_id(_: HomeAssistant, data: dict[str, Any]) -> str:
        asked.append(data)
        if data["url"].startswith("http:"):
            raise Unreachable("the connection was closed")
        return "server-1"

    with patch.object(moves, "async_server_id", server_id):
        menu = await announce(hass, "http://192.168.1.5:32400")
    assert menu["description_placeholders"] == {
        "name": "Attic",
        "url": "https://192.168.1.5:32400",
    }
    # No certificate proves a bare address; and no token is shown.
    assert [data["verify_ssl"] for data in asked] == [False, False]
    assert not any("token" in data for data in asked)


# --- followed --------------------------------------------------------------


async def test_a_known_server_is_followed_to_its_new_address(
    hass: HomeAssistant, plex: FakePlex
) -> None:
    old = plex.url
    entry = plex_entry(plex)
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await plex.go_dark()
    runtime = entry.runtime_data
    await mark(entry, Item(str(plex.rating_key(FILM)), MediaKind.MOVIE, FILM))
    async with FakePlex(machine_identifier=plex.machine_identifier) as moved:
        moved.accept_token(entry.data["token"], "alex")
        assert (await announce(hass, moved.url))["reason"] == "already_configured"
        await hass.async_block_till_done()
        assert entry.data["url"] == moved.url != old
        assert entry.runtime_data is not runtime
        # What waited goes along.
        await drained(hass, entry)
        key = moved.rating_key(FILM)
        assert moved.state("alex", key).view_count == 1
        await hass.config_entries.async_unload(entry.entry_id)


async def test_an_entry_that_never_came_up_is_followed_as_well(
    hass: HomeAssistant, plex: FakePlex
) -> None:
    entry = plex_entry(plex, url="http://127.0.0.1:9")
    entry.add_to_hass(hass)
    await hass.config_entries.async_setup(entry.entry_id)
    states = [entry.state]
    await announce(hass, plex.url)
    await hass.async_block_till_done()
    states.append(entry.state)
    assert states == [ConfigEntryState.SETUP_RETRY, ConfigEntryState.LOADED]
    assert entry.data["url"] == plex.url


async def test_an_address_that_still_answers_is_kept(
    hass: HomeAssistant, plex: FakePlex
) -> None:
    entry = plex_entry(plex)
    entry.add_to_hass(hass)
    async with FakePlex(machine_identifier=plex.machine_identifier) as double:
        assert (await announce(hass, double.url))["reason"] == "already_configured"
    assert entry.data["url"] == plex.url


@pytest.mark.parametrize(
    ("before", "announced", "after"),
    [
        ("http://192.168.1.5:32400", "http://192.168.1.9:32400", None),
        ("http://192.168.1.5:32400", "https://192.168.1.9:32400", None),
        (
            "https://192-168-1-5.0abc.plex.direct:32400",
            "http://192.168.1.9:32401",
            "https://192-168-1-9.0abc.plex.direct:32401",
        ),
        (
            "https://192-168-1-5.0abc.plex.direct:32400",
            "http://[fd00::9]:32400",
            "https://fd00--9.0abc.plex.direct:32400",
        ),
        (
            "https://plex.example/base",
            "http://192.168.1.9:32400",
            "https://192.168.1.9:32400",
        ),
    ],
)
async def test_encryption_is_never_given_up(
    hass: HomeAssistant, before: str, announced: str, after: str | None
) -> None:
    entry = lane_entry(MemoryServer(kind="plex"))
    entry.add_to_hass(hass)
    hass.config_entries.async_update_entry(entry, data={**entry.data, "url": before})
    after = after or "http://192.168.1.9:32400"

    async def server_id(_: HomeAssistant, data: dict[str, Any]) -> str:
        if data["url"] == after:
            return "server-1"
        raise Unreachable("nobody is there")

    with (
        patch.object(moves, "async_server_id", server_id),
        patch.object(hass.config_entries, "async_schedule_reload"),
    ):
        await moves.async_follow(hass, entry, announced)
    assert entry.data["url"] == after


async def test_another_server_at_the_announced_address_is_not_followed(
    hass: HomeAssistant,
) -> None:
    server, other = MemoryServer(), MemoryServer(server_id="server-2")
    entry = await setup_lane(hass, server)
    use_server(hass, other)
    server.go_down()
    await moves.async_follow(hass, entry, other.url)
    assert entry.data["url"] == server.url


async def test_another_server_at_the_same_address_takes_nothing_over(
    hass: HomeAssistant, plex: FakePlex
) -> None:
    entry = plex_entry(plex, server_id="another", client_id="c")
    info = await async_verify(hass, entry.data)
    assert info.server_id == plex.machine_identifier
    assert plex.count() == 1
    [request] = plex.requests
    assert "X-Plex-Token" not in request.headers


# --- asked at plex.tv ------------------------------------------------------


@pytest.fixture
async def plex_tv(
    plex: FakePlex, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[FakePlexTv]:
    async with FakePlexTv([plex]) as house:
        monkeypatch.setattr(connecting, "PLEX_TV", house.url)
        yield house


async def test_plex_tv_tells_where_a_server_is_now(
    hass: HomeAssistant, plex: FakePlex, plex_tv: FakePlexTv
) -> None:
    token = plex_tv.account_token("alex")
    entry = plex_entry(plex, url="http://127.0.0.1:9", account_token=token)
    data = await async_locate(hass, entry.data)
    changed = {key for key in data if data[key] != entry.data[key]}
    assert changed == {"url", "token"}
    assert data["url"] == plex.url


async def away(
    hass: HomeAssistant, entry: MockConfigEntry, minutes: float, reason: Reason
) -> None:
    """Have the lane be away for so long."""
    lane = entry.runtime_data.lane
    since = lane.clock.now() - timedelta(minutes=minutes)
    lane.set_health(Health(Phase.BACKING_OFF, since, reason))
    lane.publish(LaneUpdate())
    await hass.async_block_till_done(wait_background_tasks=False)


@pytest.fixture
def locate() -> Iterator[AsyncMock]:
    with patch.object(moves, "async_locate") as mock:
        yield mock


async def lane_of_an_account(
    hass: HomeAssistant, server: MemoryServer
) -> MockConfigEntry:
    use_server(hass, server)
    entry = lane_entry(server)
    entry.add_to_hass(hass)
    hass.config_entries.async_update_entry(
        entry, data={**entry.data, "account_token": "account"}
    )
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    return entry


async def test_a_server_that_is_away_for_long_is_looked_for_at_plex_tv(
    hass: HomeAssistant, locate: AsyncMock
) -> None:
    old, new = MemoryServer(kind="plex"), MemoryServer(kind="plex")
    entry = await lane_of_an_account(hass, old)
    use_server(hass, new)
    locate.return_value = {**entry.data, "url": new.url}
    old.go_down()
    await mark(entry)
    await away(hass, entry, 4, Reason.UNREACHABLE)
    await away(hass, entry, 6, Reason.BUSY)
    locate.assert_not_awaited()
    await away(hass, entry, 6, Reason.UNREACHABLE)
    await hass.async_block_till_done()
    assert entry.data["url"] == new.url
    await drained(hass, entry)
    assert [item_id for item_id, _ in new.writes] == [MOVIE.item_id]


@pytest.mark.parametrize("error", [None, Unreachable("plex.tv is away")])
async def test_plex_tv_is_not_asked_again_at_once(
    hass: HomeAssistant, locate: AsyncMock, error: ServerError | None
) -> None:
    server = MemoryServer(kind="plex")
    entry = await lane_of_an_account(hass, server)
    locate.return_value = dict(entry.data)
    locate.side_effect = error
    before = entry.runtime_data
    for _ in range(3):
        await away(hass, entry, 6, Reason.WRONG_SERVER)
    locate.assert_awaited_once()
    assert entry.runtime_data is before


async def test_an_entry_without_an_account_asks_nobody(
    hass: HomeAssistant, locate: AsyncMock
) -> None:
    entry = await setup_lane(hass, MemoryServer(kind="plex"))
    await away(hass, entry, 60, Reason.UNREACHABLE)
    locate.assert_not_awaited()


# --- suggested -------------------------------------------------------------


@pytest.mark.usefixtures("discovered")
async def test_servers_of_home_assistants_own_integrations_are_suggested(
    hass: HomeAssistant,
) -> None:
    for domain, data in (
        ("plex", {"server_config": {"url": "https://attic.plex.direct:32400"}}),
        ("plex", {"server_config": {}}),
        ("jellyfin", {"url": "http://cellar:8096/"}),
        ("jellyfin", {"url": "nonsense://"}),
    ):
        MockConfigEntry(domain=domain, title=domain, data=data).add_to_hass(hass)
    MockConfigEntry(domain="plex", source=SOURCE_IGNORE).add_to_hass(hass)
    assert await async_find_servers(hass) == {
        "plex": {"https://attic.plex.direct:32400": "plex"},
        "jellyfin": {"http://cellar:8096": "jellyfin"},
    }


async def test_servers_that_answer_a_broadcast_are_suggested_by_what_they_are(
    hass: HomeAssistant, discovered: AsyncMock
) -> None:
    async with FakeJellyfin() as jellyfin, FakeEmby() as emby:
        ports = [
            await server.start_discovery(address=server.url)
            for server in (jellyfin, emby)
        ]

        async def ask() -> tuple[Any, ...]:
            ask_at = partial(discover, to=["127.0.0.1"], patience=5)
            found = [
                await ask_at(port=port, wanted=server.server_id)
                for port, server in zip(ports, (jellyfin, emby), strict=True)
            ]
            return tuple(one for some in found for one in some)

        discovered.side_effect = ask
        assert await async_find_servers(hass) == {
            "jellyfin": {jellyfin.url: "Fake Jellyfin"},
            "emby": {emby.url: "Fake Emby"},
        }


async def test_a_server_that_answers_too_slowly_is_not_waited_for(
    hass: HomeAssistant, discovered: AsyncMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("custom_components.watched_sync.connecting._INTRODUCTION", 0.0)
    async with FakeJellyfin() as jellyfin:
        port = await jellyfin.start_discovery(address=jellyfin.url)
        discovered.return_value = await discover(
            to=["127.0.0.1"], port=port, wanted=jellyfin.server_id
        )
        assert discovered.return_value
        assert await async_find_servers(hass) == {}


async def test_a_server_that_tells_nobody_who_it_is_is_left_to_its_token(
    hass: HomeAssistant, plex: FakePlex
) -> None:
    plex.fail(FaultKind.STATUS, path="/identity", times=None, status=401)
    entry = plex_entry(plex)
    assert await async_server_id(hass, entry.data) is None
    info = await async_verify(hass, entry.data)
    assert info.server_id == plex.machine_identifier
    assert (await announce(hass, plex.url))["reason"] == "cannot_connect"
