"""What a server has shown is kept for each version, for a while, and no longer."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from custom_components.watched_sync.core.identity import Item, MediaKind
from custom_components.watched_sync.core.learnt import (
    LIFETIME,
    MOST_VERSIONS,
    Learnt,
    Trait,
    learn_from_plays,
    learnt_from_json,
)
from custom_components.watched_sync.core.members import DamagedRow
from custom_components.watched_sync.core.play_state import PlayState, Reading

START = datetime(2026, 11, 30, tzinfo=UTC)
FILM = Item("41", MediaKind.MOVIE, "Alien")


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def learnt(clock: Clock) -> Learnt:
    return Learnt(clock)


def test_nothing_is_known_at_first(learnt: Learnt) -> None:
    assert learnt.version == ""
    assert learnt.flag(Trait.SEASON_MARK_WHOLE) is None
    assert learnt.number(Trait.PAGE_ROWS) is None
    assert learnt.word(Trait.MARK_METHOD) is None
    assert learnt.age(Trait.MARK_METHOD) is None
    assert learnt.as_json() == []


def test_what_was_seen_is_known(learnt: Learnt) -> None:
    learnt.note(Trait.SEASON_MARK_WHOLE, value=False)
    learnt.note(Trait.PAGE_ROWS, 500)
    learnt.note(Trait.MARK_METHOD, "PUT")
    assert learnt.flag(Trait.SEASON_MARK_WHOLE) is False
    assert learnt.number(Trait.PAGE_ROWS) == 500
    assert learnt.word(Trait.MARK_METHOD) == "PUT"
    # One is not taken for another.
    assert learnt.number(Trait.SEASON_MARK_WHOLE) is None
    assert learnt.number(Trait.MARK_METHOD) is None
    assert learnt.flag(Trait.PAGE_ROWS) is None
    assert learnt.word(Trait.PAGE_ROWS) is None


def test_what_was_learnt_before_the_version_was_told_is_of_it(learnt: Learnt) -> None:
    learnt.note(Trait.MARK_METHOD, "PUT")
    learnt.runs("12.0.0")
    assert learnt.version == "12.0.0"
    assert learnt.word(Trait.MARK_METHOD) == "PUT"
    assert [one["version"] for one in learnt.as_json()] == ["12.0.0"]


def test_another_version_is_learnt_anew_and_an_earlier_one_is_known_still(
    learnt: Learnt,
) -> None:
    learnt.runs("10.11.11")
    learnt.note(Trait.PLAY_KEEPS_FLAG, value=False)
    learnt.runs("12.0.0")
    assert learnt.flag(Trait.PLAY_KEEPS_FLAG) is None
    learnt.runs("")
    assert learnt.version == "12.0.0"
    learnt.runs("10.11.11")
    assert learnt.flag(Trait.PLAY_KEEPS_FLAG) is False


def test_only_the_last_few_versions_are_kept(learnt: Learnt) -> None:
    for number in range(10):
        learnt.runs(f"10.{number}")
        learnt.note(Trait.MARK_COUNT, number)
    learnt.runs("x" * 1000)
    kept = [one["version"] for one in learnt.as_json()]
    assert len(kept) == MOST_VERSIONS
    assert kept[:-1] == ["10.8", "10.9"]
    assert len(kept[-1]) == 100


def test_what_nothing_has_shown_for_long_is_found_out_anew(
    learnt: Learnt, clock: Clock
) -> None:
    learnt.note(Trait.LISTS_WHOLE_SERVER, value=False)
    clock.advance(LIFETIME - 1)
    assert learnt.flag(Trait.LISTS_WHOLE_SERVER) is False
    learnt.note(Trait.LISTS_WHOLE_SERVER, value=False)
    clock.advance(1)
    assert learnt.age(Trait.LISTS_WHOLE_SERVER) == 1
    assert learnt.flag(Trait.LISTS_WHOLE_SERVER) is False
    clock.advance(LIFETIME)
    assert learnt.flag(Trait.LISTS_WHOLE_SERVER) is None


def test_longest_time_is_kept(learnt: Learnt) -> None:
    for seconds in (0.0, 0.204, 3.5, 1.0):
        learnt.note_longest(Trait.FILM_PAGE_TIME, seconds)
    assert learnt.number(Trait.FILM_PAGE_TIME) == 3.5


def test_only_what_is_new_is_told(learnt: Learnt) -> None:
    told: list[str] = []
    learnt.listen(lambda: told.append(learnt.version))
    learnt.runs("12.0.0")
    learnt.note(Trait.MARK_METHOD, "GET")
    assert told == ["12.0.0"] * 2
    learnt.runs("12.0.0")
    learnt.note(Trait.MARK_METHOD, "GET")
    assert len(told) == 2
    learnt.note(Trait.MARK_METHOD, "PUT")
    assert len(told) == 3


def test_what_was_stored_is_known_again(learnt: Learnt, clock: Clock) -> None:
    learnt.runs("10.11.11")
    learnt.note(Trait.PLAY_KEEPS_FLAG, value=False)
    clock.advance(60)
    learnt.runs("12.0.0")
    learnt.note(Trait.POSITION_BELOW, 0.9)
    learnt.note(Trait.POSITION_LIMITS, "told" * 100)
    again = learnt_from_json(learnt.as_json(), clock)
    assert again.as_json() == learnt.as_json()
    assert again.version == "12.0.0"
    assert again.number(Trait.POSITION_BELOW) == 0.9
    assert again.word(Trait.POSITION_LIMITS) == ("told" * 100)[:100]


@pytest.mark.parametrize(
    "damaged",
    [
        7,
        {"seen": {}},
        {"version": "1", "seen": 3},
        {"version": 1, "seen": {}},
        {"version": "1"},
    ],
)
def test_damaged_version_is_learnt_anew(damaged: Any, clock: Clock) -> None:
    good = Learnt(clock)
    good.runs("12.0.0")
    good.note(Trait.MARK_COUNT, 1)
    stored = [damaged, *good.as_json()]
    assert learnt_from_json(stored, clock).as_json() == good.as_json()


@pytest.mark.parametrize(
    "damaged",
    [
        {"mark_count": 1},
        {"mark_count": {"value": 1}},
        {"mark_count": {"value": 1, "at": "yesterday"}},
        {"mark_count": {"value": [1], "at": START.isoformat()}},
        {"mark_count": {"value": float("inf"), "at": START.isoformat()}},
        {"mark_count": {"value": 10**400, "at": START.isoformat()}},
        {"a trait of later": {"value": 1, "at": START.isoformat()}},
    ],
)
def test_damaged_trait_is_learnt_anew(damaged: Any, clock: Clock) -> None:
    good = {"mark_method": {"value": "PUT", "at": START.isoformat()}}
    stored = [{"version": "1.43", "seen": {**damaged, **good}}]
    learnt = learnt_from_json(stored, clock)
    assert learnt.as_json() == [{"version": "1.43", "seen": good}]


def test_what_is_no_list_is_damaged(clock: Clock) -> None:
    with pytest.raises(DamagedRow):
        learnt_from_json({"version": "1"}, clock)


WATCHED = PlayState(watched=True, play_count=1, last_played=START)
LATER = START + timedelta(days=1)


@pytest.mark.parametrize(
    ("before", "after", "keeps"),
    [
        # Jellyfin 10.11: the flag is gone when it begins; 12.0: it stays.
        (
            WATCHED,
            PlayState(watched=False, play_count=2, last_played=LATER, begun_again=True),
            False,
        ),
        (
            WATCHED,
            PlayState(watched=True, position=60, play_count=2, last_played=LATER),
            True,
        ),
        # Nobody plays: marked again, un-marked, moved by hand, as it was.
        (WATCHED, PlayState(watched=True, play_count=2, last_played=LATER), None),
        (WATCHED, PlayState(watched=False), None),
        (WATCHED, PlayState(watched=True, position=60, last_played=START), None),
        (WATCHED, WATCHED, None),
        # It was not watched, or nothing was known of it.
        (
            PlayState(watched=False),
            PlayState(watched=True, position=60, last_played=LATER),
            None,
        ),
        (None, PlayState(watched=True, position=60, last_played=LATER), None),
    ],
)
def test_what_becomes_of_a_mark_when_a_play_begins_is_learnt(
    learnt: Learnt, before: PlayState | None, after: PlayState, *, keeps: bool | None
) -> None:
    known = {} if before is None else {FILM.item_id: before}
    learn_from_plays(learnt, known, [Reading(FILM, after)])
    assert learnt.flag(Trait.PLAY_KEEPS_FLAG) is keeps
