"""Signing in with a code that is approved on another device.

The rules of `QuickConnectManager`: a request lives ten minutes, an approved one can
be asked about for a minute more, everything is in memory.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
import hashlib

from .auth import Client, Token

LIFETIME = timedelta(minutes=10)
_GRACE = timedelta(minutes=1)


@dataclass(slots=True)
class Request:
    """One attempt to sign in."""

    secret: str
    code: str
    client: Client
    added: datetime
    approved: datetime | None = None
    token: Token | None = None

    def result_expired(self, now: datetime) -> bool:
        """Whether the token can no longer be fetched."""
        return self.approved is None or now - self.approved > LIFETIME

    def expired(self, now: datetime) -> bool:
        """Whether the server has forgotten it."""
        if self.approved is None:
            return now - self.added > LIFETIME
        return now - self.approved > LIFETIME + _GRACE


class QuickConnect:
    """All pending requests."""

    def __init__(self) -> None:
        self.enabled = True
        self._requests: list[Request] = []
        self._made = 0

    def initiate(self, client: Client, now: datetime) -> Request:
        """Start a request: a secret of 64 hex digits and a code of six digits."""
        self._made += 1
        secret = hashlib.sha256(f"{client.device_id} {self._made}".encode())
        code = f"{(self._made * 271_828) % 1_000_000:06}"
        request = Request(secret.hexdigest(), code, client, now)
        self._requests.append(request)
        return request

    def by_secret(self, secret: str, now: datetime) -> Request | None:
        """Return the request of that secret while it lives."""
        return next((r for r in self._living(now) if r.secret == secret), None)

    def by_code(self, code: str, now: datetime) -> Request | None:
        """Return the request of that code while it waits."""
        return next((r for r in self.waiting(now) if r.code == code), None)

    def waiting(self, now: datetime) -> list[Request]:
        """Return the requests that nobody has approved yet, oldest first."""
        return [r for r in self._living(now) if r.approved is None]

    def forget(self) -> None:
        """Lose everything, as a restart does."""
        self._requests.clear()

    def _living(self, now: datetime) -> list[Request]:
        self._requests = [r for r in self._requests if not r.expired(now)]
        return self._requests
