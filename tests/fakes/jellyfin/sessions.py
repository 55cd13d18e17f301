"""Sessions, their websockets, and the messages that go through these."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
import hashlib
from itertools import count
from typing import Any
import uuid

from tests.fakes.base import FakeSocket

from .auth import Caller, Client, FakeUser
from .profile import Profile
from .user_data import TICKS_PER_SECOND
from .wire import compact

KEEP_ALIVE_SECONDS = 60
"""A socket that says nothing for so long is lost."""
_REMIND_SECONDS = 45
_SHUTDOWN = "System Shutdown"


@dataclass(slots=True, eq=False)
class Socket:
    """One websocket of a client."""

    wire: FakeSocket
    caller: Caller
    session: Session | None
    last_activity: int
    """Grows with every sign of life of any socket: the larger, the more recent."""
    last_keep_alive: datetime
    watched: bool = True
    """Whether the server still looks after its keep-alive."""
    deaf: bool = False
    """Nothing is said to it any more, although it is open."""
    session_updates: timedelta | None = None
    """The interval asked for with `SessionsStart`."""
    sessions_sent: datetime | None = None


@dataclass(slots=True, eq=False)
class Session:
    """What the server knows of one program on one device."""

    id: str
    client: str
    device: str
    device_id: str
    version: str
    user_id: str | None
    last_activity: datetime
    additional_users: list[str] = field(default_factory=list)
    sockets: list[Socket] = field(default_factory=list)
    item_id: str | None = None
    position_ticks: int | None = None
    """Where the player last said it was; None when it never said."""
    paused: bool = False
    last_check_in: datetime | None = None

    def is_of(self, user_id: str) -> bool:
        """Whether messages of that user go to this session."""
        return self.user_id == user_id or user_id in self.additional_users

    def simulated_position(self, now: datetime) -> int | None:
        """Return where the player would be by now, in ticks."""
        if self.position_ticks is None or self.last_check_in is None or self.paused:
            return self.position_ticks
        elapsed = (now - self.last_check_in).total_seconds()
        return self.position_ticks + int(elapsed * TICKS_PER_SECOND)


class Sessions:
    """All sessions and sockets.

    *now* gives the server's time, *describe* what `GET /Sessions` shows to a user.
    """

    def __init__(
        self,
        profile: Profile,
        now: Callable[[], datetime],
        describe: Callable[[FakeUser | None], list[dict[str, Any]]],
    ) -> None:
        self._profile = profile
        self._now = now
        self._describe = describe
        self._ticker = count(1)
        self.muted = False
        """While true nothing is said and nothing closed."""
        self.all: dict[tuple[str, str], Session] = {}
        self.sockets: list[Socket] = []

    # -- sessions ------------------------------------------------------------

    def touch(self, caller: Caller, client: Client, user: FakeUser | None) -> Session:
        """Return the session of a request, made on demand, as the session of *user*.

        A request that acts for somebody else makes the session that user's, until
        its own user is the next to touch it (`SessionManager.GetSessionInfo`).
        """
        name = client.name or caller.token.client
        device_id = client.device_id or caller.token.device_id
        session = self.all.get((name, device_id))
        fresh = session is None
        if session is None:
            digest = hashlib.md5((name + device_id).encode(), usedforsecurity=False)
            session = Session(
                id=digest.hexdigest(),
                client=name,
                device=client.device or caller.token.device,
                device_id=device_id,
                version=client.version or caller.token.version,
                user_id=None,
                last_activity=self._now(),
            )
            self.all[name, device_id] = session
        session.user_id = user.id if user else None
        session.last_activity = self._now()
        if fresh:
            self.changed()
        return session

    def by_id(self, session_id: str) -> Session | None:
        """Return the session of that id."""
        found = (one for one in self.all.values() if one.id == session_id)
        return next(found, None)

    def end(self, session: Session) -> None:
        """Forget a session and close its sockets."""
        self.all.pop((session.client, session.device_id), None)
        for socket in tuple(session.sockets):
            self.close(socket)
        self.changed()

    def end_device(self, device_id: str) -> None:
        """End every session of a device, whoever's it is."""
        for session in tuple(self.all.values()):
            if session.device_id == device_id:
                self.end(session)

    def snapshot(self) -> list[tuple[Session, Session]]:
        """Copy what a request can change of the sessions."""
        return [(session, replace(session)) for session in self.all.values()]

    def restore(self, snapshot: list[tuple[Session, Session]]) -> None:
        """Put back what `snapshot` copied; sockets stay with their sessions."""
        self.all = {(kept.client, kept.device_id): kept for kept, _ in snapshot}
        for kept, copy in snapshot:
            kept.user_id = copy.user_id
            kept.last_activity = copy.last_activity
            kept.item_id = copy.item_id
            kept.position_ticks = copy.position_ticks
            kept.paused = copy.paused
            kept.last_check_in = copy.last_check_in

    # -- sockets -------------------------------------------------------------

    def opened(self, wire: FakeSocket, caller: Caller, client: Client) -> None:
        """Greet a new websocket and attach it to its session."""
        attached = caller.user is not None or self._profile.key_sockets_attached
        socket = Socket(
            wire=wire,
            caller=caller,
            session=self.touch(caller, client, caller.user) if attached else None,
            last_activity=next(self._ticker),
            last_keep_alive=self._now(),
            watched=attached and not self._profile.emby,
        )
        self.sockets.append(socket)
        if socket.session is not None:
            socket.session.sockets.append(socket)
            if not self._profile.emby:
                self.send(socket, "ForceKeepAlive", KEEP_ALIVE_SECONDS)

    def received(self, wire: FakeSocket, message: Any) -> None:
        """Do what a client asks for; what nobody understands is ignored."""
        socket = next((one for one in self.sockets if one.wire is wire), None)
        if socket is None:
            return
        socket.last_activity = next(self._ticker)
        if message == "":
            self.close(socket, "")
        if not isinstance(message, dict):
            return
        match message.get("MessageType"):
            case "KeepAlive" if not self._profile.emby:
                socket.last_keep_alive = self._now()
                self.send(socket, "KeepAlive")
            case "SessionsStart" if (
                self._profile.users_may_watch_sessions or socket.caller.admin
            ):
                interval = str(message.get("Data", "")).partition(",")[2]
                milliseconds = int(interval) if interval.isdigit() else 1500
                socket.session_updates = timedelta(milliseconds=milliseconds)
            case "SessionsStop":
                socket.session_updates = None

    def lost(self, wire: FakeSocket) -> None:
        """Forget a websocket that was closed, and its session if it was the last."""
        for socket in tuple(self.sockets):
            if socket.wire is wire:
                self._forget(socket)

    def _forget(self, socket: Socket) -> None:
        if socket in self.sockets:
            self.sockets.remove(socket)
        session = socket.session
        if session is None or socket not in session.sockets:
            return
        session.sockets.remove(socket)
        key = (session.client, session.device_id)
        if not session.sockets and self.all.get(key) is session:
            del self.all[key]
            self.changed()

    def close(self, socket: Socket, reason: str = _SHUTDOWN) -> None:
        """Close a socket normally, saying why."""
        if self.muted:
            return
        self._forget(socket)
        socket.wire.close(reason=reason)

    def close_all(self, announcement: str | None = None) -> None:
        """Tell every socket good-bye, close all of them and forget all sessions."""
        sockets = tuple(self.sockets)
        if announcement:
            for socket in sockets:
                self.send(socket, announcement, "")
        for socket in sockets:
            socket.session_updates = None
        for socket in sockets:
            self.close(socket)
        self.all.clear()

    # -- messages ------------------------------------------------------------

    def send(self, socket: Socket, kind: str, data: Any = None) -> None:
        """Send one message."""
        if self.muted or socket.deaf:
            return
        envelope = {"Data": data, "MessageId": uuid.uuid4().hex, "MessageType": kind}
        socket.wire.push(compact(envelope))

    def send_to_session(self, session: Session, kind: str, data: Any) -> None:
        """Send to the one socket of a session that was active last."""
        if session.sockets:
            latest = max(session.sockets, key=lambda socket: socket.last_activity)
            self.send(latest, kind, data)

    def send_to_user(self, user_id: str, kind: str, data: Any) -> None:
        """Send to all sessions of a user."""
        for session in self.all.values():
            if session.is_of(user_id):
                self.send_to_session(session, kind, data)

    def changed(self) -> None:
        """Send `Sessions` to those who asked for it."""
        self._send_sessions(self.sockets)

    def _send_sessions(self, sockets: Iterable[Socket]) -> None:
        for socket in sockets:
            if socket.session_updates is not None:
                socket.sessions_sent = self._now()
                self.send(socket, "Sessions", self._describe(socket.caller.user))

    def tick(self) -> None:
        """Do what the server does by the clock: keep-alive, progress updates."""
        now = self._now()
        for socket in tuple(self.sockets):
            silent = (now - socket.last_keep_alive).total_seconds()
            if socket.watched and silent >= KEEP_ALIVE_SECONDS:
                socket.watched = False
                socket.deaf = self._profile.silent_sockets_go_deaf
            elif socket.watched and silent > _REMIND_SECONDS:
                self.send(socket, "ForceKeepAlive", KEEP_ALIVE_SECONDS)
        if any(session.item_id for session in self.all.values()):
            self._send_sessions(
                socket
                for socket in self.sockets
                if socket.session_updates is not None
                and (
                    socket.sessions_sent is None
                    or now - socket.sessions_sent >= socket.session_updates
                )
            )
