"""A bench of a real Plex Media Server: see `scripts.lib.contract`."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, override

from aiohttp import ClientSession

from custom_components.watched_sync.core.play_state import PlayState
from custom_components.watched_sync.core.ports import (
    PlaybackReport,
    PlaybackState,
    ServerInfo,
)
from custom_components.watched_sync.servers.plex.client import PLEX_TV, PlexClient
from scripts.lib.real.plex import RealPlex
from scripts.lib.real.shelf import Shelf

from .contract import Playing
from .needs import Need
from .passing import PassingServer
from .real_bench import NotGiven, RealBench

_CLIENT: Final = "custom_components.watched_sync.servers.plex.client"
_OWNER: Final = "alex"


@dataclass
class RealPlexBench(RealBench):
    """The owner of a token as alex, and nobody else."""

    real: RealPlex

    @property
    @override
    def shelf(self) -> Shelf:
        return self.real.shelf

    @property
    @override
    def counts_unwatched(self) -> bool:
        return True

    @override
    def name_of(self, user: str) -> str:
        _expect_owner(user)
        return self.real.owner

    @override
    def state(self, item_id: str, user: str = _OWNER) -> PlayState:
        _expect_owner(user)
        row = self.real.item(item_id)
        count, at = row.get("viewCount", 0), row.get("lastViewedAt")
        return PlayState(
            watched=count > 0,
            position=row.get("viewOffset", 0) / 1000,
            play_count=count,
            last_played=None if at is None else datetime.fromtimestamp(at, UTC),
        )

    @override
    async def watch(self, item_id: str, user: str = _OWNER) -> None:
        _expect_owner(user)
        await asyncio.to_thread(self.real.tell, "/:/scrobble", item_id)

    @override
    async def pause(self, item_id: str, position: float, user: str = _OWNER) -> None:
        _expect_owner(user)
        time = int(position * 1000)
        await asyncio.to_thread(
            self.real.tell, "/:/progress", item_id, time=time, state="stopped"
        )

    @override
    async def play_to_the_end(self, item_id: str, user: str = _OWNER) -> None:
        _expect_owner(user)
        client = self._client("watched-sync-test-player")
        item = (await client.fetch([item_id]))[item_id].item
        length = item.duration
        assert length is not None
        for state, share in (
            (PlaybackState.PLAYING, 0.1),
            (PlaybackState.PLAYING, 0.95),
            (PlaybackState.STOPPED, 1.0),
        ):
            await client.report(
                PlaybackReport(
                    session_id="elsewhere",
                    item=item,
                    state=state,
                    position=share * length,
                    duration=length,
                )
            )

    @override
    def now_playing(self) -> list[Playing]:
        return [
            Playing(
                _OWNER,
                str(one["ratingKey"]),
                PlaybackState(one["Player"]["state"]),
                one["viewOffset"] / 1000,
            )
            for one in self.real.sessions()
        ]

    @override
    def revoke(self) -> None:
        raise NotGiven(Need.USERS)

    @override
    def hide(self, library: str, user: str = _OWNER) -> None:
        raise NotGiven(Need.USERS)

    @override
    def client_of(
        self,
        user: str,
        *,
        known: ServerInfo | None = None,
        libraries: Collection[str] = (),
    ) -> PlexClient:
        _expect_owner(user)
        return self._client("watched-sync-test-alex", known, libraries)

    @override
    async def identify(self, user: str = _OWNER) -> ServerInfo:
        return await self.client_of(user).identify()

    def _client(
        self,
        client_id: str,
        known: ServerInfo | None = None,
        libraries: Collection[str] = (),
    ) -> PlexClient:
        return PlexClient(
            self.session,
            self.server.url,
            self.real.token,
            client_id=client_id,
            known=known,
            plex_tv_url=self.real.plex_tv_url or PLEX_TV,
            libraries=libraries,
        )


def _expect_owner(user: str) -> None:
    if user != _OWNER:
        raise NotGiven(Need.USERS)


@asynccontextmanager
async def plex_bench(
    real: RealPlex, server: PassingServer, session: ClientSession
) -> AsyncIterator[RealPlexBench]:
    """Give the owner with nothing watched."""
    await asyncio.to_thread(real.begin)
    client = PlexClient(
        session,
        server.url,
        real.token,
        client_id="watched-sync-test-alex",
        plex_tv_url=real.plex_tv_url or PLEX_TV,
    )
    yield RealPlexBench(
        session=session,
        server=server,
        client=client,
        write_paths="^/:/(?!prefs$)",
        read_paths="^/library",
        unknown_id="999999999",
        hidden_from_sam="",
        page_size=f"{_CLIENT}._LEAF_PAGE",
        inventory_size=f"{_CLIENT}._INVENTORY_PAGE",
        real=real,
    )
