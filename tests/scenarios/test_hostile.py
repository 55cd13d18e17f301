"""A server that means harm: it costs its own lane some time, and nobody anything else.

Home Assistant knows a good server by the address of `HostileServer`, which then answers
as `tests/fakes/hostile.py` says. Who is there is still answered truly, or nothing else
would be asked.
"""

import asyncio
from collections.abc import AsyncIterator
import json
from pathlib import Path
import re
from typing import Any

from homeassistant.core import HomeAssistant
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
from tests.common import drained, until
from tests.fakes.hostile import ANSWERS, HostileServer

from .house import (
    ONE_PLAY,
    JellyfinSide,
    PlexSide,
    Side,
    act,
    on_disk,
    runtime_of,
    state_of,
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
#: Met in the long run, as the wish waits for its film to be there again.
LONG = ("1e300", "a title of a megabyte")

#: The paths at which a server says who it and its user are.
WHO = r"/(identity)?(\?|$)|/Users/Me(\?|$)|/System/Info/Public(\?|$)"

#: Bytes of all states; one title of a megabyte would be more.
MOST_STATES = 200_000

#: Surrogates, and what turns the direction of writing.
UNFIT = re.compile("[\ud800-\udfff\u202a-\u202e\u2066-\u2069]")

#: Seconds for which a server is hostile: too few to give up a wish.
A_WHILE = 60.0
HOUR = 3600.0


@pytest.fixture(params=["plex", "jellyfin"])
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


# --- what happens ---------------------------------------------------------------


@pytest.mark.parametrize(
    "name", [*ALWAYS, *(pytest.param(name, marks=pytest.mark.long) for name in LONG)]
)
async def test_hostile_server_costs_its_own_lane_some_time_and_nothing_else(
    hass: HomeAssistant,
    sides: tuple[Side, Side],
    hostile: HostileServer,
    machine: TimeMachine,
    name: str,
) -> None:
    side, good = sides
    await side.put(side.item_id("Alien"), plays=1, at=side.server.clock())
    entry = await side.connect(
        hass, side.film("Arrival"), side.show("Chernobyl"), url=hostile.url
    )
    other = await good.connect(hass)
    lane = runtime_of(entry).lane
    wish, elsewhere = side.item_id("Arrival"), good.item_id("Arrival")

    hostile.turn(ANSWERS[name])
    await act(hass, "mark_watched", item_id=wish, config_entry_id=entry.entry_id)
    machine.running = True
    await asyncio.sleep(A_WHILE)
    assert hostile.answered
    check_states(hass)
    await check_files(hass)
    await check_ours(hass, entry)
    assert [one.item.item_id for one in waiting(entry)] == [wish]
    assert [row["item"]["id"] for row in on_disk(hass, entry)["operations"]] == [wish]
    await act(hass, "mark_watched", item_id=elsewhere, config_entry_id=other.entry_id)
    await drained(hass, other, seconds=HOUR)
    assert good.seen(elsewhere) == ONE_PLAY

    hostile.turn(None)
    await act(hass, "sync_now", config_entry_id=entry.entry_id)
    await drained(hass, entry, seconds=HOUR)
    await until(
        runtime_of(entry), lambda: lane.health.phase is Phase.READY, seconds=HOUR
    )
    assert side.marks() == [("watched", wish)]
    assert side.seen(wish) == ONE_PLAY
    assert good.marks() == [("watched", elsewhere)]
    assert state_of(hass, entry, "sync_status") == "synced"
    check_states(hass)
    await check_ours(hass, entry)
