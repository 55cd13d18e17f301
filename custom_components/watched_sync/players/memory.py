"""What every media player plays, or played last, in its own words.

Players forget: the moment one stops, its attributes are gone, and some become
unavailable. So the last state in which something played is kept for each, and a
restart does not lose it. Only what is played is looked at; a volume that changes
costs next to nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
import re
from typing import Any, Final

from homeassistant.components.media_player import (
    ATTR_APP_NAME,
    ATTR_MEDIA_CONTENT_ID,
    ATTR_MEDIA_CONTENT_TYPE,
    ATTR_MEDIA_DURATION,
    ATTR_MEDIA_EPISODE,
    ATTR_MEDIA_POSITION,
    ATTR_MEDIA_POSITION_UPDATED_AT,
    ATTR_MEDIA_SEASON,
    ATTR_MEDIA_SERIES_TITLE,
    ATTR_MEDIA_TITLE,
    DOMAIN as MEDIA_PLAYER,
    MediaPlayerState,
    MediaType,
)
from homeassistant.const import EVENT_STATE_CHANGED, STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import (
    CALLBACK_TYPE,
    Event,
    EventStateChangedData,
    HomeAssistant,
    State,
    callback,
)
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util
from homeassistant.util.hass_dict import HassKey

from ..const import DOMAIN, LOGGER
from ..core import gate, members
from ..core.codec import DAMAGE
from ..core.playback import Motion, Sighting
from ..store import PlayersStore

#: Players remembered; those whose last playback is the oldest are forgotten first.
MAX_PLAYERS: Final = 100

#: Characters of what a player says; an address of a stream may be a long one.
_LONGEST: Final = 1000

#: Seconds until what is played is written down; a position alone has more time.
_SAVE_SOON: Final = 5.0
_SAVE_LATER: Final = 60.0

#: How long something without a name may be what plays between two things, or after
#: the last: anything longer is something else that was played.
_BETWEEN: Final = timedelta(minutes=1)

#: The key of whatever a player plays without saying what it is.
_NAMELESS: Final = ""

#: Attributes that only some players have, and that have no constant.
_ATTR_USER: Final = "username"
_ATTR_LIBRARY: Final = "media_library_title"

_PREFIX: Final = f"{MEDIA_PLAYER}."
_MOTIONS: Final = {
    MediaPlayerState.PLAYING: Motion.PLAYING,
    MediaPlayerState.PAUSED: Motion.PAUSED,
    MediaPlayerState.BUFFERING: Motion.PAUSED,
    STATE_UNAVAILABLE: Motion.GONE,
    STATE_UNKNOWN: Motion.GONE,
}
_ACTIVE: Final = frozenset(
    (MediaPlayerState.PLAYING, MediaPlayerState.PAUSED, MediaPlayerState.BUFFERING)
)

_MOVIE_OR_EPISODE: Final = frozenset(
    (MediaType.MOVIE, MediaType.EPISODE, MediaType.TVSHOW)
)

#: Content types with a play state, or that may turn out to have one.
_PLAYABLE: Final = frozenset(
    (None, "", MediaType.MOVIE, MediaType.EPISODE, MediaType.TVSHOW, MediaType.VIDEO)
)
#: What Plex calls the libraries of what is in none.
_NO_LIBRARIES: Final = frozenset(("Live TV", "Preroll", "Unknown"))

#: Words that stand before the number of a season or an episode.
_LABEL: Final = (
    r"(?:(?:s|e|ep|season|series|episode|staffel|folge|saison|épisode|temporada"
    r"|episodio|seizoen|aflevering)\.?\s*|\#)?"
)
_NUMBERS: Final = re.compile(
    rf"{_LABEL}([0-9]{{1,5}})(?:\s*[-/&+,\N{{EN DASH}}]\s*{_LABEL}([0-9]{{1,5}}))?",
    re.IGNORECASE,
)
_PROVIDERS: Final = ("imdb", "tmdb", "tvdb")


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What a player plays or played, in its own words.

    `duration` and `position` are in seconds; the position is the one at `at`, which
    is now for what plays still. `ended_at` is None as long as it does. `ids` are the
    ids of databases, by their names. `user` is the name of whose session it is, and
    `user_id` their id on the server, where somebody asked there. `playable` is false
    for music, live TV and whatever else has no play state.
    """

    playable: bool = True
    content_id: str | None = None
    content_type: str | None = None
    title: str | None = None
    series_title: str | None = None
    season: int | None = None
    episode: int | None = None
    episode_end: int | None = None
    duration: float | None = None
    position: float | None = None
    at: datetime
    ended_at: datetime | None = None
    user: str | None = None
    user_id: str | None = None
    app: str | None = None
    ids: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_named(self) -> bool:
        """Whether anything tells what it is."""
        return bool(self.content_id or self.title or self.series_title or self.ids)

    @property
    def says_what_it_is(self) -> bool:
        """Whether the player says that it is a movie or an episode."""
        return self.content_type in _MOVIE_OR_EPISODE or bool(
            self.series_title or self.ids
        )


# --- reading states -----------------------------------------------------------


def content_key(state: State) -> str | None:
    """Return what tells one thing a player plays from another; None for nothing.

    All music is one thing, and so is whatever else has no play state.
    """
    if state.state not in _ACTIVE:
        return None
    attributes = state.attributes
    if not _is_playable(attributes):
        return f"\0{_line(attributes.get(ATTR_MEDIA_CONTENT_TYPE))}"
    content_id = attributes.get(ATTR_MEDIA_CONTENT_ID)
    title = attributes.get(ATTR_MEDIA_TITLE)
    series = attributes.get(ATTR_MEDIA_SERIES_TITLE)
    if content_id is None and not title and not series:
        return None
    season = attributes.get(ATTR_MEDIA_SEASON)
    episode = attributes.get(ATTR_MEDIA_EPISODE)
    return "\0".join(map(_line, (content_id, title, series, season, episode)))


def plays_nameless(state: State) -> bool:
    """Whether a player plays something that may have a play state, and not what."""
    return (
        state.state in _ACTIVE
        and _is_playable(state.attributes)
        and content_key(state) is None
    )


def sighting(state: State | None, now: datetime) -> Sighting:
    """Return what a player shows, in the words of playback."""
    if state is None:
        return Sighting(now, Motion.GONE)
    attributes = state.attributes
    return Sighting(
        now,
        _MOTIONS.get(state.state, Motion.STOPPED),
        content_key(state),
        _seconds(attributes.get(ATTR_MEDIA_POSITION)),
        _moment(attributes.get(ATTR_MEDIA_POSITION_UPDATED_AT)),
        _seconds(attributes.get(ATTR_MEDIA_DURATION)) or None,
    )


def played_in(state: State, now: datetime) -> Played:
    """Return what a player plays, from a state in which it plays something."""
    attributes = state.attributes
    content_type = _text(attributes.get(ATTR_MEDIA_CONTENT_TYPE))
    if not _is_playable(attributes):
        # Nobody will ask what it was, so nobody needs to know.
        return Played(playable=False, content_type=content_type, at=now)
    content_id = attributes.get(ATTR_MEDIA_CONTENT_ID)
    # Kodi says which ids a work has at the databases, by their names.
    ids = content_id if isinstance(content_id, Mapping) else {}
    episode, episode_end = _numbers(attributes.get(ATTR_MEDIA_EPISODE))
    return Played(
        content_id=None if ids else _text(content_id),
        content_type=content_type,
        title=_text(attributes.get(ATTR_MEDIA_TITLE)),
        series_title=_text(attributes.get(ATTR_MEDIA_SERIES_TITLE)),
        season=_numbers(attributes.get(ATTR_MEDIA_SEASON))[0],
        episode=episode,
        episode_end=episode_end,
        duration=_seconds(attributes.get(ATTR_MEDIA_DURATION)) or None,
        position=_position(state, now),
        at=now,
        user=_text(attributes.get(_ATTR_USER)),
        app=_text(attributes.get(ATTR_APP_NAME)),
        ids={name: one for name in _PROVIDERS if (one := _text(ids.get(name)))},
    )


def _is_playable(attributes: Mapping[str, Any]) -> bool:
    return (
        attributes.get(ATTR_MEDIA_CONTENT_TYPE) in _PLAYABLE
        and attributes.get(_ATTR_LIBRARY) not in _NO_LIBRARIES
    )


def _position(state: State, now: datetime) -> float | None:
    """Return where a playback is by now, as far as the player said."""
    seen = sighting(state, now)
    if seen.position is None:
        return None
    position = seen.position
    if seen.motion is Motion.PLAYING:
        measured_at = seen.measured_at or state.last_updated
        position += max((now - measured_at).total_seconds(), 0.0)
    return min(position, seen.duration) if seen.duration else position


def _text(value: Any) -> str | None:
    """Return text, and a number as text; Plex gives its ids as numbers."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return _line(value) or None


def _line(value: Any) -> str:
    """Return whatever a player says as one valid line.

    It is stored for all players in one file, which one lone surrogate would keep from
    being written.
    """
    try:
        return gate.line(str(value), _LONGEST)
    except ValueError:  # more digits than Python converts
        return ""


def _moment(value: Any) -> datetime | None:
    """Return a moment in UTC; states that came from elsewhere have it as text."""
    if isinstance(value, str):
        # A lone surrogate would end the whole process, in the parser that is used.
        value = dt_util.parse_datetime(value) if value.isascii() else None
    return dt_util.as_utc(value) if isinstance(value, datetime) else None


def _seconds(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # Players say -1 for what they do not know.
    length = gate.length(value)
    return None if length is None else float(length)


def _numbers(value: Any) -> tuple[int | None, int | None]:
    """Return the first and the last number of `5`, `"5"`, `"E5"` or `"5-6"`.

    Anything else is no number: not -1, with which players say that they do not know.
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    match = _NUMBERS.fullmatch(_text(value) or "")
    if match is None:
        return None, None
    first = int(match[1])
    last = first if match[2] is None else int(match[2])
    return first, last if last > first else None


# --- the memory ---------------------------------------------------------------


@dataclass(slots=True)
class _Track:
    """The last thing one player played.

    `source` is the last state in which it played, or what was stored of it. `before`
    is what it played before something without a name, which began at `began_at`.
    """

    key: str
    source: State | Played
    ended_at: datetime | None = None
    user_id: str | None = None
    began_at: datetime | None = None
    before: _Track | None = None

    @property
    def is_between(self) -> bool:
        """Whether this was without a name, and too short to be anything."""
        return (
            self.began_at is not None
            and self.ended_at is not None
            and self.ended_at - self.began_at < _BETWEEN
        )


class PlayerMemory:
    """Remembers what every player plays or played last; see `async_get_memory`.

    `sessions` are playbacks followed whose end was not judged yet, by the subentry
    that follows, as JSON; whoever follows keeps them there with `keep_session`.
    """

    def __init__(self, hass: HomeAssistant) -> None:
        """Remember nothing yet."""
        self._hass = hass
        self._store = PlayersStore(hass, self._snapshot)
        self._tracks: dict[str, _Track] = {}
        self._removers: list[CALLBACK_TYPE] = []
        self._listeners: list[Callable[[str], None]] = []
        self.sessions: dict[str, dict[str, Any]] = {}

    async def async_start(self) -> None:
        """Read what was stored and begin to listen."""
        stored = await self._store.async_load()
        if isinstance(stored, dict):
            # What players played last is no reason not to start.
            self._tracks = _understood(stored, "players", _decode_track)
            self.sessions = _understood(stored, "sessions", _decode_session)
        self._removers = [
            self._hass.bus.async_listen(
                EVENT_STATE_CHANGED, self._on_state, event_filter=_is_of_player
            ),
            self._hass.bus.async_listen(
                er.EVENT_ENTITY_REGISTRY_UPDATED,
                self._on_registry,
                event_filter=_is_about_player,
            ),
        ]
        for state in self._hass.states.async_all(MEDIA_PLAYER):
            self._see(state)

    async def async_remove(self) -> None:
        """Stop listening and delete what was stored."""
        for remove in self._removers:
            remove()
        await self._store.async_remove()

    @callback
    def last(self, entity_id: str) -> Played | None:
        """Return what a player plays, or what it played last; None if unknown."""
        if (track := self._tracks.get(entity_id)) is None:
            return None
        return self._played(track)

    @callback
    def note_user(self, entity_id: str, key: str, user_id: str) -> None:
        """Remember whose session it is that plays what *key* names."""
        track = self._tracks.get(entity_id)
        if track is not None and track.key == key and track.user_id != user_id:
            track.user_id = user_id
            self._store.save_within(_SAVE_SOON)

    @callback
    def key(self, entity_id: str) -> str | None:
        """Return the `content_key` of what `last` returns."""
        track = self._tracks.get(entity_id)
        return None if track is None else track.key

    @callback
    def add_listener(self, listener: Callable[[str], None]) -> CALLBACK_TYPE:
        """Call *listener* with a player's entity id when it plays something new.

        Returns what ends that.
        """
        self._listeners.append(listener)
        return partial(self._listeners.remove, listener)

    @callback
    def keep_session(self, session_id: str, data: dict[str, Any]) -> None:
        """Remember a playback that is followed, across a restart.

        What is new is written soon, and where it is by now some time later.
        """
        is_new = session_id not in self.sessions
        self.sessions[session_id] = data
        self._store.save_within(_SAVE_SOON if is_new else _SAVE_LATER)

    @callback
    def drop_session(self, session_id: str) -> None:
        """Forget a playback that has been judged, or is not followed any more."""
        if self.sessions.pop(session_id, None) is not None:
            self._store.save_within(_SAVE_SOON)

    @callback
    def _on_state(self, event: Event[EventStateChangedData]) -> None:
        if (state := event.data["new_state"]) is not None:
            self._see(state)

    @callback
    def _see(self, state: State) -> None:
        track = self._tracks.get(state.entity_id)
        key = _NAMELESS if plays_nameless(state) else content_key(state)
        if key is None:
            if track is not None and track.ended_at is None:
                track.ended_at = state.last_updated
                if track.before is not None and track.is_between:
                    self._tracks[state.entity_id] = track.before
                self._store.save_within(_SAVE_SOON)
            return
        if track is not None and track.before is not None and track.before.key == key:
            # It was silent about it for a while, and goes on.
            track = self._tracks[state.entity_id] = track.before
        if track is not None and track.key == key:
            track.source = state
            resumed, track.ended_at = track.ended_at is not None, None
            self._store.save_within(_SAVE_SOON if resumed else _SAVE_LATER)
            return
        new = _Track(key, state)
        if key == _NAMELESS:
            new.began_at, new.before = state.last_updated, track
            if track is not None and track.ended_at is None:
                track.ended_at = state.last_updated
        self._tracks.pop(state.entity_id, None)
        self._tracks[state.entity_id] = new
        if len(self._tracks) > MAX_PLAYERS:
            del self._tracks[next(iter(self._tracks))]
        self._store.save_within(_SAVE_SOON)
        for listener in tuple(self._listeners):
            listener(state.entity_id)

    @callback
    def _on_registry(self, event: Event[er.EventEntityRegistryUpdatedData]) -> None:
        data = event.data
        if data["action"] == "remove":
            gone = self._tracks.pop(data["entity_id"], None)
        elif data["action"] == "update" and "old_entity_id" in data:
            gone = self._tracks.pop(data["old_entity_id"], None)
            if gone is not None:
                self._tracks[data["entity_id"]] = gone
        else:
            return
        if gone is not None:
            self._store.save_within(_SAVE_SOON)

    @callback
    def _played(self, track: _Track) -> Played:
        played = track.source
        if isinstance(played, State):
            played = played_in(played, track.ended_at or dt_util.utcnow())
        return replace(played, ended_at=track.ended_at, user_id=track.user_id)

    @callback
    def _snapshot(self) -> dict[str, Any]:
        return {
            "players": {
                entity_id: {
                    "key": track.key,
                    "played": encode_played(self._played(track)),
                }
                for entity_id, track in self._tracks.items()
            },
            "sessions": dict(self.sessions),
        }


_MEMORY: Final[HassKey[PlayerMemory]] = HassKey(f"{DOMAIN}_players")


async def async_start_memory(hass: HomeAssistant) -> None:
    """Begin to remember what players play, unless that was done before."""
    if _MEMORY in hass.data:
        return
    memory = hass.data[_MEMORY] = PlayerMemory(hass)
    await memory.async_start()


async def async_end_memory(hass: HomeAssistant) -> None:
    """Forget everything, on disk as well."""
    if (memory := hass.data.pop(_MEMORY, None)) is not None:
        await memory.async_remove()


@callback
def async_get_memory(hass: HomeAssistant) -> PlayerMemory:
    """Return the memory of this Home Assistant; `async_start_memory` made it."""
    return hass.data[_MEMORY]


@callback
def async_find_memory(hass: HomeAssistant) -> PlayerMemory | None:
    """Return the memory of this Home Assistant; None where nothing was set up yet."""
    return hass.data.get(_MEMORY)


@callback
def _is_of_player(data: EventStateChangedData) -> bool:
    return data["entity_id"].startswith(_PREFIX)


@callback
def _is_about_player(data: er.EventEntityRegistryUpdatedData) -> bool:
    return data["entity_id"].startswith(_PREFIX)


# --- on disk ------------------------------------------------------------------


def encode_played(played: Played) -> dict[str, Any]:
    """Return what was played as JSON; what is not known is left out."""
    row = {name: value for name, value in asdict(played).items() if value is not None}
    row["at"] = played.at.isoformat()
    if played.ended_at is not None:
        row["ended_at"] = played.ended_at.isoformat()
    return row


def decode_played(row: object) -> Played:
    """Return what was played from its JSON. Raises one of `codec.DAMAGE`."""
    return Played(
        **{name: _MEMBERS[name](value) for name, value in members.mapping(row).items()}
    )


def _ids(value: object) -> dict[str, str]:
    return {name: members.text(one) for name, one in members.mapping(value).items()}


#: How each member of `Played` is read.
_MEMBERS: Final[Mapping[str, Callable[[object], Any]]] = {
    "playable": members.flag,
    "content_id": members.text,
    "content_type": members.text,
    "title": members.text,
    "series_title": members.text,
    "season": members.count,
    "episode": members.count,
    "episode_end": members.count,
    "duration": members.number,
    "position": members.number,
    "at": members.moment,
    "ended_at": members.moment,
    "user": members.text,
    "user_id": members.text,
    "app": members.text,
    "ids": _ids,
}


def _understood[T](
    stored: Mapping[str, Any], part: str, read: Callable[[Any], T]
) -> dict[str, T]:
    """Return the rows of a part by their names; a damaged one costs only itself."""
    found: dict[str, T] = {}
    rows = stored.get(part)
    for name, row in rows.items() if isinstance(rows, dict) else ():
        try:
            found[name] = read(row)
        except DAMAGE as err:
            LOGGER.debug("What was stored of %s is damaged: %r", part, err)
    return found


def _decode_session(row: object) -> dict[str, Any]:
    """Return a session as it was kept; whoever follows reads what is in it."""
    return dict(members.mapping(row))


def _decode_track(row: object) -> _Track:
    data = members.mapping(row)
    played = decode_played(data["played"])
    return _Track(
        members.text(data["key"]),
        played,
        # What played when this was written may have gone on for a while; nobody saw.
        ended_at=played.ended_at or played.at,
        user_id=played.user_id,
    )
