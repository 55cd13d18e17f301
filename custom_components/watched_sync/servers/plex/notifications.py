"""Plex's notifications -> where to look. Nothing but `Malformed` escapes.

Sources: Plex OpenAPI 1.2.0 and python-plexapi (`plexapi/alert.py`). What plays is told
with a position but without the user and without the duration. Of a mark made by hand
nothing is told at all, or at most that the item was refreshed.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
import re
from typing import Final

from ...core.play_state import Reading
from ...core.ports import Changed
from ..fields import Json, Oddities, Row, entries, number, ordinal, row, text
from .limits import DEFAULTS
from .wire import is_rating_key

#: Where the notifications are, and which of them.
PATH: Final = "/:/websockets/notifications"
PARAMS: Final = {"filters": "playing,activity,timeline"}

#: Seconds after the end of a playback: the server writes it down in its own time.
LOOK_AGAIN: Final = (2.0, 10.0)

_MILLISECONDS: Final = 1000

#: Playbacks followed at once; more are forgotten, the oldest first.
_MOST_PLAYBACKS: Final = 100
#: Rows of one message that are looked at; a scan tells of its items one by one.
_MOST_ROWS: Final = 1000

_LIBRARY: Final = "com.plexapp.plugins.library"
#: Films, shows, seasons and episodes.
_TYPES: Final = (1, 2, 3, 4)
#: The ends of what the library does with an item: processed, and deleted.
_TIMELINE_ENDS: Final = (5, 9)

_ITEM_PATH: Final = re.compile(r"/library/metadata/([A-Za-z0-9_-]+)(?:/children)?")


@dataclass(frozen=True, slots=True)
class _Played:
    """What a player was said to do with an item; `offset` is in seconds."""

    item_id: str
    session: str
    is_over: bool
    offset: float


@dataclass(slots=True)
class _Playback:
    """One player's playback; `counted` once it was past the threshold."""

    item_id: str
    counted: bool = False


class Notifications:
    """What one connection tells.

    The server marks an item as a playback crosses the threshold, without a word. To
    see that coming one has to know how long the item is: the start of a playback is
    therefore a hint as well, and `learn` takes what was read because of it.
    """

    keep_alive: Final = None

    def __init__(self, threshold: float = DEFAULTS.max_progress) -> None:
        """Begin with nothing playing: the keys of sessions are of one connection.

        From *threshold* on, a fraction of the duration, the server marks an item.
        """
        self._threshold = threshold
        self._playbacks: dict[str, _Playback] = {}
        self._durations: dict[str, float] = {}
        self._odd = Oddities()

    def learn(self, readings: Iterable[Reading]) -> None:
        """Note how long items are that play."""
        playing = {one.item_id for one in self._playbacks.values()}
        for reading in readings:
            item = reading.item
            if item.item_id in playing and item.duration is not None:
                self._durations[item.item_id] = item.duration

    def hear(self, message: Row) -> Iterator[Changed]:
        """Say where to look. Raises `Malformed`."""
        # Servers before 1.3 sent the content without its wrapper.
        content = row(message, "NotificationContainer") or message
        match text(content, "type"):
            case "playing":
                listed = _rows(content, "PlaySessionStateNotification")
                for played in self._odd.rows(_parse_played, listed):
                    yield from self._played(played)
            case "activity":
                listed = _rows(content, "ActivityNotification")
                for item_id in self._odd.rows(_refreshed, listed):
                    yield Changed(frozenset({item_id}))
            case "timeline":
                listed = _rows(content, "TimelineEntry")
                if changed := self._odd.rows(_changed, listed):
                    yield Changed(frozenset(changed))

    def _played(self, played: _Played) -> Iterator[Changed]:
        """Follow a player: look where a playback ended, changed, or was counted."""
        item_id, session = played.item_id, played.session
        before = self._playbacks.pop(session, None)
        if before is not None and before.item_id != item_id:
            yield from self._ended(before.item_id)
            before = None
        if played.is_over:
            yield from self._ended(item_id)
            return
        playback = before or _Playback(item_id)
        self._playbacks[session] = playback
        while len(self._playbacks) > _MOST_PLAYBACKS:
            self._forget(self._playbacks.pop(next(iter(self._playbacks))).item_id)
        if before is None:
            yield Changed(frozenset({item_id}))
        duration = self._durations.get(item_id)
        if duration is None or played.offset < duration * self._threshold:
            playback.counted = False
        elif not playback.counted:
            playback.counted = True
            yield Changed(frozenset({item_id}), again=LOOK_AGAIN)

    def _ended(self, item_id: str) -> Iterator[Changed]:
        self._forget(item_id)
        yield Changed(frozenset({item_id}), again=LOOK_AGAIN)

    def _forget(self, item_id: str) -> None:
        if all(one.item_id != item_id for one in self._playbacks.values()):
            self._durations.pop(item_id, None)


def _rows(content: Row, key: str) -> Sequence[Json]:
    return entries(content, key)[:_MOST_ROWS]


def _parse_played(entry: Row) -> _Played | None:
    """Read what a player does, None if it is with none of our items."""
    item_id = text(entry, "ratingKey")
    if item_id is None or not is_rating_key(item_id):
        return None
    return _Played(
        item_id,
        # Without a key of its own a playback is taken for its player's only one.
        text(entry, "sessionKey") or text(entry, "clientIdentifier") or "",
        is_over=text(entry, "state") == "stopped",
        offset=(number(entry, "viewOffset") or 0.0) / _MILLISECONDS,
    )


def _refreshed(entry: Row) -> str | None:
    """Return an item that was refreshed; Plex Web does that when it marks one.

    It does so as well when it merely opens one.
    """
    activity = row(entry, "Activity")
    if (
        activity is None
        or text(entry, "event") != "ended"
        or text(activity, "type") != "library.refresh.items"
        or (context := row(activity, "Context")) is None
    ):
        return None
    named = _ITEM_PATH.fullmatch(text(context, "key") or "")
    return named[1] if named is not None and is_rating_key(named[1]) else None


def _changed(entry: Row) -> str | None:
    """Return the item that the library is done with, None if it is none of ours.

    Programme guides speak as `tv.plex.*`.
    """
    item_id = text(entry, "itemID")
    if (
        item_id is None
        or not is_rating_key(item_id)
        or text(entry, "identifier") != _LIBRARY
        or ordinal(entry, "type") not in _TYPES
        or ordinal(entry, "state") not in _TIMELINE_ENDS
    ):
        return None
    return item_id
