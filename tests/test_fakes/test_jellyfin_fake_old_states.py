"""What is shown of items that were marked through their show, or season.

Real servers were seen to show what was: 12.0 to whoever asks for one item alone, 10.11
to everybody until a cache has turned over.
"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from tests.fakes.base import FakeClock
from tests.fakes.jellyfin import TICKS_PER_SECOND

from .jellyfin_desk import Desk, open_desk

pytestmark = pytest.mark.usefixtures("socket_enabled")

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
MINUTE = 60 * TICKS_PER_SECOND


async def desk_of(profile: str) -> AsyncIterator[Desk]:
    """Open a desk whose notices come when they are asked for."""
    async with open_desk(profile, clock=FakeClock(NOON), debounce=60) as opened:
        yield opened


@pytest.fixture
async def newest() -> AsyncIterator[Desk]:
    async for desk in desk_of("12.0"):
        yield desk


@pytest.fixture
async def older() -> AsyncIterator[Desk]:
    async for desk in desk_of("10.11"):
        yield desk


def pilot(desk: Desk) -> str:
    return desk.jf.item_id("Chernobyl", season=1, episode=1)


async def mark(desk: Desk, item_id: str, *, played: bool = True) -> None:
    await (desk.alex.mark(item_id) if played else desk.alex.unmark(item_id))


async def listed(desk: Desk, item_id: str) -> bool:
    rows = (await desk.alex.read("/Items", ids=item_id))["Items"]
    return bool(rows[0]["UserData"]["Played"])


async def alone(desk: Desk, item_id: str) -> tuple[bool, bool]:
    row = await desk.alex.read(f"/Items/{item_id}")
    data = await desk.alex.read(f"/UserItems/{item_id}/UserData")
    return row["UserData"]["Played"], data["Played"]


# -- 12.0: what is asked for alone ---------------------------------------------


@pytest.mark.parametrize("season", [1, None])
async def test_mark_of_a_folder_leaves_the_old_state_of_each_item_alone(
    newest: Desk, season: int | None
) -> None:
    episode = pilot(newest)
    folder = newest.jf.item_id("Chernobyl", season=season)
    await mark(newest, folder)
    assert await listed(newest, episode)
    assert await alone(newest, episode) == (False, False)
    await mark(newest, folder, played=False)
    assert not await listed(newest, episode)
    assert await alone(newest, episode) == (False, False)


async def test_position_alone_is_filled_up_from_the_old_state(newest: Desk) -> None:
    episode = pilot(newest)
    await mark(newest, newest.jf.item_id("Chernobyl", season=1))
    await newest.alex.write(episode, PlaybackPositionTicks=20 * MINUTE)
    assert not await listed(newest, episode)
    assert newest.jf.state("alex", episode).position_ticks == 20 * MINUTE


async def test_whole_user_data_put_both_views_right(newest: Desk) -> None:
    episode = pilot(newest)
    await mark(newest, newest.jf.item_id("Chernobyl", season=1))
    await newest.alex.write(
        episode,
        Played=True,
        PlayCount=1,
        LastPlayedDate="2026-11-21T12:00:00Z",
        PlaybackPositionTicks=20 * MINUTE,
    )
    assert await listed(newest, episode)
    assert await alone(newest, episode) == (True, True)


async def test_start_of_such_an_episode_unmarks_it(newest: Desk) -> None:
    episode = pilot(newest)
    await mark(newest, newest.jf.item_id("Chernobyl", season=1))
    await newest.alex.report("", ItemId=episode, PositionTicks=0)
    assert not await listed(newest, episode)


async def test_mark_of_the_episode_itself_puts_both_views_right(newest: Desk) -> None:
    episode = pilot(newest)
    await mark(newest, newest.jf.item_id("Chernobyl", season=1))
    await mark(newest, episode)
    assert await listed(newest, episode)
    assert await alone(newest, episode) == (True, True)


async def test_older_server_has_one_view(older: Desk) -> None:
    episode = pilot(older)
    await mark(older, older.jf.item_id("Chernobyl", season=1))
    assert await listed(older, episode)
    assert await alone(older, episode) == (True, True)


# -- 10.11: what a late notice puts into the cache -------------------------------


async def marked_and_unmarked(desk: Desk, *, told_between: bool = False) -> None:
    for number in (1, 2):
        await mark(desk, desk.jf.item_id("Chernobyl", season=1, episode=number))
    if told_between:
        desk.jf.flush()
    await mark(desk, desk.jf.item_id("Chernobyl"), played=False)


async def test_late_notice_of_a_mark_has_every_read_show_what_was(older: Desk) -> None:
    episode = pilot(older)
    await marked_and_unmarked(older)
    assert not await listed(older, episode), "nothing was told yet"
    older.jf.flush()
    assert not older.jf.state("alex", episode).played
    assert await listed(older, episode)
    assert await alone(older, episode) == (True, True)
    older.jf.states.turn_over()
    assert not await listed(older, episode)


async def test_notice_in_time_leaves_nothing_behind(older: Desk) -> None:
    await marked_and_unmarked(older, told_between=True)
    older.jf.flush()
    assert not await listed(older, pilot(older))


async def test_write_to_the_episode_itself_shows_what_is(older: Desk) -> None:
    episode = pilot(older)
    await marked_and_unmarked(older)
    older.jf.flush()
    await mark(older, episode, played=False)
    assert not await listed(older, episode)


async def test_what_was_is_forgotten_once_a_hundred_others_were_read(
    older: Desk,
) -> None:
    episode = pilot(older)
    await marked_and_unmarked(older)
    older.jf.flush()
    many = older.jf.leaves(older.jf.item_id("Grey's Anatomy"))[:100]
    await older.alex.read("/Items", ids=",".join(many))
    assert not await listed(older, episode)


async def test_newest_server_shows_what_is(newest: Desk) -> None:
    await marked_and_unmarked(newest)
    newest.jf.flush()
    assert not await listed(newest, pilot(newest))
