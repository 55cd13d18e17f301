"""What the core may rely on where folders and files are not one for each work.

Kept by the kinds of server that make something of folders and files themselves. (Plex
shows one item for whatever it takes for one work.)
"""

from abc import abstractmethod
from dataclasses import dataclass, replace

import pytest

from custom_components.watched_sync.core.errors import Malformed
from custom_components.watched_sync.core.identity import Item
from custom_components.watched_sync.core.operation import MarkUnwatched, MarkWatched
from tests.fakes.base import FaultKind
from tests.fakes.library import SeedEpisode, SeedShow

from .contract import Bench


@dataclass
class OddBench(Bench):
    """A bench whose server can be given odd libraries."""

    @property
    @abstractmethod
    def merges_shows(self) -> bool:
        """Whether the folders of one show are one show, in listings and marks."""

    @property
    @abstractmethod
    def tells_files(self) -> bool:
        """Whether it is known how many files a film has."""

    @abstractmethod
    def add_show(self, show: SeedShow) -> str:
        """Add a folder of a show; return its id."""

    @abstractmethod
    def add_file(self, film: str, name: str) -> str:
        """Give a film another file; return its id."""

    async def leaves(self, item: Item) -> list[Item]:
        """Return the episodes below a show or season as the client lists them."""
        return [one.item for one in await self.client.fetch_leaves(item)]


def folder(
    year: int, *places: tuple[int, int], season_folders: bool = True
) -> SeedShow:
    """Return one folder of a show, told apart from its others by a year."""
    episodes = tuple(
        SeedEpisode(season, number, f"S{season}E{number}", 40, None)
        for season, number in places
    )
    return SeedShow(
        "Two Homes", year, {"tvdb": "777001"}, episodes, season_folders=season_folders
    )


class OddLibraryContract:
    """Inherited beside `MediaServerContract`."""

    @pytest.mark.needs("files")
    async def test_folders_of_one_show_are_answered_one_by_one(
        self, bench: OddBench
    ) -> None:
        shows = [bench.add_show(folder(2000 + one, (1, one))) for one in (1, 2, 3)]
        readings = await bench.client.fetch(shows)
        assert set(readings) == set(shows)
        seasons = [
            leaf.season_id or ""
            for one in readings.values()
            for leaf in await bench.leaves(one.item)
        ]
        assert set(await bench.client.fetch(seasons)) == set(seasons)

    @pytest.mark.needs("files")
    async def test_what_a_show_lists_belongs_to_it(self, bench: OddBench) -> None:
        first = bench.add_show(folder(2001, (1, 1), (2, 1)))
        bench.add_show(folder(2002, (2, 2), (3, 1)))
        show = (await bench.reading(first)).item
        below = await bench.leaves(show)
        places = [(1, 1), (2, 1), *[(2, 2), (3, 1)] * bench.merges_shows]
        assert [(one.season, one.episode) for one in below] == places
        assert all(show.covers(leaf) for leaf in below)
        await bench.client.write(
            show, MarkWatched(), (await bench.reading(first)).state
        )
        assert all(bench.state(one.item_id).watched for one in below)
        await bench.client.write(
            show, MarkUnwatched(), (await bench.reading(first)).state
        )
        assert not any(bench.state(one.item_id).watched for one in below)

    @pytest.mark.needs("files")
    async def test_show_without_season_folders_has_seasons(
        self, bench: OddBench
    ) -> None:
        show_id = bench.add_show(
            folder(2013, (1, 1), (1, 2), (2, 1), season_folders=False)
        )
        below = await bench.leaves((await bench.reading(show_id)).item)
        assert [one.season for one in below] == [1, 1, 2]
        first = (await bench.reading(below[0].season_id or "")).item
        assert first.season == 1
        own = [one.item_id for one in await bench.leaves(first)]
        assert own == [one.item_id for one in below[:2]]
        await bench.mark(first, MarkWatched())
        assert [bench.state(one.item_id).watched for one in below] == [
            True,
            True,
            False,
        ]

    @pytest.mark.needs("files")
    async def test_show_without_episodes_is_neither_watched_nor_unwatched(
        self, bench: OddBench
    ) -> None:
        show_id = bench.add_show(folder(2026))
        reading = await bench.reading(show_id)
        assert reading.state.watched is None
        assert await bench.leaves(reading.item) == []

    @pytest.mark.needs("files")
    async def test_file_of_a_film_stands_for_the_film(self, bench: OddBench) -> None:
        film = bench.item_id("Alien")
        file = bench.add_file(film, "Alien (1979) - 1080p")
        found = await bench.client.resolve(file, bench.client.find)
        assert (found and found.item.item_id) == (film if bench.tells_files else None)
        assert await bench.client.resolve(bench.unknown_id, bench.client.find) is None

    @pytest.mark.needs("files")
    async def test_all_files_of_a_film_can_be_marked(self, bench: OddBench) -> None:
        film = bench.item_id("Alien")
        file = bench.add_file(film, "Alien (1979) - 1080p")
        reading = await bench.reading(film)
        files = (
            (await bench.client.fetch_files([reading.item])).get(film, ())
            if reading.has_more_files
            else ()
        )
        for change in (MarkWatched(), MarkUnwatched()):
            for one in (reading, *files):
                assert one.item == replace(reading.item, item_id=one.item.item_id)
                await bench.client.write(one.item, change, one.state)
            wanted = isinstance(change, MarkWatched)
            assert bench.state(film).watched is wanted
            assert bench.state(file).watched is (wanted and bench.tells_files)

    @pytest.mark.needs("faults", "files")
    async def test_failed_read_of_files_is_no_empty_answer(
        self, bench: OddBench
    ) -> None:
        film = await bench.item("Alien")
        bench.add_file(film.item_id, "Alien (1979) - 1080p")
        bench.server.fail(FaultKind.HTML, status=200)
        with pytest.raises(Malformed):
            await bench.client.fetch_files([film])
