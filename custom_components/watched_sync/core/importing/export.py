"""An export as a whole: which format its files are, and what they say together."""

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from ..identity import Item, MediaKind
from ..members import mapping
from ..play_state import PlayState, Reading
from ..titles import plain
from . import imdb, letterboxd, tautulli, trakt, watcharr
from .arrays import entries
from .faults import (
    ExportError,
    OnlyListed,
    UnknownFormat,
    WhoseRows,
)
from .rows import PassedOver, Play, Reader, RowReason, Saying
from .tables import table

#: Rows that are named one by one; those beyond them are counted.
NAMED_ROWS = 200

#: Names of columns or members that an error tells.
_TOLD = 20

#: What begins a text in UTF-8 that names its encoding.
_MARK = b"\xef\xbb\xbf"

#: Bytes in which the first sign of a text has to be.
_START = 1024

#: Entries by which it is seen what an array is.
_LOOKED_AT = 100

#: Before every play that has a date.
_NEVER = datetime.min.replace(tzinfo=UTC)

_TABLES = {"letterboxd": letterboxd, "imdb": imdb}
_ARRAYS = {"trakt": trakt, "tautulli": tautulli, "watcharr": watcharr}


@dataclass(frozen=True, slots=True)
class File:
    """One file of an export; `name` has its folders within an archive."""

    name: str
    content: bytes
    is_in_archive: bool = False


@dataclass(frozen=True, slots=True)
class SkippedRow:
    """A row that was passed over: the line of a table, or which one of an array."""

    file: str
    row: int
    reason: RowReason
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What somebody says of an export: whose rows count, and that all was watched."""

    user: str | None = None
    all_watched: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """What an export says: each film and episode once, watched, oldest play first.

    `formats` names what the files are, `rows` is how many there were in them, and
    `passed_over` how many of them, or of their parts, said of nothing that it was
    watched, by reason; the first are `notes`. `unknown_columns` were not looked at.
    The ids of the items are of our making and mean nothing.
    """

    formats: Sequence[str]
    readings: Sequence[Reading]
    rows: int
    passed_over: Mapping[RowReason, int]
    notes: Sequence[SkippedRow]
    unknown_columns: Sequence[str]


@dataclass(frozen=True, slots=True)
class _Part:
    """A file that is a history: its rows by their numbers, and what reads one."""

    file: str
    format_name: str
    reader: Reader
    rows: Iterable[tuple[int, object]]
    unknown_columns: Sequence[str] = ()


@dataclass(slots=True)
class _Gathered:
    """What was read until now; works by what they are known by."""

    now: datetime
    formats: dict[str, None] = field(default_factory=dict)
    unknown_columns: dict[str, None] = field(default_factory=dict)
    works: dict[Hashable, Play] = field(default_factory=dict)
    passed_over: list[tuple[str, int, PassedOver]] = field(default_factory=list)
    rows: int = 0

    def take_in(self, part: _Part) -> None:
        """Add the rows of a file. Raises `DamagedExport`."""
        self.formats[part.format_name] = None
        self.unknown_columns |= dict.fromkeys(part.unknown_columns)
        for row, entry in part.rows:
            self.rows += 1
            for saying in _sayings(part.reader, entry):
                if isinstance(saying, Play):
                    self._add(saying)
                else:
                    self.passed_over.append((part.file, row, saying))

    def _add(self, play: Play) -> None:
        if play.at is not None and play.at > self.now:
            play = replace(play, at=None)
        key = _key(play.item)
        known = self.works.get(key)
        self.works[key] = play if known is None else max(known, play, key=_worth)

    def export(self) -> Export:
        """Return all of it."""
        shows = {
            one
            for play in self.works.values()
            for one in play.item.show_provider_ids.named
        }
        # A summary names no episodes where the history beside it does.
        left = [
            one
            for one in self.passed_over
            if one[-1].reason is not RowReason.WHOLE_SHOW
            or shows.isdisjoint(one[-1].show_ids.named)
        ]
        plays = sorted(self.works.values(), key=lambda one: one.at or _NEVER)
        return Export(
            formats=tuple(self.formats),
            readings=[_reading(number, one) for number, one in enumerate(plays, 1)],
            rows=self.rows,
            passed_over=Counter(one.reason for *_, one in left),
            notes=[
                SkippedRow(file, row, one.reason, one.title)
                for file, row, one in left[:NAMED_ROWS]
            ],
            unknown_columns=tuple(self.unknown_columns),
        )


def read_export(
    files: Iterable[File], *, now: datetime, options: Options | None = None
) -> Export:
    """Return what the files of one export say.

    Of several files those that are no history are left out. A date after *now* is not
    known. Raises `ExportError` where a file is damaged, and where none is a history.
    """
    options = options or Options()
    gathered = _Gathered(now)
    refused: ExportError | None = None
    for file in files:
        try:
            gathered.take_in(_part(file, options))
        except (UnknownFormat, OnlyListed) as err:
            refused = refused or err
            refused.file = refused.file or file.name
        except ExportError as err:
            err.file = file.name
            raise
    if not gathered.formats:
        raise refused or UnknownFormat(())
    return gathered.export()


# --- which format ----------------------------------------------------------------


def _part(file: File, options: Options) -> _Part:
    """Return what reads a file. Raises `ExportError`."""
    start = file.content[:_START].removeprefix(_MARK).lstrip()
    if start.startswith((b"[", b"{")):
        return _array(file, options)
    return _table(file, options)


def _table(file: File, options: Options) -> _Part:
    found = table(file.content)
    columns = frozenset(found.columns)
    for name, module in _TABLES.items():
        # Of an archive nobody says that all in it was watched: wishes are in it too.
        all_watched = options.all_watched and not file.is_in_archive
        reader = module.reader(columns, file.name, all_watched=all_watched)
        if reader is not None:
            _refuse_user(options)
            unknown = [one for one in found.columns if one not in module.COLUMNS]
            return _Part(file.name, name, reader, found.rows(), unknown)
    raise UnknownFormat(found.columns[:_TOLD])


def _array(file: File, options: Options) -> _Part:
    first = list(_objects(islice(entries(file.content), _LOOKED_AT)))
    name = next(
        (name for name, module in _ARRAYS.items() if any(map(module.is_play, first))),
        None,
    )
    if name is None:
        raise UnknownFormat(list(first[0] if first else ())[:_TOLD])
    # Read once more and not kept: a history may be larger than the memory is.
    rows = enumerate(entries(file.content), 1)
    if name == "tautulli":
        users = tautulli.users(_objects(entries(file.content)), options.user)
        return _Part(file.name, name, tautulli.read, tautulli.of_users(rows, users))
    _refuse_user(options)
    return _Part(file.name, name, _ARRAYS[name].read, rows)


def _objects(found: Iterable[object]) -> Iterator[Mapping[str, Any]]:
    return (one for one in found if isinstance(one, dict))


def _refuse_user(options: Options) -> None:
    """Raise `WhoseRows` if a user was named where rows have none."""
    if options.user is not None:
        raise WhoseRows((), options.user)


# --- rows ------------------------------------------------------------------------


def _sayings(reader: Reader, entry: object) -> Sequence[Saying]:
    """Return what a row says; one that makes no sense costs itself alone."""
    try:
        return reader(mapping(entry))
    except ValueError, KeyError, OverflowError:
        return [PassedOver(RowReason.DAMAGED)]


def _key(item: Item) -> Hashable:
    """Return what a work is known by within one export."""
    if item.kind is MediaKind.EPISODE and item.season is not None:
        show = item.show_provider_ids or plain(item.show_title or "")
        return show, item.season, item.episode
    return item.kind, item.provider_ids or (plain(item.title), item.year)


def _worth(play: Play) -> tuple[bool, bool, datetime]:
    """Return by what one of two plays of a work is the one that counts: the later."""
    return play.at is not None, not play.is_entry_date, play.at or _NEVER


def _reading(number: int, play: Play) -> Reading:
    return Reading(
        replace(play.item, item_id=str(number)),
        PlayState(watched=True, play_count=1, last_played=play.at),
    )
