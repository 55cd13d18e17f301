"""What a playback amounts to, from what a player shows: a table, and a machine."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
import pytest

from custom_components.watched_sync.core.playback import (
    NOTHING,
    OVERRUN,
    RECONNECT,
    RESTART,
    SILENCE,
    Begin,
    Finished,
    Motion,
    Playback,
    PlaybackOutcome,
    PlaybackResult,
    Report,
    Sighting,
    Step,
    judge,
)
from custom_components.watched_sync.core.ports import PlaybackState

START = datetime(2026, 10, 31, 20, tzinfo=UTC)
HOUR = 3600.0
PLAYING, PAUSED, STOPPED, GONE = Motion

#: An hour of film, unless a row says otherwise.
type Scene = tuple[float, Motion, dict[str, Any]]


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def seen(seconds: float, motion: Motion, **shown: Any) -> Sighting:
    """Return what a player shows; a position is measured there and then."""
    if motion in (PLAYING, PAUSED):
        shown = {"key": "film", "duration": HOUR, **shown}
    measured = shown.pop("measured", seconds)
    if measured is not None:
        shown["measured_at"] = at(measured)
    return Sighting(at(seconds), motion, **shown)


class Player:
    """A player with its playback; time passes in it as it does outside."""

    def __init__(self, threshold: float = 90, *, reports: bool = False) -> None:
        self.playback = Playback(threshold, reports=reports)
        self.steps: list[Step] = []
        self.times: list[float] = []
        self.now = 0.0

    def wait_until(self, seconds: float) -> None:
        """Let time pass, with every tick that was asked for."""
        while (tick := self.playback.next_tick()) is not None:
            due = (tick - START).total_seconds()
            if due > seconds:
                break
            self.now = max(self.now, due)
            before = self.playback.next_tick()
            self.take(self.playback.tick(at(self.now)))
            assert self.playback.next_tick() != before, "it would tick for ever"
        self.now = seconds

    def take(self, steps: Iterable[Step]) -> None:
        for step in steps:
            self.steps.append(step)
            self.times.append(self.now)

    def show(self, seconds: float, motion: Motion, **shown: Any) -> None:
        """Have the player show something at a moment."""
        self.wait_until(seconds)
        self.take(self.playback.see(seen(seconds, motion, **shown)))

    @property
    def results(self) -> list[PlaybackResult]:
        return [step.result for step in self.steps if isinstance(step, Finished)]

    @property
    def reports(self) -> list[tuple[float, str, float]]:
        return [
            (time, step.state.value, step.position)
            for time, step in zip(self.times, self.steps, strict=True)
            if isinstance(step, Report)
        ]


def watched(position: float = HOUR) -> PlaybackResult:
    return PlaybackResult(PlaybackOutcome.WATCHED, position)


def progress(position: float) -> PlaybackResult:
    return PlaybackResult(PlaybackOutcome.PROGRESS, position)


@pytest.mark.parametrize(
    ("position", "duration", "result"),
    [
        (3240.0, HOUR, watched(3240.0)),
        (3239.0, HOUR, progress(3239.0)),
        (9999.0, HOUR, watched()),
        (1800.0, HOUR, progress(1800.0)),
        # Less than a minute, or less than a fiftieth.
        (72.0, HOUR, progress(72.0)),
        (71.9, HOUR, NOTHING),
        (59.9, 600.0, NOTHING),
        (60.0, 600.0, progress(60.0)),
        (36.0, HOUR, NOTHING),
        (0.0, HOUR, NOTHING),
        # Something short is over before a minute is.
        (30.0, 30.0, watched(30.0)),
        (20.0, 30.0, NOTHING),
        # Live television, and a player that says too little.
        (7200.0, None, progress(7200.0)),
        (7200.0, 0.0, progress(7200.0)),
        (30.0, None, NOTHING),
        (None, HOUR, NOTHING),
    ],
)
def test_what_a_position_amounts_to(
    position: float | None, duration: float | None, result: PlaybackResult
) -> None:
    assert judge(position, duration, 90) == result


def test_threshold_decides_what_is_watched() -> None:
    assert judge(1800, HOUR, 50) == watched(1800)
    assert judge(3599, HOUR, 100) == progress(3599)
    assert judge(3600, HOUR, 100) == watched()


TABLE: dict[str, tuple[list[Scene], list[PlaybackResult]]] = {
    "played to the end": (
        [(0, PLAYING, {"position": 0}), (3500, STOPPED, {})],
        [watched(3500)],
    ),
    "stopped in the middle": (
        [(0, PLAYING, {"position": 0}), (1800, STOPPED, {})],
        [progress(1800)],
    ),
    "some seconds by accident": (
        [(0, PLAYING, {"position": 0}), (30, STOPPED, {})],
        [NOTHING],
    ),
    "begun before it was looked at": (
        [(0, PLAYING, {"position": 600, "measured": -1200}), (100, STOPPED, {})],
        [progress(1900)],
    ),
    "measured so long ago that it must have ended": (
        [(0, PLAYING, {"position": 600, "measured": -86400}), (60, STOPPED, {})],
        [progress(660)],
    ),
    "position falls to zero as it stops": (
        [
            (0, PLAYING, {"position": 0}),
            (1800, PAUSED, {"position": 0}),
            (1802, STOPPED, {"position": 0}),
        ],
        [progress(1800)],
    ),
    "stop itself claims zero": (
        [(0, PLAYING, {"position": 0}), (3500, STOPPED, {"position": 0.0})],
        [watched(3500)],
    ),
    "went back to the beginning and stopped there": (
        [
            (0, PLAYING, {"position": 1000}),
            (100, PLAYING, {"position": 0}),
            (130, STOPPED, {}),
        ],
        [NOTHING],
    ),
    "paused at night, finished in the morning": (
        [
            (0, PLAYING, {"position": 0}),
            (1800, PAUSED, {"position": 1800}),
            (1800 + 5 * HOUR, PLAYING, {"position": 1800}),
            (3500 + 5 * HOUR, STOPPED, {}),
        ],
        [watched(3500)],
    ),
    "paused without saying where": (
        [
            (0, PLAYING, {"position": 0}),
            (1000, PAUSED, {"position": 0, "measured": 0}),
            (3000, PLAYING, {"position": 0, "measured": 0}),
            (3500, STOPPED, {}),
        ],
        [progress(1500)],
    ),
    "paused for too long to wait, and gone on": (
        [
            (0, PLAYING, {"position": 0}),
            (1800, PAUSED, {"position": 1800}),
            (8 * HOUR, PAUSED, {"position": 1800, "measured": 1800}),
            (9 * HOUR, PLAYING, {"position": 1800}),
            (9 * HOUR + 1700, STOPPED, {}),
        ],
        [progress(1800), watched(3500)],
    ),
    "sought forth to have a look, and back": (
        [
            (0, PLAYING, {"position": 0}),
            (300, PLAYING, {"position": 3500}),
            (310, PLAYING, {"position": 310}),
            (600, STOPPED, {}),
        ],
        [progress(600)],
    ),
    "sought to the end": (
        [
            (0, PLAYING, {"position": 0}),
            (300, PLAYING, {"position": 3400}),
            (310, STOPPED, {}),
        ],
        [watched(3410)],
    ),
    "next episode closes the previous": (
        [
            (0, PLAYING, {"position": 0}),
            (3550, PLAYING, {"key": "next", "position": 0}),
            (3550 + 900, STOPPED, {}),
        ],
        [watched(3550), progress(900)],
    ),
    "skipped to the next episode": (
        [
            (0, PLAYING, {"position": 0}),
            (20, PLAYING, {"key": "next", "position": 0}),
            (3600, STOPPED, {}),
        ],
        [NOTHING, watched(3580)],
    ),
    "once more from the beginning": (
        [
            (0, PLAYING, {"position": 0}),
            (3600, PLAYING, {"position": 0}),
            (3600 + 1800, STOPPED, {}),
        ],
        [watched(), progress(1800)],
    ),
    "away for a moment": (
        [
            (0, PLAYING, {"position": 0}),
            (1000, GONE, {}),
            (1010, PLAYING, {"position": 1010}),
            (3500, STOPPED, {}),
        ],
        [watched(3500)],
    ),
    "away for good": (
        [(0, PLAYING, {"position": 0}), (1000, GONE, {}), (2000, GONE, {})],
        [progress(1000)],
    ),
    "away, and back with something else": (
        [
            (0, PLAYING, {"position": 0}),
            (3400, GONE, {}),
            (3405, PLAYING, {"key": "next", "position": 0}),
        ],
        [watched(3400)],
    ),
    "away, and back without playing": (
        [(0, PLAYING, {"position": 0}), (1000, GONE, {}), (1005, STOPPED, {})],
        [progress(1000)],
    ),
    "between two things it plays nothing": (
        [
            (0, PLAYING, {"position": 0}),
            (1000, PLAYING, {"key": None}),
            (1001, PLAYING, {"position": 1001}),
            (3500, STOPPED, {}),
        ],
        [watched(3500)],
    ),
    "stop never arrives": (
        [
            (0, PLAYING, {"position": 0}),
            (8 * HOUR, PLAYING, {"position": 0, "measured": 0}),
        ],
        [watched()],
    ),
    "stop never arrives, and no length is known": (
        [(0, PLAYING, {"position": 0, "duration": None}), (8 * HOUR, GONE, {})],
        [progress(6 * HOUR)],
    ),
    "regular player falls silent: it is not believed to go on": (
        [
            *((10.0 * n, PLAYING, {"position": 10.0 * n}) for n in range(200)),
            (3590, STOPPED, {}),
        ],
        [progress(1990 + 60)],
    ),
    "regular player falls silent for good": (
        [
            *((30.0 * n, PLAYING, {"position": 30.0 * n}) for n in range(60)),
            (8 * HOUR, GONE, {}),
        ],
        [progress(1770 + 90)],
    ),
    "server's clock is behind": (
        [
            *(
                (10.0 * n, PLAYING, {"position": 10.0 * n, "measured": 10.0 * n - 300})
                for n in range(1, 180)
            ),
            (1791, STOPPED, {}),
        ],
        [progress(1791 + 10)],
    ),
    "server's clock is ahead": (
        [
            (0, PLAYING, {"position": 0, "measured": 300}),
            (1800, STOPPED, {}),
        ],
        [progress(1800)],
    ),
    "live television": (
        [(0, PLAYING, {"position": 0, "duration": None}), (7200, STOPPED, {})],
        [progress(7200)],
    ),
    "player that never says where it is": (
        [(0, PLAYING, {}), (3500, STOPPED, {})],
        [NOTHING],
    ),
    "position comes late": (
        [(0, PLAYING, {}), (5, PLAYING, {"position": 3000}), (400, STOPPED, {})],
        [watched(3395)],
    ),
    "length is known late": (
        [
            (0, PLAYING, {"position": 0, "duration": None}),
            (10, PLAYING, {"position": 10}),
            (3500, STOPPED, {}),
        ],
        [watched(3500)],
    ),
    "player that never says when it measured": (
        [
            (0, PLAYING, {"position": 5, "measured": None}),
            (900, PLAYING, {"position": 5, "measured": None}),
            (1000, PLAYING, {"position": 1000, "measured": None}),
            (1500, STOPPED, {}),
        ],
        [progress(1500)],
    ),
    "nothing ever played": ([(0, STOPPED, {}), (9, GONE, {}), (99, STOPPED, {})], []),
}


@pytest.mark.parametrize(("scenes", "results"), TABLE.values(), ids=TABLE)
def test_what_playing_amounts_to(
    scenes: list[Scene], results: list[PlaybackResult]
) -> None:
    player = Player()
    for seconds, motion, shown in scenes:
        player.show(seconds, motion, **shown)
    assert player.results == results


def test_end_is_when_it_stopped_or_was_seen_last() -> None:
    player = Player()
    player.show(0, PLAYING, position=0)
    player.show(1000, STOPPED)
    player.show(2000, PLAYING, position=0)
    player.show(2500, GONE)
    player.wait_until(2500 + RECONNECT.total_seconds())
    ends = [step.at for step in player.steps if isinstance(step, Finished)]
    assert ends == [at(1000), at(2500)]


def test_what_was_closed_for_its_silence_does_not_begin_anew_by_being_there() -> None:
    player = Player()
    player.show(0, PLAYING, position=0)
    player.wait_until(3600 + OVERRUN.total_seconds())
    assert player.results == [watched()]
    for motion in (PLAYING, PLAYING):
        player.show(player.now + 60, motion, position=0, measured=0)
    assert player.playback.key is None
    # Something new does, and so does the same after a stop.
    player.show(player.now + 60, PLAYING, position=5)
    assert player.playback.key == "film"
    player.wait_until(player.now + SILENCE.total_seconds())
    player.show(player.now, STOPPED)
    player.show(player.now, PLAYING, position=5, measured=player.now - 10)
    assert player.playback.key == "film"


def test_reports_are_sent_at_every_change_and_every_ten_seconds() -> None:
    player = Player(reports=True)
    player.show(0, PLAYING, position=0)
    player.show(25, PLAYING, position=25)
    player.show(32, PAUSED, position=32)
    player.show(100, PAUSED, position=32, measured=32)
    player.show(150, PLAYING, position=32)
    player.show(155, PLAYING, position=600)
    player.show(157, GONE)
    player.show(159, PLAYING, position=604)
    player.show(160, STOPPED)
    assert player.reports == [
        (0, "playing", 0),
        (10, "playing", 10),
        (20, "playing", 20),
        (30, "playing", 30),
        (32, "paused", 32),
        (92, "paused", 32),
        (150, "playing", 32),
        (155, "playing", 600),
        (159, "playing", 604),
        (160, "stopped", 605),
    ]
    assert isinstance(player.steps[0], Begin)
    assert player.playback.next_tick() is None


def test_nothing_is_reported_of_a_player_that_does_not_say_where_it_is() -> None:
    player = Player(reports=True)
    player.show(0, PLAYING)
    player.wait_until(60)
    assert player.steps == [Begin("film")]
    player.show(61, PLAYING, position=61)
    assert player.reports == [(61, "playing", 61)]
    assert player.playback.stop(at(65)) == [
        Report(PlaybackState.STOPPED, 65, HOUR),
    ]
    assert player.playback.stop(at(66)) == []


def test_stop_without_a_position_is_not_reported() -> None:
    player = Player(reports=True)
    player.show(0, PLAYING)
    player.show(9, STOPPED)
    assert player.reports == []


def test_nothing_is_reported_when_nobody_wants_reports() -> None:
    player = Player()
    player.show(0, PLAYING, position=0)
    player.wait_until(300)
    assert player.steps == [Begin("film")]
    assert player.playback.stop(at(301)) == []


def test_somebody_elses_word_for_the_length_counts_if_the_player_has_none() -> None:
    player = Player()
    player.playback.learn_duration("film", HOUR)
    player.show(0, PLAYING, position=0, duration=None)
    player.playback.learn_duration("another", 99)
    player.playback.learn_duration("film", HOUR)
    player.playback.learn_duration("film", 99)
    player.show(3500, STOPPED)
    assert player.results == [watched(3500)]


def test_tick_that_comes_too_early_does_nothing() -> None:
    player = Player(reports=True)
    assert player.playback.tick(START) == []
    player.show(0, PLAYING, position=0)
    assert player.playback.tick(at(5)) == []
    player.show(6, GONE)
    assert player.playback.tick(at(7)) == []


# --- restarts -------------------------------------------------------------------------


def restarted(player: Player, down: float) -> Player:
    """Return what follows the player after a restart that took *down* seconds."""
    memo = player.playback.memo(at(player.now))
    assert memo is not None
    after = Player()
    after.now = player.now + down
    after.take(after.playback.resume(memo, at(after.now)))
    return after


def test_restart_in_the_middle_goes_on_where_the_player_is() -> None:
    player = Player()
    assert player.playback.memo(START) is None
    player.show(0, PLAYING, position=0)
    player.wait_until(1000)
    player = restarted(player, 60)
    player.show(1070, GONE)
    player.show(1080, PLAYING, position=1080)
    player.show(3500, STOPPED)
    assert player.steps[0] == Begin("film")
    assert player.results == [watched(3500)]


def test_what_ended_during_a_restart_ended_where_it_was_seen_last() -> None:
    for ending in ("idle", "away"):
        player = Player()
        player.show(0, PLAYING, position=0)
        player.wait_until(1000)
        player = restarted(player, 4 * HOUR)
        if ending == "idle":
            player.show(player.now + 5, STOPPED)
        else:
            player.wait_until(player.now + RESTART.total_seconds())
        assert player.steps[1:] == [Finished("film", progress(1000), at(1000))]


def test_restart_while_the_player_is_away_remembers_when_it_left() -> None:
    player = Player()
    player.show(0, PLAYING, position=0)
    player.show(1000, GONE)
    player.wait_until(1010)
    player = restarted(player, 5)
    player.show(1020, STOPPED)
    assert player.steps[1:] == [Finished("film", progress(1000), at(1000))]


# --- whatever happens -----------------------------------------------------------------


class AnyPlayer(RuleBasedStateMachine):
    """Show anything in any order; what must hold always does."""

    @initialize(threshold=st.integers(50, 100), reports=st.booleans())
    def begin(self, threshold: int, *, reports: bool) -> None:
        self.player = Player(threshold, reports=reports)
        self.furthest = 0.0

    @rule(
        passed=st.floats(0, 20_000),
        motion=st.sampled_from(Motion),
        key=st.sampled_from(["a", "b", None]),
        position=st.one_of(st.none(), st.floats(0, 9000)),
        age=st.one_of(st.none(), st.floats(-600, 9000)),
        duration=st.sampled_from([None, 0.0, 30.0, HOUR, 7200.0]),
    )
    def show(
        self,
        passed: float,
        motion: Motion,
        key: str | None,
        position: float | None,
        age: float | None,
        duration: float | None,
    ) -> None:
        now = self.player.now + passed
        shown: dict[str, Any] = {"key": key, "position": position, "duration": duration}
        shown["measured"] = None if age is None else now - age
        self.player.show(now, motion, **shown)

    @rule(passed=st.floats(0, 30_000))
    def wait(self, passed: float) -> None:
        self.player.wait_until(self.player.now + passed)

    @rule(down=st.floats(0, 50_000))
    def restart(self, down: float) -> None:
        memo = self.player.playback.memo(at(self.player.now))
        if memo is None:
            return
        threshold = self.player.playback._threshold
        playback = Playback(threshold, reports=self.player.playback._reports)
        self.player.playback = playback
        self.player.now += down
        # It begins again what had begun: that is no second beginning.
        assert playback.resume(memo, at(self.player.now)) == [Begin(memo.key)]

    @invariant()
    def every_beginning_has_one_end(self) -> None:
        open_key: str | None = None
        for step in self.player.steps:
            match step:
                case Begin(key):
                    assert open_key is None
                    open_key = key
                case Report():
                    assert open_key is not None
                case Finished(key):
                    assert key == open_key
                    open_key = None
        assert self.player.playback.key == open_key

    @invariant()
    def verdicts_are_within_reason(self) -> None:
        for step in self.player.steps:
            if not isinstance(step, Finished):
                continue
            result = step.result
            assert result.position >= 0
            if result.outcome is PlaybackOutcome.PROGRESS:
                assert result.position >= 60
            assert step.at <= at(self.player.now)

    @invariant()
    def reports_are_within_the_length(self) -> None:
        for step in self.player.steps:
            if isinstance(step, Report):
                assert step.position >= 0
                if step.duration:
                    assert step.position <= step.duration

    @invariant()
    def nothing_lasts_for_ever(self) -> None:
        tick = self.player.playback.next_tick()
        assert (tick is None) == (self.player.playback.key is None)
        if tick is not None:
            assert tick <= at(self.player.now) + SILENCE


AnyPlayer.TestCase.settings = settings(
    max_examples=100, stateful_step_count=30, deadline=None
)
TestAnyPlayer = AnyPlayer.TestCase
