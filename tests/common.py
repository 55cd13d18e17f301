"""What tests of the hall share: a server in memory, and an entry that uses it."""

import asyncio
from collections.abc import (
    Callable,
    Collection,
    Iterable,
    Mapping,
    Sequence,
)
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
import re
from typing import Any, override
from unittest.mock import patch

from homeassistant.config_entries import (
    ConfigEntry,
    ConfigFlowResult,
    ConfigSubentryData,
)
from homeassistant.const import EVENT_HOMEASSISTANT_CLOSE
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.util.hass_dict import HassKey
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.watched_sync.const import (
    DOMAIN,
    ENTRY_MINOR_VERSION,
    SUBENTRY_ITEM,
)
from custom_components.watched_sync.core.catalogue import Progress
from custom_components.watched_sync.core.codec import encode_item
from custom_components.watched_sync.core.errors import (
    AuthRejected,
    ItemGone,
    ServerError,
    Unreachable,
)
from custom_components.watched_sync.core.identity import Item, MediaKind, ProviderIds
from custom_components.watched_sync.core.operation import (
    Change,
    MarkUnwatched,
    MarkWatched,
    SetProgress,
)
from custom_components.watched_sync.core.play_state import PlayState, Reading
from custom_components.watched_sync.core.ports import (
    Capabilities,
    Image,
    Library,
    MediaServer,
    Page,
    PlaybackReport,
    ServerInfo,
)
from custom_components.watched_sync.core.titles import spellings
from custom_components.watched_sync.runtime import Request, WatchedSyncRuntime
from custom_components.watched_sync.servers.listing import likest_first

MOVIE = Item(
    item_id="m1",
    kind=MediaKind.MOVIE,
    title="Arrival",
    year=2016,
    provider_ids=ProviderIds(imdb="tt2543164", tmdb="329865"),
    duration=6960.0,
    library_id="films",
)
OTHER_MOVIE = Item(
    item_id="m2",
    kind=MediaKind.MOVIE,
    title="Contact",
    year=1997,
    provider_ids=ProviderIds(imdb="tt0118884", tmdb="686"),
    duration=9000.0,
    library_id="films",
)
SHOW = Item(
    item_id="s1",
    kind=MediaKind.SHOW,
    title="Severance",
    year=2022,
    provider_ids=ProviderIds(imdb="tt11280740", tmdb="95396", tvdb="371980"),
    library_id="shows",
)


def episode(season: int, number: int, *, aired: date | None = None) -> Item:
    """Return one episode of SHOW; season 0 holds its specials."""
    return Item(
        item_id=f"e{season}x{number}",
        kind=MediaKind.EPISODE,
        title=f"Part {number}",
        provider_ids=ProviderIds(tvdb=f"{season or 9}00{number}"),
        duration=3000.0,
        library_id="shows",
        show_id=SHOW.item_id,
        show_title=SHOW.title,
        show_provider_ids=SHOW.provider_ids,
        season_id=f"season{season}",
        season=season,
        episode=number,
        aired=aired or date(2022, 1, number),
    )


def season(number: int) -> Item:
    """Return one season of SHOW."""
    return Item(
        item_id=f"season{number}",
        kind=MediaKind.SEASON,
        title=f"Season {number}",
        library_id="shows",
        show_id=SHOW.item_id,
        show_title=SHOW.title,
        show_provider_ids=SHOW.provider_ids,
        season_id=f"season{number}",
        season=number,
    )


#: One special, two seasons with two episodes each.
EPISODES = (
    episode(0, 1),
    episode(1, 1),
    episode(1, 2),
    episode(2, 1),
    episode(2, 2),
)

_numbers = count(1)
_ITEM_ID = re.compile(r"[\w-]{1,64}")


class MemoryServer(MediaServer):
    """A media server without a network; it does what it is told at once.

    `down` is raised by every request until it is None again; `item_faults` only by
    writes to that item; `fail_next` by as many requests as it is long. `gate` holds
    requests back while it is cleared. `requests` names each request as
    `("write", item_id)`. `writes` lists what was written, `reports` what players were
    said to do, which changes nothing here.
    """

    def __init__(
        self,
        items: Iterable[Item] = (MOVIE, OTHER_MOVIE, SHOW, *EPISODES),
        *,
        server_id: str = "server-1",
        server_name: str = "Attic",
        user_id: str = "user-1",
        user_name: str = "Ada",
        kind: str = "jellyfin",
    ) -> None:
        """Hold *items*, all of them unwatched."""
        self.info = ServerInfo(server_id, server_name, "10.11.0", user_id, user_name)
        self.kind = kind
        self.url = f"http://memory-{next(_numbers)}.test"
        self.items = {item.item_id: item for item in items}
        self.states: dict[str, PlayState] = {
            item.item_id: PlayState(watched=False)
            for item in self.items.values()
            if not item.kind.is_container
        }
        self.up_next_ids: list[str] = []
        self.shelves = [
            Library("films", "Films", MediaKind.MOVIE),
            Library("shows", "Shows", MediaKind.SHOW),
        ]
        #: Whether plays and ids are found without reading the libraries.
        self.lists_plays = True
        self.down: ServerError | None = None
        self.fail_next: list[ServerError] = []
        self.item_faults: dict[str, ServerError] = {}
        self.gate = asyncio.Event()
        self.gate.set()
        self.requests: list[tuple[str, str | None]] = []
        self.writes: list[tuple[str, Change]] = []
        #: The tokens that were given back.
        self.signed_out: list[str] = []
        self.reports: list[PlaybackReport] = []
        #: The users of the sessions this user may see, by the session's id.
        self.sessions: dict[str, str] = {}
        self.now: Callable[[], datetime] = lambda: datetime.now(UTC)

    # Setting the scene

    def go_down(self, error: ServerError | None = None) -> None:
        """Answer nothing but *error* from now on."""
        self.down = error or Unreachable("nobody is there")

    def come_up(self) -> None:
        """Answer again."""
        self.down = None

    def revoke(self) -> None:
        """Accept the token no more."""
        self.down = AuthRejected("the token is not accepted")

    def set(self, item_id: str, **state: Any) -> None:
        """Change an item's play state behind everybody's back."""
        self.states[item_id] = replace(self.states[item_id], **state)

    def reading(self, item_id: str) -> Reading:
        """Return what the server shows of one item."""
        item = self.items[item_id]
        if not item.kind.is_container:
            return Reading(item, self.states[item_id])
        states = [self.states[leaf.item_id] for leaf in self._below(item)]
        watched = sum(bool(state.watched) for state in states)
        return Reading(
            item,
            PlayState(watched=bool(states) and watched == len(states)),
            leaf_count=len(states),
            watched_leaf_count=watched,
        )

    def _below(self, container: Item) -> list[Item]:
        return [
            item
            for item in self.items.values()
            if item.kind is MediaKind.EPISODE and container.covers(item)
        ]

    async def _request(self, name: str, item_id: str | None = None) -> None:
        self.requests.append((name, item_id))
        await self.gate.wait()
        if self.down is not None:
            raise self.down
        if self.fail_next:
            raise self.fail_next.pop(0)

    # MediaServer

    @property
    @override
    def capabilities(self) -> Capabilities:
        return Capabilities(
            concurrency=1,
            repeat_safe=True,
            keeps_watched_at=False,
            lists_plays=self.lists_plays,
            finds_by_ids=self.lists_plays,
        )

    @property
    @override
    def clock_offset(self) -> timedelta | None:
        return timedelta()

    @property
    @override
    def oddities(self) -> Mapping[str, int]:
        return {}

    @override
    def item_id(self, text: str) -> str | None:
        return text if _ITEM_ID.fullmatch(text) else None

    async def introduce(self) -> str:
        """Say who is there, to somebody without a token."""
        await self._request("introduce")
        return self.info.server_id

    async def identify(self) -> ServerInfo:
        """As the real clients: who is there, asked at set-up."""
        await self._request("identify")
        return self.info

    @override
    async def probe(self) -> ServerInfo:
        await self._request("probe")
        return self.info

    @override
    async def libraries(self) -> Sequence[Library]:
        await self._request("libraries")
        return self.shelves

    @override
    async def fetch(self, item_ids: Collection[str]) -> Mapping[str, Reading]:
        await self._request("fetch", ",".join(sorted(item_ids)))
        return {one: self.reading(one) for one in item_ids if one in self.items}

    @override
    async def fetch_leaves(self, item: Item) -> Sequence[Reading]:
        await self._request("fetch_leaves", item.item_id)
        if item.item_id not in self.items and item.kind is MediaKind.SHOW:
            raise ItemGone("no such show")
        return [self.reading(leaf.item_id) for leaf in self._below(item)]

    @override
    async def write(self, item: Item, change: Change, state: PlayState) -> None:
        await self._request("write", item.item_id)
        if (fault := self.item_faults.get(item.item_id)) is not None:
            raise fault
        self.writes.append((item.item_id, change))
        targets = self._below(item) if item.kind.is_container else [item]
        for target in targets:
            self._apply(target.item_id, change)

    def _apply(self, item_id: str, change: Change) -> None:
        if item_id not in self.states:
            raise ItemGone("no such item")
        state = self.states[item_id]
        match change:
            case MarkWatched(at):
                self.states[item_id] = PlayState(
                    watched=True,
                    play_count=max(state.play_count, 1),
                    last_played=at or self.now(),
                )
            case MarkUnwatched():
                self.states[item_id] = PlayState(watched=False)
            case SetProgress(position):
                self.states[item_id] = replace(
                    state, position=position, last_played=self.now()
                )

    @override
    async def search(
        self, query: str, kinds: Collection[MediaKind], limit: int
    ) -> Sequence[Reading]:
        await self._request("search", query)
        # Every character counts but for its case, as it may on a server.
        found = [
            self.reading(item.item_id)
            for spelling in spellings(query)
            for item in self.items.values()
            if item.kind in kinds and spelling.casefold() in item.title.casefold()
        ]
        return likest_first(found, query)[:limit]

    @override
    async def find(
        self, kind: MediaKind, ids: ProviderIds, title: str | None = None
    ) -> Sequence[Reading]:
        await self._request("find")
        return [
            self.reading(item.item_id)
            for item in self.items.values()
            if item.kind is kind
            and item.provider_ids.matches(ids)
            and (self.lists_plays or item.title == title)
        ]

    @override
    async def inventory_page(
        self, library: Library, kind: MediaKind, start: int = 0
    ) -> Page:
        """List all of a kind that are in the library, or in none."""
        await self._request("inventory_page", library.library_id)
        found = [self.reading(item.item_id) for item in self._held(library, kind)]
        return Page(found[start:], None)

    @override
    async def count_unwatched(self, library: Library | None, kind: MediaKind) -> int:
        where = None if library is None else library.library_id
        await self._request("count_unwatched", where)
        return sum(
            not self.states[item.item_id].watched for item in self._held(library, kind)
        )

    def _held(self, library: Library | None, kind: MediaKind) -> list[Item]:
        return [
            item
            for item in self.items.values()
            if item.kind is kind
            and (
                library is None
                or (
                    library.may_hold(kind)
                    and item.library_id in {library.library_id, None}
                )
            )
        ]

    @override
    async def up_next(self, limit: int) -> Sequence[Reading]:
        await self._request("up_next")
        return [self.reading(item_id) for item_id in self.up_next_ids[:limit]]

    @override
    async def last_played(self, limit: int) -> Sequence[Reading]:
        await self._request("last_played")
        played = [
            (state.last_played, item_id)
            for item_id, state in self.states.items()
            if state.last_played is not None
        ]
        played.sort(reverse=True)
        return [self.reading(item_id) for _, item_id in played[:limit]]

    @override
    async def session_user(self, session_id: str) -> str | None:
        await self._request("session_user", session_id)
        return self.sessions.get(session_id)

    @override
    async def report(self, report: PlaybackReport) -> None:
        await self._request("report", report.item.item_id)
        if report.item.item_id not in self.items:
            raise ItemGone("no such item")
        self.reports.append(report)

    @override
    async def image(self, item: Item, *, width: int) -> Image:
        await self._request("image", item.item_id)
        if item.item_id not in self.items:
            raise ItemGone("no such item")
        return Image("image/png", f"{item.item_id} {width}".encode())


_SERVERS: HassKey[dict[str, MemoryServer]] = HassKey("watched_sync_memory_servers")


def use_server(hass: HomeAssistant, server: MemoryServer) -> None:
    """Have *server* answer at its url until the test ends, for entries and flows."""
    if _SERVERS not in hass.data:
        hass.data[_SERVERS] = {}

        def create(
            hass: HomeAssistant, data: Mapping[str, Any], *_: Any
        ) -> MemoryServer:
            return hass.data[_SERVERS][data["url"]]

        async def server_id(hass: HomeAssistant, data: Mapping[str, Any]) -> str:
            if (server := hass.data[_SERVERS].get(data["url"])) is None:
                raise Unreachable("nobody is there")
            return await server.introduce()

        async def sign_out(hass: HomeAssistant, data: Mapping[str, Any]) -> None:
            hass.data[_SERVERS][data["url"]].signed_out.append(data["token"])

        house = "custom_components.watched_sync"
        patchers: list[Any] = [
            patch(f"{house}.connecting.create_server", create),
            patch(f"{house}.connecting.async_server_id", server_id),
            patch(f"{house}.moves.async_server_id", server_id),
            patch(f"{house}.async_sign_out", sign_out),
        ]
        for patcher in patchers:
            patcher.start()

        @callback
        def stop(_: Event) -> None:
            for patcher in patchers:
                patcher.stop()

        hass.bus.async_listen_once(EVENT_HOMEASSISTANT_CLOSE, stop)
    hass.data[_SERVERS][server.url] = server


def tracked(item: Item) -> ConfigSubentryData:
    """Return the subentry that tracks *item*."""
    return ConfigSubentryData(
        data={"item": encode_item(item)},
        subentry_type=SUBENTRY_ITEM,
        title=item.full_title,
        unique_id=item.item_id,
    )


def lane_entry(
    server: MemoryServer,
    *,
    options: Mapping[str, Any] | None = None,
    subentries: Iterable[Item] = (),
    entry_id: str | None = None,
) -> MockConfigEntry:
    """Return an entry for *server*, not yet added; shared where no *options* are."""
    info = server.info
    return MockConfigEntry(
        domain=DOMAIN,
        minor_version=ENTRY_MINOR_VERSION,
        entry_id=entry_id,
        title=f"{info.server_name} ({info.user_name})",
        unique_id=f"{info.server_id}:{info.user_id}",
        data={
            "kind": server.kind,
            "url": server.url,
            "token": "secret-token",
            "verify_ssl": True,
            "client_id": "0123456789abcdef0123456789abcdef",
            "server_id": info.server_id,
            "server_name": info.server_name,
            "user_id": info.user_id,
            "user_name": info.user_name,
        },
        options={"person": "shared"} if options is None else dict(options),
        subentries_data=[tracked(item) for item in subentries],
    )


async def setup_lane(
    hass: HomeAssistant,
    server: MemoryServer | None = None,
    *,
    options: Mapping[str, Any] | None = None,
    subentries: Iterable[Item] = (),
    entry_id: str | None = None,
) -> MockConfigEntry:
    """Set up an entry whose server is *server*, and return it.

    Its runtime is `entry.runtime_data`; whether setting up worked shows in
    `entry.state`.
    """
    server = server or MemoryServer()
    use_server(hass, server)
    entry = lane_entry(
        server, options=options, subentries=subentries, entry_id=entry_id
    )
    entry.add_to_hass(hass)
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    return entry


async def take_inventory(entry: ConfigEntry[Any], server: MemoryServer) -> None:
    """Fill the catalogue with all that the server has, as a first inventory leaves it.

    Seasons are not listed: they follow from their episodes.
    """
    runtime: WatchedSyncRuntime = entry.runtime_data
    await runtime.catalogue.keep(
        server.reading(one.item_id)
        for one in server.items.values()
        if one.kind is not MediaKind.SEASON
    )
    await runtime.catalogue.note(Progress(finished_at=datetime.now(UTC)))


async def say_whose(
    hass: HomeAssistant, form: ConfigFlowResult, person: str = "shared", **name: str
) -> ConfigFlowResult:
    """Answer the last question of connecting: whose it is, and maybe by what *name*."""
    assert form["type"] is FlowResultType.FORM
    assert form["step_id"] == "person"
    result = await hass.config_entries.flow.async_configure(
        form["flow_id"], {"person": person, **name}
    )
    await hass.async_block_till_done()
    return result


async def mark(entry: ConfigEntry[Any], item: Item = MOVIE) -> None:
    """Request that *item* was watched."""
    runtime: WatchedSyncRuntime = entry.runtime_data
    await runtime.async_submit([Request(item, MarkWatched())])


async def until(
    runtime: WatchedSyncRuntime, condition: Callable[[], bool], seconds: float = 30
) -> None:
    """Wait until *condition* holds, looking after every change of the lane."""
    changed = asyncio.Event()
    remove = runtime.lane.add_listener(lambda _: changed.set())
    try:
        async with asyncio.timeout(seconds):
            while not condition():
                await changed.wait()
                changed.clear()
    finally:
        remove()


async def drained(
    hass: HomeAssistant, entry: ConfigEntry[Any], seconds: float = 30
) -> None:
    """Wait until nothing waits to be delivered, and everybody knows."""
    runtime: WatchedSyncRuntime = entry.runtime_data
    await until(
        runtime,
        lambda: not len(runtime.lane.outbox) and not runtime.lane.in_flight,
        seconds,
    )
    await hass.async_block_till_done()
