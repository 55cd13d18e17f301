"""The storm and the pair of Jellyfins once more, with the real client over TCP."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from custom_components.watched_sync.core.play_state import PlayState
from custom_components.watched_sync.core.recent import Recent
from custom_components.watched_sync.servers import transport
from custom_components.watched_sync.servers.jellyfin.client import JellyfinClient
from tests.core.virtual import VirtualClock

from .over_http import simulate_pair, simulate_storm
from .pair import PROFILES
from .records import Broken

#: Worlds of each kind, which cost far more than those with servers in memory; with
#: `--long` there are more.
STORMS = 10
LONG_STORMS = 210
STORMS_AT_ONCE = 25
PAIRS = 2
LONG_PAIRS = 32
PAIRS_AT_ONCE = 5

#: Worlds in which each of the seeded bugs has to show.
BUG_SEEDS = 30

#: Operations after most of which a Jellyfin of 10.11 may show what was.
HASTY = ("mark", "mark", "mark", "untree")

#: The two ways of mirroring between the versions, which have most to go wrong.
MIXED = PROFILES[:2]

pytestmark = pytest.mark.usefixtures("socket_enabled")

ON_EACH = pytest.mark.parametrize("profile", ["10.11", "12.0", "emby"])


@pytest.fixture(autouse=True)
def _virtual(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the clients go by the virtual clock as well, and log nothing."""
    caplog.set_level("CRITICAL")
    monkeypatch.setattr(transport, "_utc_now", VirtualClock().now)


@ON_EACH
def test_a_storm_ends_with_the_last_operations(profile: str) -> None:
    for seed in range(STORMS):
        simulate_storm(seed, profile)


@pytest.mark.parametrize("profiles", MIXED, ids="-".join)
def test_two_servers_are_equal_in_the_end(profiles: tuple[str, str]) -> None:
    for seed in range(PAIRS):
        simulate_pair(seed, profiles)


def test_mark_with_an_old_date_is_copied() -> None:
    """After the un-mark of a season a mark of one episode keeps the date before it."""
    simulate_pair(38, MIXED[1])


@pytest.mark.long
@ON_EACH
@pytest.mark.parametrize("first", range(STORMS, LONG_STORMS, STORMS_AT_ONCE))
def test_many_storms_end_with_the_last_operations(profile: str, first: int) -> None:
    for seed in range(first, first + STORMS_AT_ONCE):
        simulate_storm(seed, profile)


@pytest.mark.long
@pytest.mark.parametrize("profiles", PROFILES, ids="-".join)
@pytest.mark.parametrize("first", range(PAIRS, LONG_PAIRS, PAIRS_AT_ONCE))
def test_two_servers_are_equal_many_times(
    profiles: tuple[str, str], first: int
) -> None:
    for seed in range(first, first + PAIRS_AT_ONCE):
        simulate_pair(seed, profiles)


def _caught(simulate: Callable[..., None], *world: Any) -> str:
    """Return what the first world says in which a bug shows."""
    for seed in range(BUG_SEEDS):
        try:
            simulate(seed, *world)
        except Broken as err:
            return str(err)
    pytest.fail("the bug went unnoticed")


async def _believe(*_: Any) -> bool:
    return True


def _mark_containers_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Un-mark by a season or show what was marked by itself a moment ago."""
    monkeypatch.setattr(Recent, "written_alone", lambda _: frozenset())


@pytest.mark.long
def test_what_was_is_not_believed_where_it_is_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _mark_containers_at_once(monkeypatch)
    for seed in range(STORMS):
        simulate_storm(seed, "10.11", HASTY)


def test_believing_what_was_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    _mark_containers_at_once(monkeypatch)
    monkeypatch.setattr(Recent, "contradicts", lambda *_: None)
    monkeypatch.setattr(Recent, "doubt", lambda *_: False)
    assert "was wanted watched" in _caught(simulate_storm, "10.11", HASTY)


def test_an_old_state_left_behind_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(JellyfinClient, "is_whole", _believe)
    assert "by itself" in _caught(simulate_storm, "12.0")


def test_positions_written_alone_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server fills up what is not named, from an old state after some marks."""
    send = JellyfinClient._send

    async def send_position(
        client: JellyfinClient, method: str, path: str, **rest: Any
    ) -> None:
        body: Mapping[str, Any] | None = rest.get("body")
        if body is not None:
            name = "PlaybackPositionTicks"
            rest["body"] = {name: body[name]}
        await send(client, method, path, **rest)

    monkeypatch.setattr(JellyfinClient, "is_whole", _believe)
    monkeypatch.setattr(JellyfinClient, "_send", send_position)
    story = _caught(simulate_storm, "12.0")
    assert "was wanted watched at 900 s, is unwatched" in story


@pytest.mark.long
def test_play_that_begins_taken_for_an_un_mark_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(PlayState, "following", lambda state, _: state)
    assert "PlayState" in _caught(simulate_pair, MIXED[0])


@pytest.mark.long
def test_play_counted_again_with_every_position_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write = JellyfinClient._set_user_data

    async def count(client: JellyfinClient, key: str, state: PlayState) -> None:
        await write(client, key, replace(state, play_count=state.play_count + 1))

    monkeypatch.setattr(JellyfinClient, "_set_user_data", count)
    assert "was begun" in _caught(simulate_pair, MIXED[0])
