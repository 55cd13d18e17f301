"""What the core may rely on, whichever kind of server it talks to.

A test class inherits `MediaServerContract` and gives a `bench`: a simulated server,
a client of the user alex on it, and ways to look behind the client's back. A test that
asks more of the server than a real one gives says so with `pytest.mark.needs`: see
`needs.Need`.
"""

from abc import ABC, abstractmethod
import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from aiohttp import ClientSession
import pytest

from custom_components.watched_sync.core.errors import (
    AuthRejected,
    Busy,
    Fault,
    Forbidden,
    ItemGone,
    Malformed,
    Refused,
    ServerError,
    Unreachable,
    Unsupported,
    WrongAddress,
    WrongServer,
)
from custom_components.watched_sync.core.identity import (
    NO_IDS,
    Item,
    MediaKind,
    ProviderIds,
)
from custom_components.watched_sync.core.operation import (
    Change,
    MarkUnwatched,
    MarkWatched,
    SetProgress,
)
from custom_components.watched_sync.core.play_state import PlayState, Reading
from custom_components.watched_sync.core.ports import (
    Changed,
    Connected,
    Library,
    MediaServer,
    Page,
    PlaybackState,
    ServerEvent,
    ServerInfo,
)
from custom_components.watched_sync.servers import transport as transport_module
from custom_components.watched_sync.servers.listing import matching, newest_first
from tests.fakes.base import FakeClock, FakeServer, FaultKind
from tests.fakes.library import MOVIES_4K_LIBRARY, show

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
UNWATCHED = PlayState(watched=False)
ALL_KINDS = (MediaKind.MOVIE, MediaKind.SHOW, MediaKind.SEASON, MediaKind.EPISODE)


class Playing(NamedTuple):
    """One line of what a server shows as being played."""

    user: str
    item_id: str
    state: PlaybackState
    position: float


async def played(client: MediaServer, limit: int) -> tuple[Reading, ...]:
    """Read what was played last, in the way that this kind of server is asked."""
    if client.capabilities.lists_plays:
        return tuple(await client.last_played(limit))
    with pytest.raises(Unsupported):
        await client.last_played(limit)
    found = await listed(client, MediaKind.MOVIE)
    for one in await listed(client, MediaKind.SHOW):
        found += await client.fetch_leaves(one.item)
    return newest_first([one for one in found if one.state.last_played], limit)


async def found_by(
    client: MediaServer, kind: MediaKind, ids: ProviderIds, title: str | None
) -> Sequence[Reading]:
    """Find copies by their ids, in the way that this kind of server is asked."""
    found = await client.find(kind, ids, title)
    if client.capabilities.finds_by_ids:
        return found
    copies = matching(await listed(client, kind), ids)
    assert not found or {one.item.item_id for one in found} == {
        one.item.item_id for one in copies
    }
    return copies


async def pages_of(
    client: MediaServer, library: Library, kind: MediaKind, start: int = 0
) -> list[Page]:
    """Read all pages of one library, or those from *start* on."""
    pages = [await client.inventory_page(library, kind, start)]
    while (following := pages[-1].next_start) is not None:
        pages.append(await client.inventory_page(library, kind, following))
    return pages


async def listed(client: MediaServer, kind: MediaKind) -> list[Reading]:
    """Read all films, shows or episodes there are, page by page."""
    return [
        one
        for library in await client.libraries()
        if library.may_hold(kind)
        for page in await pages_of(client, library, kind)
        for one in page.readings
    ]


@dataclass
class Bench(ABC):
    """A simulated server, a client of alex on it, and a look behind its back."""

    session: ClientSession
    server: FakeServer
    client: MediaServer

    #: Paths of requests that change a play state.
    write_paths: str
    #: Paths of requests that read one.
    read_paths: str
    #: An id of the right form that no item has.
    unknown_id: str
    #: An item that alex sees and sam does not.
    hidden_from_sam: str
    #: Where the client keeps how many rows of a show's episodes it asks for at once.
    page_size: str
    #: Where it keeps how many rows of a library it asks for at once.
    inventory_size: str
    #: Whether a list of ids is answered with what the user may not see as well.
    lists_hidden_ids = False
    #: Seconds by which a server may show a playback further on than was reported.
    plays_on = 0.0

    @abstractmethod
    def item_id(
        self,
        title: str,
        year: int | None = None,
        season: int | None = None,
        episode: int | None = None,
        library: str | None = None,
    ) -> str:
        """Return the id of an item by what it is called."""

    @property
    @abstractmethod
    def counts_unwatched(self) -> bool:
        """Whether the server says how much of a library is unwatched."""

    @abstractmethod
    def held(self, library: str, kind: MediaKind) -> list[str]:
        """Return the ids of all films, shows or episodes of a library, by its name."""

    @abstractmethod
    def retitle(self, item_id: str, title: str) -> None:
        """Call an item otherwise on the server."""

    @abstractmethod
    def state(self, item_id: str, user: str = "alex") -> PlayState:
        """Return what the server stores for one film or episode."""

    @abstractmethod
    async def watch(self, item_id: str, user: str = "alex") -> None:
        """Have a user watch a film or an episode to its end, now."""

    @abstractmethod
    async def pause(self, item_id: str, position: float, user: str = "alex") -> None:
        """Have a user stop watching at a position in seconds, now."""

    @abstractmethod
    async def play_to_the_end(self, item_id: str, user: str = "alex") -> None:
        """Have a user watch something to its end in another client's player."""

    @abstractmethod
    def now_playing(self) -> list[Playing]:
        """Return what the server shows as being played, by whomever."""

    @abstractmethod
    def take_picture(self, item_id: str) -> None:
        """Have an item be without a picture of its own."""

    @abstractmethod
    def remove(self, item_id: str) -> None:
        """Take an item out of the library."""

    @abstractmethod
    def revoke(self) -> None:
        """Make the client's token invalid."""

    @abstractmethod
    def client_of(
        self,
        user: str,
        *,
        known: ServerInfo | None = None,
        libraries: Collection[str] = (),
    ) -> MediaServer:
        """Return a client of another user, or for some libraries only."""

    @abstractmethod
    def hide(self, library: str, user: str = "alex") -> None:
        """Take a user's access to a library away."""

    @abstractmethod
    async def identify(self, user: str = "alex") -> ServerInfo:
        """Ask, as at set-up, who answers."""

    def name_of(self, user: str) -> str:
        """Return what the server calls a user of these tests."""
        return user

    def is_now(self, moment: datetime | None) -> bool:
        """Whether the server dated something just now."""
        return moment == NOW

    async def settle(self) -> None:
        """Have the server show what it stores, where it may remember what was."""
        await asyncio.sleep(0)  # a simulated one is looked into

    @property
    def writes(self) -> list[str]:
        """The requests that change a play state, as they arrived."""
        return [
            f"{found.method} {found.path}"
            for found in self.server.find(self.write_paths)
        ]

    async def item(
        self,
        title: str,
        year: int | None = None,
        season: int | None = None,
        episode: int | None = None,
        library: str | None = None,
    ) -> Item:
        """Return an item as the client reads it."""
        return (
            await self.reading(self.item_id(title, year, season, episode, library))
        ).item

    async def reading(self, item_id: str) -> Reading:
        """Return what the client reads now."""
        return (await self.client.fetch([item_id]))[item_id]

    async def mark(self, item: Item, change: Change) -> None:
        """Write a change with the play state that the client reads before."""
        reading = await self.reading(item.item_id)
        await self.client.write(item, change, reading.state)

    def episodes(self, title: str, season: int | None = None) -> list[str]:
        """Return the ids of the episodes of a show or season that have a file."""
        return [
            self.item_id(title, season=one.season, episode=one.number)
            for one in show(title).episodes
            if season is None or one.season == season
        ]


READ_FAULTS = [
    (FaultKind.STATUS, {"status": 400}, Refused),
    (FaultKind.STATUS, {"status": 403}, Forbidden),
    (FaultKind.STATUS, {"status": 429, "retry_after": "007"}, Busy),
    (FaultKind.STATUS, {"status": 500}, Fault),
    (FaultKind.STATUS, {"status": 503, "retry_after": 9}, Busy),
    (FaultKind.STATUS, {"status": 504}, Unreachable),
    (FaultKind.HTML, {}, Unreachable),
    (FaultKind.HTML, {"status": 200}, Malformed),
    (FaultKind.TRUNCATED, {}, Malformed),
    (FaultKind.REDIRECT, {}, WrongAddress),
    (FaultKind.DROPPED, {}, Unreachable),
]
WRITE_FAULTS = [
    (FaultKind.STATUS, {"status": 400}, Refused),
    (FaultKind.STATUS, {"status": 429, "retry_after": "007"}, Busy),
    (FaultKind.STATUS, {"status": 500}, Fault),
    (FaultKind.STATUS, {"status": 503}, Busy),
    (FaultKind.HTML, {}, Unreachable),
    (FaultKind.REDIRECT, {}, WrongAddress),
    (FaultKind.DROPPED, {}, Unreachable),
    (FaultKind.APPLIED_BUT_DROPPED, {}, Unreachable),
]


SOCKET_FAULTS = [
    (FaultKind.STATUS, {"status": 403}, AuthRejected),
    (FaultKind.STATUS, {"status": 404}, Unsupported),
    (FaultKind.STATUS, {"status": 400}, Unsupported),
    (FaultKind.STATUS, {"status": 429}, Busy),
    (FaultKind.STATUS, {"status": 503}, Busy),
    (FaultKind.STATUS, {"status": 500}, Fault),
    (FaultKind.HTML, {}, Unreachable),
    (FaultKind.HTML, {"status": 200}, Unsupported),
    (FaultKind.REDIRECT, {}, WrongAddress),
    (FaultKind.DROPPED, {}, Unreachable),
]

#: Seconds in which what happened has to be told.
TOLD = 30.0


async def told(events: AsyncGenerator[ServerEvent], item_id: str) -> set[str]:
    """Listen until an item is hinted at; return all that was hinted at until then."""
    hinted: set[str] = set()
    async with asyncio.timeout(TOLD):
        while item_id not in hinted:
            event = await anext(events)
            assert isinstance(event, Changed)
            hinted |= event.item_ids
    return hinted


@pytest.mark.usefixtures("socket_enabled")
class MediaServerContract:
    """Inherited once for each kind of server, with its `bench`."""

    @pytest.fixture
    def clock(self) -> FakeClock:
        return FakeClock(NOW)

    @pytest.fixture
    async def session(self) -> AsyncIterator[ClientSession]:
        async with ClientSession() as opened:
            yield opened

    # Listings of many pages

    @pytest.mark.needs("switches")
    @pytest.mark.parametrize("tells_totals", [True, False])
    @pytest.mark.parametrize("size", [1, 4, 19, 20, 500])
    async def test_listing_is_read_to_its_end(
        self,
        bench: Bench,
        monkeypatch: pytest.MonkeyPatch,
        size: int,
        *,
        tells_totals: bool,
    ) -> None:
        """However many rows a page has, and whether or not a total is told."""
        show = await bench.item("Severance")
        wanted = bench.episodes("Severance")
        assert len(wanted) == 19
        monkeypatch.setattr(bench.page_size, size)
        bench.server.tells_totals = tells_totals
        leaves = await bench.client.fetch_leaves(show)
        assert [leaf.item.item_id for leaf in leaves] == wanted

    @pytest.mark.needs("switches")
    async def test_batch_is_one_request_whether_or_not_totals_are_told(
        self, bench: Bench
    ) -> None:
        bench.server.tells_totals = False
        wanted = bench.episodes("Severance")
        bench.server.clear_log()
        assert set(await bench.client.fetch(wanted)) == set(wanted)
        assert len(bench.server.requests) == 1

    # Who answers

    async def test_identify_names_server_and_user(self, bench: Bench) -> None:
        info = await bench.identify()
        assert info.server_id
        assert info.server_name
        assert info.version
        assert info.user_id
        assert info.user_name == bench.name_of("alex")

    @pytest.mark.needs("users")
    async def test_two_users_of_one_server_have_two_ids(self, bench: Bench) -> None:
        alex, kim = await bench.identify("alex"), await bench.identify("kim")
        assert alex.server_id == kim.server_id
        assert alex.user_id != kim.user_id

    @pytest.mark.needs("users")
    async def test_same_user_twice_has_one_id(self, bench: Bench) -> None:
        assert await bench.identify("kim") == await bench.identify("kim")

    async def test_probe_takes_one_request_and_says_the_same(
        self, bench: Bench
    ) -> None:
        info = await bench.identify()
        client = bench.client_of("alex", known=info)
        bench.server.clear_log()
        assert await client.probe() == info
        assert len(bench.server.requests) == 1

    async def test_probe_of_a_client_that_knows_nothing_identifies(
        self, bench: Bench
    ) -> None:
        assert await bench.client_of("alex").probe() == await bench.identify()

    async def test_probe_notices_another_server_at_the_address(
        self, bench: Bench
    ) -> None:
        info = await bench.identify()
        other = ServerInfo("another", "x", info.version, info.user_id, info.user_name)
        with pytest.raises(WrongServer):
            await bench.client_of("alex", known=other).probe()

    @pytest.mark.needs("users")
    async def test_probe_with_a_revoked_token_is_rejected(self, bench: Bench) -> None:
        await bench.client.probe()
        bench.revoke()
        with pytest.raises(AuthRejected):
            await bench.client.probe()

    @pytest.mark.needs("faults")
    async def test_probe_behind_a_lost_route_is_unreachable(self, bench: Bench) -> None:
        """A proxy says 404 while the server behind it restarts."""
        await bench.client.probe()
        bench.server.fail(FaultKind.STATUS, status=404)
        with pytest.raises(Unreachable):
            await bench.client.probe()

    @pytest.mark.needs("faults")
    async def test_page_of_a_proxy_is_the_wrong_server(self, bench: Bench) -> None:
        bench.server.fail(FaultKind.HTML, status=200, times=None)
        with pytest.raises(WrongServer):
            await bench.identify()

    @pytest.mark.needs("faults")
    async def test_redirect_is_the_wrong_address(self, bench: Bench) -> None:
        bench.server.fail(FaultKind.REDIRECT, times=None)
        with pytest.raises(WrongAddress):
            await bench.identify()

    @pytest.mark.needs("faults")
    async def test_dark_server_is_unreachable_until_it_is_back(
        self, bench: Bench
    ) -> None:
        film = bench.item_id("Arrival")
        await bench.client.fetch([film])
        await bench.server.go_dark()
        with pytest.raises(Unreachable):
            await bench.client.probe()
        with pytest.raises(Unreachable):
            await bench.client.fetch([film])
        await bench.server.come_back()
        assert film in await bench.client.fetch([film])

    @pytest.mark.needs("clock", "users")
    async def test_clock_of_the_server_is_compared_with_ours(
        self, bench: Bench, clock: FakeClock
    ) -> None:
        assert bench.client_of("kim").clock_offset is None
        clock.set(datetime.now(UTC) + timedelta(hours=2))
        await bench.client.fetch([bench.item_id("Arrival")])
        offset = bench.client.clock_offset
        assert offset is not None
        assert abs(offset - timedelta(hours=2)) < timedelta(seconds=30)

    def test_representation_holds_no_token(self, bench: Bench) -> None:
        assert "127.0.0.1" in repr(bench.client)
        assert "oken" not in repr(bench.client)

    # Reading

    async def test_film_is_described(self, bench: Bench) -> None:
        item = await bench.item("The Matrix")
        assert item.kind is MediaKind.MOVIE
        assert item.title == "The Matrix"
        assert item.year == 1999
        assert item.provider_ids == ProviderIds(imdb="tt0133093", tmdb="603")
        assert item.duration == 136 * 60

    async def test_episode_is_described(self, bench: Bench) -> None:
        item = await bench.item("Breaking Bad", season=1, episode=1)
        assert item.kind is MediaKind.EPISODE
        assert item.title == "Pilot"
        assert item.show_title == "Breaking Bad"
        assert item.show_id == bench.item_id("Breaking Bad")
        assert item.season_id == bench.item_id("Breaking Bad", season=1)
        assert (item.season, item.episode) == (1, 1)
        assert item.provider_ids == ProviderIds("tt0959621", "62085", "349232")
        assert str(item.aired) == "2008-01-20"

    async def test_season_is_described(self, bench: Bench) -> None:
        reading = await bench.reading(bench.item_id("Breaking Bad", season=2))
        assert reading.item.kind is MediaKind.SEASON
        assert reading.item.season == 2
        assert reading.item.show_id == bench.item_id("Breaking Bad")
        assert reading.item.show_title == "Breaking Bad"
        assert (reading.leaf_count, reading.watched_leaf_count) == (13, 0)

    async def test_specials_are_told_apart(self, bench: Bench) -> None:
        assert (await bench.item("Sherlock", season=0, episode=3)).is_special
        assert (await bench.item("Sherlock", season=0)).is_special
        assert not (await bench.item("Sherlock", season=1, episode=1)).is_special

    async def test_show_counts_its_episodes(self, bench: Bench) -> None:
        await bench.watch(bench.item_id("Chernobyl", season=1, episode=2))
        reading = await bench.reading(bench.item_id("Chernobyl"))
        assert reading.item.kind is MediaKind.SHOW
        assert reading.item.provider_ids == ProviderIds("tt7366338", "87108", "360893")
        assert (reading.leaf_count, reading.watched_leaf_count) == (5, 1)
        assert reading.state.watched is False

    async def test_show_is_watched_once_all_its_episodes_are(
        self, bench: Bench
    ) -> None:
        for episode in bench.episodes("Chernobyl"):
            await bench.watch(episode)
        reading = await bench.reading(bench.item_id("Chernobyl"))
        assert (reading.leaf_count, reading.watched_leaf_count) == (5, 5)
        assert reading.state.watched is True

    async def test_watched_film_has_count_and_date(self, bench: Bench) -> None:
        film = bench.item_id("Alien")
        await bench.watch(film)
        state = (await bench.reading(film)).state
        assert state.watched is True
        assert state.play_count == 1
        assert state.position == 0
        assert bench.is_now(state.last_played)

    async def test_position_is_in_seconds(self, bench: Bench) -> None:
        film = bench.item_id("Alien")
        await bench.pause(film, 1800)
        state = (await bench.reading(film)).state
        assert state.watched is False
        assert state.position == pytest.approx(1800, abs=1)

    @pytest.mark.needs("users")
    async def test_every_user_has_a_play_state_of_their_own(self, bench: Bench) -> None:
        film = bench.item_id("Alien")
        await bench.watch(film, "kim")
        assert (await bench.reading(film)).state.watched is False
        readings = await bench.client_of("kim").fetch([film])
        assert readings[film].state.watched is True

    @pytest.mark.needs("users")
    async def test_items_of_a_hidden_library_are_gone(self, bench: Bench) -> None:
        film = bench.item_id("Alien")
        ids = [film, bench.hidden_from_sam]
        found = await bench.client.fetch(ids)
        assert set(found) == set(ids)
        sam = bench.client_of("sam")
        listed = set(ids) if bench.lists_hidden_ids else {film}
        assert set(await sam.fetch(ids)) == listed
        hidden = found[bench.hidden_from_sam]
        with pytest.raises(ItemGone):
            await sam.write(hidden.item, MarkWatched(), hidden.state)

    async def test_many_items_take_few_requests(self, bench: Bench) -> None:
        ids = bench.episodes("Grey's Anatomy")[:250]
        bench.server.clear_log()
        readings = await bench.client.fetch(ids)
        assert list(readings) == ids
        assert len(bench.server.requests) == 3

    async def test_item_named_twice_is_read_once(self, bench: Bench) -> None:
        film = bench.item_id("Alien")
        assert set(await bench.client.fetch([film, film])) == {film}

    @pytest.mark.needs("files")
    async def test_gone_items_are_missing_in_the_answer(self, bench: Bench) -> None:
        here, gone = bench.item_id("Alien"), bench.item_id("Arrival")
        bench.remove(gone)
        readings = await bench.client.fetch([gone, here, bench.unknown_id])
        assert set(readings) == {here}

    @pytest.mark.needs("files")
    async def test_only_gone_items_give_an_empty_answer(self, bench: Bench) -> None:
        gone = bench.item_id("Arrival")
        bench.remove(gone)
        assert await bench.client.fetch([gone]) == {}
        assert await bench.client.fetch([gone, bench.unknown_id]) == {}

    @pytest.mark.parametrize(
        "nonsense", ["", "..", "1,2", "1/children", "x y", "ünïcode", "%2e", "0" * 99]
    )
    async def test_what_is_no_id_is_of_no_item(
        self, bench: Bench, nonsense: str
    ) -> None:
        film = bench.item_id("Alien")
        assert set(await bench.client.fetch([nonsense, film])) == {film}
        assert await bench.client.fetch([nonsense]) == {}
        item = Item(nonsense, MediaKind.MOVIE, "Alien")
        with pytest.raises(ItemGone):
            await bench.client.write(item, MarkWatched(), UNWATCHED)
        assert not bench.state(film).watched

    async def test_nothing_to_read_asks_nothing(self, bench: Bench) -> None:
        bench.server.clear_log()
        assert await bench.client.fetch([]) == {}
        assert bench.server.requests == []

    @pytest.mark.needs("faults")
    async def test_lost_route_is_not_a_lost_item(self, bench: Bench) -> None:
        """A proxy says 404 to everything while the server behind it restarts."""
        film = bench.item_id("Alien")
        bench.server.fail(FaultKind.STATUS, status=404, times=None)
        with pytest.raises(Unreachable):
            await bench.client.fetch([film])
        with pytest.raises(Unreachable):
            await bench.client.up_next(5)
        with pytest.raises(Unreachable):
            await played(bench.client, 5)
        ids = ProviderIds(imdb="tt0078748")
        with pytest.raises(Unreachable):
            await bench.client.find(MediaKind.MOVIE, ids, "Alien")

    @pytest.mark.needs("faults")
    async def test_lost_route_is_not_a_lost_show(self, bench: Bench) -> None:
        item = await bench.item("Chernobyl")
        bench.server.fail(FaultKind.STATUS, status=404, times=None)
        with pytest.raises(Unreachable):
            await bench.client.fetch_leaves(item)
        with pytest.raises(Unreachable):
            await bench.client.write(item, MarkWatched(), UNWATCHED)

    @pytest.mark.needs("faults")
    @pytest.mark.parametrize(("kind", "options", "expected"), READ_FAULTS)
    async def test_failed_read_is_never_an_empty_answer(
        self,
        bench: Bench,
        kind: FaultKind,
        options: dict[str, object],
        expected: type[ServerError],
    ) -> None:
        show_item = await bench.item("Chernobyl")
        bench.server.fail(kind, path=bench.read_paths, times=None, **options)  # type: ignore[arg-type]  # a table of keywords
        with pytest.raises(expected):
            await bench.client.fetch([show_item.item_id])
        with pytest.raises(expected):
            await bench.client.fetch_leaves(show_item)
        with pytest.raises(expected):
            await played(bench.client, 5)

    @pytest.mark.needs("faults")
    async def test_waiting_time_of_a_busy_server_is_told(self, bench: Bench) -> None:
        film = bench.item_id("Alien")
        bench.server.fail(FaultKind.STATUS, status=503, retry_after="005")
        with pytest.raises(Busy) as caught:
            await bench.client.fetch([film])
        assert caught.value.retry_after == 5

    async def test_huge_answer_is_malformed(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        item = await bench.item("Grey's Anatomy")
        monkeypatch.setattr(transport_module, "MAX_BYTES", 20_000)
        with pytest.raises(Malformed):
            await bench.client.fetch_leaves(item)

    # Episodes of a show

    async def test_leaves_of_a_show_come_in_order(self, bench: Bench) -> None:
        item = await bench.item("Sherlock")
        leaves = await bench.client.fetch_leaves(item)
        numbers = [(leaf.item.season, leaf.item.episode) for leaf in leaves]
        assert numbers == [
            (one.season, one.number) for one in show("Sherlock").episodes
        ]
        assert {leaf.item.kind for leaf in leaves} == {MediaKind.EPISODE}
        assert {leaf.item.show_provider_ids for leaf in leaves} == {item.provider_ids}
        assert all(item.covers(leaf.item) for leaf in leaves)

    async def test_leaves_of_a_season_are_its_own(self, bench: Bench) -> None:
        for season, count in ((0, 3), (2, 3)):
            item = await bench.item("Sherlock", season=season)
            leaves = await bench.client.fetch_leaves(item)
            assert [leaf.item.season for leaf in leaves] == [season] * count
            assert all(item.covers(leaf.item) for leaf in leaves)

    async def test_leaves_of_a_long_show_take_one_request(self, bench: Bench) -> None:
        item = await bench.item("Grey's Anatomy")
        bench.server.clear_log()
        leaves = await bench.client.fetch_leaves(item)
        assert len(leaves) == len(show("Grey's Anatomy").episodes) > 300
        assert len(bench.server.requests) == 1

    @pytest.mark.needs("files")
    async def test_leaves_of_a_gone_show_are_gone(self, bench: Bench) -> None:
        item = await bench.item("Chernobyl")
        bench.remove(item.item_id)
        with pytest.raises(ItemGone):
            await bench.client.fetch_leaves(item)

    async def test_film_has_no_leaves(self, bench: Bench) -> None:
        item = await bench.item("Alien")
        with pytest.raises(Unsupported):
            await bench.client.fetch_leaves(item)

    # Marking

    async def test_film_is_marked_watched(self, bench: Bench) -> None:
        item = await bench.item("Blade Runner")
        await bench.mark(item, MarkWatched())
        state = bench.state(item.item_id)
        assert state.watched is True
        assert state.play_count == 1
        assert bench.is_now(state.last_played)
        assert len(bench.writes) == 1

    @pytest.mark.needs("users")
    async def test_mark_touches_neither_neighbour_nor_other_users(
        self, bench: Bench
    ) -> None:
        item = await bench.item("Dune", 2021)
        await bench.mark(item, MarkWatched())
        assert bench.state(bench.item_id("Dune", 1984)) == UNWATCHED
        assert bench.state(bench.item_id("Dune: Part Two")) == UNWATCHED
        assert bench.state(item.item_id, "kim") == UNWATCHED

    async def test_mark_clears_the_resume_position(self, bench: Bench) -> None:
        item = await bench.item("Alien")
        await bench.pause(item.item_id, 1800)
        await bench.mark(item, MarkWatched())
        assert bench.state(item.item_id).position == 0
        assert bench.state(item.item_id).watched is True

    async def test_film_is_marked_unwatched(self, bench: Bench) -> None:
        item = await bench.item("Alien")
        await bench.watch(item.item_id)
        await bench.mark(item, MarkUnwatched())
        assert bench.state(item.item_id) == UNWATCHED
        await bench.mark(item, MarkUnwatched())
        assert bench.state(item.item_id) == UNWATCHED

    async def test_repeated_mark_counts_as_the_capabilities_say(
        self, bench: Bench
    ) -> None:
        item = await bench.item("Alien")
        await bench.mark(item, MarkWatched())
        await bench.mark(item, MarkWatched())
        plays = 1 if bench.client.capabilities.repeat_safe else 2
        assert bench.state(item.item_id).play_count == plays

    async def test_date_of_a_mark_is_kept_as_the_capabilities_say(
        self, bench: Bench
    ) -> None:
        item = await bench.item("Alien")
        at = NOW - timedelta(days=40)
        await bench.mark(item, MarkWatched(at))
        if bench.client.capabilities.repeat_safe:
            await bench.mark(item, MarkWatched(at))
        state = bench.state(item.item_id)
        assert state.watched is True
        assert state.play_count == 1
        if bench.client.capabilities.keeps_watched_at:
            assert state.last_played == at
        else:
            assert bench.is_now(state.last_played)

    async def test_episode_is_marked_alone(self, bench: Bench) -> None:
        item = await bench.item("Severance", season=2, episode=5)
        await bench.mark(item, MarkWatched())
        watched = [
            one for one in bench.episodes("Severance") if bench.state(one).watched
        ]
        assert watched == [item.item_id]

    async def test_season_is_marked_alone_with_one_request(self, bench: Bench) -> None:
        item = await bench.item("Doctor Who", season=1)
        await bench.mark(item, MarkWatched())
        season = bench.episodes("Doctor Who", 1)
        for one in bench.episodes("Doctor Who"):
            state = bench.state(one)
            assert state.watched is (one in season)
            assert state.play_count == (1 if one in season else 0)
        assert len(bench.writes) == 1
        await bench.mark(item, MarkUnwatched())
        assert not any(bench.state(one).watched for one in season)

    async def test_show_is_marked_with_its_specials_and_one_request(
        self, bench: Bench
    ) -> None:
        item = await bench.item("Sherlock")
        await bench.mark(item, MarkWatched())
        episodes = bench.episodes("Sherlock")
        assert all(bench.state(one).watched for one in episodes)
        assert {bench.state(one).play_count for one in episodes} == {1}
        assert len(bench.writes) == 1
        assert (await bench.reading(item.item_id)).state.watched is True
        await bench.mark(item, MarkUnwatched())
        assert not any(bench.state(one).watched for one in episodes)

    async def test_marks_in_quick_succession_end_as_the_last_says(
        self, bench: Bench
    ) -> None:
        """Its notices may have a server show what was; what is written counts."""
        show = await bench.item("Chernobyl")
        items = [
            await bench.item("Chernobyl", season=1, episode=number)
            for number in range(1, 6)
        ]
        for item in items:
            await bench.mark(item, MarkWatched())
        await bench.mark(show, MarkUnwatched())
        await asyncio.sleep(0.6)
        await bench.settle()
        assert not any(bench.state(one.item_id).watched for one in items)
        for item in items:
            await bench.mark(item, MarkWatched())
        assert all(bench.state(one.item_id).watched for one in items)

    @pytest.mark.needs("files")
    async def test_mark_of_a_gone_item_says_so(self, bench: Bench) -> None:
        item = await bench.item("Alien")
        bench.remove(item.item_id)
        for change in (MarkWatched(), MarkUnwatched(), SetProgress(600)):
            with pytest.raises(ItemGone):
                await bench.client.write(item, change, UNWATCHED)

    # Progress

    async def test_resume_position_is_set(self, bench: Bench) -> None:
        item = await bench.item("Alien")
        await bench.mark(item, SetProgress(1800))
        state = bench.state(item.item_id)
        assert state.watched is False
        assert state.position == pytest.approx(1800, abs=1)
        assert state.play_count == 0
        assert len(bench.writes) == 1

    async def test_resume_position_is_moved_back(self, bench: Bench) -> None:
        item = await bench.item("Severance", season=2, episode=5)
        await bench.pause(item.item_id, 1800)
        await bench.mark(item, SetProgress(600))
        assert bench.state(item.item_id).position == pytest.approx(600, abs=1)

    async def test_resume_position_of_an_unwatched_item_is_cleared(
        self, bench: Bench
    ) -> None:
        item = await bench.item("Alien")
        await bench.pause(item.item_id, 1800)
        await bench.mark(item, SetProgress(0))
        state = bench.state(item.item_id)
        assert state.watched is False
        assert state.position == 0

    @pytest.mark.parametrize("watched", [True, False])
    async def test_position_leaves_what_a_season_was_marked_as(
        self, bench: Bench, *, watched: bool
    ) -> None:
        """A server may hold another, older state of an episode than it lists."""
        season = await bench.item("Severance", season=1)
        item = await bench.item("Severance", season=1, episode=3)
        if not watched:
            await bench.mark(season, MarkWatched())
        await bench.mark(season, MarkWatched() if watched else MarkUnwatched())
        await bench.mark(item, SetProgress(900))
        state = bench.state(item.item_id)
        assert state.watched is watched
        assert state.position == pytest.approx(900, abs=1)

    async def test_container_has_no_resume_position(self, bench: Bench) -> None:
        item = await bench.item("Chernobyl")
        with pytest.raises(Unsupported):
            await bench.mark(item, SetProgress(600))
        assert bench.writes == []

    @pytest.mark.parametrize("watched", [True, False])
    async def test_flag_and_position_at_once_are_not_one_write(
        self, bench: Bench, *, watched: bool
    ) -> None:
        item = await bench.item("Alien")
        with pytest.raises(Unsupported):
            await bench.mark(item, SetProgress(600, watched=watched))
        assert bench.writes == []

    # Writing to a server in trouble

    @pytest.mark.needs("faults")
    @pytest.mark.parametrize(("kind", "options", "expected"), WRITE_FAULTS)
    async def test_failed_write_leaves_once_and_says_what_to_do(
        self,
        bench: Bench,
        kind: FaultKind,
        options: dict[str, object],
        expected: type[ServerError],
    ) -> None:
        item = await bench.item("Alien")
        for change in (MarkWatched(), MarkUnwatched(), SetProgress(600)):
            bench.server.fail(kind, path=bench.write_paths, **options)  # type: ignore[arg-type]  # a table of keywords
            bench.server.clear_log()
            with pytest.raises(expected):
                await bench.client.write(item, change, UNWATCHED)
            assert len(bench.writes) == 1

    @pytest.mark.needs("faults")
    async def test_dropped_write_counts_one_play(self, bench: Bench) -> None:
        item = await bench.item("Alien")  # over the connection that is kept
        bench.server.fail(FaultKind.APPLIED_BUT_DROPPED, path=bench.write_paths)
        with pytest.raises(Unreachable):
            await bench.client.write(item, MarkWatched(), UNWATCHED)
        assert bench.state(item.item_id).play_count == 1
        assert len(bench.writes) == 1

    @pytest.mark.needs("faults")
    async def test_slow_write_is_given_up_but_not_sent_again(
        self, bench: Bench
    ) -> None:
        item = await bench.item("Alien")
        fault = bench.server.fail(
            FaultKind.APPLIED_BUT_SLOW, path=bench.write_paths, delay=30
        )
        writing = asyncio.create_task(
            bench.client.write(item, MarkWatched(), UNWATCHED)
        )
        await fault.struck.wait()
        await bench.server.go_dark()
        with pytest.raises(Unreachable):
            await writing
        assert len(bench.writes) == 1
        assert bench.state(item.item_id).play_count == 1

    @pytest.mark.needs("faults")
    async def test_write_that_was_not_applied_shows_in_the_next_read(
        self, bench: Bench
    ) -> None:
        item = await bench.item("Alien")
        bench.server.fail(FaultKind.NOT_APPLIED, path=bench.write_paths)
        await bench.client.write(item, MarkWatched(), UNWATCHED)
        assert (await bench.reading(item.item_id)).state.watched is False

    @pytest.mark.needs("users")
    async def test_write_with_a_revoked_token_is_rejected(self, bench: Bench) -> None:
        item = await bench.item("Alien")
        bench.revoke()
        with pytest.raises(AuthRejected):
            await bench.client.write(item, MarkWatched(), UNWATCHED)
        with pytest.raises(AuthRejected):
            await bench.client.fetch([item.item_id])
        with pytest.raises(AuthRejected):
            await bench.client.fetch_leaves(Item(item.item_id, MediaKind.SHOW, "x"))

    # Searching

    async def test_search_finds_films_and_shows_by_title(self, bench: Bench) -> None:
        found = await bench.client.search("dune", {MediaKind.MOVIE}, 10)
        assert {one.item.item_id for one in found} == {
            bench.item_id("Dune", 1984),
            bench.item_id("Dune", 2021),
            bench.item_id("Dune: Part Two"),
        }
        found = await bench.client.search("sever", {MediaKind.SHOW}, 10)
        assert [one.item.title for one in found] == ["Severance"]

    async def test_search_gives_only_the_kinds_asked_for(self, bench: Bench) -> None:
        for kinds in ({MediaKind.SHOW}, {MediaKind.MOVIE}, {MediaKind.EPISODE}):
            found = await bench.client.search("the", kinds, 50)
            assert found
            assert {one.item.kind for one in found} == kinds

    async def test_search_gives_no_more_than_the_limit(self, bench: Bench) -> None:
        assert len(await bench.client.search("the", set(ALL_KINDS), 4)) == 4

    async def test_search_leaves_out_what_cannot_be_marked(self, bench: Bench) -> None:
        assert await bench.client.search("So What", set(ALL_KINDS), 10) == ()
        found = await bench.client.search("Official Trailer", set(ALL_KINDS), 10)
        assert found == ()

    @pytest.mark.parametrize("query", ["", "  "])
    async def test_search_for_nothing_finds_nothing(
        self, bench: Bench, query: str
    ) -> None:
        bench.server.clear_log()
        assert await bench.client.search(query, set(ALL_KINDS), 10) == ()
        assert await bench.client.search("Dune", set(), 10) == ()
        assert await bench.client.search("Dune", {MediaKind.UNKNOWN}, 10) == ()
        assert await bench.client.search("Dune", set(ALL_KINDS), 0) == ()
        assert bench.server.count() <= 1

    @pytest.mark.needs("files", "switches")
    @pytest.mark.parametrize(
        ("held", "asked"),
        [
            ("Harbour’s End", "Harbour's End"),  # noqa: RUF001 - the other apostrophe
            ("Harbour's End", "harbour’s end"),  # noqa: RUF001 - the other apostrophe
            ("Cafe\N{COMBINING ACUTE ACCENT} Nord", "Café Nord"),
            ("Café Nord", "Cafe\N{COMBINING ACUTE ACCENT} Nord"),
            ("Up\N{EN DASH}Down", "Up-Down"),
            ("North Line (2002)", "North Line"),
            ("North Line", "North Line (2002)"),
            ("North Line", "The North Line"),
        ],
    )
    async def test_search_that_looks_at_every_character_finds_every_spelling(
        self, bench: Bench, held: str, asked: str
    ) -> None:
        bench.server.search_is_exact = True
        film = bench.item_id("Alien")
        bench.retitle(film, held)
        found = await bench.client.search(asked, {MediaKind.MOVIE}, 5)
        assert [one.item.item_id for one in found] == [film]
        # And so the id is found without reading the whole library.
        bench.server.clear_log()
        ids = ProviderIds(imdb="tt0078748")
        (copy,) = await bench.client.find(MediaKind.MOVIE, ids, asked)
        assert copy.item.item_id == film
        assert bench.server.count() <= 4

    @pytest.mark.needs("files")
    async def test_search_tells_the_title_that_was_asked_for_first(
        self, bench: Bench
    ) -> None:
        film = bench.item_id("Arrival")
        bench.retitle(bench.item_id("Alien"), "The Arrival of Dune")
        bench.retitle(film, "The Dune (2016)")
        found = await bench.client.search("dune", {MediaKind.MOVIE}, 3)
        assert {one.item.item_id for one in found} == {
            bench.item_id("Dune", 1984),
            bench.item_id("Dune", 2021),
            film,
        }
        assert found[2].item.item_id == film

    async def test_title_of_one_spelling_is_searched_for_once(
        self, bench: Bench
    ) -> None:
        await bench.client.search("Alien", {MediaKind.MOVIE}, 5)
        bench.server.clear_log()
        await bench.client.search("Alien", {MediaKind.MOVIE}, 5)
        assert bench.server.count() == 1

    async def test_search_knows_the_play_state(self, bench: Bench) -> None:
        await bench.watch(bench.item_id("Alien"))
        (found,) = await bench.client.search("Alien", {MediaKind.MOVIE}, 5)
        assert found.state.watched is True

    @pytest.mark.parametrize("title", ["Blade Runner", None, "Der Klingenläufer"])
    async def test_every_copy_of_a_film_is_found_by_its_id(
        self, bench: Bench, title: str | None
    ) -> None:
        found = await found_by(
            bench.client, MediaKind.MOVIE, ProviderIds(imdb="tt0083658"), title
        )
        assert {one.item.item_id for one in found} == {
            bench.item_id("Blade Runner"),
            bench.item_id("Blade Runner", library=MOVIES_4K_LIBRARY),
        }

    @pytest.mark.parametrize("title", ["Breaking Bad", None])
    async def test_show_is_found_by_its_id(
        self, bench: Bench, title: str | None
    ) -> None:
        found = await found_by(
            bench.client, MediaKind.SHOW, ProviderIds(tvdb="81189"), title
        )
        assert [one.item.item_id for one in found] == [bench.item_id("Breaking Bad")]

    async def test_episode_is_found_by_its_own_id(self, bench: Bench) -> None:
        found = await bench.client.find(
            MediaKind.EPISODE, ProviderIds(imdb="tt0959621"), "Pilot"
        )
        assert [one.item.item_id for one in found] == [
            bench.item_id("Breaking Bad", season=1, episode=1)
        ]

    async def test_id_of_another_kind_finds_nothing(self, bench: Bench) -> None:
        """1396 is a show at TMDB, and a film as well."""
        assert not await bench.client.find(MediaKind.MOVIE, ProviderIds(tmdb="1396"))

    async def test_contradicting_ids_find_nothing(self, bench: Bench) -> None:
        ids = ProviderIds(imdb="tt0083658", tmdb="999999")
        assert not await bench.client.find(MediaKind.MOVIE, ids, "Blade Runner")

    async def test_no_ids_find_nothing_without_asking(self, bench: Bench) -> None:
        bench.server.clear_log()
        assert not await bench.client.find(MediaKind.MOVIE, NO_IDS, "Alien")
        ids = ProviderIds(imdb="tt0078748")
        assert not await bench.client.find(MediaKind.UNKNOWN, ids, "Alien")
        assert bench.server.requests == []

    # Lists

    @pytest.mark.needs("clock")
    async def test_up_next_holds_what_was_begun_and_what_follows(
        self, bench: Bench, clock: FakeClock
    ) -> None:
        film = bench.item_id("Alien")
        await bench.pause(film, 1800)
        clock.advance(60)
        await bench.watch(bench.item_id("Severance", season=1, episode=1))
        found = [one.item.item_id for one in await bench.client.up_next(10)]
        assert sorted(found) == sorted(
            [film, bench.item_id("Severance", season=1, episode=2)]
        )
        assert len(await bench.client.up_next(1)) == 1
        assert await bench.client.up_next(0) == ()

    @pytest.mark.needs("users")
    async def test_up_next_is_empty_for_who_watched_nothing(self, bench: Bench) -> None:
        await bench.pause(bench.item_id("Alien"), 1800, "kim")
        assert await bench.client.up_next(10) == ()

    @pytest.mark.needs("clock", "users")
    async def test_last_played_comes_newest_first(
        self, bench: Bench, clock: FakeClock
    ) -> None:
        watched = [
            bench.item_id("Alien"),
            bench.item_id("Chernobyl", season=1, episode=3),
            bench.item_id("Past Lives"),
        ]
        for one in watched:
            await bench.watch(one)
            clock.advance(3600)
        await bench.watch(bench.item_id("Arrival"), "kim")
        found = [one.item.item_id for one in await played(bench.client, 10)]
        assert found == watched[::-1]
        newest = await played(bench.client, 1)
        assert [one.item.item_id for one in newest] == watched[-1:]
        assert await played(bench.client, 0) == ()

    @pytest.mark.needs("clock")
    async def test_last_played_holds_what_was_only_begun(
        self, bench: Bench, clock: FakeClock
    ) -> None:
        await bench.watch(bench.item_id("Alien"))
        clock.advance(60)
        await bench.pause(bench.item_id("Arrival"), 1200)
        found = [one.item.title for one in await played(bench.client, 10)]
        assert found == ["Arrival", "Alien"]

    # Listening

    @pytest.fixture
    async def events(self, bench: Bench) -> AsyncIterator[AsyncGenerator[ServerEvent]]:
        """What the client hears, from `Connected` on."""
        async with aclosing(bench.client.listen()) as heard:
            assert await anext(heard) == Connected()
            yield heard

    async def test_listening_takes_one_request(self, bench: Bench) -> None:
        async with aclosing(bench.client.listen()) as events:
            assert await anext(events) == Connected()
            assert len(bench.server.requests) == 1
            assert len(bench.server.sockets) == 1

    async def test_closing_the_generator_closes_the_socket(self, bench: Bench) -> None:
        async with aclosing(bench.client.listen()) as events:
            await anext(events)
            (socket,) = bench.server.sockets
        async with asyncio.timeout(TOLD):
            await socket.closed.wait()
        assert bench.server.sockets == []

    async def test_end_of_a_playback_elsewhere_is_told(
        self, bench: Bench, events: AsyncGenerator[ServerEvent]
    ) -> None:
        film = bench.item_id("Alien")
        await bench.play_to_the_end(film)
        await told(events, film)
        assert (await bench.reading(film)).state.watched is True

    async def test_mark_elsewhere_is_told_where_the_server_does_that(
        self, bench: Bench, events: AsyncGenerator[ServerEvent]
    ) -> None:
        film, other = bench.item_id("Alien"), bench.item_id("Arrival")
        await bench.watch(film)
        if bench.client.capabilities.announces_marks:
            await told(events, film)
        await bench.play_to_the_end(other)
        await told(events, other)

    @pytest.mark.needs("users")
    async def test_mark_of_another_user_is_not_told(
        self, bench: Bench, events: AsyncGenerator[ServerEvent]
    ) -> None:
        theirs, ours = bench.item_id("Alien"), bench.item_id("Arrival")
        await bench.watch(theirs, user="kim")
        await bench.play_to_the_end(ours)
        assert theirs not in await told(events, ours)

    @pytest.mark.needs("files")
    async def test_removed_item_is_told(
        self, bench: Bench, events: AsyncGenerator[ServerEvent]
    ) -> None:
        film = bench.item_id("Alien")
        bench.remove(film)
        await told(events, film)
        assert await bench.client.fetch([film]) == {}

    @pytest.mark.needs("faults")
    async def test_what_makes_no_sense_is_not_heard(
        self, bench: Bench, events: AsyncGenerator[ServerEvent]
    ) -> None:
        film = bench.item_id("Alien")
        for nonsense in ("", "{", "[]", '{"MessageType": "UserDataChanged"}'):
            bench.server.sockets[0].push(nonsense)
        await bench.play_to_the_end(film)
        await told(events, film)

    @pytest.mark.needs("faults")
    async def test_socket_of_a_server_that_goes_dark_is_lost(
        self, bench: Bench, events: AsyncGenerator[ServerEvent]
    ) -> None:
        await bench.server.go_dark()
        with pytest.raises(Unreachable):
            await anext(events)
        with pytest.raises(Unreachable):
            await anext(bench.client.listen())

    @pytest.mark.needs("faults")
    async def test_restart_ends_the_socket_and_lets_in_another(
        self, bench: Bench, events: AsyncGenerator[ServerEvent]
    ) -> None:
        listening = asyncio.ensure_future(anext(events, None))
        await bench.server.restart()
        async with asyncio.timeout(TOLD):
            with suppress(Unreachable):
                assert await listening is None
        async with aclosing(bench.client.listen()) as again:
            assert await anext(again) == Connected()

    @pytest.mark.needs("users")
    async def test_revoked_token_ends_the_socket_and_gets_no_other(
        self, bench: Bench, events: AsyncGenerator[ServerEvent]
    ) -> None:
        bench.revoke()
        async with asyncio.timeout(TOLD):
            with suppress(Unreachable):
                assert await anext(events, None) is None
        with pytest.raises(AuthRejected):
            await anext(bench.client.listen())

    @pytest.mark.needs("faults")
    @pytest.mark.parametrize(("kind", "options", "expected"), SOCKET_FAULTS)
    async def test_socket_that_cannot_be_had_says_what_to_do(
        self,
        bench: Bench,
        kind: FaultKind,
        options: dict[str, object],
        expected: type[ServerError],
    ) -> None:
        # A dropped connection is tried once more by aiohttp itself.
        bench.server.fail(kind, times=None, **options)  # type: ignore[arg-type]  # a table of keywords
        with pytest.raises(expected):
            await anext(bench.client.listen())
        bench.server.clear_faults()
        async with aclosing(bench.client.listen()) as events:
            assert await anext(events) == Connected()
