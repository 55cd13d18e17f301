"""One Plex account's view of one Plex Media Server."""

from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
import hashlib
import math
from typing import Final, override
from uuid import uuid4

from aiohttp import ClientSession

from ...core.errors import (
    AuthRejected,
    Fault,
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
from ...core.learnt import Learnt, Trait
from ...core.operation import Change, MarkUnwatched, MarkWatched, SetProgress
from ...core.play_state import PlayState, Reading
from ...core.ports import (
    Capabilities,
    Image,
    Library,
    MediaServer,
    Page,
    PlaybackReport,
    PlaybackState,
    ServerEvent,
    ServerInfo,
)
from ...core.titles import spellings
from ..fields import Json, Oddities
from ..inventory import InventoryPages
from ..learning import AfterMarks, nothing_learnt
from ..libraries import HIDDEN, AllowedLibraries
from ..listener import Listener
from ..listing import (
    MOST_EPISODES,
    MOST_ROWS,
    ListingPage,
    all_pages,
    in_order,
    likest_first,
    matching,
    newest_first,
    unique,
)
from ..playbacks import Playbacks, device_of, header_text
from ..transport import PATIENCE, TIMEOUT, TREE_TIMEOUT, Transport, WrongVerb
from . import notifications, wire
from .limits import Limits, PositionLimits

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

#: The methods of each write, the likelier one first, and what says which one it is.
_METHODS: Final[Mapping[str, tuple[Trait, tuple[str, str]]]] = {
    _SCROBBLE: (Trait.MARK_METHOD, ("GET", "PUT")),
    _UNSCROBBLE: (Trait.UNMARK_METHOD, ("GET", "PUT")),
    _TIMELINE: (Trait.POSITION_METHOD, ("POST", "GET")),
}

# No maximum is documented; far longer lists have failed.
_BATCH: Final = 100
_LEAF_PAGE: Final = 500
_LISTING_PAGE: Final = 400
#: As large as others ask for (WatchState), which rows without `_HEAVY` leave room for.
_INVENTORY_PAGE: Final = 1000
_CANDIDATES: Final = 50

#: Groups of an answer to a search, one for each kind of thing; people are one.
_HUBS: Final = 12

#: Rows of a listing that cannot be narrowed to some libraries, where only theirs are
#: wanted: in one request what takes one for each library otherwise.
_MIXED: Final = 100

#: What is long in a row and no inventory needs, by the names that python-plexapi and
#: WebTools know. A server that does not leave it out is asked for fewer rows (see
#: `InventoryPages`).
_HEAVY: Final[Mapping[str, str]] = {
    "excludeElements": (
        "Media,Genre,Country,Rating,Collection,Director,Writer,Role,Actor,Producer,"
        "Similar,Label,Style,Mood,Format,Image,UltraBlurColors"
    ),
    "excludeFields": "summary,tagline",
}

#: The kinds that an inventory lists: of seasons, episodes tell enough.
_LISTED: Final = (MediaKind.MOVIE, MediaKind.SHOW, MediaKind.EPISODE)
#: The kinds that are watched by themselves.
_LEAVES: Final = (MediaKind.MOVIE, MediaKind.EPISODE)

#: The owner's account on every server.
OWNER_ID: Final = "1"

#: How the id of a user begins of whose account nothing is known but a token.
UNKNOWN_ACCOUNT: Final = "token-"
_MILLISECONDS: Final = 1000

_CAPABILITIES: Final = Capabilities(
    concurrency=4,
    repeat_safe=False,
    keeps_watched_at=False,
    lists_episodes=True,
)


@dataclass(slots=True)
class _Playback:
    """What the server knows of one playback: its play queue, if it made one.

    `is_queued` once it was asked for one, `is_over` once it has ended the playback.
    """

    queue: wire.PlayQueue | None = None
    is_queued: bool = False
    is_over: bool = False


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
    What the server prefers is asked before the first position, and hours later again.
    With *libraries*, searching and the lists are of these libraries alone; `find`,
    which also looks for what was moved, and reading by id are of all.
    *learnt* is what this server has shown before, and takes in what it shows.
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
        libraries: Collection[str] = (),
        learnt: Learnt | None = None,
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
        self._odd = Oddities(self._server.latest_now)
        self._plex_tv = Transport(session, plex_tv_url, headers)
        self._listener = Listener(session, url, headers)
        self._notifications = notifications.Notifications()
        self._learnt = learnt or nothing_learnt()
        self._after_marks = AfterMarks(self._learnt)
        self._libraries = AllowedLibraries(self.libraries, libraries)
        self._inventory = InventoryPages(self._libraries, _INVENTORY_PAGE, self._learnt)
        self._limits = PositionLimits(self._learnt, self._read_limits)
        self._known = known
        if known is not None:
            self._learnt.runs(known.version)
        self._client_id = client_id
        self._playbacks = Playbacks(_Playback)

    def __repr__(self) -> str:
        """Name the address, never the token."""
        return f"PlexClient({self._server!r})"

    @property
    @override
    def capabilities(self) -> Capabilities:
        """What Plex can do, with this server's own limits of positions."""
        limits = self._limits.now
        return replace(
            _CAPABILITIES,
            min_position=limits.min_position,
            max_progress=limits.max_progress,
        )

    @property
    @override
    def clock_offset(self) -> timedelta | None:
        """Server time minus ours, from the last `Date` header."""
        return self._server.clock_offset

    @property
    @override
    def oddities(self) -> Mapping[str, int]:
        """How often something in a row could not be."""
        return self._odd.counts

    @override
    def item_id(self, given: str) -> str | None:
        """Return a rating key, None for what cannot be one."""
        key = given.strip()
        return key if wire.is_rating_key(key) else None

    # Who answers

    async def identify(self) -> ServerInfo:
        """Find out, at set-up, which server and which user this is.

        Raises `WrongServer` where something else than Plex answers.

        A user's id is the number of the account on the server: 1 for the owner, the
        plex.tv account number for anybody else. Only the owner may read `/accounts`;
        others are named by plex.tv or, where that does not know the token (one made
        for a single server), by the account their play history belongs to. A token
        that tells nothing stands for itself, as a digest: set up again, it is found
        again. Whom nothing names has an empty name. While plex.tv does not answer no
        such id is given, as it would differ from the user's own ever after; that is
        `Unreachable`.
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
        self._learnt.runs(identity.version)
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
        self._learnt.runs(identity.version)
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
            return OWNER_ID, owner or identity.owner or ""
        silence: ServerError | None = None
        try:
            return wire.parse_account(await self._plex_tv.read("/api/v2/user"))
        except AuthRejected, Forbidden, Refused:
            pass  # plex.tv answers, but this is no account's token
        except ServerError as error:
            silence = error
        if (account := await self._history_account()) is not None:
            return account, ""
        if silence is not None:
            raise Unreachable("plex.tv cannot say whose token this is") from silence
        digest = hashlib.sha256(self._token.encode()).hexdigest()[:16]
        return f"{UNKNOWN_ACCOUNT}{digest}", ""

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
    async def libraries(self) -> Sequence[Library]:
        """Read the libraries of films and shows. `GET /library/sections`."""
        found = await self._server.read_rows(
            "/library/sections", lambda answer: wire.parse_sections(answer, self._odd)
        )
        return self._libraries.marked(found)

    @override
    async def fetch(self, item_ids: Collection[str]) -> Mapping[str, Reading]:
        """Read items, 100 with each `GET /library/metadata/{ids}`."""
        wanted = [key for key in dict.fromkeys(item_ids) if wire.is_rating_key(key)]
        found: dict[str, Reading] = {}
        for start in range(0, len(wanted), _BATCH):
            found |= await self._fetch_batch(wanted[start : start + _BATCH])
        self._notifications.learn(found.values())
        self._after_marks.read(found.values())
        return found

    async def _fetch_batch(self, keys: Sequence[str]) -> dict[str, Reading]:
        """Read items with one request, or by halves.

        By what is documented, and was seen, ids that are not there are left out, and
        404 says that all of them are. Until a server has done so its 404 may mean one
        id of several.
        """
        size = len(keys)
        params = {"includeGuids": "1"}
        path = f"/library/metadata/{','.join(keys)}"
        found: dict[str, Reading] = {}
        try:
            async for page in all_pages(
                lambda start: self._page(
                    path, {**params, **_bounds(start, size)}, may_be_missing=True
                ),
                math.inf,  # all that can be there was asked for: no page is full
                exact=False,
                most=2 * size,  # more than enough for a row each
            ):
                found.update(
                    (reading.item.item_id, reading)
                    for reading in (*page.unreadable, *page.readings)
                    if reading.item.item_id in keys
                )
                if len(found) == size:
                    break
        except ItemGone:
            # A proxy may say so too while the server restarts, so Plex itself has to
            # be there to be believed.
            await self._check_still_plex()
            if size > 1 and not self._learnt.flag(Trait.BATCH_LEAVES_OUT_GONE):
                half = size // 2
                found = await self._fetch_batch(keys[:half])
                found |= await self._fetch_batch(keys[half:])
                if found:
                    self._learnt.note(Trait.BATCH_LEAVES_OUT_GONE, value=False)
        else:
            if len(found) < size:
                self._learnt.note(Trait.BATCH_LEAVES_OUT_GONE, value=True)
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
            async for page in self._pages(
                f"/library/metadata/{key}/{below}",
                {"includeGuids": "1"},
                _LEAF_PAGE,
                may_be_missing=True,
                most=MOST_EPISODES,
            ):
                episodes += page.readings
        except ItemGone:
            await self._check_still_plex()
            raise
        return in_order(episodes, show_ids)

    @override
    async def search(
        self, query: str, kinds: Collection[MediaKind], limit: int
    ) -> Sequence[Reading]:
        """Search titles: `GET /hubs/search`, or each library without it."""
        if limit <= 0:
            return ()
        if not self._libraries.are_narrowed:
            return (await self._search(query, kinds, limit))[:limit]
        found = await self._search(query, kinds, max(limit, _MIXED))
        return (await self._of_allowed(found))[:limit]

    async def _search(
        self, query: str, kinds: Collection[MediaKind], limit: int
    ) -> tuple[Reading, ...]:
        """Search all libraries; *limit* is that of each kind."""
        if not query.strip() or not kinds:
            return ()
        found: list[Reading] = []
        for spelling in spellings(query):
            # What is called exactly so may come last on the server.
            most = max(limit, _CANDIDATES)
            found += await self._search_spelling(spelling, kinds, most)
        wanted = (reading for reading in found if reading.item.kind in kinds)
        return tuple(likest_first(wanted, query))

    async def _search_spelling(
        self, query: str, kinds: Collection[MediaKind], limit: int
    ) -> Sequence[Reading]:
        try:
            return await self._server.read_rows(
                "/hubs/search",
                self._parse_hubs,
                {"query": query, "limit": str(limit), "includeGuids": "1"},
                may_be_missing=True,
                rows=_HUBS * limit,
            )
        except ItemGone, Refused:
            return [
                reading
                for kind in wire.TYPE_NUMBERS
                if kind in kinds
                for reading in await self._search_libraries(query, kind, limit)
            ]

    def _parse_hubs(self, answer: Json) -> list[Reading]:
        return wire.parse_hubs(answer, self._odd)

    async def _of_allowed(self, readings: Sequence[Reading]) -> tuple[Reading, ...]:
        """Return the readings of allowed libraries."""
        placed = await self._placed(readings)
        return tuple(one for one in placed if self._libraries.allows(one.item))

    async def _placed(self, readings: Sequence[Reading]) -> tuple[Reading, ...]:
        """Name each item's library: a hub's rows need not, the items themselves do."""
        bare = [one.item.item_id for one in readings if one.item.library_id is None]
        full = await self.fetch(bare)
        return tuple(full.get(one.item.item_id, one) for one in readings)

    async def _search_libraries(
        self, query: str, kind: MediaKind, limit: int
    ) -> list[Reading]:
        """Filter the titles of each library that can hold *kind*."""
        found: list[Reading] = []
        for section in await self._sections(kind):
            page = await self._page(
                f"/library/sections/{section.library_id}/all",
                {
                    "type": wire.TYPE_NUMBERS[kind],
                    "title": query,
                    "includeGuids": "1",
                    **_bounds(0, limit),
                },
            )
            found += page.readings
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
        for spelling in spellings(title or ""):
            found = await self._search_spelling(spelling, {kind}, _CANDIDATES)
            candidates = unique(one for one in found if one.item.kind is kind)
            del candidates[_CANDIDATES:]
            # Search results need not carry the ids; the items do.
            bare = [one.item.item_id for one in candidates if not one.item.provider_ids]
            full = await self.fetch(bare)
            copies = matching(
                (full.get(one.item.item_id, one) for one in candidates), ids
            )
            if copies:
                narrowed = self._libraries.are_narrowed
                return await self._placed(copies) if narrowed else copies
        listed: list[Reading] = []
        for section in await self._sections(kind):
            async for page in self._pages(
                f"/library/sections/{section.library_id}/all",
                {"type": wire.TYPE_NUMBERS[kind], "includeGuids": "1"},
                _LISTING_PAGE,
            ):
                listed += matching(page.readings, ids)
        return tuple(unique(listed))

    @override
    async def inventory_page(
        self, library: Library, kind: MediaKind, start: int = 0
    ) -> Page:
        """Read up to 1,000 rows. `GET /library/sections/{id}/all?type=`.

        Without a `sort`, and without what is heavy in a row.
        """
        if kind not in _LISTED:
            raise Unsupported(f"no {kind} is listed by itself")
        return await self._inventory.page(
            library,
            kind,
            start,
            lambda size: self._page(
                f"/library/sections/{library.library_id}/all",
                {
                    "type": wire.TYPE_NUMBERS[kind],
                    "includeGuids": "1",
                    **_HEAVY,
                    **_bounds(start, size),
                },
                may_be_missing=True,
                timeout=PATIENCE,
            ),
        )

    @override
    async def count_unwatched(self, library: Library | None, kind: MediaKind) -> int:
        """Ask for no rows of what is unwatched: `totalSize` says how many there are.

        `GET /library/sections/{id}/all?type=&unwatched=1`, or `GET /library/all`.
        """
        if kind not in _LEAVES:
            raise Unsupported(f"no {kind} is watched by itself")
        if library is None:
            try:
                return await self._count("/library/all", kind)
            except (ItemGone, Refused) as error:
                raise Unsupported("this server lists each library alone") from error
        try:
            return await self._count(
                f"/library/sections/{library.library_id}/all", kind
            )
        except HIDDEN as error:
            raise await self._libraries.meaning(library, error) from error

    async def _count(self, path: str, kind: MediaKind) -> int:
        count = await self._server.read_rows(
            path,
            wire.parse_total,
            {"type": wire.TYPE_NUMBERS[kind], "unwatched": "1", **_bounds(0, 0)},
            may_be_missing=True,
        )
        if count is None:
            raise Unsupported("this server does not say how long a listing is")
        return count

    @override
    async def up_next(self, limit: int) -> Sequence[Reading]:
        """Read Continue Watching, or On Deck where the server has no such hub."""
        if limit <= 0:
            return ()
        narrowed = self._libraries.are_narrowed
        size = max(limit, _MIXED) if narrowed else limit
        params = {"includeGuids": "1", **_bounds(0, size)}
        try:
            found = await self._server.read_rows(
                "/hubs/continueWatching/items",
                self._parse_hubs,
                params,
                rows=size,
                may_be_missing=True,
            )
        except ItemGone, Refused:
            found = await self._server.read_rows(
                "/library/onDeck", self._parse_hubs, params, rows=size
            )
        found = unique(found)
        return tuple((await self._of_allowed(found) if narrowed else found)[:limit])

    @override
    async def last_played(self, limit: int) -> Sequence[Reading]:
        """Read what has a `lastViewedAt`; manual marks count as plays there.

        That takes one `GET /library/all` for films and one for episodes; of a server
        that does not know that each library is asked, from then on. Where some
        libraries are allowed only they are asked, with one request each, as plays in
        the others would fill the page.
        """
        if limit <= 0:
            return ()
        if self._libraries.are_narrowed:
            found = await self._played_in_allowed(limit)
        elif self._learnt.flag(Trait.LISTS_WHOLE_SERVER) is not False:
            try:
                anywhere = await self._played_anywhere(limit)
            except ItemGone, Refused:
                found = await self._played_by_library(limit)
                # Known only now: a proxy's 404 would have met this read as well.
                self._learnt.note(Trait.LISTS_WHOLE_SERVER, value=False)
            else:
                self._learnt.note(Trait.LISTS_WHOLE_SERVER, value=True)
                return newest_first(anywhere, limit)
        else:
            found = await self._played_by_library(limit)
        return newest_first(found, limit)

    async def _played_anywhere(self, limit: int) -> list[Reading]:
        return [
            *await self._played("/library/all", MediaKind.MOVIE, limit),
            *await self._played("/library/all", MediaKind.EPISODE, limit),
        ]

    async def _played_by_library(self, limit: int) -> list[Reading]:
        return [
            reading
            for section in await self.libraries()
            for reading in await self._played_in(section, limit, may_be_missing=False)
        ]

    async def _played_in_allowed(self, limit: int) -> list[Reading]:
        """Read what was played in the allowed libraries; one may have gone."""
        found: list[Reading] = []
        for section in await self._libraries.allowed(wire.TYPE_NUMBERS):
            try:
                found += await self._played_in(section, limit, may_be_missing=True)
            except HIDDEN:
                # Unless it is the token, or a proxy: that would be said to this.
                self._libraries.forget()
                await self._libraries.all()
        return found

    async def _played_in(
        self, section: Library, limit: int, *, may_be_missing: bool
    ) -> list[Reading]:
        return await self._played(
            f"/library/sections/{section.library_id}/all",
            MediaKind.MOVIE if section.kind is MediaKind.MOVIE else MediaKind.EPISODE,
            limit,
            may_be_missing=may_be_missing,
        )

    async def _played(
        self, path: str, kind: MediaKind, limit: int, *, may_be_missing: bool = True
    ) -> list[Reading]:
        """Read one page of what was played, the newest first."""
        page = await self._page(
            path,
            {
                "type": wire.TYPE_NUMBERS[kind],
                "sort": "lastViewedAt:desc",
                # The operator is part of the parameter's name.
                "lastViewedAt>>": "0",
                "includeGuids": "1",
                **_bounds(0, limit),
            },
            may_be_missing=may_be_missing,
        )
        return page.readings

    async def _sections(self, kind: MediaKind) -> list[Library]:
        """Read the libraries that can hold *kind*."""
        return [one for one in await self.libraries() if one.may_hold(kind)]

    def _pages(
        self,
        path: str,
        params: Mapping[str, str],
        size: int,
        *,
        may_be_missing: bool = False,
        most: int = MOST_ROWS,
    ) -> AsyncIterator[ListingPage]:
        """Read a whole listing. Raises `Malformed` where it ends before its total."""
        return all_pages(
            lambda start: self._page(
                path, {**params, **_bounds(start, size)}, may_be_missing=may_be_missing
            ),
            size,
            most=most,
        )

    async def _page(
        self,
        path: str,
        params: Mapping[str, str],
        *,
        may_be_missing: bool = False,
        timeout: float = TIMEOUT,  # noqa: ASYNC109 - becomes aiohttp's own timeout
    ) -> ListingPage:
        size = int(params["X-Plex-Container-Size"])
        return await self._server.read_rows(
            path,
            lambda answer: wire.parse_page(answer, self._odd, size),
            params,
            rows=size,
            may_be_missing=may_be_missing,
            timeout=timeout,
        )

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
        self._notifications = notifications.Notifications(self._limits.now.max_progress)
        return self._listener.events(
            notifications.PATH, self._notifications, notifications.PARAMS
        )

    # Writing

    @override
    async def write(self, item: Item, change: Change, state: PlayState) -> None:
        """Send one mark or one resume position; a mark of a container means all below.

        Plex keeps no date: a mark is always of now. Raises `Unsupported` for a
        position that cannot be set: on a container, 0 on a watched item, of an item
        without a known duration, too near its beginning or end for this server, or
        one that comes with a flag (two writes).
        """
        _checked(item)
        match change:
            case MarkWatched():
                await self._mark(_SCROBBLE, item)
                self._after_marks.marked(item, state, watched=True)
            case MarkUnwatched():
                await self._mark(_UNSCROBBLE, item)
                self._after_marks.marked(item, state, watched=False)
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
        duration = await self._duration(item)
        if duration is None:
            raise Unsupported("the item's duration is not known")
        await self._limits.refresh()
        if not self.capabilities.can_hold(position, duration):
            raise Unsupported("the server would not keep this position")
        await self._write(
            _TIMELINE,
            item,
            _timeline(item, PlaybackState.STOPPED, position, duration),
            headers={"X-Plex-Session-Identifier": str(uuid4())},
        )

    @override
    def note_position_not_kept(self, position: float, duration: float) -> None:
        """Learn a limit from it, where this user may not read the preferences."""
        self._limits.learn(position, duration)

    async def _read_limits(self) -> Limits:
        """Read the server's preferences: `GET /:/prefs`, for the owner alone."""
        answer = await self._server.read("/:/prefs", may_be_missing=True)
        return wire.parse_limits(answer, self._odd)

    async def _duration(self, item: Item) -> float | None:
        """Return how long an item is, asking for it where it is not known."""
        if item.duration is not None:
            return item.duration
        reading = (await self.fetch([item.item_id])).get(item.item_id)
        if reading is None:
            raise ItemGone("the item is gone")
        return reading.item.duration

    # Playing

    @override
    async def session_user(self, session_id: str) -> str | None:
        """Raise `Unsupported`: a Plex player names its user by itself."""
        raise Unsupported("this server does not say whose session it is")

    @override
    async def report(self, report: PlaybackReport) -> None:
        """Send one `/:/timeline` report, with a play queue made for the playback.

        What it does, as measured on 1.43: from 60 seconds to below 90 % the position
        becomes the resume position. The first report from 90 % on marks the item as
        watched and counts one play, if one of this session was below that before;
        otherwise nothing is marked.

        Each player is a device of its own, below our client id, and each playback a
        session of its own.
        """
        item = report.item
        key = _checked(item)
        if item.kind.is_container:
            raise Unsupported("only films and episodes can be played")
        playback = self._playbacks.of(report.session_id)
        stopped = report.state is PlaybackState.STOPPED
        if playback.is_over and not stopped:
            raise Refused("the server has ended this playback")
        duration = await self._duration(item) or report.duration
        if duration is None:
            raise Unsupported("the item's duration is not known")
        headers = self._player_headers(report)
        if not playback.is_queued and not stopped:
            playback.queue = await self._play_queue(key, headers)
            playback.is_queued = True
        params = _timeline(item, report.state, report.position, duration)
        if (queue := playback.queue) is not None:
            params["playQueueItemID"] = queue.item_id
            params["containerKey"] = f"/playQueues/{queue.queue_id}"
        answer = await self._write(_TIMELINE, item, params, headers=headers)
        if stopped:
            self._playbacks.end(report.session_id)
        elif wire.was_ended(answer):
            playback.is_over = True
            raise Refused("the server has ended this playback")

    def _player_headers(self, report: PlaybackReport) -> dict[str, str]:
        return {
            "X-Plex-Client-Identifier": device_of(self._client_id, report.player_id),
            "X-Plex-Device-Name": header_text(report.player, PRODUCT),
            "X-Plex-Session-Identifier": header_text(report.session_id, "session"),
        }

    async def _play_queue(
        self, key: str, headers: Mapping[str, str]
    ) -> wire.PlayQueue | None:
        """Make a queue of one item: `POST /playQueues`.

        None where the server makes none, as reports are taken without one as well.
        """
        server_id = (self._known or await self.identify()).server_id
        try:
            answer = await self._server.ask(
                "/playQueues",
                None,
                {
                    "type": "video",
                    "uri": f"server://{server_id}/{_LIBRARY}/library/metadata/{key}",
                    "continuous": "0",
                    "repeat": "0",
                    "shuffle": "0",
                },
                headers=headers,
            )
            return wire.parse_play_queue(answer)
        except (ItemGone, Refused) as error:
            if not await self._exists(key):
                raise ItemGone("the item is gone") from error
        except Fault, Forbidden, Malformed:
            pass  # no reason to say nothing of the playback
        return None

    # Pictures

    @override
    async def image(self, item: Item, *, width: int) -> Image:
        """Read a poster or still: `GET /photo/:/transcode`, else the picture as it is.

        The paths come from `GET /library/metadata/{id}`.
        """
        key = _checked(item)
        try:
            answer = await self._server.read(
                f"/library/metadata/{key}", _bounds(0, 1), may_be_missing=True
            )
        except ItemGone:
            await self._check_still_plex()
            raise
        for path in wire.parse_artwork(answer):
            try:
                return await self._server.image(
                    "/photo/:/transcode",
                    {
                        "url": path,
                        "width": str(width),
                        "height": str(width * 3 // 2),
                        "minSize": "1",
                        "upscale": "0",
                    },
                )
            except Fault, Forbidden, ItemGone, Malformed, Refused:
                pass  # a server without a transcoder, or one that cannot read it
            try:
                return await self._server.image(path.partition("?")[0])
            except Forbidden, ItemGone:
                continue
        raise ItemGone("the item has no picture")

    # Writes

    async def _write(
        self,
        path: str,
        item: Item,
        params: Mapping[str, str],
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float = TIMEOUT,  # noqa: ASYNC109 - becomes aiohttp's own timeout
    ) -> Json:
        """Send a write with the method this server answers to; return its answer.

        The documentation asks for another method than all clients use, and a server
        says 404 to a wrong one. So a 404 for an item that exists means the method;
        the other one is tried once and remembered.
        """

        async def send(method: str) -> Json:
            return await self._server.send(
                method, path, params=params, headers=headers, timeout=timeout
            )

        trait, methods = _METHODS[path]
        method, other = methods
        if self._learnt.word(trait) == other:
            method, other = other, method
        try:
            answer = await send(method)
        except (ItemGone, WrongVerb) as error:
            if not await self._exists(item.item_id):
                raise ItemGone("the item is gone") from error
        else:
            self._learnt.note(trait, method)
            return answer
        try:
            answer = await send(other)
        except ItemGone as error:
            raise Refused(f"{path} is not known to this server") from error
        self._learnt.note(trait, other)
        return answer

    async def _exists(self, item_id: str) -> bool:
        try:
            answer = await self._server.read(
                f"/library/metadata/{item_id}", _bounds(0, 1), may_be_missing=True
            )
        except ItemGone:
            await self._check_still_plex()
            return False
        return wire.parse_page(answer, self._odd).row_count > 0


def _timeline(
    item: Item, state: PlaybackState, position: float, duration: float
) -> dict[str, str]:
    """Return what a report says; beyond the duration it would be answered with 400."""
    position = min(max(position, 0.0), duration)
    return {
        "ratingKey": item.item_id,
        "key": f"/library/metadata/{item.item_id}",
        "identifier": _LIBRARY,
        "state": state.value,
        "time": str(round(position * _MILLISECONDS)),
        "duration": str(round(duration * _MILLISECONDS)),
    }


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
