"""One request: what leaves, and what each answer means."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
import gzip
from pathlib import Path
import ssl
import threading
from typing import Any
from unittest.mock import Mock, patch

from aiohttp import (
    ClientConnectionError,
    ClientConnectorCertificateError,
    ClientConnectorError,
    ClientOSError,
    ClientPayloadError,
    ClientResponseError,
    ClientSession,
    ConnectionTimeoutError,
    InvalidURL,
    ServerDisconnectedError,
    ServerFingerprintMismatch,
    ServerTimeoutError,
    TCPConnector,
)
from aioresponses import aioresponses
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID
import pytest

from custom_components.watched_sync.core.errors import (
    AuthRejected,
    Busy,
    CertificateRefused,
    Fault,
    Forbidden,
    ItemGone,
    Malformed,
    Redirected,
    Refused,
    ServerError,
    Starting,
    Unanswered,
    Unreachable,
    WrongAddress,
)
from custom_components.watched_sync.core.ports import Image
from custom_components.watched_sync.servers import transport as transport_module
from custom_components.watched_sync.servers.fields import Json
from custom_components.watched_sync.servers.transport import (
    MAX_RETRY_AFTER,
    Transport,
    WrongVerb,
    parse_url,
)

from .sent import sent

pytestmark = pytest.mark.usefixtures("socket_enabled")

URL = "http://127.0.0.1:4711"
SECRET = "s3cret-t0ken"
NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    async with ClientSession() as opened:
        yield opened


@pytest.fixture
def transport(session: ClientSession) -> Transport:
    return Transport(session, URL, {"X-Token": SECRET}, now=lambda: NOW)


@pytest.fixture
def mocked() -> Iterator[aioresponses]:
    with aioresponses() as mock:
        yield mock


async def _request(transport: Transport, method: str, path: str) -> None:
    if method == "GET":
        await transport.read(path, may_be_missing=True)
    else:
        await transport.send(method, path)


# Statuses


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (300, Redirected),
        (301, Redirected),
        (302, Redirected),
        (307, Redirected),
        (308, Redirected),
        (400, Refused),
        (401, AuthRejected),
        (403, Forbidden),
        (404, ItemGone),
        (405, WrongVerb),
        (408, Unreachable),
        (410, ItemGone),
        (415, Refused),
        (418, Refused),
        (422, Refused),
        (429, Busy),
        (500, Fault),
        (501, Fault),
        (502, Unanswered),
        (503, Busy),
        (504, Unanswered),
        (521, Unanswered),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_status_becomes_the_error_that_says_what_to_do(
    transport: Transport,
    mocked: aioresponses,
    status: int,
    expected: type[ServerError],
    method: str,
) -> None:
    mocked.add(
        f"{URL}/thing", method=method, status=status, headers={"Location": f"{URL}/x"}
    )
    with pytest.raises(ServerError) as caught:
        await _request(transport, method, "/thing")
    assert type(caught.value) is expected


async def test_missing_path_that_cannot_be_missing_means_no_server(
    transport: Transport, mocked: aioresponses
) -> None:
    mocked.get(f"{URL}/Users/Me", status=404)
    with pytest.raises(Unreachable):
        await transport.read("/Users/Me")


def test_wrong_verb_counts_as_refused() -> None:
    assert issubclass(WrongVerb, Refused)


async def test_unavailable_with_a_page_means_starting(
    transport: Transport, mocked: aioresponses
) -> None:
    mocked.get(
        f"{URL}/a",
        status=503,
        body="<html></html>",
        content_type="text/html; charset=utf-8",
        headers={"Retry-After": "005"},
    )
    with pytest.raises(Starting) as caught:
        await transport.read("/a")
    assert caught.value.retry_after == 5


async def test_redirect_is_not_followed(
    transport: Transport, mocked: aioresponses
) -> None:
    mocked.get(f"{URL}/a", status=302, headers={"Location": "http://127.0.0.1:1/b"})
    mocked.get("http://127.0.0.1:1/b", payload={})
    with pytest.raises(Redirected):
        await transport.read("/a")
    assert len(sent(mocked)) == 1


@pytest.mark.parametrize(
    ("base", "location", "proposed"),
    [
        # The same below another scheme, host, port or base path.
        (URL, "https://attic.example/a/b", "https://attic.example"),
        (URL, "http://127.0.0.1:8096/a/b", "http://127.0.0.1:8096"),
        (URL, "/media/a/b", f"{URL}/media"),
        (
            f"{URL}/media",
            "https://attic.example/media/a/b",
            "https://attic.example/media",
        ),
        (f"{URL}/media", "https://attic.example/a/b/", "https://attic.example"),
        (URL, "//attic.example:8920/a/b", "http://attic.example:8920"),
        (URL, "https://attic.example", "https://attic.example"),
        (URL, "https://b/a/b", "https://b"),
        (URL, "https://web/", "https://web"),
        (URL, "https://[fd00::1]/a/b", "https://[fd00::1]"),
        # The server's own page, where a base path was left out.
        (URL, "/media/web/", f"{URL}/media"),
        (URL, "web/index.html", f"{URL}/a"),
        # Something else, such as a page to sign in at: what it is asked stays there.
        (URL, "https://login.example/?rd=secret#secret", "https://login.example"),
        (URL, "/login?next=/a/b", f"{URL}/login"),
    ],
)
async def test_redirect_says_which_address_it_leads_to(
    session: ClientSession,
    mocked: aioresponses,
    base: str,
    location: str,
    proposed: str,
) -> None:
    mocked.get(f"{base}/a/b?c=d", status=301, headers={"Location": location})
    transport = Transport(session, base, {"X-Token": SECRET})
    with pytest.raises(Redirected) as caught:
        await transport.read("/a/b", {"c": "d"})
    assert caught.value.location == proposed
    assert proposed not in str(caught.value)


@pytest.mark.parametrize(
    "location",
    [
        None,
        "",
        # Where it was asked: to type that again would change nothing.
        "/a",
        f"{URL}/a/",
        "/a?session=1",
        "/web/",
        # What is no address of a server.
        "mailto:ada@attic.example",
        "https://ada:lovelace@attic.example/a",
        "http://attic.example:99999/a",
        "http://[/a",
        "https:///a",
    ],
)
async def test_redirect_to_nothing_usable_is_an_address_that_is_wrong(
    transport: Transport, mocked: aioresponses, location: str | None
) -> None:
    headers = {} if location is None else {"Location": location}
    mocked.get(f"{URL}/a", status=302, headers=headers)
    with pytest.raises(WrongAddress) as caught:
        await transport.read("/a")
    assert type(caught.value) is WrongAddress


async def test_redirect_to_the_default_port_is_the_same_address(
    session: ClientSession, mocked: aioresponses
) -> None:
    mocked.get("http://attic.example/a", status=302, headers={"Location": "/a/"})
    mocked.get(
        "http://attic.example/a",
        status=302,
        headers={"Location": "http://Attic.example:80/a"},
    )
    transport = Transport(session, "http://attic.example", {})
    for _ in range(2):
        with pytest.raises(WrongAddress) as caught:
            await transport.read("/a")
        assert type(caught.value) is WrongAddress


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"body": '{"a": [1]}', "content_type": "application/json"}, {"a": [1]}),
        ({"body": "", "content_type": "text/html"}, None),
        ({"body": "{}", "content_type": "text/html"}, None),
        ({"status": 204}, None),
        ({"body": '{"a": '}, None),
    ],
)
async def test_write_returns_the_json_that_came_back_if_any(
    transport: Transport, mocked: aioresponses, answer: dict[str, Any], expected: Json
) -> None:
    mocked.post(f"{URL}/a", **answer)
    assert await transport.send("POST", "/a") == expected


@pytest.mark.parametrize("status", [200, 201, 204])
async def test_write_is_done_whatever_the_answer_says_beyond_success(
    transport: Transport, mocked: aioresponses, status: int
) -> None:
    mocked.post(f"{URL}/a", status=status, body="<b>fine", content_type="text/html")
    await transport.send("POST", "/a")


# Retry-After


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("7", 7.0),
        ("005", 5.0),
        (" 12 ", 12.0),
        ("0", 0.0),
        ("86400", MAX_RETRY_AFTER),
        ("9" * 5000, MAX_RETRY_AFTER),
        ("Sat, 21 Nov 2026 12:00:40 GMT", 40.0),
        ("Sat, 21 Nov 2026 12:00:40 -0000", 40.0),
        ("Sat, 21 Nov 2026 11:00:00 GMT", 0.0),
        ("Sat, 28 Nov 2026 12:00:00 GMT", MAX_RETRY_AFTER),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("", None),
        ("²", None),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_is_read_tolerantly_and_bounded(
    transport: Transport,
    mocked: aioresponses,
    value: str,
    expected: float | None,
    status: int,
) -> None:
    mocked.get(f"{URL}/a", status=status, headers={"Retry-After": value})
    with pytest.raises(Busy) as caught:
        await transport.read("/a")
    assert caught.value.retry_after == expected


async def test_retry_after_date_is_taken_by_the_clock_of_the_server(
    transport: Transport, mocked: aioresponses
) -> None:
    mocked.get(
        f"{URL}/a",
        status=503,
        headers={
            "Date": "Sat, 21 Nov 2026 18:00:00 GMT",
            "Retry-After": "Sat, 21 Nov 2026 18:00:09 GMT",
        },
    )
    with pytest.raises(Busy) as caught:
        await transport.read("/a")
    assert caught.value.retry_after == 9


async def test_busy_without_retry_after_names_none(
    transport: Transport, mocked: aioresponses
) -> None:
    mocked.get(f"{URL}/a", status=429)
    with pytest.raises(Busy) as caught:
        await transport.read("/a")
    assert caught.value.retry_after is None


# The clock


async def test_clock_offset_comes_from_the_date_header(
    transport: Transport, mocked: aioresponses
) -> None:
    assert transport.clock_offset is None
    mocked.get(
        f"{URL}/a", payload={}, headers={"Date": "Sat, 21 Nov 2026 12:01:30 GMT"}
    )
    await transport.read("/a")
    assert transport.clock_offset == timedelta(seconds=90)


@pytest.mark.parametrize(
    ("date", "now"),
    [
        ("Sat, 21 Nov 2026 13:00:00 GMT", NOW + timedelta(hours=1)),
        # That of a machine that has no clock of its own, and has just been started.
        ("Thu, 01 Jan 1970 00:00:10 GMT", NOW),
    ],
)
async def test_the_clock_that_is_ahead_tells_what_is_in_the_future(
    transport: Transport, mocked: aioresponses, date: str, now: datetime
) -> None:
    assert transport.latest_now() == NOW
    mocked.get(f"{URL}/a", payload={}, headers={"Date": date})
    await transport.read("/a")
    assert transport.latest_now() == now


@pytest.mark.parametrize(
    "date",
    [
        None,
        "yesterday",
        "Sat, 99 Nov 2026 12:01:30 GMT",
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "Fri, 31 Dec 9999 23:59:59 -2359",
    ],
)
async def test_clock_offset_stays_when_a_date_says_nothing(
    transport: Transport, mocked: aioresponses, date: str | None
) -> None:
    mocked.get(
        f"{URL}/a", payload={}, headers={"Date": "Sat, 21 Nov 2026 11:59:00 GMT"}
    )
    mocked.get(f"{URL}/a", payload={}, headers={"Date": date} if date else {})
    await transport.read("/a")
    await transport.read("/a")
    assert transport.clock_offset == timedelta(seconds=-60)


async def test_clock_offset_ignores_the_date_of_a_gateway(
    transport: Transport, mocked: aioresponses
) -> None:
    mocked.get(
        f"{URL}/a", status=502, headers={"Date": "Sat, 21 Nov 2026 15:00:00 GMT"}
    )
    with pytest.raises(Unreachable):
        await transport.read("/a")
    assert transport.clock_offset is None


async def test_clock_offset_is_measured_with_the_real_clock_unless_told(
    session: ClientSession, mocked: aioresponses
) -> None:
    mocked.get(
        f"{URL}/a", payload={}, headers={"Date": "Sat, 21 Nov 2076 12:00:00 GMT"}
    )
    client = Transport(session, URL, {})
    await client.read("/a")
    assert client.clock_offset is not None
    assert client.clock_offset > timedelta(days=365)


# Failures on the way


def _key() -> Mock:
    return Mock(ssl=True, host="127.0.0.1", port=1)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (TimeoutError(), Unanswered),
        (ServerTimeoutError(), Unanswered),
        (ConnectionTimeoutError(), Unreachable),
        (ServerDisconnectedError(), Unreachable),
        (ClientConnectionError(), Unreachable),
        (ClientOSError(104, "reset"), Unreachable),
        (ConnectionResetError(), Unreachable),
        (ClientConnectorError(_key(), OSError(111, "refused")), Unreachable),
        (
            ClientConnectorCertificateError(_key(), ssl.SSLCertVerificationError()),
            CertificateRefused,
        ),
        (ServerFingerprintMismatch(b"a", b"b", "127.0.0.1", 1), CertificateRefused),
        (ClientPayloadError(), Malformed),
        (ClientResponseError(Mock(), (), message="no HTTP"), Malformed),
        (InvalidURL("http://"), WrongAddress),
    ],
)
@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_failure_on_the_way_becomes_the_error_that_says_what_to_do(
    transport: Transport,
    mocked: aioresponses,
    error: Exception,
    expected: type[ServerError],
    method: str,
) -> None:
    mocked.add(f"{URL}/a", method=method, exception=error)
    with pytest.raises(ServerError) as caught:
        await _request(transport, method, "/a")
    assert type(caught.value) is expected


async def test_cancellation_is_no_server_error(
    transport: Transport, mocked: aioresponses
) -> None:
    mocked.get(f"{URL}/a", exception=asyncio.CancelledError())
    with pytest.raises(asyncio.CancelledError):
        await transport.read("/a")


# Bodies


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        b'{"half": [1, 2',
        b"\xff\xfe\x00",
        b"<MediaContainer/>",
        b"[" * 200_000,
        b'{"a":' * 200_000,
    ],
)
async def test_body_that_is_no_json_is_malformed(
    transport: Transport, mocked: aioresponses, body: bytes
) -> None:
    mocked.get(f"{URL}/a", body=body)
    with pytest.raises(Malformed):
        await transport.read("/a")


@pytest.mark.parametrize("content_type", ["text/html", "text/html; charset=utf-8"])
async def test_page_where_json_is_due_is_malformed(
    transport: Transport, mocked: aioresponses, content_type: str
) -> None:
    mocked.get(f"{URL}/a", body="{}", content_type=content_type)
    with pytest.raises(Malformed):
        await transport.read("/a")


async def test_json_is_read_whatever_it_is_called(
    transport: Transport, mocked: aioresponses
) -> None:
    mocked.get(f"{URL}/a", body='{"a": 1}', content_type="text/plain")
    assert await transport.read("/a") == {"a": 1}


async def test_body_that_is_too_long_is_malformed_and_not_kept(
    transport: Transport, mocked: aioresponses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport_module, "MAX_BYTES", 1000)
    mocked.get(f"{URL}/a", body="1" * 1001)
    with pytest.raises(Malformed):
        await transport.read("/a")


async def test_body_of_exactly_the_limit_is_read(
    transport: Transport, mocked: aioresponses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport_module, "MAX_BYTES", 1000)
    mocked.get(f"{URL}/a", body='"' + "x" * 998 + '"')
    assert await transport.read("/a") == "x" * 998


async def test_room_is_made_for_what_was_asked_for(
    transport: Transport, mocked: aioresponses
) -> None:
    body = '"' + "x" * transport_module.AROUND_BYTES + "x" * 99_998 + '"'
    mocked.get(f"{URL}/a", body=body, repeat=True)
    with pytest.raises(Malformed):
        await transport.read_rows("/a", str, rows=1)
    assert await transport.read_rows("/a", str, rows=10) == body[1:-1]


async def test_a_long_answer_is_read_in_another_thread(
    transport: Transport, mocked: aioresponses
) -> None:
    readers: list[int] = []

    def read(value: dict[str, Any]) -> dict[str, Any]:
        readers.append(threading.get_ident())
        return value

    rows = [{"id": "x" * 100} for _ in range(1000)]
    mocked.get(f"{URL}/a", payload=rows)
    mocked.get(f"{URL}/b", body="[" * 20_000 + " " * 50_000)
    parsers: list[int] = []

    def parse(value: Json) -> Json:
        parsers.append(threading.get_ident())
        return value

    with patch.object(transport_module, "_unchanged", read):
        assert await transport.read_rows("/a", parse, rows=1000) == rows
        with pytest.raises(Malformed):
            await transport.read("/b")
    assert len(readers) == 1000
    assert set(readers) == set(parsers)
    assert threading.get_ident() not in readers


@pytest.mark.parametrize("part", ["0,", "[],", "{},", '"\\n",'])
async def test_an_answer_with_far_more_in_it_than_was_asked_for_is_malformed(
    transport: Transport, mocked: aioresponses, part: str
) -> None:
    """However few bytes it has: reading it would keep everybody else waiting."""
    mocked.get(f"{URL}/a", body=f"[{part * 25_000}0]", repeat=True)
    with (
        patch("json.loads") as loads,
        pytest.raises(Malformed),
    ):
        await transport.read_rows("/a", str, rows=1)
    loads.assert_not_called()
    assert await transport.read_rows("/a", str, rows=100)


async def test_no_answer_has_more_in_it_than_is_read_in_one_go(
    transport: Transport, mocked: aioresponses
) -> None:
    """However many rows were asked for, and whatever a row of them may have."""
    most = transport_module.MOST_MARKS
    mocked.get(f"{URL}/a", body=f"[{'{},' * (most // 2)}{{}}]")
    mocked.get(f"{URL}/b", body=f"[{'{},' * (most // 2 - 2)}{{}}]")
    with pytest.raises(Malformed):
        await transport.read_rows("/a", str, rows=10_000)
    assert await transport.read_rows("/b", str, rows=10_000)


async def test_numbers_are_read_so_that_others_have_their_turns(
    transport: Transport, mocked: aioresponses
) -> None:
    """Digits of a whole number cost the more, the more there are of them."""
    digits = "1" * 4000
    mocked.get(f"{URL}/a", body=f"[5, -7, 2.5, 1e400, {digits}, {'9' * 30}]")
    answer = await transport.read("/a")
    assert answer == [5, -7, 2.5, float("inf"), float("inf"), int("9" * 30)]


@pytest.mark.parametrize("padding", ["", " " * 200_000], ids=["short", "long"])
async def test_bytes_that_are_no_text_cost_only_the_text_they_are_in(
    transport: Transport, mocked: aioresponses, padding: str
) -> None:
    body = b'\xef\xbb\xbf{"a": "caf\xe9", "b": "\xed\xa0\xbd", "c": "\xc3\xa9"}'
    mocked.get(f"{URL}/a", body=body + padding.encode())
    answer = await transport.read("/a")
    assert answer == {"a": "caf\ufffd", "b": "\ufffd" * 3, "c": "é"}


@pytest.mark.parametrize("path", ["/..", "/library/../../admin", "/a/../b"])
async def test_a_path_never_leads_away_from_the_address(
    transport: Transport, mocked: aioresponses, path: str
) -> None:
    with pytest.raises(Refused):
        await transport.read(path)
    with pytest.raises(Refused):
        await transport.image(path)
    mocked.assert_not_called()


# Pictures


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("image/jpeg", "image/jpeg"),
        ("image/jpg", "image/jpeg"),
        ("image/png", "image/png"),
        ("image/webp", "image/webp"),
        ("image/gif", "image/gif"),
        ("IMAGE/PNG; x=1", "image/png"),
    ],
)
async def test_picture_is_read_with_its_kind(
    transport: Transport, mocked: aioresponses, content_type: str, expected: str
) -> None:
    mocked.get(f"{URL}/a?width=9", body=b"\x89x", content_type=content_type)
    assert await transport.image("/a", {"width": "9"}) == Image(expected, b"\x89x")
    (request,) = sent(mocked)
    assert request.headers["Accept"].startswith("image/jpeg, ")
    assert request.options["allow_redirects"] is False


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("image/svg+xml", b"<svg onload='alert(1)'/>"),
        ("text/html", b"<html>"),
        ("application/json", b"{}"),
        ("application/octet-stream", b"\x89PNG"),
        ("image/png", b""),
    ],
)
async def test_what_is_no_picture_is_malformed(
    transport: Transport, mocked: aioresponses, content_type: str, body: bytes
) -> None:
    mocked.get(f"{URL}/a", body=body, content_type=content_type)
    with pytest.raises(Malformed):
        await transport.image("/a")


@pytest.mark.parametrize("more", [0, 1])
async def test_picture_may_have_two_megabytes(
    transport: Transport, mocked: aioresponses, more: int
) -> None:
    body = b"x" * (2 * 1024 * 1024 + more)
    mocked.get(f"{URL}/a", body=body, content_type="image/png")
    if more:
        with pytest.raises(Malformed):
            await transport.image("/a")
    else:
        assert (await transport.image("/a")).data == body


# Requests


async def test_base_path_and_parameters_are_kept(
    session: ClientSession, mocked: aioresponses
) -> None:
    mocked.get("http://127.0.0.1:4711/media/srv/a?x=1+2&y%3E%3E=0", payload=1)
    client = Transport(session, "http://127.0.0.1:4711/media/srv/", {})
    assert await client.read("/a", {"x": "1 2", "y>>": "0"}) == 1


async def test_headers_go_with_every_request(
    transport: Transport, mocked: aioresponses
) -> None:
    mocked.post(f"{URL}/a", payload={"ok": True})
    assert await transport.ask("/a", {"q": 1}) == {"ok": True}
    (call,) = sent(mocked)
    assert call.headers["X-Token"] == SECRET
    assert call.options["json"] == {"q": 1}
    assert call.options["allow_redirects"] is False
    assert call.options["timeout"].total == 30
    assert call.options["timeout"].sock_connect == 5


async def test_write_takes_headers_and_time_of_its_own(
    transport: Transport, mocked: aioresponses
) -> None:
    mocked.put(f"{URL}/a?k=1")
    await transport.send(
        "PUT", "/a", params={"k": "1"}, headers={"X-Session": "s"}, timeout=120
    )
    (call,) = sent(mocked)
    assert call.headers["X-Session"] == "s"
    assert call.headers["X-Token"] == SECRET
    assert call.options["timeout"].total == 120


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nowhere",
        "ftp://127.0.0.1",
        "http://",
        "http://:80",
        "http://127.0.0.1:99999",
        "http://[::1",
        "http://user:pass@127.0.0.1",
        "http://user@127.0.0.1",
        "http://127.0.0.1:x",
        "127.0.0.1:32400",
        "http://my server:32400",
    ],
)
def test_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(WrongAddress):
        parse_url(url)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (" http://127.0.0.1:32400/ ", "http://127.0.0.1:32400"),
        ("https://media.example/jellyfin/", "https://media.example/jellyfin"),
        ("http://127.0.0.1:8096/web/?a=1#/home", "http://127.0.0.1:8096/web"),
        ("http://[::1]:8096", "http://[::1]:8096"),
    ],
)
def test_address_is_put_in_order(url: str, expected: str) -> None:
    assert str(parse_url(url)).rstrip("/") == expected


@pytest.mark.parametrize("token", ["a\nb", "a\r\nX-Evil: 1", "a\0b", "a\ud800b"])
async def test_token_that_cannot_be_sent_is_rejected_at_once(
    session: ClientSession, token: str
) -> None:
    with pytest.raises(AuthRejected):
        Transport(session, URL, {"X-Token": token})


async def test_secret_is_in_no_message(
    transport: Transport, mocked: aioresponses
) -> None:
    assert SECRET not in repr(transport)
    for status in (302, 400, 401, 404, 429, 500, 502, 503):
        mocked.get(f"{URL}/a?q=private", status=status)
        with pytest.raises(ServerError) as caught:
            await transport.read("/a", {"q": "private"})
        assert SECRET not in repr(caught.value)
        assert "private" not in repr(caught.value)


# Over TCP


@dataclass
class RawServer:
    """Answers each request with the next of *answers*; None cuts the connection."""

    answers: list[bytes | None]
    requests: list[str] = field(default_factory=list)
    connections: int = 0
    port: int = 0

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.requests.append(head.split(b"\r\n")[0].decode())
                answer = self.answers.pop(0) if self.answers else None
                if answer is None:
                    return
                writer.write(answer)
                await writer.drain()
        except asyncio.IncompleteReadError, ConnectionError:
            return
        finally:
            writer.close()


def _http(body: bytes = b"{}", headers: Mapping[str, str] | None = None) -> bytes:
    lines = ["HTTP/1.1 200 OK", "Content-Type: application/json"]
    lines.append(f"Content-Length: {len(body)}")
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@pytest.fixture
async def raw() -> AsyncIterator[RawServer]:
    server = RawServer([])
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    yield server
    listener.close()
    listener.close_clients()
    await listener.wait_closed()


@pytest.fixture
def over_tcp(raw: RawServer, session: ClientSession) -> Transport:
    return Transport(session, f"http://127.0.0.1:{raw.port}", {})


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "POST"])
async def test_write_leaves_once_when_a_kept_connection_drops(
    raw: RawServer, over_tcp: Transport, method: str
) -> None:
    raw.answers = [_http(), None, _http()]
    await over_tcp.read("/look")
    with pytest.raises(Unreachable):
        await over_tcp.send(method, "/mark")
    assert raw.requests == ["GET /look HTTP/1.1", f"{method} /mark HTTP/1.1"]
    assert raw.connections == 1  # it was the kept one


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "POST"])
async def test_write_leaves_once_when_a_fresh_connection_drops(
    raw: RawServer, over_tcp: Transport, method: str
) -> None:
    raw.answers = [None, _http()]
    with pytest.raises(Unreachable):
        await over_tcp.send(method, "/mark")
    assert raw.requests == [f"{method} /mark HTTP/1.1"]


async def test_login_leaves_once_when_the_connection_drops(
    raw: RawServer, over_tcp: Transport
) -> None:
    raw.answers = [None, _http()]
    with pytest.raises(Unreachable):
        await over_tcp.ask("/login", {})
    assert raw.requests == ["POST /login HTTP/1.1"]


async def test_aiohttp_repeats_a_read_whose_connection_drops(
    raw: RawServer, over_tcp: Transport
) -> None:
    """Harmless for reads; were this no longer so, writes would need no guard."""
    raw.answers = [None, _http()]
    assert await over_tcp.read("/look") == {}
    assert raw.requests == ["GET /look HTTP/1.1"] * 2


async def test_connection_is_kept_after_a_write(
    raw: RawServer, over_tcp: Transport
) -> None:
    raw.answers = [_http(b"x" * 5000), _http()]
    await over_tcp.send("PUT", "/mark")
    await over_tcp.read("/look")
    assert raw.connections == 1


async def test_write_is_done_though_its_answer_breaks_off(
    raw: RawServer, over_tcp: Transport
) -> None:
    whole = _http(b"x" * 100)
    raw.answers = [whole[:-50], None]
    sending = asyncio.create_task(over_tcp.send("PUT", "/mark", timeout=0.5))
    await sending
    assert raw.requests == ["PUT /mark HTTP/1.1"]


async def test_answer_that_breaks_off_is_malformed(
    session: ClientSession,
) -> None:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(_http(b"[1, 2, 3]" * 100)[:-50])
        await writer.drain()
        writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    client = Transport(session, f"http://127.0.0.1:{port}", {})
    with pytest.raises(Malformed):
        await client.read("/look")
    listener.close()
    await listener.wait_closed()


async def test_answer_that_is_no_http_is_malformed(
    raw: RawServer, over_tcp: Transport
) -> None:
    raw.answers = [b"SSH-2.0-OpenSSH_9.2\r\n\r\n"]
    with pytest.raises(Malformed):
        await over_tcp.read("/look")


async def test_packed_bomb_is_malformed(
    raw: RawServer, over_tcp: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport_module, "MAX_BYTES", 1_000_000)
    raw.answers = [
        _http(gzip.compress(b"0" * 50_000_000), {"Content-Encoding": "gzip"})
    ]
    with pytest.raises(Malformed):
        await over_tcp.read("/look")


async def test_silent_server_is_unreachable(
    session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport_module, "CONNECT_TIMEOUT", 0.5)
    asked = asyncio.Event()
    done = asyncio.Event()

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await done.wait()
        writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    client = Transport(session, f"http://127.0.0.1:{port}", {})
    with pytest.raises(Unreachable):
        await client.send("PUT", "/mark", timeout=0.05)
    assert asked.is_set()
    done.set()
    listener.close()
    await listener.wait_closed()


async def test_closed_port_is_unreachable(
    session: ClientSession,
) -> None:
    listener = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    listener.close()
    await listener.wait_closed()
    client = Transport(session, f"http://127.0.0.1:{port}", {})
    with pytest.raises(Unreachable):
        await client.read("/look")


def _certificate(directory: Path) -> ssl.SSLContext:
    """Make a certificate that nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "somebody.invalid")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    file = directory / "server.pem"
    file.write_bytes(
        certificate.public_bytes(Encoding.PEM)
        + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_certificate_that_proves_nothing_is_refused(
    session: ClientSession, tmp_path: Path, method: str
) -> None:
    server = RawServer([_http()])
    listener = await asyncio.start_server(
        server.serve, "127.0.0.1", 0, ssl=_certificate(tmp_path)
    )
    port = listener.sockets[0].getsockname()[1]
    with pytest.raises(CertificateRefused):
        await _request(
            Transport(session, f"https://127.0.0.1:{port}", {}), method, "/a"
        )
    assert server.requests == []
    async with ClientSession(connector=TCPConnector(ssl=False)) as trusting:
        client = Transport(trusting, f"https://127.0.0.1:{port}", {})
        assert await client.read("/a") == {}
    listener.close()
    listener.close_clients()
    await listener.wait_closed()


async def test_tls_to_a_port_without_it_is_unreachable(session: ClientSession) -> None:
    async def refuse(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as listener:
        port = listener.sockets[0].getsockname()[1]
        client = Transport(session, f"https://127.0.0.1:{port}", {})
        with pytest.raises(Unreachable) as caught:
            await client.read("/a")
    assert not isinstance(caught.value, CertificateRefused)
