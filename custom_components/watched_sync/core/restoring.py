"""What a check notes before it writes, and how it puts that back.

What a server sends of a play state is noted as it is, and written back as it was, to
the last digit of a date: a note is enough to do so, whoever holds it.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from . import members
from .errors import AuthRejected, Forbidden, ItemGone, ServerError, Unsupported
from .facts import Product
from .identity import Item
from .members import DamagedRow

#: The members of a play state as a server sends them, of whatever they consist.
type Members = Mapping[str, bool | int | float | str]

#: Seconds after which it is tried once more to put back what is left.
PAUSES: Final = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)

_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Stored:
    """The play state of one film or episode as a server stores it.

    It is blank if nobody has ever touched the item, and restorable if every member of
    it can be written again.
    """

    members: Members
    is_blank: bool
    is_restorable: bool


class DirectAccess(Protocol):
    """What a check asks of a server that no client ever does (see `MediaServer`).

    Every method raises `ServerError`. A write goes out once.
    """

    @property
    def product(self) -> Product:
        """The kind of server."""
        ...

    @property
    def unknown_id(self) -> str:
        """An id of the right form that no item has."""
        ...

    async def stored(self, item_ids: Collection[str]) -> Mapping[str, Stored]:
        """Read the play states of films and episodes; those that are gone are not in.

        Raises nothing if all of them are gone.
        """
        ...

    async def restore(self, item_id: str, stored: Stored) -> None:
        """Write the play state of one item, whatever it is now."""
        ...

    async def listed(
        self, item_ids: Collection[str], library_id: str | None = None
    ) -> frozenset[str]:
        """Ask for ids with one request, of one library or any; return what is there."""
        ...

    async def mark_by(self, method: str, item: Item) -> bool:  # noqa: ARG002 - for servers with several
        """Send the mark of an item by this method; False if it is not known.

        Raises `Unsupported` where there is one alone.
        """
        raise Unsupported("a mark has one method here")

    async def set_position(self, item: Item, position: float) -> None:
        """Set a resume position in seconds, whether or not it will be kept."""
        ...

    async def play(self, item: Item, session_id: str, position: float) -> None:
        """Report the start of a playback at a position in seconds."""
        ...

    async def play_on(self, item: Item, session_id: str, position: float) -> None:
        """Report that it goes on."""
        await self.play(item, session_id, position)

    async def stop(self, item_id: str, session_id: str) -> None:
        """Report that it has stopped, at no position; it need not be under way."""
        ...


@dataclass(frozen=True, slots=True)
class RestoreNote:
    """What was there before a check wrote, and the playback it has under way.

    Without titles, names and tokens. `device_id` is the one the check signed in with,
    as what plays there is stopped there. `session_id` is empty where nothing plays.
    """

    product: Product
    server_id: str
    user_id: str
    device_id: str
    stored: Mapping[str, Stored]
    session_id: str = ""
    playing: str = ""

    def while_playing(self, item_id: str, session_id: str) -> RestoreNote:
        """Return the same while this plays."""
        return replace(self, playing=item_id, session_id=session_id)

    def as_json(self) -> dict[str, Any]:
        """Return what a file can hold."""
        return {
            "version": _VERSION,
            "product": self.product.value,
            "server_id": self.server_id,
            "user_id": self.user_id,
            "device_id": self.device_id,
            "session_id": self.session_id,
            "playing": self.playing,
            "items": {
                key: {
                    "members": dict(one.members),
                    "is_blank": one.is_blank,
                    "is_restorable": one.is_restorable,
                }
                for key, one in self.stored.items()
            },
        }

    @classmethod
    def from_json(cls, value: object) -> RestoreNote:
        """Read what `as_json` returned. Raises `DamagedRow` for anything else."""
        row = members.mapping(value)
        if row.get("version") != _VERSION:
            raise DamagedRow("no note of this version")
        try:
            product = Product(members.text(row.get("product")))
        except ValueError as error:
            raise DamagedRow("no product") from error
        return cls(
            product=product,
            server_id=members.text(row.get("server_id")),
            user_id=members.text(row.get("user_id")),
            device_id=members.text(row.get("device_id")),
            session_id=members.text(row.get("session_id")),
            playing=members.text(row.get("playing")),
            stored={
                key: _stored(members.mapping(one))
                for key, one in members.mapping(row.get("items")).items()
            },
        )


def _stored(row: Mapping[str, Any]) -> Stored:
    noted = members.mapping(row.get("members"))
    if not all(isinstance(one, bool | int | float | str) for one in noted.values()):
        raise DamagedRow("no play state")
    return Stored(noted, row.get("is_blank") is True, row.get("is_restorable") is True)


async def put_back(
    direct: DirectAccess,
    note: RestoreNote,
    sleep: Callable[[float], Awaitable[None]],
    pauses: Sequence[float] = PAUSES,
) -> Mapping[str, Stored]:
    """Put back what a note holds; return what could not be, by the items' ids.

    What plays is stopped first, so that its end comes before. A server that does not
    answer is asked again for half a minute. What is gone is not missed.
    """
    left = dict(note.stored)
    for pause in (0.0, *pauses):
        await sleep(pause)
        is_forbidden = False
        try:
            if note.playing:
                with suppress(ItemGone):
                    await direct.stop(note.playing, note.session_id)
            for key in differing(left, await direct.stored(left)):
                try:
                    await direct.restore(key, left[key])
                except Forbidden:
                    is_forbidden = True
            now = await direct.stored(left)
            left = {key: left[key] for key in differing(left, now)}
        except AuthRejected:
            break
        except ServerError:
            pass  # it is asked again
        if not left or is_forbidden:
            break
    return left


def differing(wanted: Mapping[str, Stored], found: Mapping[str, Stored]) -> list[str]:
    """Return the ids of the items that are there and show something else."""
    return [
        key
        for key, one in wanted.items()
        if key in found and found[key].members != one.members
    ]
