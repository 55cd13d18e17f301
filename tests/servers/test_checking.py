"""A check: what it says of simulated servers, and that it leaves no trace there."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, Final

from aiohttp import ClientSession, ServerDisconnectedError, TraceConfig
import pytest

from custom_components.watched_sync.core.checking import (
    CheckRequest,
    NothingSuitable,
)
from custom_components.watched_sync.core.errors import ServerError
from custom_components.watched_sync.core.facts import (
    FACTS,
    FactVerdict,
    Finding,
    NotTried,
)
from custom_components.watched_sync.core.restoring import RestoreNote, put_back
from tests.fakes.base import FaultKind, RefusalError
from tests.fakes.jellyfin import FakeJellyfin
from tests.fakes.jellyfin.api import Api
from tests.fakes.jellyfin.items import Kind
from tests.fakes.jellyfin.user_data import ResumeRules, UserData
from tests.fakes.plex import FakePlex

from .checked import (
    DEAF,
    LISTENING,
    SERVERS,
    AnyFake,
    Kept,
    access,
    everything,
    make_check,
    no_pause,
    serving,
)

pytestmark = pytest.mark.usefixtures("socket_enabled")

JELLYFIN: Final = "tests.fakes.jellyfin.server"
SAME, DIFFERS, NOT_TRIED = FactVerdict

type Patch = pytest.MonkeyPatch
type Switch = Callable[[Any, Patch], None]


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    async with ClientSession() as opened:
        yield opened


async def walk(
    server: AnyFake, session: ClientSession, wanted: CheckRequest = DEAF, *only: str
) -> dict[str, Finding]:
    """Check all of it, or *only* some; what could not be put back is a mistake."""
    before = everything(server)
    check, kept = await make_check(server, session, wanted), Kept()
    if only:
        check._believed = {key: check._believed[key] for key in only}
    await check.read()
    assert everything(server) == before
    assert await check.write(kept) == {}
    assert everything(server) == before
    assert kept.last is None
    return {one.fact.key: one for one in check.findings}


def of(found: dict[str, Finding], verdict: FactVerdict) -> set[str]:
    return {key for key, one in found.items() if one.verdict is verdict}


@pytest.mark.parametrize("name", SERVERS)
async def test_simulated_server_does_what_is_believed(
    name: str, session: ClientSession
) -> None:
    async with serving(name) as server:
        found = await walk(server, session, LISTENING)
    assert of(found, DIFFERS) == of(found, NOT_TRIED) == set()
    told = {key for key, one in found.items() if one.seconds is not None}
    assert told == {
        key for key, one in found.items() if key.endswith("_told") and one.value is True
    } - {"clock_told"}
    stated = {key for key, one in found.items() if one.with_state}
    assert stated == (told if name != "plex" else set())


@pytest.mark.parametrize("name", SERVERS)
async def test_reading_writes_nothing(name: str, session: ClientSession) -> None:
    async with serving(name) as server:
        check = await make_check(server, session)
        server.clear_log()
        await check.read()
        asked = {one.method for one in server.requests}
    found = {one.fact.key: one for one in check.findings}
    written = {one.key for one in FACTS if one.writes}
    assert asked == {"GET"}
    assert {found[key].not_tried for key in written & found.keys()} == {
        NotTried.READ_ONLY
    }
    assert of(found, SAME) == found.keys() - written - {"socket_opens"}
    assert found["socket_opens"].not_tried is NotTried.NO_SOCKET


# --- each capability the other way --------------------------------------------------


def option(**values: object) -> Switch:
    """Turn options of the simulated Plex."""

    def switch(server: FakePlex, _: Patch) -> None:
        for name, value in values.items():
            setattr(server.options, name, value)

    return switch


def profile(**values: Any) -> Switch:
    """Change the version that the simulated Jellyfin is."""

    def switch(server: FakeJellyfin, _: Patch) -> None:
        changed = replace(server.profile, **values)
        for one in (server, server.states, server.sessions, server.states.merging):
            for name in ("profile", "_profile"):
                if hasattr(one, name):
                    setattr(one, name, changed)

    return switch


def setting(name: str, value: object) -> Switch:
    """Set something of a server."""

    def switch(server: AnyFake, patch: Patch) -> None:
        patch.setattr(server, name, value)

    return switch


def failing(path: str, kind: FaultKind = FaultKind.STATUS, **more: Any) -> Switch:
    """Have requests fail."""

    def switch(server: AnyFake, _: Patch) -> None:
        server.fail(kind, path=path, times=None, **more)

    return switch


def after(name: str, then: Callable[..., None]) -> Switch:
    """Have the simulated Jellyfin do something more once it has changed a row."""

    def switch(_: AnyFake, patch: Patch) -> None:
        real = getattr(__import__(JELLYFIN, fromlist=[name]), name)

        def changed(data: Any, *arguments: Any) -> None:
            before = replace(data)
            real(data, *arguments)
            then(data, before)

        patch.setattr(f"{JELLYFIN}.{name}", changed)

    return switch


def forget_count(data: Any, before: Any) -> None:
    data.play_count = before.play_count


def forget_date(data: Any, before: Any) -> None:
    data.last_played_date = before.last_played_date


def count_twice(data: Any, before: Any) -> None:
    data.play_count = before.play_count + 2


def change_nothing(data: Any, before: Any) -> None:
    for name in data.__slots__:
        setattr(data, name, getattr(before, name))


def written(change: Callable[[dict[str, Any], int], None]) -> Switch:
    """Have the simulated Jellyfin change what is to be written to user data."""

    def switch(_: AnyFake, patch: Patch) -> None:
        real = Api._changes

        def changed(self: Api, body: Any) -> Any:
            values = real(self, body)
            seconds = values.get("position_ticks", 0) // 10_000_000
            change(values, seconds)
            return values

        patch.setattr(Api, "_changes", changed)

    return switch


def lose(name: str, when: Callable[[int], bool]) -> Switch:
    def change(values: dict[str, Any], seconds: int) -> None:
        if when(seconds):
            values.pop(name, None)

    return written(change)


def unwatch(values: dict[str, Any], seconds: int) -> None:
    if seconds:
        values["played"] = False


def watch_at_the_end(values: dict[str, Any], seconds: int) -> None:
    if seconds > 6000:
        values["played"] = True


def marking(leaves: Callable[[Any, bool], bool]) -> Switch:
    """Have a mark of a show or season reach only some of its episodes."""

    def switch(server: FakeJellyfin, patch: Patch) -> None:
        real = server._marked_with

        def marked(user: Any, item: Any, *, played: bool) -> Any:
            found = list(real(user, item, played=played))
            if not item.is_folder:
                return found
            return [one for one in found if leaves(one, played)]

        patch.setattr(server, "_marked_with", marked)

    return switch


def mark_everything(server: FakeJellyfin, patch: Patch) -> None:
    """Have the mark of a season be one of its show."""
    real = server._marked_with

    def marked(user: Any, item: Any, *, played: bool) -> Any:
        above = server.catalogue.get(item.series_id)
        return real(user, item if above is None else above, played=played)

    patch.setattr(server, "_marked_with", marked)


def listing(found: Callable[[list[Any], Any], list[Any]]) -> Switch:
    """Have the simulated Jellyfin list something else."""

    def switch(server: FakeJellyfin, patch: Patch) -> None:
        real = server.listing.select

        def select(query: Any, user: Any) -> list[Any]:
            return found(real(query, user), query)

        patch.setattr(server.listing, "select", select)

    return switch


def refuse_sorting(server: FakePlex, patch: Patch) -> None:
    real = server._select

    def select(entries: Any, request: Any, user: Any) -> Any:
        if "sort" in request.query:
            raise RefusalError(400)
        return real(entries, request, user)

    patch.setattr(server, "_select", select)


def miscount(server: FakeJellyfin, patch: Patch) -> None:
    real = server.states.folder_counts

    def counted(user: Any, item: Any) -> tuple[int, int]:
        total, unplayed = real(user, item)
        return total, max(unplayed, 1)

    patch.setattr(server.states, "folder_counts", counted)


#: For each fact a server that does otherwise than we believe.
CASES: Final[dict[str, tuple[str, Switch]]] = {
    "batch_complete": (
        "12.0",
        listing(lambda found, query: found[:4] if "ids" in query else found),
    ),
    "batch_leaves_out_gone": ("plex", option(leaves_out_gone=False)),
    "batch_narrowed_by_library": (
        "12.0",
        listing(
            lambda found, query: [] if "ids" in query and "parentId" in query else found
        ),
    ),
    "search_finds": (
        "12.0",
        listing(lambda found, query: [] if "searchTerm" in query else found),
    ),
    "ids_find": (
        "12.0",
        listing(lambda found, query: [] if "searchTerm" in query else found),
    ),
    "unwatched_counted": ("plex", setting("tells_totals", value=False)),
    "plays_listed": ("plex", refuse_sorting),
    "up_next_listed": ("12.0", failing("/Resume$", status=400)),
    "socket_opens": ("12.0", failing("/socket$", status=404)),
    "mark_works": (
        "12.0",
        failing("/UserPlayedItems/", FaultKind.NOT_APPLIED, method="POST"),
    ),
    "mark_count": ("12.0", after("mark_played", count_twice)),
    "mark_dated": ("12.0", after("mark_played", forget_date)),
    "mark_told": ("12.0", setting("_debounce", value=60)),
    "mark_again_counts": ("12.0", after("mark_played", count_twice)),
    "mark_by_get": ("plex", option(scrobble_methods=frozenset({"PUT"}))),
    "mark_by_put": ("plex", option(scrobble_methods=frozenset({"GET"}))),
    "position_keeps_flag": ("12.0", written(unwatch)),
    "play_keeps_flag": ("12.0", profile(start_resets_played=True)),
    "play_counts_at_start": ("12.0", after("on_start", forget_count)),
    "play_told": ("plex", setting("muted", value=True)),
    "unmark_count": ("12.0", after("mark_unplayed", forget_count)),
    "unmark_clears_date": ("emby", after("mark_unplayed", forget_date)),
    "position_works": ("12.0", lose("position_ticks", lambda seconds: seconds > 60)),
    "position_told": ("plex", setting("muted", value=True)),
    "position_low_kept": ("plex", option(min_progress_ms=10_000)),
    "position_high_kept": ("plex", option(played_threshold=97)),
    "position_high_marks": ("12.0", written(watch_at_the_end)),
    "date_kept": ("12.0", lose("last_played_date", lambda _: True)),
    "play_low_kept": ("12.0", setting("resume_rules", ResumeRules(min_percent=1))),
    "play_high_marks": ("12.0", setting("resume_rules", ResumeRules(max_percent=99))),
    "season_mark_works": (
        "12.0",
        marking(lambda leaf, played: leaf.index_number != 1 or not played),
    ),
    "season_mark_stays_within": ("12.0", mark_everything),
    "season_mark_told": ("plex", option(mark_activity=True)),
    "season_mark_whole": ("12.0", profile(folder_marks_leave_old_state=False)),
    "season_unmark_works": (
        "12.0",
        marking(lambda leaf, played: leaf.index_number != 1 or played),
    ),
    "show_mark_works": (
        "12.0",
        marking(lambda leaf, played: leaf.index_number != 1 or not played),
    ),
    "show_mark_reaches_specials": (
        "12.0",
        marking(lambda leaf, played: leaf.season_number != 0 or not played),
    ),
    "show_mark_counted": ("12.0", miscount),
    "show_unmark_works": (
        "12.0",
        marking(lambda leaf, played: leaf.index_number != 1 or played),
    ),
}

#: Without these there is nothing to choose from.
CHOOSING: Final = {"libraries_listed", "film_page_time", "show_page_time"}

#: Those that have tests of their own.
ELSEWHERE: Final = {
    "version",
    "user_known",
    "clock_told",
    "libraries_listed",
    "film_page_time",
    "show_page_time",
    "episode_page_time",
    "unmark_works",
}


def test_each_fact_is_tried_the_other_way() -> None:
    assert CASES.keys() | ELSEWHERE == {one.key for one in FACTS}


@pytest.mark.parametrize("key", CASES)
async def test_table_says_what_differs(
    key: str, session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, switch = CASES[key]
    listens = key.endswith(("_told", "opens"))
    async with serving(name) as server:
        switch(server, monkeypatch)
        wanted = LISTENING if listens else DEAF
        found = await walk(server, session, wanted, *CHOOSING, key)
    assert of(found, DIFFERS) == {key}
    assert of(found, SAME) == CHOOSING


async def test_what_cannot_be_put_back_is_named(
    session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without un-marks nobody can take a date away; the note stays."""
    async with serving("12.0") as server:
        assert isinstance(server, FakeJellyfin)
        after("mark_unplayed", change_nothing)(server, monkeypatch)
        check, kept = await make_check(server, session), Kept()
        await check.read()
        left = await check.write(kept)
        found = {one.fact.key: one for one in check.findings}
        assert {"unmark_works", "show_unmark_works"} <= of(found, DIFFERS)
        assert check.film is not None
        assert left.keys() == {check.film.item_id}
        assert kept.last is not None
        assert kept.last.stored == left
        monkeypatch.undo()
        _, direct = access(server, session)
        assert await put_back(direct, kept.last, no_pause, ()) == {}
        assert all(row == UserData() for row in server.states.snapshot()[0].values())


@pytest.mark.parametrize(
    ("known", "key"),
    [({"version": "10.8.13"}, "version"), ({"user_name": ""}, "user_known")],
)
async def test_who_answers_is_compared(
    known: dict[str, str], key: str, session: ClientSession
) -> None:
    async with serving("12.0") as server:
        check = await make_check(server, session)
        check._info = replace(check._info, **known)
        await check.read()
    assert of({one.fact.key: one for one in check.findings}, DIFFERS) == {key}


async def test_slow_pages_are_told(session: ClientSession) -> None:
    async with serving("12.0") as server:
        check = await make_check(server, session)
        seconds = iter(range(0, 10_000, 31))
        check._clock = SimpleNamespace(monotonic=lambda: float(next(seconds)))
        await check.read()
    found = {one.fact.key: one for one in check.findings}
    assert of(found, DIFFERS) == {
        "film_page_time",
        "show_page_time",
        "episode_page_time",
    }
    assert found["film_page_time"].value == 31.0


async def test_server_without_dates_is_told(
    session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving("12.0") as server:
        check = await make_check(server, session)
        monkeypatch.setattr(type(check._server), "clock_offset", None)
        await check.read()
    assert of({one.fact.key: one for one in check.findings}, DIFFERS) == {"clock_told"}


# --- what there is to try things on -------------------------------------------------


@pytest.mark.parametrize("name", ["plex", "12.0", "emby"])
async def test_empty_server_is_tried_as_far_as_it_goes(
    name: str, session: ClientSession
) -> None:
    async with serving(name) as server:
        if isinstance(server, FakePlex):
            server.users["alex"] = replace(server.users["alex"], libraries=())
            server._tokens[server.token_for("alex")] = server.users["alex"]
        else:
            server.user("alex").libraries = frozenset()
        found = await walk(server, session)
    assert of(found, DIFFERS) == {"libraries_listed"}
    assert {one.not_tried for one in found.values()} == {
        None,
        NotTried.NO_FILM,
        NotTried.NO_SHOW,
        NotTried.NO_SOCKET,
    }


async def test_film_and_show_can_be_named(session: ClientSession) -> None:
    async with serving("12.0") as server:
        wanted = replace(DEAF, film="alien", show="the bear")
        check = await make_check(server, session, wanted)
        await check.read()
    assert check.film is not None
    assert check.show is not None
    assert (check.film.title, check.show.title) == ("Alien", "The Bear")


@pytest.mark.parametrize(
    "wanted", [replace(DEAF, film="No Such Film"), replace(DEAF, show="No Such Show")]
)
async def test_what_is_named_and_not_there_is_refused(
    wanted: CheckRequest, session: ClientSession
) -> None:
    async with serving("plex") as server:
        check = await make_check(server, session, wanted)
        with pytest.raises(NothingSuitable, match="No Such"):
            await check.read()


async def test_plex_film_that_was_watched_is_left_alone(
    session: ClientSession,
) -> None:
    """Its count and its date cannot be written."""
    async with serving("plex") as server:
        assert isinstance(server, FakePlex)
        server.set_state("alex", server.rating_key("Alien"), view_count=2)
        check = await make_check(server, session, replace(DEAF, film="Alien"))
        with pytest.raises(NothingSuitable, match="Alien"):
            await check.read()


@pytest.mark.parametrize("name", ["10.11", "12.0", "emby"])
async def test_film_and_show_that_were_watched_are_put_back(
    name: str, session: ClientSession
) -> None:
    """To the last digit, with favourites and ratings."""
    async with serving(name) as server:
        assert isinstance(server, FakeJellyfin)
        alex = server.user("alex")
        when = server.clock() - timedelta(days=3, microseconds=123_457)
        for number, item in enumerate(server.catalogue.items.values()):
            if item.is_folder or item.virtual:
                continue
            row = server.states.row(alex, item)
            row.favorite = number % 2 == 0
            row.likes = True
            row.rating = 7.5
            row.played = number % 3 == 0
            row.play_count = number % 3
            row.position_ticks = number % 4 * 12_345_678_901
            row.last_played_date = None if number % 5 == 0 else when
        found = await walk(server, session)
    assert of(found, DIFFERS) == set()


async def test_film_of_several_files_is_left_alone(session: ClientSession) -> None:
    """From 12.0 on its files are marked together."""
    async with serving("12.0") as server:
        assert isinstance(server, FakeJellyfin)
        server.catalogue.add_version(server.item_id("Alien"), "1080p", linked=True)
        check = await make_check(server, session, replace(DEAF, film="Alien"))
        with pytest.raises(NothingSuitable):
            await check.read()


async def test_single_library_is_said(
    session: ClientSession,
) -> None:
    async with serving("12.0") as server:
        assert isinstance(server, FakeJellyfin)
        server.user("alex").libraries = frozenset({"Movies"})
        found = await walk(server, session)
    assert found["batch_narrowed_by_library"].not_tried is NotTried.ONE_LIBRARY
    assert found["show_page_time"].not_tried is NotTried.NO_SHOW


async def test_film_without_ids_is_not_looked_for_by_them(
    session: ClientSession,
) -> None:
    async with serving("12.0") as server:
        assert isinstance(server, FakeJellyfin)
        for item in server.catalogue.items.values():
            server.catalogue.items[item.id] = replace(item, provider_ids={})
        check = await make_check(server, session)
        await check.read()
    found = {one.fact.key: one for one in check.findings}
    assert found["ids_find"].not_tried is NotTried.NO_IDS


# --- whatever happens meanwhile -----------------------------------------------------


class Killed(BaseException):
    """The process is gone."""


class Cut:
    """Ends a check at its n-th request, before or after the server has answered it.

    For good, as a kill does, or once.
    """

    def __init__(
        self, at: int, error: type[BaseException], *, for_good: bool = False
    ) -> None:
        self._left = at
        self._error = error
        self._for_good = for_good
        self.has_struck = False
        self.task: asyncio.Task[None] | None = None

    def session(self, *, answered: bool) -> ClientSession:
        trace = TraceConfig()
        (trace.on_request_end if answered else trace.on_request_start).append(
            self._count
        )
        return ClientSession(trace_configs=[trace])

    async def _count(self, *_: object) -> None:
        self._left -= 1
        if self._left == 0 or (self._left < 0 and self._for_good):
            self.has_struck = True
            if self._error is not asyncio.CancelledError:
                raise self._error
            assert self.task is not None
            self.task.cancel()


async def cut_short(server: AnyFake, cut: Cut, *, answered: bool) -> Kept:
    """Check until it is cut."""
    kept = Kept()

    async def run() -> None:
        wanted = replace(DEAF, pauses=(0.0,))
        async with cut.session(answered=answered) as session:
            check = await make_check(server, session, wanted)
            await check.read()
            await check.write(kept)

    cut.task = asyncio.create_task(run())
    with suppress(Killed):
        await asyncio.wait([cut.task])
    if not cut.task.cancelled() and (error := cut.task.exception()):
        assert isinstance(error, Killed | ServerError), error
    return kept


#: Every so many requests of two servers are tried, and each of all in a long run.
STRIDES: Final = [
    pytest.param("plex", 41, id="plex"),
    pytest.param("12.0", 41, id="12.0"),
    *(
        pytest.param(
            name,
            1,
            id=f"{name}, each",
            marks=[pytest.mark.long, pytest.mark.timeout(900)],
        )
        for name in ("plex", "10.11", "12.0", "emby")
    ),
]


@pytest.mark.parametrize("answered", [False, True], ids=["sent", "answered"])
@pytest.mark.parametrize(("name", "stride"), STRIDES)
async def test_killed_check_can_be_put_back(
    name: str, stride: int, session: ClientSession, *, answered: bool
) -> None:
    async with serving(name) as server:
        before, at = everything(server), 1
        while True:
            cut = Cut(at, Killed, for_good=True)
            kept = await cut_short(server, cut, answered=answered)
            if kept.last is not None:
                _, direct = access(server, session)
                assert await put_back(direct, kept.last, no_pause, ()) == {}
            assert everything(server) == before, f"killed at request {at}"
            if not cut.has_struck:
                break
            at += stride


@pytest.mark.parametrize("answered", [False, True], ids=["sent", "answered"])
@pytest.mark.parametrize(("name", "stride"), STRIDES)
@pytest.mark.parametrize("error", [asyncio.CancelledError, ServerDisconnectedError])
async def test_interrupted_check_puts_back_by_itself(
    name: str, error: type[BaseException], stride: int, *, answered: bool
) -> None:
    async with serving(name) as server:
        before, at = everything(server), 1
        while True:
            cut = Cut(at, error)
            kept = await cut_short(server, cut, answered=answered)
            assert kept.last is None
            assert everything(server) == before, f"interrupted at request {at}"
            if not cut.has_struck:
                break
            at += stride


async def test_server_that_is_lost_is_waited_for(session: ClientSession) -> None:
    """Nothing more is tried, and what was done is put back once it is there again."""
    async with serving("12.0") as server:
        before = everything(server)
        check, kept = await make_check(server, session), Kept()
        await check.read()
        pauses: list[float] = []

        async def come_back(seconds: float) -> None:
            pauses.append(seconds)
            if len(pauses) == 4:
                server.clear_faults()

        check._sleep = come_back
        check._wanted = replace(DEAF, pauses=(1.0, 2.0, 4.0, 8.0))
        server.fail(FaultKind.STATUS, status=503, times=None, after=20)
        assert await check.write(kept) == {}
        assert pauses == [0.0, 1.0, 2.0, 4.0]
        assert everything(server) == before
    found = {one.fact.key: one for one in check.findings}
    assert NotTried.STOPPED in {one.not_tried for one in found.values()}
    assert "Busy" in {one.error for one in found.values()}


async def test_server_that_is_lost_at_once_is_asked_nothing_more(
    session: ClientSession,
) -> None:
    async with serving("12.0") as server:
        check = await make_check(server, session)
        server.clear_log()
        server.fail(FaultKind.STATUS, status=503, times=None)
        await check.read()
        assert len(server.requests) == 2
    found = {one.fact.key: one for one in check.findings}
    assert found["search_finds"].not_tried is NotTried.STOPPED
    assert (check.film, check.show) == (None, None)


async def test_sign_in_that_has_ended_leaves_the_note(session: ClientSession) -> None:
    async with serving("12.0") as server:
        check, kept = await make_check(server, session), Kept()
        await check.read()
        server.fail(FaultKind.STATUS, status=401, times=None, after=20)
        left = await check.write(kept)
        assert left.keys() == check.titles.keys()
        assert kept.last is not None


@pytest.mark.parametrize("name", ["plex", "12.0"])
async def test_items_that_are_gone_are_not_missed(
    name: str, session: ClientSession
) -> None:
    async with serving(name) as server:
        check, kept = await make_check(server, session), Kept()
        await check.read()
        await check.write(kept)
        note = kept.all[0]
        assert note is not None
        for key in check.titles:
            server.remove_item(key)
        _, direct = access(server, session)
        gone = note.while_playing(next(iter(check.titles)), "a-session")
        assert await put_back(direct, gone, no_pause, ()) == {}


async def test_server_without_any_method_is_left_as_it_is(
    session: ClientSession,
) -> None:
    async with serving("plex") as server:
        assert isinstance(server, FakePlex)
        check, kept = await make_check(server, session), Kept()
        await check.read()
        assert check.film is not None
        await check.write(kept)
        server.set_state("alex", check.film.item_id, view_count=1)
        server.options.scrobble_methods = frozenset()
        assert kept.all[0] is not None
        _, direct = access(server, session)
        left = await put_back(direct, kept.all[0], no_pause, ())
        assert left.keys() == {check.film.item_id}


@pytest.mark.parametrize("what", ["film", "season", "episode", "number"])
async def test_what_vanishes_meanwhile_is_said(
    what: str, session: ClientSession
) -> None:
    async with serving("12.0") as server:
        check = await make_check(server, session)
        await check.read()
        assert check.film is not None
        episode = check._episodes[-1]
        match what:
            case "film":
                server.remove_item(check.film.item_id)
            case "season":
                assert check._episodes[-1].season_id is not None
                check._episodes = [replace(episode, season_id="0" * 31 + "1")]
            case "episode":
                server.remove_item(episode.item_id)
            case _:
                check._episodes = [replace(episode, season_id=None)]
        await check.write(Kept())
    reasons = {one.not_tried for one in check.findings}
    assert (NotTried.NO_FILM in reasons) == (what == "film")
    assert (NotTried.NO_SHOW in reasons) == (what == "episode")
    errors = {one.error for one in check.findings} - {""}
    assert errors == ({"ItemGone"} if what in {"season", "number"} else set())


async def test_socket_that_is_lost_tells_nothing_more(session: ClientSession) -> None:
    async with serving("12.0") as server:
        check, kept = await make_check(server, session, LISTENING), Kept()
        await check.read()

        async def keep(note: RestoreNote | None) -> None:
            await kept(note)
            if note is not None and note.playing:
                await server.drop_sockets()

        await check.write(keep)
    found = {one.fact.key: one for one in check.findings}
    assert found["mark_told"].value is True
    assert found["play_told"].not_tried is NotTried.NO_SOCKET
    assert found["socket_opens"].value is True


@pytest.mark.parametrize(
    ("name", "shows"),
    [
        ("12.0", ["Merged"]),
        *(
            pytest.param(name, None, marks=[pytest.mark.long, pytest.mark.timeout(600)])
            for name in ("10.11", "12.0", "emby")
        ),
    ],
)
async def test_odd_shows_are_put_back_as_well(
    name: str, shows: list[str] | None, session: ClientSession
) -> None:
    """Merged ones, seasons without folders, episodes without numbers."""
    async with serving(name, oddities=True) as server:
        assert isinstance(server, FakeJellyfin)
        for show in shows or {
            one.name
            for one in server.catalogue.items.values()
            if one.kind is Kind.SERIES
        }:
            with suppress(NothingSuitable):
                found = await walk(server, session, replace(DEAF, show=show))
                assert of(found, DIFFERS) <= {"show_mark_counted"}, show


@pytest.mark.parametrize(
    ("options", "differing"),
    [
        ({"ignore_paging": True}, {"unwatched_counted"}),
        ({"max_page": 3}, {"batch_complete", "batch_leaves_out_gone"}),
        ({"timeline_methods": frozenset({"GET"})}, set()),
        ({"owner_only_status": 401}, set()),
    ],
    ids=["ignores paging", "short pages", "GET alone", "401 to others"],
)
async def test_variants_of_plex_are_put_back_as_well(
    options: dict[str, Any],
    differing: set[str],
    session: ClientSession,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serving("plex") as server:
        option(**options)(server, monkeypatch)
        assert of(await walk(server, session), DIFFERS) == differing


async def test_what_was_watched_since_it_was_chosen_is_left_alone(
    session: ClientSession,
) -> None:
    """The question whether to go on may stand there for an evening."""
    async with serving("plex") as server:
        assert isinstance(server, FakePlex)
        check = await make_check(server, session)
        await check.read()
        for key in check.titles:
            server.set_state("alex", key, view_count=2)
        before = everything(server)
        assert await check.write(Kept()) == {}
        assert everything(server) == before
    found = {one.fact.key: one for one in check.findings}
    assert found["mark_works"].not_tried is NotTried.NO_FILM
    assert found["show_mark_works"].not_tried is NotTried.NO_SHOW
