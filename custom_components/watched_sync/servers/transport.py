"""One request: the only place where a response becomes a value or a `ServerError`.

Secrets travel in headers only, so neither an address nor a message here can carry
one; messages name the method and the path, never the query.
"""

import asyncio
import codecs
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
import json
import re
from typing import Final

from aiohttp import (
    ClientConnectorCertificateError,
    ClientError,
    ClientHandlerType,
    ClientPayloadError,
    ClientRequest,
    ClientResponse,
    ClientResponseError,
    ClientSession,
    ClientTimeout,
    ConnectionTimeoutError,
    InvalidURL,
    ServerFingerprintMismatch,
)
from yarl import URL

from ..core import gate
from ..core.errors import (
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
from ..core.ports import Image
from .fields import Json

#: Seconds until a request is given up.
TIMEOUT: Final = 30.0
#: The same for a write that a server carries out episode by episode.
TREE_TIMEOUT: Final = 120.0
#: The same for what is nice to know, and keeps nobody waiting.
PATIENCE: Final = 300.0
#: Seconds until a connection that is not there yet is given up.
CONNECT_TIMEOUT: Final = 5.0
#: Bytes of one answer, once unpacked; a longer one is no answer.
MAX_BYTES: Final = 8 * 1024 * 1024
#: Bytes of one row of a listing, on average, and of what is around them.
ROW_BYTES: Final = 16 * 1024
AROUND_BYTES: Final = 1024 * 1024
#: Commas, brackets, braces and escapes of one row, on average, and of what is around
#: them: what reading an answer costs. Rows of real servers have some 30 to 250.
ROW_MARKS: Final = 500
AROUND_MARKS: Final = 20_000
#: The same of any answer: the decoder reads one object in one go, and the garbage
#: collector looks at all that there are in one go, while everybody else waits.
MOST_MARKS: Final = 100_000
#: Digits of a number; all that Python's own have are far fewer.
_DIGITS: Final = 40
#: Rows that an answer is taken to have if nobody says.
USUAL_ROWS: Final = 10
#: Bytes of an answer that is read in another thread: others wait for this one.
LONG: Final = 32 * 1024
#: Bytes of one picture.
MAX_IMAGE_BYTES: Final = 2 * 1024 * 1024
#: Seconds that a server can make us wait by one `Retry-After`.
MAX_RETRY_AFTER: Final = 300.0

#: The formats of pictures that every browser shows and that carry no script.
IMAGE_TYPES: Final = ("image/jpeg", "image/png", "image/webp", "image/gif")
_ALIASES: Final[Mapping[str, str]] = {"image/jpg": "image/jpeg"}

_CHUNK: Final = 64 * 1024
_MARKS: Final = (b",", b"[", b"{", b"\\")

# Plex, Jellyfin and Emby alike show theirs at `/web/`.
_OWN_PAGE: Final = re.compile(r"/web(/index\.html)?$")

_PAGES: Final = ("text/html", "application/xhtml+xml")

_REFUSALS: Final = 400
_TOO_MANY_REQUESTS: Final = 429
_SERVICE_UNAVAILABLE: Final = 503
_STATUSES: Final[Mapping[int, type[ServerError]]] = {
    401: AuthRejected,
    403: Forbidden,
    404: ItemGone,
    408: Unreachable,
    410: ItemGone,
    # The gateway had passed the request on, or may have.
    502: Unanswered,
    504: Unanswered,
}


class TooMuch(ValueError):
    """JSON has far more in it than what was asked for can need."""


class Oversized(Malformed):
    """An answer has far more in it than the rows that were asked for can need."""


class WrongVerb(Refused):
    """The path exists, the method does not (405)."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """What came back: the body, and what its sender called it."""

    body: bytes
    content_type: str

    @property
    def is_html(self) -> bool:
        """Whether it is a page, for a person to look at."""
        return self.content_type in _PAGES


class Transport:
    """Requests to one address, all with the same headers.

    The session belongs to the caller and is never closed here. `now` is the wall
    clock that the server's `Date` is compared with. `explain` is shown status and
    body of a refusal whose status alone does not tell enough; where it returns None
    the status decides.
    """

    def __init__(
        self,
        session: ClientSession,
        url: str,
        headers: Mapping[str, str],
        *,
        now: Callable[[], datetime] | None = None,
        explain: Callable[[int, bytes], ServerError | None] | None = None,
    ) -> None:
        """Prepare for *url*, base path kept.

        Raises `WrongAddress` if it is none, and `AuthRejected` for a header that
        cannot be sent: a token pasted with a line break or the like in it.
        """
        if not all(value.isprintable() for value in headers.values()):
            raise AuthRejected("the token holds characters that no token has")
        self._session = session
        self._base = parse_url(url)
        self._headers = dict(headers)
        self._now = now or _utc_now
        self._explain = explain
        self._clock_offset: timedelta | None = None

    def __repr__(self) -> str:
        """Name the address; headers carry secrets and are left out."""
        return f"Transport({str(self._base)!r})"

    @property
    def clock_offset(self) -> timedelta | None:
        """Server time minus ours by the last good answer; None before one came."""
        return self._clock_offset

    def server_now(self) -> datetime:
        """Return what time it is by the server's clock, or ours before it was heard."""
        return self._now() + (self._clock_offset or timedelta())

    def latest_now(self) -> datetime:
        """Return what time it is, by the server's clock or ours: whichever is ahead."""
        ahead = max(self._clock_offset or timedelta(), timedelta())
        return self._now() + ahead

    async def read(
        self,
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        may_be_missing: bool = False,
        timeout: float = TIMEOUT,  # noqa: ASYNC109 - becomes aiohttp's own timeout
    ) -> Json:
        """GET *path* and return its JSON. Raises any `ServerError`.

        A 404 is `ItemGone` only for a path that *may_be_missing*. Any other exists on
        every server of its kind, so that something else gave the answer: a proxy
        does while the server behind it restarts.
        """
        return await self.read_rows(
            path, _as_it_is, params, may_be_missing=may_be_missing, timeout=timeout
        )

    async def read_rows[T](
        self,
        path: str,
        parse: Callable[[Json], T],
        params: Mapping[str, str] | None = None,
        *,
        rows: int = USUAL_ROWS,
        may_be_missing: bool = False,
        timeout: float = TIMEOUT,  # noqa: ASYNC109 - becomes aiohttp's own timeout
    ) -> T:
        """GET *path* and return what *parse* makes of its JSON; else as `read`.

        *rows* is how many were asked for: far more than they can need is `Oversized`.
        A long answer is read and parsed in another thread, so that nobody waits for it
        but who asked.
        """
        try:
            answer = await self._exchange(
                "GET", path, params=params, limit=_room_for(rows), timeout=timeout
            )
        except ItemGone as error:
            if may_be_missing:
                raise
            raise Unreachable(f"GET {path} led to no server of ours") from error
        return await _parsed(answer, f"GET {path}", parse, rows)

    async def image(self, path: str, params: Mapping[str, str] | None = None) -> Image:
        """GET a picture of no more than 2 MiB. Raises any `ServerError`.

        A 404 is `ItemGone`, a redirect is not followed, and what is no picture in one
        of `IMAGE_TYPES` is `Malformed`.
        """
        what = f"GET {path}"
        answer = await self._exchange(
            "GET",
            path,
            params=params,
            headers={"Accept": ", ".join(IMAGE_TYPES)},
            limit=MAX_IMAGE_BYTES,
        )
        content_type = _ALIASES.get(answer.content_type, answer.content_type)
        if content_type not in IMAGE_TYPES or not answer.body:
            raise Malformed(f"{what} was not answered with a picture")
        return Image(content_type, answer.body)

    async def ask(
        self,
        path: str,
        body: Json,
        params: Mapping[str, str] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> Json:
        """POST *body* as JSON, exactly once, and return the JSON that comes back."""
        answer = await self._exchange(
            "POST", path, params=params, body=body, headers=headers, once=True
        )
        return await _parsed(answer, f"POST {path}", _as_it_is)

    async def send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Json = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = TIMEOUT,  # noqa: ASYNC109 - becomes aiohttp's own timeout
    ) -> Json:
        """Send a write exactly once; return the JSON that came with success, if any.

        By then the work is done, so whatever else comes back is None and no error.
        """
        answer = await self._exchange(
            method,
            path,
            params=params,
            body=body,
            headers=headers,
            timeout=timeout,
            once=True,
            needs_body=False,
        )
        try:
            return await _parsed(answer, f"{method} {path}", _as_it_is)
        except Malformed:
            return None

    async def _exchange(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Json = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = TIMEOUT,  # noqa: ASYNC109 - becomes aiohttp's own timeout
        once: bool = False,
        needs_body: bool = True,
        limit: int | None = None,
    ) -> _Answer:
        what = f"{method} {path}"
        if ".." in path.split("/"):
            # The last guard: what such a path is made of was looked at before.
            raise Refused("the path leads away from the address of the server")
        try:
            async with self._session.request(
                method,
                self._base.with_path(self._base.path.rstrip("/") + path),
                params=params,
                json=body,
                headers={**self._headers, **(headers or {})},
                allow_redirects=False,
                timeout=ClientTimeout(total=timeout, sock_connect=CONNECT_TIMEOUT),
                middlewares=(_exactly_once,) if once else None,
            ) as response:
                if self._explain is not None and response.status >= _REFUSALS:
                    body_of_refusal = await _body(response, what)
                    error = self._explain(response.status, body_of_refusal)
                    if error is not None:
                        raise error
                self._judge(response, path, what)
                content_type = response.content_type
                if needs_body:
                    body_read = await _body(response, what, limit)
                    return _Answer(body_read, content_type)
                # Read to the end, so that the connection can be used again; by now
                # the server has said that it did the work, whatever follows.
                with suppress(ClientError, OSError, Malformed):
                    return _Answer(await _body(response, what, limit), content_type)
                return _Answer(b"", content_type)
        except (ClientError, OSError) as error:
            raise _translated(error, what) from error

    def _judge(self, response: ClientResponse, path: str, what: str) -> None:
        """Raise what a status means, or take the time from a good answer."""
        status = response.status
        if 200 <= status < 300:  # noqa: PLR2004 - the range of success
            # A proxy's error page would tell the proxy's time.
            served = _http_date(response.headers.get("Date"))
            if served is not None and gate.play_time(served) is not None:
                self._clock_offset = served - self._now()
            return
        said = f"{what} was answered with {status}"
        if 300 <= status < 400:  # noqa: PLR2004 - the range of redirects
            location = self._leads_to(response, path)
            raise Redirected(said, location) if location else WrongAddress(said)
        if status == _TOO_MANY_REQUESTS:
            raise Busy(said, self._retry_after(response))
        if status == _SERVICE_UNAVAILABLE:
            # Both servers answer with a page while they start; an address that is
            # not let in gets an empty answer.
            kind = Starting if _is_html(response) else Busy
            raise kind(said, self._retry_after(response))
        if status == 405:  # noqa: PLR2004 - the one status that blames the verb
            raise WrongVerb(said)
        if (known := _STATUSES.get(status)) is not None:
            raise known(said)
        if 400 <= status < 500:  # noqa: PLR2004 - the range of the client's mistakes
            raise Refused(said)
        # 520 and above are gateways speaking for a server that they lost.
        raise Unanswered(said) if status >= 520 else Fault(said)  # noqa: PLR2004 - as said above

    def _leads_to(self, response: ClientResponse, path: str) -> str | None:
        """Return the address to type instead, where a redirect from *path* names one.

        Without its query: a page to sign in at is told there what was asked for.
        """
        try:
            location = URL(response.headers.get("Location", ""))
            target = parse_url(str(response.url.join(location)))
        except ValueError, WrongAddress:
            return None
        target = without_own_page(target.with_path(target.path.removesuffix(path)))
        if (target.origin(), target.path) == (self._base.origin(), self._base.path):
            return None
        return str(target).rstrip("/")

    def _retry_after(self, response: ClientResponse) -> float | None:
        """Read `Retry-After`: seconds (leading zeros and all) or a date."""
        value = response.headers.get("Retry-After", "").strip()
        if value.isdecimal():
            # No more digits than an int is allowed to be read from.
            seconds = float(int(value[:20]))
        elif (until := _http_date(value)) is not None:
            served = _http_date(response.headers.get("Date")) or self._now()
            seconds = (until - served).total_seconds()
        else:
            return None
        return min(max(seconds, 0.0), MAX_RETRY_AFTER)


def parse_url(url: str) -> URL:
    """Return the address without query, fragment and closing slash.

    Raises `WrongAddress` for anything but a plain http or https address; one with a
    name and password in it would send those beside the token.
    """
    try:
        parsed = URL(url.strip())
        host, port = parsed.host, parsed.port
    except (ValueError, TypeError) as error:
        raise WrongAddress("the address cannot be read") from error
    if parsed.scheme not in ("http", "https") or not host or not port or " " in host:
        raise WrongAddress("the address is not an http or https address")
    if parsed.user is not None or parsed.password is not None:
        raise WrongAddress("the address carries a user name or password")
    return parsed.with_path(parsed.path.rstrip("/"))


def without_own_page(url: URL) -> URL:
    """Return an address without closing slash and the path of the server's own page."""
    return url.with_path(_OWN_PAGE.sub("", url.path.rstrip("/")))


async def _exactly_once(
    request: ClientRequest, handler: ClientHandlerType
) -> ClientResponse:
    """Keep aiohttp from repeating a request whose connection dropped.

    For GET, PUT and DELETE `ClientSession` sends again, once, after
    `ClientOSError` and `ServerDisconnectedError`, on fresh connections as well as
    kept ones (`aiohttp/client.py`, IDEMPOTENT_METHODS). A mark that was applied just
    before the connection dropped would then count two plays. An error that is not
    one of aiohttp's ends the attempt.
    """
    try:
        return await handler(request)
    except (ClientError, OSError) as error:
        raise _translated(error, f"{request.method} {request.url.path}") from error


def _translated(error: ClientError | OSError, what: str) -> ServerError:
    """Say what a failed exchange means for the relay."""
    said = f"{what} failed: {type(error).__name__}"
    match error:
        case ClientConnectorCertificateError() | ServerFingerprintMismatch():
            return CertificateRefused(said)
        case InvalidURL():
            return WrongAddress(said)
        case ClientPayloadError() | ClientResponseError():
            return Malformed(said)
        case ConnectionTimeoutError():
            return Unreachable(said)
        case TimeoutError():
            return Unanswered(said)
        case _:
            return Unreachable(said)


def _room_for(rows: int) -> int:
    """Return how many bytes an answer with so many rows may have."""
    return min(rows * ROW_BYTES + AROUND_BYTES, MAX_BYTES)


async def _body(response: ClientResponse, what: str, limit: int | None = None) -> bytes:
    """Read the whole body, as long as it is one that fits."""
    limit = _room_for(USUAL_ROWS) if limit is None else limit
    body = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK):
        body += chunk
        if len(body) > limit:
            response.close()
            raise Oversized(f"{what} was answered with more than {limit} bytes")
    return bytes(body)


async def _parsed[T](
    answer: _Answer, what: str, parse: Callable[[Json], T], rows: int = USUAL_ROWS
) -> T:
    """Return what *parse* makes of the JSON of an answer."""
    if answer.is_html:
        raise Malformed(f"{what} was answered with a page instead of JSON")

    def read() -> T:
        try:
            value = from_json(answer.body, rows * ROW_MARKS + AROUND_MARKS)
        except TooMuch as error:
            raise Oversized(f"{what} was answered with more than needed") from error
        except (ValueError, RecursionError) as error:
            raise Malformed(f"{what} was not answered with JSON of ours") from error
        return parse(value)

    if len(answer.body) <= LONG:
        return read()
    return await asyncio.get_running_loop().run_in_executor(None, read)


def from_json(body: bytes, most_marks: int = MOST_MARKS) -> Json:
    """Read JSON so that other threads have their turns meanwhile.

    The decoder is one long call that Python does not interrupt; calling back for each
    object and number lets it. Bytes that are no text become replacement characters, and
    cost only the text that they are in. Raises `TooMuch` for more than *most_marks*, or
    `MOST_MARKS` (see `ROW_MARKS`), `ValueError` for what is no JSON, and
    `RecursionError`.
    """
    if sum(map(body.count, _MARKS)) > min(most_marks, MOST_MARKS):
        raise TooMuch
    value: Json = json.loads(
        _decoded(body), object_hook=_unchanged, parse_int=_whole, parse_float=_number
    )
    return value


def _decoded(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        # Each fault takes long, so in parts: others have their turns between.
        decode = codecs.getincrementaldecoder("utf-8-sig")("replace").decode
        starts = range(0, len(body), _CHUNK)
        return "".join(decode(body[one : one + _CHUNK]) for one in starts)


def _as_it_is(value: Json) -> Json:
    return value


def _unchanged(value: dict[str, Json]) -> dict[str, Json]:
    return value


def _whole(digits: str) -> Json:
    """Read a whole number; one of many digits takes long, and is no whole number."""
    return int(digits) if len(digits) <= _DIGITS else float(digits)


def _number(digits: str) -> Json:
    return float(digits)


def _is_html(response: ClientResponse) -> bool:
    return response.content_type in _PAGES


def _http_date(value: str | None) -> datetime | None:
    if not value:
        return None
    try:
        parsed = parsedate_to_datetime(value)
    except ValueError, OverflowError:
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def _utc_now() -> datetime:
    return datetime.now(UTC)
