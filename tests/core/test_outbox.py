"""The queue: later operations take the place of earlier ones, and nothing is lost."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import settings, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
import pytest

from custom_components.watched_sync.core import outbox as outbox_module
from custom_components.watched_sync.core.errors import Reason
from custom_components.watched_sync.core.identity import Item, ProviderIds
from custom_components.watched_sync.core.operation import (
    Change,
    MarkUnwatched,
    MarkWatched,
    Operation,
    Origin,
    Scope,
    SetProgress,
    fold,
)
from custom_components.watched_sync.core.outbox import (
    HISTORY_AGE,
    HISTORY_BATCH_LIMIT,
    HISTORY_LIMIT,
    LONGEST_DELAY,
    Outbox,
    OutboxFull,
    Outcome,
    Receipt,
    Result,
)

from .samples import an_operation, at, seen, unseen
from .twins import episode, movie, season, show
from .virtual import EPOCH

SHOW = show()
PILOT = episode(SHOW, 1, 1)
SECOND = episode(SHOW, 1, 2)
SPECIAL = episode(SHOW, 0, 1)


def ids(operations: Any) -> list[str]:
    return [operation.operation_id for operation in operations]


def filled(*operations: Operation) -> Outbox:
    return Outbox(operations)


def due(outbox: Outbox, now: datetime = EPOCH, limit: int = 100) -> list[str]:
    return ids(outbox.due(now, limit))


# --- one operation per item -----------------------------------------------------------


def test_r04_a_later_operation_takes_the_place_of_an_earlier_one() -> None:
    first = an_operation(MarkWatched(), operation_id="first")
    second = an_operation(MarkUnwatched(), operation_id="second")
    outbox = filled(first)
    receipt = outbox.add(second)
    assert list(outbox) == [second]
    assert receipt.superseded == (first,)
    assert "first" not in outbox
    assert outbox.get("second") == second


def test_r10_position_after_position_stays_one_operation() -> None:
    outbox = filled(an_operation(MarkWatched()))
    for second in range(100):
        outbox.add(an_operation(SetProgress(second)))
    assert [one.change for one in outbox] == [SetProgress(99, watched=True)]


@pytest.mark.parametrize(
    ("first", "origin"),
    [
        (MarkWatched(), Origin.USER),
        (MarkUnwatched(), Origin.USER),
        (SetProgress(300, watched=True), Origin.USER),
        (SetProgress(300), Origin.MIRROR),  # nothing of it is left
    ],
)
def test_a_copied_position_that_takes_an_operation_along_is_no_mere_copy(
    first: Change, origin: Origin
) -> None:
    outbox = filled(an_operation(first))
    outbox.add(an_operation(SetProgress(900), origin=Origin.MIRROR))
    assert [one.origin for one in outbox] == [origin]


def test_operations_for_different_items_stay_beside_each_other() -> None:
    outbox = filled(an_operation(item=movie("a")), an_operation(item=movie("b")))
    assert len(outbox) == 2


def test_a_tree_takes_the_place_of_operations_below_it_but_not_of_specials() -> None:
    leaf, special = an_operation(item=PILOT), an_operation(item=SPECIAL)
    outbox = filled(leaf, special, an_operation(item=movie()))
    assert outbox.add(an_operation(item=SHOW)).superseded == (leaf,)
    assert special.operation_id in outbox
    everything = an_operation(item=SHOW, include_specials=True)
    assert special in outbox.add(everything).superseded


def test_a_tree_that_includes_the_specials_outlives_one_that_does_not() -> None:
    everything = an_operation(item=SHOW, include_specials=True)
    outbox = filled(everything)
    assert outbox.add(an_operation(item=SHOW)).superseded == ()
    assert outbox.add(an_operation(item=SHOW, include_specials=True)).superseded != ()


def test_a_tree_takes_the_place_of_a_season_below_it() -> None:
    below = an_operation(item=season(SHOW, 1))
    outbox = filled(below)
    assert outbox.add(an_operation(item=SHOW)).superseded == (below,)


def test_a_season_does_not_take_the_place_of_its_show() -> None:
    outbox = filled(an_operation(item=SHOW))
    assert outbox.add(an_operation(item=season(SHOW, 1))).superseded == ()
    assert len(outbox) == 2


def test_an_operation_takes_the_place_of_one_that_was_given_up() -> None:
    given_up = an_operation(last_error=Reason.MISSING.value)
    outbox = Outbox(rejected=[given_up])
    receipt = outbox.add(an_operation())
    assert not outbox.rejected
    outbox.take_back(receipt)
    assert list(outbox.rejected) == [given_up]


def test_a_flag_is_not_lost_because_the_position_after_it_was_impossible() -> None:
    given_up = an_operation(SetProgress(30.0, watched=True), last_error="unsupported")
    outbox = Outbox(rejected=[given_up])
    receipt = outbox.add(an_operation(SetProgress(300.0)))
    assert receipt.operation.change == SetProgress(300.0, watched=True)
    assert [one.change for one in outbox] == [SetProgress(300.0, watched=True)]


def test_what_an_earlier_operation_left_is_what_the_later_one_goes_by() -> None:
    written = an_operation(MarkWatched(), item=PILOT, before={PILOT.item_id: unseen()})
    outbox = filled(written)
    outbox.add(an_operation(MarkUnwatched(), item=PILOT))
    (waiting,) = outbox
    assert waiting.traces_on(PILOT.item_id)
    outbox.agree({PILOT.item_id: seen(last=at(5)), "other": seen()})
    (waiting,) = outbox
    assert waiting.base == seen(last=at(5))
    assert not waiting.traces_on(PILOT.item_id)


def test_a_tree_goes_by_what_earlier_operations_left_on_its_episodes() -> None:
    written = an_operation(MarkWatched(), item=PILOT, before={PILOT.item_id: unseen()})
    outbox = filled(written)
    outbox.add(an_operation(MarkUnwatched(), item=SHOW))
    outbox.agree({PILOT.item_id: seen(last=at(5))})
    (waiting,) = outbox
    assert waiting.bases == {PILOT.item_id: seen(last=at(5))}


def test_what_takes_a_batch_back_reaches_no_more_episodes_than_before() -> None:
    written = an_operation(MarkWatched(), item=PILOT, before={PILOT.item_id: unseen()})
    outbox = filled(written)
    outbox.add(
        an_operation(
            MarkUnwatched(),
            item=SHOW,
            undoes="batch",
            bases={SECOND.item_id: seen(), PILOT.item_id: seen()},
            traces={PILOT.item_id: (seen(),), SPECIAL.item_id: (seen(),)},
        )
    )
    outbox.agree({PILOT.item_id: seen(last=at(5)), SPECIAL.item_id: seen()})
    waiting = list(outbox)[-1]
    assert waiting.bases == {
        SECOND.item_id: seen(),
        PILOT.item_id: seen(last=at(5)),
    }


# --- taking back -----------------------------------------------------------------


def test_taking_back_leaves_everything_as_it_was() -> None:
    waiting = [
        an_operation(item=movie("a")),
        an_operation(SetProgress(100), PILOT),
        an_operation(item=movie("b")),
        an_operation(MarkUnwatched(), SECOND),
        an_operation(item=movie("c")),
    ]
    outbox = Outbox(waiting, rejected=[an_operation(item=PILOT)])
    before = (list(outbox), list(outbox.rejected))
    receipts = [
        outbox.add(an_operation(item=SHOW), staged=True),
        outbox.add(an_operation(item=movie("b")), staged=True),
        outbox.add(an_operation(MarkUnwatched(), item=SHOW), staged=True),
        outbox.add(an_operation(item=movie("new")), staged=True),
    ]
    assert len(outbox) == 5
    for receipt in reversed(receipts):
        outbox.take_back(receipt)
    assert (list(outbox), list(outbox.rejected)) == before
    assert due(outbox) == ids(waiting)


def test_taking_back_what_was_dropped_meanwhile_is_no_harm() -> None:
    outbox = Outbox()
    receipt = outbox.add(an_operation(operation_id="x"), staged=True)
    outbox.discard(["x"])
    outbox.take_back(receipt)
    assert not len(outbox)


def test_a_staged_operation_is_not_due_before_it_is_committed() -> None:
    outbox = Outbox()
    receipt = outbox.add(an_operation(operation_id="x"), staged=True)
    assert len(outbox) == 1
    assert due(outbox) == []
    outbox.commit([receipt])
    assert due(outbox) == ["x"]


def test_a_staged_operation_that_comes_back_is_still_staged() -> None:
    outbox = Outbox()
    first = outbox.add(an_operation(operation_id="first"), staged=True)
    second = outbox.add(an_operation(operation_id="second"), staged=True)
    outbox.take_back(second)
    assert due(outbox) == [], "it is not on disk yet"
    outbox.commit([first])
    assert due(outbox) == ["first"]


def test_more_than_the_outbox_holds_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_module, "OUTBOX_LIMIT", 2)
    outbox = filled(an_operation(item=movie("a")), an_operation(item=movie("b")))
    before = list(outbox)
    with pytest.raises(OutboxFull):
        outbox.add(an_operation(item=movie("c")))
    assert list(outbox) == before
    outbox.add(an_operation(MarkUnwatched(), movie("a")))  # takes a place, needs none
    assert len(outbox) == 2


# --- what is due -----------------------------------------------------------------


def test_what_waits_is_due_oldest_first_and_no_more_than_asked_for() -> None:
    waiting = [an_operation(item=movie(str(number))) for number in range(9)]
    outbox = filled(*waiting)
    assert due(outbox, limit=4) == ids(waiting[:4])
    assert outbox.oldest == waiting[0]
    assert Outbox().oldest is None


def test_what_is_delayed_is_due_later() -> None:
    later = an_operation(item=movie("a"), not_before=at(60))
    now = an_operation(item=movie("b"))
    outbox = filled(later, now)
    assert due(outbox) == ids([now])
    assert outbox.next_due(EPOCH) == at(60)
    assert due(outbox, at(60)) == ids([later, now])
    assert outbox.next_due(at(60)) is None


def test_a_clock_that_jumped_back_does_not_delay_for_days() -> None:
    outbox = filled(an_operation(operation_id="x", not_before=at(60)))
    long_ago = EPOCH - timedelta(days=3)
    assert due(outbox, long_ago) == ["x"]
    assert outbox.next_due(long_ago) is None
    assert due(outbox, at(60) - LONGEST_DELAY) == []


def test_a_tree_comes_alone() -> None:
    first, tree, last = (
        an_operation(item=movie("a")),
        an_operation(item=SHOW),
        an_operation(item=movie("b")),
    )
    outbox = filled(first, tree, last)
    assert due(outbox) == ids([first])
    outbox.settle(first, Result.DELIVERED, EPOCH)
    assert due(outbox) == ids([tree])


def test_an_episode_waits_behind_the_tree_that_was_asked_for_before_it() -> None:
    tree = an_operation(item=SHOW, not_before=at(60))
    leaf = an_operation(MarkUnwatched(), PILOT)
    other = an_operation(item=movie())
    outbox = filled(tree, leaf, other)
    assert due(outbox) == ids([other])
    assert due(outbox, at(60)) == ids([tree])
    outbox.settle(tree, Result.DELIVERED, EPOCH)
    assert due(outbox) == ids([leaf, other])


def test_a_tree_waits_behind_what_it_overlaps() -> None:
    special = an_operation(item=SPECIAL, not_before=at(60))
    first = an_operation(item=SHOW, include_specials=True, not_before=at(60))
    second = an_operation(MarkUnwatched(), SHOW)
    outbox = filled(first, second)
    assert due(outbox) == []
    outbox = Outbox()
    outbox.add(special)
    outbox.add(second)
    assert due(outbox) == ids([second]), "they do not overlap"


# --- settling --------------------------------------------------------------------


def test_an_answer_to_an_old_operation_does_not_settle_its_successor() -> None:
    old, new = an_operation(), an_operation(MarkUnwatched())
    outbox = filled(old)
    outbox.add(new)
    assert not outbox.settle(old, Result.DELIVERED, EPOCH)
    assert not outbox.reject(old)
    assert not outbox.update(replace(old, attempts=3))
    assert list(outbox) == [new]
    assert not outbox.history


def test_history_is_bounded_by_number() -> None:
    outbox = Outbox()
    for _ in range(HISTORY_LIMIT + 5):
        operation = an_operation()
        outbox.add(operation)
        outbox.settle(operation, Result.DELIVERED, EPOCH)
    assert len(outbox.history) == HISTORY_LIMIT


def test_history_forgets_whole_batches_only() -> None:
    """Half of a batch must not be what undo takes back."""
    outbox = Outbox()

    def done(batch: str) -> None:
        operation = an_operation(batch_id=batch)
        outbox.add(operation)
        outbox.settle(operation, Result.DELIVERED, EPOCH)

    for number in range(HISTORY_LIMIT + 100):
        done("large")
        if number == 7:
            done("in between")
    done("small")
    assert len(outbox.history) == HISTORY_LIMIT + 102
    for number in range(HISTORY_LIMIT - 2):
        done(str(number))
    assert len(outbox.history) == HISTORY_LIMIT
    kept = {entry.operation.batch_id for entry in outbox.history}
    assert {"in between", "small"} < kept
    assert "large" not in kept


def test_of_a_batch_that_is_too_large_the_latest_operations_are_remembered() -> None:
    outbox = Outbox()
    for number in range(HISTORY_BATCH_LIMIT + 5):
        operation = an_operation(operation_id=f"{number}", batch_id="huge")
        outbox.add(operation)
        outbox.settle(operation, Result.DELIVERED, EPOCH)
    assert len(outbox.history) == HISTORY_BATCH_LIMIT
    assert next(iter(outbox.history)).operation.operation_id == "5"


def test_history_is_bounded_by_age() -> None:
    old, new = an_operation(), an_operation(item=movie("b"))
    outbox = filled(old, new)
    outbox.settle(old, Result.DELIVERED, EPOCH)
    outbox.settle(new, Result.OVERRULED, EPOCH + HISTORY_AGE + timedelta(seconds=1))
    assert [entry.operation for entry in outbox.history] == [new]


def test_r13_nothing_that_ended_is_left_behind() -> None:
    outbox = Outbox()
    for number in range(1000):
        operation = an_operation(item=movie(str(number)))
        outbox.add(operation, staged=True)
        outbox.settle(operation, Result.DELIVERED, EPOCH)
    inside = (outbox._live, outbox._order, outbox._by_item, outbox._trees)
    assert not any(inside)
    assert not outbox._staged


def test_the_end_of_an_operation_is_remembered() -> None:
    done, given_up, waits = (
        an_operation(item=movie("a")),
        an_operation(item=movie("b")),
        an_operation(),
    )
    outbox = filled(done, given_up, waits)
    outbox.settle(done, Result.ALREADY_TRUE, EPOCH)
    given_up = replace(given_up, last_error=Reason.MISSING.value)
    outbox.reject(given_up)
    assert outbox.outcome_of(done.operation_id) == Outcome(done, Result.ALREADY_TRUE)
    assert outbox.outcome_of(given_up.operation_id) == Outcome(
        given_up, Result.REJECTED, None, Reason.MISSING
    )
    assert outbox.outcome_of(waits.operation_id) is None
    assert outbox.outcome_of("never heard of") is None


def test_one_given_up_without_a_reason_is_remembered_without_one() -> None:
    given_up = an_operation()
    outcome = Outbox(rejected=[given_up]).outcome_of(given_up.operation_id)
    assert outcome == Outcome(given_up, Result.REJECTED)


# --- given up, and again ---------------------------------------------------------


def test_r03_what_was_given_up_can_be_tried_again_afresh() -> None:
    given_up = an_operation(
        attempts=8,
        last_error=Reason.NOT_APPLIED.value,
        missing_since=EPOCH,
        base=unseen(),
        before={"m1": unseen()},
    )
    outbox = Outbox(rejected=[given_up, an_operation(item=movie("b"))])
    fresh = replace(given_up, attempts=0, last_error=None, missing_since=None)
    assert outbox.revive([given_up.operation_id, "unknown"]) == [fresh]
    assert due(outbox) == [given_up.operation_id]
    assert len(outbox.rejected) == 1
    assert len(outbox.revive(None)) == 1
    assert not outbox.rejected


def test_a_waiting_operation_that_is_named_is_tried_at_once() -> None:
    delayed = an_operation(not_before=at(600))
    outbox = filled(delayed, an_operation(item=movie("b")))
    assert outbox.revive(None) == []
    assert due(outbox) == ids(list(outbox)[1:])
    assert ids(outbox.revive(ids(outbox))) == [delayed.operation_id]
    assert due(outbox) == ids(outbox)


def test_what_is_dropped_is_gone() -> None:
    waits, given_up, other = (
        an_operation(),
        an_operation(item=movie("b")),
        an_operation(item=movie("c")),
    )
    outbox = Outbox([waits, other], rejected=[given_up])
    assert outbox.discard(None) == [given_up]
    assert outbox.discard([waits.operation_id, "unknown"]) == [waits]
    assert list(outbox) == [other]


def test_the_last_one_given_up_for_an_item_is_found() -> None:
    first, second = an_operation(item=SHOW), an_operation(item=PILOT)
    outbox = Outbox(rejected=[first, second, an_operation(item=movie())])
    assert outbox.rejected_concerning(PILOT) == second
    assert outbox.rejected_concerning(SECOND) == first
    assert outbox.rejected_concerning(movie("other")) is None


# --- looking in ------------------------------------------------------------------


def test_what_an_item_will_show_is_every_operation_for_it_in_order() -> None:
    outbox = filled(an_operation(item=SHOW), an_operation(SetProgress(100), PILOT))
    assert outbox.desired(PILOT, unseen()) == seen(100)
    assert outbox.desired(SECOND, unseen()) == seen()
    assert outbox.desired(movie(), unseen()) == unseen()
    assert ids(outbox.concerning(PILOT)) == ids(outbox)
    assert ids(outbox.concerning(SHOW)) == ids(outbox)[:1]


def test_an_update_that_moves_an_operation_to_another_item_is_found_there() -> None:
    operation = an_operation(item=movie("old"))
    outbox = filled(operation)
    assert outbox.update(replace(operation, item=movie("new")))
    assert outbox.concerning(movie("old")) == []
    assert len(outbox.concerning(movie("new"))) == 1
    tree = an_operation(item=SHOW)
    outbox.add(tree)
    assert outbox.update(replace(tree, item=show("moved")))
    assert outbox.concerning(PILOT) == []
    assert len(outbox.concerning(episode(show("moved"), 1, 1))) == 1


# --- an item that came back under another id -----------------------------------------

OLD, NEW = movie("old"), replace(movie("old"), item_id="new")
OLDEST = replace(OLD, item_id="oldest")


def test_an_operation_follows_its_item_to_its_new_id() -> None:
    operation = an_operation(item=OLD, missing_since=EPOCH, not_before=at(60))
    outbox = filled(operation)
    assert outbox.move(operation, NEW) == []
    assert list(outbox) == [
        replace(operation, item=NEW, missing_since=None, not_before=None)
    ]
    assert len(outbox.concerning(NEW)) == 1


def test_what_is_noted_of_an_item_goes_with_it_to_its_new_id() -> None:
    """What both sides agreed on does not: the server may be older than that by now."""
    operation = an_operation(
        item=OLD, base=unseen(), before={"old": unseen(60)}, traces={"old": (seen(),)}
    )
    outbox = filled(operation)
    outbox.move(operation, NEW)
    (moved,) = outbox
    assert moved.base is None
    assert moved.before == {"new": unseen(60)}
    assert moved.traces_on("new") == (seen(), seen())
    taking_back = an_operation(item=OLD, base=seen(), undoes="batch")
    outbox = filled(taking_back)
    outbox.move(taking_back, NEW)
    assert [one.base for one in outbox] == [seen()]


def test_what_was_done_under_the_new_id_before_is_what_was_agreed_on() -> None:
    done = an_operation(SetProgress(30), NEW, before={"new": seen(last=EPOCH)})
    operation = an_operation(SetProgress(60), OLD, asked_at=at(60))
    outbox = filled(done, operation)
    outbox.settle(done, Result.DELIVERED, at(30))
    outbox.move(operation, NEW)
    assert [one.base for one in outbox] == [seen(30)]
    again = an_operation(MarkWatched(), NEW, before={"new": seen(30)})
    unmark = an_operation(MarkUnwatched(), OLD, asked_at=at(60))
    outbox = filled(again, unmark)
    outbox.settle(again, Result.DELIVERED, at(30))
    outbox.move(unmark, NEW)
    assert [one.base for one in outbox] == [None], "it may have counted a play"
    never_read = an_operation(MarkUnwatched(), OLD, asked_at=at(60))
    outbox = filled(found := an_operation(MarkWatched(), NEW), never_read)
    outbox.settle(found, Result.ALREADY_TRUE, at(30))
    outbox.move(never_read, NEW)
    assert [one.base for one in outbox] == [None]


def test_an_operation_that_is_gone_moves_nowhere() -> None:
    outbox = Outbox()
    assert outbox.move(an_operation(item=OLD), NEW) == []
    assert not len(outbox)


def test_a_later_operation_for_the_new_id_stays() -> None:
    older, newer = an_operation(item=OLD), an_operation(MarkUnwatched(), NEW)
    outbox = filled(older, newer)
    assert outbox.move(older, NEW) == [older]
    assert list(outbox) == [newer]


def test_an_earlier_operation_for_the_new_id_gives_way() -> None:
    older, newer = an_operation(MarkWatched(), NEW), an_operation(SetProgress(60), OLD)
    outbox = filled(older, an_operation(item=movie("other")), newer)
    assert outbox.move(newer, NEW) == [older]
    assert [one.change for one in outbox.concerning(NEW)] == [
        SetProgress(60, watched=True)
    ]


def test_an_operation_for_the_new_id_that_was_carried_out_since_counts_as_later() -> (
    None
):
    older = an_operation(item=OLD)
    newer = an_operation(MarkUnwatched(), NEW, asked_at=at(60))
    outbox = filled(older, newer)
    outbox.settle(newer, Result.DELIVERED, at(61))
    assert outbox.move(older, NEW) == [older]
    older = an_operation(item=OLD, asked_at=at(120))
    outbox.add(older)
    assert outbox.move(older, NEW) == []


def test_the_flag_goes_with_a_later_position_for_the_new_id() -> None:
    older, newer = (
        an_operation(item=OLD, before={"old": unseen()}),
        an_operation(SetProgress(60), NEW),
    )
    outbox = filled(older, newer)
    assert outbox.move(older, NEW) == [older]
    assert [one.change for one in outbox] == [SetProgress(60, watched=True)]


def test_a_flag_that_was_set_since_is_not_lost_to_a_later_position() -> None:
    older = an_operation(MarkUnwatched(), OLD)
    done = an_operation(MarkWatched(), NEW, asked_at=at(30))
    newer = an_operation(SetProgress(60), NEW, asked_at=at(60))
    outbox = filled(older, done)
    outbox.settle(done, Result.ALREADY_TRUE, at(31))
    outbox.add(newer)
    assert outbox.move(older, NEW) == [older]
    assert [one.change for one in outbox] == [SetProgress(60)]


@pytest.mark.parametrize("done", [False, True])
def test_a_flag_is_not_lost_to_an_older_one_that_a_later_position_took_along(
    done: bool,  # noqa: FBT001 - parametrized
) -> None:
    """That all three are for one item turns out in another order than they came."""
    oldest = an_operation(MarkUnwatched(), OLDEST)
    older = an_operation(MarkWatched(), OLD, asked_at=at(30))
    newest = an_operation(SetProgress(60), NEW, asked_at=at(60))
    outbox = filled(oldest, older, newest)
    assert outbox.move(oldest, NEW) == [oldest]
    (both,) = [one for one in outbox if one.item == NEW]
    assert both.change == SetProgress(60, watched=False)
    if done:
        outbox.settle(both, Result.DELIVERED, at(61))
    assert outbox.move(older, NEW) == ([] if done else [older])
    assert [one.change for one in outbox] == [SetProgress(60, watched=True)]


def test_a_flag_that_a_later_position_took_along_stands_against_an_older_one() -> None:
    oldest = an_operation(MarkUnwatched(), OLDEST)
    older = an_operation(MarkWatched(), OLD, asked_at=at(30))
    newest = an_operation(SetProgress(60), NEW, asked_at=at(60))
    outbox = filled(oldest, older, newest)
    assert outbox.move(older, NEW) == [older]
    assert outbox.move(oldest, NEW) == [oldest]
    assert [one.change for one in outbox] == [SetProgress(60, watched=True)]


def test_the_flag_goes_with_a_later_position_that_was_set_already() -> None:
    older, newer = (
        an_operation(item=OLD),
        an_operation(SetProgress(60), NEW, asked_at=at(60)),
    )
    outbox = filled(older, newer)
    outbox.settle(newer, Result.DELIVERED, at(61))
    assert outbox.move(older, NEW) == []
    assert [one.change for one in outbox] == [SetProgress(60, watched=True)]


def test_what_was_in_doubt_is_so_until_the_later_position_was_set() -> None:
    """Or our own position would pass for what somebody else did since."""
    for unsure, then in ((at(30), at(61)), (at(90), at(90)), (None, None)):
        older = an_operation(item=OLD, unsure_until=unsure)
        newer = an_operation(SetProgress(60), NEW, asked_at=at(60))
        outbox = filled(older, newer)
        outbox.settle(newer, Result.DELIVERED, at(61))
        outbox.move(older, NEW)
        assert [one.unsure_until for one in outbox] == [then]


def test_what_somebody_else_did_later_stands_for_a_position_and_the_flag() -> None:
    older, newer = (
        an_operation(item=OLD),
        an_operation(SetProgress(60), NEW, asked_at=at(60)),
    )
    outbox = filled(older, newer)
    outbox.settle(newer, Result.OVERRULED, at(61))
    assert outbox.move(older, NEW) == [older]


def test_a_tree_that_gave_way_gathers_nothing() -> None:
    tree, leaf = an_operation(item=show("here")), an_operation(item=PILOT)
    outbox = filled(tree, leaf)
    outbox.discard([tree.operation_id])
    assert outbox.gather(tree, {PILOT.item_id: PILOT}) == []
    assert list(outbox) == [leaf]


def test_a_later_show_covers_the_new_id_of_its_episode() -> None:
    older, newer = (
        an_operation(item=episode(show("lost"), 1, 1)),
        an_operation(item=SHOW),
    )
    outbox = filled(older, newer)
    assert outbox.move(older, PILOT) == [older]


def test_nothing_gives_way_to_an_operation_that_is_not_on_disk_yet() -> None:
    older = an_operation(item=OLD)
    outbox = filled(older)
    receipt = outbox.add(an_operation(MarkUnwatched(), NEW), staged=True)
    assert outbox.move(older, NEW) == []
    assert older.operation_id in outbox
    outbox.commit([receipt])
    assert outbox.move(older, NEW) == [older]


def test_an_earlier_show_gives_way_to_the_one_that_moved_there() -> None:
    older, newer = an_operation(item=show("new")), an_operation(MarkUnwatched(), SHOW)
    outbox = filled(older, newer)
    assert outbox.move(newer, show("new")) == [older]
    assert [one.change for one in outbox] == [MarkUnwatched()]


# --- what we left behind ourselves ---------------------------------------------------


def test_an_operation_knows_what_the_one_it_overtook_may_have_written() -> None:
    outbox = filled(an_operation(MarkWatched(), before={"m1": unseen(60)}))
    outbox.add(an_operation(MarkUnwatched()))
    outbox.add(an_operation(SetProgress(600)))
    (waiting,) = outbox
    assert waiting.change == SetProgress(600, watched=False)
    assert waiting.traces_on("m1") == (seen(),)


def test_a_position_with_a_flag_may_have_been_written_by_half() -> None:
    operation = an_operation(SetProgress(600, watched=True), before={"m1": unseen()})
    assert operation.traces_on("m1") == (seen(), unseen(600), seen(600))
    assert operation.traces_on("m2") == ()


def test_what_was_never_under_way_left_nothing_behind() -> None:
    outbox = filled(an_operation(MarkWatched()))
    outbox.add(an_operation(MarkUnwatched()))
    assert [dict(one.traces) for one in outbox] == [{}]


def test_what_waits_behind_a_tree_knows_what_the_tree_writes() -> None:
    tree = an_operation(item=SHOW, include_specials=True)
    leaf = an_operation(MarkUnwatched(), PILOT)
    part = an_operation(MarkUnwatched(), season(SHOW, 1))
    whole = an_operation(MarkUnwatched(), SHOW)
    outbox = filled(tree, leaf, part, an_operation(item=movie()))
    before = {item.item_id: unseen() for item in (PILOT, SECOND, SPECIAL)}
    tree = replace(tree, before=before)
    outbox.update(tree)
    outbox.leave_traces(tree, [PILOT, SECOND, SPECIAL], EPOCH)
    outbox.add(whole)
    traces = {one.operation_id: set(one.traces) for one in outbox}
    assert list(traces.values()) == [set(), set(), set(before)], "both gave way"
    assert traces[whole.operation_id] == {"s.1.1", "s.1.2", "s.0.1"}
    later = an_operation(SetProgress(60), SECOND)
    outbox.add(later)
    waiting = outbox.get(later.operation_id)
    assert waiting is not None
    assert dict(waiting.traces) == {"s.1.2": (seen(), unseen())} or dict(
        waiting.traces
    ) == {"s.1.2": (seen(),)}


def test_what_was_done_and_may_come_again_is_known_to_what_is_asked_for_next() -> None:
    tree = an_operation(item=season(SHOW, 1), unsure_until=at(300))
    outbox = filled(tree)
    outbox.settle(tree, Result.DELIVERED, at(30))
    for item in (PILOT, season(SHOW, 1), SHOW):
        receipt = outbox.add(an_operation(MarkUnwatched(), item, asked_at=at(60)))
        assert receipt.operation.unsure_until == at(300)
        outbox.take_back(receipt)
    for item, moment in ((movie(), at(60)), (PILOT, at(301)), (PILOT, at(9000))):
        receipt = outbox.add(an_operation(MarkUnwatched(), item, asked_at=moment))
        assert receipt.operation.unsure_until is None


def test_what_was_in_doubt_long_ago_is_in_doubt_again_where_a_tree_is_sent() -> None:
    tree = an_operation(item=SHOW, before={"s.1.1": unseen()})
    doubtful = an_operation(MarkUnwatched(), PILOT, unsure_until=at(10))
    certain = an_operation(MarkUnwatched(), SECOND)
    part = an_operation(MarkUnwatched(), season(SHOW, 1), unsure_until=at(20))
    outbox = filled(tree, doubtful, certain, part)
    assert outbox.leave_traces(tree, [PILOT], at(60)) == [doubtful, certain, part]
    assert [one.unsure_until for one in outbox] == [None, at(60), None, at(60)]


def test_what_a_tree_leaves_as_it_is_gets_no_more_doubtful() -> None:
    """What somebody else has played since would pass for what we have written."""
    tree = an_operation(item=SHOW, before={"s.1.1": unseen()})
    doubtful = an_operation(MarkUnwatched(), SECOND, unsure_until=at(10))
    outbox = filled(tree, doubtful)
    assert outbox.leave_traces(tree, [PILOT], at(60)) == [doubtful]
    assert [one.unsure_until for one in outbox] == [None, at(10)]


def test_that_a_write_may_come_late_is_not_forgotten_for_an_earlier_version() -> None:
    earlier = an_operation()
    outbox = filled(earlier)
    outbox.update(replace(earlier, late_until=at(300), unsure_until=at(300)))
    outbox.update(replace(earlier, attempts=1))
    assert [(one.attempts, one.late_until) for one in outbox] == [(1, at(300))]


def test_what_an_id_that_moved_did_meanwhile_leaves_nothing_agreed_on() -> None:
    """Two states of one work, under ids of before and after: which is newer?"""
    work = replace(movie("once"), provider_ids=ProviderIds(imdb="tt1000001"))
    new = replace(work, item_id="new")
    done = an_operation(SetProgress(30), new, before={"new": unseen()})
    since = an_operation(SetProgress(90), replace(work, item_id="between"))
    operation = an_operation(MarkWatched(), work, asked_at=at(60))
    outbox = filled(done, since, operation)
    outbox.settle(done, Result.DELIVERED, at(20))
    outbox.settle(since, Result.DELIVERED, at(30))
    outbox.move(operation, new)
    assert [one.base for one in outbox] == [None]


def test_traces_are_kept_once_and_for_the_items_that_matter() -> None:
    tree = an_operation(item=SHOW, before={"s.1.1": unseen(), "s.1.2": unseen()})
    leaf = an_operation(MarkUnwatched(), PILOT).following(tree)
    assert dict(leaf.traces) == {"s.1.1": (seen(),)}
    assert leaf.following(tree) is leaf


# --- against a model --------------------------------------------------------------

ITEMS: list[Item] = [
    movie("a"),
    movie("b"),
    PILOT,
    SECOND,
    SPECIAL,
    season(SHOW, 0),
    season(SHOW, 1),
    SHOW,
]
CHANGES: list[Change] = [MarkWatched(), MarkUnwatched(), SetProgress(100)]


class OutboxMachine(RuleBasedStateMachine):
    """The outbox against a list that is searched from end to end."""

    @initialize()
    def begin(self) -> None:
        self.outbox = Outbox()
        self.waiting: list[Operation] = []
        self.rejected: list[Operation] = []
        self.staged: set[str] = set()
        self.undo: list[tuple[Receipt, list[Operation], list[Operation], set[str]]] = []
        self.now = EPOCH
        self.number = 0

    def _picked(self, data: st.DataObject, among: list[Operation]) -> Operation:
        return data.draw(st.sampled_from(among))

    @rule(
        item=st.sampled_from(ITEMS),
        change=st.sampled_from(CHANGES),
        specials=st.booleans(),
        staged=st.booleans(),
    )
    def add(self, item: Item, change: Change, *, specials: bool, staged: bool) -> None:
        self.number += 1
        new = an_operation(
            change,
            item,
            operation_id=f"op{self.number:04}",
            include_specials=specials and item.kind.is_container,
        )
        staged = staged or bool(self.undo)  # one group after the other
        before = (list(self.waiting), list(self.rejected), set(self.staged))
        receipt = self.outbox.add(new, staged=staged)
        if staged:
            self.undo.append((receipt, *before))

        def overtaken(old: Operation) -> bool:
            if new.scope is Scope.ITEM:
                return old.scope is Scope.ITEM and old.item == new.item
            return new.reaches(old.item) and (
                old.scope is Scope.ITEM
                or new.include_specials
                or not old.include_specials
            )

        gone = [old for old in self.waiting if overtaken(old)]
        for old in (*gone, *filter(overtaken, self.rejected)):
            if old.scope is new.scope is Scope.ITEM:
                both = fold(old.change, new.change)
                if both != new.change:  # the position takes the flag along
                    asked_at = old.flag_asked_at or old.asked_at
                    new = replace(new, change=both, flag_asked_at=asked_at)
        self.waiting = [old for old in self.waiting if old not in gone] + [new]
        self.rejected = [old for old in self.rejected if not overtaken(old)]
        self.staged -= {old.operation_id for old in gone}
        if staged:
            self.staged.add(new.operation_id)
        assert set(ids(receipt.superseded)) == set(ids(gone))

    @precondition(lambda self: self.undo)
    @rule()
    def commit(self) -> None:
        self.outbox.commit(receipt for receipt, *_ in self.undo)
        self.undo.clear()
        self.staged.clear()

    @precondition(lambda self: self.undo)
    @rule()
    def take_all_back(self) -> None:
        for receipt, *_ in reversed(self.undo):
            self.outbox.take_back(receipt)
        _, self.waiting, self.rejected, self.staged = self.undo[0]
        self.undo.clear()

    @precondition(lambda self: self.undo)
    @rule()
    def take_the_last_back(self) -> None:
        receipt, self.waiting, self.rejected, self.staged = self.undo.pop()
        self.outbox.take_back(receipt)

    @precondition(lambda self: self.waiting and not self.undo)
    @rule(data=st.data(), result=st.sampled_from(Result))
    def settle(self, data: st.DataObject, result: Result) -> None:
        done = self._picked(data, self.waiting)
        assert self.outbox.settle(done, result, self.now)
        assert not self.outbox.settle(done, result, self.now)
        self.waiting.remove(done)
        assert self.outbox.history

    @precondition(lambda self: self.waiting and not self.undo)
    @rule(data=st.data())
    def reject(self, data: st.DataObject) -> None:
        done = self._picked(data, self.waiting)
        assert self.outbox.reject(done)
        assert not self.outbox.reject(done)
        self.waiting.remove(done)
        self.rejected.append(done)

    @precondition(lambda self: self.waiting and not self.undo)
    @rule(data=st.data(), seconds=st.integers(min_value=-60, max_value=9000))
    def delay(self, data: st.DataObject, seconds: int) -> None:
        old = self._picked(data, self.waiting)
        new = replace(old, not_before=self.now + timedelta(seconds=seconds), attempts=1)
        assert self.outbox.update(new)
        self.waiting[self.waiting.index(old)] = new

    @precondition(lambda self: self.rejected and not self.undo)
    @rule(data=st.data())
    def revive(self, data: st.DataObject) -> None:
        old = self._picked(data, self.rejected)
        fresh = replace(old, attempts=0, not_before=None)
        assert self.outbox.revive([old.operation_id]) == [fresh]
        self.rejected.remove(old)
        self.waiting.append(fresh)

    @precondition(lambda self: (self.rejected or self.waiting) and not self.undo)
    @rule(data=st.data())
    def discard(self, data: st.DataObject) -> None:
        old = self._picked(data, self.rejected + self.waiting)
        assert self.outbox.discard([old.operation_id]) == [old]
        for among in (self.rejected, self.waiting):
            if old in among:
                among.remove(old)

    @rule(seconds=st.integers(min_value=-9000, max_value=9000))
    def let_time_pass(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @invariant()
    def it_holds_what_the_model_holds(self) -> None:
        assert list(self.outbox) == self.waiting
        assert sorted(ids(self.outbox.rejected)) == sorted(ids(self.rejected))
        assert len(self.outbox) == len(self.waiting)
        for item in ITEMS:
            assert self.outbox.concerning(item) == [
                one for one in self.waiting if one.reaches(item)
            ]

    @invariant()
    def there_is_one_operation_per_item(self) -> None:
        single = [one.item.item_id for one in self.waiting if one.scope is Scope.ITEM]
        assert len(single) == len(set(single))

    @invariant()
    def what_is_due_is_in_order(self) -> None:
        found = self.outbox.due(self.now, 100)
        delayed = [
            one
            for one in self.waiting
            if one.not_before is not None
            and self.now < one.not_before <= self.now + LONGEST_DELAY
        ]
        for one in found:
            assert one not in delayed
            assert one.operation_id not in self.staged
            earlier = self.waiting[: self.waiting.index(one)]
            for other in earlier:
                if other not in found and Scope.TREE in {one.scope, other.scope}:
                    assert not one.reaches(other.item)
                    assert not other.reaches(one.item)
        if any(one.scope is Scope.TREE for one in found):
            assert len(found) == 1
        if self.waiting and not delayed and not self.staged:
            assert found, "something is always due"
        assert self.outbox.next_due(self.now) == min(
            (one.not_before for one in delayed if one.not_before), default=None
        )


TestOutboxAgainstAModel = OutboxMachine.TestCase
TestOutboxAgainstAModel.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None
)


# --- what came with a backup ----------------------------------------------------------


def restored(*operations: Operation) -> Outbox:
    outbox = filled(*operations)
    outbox.hold(Reason.RESTORED)
    return outbox


def test_what_is_held_is_not_due_and_holds_nothing_else_up() -> None:
    tree = an_operation(MarkWatched(), SHOW, scope=Scope.TREE)
    outbox = restored(tree, an_operation(MarkWatched(), movie(), not_before=at(5)))
    later = an_operation(MarkUnwatched(), PILOT)
    outbox.add(later)
    assert due(outbox) == ids([later])
    assert outbox.next_due(EPOCH) is None
    assert len(outbox.held) == 2
    assert {one.last_error for one in outbox.held} == {"restored"}


def test_what_is_held_is_not_what_is_wanted_now() -> None:
    outbox = restored(an_operation(MarkWatched(), movie()))
    assert outbox.desired(movie(), unseen()) == unseen()


def test_a_later_operation_takes_the_place_of_what_is_held_and_adds_nothing_of_it() -> (
    None
):
    held = an_operation(MarkWatched(), movie())
    outbox = restored(held)
    receipt = outbox.add(an_operation(SetProgress(60.0), movie()))
    assert ids(receipt.superseded) == ids([held])
    assert receipt.operation.change == SetProgress(60.0)
    assert not outbox.held


def test_what_is_held_goes_on_when_a_person_says_so_or_is_dropped() -> None:
    first, second = (
        an_operation(MarkWatched(), movie()),
        an_operation(MarkWatched(), movie("m2")),
    )
    outbox = restored(first, second)
    assert outbox.revive(None) == [], "only what is named"
    outbox.revive([first.operation_id])
    assert due(outbox) == ids([first])
    assert [one.last_error for one in outbox.due(EPOCH, 9)] == [None]
    outbox.discard([second.operation_id])
    assert not outbox.held
