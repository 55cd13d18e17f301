"""Refs: what a film, a show or an episode is called between us and the face.

A film or show that is known by an id of the world has that in it, so that a link means
the same for everybody; anything else is named by its lane and id.
"""

from collections.abc import Sequence
from typing import Final

from homeassistant.config_entries import ConfigEntryState
from homeassistant.exceptions import ServiceValidationError, Unauthorized

from ..core.identity import Item, MediaKind
from ..core.works import Copy, Line, Work, line_of_copies
from ..failures import invalid
from ..naming.asking import SkipReason
from ..naming.found import LaneItem, Resolution, Skipped
from ..naming.known import async_known_items
from ..runtime import WatchedSyncConfigEntry
from .copies import KINDS_SHOWN, async_copies
from .shelves import Shelves
from .whose import Audience, loaded

_ITEM: Final = "item"


def ref_of(line: Line) -> str:
    """Return what a work is called."""
    address = line.work.address
    if address is not None and line.kind in KINDS_SHOWN:
        return f"{line.kind.value}.{address}"
    return item_ref(line.first.lane, line.first.item.item_id)


def item_ref(entry_id: str, item_id: str) -> str:
    """Return what an item of a lane is called."""
    return f"{_ITEM}.{entry_id}.{item_id}"


def unknown_ref(ref: str) -> ServiceValidationError:
    """Say that nothing is called so, or not any more."""
    return invalid("unknown_ref", ref=ref)


async def async_meant(
    shelves: Shelves, audience: Audience, ref: str
) -> Work | LaneItem | None:
    """Return what a ref means: a work on the shelves, or else an item of a lane.

    None if nothing is called so, or not any more. The shelves have to be up to date.
    Raises Unauthorized for an item of a lane that is not to be seen.
    """
    kind, _, rest = ref.partition(".")
    if kind in KINDS_SHOWN:
        return shelves.works.at(MediaKind(kind), rest)
    entry_id, _, item_id = rest.partition(".")
    if kind != _ITEM or not item_id:
        return None
    visible = {one.entry_id: one for one in audience.visible}
    if (entry := visible.get(entry_id)) is None:
        raise Unauthorized(config_entry_id=entry_id)
    if (work := shelves.works.of((entry_id, item_id))) is not None:
        return work
    if entry.state is not ConfigEntryState.LOADED:
        return None
    return (await async_known_items(entry, [item_id])).get(item_id)


async def async_line(shelves: Shelves, audience: Audience, ref: str) -> Line | None:
    """Return what a ref means as it is for those who look; None if they have it not.

    Raises what `async_meant` raises.
    """
    view = await shelves.async_view(audience)
    match await async_meant(shelves, audience, ref):
        case None:
            return None
        case Work() as work:
            return view.line(work.key)
        case target:
            return await async_item_line(audience, target.entry, target.item)


async def async_item_line(
    audience: Audience, home: WatchedSyncConfigEntry, item: Item
) -> Line | None:
    """Return an item of a lane, with its copies, as it is for those who look."""
    copies: list[Copy] = []
    for entry in loaded(audience.visible):
        copies += await async_copies(entry, item, home)
    order = audience.lane_ids
    shown = [one for one in copies if one.lane in order]
    if not shown:
        return None
    shown.sort(key=lambda one: order.index(one.lane))
    return line_of_copies(Work(tuple(copies)), tuple(shown), audience.seen_ids)


async def async_targets(
    shelves: Shelves,
    audience: Audience,
    ref: str,
    lanes: Sequence[WatchedSyncConfigEntry],
) -> Resolution:
    """Return what a ref means on each of some lanes: every copy; and who has none.

    Raises ServiceValidationError if nothing is called so, and what `async_meant`
    raises.
    """
    await shelves.async_view(audience)
    if (meant := await async_meant(shelves, audience, ref)) is None:
        raise unknown_ref(ref)
    resolution = Resolution()
    for entry in lanes:
        if isinstance(meant, Work):
            copies: Sequence[Copy] = meant.copies
        else:
            copies = await async_copies(entry, meant.item, meant.entry)
        items = [one.item for one in copies if one.lane == entry.entry_id]
        resolution.targets += (LaneItem(entry, one, listed=True) for one in items)
        if not items:
            resolution.skipped.append(Skipped(entry, SkipReason.NOT_FOUND))
    return resolution
