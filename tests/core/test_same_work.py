"""Ids that are another work's by now: no operation and no news are for that one.

The example: a server is away, and comes back from an older database. What was 1017 is
1016 there, and 1017 is another film.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from custom_components.watched_sync.core.activity import Activity, Chronicle
from custom_components.watched_sync.core.delivery import FRESH
from custom_components.watched_sync.core.errors import Reason, Unreachable
from custom_components.watched_sync.core.identity import (
    NO_IDS,
    Item,
    MediaKind,
)
from custom_components.watched_sync.core.lane import Phase
from custom_components.watched_sync.core.ledger import Ledger
from custom_components.watched_sync.core.mirror import Moves
from custom_components.watched_sync.core.operation import (
    MarkUnwatched,
    MarkWatched,
    SetProgress,
)
from custom_components.watched_sync.core.outbox import Result
from custom_components.watched_sync.core.play_state import PlayState, Reading
from custom_components.watched_sync.core.reconcile import Policy
from custom_components.watched_sync.core.rehoming import find_again
from custom_components.watched_sync.core.undo import UndoPlan, plan_undo

from .rig import Rig
from .samples import an_operation, at, seen, unseen
from .twins import GONE, Ask, ModelServer, episode, movie, season, show
from .virtual import virtual

LONG_NIGHT = movie("1017", title="The Long Night", year=1999)
TIN_FRIENDS = movie("1016", title="Tin Friends", year=2004, duration=5400.0)
HARBOUR, TIN = show("harbour"), show("tin")

both = pytest.mark.parametrize(
    "make", [ModelServer.plex, ModelServer.jellyfin], ids=["plex", "jellyfin"]
)

type Make = Callable[..., ModelServer]


def under(item_id: str, item: Item) -> Item:
    """Return a work as it is under another id."""
    return replace(item, item_id=item_id)


def with_films(
    make: Make = ModelServer.jellyfin, *, policy: Policy = Policy.NEWEST
) -> Rig:
    """Return a lane that has read the two films."""
    rig = Rig(make, policy=policy)
    rig.server.add(LONG_NIGHT, TIN_FRIENDS)
    rig.lane.remember(map(rig.server.reading, rig.server.items))
    return rig


def with_shows(make: Make = ModelServer.jellyfin) -> Rig:
    """Return a lane that has read two shows of three episodes."""
    rig = Rig(make)
    for one in (HARBOUR, TIN):
        rig.server.add_show(one, {1: 3})
    rig.lane.remember(map(rig.server.reading, rig.server.items))
    return rig


def restore(rig: Rig) -> None:
    """Have the server come back from a database in which the films have swapped ids."""
    rig.server.swap("1016", "1017")


def swap_shows(rig: Rig) -> None:
    """Have the shows and all that is below them swap their ids."""
    old = [one for one in rig.server.items if one.startswith("harbour")]
    new = [one.replace("harbour", "tin") for one in old]
    rig.server.renumber(
        dict(zip(old, new, strict=True)) | dict(zip(new, old, strict=True))
    )


def shown(rig: Rig) -> dict[str, bool | None]:
    """Return the flags of all films and episodes, by what they are."""
    return {
        item.full_title: rig.server.states[item_id].watched
        for item_id, item in rig.server.items.items()
        if not item.kind.is_container
    }


# --- the outbox -----------------------------------------------------------------------


@both
@virtual
async def test_an_operation_goes_to_its_work_and_not_to_what_has_its_id_now(
    make: Make,
) -> None:
    rig = with_films(make)
    await rig.ask(MarkWatched(), LONG_NIGHT)
    restore(rig)
    rig.start()
    await rig.drained(10)
    assert shown(rig) == {"The Long Night (1999)": True, "Tin Friends (2004)": False}
    assert rig.results() == [Result.DELIVERED]
    (done,) = rig.outbox.history
    assert done.operation.item == under("1016", LONG_NIGHT)


@both
@virtual
async def test_an_operation_for_a_work_that_is_not_there_waits_until_it_is(
    make: Make,
) -> None:
    rig = with_films(make).start()
    restore(rig)
    rig.server.hidden.add("1016")
    await rig.ask(MarkWatched(), LONG_NIGHT)
    await asyncio.sleep(3 * 3600)
    assert rig.server.writes == []
    assert [one.last_error for one in rig.outbox] == [Reason.MISSING.value]
    rig.server.hidden.clear()
    await rig.drained(3700)
    assert shown(rig) == {"The Long Night (1999)": True, "Tin Friends (2004)": False}


@virtual
async def test_a_work_that_is_never_seen_again_is_given_up_aloud() -> None:
    rig = Rig(max_retry_age=timedelta(days=2)).start()
    rig.server.add(under("1017", TIN_FRIENDS))
    await rig.ask(MarkWatched(), LONG_NIGHT)
    await rig.drained(4 * 86_400)
    assert [one.reason for one in rig.outcomes] == [Reason.MISSING]
    assert rig.server.writes == []


@both
@virtual
async def test_operations_for_two_works_with_one_id_do_not_take_each_others_place(
    make: Make,
) -> None:
    rig = with_films(make)
    await rig.ask(MarkWatched(), LONG_NIGHT)
    restore(rig)
    await rig.ask(SetProgress(600), under("1017", TIN_FRIENDS))
    assert len(rig.outbox) == 2
    now = under("1017", TIN_FRIENDS)
    assert [one.change for one in rig.outbox.concerning(now)] == [SetProgress(600)]
    assert rig.outbox.desired(now, unseen()).watched is False
    rig.start()
    await rig.drained(60)
    assert shown(rig) == {"The Long Night (1999)": True, "Tin Friends (2004)": False}
    assert rig.server.states["1017"].position == 600


@both
@virtual
async def test_a_restore_between_a_write_and_the_look_at_it_writes_nowhere_else(
    make: Make,
) -> None:
    rig = with_films(make)
    await rig.ask(MarkWatched(), LONG_NIGHT)

    def restored(_: Item) -> None:
        rig.server.after_write = None
        restore(rig)

    rig.server.after_write = restored
    rig.start()
    await rig.drained(60)
    assert shown(rig) == {"The Long Night (1999)": True, "Tin Friends (2004)": False}
    assert rig.server.plays == {"1016": 1}
    assert rig.server.doubled == []


@virtual
async def test_what_was_agreed_on_another_work_is_no_base() -> None:
    rig = with_films()
    rig.server.states["1017"] = seen()
    rig.lane.remember([rig.server.reading("1017")])
    restore(rig)
    await rig.ask(MarkUnwatched(), under("1017", TIN_FRIENDS))
    assert [one.base for one in rig.outbox] == [None]


@virtual
async def test_what_was_agreed_on_under_an_id_that_is_gone_is_no_base() -> None:
    """The film was marked under its new id; somebody still names it by the old one."""
    rig = with_films(policy=Policy.FURTHEST).start()
    rig.server.renumber({"1017": "1020"})
    rig.lane.ledger.miss({"1017"})
    await rig.ask(MarkWatched(), under("1020", LONG_NIGHT))
    await rig.drained(10)
    await rig.ask(MarkUnwatched(), LONG_NIGHT)
    await rig.drained(10)
    assert rig.results() == [Result.DELIVERED, Result.DELIVERED]
    assert shown(rig)["The Long Night (1999)"] is False


@virtual
async def test_an_item_named_by_its_id_alone_is_whatever_has_it() -> None:
    rig = with_films().start()
    await rig.ask(MarkWatched(), Item("1016", MediaKind.UNKNOWN, "1016"))
    await rig.drained(10)
    assert shown(rig)["Tin Friends (2004)"] is True


# --- shows and seasons ----------------------------------------------------------------


@both
@pytest.mark.parametrize("named", [HARBOUR, season(HARBOUR, 1)])
@virtual
async def test_a_show_or_season_is_found_under_the_id_it_has_now(
    make: Make, named: Item
) -> None:
    rig = with_shows(make)
    await rig.ask(MarkWatched(), named)
    swap_shows(rig)
    await asyncio.sleep(FRESH + 1)  # no server is restored faster
    rig.start()
    await rig.drained(60)
    assert {title for title, is_on in shown(rig).items() if is_on} == {
        f"Show harbour S01E0{number} Episode {number}" for number in (1, 2, 3)
    }
    assert rig.results() == [Result.DELIVERED]


@virtual
async def test_a_show_asked_for_again_while_it_is_read_is_left_to_the_later_operation(
    caplog: pytest.LogCaptureFixture,
) -> None:
    rig = Rig()
    rig.server.add_show(HARBOUR, {1: 3})
    rig.server.latency = 0.1
    await rig.ask(MarkWatched(), HARBOUR)
    # That this one is below the show comes out when the show is read.
    strange = replace(episode(HARBOUR, 1, 1), show_id=None, season_id=None)
    await rig.ask(MarkWatched(), strange)
    rig.start()
    await rig.until(lambda: rig.server.count(Ask.LEAVES) == 1)
    await rig.ask(MarkUnwatched(), HARBOUR)
    await rig.drained(60)
    assert caplog.text == ""
    assert rig.results() == [Result.SUPERSEDED, Result.DELIVERED, Result.DELIVERED]
    assert set(shown(rig).values()) == {False}


@both
@virtual
async def test_a_show_that_was_just_read_is_not_read_again(make: Make) -> None:
    rig = with_shows(make).start()
    await rig.ask(MarkWatched(), HARBOUR)
    await rig.drained(60)
    assert rig.asks()[:2] == ["L", "W"]
    await asyncio.sleep(FRESH + 1)
    before = len(rig.asks())
    await rig.ask(MarkUnwatched(), HARBOUR)
    await rig.drained(60)
    assert rig.asks()[before : before + 2] == ["F", "L"]


@both
@pytest.mark.parametrize("is_noticed", [True, False], ids=["outage", "socket"])
@virtual
async def test_a_show_that_was_read_before_contact_was_lost_is_read_again(
    make: Make, *, is_noticed: bool
) -> None:
    rig = with_shows(make).start()
    await rig.ask(MarkUnwatched(), HARBOUR)
    await rig.drained(1)
    if is_noticed:
        rig.server.down = True
        rig.relay.nudge()
        await rig.until(lambda: rig.phase is Phase.BACKING_OFF)
        rig.server.down = False
    rig.relay.report(Unreachable("the socket was closed"))
    await rig.ask(MarkWatched(), HARBOUR)
    swap_shows(rig)
    rig.relay.nudge()
    await rig.drained(60)
    assert {title for title, is_on in shown(rig).items() if is_on} == {
        f"Show harbour S01E0{number} Episode {number}" for number in (1, 2, 3)
    }


@virtual
async def test_a_season_of_a_show_without_ids_waits() -> None:
    rig = with_shows().start()
    swap_shows(rig)
    await asyncio.sleep(FRESH + 1)  # no server is restored faster
    named = replace(season(HARBOUR, 1), show_provider_ids=NO_IDS)
    rig.server.items["harbour.1"] = replace(
        rig.server.items["harbour.1"], show_provider_ids=NO_IDS
    )
    await rig.ask(MarkWatched(), named)
    await asyncio.sleep(60)
    assert rig.server.writes == []
    assert [one.last_error for one in rig.outbox] == [Reason.MISSING.value]


@virtual
async def test_a_show_that_a_search_still_lists_is_not_there() -> None:
    rig = with_shows()
    rig.server.add(under("copy", HARBOUR))
    assert (
        await find_again(rig.server, under("old", episode(HARBOUR, 1, 1)))
        == (rig.server.items["harbour.1.1"])
    )
    rig.server.on(Ask.LEAVES, GONE, GONE)
    assert await find_again(rig.server, under("old", episode(HARBOUR, 1, 1))) is None


@both
@virtual
async def test_bases_of_a_show_follow_its_episodes(make: Make) -> None:
    """Somebody un-marked one episode while another had swapped its id with it."""
    rig = with_shows(make)
    first, second = "harbour.1.1", "harbour.1.2"
    rig.server.elsewhere(first, seen())
    rig.lane.remember([rig.server.reading(first)])
    operation = await rig.ask(MarkUnwatched(), HARBOUR)
    assert operation.works == {}
    (waiting,) = rig.outbox
    assert waiting.works[first] == rig.server.items[first]
    rig.server.swap(first, second)
    now = waiting.as_listed(one for one in rig.server.items.values() if one.episode)
    assert now.bases[second] == seen()
    assert now.bases[first] == unseen()
    assert now.works[second].episode == 1
    rig.start()
    await rig.drained(60)
    assert set(shown(rig).values()) == {False}


def test_what_was_noted_of_an_episode_that_is_not_listed_stays() -> None:
    one, other = episode(HARBOUR, 1, 1), episode(TIN, 1, 1)
    tree = an_operation(MarkWatched(), HARBOUR, bases={one.item_id: seen()}).noting(
        [one]
    )
    assert tree.as_listed([]) is tree
    assert tree.as_listed([one]) is tree
    taken = tree.as_listed([replace(other, item_id=one.item_id)])
    assert (taken.bases, taken.works) == ({}, {})


# --- what is known, and told ----------------------------------------------------------


def test_a_reading_of_another_work_is_the_first_one_of_it() -> None:
    moves: list[tuple[Reading | None, Reading]] = []
    ledger = Ledger([Reading(LONG_NIGHT, seen())])
    ledger.on_move = lambda known, reading: moves.append((known, reading))
    now = Reading(under("1017", TIN_FRIENDS), unseen())
    assert ledger.remember([now]) == [now]
    assert moves == [(None, now)]
    assert ledger.take_moves({"1017"}) == {}
    assert ledger.reading_of(LONG_NIGHT) is None
    assert ledger.base_of(LONG_NIGHT) is None
    assert ledger.base_of(now.item) == unseen()


def test_a_move_that_was_not_told_yet_is_not_another_works() -> None:
    ledger = Ledger([Reading(LONG_NIGHT, seen())])
    ledger.remember([Reading(LONG_NIGHT, unseen())])
    ledger.remember([Reading(under("1017", TIN_FRIENDS), unseen())])
    assert ledger.take_moves({"1017"}) == {}


@virtual
async def test_a_restore_is_no_news() -> None:
    rig = with_films()
    rig.server.states["1017"] = seen()
    rig.lane.remember([rig.server.reading("1017")])
    told: list[Activity] = []
    chronicle = Chronicle(rig.outbox, rig.lane.ledger)
    rig.lane.add_listener(lambda update: told.extend(chronicle.tell(update)))
    restore(rig)
    rig.lane.remember(map(rig.server.reading, rig.server.items))
    assert told == []
    rig.server.played_elsewhere("1017")
    rig.lane.remember([rig.server.reading("1017")])
    assert [(one.what, one.item and one.item.title) for one in told] == [
        ("watched", "Tin Friends")
    ]


@virtual
async def test_what_we_did_is_told_of_the_work_it_was_done_to() -> None:
    rig = with_shows()
    told: list[Activity] = []
    ledger = rig.lane.ledger
    chronicle = Chronicle(rig.outbox, ledger)
    rig.lane.add_listener(lambda update: told.extend(chronicle.tell(update)))
    first = "harbour.1.1"

    def learned_elsewhere(_: Item) -> None:
        # Somebody else has read the restored server in the very moment.
        ledger.remember([Reading(under(first, TIN_FRIENDS), unseen())])

    rig.server.after_write = learned_elsewhere
    rig.start()
    await rig.ask(MarkWatched(), HARBOUR)
    await rig.drained(60)
    assert {one.item.full_title for one in told if one.item} == {
        f"Show harbour S01E0{number} Episode {number}" for number in (1, 2, 3)
    }


# --- taking back ----------------------------------------------------------------------


def plan(rig: Rig, batch_id: str) -> UndoPlan:
    return plan_undo(
        rig.outbox,
        rig.lane.ledger,
        batch_id,
        capabilities=rig.server.capabilities,
        clock_offset=rig.server.clock_offset,
    )


async def take_back(rig: Rig, batch_id: str) -> UndoPlan:
    """Take a batch back and wait until that is done."""
    found = plan(rig, batch_id)
    await rig.lane.submit(
        [
            restore.operation(
                operation_id=f"undo {number}",
                batch_id=f"undo {batch_id}",
                undoes=batch_id,
                asked_at=rig.clock.now(),
            )
            for number, restore in enumerate(found.restores)
        ]
    )
    await rig.drained(60)
    return found


@both
@pytest.mark.parametrize("is_known", [False, True], ids=["away", "read since"])
@virtual
async def test_undo_takes_back_from_the_work_and_not_from_its_id(
    make: Make, *, is_known: bool
) -> None:
    rig = with_films(make).start()
    operation = await rig.ask(MarkWatched(), LONG_NIGHT)
    await rig.drained(10)
    restore(rig)
    # What has the id now looks just as the film was left.
    rig.server.states["1017"] = rig.server.states["1016"]
    if is_known:
        rig.lane.remember(map(rig.server.reading, rig.server.items))
    await take_back(rig, operation.batch_id)
    assert shown(rig) == {"The Long Night (1999)": False, "Tin Friends (2004)": True}


@both
@virtual
async def test_undo_of_a_show_takes_back_from_its_episodes(make: Make) -> None:
    rig = with_shows(make).start()
    operation = await rig.ask(MarkWatched(), HARBOUR)
    await rig.drained(10)
    swap_shows(rig)
    for number in (1, 2, 3):
        rig.server.states[f"harbour.1.{number}"] = rig.server.states["tin.1.1"]
    rig.lane.remember(map(rig.server.reading, rig.server.items))
    found = await take_back(rig, operation.batch_id)
    assert [len(one.bases) for one in found.restores] == [3]
    assert {title for title, is_on in shown(rig).items() if is_on} == {
        f"Show tin S01E0{number} Episode {number}" for number in (1, 2, 3)
    }


@virtual
async def test_a_later_batch_for_another_work_does_not_stand_in_the_way() -> None:
    rig = with_films().start()
    first = await rig.ask(MarkWatched(), LONG_NIGHT)
    await rig.drained(10)
    restore(rig)
    await rig.ask(MarkWatched(), under("1017", TIN_FRIENDS))
    await rig.drained(10)
    found = plan(rig, first.batch_id)
    assert [one.why for one in found.untouched] == []
    assert [one.item for one in found.restores] == [LONG_NIGHT]


# --- the mirror -----------------------------------------------------------------------


def test_what_waits_to_be_copied_makes_way_and_waits_on() -> None:
    moves = Moves(since=at(0))

    def note(item: Item, known: PlayState, now: PlayState) -> None:
        moves.note(
            known,
            Reading(item, now),
            ["b"],
            cause=None,
            now=at(60),
            clock_offset=None,
        )

    note(LONG_NIGHT, unseen(), seen())
    note(under("1017", TIN_FRIENDS), unseen(), seen())
    note(LONG_NIGHT, unseen(), seen())
    note(under("1017", LONG_NIGHT), seen(), unseen())
    titles = [one.item.title for one in moves]
    assert titles.count("Tin Friends") == 1
    assert "The Long Night" in titles
    assert len({one.item.item_id for one in moves}) == len(moves)
    for move in moves:
        moves.settle(move, "b")
    assert not len(moves)
