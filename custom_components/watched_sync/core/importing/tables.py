"""Tables as text (CSV, RFC 4180): their columns, and their rows with line numbers."""

from collections.abc import Iterator, Mapping
import csv
from dataclasses import dataclass
import re

from .faults import DamagedExport

_LINE_END = re.compile("\r\n?")
#: Marks of the order of bytes; without one a text is UTF-8.
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")

type Row = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Table:
    """The names of its columns, in small letters, and its text with the head."""

    columns: tuple[str, ...]
    text: str

    def rows(self) -> Iterator[tuple[int, Row | None]]:
        """Yield each row with the number of its first line; None if it has too much.

        Where a row ends early the columns that are left are empty. Raises
        `DamagedExport` where it ends to be a table.
        """
        for line, fields in _rows(self.text):
            if line == 1 or not any(map(str.strip, fields)):
                continue
            surplus = fields[len(self.columns) :]
            if any(map(str.strip, surplus)):
                yield line, None
                continue
            missing = [""] * (len(self.columns) - len(fields))
            yield line, dict(zip(self.columns, [*fields, *missing], strict=False))


def table(content: bytes) -> Table:
    """Return the table that a file holds. Raises `DamagedExport`."""
    encoding = "utf-16" if content.startswith(_UTF_16) else "utf-8-sig"
    try:
        text = _LINE_END.sub("\n", content.decode(encoding))
    except UnicodeDecodeError as err:
        raise DamagedExport("no text") from err
    _, head = next(_rows(text), (1, []))
    columns = [name.strip().casefold() for name in head]
    while columns and not columns[-1]:
        columns.pop()
    return Table(tuple(columns), text)


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the fields of each row with the number of its first line, the head's too.

    Raises `DamagedExport`.
    """
    # Not `splitlines`: a title may hold what ends a line elsewhere.
    reader = csv.reader((f"{line}\n" for line in text.split("\n")), strict=True)
    line = 1
    try:
        for fields in reader:
            yield line, fields
            line = reader.line_num + 1
    except csv.Error as err:
        raise DamagedExport("no table", line) from err
