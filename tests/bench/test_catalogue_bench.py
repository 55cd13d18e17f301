"""What a catalogue of 101,000 items costs: its file, its answers and its memory.

Times are of the processor, of the thread that does the work, so that other programs
on the machine count little.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from itertools import batched
import os
from pathlib import Path
import platform
from random import Random
import subprocess
import sys
from time import perf_counter, process_time

import pytest

from custom_components.watched_sync.catalogue_store import CatalogueStore
from custom_components.watched_sync.core.catalogue import Selection
from custom_components.watched_sync.core.identity import MediaKind
from custom_components.watched_sync.core.play_state import PlayState, Reading

from .large_library import readings
from .meter import StallMeter
from .table import Result, Table, milliseconds

pytestmark = [pytest.mark.bench, pytest.mark.timeout(900)]

COLUMN = "catalogue"
PAGE = 1_000
ASKED = 20
FILMS_AND_SHOWS = (MediaKind.MOVIE, MediaKind.SHOW)
ALL = (*FILMS_AND_SHOWS, MediaKind.EPISODE)
MIB = 2**20

#: Prints the MiB that an open catalogue takes, in a process of its own.
MEMORY = """
import asyncio, sys
from pathlib import Path
from custom_components.watched_sync.catalogue_store import CatalogueStore
from custom_components.watched_sync.core.catalogue import KINDS, Progress
from tests.bench.meter import held_memory

async def main():
    before = held_memory()
    store = CatalogueStore(Path(sys.argv[1]))
    for title in (sys.argv[2], "Night", "Episode 5"):
        await store.titled(title, KINDS)
        await store.like(title, KINDS, 10)
    await store.shows()
    await store.note(Progress(round_no=2))
    print(held_memory() - before)
    await store.close()

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def table() -> Iterator[Table]:
    """Everything measured; printed at the end."""
    made = Table((COLUMN,))
    yield made
    about = f"Python {platform.python_version()}, {os.cpu_count()} processors"
    load = os.getloadavg()[0]
    sys.stdout.write(f"\n\n{about}, load {load:.1f} at the end\n\n{made}\n")


def size_of(file: Path) -> float:
    """Return the MiB of a catalogue, with what is beside it."""
    beside = file.parent.glob(f"{file.name}*")
    return sum(one.stat().st_size for one in beside) / MIB


def sample_of(kinds: tuple[MediaKind, ...], count: int) -> list[Reading]:
    """Return some of the library, the same each time."""
    wanted = [one for one in readings() if one.item.kind in kinds]
    return Random(2).sample(wanted, count)


def misspelt(title: str) -> str:
    """Return a title in which two letters are swapped."""
    at = len(title) // 2
    return title[:at] + title[at + 1 : at + 2] + title[at : at + 1] + title[at + 2 :]


def turned(one: Reading) -> Reading:
    """Return a reading that says the opposite."""
    return replace(one, state=PlayState(watched=not one.state.watched))


async def timed(asks: list[Callable[[], Awaitable[object]]]) -> list[float]:
    """Return how many seconds each took."""
    took: list[float] = []
    for ask in asks:
        began = process_time()
        assert await ask() is not False
        took.append(process_time() - began)
    return took


async def test_catalogue(table: Table, tmp_path: Path) -> None:
    """Fill it page by page, open it again, and ask it everything."""
    file = tmp_path / "catalogue"

    def add(row: str, aim: str, result: Result) -> None:
        table.add(row, aim, COLUMN, result)

    filling = CatalogueStore(file)
    await filling.counts()
    took: list[float] = []
    with StallMeter() as meter:
        made = batched(readings(), PAGE, strict=False)
        # What makes the library has no part in what is measured.
        while page := await asyncio.to_thread(next, made, ()):
            began = process_time()
            await filling.keep(page, 1)
            took.append(process_time() - began)
    add("a page of 1,000 new items", "", milliseconds(took))
    longest = meter.longest.wall * 1000
    add("longest step of the loop meanwhile", "20 ms", Result(f"{longest:.1f} ms"))
    size = size_of(file)
    add("file", "<= 60 MiB", Result(f"{size:.1f} MiB", size <= 60))
    await filling.close()

    some = sample_of(ALL, ASKED * 200)
    named = sample_of(FILMS_AND_SHOWS, ASKED)
    pages = [list(page) for page in batched(some, 200, strict=False)]
    first = named[0].item.title
    store = CatalogueStore(file)
    began = perf_counter()
    assert await store.titled(first, FILMS_AND_SHOWS)
    opened = perf_counter() - began
    add("opened, first name", "<= 300 ms", Result(f"{opened * 1000:.1f} ms"))

    async def ask(row: str, aim: float | None, *asks: Callable[[], Awaitable]) -> None:
        took = await timed(list(asks))
        add(row, "" if aim is None else f"<= {aim:g} ms", milliseconds(took, aim))

    await ask(
        "200 readings by ids",
        10,
        *(
            lambda page=page: store.readings([one.item.item_id for one in page])
            for page in pages
        ),
    )
    items = [one.item for one in some[:ASKED]]
    await ask(
        "every copy by ids",
        10,
        *(lambda item=item: store.find(item.kind, item.provider_ids) for item in items),
    )
    await ask(
        "by title",
        10,
        *(lambda item=item: store.titled(item.title, ALL) for item in items),
    )
    for what, kinds, asked in (
        ("films and shows", FILMS_AND_SHOWS, named),
        ("everything", ALL, some[:ASKED]),
    ):
        await ask(
            f"like a title with a mistake, {what}",
            10,
            *(
                lambda one=one, kinds=kinds: store.like(
                    misspelt(one.item.title), kinds, 10
                )
                for one in asked
            ),
        )
        await ask(
            f"like a word of many titles, {what}",
            None,
            *(lambda kinds=kinds: store.like("Night", kinds, 10),) * 3,
        )
    films = frozenset({MediaKind.MOVIE})
    short = Selection(kinds=films, watched=False, max_duration=6_000)
    await ask(
        "unwatched films under 100 minutes", 50, *(lambda: store.select(short),) * 5
    )
    episodes = frozenset({MediaKind.EPISODE})
    deep = Selection(kinds=episodes, watched=False, start=20_000)
    await ask("unwatched episodes, page 400", None, *(lambda: store.select(deep),) * 5)
    await ask("all shows", None, *(store.shows,) * 5)
    await ask("counts", None, *(store.counts,) * 5)
    library = str(named[0].item.library_id)
    await ask(
        "what a round of a library did not show",
        None,
        *(lambda: store.sweep(library, MediaKind.MOVIE, 1),) * 5,
    )
    for row, change in (("1,000 known items again", False), ("1,000 changed", True)):
        kept = [
            [turned(one) if change else one for one in page]
            for page in batched(some, PAGE, strict=False)
        ]
        await ask(row, None, *(lambda page=page: store.keep(page) for page in kept))
    await ask(
        "one changed state",
        None,
        *(lambda one=one: store.keep([one]) for one in some[:ASKED]),
    )
    await store.close()
    program = [sys.executable, "-c", MEMORY, str(file), first]
    taken = float(await asyncio.to_thread(subprocess.check_output, program))
    add("memory", "<= 25 MiB", Result(f"{taken:.1f} MiB", taken <= 25))
