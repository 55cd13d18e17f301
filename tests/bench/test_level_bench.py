"""What a plan costs that would bring two large libraries level.

Catalogues on disk are real. Times are of the processor, so that other programs on the
machine count little; a slice is what is done before anything else gets a turn.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import batched, islice
import os
from pathlib import Path
import platform
from random import Random
import sys
from time import process_time, thread_time

import pytest

from custom_components.watched_sync.catalogue_store import CatalogueStore
from custom_components.watched_sync.core.identity import Item, MediaKind
from custom_components.watched_sync.core.leaf import LibraryPage
from custom_components.watched_sync.core.level.plan import Plan, Question, Side
from custom_components.watched_sync.core.level.planner import Planner
from custom_components.watched_sync.core.play_state import PlayState, Reading
from custom_components.watched_sync.core.ports import Capabilities
from tests.core.samples import at

from . import large_library
from .meter import held_memory, memory
from .table import Result, Table

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1_800)]

SERVER = Capabilities(concurrency=4, repeat_safe=True, keeps_watched_at=True)
DIFFERING = 4_000
PAGE = 250
NOW = at(10**9)


@dataclass(frozen=True, slots=True)
class Size:
    """A library: how many items of `large_library` it holds, and what it may cost."""

    name: str
    rows: int
    seconds: float


FILMS = Size("10,000 films a side", large_library.FILMS, 2)
SHOWS = Size("10,000 films, 300 shows a side", large_library.FILMS + 300 * 91, 2)
ALL = Size("100,000 a side", large_library.FILMS + large_library.SHOWS * 91, 10)


@pytest.fixture(scope="module")
def table() -> Iterator[Table]:
    """Everything measured; printed at the end."""
    made = Table((FILMS.name, SHOWS.name, ALL.name))
    yield made
    about = f"Python {platform.python_version()}, {os.cpu_count()} processors"
    load = os.getloadavg()[0]
    sys.stdout.write(f"\n\n{about}, load {load:.1f} at the end\n\n{made}\n")


def elsewhere(reading: Reading, *, differs: bool) -> Reading:
    """Return the same work on another server, under other ids."""

    def other(item_id: str | None) -> str | None:
        return item_id and item_id[::-1]

    item: Item = replace(
        reading.item,
        item_id=reading.item.item_id[::-1],
        show_id=other(reading.item.show_id),
        season_id=other(reading.item.season_id),
    )
    state = reading.state
    if differs:
        state = PlayState(watched=not state.watched, last_played=at(0))
    return replace(reading, item=item, state=state)


async def filled(folder: Path, size: Size) -> tuple[CatalogueStore, CatalogueStore]:
    """Return the catalogues of two libraries of which so many items differ."""
    first, second = CatalogueStore(folder / "a"), CatalogueStore(folder / "b")
    chance = Random(1)
    leaves = size.rows - size.rows // 100
    for page in batched(
        islice(large_library.readings(), size.rows), PAGE, strict=False
    ):
        await first.keep(page, 1)
        await second.keep(
            [
                elsewhere(
                    one,
                    differs=one.item.kind is not MediaKind.SHOW
                    and chance.random() < DIFFERING / leaves,
                )
                for one in page
            ],
            1,
        )
    return first, second


@pytest.mark.parametrize("size", [FILMS, SHOWS, ALL], ids=lambda size: size.name)
async def test_plan(table: Table, tmp_path: Path, size: Size) -> None:
    """Read both catalogues page by page, and plan."""
    stores = await filled(tmp_path, size)
    sides = [Side(side_id=name, capabilities=SERVER) for name in "ab"]
    planner = Planner(sides, Question(), now=NOW)
    before = held_memory()
    most = longest = took_in = planned = 0.0
    plan, slices = None, 0

    def take_in(side: Side, page: LibraryPage) -> None:
        nonlocal took_in, longest
        slice_began = thread_time()
        planner.take_in(side.side_id, page)
        took = thread_time() - slice_began
        took_in += took
        longest = max(longest, took)

    began = process_time()
    for side, store in zip(sides, stores, strict=True):
        take_in(side, LibraryPage.of((await store.shows()).values()))
        start: int | None = 0
        while start is not None:
            part = await store.leaves(start)
            take_in(side, LibraryPage(part.leaves))
            start = part.next_start
    read = process_time() - began
    most = max(most, memory() - before)

    making = planner.plan()
    while plan is None:
        slice_began = thread_time()
        try:
            next(making)
        except StopIteration as done:
            plan = done.value
        took = thread_time() - slice_began
        planned += took
        longest = max(longest, took)
        slices += 1
        if slices % 100 == 0:
            most = max(most, memory() - before)
            await asyncio.sleep(0)
    most = max(most, memory() - before)
    for store in stores:
        await store.close()

    assert isinstance(plan, Plan)
    assert plan.total == pytest.approx(DIFFERING, rel=0.1)

    def add(row: str, aim: str, text: str, *, good: bool | None = None) -> None:
        table.add(row, aim, size.name, Result(text, good))

    total = read + planned
    add("differences", "", f"{plan.total}")
    add("both catalogues read", "", f"{read - took_in:.1f} s")
    add("taken in", "", f"{took_in:.1f} s")
    add("planned", "", f"{planned:.1f} s")
    add(
        "all of it",
        "2, 2 and 10 s",
        f"{total:.1f} s",
        good=total <= size.seconds,
    )
    add("longest slice", "<= 20 ms", f"{longest * 1e3:.0f} ms", good=longest <= 0.02)
    add("memory meanwhile", "<= 60 MiB", f"{most:.0f} MiB", good=most <= 60)
