"""The libraries of a user, and those that somebody wants to see something of."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from itertools import chain, zip_longest
from time import monotonic
from typing import Final

from ..core.errors import AuthRejected, Forbidden, ItemGone, ServerError
from ..core.identity import Item, MediaKind
from ..core.play_state import Reading
from ..core.ports import Library

#: Seconds after which the libraries are asked for again. One that is new, gone or
#: hidden from the user meanwhile is told by the error it answers with, or is found
#: then; a request every ten minutes is what that may cost.
LIFETIME: Final = 600.0

#: What one library answers with that was removed, or is hidden from the user now
#: (Jellyfin says 401 to that), while the token and the others are fine.
HIDDEN: Final[tuple[type[ServerError], ...]] = (AuthRejected, Forbidden, ItemGone)

#: In which kind of library what kind of item is.
_HELD_IN: Final = {
    MediaKind.MOVIE: MediaKind.MOVIE,
    MediaKind.SHOW: MediaKind.SHOW,
    MediaKind.SEASON: MediaKind.SHOW,
    MediaKind.EPISODE: MediaKind.SHOW,
}


class Shelves:
    """What libraries there are, asked for now and then, and an allow-list of them.

    An empty allow-list allows all. Ids in it that the server does not know (a library
    that was removed) allow nothing and harm nothing.
    """

    def __init__(
        self,
        read: Callable[[], Awaitable[Sequence[Library]]],
        allowed: Collection[str],
    ) -> None:
        """Ask by *read* when somebody needs to know."""
        self._read = read
        self._allowed = frozenset(allowed)
        self._known: Sequence[Library] = ()
        self._good_until = 0.0

    @property
    def are_narrowed(self) -> bool:
        """Whether only some libraries are allowed."""
        return bool(self._allowed)

    def allows(self, item: Item) -> bool:
        """Whether an item is in an allowed library; of an unknown one it is not."""
        return not self._allowed or item.library_id in self._allowed

    async def all(self) -> Sequence[Library]:
        """Return the libraries there are, the allowed ones first."""
        if monotonic() >= self._good_until:
            found = await self._read()
            self._known = sorted(found, key=lambda one: not self._is_allowed(one))
            self._good_until = monotonic() + LIFETIME
        return self._known

    async def allowed(self, kinds: Collection[MediaKind]) -> list[Library]:
        """Return the allowed libraries that can hold one of *kinds*."""
        homes = {_HELD_IN[kind] for kind in kinds if kind in _HELD_IN}
        return [
            one
            for one in await self.all()
            if self._is_allowed(one) and (one.kind is None or one.kind in homes)
        ]

    def forget(self) -> None:
        """Ask again the next time: a library was not what it was said to be."""
        self._good_until = 0.0

    def _is_allowed(self, library: Library) -> bool:
        return not self._allowed or library.library_id in self._allowed


def in_turns(lists: Collection[Sequence[Reading]]) -> list[Reading]:
    """Return the readings of several libraries so that none hides the others."""
    return [
        reading
        for reading in chain.from_iterable(zip_longest(*lists))
        if reading is not None
    ]
