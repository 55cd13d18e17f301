"""The simulated Plex Media Server: what it remembers, and what changes that.

Everything here works without a request: it is what tests see and do, and what the
requests of `server` come down to.
"""

from collections.abc import Mapping, Sequence
import copy
from dataclasses import dataclass, field, replace
import hashlib
import ssl
from typing import Any, override
from uuid import uuid4

from aiohttp import web

from tests.fakes.base import (
    FakeClock,
    FakeServer,
    FakeSocket,
    FaultKind,
)
from tests.fakes.library import SeedMovie

from . import wire
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
    whole_seconds,
)
from .oddities import add_oddities
from .playback import Effect, Play, PlayQueue, Report, Session
from .query import plex_argument
from .wire import Container

LIBRARY = "com.plexapp.plugins.library"


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
    *photo_transcoder* says whether it can scale pictures, *play_queues* whether it
    makes any. With *leaves_out_gone* a list of ids of which some are not there is
    answered without them, otherwise with 404 (only the former was seen).
    *leaves_out_excluded* is whether it heeds `excludeElements` and `excludeFields`.
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
    photo_transcoder: bool = True
    play_queues: bool = True
    leaves_out_gone: bool = True
    leaves_out_excluded: bool = True


@dataclass(slots=True)
class ServerState:
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


class PlexCore(FakeServer):
    """A Plex Media Server's memory: users, tokens, items, play states, sessions."""

    def __init__(
        self,
        *,
        clock: FakeClock | None = None,
        name: str = "Fake Plex",
        machine_identifier: str | None = None,
        users: Sequence[PlexUser] = DEFAULT_USERS,
        options: PlexOptions | None = None,
        ssl_context: ssl.SSLContext | None = None,
        oddities: bool = False,
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
        self._state = ServerState()
        started = epoch(self.clock())
        self._shelf = Shelf(started - 30 * 86_400)
        if oddities:
            add_oddities(self._shelf)
        self._removed: dict[Key, Entry] = {}
        self.without_picture: set[Key] = set()
        self._thumbs_at = started

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

    def held(self, library: str, kind: str) -> list[Key]:
        """Return the keys of all items of a type in a library."""
        return [
            entry.key
            for section in self._shelf.sections
            if section.title == library
            for entry in self._shelf.of_section(section, kind)
        ]

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
    def play_queues(self) -> list[PlayQueue]:
        """The play queues that players had made, oldest first."""
        return list(self._state.queues.values())

    @property
    def zombie_reports(self) -> list[Report]:
        """Reports of playbacks whose player had been told that they are over."""
        return list(self._state.zombies)

    @property
    def history(self) -> list[Play]:
        """The plays of everybody, oldest first."""
        return list(self._state.history)

    def retitle(self, key: Key, title: str) -> None:
        """Call an item otherwise."""
        self.entry(key).title = title

    def remove_item(self, key: Key) -> None:
        """Take an item away, and announce it as the server does after a scan."""
        entry = self.entry(key)
        self._shelf.remove(entry)
        self._removed[key] = entry
        self._announce_scan(entry, state=9, metadata_state="deleted")

    def add_section(self, title: str, kind: str) -> None:
        """Add an empty library of films, shows, music or photos."""
        self._shelf.add_section(title, kind)

    def add_movie(self, movie: SeedMovie) -> Key:
        """Add a film; returns its key (in the first of its libraries)."""
        added = [
            self._shelf.add_movie(section, movie)
            for section in self._shelf.sections
            if section.title in movie.libraries
        ]
        for entry in added:
            self._announce_scan(entry, state=0, metadata_state="created")
            self._announce_scan(entry, state=5, metadata_state=None)
        return added[0].key

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

    @override
    def renumber(self, new_ids: Mapping[Key, Key]) -> None:
        self._shelf.renumber(new_ids)
        state = self._state
        state.plays = {
            (user, new_ids.get(key, key)): seen
            for (user, key), seen in state.plays.items()
        }
        state.hidden = {(user, new_ids.get(key, key)) for user, key in state.hidden}
        state.history = [
            replace(one, rating_key=new_ids.get(one.rating_key, one.rating_key))
            for one in state.history
        ]
        state.queues.clear()
        self.without_picture = {new_ids.get(one, one) for one in self.without_picture}

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
    def snapshot(self) -> ServerState:
        return copy.deepcopy(self._state)

    @override
    def restore(self, snapshot: ServerState) -> None:
        self._state = snapshot

    @override
    def on_restart(self) -> None:
        self._state.sessions.clear()
        self._state.next_session = 1

    # What changes a play state

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

    def _remember(self, user: str, entry: Entry) -> None:
        now = epoch(self.clock())
        self._state.history.append(Play(self._state.next_history, user, entry.key, now))
        self._state.next_history += 1

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

    # Looking things up

    def _visible(self, key: Key, user: PlexUser) -> Entry | None:
        entry = self._shelf.get(key)
        if entry is None or entry.section not in self._sections_of(user):
            return None
        return entry

    def _sections_of(self, user: PlexUser) -> list[Section]:
        return [
            section
            for section in self._shelf.sections
            if user.libraries is None or section.title in user.libraries
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


def _missing(title: str, season: int | None, episode: int | None) -> Entry:
    raise LookupError(f"no season {season} episode {episode} of {title}")
