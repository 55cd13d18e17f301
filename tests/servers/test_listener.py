"""One websocket: how it is had, kept, understood and ended."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, suppress
import logging
import ssl
from typing import Any

from aiohttp import ClientSession, WSCloseCode, WSMsgType, web
import pytest

from custom_components.watched_sync.core.errors import (
    AuthRejected,
    Busy,
    CertificateRefused,
    Fault,
    Malformed,
    ServerError,
    Starting,
    Unreachable,
    Unsupported,
    WrongAddress,
)
from custom_components.watched_sync.core.ports import Changed, Connected, ServerEvent
from custom_components.watched_sync.servers import (
    listener as listener_module,
    transport as transport_module,
)
from custom_components.watched_sync.servers.fields import Row, needed_text
from custom_components.watched_sync.servers.listener import (
    GoodBye,
    Heard,
    KeepAlive,
    Listener,
)
from tests.fakes.tls import Certificates

pytestmark = pytest.mark.usefixtures("socket_enabled")

TOKEN = "the-secret-token"
PATIENCE = 30.0

type Script = Callable[[web.WebSocketResponse], Any]


class Words:
    """A dialect: `look` hints at an item, `alive` asks for life, `bye` ends it."""

    def __init__(self, keep_alive: str | None = None) -> None:
        self.keep_alive = keep_alive

    def hear(self, message: Row) -> Iterator[Heard]:
        match needed_text(message, "say"):
            case "look":
                yield Changed(frozenset({needed_text(message, "at")}))
            case "alive":
                yield KeepAlive(float(needed_text(message, "every")))
            case "bye":
                yield GoodBye()


class Desk:
    """A server of websockets that does what its script says."""

    def __init__(self) -> None:
        self.script: Script | None = None
        self.answer: web.Response | None = None
        self.requests: list[web.Request] = []
        self.received: asyncio.Queue[str] = asyncio.Queue()
        self.open = 0
        self.autoping = True
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def start(self, context: ssl.SSLContext | None = None) -> None:
        app = web.Application()
        app.router.add_get("/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"{'https' if context else 'http'}://{host}:{port}"

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        if self.answer is not None:
            return self.answer
        socket = web.WebSocketResponse(timeout=1, autoping=self.autoping)
        await socket.prepare(request)
        self.open += 1
        try:
            if self.script is not None:
                await self.script(socket)
            with suppress(ConnectionError):
                async for message in socket:
                    if message.type is WSMsgType.TEXT:
                        self.received.put_nowait(message.data)
        finally:
            self.open -= 1
        return socket


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    made = Desk()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    async with ClientSession() as opened:
        yield opened


def listener_to(session: ClientSession, url: str) -> Listener:
    return Listener(session, url, {"Authorization": TOKEN})


async def heard(
    session: ClientSession, desk: Desk, words: Words | None = None
) -> list[ServerEvent]:
    """Listen until the server says good-bye."""
    listener = listener_to(session, desk.url)
    async with asyncio.timeout(PATIENCE):
        return [event async for event in listener.events("/socket", words or Words())]


def says(*frames: str) -> Script:
    """Return the script that sends *frames* and says good-bye."""

    async def script(socket: web.WebSocketResponse) -> None:
        for frame in frames:
            await socket.send_str(frame)
        await socket.send_str('{"say": "bye"}')

    return script


LOOK = '{"say": "look", "at": "film"}'
HINT = Changed(frozenset({"film"}))


# --- the handshake --------------------------------------------------------------


async def test_the_token_goes_in_a_header_and_the_base_path_is_kept(
    session: ClientSession, desk: Desk
) -> None:
    desk.script = says()
    listener = listener_to(session, f"{desk.url}/base/")
    events = [one async for one in listener.events("/socket", Words(), {"a": "b"})]
    assert events == [Connected()]
    (request,) = desk.requests
    assert request.path_qs == "/base/socket?a=b"
    assert request.headers["Authorization"] == TOKEN
    assert TOKEN not in repr(listener)


@pytest.mark.parametrize(
    ("status", "content_type", "expected"),
    [
        (401, "text/plain", AuthRejected),
        (403, "text/plain", AuthRejected),
        (503, "text/plain", Busy),
        (503, "text/html", Starting),
        (429, "text/plain", Busy),
        (200, "text/html", Unsupported),
        (400, "text/plain", Unsupported),
        (404, "text/html", Unsupported),
        (426, "text/plain", Unsupported),
        (500, "text/plain", Fault),
        (502, "text/html", Unreachable),
        (504, "text/html", Unreachable),
        (521, "text/html", Unreachable),
    ],
)
async def test_an_answer_that_is_no_upgrade_says_what_to_do(
    session: ClientSession,
    desk: Desk,
    status: int,
    content_type: str,
    expected: type[ServerError],
) -> None:
    desk.answer = web.Response(status=status, content_type=content_type)
    with pytest.raises(ServerError) as raised:
        await heard(session, desk)
    assert type(raised.value) is expected
    assert len(desk.requests) == 1


async def test_an_answer_without_a_content_type_is_no_page(
    session: ClientSession, desk: Desk
) -> None:
    desk.answer = web.Response(status=503)
    with pytest.raises(Busy) as raised:
        await heard(session, desk)
    assert not isinstance(raised.value, Starting)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed_with_the_token(
    session: ClientSession, desk: Desk, status: int
) -> None:
    elsewhere = Desk()
    await elsewhere.start()
    desk.answer = web.Response(status=status, headers={"Location": elsewhere.url})
    with pytest.raises(WrongAddress):
        await heard(session, desk)
    assert len(desk.requests) == 1
    assert elsewhere.requests == []
    await elsewhere.stop()


async def test_nobody_there_is_unreachable(session: ClientSession, desk: Desk) -> None:
    await desk.stop()
    with pytest.raises(Unreachable):
        await heard(session, desk)


async def test_a_handshake_nobody_answers_is_given_up(
    session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener_module, "HANDSHAKE_TIMEOUT", 0.05)
    silent = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    host, port = silent.sockets[0].getsockname()
    listener = listener_to(session, f"http://{host}:{port}")
    async with silent:
        with pytest.raises(Unreachable):
            await anext(listener.events("/socket", Words()))
        silent.close_clients()


async def test_a_certificate_of_nobodys_is_refused(session: ClientSession) -> None:
    desk = Desk()
    await desk.start(Certificates().server("127.0.0.1"))
    with pytest.raises(CertificateRefused):
        await heard(session, desk)
    await desk.stop()


async def test_a_session_that_was_closed_is_unreachable(desk: Desk) -> None:
    async with ClientSession() as session:
        listener = listener_to(session, desk.url)
    with pytest.raises(Unreachable):
        await anext(listener.events("/socket", Words()))


def test_an_address_that_is_none_is_refused_at_once() -> None:
    with pytest.raises(WrongAddress):
        Listener(None, "ftp://server", {})  # type: ignore[arg-type]  # never used


@pytest.mark.parametrize("status", [401, 404, 503])
async def test_neither_errors_nor_logs_tell_the_token(
    session: ClientSession,
    desk: Desk,
    caplog: pytest.LogCaptureFixture,
    status: int,
) -> None:
    caplog.set_level(logging.DEBUG)
    desk.answer = web.Response(status=status)
    with pytest.raises(ServerError) as raised:
        await heard(session, desk)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__
    assert TOKEN not in f"{raised.value!r} {caplog.text}"


# --- what is said -----------------------------------------------------------------


async def test_hints_come_through_in_order(session: ClientSession, desk: Desk) -> None:
    desk.script = says(LOOK, '{"say": "look", "at": "show"}')
    assert await heard(session, desk) == [
        Connected(),
        HINT,
        Changed(frozenset({"show"})),
    ]


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param("[" * 100_000, id="deep"),
        pytest.param('{"say": ' + "9" * 5000 + "}", id="long number"),
        "",
        "{",
        "null",
        "[]",
        "3",
        '"text"',
        "{}",
        '{"say": 1.5}',
        '{"say": "look"}',
        '{"say": "nothing we know"}',
        '{"say": "alive", "every": "soon"}',
    ],
)
async def test_a_frame_that_makes_no_sense_is_ignored(
    session: ClientSession,
    desk: Desk,
    frame: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, listener_module.__name__)
    desk.script = says(frame, LOOK)
    assert await heard(session, desk) == [Connected(), HINT]
    assert {
        record.levelno
        for record in caplog.records
        if record.name == listener_module.__name__
    } <= {logging.DEBUG}


async def test_junk_is_logged_once_and_then_counted(
    session: ClientSession, desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, listener_module.__name__)
    desk.script = says(*["[]"] * 120, LOOK)
    assert await heard(session, desk) == [Connected(), HINT]
    assert [
        record.getMessage()
        for record in caplog.records
        if record.name == listener_module.__name__
    ] == [
        "Ignored a message: the message is not an object",
        "Ignored 10 messages, the last: the message is not an object",
        "Ignored 100 messages, the last: the message is not an object",
    ]


async def test_a_frame_that_is_no_text_is_ignored(
    session: ClientSession, desk: Desk
) -> None:
    async def script(socket: web.WebSocketResponse) -> None:
        await socket.send_bytes(LOOK.encode())
        await socket.ping()
        await says(LOOK)(socket)

    desk.script = script
    assert await heard(session, desk) == [Connected(), HINT]


async def test_a_frame_longer_than_any_is_malformed(
    session: ClientSession, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener_module, "MAX_FRAME", 1000)
    desk.script = says("x" * 2000)
    with pytest.raises(Malformed):
        await heard(session, desk)


@pytest.mark.parametrize("padding", ["", " " * 50_000], ids=["short", "long"])
async def test_a_frame_with_more_in_it_than_is_read_is_malformed(
    session: ClientSession, desk: Desk, monkeypatch: pytest.MonkeyPatch, padding: str
) -> None:
    """It may tell of changes, and whoever listens anew asks for all there were."""
    monkeypatch.setattr(transport_module, "MOST_MARKS", 1000)
    desk.script = says(f"[{'{},' * 600}{{}}]{padding}")
    with pytest.raises(Malformed):
        await heard(session, desk)


async def test_others_have_their_turns_however_many_frames_come_at_once(
    session: ClientSession, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that make no sense as well."""
    loop = asyncio.get_running_loop()
    in_one_turn: list[int] = [0]
    understand = listener_module._message

    async def count(text: str, junk: Any) -> Any:
        in_one_turn[-1] += 1
        return await understand(text, junk)

    def turn() -> None:
        in_one_turn.append(0)
        ticking[0] = loop.call_soon(turn)

    ticking = [loop.call_soon(turn)]
    monkeypatch.setattr(listener_module, "_message", count)
    desk.script = says(*(["[]"] * 500), LOOK)
    try:
        assert await heard(session, desk) == [Connected(), HINT]
    finally:
        ticking[0].cancel()
    assert sum(in_one_turn) > 500
    assert max(in_one_turn) <= 2


async def test_text_that_is_none_is_malformed(
    session: ClientSession, desk: Desk
) -> None:
    async def script(socket: web.WebSocketResponse) -> None:
        await socket.send_frame(b"\xff\xfe", WSMsgType.TEXT)

    desk.script = script
    with pytest.raises(Malformed):
        await heard(session, desk)


# --- its end ----------------------------------------------------------------------


async def test_what_a_server_says_after_its_good_bye_is_not_heard(
    session: ClientSession, desk: Desk
) -> None:
    async def script(socket: web.WebSocketResponse) -> None:
        await says()(socket)
        await socket.send_str(LOOK)

    desk.script = script
    assert await heard(session, desk) == [Connected()]


@pytest.mark.parametrize("code", [WSCloseCode.OK, WSCloseCode.GOING_AWAY])
async def test_a_socket_closed_in_order_just_ends(
    session: ClientSession, desk: Desk, code: WSCloseCode
) -> None:
    async def script(socket: web.WebSocketResponse) -> None:
        await socket.close(code=code)

    desk.script = script
    assert await heard(session, desk) == [Connected()]


async def test_a_socket_closed_over_an_error_is_lost(
    session: ClientSession, desk: Desk
) -> None:
    async def script(socket: web.WebSocketResponse) -> None:
        await socket.close(code=WSCloseCode.INTERNAL_ERROR)

    desk.script = script
    with pytest.raises(Unreachable):
        await heard(session, desk)


async def test_a_connection_that_breaks_is_lost(
    session: ClientSession, desk: Desk
) -> None:
    async def script(_: web.WebSocketResponse) -> None:
        transport = desk.requests[0].transport
        assert transport is not None
        transport.abort()

    desk.script = script
    with pytest.raises(Unreachable):
        await heard(session, desk)


async def test_a_server_that_answers_no_ping_is_lost(
    session: ClientSession, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener_module, "HEARTBEAT", 0.02)
    monkeypatch.setattr(listener_module, "ANSWER_TIMEOUT", 0.05)
    desk.autoping = False
    with pytest.raises(Unreachable, match="no sign of life"):
        await heard(session, desk)


async def test_a_server_that_answers_pings_is_not_lost(
    session: ClientSession, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener_module, "HEARTBEAT", 0.01)
    desk.autoping = False

    async def script(socket: web.WebSocketResponse) -> None:
        for _ in range(5):
            message = await socket.receive()
            assert message.type is WSMsgType.PING
            await socket.pong(message.data)
        await says()(socket)

    desk.script = script
    assert await heard(session, desk) == [Connected()]


async def test_a_servers_own_ping_is_answered(
    session: ClientSession, desk: Desk
) -> None:
    desk.autoping = False

    async def script(socket: web.WebSocketResponse) -> None:
        await socket.ping(b"there?")
        message = await socket.receive()
        assert (message.type, message.data) == (WSMsgType.PONG, b"there?")
        await says()(socket)

    desk.script = script
    assert await heard(session, desk) == [Connected()]


async def test_closing_the_generator_closes_the_socket_and_leaves_no_task(
    session: ClientSession, desk: Desk
) -> None:
    tasks = asyncio.all_tasks()
    async with aclosing(listener_to(session, desk.url).events("/", Words())) as events:
        assert await anext(events) == Connected()
        waiting = asyncio.create_task(anext(events))
        await asyncio.sleep(0)
        waiting.cancel()
        with suppress(asyncio.CancelledError):
            await waiting
    async with asyncio.timeout(PATIENCE):
        while desk.open:  # noqa: ASYNC110 - the other side sets no event
            await asyncio.sleep(0.001)
    left = asyncio.all_tasks() - tasks
    assert not {task for task in left if "Desk" not in repr(task.get_coro())}
    assert not session.closed
    # The caller's connections can still be used.
    desk.answer = web.Response(text="here")
    async with session.get(desk.url) as response:
        assert await response.text() == "here"


async def test_a_second_socket_waits_until_the_first_is_closed(
    session: ClientSession, desk: Desk
) -> None:
    listener = listener_to(session, desk.url)
    first = listener.events("/socket", Words())
    await anext(first)
    second = listener.events("/socket", Words())
    waiting = asyncio.ensure_future(anext(second))
    await asyncio.sleep(0.01)
    assert len(desk.requests) == 1
    await first.aclose()
    async with asyncio.timeout(PATIENCE):
        assert await waiting == Connected()
    assert len(desk.requests) == 2
    await second.aclose()


# --- keeping it alive --------------------------------------------------------------


def greeting(every: float) -> str:
    return f'{{"say": "alive", "every": "{every}"}}'


async def test_listening_begins_with_the_greeting_of_a_server_that_greets(
    session: ClientSession, desk: Desk
) -> None:
    desk.script = says(LOOK, greeting(60), LOOK)
    events = await heard(session, desk, Words("here"))
    assert events == [HINT, Connected(), HINT]
    assert desk.received.get_nowait() == "here"
    assert desk.received.empty()


async def test_each_reminder_is_answered_at_once(
    session: ClientSession, desk: Desk
) -> None:
    desk.script = says(greeting(60), greeting(60))
    assert await heard(session, desk, Words("here")) == [Connected()]
    assert [desk.received.get_nowait() for _ in range(2)] == ["here", "here"]


async def test_a_server_that_never_greets_is_given_up(
    session: ClientSession, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener_module, "ANSWER_TIMEOUT", 0.02)
    desk.script = None
    with pytest.raises(Unreachable):
        await heard(session, desk, Words("here"))


async def test_life_is_shown_twice_as_often_as_is_asked_for(
    session: ClientSession, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener_module, "_MIN_PERIOD", 0.0)

    async def script(socket: web.WebSocketResponse) -> None:
        await socket.send_str(greeting(0.02))
        for _ in range(4):
            message = await socket.receive()
            assert message.data == "here"
            await socket.send_str('{"say": "thanks"}')
        await says()(socket)

    desk.script = script
    assert await heard(session, desk, Words("here")) == [Connected()]


async def test_no_answer_to_a_sign_of_life_is_a_lost_socket(
    session: ClientSession, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener_module, "ANSWER_TIMEOUT", 0.05)

    async def script(socket: web.WebSocketResponse) -> None:
        await socket.send_str(greeting(60))

    desk.script = script
    with pytest.raises(Unreachable, match="no sign of life"):
        await heard(session, desk, Words("here"))
    # It was asked once, and nothing empty was ever sent.
    assert desk.received.get_nowait() == "here"
    assert desk.received.empty()


async def test_a_keep_alive_that_nobody_answers_to_is_ignored(
    session: ClientSession, desk: Desk
) -> None:
    desk.script = says(greeting(60), LOOK)
    assert await heard(session, desk, Words()) == [Connected(), HINT]
    assert desk.received.empty()


async def test_a_socket_that_breaks_as_life_is_shown_is_lost(
    session: ClientSession, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise ConnectionResetError

    monkeypatch.setattr("aiohttp.ClientWebSocketResponse.send_str", broken)
    desk.script = says(greeting(60))
    with pytest.raises(Unreachable):
        await heard(session, desk, Words("here"))


@pytest.mark.parametrize(
    ("asleep", "is_lost"), [(0.0, False), (49.0, False), (51.0, True), (3600.0, True)]
)
async def test_whoever_was_silent_for_too_long_listens_anew(
    session: ClientSession, desk: Desk, asleep: float, *, is_lost: bool
) -> None:
    """The event loop's clock stands still while a laptop sleeps."""
    wall = 1_000_000.0

    async def script(socket: web.WebSocketResponse) -> None:
        nonlocal wall
        await socket.send_str(greeting(60))
        await socket.receive()
        wall += asleep
        await says(LOOK)(socket)

    desk.script = script
    listener = Listener(session, desk.url, {}, wall=lambda: wall)
    async with asyncio.timeout(PATIENCE):
        heard_of = listener.events("/socket", Words("here"))
        assert await anext(heard_of) == Connected()
        if is_lost:
            with pytest.raises(Unreachable, match="nothing of us"):
                await anext(heard_of)
        else:
            assert [event async for event in heard_of] == [HINT]


async def test_a_loop_that_was_stalled_does_not_show_life_too_late(
    session: ClientSession, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Late is worse than never: the server would go on to tell nothing."""
    desk.script = says(greeting(60), greeting(60))
    real = listener_module._Pulse.beat
    stalled = iter((51.0,))

    async def once(pulse: Any) -> None:
        await real(pulse)
        monotonic, wall = pulse._heard_at
        pulse._heard_at = (monotonic - next(stalled, 0.0), wall)

    monkeypatch.setattr(listener_module._Pulse, "beat", once)
    with pytest.raises(Unreachable, match="nothing of us"):
        await heard(session, desk, Words("here"))
    assert desk.received.qsize() == 1
