"""What both simulated servers share: a port, a log, faults, sockets and a clock.

A simulated server is a real aiohttp server on 127.0.0.1: what reaches it went over
TCP, and what it does to a connection happens to a connection. It can go dark (the
port refuses, every live connection is cut), come back on the same port, and break in
the ways of `FaultKind` on command.
"""

from abc import ABC, abstractmethod
import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from enum import StrEnum
import json
import re
import ssl
from typing import Any, Self

from aiohttp import WSCloseCode, WSMsgType, hdrs, web, web_app
from aiohttp.typedefs import Handler
from multidict import CIMultiDictProxy, MultiDict, MultiDictProxy

HOST = "127.0.0.1"

_SEQ = web.RequestKey("seq", int)

PROXY_PAGE = (
    "<!DOCTYPE html><html><head><title>Gateway</title></head>"
    "<body><h1>The gateway is not in the mood</h1></body></html>"
)


class FakeClock:
    """A clock that a test moves; calling it gives an aware UTC datetime.

    It stands still unless *ticking*, when it runs with the real one (and keeps the
    distance that `advance` and `set` have put between them).
    """

    def __init__(self, start: datetime | None = None, *, ticking: bool = False) -> None:
        self._ticking = ticking
        self._now = datetime.now(UTC)
        self._anchor = self._now
        if start is not None:
            self.set(start)

    def __call__(self) -> datetime:
        """What time it is."""
        if self._ticking:
            return self._now + (datetime.now(UTC) - self._anchor)
        return self._now

    def advance(self, seconds: float) -> None:
        """Move the clock by that many seconds (backwards if negative)."""
        self._now += timedelta(seconds=seconds)

    def set(self, moment: datetime) -> None:
        """Set the clock; a moment without a time zone is a ValueError."""
        if moment.tzinfo is None:
            raise ValueError("a clock needs an aware datetime")
        self._now = moment.astimezone(UTC)
        self._anchor = datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """One request as it arrived.

    *status* is None while it is being handled, and for ever if the connection was
    dropped without an answer. A websocket counts as answered (101) once it is open.
    *body* is the decoded JSON, or the text where it is not JSON, or None.
    """

    seq: int
    method: str
    path: str
    query: MultiDictProxy[str]
    headers: CIMultiDictProxy[str]
    body: Any
    user: str | None
    at: datetime
    status: int | None = None


class FaultKind(StrEnum):
    """The ways to break."""

    STATUS = "status"
    """Answer `status` with the server's own error body, and Retry-After if given."""
    SLOW = "slow"
    """Wait `delay` seconds before handling."""
    APPLIED_BUT_SLOW = "applied_but_slow"
    """Handle, then wait `delay` seconds before answering."""
    APPLIED_BUT_DROPPED = "applied_but_dropped"
    """Handle, then cut the connection instead of answering."""
    DROPPED = "dropped"
    """Cut the connection before handling."""
    NOT_APPLIED = "not_applied"
    """Answer as if it had been done, with nothing done."""
    HTML = "html"
    """Answer with the HTML page of a proxy (502 unless `status` says otherwise)."""
    TRUNCATED = "truncated"
    """Handle, then answer with half of the body under a correct length."""
    REDIRECT = "redirect"
    """Answer 302 to `location`."""


# A websocket is handled for as long as it lives: there is no answer to spoil.
_AFTER_HANDLING = frozenset(
    {
        FaultKind.APPLIED_BUT_SLOW,
        FaultKind.APPLIED_BUT_DROPPED,
        FaultKind.NOT_APPLIED,
        FaultKind.TRUNCATED,
    }
)


@dataclass(eq=False, slots=True)
class Fault:
    """One way to break, for the requests that it matches.

    Those that spoil the answer leave websockets alone.
    *hits* counts how often it struck; `await struck.wait()` waits for the first.
    """

    kind: FaultKind
    path: re.Pattern[str] | None
    method: str | None
    times: int | None
    after: int
    status: int | None
    retry_after: str | None
    delay: float
    body: str | None
    location: str
    hits: int = 0
    struck: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, request: web.BaseRequest) -> bool:
        """Whether this fault strikes *request*; counts when it does."""
        if self.times is not None and self.hits >= self.times:
            return False
        if self.method is not None and request.method != self.method:
            return False
        if self.kind in _AFTER_HANDLING and hdrs.UPGRADE in request.headers:
            return False
        if self.path is not None and not self.path.search(request.path):
            return False
        if self.after:
            self.after -= 1
            return False
        self.hits += 1
        self.struck.set()
        return True


class RefusalError(Exception):
    """Raised by a handler to answer with the server's own error body."""

    def __init__(self, status: int, message: str | None = None) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message


@dataclass(frozen=True, slots=True)
class _Farewell:
    """The last thing in a socket's outbox."""

    code: int
    reason: str


class FakeSocket:
    """One live websocket connection; messages are pushed without waiting."""

    def __init__(self, request: web.Request, user: str | None) -> None:
        self.user = user
        self.query = request.query
        self.headers = request.headers
        self.received: list[Any] = []
        """What the client sent, decoded."""
        self.sent: list[Any] = []
        """What the server pushed, decoded."""
        self._transport = request.transport
        self._outbox: asyncio.Queue[str | _Farewell] = asyncio.Queue()
        self.closing = False
        """The server said good-bye; nothing more is pushed."""
        self.closed = asyncio.Event()

    def push(self, message: Any) -> None:
        """Send a message, as JSON unless it is a string already."""
        if self.closing:
            return
        self.sent.append(message)
        self._outbox.put_nowait(
            message if isinstance(message, str) else json.dumps(message)
        )

    def close(self, code: int = WSCloseCode.OK, reason: str = "") -> None:
        """Close with a handshake, after what was pushed before."""
        if not self.closing:
            self.closing = True
            self._outbox.put_nowait(_Farewell(code, reason))

    def abort(self) -> None:
        """Cut the connection without a closing handshake."""
        if self._transport is not None:
            self._transport.abort()

    async def write_to(
        self, response: web.WebSocketResponse, heartbeat: float | None
    ) -> None:
        """Write what is pushed until the good-bye, and a ping when nothing is.

        *heartbeat* is the silence (in seconds) that a ping ends; None never pings.
        """
        while True:
            try:
                async with asyncio.timeout(heartbeat):
                    message = await self._outbox.get()
            except TimeoutError:
                await response.ping()
                continue
            if isinstance(message, _Farewell):
                reason = message.reason.encode()
                await response.close(code=message.code, message=reason)
                return
            await response.send_str(message)


class Hooks:
    """Moments that a simulated server may act upon; by default it does nothing."""

    def on_restart(self) -> None:
        """Forget what a real server forgets when it restarts."""

    def renumber(self, new_ids: Mapping[str, str]) -> None:
        """Give works other ids, which may be those of others, and tell nobody.

        *new_ids* are theirs by the old ones. The works stay what and where they are,
        with all that was seen of them; what is not named keeps its id.
        """

    def on_socket_open(self, socket: FakeSocket) -> None:
        """Greet a new connection."""

    def on_socket_message(self, socket: FakeSocket, message: Any) -> None:
        """Answer what a client said; *message* is decoded JSON, or a plain string."""

    def on_socket_closed(self, socket: FakeSocket) -> None:
        """Forget what belonged to the connection."""

    def lists_widely(self, request: web.Request) -> bool:  # noqa: ARG002 - for servers with listings
        """Whether a request is a listing of the kind that may be slow."""
        return False


class FakeServer(Hooks, ABC):
    """A simulated server; the subclass adds routes, state and its error bodies."""

    def __init__(
        self,
        *,
        clock: FakeClock | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self.clock = clock or FakeClock()
        self.sockets: list[FakeSocket] = []
        """Live websocket connections, oldest first."""
        self.most_in_flight = 0
        """The highest number of requests handled at the same time, sockets aside."""
        self.muted = False
        """While true nothing is announced to the sockets."""
        self.search_is_exact = False
        """While true a search compares every character, and folds only the case."""
        self.tells_totals = True
        """Whether a listing says how many rows it has altogether."""
        self.totals_off = 0
        """How many more rows a listing says that it has (fewer, if negative)."""
        self.slow_listings = 0.0
        """Seconds that each wide listing takes; it goes on when nobody waits."""
        self.wide_listings: list[datetime] = []
        """When slow listings were asked for."""
        self.most_wide_listings = 0
        """The highest number of slow listings under way at the same time."""
        self._wide_listings = 0
        self._odd_members: dict[str, Mapping[str, Any]] = {}
        self._ssl_context = ssl_context
        self._log: dict[int, LoggedRequest] = {}
        self._seq = 0
        self._faults: list[Fault] = []
        self._crashes: list[Exception] = []
        self._in_flight: set[asyncio.Task[Any]] = set()
        self._runner: web.AppRunner | None = None
        self._listener: asyncio.Server | None = None
        self._port = 0

    # What a subclass provides

    @abstractmethod
    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Register the handlers."""

    @abstractmethod
    def user_of(self, request: web.Request) -> str | None:
        """Name the user whose token *request* carries; None without a good one."""

    @abstractmethod
    def error_response(
        self, status: int, request: web.Request, message: str | None = None
    ) -> web.Response:
        """Build the error answer that this kind of server gives."""

    @abstractmethod
    def snapshot(self) -> Any:
        """Copy whatever a request can change."""

    @abstractmethod
    def restore(self, snapshot: Any) -> None:
        """Put back what `snapshot` copied."""

    # Listings

    def spoil(self, item_id: str, members: Mapping[str, Any]) -> None:
        """Have every row of an item say *members* in place of what is true.

        An object among them replaces only those members of its own that it names.
        """
        self._odd_members[item_id] = members

    def spoilt(self, item_id: str, row: dict[str, Any]) -> dict[str, Any]:
        """Return a row with whatever `spoil` was told of its item."""
        for name, value in self._odd_members.get(item_id, {}).items():
            known = row.get(name)
            if isinstance(value, Mapping) and isinstance(known, Mapping):
                row[name] = {**known, **value}
            else:
                row[name] = value
        return row

    def told_total(self, rows: int) -> int:
        """Return what is said of a listing that has so many rows."""
        return max(rows + self.totals_off, 0)

    # Life

    @property
    def port(self) -> int:
        """The port; it stays the same while the server is dark."""
        if not self._port:
            raise RuntimeError("the server was never started")
        return self._port

    @property
    def url(self) -> str:
        """The address, without a slash at the end."""
        scheme = "https" if self._ssl_context else "http"
        return f"{scheme}://{HOST}:{self.port}"

    @property
    def is_listening(self) -> bool:
        """Whether the port accepts connections."""
        return self._listener is not None

    async def start(self, port: int = 0) -> Self:
        """Listen on *port* of 127.0.0.1; 0 picks a free one."""
        if self._runner is not None:
            raise RuntimeError("the server runs already")
        app = web.Application(middlewares=[self._middleware])
        self.add_routes(app.router)
        app.on_response_prepare.append(self._stamp)
        self._runner = web.AppRunner(
            # How long a request line may be is for each kind of server to say.
            app,
            access_log=None,
            shutdown_timeout=0.1,
            max_line_size=1 << 16,
        )
        await self._runner.setup()
        self._port = port
        await self._listen()
        return self

    async def stop(self) -> None:
        """Stop for good; raises what went wrong inside the handlers, if anything."""
        await self.go_dark()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
            # aiohttp remembers the last 1,024 applications that were asked anything,
            # and each of them its server: a gigabyte of libraries after a while.
            web_app._cached_build_middleware.cache_clear()
        if self._crashes:
            crashes, self._crashes = self._crashes, []
            raise ExceptionGroup("the simulated server itself failed", crashes)

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def go_dark(self) -> None:
        """Refuse connections and cut the live ones, sockets and answers included."""
        if (listener := self._listener) is None:
            return
        self._listener = None
        listener.close()
        listener.abort_clients()
        tasks = tuple(self._in_flight)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await listener.wait_closed()

    async def come_back(self) -> None:
        """Listen again, on the same port."""
        if self._listener is None:
            await self._listen()

    async def restart(self) -> None:
        """Go dark, forget what a restart forgets, and come back."""
        await self.go_dark()
        self.on_restart()
        await self.come_back()

    async def restart_renumbered(self, new_ids: Mapping[str, str]) -> None:
        """Come back from another database, in which works have other ids.

        *new_ids* are as `renumber` takes them.
        """
        await self.go_dark()
        self.on_restart()
        self.renumber(new_ids)
        await self.come_back()

    async def _listen(self) -> None:
        if self._runner is None or self._runner.server is None:
            raise RuntimeError("the server is stopped")
        self._listener = await asyncio.get_running_loop().create_server(
            self._runner.server, HOST, self._port, ssl=self._ssl_context
        )
        self._port = self._listener.sockets[0].getsockname()[1]

    # The log

    @property
    def requests(self) -> list[LoggedRequest]:
        """Every request since the start or `clear_log`, in order of arrival."""
        return list(self._log.values())

    def find(
        self, path_regex: str | None = None, method: str | None = None
    ) -> list[LoggedRequest]:
        """List the logged requests of that method whose path matches."""
        pattern = re.compile(path_regex or "")
        return [
            entry
            for entry in self._log.values()
            if pattern.search(entry.path) and method in {None, entry.method}
        ]

    def count(self, path_regex: str | None = None, method: str | None = None) -> int:
        """How many logged requests of that method have a path that matches."""
        return len(self.find(path_regex, method))

    def clear_log(self) -> None:
        """Forget the logged requests and the peak of `most_in_flight`."""
        self._log.clear()
        self.most_in_flight = 0

    # Faults

    def fail(
        self,
        kind: FaultKind,
        *,
        path: str | None = None,
        method: str | None = None,
        times: int | None = 1,
        after: int = 0,
        status: int | None = None,
        retry_after: float | str | None = None,
        delay: float = 0,
        body: str | None = None,
        location: str = "/login",
    ) -> Fault:
        """Break the next *times* requests that match (None: until cleared).

        *path* is a regular expression searched in the path; *after* lets that many
        matching requests pass first; *delay* is in seconds; *status* is 500 for
        STATUS, 502 for HTML and 302 for REDIRECT unless given. Where several faults
        match, the oldest that is not used up strikes.
        """
        fault = Fault(
            kind=kind,
            path=re.compile(path) if path is not None else None,
            method=method,
            times=times,
            after=after,
            status=status,
            retry_after=None if retry_after is None else str(retry_after),
            delay=delay,
            body=body,
            location=location,
        )
        self._faults.append(fault)
        return fault

    def remove_fault(self, fault: Fault) -> None:
        """Break in that way no more; the others stay."""
        self._faults.remove(fault)

    def clear_faults(self) -> None:
        """Work again."""
        self._faults.clear()

    # Requests

    @web.middleware
    async def _middleware(
        self, request: web.Request, handler: Handler
    ) -> web.StreamResponse:
        body = await _decode(request)
        self._seq += 1
        request[_SEQ] = self._seq
        self._log[self._seq] = LoggedRequest(
            seq=self._seq,
            method=request.method,
            path=request.path,
            query=MultiDictProxy(MultiDict(request.query)),
            headers=request.headers,
            body=body,
            user=self.user_of(request),
            at=self.clock(),
        )
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a request is handled within a task")
        self._in_flight.add(task)
        self.most_in_flight = max(
            self.most_in_flight, len(self._in_flight) - len(self.sockets)
        )
        try:
            response = await self._break(request, handler)
        finally:
            self._in_flight.discard(task)
        if response is None:
            # Nothing can be written any more; this only satisfies the protocol.
            _cut(request)
            return web.Response()
        self._answered(request, response.status)
        return response

    async def _break(
        self, request: web.Request, handler: Handler
    ) -> web.StreamResponse | None:
        """Answer, through the first fault that strikes; None means no answer."""
        fault = next((found for found in self._faults if found.take(request)), None)
        if fault is None:
            return await self._handle(request, handler)
        match fault.kind:
            case FaultKind.STATUS:
                response = self.error_response(fault.status or 500, request, fault.body)
                if fault.retry_after is not None:
                    response.headers[hdrs.RETRY_AFTER] = fault.retry_after
                return response
            case FaultKind.SLOW:
                await asyncio.sleep(fault.delay)
                return await self._handle(request, handler)
            case FaultKind.APPLIED_BUT_SLOW:
                answer = await self._handle(request, handler)
                await asyncio.sleep(fault.delay)
                return answer
            case FaultKind.APPLIED_BUT_DROPPED:
                await self._handle(request, handler)
                return None
            case FaultKind.DROPPED:
                return None
            case FaultKind.NOT_APPLIED:
                return await self._pretend(request, handler)
            case FaultKind.HTML:
                return web.Response(
                    status=fault.status or 502,
                    text=fault.body or PROXY_PAGE,
                    content_type="text/html",
                )
            case FaultKind.TRUNCATED:
                return _halve(await self._handle(request, handler))
            case FaultKind.REDIRECT:
                return web.Response(
                    status=fault.status or 302,
                    headers={hdrs.LOCATION: fault.location},
                )

    async def _handle(
        self, request: web.Request, handler: Handler
    ) -> web.StreamResponse:
        if self.slow_listings and self.lists_widely(request):
            await self._list_slowly()
        try:
            return await handler(request)
        except RefusalError as refusal:
            return self.error_response(refusal.status, request, refusal.message)
        except web.HTTPException as error:
            return self.error_response(error.status, request)
        except Exception as error:
            # A fault of the simulation, not of the client: `stop` reports it.
            self._crashes.append(error)
            raise

    async def _list_slowly(self) -> None:
        self.wide_listings.append(self.clock())
        self._wide_listings += 1
        self.most_wide_listings = max(self.most_wide_listings, self._wide_listings)
        try:
            await asyncio.sleep(self.slow_listings)
        finally:
            self._wide_listings -= 1

    async def _pretend(
        self, request: web.Request, handler: Handler
    ) -> web.StreamResponse:
        """Answer what would be answered, and undo it.

        Sound because no handler of a simulated server waits between its changes.
        """
        before = self.snapshot()
        self.muted = True
        try:
            return await self._handle(request, handler)
        finally:
            self.muted = False
            self.restore(before)

    def _answered(self, request: web.Request, status: int) -> None:
        # Gone if the log was cleared meanwhile.
        if entry := self._log.get(request[_SEQ]):
            self._log[entry.seq] = replace(entry, status=status)

    async def _stamp(self, _request: web.Request, response: web.StreamResponse) -> None:
        """Date the answer by the simulated clock, as a server of that time would."""
        response.headers[hdrs.DATE] = format_datetime(self.clock(), usegmt=True)

    # Sockets

    async def serve_socket(
        self,
        request: web.Request,
        user: str | None,
        *,
        heartbeat: float | None = None,
    ) -> web.WebSocketResponse:
        """Open a websocket and serve it until it closes.

        Messages of the client go to `on_socket_message`; a ping goes out after
        *heartbeat* seconds of silence.
        """
        # A client that does not answer the good-bye is not waited for long.
        response = web.WebSocketResponse(timeout=1)
        await response.prepare(request)
        self._answered(request, 101)
        socket = FakeSocket(request, user)
        self.sockets.append(socket)
        writer = asyncio.create_task(_write(socket, response, heartbeat))
        try:
            self.on_socket_open(socket)
            async for message in response:
                if message.type is WSMsgType.TEXT:
                    decoded = _from_json(message.data)
                    socket.received.append(decoded)
                    self.on_socket_message(socket, decoded)
        finally:
            self.sockets.remove(socket)
            self.on_socket_closed(socket)
            socket.closed.set()
            if not socket.closing:
                writer.cancel()
            with suppress(asyncio.CancelledError):
                await writer
        return response

    async def drop_sockets(self) -> None:
        """Cut every websocket connection, without a closing handshake."""
        while self.sockets:
            for socket in tuple(self.sockets):
                socket.abort()
            await asyncio.sleep(0)


async def _write(
    socket: FakeSocket, response: web.WebSocketResponse, heartbeat: float | None
) -> None:
    try:
        await socket.write_to(response, heartbeat)
    except ConnectionError:
        # The reader notices as well, and ends the connection.
        socket.abort()


async def _decode(request: web.Request) -> Any:
    text = await request.text() if request.can_read_body else ""
    return _from_json(text) if text else None


def _from_json(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _cut(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


def _halve(response: web.StreamResponse) -> web.StreamResponse:
    if not isinstance(response, web.Response) or not isinstance(response.body, bytes):
        return response
    response.body = response.body[: len(response.body) // 2]
    return response
