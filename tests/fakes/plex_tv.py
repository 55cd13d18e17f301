"""The simulated plex.tv: accounts, sign-in by PIN, servers and their tokens, the Home.

One server stands for `plex.tv`, `clients.plex.tv` and the sign-in page of
`app.plex.tv`. Accounts are the users of the simulated servers it knows.
"""

from collections.abc import Iterable, Mapping, Sequence
import copy
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
import hashlib
import html
import json
import secrets
import socket
from typing import Any, Final, Self, override

from aiohttp import web

from .base import HOST, FakeClock, FakeServer, RefusalError
from .plex import FakePlex, PlexRole, PlexUser
from .plex.query import plex_argument
from .plex.wire import to_xml, wants_json

STRONG_LIFETIME: Final = timedelta(seconds=1800)
"""How long the code of a browser sign-in is good."""
SHORT_LIFETIME: Final = timedelta(seconds=900)
"""How long the four characters to be typed at plex.tv/link are good."""

_CODE_LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"

_NO_CLIENT: Final = "no client"
_PIN_GONE: Final = "pin gone"
_HOME_PIN: Final = "home pin"
_ERRORS: Final[Mapping[int | str, tuple[int, str]]] = {
    400: (1000, "Bad request"),
    401: (1001, "User could not be authenticated"),
    403: (1008, "You do not have permission"),
    404: (1002, "The requested resource could not be found"),
    422: (1001, "Invalid token"),
    429: (1003, "Too many requests"),
    _NO_CLIENT: (1000, "X-Plex-Client-Identifier is missing"),
    _PIN_GONE: (1020, "Code not found or expired"),
    _HOME_PIN: (1041, "Invalid or missing PIN"),
}

_SIGN_IN_PAGE: Final = """<!DOCTYPE html>
<html><head><title>Sign in</title></head><body><h1>Sign in to simulated Plex</h1>
<div id="who">{buttons}</div>
<script>
const given = new URLSearchParams(location.hash.replace(/^#!?\\??/, ""));
for (const button of document.querySelectorAll("button")) {{
  button.onclick = async () => {{
    const body = JSON.stringify({{code: given.get("code"), user: button.value}});
    const answer = await fetch("/auth/approve", {{method: "POST", body}});
    const next = given.get("forwardUrl");
    if (answer.ok && next) location.href = next;
    else document.getElementById("who").textContent =
      answer.ok ? "Signed in. You may close this page." : "This code is not good.";
  }};
}}
</script></body></html>
"""


@dataclass(frozen=True, slots=True)
class Connection:
    """One address of a server, as `/api/v2/resources` lists it."""

    protocol: str
    address: str
    port: int
    uri: str
    local: bool
    relay: bool = False


@dataclass(slots=True)
class Pin:
    """One sign-in under way; *user* is set once it was approved."""

    number: int
    code: str
    client_id: str
    product: str
    created_at: datetime
    lifetime: timedelta
    user: str | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """What an account token stands for."""

    user: str
    client_id: str


@dataclass(slots=True)
class _State:
    """Whatever a request can change."""

    pins: dict[int, Pin] = field(default_factory=dict)
    grants: dict[str, Grant] = field(default_factory=dict)
    server_tokens: dict[str, dict[str, str]] = field(default_factory=dict)
    next_pin: int = 1000001


class FakePlexTv(FakeServer):
    """plex.tv with the accounts and servers of *servers*."""

    def __init__(
        self, servers: Sequence[FakePlex] = (), *, clock: FakeClock | None = None
    ) -> None:
        super().__init__(clock=clock or (servers[0].clock if servers else None))
        self.users: dict[str, PlexUser] = {}
        self.connections: dict[str, list[Connection]] = {}
        """Addresses by machineIdentifier, where a test wants others than usual."""
        self.offline: set[str] = set()
        """Servers (by machineIdentifier) whose presence is not known."""
        self._servers: list[FakePlex] = []
        self._state = _State()
        self._closed_port: socket.socket | None = None
        for server in servers:
            self.add_server(server)

    # What a test sees and does

    def add_server(self, server: FakePlex) -> None:
        """List a server, and know its users."""
        self._servers.append(server)
        self.users |= server.users

    def remove_server(self, server: FakePlex) -> None:
        """List a server no longer; its users stay."""
        self._servers.remove(server)

    def account_token(self, user: str, client_id: str = "test") -> str:
        """Sign the user in on one client, and return the new account token.

        Like every completed sign-in it ends the client's earlier one.
        """
        for token, grant in tuple(self._state.grants.items()):
            if grant == Grant(user, client_id):
                self.revoke(token)
        return self._grant(user, client_id)

    def server_token(self, account_token: str, server: FakePlex) -> str:
        """Return the token for one server that resources gives to that account."""
        grant = self._state.grants[account_token]
        return self._server_token(account_token, grant, server)

    def issue_jwt(self, user: str, client_id: str = "test") -> str:
        """Make a token of the new kind, which servers do not accept."""
        token = f"eyJhbGciOiJFZERTQSJ9.{secrets.token_hex(12)}.{secrets.token_hex(12)}"
        self._state.grants[token] = Grant(user, client_id)
        return token

    def approve(self, code: str, user: str) -> None:
        """Do what the browser does: let the user sign in with this code.

        Raises LookupError for an unknown or expired code.
        """
        for pin in self._state.pins.values():
            if pin.code == code and not self._is_over(pin):
                pin.user = user
                return
        raise LookupError("no such code")

    def revoke(self, token: str) -> None:
        """Make an account token, and the server tokens got with it, worth nothing."""
        self._state.grants.pop(token, None)
        derived = self._state.server_tokens.pop(token, {})
        for server in self._servers:
            server.revoke(token)
            if (own := derived.get(server.machine_identifier)) is not None:
                server.revoke(own)

    def sign_out_everywhere(self, user: str) -> None:
        """Revoke all the tokens of a user, as a change of password may."""
        for token, grant in tuple(self._state.grants.items()):
            if grant.user == user:
                self.revoke(token)

    @property
    def pins(self) -> list[Pin]:
        """Every sign-in that was begun, oldest first."""
        return list(self._state.pins.values())

    def unreachable_uri(self, scheme: str = "http") -> str:
        """An address of this machine that refuses connections."""
        return f"{scheme}://{HOST}:{self._refusing_port}"

    # Life

    @override
    async def start(self, port: int = 0) -> Self:
        # Bound and not listening: it refuses, and nobody else gets the port.
        self._closed_port = socket.socket()
        self._closed_port.bind((HOST, 0))
        return await super().start(port)

    @override
    async def stop(self) -> None:
        if self._closed_port is not None:
            self._closed_port.close()
            self._closed_port = None
        await super().stop()

    @property
    def _refusing_port(self) -> int:
        if self._closed_port is None:
            raise RuntimeError("the server was never started")
        return int(self._closed_port.getsockname()[1])

    # What the base asks for

    @override
    def add_routes(self, router: web.UrlDispatcher) -> None:
        router.add_post("/api/v2/pins", self._pin_create)
        router.add_put("/api/v2/pins/link", self._pin_link)
        router.add_get("/api/v2/pins/{number}", self._pin_poll)
        router.add_get("/api/v2/user", self._user)
        router.add_get("/api/v2/ping", self._ping)
        router.add_delete("/api/v2/users/signout", self._sign_out)
        router.add_get("/api/v2/resources", self._resources)
        router.add_get("/api/v2/home/users", self._home_users)
        router.add_post("/api/v2/home/users/{uuid}/switch", self._switch)
        router.add_get("/auth", self._sign_in_page)
        router.add_post("/auth/approve", self._approve)

    @override
    def user_of(self, request: web.Request) -> str | None:
        grant = self._state.grants.get(plex_argument(request, "X-Plex-Token") or "")
        return None if grant is None else grant.user

    @override
    def error_response(
        self, status: int, request: web.Request, message: str | None = None
    ) -> web.Response:
        fallback = (status * 10, message or "Something went wrong")
        code, text = _ERRORS.get(message or status) or _ERRORS.get(status, fallback)
        error = {"code": code, "message": text, "status": status}
        return _answer(request, "errors", {"errors": [error]}, status=status)

    @override
    def snapshot(self) -> _State:
        return copy.deepcopy(self._state)

    @override
    def restore(self, snapshot: _State) -> None:
        self._state = snapshot

    # Sign-in

    async def _pin_create(self, request: web.Request) -> web.Response:
        client_id = self._client_id(request)
        strong = request.query.get("strong") or _body(request, await request.text())
        lifetime = STRONG_LIFETIME if strong in {"true", "1"} else SHORT_LIFETIME
        length = 25 if lifetime is STRONG_LIFETIME else 4
        pin = Pin(
            number=self._state.next_pin,
            code="".join(secrets.choice(_CODE_LETTERS) for _ in range(length)),
            client_id=client_id,
            product=plex_argument(request, "X-Plex-Product") or "",
            created_at=self.clock(),
            lifetime=lifetime,
        )
        self._state.next_pin += 1
        self._state.pins[pin.number] = pin
        return _answer(request, "pin", self._show_pin(pin, None), status=201)

    async def _pin_poll(self, request: web.Request) -> web.Response:
        client_id = self._client_id(request)
        number = request.match_info["number"]
        pin = self._state.pins.get(int(number)) if number.isdigit() else None
        if pin is None or pin.client_id != client_id or self._is_over(pin):
            raise RefusalError(404, _PIN_GONE)
        token = None
        if pin.user is not None:
            token = self.account_token(pin.user, client_id)
            # It is given out once.
            del self._state.pins[pin.number]
        return _answer(request, "pin", self._show_pin(pin, token))

    async def _pin_link(self, request: web.Request) -> web.Response:
        user = self._signed_in(request)
        code = request.query.get("code") or (await request.post()).get("code")
        try:
            self.approve(str(code), user.name)
        except LookupError:
            raise RefusalError(404, _PIN_GONE) from None
        return web.Response(status=204)

    async def _sign_in_page(self, _request: web.Request) -> web.Response:
        buttons = "".join(
            f'<button value="{html.escape(user.name)}">{html.escape(user.name)}'
            "</button> "
            for user in self.users.values()
            if user.role is not PlexRole.MANAGED
        )
        return web.Response(
            text=_SIGN_IN_PAGE.format(buttons=buttons), content_type="text/html"
        )

    async def _approve(self, request: web.Request) -> web.Response:
        given = json.loads(await request.text())
        try:
            self.approve(str(given.get("code")), self.users[given.get("user")].name)
        except LookupError:
            raise RefusalError(404, _PIN_GONE) from None
        return web.Response(status=204)

    def _is_over(self, pin: Pin) -> bool:
        return self.clock() >= pin.created_at + pin.lifetime

    def _show_pin(self, pin: Pin, token: str | None) -> dict[str, Any]:
        expires_at = pin.created_at + pin.lifetime
        return {
            "id": pin.number,
            "code": pin.code,
            "product": pin.product,
            "trusted": False,
            "qr": f"https://plex.tv/api/v2/pins/qr/{pin.code}",
            "clientIdentifier": pin.client_id,
            "location": {},
            "expiresIn": int((expires_at - self.clock()).total_seconds()),
            "createdAt": _iso(pin.created_at),
            "expiresAt": _iso(expires_at),
            "authToken": token,
            "newRegistration": None,
        }

    # Accounts

    async def _user(self, request: web.Request) -> web.Response:
        user = self._signed_in(request)
        token = plex_argument(request, "X-Plex-Token")
        return _answer(request, "user", self._show_user(user, token))

    async def _ping(self, request: web.Request) -> web.Response:
        self._signed_in(request)
        return _answer(request, "pong", {"pong": True})

    async def _sign_out(self, request: web.Request) -> web.Response:
        self._signed_in(request)
        self.revoke(plex_argument(request, "X-Plex-Token") or "")
        return web.Response(status=204)

    @staticmethod
    def _show_user(user: PlexUser, token: str | None) -> dict[str, Any]:
        is_managed = user.role is PlexRole.MANAGED
        return {
            "id": user.user_id,
            "uuid": user.uuid,
            "username": "" if is_managed else user.name,
            "title": user.name,
            "email": "" if is_managed else f"{user.name}@example.com",
            "friendlyName": "",
            "thumb": f"https://plex.tv/users/{user.uuid}/avatar",
            "confirmed": True,
            "protected": user.pin is not None,
            "restricted": is_managed,
            "home": user.is_home,
            "homeAdmin": user.is_owner,
            "guest": False,
            "authToken": token,
            "subscription": {"active": False, "status": "Inactive"},
        }

    async def _home_users(self, request: web.Request) -> web.Response:
        self._home_member(request)
        users = [
            {
                "id": user.user_id,
                "uuid": user.uuid,
                "title": user.name,
                "username": None if user.role is PlexRole.MANAGED else user.name,
                "friendlyName": None,
                "admin": user.is_owner,
                "guest": False,
                "restricted": user.role is PlexRole.MANAGED,
                "protected": user.pin is not None,
                "thumb": f"https://plex.tv/users/{user.uuid}/avatar",
                "updatedAt": int(self.clock().timestamp()),
            }
            for user in self.users.values()
            if user.is_home
        ]
        content = {"id": 1, "name": "Home", "guestEnabled": False, "users": users}
        return _answer(request, "home", content)

    async def _switch(self, request: web.Request) -> web.Response:
        self._home_member(request)
        client_id = self._client_id(request)
        for user in self.users.values():
            if user.uuid == request.match_info["uuid"] and user.is_home:
                break
        else:
            raise RefusalError(404)
        if user.pin is not None and request.query.get("pin") != user.pin:
            raise RefusalError(403, _HOME_PIN)
        token = self._grant(user.name, client_id)
        return _answer(request, "user", self._show_user(user, token), status=201)

    def _home_member(self, request: web.Request) -> PlexUser:
        user = self._signed_in(request)
        if not user.is_home:
            raise RefusalError(403)
        return user

    # Servers

    async def _resources(self, request: web.Request) -> web.Response:
        user = self._signed_in(request)
        token = plex_argument(request, "X-Plex-Token") or ""
        grant = self._state.grants[token]
        found = [
            self._show_server(server, server.users[user.name], token, grant)
            for server in self._servers
            if user.name in server.users
        ]
        found.append(self._show_player(user))
        if wants_json(request):
            return web.json_response(found)
        return _answer(request, "resources", {"resource": found})

    def _show_server(
        self, server: FakePlex, user: PlexUser, token: str, grant: Grant
    ) -> dict[str, Any]:
        owner = server.owner
        # With a token of the new kind, owned servers get that very token.
        is_echoed = token.startswith("eyJ") and user.is_owner
        return {
            "name": server.name,
            "product": "Plex Media Server",
            "productVersion": server.options.version,
            "platform": "Linux",
            "provides": "server",
            "clientIdentifier": server.machine_identifier,
            "accessToken": (
                token if is_echoed else self._server_token(token, grant, server)
            ),
            "owned": user.is_owner,
            "ownerId": None if user.is_owner else owner.user_id,
            "sourceTitle": None if user.is_owner else owner.name,
            "home": user.is_home,
            "publicAddressMatches": True,
            "httpsRequired": False,
            "relay": True,
            "presence": server.machine_identifier not in self.offline,
            "dnsRebindingProtection": False,
            "natLoopbackSupported": False,
            "synced": False,
            "publicAddress": "203.0.113.7",
            "createdAt": "2024-01-01T00:00:00Z",
            "lastSeenAt": _iso(self.clock()),
            "connections": [
                asdict(connection) | {"IPv6": False}
                for connection in self._connections_of(server)
            ],
        }

    def _show_player(self, user: PlexUser) -> dict[str, Any]:
        """List something that is no server, as accounts have many."""
        return {
            "name": "Living Room",
            "product": "Plex for TV",
            "provides": "client,player",
            "clientIdentifier": f"player-of-{user.uuid}",
            "accessToken": None,
            "owned": True,
            "presence": True,
            "connections": [],
        }

    def _connections_of(self, server: FakePlex) -> Iterable[Connection]:
        """Say where a server may be: the first address refuses, the others answer."""
        if (chosen := self.connections.get(server.machine_identifier)) is not None:
            return chosen
        scheme = server.url.partition(":")[0]
        here = (scheme, HOST, server.port, server.url)
        return (
            Connection(
                "https",
                HOST,
                self._refusing_port,
                self.unreachable_uri("https"),
                local=True,
            ),
            Connection(*here, local=True),
            Connection(*here, local=False),
            Connection(*here, local=False, relay=True),
        )

    # Tokens

    def _grant(self, user: str, client_id: str) -> str:
        if user not in self.users:
            raise LookupError(f"nobody is called {user}")
        token = secrets.token_urlsafe(15)
        self._state.grants[token] = Grant(user, client_id)
        for server in self._servers:
            # An owner's account token opens the owner's server as well.
            if user in server.users and server.users[user].is_owner:
                server.accept_token(token, user)
        return token

    def accept_token(self, token: str, user: str) -> None:
        """Know *token* as one of that user's account."""
        self._state.grants[token] = Grant(user, client_id="")

    def _server_token(self, token: str, grant: Grant, server: FakePlex) -> str:
        known = self._state.server_tokens.setdefault(token, {})
        if (found := known.get(server.machine_identifier)) is None:
            found = hashlib.sha256(
                f"{token} {server.machine_identifier}".encode()
            ).hexdigest()[:20]
            known[server.machine_identifier] = found
            server.accept_token(found, grant.user)
        return found

    def _signed_in(self, request: web.Request) -> PlexUser:
        name = self.user_of(request)
        if name is None:
            raise RefusalError(401)
        return self.users[name]

    @staticmethod
    def _client_id(request: web.Request) -> str:
        client_id = plex_argument(request, "X-Plex-Client-Identifier")
        if not client_id:
            raise RefusalError(400, _NO_CLIENT)
        return client_id


def _answer(
    request: web.Request, tag: str, content: Mapping[str, Any], *, status: int = 200
) -> web.Response:
    """Answer in JSON where `Accept` asks for it, in XML otherwise."""
    if wants_json(request):
        return web.json_response(content, status=status)
    return web.Response(
        text=to_xml(tag, content),
        content_type="application/xml",
        charset="utf-8",
        status=status,
    )


def _body(request: web.Request, text: str) -> str:
    """Read `strong` where it came in the body."""
    if request.content_type != "application/json" or not text:
        return ""
    return "true" if json.loads(text).get("strong") is True else ""


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
