"""An export as a side of a plan: what another program has for watched."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from itertools import batched
from typing import Final, override

from ..core.leaf import LibraryPage
from ..core.level.plan import Side
from ..core.play_state import Reading
from .planning import PlanSide

#: Readings that are handed over in one go.
_PAGE: Final = 500


class ExportSide(PlanSide):
    """The films and episodes of an export, all of them watched."""

    def __init__(self, name: str, readings: Sequence[Reading]) -> None:
        """Call it *name*, as its file is called."""
        self._name = name
        self._readings = {one.item.item_id: one for one in readings}

    @property
    @override
    def side(self) -> Side:
        return Side(side_id=self._name)

    @property
    @override
    def title(self) -> str:
        return self._name

    @override
    async def pages(self) -> AsyncIterator[LibraryPage]:
        for some in batched(self._readings.values(), _PAGE, strict=False):
            yield LibraryPage.of(some)

    @override
    async def readings(self, item_ids: Collection[str]) -> Mapping[str, Reading]:
        return {one: self._readings[one] for one in item_ids if one in self._readings}
