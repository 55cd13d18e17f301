"""A real Home Assistant is killed: everything it accepted arrives, and once.

`kill -9` leaves no time for anything: what is not on disk is lost, and what was under
way may or may not have reached the server.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
import os
from pathlib import Path
from random import Random, SystemRandom
import sys
from typing import Any

import aiohttp
import pytest

from custom_components.watched_sync.core.doubt import PATIENCE
from scripts.lib.demo.client import Client
from tests.e2e.house import JELLYFIN, PLEX, VIEWER, House
from tests.fakes.base import FaultKind

SCROBBLE = r"^/:/scrobble$"
PLAYED = r"/UserPlayedItems/|/PlayedItems/"

#: Seconds in which all is sent after a kill. What was about to be sent may be carried
#: out yet, so that Plex is not sent it again before the patience has run out.
AFTER_A_KILL = PATIENCE.total_seconds() + 60

KILLS = 20
#: Names the seed of a run that is to be repeated.
SEED = "WATCHED_SYNC_SEED"
#: What a server may be like from one kill to the next; `dark` is no server at all.
WEATHER = (
    None,
    "dark",
    FaultKind.SLOW,
    FaultKind.APPLIED_BUT_SLOW,
    FaultKind.APPLIED_BUT_DROPPED,
)


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
            await client.until_state(
                f"sensor.{lane}_sync_status", "synced", timeout=AFTER_A_KILL
            )
            assert await client.state(f"sensor.{lane}_failed_changes") == "0"


async def drain_until(house: House, sent: int) -> None:
    """Let the queues drain until Plex was sent that many marks."""
    async with house.client() as client:
        for lane in (PLEX, JELLYFIN):
            await client.action("button.press", entity_id=f"button.{lane}_sync_now")
        await client.until(
            lambda _: house.plex.count(SCROBBLE) >= sent,
            f"{sent} marks on their way",
            timeout=AFTER_A_KILL,
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
@pytest.mark.timeout(4 * AFTER_A_KILL)
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
        await house.kill()
        assert 0 < sum(plex_plays(house, marked)) < len(marked)
        await house.home.start()

    house.plex.clear_faults()
    house.jellyfin.clear_faults()
    await all_synced(house)
    assert plex_plays(house, marked) == [1] * len(marked)
    assert plex_plays(house, spared) == [0] * len(spared)
    assert jellyfin_plays(house, other_marked) == [(True, 1)] * len(other_marked)
    assert jellyfin_plays(house, other_spared) == [(False, 0)] * len(other_spared)
    assert house.complaints() == []


@dataclass(slots=True)
class Asked:
    """What was asked for one item, in order.

    `since` holds what it may be once all has arrived: what the last accepted operation
    says, or a later one of which a kill has hidden whether it was accepted.
    """

    since: set[bool] = field(default_factory=lambda: {False})
    accepted: int = 0


class Requester:
    """Asks for random things in one lane, and remembers what was accepted."""

    def __init__(
        self, server: Any, write_paths: str, entry_id: str, rng: Random
    ) -> None:
        self.server = server
        self.entry_id = entry_id
        self._rng = rng
        self._write_paths = write_paths
        episodes = self._episodes()
        # Every other one, so that no season is marked as a whole.
        self.spared = episodes[1::2]
        self._fresh = episodes[0::2]
        self._chosen: list[str] = []
        self.asked: dict[str, Asked] = {}
        self.unsure = 0

    def _episodes(self) -> list[str]:
        title = "Grey's Anatomy"
        if hasattr(self.server, "rating_key"):
            return list(self.server.leaves(self.server.rating_key(title)))
        return list(self.server.leaves(self.server.item_id(title)))

    async def change_weather(self) -> str:
        """Become another kind of server; nobody may be connected."""
        self.server.clear_faults()
        weather = self._rng.choice(WEATHER)
        if weather == "dark":
            await self.server.go_dark()
            return "dark"
        await self.server.come_back()
        if weather is None:
            return "fine"
        self.server.fail(
            FaultKind(weather),
            path=self._write_paths,
            times=3 if weather is FaultKind.APPLIED_BUT_DROPPED else None,
            delay=0.3,
        )
        return str(weather)

    def choose(self) -> list[tuple[float, str, bool]]:
        """Return what to ask for: after how many seconds, of which item, and what.

        Mostly it is a mark of another item, and now and then a change of mind.
        """
        chosen: dict[str, bool] = {}
        for _ in range(self._rng.randint(4, 10)):
            # Of those chosen, not of those asked for: a seed must not depend on luck.
            if self._chosen and self._rng.random() < 0.3:
                item = self._rng.choice(self._chosen)
                chosen[item] = self._rng.random() < 0.5
            else:
                chosen[self._fresh.pop(0)] = True
        self._chosen.extend(item for item in chosen if item not in self._chosen)
        return [
            (self._rng.uniform(0, 1.5), item, watched)
            for item, watched in chosen.items()
        ]

    async def ask(
        self, client: Client, delay: float, item_id: str, *, watched: bool
    ) -> None:
        """Ask for one thing; a kill may come at any time."""
        await asyncio.sleep(delay)
        asked = self.asked.setdefault(item_id, Asked())
        asked.since.add(watched)
        self.unsure += 1
        await client.action(
            f"watched_sync.mark_{'watched' if watched else 'unwatched'}",
            {"item_id": item_id, "config_entry_id": self.entry_id},
        )
        self.unsure -= 1
        asked.accepted += 1
        asked.since = {watched}

    def plays(self, item_id: str) -> int:
        """Return how often the server says an item was played."""
        state = self.server.state(VIEWER, item_id)
        if hasattr(state, "view_count"):
            return int(state.view_count)
        assert state.played is (state.play_count > 0)
        return int(state.play_count)

    def on_the_way(self) -> int:
        """Return how many items do not show yet what was accepted for them."""
        return sum(
            bool(self.plays(item)) not in asked.since
            for item, asked in self.asked.items()
        )

    def check(self) -> None:
        """Fail unless all that was accepted is there, once."""
        for item, asked in self.asked.items():
            plays = self.plays(item)
            assert plays in {int(one) for one in asked.since}, (item, plays, asked)
        assert {item: self.plays(item) for item in self.spared} == dict.fromkeys(
            self.spared, 0
        )


async def ask_until_killed(
    house: House, requesters: Sequence[Requester], kill_after: float
) -> None:
    """Ask for many things, and kill Home Assistant while it works on them."""
    async with house.client() as client:
        asking = [
            asyncio.create_task(requester.ask(client, delay, item, watched=watched))
            for requester in requesters
            for delay, item, watched in requester.choose()
        ]
        await asyncio.sleep(kill_after)
        await house.home.kill()
        house.logs.append(house.home.log)
        # Who has not asked yet does not; who has no answer by now gets none.
        for one in asking:
            one.cancel()
        ended = await asyncio.gather(*asking, return_exceptions=True)
    for result in ended:
        if result is not None and not isinstance(
            result, asyncio.CancelledError | ConnectionError | aiohttp.ClientError
        ):
            raise result


@pytest.mark.long
@pytest.mark.timeout(900)
async def test_twenty_kills_at_random_points_lose_nothing_and_double_nothing(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    """The servers are slow, away or silent, and people change their minds.

    `WATCHED_SYNC_SEED=N` asks for the same things and kills after the same delays.
    """
    seed = int(os.environ.get(SEED) or SystemRandom().randrange(1_000_000))
    rng = Random(seed)

    def say(line: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n{line}")

    say(f"{KILLS} kills: {SEED}={seed}")
    async with house.client() as client:
        requesters = [
            Requester(house.plex, SCROBBLE, await lane_id(client, "Attic (alex)"), rng),
            Requester(
                house.jellyfin, PLAYED, await lane_id(client, "Cellar (alex)"), rng
            ),
        ]

    kills = unfinished = starting = 0
    weather = ["fine", "fine"]
    while kills < KILLS:
        kill_after = rng.choice((rng.uniform(0, 0.3), rng.uniform(0, 2.5)))
        await ask_until_killed(house, requesters, kill_after)
        kills += 1
        left = [requester.on_the_way() for requester in requesters]
        unfinished += any(left)
        say(
            f"kill {kills:2}: after {kill_after:.2f} s; "
            f"{' / '.join(weather)}; on the way {left[0]} / {left[1]}"
        )
        weather = [await requester.change_weather() for requester in requesters]
        await house.home.launch()
        if kills < KILLS and rng.random() < 0.25:
            delay = rng.uniform(1, 6)
            await asyncio.sleep(delay)
            await house.home.kill()
            house.logs.append(house.home.log)
            kills += 1
            starting += 1
            say(f"kill {kills:2}: {delay:.2f} s into a start; {' / '.join(weather)}")
            await house.home.launch()
        await house.home.ready()

    for requester in requesters:
        requester.server.clear_faults()
        await requester.server.come_back()
    await all_synced(house)
    accepted = sum(one.accepted for each in requesters for one in each.asked.values())
    say(
        f"accepted {accepted}, unanswered {sum(one.unsure for one in requesters)}, "
        f"kills with something on the way {unfinished}, while starting {starting}\n"
    )
    for requester in requesters:
        requester.check()
    assert accepted > KILLS
    assert unfinished
    assert house.complaints() == []
