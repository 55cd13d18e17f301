"""How an item of a lane is: what its server showed, and what it will be."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from typing import Final

from ..const import CONF_SERVER_ID
from ..core.catalogue import EpisodeCounts, counts_of, is_counted, shelf_place
from ..core.errors import CatalogueError
from ..core.identity import Item, MediaKind
from ..core.matching import Shelf
from ..core.mirror import Skip
from ..core.play_state import UNKNOWN, PlayState, Reading
from ..core.snapshot import Failures, ItemSyncState, view_of
from ..core.works import Copy
from ..runtime import WatchedSyncConfigEntry, runtime_of

#: What has a place of its own on the shelves; episodes are in their shows.
KINDS_SHOWN: Final = frozenset((MediaKind.MOVIE, MediaKind.SHOW))


def copy_of(entry: WatchedSyncConfigEntry, listed: Reading, failures: Failures) -> Copy:
    """Return a film or an episode as it is, or as it was *listed*."""
    lane = runtime_of(entry).lane
    reading = lane.ledger.reading_of(listed.item) or listed
    item = reading.item.completed_by(listed.item)
    view = view_of(lane, item, (), failures)
    return Copy(
        lane=entry.entry_id,
        server_id=entry.data[CONF_SERVER_ID],
        item=item,
        place=shelf_place(reading),
        state=lane.outbox.desired(item, reading.state),
        server=reading.state,
        sync=view.sync_state,
        error=view.last_error,
    )


def resting_copy(entry: WatchedSyncConfigEntry, listed: Reading) -> Copy:
    """Return a film or an episode with which nobody deals just now, as it was listed.

    It says the same as `copy_of`, many times sooner.
    """
    return Copy(
        lane=entry.entry_id,
        server_id=entry.data[CONF_SERVER_ID],
        item=listed.item,
        place=shelf_place(listed),
        state=listed.state,
        server=listed.state,
    )


def show_copy(
    entry: WatchedSyncConfigEntry, listed: Reading, counts: EpisodeCounts | None
) -> Copy:
    """Return a show of whose episodes none is dealt with; None if not all are known."""
    state = _state_of(counts)
    return Copy(
        lane=entry.entry_id,
        server_id=entry.data[CONF_SERVER_ID],
        item=listed.item,
        place=shelf_place(listed),
        state=state,
        server=state,
        episodes=None if counts is None else counts.episodes,
        seen=None if counts is None else counts.watched,
        begun=None if counts is None else counts.begun,
    )


def show_copy_by(
    entry: WatchedSyncConfigEntry,
    listed: Reading,
    leaves: Sequence[Reading] | None,
    failures: Failures,
    today: date,
) -> Copy:
    """Return a show by its episodes, as they are now; None if not all are known."""
    lane = runtime_of(entry).lane
    view = view_of(lane, listed.item, leaves or (), failures)
    sync, counts, server = view.sync_state, None, None
    if leaves is not None:
        counted = [one for one in leaves if is_counted(one.item, today)]
        counts = counts_of(lane.outbox.desired(one.item, one.state) for one in counted)
        server = counts_of(one.state for one in counted)
    elif sync is ItemSyncState.SYNCED and any(
        listed.item.covers(one.item) for one in lane.outbox
    ):
        sync = ItemSyncState.PENDING
    return replace(
        show_copy(entry, listed, counts),
        server=_state_of(server),
        sync=sync,
        error=view.last_error,
    )


def _state_of(counts: EpisodeCounts | None) -> PlayState:
    """Return the state of a show: watched if every episode that counts is."""
    if counts is None:
        return UNKNOWN
    return PlayState(
        watched=0 < counts.episodes == counts.watched, last_played=counts.last_played
    )


async def async_copies(
    entry: WatchedSyncConfigEntry, item: Item, home: WatchedSyncConfigEntry
) -> list[Copy]:
    """Return what a lane has of a film or an episode that lies on the lane *home*."""
    lane = runtime_of(entry).lane
    items: list[Item]
    if entry is home:
        items = [item]
    else:
        found = Shelf(await lane.copies_of(item)).copies(item)
        items = [] if isinstance(found, Skip) else found
        if not items and entry.data[CONF_SERVER_ID] == home.data[CONF_SERVER_ID]:
            # Another user of the same server, of an item without ids.
            items = [item]
    known = await lane.known([one.item_id for one in items])
    failures = Failures(lane.outbox.rejected)
    return [
        copy_of(entry, reading, failures)
        for one in items
        if (reading := known.get(one.item_id)) is not None
        and one.is_still(reading.item)
        and runtime_of(entry).coordinator.allows(reading.item)
    ]


async def async_leaves(entry: WatchedSyncConfigEntry, show: Item) -> list[Reading]:
    """Return the episodes of a show as far as they are known, in order."""
    runtime = runtime_of(entry)
    if (leaves := await runtime.lane.below(show)) is not None:
        return leaves
    try:
        listed = await runtime.catalogue.below(show)
    except CatalogueError:
        # It is read again; until then nothing is known.
        return []
    ledger = runtime.lane.ledger
    return [ledger.reading_of(one.item) or one for one in listed]


def episode_copies(
    entry: WatchedSyncConfigEntry, leaves: Iterable[Reading]
) -> list[Copy]:
    """Return episodes as they are now."""
    failures = Failures(runtime_of(entry).lane.outbox.rejected)
    return [copy_of(entry, one, failures) for one in leaves]
