"""A real Home Assistant in a temporary folder, next to the simulated servers.

The servers run in the test's own process, so that a test sees and does everything to
them; Home Assistant is the one of `.venv-ha`, made by `scripts/setup ha`.
"""

import asyncio
from collections.abc import Mapping, Sequence
from functools import cache
import json
from pathlib import Path
import re
import subprocess
from types import MappingProxyType
from typing import Any, Self

import pytest

from custom_components.watched_sync.const import PERSON_SHARED
from custom_components.watched_sync.core.slots import STEADY_AFTER
from scripts.lib.demo import dashboard
from scripts.lib.demo.client import Client
from scripts.lib.demo.home import Access, copy_texts
from scripts.lib.demo.lanes import jellyfin_entry, plex_entry
from scripts.lib.demo.process import PYTHON, ROOT, HomeAssistant, free_port
from tests.fakes.control import Ports, Simulation

from .browser import Browser

USER = "demo"
PASSWORD = "demo"
VIEWER = "alex"
HOUSEMATE = "kim"

PLEX = "attic_alex"
JELLYFIN = "cellar_alex"

#: What a Home Assistant without a network says in any case.
_KNOWN_LOG = re.compile(
    r"Skipping pip installation|has not been tested by Home Assistant"
    r"|zlib_ng and isal|shutdown cleanly|Ended unfinished session"
    r"|deprecat",
    re.IGNORECASE,
)
#: That something took its time, of whomever it is said, tells of the machine: on a busy
#: one a state is half a second under way. What never ends is said in other words
#: ("longer than", "blocking"), and stays a complaint.
_SLOW_LOG = re.compile(
    r"(Setup of|Update of|Updating state for) .* (is taking over|took) [\d.]+ seconds"
    r"|Updating .* took longer than the scheduled update interval"
)
#: What the frontend says in any case: its own chat, and a source map it looks for.
_KNOWN_CONSOLE = re.compile(
    r"Cannot access '\w+' before initialization|raw\.githubusercontent\.com"
    r"|ERR_NAME_NOT_RESOLVED|ERR_INTERNET_DISCONNECTED"
)
_NO_POSTER = re.compile(
    r"http 503: \S+/api/watched_sync/image/|Failed to load resource: .* status of 503"
)
_BAD_LOG = re.compile(r"^\S+ \S+ (WARNING|ERROR|CRITICAL) ")


class House:
    """Home Assistant, the servers, and what a test needs of both."""

    def __init__(
        self,
        folder: Path,
        *,
        plex: bool = True,
        jellyfin: bool = True,
        track: Sequence[str] = ("Severance",),
        track_jellyfin: Sequence[str] = (),
        configuration: str = "",
        sentences: Sequence[str] = (),
        blueprints: bool = False,
        household: bool = False,
        reads_at_once: bool = False,
    ) -> None:
        """Prepare; nothing is started.

        A *household* is two persons, each with lanes on both servers: Alex, who owns
        the home, and Kim, who is no administrator and whose password is her name.
        *configuration* is YAML for the end of configuration.yaml; *sentences* are the
        languages whose sentence files are copied, and *blueprints* says whether ours
        are, all as a person does by hand. Libraries are read half a minute after a
        start, unless the house *reads_at_once*: then `read` need not wait that long.
        """
        if not PYTHON.exists():
            pytest.fail("`scripts/setup ha` was not run: there is no Home Assistant")
        self.folder = folder
        self.simulation = Simulation()
        self.simulation.live_in()
        self._connect = {"plex": plex, "jellyfin": jellyfin}
        self._track = {"plex": track, "jellyfin": track_jellyfin}
        self._configuration = configuration
        self._sentences = sentences
        self._blueprints = blueprints
        self._persons = {VIEWER: "person.alex", HOUSEMATE: "person.kim"}
        if not household:
            self._persons = {VIEWER: PERSON_SHARED}
        self._calm = 0.5 if reads_at_once else None
        self.logs: list[str] = []

    async def __aenter__(self) -> Self:
        await self.simulation.start(Ports())
        try:
            self.home = HomeAssistant(
                self.folder / "home",
                await self._furnish(),
                plex_tv=self.simulation.plex_tv.url,
                calm=self._calm,
            )
            await self.home.start()
        except BaseException:
            await self.simulation.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self.logs.append(self.home.log)
        await self.home.kill()
        await self.simulation.stop()

    @property
    def plex(self) -> Any:
        """The simulated Plex."""
        return self.simulation.plex

    @property
    def jellyfin(self) -> Any:
        """The simulated Jellyfin."""
        return self.simulation.jellyfin

    #: Who lives there, as `furnish` takes it; else only the one who signs in.
    residents: Mapping[str, Any] = MappingProxyType({})

    async def connected(self, hello: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the config entries; *hello* is that of the simulation."""
        entries = []
        for user, person in self._persons.items():
            tracks = user == VIEWER
            if self._connect["plex"]:
                token = hello["plex"]["users"][user]["token"]
                entries.append(
                    await plex_entry(
                        hello["plex"]["url"],
                        token,
                        plex_tv=hello["plex_tv"]["url"],
                        track=self._track["plex"] if tracks else (),
                        person=person,
                    )
                )
            if self._connect["jellyfin"]:
                password = hello["jellyfin"]["users"][user]["password"]
                entries.append(
                    await jellyfin_entry(
                        hello["jellyfin"]["url"],
                        user,
                        password,
                        track=self._track["jellyfin"] if tracks else (),
                        person=person,
                    )
                )
        return entries

    async def _furnish(self) -> Access:
        hello = self.simulation.hello()
        entries = await self.connected(hello)
        folder = self.folder / "home"
        wanted = {
            "port": free_port(),
            "user": USER,
            "password": PASSWORD,
            "configuration": self._configuration,
            "entries": entries,
            **self.residents,
        }
        if HOUSEMATE in self._persons:
            wanted |= {"owner": VIEWER.capitalize(), "others": [HOUSEMATE.capitalize()]}
        made = await asyncio.to_thread(_furnish, folder, wanted)
        access = Access(**json.loads(made))
        copy_texts(folder, languages=self._sentences, blueprints=self._blueprints)
        if entries:
            dashboard.write_dashboard(
                folder,
                access.user_id,
                [
                    dashboard.LaneCards(
                        entry["title"],
                        self.simulation.machines[entry["data"]["kind"]].product,
                        "mdi:eye",
                    )
                    for entry in entries
                ],
                hello["control"],
            )
        return access

    def client(self) -> Client:
        """Return a client of Home Assistant."""
        return self.home.client()

    def browser(self, *, signed_in: bool = True, **options: Any) -> Browser:
        """Return a browser that is to look at Home Assistant."""
        access = self.home.access
        return Browser(
            access.url,
            tokens=access.browser_tokens if signed_in else None,
            pictures=self.folder / "pictures",
            **options,
        )

    async def read(self) -> None:
        """Wait until the libraries of all lanes were read."""
        async with self.client() as client, asyncio.timeout(120):
            while True:
                who = await client.command("watched_sync/who")
                if all(lane["inventory"] == "complete" for lane in who["lanes"]):
                    return
                await asyncio.sleep(0.2)

    async def restart(self) -> None:
        """Stop Home Assistant in order and start it again."""
        self.logs.append(self.home.log)
        await self.home.stop()
        await self.home.start()

    async def kill(self) -> None:
        """Kill Home Assistant with SIGKILL."""
        self.logs.append(self.home.log)
        await self.home.kill()

    async def crash(self) -> None:
        """Kill Home Assistant with SIGKILL and start it again."""
        await self.kill()
        await self.home.start()

    def complaints(self) -> list[str]:
        """Return warnings and errors of all starts that are not known and harmless."""
        return [
            line
            for log in (*self.logs, self.home.log)
            for line in log.splitlines()
            if _BAD_LOG.match(line)
            and not _KNOWN_LOG.search(line)
            and not _SLOW_LOG.search(line)
        ]


@cache
def _furnisher() -> subprocess.Popen[str]:
    """Start what makes folders, with the Python whose Home Assistant will use them.

    It ends with the tests. To find Home Assistant takes it two seconds: once, and not
    for each house.
    """
    return subprocess.Popen(
        [str(PYTHON), "-m", "scripts.lib.demo.home"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _furnish(folder: Path, wanted: Mapping[str, Any]) -> str:
    """Have a folder made, and return who may enter as JSON."""
    furnisher = _furnisher()
    assert furnisher.stdin is not None
    assert furnisher.stdout is not None
    furnisher.stdin.write(f"{json.dumps([str(folder), wanted])}\n")
    furnisher.stdin.flush()
    if made := furnisher.stdout.readline():
        return made
    _furnisher.cache_clear()
    raise RuntimeError(f"the folder could not be made ({furnisher.wait()})")


async def up_next_switch(client: Client, device: str, title: str) -> str:
    """Return the entity id of the slot that shows a title, once it may be pressed."""
    found: list[str] = []

    def shows(states: dict[str, Any]) -> bool:
        found[:] = [
            entity_id
            for entity_id, state in states.items()
            if entity_id.startswith(f"switch.{device}_up_next_")
            and state["attributes"].get("title") == title
        ]
        return bool(found)

    await client.until(shows, f"{title} is up next")
    await asyncio.sleep(STEADY_AFTER)
    return found[0]


async def synced(client: Client) -> None:
    """Wait until nothing is left to be delivered, on either server.

    The queue tells: a change is not called pending before it has waited for a while.
    """
    async with asyncio.timeout(30):
        while True:
            queue = await client.action("watched_sync.get_queue", response=True)
            if not queue["operations"]:
                break
            await asyncio.sleep(0.1)
    for lane in (PLEX, JELLYFIN):
        await client.until_state(f"sensor.{lane}_pending_changes", "0")
        await client.until_state(f"sensor.{lane}_sync_status", "synced")


async def no_complaints(browser: Browser, *, had_outage: bool = False) -> None:
    """Fail if the page complained about anything that is not known and harmless.

    When a server was away, had signed us out or was set up anew meanwhile
    (*had_outage*), posters of what it has may have been missing.
    """
    bad = [
        line
        for line in await browser.errors()
        if not _KNOWN_CONSOLE.search(line)
        and not (had_outage and _NO_POSTER.search(line))
    ]
    assert not bad, "\n".join(bad)
