"""Pitfalls of tools that synchronise watched states, where no other test shows one.

docs/pitfalls.md lists all of them, with the test for each.
"""

import ast
import asyncio
from dataclasses import replace
import json
from pathlib import Path

from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.watched_sync.const import DOMAIN
from custom_components.watched_sync.core.lane import LaneUpdate
from custom_components.watched_sync.core.operation import MarkWatched
from custom_components.watched_sync.runtime import Request
from tests.common import SHOW, MemoryServer, drained, episode, setup_lane

from .house import (
    ONE_PLAY,
    USER,
    JellyfinSide,
    Side,
    act,
    runtime_of,
)
from .machine import TimeMachine

COMPONENT = Path(__file__).parents[2] / "custom_components" / DOMAIN

#: Seconds after which what a server told must have been dealt with.
NOTICED = 40.0

#: Bytes of attributes beyond which the recorder stores none of them.
MOST_ATTRIBUTES = 16_384

#: Libraries that hold the event loop up while they wait for an answer.
BLOCKING = {"http", "jellyfin_apiclient_python", "plexapi", "requests", "urllib3"}


async def look_at_everything(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Have a lane read all it knows, as after an outage."""
    await runtime_of(entry).coordinator.catch_up()
    await hass.async_block_till_done()


async def test_p01_echo_of_300_marks_is_no_news_and_no_write(
    hass: HomeAssistant, jellyfin: JellyfinSide, machine: TimeMachine
) -> None:
    show = jellyfin.show("Grey's Anatomy")
    entry = await jellyfin.connect(hass, show)
    runtime = runtime_of(entry)
    # The server tells of our marks long after we know them by reading.
    jellyfin.server._debounce = 10 * NOTICED
    await act(hass, "mark_watched", item_id=show.item_id, confirm=True)
    await drained(hass, entry)
    machine.running = True
    await asyncio.sleep(NOTICED)
    leaves = set(jellyfin.leaves(show.item_id))
    assert len(leaves) >= 300
    writes = list(jellyfin.writes)
    (socket,) = jellyfin.server.sockets
    published: list[None] = []
    known = {one.item.item_id: one for one in runtime.lane.ledger}
    moved: list[str] = []

    def hear(update: LaneUpdate) -> None:
        for reading in update.readings:
            item_id = reading.item.item_id
            if item_id in leaves and reading.state != known[item_id].state:
                moved.append(item_id)

    runtime.coordinator.async_add_listener(lambda: published.append(None))
    runtime.lane.add_listener(hear)
    jellyfin.server.flush()
    await asyncio.sleep(NOTICED)
    told = {
        row["ItemId"]
        for message in socket.sent
        if message["MessageType"] == "UserDataChanged"
        for row in message["Data"]["UserDataList"]
    }
    assert leaves <= told, "the echo was not sent at all"
    assert moved == []
    assert len(published) <= 1
    assert jellyfin.writes == writes
    assert {jellyfin.seen(leaf) for leaf in leaves} == {ONE_PLAY}


async def test_p03_copy_that_comes_back_unseen_changes_nothing_elsewhere(
    hass: HomeAssistant, side: Side
) -> None:
    film = side.film("Arrival")
    for user in ("alex", "kim"):
        await side.put(film.item_id, plays=2, user=user, at=side.server.clock())
    entry = await side.connect(hass, film)
    side.remove(film.item_id)
    await look_at_everything(hass, entry)
    new_id = side.put_back(film.item_id)
    await side.put(new_id, plays=0)
    before = side.all_seen()
    await look_at_everything(hass, entry)
    await act(hass, "sync_now")
    await look_at_everything(hass, entry)
    assert side.writes == []
    assert side.all_seen() == before
    # It has no opinion, but it can be told.
    await act(hass, "mark_watched", item_id=new_id)
    await drained(hass, entry)
    assert side.marks() == [("watched", new_id)]
    assert side.all_seen() == {**before, (USER, new_id): ONE_PLAY}


async def test_p07_connecting_restarting_and_reading_write_nothing(
    hass: HomeAssistant, side: Side
) -> None:
    long_ago = side.server.clock().replace(year=2001)
    for title in ("Arrival", "Alien"):
        await side.put(side.item_id(title), plays=3, at=long_ago)
    for leaf in side.leaves(side.item_id("Severance"))[:5]:
        await side.put(leaf, position=600, at=long_ago)
    before = side.all_seen()
    entry = await side.connect(hass, side.film("Arrival"), side.show("Severance"))
    await look_at_everything(hass, entry)
    assert await hass.config_entries.async_reload(entry.entry_id)
    await act(hass, "sync_now")
    await look_at_everything(hass, entry)
    assert side.writes == []
    assert side.all_seen() == before
    assert side.last_played(side.item_id("Arrival")) == long_ago


async def test_p27_attributes_stay_small_whatever_waits(hass: HomeAssistant) -> None:
    items = [
        replace(episode(1, number), title="A Very Long Title, " * 12)
        for number in range(1, 29)
    ]
    server = MemoryServer([SHOW, *items])
    server.up_next_ids = [item.item_id for item in items]
    entry = await setup_lane(hass, server, subentries=[SHOW])
    server.go_down()
    await entry.runtime_data.async_submit(
        [Request(item, MarkWatched()) for item in items]
    )
    await hass.async_block_till_done()
    sizes = {}
    for state in hass.states.async_all():
        assert state.state_info is not None
        recorded = {
            name: value
            for name, value in state.attributes.items()
            if name not in state.state_info["unrecorded_attributes"]
        }
        sizes[state.entity_id] = len(json.dumps(recorded, default=str))
    assert len(sizes) > 10
    assert max(sizes.values()) < MOST_ATTRIBUTES / 4


def test_p28_nothing_holds_the_event_loop_up() -> None:
    imported = set()
    for source in COMPONENT.rglob("*.py"):
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                imported.add((node.module or "").partition(".")[0])
    assert {"aiohttp", "asyncio"} <= imported
    assert not imported & BLOCKING
    # Without other people's libraries there are no other people's threads.
    manifest = json.loads((COMPONENT / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["requirements"] == []
