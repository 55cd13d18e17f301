"""Simulated worlds whose requests go over TCP: the real client, a simulated Jellyfin.

The storm and the pair of servers are those that live with servers in memory; here the
client, aiohttp and the websocket take part as well. Only time is virtual.
"""

import asyncio
from collections.abc import (
    AsyncGenerator,
    Callable,
    Collection,
    Mapping,
    Sequence,
)
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import datetime, timedelta
import random
from typing import Any, Never, Self, override

from aiohttp import ClientSession

from custom_components.watched_sync.core.identity import (
    Item,
    MediaKind,
    ProviderIds,
)
from custom_components.watched_sync.core.operation import Change
from custom_components.watched_sync.core.play_state import PlayState, Reading
from custom_components.watched_sync.core.ports import (
    Capabilities,
    ServerEvent,
    ServerInfo,
)
from custom_components.watched_sync.servers.jellyfin import dialect
from custom_components.watched_sync.servers.jellyfin.client import JellyfinClient
from tests.core.twins import (
    JELLYFIN,
    UNWATCHED,
    Ask,
    ModelServer,
    Request,
    episodes,
    season,
)
from tests.core.virtual import SocketLoop, VirtualClock, run
from tests.fakes.base import FakeClock, FaultKind
from tests.fakes.jellyfin import TICKS_PER_SECOND, FakeJellyfin
from tests.fakes.library import SeedEpisode, SeedMovie, SeedShow

from .mirrored import Side
from .pair import Pair
from .storm import KINDS, Storm

_USER = "kim"
_DEVICE = "ours"
_YEAR = 1999

#: How many rows are odd where some are, and what is odd about them.
_ODD_ROWS = 0.3
_ODD_MEMBERS: tuple[Mapping[str, Any], ...] = (
    {"ProductionYear": "soon", "PremiereDate": "never"},
    {"ProviderIds": ["tt1"]},
    {"RunTimeTicks": -1},
    {"Path": None, "MediaSources": "none"},
)


class _Clock(FakeClock):
    """The clock of a simulated Jellyfin in virtual time."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        super().__init__()
        self._read = now

    @override
    def __call__(self) -> datetime:
        return self._read()


class _States(dict[str, PlayState]):
    """What a server has stored, read anew each time."""

    def __init__(self, read: Callable[[str], PlayState]) -> None:
        super().__init__()
        self._read = read

    def __missing__(self, item_id: str) -> PlayState:
        return self._read(item_id)


class OverHttp(ModelServer):
    """A simulated Jellyfin with the real client before it, as a model of both.

    To be entered once everything is in its library. What the model does not pass on
    raises: nothing is answered from memory.
    """

    def __init__(self, clock: VirtualClock, profile: str) -> None:
        """Be a Jellyfin of the release line *profile*, or an Emby."""
        super().__init__(clock, JELLYFIN)
        self.fake = FakeJellyfin(clock=_Clock(self.server_now), profile=profile)
        self.states = _States(self._stored)
        self._begun_again: set[str] = set()
        self._client: JellyfinClient
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self.fake.server_id = self.server_id
        self.fake.fail(FaultKind.SLOW, times=None, delay=self.latency)
        await self._stack.enter_async_context(self.fake)
        session = await self._stack.enter_async_context(ClientSession())
        self._client = JellyfinClient(
            session,
            self.fake.url,
            self.fake.token_for(_USER, _DEVICE),
            user_id=self.fake.user_id(_USER),
            device_id=_DEVICE,
            dialect=dialect.EMBY if self.fake.profile.emby else dialect.JELLYFIN,
        )
        turning = asyncio.create_task(self._turn_over_and_over())
        self._stack.callback(turning.cancel)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _turn_over_and_over(self) -> None:
        """Have the server's cache forget what was, now and then."""
        while True:
            await asyncio.sleep(self.turns_over)
            self.fake.states.turn_over()

    # --- the library -------------------------------------------------------

    @override
    def add(self, *items: Item, state: PlayState = UNWATCHED) -> None:
        assert state == UNWATCHED, "nobody has watched anything yet"
        for item in items:
            assert item.kind is MediaKind.MOVIE, "a show comes with its episodes"
            seed = SeedMovie(
                self._title(item.title),
                item.year or _YEAR,
                _minutes(item),
                _ids(item.provider_ids),
            )
            self._hold(item, self.fake.add_movie(seed))

    @override
    def add_show(self, parent: Item, seasons: Mapping[int, int]) -> list[Item]:
        title, found = self._title(parent.title), episodes(parent, seasons)
        show_id = self.fake.add_show(
            SeedShow(
                title,
                _YEAR,
                _ids(parent.provider_ids),
                tuple(
                    SeedEpisode(
                        one.season or 0,
                        one.episode or 0,
                        one.title,
                        _minutes(one),
                        aired=None,
                    )
                    for one in found
                ),
            )
        )
        self._hold(parent, show_id)
        for number in seasons:
            self._hold(season(parent, number), self.fake.item_id(title, season=number))
        return [
            self._hold(
                one, self.fake.item_id(title, season=one.season, episode=one.episode)
            )
            for one in found
        ]

    def _title(self, title: str) -> str:
        """Return a title that is the same on all servers."""
        return title.replace(f"{self.server_id}-", "")

    def _hold(self, item: Item, item_id: str) -> Item:
        """Note what a work is here that the model calls otherwise."""
        row = self.fake.catalogue.items[item_id]
        held = self.items[item_id] = replace(
            item,
            item_id=item_id,
            title=row.name,
            library_id=None,
            show_id=row.series_id,
            show_title=item.show_title and self._title(item.show_title),
            season_id=row.season_id,
        )
        return held

    def spoil_rows(self, rng: random.Random) -> None:
        """Fill members of some rows oddly: each must cost nothing but itself."""
        for item_id in self.items:
            if rng.random() < _ODD_ROWS:
                self.fake.spoil(item_id, rng.choice(_ODD_MEMBERS))

    # --- what others do, and what it shows ---------------------------------

    def _stored(self, item_id: str) -> PlayState:
        row = self.fake.state(_USER, item_id)
        if row.played or not row.play_count:
            # Watched to the end, or un-marked, which takes the count away.
            self._begun_again.discard(item_id)
        return PlayState(
            watched=row.played,
            position=row.position_ticks / TICKS_PER_SECOND,
            play_count=row.play_count,
            last_played=row.last_played_date,
            begun_again=item_id in self._begun_again,
        )

    @override
    def shown_alone(self, item_id: str) -> PlayState:
        if not self.fake.profile.folder_marks_leave_old_state:
            return self.states[item_id]
        user, item = self.fake.user(_USER), self.fake.catalogue.items[item_id]
        row = self.fake.states.shown(user, item, alone=True)
        return PlayState(row.played, row.position_ticks / TICKS_PER_SECOND)

    @override
    def mark_elsewhere(self, item_id: str, *, watched: bool) -> None:
        user, item = self.fake.user(_USER), self.fake.catalogue.items[item_id]
        self.fake.mark(user, item, played=watched)

    @override
    def begin_elsewhere(self, item_id: str) -> None:
        was_watched = self.states[item_id].keeping_flag().watched
        session = self.fake.player(_USER, item_id)
        item = self.fake.catalogue.items[item_id]
        self.fake.started(session, item, 0, paused=False)
        if was_watched:
            self._begun_again.add(item_id)

    @override
    def progress_elsewhere(self, item_id: str, position: float) -> None:
        session = self.fake.player(_USER, item_id)
        item = self.fake.catalogue.items[item_id]
        ticks = int(position * TICKS_PER_SECOND)
        self.fake.progressed(session, item, ticks, paused=False)

    @override
    def written_to(self, item_id: str) -> Never:
        raise NotImplementedError("the model's own server is not here")

    async def restart_for(self, seconds: float) -> None:
        """Say good-bye, refuse every connection for so many seconds, and come back."""
        await self.fake.shut_down(restarting=True)
        await asyncio.sleep(seconds)
        await self.fake.come_back()

    # --- the port ----------------------------------------------------------

    @override
    async def _request(self, ask: Ask, *_: Any, **__: Any) -> Never:
        raise NotImplementedError(f"{ask} is not passed on")

    @override
    async def _send(self, item: Item, change: Change, state: PlayState) -> None:
        self.requests.append(
            Request(Ask.WRITE, (item.item_id,), change, self.clock.monotonic())
        )
        leaves = self._below(item) if item.kind.is_container else [item]
        for leaf in leaves:
            self._asked(self.items[leaf.item_id], change)
        await self._client.write(item, change, state)

    @property
    @override
    def capabilities(self) -> Capabilities:
        return self._client.capabilities

    @property
    @override
    def clock_offset(self) -> timedelta | None:
        return self._client.clock_offset

    @override
    async def probe(self) -> ServerInfo:
        return await self._client.probe()

    @override
    async def fetch(self, item_ids: Collection[str]) -> Mapping[str, Reading]:
        return await self._client.fetch(item_ids)

    @override
    async def fetch_files(
        self, films: Collection[Item]
    ) -> Mapping[str, Sequence[Reading]]:
        return await self._client.fetch_files(films)

    @override
    async def fetch_leaves(self, item: Item) -> Sequence[Reading]:
        return await self._client.fetch_leaves(item)

    @override
    async def is_whole(self, leaf: Reading) -> bool:
        return await self._client.is_whole(leaf)

    @override
    async def find(
        self, kind: MediaKind, ids: ProviderIds, title: str | None = None
    ) -> Sequence[Reading]:
        return await self._client.find(kind, ids, title)

    @override
    def listen(self) -> AsyncGenerator[ServerEvent]:
        return self._client.listen()


def _minutes(item: Item) -> int:
    return round((item.duration or 0.0) / 60)


def _ids(ids: ProviderIds) -> Mapping[str, str]:
    named = {"imdb": ids.imdb, "tmdb": ids.tmdb, "tvdb": ids.tvdb}
    return {name: value for name, value in named.items() if value is not None}


class _PairOverHttp(Pair):
    """Two lanes that follow each other, over TCP."""

    @override
    def make_server_of(self, profile: str) -> OverHttp:
        return OverHttp(self.clock, profile)

    @override
    async def restart(self, side: Side, seconds: float) -> None:
        assert isinstance(side.server, OverHttp)
        await side.server.restart_for(seconds)

    @override
    async def live(self) -> None:
        async with AsyncExitStack() as stack:
            for side in self.sides:
                assert isinstance(side.server, OverHttp)
                await stack.enter_async_context(side.server)
            try:
                await super().live()
            finally:
                await asyncio.wait([task for side in self.sides for task in side.die()])


def simulate_storm(seed: int, profile: str, kinds: Sequence[str] = KINDS) -> None:
    """Live through the storm of *seed* on a server of one *profile*.

    That is `10.11`, `12.0` or `emby`; *kinds* are those of its operations. Some rows
    have odd members in every other storm. Raises `Broken` if it ends wrong.
    """
    clock, odd = VirtualClock(), random.Random(f"{seed} odd")

    async def main() -> None:
        server = OverHttp(clock, profile)
        storm = Storm(seed, server, clock, kinds)
        if odd.random() < 0.5:
            server.spoil_rows(odd)
        async with server:
            await storm.live()

    run(main(), SocketLoop())


def simulate_pair(seed: int, profiles: tuple[str, str]) -> None:
    """Live through *seed* between servers of *profiles*. Raises `Broken`."""
    loop = SocketLoop()

    async def main() -> None:
        await _PairOverHttp(seed, loop, profiles).live()

    run(main(), loop)
