"""From what a player shows to what was watched: one playback after the other.

A `Playback` follows one player. It is fed with sightings and with the time, and says
what to do: a playback has begun, report it, it is over and this is what it was. What a
player claims once it has stopped is never believed, as many reset their position then.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
import math
from typing import Final

from .operation import Change, MarkWatched, SetProgress
from .play_state import LEFT_OVER, PlayState
from .ports import PlaybackState

#: How often a server is told where a playback is, while it plays and while it pauses.
REPORT_EVERY: Final = timedelta(seconds=10)
REPORT_PAUSE_EVERY: Final = timedelta(minutes=1)

#: How long a player may be away before its playback is over, and how long it has to
#: come back after a restart of ours.
RECONNECT: Final = timedelta(seconds=15)
RESTART: Final = timedelta(minutes=2)

#: Without any news for so long, or so long beyond the end, the stop was missed.
SILENCE: Final = timedelta(hours=6)
OVERRUN: Final = timedelta(minutes=2)

#: Less than this, in seconds or as a part of the whole, was by accident.
MIN_POSITION: Final = 60.0
MIN_PART: Final = 0.02

#: Seconds by which what a server counted may differ from what we saw, and a play
#: that it shows may be newer than ours without being another.
_COUNTED_POSITION: Final = 30.0
_SAME_PLAY: Final = timedelta(minutes=1)

#: Seconds by which a position may differ from where it was expected; more is a jump.
_JUMP: Final = 5.0
#: Seconds between a fall to the beginning and the stop that explain it as a reset.
_RESET: Final = 5.0
#: So many positions in a row make a player one that tells regularly. If it then falls
#: silent, it is believed to go on for some of its intervals, and this many seconds.
_REGULAR: Final = 3
_BELIEVED: Final = 60.0


class Motion(StrEnum):
    """What a player does; GONE is one that nothing is known of at the moment."""

    PLAYING = "playing"
    PAUSED = "paused"
    STOPPED = "stopped"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a player shows at one moment.

    `key` names what it plays, None where it does not say. `position` and `duration`
    are in seconds; the position was true at `measured_at`, None for when it came.
    """

    at: datetime
    motion: Motion
    key: str | None = None
    position: float | None = None
    measured_at: datetime | None = None
    duration: float | None = None


class PlaybackOutcome(StrEnum):
    """What a playback amounts to."""

    WATCHED = "watched"
    PROGRESS = "progress"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class PlaybackResult:
    """What a playback amounts to, and where it ended, in seconds."""

    outcome: PlaybackOutcome
    position: float = 0.0


NOTHING: Final = PlaybackResult(PlaybackOutcome.NOTHING)


@dataclass(frozen=True, slots=True)
class Begin:
    """A playback has begun: find out what it is."""

    key: str


@dataclass(frozen=True, slots=True)
class Report:
    """Tell where the playback is; `position` is in seconds."""

    state: PlaybackState
    position: float
    duration: float | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """A playback is over; `at` is when it ended, or was seen last."""

    key: str
    result: PlaybackResult
    at: datetime


type Step = Begin | Report | Finished


@dataclass(frozen=True, slots=True)
class Memo:
    """What has to survive a restart of a playback under way."""

    key: str
    at: datetime
    position: float | None
    duration: float | None


def judge(
    position: float | None, duration: float | None, threshold: float
) -> PlaybackResult:
    """Return what a playback that ended at *position* amounts to.

    *threshold* is the percentage from which it counts as watched. Without a duration,
    as with live TV, nothing is ever watched; without a position nothing is known.
    """
    if position is None:
        return NOTHING
    if duration:
        position = min(position, duration)
        if position < duration * MIN_PART:
            return NOTHING
        if position >= duration * threshold / 100 and position > 0:
            # A clip may be shorter than a minute, and yet be seen to its end.
            return PlaybackResult(PlaybackOutcome.WATCHED, position)
    if position < MIN_POSITION:
        return NOTHING
    return PlaybackResult(PlaybackOutcome.PROGRESS, position)


def change_for(result: PlaybackResult, at: datetime | None = None) -> Change | None:
    """Return what is wanted of an item that was played; None for nothing.

    *at* is when it was watched, None for now.
    """
    if result.outcome is PlaybackOutcome.NOTHING:
        return None
    if result.outcome is PlaybackOutcome.WATCHED:
        return MarkWatched(at)
    return SetProgress(result.position)


def is_counted(
    result: PlaybackResult,
    ended_at: datetime,
    before: PlayState | None,
    after: PlayState,
    *,
    is_own: bool,
    duration: float | None = None,
) -> bool:
    """Whether the server shows a playback already that ended in *result*.

    *before* is what it showed when the playback began, None if that is not known, and
    *after* what it shows now, with `last_played` by our clock. *is_own* says that the
    player is the server's own and reports to it: then a position the server
    took down is right, whatever we saw. *duration* is the item's, in seconds.
    """
    if result.outcome is PlaybackOutcome.NOTHING:
        return True
    if result.outcome is PlaybackOutcome.WATCHED:
        return MarkWatched().apply(after).agrees_with(after)
    if after.last_played is not None and after.last_played > ended_at + _SAME_PLAY:
        return True  # somebody went on since, elsewhere
    if after.watched and (
        not (before is not None and before.watched)
        or result.position > (duration or math.inf) * LEFT_OVER
    ):
        return True  # the server counts sooner than we do
    if is_own and (before is None or after.position != before.position):
        return True
    return abs(after.position - result.position) <= _COUNTED_POSITION


@dataclass(slots=True)
class _Session:
    """One playback under way: where it is, as far as that can be told."""

    key: str
    motion: Motion
    heard_at: datetime
    seen_at: datetime
    duration: float | None = None
    position: float | None = None
    measured_at: datetime | None = None
    raw: tuple[float, datetime | None] | None = None
    gone_at: datetime | None = None
    deadline: datetime | None = None
    reported_at: datetime | None = None
    fell: tuple[datetime, float] | None = None
    in_a_row: int = 0
    longest_gap: float = 0.0

    def where(self, moment: datetime) -> float | None:
        """Return where the playback is, in seconds; None if that was never said."""
        if self.position is None or self.measured_at is None:
            return None
        if self.gone_at is not None:
            moment = min(moment, self.gone_at)
        position = self.position
        if self.motion is Motion.PLAYING:
            passed = max((moment - self.measured_at).total_seconds(), 0.0)
            if self.in_a_row >= _REGULAR:
                passed = min(passed, max(_BELIEVED, 3 * self.longest_gap))
            position += passed
        return self._within(position)

    def _within(self, position: float) -> float:
        """Return a position that is not behind the end, which may be told later."""
        return min(position, self.duration) if self.duration else position

    def ended(self, moment: datetime) -> float | None:
        """Return where the playback was before it stopped.

        A position that fell to the beginning right before the stop is part of it.
        """
        if self.fell is not None:
            fell_at, before = self.fell
            if (moment - fell_at).total_seconds() <= _RESET:
                return self._within(before)
        return self.where(moment)

    def is_new(self, seen: Sighting) -> bool:
        """Whether *seen* says anew where the playback is."""
        return seen.position is not None and self.raw != (
            seen.position,
            seen.measured_at,
        )

    def starts_over(self, seen: Sighting, threshold: float) -> bool:
        """Whether *seen* is the same thing, once more from its beginning."""
        return (
            self.is_new(seen)
            and judge(seen.position, self.duration, threshold) == NOTHING
            and judge(self.where(seen.at), self.duration, threshold).outcome
            is PlaybackOutcome.WATCHED
        )

    def take(self, seen: Sighting) -> bool:
        """Take in what is seen of the same playback; return whether it jumped."""
        expected = self.where(seen.at)
        moved = self.motion is not seen.motion or self.gone_at is not None
        is_new = self.is_new(seen)
        self.gone_at = self.deadline = None
        if seen.duration:
            self.duration = seen.duration
        if moved:
            self.in_a_row, self.longest_gap = 0, 0.0
        jumped = False
        if is_new and seen.position is not None:
            jumped = self._measure(seen, seen.position, expected, moved=moved)
        elif moved:
            self.position, self.measured_at = expected, seen.at
        if moved or is_new:
            self.heard_at = seen.at
        self.motion, self.seen_at = seen.motion, seen.at
        return jumped

    def _measure(
        self, seen: Sighting, position: float, expected: float | None, *, moved: bool
    ) -> bool:
        """Take in a position that was measured anew; return whether it jumped."""
        measured_at = min(seen.measured_at or seen.at, seen.at)
        if self.raw is not None and self.raw[0] != position:
            # It changed since we looked last, whatever the clock of a server says.
            measured_at = max(measured_at, min(self.seen_at, seen.at))
        now = position
        if seen.motion is Motion.PLAYING:
            now += (seen.at - measured_at).total_seconds()
        if self.duration and now > self.duration + OVERRUN.total_seconds():
            # Measured so long ago that it must have ended: this goes on no more.
            now, measured_at = position, seen.at
        jumped = expected is None or abs(now - expected) > _JUMP
        self.fell = None
        if expected is not None and position <= 1.0 and expected >= MIN_POSITION:
            self.fell = (seen.at, expected)
        if jumped:
            self.in_a_row, self.longest_gap = 0, 0.0
        elif not moved and self.measured_at is not None:
            gap = (measured_at - self.measured_at).total_seconds()
            self.in_a_row += 1
            self.longest_gap = max(self.longest_gap, gap)
        self.raw = (position, seen.measured_at)
        self.position, self.measured_at = position, measured_at
        return jumped


class Playback:
    """Follows what one player plays, one thing after the other.

    *threshold* is the percentage from which something counts as watched. With
    *reports*, reports are among the steps; without, only beginnings and ends.
    """

    def __init__(self, threshold: float, *, reports: bool = True) -> None:
        """Begin with nothing playing."""
        self._threshold = threshold
        self._reports = reports
        self._session: _Session | None = None
        #: What was closed for its silence; it may not begin anew by being there still.
        self._silent: _Session | None = None

    @property
    def key(self) -> str | None:
        """What plays, or may come back any moment; None if nothing does."""
        return None if self._session is None else self._session.key

    def memo(self, now: datetime) -> Memo | None:
        """Return what has to survive a restart; None if nothing is under way."""
        if (session := self._session) is None:
            return None
        return Memo(
            session.key,
            now if session.gone_at is None else session.gone_at,
            session.ended(now),
            session.duration,
        )

    def resume(self, memo: Memo, now: datetime) -> list[Step]:
        """Go on after a restart: wait for the player to come back.

        What happened in between is unknown; if it plays no more, it ended at *memo*.
        """
        self._session = _Session(
            key=memo.key,
            motion=Motion.PAUSED,
            heard_at=memo.at,
            seen_at=memo.at,
            duration=memo.duration,
            position=memo.position,
            measured_at=memo.at,
            gone_at=memo.at,
            deadline=now + RESTART,
        )
        return [Begin(memo.key)]

    def learn_duration(self, key: str, duration: float | None) -> None:
        """Take somebody else's word for how long it is, if the player has none."""
        session = self._session
        if session is not None and session.key == key and not session.duration:
            session.duration = duration

    def see(self, seen: Sighting) -> list[Step]:
        """Return what to do after the player showed something."""
        key = seen.key
        if seen.motion not in (Motion.PLAYING, Motion.PAUSED) or key is None:
            return self._see_silence(seen)
        steps: list[Step] = []
        session = self._session
        if session is not None and (
            session.key != key or session.starts_over(seen, self._threshold)
        ):
            steps += self._finish(seen.at)
            session = None
        if session is None:
            if self._silent is not None and self._still_silent(self._silent, seen):
                return steps
            return [*steps, Begin(key), *self._begin(key, seen)]
        moved = session.motion is not seen.motion or session.gone_at is not None
        if session.take(seen) or moved:
            steps += self._report(seen.at)
        return steps

    def _begin(self, key: str, seen: Sighting) -> list[Step]:
        self._silent = None
        self._session = session = _Session(
            key=key,
            motion=seen.motion,
            heard_at=seen.at,
            seen_at=seen.at,
            duration=seen.duration,
        )
        session.take(seen)
        return self._report(seen.at)

    def _see_silence(self, seen: Sighting) -> list[Step]:
        """Return what to do when the player shows nothing that plays."""
        session = self._session
        if seen.motion is Motion.STOPPED:
            self._silent = None
            return self._finish(seen.at)
        # Away, or between two things: it may be back, or say what it plays.
        if session is not None and session.gone_at is None:
            session.gone_at, session.deadline = seen.at, seen.at + RECONNECT
        return []

    @staticmethod
    def _still_silent(silent: _Session, seen: Sighting) -> bool:
        return (
            silent.key == seen.key
            and silent.motion is seen.motion
            and not silent.is_new(seen)
        )

    def tick(self, now: datetime) -> list[Step]:
        """Return what to do because time has passed."""
        session = self._session
        if session is None:
            return []
        if session.deadline is not None:
            return self._finish(now) if now >= session.deadline else []
        if now >= self._missed_at(session):
            # Nobody said so, but it must be over.
            steps = self._finish(now)
            self._silent = session
            return steps
        if now >= self._report_at(session):
            return self._report(now)
        return []

    def next_tick(self) -> datetime | None:
        """Return when `tick` has something to do; None while nothing plays."""
        session = self._session
        if session is None:
            return None
        if session.deadline is not None:
            return session.deadline
        return min(self._missed_at(session), self._report_at(session))

    def stop(self, now: datetime) -> list[Step]:
        """Stop following, without a result: nothing is over."""
        session, self._session = self._session, None
        if session is None or not self._reports:
            return []
        return self._stopped(session, session.ended(now))

    def _missed_at(self, session: _Session) -> datetime:
        """Return when a playback that nothing is heard of must be over."""
        missed = session.heard_at + SILENCE
        if (
            session.motion is Motion.PLAYING
            and session.duration
            and session.position is not None
            and session.measured_at is not None
        ):
            left = timedelta(seconds=max(session.duration - session.position, 0.0))
            missed = min(missed, session.measured_at + left + OVERRUN)
        return missed

    def _report_at(self, session: _Session) -> datetime:
        if not self._reports or session.reported_at is None:
            return datetime.max.replace(tzinfo=session.heard_at.tzinfo)
        pause = session.motion is Motion.PAUSED
        return session.reported_at + (REPORT_PAUSE_EVERY if pause else REPORT_EVERY)

    def _report(self, now: datetime) -> list[Step]:
        session = self._session
        if session is None or not self._reports:
            return []
        session.reported_at = now
        if (position := session.where(now)) is None:
            return []
        state = (
            PlaybackState.PLAYING
            if session.motion is Motion.PLAYING
            else PlaybackState.PAUSED
        )
        return [Report(state, position, session.duration)]

    def _finish(self, now: datetime) -> list[Step]:
        """End the playback under way, if there is one."""
        session, self._session = self._session, None
        if session is None:
            return []
        position = session.ended(now)
        result = judge(position, session.duration, self._threshold)
        ended_at = now if session.gone_at is None else session.gone_at
        steps = self._stopped(session, position) if self._reports else []
        return [*steps, Finished(session.key, result, ended_at)]

    @staticmethod
    def _stopped(session: _Session, position: float | None) -> list[Step]:
        if position is None:
            return []
        return [Report(PlaybackState.STOPPED, position, session.duration)]
