"""Who wins: the decision table, and the fewest writes for a show or season.

Read a row of the table like a sentence. *Both knew* is the play state Home Assistant
and the server last agreed on; *change* is what somebody asked Home Assistant for, at
12:00; *server shows* is what the server says when the change is about to be delivered,
and *played at* is when it says the item was played last.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import given, strategies as st
import pytest

from custom_components.watched_sync.core.operation import (
    Change,
    MarkUnwatched,
    MarkWatched,
    Operation,
    SetProgress,
)
from custom_components.watched_sync.core.play_state import (
    POSITION_TOLERANCE,
    UNKNOWN,
    PlayState,
    Reading,
)
from custom_components.watched_sync.core.ports import Capabilities
from custom_components.watched_sync.core.reconcile import (
    Accept,
    Decision,
    NoOp,
    Policy,
    Push,
    decide,
    elementary,
    in_scope,
    plan_tree,
)

from .samples import an_operation, at, changes, known_states, maybe_times, seen, unseen
from .twins import JELLYFIN, PLEX, episodes, season, show
from .virtual import EPOCH

STATES: Mapping[str, PlayState | None] = {
    "nothing": None,
    "unwatched": unseen(),
    "at 20 min": unseen(1200),
    "at 40 min": unseen(2400),
    "watched": seen(),
    "watched twice": replace(seen(), play_count=seen().play_count + 1),
    "watched, at 20 min": seen(1200),
}

CHANGES: Mapping[str, Change] = {
    "watched": MarkWatched(),
    "unwatched": MarkUnwatched(),
    "at 20 min": SetProgress(1200),
    "at 40 min": SetProgress(2400),
    "watched, at 20 min": SetProgress(1200, watched=True),
    "unwatched, at 20 min": SetProgress(1200, watched=False),
}

WRITE, NOTHING, OVERRULED = "write the change", "nothing to do", "the server's stands"

ALL = tuple(Policy)
NEWEST, FURTHEST, HOME, SERVER = ALL

TABLE: list[tuple[str, str, str, str | None, tuple[Policy, ...], str]] = [
    # both knew     change               server shows         played at  policy  result
    # --- it is already so: nothing is ever written -----------------------------------
    ("nothing", "watched", "watched", None, ALL, NOTHING),
    ("unwatched", "watched", "watched", "11:00", ALL, NOTHING),
    ("unwatched", "watched", "watched", "13:00", ALL, NOTHING),
    ("watched", "unwatched", "unwatched", None, ALL, NOTHING),
    ("unwatched", "at 20 min", "at 20 min", "13:00", ALL, NOTHING),
    ("watched", "at 20 min", "watched, at 20 min", "13:00", ALL, NOTHING),
    # --- nobody moved since both agreed: the operation is written ---------------------
    ("unwatched", "watched", "unwatched", None, ALL, WRITE),
    ("watched", "unwatched", "watched", None, ALL, WRITE),
    ("at 20 min", "watched", "at 20 min", None, ALL, WRITE),
    ("at 20 min", "at 40 min", "at 20 min", None, ALL, WRITE),
    ("at 40 min", "at 20 min", "at 40 min", None, ALL, WRITE),
    ("watched", "at 20 min", "watched", None, ALL, WRITE),
    ("watched", "watched, at 20 min", "watched", None, ALL, WRITE),
    # --- both moved: "newest" asks who spoke last ------------------------------------
    ("watched", "watched", "at 20 min", "11:00", (NEWEST,), WRITE),
    ("watched", "watched", "at 20 min", "13:00", (NEWEST,), OVERRULED),
    ("at 20 min", "unwatched", "watched", "11:00", (NEWEST,), WRITE),
    ("at 20 min", "unwatched", "watched", "13:00", (NEWEST,), OVERRULED),
    # ... clocks differ: ten seconds are no difference
    ("at 20 min", "unwatched", "watched", "12:00:10", (NEWEST,), WRITE),
    ("at 20 min", "unwatched", "watched", "12:00:11", (NEWEST,), OVERRULED),
    # ... an explicit operation wins where the server does not know when
    ("at 20 min", "unwatched", "watched", None, (NEWEST,), WRITE),
    ("watched", "watched", "unwatched", None, (NEWEST,), WRITE),
    # --- both moved: "furthest" never takes anything away ----------------------------
    ("at 20 min", "unwatched", "watched", "11:00", (FURTHEST,), OVERRULED),
    ("unwatched", "unwatched", "at 20 min", "11:00", (FURTHEST,), OVERRULED),
    ("unwatched", "at 20 min", "at 40 min", "11:00", (FURTHEST,), OVERRULED),
    ("unwatched", "at 40 min", "at 20 min", "13:00", (FURTHEST,), WRITE),
    ("unwatched", "watched", "at 20 min", "13:00", (FURTHEST,), WRITE),
    # --- both moved: one side always wins ---------------------------------------------
    ("at 20 min", "unwatched", "watched", "13:00", (HOME,), WRITE),
    ("watched", "watched", "unwatched", None, (HOME,), WRITE),
    ("at 20 min", "unwatched", "watched", "11:00", (SERVER,), OVERRULED),
    ("watched", "watched", "unwatched", None, (SERVER,), OVERRULED),
    # --- played in between without a trace but the time: that is a move ---------------
    ("watched", "unwatched", "watched", "13:00", (NEWEST, SERVER, FURTHEST), OVERRULED),
    # ... but one from before it may only not have been shown: the count tells
    ("watched", "unwatched", "watched", "11:00", ALL, WRITE),
    ("watched", "unwatched", "watched twice", "11:00", (SERVER, FURTHEST), OVERRULED),
    ("watched", "unwatched", "watched twice", "11:00", (NEWEST, HOME), WRITE),
    # --- watched to the end since: an older position is history, whatever the policy --
    ("unwatched", "at 20 min", "watched", "11:00", ALL, OVERRULED),
    ("unwatched", "at 20 min", "watched", "13:00", ALL, OVERRULED),
    ("at 40 min", "at 20 min", "watched", None, ALL, OVERRULED),
    ("nothing", "at 20 min", "watched", "13:00", ALL, OVERRULED),
    ("nothing", "at 20 min", "watched", None, ALL, OVERRULED),
    # ... and where the two cannot be told apart, what was watched stays watched
    ("nothing", "at 20 min", "watched", "11:59:51", ALL, OVERRULED),
    ("nothing", "at 20 min", "watched", "11:59:50", ALL, WRITE),
    # ... but what was watched before the operation may be watched once more
    ("nothing", "at 20 min", "watched", "11:00", ALL, WRITE),
    # ... but it is only about mere positions: an operation for the flag is an operation
    ("unwatched", "unwatched, at 20 min", "watched", "11:00", (NEWEST, HOME), WRITE),
    # ... and who watches again goes on from where they are
    ("watched", "at 40 min", "watched, at 20 min", "11:00", (NEWEST, HOME), WRITE),
    # --- never agreed on anything: only the clock can tell ----------------------------
    ("nothing", "watched", "unwatched", None, ALL, WRITE),
    ("nothing", "watched", "at 20 min", "11:00", ALL, WRITE),
    ("nothing", "unwatched", "watched", "11:00", ALL, WRITE),
    ("nothing", "unwatched", "watched", "13:00", (NEWEST, FURTHEST, SERVER), OVERRULED),
    ("nothing", "unwatched", "watched", "13:00", (HOME,), WRITE),
    ("nothing", "unwatched", "watched", None, ALL, WRITE),
]


def moment(clock: str | None) -> datetime | None:
    """Return a time of the day on which everything here happens."""
    if clock is None:
        return None
    hours, minutes, seconds = map(int, f"{clock}:00".split(":")[:3])
    return EPOCH.replace(hour=hours, minute=minutes, second=seconds)


@pytest.mark.parametrize(
    ("base", "wanted", "remote", "played_at", "policies", "result"),
    TABLE,
    ids=[" - ".join(str(cell) for cell in (*row[:4], row[4][0])) for row in TABLE],
)
def test_the_decision_table(
    base: str,
    wanted: str,
    remote: str,
    played_at: str | None,
    policies: tuple[Policy, ...],
    result: str,
) -> None:
    shown = STATES[remote]
    assert shown is not None
    shown = replace(shown, last_played=moment(played_at))
    change = CHANGES[wanted]
    decisions: Mapping[str, Decision] = {
        WRITE: Push(change.apply(shown)),
        NOTHING: NoOp(),
        OVERRULED: Accept(),
    }
    for policy in policies:
        assert (
            decide(STATES[base], change, shown, asked_at=EPOCH, policy=policy)
            == decisions[result]
        ), policy


def test_every_cell_of_the_table_is_decided_by_somebody() -> None:
    """No combination of the words above raises, under any policy."""
    for base in STATES.values():
        for change in CHANGES.values():
            for remote in filter(None, STATES.values()):
                for policy in Policy:
                    assert decide(base, change, remote, asked_at=EPOCH, policy=policy)


@pytest.mark.parametrize(
    ("offset", "result"),
    [
        (None, Accept()),
        (timedelta(), Accept()),
        (timedelta(minutes=55), Accept()),
        (timedelta(hours=1), Push(unseen())),
        (timedelta(hours=5), Push(unseen())),
        (timedelta(hours=-5), Accept()),
    ],
)
def test_a_server_whose_clock_is_ahead_does_not_win_by_that(
    offset: timedelta | None, result: Decision
) -> None:
    """It says the play was at 13:00; *offset* is how far its clock is ahead."""
    assert (
        decide(
            None,
            MarkUnwatched(),
            seen(last=moment("13:00")),
            asked_at=EPOCH,
            policy=Policy.NEWEST,
            clock_offset=offset,
        )
        == result
    )


@pytest.mark.parametrize(
    ("offset", "result"),
    [
        (None, Accept()),
        (timedelta(minutes=55), Accept()),
        (timedelta(hours=1, seconds=9), Accept()),
        (timedelta(hours=1, seconds=10), Push(seen(1200, last=moment("13:00")))),
    ],
)
def test_a_server_whose_clock_is_ahead_does_not_keep_a_position_out(
    offset: timedelta | None, result: Decision
) -> None:
    """It says the item was watched at 13:00; nobody had read it before."""
    assert (
        decide(
            None,
            SetProgress(1200),
            seen(last=moment("13:00")),
            asked_at=EPOCH,
            policy=Policy.NEWEST,
            clock_offset=offset,
        )
        == result
    )


def test_a_play_in_the_future_keeps_what_was_watched_watched() -> None:
    """A date that is none does not say that the operation is the later one."""
    assert (
        decide(
            None,
            SetProgress(1200),
            seen(last=at(86_400)),
            asked_at=EPOCH,
            policy=Policy.NEWEST,
            now=at(60),
        )
        == Accept()
    )


BEGUN = PlayState(
    watched=False, play_count=2, last_played=moment("13:00"), begun_again=True
)


@pytest.mark.parametrize("policy", Policy)
@pytest.mark.parametrize("clock", ["11:00", "13:00"])
@pytest.mark.parametrize("change", [MarkUnwatched(), SetProgress(1200)])
def test_play_that_clears_the_flag_is_decided_as_where_the_flag_is_kept(
    policy: Policy, clock: str, change: Change
) -> None:
    """The operation was made at 12:00, knowing that the item was watched."""
    base = seen(last=moment("10:00"))
    cleared = replace(BEGUN, last_played=moment(clock))
    kept = cleared.keeping_flag()
    found, expected = (
        decide(base, change, remote, asked_at=EPOCH, policy=policy)
        for remote in (cleared, kept)
    )
    assert isinstance(found, type(expected))


def test_what_only_looks_un_marked_is_un_marked_if_that_is_wanted() -> None:
    for base in (BEGUN, None):
        assert decide(
            base,
            MarkUnwatched(),
            BEGUN,
            asked_at=at(2 * 3600),
            policy=Policy.NEWEST,
        ) == Push(unseen())


def test_what_is_begun_again_is_marked_if_that_is_wanted() -> None:
    decision = decide(
        BEGUN, MarkWatched(), BEGUN, asked_at=at(2 * 3600), policy=Policy.SERVER
    )
    assert isinstance(decision, Push)


@pytest.mark.parametrize("policy", Policy)
def test_a_date_that_went_back_is_no_play(policy: Policy) -> None:
    """As when a mark with a date of its own came late."""
    decision = decide(
        seen(last=moment("11:00")),
        MarkUnwatched(),
        seen(last=moment("10:00")),
        asked_at=at(0),
        policy=policy,
    )
    assert decision == Push(unseen())


@pytest.mark.parametrize("change", CHANGES.values())
@pytest.mark.parametrize("policy", Policy)
def test_an_unknown_state_never_causes_a_write(change: Change, policy: Policy) -> None:
    with pytest.raises(ValueError, match="unknown play state"):
        decide(seen(), change, UNKNOWN, asked_at=EPOCH, policy=policy)


@given(
    base=st.none() | known_states,
    change=changes,
    remote=known_states,
    policy=st.sampled_from(Policy),
    asked_at=maybe_times.filter(bool),
)
def test_what_is_written_would_be_nothing_to_do_afterwards(
    base: PlayState | None,
    change: Change,
    remote: PlayState,
    policy: Policy,
    asked_at: datetime,
) -> None:
    decision = decide(base, change, remote, asked_at=asked_at, policy=policy)
    if isinstance(decision, Push):
        again = decide(base, change, decision.desired, asked_at=asked_at, policy=policy)
        assert again == NoOp()


@given(base=known_states, change=changes, policy=st.sampled_from(Policy))
def test_a_server_nobody_moved_never_overrules(
    base: PlayState, change: Change, policy: Policy
) -> None:
    decision = decide(base, change, base, asked_at=EPOCH, policy=policy)
    assert not isinstance(decision, Accept)


# --- elementary writes -----------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "remote", "writes"),
    [
        (MarkWatched(), unseen(), [MarkWatched()]),
        (MarkUnwatched(), seen(), [MarkUnwatched()]),
        (SetProgress(90), unseen(), [SetProgress(90)]),
        (SetProgress(90, watched=True), unseen(), [MarkWatched(), SetProgress(90)]),
        (
            SetProgress(90, watched=True, at=EPOCH),
            unseen(90),
            [MarkWatched(EPOCH), SetProgress(90)],
        ),
        (SetProgress(90, watched=True), seen(), [SetProgress(90)]),
        (SetProgress(90, watched=False), seen(90), [MarkUnwatched(), SetProgress(90)]),
        (SetProgress(0, watched=False), seen(), [MarkUnwatched()]),
        (SetProgress(0, watched=True), unseen(90), [MarkWatched()]),
        (SetProgress(90, watched=False), unseen(90), [SetProgress(90)]),
    ],
)
def test_a_position_with_a_flag_is_two_writes_flag_first(
    change: Change, remote: PlayState, writes: list[Change]
) -> None:
    assert list(elementary(change, remote)) == writes


@given(change=changes, remote=known_states)
def test_elementary_writes_together_do_what_was_wanted(
    change: Change, remote: PlayState
) -> None:
    state = remote
    for step in elementary(change, remote):
        state = step.apply(state)
    wanted = change.apply(remote)
    assert state.watched == wanted.watched
    assert abs(state.position - wanted.position) <= POSITION_TOLERANCE


# --- trees -----------------------------------------------------------------------

SHOW = show()


def plan(
    seasons: Mapping[int, str],
    *,
    capabilities: Capabilities = JELLYFIN,
    stays: tuple[str, ...] = (),
    operation: Operation | None = None,
) -> list[tuple[str, int]]:
    """Return (item written, leaves it stands for) for a show.

    *seasons* says for each episode of a season `w` (watched) or `-` (not); episodes in
    *stays* are not to be touched, as someone else moved them.
    """
    operation = operation or an_operation(item=SHOW)
    leaves = [
        Reading(item, seen() if flag == "w" else unseen())
        for number, flags in seasons.items()
        for item, flag in zip(episodes(SHOW, {number: len(flags)}), flags, strict=True)
    ]
    decisions: dict[str, Decision] = {
        leaf.item.item_id: Accept()
        if leaf.item.item_id in stays
        else decide(
            leaf.state,
            operation.change,
            leaf.state,
            asked_at=EPOCH,
            policy=Policy.NEWEST,
        )
        for leaf in in_scope(operation, leaves)
    }
    steps = plan_tree(operation, leaves, decisions, capabilities)
    assert all(step.change == operation.change for step in steps)
    return [(step.item.item_id, len(step.leaves)) for step in steps]


def test_a_show_nobody_has_seen_is_one_write() -> None:
    assert plan({1: "----", 2: "---"}) == [("s", 7)]
    assert plan({1: "----", 2: "---"}, capabilities=PLEX) == [("s", 7)]


def test_a_show_that_is_as_wanted_is_no_write() -> None:
    assert plan({1: "ww", 2: "ww"}) == []


def test_specials_keep_a_show_from_being_written_whole() -> None:
    assert plan({0: "--", 1: "----", 2: "---"}) == [("s.1", 4), ("s.2", 3)]


def test_specials_are_swept_in_when_asked_for() -> None:
    operation = an_operation(item=SHOW, include_specials=True)
    assert plan({0: "--", 1: "----"}, operation=operation) == [("s", 6)]


def test_watched_episodes_are_not_marked_again_where_that_counts_as_a_play() -> None:
    assert plan({1: "w-w-", 2: "--"}, capabilities=PLEX) == [
        ("s.1.2", 1),
        ("s.1.4", 1),
        ("s.2", 2),
    ]


def test_watched_episodes_are_swept_along_where_that_is_harmless() -> None:
    assert plan({1: "w-w-", 2: "--"}) == [("s", 6)]


def test_marking_unwatched_may_be_repeated_everywhere() -> None:
    operation = an_operation(MarkUnwatched(), SHOW)
    assert plan({1: "w-w-"}, capabilities=PLEX, operation=operation) == [("s", 4)]


def test_an_episode_that_is_to_stay_is_not_swept_along() -> None:
    assert plan({1: "----", 2: "--"}, stays=("s.1.3",)) == [
        ("s.1.1", 1),
        ("s.1.2", 1),
        ("s.1.4", 1),
        ("s.2", 2),
    ]


def test_a_season_of_one_episode_is_written_as_that_episode() -> None:
    assert plan({0: "-", 1: "-", 2: "--"}) == [("s.1.1", 1), ("s.2", 2)]


def test_a_season_is_written_whole_or_by_episode() -> None:
    operation = an_operation(item=season(SHOW, 1))
    assert plan({1: "---"}, operation=operation) == [("s.1", 3)]
    assert plan({1: "---"}, operation=operation, stays=("s.1.1",)) == [
        ("s.1.2", 1),
        ("s.1.3", 1),
    ]


def test_after_a_failure_everything_is_written_singly() -> None:
    operation = replace(an_operation(item=SHOW), attempts=1)
    assert plan({1: "w--"}, operation=operation) == [("s.1.2", 1), ("s.1.3", 1)]


def test_a_date_goes_to_each_episode_where_the_server_keeps_it() -> None:
    operation = an_operation(MarkWatched(EPOCH), SHOW)
    assert plan({1: "--"}, operation=operation) == [("s.1.1", 1), ("s.1.2", 1)]
    assert plan({1: "--"}, operation=operation, capabilities=PLEX) == [("s", 2)]


def test_episodes_that_name_no_season_are_written_singly() -> None:
    operation = an_operation(item=SHOW)
    leaves = [
        Reading(replace(item, season_id=None), unseen())
        for item in episodes(SHOW, {1: 2})
    ] + [Reading(item, unseen()) for item in episodes(SHOW, {0: 1})]
    decisions: dict[str, Decision] = {
        leaf.item.item_id: Push(seen()) for leaf in in_scope(operation, leaves)
    }
    steps = plan_tree(operation, leaves, decisions, JELLYFIN)
    assert [step.item.item_id for step in steps] == ["s.1.1", "s.1.2"]


@given(
    seasons=st.dictionaries(
        st.integers(min_value=0, max_value=4),
        st.text("w-", min_size=1, max_size=5),
        max_size=4,
    ),
    plex=st.booleans(),
    specials=st.booleans(),
    unmark=st.booleans(),
)
def test_a_plan_covers_each_episode_to_change_once_and_no_other(
    seasons: dict[int, str], *, plex: bool, specials: bool, unmark: bool
) -> None:
    operation = an_operation(
        MarkUnwatched() if unmark else MarkWatched(), SHOW, include_specials=specials
    )
    leaves = [
        Reading(item, seen() if flag == "w" else unseen())
        for number, flags in seasons.items()
        for item, flag in zip(episodes(SHOW, {number: len(flags)}), flags, strict=True)
    ]
    scope = in_scope(operation, leaves)
    decisions: dict[str, Decision] = {
        leaf.item.item_id: NoOp()
        if operation.change.apply(leaf.state).agrees_with(leaf.state)
        else Push(operation.change.apply(leaf.state))
        for leaf in scope
    }
    written = [
        leaf.item.item_id
        for step in plan_tree(operation, leaves, decisions, PLEX if plex else JELLYFIN)
        for leaf in step.leaves
    ]
    assert len(written) == len(set(written))
    to_change = {one for one, what in decisions.items() if isinstance(what, Push)}
    assert to_change <= set(written)
    assert set(written) <= set(decisions), "an episode out of scope was touched"
    if plex and not unmark:
        assert set(written) == to_change, "a watched episode would count another play"


# --- what a server keeps -----------------------------------------------------------


@pytest.mark.parametrize(
    ("capabilities", "position", "duration", "kept"),
    [
        (PLEX, 0, 3600, True),
        (PLEX, 59.9, 3600, False),
        (PLEX, 60, 3600, True),
        (PLEX, 3239, 3600, True),
        (PLEX, 3240, 3600, False),
        (PLEX, 9999, None, True),
        (JELLYFIN, 0.5, 3600, True),
        (JELLYFIN, 3600, 3600, True),
        (JELLYFIN, 3601, 3600, False),
        (JELLYFIN, 3601, None, True),
    ],
)
def test_positions_a_server_would_not_keep_are_known_beforehand(
    capabilities: Capabilities,
    position: float,
    duration: float | None,
    *,
    kept: bool,
) -> None:
    assert capabilities.can_hold(position, duration) is kept


def test_the_listing_decides_what_a_tree_speaks_of() -> None:
    """A server that merges folders lists episodes that name another show."""
    leaves = [
        Reading(item, unseen())
        for parent in (SHOW, show("t"))
        for item in episodes(parent, {0: 1, 1: 1})
    ]
    meant = in_scope(an_operation(item=SHOW), leaves)
    assert [leaf.item.item_id for leaf in meant] == ["s.1.1", "t.1.1"]
    everything = in_scope(an_operation(item=SHOW, include_specials=True), leaves)
    assert everything == leaves
    undone = an_operation(item=SHOW, undoes="batch", bases={"t.1.1": seen()})
    assert [leaf.item.item_id for leaf in in_scope(undone, leaves)] == ["t.1.1"]


def test_a_season_that_lies_in_several_folders_is_written_singly() -> None:
    """What a mark of one of its ids reaches nobody knows."""
    operation = an_operation(item=SHOW)
    leaves = [
        Reading(item, unseen())
        for item in [
            *episodes(SHOW, {0: 1, 1: 2, 2: 2}),
            *episodes(show("t"), {1: 1}),
        ]
    ]
    decisions: dict[str, Decision] = {
        leaf.item.item_id: Push(seen()) for leaf in in_scope(operation, leaves)
    }
    steps = plan_tree(operation, leaves, decisions, JELLYFIN)
    assert [step.item.item_id for step in steps] == ["s.1.1", "s.1.2", "t.1.1", "s.2"]


def test_a_play_in_the_future_is_no_date_and_overrules_nobody() -> None:
    def decided(now: datetime | None) -> Decision:
        return decide(
            None,
            MarkUnwatched(),
            seen(last=at(86_400)),
            asked_at=EPOCH,
            policy=Policy.NEWEST,
            now=now,
        )

    assert decided(at(60)) == Push(unseen())
    assert decided(at(90_000)) == Accept()
    assert decided(None) == Accept()
