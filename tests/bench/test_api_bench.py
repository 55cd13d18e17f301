"""What a page of the panel costs where two servers have 101,000 items each.

The commands are called as the websocket calls them, without the socket. Times are of
the processor, of all threads of this process, so that other programs count little.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
import gc
from itertools import batched
import os
import platform
import sys
from time import perf_counter, process_time, thread_time
from typing import Any

from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.watched_sync.browsing.pages import (
    async_item,
    async_library,
    async_show,
)
from custom_components.watched_sync.browsing.shelves import Shelves
from custom_components.watched_sync.browsing.whose import Audience
from custom_components.watched_sync.core.catalogue import Progress
from custom_components.watched_sync.core.identity import Item, MediaKind
from custom_components.watched_sync.core.play_state import Reading
from custom_components.watched_sync.core.works import Order, Standing, WorkFilter
from tests.common import MOVIE, MemoryServer, setup_lane

from .large_library import readings
from .meter import StallMeter, held_memory
from .table import Result, Table, milliseconds

pytestmark = [pytest.mark.bench, pytest.mark.timeout(900)]

COLUMN = "panel"
ASKED = 20
#: Milliseconds in which a page is to be answered.
AIM = 50


@pytest.fixture(scope="module")
def table() -> Iterator[Table]:
    """Everything measured; printed at the end."""
    made = Table((COLUMN,))
    yield made
    about = f"Python {platform.python_version()}, {os.cpu_count()} processors"
    load = os.getloadavg()[0]
    sys.stdout.write(f"\n\n{about}, load {load:.1f} at the end\n\n{made}\n")


def elsewhere(one: Reading) -> Reading:
    """Return a reading of the same work on another server."""
    item = one.item

    def other(item_id: str | None) -> str | None:
        return item_id and f"x{item_id}"

    moved = replace(
        item,
        item_id=f"x{item.item_id}",
        show_id=other(item.show_id),
        season_id=other(item.season_id),
        library_id=other(item.library_id),
    )
    return replace(one, item=moved)


async def a_lane(
    hass: HomeAssistant, number: int, change: Callable[[Reading], Reading]
) -> MockConfigEntry:
    """Set up a lane whose catalogue knows the large library."""
    server = MemoryServer(
        [MOVIE], server_id=f"server-{number}", user_id=f"user-{number}"
    )
    entry = await setup_lane(hass, server, entry_id=f"lane{number}")
    # The server itself has next to nothing: it must not be read.
    entry.runtime_data.inventory_task.cancel()
    catalogue = entry.runtime_data.catalogue
    made = batched(map(change, readings()), 1_000, strict=False)
    while page := await asyncio.to_thread(next, made, ()):
        await catalogue.keep(page, 1)
    await catalogue.note(Progress(finished_at=datetime.now(UTC)))
    return entry


@contextmanager
def collections() -> Iterator[list[float]]:
    """Note how many seconds each collection of Python's garbage takes.

    A whole one goes over all that the process holds, whosever it is.
    """
    took: list[float] = []
    began = 0.0

    def note(phase: str, _: dict[str, int]) -> None:
        nonlocal began
        if phase == "start":
            began = thread_time()
        else:
            took.append(thread_time() - began)

    gc.callbacks.append(note)
    try:
        yield took
    finally:
        gc.callbacks.remove(note)


async def timed(
    ask: Callable[[int], Awaitable[Any]], count: int = ASKED
) -> list[float]:
    """Return how many seconds each of several questions took."""
    took: list[float] = []
    for number in range(count):
        began = process_time()
        await ask(number)
        took.append(process_time() - began)
    return took


async def test_pages(hass: HomeAssistant, table: Table) -> None:
    """Open the panel for the first time, page through it, search, and follow a mark."""
    hass.loop.set_debug(False)
    entries = [
        await a_lane(hass, 1, lambda one: one),
        await a_lane(hass, 2, elsewhere),
    ]
    looking = Audience(None, entries, entries)
    shelves = Shelves(hass)
    known = list(readings())
    films: list[Item] = [one.item for one in known if one.item.kind is MediaKind.MOVIE]
    shows = [one.item for one in known if one.item.kind is MediaKind.SHOW]

    def add(row: str, aim: str, result: Result) -> None:
        table.add(row, aim, COLUMN, result)

    async def library(wanted: WorkFilter, **more: Any) -> Any:
        asked = {"query": None, "libraries": None, "start": 0, "limit": 50} | more
        return await async_library(hass, shelves, looking, wanted, **asked)

    before = held_memory()
    with StallMeter() as meter, collections() as collected:
        began = perf_counter()
        [order] = await timed(lambda _: shelves.async_view(looking), 1)
        waited = perf_counter() - began
    add("put in order after a start", "", Result(f"{order:.2f} s"))
    add("the same by the clock", "", Result(f"{waited:.2f} s"))
    stall = meter.longest.cpu * 1000
    add("longest step of the loop meanwhile", "20 ms", Result(f"{stall:.1f} ms"))
    longest = max(collected, default=0) * 1000
    add("longest garbage collection meanwhile", "", Result(f"{longest:.1f} ms"))
    add("memory it takes", "", Result(f"{held_memory() - before:.1f} MiB"))
    first = await timed(lambda _: library(WorkFilter()), 1)
    add("the first page then", f"{AIM} ms", milliseconds(first, AIM))
    found = await library(WorkFilter())
    assert found["total"] == len(films) + len(shows)

    pages = await timed(lambda number: library(WorkFilter(), start=number * 500))
    add("a page", f"{AIM} ms", milliseconds(pages, AIM))
    kinds = frozenset((MediaKind.MOVIE,))
    filters = [
        WorkFilter(kinds=kinds, standing=standing, order=order, descending=descending)
        for standing in Standing
        for order in (Order.YEAR, Order.LAST_PLAYED)
        for descending in (False, True)
    ]
    took = await timed(lambda number: library(filters[number]), len(filters))
    add("a filter of 10,000 films", f"{AIM} ms", milliseconds(took, AIM))
    took = await timed(lambda number: library(WorkFilter(), query=films[number].title))
    add("a search", f"{AIM} ms", milliseconds(took, AIM))
    refs = [f"movie.imdb.{one.provider_ids.imdb}" for one in films[:ASKED]]
    took = await timed(lambda number: async_item(hass, shelves, looking, refs[number]))
    add("one film", f"{AIM} ms", milliseconds(took, AIM))
    refs = [f"item.lane1.{one.item_id}" for one in shows[:ASKED]]
    took = await timed(lambda number: async_show(hass, shelves, looking, refs[number]))
    add("a show with 90 episodes on both", f"{AIM} ms", milliseconds(took, AIM))

    lane = entries[0].runtime_data.lane
    watched = [one for one in known if one.item.kind is MediaKind.EPISODE]

    async def changed(number: int) -> None:
        one = watched[number * 100]
        flag = not one.state.watched
        await lane.take_in([replace(one, state=replace(one.state, watched=flag))])
        await library(WorkFilter(standing=Standing.IN_PROGRESS))

    took = await timed(changed)
    add("a page after an episode changed", f"{AIM} ms", milliseconds(took, AIM))
