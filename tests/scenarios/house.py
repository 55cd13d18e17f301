"""A lane on a simulated server, and what a scenario asks of both.

Nothing of ours is replaced: a `Side` is a simulated server as a test sees it, with the
same questions for Plex and Jellyfin.
"""

from abc import ABC, abstractmethod
import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, override

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
import orjson
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.watched_sync.const import DOMAIN, ENTRY_MINOR_VERSION
from custom_components.watched_sync.core.catalogue import Progress
from custom_components.watched_sync.core.identity import Item, MediaKind, ProviderIds
from custom_components.watched_sync.core.lane import Phase
from custom_components.watched_sync.core.operation import Operation
from custom_components.watched_sync.runtime import WatchedSyncRuntime
from custom_components.watched_sync.servers.transport import Transport
from tests.common import tracked, until
from tests.fakes import library
from tests.fakes.base import FakeServer, FaultKind, LoggedRequest
from tests.fakes.jellyfin import TICKS_PER_SECOND, FakeJellyfin
from tests.fakes.plex import FakePlex

USER = "alex"
CLIENT_ID = "0123456789abcdef0123456789abcdef"


@dataclass(frozen=True, slots=True)
class Seen:
    """One user's play state of one film or episode, as the server stores it."""

    watched: bool
    plays: int
    position: float = 0.0


UNSEEN = Seen(watched=False, plays=0)
ONE_PLAY = Seen(watched=True, plays=1)

type States = dict[tuple[str, str], Seen]
"""By user and item id; what was never touched is left out."""


class Side(ABC):
    """A simulated server and what its user's entry needs."""

    kind: str
    #: Regular expressions of the paths that change a play state, and of any other.
    write_paths: str
    read_paths: str
    #: The same of those that list what is up next.
    list_paths: str

    def __init__(self, server: FakeServer) -> None:
        self.server = server

    @abstractmethod
    def item_id(
        self,
        title: str,
        year: int | None = None,
        *,
        season: int | None = None,
        episode: int | None = None,
        library: str | None = None,
    ) -> str:
        """Return the id of a film or show, or of a show's season or episode."""

    @abstractmethod
    def retitle(self, item_id: str, title: str) -> None:
        """Call an item otherwise on the server."""

    @abstractmethod
    def leaves(self, item_id: str) -> list[str]:
        """Return the ids of the episodes below a show or season, specials too."""

    @abstractmethod
    def seen(self, item_id: str, user: str = USER) -> Seen:
        """Return a play state."""

    @abstractmethod
    def last_played(self, item_id: str) -> datetime | None:
        """Return when the server says it was played last."""

    @abstractmethod
    def all_seen(self) -> States:
        """Return every play state of every user that is not the default."""

    @abstractmethod
    async def put(
        self,
        item_id: str,
        *,
        plays: int = 0,
        position: float = 0.0,
        user: str = USER,
        at: datetime | None = None,
    ) -> None:
        """Have somebody else's client leave a play state; *position* in seconds."""

    @abstractmethod
    def marks(self) -> list[tuple[str, str]]:
        """List what was written: `watched`, `unwatched` or `progress`, and item id."""

    @abstractmethod
    def data(self) -> dict[str, Any]:
        """Return an entry's data."""

    @abstractmethod
    def revoke(self) -> None:
        """Make the entry's token worth nothing."""

    @abstractmethod
    def lock_out(self, hours: int) -> None:
        """Have the server let the user in again in so many *hours*; it is noon now.

        Everything is answered with 403 until then, and the sign-in stays good.
        """

    @abstractmethod
    def let_in(self) -> None:
        """End the time of `lock_out`, which may also end by itself."""

    @abstractmethod
    def remove(self, item_id: str) -> None:
        """Take an item out of the library."""

    @abstractmethod
    def put_back(self, item_id: str) -> str:
        """Put a removed item back, as another file; return its new id."""

    @property
    def writes(self) -> list[LoggedRequest]:
        """The requests that change a play state, in order."""
        return self.server.find(self.write_paths)

    def show(self, title: str) -> Item:
        """Return a show as a person picks it to be tracked."""
        seed = library.show(title)
        return Item(
            self.item_id(title),
            MediaKind.SHOW,
            title,
            year=seed.year,
            provider_ids=ProviderIds(**seed.ids),
        )

    def film(self, title: str, year: int | None = None) -> Item:
        """Return a film as a person picks it to be tracked."""
        seed = library.movie(title, year)
        return Item(
            self.item_id(title, year),
            MediaKind.MOVIE,
            title,
            year=seed.year,
            provider_ids=ProviderIds(**seed.ids),
            duration=seed.minutes * 60,
        )

    def entry(self, url: str | None = None, **options: Any) -> MockConfigEntry:
        """Return an entry for this server, not yet added; *url* if it is another's."""
        data = self.data()
        if url is not None:
            data["url"] = url
        return MockConfigEntry(
            domain=DOMAIN,
            title=f"{data['server_name']} ({data['user_name']})",
            unique_id=f"{data['server_id']}:{data['user_id']}",
            data=data,
            minor_version=ENTRY_MINOR_VERSION,
            **{"options": {"person": "shared"}, **options},
        )

    async def connect(
        self, hass: HomeAssistant, *items: Item, **options: Any
    ) -> MockConfigEntry:
        """Set an entry up, tracking *items*."""
        entry = self.entry(subentries_data=[tracked(item) for item in items], **options)
        entry.add_to_hass(hass)
        assert await hass.config_entries.async_setup(entry.entry_id)
        await hass.async_block_till_done()
        assert entry.state is ConfigEntryState.LOADED
        return entry


class PlexSide(Side):
    """A simulated Plex Media Server."""

    kind = "plex"
    write_paths = "^/:/(un)?scrobble$|^/:/timeline$"
    read_paths = "^/(library|hubs|$)"
    list_paths = "^/hubs/continueWatching"

    server: FakePlex

    @override
    def item_id(
        self,
        title: str,
        year: int | None = None,
        *,
        season: int | None = None,
        episode: int | None = None,
        library: str | None = None,
    ) -> str:
        return self.server.rating_key(
            title, year, season=season, episode=episode, library=library
        )

    @override
    def retitle(self, item_id: str, title: str) -> None:
        self.server.retitle(item_id, title)

    @override
    def leaves(self, item_id: str) -> list[str]:
        return self.server.leaves(item_id)

    @override
    def seen(self, item_id: str, user: str = USER) -> Seen:
        state = self.server.state(user, item_id)
        return Seen(state.view_count > 0, state.view_count, state.view_offset_ms / 1000)

    @override
    def last_played(self, item_id: str) -> datetime | None:
        return self.server.state(USER, item_id).last_viewed_at

    @override
    def all_seen(self) -> States:
        return {
            (user, item_id): self.seen(item_id, user)
            for user in self.server.users
            for item_id in self.server.states(user)
        }

    @override
    async def put(
        self,
        item_id: str,
        *,
        plays: int = 0,
        position: float = 0.0,
        user: str = USER,
        at: datetime | None = None,
    ) -> None:
        self.server.set_state(
            user,
            item_id,
            view_count=plays,
            view_offset_ms=int(position * 1000),
            last_viewed_at=at,
        )

    @override
    def marks(self) -> list[tuple[str, str]]:
        names = {
            "/:/scrobble": ("watched", "key"),
            "/:/unscrobble": ("unwatched", "key"),
            "/:/timeline": ("progress", "ratingKey"),
        }
        return [
            (name, one.query[key])
            for one in self.writes
            for name, key in (names[one.path],)
        ]

    @override
    def data(self) -> dict[str, Any]:
        return {
            "kind": "plex",
            "url": self.server.url,
            "token": self.server.token_for(USER),
            "verify_ssl": True,
            "client_id": CLIENT_ID,
            "server_id": self.server.machine_identifier,
            "server_name": self.server.name,
            "user_id": "1",
            "user_name": USER,
        }

    @override
    def revoke(self) -> None:
        self.server.revoke(self.server.token_for(USER))

    @override
    def lock_out(self, hours: int) -> None:
        self.server.fail(FaultKind.STATUS, status=403, times=None)

    @override
    def let_in(self) -> None:
        self.server.clear_faults()

    @override
    def remove(self, item_id: str) -> None:
        self.server.remove_item(item_id)

    @override
    def put_back(self, item_id: str) -> str:
        return self.server.readd_item(item_id)


class JellyfinSide(Side):
    """A simulated Jellyfin."""

    kind = "jellyfin"
    write_paths = "/UserPlayedItems/|/UserData$"
    read_paths = "/Items$|/Shows/|/Resume$|/Users/Me$"
    list_paths = "/Resume$|/NextUp$"

    server: FakeJellyfin

    @override
    def item_id(
        self,
        title: str,
        year: int | None = None,
        *,
        season: int | None = None,
        episode: int | None = None,
        library: str | None = None,
    ) -> str:
        return self.server.item_id(title, year, season, episode, library)

    @override
    def retitle(self, item_id: str, title: str) -> None:
        self.server.retitle(item_id, title)

    @override
    def leaves(self, item_id: str) -> list[str]:
        return self.server.leaves(item_id)

    @override
    def seen(self, item_id: str, user: str = USER) -> Seen:
        state = self.server.state(user, item_id)
        return Seen(
            state.played, state.play_count, state.position_ticks / TICKS_PER_SECOND
        )

    @override
    def last_played(self, item_id: str) -> datetime | None:
        return self.server.state(USER, item_id).last_played_date

    @override
    def all_seen(self) -> States:
        return {
            (user.name, item_id): seen
            for user in self.server.users.values()
            for item_id in self.server.stored_ids(user.name)
            if (seen := self.seen(item_id, user.name)) != UNSEEN
        }

    @override
    async def put(
        self,
        item_id: str,
        *,
        plays: int = 0,
        position: float = 0.0,
        user: str = USER,
        at: datetime | None = None,
    ) -> None:
        await self.server.set_state(
            user,
            item_id,
            played=plays > 0,
            play_count=plays,
            position_ticks=int(position * TICKS_PER_SECOND),
            last_played_date=at or self.server.clock(),
        )

    @override
    def marks(self) -> list[tuple[str, str]]:
        found = []
        for one in self.writes:
            parts = one.path.strip("/").split("/")
            if parts[-1] == "UserData":
                found.append(("progress", parts[-2]))
            else:
                name = "watched" if one.method == "POST" else "unwatched"
                found.append((name, parts[-1]))
        return found

    @override
    def data(self) -> dict[str, Any]:
        return {
            "kind": "jellyfin",
            "url": self.server.url,
            "token": self.server.token_for(USER, CLIENT_ID),
            "verify_ssl": True,
            "client_id": CLIENT_ID,
            "server_id": self.server.server_id,
            "server_name": self.server.name,
            "user_id": self.server.user_id(USER),
            "user_name": USER,
        }

    @override
    def revoke(self) -> None:
        self.server.revoke(self.server.token_for(USER, CLIENT_ID))

    @override
    def lock_out(self, hours: int) -> None:
        noon = self.server.clock().replace(hour=12, minute=0, second=0)
        self.server.clock.set(noon)
        # Real ones have the same for everybody but administrators.
        self.server.users[self.server.user_id(USER)].access_schedules = [
            {"DayOfWeek": "Everyday", "StartHour": 12 + hours, "EndHour": 24}
        ]

    @override
    def let_in(self) -> None:
        """The schedule does it."""

    @override
    def remove(self, item_id: str) -> None:
        self.server.remove_item(item_id)

    @override
    def put_back(self, item_id: str) -> str:
        return self.server.readd_item(item_id)


class EmbySide(JellyfinSide):
    """A simulated Emby."""

    kind = "emby"
    write_paths = "/PlayedItems/|/UserData$"
    read_paths = "/Items$|/Shows/|/Resume$|/Users/[^/]*$"

    @override
    def data(self) -> dict[str, Any]:
        return {**super().data(), "kind": "emby"}


# --- what happens in it ---------------------------------------------------------


async def act(hass: HomeAssistant, action: str, /, **data: Any) -> dict[str, Any]:
    """Call an action of ours and return its response."""
    response = await hass.services.async_call(
        DOMAIN, action, data, blocking=True, return_response=True
    )
    assert isinstance(response, dict)
    return response


def runtime_of(entry: MockConfigEntry) -> WatchedSyncRuntime:
    """Return what a loaded entry is made of."""
    runtime: WatchedSyncRuntime = entry.runtime_data
    return runtime


def state_of(hass: HomeAssistant, entry: MockConfigEntry, key: str) -> str:
    """Return what a lane's sensor shows."""
    entity_id = er.async_get(hass).async_get_entity_id(
        "sensor", DOMAIN, f"{entry.unique_id}:{key}"
    )
    assert entity_id is not None
    state = hass.states.get(entity_id)
    assert state is not None
    return state.state


def waiting(entry: MockConfigEntry) -> list[Operation]:
    """Return what waits in a lane."""
    return list(runtime_of(entry).lane.outbox)


async def read_at_leisure(entry: MockConfigEntry) -> None:
    """Have a lane read now what it reads at leisure, as for somebody who asks."""
    nothing = ProviderIds(imdb="tt0000001")
    assert not await runtime_of(entry).inventory.find_now(MediaKind.MOVIE, nothing)


async def know_films(entry: MockConfigEntry) -> None:
    """Have the catalogue know all films, and that there is nothing else."""
    runtime = runtime_of(entry)
    kind = MediaKind.MOVIE
    for one in await runtime.server.libraries():
        start = 0 if one.may_hold(kind) else None
        while start is not None:
            page = await runtime.server.inventory_page(one, kind, start)
            await runtime.catalogue.keep(page.readings)
            start = page.next_start
    await runtime.catalogue.note(Progress(finished_at=runtime.clock.now()))


async def notice(hass: HomeAssistant, entry: MockConfigEntry, phase: Phase) -> None:
    """Have a lane look at its server now, and wait until it is in *phase*."""
    runtime = runtime_of(entry)
    runtime.relay.nudge()
    await until(runtime, lambda: runtime.lane.health.phase is phase)
    await hass.async_block_till_done()


async def cut_off(hass: HomeAssistant, entry: MockConfigEntry, side: Side) -> None:
    """Take a server off the net, and wait until its lane knows."""
    await side.server.go_dark()
    await notice(hass, entry, Phase.BACKING_OFF)


async def bring_back(hass: HomeAssistant, entry: MockConfigEntry, side: Side) -> None:
    """Put a server back on the net, and wait until its lane knows."""
    await side.server.come_back()
    await notice(hass, entry, Phase.READY)


async def until_true(
    condition: Callable[[], bool], seconds: float = 30, every: float = 0.005
) -> None:
    """Wait until *condition* holds, looking *every* so many seconds.

    Where a `TimeMachine` runs, waiting for a backoff needs no fine steps.
    """
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what a test waits for sets no event
            await asyncio.sleep(every)


async def until_written(side: Side, count: int) -> None:
    """Wait until a server was sent that many changes."""
    await until_true(lambda: len(side.writes) >= count, seconds=3600)


def outbox_file(hass: HomeAssistant, entry: MockConfigEntry) -> Path:
    """Return the file that holds a lane's outbox."""
    return Path(hass.config.path(".storage", f"{DOMAIN}.{entry.entry_id}.outbox"))


def on_disk(hass: HomeAssistant, entry: MockConfigEntry) -> dict[str, Any]:
    """Return what a start from the disk as it is now would find."""
    stored = orjson.loads(outbox_file(hass, entry).read_bytes())
    data: dict[str, Any] = stored["data"]
    return data


@dataclass(frozen=True, slots=True)
class Sent:
    """One request as it left; `at` is the event loop's time."""

    at: float
    method: str
    path: str


class Traffic(list[Sent]):
    """Every request our clients send, whether anybody answers or not."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Listen until the test ends."""
        original = Transport._exchange

        async def exchange(
            transport: Transport, method: str, path: str, **options: Any
        ) -> Any:
            self.append(Sent(asyncio.get_running_loop().time(), method, path))
            return await original(transport, method, path, **options)

        monkeypatch.setattr(Transport, "_exchange", exchange)
