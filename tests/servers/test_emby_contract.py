"""The contract, kept by the Jellyfin client and a simulated Emby server."""

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from typing import override

from aiohttp import ClientSession
import pytest

from custom_components.watched_sync.core.ports import ServerInfo
from custom_components.watched_sync.servers.jellyfin.client import JellyfinClient
from custom_components.watched_sync.servers.jellyfin.dialect import EMBY
from tests.fakes.base import FakeClock
from tests.fakes.emby import FakeEmby

from .contract import MediaServerContract
from .inventory_contract import InventoryContract
from .library_contract import LibraryContract
from .odd_contract import OddLibraryContract
from .playback_contract import PlaybackContract
from .test_jellyfin_contract import JellyfinBench
from .trouble_contract import TroubleContract


@dataclass
class EmbyBench(JellyfinBench):
    """A simulated Emby and a client of alex on it."""

    server: FakeEmby
    lists_hidden_ids = False

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
            dialect=EMBY,
            libraries=libraries,
        )


class TestEmby(
    MediaServerContract,
    LibraryContract,
    InventoryContract,
    OddLibraryContract,
    PlaybackContract,
    TroubleContract,
):
    """Run once: whatever is measured was measured on 4.9 and 4.10.

    The long run does so as well for one whose counts stay as they are.
    """

    @pytest.fixture(
        params=[
            pytest.param(True, id="counts"),
            pytest.param(False, id="counts stay", marks=pytest.mark.long),
        ]
    )
    async def server(
        self, request: pytest.FixtureRequest, clock: FakeClock
    ) -> AsyncIterator[FakeEmby]:
        async with FakeEmby(
            clock=clock,
            marks_counted=request.param,
            unmarks_reset_count=request.param,
        ) as running:
            yield running

    @pytest.fixture
    def bench(self, server: FakeEmby, session: ClientSession) -> EmbyBench:
        client = JellyfinClient(
            session,
            server.url,
            server.token_for("alex"),
            user_id=server.user_id("alex"),
            device_id="test-device",
            dialect=EMBY,
        )
        return EmbyBench(
            session=session,
            server=server,
            client=client,
            write_paths="/PlayedItems/|/UserData$",
            read_paths="/Items$|/Shows/|/Resume$",
            unknown_id="999999999",
            hidden_from_sam=server.item_id("Chernobyl", season=1, episode=1),
            page_size="custom_components.watched_sync.servers.jellyfin.client._PAGE",
            inventory_size=(
                "custom_components.watched_sync.servers.jellyfin.client._INVENTORY_PAGE"
            ),
        )
