"""One Plex account's view of one Plex Media Server."""

from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping, Sequence
from datetime import timedelta
import hashlib
from typing import Final, override
from uuid import uuid4

from aiohttp import ClientSession

from ...core.errors import (
    AuthRejected,
    Forbidden,
    ItemGone,
    Malformed,
    Refused,
    ServerError,
    Unreachable,
    Unsupported,
    WrongServer,
)
from ...core.identity import Item, MediaKind, ProviderIds
from ...core.operation import Change, MarkUnwatched, MarkWatched, SetProgress
from ...core.play_state import PlayState, Reading
from ...core.ports import Capabilities, MediaServer, ServerEvent, ServerInfo
from ..listener import Listener
from ..listing import in_order, matching, newest_first, unique
from ..transport import TIMEOUT, TREE_TIMEOUT, Transport, WrongVerb
from . import notifications, wire

#: Where Plex accounts live.
PLEX_TV: Final = "https://plex.tv"

#: The product as Plex lists it under Authorized Devices. The version is part of the
#: device's record there and stays the same from release to release.
PRODUCT: Final = "Watched Sync"
PRODUCT_VERSION: Final = "1"

_LIBRARY: Final = "com.plexapp.plugins.library"
_SCROBBLE: Final = "/:/scrobble"
_UNSCROBBLE: Final = "/:/unscrobble"
_TIMELINE: Final = "/:/timeline"

# No maximum is documented; far longer lists have failed.
_BATCH: Final = 100
_LEAF_PAGE: Final = 500
_LISTING_PAGE: Final = 1000
_CANDIDATES: Final = 50

#: The owner's account on every server.
OWNER_ID: Final = "1"
_MILLISECONDS: Final = 1000

_CAPABILITIES: Final = Capabilities(
    concurrency=4,
    repeat_safe=False,
    keeps_watched_at=False,
    # Server preference minimumProgressTime, 60000 ms.
    min_position=60.0,
    # Server preference LibraryVideoPlayedThreshold, 90 %.
    max_progress=0.9,
)


def client_headers(client_id: str) -> dict[str, str]:
    """Return what every request says of its sender; no token is among it."""
    return {
        "Accept": "application/json",
        "X-Plex-Client-Identifier": client_id,
        "X-Plex-Product": PRODUCT,
        "X-Plex-Version": PRODUCT_VERSION,
        "X-Plex-Platform": "Home Assistant",
        "X-Plex-Device": "Home Assistant",
        "X-Plex-Device-Name": PRODUCT,
    }


async def server_id_at(session: ClientSession, url: str, client_id: str) -> str | None:
    """Tell which server answers at an address. `GET /identity`, without any token.

    None for a server that tells it to nobody without a token. Raises `WrongServer`
    where something else than Plex answers.
    """
    transport = Transport(session, url, client_headers(client_id))
    try:
        answer = await transport.read("/identity", may_be_missing=True)
        return wire.parse_identity(answer).server_id
    except AuthRejected, Forbidden:
        return None
    except (Malformed, ItemGone, Refused) as error:
        raise WrongServer("no Plex Media Server answers here") from error


class PlexClient(MediaServer):
    """Requests to one Plex Media Server with one token.

    `client_id` is this entry's own X-Plex-Client-Identifier: two that share one log
    each other out. `known` is what `identify` said when the entry was set up; with
    it `probe` takes one request and notices another server at the same address.
    Every method raises `ServerError` and nothing else.
    """

    def __init__(
        self,
        session: ClientSession,
        url: str,
        token: str,
        *,
        client_id: str,
        known: ServerInfo | None = None,
        plex_tv_url: str = PLEX_TV,
    ) -> None:
        """Prepare requests; none is sent.

        Raises `WrongAddress` for a bad *url* and `AuthRejected` for a *token* that
        cannot be one.
        """
        anonymous = client_headers(client_id)
        self._token = token.strip()
        headers = {**anonymous, "X-Plex-Token": self._token}
        self._stranger = Transport(session, url, anonymous)
        self._server = Transport(session, url, headers)
        self._plex_tv = Transport(session, plex_tv_url, headers)
        self._listener = Listener(session, url, headers)
        self._notifications = notifications.Notifications()
        self._lists_everything = True
        self._known = known
        # The methods of each write; the one last known to work comes first.
        self._verbs: dict[str, tuple[str, str]] = {
            _SCROBBLE: ("GET", "PUT"),
            _UNSCROBBLE: ("GET", "PUT"),
            _TIMELINE: ("POST", "GET"),
        }

    def __repr__(self) -> str:
        """Name the address, never the token."""
        return f"PlexClient({self._server!r})"

    @property
    @override
    def capabilities(self) -> Capabilities:
        """What Plex can do."""
        return _CAPABILITIES

    @property
    @override
    def clock_offset(self) -> timedelta | None:
        """Server time minus ours, from the last `Date` header."""
        return self._server.clock_offset

    # Who answers

    async def identify(self) -> ServerInfo:
        """Find out, at set-up, which server and which user this is.

        Raises `WrongServer` where something else than Plex answers.

        A user's id is the number of the account on the server: 1 for the owner, the
        plex.tv account number for anybody else. Only the owner may read `/accounts`;
        others are named by plex.tv or, where that does not know the token (one made
        for a single server), by the account their play history belongs to. A token
        that tells nothing stands for itself, as a digest: set up again, it is found
        again. While plex.tv does not answer no such id is given, as it would differ
        from the user's own ever after; that is `Unreachable`.
        """
        try:
            await self._identity()
            identity = wire.parse_identity(
                await self._server.read("/", may_be_missing=True)
            )
        except (Malformed, ItemGone, Refused) as error:
            raise WrongServer("no Plex Media Server answers here") from error
        user_id, user_name = await self._user(identity)
        self._known = ServerInfo(
            server_id=identity.server_id,
            server_name=identity.name or "Plex",
            version=identity.version,
            user_id=user_id,
            user_name=user_name,
        )
        return self._known

    @override
    async def probe(self) -> ServerInfo:
        """Ask `GET /`, which answers 401 to a token that is no longer good.

        Raises `WrongServer` if another Plex Media Server has taken the address.
        """
        known = self._known
        if known is None:
            return await self.identify()
        identity = wire.parse_identity(await self._server.read("/"))
        self._check_same_server(identity)
        return ServerInfo(
            server_id=known.server_id,
            server_name=identity.name or known.server_name,
            version=identity.version or known.version,
            user_id=known.user_id,
            user_name=known.user_name,
        )

    async def _user(self, identity: wire.Identity) -> tuple[str, str]:
        """Return id and name of the token's user."""
        try:
            owner = wire.parse_owner_name(
                await self._server.read("/accounts", may_be_missing=True)
            )
        except AuthRejected, Forbidden, ItemGone:
            pass  # not the owner; older servers answer 401
        else:
            return OWNER_ID, owner or identity.owner or "Owner"
        silence: ServerError | None = None
        try:
            return wire.parse_account(await self._plex_tv.read("/api/v2/user"))
        except AuthRejected, Forbidden, Refused:
            pass  # plex.tv answers, but this is no account's token
        except ServerError as error:
            silence = error
        if (account := await self._history_account()) is not None:
            return account, f"Plex user {account}"
        if silence is not None:
            raise Unreachable("plex.tv cannot say whose token this is") from silence
        digest = hashlib.sha256(self._token.encode()).hexdigest()[:16]
        return f"token-{digest}", "Plex user"

    async def _history_account(self) -> str | None:
        """Read whose plays this token may see: nobody's but the user's own."""
        try:
            answer = await self._server.read(
                "/status/sessions/history/all",
                {"sort": "viewedAt:desc", **_bounds(0, 1)},
                may_be_missing=True,
            )
        except AuthRejected, Forbidden, ItemGone:
            return None
        return wire.parse_history_account(answer)

    async def _identity(self) -> wire.Identity | None:
        """Ask who is there, without the token; None if even that asks for one."""
        try:
            return wire.parse_identity(
                await self._stranger.read("/identity", may_be_missing=True)
            )
        except AuthRejected, Forbidden:
            return None

    def _check_same_server(self, identity: wire.Identity) -> None:
        if self._known is not None and identity.server_id != self._known.server_id:
            raise WrongServer("another Plex Media Server answers at this address")

    # Reading

    @override
    async def fetch(self, item_ids: Collection[str]) -> Mapping[str, Reading]:
        """Read items, 100 with each `GET /library/metadata/{ids}`."""
        wanted = [key for key in dict.fromkeys(item_ids) if wire.is_rating_key(key)]
        found: dict[str, Reading] = {}
        for start in range(0, len(wanted), _BATCH):
            batch = wanted[start : start + _BATCH]
            asked = set(batch)
            try:
                async for readings in self._pages(
                    f"/library/metadata/{','.join(batch)}",
                    {"includeGuids": "1"},
                    len(batch),
                    may_be_missing=True,
                    exact=False,
                ):
                    found.update(
                        (reading.item.item_id, reading)
                        for reading in readings
                        if reading.item.item_id in asked
                    )
            except ItemGone:
                # None is left of them. A proxy may say so too while the server
                # restarts, so Plex itself has to be there to be believed.
                await self._check_still_plex()
        self._notifications.learn(found.values())
        return found

    @override
    async def fetch_leaves(self, item: Item) -> Sequence[Reading]:
        """Read episodes: `/allLeaves` of a show, `/children` of a season."""
        match item.kind:
            case MediaKind.SHOW:
                below, show_ids = "allLeaves", item.provider_ids
            case MediaKind.SEASON:
                below, show_ids = "children", item.show_provider_ids
            case _:
                raise Unsupported("only shows and seasons have episodes")
        key = _checked(item)
        episodes: list[Reading] = []
        try:
            async for readings in self._pages(
                f"/library/metadata/{key}/{below}",
                {"includeGuids": "1"},
                _LEAF_PAGE,
                may_be_missing=True,
            ):
                episodes += readings
        except ItemGone:
            await self._check_still_plex()
            raise
        return in_order(episodes, show_ids)

    @override
    async def search(
        self, query: str, kinds: Collection[MediaKind], limit: int
    ) -> Sequence[Reading]:
        """Search titles: `GET /hubs/search`, or each library without it."""
        if not query.strip() or not kinds or limit <= 0:
            return ()
        try:
            answer = await self._server.read(
                "/hubs/search",
                {"query": query, "limit": str(limit), "includeGuids": "1"},
                may_be_missing=True,
            )
        except ItemGone, Refused:
            found = [
                reading
                for kind in wire.TYPE_NUMBERS
                if kind in kinds
                for reading in await self._search_libraries(query, kind, limit)
            ]
        else:
            found = wire.parse_hubs(answer)
        return tuple(
            unique(reading for reading in found if reading.item.kind in kinds)[:limit]
        )

    async def _search_libraries(
        self, query: str, kind: MediaKind, limit: int
    ) -> list[Reading]:
        """Filter the titles of each library that can hold *kind*."""
        found: list[Reading] = []
        for section in await self._sections(kind):
            answer = await self._server.read(
                f"/library/sections/{section.section_id}/all",
                {
                    "type": wire.TYPE_NUMBERS[kind],
                    "title": query,
                    "includeGuids": "1",
                    **_bounds(0, limit),
                },
            )
            found += wire.parse_page(answer).readings
        return found

    @override
    async def find(
        self, kind: MediaKind, ids: ProviderIds, title: str | None = None
    ) -> Sequence[Reading]:
        """Find every copy of a work.

        The server filters by its own guid alone, never by these ids: whatever bears
        the title is compared here, and if nothing does, every item of this kind.
        """
        if not ids or kind not in wire.TYPE_NUMBERS:
            return ()
        if title:
            candidates = await self.search(title, {kind}, _CANDIDATES)
            # Search results need not carry the ids; the items do.
            bare = [
                found.item.item_id
                for found in candidates
                if not found.item.provider_ids
            ]
            full = await self.fetch(bare)
            copies = matching(
                (full.get(found.item.item_id, found) for found in candidates), ids
            )
            if copies:
                return copies
        found: list[Reading] = []
        for section in await self._sections(kind):
            async for readings in self._pages(
                f"/library/sections/{section.section_id}/all",
                {"type": wire.TYPE_NUMBERS[kind], "includeGuids": "1"},
                _LISTING_PAGE,
            ):
                found += matching(readings, ids)
        return tuple(unique(found))

    @override
    async def up_next(self, limit: int) -> Sequence[Reading]:
        """Read Continue Watching, or On Deck where the server has no such hub."""
        if limit <= 0:
            return ()
        params = {"includeGuids": "1", **_bounds(0, limit)}
        try:
            answer = await self._server.read(
                "/hubs/continueWatching/items", params, may_be_missing=True
            )
        except ItemGone, Refused:
            answer = await self._server.read("/library/onDeck", params)
        return tuple(unique(wire.parse_hubs(answer))[:limit])

    @override
    async def last_played(self, limit: int) -> Sequence[Reading]:
        """Read what has a `lastViewedAt`; manual marks count as plays there.

        That takes one `GET /library/all` for films and one for episodes; of a server
        that does not know that each library is asked, from then on.
        """
        if limit <= 0:
            return ()
        if self._lists_everything:
            try:
                return newest_first(await self._played_anywhere(limit), limit)
            except ItemGone, Refused:
                found = await self._played_by_library(limit)
            # Known only now: a proxy's 404 would have met this read as well.
            self._lists_everything = False
        else:
            found = await self._played_by_library(limit)
        return newest_first(found, limit)

    async def _played_anywhere(self, limit: int) -> list[Reading]:
        return [
            *await self._played("/library/all", MediaKind.MOVIE, limit),
            *await self._played("/library/all", MediaKind.EPISODE, limit),
        ]

    async def _played_by_library(self, limit: int) -> list[Reading]:
        found: list[Reading] = []
        for section in await self._sections():
            kind = MediaKind.MOVIE if section.is_movies else MediaKind.EPISODE
            found += await self._played(
                f"/library/sections/{section.section_id}/all", kind, limit
            )
        return found

    async def _played(self, path: str, kind: MediaKind, limit: int) -> list[Reading]:
        """Read one page of what was played, the newest first."""
        answer = await self._server.read(
            path,
            {
                "type": wire.TYPE_NUMBERS[kind],
                "sort": "lastViewedAt:desc",
                # The operator is part of the parameter's name.
                "lastViewedAt>>": "0",
                "includeGuids": "1",
                **_bounds(0, limit),
            },
            may_be_missing=path == "/library/all",
        )
        return wire.parse_page(answer).readings

    async def _sections(self, kind: MediaKind | None = None) -> list[wire.Section]:
        """Read the libraries, or those that can hold *kind*."""
        sections = wire.parse_sections(await self._server.read("/library/sections"))
        return [
            section
            for section in sections
            if kind is None or section.is_movies is (kind is MediaKind.MOVIE)
        ]

    async def _pages(
        self,
        path: str,
        params: Mapping[str, str],
        size: int,
        *,
        may_be_missing: bool = False,
        exact: bool = True,
    ) -> AsyncIterator[list[Reading]]:
        """Read a listing page by page, by what comes back and not by what was asked.

        A server may send more than a page, or less. With *exact*, a listing that
        ends before its own total is `Malformed`.
        """
        start = 0
        while True:
            page = wire.parse_page(
                await self._server.read(
                    path,
                    {**params, **_bounds(start, size)},
                    may_be_missing=may_be_missing,
                )
            )
            yield page.readings
            start += page.row_count
            if page.total is None or start >= page.total:
                return
            if page.row_count == 0:
                if exact:
                    raise Malformed("a listing ended before its total")
                return

    async def _check_still_plex(self) -> None:
        """Raise `Unreachable` unless it was Plex that answered 404."""
        try:
            identity = await self._identity()
        except (Malformed, ItemGone, Refused) as error:
            raise Unreachable("something answers in the server's place") from error
        if identity is not None:
            self._check_same_server(identity)

    # Listening

    @override
    def listen(self) -> AsyncGenerator[ServerEvent]:
        """Hear of playbacks, refreshed items and the library; never of a mark.

        An owner's token is told of everybody's playbacks, without a name.
        """
        self._notifications = notifications.Notifications()
        return self._listener.events(
            notifications.PATH, self._notifications, notifications.PARAMS
        )

    # Writing

    @override
    async def write(self, item: Item, change: Change, state: PlayState) -> None:
        """Send one mark or one resume position; a mark of a container means all below.

        Plex keeps no date: a mark is always of now. Raises `Unsupported` for a
        position that cannot be set: on a container, 0 on a watched item, of an item
        without a known duration, or one that comes with a flag (two writes).
        """
        _checked(item)
        match change:
            case MarkWatched():
                await self._mark(_SCROBBLE, item)
            case MarkUnwatched():
                await self._mark(_UNSCROBBLE, item)
            case SetProgress(watched=None) if item.kind.is_container:
                raise Unsupported("a show or season has no resume position")
            case SetProgress(position, watched=None) if position > 0:
                await self._set_position(item, position)
            case SetProgress(watched=None) if state.watched is False:
                # A timeline at 0 is ignored.
                await self._mark(_UNSCROBBLE, item)
            case SetProgress(watched=None):
                raise Unsupported("a watched item keeps its resume position")
            case _:
                raise Unsupported("a flag and a position are two writes")

    async def _mark(self, path: str, item: Item) -> None:
        """Send `/:/scrobble` or `/:/unscrobble` for the item or all below it."""
        await self._write(
            path,
            item,
            {"identifier": _LIBRARY, "key": item.item_id},
            timeout=TREE_TIMEOUT if item.kind.is_container else TIMEOUT,
        )

    async def _set_position(self, item: Item, position: float) -> None:
        """Send one `/:/timeline` report of a playback that stopped at *position*.

        Without a duration the server says 200 and ignores it; beyond the duration it
        says 400. A session of its own keeps it from adding to another's playback.
        """
        duration = item.duration
        if duration is None:
            reading = (await self.fetch([item.item_id])).get(item.item_id)
            if reading is None:
                raise ItemGone("the item is gone")
            duration = reading.item.duration
        if duration is None:
            raise Unsupported("the item's duration is not known")
        await self._write(
            _TIMELINE,
            item,
            {
                "ratingKey": item.item_id,
                "key": f"/library/metadata/{item.item_id}",
                "identifier": _LIBRARY,
                "state": "stopped",
                "time": str(round(min(position, duration) * _MILLISECONDS)),
                "duration": str(round(duration * _MILLISECONDS)),
            },
            headers={"X-Plex-Session-Identifier": str(uuid4())},
        )

    async def _write(
        self,
        path: str,
        item: Item,
        params: Mapping[str, str],
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float = TIMEOUT,  # noqa: ASYNC109 - becomes aiohttp's own timeout
    ) -> None:
        """Send a write with the method this server answers to.

        The documentation asks for another method than all clients use, and a server
        says 404 to a wrong one. So a 404 for an item that exists means the method;
        the other one is tried once and remembered.
        """

        async def send(method: str) -> None:
            await self._server.send(
                method, path, params=params, headers=headers, timeout=timeout
            )

        method, other = self._verbs[path]
        try:
            await send(method)
        except (ItemGone, WrongVerb) as error:
            if not await self._exists(item.item_id):
                raise ItemGone("the item is gone") from error
        else:
            return
        try:
            await send(other)
        except ItemGone as error:
            raise Refused(f"{path} is not known to this server") from error
        self._verbs[path] = (other, method)

    async def _exists(self, item_id: str) -> bool:
        try:
            answer = await self._server.read(
                f"/library/metadata/{item_id}", _bounds(0, 1), may_be_missing=True
            )
        except ItemGone:
            await self._check_still_plex()
            return False
        return wire.parse_page(answer).row_count > 0


def _bounds(start: int, size: int) -> dict[str, str]:
    """Return the window of a listing; without one, whole libraries are sent."""
    return {
        "X-Plex-Container-Start": str(start),
        "X-Plex-Container-Size": str(size),
    }


def _checked(item: Item) -> str:
    """Return the item's id; one that cannot be an id of this server is of no item."""
    if not wire.is_rating_key(item.item_id):
        raise ItemGone("no item of this server has such an id")
    return item.item_id
