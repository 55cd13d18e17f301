"""The machinery that both simulated servers stand on."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, override

from aiohttp import (
    ClientError,
    ClientSession,
    ClientTimeout,
    ServerDisconnectedError,
    WSMsgType,
    web,
)
import pytest

from tests.fakes.base import FakeClock, FakeServer, FakeSocket, FaultKind, RefusalError

pytestmark = pytest.mark.usefixtures("socket_enabled")


class Counter(FakeServer):
    """The smallest server with a state: it counts, and announces each count."""

    def __init__(self, clock: FakeClock | None = None) -> None:
        super().__init__(clock=clock)
        self.value = 0
        self.restarts = 0
        self.heard: list[Any] = []

    @override
    def add_routes(self, router: web.UrlDispatcher) -> None:
        router.add_route("*", "/count", self._count)
        router.add_get("/refuse", self._refuse)
        router.add_get("/bug", self._bug)
        router.add_get("/socket", self._socket)

    @override
    def user_of(self, request: web.Request) -> str | None:
        return request.headers.get("X-User")

    @override
    def error_response(
        self, status: int, request: web.Request, message: str | None = None
    ) -> web.Response:
        return web.Response(status=status, text=message or f"our own {status}")

    @override
    def snapshot(self) -> int:
        return self.value

    @override
    def restore(self, snapshot: int) -> None:
        self.value = snapshot

    @override
    def on_restart(self) -> None:
        self.restarts += 1

    @override
    def on_socket_open(self, socket: FakeSocket) -> None:
        socket.push({"hello": socket.user})

    @override
    def on_socket_message(self, socket: FakeSocket, message: Any) -> None:
        self.heard.append(message)
        socket.push(message)

    async def _count(self, _request: web.Request) -> web.Response:
        self.value += 1
        return web.json_response({"value": self.value})

    async def _refuse(self, _request: web.Request) -> web.Response:
        raise RefusalError(418, "a teapot")

    async def _bug(self, _request: web.Request) -> web.Response:
        raise ZeroDivisionError

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        return await self.serve_socket(request, self.user_of(request))


@pytest.fixture
async def server() -> AsyncIterator[Counter]:
    async with Counter() as running:
        yield running


@pytest.fixture
async def client(server: Counter) -> AsyncIterator[ClientSession]:
    async with ClientSession(server.url, timeout=ClientTimeout(total=10)) as session:
        yield session


async def test_requests_are_logged_as_they_came(
    server: Counter, client: ClientSession
) -> None:
    await client.get("/count?a=1&a=2", headers={"X-User": "alex"})
    await client.post("/count", json={"b": [3]})
    await client.put("/count", data="not json")
    first, second, third = server.requests
    assert (first.method, first.path, first.user) == ("GET", "/count", "alex")
    assert first.query.getall("a") == ["1", "2"]
    assert first.headers["x-user"] == "alex"
    assert (first.status, first.body) == (200, None)
    assert second.body == {"b": [3]}
    assert second.user is None
    assert third.body == "not json"
    assert [entry.seq for entry in server.requests] == [1, 2, 3]
    assert server.count("count", "POST") == 1
    assert server.count("^/coun") == 3
    assert server.count("teapot") == 0
    server.clear_log()
    assert server.requests == []


async def test_the_server_refuses_in_its_own_words(
    server: Counter, client: ClientSession
) -> None:
    async with client.get("/refuse") as response:
        assert (response.status, await response.text()) == (418, "a teapot")
    async with client.get("/nowhere") as response:
        assert (response.status, await response.text()) == (404, "our own 404")
    assert [entry.status for entry in server.requests] == [418, 404]


async def test_a_dark_server_refuses_and_returns_on_the_same_port(
    server: Counter, client: ClientSession
) -> None:
    await client.get("/count")
    address = server.url
    await server.go_dark()
    assert not server.is_listening
    with pytest.raises(ClientError):
        await client.get("/count")
    await server.go_dark()
    await server.come_back()
    assert server.url == address
    async with client.get("/count") as response:
        assert await response.json() == {"value": 2}


async def test_a_restart_cuts_connections_and_forgets(
    server: Counter, client: ClientSession
) -> None:
    async with client.ws_connect("/socket") as socket:
        await socket.receive_json()
        await server.restart()
        assert (await socket.receive()).type in {WSMsgType.CLOSED, WSMsgType.ERROR}
    assert server.restarts == 1
    assert server.sockets == []
    assert (await client.get("/count")).status == 200


async def test_going_dark_abandons_what_is_still_being_answered(
    server: Counter, client: ClientSession
) -> None:
    slow = server.fail(FaultKind.SLOW, delay=3600, times=None)
    asking = asyncio.create_task(client.post("/count"))
    await slow.struck.wait()
    await server.go_dark()
    with pytest.raises(ClientError):
        await asking
    assert server.value == 0
    assert server.requests[0].status is None


async def test_a_bug_of_the_simulation_is_reported_at_the_end() -> None:
    server = await Counter().start()
    async with ClientSession(server.url) as client, client.get("/bug") as response:
        assert response.status == 500
    with pytest.raises(ExceptionGroup) as caught:
        await server.stop()
    assert isinstance(caught.value.exceptions[0], ZeroDivisionError)


async def test_the_date_header_is_the_servers_own_time() -> None:
    clock = FakeClock(datetime(2020, 2, 29, 12, tzinfo=UTC))
    async with Counter(clock) as server, ClientSession(server.url) as client:
        async with client.get("/count") as response:
            first = parsedate_to_datetime(response.headers["Date"])
        clock.advance(90)
        async with client.get("/count") as response:
            second = parsedate_to_datetime(response.headers["Date"])
    assert first == datetime(2020, 2, 29, 12, tzinfo=UTC)
    assert second - first == timedelta(seconds=90)


def test_a_clock_stands_still_until_it_is_moved() -> None:
    clock = FakeClock()
    now = clock()
    assert now.tzinfo is UTC
    assert clock() == now
    clock.advance(-10)
    assert clock() == now - timedelta(seconds=10)
    clock.set(datetime(2021, 1, 1, tzinfo=UTC))
    assert clock() == datetime(2021, 1, 1, tzinfo=UTC)
    with pytest.raises(ValueError, match="aware"):
        clock.set(datetime(2021, 1, 1))  # noqa: DTZ001 - the point of the test


def test_a_ticking_clock_runs_on_from_where_it_was_set() -> None:
    clock = FakeClock(datetime(2021, 1, 1, tzinfo=UTC), ticking=True)
    clock.advance(3600)
    first, second = clock(), clock()
    assert datetime(2021, 1, 1, 1, tzinfo=UTC) <= first <= second
    assert second < datetime(2021, 1, 1, 2, tzinfo=UTC)


async def test_a_status_fault_speaks_the_servers_language(
    server: Counter, client: ClientSession
) -> None:
    server.fail(FaultKind.STATUS, status=503, retry_after=7)
    async with client.post("/count") as response:
        assert response.status == 503
        assert response.headers["Retry-After"] == "7"
        assert await response.text() == "our own 503"
    assert server.value == 0
    assert (await client.post("/count")).status == 200


async def test_a_fault_strikes_only_what_it_names(
    server: Counter, client: ClientSession
) -> None:
    fault = server.fail(
        FaultKind.STATUS, path="^/count", method="POST", after=1, times=2
    )
    assert (await client.get("/count")).status == 200
    statuses = [(await client.post("/count")).status for _ in range(4)]
    assert statuses == [200, 500, 500, 200]
    assert fault.hits == 2
    assert (await client.get("/refuse")).status == 418


async def test_a_lasting_fault_ends_when_it_is_cleared(
    server: Counter, client: ClientSession
) -> None:
    server.fail(FaultKind.STATUS, times=None)
    assert [(await client.get("/count")).status for _ in range(3)] == [500] * 3
    server.clear_faults()
    assert (await client.get("/count")).status == 200


async def test_a_slow_server_does_nothing_before_the_delay(
    server: Counter, client: ClientSession
) -> None:
    server.fail(FaultKind.SLOW, delay=3600)
    with pytest.raises(TimeoutError):
        await client.post("/count", timeout=ClientTimeout(total=0.05))
    assert server.value == 0


async def test_applied_but_slow_is_done_before_the_client_gives_up(
    server: Counter, client: ClientSession
) -> None:
    server.fail(FaultKind.APPLIED_BUT_SLOW, delay=3600)
    with pytest.raises(TimeoutError):
        await client.post("/count", timeout=ClientTimeout(total=0.5))
    assert server.value == 1


async def test_applied_but_dropped_is_done_and_never_answered(
    server: Counter, client: ClientSession
) -> None:
    server.fail(FaultKind.APPLIED_BUT_DROPPED)
    with pytest.raises((ServerDisconnectedError, ConnectionError)):
        await client.post("/count")
    assert server.value == 1
    assert [entry.status for entry in server.requests] == [None]


async def test_dropped_is_neither_done_nor_answered(
    server: Counter, client: ClientSession
) -> None:
    server.fail(FaultKind.DROPPED)
    with pytest.raises((ServerDisconnectedError, ConnectionError)):
        await client.post("/count")
    assert server.value == 0


async def test_aiohttp_repeats_a_dropped_get_and_the_log_shows_both(
    server: Counter, client: ClientSession
) -> None:
    server.fail(FaultKind.APPLIED_BUT_DROPPED)
    async with client.get("/count") as response:
        assert await response.json() == {"value": 2}
    assert [entry.status for entry in server.requests] == [None, 200]


async def test_not_applied_answers_success_and_changes_nothing(
    server: Counter, client: ClientSession
) -> None:
    server.fail(FaultKind.NOT_APPLIED)
    async with client.post("/count") as response:
        assert (response.status, await response.json()) == (200, {"value": 1})
    assert server.value == 0


async def test_a_proxy_answers_with_a_page(
    server: Counter, client: ClientSession
) -> None:
    server.fail(FaultKind.HTML)
    server.fail(FaultKind.HTML, status=200, body="<html>log in</html>")
    async with client.post("/count") as response:
        assert (response.status, response.content_type) == (502, "text/html")
    async with client.post("/count") as response:
        assert response.status == 200
        assert await response.text() == "<html>log in</html>"
    assert server.value == 0


async def test_a_truncated_answer_is_no_json_any_more(
    server: Counter, client: ClientSession
) -> None:
    server.fail(FaultKind.TRUNCATED)
    async with client.post("/count") as response:
        assert response.content_type == "application/json"
        with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
            await response.json()
    assert server.value == 1


async def test_a_redirect_names_its_destination(
    server: Counter, client: ClientSession
) -> None:
    server.fail(FaultKind.REDIRECT, location="http://example.invalid/")
    async with client.get("/count", allow_redirects=False) as response:
        assert response.status == 302
        assert response.headers["Location"] == "http://example.invalid/"


async def test_sockets_carry_messages_both_ways(
    server: Counter, client: ClientSession
) -> None:
    async with client.ws_connect("/socket", headers={"X-User": "kim"}) as socket:
        assert await socket.receive_json() == {"hello": "kim"}
        assert [live.user for live in server.sockets] == ["kim"]
        await socket.send_json({"type": "KeepAlive"})
        assert await socket.receive_json() == {"type": "KeepAlive"}
        assert server.heard == [{"type": "KeepAlive"}]
        assert server.requests[-1].status == 101
    # The connection is gone for the server as well.
    await server.drop_sockets()
    assert server.sockets == []


async def test_dropped_sockets_end_without_a_farewell(
    server: Counter, client: ClientSession
) -> None:
    async with client.ws_connect("/socket") as socket:
        await socket.receive_json()
        await server.drop_sockets()
        message = await socket.receive()
    assert message.type in {WSMsgType.CLOSED, WSMsgType.ERROR}
    assert server.sockets == []


async def test_the_peak_of_simultaneous_requests_leaves_sockets_out(
    server: Counter, client: ClientSession
) -> None:
    fault = server.fail(FaultKind.SLOW, delay=3600, path="count", after=1)
    async with client.ws_connect("/socket") as socket:
        await socket.receive_json()
        server.clear_log()
        await client.get("/count")
        assert server.most_in_flight == 1
        waiting = asyncio.create_task(client.get("/count"))
        await fault.struck.wait()
        await client.get("/count")
        assert server.most_in_flight == 2
        waiting.cancel()


def test_row_says_what_it_was_told_to() -> None:
    server = Counter()
    server.spoil("1", {"title": None, "data": {"count": -1}, "more": [7]})
    row = {"title": "Alien", "data": {"count": 1, "seen": True}, "year": 1979}
    assert server.spoilt("2", dict(row)) == row
    assert server.spoilt("1", row) == {
        "title": None,
        "data": {"count": -1, "seen": True},
        "year": 1979,
        "more": [7],
    }


def test_total_may_be_another_than_there_are_rows() -> None:
    server = Counter()
    assert server.told_total(5) == 5
    server.totals_off = -2
    assert server.told_total(5) == 3
    assert server.told_total(1) == 0


async def test_slow_listings_are_counted(
    server: Counter, client: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.slow_listings = 0.05
    await client.get("/count")
    assert server.wide_listings == []
    monkeypatch.setattr(server, "lists_widely", lambda one: one.path == "/count")
    await client.get("/refuse")
    for _ in range(2):
        await client.get("/count")
    assert len(server.wide_listings) == 2
    assert server.most_wide_listings == 1
    assert server.value == 3
