"""What a lane can say of items by itself, without asking its server."""

from collections.abc import Collection

from ..core.identity import Item, MediaKind
from ..runtime import WatchedSyncConfigEntry


def known_item(entry: WatchedSyncConfigEntry, item_id: str) -> Item | None:
    """Return an item this lane has dealt with, without asking the server."""
    runtime = entry.runtime_data
    if item := runtime.lane.ledger.item(item_id):
        return item
    if view := runtime.coordinator.view(item_id):
        return view.item
    return None


def derived_container(item: Item, kind: MediaKind) -> Item | None:
    """Return the season or show that *item* says it belongs to."""
    if kind is item.kind:
        return item
    if kind is MediaKind.SHOW and item.show_id is not None:
        return Item(
            item_id=item.show_id,
            kind=MediaKind.SHOW,
            title=item.show_title or item.show_id,
            provider_ids=item.show_provider_ids,
            library_id=item.library_id,
        )
    if (
        kind is MediaKind.SEASON
        and item.kind is MediaKind.EPISODE
        and item.season_id is not None
    ):
        return Item(
            item_id=item.season_id,
            kind=MediaKind.SEASON,
            title=f"Season {item.season}",
            library_id=item.library_id,
            show_id=item.show_id,
            show_title=item.show_title,
            show_provider_ids=item.show_provider_ids,
            season_id=item.season_id,
            season=item.season,
            listed_under=item.listed_under,
        )
    return None


def known_items(entry: WatchedSyncConfigEntry) -> Collection[Item]:
    """Return all items this lane can name by itself, with their seasons and shows."""
    runtime = entry.runtime_data
    items = {
        view.item.item_id: view.item for view in runtime.coordinator.data.items.values()
    }
    items |= {reading.item.item_id: reading.item for reading in runtime.lane.ledger}
    for item in list(items.values()):
        for kind in (MediaKind.SEASON, MediaKind.SHOW):
            if container := derived_container(item, kind):
                items.setdefault(container.item_id, container)
    return items.values()
