"""Taking back: what was, as far as nobody has changed it since."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
import functools
import itertools
from typing import Any

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.watched_sync.core.identity import Item, MediaKind
from custom_components.watched_sync.core.lane import Phase
from custom_components.watched_sync.core.ledger import Ledger
from custom_components.watched_sync.core.operation import (
    Change,
    MarkUnwatched,
    MarkWatched,
    Operation,
    Origin,
    Scope,
    SetProgress,
)
from custom_components.watched_sync.core.outbox import (
    OUTBOX_LIMIT,
    Outbox,
    OutboxFull,
    Result,
)
from custom_components.watched_sync.core.play_state import PlayState
from custom_components.watched_sync.core.reconcile import Policy
from custom_components.watched_sync.core.undo import (
    Kept,
    Loss,
    UndoPlan,
    knows,
    last_batch,
    plan_undo,
    undone_batches,
)

from .rig import Rig
from .samples import an_operation, at, seen, unseen
from .twins import (
    DROP,
    ERROR,
    FORBIDDEN,
    HALF,
    HANG,
    REFUSE,
    Ask,
    ModelServer,
    episode,
    movie,
    season,
    show,
)
from .virtual import EPOCH, run, virtual

SHOW = show()
M1, M2 = movie("m1"), movie("m2")

both = pytest.mark.parametrize(
    "make", [ModelServer.plex, ModelServer.jellyfin], ids=["plex", "jellyfin"]
)

type Make = Callable[..., ModelServer]

_numbers = itertools.count(1)


def plan(rig: Rig, batch_id: str) -> UndoPlan:
    """Return what would take a batch back."""
    return plan_undo(
        rig.outbox,
        rig.lane.ledger,
        batch_id,
        capabilities=rig.server.capabilities,
        clock_offset=rig.server.clock_offset,
    )


@dataclass
class Undone:
    """What one undo was."""

    batch_id: str
    plan: UndoPlan
    operations: Sequence[Operation] = field(default_factory=list)

    @property
    def kept(self) -> dict[str, Kept]:
        """Why which item stays."""
        return {one.item.item_id: one.why for one in self.plan.untouched}


async def undo(rig: Rig, batch_id: str | None = None) -> Undone:
    """Take a batch back, the last one for None; what that takes waits then."""
    if batch_id is None:
        last = last_batch(rig.outbox)
        assert last is not None
        batch_id = last.batch_id
    found: list[tuple[UndoPlan, list[Operation]]] = []
    new_batch = f"undo{next(_numbers)}"

    def swap() -> tuple[list[str], list[Operation]]:
        planned = plan(rig, batch_id)
        operations = [
            one.operation(
                operation_id=f"u{next(_numbers)}",
                batch_id=new_batch,
                undoes=batch_id,
                asked_at=rig.clock.now(),
            )
            for one in planned.restores
        ]
        found.append((planned, operations))
        return [one.operation_id for one in planned.discards], operations

    await rig.lane.exchange(swap)
    return Undone(new_batch, *found[0])


async def undo_and_wait(rig: Rig, batch_id: str | None = None) -> Undone:
    undone = await undo(rig, batch_id)
    await rig.drained()
    return undone


async def do(rig: Rig, change: Change, *items: Item, **fields: Any) -> str:
    """Ask for one batch and have it delivered; return its id."""
    batch_id = await ask(rig, change, *items, **fields)
    await rig.drained()
    return batch_id


async def ask(rig: Rig, change: Change, *items: Item, **fields: Any) -> str:
    """Ask for one batch; return its id."""
    batch_id = f"batch-{next(_numbers)}"
    await rig.lane.submit(
        [
            an_operation(
                change, item, asked_at=rig.clock.now(), batch_id=batch_id, **fields
            )
            for item in items
        ]
    )
    return batch_id


def with_movies(make: Make = ModelServer.jellyfin, **options: Any) -> Rig:
    rig = Rig(make, **options)
    rig.server.add(M1, M2)
    return rig


def with_show(
    seasons: dict[int, int], make: Make = ModelServer.jellyfin, **options: Any
) -> tuple[Rig, list[Item]]:
    rig = Rig(make, **options)
    return rig, rig.server.add_show(SHOW, seasons)


def shown(rig: Rig) -> dict[str, tuple[bool | None, float]]:
    """Return what a user sees of every item."""
    return {
        item_id: (state.watched, state.position)
        for item_id, state in rig.server.states.items()
    }


# --- single items ----------------------------------------------------------------


@both
@pytest.mark.parametrize(
    ("before", "change"),
    [
        (unseen(), MarkWatched()),
        (unseen(1800), MarkWatched()),
        (seen(), MarkUnwatched()),
        (seen(600), MarkUnwatched()),
        (unseen(1800), MarkUnwatched()),
        (unseen(), SetProgress(1200)),
        (unseen(1800), SetProgress(1200)),
        (seen(600), SetProgress(1200)),
        (unseen(900), SetProgress(1200, watched=True)),
        (seen(900), SetProgress(1200, watched=False)),
    ],
    ids=str,
)
@virtual
async def test_an_item_is_as_it_was(
    make: Make, before: PlayState, change: Change
) -> None:
    rig = with_movies(make).start()
    rig.server.states["m1"] = before
    rig.lane.remember([rig.server.reading("m1")])
    batch_id = await do(rig, change, M1)
    assert not rig.server.states["m1"].agrees_with(before)
    undone = await undo_and_wait(rig, batch_id)
    assert rig.server.states["m1"].agrees_with(before)
    assert undone.kept == {}
    assert rig.results()[-1] is Result.DELIVERED
    assert rig.server.doubled == []


@virtual
async def test_a_position_on_a_watched_plex_item_cannot_go_back_to_none() -> None:
    rig = with_movies(ModelServer.plex).start()
    rig.server.states["m1"] = seen()
    rig.lane.remember([rig.server.reading("m1")])
    await do(rig, SetProgress(1200), M1)
    undone = await undo_and_wait(rig)
    assert undone.kept == {"m1": Kept.NOT_POSSIBLE}
    assert rig.server.doubled == []


@virtual
async def test_a_position_on_a_watched_jellyfin_item_goes_back_to_none() -> None:
    rig = with_movies().start()
    rig.server.states["m1"] = seen()
    rig.lane.remember([rig.server.reading("m1")])
    await do(rig, SetProgress(1200), M1)
    await undo_and_wait(rig)
    assert shown(rig)["m1"] == (True, 0)


@virtual
async def test_jellyfin_gets_its_date_back() -> None:
    rig = with_movies().start()
    rig.server.states["m1"] = seen(last=at(-86_400))
    await do(rig, MarkUnwatched(), M1)
    undone = await undo_and_wait(rig)
    assert [one.change for one in undone.operations] == [MarkWatched(at(-86_400))]
    assert undone.plan.restores[0].losses == frozenset()


@virtual
async def test_what_plex_cannot_be_told_is_named() -> None:
    rig = with_movies(ModelServer.plex).start()
    rig.server.states["m1"] = seen(plays=3, last=at(-86_400))
    await do(rig, MarkUnwatched(), M1)
    undone = await undo_and_wait(rig)
    assert undone.plan.restores[0].losses == {Loss.WATCHED_AT, Loss.PLAY_COUNT}
    assert rig.server.states["m1"].play_count == 1


@virtual
async def test_a_position_the_server_would_not_keep_is_given_up_and_named() -> None:
    rig = with_movies(ModelServer.plex).start()
    rig.server.states["m1"] = unseen(30)
    await do(rig, MarkWatched(), M1)
    undone = await undo_and_wait(rig)
    assert undone.plan.restores[0].losses == {Loss.POSITION}
    assert shown(rig)["m1"] == (False, 0)
    assert not rig.outbox.rejected


@virtual
async def test_undo_is_a_batch_of_its_own_with_its_own_origin() -> None:
    rig = with_movies().start()
    batch_id = await do(rig, MarkWatched(), M1, M2)
    undone = await undo(rig)
    assert [
        (one.batch_id, one.origin, one.undoes, one.scope) for one in undone.operations
    ] == [(undone.batch_id, Origin.UNDO, batch_id, Scope.ITEM)] * 2
    await rig.drained()
    assert rig.server.watched("m1", "m2") == [False, False]


@virtual
async def test_a_replaced_file_goes_back_under_its_new_id() -> None:
    rig = with_movies().start()
    rig.server.states["m1"] = unseen(1800)
    rig.server.on(Ask.WRITE, HANG)
    rig.server.on(Ask.PROBE, REFUSE)
    batch_id = await ask(rig, MarkWatched(), M1)
    await rig.until(lambda: rig.phase is Phase.BACKING_OFF)
    rig.server.replace_file("m1", "m1b")
    await rig.drained()
    assert shown(rig)["m1b"] == (True, 0)
    await undo_and_wait(rig, batch_id)
    assert shown(rig)["m1b"] == (False, 1800)


# --- the stack ---------------------------------------------------------------------


@virtual
async def test_undoing_again_goes_one_further_back() -> None:
    rig = with_movies().start()
    await do(rig, MarkWatched(), M1)
    await do(rig, SetProgress(900), M2)
    await do(rig, MarkUnwatched(), M1)
    await undo_and_wait(rig)
    assert shown(rig) == {"m1": (True, 0), "m2": (False, 900)}
    await undo_and_wait(rig)
    assert shown(rig) == {"m1": (True, 0), "m2": (False, 0)}
    await undo_and_wait(rig)
    assert shown(rig) == {"m1": (False, 0), "m2": (False, 0)}
    assert last_batch(rig.outbox) is None


@virtual
async def test_an_undo_can_be_undone_and_so_on() -> None:
    rig = with_movies().start()
    batch_id = await do(rig, MarkWatched(), M1)
    once = await undo_and_wait(rig)
    assert undone_batches(rig.outbox) == {batch_id}
    twice = await undo_and_wait(rig, once.batch_id)
    assert rig.server.watched("m1") == [True]
    assert undone_batches(rig.outbox) == {once.batch_id}
    # Redone, it is the last thing done again.
    last = last_batch(rig.outbox)
    assert last is not None
    assert (last.batch_id, last.asked_at) == (batch_id, EPOCH)
    await undo_and_wait(rig)
    assert rig.server.watched("m1") == [False]
    assert undone_batches(rig.outbox) == {batch_id, once.batch_id}
    assert twice.batch_id not in undone_batches(rig.outbox)


@virtual
async def test_what_was_undone_is_not_undone_again() -> None:
    rig = with_movies().start()
    batch_id = await do(rig, MarkWatched(), M1, M2)
    await undo_and_wait(rig)
    again = await undo_and_wait(rig, batch_id)
    assert again.kept == dict.fromkeys(["m1", "m2"], Kept.ALREADY_UNDONE)
    assert again.plan.is_empty


@virtual
async def test_batches_that_changed_nothing_are_passed_over() -> None:
    rig = with_movies().start()
    await do(rig, MarkWatched(), M1)
    idle = await do(rig, MarkWatched(), M1)
    assert rig.results() == [Result.DELIVERED, Result.ALREADY_TRUE]
    assert (await undo(rig, idle)).kept == {"m1": Kept.CHANGED_NOTHING}
    last = last_batch(rig.outbox)
    assert last is not None
    assert last.batch_id != idle


@virtual
async def test_with_nothing_done_there_is_nothing_to_undo() -> None:
    rig = with_movies()
    assert last_batch(rig.outbox) is None
    assert not knows(rig.outbox, "b")
    assert plan(rig, "b") == UndoPlan("b")


@virtual
async def test_saying_it_twice_does_not_stand_in_the_way() -> None:
    rig = with_movies().start()
    await do(rig, MarkWatched(), M1)
    await do(rig, MarkWatched(), M1)
    assert (await undo_and_wait(rig)).kept == {}
    assert rig.server.watched("m1") == [False]


# --- what was changed since --------------------------------------------------------


@virtual
async def test_an_item_with_a_later_change_stays_and_the_rest_goes_back() -> None:
    rig = with_movies().start()
    batch_id = await do(rig, MarkWatched(), M1, M2)
    await do(rig, SetProgress(900), M1)
    undone = await undo_and_wait(rig, batch_id)
    assert undone.kept == {"m1": Kept.CHANGED_SINCE}
    assert shown(rig) == {"m1": (True, 900), "m2": (False, 0)}


@virtual
async def test_a_later_change_that_was_taken_back_does_not_count() -> None:
    rig = with_movies().start()
    batch_id = await do(rig, MarkWatched(), M1)
    later = await do(rig, MarkUnwatched(), M1)
    await undo_and_wait(rig, later)
    assert rig.server.watched("m1") == [True]
    undone = await undo_and_wait(rig, batch_id)
    assert undone.kept == {}
    assert rig.server.watched("m1") == [False]


@virtual
async def test_a_later_undo_of_an_earlier_batch_is_a_change_since() -> None:
    rig = with_movies().start()
    earlier = await do(rig, MarkWatched(), M1)
    batch_id = await do(rig, MarkWatched(at(-5)), M2)
    await undo_and_wait(rig, earlier)
    # M2's batch knows nothing of M1; one that had touched it would stay away from it.
    entry = next(
        one for one in rig.outbox.history if one.operation.batch_id == batch_id
    )
    touching = replace(
        entry,
        operation=replace(
            entry.operation, operation_id="x", item=M1, before={"m1": unseen()}
        ),
    )
    rig.outbox._history.append(touching)
    assert plan(rig, batch_id).untouched[-1].why is Kept.CHANGED_SINCE


@virtual
async def test_what_waits_in_a_later_batch_counts_too() -> None:
    rig = with_movies().start()
    batch_id = await do(rig, MarkWatched(), M1)
    rig.server.down = True
    await ask(rig, SetProgress(600), M1)
    undone = await undo(rig, batch_id)
    assert undone.kept == {"m1": Kept.CHANGED_SINCE}
    assert [one.change for one in rig.outbox] == [SetProgress(600)]


@virtual
async def test_what_was_given_up_later_is_not_swept_away() -> None:
    rig = with_movies().start()
    batch_id = await do(rig, MarkWatched(), M1)
    rig.server.on(Ask.WRITE, FORBIDDEN, FORBIDDEN)
    await do(rig, MarkUnwatched(), M1)
    assert (await undo(rig, batch_id)).kept == {"m1": Kept.CHANGED_SINCE}
    assert len(rig.outbox.rejected) == 1


@virtual
async def test_what_somebody_else_changed_since_stays() -> None:
    rig = with_movies().start()
    await do(rig, MarkWatched(), M1)
    rig.server.elsewhere("m1", unseen(300))
    rig.lane.remember([rig.server.reading("m1")])
    undone = await undo_and_wait(rig)
    assert undone.kept == {"m1": Kept.CHANGED_SINCE}
    assert shown(rig)["m1"] == (False, 300)


@virtual
async def test_what_somebody_took_back_by_hand_is_there_already() -> None:
    rig = with_movies().start()
    await do(rig, MarkWatched(), M1)
    rig.server.elsewhere("m1", unseen())
    rig.lane.remember([rig.server.reading("m1")])
    assert (await undo_and_wait(rig)).kept == {"m1": Kept.ALREADY_THERE}


@virtual
async def test_what_was_really_watched_since_stays_watched() -> None:
    rig = with_movies().start()
    await do(rig, MarkWatched(), M1)
    rig.clock.jump(timedelta())
    rig.server.skew = timedelta(minutes=5)
    rig.server.played_elsewhere("m1")
    rig.lane.remember([rig.server.reading("m1")])
    assert (await undo_and_wait(rig)).kept == {"m1": Kept.CHANGED_SINCE}


@both
@pytest.mark.parametrize("policy", Policy)
@virtual
async def test_a_change_we_have_not_heard_of_is_found_before_the_write(
    make: Make, policy: Policy
) -> None:
    rig = with_movies(make, policy=policy).start()
    await do(rig, MarkWatched(), M1, M2)
    await asyncio.sleep(5)  # dates at Plex have whole seconds
    rig.server.elsewhere("m1", unseen(300))
    rig.server.played_elsewhere("m2")
    writes = rig.server.count(Ask.WRITE)
    undone = await undo_and_wait(rig)
    assert undone.kept == {}
    assert rig.results()[-2:] == [Result.OVERRULED, Result.OVERRULED]
    assert rig.server.count(Ask.WRITE) == writes
    assert shown(rig) == {"m1": (False, 300), "m2": (True, 0)}


@virtual
async def test_an_overruled_undo_counts_as_done_for_what_is_last() -> None:
    rig = with_movies().start()
    await do(rig, MarkWatched(), M2)
    batch_id = await do(rig, MarkWatched(), M1)
    rig.server.elsewhere("m1", unseen(300))
    await undo_and_wait(rig)
    last = last_batch(rig.outbox)
    assert last is not None
    assert last.batch_id != batch_id
    # By name it says what it is.
    assert (await undo(rig, batch_id)).kept == {"m1": Kept.CHANGED_SINCE}


@virtual
async def test_what_is_not_known_at_all_is_left_alone_and_named() -> None:
    rig = with_movies().start()
    await do(rig, MarkWatched(), M1)
    rig.lane.ledger.forget("m1")
    undone = await undo(rig)
    assert undone.kept == {"m1": Kept.NOT_READ}
    assert undone.plan.unread == {"m1"}
    assert undone.plan.untouched[0].item == M1
    rig.lane.remember([rig.server.reading("m1")])
    await undo_and_wait(rig)
    assert rig.server.watched("m1") == [False]


# --- what is not done yet ------------------------------------------------------------


@virtual
async def test_what_waits_is_dropped_and_nothing_is_written() -> None:
    rig = with_movies().start()
    rig.server.down = True
    await ask(rig, MarkWatched(), M1, M2)
    undone = await undo(rig)
    assert [one.item for one in undone.plan.discards] == [M1, M2]
    assert undone.operations == []
    assert not len(rig.outbox)
    assert rig.results() == [Result.DISCARDED, Result.DISCARDED]
    assert rig.journal.restore().oldest is None
    assert last_batch(rig.outbox) is None


@virtual
async def test_what_was_given_up_is_dropped() -> None:
    rig = with_movies().start()
    rig.server.on(Ask.WRITE, FORBIDDEN, None, FORBIDDEN)
    await do(rig, MarkWatched(), M1, M2)
    assert len(rig.outbox.rejected) == 1
    await undo_and_wait(rig)
    assert not rig.outbox.rejected
    assert rig.server.watched("m1", "m2") == [False, False]


@both
@pytest.mark.parametrize("trouble", [DROP, HANG], ids=["written", "not written"])
@virtual
async def test_what_may_have_been_written_is_taken_back_in_any_case(
    make: Make, trouble: Any
) -> None:
    rig = with_movies(make).start()
    rig.server.states["m1"] = unseen(1800)
    rig.server.on(Ask.WRITE, trouble)
    rig.server.on(Ask.PROBE, REFUSE)
    await ask(rig, MarkWatched(), M1)
    await rig.until(lambda: rig.phase is Phase.BACKING_OFF)
    undone = await undo(rig)
    assert [one.operation_id for one in rig.outbox] == [
        one.operation_id for one in undone.operations
    ]
    await rig.drained()
    assert shown(rig)["m1"] == (False, 1800)
    assert rig.results()[-1] is (
        Result.DELIVERED if trouble is DROP else Result.ALREADY_TRUE
    )


@virtual
async def test_what_may_have_been_written_and_was_changed_by_others_stays() -> None:
    rig = with_movies().start()
    rig.server.on(Ask.WRITE, DROP)
    rig.server.on(Ask.PROBE, REFUSE)
    await ask(rig, MarkWatched(), M1)
    await rig.until(lambda: rig.phase is Phase.BACKING_OFF)
    rig.server.elsewhere("m1", unseen(300))
    await undo_and_wait(rig)
    assert shown(rig)["m1"] == (False, 300)
    assert rig.results()[-1] is Result.OVERRULED


@virtual
async def test_an_undo_at_any_moment_of_a_delivery_ends_where_it_began() -> None:
    """Strike at every step of delivering three marks and a show."""
    struck = 0
    for step in range(1, 400):
        rig, leaves = with_show({1: 3})
        rig.server.add(M1, M2)
        rig.server.states["m1"] = unseen(1800)
        rig.server.states[leaves[1].item_id] = seen()
        before = shown(rig)
        rig.start()
        batch_id = await ask(rig, MarkWatched(), M1, M2, SHOW)
        await rig.until(functools.partial(_has_come, _steps() + step))
        finished = not len(rig.outbox)
        await undo_and_wait(rig, batch_id)
        await rig.stop()
        assert shown(rig) == before, step
        struck += 1
        if finished:
            break
    assert 15 < struck < 399


def _has_come(step: int) -> bool:
    return _steps() >= step


def _steps() -> int:
    loop = asyncio.get_running_loop()
    return loop.steps  # type: ignore[attr-defined]  # a VirtualLoop


@virtual
async def test_an_undo_that_cannot_be_written_leaves_everything_as_it_was() -> None:
    rig = with_movies().start()
    batch_id = await do(rig, MarkWatched(), M1)
    rig.server.down = True
    await ask(rig, MarkWatched(), M2)
    waiting = [one.operation_id for one in rig.outbox]
    both_batches = replace(
        next(iter(rig.outbox)), batch_id=batch_id, operation_id=waiting[0]
    )
    rig.outbox.update(both_batches)
    rig.journal.fail_next()
    with pytest.raises(Exception, match="no space left"):
        await undo(rig, batch_id)
    assert [one.operation_id for one in rig.outbox] == waiting
    assert undone_batches(rig.outbox) == frozenset()


@virtual
async def test_an_undo_that_does_not_fit_drops_nothing() -> None:
    rig = with_movies().start()
    batch_id = await do(rig, MarkWatched(), M1)
    rig.server.down = True
    operations = [
        an_operation(item=movie(f"x{one}")) for one in range(OUTBOX_LIMIT + 1)
    ]
    for one in operations[:OUTBOX_LIMIT]:
        rig.outbox.add(one)
    with pytest.raises(OutboxFull):
        await undo(rig, batch_id)
    # One makes room for the other.
    await rig.lane.exchange(
        lambda: ([operations[0].operation_id], [operations[OUTBOX_LIMIT]])
    )
    assert len(rig.outbox) == OUTBOX_LIMIT
    with pytest.raises(OutboxFull):
        await rig.lane.exchange(
            lambda: (
                [operations[1].operation_id],
                [an_operation(item=movie("y")), an_operation(item=movie("z"))],
            )
        )
    assert operations[1].operation_id in rig.outbox


@virtual
async def test_an_undo_survives_a_crash() -> None:
    rig = with_movies().start()
    rig.server.states["m1"] = unseen(1800)
    batch_id = await do(rig, MarkWatched(), M1)
    rig.server.down = True
    undone = await undo(rig)
    await rig.crash()
    assert list(rig.outbox) == list(undone.operations)
    assert undone_batches(rig.outbox) == {batch_id}
    rig.server.down = False
    rig.start()
    await rig.drained()
    assert shown(rig)["m1"] == (False, 1800)


# --- shows and seasons --------------------------------------------------------------


@both
@virtual
async def test_a_show_goes_back_with_one_call(make: Make) -> None:
    rig, leaves = with_show({1: 3, 2: 4}, make)
    rig.start()
    await do(rig, MarkWatched(), SHOW)
    writes = rig.server.count(Ask.WRITE)
    undone = await undo_and_wait(rig)
    assert [(one.item, one.scope) for one in undone.operations] == [(SHOW, Scope.TREE)]
    assert rig.server.writes[writes:] == [("s", MarkUnwatched())]
    assert not any(rig.server.watched(*(leaf.item_id for leaf in leaves)))


@both
@virtual
async def test_episodes_watched_before_stay_watched(make: Make) -> None:
    rig, leaves = with_show({0: 1, 1: 3, 2: 3}, make)
    rig.server.states["s.1.2"] = seen(last=at(-1000))
    rig.server.states["s.0.1"] = seen(last=at(-1000))
    before = shown(rig)
    rig.start()
    await do(rig, MarkWatched(), SHOW)
    writes = rig.server.count(Ask.WRITE)
    await undo_and_wait(rig)
    assert shown(rig) == before
    assert [item_id for item_id, _ in rig.server.writes[writes:]] == [
        "s.2",
        "s.1.1",
        "s.1.3",
    ]
    assert len(leaves) == 7


@both
@virtual
async def test_an_episode_that_came_since_is_not_touched(make: Make) -> None:
    rig, _ = with_show({1: 3}, make)
    rig.start()
    await do(rig, MarkWatched(), SHOW)
    rig.server.add(episode(SHOW, 1, 4), state=seen())
    await undo_and_wait(rig)
    assert rig.server.watched("s.1.1", "s.1.2", "s.1.3", "s.1.4") == [
        False,
        False,
        False,
        True,
    ]


@both
@virtual
async def test_an_episode_changed_since_is_found_before_the_write(make: Make) -> None:
    rig, _ = with_show({1: 3}, make)
    rig.start()
    await do(rig, MarkWatched(), SHOW)
    rig.server.elsewhere("s.1.2", unseen(300))
    await undo_and_wait(rig)
    assert shown(rig) == {
        "s.1.1": (False, 0),
        "s.1.2": (False, 300),
        "s.1.3": (False, 0),
    }


@virtual
async def test_a_show_all_of_which_was_changed_since_is_overruled() -> None:
    rig, leaves = with_show({1: 2})
    rig.start()
    await do(rig, MarkWatched(), SHOW)
    for leaf in leaves:
        rig.server.elsewhere(leaf.item_id, unseen(300))
    writes = rig.server.count(Ask.WRITE)
    await undo_and_wait(rig)
    assert rig.results()[-1] is Result.OVERRULED
    assert rig.server.count(Ask.WRITE) == writes


@both
@virtual
async def test_a_show_goes_back_to_watched(make: Make) -> None:
    rig, leaves = with_show({1: 3, 2: 2}, make)
    for leaf in leaves[:4]:
        rig.server.states[leaf.item_id] = seen(last=at(-1000))
    before = shown(rig)
    rig.start()
    await do(rig, MarkUnwatched(), SHOW)
    writes = rig.server.count(Ask.WRITE)
    await undo_and_wait(rig)
    assert shown(rig) == before
    written = [item_id for item_id, _ in rig.server.writes[writes:]]
    if make == ModelServer.plex:
        assert written == ["s.1", "s.2.1"]
    else:  # each has a date of its own
        assert written == ["s.1.1", "s.1.2", "s.1.3", "s.2.1"]
    assert rig.server.doubled == []


@both
@virtual
async def test_positions_below_a_show_come_back_singly(make: Make) -> None:
    rig, leaves = with_show({1: 4}, make)
    rig.server.states["s.1.3"] = unseen(1200)
    before = shown(rig)
    rig.start()
    await do(rig, MarkWatched(), SHOW)
    undone = await undo(rig)
    assert [one.item.item_id for one in undone.operations] == ["s", "s.1.3"]
    # The rest of the show is not promised anything while this waits.
    desired = rig.outbox.desired(leaves[2], seen())
    assert (desired.watched, desired.position) == (False, 1200)
    assert rig.outbox.desired(leaves[0], seen()).watched is False
    assert rig.outbox.desired(episode(SHOW, 1, 9), seen()).watched is True
    await rig.drained()
    assert shown(rig) == before


@virtual
async def test_one_episode_is_not_a_tree() -> None:
    rig, _ = with_show({1: 2})
    rig.server.states["s.1.1"] = seen()
    rig.start()
    await do(rig, MarkWatched(), SHOW)
    undone = await undo_and_wait(rig)
    assert [(one.item.item_id, one.scope) for one in undone.operations] == [
        ("s.1.2", Scope.ITEM)
    ]


@virtual
async def test_a_show_half_marked_when_the_server_fails_goes_back_whole() -> None:
    rig, leaves = with_show({1: 6})
    rig.server.states["s.1.5"] = unseen(1200)
    before = shown(rig)
    rig.server.on(Ask.WRITE, HALF)
    rig.start()
    await ask(rig, MarkWatched(), SHOW)
    await rig.until(lambda: any(one.attempts for one in rig.outbox))
    assert any(rig.server.watched(*(leaf.item_id for leaf in leaves)))
    rig.lane.ledger.forget("s.1.1")
    undone = await undo_and_wait(rig)
    assert len(undone.plan.discards) == 1
    assert shown(rig) == before


@virtual
async def test_a_season_half_marked_is_told_from_the_show_above_it() -> None:
    rig, _ = with_show({1: 4})
    rig.server.on(Ask.WRITE, HALF)
    rig.start()
    await ask(rig, MarkWatched(), season(SHOW, 1))
    await rig.until(lambda: any(one.attempts for one in rig.outbox))
    for leaf in ("s.1.1", "s.1.2"):
        rig.lane.ledger.forget(leaf)
    await undo_and_wait(rig)
    assert not any(state.watched for state in rig.server.states.values())


@virtual
async def test_what_waits_for_a_container_is_not_swallowed_by_an_undo() -> None:
    rig, _ = with_show({0: 2, 1: 2})
    rig.start()
    batch_id = await do(rig, MarkWatched(), SHOW, include_specials=True)
    rig.server.down = True
    later = await ask(rig, MarkWatched(), SHOW)
    undone = await undo(rig, batch_id)
    assert undone.kept == dict.fromkeys(["s.1.1", "s.1.2"], Kept.CHANGED_SINCE)
    assert [one.item.item_id for one in undone.operations] == ["s.0.1", "s.0.2"]
    assert next(iter(rig.outbox)).batch_id == later
    rig.server.down = False
    await rig.drained()
    assert rig.server.watched("s.0.1", "s.0.2", "s.1.1", "s.1.2") == [
        False,
        False,
        True,
        True,
    ]


@virtual
async def test_two_shows_of_one_batch_go_back_as_two() -> None:
    rig, _ = with_show({1: 2})
    other = show("t")
    rig.server.add_show(other, {1: 2})
    rig.start()
    await do(rig, MarkWatched(), SHOW, other)
    undone = await undo_and_wait(rig)
    assert [one.item for one in undone.operations] == [SHOW, other]
    assert not any(state.watched for state in rig.server.states.values())


@virtual
async def test_seasons_of_one_show_go_back_as_two() -> None:
    rig, _ = with_show({1: 2, 2: 2})
    rig.start()
    await do(rig, MarkWatched(), season(SHOW, 1), season(SHOW, 2))
    undone = await undo_and_wait(rig)
    assert [one.scope for one in undone.operations] == [Scope.TREE, Scope.TREE]
    assert not any(state.watched for state in rig.server.states.values())


@virtual
async def test_an_item_that_a_batch_touched_twice_goes_back_to_the_beginning() -> None:
    rig, _ = with_show({1: 3})
    rig.start()
    batch_id = await do(rig, MarkWatched(), SHOW)
    # A second part of the same batch, as an automation may name its own batch.
    await rig.lane.submit(
        [
            an_operation(
                SetProgress(600),
                episode(SHOW, 1, 2),
                batch_id=batch_id,
                asked_at=rig.clock.now(),
            )
        ]
    )
    await rig.drained()
    assert shown(rig)["s.1.2"] == (True, 600)
    await undo_and_wait(rig, batch_id)
    assert not any(state.watched for state in rig.server.states.values())
    assert shown(rig)["s.1.2"] == (False, 0)


@virtual
async def test_trees_of_one_batch_that_overlap_go_back_episode_by_episode() -> None:
    rig, leaves = with_show({1: 2, 2: 2})
    rig.start()
    batch_id = await do(rig, MarkWatched(), season(SHOW, 1))
    await rig.lane.submit(
        [an_operation(MarkWatched(), SHOW, batch_id=batch_id, asked_at=rig.clock.now())]
    )
    await rig.drained()
    undone = await undo_and_wait(rig, batch_id)
    assert {one.item.item_id for one in undone.operations} == {
        leaf.item_id for leaf in leaves
    }
    assert not any(state.watched for state in rig.server.states.values())


@virtual
async def test_a_failing_write_of_an_undo_is_repeated_like_any_other() -> None:
    rig, _ = with_show({1: 3})
    rig.start()
    await do(rig, MarkWatched(), SHOW)
    rig.server.on(Ask.WRITE, HALF, ERROR)
    await undo_and_wait(rig)
    assert not any(state.watched for state in rig.server.states.values())
    assert rig.results()[-1] is Result.DELIVERED


@virtual
async def test_many_items_cost_few_requests() -> None:
    rig = Rig()
    items = [movie(f"m{number:04}") for number in range(200)]
    rig.server.add(*items)
    rig.start()
    await do(rig, MarkWatched(), *items)
    so_far = rig.server.count()
    await undo_and_wait(rig)
    assert not any(state.watched for state in rig.server.states.values())
    assert rig.server.count() - so_far == 200 + 4


# --- pieces ---------------------------------------------------------------------------


def test_a_leaf_nobody_knows_is_named_after_what_it_belongs_to() -> None:
    tree = an_operation(MarkWatched(), SHOW, before={"s.1.1": unseen()}, batch_id="b")
    outbox = Outbox([tree])
    (restore,) = plan_undo(
        outbox,
        Ledger(),
        "b",
        capabilities=ModelServer.jellyfin(None).kind,  # type: ignore[arg-type]  # no time passes
    ).restores
    assert restore.item == Item("s.1.1", MediaKind.EPISODE, "Show s", show_id="s")
    assert SHOW.covers(restore.item)


@given(st.data())
@settings(max_examples=60)
def test_undoing_step_by_step_passes_every_state_there_was(data: st.DataObject) -> None:
    """Any batches on any states, delivered, and taken back one after the other."""
    make = data.draw(st.sampled_from([ModelServer.plex, ModelServer.jellyfin]))
    positions = st.sampled_from([0.0, 300.0, 900.0])
    states = st.one_of(
        st.builds(unseen, positions),
        # A position that cannot be taken from a watched Plex item is tested above.
        st.builds(lambda: seen(last=at(-9999))),
    )
    changes = st.one_of(
        st.just(MarkWatched()),
        st.just(MarkUnwatched()),
        st.builds(SetProgress, st.sampled_from([400.0, 1000.0]), st.just(False)),  # noqa: FBT003 - the flag's place
    )
    rig_items = [M1, M2, SHOW, season(SHOW, 1), season(SHOW, 2), episode(SHOW, 1, 1)]
    batches = data.draw(
        st.lists(
            st.tuples(
                changes, st.lists(st.sampled_from(rig_items), min_size=1, unique=True)
            ),
            min_size=1,
            max_size=5,
        )
    )

    async def scenario() -> None:
        rig = Rig(make)
        rig.server.add(M1, M2)
        rig.server.add_show(SHOW, {1: 2, 2: 2})
        for item_id in rig.server.states:
            rig.server.states[item_id] = data.draw(states, item_id)
        rig.start()
        passed = [shown(rig)]
        for change, items in batches:
            fitting = [
                item
                for item in items
                if not (isinstance(change, SetProgress) and item.kind.is_container)
            ]
            if not fitting:
                continue
            await do(rig, change, *fitting)
            if shown(rig) != passed[-1]:
                passed.append(shown(rig))
        assert not rig.outbox.rejected
        for earlier in reversed(passed[:-1]):
            undone = await undo_and_wait(rig)
            assert set(undone.kept.values()) <= {Kept.CHANGED_NOTHING}
            assert shown(rig) == earlier
        assert last_batch(rig.outbox) is None
        assert rig.server.doubled == []

    run(scenario())


# --- a play that has cleared the flag --------------------------------------------


async def with_begun_again(rig: Rig, *, position: float = 0.0) -> None:
    """Have somebody begin M1 again after it was watched, and read that."""
    rig.server.clears_flag = True
    await asyncio.sleep(60)
    rig.server.begin_elsewhere("m1")
    if position:
        rig.server.progress_elsewhere("m1", position)
    rig.lane.remember((await rig.server.fetch(["m1"])).values())


@virtual
async def test_mark_is_not_taken_back_from_what_is_watched_again_since() -> None:
    rig = with_movies().start()
    batch_id = await do(rig, MarkWatched(), M1)
    await with_begun_again(rig)
    assert rig.server.watched("m1") == [False]
    undone = await undo(rig, batch_id)
    assert undone.kept == {"m1": Kept.CHANGED_SINCE}
    await rig.stop()


@virtual
@pytest.mark.parametrize("change", [MarkWatched(), MarkUnwatched()])
async def test_what_was_being_watched_again_stays_watched_after_an_undo(
    change: Change,
) -> None:
    rig = with_movies()
    rig.server.states["m1"] = seen(last=at(0))
    rig.lane.remember((await rig.server.fetch(["m1"])).values())
    await with_begun_again(rig, position=1800)
    rig.start()
    await asyncio.sleep(60)
    await do(rig, change, M1)
    await undo_and_wait(rig)
    assert shown(rig)["m1"] == (True, 1800)
    await rig.stop()


@virtual
async def test_un_mark_of_what_was_just_begun_again_counts_as_a_change() -> None:
    rig = with_movies()
    rig.server.states["m1"] = seen(last=at(0))
    rig.lane.remember((await rig.server.fetch(["m1"])).values())
    await with_begun_again(rig)
    rig.start()
    await asyncio.sleep(60)
    await do(rig, MarkUnwatched(), M1)
    assert rig.server.states["m1"] == unseen()
    await undo_and_wait(rig)
    assert shown(rig)["m1"] == (True, 0.0)
    await rig.stop()
