"""What the core may rely on where rows, totals and views are not as they should."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from custom_components.watched_sync.core.errors import Malformed
from custom_components.watched_sync.core.identity import MediaKind
from tests.fakes.library import MOVIES_LIBRARY
from tests.fuzz.targets import check_readings

from .contract import Bench, pages_of
from .inventory_contract import library


class TroubleBench(Bench):
    """A bench whose server can be made to say what cannot be."""

    #: What a row of a film may say in place of what is true, each to be tried alone.
    odd_members: Sequence[Mapping[str, Any]]

    @property
    def pages(self) -> bool:
        """Whether listings come in pages, with their totals."""
        return True

    @abstractmethod
    def add_views(self) -> None:
        """Add what is listed beside libraries of films and shows, and is none."""


class TroubleContract:
    """Inherited beside `MediaServerContract`."""

    @pytest.mark.needs("switches")
    async def test_odd_row_costs_itself_alone(self, bench: TroubleBench) -> None:
        film, other = bench.item_id("Alien"), bench.item_id("Arrival")
        films = await library(bench.client, MOVIES_LIBRARY)
        others = set(bench.held(MOVIES_LIBRARY, MediaKind.MOVIE)) - {film}
        for members in bench.odd_members:
            bench.server.spoil(film, members)
            pages = await pages_of(bench.client, films, MediaKind.MOVIE)
            listed = [one for page in pages for one in page.readings]
            check_readings(listed)
            ids = {one.item.item_id for one in listed}
            assert ids - {film} == others, members
            found = await bench.client.fetch([film, other])
            check_readings(found)
            assert other in found, members

    @pytest.mark.needs("switches")
    @pytest.mark.parametrize("off", [-1000, -10, -1])
    @pytest.mark.parametrize("size", [1, 9, 18, 500])
    async def test_total_that_is_too_low_hides_nothing(
        self,
        bench: TroubleBench,
        monkeypatch: pytest.MonkeyPatch,
        size: int,
        off: int,
    ) -> None:
        """Not even where a page ends just there."""
        show = await bench.item("Severance")
        wanted = bench.episodes("Severance")
        assert len(wanted) == 19
        monkeypatch.setattr(bench.page_size, size)
        monkeypatch.setattr(bench.inventory_size, size)
        bench.server.totals_off = off
        leaves = await bench.client.fetch_leaves(show)
        assert [leaf.item.item_id for leaf in leaves] == wanted
        client = bench.client_of("alex")
        films = await library(client, MOVIES_LIBRARY)
        pages = await pages_of(client, films, MediaKind.MOVIE)
        found = {one.item.item_id for page in pages for one in page.readings}
        assert found == set(bench.held(MOVIES_LIBRARY, MediaKind.MOVIE))

    @pytest.mark.needs("switches")
    @pytest.mark.parametrize("size", [1, 9, 500])
    async def test_total_that_is_too_high_makes_no_listing_shorter(
        self, bench: TroubleBench, monkeypatch: pytest.MonkeyPatch, size: int
    ) -> None:
        """It might be half of it: whoever asks is told, and asks again."""
        show = await bench.item("Severance")
        monkeypatch.setattr(bench.page_size, size)
        bench.server.totals_off = 3
        if not bench.pages:
            leaves = await bench.client.fetch_leaves(show)
            assert len(leaves) == 19
            return
        with pytest.raises(Malformed):
            await bench.client.fetch_leaves(show)
        bench.server.totals_off = 0
        assert len(await bench.client.fetch_leaves(show)) == 19

    @pytest.mark.needs("switches")
    async def test_views_that_are_no_libraries_of_ours_are_left_out(
        self, bench: TroubleBench
    ) -> None:
        before = await bench.client.libraries()
        bench.add_views()
        client = bench.client_of("alex")
        assert await client.libraries() == before
