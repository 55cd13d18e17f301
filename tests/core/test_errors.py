"""Every way a server can fail has a verdict."""

from collections.abc import Iterator

import pytest

from custom_components.watched_sync.core import errors
from custom_components.watched_sync.core.errors import (
    AuthRejected,
    Busy,
    CertificateRefused,
    Fault,
    Forbidden,
    ItemGone,
    LaneDown,
    Malformed,
    Missing,
    Parked,
    Reason,
    Redirected,
    Refused,
    Rejected,
    RetryLater,
    ServerError,
    Starting,
    StillLooking,
    Unanswered,
    Unexpected,
    Unreachable,
    Unsupported,
    UnsupportedVersion,
    Verdict,
    WrongAddress,
    WrongServer,
    classify,
)

VERDICTS: list[tuple[ServerError, Verdict]] = [
    # what happened                       what now
    (Unreachable("x"), LaneDown(Reason.UNREACHABLE)),
    (Unanswered("x"), RetryLater(Reason.UNREACHABLE)),
    (CertificateRefused("x"), LaneDown(Reason.UNREACHABLE)),
    (StillLooking("x"), RetryLater(Reason.BUSY)),
    (Busy("x"), LaneDown(Reason.BUSY)),
    (Busy("x", 17.0), LaneDown(Reason.BUSY, 17.0)),
    (Starting("x", 5.0), LaneDown(Reason.BUSY, 5.0)),
    (WrongServer("x"), LaneDown(Reason.WRONG_SERVER)),
    (WrongAddress("x"), LaneDown(Reason.WRONG_SERVER)),
    (Redirected("x", "https://y"), LaneDown(Reason.WRONG_SERVER)),
    (
        UnsupportedVersion("x", "0.1"),
        LaneDown(Reason.UNSUPPORTED_VERSION, version="0.1"),
    ),
    (AuthRejected("x"), Parked()),
    (Forbidden("x"), Rejected(Reason.FORBIDDEN)),
    (Refused("x"), Rejected(Reason.REFUSED)),
    (Unsupported("x"), Rejected(Reason.UNSUPPORTED)),
    (ItemGone("x"), Missing()),
    (Fault("x"), RetryLater(Reason.SERVER_FAULT)),
    (Malformed("x"), RetryLater(Reason.MALFORMED)),
    (Unexpected("x"), RetryLater(Reason.UNEXPECTED)),
]


def _subclasses(parent: type[ServerError]) -> Iterator[type[ServerError]]:
    for child in parent.__subclasses__():
        if child.__module__ == errors.__name__:
            yield child
            yield from _subclasses(child)


@pytest.mark.parametrize(
    ("error", "verdict"), VERDICTS, ids=lambda value: type(value).__name__
)
def test_each_error_says_what_to_do_next(error: ServerError, verdict: Verdict) -> None:
    assert classify(error) == verdict


def test_no_class_of_error_is_without_a_verdict() -> None:
    in_table = {type(error) for error, _ in VERDICTS}
    assert set(_subclasses(ServerError)) == in_table


def test_an_unknown_class_of_error_is_a_mistake_of_ours_and_says_so() -> None:
    class Novel(ServerError):
        pass

    with pytest.raises(TypeError, match="Novel"):
        classify(Novel("x"))


def test_a_redirect_says_where_to_and_keeps_it_out_of_its_message() -> None:
    redirected = Redirected("a redirect", "https://attic.example")
    assert redirected.location == "https://attic.example"
    assert str(redirected) == "a redirect"


def test_an_unsupported_version_says_which() -> None:
    assert UnsupportedVersion("too old", "10.8.13").version == "10.8.13"
