"""What the core may rely on when it reads whole libraries, whichever the server."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest

from custom_components.watched_sync.core.errors import (
    AuthRejected,
    Forbidden,
    ItemGone,
    Malformed,
    ServerError,
    Unreachable,
    Unsupported,
)
from custom_components.watched_sync.core.identity import MediaKind
from custom_components.watched_sync.core.operation import MarkUnwatched, MarkWatched
from custom_components.watched_sync.core.play_state import Reading
from custom_components.watched_sync.core.ports import Library, MediaServer
from tests.fakes.base import FaultKind
from tests.fakes.library import MOVIES_4K_LIBRARY, MOVIES_LIBRARY, SHOWS_LIBRARY

from .contract import Bench, listed, pages_of

KINDS = (MediaKind.MOVIE, MediaKind.SHOW, MediaKind.EPISODE)
#: Paths that list what is in a library.
LISTINGS = "/sections/[^/]*/all$|/Items$"


def kinds_of(client: MediaServer) -> Iterator[MediaKind]:
    """Return the kinds that this kind of server lists."""
    for kind in KINDS:
        if kind is not MediaKind.EPISODE or client.capabilities.lists_episodes:
            yield kind


async def library(client: MediaServer, title: str) -> Library:
    """Return a library by its name."""
    return next(one for one in await client.libraries() if one.title == title)


class InventoryContract:
    """Inherited beside `MediaServerContract`."""

    # Pages

    @pytest.mark.needs("switches")
    @pytest.mark.parametrize("tells_totals", [True, False])
    @pytest.mark.parametrize("size", [29, 100, None])
    async def test_every_item_of_a_library_is_listed_once(
        self,
        bench: Bench,
        monkeypatch: pytest.MonkeyPatch,
        size: int | None,
        *,
        tells_totals: bool,
    ) -> None:
        """However many rows a page has, and whether or not a total is told."""
        if size is not None:
            monkeypatch.setattr(bench.inventory_size, size)
        bench.server.tells_totals = tells_totals
        client = bench.client_of("alex")
        for one in await client.libraries():
            for kind in kinds_of(client):
                found = [
                    reading.item.item_id
                    for page in await pages_of(client, one, kind)
                    for reading in page.readings
                ]
                # A mapping would hide what comes twice.
                assert Counter(found) == Counter(bench.held(one.title, kind))

    async def test_page_is_one_request(self, bench: Bench) -> None:
        films = await library(bench.client, MOVIES_LIBRARY)
        bench.server.clear_log()
        page = await bench.client.inventory_page(films, MediaKind.MOVIE)
        assert len(page.readings) == len(bench.held(MOVIES_LIBRARY, MediaKind.MOVIE))
        assert page.next_start is None
        assert len(bench.server.requests) == 1

    async def test_listing_is_resumed_by_somebody_who_was_not_there(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As after a restart: where it stood is all that is known."""
        monkeypatch.setattr(bench.inventory_size, 10)
        films = await library(bench.client, MOVIES_LIBRARY)
        first = await bench.client_of("alex").inventory_page(films, MediaKind.MOVIE)
        assert first.next_start is not None
        rest = await pages_of(
            bench.client_of("alex"), films, MediaKind.MOVIE, first.next_start
        )
        found = [one.item.item_id for page in (first, *rest) for one in page.readings]
        wanted = bench.held(MOVIES_LIBRARY, MediaKind.MOVIE)
        assert set(found) == set(wanted)
        # A server that sends all it has, whatever it is asked for, does so again.
        assert len(found) in {len(wanted), 2 * len(first.readings)}

    @pytest.mark.needs("switches")
    async def test_page_after_the_end_is_the_end(self, bench: Bench) -> None:
        """A library may have shrunk since somebody noted where the reading stood."""
        bench.server.tells_totals = True
        films = await library(bench.client, MOVIES_LIBRARY)
        page = await bench.client.inventory_page(films, MediaKind.MOVIE, 10_000)
        assert page.next_start is None

    @pytest.mark.needs("files")
    async def test_empty_library_is_one_empty_page(self, bench: Bench) -> None:
        for item_id in bench.held(MOVIES_4K_LIBRARY, MediaKind.MOVIE):
            bench.remove(item_id)
        films = await library(bench.client, MOVIES_4K_LIBRARY)
        (page,) = await pages_of(bench.client, films, MediaKind.MOVIE)
        assert list(page.readings) == []

    async def test_seasons_are_not_listed_nor_episodes_where_that_is_not_cheap(
        self, bench: Bench
    ) -> None:
        shows = await library(bench.client, SHOWS_LIBRARY)
        bench.server.clear_log()
        for kind in {*MediaKind} - {*kinds_of(bench.client)}:
            with pytest.raises(Unsupported):
                await bench.client.inventory_page(shows, kind)
        assert bench.server.requests == []

    # Rows

    async def test_row_says_what_a_look_says(self, bench: Bench) -> None:
        """Names, numbers, ids, parents and play states, of every item."""
        client = bench.client
        await bench.watch(bench.item_id("Alien"))
        await bench.pause(bench.item_id("Arrival"), 1800)
        for season in (0, 1):
            await bench.watch(bench.item_id("Sherlock", season=season, episode=1))
        await bench.watch(bench.item_id("Severance", season=1, episode=1))
        await bench.pause(bench.item_id("Severance", season=1, episode=2), 600)
        for kind in kinds_of(client):
            rows = {one.item.item_id: one for one in await listed(client, kind)}
            looks = await client.fetch(rows)
            assert {key: unplaced(one) for key, one in rows.items()} == {
                key: unplaced(one) for key, one in looks.items()
            }

    async def test_row_names_its_library(self, bench: Bench) -> None:
        for one in await bench.client.libraries():
            for kind in kinds_of(bench.client):
                for page in await pages_of(bench.client, one, kind):
                    places = {reading.item.library_id for reading in page.readings}
                    assert places <= {one.library_id}

    @pytest.mark.needs("users")
    async def test_rows_are_of_one_user(self, bench: Bench) -> None:
        film = bench.item_id("Alien")
        await bench.watch(film)
        for user, watched in (("alex", True), ("sam", False)):
            rows = await listed(bench.client_of(user), MediaKind.MOVIE)
            states = {one.item.item_id: one.state for one in rows}
            assert states[film].watched is watched

    # Libraries that are not, or not any more

    async def test_libraries_say_which_of_them_are_allowed(self, bench: Bench) -> None:
        films, films_4k, shows = await bench.client.libraries()
        assert all(one.is_allowed for one in (films, films_4k, shows))
        narrowed = bench.client_of("alex", libraries=[shows.library_id, "4711"])
        found = {one.title: one.is_allowed for one in await narrowed.libraries()}
        assert found == {
            MOVIES_LIBRARY: False,
            MOVIES_4K_LIBRARY: False,
            SHOWS_LIBRARY: True,
        }

    @pytest.mark.needs("users")
    async def test_hidden_library_is_gone_and_not_empty(self, bench: Bench) -> None:
        """Jellyfin says 401 to it, which would be the token's end elsewhere."""
        client = bench.client
        gone = await library(client, MOVIES_4K_LIBRARY)
        left = await library(client, MOVIES_LIBRARY)
        await client.inventory_page(gone, MediaKind.MOVIE)
        bench.hide(MOVIES_4K_LIBRARY)
        with pytest.raises(ItemGone):
            await client.inventory_page(gone, MediaKind.MOVIE)
        if client.capabilities.lists_episodes:
            with pytest.raises(ItemGone):
                await client.count_unwatched(gone, MediaKind.MOVIE)
        assert (await client.inventory_page(left, MediaKind.MOVIE)).readings

    @pytest.mark.needs("users")
    async def test_revoked_token_is_no_library_that_went(self, bench: Bench) -> None:
        films = await library(bench.client, MOVIES_LIBRARY)
        bench.revoke()
        with pytest.raises(AuthRejected):
            await bench.client.inventory_page(films, MediaKind.MOVIE)

    @pytest.mark.needs("faults")
    async def test_lost_route_is_no_library_that_went(self, bench: Bench) -> None:
        films = await library(bench.client, MOVIES_LIBRARY)
        bench.server.fail(FaultKind.STATUS, status=404, times=None)
        with pytest.raises(Unreachable):
            await bench.client.inventory_page(films, MediaKind.MOVIE)

    @pytest.mark.needs("faults")
    @pytest.mark.parametrize(
        ("status", "error"), [(401, Forbidden), (403, Forbidden), (404, Malformed)]
    )
    async def test_library_that_is_listed_and_closed_is_neither_gone_nor_a_lost_sign_in(
        self, bench: Bench, status: int, error: type[ServerError]
    ) -> None:
        films = await library(bench.client, MOVIES_LIBRARY)
        bench.server.fail(FaultKind.STATUS, path=LISTINGS, status=status, times=1)
        with pytest.raises(error):
            await bench.client.inventory_page(films, MediaKind.MOVIE)
        assert (await bench.client.inventory_page(films, MediaKind.MOVIE)).readings

    # Counts

    async def test_unwatched_items_are_counted_with_one_request_where_told(
        self, bench: Bench
    ) -> None:
        client = bench.client
        films = await library(client, MOVIES_LIBRARY)
        shows = await library(client, SHOWS_LIBRARY)
        for kind in {*MediaKind} - {MediaKind.MOVIE, MediaKind.EPISODE}:
            with pytest.raises(Unsupported):
                await client.count_unwatched(shows, kind)
        film = await bench.item("Alien")
        await bench.pause(bench.item_id("Arrival"), 1800)
        counts: list[tuple[int, int]] = []
        for change in (None, MarkWatched()):
            if change is not None:
                await bench.mark(film, change)
                await bench.mark(await bench.item("Severance", season=1), change)
            bench.server.clear_log()
            try:
                counts.append(
                    (
                        await client.count_unwatched(films, MediaKind.MOVIE),
                        await client.count_unwatched(shows, MediaKind.EPISODE),
                    )
                )
            except Unsupported:
                # Nothing was listed to find that out.
                assert len(bench.server.requests) <= 1
                continue
            assert len(bench.server.requests) == 2
        if counts:
            all_films = len(bench.held(MOVIES_LIBRARY, MediaKind.MOVIE))
            all_episodes = len(bench.held(SHOWS_LIBRARY, MediaKind.EPISODE))
            marked = len(bench.episodes("Severance", season=1))
            assert counts == [
                (all_films, all_episodes),
                (all_films - 1, all_episodes - marked),
            ]
        assert bool(counts) is bench.counts_unwatched

    @pytest.mark.needs("users")
    async def test_all_libraries_are_counted_with_one_request_where_told(
        self, bench: Bench
    ) -> None:
        client = bench.client_of("alex", libraries=["4711"])
        if not bench.counts_unwatched:
            with pytest.raises(Unsupported):
                await client.count_unwatched(None, MediaKind.MOVIE)
            return
        counts: list[int] = []
        for change in (MarkUnwatched(), MarkWatched()):
            await bench.mark(await bench.item("Alien"), change)
            bench.server.clear_log()
            counts.append(await client.count_unwatched(None, MediaKind.MOVIE))
            assert len(bench.server.requests) == 1
        titles = (MOVIES_LIBRARY, MOVIES_4K_LIBRARY)
        held = sum(len(bench.held(one, MediaKind.MOVIE)) for one in titles)
        assert counts == [held, held - 1]
        bench.revoke()
        with pytest.raises(AuthRejected):
            await client.count_unwatched(None, MediaKind.MOVIE)


def unplaced(reading: Reading) -> Reading:
    """Return a reading without its library, which a look need not tell."""
    return replace(reading, item=replace(reading.item, library_id=None))
