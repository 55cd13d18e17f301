"""Carrying out a plan: what is still to be done, and what became of each step."""

from datetime import UTC, datetime, timedelta

import pytest

from custom_components.watched_sync.core.codec import DAMAGE
from custom_components.watched_sync.core.identity import ProviderIds
from custom_components.watched_sync.core.level.codec import (
    decode_levelling,
    encode_levelling,
)
from custom_components.watched_sync.core.level.levelling import (
    Asked,
    End,
    Ended,
    Levelling,
    Part,
    State,
    done_since,
    has_moved,
    verdict,
)
from custom_components.watched_sync.core.level.plan import Step, fingerprint
from custom_components.watched_sync.core.operation import (
    Change,
    MarkUnwatched,
    MarkWatched,
    Operation,
    Origin,
    SetProgress,
)
from custom_components.watched_sync.core.outbox import (
    HistoryEntry,
    Outbox,
    Outcome,
    Result,
)
from custom_components.watched_sync.core.play_state import PlayState, Reading

from ..samples import an_operation, seen, unseen
from ..twins import movie

NOW = datetime(2026, 11, 30, tzinfo=UTC)
FILMS = [movie(f"m{number}") for number in range(1, 6)]


def a_step(number: int = 1, change: Change | None = None) -> Step:
    film = FILMS[number - 1]
    return Step(
        film.item_id,
        change or MarkWatched(NOW),
        unseen(),
        "source",
        f"s{number}",
        fingerprint(film),
    )


def a_levelling(count: int = 3) -> tuple[Levelling, Part]:
    part = Part("target", [a_step(number) for number in range(1, count + 1)])
    asked = Asked("watched", ("source", "target"), ("source",), NOW, "Something")
    return Levelling("batch", "plan", NOW, asked, {"target": part}), part


def outcome(
    levelling: Levelling, number: int, result: Result, *, back: bool = False
) -> Outcome:
    operation = an_operation(
        MarkWatched(),
        FILMS[number - 1],
        operation_id=levelling.operation_id("target", number, back=back),
        batch_id=levelling.undo_batch_id if back else levelling.batch_id,
        before={FILMS[number - 1].item_id: unseen()},
        asked_at=NOW,
    )
    return Outcome(operation, result)


# --- what is left --------------------------------------------------------------------


def test_steps_are_looked_at_in_their_order_and_once() -> None:
    levelling, part = a_levelling()
    assert part.left(2) == [1, 2]
    part.hand_over([1, 2])
    assert part.left(2) == [3]
    assert levelling.take_in(part, outcome(levelling, 1, Result.DELIVERED), NOW)
    part.end(3, Ended(End.NOT_FOUND))
    assert part.left(9) == []
    assert not part.is_over
    levelling.take_in(part, outcome(levelling, 2, Result.ALREADY_TRUE), NOW)
    assert levelling.is_over
    assert levelling.state is part.state is State.FINISHED
    assert part.tally == {
        "total": 3,
        "left": 0,
        "done": 1,
        "already_there": 1,
        "changed_since": 0,
        "not_found": 1,
        "not_possible": 0,
        "discarded": 0,
        "failed": 0,
    }


def test_what_was_not_taken_is_offered_again() -> None:
    _, part = a_levelling()
    part.hand_over([1, 2])
    assert part.left(1) == [3]
    part.keep([1, 2])
    assert part.left(9) == [1, 2, 3]


@pytest.mark.parametrize(
    ("result", "end"),
    [
        (Result.DELIVERED, End.DONE),
        (Result.ALREADY_TRUE, End.ALREADY_THERE),
        (Result.OVERRULED, End.CHANGED_SINCE),
        (Result.SUPERSEDED, End.CHANGED_SINCE),
        (Result.REJECTED, End.FAILED),
        (Result.DISCARDED, End.DISCARDED),
    ],
)
def test_every_end_of_an_operation_is_one_of_its_step(result: Result, end: End) -> None:
    levelling, part = a_levelling()
    levelling.take_in(part, outcome(levelling, 2, result), NOW)
    assert part.ends[2].end is end
    # Only what was written can be taken back.
    assert (part.ends[2].before is None) is (result is not Result.DELIVERED)


def test_operations_of_others_are_none_of_its_steps() -> None:
    levelling, part = a_levelling()
    for operation_id, batch_id in (
        ("batch.target.1", "other"),
        ("batch", "batch"),
        ("batch.target.9", "batch"),
    ):
        other = an_operation(
            MarkWatched(), FILMS[0], operation_id=operation_id, batch_id=batch_id
        )
        assert not levelling.take_in(part, Outcome(other, Result.DELIVERED), NOW)
        levelling.catch_up(part, Outbox(history=[_done(other, Result.DELIVERED)]))
    assert part.ends == {}


def _done(operation: Operation, result: Result) -> HistoryEntry:
    return HistoryEntry(operation, result, NOW)


def test_what_was_not_noted_is_found_in_the_outbox() -> None:
    levelling, part = a_levelling(5)
    done, failed = (
        outcome(levelling, 1, Result.DELIVERED).operation,
        outcome(levelling, 2, Result.REJECTED).operation,
    )
    waits = outcome(levelling, 3, Result.DELIVERED).operation
    others = an_operation(MarkWatched(), FILMS[4])
    outbox = Outbox([others, waits], [failed], [_done(done, Result.DELIVERED)])
    levelling.catch_up(part, outbox)
    assert part.ends[1] == Ended(End.DONE, unseen(), NOW)
    assert [one.end for one in part.ends.values()] == [End.DONE, End.FAILED]
    assert part.on_its_way == {3}
    assert part.left(9) == [4, 5]
    # What failed was tried once more, after it was over.
    again = Outbox(history=[_done(failed, Result.DELIVERED)])
    levelling.catch_up(part, again)
    assert {one.end for one in part.ends.values()} == {End.DONE}


# --- taking back ---------------------------------------------------------------------


def test_only_what_was_written_is_taken_back() -> None:
    levelling, part = a_levelling(5)
    for number, result in enumerate(
        (Result.DELIVERED, Result.ALREADY_TRUE, Result.DELIVERED), start=1
    ):
        levelling.take_in(part, outcome(levelling, number, result), NOW)
    part.hand_over([4])
    part.is_stopped = True
    states = [levelling.state]
    levelling.undo_batch_id = "undo"
    part.take_back()
    states.append(levelling.state)
    assert states == [State.STOPPED, State.UNDOING]
    assert part.left(9) == [1, 3]
    # What waited is dropped, and what may have been written is taken back.
    part.hand_over([1, 4])
    levelling.take_in(part, outcome(levelling, 4, Result.DISCARDED), NOW)
    assert part.on_its_way == {1, 4}
    assert part.left(9) == [3]
    assert part.tally["left"] == part.tally["total"] == 3
    levelling.take_in(part, outcome(levelling, 1, Result.DELIVERED, back=True), NOW)
    levelling.take_in(part, outcome(levelling, 4, Result.ALREADY_TRUE, back=True), NOW)
    part.end_back(3, End.CHANGED_SINCE)
    assert levelling.is_over
    assert part.state.value == "undone"
    assert part.tally["done"] == part.tally["changed_since"] == 1


def test_what_was_taken_back_and_not_noted_is_found_in_the_outbox() -> None:
    levelling, part = a_levelling()
    for number in (1, 2, 3):
        levelling.take_in(part, outcome(levelling, number, Result.DELIVERED), NOW)
    levelling.undo_batch_id = "undo"
    part.take_back()
    undone = outcome(levelling, 1, Result.DELIVERED, back=True).operation
    waits = outcome(levelling, 2, Result.DELIVERED, back=True).operation
    levelling.catch_up(part, Outbox([waits], [], [_done(undone, Result.DELIVERED)]))
    assert part.back == {1: End.DONE}
    assert part.left(9) == [3]


# --- whether it is still wanted ------------------------------------------------------


def test_step_is_taken_as_long_as_nothing_has_moved() -> None:
    reading = Reading(FILMS[0], unseen())
    source = Reading(movie("s1"), seen())
    assert verdict(a_step(), reading, source, []) is None
    assert verdict(a_step(), reading, None, []) is None
    assert verdict(a_step(), None, source, []) is End.NOT_FOUND
    other = Reading(movie("m1", provider_ids=ProviderIds(imdb="tt7654321")), unseen())
    assert verdict(a_step(), other, source, []) is End.NOT_FOUND
    there = Reading(FILMS[0], seen())
    assert verdict(a_step(), there, source, []) is End.ALREADY_THERE
    begun = Reading(FILMS[0], PlayState(watched=False, position=600))
    assert verdict(a_step(), begun, source, []) is End.CHANGED_SINCE
    asked = an_operation(MarkUnwatched(), FILMS[0])
    assert verdict(a_step(), reading, source, [asked]) is End.CHANGED_SINCE
    asked = an_operation(MarkUnwatched(), FILMS[1])
    assert verdict(a_step(), reading, source, [asked]) is None
    unmarked = Reading(movie("s1"), unseen())
    assert verdict(a_step(), reading, unmarked, []) is End.CHANGED_SINCE


@pytest.mark.parametrize(
    ("change", "source", "moved"),
    [
        (MarkWatched(), seen(), False),
        (MarkWatched(), unseen(), True),
        (MarkWatched(), PlayState(watched=None), False),
        (MarkWatched(), PlayState(watched=False, begun_again=True), False),
        (MarkUnwatched(), unseen(), False),
        (MarkUnwatched(), seen(), True),
        (SetProgress(600), PlayState(watched=False, position=600), False),
        (SetProgress(600), PlayState(watched=False, position=1200), True),
        (SetProgress(600), seen(), True),
        # The place is that of the item itself, which somebody has begun.
        (SetProgress(600, watched=True), seen(), False),
        (SetProgress(600, watched=True), unseen(), True),
    ],
)
def test_source_that_shows_something_else_is_no_reason_any_more(
    change: Change,
    source: PlayState,
    moved: bool,  # noqa: FBT001 - a column of the table
) -> None:
    assert has_moved(change, source) is moved


def test_what_was_asked_for_since_and_done_is_known() -> None:
    levelling, _ = a_levelling()
    later, earlier = NOW + timedelta(minutes=5), NOW - timedelta(minutes=5)

    def done(asked_at: datetime, settled_at: datetime, origin: Origin) -> HistoryEntry:
        operation = an_operation(
            MarkUnwatched(), FILMS[0], asked_at=asked_at, origin=origin
        )
        return HistoryEntry(operation, Result.DELIVERED, settled_at)

    history = [
        done(later, earlier, Origin.USER),  # as no clock can have it: not looked at
        done(earlier, earlier, Origin.USER),
        done(earlier, later, Origin.USER),
        done(later, later, Origin.MIRROR),
        done(later, later, Origin.LEVEL),
        done(later, later, Origin.USER),
    ]
    assert done_since(history, levelling) == [history[-1].operation]


# --- stored --------------------------------------------------------------------------


def test_it_is_stored_with_all_that_is_known() -> None:
    levelling, part = a_levelling(5)
    part.steps = [
        *part.steps[:3],
        a_step(4, SetProgress(600.0, watched=True, at=NOW)),
        a_step(5, MarkUnwatched()),
    ]
    levelling.take_in(part, outcome(levelling, 1, Result.DELIVERED), NOW)
    part.end(2, Ended(End.DONE, seen(last=NOW), NOW, "other"))
    part.end(3, Ended(End.NOT_FOUND))
    levelling.undo_batch_id = "undo"
    levelling.ended_at = NOW
    for back in (False, True):
        if back:
            part.take_back()
            part.end_back(1, End.CHANGED_SINCE)
        part.is_stopped = back
        part.left(1)
        read = decode_levelling(encode_levelling(levelling))
        again = read.parts["target"]
        assert list(again.steps) == list(part.steps)
        assert (again.ends, again.back) == (part.ends, part.back)
        assert again.is_stopped is back
        assert again.left(9) == part.left(9)
        assert read.asked == levelling.asked
        assert encode_levelling(read) == encode_levelling(levelling)
    assert part.item_id(2) == "other"


@pytest.mark.parametrize(
    "damage",
    [
        {"parts": 1},
        {"batch_id": ""},
        {"asked_at": "soon"},
        {"asked": None},
    ],
)
def test_what_is_damaged_is_not_believed(damage: dict[str, object]) -> None:
    levelling, part = a_levelling()
    part.end(1, Ended(End.DONE, unseen(), NOW))
    with pytest.raises(DAMAGE):
        decode_levelling(encode_levelling(levelling) | damage)


def test_end_of_a_step_there_is_not_is_damage() -> None:
    levelling, part = a_levelling()
    part.ends[7] = Ended(End.DONE)
    with pytest.raises(DAMAGE):
        decode_levelling(encode_levelling(levelling))
