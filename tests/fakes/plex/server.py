"""The simulated Plex Media Server itself."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
import copy
from dataclasses import dataclass, field, replace
from functools import partial
import hashlib
import itertools
import re
import ssl
from typing import Any, override
from uuid import uuid4

from aiohttp import web

from tests.fakes.base import (
    FakeClock,
    FakeServer,
    FakeSocket,
    FaultKind,
    RefusalError,
)

from . import query, wire
from .model import (
    DEFAULT_USERS,
    NEVER_SEEN,
    TYPE_NUMBERS,
    Entry,
    Key,
    PlexState,
    PlexUser,
    Section,
    Shelf,
    epoch,
    fold,
    whole_seconds,
)
from .playback import Effect, Play, PlayQueue, Report, Session
from .query import plex_argument
from .wire import Container

type Endpoint = Callable[[web.Request, PlexUser], Awaitable[web.Response]]

LIBRARY = "com.plexapp.plugins.library"
ANY_VERB = "*"

_STATES = frozenset({"playing", "paused", "buffering", "stopped"})
_URI = re.compile(
    r"server://(?P<machine>[^/]+)/com\.plexapp\.plugins\.library"
    r"/library/metadata/(?P<key>[^/?]+)"
)
_HUB_TITLES = {
    "movie": "Movies",
    "show": "TV Shows",
    "episode": "Episodes",
    "artist": "Artists",
    "album": "Albums",
    "track": "Tracks",
}
_SEARCH_TYPES = {"movies": {"movie"}, "tv": {"show", "episode"}}
_TERMINATION = {
    "terminationCode": 2006,
    "terminationText": "The server administrator has stopped playback.",
}


@dataclass(slots=True)
class PlexOptions:
    """Switches of the simulation, which a test may turn at any time.

    *scrobble_methods* and *timeline_methods* are the verbs that are known; any other
    is a 404, as on the real server. *ignore_paging* sends whole listings whatever is
    asked, *max_page* never more than that many rows. *owner_only_status* is what
    owner-only paths answer to others: 403, or 401 on old servers. *mark_activity*
    announces an activity for each mark, *mark_history* writes a history row for it
    (both only seen on some releases). *played_threshold* is a percentage,
    *min_progress_ms* the shortest position that is kept, *ping_interval* in seconds.
    """

    version: str = "1.43.0.10492-121068a07"
    scrobble_methods: frozenset[str] = frozenset({"GET", "PUT"})
    timeline_methods: frozenset[str] = frozenset({"GET", "POST"})
    ignore_paging: bool = False
    max_page: int | None = None
    owner_only_status: int = 403
    mark_activity: bool = False
    mark_history: bool = False
    played_threshold: int = 90
    min_progress_ms: int = 60_000
    ping_interval: float | None = 10.0


@dataclass(slots=True)
class _State:
    """Whatever a request can change."""

    plays: dict[tuple[str, Key], PlexState] = field(default_factory=dict)
    sessions: dict[tuple[str, str, str | None], Session] = field(default_factory=dict)
    zombies: list[Report] = field(default_factory=list)
    history: list[Play] = field(default_factory=list)
    queues: dict[int, PlayQueue] = field(default_factory=dict)
    hidden: set[tuple[str, Key]] = field(default_factory=set)
    next_session: int = 1
    next_history: int = 1
    next_queue: int = 1
    next_queue_item: int = 1


class FakePlex(FakeServer):
    """A Plex Media Server with a library, several users and its own oddities.

    Every user has a play state of their own. `token_for` gives a user's token.
    """

    def __init__(
        self,
        *,
        clock: FakeClock | None = None,
        name: str = "Fake Plex",
        machine_identifier: str | None = None,
        users: Sequence[PlexUser] = DEFAULT_USERS,
        options: PlexOptions | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(clock=clock, ssl_context=ssl_context)
        self.name = name
        self.machine_identifier = (
            machine_identifier or hashlib.sha256(name.encode()).hexdigest()[:40]
        )
        self.options = options or PlexOptions()
        self.users = {user.name: user for user in users}
        self._tokens: dict[str, PlexUser] = {}
        self._first_tokens: dict[str, str] = {}
        self._state = _State()
        started = epoch(self.clock())
        self._shelf = Shelf(started - 30 * 86_400)
        self._removed: dict[Key, Entry] = {}
        self._thumbs_at = started

    # What a test sees and does

    @property
    def owner(self) -> PlexUser:
        """The user whose server it is."""
        return next(user for user in self.users.values() if user.is_owner)

    def token_for(self, user: str) -> str:
        """Return the user's token for this server, the same each time.

        After `revoke` it is a new one.
        """
        token = self._first_tokens.get(user)
        if token is None or token not in self._tokens:
            token = self._first_tokens[user] = self.issue_token(user)
        return token

    def issue_token(self, user: str) -> str:
        """Make one more token for the user."""
        token = uuid4().hex[:20]
        self.accept_token(token, user)
        return token

    def accept_token(self, token: str, user: str) -> None:
        """Let *token* stand for the user from now on."""
        self._tokens[token] = self.users[user]

    def revoke(self, token: str) -> None:
        """Make *token* worth nothing, and cut the sockets that were opened with it."""
        self._tokens.pop(token, None)
        for socket in tuple(self.sockets):
            if plex_argument(socket, "X-Plex-Token") == token:
                socket.abort()

    def entry(self, key: Key) -> Entry:
        """The item of that ratingKey; raises LookupError when there is none."""
        if (found := self._shelf.get(key)) is None:
            raise LookupError(f"no item {key}")
        return found

    def rating_key(
        self,
        title: str,
        year: int | None = None,
        *,
        season: int | None = None,
        episode: int | None = None,
        library: str | None = None,
    ) -> Key:
        """Find the key of a film, show, season, episode or anything else by its title.

        *season* and *episode* name what is below the show called *title*. Of copies
        in several libraries it is the first unless *library* says which. Raises
        LookupError when nothing fits, or two works do.
        """
        found = [
            entry
            for section in self._shelf.sections
            if library in {None, section.title}
            for kind in ("movie", "show", "artist", "album", "track")
            for entry in self._shelf.of_section(section, kind)
            if entry.title == title and (year is None or entry.year == year)
        ]
        if len({entry.guid for entry in found}) != 1:
            raise LookupError(f"{len(found)} items are called {title} ({year})")
        entry = found[0]
        for number in (season, episode):
            if number is not None:
                entry = next(
                    (child for child in entry.children if child.index == number),
                    None,
                ) or _missing(title, season, episode)
        return entry.key

    def extra_key(self, movie: Key) -> Key:
        """Find the key of a film's first trailer or clip."""
        return self._shelf.extras_of(self.entry(movie))[0].key

    def leaves(self, key: Key, *, specials: bool = True) -> list[Key]:
        """List the keys of what a mark of *key* marks, in order."""
        return [
            leaf.key
            for leaf in self.entry(key).leaves()
            if specials or leaf.parent is None or leaf.parent.index != 0
        ]

    def state(self, user: str, key: Key) -> PlexState:
        """Return the user's play state; of a container the sum of its plays."""
        return self._state_of(user, self.entry(key))

    def states(self, user: str) -> dict[Key, PlexState]:
        """Return every play state of the user that is not the default."""
        return {
            key: state
            for (name, key), state in self._state.plays.items()
            if name == user and state != NEVER_SEEN and key in self._shelf
        }

    def set_state(
        self,
        user: str,
        key: Key,
        *,
        view_count: int = 0,
        view_offset_ms: int = 0,
        last_viewed_at: Any = None,
    ) -> None:
        """Change a play state from elsewhere: silently, as marks on Plex are.

        *last_viewed_at* is now unless given, and None where nothing was ever seen.
        """
        if not self.entry(key).is_leaf:
            raise ValueError("a show has no play state of its own")
        seen = bool(view_count or view_offset_ms)
        moment = (last_viewed_at or whole_seconds(self.clock())) if seen else None
        self._state.plays[user, key] = PlexState(view_count, view_offset_ms, moment)

    def mark(self, user: str, key: Key, *, watched: bool = True) -> None:
        """Mark from another client: silent, like every mark."""
        (self._scrobbled if watched else self._unscrobbled)(user, self.entry(key))

    def report(
        self,
        user: str,
        key: Key,
        state: str,
        time_ms: int,
        *,
        player: str = "Living Room",
    ) -> None:
        """Report from another client's player, which announces `playing`."""
        entry = self.entry(key)
        if entry.duration_ms is None:
            raise ValueError("only what has a duration can be played")
        self._reported(
            user,
            entry,
            Report(
                client_id=player,
                session_id=f"{player} {user}",
                rating_key=key,
                state=state,
                time_ms=time_ms,
                duration_ms=entry.duration_ms,
                product="Plex for TV",
                device=player,
            ),
        )

    async def play(
        self,
        user: str,
        key: Key,
        *,
        start: float = 0.0,
        until: float = 1.0,
        stop: bool = True,
        player: str = "Living Room",
    ) -> None:
        """Play on another client, from and until a fraction of the duration.

        The clock moves along. With *stop* false it goes on playing there.
        """
        duration = self.entry(key).duration_ms or 0
        here, there = int(start * duration), int(until * duration)
        steps = sorted({here, *(here + (there - here) * n // 4 for n in (1, 2, 3, 4))})
        before = here
        for position in steps:
            self.clock.advance((position - before) / 1000)
            before = position
            self.report(user, key, "playing", position, player=player)
        if stop:
            self.report(user, key, "stopped", there, player=player)

    def terminate_sessions(self) -> None:
        """Stop every playback as the administrator may."""
        for session in self._state.sessions.values():
            session.terminated = True

    @property
    def sessions(self) -> list[Session]:
        """The playbacks that have not stopped."""
        return list(self._state.sessions.values())

    @property
    def zombie_reports(self) -> list[Report]:
        """Reports of playbacks whose player had been told that they are over."""
        return list(self._state.zombies)

    @property
    def history(self) -> list[Play]:
        """The plays of everybody, oldest first."""
        return list(self._state.history)

    def remove_item(self, key: Key) -> None:
        """Take an item away, and announce it as the server does after a scan."""
        entry = self.entry(key)
        self._shelf.remove(entry)
        self._removed[key] = entry
        self._announce_scan(entry, state=9, metadata_state="deleted")

    def readd_item(self, key: Key, *, keep_states: bool = True) -> Key:
        """Put a removed item back under a new key, and return that.

        Play states belong to the guid, so they come back unless told otherwise.
        """
        entry = self._removed.pop(key)
        for old, new in self._shelf.rekey(entry):
            for (user, known), state in tuple(self._state.plays.items()):
                if known == old:
                    del self._state.plays[user, known]
                    if keep_states:
                        self._state.plays[user, new] = state
        self._shelf.restore(entry)
        self._announce_scan(entry, state=0, metadata_state="created")
        self._announce_scan(entry, state=5, metadata_state=None)
        return entry.key

    def announce(
        self, kind: str, array: str, entries: list[Any], *, about: str | None = None
    ) -> None:
        """Send a notification; one *about* a user reaches that user and the owner."""
        message = {
            "NotificationContainer": {
                "type": kind,
                "size": len(entries),
                array: entries,
            }
        }
        for socket in self.sockets:
            if self._hears(socket, kind, about):
                socket.push(message)

    def announce_raw(self, message: Any) -> None:
        """Send *message* to every socket as it is."""
        for socket in self.sockets:
            socket.push(message)

    def announce_refresh(self, key: Key) -> None:
        """Announce the activity that merely opening an item causes."""
        entry = self.entry(key)
        identity = str(uuid4())
        for event, progress in (("started", 0), ("ended", 100)):
            self.announce(
                "activity",
                "ActivityNotification",
                [
                    {
                        "event": event,
                        "uuid": identity,
                        "Activity": {
                            "uuid": identity,
                            "type": "library.refresh.items",
                            "cancellable": False,
                            "userID": 1,
                            "title": "Refreshing",
                            "subtitle": entry.title,
                            "progress": progress,
                            "Context": {
                                "accessible": True,
                                "exists": True,
                                "key": entry.path,
                                "refreshed": False,
                            },
                        },
                    }
                ],
            )

    @override
    async def restart(self, *, busy: int = 0) -> None:
        """Restart; the first *busy* requests find it starting up (503)."""
        if busy:
            self.fail(FaultKind.STATUS, status=503, times=busy)
        await super().restart()

    # What the base asks for

    @override
    def add_routes(self, router: web.UrlDispatcher) -> None:
        router.add_get("/identity", self._identity)
        for path in ("/:/websockets/notifications", "/:/websocket/notifications"):
            router.add_get(path, self._notifications)
        table: dict[str, Endpoint] = {
            "/": self._root,
            "/library": self._library,
            "/library/sections": self._sections,
            "/library/sections/": self._sections,
            "/library/sections/all": self._sections,
            "/library/all": self._all,
            "/library/search": self._library_search,
            "/library/onDeck": self._on_deck,
            "/library/sections/{section}": self._section,
            "/library/sections/{section}/all": self._section_all,
            "/library/sections/{section}/onDeck": self._on_deck,
            "/library/metadata/{keys}": self._metadata,
            "/library/metadata/{keys}/children": self._children,
            "/library/metadata/{keys}/grandchildren": self._all_leaves,
            "/library/metadata/{keys}/allLeaves": self._all_leaves,
            "/library/metadata/{keys}/extras": self._extras,
            "/library/metadata/{keys}/thumb/{stamp}": self._thumb,
            "/hubs": self._home_hubs,
            "/hubs/search": self._hub_search,
            "/hubs/continueWatching": self._continue_hub,
            "/hubs/continueWatching/items": self._on_deck,
            "/media/providers": self._providers,
            "/status/sessions": self._now_playing,
            "/status/sessions/history/all": self._history_all,
            "/accounts": self._accounts,
            "/:/prefs": self._prefs,
        }
        for path, endpoint in table.items():
            router.add_get(path, partial(self._enter, endpoint))
        for path, endpoint in {
            "/:/scrobble": self._scrobble,
            "/:/unscrobble": self._unscrobble,
            "/:/timeline": self._timeline,
            "/:/timeline/": self._timeline,
            "/:/progress": self._progress,
        }.items():
            router.add_route(ANY_VERB, path, partial(self._enter, endpoint))
        router.add_delete(
            "/status/sessions/history/{number}",
            partial(self._enter, self._history_delete),
        )
        router.add_put(
            "/actions/removeFromContinueWatching", partial(self._enter, self._hide)
        )
        router.add_post("/playQueues", partial(self._enter, self._queue_create))
        router.add_get("/playQueues/{number}", partial(self._enter, self._queue_get))

    @override
    def user_of(self, request: web.Request) -> str | None:
        token = plex_argument(request, "X-Plex-Token")
        user = None if token is None else self._tokens.get(token)
        return None if user is None else user.name

    @override
    def error_response(
        self, status: int, request: web.Request, message: str | None = None
    ) -> web.Response:
        if (
            status in {404, 405}
            and request.path != "/identity"
            and self.user_of(request) is None
        ):
            # Who somebody is comes before what they want.
            status = 401
        # A wrong verb on a known path is "not found" to Plex.
        return wire.error(404 if status == 405 else status, request, message)

    @override
    def snapshot(self) -> _State:
        return copy.deepcopy(self._state)

    @override
    def restore(self, snapshot: _State) -> None:
        self._state = snapshot

    @override
    def on_restart(self) -> None:
        self._state.sessions.clear()
        self._state.next_session = 1

    async def _enter(self, endpoint: Endpoint, request: web.Request) -> web.Response:
        name = self.user_of(request)
        if name is None:
            raise RefusalError(401)
        return await endpoint(request, self.users[name])

    # The server

    async def _identity(self, request: web.Request) -> web.Response:
        return wire.answer(
            request,
            {
                "size": 0,
                "claimed": True,
                "machineIdentifier": self.machine_identifier,
                "version": self.options.version,
            },
        )

    async def _root(self, request: web.Request, _user: PlexUser) -> web.Response:
        return wire.answer(
            request,
            {
                "size": 0,
                "allowSync": True,
                "allowMediaDeletion": True,
                "claimed": True,
                "eventStream": True,
                "friendlyName": self.name,
                "hubSearch": True,
                "machineIdentifier": self.machine_identifier,
                "multiuser": True,
                "myPlex": True,
                "myPlexMappingState": "mapped",
                "myPlexSigninState": "ok",
                "myPlexSubscription": False,
                "myPlexUsername": self.owner.name,
                "platform": "Linux",
                "platformVersion": "6.8.0",
                "transcoderActiveVideoSessions": 0,
                "updatedAt": self._thumbs_at,
                "version": self.options.version,
            },
        )

    async def _library(self, request: web.Request, user: PlexUser) -> web.Response:
        self._owners_only(user)
        directories = [
            {"key": key, "title": title}
            for key, title in (
                ("sections", "Library Sections"),
                ("recentlyAdded", "Recently Added Content"),
                ("onDeck", "On Deck Content"),
            )
        ]
        return wire.answer(
            request,
            {
                "size": len(directories),
                "identifier": LIBRARY,
                "title1": "Plex Library",
                "Directory": directories,
            },
        )

    async def _providers(self, request: web.Request, user: PlexUser) -> web.Response:
        features = [
            {
                "key": "/library/sections",
                "type": "content",
                "Directory": [
                    {"id": section.key, "key": f"/library/sections/{section.key}/all"}
                    | {"title": section.title, "type": section.type}
                    for section in self._sections_of(user)
                ],
            },
            {
                "key": "/:/timeline",
                "scrobbleKey": "/:/scrobble",
                "unscrobbleKey": "/:/unscrobble",
                "type": "timeline",
            },
        ]
        provider = {
            "identifier": LIBRARY,
            "protocols": "stream,download",
            "title": "Library",
            "types": "video,audio",
            "Feature": features,
        }
        return wire.answer(
            request,
            {
                "size": 1,
                "friendlyName": self.name,
                "machineIdentifier": self.machine_identifier,
                "MediaProvider": [provider],
            },
        )

    async def _accounts(self, request: web.Request, user: PlexUser) -> web.Response:
        self._owners_only(user)
        # Account 0 is nobody; it is listed all the same.
        accounts = [{"id": 0, "key": "/accounts/0", "name": ""}] + [
            {
                "id": known.account_id,
                "key": f"/accounts/{known.account_id}",
                "name": known.name,
                "defaultAudioLanguage": "en",
                "autoSelectAudio": True,
            }
            for known in self.users.values()
        ]
        return wire.answer(
            request,
            {"size": len(accounts), "identifier": LIBRARY, "Account": accounts},
        )

    async def _prefs(self, request: web.Request, user: PlexUser) -> web.Response:
        self._owners_only(user)
        settings = [
            {
                "id": name,
                "type": "int",
                "default": default,
                "value": value,
                "hidden": hidden,
                "advanced": False,
                "group": group,
                "label": name,
                "summary": "",
            }
            for name, default, value, hidden, group in (
                (
                    "LibraryVideoPlayedThreshold",
                    90,
                    self.options.played_threshold,
                    False,
                    "library",
                ),
                (
                    "minimumProgressTime",
                    60_000,
                    self.options.min_progress_ms,
                    True,
                    "",
                ),
            )
        ]
        return wire.answer(request, {"size": len(settings), "Setting": settings})

    # Reading

    async def _sections(self, request: web.Request, user: PlexUser) -> web.Response:
        directories = [
            {
                "key": section.key,
                "type": section.type,
                "title": section.title,
                "uuid": section.uuid,
                "agent": section.agent,
                "scanner": section.scanner,
                "language": "en-US",
                "allowSync": True,
                "art": f"/:/resources/{section.type}-fanart.jpg",
                "createdAt": self._thumbs_at,
                "updatedAt": self._thumbs_at,
                "scannedAt": self._thumbs_at,
                "contentChangedAt": int(section.key),
                "hidden": 0,
                "Location": [
                    {"id": int(section.key), "path": f"/media/{section.title}"}
                ],
            }
            for section in self._sections_of(user)
        ]
        container: Container = {
            "size": len(directories),
            "allowSync": False,
            "title1": "Plex Library",
        }
        if directories:
            container["Directory"] = directories
        return wire.answer(request, container)

    async def _section(self, request: web.Request, user: PlexUser) -> web.Response:
        section = self._section_named(request, user)
        return wire.answer(
            request,
            {
                "size": 1,
                "librarySectionID": int(section.key),
                "Directory": [{"key": "all", "title": f"All {section.title}"}],
            },
        )

    async def _section_all(self, request: web.Request, user: PlexUser) -> web.Response:
        section = self._section_named(request, user)
        kind = query.wanted_type(request.query, section.type)
        found = self._select(self._shelf.of_section(section, kind), request, user)
        return self._list(request, user, found, section=section)

    async def _all(self, request: web.Request, user: PlexUser) -> web.Response:
        wanted = request.query.get("type")
        entries = (
            entry
            for section in self._sections_of(user)
            for kind in (
                (query.wanted_type(request.query, section.type),)
                if wanted is not None
                else TYPE_NUMBERS
            )
            for entry in self._shelf.of_section(section, kind)
        )
        return self._list(request, user, self._select(entries, request, user))

    async def _metadata(self, request: web.Request, user: PlexUser) -> web.Response:
        keys = dict.fromkeys(request.match_info["keys"].split(","))
        found = [
            entry for key in keys if (entry := self._visible(key, user)) is not None
        ]
        if not found:
            raise RefusalError(404)
        if any(name.startswith("async") for name in request.query):
            for entry in found:
                self.announce_refresh(entry.key)
        section = found[0].section if len(found) == 1 else None
        return self._list(request, user, found, section=section, placed=True)

    async def _children(self, request: web.Request, user: PlexUser) -> web.Response:
        parent = self._named(request, user)
        rows = [self._row(request, user, child) for child in parent.children]
        if (
            parent.type == "show"
            and len(rows) > 1
            and request.query.get("excludeAllLeaves") != "1"
        ):
            # A pseudo-season, without a ratingKey and without a type.
            rows.insert(
                0,
                {
                    "key": f"{parent.path}/allLeaves",
                    "title": "All episodes",
                    **self._leaf_counts(user, parent),
                },
            )
        return self._page(request, rows, section=parent.section, above=parent)

    async def _all_leaves(self, request: web.Request, user: PlexUser) -> web.Response:
        parent = self._named(request, user)
        if parent.is_leaf:
            raise RefusalError(404)
        found = self._select(parent.leaves(), request, user)
        return self._list(request, user, found, section=parent.section, above=parent)

    async def _extras(self, request: web.Request, user: PlexUser) -> web.Response:
        found = self._shelf.extras_of(self._named(request, user))
        return self._list(request, user, found, placed=True)

    async def _thumb(self, request: web.Request, user: PlexUser) -> web.Response:
        entry = self._named(request, user)
        return web.Response(
            body=wire.poster(entry.guid),
            content_type="image/png",
            headers={"Cache-Control": "max-age=31536000"},
        )

    async def _on_deck(self, request: web.Request, user: PlexUser) -> web.Response:
        section = (
            self._section_named(request, user)
            if "section" in request.match_info
            else None
        )
        found = [
            entry
            for entry in self._continue_watching(user)
            if section in {None, entry.section}
        ]
        return self._list(request, user, found, section=section, placed=True)

    async def _continue_hub(self, request: web.Request, user: PlexUser) -> web.Response:
        hubs = [self._hub(request, user, "continueWatching")]
        return wire.answer(
            request, {"size": len(hubs), "identifier": LIBRARY, "Hub": hubs}
        )

    async def _home_hubs(self, request: web.Request, user: PlexUser) -> web.Response:
        known = ("home.continue", "home.ondeck")
        asked = (request.query.get("identifier") or ",".join(known)).split(",")
        hubs = [self._hub(request, user, name) for name in asked if name in known]
        container: Container = {"size": len(hubs), "identifier": LIBRARY}
        if hubs:
            container["Hub"] = hubs
        return wire.answer(request, container)

    async def _hub_search(self, request: web.Request, user: PlexUser) -> web.Response:
        text = fold(self._needed(request, "query"))
        limit = query.whole(request.query.get("limit"), 3)
        asked = request.query.get("sectionId")
        sections = [
            section
            for section in self._sections_of(user)
            if asked in {None, section.key}
        ]
        if not sections:
            raise RefusalError(404)
        hubs = []
        for kind, title in _HUB_TITLES.items():
            found = self._search(sections, {kind}, text)
            rows = [
                self._row(request, user, entry, placed=True) for entry in found[:limit]
            ]
            hub: Container = {
                "title": title,
                "type": kind,
                "hubIdentifier": kind,
                "context": f"hub.search.{kind}",
                "size": len(rows),
                "more": len(found) > limit,
                "style": "shelf",
            }
            if rows:
                hub["Metadata"] = rows
            hubs.append(hub)
        return wire.answer(
            request, {"size": len(hubs), "identifier": LIBRARY, "Hub": hubs}
        )

    async def _library_search(
        self, request: web.Request, user: PlexUser
    ) -> web.Response:
        text = fold(self._needed(request, "query"))
        limit = query.whole(request.query.get("limit"), 10)
        kinds: set[str] = set()
        for name in (request.query.get("searchTypes") or "movies,tv").split(","):
            kinds |= _SEARCH_TYPES.get(name, set())
        found = self._search(self._sections_of(user), kinds, text)[:limit]
        results = [
            {"score": 1.0, "Metadata": self._row(request, user, entry, placed=True)}
            for entry in found
        ]
        container: Container = {"size": len(results)}
        if results:
            container["SearchResult"] = results
        return wire.answer(request, container)

    async def _now_playing(self, request: web.Request, user: PlexUser) -> web.Response:
        self._owners_only(user)
        rows = []
        for session in self.sessions:
            entry = self._shelf.get(session.report.rating_key)
            if entry is None:
                continue
            viewer = self.users[session.user]
            report = session.report
            rows.append(
                {
                    **self._row(request, viewer, entry, placed=True),
                    "sessionKey": session.key,
                    "viewOffset": report.time_ms,
                    "User": {
                        "id": str(viewer.account_id),
                        "thumb": f"https://plex.tv/users/{viewer.uuid}/avatar",
                        "title": viewer.name,
                    },
                    "Player": {
                        "address": "127.0.0.1",
                        "device": report.device,
                        "local": True,
                        "machineIdentifier": report.client_id,
                        "platform": report.device,
                        "product": report.product,
                        "state": report.state,
                        "title": report.device,
                        "userID": viewer.account_id,
                    },
                    "Session": {
                        "id": report.session_id or report.client_id,
                        "bandwidth": 8000,
                        "location": "lan",
                    },
                }
            )
        container: Container = {"size": len(rows)}
        if rows:
            container["Metadata"] = rows
        return wire.answer(request, container)

    async def _history_all(self, request: web.Request, user: PlexUser) -> web.Response:
        params = request.query
        plays = [
            play
            for play in self._state.history
            if user.is_owner or play.user == user.name
        ]
        if (account := params.get("accountID")) is not None:
            plays = [p for p in plays if str(self.users[p.user].account_id) == account]
        if (since := params.get("viewedAt>")) is not None:
            plays = [p for p in plays if p.viewed_at >= query.whole(since, 0)]
        rows = []
        for play in plays:
            entry = self._shelf.get(play.rating_key)
            if entry is None or not self._in_scope(entry, params):
                continue
            row: Container = {
                "historyKey": f"/status/sessions/history/{play.number}",
                "key": entry.path,
                "ratingKey": entry.key,
                "librarySectionID": entry.section.key,
                "title": entry.title,
                "type": entry.type,
                "viewedAt": play.viewed_at,
                "accountID": self.users[play.user].account_id,
                "deviceID": 1,
            }
            if entry.type == "episode":
                season, show = entry.ancestors()
                row |= {
                    "grandparentKey": show.path,
                    "grandparentTitle": show.title,
                    "parentIndex": season.index,
                    "index": entry.index,
                }
            rows.append(row)
        if params.get("sort", "").endswith(":desc"):
            rows.reverse()
        return self._page(request, rows)

    async def _history_delete(
        self, request: web.Request, user: PlexUser
    ) -> web.Response:
        self._owners_only(user)
        number = request.match_info["number"]
        kept = [play for play in self._state.history if str(play.number) != number]
        if len(kept) == len(self._state.history):
            raise RefusalError(404)
        self._state.history = kept
        return wire.answer(request, {"size": 0})

    @staticmethod
    def _in_scope(entry: Entry, params: Any) -> bool:
        section = params.get("librarySectionID")
        item = params.get("metadataItemID")
        family = {entry.key, *(above.key for above in entry.ancestors())}
        return section in {None, entry.section.key} and (item is None or item in family)

    # Writing

    async def _scrobble(self, request: web.Request, user: PlexUser) -> web.Response:
        self._marked(request, user, self._scrobbled)
        return wire.done()

    async def _unscrobble(self, request: web.Request, user: PlexUser) -> web.Response:
        self._marked(request, user, self._unscrobbled)
        return wire.done()

    def _marked(
        self, request: web.Request, user: PlexUser, mark: Callable[[str, Entry], None]
    ) -> None:
        if request.method not in self.options.scrobble_methods:
            raise RefusalError(405)
        identifier = self._needed(request, "identifier")
        key, uri = request.query.get("key"), request.query.get("uri")
        if bool(key) == bool(uri):
            raise RefusalError(400)
        if identifier != LIBRARY:
            raise RefusalError(404)
        if uri:
            key = self._key_of(uri)
        entry = self._visible(key or "", user)
        if entry is None:
            raise RefusalError(404)
        mark(user.name, entry)
        if self.options.mark_activity:
            self.announce_refresh(entry.key)

    def _scrobbled(self, user: str, entry: Entry) -> None:
        now = whole_seconds(self.clock())
        for leaf in entry.leaves():
            before = self._state.plays.get((user, leaf.key), NEVER_SEEN)
            self._state.plays[user, leaf.key] = PlexState(before.view_count + 1, 0, now)
            self._state.hidden.discard((user, leaf.key))
            if self.options.mark_history:
                self._remember(user, leaf)

    def _unscrobbled(self, user: str, entry: Entry) -> None:
        for leaf in entry.leaves():
            self._state.plays.pop((user, leaf.key), None)

    async def _timeline(self, request: web.Request, user: PlexUser) -> web.Response:
        if request.method not in self.options.timeline_methods:
            raise RefusalError(405)
        params = request.query
        key, state = self._needed(request, "ratingKey"), self._needed(request, "state")
        self._needed(request, "key")
        time_ms = query.whole(self._needed(request, "time"), 0)
        if state not in _STATES:
            raise RefusalError(400)
        entry = self._visible(key, user)
        if entry is None or not entry.is_leaf:
            raise RefusalError(404)
        duration = params.get("duration")
        client = plex_argument(request, "X-Plex-Client-Identifier")
        container: Container = {"size": 0}
        if duration and client:
            if time_ms > query.whole(duration, 0):
                raise RefusalError(400)
            queue_item = params.get("playQueueItemID")
            report = Report(
                client_id=client,
                session_id=plex_argument(request, "X-Plex-Session-Identifier"),
                rating_key=key,
                state=state,
                time_ms=time_ms,
                duration_ms=query.whole(duration, 0),
                product=plex_argument(request, "X-Plex-Product") or "",
                device=plex_argument(request, "X-Plex-Device-Name") or client,
                play_queue_item_id=(query.whole(queue_item, 0) if queue_item else None),
            )
            if not self._reported(user.name, entry, report):
                container |= _TERMINATION
        return wire.answer(request, container)

    def _reported(self, user: str, entry: Entry, report: Report) -> bool:
        """Follow a report; False if the player has to stop."""
        place = (user, report.client_id, report.session_id)
        session = self._state.sessions.get(place)
        if session is None:
            session = Session(self._state.next_session, user, report)
            self._state.next_session += 1
            self._state.sessions[place] = session
        stopped = report.state == "stopped"
        if session.terminated and not stopped:
            if session.told:
                self._state.zombies.append(report)
            session.told = True
            return False
        effect = session.take(
            report,
            threshold=self.options.played_threshold / 100,
            min_progress_ms=self.options.min_progress_ms,
        )
        now = whole_seconds(self.clock())
        before = self._state.plays.get((user, entry.key), NEVER_SEEN)
        match effect:
            case Effect.OFFSET:
                self._state.hidden.discard((user, entry.key))
                self._state.plays[user, entry.key] = replace(
                    before, view_offset_ms=report.time_ms, last_viewed_at=now
                )
            case Effect.PLAYED:
                self._state.plays[user, entry.key] = PlexState(
                    before.view_count + 1, 0, now
                )
                for above in entry.ancestors():
                    self._state.plays[user, above.key] = PlexState(last_viewed_at=now)
                self._remember(user, entry)
            case Effect.NOTHING:
                pass
        self._select_in_queue(user, report)
        self._announce_playing(session, entry)
        if stopped:
            del self._state.sessions[place]
        return True

    async def _progress(self, request: web.Request, user: PlexUser) -> web.Response:
        # Old, undocumented, and closed to everybody but the owner.
        if not user.is_owner:
            raise RefusalError(401)
        self._needed(request, "identifier")
        entry = self._visible(self._needed(request, "key"), user)
        time_ms = query.whole(self._needed(request, "time"), 0)
        if entry is None or not entry.is_leaf:
            raise RefusalError(404)
        if time_ms >= self.options.min_progress_ms:
            before = self._state.plays.get((user.name, entry.key), NEVER_SEEN)
            self._state.plays[user.name, entry.key] = replace(
                before,
                view_offset_ms=time_ms,
                last_viewed_at=whole_seconds(self.clock()),
            )
        return wire.done()

    async def _hide(self, request: web.Request, user: PlexUser) -> web.Response:
        entry = self._visible(self._needed(request, "ratingKey"), user)
        if entry is None:
            raise RefusalError(404)
        self._state.hidden.add((user.name, entry.key))
        return wire.done()

    def _remember(self, user: str, entry: Entry) -> None:
        now = epoch(self.clock())
        self._state.history.append(Play(self._state.next_history, user, entry.key, now))
        self._state.next_history += 1

    # Play queues

    async def _queue_create(self, request: web.Request, user: PlexUser) -> web.Response:
        kind, uri = self._needed(request, "type"), self._needed(request, "uri")
        if kind not in {"video", "audio", "photo"}:
            raise RefusalError(400)
        entry = self._visible(self._key_of(uri, status=400), user)
        if entry is None:
            raise RefusalError(400)
        leaves = list(entry.leaves())
        selected = 0
        if entry.type == "episode" and request.query.get("continuous") == "1":
            leaves = list(entry.top.leaves())
            selected = leaves.index(entry)
        first = self._state.next_queue_item
        self._state.next_queue_item += len(leaves)
        queue = PlayQueue(
            number=self._state.next_queue,
            user=user.name,
            source=uri,
            items=[(first + place, leaf.key) for place, leaf in enumerate(leaves)],
            selected=first + selected,
        )
        self._state.next_queue += 1
        self._state.queues[queue.number] = queue
        return self._show_queue(request, user, queue)

    async def _queue_get(self, request: web.Request, user: PlexUser) -> web.Response:
        number = request.match_info["number"]
        queue = self._state.queues.get(int(number)) if number.isdigit() else None
        if queue is None or queue.user != user.name:
            raise RefusalError(404)
        return self._show_queue(request, user, queue)

    def _show_queue(
        self, request: web.Request, user: PlexUser, queue: PlayQueue
    ) -> web.Response:
        rows: list[Container] = []
        offset = 0
        for item_id, key in queue.items:
            if (entry := self._shelf.get(key)) is None:
                continue
            if item_id == queue.selected:
                offset = len(rows)
            row = self._row(request, user, entry, placed=True)
            rows.append({"playQueueItemID": item_id, **row})
        return wire.answer(
            request,
            {
                "size": len(rows),
                "identifier": LIBRARY,
                "playQueueID": queue.number,
                "playQueueLastAddedItemID": str(queue.items[-1][0]),
                "playQueueSelectedItemID": queue.selected,
                "playQueueSelectedItemOffset": offset,
                "playQueueSelectedMetadataItemID": dict(queue.items)[queue.selected],
                "playQueueShuffled": False,
                "playQueueSourceURI": queue.source,
                "playQueueTotalCount": len(rows),
                "playQueueVersion": queue.version,
                "Metadata": rows,
            },
        )

    def _select_in_queue(self, user: str, report: Report) -> None:
        """Advance the queue that a report names an item of."""
        for queue in self._state.queues.values():
            if queue.user == user and any(
                item_id == report.play_queue_item_id for item_id, _ in queue.items
            ):
                queue.selected = report.play_queue_item_id or queue.selected

    def _queue_of(self, report: Report) -> int | None:
        for queue in self._state.queues.values():
            if report.play_queue_item_id in {item_id for item_id, _ in queue.items}:
                return queue.number
        return None

    # Notifications

    async def _notifications(self, request: web.Request) -> web.StreamResponse:
        user = self.user_of(request)
        if user is None:
            raise RefusalError(401)
        return await self.serve_socket(
            request, user, heartbeat=self.options.ping_interval
        )

    def _hears(self, socket: FakeSocket, kind: str, about: str | None) -> bool:
        if self.muted or socket.user is None:
            return False
        if about not in {None, socket.user} and not self.users[socket.user].is_owner:
            return False
        wanted = socket.query.get("filters", "-log")
        if not wanted:
            return True
        names = wanted.split(",")
        if all(name.startswith("-") for name in names):
            return f"-{kind}" not in names
        return kind in names

    def _announce_playing(self, session: Session, entry: Entry) -> None:
        report = session.report
        notification: Container = {
            "sessionKey": session.key,
            "clientIdentifier": report.client_id,
            "guid": "",
            "ratingKey": entry.key,
            "url": "",
            "key": entry.path,
            "viewOffset": report.time_ms,
            "state": report.state,
        }
        if (queue := self._queue_of(report)) is not None:
            notification["playQueueID"] = queue
            notification["playQueueItemID"] = report.play_queue_item_id
        self.announce(
            "playing",
            "PlaySessionStateNotification",
            [notification],
            about=session.user,
        )

    def _announce_scan(
        self, entry: Entry, *, state: int, metadata_state: str | None
    ) -> None:
        timeline: Container = {
            "identifier": LIBRARY,
            "sectionID": entry.section.key,
            "itemID": entry.key,
            "type": TYPE_NUMBERS[entry.type],
            "title": entry.title,
            "state": state,
            "updatedAt": epoch(self.clock()),
        }
        if entry.parent is not None:
            timeline["parentItemID"] = entry.parent.key
            timeline["rootItemID"] = entry.top.key
        if metadata_state is not None:
            timeline["metadataState"] = metadata_state
        self.announce("timeline", "TimelineEntry", [timeline])

    # Rows

    def _owners_only(self, user: PlexUser) -> None:
        if not user.is_owner:
            raise RefusalError(self.options.owner_only_status)

    def _needed(self, request: web.Request, name: str) -> str:
        if not (value := request.query.get(name)):
            raise RefusalError(400)
        return value

    def _key_of(self, uri: str, *, status: int = 404) -> Key:
        match = _URI.fullmatch(uri)
        if match is None:
            raise RefusalError(400)
        if match["machine"] != self.machine_identifier:
            raise RefusalError(status)
        return match["key"]

    def _sections_of(self, user: PlexUser) -> list[Section]:
        return [
            section
            for section in self._shelf.sections
            if user.libraries is None or section.title in user.libraries
        ]

    def _section_named(self, request: web.Request, user: PlexUser) -> Section:
        for section in self._sections_of(user):
            if section.key == request.match_info["section"]:
                return section
        raise RefusalError(404)

    def _visible(self, key: Key, user: PlexUser) -> Entry | None:
        entry = self._shelf.get(key)
        if entry is None or entry.section not in self._sections_of(user):
            return None
        return entry

    def _named(self, request: web.Request, user: PlexUser) -> Entry:
        entry = self._visible(request.match_info["keys"], user)
        if entry is None:
            raise RefusalError(404)
        return entry

    def _select(
        self, entries: Iterable[Entry], request: web.Request, user: PlexUser
    ) -> list[Entry]:
        return query.select(
            entries,
            request.query,
            partial(self._state_of, user.name),
            epoch(self.clock()),
        )

    def _search(
        self, sections: Iterable[Section], kinds: set[str], text: str
    ) -> list[Entry]:
        return [
            entry
            for section in sections
            for kind in _HUB_TITLES
            if kind in kinds
            for entry in self._shelf.of_section(section, kind)
            if text in fold(entry.title)
        ]

    def _state_of(self, user: str, entry: Entry) -> PlexState:
        own = self._state.plays.get((user, entry.key), NEVER_SEEN)
        if entry.is_leaf:
            return own
        plays = sum(
            self._state.plays.get((user, leaf.key), NEVER_SEEN).view_count
            for leaf in entry.leaves()
        )
        return replace(own, view_count=plays)

    def _continue_watching(self, user: PlexUser) -> list[Entry]:
        """List what is in progress, and the next episode of what was watched."""
        found: list[tuple[float, Entry]] = []
        for section in self._sections_of(user):
            for movie in self._shelf.of_section(section, "movie"):
                state = self._state_of(user.name, movie)
                if state.view_offset_ms and state.last_viewed_at:
                    found.append((state.last_viewed_at.timestamp(), movie))
            for show in self._shelf.of_section(section, "show"):
                found += self._next_of_show(user, show)
        found.sort(key=lambda pair: -pair[0])
        return [
            entry
            for _, entry in found
            if (user.name, entry.key) not in self._state.hidden
        ]

    def _next_of_show(
        self, user: PlexUser, show: Entry
    ) -> Iterator[tuple[float, Entry]]:
        """Yield the one episode with which to go on, and when the show was seen."""
        regular: list[Entry] = []
        latest: tuple[float, int] | None = None
        for leaf in show.leaves():
            state = self._state_of(user.name, leaf)
            seen = state.last_viewed_at
            if leaf.parent is not None and leaf.parent.index == 0:
                if state.view_offset_ms and seen:
                    yield seen.timestamp(), leaf
                continue
            regular.append(leaf)
            if seen is not None:
                seen_here = (seen.timestamp(), len(regular) - 1)
                latest = seen_here if latest is None else max(latest, seen_here)
        if latest is None:
            return
        moment, place = latest
        if self._state_of(user.name, regular[place]).view_offset_ms:
            yield moment, regular[place]
            return
        for leaf in regular[place + 1 :]:
            if not self._state_of(user.name, leaf).view_count:
                yield moment, leaf
                return

    def _hub(self, request: web.Request, user: PlexUser, name: str) -> Container:
        rows = [
            self._row(request, user, entry, placed=True)
            for entry in self._continue_watching(user)
            if name != "home.ondeck" or entry.type == "episode"
        ]
        hub: Container = {
            "hubIdentifier": name,
            "context": f"hub.{name}",
            "title": "On Deck" if name == "home.ondeck" else "Continue Watching",
            "type": "mixed",
            "key": "/hubs/continueWatching/items",
            "size": len(rows),
            "more": False,
        }
        if rows:
            hub["Metadata"] = rows
        return hub

    def _list(
        self,
        request: web.Request,
        user: PlexUser,
        entries: Sequence[Entry],
        *,
        section: Section | None = None,
        above: Entry | None = None,
        placed: bool | None = None,
    ) -> web.Response:
        """Answer with items; *placed* rows say themselves which library they are of."""
        if placed is None:
            placed = section is None
        rows = _Rows(
            len(entries),
            lambda start, stop: [
                self._row(request, user, entry, placed=placed)
                for entry in itertools.islice(entries, start, stop)
            ],
        )
        return self._page(request, rows, section=section, above=above)

    def _page(
        self,
        request: web.Request,
        rows: _Rows | list[Container],
        *,
        section: Section | None = None,
        above: Entry | None = None,
    ) -> web.Response:
        if isinstance(rows, list):
            held = rows
            rows = _Rows(len(held), lambda start, stop: held[start:stop])
        window = None if self.options.ignore_paging else query.window(request)
        start = 0 if window is None else window.start
        size = rows.total if window is None or window.size is None else window.size
        if window is not None and self.options.max_page is not None:
            size = min(size, self.options.max_page)
        page = rows.part(start, start + size)
        container: Container = {"size": len(page), "allowSync": True}
        headers = {}
        if window is not None:
            container |= {"offset": start, "totalSize": rows.total}
            headers = {
                "X-Plex-Container-Start": str(start),
                "X-Plex-Container-Total-Size": str(rows.total),
            }
        container["identifier"] = LIBRARY
        if section is not None:
            container |= {
                "librarySectionID": int(section.key),
                "librarySectionTitle": section.title,
                "librarySectionUUID": section.uuid,
            }
        if above is not None:
            container |= {"key": above.key, "parentTitle": above.title}
        if page:
            container["Metadata"] = page
        return wire.answer(request, container, headers=headers)

    def _leaf_counts(self, user: PlexUser, entry: Entry) -> Container:
        leaves = list(entry.leaves())
        seen = sum(bool(self._state_of(user.name, leaf).view_count) for leaf in leaves)
        return {"leafCount": len(leaves), "viewedLeafCount": seen}

    def _row(
        self,
        request: web.Request,
        user: PlexUser,
        entry: Entry,
        *,
        placed: bool = False,
    ) -> Container:
        below = "" if entry.is_leaf else "/children"
        row: Container = {
            "ratingKey": entry.key,
            "key": entry.path + below,
            "guid": entry.guid,
            "type": entry.type,
            "title": entry.title,
            "summary": "",
            "addedAt": entry.added_at,
            "updatedAt": entry.added_at,
            "thumb": self._thumb_of(entry),
        }
        if placed:
            row |= {
                "librarySectionTitle": entry.section.title,
                "librarySectionID": int(entry.section.key),
                "librarySectionKey": f"/library/sections/{entry.section.key}",
            }
        if entry.index is not None:
            row["index"] = entry.index
        if entry.year is not None:
            row["year"] = entry.year
        if entry.aired is not None:
            row["originallyAvailableAt"] = entry.aired.isoformat()
        if entry.duration_ms is not None:
            row["duration"] = entry.duration_ms
        if entry.extra_of is not None:
            row["subtype"] = entry.extra_kind
        for prefix, above in zip(
            ("parent", "grandparent"), entry.ancestors(), strict=False
        ):
            row |= {
                f"{prefix}RatingKey": above.key,
                f"{prefix}Key": above.path,
                f"{prefix}Guid": above.guid,
                f"{prefix}Title": above.title,
                f"{prefix}Thumb": self._thumb_of(above),
            }
            if above.index is not None and prefix == "parent":
                row["parentIndex"] = above.index
        row |= self._play_state(user, entry)
        if entry.is_leaf:
            row["Media"] = [self._media(entry)]
        if entry.ids and request.query.get("includeGuids") == "1":
            row["Guid"] = [
                {"id": f"{provider}://{value}"} for provider, value in entry.ids.items()
            ]
        return row

    def _play_state(self, user: PlexUser, entry: Entry) -> Container:
        """Write a play state; what is zero is left out, but for the seen leaves."""
        state = self._state_of(user.name, entry)
        found: Container = {} if entry.is_leaf else self._leaf_counts(user, entry)
        if entry.type in {"show", "artist"}:
            found["childCount"] = len(entry.children)
        if state.view_count:
            found["viewCount"] = state.view_count
        if state.view_offset_ms:
            found["viewOffset"] = state.view_offset_ms
        if state.last_viewed_at is not None:
            found["lastViewedAt"] = epoch(state.last_viewed_at)
        return found

    def _thumb_of(self, entry: Entry) -> str:
        return f"{entry.path}/thumb/{self._thumbs_at}"

    @staticmethod
    def _media(entry: Entry) -> Container:
        number = int(entry.key)
        return {
            "id": number,
            "duration": entry.duration_ms,
            "container": "mkv",
            "videoResolution": "1080",
            "Part": [
                {
                    "id": number,
                    "key": f"/library/parts/{number}/file.mkv",
                    "duration": entry.duration_ms,
                    "file": f"/media/{entry.section.title}/{number}.mkv",
                }
            ],
        }


@dataclass(frozen=True, slots=True)
class _Rows:
    """A listing of which only the part that is asked for gets written."""

    total: int
    part: Callable[[int, int], list[Container]]


def _missing(title: str, season: int | None, episode: int | None) -> Entry:
    raise LookupError(f"no season {season} episode {episode} of {title}")
