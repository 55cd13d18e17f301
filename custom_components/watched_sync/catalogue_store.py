"""The catalogue on disk: one SQLite file for each lane, written off the event loop.

It can be read again from the server. So a file that is damaged, foreign or of another
version is thrown away, with one line in the log, and never repaired. Only this file
knows SQL; what the answers are is said by `core.catalogue`.

One thread does everything in one connection, each call in one transaction. A caller
who is cancelled leaves a transaction whole or not begun.
"""

from array import array
import asyncio
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from itertools import batched
import json
import math
import os
from pathlib import Path
import shutil
import sqlite3
from typing import Any, Final, override
import unicodedata
from zlib import crc32

from homeassistant.core import HomeAssistant
from homeassistant.util.json import json_loads

from .const import DOMAIN, LOGGER
from .core import gate, members
from .core.catalogue import (
    KINDS,
    EpisodeCounts,
    LookupKey,
    Named,
    Progress,
    Selected,
    Selection,
    Sweep,
    copies,
    episodes_below,
    id_keys,
    item_keys,
    likest,
    numbered,
    parent_key,
    same_titled,
    shelf_name_of,
    show_keys,
    title_keys,
)
from .core.codec import (
    AIRED,
    DAMAGE,
    LAST_PLAYED,
    POSITION,
    Row,
    decode_leaf,
    decode_progress,
    decode_row,
    encode_progress,
    encode_row,
    place_in,
    shows_in,
)
from .core.errors import CatalogueError
from .core.identity import Item, MediaKind, ProviderIds
from .core.leaf import LEAVES
from .core.play_state import Reading
from .core.ports import Catalogue, CatalogueListener, Leaves
from .core.titles import (
    NEARLY,
    Likeness,
    heard,
    holds_heard,
    likeness,
    shared_trigrams,
    trigrams,
    trigrams_of_part,
)

#: What tells our files from others: "WSca" in ASCII.
APPLICATION_ID: Final = 0x57536361
#: To be raised by whatever changes the tables, the rows, or what the keys and trigrams
#: of a title are: an older file is thrown away.
VERSION: Final = 1

#: Rows of one transaction: so that a question does not wait for a whole page.
CHUNK: Final = 250

#: Seconds to wait for another program that has the file open.
_BUSY: Final = 5.0
#: KiB of pages kept in memory, and bytes of the log beside the file that stay on disk.
_CACHE: Final = 2_000
_LOG_SIZE: Final = 4 * 2**20

#: Rows whose trigrams are listed together; an offset has to fit into two bytes.
_BLOCK: Final = 4_096

#: What says how far a show is watched: part by part of a season, without its rows.
#: It is no table, and so made in a file that does not have it yet.
_EPISODE: Final = KINDS.index(MediaKind.EPISODE)
_COUNTED: Final = f"kind = {_EPISODE} AND season IS NOT 0"
_AIRED: Final = f"coalesce(json_extract(rest, '{AIRED}'), '')"
_BEGUN: Final = f"coalesce(json_extract(rest, '{POSITION}'), 0) > 0"
_PLAYED: Final = f"json_extract(rest, '{LAST_PLAYED}')"
_COUNTS: Final = (
    "CREATE INDEX IF NOT EXISTS counted"
    f" ON items (place, watched, {_AIRED}, {_BEGUN}, {_PLAYED}) WHERE {_COUNTED}"
)

#: What SQLite says of a file that is not, or no more, what was written.
_DAMAGED: Final = frozenset(
    (
        sqlite3.SQLITE_ERROR,  # a table or column is not there
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_FORMAT,
        sqlite3.SQLITE_CONSTRAINT,
        sqlite3.SQLITE_MISMATCH,
        sqlite3.SQLITE_TOOBIG,
    )
)

#: `places` are what all episodes of a season have in common. `keys` and `place_keys`
#: hold checksums of what items, and all items of a place, are looked up by; what is
#: found by one has to be looked at. `trigrams` lists which rows of each block of rows
#: have a trigram in their title. `seen` is apart from `items`, as it changes with each
#: round, and the others seldom do.
_SCHEMA: Final = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID, STRICT;
CREATE TABLE places (
  place INTEGER PRIMARY KEY,
  checksum INTEGER NOT NULL,
  content TEXT NOT NULL,
  library TEXT
) STRICT;
CREATE TABLE place_keys (
  key INTEGER NOT NULL, place INTEGER NOT NULL, PRIMARY KEY (key, place)
) WITHOUT ROWID, STRICT;
CREATE TABLE items (
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  kind INTEGER NOT NULL,
  place INTEGER NOT NULL,
  title TEXT NOT NULL,
  shelf TEXT NOT NULL,
  heard TEXT NOT NULL,
  year INTEGER,
  season INTEGER,
  episode INTEGER,
  duration REAL,
  watched INTEGER,
  rest TEXT NOT NULL
) STRICT;
CREATE TABLE seen (number INTEGER PRIMARY KEY, round INTEGER NOT NULL) STRICT;
CREATE TABLE keys (
  key INTEGER NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (key, number)
) WITHOUT ROWID, STRICT;
CREATE TABLE trigrams (
  trigram TEXT NOT NULL, block INTEGER NOT NULL, offsets BLOB NOT NULL,
  PRIMARY KEY (trigram, block)
) WITHOUT ROWID, STRICT;
CREATE INDEX places_by_checksum ON places (checksum);
CREATE INDEX items_by_place ON items (place);
CREATE INDEX items_by_kind ON items (kind);
"""
_TABLES: Final = (
    "facts",
    "places",
    "place_keys",
    "items",
    "seen",
    "keys",
    "trigrams",
)

#: What `_stored` makes of a row.
_ROWS: Final = (
    "SELECT id, kind, title, year, season, episode, duration, watched, content, rest,"
    " number, place FROM items JOIN places USING (place)"
)
#: What `decode_leaf` makes a film or episode of, after its number, place and kind.
_LEAVES: Final = (
    "SELECT number, place, kind, rest,"
    " id, title, year, season, episode, duration, watched FROM items"
)
#: As `shelf_place` sorts.
_SHELF_ORDER: Final = (
    "shelf, kind, season IS NULL, season, episode IS NULL, episode, id"
)
#: Each of the values of an array of JSON: the one way to ask for many at once.
_EACH: Final = "(SELECT value FROM json_each(?))"
_KEYED: Final = f"number IN (SELECT number FROM keys WHERE key IN {_EACH})"  # noqa: S608 - of our own
#: What sounds and forms of letters are depends on it, and so do keys and trigrams.
_UNICODE: Final = unicodedata.unidata_version
_KIND_NAMES: Final = {number: kind.value for number, kind in enumerate(KINDS)}
_KIND_NUMBERS: Final = {kind.value: number for number, kind in enumerate(KINDS)}


def catalogue_path(hass: HomeAssistant, entry_id: str) -> Path:
    """Return where the catalogue of an entry is."""
    return Path(hass.config.path(".storage", f"{DOMAIN}.{entry_id}.catalogue"))


async def async_remove_catalogue(hass: HomeAssistant, entry_id: str) -> None:
    """Delete the catalogue of an entry; what cannot be deleted is named in the log."""
    path = catalogue_path(hass, entry_id)
    try:
        await hass.async_add_executor_job(_discard, path)
    except OSError as err:
        LOGGER.warning("%s could not be deleted: %s", path.name, err.strerror)


def _discard(path: Path) -> None:
    """Delete a catalogue and the files that SQLite keeps beside it."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        file = path.with_name(path.name + suffix)
        if file.is_dir() and not file.is_symlink():
            shutil.rmtree(file)
        else:
            file.unlink(missing_ok=True)


def _number(*key: str) -> int:
    """Return the checksum of a key, as four bytes with a sign: SQLite's shortest."""
    text = "\x1f".join(key)
    return crc32(text.encode(errors="surrogatepass")) - 2**31


def _numbers(keys: Iterable[LookupKey]) -> set[int]:
    return {_number(*key) for key in keys}


def _array(values: Iterable[object]) -> str:
    """Return values as `_EACH` takes them."""
    return json.dumps(list(values))


def _kinds(kinds: Iterable[MediaKind]) -> list[int]:
    return [_KIND_NUMBERS[kind.value] for kind in kinds]


def _listed_as(kind: MediaKind, found: Iterable[str]) -> set[str]:
    """Return trigrams of titles of one kind as they are listed."""
    first = _KIND_NUMBERS[kind.value]
    return {f"{first}{one}" for one in found}


def _row(values: Sequence[Any]) -> Row:
    """Return what the columns hold. Raises `KeyError` for a kind there is not."""
    item_id, kind, title, year, season, episode, duration, watched, place, rest = values
    return Row(
        item_id,
        _KIND_NAMES[kind],
        title,
        year,
        season,
        episode,
        duration,
        None if watched is None else bool(watched),
        place,
        rest,
    )


@dataclass(frozen=True)
class _Stored:
    """A row with its number and that of its place."""

    row: Row
    number: int
    place: int

    @cached_property
    def reading(self) -> Reading:
        """What it holds. Raises `sqlite3.DatabaseError` for what was never written."""
        try:
            return decode_row(self.row)
        except DAMAGE as err:
            raise sqlite3.DatabaseError("a row cannot be understood") from err


def _stored(values: Sequence[Any]) -> _Stored:
    *columns, number, place = values
    try:
        return _Stored(_row(columns), number, place)
    except DAMAGE as err:
        raise sqlite3.DatabaseError("a row cannot be understood") from err


def _names(item: Item) -> tuple[object, ...]:
    """Return all that an item is looked up by."""
    return item.kind, item.title, item.provider_ids


class _Changes:
    """What one transaction changes, put together so that each table is written once.

    In the order of its keys, which is many times faster where there are many.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        """Begin with nothing to be done."""
        self._db = db
        self._last: int
        [(self._last,)] = db.execute("SELECT coalesce(max(number), 0) FROM items")
        self._new: list[tuple[object, ...]] = []
        self._changed: list[tuple[object, ...]] = []
        self._dropped: list[tuple[int]] = []
        self._seen: list[tuple[int, int]] = []
        self._keys_gone: list[tuple[int, int]] = []
        self._keys: list[tuple[int, int]] = []
        self._places: dict[str, int] = {}
        self._left: dict[int, Item] = {}
        self._listed: defaultdict[tuple[str, int], array[int]] = defaultdict(_offsets)
        self._unlisted: defaultdict[tuple[str, int], set[int]] = defaultdict(set)

    def see(self, number: int, round_no: int) -> None:
        """Mark a row as seen in a round."""
        self._seen.append((number, round_no))

    def put(self, row: Row, reading: Reading, old: _Stored | None) -> int:
        """Write a row in the place of the *old* one; return its number."""
        item = reading.item
        place = self._place(row, item)
        columns = (
            _KIND_NUMBERS[row.kind],
            place,
            row.title,
            shelf_name_of(item),
            heard(row.title),
            row.year,
            row.season,
            row.episode,
            row.duration,
            row.watched,
            row.rest,
        )
        if old is None:
            self._last += 1
            self._new.append((self._last, row.item_id, *columns))
            self._index(self._last, None, item)
            return self._last
        self._changed.append((*columns, old.number))
        before = old.reading.item
        self._index(old.number, before, item)
        if old.place != place:
            self._left[old.place] = before
        return old.number

    def drop(self, old: _Stored) -> None:
        """Delete a row."""
        item = old.reading.item
        self._dropped.append((old.number,))
        self._index(old.number, item, None)
        self._left[old.place] = item

    def _index(self, number: int, old: Item | None, new: Item | None) -> None:
        """Have a row found by what it is now, and no more by what it was."""
        if old and new and _names(old) == _names(new):
            return
        before = set[int]() if old is None else _numbers(item_keys(old))
        after = set[int]() if new is None else _numbers(item_keys(new))
        self._keys_gone += ((key, number) for key in before - after)
        self._keys += ((key, number) for key in after - before)
        listed = set() if old is None else _listed_as(old.kind, trigrams(old.title))
        wanted = set() if new is None else _listed_as(new.kind, trigrams(new.title))
        block, offset = divmod(number, _BLOCK)
        for trigram in listed - wanted:
            self._unlisted[trigram, block].add(offset)
        for trigram in wanted - listed:
            self._listed[trigram, block].append(offset)

    def _place(self, row: Row, item: Item) -> int:
        """Return the number of the place of a row; a new one if it has none yet."""
        if row.place in self._places:
            return self._places[row.place]
        checksum = _number(row.place)
        known = self._db.execute(
            "SELECT place FROM places WHERE checksum = ? AND content = ?",
            (checksum, row.place),
        ).fetchone()
        place: int
        if known is not None:
            (place,) = known
        else:
            [(place,)] = self._db.execute(
                "INSERT INTO places (checksum, content, library) VALUES (?, ?, ?)"
                " RETURNING place",
                (checksum, row.place, item.library_id),
            )
            self._db.executemany(
                "INSERT INTO place_keys VALUES (?, ?)",
                ((key, place) for key in _numbers(show_keys(item))),
            )
        self._places[row.place] = place
        return place

    def write(self) -> None:
        """Carry all of it out."""
        many = self._db.executemany
        many("DELETE FROM items WHERE number = ?", self._dropped)
        many("DELETE FROM seen WHERE number = ?", self._dropped)
        many(
            "INSERT INTO items VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            self._new,
        )
        many(
            "UPDATE items SET kind = ?, place = ?, title = ?, shelf = ?, heard = ?,"
            " year = ?, season = ?, episode = ?, duration = ?, watched = ?, rest = ?"
            " WHERE number = ?",
            self._changed,
        )
        many(
            "INSERT INTO seen VALUES (?, ?) ON CONFLICT DO UPDATE"
            " SET round = excluded.round WHERE round <> excluded.round",
            self._seen,
        )
        many("DELETE FROM keys WHERE key = ? AND number = ?", sorted(self._keys_gone))
        many("INSERT OR IGNORE INTO keys VALUES (?, ?)", sorted(self._keys))
        self._list()
        self._leave()

    def _list(self) -> None:
        """Bring the lists of the trigrams up to date."""
        for where, gone in self._unlisted.items():
            listed = _offsets()
            for (content,) in self._db.execute(
                "DELETE FROM trigrams WHERE trigram = ? AND block = ?"
                " RETURNING offsets",
                where,
            ):
                listed.frombytes(content)
            left = _offsets()
            left.extend(one for one in listed if one not in gone)
            if left:
                self._listed[where] = left + self._listed[where]
        self._db.executemany(
            "INSERT INTO trigrams VALUES (?, ?, ?) ON CONFLICT DO UPDATE"
            " SET offsets = CAST(offsets || excluded.offsets AS BLOB)",
            ((*where, new.tobytes()) for where, new in sorted(self._listed.items())),
        )

    def _leave(self) -> None:
        """Delete the places in which nothing is left."""
        for place, item in self._left.items():
            left = self._db.execute(
                "DELETE FROM places WHERE place = ?1"
                " AND NOT EXISTS (SELECT 1 FROM items WHERE place = ?1)",
                (place,),
            )
            if left.rowcount:
                self._db.executemany(
                    "DELETE FROM place_keys WHERE key = ? AND place = ?",
                    ((key, place) for key in _numbers(show_keys(item))),
                )


def _ids_of(item: Item) -> set[str]:
    """Return the ids of an item and of the shows it is in."""
    return {item.item_id, *item.show_ids}


def _offsets() -> array[int]:
    return array("H")


def _row_of(reading: Reading) -> Row | None:
    """Return the row of a reading, None where there can be none."""
    try:
        row = encode_row(reading)
        if gate.stored_id(row.item_id) != row.item_id:
            row = encode_row(decode_row(row))  # under the id that it is read with
    except DAMAGE as err:
        LOGGER.debug("An item is not kept in the catalogue: %r", err)
        return None
    return row


def _kept(row: Row) -> Reading | None:
    """Return what will be read of a row, None for one that could not be."""
    try:
        return decode_row(row)
    except DAMAGE as err:
        LOGGER.debug("An item is not kept in the catalogue: %r", err)
        return None


class _Tables:
    """The tables of an open file, within one transaction."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    # --- questions ---------------------------------------------------------------

    def stored(self, condition: str, *values: object) -> list[_Stored]:
        """Return the rows that meet a condition."""
        return [*self._stored(condition, values)]

    def _stored(self, condition: str, values: Sequence[object]) -> Iterator[_Stored]:
        return map(_stored, self._db.execute(f"{_ROWS} WHERE {condition}", values))

    def where(self, condition: str, *values: object) -> list[Reading]:
        """Return the readings of the rows that meet a condition."""
        return [one.reading for one in self._stored(condition, values)]

    def by_ids(self, item_ids: Collection[str]) -> list[_Stored]:
        """Return the rows of items."""
        found = self.stored(f"id IN {_EACH}", _array(item_ids))
        return [one for one in found if one.row.item_id in item_ids]

    def keyed(self, keys: Iterable[LookupKey]) -> list[Reading]:
        """Return what may be found by one of *keys*."""
        return self.where(
            _KEYED,
            _array(_numbers(keys)),
        )

    def placed(self, keys: Iterable[LookupKey], condition: str = "1") -> list[Reading]:
        """Return the episodes whose place may be found by one of *keys*."""
        return self.where(
            f"+kind = {_EPISODE} AND {condition} AND place IN"  # noqa: S608 - as above
            f" (SELECT place FROM place_keys WHERE key IN {_EACH})",
            _array(_numbers(keys)),
        )

    def below(self, parent: Item) -> list[Reading]:
        """Return the episodes of a show or season."""
        keys = {parent_key(parent.item_id)}
        if parent.kind is MediaKind.SEASON and parent.show_id is not None:
            # Those that lie in another folder are known by the show that lists them.
            keys.add(parent_key(parent.show_id))
        return episodes_below(parent, self.placed(keys))

    def find(self, kind: MediaKind, ids: ProviderIds) -> list[Reading]:
        """Return every copy of a work."""
        return copies(kind, ids, self.keyed(id_keys(kind, ids)))

    def find_episodes(
        self, show_ids: ProviderIds, season: int, episode: int
    ) -> list[Reading]:
        """Return every file that holds an episode."""
        shows = {one.item.item_id for one in self.find(MediaKind.SHOW, show_ids)}
        keys = id_keys(MediaKind.SHOW, show_ids) | {parent_key(one) for one in shows}
        found = self.placed(keys, f"season = {season:d}")
        return numbered(show_ids, shows, season, episode, found)

    def titled(
        self, title: str, kinds: Collection[MediaKind], year: int | None, *, heard: bool
    ) -> list[Reading]:
        """Return what bears a title."""
        found = (one for one in self.keyed(title_keys(title)) if one.item.kind in kinds)
        return same_titled(title, year, found, spoken=heard)

    def like(
        self, title: str, kinds: Collection[MediaKind], limit: int
    ) -> list[Reading]:
        """Return what bears a title, or one like it."""
        wanted = trigrams(title)
        numbers = self._sharing(wanted, kinds, shared_trigrams(len(wanted)))
        same = {
            one.number: alike
            for one in self.stored(
                f"+kind IN {_EACH} AND {_KEYED}",
                _array(_kinds(kinds)),
                _array(_numbers(title_keys(title))),
            )
            if (alike := likeness(title, None, one.row.title, one.row.year))
        }
        found = self._named([*numbers, *same], heard(title), same)
        best = likest(title, found, limit)
        readings = {
            one.number: one.reading
            for one in self.stored(f"number IN {_EACH}", _array(best))
        }
        return [readings[number] for number in best]

    def _named(
        self, numbers: Collection[int], wanted: str, same: Mapping[int, Likeness]
    ) -> Iterator[Named[int]]:
        """Yield those rows that can be close to what is *wanted*, and the *same*."""
        for number, name, *place in self._db.execute(
            "SELECT number, heard, shelf, kind, season, episode, id FROM items"  # noqa: S608 - as above
            f" WHERE number IN {_EACH} AND (length(heard) BETWEEN ? AND ?"
            f" OR instr(heard, ?) OR number IN {_EACH})",
            (
                _array(numbers),
                len(wanted) * NEARLY / (2 - NEARLY) - 1,
                len(wanted) * (2 - NEARLY) / NEARLY + 1,
                wanted,
                _array(same),
            ),
        ):
            shelf, kind, season, episode, item_id = place
            yield Named(
                name,
                (
                    shelf,
                    kind,
                    math.inf if season is None else season,
                    math.inf if episode is None else episode,
                    item_id,
                ),
                number,
                same.get(number, Likeness.DIFFERENT),
            )

    def _sharing(
        self, wanted: Collection[str], kinds: Collection[MediaKind], least: int
    ) -> list[int]:
        """Return the rows whose titles may share so many of the *wanted* trigrams."""
        shared: Counter[int] = Counter()
        for kind in kinds:
            blocks: defaultdict[int, array[int]] = defaultdict(_offsets)
            for block, content in self._db.execute(
                f"SELECT block, offsets FROM trigrams WHERE trigram IN {_EACH}",  # noqa: S608 - as above
                (_array(_listed_as(kind, wanted)),),
            ):
                blocks[block].frombytes(content)
            for block, offsets in blocks.items():
                first = block * _BLOCK
                for offset, count in Counter(offsets).items():
                    if count >= least:
                        shared[first + offset] += count
        return list(shared)

    def select(self, wanted: Selection) -> Selected:
        """Return one part of what passes the filters."""
        condition, values = "1", list[object]()
        if wanted.kinds:
            condition += f" AND kind IN {_EACH}"
            values.append(_array(_kinds(wanted.kinds)))
        if wanted.library_ids is not None:
            condition += (
                f" AND place IN (SELECT place FROM places WHERE library IN {_EACH})"  # noqa: S608 - as above
            )
            values.append(_array(wanted.library_ids))
        if wanted.watched is not None:
            condition += " AND watched = ?"
            values.append(wanted.watched)
        if wanted.max_duration is not None:
            condition += " AND duration <= ?"
            values.append(wanted.max_duration)
        if wanted.text is not None:
            condition += " AND holds_heard(heard, ?)"
            values.append(heard(wanted.text))
            if parts := trigrams_of_part(wanted.text):
                numbers = self._sharing(parts, wanted.kinds or KINDS, len(parts))
                condition += f" AND number IN {_EACH}"
                values.append(_array(numbers))
        [(total,)] = self._db.execute(
            f"SELECT count(*) FROM items WHERE {condition}",  # noqa: S608 - as above
            values,
        )
        found = self.where(
            f"number IN (SELECT number FROM items WHERE {condition}"  # noqa: S608 - as above
            f" ORDER BY {_SHELF_ORDER} LIMIT ? OFFSET ?) ORDER BY {_SHELF_ORDER}",
            *values,
            wanted.limit,
            wanted.start,
        )
        return Selected(found, total)

    def leaves(self, start: int, limit: int) -> Leaves:
        """Return the films and episodes of the next rows."""
        found = self._db.execute(
            f"{_LEAVES} WHERE number > ? AND +kind IN {_EACH} ORDER BY number LIMIT ?",
            (start, _array(_kinds(LEAVES)), limit),
        ).fetchall()
        numbers = {row[1] for row in found}
        try:
            places = {
                place: place_in(content)
                for place, content in self._db.execute(
                    f"SELECT place, content FROM places WHERE place IN {_EACH}",  # noqa: S608 - as above
                    (_array(numbers),),
                )
            }
            leaves = [
                decode_leaf(KINDS[kind], places[place], columns, json_loads(rest))
                for _, place, kind, rest, *columns in found
            ]
        except DAMAGE as err:
            raise sqlite3.DatabaseError("a row cannot be understood") from err
        return Leaves(leaves, None if len(found) < limit else found[-1][0])

    def count_episodes(
        self, until: date, show_ids: Collection[str] | None
    ) -> dict[str, EpisodeCounts]:
        """Return how far shows are watched."""
        condition, values = f"{_COUNTED} AND {_AIRED} <= ?", [until.isoformat()]
        if show_ids is not None:
            condition += (
                f" AND place IN (SELECT place FROM place_keys WHERE key IN {_EACH})"  # noqa: S608 - as above
            )
            values.append(_array(_numbers(map(parent_key, show_ids))))
        found: dict[str, EpisodeCounts] = {}
        for count, watched, begun, last_played, *shows in self._db.execute(
            "SELECT many, watched, begun, played, json_extract(content, '$.show_id'),"  # noqa: S608 - as above
            " json_extract(content, '$.listed_under') FROM ("
            " SELECT place, count(*) AS many, sum(watched IS 1) AS watched,"
            f" sum({_BEGUN}) AS begun, max({_PLAYED}) AS played"
            f" FROM items INDEXED BY counted WHERE {condition} GROUP BY place"
            ") JOIN places USING (place)",
            values,
        ):
            try:
                played = last_played and members.moment(last_played)
                of = shows_in(*shows)
            except DAMAGE as err:
                raise sqlite3.DatabaseError("a row cannot be understood") from err
            more = EpisodeCounts(count, watched, begun, played)
            for show_id in of:
                if show_ids is None or show_id in show_ids:
                    known = found.get(show_id)
                    found[show_id] = known.with_more(more) if known else more
        return found

    def sweep(self, library_id: str, kind: MediaKind, round_no: int) -> Sweep:
        """Return what of a library was not seen in a round."""
        condition = "kind = ? AND place IN (SELECT place FROM places WHERE library = ?)"
        values = (KINDS.index(kind), library_id)
        [(total,)] = self._db.execute(
            f"SELECT count(*) FROM items WHERE {condition}",  # noqa: S608 - as above
            values,
        )
        missing = self._db.execute(
            f"SELECT id FROM items JOIN seen USING (number) WHERE {condition}"  # noqa: S608 - as above
            " AND round < ? ORDER BY id",
            (*values, round_no),
        )
        return Sweep([item_id for (item_id,) in missing], total)

    def counts(self) -> dict[MediaKind, int]:
        """Return how many items of each kind there are."""
        found = dict(self._db.execute("SELECT kind, count(*) FROM items GROUP BY kind"))
        return {kind: found.get(number, 0) for number, kind in enumerate(KINDS)}

    def libraries(self) -> frozenset[str]:
        """Return the ids of the libraries of which there are items."""
        found = self._db.execute(
            "SELECT DISTINCT library FROM places"
            " WHERE library IS NOT NULL AND place IN (SELECT place FROM items)"
        )
        return frozenset(library_id for (library_id,) in found)

    def progress(self) -> Progress:
        """Return how far the libraries were read."""
        for (value,) in self._db.execute(
            "SELECT value FROM facts WHERE name = 'progress'"
        ):
            try:
                return decode_progress(json.loads(value))
            except DAMAGE as err:
                raise sqlite3.DatabaseError("no progress is noted") from err
        return Progress()

    def read_all(self) -> None:
        """Read everything once. Raises `sqlite3.Error` or one of `DAMAGE`."""
        for table in _TABLES:
            deque(self._db.execute(f"SELECT * FROM {table}"), maxlen=0)  # noqa: S608 - as above
        self.progress()
        for values in self._db.execute(_ROWS):
            _ = _stored(values).reading
        for (content,) in self._db.execute("SELECT offsets FROM trigrams"):
            _offsets().frombytes(content)

    # --- changes -----------------------------------------------------------------

    def note(self, progress: Progress) -> None:
        """Note how far the libraries were read."""
        self._db.execute(
            "INSERT OR REPLACE INTO facts VALUES ('progress', ?)",
            (json.dumps(encode_progress(progress)),),
        )

    def keep(self, readings: Iterable[Reading], round_no: int | None) -> frozenset[str]:
        """Write what is not there yet, or not the same, and mark all as seen.

        What could not be read again is left out. Returns the ids of what was written,
        and of the shows it is in.
        """
        if round_no is None:
            round_no = self.progress().round_no
        read = {
            row.item_id: (row, reading)
            for reading in readings
            if (row := _row_of(reading)) is not None
        }
        known = {one.row.item_id: one for one in self.by_ids(read)}
        changes = _Changes(self._db)
        written: set[str] = set()
        for item_id, (row, reading) in read.items():
            stored = known.get(item_id)
            if stored is not None and stored.row == row:
                changes.see(stored.number, round_no)
            elif (kept := _kept(row)) is not None:
                # Seldom: the texts and numbers of most have passed the gate already.
                passed = row if kept == reading else encode_row(kept)
                changes.see(changes.put(passed, kept, stored), round_no)
                written |= _ids_of(kept.item)
                if stored is not None:
                    written |= _ids_of(stored.reading.item)
        changes.write()
        return frozenset(written)

    def drop(self, item_ids: Collection[str]) -> frozenset[str]:
        """Forget items; return their ids, and those of the shows they were in."""
        changes = _Changes(self._db)
        dropped: set[str] = set()
        for stored in self.by_ids(item_ids):
            changes.drop(stored)
            dropped |= _ids_of(stored.reading.item)
        changes.write()
        return frozenset(dropped)


class CatalogueStore(Catalogue):
    """The catalogue of one lane in one file, opened when it is first asked.

    A file that cannot be used for the moment (a full disk, one that is only to be
    read) fails each call with `CatalogueError`, and is opened anew by the next.
    """

    def __init__(self, path: Path) -> None:
        """Prepare; nothing is read or written before the first question."""
        self._path = path
        self._db: sqlite3.Connection | None = None
        self._is_given_up = False
        self._is_in_trouble = False
        self._closing: asyncio.Future[None] | None = None
        self._listeners: dict[object, CatalogueListener] = {}
        self._revision = object()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._executor = ThreadPoolExecutor(1, f"{DOMAIN} {path.name}")

    # --- the port ----------------------------------------------------------------

    @override
    async def readings(self, item_ids: Collection[str]) -> Mapping[str, Reading]:
        wanted = set(item_ids)
        found = await self._ask(
            lambda tables: [one.reading for one in tables.by_ids(wanted)]
        )
        return {one.item.item_id: one for one in found}

    @override
    async def below(self, parent: Item) -> Sequence[Reading]:
        return await self._ask(lambda tables: tables.below(parent))

    @override
    async def find(self, kind: MediaKind, ids: ProviderIds) -> Sequence[Reading]:
        return await self._ask(lambda tables: tables.find(kind, ids))

    @override
    async def find_episodes(
        self, show_ids: ProviderIds, season: int, episode: int
    ) -> Sequence[Reading]:
        return await self._ask(
            lambda tables: tables.find_episodes(show_ids, season, episode)
        )

    @override
    async def titled(
        self,
        title: str,
        kinds: Collection[MediaKind],
        year: int | None = None,
        *,
        heard: bool = False,
    ) -> Sequence[Reading]:
        return await self._ask(
            lambda tables: tables.titled(title, kinds, year, heard=heard)
        )

    @override
    async def like(
        self, title: str, kinds: Collection[MediaKind], limit: int
    ) -> Sequence[Reading]:
        return await self._ask(lambda tables: tables.like(title, kinds, limit))

    @override
    async def shows(self) -> Mapping[str, Reading]:
        kind = KINDS.index(MediaKind.SHOW)
        found = await self._ask(lambda tables: tables.where("kind = ?", kind))
        return {one.item.item_id: one for one in found}

    @override
    async def count_episodes(
        self, until: date, show_ids: Collection[str] | None = None
    ) -> Mapping[str, EpisodeCounts]:
        wanted = None if show_ids is None else frozenset(show_ids)
        return await self._ask(lambda tables: tables.count_episodes(until, wanted))

    @override
    async def select(self, wanted: Selection) -> Selected:
        return await self._ask(lambda tables: tables.select(wanted))

    @override
    async def leaves(self, start: int = 0, limit: int = 500) -> Leaves:
        return await self._ask(lambda tables: tables.leaves(start, limit))

    @override
    async def keep(
        self, readings: Iterable[Reading], round_no: int | None = None
    ) -> None:
        for some in batched(readings, CHUNK, strict=False):
            await self._keep(some, round_no)

    async def _keep(self, some: Sequence[Reading], round_no: int | None) -> None:
        await self._change(lambda tables: tables.keep(some, round_no))

    @override
    async def drop(self, item_ids: Collection[str]) -> None:
        for some in batched(set(item_ids), CHUNK, strict=False):
            await self._drop(some)

    async def _drop(self, some: Collection[str]) -> None:
        await self._change(lambda tables: tables.drop(some))

    @override
    async def sweep(self, library_id: str, kind: MediaKind, round_no: int) -> Sweep:
        return await self._ask(lambda tables: tables.sweep(library_id, kind, round_no))

    @override
    async def progress(self) -> Progress:
        return await self._ask(_Tables.progress)

    @override
    async def note(self, progress: Progress) -> None:
        await self._ask(lambda tables: tables.note(progress))

    @override
    async def libraries(self) -> frozenset[str]:
        return await self._ask(_Tables.libraries)

    @override
    async def counts(self) -> Mapping[MediaKind, int]:
        return await self._ask(_Tables.counts)

    @override
    async def revision(self) -> object:
        # Asked in the thread, so that what is to be written before it is counted.
        return await self._ask(lambda _: self._revision)

    @override
    def add_listener(self, listener: CatalogueListener) -> Callable[[], None]:
        key = object()
        self._listeners[key] = listener

        def remove() -> None:
            self._listeners.pop(key, None)

        return remove

    @override
    async def close(self) -> None:
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._end())
        await asyncio.shield(self._closing)

    async def _end(self) -> None:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._executor, self._disconnect)
        await loop.run_in_executor(None, self._executor.shutdown)

    # --- the thread --------------------------------------------------------------

    async def _ask[T](self, work: Callable[[_Tables], T]) -> T:
        """Do *work* in the thread, in one transaction. Raises `CatalogueError`."""
        if self._closing is not None:
            raise CatalogueError("the catalogue is closed")
        self._loop = asyncio.get_running_loop()
        return await self._loop.run_in_executor(self._executor, self._do, work)

    async def _change(self, work: Callable[[_Tables], frozenset[str]]) -> None:
        """Do *work*, and have what it returns told, also if the caller has gone."""

        def work_and_tell(tables: _Tables) -> None:
            if changed := work(tables):
                self._tell_soon(changed)

        await self._ask(work_and_tell)

    def _tell_soon(self, changed: frozenset[str] | None) -> None:
        """Tell the listeners from the thread; what they ask then sees the change."""
        self._revision = object()
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._tell, changed)

    def _tell(self, changed: frozenset[str] | None) -> None:
        for listener in list(self._listeners.values()):
            listener(changed)

    def _do[T](self, work: Callable[[_Tables], T]) -> T:
        try:
            db = self._db or self._open()
            with db:
                db.execute("BEGIN")
                answer = work(_Tables(db))
        except (sqlite3.Error, OSError, *DAMAGE) as err:
            if isinstance(err, DAMAGE) and self._db is not None and _is_sound(self._db):
                raise  # a fault of ours, which the file shall not pay for
            self._recover(err)
            raise CatalogueError("the catalogue cannot be used") from err
        self._is_in_trouble = False
        return answer

    def _recover(self, err: Exception) -> None:
        """Begin anew after damage; after anything else open the file once more."""
        self._disconnect()
        if _is_damage(err):
            LOGGER.debug("%s is damaged: %r", self._path.name, err)
            self._give_up("damaged")
            with suppress(sqlite3.Error, OSError):
                self._open()
        elif not self._is_in_trouble:
            self._is_in_trouble = True
            LOGGER.warning("%s cannot be used just now: %s", self._path.name, err)

    def _give_up(self, why: str) -> None:
        LOGGER.warning(
            "%s is %s; it begins anew, and the library is read again",
            self._path.name,
            why,
        )
        self._is_given_up = True

    def _open(self) -> sqlite3.Connection:
        """Open the file, which is a new one where there is none of use."""
        is_there = not self._is_given_up and os.path.lexists(self._path)
        if is_there and (why := _unfit(self._path)) is not None:
            self._give_up(why)
            is_there = False
        if not is_there:
            _discard(self._path)
            self._is_given_up = False
            self._path.parent.mkdir(exist_ok=True)
            # It says what somebody watches: private from the first byte on.
            os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        db = self._db = sqlite3.connect(self._path, timeout=_BUSY, isolation_level=None)
        _prepare(db)
        if not is_there:
            _create(db)
            self._tell_soon(None)
        db.execute(_COUNTS)
        return db

    def _disconnect(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None


class KeptCatalogue(CatalogueStore):
    """The catalogue of a lane that does not run: looked at as it was left.

    What its server said cannot be read again while the lane does not run, so a file of
    no use is no reason to throw it away: it fails each call with `CatalogueError`, as
    one does that is not there.
    """

    @override
    def _open(self) -> sqlite3.Connection:
        if not self._path.exists():
            raise CatalogueError("no catalogue was kept")
        if (why := _unfit(self._path)) is not None:
            raise CatalogueError(f"the catalogue that was kept is {why}")
        db = self._db = sqlite3.connect(self._path, timeout=_BUSY, isolation_level=None)
        _prepare(db)
        db.execute(_COUNTS)
        return db

    @override
    def _recover(self, err: Exception) -> None:
        LOGGER.debug("%s cannot be used: %r", self._path.name, err)
        self._disconnect()


def _prepare(db: sqlite3.Connection) -> None:
    """Say how a file is to be used."""
    # Nobody else reads it, so that no memory needs to be shared by a third file: not
    # every network drive can do that.
    db.execute("PRAGMA locking_mode = EXCLUSIVE")
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = NORMAL")
    db.execute("PRAGMA temp_store = MEMORY")
    db.execute(f"PRAGMA cache_size = -{_CACHE}")
    db.execute(f"PRAGMA journal_size_limit = {_LOG_SIZE}")
    db.create_function("holds_heard", 2, holds_heard, deterministic=True)


def _create(db: sqlite3.Connection) -> None:
    """Make the tables of a new file."""
    with db:
        db.execute("BEGIN")
        for statement in filter(str.strip, _SCHEMA.split(";")):
            db.execute(statement)
        db.execute("INSERT INTO facts VALUES ('unicode', ?)", (_UNICODE,))
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {VERSION}")


def _unfit(path: Path) -> str | None:
    """Say why a file cannot be used, None if it can; without reading much of it.

    Raises `sqlite3.Error` for one that cannot be read just now.
    """
    if not path.is_file():
        return "no file"
    try:
        with closing(sqlite3.connect(path, timeout=_BUSY, isolation_level=None)) as db:
            return _unfit_tables(db)
    except (sqlite3.Error, *DAMAGE) as err:
        if _is_damage(err):
            LOGGER.debug("%s is damaged: %r", path.name, err)
            return "damaged"
        raise


def _unfit_tables(db: sqlite3.Connection) -> str | None:
    # A file that is empty has an id of 0.
    if db.execute("PRAGMA application_id").fetchone() != (APPLICATION_ID,):
        return "none of ours"
    if db.execute("PRAGMA user_version").fetchone() != (VERSION,):
        return "of another version"
    for table in _TABLES:
        db.execute(f"SELECT * FROM {table} LIMIT 1").fetchall()  # noqa: S608 - as above
    _Tables(db).where("1 LIMIT 1")
    unicode = db.execute("SELECT value FROM facts WHERE name = 'unicode'").fetchone()
    return None if unicode == (_UNICODE,) else "of another version"


def _is_sound(db: sqlite3.Connection) -> bool:
    """Whether all that a file holds can be what was written; it takes a while."""
    try:
        [(found,)] = db.execute("PRAGMA quick_check(1)")
        _Tables(db).read_all()
    except (sqlite3.Error, *DAMAGE):
        return False
    return bool(found == "ok")


def _is_damage(err: Exception) -> bool:
    """Whether an error says that the file is not what was written."""
    if not isinstance(err, sqlite3.Error):
        return isinstance(err, DAMAGE)
    code = getattr(err, "sqlite_errorcode", None)
    # What we ourselves find to be damaged has no code, nor has a wrong call of ours.
    if code is None:
        return not isinstance(err, sqlite3.ProgrammingError)
    return code & 0xFF in _DAMAGED
