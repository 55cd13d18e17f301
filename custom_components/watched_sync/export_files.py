"""The file of an export: where it may be, and what is in it, read within bounds.

Everything here waits for the disk, so it is for a thread of its own.
"""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import IO, Final
import zipfile
import zlib

from homeassistant.core import HomeAssistant

from .core.importing.export import Export, File, Options, read_export
from .core.importing.faults import (
    DamagedExport,
    ExportError,
    NotAllowed,
    NotThere,
    TooLarge,
)

#: Bytes of one file, and of all files in an archive, unpacked.
FILE_LIMIT: Final = 32 * 2**20
ARCHIVE_LIMIT: Final = 8 * FILE_LIMIT
#: Files that an archive may hold.
MOST_FILES: Final = 2_000

#: What a file has to be called to be read from the configuration folder itself.
_SUFFIXES: Final = frozenset((".csv", ".json", ".zip"))
_IN_ARCHIVE: Final = frozenset((".csv", ".json"))

_MEDIA_SOURCE: Final = "media-source://media_source/"
_ENCRYPTED: Final = 0x1

#: What reading a damaged archive ends in.
_DAMAGE: Final = (
    EOFError,
    NotImplementedError,
    OSError,
    RuntimeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)


def read(hass: HomeAssistant, name: str, options: Options, now: datetime) -> Export:
    """Return what an export says. Raises `ExportError`.

    *name* is a path, a path within the configuration or a media folder, or the id of a
    local file of Home Assistant's media.
    """
    path = _find(hass, name)
    try:
        with path.open("rb") as file:
            files = _unpacked(file) if zipfile.is_zipfile(file) else _alone(file, path)
            return read_export(files, now=now, options=options)
    except ExportError as err:
        err.file = err.file or path.name
        raise
    except OSError as err:
        raise _named(NotThere("it cannot be read"), name) from err


def _find(hass: HomeAssistant, name: str) -> Path:
    """Return the file that is meant, if it may be read."""
    try:
        allowed = [
            one for one in _places(hass, name) if _is_allowed(hass, one.resolve())
        ]
        there = [one.resolve() for one in allowed if one.is_file()]
    except (OSError, RuntimeError, ValueError) as err:
        raise _named(NotThere("no such file"), name) from err
    if not allowed:
        raise _named(NotAllowed("in no folder that may be read"), name)
    if not there:
        raise _named(NotThere("no such file"), name)
    return there[0]


def _places(hass: HomeAssistant, name: str) -> list[Path]:
    """Return where a file may be meant to be; an absolute path is one place."""
    media = hass.config.media_dirs
    if name.startswith(_MEDIA_SOURCE):
        folder, _, rest = name.removeprefix(_MEDIA_SOURCE).partition("/")
        return [Path(media[folder], rest)] if folder in media else []
    return [Path(base, name) for base in (hass.config.config_dir, *media.values())]


def _is_allowed(hass: HomeAssistant, path: Path) -> bool:
    """Whether a file may be read, its links followed.

    The folders that Home Assistant allows, and of the configuration folder what lies
    in it directly and is called like an export: below it are files nobody shall see.
    """
    return hass.config.is_allowed_path(str(path)) or (
        path.parent == Path(hass.config.config_dir).resolve()
        and path.suffix.casefold() in _SUFFIXES
        and not path.name.startswith(".")
    )


def _alone(file: IO[bytes], path: Path) -> Iterator[File]:
    file.seek(0)
    yield File(path.name, _bounded(file, FILE_LIMIT))


def _unpacked(file: IO[bytes]) -> Iterator[File]:
    """Yield the tables and arrays in an archive. Raises `ExportError`."""
    left = ARCHIVE_LIMIT
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            if len(members) > MOST_FILES:
                raise TooLarge("too many files")
            for member in members:
                name = member.filename
                if not name.casefold().endswith(tuple(_IN_ARCHIVE)):
                    continue
                if member.flag_bits & _ENCRYPTED:
                    raise _named(DamagedExport("it is encrypted"), name)
                with archive.open(member) as one:
                    content = _bounded(one, min(FILE_LIMIT, left))
                left -= len(content)
                yield File(name, content, is_in_archive=True)
    except _DAMAGE as err:
        raise DamagedExport("no archive") from err


def _bounded(file: IO[bytes], limit: int) -> bytes:
    content = file.read(limit + 1)
    if len(content) > limit:
        raise TooLarge("too many bytes")
    return content


def _named[T: ExportError](error: T, file: str) -> T:
    error.file = file
    return error
