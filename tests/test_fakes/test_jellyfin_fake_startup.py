"""Start-up, addresses, Quick Connect and discovery of the simulated Jellyfin."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
import json
from typing import override

from aiohttp import WSServerHandshakeError
import pytest

from tests.fakes.base import HOST, FakeClock
from tests.fakes.jellyfin import Phase

from .jellyfin_desk import ALL_PROFILES, PATIENCE, Desk, authorization, open_desk

pytestmark = pytest.mark.usefixtures("socket_enabled")

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with open_desk(clock=FakeClock(NOON)) as opened:
        yield opened


# -- what anybody may ask ----------------------------------------------------


@pytest.mark.parametrize(
    ("profile", "version"),
    [("10.10", "10.10.7"), ("10.11", "10.11.11"), ("12.0", "12.0.0")],
)
async def test_public_info_names_the_server(profile: str, version: str) -> None:
    async with open_desk(profile, name="Attic", server_id="5" * 32) as desk:
        info = await desk.stranger.read("/System/Info/Public")
        assert info["ProductName"] == "Jellyfin Server"
        assert (info["ServerName"], info["Id"]) == ("Attic", "5" * 32)
        assert info["Version"] == version
        assert info["StartupWizardCompleted"] is True
        for method in ("GET", "POST"):
            reply = await desk.stranger.ask(method, "/System/Ping")
            assert reply.json == "Jellyfin Server"
        assert (await desk.stranger.get("/System/Info")).status == 401
        assert (await desk.alex.read("/System/Info"))["Version"] == version


async def test_public_users_are_those_who_may_sign_in(desk: Desk) -> None:
    desk.jf.user("kim").hidden = True
    shown = {user["Name"] for user in await desk.stranger.read("/Users/Public")}
    assert shown == {"root", "alex", "sam"}
    everybody = {user["Name"] for user in await desk.alex.read("/Users")}
    assert everybody == {"root", "alex", "kim", "sam", "pat"}
    disabled = await desk.alex.read("/Users", isDisabled="true")
    assert [user["Name"] for user in disabled] == ["pat"]


async def test_api_keys_are_made_listed_and_revoked(desk: Desk) -> None:
    assert (await desk.root.ask("POST", "/Auth/Keys?app=HA")).status == 204
    (key,) = (await desk.root.read("/Auth/Keys"))["Items"]
    assert key["AppName"] == "HA"
    user = desk.with_headers(authorization(key["AccessToken"]))
    assert len(await user.read("/Users")) == 5
    await desk.root.ask("DELETE", f"/Auth/Keys/{key['AccessToken']}")
    assert (await user.get("/Users")).status == 401


async def test_deleting_a_device_revokes_its_tokens(desk: Desk) -> None:
    assert (await desk.root.ask("DELETE", "/Devices?id=alex-device")).status == 204
    assert (await desk.alex.get("/Users/Me")).status == 401
    assert (await desk.root.ask("DELETE", "/Devices?id=alex-device")).status == 400


# -- start-up ----------------------------------------------------------------


@pytest.mark.parametrize("profile", ["10.11", "12.0"])
async def test_f35_setup_server_answers_503_to_everything(profile: str) -> None:
    async with open_desk(profile) as desk:
        desk.jf.phase = Phase.SETUP_EARLY
        for path in ("/System/Info/Public", "/Users/Me", "/System/Ping", "/web/"):
            reply = await desk.alex.get(path)
            assert reply.status == 503
            assert reply.headers["Retry-After"] == "005"
            assert reply.headers["Content-Type"].startswith("text/html")
            assert "X-Response-Time-ms" not in reply.headers
        with pytest.raises(WSServerHandshakeError) as refusal:
            async with desk.alex.listen():
                pass
        assert refusal.value.status == 503


async def test_f35_setup_server_answers_public_info_with_a_lie_in_camel_case(
    desk: Desk,
) -> None:
    desk.jf.phase = Phase.SETUP
    info = await desk.stranger.read("/System/Info/Public")
    assert info["version"] == "10.11.11"
    assert info["id"] == desk.jf.server_id
    assert info["startupWizardCompleted"] is False
    assert "Version" not in info
    assert (await desk.alex.get("/Users/Me")).status == 503


@pytest.mark.parametrize("profile", ALL_PROFILES)
async def test_f35_server_itself_answers_503_without_retry_after(profile: str) -> None:
    async with open_desk(profile) as desk:
        desk.jf.phase = Phase.CORE
        reply = await desk.alex.get("/System/Info/Public")
        assert reply.status == 503
        assert "Retry-After" not in reply.headers
        assert reply.headers["Content-Type"].startswith("text/html")
        assert (await desk.stranger.get("/System/Ping")).status == 200
        async with desk.alex.listen() as ear:
            await ear.next("ForceKeepAlive")
        desk.jf.phase = Phase.READY
        assert (await desk.alex.get("/Users/Me")).status == 200


async def test_f35_10_10_has_no_setup_server() -> None:
    async with open_desk("10.10") as desk:
        desk.jf.phase = Phase.SETUP
        reply = await desk.alex.get("/System/Info/Public")
        assert reply.status == 503
        assert "Retry-After" not in reply.headers


async def test_f35_setup_server_does_not_know_the_base_url() -> None:
    async with open_desk(base_url="/jellyfin") as desk:
        desk.jf.phase = Phase.SETUP
        assert (await desk.stranger.get("/System/Info/Public")).status == 503


async def test_ip_filter_answers_503_with_an_empty_body(desk: Desk) -> None:
    desk.jf.ip_filter = True
    reply = await desk.alex.get("/Users/Me")
    assert (reply.status, reply.text) == (503, "")


# -- addresses ---------------------------------------------------------------


async def test_f36_everything_outside_the_base_url_is_redirected() -> None:
    async with open_desk(base_url="/jellyfin") as desk:
        assert desk.jf.url.endswith("/jellyfin")
        assert (await desk.alex.get("/Users/Me")).status == 200
        async with desk.alex.listen() as ear:
            await ear.next("ForceKeepAlive")
        arrival = desk.jf.item_id("Arrival")
        outside = desk.jf.url.removesuffix("/jellyfin")
        for method, path in (
            ("GET", "/System/Info/Public"),
            ("POST", f"/UserPlayedItems/{arrival}"),
            ("GET", "/jellyfinish/Users/Me"),
        ):
            async with desk.session.request(
                method,
                outside + path,
                headers=desk.alex.headers,
                allow_redirects=False,
            ) as response:
                assert response.status == 302
                assert response.headers["Location"] == "/jellyfin/web/"
                assert "X-Response-Time-ms" not in response.headers
        assert not desk.jf.state("alex", arrival).played


async def test_f36_following_the_redirect_ends_at_a_page() -> None:
    async with open_desk(base_url="/jellyfin") as desk:
        outside = desk.jf.url.removesuffix("/jellyfin")
        async with desk.session.get(f"{outside}/System/Info/Public") as response:
            assert response.status == 200
            assert response.content_type == "text/html"


# -- Quick Connect -----------------------------------------------------------


async def test_f9_code_is_approved_and_gives_a_token(desk: Desk) -> None:
    device = desk.with_headers(authorization(device_id="new"))
    assert await device.read("/QuickConnect/Enabled") is True
    reply = await device.ask("POST", "/QuickConnect/Initiate")
    assert reply.status == 200
    request = reply.json
    assert (len(request["Code"]), len(request["Secret"])) == (6, 64)
    assert request["Authenticated"] is False
    secret = {"Secret": request["Secret"]}
    path = "/Users/AuthenticateWithQuickConnect"
    assert (await device.ask("POST", path, secret)).status == 404
    approval = f"/QuickConnect/Authorize?code={request['Code']}"
    assert (await desk.alex.ask("POST", approval)).json is True
    state = await device.read("/QuickConnect/Connect", secret=request["Secret"])
    assert state["Authenticated"] is True
    answer = (await device.ask("POST", path, secret)).json
    assert answer["User"]["Name"] == "alex"
    me = desk.with_headers(authorization(answer["AccessToken"], device_id="new"))
    assert (await me.read("/Users/Me"))["Id"] == desk.alex.id


async def test_f9_approval_revokes_the_earlier_token_of_the_device(
    desk: Desk,
) -> None:
    device = desk.with_headers(authorization(device_id="alex-device"))
    request = (await device.ask("POST", "/QuickConnect/Initiate")).json
    assert (await desk.alex.get("/Users/Me")).status == 200
    assert desk.jf.approve(request["Code"], "alex")
    assert (await desk.alex.get("/Users/Me")).status == 401


async def test_f9_code_expires_after_ten_minutes(desk: Desk) -> None:
    device = desk.with_headers(authorization(device_id="new"))
    request = (await device.ask("POST", "/QuickConnect/Initiate")).json
    secret = request["Secret"]
    desk.jf.clock.advance(600)
    assert (await device.get("/QuickConnect/Connect", secret=secret)).status == 200
    desk.jf.clock.advance(1)
    assert (await device.get("/QuickConnect/Connect", secret=secret)).status == 404
    assert not desk.jf.approve(request["Code"], "alex")


async def test_f9_approved_request_can_be_polled_longer_than_redeemed(
    desk: Desk,
) -> None:
    device = desk.with_headers(authorization(device_id="new"))
    request = (await device.ask("POST", "/QuickConnect/Initiate")).json
    secret = request["Secret"]
    desk.jf.clock.advance(590)
    assert desk.jf.approve(request["Code"], "alex")
    desk.jf.clock.advance(601)
    state = await device.read("/QuickConnect/Connect", secret=secret)
    assert state["Authenticated"] is True
    reply = await device.ask(
        "POST", "/Users/AuthenticateWithQuickConnect", {"Secret": secret}
    )
    assert reply.status == 404
    desk.jf.clock.advance(60)
    assert (await device.get("/QuickConnect/Connect", secret=secret)).status == 404


@pytest.mark.parametrize(
    ("profile", "status"), [("10.10", 200), ("10.11", 200), ("12.0", 405)]
)
async def test_f9_initiating_by_get_by_version(profile: str, status: int) -> None:
    async with open_desk(profile) as desk:
        device = desk.with_headers(authorization(device_id="new"))
        assert (await device.get("/QuickConnect/Initiate")).status == status


async def test_f9_switched_off_and_incomplete_and_unknown(desk: Desk) -> None:
    device = desk.with_headers(authorization(device_id="new"))
    assert (await desk.stranger.ask("POST", "/QuickConnect/Initiate")).status == 400
    assert (await device.get("/QuickConnect/Connect", secret="x")).status == 404
    desk.jf.quick_connect.enabled = False
    assert await device.read("/QuickConnect/Enabled") is False
    assert (await device.ask("POST", "/QuickConnect/Initiate")).status == 401
    assert (await device.get("/QuickConnect/Connect", secret="x")).status == 401


async def test_f9_restart_forgets_the_codes(desk: Desk) -> None:
    device = desk.with_headers(authorization(device_id="new"))
    request = (await device.ask("POST", "/QuickConnect/Initiate")).json
    await desk.jf.restart()
    secret = request["Secret"]
    assert (await device.get("/QuickConnect/Connect", secret=secret)).status == 404


# -- discovery ---------------------------------------------------------------


class _Probe(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.answers: asyncio.Queue[bytes] = asyncio.Queue()

    @override
    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.answers.put_nowait(data)


async def _probe(port: int, *questions: str) -> dict[str, object]:
    """Send the questions and return the first answer."""
    transport, probe = await asyncio.get_running_loop().create_datagram_endpoint(
        _Probe, remote_addr=(HOST, port)
    )
    try:
        for question in questions:
            transport.sendto(question.encode())
        async with asyncio.timeout(PATIENCE):
            found: dict[str, object] = json.loads(await probe.answers.get())
        return found
    finally:
        transport.close()


async def test_f38_server_answers_the_probe(desk: Desk) -> None:
    port = await desk.jf.start_discovery()
    assert await _probe(port, "Who is JELLYFINSERVER?") == {
        "Address": desk.jf.url,
        "Id": desk.jf.server_id,
        "Name": "Fake Jellyfin",
        "EndpointAddress": None,
    }


async def test_f38_server_may_claim_a_wrong_address_and_ignores_other_questions(
    desk: Desk,
) -> None:
    port = await desk.jf.start_discovery(address="http://172.17.0.2:8096")
    answer = await _probe(port, "who is EmbyServer?", "who is JellyfinServer?")
    assert answer["Address"] == "http://172.17.0.2:8096"
