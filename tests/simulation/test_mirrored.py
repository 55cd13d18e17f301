"""Two lanes that copy to each other agree in the end, in hundreds of worlds."""

from typing import Any

import pytest

from custom_components.watched_sync.core import copying
from custom_components.watched_sync.core.mirror import Moves

from .mirrored import simulate
from .world import Broken

SEEDS = 100
GROUP = 25

#: Worlds in which each of the seeded bugs has to show.
BUG_SEEDS = range(300)


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Worlds full of faults have much to say."""
    caplog.set_level("CRITICAL")


@pytest.mark.parametrize("first", range(0, SEEDS, GROUP))
def test_two_mirrored_lanes_agree_in_the_end(first: int) -> None:
    for seed in range(first, first + GROUP):
        simulate(seed)


def _caught() -> str:
    """Return what the first world says in which a bug shows."""
    for seed in BUG_SEEDS:
        try:
            simulate(seed)
        except Broken as err:
            return str(err)
    return ""


def test_a_move_that_is_forgotten_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Moves.settle

    def settle(moves: Moves, move: Any, target: str, skip: Any = None) -> None:
        current = moves.get(move.item.item_id)
        original(moves, current or move, target, skip)  # whatever has moved since

    monkeypatch.setattr(Moves, "settle", settle)
    monkeypatch.setattr(Moves, "offer", Moves.settle)
    assert "PlayState" in _caught()


def test_copying_while_a_wish_is_under_way_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def ready(copier: Any, target_id: str) -> list[Any]:
        return [move for move in copier._moves if target_id in move.before]

    monkeypatch.setattr(copying.Copier, "_ready", ready)
    monkeypatch.setattr(copying, "cause_of", lambda *_: None)
    assert _caught()
