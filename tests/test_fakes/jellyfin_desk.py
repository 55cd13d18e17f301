"""Clients with which the tests of the simulated Jellyfin talk to it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
import json
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType
from yarl import URL

from tests.fakes.base import FakeClock
from tests.fakes.jellyfin import FakeJellyfin

PATIENCE = 30
"""Seconds after which a message that did not come is missed."""
ALL_PROFILES = ("10.10", "10.11", "12.0")


def authorization(
    token: str | None = None,
    *,
    client: str = "Test",
    device: str = "Test",
    device_id: str = "test-device",
    version: str = "1.0",
) -> dict[str, str]:
    """Build the header of a well-behaved client."""
    fields = {
        "Client": client,
        "Device": device,
        "DeviceId": device_id,
        "Version": version,
    }
    if token is not None:
        fields["Token"] = token
    parts = (f'{name}="{quote(value, safe="")}"' for name, value in fields.items())
    return {"Authorization": "MediaBrowser " + ", ".join(parts)}


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, read to its end."""

    status: int
    text: str
    headers: Mapping[str, str]
    raw: bytes

    @property
    def json(self) -> Any:
        """The decoded body."""
        return json.loads(self.text)


class Ear:
    """A websocket to the server."""

    def __init__(self, ws: ClientWebSocketResponse) -> None:
        self.ws = ws

    async def message(self) -> dict[str, Any]:
        """Wait for the next message."""
        frame = await self.ws.receive(timeout=PATIENCE)
        assert frame.type is WSMsgType.TEXT, frame
        found: dict[str, Any] = json.loads(frame.data)
        return found

    async def next(self, kind: str) -> Any:
        """Wait for the next message, which must be of that kind; returns Data."""
        message = await self.message()
        assert message["MessageType"] == kind, message
        return message.get("Data")

    async def say(self, kind: str, data: Any = None) -> None:
        """Send a message."""
        await self.ws.send_str(json.dumps({"MessageType": kind, "Data": data}))

    async def is_silent(self) -> bool:
        """Whether nothing lies between now and the answer to a KeepAlive."""
        await self.say("KeepAlive")
        return (await self.message())["MessageType"] == "KeepAlive"

    async def closed(self) -> int | None:
        """Wait for the end; returns the code with which the server closed."""
        frame = await self.ws.receive(timeout=PATIENCE)
        assert frame.type in {WSMsgType.CLOSE, WSMsgType.CLOSED}, frame
        return self.ws.close_code


class Person:
    """Somebody with a client; without a token, a stranger."""

    def __init__(
        self,
        jf: FakeJellyfin,
        session: ClientSession,
        headers: Mapping[str, str],
        user_id: str = "",
    ) -> None:
        self.jf = jf
        self.session = session
        self.headers = dict(headers)
        self.id = user_id

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        encoded: bool = False,
        **params: Any,
    ) -> Reply:
        """Send a request."""
        url = URL(self.jf.url + path, encoded=encoded)
        if params:
            url = url.with_query({name: str(value) for name, value in params.items()})
        async with self.session.request(
            method,
            url,
            json=body,
            headers=self.headers if headers is None else headers,
            allow_redirects=False,
        ) as response:
            raw = await response.read()
            text = raw.decode(errors="replace")
            return Reply(response.status, text, response.headers, raw)

    async def get(self, path: str, **params: Any) -> Reply:
        """Read something."""
        return await self.ask("GET", path, **params)

    async def read(self, path: str, **params: Any) -> Any:
        """Read something that must be there."""
        reply = await self.get(path, **params)
        assert reply.status == 200, reply
        return reply.json

    async def names(self, path: str = "/Items", **params: Any) -> list[str]:
        """Read the names of listed items."""
        page = await self.read(path, **params)
        return [item["Name"] for item in page["Items"]]

    async def mark(self, item_id: str, **params: Any) -> Any:
        """Mark watched; returns the user data."""
        reply = await self.ask("POST", f"/UserPlayedItems/{item_id}", **params)
        assert reply.status == 200, reply
        return reply.json

    async def unmark(self, item_id: str, **params: Any) -> Any:
        """Mark unwatched; returns the user data."""
        reply = await self.ask("DELETE", f"/UserPlayedItems/{item_id}", **params)
        assert reply.status == 200, reply
        return reply.json

    async def write(self, item_id: str, **members: Any) -> Any:
        """Write user data; returns them."""
        reply = await self.ask("POST", f"/UserItems/{item_id}/UserData", members)
        assert reply.status == 200, reply
        return reply.json

    async def report(self, what: str, **members: Any) -> int:
        """Report playback (`""`, `/Progress`, `/Stopped`); returns the status."""
        return (await self.ask("POST", f"/Sessions/Playing{what}", members)).status

    @asynccontextmanager
    async def listen(self, path: str = "/socket") -> AsyncIterator[Ear]:
        """Open a websocket."""
        url = self.jf.url + path
        async with self.session.ws_connect(url, headers=self.headers) as ws:
            yield Ear(ws)


class Desk:
    """A running server, and people who use it."""

    def __init__(self, jf: FakeJellyfin) -> None:
        self.jf = jf
        self.session = ClientSession()
        self.stranger = Person(jf, self.session, {})
        self.alex = self.person("alex")
        self.kim = self.person("kim")
        self.root = self.person("root")

    def person(self, name: str, device_id: str | None = None) -> Person:
        """Sign somebody in, each on a device of their own."""
        device_id = device_id or f"{name}-device"
        token = self.jf.token_for(name, device_id)
        headers = authorization(token, device_id=device_id)
        return Person(self.jf, self.session, headers, self.jf.user_id(name))

    def with_headers(self, headers: Mapping[str, str]) -> Person:
        """Let somebody speak with these headers."""
        return Person(self.jf, self.session, headers)

    async def login(
        self, name: str, password: str | None = None, device_id: str = "test-device"
    ) -> Reply:
        """Sign in with a password, the right one unless given."""
        body = {
            "Username": name,
            "Pw": self.jf.password(name) if password is None else password,
        }
        return await self.stranger.ask(
            "POST",
            "/Users/AuthenticateByName",
            body,
            headers=authorization(device_id=device_id),
        )

    async def __aenter__(self) -> Self:
        await self.jf.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.session.close()
        await self.jf.stop()


def open_desk(profile: str = "10.11", **options: Any) -> Desk:
    """Make a server whose debounce is short enough to wait for."""
    options.setdefault("clock", FakeClock())
    options.setdefault("debounce", 0.01)
    options.setdefault("library_debounce", 0.01)
    return Desk(FakeJellyfin(profile=profile, **options))
