"""Socket messages -> where to look. Nothing but `Malformed` escapes.

Sources: Jellyfin's server source (SessionMessageType, UserDataChangeInfo,
LibraryUpdateInfo, SessionWebSocketListener); Emby's messages have the same names.
Every change of a play state is told half a second after the last of a burst, to all
sessions of the user, including the one that made it; only progress is not, until the
playback stops.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import batched
from types import MappingProxyType
from typing import Final

from ...core.errors import Malformed
from ...core.ports import Changed, Told
from ..fields import Row, as_row, entries, flag, needed_text, number, text, texts
from ..learning import AfterMarks
from ..listener import GoodBye, Heard, KeepAlive
from . import wire
from .dialect import JELLYFIN, Dialect

_KEEP_ALIVE: Final = '{"MessageType":"KeepAlive"}'
#: Rows of a frame taken in at once; one told of 633 marks, and nothing limits them.
_STEP: Final = 500
_NOTHING: Final[Mapping[str, Told]] = MappingProxyType({})
_LISTS: Final = ("ItemsRemoved", "ItemsUpdated", "ItemsAdded")


class Notifications:
    """What a user's session is told."""

    def __init__(
        self,
        user_id: str,
        dialect: Dialect = JELLYFIN,
        marks: AfterMarks | None = None,
    ) -> None:
        """Listen for the user with this id; *marks* wait to be told of."""
        self._marks = marks
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

        A session may be told of other users who joined it. Beside each item come its
        season and show, or the folder of the library, which is no item of ours; and a
        mark that changed nothing is told as well (seen on real servers).
        """
        if wire.normal_id(needed_text(change, "UserId")) != self._user_id:
            return
        normal = self._dialect.item_id
        listed = entries(change, "UserDataList")
        for some in batched(listed, _STEP, strict=False):
            told = {
                item_id: said
                for row in some
                if isinstance(row, Mapping)
                for named in texts([row], "ItemId")
                if (item_id := normal(named)) and (said := wire.parse_told(row))
            }
            if self._marks is not None:
                self._marks.told(told)
            yield from self._changed(texts(some, "ItemId"), told)

    def _library(self, change: Row) -> Iterator[Changed]:
        """Look at what came, went or was rewritten; or at all, if that is not said."""
        named = [
            item_id
            for key in _LISTS
            for item_id in entries(change, key)
            if isinstance(item_id, str)
        ]
        if named:
            for some in batched(named, _STEP, strict=False):
                yield from self._changed(some)
        elif not flag(change, "IsEmpty"):
            yield Changed(frozenset())

    def _changed(
        self, named: Iterable[str], told: Mapping[str, Told] = _NOTHING
    ) -> Iterator[Changed]:
        normal = self._dialect.item_id
        item_ids = {item_id for one in named if (item_id := normal(one))}
        if item_ids:
            yield Changed(frozenset(item_ids), told=told)
