"""Signing in: by a password, by a code at Jellyfin, and at plex.tv."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Self

from homeassistant.const import CONF_TOKEN, CONF_URL, CONF_VERIFY_SSL
from homeassistant.core import HomeAssistant

from .connecting import DIALECTS, async_server_id, plex_tv
from .const import (
    CONF_ACCOUNT_TOKEN,
    CONF_CLIENT_ID,
    CONF_KIND,
    CONF_SERVER_ID,
    CONF_SERVER_NAME,
    CONF_USER_ID,
    CONF_USER_NAME,
    KIND_PLEX,
    LOGGER,
)
from .core.errors import ServerError
from .servers.approval import until_approved
from .servers.jellyfin.client import (
    JellyfinLogin,
    authenticate as jellyfin_authenticate,
    sign_out as jellyfin_sign_out,
)
from .servers.jellyfin.quick_connect import (
    LIFETIME as CODE_LIFETIME,
    CodeForgotten,
    QuickConnect,
    QuickConnectCode,
)
from .servers.plex.account import (
    HomeUser,
    Pin,
    PlexAccount,
    PlexServer,
    PlexTv,
    find_address,
)
from .sessions import async_shared_session

#: Seconds before the end of a code's life in which its loss is just that end.
_CODE_SLACK: Final = 30.0

#: Seconds that a server has to end a sign-in.
_SIGNING_OUT: Final = 10.0


async def async_login(
    hass: HomeAssistant, data: Mapping[str, Any], username: str, password: str
) -> JellyfinLogin:
    """Exchange a password for a token. Raises `ServerError`.

    *data* names the kind of server, its address and the entry's client id.
    """
    return await jellyfin_authenticate(
        async_shared_session(hass, verify_ssl=data[CONF_VERIFY_SSL]),
        data[CONF_URL],
        username,
        password,
        data[CONF_CLIENT_ID],
        dialect=DIALECTS[data[CONF_KIND]],
    )


async def async_sign_out(hass: HomeAssistant, data: Mapping[str, Any]) -> None:
    """Give back the token in *data*, which nobody will use, if possible.

    Jellyfin and Emby list every sign-in as a device of the user. A token of Plex is
    left alone: one that was typed is the user's own and in use elsewhere, and one of
    plex.tv belongs to the account, which ends it under its authorised devices.
    """
    if data[CONF_KIND] == KIND_PLEX:
        return
    try:
        async with asyncio.timeout(_SIGNING_OUT):
            await jellyfin_sign_out(
                async_shared_session(hass, verify_ssl=data[CONF_VERIFY_SSL]),
                data[CONF_URL],
                data[CONF_TOKEN],
                data[CONF_CLIENT_ID],
                dialect=DIALECTS[data[CONF_KIND]],
            )
    except (ServerError, TimeoutError) as err:
        LOGGER.debug("A sign-in that is not used could not be ended: %r", err)


class QuickConnectSignIn:
    """A sign-in at Jellyfin by a code that is approved on another device.

    Every method raises `ServerError`: `Unsupported` where the server's administrator
    has switched this off, `ItemGone` once the code is good no longer.
    """

    def __init__(
        self, hass: HomeAssistant, server: QuickConnect, request: QuickConnectCode
    ) -> None:
        """Take over a code that *server* has given out."""
        self._hass = hass
        self._server = server
        self._request = request
        #: Whether the code was lost before its time, as a restart of the server does.
        self.is_forgotten = False

    @classmethod
    async def async_begin(cls, hass: HomeAssistant, data: Mapping[str, Any]) -> Self:
        """Ask for a code, for the address and client id in *data*."""
        server = QuickConnect(
            async_shared_session(hass, verify_ssl=data[CONF_VERIFY_SSL]),
            data[CONF_URL],
            data[CONF_CLIENT_ID],
        )
        return cls(hass, server, await server.initiate())

    @property
    def code(self) -> str:
        """What a person types in on the other device."""
        return self._request.code

    async def async_wait(self) -> JellyfinLogin:
        """Wait until somebody has approved the code."""
        began_at = self._hass.loop.time()
        try:
            return await until_approved(
                partial(self._server.login, self._request), CODE_LIFETIME
            )
        except CodeForgotten:
            age = self._hass.loop.time() - began_at
            # The server counts from a little earlier than we do.
            self.is_forgotten = age < CODE_LIFETIME - _CODE_SLACK
            raise


@dataclass(frozen=True, slots=True)
class PlexUser:
    """Whom an entry is for: the account's number, name and token at plex.tv."""

    user_id: str
    name: str
    token: str

    def __repr__(self) -> str:
        """Name the account's number, never the token."""
        return f"PlexUser(user_id={self.user_id!r})"


class PlexSignIn:
    """A sign-in at plex.tv, and what the account may use afterwards.

    Every method that waits raises `ServerError`: `Busy` where plex.tv asks for
    patience.
    """

    _pin: Pin
    _plex_tv: PlexTv
    _account: PlexAccount
    _servers: Sequence[PlexServer]
    _home: Sequence[HomeUser]

    def __init__(self, hass: HomeAssistant, client_id: str) -> None:
        """Prepare; *client_id* is the entry's own."""
        self._hass = hass
        self._session = async_shared_session(hass)
        self._client_id = client_id
        self._token = ""

    @property
    def code(self) -> str:
        """What plex.tv calls this sign-in; part of the link."""
        return self._pin.code

    @property
    def link(self) -> str:
        """Where a person signs in."""
        return self._pin.link

    async def async_begin(self) -> None:
        """Ask for a code."""
        self._plex_tv = plex_tv(self._hass, self._client_id)
        self._pin = await self._plex_tv.create_pin()

    async def async_wait(self) -> None:
        """Wait until somebody has signed in, and learn what they may use.

        Raises `ItemGone` if nobody did in time.
        """
        await until_approved(self._look, self._pin.lifetime)

    async def _look(self) -> bool | None:
        # The token is given out once: what fails after that is asked again alone.
        if not self._token:
            self._token = await self._plex_tv.poll(self._pin) or ""
        if not self._token:
            return None
        self._account = await self._plex_tv.account(self._token)
        self._home = await self._plex_tv.home_users(self._token)
        self._servers = await self._plex_tv.servers(self._token)
        return True

    @property
    def servers(self) -> dict[str, str]:
        """The servers of the account: their names by id."""
        return {
            server.server_id: f"{server.name} ({server.owner})"
            if server.owner
            else server.name
            for server in self._servers
        }

    def users(self, server_id: str, wanted: str | None = None) -> dict[str, str]:
        """Return whom one can go on as: names by uuid, none if there is no choice.

        *wanted* is the user id of an entry of that server: others are left out, if
        that can be told.
        """
        own = {
            server.user_id_of(self._account.user_id)
            for server in self._servers
            if server.server_id == server_id
        }
        if wanted in own or (wanted is None and len(self._home) <= 1):
            return {}
        fitting = [user for user in self._home if user.user_id == wanted]
        return {user.uuid: user.name or user.user_id for user in fitting or self._home}

    def user_id(self, server_id: str, uuid: str) -> str:
        """Return the number that this server gives to this user of the Home."""
        user_id = self._user(uuid).user_id
        for server in self._servers:
            if server.server_id == server_id and self.is_own(uuid):
                return server.user_id_of(user_id)
        return user_id

    def is_own(self, uuid: str) -> bool:
        """Whether this user of the Home is the one who signed in."""
        return self._user(uuid).user_id == self._account.user_id

    def is_protected(self, uuid: str) -> bool:
        """Whether it takes a PIN to go on as this user."""
        return self._user(uuid).is_protected and not self.is_own(uuid)

    def _user(self, uuid: str) -> HomeUser:
        return next(user for user in self._home if user.uuid == uuid)

    async def async_go_on_as(self, uuid: str | None, pin: str | None) -> PlexUser:
        """Go on as one user of the Home, or as the one who signed in.

        Raises `Forbidden` where their PIN is missing or wrong.
        """
        if uuid is None or self.is_own(uuid):
            return PlexUser(self._account.user_id, self._account.name, self._token)
        user = self._user(uuid)
        token = await self._plex_tv.switch(self._token, user, pin)
        return PlexUser(user.user_id, user.name, token)

    async def async_server(self, user: PlexUser, server_id: str) -> PlexServer:
        """Return one server as *user* knows it.

        Raises `Forbidden` where this user has no access to it.
        """
        return await self._plex_tv.server(user.token, server_id)

    async def async_connect(
        self,
        user: PlexUser,
        server: PlexServer,
        before: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Return entry data for *user* of *server*, at its best address.

        The address in *before*, an entry's data, is kept where the server still is
        there. Raises `Unreachable` if it answers nowhere.
        """
        data = {
            CONF_KIND: KIND_PLEX,
            CONF_TOKEN: server.token,
            CONF_VERIFY_SSL: True,
            CONF_CLIENT_ID: self._client_id,
            CONF_ACCOUNT_TOKEN: user.token,
            CONF_SERVER_ID: server.server_id,
            CONF_SERVER_NAME: server.name,
            CONF_USER_ID: server.user_id_of(user.user_id),
            CONF_USER_NAME: user.name,
        }
        if before is not None:
            with suppress(ServerError):
                if await async_server_id(self._hass, before) == server.server_id:
                    return data | {
                        key: before[key] for key in (CONF_URL, CONF_VERIFY_SSL)
                    }
        return data | {CONF_URL: await find_address(self._session, server)}
