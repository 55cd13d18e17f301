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

from tests.fakes.control import HOUSEHOLD, Ports, Simulation

from . import dashboard, household
from .client import Client, RefusedError
from .home import (
    DOMAIN,
    Access,
    copy_texts,
    furnish,
    get,
    link_component,
    put,
    set_port,
)
from .media import named
from .process import RESTART, ROOT, HomeAssistant, NotStartedError, free_port

type Json = dict[str, Any]

USER: Final = "demo"
PASSWORD: Final = "demo"  # noqa: S105 - it is printed for everybody to use
_PLAYERS_COMPONENT: Final = Path(__file__).with_name("simulated_players")

_PORT: Final = 8123
_SERVER_PORTS: Final = Ports(
    plex=32400, plex_tv=32401, jellyfin=8096, emby=8097, control=8090
)
#: A whole film, in percent.
_WHOLE: Final = 100
#: What happens to a server, by command and switch.
_TROUBLE: Final = {
    ("outage", "on"): "cannot be reached any more",
    ("outage", "off"): "is back",
    ("refuse", "on"): "refuses every change from now on",
    ("refuse", "off"): "takes changes again",
}
#: The end of configuration.yaml: the players.
_CONFIGURATION: Final = "\n".join(
    ["simulated_players:", *(f"  - {name}" for name in household.PLAYERS)]
)
#: Seconds between two looks whether the servers' play states have to be kept.
_KEEP_EVERY: Final = 10.0


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
        self._simulation.machines["jellyfin"].shown_first = HOUSEHOLD
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
        urls = {kind: hello[kind]["url"] for kind in self._simulation.machines}
        if not is_new:
            access = Access(**json.loads(self._access_file.read_text(encoding="utf-8")))
            access = Access(**asdict(access) | {"url": f"http://127.0.0.1:{port}"})
            set_port(self._home, port)
            self._readdress(urls)
            self._copy_texts()
            return access
        shutil.rmtree(self._home, ignore_errors=True)
        entries = await household.connect(hello)
        access = furnish(
            self._home,
            port=port,
            user=USER,
            password=PASSWORD,
            owner=household.OWNER,
            others=household.OTHERS,
            configuration=_CONFIGURATION,
            entries=entries,
        )
        link_component(self._home, _PLAYERS_COMPONENT)
        self._copy_texts()
        dashboard.write_dashboard(
            self._home,
            access.user_id,
            [
                dashboard.LaneCards(
                    entry["title"],
                    self._simulation.machines[lane.kind].product,
                    lane.icon,
                )
                for entry, lane in zip(entries, household.LANES, strict=True)
            ],
            hello["control"],
        )
        return access

    def _copy_texts(self) -> None:
        """Bring sentences and blueprints to what they are today."""
        languages = [one.name for one in (ROOT / "custom_sentences").iterdir()]
        copy_texts(self._home, languages=languages)

    def _readdress(self, urls: dict[str, str]) -> None:
        """Follow the servers to the ports they have today."""
        stored = get(self._home, "core.config_entries")
        for entry in stored["data"]["entries"]:
            if entry["domain"] == DOMAIN:
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
            await household.move_in(client)

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
        others = " and ".join(household.OTHERS)
        _say(f"""
  Watched Sync    {home.url}    user: {USER}    password: {PASSWORD}
  The servers     {hello["control"]}    what they know, live

  That user is {household.OWNER}, who owns the home. {others} live there too: each signs
  in with the name in lower case, which is the password as well. Plex is connected
  for Alex and for Kim, Jellyfin for the whole household. Connect more with what the
  servers' page says: Sam's Jellyfin with Quick Connect, or Emby.

  Try this:
    Turn a switch on in Home Assistant and look at the servers' page.
    Then, in a second terminal:
      scripts/demo play "Severance S02E05" --to 95%    somebody watches television
      scripts/demo outage plex on     turn more switches: they wait in the queue
      scripts/demo outage plex off    and the queue drains
      scripts/demo refuse plex on     turn a switch: it fails, and Repairs asks you

  Ctrl-C stops everything; what you did is kept (--fresh forgets it).
""")


def _running(folder: Path) -> Json:
    """Return what the running demo wrote down. Raises DemoError if none runs."""
    note = folder / "running.json"
    if not note.exists():
        raise DemoError("The demo does not run. Start it with scripts/demo.")
    running: Json = json.loads(note.read_text(encoding="utf-8"))
    return running


async def trouble(folder: Path, what: str, server: str, switch: str) -> None:
    """Make a server of the running demo unreachable, or have it refuse changes.

    *what* is `outage` or `refuse`; *switch* `off` ends it. Raises DemoError.
    """
    control = _running(folder)["control"]
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{control}/api/{what}/{server}/{switch}") as answer,
        ):
            answer.raise_for_status()
    except aiohttp.ClientError as error:
        raise DemoError(f"The demo does not answer at {control}.") from error
    _say(f"{server.capitalize()} {_TROUBLE[what, switch]}.")


async def play(folder: Path, title: str, player: str, percent: float | None) -> None:
    """Play something on a player of the running demo. Raises DemoError.

    At *percent* of its length it is stopped; without it plays on.
    """
    running = _running(folder)
    try:
        media = named(title)
    except LookupError as error:
        raise DemoError(f"The servers do not have that: {error}") from error
    access_file = folder / "access.json"
    if not access_file.exists():
        raise DemoError("The demo is still starting.")
    token = json.loads(access_file.read_text(encoding="utf-8"))["token"]
    entity_id = household.player_id(player)
    try:
        async with Client(running["url"], token) as client:

            async def play_at(position: float) -> None:
                await client.action(
                    "simulated_players.play",
                    {"media": media, "position": position},
                    entity_id=entity_id,
                )

            await play_at(0)
            if percent is None:
                _say(f"{player} plays {title}. Stop it in Home Assistant.")
                return
            await play_at(media["media_duration"] * percent / 100)
            await client.action("media_player.media_stop", entity_id=entity_id)
    except (OSError, aiohttp.ClientError) as error:
        raise DemoError(f"Home Assistant does not answer: {running['url']}") from error
    _say(f"{player} played {title} up to {percent:g} % and stopped.")


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
    commands = parser.add_subparsers(
        dest="command", title="in a second terminal", metavar="COMMAND"
    )
    for what, text in (
        ("outage", "take a server away, or bring it back"),
        ("refuse", "have a server refuse every change, or take changes again"),
    ):
        broken = commands.add_parser(what, help=text)
        broken.add_argument("server", choices=["plex", "jellyfin", "emby"])
        broken.add_argument("switch", choices=["on", "off"])
    playing = commands.add_parser("play", help="have a player play something")
    playing.add_argument("title", help='"Severance S02E05", "Arrival" or "Dune (2021)"')
    playing.add_argument(
        "--to",
        type=_percent,
        metavar="PERCENT",
        help="stop there, as in 95%%; without it plays on",
    )
    playing.add_argument(
        "--on", choices=[*household.PLAYERS], default=next(iter(household.PLAYERS))
    )
    return parser.parse_args()


def _percent(text: str) -> float:
    percent = float(text.removesuffix("%"))
    if not 0 <= percent <= _WHOLE:
        raise ValueError(text)
    return percent


async def _run(given: argparse.Namespace) -> None:
    folder = given.folder.resolve()
    match given.command:
        case "outage" | "refuse":
            await trouble(folder, given.command, given.server, given.switch)
        case "play":
            await play(folder, given.title, given.on, given.to)
        case _:
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
