"""What it costs to know a library of 100,000 items, from the first request on.

Home Assistant, the disk and TCP are real, and so is the time, but where a row says
"virtual time".
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
import os
import platform
import re
import sys
from time import perf_counter

from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.watched_sync.catalogue_store import catalogue_path
from custom_components.watched_sync.core import pace
from custom_components.watched_sync.core.catalogue import Selection
from custom_components.watched_sync.core.identity import Item, MediaKind
from custom_components.watched_sync.core.inventory import CALM, Stage
from tests.common import drained
from tests.fakes import library
from tests.fakes.base import FakeClock
from tests.fakes.jellyfin import FakeJellyfin
from tests.scenarios.house import JellyfinSide, act, runtime_of
from tests.scenarios.machine import TimeMachine

from .meter import StallMeter, held_memory
from .remote import Remote, more_of
from .table import Result, Table, at_most
from .test_bench import KINDS, asked, entry_for

pytestmark = [pytest.mark.bench, pytest.mark.timeout(900)]

FILMS = 10_000
SHOWS = 1_000
MIB = 2**20
#: Seconds that a wide listing took on a real server with 5,000 watched episodes.
SLOW = 75.0
#: Marks while such listings are under way.
MEANWHILE = 20

#: What lists libraries: pages of what is in them, and episodes show by show.
_PAGE = re.compile(r"^/library/sections/\d+/all$|^/Items$")
_SHOW = re.compile(r"^/Shows/\w+/Episodes$")


@pytest.fixture(scope="module")
def table() -> Iterator[Table]:
    """Everything measured; printed at the end."""
    made = Table(tuple(KINDS.values()))
    yield made
    about = f"Python {platform.python_version()}, {os.cpu_count()} processors"
    load = os.getloadavg()[0]
    sys.stdout.write(f"\n\n{about}, load {load:.1f} at the end\n\n{made}\n")


@pytest.fixture(params=KINDS)
def remote(request: pytest.FixtureRequest) -> Iterator[Remote]:
    """A simulated server with a large library, elsewhere."""
    made = Remote(request.param, FILMS, SHOWS)
    yield made
    made.stop()


@pytest.fixture
def large_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have simulated servers of this process hold as much."""
    monkeypatch.setattr(library, "MOVIES", library.MOVIES)
    monkeypatch.setattr(library, "SHOWS", library.SHOWS)
    more_of(FILMS, SHOWS)


async def listed(remote: Remote) -> Counter[str]:
    """Return how many requests listed pages and shows, and how many came in all."""
    log = await asked(remote, "log")
    paths = [path for _, _, path, _ in log if "socket" not in path]
    return Counter(
        pages=sum(bool(_PAGE.match(path)) for path in paths),
        shows=sum(bool(_SHOW.match(path)) for path in paths),
        all=len(paths),
    )


async def read_whole(entry: MockConfigEntry, every: float = 0.5) -> None:
    """Wait until everything was read for the first time."""
    inventory = runtime_of(entry).inventory
    while inventory.status.stage is not Stage.COMPLETE:  # noqa: ASYNC110 - it may tell much more often
        await asyncio.sleep(every)


async def measured_films(entry: MockConfigEntry, count: int) -> list[Item]:
    """Return some films of the library, as they are known."""
    added = Selection(
        kinds=frozenset({MediaKind.MOVIE}), text="Measured film", limit=count
    )
    found = await runtime_of(entry).catalogue.select(added)
    return [one.item for one in found.readings]


async def test_first_inventory_and_restart(
    hass: HomeAssistant,
    remote: Remote,
    table: Table,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The server gets no rest: that is three quarters of the time otherwise."""
    column = KINDS[remote.kind]
    monkeypatch.setattr(pace, "REST_FACTOR", 0.0)
    monkeypatch.setattr(pace, "SLOW_REST", 0.0)
    hass.loop.set_debug(False)
    entry = entry_for(remote)
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    await asyncio.sleep(CALM / 2)  # the first request comes later
    empty = held_memory()
    await asked(remote, "clear")
    began = perf_counter()
    with StallMeter() as meter:
        await read_whole(entry)
    took = perf_counter() - began
    items = runtime_of(entry).inventory.status.items
    total = sum(items.values())
    assert total > FILMS + SHOWS * 91
    counted = await listed(remote)
    requests = counted["pages"] + counted["shows"]
    # A library is a part of its own: what is left over makes a page.
    if remote.kind == "plex":
        aim = total / 1_000 + 10
    else:
        aim = items[MediaKind.SHOW] + items[MediaKind.MOVIE] / 1_000 + 10
    table.add(
        f"first inventory of {FILMS + 91 * SHOWS:,} items: requests",
        "items / 1,000 + 10; shows + films / 1,000 + 10",
        column,
        Result(f"{requests} (aim {aim:.0f})", requests <= aim),
    )
    table.add(
        "all requests meanwhile, and time without the rests of the server",
        "",
        column,
        Result(f"{counted['all']} in {took:.0f} s"),
    )
    longest = meter.longest
    table.add(
        "longest stall of the loop meanwhile",
        "<= 20 ms",
        column,
        Result(
            f"{longest.wall * 1000:.1f} ms, {longest.cpu * 1000:.1f} of it our own",
            longest.wall <= 0.020,
        ),
    )
    if longest.wall > 0.020:
        sys.stdout.write(f"\n{remote.kind}: {longest.what}\n")
    await asyncio.sleep(CALM)
    taken = held_memory() - empty
    table.add(
        "resting memory above a lane that knows nothing",
        "<= 25 MiB",
        column,
        Result(f"{taken:.1f} MiB", taken <= 25),
    )
    file = catalogue_path(hass, entry.entry_id)
    size = sum(one.stat().st_size for one in file.parent.glob(f"{file.name}*")) / MIB
    table.add("file", "<= 60 MiB", column, Result(f"{size:.1f} MiB", size <= 60))
    film = (await measured_films(entry, 1))[0]

    assert await hass.config_entries.async_unload(entry.entry_id)
    await asked(remote, "dark")  # or its first answer would be waited for
    began = perf_counter()
    assert await hass.config_entries.async_setup(entry.entry_id)
    answer = await act(hass, "mark_watched", title=film.title, dry_run=True)
    took = perf_counter() - began
    assert [one["item_id"] for one in answer["operations"]] == [film.item_id]
    table.add(
        "restart with the server away: from set-up to a name that is served",
        "<= 300 ms",
        column,
        Result(f"{took * 1000:.0f} ms", took <= 0.3),
    )
    await asked(remote, "clear")
    await asked(remote, "back")
    runtime_of(entry).relay.nudge()
    await asyncio.sleep(CALM + 30)
    again = await listed(remote)
    table.add(
        "listed in the minute after: pages, shows",
        "0 shows",
        column,
        Result(f"{again['pages']} pages, {again['shows']} shows", not again["shows"]),
    )


@pytest.mark.usefixtures("large_library")
async def test_first_inventory_of_a_slow_jellyfin(
    hass: HomeAssistant, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Virtual time: wide listings take 75 s, and marks do not wait for them."""
    hass.loop.set_debug(False)
    async with FakeJellyfin(clock=FakeClock(ticking=True)) as server:
        side = JellyfinSide(server)
        machine = TimeMachine(hass.loop, monkeypatch)
        machine.take_along(server.clock)
        server.slow_listings = SLOW
        entry = await side.connect(hass)
        films = [
            one.id
            for one in server.catalogue.items.values()
            if one.name.startswith("Measured film")
        ][:MEANWHILE]
        machine.running = True
        began = machine.seconds()
        whole = asyncio.ensure_future(read_whole(entry, 5))
        waits = []
        for film in films:
            wide = len(server.wide_listings)
            while len(server.wide_listings) == wide and not whole.done():  # noqa: ASYNC110 - a simulated server sets no event
                await asyncio.sleep(1)
            asked_at = machine.seconds()
            await act(hass, "mark_watched", item_id=film)
            await drained(hass, entry)
            waits.append(machine.seconds() - asked_at)
            if whole.done():
                break
        await whole
        took = machine.seconds() - began
        machine.stop()
        assert runtime_of(entry).inventory.status.total > FILMS + SHOWS * 91
        assert len(waits) >= len(server.wide_listings)
        assert server.most_wide_listings == 1
    table.add(
        f"first inventory where a wide listing takes {SLOW:.0f} s (virtual time)",
        "it ends",
        KINDS["jellyfin"],
        Result(f"{took / 3600:.1f} h, {len(server.wide_listings)} of them", good=True),
    )
    table.add(
        "a mark while such a listing is under way, until confirmed (virtual time)",
        "<= 2 s",
        KINDS["jellyfin"],
        at_most(waits, 2.0),
    )
