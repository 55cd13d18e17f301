"""Whatever a server answers, however it does: an error that says what to do, or less.

Every kind of request of both clients meets every answer of `tests/fakes/hostile.py`.
A part of them is met in each run, all of them in the long one, which also says how long
the loop stood still at most, and how much memory it took.
"""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterator, Mapping
from contextlib import suppress

from aiohttp import ClientSession, ClientTimeout, DummyCookieJar
import pytest

from custom_components.watched_sync.core.errors import Malformed, ServerError
from custom_components.watched_sync.core.ports import ServerInfo
from custom_components.watched_sync.servers import transport as transport_module
from custom_components.watched_sync.servers.jellyfin.client import (
    JellyfinClient,
    authenticate,
)
from custom_components.watched_sync.servers.jellyfin.dialect import EMBY
from custom_components.watched_sync.servers.jellyfin.quick_connect import (
    QuickConnect,
    QuickConnectCode,
)
from custom_components.watched_sync.servers.plex.account import PlexTv
from custom_components.watched_sync.servers.plex.client import PlexClient
from tests.bench.meter import Cost, measured
from tests.fakes.hostile import ANSWERS, MIB, HostileServer
from tests.fuzz.answers import USER
from tests.fuzz.targets import Calls, check_readings, requests

pytestmark = pytest.mark.usefixtures("socket_enabled")

#: Met in every run; the others take long, or are much like one of these.
ALWAYS = (
    "lone surrogate",
    "1e300",
    "10^400",
    "objects everywhere",
    "a date in years to come",
    "deep lists",
    "the same page for ever",
    "rows that are none",
    "more members than rows need",
    "204 with a body",
    "shorter than it says",
    "chunks that are none",
    "elsewhere",
    "wait for ever",
    "the clock of year 9999",
    "status 100",
    "status 999",
    "a frame of no kind",
    "closed with half a code",
)
assert set(ALWAYS) <= set(ANSWERS)

#: What a client may take of one answer, with all that is under way to it.
MOST_TAKEN = 24 * MIB
#: Messages listened to; there may be no end of them.
MOST_HEARD = 200
#: Seconds for which a socket that says nothing of ours is listened to.
PATIENCE = 1.0


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    async with ClientSession(cookie_jar=DummyCookieJar()) as opened:
        yield opened


@pytest.fixture
async def server() -> AsyncIterator[HostileServer]:
    async with HostileServer() as started:
        yield started


def plex_calls(session: ClientSession, url: str) -> Calls:
    """Return every kind of request to a Plex server and to plex.tv."""
    client = PlexClient(session, url, "token", client_id="c", plex_tv_url=url)
    tv = PlexTv(session, "c", url=url)
    return {
        "identify": client.identify,
        **requests(client, "plex"),
        "listen": client.listen,
        "pin": tv.create_pin,
        "account": lambda: tv.account("token"),
        "home": lambda: tv.home_users("token"),
        "servers": lambda: tv.servers("token"),
    }


def jellyfin_calls(session: ClientSession, url: str) -> Calls:
    """Return every kind of request to a Jellyfin server."""
    client = JellyfinClient(
        session,
        url,
        "token",
        user_id=USER,
        device_id="d",
        known=ServerInfo("e" * 32, "den", "10.11.2", USER, "somebody"),
    )
    quick = QuickConnect(session, url, "d")
    return {
        "identify": client.identify,
        **requests(client, "jellyfin"),
        "listen": client.listen,
        "sign in": lambda: authenticate(session, url, "somebody", "secret", "d"),
        "code": quick.initiate,
        "poll": lambda: quick.poll(QuickConnectCode("1234", "secret")),
        "is it enabled": quick.is_enabled,
    }


def emby_calls(session: ClientSession, url: str) -> Calls:
    """Return every kind of request to an Emby server."""
    client = JellyfinClient(
        session,
        url,
        "token",
        user_id=USER,
        device_id="d",
        known=ServerInfo("e" * 32, "den", "4.9.5.0", USER, "somebody"),
        dialect=EMBY,
    )
    return {
        "identify": client.identify,
        **requests(client, "emby"),
        "listen": client.listen,
        "sign in": lambda: authenticate(
            session, url, "somebody", "secret", "d", dialect=EMBY
        ),
    }


CALLS = {"plex": plex_calls, "jellyfin": jellyfin_calls, "emby": emby_calls}


async def meet(calls: Calls) -> list[str]:
    """Make every request; return the names of those that were answered."""
    answered = []
    for name, call in calls.items():
        with suppress(ServerError):
            answer = call()
            if isinstance(answer, AsyncIterable):
                await _listen(answer)
            else:
                check_readings(await answer)
            answered.append(name)
    return answered


async def _listen(events: AsyncIterable[object]) -> None:
    heard = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(None) as patience:
            async for event in events:
                check_readings(event)
                heard += 1
                if heard == 1:
                    patience.reschedule(asyncio.get_running_loop().time() + PATIENCE)
                if heard == MOST_HEARD:
                    break


@pytest.mark.parametrize("kind", CALLS)
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in ALWAYS else pytest.mark.long)
        for name in ANSWERS
    ],
)
async def test_whatever_is_answered_is_an_error_of_ours_or_what_can_be(
    session: ClientSession,
    server: HostileServer,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    kind: str,
) -> None:
    """Any other error would fail this, and so would what cannot be stored."""
    if name == "a slow drip":
        _hurry(monkeypatch)
    server.turn(ANSWERS[name])
    async with measured() as cost:
        await meet(CALLS[kind](session, server.url))
    COSTS[f"{kind}: {name}"] = cost
    assert server.answered
    assert server.sent <= server.answered * MOST_TAKEN
    assert not list(session.cookie_jar)


async def test_list_of_ids_ends_soon_whatever_is_said_to_be_left(
    session: ClientSession, server: HostileServer
) -> None:
    """Each request brings one row more, of a trillion."""
    server.turn(ANSWERS["an endless listing"])
    client = PlexClient(session, server.url, "token", client_id="c")
    with pytest.raises(Malformed):
        await client.fetch(["900001"])
    assert server.answered <= 3


def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give requests up sooner."""

    def timeout(*, total: float, sock_connect: float) -> ClientTimeout:
        return ClientTimeout(total=min(total, 0.2), sock_connect=sock_connect)

    monkeypatch.setattr(transport_module, "ClientTimeout", timeout)


# --- how long everybody else waits, and how much room it takes -----------------


#: What each answer has cost, by client and name.
COSTS: dict[str, Cost] = {}


@pytest.fixture(scope="module", autouse=True)
def report(pytestconfig: pytest.Config) -> Iterator[None]:
    """Say at the end of a long run what was the worst."""
    yield
    reporter = pytestconfig.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and len(COSTS) > len(CALLS) * len(ALWAYS):
        for line in ("", *_worst(COSTS)):
            reporter.write_line(line)


def _worst(costs: Mapping[str, Cost]) -> Iterator[str]:
    for member, unit, factor in (
        ("stall", "ms by the clock", 1000),
        ("work", "ms of work", 1000),
        ("memory", "MiB", 1),
    ):
        yield f"most {member}:"
        ranked = sorted(costs, key=lambda name: -getattr(costs[name], member))
        for name in ranked[:8]:
            yield f"  {getattr(costs[name], member) * factor:8.1f} {unit}: {name}"
