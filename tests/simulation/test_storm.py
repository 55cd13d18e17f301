"""A person who cannot decide: a thousand storms end with the last operations."""

from typing import Any

import pytest

from custom_components.watched_sync.core.delivery import Delivery
from custom_components.watched_sync.core.recent import Recent
from tests.core.twins import ModelServer

from .records import Broken
from .storm import simulate

SEEDS = 500
GROUP = 50

#: The storms of every run; the others are those of the long one.
IN_EVERY_RUN = 150

#: Storms in which each of the seeded bugs has to show.
BUG_SEEDS = 100


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("CRITICAL")


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(first, marks=[] if first < IN_EVERY_RUN else pytest.mark.long)
        for first in range(0, SEEDS, GROUP)
    ],
)
@pytest.mark.parametrize("profile", ["10.11", "12.0"])
def test_a_storm_ends_with_the_last_operations(profile: str, first: int) -> None:
    for seed in range(first, first + GROUP):
        simulate(seed, profile)


def test_a_storm_over_plex_ends_with_the_last_operations() -> None:
    for seed in range(GROUP):
        simulate(seed, "plex")


def _caught(profile: str) -> str:
    """Return what the first storm says in which a bug shows."""
    for seed in range(BUG_SEEDS):
        try:
            simulate(seed, profile)
        except Broken as err:
            return str(err)
    pytest.fail("the bug went unnoticed")


def _mark_containers_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Un-mark by a season or show what was marked by itself a moment ago."""
    monkeypatch.setattr(Recent, "written_alone", lambda _: frozenset())


def test_what_was_is_not_believed_where_it_is_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As if somebody else had marked, or another client un-marked."""
    _mark_containers_at_once(monkeypatch)
    for seed in range(GROUP):
        simulate(seed, "10.11")


@pytest.mark.long
def test_believing_what_was_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    _mark_containers_at_once(monkeypatch)
    monkeypatch.setattr(Recent, "contradicts", lambda *_: None)
    monkeypatch.setattr(Recent, "doubt", lambda *_: False)
    assert "was wanted watched" in _caught("10.11")


def test_an_old_state_left_behind_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def believe(*_: Any) -> bool:
        return True

    monkeypatch.setattr(ModelServer, "is_whole", believe)
    assert "by itself" in _caught("12.0")


def test_user_data_filled_up_from_an_old_state_are_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Positions are written alone, after marks of seasons."""

    async def believe(*_: Any) -> bool:
        return True

    def fill_up(server: ModelServer, item_id: str, *_: Any) -> None:
        server.states[item_id] = server.alone.get(item_id, server.states[item_id])
        server.written_to(item_id)

    monkeypatch.setattr(ModelServer, "is_whole", believe)
    monkeypatch.setattr(ModelServer, "as_jellyfin_client", fill_up)
    story = _caught("12.0")
    assert "was wanted watched at 900 s, is unwatched" in story


def test_two_writes_to_one_item_at_once_are_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    send = Delivery._send

    async def twice(self: Delivery, writes: Any, *fresh_until: float) -> Any:
        return await send(self, [*writes, *writes], *fresh_until)

    monkeypatch.setattr(Delivery, "_send", twice)
    assert "written to twice at once" in _caught("12.0")
