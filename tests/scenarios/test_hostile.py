"""A server that means harm: it costs its own lane some time, and nobody anything else.

Home Assistant knows a good server by the address of `HostileServer`, which then answers
as `tests/fakes/hostile.py` says. Who is there is still answered truly, or nothing else
would be asked.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import batched
import json
from pathlib import Path
import re
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import (
    device_registry as dr,
    entity_registry as er,
    issue_registry as ir,
    restore_state,
)
from homeassistant.helpers.json import json_bytes
from homeassistant.util.json import json_loads
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.watched_sync.core.codec import decode_outbox
from custom_components.watched_sync.core.lane import Phase
from custom_components.watched_sync.store import LedgerStore
from tests.bench.meter import Stall, StallMeter, held_memory
from tests.common import drained, until
from tests.fakes.hostile import ANSWERS, HostileServer

from .house import (
    ONE_PLAY,
    UNSEEN,
    JellyfinSide,
    PlexSide,
    Seen,
    Side,
    act,
    on_disk,
    runtime_of,
    state_of,
    until_true,
    waiting,
)
from .machine import TimeMachine

#: Met in every run.
ALWAYS = (
    "lone surrogate",
    "a name of a megabyte",
    "cut off",
    "no JSON",
    "elsewhere",
    "wait for ever",
)
assert set(ALWAYS) <= set(ANSWERS)

#: Answers that one Home Assistant meets, one after the other, in the long run.
AT_ONCE = 20

#: Answers that need more of real time than all others together; the clients meet them.
LASTING = ("a slow drip",)

#: Met before anything is measured: Python keeps for the next page what
#: reading the fullest one took.
FULLEST = "a page as full as any"

#: MiB by which the process may grow over all that one Home Assistant meets.
MOST_GROWTH = 50.0

#: The paths at which a server says who it and its user are.
WHO = r"/(identity)?(\?|$)|/Users/Me(\?|$)|/System/Info/Public(\?|$)"

#: Bytes of all states; one title of a megabyte would be more.
MOST_STATES = 200_000

#: Surrogates, and what turns the direction of writing.
UNFIT = re.compile("[\ud800-\udfff\u202a-\u202e\u2066-\u2069]")

#: Seconds for which a server is hostile, and in which all is well again: what was said
#: to be missing is looked for once an hour.
A_WHILE = 60.0
LATER = 3 * 3600.0


@pytest.fixture(params=["jellyfin", pytest.param("plex", marks=pytest.mark.long)])
def sides(
    request: pytest.FixtureRequest, plex: PlexSide, jellyfin: JellyfinSide
) -> tuple[Side, Side]:
    """One server that turns hostile, and one of the other kind that does not."""
    return (plex, jellyfin) if request.param == "plex" else (jellyfin, plex)


@pytest.fixture
async def hostile(sides: tuple[Side, Side]) -> AsyncIterator[HostileServer]:
    async with HostileServer(sides[0].server, spares=WHO) as started:
        yield started


# --- what has to stay whole -----------------------------------------------------


def check_states(hass: HomeAssistant) -> None:
    """Put together what `GET /api/states` answers, as it does."""
    body = b",".join(state.as_dict_json for state in hass.states.async_all())
    assert len(body) < MOST_STATES
    for row in json.loads(b"[" + body + b"]"):
        assert not UNFIT.search(json.dumps(row, ensure_ascii=False)), row


async def check_files(hass: HomeAssistant) -> None:
    """Have Home Assistant write what it keeps, and read all of it again."""
    for registry in (er.async_get(hass), dr.async_get(hass)):
        await _check_written(hass, registry._store, registry._data_to_save())
    entries = hass.config_entries
    await _check_written(hass, entries._store, entries._data_to_save())
    restored = restore_state.async_get(hass)
    await restored.async_dump_states()
    assert _read(hass, restored.store.key)
    for issue in ir.async_get(hass).issues.values():
        assert json_loads(json_bytes(issue)) is not None


async def _check_written(hass: HomeAssistant, store: Any, data: Any) -> None:
    await store.async_save(data)
    assert _read(hass, store.key).keys() == data.keys()


def _read(hass: HomeAssistant, key: str) -> Any:
    content = Path(hass.config.path(".storage", key)).read_text(encoding="utf-8")
    return json.loads(content)["data"]


async def check_ours(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Read the files of a lane as its next start would."""
    assert not decode_outbox(on_disk(hass, entry)).damaged
    await runtime_of(entry).ledger.async_save()
    again = LedgerStore(hass, entry.entry_id)
    await again.async_load()
    assert {one.item.item_id for one in again.ledger} == {
        one.item.item_id for one in runtime_of(entry).ledger.ledger
    }


# --- what it costs --------------------------------------------------------------


#: The longest step of the loop by kind and answer, and MiB of growth by what was met.
#: The hostile server lives in the same loop, so that its own steps count as well.
STEPS: dict[str, Stall] = {}
GROWTH: dict[str, float] = {}


@pytest.fixture(scope="module", autouse=True)
def report(pytestconfig: pytest.Config) -> Iterator[None]:
    """Say at the end of a long run what was the worst."""
    yield
    reporter = pytestconfig.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or len(STEPS) <= 2 * len(ALWAYS):
        return
    reporter.write_line("")
    for name, step in sorted(STEPS.items(), key=lambda one: -one[1].cpu)[:8]:
        told = f"{step.cpu * 1000:.1f} ms of work in one step"
        reporter.write_line(f"  {told} ({step.wall * 1000:.1f} by the clock): {name}")
        reporter.write_line(f"    {step.what[:100]}")
    for name in sorted(GROWTH, key=lambda one: -GROWTH[one])[:4]:
        reporter.write_line(f"  {GROWTH[name]:8.1f} MiB more: {name}")


# --- what happens ---------------------------------------------------------------


@dataclass(frozen=True)
class Scene:
    """One lane whose server turns hostile, and another that has to go on."""

    hass: HomeAssistant
    side: Side
    entry: MockConfigEntry
    good: Side
    other: MockConfigEntry
    hostile: HostileServer

    async def toggle(self, side: Side, entry: MockConfigEntry) -> Seen:
        """Ask for what a film is not, and return what it is to be."""
        item_id = side.item_id("Arrival")
        is_watched = side.seen(item_id).watched
        action = "mark_unwatched" if is_watched else "mark_watched"
        await act(self.hass, action, item_id=item_id, config_entry_id=entry.entry_id)
        return UNSEEN if is_watched else ONE_PLAY

    async def check(self) -> None:
        """Look whether all that Home Assistant and we keep is whole."""
        check_states(self.hass)
        await check_files(self.hass)
        await check_ours(self.hass, self.entry)
        await check_ours(self.hass, self.other)

    async def meet(self, name: str) -> bool:
        """Have the server answer so for a while; return whether our change waited.

        Only a server that says so itself can have settled it.
        """
        hass, side, entry = self.hass, self.side, self.entry
        lane = runtime_of(entry).lane
        self.hostile.turn(ANSWERS[name])
        self.hostile.answered = 0
        wanted = await self.toggle(side, entry)
        for action, data in (
            ("find_media", {"query": "Arrival"}),
            ("explain", {"title": "Alien"}),
            ("sync_now", {}),
        ):
            # A person is told why, in words that are translated.
            with suppress(HomeAssistantError):
                await act(hass, action, config_entry_id=entry.entry_id, **data)
        await asyncio.sleep(A_WHILE)
        assert self.hostile.answered
        await self.check()
        elsewhere = await self.toggle(self.good, self.other)
        await drained(hass, self.other, seconds=LATER)
        assert self.good.seen(self.good.item_id("Arrival")) == elsewhere
        waited = bool(waiting(entry))

        self.hostile.turn(None)
        await act(hass, "sync_now", config_entry_id=entry.entry_id)
        await drained(hass, entry, seconds=LATER)
        await until(
            runtime_of(entry), lambda: lane.health.phase is Phase.READY, seconds=LATER
        )
        assert not lane.outbox.rejected
        if waited:
            assert side.seen(side.item_id("Arrival")) == wanted
        # Reads that failed for long say so until they are due again.
        await until_true(
            lambda: state_of(hass, entry, "sync_status") == "synced",
            seconds=LATER,
            every=5.0,
        )
        await self.check()
        return waited


def in_the_long_run() -> Iterator[Any]:
    """Yield what one Home Assistant after the other meets, but for what always is."""
    rest = [one for one in ANSWERS if one not in (*ALWAYS, *LASTING)]
    for names in batched(rest, AT_ONCE, strict=False):
        marks = (pytest.mark.long, pytest.mark.timeout(900))
        yield pytest.param(names, marks=marks, id=names[0])


@pytest.mark.parametrize(
    "names", [pytest.param(ALWAYS, id="always"), *in_the_long_run()]
)
async def test_hostile_server_costs_its_own_lane_some_time_and_nothing_else(
    hass: HomeAssistant,
    sides: tuple[Side, Side],
    hostile: HostileServer,
    machine: TimeMachine,
    names: tuple[str, ...],
) -> None:
    side, good = sides
    await side.put(side.item_id("Alien"), plays=1, at=side.server.clock())
    entry = await side.connect(
        hass, side.film("Arrival"), side.show("Chernobyl"), url=hostile.url
    )
    scene = Scene(hass, side, entry, good, await good.connect(hass), hostile)
    machine.running = True
    await scene.meet(FULLEST)
    before = held_memory()
    for name in names:
        try:
            with StallMeter() as meter:
                waited = await scene.meet(name)
            assert waited or name not in ALWAYS
        except (AssertionError, TimeoutError) as err:
            err.add_note(f"after the answer: {name}")
            raise
        STEPS[f"{side.kind}: {name}"] = meter.longest
    grown = held_memory() - before
    GROWTH[f"{side.kind}: {names[0]} and so on"] = grown
    assert grown < MOST_GROWTH
