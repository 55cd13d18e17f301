"""Requests that several switches are given by one action: one batch, one write to disk.

Home Assistant calls every switch by itself, at one moment and in one context. What
comes in so is gathered, so that *undo* takes back the whole action and not its last
switch.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from homeassistant.core import Context
from homeassistant.util.hass_dict import HassKey
from homeassistant.util.ulid import ulid_now

from ..core.operation import Operation
from ..runtime import Request, WatchedSyncRuntime


@dataclass(slots=True)
class _Share:
    """What one lane gets of a batch, and the task that has it written."""

    requests: list[Request]
    accepted: asyncio.Task[Sequence[Operation]]


@dataclass(slots=True)
class _Gathering:
    """The requests of one context at one moment, by lane."""

    batch_id: str = field(default_factory=ulid_now)
    shares: dict[str, _Share] = field(default_factory=dict)


_GATHERINGS: HassKey[dict[str, _Gathering]] = HassKey("watched_sync_gatherings")


async def async_submit_together(
    runtime: WatchedSyncRuntime, request: Request, context: Context | None
) -> None:
    """Accept *request*, together with all others of its context at this moment.

    When this returns it is on disk; cancelling the caller does not take it back.
    Raises what `WatchedSyncRuntime.async_submit` raises.
    """
    if context is None:
        await runtime.async_submit([request])
        return
    gatherings = runtime.hass.data.setdefault(_GATHERINGS, {})
    gathering = gatherings.setdefault(context.id, _Gathering())
    if (share := gathering.shares.get(runtime.lane_id)) is None:
        requests: list[Request] = []

        async def submit() -> Sequence[Operation]:
            # Whoever else was called at this moment comes before us now.
            await asyncio.sleep(0)
            gatherings.pop(context.id, None)
            return await runtime.async_submit(requests, batch_id=gathering.batch_id)

        share = gathering.shares[runtime.lane_id] = _Share(
            requests, runtime.hass.async_create_task(submit(), "watched_sync batch")
        )
    share.requests.append(request)
    await asyncio.shield(share.accepted)
