"""A real Home Assistant is killed while it brings servers level, and goes on."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from scripts.lib.demo.client import Client
from tests.e2e.house import VIEWER, House
from tests.fakes import library
from tests.fakes.base import FaultKind

from .test_kill import AFTER_A_KILL, PLAYED, jellyfin_plays, lane_id
from .test_level import films

pytestmark = [pytest.mark.long, pytest.mark.timeout(6 * AFTER_A_KILL)]

FILMS = 300
LONG_AGO = datetime(2024, 3, 3, 20, 15, tzinfo=UTC)
MARKED = rf"{PLAYED}|/UserData$"


@pytest.fixture
async def house(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[House]:
    monkeypatch.setattr(library, "MOVIES", (*library.MOVIES, *films(FILMS)))
    async with House(tmp_path) as house:
        yield house


async def all_read(client: Client, lanes: list[str]) -> None:
    """Wait until the libraries were read."""
    while True:
        library_ = await client.action(
            "watched_sync.get_library", {"config_entry_id": lanes}, response=True
        )
        if not library_["skipped"]:
            return
        await asyncio.sleep(2)


async def test_killed_in_the_middle_again_and_again_it_ends_the_same(
    house: House,
) -> None:
    names = [film.title for film in films(FILMS)]
    at_plex = [house.plex.rating_key(name, 1990) for name in names]
    at_jellyfin = [house.jellyfin.item_id(name, 1990) for name in names]
    for item in at_plex:
        house.plex.set_state(VIEWER, item, view_count=1, last_viewed_at=LONG_AGO)
    async with house.client() as client:
        lanes = [
            await lane_id(client, "Attic (alex)"),
            await lane_id(client, "Cellar (alex)"),
        ]
        question = {
            "config_entry_id": lanes,
            "source": lanes[0],
            "what": "watched",
            "since": "2024-03-03 00:00:00",
        }
        await all_read(client, lanes)
        # Somebody lives here: what they play makes another plan of it.
        begun = await client.action("watched_sync.level", question, response=True)
        assert begun["total"] >= FILMS
        house.jellyfin.fail(FaultKind.SLOW, path=MARKED, times=None, delay=0.1)
        while begun["batch_id"] is None:
            confirmed = {**question, "confirm": begun["plan_id"]}
            begun = await client.action("watched_sync.level", confirmed, response=True)
    batch_id = begun["batch_id"]
    for sent in (20, 130, 220):
        async with house.client() as client:
            await client.until(
                lambda _: house.jellyfin.count(MARKED) >= sent,  # noqa: B023 - called here
                f"{sent} marks on their way",
                timeout=AFTER_A_KILL,
            )
        await house.kill()
        await house.home.start()
    house.jellyfin.clear_faults()
    async with house.client() as client:
        async with asyncio.timeout(2 * AFTER_A_KILL):
            while True:
                answer = await client.action(
                    "watched_sync.level", {"batch_id": batch_id}, response=True
                )
                if answer["status"] != "running":
                    break
                await asyncio.sleep(1)
    levelling = answer["levelling"]
    assert answer["status"] == "finished"
    assert levelling["left"] == levelling["failed"] == levelling["not_found"] == 0
    assert jellyfin_plays(house, at_jellyfin) == [(True, 1)] * FILMS
    # All of it can be taken back, also what an earlier life has done.
    async with house.client() as client:
        await client.action("watched_sync.undo", {"batch_id": batch_id}, response=True)
        async with asyncio.timeout(2 * AFTER_A_KILL):
            # What a kill has interrupted is not un-marked before it is sure to be over.
            while any(played for played, _ in jellyfin_plays(house, at_jellyfin)):  # noqa: ASYNC110 - a server tells nobody
                await asyncio.sleep(1)
    assert house.complaints() == []
