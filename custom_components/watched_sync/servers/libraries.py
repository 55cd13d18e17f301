"""The libraries of a user, and those that somebody wants to see something of."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import replace
from itertools import chain, zip_longest
from time import monotonic
from typing import Final

from ..core.errors import AuthRejected, Forbidden, ItemGone, Malformed, ServerError
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


class AllowedLibraries:
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
            self._known = sorted(found, key=lambda one: not one.is_allowed)
            self._good_until = monotonic() + LIFETIME
        return self._known

    async def allowed(self, kinds: Collection[MediaKind]) -> list[Library]:
        """Return the allowed libraries that can hold one of *kinds*."""
        return [
            one
            for one in await self.all()
            if one.is_allowed and any(map(one.may_hold, kinds))
        ]

    def marked(self, libraries: Iterable[Library]) -> list[Library]:
        """Return libraries, each with whether it is allowed."""
        return [
            replace(
                one, is_allowed=not self._allowed or one.library_id in self._allowed
            )
            for one in libraries
        ]

    def forget(self) -> None:
        """Ask again the next time: a library was not what it was said to be."""
        self._good_until = 0.0

    async def meaning(self, library: Library, error: ServerError) -> ServerError:
        """Return what one of the `HIDDEN` errors means that a library answered with.

        The libraries are asked for anew. If it was the token, or a proxy, this is told
        the same, and raises it. `ItemGone` is a library that is not among them; one
        that is may not be read, or cannot.
        """
        self.forget()
        listed = {one.library_id for one in await self.all()}
        if library.library_id not in listed:
            return ItemGone("the library is gone, or hidden from this user")
        if isinstance(error, ItemGone):
            return Malformed("a library is listed that is not there")
        return Forbidden("a library is listed that may not be read")


def in_turns(lists: Collection[Sequence[Reading]]) -> list[Reading]:
    """Return the readings of several libraries so that none hides the others."""
    return [
        reading
        for reading in chain.from_iterable(zip_longest(*lists))
        if reading is not None
    ]
