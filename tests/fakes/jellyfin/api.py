"""The HTTP interface: routes, who may use them, and what they answer."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from enum import Enum, auto
from http import HTTPStatus
import json
import re
from typing import TYPE_CHECKING, Any

from aiohttp import hdrs, web

from tests.fakes.poster import STORED_WIDTH, poster

from .auth import Caller, Client, FakeUser
from .items import Item, Kind
from .profile import Phase
from .query import EMBY_FIELDS, FIELDS, Query
from .sessions import Session
from .states import ALL_FIELDS
from .user_data import UserData
from .wire import (
    NEVER,
    NO_CONTENT,
    Answer,
    Refusal,
    json_answer,
    read_date,
    read_emby_id,
    read_guid,
    refuse,
    refuse_with_problem,
    refuse_with_sentence,
    refuse_with_text,
    wire_date,
)

if TYPE_CHECKING:
    from .server import FakeJellyfin

type Json = dict[str, Any]

NO_ID = "0" * 32
"""The empty GUID, which no item can have."""

MAX_REQUEST_LINE = 8192
"""Bytes of method, target and version; Kestrel's default."""

_SETUP_PAGE = b"<!DOCTYPE html><html><body><h1>Jellyfin is starting</h1></body></html>"
_WEB_PAGE = b"<!DOCTYPE html><html><head><title>Jellyfin</title></head></html>"

_USERS = "Jellyfin.Server.Implementations.Users"

_JELLYFIN_ONLY = re.compile(
    r"\w+ /(UserItems|UserPlayedItems|UserFavoriteItems|UserViews|QuickConnect)\b"
    r"|GET (/Users/Me|/Items/\{item\}|/Users/\{user\}/Items/\{item\}/UserData)$"
    r"|POST /Users/AuthenticateWithQuickConnect$"
)
"""Routes that Emby does not have."""
_EMBY_SOCKET = "/embywebsocket"
_EMBY_DATE = re.compile(r"\d{14}", re.ASCII)

_ENUMS = {
    "playmethod": ("Transcode", "DirectStream", "DirectPlay"),
    "repeatmode": ("RepeatNone", "RepeatAll", "RepeatOne"),
    "playbackorder": ("Default", "Shuffle"),
}


class Access(Enum):
    """Who may call."""

    ANYBODY = auto()
    AT_ANY_TIME = auto()
    """Users, also at times at which they have no access."""
    USER = auto()
    ADMIN = auto()


@dataclass(frozen=True, slots=True)
class Call:
    """One request, taken apart."""

    method: str
    arguments: Mapping[str, str]
    query: Query
    headers: Mapping[str, str]
    text: str
    client: Client
    caller: Caller | None
    read_id: Callable[[str], str | None] = read_guid

    @property
    def sender(self) -> Caller:
        """Who asks; there is somebody wherever `Access` is not ANYBODY."""
        if self.caller is None:
            refuse(HTTPStatus.UNAUTHORIZED)
        return self.caller

    def body(self) -> Json:
        """Return the JSON body with its names in lower case; 415 or 400 if none."""
        if "json" not in self.headers.get(hdrs.CONTENT_TYPE, "").lower():
            refuse_with_problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
        try:
            body = json.loads(self.text)
        except ValueError:
            refuse_with_problem(HTTPStatus.BAD_REQUEST, {"$": ["not JSON"]})
        if not isinstance(body, dict):
            refuse_with_problem(HTTPStatus.BAD_REQUEST, {"$": ["not an object"]})
        return {name.lower(): value for name, value in body.items()}

    def guid(self, name: str) -> str:
        """Return an id out of the path."""
        found = self.read_id(self.arguments[name])
        if found is None and self.read_id is read_emby_id:
            # Says that it does not recognise the format.
            refuse_with_text(HTTPStatus.INTERNAL_SERVER_ERROR)
        if found is None:
            text = f"The value '{self.arguments[name]}' is not valid."
            refuse_with_problem(HTTPStatus.BAD_REQUEST, {f"{name}Id": [text]})
        if found == NO_ID and name == "item" and self.read_id is not read_emby_id:
            refuse_with_text(HTTPStatus.BAD_REQUEST)
        return found


type Handler = Callable[[Api, Call], Answer]


@dataclass(frozen=True, slots=True)
class Route:
    """A method, a path and who may use them; paths do not depend on case."""

    method: str
    pattern: re.Pattern[str]
    access: Access
    handler: Handler
    jellyfin_only: bool


_ROUTES: list[Route] = []


def _route(
    method: str, path: str, access: Access = Access.USER
) -> Callable[[Handler], Handler]:
    pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path)

    def register(handler: Handler) -> Handler:
        compiled = re.compile(pattern + "/?", re.IGNORECASE)
        only = _JELLYFIN_ONLY.match(f"{method} {path}") is not None
        _ROUTES.append(Route(method, compiled, access, handler, only))
        return handler

    return register


class Api:
    """Answers the requests of one simulated server."""

    def __init__(self, jf: FakeJellyfin) -> None:
        self.jf = jf

    # -- from request to answer ----------------------------------------------

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        line = f"{request.method} {request.raw_path} HTTP/1.1\r\n"
        if len(line) > MAX_REQUEST_LINE:
            return self._response(Answer(414), timed=False)
        setup = self._setup_answer(request.path)
        if setup is not None:
            return self._response(setup, timed=False)
        base = self.jf.base_url
        path = request.path
        if base:
            if path != base and not path.startswith(f"{base}/"):
                location: dict[str, str] = {hdrs.LOCATION: f"{base}/web/"}
                return self._response(Answer(302, headers=location), timed=False)
            path = path.removeprefix(base)
        if self.jf.profile.emby and path.lower().startswith("/emby/"):
            path = path[len("/emby") :]
        if self.jf.ip_filter:
            return self._response(Answer(503))
        client = self.jf.client(request.headers, request.query)
        caller = self.jf.caller(client)
        if request.headers.get(hdrs.UPGRADE, "").lower() == "websocket":
            if self.jf.profile.emby and path != _EMBY_SOCKET:
                return self._response(Answer(404))
            if caller is None or (
                # Nobody knows whether it looks at headers.
                self.jf.profile.emby and "api_key" not in request.query
            ):
                return self._response(Answer(403))
            user = caller.user.name if caller.user else None
            return await self.jf.serve_socket(request, user)
        text = await request.text()
        if self.jf.phase is not Phase.READY and path.lower() != "/system/ping":
            page = Answer(503, _SETUP_PAGE, "text/html")
            return self._response(page)
        call = Call(
            method=request.method,
            arguments={},
            query=Query(request.query.items(), self.jf.local, self._read_id),
            headers=request.headers,
            text=text,
            client=client,
            caller=caller,
            read_id=self._read_id,
        )
        try:
            answer = self._dispatch(path, call)
        except Refusal as refusal:
            answer = refusal.answer
        return self._response(answer)

    def lists_widely(self, request: web.Request) -> bool:
        """Whether a request is a listing that may be slow (see `Listing`)."""
        if request.method != "GET" or not request.path.lower().endswith("/items"):
            return False
        query = Query(request.query.items(), self.jf.local, self._read_id)
        return self.jf.listing.is_wide(query)

    @property
    def _read_id(self) -> Callable[[str], str | None]:
        return read_emby_id if self.jf.profile.emby else read_guid

    def _setup_answer(self, path: str) -> Answer | None:
        """Answer as the setup server; None once it has left."""
        if not self.jf.profile.setup_server or self.jf.phase not in {
            Phase.SETUP_EARLY,
            Phase.SETUP,
        }:
            return None
        if path.lower() == "/system/info/public" and self.jf.phase is Phase.SETUP:
            info = {**self._public_info(), "StartupWizardCompleted": False}
            camel = {name[0].lower() + name[1:]: value for name, value in info.items()}
            return json_answer(camel)
        headers: dict[str, str] = {hdrs.RETRY_AFTER: "005"}
        return Answer(503, _SETUP_PAGE, "text/html", headers)

    def _dispatch(self, path: str, call: Call) -> Answer:
        allowed = []
        for route in _ROUTES:
            match = route.pattern.fullmatch(path)
            if match is None or (route.jellyfin_only and self.jf.profile.emby):
                continue
            allowed.append(route.method)
            if route.method == call.method:
                self._admit(route.access, call)
                named = replace(call, arguments=match.groupdict())
                return route.handler(self, named)
        if allowed:
            return Answer(405, headers={hdrs.ALLOW: ", ".join(allowed)})
        return Answer(404)

    def _admit(self, access: Access, call: Call) -> None:
        if access is Access.ANYBODY:
            return
        caller = call.sender
        user = caller.user
        if user is not None and not user.remote_access:
            refuse(HTTPStatus.FORBIDDEN)
        if (
            user is not None
            and access is not Access.AT_ANY_TIME
            and not self._may_come_now(user)
        ):
            refuse(HTTPStatus.FORBIDDEN)
        if access is Access.ADMIN and not caller.admin:
            refuse(HTTPStatus.FORBIDDEN)
        # The row of a device follows what its program says of itself.
        token, client = caller.token, call.client
        token.device = client.device or token.device
        token.version = client.version or token.version

    def _may_come_now(self, user: FakeUser) -> bool:
        now = self.jf.clock().astimezone(self.jf.local)
        return user.may_come_at(now)

    @staticmethod
    def _response(answer: Answer, *, timed: bool = True) -> web.Response:
        response = web.Response(status=answer.status, body=answer.body)
        if answer.content_type is not None:
            response.content_type = answer.content_type
            if answer.content_type.startswith(("text/", "application/")):
                response.charset = "utf-8"
        response.headers.update(answer.headers or {})
        response.headers[hdrs.SERVER] = "Kestrel"
        if timed:
            response.headers["X-Response-Time-ms"] = "1"
        return response

    def error(self, status: int, message: str | None) -> web.Response:
        """Build the error answer of a fault."""
        if message is not None:
            return self._response(Answer(status, message.encode(), "text/plain"))
        if status in {401, 403, 502, 503, 504, 429}:
            return self._response(Answer(status))
        text = b"Error processing request."
        return self._response(Answer(status, text, "text/plain"))

    # -- who and what --------------------------------------------------------

    def _user_or_none(self, call: Call, user_id: str | None) -> FakeUser | None:
        """Return the user that a call is about; None for an API key without one."""
        caller = call.sender
        if user_id is None:
            return caller.user
        if not caller.admin and caller.user and caller.user.id != user_id:
            refuse_with_text(HTTPStatus.FORBIDDEN)
        user = self.jf.users.get(user_id)
        if user is None:
            refuse_with_problem(HTTPStatus.NOT_FOUND)
        return user

    def _asked_user(self, call: Call) -> FakeUser | None:
        if "user" in call.arguments:
            return self._user_or_none(call, call.guid("user"))
        return self._user_or_none(call, call.query.guid("userId"))

    def _user(self, call: Call) -> FakeUser:
        """Return the user that a call is about; 400 for an API key without one."""
        user = self._asked_user(call)
        if user is None:
            refuse_with_text(HTTPStatus.BAD_REQUEST)
        return user

    def _item(self, call: Call, user: FakeUser | None) -> Item:
        item = self.jf.catalogue.get(call.guid("item"))
        if item is None or not self.jf.states.visible(user, item):
            refuse_with_problem(HTTPStatus.NOT_FOUND)
        return item

    def _touch(self, call: Call, user: FakeUser | None) -> Session:
        return self.jf.sessions.touch(call.sender, call.client, user)

    # -- server --------------------------------------------------------------

    def _public_info(self) -> Json:
        if self.jf.profile.emby:
            return {
                "LocalAddress": "http://172.17.0.2:8096",
                "LocalAddresses": ["http://172.17.0.2:8096"],
                "RemoteAddresses": [],
                "ServerName": self.jf.name,
                "Version": self.jf.profile.version,
                "Id": self.jf.server_id,
            }
        return {
            "LocalAddress": f"http://172.17.0.2:8096{self.jf.base_url}",
            "ServerName": self.jf.name,
            "Version": self.jf.profile.version,
            "ProductName": "Jellyfin Server",
            "OperatingSystem": "",
            "Id": self.jf.server_id,
            "StartupWizardCompleted": self.jf.wizard_completed,
        }

    @_route("GET", "/System/Info/Public", Access.ANYBODY)
    def public_info(self, _call: Call) -> Answer:
        """Tell what anybody may know."""
        return json_answer(self._public_info())

    @_route("GET", "/System/Info", Access.AT_ANY_TIME)
    def info(self, _call: Call) -> Answer:
        """Tell the rest."""
        more = {
            "HasPendingRestart": False,
            "IsShuttingDown": False,
            "SupportsLibraryMonitor": True,
            "WebSocketPortNumber": self.jf.port,
            "CanSelfRestart": True,
        }
        return json_answer(self._public_info() | more)

    @_route("GET", "/System/Ping", Access.ANYBODY)
    @_route("POST", "/System/Ping", Access.ANYBODY)
    def ping(self, _call: Call) -> Answer:
        """Say that something is there."""
        return json_answer("Jellyfin Server")

    @_route("GET", "/health", Access.ANYBODY)
    def health(self, _call: Call) -> Answer:
        """Say how it is."""
        return Answer(200, b"Healthy", "text/plain")

    @_route("GET", "/web(/.*)?", Access.ANYBODY)
    def web(self, _call: Call) -> Answer:
        """Show the page of the web client."""
        return Answer(200, _WEB_PAGE, "text/html")

    @_route("GET", "/?", Access.ANYBODY)
    def root(self, _call: Call) -> Answer:
        """Send browsers to the web client."""
        return Answer(302, headers={hdrs.LOCATION: f"{self.jf.base_url}/web/"})

    # -- users ---------------------------------------------------------------

    def _user_dto(self, user: FakeUser) -> Json:
        libraries = self.jf.catalogue.children(self.jf.catalogue.root.id)
        return {
            "Name": user.name,
            "ServerId": self.jf.server_id,
            "Id": user.id,
            "HasPassword": bool(user.password),
            "HasConfiguredPassword": bool(user.password),
            "HasConfiguredEasyPassword": False,
            "EnableAutoLogin": False,
            "Configuration": {
                "DisplayMissingEpisodes": user.display_missing,
                "PlayDefaultAudioTrack": True,
            },
            "Policy": {
                "IsAdministrator": user.admin,
                "IsHidden": user.hidden,
                "IsDisabled": user.disabled,
                "EnableUserPreferenceAccess": user.preference_access,
                "EnableRemoteAccess": user.remote_access,
                "AccessSchedules": user.access_schedules,
                "EnableAllFolders": user.libraries is None,
                "EnabledFolders": [
                    item.id for item in libraries if item.name in (user.libraries or ())
                ],
                "EnableAllDevices": True,
                "EnabledDevices": [],
                "BlockedTags": [],
                "AllowedTags": [],
                "MaxActiveSessions": 0,
                "LoginAttemptsBeforeLockout": -1,
                "AuthenticationProviderId": f"{_USERS}.DefaultAuthenticationProvider",
                "PasswordResetProviderId": f"{_USERS}.DefaultPasswordResetProvider",
            },
        }

    @_route("GET", "/Users/Public", Access.ANYBODY)
    def public_users(self, _call: Call) -> Answer:
        """List the users for a login screen."""
        shown = [
            self._user_dto(user)
            for user in self.jf.users.values()
            if not (user.hidden or user.disabled) or not self.jf.wizard_completed
        ]
        return json_answer(shown)

    @_route("GET", "/Users")
    def all_users(self, call: Call) -> Answer:
        """List the users."""
        hidden = call.query.flag("isHidden")
        disabled = call.query.flag("isDisabled")
        shown = [
            self._user_dto(user)
            for user in self.jf.users.values()
            if hidden in {None, user.hidden} and disabled in {None, user.disabled}
        ]
        return json_answer(shown)

    @_route("GET", "/Users/Me")
    def me(self, call: Call) -> Answer:
        """Describe the user of the token."""
        if call.sender.user is None:
            refuse_with_problem(HTTPStatus.BAD_REQUEST)
        return json_answer(self._user_dto(call.sender.user))

    @_route("GET", "/Users/{user}")
    def one_user(self, call: Call) -> Answer:
        """Describe a user."""
        return json_answer(self._user_dto(self._known_user(call)))

    @_route("POST", "/Users/New", Access.ADMIN)
    def new_user(self, call: Call) -> Answer:
        """Add a user, who may see everything; Emby takes no password here."""
        body = call.body()
        name = body.get("name")
        if not isinstance(name, str) or not name.strip():
            refuse_with_problem(HTTPStatus.BAD_REQUEST)
        if any(user.name.lower() == name.lower() for user in self.jf.users.values()):
            refuse_with_text(HTTPStatus.BAD_REQUEST)
        password = "" if self.jf.profile.emby else body.get("password") or ""
        return json_answer(self._user_dto(self.jf.add_user(name, password)))

    @_route("DELETE", "/Users/{user}", Access.ADMIN)
    def delete_user(self, call: Call) -> Answer:
        """Remove a user."""
        self.jf.remove_user(self._known_user(call).name)
        return NO_CONTENT

    @_route("POST", "/Users/{user}/Password", Access.ADMIN)
    def set_password(self, call: Call) -> Answer:
        """Give a user another password."""
        password = call.body().get("newpw") or ""
        self.jf.change_password(self._known_user(call).name, password)
        return NO_CONTENT

    @_route("POST", "/Users/{user}/Policy", Access.ADMIN)
    def set_policy(self, call: Call) -> Answer:
        """Say what a user may do; what is not simulated is not looked at."""
        policy = call.body()
        user = self._known_user(call)
        libraries = self.jf.catalogue.children(self.jf.catalogue.root.id)
        shown = {item.name for item in libraries if item.id in policy["enabledfolders"]}
        user.libraries = None if policy["enableallfolders"] else frozenset(shown)
        user.preference_access = policy["enableuserpreferenceaccess"]
        user.access_schedules = policy["accessschedules"]
        if policy["isdisabled"]:
            self.jf.disable(user.name)
        else:
            self.jf.enable(user.name)
        return NO_CONTENT

    def _known_user(self, call: Call) -> FakeUser:
        user = self.jf.users.get(call.guid("user"))
        if user is None:
            refuse_with_problem(HTTPStatus.NOT_FOUND)
        return user

    def _signed_in(self, user: FakeUser, caller: Caller, client: Client) -> Answer:
        session = self.jf.sessions.touch(caller, client, user)
        return json_answer(
            {
                "User": self._user_dto(user),
                "SessionInfo": self.session(session),
                "AccessToken": caller.token.value,
                "ServerId": self.jf.server_id,
            }
        )

    @_route("POST", "/Users/AuthenticateByName", Access.ANYBODY)
    def login(self, call: Call) -> Answer:
        """Sign in with a password."""
        body = call.body()
        name = body.get("username")
        if not call.client.complete or not isinstance(name, str) or not name.strip():
            refuse_with_text(HTTPStatus.BAD_REQUEST)
        try:
            user = self.jf.user(name)
        except LookupError:
            refuse_with_text(HTTPStatus.UNAUTHORIZED)
        if (body.get("pw") or "") != user.password:
            refuse_with_text(HTTPStatus.UNAUTHORIZED)
        if user.disabled or not user.remote_access or not self._may_come_now(user):
            refuse_with_text(HTTPStatus.FORBIDDEN)
        token = self.jf.sign_in(user, call.client)
        return self._signed_in(user, Caller(token, user), call.client)

    @_route("POST", "/Sessions/Logout")
    def logout(self, call: Call) -> Answer:
        """Revoke the token that asks for it."""
        self.jf.revoke(call.sender.token.value)
        return NO_CONTENT

    @_route("GET", "/Auth/Keys", Access.ADMIN)
    def keys(self, _call: Call) -> Answer:
        """List the API keys."""
        keys = [
            {
                "AccessToken": token.value,
                "AppName": token.client,
                "DateCreated": wire_date(self.jf.clock()),
                "IsActive": True,
            }
            for token in self.jf.tokens.values()
            if token.user_id is None
        ]
        return json_answer(
            {"Items": keys, "TotalRecordCount": len(keys), "StartIndex": 0}
        )

    @_route("POST", "/Auth/Keys", Access.ADMIN)
    def create_key(self, call: Call) -> Answer:
        """Make an API key."""
        self.jf.api_key(call.query.text("app") or "")
        return NO_CONTENT

    @_route("DELETE", "/Auth/Keys/{key}", Access.ADMIN)
    def revoke_key(self, call: Call) -> Answer:
        """Revoke an API key."""
        self.jf.revoke(call.arguments["key"])
        return NO_CONTENT

    @_route("DELETE", "/Devices", Access.ADMIN)
    def delete_device(self, call: Call) -> Answer:
        """Revoke every token of a device."""
        device = call.query.text("id")
        gone = [t for t in self.jf.tokens.values() if device and t.device_id == device]
        if not gone:
            refuse_with_text(HTTPStatus.BAD_REQUEST)
        for token in gone:
            self.jf.revoke(token.value)
        return NO_CONTENT

    # -- Quick Connect -------------------------------------------------------

    @_route("GET", "/QuickConnect/Enabled", Access.ANYBODY)
    def quick_connect_enabled(self, _call: Call) -> Answer:
        """Tell whether codes are accepted."""
        return json_answer(self.jf.quick_connect.enabled)

    def _quick_connect_on(self) -> None:
        if not self.jf.quick_connect.enabled:
            refuse_with_text(HTTPStatus.UNAUTHORIZED)

    def _quick_connect_request(self, secret: str | None) -> Answer:
        request = self.jf.quick_connect.by_secret(secret or "", self.jf.clock())
        if request is None:
            refuse_with_sentence(HTTPStatus.NOT_FOUND, "Unknown secret")
        return json_answer(
            {
                "Authenticated": request.approved is not None,
                "Secret": request.secret,
                "Code": request.code,
                "DeviceId": request.client.device_id,
                "DeviceName": request.client.device,
                "AppName": request.client.name,
                "AppVersion": request.client.version,
                "DateAdded": wire_date(request.added),
            }
        )

    @_route("POST", "/QuickConnect/Initiate", Access.ANYBODY)
    def initiate(self, call: Call) -> Answer:
        """Start to sign in with a code."""
        self._quick_connect_on()
        if not call.client.complete:
            refuse_with_text(HTTPStatus.BAD_REQUEST)
        request = self.jf.quick_connect.initiate(call.client, self.jf.clock())
        return self._quick_connect_request(request.secret)

    @_route("GET", "/QuickConnect/Initiate", Access.ANYBODY)
    def initiate_by_get(self, call: Call) -> Answer:
        """Do the same in the old way, where the version still has it."""
        if not self.jf.profile.quick_connect_by_get:
            return Answer(405, headers={hdrs.ALLOW: "POST"})
        return self.initiate(call)

    @_route("GET", "/QuickConnect/Connect", Access.ANYBODY)
    def quick_connect_state(self, call: Call) -> Answer:
        """Tell whether a code was approved."""
        self._quick_connect_on()
        return self._quick_connect_request(call.query.text("secret"))

    @_route("POST", "/QuickConnect/Authorize")
    def authorize(self, call: Call) -> Answer:
        """Approve a code."""
        self._quick_connect_on()
        approved = self.jf.approve(call.query.text("code") or "", self._user(call).name)
        if not approved:
            refuse_with_text(HTTPStatus.NOT_FOUND)
        return json_answer(value=True)

    @_route("POST", "/Users/AuthenticateWithQuickConnect", Access.ANYBODY)
    def login_with_quick_connect(self, call: Call) -> Answer:
        """Sign in with an approved code."""
        secret = str(call.body().get("secret", ""))
        now = self.jf.clock()
        request = self.jf.quick_connect.by_secret(secret, now)
        if request is None or request.token is None or request.result_expired(now):
            refuse_with_text(HTTPStatus.NOT_FOUND)
        user = self.jf.users[request.token.user_id or ""]
        return self._signed_in(user, Caller(request.token, user), request.client)

    # -- items ---------------------------------------------------------------

    def _dtos(
        self,
        items: list[Item],
        call: Call,
        user: FakeUser | None,
        fields: Collection[str] | None,
    ) -> list[Json]:
        known = FIELDS | EMBY_FIELDS if self.jf.profile.emby else FIELDS
        asked = call.query.choices("fields", known) if fields is None else fields
        with_user_data = call.query.flag("enableUserData") is not False
        images = call.query.flag("enableImages") is not False
        return [
            self.jf.spoilt(
                item.id,
                self.jf.states.item(
                    item,
                    user,
                    self.jf.server_id,
                    asked,
                    user_data=with_user_data,
                    images=images,
                ),
            )
            for item in items
        ]

    def _page(
        self,
        items: list[Item],
        call: Call,
        user: FakeUser | None,
        fields: Collection[str] | None = None,
    ) -> Answer:
        start = call.query.number("startIndex") or 0
        limit = call.query.number("limit")
        end = None if limit is None else start + limit
        rows = items[start:end]
        total = self.jf.told_total(len(items))
        if call.query.flag("enableTotalRecordCount") is False:
            total = 0 if self.jf.profile.emby else len(rows)
        if not self.jf.tells_totals:
            total = 0
        return json_answer(
            {
                "Items": self._dtos(rows, call, user, fields),
                "TotalRecordCount": total,
                "StartIndex": start,
            }
        )

    @_route("GET", "/Items")
    @_route("GET", "/Users/{user}/Items")
    def items(self, call: Call) -> Answer:
        """List items."""
        user = self._asked_user(call)
        return self._page(self.jf.listing.select(call.query, user), call, user)

    @_route("GET", "/UserItems/Resume")
    @_route("GET", "/Users/{user}/Items/Resume")
    def resume(self, call: Call) -> Answer:
        """List what can be continued."""
        user = self._user(call)
        return self._page(self.jf.listing.resume(call.query, user), call, user)

    @_route("GET", "/Items/{item}")
    @_route("GET", "/Users/{user}/Items/{item}")
    def item(self, call: Call) -> Answer:
        """Describe one item, with everything there is to say."""
        user = self._asked_user(call)
        item = self._item(call, user)
        dto = self.jf.states.item(item, user, self.jf.server_id, ALL_FIELDS, alone=True)
        return json_answer(self.jf.spoilt(item.id, dto))

    @_route("GET", "/Items/{item}/Ancestors")
    def ancestors(self, call: Call) -> Answer:
        """List what an item lies in: season, show, library, root."""
        user = self._asked_user(call)
        found = self.jf.catalogue.ancestors(self._item(call, user))
        server_id = self.jf.server_id
        return json_answer(
            [self.jf.states.item(item, user, server_id, ALL_FIELDS) for item in found]
        )

    @_route("GET", "/UserViews")
    @_route("GET", "/Users/{user}/Views")
    def views(self, call: Call) -> Answer:
        """List the libraries of a user."""
        user = self._user(call)
        hidden = call.query.flag("includeHidden") is True
        found = [
            item
            for item in self.jf.catalogue.children(self.jf.catalogue.root.id)
            if self.jf.states.visible(user, item)
            and (hidden or item.name not in user.off_home_screen)
        ]
        # Jellyfin tells everything about a library, asked or not.
        fields = None if self.jf.profile.emby else ALL_FIELDS
        return self._page(found, call, user, fields)

    def _series(self, call: Call, user: FakeUser | None) -> Item:
        item = self.jf.catalogue.get(call.guid("item"))
        if (
            item is None
            or item.kind is not Kind.SERIES
            or not self.jf.states.visible(user, item)
        ):
            refuse_with_sentence(HTTPStatus.NOT_FOUND, "Series not found")
        return item

    @_route("GET", "/Shows/NextUp")
    def next_up(self, call: Call) -> Answer:
        """List the episodes to watch next."""
        user = self._user(call)
        return self._page(self.jf.listing.next_up(call.query, user), call, user)

    @_route("GET", "/Shows/{item}/Episodes")
    def episodes(self, call: Call) -> Answer:
        """List the episodes of a show."""
        user = self._asked_user(call)
        series = self._series(call, user)
        found = self.jf.listing.episodes(series, call.query, user)
        return self._page(found, call, user)

    @_route("GET", "/Shows/{item}/Seasons")
    def seasons(self, call: Call) -> Answer:
        """List the seasons of a show."""
        user = self._asked_user(call)
        series = self._series(call, user)
        return self._page(self.jf.listing.seasons(series, call.query, user), call, user)

    @_route("GET", "/Items/{item}/Images/Primary", Access.ANYBODY)
    def image(self, call: Call) -> Answer:
        """Show a poster."""
        item = self._item(call, None)
        if item.id in self.jf.without_picture:
            refuse_with_problem(HTTPStatus.NOT_FOUND)
        series = self.jf.catalogue.get(item.series_id)
        match item.kind:
            case Kind.EPISODE:
                below = f"S{item.season_number} E{item.index_number}"
            case Kind.SEASON:
                below = item.name
            case _:
                below = str(item.year or "")
        width = min(call.query.number("maxWidth") or STORED_WIDTH, STORED_WIDTH)
        picture = poster((series or item).name, below, width)
        return Answer(200, picture, "image/png")

    # -- play states ---------------------------------------------------------

    def _user_data_answer(self, user: FakeUser, item: Item) -> Answer:
        return json_answer(self.jf.states.user_data(user, item, (), alone=True))

    @_route("POST", "/UserPlayedItems/{item}")
    @_route("POST", "/Users/{user}/PlayedItems/{item}")
    def mark_played(self, call: Call) -> Answer:
        """Mark an item, or all in a folder, watched."""
        return self._mark(call, played=True)

    @_route("DELETE", "/UserPlayedItems/{item}")
    @_route("DELETE", "/Users/{user}/PlayedItems/{item}")
    def mark_unplayed(self, call: Call) -> Answer:
        """Mark an item, or all in a folder, unwatched."""
        return self._mark(call, played=False)

    def _mark(self, call: Call, *, played: bool) -> Answer:
        user = self._user(call)
        date_played = call.query.date("datePlayed")
        if self.jf.profile.emby and date_played is not None:
            text = call.query.text("datePlayed") or ""
            if not _EMBY_DATE.fullmatch(text):
                refuse_with_text(HTTPStatus.BAD_REQUEST)
        item = self._item(call, user)
        session = self._touch(call, user)
        watchers = [self.jf.users[one] for one in session.additional_users]
        for one in (user, *watchers):
            self.jf.mark(one, item, played=played, date_played=date_played)
        return self._user_data_answer(user, item)

    @_route("POST", "/UserFavoriteItems/{item}")
    @_route("POST", "/Users/{user}/FavoriteItems/{item}")
    def mark_favorite(self, call: Call) -> Answer:
        """Make an item a favourite."""
        return self._favorite(call, favorite=True)

    @_route("DELETE", "/UserFavoriteItems/{item}")
    @_route("DELETE", "/Users/{user}/FavoriteItems/{item}")
    def unmark_favorite(self, call: Call) -> Answer:
        """Make an item no favourite."""
        return self._favorite(call, favorite=False)

    def _favorite(self, call: Call, *, favorite: bool) -> Answer:
        user = self._user(call)
        item = self._item(call, user)
        self.jf.states.row_alone(user, item).favorite = favorite
        self.jf.states.save(user, item, "UpdateUserRating")
        return self._user_data_answer(user, item)

    def _may_use_user_data(self, call: Call, doing: str) -> FakeUser:
        user = self._user(call)
        caller = call.sender
        if caller.user and not caller.admin and not caller.user.preference_access:
            sentence = f"User is not allowed to {doing} this item user data."
            refuse_with_sentence(HTTPStatus.FORBIDDEN, sentence)
        return user

    @_route("GET", "/UserItems/{item}/UserData")
    @_route("GET", "/Users/{user}/Items/{item}/UserData")
    def user_data(self, call: Call) -> Answer:
        """Tell a play state."""
        user = self._may_use_user_data(call, "view")
        return self._user_data_answer(user, self._item(call, user))

    @_route("POST", "/UserItems/{item}/UserData")
    @_route("POST", "/Users/{user}/Items/{item}/UserData")
    def update_user_data(self, call: Call) -> Answer:
        """Change some members of a play state, and nothing else."""
        user = self._may_use_user_data(call, "update")
        item = self._item(call, user)
        change = self._changes(call.body())
        row = self.jf.states.row_alone(user, item)
        if self.jf.profile.emby:
            # What is not sent is not there.
            change = {
                one.name: change.get(one.name, one.default) for one in fields(UserData)
            }
        if item.id not in self.jf.stuck_items:
            for name, value in change.items():
                setattr(row, name, value)
        self.jf.states.save(user, item, "UpdateUserData")
        if self.jf.profile.emby:
            return NO_CONTENT
        return self._user_data_answer(user, item)

    def _changes(self, body: Json) -> Json:
        """Return the fields of `UserData` to write; what is null is not written."""
        readers: dict[str, tuple[str, Callable[[Any], Any]]] = {
            "playbackpositionticks": ("position_ticks", _whole),
            "playcount": ("play_count", _whole),
            "isfavorite": ("favorite", _truth),
            "likes": ("likes", _truth),
            "played": ("played", _truth),
            "lastplayeddate": ("last_played_date", self._moment),
            "rating": ("rating", float),
        }
        change = {}
        for name, (attribute, read) in readers.items():
            if body.get(name) is None:
                continue
            try:
                change[attribute] = read(body[name])
            except TypeError, ValueError:
                refuse_with_problem(HTTPStatus.BAD_REQUEST, {name: ["not valid"]})
        assert change.keys() <= set(UserData.__slots__)
        return change

    def _moment(self, value: Any) -> datetime:
        moment = read_date(value, self.jf.local) if isinstance(value, str) else None
        if moment is None:
            raise ValueError(value)
        return moment

    # -- playback ------------------------------------------------------------

    @_route("POST", "/Sessions/Playing")
    def playing(self, call: Call) -> Answer:
        """Take note that something starts."""
        return self._report(call, self.jf.started)

    @_route("POST", "/Sessions/Playing/Progress")
    def progress(self, call: Call) -> Answer:
        """Take note of a position."""
        return self._report(call, self.jf.progressed)

    def _report(self, call: Call, report: Callable[..., None]) -> Answer:
        info = _playback_info(call.body(), call.read_id)
        if self.jf.profile.emby and not call.body().get("playsessionid"):
            # Says that a value cannot be null.
            refuse_with_text(HTTPStatus.BAD_REQUEST)
        session = self._touch(call, call.sender.user)
        item = self.jf.catalogue.get(info["item_id"])
        if item is not None:
            position = info["position"]
            report(session, item, position, paused=info["paused"])
        return NO_CONTENT

    @_route("POST", "/Sessions/Playing/Stopped")
    def stopped(self, call: Call) -> Answer:
        """Take note that something stopped."""
        info = _playback_info(call.body(), call.read_id)
        position = info["position"]
        if position is not None and position < 0:
            refuse_with_text(HTTPStatus.BAD_REQUEST)
        session = self._touch(call, call.sender.user)
        item = self.jf.catalogue.get(info["item_id"])
        self.jf.stopped(session, item, position, failed=info["failed"])
        return NO_CONTENT

    @_route("POST", "/Sessions/Playing/Ping")
    @_route("POST", "/Sessions/Capabilities")
    @_route("POST", "/Sessions/Capabilities/Full")
    def nothing(self, _call: Call) -> Answer:
        """Accept what concerns nobody here."""
        return NO_CONTENT

    @_route("GET", "/Sessions")
    def list_sessions(self, call: Call) -> Answer:
        """List the sessions that the caller may see."""
        found = self.jf.describe_sessions(call.sender.user)
        device = call.query.text("deviceId")
        if device is not None:
            found = [one for one in found if one["DeviceId"] == device]
        return json_answer(found)

    @_route("POST", "/Sessions/{session}/User/{user}")
    def add_user(self, call: Call) -> Answer:
        """Let somebody else watch along."""
        session = self._session(call)
        session.additional_users.append(call.guid("user"))
        return NO_CONTENT

    @_route("DELETE", "/Sessions/{session}/User/{user}")
    def remove_user(self, call: Call) -> Answer:
        """Let somebody no longer watch along."""
        session = self._session(call)
        if call.guid("user") in session.additional_users:
            session.additional_users.remove(call.guid("user"))
        return NO_CONTENT

    def _session(self, call: Call) -> Session:
        session = self.jf.sessions.by_id(call.arguments["session"])
        if session is None:
            refuse_with_text(HTTPStatus.NOT_FOUND)
        return session

    def session(self, session: Session) -> Json:
        """Return a `SessionInfoDto`."""
        now = self.jf.clock()
        user = self.jf.users.get(session.user_id or "")
        item = self.jf.catalogue.get(session.item_id)
        check_in = session.last_check_in
        return {
            "PlayState": {
                "PositionTicks": session.simulated_position(now),
                "CanSeek": item is not None,
                "IsPaused": session.paused,
                "IsMuted": False,
                "PlayMethod": "DirectPlay" if item else None,
                "MediaSourceId": item and item.id,
                "RepeatMode": "RepeatNone",
                "PlaybackOrder": "Default",
            },
            "AdditionalUsers": [
                {"UserId": one, "UserName": self.jf.users[one].name}
                for one in session.additional_users
            ],
            "Id": session.id,
            "UserId": user.id if user else "0" * 32,
            "UserName": user and user.name,
            "Client": session.client,
            "LastActivityDate": wire_date(session.last_activity),
            "LastPlaybackCheckIn": wire_date(check_in) if check_in else NEVER,
            "DeviceName": session.device,
            "DeviceId": session.device_id,
            "ApplicationVersion": session.version,
            "NowPlayingItem": item
            and self.jf.states.item(item, None, self.jf.server_id, {"ProviderIds"}),
            "IsActive": True,
            "SupportsMediaControl": bool(session.sockets),
            "SupportsRemoteControl": bool(session.sockets),
            "PlayableMediaTypes": [],
            "SupportedCommands": [],
            "ServerId": self.jf.server_id,
        }


def _whole(value: Any) -> int:
    """Read a number, which may be written as a string."""
    if isinstance(value, (bool, float)):
        raise TypeError(value)
    return int(value)


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(value)
    return value


def _choice(name: str, value: Any) -> None:
    """Check a member of an enumeration, which is its name or its number."""
    if isinstance(value, str) and value not in _ENUMS[name]:
        raise ValueError(value)


def _item_id(value: Any, read_id: Callable[[str], str | None]) -> str:
    found = read_id(value)
    if found is None:
        raise ValueError(value)
    return found


def _playback_info(body: Json, read_id: Callable[[str], str | None]) -> Json:
    """Read what the three playback reports have in common; 400 for nonsense."""
    try:
        for name in _ENUMS:
            _choice(name, body.get(name))
        position = body.get("positionticks")
        return {
            "item_id": _item_id(body.get("itemid") or "0" * 32, read_id),
            "position": None if position is None else _whole(position),
            "paused": _truth(body.get("ispaused", False)),
            "failed": _truth(body.get("failed", False)),
        }
    except TypeError, ValueError:
        refuse_with_problem(HTTPStatus.BAD_REQUEST, {"info": ["not valid"]})
