"""Socket messages -> where to look. Nothing but `Malformed` escapes.

Sources: Jellyfin's server source (SessionMessageType, UserDataChangeInfo,
LibraryUpdateInfo, SessionWebSocketListener); Emby's messages have the same names.
Every change of a play state is told half a second after the last of a burst, to all
sessions of the user, including the one that made it; only progress is not, until the
playback stops.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from ...core.errors import Malformed
from ...core.ports import Changed
from ..fields import Json, Row, as_row, flag, needed_text, number, rows, text
from ..listener import GoodBye, Heard, KeepAlive
from . import wire
from .dialect import JELLYFIN, Dialect

_KEEP_ALIVE: Final = '{"MessageType":"KeepAlive"}'
_LISTS: Final = ("ItemsRemoved", "ItemsUpdated", "ItemsAdded")


class Notifications:
    """What a user's session is told."""

    def __init__(self, user_id: str, dialect: Dialect = JELLYFIN) -> None:
        """Listen for the user with this id."""
        self.keep_alive = _KEEP_ALIVE if dialect.keeps_alive else None
        self._user_id = wire.normal_id(user_id)
        self._dialect = dialect

    def hear(self, message: Row) -> Iterator[Heard]:
        """Say where to look, and what the connection needs. Raises `Malformed`."""
        data = message.get("Data")
        match text(message, "MessageType"):
            case "ForceKeepAlive":
                if (seconds := number(message, "Data")) is None or seconds <= 0:
                    raise Malformed("a keep-alive without an interval")
                yield KeepAlive(seconds)
            case "UserDataChanged":
                yield from self._user_data(as_row(data, "the change"))
            case "LibraryChanged":
                yield from self._library(as_row(data, "the change"))
            case "ServerShuttingDown" | "ServerRestarting":
                yield GoodBye()

    def _user_data(self, change: Row) -> Iterator[Changed]:
        """Look at the items whose user data were written, if they are our user's.

        A session may be told of other users who joined it.
        """
        if wire.normal_id(needed_text(change, "UserId")) != self._user_id:
            return
        yield from self._changed(
            needed_text(entry, "ItemId") for entry in rows(change, "UserDataList")
        )

    def _library(self, change: Row) -> Iterator[Changed]:
        """Look at what came, went or was rewritten; or at all, if that is not said."""
        named = [item_id for key in _LISTS for item_id in _texts(change.get(key), key)]
        if named:
            yield from self._changed(iter(named))
        elif not flag(change, "IsEmpty"):
            yield Changed(frozenset())

    def _changed(self, named: Iterator[str]) -> Iterator[Changed]:
        normal = self._dialect.item_id
        item_ids = {item_id for one in named if (item_id := normal(one))}
        if item_ids:
            yield Changed(frozenset(item_ids))


def _texts(value: Json, key: str) -> list[str]:
    """Return a list of texts, empty if absent."""
    if value is None:
        return []
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise Malformed(f"{key} is not a list")
    return [one for one in value if isinstance(one, str)]
