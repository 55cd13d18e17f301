"""One websocket: what a server tells of its own accord, as hints.

The token travels in a header wherever a server takes it there, and no error names more
than the path. Everything happens in the generator itself, without tasks of its own:
closing it ends the connection.
"""

import asyncio
from collections.abc import (
    AsyncGenerator,
    Callable,
    Iterable,
    Iterator,
    Mapping,
)
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
import logging
import time
from typing import Final, Protocol

from aiohttp import (
    ClientConnectorCertificateError,
    ClientError,
    ClientHandlerType,
    ClientRequest,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    ClientWebSocketResponse,
    ClientWSTimeout,
    DummyCookieJar,
    ServerFingerprintMismatch,
    WSCloseCode,
    WSMessage,
    WSMsgType,
    WSServerHandshakeError,
)
from aiohttp.http import WebSocketError

from ..core.errors import (
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
from ..core.ports import Changed, Connected, ServerEvent
from .fields import Row, as_row
from .transport import CONNECT_TIMEOUT, LONG, TooMuch, from_json, parse_url

_LOGGER = logging.getLogger(__name__)

#: Seconds until a handshake that nobody answers is given up.
HANDSHAKE_TIMEOUT: Final = 10.0
#: Seconds of silence that a ping ends, where the server wants to hear nothing else.
HEARTBEAT: Final = 30.0
#: Seconds in which a greeting, or the answer to a sign of life, has to come.
ANSWER_TIMEOUT: Final = 10.0
#: Bytes of one frame: a burst of marks is one, of some 190 bytes for each, and a list
#: of long play queues is long as well. Whoever sends more, or more in it than an answer
#: may have, is asked what there is.
MAX_FRAME: Final = 4 * 1024 * 1024

_CLOSE_TIMEOUT: Final = 1.0
#: Seconds between two messages that keep a connection alive, at least and at most.
_MIN_PERIOD: Final = 1.0
_MAX_PERIOD: Final = 3600.0
#: Of the time after which a server takes us for dead, how much we may be silent.
_MOST_SILENCE: Final = 5 / 6

_GOOD_BYES: Final = (WSCloseCode.OK, WSCloseCode.GOING_AWAY)


@dataclass(frozen=True, slots=True)
class KeepAlive:
    """The server has to hear of us more often than every `seconds`."""

    seconds: float


@dataclass(frozen=True, slots=True)
class GoodBye:
    """The server goes away and says so."""


type Heard = Changed | KeepAlive | GoodBye


class SocketDialect(Protocol):
    """How one kind of server talks over one connection."""

    @property
    def keep_alive(self) -> str | None:
        """What the server wants to hear now and then, and answers.

        Such a server greets with a `KeepAlive`, and listening begins with that. None
        leaves the connection to pings.
        """
        ...

    def hear(self, message: Row) -> Iterable[Heard]:
        """Say what a message means: nothing, if it is none of ours.

        Raises `Malformed`.
        """
        ...


class Listener:
    """Websockets to one address, all with the same headers, one at a time.

    Of two sockets of one device a server serves one alone. The session belongs to the
    caller and is never closed here; only its connections are used.
    """

    def __init__(
        self,
        session: ClientSession,
        url: str,
        headers: Mapping[str, str],
        *,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """Prepare for *url*, base path kept; raises `WrongAddress` if it is none.

        *wall* is the wall clock, in seconds, by which a sleep of the machine shows.
        """
        self._wall = wall
        self._session = session
        self._base = parse_url(url)
        self._headers = dict(headers)
        self._alone = asyncio.Lock()

    def __repr__(self) -> str:
        """Name the address; headers carry secrets and are left out."""
        return f"Listener({str(self._base)!r})"

    async def events(
        self, path: str, dialect: SocketDialect, params: Mapping[str, str] | None = None
    ) -> AsyncGenerator[ServerEvent]:
        """Connect to *path* and yield what is heard, until the server says good-bye.

        Raises `AuthRejected` (401, 403), `Busy` or `Starting` (503), `WrongAddress`
        (a redirect), `Unsupported` (anything else that is no upgrade: a proxy that
        does not pass it on), `Malformed` (a frame that cannot be one, or is too long)
        and `Unreachable`.
        """
        async with self._alone, self._connection(path, params) as socket:
            pulse = _Pulse(socket, dialect.keep_alive, self._wall)
            junk = _Junk()
            greeted = dialect.keep_alive is None
            if greeted:
                yield Connected()
            while (text := await _next_text(socket, pulse)) is not None:
                if (message := await _message(text, junk)) is None:
                    continue
                for heard in _understood(dialect, message, junk):
                    match heard:
                        case Changed():
                            yield heard
                        case KeepAlive(seconds):
                            await pulse.every(seconds)
                            if not greeted:
                                greeted = True
                                yield Connected()
                        case GoodBye():
                            return

    @asynccontextmanager
    async def _connection(
        self, path: str, params: Mapping[str, str] | None
    ) -> AsyncGenerator[ClientWebSocketResponse]:
        """Shake hands; close again whatever happens."""
        what = f"the socket {path}"
        if self._session.closed:
            raise Unreachable(f"{what} needs a session that is open")
        # aiohttp follows redirects of a handshake, with all headers; only a session's
        # own middleware can keep it from that.
        session = ClientSession(
            connector=self._session.connector,
            connector_owner=False,
            cookie_jar=DummyCookieJar(),
            middlewares=(_no_redirect,),
            timeout=ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT),
            trust_env=self._session.trust_env,
        )
        async with session:
            try:
                async with asyncio.timeout(HANDSHAKE_TIMEOUT):
                    socket = await session.ws_connect(
                        self._base.with_path(self._base.path.rstrip("/") + path),
                        params=params,
                        headers=self._headers,
                        # Pings are ours to send: aiohttp's own outlive the socket.
                        autoping=False,
                        max_msg_size=MAX_FRAME,
                        timeout=ClientWSTimeout(ws_close=_CLOSE_TIMEOUT),
                    )
            # aiohttp's errors carry the request, and that the token: nobody is to
            # find it in a chain.
            except WSServerHandshakeError as error:
                raise _refused(error, what) from None
            except (ClientError, OSError) as error:
                raise _failed(error, what) from None
            try:
                yield socket
            finally:
                await socket.close()


class _Pulse:
    """Signs of life of both ends of a connection.

    `due` is when something has to happen, by the event loop's time.
    """

    def __init__(
        self,
        socket: ClientWebSocketResponse,
        message: str | None,
        wall: Callable[[], float],
    ) -> None:
        """Wait for the greeting of a server that wants to hear *message*."""
        self._wall = wall
        #: When we were heard last, by both clocks, and how old that may become.
        self._heard_at: tuple[float, float] | None = None
        self._most_silence = 0.0
        self._socket = socket
        self._message = message
        self._loop = asyncio.get_running_loop()
        self._period: float | None = None
        self._waits = message is not None
        self._said_at = self._loop.time()
        self.due = self._said_at + (ANSWER_TIMEOUT if self._waits else HEARTBEAT)

    def felt(self) -> None:
        """Take anything that was heard as a sign of life.

        Raises `Unreachable` where the server may not take us for alive any more.
        """
        self._check_silence()
        if self._message is None:
            self._waits = False
            self.due = self._loop.time() + HEARTBEAT
        elif self._waits and self._period is not None:
            self._waits = False
            self.due = self._said_at + self._period

    async def every(self, seconds: float) -> None:
        """Say it now, and twice as often as the server wants to hear it."""
        if self._message is not None:
            self._period = min(max(seconds / 2, _MIN_PERIOD), _MAX_PERIOD)
            self._most_silence = max(seconds * _MOST_SILENCE, ANSWER_TIMEOUT)
            await self.beat()

    async def due_now(self) -> None:
        """Do what is due. Raises `Unreachable` where an answer was."""
        if self._waits:
            raise Unreachable("the socket gives no sign of life")
        await self.beat()

    async def beat(self) -> None:
        """Show that we are here, and wait for an answer."""
        self._check_silence()
        self._heard_at = (self._loop.time(), self._wall())
        self._waits = True
        self._said_at = self._loop.time()
        self.due = self._said_at + ANSWER_TIMEOUT
        try:
            if self._message is None:
                await self._socket.ping()
            else:
                await self._socket.send_str(self._message)
        except (ClientError, OSError) as error:
            raise Unreachable(f"the socket is lost: {type(error).__name__}") from error

    def _check_silence(self) -> None:
        """Raise `Unreachable` if we were silent for nearly as long as is allowed.

        Jellyfin 12.0 tells such a socket nothing any more and leaves it open (seen on a
        real server), so it has to be had anew. The event loop's clock stands still
        while a machine sleeps, and the wall clock may be set: either is believed.
        """
        if self._message is None or self._heard_at is None:
            return
        monotonic, wall = self._heard_at
        silence = max(self._loop.time() - monotonic, self._wall() - wall)
        if silence > self._most_silence:
            raise Unreachable("the server heard nothing of us for too long")

    async def answer(self, ping: bytes) -> None:
        """Answer the server's own ping; if that fails the next frame tells."""
        with suppress(ClientError, OSError):
            await self._socket.pong(ping)


async def _next_text(socket: ClientWebSocketResponse, pulse: _Pulse) -> str | None:
    """Return the next text frame; None once the server has closed in good order."""
    while True:
        message = await _next_frame(socket, pulse)
        match message.type:
            case WSMsgType.TEXT:
                pulse.felt()
                text: str = message.data
                return text
            case WSMsgType.BINARY | WSMsgType.PONG:
                pulse.felt()
            case WSMsgType.PING:
                pulse.felt()
                await pulse.answer(message.data)
            case WSMsgType.ERROR if isinstance(message.data, WebSocketError):
                raise Malformed("the socket carried a frame that cannot be one")
            case WSMsgType.CLOSE if message.data in _GOOD_BYES:
                return None
            case _:
                raise Unreachable("the socket is lost")


async def _next_frame(socket: ClientWebSocketResponse, pulse: _Pulse) -> WSMessage:
    # A frame that is here already is returned at once, and there may be thousands of
    # them: everybody else has a turn between two.
    await asyncio.sleep(0)
    while True:
        try:
            async with asyncio.timeout_at(pulse.due):
                return await socket.receive()
        except TimeoutError:
            await pulse.due_now()


class _Junk:
    """Says what could not be understood: the first time, and then how much of it."""

    def __init__(self) -> None:
        self._count = 0

    def note(self, what: str) -> None:
        """Count one message, and log it if that is a power of ten."""
        self._count += 1
        if self._count == 1:
            _LOGGER.debug("Ignored a message: %s", what)
        elif set(str(self._count)[1:]) == {"0"} and str(self._count)[0] == "1":
            _LOGGER.debug("Ignored %d messages, the last: %s", self._count, what)


async def _message(text: str, junk: _Junk) -> Row | None:
    """Return what a frame holds, None if that can be none of ours.

    A long one is read in another thread. Raises `Malformed` for one that tells too much
    to be read: it may be ours, so it must not be passed over.
    """

    def read() -> Row:
        return as_row(from_json(text.encode()), "the message")

    try:
        if len(text) <= LONG:
            return read()
        return await asyncio.get_running_loop().run_in_executor(None, read)
    except Malformed as error:
        junk.note(str(error))
    except TooMuch as error:
        raise Malformed("the socket carried a frame with far too much in it") from error
    except (ValueError, RecursionError) as error:
        # What a decoder says would quote the message.
        junk.note(type(error).__name__)
    return None


def _understood(dialect: SocketDialect, message: Row, junk: _Junk) -> Iterator[Heard]:
    """Yield what a message says, as far as it can be understood."""
    try:
        yield from dialect.hear(message)
    except Malformed as error:
        junk.note(str(error))
    except ValueError as error:
        junk.note(type(error).__name__)


async def _no_redirect(
    request: ClientRequest, handler: ClientHandlerType
) -> ClientResponse:
    """Stop where a handshake is sent elsewhere."""
    response = await handler(request)
    if 300 <= response.status < 400:  # noqa: PLR2004 - the range of redirects
        response.close()
        raise WrongAddress(f"the socket {request.url.path} is a redirect")
    return response


def _failed(error: Exception, what: str) -> ServerError:
    """Say what a handshake means that nobody answered."""
    said = f"{what} failed: {type(error).__name__}"
    match error:
        case ClientConnectorCertificateError() | ServerFingerprintMismatch():
            return CertificateRefused(said)
        case _:
            return Unreachable(said)


def _refused(error: WSServerHandshakeError, what: str) -> ServerError:
    """Say what an answer means that is no upgrade."""
    said = f"{what} was answered with {error.status}"
    is_page = error.headers is not None and error.headers.get(
        "Content-Type", ""
    ).startswith("text/html")
    match error.status:
        case 401 | 403:
            return AuthRejected(said)
        case 503:
            return (Starting if is_page else Busy)(said)
        case 429:
            return Busy(said)
        case 408 | 502 | 504:
            return Unreachable(said)
        case status if 500 <= status < 520:  # noqa: PLR2004 - the server's own
            return Fault(said)
        case status if status >= 520:  # noqa: PLR2004 - gateways for a server away
            return Unreachable(said)
        case _:
            return Unsupported(said)
