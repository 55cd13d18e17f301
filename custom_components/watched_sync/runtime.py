"""What one loaded entry is made of, and the one door through which requests enter."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, override

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
from homeassistant.util.ulid import ulid_now

from .const import (
    LOGGER,
)
from .coordinator import WatchedSyncCoordinator
from .core.errors import (
    ServerError,
)
from .core.identity import Item
from .core.inventory import Inventory
from .core.lane import Lane, Phase
from .core.operation import Cause, Change, Operation, Origin, Scope
from .core.ports import Catalogue, Clock, MediaServer, ServerInfo
from .core.relay import Relay
from .failures import REFUSALS, not_loaded, refusal, stopping
from .mirroring import Mirroring
from .naming.joining import LookUps
from .store import LedgerStore, OutboxStore
from .tracking import TrackedItems

type WatchedSyncConfigEntry = ConfigEntry[WatchedSyncRuntime]

#: Seconds that the end of guest mode waits for a server.
_LAST_LOOK: Final = 10.0


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
class Request:
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
    inventory: Inventory
    catalogue: Catalogue
    look_ups: LookUps
    server: MediaServer
    info: ServerInfo
    coordinator: WatchedSyncCoordinator
    tracked: TrackedItems
    journal: OutboxStore
    ledger: LedgerStore
    clock: Clock
    device_id: str
    observer_task: asyncio.Task[None]
    relay_task: asyncio.Task[None]
    inventory_task: asyncio.Task[None]
    mirroring: Mirroring
    mirroring_task: asyncio.Task[None]

    @property
    def lane_id(self) -> str:
        """What the lane's unique ids start with: `<server id>:<user id>`."""
        return f"{self.info.server_id}:{self.info.user_id}"

    async def async_submit(
        self,
        requests: Sequence[Request],
        *,
        origin: Origin = Origin.USER,
        batch_id: str | None = None,
        cause: Cause | None = None,
    ) -> list[Operation]:
        """Accept requests: when this returns they are on disk, as one batch.

        All are accepted or none. Raises a translated `HomeAssistantError` if they
        cannot be written, if too many wait already, or while shutting down.
        """
        operations = self.plan(requests, origin=origin, batch_id=batch_id, cause=cause)
        await self.async_enqueue(operations)
        return operations

    def plan(
        self,
        requests: Sequence[Request],
        *,
        origin: Origin = Origin.USER,
        batch_id: str | None = None,
        cause: Cause | None = None,
    ) -> list[Operation]:
        """Return the operations *requests* become, without queueing them."""
        now = self.clock.now()
        batch_id = batch_id or ulid_now()
        return [
            Operation(
                operation_id=ulid_now(),
                batch_id=batch_id,
                item=request.item,
                change=request.change,
                asked_at=now,
                origin=origin,
                scope=Scope.TREE if request.item.kind.is_container else Scope.ITEM,
                include_specials=request.include_specials,
                cause=cause,
            )
            for request in requests
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
        told of, and no player is followed. The server is read as ever, and requests are
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


def runtime_of(entry: WatchedSyncConfigEntry) -> WatchedSyncRuntime:
    """Return what a loaded entry is made of.

    It may be unloaded while an action waits for something: Home Assistant takes the
    attribute away then. Raises a translated `HomeAssistantError` in that case.
    """
    try:
        return entry.runtime_data
    except AttributeError:
        raise not_loaded(entry.title) from None
