"""Who is asking: the authorization header, users, tokens."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import unquote_plus

from .profile import Profile

_KEYS = ("Client", "Device", "DeviceId", "Version", "Token")


@dataclass(slots=True)
class FakeUser:
    """A user of the simulated server; tests change the policy fields directly."""

    name: str
    id: str
    password: str
    admin: bool = False
    disabled: bool = False
    hidden: bool = False
    remote_access: bool = True
    preference_access: bool = True
    """May use the UserData endpoints (`EnableUserPreferenceAccess`)."""
    display_missing: bool = False
    """Wants to see episodes that have no file."""
    libraries: frozenset[str] | None = None
    """Names of the libraries that the user may see; None means all."""
    off_home_screen: frozenset[str] = frozenset()
    """Names of the libraries that the user's home screen leaves out."""
    access_schedules: list[dict[str, Any]] = field(default_factory=list)
    """When the user may come, as in `Policy`; at any time if there are none."""

    def may_come_at(self, now: datetime) -> bool:
        """Whether a schedule includes the server's local time; for `admin` any does."""
        hour = now.hour + now.minute / 60 + now.second / 3600
        today = {f"{now:%A}", "Everyday", "Weekend" if now.weekday() > 4 else "Weekday"}
        return (
            self.admin
            or not self.access_schedules
            or any(
                one["DayOfWeek"] in today and one["StartHour"] <= hour <= one["EndHour"]
                for one in self.access_schedules
            )
        )


@dataclass(slots=True)
class Token:
    """An access token of a user on a device, or an API key (no user)."""

    value: str
    user_id: str | None
    client: str
    device: str
    device_id: str
    version: str


@dataclass(frozen=True, slots=True)
class Client:
    """What a request says about the program that sends it."""

    name: str | None = None
    device: str | None = None
    device_id: str | None = None
    version: str | None = None
    token: str | None = None

    @property
    def complete(self) -> bool:
        """All four fields that a login needs are there."""
        return all((self.name, self.device, self.device_id, self.version))


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated request: the token, its user (None for an API key)."""

    token: Token
    user: FakeUser | None

    @property
    def admin(self) -> bool:
        """Whether everything is allowed."""
        return self.user is None or self.user.admin


def parse_authorization(value: str) -> dict[str, str]:
    """Split `MediaBrowser Client="a", Token="b"` into its values.

    Follows `AuthorizationContext.GetParts` of the server: parts are separated by
    commas outside double quotes, keys are case-sensitive, unknown ones are ignored,
    the last of a repeated key wins, values lose their outer quotes and are then
    URL-decoded, where `+` means a space.
    """
    parts: list[str] = []
    part = ""
    quoted = False
    for character in value:
        if character == '"':
            quoted = not quoted
        if character == "," and not quoted:
            parts.append(part)
            part = ""
        else:
            part += character
    parts.append(part)
    found: dict[str, str] = {}
    for pair in parts:
        key, equals, text = pair.partition("=")
        if equals and key.strip() in _KEYS:
            found[key.strip()] = unquote_plus(_unquoted(text))
    return found


def _unquoted(text: str) -> str:
    # A blank before the opening quote leaves that quote in the value, as on the
    # real server: nothing is trimmed on the left.
    text = text.rstrip()
    return text.removeprefix('"').removesuffix('"')


def read_client(
    headers: Mapping[str, str], query: Mapping[str, str], profile: Profile
) -> Client:
    """Find out what a request says about its sender.

    *query* has the names as sent: `ApiKey` and `api_key` are told apart by case.
    """
    fields: dict[str, str] = {}
    header = headers.get("Authorization", "")
    if profile.legacy_authorization:
        header = headers.get("X-Emby-Authorization") or header
    scheme, _, rest = header.partition(" ")
    accepted = {"mediabrowser"}
    if profile.legacy_authorization:
        accepted.add("emby")
    if scheme.lower() in accepted:
        fields = parse_authorization(rest)
    token = fields.get("Token")
    if not token and profile.legacy_authorization:
        token = headers.get("X-Emby-Token") or headers.get("X-MediaBrowser-Token")
    if not token:
        token = query.get("ApiKey")
    if not token and profile.legacy_authorization:
        token = query.get("api_key")
    return Client(
        name=fields.get("Client"),
        device=fields.get("Device"),
        device_id=fields.get("DeviceId"),
        version=fields.get("Version"),
        token=token or None,
    )
