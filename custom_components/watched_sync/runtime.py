"""What one loaded entry is made of, and the one door through which wishes enter.

The only file that constructs servers.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
import os
from typing import Any, Final, override

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_TOKEN, CONF_URL, CONF_VERIFY_SSL
from homeassistant.core import HomeAssistant
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.util import dt as dt_util
from homeassistant.util.ulid import ulid_now

from .const import (
    CONF_ACCOUNT_TOKEN,
    CONF_CLIENT_ID,
    CONF_KIND,
    CONF_SERVER_ID,
    CONF_SERVER_NAME,
    CONF_USER_ID,
    CONF_USER_NAME,
    KIND_EMBY,
    KIND_JELLYFIN,
    KIND_PLEX,
)
from .coordinator import WatchedSyncCoordinator
from .core.identity import Item
from .core.lane import Lane
from .core.operation import Change, Operation, Origin, Scope
from .core.ports import Clock, MediaServer, ServerInfo
from .core.relay import Relay
from .failures import REFUSALS, refusal, stopping
from .servers.approval import until_approved
from .servers.jellyfin.client import (
    JellyfinClient,
    JellyfinLogin,
    authenticate as jellyfin_authenticate,
    public_info as jellyfin_public_info,
)
from .servers.jellyfin.dialect import EMBY, JELLYFIN, Dialect
from .servers.jellyfin.quick_connect import LIFETIME as CODE_LIFETIME, QuickConnect
from .servers.plex.account import (
    HomeUser,
    Pin,
    PlexAccount,
    PlexServer,
    PlexTv,
    find_address,
)
from .servers.plex.client import PLEX_TV, PlexClient, server_id_at as plex_server_id_at
from .servers.transport import Transport, parse_url
from .store import LedgerStore, OutboxStore

type WatchedSyncConfigEntry = ConfigEntry[WatchedSyncRuntime]

#: The environment variable that names another address for plex.tv: a simulated one.
PLEX_TV_URL: Final = "WATCHED_SYNC_PLEX_TV_URL"

_DIALECTS: Final[Mapping[str, Dialect]] = {KIND_JELLYFIN: JELLYFIN, KIND_EMBY: EMBY}


class HAClock(Clock):
    """Home Assistant's time."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Read the loop of *hass*."""
        self._loop = hass.loop

    @override
    def now(self) -> datetime:
        """Return the wall time in UTC."""
        return dt_util.utcnow()

    @override
    def monotonic(self) -> float:
        """Return the event loop's time, in seconds."""
        return self._loop.time()


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants of one item; of a show or season, of everything below."""

    item: Item
    change: Change
    include_specials: bool = False


@dataclass(slots=True, kw_only=True)
class WatchedSyncRuntime:
    """Everything that lives as long as the entry is loaded.

    `info` names the server and the user; its version is empty as long as the server
    was not reached.
    """

    hass: HomeAssistant
    lane: Lane
    relay: Relay
    server: MediaServer
    info: ServerInfo
    coordinator: WatchedSyncCoordinator
    journal: OutboxStore
    ledger: LedgerStore
    clock: Clock
    device_id: str
    observer_task: asyncio.Task[None]
    relay_task: asyncio.Task[None]

    @property
    def lane_id(self) -> str:
        """What the lane's unique ids start with: `<server id>:<user id>`."""
        return f"{self.info.server_id}:{self.info.user_id}"

    async def async_submit(
        self,
        wishes: Sequence[Wish],
        *,
        origin: Origin = Origin.USER,
        batch_id: str | None = None,
    ) -> list[Operation]:
        """Accept wishes: when this returns they are on disk, as one batch.

        All are accepted or none. Raises a translated `HomeAssistantError` if they
        cannot be written, if too many wait already, or while shutting down.
        """
        operations = self.plan(wishes, origin=origin, batch_id=batch_id)
        await self.async_enqueue(operations)
        return operations

    def plan(
        self,
        wishes: Sequence[Wish],
        *,
        origin: Origin = Origin.USER,
        batch_id: str | None = None,
    ) -> list[Operation]:
        """Return the operations *wishes* become, without queueing them."""
        now = self.clock.now()
        batch_id = batch_id or ulid_now()
        return [
            Operation(
                operation_id=ulid_now(),
                batch_id=batch_id,
                item=wish.item,
                change=wish.change,
                asked_at=now,
                origin=origin,
                scope=Scope.TREE if wish.item.kind.is_container else Scope.ITEM,
                include_specials=wish.include_specials,
            )
            for wish in wishes
        ]

    async def async_enqueue(self, operations: Sequence[Operation]) -> None:
        """Queue operations made by `plan`; errors as `async_submit`."""
        if self.hass.is_stopping:
            raise stopping()
        try:
            await self.lane.submit(operations)
        except REFUSALS as err:
            raise refusal(err) from err

    async def async_retry(self, operation_ids: Collection[str] | None = None) -> int:
        """Queue given-up operations again (all for None); return how many.

        Raises a translated `HomeAssistantError` as `async_submit` does.
        """
        if self.hass.is_stopping:
            raise stopping()
        try:
            return await self.lane.retry(operation_ids)
        except REFUSALS as err:
            raise refusal(err) from err

    async def async_discard(self, operation_ids: Collection[str] | None = None) -> int:
        """Drop operations (all given up for None); return how many.

        Raises a translated `HomeAssistantError` as `async_submit` does.
        """
        if self.hass.is_stopping:
            raise stopping()
        try:
            return await self.lane.discard(operation_ids)
        except REFUSALS as err:
            raise refusal(err) from err

    async def async_exchange(
        self, plan: Callable[[], tuple[Collection[str], Sequence[Operation]]]
    ) -> None:
        """Drop operations and queue others in one go, as `Lane.exchange` describes.

        Raises a translated `HomeAssistantError` as `async_submit` does.
        """
        if self.hass.is_stopping:
            raise stopping()
        try:
            await self.lane.exchange(plan)
        except REFUSALS as err:
            raise refusal(err) from err

    async def async_sync_now(self) -> None:
        """Try to deliver now, whatever the backoff says, and read what is new."""
        self.relay.nudge()
        await self.coordinator.async_request_refresh()


def normalise_url(url: str) -> str:
    """Return an address as it is stored: with scheme, without closing slash.

    `http://` is added where no scheme is given; a base path is kept. Raises
    `WrongAddress` for anything that is no plain http or https address.
    """
    url = url.strip()
    if "://" not in url:
        url = f"http://{url}"
    return str(parse_url(url)).rstrip("/")


def known_info(data: Mapping[str, Any]) -> ServerInfo:
    """Return who answered when the entry was set up; the version is not stored."""
    return ServerInfo(
        server_id=data[CONF_SERVER_ID],
        server_name=data[CONF_SERVER_NAME],
        version="",
        user_id=data[CONF_USER_ID],
        user_name=data[CONF_USER_NAME],
    )


def create_server(
    hass: HomeAssistant, data: Mapping[str, Any]
) -> PlexClient | JellyfinClient:
    """Return the client for an entry's data; nothing is sent.

    Without CONF_SERVER_ID in *data* the client does not know yet who ought to answer.
    Raises `WrongAddress` for an address that is none.
    """
    session = async_get_clientsession(hass, verify_ssl=data[CONF_VERIFY_SSL])
    if data[CONF_KIND] == KIND_PLEX:
        return PlexClient(
            session,
            data[CONF_URL],
            data[CONF_TOKEN],
            client_id=data[CONF_CLIENT_ID],
            known=known_info(data) if CONF_SERVER_ID in data else None,
            plex_tv_url=_plex_tv_url(),
        )
    # Without being told whom to expect, the first probe reads the version as well,
    # and refuses one that is too old.
    return JellyfinClient(
        session,
        data[CONF_URL],
        data[CONF_TOKEN],
        user_id=data[CONF_USER_ID],
        device_id=data[CONF_CLIENT_ID],
        dialect=_DIALECTS[data[CONF_KIND]],
    )


def entry_server(hass: HomeAssistant, entry: WatchedSyncConfigEntry) -> MediaServer:
    """Return the client an entry delivers with. Raises `WrongAddress`."""
    return create_server(hass, entry.data)


async def async_identify(hass: HomeAssistant, data: Mapping[str, Any]) -> ServerInfo:
    """Ask which server and user entry data lead to. Raises `ServerError`."""
    return await create_server(hass, data).identify()


async def async_verify(hass: HomeAssistant, data: Mapping[str, Any]) -> ServerInfo:
    """Ask who answers where an entry's data lead to now. Raises `ServerError`.

    The token, which has not changed, is shown to no other server than the entry's.
    """
    known = known_info(data)
    server_id = await async_server_id(hass, data)
    if server_id not in (None, known.server_id):
        return replace(known, server_id=server_id)
    return await create_server(hass, data).probe()


async def async_server_id(hass: HomeAssistant, data: Mapping[str, Any]) -> str | None:
    """Ask which server answers at an address, without any token.

    None if it tells nobody. Raises `ServerError`; `WrongServer` for another product.
    """
    session = async_get_clientsession(hass, verify_ssl=data[CONF_VERIFY_SSL])
    url, client_id = data[CONF_URL], data[CONF_CLIENT_ID]
    if data[CONF_KIND] == KIND_PLEX:
        return await plex_server_id_at(session, url, client_id)
    dialect = _DIALECTS[data[CONF_KIND]]
    transport = Transport(session, url, dialect.headers(client_id, None))
    return (await jellyfin_public_info(transport, dialect)).server_id


async def async_login(
    hass: HomeAssistant, data: Mapping[str, Any], username: str, password: str
) -> JellyfinLogin:
    """Exchange a password for a token. Raises `ServerError`.

    *data* names the kind of server, its address and the entry's client id.
    """
    return await jellyfin_authenticate(
        async_get_clientsession(hass, verify_ssl=data[CONF_VERIFY_SSL]),
        data[CONF_URL],
        username,
        password,
        data[CONF_CLIENT_ID],
        dialect=_DIALECTS[data[CONF_KIND]],
    )


class QuickConnectSignIn:
    """A sign-in at Jellyfin by a code that is approved on another device.

    Every method raises `ServerError`: `Unsupported` where the server's administrator
    has switched this off, `ItemGone` once the code is good no longer.
    """

    def __init__(self, hass: HomeAssistant, data: Mapping[str, Any]) -> None:
        """Prepare for the address and client id in *data*."""
        self._hass = hass
        self._data = data
        self.code = ""

    async def async_begin(self) -> None:
        """Ask for a code."""
        self._server = QuickConnect(
            async_get_clientsession(self._hass, verify_ssl=self._data[CONF_VERIFY_SSL]),
            self._data[CONF_URL],
            self._data[CONF_CLIENT_ID],
        )
        self._request = await self._server.initiate()
        self.code = self._request.code

    async def async_wait(self) -> JellyfinLogin:
        """Wait until somebody has approved the code."""
        return await until_approved(
            partial(self._server.login, self._request), CODE_LIFETIME
        )


class PlexSignIn:
    """A sign-in at plex.tv, and what the account may use afterwards.

    Every method raises `ServerError`: `Busy` where plex.tv asks for patience.
    """

    servers: Sequence[PlexServer] = ()
    users: Sequence[HomeUser] = ()
    _pin: Pin
    _plex_tv: PlexTv
    _token: str | None = None
    _user_token: str
    #: The account that signed in, and the user to go on as.
    account: PlexAccount
    user: PlexAccount

    def __init__(self, hass: HomeAssistant, client_id: str) -> None:
        """Prepare; *client_id* is the entry's own."""
        self._session = async_get_clientsession(hass)
        self._client_id = client_id

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
        self._plex_tv = PlexTv(self._session, self._client_id, url=_plex_tv_url())
        self._pin = await self._plex_tv.create_pin()

    async def async_wait(self) -> None:
        """Wait until somebody has signed in, and learn what they may use.

        Raises `ItemGone` if nobody did in time.
        """
        await until_approved(self._look, self._pin.lifetime)

    async def _look(self) -> bool | None:
        # The token is given out once: what fails after that is asked again alone.
        if self._token is None:
            self._token = await self._plex_tv.poll(self._pin)
        if self._token is None:
            return None
        self.account = self.user = await self._plex_tv.account(self._token)
        self.users = await self._plex_tv.home_users(self._token)
        self.servers = await self._plex_tv.servers(self._token)
        self._user_token = self._token
        return True

    async def async_go_on_as(self, user: HomeUser, pin: str | None) -> None:
        """Go on as one user of the Home.

        Raises `Forbidden` where their PIN is missing or wrong. The one who signed in
        has proved who they are.
        """
        assert self._token is not None  # noqa: S101 - asked for after `async_wait`
        self._user_token = (
            self._token
            if user.user_id == self.account.user_id
            else await self._plex_tv.switch(self._token, user, pin)
        )
        self.user = PlexAccount(user.user_id, user.name)

    async def async_connect(self, server_id: str) -> dict[str, Any]:
        """Return entry data for the chosen user of one server, at its best address.

        Raises `Forbidden` where this user has no access to it, and `Unreachable` if it
        answers nowhere.
        """
        server = await self._plex_tv.server(self._user_token, server_id)
        return {
            CONF_KIND: KIND_PLEX,
            CONF_URL: await find_address(self._session, server),
            CONF_TOKEN: server.token,
            CONF_VERIFY_SSL: True,
            CONF_CLIENT_ID: self._client_id,
            CONF_ACCOUNT_TOKEN: self._user_token,
            CONF_SERVER_ID: server.server_id,
            CONF_SERVER_NAME: server.name,
            CONF_USER_ID: server.user_id_of(self.user.user_id),
            CONF_USER_NAME: self.user.name,
        }


async def async_locate(hass: HomeAssistant, data: Mapping[str, Any]) -> dict[str, Any]:
    """Ask plex.tv where the server of an entry is now; return its changed data.

    For an entry that signed in at plex.tv. Raises `ServerError`.
    """
    session = async_get_clientsession(hass)
    plex_tv = PlexTv(session, data[CONF_CLIENT_ID], url=_plex_tv_url())
    server = await plex_tv.server(data[CONF_ACCOUNT_TOKEN], data[CONF_SERVER_ID])
    return {
        **data,
        CONF_URL: await find_address(session, server),
        CONF_TOKEN: server.token,
        CONF_VERIFY_SSL: True,
    }


def _plex_tv_url() -> str:
    return os.environ.get(PLEX_TV_URL) or PLEX_TV
