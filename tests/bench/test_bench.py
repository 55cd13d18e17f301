"""How fast it is, in counts and medians. `scripts/bench` runs it and prints a table.

Home Assistant, the disk and TCP are real; the simulated servers run in a process of
their own, except where hours have to pass: these rows say "virtual time", which skips
idle time and nothing else (see `tests.scenarios.machine`). What is asserted is only
that the work measured was done, and done once.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import islice
import os
import platform
from random import Random
from statistics import median
import sys
from time import perf_counter, time
from typing import Any

from aiohttp import ClientSession
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import EVENT_STATE_CHANGED
from homeassistant.core import Event, EventStateChangedData, HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.event import async_track_state_change_event
from jellyfin_apiclient_python.client import JellyfinClient as OtherJellyfinClient
from plexapi.server import PlexServer
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
import requests

from custom_components.watched_sync.const import DOMAIN
from custom_components.watched_sync.coordinator import REFRESH_COOLDOWN
from custom_components.watched_sync.core.catalogue import Selection
from custom_components.watched_sync.core.identity import Item, MediaKind
from custom_components.watched_sync.core.lane import Phase
from custom_components.watched_sync.core.operation import MarkWatched
from custom_components.watched_sync.players.memory import (
    _is_of_player,
    async_get_memory,
)
from custom_components.watched_sync.runtime import Request
from custom_components.watched_sync.servers.fields import Oddities
from custom_components.watched_sync.servers.jellyfin import wire as jellyfin_wire
from custom_components.watched_sync.servers.plex import wire as plex_wire
from custom_components.watched_sync.servers.transport import Transport
from tests.common import drained, tracked, until
from tests.fakes import library
from tests.fakes.base import FakeClock
from tests.fakes.hostile import HostileServer, full
from tests.fakes.jellyfin import FakeJellyfin
from tests.fakes.plex import FakePlex
from tests.rows import Rows
from tests.scenarios import big_outage
from tests.scenarios.house import (
    USER,
    JellyfinSide,
    PlexSide,
    Side,
    Traffic,
    act,
    know_films,
    runtime_of,
    until_true,
)
from tests.scenarios.machine import TimeMachine

from .meter import StallMeter, measured
from .remote import Remote
from .table import Result, Table, at_most, milliseconds

pytestmark = [pytest.mark.bench, pytest.mark.timeout(900)]

KINDS = {"plex": "Plex", "jellyfin": "Jellyfin"}
OTHERS = {"plex": "PlexAPI", "jellyfin": "jellyfin-apiclient-python"}
FILMS = 11_000
SCATTERED = 1_000
CALLS = 200
LONG_SHOW = "Grey's Anatomy"
LONG_SEASON = 7
#: Things done in another client, of each kind.
ELSEWHERE = 20
PLAYBACK = "end of a playback in another client to the state"
MARK = "mark by hand in another client to the state"
MARK_AIM = "<= 35 s / <= 1.5 s"
HOUR = 3600.0


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
    """A simulated server, elsewhere."""
    made = Remote(request.param, FILMS)
    yield made
    made.stop()


@pytest.fixture
async def lane(hass: HomeAssistant, remote: Remote) -> MockConfigEntry:
    """A lane on it, in a Home Assistant that is as quick as one outside of tests."""
    hass.loop.set_debug(False)
    entry = entry_for(remote)
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    return entry


@pytest.fixture
def more_films(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the simulated server of this process the films of the big outage."""
    monkeypatch.setattr(library, "MOVIES", (*library.MOVIES, *big_outage.films()))


@pytest.fixture(params=KINDS)
async def side(request: pytest.FixtureRequest) -> AsyncIterator[Side]:
    """A simulated server in this process, whose clock can be moved."""
    if "more_films" in request.fixturenames:
        request.getfixturevalue("more_films")
    clock = FakeClock(ticking=True)
    if request.param == "plex":
        async with FakePlex(clock=clock) as plex:
            yield PlexSide(plex)
    else:
        async with FakeJellyfin(clock=clock) as jellyfin:
            yield JellyfinSide(jellyfin)


@pytest.fixture
def machine(
    hass: HomeAssistant, side: Side, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TimeMachine]:
    """Virtual time."""
    hass.loop.set_debug(False)
    made = TimeMachine(hass.loop, monkeypatch)
    made.take_along(side.server.clock)
    yield made
    made.stop()


def entry_for(remote: Remote, *items: Item) -> MockConfigEntry:
    """Return an entry for the simulated server, tracking *items*."""
    data = remote.ask("data")
    return MockConfigEntry(
        domain=DOMAIN,
        title=f"{data['server_name']} ({USER})",
        unique_id=f"{data['server_id']}:{data['user_id']}",
        data=data,
        subentries_data=[tracked(item) for item in items],
    )


def switches(hass: HomeAssistant, entry: MockConfigEntry) -> dict[str, str]:
    """Return the entities that show whether tracked items are watched, by item id."""
    return {
        str(entry.subentries[one.config_subentry_id].unique_id): one.entity_id
        for one in er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
        if one.domain == "switch" and one.config_subentry_id is not None
    }


def turned_on(hass: HomeAssistant, entity_id: str) -> asyncio.Future[None]:
    """Return what is done as soon as an entity, now off, is on."""
    state = hass.states.get(entity_id)
    assert state is not None
    assert state.state == "off"
    seen = hass.loop.create_future()

    @callback
    def changed(event: Event[EventStateChangedData]) -> None:
        new = event.data["new_state"]
        if new is not None and new.state == "on" and not seen.done():
            seen.set_result(None)

    remove = async_track_state_change_event(hass, entity_id, changed)
    seen.add_done_callback(lambda _: remove())
    return seen


async def asked(remote: Remote, *command: object) -> Any:
    """Ask the simulated server something, without holding the loop up."""
    return await asyncio.to_thread(remote.ask, *command)


async def cut_off(hass: HomeAssistant, entry: MockConfigEntry, remote: Remote) -> None:
    """Make the server unreachable, and wait until the lane knows."""
    await asked(remote, "dark")
    runtime = runtime_of(entry)
    runtime.relay.nudge()
    await until(runtime, lambda: runtime.lane.health.phase is Phase.BACKING_OFF)
    await hass.async_block_till_done()


async def fill(entry: MockConfigEntry, item_ids: list[str]) -> None:
    """Queue an operation for each item, in one go."""
    await runtime_of(entry).async_submit(
        [
            Request(Item(item_id, MediaKind.MOVIE, f"Film {item_id}"), MarkWatched())
            for item_id in item_ids
        ]
    )


async def count(remote: Remote) -> int:
    """Return how many requests arrived, sockets aside."""
    log = await asked(remote, "log")
    return sum("socket" not in path for _, _, path, _ in log)


async def quiet(remote: Remote, entry: MockConfigEntry) -> None:
    """Wait until nothing is sent any more: entities read once after a change."""
    coordinator = runtime_of(entry).coordinator
    await coordinator.async_refresh()
    while True:
        before = await count(remote)
        await asyncio.sleep(2 * REFRESH_COOLDOWN)
        if before == await count(remote):
            break
    await asked(remote, "clear")


@pytest.mark.parametrize("pending", [0, 1_000, 10_000])
async def test_accepting(
    hass: HomeAssistant,
    lane: MockConfigEntry,
    remote: Remote,
    table: Table,
    pending: int,
) -> None:
    films = await asked(remote, "films")
    await cut_off(hass, lane, remote)
    if pending:
        await fill(lane, films[:pending])
    times = []
    with StallMeter() as meter:
        for film in films[pending : pending + CALLS]:
            began = perf_counter()
            await hass.services.async_call(
                DOMAIN, "mark_watched", {"item_id": film}, blocking=True
            )
            times.append(perf_counter() - began)
            await asyncio.sleep(0.005)  # what came of it is not part of the next one
    assert len(runtime_of(lane).lane.outbox) == pending + CALLS
    aim = 5.0 if pending == 1_000 else None
    table.add(
        f"action call to return, {pending:,} pending",
        "p50 <= 5 ms" if aim else "",
        KINDS[remote.kind],
        milliseconds(times, aim),
    )
    if pending == 10_000:
        stall(table, remote, "longest stall of the loop, accepting", meter)


def stall(table: Table, remote: Remote, row: str, meter: StallMeter) -> None:
    """Report the longest stall seen."""
    longest = meter.longest
    table.add(
        f"{row}, 10,000 pending",
        "<= 20 ms",
        KINDS[remote.kind],
        Result(
            f"{longest.wall * 1000:.1f} ms, {longest.cpu * 1000:.1f} of it our own",
            longest.wall <= 0.020,
        ),
    )
    if longest.wall > 0.020:
        sys.stdout.write(f"\n{row}, {remote.kind}: {longest.what}\n")


async def test_loading_and_draining_a_long_queue(
    hass: HomeAssistant, lane: MockConfigEntry, remote: Remote, table: Table
) -> None:
    films = await asked(remote, "films")
    await cut_off(hass, lane, remote)
    await fill(lane, films[:10_000])
    assert await hass.config_entries.async_unload(lane.entry_id)
    began = perf_counter()
    with StallMeter() as meter:
        assert await hass.config_entries.async_setup(lane.entry_id)
        await hass.async_block_till_done()
    took = perf_counter() - began
    assert lane.state is ConfigEntryState.LOADED
    assert len(runtime_of(lane).lane.outbox) == 10_000
    stall(table, remote, "longest stall of the loop, starting", meter)
    table.add(
        "set-up of the entry, 10,000 pending",
        "",
        KINDS[remote.kind],
        Result(f"{took * 1000:.0f} ms"),
    )
    await asked(remote, "back")
    outbox = runtime_of(lane).lane.outbox
    with StallMeter() as meter:
        runtime_of(lane).relay.nudge()
        await until(runtime_of(lane), lambda: len(outbox) <= 8_000, seconds=300)
    stall(table, remote, "longest stall of the loop, draining", meter)


async def test_from_the_answer_to_the_server(
    hass: HomeAssistant, lane: MockConfigEntry, remote: Remote, table: Table
) -> None:
    films = await asked(remote, "films")
    calls, looks, marks = [], [], []
    for film in films[:CALLS]:
        await asked(remote, "clear")
        began = perf_counter()
        await act(hass, "mark_watched", item_id=film)
        calls.append(perf_counter() - began)
        returned = time()
        await drained(hass, lane)
        log = await asked(remote, "log")
        mark = next(at for at, _, _, is_write in log if is_write)
        # The action itself asks what the item is: that came before it returned.
        look = next((at for at, *_ in log if at >= returned), mark)
        looks.append(look - returned)
        marks.append(mark - returned)
    table.add(
        "action call to return, server there and asked first",
        "",
        KINDS[remote.kind],
        milliseconds(calls),
    )
    table.add(
        "return to the first request at the server",
        "p50 <= 10 ms",
        KINDS[remote.kind],
        milliseconds(looks, 10.0),
    )
    table.add(
        "return to the mark at the server (after a look)",
        "p50 <= 10 ms",
        KINDS[remote.kind],
        milliseconds(marks, 10.0),
    )


async def test_long_show(
    hass: HomeAssistant, lane: MockConfigEntry, remote: Remote, table: Table
) -> None:
    leaves = await asked(remote, "leaves", LONG_SHOW)
    await quiet(remote, lane)
    began = perf_counter()
    await act(hass, "mark_watched", title=LONG_SHOW, confirm=True)
    await drained(hass, lane, seconds=120)
    took = perf_counter() - began
    requests = await count(remote)
    plays = await asked(remote, "plays")
    assert {leaf: plays.get(leaf) for leaf in leaves} == dict.fromkeys(leaves, 1)
    aims = {"plex": 4, "jellyfin": len(library.show(LONG_SHOW).seasons) + 3}
    aim = aims[remote.kind]
    table.add(
        f"requests for a show of {len(leaves)} episodes, from the call",
        f"<= {aims['plex']} / <= {aims['jellyfin']}",
        KINDS[remote.kind],
        Result(
            f"{requests}, {took / len(leaves) * 1000:.1f} ms an episode",
            requests <= aim,
        ),
    )


@pytest.mark.usefixtures("recorder_mock")
async def test_rows_in_the_history(
    hass: HomeAssistant, lane: MockConfigEntry, remote: Remote, table: Table
) -> None:
    """Rows of states and of our events, in a recorder as it comes.

    The figures in brackets are those of the release before histories were quiet.
    """
    rows = Rows(hass)

    async def tell(row: str, aim: int, before: str) -> None:
        await quiet(remote, lane)
        count = len(await rows.new())
        table.add(
            f"rows in the history, {row}",
            f"<= {aim} (was {before})",
            KINDS[remote.kind],
            Result(str(count), count <= aim),
        )

    film = (await asked(remote, "films"))[0]
    # What was not known before is read with the first mark.
    await act(hass, "mark_watched", item_id=film)
    await drained(hass, lane)
    await quiet(remote, lane)
    await rows.new()
    await act(hass, "mark_unwatched", item_id=film)
    await drained(hass, lane)
    await quiet(remote, lane)
    await rows.new()
    await act(hass, "mark_watched", item_id=film)
    await drained(hass, lane)
    await tell("a film marked", 4, "9")
    await act(hass, "mark_watched", title=LONG_SHOW, season=LONG_SEASON)
    await drained(hass, lane)
    await tell(f"season {LONG_SEASON} of {LONG_SHOW}", 8, "30")
    await runtime_of(lane).async_sync_now()
    await tell("nothing to do", 0, "0")
    await cut_off(hass, lane, remote)
    await act(hass, "mark_unwatched", item_id=film)
    await rows.new()
    runtime = runtime_of(lane)
    for _ in range(10):
        before = runtime.lane.health.next_attempt
        runtime.relay.nudge()
        await until_true(
            lambda before=before: (  # type: ignore[misc]  # bound at once
                runtime.lane.health.next_attempt not in (None, before)
            )
        )
    count = len(await rows.new())
    table.add(
        "rows in the history, ten tries of a server that is away",
        "0 (was 10)",
        KINDS[remote.kind],
        Result(str(count), count == 0),
    )


async def test_scattered_marks(
    hass: HomeAssistant, lane: MockConfigEntry, remote: Remote, table: Table
) -> None:
    films = (await asked(remote, "films"))[:SCATTERED]
    await cut_off(hass, lane, remote)
    for film in films:
        await act(hass, "mark_watched", item_id=film)
    await asked(remote, "back")
    await asked(remote, "clear")
    began = perf_counter()
    runtime_of(lane).relay.nudge()
    await drained(hass, lane, seconds=300)
    took = perf_counter() - began
    requests = await count(remote) / SCATTERED
    plays = await asked(remote, "plays")
    assert plays == dict.fromkeys(films, 1)
    table.add(
        f"requests per item, {SCATTERED:,} scattered marks",
        "<= 1.1",
        KINDS[remote.kind],
        Result(f"{requests:.3f}", requests <= 1.1),
    )
    table.add(
        "time per item of these (looked at, marked, verified)",
        "",
        KINDS[remote.kind],
        Result(f"{took / SCATTERED * 1000:.2f} ms"),
    )


@pytest.mark.parametrize("way", ["item_id", "external_id", "title"])
async def test_naming(
    hass: HomeAssistant, lane: MockConfigEntry, remote: Remote, table: Table, way: str
) -> None:
    """Name films of a library that is known, the server being there."""
    await know_films(lane)
    added = Selection(
        kinds=frozenset({MediaKind.MOVIE}), text="Measured film", limit=SCATTERED
    )
    found = await runtime_of(lane).catalogue.select(added)
    films = [one.item for one in found.readings]
    names = {
        "item_id": [one.item_id for one in films],
        "external_id": [f"imdb://{one.provider_ids.imdb}" for one in films],
        "title": [one.title for one in films],
    }[way]
    await quiet(remote, lane)
    times = []
    for name in names[:CALLS]:
        began = perf_counter()
        await act(hass, "mark_watched", **{way: name, "dry_run": True})
        times.append(perf_counter() - began)
    looked_up = await count(remote)
    table.add(
        f"action call to return, by {way} (nothing queued)",
        "p50 <= 10 ms",
        KINDS[remote.kind],
        milliseconds(times, 10.0),
    )
    # What is answered in no time at all is never under way beside another.
    await asked(remote, "slow", 0.01)
    with StallMeter() as meter:
        await asyncio.gather(
            *(act(hass, "mark_watched", **{way: name}) for name in names)
        )
    await drained(hass, lane, seconds=300)
    await asked(remote, "slow", 0)
    requests = await count(remote) / SCATTERED
    most = await asked(remote, "most_at_once")
    assert await asked(remote, "plays") == dict.fromkeys(
        (one.item_id for one in films), 1
    )
    table.add(
        f"look-ups of {CALLS} names, by {way}",
        "0",
        KINDS[remote.kind],
        Result(f"{looked_up}", looked_up == 0),
    )
    table.add(
        f"requests per mark, {SCATTERED:,} at once by {way}",
        "<= 1.05",
        KINDS[remote.kind],
        Result(f"{requests:.3f}", requests <= 1.05),
    )
    table.add(
        f"most requests under way at once, {SCATTERED:,} marks by {way}",
        "<= 4",
        KINDS[remote.kind],
        Result(f"{most}", most <= 4),
    )
    table.add(
        f"longest stall of the loop, {SCATTERED:,} marks at once by {way}",
        "",
        KINDS[remote.kind],
        Result(
            f"{meter.longest.wall * 1000:.1f} ms,"
            f" {meter.longest.cpu * 1000:.1f} of it our own"
        ),
    )
    if meter.longest.wall > 0.020:
        sys.stdout.write(f"\n{way}, {remote.kind}: {meter.longest.what}\n")


async def test_marks_of_what_is_known(
    hass: HomeAssistant,
    lane: MockConfigEntry,
    remote: Remote,
    table: Table,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One by one, at a server that takes its time, and at one that has just gone."""
    await know_films(lane)
    films = iter(await asked(remote, "films"))
    await quiet(remote, lane)
    alone = []
    for film in islice(films, 5):
        await act(hass, "mark_watched", item_id=film)
        await drained(hass, lane)
        alone.append(await count(remote))
        await quiet(remote, lane)
    table.add(
        "requests for a mark of a known film, alone",
        "<= 2",
        KINDS[remote.kind],
        Result(f"{median(alone):.0f} (max {max(alone)})", median(alone) <= 2),
    )
    await asked(remote, "slow", 2)
    times = []
    for film in islice(films, ELSEWHERE):
        began = perf_counter()
        await act(hass, "mark_watched", item_id=film)
        times.append(perf_counter() - began)
        await asyncio.sleep(0.1)
    table.add(
        "action call to return while the server takes 2 s to answer",
        "p50 <= 5 ms",
        KINDS[remote.kind],
        milliseconds(times, 5.0),
    )
    await asked(remote, "slow", 0)
    await drained(hass, lane, seconds=120)
    await quiet(remote, lane)
    await asked(remote, "dark")
    traffic = Traffic(monkeypatch)
    for film in islice(films, ELSEWHERE):
        await act(hass, "mark_watched", item_id=film)
        await asyncio.sleep(0.8 / ELSEWHERE)
    table.add(
        f"requests for {ELSEWHERE} marks in the first second of an outage",
        "<= 2",
        KINDS[remote.kind],
        Result(f"{len(traffic)}", len(traffic) <= 2),
    )


async def test_what_is_done_elsewhere_is_seen(
    hass: HomeAssistant, remote: Remote, table: Table
) -> None:
    """From the moment it is done to the state of the entity that shows it."""
    hass.loop.set_debug(False)
    films = (await asked(remote, "films"))[: 2 * ELSEWHERE]
    entry = entry_for(
        remote,
        *(
            Item(film, MediaKind.MOVIE, f"Film {film}", year=2000, duration=6000.0)
            for film in films
        ),
    )
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    async with asyncio.timeout(10):
        while not await asked(remote, "listeners"):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.05)
    entities = switches(hass, entry)
    rng = Random(1)
    done = [("finish", PLAYBACK, "<= 1.5 s", films[:ELSEWHERE])]
    if remote.kind == "jellyfin":
        # Plex tells nobody of marks: that is measured in virtual time.
        done.append(("mark", MARK, MARK_AIM, films[ELSEWHERE:]))
    for how, row, aim, items in done:
        times = []
        for film in items:
            await asyncio.sleep(rng.uniform(0.2, 1.5))
            seen = turned_on(hass, entities[film])
            began = perf_counter()
            await asked(remote, how, film)
            async with asyncio.timeout(60):
                await seen
            times.append(perf_counter() - began)
        assert len(times) == ELSEWHERE, how
        table.add(row, aim, KINDS[remote.kind], at_most(times, 1.5))


async def test_idle_hour_and_marks_by_hand(
    hass: HomeAssistant, side: Side, machine: TimeMachine, table: Table
) -> None:
    """Virtual time: an hour in which nothing happens, then marks nobody announces."""
    titles = [one.title for one in library.MOVIES if len(one.libraries) == 1]
    unique = [title for title in titles if titles.count(title) == 1][:ELSEWHERE]
    films = [side.film(title) for title in unique]
    entry = await side.connect(hass, *films, side.show("Severance"))
    await until_true(lambda: bool(side.server.sockets))
    machine.running = True
    await asyncio.sleep(60)
    side.server.clear_log()
    await asyncio.sleep(HOUR)
    per_minute = side.server.count() / 60
    assert len(side.server.sockets) == 1
    aim = {"plex": 6, "jellyfin": 1}[side.kind]
    table.add(
        "requests a minute in an idle hour (virtual time)",
        "<= 6 / <= 1",
        KINDS[side.kind],
        Result(f"{per_minute:.2f}", per_minute <= aim),
    )
    if not isinstance(side, PlexSide):
        return
    entities = switches(hass, entry)
    rng = Random(1)
    times = []
    for film in films:
        await asyncio.sleep(rng.uniform(20, 60))
        seen = turned_on(hass, entities[film.item_id])
        began = machine.seconds()
        side.server.mark(USER, film.item_id)
        await seen
        times.append(machine.seconds() - began)
    result = at_most(times, 35)
    table.add(
        MARK,
        MARK_AIM,
        KINDS[side.kind],
        Result(f"{result.text} (virtual time)", result.good),
    )


@pytest.mark.usefixtures("more_films")
async def test_two_hours_of_outage(
    hass: HomeAssistant, side: Side, machine: TimeMachine, table: Table
) -> None:
    entry = await side.connect(hass)
    took = await big_outage.live_through(hass, side, entry, machine)
    table.add(
        f"requests per item after two hours of outage (virtual time),"
        f" {big_outage.OPERATIONS:,} operations, {big_outage.REMOTE_CHANGES} elsewhere",
        "<= 1.1",
        KINDS[side.kind],
        Result(
            f"{took.per_item:.3f}, {took.per_write:.3f} per write",
            took.per_item <= 1.1,
        ),
    )
    table.add(
        "time until all of it is reconciled (the server in the same process)",
        "",
        KINDS[side.kind],
        Result(f"{took.seconds:.1f} s"),
    )


async def test_scattered_marks_by_the_usual_library(
    hass: HomeAssistant, remote: Remote, table: Table
) -> None:
    """As a script does it: connect, then one item after the other."""
    hass.loop.set_debug(False)
    films = (await asked(remote, "films"))[:SCATTERED]
    data = await asked(remote, "data")
    await asked(remote, "clear")
    work = by_plexapi if remote.kind == "plex" else by_jellyfin_apiclient
    times = await asyncio.to_thread(work, data, films)
    requests = await count(remote) / SCATTERED
    plays = await asked(remote, "plays")
    assert plays == dict.fromkeys(films, 1)
    name = OTHERS[remote.kind]
    table.add(
        "requests per item, a loop over PlexAPI / jellyfin-apiclient",
        "",
        KINDS[remote.kind],
        Result(f"{requests:.3f} ({name})"),
    )
    table.add(
        "median time per item of these (marked, not verified)",
        "",
        KINDS[remote.kind],
        Result(f"{median(times) * 1000:.2f} ms"),
    )


def timed(mark: Callable[[str], Any], films: list[str]) -> list[float]:
    """Mark each and say how long each took, in seconds."""
    times = []
    for film in films:
        began = perf_counter()
        mark(film)
        times.append(perf_counter() - began)
    return times


def by_plexapi(data: dict[str, Any], films: list[str]) -> list[float]:
    """Mark films as PlexAPI's documentation does."""
    with requests.Session() as session:
        server = PlexServer(data["url"], data["token"], session=session)
        return timed(lambda film: server.fetchItem(int(film)).markPlayed(), films)


def by_jellyfin_apiclient(data: dict[str, Any], films: list[str]) -> list[float]:
    """Mark films as jellyfin-apiclient-python's documentation does."""
    client = OtherJellyfinClient()
    client.config.app("Bench", "1.0", "Bench", "bench-device")
    client.config.data["auth.ssl"] = False
    client.auth.connect_to_address(data["url"])
    client.auth.login(data["url"], USER, f"{USER}-password")
    client.authenticate(client.auth.credentials.get_credentials(), discover=False)
    client.start()
    try:
        return timed(
            lambda film: client.jellyfin.item_played(film, watched=True), films
        )
    finally:
        client.stop()


async def test_players_that_change(
    hass: HomeAssistant, lane: MockConfigEntry, remote: Remote, table: Table
) -> None:
    """What remembering costs while nobody is followed: 20 players, and their noise."""
    assert lane.state is ConfigEntryState.LOADED
    events: list[Event[EventStateChangedData]] = []

    @callback
    def take(event: Event[EventStateChangedData]) -> None:
        if _is_of_player(event.data):
            events.append(event)

    stop = hass.bus.async_listen(EVENT_STATE_CHANGED, take)
    for number in range(1_000):
        playing = {
            "media_content_type": "movie",
            "media_content_id": str(number // 200),
            "media_title": f"Film {number // 200} (2000)",
            "media_position": number,
            "volume_level": number % 7 / 10,
        }
        hass.states.async_set(f"media_player.p{number % 20}", "playing", playing)
    await hass.async_block_till_done()
    stop()
    assert len(events) == 1_000
    memory = async_get_memory(hass)
    assert memory.last("media_player.p19") is not None
    rounds: list[float] = []
    for _ in range(20):
        began = perf_counter()
        for event in events:
            if _is_of_player(event.data):
                memory._on_state(event)
        rounds.append(perf_counter() - began)
    share = median(rounds) / 60 * 100
    table.add(
        "1,000 changes of players a minute, nobody followed",
        "< 1 % of a core",
        KINDS[remote.kind],
        Result(f"{share:.3f} %, {median(rounds) * 1000:.1f} us each", share < 1),
    )


@pytest.mark.parametrize("kind", KINDS)
async def test_page_as_full_as_any(kind: str, table: Table) -> None:
    """How long all others wait while a page is read with as much in it as one may."""
    head, parse = {
        "plex": ({}, plex_wire.parse_page),
        "jellyfin": ({"X-Emby-Token": "token"}, jellyfin_wire.parse_page),
    }[kind]
    async with HostileServer() as server, ClientSession() as session:
        server.turn(full())
        transport = Transport(session, server.url, head)
        stalls: list[float] = []
        for _ in range(20):
            async with measured() as cost:
                page = await transport.read_rows(
                    "/", lambda answer: parse(answer, Oddities()), rows=400
                )
            assert len(page.readings) == 400
            stalls.append(cost.stall)
    table.add(
        "a page of 40,000 objects: longest wait of others",
        "100 ms",
        KINDS[kind],
        milliseconds(stalls, 100),
    )
