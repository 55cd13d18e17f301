"""`scripts/demo`, as somebody types it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
import json
import os
from pathlib import Path
import signal
import socket
from typing import Any

import aiohttp
import pytest

from scripts.lib.demo.client import Client
from scripts.lib.demo.home import HOST, Access
from scripts.lib.demo.process import ROOT, free_port

from .house import PLEX, VIEWER, up_next_switch

# Each starts the command a few times, which takes its time on a busy machine.
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(480)]

STATUS = f"sensor.{PLEX}_sync_status"


class Demo:
    """One run of the command."""

    def __init__(self, folder: Path, process: asyncio.subprocess.Process) -> None:
        self.folder = folder
        self.process = process
        self.said = ""

    @property
    def running(self) -> dict[str, Any]:
        """What the demo wrote down about itself."""
        note: dict[str, Any] = json.loads((self.folder / "running.json").read_text())
        return note

    def client(self) -> Client:
        access = Access(**json.loads((self.folder / "access.json").read_text()))
        return Client(self.running["url"], access.token)

    async def until_says(self, text: str) -> None:
        """Wait until the command has printed *text*."""
        assert self.process.stdout is not None
        # More than Home Assistant is given to start.
        async with asyncio.timeout(150):
            while text not in self.said:
                line = await self.process.stdout.readline()
                assert line, f"it ended: {self.said}"
                self.said += line.decode()

    async def end(self, number: signal.Signals) -> None:
        """Send a signal and wait for the end."""
        self.process.send_signal(number)
        rest, _ = await asyncio.wait_for(self.process.communicate(), 60)
        self.said += rest.decode()

    async def servers(self, **users: str) -> list[dict[str, Any]]:
        """Return what the servers' page shows of these users."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{self.running['control']}/api/state", params=users) as answer,
        ):
            found: list[dict[str, Any]] = (await answer.json())["servers"]
            return found

    async def plays(self, title: str, *, user: str = VIEWER) -> int:
        """Return how often the film was played by a user of Plex."""
        plex = (await self.servers(plex=user))[0]
        played: int = next(
            film["plays"] for film in plex["movies"] if film["title"] == title
        )
        return played


async def run(folder: Path, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        str(ROOT / "scripts" / "demo"),
        "--folder",
        str(folder),
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


@asynccontextmanager
async def demo(folder: Path, *arguments: str) -> AsyncIterator[Demo]:
    """Start the demo and wait until it greets; killed if a test leaves it running."""
    found = Demo(folder, await run(folder, *arguments))
    try:
        await found.until_says("Ctrl-C stops everything")
        yield found
    finally:
        if found.process.returncode is None:
            await found.end(signal.SIGTERM)


async def says(folder: Path, *arguments: str) -> tuple[int | None, str]:
    """Run the command to its end and return exit code and output."""
    process = await run(folder, *arguments)
    said, _ = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, said.decode()


def runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A process that ended and was not looked after yet does not run.
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


async def test_the_demo_from_the_first_start_to_the_second(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    code, said = await says(folder, "outage", "plex", "on")
    assert (code, "does not run" in said) == (1, True)

    async with demo(folder) as first:
        assert first.running["url"] in first.said
        assert first.running["control"] in first.said
        assert await first.plays("Inception") == 1

        code, said = await says(folder)
        assert (code, "runs already" in said) == (1, True)

        assert (await says(folder, "outage", "plex", "on"))[0] == 0
        async with first.client() as client:
            switch = await up_next_switch(client, PLEX, "Oppenheimer")
            await client.action("switch.turn_on", entity_id=switch)
            await client.until_state(STATUS, "offline")
        assert await first.plays("Oppenheimer") == 0
        home = first.running["home_pid"]
        await first.end(signal.SIGINT)
    assert first.process.returncode == 0, first.said
    assert not runs(home)
    assert not (folder / "running.json").exists()

    async with demo(folder) as second:
        # The change was kept, and so was the server's memory; the outage was not.
        async with second.client() as client:
            await client.until_state(STATUS, "synced", timeout=30)
        assert await second.plays("Oppenheimer") == 1
        assert await second.plays("Inception") == 1

        assert (await says(folder, "outage", "plex", "on"))[0] == 0
        async with second.client() as client:
            await client.action("watched_sync.mark_unwatched", {"title": "Oppenheimer"})
            await client.until_state(STATUS, "offline")
            assert (await says(folder, "outage", "plex", "off"))[0] == 0
            # By itself: nobody says that the server is back.
            await client.until_state(STATUS, "synced", timeout=60)
        assert await second.plays("Oppenheimer") == 0


async def test_three_people_television_and_changes_that_fail(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    assert (await says(folder, "play", "Arrival"))[0] == 1
    async with demo(folder) as running, running.client() as client:
        persons = {"person.alex", "person.kim", "person.sam"}
        assert persons <= (await client.states()).keys()
        # What Alex has done before is not Kim's.
        assert await running.plays("Inception") == 1
        assert await running.plays("Inception", user="kim") == 0

        code, said = await says(folder, "play", "Severance S09E09")
        assert (code, "do not have that" in said) == (1, True)
        code, said = await says(folder, "play", "Severance S02E05", "--to", "95%")
        assert code == 0, said
        await client.until_state("sensor.severance_next_episode", "S02E06")
        await client.until_state(STATUS, "synced")
        await client.until_state("sensor.cellar_family_sync_status", "synced")
        # Kim's bedroom is no business of Alex, and what goes on is not over.
        assert (await says(folder, "play", "Paddington 2", "--on", "Bedroom"))[0] == 0
        await client.until_state("media_player.bedroom", "playing")
        dune = ("play", "Dune (2021)", "--to", "95", "--on", "Bedroom")
        assert (await says(folder, *dune))[0] == 0

        def kim_has_seen_it(states: dict[str, Any]) -> bool:
            told = states["event.attic_kim_activity"]["attributes"]
            return (told["event_type"], told.get("title")) == (
                "watched",
                "Dune",
            )

        await client.until(kim_has_seen_it, "Kim has seen Dune")
        await client.until_state("sensor.attic_kim_sync_status", "synced")
        plex = (await running.servers(plex="kim"))[0]
        plays = {(one["title"], one["year"]): one["plays"] for one in plex["movies"]}
        assert (plays["Dune", 2021], plays["Dune", 1984]) == (1, 0)
        assert await running.plays("Paddington 2") == 0

        assert (await says(folder, "refuse", "plex", "on"))[0] == 0
        await client.action("watched_sync.mark_watched", {"title": "Amélie"})
        await client.until_state(f"sensor.{PLEX}_failed_changes", "1")
        assert await running.plays("Amélie") == 0
        assert (await says(folder, "refuse", "plex", "off"))[0] == 0
        await client.action(
            "button.press", entity_id=f"button.{PLEX}_retry_failed_changes"
        )
        # What is asked for and delivered within two seconds never shows as waiting.
        async with asyncio.timeout(15):
            while await running.plays("Amélie") != 1:  # noqa: ASYNC110 - the server tells nobody
                await asyncio.sleep(0.1)
        await client.until_state(STATUS, "synced")

        # Sentences and blueprints are there to be used.
        answer = await client.command(
            "conversation/process",
            text="what's next in Severance",
            language="en",
        )
        spoken = answer["response"]["speech"]["plain"]["speech"]
        assert "season 2 episode 6" in spoken
        blueprints = await client.command("blueprint/list", domain="automation")
        assert any(name.startswith("watched_sync/") for name in blueprints)


def test_a_free_port_is_kept_for_whom_it_was_found() -> None:
    """Two houses that begin at once do not get the same one."""
    port = free_port()
    with (
        socket.socket() as other,
        pytest.raises(OSError, match="Address already in use"),
    ):
        other.bind((HOST, port))
    with socket.create_server((HOST, port)):
        pass


async def test_home_assistant_can_be_restarted_from_within(tmp_path: Path) -> None:
    port = free_port()
    async with demo(tmp_path / "demo", "--port", str(port)) as running:
        before = running.running["home_pid"]
        assert str(port) in running.said
        # The connection may end before the answer comes.
        with suppress(ConnectionError):
            async with running.client() as client:
                await client.action("homeassistant.restart")
        await running.until_says("Home Assistant is back")
        after = running.running["home_pid"]
        assert before != after
        async with running.client() as client:
            await client.until_state(STATUS, "synced")
        code, said = await says(tmp_path / "other", "--port", str(port))
        assert (code, f"Port {port} is taken" in said) == (1, True)

        # A demo that is killed leaves Home Assistant behind: the next one ends it.
        running.process.kill()
        await running.process.wait()
        assert runs(after)
    async with demo(tmp_path / "demo", "--fresh") as next_one:
        assert not runs(after)
        assert await next_one.plays("Inception") == 1
