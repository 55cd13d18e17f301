"""What happens on the lanes, told to whoever listens: the event entities, the triggers.

Of one batch of news only so many are told one by one (`core.activity.MOST_AT_ONCE` of
each kind): a catch-up after an outage is no reason for hundreds of automation runs. The
event entities are told fewer, as each is a row in Home Assistant's history. The logbook
gets one event for each batch of marks, which `logbook` puts into words.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from homeassistant.const import ATTR_CONFIG_ENTRY_ID, ATTR_DEVICE_ID
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.dispatcher import (
    async_dispatcher_connect,
    async_dispatcher_send,
)
from homeassistant.helpers.start import async_at_started
from homeassistant.util.hass_dict import HassKey
from homeassistant.util.signal_type import SignalType

from .const import DOMAIN, EVENT_MARKED
from .core.activity import (
    MOST_IN_HISTORY,
    Activity,
    ActivityKind,
    Chronicle,
    LostPlayback,
    gathered,
    marked_together,
    shorten,
)
from .core.identity import Item, MediaKind
from .core.lane import Lane, LaneUpdate
from .core.operation import Change, MarkUnwatched, MarkWatched
from .core.play_state import PlayState
from .finished import ShowsFinished
from .runtime import WatchedSyncConfigEntry


@dataclass(frozen=True, slots=True)
class LaneActivity:
    """Something that happened on the lane of one entry."""

    entry_id: str
    entry_title: str
    activity: Activity

    @property
    def attributes(self) -> dict[str, Any]:
        """What is told of it: as attributes of an event, and to templates."""
        return _attributes(self.activity)


@dataclass(frozen=True, slots=True)
class ShowFinished:
    """The last episode that was left of a show became watched."""

    entry_id: str
    entry_title: str
    show: Item
    episode: Activity

    @property
    def attributes(self) -> dict[str, Any]:
        """What is told of it to templates: the show, and how it was finished."""
        return describe(self.show) | _source(self.episode)


_ACTIVITY: Final = SignalType[LaneActivity](f"{DOMAIN}_activity")
_IN_BRIEF: Final = SignalType[LaneActivity](f"{DOMAIN}_activity_in_brief")
_FINISHED: Final = SignalType[ShowFinished](f"{DOMAIN}_show_finished")

#: Titles that the line of a batch in the logbook names.
_TITLES_TOLD: Final = 5

#: How many listen for finished shows: finding out costs a request.
_LISTENERS: HassKey[int] = HassKey(f"{DOMAIN}_show_finished_listeners")


@callback
def async_listen(
    hass: HomeAssistant, listener: Callable[[LaneActivity], None]
) -> CALLBACK_TYPE:
    """Call *listener* with whatever happens on any lane; return what ends that."""
    return async_dispatcher_connect(hass, _ACTIVITY, listener)


@callback
def async_listen_in_brief(
    hass: HomeAssistant, listener: Callable[[LaneActivity], None]
) -> CALLBACK_TYPE:
    """Do the same, with fewer of what happens at once; the last says how many more."""
    return async_dispatcher_connect(hass, _IN_BRIEF, listener)


@callback
def async_listen_finished(
    hass: HomeAssistant, listener: Callable[[ShowFinished], None]
) -> CALLBACK_TYPE:
    """Call *listener* with each show that was finished; return what ends that.

    As long as somebody listens, each episode that becomes watched costs one request.
    """
    hass.data[_LISTENERS] = hass.data.get(_LISTENERS, 0) + 1
    disconnect = async_dispatcher_connect(hass, _FINISHED, listener)

    @callback
    def remove() -> None:
        hass.data[_LISTENERS] -= 1
        disconnect()

    return remove


@callback
def async_tell_lost(
    hass: HomeAssistant, entry: WatchedSyncConfigEntry, playback: LostPlayback
) -> None:
    """Tell that what a followed player plays leads to nothing on this lane."""
    happened = LaneActivity(
        entry.entry_id,
        entry.title,
        Activity(ActivityKind.NOT_FOLLOWED, playback=playback),
    )
    async_dispatcher_send(hass, _ACTIVITY, happened)
    async_dispatcher_send(hass, _IN_BRIEF, happened)


@callback
def async_tell_levelled(
    hass: HomeAssistant, entry: WatchedSyncConfigEntry, levelled: Mapping[str, object]
) -> None:
    """Tell what a levelling did on a lane, now that it has ended or was stopped."""
    happened = LaneActivity(
        entry.entry_id, entry.title, Activity(ActivityKind.LEVELLED, levelled=levelled)
    )
    async_dispatcher_send(hass, _ACTIVITY, happened)
    async_dispatcher_send(hass, _IN_BRIEF, happened)


class ActivityFeed:
    """Tells what happens on one lane, once there is somebody to hear it."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry: WatchedSyncConfigEntry,
        lane: Lane,
        *,
        paused: Callable[[], bool],
    ) -> None:
        """Take note of what happens from now on; while *paused*, of our doings only."""
        self._hass = hass
        self._entry = entry
        self._paused = paused
        self._chronicle = Chronicle(lane.outbox, lane.ledger)
        self._held: list[Activity] | None = []
        self._finished = ShowsFinished(hass, entry, self._show_finished)
        entry.async_on_unload(lane.add_listener(self._lane_changed))

    @callback
    def async_release(self) -> None:
        """Tell what happened until Home Assistant has started, and go on.

        The entities are there by now; automations listen when everything has started.
        """
        self._entry.async_on_unload(async_at_started(self._hass, self._release))

    @callback
    def _release(self, _: HomeAssistant) -> None:
        held, self._held = self._held or [], None
        self._tell(gathered(held))

    @callback
    def _lane_changed(self, update: LaneUpdate) -> None:
        told = self._chronicle.tell(update, observing=not self._paused())
        if self._held is not None:
            self._held.extend(told)
        else:
            self._tell(told)

    @callback
    def _tell(self, activities: list[Activity]) -> None:
        self._send(_ACTIVITY, shorten(activities))
        self._send(_IN_BRIEF, shorten(activities, MOST_IN_HISTORY))
        for marks in marked_together(activities):
            self._hass.bus.async_fire(EVENT_MARKED, self._told_of(marks))
        if self._hass.data.get(_LISTENERS):
            self._finished.async_look(activities)

    @callback
    def _send(
        self, signal: SignalType[LaneActivity], activities: Iterable[Activity]
    ) -> None:
        for activity in activities:
            async_dispatcher_send(
                self._hass,
                signal,
                LaneActivity(self._entry.entry_id, self._entry.title, activity),
            )

    def _told_of(self, marks: Sequence[Activity]) -> dict[str, Any]:
        """Return what the event about marks of one batch says."""
        titles = [one.item.full_title for one in marks if one.item is not None]
        return {
            ATTR_CONFIG_ENTRY_ID: self._entry.entry_id,
            ATTR_DEVICE_ID: self._entry.runtime_data.device_id,
            "activity": marks[0].what.value,
            "origin": str(marks[0].origin),
            "titles": titles[:_TITLES_TOLD],
            "count": len(titles),
        }

    @callback
    def _show_finished(self, show: Item, episode: Activity) -> None:
        async_dispatcher_send(
            self._hass,
            _FINISHED,
            ShowFinished(self._entry.entry_id, self._entry.title, show, episode),
        )


def describe(item: Item) -> dict[str, Any]:
    """Return what an item is, as attributes; what it has not is left out."""
    attributes = {
        "media_type": item.kind.value,
        "item_id": item.id_there,
        "title": item.title,
        "full_title": item.full_title,
        "year": item.year,
        "show": item.show_title,
        "season": item.season,
        "episode": item.episode,
        "imdb": item.provider_ids.imdb,
        "tmdb": item.provider_ids.tmdb,
        "tvdb": item.provider_ids.tvdb,
        # As actions take them: the latter with the season and episode.
        "external_id": item.provider_ids.address(item.kind),
        "show_external_id": item.show_provider_ids.address(MediaKind.SHOW),
    }
    return {key: value for key, value in attributes.items() if value is not None}


def _source(activity: Activity) -> dict[str, Any]:
    attributes: dict[str, Any] = {"origin": str(activity.origin)}
    if (operation := activity.operation) is not None:
        attributes["operation_id"] = operation.operation_id
        attributes["batch_id"] = operation.batch_id
    return attributes


def _attributes(activity: Activity) -> dict[str, Any]:
    attributes: dict[str, Any] = {}
    if activity.item is not None:
        attributes |= describe(activity.item) | _source(activity)
    match activity.what:
        case ActivityKind.PROGRESS if activity.state is not None:
            attributes["position"] = round(activity.state.position)
        case ActivityKind.WATCHED:
            attributes["again"] = activity.again
        case ActivityKind.QUEUE_DRAINED:
            attributes["delivered"] = activity.delivered
        case ActivityKind.SYNC_FAILED | ActivityKind.CONFLICT if (
            activity.operation is not None
        ):
            attributes["wanted"] = _wanted(activity.operation.change)
    if activity.what is ActivityKind.SYNC_FAILED:
        attributes["reason"] = activity.reason and activity.reason.value
    if activity.what is ActivityKind.CONFLICT:
        attributes |= _server_state(activity.state)
    if (playback := activity.playback) is not None:
        attributes["player"] = playback.player
        attributes["reason"] = playback.why.value
        if playback.title is not None:
            attributes["title"] = playback.title
    if activity.levelled is not None:
        attributes |= activity.levelled
    if activity.left_out:
        attributes["left_out"] = activity.left_out
    return attributes


def _wanted(change: Change) -> str:
    if isinstance(change, MarkWatched):
        return ActivityKind.WATCHED.value
    return (
        ActivityKind.UNWATCHED
        if isinstance(change, MarkUnwatched)
        else ActivityKind.PROGRESS
    ).value


def _server_state(state: PlayState | None) -> Mapping[str, Any]:
    if state is None:  # of a whole show or season, each episode has its own
        return {}
    return {
        "server_state": "watched" if state.watched else "unwatched",
        "position": round(state.position),
    }
