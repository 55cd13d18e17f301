"""A lane that does not run as a side of a plan: what was known of it at last."""

from collections.abc import AsyncIterator, Collection, Mapping
from typing import override

from homeassistant.core import HomeAssistant

from ..catalogue_store import KeptCatalogue, catalogue_path
from ..const import CONF_SERVER_ID
from ..core.errors import CatalogueError
from ..core.leaf import LibraryPage
from ..core.level.plan import Side
from ..core.play_state import Reading
from ..preferences import preferences
from ..runtime import WatchedSyncConfigEntry
from .planning import NotRead, PlanSide


class KeptSide(PlanSide):
    """A lane whose entry is switched off, or cannot be set up: it is only read.

    What waits in its outbox is not looked at.
    """

    def __init__(self, hass: HomeAssistant, entry: WatchedSyncConfigEntry) -> None:
        """Speak of the lane of *entry*."""
        self._path = catalogue_path(hass, entry.entry_id)
        self._entry = entry

    @property
    @override
    def side(self) -> Side:
        return Side(
            side_id=self._entry.entry_id, server_id=self._entry.data[CONF_SERVER_ID]
        )

    @property
    @override
    def title(self) -> str:
        return self._entry.title

    @override
    async def pages(self) -> AsyncIterator[LibraryPage]:
        libraries = preferences(self._entry).libraries
        catalogue = KeptCatalogue(self._path)
        try:
            if (await catalogue.progress()).finished_at is None:
                raise NotRead(self.title)
            yield LibraryPage.of((await catalogue.shows()).values())
            start: int | None = 0
            while start is not None:
                page = await catalogue.leaves(start)
                yield LibraryPage(
                    [
                        one
                        for one in page.leaves
                        if not libraries or one.place.library_id in libraries
                    ]
                )
                start = page.next_start
        except CatalogueError as err:
            raise NotRead(self.title) from err
        finally:
            await catalogue.close()

    @override
    async def readings(self, item_ids: Collection[str]) -> Mapping[str, Reading]:
        catalogue = KeptCatalogue(self._path)
        try:
            return await catalogue.readings(item_ids)
        except CatalogueError:
            return {}
        finally:
            await catalogue.close()
