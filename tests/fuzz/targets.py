"""What is fuzzed: for each target how its input is drawn, and what has to hold.

A check raises whatever it finds. `scripts/fuzz` runs all of them for as long as one
likes, `test_targets.py` for a moment.
"""

import asyncio
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
import json
from typing import Any, Final, cast

from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import config_validation as cv
from hypothesis import strategies as st
import orjson
import voluptuous as vol

from custom_components.watched_sync import services
from custom_components.watched_sync.core import codec, gate
from custom_components.watched_sync.core.errors import (
    Malformed,
    ServerError,
    WrongAddress,
)
from custom_components.watched_sync.core.identity import MediaKind
from custom_components.watched_sync.core.importing.export import (
    File,
    Options,
    read_export,
)
from custom_components.watched_sync.core.importing.faults import ExportError
from custom_components.watched_sync.core.ledger import Ledger
from custom_components.watched_sync.core.operation import (
    MarkUnwatched,
    MarkWatched,
    SetProgress,
)
from custom_components.watched_sync.core.play_state import PlayState, Reading
from custom_components.watched_sync.core.ports import (
    Changed,
    Library,
    MediaServer,
    PlaybackReport,
    PlaybackState,
)
from custom_components.watched_sync.core.titles import likeness, spellings
from custom_components.watched_sync.naming.names import parse_external_id
from custom_components.watched_sync.servers.jellyfin.discovery import _parse
from custom_components.watched_sync.servers.jellyfin.notifications import (
    Notifications as JellyfinNotifications,
)
from custom_components.watched_sync.servers.plex.notifications import (
    Notifications as PlexNotifications,
)
from custom_components.watched_sync.servers.transport import from_json, parse_url
from tests.core import samples
from tests.core.test_importing import ENTRIES, TABLES
from tests.servers.json_strategies import ANYTHING

from . import answers
from .answers import HOSTILE, mangled

#: Calls of one client, by a name that a failure is told under.
type Calls = Mapping[str, Callable[[], Awaitable[object] | AsyncIterable[object]]]


@dataclass(frozen=True, slots=True)
class Target:
    """How the input of one target is drawn, and what is done with it."""

    inputs: st.SearchStrategy[Any]
    check: Callable[[Any], None]


def check_readings(found: object) -> None:
    """Whatever was read can be shown, stored and read again as it is."""
    if isinstance(found, Mapping):
        found = found.values()
    if not isinstance(found, Iterable) or isinstance(found, str | bytes):
        return
    for one in found:
        if not isinstance(one, Reading):
            continue
        stored = codec.encode_reading(one)
        orjson.dumps(stored)
        assert codec.decode_reading(json.loads(json.dumps(stored))) == one
        assert one.item.title == gate.line(one.item.title, gate.TITLE)
        assert gate.length(one.state.position) is not None


async def _run(calls: Calls) -> None:
    for call in calls.values():
        with suppress(ServerError):
            answer = call()
            if isinstance(answer, AsyncIterable):
                async for page in answer:
                    check_readings(page)
            else:
                check_readings(await answer)


async def _pages(
    server: MediaServer, library: Library, kind: MediaKind
) -> AsyncIterator[Sequence[Reading]]:
    """Read a library to the end that it is given."""
    start: int | None = 0
    while start is not None:
        page = await server.inventory_page(library, kind, start)
        yield page.readings
        start = page.next_start


def requests(server: MediaServer, kind: str) -> Calls:
    """Return every kind of request that a lane makes."""
    items = answers.ITEMS[kind]
    film = items[0]
    state = PlayState(watched=False)
    ids = codec.decode_ids({"imdb": "tt0133093"})
    library = Library(film.item_id, "Everything", None)
    report = PlaybackReport(
        session_id="s", item=film, state=PlaybackState.PLAYING, position=9.0
    )
    return {
        "probe": server.probe,
        "libraries": server.libraries,
        "fetch": lambda: server.fetch([one.item_id for one in items]),
        "resolve": lambda: server.resolve(film.item_id, server.find),
        "fetch_files": lambda: server.fetch_files(items[:1]),
        "show": lambda: server.fetch_leaves(items[1]),
        "season": lambda: server.fetch_leaves(items[2]),
        "search": lambda: server.search("Sherlock", {item.kind for item in items}, 5),
        "find": lambda: server.find(film.kind, ids, film.title),
        "films": lambda: _pages(server, library, MediaKind.MOVIE),
        "shows": lambda: _pages(server, library, MediaKind.SHOW),
        "episodes": lambda: _pages(server, library, MediaKind.EPISODE),
        "count": lambda: server.count_unwatched(library, film.kind),
        "up_next": lambda: server.up_next(5),
        "last_played": lambda: server.last_played(5),
        "session_user": lambda: server.session_user("s"),
        "image": lambda: server.image(film, width=100),
        "report": lambda: server.report(report),
        "mark": lambda: server.write(film, MarkWatched(_NOW), state),
        "unmark": lambda: server.write(film, MarkUnwatched(), state),
        "progress": lambda: server.write(film, SetProgress(90.0), state),
    }


def _plex(given: list[Any]) -> None:
    client = answers.plex_client(given)
    calls = {"identify": client.identify, **requests(client, "plex")}
    asyncio.run(_run(calls))


def _jellyfin(given: list[Any]) -> None:
    client = answers.jellyfin_client(given, is_emby=False)
    calls = {"identify": client.identify, **requests(client, "jellyfin")}
    asyncio.run(_run(calls))


def _emby(given: list[Any]) -> None:
    client = answers.jellyfin_client(given, is_emby=True)
    calls = {"identify": client.identify, **requests(client, "emby")}
    asyncio.run(_run(calls))


async def _sign_in(given: list[Any]) -> None:
    client = answers.plex_tv(given)
    with suppress(ServerError):
        pin = await client.create_pin("http://127.0.0.1:8123/auth")
        orjson.dumps([pin.code, pin.link, pin.lifetime])
        await client.poll(pin)
    with suppress(ServerError):
        account = await client.account("token")
        orjson.dumps([account.user_id, account.name])
    with suppress(ServerError):
        for user in await client.home_users("token"):
            orjson.dumps([user.user_id, user.uuid, user.name])
            with suppress(ServerError):
                await client.switch("token", user, "1234")
    with suppress(ServerError):
        for server in await client.servers("token"):
            orjson.dumps([server.server_id, server.name, *server.addresses])


def _plex_tv(given: list[Any]) -> None:
    asyncio.run(_sign_in(given))


def _heard(found: Iterable[object]) -> None:
    with suppress(Malformed):
        for one in found:
            if isinstance(one, Changed):
                orjson.dumps(sorted(one.item_ids))
                told = (said.state for said in one.told.values())
                orjson.dumps([codec.encode_state(state) for state in told])


def _plex_message(messages: list[Any]) -> None:
    dialect = PlexNotifications()
    for message in messages:
        if isinstance(message, Mapping):
            _heard(dialect.hear(message))


def _jellyfin_message(messages: list[Any]) -> None:
    dialect = JellyfinNotifications(answers.USER)
    for message in messages:
        if isinstance(message, Mapping):
            _heard(dialect.hear(message))


def _bytes(body: bytes) -> None:
    with suppress(ValueError, RecursionError):
        from_json(body, 1000)


def _broadcast(body: bytes) -> None:
    with suppress(Malformed, ValueError, RecursionError):
        found = _parse(body, "10.0.0.2")
        orjson.dumps([found.server_id, found.name, *found.addresses])


def _address(url: str) -> None:
    with suppress(WrongAddress):
        assert parse_url(url).host


def _title(title: str) -> None:
    line = gate.line(title, gate.TITLE)
    orjson.dumps(line)
    assert len(line) <= gate.TITLE
    assert gate.line(line, gate.TITLE) == line
    assert likeness(title, None, line, None) >= 0.0
    assert all(isinstance(one, str) for one in spellings(title))


def _stored[T](
    decode: Callable[[Mapping[str, Any]], T], encode: Callable[[T], Mapping[str, Any]]
) -> Callable[[Any], None]:
    """Return what checks that a stored row is taken whole or not at all."""

    def check(row: Any) -> None:
        with suppress(*codec.DAMAGE):
            found = decode(row)
            stored = encode(found)
            orjson.dumps(stored)
            assert encode(decode(json.loads(json.dumps(stored)))) == stored

    return check


def _export(content: bytes) -> None:
    files = [File("watched.csv", content)]
    with suppress(ExportError):
        found = read_export(files, now=_NOW, options=Options(all_watched=True))
        check_readings(found.readings)
        orjson.dumps([[one.row, one.title] for one in found.notes])
        dates = (one.state.last_played for one in found.readings)
        assert all(date is None or date <= _NOW for date in dates)


def _steps(given: list[Any]) -> None:
    """Read one answer after the other: the ledger stays one that can be stored."""
    ledger = Ledger()
    for answer in given:
        client = answers.plex_client([answer])
        with suppress(ServerError):
            found = asyncio.run(_fetched(client))
            ledger.remember(found)
            ledger.take_moves([one.item.item_id for one in found])
        check_readings(ledger)


async def _fetched(client: MediaServer) -> list[Reading]:
    return list((await client.fetch(["1", "2", "3", "4"])).values())


def _call(case: tuple[vol.Schema, Any]) -> None:
    schema, data = case
    with suppress(vol.Invalid):
        found = schema(data)
        # What Home Assistant lets into its own fields selects entities, and goes
        # nowhere else.
        ours = {key: one for key, one in found.items() if key not in _TARGET_FIELDS}
        orjson.dumps(ours, default=str)


def _external_id(text: str) -> None:
    with suppress(ServiceValidationError):
        kinds, ids = parse_external_id(text)
        assert kinds
        assert ids


_TARGET_FIELDS: Final = frozenset(map(str, cv.TARGET_FIELDS))

_NOW: Final = datetime(2026, 10, 31, 20, 15, tzinfo=UTC)

_SCHEMAS: Final = tuple(
    cast("vol.Schema", value)
    for name, value in sorted(vars(services).items())
    if name.endswith("_SCHEMA")
)
_KEYS: Final = sorted({str(key) for one in _SCHEMAS for key in one.schema})
_DATA: Final = st.dictionaries(
    st.sampled_from(_KEYS), ANYTHING | HOSTILE | st.just("light.a"), max_size=5
)


def _rows(sound: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Draw stored rows with something wrong in them."""
    return mangled(sound.map(lambda row: json.loads(json.dumps(row))))


def _json_bytes(sound: st.SearchStrategy[Any]) -> st.SearchStrategy[bytes]:
    """Draw JSON, cut off or with bytes put in."""

    def spoil(value: Any, at: int, put_in: bytes, *, cuts: bool) -> bytes:
        body = json.dumps(value).encode()
        at %= len(body) + 1
        return body[:at] + put_in + (b"" if cuts else body[at:])

    return st.binary(max_size=60) | st.builds(
        spoil, sound, st.integers(0, 9999), st.binary(max_size=6), cuts=st.booleans()
    )


def _table_bytes(sound: st.SearchStrategy[str]) -> st.SearchStrategy[bytes]:
    """Draw tables with something put in."""

    def spoil(table: str, at: int, put_in: bytes) -> bytes:
        body = table.encode()
        at %= len(body) + 1
        return body[:at] + put_in + body[at:]

    odd = st.binary(max_size=20) | st.text(max_size=20).map(
        lambda text: text.encode(errors="surrogatepass")
    )
    return st.builds(spoil, sound, st.integers(0, 9999), odd)


def _several(one: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(one, min_size=1, max_size=4)


_ANNOUNCED: Final = mangled(
    st.just({"Id": answers.SERVER, "Name": "den", "Address": "http://10.0.0.2:8096"})
)

TARGETS: Final[Mapping[str, Target]] = {
    "plex": Target(_several(answers.PLEX_ANSWERS), _plex),
    "jellyfin": Target(_several(answers.JELLYFIN_ANSWERS), _jellyfin),
    "emby": Target(_several(answers.JELLYFIN_ANSWERS), _emby),
    "plex.tv": Target(_several(answers.PLEX_TV_ANSWERS), _plex_tv),
    "plex messages": Target(_several(answers.PLEX_MESSAGES), _plex_message),
    "jellyfin messages": Target(_several(answers.JELLYFIN_MESSAGES), _jellyfin_message),
    "answer bytes": Target(_json_bytes(answers.PLEX_ANSWERS), _bytes),
    "broadcast bytes": Target(_json_bytes(_ANNOUNCED), _broadcast),
    "addresses": Target(st.text() | HOSTILE.filter(lambda x: type(x) is str), _address),
    "titles": Target(st.text(max_size=5000), _title),
    "ledger": Target(st.lists(answers.PLEX_ANSWERS, min_size=2, max_size=8), _steps),
    "stored readings": Target(
        _rows(samples.readings.map(codec.encode_reading)),
        _stored(codec.decode_reading, codec.encode_reading),
    ),
    "stored operations": Target(
        _rows(samples.operations.map(codec.encode_operation)),
        _stored(codec.decode_operation, codec.encode_operation),
    ),
    "stored history": Target(
        _rows(samples.history_entries.map(codec.encode_history_entry)),
        _stored(codec.decode_history_entry, codec.encode_history_entry),
    ),
    "stored moves": Target(
        _rows(samples.moves.map(codec.encode_move)),
        _stored(codec.decode_move, codec.encode_move),
    ),
    "exports": Target(
        _json_bytes(mangled(st.lists(st.sampled_from(ENTRIES), min_size=1)))
        | _table_bytes(st.sampled_from(TABLES)),
        _export,
    ),
    "action data": Target(st.tuples(st.sampled_from(_SCHEMAS), _DATA), _call),
    "external ids": Target(
        st.text(max_size=60)
        | st.from_regex(r"(imdb|tmdb|tvdb)://((movie|show|episode)/)?.{1,20}"),
        _external_id,
    ),
}
