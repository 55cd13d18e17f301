"""A simulated server, and a check of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
import json
from pathlib import Path
from typing import Any, Final

from aiohttp import ClientSession

from custom_components.watched_sync.core.checking import Check, CheckRequest
from custom_components.watched_sync.core.restoring import DirectAccess, RestoreNote
from custom_components.watched_sync.servers.jellyfin.client import JellyfinClient
from custom_components.watched_sync.servers.jellyfin.dialect import EMBY, JELLYFIN
from custom_components.watched_sync.servers.jellyfin.direct import JellyfinDirect
from custom_components.watched_sync.servers.plex.client import PlexClient
from custom_components.watched_sync.servers.plex.direct import PlexDirect
from tests.fakes.base import FakeClock
from tests.fakes.emby import FakeEmby
from tests.fakes.jellyfin import FakeJellyfin
from tests.fakes.jellyfin.user_data import UserData
from tests.fakes.plex import FakePlex

type AnyFake = FakePlex | FakeJellyfin

NOW: Final = datetime(2026, 11, 30, 12, tzinfo=UTC)
DEVICE: Final = "checking-device"
ENGLISH: Final = (
    Path(__file__).parents[2] / "custom_components/watched_sync/translations/en.json"
)

#: Without a socket: nothing is waited for.
DEAF: Final = CheckRequest(listens=False, second_look=0.0, pauses=())
#: Told within a twentieth of a second (see `serving`).
LISTENING: Final = CheckRequest(patience=0.3, quiet=0.1, second_look=0.0, pauses=())

SERVERS: Final = ("plex", "10.10", "10.11", "12.0", "emby")


class RealClock:
    """The time that it is."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()


@asynccontextmanager
async def serving(name: str, *, oddities: bool = False) -> AsyncIterator[AnyFake]:
    """Start one of `SERVERS`."""
    clock = FakeClock(NOW)
    server: AnyFake
    match name:
        case "plex":
            server = FakePlex(clock=clock)
        case "emby":
            server = FakeEmby(clock=clock, debounce=0.05, oddities=oddities)
        case _:
            server = FakeJellyfin(
                clock=clock, profile=name, debounce=0.05, oddities=oddities
            )
    async with server:
        yield server


def access(
    server: AnyFake, session: ClientSession
) -> tuple[PlexClient | JellyfinClient, DirectAccess]:
    """Return a client of alex, and what goes past it."""
    if isinstance(server, FakePlex):
        token = server.token_for("alex")
        return (
            PlexClient(session, server.url, token, client_id=DEVICE),
            PlexDirect(session, server.url, token, client_id=DEVICE),
        )
    token = server.token_for("alex", DEVICE)
    known: dict[str, Any] = {
        "user_id": server.user_id("alex"),
        "device_id": DEVICE,
        "dialect": EMBY if isinstance(server, FakeEmby) else JELLYFIN,
    }
    return (
        JellyfinClient(session, server.url, token, **known),
        JellyfinDirect(session, server.url, token, **known),
    )


@dataclass
class Kept:
    """The notes that a check kept, as a file would hold them."""

    all: list[RestoreNote | None] = field(default_factory=list)

    async def __call__(self, note: RestoreNote | None) -> None:
        if note is not None:
            note = RestoreNote.from_json(json.loads(json.dumps(note.as_json())))
        self.all.append(note)

    @property
    def last(self) -> RestoreNote | None:
        return self.all[-1] if self.all else None


async def no_pause(_: float) -> None:
    """Wait for nothing."""


async def make_check(
    server: AnyFake, session: ClientSession, wanted: CheckRequest = DEAF
) -> Check:
    client, direct = access(server, session)
    return Check(
        client,
        direct,
        await client.identify(),
        device_id=DEVICE,
        session_id="a-session",
        clock=RealClock(),
        sleep=no_pause,
        wanted=wanted,
    )


def everything(server: AnyFake) -> Any:
    """Return all that the server remembers of all users, but for what was never."""
    if isinstance(server, FakePlex):
        state = server.snapshot()
        return (
            {user: server.states(user) for user in server.users},
            state.history,
            state.sessions,
            state.hidden,
        )
    rows, alone, _ = server.states.snapshot()
    touched = {key: row for key, row in rows.items() if row != UserData()}
    apart = {key: row for key, row in alone.items() if row != rows.get(key, UserData())}
    playing = [
        one.item_id for one in server.sessions.all.values() if one.item_id is not None
    ]
    return touched, apart, playing
