"""The contract, kept by the Plex client and the simulated Plex Media Server."""

from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, override

from aiohttp import ClientSession
import pytest

from custom_components.watched_sync.core.identity import MediaKind
from custom_components.watched_sync.core.play_state import PlayState
from custom_components.watched_sync.core.ports import PlaybackState, ServerInfo
from custom_components.watched_sync.servers.plex.client import PlexClient
from tests.fakes.base import FakeClock
from tests.fakes.library import MOVIES_4K_LIBRARY, libraries as seeded_libraries
from tests.fakes.plex import FakePlex, PlexOptions

from .account_server import accounts_of
from .contract import MediaServerContract, Playing
from .inventory_contract import InventoryContract
from .library_contract import LibraryContract
from .playback_contract import PlaybackContract
from .trouble_contract import TroubleBench, TroubleContract

#: What a row of a film may say that cannot be.
ODD_MEMBERS: tuple[Mapping[str, Any], ...] = (
    {"ratingKey": None},
    {"ratingKey": "x y"},
    {"type": None},
    {"type": "planet"},
    {"title": None},
    {"title": 7},
    {"year": "soon"},
    {"duration": -5},
    {"duration": "long"},
    {"viewCount": -1},
    {"viewCount": "many"},
    {"viewOffset": 10**15},
    {"lastViewedAt": "yesterday"},
    {"lastViewedAt": 4_102_444_800},
    {"lastViewedAt": 10**30},
    {"guid": 9},
    {"Guid": "none"},
    {"Guid": [7, {"id": 5}, {"id": "tmdb://0"}]},
    {"librarySectionID": []},
    {"originallyAvailableAt": "then"},
)


@dataclass
class PlexBench(TroubleBench):
    """A simulated Plex Media Server and a client of alex, its owner, on it."""

    server: FakePlex
    plex_tv_url: str
    odd_members = ODD_MEMBERS

    @property
    @override
    def pages(self) -> bool:
        return not self.server.options.ignore_paging

    @override
    def add_views(self) -> None:
        self.server.add_section("Photos", "photo")
        self.server.add_section("More Music", "artist")

    @override
    def item_id(
        self,
        title: str,
        year: int | None = None,
        season: int | None = None,
        episode: int | None = None,
        library: str | None = None,
    ) -> str:
        return self.server.rating_key(
            title, year, season=season, episode=episode, library=library
        )

    @property
    @override
    def counts_unwatched(self) -> bool:
        return not self.server.options.ignore_paging

    @override
    def held(self, library: str, kind: MediaKind) -> list[str]:
        return self.server.held(library, kind.value)

    @override
    def retitle(self, item_id: str, title: str) -> None:
        self.server.retitle(item_id, title)

    @override
    def state(self, item_id: str, user: str = "alex") -> PlayState:
        stored = self.server.state(user, item_id)
        return PlayState(
            watched=stored.view_count > 0,
            position=stored.view_offset_ms / 1000,
            play_count=stored.view_count,
            last_played=stored.last_viewed_at,
        )

    @override
    async def watch(self, item_id: str, user: str = "alex") -> None:
        self.server.mark(user, item_id)

    @override
    async def pause(self, item_id: str, position: float, user: str = "alex") -> None:
        self.server.set_state(user, item_id, view_offset_ms=int(position * 1000))

    @override
    async def play_to_the_end(self, item_id: str, user: str = "alex") -> None:
        await self.server.play(user, item_id)

    @override
    def now_playing(self) -> list[Playing]:
        return [
            Playing(
                session.user,
                session.report.rating_key,
                PlaybackState(session.report.state),
                session.report.time_ms / 1000,
            )
            for session in self.server.sessions
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
    ) -> PlexClient:
        return PlexClient(
            self.session,
            self.server.url,
            self.server.token_for(user),
            client_id=f"client-of-{user}",
            known=known,
            plex_tv_url=self.plex_tv_url,
            libraries=libraries,
        )

    @override
    def hide(self, library: str, user: str = "alex") -> None:
        titles = (title for title, _ in seeded_libraries() if title != library)
        who = self.server.users[user]
        self.server.users[user] = replace(who, libraries=tuple(titles))

    @override
    async def identify(self, user: str = "alex") -> ServerInfo:
        return await self.client_of(user).identify()


VARIANTS = {
    "new": PlexOptions(),
    "no paging": PlexOptions(ignore_paging=True),
    "old": PlexOptions(owner_only_status=401, version="1.32.8.7639-fb6452ebf"),
}


class TestPlex(
    MediaServerContract,
    LibraryContract,
    InventoryContract,
    PlaybackContract,
    TroubleContract,
):
    """Run for servers that differ in what they answer to."""

    @pytest.fixture(params=VARIANTS)
    async def server(
        self, request: pytest.FixtureRequest, clock: FakeClock
    ) -> AsyncIterator[FakePlex]:
        async with FakePlex(clock=clock, options=VARIANTS[request.param]) as running:
            yield running

    @pytest.fixture
    async def bench(
        self, server: FakePlex, session: ClientSession
    ) -> AsyncIterator[PlexBench]:
        async with accounts_of(server) as plex_tv_url:
            client = PlexClient(
                session,
                server.url,
                server.token_for("alex"),
                client_id="client-of-alex",
                plex_tv_url=plex_tv_url,
            )
            yield PlexBench(
                session=session,
                server=server,
                client=client,
                write_paths="^/:/(?!prefs$)",
                read_paths="^/library",
                unknown_id="999999",
                page_size="custom_components.watched_sync.servers.plex.client._LEAF_PAGE",
                inventory_size=(
                    "custom_components.watched_sync.servers.plex.client._INVENTORY_PAGE"
                ),
                hidden_from_sam=server.rating_key(
                    "Blade Runner", library=MOVIES_4K_LIBRARY
                ),
                plex_tv_url=plex_tv_url,
            )
