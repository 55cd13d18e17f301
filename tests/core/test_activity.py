"""What happened is told once: what we did when it is confirmed, all else at once."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from custom_components.watched_sync.core.activity import (
    MOST_AT_ONCE,
    SERVER,
    Activity,
    ActivityKind,
    Chronicle,
    shorten,
)
from custom_components.watched_sync.core.errors import Reason
from custom_components.watched_sync.core.lane import LaneUpdate
from custom_components.watched_sync.core.ledger import Ledger
from custom_components.watched_sync.core.operation import (
    Change,
    MarkUnwatched,
    MarkWatched,
    Origin,
    SetProgress,
)
from custom_components.watched_sync.core.outbox import Outbox, Outcome, Result
from custom_components.watched_sync.core.play_state import UNKNOWN, PlayState, Reading

from .rig import Rig
from .samples import an_operation, at, seen, unseen
from .twins import LATE, Ask, Kind, ModelServer, Trouble, episode, movie, show
from .virtual import virtual

SHOW = show()


class Witness:
    """A lane with a model server, and all that was told of it."""

    def __init__(self, *, observing: bool = True) -> None:
        """Put two films and a show into the library; nothing is read yet."""
        self.rig = Rig(ModelServer.jellyfin)
        self.rig.server.add(movie("m1"), movie("m2"))
        self.episodes = self.rig.server.add_show(SHOW, {0: 1, 1: 3})
        self.told: list[Activity] = []
        chronicle = Chronicle(self.rig.outbox, self.rig.lane.ledger)
        self.rig.lane.add_listener(
            lambda update: self.told.extend(chronicle.tell(update, observing=observing))
        )

    async def read(self, *item_ids: str) -> None:
        """Have the lane read items."""
        found = await self.rig.server.fetch(item_ids)
        self.rig.lane.remember(found.values())

    @property
    def what(self) -> list[tuple[ActivityKind, str | None]]:
        """What was told, and of which item."""
        return [(one.what, one.item.item_id if one.item else None) for one in self.told]


@virtual
async def test_what_gave_way_while_it_was_under_way_is_ours_all_the_same() -> None:
    """It is asked for once more while the first request is under way."""
    witness = Witness()
    rig, film = witness.rig, movie("m1")
    rig.server.states["m1"] = seen()
    await witness.read("m1")
    rig.server.latency = 0.5
    first = await rig.ask(MarkUnwatched(), film)
    rig.start()
    await rig.until(lambda: rig.server.count(Ask.WRITE) == 1)
    await rig.ask(MarkUnwatched(), film)
    await rig.drained()
    await rig.stop()
    unmarked, drained = witness.told
    assert (unmarked.what, unmarked.item) == (ActivityKind.UNWATCHED, film)
    assert unmarked.operation is not None
    assert unmarked.operation.operation_id == first.operation_id
    assert drained == Activity(ActivityKind.QUEUE_DRAINED, delivered=1)
    assert rig.results() == [Result.SUPERSEDED, Result.ALREADY_TRUE]


@pytest.mark.parametrize("origin", [Origin.USER, Origin.LEVEL])
@virtual
async def test_what_was_written_and_is_asked_for_once_more_is_ours(
    origin: Origin,
) -> None:
    """Nobody had read what the first write did before it gave way to the second.

    Of what a levelling does nothing is told one by one.
    """
    witness = Witness()
    rig, film = witness.rig, movie("m1")
    rig.server.states["m1"] = seen()
    await witness.read("m1")
    rig.server.on(Ask.FETCH, None, *[Trouble(Kind.ERROR)] * 3)
    await rig.ask(MarkUnwatched(), film)
    rig.start()
    await rig.until(lambda: rig.server.count(Ask.WRITE) == 1)
    again = an_operation(MarkUnwatched(), film, origin=origin, asked_at=rig.clock.now())
    await rig.lane.submit([again])
    await rig.drained()
    await rig.stop()
    assert rig.server.count(Ask.WRITE) == 1
    assert rig.results() == [Result.SUPERSEDED, Result.ALREADY_TRUE]
    unmarked = [
        one.operation
        for one in witness.told
        if one.what is not ActivityKind.QUEUE_DRAINED
    ]
    assert [one and one.operation_id for one in unmarked] == (
        [again.operation_id] if origin is Origin.USER else []
    )


@virtual
async def test_a_delivered_mark_is_told_with_its_operation() -> None:
    witness = Witness()
    operation = await witness.rig.ask(MarkWatched(), movie("m1"))
    witness.rig.start()
    await witness.rig.drained()
    await witness.rig.stop()
    watched, drained = witness.told
    assert (watched.what, watched.again) == (ActivityKind.WATCHED, False)
    assert watched.item == movie("m1")
    assert watched.state == witness.rig.server.states["m1"]
    assert watched.operation is not None
    assert watched.operation.operation_id == operation.operation_id
    assert watched.origin == Origin.USER
    assert drained == Activity(ActivityKind.QUEUE_DRAINED, delivered=1)


@virtual
async def test_a_delivered_unmark_and_position_are_told_as_such() -> None:
    witness = Witness()
    witness.rig.server.states["m1"] = seen()
    await witness.rig.ask(MarkUnwatched(), movie("m1"), origin=Origin.UNDO)
    await witness.rig.ask(SetProgress(600), movie("m2"), origin=Origin.PLAYBACK)
    witness.rig.start()
    await witness.rig.drained()
    await witness.rig.stop()
    assert witness.what == [
        (ActivityKind.UNWATCHED, "m1"),
        (ActivityKind.PROGRESS, "m2"),
        (ActivityKind.QUEUE_DRAINED, None),
    ]
    assert [one.origin for one in witness.told[:2]] == [Origin.UNDO, Origin.PLAYBACK]


@virtual
async def test_what_was_true_already_is_not_told_but_counts_for_the_queue() -> None:
    witness = Witness()
    witness.rig.server.states["m1"] = seen()
    await witness.rig.ask(MarkWatched(), movie("m1"))
    witness.rig.start()
    await witness.rig.drained()
    await witness.rig.stop()
    assert witness.what == [(ActivityKind.QUEUE_DRAINED, None)]


@virtual
async def test_of_a_marked_show_each_episode_that_changed_is_told() -> None:
    witness = Witness()
    witness.rig.server.states[witness.episodes[1].item_id] = seen()
    await witness.rig.ask(MarkWatched(), SHOW)
    witness.rig.start()
    await witness.rig.drained()
    await witness.rig.stop()
    special, first, *others = (one.item_id for one in witness.episodes)
    assert witness.what == [
        *((ActivityKind.WATCHED, one) for one in others),
        (ActivityKind.QUEUE_DRAINED, None),
    ]
    assert {special, first}.isdisjoint(one for _, one in witness.what)


@virtual
async def test_what_is_read_for_the_first_time_has_not_happened() -> None:
    witness = Witness()
    witness.rig.server.elsewhere("m1", seen())
    await witness.read("m1", "m2")
    await witness.read("m1", "m2")
    assert witness.told == []


@virtual
async def test_what_others_did_is_told_with_the_newest_play_last() -> None:
    witness = Witness()
    await witness.read("m1", "m2")
    witness.rig.server.elsewhere("m1", seen(last=at(20)))
    witness.rig.server.elsewhere("m2", unseen(300, last=at(10)))
    await witness.read("m1", "m2")
    assert witness.what == [(ActivityKind.PROGRESS, "m2"), (ActivityKind.WATCHED, "m1")]
    assert {one.origin for one in witness.told} == {SERVER}
    assert {one.operation for one in witness.told} == {None}


@virtual
async def test_while_not_observing_only_our_own_doings_are_told() -> None:
    witness = Witness(observing=False)
    await witness.read("m1", "m2")
    witness.rig.server.elsewhere("m2", seen())
    await witness.read("m1", "m2")
    await witness.rig.ask(MarkWatched(), movie("m1"))
    witness.rig.start()
    await witness.rig.drained()
    await witness.rig.stop()
    assert witness.what == [
        (ActivityKind.WATCHED, "m1"),
        (ActivityKind.QUEUE_DRAINED, None),
    ]


@virtual
async def test_a_write_without_an_answer_is_told_when_it_is_confirmed() -> None:
    witness = Witness()
    await witness.read("m1")
    witness.rig.server.on(Ask.WRITE, LATE)
    await witness.rig.ask(MarkWatched(), movie("m1"))
    witness.rig.start()
    await witness.rig.until(lambda: bool(witness.rig.server.states["m1"].watched))
    # Somebody reads while the operation still waits for its confirmation.
    if len(witness.rig.outbox):
        await witness.read("m1")
        assert witness.told == []
    await witness.rig.drained()
    await witness.rig.stop()
    assert witness.what == [
        (ActivityKind.WATCHED, "m1"),
        (ActivityKind.QUEUE_DRAINED, None),
    ]


@virtual
async def test_a_refused_change_is_told_with_its_reason_and_nothing_is_drained() -> (
    None
):
    witness = Witness()
    witness.rig.server.on(Ask.WRITE, Trouble(Kind.BAD_REQUEST))
    operation = await witness.rig.ask(MarkWatched(), movie("m1"))
    witness.rig.start()
    await witness.rig.drained()
    await witness.rig.stop()
    (failed,) = witness.told
    assert (failed.what, failed.reason) == (ActivityKind.SYNC_FAILED, Reason.REFUSED)
    assert failed.item == operation.item
    assert failed.operation is not None


@virtual
async def test_an_overruled_operation_is_a_conflict_beside_what_overruled_it() -> None:
    witness = Witness()
    await witness.read("m1")
    await witness.rig.ask(MarkUnwatched(), movie("m1"), base=unseen(60))
    await asyncio.sleep(60)
    witness.rig.server.played_elsewhere("m1")
    witness.rig.start()
    await witness.rig.drained()
    await witness.rig.stop()
    conflict, watched, drained = witness.told
    assert (conflict.what, conflict.origin) == (ActivityKind.CONFLICT, Origin.USER)
    assert conflict.state is not None
    assert conflict.state.watched
    assert (watched.what, watched.origin) == (ActivityKind.WATCHED, SERVER)
    assert drained.delivered == 1


@virtual
async def test_the_queue_is_drained_once_for_all_that_waited() -> None:
    witness = Witness()
    await witness.rig.ask(MarkWatched(), movie("m1"))
    await witness.rig.ask(MarkWatched(), SHOW)
    witness.rig.start()
    await witness.rig.drained()
    await witness.rig.stop()
    drained = [one for one in witness.told if one.what is ActivityKind.QUEUE_DRAINED]
    assert [one.delivered for one in drained] == [2]


@pytest.mark.parametrize(
    ("before", "after", "what", "again"),
    [
        (unseen(), seen(), ActivityKind.WATCHED, False),
        (seen(), unseen(), ActivityKind.UNWATCHED, False),
        (unseen(), unseen(60), ActivityKind.PROGRESS, False),
        (unseen(60), unseen(), ActivityKind.PROGRESS, False),
        (seen(last=at(1)), seen(900, last=at(2)), ActivityKind.PROGRESS, False),
        (seen(900, last=at(2)), seen(last=at(3)), ActivityKind.WATCHED, True),
        (seen(900), seen(last=at(3)), ActivityKind.WATCHED, True),
        (seen(900, last=at(2)), seen(last=at(2)), ActivityKind.PROGRESS, False),
    ],
)
def test_a_move_has_a_name(
    *, before: PlayState, after: PlayState, what: ActivityKind, again: bool
) -> None:
    assert [(one.what, one.again) for one in observed(before, after)] == [(what, again)]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (unseen(60), unseen(61)),
        (seen(plays=1, last=at(1)), seen(plays=2, last=at(2))),
        (unseen(), UNKNOWN),
    ],
    ids=["nearly the same position", "a play that begins", "an unknown state"],
)
def test_what_changes_nothing_is_no_move(before: PlayState, after: PlayState) -> None:
    assert observed(before, after) == []


def observed(before: PlayState, after: PlayState) -> list[Activity]:
    """Return what is told when a film shows something else than before."""
    film = movie()
    update = LaneUpdate((), (Reading(film, after),), {film.item_id: before})
    return Chronicle(Outbox(), Ledger()).tell(update)


async def _clears(witness: Witness) -> None:
    """Have a film be watched on a server that clears the flag when a play begins."""
    witness.rig.server.clears_flag = True
    witness.rig.server.states["m1"] = seen(last=at(1))
    await witness.read("m1")
    await asyncio.sleep(60)


@virtual
async def test_film_that_is_begun_again_is_progress_and_then_watched_again() -> None:
    witness = Witness()
    server = witness.rig.server
    await _clears(witness)
    server.begin_elsewhere("m1")
    await witness.read("m1")
    for position in (1800.0, 3600.0):
        server.progress_elsewhere("m1", position)
        await witness.read("m1")
    for position in (6600.0, 7100.0):
        server.progress_elsewhere("m1", position)
        await witness.read("m1")
    server.stop_elsewhere("m1", 7150.0)
    await witness.read("m1")
    assert server.states["m1"].play_count == 2
    assert [(one.what, one.again) for one in witness.told] == [
        (ActivityKind.PROGRESS, False),
        (ActivityKind.PROGRESS, False),
        (ActivityKind.PROGRESS, False),
        (ActivityKind.WATCHED, True),
    ]


@virtual
async def test_un_mark_of_a_film_that_is_begun_again_is_told() -> None:
    witness = Witness()
    server = witness.rig.server
    await _clears(witness)
    server.begin_elsewhere("m1")
    await witness.read("m1")
    server.elsewhere("m1", unseen())
    await witness.read("m1")
    assert [one.what for one in witness.told] == [
        ActivityKind.PROGRESS,
        ActivityKind.UNWATCHED,
    ]


@virtual
async def test_our_own_marks_of_a_film_that_is_begun_again_are_told() -> None:
    witness = Witness()
    await _clears(witness)
    witness.rig.server.begin_elsewhere("m1")
    await witness.read("m1")
    witness.rig.start()
    await asyncio.sleep(60)
    await witness.rig.ask(MarkUnwatched(), movie("m1"))
    await witness.rig.drained()
    await witness.rig.ask(MarkWatched(), movie("m1"))
    await witness.rig.drained()
    await witness.rig.stop()
    assert [one.what for one in witness.told if one.item] == [
        ActivityKind.PROGRESS,
        ActivityKind.UNWATCHED,
        ActivityKind.WATCHED,
    ]
    assert witness.rig.results() == [Result.DELIVERED, Result.DELIVERED]


@virtual
async def test_play_that_begins_while_an_un_mark_is_under_way_is_told() -> None:
    """It looks like what the un-mark leaves behind."""
    witness = Witness()
    await _clears(witness)
    await witness.rig.ask(MarkUnwatched(), movie("m1"), before={"m1": seen()})
    witness.rig.server.begin_elsewhere("m1")
    await witness.read("m1")
    assert [one.what for one in witness.told] == [ActivityKind.PROGRESS]


@virtual
async def test_shows_and_seasons_are_not_told_beside_their_episodes() -> None:
    witness = Witness()
    await witness.read(SHOW.item_id, witness.episodes[1].item_id)
    for one in witness.episodes:
        witness.rig.server.elsewhere(one.item_id, seen())
    await witness.read(SHOW.item_id, witness.episodes[1].item_id)
    assert witness.what == [(ActivityKind.WATCHED, witness.episodes[1].item_id)]


def activities(count: int, **changes: Any) -> list[Activity]:
    return [
        replace(Activity(ActivityKind.WATCHED, movie(f"m{number}")), **changes)
        for number in range(count)
    ]


def test_as_many_as_are_told_one_by_one_leave_nothing_out() -> None:
    few = activities(MOST_AT_ONCE)
    assert shorten(few) == few


def test_of_many_the_last_ones_are_told_and_the_last_says_how_many_are_not() -> None:
    many = [*activities(300), Activity(ActivityKind.PROGRESS, movie()), *activities(1)]
    told = shorten(many)
    watched = [one for one in told if one.what is ActivityKind.WATCHED]
    assert [one.item for one in watched] == [one.item for one in many[281:300]] + [
        movie("m0")
    ]
    assert [one.left_out for one in watched] == [0] * (MOST_AT_ONCE - 1) + [281]
    assert [one.left_out for one in told if one.what is ActivityKind.PROGRESS] == [0]


@virtual
async def test_a_replaced_file_is_told_of_under_its_new_id() -> None:
    witness = Witness()
    await witness.rig.ask(MarkWatched(), movie("m1"), before={"m0": unseen()})
    witness.rig.start()
    await witness.rig.drained()
    await witness.rig.stop()
    assert witness.what == [
        (ActivityKind.WATCHED, "m1"),
        (ActivityKind.QUEUE_DRAINED, None),
    ]


def test_an_episode_nothing_is_known_of_is_passed_over() -> None:
    gone = episode(SHOW, 1, 9).item_id
    tree = an_operation(MarkWatched(), SHOW, before={gone: unseen()})
    chronicle = Chronicle(Outbox([an_operation()]), Ledger())
    assert chronicle.tell(LaneUpdate((Outcome(tree, Result.DELIVERED),))) == []


def delivered(
    change: Change, before: PlayState, known: PlayState, *shown: PlayState
) -> list[tuple[ActivityKind, str]]:
    """Return what is told, and of whom, once a change of a film is confirmed.

    It was in state *before* when we wrote, *known* until now, and *shown* in turn.
    """
    film = movie()
    operation = an_operation(change, film, before={film.item_id: before})
    update = LaneUpdate(
        (Outcome(operation, Result.DELIVERED, after=shown[-1]),),
        tuple(Reading(film, state) for state in shown),
        {film.item_id: known},
    )
    told = Chronicle(Outbox([an_operation(item=movie("m2"))]), Ledger()).tell(update)
    return [(one.what, one.origin) for one in told]


def test_what_others_did_until_we_looked_is_told_before_what_we_did() -> None:
    """Somebody took the flag off just before our position was written."""
    assert delivered(
        SetProgress(900.0), unseen(), seen(last=at(1)), unseen(), unseen(900.0)
    ) == [(ActivityKind.UNWATCHED, SERVER), (ActivityKind.PROGRESS, Origin.USER)]
    # We see what they have done, and do the contrary.
    assert delivered(MarkWatched(), unseen(), seen(), unseen(), seen()) == [
        (ActivityKind.UNWATCHED, SERVER),
        (ActivityKind.WATCHED, Origin.USER),
    ]


def test_what_others_did_since_we_wrote_first_is_what_we_did_away_with() -> None:
    """It was told that they have watched it, and then our write was sent again."""
    assert delivered(MarkUnwatched(), unseen(900.0), seen(last=at(9)), unseen()) == [
        (ActivityKind.UNWATCHED, Origin.USER)
    ]


def test_what_we_did_and_have_seen_already_is_told_as_it_was_before() -> None:
    """A look while the write was under way told nothing: it was our own doing."""
    assert delivered(MarkWatched(), unseen(), seen(), seen()) == [
        (ActivityKind.WATCHED, Origin.USER)
    ]


def test_of_what_was_read_twice_in_one_go_it_is_told_what_it_ended_as() -> None:
    film = movie()
    chronicle = Chronicle(Outbox(), Ledger())
    readings = (Reading(film, unseen()), Reading(film, seen(plays=2)))
    known = {film.item_id: seen()}
    assert chronicle.tell(LaneUpdate((), readings, known)) == []
    (told,) = chronicle.tell(LaneUpdate((), readings[::-1], known))
    assert told.what is ActivityKind.UNWATCHED


def seen_under_way(
    change: Change,
    before: PlayState,
    known: PlayState,
    *shown: PlayState,
    origin: Origin = Origin.USER,
) -> list[tuple[ActivityKind, str]]:
    """Return what is told, and of whom, of a change of a film that is not confirmed.

    It was in state *before* when we wrote, *known* until now, and *shown* in turn.
    """
    film = movie()
    operation = an_operation(change, film, before={film.item_id: before}, origin=origin)
    readings = tuple(Reading(film, state) for state in shown)
    update = LaneUpdate((), readings, {film.item_id: known})
    told = Chronicle(Outbox([operation]), Ledger()).tell(update)
    return [(one.what, one.origin) for one in told]


def test_what_others_did_before_we_wrote_is_told_though_we_died_over_it() -> None:
    """It was on disk what we wrote over, and not yet that it was seen."""
    assert seen_under_way(
        SetProgress(900.0), unseen(), seen(last=at(1)), unseen(900.0)
    ) == [(ActivityKind.UNWATCHED, SERVER)]


def test_what_a_late_write_of_ours_did_away_with_is_our_doing() -> None:
    """It was told that they have watched it, and then what we had sent arrived."""
    late = (MarkUnwatched(), unseen(900.0), seen(last=at(9)), unseen())
    assert seen_under_way(*late) == [(ActivityKind.UNWATCHED, Origin.USER)]
    # What a levelling does is told as a whole.
    assert seen_under_way(*late, origin=Origin.LEVEL) == []


def test_what_is_seen_of_our_writes_in_turn_is_not_told_before_they_are_done() -> None:
    both = SetProgress(900.0, watched=True)
    assert seen_under_way(both, unseen(), unseen(), seen()) == []
    assert seen_under_way(both, unseen(), seen(), seen(900.0)) == []


@virtual
async def test_an_un_mark_that_was_refused_first_does_away_with_what_was_told() -> None:
    """Somebody watches the film between two attempts, and our wish still wins.

    What the second attempt made of it is first read by somebody else.
    """
    witness = Witness()
    rig, film = witness.rig, movie("m1")
    rig.server.states["m1"] = unseen(600.0)
    await witness.read("m1")
    await rig.ask(MarkUnwatched(), film)
    rig.server.on(Ask.WRITE, Trouble(Kind.ERROR))
    rig.start()
    await rig.until(lambda: any(one.attempts for one in rig.outbox))
    rig.server.mark_elsewhere("m1", watched=True)
    # Whoever wrote cannot read it: it is told what was there.
    rig.server.on(Ask.FETCH, None, Trouble(Kind.HTML))
    await rig.until(lambda: rig.server.count(Ask.WRITE) == 2)
    await rig.until(lambda: len(witness.told) == 1)
    await witness.read("m1")  # our own doing, which is not confirmed yet
    await rig.drained()
    await rig.stop()
    assert [(one.what, one.origin) for one in witness.told] == [
        (ActivityKind.WATCHED, SERVER),
        (ActivityKind.UNWATCHED, Origin.USER),
        (ActivityKind.QUEUE_DRAINED, SERVER),
    ]
