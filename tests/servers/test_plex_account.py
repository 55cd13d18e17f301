"""Signing in at plex.tv, the servers of an account, and where they are."""

from collections.abc import AsyncIterator
import socket
from typing import Any, override
from urllib.parse import parse_qs, urlsplit

from aiohttp import ClientSession, TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult
from aioresponses import aioresponses
import pytest

from custom_components.watched_sync.core.errors import (
    AuthRejected,
    Busy,
    CertificateRefused,
    Fault,
    Forbidden,
    ItemGone,
    Malformed,
    Redirected,
    Refused,
    ServerError,
    Unanswered,
    Unreachable,
    WrongAddress,
)
from custom_components.watched_sync.servers.approval import CodeExpired, until_approved
from custom_components.watched_sync.servers.plex.account import (
    Connection,
    HomeUser,
    PinRequired,
    PlexAccount,
    PlexServer,
    PlexTv,
    find_address,
)
from custom_components.watched_sync.servers.plex.client import PlexClient
from tests.fakes.base import HOST, FakeClock, FaultKind
from tests.fakes.plex import FakePlex
from tests.fakes.plex_tv import Connection as Listed, FakePlexTv
from tests.fakes.tls import Certificates

from .sent import sent

CLIENT = "our-client"
TOKEN = "acc0unt-t0ken"

pytestmark = pytest.mark.usefixtures("socket_enabled")


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    async with ClientSession() as opened:
        yield opened


@pytest.fixture
async def plex() -> AsyncIterator[FakePlex]:
    async with FakePlex(clock=FakeClock()) as running:
        yield running


@pytest.fixture
async def house(plex: FakePlex) -> AsyncIterator[FakePlexTv]:
    """The simulated plex.tv, which knows the server and its users."""
    async with FakePlexTv([plex]) as running:
        yield running


@pytest.fixture
def plex_tv(session: ClientSession, house: FakePlexTv) -> PlexTv:
    return PlexTv(session, CLIENT, url=house.url)


def home_user(house: FakePlexTv, name: str) -> HomeUser:
    user = house.users[name]
    return HomeUser(
        user_id=str(user.user_id),
        uuid=user.uuid,
        name=name,
        is_admin=user.is_owner,
        is_protected=user.pin is not None,
        is_restricted=name == "kim",
    )


def listed(url: str, *, local: bool = True, relay: bool = False) -> Listed:
    parts = urlsplit(url)
    return Listed(
        parts.scheme, parts.hostname or "", parts.port or 0, url, local, relay
    )


def at(
    *connections: Connection,
    owned: bool = True,
    nearby: bool = True,
    encrypted: bool = False,
    server_id: str = "server",
) -> PlexServer:
    return PlexServer(
        server_id=server_id,
        name="den",
        token="server-t0ken",
        is_owned=owned,
        owner=None if owned else "alex",
        is_nearby=nearby,
        is_online=True,
        needs_encryption=encrypted,
        connections=connections,
    )


# Signing in


async def test_person_who_signs_in_gives_a_token(
    plex_tv: PlexTv, house: FakePlexTv
) -> None:
    pin = await plex_tv.create_pin()
    assert pin.lifetime == 1800
    assert await plex_tv.poll(pin) is None
    assert await plex_tv.poll(pin) is None
    house.approve(pin.code, "alex")
    token = await plex_tv.poll(pin)
    assert token is not None
    assert await plex_tv.account(token) == PlexAccount(
        str(house.users["alex"].user_id), "alex"
    )
    created, *polled = house.find("pins")
    assert created.query["strong"] == "true"
    assert created.headers["X-Plex-Product"] == "Watched Sync"
    assert {one.headers["X-Plex-Client-Identifier"] for one in (created, *polled)} == {
        CLIENT
    }


async def test_sign_in_is_waited_for(plex_tv: PlexTv, house: FakePlexTv) -> None:
    pin = await plex_tv.create_pin()
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            house.approve(pin.code, "alex")

    house.fail(FaultKind.STATUS, status=429, path="pins", retry_after=7)
    token = await until_approved(lambda: plex_tv.poll(pin), pin.lifetime, sleep=sleep)
    assert (await plex_tv.account(token)).name == "alex"
    assert pauses == [7, 2]


async def test_link_opens_the_sign_in_of_this_client(
    plex_tv: PlexTv, house: FakePlexTv
) -> None:
    pin = await plex_tv.create_pin("https://ha.example/auth?flow_id=a&b=c")
    address, _, fragment = pin.link.partition("#?")
    assert address == f"{house.url}/auth"
    assert parse_qs(fragment, strict_parsing=True) == {
        "clientID": [CLIENT],
        "code": [pin.code],
        "context[device][product]": ["Watched Sync"],
        "forwardUrl": ["https://ha.example/auth?flow_id=a&b=c"],
    }


@pytest.mark.parametrize("url", ["https://plex.tv", "https://plex.tv/"])
async def test_hosts_of_plex_tv_are_the_documented_ones(
    session: ClientSession, url: str
) -> None:
    plex_tv = PlexTv(session, CLIENT, url=url)
    pin = {"id": 7, "code": "c0de"}
    query = "includeHttps=1&includeIPv6=1&includeRelay=1"
    with aioresponses() as mock:
        mock.post("https://plex.tv/api/v2/pins?strong=true", payload=pin)
        mock.get("https://plex.tv/api/v2/pins/7", payload=pin)
        mock.get("https://plex.tv/api/v2/user", payload={"id": 1, "title": "alex"})
        mock.get("https://plex.tv/api/v2/home/users", payload={"users": []})
        mock.get(f"https://clients.plex.tv/api/v2/resources?{query}", payload=[])
        mock.post(
            "https://clients.plex.tv/api/v2/home/users/u1/switch?pin=1234",
            payload={"authToken": "kims"},
        )
        begun = await plex_tv.create_pin()
        assert begun.link == (
            "https://app.plex.tv/auth#?clientID=our-client&code=c0de"
            "&context%5Bdevice%5D%5Bproduct%5D=Watched%20Sync"
        )
        assert begun.lifetime == 1800
        assert await plex_tv.poll(begun) is None
        assert await plex_tv.account(TOKEN) == PlexAccount("1", "alex")
        assert await plex_tv.home_users(TOKEN) == ()
        assert await plex_tv.servers(TOKEN) == ()
        kim = HomeUser(
            "2", "u1", "kim", is_admin=False, is_protected=True, is_restricted=True
        )
        assert await plex_tv.switch(TOKEN, kim, "1234") == "kims"
        assert len(sent(mock)) == 6


async def test_base_of_another_plex_tv_is_an_address(session: ClientSession) -> None:
    with pytest.raises(WrongAddress):
        PlexTv(session, CLIENT, url="plex.tv")


async def test_sign_in_that_takes_too_long_expires(
    plex_tv: PlexTv, house: FakePlexTv
) -> None:
    pin = await plex_tv.create_pin()
    house.clock.advance(1800)
    with pytest.raises(CodeExpired):
        await plex_tv.poll(pin)


async def test_token_is_given_out_once(plex_tv: PlexTv, house: FakePlexTv) -> None:
    pin = await plex_tv.create_pin()
    house.approve(pin.code, "alex")
    assert await plex_tv.poll(pin)
    with pytest.raises(CodeExpired):
        await plex_tv.poll(pin)


async def test_sign_in_that_was_given_up_is_expired(
    plex_tv: PlexTv, house: FakePlexTv
) -> None:
    pin = await plex_tv.create_pin()
    house.fail(FaultKind.STATUS, status=410, path="pins")
    with pytest.raises(CodeExpired):
        await plex_tv.poll(pin)
    assert await plex_tv.poll(pin) is None


async def test_sign_in_belongs_to_the_client_that_began_it(
    session: ClientSession, plex_tv: PlexTv, house: FakePlexTv
) -> None:
    pin = await plex_tv.create_pin()
    other = PlexTv(session, "another", url=house.url)
    with pytest.raises(CodeExpired):
        await other.poll(pin)


@pytest.mark.parametrize(("wait", "expected"), [(None, None), (17, 17.0)])
async def test_rate_limit_asks_for_patience(
    plex_tv: PlexTv, house: FakePlexTv, wait: int | None, expected: float | None
) -> None:
    pin = await plex_tv.create_pin()
    house.fail(FaultKind.STATUS, status=429, times=None, retry_after=wait)
    for asking in (
        plex_tv.create_pin(),
        plex_tv.poll(pin),
        plex_tv.account(TOKEN),
        plex_tv.home_users(TOKEN),
        plex_tv.servers(TOKEN),
        plex_tv.switch(TOKEN, home_user(house, "kim")),
    ):
        with pytest.raises(Busy) as caught:
            await asking
        assert caught.value.retry_after == expected


FAULTS: list[tuple[FaultKind, dict[str, Any], type[ServerError]]] = [
    (FaultKind.STATUS, {"status": 400}, Refused),
    (FaultKind.STATUS, {"status": 401}, AuthRejected),
    (FaultKind.STATUS, {"status": 422}, AuthRejected),
    (FaultKind.STATUS, {"status": 500}, Fault),
    (FaultKind.STATUS, {"status": 503}, Busy),
    (FaultKind.HTML, {}, Unanswered),
    (FaultKind.HTML, {"status": 200}, Malformed),
    (FaultKind.TRUNCATED, {}, Malformed),
    (FaultKind.DROPPED, {}, Unreachable),
    (FaultKind.REDIRECT, {}, Redirected),
]


@pytest.mark.parametrize(("kind", "options", "expected"), FAULTS)
async def test_trouble_at_plex_tv_is_named(
    plex_tv: PlexTv,
    house: FakePlexTv,
    kind: FaultKind,
    options: dict[str, Any],
    expected: type[ServerError],
) -> None:
    token = house.account_token("alex")
    pin = await plex_tv.create_pin()
    alex = home_user(house, "alex")
    house.fail(kind, times=None, **options)
    for asking in (
        plex_tv.create_pin(),
        plex_tv.poll(pin),
        plex_tv.account(token),
        plex_tv.home_users(token),
        plex_tv.switch(token, alex),
        plex_tv.servers(token),
        plex_tv.server(token, "x"),
    ):
        with pytest.raises(expected) as caught:
            await asking
        assert type(caught.value) is expected


async def test_away_is_not_signed_out(plex_tv: PlexTv, house: FakePlexTv) -> None:
    """A 404 comes from something that stands in the place of plex.tv."""
    house.fail(FaultKind.STATUS, status=404, times=None)
    for asking in (plex_tv.account(TOKEN), plex_tv.servers(TOKEN)):
        with pytest.raises(Unreachable):
            await asking


@pytest.mark.parametrize("body", ["[]", "{}", '{"id": 7}', '{"code": "x"}', "null"])
async def test_sign_in_without_a_code_is_malformed(
    session: ClientSession, body: str
) -> None:
    with aioresponses() as mock:
        mock.post("https://plex.tv/api/v2/pins?strong=true", body=body)
        with pytest.raises(Malformed):
            await PlexTv(session, CLIENT).create_pin()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"<html>",
        b'{"errors": "no"}',
        b'{"errors": [{"code": "x"}]}',
        b'{"errors": [{"code": 1008}]}',
        b'{"errors": [{}]}',
        b"[" * 100_000,
        b"\xff",
    ],
)
async def test_refusal_that_says_nothing_goes_by_its_status(
    session: ClientSession, body: bytes
) -> None:
    kim = HomeUser(
        "2", "u", "kim", is_admin=False, is_protected=True, is_restricted=True
    )
    with aioresponses() as mock:
        mock.post(
            "https://clients.plex.tv/api/v2/home/users/u/switch", status=403, body=body
        )
        with pytest.raises(Forbidden) as caught:
            await PlexTv(session, CLIENT).switch(TOKEN, kim)
        assert type(caught.value) is Forbidden


# The Home


async def test_users_of_the_home_are_listed(plex_tv: PlexTv, house: FakePlexTv) -> None:
    token = house.account_token("alex")
    assert await plex_tv.home_users(token) == (
        home_user(house, "alex"),
        home_user(house, "kim"),
    )


@pytest.mark.parametrize("status", [403, 404])
async def test_account_without_a_home_is_alone(
    plex_tv: PlexTv, house: FakePlexTv, status: int
) -> None:
    assert await plex_tv.home_users(house.account_token("sam")) == ()
    house.fail(FaultKind.STATUS, status=status)
    assert await plex_tv.home_users(house.account_token("alex")) == ()


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ({"friendlyName": "Kimmy", "title": "kim"}, "Kimmy"),
        ({"friendlyName": "", "title": "kim"}, "kim"),
        ({"title": None, "username": "kim"}, "kim"),
        ({}, ""),
    ],
)
async def test_home_user_is_called_by_what_is_known(
    session: ClientSession, names: dict[str, Any], expected: str
) -> None:
    user = {"id": 2, "uuid": "u", "protected": 1, "restricted": "1", **names}
    with aioresponses() as mock:
        mock.get("https://plex.tv/api/v2/home/users", payload={"users": [user]})
        (found,) = await PlexTv(session, CLIENT).home_users(TOKEN)
    assert found == HomeUser(
        "2", "u", expected, is_admin=False, is_protected=True, is_restricted=True
    )


@pytest.mark.parametrize("pin", [None, "", "0000"])
async def test_protected_user_takes_the_pin(
    plex_tv: PlexTv, house: FakePlexTv, pin: str | None
) -> None:
    token = house.account_token("alex")
    with pytest.raises(PinRequired):
        await plex_tv.switch(token, home_user(house, "kim"), pin)


async def test_user_of_another_home_cannot_be_switched_to(
    plex_tv: PlexTv, house: FakePlexTv
) -> None:
    sam = home_user(house, "sam")
    with pytest.raises(ItemGone):
        await plex_tv.switch(house.account_token("alex"), sam)
    with pytest.raises(Forbidden) as caught:
        await plex_tv.switch(house.account_token("sam"), sam)
    assert not isinstance(caught.value, PinRequired)


async def test_home_user_has_a_token_of_their_own_for_the_server(
    session: ClientSession, plex_tv: PlexTv, house: FakePlexTv, plex: FakePlex
) -> None:
    token = house.account_token("alex")
    kims = await plex_tv.switch(token, home_user(house, "kim"), "2468")
    (of_alex,) = await plex_tv.servers(token)
    of_kim = await plex_tv.server(kims, of_alex.server_id)
    assert of_kim.token not in (of_alex.token, kims, token)
    assert not of_kim.is_owned
    client = PlexClient(
        session,
        await find_address(session, of_kim),
        of_kim.token,
        client_id=CLIENT,
        plex_tv_url=house.url,
    )
    film = plex.rating_key("Alien")
    reading = (await client.fetch([film]))[film]
    assert reading.state.watched is False
    assert plex.requests[-1].user == "kim"


# Servers


async def test_servers_are_listed_with_tokens_of_their_own(
    plex_tv: PlexTv, house: FakePlexTv, plex: FakePlex
) -> None:
    token = house.account_token("alex")
    (server,) = await plex_tv.servers(token)
    assert server.server_id == plex.machine_identifier
    assert server.name == plex.name
    assert server.is_owned
    assert server.owner is None
    assert server.is_online
    assert server.token not in (token, "")
    assert await plex_tv.server(token, server.server_id) == server
    assert server.token not in repr(server)
    assert server.user_id_of("11000001") == "1"


async def test_shared_server_says_whose_it_is(
    plex_tv: PlexTv, house: FakePlexTv
) -> None:
    (server,) = await plex_tv.servers(house.account_token("sam"))
    assert not server.is_owned
    assert server.owner == "alex"
    assert server.user_id_of("11000003") == "11000003"


async def test_own_servers_come_first(session: ClientSession) -> None:
    query = "includeHttps=1&includeIPv6=1&includeRelay=1"
    with aioresponses() as mock:
        mock.get(
            f"https://clients.plex.tv/api/v2/resources?{query}",
            payload=[
                {**RESOURCE, "clientIdentifier": "shared", "owned": False},
                {**RESOURCE, "clientIdentifier": "own", "owned": True},
            ],
        )
        found = await PlexTv(session, CLIENT).servers(TOKEN)
    assert [one.server_id for one in found] == ["own", "shared"]


async def test_server_that_plex_tv_misses_is_listed_all_the_same(
    plex_tv: PlexTv, house: FakePlexTv, plex: FakePlex
) -> None:
    """It may be reached at home while the Internet is away."""
    house.offline.add(plex.machine_identifier)
    (server,) = await plex_tv.servers(house.account_token("alex"))
    assert not server.is_online
    assert server.addresses


async def test_user_without_access_is_told(plex_tv: PlexTv, house: FakePlexTv) -> None:
    with pytest.raises(Forbidden):
        await plex_tv.server(house.account_token("alex"), "another")


RESOURCE: dict[str, Any] = {
    "name": "den",
    "provides": "client,server",
    "clientIdentifier": "server",
    "accessToken": "server-t0ken",
}


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({}, [at(owned=False, nearby=False)]),
        ({"provides": "client,player"}, []),
        ({"provides": "pubsub-server"}, []),
        ({"provides": None}, []),
        ({"accessToken": None}, []),
        ({"accessToken": ""}, []),
        (
            {
                "owned": True,
                "publicAddressMatches": True,
                "httpsRequired": True,
                "connections": [
                    {
                        "protocol": "https",
                        "address": "192.0.2.5",
                        "port": 32400,
                        "uri": "https://192-0-2-5.hash.plex.direct:32400",
                        "local": True,
                        "relay": False,
                    },
                    {"uri": None, "local": True},
                    {"uri": "https://relay", "relay": 1},
                    {
                        "address": "2001:db8::5",
                        "port": "32400",
                        "uri": "https://v6",
                        "IPv6": True,
                    },
                ],
            },
            [
                at(
                    Connection(
                        "https://192-0-2-5.hash.plex.direct:32400",
                        "http://192.0.2.5:32400",
                        is_local=True,
                        is_relay=False,
                    ),
                    Connection("https://relay", None, is_local=False, is_relay=True),
                    Connection(
                        "https://v6",
                        "http://[2001:db8::5]:32400",
                        is_local=False,
                        is_relay=False,
                    ),
                    encrypted=True,
                )
            ],
        ),
    ],
)
async def test_resources_are_read(
    session: ClientSession, entry: dict[str, Any], expected: list[PlexServer]
) -> None:
    query = "includeHttps=1&includeIPv6=1&includeRelay=1"
    with aioresponses() as mock:
        mock.get(
            f"https://clients.plex.tv/api/v2/resources?{query}",
            payload=[{"sourceTitle": "alex", **RESOURCE, **entry}],
        )
        assert await PlexTv(session, CLIENT).servers(TOKEN) == tuple(expected)


@pytest.mark.parametrize("payload", [{"resources": []}, "x", 5])
async def test_resources_that_are_none_are_malformed(
    session: ClientSession, payload: Any
) -> None:
    query = "includeHttps=1&includeIPv6=1&includeRelay=1"
    with aioresponses() as mock:
        mock.get(f"https://clients.plex.tv/api/v2/resources?{query}", payload=payload)
        with pytest.raises(Malformed):
            await PlexTv(session, CLIENT).servers(TOKEN)


# Addresses

LOCAL = Connection("https://l.plex.direct:1", "http://192.0.2.1:1", True, False)  # noqa: FBT003 - rows of a table
SECOND = Connection("https://m.plex.direct:1", "http://192.0.2.2:1", True, False)  # noqa: FBT003 - as above
PLAIN = Connection("http://192.0.2.3:1", "http://192.0.2.3:1", True, False)  # noqa: FBT003 - as above
REMOTE = Connection("https://r.plex.direct:1", "http://203.0.113.1:1", False, False)  # noqa: FBT003 - as above
CUSTOM = Connection("http://plex.example", None, False, False)  # noqa: FBT003 - as above
RELAY = Connection("https://relay.plex.direct:1", "http://203.0.113.9:1", False, True)  # noqa: FBT003 - as above


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        (at(), ()),
        (
            at(RELAY, CUSTOM, REMOTE, LOCAL, SECOND),
            (
                LOCAL.url,
                SECOND.url,
                LOCAL.plain,
                SECOND.plain,
                REMOTE.url,
                CUSTOM.url,
                RELAY.url,
            ),
        ),
        (at(PLAIN, LOCAL), (LOCAL.url, PLAIN.url, LOCAL.plain)),
        (at(LOCAL, RELAY, encrypted=True), (LOCAL.url, RELAY.url)),
        # Somebody else's local network is none of ours ...
        (at(LOCAL, REMOTE, owned=False, nearby=False), (REMOTE.url,)),
        # ... unless we are in it; and our own may be behind another router.
        (at(LOCAL, owned=False), (LOCAL.url, LOCAL.plain)),
        (at(LOCAL, nearby=False), (LOCAL.url, LOCAL.plain)),
    ],
)
def test_addresses_come_in_order_of_preference(
    server: PlexServer, expected: tuple[str, ...]
) -> None:
    assert server.addresses == expected


async def test_address_that_answers_is_found(
    session: ClientSession, plex_tv: PlexTv, house: FakePlexTv, plex: FakePlex
) -> None:
    """The best one refuses, as plex.tv lists it here; the next is local as well."""
    (server,) = await plex_tv.servers(house.account_token("alex"))
    assert server.addresses[0] == house.unreachable_uri("https")
    assert await find_address(session, server) == plex.url


@pytest.mark.parametrize(
    "chosen",
    [
        ["unreachable", "here"],
        ["another", "here"],
        ["page", "here"],
        ["nonsense", "here"],
        ["here", "slow"],
    ],
)
async def test_address_is_verified_by_the_identity_of_the_server(
    session: ClientSession,
    plex_tv: PlexTv,
    house: FakePlexTv,
    plex: FakePlex,
    chosen: list[str],
) -> None:
    async with (
        FakePlex(name="Another") as another,
        FakePlex() as page,
        FakePlex() as slow,
    ):
        page.fail(FaultKind.HTML, status=200, times=None)
        slow.fail(FaultKind.SLOW, delay=30, times=None)
        places = {
            "unreachable": house.unreachable_uri(),
            "another": another.url,
            "page": page.url,
            "nonsense": "nonsense://x",
            "slow": slow.url,
            "here": plex.url,
        }
        house.connections[plex.machine_identifier] = [
            listed(places[name]) for name in chosen
        ]
        (server,) = await plex_tv.servers(house.account_token("alex"))
        assert await find_address(session, server) == plex.url


async def test_slow_address_is_given_up_for_the_next(
    session: ClientSession,
    plex_tv: PlexTv,
    house: FakePlexTv,
    plex: FakePlex,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        "custom_components.watched_sync.servers.plex.account.PROBE_TIMEOUT", 0.2
    )
    async with FakePlex() as slow:
        slow.fail(FaultKind.SLOW, delay=30, times=None)
        house.connections[plex.machine_identifier] = [
            listed(slow.url),
            listed(plex.url, local=False, relay=True),
        ]
        (server,) = await plex_tv.servers(house.account_token("alex"))
        assert await find_address(session, server) == plex.url


async def test_no_address_answers(
    session: ClientSession, plex_tv: PlexTv, house: FakePlexTv, plex: FakePlex
) -> None:
    house.connections[plex.machine_identifier] = []
    (server,) = await plex_tv.servers(house.account_token("alex"))
    with pytest.raises(Unreachable):
        await find_address(session, server)
    house.connections[plex.machine_identifier] = [listed(house.unreachable_uri())]
    (server,) = await plex_tv.servers(house.account_token("alex"))
    with pytest.raises(Unreachable) as caught:
        await find_address(session, server)
    assert type(caught.value) is Unreachable


async def test_starting_server_says_so(
    session: ClientSession, plex_tv: PlexTv, house: FakePlexTv, plex: FakePlex
) -> None:
    (server,) = await plex_tv.servers(house.account_token("alex"))
    plex.fail(FaultKind.STATUS, status=503, times=None)
    with pytest.raises(Busy):
        await find_address(session, server)


async def test_account_token_goes_to_no_server(
    session: ClientSession, plex_tv: PlexTv, house: FakePlexTv, plex: FakePlex
) -> None:
    pin = await plex_tv.create_pin()
    house.approve(pin.code, "alex")
    token = await plex_tv.poll(pin)
    assert token is not None
    (server,) = await plex_tv.servers(token)
    url = await find_address(session, server)
    assert plex.requests
    for probe in plex.requests:
        assert "X-Plex-Token" not in probe.headers
        assert "X-Plex-Token" not in probe.query
    client = PlexClient(
        session, url, server.token, client_id=CLIENT, plex_tv_url=house.url
    )
    await client.identify()
    for request in plex.requests:
        assert token not in str([*request.headers.items(), *request.query.items()])


class Resolver(AbstractResolver):
    """Resolves names below plex.direct as their servers do, and no others."""

    @override
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        if not host.endswith(".plex.direct"):
            raise OSError("no such name")
        address = host.partition(".")[0].replace("-", ".")
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=family,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
        ]

    @override
    async def close(self) -> None:
        pass


@pytest.fixture
def certificates() -> Certificates:
    return Certificates()


@pytest.fixture
async def strict(certificates: Certificates) -> AsyncIterator[ClientSession]:
    """A session that checks certificates and resolves plex.direct."""
    connector = TCPConnector(ssl=certificates.client(), resolver=Resolver())
    async with ClientSession(connector=connector) as opened:
        yield opened


async def test_certificate_proves_the_name_below_plex_direct(
    session: ClientSession,
    strict: ClientSession,
    certificates: Certificates,
) -> None:
    name = "127-0-0-1.5a1ty.plex.direct"
    async with (
        FakePlex(ssl_context=certificates.server(name)) as plex,
        FakePlexTv([plex]) as house,
    ):
        direct = f"https://{name}:{plex.port}"
        house.connections[plex.machine_identifier] = [
            Listed("https", HOST, plex.port, direct, local=True)
        ]
        token = house.account_token("alex")
        (server,) = await PlexTv(session, CLIENT, url=house.url).servers(token)
        assert server.addresses == (direct, f"http://{HOST}:{plex.port}")
        assert await find_address(strict, server) == direct


async def test_certificate_of_another_name_is_refused(
    session: ClientSession,
    strict: ClientSession,
    certificates: Certificates,
) -> None:
    """The name changes whenever the certificate is made anew."""
    async with (
        FakePlex(ssl_context=certificates.server("127-0-0-1.o1d.plex.direct")) as plex,
        FakePlexTv([plex]) as house,
    ):
        house.connections[plex.machine_identifier] = [
            Listed(
                "https",
                HOST,
                plex.port,
                f"https://127-0-0-1.new.plex.direct:{plex.port}",
                local=True,
            )
        ]
        token = house.account_token("alex")
        (server,) = await PlexTv(session, CLIENT, url=house.url).servers(token)
        with pytest.raises(CertificateRefused):
            await find_address(strict, server)
