"""`scripts/record-server`, shown a simulated server as if it were real."""

import asyncio
from collections.abc import AsyncIterator, Collection
import json
from pathlib import Path
from typing import Any, Final

import pytest

from scripts.lib.real import recording
from scripts.lib.real.contract import SECRET
from scripts.lib.real.recording import main
from tests.fakes.emby import FakeEmby
from tests.fakes.jellyfin import FakeJellyfin

from .replay import load, recorded_server, replay

pytestmark = pytest.mark.usefixtures("socket_enabled")

type Json = Any


@pytest.fixture(autouse=True)
def secret_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SECRET, raising=False)


@pytest.fixture
async def server() -> AsyncIterator[FakeJellyfin]:
    async with recorded_server("12.0") as running:
        running._debounce = 0.05
        yield running


async def record(server: FakeJellyfin, file: Path, *arguments: str) -> int:
    return await asyncio.to_thread(
        main,
        [server.url, str(file), "--admin", "root", *arguments],
        lambda _: "root-password",
        told=0.2,
    )


#: What makes use of each thing that a recorder can do, in short.
SOME: Final = (
    "who answers",
    "what is hidden",
    "sam switched off and on",
    "quick connect",
    "signed out",
    "socket",
)


@pytest.mark.parametrize(
    ("name", "only"),
    [
        ("12.0", SOME),
        pytest.param("12.0", (), marks=pytest.mark.long),
        pytest.param("10.11", (), marks=pytest.mark.long),
    ],
)
async def test_recording_of_a_simulated_server_is_what_it_answers(
    name: str,
    only: Collection[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All of it, also what the real ones answered otherwise."""
    old = load(name)
    if only:
        old["sequences"] = [one for one in old["sequences"] if one["sequence"] in only]
        assert len(old["sequences"]) == len(only)
    monkeypatch.setattr(recording, "load", {name: old}.__getitem__)
    async with recorded_server(name) as server:
        server._debounce = 0.05
        server.name = "Uncle's Attic"
        tokens = noted_tokens(server)
        users = set(server.users)
        assert await record(server, tmp_path / "new.json", "--like", name) == 0
        assert set(server.users) == users
        assert server.tokens == {}
        ids = {*server.users, *server.catalogue.items, server.server_id}
    assert "exchanges with Jellyfin" in capsys.readouterr().out
    text = (tmp_path / "new.json").read_text(encoding="utf-8")
    # Nothing is in it that is anybody's own.
    assert len(tokens) > 10
    own = {"watched-sync-test", "Uncle", "127.0.0.1", *ids, *tokens}
    assert [one for one in own if one in text] == []
    new = json.loads(text)
    assert new["version"] == server.profile.version
    assert [asked(one) for one in new["sequences"]] == [
        asked(one) for one in old["sequences"]
    ]
    differs = [one.member for one in await replay(name, new)]
    # Each has a port of its own.
    assert set(differs) <= {"WebSocketPortNumber"}


def noted_tokens(server: FakeJellyfin) -> set[str]:
    """Have all tokens be noted that were good until they are revoked."""
    tokens: set[str] = set()
    revoke = server.revoke

    def note(token: str) -> None:
        tokens.add(token)
        revoke(token)

    server.revoke = note  # type: ignore[method-assign]  # of this server alone
    return tokens


def asked(sequence: Json) -> Json:
    """Return what was done in a sequence, without the answers."""
    done = [
        {key: step.get(key) for key in ("prepare", "method", "path", "query", "body")}
        for step in sequence.get("steps", ())
    ]
    acts = [one["then"] for one in sequence.get("frames", ()) if "then" in one]
    return sequence["sequence"], done, acts


async def test_only_jellyfin_is_recorded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with FakeEmby() as server:
        assert await record(server, tmp_path / "new.json") == 2
    words = "error: only a Jellyfin can be asked what the recordings hold\n"
    assert capsys.readouterr().err == words
    assert not (tmp_path / "new.json").exists()


async def test_users_are_taken_away_when_it_is_stopped(
    server: FakeJellyfin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(_self: object, _like: Json) -> Json:
        assert len(server.users) == before + 3
        raise KeyboardInterrupt

    before = len(server.users)
    monkeypatch.setattr("scripts.lib.real.recording.Recorder.record", stop)
    assert await record(server, tmp_path / "new.json") == 2
    assert len(server.users) == before
    assert not (tmp_path / "new.json").exists()
