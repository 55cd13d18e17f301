"""What the core may rely on about libraries, whichever kind of server it talks to."""

from collections.abc import Awaitable, Callable, Sequence

import pytest

from custom_components.watched_sync.core.errors import AuthRejected, Unreachable
from custom_components.watched_sync.core.identity import MediaKind, ProviderIds
from custom_components.watched_sync.core.operation import MarkWatched
from custom_components.watched_sync.core.play_state import Reading
from custom_components.watched_sync.core.ports import MediaServer
from custom_components.watched_sync.servers import libraries
from tests.fakes.base import FakeClock, FaultKind
from tests.fakes.library import MOVIES_4K_LIBRARY, MOVIES_LIBRARY, SHOWS_LIBRARY

from .contract import UNWATCHED, Bench, found_by

BOTH_KINDS = (MediaKind.MOVIE, MediaKind.SHOW)
BLADE_RUNNER = ProviderIds(imdb="tt0083658")


async def ids_of(server: MediaServer) -> dict[str, str]:
    """Return the ids of a server's libraries, by name."""
    return {one.title: one.library_id for one in await server.libraries()}


def listed(client: MediaServer) -> Callable[[int], Awaitable[Sequence[Reading]]]:
    """Return what lists something of each allowed library."""
    plays = client.capabilities.lists_plays
    return client.last_played if plays else client.up_next


async def narrowed(bench: Bench, *titles: str, user: str = "alex") -> MediaServer:
    """Return a client that is to see nothing but some libraries."""
    ids = await ids_of(bench.client)
    return bench.client_of(user, libraries=[ids[title] for title in titles])


class LibraryContract:
    """Inherited beside `MediaServerContract`."""

    async def test_libraries_of_films_and_shows_are_named(self, bench: Bench) -> None:
        found = await bench.client.libraries()
        assert [(one.title, one.kind) for one in found] == [
            (MOVIES_LIBRARY, MediaKind.MOVIE),
            (MOVIES_4K_LIBRARY, MediaKind.MOVIE),
            (SHOWS_LIBRARY, MediaKind.SHOW),
        ]
        assert len({one.library_id for one in found}) == 3

    async def test_libraries_take_one_request(self, bench: Bench) -> None:
        bench.server.clear_log()
        await bench.client.libraries()
        assert len(bench.server.requests) == 1

    @pytest.mark.needs("users")
    async def test_user_sees_their_own_libraries(self, bench: Bench) -> None:
        seen = {one.title for one in await bench.client_of("sam").libraries()}
        assert MOVIES_4K_LIBRARY not in seen
        assert MOVIES_LIBRARY in seen

    @pytest.mark.needs("users")
    async def test_libraries_of_a_revoked_token_are_not_none(
        self, bench: Bench
    ) -> None:
        bench.revoke()
        with pytest.raises(AuthRejected):
            await bench.client.libraries()

    async def test_search_stays_in_the_allowed_libraries(self, bench: Bench) -> None:
        client = await narrowed(bench, MOVIES_LIBRARY)
        found = await client.search("the", BOTH_KINDS, 20)
        assert found
        assert {one.item.kind for one in found} == {MediaKind.MOVIE}
        ids = await ids_of(client)
        assert {one.item.library_id for one in found} == {ids[MOVIES_LIBRARY]}
        assert not await client.search("Severance", BOTH_KINDS, 20)

    async def test_search_goes_through_all_the_allowed_libraries(
        self, bench: Bench
    ) -> None:
        client = await narrowed(bench, MOVIES_4K_LIBRARY, SHOWS_LIBRARY)
        ids = await ids_of(client)
        found = [
            *await client.search("Blade Runner", BOTH_KINDS, 20),
            *await client.search("Severance", BOTH_KINDS, 20),
        ]
        assert [(one.item.title, one.item.library_id) for one in found] == [
            ("Blade Runner", ids[MOVIES_4K_LIBRARY]),
            ("Severance", ids[SHOWS_LIBRARY]),
        ]
        assert len(await client.search("e", BOTH_KINDS, 3)) == 3
        assert await client.search("e", BOTH_KINDS, 0) == ()

    async def test_copies_are_told_apart_by_their_library(self, bench: Bench) -> None:
        ids = await ids_of(bench.client)
        found = await bench.client.search("Blade Runner", {MediaKind.MOVIE}, 10)
        copies = {
            one.item.library_id
            for one in found
            if one.item.title == "Blade Runner" and one.item.year == 1982
        }
        assert copies == {ids[MOVIES_LIBRARY], ids[MOVIES_4K_LIBRARY]}

    @pytest.mark.needs("clock")
    async def test_lists_stay_in_the_allowed_libraries(
        self, bench: Bench, clock: FakeClock
    ) -> None:
        film = bench.item_id("Blade Runner", library=MOVIES_4K_LIBRARY)
        episode = bench.item_id("Severance", season=1, episode=1)
        await bench.watch(film)
        clock.advance(60)
        await bench.pause(bench.item_id("Alien"), 1800)
        clock.advance(60)
        await bench.watch(episode)
        shows = await narrowed(bench, SHOWS_LIBRARY)
        ids = await ids_of(shows)
        lists_plays = shows.capabilities.lists_plays
        played = await shows.last_played(10) if lists_plays else []
        assert [one.item.item_id for one in played] == [episode] * lists_plays
        following = await shows.up_next(10)
        assert [one.item.item_id for one in following] == [
            bench.item_id("Severance", season=1, episode=2)
        ]
        assert {one.item.library_id for one in [*played, *following]} == {
            ids[SHOWS_LIBRARY]
        }
        films = await narrowed(bench, MOVIES_LIBRARY, MOVIES_4K_LIBRARY)
        if lists_plays:
            newest = [one.item.title for one in await films.last_played(10)]
            assert newest[0] == "Alien"
            assert "Severance" not in newest
            assert await films.last_played(0) == ()
        assert [one.item.title for one in await films.up_next(10)] == ["Alien"]
        assert await films.up_next(0) == ()

    @pytest.mark.needs("clock")
    async def test_plays_elsewhere_do_not_crowd_out_those_allowed(
        self, bench: Bench, clock: FakeClock
    ) -> None:
        film = bench.item_id("Blade Runner", library=MOVIES_4K_LIBRARY)
        await bench.watch(film)
        for number in range(1, 6):
            clock.advance(60)
            await bench.watch(bench.item_id("Severance", season=1, episode=number))
        client = await narrowed(bench, MOVIES_4K_LIBRARY)
        if client.capabilities.lists_plays:
            assert [one.item.item_id for one in await client.last_played(3)] == [film]

    async def test_items_name_their_library_where_that_matters(
        self, bench: Bench
    ) -> None:
        client = await narrowed(bench, MOVIES_4K_LIBRARY)
        ids = await ids_of(client)
        asked = {
            bench.item_id("Alien"): ids[MOVIES_LIBRARY],
            bench.item_id("Blade Runner", library=MOVIES_4K_LIBRARY): ids[
                MOVIES_4K_LIBRARY
            ],
            bench.item_id("Severance"): ids[SHOWS_LIBRARY],
            bench.item_id("Severance", season=1, episode=2): ids[SHOWS_LIBRARY],
        }
        found = await client.fetch(asked)
        assert {key: one.item.library_id for key, one in found.items()} == asked
        bench.server.clear_log()
        await client.fetch(asked)
        assert len(bench.server.requests) == 1
        leaves = await client.fetch_leaves(
            found[bench.item_id("Severance")].item,
        )
        assert {one.item.library_id for one in leaves} == {ids[SHOWS_LIBRARY]}

    async def test_every_copy_is_found_and_says_where_it_is(self, bench: Bench) -> None:
        """What was moved is looked for everywhere; whoever asks can tell."""
        client = await narrowed(bench, MOVIES_LIBRARY)
        ids = await ids_of(client)
        for title in ("Blade Runner", None, "Nothing of that name"):
            found = await found_by(client, MediaKind.MOVIE, BLADE_RUNNER, title)
            assert {one.item.library_id for one in found} == {
                ids[MOVIES_LIBRARY],
                ids[MOVIES_4K_LIBRARY],
            }

    async def test_what_is_not_allowed_is_still_written(self, bench: Bench) -> None:
        client = await narrowed(bench, SHOWS_LIBRARY)
        film = bench.item_id("Alien")
        item = (await client.fetch([film]))[film].item
        await client.write(item, MarkWatched(), UNWATCHED)
        assert bench.state(film).watched

    async def test_libraries_are_asked_for_now_and_then(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Looking around all the time must not ask for them all the time."""
        now = 1000.0
        monkeypatch.setattr(libraries, "monotonic", lambda: now)
        client = await narrowed(bench, MOVIES_LIBRARY)
        bench.server.clear_log()
        await listed(client)(5)
        first = len(bench.server.requests)
        bench.server.clear_log()
        await listed(client)(5)
        assert len(bench.server.requests) == first - 1
        now += libraries.LIFETIME
        bench.server.clear_log()
        await listed(client)(5)
        assert len(bench.server.requests) == first

    async def test_removed_library_allows_nothing_and_harms_nothing(
        self, bench: Bench
    ) -> None:
        await bench.watch(bench.item_id("Alien"))
        client = bench.client_of("alex", libraries=["4711"])
        assert await listed(client)(5) == ()
        assert await client.up_next(5) == ()
        assert await client.search("Alien", BOTH_KINDS, 5) == ()

    @pytest.mark.needs("users")
    async def test_library_that_was_hidden_since_is_left_out(
        self, bench: Bench
    ) -> None:
        """Jellyfin says 401 to it, which would be the token's end elsewhere."""
        await bench.watch(bench.item_id("Severance", season=1, episode=1))
        client = await narrowed(bench, MOVIES_4K_LIBRARY, SHOWS_LIBRARY)
        assert len(await listed(client)(5)) == 1
        bench.hide(MOVIES_4K_LIBRARY)
        played = await listed(client)(5)
        assert [one.item.show_title for one in played] == ["Severance"]
        found = await client.search("Severance", BOTH_KINDS, 5)
        assert [one.item.title for one in found] == ["Severance"]

    @pytest.mark.needs("users")
    async def test_revoked_token_is_no_hidden_library(self, bench: Bench) -> None:
        client = await narrowed(bench, MOVIES_LIBRARY)
        await listed(client)(5)
        bench.revoke()
        for ask in (listed(client), client.up_next):
            with pytest.raises(AuthRejected):
                await ask(5)

    @pytest.mark.needs("faults")
    async def test_lost_route_is_no_hidden_library(self, bench: Bench) -> None:
        client = await narrowed(bench, MOVIES_LIBRARY)
        await listed(client)(5)
        bench.server.fail(FaultKind.STATUS, status=404, times=None)
        with pytest.raises(Unreachable):
            await listed(client)(5)
