"""Delivering: look, decide, write, verify, forget; and everything that can go wrong."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
import itertools
import logging
import math
from typing import Any

import pytest

from custom_components.watched_sync.core.delivery import MISSING_RECHECK
from custom_components.watched_sync.core.errors import (
    AuthRejected,
    Busy,
    Forbidden,
    ItemGone,
    LaneDown,
    Malformed,
    Reason,
    Refused,
    ServerError,
    StillLooking,
    Unanswered,
    Unreachable,
    reason_of,
)
from custom_components.watched_sync.core.identity import (
    NO_IDS,
    Item,
    MediaKind,
    ProviderIds,
)
from custom_components.watched_sync.core.lane import Health, Phase
from custom_components.watched_sync.core.operation import (
    Change,
    MarkUnwatched,
    MarkWatched,
    SetProgress,
)
from custom_components.watched_sync.core.outbox import Outcome, Result
from custom_components.watched_sync.core.play_state import UNKNOWN, PlayState, Reading
from custom_components.watched_sync.core.reconcile import Accept, Policy, Push
from custom_components.watched_sync.core.relay import WIDE_FAULT_PATIENCE

from .rig import Rig
from .samples import an_operation, at, seen, unseen
from .twins import (
    AUTH,
    BUSY,
    DROP,
    ERROR,
    FORBIDDEN,
    GONE,
    HALF,
    HANG,
    HTML,
    LATE,
    LIE,
    REFUSE,
    SLOW,
    Ask,
    Kind,
    ModelServer,
    Request,
    Trouble,
    episode,
    movie,
    readings,
    season,
    show,
)
from .virtual import settle, virtual

SHOW = show()

both = pytest.mark.parametrize(
    "make", [ModelServer.plex, ModelServer.jellyfin], ids=["plex", "jellyfin"]
)
every_policy = pytest.mark.parametrize("policy", Policy)

type Make = Callable[..., ModelServer]


def movies(count: int) -> list[Item]:
    return [movie(f"m{number:04}") for number in range(count)]


def with_movies(count: int, make: Make = ModelServer.jellyfin, **options: Any) -> Rig:
    rig = Rig(make, **options)
    rig.server.add(*movies(count))
    return rig


def one_at_a_time(rig: Rig) -> Rig:
    """Have the server be one that takes one write after the other."""
    rig.server.kind = replace(rig.server.kind, concurrency=1)
    return rig


def with_show(
    seasons: dict[int, int], make: Make = ModelServer.jellyfin, **options: Any
) -> Rig:
    rig = Rig(make, **options)
    rig.server.add_show(SHOW, seasons)
    return rig


async def ask_all(rig: Rig, count: int, change: Any = None) -> list[str]:
    operations = [
        an_operation(change, item, asked_at=rig.clock.now()) for item in movies(count)
    ]
    await rig.lane.submit(operations)
    return [one.operation_id for one in operations]


# --- the plain path ---------------------------------------------------------------


@both
@virtual
async def test_a_mark_is_a_look_a_write_and_a_look(make: Make) -> None:
    rig = with_movies(1, make).start()
    operation = await rig.ask(MarkWatched(), movies(1)[0])
    await rig.drained()
    assert rig.asks() == ["F", "W", "F"]
    assert rig.server.watched("m0000") == [True]
    assert rig.server.states["m0000"].play_count == 1
    assert rig.results() == [Result.DELIVERED]
    entry = rig.outbox.history[0]
    assert entry.operation.before == {"m0000": unseen()}
    assert entry.operation.operation_id == operation.operation_id
    assert rig.lane.ledger.base("m0000") == rig.server.states["m0000"]
    assert rig.lane.last_synced is not None


@both
@virtual
async def test_unmarking_and_positions_arrive_too(make: Make) -> None:
    rig = with_movies(2, make).start()
    rig.server.states["m0000"] = seen(plays=3, last=at(-9999))
    await rig.ask(MarkUnwatched(), movies(2)[0])
    await rig.ask(SetProgress(1200), movies(2)[1])
    await rig.drained()
    assert rig.server.states["m0000"] == unseen()
    assert rig.server.states["m0001"].position == 1200
    assert rig.results() == [Result.DELIVERED] * 2


@both
@virtual
async def test_r08_what_is_so_already_is_looked_at_and_not_written(make: Make) -> None:
    rig = with_movies(3, make).start()
    for item in movies(3):
        rig.server.states[item.item_id] = seen(plays=2)
    await ask_all(rig, 3)
    await rig.drained()
    assert rig.asks() == ["F"]
    assert rig.results() == [Result.ALREADY_TRUE] * 3
    assert rig.server.states["m0000"].play_count == 2


@virtual
async def test_r08_a_newer_play_elsewhere_overrules_an_older_operation() -> None:
    rig = with_movies(1)
    rig.lane.remember(readings(rig.server, movies(1)))
    await rig.ask(MarkUnwatched(), movies(1)[0])
    rig.server.states["m0000"] = seen(100)  # two clients, two moves
    await asyncio.sleep(60)
    rig.server.played_elsewhere("m0000")
    rig.start()
    await rig.drained()
    assert rig.results() == [Result.OVERRULED]
    assert rig.server.watched("m0000") == [True]
    assert rig.server.writes == []


@pytest.mark.parametrize("scope", ["item", "tree"])
@virtual
async def test_what_a_slow_answer_says_is_looked_at_again_before_it_is_written_over(
    scope: str,
) -> None:
    rig = with_movies(1) if scope == "item" else with_show({1: 1})
    item, leaf = (
        (movies(1)[0], "m0000") if scope == "item" else (season(SHOW, 1), "s.1.1")
    )
    rig.server.states[leaf] = seen(plays=1, last=at(-9999))
    rig.lane.remember(readings(rig.server, rig.server.items.values()))
    await rig.ask(MarkUnwatched(), item)
    rig.server.next(Trouble(Kind.LATE, seconds=20))
    rig.start()
    await asyncio.sleep(15)
    rig.server.played_elsewhere(leaf)
    await rig.drained()
    assert rig.results() == [Result.OVERRULED]
    assert rig.server.watched(leaf) == [True]
    assert rig.server.writes == []


@virtual
async def test_a_server_slow_to_answer_every_look_is_written_to_all_the_same() -> None:
    rig = with_movies(1).start()
    rig.server.latency = 20
    await ask_all(rig, 1)
    await rig.drained()
    assert rig.asks() == ["F", "F", "W", "F"]
    assert rig.results() == [Result.DELIVERED]


@virtual
async def test_after_slow_writes_the_others_are_looked_at_again_first() -> None:
    rig = one_at_a_time(with_movies(3))
    for item in movies(3):
        rig.server.states[item.item_id] = seen(plays=1, last=at(-9999))
    rig.lane.remember(readings(rig.server, movies(3)))
    await ask_all(rig, 3, MarkUnwatched())
    rig.server.on(Ask.WRITE, Trouble(Kind.LATE, seconds=15))
    rig.start()
    await asyncio.sleep(14)
    rig.server.played_elsewhere("m0001")
    await rig.drained()
    assert rig.asks() == ["F", "W", "F", "F", "W", "F"]
    assert rig.server.watched("m0000", "m0001", "m0002") == [False, True, False]
    assert sorted(rig.results()) == [
        Result.DELIVERED,
        Result.DELIVERED,
        Result.OVERRULED,
    ]


@both
@virtual
async def test_many_marks_are_read_and_verified_together(make: Make) -> None:
    rig = with_movies(250, make)
    await ask_all(rig, 250)
    rig.start()
    await rig.drained()
    assert rig.server.count(Ask.WRITE) == 250
    assert rig.server.count() == 250 + 2 * 3
    assert rig.server.most_at_once == rig.server.kind.concurrency
    assert set(rig.server.plays.values()) == {1}
    assert len(rig.updates) < 20, "one publish per batch"


@both
@virtual
async def test_a_server_that_fails_when_pressed_gets_one_write_at_a_time(
    make: Make,
) -> None:
    """As one does whose database is locked: nothing is given up because of it."""
    rig = with_movies(30, make)
    most: list[int] = []

    def locked(request: Request) -> Trouble | None:
        if request.ask is not Ask.WRITE:
            return None
        most.append(rig.server.writing)
        return Trouble(Kind.ERROR) if rig.server.writing > 1 else None

    rig.server.trouble = locked
    await ask_all(rig, 30)
    rig.start()
    await rig.drained(3600)
    assert set(rig.results()) == {Result.DELIVERED}
    # Those that were under way when the first failed, and then not one.
    assert most.count(1) >= 30
    assert len(most) <= 30 + rig.server.kind.concurrency


@virtual
async def test_a_quiet_lane_asks_nothing() -> None:
    rig = with_movies(1).start()
    await asyncio.sleep(86_400)
    assert rig.asks() == []


@virtual
async def test_a_flag_with_a_position_is_written_as_two() -> None:
    rig = with_movies(1)
    await rig.ask(MarkWatched(), movies(1)[0])
    await rig.ask(SetProgress(600), movies(1)[0])
    rig.start()
    await rig.drained()
    assert [change for _, change in rig.server.writes] == [
        MarkWatched(),
        SetProgress(600),
    ]
    assert rig.server.states["m0000"].position == 600
    assert rig.server.watched("m0000") == [True]


@virtual
async def test_a_delayed_operation_is_delivered_when_its_time_has_come() -> None:
    rig = with_movies(1).start()
    await rig.ask(None, movies(1)[0], not_before=at(600))
    await rig.drained()
    assert rig.clock.monotonic() == pytest.approx(600, abs=1)


@virtual
async def test_operations_in_flight_can_be_seen() -> None:
    rig = with_movies(1).start()
    operation = await rig.ask(None, movies(1)[0])
    await rig.until(lambda: bool(rig.lane.in_flight))
    assert rig.lane.in_flight == {operation.operation_id}
    await rig.drained()
    await settle()
    assert rig.lane.in_flight == frozenset()


@both
@pytest.mark.parametrize("whole", [False, True], ids=["item", "show"])
@virtual
async def test_nothing_is_written_before_the_before_states_are_on_disk(
    make: Make, *, whole: bool
) -> None:
    rig = with_show({1: 2}, make)
    await rig.ask(None, SHOW if whole else episode(SHOW, 1, 1))
    rig.journal.broken = True
    rig.start()
    await asyncio.sleep(3600)
    assert rig.server.writes == []
    looks = 2 if whole else 1
    assert rig.server.count() == looks, "while the disk is broken it is left alone"
    assert [dict(one.before) for one in rig.outbox] == [{}]
    assert [one.attempts for one in rig.outbox] == [0]
    rig.journal.broken = False
    await rig.drained(31)
    assert rig.results() == [Result.DELIVERED]


@virtual
async def test_a_nudge_tries_the_disk_again_at_once() -> None:
    rig = with_movies(1)
    await rig.ask(None, movies(1)[0])
    rig.journal.broken = True
    rig.start()
    await asyncio.sleep(3600)
    rig.journal.broken = False
    rig.relay.nudge()
    await rig.drained(1)


@virtual
async def test_what_a_broken_disk_kept_from_being_sent_is_no_write_of_ours() -> None:
    """Somebody else did the same; the operation that follows must not undo it."""
    rig = with_show({1: 2}, policy=Policy.SERVER)
    rig.lane.remember(readings(rig.server, rig.server.items.values()))
    await rig.ask(MarkWatched(), season(SHOW, 1))
    await rig.ask(SetProgress(600, watched=False), episode(SHOW, 1, 1))
    rig.journal.broken = True
    rig.start()
    await asyncio.sleep(60)
    assert not any(one.traces for one in rig.outbox)
    rig.server.played_elsewhere("s.1.1")
    rig.server.played_elsewhere("s.1.2")
    rig.journal.broken = False
    await rig.drained()
    assert rig.results() == [Result.ALREADY_TRUE, Result.OVERRULED]
    assert rig.server.watched("s.1.1", "s.1.2") == [True, True]


@virtual
async def test_an_operation_dropped_while_the_disk_is_broken_stays_dropped() -> None:
    rig = with_movies(1)
    operation = await rig.ask(None, movies(1)[0])
    rig.journal.broken = True
    rig.journal.seconds = 5
    rig.start()
    await rig.until(lambda: any(one.before for one in rig.outbox))
    rig.outbox.discard([operation.operation_id])
    await asyncio.sleep(60)
    rig.journal.broken = False
    await asyncio.sleep(600)
    assert rig.asks() == ["F"]
    assert not len(rig.outbox)


# --- items that are not what they seemed ------------------------------------------


@virtual
async def test_an_item_known_by_its_id_alone_is_read_first() -> None:
    rig = with_movies(1).start()
    await rig.ask(None, Item("m0000", MediaKind.UNKNOWN, "m0000"))
    await rig.drained()
    assert rig.results() == [Result.DELIVERED]
    assert rig.outcomes[0].operation.item == movies(1)[0]


@virtual
async def test_an_id_that_turns_out_to_be_a_whole_show_is_not_marked() -> None:
    rig = with_show({1: 2}).start()
    await rig.ask(None, Item("s", MediaKind.UNKNOWN, "s"))
    await rig.drained()
    assert [one.reason for one in rig.outcomes] == [Reason.REFUSED]
    assert rig.server.writes == []


@virtual
async def test_an_unknown_state_is_asked_again_and_never_written_over() -> None:
    rig = with_movies(1).start()
    rig.server.states["m0000"] = UNKNOWN
    await rig.ask(None, movies(1)[0])
    await asyncio.sleep(10)
    assert rig.server.writes == []
    assert [one.last_error for one in rig.outbox] == [Reason.MALFORMED.value]
    rig.server.states["m0000"] = unseen()
    await rig.drained()
    assert rig.results() == [Result.DELIVERED]


@pytest.mark.parametrize("position", [30, 6500, 7300])
@virtual
async def test_a_position_the_server_would_not_keep_is_given_up_at_once(
    position: float,
) -> None:
    rig = with_movies(1, ModelServer.plex).start()
    await rig.ask(SetProgress(position), movies(1)[0])
    await rig.drained()
    assert [one.reason for one in rig.outcomes] == [Reason.UNSUPPORTED]
    assert rig.server.writes == []


@virtual
async def test_a_position_not_kept_twice_is_beyond_the_limits_of_the_server() -> None:
    rig = with_movies(2, ModelServer.plex).start()
    rig.server.limits = replace(rig.server.limits, max_progress=0.7)
    await rig.ask(SetProgress(5600), movies(2)[0])
    await rig.drained()
    assert [one.reason for one in rig.outcomes] == [Reason.UNSUPPORTED]
    assert rig.server.count(Ask.WRITE) == 2
    assert rig.server.not_kept == [5600]
    await rig.ask(SetProgress(5700), movies(2)[1])
    await rig.drained()
    assert [one.reason for one in rig.outcomes] == [Reason.UNSUPPORTED] * 2
    assert rig.server.count(Ask.WRITE) == 2


@virtual
async def test_a_position_that_was_lost_once_teaches_no_limit() -> None:
    rig = with_movies(1, ModelServer.plex).start()
    rig.server.on(Ask.WRITE, LIE)
    await rig.ask(SetProgress(5600), movies(1)[0])
    await rig.drained()
    assert rig.results() == [Result.DELIVERED]
    assert rig.server.not_kept == []


@virtual
async def test_a_position_within_the_limits_is_tried_until_it_is_given_up() -> None:
    rig = with_movies(1, ModelServer.plex).start()
    rig.server.trouble = lambda request: LIE if request.ask is Ask.WRITE else None
    await rig.ask(SetProgress(1200), movies(1)[0])
    await rig.drained(6 * 3600)
    assert [one.reason for one in rig.outcomes] == [Reason.NOT_APPLIED]
    assert rig.server.count(Ask.WRITE) == 8


# --- a write that goes wrong ------------------------------------------------------


@both
@virtual
async def test_r12_an_answer_without_effect_is_noticed_and_tried_again(
    make: Make,
) -> None:
    rig = with_movies(1, make).start()
    rig.server.on(Ask.WRITE, LIE, LIE)
    await rig.ask(None, movies(1)[0])
    await rig.drained()
    assert rig.server.count(Ask.WRITE) == 3
    assert rig.results() == [Result.DELIVERED]
    assert rig.server.states["m0000"].play_count == 1


@virtual
async def test_p23_eight_attempts_without_effect_and_it_waits_for_a_person() -> None:
    rig = with_movies(1).start()
    rig.server.poison("m0000", None)
    rig.server.trouble = lambda request: LIE if request.ask is Ask.WRITE else None
    operation = await rig.ask(None, movies(1)[0])
    await rig.drained(6 * 3600)
    assert rig.server.count(Ask.WRITE) == 8
    assert rig.outcomes == [
        Outcome(
            next(iter(rig.outbox.rejected)), Result.REJECTED, None, Reason.NOT_APPLIED
        )
    ]
    assert [one.operation_id for one in rig.outbox.rejected] == [operation.operation_id]
    assert rig.phase is Phase.READY
    rig.server.trouble = None
    assert await rig.lane.retry() == 1
    await rig.drained()
    assert rig.results()[-1] is Result.DELIVERED


@both
@virtual
async def test_an_answer_that_got_lost_is_not_sent_twice(make: Make) -> None:
    rig = with_movies(1, make).start()
    rig.server.on(Ask.WRITE, DROP)
    await rig.ask(None, movies(1)[0])
    await rig.drained()
    assert rig.asks() == ["F", "W", "P", "F"]
    assert rig.server.states["m0000"].play_count == 1
    assert rig.results() == [Result.DELIVERED]
    assert rig.phase is Phase.READY


@both
@virtual
async def test_a_server_that_vanished_with_the_answer_is_looked_at_when_back(
    make: Make,
) -> None:
    rig = with_movies(1, make).start()
    rig.server.on(Ask.WRITE, DROP)
    await rig.ask(None, movies(1)[0])
    await rig.until(lambda: rig.server.watched("m0000") == [True])
    rig.server.down = True
    await asyncio.sleep(3600)
    rig.server.down = False
    await rig.drained()
    assert rig.server.count(Ask.WRITE) == 1
    assert rig.results() == [Result.DELIVERED], "we did it, and it says so"
    assert rig.outcomes[0].operation.attempts == 0


@virtual
async def test_a_late_answer_is_waited_for() -> None:
    rig = with_movies(1).start()
    rig.server.on(Ask.WRITE, LATE)
    await rig.ask(None, movies(1)[0])
    await rig.drained()
    assert rig.asks() == ["F", "W", "F"]


@pytest.mark.parametrize(
    ("trouble", "reason", "writes"),
    [
        (FORBIDDEN, Reason.FORBIDDEN, 2),
        (Trouble(Kind.BAD_REQUEST), Reason.REFUSED, 1),
        (Trouble(Kind.UNSUPPORTED), Reason.UNSUPPORTED, 1),
        (ERROR, Reason.SERVER_FAULT, 8),
        (HTML, Reason.MALFORMED, 8),
        (HANG, Reason.UNREACHABLE, 8),
        (AUTH, Reason.FORBIDDEN, 9),
        (Trouble(Kind.WRONG), Reason.WRONG_SERVER, 8),
    ],
    ids=lambda value: getattr(getattr(value, "kind", None), "value", None),
)
@virtual
async def test_each_way_a_write_can_fail_ends_where_a_person_sees_it(
    trouble: Trouble, reason: Reason, writes: int
) -> None:
    rig = with_movies(2).start()

    def one_item(request: Request) -> Trouble | None:
        hit = request.ask is Ask.WRITE and request.item_ids == ("m0000",)
        return trouble if hit else None

    rig.server.trouble = one_item
    await ask_all(rig, 2)
    await rig.drained(24 * 3600)
    ends = {one.operation.item.item_id: one for one in rig.outcomes}
    assert ends["m0001"].result is Result.DELIVERED
    assert ends["m0000"].result is Result.REJECTED
    assert ends["m0000"].reason is reason
    assert sum(item_id == "m0000" for item_id, _ in rig.server.writes) == writes
    assert rig.phase is Phase.READY


@virtual
async def test_a_write_to_an_item_that_is_gone_waits_for_it() -> None:
    rig = with_movies(1).start()

    def take_away(request: Request) -> Trouble | None:
        if request.ask is not Ask.WRITE:
            return None
        rig.server.hidden.update(request.item_ids)
        return GONE

    rig.server.trouble = take_away
    await rig.ask(None, movies(1)[0])
    await asyncio.sleep(60)
    assert [one.last_error for one in rig.outbox] == [Reason.MISSING.value]
    rig.server.hidden.clear()
    rig.server.trouble = None
    await rig.drained(7200)
    assert rig.results() == [Result.DELIVERED]


@virtual
async def test_what_was_missing_is_written_once_anybody_reads_it_again() -> None:
    """One answer that left it out says little."""
    rig = with_movies(1).start()
    item = movies(1)[0]
    rig.lane.remember(list((await rig.server.fetch([item.item_id])).values()))
    rig.server.hidden.add(item.item_id)
    await rig.ask(None, item)
    await asyncio.sleep(5)
    assert [one.last_error for one in rig.outbox] == [Reason.MISSING.value]
    rig.server.hidden.clear()
    await rig.lane.take_in((await rig.server.fetch([item.item_id])).values())
    await rig.drained(5)
    assert rig.results() == [Result.DELIVERED]


@virtual
async def test_what_is_another_work_by_now_is_no_sign_of_what_is_missing() -> None:
    rig = with_movies(1).start()
    item = movies(1)[0]
    rig.server.hidden.add(item.item_id)
    await rig.ask(None, item)
    await asyncio.sleep(5)
    rig.server.hidden.clear()
    rig.server.items[item.item_id] = replace(
        item, title="Another", provider_ids=ProviderIds(imdb="tt7654321")
    )
    other = await rig.server.fetch([item.item_id])
    await rig.lane.take_in(other.values())
    await asyncio.sleep(5)
    asked = rig.server.count()
    for _ in range(10):
        await rig.lane.take_in(other.values())
        await asyncio.sleep(5)
    assert rig.server.count() == asked


@virtual
@pytest.mark.parametrize("plays", [1, 2])
async def test_a_mark_that_comes_late_dates_anew_and_overrules_nobody(
    plays: int,
) -> None:
    """What waited meanwhile was not told of the write; a play would be one more."""
    rig = Rig()
    rig.server.add(movie())
    delivery = rig.relay._delivery
    await rig.server.probe()
    shown = Reading(movie(), seen(plays=plays, last=at(-100)))
    base = seen(last=at(-300))
    operation = an_operation(MarkUnwatched(), base=base, asked_at=at(-200))
    assert isinstance(delivery.judge(operation, shown), Accept)
    delivery._doubts.note(movie(), MarkWatched(), {})
    found = delivery.judge(operation, shown)
    assert isinstance(found, Push if plays == 1 else Accept)


def write_faults(request: Request) -> Trouble | None:
    """Have every write answered with 500, while reads and probes are fine."""
    return ERROR if request.ask is Ask.WRITE else None


@virtual
async def test_a_server_that_fails_everything_burns_no_attempts() -> None:
    rig = with_movies(5)
    await ask_all(rig, 5)
    rig.server.trouble = write_faults
    rig.start()
    await asyncio.sleep(WIDE_FAULT_PATIENCE - 60)
    assert rig.phase is Phase.BACKING_OFF
    assert [one.attempts for one in rig.outbox] == [0] * 5
    assert rig.server.count() < 700
    rig.server.trouble = None
    await rig.drained(60)
    assert rig.results() == [Result.DELIVERED] * 5


@both
@virtual
async def test_items_that_fail_every_write_are_given_up_though_they_are_alone(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    rig = with_movies(4, make).start()
    rig.server.trouble = write_faults
    operations = await ask_all(rig, 3)
    await rig.drained(2 * 3600)
    assert {one.operation.operation_id for one in rig.outcomes} == set(operations)
    assert {one.reason for one in rig.outcomes} == {Reason.SERVER_FAULT}
    assert [one.attempts for one in rig.outbox.rejected] == [8] * 3
    assert rig.server.count() < 1000, "a few requests a minute"
    await settle()
    assert rig.phase is Phase.READY
    assert len(caplog.messages) == 2, "one trouble, however long it took"
    rig.server.trouble = None
    await rig.ask(None, movies(4)[3])
    await rig.drained(5)
    assert rig.results()[-1] is Result.DELIVERED


@virtual
async def test_an_operation_that_comes_while_bad_ones_are_judged_is_not_held_up() -> (
    None
):
    rig = with_movies(4).start()
    bad = {one.item_id for one in movies(3)}
    rig.server.trouble = lambda one: (
        ERROR if one.ask is Ask.WRITE and one.item_ids[0] in bad else None
    )
    await ask_all(rig, 3)
    await rig.until(lambda: any(one.attempts for one in rig.outbox))
    await rig.ask(None, movies(4)[3])
    await rig.until(lambda: rig.server.watched("m0003") == [True], 120)
    await rig.drained(3600)
    assert len(rig.outbox.rejected) == 3


@virtual
async def test_of_a_long_queue_that_fails_only_one_at_a_time_is_tried() -> None:
    rig = with_movies(200).start()
    rig.server.trouble = write_faults
    await ask_all(rig, 200)
    await rig.until(lambda: any(one.attempts for one in rig.outbox))
    before = rig.server.count(Ask.WRITE)
    await asyncio.sleep(3600)
    assert rig.server.count(Ask.WRITE) - before < 600
    assert len(rig.outbox) == 200, "it looks like the server, so nothing is given up"
    rig.server.trouble = None
    await rig.drained(60)
    assert rig.results() == [Result.DELIVERED] * 200


@virtual
async def test_an_outage_while_items_are_judged_burns_nothing() -> None:
    rig = with_movies(3).start()
    rig.server.trouble = write_faults
    await ask_all(rig, 3)
    await rig.until(lambda: any(one.attempts for one in rig.outbox))
    rig.server.down = True
    await rig.until(lambda: rig.lane.health.reason is Reason.UNREACHABLE)
    attempts = [one.attempts for one in rig.outbox]
    await asyncio.sleep(3600)
    rig.server.down = False
    await asyncio.sleep(WIDE_FAULT_PATIENCE / 2)
    assert [one.attempts for one in rig.outbox] == attempts
    await rig.drained(2 * 3600)
    assert len(rig.outbox.rejected) == 3


@virtual
async def test_an_item_that_vanishes_before_the_second_look_waits() -> None:
    rig = with_movies(1).start()
    rig.server.after_write = lambda _: rig.server.hidden.add("m0000")
    await rig.ask(None, movies(1)[0])
    await asyncio.sleep(60)
    assert [one.last_error for one in rig.outbox] == [Reason.MISSING.value]
    assert [one.attempts for one in rig.outbox] == [0]


@virtual
async def test_a_position_is_verified_against_what_was_there_when_it_was_written() -> (
    None
):
    """Someone un-marks the item between two attempts: the flag is theirs to set."""
    rig = with_movies(1, policy=Policy.HOME_ASSISTANT)
    rig.server.states["m0000"] = seen()
    rig.lane.remember(readings(rig.server, movies(1)))
    rig.server.on(Ask.WRITE, LIE)
    rig.start()
    await rig.ask(SetProgress(600), movies(1)[0])
    await rig.until(lambda: any(one.attempts for one in rig.outbox))
    rig.server.elsewhere("m0000", unseen())
    await rig.drained()
    assert rig.results() == [Result.DELIVERED]
    assert rig.server.states["m0000"].agrees_with(unseen(600))


@virtual
async def test_what_others_made_of_it_between_two_attempts_is_what_was_there() -> None:
    """That is what the second has done away with, and what undo goes back to."""
    rig = with_movies(1)
    rig.server.states["m0000"] = unseen(600)
    rig.lane.remember(readings(rig.server, movies(1)))
    rig.server.on(Ask.WRITE, ERROR)
    rig.start()
    await rig.ask(MarkUnwatched(), movies(1)[0])
    await rig.until(lambda: any(one.attempts for one in rig.outbox))
    rig.server.mark_elsewhere("m0000", watched=True)
    await rig.drained()
    (entry,) = rig.outbox.history
    assert entry.operation.before["m0000"].watched
    assert rig.server.watched("m0000") == [False]


@virtual
async def test_what_we_wrote_ourselves_is_not_what_was_there_before() -> None:
    """The first of two writes had an effect, and the other is sent once more."""
    rig = with_movies(1)
    rig.lane.remember(readings(rig.server, movies(1)))
    rig.server.on(Ask.WRITE, None, ERROR)
    rig.start()
    await rig.ask(SetProgress(600, watched=True), movies(1)[0])
    await rig.drained()
    assert rig.server.count(Ask.WRITE) == 3
    (entry,) = rig.outbox.history
    assert entry.operation.before["m0000"].agrees_with(unseen())
    assert rig.server.states["m0000"].agrees_with(seen(600))


@virtual
async def test_what_an_earlier_attempt_may_leave_yet_goes_on_being_known() -> None:
    """Its position takes along the flag that was there when it was sent."""
    rig = with_movies(1, policy=Policy.HOME_ASSISTANT)
    rig.server.states["m0000"] = seen()
    rig.lane.remember(readings(rig.server, movies(1)))
    rig.server.on(Ask.WRITE, ERROR, ERROR)
    rig.start()
    await rig.ask(SetProgress(600), movies(1)[0])
    await rig.until(lambda: any(one.attempts == 1 for one in rig.outbox))
    rig.server.elsewhere("m0000", unseen())
    await rig.until(lambda: any(one.attempts == 2 for one in rig.outbox))
    (operation,) = rig.outbox
    assert not operation.before["m0000"].watched
    left = operation.traces_on("m0000")
    assert any(one.means_the_same_as(seen(600)) for one in left)
    assert any(one.means_the_same_as(unseen(600)) for one in left)
    await rig.stop()


@virtual
async def test_half_of_our_own_two_writes_does_not_overrule_the_other_half() -> None:
    rig = with_movies(1, ModelServer.plex)
    rig.lane.remember(readings(rig.server, movies(1)))
    await rig.ask(MarkWatched(), movies(1)[0])
    await rig.ask(SetProgress(600), movies(1)[0])
    await asyncio.sleep(3600)
    rig.server.on(Ask.WRITE, None, ERROR)
    rig.start()
    await rig.drained()
    assert rig.results() == [Result.SUPERSEDED, Result.DELIVERED]
    assert rig.server.states["m0000"].position == 600
    assert rig.server.states["m0000"].play_count == 1


@virtual
async def test_nor_does_the_other_half_if_the_flag_had_no_effect() -> None:
    rig = with_movies(1, ModelServer.plex, policy=Policy.SERVER)
    rig.server.states["m0000"] = seen(last=at(-9999))
    rig.lane.remember(readings(rig.server, movies(1)))
    await rig.ask(MarkUnwatched(), movies(1)[0])
    await rig.ask(SetProgress(600), movies(1)[0])
    await asyncio.sleep(3600)
    rig.server.on(Ask.WRITE, LIE, None)
    rig.start()
    await rig.drained()
    assert rig.results() == [Result.SUPERSEDED, Result.DELIVERED]
    assert rig.server.watched("m0000") == [False]
    assert rig.server.states["m0000"].position == 600


@both
@virtual
async def test_p06_a_mark_carried_out_after_we_gave_up_waiting_is_one_play(
    make: Make,
) -> None:
    rig = with_movies(2, make).start()
    rig.server.on(Ask.WRITE, SLOW)
    await ask_all(rig, 2)
    await rig.drained()
    assert rig.results() == [Result.DELIVERED] * 2
    assert [rig.server.states[one.item_id].play_count for one in movies(2)] == [1, 1]
    assert rig.server.doubled == []


@virtual
async def test_a_mark_carried_out_late_is_noticed_soon() -> None:
    rig = with_movies(1, ModelServer.plex).start()
    rig.server.on(Ask.WRITE, SLOW)
    await rig.ask(None, movies(1)[0])
    await rig.until(lambda: rig.server.watched("m0000") == [True])
    late = rig.clock.monotonic()
    await rig.drained()
    assert rig.clock.monotonic() - late < late
    assert rig.results() == [Result.DELIVERED]
    assert rig.server.count(Ask.WRITE) == 1


@both
@virtual
async def test_so_is_a_show_that_is_marked_late(make: Make) -> None:
    rig = with_show({1: 3}, make).start()
    rig.server.on(Ask.WRITE, SLOW)
    await rig.ask(None, SHOW)
    await rig.drained(600)
    assert set(rig.server.plays.values()) == {1}
    assert rig.server.doubled == []
    assert rig.results() == [Result.DELIVERED]


@virtual
async def test_a_mark_nobody_answered_is_repeated_after_some_minutes() -> None:
    rig = with_movies(1, ModelServer.plex).start()
    rig.server.on(Ask.WRITE, HANG)
    await rig.ask(None, movies(1)[0])
    await rig.drained()
    assert rig.gaps(Ask.WRITE)[0] >= 300
    assert rig.results() == [Result.DELIVERED]
    assert rig.server.count(Ask.FETCH) < 16, "looked at, but not all the time"
    assert rig.outcomes[0].operation.attempts == 1, "looking costs no attempt"


@virtual
async def test_a_press_of_retry_does_not_repeat_a_mark_nobody_answered() -> None:
    rig = with_movies(1, ModelServer.plex).start()
    rig.server.on(Ask.WRITE, SLOW)
    operation = await rig.ask(None, movies(1)[0])
    await rig.until(lambda: rig.outbox.get(operation.operation_id).attempts == 1)  # type: ignore[union-attr]  # it waits
    assert await rig.lane.retry([operation.operation_id])
    await rig.drained()
    assert rig.server.doubled == []
    assert rig.server.count(Ask.WRITE) == 1


@pytest.mark.parametrize("stage", [1, 2], ids=["meanwhile", "afterwards"])
@virtual
async def test_a_mark_nobody_answered_is_not_doubled_by_the_same_operation(
    stage: int,
) -> None:
    rig = with_movies(1, ModelServer.plex).start()
    rig.server.on(Ask.WRITE, SLOW)
    await rig.ask(None, movies(1)[0])
    await rig.until(lambda: rig.server.count() == stage + 1)
    await rig.ask(None, movies(1)[0])
    await rig.drained()
    assert rig.server.doubled == []
    assert rig.server.count(Ask.WRITE) == 1
    assert rig.results() == [Result.SUPERSEDED, Result.ALREADY_TRUE]


@virtual
async def test_a_mark_under_way_when_we_were_stopped_is_looked_at_not_repeated() -> (
    None
):
    rig = with_movies(2, ModelServer.plex).start()
    rig.server.on(Ask.WRITE, Trouble(Kind.SLOW, seconds=60), HANG)
    await ask_all(rig, 2)
    await rig.until(lambda: rig.server.count(Ask.WRITE) == 2)
    await asyncio.sleep(1)
    await rig.stop()
    await asyncio.sleep(9)
    await rig.crash()
    rig.start()
    await asyncio.sleep(200)
    assert rig.server.watched("m0000", "m0001") == [True, False]
    assert len(rig.outbox) == 1
    await rig.drained()
    assert rig.server.doubled == []
    assert rig.results() == [Result.DELIVERED] * 2
    assert 300 <= rig.gaps(Ask.WRITE)[-1] < 330


@virtual
async def test_whoever_is_told_to_stop_waits_for_answers_and_sends_nothing_more() -> (
    None
):
    rig = one_at_a_time(with_movies(3)).start()
    rig.server.latency = 2
    await ask_all(rig, 3)
    await rig.until(lambda: rig.server.count(Ask.WRITE) == 1)
    await rig.relay.stop(5)
    assert rig.server.watched("m0000", "m0001", "m0002") == [True, False, False]
    await asyncio.sleep(600)
    assert rig.asks() == ["F", "W", "F"]
    assert rig.task is not None
    assert rig.task.done()


@virtual
async def test_a_server_that_does_not_answer_does_not_hold_up_a_stop() -> None:
    rig = with_movies(1).start()
    rig.server.on(Ask.WRITE, HANG)
    await ask_all(rig, 1)
    await rig.until(lambda: rig.server.count(Ask.WRITE) == 1)
    before = rig.clock.monotonic()
    await rig.relay.stop(5)
    assert rig.clock.monotonic() - before == 5


@virtual
async def test_a_stop_while_nothing_is_under_way_takes_no_time() -> None:
    rig = with_movies(1).start()
    rig.server.down = True
    await ask_all(rig, 1)
    await asyncio.sleep(100)
    before = rig.clock.monotonic()
    await rig.relay.stop(5)
    await settle()
    assert rig.clock.monotonic() == before
    assert rig.task is not None
    assert rig.task.done()


@virtual
async def test_an_unmark_nobody_answered_is_repeated_soon() -> None:
    rig = with_movies(1, ModelServer.plex).start()
    rig.server.states["m0000"] = seen()
    rig.server.on(Ask.WRITE, HANG)
    await rig.ask(MarkUnwatched(), movies(1)[0])
    await rig.drained()
    assert rig.gaps(Ask.WRITE)[0] < 60


@virtual
async def test_an_unmark_that_overtakes_a_mark_nobody_answered_is_not_held_back() -> (
    None
):
    rig = with_movies(1, ModelServer.plex).start()
    rig.server.on(Ask.WRITE, DROP)
    await rig.ask(None, movies(1)[0])
    await rig.until(lambda: rig.server.watched("m0000") == [True])
    await rig.ask(MarkUnwatched(), movies(1)[0])
    await rig.drained(30)
    assert rig.server.watched("m0000") == [False]


@virtual
async def test_a_position_waits_for_the_mark_before_it_that_nobody_answered() -> None:
    rig = with_movies(1, ModelServer.plex).start()
    rig.server.on(Ask.WRITE, SLOW)
    await rig.ask(None, movies(1)[0])
    await rig.until(lambda: rig.server.count(Ask.WRITE) == 1)
    await rig.ask(SetProgress(600), movies(1)[0])
    await rig.drained()
    assert rig.server.doubled == []
    assert rig.server.states["m0000"].position == 600
    assert rig.server.watched("m0000") == [True]
    assert rig.server.states["m0000"].play_count == 1


@virtual
async def test_marked_again_after_an_unmark_it_still_waits_for_the_first_mark() -> None:
    rig = with_movies(1, ModelServer.plex).start()
    rig.server.on(Ask.WRITE, SLOW)
    for change in (MarkWatched(), MarkUnwatched(), MarkWatched()):
        await rig.ask(change, movies(1)[0])
        await asyncio.sleep(40)
    await rig.drained()
    assert rig.server.doubled == []
    assert rig.server.watched("m0000") == [True]
    assert rig.server.states["m0000"].play_count == 1


@virtual
async def test_an_episode_waits_for_the_mark_of_its_season_that_nobody_answered() -> (
    None
):
    rig = with_show({1: 3}, ModelServer.plex).start()
    rig.server.on(Ask.WRITE, SLOW)
    await rig.ask(None, season(SHOW, 1))
    await rig.until(lambda: rig.server.count(Ask.WRITE) == 1)
    await rig.ask(MarkUnwatched(), season(SHOW, 1))
    await rig.until(lambda: rig.server.count(Ask.LEAVES) > 1)
    await rig.ask(None, episode(SHOW, 1, 2))
    await rig.drained()
    assert rig.server.doubled == []
    assert rig.server.watched("s.1.1", "s.1.2", "s.1.3") == [False, True, False]


# A write that nobody answered, what is asked for next, and what must hold for good.
TURNED_ROUND: dict[str, tuple[PlayState, Change, Change, bool, float]] = {
    "a mark, taken back": (unseen(), MarkWatched(), MarkUnwatched(), False, 0.0),
    "an un-mark, taken back": (seen(), MarkUnwatched(), MarkWatched(), True, 0.0),
    "a position, then watched": (unseen(), SetProgress(600), MarkWatched(), True, 0.0),
    "a position, then another": (
        unseen(),
        SetProgress(600),
        SetProgress(900),
        False,
        900.0,
    ),
}


@pytest.mark.parametrize("seconds", [20, 200], ids=["soon", "late"])
@pytest.mark.parametrize("case", TURNED_ROUND)
@both
@virtual
async def test_what_comes_late_does_not_turn_a_later_operation_round(
    make: Make, case: str, seconds: float
) -> None:
    before, first, then, watched, position = TURNED_ROUND[case]
    rig = with_movies(1, make).start()
    rig.server.states["m0000"] = before
    rig.server.on(Ask.WRITE, Trouble(Kind.SLOW, seconds=seconds))
    await rig.ask(first, movies(1)[0])
    await rig.until(lambda: rig.server.count(Ask.WRITE) == 1)
    await rig.ask(then, movies(1)[0])
    await rig.drained()
    await asyncio.sleep(600)
    assert rig.server.watched("m0000") == [watched]
    if rig.server.kind.repeat_safe or not isinstance(then, MarkWatched):
        assert rig.server.states["m0000"].position == position
    else:  # only another play would clear a position that came late
        assert rig.server.plays["m0000"] == 1
    assert rig.server.states["m0000"].play_count == int(watched)
    assert rig.server.doubled == []
    assert rig.results()[0] is Result.SUPERSEDED
    assert rig.results()[1] in (Result.DELIVERED, Result.ALREADY_TRUE)


@pytest.mark.parametrize("seconds", [20, 200], ids=["soon", "late"])
@both
@virtual
async def test_nor_does_it_turn_a_show_round(make: Make, seconds: float) -> None:
    rig = with_show({1: 3}, make).start()
    rig.server.states["s.1.1"] = seen()
    rig.server.on(Ask.WRITE, Trouble(Kind.SLOW, seconds=seconds))
    await rig.ask(None, season(SHOW, 1))
    await rig.until(lambda: rig.server.count(Ask.WRITE) > 0)
    await rig.ask(MarkUnwatched(), season(SHOW, 1))
    await rig.drained()
    await asyncio.sleep(600)
    assert rig.server.watched("s.1.1", "s.1.2", "s.1.3") == [False] * 3


async def live_again(rig: Rig) -> None:
    """Stop in order, start with what is on disk, and deliver all of it."""
    await rig.stop()
    await rig.crash()
    rig.start()
    await rig.drained()


async def die(rig: Rig) -> None:
    """Die a second later, whatever is under way: nobody notes what becomes of it."""
    await asyncio.sleep(1)
    rig.journal.dead = True
    await rig.crash()
    rig.start()


@virtual
async def test_a_mark_under_way_when_we_died_is_not_doubled() -> None:
    rig = with_movies(1, ModelServer.plex).start()
    rig.server.on(Ask.WRITE, Trouble(Kind.SLOW, seconds=200))
    await rig.ask(None, movies(1)[0])
    await rig.until(lambda: rig.server.count(Ask.WRITE) == 1)
    await die(rig)
    await rig.drained()
    await asyncio.sleep(600)
    assert rig.server.count(Ask.WRITE) == 1
    assert rig.server.plays["m0000"] == 1
    assert rig.results() == [Result.DELIVERED]


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (MarkWatched(), MarkUnwatched()),
        (MarkUnwatched(), MarkWatched()),
        (SetProgress(600), MarkUnwatched()),
    ],
)
@both
@virtual
async def test_a_write_under_way_when_we_died_turns_no_later_operation_round(
    make: Make, first: Change, then: Change
) -> None:
    rig = with_movies(1, make)
    if isinstance(first, MarkUnwatched):
        rig.server.played_elsewhere("m0000")
    rig.start()
    rig.server.on(Ask.WRITE, Trouble(Kind.SLOW, seconds=200))
    await rig.ask(first, movies(1)[0])
    await rig.until(lambda: rig.server.count(Ask.WRITE) == 1)
    await rig.ask(then, movies(1)[0])
    await die(rig)
    await rig.drained()
    await asyncio.sleep(600)
    state = rig.server.states["m0000"]
    assert then.apply(state).agrees_with(state)


@both
@virtual
async def test_a_show_marked_when_we_died_does_not_come_over_a_later_unmark(
    make: Make,
) -> None:
    rig = with_show({1: 3}, make).start()
    rig.server.on(Ask.WRITE, Trouble(Kind.SLOW, seconds=200))
    await rig.ask(None, SHOW)
    await rig.until(lambda: rig.server.count(Ask.WRITE) == 1)
    await rig.ask(MarkUnwatched(), SHOW)
    await die(rig)
    await rig.drained()
    await asyncio.sleep(600)
    assert not any(state.watched for state in rig.server.states.values())


@virtual
async def test_what_came_true_by_a_second_write_leaves_the_first_in_doubt() -> None:
    """Jellyfin takes a mark twice; the first may come over an un-mark much later."""
    rig = with_movies(1).start()
    rig.server.on(Ask.WRITE, Trouble(Kind.SLOW, seconds=240))
    await rig.ask(None, movies(1)[0])
    await rig.drained()
    assert rig.server.count(Ask.WRITE) == 2
    await rig.lane.save_now()
    await die(rig)
    await rig.ask(MarkUnwatched(), movies(1)[0])
    await rig.drained()
    await asyncio.sleep(600)
    assert rig.server.watched("m0000") == [False]


@virtual
async def test_nor_when_we_were_stopped_meanwhile() -> None:
    rig = with_movies(1, ModelServer.plex).start()
    rig.server.on(Ask.WRITE, Trouble(Kind.SLOW, seconds=100))
    await rig.ask(None, movies(1)[0])
    await rig.until(lambda: rig.server.count(Ask.WRITE) == 1)
    await rig.ask(MarkUnwatched(), movies(1)[0])
    await rig.until(lambda: rig.server.count(Ask.FETCH) > 1)
    await asyncio.sleep(10)
    await live_again(rig)
    await asyncio.sleep(600)
    assert rig.server.watched("m0000") == [False]


@virtual
async def test_a_mark_given_up_and_tried_again_after_a_restart_is_not_doubled() -> None:
    rig = with_movies(1, ModelServer.plex).start()
    rig.server.on(Ask.WRITE, Trouble(Kind.SLOW, seconds=200))
    operation = await rig.ask(None, movies(1)[0])
    await rig.until(lambda: next(iter(rig.outbox)).unsure_until is not None)
    assert rig.outbox.reject(next(iter(rig.outbox)))
    await rig.lane.save_now()
    await rig.stop()
    await rig.crash()
    rig.start()
    assert await rig.lane.retry([operation.operation_id])
    await rig.drained()
    assert rig.server.doubled == []
    assert rig.server.count(Ask.WRITE) == 1


@virtual
async def test_a_play_a_week_later_is_not_taken_for_a_late_write() -> None:
    rig = with_movies(1).start()
    rig.server.on(Ask.WRITE, HANG)
    await rig.ask(None, movies(1)[0])
    await rig.until(lambda: rig.server.count(Ask.WRITE) == 1)
    await rig.ask(MarkUnwatched(), movies(1)[0])
    await asyncio.sleep(60)
    await rig.stop()
    await asyncio.sleep(7 * 86_400)
    rig.server.played_elsewhere("m0000")
    await asyncio.sleep(86_400)
    await rig.crash()
    rig.start()
    await rig.drained()
    assert rig.server.watched("m0000") == [True]
    assert rig.results()[-1] is Result.OVERRULED


@virtual
async def test_what_may_be_under_way_is_known_after_a_restart_on_jellyfin_too() -> None:
    rig = with_movies(1).start()
    rig.server.on(Ask.WRITE, Trouble(Kind.SLOW, seconds=200), HANG, HANG)
    await rig.ask(None, movies(1)[0])
    await rig.until(lambda: next(iter(rig.outbox)).attempts == 1)
    assert next(iter(rig.outbox)).unsure_until
    await rig.ask(MarkUnwatched(), movies(1)[0])
    await rig.lane.save_now()
    await live_again(rig)
    await asyncio.sleep(600)
    assert rig.server.watched("m0000") == [False]


@virtual
async def test_what_may_be_under_way_is_known_in_the_life_after_the_next() -> None:
    """What comes late was sent in the first, and what shows it in the second."""
    rig = with_movies(1).start()
    rig.server.on(Ask.WRITE, Trouble(Kind.SLOW, seconds=200))
    await rig.ask(None, movies(1)[0])
    await rig.until(lambda: rig.server.count(Ask.WRITE) == 1)
    await die(rig)
    await rig.until(lambda: rig.server.count(Ask.WRITE) == 2)
    rig.journal.dead = True
    await asyncio.sleep(1)
    await rig.crash()
    rig.start()
    await rig.ask(SetProgress(600), movies(1)[0])
    await asyncio.sleep(600)
    assert rig.server.states["m0000"].position == 600


@virtual
async def test_what_was_answered_is_not_doubted_for_an_earlier_write() -> None:
    """Of what was done after a write that timed out nothing is under way.

    Else what somebody else plays in the next life would pass for ours.
    """
    rig = with_show({1: 2}).start()
    second = episode(SHOW, 1, 2)
    for one in ("s.1.1", "s.1.2"):
        rig.server.states[one] = seen()
    rig.server.kind = replace(rig.server.kind, marks_containers=False)
    rig.server.poison("s.1.1", HANG)
    await rig.ask(MarkUnwatched(), SHOW)
    await rig.until(lambda: any(one.late_until for one in rig.outbox))
    rig.server.poison("s.1.1", None)
    await rig.drained()
    for change in (MarkWatched(), MarkUnwatched()):
        await rig.ask(change, second)
        await rig.drained()
    await rig.lane.save_now()
    await live_again(rig)
    await rig.ask(MarkUnwatched(), second)
    await asyncio.sleep(10)
    rig.server.played_elsewhere("s.1.2")
    await asyncio.sleep(600)
    assert rig.server.watched("s.1.2") == [True]


@pytest.mark.parametrize("is_restarted", [False, True])
@both
@virtual
async def test_to_begin_anew_may_come_over_a_later_mark(
    make: Make, *, is_restarted: bool
) -> None:
    """Plex is sent an un-mark for it; at Jellyfin it takes the flag along."""
    rig = with_movies(1, make).start()
    rig.server.states["m0000"] = unseen(900)
    rig.server.on(Ask.WRITE, Trouble(Kind.SLOW, seconds=150))
    await rig.ask(SetProgress(0), movies(1)[0])
    await rig.until(lambda: rig.server.count(Ask.WRITE) == 1)
    await rig.ask(MarkWatched(), movies(1)[0])
    await asyncio.sleep(60)
    if is_restarted:
        await live_again(rig)
    await asyncio.sleep(600)
    assert rig.server.watched("m0000") == [True]


@both
@virtual
async def test_so_is_an_unmark_that_may_come_after_a_restart(make: Make) -> None:
    rig = with_movies(1, make).start()
    rig.server.states["m0000"] = seen()
    rig.server.on(Ask.WRITE, Trouble(Kind.SLOW, seconds=150))
    await rig.ask(MarkUnwatched(), movies(1)[0])
    await rig.until(lambda: rig.server.count(Ask.WRITE) == 1)
    await rig.ask(MarkWatched(), movies(1)[0])
    await asyncio.sleep(60)
    await live_again(rig)
    await asyncio.sleep(600)
    assert rig.server.watched("m0000") == [True]


@virtual
async def test_traces_do_not_pile_up_where_many_writes_go_unanswered() -> None:
    rig = with_movies(1).start()
    for minute in range(60):
        if minute % 4 == 0:
            rig.server.on(Ask.WRITE, HANG)
        await rig.ask(SetProgress(100 + 30 * minute), movies(1)[0])
        await asyncio.sleep(60)
    traces = [len(states) for one in rig.outbox for states in one.traces.values()]
    assert sum(traces) < 10
    await rig.drained()
    assert rig.server.states["m0000"].position == 100 + 30 * 59


@virtual
async def test_an_episode_does_not_wait_for_what_was_seen_to_come_true() -> None:
    rig = with_show({1: 20}).start()
    rig.server.on(Ask.WRITE, DROP)
    await rig.ask(None, season(SHOW, 1))
    await rig.drained(60)
    await rig.ask(MarkUnwatched(), season(SHOW, 1))
    await rig.ask(None, episode(SHOW, 1, 1))
    await rig.drained(60)
    assert rig.server.watched("s.1.1", "s.1.2") == [True, False]


@virtual
async def test_what_somebody_else_played_meanwhile_is_none_of_it() -> None:
    rig = with_show({1: 3}).start()
    rig.server.on(Ask.WRITE, Trouble(Kind.SLOW, seconds=200))
    await rig.ask(None, season(SHOW, 1))
    await rig.drained(60)
    rig.server.down = True
    await rig.ask(MarkUnwatched(), season(SHOW, 1))
    await asyncio.sleep(30)
    rig.server.states["s.1.2"] = seen(plays=2, last=rig.server.server_now())
    rig.server.down = False
    await rig.drained()
    assert rig.server.watched("s.1.1", "s.1.2", "s.1.3") == [False, True, False]


@virtual
async def test_what_was_seen_to_come_true_holds_nothing_back() -> None:
    rig = with_movies(1).start()
    rig.server.on(Ask.WRITE, DROP)
    await rig.ask(None, movies(1)[0])
    await rig.drained(60)
    assert rig.results() == [Result.DELIVERED]
    await rig.ask(MarkUnwatched(), movies(1)[0])
    await rig.drained(10)
    assert rig.server.watched("m0000") == [False]


@virtual
async def test_what_was_given_up_and_asked_for_again_at_once_has_not_failed() -> None:
    """The news of the failure must not come after the news of the new operation."""
    rig = with_movies(2, ModelServer.plex).start()
    rig.server.latency = 5
    operations = [
        an_operation(SetProgress(30), movies(2)[0]),
        an_operation(MarkWatched(), movies(2)[1]),
    ]
    await rig.lane.submit(operations)
    await rig.until(lambda: bool(rig.outbox.rejected))
    await rig.ask(MarkWatched(), movies(2)[0])
    await rig.drained()
    results = [one.result for one in rig.outcomes if one.operation.item == movies(2)[0]]
    assert results == [Result.SUPERSEDED, Result.DELIVERED]


@virtual
async def test_an_operation_overtaken_before_it_could_be_given_up_has_not_failed() -> (
    None
):
    rig = with_movies(1, ModelServer.plex).start()
    await rig.ask(SetProgress(30), movies(1)[0])
    await rig.until(lambda: rig.server.count() == 1)
    await rig.ask(MarkWatched(), movies(1)[0])
    await rig.drained()
    assert rig.results() == [Result.SUPERSEDED, Result.DELIVERED]
    assert not rig.outbox.rejected


# --- the server is away -----------------------------------------------------------


def outage_requests(rig: Rig, begin: float, end: float) -> int:
    return sum(begin <= one.at < end for one in rig.server.requests)


@pytest.mark.parametrize("count", [1, 10, 1000])
@virtual
async def test_r07_an_outage_is_probed_and_costs_the_same_for_any_queue(
    count: int,
) -> None:
    rig = with_movies(count).start()
    rig.server.down = True
    await ask_all(rig, count)
    await asyncio.sleep(3600)
    assert rig.phase is Phase.BACKING_OFF
    assert rig.asks()[0] == "F"
    assert set(rig.asks()[1:]) == {"P"}, "nothing but probes"
    assert 60 < rig.server.count() < 400
    assert max(rig.gaps(Ask.PROBE)) <= 31
    assert [one.attempts for one in rig.outbox] == [0] * count
    health = rig.lane.health
    assert health.reason is Reason.UNREACHABLE
    assert health.next_attempt is not None
    assert (
        rig.clock.now()
        <= health.next_attempt
        <= rig.clock.now() + timedelta(seconds=31)
    )
    rig.server.down = False
    came_back = rig.clock.monotonic()
    await rig.drained()
    assert rig.clock.monotonic() - came_back < 35 + count * 0.03
    assert rig.server.count(Ask.WRITE) == count


@virtual
async def test_new_operations_do_not_make_an_offline_server_be_asked_more_often() -> (
    None
):
    quiet, busy = with_movies(300).start(), with_movies(300).start()
    for rig in (quiet, busy):
        rig.server.down = True
        await ask_all(rig, 1)
    for item in movies(300):
        await busy.ask(None, item)
        await asyncio.sleep(10)
    assert busy.server.count() == quiet.server.count()


@virtual
async def test_operations_arrive_in_the_order_they_were_made() -> None:
    rig = with_movies(50).start()
    rig.server.down = True
    await ask_all(rig, 50)
    await asyncio.sleep(100)
    rig.server.down = False
    await rig.drained()
    assert [item_id for item_id, _ in rig.server.writes] == [
        item.item_id for item in movies(50)
    ]


@virtual
async def test_an_idle_offline_lane_is_asked_every_few_minutes() -> None:
    rig = with_movies(1).start()
    rig.server.down = True
    rig.relay.report(Unreachable("gone"))
    await asyncio.sleep(7200)
    assert rig.server.count() < 120
    assert rig.asks()[0] == "P"
    before = rig.server.count()
    rig.server.down = False
    await rig.ask(None, movies(1)[0])
    await rig.drained(31)
    assert rig.asks()[before:] == ["P", "F", "W", "F"]


@virtual
async def test_what_the_server_asks_for_is_waited_for() -> None:
    rig = with_movies(1).start()
    rig.server.on(Ask.WRITE, Trouble(Kind.BUSY, retry_after=200))
    await rig.ask(None, movies(1)[0])
    await rig.drained()
    assert rig.asks() == ["F", "W", "P", "F", "W", "F"]
    assert rig.gaps(Ask.WRITE)[0] >= 200
    assert rig.server.requests[2].at - rig.server.requests[1].at >= 200
    assert rig.outcomes[0].operation.attempts == 0


@virtual
async def test_a_new_operation_does_not_break_the_peace_a_server_asked_for() -> None:
    rig = with_movies(1).start()
    rig.server.on(Ask.PROBE, Trouble(Kind.STARTING, retry_after=200))
    rig.relay.report(Unreachable("gone"))
    await rig.until(lambda: rig.phase is Phase.BACKING_OFF)
    await rig.ask(None, movies(1)[0])
    await rig.drained()
    assert rig.gaps(Ask.PROBE)[0] >= 200


@virtual
async def test_a_nudge_tries_at_once() -> None:
    rig = with_movies(1).start()
    rig.server.down = True
    await rig.ask(None, movies(1)[0])
    await asyncio.sleep(3600)
    rig.server.down = False
    await rig.until(lambda: bool(rig.lane.health.next_attempt))
    rig.relay.nudge()
    await rig.drained(1)


@virtual
async def test_a_read_that_failed_elsewhere_takes_a_lane_down_that_is_down() -> None:
    rig = with_movies(1).start()
    await settle()
    rig.relay.report(Malformed("<html>"))
    await asyncio.sleep(1)
    assert rig.asks() == ["P"]
    phases = [rig.phase]
    rig.server.down = True
    rig.relay.report(Unreachable("gone"))
    await asyncio.sleep(1)
    assert [*phases, rig.phase] == [Phase.READY, Phase.BACKING_OFF]


@pytest.mark.parametrize(
    ("trouble", "phase", "reason"),
    [
        (REFUSE, Phase.BACKING_OFF, Reason.UNREACHABLE),
        (BUSY, Phase.BACKING_OFF, Reason.BUSY),
        (ERROR, Phase.BACKING_OFF, Reason.SERVER_FAULT),
        (HTML, Phase.BACKING_OFF, Reason.MALFORMED),
        (GONE, Phase.BACKING_OFF, Reason.WRONG_SERVER),
        (Trouble(Kind.WRONG), Phase.BACKING_OFF, Reason.WRONG_SERVER),
        (Trouble(Kind.BAD_REQUEST), Phase.BACKING_OFF, Reason.REFUSED),
        (AUTH, Phase.PARKED, Reason.AUTH_REQUIRED),
        (FORBIDDEN, Phase.BACKING_OFF, Reason.FORBIDDEN),
    ],
    ids=lambda value: getattr(getattr(value, "kind", None), "value", None),
)
@virtual
async def test_each_answer_to_a_probe_says_how_the_lane_is(
    trouble: Trouble, phase: Phase, reason: Reason
) -> None:
    rig = with_movies(1).start()
    rig.server.trouble = lambda _: trouble
    rig.relay.nudge()
    await asyncio.sleep(0.1)
    assert rig.phase is phase
    assert rig.lane.health.reason is reason


@virtual
async def test_another_server_at_the_address_gets_nothing() -> None:
    rig = with_movies(1).start()
    rig.server.server_id = "another"
    rig.relay.report(Unreachable("gone"))
    await rig.until(lambda: rig.phase is Phase.BACKING_OFF)
    await rig.ask(None, movies(1)[0])
    await asyncio.sleep(600)
    assert rig.lane.health.reason is Reason.WRONG_SERVER
    assert rig.server.count(Ask.FETCH) == 0
    rig.server.server_id = "server"
    await rig.drained()


@virtual
async def test_a_server_that_answers_probes_but_not_reads_is_not_stormed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    rig = with_movies(5).start()
    rig.server.trouble = lambda one: None if one.ask is Ask.PROBE else BUSY
    await ask_all(rig, 5)
    await asyncio.sleep(3600)
    assert rig.server.count() < 700
    assert [one.attempts for one in rig.outbox] == [0] * 5
    assert len(caplog.messages) == 1, "one line per outage"
    rig.server.trouble = None
    await rig.drained(61)
    await settle()
    assert len(caplog.messages) == 2


@virtual
async def test_r14_an_outage_is_two_lines_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    rig = with_movies(41).start()
    rig.server.down = True
    await ask_all(rig, 41)
    await asyncio.sleep(7200)
    rig.server.down = False
    await rig.drained()
    await settle()
    assert caplog.messages == [
        "Lost contact with Model (User): unreachable",
        "Model (User) is back: delivered 41, waiting 0",
    ]


@virtual
async def test_titles_stay_out_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    rig = with_movies(3).start()
    rig.server.next(None, ERROR, LIE, HTML, REFUSE)
    await ask_all(rig, 3)
    await rig.drained()
    assert "Film" not in caplog.text


# --- the token is not accepted ------------------------------------------------------


@virtual
async def test_a_parked_lane_waits_for_a_person_and_burns_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    rig = with_movies(3).start()
    rig.server.token_good = False
    await ask_all(rig, 2)
    await rig.until(lambda: rig.phase is Phase.PARKED)
    asked = rig.server.count()
    assert rig.lane.health.reason is Reason.AUTH_REQUIRED
    await rig.ask(None, movies(3)[2])
    await asyncio.sleep(3500)
    assert rig.server.count() == asked
    rig.relay.nudge()
    await asyncio.sleep(1)
    assert rig.phase is Phase.PARKED
    assert rig.server.count() == asked + 1
    assert [one.attempts for one in rig.outbox] == [0] * 3
    rig.server.token_good = True
    rig.relay.nudge()
    await rig.drained(5)
    await settle()
    assert caplog.messages == [
        "Model (User) does not accept our sign-in any more",
        "Model (User) is back: delivered 3, waiting 0",
    ]


@virtual
async def test_a_parked_lane_looks_once_an_hour_and_goes_on_by_itself() -> None:
    rig = with_movies(1).start()
    rig.server.token_good = False
    await rig.ask(None, movies(1)[0])
    await rig.until(lambda: rig.phase is Phase.PARKED)
    asked, parked_at = rig.server.count(), rig.clock.now()
    assert rig.lane.health.next_attempt == parked_at + timedelta(hours=1)
    await asyncio.sleep(86_400 - 60)
    assert rig.server.count() == asked + 23
    rig.server.token_good = True
    await rig.drained(120)
    assert rig.results() == [Result.DELIVERED]


@virtual
async def test_a_lane_that_starts_parked_looks_in_an_hour() -> None:
    rig = with_movies(1)
    rig.lane.set_health(
        Health(Phase.PARKED, rig.clock.now(), Reason.AUTH_REQUIRED),
    )
    rig.start()
    await asyncio.sleep(3590)
    assert rig.server.count() == 0
    await rig.until(lambda: rig.phase is Phase.READY, 20)


@pytest.mark.parametrize("waiting", [0, 2])
@virtual
async def test_a_server_that_lets_nobody_in_for_hours_is_asked_and_recovers_alone(
    waiting: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    rig = with_movies(3).start()
    rig.server.trouble = lambda _: FORBIDDEN
    rig.relay.report(Forbidden("outside the hours"))
    await ask_all(rig, waiting)
    await asyncio.sleep(2 * 3600)
    assert rig.phase is Phase.BACKING_OFF
    assert rig.lane.health.reason is Reason.FORBIDDEN
    probes = rig.gaps(Ask.PROBE)
    assert max(probes) <= 300
    assert min(probes[2:]) >= 30, "who bans bans longer if one knocks all the time"
    assert [one.attempts for one in rig.outbox] == [0] * waiting
    rig.server.trouble = None
    await rig.until(lambda: rig.phase is Phase.READY, 300)
    await rig.drained(30)
    await settle()
    assert rig.results() == [Result.DELIVERED] * waiting
    assert caplog.messages == [
        "Lost contact with Model (User): forbidden",
        f"Model (User) is back: delivered {waiting}, waiting 0",
    ]


@pytest.mark.parametrize("asked_before", [1, 2, 3, 4])
@virtual
async def test_hours_that_end_in_the_middle_of_a_delivery_give_nothing_up(
    asked_before: int,
) -> None:
    rig = with_movies(3).start()

    def closed(_: Request) -> Trouble | None:
        return FORBIDDEN if rig.server.count() > asked_before else None

    rig.server.trouble = closed
    gone = movie("gone")
    await rig.ask(None, gone)
    await ask_all(rig, 3)
    await rig.until(lambda: rig.phase is Phase.BACKING_OFF)
    assert rig.lane.health.reason is Reason.FORBIDDEN
    assert [one.attempts for one in rig.outbox] == [0] * len(rig.outbox)
    assert not rig.outbox.rejected
    rig.server.trouble = None
    await rig.until(lambda: len(rig.outbox) == 1, 600)
    assert rig.server.watched("m0000", "m0001", "m0002") == [True] * 3


@virtual
async def test_a_report_older_than_the_last_success_is_no_news() -> None:
    rig = with_movies(1).start()
    await rig.until(lambda: rig.phase is Phase.READY)
    # Two look-ups are answered with 503 at once.
    rig.relay.report(Busy("503"))
    rig.relay.report(Busy("503"))
    await rig.until(lambda: rig.phase is Phase.BACKING_OFF)
    rig.relay.report(Busy("503"))
    rig.relay.report(Unreachable("dropped"))
    rig.relay.nudge()
    await rig.until(lambda: rig.phase is Phase.READY, 5)
    asked = rig.server.count()
    updates = len(rig.updates)
    await asyncio.sleep(600)
    assert rig.phase is Phase.READY
    assert len(rig.updates) == updates, "it went down once more in between"
    assert rig.server.count() == asked


@virtual
async def test_a_report_from_before_a_delivery_is_no_news_after_it() -> None:
    rig = with_movies(1).start()
    await rig.ask(None, movies(1)[0])
    await rig.until(lambda: rig.server.count(Ask.WRITE) == 1)
    rig.relay.report(Busy("503"))
    await rig.drained()
    await asyncio.sleep(60)
    assert rig.phase is Phase.READY
    assert rig.server.count(Ask.PROBE) == 0


@virtual
async def test_who_wants_to_know_now_gets_an_answer_of_now() -> None:
    rig = with_movies(1).start()
    # As the server asks for patience, and nobody was heard yet.
    rig.relay.report(Busy("503", 120.0))
    rig.relay.nudge()
    await rig.until(lambda: rig.server.count(Ask.PROBE) == 1, 1)
    await asyncio.sleep(1)
    assert rig.phase is Phase.READY
    # A probe is under way, and will be answered badly; the server is back by then.
    rig.server.on(Ask.PROBE, BUSY)
    rig.relay.nudge()
    await rig.until(lambda: rig.server.count(Ask.PROBE) == 2, 1)
    rig.relay.nudge()
    await asyncio.sleep(1)
    assert rig.server.count(Ask.PROBE) == 3
    assert rig.phase is Phase.READY


@virtual
async def test_a_nudge_while_the_token_is_being_refused_asks_once_more() -> None:
    rig = with_movies(1).start()
    rig.server.on(Ask.PROBE, AUTH)
    rig.relay.nudge()
    await rig.until(lambda: rig.server.count() == 1)
    rig.relay.nudge()
    await asyncio.sleep(1)
    assert rig.asks() == ["P", "P"]
    assert rig.phase is Phase.READY


@virtual
async def test_a_token_revoked_between_look_and_write_parks() -> None:
    rig = with_movies(2).start()
    await ask_all(rig, 2)
    await rig.until(lambda: rig.server.count(Ask.FETCH) == 1)
    rig.server.token_good = False
    await rig.until(lambda: rig.phase is Phase.PARKED)
    assert [one.attempts for one in rig.outbox] == [0, 0]
    rig.server.token_good = True
    rig.relay.nudge()
    await rig.drained(5)


@virtual
async def test_a_read_error_about_the_token_is_checked_by_a_probe() -> None:
    rig = with_movies(1).start()
    rig.server.next(AUTH)
    await rig.ask(None, movies(1)[0])
    await rig.drained()
    assert rig.asks()[:2] == ["F", "P"]
    assert rig.results() == [Result.DELIVERED]
    rig.relay.report(AuthRejected("?"))
    await asyncio.sleep(1)
    assert rig.phase is Phase.READY


# --- one item is the trouble --------------------------------------------------------


@pytest.mark.parametrize("place", [0, 1, 49, 98, 99])
@virtual
async def test_one_poisoned_item_among_a_hundred_harms_only_itself(place: int) -> None:
    rig = with_movies(100)
    poisoned = f"m{place:04}"
    rig.server.poison(poisoned, ERROR)
    await ask_all(rig, 100)
    rig.start()
    await rig.until(lambda: len(rig.outbox) == 1, 30)
    assert rig.server.count() < 100 + 60
    await rig.drained(24 * 3600)
    results = {one.operation.item.item_id: one for one in rig.outcomes}
    assert results.pop(poisoned).reason is Reason.SERVER_FAULT
    assert {one.result for one in results.values()} == {Result.DELIVERED}
    assert len(results) == 99
    assert rig.phase is Phase.READY


@virtual
async def test_a_second_look_that_fails_does_not_forget_what_was_written() -> None:
    rig = with_movies(1, ModelServer.plex).start()
    rig.server.on(Ask.FETCH, None, HTML)
    await rig.ask(None, movies(1)[0])
    await rig.drained()
    assert rig.results() == [Result.DELIVERED]
    assert rig.outcomes[0].operation.before == {"m0000": unseen()}
    assert rig.server.states["m0000"].play_count == 1


@virtual
async def test_an_operation_overtaken_while_its_read_fails_is_forgotten() -> None:
    rig = with_movies(1).start()
    rig.server.on(Ask.FETCH, HTML)
    await rig.ask(MarkWatched(), movies(1)[0])
    await rig.until(lambda: rig.server.count(Ask.PROBE) == 1)
    await rig.ask(MarkUnwatched(), movies(1)[0])
    await rig.drained()
    assert rig.results() == [Result.SUPERSEDED, Result.ALREADY_TRUE]


@virtual
async def test_reads_that_all_fail_mean_the_server() -> None:
    rig = with_movies(40).start()
    rig.server.trouble = lambda one: None if one.ask is Ask.PROBE else HTML
    await ask_all(rig, 40)
    await asyncio.sleep(600)
    assert rig.phase is Phase.BACKING_OFF
    assert rig.lane.health.reason is Reason.MALFORMED
    rig.server.trouble = None
    await rig.drained()
    assert rig.results() == [Result.DELIVERED] * 40


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        (HTML, Reason.MALFORMED),
        (ERROR, Reason.SERVER_FAULT),
        (Trouble(Kind.BAD_REQUEST), Reason.REFUSED),
    ],
)
@pytest.mark.parametrize("known", [0, 5])
@pytest.mark.parametrize("count", [1, 3])
@virtual
async def test_few_operations_are_not_given_up_because_of_what_no_item_is_spared(
    trouble: Trouble, reason: Reason, known: int, count: int
) -> None:
    """As by junk that is answered under the server's own name, for hours."""
    rig = with_movies(count + known)
    for one in movies(count + known):
        rig.lane.learn([rig.server.reading(one.item_id)])
    await ask_all(rig, count)
    rig.server.trouble = lambda one: None if one.ask is Ask.PROBE else trouble
    reasons: set[Reason | None] = set()
    rig.lane.add_listener(lambda _: reasons.add(rig.lane.health.reason))
    rig.start()
    await asyncio.sleep(3 * 3600)
    assert [one.attempts for one in rig.outbox] == [0] * count
    assert rig.server.writes == []
    assert reasons == {None, reason}
    rig.server.trouble = None
    await rig.drained()
    assert rig.results() == [Result.DELIVERED] * count


@virtual
async def test_empty_answers_do_not_show_that_others_can_be_read() -> None:
    rig = with_movies(2)
    rig.server.shelves.clear()
    rig.lane.learn([rig.server.reading("m0001")])
    rig.server.hidden.add("m0001")
    rig.server.poison("m0000", HTML)
    await rig.ask(None, movies(1)[0])
    rig.start()
    await asyncio.sleep(3 * 3600)
    assert [one.attempts for one in rig.outbox] == [0]
    assert rig.outcomes == []


@pytest.mark.parametrize(
    ("known", "damaged"),
    [(0, 1), (1, 1), (5, 1), (5, 6)],
    ids=["alone", "beside one", "beside five", "as five others"],
)
@virtual
async def test_item_that_cannot_be_read_is_given_up_while_the_server_is_well(
    known: int, damaged: int
) -> None:
    """Others are read well; or the libraries, where none are known, or none can be."""
    films = movies(1 + known)
    rig = with_movies(1 + known)
    for film in films:
        rig.lane.learn([rig.server.reading(film.item_id)])
    for film in films[:damaged]:
        rig.server.poison(film.item_id, HTML)
    rig.start()
    await rig.ask(None, films[0])
    await rig.drained(24 * 3600)
    assert [one.reason for one in rig.outcomes] == [Reason.MALFORMED]
    assert rig.phase is Phase.READY


@virtual
async def test_server_that_goes_while_others_are_read_is_away() -> None:
    rig = with_movies(2)
    rig.lane.learn([rig.server.reading("m0001")])
    await rig.ask(None, movies(1)[0])

    def trouble(request: Request) -> Trouble | None:
        if request.ask is Ask.PROBE:
            return None
        return HTML if request.item_ids == ("m0000",) else REFUSE

    reasons: set[Reason | None] = set()
    rig.lane.add_listener(lambda _: reasons.add(rig.lane.health.reason))
    rig.server.trouble = trouble
    rig.start()
    await asyncio.sleep(3600)
    assert reasons == {None, Reason.UNREACHABLE}
    assert [one.attempts for one in rig.outbox] == [0]


@virtual
async def test_search_that_fails_for_every_item_gives_nothing_up() -> None:
    rig = with_movies(1)
    rig.server.hidden.add("m0000")
    rig.server.trouble = lambda one: (
        HTML if one.ask in (Ask.FIND, Ask.LIBRARIES) else None
    )
    await rig.ask(None, movies(1)[0])
    rig.start()
    await asyncio.sleep(6 * 3600)
    assert [one.attempts for one in rig.outbox] == [0]
    rig.server.hidden.clear()
    rig.server.trouble = None
    await rig.drained(2 * 3600)
    assert rig.results() == [Result.DELIVERED]


@virtual
async def test_a_read_that_is_refused_as_a_whole_is_asked_in_smaller_parts() -> None:
    rig = with_movies(100)

    def too_long(request: Request) -> Trouble | None:
        return Trouble(Kind.BAD_REQUEST) if len(request.item_ids) > 30 else None

    rig.server.trouble = too_long
    await ask_all(rig, 100)
    rig.start()
    await rig.drained(60)
    assert rig.results() == [Result.DELIVERED] * 100


# --- the item is missing --------------------------------------------------------------


@virtual
async def test_p16_a_replaced_file_is_found_by_what_the_world_calls_it() -> None:
    rig = with_movies(1).start()
    rig.server.replace_file("m0000", "new")
    await rig.ask(None, movies(1)[0])
    await rig.drained(10)
    assert rig.server.watched("new") == [True]
    assert rig.outcomes[0].operation.item.item_id == "new"


@virtual
async def test_p16_an_episode_is_found_by_its_show_and_number() -> None:
    rig = with_show({1: 3}).start()
    await rig.stop()
    lost = episode(SHOW, 1, 2)
    moved = show("elsewhere")
    rig.server.items.clear()
    rig.server.add_show(replace(moved, provider_ids=SHOW.provider_ids), {1: 3})
    for item_id, item in rig.server.items.items():
        rig.server.items[item_id] = replace(item, show_provider_ids=SHOW.provider_ids)
    rig.start()
    await rig.ask(None, lost)
    await rig.drained(10)
    assert rig.server.watched("elsewhere.1.1", "elsewhere.1.2", "elsewhere.1.3") == [
        False,
        True,
        False,
    ]


@virtual
async def test_a_show_that_came_back_under_another_id_is_found() -> None:
    rig = Rig().start()
    moved = replace(show("elsewhere"), provider_ids=SHOW.provider_ids)
    rig.server.add_show(moved, {1: 3})
    await rig.ask(None, SHOW)
    await rig.drained(10)
    assert rig.server.watched("elsewhere.1.1", "elsewhere.1.3") == [True, True]


@pytest.mark.parametrize("copies", [0, 2])
@virtual
async def test_p05_none_or_several_matches_are_no_match(copies: int) -> None:
    rig = with_movies(1, max_retry_age=timedelta(days=2)).start()
    rig.server.hidden.add("m0000")
    rig.server.add(*(replace(movies(1)[0], item_id=f"copy{n}") for n in range(copies)))
    await rig.ask(None, movies(1)[0])
    await asyncio.sleep(86_400)
    assert [one.last_error for one in rig.outbox] == [Reason.MISSING.value]
    assert [one.attempts for one in rig.outbox] == [0]
    assert rig.server.count() < 80
    assert rig.server.writes == []
    await rig.drained(2 * 86_400)
    assert [one.reason for one in rig.outcomes] == [Reason.MISSING]
    assert rig.outbox.rejected


@virtual
async def test_an_item_that_reappears_is_delivered_within_the_hour() -> None:
    rig = with_movies(1).start()
    rig.server.hidden.add("m0000")
    await rig.ask(None, movies(1)[0])
    await asyncio.sleep(5 * 3600)
    rig.server.hidden.clear()
    await rig.drained(3700)
    assert rig.results() == [Result.DELIVERED]
    assert rig.outcomes[0].operation.missing_since is None


@virtual
async def test_an_item_that_is_seen_under_another_id_is_delivered_at_once() -> None:
    rig = with_movies(1).start()
    rig.server.hidden.add("m0000")
    await rig.ask(None, movies(1)[0])
    await asyncio.sleep(60)
    again = replace(movies(1)[0], item_id="again")
    rig.server.add(again)
    rig.lane.remember([rig.server.reading("again")])
    await rig.drained(10)
    assert rig.server.watched("again") == [True]


@virtual
async def test_an_item_without_any_ids_waits_without_a_search() -> None:
    rig = Rig().start()
    await rig.ask(None, replace(movie(), provider_ids=NO_IDS))
    await asyncio.sleep(60)
    assert rig.asks() == ["F"]
    assert len(rig.outbox) == 1


@virtual
async def test_missing_items_do_not_hold_up_the_others() -> None:
    rig = with_movies(4)
    rig.server.hidden |= {"m0000", "m0002"}
    await ask_all(rig, 4)
    rig.start()
    await rig.until(lambda: len(rig.outbox) == 2, 10)
    assert rig.server.watched("m0001", "m0003") == [True, True]


@virtual
async def test_what_has_ended_is_told_before_a_long_search() -> None:
    rig = with_movies(2)
    rig.server.replace_file("m0000", "new")
    rig.server.on(Ask.FIND, HANG)
    await ask_all(rig, 2)
    rig.start()
    await rig.until(lambda: rig.server.count(Ask.FIND) == 1, 10)
    assert rig.results() == [Result.DELIVERED]


@virtual
async def test_what_is_done_is_told_before_what_others_do_meanwhile() -> None:
    """It was written before an outage, and nobody had seen that yet."""
    rig = one_at_a_time(with_movies(2))
    rig.server.on(Ask.WRITE, None, REFUSE, HANG)
    rig.server.on(Ask.FETCH, None, REFUSE)
    await ask_all(rig, 2)
    rig.start()
    await rig.until(lambda: rig.server.count(Ask.WRITE) == 3, 100)
    assert rig.results() == []
    rig.server.mark_elsewhere("m0000", watched=False)
    await rig.lane.take_in([rig.server.reading("m0000")])
    assert rig.results() == [Result.DELIVERED]
    assert rig.updates[-1].before == {"m0000": rig.outcomes[0].after}


@virtual
async def test_an_outage_during_the_search_burns_no_attempt() -> None:
    rig = with_movies(1).start()
    rig.server.replace_file("m0000", "new")
    await rig.ask(None, movies(1)[0])
    await rig.until(lambda: rig.server.count(Ask.FIND) == 0 and rig.server.count() == 1)
    rig.server.down = True
    await asyncio.sleep(3600)
    assert rig.phase is Phase.BACKING_OFF
    assert [one.attempts for one in rig.outbox] == [0]
    rig.server.down = False
    await rig.drained(40)
    assert rig.server.watched("new") == [True]


@virtual
async def test_a_search_that_ends_in_an_outage_is_the_last_one() -> None:
    rig = with_movies(5)
    for item in movies(5):
        rig.server.hidden.add(item.item_id)
    await ask_all(rig, 5)
    rig.start()
    await rig.until(lambda: rig.server.count(Ask.FETCH) == 1)
    await asyncio.sleep(0)
    rig.server.down = True
    await asyncio.sleep(20)
    assert rig.server.count(Ask.FIND) == 1
    assert [one.attempts for one in rig.outbox] == [0] * 5


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (AuthRejected("x"), Reason.FORBIDDEN),
        (Unreachable("x"), Reason.UNREACHABLE),
        (Malformed("x"), Reason.MALFORMED),
        (Refused("x"), Reason.REFUSED),
        (ItemGone("x"), Reason.MISSING),
    ],
)
def test_what_one_item_suffers_from_has_a_name(
    error: ServerError, reason: Reason
) -> None:
    assert reason_of(error) is reason


@virtual
async def test_a_busy_server_during_the_search_is_left_alone() -> None:
    rig = with_movies(1).start()
    rig.server.replace_file("m0000", "new")
    rig.server.on(Ask.FIND, Trouble(Kind.BUSY, retry_after=100))
    await rig.ask(None, movies(1)[0])
    await rig.drained()
    assert rig.gaps(Ask.FETCH)[0] >= 100
    assert rig.outcomes[0].operation.attempts == 0


@pytest.mark.parametrize("trouble", [HANG, HTML, ERROR, GONE, AUTH, FORBIDDEN])
@virtual
async def test_a_search_that_fails_is_tried_again_later(trouble: Trouble) -> None:
    rig = with_movies(1).start()
    rig.server.replace_file("m0000", "new")
    rig.server.on(Ask.FIND, trouble)
    await rig.ask(None, movies(1)[0])
    await rig.drained(3700)
    assert rig.results() == [Result.DELIVERED]
    assert rig.phase is Phase.READY


@virtual
async def test_an_index_that_lists_what_cannot_be_read_is_not_chased() -> None:
    """A search may still list files that are gone; two of them must not alternate."""
    rig = Rig().start()
    rig.server.add(movie("a"), replace(movie("a"), item_id="b"))
    rig.server.trouble = None

    async def fetch(_: Any) -> dict[str, Reading]:
        rig.server.requests.append(Request(Ask.FETCH, (), None, rig.clock.monotonic()))
        return {}

    rig.server.fetch = fetch  # type: ignore[assignment, method-assign]  # a stale index
    await rig.ask(None, movie("a"))
    await asyncio.sleep(1800)
    assert rig.server.count() < 10
    assert len(rig.outbox) == 1


@virtual
async def test_an_older_one_that_finds_its_item_again_does_not_undo_a_newer_one() -> (
    None
):
    rig = Rig(ModelServer.plex).start()
    await rig.ask(MarkWatched(), movie("old"))
    await asyncio.sleep(600)
    rig.server.add(replace(movie("old"), item_id="new"), state=seen())
    await rig.ask(MarkUnwatched(), replace(movie("old"), item_id="new"))
    await rig.drained(2 * 3600)
    assert rig.server.watched("new") == [False]


@virtual
async def test_of_two_operations_that_meet_at_one_item_the_later_one_counts() -> None:
    rig = Rig(ModelServer.plex)
    new = replace(movie("old"), item_id="new")
    rig.server.add(new)
    await rig.ask(MarkUnwatched(), new)
    await rig.ask(MarkWatched(), movie("old"))
    await asyncio.sleep(60)
    rig.start()
    await rig.drained(2 * 3600)
    assert rig.server.watched("new") == [True]
    assert rig.server.states["new"].play_count == 1


@virtual
async def test_of_two_that_wait_the_one_that_moved_gives_way_to_the_later() -> None:
    rig = Rig(ModelServer.plex)
    new = replace(movie("old"), item_id="new")
    rig.server.add(new, state=seen())
    old_operation = await rig.ask(SetProgress(600), movie("old"))
    await rig.ask(MarkUnwatched(), new)
    rig.start()
    await rig.drained(2 * 3600)
    assert rig.server.states["new"] == unseen()
    results = {one.operation.operation_id: one.result for one in rig.outcomes}
    assert results[old_operation.operation_id] in {Result.SUPERSEDED, Result.OVERRULED}


# --- a later operation comes in between ------------------------------------------


@both
@pytest.mark.parametrize("stage", [1, 2, 3], ids=["look", "write", "verify"])
@virtual
async def test_p22_an_operation_overtaken_in_flight_does_not_have_the_last_word(
    make: Make, stage: int
) -> None:
    rig = with_movies(1, make).start()
    first = await rig.ask(MarkWatched(), movies(1)[0])
    await rig.until(lambda: rig.server.count() == stage)
    second = await rig.ask(MarkUnwatched(), movies(1)[0])
    await rig.drained()
    assert rig.server.watched("m0000") == [False]
    results = {one.operation.operation_id: one.result for one in rig.outcomes}
    assert results[first.operation_id] is Result.SUPERSEDED
    assert results[second.operation_id] in {Result.DELIVERED, Result.ALREADY_TRUE}


@every_policy
@both
@virtual
async def test_our_own_slow_write_does_not_overrule_the_operation_that_overtook_it(
    make: Make, policy: Policy
) -> None:
    rig = with_movies(1, make, policy=policy).start()
    rig.lane.remember(readings(rig.server, movies(1)))
    rig.server.latency = 25
    await rig.ask(MarkWatched(), movies(1)[0])
    await rig.until(lambda: rig.server.count(Ask.WRITE) == 1)
    await rig.ask(MarkUnwatched(), movies(1)[0])
    await rig.drained()
    assert rig.results() == [Result.SUPERSEDED, Result.DELIVERED]
    assert rig.server.watched("m0000") == [False]


@every_policy
@virtual
async def test_nor_does_it_when_the_answer_got_lost_and_home_assistant_died(
    policy: Policy,
) -> None:
    rig = with_movies(1, ModelServer.plex, policy=policy).start()
    rig.lane.remember(readings(rig.server, movies(1)))
    rig.server.latency = 25
    rig.server.on(Ask.WRITE, DROP)
    await rig.ask(MarkWatched(), movies(1)[0])
    await rig.until(lambda: rig.server.count(Ask.WRITE) == 1)
    await rig.ask(MarkUnwatched(), movies(1)[0])
    await rig.until(lambda: rig.server.watched("m0000") == [True])
    rig.server.down = True
    await asyncio.sleep(60)
    await rig.crash()
    rig.server.down = False
    rig.start()
    await rig.drained()
    assert rig.server.watched("m0000") == [False]
    assert rig.results()[-1] is Result.DELIVERED


@every_policy
@virtual
async def test_an_episode_unmarked_after_its_show_was_marked_stays_unmarked(
    policy: Policy,
) -> None:
    """Both waited out an hour; delivering the first must not beat the second."""
    rig = with_show({1: 3}, policy=policy)
    rig.lane.remember(readings(rig.server, rig.server.items.values()))
    rig.server.down = True
    rig.start()
    await rig.ask(MarkWatched(), SHOW)
    await rig.ask(MarkUnwatched(), episode(SHOW, 1, 2))
    await asyncio.sleep(3600)
    rig.server.down = False
    await rig.drained()
    assert rig.server.watched("s.1.1", "s.1.2", "s.1.3") == [True, False, True]
    assert rig.results() == [Result.DELIVERED] * 2


@every_policy
@virtual
async def test_nor_does_it_when_home_assistant_died_in_between(policy: Policy) -> None:
    rig = with_show({1: 3}, policy=policy)
    rig.lane.remember(readings(rig.server, rig.server.items.values()))
    rig.server.down = True
    rig.start()
    await rig.ask(MarkWatched(), SHOW)
    await rig.ask(MarkUnwatched(), episode(SHOW, 1, 2))
    await asyncio.sleep(3600)
    rig.server.down = False
    await rig.until(lambda: rig.server.watched("s.1.2") == [True])
    await rig.crash()
    rig.start()
    await rig.drained()
    assert rig.server.watched("s.1.1", "s.1.2", "s.1.3") == [True, False, True]


@every_policy
@virtual
async def test_a_show_unmarked_while_it_is_being_marked_is_unmarked(
    policy: Policy,
) -> None:
    rig = with_show({1: 3}, policy=policy).start()
    rig.server.latency = 25
    await rig.ask(MarkWatched(), SHOW)
    await rig.until(lambda: rig.server.count(Ask.WRITE) == 1)
    await rig.ask(MarkUnwatched(), SHOW)
    await rig.drained()
    assert rig.server.watched("s.1.1", "s.1.2", "s.1.3") == [False] * 3
    assert rig.results() == [Result.SUPERSEDED, Result.DELIVERED]


@every_policy
@virtual
async def test_a_show_marked_while_an_episode_is_on_its_way_is_marked(
    policy: Policy,
) -> None:
    rig = with_show({1: 3}, ModelServer.plex, policy=policy).start()
    rig.server.latency = 25
    await rig.ask(SetProgress(600), episode(SHOW, 1, 2))
    await rig.until(lambda: rig.server.count() == 2)
    await rig.ask(MarkWatched(), SHOW)
    await rig.drained()
    assert rig.server.watched("s.1.1", "s.1.2", "s.1.3") == [True] * 3


@virtual
async def test_an_operation_dropped_while_others_are_written_is_not_sent() -> None:
    rig = one_at_a_time(with_movies(5))
    dropped = (await ask_all(rig, 5))[3:]
    rig.start()
    await rig.until(lambda: rig.server.count(Ask.WRITE) == 2)
    await rig.lane.discard(dropped)
    await rig.drained()
    assert rig.server.watched("m0003", "m0004") == [False, False]
    assert rig.results().count(Result.DELIVERED) == 3


@virtual
async def test_when_everything_was_overtaken_nothing_is_asked() -> None:
    rig = with_movies(1)
    operation = await rig.ask(None, movies(1)[0])
    rig.start()
    await rig.until(lambda: rig.server.count() == 1)
    rig.journal.seconds = 5
    await asyncio.sleep(0.05)  # the before-states are being written
    rig.outbox.discard([operation.operation_id])
    await asyncio.sleep(60)
    assert rig.asks() == ["F"]


# --- crashes ----------------------------------------------------------------------


@both
@pytest.mark.parametrize("after", [1, 2, 3], ids=["look", "write", "verify"])
@virtual
async def test_r05_what_was_under_way_at_a_crash_is_taken_up_again(
    make: Make, after: int
) -> None:
    rig = with_movies(3, make)
    await ask_all(rig, 3)
    rig.start()
    await rig.until(lambda: rig.server.count() >= after)
    await rig.crash()
    rig.start()
    await rig.drained()
    assert rig.server.watched("m0000", "m0001", "m0002") == [True] * 3
    assert [rig.server.states[one.item_id].play_count for one in movies(3)] == [1] * 3


@both
@virtual
async def test_a_crash_between_write_and_answer_is_one_play(make: Make) -> None:
    rig = with_movies(1, make).start()
    rig.server.on(Ask.WRITE, DROP)
    await rig.ask(None, movies(1)[0])
    await rig.until(lambda: rig.server.watched("m0000") == [True])
    await rig.crash()
    rig.start()
    await rig.drained()
    assert rig.server.count(Ask.WRITE) == 1
    assert rig.server.states["m0000"].play_count == 1
    assert rig.results() == [Result.DELIVERED]
    assert rig.outcomes[0].operation.before == {"m0000": unseen()}


@virtual
async def test_a_crash_after_the_end_was_told_but_not_saved_writes_nothing() -> None:
    rig = with_movies(1, ModelServer.plex).start()
    await rig.ask(None, movies(1)[0])
    await rig.drained()
    await rig.crash()
    assert len(rig.outbox) == 1, "the late save had not happened yet"
    rig.start()
    await rig.drained()
    assert rig.server.states["m0000"].play_count == 1


@virtual
async def test_r06_never_are_two_deliveries_under_way() -> None:
    rig = with_movies(30).start()
    rig.server.latency = 7
    under_way = 0

    def watch() -> None:
        nonlocal under_way
        under_way = max(under_way, rig.server.writing)

    for item in movies(30):
        await rig.ask(None, item)
        rig.relay.nudge()
        await asyncio.sleep(1)
        watch()
    await rig.drained()
    assert under_way == rig.server.most_at_once == 1
    assert set(rig.server.plays.values()) == {1}
    assert rig.server.doubled == []


# --- clocks -----------------------------------------------------------------------


@pytest.mark.parametrize("jump", [timedelta(days=400), -timedelta(days=400)])
@virtual
async def test_a_clock_that_jumps_stops_nothing(jump: timedelta) -> None:
    rig = with_movies(2).start()
    rig.server.on(Ask.WRITE, LIE)
    await rig.ask(None, movies(2)[0])
    await rig.until(lambda: any(one.not_before for one in rig.outbox))
    rig.clock.jump(jump)
    await rig.ask(None, movies(2)[1])
    await rig.drained(600)
    assert rig.results() == [Result.DELIVERED] * 2


@virtual
async def test_a_clock_that_jumps_during_an_outage_changes_no_probe() -> None:
    rig = with_movies(1).start()
    rig.server.down = True
    await rig.ask(None, movies(1)[0])
    for _ in range(20):
        await asyncio.sleep(60)
        rig.clock.jump(-timedelta(hours=7))
    assert max(rig.gaps(Ask.PROBE)) <= 31
    assert rig.server.count() > 20


# --- shows and seasons --------------------------------------------------------------


@both
@virtual
async def test_a_show_of_three_hundred_episodes_is_four_requests(make: Make) -> None:
    rig = with_show(dict.fromkeys(range(1, 11), 30), make).start()
    await rig.ask(None, SHOW)
    await rig.drained()
    looked_alone = ["A"] if make == ModelServer.jellyfin else []
    assert rig.asks() == ["F", "L", "W", "L", *looked_alone]
    assert all(state.watched for state in rig.server.states.values())
    assert set(rig.server.plays.values()) == {1}
    assert rig.results() == [Result.DELIVERED]
    assert len(rig.outcomes[0].operation.before) == 300
    assert len(rig.updates) < 8, "a burst of 300 readings is one publish"


@both
@virtual
async def test_p14_specials_stay_as_they_are_unless_asked_for(make: Make) -> None:
    rig = with_show({0: 5, 1: 30, 2: 30}, make).start()
    await rig.ask(None, SHOW)
    await rig.drained()
    looked_alone = ["A"] if make == ModelServer.jellyfin else []
    assert rig.asks() == ["F", "L", "W", "W", "L", *looked_alone]
    assert rig.server.watched(*(f"s.0.{one}" for one in range(1, 6))) == [False] * 5
    assert sum(state.watched is True for state in rig.server.states.values()) == 60
    await rig.ask(None, SHOW, include_specials=True)
    await rig.drained()
    assert all(state.watched for state in rig.server.states.values())
    assert rig.server.doubled == []


@virtual
async def test_p12_a_partly_watched_season_gets_no_second_plays() -> None:
    rig = with_show({1: 10}, ModelServer.plex).start()
    for number in (2, 3, 7):
        rig.server.states[f"s.1.{number}"] = seen(last=at(-99_999))
    await rig.ask(None, season(SHOW, 1))
    await rig.drained()
    assert rig.server.doubled == []
    assert {state.play_count for state in rig.server.states.values()} == {1}
    assert rig.server.count(Ask.WRITE) == 7


@virtual
async def test_a_season_leaves_its_neighbours_alone() -> None:
    rig = with_show({1: 2, 2: 2}).start()
    await rig.ask(None, season(SHOW, 2))
    await rig.drained()
    assert rig.server.watched("s.1.1", "s.1.2", "s.2.1", "s.2.2") == [
        False,
        False,
        True,
        True,
    ]


@both
@virtual
async def test_a_container_that_fails_in_the_middle_ends_right(make: Make) -> None:
    rig = with_show({1: 6}, make).start()
    rig.server.on(Ask.WRITE, HALF)
    await rig.ask(None, SHOW)
    await rig.drained()
    assert all(state.watched for state in rig.server.states.values())
    assert rig.server.doubled == []
    assert rig.server.count(Ask.WRITE) == 1 + 3
    assert rig.results() == [Result.DELIVERED]


@both
@virtual
async def test_what_a_tree_did_in_part_is_no_move_of_somebody_else(make: Make) -> None:
    """One episode may not be marked; what waits for another was in doubt long ago."""
    rig = with_show({1: 3}, make).start()

    def third(request: Request) -> Trouble | None:
        if request.ask is not Ask.WRITE:
            return None
        if request.item_ids == ("s.1.3",):
            return FORBIDDEN
        # From the second attempt on episodes are marked one by one.
        return LIE if request.item_ids[0] in ("s", "s.1") else None

    rig.server.trouble = third
    rig.server.down = True
    await rig.ask(None, SHOW)
    await rig.ask(MarkUnwatched(), episode(SHOW, 1, 1))
    leaf = rig.outbox.concerning(episode(SHOW, 1, 1))[-1]
    assert leaf.change == MarkUnwatched()
    rig.outbox.update(replace(leaf, unsure_until=rig.clock.now(), base=unseen()))
    await asyncio.sleep(60)
    rig.server.down = False
    await rig.until(lambda: rig.phase is Phase.READY, 300)
    await rig.drained()
    assert rig.results() == [Result.REJECTED, Result.DELIVERED]
    assert not rig.server.states["s.1.1"].watched
    assert rig.server.states["s.1.2"].watched


@virtual
async def test_a_container_that_answers_without_effect_is_not_believed() -> None:
    rig = with_show({1: 6}).start()
    rig.server.on(Ask.WRITE, LIE)
    await rig.ask(None, SHOW)
    await rig.drained()
    assert rig.results() == [Result.DELIVERED]
    assert all(state.watched for state in rig.server.states.values())


@virtual
async def test_an_episode_someone_played_since_is_left_to_them() -> None:
    rig = with_show({1: 3})
    for number in (1, 2, 3):
        rig.server.states[f"s.1.{number}"] = seen(last=at(-99_999))
    await rig.ask(MarkUnwatched(), SHOW)
    await asyncio.sleep(60)
    rig.server.played_elsewhere("s.1.2")
    rig.start()
    await rig.drained()
    assert rig.server.watched("s.1.1", "s.1.2", "s.1.3") == [False, True, False]
    assert rig.results() == [Result.DELIVERED]


@virtual
async def test_a_tree_that_is_so_already_or_overruled_writes_nothing() -> None:
    rig = with_show({1: 2})
    for number in (1, 2):
        rig.server.states[f"s.1.{number}"] = seen(last=at(60))
    await rig.ask(MarkUnwatched(), SHOW)
    await asyncio.sleep(120)
    rig.start()
    await rig.drained()
    await rig.ask(MarkWatched(), SHOW)
    await rig.drained()
    assert rig.results() == [Result.OVERRULED, Result.ALREADY_TRUE]
    assert rig.asks() == ["F", "L", "L"]  # it was read a moment ago


@virtual
async def test_p04_a_show_that_lists_nothing_is_not_a_show_that_is_done() -> None:
    rig = with_show({1: 2}).start()
    leaves = dict(rig.server.items)
    for item_id in ("s.1.1", "s.1.2"):
        rig.server.hidden.add(item_id)
    await rig.ask(None, SHOW)
    await asyncio.sleep(5)
    assert [one.last_error for one in rig.outbox] == [Reason.NO_EPISODES.value]
    assert rig.results() == []
    rig.server.hidden.clear()
    await rig.drained(2 * MISSING_RECHECK.total_seconds())
    assert leaves == rig.server.items
    assert rig.results() == [Result.DELIVERED]


@virtual
async def test_a_show_without_episodes_is_waited_for_until_it_has_some() -> None:
    """A mark would reach nothing, and the server would say that it is done."""
    rig = with_show({}).start()
    await rig.ask(None, SHOW)
    await asyncio.sleep(5)
    (waiting,) = rig.outbox
    assert waiting.last_error == Reason.NO_EPISODES
    assert waiting.missing_since is not None
    assert rig.server.writes == []
    await asyncio.sleep(3 * MISSING_RECHECK.total_seconds())
    (waiting,) = rig.outbox
    assert waiting.attempts == 0
    rig.server.add(episode(SHOW, 1, 1))
    await rig.drained(2 * MISSING_RECHECK.total_seconds())
    assert rig.server.watched("s.1.1") == [True]
    assert rig.results() == [Result.DELIVERED]
    assert rig.outcomes[0].operation.missing_since is None


@virtual
async def test_a_show_that_never_gets_episodes_is_given_up_in_the_end() -> None:
    rig = Rig(max_retry_age=timedelta(days=1))
    rig.server.add(SHOW)
    rig.start()
    await rig.ask(None, SHOW)
    await rig.drained(2 * 86_400)
    assert [one.reason for one in rig.outcomes] == [Reason.NO_EPISODES]


@virtual
async def test_a_show_that_loses_its_episodes_while_it_is_marked_is_not_done() -> None:
    rig = with_show({1: 2}).start()
    rig.server.after_write = lambda _: rig.server.hidden.update(("s.1.1", "s.1.2"))
    await rig.ask(None, SHOW)
    await asyncio.sleep(5)
    assert [one.last_error for one in rig.outbox] == [Reason.NO_EPISODES]
    assert rig.results() == []


def merged() -> Rig:
    """Return a rig with a show in two folders, as Jellyfin merges it."""
    rig = with_show({1: 2, 2: 1})
    rig.server.add_show(OTHER, {1: 1, 2: 2})
    rig.server.same_show = frozenset({SHOW.item_id, OTHER.item_id})
    return rig


#: The same show in another folder.
OTHER = replace(show("t"), provider_ids=SHOW.provider_ids)
MERGED = ("s.1.1", "s.1.2", "s.2.1", "t.1.1", "t.2.1", "t.2.2")


@virtual
async def test_a_show_in_two_folders_is_done_when_every_listed_episode_is() -> None:
    rig = merged().start()
    await rig.ask(None, SHOW)
    await rig.drained()
    assert rig.server.watched(*MERGED) == [True] * 6
    assert rig.results() == [Result.DELIVERED]
    assert set(rig.outcomes[0].operation.before) == set(MERGED)


@virtual
async def test_a_season_in_two_folders_is_done_when_every_listed_episode_is() -> None:
    rig = merged().start()
    await rig.ask(None, season(SHOW, 2))
    await rig.drained()
    assert rig.server.watched(*MERGED) == [False, False, True, False, True, True]
    assert rig.results() == [Result.DELIVERED]


@virtual
async def test_a_show_overtakes_operations_for_what_only_its_listing_tells_of() -> None:
    rig = merged()
    earlier = await rig.ask(MarkUnwatched(), episode(OTHER, 1, 1))
    tree = await rig.ask(None, SHOW)
    later = await rig.ask(MarkUnwatched(), episode(OTHER, 2, 2))
    # The earlier one would come last, and win.
    rig.outbox.update(replace(earlier, not_before=rig.clock.now() + timedelta(hours=1)))
    rig.start()
    await rig.drained()
    assert rig.server.watched(*MERGED) == [True] * 5 + [False]
    results = {one.operation.operation_id: one.result for one in rig.outcomes}
    assert results == {
        earlier.operation_id: Result.SUPERSEDED,
        tree.operation_id: Result.DELIVERED,
        later.operation_id: Result.DELIVERED,
    }


@virtual
async def test_an_episode_that_falls_back_while_its_show_is_marked_is_not_done() -> (
    None
):
    """Also one that was watched before, which nobody had to write to."""
    rig = with_show({1: 3}, ModelServer.plex)
    rig.server.states["s.1.1"] = seen(last=at(-99_999))
    falls: list[Item] = []

    def unmark_once(item: Item) -> None:
        if not falls:
            falls.append(item)
            rig.server.states["s.1.1"] = unseen()

    rig.server.after_write = unmark_once
    rig.start()
    await rig.ask(None, SHOW)
    await rig.drained()
    assert rig.server.watched("s.1.1", "s.1.2", "s.1.3") == [True] * 3
    assert rig.results() == [Result.DELIVERED]


@virtual
async def test_what_a_list_shows_and_no_write_knows_is_forbidden_at_once() -> None:
    rig = Rig().start()
    rig.server.add(movie())
    rig.server.forbidden.add("m1")
    await rig.ask(None, movie())
    await rig.drained(5)
    assert [(one.result, one.reason) for one in rig.outcomes] == [
        (Result.REJECTED, Reason.FORBIDDEN)
    ]
    assert rig.server.count(Ask.WRITE) == 1


@virtual
async def test_write_refused_as_doors_open_again_is_carried_out() -> None:
    """Whoever is let in again a moment later was not forbidden anything."""
    rig = with_show({1: 2}).start()
    rig.server.add(movie())
    rig.server.on(Ask.WRITE, FORBIDDEN)
    await rig.ask(MarkWatched(), movie())
    await rig.drained()
    rig.server.on(Ask.WRITE, FORBIDDEN)
    await rig.ask(MarkWatched(), SHOW)
    await rig.drained()
    assert [one.result for one in rig.outcomes] == [Result.DELIVERED] * 2


@virtual
async def test_what_is_not_there_is_missing_not_forbidden() -> None:
    rig = Rig().start()
    rig.server.add(movie())
    rig.server.on(Ask.WRITE, GONE)
    rig.server.hidden.add("m1")
    await rig.ask(None, movie())
    await asyncio.sleep(5)
    assert [one.last_error for one in rig.outbox] == [Reason.MISSING]


@virtual
async def test_a_listed_show_whose_episodes_nobody_shows_is_forbidden_at_once() -> None:
    rig = with_show({1: 2}).start()
    rig.server.forbidden.add(SHOW.item_id)
    await rig.ask(None, SHOW)
    await rig.drained(5)
    assert [(one.result, one.reason) for one in rig.outcomes] == [
        (Result.REJECTED, Reason.FORBIDDEN)
    ]
    assert rig.server.writes == []


@virtual
async def test_a_show_that_goes_before_its_episodes_are_read_is_missing() -> None:
    rig = with_show({1: 2}).start()

    def go(request: Request) -> Trouble | None:
        if request.ask is Ask.LEAVES:
            rig.server.hidden.add(SHOW.item_id)
        return None

    rig.server.trouble = go
    await rig.ask(None, SHOW)
    await asyncio.sleep(5)
    assert [one.last_error for one in rig.outbox] == [Reason.MISSING]


@virtual
async def test_one_forbidden_episode_of_a_show_is_said_and_the_others_are_marked() -> (
    None
):
    rig = with_show({1: 4}).start()
    rig.server.forbidden.add("s.1.3")
    await rig.ask(None, SHOW)
    await rig.drained(120)
    assert [(one.result, one.reason) for one in rig.outcomes] == [
        (Result.REJECTED, Reason.FORBIDDEN)
    ]
    assert rig.server.watched("s.1.1", "s.1.2", "s.1.3", "s.1.4") == [
        True,
        True,
        False,
        True,
    ]


@virtual
async def test_an_episode_that_fails_beside_a_forbidden_one_is_tried_again() -> None:
    rig = with_show({1: 4}).start()
    rig.server.forbidden.add("s.1.1")
    rig.server.on(Ask.WRITE, LIE, None, ERROR)
    await rig.ask(None, SHOW)
    await rig.drained(600)
    assert [one.reason for one in rig.outcomes] == [Reason.FORBIDDEN]
    assert rig.server.watched("s.1.2", "s.1.3", "s.1.4") == [True] * 3


@virtual
async def test_an_episode_of_unknown_state_keeps_its_show_waiting() -> None:
    rig = with_show({1: 2}).start()
    rig.server.states["s.1.2"] = UNKNOWN
    await rig.ask(None, SHOW)
    await asyncio.sleep(5)
    assert rig.server.writes == []
    assert [one.last_error for one in rig.outbox] == [Reason.MALFORMED.value]
    rig.server.states["s.1.2"] = unseen()
    await rig.drained()


@virtual
async def test_a_tree_overtaken_while_its_leaves_are_read_writes_nothing() -> None:
    rig = with_show({1: 2}).start()
    await rig.ask(MarkWatched(), SHOW)
    await rig.until(lambda: rig.server.count() == 1)
    await rig.ask(MarkUnwatched(), SHOW)
    await rig.drained()
    assert rig.server.writes == []
    assert rig.results() == [Result.SUPERSEDED, Result.ALREADY_TRUE]


@virtual
async def test_a_tree_whose_answer_got_lost_is_looked_at_not_repeated() -> None:
    rig = with_show({1: 4}, ModelServer.plex).start()
    rig.server.on(Ask.WRITE, DROP)
    await rig.ask(None, SHOW)
    await rig.until(lambda: rig.server.count(Ask.WRITE) == 1)
    await asyncio.sleep(1)
    rig.server.down = True
    await asyncio.sleep(600)
    rig.server.down = False
    await rig.drained()
    assert rig.server.count(Ask.WRITE) == 1
    assert rig.results() == [Result.DELIVERED]


@virtual
async def test_an_episode_removed_while_its_show_is_written_does_not_matter() -> None:
    rig = with_show({1: 3}).start()
    rig.server.after_write = lambda _: rig.server.hidden.add("s.1.3")
    await rig.ask(None, SHOW)
    await rig.drained()
    assert rig.results() == [Result.DELIVERED]


@virtual
async def test_a_busy_server_in_the_middle_of_a_tree_is_left_alone() -> None:
    rig = with_show({0: 1, 1: 2, 2: 2}).start()
    rig.server.on(Ask.WRITE, None, Trouble(Kind.BUSY, retry_after=90))
    await rig.ask(None, SHOW)
    await rig.drained()
    assert rig.gaps(Ask.WRITE)[1] >= 90
    assert rig.outcomes[0].operation.attempts == 0
    assert rig.results() == [Result.DELIVERED]


# --- mistakes of ours ---------------------------------------------------------------


@virtual
async def test_a_mistake_of_ours_is_logged_and_does_not_stop_the_queue(
    caplog: pytest.LogCaptureFixture,
) -> None:
    rig = with_movies(1).start()
    real = rig.server.fetch
    calls = 0

    async def broken(item_ids: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls <= 3:
            raise RuntimeError("a mistake")
        return await real(item_ids)

    rig.server.fetch = broken  # type: ignore[method-assign]  # a mistake
    asked = await rig.ask(None, movies(1)[0])

    def waits() -> bool:
        waiting = rig.outbox.get(asked.operation_id)
        return waiting is not None and waiting.last_error == Reason.UNEXPECTED

    await rig.until(waits)
    assert "delivering failed unexpectedly" in caplog.text
    await rig.drained()
    assert rig.results() == [Result.DELIVERED]


def break_on(rig: Rig, method: str, item_ids: set[str]) -> None:
    """Have a request that is about one of these items end in a mistake of ours."""
    real = getattr(rig.server, method)

    async def broken(what: Any, *args: Any) -> Any:
        named = {what.item_id} if isinstance(what, Item) else set(what)
        if named & item_ids:
            raise RuntimeError("a mistake")
        return await real(what, *args)

    setattr(rig.server, method, broken)


@both
@pytest.mark.parametrize("method", ["fetch", "write"])
@pytest.mark.parametrize("place", [0, 57, 99])
@virtual
async def test_a_mistake_about_one_item_gives_up_that_one_and_never_the_lane(
    make: Make, method: str, place: int, caplog: pytest.LogCaptureFixture
) -> None:
    rig = with_movies(100, make)
    broken = f"m{place:04}"
    break_on(rig, method, {broken})
    await ask_all(rig, 100)
    rig.start()
    await rig.until(lambda: len(rig.outbox) == 1, seconds=60)
    await rig.drained()
    results = {one.operation.item.item_id: one for one in rig.outcomes}
    given_up = results.pop(broken)
    assert (given_up.result, given_up.reason) == (Result.REJECTED, Reason.UNEXPECTED)
    assert {one.result for one in results.values()} == {Result.DELIVERED}
    assert rig.server.plays.total() == 99
    assert "a mistake" in caplog.text
    assert rig.lane.health.failures == 0
    # Once the cause is gone it can be asked for again.
    rig.server.__dict__.pop(method)
    await rig.lane.retry()
    await rig.drained()
    assert rig.server.states[broken].watched


@virtual
async def test_a_mistake_in_one_write_leaves_no_doubt_about_those_beside_it() -> None:
    rig = with_movies(8, ModelServer.plex)
    break_on(rig, "write", {"m0003"})
    await ask_all(rig, 8)
    rig.start()
    # A write that is cut off has to be waited for: that takes minutes.
    await rig.until(lambda: len(rig.outbox) == 1, seconds=10)
    assert rig.server.doubled == []


@virtual
async def test_a_mistake_about_an_episode_gives_up_its_show_and_nothing_else() -> None:
    rig = with_show({1: 3})
    rig.server.add(*movies(1))
    break_on(rig, "fetch_leaves", {SHOW.item_id})
    rig.start()
    await rig.ask(None, SHOW)
    await rig.ask(None, movies(1)[0])
    await rig.drained()
    results = {one.operation.item.item_id: one.reason for one in rig.outcomes}
    assert results == {SHOW.item_id: Reason.UNEXPECTED, "m0000": None}


@virtual
async def test_a_show_with_a_state_that_no_file_can_hold_is_not_written() -> None:
    rig = with_show({1: 3})
    [first, *_] = [one for one in rig.server.states if one != SHOW.item_id]
    rig.server.states[first] = unseen(math.nan)
    rig.start()
    await rig.ask(None, SHOW)
    await rig.drained()
    assert [one.reason for one in rig.outcomes] == [Reason.UNEXPECTED]
    assert rig.server.plays.total() == 0


@virtual
async def test_a_mistake_about_everything_gives_up_few_and_loses_none() -> None:
    rig = with_movies(30)
    break_on(rig, "fetch", {one.item_id for one in movies(30)})
    await ask_all(rig, 30)
    rig.start()
    await rig.until(lambda: rig.phase is Phase.BACKING_OFF)
    assert rig.lane.health.reason is Reason.UNEXPECTED
    await asyncio.sleep(600)
    given_up = len(rig.results())
    assert given_up <= 6
    rig.server.__dict__.pop("fetch")
    await rig.drained()
    assert rig.results().count(Result.DELIVERED) == 30 - given_up
    await rig.lane.retry()
    await rig.drained()
    assert rig.results().count(Result.DELIVERED) == 30


@both
@virtual
async def test_a_before_state_that_no_file_can_hold_costs_its_operation_only(
    make: Make,
) -> None:
    rig = with_movies(8, make)
    rig.server.states["m0003"] = unseen(math.nan)
    await ask_all(rig, 8)
    rig.start()
    await rig.until(lambda: len(rig.outbox) == 1, seconds=60)
    await rig.drained()
    reasons = {one.operation.item.item_id: one.reason for one in rig.outcomes}
    assert reasons.pop("m0003") is Reason.UNEXPECTED
    assert set(reasons.values()) == {None}
    assert "m0003" not in rig.server.plays


@virtual
async def test_a_mistake_while_catching_up_holds_no_operation_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    rig = with_movies(1)

    async def opening() -> None:
        raise RuntimeError("a mistake")

    rig.relay._opening, rig.relay._opened = opening, False
    rig.start()
    await rig.ask(None, movies(1)[0])
    await rig.drained()
    assert rig.results() == [Result.DELIVERED]
    assert "catching up failed unexpectedly" in caplog.text


@virtual
async def test_a_verdict_that_is_none_is_a_mistake_and_says_so() -> None:
    rig = Rig()
    with pytest.raises(TypeError, match="no verdict about one operation"):
        await rig.relay._delivery._carry_out(an_operation(), LaneDown(Reason.BUSY))


@virtual
async def test_a_server_that_asks_another_reader_for_patience_is_not_probed() -> None:
    rig = Rig()
    rig.server.add(movie())
    rig.start()
    await settle()
    rig.relay.report(Busy("503", 20.0))
    await settle()
    assert rig.phase is Phase.BACKING_OFF
    await rig.ask(None, movie())
    await asyncio.sleep(15)
    assert rig.asks() == []
    await rig.drained()
    assert rig.asks() == ["P", "F", "W", "F"]


@virtual
async def test_what_was_never_sent_is_no_write_of_ours() -> None:
    rig = Rig(ModelServer.plex)
    films = [movie(str(number)) for number in range(8)]
    rig.server.add(*films)
    for film in films:
        await rig.ask(MarkWatched(), film)
    rig.server.on(Ask.WRITE, *[REFUSE] * 4)
    rig.server.on(Ask.PROBE, *[REFUSE] * 3)
    rig.start()
    await rig.until(lambda: rig.phase is Phase.BACKING_OFF)
    unsent = [one for one in rig.outbox if not one.before]
    assert len(unsent) == 4
    last = unsent[-1].item
    await rig.ask(MarkUnwatched(), last)
    await asyncio.sleep(30)
    rig.server.played_elsewhere(last.item_id)
    rig.relay.nudge()
    await rig.drained()
    assert rig.server.watched(last.item_id) == [True]


@virtual
async def test_what_was_never_sent_is_not_doubted_in_another_life() -> None:
    rig = Rig(ModelServer.plex)
    rig.journal.later = 0.1
    films = [movie(str(number)) for number in range(8)]
    rig.server.add(*films)
    for film in films:
        await rig.ask(MarkWatched(), film)
    rig.server.on(Ask.WRITE, *[REFUSE] * 4)
    rig.server.on(Ask.PROBE, *[REFUSE] * 3)
    rig.start()
    await rig.until(lambda: rig.phase is Phase.BACKING_OFF)
    await asyncio.sleep(0.2)
    waiting = rig.journal.restore()
    assert sum(not one.before for one in waiting) == 4


# --- slow is not away --------------------------------------------------------------


@virtual
async def test_a_look_given_up_says_nothing_about_the_lane() -> None:
    rig = with_movies(3).start()
    rig.server.poison("m0001", HANG)
    await ask_all(rig, 3)
    await asyncio.sleep(600)
    assert {one.operation.item.item_id for one in rig.outcomes} == {"m0000", "m0002"}
    assert rig.phase is Phase.READY
    (waiting,) = rig.outbox
    # It was not refused, so it is no attempt; it is asked for now and then.
    assert waiting.attempts == 0
    assert waiting.last_error == Reason.UNREACHABLE
    asked = [
        one.at
        for one in rig.server.requests
        if one.ask is Ask.FETCH and one.item_ids == ("m0001",)
    ]
    assert len(asked) > 3
    assert all(later - one >= 120 for one, later in itertools.pairwise(asked))
    await asyncio.sleep(24 * 3600)
    assert rig.outbox.get(waiting.operation_id) is not None
    rig.server.poison("m0001", None)
    await rig.drained(600)
    assert rig.server.watched("m0001") == [True]


@virtual
async def test_a_server_that_shows_nothing_any_more_is_away_in_the_end() -> None:
    rig = with_movies(8).start()

    def reads_hang(request: Request) -> Trouble | None:
        return HANG if request.ask is Ask.FETCH else None

    rig.server.trouble = reads_hang
    await ask_all(rig, 8)
    await rig.until(lambda: rig.phase is Phase.BACKING_OFF)
    assert rig.lane.health.reason is Reason.UNREACHABLE
    rig.server.trouble = None
    await rig.drained()
    assert {one.result for one in rig.outcomes} == {Result.DELIVERED}


@virtual
async def test_a_start_that_is_too_slow_to_catch_up_is_one_all_the_same() -> None:
    rig = with_movies(1)
    errors = [Unanswered("given up")]

    async def opening() -> None:
        raise errors.pop()

    rig.relay._opening, rig.relay._opened = opening, False
    rig.start()
    await ask_all(rig, 1)
    await rig.drained(5)
    assert rig.phase is Phase.READY
    assert rig.lane.health.failures == 0


@virtual
async def test_what_is_looked_for_still_is_asked_for_soon_again() -> None:
    rig = with_movies(1).start()
    rig.server.replace_file("m0000", "new")
    real = rig.server.find
    answers: list[ServerError] = [StillLooking("reading"), StillLooking("reading")]

    async def find(
        kind: MediaKind, ids: ProviderIds, title: str | None = None
    ) -> Sequence[Reading]:
        if answers:
            raise answers.pop()
        return await real(kind, ids, title)

    rig.relay._delivery._find = find
    await rig.ask(None, movies(1)[0])
    await asyncio.sleep(60)
    (waiting,) = rig.outbox
    assert waiting.attempts == 0
    assert waiting.last_error == Reason.MISSING
    assert rig.server.count(Ask.PROBE) == 0
    await rig.drained(900)
    assert rig.server.watched("new") == [True]
