"""What one loaded entry is made of, and the one door through which wishes enter.

The only file that constructs servers.
"""

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
import os
import re
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
    LOGGER,
    PRODUCTS,
)
from .coordinator import WatchedSyncCoordinator
from .core.errors import (
    ServerError,
    Starting,
    UnsupportedVersion,
    WrongAddress,
)
from .core.identity import Item
from .core.lane import Lane, Phase
from .core.operation import Change, Operation, Origin, Scope
from .core.ports import Clock, MediaServer, ServerInfo
from .core.relay import Relay
from .failures import REFUSALS, refusal, stopping
from .mirroring import Mirroring
from .preferences import preferences
from .servers.approval import until_approved
from .servers.jellyfin.client import (
    JellyfinClient,
    JellyfinLogin,
    authenticate as jellyfin_authenticate,
    public_info as jellyfin_public_info,
    sign_out as jellyfin_sign_out,
)
from .servers.jellyfin.dialect import EMBY, JELLYFIN, Dialect
from .servers.jellyfin.discovery import FoundServer, discover as jellyfin_discover
from .servers.jellyfin.quick_connect import (
    LIFETIME as CODE_LIFETIME,
    CodeForgotten,
    QuickConnect,
)
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

#: Seconds that the end of guest mode waits for a server.
_LAST_LOOK: Final = 10.0

#: Seconds before the end of a code's life in which its loss is just that end.
_CODE_SLACK: Final = 30.0

#: Seconds that the servers found in the network have to say what they are.
_INTRODUCTION: Final = 2.0

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
    mirroring: Mirroring
    mirroring_task: asyncio.Task[None]

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

    @property
    def paused(self) -> bool:
        """Whether guest mode is on: what is done elsewhere is none of our business.

        As long as it holds, nothing that was observed may be copied to another lane or
        told of, and no player is followed. The server is read as ever, and wishes are
        delivered: so what a guest did is known, and no news, when it is over.
        """
        return self.ledger.paused

    async def async_pause(self) -> None:
        """Begin guest mode; it outlasts a restart."""
        self.ledger.paused = True
        await self.ledger.async_save()

    async def async_resume(self) -> None:
        """End guest mode, after a last look at what it is to cover.

        A server that is away, or takes more than ten seconds, is not waited for: what
        happened there until now and was not read is told like anything else.
        """
        if self.lane.health.phase is Phase.READY:
            try:
                async with asyncio.timeout(_LAST_LOOK):
                    await self.coordinator.catch_up()
            except TimeoutError:
                LOGGER.debug("%s took too long for a last look", self.info.server_name)
            except ServerError as err:
                self.relay.report(err)
        self.ledger.paused = False
        await self.ledger.async_save()

    async def async_sync_now(self) -> None:
        """Try to deliver now, whatever the backoff says, and read what is new."""
        self.relay.nudge()
        await self.coordinator.async_request_refresh()


# Plex, Jellyfin and Emby alike show theirs at `/web/`.
_OWN_PAGE: Final = re.compile(r"/web(/index\.html)?$")


def normalise_url(url: str) -> str:
    """Return an address as it is stored: with scheme, without closing slash.

    `http://` is added where no scheme is given; a base path is kept, but not that of
    the server's own page, which people copy from their browser. Raises `WrongAddress`
    for anything that is no plain http or https address.
    """
    url = url.strip()
    if "://" not in url:
        url = f"http://{url}"
    return _OWN_PAGE.sub("", str(parse_url(url)).rstrip("/"))


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
    hass: HomeAssistant, data: Mapping[str, Any], libraries: Collection[str] = ()
) -> PlexClient | JellyfinClient:
    """Return the client for an entry's data; nothing is sent.

    Of *libraries* alone it lists and searches; none given means all of them.
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
            libraries=libraries,
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
        libraries=libraries,
    )


def entry_server(hass: HomeAssistant, entry: WatchedSyncConfigEntry) -> MediaServer:
    """Return the client an entry delivers with. Raises `WrongAddress`."""
    return create_server(hass, entry.data, preferences(entry).libraries)


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


async def async_kind_at(hass: HomeAssistant, data: Mapping[str, Any]) -> str | None:
    """Tell which kind of server answers, where it is not the one in *data*.

    Asked without any token; None for something else, or what takes too long.
    """

    async def answers(kind: str) -> bool:
        try:
            await async_server_id(hass, {**data, CONF_KIND: kind})
        except Starting:
            # Plex has no words of its own for that: a 503 is anybody's.
            return kind != KIND_PLEX
        except UnsupportedVersion:
            return True
        except ServerError:
            return False
        return True

    others = [kind for kind in PRODUCTS if kind != data[CONF_KIND]]
    try:
        async with asyncio.timeout(_INTRODUCTION):
            found = await asyncio.gather(*map(answers, others))
    except TimeoutError:
        return None
    return next(
        (kind for kind, there in zip(others, found, strict=True) if there), None
    )


async def async_find_servers(hass: HomeAssistant) -> dict[str, dict[str, str]]:
    """Look for servers that can be connected: their name by address, by kind.

    Some are known to Home Assistant's own integrations, others answer a broadcast.
    Nothing is raised, and a network without an answer takes two seconds.
    """
    found: dict[str, dict[str, str]] = {}
    for kind, url, name in _known_to_home_assistant(hass):
        found.setdefault(kind, {})[url] = name
    servers = await jellyfin_discover()
    introductions = [
        asyncio.ensure_future(_introduce(hass, server, kind))
        for server in servers
        for kind in _DIALECTS
    ]
    try:
        async with asyncio.timeout(_INTRODUCTION):
            for introduction in asyncio.as_completed(introductions):
                if (introduced := await introduction) is not None:
                    kind, url, name = introduced
                    found.setdefault(kind, {})[url] = name
    except TimeoutError:
        pass  # whoever is that slow can be typed in
    finally:
        for one in introductions:
            one.cancel()
    return found


def _known_to_home_assistant(hass: HomeAssistant) -> Iterator[tuple[str, str, str]]:
    """Give kind, address and name of what core's integrations are set up with."""
    for kind in (KIND_PLEX, KIND_JELLYFIN):
        for entry in hass.config_entries.async_entries(kind, include_ignore=False):
            # Plex keeps its address one level further down.
            data = entry.data.get("server_config", entry.data)
            if isinstance(url := data.get(CONF_URL), str):
                with suppress(WrongAddress):
                    yield kind, normalise_url(url), entry.title


async def _introduce(
    hass: HomeAssistant, server: FoundServer, kind: str
) -> tuple[str, str, str] | None:
    """Return kind, address and name of a server if it is of this kind."""
    data = {CONF_KIND: kind, CONF_CLIENT_ID: "discovery", CONF_VERIFY_SSL: True}
    for url in server.addresses:
        with suppress(ServerError):
            if await async_server_id(hass, {**data, CONF_URL: url}) == server.server_id:
                return kind, url, server.name
    return None


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


async def async_sign_out(hass: HomeAssistant, data: Mapping[str, Any]) -> None:
    """Give back the token in *data*, of a sign-in that leads nowhere, if possible.

    Jellyfin and Emby list every sign-in as a device of the user. A token of Plex is
    left alone: one that was typed is the user's own and in use elsewhere, and one of
    plex.tv belongs to the account, which ends it under its authorised devices.
    """
    if data[CONF_KIND] == KIND_PLEX:
        return
    try:
        await jellyfin_sign_out(
            async_get_clientsession(hass, verify_ssl=data[CONF_VERIFY_SSL]),
            data[CONF_URL],
            data[CONF_TOKEN],
            data[CONF_CLIENT_ID],
            dialect=_DIALECTS[data[CONF_KIND]],
        )
    except ServerError as err:
        LOGGER.debug("A sign-in that is not used could not be ended: %r", err)


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
        #: Whether the code was lost before its time, as a restart of the server does.
        self.is_forgotten = False

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
        self._session = async_get_clientsession(hass)
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
        self._plex_tv = PlexTv(self._session, self._client_id, url=_plex_tv_url())
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
        return {user.uuid: user.name for user in fitting or self._home}

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
