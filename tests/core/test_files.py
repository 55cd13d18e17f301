"""A film in several files, each of which has a play state of its own."""

from typing import Any

import pytest

from custom_components.watched_sync.core.errors import Reason
from custom_components.watched_sync.core.identity import Item, MediaKind
from custom_components.watched_sync.core.operation import (
    Change,
    MarkUnwatched,
    MarkWatched,
    SetProgress,
    flag_of,
)
from custom_components.watched_sync.core.outbox import Result
from custom_components.watched_sync.core.reconcile import Policy

from .rig import Rig
from .samples import at, seen, unseen
from .twins import ERROR, LIE, Ask, ModelServer, movie
from .virtual import virtual

FILM = movie()
FILES = ("m1.a", "m1.b")


def with_files(**options: Any) -> Rig:
    """Return a lane whose server has a film in three files, and one in a single one."""
    rig = Rig(**options)
    rig.server.add(FILM, movie("m2"))
    for file in FILES:
        rig.server.add_file(FILM, file)
    return rig


def marked(server: ModelServer) -> list[bool | None]:
    """Return the flags of the film and of its further files."""
    return [
        server.states[FILM.item_id].watched,
        *(server.file_states[file].watched for file in FILES),
    ]


@pytest.mark.parametrize(
    ("change", "flag"),
    [
        (MarkWatched(at(1)), MarkWatched(at(1))),
        (MarkUnwatched(), MarkUnwatched()),
        (SetProgress(60), None),
        (SetProgress(60, watched=True, at=at(1)), MarkWatched(at(1))),
        (SetProgress(60, watched=False), MarkUnwatched()),
    ],
)
def test_flag_of_a_change(change: Change, flag: Change | None) -> None:
    assert flag_of(change) == flag


@virtual
async def test_all_files_of_a_film_are_marked_and_looked_at() -> None:
    rig = with_files().start()
    await rig.ask(MarkWatched(), FILM)
    await rig.drained(5)
    assert marked(rig.server) == [True] * 3
    assert rig.results() == [Result.DELIVERED]
    assert rig.asks() == ["F", "f", "W", "W", "W", "F", "f"]
    await rig.ask(MarkUnwatched(), FILM)
    await rig.drained(5)
    assert marked(rig.server) == [False] * 3


@virtual
async def test_film_in_one_file_costs_no_request_more() -> None:
    rig = with_files().start()
    await rig.ask(MarkWatched(), movie("m2"))
    await rig.drained(5)
    assert rig.asks() == ["F", "W", "F"]


@virtual
async def test_position_is_of_one_file_alone() -> None:
    rig = with_files().start()
    await rig.ask(SetProgress(600), FILM)
    await rig.drained(5)
    assert rig.server.states[FILM.item_id].position == 600
    assert [rig.server.file_states[one].position for one in FILES] == [0, 0]
    assert rig.server.count(Ask.FILES) == 0


@virtual
async def test_position_that_marks_as_well_marks_all_files() -> None:
    rig = with_files().start()
    await rig.ask(SetProgress(600, watched=True), FILM)
    await rig.drained(5)
    assert marked(rig.server) == [True] * 3
    assert rig.server.states[FILM.item_id].position == 600


@virtual
async def test_files_of_a_film_that_is_marked_already_are_marked() -> None:
    rig = with_files()
    rig.server.states[FILM.item_id] = seen(last=at(-9_999))
    rig.start()
    await rig.ask(MarkWatched(), FILM)
    await rig.drained(5)
    assert marked(rig.server) == [True] * 3
    assert [item_id for item_id, _ in rig.server.writes] == list(FILES)
    # The film itself was not ours to mark, nor is it to undo.
    assert rig.results() == [Result.ALREADY_TRUE]
    await rig.ask(MarkWatched(), FILM)
    await rig.drained(5)
    assert len(rig.server.writes) == 2


@virtual
async def test_where_somebody_else_has_the_last_word_no_file_is_marked() -> None:
    rig = with_files(policy=Policy.SERVER).start()
    rig.server.states[FILM.item_id] = seen(last=at(-9_999))
    await rig.ask(MarkUnwatched(), FILM, base=unseen(position=300))
    await rig.drained(5)
    assert rig.results() == [Result.OVERRULED]
    assert rig.server.writes == []


@virtual
async def test_mark_is_done_once_every_file_shows_it() -> None:
    rig = with_files().start()
    rig.server.on(Ask.WRITE, None, LIE, ERROR)
    await rig.ask(MarkWatched(), FILM)
    await rig.drained(600)
    assert marked(rig.server) == [True] * 3
    assert rig.results() == [Result.DELIVERED]
    assert [item_id for item_id, _ in rig.server.writes] == [
        FILM.item_id,
        *FILES,
        *FILES,
    ]


@virtual
async def test_file_that_may_not_be_marked_is_said() -> None:
    rig = with_files().start()
    rig.server.forbidden.add(FILES[1])
    await rig.ask(MarkWatched(), FILM)
    await rig.drained(5)
    assert [one.reason for one in rig.outcomes] == [Reason.FORBIDDEN]
    assert marked(rig.server) == [True, True, False]


@virtual
async def test_file_named_by_its_id_while_the_server_was_away_is_the_film() -> None:
    rig = with_files().start()
    named = Item(FILES[1], MediaKind.UNKNOWN, FILES[1])
    await rig.ask(MarkWatched(), named)
    await rig.drained(5)
    assert marked(rig.server) == [True] * 3
    assert [one.operation.item.item_id for one in rig.outcomes] == [FILM.item_id]


@virtual
async def test_overtaken_mark_of_files_has_no_last_word() -> None:
    rig = with_files()
    rig.server.states[FILM.item_id] = seen(last=at(-9_999))
    rig.start()
    await rig.ask(MarkWatched(), FILM)
    await rig.until(lambda: rig.server.count(Ask.FILES) == 1)
    await rig.ask(MarkUnwatched(), FILM)
    await rig.drained(60)
    assert marked(rig.server) == [False] * 3
