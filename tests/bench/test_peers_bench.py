"""Two servers made level by this integration and by other tools, one after the other.

The others are run from checkouts that somebody has, as programs of their own (see
`scripts/bench --peers`); nothing of theirs is part of this repository. Each tool gets a
simulated Jellyfin and a simulated Emby of its own, fresh, in processes of their own.
Both of the others can be used with this pair without an account in the internet.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
import json
import os
from pathlib import Path
import platform
import resource
import subprocess
import sys
from time import perf_counter, process_time
from typing import Any

from homeassistant.core import HomeAssistant
import pytest

from custom_components.watched_sync.core import pace
from tests.scenarios.house import act

from .remote import Remote
from .table import Result, Table
from .test_bench import asked, entry_for
from .test_library_bench import read_whole

PEERS = os.environ.get("PEERS")

pytestmark = [
    pytest.mark.bench,
    pytest.mark.timeout(3_600),
    pytest.mark.skipif(PEERS is None, reason="no checkouts of other tools are given"),
]

FILMS = int(os.environ.get("PEERS_FILMS", "10000"))
DIFFERING = FILMS * 4 // 10
WATCHED_ON_BOTH = FILMS // 4
USER = "alex"
FOLDER = Path(PEERS or ".").absolute()
PYTHON = FOLDER / "venv" / "bin" / "python"

#: What CrossWatch's own service does when a synchronisation is started.
_CROSSWATCH = """
from cw_platform.config_base import load_config
from cw_platform.orchestrator import Orchestrator
Orchestrator(load_config()).run()
"""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two servers on which other films were watched."""

    jellyfin: Remote
    emby: Remote

    @property
    def both(self) -> tuple[Remote, Remote]:
        """The two of them."""
        return self.jellyfin, self.emby


@pytest.fixture(scope="module")
def table() -> Iterator[Table]:
    """Everything measured; printed at the end."""
    made = Table(("Watched Sync", "CrossWatch", "JellyPlex-Watched"))
    yield made
    about = f"Python {platform.python_version()}, {os.cpu_count()} processors"
    load = os.getloadavg()[0]
    sys.stdout.write(f"\n\n{about}, load {load:.1f} at the end\n\n{made}\n")


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Fresh servers: the first half of what differs is watched on one of them only."""
    made = Pair(Remote("jellyfin", FILMS), Remote("emby", FILMS))
    for remote, own in (
        (made.jellyfin, slice(0, DIFFERING // 2)),
        (made.emby, slice(DIFFERING // 2, DIFFERING)),
    ):
        films = remote.ask("films")
        remote.ask("watch", films[own])
        remote.ask("watch", films[DIFFERING : DIFFERING + WATCHED_ON_BOTH])
        remote.ask("clear")
    yield made
    for remote in made.both:
        remote.stop()


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds by the clock, and those of the processor that worked for the tool."""

    seconds: float
    processor: float


async def measured(table: Table, tool: str, pair: Pair, took: Took) -> None:
    """Add what a tool did, and see that it did all of it."""
    watched = requests = writes = twice = 0
    for remote in pair.both:
        plays = await asked(remote, "plays")
        watched += len(plays)
        twice += sum(count > 1 for count in plays.values())
        log = [one for one in await asked(remote, "log") if "socket" not in one[2]]
        requests += len(log)
        writes += sum(is_write for *_, is_write in log)
    missing = 2 * (DIFFERING + WATCHED_ON_BOTH) - watched
    rows = {
        f"{DIFFERING:,} of 2 x {FILMS:,} films made level": f"{took.seconds:.0f} s",
        "its own work": f"{took.processor:.1f} s",
        "requests": f"{requests:,}",
        "of these writes": f"{writes:,}",
        "requests a difference": f"{requests / DIFFERING:.2f}",
        "left unlike": f"{missing}",
        "counted twice": f"{twice}",
    }
    for row, text in rows.items():
        table.add(row, "", tool, Result(text))


async def run(code: list[str], folder: Path, **environment: str) -> Took:
    """Run a program to its end, and return how long it took."""
    began, used = perf_counter(), _used_by_programs()
    process = await asyncio.create_subprocess_exec(
        PYTHON,
        *code,
        cwd=folder,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    _, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()[-2_000:]
    return Took(perf_counter() - began, _used_by_programs() - used)


def _used_by_programs() -> float:
    """Return the seconds of the processor that programs took which have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


async def test_ours(
    hass: HomeAssistant,
    pair: Pair,
    table: Table,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Level two lanes whose libraries were read; that is measured apart."""
    monkeypatch.setattr(pace, "REST_FACTOR", 0.0)
    monkeypatch.setattr(pace, "SLOW_REST", 0.0)
    hass.loop.set_debug(False)
    entries = [entry_for(remote) for remote in pair.both]
    began = perf_counter()
    for entry in entries:
        entry.add_to_hass(hass)
        assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    for entry in entries:
        await read_whole(entry)
    known = perf_counter() - began
    before = 0
    for remote in pair.both:
        before += len(await asked(remote, "log"))
        await asked(remote, "clear")
    lanes = [entry.entry_id for entry in entries]

    began, used = perf_counter(), process_time()
    plan = await act(hass, "level", config_entry_id=lanes, what="watched")
    planned = perf_counter() - began
    answer: dict[str, Any] = await act(
        hass,
        "level",
        config_entry_id=lanes,
        what="watched",
        confirm=plan["plan_id"],
    )
    while True:
        await asyncio.sleep(0.2)
        told = await act(hass, "level", batch_id=answer["batch_id"])
        if told["levelling"]["state"] != "running":
            break
    tool = "Watched Sync"
    took = Took(perf_counter() - began, process_time() - used)
    await measured(table, tool, pair, took)
    table.add("of that the plan", "", tool, Result(f"{planned:.1f} s"))
    table.add(
        "libraries read before, once",
        "",
        tool,
        Result(f"{before} requests, {known:.0f} s"),
    )
    for entry in entries:
        assert await hass.config_entries.async_unload(entry.entry_id)


async def test_crosswatch(pair: Pair, table: Table, tmp_path: Path) -> None:
    """Run its orchestrator once, for the history of one pair, both ways."""
    servers: dict[str, dict[str, str]] = {}
    for remote in pair.both:
        data = await asked(remote, "data")
        servers[remote.kind] = {
            "server": data["url"],
            "access_token": data["token"],
            "user_id": data["user_id"],
        }
    config = {
        **servers,
        "sync": {
            "enable_add": True,
            "enable_remove": False,
            "bidirectional": {"enabled": True, "mode": "two-way"},
        },
        "pairs": [
            {
                "id": "measured",
                "enabled": True,
                "source": "JELLYFIN",
                "target": "EMBY",
                "mode": "two-way",
                "features": {"history": {"enable": True, "add": True, "remove": False}},
            }
        ],
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    took = await run(
        ["-c", _CROSSWATCH], FOLDER / "CrossWatch", CONFIG_BASE=str(tmp_path)
    )
    await measured(table, "CrossWatch", pair, took)


async def test_jellyplex_watched(pair: Pair, table: Table, tmp_path: Path) -> None:
    """Run it once, for one user, by ids and not by file names."""
    checkout = FOLDER / "JellyPlex-Watched"
    environment = {
        "DRYRUN": "False",
        "DEBUG_LEVEL": "INFO",
        "RUN_ONLY_ONCE": "True",
        "GENERATE_LOCATIONS": "False",
        "WHITELIST_USERS": USER,
        "LOG_FILE": "log.log",
        "MARK_FILE": "mark.log",
        "PYTHONPATH": str(checkout),
    }
    for remote in pair.both:
        name = remote.kind.upper()
        environment[f"{name}_BASEURL"] = (await asked(remote, "data"))["url"]
        environment[f"{name}_TOKEN"] = await asked(remote, "api_key")
        await asked(remote, "clear")
    took = await run([str(checkout / "main.py")], tmp_path, **environment)
    await measured(table, "JellyPlex-Watched", pair, took)
