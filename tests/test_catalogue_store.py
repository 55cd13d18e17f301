"""The catalogue on a real disk: the contract, and what becomes of bad files."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from dataclasses import replace
import errno
from functools import partial
import json
import logging
from pathlib import Path
from random import Random
import sqlite3
import stat
import tempfile
import threading
from typing import Any

from homeassistant.core import HomeAssistant
from hypothesis import given, settings, strategies as st
import pytest

from custom_components.watched_sync import catalogue_store
from custom_components.watched_sync.catalogue_store import (
    APPLICATION_ID,
    CHUNK,
    VERSION,
    CatalogueStore,
    KeptCatalogue,
    async_remove_catalogue,
    catalogue_path,
)
from custom_components.watched_sync.core.catalogue import KINDS, Progress, Selection
from custom_components.watched_sync.core.errors import CatalogueError
from custom_components.watched_sync.core.identity import Item, MediaKind, ProviderIds
from custom_components.watched_sync.core.play_state import Reading
from custom_components.watched_sync.core.ports import Catalogue

from .common import MemoryServer, setup_lane
from .core.catalogue_contract import FILMS, SHOW, CatalogueContract, ids, read
from .core.memory_catalogue import MemoryCatalogue
from .core.samples import at, items, lines, seen, states
from .core.twins import episode, episodes, movie


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "watched_sync.lane.catalogue"


@pytest.fixture
async def catalogue(file: Path) -> AsyncIterator[CatalogueStore]:
    made = CatalogueStore(file)
    yield made
    await made.close()


class TestCatalogueStore(CatalogueContract):
    """The contract, on SQLite."""


# --- the same as the twin -------------------------------------------------------------

#: Few of each, so that they meet.
names = st.sampled_from(
    [
        "Dark",
        "The Dark",
        "dark (2017)",
        "Dork",
        "Darkest Hour",
        "Épisode 1",
        "1",
        "L'Eté",
    ]
)
item_ids = st.sampled_from(["a", "b", "c", "d", "e", "f", "a b"])
few_ids = st.sampled_from(
    [
        ProviderIds(),
        ProviderIds(imdb="tt0000001"),
        ProviderIds(imdb="tt0000001", tmdb="1"),
        ProviderIds(imdb="tt0000002", tmdb="1"),
        ProviderIds(tvdb="1"),
    ]
)
few_numbers = st.none() | st.integers(0, 2)
few_items = st.builds(
    Item,
    item_id=item_ids,
    kind=st.sampled_from(MediaKind),
    title=names | lines,
    year=st.sampled_from([None, 2017, 2018]),
    provider_ids=few_ids,
    duration=st.sampled_from([None, 60.0, 90.5]),
    library_id=st.sampled_from([None, "films", "shows"]),
    show_id=st.none() | item_ids,
    show_title=st.none() | names,
    show_provider_ids=few_ids,
    season_id=st.none() | item_ids,
    season=few_numbers,
    episode=few_numbers,
    episode_end=few_numbers,
    listed_under=st.lists(item_ids, max_size=1).map(tuple),
)
few_readings = st.builds(Reading, few_items | items, states)
steps = st.lists(
    st.tuples(st.just("keep"), st.lists(few_readings, max_size=8), few_numbers)
    | st.tuples(st.just("drop"), st.lists(item_ids, max_size=3), st.none()),
    min_size=1,
    max_size=6,
)


async def everything(catalogue: Catalogue, asked: str) -> list[object]:
    """Return the answers to all questions there are."""
    answers: list[object] = [
        await catalogue.readings("abcdef"),
        await catalogue.shows(),
        await catalogue.counts(),
    ]
    all_of = (await catalogue.select(Selection(limit=100))).readings
    answers.append(all_of)
    for reading in all_of:
        item = reading.item
        answers += [
            await catalogue.below(item),
            await catalogue.find(item.kind, item.provider_ids),
            await catalogue.find_episodes(item.show_provider_ids, 1, 1),
        ]
    for title in (asked, "dark", "Dark (2017)", "rkes"):
        for heard in (False, True):
            answers.append(await catalogue.titled(title, KINDS, heard=heard))
        answers += [
            await catalogue.like(title, KINDS, 4),
            await catalogue.select(Selection(text=title, start=1, limit=3)),
        ]
    answers += [
        await catalogue.select(Selection(watched=False, max_duration=60)),
        await catalogue.select(Selection(library_ids=frozenset({"films"}))),
        await catalogue.sweep("films", MediaKind.MOVIE, 2),
        await catalogue.sweep("shows", MediaKind.EPISODE, 1),
    ]
    return answers


@given(steps, names | lines)
@settings(max_examples=25)
def test_answers_are_those_of_the_twin(
    changes: list[tuple[str, Any, int | None]], asked: str
) -> None:
    async def compare(folder: str) -> None:
        twin, store = MemoryCatalogue(), CatalogueStore(Path(folder, "catalogue"))
        for one in (twin, store):
            for what, values, round_no in changes:
                if what == "keep":
                    await one.keep(values, round_no)
                else:
                    await one.drop(values)
        try:
            assert await everything(store, asked) == await everything(twin, asked)
        finally:
            await store.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(compare(folder))


async def test_nothing_is_left_of_what_was_dropped(
    catalogue: CatalogueStore, file: Path
) -> None:
    """Whatever was kept, changed and moved before: no index grows for ever."""
    kept = read(movie(), SHOW, *episodes(SHOW, {1: 3, 2: 3}))
    await catalogue.keep(kept)
    await catalogue.keep(
        read(
            movie(title="Another", provider_ids=ProviderIds(tmdb="5")),
            replace(episode(SHOW, 1, 1), season_id="elsewhere", title="Renamed"),
        )
    )
    await catalogue.drop(ids(kept))
    await catalogue.close()
    with closing(sqlite3.connect(file)) as db:
        left = {
            table: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608 - a constant
            for table in catalogue_store._TABLES
        }
    assert left.pop("facts") == 1
    assert set(left.values()) == {0}


# --- the file -------------------------------------------------------------------------


async def test_a_restart_finds_everything(file: Path) -> None:
    first = CatalogueStore(file)
    await first.keep(read(movie(), SHOW, episode(SHOW, 1, 1)))
    await first.note(Progress(round_no=7))
    await first.close()
    assert sorted(one.name for one in file.parent.iterdir()) == [file.name]
    second = CatalogueStore(file)
    assert ids(await second.like("Flim m1", FILMS, 5)) == ["m1"]
    assert ids(await second.below(SHOW)) == ["dark.1.1"]
    assert (await second.progress()).round_no == 7
    await second.close()


async def test_a_file_from_before_shows_were_counted_by_an_index_is_gone_on_with(
    file: Path,
) -> None:
    catalogue = CatalogueStore(file)
    await catalogue.keep([*read(SHOW), *read(episode(SHOW, 1, 1), state=seen())])
    await catalogue.close()
    with closing(sqlite3.connect(file)) as db:
        db.execute("DROP INDEX counted")
    catalogue = CatalogueStore(file)
    counts = await catalogue.count_episodes(at(0).date())
    await catalogue.close()
    assert counts[SHOW.item_id].watched == 1


async def test_nobody_else_may_read_what_is_watched(
    catalogue: CatalogueStore, file: Path
) -> None:
    await catalogue.keep(read(movie()))
    modes = {stat.S_IMODE(one.stat().st_mode) for one in file.parent.iterdir()}
    assert modes == {0o600}


async def test_nothing_is_opened_before_it_is_asked(file: Path) -> None:
    await CatalogueStore(file).close()
    assert list(file.parent.iterdir()) == []


async def test_what_is_the_same_is_not_written_again(
    catalogue: CatalogueStore, file: Path
) -> None:
    """A round that shows nothing new spares the card that the file may be on."""
    kept = read(*(movie(f"m{number}") for number in range(200)))
    await catalogue.keep(kept, 1)
    log = file.with_name(f"{file.name}-wal")
    before = log.stat().st_size
    await catalogue.keep(kept, 1)
    assert log.stat().st_size == before


def threads_of(file: Path) -> list[str]:
    return [one.name for one in threading.enumerate() if file.name in one.name]


async def test_it_has_one_thread_that_bears_its_name_and_ends_with_it(
    file: Path,
) -> None:
    catalogue = CatalogueStore(file)
    await asyncio.gather(*(catalogue.counts() for _ in range(5)))
    assert len(threads_of(file)) == 1
    await catalogue.close()
    assert threads_of(file) == []


# --- a file of no use -----------------------------------------------------------------


def written(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(file)


def noise(file: Path) -> None:
    file.write_bytes(Random(1).randbytes(50_000))


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:9_000])


def nothing(file: Path) -> None:
    file.write_bytes(b"")


def folder(file: Path) -> None:
    file.unlink()
    file.mkdir()
    (file / "inside").touch()


def foreign(file: Path) -> None:
    with closing(written(file)) as db:
        db.execute("PRAGMA application_id = 1")


def older(file: Path) -> None:
    with closing(written(file)) as db:
        db.execute(f"PRAGMA user_version = {VERSION - 1}")


def newer(file: Path) -> None:
    with closing(written(file)) as db:
        db.execute(f"PRAGMA user_version = {VERSION + 1}")


def without_a_table(file: Path) -> None:
    with closing(written(file)) as db:
        db.execute("DROP TABLE seen")


def with_a_row_of_another(file: Path) -> None:
    with closing(written(file)) as db, db:
        db.execute("UPDATE items SET rest = 'x'")


def of_another_unicode(file: Path) -> None:
    with closing(written(file)) as db, db:
        db.execute("UPDATE facts SET value = '3.0' WHERE name = 'unicode'")


BAD = [
    noise,
    cut,
    nothing,
    folder,
    foreign,
    older,
    newer,
    without_a_table,
    with_a_row_of_another,
    of_another_unicode,
]


def lines_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if one.levelno >= logging.INFO]


@pytest.mark.parametrize("spoil", BAD)
async def test_a_file_of_no_use_is_thrown_away(
    file: Path, caplog: pytest.LogCaptureFixture, spoil: Callable[[Path], None]
) -> None:
    first = CatalogueStore(file)
    await first.keep(read(*(movie(f"m{number}") for number in range(50))))
    await first.note(Progress(round_no=3))
    await first.close()
    assert lines_of(caplog) == []
    spoil(file)
    second = CatalogueStore(file)
    assert await second.counts() == dict.fromkeys(MediaKind, 0)
    assert await second.progress() == Progress()
    await second.keep(read(movie()))
    assert ids(await second.titled("Film m1", FILMS)) == ["m1"]
    await second.close()
    [line] = lines_of(caplog)
    assert line.startswith(f"{file.name} is ")
    with closing(written(file)) as db:
        assert db.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)


def contents(file: Path) -> dict[str, bytes]:
    return {
        one.name: one.read_bytes() for one in file.parent.rglob("*") if one.is_file()
    }


@pytest.mark.parametrize("spoil", [*BAD, Path.unlink])
async def test_what_was_kept_of_a_lane_that_does_not_run_is_never_thrown_away(
    file: Path, caplog: pytest.LogCaptureFixture, spoil: Callable[[Path], None]
) -> None:
    first = CatalogueStore(file)
    await first.keep(read(*(movie(f"m{number}") for number in range(50))))
    await first.close()
    kept = KeptCatalogue(file)
    assert ids(await kept.titled("Film m1", FILMS)) == ["m1"]
    await kept.close()
    spoil(file)
    before = contents(file)
    kept = KeptCatalogue(file)
    for _ in range(2):
        with pytest.raises(CatalogueError):
            await kept.titled("Film m1", FILMS)
    await kept.close()
    assert contents(file) == before
    assert lines_of(caplog) == []


async def test_damage_that_is_met_in_what_was_kept_is_an_error(file: Path) -> None:
    first = CatalogueStore(file)
    await first.keep(read(movie("m1"), movie("m2")))
    await first.close()
    with closing(written(file)) as db, db:
        db.execute("UPDATE items SET rest = 'x' WHERE id = 'm2'")
    kept = KeptCatalogue(file)
    with pytest.raises(CatalogueError):
        await kept.leaves()
    assert set(await kept.readings(["m1"])) == {"m1"}
    await kept.close()


async def spoil_while_open(catalogue: CatalogueStore, statement: str) -> None:
    def spoil(tables: Any) -> None:
        tables._db.execute(statement)

    await catalogue._ask(spoil)


@pytest.mark.parametrize(
    ("statement", "ask"),
    [
        ("UPDATE items SET rest = 'x'", lambda one: one.readings(["m1"])),
        ("UPDATE items SET rest = 'x'", lambda one: one.leaves()),
        (
            "UPDATE items SET rest = json_set(rest, '$.item.ids.tmdb', 5)",
            lambda one: one.leaves(),
        ),
        ("UPDATE items SET kind = 9", lambda one: one.readings(["m1"])),
        ("UPDATE trigrams SET offsets = x'00'", lambda one: one.like("m1", FILMS, 1)),
        (
            "UPDATE items SET title = CAST(x'ff' AS TEXT)",
            lambda one: one.readings(["m1"]),
        ),
        (
            "UPDATE items SET id = CAST(x'ff' AS TEXT) WHERE kind = 1",
            lambda one: one.shows(),
        ),
        ("INSERT INTO facts VALUES ('progress', '[]')", lambda one: one.progress()),
        ("DROP TABLE keys", lambda one: one.titled("Film m1", FILMS)),
    ],
)
async def test_damage_that_is_met_later_begins_it_anew(
    catalogue: CatalogueStore,
    caplog: pytest.LogCaptureFixture,
    statement: str,
    ask: Callable[[CatalogueStore], Awaitable[object]],
) -> None:
    await catalogue.keep(read(movie("m1"), SHOW))
    await spoil_while_open(catalogue, statement)
    with pytest.raises(CatalogueError):
        await ask(catalogue)
    assert await catalogue.counts() == dict.fromkeys(MediaKind, 0)
    await catalogue.keep(read(movie("m1")))
    assert set(await catalogue.readings(["m1"])) == {"m1"}
    assert len(lines_of(caplog)) == 1


def scribble(file: Path, chance: Random, count: int) -> None:
    content = bytearray(file.read_bytes())
    for _ in range(count):
        content[chance.randrange(len(content))] = chance.randrange(256)
    file.write_bytes(content)


@given(st.integers(0, 2**32), st.integers(1, 400))
@settings(max_examples=8)
def test_random_damage_is_an_error_or_an_answer_and_heals(
    seed: int, count: int
) -> None:
    async def live(folder: str) -> None:
        file = Path(folder, "catalogue")
        first = CatalogueStore(file)
        await first.keep(read(*(movie(f"m{number}") for number in range(40)), SHOW))
        await first.close()
        scribble(file, Random(seed), count)
        second = CatalogueStore(file)
        for _ in range(3):
            try:
                await everything(second, "Film m1")
                await second.keep(read(*(movie(f"m{one}") for one in range(40))))
                await second.drop([f"m{number}" for number in range(40)])
            except CatalogueError:
                continue
        await second.keep(read(movie("new")))
        assert set(await second.readings(["new"])) == {"new"}
        await second.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(live(folder))


async def test_a_fault_of_ours_does_not_cost_the_file(
    catalogue: CatalogueStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await catalogue.keep(read(movie()))
    with monkeypatch.context() as patch:
        patch.setattr(catalogue_store, "same_titled", None)
        with pytest.raises(TypeError):
            await catalogue.titled("Film m1", FILMS)
    assert ids(await catalogue.titled("Film m1", FILMS)) == ["m1"]


# --- a disk of no use -----------------------------------------------------------------


async def test_a_full_disk_keeps_what_was_kept(
    catalogue: CatalogueStore, caplog: pytest.LogCaptureFixture
) -> None:
    await catalogue.keep(read(movie("m1")))
    pages = await catalogue._ask(
        lambda tables: tables._db.execute("PRAGMA page_count").fetchone()[0]
    )
    await spoil_while_open(catalogue, f"PRAGMA max_page_count = {pages}")
    many = read(*(movie(f"x{number}") for number in range(CHUNK)))
    with pytest.raises(CatalogueError):
        await catalogue.keep(many)
    # Opened anew, it may grow again.
    assert set(await catalogue.readings(["m1", "x1"])) == {"m1"}
    await catalogue.keep(many)
    assert len(await catalogue.readings(ids(many))) == CHUNK
    assert len(lines_of(caplog)) == 1


async def test_a_folder_that_cannot_be_written_is_said_once(
    file: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue = CatalogueStore(file)
    with monkeypatch.context() as patch:

        def refuse(*_: object) -> int:
            raise PermissionError(errno.EACCES, "Permission denied")

        patch.setattr("os.open", refuse)
        for _ in range(3):
            with pytest.raises(CatalogueError):
                await catalogue.counts()
    await catalogue.keep(read(movie()))
    await catalogue.close()
    assert len(lines_of(caplog)) == 1


async def test_a_bad_file_that_cannot_be_deleted_is_said_once(
    file: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise(file)
    catalogue = CatalogueStore(file)
    with monkeypatch.context() as patch:

        def refuse(_: Path) -> None:
            raise PermissionError(errno.EACCES, "Permission denied")

        patch.setattr(catalogue_store, "_discard", refuse)
        for _ in range(3):
            with pytest.raises(CatalogueError):
                await catalogue.counts()
    assert (await catalogue.counts())[MediaKind.MOVIE] == 0
    await catalogue.close()
    assert len(lines_of(caplog)) == 2


async def test_a_file_that_is_in_use_elsewhere_is_left_alone(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue_store, "_BUSY", 0.01)
    first, second = CatalogueStore(file), CatalogueStore(file)
    await first.keep(read(movie()))
    with pytest.raises(CatalogueError):
        await second.counts()
    await first.close()
    assert set(await second.readings(["m1"])) == {"m1"}
    await second.close()


# --- whoever waits may go -------------------------------------------------------------


async def test_who_is_cancelled_leaves_no_half_transaction(
    catalogue: CatalogueStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, go_on = threading.Event(), threading.Event()
    write = catalogue_store._Changes.write

    def slow(changes: Any) -> None:
        began.set()
        go_on.wait(10)
        write(changes)

    await catalogue.counts()
    monkeypatch.setattr(catalogue_store._Changes, "write", slow)
    loop = asyncio.get_running_loop()
    first = asyncio.ensure_future(catalogue.keep(read(movie("a"), movie("b"))))
    await loop.run_in_executor(None, began.wait, 10)
    second = asyncio.ensure_future(catalogue.keep(read(movie("c"), movie("d"))))
    await asyncio.sleep(0)
    first.cancel()
    second.cancel()
    await asyncio.wait([first, second])
    go_on.set()
    assert set(await catalogue.readings("abcd")) == {"a", "b"}


async def test_what_fails_halfway_was_not_begun(
    catalogue: CatalogueStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await catalogue.keep(read(movie("a")))
    with monkeypatch.context() as patch:

        def fail(_: object) -> None:
            raise RuntimeError("a fault of ours")

        patch.setattr(catalogue_store._Changes, "_leave", fail)
        with pytest.raises(RuntimeError):
            await catalogue.keep(read(movie("a", title="New"), movie("b")))
    assert set(await catalogue.readings("ab")) == {"a"}
    assert ids(await catalogue.titled("Film a", FILMS)) == ["a"]


async def test_closing_waits_for_what_was_asked_before(file: Path) -> None:
    catalogue = CatalogueStore(file)
    kept = asyncio.ensure_future(catalogue.keep(read(movie())))
    await asyncio.sleep(0)
    closing_it = asyncio.ensure_future(catalogue.close())
    await asyncio.sleep(0)
    closing_it.cancel()
    await catalogue.close()
    assert kept.done()
    again = CatalogueStore(file)
    assert set(await again.readings(["m1"])) == {"m1"}
    await again.close()


async def test_questions_come_between_the_steps_of_a_long_write(
    catalogue: CatalogueStore,
) -> None:
    many = read(*(movie(f"m{number}") for number in range(3 * CHUNK)))
    writing = asyncio.ensure_future(catalogue.keep(many))
    await asyncio.sleep(0)
    known = len(await catalogue.readings(ids(many)))
    assert known == CHUNK
    await writing


# --- the entry ------------------------------------------------------------------------


@pytest.fixture
def hass_storage() -> dict[str, Any]:
    """Have a real disk."""
    return {}


def put_catalogue(path: Path) -> list[Path]:
    path.parent.mkdir(exist_ok=True)
    files = [path.with_name(f"{path.name}{one}") for one in ("", "-wal", "-shm")]
    for one in files:
        one.touch()
    return files


async def test_the_catalogue_goes_with_its_entry(hass: HomeAssistant) -> None:
    entry = await setup_lane(hass, MemoryServer())
    path = catalogue_path(hass, entry.entry_id)
    assert path.name == f"watched_sync.{entry.entry_id}.catalogue"
    files = await hass.async_add_executor_job(put_catalogue, path)
    await hass.config_entries.async_remove(entry.entry_id)
    await hass.async_block_till_done()
    assert not any(one.exists() for one in files)


def put_outbox(path: Path, **data: str) -> None:
    content = {"version": 1, "minor_version": 1, "key": path.name}
    rows: dict[str, object] = {"operations": [], "rejected": [], "history": []}
    path.write_text(json.dumps({**content, "data": {**rows, **data}}), encoding="utf-8")


@pytest.mark.parametrize(
    ("mark", "is_kept"), [({}, True), ({"in_backup_of": at(0).isoformat()}, False)]
)
async def test_a_catalogue_out_of_a_backup_is_not_believed(
    hass: HomeAssistant, mark: dict[str, str], *, is_kept: bool
) -> None:
    path = catalogue_path(hass, "lane")
    outbox = path.with_suffix(".outbox")
    await hass.async_add_executor_job(partial(put_outbox, outbox, **mark))
    earlier = CatalogueStore(path)
    await earlier.keep([Reading(movie("m9"), seen(last=at(0)))])
    await earlier.close()
    entry = await setup_lane(hass, MemoryServer(), entry_id="lane")
    known = await entry.runtime_data.catalogue.readings(["m9"])
    assert bool(known) is is_kept


async def test_a_catalogue_that_cannot_be_deleted_is_named(
    hass: HomeAssistant,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(_: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(catalogue_store, "_discard", refuse)
    await async_remove_catalogue(hass, "lane")
    assert "watched_sync.lane.catalogue could not be deleted" in caplog.text
