"""Two lanes that copy to each other agree in the end, in hundreds of worlds.

A failing seed is seen again with `scripts/simulate --mirrored --seed N`.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from custom_components.watched_sync.core import copying, mirror
from custom_components.watched_sync.core.identity import Item
from custom_components.watched_sync.core.lane import Lane
from custom_components.watched_sync.core.mirror import Moves
from custom_components.watched_sync.core.play_state import PlayState, Reading
from tests.core.twins import UNWATCHED

from .mirrored import FLOORS, Mirrored, simulate
from .records import Broken
from .tally import Tally

SEEDS = 20
GROUP = 20

#: A world in which others watch hundreds of films at once.
BURST = 177

#: Worlds in which each of the seeded bugs has to show: most are forgiving, as what
#: one guard lets through another stops.
BUG_SEEDS = 400


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Worlds full of faults have much to say."""
    caplog.set_level("CRITICAL")


@pytest.mark.parametrize("first", range(0, SEEDS, GROUP))
def test_two_mirrored_lanes_agree_in_the_end(first: int) -> None:
    tally = Tally()
    for seed in range(first, first + GROUP):
        tally += simulate(seed)
    print(*tally.lines(), sep="\n")  # noqa: T201 - shown with -s, and where it fails
    # A few worlds vary: half of what many have to check, of everything.
    halves = {name: (count / 2, share / 2) for name, (count, share) in FLOORS.items()}
    assert list(tally.too_little(halves, GROUP)) == []


def test_burst_of_changes_reaches_the_other_lane() -> None:
    """One world of a hundred has such; this has one of 430 films."""
    simulate(BURST)


def _caught(first: int = 0, *, calmer: bool = False, failing: bool = False) -> str:
    """Return what the first world says in which a bug shows, from a seed on.

    *first* saves living through worlds in which a rare bug is known not to show.
    """
    for seed in range(first, first + BUG_SEEDS):
        try:
            simulate(seed, calmer=calmer, failing=failing)
        except Broken as err:
            return str(err)
    return ""


@pytest.mark.long
def test_a_move_that_is_forgotten_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Moves.settle

    def settle(moves: Moves, move: Any, target: str, skip: Any = None) -> None:
        current = moves.get(move.item.item_id)
        original(moves, current or move, target, skip)  # whatever has moved since

    monkeypatch.setattr(Moves, "settle", settle)
    monkeypatch.setattr(Moves, "offer", Moves.settle)
    # The longer moves wait, the more often they move on meanwhile.
    monkeypatch.setattr(Mirrored, "round", 20.0)
    assert "PlayState" in _caught(calmer=True, failing=True)


@pytest.mark.long
def test_an_id_that_is_trusted_for_ever_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Item, "is_still", lambda *_: True)
    assert "PlayState" in _caught(first=10)


@pytest.mark.long
def test_copying_what_is_there_already_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(copying, "verdict", lambda *_, **__: None)
    assert "were copied" in _caught(first=100, calmer=True)


def test_moves_that_are_not_stored_with_the_readings_are_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    original = Moves.__init__

    def forget(moves: Moves, _: Any, **options: Any) -> None:
        original(moves, **options)

    monkeypatch.setattr(Moves, "__init__", forget)
    # Else hardly anything waits while it is stored.
    monkeypatch.setattr(Mirrored, "round", 60.0)
    assert "PlayState" in _caught(calmer=True, failing=True)


def test_play_that_begins_taken_for_an_un_mark_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As a Jellyfin shows it that clears the flag of what is watched again."""
    monkeypatch.setattr(PlayState, "following", lambda state, _: state)
    assert "PlayState" in _caught(first=1)


def test_play_before_the_first_reading_that_is_not_copied_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As when nobody knows any more since when plays are to be copied."""
    monkeypatch.setattr(Moves, "_is_new_play", lambda *_: False)
    assert "PlayState" in _caught(first=0)


@pytest.mark.long
def test_burst_that_is_given_up_in_part_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mirror, "MOST_MOVES", 100)
    assert "burst" in _caught(first=BURST)


def test_what_is_unknown_and_passes_for_unwatched_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As of a row that a server has filled oddly."""
    learn = Lane.learn

    def guess(lane: Lane, readings: Iterable[Reading]) -> list[Reading]:
        return learn(
            lane,
            [
                replace(one, state=UNWATCHED) if one.state.watched is None else one
                for one in readings
            ],
        )

    monkeypatch.setattr(Lane, "learn", guess)
    assert "MarkUnwatched" in _caught(first=20)
