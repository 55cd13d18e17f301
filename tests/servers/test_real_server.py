"""`scripts/test --server`, shown simulated servers as if they were real."""

import asyncio
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
import os
from pathlib import Path
import re
import signal
import sys
from typing import Final

import pytest

from custom_components.watched_sync.servers.jellyfin.dialect import JELLYFIN
from scripts.lib.checking import Refusal
from scripts.lib.real import contract as running
from scripts.lib.real.contract import SECRET, main
from scripts.lib.real.jellyfin import RealJellyfin, dialect_at
from scripts.lib.real.plex import RealPlex
from tests.fakes.base import FakeClock, FaultKind
from tests.fakes.emby import FakeEmby
from tests.fakes.jellyfin import FakeJellyfin
from tests.fakes.library import MOVIES_4K_LIBRARY
from tests.fakes.plex import FakePlex

from .account_server import accounts_of

pytestmark = pytest.mark.usefixtures("socket_enabled")


@pytest.fixture(autouse=True)
def secret_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SECRET, raising=False)


type AnyFake = FakePlex | FakeJellyfin

ROOT: Final = Path(__file__).parents[2]
OURS: Final = "watched-sync-test-"


def fake(kind: str) -> AnyFake:
    clock = FakeClock(ticking=True)
    match kind:
        case "plex":
            return FakePlex(clock=clock)
        case "emby":
            return FakeEmby(clock=clock)
        case version:
            return FakeJellyfin(clock=clock, profile=version)


@asynccontextmanager
async def contract(server: AnyFake, *arguments: str) -> AsyncIterator[Process]:
    """Start it in a process of its own; it has ended afterwards."""
    async with AsyncExitStack() as stack:
        if isinstance(server, FakePlex):
            plex_tv = await stack.enter_async_context(accounts_of(server))
            login = ["--admin", "alex", "--plex-tv", plex_tv]
            secret = server.token_for("alex")
        else:
            login, secret = ["--admin", "root"], server.password("root")
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "scripts.lib.contract", "--server", server.url),
            *(*login, "-q", "--tb=short", *arguments),
            cwd=ROOT,
            env={**os.environ, SECRET: secret},
            stdout=PIPE,
            stderr=STDOUT,
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


async def outcome(process: Process) -> dict[str, int]:
    """Return how many tests passed, failed and were left out."""
    assert process.stdout is not None
    text = (await process.stdout.read()).decode()
    found = re.findall(r"(\d+) (passed|failed|errors?|deselected)", text)
    assert found, text
    counts = {name: int(count) for count, name in found}
    assert counts.keys() <= {"passed", "deselected"}, text
    return counts


def ours(server: FakeJellyfin) -> list[str]:
    return [one.name for one in server.users.values() if one.name.startswith(OURS)]


PART: Final = (
    "film_is_marked or hidden_library_is_gone or revoked_token_ends or dates or "
    "up_next_holds or failed_read"
)


async def test_part_of_the_contract_is_kept_over_tcp() -> None:
    async with fake("12.0") as server, contract(server, "-k", PART) as process:
        assert isinstance(server, FakeJellyfin)
        before = set(server.users)
        counts = await outcome(process)
        assert counts["passed"] == 4
        assert counts["deselected"] > 100
        assert set(server.users) == before
        assert server.tokens == {}


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("kind", "passed"),
    [("10.10", 120), ("10.11", 120), ("12.0", 120), ("emby", 120), ("plex", 100)],
)
async def test_whole_contract_is_kept_over_tcp(kind: str, passed: int) -> None:
    """As many pass as need nothing that a real server would not give."""
    async with fake(kind) as server, contract(server) as process:
        assert (await outcome(process))["passed"] == passed


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_users_are_taken_away_when_it_is_stopped(number: signal.Signals) -> None:
    async with fake("10.11") as server, contract(server) as process:
        assert isinstance(server, FakeJellyfin)
        # The first test has begun when somebody signs in after the administrator.
        begun = server.fail(FaultKind.SLOW, path="/AuthenticateByName", after=1)
        async with asyncio.timeout(50):
            await begun.struck.wait()
            assert len(ours(server)) == 3
            process.send_signal(number)
            await process.communicate()
        assert ours(server) == []
        assert process.returncode != 0


async def test_users_are_taken_away_whatever_happens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with fake("10.11") as server:
        assert isinstance(server, FakeJellyfin)
        there: list[int] = []

        def stop(*_: object) -> int:
            there.append(len(ours(server)))
            raise KeyboardInterrupt

        monkeypatch.setattr(running, "_run", stop)
        arguments = ["--server", server.url, "--admin", "root"]
        assert await asyncio.to_thread(main, arguments, lambda _: "root-password") == 2
        assert there == [3]
        assert ours(server) == []
        assert server.tokens == {}


async def test_users_of_a_killed_run_are_taken_away_by_the_next() -> None:
    async with fake("12.0") as server:
        assert isinstance(server, FakeJellyfin)
        left = server.add_user(f"{OURS}kim")
        kept = server.add_user("watched-sync")
        real = await real_jellyfin(server)
        await asyncio.to_thread(real.make_people)
        assert len(ours(server)) == 3
        assert left.id not in server.users
        await asyncio.to_thread(real.remove_people)
        assert ours(server) == []
        assert kept.id in server.users


async def real_jellyfin(server: FakeJellyfin, name: str = "root") -> RealJellyfin:
    return await asyncio.to_thread(
        RealJellyfin.sign_in, server.url, JELLYFIN, name, f"{name}-password"
    )


# What is refused, before anything is touched


async def test_who_is_no_administrator_is_refused() -> None:
    async with fake("12.0") as server:
        assert isinstance(server, FakeJellyfin)
        with pytest.raises(Refusal, match="alex is no administrator there"):
            await real_jellyfin(server, "alex")


@pytest.mark.parametrize("kind", ["12.0", "plex"])
async def test_library_that_was_not_made_for_tests_is_left_alone(kind: str) -> None:
    async with fake(kind) as server:
        if isinstance(server, FakePlex):
            server.remove_item(server.rating_key("Alien"))
        else:
            server.remove_item(server.item_id("Alien"))
        with pytest.raises(Refusal, match="does not hold exactly"):
            await looked_at(server)
        assert {one.method for one in server.requests} <= {"GET", "POST"}
        assert server.count("/:/|PlayedItems|/Users/New") == 0


async def looked_at(server: AnyFake) -> RealJellyfin | RealPlex:
    if isinstance(server, FakeJellyfin):
        return await real_jellyfin(server)
    token = server.token_for("alex")
    return await asyncio.to_thread(RealPlex, server.url, token, "alex")


async def test_missing_library_is_named() -> None:
    async with fake("12.0") as server:
        assert isinstance(server, FakeJellyfin)
        server.remove_item(server.catalogue.library(MOVIES_4K_LIBRARY).id)
        with pytest.raises(Refusal, match="no library Movies 4K: make its files"):
            await real_jellyfin(server)


@pytest.mark.parametrize(
    ("kind", "secret", "words"),
    [
        ("12.0", "wrong", "the sign-in was answered with 401"),
        ("plex", "wrong", "GET /library/sections was answered with 401"),
    ],
)
async def test_wrong_secret_is_said_in_one_sentence(
    kind: str, secret: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with fake(kind) as server:
        asked: list[str] = []

        def read(text: str) -> str:
            asked.append(text)
            return secret

        arguments = ["--server", server.url, "--admin", "root"]
        assert await asyncio.to_thread(main, arguments, read) == 2
    assert capsys.readouterr().err == f"error: {words}\n"
    assert len(asked) == 1


async def test_nobody_there_is_said_in_one_sentence() -> None:
    async with fake("12.0") as server:
        await server.go_dark()
        with pytest.raises(Refusal, match="does not answer"):
            await asyncio.to_thread(dialect_at, server.url)
