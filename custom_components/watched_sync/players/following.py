"""Following the players that were chosen, and telling the server what was watched.

For each `player` subentry of an entry: what the player plays is looked for on this
lane, the server is told where it is, and at the end the last known position becomes
watched, progress or nothing. What is told on the way are hints, lost without harm. The
end goes through the queue like any other request, after a look at whether the server
has counted it by itself.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import (
    CALLBACK_TYPE,
    Event,
    EventStateChangedData,
    HassJob,
    HomeAssistant,
    State,
    callback,
)
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.event import async_call_later, async_track_state_change_event
from homeassistant.util import dt as dt_util
from homeassistant.util.hass_dict import HassKey
from homeassistant.util.ulid import ulid_now

from ..activity import async_tell_lost
from ..connecting import create_server
from ..const import (
    CONF_KIND,
    CONF_LIBRARIES,
    CONF_REPORT_PROGRESS,
    DOMAIN,
    KIND_JELLYFIN,
    LOGGER,
)
from ..core import members
from ..core.activity import Lost, LostPlayback
from ..core.codec import DAMAGE
from ..core.errors import ItemGone, Refused
from ..core.identity import Item
from ..core.lane import LaneUpdate, Phase
from ..core.operation import Cause, CauseKind, Change, Origin
from ..core.play_state import PlayState, Reading, reading_of
from ..core.playback import (
    NOTHING,
    Begin,
    Finished,
    Memo,
    Playback,
    PlaybackOutcome,
    PlaybackResult,
    Report,
    Step,
    change_for,
    is_counted,
    judge,
)
from ..core.ports import MediaServer, PlaybackReport, PlaybackState
from ..dialogs.player import followed_entity_id, players
from ..naming.asking import CannotAsk, async_ask
from ..naming.found import LaneItem
from ..naming.played import async_resolve_played
from ..preferences import preferences
from ..runtime import Request, WatchedSyncConfigEntry
from .memory import (
    Played,
    PlayerMemory,
    async_find_memory,
    async_get_memory,
    decode_played,
    encode_played,
    played_in,
    plays_nameless,
    sighting,
)
from .whose import async_session_user, is_client_of

#: Seconds that a server has, after a playback, to count it by itself.
GRACE: Final = 5.0

#: Seconds that telling a server of the end may take when we stop following.
_FAREWELL: Final = 2.0

#: Seconds after which something without a name is not only between two things.
_NAMELESS_FOR: Final = 60.0

#: Things whose playback led nowhere that are remembered, so that each is told once.
_MOST_LOST: Final = 50

#: Why a playback leads nowhere, by the error it ended in; whatever is none of these is
#: as it should be, such as somebody else's session.
_LOST: Final = {
    "nothing_found": Lost.NOT_FOUND,
    "only_similar": Lost.NOT_FOUND,
    "unknown_item": Lost.NOT_FOUND,
    "ambiguous": Lost.AMBIGUOUS,
    "player_plays_nameless": Lost.NAMELESS,
    "player_plays_unknown_episode": Lost.UNKNOWN_EPISODE,
    "player_of_unknown_user": Lost.UNKNOWN_USER,
    "player_of_other_server": Lost.OTHER_SERVER,
    "player_not_supported": Lost.UNCLEAR,
}

#: What ended longer ago than this carries its date when it is marked.
_DATED: Final = timedelta(minutes=5)


@dataclass(slots=True)
class _Session:
    """One playback of one thing; `targets` is None as long as they are not known.

    `before` is what the server showed when it began, by item id. `is_own` says that
    the player tells the server itself, `may_report` that we do, `is_reported` that we
    have, `is_refused` that the server wants to hear of the end alone, `is_guest` that
    guest mode was on at some time, and `lost` why nothing was found.
    """

    session_id: str
    key: str
    played: Played
    targets: list[LaneItem] | None = None
    before: dict[str, PlayState] = field(default_factory=dict)
    is_own: bool = False
    may_report: bool = False
    is_reported: bool = False
    is_refused: bool = False
    is_guest: bool = False
    lost: Lost | None = None

    @property
    def may_count(self) -> bool:
        """Whether this may be something of ours."""
        return not self.is_guest and self.targets != []


class Following:
    """Follows the chosen players of one entry, from `async_start` to `async_stop`."""

    def __init__(self, hass: HomeAssistant, entry: WatchedSyncConfigEntry) -> None:
        """Prepare for the players of *entry*, which has its runtime already."""
        self._hass = hass
        self._entry = entry
        self._memory = async_get_memory(hass)
        self._followers: list[_Follower] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._removers: list[CALLBACK_TYPE] = []

    @callback
    def async_start(self) -> None:
        """Begin to follow; go on with what a restart interrupted."""
        subentries = {
            subentry.subentry_id: subentry for subentry in players(self._entry)
        }
        kept: dict[str, dict[str, dict[str, Any]]] = {}
        for session_id, data in tuple(self._memory.sessions.items()):
            if data.get("entry_id") != self._entry.entry_id:
                continue
            if data.get("subentry_id") in subentries:
                kept.setdefault(data["subentry_id"], {})[session_id] = data
            else:
                self._memory.drop_session(session_id)
        for subentry_id, subentry in subentries.items():
            follower = _Follower(self._hass, self._entry, self._memory, subentry)
            follower.async_start(kept.get(subentry_id, {}))
            self._followers.append(follower)
        self._removers.append(
            self._hass.bus.async_listen(
                er.EVENT_ENTITY_REGISTRY_UPDATED, self._on_registry
            )
        )
        if self._entry.data[CONF_KIND] == KIND_JELLYFIN:
            self._removers.append(self._memory.add_listener(self._ask_who_plays))

    async def async_stop(self) -> None:
        """Stop following; what is under way goes on at the next start."""
        for remove in self._removers:
            remove()
        self._removers.clear()
        await asyncio.gather(*(one.async_stop() for one in self._followers))
        self._followers.clear()
        await _end(self._tasks)

    @callback
    def _on_registry(self, event: Event[er.EventEntityRegistryUpdatedData]) -> None:
        if event.data["action"] == "update":
            for follower in self._followers:
                follower.async_look_for()

    @callback
    def _ask_who_plays(self, entity_id: str) -> None:
        """Ask, while the session is there, in whose session a Jellyfin player plays.

        Its integration does not say, and once it has stopped there may be nobody left
        who could.
        """
        player = er.async_get(self._hass).async_get(entity_id)
        played = self._memory.last(entity_id)
        if (
            player is None
            or played is None
            or not played.playable
            or is_client_of(player, self._entry) is None
        ):
            return

        async def ask() -> None:
            await async_session_user(self._hass, player, played, [self._entry])

        task = self._entry.async_create_background_task(
            self._hass, ask(), f"{DOMAIN} {self._entry.entry_id} session"
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


_FOLLOWING: Final[HassKey[dict[str, Following]]] = HassKey(f"{DOMAIN}_following")


@callback
def async_follow(hass: HomeAssistant, entry: WatchedSyncConfigEntry) -> None:
    """Begin to follow the players chosen for an entry that runs."""
    following = Following(hass, entry)
    hass.data.setdefault(_FOLLOWING, {})[entry.entry_id] = following
    # Before Home Assistant calls itself stopping: servers can be told good-bye.
    entry.async_on_unload(hass.async_add_shutdown_job(HassJob(following.async_stop)))
    following.async_start()


async def async_unfollow(hass: HomeAssistant, entry: WatchedSyncConfigEntry) -> None:
    """Stop following the players of an entry; what is under way is kept."""
    await hass.data[_FOLLOWING].pop(entry.entry_id).async_stop()


@callback
def async_forget(hass: HomeAssistant, entry_id: str) -> None:
    """Forget what was followed for an entry that is gone."""
    if (memory := async_find_memory(hass)) is None:
        return
    for session_id, data in tuple(memory.sessions.items()):
        if data.get("entry_id") == entry_id:
            memory.drop_session(session_id)


class _Follower:
    """Follows one player for one lane."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry: WatchedSyncConfigEntry,
        memory: PlayerMemory,
        subentry: ConfigSubentry,
    ) -> None:
        self._hass = hass
        self._entry = entry
        self._runtime = entry.runtime_data
        self._memory = memory
        self._subentry = subentry
        self._libraries = frozenset(subentry.data.get(CONF_LIBRARIES, ()))
        self._threshold = preferences(entry).watched_threshold
        self._playback = Playback(self._threshold)
        self._session: _Session | None = None
        self._entity_id = ""
        self._steps: deque[tuple[Step, _Session]] = deque()
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._judging: dict[
            str, tuple[asyncio.Task[None], _Session, PlaybackOutcome]
        ] = {}
        self._remove_listener: CALLBACK_TYPE | None = None
        self._cancel_timer: CALLBACK_TYPE | None = None
        self._cancel_nameless: CALLBACK_TYPE | None = None
        #: The keys of what was told to lead nowhere, the oldest first.
        self._told: dict[str, None] = {}

    # Beginning and ending

    @callback
    def async_start(self, kept: Mapping[str, Mapping[str, Any]]) -> None:
        """Begin to follow, and go on with the sessions in *kept*."""
        now = dt_util.utcnow()
        for session_id, data in kept.items():
            try:
                session = _Session(
                    session_id,
                    members.text(data["key"]),
                    decode_played(data["played"]),
                )
                position = members.number(data["position"])
                duration = data["duration"] and members.number(data["duration"])
                at = members.moment(data["at"])
                session.is_guest = members.flag(data["is_guest"])
                session.is_own = members.flag(data["is_own"])
                session.is_reported = members.flag(data["is_reported"])
                outcome = data.get("outcome")
                result = outcome and PlaybackResult(PlaybackOutcome(outcome), position)
            except DAMAGE as err:
                LOGGER.debug("A playback that was followed is damaged: %r", err)
                self._memory.drop_session(session_id)
                continue
            if result:
                self._start_judging(session, result, at)
                continue
            self._session = session
            memo = Memo(session.key, at, position, duration)
            self._do(self._playback.resume(memo, now), None)
        self._start_task(self._work(), "follows")
        self.async_look_for()

    @callback
    def async_look_for(self) -> None:
        """Listen to the player under the name it has now."""
        entity_id = followed_entity_id(self._hass, self._subentry)
        if entity_id == self._entity_id:
            return
        if self._remove_listener is not None:
            self._remove_listener()
        self._entity_id = entity_id
        self._remove_listener = async_track_state_change_event(
            self._hass, entity_id, self._on_state
        )
        self._see(self._hass.states.get(entity_id))

    async def async_stop(self) -> None:
        """Stop following, without a result on what plays."""
        if self._remove_listener is not None:
            self._remove_listener()
        if self._cancel_timer is not None:
            self._cancel_timer()
        self._await_name(None)
        self._keep()
        session = self._session
        steps = self._playback.stop(dt_util.utcnow())
        await _end(self._tasks)
        if session is None:
            return
        # A server that is told nothing takes the playback for going on.
        for step in steps:
            if isinstance(step, Report):
                with suppress(TimeoutError):
                    async with asyncio.timeout(_FAREWELL):
                        await self._report(session, step)

    @callback
    def _start_task(self, work: Any, what: str) -> asyncio.Task[None]:
        task = self._entry.async_create_background_task(
            self._hass,
            work,
            f"{DOMAIN} {self._entry.entry_id} {what} {self._subentry.subentry_id}",
            eager_start=False,
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # What the player shows

    @callback
    def _on_state(self, event: Event[EventStateChangedData]) -> None:
        self._see(event.data["new_state"])

    @callback
    def _see(self, state: State | None) -> None:
        now = dt_util.utcnow()
        self._await_name(state)
        self._do(self._playback.see(sighting(state, now)), state)

    @callback
    def _await_name(self, state: State | None) -> None:
        """Tell of something that plays on and on without saying what it is."""
        if state is not None and plays_nameless(state):
            if self._cancel_nameless is None:
                self._cancel_nameless = async_call_later(
                    self._hass, _NAMELESS_FOR, self._on_nameless
                )
        elif self._cancel_nameless is not None:
            self._cancel_nameless()
            self._cancel_nameless = None

    @callback
    def _on_nameless(self, _: datetime) -> None:
        # The timer has run out, but is kept: it is one thing until there is a name.
        self._cancel_nameless = _nothing
        self._tell_lost("", None, Lost.NAMELESS)

    @callback
    def _tell_lost(self, key: str, title: str | None, why: Lost) -> None:
        """Tell, once for each thing, that what is played leads nowhere."""
        if key in self._told or self._runtime.paused:
            return
        self._told[key] = None
        if len(self._told) > _MOST_LOST:
            del self._told[next(iter(self._told))]
        async_tell_lost(
            self._hass, self._entry, LostPlayback(self._entity_id, title, why)
        )

    @callback
    def _on_time(self, _: datetime) -> None:
        self._cancel_timer = None
        self._do(self._playback.tick(dt_util.utcnow()), None)

    @callback
    def _do(self, steps: Iterable[Step], state: State | None) -> None:
        """Hand over what is to be done, and set the clock for what comes next."""
        for step in steps:
            if isinstance(step, Begin) and state is not None:
                played = played_in(state, dt_util.utcnow())
                self._session = _Session(ulid_now(), step.key, played)
                if not played.playable:
                    self._session.targets = []
            if (session := self._session) is None:
                continue
            session.is_guest |= self._runtime.paused
            if isinstance(step, Finished):
                self._session = None
                self._keep_result(session, step)
            self._steps.append((step, session))
            self._wake.set()
        self._keep()
        if self._cancel_timer is not None:
            self._cancel_timer()
            self._cancel_timer = None
        if (due := self._playback.next_tick()) is not None:
            delay = max((due - dt_util.utcnow()).total_seconds(), 0.0)
            self._cancel_timer = async_call_later(self._hass, delay, self._on_time)

    # What survives a restart

    @callback
    def _keep(self) -> None:
        """Note where the playback is by now, if it is one that may count."""
        session = self._session
        memo = self._playback.memo(dt_util.utcnow())
        if session is None or memo is None:
            return
        if not session.may_count and not session.is_guest:
            return
        self._memory.keep_session(
            session.session_id,
            {**self._row(session), "at": memo.at.isoformat()}
            | {"position": memo.position, "duration": memo.duration},
        )

    @callback
    def _keep_result(self, session: _Session, step: Finished) -> None:
        """Note what a playback amounted to, until the queue has it."""
        self._memory.drop_session(session.session_id)
        if step.result != NOTHING and session.may_count:
            self._memory.keep_session(
                session.session_id,
                {**self._row(session), "at": step.at.isoformat()}
                | {"position": step.result.position, "duration": None}
                | {"outcome": step.result.outcome.value},
            )

    def _row(self, session: _Session) -> dict[str, Any]:
        return {
            "entry_id": self._entry.entry_id,
            "subentry_id": self._subentry.subentry_id,
            "key": session.key,
            "played": encode_played(session.played),
            "is_guest": session.is_guest,
            "is_own": session.is_own,
            "is_reported": session.is_reported,
        }

    # What is done about it, one step after the other

    async def _work(self) -> None:
        while True:
            await self._wake.wait()
            while self._steps:
                step, session = self._steps.popleft()
                match step:
                    case Begin():
                        await self._begin(session)
                    case Report():
                        self._tell_if_lost(session, step.position, step.duration)
                        if not self._is_outdated(session, step):
                            await self._report(session, step)
                    case Finished(_, result, at):
                        if session.may_count and result != NOTHING:
                            self._start_judging(session, result, at)
                        else:
                            self._memory.drop_session(session.session_id)
            self._wake.clear()

    @callback
    def _tell_if_lost(
        self, session: _Session, position: float, duration: float | None
    ) -> None:
        """Tell of a playback that would have counted, if it led anywhere."""
        if session.lost is None or session.is_guest:
            return
        if judge(position, duration, self._threshold) != NOTHING:
            played = session.played
            # Of what may be any video, one is enough.
            key = session.key if played.says_what_it_is else session.lost.value
            self._tell_lost(key, played.series_title or played.title, session.lost)

    def _is_outdated(self, session: _Session, step: Report) -> bool:
        """Whether a newer report waits; the one of the end is always sent."""
        return step.state is not PlaybackState.STOPPED and any(
            isinstance(later, Report) and whose is session
            for later, whose in self._steps
        )

    async def _begin(self, session: _Session) -> None:
        """Find out what is played, and whether the server is to be told of it."""
        if not session.may_count:
            return
        targets = await self._find(session)
        if targets is None:
            return  # looked for again at the end
        session.targets = targets
        if not targets:
            self._memory.drop_session(session.session_id)
            return
        self._call_off(targets)
        session.before = await self._read(targets)
        first = targets[0].item
        self._playback.learn_duration(session.key, first.duration)
        player = er.async_get(self._hass).async_get(self._entity_id)
        # That it plays from this very server, as this user, was needed to find it.
        kind: str = self._entry.data[CONF_KIND]
        session.is_own = player is not None and player.platform == kind
        session.may_report = (
            self._subentry.data.get(CONF_REPORT_PROGRESS, True)
            and not session.is_own
            # An app of the same name tells the server itself.
            and kind not in (session.played.app or "").casefold()
            and not session.is_reported
        )

    @callback
    def _call_off(self, targets: Iterable[LaneItem]) -> None:
        """Forget the end of a playback that goes on after all."""
        items = {target.item.item_id for target in targets}
        for task, earlier, outcome in tuple(self._judging.values()):
            known = {target.item.item_id for target in earlier.targets or ()}
            if outcome is PlaybackOutcome.PROGRESS and known & items:
                task.cancel()
                self._memory.drop_session(earlier.session_id)

    async def _report(self, session: _Session, step: Report) -> None:
        """Tell the server where the playback is, if it is worth telling."""
        if not session.may_report or not session.targets or self._runtime.paused:
            return
        item = session.targets[0].item
        is_end = step.state is PlaybackState.STOPPED
        if session.is_refused and not is_end:
            return
        if not session.is_reported:
            # A server counts a play at the first report: not for some seconds.
            duration = step.duration or item.duration
            if is_end or judge(step.position, duration, self._threshold) == NOTHING:
                return
        state = self._hass.states.get(self._entity_id)
        report = PlaybackReport(
            session_id=session.session_id,
            item=item,
            state=step.state,
            position=step.position,
            duration=step.duration,
            player_id=self._subentry.subentry_id,
            player=self._subentry.title if state is None else state.name,
        )
        session.is_reported = True
        try:
            await async_ask(self._entry, _asking(lambda server: server.report(report)))
        except (CannotAsk, ItemGone) as err:
            LOGGER.debug("A playback was not reported: %r", err.__cause__ or err)
            if isinstance(err.__cause__, Refused):
                # The server has ended it; going on would begin it anew.
                session.is_refused = True

    # The end

    @callback
    def _start_judging(
        self, session: _Session, result: PlaybackResult, ended_at: datetime
    ) -> None:
        task = self._start_task(self._judge(session, result, ended_at), "judges")
        self._judging[session.session_id] = (task, session, result.outcome)
        task.add_done_callback(lambda _: self._judging.pop(session.session_id, None))

    async def _judge(
        self, session: _Session, result: PlaybackResult, ended_at: datetime
    ) -> None:
        """Queue what a playback amounted to, unless the server has counted it."""
        await asyncio.sleep(GRACE)
        targets = session.targets
        while targets is None:
            if dt_util.utcnow() - ended_at > preferences(self._entry).max_retry_age:
                targets = []
            elif (targets := await self._find(session)) is None:
                await self._until_ready()
        if not targets:
            self._tell_if_lost(session, result.position, session.played.duration)
        states = await self._read(targets)
        requests = [
            Request(target.item, change)
            for target in targets
            if (change := self._change(session, result, ended_at, target.item, states))
            is not None
        ]
        try:
            if requests:
                await self._runtime.async_submit(
                    requests, origin=Origin.PLAYBACK, cause=self._cause
                )
        except HomeAssistantError as err:
            # Kept, and judged again at the next start.
            LOGGER.debug("What was played could not be queued: %r", err)
            return
        self._memory.drop_session(session.session_id)

    @property
    def _cause(self) -> Cause:
        """The player, by the name it has now."""
        player = self._hass.states.get(self._entity_id)
        return Cause(
            CauseKind.PLAYER, self._entity_id if player is None else player.name
        )

    def _change(
        self,
        session: _Session,
        result: PlaybackResult,
        ended_at: datetime,
        item: Item,
        states: Mapping[str, PlayState],
    ) -> Change | None:
        """Return what is wanted of *item* after it was played; None for nothing."""
        if session.played.duration is None:
            # The player did not know how long it is; by now somebody does.
            result = judge(result.position, item.duration, self._threshold)
        after = states.get(item.item_id)
        before = session.before.get(item.item_id)
        if after is not None and is_counted(
            result,
            ended_at,
            before,
            after,
            is_own=session.is_own,
            duration=session.played.duration or item.duration,
        ):
            return None
        is_late = dt_util.utcnow() - ended_at > _DATED
        return change_for(result, ended_at if is_late else None)

    async def _find(self, session: _Session) -> list[LaneItem] | None:
        """Return what was played, on this lane; None if that cannot be known now."""
        try:
            targets = await async_resolve_played(
                self._hass, self._entity_id, session.played, [self._entry]
            )
            targets = await self._in_libraries(targets)
        except (ServiceValidationError, CannotAsk, ItemGone) as err:
            if self._runtime.lane.health.phase is not Phase.READY:
                return None
            LOGGER.debug("What %s plays is not followed: %s", self._entity_id, err)
            if isinstance(err, ServiceValidationError):
                session.lost = _LOST.get(err.translation_key or "")
            return []
        return targets

    async def _in_libraries(self, targets: list[LaneItem]) -> list[LaneItem]:
        """Leave out what is in no library that is followed. Raises CannotAsk."""
        allowed = [one for one in targets if self._runtime.coordinator.allows(one.item)]
        if not self._libraries:
            return allowed
        unplaced = [one.item.item_id for one in allowed if one.item.library_id is None]
        places: dict[str, str | None] = {}
        if unplaced:
            # Told to keep to some libraries, a client finds out which one it is.
            narrowed = create_server(self._hass, self._entry.data, self._libraries)
            readings = await async_ask(
                self._entry, _asking(lambda _: narrowed.fetch(unplaced))
            )
            places = {key: one.item.library_id for key, one in readings.items()}
        return [
            one
            for one in allowed
            if (one.item.library_id or places.get(one.item.item_id)) in self._libraries
        ]

    async def _read(self, targets: Iterable[LaneItem]) -> dict[str, PlayState]:
        """Return what the server shows of items, with dates by our clock.

        What cannot be read is left out: the relay looks before it writes anyway.
        """
        items = [target.item for target in targets]
        item_ids = {item.item_id for item in items}
        if not item_ids:
            return {}
        try:
            readings: Mapping[str, Reading] = await async_ask(
                self._entry, _asking(lambda server: server.fetch(item_ids))
            )
        except CannotAsk, ItemGone:
            return {}
        offset = self._runtime.server.clock_offset or timedelta()
        return {
            item.item_id: replace(
                reading.state,
                last_played=reading.state.last_played
                and reading.state.last_played - offset,
            )
            for item in items
            # What has the id by now may not be what was played.
            if (reading := reading_of(item, readings)) is not None
        }

    async def _until_ready(self) -> None:
        """Wait until the server of the lane can be asked."""
        lane = self._runtime.lane
        ready = asyncio.Event()

        @callback
        def look(_: LaneUpdate) -> None:
            if lane.health.phase is Phase.READY:
                ready.set()

        remove = lane.add_listener(look)
        try:
            look(LaneUpdate())
            await ready.wait()
        finally:
            remove()


def _asking[T](
    question: Callable[[MediaServer], Awaitable[T]],
) -> Callable[[MediaServer], Awaitable[T]]:
    """Give a question its type."""
    return question


@callback
def _nothing() -> None:
    """Cancel what is over already."""


async def _end(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel tasks and wait until they have ended."""
    tasks = tuple(tasks)
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
