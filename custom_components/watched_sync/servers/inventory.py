"""Whole libraries, page by page: what both kinds of server do alike."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

from ..core.identity import MediaKind
from ..core.learnt import Learnt, Trait
from ..core.play_state import Reading
from ..core.ports import Library, Page
from .learning import PAGE_TIMES, timed
from .libraries import HIDDEN, AllowedLibraries
from .listing import ListingPage, Walk, unique
from .transport import Oversized

#: Rows of a page, at least: fewer are not asked for, however much is told of each.
LEAST: Final = 250


class InventoryPages:
    """Reads the pages of `MediaServer.inventory_page`.

    Each may be asked for at any time, in any order. Those of one listing that follow
    each other are looked at together, so that a listing that goes round in circles is
    noticed, and no longer than that: one that somebody gave up is not remembered.
    """

    def __init__(self, libraries: AllowedLibraries, size: int, learnt: Learnt) -> None:
        """Ask for *size* rows at once, and for fewer once that was too much."""
        self._libraries = libraries
        self._most = size
        self._learnt = learnt
        #: The listing that was read last, unless that is through, by its next page.
        self._under_way: dict[tuple[str, MediaKind, int], Walk] = {}

    async def page(
        self,
        library: Library,
        kind: MediaKind,
        start: int,
        read: Callable[[int], Awaitable[ListingPage]],
    ) -> Page:
        """Read the page after *start* rows; *read* is given how many to ask for.

        Raises `ItemGone` for a library that is gone or hidden, and `Malformed` for a
        listing that does not end (see `Walk`).
        """
        try:
            listed = await self._as_much_as_fits(kind, read)
        except HIDDEN as error:
            raise await self._libraries.meaning(library, error) from error
        place = library.library_id
        walk = self._under_way.get((place, kind, start)) or Walk(start)
        self._under_way.clear()
        # A server that sends all it has, whatever it is asked for, does so twice.
        found = [
            one
            for one in unique(listed.readings)
            if one.item.kind is kind and not walk.has_passed(one.item.item_id)
        ]
        next_start = walk.after(listed, self._size)
        if next_start is not None:
            self._under_way[place, kind, next_start] = walk
        return Page([_placed(one, place) for one in found], next_start)

    async def _as_much_as_fits(
        self, kind: MediaKind, read: Callable[[int], Awaitable[ListingPage]]
    ) -> ListingPage:
        """Read a page; where its rows are too long for one answer, half of it.

        How long they are depends on the server and what it knows of its films, so what
        has fitted is kept to.
        """
        while True:
            try:
                with timed(self._learnt, PAGE_TIMES[kind]):
                    return await read(self._size)
            except Oversized:
                if self._size // 2 < LEAST:
                    raise
                self._learnt.note(Trait.PAGE_ROWS, self._size // 2)

    @property
    def _size(self) -> int:
        fitted = int(self._learnt.number(Trait.PAGE_ROWS) or self._most)
        return min(max(fitted, LEAST), self._most)


def _placed(reading: Reading, library_id: str) -> Reading:
    """Return a reading in the library that lists it, whatever the row says."""
    if reading.item.library_id == library_id:
        return reading
    return replace(reading, item=replace(reading.item, library_id=library_id))
