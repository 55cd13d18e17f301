"""A bench of a real server, which does as it likes."""

from abc import abstractmethod
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, override

from custom_components.watched_sync.core.identity import MediaKind
from scripts.lib.real.shelf import Shelf

from .contract import Bench
from .needs import Need

#: How far from our time what happens now may be dated.
_NOW: Final = timedelta(seconds=60)


class NotGiven(Exception):
    """A test asked for what it does not say that it needs."""

    def __init__(self, need: Need) -> None:
        super().__init__(f"not marked with needs({need.value!r})")


@dataclass
class RealBench(Bench):
    """What all real servers have in common."""

    plays_on = 10.0

    @property
    @abstractmethod
    def shelf(self) -> Shelf:
        """The items of the server."""

    @override
    def item_id(
        self,
        title: str,
        year: int | None = None,
        season: int | None = None,
        episode: int | None = None,
        library: str | None = None,
    ) -> str:
        return self.shelf.item_id(title, year, season, episode, library)

    @override
    def held(self, library: str, kind: MediaKind) -> list[str]:
        return self.shelf.held(library, kind)

    @override
    def is_now(self, moment: datetime | None) -> bool:
        return moment is not None and abs(datetime.now(UTC) - moment) < _NOW

    @override
    def take_picture(self, item_id: str) -> None:
        raise NotGiven(Need.PICTURES)

    @override
    def remove(self, item_id: str) -> None:
        raise NotGiven(Need.FILES)

    @override
    def retitle(self, item_id: str, title: str) -> None:
        raise NotGiven(Need.FILES)
