"""`scripts/check-server`: it asks, tells, reports, and can be killed at any time."""

import asyncio
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator
import contextlib
from dataclasses import dataclass, field
import io
import json
from pathlib import Path
import re
import signal
import sys
from typing import Final

import pytest

from scripts.lib.checking import (
    DIFFERS,
    FAILED,
    LEFT,
    SAME,
    NoteFile,
    Refusal,
    Terminal,
    main,
    parse,
    run,
)
from tests.fakes.base import FaultKind
from tests.fakes.jellyfin import FakeJellyfin
from tests.fakes.plex import FakePlex
from tests.servers.checked import DEAF, AnyFake, everything, serving

pytestmark = pytest.mark.usefixtures("socket_enabled")

ROOT: Final = Path(__file__).parents[1]

NOTE: Final = {
    "version": 1,
    "product": "plex",
    "server_id": "1",
    "user_id": "1",
    "device_id": "1",
    "session_id": "",
    "playing": "",
}


@dataclass
class Person:
    """Sits in front of the terminal and answers in turn."""

    answers: list[str]
    asked: list[str] = field(default_factory=list)
    out: io.StringIO = field(default_factory=io.StringIO)

    def answer(self, text: str) -> str:
        self.asked.append(text)
        return self.answers.pop(0)

    @property
    def terminal(self) -> Terminal:
        return Terminal(self.out, self.answer, self.answer)

    @property
    def told(self) -> str:
        return self.out.getvalue()


async def check(server: AnyFake, person: Person, folder: Path, *arguments: str) -> int:
    notes = NoteFile(folder / "note.json")
    options = parse([server.url, *arguments])
    return await run(options, person.terminal, notes, DEAF)


def login(server: AnyFake) -> list[str]:
    """Return what alex answers when asked who it is."""
    if isinstance(server, FakePlex):
        return [server.token_for("alex")]
    return ["alex", "alex-password"]


@pytest.mark.parametrize("name", ["plex", "10.11", "emby"])
async def test_table_and_report_tell_everything_and_nobody(
    name: str, tmp_path: Path
) -> None:
    report = tmp_path / "report.md"
    async with serving(name) as server:
        before = everything(server)
        person = Person([*login(server), "y"])
        assert await check(server, person, tmp_path, "--report", str(report)) == SAME
        assert everything(server) == before
        if isinstance(server, FakeJellyfin):
            assert not server.tokens
    assert not (tmp_path / "note.json").exists()
    assert "Alien (1979) and all of Sherlock" in person.told
    assert re.search(r"Does a second mark count another play\? +(yes|no) ", person.told)
    written = report.read_text(encoding="utf-8")
    found = json.loads(written.split("```json")[1].split("```")[0])
    assert found["product"] in {"plex", "jellyfin", "emby"}
    assert found["put_back"] is True
    assert {one["verdict"] for one in found["facts"]} == {"same", "not_tried"}
    assert written.count("| same |") + written.count("| not tried |") == len(
        found["facts"]
    )
    for secret in (
        "127.0.0.1",
        server.name,
        "alex",
        "Alien",
        "Sherlock",
        "Movies",
        *login(server),
    ):
        assert secret not in written


async def test_what_differs_is_told(tmp_path: Path) -> None:
    async with serving("plex") as server:
        assert isinstance(server, FakePlex)
        server.options.scrobble_methods = frozenset({"GET"})
        person = Person(login(server))
        assert await check(server, person, tmp_path, "--yes") == DIFFERS
    assert re.search(r"Is a mark taken by PUT\? +yes +no +differs", person.told)


@pytest.mark.parametrize("answers", [["n"], [""]])
async def test_nothing_is_written_unless_it_is_agreed_to(
    answers: list[str], tmp_path: Path
) -> None:
    async with serving("12.0") as server:
        person = Person([*login(server), *answers])
        assert await check(server, person, tmp_path) == SAME
        methods = [(one.method, one.path) for one in server.requests]
    assert {one for one in methods if one[0] != "GET"} == {
        ("POST", "/Users/AuthenticateByName"),
        ("POST", "/Sessions/Logout"),
    }
    assert "nothing was to be written" in person.told


async def test_read_only_asks_nothing(tmp_path: Path) -> None:
    async with serving("12.0") as server:
        person = Person(login(server))
        assert await check(server, person, tmp_path, "--read-only") == SAME
        assert not server.find("/UserPlayedItems/")


async def test_token_is_taken_and_left_alone(tmp_path: Path) -> None:
    async with serving("12.0") as server:
        assert isinstance(server, FakeJellyfin)
        token = server.token_for("alex")
        person = Person(["", token])
        assert await check(server, person, tmp_path, "--read-only") == SAME
        assert token in server.tokens


async def test_kind_and_user_can_be_named(tmp_path: Path) -> None:
    async with serving("emby") as server:
        server.clear_log()
        person = Person(["alex-password"])
        named = ("--kind", "emby", "--user", "alex", "--read-only")
        assert await check(server, person, tmp_path, *named) == SAME
        assert not server.find("/identity")


async def test_wrong_token_signs_nobody_in(tmp_path: Path) -> None:
    async with serving("12.0") as server:
        assert isinstance(server, FakeJellyfin)
        server.fail(FaultKind.STATUS, path="/Users/Me", status=500, times=None)
        with pytest.raises(Exception, match="500"):
            await check(server, Person(login(server)), tmp_path)
        assert not server.tokens


async def test_nothing_that_fits_is_said(tmp_path: Path) -> None:
    async with serving("12.0") as server:
        assert isinstance(server, FakeJellyfin)
        server.user("alex").libraries = frozenset()
        person = Person(login(server))
        assert await check(server, person, tmp_path) == DIFFERS
    assert "No film and no show was found" in person.told


async def test_film_that_is_not_there_is_refused(tmp_path: Path) -> None:
    async with serving("12.0") as server:
        with pytest.raises(Refusal, match="Nowhere"):
            await check(server, Person(login(server)), tmp_path, "--film", "Nowhere")


async def test_what_is_left_is_named_and_put_back_later(tmp_path: Path) -> None:
    note = tmp_path / "note.json"
    async with serving("12.0") as server:
        before = everything(server)
        fault = server.fail(
            FaultKind.STATUS, path="/UserPlayedItems/", status=403, after=20, times=None
        )
        person = Person([*login(server), "y"])
        assert await check(server, person, tmp_path) == LEFT
        assert fault.hits
        assert "was never touched" in person.told
        assert note.stat().st_mode & 0o777 == 0o600
        person = Person(login(server))
        put_back = ("--put-back", str(note))
        assert await check(server, person, tmp_path, *put_back) == LEFT
        server.clear_faults()
        person = Person(login(server))
        assert await check(server, person, tmp_path, *put_back) == SAME
        assert everything(server) == before
    assert not note.exists()
    assert "Everything is as it was." in person.told


async def test_note_of_another_user_is_refused(tmp_path: Path) -> None:
    note = tmp_path / "note.json"
    async with serving("12.0") as server:
        server.fail(
            FaultKind.STATUS, path="/UserPlayedItems/", status=403, after=20, times=None
        )
        await check(server, Person([*login(server), "y"]), tmp_path)
        server.clear_faults()
        with pytest.raises(Refusal, match="another user"):
            await check(
                server,
                Person(["kim", "kim-password"]),
                tmp_path,
                "--put-back",
                str(note),
            )


@pytest.mark.parametrize(
    "text",
    [
        "no JSON",
        "[]",
        "{}",
        '{"version": 1, "product": "kodi"}',
        json.dumps(NOTE | {"items": {"1": {"members": {"viewCount": []}}}}),
        json.dumps(NOTE | {"version": 2, "items": {}}),
    ],
)
async def test_other_files_are_no_notes(text: str, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text(text, encoding="utf-8")
    async with serving("plex") as server:
        with pytest.raises(Refusal, match="no note"):
            await check(server, Person([]), tmp_path, "--put-back", str(other))


def test_failure_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    person = Person([])
    assert main(["ftp://nowhere"], person.terminal) == FAILED
    assert person.told == "error: the address is not an http or https address\n"
    assert list(tmp_path.iterdir()) == []


# --- as a process -------------------------------------------------------------------


@contextlib.asynccontextmanager
async def started(
    server: AnyFake, folder: Path, *arguments: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Start the script as a user does; who it is for comes from a pipe."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "scripts.lib.check_server",
        server.url,
        *arguments,
        cwd=folder,
        env={"PYTHONPATH": str(ROOT)},
        stdin=PIPE,
        stdout=PIPE,
        stderr=STDOUT,
        start_new_session=True,  # without a terminal to ask for the password at
    )
    assert process.stdin is not None
    process.stdin.write("\n".join([*login(server), ""]).encode())
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def files(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def output(process: asyncio.subprocess.Process) -> str:
    told, _ = await process.communicate()
    return told.decode()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
async def test_ctrl_c_puts_back(how: signal.Signals, tmp_path: Path) -> None:
    async with serving("12.0") as server:
        assert isinstance(server, FakeJellyfin)
        before = everything(server)
        # In the middle of the mark of a season, which nobody knows to be carried out.
        fault = server.fail(
            FaultKind.APPLIED_BUT_SLOW, path="/UserPlayedItems/", after=3, delay=30
        )
        async with started(server, tmp_path, "--yes") as process:
            await fault.struck.wait()
            process.send_signal(how)
            told = await output(process)
        assert process.returncode == FAILED
        assert told.endswith("Stopped.\n")
        assert everything(server) == before
        assert not server.tokens
    assert files(tmp_path) == []


async def test_killed_check_is_put_back_by_its_note(tmp_path: Path) -> None:
    async with serving("plex") as server:
        before = everything(server)
        fault = server.fail(
            FaultKind.APPLIED_BUT_SLOW, path="/:/scrobble", after=1, delay=30
        )
        async with started(server, tmp_path, "--yes") as process:
            await fault.struck.wait()
            process.kill()
            await process.wait()
        assert everything(server) != before
        (note,) = files(tmp_path)
        assert note.stat().st_mode & 0o777 == 0o600
        for secret in ("Alien", "alex", *login(server)):
            assert secret not in note.read_text(encoding="utf-8")
        async with started(server, tmp_path, "--put-back", str(note)) as process:
            assert (await output(process)).endswith("Everything is as it was.\n")
        assert process.returncode == SAME
        assert everything(server) == before
    assert files(tmp_path) == []


async def test_no_home_assistant_is_needed(tmp_path: Path) -> None:
    """Aiohttp alone is, and what it brings along."""
    blocked = tmp_path / "homeassistant.py"
    blocked.write_text("raise ImportError", encoding="utf-8")
    async with serving("12.0") as server:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "scripts.lib.check_server",
            server.url,
            "--read-only",
            env={"PYTHONPATH": f"{tmp_path}:{ROOT}"},
            stdin=PIPE,
            stdout=PIPE,
            stderr=STDOUT,
            start_new_session=True,
        )
        told, _ = await process.communicate(b"alex\nalex-password\n")
    assert process.returncode == SAME, told.decode()
