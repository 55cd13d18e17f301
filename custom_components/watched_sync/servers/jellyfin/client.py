"""One user's view of one Jellyfin server, from 10.9 on, or Emby server."""

import asyncio
from collections import Counter
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Iterable,
    Mapping,
    Sequence,
)
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import batched
from time import monotonic
from typing import Final, Protocol, override

from aiohttp import ClientSession

from ...core.errors import (
    AuthRejected,
    Fault,
    Forbidden,
    ItemGone,
    Malformed,
    Refused,
    ServerError,
    Starting,
    Unsupported,
    UnsupportedVersion,
    WrongServer,
)
from ...core.facts import version_numbers
from ...core.identity import Item, MediaKind, ProviderIds
from ...core.learnt import Learnt, Trait
from ...core.operation import Change, MarkUnwatched, MarkWatched, SetProgress
from ...core.play_state import PlayState, Reading
from ...core.ports import (
    Capabilities,
    Find,
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
from ..fields import Json, Oddities, as_row, entries, row, text
from ..inventory import InventoryPages
from ..learning import AfterMarks, nothing_learnt, timed
from ..libraries import HIDDEN, LIFETIME, AllowedLibraries, in_turns
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
from ..playbacks import Playbacks, device_of
from ..transport import PATIENCE, TIMEOUT, TREE_TIMEOUT, Transport
from . import wire
from .dialect import JELLYFIN, Dialect
from .notifications import Notifications

# A request line holds 8192 bytes, an id takes 35 of them.
_BATCH: Final = 100
_PAGE: Final = 500
#: A page takes as long however short it is; longer ones than this would be more than is
#: read of any answer (`transport.MOST_MARKS`): a row has 30 to 50 of its marks.
_INVENTORY_PAGE: Final = 2000
_CANDIDATES: Final = 50
#: Rows that may bear one of some provider ids; no work has as many copies.
_MOST_COPIES: Final = 1000
_SESSIONS: Final = 500

#: Films asked for their files at once: a file is told with all of its streams.
_FILES_BATCH: Final = 20
#: A file names all its streams, with what is known of each.
#: How many rows of another listing one such row is as large as.
_FILES_SIZE: Final = 20

#: The kinds that an inventory lists.
_LISTED: Final = (MediaKind.MOVIE, MediaKind.SHOW)

#: Members of an item's user data that are no play state and are kept.
_KEPT: Final = ("IsFavorite", "Likes", "Rating")

#: The first version whose `POST /Sessions/Playing` leaves a watched film watched.
_KEEPS_WATCHED: Final = (12,)

#: The first version in which a mark reaches all files of a film.
_MARKS_ALL_FILES: Final = (12,)

_QUALITY: Final = "90"

_CAPABILITIES: Final = Capabilities(
    concurrency=4,
    repeat_safe=True,
    keeps_watched_at=True,
    announces_marks=True,
    shows_what_was=True,
    writes_whole=True,
)


class _Reader[T](Protocol):
    """What reads one kind of answer of any dialect."""

    def __call__(self, answer: Json, odd: Oddities, *, item_id: wire.NormalId) -> T: ...


@dataclass(slots=True)
class _Playback:
    """What the server knows of one playback.

    `is_begun` once nothing is to be said of its start any more. `play_count` is what
    it was before the start was first told, None before that. `duration` is the item's
    in seconds, known by then.
    """

    is_begun: bool = False
    play_count: int | None = None
    duration: float = 0.0


@dataclass(frozen=True, slots=True)
class JellyfinLogin:
    """What signing in gives: a token that does not expire, and whose it is."""

    token: str
    info: ServerInfo

    def __repr__(self) -> str:
        """Name the user's id, never the token."""
        return f"JellyfinLogin(user_id={self.info.user_id!r})"


async def authenticate(
    session: ClientSession,
    url: str,
    username: str,
    password: str,
    device_id: str,
    *,
    dialect: Dialect = JELLYFIN,
) -> JellyfinLogin:
    """Sign in with a password. `POST /Users/AuthenticateByName`.

    *device_id* has to be this entry's own: signing in ends the user's earlier token
    for the same device. Raises `AuthRejected` for a wrong name or password,
    `Forbidden` for an account that may not sign in, `WrongServer` where something
    else than a server of this *dialect* answers, `UnsupportedVersion` for one that is
    too old, `Starting` while the server starts or waits for its first-run wizard.
    """
    transport = Transport(session, url, dialect.headers(device_id, None))
    public = await public_info(transport, dialect)
    try:
        answer = await transport.ask(
            "/Users/AuthenticateByName", {"Username": username, "Pw": password}
        )
    except Refused as error:
        # With all four client fields sent, 400 is about a blank name.
        raise AuthRejected("the user name was refused") from error
    except ItemGone as error:
        raise WrongServer(f"no {dialect.name} server answers here") from error
    token, user = wire.parse_login(answer)
    return JellyfinLogin(token, server_info(public, user, dialect))


async def sign_out(
    session: ClientSession,
    url: str,
    token: str,
    device_id: str,
    *,
    dialect: Dialect = JELLYFIN,
) -> None:
    """Give a token back that nobody will use. `POST /Sessions/Logout`."""
    transport = Transport(session, url, dialect.headers(device_id, token))
    await transport.send("POST", "/Sessions/Logout")


class JellyfinClient(MediaServer):
    """Requests to one server with one user's token, Jellyfin's or another *dialect*'s.

    `device_id` is the one the token was made with. `known` is what `identify` said
    when the entry was set up; with it `probe` takes one request and notices another
    server at the same address. *learnt* is what this server has shown before, and takes
    in what it shows. With *libraries*, searching and the lists are of these
    libraries alone; `find`, which also looks for what was moved, and reading by id are
    of all. Every method raises `ServerError` and nothing else.

    An item does not say which library it is in. Where some libraries are allowed, that
    is asked once for each film and show at hand: a moved file is another item.
    """

    def __init__(
        self,
        session: ClientSession,
        url: str,
        token: str,
        *,
        user_id: str,
        device_id: str,
        known: ServerInfo | None = None,
        dialect: Dialect = JELLYFIN,
        libraries: Collection[str] = (),
        learnt: Learnt | None = None,
    ) -> None:
        """Prepare requests; none is sent. Raises `WrongAddress` for a bad *url*."""
        token = token.strip()
        headers = dialect.headers(device_id, token)
        self._server = Transport(session, url, headers)
        self._odd = Oddities(self._server.latest_now)
        self._listener = Listener(session, url, headers)
        self._socket_params = dialect.socket_params(device_id, token)
        self._dialect = dialect
        self._device_id = device_id
        self._token = token
        self._playbacks = Playbacks(_Playback)
        self._capabilities = replace(
            _CAPABILITIES,
            announces_marks=dialect.announces_marks,
            lists_plays=dialect.lists_plays,
            finds_by_ids=dialect.having is not None,
        )
        self._learnt = learnt or nothing_learnt()
        self._after_marks = AfterMarks(self._learnt)
        self._user_id = user_id
        self._known = known
        if known is not None:
            self._learnt.runs(known.version)
        #: Whether it was away since its version was read.
        self._was_away = False
        self._libraries = AllowedLibraries(self.libraries, libraries)
        self._inventory = InventoryPages(self._libraries, _INVENTORY_PAGE, self._learnt)
        #: The libraries of films and shows, and of the folders they lie in, by id.
        self._places: dict[str, str] = {}
        #: Until when those are not asked about again that no library of ours has.
        self._nowhere_until: dict[str, float] = {}
        self._placing = asyncio.Lock()

    def __repr__(self) -> str:
        """Name the address, never the token."""
        return f"JellyfinClient({self._dialect!r}, {self._server!r})"

    @property
    @override
    def capabilities(self) -> Capabilities:
        """What Jellyfin can do, as far as this version has shown it."""
        if self._learnt.flag(Trait.SEASON_MARK_WHOLE) is False:
            return replace(self._capabilities, marks_containers=False)
        return self._capabilities

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
        """Return an id as this kind of server writes it: without dashes, say."""
        return self._dialect.item_id(given.strip())

    # Who answers

    async def identify(self) -> ServerInfo:
        """Find out, at set-up, which server and which user this is.

        Raises `WrongServer` where something else than a server of this dialect
        answers or the token is another user's, `UnsupportedVersion` for one that is
        too old, `Starting` while the server starts, and `Refused` for an API key,
        which belongs to no user.
        """
        public = await public_info(self._server, self._dialect)
        user = await self._me()
        self._known = server_info(public, user, self._dialect)
        self._learnt.runs(self._known.version)
        return self._known

    @override
    async def probe(self) -> ServerInfo:
        """Ask who the user is; a token that is no longer good is answered with 401.

        Raises `WrongServer` if another server or user has taken the place of ours.
        The version is the one that was read last: it is read again once the server was
        away, as it may have been updated.
        """
        if self._known is None:
            return await self.identify()
        try:
            known, user = await self._met_again(self._known)
        except ServerError:
            self._was_away = True
            raise
        return ServerInfo(
            server_id=known.server_id,
            server_name=known.server_name,
            version=known.version,
            user_id=known.user_id,
            user_name=user.name or known.user_name,
        )

    async def _met_again(self, known: ServerInfo) -> tuple[ServerInfo, wire.User]:
        """Ask for the user and, where that may have changed, for the version."""
        user = await self._me()
        if user.server_id and user.server_id != known.server_id:
            raise WrongServer(
                f"another {self._dialect.name} server answers at this address"
            )
        if self._was_away:
            public = await public_info(self._server, self._dialect)
            self._known = known = replace(known, version=public.version)
            self._learnt.runs(known.version)
            self._was_away = False
        return known, user

    async def _me(self) -> wire.User:
        try:
            user = wire.parse_user(
                await self._server.read(self._path(self._dialect.me))
            )
        except Refused as error:
            raise Refused("an API key belongs to no user: sign in instead") from error
        if wire.normal_id(user.user_id) != wire.normal_id(self._user_id):
            raise WrongServer("the token is another user's")
        return user

    @property
    def _version(self) -> str:
        return self._known.version if self._known else ""

    def _path(self, template: str, item_id: str = "") -> str:
        """Return one of the dialect's paths."""
        return template.format(user=self._user_id, item=item_id)

    def _checked(self, item_id: str) -> str:
        """Return an id as the server writes it; what is no id is of no item."""
        normal = self._dialect.item_id(item_id)
        if normal is None:
            raise ItemGone("no item of this server has such an id")
        return normal

    # Libraries

    @override
    async def libraries(self) -> Sequence[Library]:
        """Read the views of the user, also those that their home screen leaves out.

        `GET /UserViews`.
        """
        found = await self._server.read_rows(
            self._path(self._dialect.views),
            self._parse(wire.parse_libraries),
            {"userId": self._user_id, "includeHidden": "true"},
        )
        return self._libraries.marked(found)

    async def _placed(self, readings: Iterable[Reading]) -> list[Reading]:
        """Name each item's library, as far as it is known or matters."""
        readings = list(readings)
        if self._libraries.are_narrowed:
            await self._place(dict.fromkeys(_root(one.item) for one in readings))
        return [
            replace(one, item=replace(one.item, library_id=place))
            if (place := self._places.get(_root(one.item))) is not None
            else one
            for one in readings
        ]

    async def _place(self, roots: Iterable[str]) -> None:
        """Find out which libraries hold films and shows.

        A list of ids is not narrowed by `parentId`. `GET /Items/{id}/Ancestors` names
        the library, in one request for all that lie in one folder; who asks at the
        same time waits for these answers. What is hidden from the user, or lies in no
        library of theirs, is asked about again after a while. What is not answered is
        asked another time, as where an item is was not the reason to ask.
        """
        async with self._placing:
            missing = [root for root in roots if not self._is_placed(root)]
            if not missing:
                return
            try:
                views = {one.library_id for one in await self._libraries.all()}
                folders = await self._by_ids(missing, self._folders_of, _any)
                for root in missing:
                    place = await self._place_of(root, folders.get(root))
                    if place is not None and place in views:
                        self._places[root] = place
                    else:
                        self._nowhere_until[root] = monotonic() + LIFETIME
            except AuthRejected, Fault, Forbidden, Malformed, Refused:
                self._libraries.forget()

    def _is_placed(self, root: str) -> bool:
        return root in self._places or monotonic() < self._nowhere_until.get(root, 0.0)

    async def _place_of(self, root: str, folder: str | None) -> str | None:
        """Return the library of an item that lies in *folder*; None if it is hidden.

        Where no folder is told, as for what is gone, it stands for itself.
        """
        folder = folder or root
        if not self._is_placed(folder):
            try:
                place = await self._library_above(root)
            except ItemGone:
                await self._me()  # a proxy may say 404 as well
                place = None
            if place is None:
                self._nowhere_until[folder] = monotonic() + LIFETIME
            else:
                self._places[folder] = place
        return self._places.get(folder)

    async def _folders_of(self, roots: Collection[str]) -> dict[str, str]:
        """Read the ids of the folders that films and shows lie in, by theirs."""
        return await self._listed(
            roots, wire.parse_folders, fields="ParentId", enableUserData="false"
        )

    async def _listed[T](
        self,
        keys: Collection[str],
        read: _Reader[T],
        *,
        size: int = 1,
        **params: str,
    ) -> T:
        """Read a list of ids, with no more than *params* ask for.

        *size* is how much larger a row of it is than one of another listing.
        """
        return await self._server.read_rows(
            self._path(self._dialect.items),
            self._parse(read),
            {
                "userId": self._user_id,
                "ids": ",".join(keys),
                "enableImages": "false",
                "enableTotalRecordCount": "false",
                **params,
            },
            rows=len(keys) * size,
        )

    async def _by_ids[T](
        self,
        keys: Sequence[str],
        read: Callable[[Sequence[str]], Awaitable[Mapping[str, T]]],
        may_hide_others: Callable[[T], bool],
    ) -> dict[str, T]:
        """Read what has *keys*, in lists of ids.

        A list has one row for shows and seasons that are one in several folders (seen
        on real servers), so beside such a row what is missing is asked for once more.
        """
        found: dict[str, T] = {}
        for start in range(0, len(keys), _BATCH):
            asked = batch = keys[start : start + _BATCH]
            while batch:
                listed = await read(batch)
                found |= listed
                missing = [key for key in batch if key not in listed]
                if listed and batch is not asked:
                    self._learnt.note(Trait.BATCH_FOLDS, value=True)
                if len(missing) == len(batch) or not any(
                    map(may_hide_others, listed.values())
                ):
                    break
                batch = missing
        return found

    async def _library_above(self, item_id: str) -> str | None:
        """Read which library an item lies in. `GET /Items/{id}/Ancestors`."""
        return await self._server.read_rows(
            f"/Items/{item_id}/Ancestors",
            self._parse(wire.parse_library_above),
            {"userId": self._user_id},
            may_be_missing=True,
        )

    def _parse[T](self, read: _Reader[T]) -> Callable[[Json], T]:
        """Return *read* with what it needs to know of this server."""
        return partial(read, odd=self._odd, item_id=self._dialect.item_id)

    async def _narrowed(
        self, path: str, params: Mapping[str, str], kinds: Collection[MediaKind]
    ) -> list[list[Reading]]:
        """Read the beginning of a listing, of each allowed library by itself."""
        if not self._libraries.are_narrowed:
            return [(await self._items(path, params)).readings]
        lists: list[list[Reading]] = []
        for library in await self._libraries.allowed(kinds):
            place = library.library_id
            try:
                page = await self._items(
                    path, {**params, "parentId": place}, may_be_missing=True
                )
            except HIDDEN:
                # Unless it is the token, or a proxy: that would be said to this.
                self._libraries.forget()
                await self._libraries.all()
                continue
            self._places.update((_root(one.item), place) for one in page.readings)
            lists.append(
                [
                    replace(one, item=replace(one.item, library_id=place))
                    for one in page.readings
                ]
            )
        return lists

    # Reading

    @override
    async def fetch(self, item_ids: Collection[str]) -> Mapping[str, Reading]:
        """Read items, 100 with each `GET /Items?ids=`.

        What is no id at all is left out before asking: the server would drop it
        without a word and, were none left, list everything it has.
        """
        asked = {
            key: normal
            for key in item_ids
            if (normal := self._dialect.item_id(key)) is not None
        }
        wanted = list(dict.fromkeys(asked.values()))
        listed = await self._by_ids(wanted, self._read_list, _is_container)
        self._after_marks.read(listed.values())
        found = {one.item.item_id: one for one in await self._placed(listed.values())}
        return {key: found[normal] for key, normal in asked.items() if normal in found}

    async def _read_list(self, keys: Sequence[str]) -> dict[str, Reading]:
        """Read what one `GET /Items?ids=` lists."""
        page = await self._page(
            self._dialect.items,
            {
                "ids": ",".join(keys),
                "recursive": "true",
                "limit": str(len(keys)),
                "enableTotalRecordCount": "false",
                **self._asking_for_files,
            },
        )
        return {one.item.item_id: one for one in (*page.unreadable, *page.readings)}

    @property
    def _asking_for_files(self) -> Mapping[str, str]:
        """What has a list of ids say which films have several files.

        That is asked where each has a play state of its own, as up to Jellyfin 10.11.
        """
        is_needed = version_numbers(self._version) < _MARKS_ALL_FILES
        if self._dialect.file_count is None or not is_needed:
            return {}
        return {"fields": f"{self._dialect.fields},{self._dialect.file_count}"}

    @override
    async def resolve(self, item_id: str, find: Find) -> Reading | None:
        """Read an item, or the one that has *item_id* as a further file.

        From 12.0 on no list has the id of a further file; `GET /Items/{id}` names all
        files, the first of which has the id of the film. Up to 10.11 it is a video
        that names no other: then the film is found by the ids and the name that both
        bear, and has to name the file. (Seen on real servers.)
        """
        key = self._dialect.item_id(item_id)
        if key is None:
            return None
        if (reading := (await self.fetch([key])).get(key)) is not None:
            return reading
        try:
            answer = await self._server.read(
                self._path(self._dialect.item, key),
                {"userId": self._user_id},
                may_be_missing=True,
            )
        except ItemGone:
            await self._me()  # a proxy may say 404 as well
            return None
        files = wire.parse_files(answer, self._odd, item_id=self._dialect.item_id)
        listed = await self.fetch([one for one in files if one != key])
        if listed:
            return next(iter(listed.values())) if len(listed) == 1 else None
        return await self._film_of(key, *wire.parse_video(answer, self._odd), find)

    async def _film_of(
        self, key: str, title: str, ids: ProviderIds, find: Find
    ) -> Reading | None:
        """Return the film that names the video *key* as one of its files."""
        kind = MediaKind.MOVIE
        if ids:
            found = await find(kind, ids, title)
        else:
            found = await self.search(title, {kind}, _CANDIDATES)
        films = await self.fetch([one.item.item_id for one in found])
        files = await self.fetch_files(
            [one.item for one in films.values() if one.has_more_files]
        )
        for item_id, further in files.items():
            if any(one.item.item_id == key for one in further):
                return films[item_id]
        return None

    @override
    async def fetch_files(
        self, films: Collection[Item]
    ) -> Mapping[str, Sequence[Reading]]:
        """Read further files of films. `GET /Items?ids=`, with `MediaSources`.

        Up to 10.11 such a list has the files as well, as videos; from 12.0 on it has
        none of them, and a mark reaches them all. (Seen on real servers.)
        """
        by_id = {self._checked(one.item_id): one for one in films}
        names: dict[str, list[str]] = {}
        for batch in batched(by_id, _FILES_BATCH, strict=False):
            names |= await self._listed(
                batch,
                wire.parse_listed_files,
                size=_FILES_SIZE,
                fields="MediaSources",
                enableUserData="false",
            )
        further = [
            (film, file)
            for film in by_id
            for file in names.get(film, ())
            if file != film
        ]
        states: dict[str, PlayState] = {}
        for pairs in batched(further, _BATCH, strict=False):
            states |= await self._listed([file for _, file in pairs], wire.parse_states)
        found: dict[str, list[Reading]] = {}
        for film, file in further:
            if file in states:
                as_film = replace(by_id[film], item_id=file)
                found.setdefault(film, []).append(Reading(as_film, states[file]))
        return found

    @override
    async def fetch_leaves(self, item: Item) -> Sequence[Reading]:
        """Read episodes. `GET /Shows/{id}/Episodes`, for a season with `seasonId`."""
        show_id, only, show_ids = item.item_id, None, item.provider_ids
        match item.kind:
            case MediaKind.SHOW:
                pass
            case MediaKind.SEASON:
                only, show_ids = self._checked(item.item_id), item.show_provider_ids
                show_id = item.show_id or await self._show_of(only)
            case _:
                raise Unsupported("only shows and seasons have episodes")
        params = {"isMissing": "false"}
        if only is not None:
            params["seasonId"] = only
        episodes: list[Reading] = []
        try:
            with timed(self._learnt, Trait.EPISODE_PAGE_TIME):
                async for page in self._pages(
                    f"/Shows/{self._checked(show_id)}/Episodes",
                    params,
                    may_be_missing=True,
                    most=MOST_EPISODES,
                ):
                    episodes += page.readings
        except ItemGone:
            await self._me()  # a proxy may say 404 as well
            raise
        if only is not None:
            # Specials shown between the episodes of a season come with it. Those that
            # lie in another folder of the same show name a season of their own.
            episodes = [
                reading
                for reading in episodes
                if reading.item.season_id == only or reading.item.season == item.season
            ]
        episodes = [
            replace(one, item=_listed(one.item, show_id, item.library_id))
            for one in await self._placed(episodes)
        ]
        return in_order(episodes, show_ids)

    async def _show_of(self, season_id: str) -> str:
        reading = (await self.fetch([season_id])).get(season_id)
        if reading is None or reading.item.show_id is None:
            raise ItemGone("the season is gone")
        return reading.item.show_id

    @override
    async def search(
        self, query: str, kinds: Collection[MediaKind], limit: int
    ) -> Sequence[Reading]:
        """Search titles. `GET /Items?searchTerm=`, for each way to spell one."""
        type_names = _type_names(kinds)
        # Without a kind everything would be listed, music and all.
        if not query.strip() or not type_names or limit <= 0:
            return ()
        wanted: list[Reading] = []
        for spelling in spellings(query):
            # What is called exactly so may come last on the server.
            params = _search_params(spelling, type_names, max(limit, _CANDIDATES))
            lists = await self._narrowed(self._dialect.items, params, kinds)
            wanted += (found for found in in_turns(lists) if found.item.kind in kinds)
        return await self._told_apart(likest_first(wanted, query)[:limit])

    async def _told_apart(self, found: list[Reading]) -> tuple[Reading, ...]:
        """Name the libraries of what bears the same title, year and kind."""
        names = Counter(_name(one.item) for one in found)
        copies = [one.item for one in found if names[_name(one.item)] > 1]
        if copies:
            await self._place(dict.fromkeys(map(_root, copies)))
            found = await self._placed(found)
        return tuple(found)

    @override
    async def find(
        self, kind: MediaKind, ids: ProviderIds, title: str | None = None
    ) -> Sequence[Reading]:
        """Find every copy of a work.

        Jellyfin cannot filter by provider ids, and to list every item of a kind can
        take it minutes: whatever bears the title is compared here, and no more. Emby
        can.
        """
        if not ids or kind not in wire.TYPE_NAMES:
            return ()
        for spelling in spellings(title or ""):
            page = await self._items(
                self._dialect.items,
                _search_params(spelling, _type_names({kind}), _CANDIDATES),
            )
            if copies := matching(unique(page.readings), ids):
                return tuple(await self._placed(copies))
        if self._dialect.having is None:
            return ()
        found: list[Reading] = []
        async for page in self._pages(
            self._dialect.items,
            {
                "recursive": "true",
                "includeItemTypes": _type_names({kind}),
                "sortBy": "SortName",
                **self._dialect.having(ids),
            },
            most=_MOST_COPIES,
        ):
            found += matching(page.readings, ids)
        return tuple(await self._placed(unique(found)))

    @override
    async def inventory_page(
        self, library: Library, kind: MediaKind, start: int = 0
    ) -> Page:
        """Read up to 2,000 films or shows, in no order. `GET /Items?parentId=`.

        The episodes of a library are never listed, nor anything of the whole server:
        with old statistics that took 10.11 a minute (seen on a real server). Films may
        take as long, however few are asked for; shows with their counts never did. No
        total is asked for: what is said in place of one is about the page.
        """
        if kind not in _LISTED:
            raise Unsupported(f"{self._dialect.name} lists no {kind} by itself")
        place = self._checked(library.library_id)

        async def read(size: int) -> ListingPage:
            page = await self._page(
                self._dialect.items,
                {
                    **self._dialect.listing,
                    "recursive": "true",
                    "parentId": place,
                    "includeItemTypes": _type_names({kind}),
                    "startIndex": str(start),
                    "limit": str(size),
                    "enableTotalRecordCount": "false",
                },
                library=library.library_id,
                may_be_missing=True,
                timeout=PATIENCE,
            )
            return replace(page, total=None)

        page = await self._inventory.page(library, kind, start, read)
        self._places.update(
            (one.item.item_id, library.library_id) for one in page.readings
        )
        return page

    @override
    async def count_unwatched(self, library: Library | None, kind: MediaKind) -> int:
        """Raise `Unsupported`: counting costs Jellyfin what listing does.

        Its socket tells of every change.
        """
        raise Unsupported(f"{self._dialect.name} does not count without listing")

    @override
    async def up_next(self, limit: int) -> Sequence[Reading]:
        """Read what can be resumed, then the next episodes of what was begun.

        Emby lists both as resumable, and next episodes for a named show only.
        """
        if limit <= 0:
            return ()
        resumable = await self._resumable(limit)
        upcoming = await self._narrowed(
            "/Shows/NextUp", {"limit": str(limit)}, {MediaKind.EPISODE}
        )
        return tuple(unique([*resumable, *in_turns(upcoming)])[:limit])

    @override
    async def last_played(self, limit: int) -> Sequence[Reading]:
        """Read what was played and what was begun, the newest first: Emby alone.

        Jellyfin took up to 74 s to sort 5,000 plays, and went on when nobody waited any
        more (seen on real servers, 10.11 and 12.0).
        """
        if not self._dialect.lists_plays:
            raise Unsupported(f"{self._dialect.name} takes too long to sort plays")
        if limit <= 0:
            return ()
        played = await self._narrowed(
            self._dialect.items,
            {
                "recursive": "true",
                # Of containers this filter would read a flag that nobody keeps.
                "includeItemTypes": _type_names({MediaKind.MOVIE, MediaKind.EPISODE}),
                "filters": "IsPlayed",
                "sortBy": "DatePlayed",
                "sortOrder": "Descending",
                "limit": str(limit),
            },
            {MediaKind.MOVIE, MediaKind.EPISODE},
        )
        begun = [
            reading
            for reading in await self._resumable(limit)
            if reading.state.position > 0
        ]
        return newest_first([*in_turns(played), *begun], limit)

    async def _resumable(self, limit: int) -> list[Reading]:
        lists = await self._narrowed(
            self._dialect.resumable,
            {"mediaTypes": "Video", "limit": str(limit)},
            {MediaKind.MOVIE, MediaKind.EPISODE},
        )
        if len(lists) == 1:
            return lists[0]
        # Emby's next episodes have no date and stay behind.
        return list(newest_first(in_turns(lists), limit))

    async def _items(
        self, path: str, params: Mapping[str, str], *, may_be_missing: bool = False
    ) -> ListingPage:
        """Read the beginning of a listing."""
        return await self._page(
            path,
            {
                **self._dialect.listing,
                **params,
                "enableTotalRecordCount": "false",
            },
            may_be_missing=may_be_missing,
        )

    def _pages(
        self,
        path: str,
        params: Mapping[str, str],
        *,
        may_be_missing: bool = False,
        most: int = MOST_ROWS,
    ) -> AsyncIterator[ListingPage]:
        """Read a whole listing. Raises `Malformed` where it ends before its total."""

        async def read(start: int) -> ListingPage:
            return await self._page(
                path,
                {
                    **self._dialect.listing,
                    **params,
                    "startIndex": str(start),
                    "limit": str(_PAGE),
                },
                may_be_missing=may_be_missing,
            )

        return all_pages(read, _PAGE, most=most)

    async def _page(
        self,
        path: str,
        params: Mapping[str, str],
        *,
        library: str | None = None,
        may_be_missing: bool = False,
        timeout: float = TIMEOUT,  # noqa: ASYNC109 - becomes aiohttp's own timeout
    ) -> ListingPage:
        limit = int(params.get("limit", _BATCH))
        return await self._server.read_rows(
            self._path(path),
            self._parse(partial(wire.parse_page, most=limit, library=library)),
            {
                "userId": self._user_id,
                "fields": self._dialect.fields,
                "enableImages": "false",
                **params,
            },
            rows=limit,
            may_be_missing=may_be_missing,
            timeout=timeout,
        )

    @override
    async def session_user(self, session_id: str) -> str | None:
        """Look for a session among those this user may see. `GET /Sessions`."""
        # Each says what it plays, with all that is known of it.
        users = await self._server.read_rows(
            "/Sessions", wire.parse_session_users, rows=_SESSIONS
        )
        return users.get(session_id)

    # Listening

    @override
    def listen(self) -> AsyncGenerator[ServerEvent]:
        """Hear of every change of this user's play states, and of the library's.

        A session is told things over one socket alone: two of one device would take
        each other's messages.
        """
        return self._listener.events(
            self._dialect.socket,
            Notifications(self._user_id, self._dialect, self._after_marks),
            self._socket_params,
        )

    # Writing

    @override
    async def write(self, item: Item, change: Change, state: PlayState) -> None:
        """Send one mark or one resume position; a mark of a container means all below.

        A date goes with the mark of a single item; a container's mark carries none,
        as the server would count every dated repetition as a play. Raises
        `Unsupported` for the position of a container and for one that comes with a
        flag (two writes).
        """
        key = self._checked(item.item_id)
        match change:
            case MarkWatched(at) if at is not None and not item.kind.is_container:
                await self._mark_at(item, at, state)
            case MarkWatched():
                await self._mark("POST", item)
                self._after_marks.marked(item, state, watched=True)
            case MarkUnwatched():
                await self._mark("DELETE", item)
                self._after_marks.marked(item, state, watched=False)
            case SetProgress(watched=None) if item.kind.is_container:
                raise Unsupported("a show or season has no resume position")
            case SetProgress(position, watched=None, at=at):
                if item.duration is not None:
                    position = min(position, item.duration)
                await self._set_position(key, position, at, state)
            case _:
                raise Unsupported("a flag and a position are two writes")

    @override
    async def is_whole(self, leaf: Reading) -> bool:
        """Ask for one item alone, and compare. `GET /Items/{id}`.

        Seen on Jellyfin 12.0: after a mark of a show or season each of its episodes
        shows by itself what it was before, while lists are right. What is started or
        written to then starts from the old state. Which versions do so is not known
        beforehand, and learnt.
        """
        key = self._checked(leaf.item.item_id)
        try:
            answer = await self._server.read(
                self._path(self._dialect.item, key),
                {"userId": self._user_id},
                may_be_missing=True,
            )
        except ItemGone:
            return True  # nothing is left that could be wrong
        alone = wire.parse_row(
            as_row(answer, "the item"), self._odd, item_id=self._dialect.item_id
        )
        if alone is None:
            return True
        whole = alone.state.agrees_with(leaf.state)
        if not whole or self._learnt.flag(Trait.SEASON_MARK_WHOLE) is not False:
            self._learnt.note(Trait.SEASON_MARK_WHOLE, value=whole)
        return whole

    async def _mark(self, method: str, item: Item) -> None:
        """Send `POST` or `DELETE /UserPlayedItems/{id}`; both repeat without harm."""
        await self._send(
            method,
            self._path(self._dialect.played, self._checked(item.item_id)),
            timeout=TREE_TIMEOUT if item.kind.is_container else TIMEOUT,
        )

    async def _mark_at(self, item: Item, at: datetime, state: PlayState) -> None:
        """Mark one item as watched at a moment, counting no play twice.

        Where a mark may carry a date it does, as long as nothing was counted. A user
        who may not save preferences may not do this but may still mark; the date is
        given up then, rather than the mark.
        """
        key = self._checked(item.item_id)
        path = self._path(self._dialect.played, key)
        if self._dialect.first_play is not None and state.play_count == 0:
            await self._send("POST", path, params=self._dialect.first_play(at))
            self._after_marks.marked(item, state, watched=True)
            return
        watched = PlayState(
            watched=True, play_count=max(state.play_count, 1), last_played=at
        )
        try:
            await self._set_user_data(key, watched)
        except Forbidden:
            await self._send("POST", path)
            self._after_marks.marked(item, state, watched=True)

    async def _set_position(
        self, key: str, position: float, at: datetime | None, state: PlayState
    ) -> None:
        """Set the resume position of one item that shows *state*, and perhaps its date.

        What has no date gets that of now: Emby offers nothing to be resumed without
        one, and Jellyfin 12.0 might fill in one that is not true any more.
        """
        date = at or state.last_played
        if date is None and (position or state.watched):
            date = self._server.server_now()
        await self._set_user_data(
            key, replace(state, position=position, last_played=date)
        )

    async def _set_user_data(self, key: str, state: PlayState) -> None:
        """Send `POST /UserItems/{id}/UserData` with all of a play state.

        What is not named is filled in by the server, from what it holds for the item
        alone: that may be older than what its lists show (see `is_whole`).
        """
        values: dict[str, Json] = {
            "Played": state.watched,
            "PlayCount": state.play_count,
            "PlaybackPositionTicks": wire.ticks(state.position),
        }
        if state.last_played is not None:
            values["LastPlayedDate"] = wire.date_played(state.last_played)
        if self._dialect.replaces_user_data:
            values |= await self._kept_user_data(key)
        path = self._path(self._dialect.user_data, key)
        await self._send("POST", path, body=values)

    async def _kept_user_data(self, key: str) -> dict[str, Json]:
        """Read what would be lost of an item's user data: favourite, rating, ..."""
        answer = as_row(
            await self._server.read(
                self._path(self._dialect.items), {"ids": key, "recursive": "true"}
            ),
            "the answer",
        )
        found = [as_row(one, "an item") for one in entries(answer, "Items")]
        item = next((one for one in found if text(one, "Id") == key), None)
        if item is None:
            raise ItemGone("the item is gone")
        stored = row(item, "UserData")
        if stored is None:
            raise Malformed("the item has no user data")
        return {name: stored[name] for name in _KEPT if stored.get(name) is not None}

    async def _send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Json = None,
        timeout: float = TIMEOUT,  # noqa: ASYNC109 - becomes aiohttp's own timeout
    ) -> None:
        try:
            await self._server.send(
                method,
                path,
                params={"userId": self._user_id, **(params or {})},
                body=body,
                timeout=timeout,
            )
        except ItemGone:
            await self._me()  # a proxy may say 404 as well
            raise

    # Playing

    @override
    async def report(self, report: PlaybackReport) -> None:
        """Send `POST /Sessions/Playing`, then `.../Progress`, and `.../Stopped`.

        What they do, by the server's source: the start counts one play and dates it.
        A position from 5 % to 90 % becomes the resume position, below that there is
        none, and beyond 90 % the item is watched, without another play. Up to 10.11 a
        start also makes a watched film unwatched until its end: it is not told there,
        so that a film that was watched once stays so, and no play is counted.

        An unknown item is answered with 204 as well, so the start looks whether it is
        there; what goes missing later shows in the mark. Each player is a device of
        its own, below our id, whose name has to stay ours.
        """
        item = report.item
        if item.kind.is_container:
            raise Unsupported("only films and episodes can be played")
        key = self._checked(item.item_id)
        playback = self._playbacks.of(report.session_id)
        starts = not playback.is_begun and await self._may_start(playback, key)
        body = _playback_info(report, key, playback.duration)
        if starts:
            await self._report("", report, body)
        playback.is_begun = True
        if report.state is PlaybackState.STOPPED:
            await self._report("/Stopped", report, body)
            self._playbacks.end(report.session_id)
        elif not starts:
            await self._report("/Progress", report, body)

    async def _may_start(self, playback: _Playback, key: str) -> bool:
        """Look whether the start is to be told, and what there is to play."""
        reading = (await self.fetch([key])).get(key)
        if reading is None:
            raise ItemGone("the item is gone")
        if reading.item.duration is None:
            # Any position of such an item makes it watched.
            raise Unsupported("the item's duration is not known")
        playback.duration = reading.item.duration
        before, playback.play_count = playback.play_count, reading.state.play_count
        if before is not None and reading.state.play_count > before:
            return False  # it was told, and only the answer was lost
        version = version_numbers(self._version)
        return reading.state.watched is False or version >= _KEEPS_WATCHED

    async def _report(self, what: str, report: PlaybackReport, body: Json) -> None:
        device_id = device_of(self._device_id, report.player_id)
        try:
            await self._server.send(
                "POST",
                f"/Sessions/Playing{what}",
                body=body,
                headers=self._dialect.headers(device_id, self._token),
            )
        except ItemGone as error:
            await self._me()  # a proxy may say 404 as well
            raise Refused("this server takes no reports") from error

    # Pictures

    @override
    async def image(self, item: Item, *, width: int) -> Image:
        """Read a poster or still. `GET /Items/{id}/Images/Primary`."""
        bearers = (item.item_id, item.season_id, item.show_id)
        for bearer in dict.fromkeys(one for one in bearers if one):
            try:
                return await self._server.image(
                    f"/Items/{self._checked(bearer)}/Images/Primary",
                    {"maxWidth": str(width), "quality": _QUALITY},
                )
            except ItemGone:
                continue
        await self._me()  # a proxy may say 404 as well
        raise ItemGone("the item has no picture")


async def public_info(
    transport: Transport, dialect: Dialect = JELLYFIN
) -> wire.PublicInfo:
    """Read `GET /System/Info/Public` of a server that can be used.

    Raises `WrongServer`, `Starting` and `UnsupportedVersion` where it cannot.
    """
    nobody = f"no {dialect.name} server answers here"
    try:
        public = wire.parse_public_info(
            await transport.read("/System/Info/Public", may_be_missing=True)
        )
    except (AuthRejected, Forbidden, ItemGone, Malformed, Refused) as error:
        raise WrongServer(nobody) from error
    if public.product not in dialect.products:
        raise WrongServer(nobody)
    if public.is_starting:
        raise Starting("the server is starting")
    if version_numbers(public.version)[:2] < dialect.minimum_version:
        oldest = ".".join(map(str, dialect.minimum_version))
        raise UnsupportedVersion(
            f"this server is older than {dialect.name} {oldest}", public.version
        )
    if not public.is_set_up:
        raise Starting("the server waits for its first-run wizard")
    return public


def server_info(
    public: wire.PublicInfo, user: wire.User, dialect: Dialect = JELLYFIN
) -> ServerInfo:
    """Put together who answers."""
    return ServerInfo(
        server_id=public.server_id,
        server_name=public.server_name or dialect.name,
        version=public.version,
        user_id=wire.normal_id(user.user_id) or user.user_id,
        user_name=user.name,
    )


def _listed(episode: Item, show_id: str, library_id: str | None) -> Item:
    """Return an episode as the show says that lists it, from this library."""
    if episode.show_id == show_id and episode.library_id is None:
        return replace(episode, library_id=library_id)
    return episode.listed_for(show_id)


def _is_container(reading: Reading) -> bool:
    return reading.item.kind.is_container


def _any(_: str) -> bool:
    return True


def _root(item: Item) -> str:
    """Return the id of the film or show that an item is or belongs to."""
    return item.show_id or item.item_id


def _name(item: Item) -> tuple[MediaKind, str, int | None]:
    return item.kind, item.title.casefold(), item.year


def _search_params(query: str, type_names: str, limit: int) -> dict[str, str]:
    return {
        "searchTerm": query,
        "recursive": "true",
        "includeItemTypes": type_names,
        "limit": str(limit),
    }


def _playback_info(
    report: PlaybackReport, key: str, duration: float
) -> dict[str, Json]:
    """Return what a report says; Emby insists on the PlaySessionId."""
    info: dict[str, Json] = {
        "ItemId": key,
        "PlaySessionId": report.session_id,
        "PositionTicks": wire.ticks(min(report.position, duration)),
    }
    if report.state is not PlaybackState.STOPPED:
        info |= {
            "IsPaused": report.state is PlaybackState.PAUSED,
            "IsMuted": False,
            "CanSeek": True,
            "PlayMethod": "DirectPlay",
        }
    return info


def _type_names(kinds: Collection[MediaKind]) -> str:
    return ",".join(name for kind, name in wire.TYPE_NAMES.items() if kind in kinds)
