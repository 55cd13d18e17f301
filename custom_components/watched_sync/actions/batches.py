"""Requests that come by entities: checked like those of an action, and batched.

Home Assistant calls every entity by itself, at one moment and in one context. What
comes in so is gathered: it is allowed or refused as a whole, and *undo* takes back the
whole action and not its last switch. What one context asks for within a short time
counts together, so that no loop over many switches gets around the limits.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from homeassistant.auth.permissions.const import POLICY_CONTROL
from homeassistant.core import Context
from homeassistant.util.hass_dict import HassKey
from homeassistant.util.ulid import ulid_now

from ..causes import cause_of
from ..core.operation import MarkUnwatched, Operation
from ..core.play_state import UNKNOWN
from ..core.reconcile import is_true_of
from ..failures import invalid
from ..naming.found import LaneItem
from ..permissions import Permit, async_permit
from ..persons import owner_name
from ..runtime import Request, WatchedSyncRuntime, runtime_of
from .for_whom import one_of_each
from .lanes import enabled_lanes, lanes_of_caller
from .limits import async_check_size
from .planning import Planned

#: Seconds for which what a context has changed counts for what it changes next.
WINDOW: Final = 30.0


@dataclass(slots=True)
class _Changed:
    """How many items one context has changed: un-marked (true), or otherwise."""

    last: float
    counts: Counter[bool] = field(default_factory=Counter)
    one_by_one: asyncio.Lock = field(default_factory=asyncio.Lock)


_CHANGED: HassKey[dict[str, _Changed]] = HassKey("watched_sync_changed")


@dataclass(slots=True)
class _Gathering:
    """The requests of one context at one moment."""

    permit: Permit
    planned: list[Planned] = field(default_factory=list)
    #: What became of them, by entry id; it ends with an error if all are refused.
    accepted: asyncio.Task[dict[str, asyncio.Task[Sequence[Operation]]]] | None = None


_GATHERINGS: HassKey[dict[str, _Gathering]] = HassKey("watched_sync_gatherings")


async def async_submit_together(
    runtime: WatchedSyncRuntime, request: Request, context: Context | None
) -> None:
    """Accept *request*, together with all others of its context at this moment.

    When this returns it is on disk; cancelling the caller does not take it back.
    Raises Unauthorized, ServiceValidationError if it is too much at once or meant for
    somebody else, and what `WatchedSyncRuntime.async_submit` raises.
    """
    hass, entry = runtime.hass, runtime.coordinator.config_entry
    permit = await async_permit(hass, context or Context(), POLICY_CONTROL)
    permit.check([entry])
    gatherings = hass.data.setdefault(_GATHERINGS, {})
    gathering = gatherings.setdefault(permit.context.id, _Gathering(permit))
    target = LaneItem(entry, request.item)
    gathering.planned.append(Planned(target, request, _count(runtime, request)))
    if gathering.accepted is None:
        gathering.accepted = hass.async_create_task(
            _async_accept(gathering), "watched_sync batch"
        )
    accepted = await asyncio.shield(gathering.accepted)
    if entry.entry_id not in accepted:
        raise invalid(
            "switch_of_another",
            name=request.item.full_title,
            person=owner_name(hass, entry),
        )
    await asyncio.shield(accepted[entry.entry_id])


async def _async_accept(
    gathering: _Gathering,
) -> dict[str, asyncio.Task[Sequence[Operation]]]:
    """Check what was gathered as a whole, and begin to write it down, lane by lane."""
    permit = gathering.permit
    hass, context_id = permit.hass, permit.context.id
    # Whoever else was called at this moment comes before us now.
    await asyncio.sleep(0)
    hass.data[_GATHERINGS].pop(context_id)
    planned = _meant(gathering)
    await _async_check_together(permit, planned)
    shares: dict[str, list[Planned]] = {}
    for one in planned:
        shares.setdefault(one.target.entry.entry_id, []).append(one)
    batch_id, cause = ulid_now(), cause_of(hass, permit.context)
    return {
        entry_id: hass.async_create_task(
            runtime_of(share[0].target.entry).async_submit(
                [one.request for one in share], batch_id=batch_id, cause=cause
            ),
            "watched_sync batch",
        )
        for entry_id, share in shares.items()
    }


def _meant(gathering: _Gathering) -> list[Planned]:
    """Return what is meant of what was asked for at once.

    The switches of one person are named by whoever turns them. Those of several are
    what happens to be in a room: there only those of the caller take part.
    """
    caller = gathering.permit.person
    entries = [one.target.entry for one in gathering.planned]
    if caller is None or len(one_of_each(entries)) <= 1:
        return gathering.planned
    own = lanes_of_caller(enabled_lanes(gathering.permit.hass), caller)
    return [one for one in gathering.planned if one.target.entry in own]


async def _async_check_together(permit: Permit, planned: Sequence[Planned]) -> None:
    """Raise if a context changes too much, with what it has changed just before."""
    everything = permit.hass.data.setdefault(_CHANGED, {})
    now = permit.hass.loop.time()
    for context_id, changed in [*everything.items()]:
        if changed.last < now - WINDOW and not changed.one_by_one.locked():
            del everything[context_id]
    changed = everything.setdefault(permit.context.id, _Changed(now))
    async with changed.one_by_one:
        for unmarks in (True, False):
            alike = [one for one in planned if _unmarks(one) is unmarks]
            changed.counts[unmarks] += await async_check_size(
                alike, one_by_one=True, before=changed.counts[unmarks]
            )
        changed.last = now


def _unmarks(planned: Planned) -> bool:
    return isinstance(planned.request.change, MarkUnwatched)


def _count(runtime: WatchedSyncRuntime, request: Request) -> int | None:
    """Return how many films or episodes would change, None if that is not known.

    A switch that is off already may be turned off by anybody who leaves the house.
    """
    item, change = request.item, request.change
    lane = runtime.lane
    if not item.kind.is_container:
        state = lane.outbox.desired(item, lane.ledger.base_of(item) or UNKNOWN)
        return int(not is_true_of(change, state))
    leaves = runtime.coordinator.leaves(item.item_id)
    if not leaves:
        return None
    return sum(
        not is_true_of(change, lane.outbox.desired(leaf.item, leaf.state))
        for leaf in leaves
        if request.include_specials or not leaf.item.is_special
    )
