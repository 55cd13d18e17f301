"""Playback reports at the simulated Jellyfin."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from tests.fakes.base import FakeClock
from tests.fakes.jellyfin import TICKS_PER_SECOND, JellyfinState, ResumeRules
from tests.fakes.library import SeedMovie

from .jellyfin_desk import ALL_PROFILES, Desk, authorization, open_desk

pytestmark = pytest.mark.usefixtures("socket_enabled")

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
MINUTE = 60 * TICKS_PER_SECOND
HOUR = 60 * MINUTE


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with open_desk(clock=FakeClock(NOON)) as opened:
        yield opened


def an_hour(desk: Desk) -> str:
    """Add a film of exactly one hour."""
    return desk.jf.add_movie(SeedMovie("An Hour", 2020, 60, {"imdb": "tt0000060"}))


# -- what each report does ---------------------------------------------------


async def test_f23_start_counts_and_dates_but_keeps_no_position(desk: Desk) -> None:
    film = an_hour(desk)
    assert await desk.alex.report("", ItemId=film, PositionTicks=30 * MINUTE) == 204
    assert desk.jf.state("alex", film) == JellyfinState(
        played=False, play_count=1, position_ticks=0, last_played_date=NOON
    )


async def test_f23_start_of_music_plays_it_at_once(desk: Desk) -> None:
    song = desk.jf.item_id("So What")
    await desk.alex.report("", ItemId=song, PositionTicks=0)
    assert desk.jf.state("alex", song).played


async def test_f23_progress_keeps_the_position_and_nothing_else(desk: Desk) -> None:
    film = an_hour(desk)
    status = await desk.alex.report(
        "/Progress", ItemId=film, PositionTicks=30 * MINUTE, IsPaused=True
    )
    assert status == 204
    halfway = JellyfinState(
        played=False,
        play_count=0,
        position_ticks=30 * MINUTE,
        last_played_date=None,
    )
    assert desk.jf.state("alex", film) == halfway
    assert await desk.alex.report("/Progress", ItemId=film) == 204
    assert desk.jf.state("alex", film) == halfway


async def test_f23_stop_keeps_the_position(desk: Desk) -> None:
    film = an_hour(desk)
    await desk.alex.report("", ItemId=film, PositionTicks=0)
    desk.jf.clock.advance(1800)
    await desk.alex.report("/Stopped", ItemId=film, PositionTicks=30 * MINUTE)
    assert desk.jf.state("alex", film) == JellyfinState(
        played=False, play_count=1, position_ticks=30 * MINUTE, last_played_date=NOON
    )


async def test_f23_stop_without_position_is_the_end(desk: Desk) -> None:
    film = an_hour(desk)
    await desk.alex.report("/Stopped", ItemId=film)
    assert desk.jf.state("alex", film) == JellyfinState(
        played=True, play_count=1, position_ticks=0, last_played_date=None
    )


async def test_f23_stop_near_the_end_without_a_start_counts_nothing(
    desk: Desk,
) -> None:
    film = an_hour(desk)
    await desk.alex.report("/Stopped", ItemId=film, PositionTicks=59 * MINUTE)
    assert desk.jf.state("alex", film) == JellyfinState(
        played=True, play_count=0, position_ticks=0, last_played_date=None
    )


async def test_f23_failed_stop_changes_nothing(desk: Desk) -> None:
    film = an_hour(desk)
    await desk.alex.report("", ItemId=film, PositionTicks=0)
    before = desk.jf.state("alex", film)
    await desk.alex.report("/Stopped", ItemId=film, Failed=True)
    assert desk.jf.state("alex", film) == before
    sessions = await desk.alex.read("/Sessions")
    assert "NowPlayingItem" not in sessions[0]


async def test_f23_negative_position_is_refused_at_the_stop_only(desk: Desk) -> None:
    film = an_hour(desk)
    assert await desk.alex.report("/Stopped", ItemId=film, PositionTicks=-1) == 400
    assert await desk.alex.report("/Progress", ItemId=film, PositionTicks=-1) == 204
    assert desk.jf.state("alex", film).position_ticks == -1


async def test_f23_unknown_item_is_accepted_without_effect(desk: Desk) -> None:
    for what in ("", "/Progress", "/Stopped"):
        assert await desk.alex.report(what, ItemId="0" * 31 + "1") == 204


async def test_f23_items_are_looked_up_whoever_may_see_them(desk: Desk) -> None:
    sam = desk.person("sam")
    episode = desk.jf.item_id("Chernobyl", season=1, episode=1)
    await sam.report("/Progress", ItemId=episode, PositionTicks=30 * MINUTE)
    assert desk.jf.state("sam", episode).position_ticks == 30 * MINUTE


async def test_f23_malformed_reports_are_refused(desk: Desk) -> None:
    film = an_hour(desk)
    for body in (
        {"ItemId": "nonsense"},
        {"ItemId": film, "PlayMethod": "Telepathy"},
        {"ItemId": film, "PositionTicks": "soon"},
        {"ItemId": film, "IsPaused": "perhaps"},
    ):
        assert await desk.alex.report("/Progress", **body) == 400
    reply = await desk.alex.ask("POST", "/Sessions/Playing")
    assert reply.status == 415
    stranger = desk.with_headers(authorization("0" * 32))
    assert await stranger.report("", ItemId=film) == 401


async def test_f23_session_shows_what_it_plays(desk: Desk) -> None:
    film = an_hour(desk)
    await desk.alex.report(
        "", ItemId=film, PositionTicks=5 * MINUTE, PlayMethod="DirectPlay"
    )
    desk.jf.clock.advance(60)
    (session,) = await desk.alex.read("/Sessions")
    assert session["NowPlayingItem"]["Id"] == film
    assert session["NowPlayingItem"]["ProviderIds"] == {"Imdb": "tt0000060"}
    assert "UserData" not in session["NowPlayingItem"]
    assert session["PlayState"]["PositionTicks"] == 6 * MINUTE
    assert session["UserId"] == desk.alex.id
    assert session["LastPlaybackCheckIn"] == "2026-11-21T12:00:00.0000000Z"
    await desk.alex.report("/Progress", ItemId=film, PositionTicks=0, IsPaused=True)
    desk.jf.clock.advance(60)
    (session,) = await desk.alex.read("/Sessions")
    assert session["PlayState"]["PositionTicks"] == 0
    assert session["PlayState"]["IsPaused"] is True
    assert await desk.kim.read("/Sessions") == []
    assert len(await desk.root.read("/Sessions")) == 1


# -- the algorithm -----------------------------------------------------------


@pytest.mark.parametrize(
    ("runtime", "position", "kept"),
    [
        # 5 % of an hour is 3:00, 90 % is 54:00; None means watched.
        (HOUR, 0, 0),
        (HOUR, 3 * MINUTE - 1, 0),
        (HOUR, 3 * MINUTE, 3 * MINUTE),
        (HOUR, 54 * MINUTE, 54 * MINUTE),
        (HOUR, 54 * MINUTE + 1, None),
        (HOUR, HOUR, None),
        (HOUR, 2 * HOUR, None),
        # Too short to be resumed: anything from 5 % on counts as watched.
        (299 * TICKS_PER_SECOND, 14 * TICKS_PER_SECOND, 0),
        (299 * TICKS_PER_SECOND, 15 * TICKS_PER_SECOND, None),
        (300 * TICKS_PER_SECOND, 15 * TICKS_PER_SECOND, 15 * TICKS_PER_SECOND),
        # The server does not know how long it is.
        (None, 1, None),
        (0, 0, None),
    ],
)
async def test_f24_position_decides_at_exact_boundaries(
    desk: Desk, runtime: int | None, position: int, kept: int | None
) -> None:
    film = an_hour(desk)
    desk.jf.set_runtime(film, runtime)
    await desk.alex.report("/Progress", ItemId=film, PositionTicks=position)
    state = desk.jf.state("alex", film)
    assert state.played is (kept is None)
    assert state.position_ticks == (kept or 0)


@pytest.mark.parametrize(
    ("profile", "watched"), [("10.10", False), ("10.11", True), ("12.0", True)]
)
async def test_f24_last_second_is_the_end_since_10_11(
    profile: str, *, watched: bool
) -> None:
    # With the settings of a fresh server, 90 % always comes first.
    rules = ResumeRules(max_percent=100)
    async with open_desk(profile) as desk:
        desk.jf.resume_rules = rules
        film = an_hour(desk)
        last_second = HOUR - TICKS_PER_SECOND
        await desk.alex.report("/Progress", ItemId=film, PositionTicks=last_second - 1)
        assert not desk.jf.state("alex", film).played
        await desk.alex.report("/Progress", ItemId=film, PositionTicks=last_second)
        assert desk.jf.state("alex", film).played is watched
        await desk.alex.report("/Progress", ItemId=film, PositionTicks=HOUR)
        assert desk.jf.state("alex", film).played


async def test_f24_rewinding_a_watched_item_leaves_it_watched(desk: Desk) -> None:
    film = an_hour(desk)
    await desk.alex.mark(film)
    await desk.alex.report("/Progress", ItemId=film, PositionTicks=10 * MINUTE)
    state = desk.jf.state("alex", film)
    assert (state.played, state.position_ticks) == (True, 10 * MINUTE)
    await desk.alex.report("/Progress", ItemId=film, PositionTicks=0)
    state = desk.jf.state("alex", film)
    assert (state.played, state.position_ticks) == (True, 0)


async def test_f24_trailers_and_music_keep_no_position(desk: Desk) -> None:
    for title in ("Official Trailer", "So What"):
        item = desk.jf.item_id(title)
        desk.jf.set_runtime(item, HOUR)
        await desk.alex.report("/Progress", ItemId=item, PositionTicks=30 * MINUTE)
        assert desk.jf.state("alex", item).position_ticks == 0


@pytest.mark.parametrize(
    ("profile", "played"), [("10.10", False), ("10.11", False), ("12.0", True)]
)
async def test_f25_starting_a_watched_film_again_by_version(
    profile: str, *, played: bool
) -> None:
    async with open_desk(profile) as desk:
        film = an_hour(desk)
        await desk.alex.mark(film)
        await desk.alex.report("", ItemId=film, PositionTicks=0)
        state = desk.jf.state("alex", film)
        assert (state.played, state.play_count) == (played, 2)


# -- players that fall silent ------------------------------------------------


@pytest.mark.parametrize(
    ("profile", "position"), [("10.10", 16), ("10.11", 16), ("12.0", 10)]
)
async def test_f26_silent_player_is_stopped_after_five_minutes(
    profile: str, position: int
) -> None:
    async with open_desk(profile) as desk:
        film = an_hour(desk)
        await desk.alex.report("", ItemId=film, PositionTicks=0)
        await desk.alex.report("/Progress", ItemId=film, PositionTicks=10 * MINUTE)
        desk.jf.clock.advance(300)
        await desk.jf.tick()
        (session,) = await desk.alex.read("/Sessions")
        assert "NowPlayingItem" in session
        desk.jf.clock.advance(60)
        await desk.jf.tick()
        (session,) = await desk.alex.read("/Sessions")
        assert "NowPlayingItem" not in session
        assert desk.jf.state("alex", film).position_ticks == position * MINUTE


@pytest.mark.parametrize(
    ("profile", "played"), [("10.10", True), ("10.11", True), ("12.0", False)]
)
async def test_f26_silence_may_count_as_watched_before_12(
    profile: str, *, played: bool
) -> None:
    async with open_desk(profile) as desk:
        film = an_hour(desk)
        await desk.alex.report("", ItemId=film, PositionTicks=50 * MINUTE)
        desk.jf.clock.advance(360)
        await desk.jf.tick()
        assert desk.jf.state("alex", film).played is played


async def test_f26_paused_player_stays_where_it_is(desk: Desk) -> None:
    film = an_hour(desk)
    await desk.alex.report(
        "/Progress", ItemId=film, PositionTicks=50 * MINUTE, IsPaused=True
    )
    desk.jf.clock.advance(360)
    await desk.jf.tick()
    state = desk.jf.state("alex", film)
    assert (state.played, state.position_ticks) == (False, 50 * MINUTE)


@pytest.mark.parametrize("profile", ALL_PROFILES)
async def test_f26_player_that_never_told_a_position_finished(profile: str) -> None:
    async with open_desk(profile) as desk:
        film = an_hour(desk)
        await desk.alex.report("", ItemId=film)
        desk.jf.clock.advance(360)
        await desk.jf.tick()
        state = desk.jf.state("alex", film)
        assert (state.played, state.play_count) == (True, 2)


# -- another client ----------------------------------------------------------


async def test_another_client_plays_and_stops(desk: Desk) -> None:
    film = an_hour(desk)
    session = await desk.jf.play("alex", film)
    await desk.jf.play("alex", film, position_ticks=20 * MINUTE)
    assert desk.jf.state("alex", film).play_count == 1
    found = {one["Id"]: one for one in await desk.alex.read("/Sessions")}
    assert found[session.id]["DeviceName"] == "Living Room TV"
    assert found[session.id]["NowPlayingItem"]["Id"] == film
    await desk.jf.stop_playing("alex", position_ticks=55 * MINUTE)
    state = desk.jf.state("alex", film)
    assert (state.played, state.position_ticks) == (True, 0)
