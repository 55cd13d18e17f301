"""A server that means harm, or is broken: what it may answer, whatever is asked.

`HostileServer` stands at one address. It passes everything on to the server *behind*
it, until it is given an answer of `ANSWERS`, which is then what everybody gets, but for
what it *spares*. What an answer is made of leans on what was asked: the same spoilt row
as a listing, an item, a library, an account or a message.
"""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
import gzip
import hashlib
import itertools
import json
import re
from typing import Any, Self

from aiohttp.http_websocket import WS_KEY

from .base import FakeServer

HOST = "127.0.0.1"
MIB = 1024 * 1024

#: What is sent of an answer that has no end: enough for anybody to have given up.
ENDLESS = 64 * MIB


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks for; `start` is the row that a page is to begin with."""

    method: str
    target: str
    head: bytes

    @property
    def is_jellyfin(self) -> bool:
        """Whether a client of Jellyfin or Emby asks."""
        return b"MediaBrowser" in self.head or b"X-Emby" in self.head

    @property
    def is_emby(self) -> bool:
        """Whether a client of Emby asks."""
        return b"X-Emby" in self.head

    @property
    def socket_key(self) -> str | None:
        """The key of a handshake, None for any other request."""
        found = re.search(rb"(?i)sec-websocket-key: *(\S+)", self.head)
        return found[1].decode() if found else None

    @property
    def start(self) -> int:
        """The row that the page begins with."""
        found = re.search(r"(?:startIndex|Container-Start)=(\d+)", self.target)
        return int(found[1]) if found else 0


#: Gives the bytes of an answer, whole or in parts.
type Answer = Callable[[Asked], bytes | Iterable[bytes] | AsyncIterator[bytes]]


def http(
    body: bytes = b"",
    status: str = "200 OK",
    *headers: str,
    length: int | str | None = -1,
    kind: str = "application/json",
) -> bytes:
    """Return a response; *length* is told as it is, None for none."""
    told = len(body) if length == -1 else length
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", *headers]
    if told is not None:
        lines.append(f"Content-Length: {told}")
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode() + body


# --- what is nearly sound ----------------------------------------------------


def plex_row(number: int) -> dict[str, Any]:
    """Return an item with every member that is read."""
    return {
        "ratingKey": str(number),
        "type": ("movie", "show", "season", "episode")[number % 4],
        "title": "A title",
        "parentTitle": "A title",
        "grandparentTitle": "A title",
        "parentRatingKey": "3",
        "grandparentRatingKey": "2",
        "key": "1",
        "year": 1999,
        "index": 1,
        "parentIndex": 1,
        "duration": 8_160_000,
        "viewCount": 1,
        "viewOffset": 95_500,
        "lastViewedAt": 1_760_000_000,
        "leafCount": 2,
        "viewedLeafCount": 1,
        "originallyAvailableAt": "1999-03-31",
        "librarySectionID": 1,
        "guid": "plex://movie/5d776825880197001ec90a31",
        "Guid": [{"id": "imdb://tt0133093"}],
        "thumb": "/library/metadata/1/thumb/1",
        "id": 1,
        "name": "A title",
        "accountID": 1,
    }


def jellyfin_row(number: int) -> dict[str, Any]:
    """Return an item with every member that is read."""
    user_data = {
        "Played": True,
        "PlayCount": 1,
        "PlaybackPositionTicks": 955_000_000,
        "LastPlayedDate": "2026-10-31T20:15:00.1234567Z",
        "UnplayedItemCount": 1,
        "ItemId": f"{number:032x}",
    }
    return {
        "Id": f"{number:032x}",
        "Type": ("Movie", "Series", "Season", "Episode")[number % 4],
        "CollectionType": "movies",
        "Name": "A title",
        "SeriesName": "A title",
        "SeriesId": "b" * 32,
        "SeasonId": "c" * 32,
        "UserId": "f" * 32,
        "ProductionYear": 1999,
        "RunTimeTicks": 81_600_000_000,
        "PremiereDate": "1999-03-31T00:00:00.0000000Z",
        "ProviderIds": {"Imdb": "tt0133093"},
        "RecursiveItemCount": 2,
        "IndexNumber": 1,
        "ParentIndexNumber": 1,
        "IndexNumberEnd": 2,
        "ParentId": "1" * 32,
        "LocationType": "FileSystem",
        "UserData": user_data,
        "MediaSources": [{"Id": f"{number:032x}"}],
    }


def emby_row(number: int) -> dict[str, Any]:
    """Return the same with ids as Emby has them."""
    row = jellyfin_row(number)
    user_data = {**row["UserData"], "ItemId": str(number)}
    return {
        **row,
        "Id": str(number),
        "SeriesId": "900001",
        "SeasonId": "900002",
        "ParentId": "1",
        "UserData": user_data,
        "MediaSources": [{"Id": str(number)}],
    }


def row_for(asked: Asked, number: int) -> dict[str, Any]:
    """Return an item as the kind of server has it that is asked."""
    if asked.is_emby:
        return emby_row(number)
    return jellyfin_row(number) if asked.is_jellyfin else plex_row(number)


def whole(asked: Asked, rows: list[Any], total: Any = None) -> Any:
    """Return what has *rows* wherever a client may look for them."""
    total = len(rows) if total is None else total
    if asked.is_jellyfin:
        return {
            **row_for(asked, 15),
            "Items": rows,
            "TotalRecordCount": total,
            "ServerName": "A title",
            "ServerId": "e" * 32,
            "Version": "10.11.2",
            "ProductName": "Jellyfin Server",
            "AccessToken": "token",
            "User": {"Id": "f" * 32, "Name": "A title"},
        }
    held = {
        **plex_row(1),
        "totalSize": total,
        "machineIdentifier": "e" * 32,
        "version": "1.43.0.1",
        "friendlyName": "A title",
        "myPlexUsername": "A title",
        "Metadata": rows,
        "Directory": rows,
        "Hub": [{"Metadata": rows}],
        "Account": rows,
        "playQueueID": 1,
        "playQueueSelectedItemID": 1,
    }
    return {**held, "MediaContainer": held, "users": rows, "authToken": "token"}


def message(asked: Asked, rows: list[Any]) -> Any:
    """Return a message of a socket about *rows*."""
    if asked.is_jellyfin:
        told = [one["UserData"] if isinstance(one, dict) else one for one in rows]
        data = {"UserId": "f" * 32, "UserDataList": told}
        return {"MessageType": "UserDataChanged", "Data": data}
    held = {"type": "playing", "PlaySessionStateNotification": rows}
    return {"NotificationContainer": held}


def some_rows(asked: Asked, count: int = 4, start: int = 0) -> list[Any]:
    """Return rows of what is asked, each another item."""
    return [row_for(asked, start + number) for number in range(1, count + 1)]


def spoilt(value: Any, change: Callable[[str, Any], Any]) -> Any:
    """Return *value* with each member as *change* makes it."""
    match value:
        case dict():
            return {
                key: change(key, spoilt(held, change)) for key, held in value.items()
            }
        case list():
            return [spoilt(one, change) for one in value]
        case _:
            return value


def _is_told(value: Any, *kinds: type) -> bool:
    return type(value) in kinds


def texts(instead: Any) -> Answer:
    """Answer with *instead* of every title and name."""
    return members(lambda _, value: instead if value == "A title" else value)


def numbers(instead: Any) -> Answer:
    """Answer with *instead* of every number."""
    return members(lambda _, value: instead if _is_told(value, int, float) else value)


def ids(instead: Any) -> Answer:
    """Answer with *instead* of every id of an item."""
    names = ("Id", "ItemId", "ratingKey", "key", "id")
    return members(lambda key, value: instead if key in names else value)


def dates(instead: Any) -> Answer:
    """Answer with *instead* of every date."""
    names = ("lastViewedAt", "LastPlayedDate", "PremiereDate", "originallyAvailableAt")
    return members(lambda key, value: instead if key in names else value)


def everything(instead: Any) -> Answer:
    """Answer with *instead* of every member that holds no others."""
    return members(lambda _, value: value if _is_told(value, dict, list) else instead)


def members(change: Callable[[str, Any], Any]) -> Answer:
    """Answer with members that are not what they ought to be."""
    made: dict[tuple[bool, bool, bool], bytes] = {}

    def answer(asked: Asked) -> bytes:
        is_socket = asked.socket_key is not None
        case = (asked.is_jellyfin, asked.is_emby, is_socket)
        if case not in made:
            sound = (message if is_socket else whole)(asked, some_rows(asked))
            made[case] = _json(spoilt(sound, change))
        return upgrade(asked) + frame(made[case]) if is_socket else http(made[case])

    return answer


def huge(key: str, instead: str) -> Answer:
    """Answer with one row alone, in which one member is very long."""

    def answer(asked: Asked) -> bytes:
        if asked.is_jellyfin:
            row = {**row_for(asked, 4), key: instead}
            return http(_json({**row, "Items": [row], "TotalRecordCount": 1}))
        row = {**plex_row(4), key: instead}
        return http(_json({"MediaContainer": {"totalSize": 1, "Metadata": [row]}}))

    return answer


def full(count: int = 400, ids: int = 100) -> Answer:
    """Answer with *count* rows, each with *ids* ids: as full a page as is accepted."""

    def answer(asked: Asked) -> bytes:
        rows = some_rows(asked, count, asked.start)
        if asked.is_jellyfin:
            more = {"MediaSources": [{"Id": f"{one:032x}"} for one in range(ids)]}
            page: Any = {"Items": [row | more for row in rows]}
            return http(_json({**page, "TotalRecordCount": count}))
        more = {"Guid": [{"id": f"imdb://tt{one:07}"} for one in range(ids)]}
        page = {"Metadata": [row | more for row in rows], "totalSize": count}
        return http(_json({"MediaContainer": page}))

    return answer


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def body(content: bytes) -> Answer:
    """Answer with *content*, whatever was asked; a socket gets it as a text frame."""

    def answer(asked: Asked) -> bytes:
        if asked.socket_key is not None:
            return upgrade(asked) + frame(content)
        return http(content)

    return answer


def raw(response: bytes) -> Answer:
    """Answer with *response*, byte by byte."""
    return lambda _: response


def endless(*, again: bool = False) -> Answer:
    """Answer with a full page and a total of a trillion; *again* with the same page."""

    def answer(asked: Asked) -> bytes:
        first = 0 if again else asked.start
        rows = [
            {
                "Id": (str(number) if asked.is_emby else f"{number:032x}"),
                "Type": "Episode",
            }
            if asked.is_jellyfin
            else {"ratingKey": str(number), "type": "episode"}
            for number in range(first + 1, first + 501)
        ]
        return http(_json(whole(asked, rows, 10**12)))

    return answer


def flood(part: bytes, before: bytes = b"", after: bytes = b"") -> Answer:
    """Answer with a body of 60 MiB; a socket gets as much in one frame."""

    def answer(asked: Asked) -> Iterator[bytes]:
        block = part * (MIB // len(part))
        size = len(before) + 60 * len(block) + len(after)
        is_socket = asked.socket_key is not None
        yield upgrade(asked) if is_socket else http(length=size)
        if is_socket:
            yield b"\x81\x7f" + size.to_bytes(8)
        yield before
        yield from itertools.repeat(block, 60)
        yield after

    return answer


# --- sockets -----------------------------------------------------------------


def upgrade(asked: Asked) -> bytes:
    """Return the answer to a handshake."""
    digest = hashlib.sha1(
        (asked.socket_key or "").encode() + WS_KEY, usedforsecurity=False
    ).digest()
    accept = base64.b64encode(digest).decode()
    lines = (
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Accept: {accept}",
    )
    greeting = frame(b'{"MessageType":"ForceKeepAlive","Data":60}')
    return "\r\n".join([*lines, "", ""]).encode() + greeting


def frame(payload: bytes, first: int = 0x81) -> bytes:
    """Return one frame, of text unless *first* says otherwise."""
    if len(payload) < 126:
        return bytes((first, len(payload))) + payload
    return bytes((first, 127)) + len(payload).to_bytes(8) + payload


def socket(*frames: bytes, times: int = 1) -> Answer:
    """Answer with *frames*, again and again; any other request gets nothing."""

    def answer(asked: Asked) -> Iterator[bytes]:
        if asked.socket_key is None:
            yield http()
            return
        yield upgrade(asked)
        block = b"".join(frames)
        for _ in range(times):
            yield block

    return answer


# --- connections -------------------------------------------------------------


def chunked(part: bytes, times: int = 1) -> Answer:
    """Answer with *part* in the place of what a chunked body is made of."""

    def answer(_: Asked) -> Iterator[bytes]:
        yield http(b"", "200 OK", "Transfer-Encoding: chunked", length=None)
        yield from itertools.repeat(part, times)

    return answer


async def _drip(_: Asked) -> AsyncIterator[bytes]:
    yield http(length=10_000)
    for _number in range(10_000):
        yield b" "
        await asyncio.sleep(0.01)


def _statuses() -> Iterator[tuple[str, Answer]]:
    told = (100, 101, 102, 103, 199, 201, 203, 205, 206, 226, 299, 300, 304, 305, 399)
    refused = (400, 402, 407, 409, 411, 413, 414, 418, 421, 423, 428, 431, 451, 499)
    faults = (500, 501, 505, 507, 508, 511, 520, 529, 530, 598, 599, 600, 999)
    for status in (*told, *refused, *faults):
        yield f"status {status}", raw(http(b"{}", f"{status} Odd"))


_PACKED = gzip.compress(b'["' + b"0" * ENDLESS + b'"]', 1)
_DEEP = 100_000

#: What is answered, by a name that a failure is told under.
ANSWERS: Mapping[str, Answer] = {
    # texts
    "lone surrogate": texts("caf\ud83d"),
    "surrogates the wrong way round": texts("\udc00\ud800"),
    "surrogates as bytes": body(b'{"MediaContainer":{"friendlyName":"\xed\xa0\xbd"}}'),
    "bytes that are no text": body(b'{"MediaContainer":{"friendlyName":"\xff\xfe"}}'),
    "NUL": texts("a\x00b"),
    "lines": texts("a\r\nb\u2028c\u0085d"),
    "written right to left": texts("\u202e\u2066evil"),
    "invisible": texts("\u200b\u2060\ufeff\U000e0041"),
    "Markdown": texts("![x](http://evil.example) [Sign in](http://evil.example)"),
    "a template": texts("{{ states('lock.door') }}<script>alert(1)</script>"),
    "a title of a megabyte": huge("title", "a" * MIB),
    "a name of a megabyte": huge("Name", "é" * (MIB // 2)),
    "5,000 accents": texts("e" + "\u0301\u0323" * 2_500),
    "an empty title": texts(""),
    # numbers
    "1e300": numbers(1e300),
    "NaN": numbers(float("nan")),
    "infinity": numbers(float("-inf")),
    "2^64": numbers(2**64),
    "-1": numbers(-1),
    "half": numbers(0.5),
    "10^400": numbers(10**400),
    "1,000 digits": numbers("9" * 1000),
    "a number as text": numbers("1e999"),
    # types
    "null everywhere": everything(None),
    "true everywhere": everything(True),  # noqa: FBT003 - a value like the others
    "texts everywhere": everything("x"),
    "numbers everywhere": everything(7),
    "lists everywhere": everything([]),
    "objects everywhere": everything({}),
    "lists of lists everywhere": everything([[[]]]),
    # ids
    "an id that leads away": ids(".."),
    "an id with a path": ids("../../identity"),
    "an id with a query": ids("1?X-Plex-Token=x#y"),
    "an id of a megabyte": huge("ratingKey", "1" * MIB),
    "a long id of a megabyte": huge("Id", "a" * MIB),
    "the same id everywhere": ids("7"),
    "an id of nothing": ids("0" * 32),
    "an id with a surrogate": ids("\ud800" * 32),
    "an id of other digits": ids("\u0661\u0662"),
    # dates
    "a date of year 9999": dates("9999-12-31T23:59:59-14:00"),
    "a date of year 1": dates("0001-01-01T00:00:00+14:00"),
    "a date in years to come": dates("2031-01-01T00:00:00Z"),
    "seconds beyond all years": dates(10**15),
    # forms
    "nothing": body(b""),
    "null": body(b"null"),
    "a number": body(b"5"),
    "a text": body(b'"x"'),
    "an empty list": body(b"[]"),
    "an empty object": body(b"{}"),
    "no JSON": body(b"<html>not here</html>"),
    "cut off": body(b'{"MediaContainer":{"Metadata":[{"ratingKey":"1","tit'),
    "deep lists": body(b"[" * _DEEP),
    "deep objects": body(b'{"a":' * _DEEP),
    "not so deep": body(b"[" * 15_000 + b"]" * 15_000),
    "the same key twice": body(b'{"Items":[],"Items":5,"Id":"1","Id":[]}'),
    "rows that are none": members(
        lambda key, value: [1, "x", None] if key in ("Items", "Metadata") else value
    ),
    # sizes
    "an endless listing": endless(),
    "the same page for ever": endless(again=True),
    "400,000 rows": flood(b'{"Id":"1","ratingKey":"1"},', b'{"Items":[', b"{}]}"),
    "60 MiB of one text": flood(b"a", b'"', b'"'),
    "60 MiB of escapes": flood(b"\\u00e9", b'"', b'"'),
    "60 MiB of zeros": flood(b"0,", b"[", b"0]"),
    "a page as full as any": full(),
    "8 MiB of objects": body(b"[" + b"{}," * (7 * MIB // 3) + b"{}]"),
    "more members than rows need": body(b"[" + b"0," * 300_000 + b"0]"),
    # connections
    "a packed bomb": raw(http(_PACKED, "200 OK", "Content-Encoding: gzip")),
    "packed, and broken": raw(
        http(b"\x1f\x8b\x00", "200 OK", "Content-Encoding: gzip")
    ),
    "packed by nobody": raw(http(b"{}", "200 OK", "Content-Encoding: zzz")),
    "a page": raw(http(b"<html></html>", kind="text/html")),
    "204 with a body": raw(http(b'{"a":1}', "204 No Content")),
    "longer than it says": raw(http(b'{"a": 1}' * 9, length=4)),
    "shorter than it says": raw(http(b'{"a":', length=4000)),
    "a negative length": raw(http(b"{}", length=-7)),
    "a length that is none": raw(http(b"{}", length="many")),
    "two lengths": raw(http(b"{}", "200 OK", "Content-Length: 9")),
    "no HTTP": raw(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"),
    "closed at once": raw(b""),
    "chunks that are none": chunked(b"zz\r\nnothing\r\n"),
    "a chunk of a negative length": chunked(b"-5\r\nhello\r\n"),
    "chunks without an end": chunked(b"10000\r\n" + b" " * 65536 + b"\r\n", 500),
    "a slow drip": _drip,
    "elsewhere": raw(http(b"", "302 Found", "Location: http://evil.example/")),
    "to itself": raw(http(b"", "302 Found", "Location: /")),
    "to a file": raw(http(b"", "307 There", "Location: file:///etc/passwd")),
    "to nowhere": raw(http(b"", "308 There", "Location: http://[::1")),
    "cookies": raw(http(b"{}", "200 OK", *(f"Set-Cookie: a{n}=b" for n in range(150)))),
    "thousands of headers": raw(http(b"{}", "200 OK", *(["X-A: " + "b" * 900] * 9000))),
    "a header of a megabyte": raw(http(b"{}", "200 OK", "X-A: " + "b" * MIB)),
    "wait for ever": raw(http(b"", "503 Busy", "Retry-After: 1000000000000")),
    "wait for less than nothing": raw(http(b"", "429 Busy", "Retry-After: -5")),
    "wait until a year to come": raw(
        http(b"", "429 Busy", "Retry-After: Fri, 31 Dec 9999 23:59:59 -1400")
    ),
    "the clock of year 9999": raw(
        http(b"{}", "200 OK", "Date: Fri, 31 Dec 9999 23:59:59 GMT")
    ),
    "a picture that is a script": raw(
        http(b"<svg onload='alert(1)'/>", kind="image/svg+xml")
    ),
    "a picture of 3 MiB": raw(http(b"\xff\xd8" * (3 * MIB // 2), kind="image/jpeg")),
    **dict(_statuses()),
    # sockets
    "junk frames": socket(frame(b"[]"), frame(b"\xc3\xa9"), times=2000),
    "frames without an end": socket(frame(b'{"a":1}') * 1000, times=100),
    "a frame in endless parts": socket(
        frame(b'"', 0x01), frame(b"a" * 65536, 0x00) * 200
    ),
    "binary frames": socket(frame(b"\x00\xff", 0x82), times=500),
    "text that is none": socket(frame(b"\xff\xfe")),
    "a frame of no kind": socket(frame(b"x", 0x8B)),
    "a frame with odd bits": socket(frame(b"x", 0xF1)),
    "a frame that hides its text": socket(b"\x81\x81\x00\x00\x00\x00x"),
    "pings": socket(frame(b"x" * 100, 0x89), times=2000),
    "a ping too long": socket(frame(b"x" * 5000, 0x89)),
    "closed for no reason": socket(frame(b"", 0x88)),
    "closed with code 5": socket(frame(b"\x00\x05", 0x88)),
    "closed with code 65535": socket(frame(b"\xff\xffbye", 0x88)),
    "closed with half a code": socket(frame(b"\x03", 0x88)),
}


class HostileServer:
    """An address at which a server stands, or what it has become."""

    def __init__(self, behind: FakeServer | None = None, spares: str = "(?!)") -> None:
        """Stand before *behind*, to which paths that *spares* matches always lead."""
        self.answer: Answer | None = None
        """What everybody gets; None passes on to the server behind."""
        self.answered = 0
        """How many requests got it."""
        self.sent = 0
        """How many bytes of it were taken."""
        self._behind = behind
        self._spared = re.compile(spares)
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._serve, HOST, 0, limit=MIB)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Cut every connection and close the port."""
        if self._server is not None:
            self._server.close()
        self.cut()
        await asyncio.gather(*self._open, return_exceptions=True)

    @property
    def url(self) -> str:
        """The address, without a slash at the end."""
        if self._server is None:
            raise RuntimeError("the server was never started")
        return f"http://{HOST}:{self._server.sockets[0].getsockname()[1]}"

    def turn(self, answer: Answer | None) -> None:
        """Give this answer from now on, also to those who are connected already."""
        self.answer = answer
        self.cut()

    def cut(self) -> None:
        """Cut every connection."""
        for task in self._open:
            task.cancel()

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.ensure_future(self._converse(reader, writer))
        self._open.add(task)
        task.add_done_callback(self._open.discard)
        with suppress(asyncio.CancelledError):
            await task

    async def _converse(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                if self.answer is None and self._behind is not None:
                    await self._pass_on(reader, writer, self._behind.port)
                elif self.answer is not None:
                    await self._give(self.answer, reader, writer)
        finally:
            writer.transport.abort()

    async def _give(
        self, answer: Answer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        method, target, *_ = head.decode("latin-1").split(" ", 2)
        if self._behind is not None and self._spared.match(target):
            # What comes next over this connection may be something else.
            head = head.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
            await self._pass_on(reader, writer, self._behind.port, head)
            return
        self.answered += 1
        given = answer(Asked(method, target, head))
        if isinstance(given, bytes):
            given = [given]
        if isinstance(given, AsyncIterator):
            async for part in given:
                await self._send(part, writer)
        else:
            for part in given:
                await self._send(part, writer)
        writer.write_eof()
        # Whoever listens is to see the end, and not a connection that is cut.
        await reader.read()

    async def _send(self, part: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(part)
        await writer.drain()
        self.sent += len(part)

    @staticmethod
    async def _pass_on(
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        port: int,
        head: bytes = b"",
    ) -> None:
        behind_reader, behind_writer = await asyncio.open_connection(HOST, port)
        behind_writer.write(head)

        async def carry(
            source: asyncio.StreamReader, sink: asyncio.StreamWriter
        ) -> None:
            while part := await source.read(65536):
                sink.write(part)
                await sink.drain()
            sink.close()

        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(carry(reader, behind_writer))
                group.create_task(carry(behind_reader, writer))
        finally:
            behind_writer.transport.abort()
