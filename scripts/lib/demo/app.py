"""The demo: a real Home Assistant with Watched Sync and two simulated servers."""

import argparse
import asyncio
from contextlib import suppress
from dataclasses import asdict
import json
import os
from pathlib import Path
import shutil
import signal
import sys
import time
from typing import Any, Final

import aiohttp

from tests.fakes.control import Ports, Simulation

from . import dashboard
from .client import Client, RefusedError
from .home import Access, furnish, get, put, set_port
from .lanes import jellyfin_entry, plex_entry
from .process import RESTART, ROOT, HomeAssistant, NotStartedError, free_port

type Json = dict[str, Any]

USER: Final = "demo"
PASSWORD: Final = "demo"  # noqa: S105 - it is printed for everybody to use
_VIEWER: Final = "alex"

_PORT: Final = 8123
_SERVER_PORTS: Final = Ports(plex=32400, plex_tv=32401, jellyfin=8096, control=8090)
#: Seconds between two looks whether the servers' play states have to be kept.
_KEEP_EVERY: Final = 10.0

_TRACKED: Final = {
    "plex": ("Severance",),
    "jellyfin": ("Arrival",),
}
#: What happens before anybody looks, so that there is something to see.
_OPENING: Final[tuple[tuple[str, Json], ...]] = (
    ("mark_watched", {"title": "Inception"}),
    ("mark_watched", {"title": "Chernobyl", "season": 1, "episode": 3}),
    ("set_progress", {"title": "Arrival", "percent": 35}),
)


class DemoError(Exception):
    """Something a person has to know, and no more than that."""


class Demo:
    """One run of the demo, in a folder that keeps everything from run to run."""

    def __init__(self, folder: Path) -> None:
        """Prepare; nothing is started."""
        self._folder = folder
        self._home = folder / "home"
        self._servers_file = folder / "servers.json"
        self._access_file = folder / "access.json"
        self._running_file = folder / "running.json"
        self._simulation = Simulation()
        self._stopping = asyncio.Event()
        self._kept = ""

    async def run(self, port: int | None, *, fresh: bool) -> None:
        """Start everything, wait for a signal, stop everything. Raises DemoError."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._stopping.set)
        self._take_over()
        if fresh:
            shutil.rmtree(self._home, ignore_errors=True)
            for file in (self._servers_file, self._access_file):
                file.unlink(missing_ok=True)
        self._folder.mkdir(parents=True, exist_ok=True)
        is_new = not self._access_file.exists()
        home_port = _choose_port(port)
        await self._start_servers(home_port)
        try:
            access = await self._settle(home_port, is_new=is_new)
            home = HomeAssistant(
                self._home, access, plex_tv=self._simulation.plex_tv.url
            )
            await self._live(home, is_new=is_new)
        finally:
            self._keep()
            await self._simulation.stop()
            self._running_file.unlink(missing_ok=True)

    def _take_over(self) -> None:
        """Make sure that nothing else works in the folder. Raises DemoError."""
        if not self._running_file.exists():
            return
        running = json.loads(self._running_file.read_text(encoding="utf-8"))
        if _runs(running["pid"], "scripts.lib.demo"):
            raise DemoError(f"The demo runs already: {running['url']}")
        # Its demo was killed and could not stop it.
        if _runs(orphan := running["home_pid"], str(self._home)):
            os.kill(orphan, signal.SIGTERM)
            end = time.monotonic() + 30
            while _runs(orphan, str(self._home)) and time.monotonic() < end:
                time.sleep(0.1)

    async def _start_servers(self, home_port: int) -> None:
        if self._servers_file.exists():
            self._kept = self._servers_file.read_text(encoding="utf-8")
            self._simulation.load(json.loads(self._kept))
        else:
            self._simulation.live_in()
        chosen: dict[str, int] = {}
        for name, port in asdict(_SERVER_PORTS).items():
            chosen[name] = free_port(port, taken=(home_port, *chosen.values()))
            if chosen[name] != port:
                _say(f"Port {port} is taken, so {name} listens on {chosen[name]}.")
        _say("Starting the simulated servers ...")
        await self._simulation.start(Ports(**chosen))

    async def _settle(self, port: int, *, is_new: bool) -> Access:
        """Make the folder of Home Assistant ready for a start."""
        hello = self._simulation.hello()
        urls = {kind: hello[kind]["url"] for kind in _TRACKED}
        if not is_new:
            access = Access(**json.loads(self._access_file.read_text(encoding="utf-8")))
            access = Access(**asdict(access) | {"url": f"http://127.0.0.1:{port}"})
            set_port(self._home, port)
            self._readdress(urls)
            return access
        shutil.rmtree(self._home, ignore_errors=True)
        token = hello["plex"]["users"][_VIEWER]["token"]
        password = hello["jellyfin"]["users"][_VIEWER]["password"]
        entries = [
            await plex_entry(urls["plex"], token, track=_TRACKED["plex"]),
            await jellyfin_entry(
                urls["jellyfin"], _VIEWER, password, track=_TRACKED["jellyfin"]
            ),
        ]
        access = furnish(
            self._home, port=port, user=USER, password=PASSWORD, entries=entries
        )
        dashboard.write_dashboard(
            self._home,
            access.user_id,
            [
                dashboard.LaneCards(
                    entry["title"],
                    self._simulation.machines[entry["data"]["kind"]].describe(_VIEWER),
                    icon,
                )
                for entry, icon in zip(
                    entries, ("mdi:plex", "mdi:jellyfish"), strict=True
                )
            ],
            hello["control"],
        )
        return access

    def _readdress(self, urls: dict[str, str]) -> None:
        """Follow the servers to the ports they have today."""
        stored = get(self._home, "core.config_entries")
        for entry in stored["data"]["entries"]:
            if entry["domain"] == "watched_sync":
                entry["data"]["url"] = urls[entry["data"]["kind"]]
        put(
            self._home,
            "core.config_entries",
            stored["data"],
            version=stored["version"],
            minor_version=stored["minor_version"],
        )

    async def _live(self, home: HomeAssistant, *, is_new: bool) -> None:
        """Run Home Assistant until somebody wants it to end."""
        stopped = asyncio.create_task(self._stopping.wait())
        keeper = asyncio.create_task(self._keep_on())
        _say("Starting Home Assistant ...")
        restarted = False
        try:
            while not self._stopping.is_set():
                await home.launch()
                self._note(home)
                ready = asyncio.create_task(home.ready())
                await asyncio.wait({ready, stopped}, return_when="FIRST_COMPLETED")
                if self._stopping.is_set():
                    ready.cancel()
                    return
                await ready
                if is_new:
                    await self._open(home.client())
                    # Only now it is worth coming back to.
                    self._remember(home.access)
                    is_new = False
                if restarted:
                    _say("Home Assistant is back.")
                else:
                    self._greet(home)
                ended = asyncio.create_task(home.wait())
                await asyncio.wait({ended, stopped}, return_when="FIRST_COMPLETED")
                if self._stopping.is_set():
                    ended.cancel()
                    return
                if (code := await ended) != RESTART:
                    raise DemoError(
                        f"Home Assistant ended with code {code}; see {home.log_file}"
                    )
                _say("Home Assistant restarts ...")
                restarted = True
        except NotStartedError as error:
            raise DemoError(str(error)) from error
        finally:
            if home.pid is not None:
                _say("Stopping ...")
            for task in (stopped, keeper):
                task.cancel()
            await asyncio.gather(stopped, keeper, return_exceptions=True)
            await home.stop()

    async def _open(self, client: Client) -> None:
        async with client:
            for action, data in _OPENING:
                await client.action(f"watched_sync.{action}", {**data, "wait": 10})

    def _remember(self, access: Access) -> None:
        self._access_file.write_text(json.dumps(asdict(access)), encoding="utf-8")
        self._access_file.chmod(0o600)

    def _note(self, home: HomeAssistant) -> None:
        """Write down what the other commands have to know."""
        note = {
            "pid": os.getpid(),
            "home_pid": home.pid,
            "url": home.url,
            "control": self._simulation.control_url,
        }
        self._running_file.write_text(json.dumps(note), encoding="utf-8")

    async def _keep_on(self) -> None:
        while True:
            await asyncio.sleep(_KEEP_EVERY)
            self._keep()

    def _keep(self) -> None:
        """Write down what the servers know, if that is news."""
        state = json.dumps(self._simulation.dump())
        if state != self._kept:
            self._servers_file.write_text(state, encoding="utf-8")
            self._kept = state

    def _greet(self, home: HomeAssistant) -> None:
        hello = self._simulation.hello()
        _say(f"""
  Watched Sync    {home.url}    user: {USER}    password: {PASSWORD}
  The servers     {hello["control"]}    what they know, live

  Plex "{hello["plex"]["name"]}"       {hello["plex"]["url"]}
      token: {hello["plex"]["users"][_VIEWER]["token"]}
  Jellyfin "{hello["jellyfin"]["name"]}"  {hello["jellyfin"]["url"]}
      user: {_VIEWER}   password: {hello["jellyfin"]["users"][_VIEWER]["password"]}

  Try this:
    Turn a switch on in Home Assistant and look at the servers' page.
    Then, in a second terminal:
      scripts/demo outage plex on     turn more switches: they wait in the queue
      scripts/demo outage plex off    and the queue drains

  Ctrl-C stops everything; what you did is kept (--fresh forgets it).
""")


async def outage(folder: Path, server: str, switch: str) -> None:
    """Take a server of the running demo away, or bring it back. Raises DemoError."""
    note = folder / "running.json"
    if not note.exists():
        raise DemoError("The demo does not run. Start it with scripts/demo.")
    control = json.loads(note.read_text(encoding="utf-8"))["control"]
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{control}/api/outage/{server}/{switch}") as answer,
        ):
            answer.raise_for_status()
    except aiohttp.ClientError as error:
        raise DemoError(f"The demo does not answer at {control}.") from error
    reached = "cannot be reached any more" if switch == "on" else "is back"
    _say(f"{server.capitalize()} {reached}.")


def _choose_port(wanted: int | None) -> int:
    """Return a free port for Home Assistant. Raises DemoError."""
    if wanted is not None:
        if free_port(wanted) != wanted:
            raise DemoError(f"Port {wanted} is taken. Choose another one with --port.")
        return wanted
    port = free_port(_PORT)
    if port != _PORT:
        _say(f"Port {_PORT} is taken, so Home Assistant listens on {port}.")
    return port


def _runs(pid: int | None, mark: str) -> bool:
    """Whether that process runs and its command line has *mark* in it."""
    if pid is None:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError, PermissionError:
        return False
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        # No /proc here: the number alone has to do.
        return True
    return mark in command.replace("\0", " ")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/demo",
        description="A real Home Assistant with Watched Sync and two simulated "
        "servers. It sets itself up, and Ctrl-C stops all of it.",
    )
    parser.add_argument("--port", type=int, help=f"Home Assistant's port ({_PORT})")
    parser.add_argument(
        "--fresh", action="store_true", help="forget what was done before"
    )
    parser.add_argument(
        "--folder", type=Path, default=ROOT / ".demo", help="where all is kept (.demo)"
    )
    commands = parser.add_subparsers(dest="command", metavar="outage")
    broken = commands.add_parser(
        "outage", help="in a second terminal: take a server away, or bring it back"
    )
    broken.add_argument("server", choices=["plex", "jellyfin"])
    broken.add_argument("switch", choices=["on", "off"])
    return parser.parse_args()


async def _run(given: argparse.Namespace) -> None:
    folder = given.folder.resolve()
    if given.command == "outage":
        await outage(folder, given.server, given.switch)
    else:
        await Demo(folder).run(given.port, fresh=given.fresh)


def main() -> int:
    """Do what the command line says and return the exit code."""
    try:
        with suppress(KeyboardInterrupt):
            asyncio.run(_run(_arguments()))
    except (DemoError, RefusedError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0
