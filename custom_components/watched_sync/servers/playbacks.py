"""The playbacks that are reported at the moment, and the devices they are on."""

from collections import OrderedDict
from collections.abc import Callable
import hashlib
from typing import Final

#: Playbacks remembered at once. One that never stopped is forgotten when so many
#: others have been heard of since; heard of again, it begins anew.
MOST: Final = 64

_NAME_LENGTH: Final = 64


class Playbacks[T]:
    """What the server was told of each playback, by session."""

    def __init__(self, begin: Callable[[], T]) -> None:
        """Have *begin* make what is remembered of a playback not heard of before."""
        self._begin = begin
        self._known: OrderedDict[str, T] = OrderedDict()

    def of(self, session_id: str) -> T:
        """Return what is remembered of a playback."""
        if session_id not in self._known:
            self._known[session_id] = self._begin()
            if len(self._known) > MOST:
                self._known.popitem(last=False)
        self._known.move_to_end(session_id)
        return self._known[session_id]

    def end(self, session_id: str) -> None:
        """Forget a playback, known or not."""
        self._known.pop(session_id, None)


def device_of(client_id: str, player_id: str) -> str:
    """Return the id of a player as a device of its own, below our own id.

    Servers follow one playback on each device, so two players need two; and each has
    to stay the same, as the servers keep a list of them.
    """
    digest = hashlib.sha256(player_id.encode(errors="replace")).hexdigest()[:12]
    return f"{client_id}-{digest}"


def header_text(value: str, otherwise: str) -> str:
    """Return *value* as a header can carry it: printable, and not for ever."""
    encoded = value.encode(errors="replace").decode()
    printable = "".join(one for one in encoded if one.isprintable()).strip()
    return printable[:_NAME_LENGTH] or otherwise
