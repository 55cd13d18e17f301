"""A bench of a real Jellyfin or Emby: see `scripts.lib.contract`."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, override

from aiohttp import ClientSession

from custom_components.watched_sync.core.play_state import PlayState
from custom_components.watched_sync.core.ports import PlaybackState, ServerInfo
from custom_components.watched_sync.servers.jellyfin.client import JellyfinClient
from custom_components.watched_sync.servers.jellyfin.dialect import JELLYFIN
from scripts.lib.real.jellyfin import RealJellyfin
from scripts.lib.real.shelf import LIBRARIES, Shelf
from tests.fakes.jellyfin import TICKS_PER_SECOND

from .contract import Playing
from .passing import PassingServer
from .real_bench import RealBench

#: Seconds after which a change of a watched state was told of, a slow server's as well.
_TOLD: Final = 2.0
_CLIENT: Final = "custom_components.watched_sync.servers.jellyfin.client"


@dataclass
class RealJellyfinBench(RealBench):
    """The three people made for tests, and a client of alex."""

    real: RealJellyfin

    @property
    @override
    def shelf(self) -> Shelf:
        return self.real.shelf

    @property
    @override
    def counts_unwatched(self) -> bool:
        return False

    @override
    def name_of(self, user: str) -> str:
        return self.real.people[user].name

    @override
    def state(self, item_id: str, user: str = "alex") -> PlayState:
        data = self.real.user_data(user, item_id)
        played_at = data.get("LastPlayedDate")
        return PlayState(
            watched=data["Played"],
            position=data["PlaybackPositionTicks"] / TICKS_PER_SECOND,
            play_count=data["PlayCount"],
            last_played=played_at and datetime.fromisoformat(played_at),
        )

    @override
    async def settle(self) -> None:
        """Read more than what 10.11 remembers: a hundred rows for each core."""
        await asyncio.to_thread(self.real.leaves, "alex")

    @override
    async def watch(self, item_id: str, user: str = "alex") -> None:
        path = self.real.dialect.played.format(user="{user}", item=item_id)
        await asyncio.to_thread(self.real.person, user, "POST", path)

    @override
    async def pause(self, item_id: str, position: float, user: str = "alex") -> None:
        path = self.real.dialect.user_data.format(user="{user}", item=item_id)
        body = {
            "PlaybackPositionTicks": int(position * TICKS_PER_SECOND),
            "LastPlayedDate": datetime.now(UTC).isoformat(),
        }
        await asyncio.to_thread(self.real.person, user, "POST", path, body)

    @override
    async def play_to_the_end(self, item_id: str, user: str = "alex") -> None:
        await asyncio.to_thread(self._play_to_the_end, item_id, user)

    def _play_to_the_end(self, item_id: str, user: str) -> None:
        person = self.real.people[user]
        device = f"{person.device}-player"
        token = self.real.new_token(user, device)
        path = self.real.dialect.items
        item = self.real.person(user, "GET", path, ids=item_id)["Items"][0]
        for what, position in (("", 0), ("/Stopped", item["RunTimeTicks"])):
            body: dict[str, Any] = {
                "ItemId": item_id,
                "MediaSourceId": item_id,
                "PlaySessionId": "player",
                "PositionTicks": position,
            }
            self.real.ask(
                token, device, person.user_id, "POST", f"/Sessions/Playing{what}", body
            )

    @override
    def now_playing(self) -> list[Playing]:
        return [
            Playing(
                one["UserName"],
                one["NowPlayingItem"]["Id"],
                PlaybackState.PAUSED
                if one["PlayState"].get("IsPaused")
                else PlaybackState.PLAYING,
                (one["PlayState"].get("PositionTicks") or 0) / TICKS_PER_SECOND,
            )
            for one in self.real.sessions()
        ]

    @override
    def revoke(self) -> None:
        self.real.person("alex", "POST", "/Sessions/Logout")

    @override
    def hide(self, library: str, user: str = "alex") -> None:
        self.real.allow(user, LIBRARIES.keys() - {library})

    @override
    def client_of(
        self,
        user: str,
        *,
        known: ServerInfo | None = None,
        libraries: Collection[str] = (),
    ) -> JellyfinClient:
        person = self.real.people[user]
        return JellyfinClient(
            self.session,
            self.server.url,
            person.token,
            user_id=person.user_id,
            device_id=person.device,
            known=known,
            dialect=self.real.dialect,
            libraries=libraries,
        )

    @override
    async def identify(self, user: str = "alex") -> ServerInfo:
        return await self.client_of(user).identify()


@asynccontextmanager
async def jellyfin_bench(
    real: RealJellyfin, server: PassingServer, session: ClientSession
) -> AsyncIterator[RealJellyfinBench]:
    """Give the people as new, and sign them out in the end."""
    await asyncio.to_thread(real.begin)
    server.hush(_TOLD)
    try:
        person = real.people["alex"]
        client = JellyfinClient(
            session,
            server.url,
            person.token,
            user_id=person.user_id,
            device_id=person.device,
            dialect=real.dialect,
        )
        bench = RealJellyfinBench(
            session=session,
            server=server,
            client=client,
            write_paths=r"/(User)?PlayedItems/|/UserData$",
            read_paths="/Items$|/Shows/|/Resume$",
            unknown_id="f" * 32 if real.dialect is JELLYFIN else "999999999999",
            hidden_from_sam=real.shelf.item_id("Chernobyl", season=1, episode=1),
            page_size=f"{_CLIENT}._PAGE",
            inventory_size=f"{_CLIENT}._INVENTORY_PAGE",
            real=real,
        )
        bench.lists_hidden_ids = real.dialect is JELLYFIN
        yield bench
    finally:
        await asyncio.to_thread(real.end)
