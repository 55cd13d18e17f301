"""Plex accounts: signing in at plex.tv, servers, the users of a Home.

Sources: "Authenticating with Plex" and "Talking to PMS" in Plex OpenAPI 1.2.0;
python-plexapi for the order of addresses. The token of an account goes to plex.tv
and nowhere else: each server of the account has a token of its own.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
import json
from typing import Final
from urllib.parse import quote, urlencode

from aiohttp import ClientSession

from ...core.errors import (
    AuthRejected,
    Busy,
    CertificateRefused,
    Forbidden,
    ItemGone,
    Malformed,
    ServerError,
    Unreachable,
    WrongServer,
)
from ..approval import CodeExpired
from ..fields import (
    Json,
    Oddities,
    Row,
    as_row,
    entries,
    identifier,
    name,
    number,
    secret,
    text,
)
from ..transport import Transport
from . import wire
from .client import OWNER_ID, PLEX_TV, PRODUCT, client_headers

#: Where a browser signs in.
SIGN_IN: Final = "https://app.plex.tv"

#: Seconds until an address is given up, and the next best is taken.
PROBE_TIMEOUT: Final = 10.0

# The documentation asks for some things here; everything else is at plex.tv.
_CLIENTS: Final = "https://clients.plex.tv"

_UNPROCESSABLE: Final = 422
_WRONG_HOME_PIN: Final = 1041

#: Seconds that a sign-in lasts where plex.tv does not say.
_LIFETIME: Final = 1800.0
_LONGEST_LIFETIME: Final = 24 * 3600.0


class PinRequired(Forbidden):
    """The Home user is protected: the PIN is missing or wrong (403, code 1041)."""


@dataclass(frozen=True, slots=True)
class Pin:
    """One sign-in under way.

    A person opens `link` and signs in there; `lifetime` is in seconds.
    """

    pin_id: str
    code: str
    link: str
    lifetime: float


@dataclass(frozen=True, slots=True)
class PlexAccount:
    """Whose token it is; `name` is empty where the account has none."""

    user_id: str
    name: str


@dataclass(frozen=True, slots=True)
class HomeUser:
    """One user of a Plex Home; switching to a protected one takes their PIN.

    `name` is empty where the user has none.
    """

    user_id: str
    uuid: str
    name: str
    is_admin: bool
    is_protected: bool
    is_restricted: bool


@dataclass(frozen=True, slots=True)
class Connection:
    """One address of a server, as plex.tv knows it.

    The address of an encrypted one is a name below plex.direct, which is what the
    server's certificate proves; `plain` is the same place without encryption.
    """

    url: str
    plain: str | None
    is_local: bool
    is_relay: bool


@dataclass(frozen=True, slots=True)
class PlexServer:
    """One server that an account may use, and the account's token for it alone.

    `owner` names whose it is, None for one's own. `is_nearby` says that the server
    and Home Assistant share an address on the Internet.
    """

    server_id: str
    name: str
    token: str
    is_owned: bool
    owner: str | None
    is_nearby: bool
    is_online: bool
    needs_encryption: bool
    connections: tuple[Connection, ...]

    def __repr__(self) -> str:
        """Name the server's id, never the token."""
        return f"PlexServer(server_id={self.server_id!r})"

    def user_id_of(self, account_id: str) -> str:
        """Return the number that this server gives to the account of the token."""
        return OWNER_ID if self.is_owned else account_id

    @property
    def addresses(self) -> tuple[str, ...]:
        """Every address worth trying, the best first.

        Local before remote before relayed, encrypted before plain. An address in
        somebody else's local network leads nowhere, or to something else in ours.
        Without encryption only a local one is added: some routers refuse to resolve
        plex.direct, and over the Internet a token would be readable.
        """
        return tuple(dict.fromkeys(self._addresses()))

    def _addresses(self) -> Iterator[str]:
        local, remote, relayed = [], [], []
        for one in self.connections:
            if one.is_relay:
                relayed.append(one)
            elif not one.is_local:
                remote.append(one)
            elif self.is_owned or self.is_nearby:
                local.append(one)
        for group in (local, remote, relayed):
            urls = [one.url for one in group]
            if group is local and not self.needs_encryption:
                urls += [one.plain for one in group if one.plain is not None]
            yield from sorted(urls, key=lambda url: not url.startswith("https:"))


class PlexTv:
    """Requests to plex.tv, by one client.

    `client_id` is this entry's own: each finished sign-in ends the earlier token of
    the same account and client. Every method raises `ServerError` and nothing else:
    `AuthRejected` for a token that is no longer good, and `Busy` where plex.tv asks
    for patience (429, code 1003).
    """

    def __init__(
        self, session: ClientSession, client_id: str, *, url: str = PLEX_TV
    ) -> None:
        """Prepare requests; none is sent. *url* stands for all hosts of plex.tv.

        Raises `WrongAddress` if it is none.
        """
        self._session = session
        self._headers = client_headers(client_id)
        self._client_id = client_id
        own = url.rstrip("/") == PLEX_TV
        self._url = url
        self._clients_url = _CLIENTS if own else url
        self._sign_in_url = SIGN_IN if own else url.rstrip("/")
        self._stranger = self._at(url, None)

    # Signing in

    async def create_pin(self, forward_url: str | None = None) -> Pin:
        """Begin to sign in. `POST /api/v2/pins?strong=true`.

        *forward_url* is where the browser goes afterwards.
        """
        answer = await self._stranger.ask("/api/v2/pins", None, {"strong": "true"})
        pin = as_row(answer, "the PIN")
        code = identifier(pin, "code")
        fields = {
            "clientID": self._client_id,
            "code": code,
            "context[device][product]": PRODUCT,
        }
        if forward_url is not None:
            fields["forwardUrl"] = forward_url
        return Pin(
            pin_id=_path_id(pin, "id"),
            code=code,
            link=f"{self._sign_in_url}/auth#?{urlencode(fields, quote_via=quote)}",
            lifetime=_lifetime(pin),
        )

    async def poll(self, pin: Pin) -> str | None:
        """Return the account's token once somebody signed in, else None.

        `GET /api/v2/pins/{id}`; a token is given out once. Raises `CodeExpired`.
        """
        try:
            answer = await self._stranger.read(
                f"/api/v2/pins/{pin.pin_id}", may_be_missing=True
            )
        except ItemGone as error:
            raise CodeExpired("the sign-in has expired") from error
        return secret(as_row(answer, "the PIN"), "authToken")

    # The account

    async def account(self, token: str) -> PlexAccount:
        """Tell whose token it is. `GET /api/v2/user`."""
        answer = await self._at(self._url, token).read("/api/v2/user")
        return PlexAccount(*wire.parse_account(answer))

    async def home_users(self, token: str) -> tuple[HomeUser, ...]:
        """List the users of the account's Home. `GET /api/v2/home/users`.

        An account that is in no Home has none.
        """
        try:
            answer = await self._at(self._url, token).read(
                "/api/v2/home/users", may_be_missing=True
            )
        except Forbidden, ItemGone:
            return ()
        listed = entries(as_row(answer, "the Home"), "users")
        return tuple(Oddities().rows(_parse_home_user, listed))

    async def switch(self, token: str, user: HomeUser, pin: str | None = None) -> str:
        """Return the token of another user of the Home.

        `POST /api/v2/home/users/{uuid}/switch`. Raises `PinRequired` where their PIN
        is missing or wrong, even for the administrator.
        """
        answer = await self._at(self._clients_url, token).ask(
            f"/api/v2/home/users/{user.uuid}/switch",
            None,
            {} if pin is None else {"pin": pin},
        )
        return _needed_secret(as_row(answer, "the user"), "authToken")

    # Servers

    async def servers(self, token: str) -> tuple[PlexServer, ...]:
        """List the servers of the token's user, own ones first.

        `GET /api/v2/resources`, which also lists players.
        """
        answer = await self._at(self._clients_url, token).read(
            "/api/v2/resources",
            {"includeHttps": "1", "includeRelay": "1", "includeIPv6": "1"},
        )
        listed = entries({"resources": answer}, "resources")
        found = Oddities().rows(_parse_server, listed)
        return tuple(sorted(found, key=lambda server: not server.is_owned))

    async def server(self, token: str, server_id: str) -> PlexServer:
        """Return one server, with the token of this user for it.

        Raises `Forbidden` where this user has no access to it.
        """
        for server in await self.servers(token):
            if server.server_id == server_id:
                return server
        raise Forbidden("this user has no access to the server")

    def _at(self, url: str, token: str | None) -> Transport:
        headers = dict(self._headers)
        if token is not None:
            headers["X-Plex-Token"] = token
        return Transport(self._session, url, headers, explain=_explain)


async def find_address(session: ClientSession, server: PlexServer) -> str:
    """Return the best address at which the server itself answers.

    All are asked at once for `GET /identity`, without any token; of those where
    *server* answers, the first in the order of `PlexServer.addresses` is taken.
    Raises `Busy` or `CertificateRefused` where that is what stands in the way at one
    of them, else `Unreachable`.
    """
    addresses = server.addresses
    async with asyncio.TaskGroup() as group:
        probes = [
            group.create_task(_probe(session, address, server.server_id))
            for address in addresses
        ]
        errors: list[ServerError] = []
        for address, probe in zip(addresses, probes, strict=True):
            if (error := await probe) is None:
                for rest in probes:
                    rest.cancel()
                return address
            errors.append(error)
    for kind in (Busy, CertificateRefused):
        for error in errors:
            if isinstance(error, kind):
                raise error
    raise Unreachable("the server answers at none of its addresses")


async def _probe(
    session: ClientSession, address: str, server_id: str
) -> ServerError | None:
    """Say what stands in the way of using *address*, if anything does."""
    try:
        transport = Transport(session, address, {"Accept": "application/json"})
        async with asyncio.timeout(PROBE_TIMEOUT):
            answer = await transport.read("/identity", may_be_missing=True)
        if wire.parse_identity(answer).server_id != server_id:
            return WrongServer("another Plex Media Server answers at this address")
    except ServerError as error:
        return error
    except TimeoutError:
        return Unreachable("the address does not answer")
    return None


def _lifetime(pin: Row) -> float:
    """Return for how many seconds a PIN can be used, by the server or by custom."""
    told = Oddities().read(number, pin, "expiresIn")
    return told if told is not None and 0 < told <= _LONGEST_LIFETIME else _LIFETIME


def _needed_secret(parent: Row, key: str) -> str:
    if (token := secret(parent, key)) is None:
        raise Malformed(f"{key} is missing")
    return token


def _parse_home_user(user: Row) -> HomeUser:
    return HomeUser(
        user_id=identifier(user, "id"),
        uuid=_path_id(user, "uuid"),
        name=wire.account_name(user) or "",
        is_admin=_truth(user, "admin"),
        is_protected=_truth(user, "protected"),
        is_restricted=_truth(user, "restricted"),
    )


def _path_id(parent: Row, key: str) -> str:
    """Return an id that becomes part of a path."""
    value = identifier(parent, key)
    if not wire.is_rating_key(value):
        raise Malformed(f"{key} is no id")
    return value


def _parse_server(entry: Row) -> PlexServer | None:
    """Read one resource, None if it is no server or cannot be used."""
    odd = Oddities()
    provides = text(entry, "provides") or ""
    token = secret(entry, "accessToken")
    if "server" not in provides.split(",") or token is None:
        return None
    is_owned = _truth(entry, "owned")
    return PlexServer(
        server_id=identifier(entry, "clientIdentifier"),
        name=odd.read(name, entry, "name") or "Plex",
        token=token,
        is_owned=is_owned,
        owner=None if is_owned else odd.read(name, entry, "sourceTitle"),
        is_nearby=_truth(entry, "publicAddressMatches"),
        is_online=_truth(entry, "presence", default=True),
        needs_encryption=_truth(entry, "httpsRequired"),
        connections=tuple(odd.rows(_parse_connection, entries(entry, "connections"))),
    )


def _parse_connection(entry: Row) -> Connection | None:
    if (url := text(entry, "uri")) is None:
        return None
    address, port = text(entry, "address"), text(entry, "port")
    plain = None
    if address is not None and port is not None:
        host = f"[{address}]" if ":" in address else address
        plain = f"http://{host}:{port}"
    return Connection(
        url=url,
        plain=plain,
        is_local=_truth(entry, "local"),
        is_relay=_truth(entry, "relay"),
    )


def _truth(entry: Row, key: str, *, default: bool = False) -> bool:
    """Return a truth value, however it is written; *default* if absent."""
    value = entry.get(key)
    return default if value is None else value in (True, "1", "true")


def _explain(status: int, body: bytes) -> ServerError | None:
    """Tell apart what plex.tv gives one status to."""
    if status == _UNPROCESSABLE:
        return AuthRejected("plex.tv does not accept the token")
    if _WRONG_HOME_PIN in _codes(body):
        return PinRequired("the PIN is missing or wrong")
    return None


def _codes(body: bytes) -> list[int]:
    """Return the numbers of the errors in a refusal; none if it lists none."""
    try:
        answer: Json = json.loads(body)
        errors = entries(as_row(answer, "the refusal"), "errors")
        return Oddities().rows(lambda error: int(number(error, "code") or 0), errors)
    except ServerError, ValueError, RecursionError:
        return []
