"""Signing in at Jellyfin by a code that is approved elsewhere."""

from collections.abc import AsyncIterator
from typing import Any

from aiohttp import ClientSession
from aioresponses import aioresponses
import pytest

from custom_components.watched_sync.core.errors import (
    Busy,
    Fault,
    Forbidden,
    Malformed,
    Redirected,
    ServerError,
    Starting,
    Unanswered,
    Unreachable,
    UnsupportedVersion,
    WrongAddress,
    WrongServer,
)
from custom_components.watched_sync.core.ports import ServerInfo
from custom_components.watched_sync.servers.approval import CodeExpired, until_approved
from custom_components.watched_sync.servers.jellyfin.client import JellyfinClient
from custom_components.watched_sync.servers.jellyfin.quick_connect import (
    LIFETIME,
    QuickConnect,
    QuickConnectCode,
    QuickConnectDisabled,
)
from tests.fakes.base import FakeClock, FaultKind
from tests.fakes.emby import FakeEmby
from tests.fakes.jellyfin import FakeJellyfin, Phase
from tests.fakes.plex import FakePlex

from .sent import sent

DEVICE = "our-device"
SECRET = QuickConnectCode("123456", "5ecre7" * 10)

pytestmark = pytest.mark.usefixtures("socket_enabled")


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    async with ClientSession() as opened:
        yield opened


@pytest.fixture(params=["10.10", "10.11", "12.0"])
async def server(request: pytest.FixtureRequest) -> AsyncIterator[FakeJellyfin]:
    async with FakeJellyfin(clock=FakeClock(), profile=request.param) as running:
        yield running


@pytest.fixture
def quick_connect(session: ClientSession, server: FakeJellyfin) -> QuickConnect:
    return QuickConnect(session, server.url, DEVICE)


async def test_approved_code_gives_a_token(
    session: ClientSession, quick_connect: QuickConnect, server: FakeJellyfin
) -> None:
    assert await quick_connect.is_enabled()
    code = await quick_connect.initiate()
    assert len(code.code) == 6
    assert not await quick_connect.poll(code)
    assert await quick_connect.login(code) is None
    assert server.approve(code.code, "kim")
    assert await quick_connect.poll(code)
    login = await quick_connect.login(code)
    assert login is not None
    assert login.info == ServerInfo(
        server_id=server.server_id,
        server_name=server.name,
        version=server.profile.version,
        user_id=server.user_id("kim"),
        user_name="kim",
    )
    client = JellyfinClient(
        session,
        server.url,
        login.token,
        user_id=login.info.user_id,
        device_id=DEVICE,
    )
    assert await client.identify() == login.info
    assert server.tokens[login.token].device_id == DEVICE


async def test_approval_is_waited_for(
    quick_connect: QuickConnect, server: FakeJellyfin
) -> None:
    code = await quick_connect.initiate()
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            server.approve(code.code, "alex")

    server.fail(FaultKind.HTML, path="Connect$")
    login = await until_approved(
        lambda: quick_connect.login(code), LIFETIME, sleep=sleep
    )
    assert login.info.user_name == "alex"
    assert pauses == [4, 2]


async def test_secret_is_not_shown(quick_connect: QuickConnect) -> None:
    code = await quick_connect.initiate()
    assert code.secret not in repr(code)


async def test_code_expires(quick_connect: QuickConnect, server: FakeJellyfin) -> None:
    code = await quick_connect.initiate()
    server.clock.advance(LIFETIME)
    assert not await quick_connect.poll(code)
    server.clock.advance(1)
    with pytest.raises(CodeExpired):
        await quick_connect.poll(code)
    with pytest.raises(CodeExpired):
        await quick_connect.exchange(code)


async def test_code_that_nobody_approved_gives_no_token(
    quick_connect: QuickConnect,
) -> None:
    code = await quick_connect.initiate()
    with pytest.raises(CodeExpired):
        await quick_connect.exchange(code)


async def test_restart_forgets_the_code(
    quick_connect: QuickConnect, server: FakeJellyfin
) -> None:
    code = await quick_connect.initiate()
    await server.restart()
    with pytest.raises(CodeExpired):
        await quick_connect.poll(code)


async def test_lost_route_is_not_an_expired_code(
    quick_connect: QuickConnect, server: FakeJellyfin
) -> None:
    """A proxy says 404 while the server behind it restarts."""
    code = await quick_connect.initiate()
    server.approve(code.code, "alex")
    server.fail(FaultKind.STATUS, status=404, path="Connect$|Public$", times=2)
    with pytest.raises(Unreachable):
        await quick_connect.poll(code)
    server.fail(FaultKind.STATUS, status=404, path="AuthenticateWith")
    server.fail(FaultKind.STATUS, status=404, path="Public$", after=1)
    with pytest.raises(Unreachable):
        await quick_connect.exchange(code)
    server.fail(FaultKind.STATUS, status=404, path="Initiate")
    with pytest.raises(Unreachable):
        await quick_connect.initiate()
    assert (await quick_connect.exchange(code)).info.user_name == "alex"


async def test_switched_off_is_told_at_every_step(
    quick_connect: QuickConnect, server: FakeJellyfin
) -> None:
    code = await quick_connect.initiate()
    server.quick_connect.enabled = False
    assert not await quick_connect.is_enabled()
    with pytest.raises(QuickConnectDisabled):
        await quick_connect.initiate()
    with pytest.raises(QuickConnectDisabled):
        await quick_connect.poll(code)
    server.fail(FaultKind.STATUS, status=401, path="AuthenticateWith")
    with pytest.raises(QuickConnectDisabled):
        await quick_connect.exchange(code)


async def test_account_that_may_not_sign_in_is_told(
    quick_connect: QuickConnect, server: FakeJellyfin
) -> None:
    code = await quick_connect.initiate()
    server.approve(code.code, "alex")
    server.fail(FaultKind.STATUS, status=403, path="AuthenticateWith")
    with pytest.raises(Forbidden):
        await quick_connect.exchange(code)


async def test_approval_ends_the_earlier_token_of_the_device_alone(
    quick_connect: QuickConnect, server: FakeJellyfin
) -> None:
    ours = server.token_for("alex", DEVICE)
    other = server.token_for("alex", "another-device")
    code = await quick_connect.initiate()
    server.approve(code.code, "alex")
    assert ours not in server.tokens
    assert other in server.tokens


async def test_sign_in_that_was_dropped_leaves_once(
    quick_connect: QuickConnect, server: FakeJellyfin
) -> None:
    code = await quick_connect.initiate()
    server.approve(code.code, "alex")
    server.fail(FaultKind.APPLIED_BUT_DROPPED, path="AuthenticateWith")
    with pytest.raises(Unreachable):
        await quick_connect.exchange(code)
    assert server.count("AuthenticateWith") == 1


FAULTS: list[tuple[FaultKind, dict[str, Any], type[ServerError]]] = [
    (FaultKind.STATUS, {"status": 429}, Busy),
    (FaultKind.STATUS, {"status": 500}, Fault),
    (FaultKind.STATUS, {"status": 503}, Busy),
    (FaultKind.HTML, {}, Unanswered),
    (FaultKind.HTML, {"status": 200}, Malformed),
    (FaultKind.TRUNCATED, {}, Malformed),
    (FaultKind.DROPPED, {}, Unreachable),
    (FaultKind.REDIRECT, {}, Redirected),
]


@pytest.mark.parametrize(("kind", "options", "expected"), FAULTS)
async def test_trouble_is_named(
    quick_connect: QuickConnect,
    server: FakeJellyfin,
    kind: FaultKind,
    options: dict[str, Any],
    expected: type[ServerError],
) -> None:
    code = await quick_connect.initiate()
    server.approve(code.code, "alex")
    server.fail(kind, path="/QuickConnect/|WithQuickConnect", times=None, **options)
    for asking in (
        quick_connect.is_enabled(),
        quick_connect.initiate(),
        quick_connect.poll(code),
        quick_connect.exchange(code),
    ):
        with pytest.raises(expected) as caught:
            await asking
        assert type(caught.value) is expected


@pytest.mark.parametrize("phase", [Phase.SETUP, Phase.CORE])
async def test_starting_server_gives_no_code(
    quick_connect: QuickConnect, server: FakeJellyfin, phase: Phase
) -> None:
    server.phase = phase
    with pytest.raises(Starting):
        await quick_connect.initiate()


async def test_old_server_gives_no_code(session: ClientSession) -> None:
    info = {
        "ServerName": "den",
        "Version": "10.8.13",
        "ProductName": "Jellyfin Server",
        "Id": "2" * 32,
    }
    with aioresponses() as mock:
        mock.get("http://127.0.0.1:8096/System/Info/Public", payload=info)
        with pytest.raises(UnsupportedVersion):
            await QuickConnect(session, "http://127.0.0.1:8096", DEVICE).initiate()
        assert len(sent(mock)) == 1


@pytest.mark.parametrize(
    "payload",
    [[], {}, {"Code": "123456"}, {"Secret": "x"}, {"Code": [], "Secret": "x"}],
)
async def test_code_that_is_none_is_malformed(
    session: ClientSession, payload: Any
) -> None:
    info = {"Version": "12.0", "ProductName": "Jellyfin Server", "Id": "2" * 32}
    with aioresponses() as mock:
        mock.get("http://127.0.0.1:8096/System/Info/Public", payload=info)
        mock.post("http://127.0.0.1:8096/QuickConnect/Initiate", payload=payload)
        with pytest.raises(Malformed):
            await QuickConnect(session, "http://127.0.0.1:8096", DEVICE).initiate()


@pytest.mark.parametrize("body", ["7", "null", '"true"', "{}"])
async def test_switch_that_is_none_is_malformed(
    session: ClientSession, body: str
) -> None:
    info = {"Version": "12.0", "ProductName": "Jellyfin Server", "Id": "2" * 32}
    with aioresponses() as mock:
        mock.get("http://127.0.0.1:8096/System/Info/Public", payload=info)
        mock.get("http://127.0.0.1:8096/QuickConnect/Enabled", body=body)
        with pytest.raises(Malformed):
            await QuickConnect(session, "http://127.0.0.1:8096", DEVICE).is_enabled()


async def test_only_jellyfin_has_quick_connect(session: ClientSession) -> None:
    async with FakeEmby() as emby, FakePlex() as plex:
        for other in (emby, plex):
            quick_connect = QuickConnect(session, other.url, DEVICE)
            for asking in (
                quick_connect.is_enabled(),
                quick_connect.initiate(),
                quick_connect.exchange(SECRET),
            ):
                with pytest.raises(WrongServer):
                    await asking


async def test_address_has_to_be_one(session: ClientSession) -> None:
    with pytest.raises(WrongAddress):
        QuickConnect(session, "nonsense", DEVICE)
