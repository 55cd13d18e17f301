"""The simulated Plex Media Server: its endpoints."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
import re
from typing import Any, override

from aiohttp import web

from tests.fakes.base import (
    RefusalError,
)
from tests.fakes.poster import STORED_WIDTH, poster

from . import query, wire
from .core import LIBRARY
from .model import (
    NEVER_SEEN,
    TYPE_NUMBERS,
    Entry,
    Key,
    PlexUser,
    whole_seconds,
)
from .playback import PlayQueue, Report
from .query import plex_argument
from .rows import HUB_TITLES, PlexRows
from .wire import Container

type Endpoint = Callable[[web.Request, PlexUser], Awaitable[web.Response]]


ANY_VERB = "*"

_THUMB = re.compile(r"/library/metadata/(?P<key>[^/?]+)/thumb/\d+")
_WHOLE = re.compile(r"/library/(sections/\d+/)?all")
_INDEXED = frozenset({"unwatched", "sort", "title", "guid"})
_STATES = frozenset({"playing", "paused", "buffering", "stopped"})
_SEARCH_TYPES = {"movies": {"movie"}, "tv": {"show", "episode"}}
_TERMINATION = {
    "terminationCode": 2006,
    "terminationText": "The server administrator has stopped playback.",
}


class FakePlex(PlexRows):
    """A Plex Media Server with a library, several users and its own oddities.

    Every user has a play state of their own. `token_for` gives a user's token. With
    *oddities* there are libraries of these.
    """

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
            "/photo/:/transcode": self._photo,
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
    def lists_widely(self, request: web.Request) -> bool:
        """Whether rows of a whole library are asked for: what a slow disk is slow at.

        What is counted, sorted by its last view, or looked for is in an index.
        """
        return (
            _WHOLE.fullmatch(request.path) is not None
            and not _INDEXED & set(request.query)
            and plex_argument(request, "X-Plex-Container-Size") != "0"
        )

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
        if not found or (not self.options.leaves_out_gone and len(found) < len(keys)):
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
        return self._picture(request.match_info["keys"], user)

    async def _photo(self, request: web.Request, user: PlexUser) -> web.Response:
        """Scale a picture to cover a size; a small one is left as it is."""
        if not self.options.photo_transcoder:
            raise RefusalError(404)
        width = query.whole(self._needed(request, "width"), 0)
        height = query.whole(self._needed(request, "height"), 0)
        match = _THUMB.fullmatch(self._needed(request, "url"))
        if width <= 0 or height <= 0 or match is None:
            raise RefusalError(400)
        covering = width if request.query.get("minSize") == "1" else height * 2 // 3
        if request.query.get("upscale") == "0":
            covering = min(covering, STORED_WIDTH)
        return self._picture(match["key"], user, covering)

    def _picture(
        self, key: Key, user: PlexUser, width: int = STORED_WIDTH
    ) -> web.Response:
        entry = self._visible(key, user)
        if entry is None or entry.key in self.without_picture:
            raise RefusalError(404)
        match entry.type:
            case "episode" if entry.parent is not None:
                below = f"S{entry.parent.index} E{entry.index}"
            case "season":
                below = entry.title
            case _:
                below = str(entry.year or "")
        return web.Response(
            body=poster(entry.top.title, below, width),
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
        text = self._needed(request, "query")
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
        for kind, title in HUB_TITLES.items():
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
        text = self._needed(request, "query")
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

    # Play queues

    async def _queue_create(self, request: web.Request, user: PlexUser) -> web.Response:
        if not self.options.play_queues:
            raise RefusalError(404)
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

    # Notifications

    async def _notifications(self, request: web.Request) -> web.StreamResponse:
        user = self.user_of(request)
        if user is None:
            raise RefusalError(401)
        return await self.serve_socket(
            request, user, heartbeat=self.options.ping_interval
        )
