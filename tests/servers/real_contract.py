"""The contract, kept by a real server; `scripts/test --server` runs it.

The server and what is known of it come from `scripts.lib.contract`, as the fixture
`real`. What needs more than such a server gives is left out before.
"""

from collections.abc import AsyncIterator

from aiohttp import ClientSession
import pytest

from scripts.lib.real.jellyfin import RealJellyfin
from scripts.lib.real.plex import RealPlex
from tests.fakes.base import FakeClock

from .contract import MediaServerContract
from .inventory_contract import InventoryContract
from .library_contract import LibraryContract
from .needs import Need
from .odd_contract import OddLibraryContract
from .passing import PassingServer
from .playback_contract import PlaybackContract
from .real_bench import NotGiven, RealBench
from .real_jellyfin import jellyfin_bench
from .real_plex import plex_bench


class TestRealServer(
    MediaServerContract,
    LibraryContract,
    InventoryContract,
    OddLibraryContract,
    PlaybackContract,
):
    """Run once, for the server that is there."""

    @pytest.fixture
    def socket_enabled(self) -> None:
        """Nothing keeps this run from the network."""

    @pytest.fixture
    def clock(self) -> FakeClock:
        raise NotGiven(Need.CLOCK)

    @pytest.fixture
    async def server(
        self, real: RealJellyfin | RealPlex
    ) -> AsyncIterator[PassingServer]:
        async with PassingServer(real.url) as passing:
            yield passing

    @pytest.fixture
    async def bench(
        self,
        real: RealJellyfin | RealPlex,
        server: PassingServer,
        session: ClientSession,
    ) -> AsyncIterator[RealBench]:
        if isinstance(real, RealPlex):
            async with plex_bench(real, server, session) as plex:
                yield plex
            return
        async with jellyfin_bench(real, server, session) as jellyfin:
            yield jellyfin
