"""Signing in at Jellyfin by a code that is approved on another device.

Sources: Jellyfin's OpenAPI description and server source (QuickConnectController,
QuickConnectManager). A code is good for ten minutes and lives in memory alone: a
restart of the server forgets it.
"""

from dataclasses import dataclass
from typing import Final

from aiohttp import ClientSession

from ...core.errors import AuthRejected, ItemGone, Malformed, Unreachable, Unsupported
from ..approval import CodeExpired
from ..fields import Json, as_row, flag, identifier
from ..transport import Transport
from . import wire
from .client import JellyfinLogin, public_info, server_info
from .dialect import JELLYFIN

#: Seconds that a code waits to be approved.
LIFETIME: Final = 600.0


class QuickConnectDisabled(Unsupported):
    """The server's administrator has switched Quick Connect off."""


class CodeForgotten(CodeExpired):
    """The server does not know the code any more, whatever its age."""


@dataclass(frozen=True, slots=True)
class QuickConnectCode:
    """One sign-in under way: `code` is what a person types on another device."""

    code: str
    secret: str

    def __repr__(self) -> str:
        """Leave out the secret, with which the token can be fetched."""
        return "QuickConnectCode()"


class QuickConnect:
    """Sign-ins at one server, for one device.

    *device_id* has to be the entry's own: the token is made for it, and ends the
    user's earlier one for the same device. Every method raises `ServerError` and
    nothing else; while Quick Connect is switched off that is `QuickConnectDisabled`.
    """

    def __init__(self, session: ClientSession, url: str, device_id: str) -> None:
        """Prepare requests; none is sent. Raises `WrongAddress` for a bad *url*."""
        self._server = Transport(session, url, JELLYFIN.headers(device_id, None))

    async def is_enabled(self) -> bool:
        """Tell whether codes are accepted. `GET /QuickConnect/Enabled`.

        Raises what `authenticate` raises for a server that cannot be used.
        """
        await public_info(self._server)
        answer = await self._server.read("/QuickConnect/Enabled")
        if not isinstance(answer, bool):
            raise Malformed("the answer is neither true nor false")
        return answer

    async def initiate(self) -> QuickConnectCode:
        """Ask for a code. `POST /QuickConnect/Initiate`.

        Raises what `authenticate` raises for a server that cannot be used.
        """
        await public_info(self._server)
        try:
            answer = as_row(
                await self._server.ask("/QuickConnect/Initiate", None), "the code"
            )
        except AuthRejected as error:
            raise QuickConnectDisabled("Quick Connect is switched off") from error
        except ItemGone as error:
            raise Unreachable("the way to the server was lost") from error
        return QuickConnectCode(
            identifier(answer, "Code"), identifier(answer, "Secret")
        )

    async def poll(self, code: QuickConnectCode) -> bool:
        """Tell whether the code was approved. `GET /QuickConnect/Connect`.

        Raises `CodeForgotten` for one that the server does not know any more.
        """
        try:
            answer = await self._server.read(
                "/QuickConnect/Connect", {"secret": code.secret}, may_be_missing=True
            )
        except ItemGone as error:
            raise await self._expired() from error
        except AuthRejected as error:
            raise QuickConnectDisabled("Quick Connect is switched off") from error
        return flag(as_row(answer, "the code"), "Authenticated") is True

    async def exchange(self, code: QuickConnectCode) -> JellyfinLogin:
        """Fetch the token of an approved code.

        `POST /Users/AuthenticateWithQuickConnect`. Raises `CodeForgotten` for a code
        that was not approved, or too long ago, and `Forbidden` for an account that
        may not sign in.
        """
        public = await public_info(self._server)
        body: Json = {"Secret": code.secret}
        try:
            answer = await self._server.ask("/Users/AuthenticateWithQuickConnect", body)
        except ItemGone as error:
            raise await self._expired() from error
        except AuthRejected as error:
            raise QuickConnectDisabled("Quick Connect is switched off") from error
        token, user = wire.parse_login(answer)
        return JellyfinLogin(token, server_info(public, user))

    async def login(self, code: QuickConnectCode) -> JellyfinLogin | None:
        """Fetch the token if the code is approved by now; made for `until_approved`."""
        return await self.exchange(code) if await self.poll(code) else None

    async def _expired(self) -> CodeForgotten:
        """Return what a 404 means, once it is known that Jellyfin itself said it."""
        await self._server.read("/System/Info/Public")
        return CodeForgotten("the server does not know the code any more")
