"""What can go wrong with a server, named by what to do next, and the verdicts."""

from dataclasses import dataclass
from enum import StrEnum


class ServerError(Exception):
    """Something a server did, or did not do; the class says what to do next."""


class Unreachable(ServerError):
    """No answer: refused, timed out, dropped, or a gateway answered in its place."""


class Unanswered(Unreachable):
    """The request was sent and nobody answered in time; it may be carried out yet.

    It says nothing about the server: others may be answered meanwhile, so ask it.
    """


class StillLooking(ServerError):
    """To say it takes the server longer than anybody waits; ask again in a while."""


class Busy(ServerError):
    """The server asks for patience (429, 503); `retry_after` is in seconds."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        """Remember how long the server asked to be left alone, in seconds."""
        super().__init__(message)
        self.retry_after = retry_after


class Starting(Busy):
    """The server is up but has not finished starting."""


class AuthRejected(ServerError):
    """The token is not accepted (401)."""


class Forbidden(ServerError):
    """The token is fine, but this user may not do this (403)."""


class ItemGone(ServerError):
    """The server does not know the item, or hides it from this user (404)."""


class Refused(ServerError):
    """The request is wrong for this server (400, 405, 415); repeating is idle."""


class Unsupported(ServerError):
    """This server cannot express the change."""


class Fault(ServerError):
    """The server failed while handling the request (500)."""


class Malformed(ServerError):
    """The answer is not what the API promises: HTML, truncated, wrong types."""


class WrongServer(ServerError):
    """Something else answers at this address: another product, another server."""


class WrongAddress(WrongServer):
    """The address leads elsewhere (a redirect): wrong scheme, host or base path."""


class Redirected(WrongAddress):
    """The address leads on to another one, `location`, which nobody has gone to."""

    def __init__(self, message: str, location: str) -> None:
        """Remember where to: scheme, host, port and base path, as one would type it."""
        super().__init__(message)
        self.location = location


class CertificateRefused(Unreachable):
    """The server's certificate does not prove who it is."""


class UnsupportedVersion(ServerError):
    """The server's version lacks what is needed; `version` is what it said."""

    def __init__(self, message: str, version: str) -> None:
        """Remember the version the server named."""
        super().__init__(message)
        self.version = version


class Unexpected(ServerError):
    """A fault of ours while something was asked or done; what it was is in the log."""


class JournalError(Exception):
    """The outbox could not be written to disk."""


class Unstorable(JournalError):
    """One operation has something in it that no file can hold, whatever the disk."""


class CatalogueError(Exception):
    """The catalogue could not be read or written just now.

    No catastrophe: nothing is known only there. Whoever asked can ask the server, and
    what was to be kept is read again in the next round.
    """


class Reason(StrEnum):
    """Why an operation waits or was given up; each has a translated sentence."""

    UNREACHABLE = "unreachable"
    BUSY = "busy"
    AUTH_REQUIRED = "auth_required"
    FORBIDDEN = "forbidden"
    MISSING = "missing"
    NO_EPISODES = "no_episodes"
    REFUSED = "refused"
    UNSUPPORTED = "unsupported"
    SERVER_FAULT = "server_fault"
    MALFORMED = "malformed"
    WRONG_SERVER = "wrong_server"
    UNSUPPORTED_VERSION = "unsupported_version"
    NOT_APPLIED = "not_applied"
    RESTORED = "restored"
    UNEXPECTED = "unexpected"


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A read showed what was wanted."""


@dataclass(frozen=True, slots=True)
class RetryLater:
    """This operation failed; try it again, counting the attempt."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class LaneDown:
    """The server is not there; nothing of this lane counts an attempt.

    `after` is how long the server asked to be left alone, in seconds; `version` is
    what it said if that is too old.
    """

    reason: Reason
    after: float | None = None
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Parked:
    """The lane waits for a person: the token is not accepted any more."""

    reason: Reason = Reason.AUTH_REQUIRED


@dataclass(frozen=True, slots=True)
class Missing:
    """The server does not know the item: look for it under another id, then wait."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """This operation will never work; it waits for a person."""

    reason: Reason


type Verdict = Confirmed | RetryLater | LaneDown | Parked | Missing | Rejected


def is_outage(error: ServerError) -> bool:
    """Whether the server cannot be asked at all, for whatever item."""
    return isinstance(classify(error), LaneDown | Parked)


def classify(error: ServerError) -> Verdict:
    """Say what one failed request means."""
    match error:
        case Busy(retry_after=after):
            return LaneDown(Reason.BUSY, after)
        case Unanswered():
            return RetryLater(Reason.UNREACHABLE)
        case Unreachable():
            return LaneDown(Reason.UNREACHABLE)
        case StillLooking():
            return RetryLater(Reason.BUSY)
        case WrongServer():
            return LaneDown(Reason.WRONG_SERVER)
        case UnsupportedVersion(version=version):
            return LaneDown(Reason.UNSUPPORTED_VERSION, version=version)
        case AuthRejected():
            return Parked()
        case Forbidden():
            return Rejected(Reason.FORBIDDEN)
        case ItemGone():
            return Missing()
        case Refused():
            return Rejected(Reason.REFUSED)
        case Unsupported():
            return Rejected(Reason.UNSUPPORTED)
        case Fault():
            return RetryLater(Reason.SERVER_FAULT)
        case Malformed():
            return RetryLater(Reason.MALFORMED)
        case Unexpected():
            return RetryLater(Reason.UNEXPECTED)
        case _:
            msg = f"unclassified server error {type(error).__name__}"
            raise TypeError(msg) from error


def reason_of(error: ServerError) -> Reason:
    """Name what one item suffered from, knowing that the server is there."""
    match classify(error):
        case Parked():
            return Reason.FORBIDDEN  # our sign-in is fine elsewhere
        case LaneDown(reason) | RetryLater(reason) | Rejected(reason):
            return reason
        case _:
            return Reason.MISSING
