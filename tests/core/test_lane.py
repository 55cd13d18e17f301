"""The one door for operations: on disk before yes, all or nothing, whoever leaves."""

import asyncio
from collections.abc import Collection, Coroutine, Mapping
from dataclasses import replace
import math
import random
from typing import Any, override

import pytest

from custom_components.watched_sync.core import (
    ledger as ledger_module,
    outbox as outbox_module,
)
from custom_components.watched_sync.core.catalogue import Progress
from custom_components.watched_sync.core.errors import (
    JournalError,
    Reason,
    Unstorable,
)
from custom_components.watched_sync.core.identity import ProviderIds
from custom_components.watched_sync.core.keeping import Keeper
from custom_components.watched_sync.core.lane import (
    MOST_AT_ONCE,
    Health,
    Lane,
    LaneClosed,
    LaneUpdate,
    Phase,
)
from custom_components.watched_sync.core.ledger import Ledger
from custom_components.watched_sync.core.operation import (
    MarkUnwatched,
    MarkWatched,
    Operation,
    SetProgress,
)
from custom_components.watched_sync.core.outbox import (
    Outbox,
    OutboxFull,
    Outcome,
    Result,
)
from custom_components.watched_sync.core.play_state import UNKNOWN, Reading

from .memory_catalogue import MemoryCatalogue
from .rig import Rig
from .samples import an_operation, at, seen, unseen
from .twins import episode, episodes, movie, show
from .virtual import EPOCH, settle, virtual

SHOW = show()
PILOT = episode(SHOW, 1, 1)


def many(count: int) -> list[Operation]:
    return [an_operation(item=movie(str(number))) for number in range(count)]


@virtual
async def test_an_operation_is_on_disk_when_the_call_returns() -> None:
    rig = Rig()
    operation = await rig.ask(None, movie())
    assert list(rig.journal.restore()) == [operation]
    assert rig.lane.wake.is_set()
    assert rig.updates == [LaneUpdate()]


@virtual
async def test_two_hundred_operations_at_once_are_a_few_writes() -> None:
    rig = Rig()
    operations = many(200)

    async def later(delay: float, operation: Operation) -> None:
        await asyncio.sleep(delay)
        await rig.lane.submit([operation])

    rng = random.Random(1)
    async with asyncio.TaskGroup() as group:
        for operation in operations:
            group.create_task(later(rng.uniform(0, 0.03), operation))
    assert len(rig.journal.restore()) == 200
    assert rig.journal.writes <= 5
    assert len(rig.updates) == rig.journal.writes, "one publish per group"


@virtual
async def test_a_storm_of_cancelled_callers_loses_nothing_that_was_begun() -> None:
    rig = Rig()
    operations = many(60)
    calls = [
        asyncio.create_task(rig.lane.submit([operation])) for operation in operations
    ]
    await settle(2)
    for number, call in enumerate(calls):
        if number % 3:
            call.cancel()
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(answer is None for answer in answers) == 20
    await rig.lane.close()
    assert list(rig.journal.restore()) == operations
    assert rig.outbox.due(EPOCH, 100) == operations


@virtual
async def test_a_failing_disk_gives_everything_back_as_it_was() -> None:
    rig = Rig()
    waiting = [
        an_operation(item=movie("a")),
        an_operation(item=PILOT),
        an_operation(item=movie("b")),
    ]
    given_up = an_operation(item=SHOW, last_error=Reason.MISSING.value)
    await rig.lane.submit([given_up])
    rig.outbox.reject(given_up)
    await rig.lane.submit(waiting)
    before = (list(rig.outbox), list(rig.outbox.rejected), rig.journal.stored)

    rig.journal.fail_next()
    calls = [
        rig.lane.submit(
            [an_operation(item=movie("new")), an_operation(MarkUnwatched(), movie("a"))]
        ),
        rig.lane.submit([an_operation(MarkUnwatched(), SHOW)]),
        rig.lane.submit([an_operation(MarkUnwatched(), PILOT)]),
    ]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(answer) for answer in answers] == [JournalError] * 3
    assert (list(rig.outbox), list(rig.outbox.rejected), rig.journal.stored) == before
    assert rig.outbox.due(EPOCH, 100) == waiting
    assert Result.SUPERSEDED not in rig.results()

    await rig.lane.submit([an_operation(MarkUnwatched(), movie("a"))])
    assert rig.results() == [Result.SUPERSEDED]


@virtual
async def test_a_refused_call_does_not_release_its_neighbours_before_the_disk(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outbox_module, "OUTBOX_LIMIT", 2)
    rig = Rig()
    first = asyncio.create_task(rig.ask(None, movie("a")))
    too_many = asyncio.create_task(
        rig.lane.submit([an_operation(MarkUnwatched(), movie("a")), *many(3)])
    )
    await settle()
    assert isinstance(too_many.exception(), OutboxFull)
    assert not first.done()
    assert rig.outbox.due(EPOCH, 100) == [], "nothing is on disk yet"
    assert rig.outbox.due(EPOCH, 100) != [await first]


@virtual
async def test_a_full_outbox_takes_all_of_a_call_or_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outbox_module, "OUTBOX_LIMIT", 5)
    rig = Rig()
    first = await rig.ask(None, movie("a"))
    with pytest.raises(OutboxFull):
        await rig.lane.submit([an_operation(MarkUnwatched(), movie("a")), *many(5)])
    assert list(rig.outbox) == [first]
    assert rig.results() == []
    await rig.lane.submit(many(4))
    assert len(rig.outbox) == 5


@virtual
async def test_what_no_file_can_hold_is_refused_and_takes_nothing_with_it() -> None:
    rig = Rig()
    first = await rig.ask(None, movie("a"))
    odd = an_operation(SetProgress(math.nan), movie("b"))
    good = an_operation(None, movie("c"))
    done = await asyncio.gather(
        rig.lane.submit([odd]),
        rig.lane.submit([good]),
        rig.lane.exchange(lambda: ([first.operation_id], [odd])),
        rig.lane.submit([an_operation(None, movie("d")), odd]),
        return_exceptions=True,
    )
    assert [type(one) for one in done] == [
        Unstorable,
        type(None),
        Unstorable,
        Unstorable,
    ]
    assert list(rig.outbox) == [first, good]
    assert list(rig.journal.restore()) == [first, good]


@virtual
async def test_a_plan_that_fails_costs_nobody_who_waits_for_the_same_write() -> None:
    """What is a fault of ours is raised to whoever asked for the exchange."""
    rig = Rig()
    first = await rig.ask(None, movie("a"))
    before, after = an_operation(None, movie("b")), an_operation(None, movie("c"))

    def mistaken() -> tuple[list[str], list[Operation]]:
        raise ZeroDivisionError

    async with asyncio.timeout(60):
        done = await asyncio.gather(
            rig.lane.submit([before]),
            rig.lane.exchange(mistaken),
            rig.lane.submit([after]),
            return_exceptions=True,
        )
    assert [type(one) for one in done] == [type(None), ZeroDivisionError, type(None)]
    assert list(rig.outbox) == list(rig.journal.restore()) == [first, before, after]


@virtual
async def test_a_refused_call_alone_writes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outbox_module, "OUTBOX_LIMIT", 0)
    rig = Rig()
    with pytest.raises(OutboxFull):
        await rig.ask(None, movie())
    assert rig.journal.writes == 0


@virtual
async def test_a_closed_lane_takes_nothing_in_and_loses_nothing() -> None:
    rig = Rig()
    call = asyncio.create_task(rig.ask(None, movie("a")))
    await settle(2)
    await rig.lane.close()
    assert (await call).operation_id in rig.journal.restore()
    for refused in (
        rig.lane.submit([an_operation()]),
        rig.lane.retry(),
        rig.lane.discard(),
    ):
        with pytest.raises(LaneClosed):
            await refused
    await rig.lane.close()


@virtual
async def test_operations_that_come_while_the_disk_is_busy_make_the_next_write() -> (
    None
):
    rig = Rig()
    first = asyncio.create_task(rig.ask(None, movie("a")))
    await settle(2)
    rest = [asyncio.create_task(rig.ask(None, movie(one))) for one in "bcd"]
    await first
    assert rig.journal.writes == 1
    assert len(rig.journal.restore()) == 1
    await asyncio.wait(rest)
    assert rig.journal.writes == 2


@virtual
async def test_of_many_that_come_at_once_some_wait_for_the_next_write() -> None:
    """All in one would hold everybody else up; their order stays."""
    rig = Rig()
    count = 2 * MOST_AT_ONCE + 1
    asked = [
        asyncio.create_task(rig.ask(None, movie(f"m{number}")))
        for number in range(count)
    ]
    await asyncio.wait(asked)
    assert rig.journal.writes == 3
    assert list(rig.journal.restore()) == [one.result() for one in asked]


@virtual
async def test_a_failed_group_does_not_fail_the_next() -> None:
    rig = Rig()
    rig.journal.fail_next()
    first = asyncio.create_task(rig.ask(None, movie("a")))
    await settle(2)
    second = asyncio.create_task(rig.ask(None, movie("b")))
    await asyncio.wait([first, second])
    assert isinstance(first.exception(), JournalError)
    assert list(rig.journal.restore()) == [second.result()]


@virtual
async def test_a_writer_that_is_killed_answers_everybody() -> None:
    tasks: list[asyncio.Task[None]] = []

    def create(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        tasks.append(asyncio.create_task(work))
        return tasks[-1]

    rig = Rig()
    rig.lane._create_task = create
    first = asyncio.create_task(rig.ask(None, movie("a")))
    await settle(2)
    second = asyncio.create_task(rig.ask(None, movie("b")))
    await settle(2)
    tasks[0].cancel()
    await asyncio.wait([first, second])
    assert isinstance(first.exception(), LaneClosed)
    assert isinstance(second.exception(), LaneClosed)
    assert not len(rig.outbox)
    await rig.ask(None, movie("c"))
    assert len(rig.journal.restore()) == 1


@virtual
async def test_a_writer_that_begins_at_once_serves_every_operation() -> None:
    """Home Assistant starts tasks eagerly, and a disk may answer without a pause."""

    def eager(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return asyncio.Task(work, loop=asyncio.get_running_loop(), eager_start=True)

    rig = Rig()
    rig.journal.seconds = 0
    rig.lane._create_task = eager
    for number, one in enumerate("abc", start=1):
        async with asyncio.timeout(10):
            await rig.ask(None, movie(one))
        assert len(rig.journal.restore()) == number
    await rig.lane.close()


# --- retry and discard -----------------------------------------------------------


async def _with_given_up(rig: Rig, *items: Any) -> list[Operation]:
    operations = [an_operation(item=item) for item in items]
    await rig.lane.submit(operations)
    for operation in operations:
        rig.outbox.reject(replace(operation, last_error=Reason.NOT_APPLIED.value))
    return list(rig.outbox.rejected)


@virtual
async def test_r03_retry_queues_what_was_given_up_and_says_how_many() -> None:
    rig = Rig()
    await _with_given_up(rig, movie("a"), movie("b"))
    assert await rig.lane.retry() == 2
    assert len(rig.journal.restore()) == 2
    assert not rig.journal.restore().rejected
    assert await rig.lane.retry() == 0


@virtual
async def test_retry_that_cannot_be_written_changes_nothing() -> None:
    rig = Rig()
    given_up = await _with_given_up(rig, movie("a"), movie("b"))
    rig.journal.fail_next()
    with pytest.raises(JournalError):
        await rig.lane.retry()
    assert list(rig.outbox.rejected) == given_up
    assert not len(rig.outbox)


@virtual
async def test_what_is_held_stays_so_if_letting_it_go_cannot_be_written() -> None:
    rig = Rig()
    held, other = [await rig.ask(None, movie(one)) for one in ("m1", "m2")]
    rig.outbox.hold(Reason.RESTORED)
    rig.journal.broken = True
    with pytest.raises(JournalError):
        await rig.lane.retry([held.operation_id])
    assert [one.held for one in rig.outbox] == [True, True]
    rig.journal.broken = False
    assert await rig.lane.retry([held.operation_id]) == 1
    assert [one.held for one in rig.outbox] == [False, True]
    assert other.operation_id in rig.outbox


@virtual
async def test_retry_of_a_waiting_operation_forgets_its_delay() -> None:
    rig = Rig()
    operation = await rig.ask(None, movie(), not_before=at(600))
    assert await rig.lane.retry([operation.operation_id]) == 1
    assert ids(rig.outbox.due(EPOCH, 9)) == [operation.operation_id]


def ids(operations: Any) -> list[str]:
    return [operation.operation_id for operation in operations]


@virtual
async def test_discard_drops_and_says_how_many() -> None:
    rig = Rig()
    given_up = await _with_given_up(rig, movie("a"), movie("b"))
    waits = await rig.ask(None, movie("c"))
    assert await rig.lane.discard() == 2
    assert await rig.lane.discard([waits.operation_id, "unknown"]) == 1
    assert rig.outcomes == [
        Outcome(one, Result.DISCARDED) for one in (*given_up, waits)
    ]
    assert not rig.journal.restore().rejected
    assert not len(rig.journal.restore())


@virtual
async def test_discard_that_cannot_be_written_changes_nothing_not_even_the_order() -> (
    None
):
    rig = Rig()
    given_up = await _with_given_up(rig, movie("x"), movie("y"))
    tree = await rig.ask(None, SHOW)
    leaf = await rig.ask(MarkUnwatched(), PILOT)
    last = await rig.ask(None, movie("z"))
    rig.journal.fail_next()
    with pytest.raises(JournalError):
        await rig.lane.discard([tree.operation_id, given_up[0].operation_id])
    assert list(rig.outbox) == [tree, leaf, last]
    assert rig.outbox.due(EPOCH, 9) == [tree], "the tree was asked for first"
    assert {one.operation_id for one in rig.outbox.rejected} == set(ids(given_up))
    assert rig.outcomes == []


# --- bases -----------------------------------------------------------------------


@virtual
async def test_an_operation_remembers_what_both_sides_agreed_on_when_it_was_made() -> (
    None
):
    rig = Rig()
    rig.lane.remember([Reading(movie(), unseen(300))])
    operation = await rig.ask(None, movie())
    rig.lane.remember([Reading(movie(), seen())])
    waiting = rig.outbox.get(operation.operation_id)
    assert waiting is not None
    assert waiting.base == unseen(300)


@virtual
async def test_an_operation_for_a_show_remembers_it_of_every_known_episode() -> None:
    rig = Rig()
    first, second = episodes(show(), {1: 2})
    special = episode(show(), 0, 1)
    rig.lane.remember(
        [
            Reading(first, seen(last=at(-60))),
            Reading(second, UNKNOWN),
            Reading(special, seen()),
            Reading(movie(), seen()),
        ]
    )
    await rig.ask(MarkUnwatched(), show())
    (waiting,) = rig.outbox
    assert waiting.bases == {first.item_id: seen(last=at(-60))}


@virtual
async def test_a_caller_that_left_makes_no_noise_when_the_disk_fails() -> None:
    rig = Rig()
    rig.journal.seconds = 1.0
    rig.journal.fail_next()
    asking = asyncio.create_task(rig.ask(MarkWatched(), movie()))
    await settle()
    asking.cancel()
    await asyncio.sleep(5)  # `run` fails if anybody hears of an unheard failure
    assert not len(rig.outbox)


@virtual
async def test_a_base_that_is_given_is_kept() -> None:
    rig = Rig()
    rig.lane.remember([Reading(movie(), unseen())])
    await rig.ask(None, movie(), base=seen())
    assert [one.base for one in rig.outbox] == [seen()]


# --- news ------------------------------------------------------------------------


@virtual
async def test_r14_only_news_is_published_and_once_per_batch() -> None:
    rig = Rig()
    found = [Reading(movie(str(number)), unseen()) for number in range(300)]
    rig.lane.remember(found)
    rig.lane.remember(found)
    assert rig.updates == [LaneUpdate(readings=tuple(found))]


@virtual
async def test_news_come_with_what_was_known_before() -> None:
    rig = Rig()
    rig.lane.remember([Reading(movie(), unseen())])
    moved = Reading(movie(), seen())
    rig.lane.remember([moved, Reading(movie("2"), seen())])
    assert rig.updates[1].before == {movie().item_id: unseen()}
    rig.lane.remember([replace(moved, leaf_count=3)])
    assert rig.updates[2].before == {}


@virtual
async def test_an_item_read_twice_before_it_is_told_has_moved_once() -> None:
    rig = Rig()
    rig.lane.remember([Reading(movie(), unseen())])
    rig.lane.ledger.remember([Reading(movie(), unseen(60))])
    rig.lane.remember([Reading(movie(), seen())])
    assert rig.updates[-1].before == {movie().item_id: unseen()}


@virtual
async def test_an_item_that_is_gone_has_not_moved_when_it_is_back() -> None:
    rig = Rig()
    rig.lane.ledger.remember([Reading(movie(), unseen())])
    rig.lane.ledger.remember([Reading(movie(), seen())])
    rig.lane.ledger.forget(movie().item_id)
    rig.lane.remember([Reading(movie(), unseen())])
    assert rig.updates[-1].before == {}


@virtual
async def test_a_listener_that_left_hears_nothing_more() -> None:
    rig = Rig()
    heard: list[LaneUpdate] = []
    remove = rig.lane.add_listener(heard.append)
    rig.lane.publish(LaneUpdate())
    remove()
    remove()
    rig.lane.publish(LaneUpdate())
    assert len(heard) == 1


@virtual
async def test_a_listener_that_fails_costs_nobody_else_anything(
    caplog: pytest.LogCaptureFixture,
) -> None:
    rig = Rig()
    heard: list[LaneUpdate] = []

    def fail(_: LaneUpdate) -> None:
        raise KeyError("oops")

    rig.lane.add_listener(fail)
    rig.lane.add_listener(heard.append)
    rig.server.add(movie("m1"))
    rig.start()
    await rig.ask(MarkWatched(), movie("m1"))
    await rig.drained()
    await rig.stop()
    assert rig.results() == [Result.DELIVERED]
    assert heard
    assert "not taken in by everybody" in caplog.text


@virtual
async def test_a_listener_may_leave_while_it_is_told() -> None:
    rig = Rig()
    heard: list[str] = []

    def shy(_: LaneUpdate) -> None:
        heard.append("shy")
        remove()

    remove = rig.lane.add_listener(shy)
    rig.lane.add_listener(lambda _: heard.append("loyal"))
    rig.lane.publish(LaneUpdate())
    rig.lane.publish(LaneUpdate())
    assert heard == ["shy", "loyal", "loyal"]


@virtual
async def test_health_says_since_when() -> None:
    rig = Rig()
    rig.lane.set_health(Health(Phase.BACKING_OFF, at(1), Reason.BUSY))
    rig.lane.set_health(Health(Phase.BACKING_OFF, at(9), Reason.BUSY, failures=2))
    assert rig.lane.health == Health(Phase.BACKING_OFF, at(1), Reason.BUSY, failures=2)
    rig.lane.set_health(Health(Phase.BACKING_OFF, at(20), Reason.UNREACHABLE))
    assert rig.lane.health.since == at(20)


# --- waiting for the end -----------------------------------------------------------


@virtual
async def test_a_caller_can_wait_for_the_end_of_operations() -> None:
    rig = Rig()
    first = await rig.ask(None, movie("a"))
    second = await rig.ask(None, movie("b"))
    waiting = asyncio.create_task(
        rig.lane.ended([first.operation_id, second.operation_id, "unknown"], 60)
    )
    other = asyncio.create_task(rig.lane.ended([first.operation_id], 5))
    await settle()
    outcome = Outcome(first, Result.DELIVERED, seen())
    rig.lane.publish(LaneUpdate((outcome,)))
    assert await other == {first.operation_id: outcome}
    replaced = await rig.ask(MarkUnwatched(), movie("b"))
    assert await waiting == {
        first.operation_id: outcome,
        second.operation_id: Outcome(second, Result.SUPERSEDED),
    }
    assert asyncio.get_running_loop().time() < 1
    assert replaced.operation_id in rig.outbox
    assert not rig.lane._waiters


@virtual
async def test_waiting_ends_after_the_time_given_and_leaves_nothing_behind() -> None:
    rig = Rig()
    operation = await rig.ask(None, movie())
    begin = asyncio.get_running_loop().time()
    patient = asyncio.create_task(rig.lane.ended([operation.operation_id], 60))
    assert await rig.lane.ended([operation.operation_id], 30) == {}
    assert asyncio.get_running_loop().time() - begin == pytest.approx(30)
    assert len(rig.lane._waiters[operation.operation_id]) == 1
    assert await patient == {}
    assert not rig.lane._waiters


@virtual
async def test_a_caller_that_leaves_does_not_hinder_the_others() -> None:
    rig = Rig()
    operation = await rig.ask(None, movie())
    leaves = asyncio.create_task(rig.lane.ended([operation.operation_id], 60))
    stays = asyncio.create_task(rig.lane.ended([operation.operation_id], 60))
    await settle()
    leaves.cancel()
    await settle()
    outcome = Outcome(operation, Result.DELIVERED)
    rig.lane.publish(LaneUpdate((outcome,)))
    assert await stays == {operation.operation_id: outcome}


@virtual
async def test_who_waits_when_the_lane_closes_is_told_that_it_has_not_ended() -> None:
    rig = Rig()
    operation = await rig.ask(None, movie())
    waiting = asyncio.create_task(rig.lane.ended([operation.operation_id], 300))
    await settle()
    await rig.lane.close()
    assert await waiting == {}
    assert asyncio.get_running_loop().time() < 1
    rig.lane.publish(LaneUpdate((Outcome(operation, Result.DELIVERED),)))


@virtual
async def test_what_ended_before_is_answered_at_once() -> None:
    rig = Rig()
    done = await rig.ask(None, movie("a"))
    rig.outbox.settle(done, Result.DELIVERED, EPOCH)
    given_up = (await _with_given_up(rig, movie("b")))[0]
    assert await rig.lane.ended(
        [done.operation_id, given_up.operation_id, "unknown"], 60
    ) == {
        done.operation_id: Outcome(done, Result.DELIVERED),
        given_up.operation_id: Outcome(
            given_up, Result.REJECTED, None, Reason.NOT_APPLIED
        ),
    }
    assert asyncio.get_running_loop().time() < 1


@virtual
async def test_the_outbox_can_be_written_now_or_soon() -> None:
    rig = Rig()
    lane = Lane(outbox=Outbox(), ledger=Ledger(), journal=rig.journal, clock=rig.clock)
    rig.outbox.add(an_operation())
    lane.save_later()
    lane.save_later()
    await asyncio.sleep(1)
    assert rig.journal.writes == 0
    await asyncio.sleep(2)
    assert rig.journal.writes == 1
    await lane.save_now()
    assert rig.journal.writes == 2


# --- what was only listed ---------------------------------------------------------


class SlowCatalogue(MemoryCatalogue):
    """A catalogue on a slow disk."""

    @override
    async def readings(self, item_ids: Collection[str]) -> Mapping[str, Reading]:
        await asyncio.sleep(1)
        return await super().readings(item_ids)


async def listed(*readings: Reading) -> Rig:
    """Return a lane whose catalogue knows all there is, and that dealt with nothing."""
    catalogue = SlowCatalogue()
    await catalogue.keep(readings)
    await catalogue.note(Progress(finished_at=at(-60)))
    return Rig(catalogue=catalogue)


def failing(rig: Rig) -> None:
    """Have the catalogue of a lane fail from now on."""
    assert isinstance(rig.catalogue, MemoryCatalogue)
    rig.catalogue.fail = True


@virtual
async def test_an_operation_remembers_what_was_listed_of_its_item() -> None:
    other = movie("m2", title="Tin Friends", provider_ids=ProviderIds(imdb="tt0000099"))
    rig = await listed(Reading(movie(), unseen(300)), Reading(movie("m2"), seen()))
    await rig.ask(MarkWatched(), movie())
    await rig.ask(MarkUnwatched(), other)
    await rig.ask(MarkUnwatched(), movie("m3"))
    assert [one.base for one in rig.outbox] == [unseen(300), None, None]
    failing(rig)
    await rig.ask(MarkWatched(), movie("m2"))
    assert [one.base for one in rig.outbox][-1] is None


@virtual
async def test_an_operation_for_a_show_remembers_what_was_listed_below_it() -> None:
    first, second = episodes(SHOW, {1: 2})
    rig = await listed(
        Reading(SHOW, UNKNOWN), Reading(first, seen()), Reading(second, unseen())
    )
    await rig.ask(MarkUnwatched(), SHOW)
    (waiting,) = rig.outbox
    assert waiting.bases == {first.item_id: seen()}


@virtual
async def test_operations_enter_in_order_whatever_has_to_be_looked_up() -> None:
    rig = await listed(Reading(movie(), unseen()))
    first = asyncio.create_task(rig.ask(MarkWatched(), movie()))
    await asyncio.sleep(0.5)
    rig.lane.remember([Reading(movie(), unseen())])
    second = asyncio.create_task(rig.ask(MarkUnwatched(), movie()))
    await asyncio.gather(first, second)
    assert [one.change for one in rig.outbox] == [MarkUnwatched()]


@virtual
async def test_what_is_taken_in_is_compared_with_what_was_listed() -> None:
    rig = await listed(Reading(movie(), seen()), Reading(movie("m2"), seen()))
    await rig.lane.take_in([Reading(movie(), unseen()), Reading(movie("m2"), seen())])
    (update,) = rig.updates
    assert update.before == {"m1": seen()}
    assert [one.item.item_id for one in update.readings] == ["m1"]


@virtual
async def test_what_the_relay_reads_is_compared_with_what_was_listed() -> None:
    """Somebody has un-marked a film; a position was asked for, and finds that out."""
    rig = await listed(Reading(movie(), seen(last=at(-900))))
    rig.server.add(movie())
    rig.start()
    operation = await rig.ask(SetProgress(600), movie())
    await rig.drained()
    told = [one for one in rig.updates if one.before]
    assert told[0].before == {"m1": seen(last=at(-900))}
    assert rig.outbox.outcome_of(operation.operation_id) is not None
    await rig.stop()


@virtual
async def test_what_the_relay_reads_below_a_show_is_compared_as_well() -> None:
    leaves = episodes(SHOW, {1: 3})
    rig = await listed(
        Reading(SHOW, UNKNOWN), *(Reading(one, seen(last=at(-900))) for one in leaves)
    )
    rig.server.add_show(SHOW, {1: 3})
    rig.start()
    await rig.ask(MarkWatched(), SHOW)
    await rig.drained()
    before = {
        item_id: one for each in rig.updates for item_id, one in each.before.items()
    }
    assert before.keys() == {one.item_id for one in leaves}
    await rig.stop()


@virtual
async def test_what_is_below_a_show_is_known_once_all_was_listed() -> None:
    first, second = episodes(SHOW, {1: 2})
    rig = await listed(
        Reading(SHOW, UNKNOWN), Reading(first, unseen()), Reading(second, unseen())
    )
    await rig.lane.take_in([Reading(first, seen())])
    below = await rig.lane.below(SHOW)
    assert below is not None
    assert [(one.item, one.state.watched) for one in below] == [
        (first, True),
        (second, False),
    ]
    other = movie(second.item_id)
    rig.lane.remember([Reading(other, unseen())])
    below = await rig.lane.below(SHOW)
    assert below is not None
    assert [one.item for one in below] == [first]
    assert rig.catalogue is not None
    await rig.catalogue.note(Progress())
    assert (await rig.lane.below(SHOW), await rig.lane.is_listed()) == (None, False)
    failing(rig)
    assert (await rig.lane.below(SHOW), await rig.lane.is_listed()) == (None, False)
    assert (await Rig().lane.below(SHOW), await Rig().lane.is_listed()) == (None, False)


@virtual
async def test_what_was_listed_under_another_id_is_nobodys_news() -> None:
    """The server was rebuilt, or holds the film twice; what is played since is news."""
    was = seen(last=at(-900))
    rig = await listed(Reading(movie(), was), Reading(movie("m3"), unseen()))
    told: list[str] = []
    rig.lane.ledger.on_move = lambda _, now: told.append(now.item.item_id)
    again = replace(movie("m2"), provider_ids=movie().provider_ids)
    await rig.lane.take_in([Reading(again, was)])
    assert told == []
    other = replace(movie("m4"), provider_ids=movie("m3").provider_ids)
    await rig.lane.take_in([Reading(other, was)])
    assert told == ["m4"]


@virtual
async def test_nothing_is_lost_by_what_is_not_kept_in_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ledger_module, "LEDGER_LIMIT", 3)
    films = [movie(f"m{number}") for number in range(20)]
    rig = await listed(*(Reading(one, unseen()) for one in films))
    assert rig.catalogue is not None
    keeper = Keeper(rig.lane, rig.catalogue, label="Model", counts_are_signs=False)
    rig.lane.add_listener(keeper.hear)
    for state in (seen(), unseen(600), seen(600)):
        before = rig.lane.ledger.base("m19") or unseen()
        rig.updates.clear()
        for film in films:
            await rig.lane.take_in([Reading(film, state)])
        await keeper.flush()
        told = {one: was for each in rig.updates for one, was in each.before.items()}
        assert told == {one.item_id: before for one in films}
        assert len(rig.lane.ledger) == 3
