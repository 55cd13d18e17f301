"""A real Home Assistant is killed: everything it accepted arrives, and once.

`kill -9` leaves no time for anything: what is not on disk is lost, and what was under
way may or may not have reached the server.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from scripts.lib.demo.client import Client
from tests.e2e.house import JELLYFIN, PLEX, VIEWER, House
from tests.fakes.base import FaultKind

SCROBBLE = r"^/:/scrobble$"
PLAYED = r"/UserPlayedItems/|/PlayedItems/"


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with House(tmp_path, track=("Sherlock",)) as house:
        yield house


async def lane_id(client: Client, title: str) -> str:
    """Return the id of the config entry of that title."""
    entries = await client.command("config_entries/get", domain="watched_sync")
    found: str = next(one["entry_id"] for one in entries if one["title"] == title)
    return found


async def mark(client: Client, entry_id: str, items: Sequence[str]) -> None:
    """Mark items watched, all at once, and return when every action has returned."""
    await asyncio.gather(
        *(
            client.action(
                "watched_sync.mark_watched",
                {"item_id": item_id, "config_entry_id": entry_id},
            )
            for item_id in items
        )
    )


async def all_synced(house: House) -> None:
    async with house.client() as client:
        for lane in (PLEX, JELLYFIN):
            await client.action("button.press", entity_id=f"button.{lane}_sync_now")
            await client.until_state(f"sensor.{lane}_sync_status", "synced", timeout=60)
            assert await client.state(f"sensor.{lane}_failed_changes") == "0"


async def drain_until(house: House, sent: int) -> None:
    """Let the queues drain until Plex was sent that many marks."""
    async with house.client() as client:
        for lane in (PLEX, JELLYFIN):
            await client.action("button.press", entity_id=f"button.{lane}_sync_now")
        await client.until(
            lambda _: house.plex.count(SCROBBLE) >= sent,
            f"{sent} marks on their way",
            timeout=60,
        )


def plex_plays(house: House, items: Sequence[str]) -> list[int]:
    return [house.plex.state(VIEWER, item).view_count for item in items]


def jellyfin_plays(house: House, items: Sequence[str]) -> list[tuple[bool, int]]:
    states = [house.jellyfin.state(VIEWER, item) for item in items]
    return [(state.played, state.play_count) for state in states]


async def test_what_was_accepted_survives_a_kill_right_after_the_action(
    house: House,
) -> None:
    film = house.plex.rating_key("Oppenheimer")
    other = house.jellyfin.item_id("Past Lives")
    show = house.plex.leaves(house.plex.rating_key("Sherlock"), specials=False)
    wanted = [film, *show]
    async with house.client() as client:
        plex = await lane_id(client, "Attic (alex)")
        # One server is there: the mark may be anywhere when the process dies.
        await mark(client, await lane_id(client, "Cellar (alex)"), [other])
        # The other is away, so its marks are nowhere but on the disk.
        await house.plex.go_dark()
        await mark(client, plex, [film])
        await client.action("switch.turn_on", entity_id="switch.sherlock_watched")
    await house.crash()

    async with house.client() as client:
        await client.until_state(f"sensor.{PLEX}_sync_status", "offline")
        assert await client.state(f"sensor.{PLEX}_pending_changes") == "2"
        assert await client.state("switch.sherlock_watched") == "on"
    assert plex_plays(house, wanted) == [0] * len(wanted)

    await house.plex.come_back()
    await all_synced(house)
    assert plex_plays(house, wanted) == [1] * len(wanted)
    specials = house.plex.leaves(house.plex.rating_key("Sherlock", season=0))
    assert plex_plays(house, specials) == [0] * len(specials)
    assert jellyfin_plays(house, [other]) == [(True, 1)]
    assert house.jellyfin.count(PLAYED, "POST") == 1
    assert house.complaints() == []


@pytest.mark.long
@pytest.mark.parametrize("kind", [FaultKind.SLOW, FaultKind.APPLIED_BUT_SLOW])
async def test_a_queue_killed_again_and_again_while_it_drains_arrives_once(
    house: House, kind: FaultKind
) -> None:
    show = house.plex.rating_key("Grey's Anatomy")
    episodes = house.plex.leaves(show)
    # Every other one, so that no season can be marked as a whole.
    marked, spared = episodes[0:100:2], episodes[1:100:2]
    other_show = house.jellyfin.item_id("Breaking Bad")
    other_episodes = house.jellyfin.leaves(other_show)
    other_marked, other_spared = other_episodes[0:30:2], other_episodes[1:30:2]

    await house.plex.go_dark()
    await house.jellyfin.go_dark()
    async with house.client() as client:
        await mark(client, await lane_id(client, "Attic (alex)"), marked)
        await mark(client, await lane_id(client, "Cellar (alex)"), other_marked)
        assert await client.state(f"sensor.{PLEX}_pending_changes") == "50"
        assert await client.state(f"sensor.{JELLYFIN}_pending_changes") == "15"
    house.plex.fail(kind, path=SCROBBLE, times=None, delay=0.3)
    house.jellyfin.fail(kind, path=PLAYED, times=None, delay=0.3)
    await house.plex.come_back()
    await house.jellyfin.come_back()

    for sent in (8, 20, 35):
        await drain_until(house, sent)
        await house.crash()
        assert 0 < sum(plex_plays(house, marked)) < len(marked)

    house.plex.clear_faults()
    house.jellyfin.clear_faults()
    await all_synced(house)
    assert plex_plays(house, marked) == [1] * len(marked)
    assert plex_plays(house, spared) == [0] * len(spared)
    assert jellyfin_plays(house, other_marked) == [(True, 1)] * len(other_marked)
    assert jellyfin_plays(house, other_spared) == [(False, 0)] * len(other_spared)
    assert house.complaints() == []
