"""A server that passes everything on to another one, and logs it."""

import asyncio
from contextvars import ContextVar
from typing import Any, Self, override

from aiohttp import (
    ClientSession,
    ClientTimeout,
    ClientWebSocketResponse,
    WSMsgType,
    WSServerHandshakeError,
    hdrs,
    web,
)
from yarl import URL

from tests.fakes.base import FakeClock, FakeServer, FakeSocket

#: What belongs to one connection and not to what is said over it.
_OF_THE_CONNECTION = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "date",
        "host",
        "keep-alive",
        "transfer-encoding",
        "upgrade",
    }
)
_PATIENCE = ClientTimeout(total=120)
_stream: ContextVar[ClientWebSocketResponse] = ContextVar("stream")


class PassingServer(FakeServer):
    """Stands in front of a real server: the log is that of a simulated one."""

    def __init__(self, url: str) -> None:
        """Pass on to the server at *url*."""
        super().__init__(clock=FakeClock(ticking=True))
        self._url = url
        self._session: ClientSession | None = None
        self._pumps: dict[FakeSocket, asyncio.Task[None]] = {}
        self._streams: dict[FakeSocket, ClientWebSocketResponse] = {}
        self._sending: set[asyncio.Task[None]] = set()
        self._quiet_at = 0.0

    def hush(self, seconds: float) -> None:
        """Open no socket before: what others did until now is told of until then."""
        self._quiet_at = asyncio.get_running_loop().time() + seconds

    @override
    async def start(self, port: int = 0) -> Self:
        self._session = ClientSession(timeout=_PATIENCE)
        return await super().start(port)

    @override
    async def stop(self) -> None:
        await super().stop()
        for task in (*self._pumps.values(), *self._sending):
            task.cancel()
        if self._session is not None:
            await self._session.close()

    @override
    def add_routes(self, router: web.UrlDispatcher) -> None:
        router.add_route(hdrs.METH_ANY, "/{path:.*}", self._pass_on)

    @override
    def user_of(self, request: web.Request) -> str | None:
        return None

    @override
    def error_response(
        self, status: int, request: web.Request, message: str | None = None
    ) -> web.Response:
        return web.Response(status=status, text=message)

    @override
    def snapshot(self) -> Any:
        raise NotImplementedError("a real server cannot be put back")

    @override
    def restore(self, snapshot: Any) -> None:
        raise NotImplementedError("a real server cannot be put back")

    async def _pass_on(self, request: web.Request) -> web.StreamResponse:
        assert self._session is not None
        url = URL(self._url + request.raw_path, encoded=True)
        headers = {
            name: value
            for name, value in request.headers.items()
            if name.lower() not in _OF_THE_CONNECTION
        }
        if hdrs.UPGRADE in request.headers:
            return await self._bridge(request, url, headers)
        async with self._session.request(
            request.method,
            url,
            data=await request.read() or None,
            headers=headers,
            allow_redirects=False,
        ) as answer:
            return web.Response(
                status=answer.status,
                body=await answer.read(),
                headers={
                    name: value
                    for name, value in answer.headers.items()
                    if name.lower() not in _OF_THE_CONNECTION
                },
            )

    # -- sockets -------------------------------------------------------------

    async def _bridge(
        self, request: web.Request, url: URL, headers: dict[str, str]
    ) -> web.StreamResponse:
        assert self._session is not None
        kept = {
            name: value
            for name, value in headers.items()
            if not name.lower().startswith("sec-websocket-")
        }
        await asyncio.sleep(self._quiet_at - asyncio.get_running_loop().time())
        try:
            stream = await self._session.ws_connect(url, headers=kept)
        except WSServerHandshakeError as refused:
            return web.Response(status=refused.status)
        _stream.set(stream)
        try:
            return await self.serve_socket(request, None)
        finally:
            await stream.close()

    @override
    def on_socket_open(self, socket: FakeSocket) -> None:
        self._streams[socket] = stream = _stream.get()
        self._pumps[socket] = asyncio.create_task(_hear(stream, socket))

    @override
    def on_socket_message(self, socket: FakeSocket, message: Any) -> None:
        task = asyncio.create_task(_send(self._streams[socket], message))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    @override
    def on_socket_closed(self, socket: FakeSocket) -> None:
        del self._streams[socket]
        self._pumps.pop(socket).cancel()


async def _hear(stream: ClientWebSocketResponse, socket: FakeSocket) -> None:
    async for message in stream:
        if message.type is WSMsgType.TEXT:
            socket.push(message.data)
    socket.close()


async def _send(stream: ClientWebSocketResponse, message: Any) -> None:
    if isinstance(message, str):
        await stream.send_str(message)
    else:
        await stream.send_json(message)
