"""What a lane can say of items by itself, without asking its server.

Its catalogue has everything there is, once the libraries were read for the first time.
Until then, and where the catalogue cannot be read, it is what the lane has dealt with.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from ..const import LOGGER
from ..core.errors import CatalogueError
from ..core.identity import Item, MediaKind
from ..core.play_state import Reading
from ..core.ports import Catalogue
from ..runtime import WatchedSyncConfigEntry, runtime_of
from .found import LaneItem
from .names import ItemName


@dataclass(frozen=True, slots=True)
class CatalogueAnswer:
    """What the catalogue of a lane answers; *whole* if it knows all there is.

    Then what it does not have was not there when the libraries were last read.
    """

    entry: WatchedSyncConfigEntry
    readings: Sequence[Reading]
    whole: bool

    @property
    def targets(self) -> list[LaneItem]:
        """The items of the answer."""
        return [LaneItem(self.entry, one.item, listed=True) for one in self.readings]


async def async_known(
    entry: WatchedSyncConfigEntry,
    ask: Callable[[Catalogue], Awaitable[Iterable[Reading]]],
) -> CatalogueAnswer:
    """Return what a lane's catalogue answers, but for libraries that are left out."""
    runtime = runtime_of(entry)
    try:
        found = await ask(runtime.catalogue)
        # One that turned out to be damaged just now is not whole any more.
        progress = await runtime.catalogue.progress()
    except CatalogueError as err:
        LOGGER.debug("%s: its catalogue cannot be asked: %r", entry.title, err)
        return CatalogueAnswer(entry, (), whole=False)
    allows, unseen = runtime.coordinator.allows, runtime.inventory.unseen
    return CatalogueAnswer(
        entry,
        [
            one
            for one in found
            if allows(one.item) and one.item.library_id not in unseen
        ],
        whole=progress.finished_at is not None,
    )


async def async_known_by(
    entry: WatchedSyncConfigEntry, name: ItemName
) -> CatalogueAnswer:
    """Return what a lane's catalogue has that may be what was named."""

    async def ask(catalogue: Catalogue) -> list[Reading]:
        found = await name.by_ids(catalogue.find)
        if not found and name.title:
            found.extend(
                await catalogue.titled(
                    name.title, name.kinds, name.year, heard=name.heard
                )
            )
        return [one for one in found if name.fits(one.item)]

    return await async_known(entry, ask)


async def async_known_like(
    entry: WatchedSyncConfigEntry,
    title: str,
    kinds: Collection[MediaKind],
    limit: int,
) -> CatalogueAnswer:
    """Return what a lane's catalogue has that is called like *title*, likest first."""
    return await async_known(
        entry, lambda catalogue: catalogue.like(title, kinds, limit)
    )


def known_item(entry: WatchedSyncConfigEntry, item_id: str) -> Item | None:
    """Return an item this lane has dealt with, without asking the server."""
    runtime = runtime_of(entry)
    if item := runtime.lane.ledger.item(item_id):
        return item
    if view := runtime.coordinator.view(item_id):
        return view.item
    return None


async def async_known_items(
    entry: WatchedSyncConfigEntry, item_ids: Collection[str]
) -> dict[str, LaneItem]:
    """Return the items with these ids, as far as the lane or its catalogue has them."""
    found: dict[str, LaneItem] = {}
    for item_id in item_ids:
        if (item := known_item(entry, item_id)) is not None:
            found[item_id] = LaneItem(entry, item)
    if missing := [one for one in item_ids if one not in found]:
        try:
            listed = await runtime_of(entry).catalogue.readings(missing)
        except CatalogueError as err:
            LOGGER.debug("%s: its catalogue cannot be asked: %r", entry.title, err)
            return found
        found |= {
            item_id: LaneItem(entry, one.item, listed=True)
            for item_id, one in listed.items()
            if one.item.library_id not in runtime_of(entry).inventory.unseen
        }
    return found


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
    runtime = runtime_of(entry)
    items = {
        view.item.item_id: view.item for view in runtime.coordinator.data.items.values()
    }
    items |= {reading.item.item_id: reading.item for reading in runtime.lane.ledger}
    for item in list(items.values()):
        for kind in (MediaKind.SEASON, MediaKind.SHOW):
            if container := derived_container(item, kind):
                items.setdefault(container.item_id, container)
    return items.values()
