"""Two Jellyfins of any versions are equal after a minute in which much has happened."""

from dataclasses import replace
from typing import Any

import pytest

from custom_components.watched_sync.core.copying import Copier
from custom_components.watched_sync.core.mirror import Move
from custom_components.watched_sync.core.play_state import PlayState
from tests.core.twins import ModelServer

from .pair import PROFILES, simulate
from .records import Broken

#: Worlds of each two versions; with `--long` there are a thousand in all.
SEEDS = 15
LONG_SEEDS = 250
GROUP = 44

#: Worlds in which each of the seeded bugs has to show.
BUG_SEEDS = 100

type Profiles = tuple[str, str]

BOTH = pytest.mark.parametrize("profiles", PROFILES, ids="-".join)


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("CRITICAL")


@BOTH
def test_two_servers_are_equal_in_the_end(profiles: Profiles) -> None:
    for seed in range(SEEDS):
        simulate(seed, profiles)


@pytest.mark.long
@BOTH
@pytest.mark.parametrize("first", range(SEEDS, LONG_SEEDS, GROUP))
def test_two_servers_are_equal_a_thousand_times(profiles: Profiles, first: int) -> None:
    for seed in range(first, first + GROUP):
        simulate(seed, profiles)


def _caught(*profiles: Profiles, first: int = 0) -> str:
    """Return what the first world says in which a bug shows, from a seed on."""
    for seed in range(first, first + BUG_SEEDS):
        for one in profiles:
            try:
                simulate(seed, one)
            except Broken as err:
                return str(err)
    pytest.fail("the bug went unnoticed")


def test_play_that_begins_taken_for_an_un_mark_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(PlayState, "following", lambda state, _: state)
    assert "PlayState" in _caught(("10.11", "12.0"))


def test_play_counted_again_with_every_position_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A position goes with the play count, which nobody may raise."""
    write = ModelServer.as_jellyfin_client

    def count(server: ModelServer, item_id: str, change: Any, state: PlayState) -> None:
        write(server, item_id, change, replace(state, play_count=state.play_count + 1))

    monkeypatch.setattr(ModelServer, "as_jellyfin_client", count)
    assert "was begun" in _caught(*PROFILES)


@pytest.mark.long
def test_change_taken_back_while_it_is_handed_over_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What waited to be copied is back where it was, and the copy is on its way."""
    monkeypatch.setattr(Move, "told", property(lambda move: move.before))
    assert "PlayState" in _caught(("12.0", "10.11"), first=330)


def test_copy_that_gives_way_without_a_word_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was asked for instead was true already: nothing moves."""
    monkeypatch.setattr(Copier, "_note_passed_over", lambda *_: None)
    assert "PlayState" in _caught(("12.0", "10.11"))
