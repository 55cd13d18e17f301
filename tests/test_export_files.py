"""Where the file of an export may be, and how much of it is read."""

from datetime import UTC, datetime
import os
from pathlib import Path
from random import Random
from typing import Any
import zipfile

from homeassistant.core import HomeAssistant
import pytest

from custom_components.watched_sync import export_files
from custom_components.watched_sync.core.importing.export import Export, Options
from custom_components.watched_sync.core.importing.faults import (
    DamagedExport,
    ExportError,
    NotAllowed,
    NotThere,
    TooLarge,
    UnknownFormat,
)
from custom_components.watched_sync.export_files import read

DIARY = (
    "Date,Name,Year,Letterboxd URI,Rating,Rewatch,Tags,Watched Date\n"
    "2024-05-02,Glass Harbor,2014,https://boxd.it/a,4.5,,,2024-05-01\n"
)
WATCHED = (
    "Date,Name,Year,Letterboxd URI\n2024-05-02,Tin Lantern,1999,https://boxd.it/b\n"
)
NOW = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def config(hass: HomeAssistant, tmp_path: Path) -> Path:
    """Give Home Assistant a configuration folder and a media folder of its own."""
    media = tmp_path / "house" / "media"
    folder = media.parent / "config"
    for one in (folder / ".storage", folder / "www", media / "sub"):
        one.mkdir(parents=True)
    hass.config.config_dir = str(folder)
    hass.config.media_dirs = {"local": str(media)}
    hass.config.allowlist_external_dirs = {str(folder / "www"), str(media)}
    return folder


async def films(hass: HomeAssistant, name: str, **options: Any) -> list[str]:
    export = await asked(hass, name, **options)
    return [one.item.title for one in export.readings]


async def asked(hass: HomeAssistant, name: str, **options: Any) -> Export:
    return await hass.async_add_executor_job(read, hass, name, Options(**options), NOW)


def put(path: Path, content: str | bytes = DIARY) -> str:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


def zipped(path: Path, **files: str | bytes) -> bytes:
    """Put an archive somewhere, and return what is in it."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path.read_bytes()


# --- where it may be -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("config/export.csv", "export.csv"),
        ("config/EXPORT.CSV", "EXPORT.CSV"),
        ("config/www/export.txt", "www/export.txt"),
        ("media/export.csv", "export.csv"),
        ("media/sub/export", "sub/export"),
        ("media/sub/e.csv", "media-source://media_source/local/sub/e.csv"),
        ("media/sub/e.csv", "{tmp}/media/sub/e.csv"),
        ("config/e.csv", "{tmp}/config/e.csv"),
        ("config/e.csv", "{tmp}/media/../config/e.csv"),
    ],
)
async def test_a_file_is_found_where_it_may_be(
    hass: HomeAssistant, config: Path, place: str, name: str
) -> None:
    put(config.parent / place)
    assert await films(hass, name.format(tmp=config.parent)) == ["Glass Harbor"]


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("outside.csv", "{tmp}/outside.csv"),
        ("outside.csv", "../outside.csv"),
        ("outside.csv", "media-source://media_source/local/../outside.csv"),
        ("outside.csv", "media-source://media_source/other/outside.csv"),
        ("config/.storage/e.json", ".storage/e.json"),
        ("config/secrets.yaml", "secrets.yaml"),
        ("config/.hidden.csv", ".hidden.csv"),
    ],
)
async def test_a_file_elsewhere_is_not_read(
    hass: HomeAssistant, config: Path, place: str, name: str
) -> None:
    put(config.parent / place)
    with pytest.raises((NotAllowed, NotThere)):
        await films(hass, name.format(tmp=config.parent))


async def test_a_link_leads_to_no_other_file(hass: HomeAssistant, config: Path) -> None:
    outside = put(config.parent / "outside.csv")
    hidden = put(config / ".storage" / "e.json")
    for number, target in enumerate((outside, hidden)):
        for folder in (config, config.parent / "media"):
            (folder / f"link{number}.csv").symlink_to(target)
        with pytest.raises(NotAllowed):
            await films(hass, f"link{number}.csv")


@pytest.mark.parametrize(
    "name",
    ["none.csv", "www", "www/none.csv", "a\0b.csv", "x" * 5000, "www/pipe"],
    ids=range(6),
)
async def test_what_is_no_file_is_not_there(
    hass: HomeAssistant, config: Path, name: str
) -> None:
    os.mkfifo(config / "www" / "pipe")
    with pytest.raises(NotThere) as caught:
        await films(hass, name)
    assert caught.value.file == name


async def test_a_file_that_cannot_be_opened_is_not_there(
    hass: HomeAssistant, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(config / "export.csv")

    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(NotThere):
        await films(hass, "export.csv")


# --- what is in it -------------------------------------------------------------------


async def test_an_archive_is_read_as_it_was_downloaded(
    hass: HomeAssistant, config: Path
) -> None:
    files: dict[str, str | bytes] = {
        "diary.csv": DIARY,
        "watched.csv": WATCHED,
        "watchlist.csv": WATCHED.replace("Tin Lantern", "A Wish"),
        "likes/films.csv": WATCHED.replace("Tin Lantern", "A Heart"),
        "deleted/diary.csv": DIARY.replace("Glass Harbor", "A Mistake"),
        "profile.csv": "Date Joined,Username\n2020-01-01,alex\n",
        "picture.jpg": b"\xff\xd8",
    }
    zipped(config / "letterboxd.zip", **files)
    for said in (False, True):
        found = await films(hass, "letterboxd.zip", all_watched=said)
        assert found == ["Glass Harbor", "Tin Lantern"]


async def test_an_archive_without_a_history_says_what_is_in_it(
    hass: HomeAssistant, config: Path
) -> None:
    zipped(config / "other.zip", **{"a/b.csv": "milk,eggs\n", "c.csv": "x,y\n"})
    with pytest.raises(UnknownFormat) as caught:
        await films(hass, "other.zip")
    assert (caught.value.file, caught.value.found) == ("a/b.csv", ("milk", "eggs"))
    zipped(config / "empty.zip", **{"picture.jpg": b"\xff\xd8"})
    with pytest.raises(UnknownFormat) as caught:
        await films(hass, "empty.zip")
    assert (caught.value.file, caught.value.found) == ("empty.zip", ())


async def test_there_is_a_bound_to_what_is_read(
    hass: HomeAssistant, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_files, "FILE_LIMIT", len(DIARY))
    monkeypatch.setattr(export_files, "ARCHIVE_LIMIT", 2 * len(DIARY))
    monkeypatch.setattr(export_files, "MOST_FILES", 3)
    put(config / "small.csv")
    assert await films(hass, "small.csv") == ["Glass Harbor"]
    put(config / "large.csv", f"{DIARY}\n")
    zipped(config / "two.zip", **{"a.csv": DIARY, "b.csv": DIARY})
    large = {f"{name}.csv": DIARY for name in "abc"}
    zipped(config / "three.zip", **large)
    zipped(config / "bomb.zip", **{"a.csv": DIARY + "," * 1_000_000})
    zipped(config / "many.zip", **{f"{name}.txt": "" for name in "abcd"})
    for name in ("large.csv", "three.zip", "bomb.zip", "many.zip"):
        with pytest.raises(TooLarge) as caught:
            await films(hass, name)
        assert caught.value.file == name


async def test_an_encrypted_archive_is_refused(
    hass: HomeAssistant, config: Path
) -> None:
    raw = bytearray(zipped(config / "e.zip", **{"diary.csv": DIARY}))
    for sign, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        raw[raw.index(sign) + offset] |= 1
    put(config / "e.zip", bytes(raw))
    with pytest.raises(DamagedExport) as caught:
        await films(hass, "e.zip")
    assert caught.value.file == "diary.csv"


async def test_a_damaged_archive_is_read_or_refused(
    hass: HomeAssistant, config: Path
) -> None:
    whole = zipped(config / "e.zip", **{"diary.csv": DIARY * 9, "watched.csv": WATCHED})
    chance = Random(1)
    ends: set[object] = set()
    for _ in range(100):
        raw = bytearray(whole)
        for _ in range(3):
            raw[chance.randrange(len(raw))] = chance.randrange(256)
        put(config / "e.zip", bytes(raw))
        try:
            ends.add(len(await films(hass, "e.zip")))
        except ExportError as err:
            ends.add(type(err))
    assert {2, DamagedExport} <= ends
