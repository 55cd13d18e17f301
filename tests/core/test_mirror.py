"""What a move on one lane means for another: tables, without any server."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from custom_components.watched_sync.core import mirror
from custom_components.watched_sync.core.identity import Item
from custom_components.watched_sync.core.mirror import (
    Move,
    Moves,
    Skip,
    SkippedCopy,
    as_of,
    asked_since,
    cause_of,
    change_for,
    keeping_place,
    played_at,
    verdict,
)
from custom_components.watched_sync.core.operation import (
    Change,
    MarkUnwatched,
    MarkWatched,
    Operation,
    Origin,
    SetProgress,
)
from custom_components.watched_sync.core.outbox import HistoryEntry, Result
from custom_components.watched_sync.core.play_state import UNKNOWN, PlayState, Reading
from custom_components.watched_sync.core.reconcile import Policy

from .samples import an_operation, at, seen, unseen
from .twins import JELLYFIN, PLEX, episode, movie, show

NOW = at(3600)
BEFORE = at(-3600)
HERE = ("b",)


def noted(
    known: PlayState | None,
    after: PlayState,
    *,
    moves: Moves | None = None,
    item: Item | None = None,
    cause: Operation | None = None,
    targets: Iterable[str] = HERE,
    **options: Any,
) -> Moves:
    """Return *moves*, or fresh ones, after one step."""
    moves = Moves(since=at(0)) if moves is None else moves
    moves.note(
        known,
        Reading(item or movie(), after),
        tuple(targets),
        cause=cause,
        now=options.get("now", NOW),
        clock_offset=options.get("clock_offset"),
    )
    return moves


def only(moves: Moves) -> Move:
    (move,) = moves
    return move


def move(
    after: PlayState,
    before: PlayState | None = None,
    item: Item | None = None,
    **fields: Any,
) -> Move:
    return Move(
        item or movie(),
        after,
        {"b": before},
        fields.pop("moved_at", NOW),
        NOW,
        **fields,
    )


# --- what is a move -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("known", "after", "moved_at"),
    [
        pytest.param(unseen(), seen(), NOW, id="a mark without a date is seen now"),
        pytest.param(unseen(), seen(last=at(60)), at(60), id="a play has a date"),
        pytest.param(
            unseen(last=at(60)), seen(last=at(60)), NOW, id="an old date says nothing"
        ),
        pytest.param(unseen(), seen(last=at(3605)), NOW, id="a clock a little ahead"),
        pytest.param(unseen(), seen(last=at(9999)), NOW, id="a date in the future"),
        pytest.param(seen(last=at(1)), unseen(), NOW, id="an un-mark has no date"),
        pytest.param(seen(), unseen(last=at(60)), NOW, id="whatever date it left"),
        pytest.param(unseen(), unseen(600, at(60)), at(60), id="a position has a date"),
        pytest.param(
            seen(last=at(1)), seen(last=at(60)), at(60), id="it was played again"
        ),
        pytest.param(None, seen(last=at(60)), at(60), id="a play since copying began"),
        pytest.param(None, unseen(600, at(60)), at(60), id="a beginning since then"),
        pytest.param(None, seen(last=BEFORE), None, id="P3: a play from before"),
        pytest.param(None, seen(), None, id="P3: a first reading without a date"),
        pytest.param(None, unseen(), None, id="P3: a copy that is new"),
        pytest.param(None, unseen(last=at(60)), None, id="P3: unwatched is no opinion"),
        pytest.param(unseen(), unseen(1.5), None, id="a rounding is no move"),
        pytest.param(unseen(last=at(1)), unseen(last=at(60)), None, id="a mere date"),
    ],
)
def test_what_is_a_move_and_when_it_happened(
    known: PlayState | None, after: PlayState, moved_at: Any
) -> None:
    moves = noted(known, after)
    assert [one.moved_at for one in moves] == ([] if moved_at is None else [moved_at])


@pytest.mark.parametrize(
    ("seconds", "moved_at"),
    [
        pytest.param(1700, NOW, id="the date is from before it was seen otherwise"),
        pytest.param(1900, at(1900), id="it was played since"),
    ],
)
def test_mark_with_an_old_date_has_not_moved_before_it_was_seen_otherwise(
    seconds: int, moved_at: Any
) -> None:
    """As Jellyfin 12.0 fills a mark up, after a mark of its season."""
    moves = noted(unseen(600, at(1700)), unseen(), now=at(1800))
    noted(unseen(), seen(last=at(seconds)), moves=moves)
    assert only(moves).moved_at == moved_at


def test_only_the_last_items_that_moved_are_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mirror, "MOST_MOVES", 1)
    moves = noted(unseen(600, at(1700)), unseen(), now=at(1800))
    noted(unseen(), seen(last=at(1800)), moves=moves, item=movie("other"))
    noted(unseen(), seen(last=at(1700)), moves=moves)
    assert only(moves).moved_at == at(1700)


def test_clock_of_the_server_is_taken_into_account() -> None:
    ahead = timedelta(seconds=90)
    moves = noted(unseen(), seen(last=at(150)), clock_offset=ahead)
    assert only(moves).moved_at == at(60)
    assert not noted(None, seen(last=at(80)), clock_offset=ahead)
    assert played_at(seen(last=at(3680)), ahead, NOW) == at(3590)


def test_nothing_is_new_before_copying_began() -> None:
    assert not noted(None, seen(last=at(60)), moves=Moves())


def test_several_steps_are_one_move() -> None:
    moves = noted(unseen(), unseen(600))
    noted(unseen(600), unseen(1200), moves=moves)
    noted(unseen(1200), seen(), moves=moves)
    assert only(moves).before == {"b": unseen()}
    assert only(moves).after == seen()


def test_what_is_back_where_it_was_has_not_moved() -> None:
    moves = noted(seen(), unseen())
    noted(unseen(), seen(), moves=moves)
    assert not moves


def test_lane_that_was_told_hears_that_it_was_taken_back() -> None:
    moves = noted(unseen(), seen(), targets=("b", "c"))
    moves.settle(only(moves), "b")
    assert only(moves).before == {"c": unseen()}
    noted(seen(), unseen(), moves=moves, targets=("b", "c"))
    assert only(moves).before == {"b": seen()}


def test_lane_that_has_queued_it_hears_that_it_was_taken_back() -> None:
    moves = noted(unseen(), seen())
    moves.offer(only(moves), "b")
    assert only(moves).before == {"b": unseen()}
    noted(seen(), unseen(), moves=moves)
    assert only(moves).before == {"b": seen()}
    assert only(moves).offered == frozenset()


def test_step_seen_while_a_lane_is_told_is_told_next() -> None:
    moves = noted(unseen(), unseen(600))
    told = only(moves)
    noted(unseen(600), unseen(1200), moves=moves)
    moves.offer(told, "b")
    moves.settle(told, "b")
    assert only(moves).before == {"b": unseen(600)}
    assert only(moves).offered == frozenset()
    moves.settle(only(moves), "b")
    moves.settle(told, "b")
    assert not moves


def test_copy_that_comes_back_unseen_leaves_what_waits_alone() -> None:
    moves = noted(unseen(), seen(last=at(60)))
    noted(None, unseen(), moves=moves)
    assert only(moves).after == seen(last=at(60))


# --- who did it -----------------------------------------------------------------------


def done_by(origin: Origin, change: Change, before: PlayState) -> Operation:
    return an_operation(
        change,
        origin=origin,
        before={"m1": before},
        asked_at=at(7),
        batch_id="batch",
    )


def test_operation_is_the_cause_of_what_it_wrote_and_of_nothing_else() -> None:
    ours = done_by(Origin.USER, MarkWatched(), unseen())
    waiting = an_operation(MarkWatched())
    assert cause_of([waiting, ours], Reading(movie(), seen())) is ours
    assert cause_of([waiting], Reading(movie(), seen())) is None
    assert cause_of([ours], Reading(movie(), unseen(600))) is None
    assert cause_of([ours], Reading(movie("m2"), seen())) is None


@pytest.mark.parametrize("origin", [Origin.USER, Origin.PLAYBACK, Origin.UNDO])
def test_our_own_doing_has_the_time_and_the_batch_of_the_operation(
    origin: Origin,
) -> None:
    ours = done_by(origin, MarkWatched(), unseen())
    moves = noted(unseen(), seen(last=at(60)), cause=ours)
    assert only(moves).moved_at == at(7)
    assert only(moves).batch_id == "batch"
    assert only(moves).trusted


def test_what_was_copied_here_is_not_copied_on() -> None:
    copied = done_by(Origin.MIRROR, MarkWatched(), unseen())
    assert not noted(unseen(), seen(), cause=copied)


def test_copy_that_replaces_an_own_move_is_what_the_others_hear_of() -> None:
    moves = noted(unseen(), unseen(600), targets=("b", "c"))
    copied = done_by(Origin.MIRROR, MarkWatched(), unseen(600))
    noted(unseen(600), seen(), moves=moves, cause=copied, targets=("b", "c"))
    assert only(moves).after == seen()
    assert only(moves).moved_at == at(7)
    # Whoever sent it shows it, so that a later step is news to both.
    noted(seen(), unseen(), moves=moves, targets=("b", "c"))
    assert only(moves).before == {"b": seen(), "c": seen()}


# --- too much at once -----------------------------------------------------------------


def many(count: int, known: PlayState, after: PlayState, **options: Any) -> Moves:
    moves = options.pop("moves", Moves(since=at(0)))
    start = options.pop("start", 0)
    for number in range(start, start + count):
        noted(known, after, moves=moves, item=movie(f"m{number}"), **options)
    return moves


@pytest.mark.parametrize(
    ("count", "known", "after", "left", "held", "emptied"),
    [
        pytest.param(50, unseen(), seen(), 0, 0, False, id="fifty marks"),
        pytest.param(51, unseen(), seen(), 0, 51, False, id="one more"),
        pytest.param(51, unseen(), unseen(600), 0, 51, False, id="positions"),
        pytest.param(9, seen(), unseen(), 0, 0, False, id="nine un-marks"),
        pytest.param(
            10, seen(), unseen(), 10, 0, False, id="ten un-marks, half of all"
        ),
        pytest.param(
            10, seen(), unseen(), 9, 10, True, id="ten, more than half of all"
        ),
        pytest.param(11, seen(), unseen(), 99, 11, False, id="eleven un-marks"),
        pytest.param(60, seen(), unseen(600), 20, 60, True, id="all but a few"),
    ],
)
def test_what_waits_for_a_person(
    count: int,
    known: PlayState,
    after: PlayState,
    left: int,
    held: int,
    *,
    emptied: bool,
) -> None:
    moves = many(count, known, after)
    moves.hold_back(NOW, left)
    assert moves.held.count == held
    assert moves.emptied is moves.held.emptied is emptied


def test_counts_say_what_is_held() -> None:
    moves = many(40, unseen(), seen())
    many(5, seen(), unseen(), moves=moves, start=40)
    many(7, unseen(), unseen(600), moves=moves, start=45)
    moves.hold_back(NOW, 100)
    held = moves.held
    assert (held.watched, held.unwatched, held.progress) == (40, 5, 7)


def test_changes_spread_over_a_minute_are_counted_together() -> None:
    moves = many(30, unseen(), seen())
    moves.hold_back(NOW, 0)
    for one in moves:
        moves.settle(one, "b")
    later = NOW + timedelta(seconds=50)
    many(30, unseen(), seen(), moves=moves, start=30, now=later)
    moves.hold_back(later, 0)
    assert moves.held.count == 30
    # Later on it is an evening like any other.
    much_later = NOW + timedelta(seconds=200)
    many(30, unseen(), seen(), moves=moves, start=60, now=much_later)
    moves.hold_back(much_later, 0)
    assert moves.held.count == 30


def test_what_was_asked_for_here_needs_nobody_to_look() -> None:
    moves = Moves()
    for number in range(300):
        item = movie(f"m{number}")
        ours = an_operation(MarkWatched(), item, before={item.item_id: unseen()})
        noted(unseen(), seen(), moves=moves, item=item, cause=ours)
        moves.settle(moves.get(item.item_id) or move(seen()), "c")
    many(50, unseen(), seen(), moves=moves, start=300)
    moves.hold_back(NOW, 0)
    assert moves.held.count == 0


def test_after_a_loss_everything_waits_until_somebody_has_looked() -> None:
    moves = many(20, seen(), unseen())
    moves.hold_back(NOW, 0)
    assert moves.emptied
    later = NOW + timedelta(hours=1)
    noted(unseen(), seen(), moves=moves, item=movie("later"), now=later)
    moves.hold_back(later, 100)
    assert moves.held.count == 21
    moves.approve(moves.held.item_ids)
    moves.hold_back(later, 100)
    assert (moves.held.count, moves.emptied, len(moves)) == (0, False, 21)


def test_loss_that_heals_is_forgotten() -> None:
    moves = many(20, seen(), unseen())
    moves.hold_back(NOW, 0)
    many(20, unseen(), seen(), moves=moves)
    moves.hold_back(NOW, 20)
    assert (len(moves), moves.emptied) == (0, False)


def test_later_step_of_what_is_held_is_held_unless_it_is_asked_for_here() -> None:
    moves = many(60, unseen(), seen())
    moves.hold_back(NOW, 0)
    noted(seen(), unseen(600), moves=moves, item=movie("m0"))
    ours = an_operation(MarkWatched(), movie("m1"), before={"m1": unseen()})
    noted(seen(), seen(600), moves=moves, item=movie("m1"), cause=ours)
    found = {one.item.item_id: one.held for one in moves}
    assert found["m0"]
    assert not found["m1"]


def test_what_comes_with_a_backup_waits_for_a_person() -> None:
    moves = many(2, unseen(), seen())
    assert not moves.held.count
    moves.hold()
    assert list(moves.held.item_ids) == ["m0", "m1"]
    moves.approve(("m0",))
    assert list(moves.held.item_ids) == ["m1"]


def test_what_a_person_leaves_is_never_copied() -> None:
    moves = many(60, unseen(), seen())
    moves.hold_back(NOW, 0)
    shown = moves.held.item_ids[:59]
    moves.refuse((*shown, "m99"))
    assert moves.held.count == 1
    assert moves.skips == {Skip.LEFT: 59}
    assert moves.skipped("m0") == [SkippedCopy("m0", "b", Skip.LEFT)]
    moves.approve(("m59", "m99"))
    assert (moves.held.count, len(moves)) == (0, 1)


def test_of_too_many_the_oldest_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirror, "MOST_MOVES", 3)
    moves = many(5, unseen(), seen())
    assert [one.item.item_id for one in moves] == ["m2", "m3", "m4"]
    assert moves.skips == {Skip.TOO_MANY: 2}


def test_moves_are_forgotten_when_copying_ends() -> None:
    moves = many(60, unseen(), seen())
    moves.hold_back(NOW, 0)
    moves.clear()
    assert (len(moves), moves.since, moves.emptied) == (0, None, False)


SHOW = show()


def ep(number: int, end: int | None = None, **changes: Any) -> Item:
    return replace(episode(SHOW, 1, number), episode_end=end, **changes)


# --- what to do there -----------------------------------------------------------------

LAST = at(60)


@pytest.mark.parametrize(
    ("before", "after", "jellyfin", "plex"),
    [
        pytest.param(
            unseen(), seen(last=LAST), MarkWatched(LAST), MarkWatched(), id="a mark"
        ),
        pytest.param(
            unseen(last=LAST),
            seen(last=LAST),
            MarkWatched(),
            MarkWatched(),
            id="a date that was there before is not that of the mark",
        ),
        pytest.param(
            None, seen(last=LAST), MarkWatched(LAST), MarkWatched(), id="a new play"
        ),
        pytest.param(
            seen(600),
            seen(),
            MarkWatched(),
            MarkWatched(),
            id="watched again to its end",
        ),
        pytest.param(
            unseen(),
            seen(600),
            SetProgress(600, watched=True),
            SetProgress(600, watched=True),
            id="watched, and begun again",
        ),
        pytest.param(
            unseen(),
            seen(7000),
            MarkWatched(),
            MarkWatched(),
            id="P9: a position its end left behind",
        ),
        pytest.param(
            seen(), seen(20), Skip.TOO_SHORT, Skip.TOO_SHORT, id="begun by accident"
        ),
        pytest.param(
            seen(),
            seen(600),
            SetProgress(600, watched=True),
            SetProgress(600, watched=True),
            id="watched again",
        ),
        pytest.param(
            seen(), unseen(), MarkUnwatched(), MarkUnwatched(), id="an un-mark"
        ),
        pytest.param(
            seen(),
            unseen(600),
            SetProgress(600, watched=False),
            SetProgress(600, watched=False),
            id="un-marked, and begun again",
        ),
        pytest.param(
            seen(), unseen(20), MarkUnwatched(), MarkUnwatched(), id="un-marked, nearly"
        ),
        pytest.param(
            unseen(), unseen(600), SetProgress(600), SetProgress(600), id="a position"
        ),
        pytest.param(
            None, unseen(600), SetProgress(600), SetProgress(600), id="a new position"
        ),
        pytest.param(
            unseen(600),
            unseen(),
            SetProgress(0),
            SetProgress(0),
            id="a position is gone",
        ),
        pytest.param(
            unseen(), unseen(59), Skip.TOO_SHORT, Skip.TOO_SHORT, id="P10: seconds"
        ),
        pytest.param(
            unseen(), unseen(143), Skip.TOO_SHORT, Skip.TOO_SHORT, id="P10: below 2 %"
        ),
        pytest.param(
            unseen(), unseen(144), SetProgress(144), SetProgress(144), id="2 %"
        ),
        pytest.param(
            unseen(),
            unseen(6500),
            SetProgress(6500),
            Skip.CANNOT_HOLD,
            id="more than Plex holds",
        ),
    ],
)
def test_what_a_move_becomes(
    before: PlayState | None,
    after: PlayState,
    jellyfin: Change | Skip,
    plex: Change | Skip,
) -> None:
    moved = move(after, before)
    copy = movie("y")
    assert change_for(moved, before, copy, JELLYFIN) == jellyfin
    assert change_for(moved, before, copy, PLEX) == plex


def test_date_is_told_by_our_clock() -> None:
    moved = move(seen(last=LAST), unseen())
    ahead = timedelta(seconds=10)
    assert change_for(moved, unseen(), movie(), JELLYFIN, ahead) == MarkWatched(at(50))


def test_position_in_a_file_of_two_is_none_in_one_of_them() -> None:
    moved = move(unseen(600), unseen(), ep(1, 2))
    assert change_for(moved, unseen(), ep(1), JELLYFIN) is Skip.OTHER_FILE
    assert change_for(moved, unseen(), ep(1, 2), JELLYFIN) == SetProgress(600)
    # Numbers may differ where each file holds one.
    assert change_for(
        move(unseen(600), unseen(), ep(1)), unseen(), ep(7), JELLYFIN
    ) == SetProgress(600)
    marked = move(seen(), unseen(), ep(1, 2))
    assert change_for(marked, unseen(), ep(1), JELLYFIN) == MarkWatched()


EARLIER, LATER = at(3500), at(3700)
EVERY = frozenset(Policy)
STANDS = {Policy.NEWEST, Policy.SERVER}


@pytest.mark.parametrize(
    ("before", "change", "shown", "refused"),
    [
        pytest.param(unseen(), MarkWatched(), unseen(), {}, id="nobody moved it there"),
        pytest.param(
            seen(),
            MarkUnwatched(),
            seen(last=EARLIER),
            {},
            id="dates of their own are no move",
        ),
        pytest.param(
            seen(),
            MarkUnwatched(),
            seen(last=LATER),
            STANDS | {Policy.FURTHEST},
            id="it was played there since",
        ),
        pytest.param(unseen(), MarkWatched(), UNKNOWN, {}, id="nothing is known there"),
        pytest.param(
            unseen(),
            MarkUnwatched(),
            seen(last=EARLIER),
            {Policy.SERVER, Policy.FURTHEST},
            id="they never agreed, and this is newer",
        ),
        pytest.param(
            unseen(),
            MarkUnwatched(),
            seen(last=LATER),
            STANDS | {Policy.FURTHEST},
            id="they never agreed, and that is newer",
        ),
        pytest.param(
            unseen(),
            SetProgress(600),
            seen(last=LATER),
            EVERY,
            id="watched beats an older position",
        ),
        pytest.param(
            unseen(),
            SetProgress(600),
            seen(last=EARLIER),
            {},
            id="a newer position begins anew",
        ),
        pytest.param(
            unseen(),
            SetProgress(700, watched=True),
            unseen(700, LATER),
            {Policy.SERVER},
            id="watched, and begun there since",
        ),
        pytest.param(
            unseen(),
            MarkWatched(),
            replace(unseen(0, LATER), play_count=1),
            {Policy.SERVER},
            id="watched, and started there since",
        ),
    ],
)
def test_when_a_change_is_not_wanted_there(
    before: PlayState, change: Change, shown: PlayState, refused: Any
) -> None:
    after = change.apply(before)
    for policy in Policy:
        found = verdict(
            move(after, before),
            before,
            change,
            shown,
            policy=policy,
            clock_offset=None,
            now=at(7200),
        )
        assert found == (Skip.OVERRULED if policy in refused else None), policy


def test_what_is_so_already_is_not_asked_for() -> None:
    moved = move(seen(), unseen())

    def judge(shown: PlayState, *waiting: Operation) -> Skip | None:
        return verdict(
            moved,
            unseen(),
            MarkWatched(),
            shown,
            waiting=waiting,
            policy=Policy.NEWEST,
            clock_offset=None,
            now=NOW,
        )

    assert judge(seen()) is Skip.ALREADY_THERE
    assert judge(unseen()) is None
    # What is on its way counts as there.
    assert judge(unseen(), an_operation(MarkWatched())) is Skip.ALREADY_THERE
    assert judge(seen(), an_operation(MarkUnwatched())) is None


def done(
    change: Change,
    asked_at: datetime = LATER,
    result: Result = Result.ALREADY_TRUE,
    **fields: Any,
) -> HistoryEntry:
    """Return an operation for a film that ended a second after it was asked for."""
    operation = an_operation(
        change, fields.pop("item", movie()), asked_at=asked_at, **fields
    )
    return HistoryEntry(operation, result, asked_at + timedelta(seconds=1))


@pytest.mark.parametrize(
    ("entry", "is_later"),
    [
        (done(MarkUnwatched()), True),
        (done(MarkUnwatched(), result=Result.DELIVERED), True),
        (done(MarkUnwatched(), EARLIER), False),
        # It gave way to what it found.
        (done(MarkUnwatched(), result=Result.OVERRULED), False),
        (done(SetProgress(600)), False),
        (done(SetProgress(600, watched=False)), True),
        (done(MarkUnwatched(), origin=Origin.MIRROR), False),
        (done(MarkUnwatched(), item=movie("other")), False),
    ],
)
def test_what_was_asked_for_since_is_known_when_it_is_done(
    entry: HistoryEntry, *, is_later: bool
) -> None:
    long_ago = done(MarkWatched(), at(0))
    for history in ([entry], [long_ago, entry]):
        found = asked_since(NOW, movie(), waiting=(), history=history)
        assert found == (entry.operation if is_later else None)


def test_what_waits_and_was_asked_for_since_is_the_last() -> None:
    early, late = (an_operation(asked_at=moment) for moment in (EARLIER, LATER))
    entry = done(MarkUnwatched())
    assert asked_since(NOW, movie(), waiting=[late, early], history=[entry]) is late
    assert asked_since(NOW, movie(), waiting=[early], history=[]) is None


#: Counted and dated at the start, before there is a position.
_STARTED = replace(unseen(0, LATER), play_count=1)


@pytest.mark.parametrize(
    ("change", "shown", "kept"),
    [
        (MarkWatched(), unseen(600, LATER), SetProgress(600, watched=True)),
        (MarkWatched(), unseen(600, EARLIER), MarkWatched()),
        (MarkWatched(), unseen(600), MarkWatched()),
        (MarkWatched(), unseen(0, LATER), MarkWatched()),
        (MarkWatched(), _STARTED, SetProgress(0, watched=True)),
        (MarkWatched(), seen(600, last=LATER), MarkWatched()),
        (MarkUnwatched(), unseen(600, LATER), MarkUnwatched()),
    ],
)
def test_place_of_somebody_who_has_begun_since_is_kept(
    change: Change, shown: PlayState, kept: Change
) -> None:
    moved = move(change.apply(unseen()), unseen())
    assert keeping_place(change, shown, moved, clock_offset=None, now=at(7200)) == kept


def entry(result: Result = Result.DELIVERED, **fields: Any) -> HistoryEntry:
    fields.setdefault("before", {"m1": unseen()})
    fields.setdefault("asked_at", at(100))
    operation = an_operation(SetProgress(600), **fields)
    return HistoryEntry(operation, result, at(1000))


OURS = unseen(600, at(1000))


@pytest.mark.parametrize(
    ("history", "shown", "last_played"),
    [
        pytest.param([entry()], OURS, at(100), id="the date is that of our write"),
        pytest.param([], OURS, at(1000), id="it is not ours"),
        pytest.param([entry()], unseen(600, at(1020)), at(1020), id="played since"),
        pytest.param([entry()], unseen(900, at(1000)), at(1000), id="moved since"),
        pytest.param([entry()], unseen(600), None, id="there is no date"),
        pytest.param(
            [entry(Result.ALREADY_TRUE)], OURS, at(1000), id="we wrote nothing"
        ),
        pytest.param([entry(before={})], OURS, at(1000), id="we wrote elsewhere"),
        pytest.param(
            [entry(), entry(item=movie("m2"))], OURS, at(100), id="another film"
        ),
        pytest.param(
            [entry(), entry(Result.OVERRULED)], OURS, at(1000), id="the last one counts"
        ),
    ],
)
def test_date_of_our_own_write_is_that_of_the_change(
    history: list[HistoryEntry], shown: PlayState, last_played: Any
) -> None:
    assert as_of(shown, history, movie("m1"), None) == replace(
        shown, last_played=last_played
    )


def test_date_of_our_own_write_is_compared_by_the_clock_of_the_server() -> None:
    ahead = timedelta(seconds=90)
    shown = unseen(600, at(1090))
    assert as_of(shown, [entry()], movie("m1"), ahead).last_played == at(190)


@pytest.mark.parametrize(
    ("waiting", "last_played"),
    [
        ({"before": {"m1": unseen()}}, at(100)),
        ({"before": {}}, at(1000)),
        ({"before": {"m1": unseen()}, "item": show("m1")}, at(1000)),
        ({"before": {"m1": unseen()}, "change": SetProgress(900)}, at(1000)),
    ],
)
def test_write_that_is_not_confirmed_yet_has_the_date_of_the_change(
    waiting: dict[str, Any], last_played: Any
) -> None:
    waiting.setdefault("change", SetProgress(600))
    operation = an_operation(asked_at=at(100), **waiting)
    found = as_of(OURS, [], movie("m1"), None, [operation])
    assert found.last_played == last_played
