"""What one loaded entry is made of, and the one door through which wishes enter.

The only file that constructs servers.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, override

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_TOKEN, CONF_URL, CONF_VERIFY_SSL
from homeassistant.core import HomeAssistant
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.util import dt as dt_util
from homeassistant.util.ulid import ulid_now

from .const import (
    CONF_CLIENT_ID,
    CONF_KIND,
    CONF_SERVER_ID,
    CONF_SERVER_NAME,
    CONF_USER_ID,
    CONF_USER_NAME,
    KIND_PLEX,
)
from .coordinator import WatchedSyncCoordinator
from .core.identity import Item
from .core.lane import Lane
from .core.operation import Change, Operation, Origin, Scope
from .core.ports import Clock, MediaServer, ServerInfo
from .core.relay import Relay
from .failures import REFUSALS, refusal, stopping
from .servers.jellyfin.client import (
    JellyfinClient,
    JellyfinLogin,
    authenticate as jellyfin_authenticate,
)
from .servers.plex.client import PlexClient
from .servers.transport import parse_url
from .store import LedgerStore, OutboxStore

type WatchedSyncConfigEntry = ConfigEntry[WatchedSyncRuntime]


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
        )
    # Without being told whom to expect, the first probe reads the version as well,
    # and refuses one that is too old.
    return JellyfinClient(
        session,
        data[CONF_URL],
        data[CONF_TOKEN],
        user_id=data[CONF_USER_ID],
        device_id=data[CONF_CLIENT_ID],
    )


def entry_server(hass: HomeAssistant, entry: WatchedSyncConfigEntry) -> MediaServer:
    """Return the client an entry delivers with. Raises `WrongAddress`."""
    return create_server(hass, entry.data)


async def async_identify(hass: HomeAssistant, data: Mapping[str, Any]) -> ServerInfo:
    """Ask which server and user entry data lead to. Raises `ServerError`."""
    return await create_server(hass, data).identify()


async def async_login_jellyfin(
    hass: HomeAssistant,
    *,
    url: str,
    username: str,
    password: str,
    verify_ssl: bool,
    device_id: str,
) -> JellyfinLogin:
    """Exchange a password for a token. Raises `ServerError`."""
    session = async_get_clientsession(hass, verify_ssl=verify_ssl)
    return await jellyfin_authenticate(session, url, username, password, device_id)
