"""Start and end a real Home Assistant."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
import os
from pathlib import Path
import signal
import socket
import time

import aiohttp

from .client import Client, RefusedError
from .home import HOST, Access

ROOT = Path(__file__).parents[3]
PYTHON = ROOT / ".venv-ha" / "bin" / "python"
_LAUNCHER = Path(__file__).with_name("launcher.py")

#: What a Home Assistant that wants to be started again exits with.
RESTART = 100

_START_LIMIT = 120.0
#: Seconds that an orderly end may take.
_STOP_LIMIT = 30.0


class NotStartedError(Exception):
    """Home Assistant ended or did not answer; the end of its log is the message."""


#: Sockets that keep ports for those they were found for, until this process ends.
_KEPT: list[socket.socket] = []


def free_port(*wanted: int, taken: Iterable[int] = ()) -> int:
    """Return the first wanted port nobody listens on, or any free one.

    A free one is kept: nobody else is given it, as a port to listen on or to call from,
    before somebody listens on it.
    """
    for port in wanted:
        if port in taken:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
    kept = socket.socket()
    kept.bind((HOST, 0))
    # From now on, so that a server can listen on it beside this socket, which does not.
    kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    _KEPT.append(kept)
    found: int = kept.getsockname()[1]
    return found


class HomeAssistant:
    """The process that works in one folder; it can be started more than once."""

    def __init__(
        self, folder: Path, access: Access, *, plex_tv: str, calm: float | None = None
    ) -> None:
        """Prepare; nothing is started.

        *plex_tv* is the address of the simulated plex.tv, where it signs in; *calm* are
        the seconds before a library is read, if not those of everybody.
        """
        self._plex_tv = plex_tv
        self._calm = "" if calm is None else str(calm)
        self.folder = folder
        self.access = access
        self.log_file = folder / "output.log"
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        """The address."""
        return self.access.url

    @property
    def pid(self) -> int | None:
        """The process' number while it runs."""
        process = self._process
        return process.pid if process and process.returncode is None else None

    @property
    def log(self) -> str:
        """What this start wrote so far."""
        if not self.log_file.exists():
            return ""
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    def client(self) -> Client:
        """Return a client with the owner's token."""
        return Client(self.access.url, self.access.token)

    async def launch(self) -> None:
        """Start the process and do not wait for anything."""
        environment = dict(os.environ)
        # Without compiled files every start takes five seconds longer. The debugging
        # is for the loop of the tests: here it warns of Home Assistant's own start.
        for name in (
            "PYTHONASYNCIODEBUG",
            "PYTHONDONTWRITEBYTECODE",
            "PYTHONPATH",
            "PYTHONHOME",
        ):
            environment.pop(name, None)
        with self.log_file.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                str(PYTHON),
                str(_LAUNCHER),
                str(self.folder),
                self._plex_tv,
                self._calm,
                "--config",
                str(self.folder),
                "--skip-pip",
                "--log-no-color",
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                # Ctrl-C is for the caller, who then stops it in order.
                start_new_session=True,
            )

    async def ready(self) -> None:
        """Wait until everything is set up. Raises NotStartedError."""
        end = time.monotonic() + _START_LIMIT
        while time.monotonic() < end:
            if self.pid is None:
                break
            with suppress(OSError, aiohttp.ClientError, RefusedError, TypeError):
                async with self.client() as client:
                    config = await client.command("get_config")
                    if config["state"] == "RUNNING":
                        return
            await asyncio.sleep(0.1)
        tail = "\n".join(self.log.splitlines()[-20:])
        await self.kill()
        raise NotStartedError(f"Home Assistant did not start:\n{tail}")

    async def start(self) -> None:
        """Start and wait until everything is set up. Raises NotStartedError."""
        await self.launch()
        await self.ready()

    async def wait(self) -> int:
        """Wait for the end of the process and return its exit code."""
        if self._process is None:
            raise RuntimeError("it was never started")
        return await self._process.wait()

    async def stop(self) -> None:
        """End it as a shutdown of the machine would; killed if that takes too long."""
        if self.pid is None or self._process is None:
            return
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._process.wait(), _STOP_LIMIT)
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        """End it as a power cut would: SIGKILL, nothing is written any more."""
        if self.pid is None or self._process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()
