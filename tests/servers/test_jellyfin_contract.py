"""The contract, kept by the Jellyfin client and the simulated Jellyfin servers."""

from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass
from typing import Any, override

from aiohttp import ClientSession
import pytest

from custom_components.watched_sync.core.identity import MediaKind
from custom_components.watched_sync.core.play_state import PlayState
from custom_components.watched_sync.core.ports import PlaybackState, ServerInfo
from custom_components.watched_sync.servers.jellyfin.client import JellyfinClient
from custom_components.watched_sync.servers.jellyfin.wire import TYPE_NAMES
from tests.fakes.base import FakeClock
from tests.fakes.jellyfin import TICKS_PER_SECOND, FakeJellyfin
from tests.fakes.library import SeedShow, libraries as seeded_libraries

from .contract import MediaServerContract, Playing
from .inventory_contract import InventoryContract
from .library_contract import LibraryContract
from .odd_contract import OddBench, OddLibraryContract
from .playback_contract import PlaybackContract
from .trouble_contract import TroubleBench, TroubleContract

#: What a row of a film may say that cannot be.
ODD_MEMBERS: tuple[Mapping[str, Any], ...] = (
    {"Id": None},
    {"Id": "x y"},
    {"Type": None},
    {"Type": "Planet"},
    {"Name": None},
    {"Name": 7},
    {"ProductionYear": "soon"},
    {"RunTimeTicks": -5},
    {"RunTimeTicks": "long"},
    {"PremiereDate": "then"},
    {"LocationType": 7},
    {"ProviderIds": "none"},
    {"ProviderIds": {"Imdb": 5, "Tmdb": "0"}},
    {"MediaSourceCount": "two"},
    {"UserData": None},
    {"UserData": 5},
    {"UserData": {"Played": "yes"}},
    {"UserData": {"PlayCount": -1}},
    {"UserData": {"PlayCount": "many"}},
    {"UserData": {"PlaybackPositionTicks": 10**30}},
    {"UserData": {"LastPlayedDate": "yesterday"}},
    {"UserData": {"LastPlayedDate": "2099-12-31T00:00:00.0000000Z"}},
)

#: What lists its contents beside the libraries, and of which `CollectionType` it is.
OTHER_VIEWS = {
    "Live TV": "livetv",
    "Playlists": "playlists",
    "Collections": "boxsets",
    "Music Videos": "musicvideos",
    "Books": "books",
    "Photos": "photos",
}


@dataclass
class JellyfinBench(OddBench, TroubleBench):
    """A simulated Jellyfin and a client of alex on it."""

    server: FakeJellyfin
    lists_hidden_ids = True
    odd_members = ODD_MEMBERS

    @override
    def add_views(self) -> None:
        catalogue = self.server.catalogue
        catalogue.add_channel("Trailers of the week")
        for title, kind in OTHER_VIEWS.items():
            catalogue.add_library(title, kind)

    @override
    def item_id(
        self,
        title: str,
        year: int | None = None,
        season: int | None = None,
        episode: int | None = None,
        library: str | None = None,
    ) -> str:
        return self.server.item_id(title, year, season, episode, library)

    @property
    @override
    def counts_unwatched(self) -> bool:
        return False

    @override
    def held(self, library: str, kind: MediaKind) -> list[str]:
        catalogue = self.server.catalogue
        below = catalogue.descendants(catalogue.library(library).id)
        return [one.id for one in below if one.kind == TYPE_NAMES[kind]]

    @property
    @override
    def merges_shows(self) -> bool:
        return self.server.profile.shows_merged

    @property
    @override
    def tells_files(self) -> bool:
        return not self.server.profile.emby

    @override
    def add_show(self, show: SeedShow) -> str:
        return self.server.add_show(show)

    @override
    def add_file(self, film: str, name: str) -> str:
        linked = self.server.profile.versions_linked
        return self.server.catalogue.add_version(film, name, linked=linked).id

    @override
    def retitle(self, item_id: str, title: str) -> None:
        self.server.retitle(item_id, title)

    @override
    def state(self, item_id: str, user: str = "alex") -> PlayState:
        stored = self.server.state(user, item_id)
        return PlayState(
            watched=stored.played,
            position=stored.position_ticks / TICKS_PER_SECOND,
            play_count=stored.play_count,
            last_played=stored.last_played_date,
        )

    @override
    async def watch(self, item_id: str, user: str = "alex") -> None:
        await self.server.set_state(user, item_id, played=True)

    @override
    async def pause(self, item_id: str, position: float, user: str = "alex") -> None:
        await self.server.set_state(
            user,
            item_id,
            position_ticks=int(position * TICKS_PER_SECOND),
            last_played_date=self.server.clock(),
        )

    @override
    async def play_to_the_end(self, item_id: str, user: str = "alex") -> None:
        length = self.server.catalogue.items[item_id].run_time_ticks
        await self.server.play(user, item_id)
        await self.server.stop_playing(user, position_ticks=length)

    @override
    def now_playing(self) -> list[Playing]:
        return [
            Playing(
                self.server.users[session.user_id or ""].name,
                session.item_id,
                PlaybackState.PAUSED if session.paused else PlaybackState.PLAYING,
                (session.position_ticks or 0) / TICKS_PER_SECOND,
            )
            for session in self.server.sessions.all.values()
            if session.item_id is not None
        ]

    @override
    def take_picture(self, item_id: str) -> None:
        self.server.without_picture.add(item_id)

    @override
    def remove(self, item_id: str) -> None:
        self.server.remove_item(item_id)

    @override
    def revoke(self) -> None:
        self.server.revoke(self.server.token_for("alex"))

    @override
    def client_of(
        self,
        user: str,
        *,
        known: ServerInfo | None = None,
        libraries: Collection[str] = (),
    ) -> JellyfinClient:
        return JellyfinClient(
            self.session,
            self.server.url,
            self.server.token_for(user),
            user_id=self.server.user_id(user),
            device_id="test-device",
            known=known,
            libraries=libraries,
        )

    @override
    def hide(self, library: str, user: str = "alex") -> None:
        titles = (title for title, _ in seeded_libraries() if title != library)
        self.server.user(user).libraries = frozenset(titles)

    @override
    async def identify(self, user: str = "alex") -> ServerInfo:
        return await self.client_of(user).identify()


class TestJellyfin(
    MediaServerContract,
    LibraryContract,
    InventoryContract,
    OddLibraryContract,
    PlaybackContract,
    TroubleContract,
):
    """Run for each line of releases."""

    @pytest.fixture(params=["10.10", "10.11", "12.0"])
    async def server(
        self, request: pytest.FixtureRequest, clock: FakeClock
    ) -> AsyncIterator[FakeJellyfin]:
        async with FakeJellyfin(clock=clock, profile=request.param) as running:
            yield running

    @pytest.fixture
    def bench(self, server: FakeJellyfin, session: ClientSession) -> JellyfinBench:
        client = JellyfinClient(
            session,
            server.url,
            server.token_for("alex"),
            user_id=server.user_id("alex"),
            device_id="test-device",
        )
        return JellyfinBench(
            session=session,
            server=server,
            client=client,
            write_paths="/UserPlayedItems/|/UserData$",
            read_paths="/Items$|/Shows/|/Resume$",
            unknown_id="f" * 32,
            hidden_from_sam=server.item_id("Chernobyl", season=1, episode=1),
            page_size="custom_components.watched_sync.servers.jellyfin.client._PAGE",
            inventory_size=(
                "custom_components.watched_sync.servers.jellyfin.client._INVENTORY_PAGE"
            ),
        )
