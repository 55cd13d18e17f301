"""The simulated Jellyfin itself: its users and tokens, and what tests do to it."""

import asyncio
from collections.abc import Iterable, Mapping
from copy import copy
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
import ssl
from typing import Any, override

from aiohttp import web

from tests.fakes.base import HOST, FakeClock, FakeServer, FakeSocket
from tests.fakes.library import (
    MOVIES_LIBRARY,
    UNAIRED,
    SeedEpisode,
    SeedMovie,
    SeedShow,
)

from .api import Api
from .auth import Caller, Client, FakeUser, Token, read_client
from .discovery import Discovery
from .items import Catalogue, Item, Kind, make_id
from .listing import Listing
from .oddities import add_oddities
from .profile import PROFILES, Phase, Profile
from .quick_connect import QuickConnect, Request
from .sessions import Session, Sessions
from .states import States
from .user_data import (
    ResumeRules,
    mark_played,
    mark_unplayed,
    on_start,
    on_stop_without_position,
    update_play_state,
)
from .wire import refuse_with_text

type Json = dict[str, Any]

_IDLE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class JellyfinState:
    """The stored play state of a user and an item; the position in ticks."""

    played: bool
    play_count: int
    position_ticks: int
    last_played_date: datetime | None


def _default_users(server_id: str) -> list[FakeUser]:
    def user(name: str, **policy: Any) -> FakeUser:
        return FakeUser(
            name, make_id("user", server_id, name), f"{name}-password", **policy
        )

    return [
        user("root", admin=True),
        user("alex"),
        user("kim"),
        user("sam", libraries=frozenset({MOVIES_LIBRARY})),
        user("pat", disabled=True),
    ]


class FakeJellyfin(FakeServer):
    """A Jellyfin server of the release line *profile* (`10.10`, `10.11`, `12.0`).

    With the profile `emby` it is an Emby server: see `tests.fakes.emby`.

    Users: `root` (administrator), `alex`, `kim`, `sam` (sees nothing but the library
    Movies) and `pat` (disabled). *debounce* and *library_debounce* are the seconds
    that UserDataChanged and LibraryChanged wait for more; a real server takes 0.5 and
    30. *local* is the server's time zone. With *oddities* there are libraries of
    these. Keep-alive and idle players are looked after in `tick` only, by *clock*.
    """

    def __init__(
        self,
        *,
        clock: FakeClock | None = None,
        ssl_context: ssl.SSLContext | None = None,
        name: str = "Fake Jellyfin",
        server_id: str | None = None,
        profile: str | Profile = "10.11",
        base_url: str = "",
        debounce: float = 0.5,
        library_debounce: float = 0.5,
        local: tzinfo = UTC,
        users: Iterable[FakeUser] | None = None,
        oddities: bool = False,
    ) -> None:
        super().__init__(clock=clock, ssl_context=ssl_context)
        self.name = name
        self.server_id = server_id or make_id("server", name)
        self.profile = PROFILES[profile] if isinstance(profile, str) else profile
        self.base_url = base_url
        self.local = local
        self.phase = Phase.READY
        self.wizard_completed = True
        self.ip_filter = False
        """Answer everybody as a server does whom it does not let in."""
        self.users = {user.id: user for user in users or _default_users(self.server_id)}
        self.tokens: dict[str, Token] = {}
        self.quick_connect = QuickConnect()
        self.catalogue = Catalogue(
            decimal_ids=self.profile.emby, checks_ids=self.profile.provider_ids_checked
        )
        self.catalogue.fill()
        if oddities:
            add_oddities(self.catalogue, self.profile)
        self.states = States(self.catalogue, self.profile, self._saved)
        self.listing = Listing(
            self.catalogue, self.states, self.profile, lambda: self.search_is_exact
        )
        self.sessions = Sessions(self.profile, self.clock, self.describe_sessions)
        self.resume_rules = ResumeRules()
        self.stuck_items: set[str] = set()
        self.without_picture: set[str] = set()
        self._fail_after: int | None = None
        self._debounce = debounce
        self._library_debounce = library_debounce
        self._changed: dict[str, dict[str, Item]] = {}
        self._change_timer: asyncio.TimerHandle | None = None
        self._library: dict[str, dict[str, Item]] = {}
        self._library_timer: asyncio.TimerHandle | None = None
        self._removed: dict[str, list[Item]] = {}
        self._tokens_made = 0
        self._users_made = 0
        self._discovery: asyncio.DatagramTransport | None = None
        self._api = Api(self)

    # -- life ----------------------------------------------------------------

    @property
    @override
    def url(self) -> str:
        return super().url + self.base_url

    @override
    async def stop(self) -> None:
        for timer in (self._change_timer, self._library_timer):
            if timer is not None:
                timer.cancel()
        self._change_timer = self._library_timer = None
        if self._discovery is not None:
            self._discovery.close()
            self._discovery = None
        await super().stop()

    @override
    async def restart(self) -> None:
        """Restart in order: announce it, close the sockets, come back."""
        await self.shut_down(restarting=True)
        await super().restart()

    async def shut_down(self, *, restarting: bool = False) -> None:
        """Say good-bye and go dark: `come_back` starts it again."""
        leaving = tuple(self.sockets)
        self.sessions.close_all(
            "ServerRestarting" if restarting else "ServerShuttingDown"
        )
        # A client that comes straight back is not waited for.
        for socket in leaving:
            await socket.closed.wait()
        self.on_restart()
        await self.go_dark()

    @override
    def on_restart(self) -> None:
        self.quick_connect.forget()
        self.sessions.all.clear()

    async def start_discovery(self, port: int = 0, address: str | None = None) -> int:
        """Answer UDP probes on 127.0.0.1; returns the port.

        *address* is what the server claims to be reached at, right or wrong.
        """
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: Discovery(
                lambda: {
                    "Address": address or self.url,
                    "Id": self.server_id,
                    "Name": self.name,
                    "EndpointAddress": None,
                },
                emby=self.profile.emby,
            ),
            local_addr=(HOST, port),
        )
        self._discovery = transport
        bound: int = transport.get_extra_info("sockname")[1]
        return bound

    @override
    def lists_widely(self, request: web.Request) -> bool:
        return self._api.lists_widely(request)

    @override
    def add_routes(self, router: web.UrlDispatcher) -> None:
        router.add_route("*", "/{path:.*}", self._api.handle)

    @override
    def user_of(self, request: web.Request) -> str | None:
        caller = self.caller(self.client(request.headers, request.query))
        return caller.user.name if caller and caller.user else None

    @override
    def error_response(
        self, status: int, request: web.Request, message: str | None = None
    ) -> web.Response:
        return self._api.error(status, message)

    @override
    def snapshot(self) -> Any:
        self.sessions.muted = True
        return (
            self.states.snapshot(),
            dict(self.tokens),
            self.sessions.snapshot(),
            copy(self.quick_connect),
        )

    @override
    def restore(self, snapshot: Any) -> None:
        rows, self.tokens, sessions, self.quick_connect = snapshot
        self.states.restore(rows)
        self.sessions.restore(sessions)
        self.sessions.muted = False

    # -- sockets -------------------------------------------------------------

    @override
    def on_socket_open(self, socket: FakeSocket) -> None:
        client = self.client(socket.headers, socket.query)
        caller = self.caller(client)
        if caller is None:
            # Revoked between the handshake and now.
            socket.close()
        else:
            self.sessions.opened(socket, caller, client)

    @override
    def on_socket_message(self, socket: FakeSocket, message: Any) -> None:
        self.sessions.received(socket, message)

    @override
    def on_socket_closed(self, socket: FakeSocket) -> None:
        self.sessions.lost(socket)

    async def tick(self) -> None:
        """Do what the server does by the clock: sockets and players that fell silent.

        Closed sockets are gone when this returns.
        """
        now = self.clock()
        for session in tuple(self.sessions.all.values()):
            if session.last_check_in and now - session.last_check_in > _IDLE:
                self._stop_idle(session, now)
        self.sessions.tick()
        for socket in tuple(self.sockets):
            if socket.closing:
                await socket.closed.wait()

    def _stop_idle(self, session: Session, now: datetime) -> None:
        item = self.catalogue.get(session.item_id)
        if item is None:
            return
        position = session.position_ticks
        if self.profile.idle_stop_simulates:
            position = session.simulated_position(now)
            if position is not None and item.run_time_ticks:
                position = min(position, item.run_time_ticks)
        self.stopped(session, item, position)

    # -- users and tokens ----------------------------------------------------

    def user(self, name: str) -> FakeUser:
        """Return a user by name; change the policy there."""
        for user in self.users.values():
            if user.name.lower() == name.lower():
                return user
        raise LookupError(f"no user is called {name}")

    def user_id(self, name: str) -> str:
        """Return a user's id."""
        return self.user(name).id

    def password(self, name: str) -> str:
        """Return a user's password."""
        return self.user(name).password

    def disable(self, name: str) -> None:
        """Switch a user off, as an administrator does: signed out everywhere."""
        self.user(name).disabled = True
        self._sign_out(name)

    def enable(self, name: str) -> None:
        """Switch a user on again, who has to sign in anew."""
        self.user(name).disabled = False

    def change_password(self, name: str, password: str) -> None:
        """Give a user another password: signed out everywhere."""
        self.user(name).password = password
        self._sign_out(name)

    def _sign_out(self, name: str) -> None:
        user_id = self.user_id(name)
        for token in tuple(self.tokens.values()):
            if token.user_id == user_id:
                self.revoke(token.value)

    def client(self, headers: Mapping[str, str], query: Mapping[str, str]) -> Client:
        """Find out what a request says about its sender."""
        return read_client(headers, query, self.profile)

    def caller(self, client: Client) -> Caller | None:
        """Return who asks; None without a token that is good."""
        token = self.tokens.get(client.token or "")
        if token is None:
            return None
        if token.user_id is None:
            return Caller(token, None)
        user = self.users.get(token.user_id)
        return None if user is None or user.disabled else Caller(token, user)

    def token_for(
        self,
        name: str,
        device_id: str = "test-device",
        client: str = "Test",
        device: str = "Test",
    ) -> str:
        """Return the token of a user on a device, made if there is none.

        For somebody who is switched off one that is no longer good.
        """
        user = self.user(name)
        for token in self.tokens.values():
            if (token.user_id, token.device_id) == (user.id, device_id):
                return token.value
        made = self._new_token(user.id, Client(client, device, device_id, "1.0")).value
        if user.disabled:
            self.revoke(made)
        return made

    def api_key(self, app: str = "test") -> str:
        """Make an API key."""
        return self._new_token(None, Client(app, app, "", "")).value

    def sign_in(self, user: FakeUser, client: Client) -> Token:
        """Make a token; an earlier one of the user on that device is revoked."""
        for token in tuple(self.tokens.values()):
            if (token.user_id, token.device_id) == (user.id, client.device_id):
                self.revoke(token.value)
        return self._new_token(user.id, client)

    def _new_token(self, user_id: str | None, client: Client) -> Token:
        self._tokens_made += 1
        value = make_id("token", self.server_id, str(self._tokens_made))
        token = Token(
            value=value,
            user_id=user_id,
            client=client.name or "",
            device=client.device or "",
            device_id=client.device_id or "",
            version=client.version or "",
        )
        self.tokens[value] = token
        return token

    def revoke(self, token: str) -> None:
        """Make a token invalid and end every session of its device."""
        gone = self.tokens.pop(token, None)
        if gone is not None and gone.device_id:
            self.sessions.end_device(gone.device_id)

    def add_user(self, name: str, password: str | None = None) -> FakeUser:
        """Add a user who may see everything; by default with "NAME-password"."""
        self._users_made += 1
        made = make_id("user", self.server_id, name, str(self._users_made))
        password = f"{name}-password" if password is None else password
        user = FakeUser(name, made, password)
        self.users[user.id] = user
        return user

    def remove_user(self, name: str) -> None:
        """Remove a user, who is signed out everywhere."""
        self._sign_out(name)
        del self.users[self.user_id(name)]

    def approve(self, code: str, name: str) -> bool:
        """Approve a Quick Connect code as that user would; False for a wrong code."""
        now = self.clock()
        request: Request | None = self.quick_connect.by_code(code, now)
        if request is None:
            return False
        request.token = self.sign_in(self.user(name), request.client)
        request.approved = now
        return True

    # -- items ---------------------------------------------------------------

    def item_id(
        self,
        title: str,
        year: int | None = None,
        season: int | None = None,
        episode: int | None = None,
        library: str | None = None,
    ) -> str:
        """Return the id of a film or show, or of a show's season or episode.

        Of copies in several libraries the first library's is meant unless *library*
        says otherwise. Raises LookupError when nothing or several things fit.
        """
        return self.catalogue.find(title, year, season, episode, library).id

    def leaves(self, item_id: str, *, virtual: bool = False) -> list[str]:
        """Return the ids of the playable items of a folder, in order."""
        item = self.catalogue.items[item_id]
        return [one.id for one in self.states.leaves(None, item, virtual=virtual)]

    def add_movie(self, movie: SeedMovie) -> str:
        """Add a film; returns its id (in the first of its libraries)."""
        added = self.catalogue.add_movie(movie)
        self._library_changed("ItemsAdded", added)
        return added[0].id

    def add_show(self, show: SeedShow) -> str:
        """Add a show; returns its id."""
        added = self.catalogue.add_show(show)
        below = self.catalogue.descendants(added.id)
        self._library_changed("ItemsAdded", [added, *below])
        return added.id

    def add_episodes(self, show_id: str, *episodes: SeedEpisode) -> list[str]:
        """Add episodes to a show, in new seasons; return their ids."""
        series = self.catalogue.items[show_id]
        added = []
        for number in dict.fromkeys(one.season for one in episodes):
            season = self.catalogue.add_season(series, number)
            added += [
                self.catalogue.add_episode(season, one.number, one.title)
                for one in episodes
                if one.season == number
            ]
        self._library_changed("ItemsAdded", added)
        return [one.id for one in added]

    def add_box_set(self, name: str, items: Iterable[str]) -> str:
        """Make a collection of existing items; returns its id."""
        return self.catalogue.add_box_set(name, items).id

    def retitle(self, item_id: str, title: str) -> None:
        """Call an item otherwise."""
        item = self.catalogue.items[item_id]
        self.catalogue.items[item_id] = replace(item, name=title)

    def forget_ids(self, item_id: str) -> None:
        """Have nobody know the ids that others have for an item."""
        item = self.catalogue.items[item_id]
        self.catalogue.items[item_id] = replace(item, provider_ids={})

    def set_runtime(self, item_id: str, ticks: int | None) -> None:
        """Change how long an item is; None where the server could not find out."""
        item = self.catalogue.items[item_id]
        self.catalogue.items[item_id] = replace(item, run_time_ticks=ticks)

    def set_virtual(self, item_id: str) -> None:
        """Take the file of an episode away, so that it is a missing one."""
        item = self.catalogue.items[item_id]
        self.catalogue.items[item_id] = replace(item, virtual=True)

    def remove_item(self, item_id: str) -> None:
        """Take an item, with all below it, out of the library."""
        gone = self.catalogue.remove(item_id)
        self._removed[item_id] = gone
        self._library_changed("ItemsRemoved", gone)

    def readd_item(self, item_id: str) -> str:
        """Put a removed item back at another path, hence with the id returned."""
        back = self.catalogue.readd(self._removed.pop(item_id))
        self._library_changed("ItemsAdded", back)
        return back[0].id

    @override
    def renumber(self, new_ids: Mapping[str, str]) -> None:
        self.states.renumber(new_ids)
        self.stuck_items = {new_ids.get(one, one) for one in self.stuck_items}
        self.without_picture = {new_ids.get(one, one) for one in self.without_picture}
        # What was to be announced died with the server.
        self._changed.clear()
        self._library.clear()

    def stuck(self, item_id: str, *, stuck: bool = True) -> None:
        """Make writes to an item have no effect, although they are answered 200."""
        (self.stuck_items.add if stuck else self.stuck_items.discard)(item_id)

    def fail_mid_series(self, after: int | None) -> None:
        """Make marking a folder fail after so many episodes; None ends that."""
        self._fail_after = after

    # -- play states ---------------------------------------------------------

    def state(self, name: str, item_id: str) -> JellyfinState:
        """Return the stored play state (of a folder: its own, unused row)."""
        row = self.states.row(self.user(name), self.catalogue.items[item_id])
        return JellyfinState(
            row.played, row.play_count, row.position_ticks, row.last_played_date
        )

    def stored_ids(self, name: str) -> list[str]:
        """Return the ids of the films and episodes that a user has rows of."""
        user = self.user(name)
        return [
            item.id
            for item in self.catalogue.items.values()
            if item.kind in (Kind.MOVIE, Kind.EPISODE)
            and self.states.has_row(user, item)
        ]

    def mark(
        self,
        user: FakeUser,
        item: Item,
        *,
        played: bool,
        date_played: datetime | None = None,
    ) -> None:
        """Mark an item, or every playable item of a folder."""
        leaves = self._marked_with(user, item, played=played)
        for marked, leaf in enumerate(leaves):
            if item.is_folder and marked == self._fail_after:
                refuse_with_text(500)
            if leaf.id not in self.stuck_items:
                row = self.states.before_mark(user, leaf, by_folder=item.is_folder)
                count = row.play_count
                if played:
                    mark_played(row, date_played, self.clock())
                    if not self.profile.marks_counted:
                        row.play_count = count
                else:
                    mark_unplayed(row)
                    if not self.profile.unmarks_reset_count:
                        row.play_count = count
                self.states.marked(user, leaf, by_folder=item.is_folder)
            self.states.save(user, leaf, "TogglePlayed")
            if leaf.id not in self.stuck_items:
                self._follow(user, leaf, played=played)

    def _follow(self, user: FakeUser, item: Item, *, played: bool) -> None:
        """Mark the other files of a film or episode, where the version does that."""
        if not self.profile.versions_linked:
            return
        for other in self.catalogue.versions(item):
            if other.id == item.id:
                continue
            row = self.states.row(user, other)
            if played:
                row.played, row.position_ticks = True, 0
            else:
                mark_unplayed(row)
            self.states.save(user, other, "TogglePlayed")

    def _marked_with(
        self, user: FakeUser, item: Item, *, played: bool
    ) -> Iterable[Item]:
        if not item.is_folder:
            return [item]
        if not played:
            return self.states.leaves(user, item, virtual=True)
        leaves = self.states.leaves(user, item, virtual=user.display_missing)
        return (leaf for leaf in leaves if leaf.premiere != UNAIRED)

    async def set_state(
        self,
        name: str,
        item_id: str,
        *,
        played: bool | None = None,
        position_ticks: int | None = None,
        play_count: int | None = None,
        last_played_date: datetime | None = None,
    ) -> None:
        """Change a play state as another client of that user would.

        *played* is what its watched button does (with folders, too); the others are
        then written over that. Announced like every other change.
        """
        user = self.user(name)
        item = self.catalogue.items[item_id]
        if played is not None:
            self.mark(user, item, played=played)
        row = (
            self.states.row(user, item)
            if item.is_folder
            else self.states.row_alone(user, item)
        )
        if position_ticks is not None:
            row.position_ticks = position_ticks
        if play_count is not None:
            row.play_count = play_count
        if last_played_date is not None:
            row.last_played_date = last_played_date
        if played is None or not item.is_folder:
            self.states.save(user, item, "UpdateUserData")

    # -- playback ------------------------------------------------------------

    def _watchers(self, session: Session) -> list[FakeUser]:
        ids = [session.user_id, *session.additional_users]
        return [self.users[one] for one in ids if one in self.users]

    def started(
        self, session: Session, item: Item, position: int | None, *, paused: bool
    ) -> None:
        """Take note that a session started to play."""
        self._check_in(session, item, position, paused=paused)
        for user in self._watchers(session):
            on_start(
                self.states.row_alone(user, item), item, self.profile, self.clock()
            )
            self.states.save(user, item, "PlaybackStart")
        self.sessions.changed()

    def progressed(
        self, session: Session, item: Item, position: int | None, *, paused: bool
    ) -> None:
        """Take note of where a session is."""
        self._check_in(session, item, position, paused=paused)
        if position is not None:
            for user in self._watchers(session):
                row = self.states.row_alone(user, item)
                update_play_state(row, item, position, self.profile, self.resume_rules)
                self.states.save(user, item, "PlaybackProgress")
        self.sessions.changed()

    def stopped(
        self,
        session: Session,
        item: Item | None,
        position: int | None,
        *,
        failed: bool = False,
    ) -> None:
        """Take note that a session stopped; without a position it finished."""
        session.item_id = session.position_ticks = session.last_check_in = None
        session.paused = False
        if item is not None and not failed:
            for user in self._watchers(session):
                row = self.states.row_alone(user, item)
                if position is None:
                    on_stop_without_position(row)
                else:
                    update_play_state(
                        row, item, position, self.profile, self.resume_rules
                    )
                self.states.save(user, item, "PlaybackFinished")
        self.sessions.changed()

    def _check_in(
        self, session: Session, item: Item, position: int | None, *, paused: bool
    ) -> None:
        if session.item_id != item.id or position is not None:
            session.position_ticks = position
        session.item_id = item.id
        session.paused = paused
        session.last_check_in = self.clock()

    def player(self, name: str, device: str = "Living Room TV") -> Session:
        """Return the session of another client of that user."""
        device_id = make_id("device", name, device)
        client = Client("Jellyfin Android TV", device, device_id, "0.18.0")
        value = self.token_for(name, device_id, "Jellyfin Android TV", device)
        user = self.user(name)
        return self.sessions.touch(Caller(self.tokens[value], user), client, user)

    async def play(
        self,
        name: str,
        item_id: str,
        *,
        position_ticks: int = 0,
        paused: bool = False,
        device: str = "Living Room TV",
    ) -> Session:
        """Let another client play: starts, or reports where it is by now."""
        session = self.player(name, device)
        item = self.catalogue.items[item_id]
        if session.item_id != item_id:
            self.started(session, item, position_ticks, paused=paused)
        self.progressed(session, item, position_ticks, paused=paused)
        return session

    async def stop_playing(
        self,
        name: str,
        *,
        position_ticks: int | None,
        device: str = "Living Room TV",
    ) -> None:
        """Let another client stop what it plays, at a position or at the end."""
        session = self.player(name, device)
        item = self.catalogue.get(session.item_id)
        self.stopped(session, item, position_ticks)

    def describe_sessions(self, user: FakeUser | None) -> list[Json]:
        """Return the sessions that a user may see; None is an API key."""
        return [
            self.describe_session(session)
            for session in self.sessions.all.values()
            if user is None or user.admin or session.user_id in {user.id, None}
        ]

    def describe_session(self, session: Session) -> Json:
        """Return a `SessionInfoDto`."""
        return self._api.session(session)

    # -- announcements -------------------------------------------------------

    def _saved(self, user: FakeUser, item: Item, reason: str) -> None:
        if self.muted or reason == "PlaybackProgress":
            return
        changed = self._changed.setdefault(user.id, {})
        changed[item.id] = item
        parent = self.catalogue.get(item.parent_id)
        if parent is not None and parent.kind is not Kind.ROOT:
            changed[parent.id] = parent
        if self._change_timer is not None:
            self._change_timer.cancel()
        self._change_timer = asyncio.get_running_loop().call_later(
            self._debounce, self.flush
        )

    def flush(self) -> None:
        """Send UserDataChanged now, if there is anything to tell."""
        if self._change_timer is not None:
            self._change_timer.cancel()
            self._change_timer = None
        changed, self._changed = self._changed, {}
        for user_id, items in changed.items():
            user = self.users[user_id]
            self.states.notify(user_id)
            data = {
                "UserId": user_id,
                "UserDataList": [
                    self.states.user_data(user, item, ()) for item in items.values()
                ],
            }
            self.sessions.send_to_user(user_id, "UserDataChanged", data)

    def _library_changed(self, what: str, items: Iterable[Item]) -> None:
        changed = self._library.setdefault(what, {})
        changed.update({item.id: item for item in items})
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            # Nobody can be connected yet.
            self._library.clear()
            return
        if self._library_timer is not None:
            self._library_timer.cancel()
        self._library_timer = loop.call_later(
            self._library_debounce, self.flush_library
        )

    def flush_library(self) -> None:
        """Send LibraryChanged now, if there is anything to tell."""
        if self._library_timer is not None:
            self._library_timer.cancel()
            self._library_timer = None
        changed, self._library = self._library, {}
        if not changed:
            return

        def ids(what: str) -> list[str]:
            return list(changed.get(what, {}))

        def parents(what: str) -> list[str]:
            found = changed.get(what, {}).values()
            return list({item.parent_id: None for item in found if item.parent_id})

        data = {
            "FoldersAddedTo": parents("ItemsAdded"),
            "FoldersRemovedFrom": parents("ItemsRemoved"),
            "ItemsAdded": ids("ItemsAdded"),
            "ItemsRemoved": ids("ItemsRemoved"),
            "ItemsUpdated": [],
            "CollectionFolders": [],
            "IsEmpty": False,
        }
        for session in self.sessions.all.values():
            self.sessions.send_to_session(session, "LibraryChanged", data)
