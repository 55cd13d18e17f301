"""What a levelling would do: every rule, and every reason to leave something out."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from custom_components.watched_sync.core.identity import Item, MediaKind, ProviderIds
from custom_components.watched_sync.core.leaf import LibraryPage
from custom_components.watched_sync.core.level import packing
from custom_components.watched_sync.core.level.plan import (
    MOST_ROWS,
    LeftOut,
    Plan,
    Probable,
    Question,
    Side,
    Step,
    StepNow,
    What,
)
from custom_components.watched_sync.core.level.planner import Planner, complete
from custom_components.watched_sync.core.mirror import Skip
from custom_components.watched_sync.core.operation import (
    Change,
    MarkUnwatched,
    MarkWatched,
    SetProgress,
)
from custom_components.watched_sync.core.play_state import UNKNOWN, PlayState, Reading
from custom_components.watched_sync.core.ports import Capabilities
from custom_components.watched_sync.core.reconcile import Policy

from ..samples import at, seen, unseen
from ..twins import episode, movie, season, show

KEEPS_DATES = Capabilities(concurrency=4, repeat_safe=True, keeps_watched_at=True)
DATES_ITSELF = Capabilities(concurrency=4, repeat_safe=False, keeps_watched_at=False)

SHOW = show()
NOW = at(1_000_000)
FILM = movie("m", provider_ids=ProviderIds(imdb="tt0000001", tmdb="1"))

type There = Iterable[Reading | tuple[Item, PlayState]]


def side(side_id: str, **changes: Any) -> Side:
    return replace(Side(side_id=side_id, capabilities=KEEPS_DATES), **changes)


def plan_of(
    there: Mapping[str, There], *sides: Side, what: What = What.WATCHED, **asked: Any
) -> Plan:
    """Return the plan for sides of these names, all of one kind unless given."""
    given = {one.side_id: one for one in sides}
    planner = Planner(
        [given.get(name, side(name)) for name in there],
        Question(what=what, **asked),
        now=NOW,
    )
    for name, readings in there.items():
        planner.take_in(
            name,
            LibraryPage.of(
                Reading(replace(one[0], item_id=f"{name}-{one[0].item_id}"), one[1])
                if isinstance(one, tuple)
                else one
                for one in readings
            ),
        )
    return complete(planner.plan())


def changes_in(plan: Plan) -> dict[str, Change]:
    """Return what is to be done, by item."""
    return {step.item_id: step.change for some in plan.steps.values() for step in some}


def reasons_in(plan: Plan, side_id: str) -> dict[str, Skip]:
    return {one.source_item_id: one.reason for one in plan.left_out[side_id]}


# --- two copies of one film ----------------------------------------------------------

BOTH = What.WATCHED_AND_PROGRESS
EXACT = What.EXACT


@pytest.mark.parametrize(
    ("what", "ours", "theirs", "change"),
    [
        pytest.param(
            What.WATCHED, seen(last=at(5)), unseen(), MarkWatched(at(5)), id="a mark"
        ),
        pytest.param(
            What.WATCHED, seen(), unseen(), MarkWatched(), id="a mark without a date"
        ),
        pytest.param(
            What.WATCHED,
            seen(last=NOW + timedelta(days=1)),
            unseen(),
            MarkWatched(),
            id="a date that is still to come is none",
        ),
        pytest.param(What.WATCHED, seen(), seen(900), None, id="watched is watched"),
        pytest.param(
            What.WATCHED,
            seen(900, last=at(5)),
            unseen(),
            MarkWatched(at(5)),
            id="no position if it is not asked for",
        ),
        pytest.param(
            What.WATCHED,
            seen(last=at(5)),
            unseen(600, last=at(50)),
            SetProgress(600, watched=True, at=at(5)),
            id="who has begun it since may go on",
        ),
        pytest.param(
            What.WATCHED,
            seen(last=at(50)),
            unseen(600, last=at(5)),
            MarkWatched(at(50)),
            id="who had begun it before has seen it since",
        ),
        pytest.param(
            What.WATCHED,
            seen(last=at(50)),
            replace(unseen(last=at(500)), play_count=1),
            MarkWatched(at(50)),
            id="a play that left nothing is no reason",
        ),
        pytest.param(What.WATCHED, unseen(600), unseen(), None, id="no position"),
        pytest.param(BOTH, unseen(600), unseen(), SetProgress(600), id="a position"),
        pytest.param(BOTH, unseen(600), unseen(601), None, id="nearly the same"),
        pytest.param(
            BOTH,
            unseen(600, last=at(50)),
            unseen(900, last=at(5)),
            SetProgress(600),
            id="the newer position",
        ),
        pytest.param(
            BOTH, unseen(600, last=at(5)), unseen(900, last=at(50)), None, id="an older"
        ),
        pytest.param(
            BOTH, unseen(600), seen(last=at(5)), None, id="watched beats progress"
        ),
        pytest.param(
            BOTH,
            unseen(600, last=at(50)),
            seen(last=at(5)),
            None,
            id="watched beats progress, also newer",
        ),
        pytest.param(
            BOTH,
            seen(900, last=at(50)),
            seen(last=at(5)),
            SetProgress(900, watched=True),
            id="seen, and begun once more",
        ),
        pytest.param(
            BOTH,
            seen(900, last=at(50)),
            unseen(),
            SetProgress(900, watched=True, at=at(50)),
            id="a mark and a position",
        ),
        pytest.param(
            BOTH,
            seen(last=at(50)),
            seen(900, last=at(5)),
            None,
            id="no position is taken away",
        ),
        pytest.param(BOTH, unseen(), seen(), None, id="nothing is un-marked"),
        pytest.param(BOTH, UNKNOWN, seen(), None, id="unknown here"),
        pytest.param(BOTH, seen(), UNKNOWN, None, id="unknown there"),
        pytest.param(
            BOTH,
            replace(unseen(), begun_again=True),
            unseen(),
            MarkWatched(),
            id="a play that began again is no un-mark",
        ),
        pytest.param(
            BOTH,
            seen(),
            replace(unseen(), begun_again=True),
            None,
            id="nor there",
        ),
        pytest.param(
            BOTH,
            unseen(600),
            replace(unseen(300), hides_position=True),
            None,
            id="a position that is hidden is not known",
        ),
        pytest.param(
            BOTH,
            replace(unseen(600), hides_position=True),
            unseen(),
            None,
            id="nor here",
        ),
        pytest.param(EXACT, unseen(), seen(), MarkUnwatched(), id="exact: an un-mark"),
        pytest.param(EXACT, unseen(), unseen(), None, id="exact: untouched"),
        pytest.param(EXACT, seen(), seen(), None, id="exact: equal"),
        pytest.param(
            EXACT, UNKNOWN, seen(), None, id="exact: unknown un-marks nothing"
        ),
        pytest.param(
            EXACT,
            unseen(600, last=at(5)),
            seen(last=at(50)),
            SetProgress(600, watched=False),
            id="exact: an un-mark with a position",
        ),
        pytest.param(
            EXACT,
            seen(last=at(5)),
            unseen(600, last=at(50)),
            MarkWatched(at(5)),
            id="exact: a mark takes the position",
        ),
        pytest.param(
            EXACT, seen(), seen(600), SetProgress(0), id="exact: only the position"
        ),
        pytest.param(
            EXACT, seen(600), seen(), SetProgress(600), id="exact: a position of both"
        ),
        pytest.param(
            EXACT, unseen(), unseen(600), SetProgress(0), id="exact: none any more"
        ),
        pytest.param(
            EXACT,
            unseen(600, last=at(5)),
            unseen(900, last=at(50)),
            SetProgress(600),
            id="exact: an older position",
        ),
        pytest.param(
            EXACT,
            unseen(),
            replace(unseen(300), hides_position=True),
            None,
            id="exact: a hidden position",
        ),
    ],
)
def test_one_film_follows_another(
    what: What, ours: PlayState, theirs: PlayState, change: Change | None
) -> None:
    plan = plan_of(
        {"a": [(FILM, ours)], "b": [(FILM, theirs)]},
        what=what,
        sources=frozenset("a"),
    )
    assert changes_in(plan) == ({} if change is None else {"b-m": change})
    assert plan.total == plan.counts["b"].total == (change is not None)


@pytest.mark.parametrize(
    ("policy", "position"),
    [
        (Policy.NEWEST, 600),
        (Policy.FURTHEST, 900),
        (Policy.HOME_ASSISTANT, 600),
    ],
)
def test_both_ways_the_policy_decides(policy: Policy, position: float) -> None:
    plan = plan_of(
        {
            "a": [(FILM, unseen(600, last=at(50)))],
            "b": [(FILM, unseen(900, last=at(5)))],
        },
        side("a", policy=policy),
        side("b", policy=policy),
        what=BOTH,
    )
    follows = "b-m" if position == 600 else "a-m"
    assert changes_in(plan) == {follows: SetProgress(position)}
    assert all(not one.left_out for one in plan.counts.values())


def test_whose_own_state_stands_takes_marks_and_no_positions() -> None:
    other = movie("other")
    plan = plan_of(
        {
            "a": [(FILM, seen(last=at(50))), (other, seen(last=at(50)))],
            "b": [(FILM, unseen(900, last=at(5))), (other, unseen())],
        },
        side("b", policy=Policy.SERVER),
        what=BOTH,
        sources=frozenset("a"),
    )
    assert changes_in(plan) == {"b-other": MarkWatched(at(50))}
    assert reasons_in(plan, "b") == {"a-m": Skip.OVERRULED}


@pytest.mark.parametrize(
    ("policy", "position"), [(Policy.NEWEST, 300), (Policy.FURTHEST, 900)]
)
def test_of_two_that_were_begun_once_more_the_policy_decides(
    policy: Policy, position: float
) -> None:
    plan = plan_of(
        {
            "a": [(FILM, seen(900, last=at(5)))],
            "b": [(FILM, unseen(300, last=at(50)))],
        },
        side("b", policy=policy),
        what=BOTH,
        sources=frozenset("a"),
    )
    assert changes_in(plan) == {"b-m": SetProgress(position, watched=True, at=at(5))}


def test_who_is_followed_is_right_where_home_assistant_is() -> None:
    plan = plan_of(
        {
            "a": [(FILM, unseen(600, last=at(5)))],
            "b": [(FILM, unseen(900, last=at(50)))],
        },
        side("b", policy=Policy.HOME_ASSISTANT),
        what=BOTH,
        sources=frozenset("a"),
    )
    assert changes_in(plan) == {"b-m": SetProgress(600)}


def test_two_positions_of_one_moment_do_not_change_places() -> None:
    plan = plan_of({"a": [(FILM, unseen(600))], "b": [(FILM, unseen(900))]}, what=BOTH)
    assert changes_in(plan) == {"a-m": SetProgress(900)}


def test_dates_are_kept_where_the_server_can_by_its_clock() -> None:
    there = {
        name: [(FILM, unseen())] if name != "a" else [(FILM, seen(last=at(3_605)))]
        for name in "abc"
    }
    plan = plan_of(
        there,
        side("a", clock_offset=timedelta(hours=1)),
        side("c", capabilities=DATES_ITSELF),
    )
    assert changes_in(plan) == {"b-m": MarkWatched(at(5)), "c-m": MarkWatched()}


def test_both_ways_all_are_level_at_the_end() -> None:
    first, second = movie("m1"), movie("m2")
    plan = plan_of(
        {
            "a": [(first, seen(last=at(1))), (second, unseen())],
            "b": [(first, unseen()), (second, seen(last=at(2)))],
        }
    )
    assert changes_in(plan) == {"b-m1": MarkWatched(at(1)), "a-m2": MarkWatched(at(2))}
    assert {name: one.films_to_mark for name, one in plan.counts.items()} == {
        "a": 1,
        "b": 1,
    }


def test_a_source_that_cannot_be_written_to_only_tells() -> None:
    plan = plan_of(
        {"file": [(FILM, unseen())], "b": [(FILM, seen())], "c": [(FILM, unseen())]},
        side("file", capabilities=None),
    )
    assert changes_in(plan) == {"c-m": MarkWatched()}
    assert set(plan.steps) == {"b", "c"}


@pytest.mark.parametrize(
    ("names", "asked"),
    [
        ("a", {}),
        ("aa", {}),
        ("ab", {"what": What.EXACT}),
        ("ab", {"sources": frozenset("c")}),
        ("ab", {"sources": frozenset("ab")}),
    ],
)
def test_nothing_is_planned_for_what_makes_no_sense(
    names: str, asked: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match=r"side|source"):
        Planner([side(name) for name in names], Question(**asked), now=NOW)


# --- what is the same ----------------------------------------------------------------


def test_every_copy_follows() -> None:
    plan = plan_of(
        {
            "a": [(FILM, seen())],
            "b": [(FILM, unseen()), (replace(FILM, item_id="4k"), unseen())],
        }
    )
    assert changes_in(plan) == {"b-m": MarkWatched(), "b-4k": MarkWatched()}


def test_both_ways_copies_on_one_side_become_level_through_the_other() -> None:
    plan = plan_of(
        {
            "a": [(FILM, seen(last=at(5))), (replace(FILM, item_id="4k"), unseen())],
            "b": [(FILM, unseen())],
        }
    )
    assert changes_in(plan) == {"b-m": MarkWatched(at(5)), "a-4k": MarkWatched(at(5))}


def test_what_is_known_by_different_ids_is_level_through_a_third() -> None:
    plan = plan_of(
        {
            "a": [(movie("m", provider_ids=ProviderIds(imdb="tt0000001")), seen())],
            "b": [(FILM, unseen())],
            "c": [(movie("m", provider_ids=ProviderIds(tmdb="1")), unseen())],
        }
    )
    assert changes_in(plan) == {"b-m": MarkWatched(), "c-m": MarkWatched()}


def test_of_one_side_only_what_it_says_itself_is_followed() -> None:
    plan = plan_of(
        {
            "a": [(FILM, unseen())],
            "b": [(FILM, seen())],
            "c": [(FILM, unseen())],
        },
        sources=frozenset("a"),
    )
    assert changes_in(plan) == {}


def test_of_several_sources_one_that_has_seen_it_is_enough() -> None:
    other = movie("other")
    plan = plan_of(
        {
            "a": [(FILM, unseen()), (other, unseen())],
            "b": [(FILM, seen()), (other, unseen())],
            "c": [(FILM, unseen()), (other, seen())],
        },
        what=EXACT,
        sources=frozenset("ab"),
    )
    assert changes_in(plan) == {"c-m": MarkWatched(), "c-other": MarkUnwatched()}


def test_a_copy_of_which_nothing_is_known_keeps_all_from_being_un_marked() -> None:
    plan = plan_of(
        {
            "a": [(FILM, unseen()), (replace(FILM, item_id="4k"), UNKNOWN)],
            "b": [(FILM, seen())],
        },
        what=EXACT,
        sources=frozenset("a"),
    )
    assert changes_in(plan) == {}
    assert reasons_in(plan, "b")["a-4k"] is Skip.UNREADABLE


def test_nothing_is_un_marked_that_may_be_something_else_as_well() -> None:
    plan = plan_of(
        {
            "a": [
                (movie("x", provider_ids=ProviderIds(imdb="tt0000001")), unseen()),
                (movie("y", provider_ids=ProviderIds(tmdb="1", tvdb="1")), unseen()),
                (movie("z", provider_ids=ProviderIds(tmdb="1", tvdb="2")), unseen()),
            ],
            "b": [(FILM, seen())],
        },
        what=EXACT,
        sources=frozenset("a"),
    )
    assert changes_in(plan) == {}
    assert set(reasons_in(plan, "b").values()) == {Skip.AMBIGUOUS}


def test_what_only_the_follower_has_stays_as_it_is() -> None:
    plan = plan_of(
        {"a": [(movie("x"), seen())], "b": [(FILM, seen())]},
        what=EXACT,
        sources=frozenset("a"),
    )
    assert changes_in(plan) == {}


def test_users_of_one_server_have_the_same_items() -> None:
    home_video = Reading(movie("v", provider_ids=ProviderIds()), seen())
    there = {"a": [home_video], "b": [replace(home_video, state=unseen())]}
    plan = plan_of(there, side("a", server_id="s"), side("b", server_id="s"))
    assert changes_in(plan) == {"v": MarkWatched()}
    plan = plan_of(there, side("a", server_id="s"), side("b", server_id="t"))
    assert changes_in(plan) == {}
    assert plan.probable["b"] == (Probable("a", "v", "v"),)


def test_one_id_on_one_server_is_not_the_same_if_it_was_given_away() -> None:
    plan = plan_of(
        {
            "a": [Reading(FILM, seen())],
            "b": [Reading(movie("m", provider_ids=ProviderIds(imdb="tt2")), unseen())],
        },
        side("a", server_id="s"),
        side("b", server_id="s"),
    )
    assert changes_in(plan) == {}


def test_users_of_one_server_have_its_other_copies_too() -> None:
    copy = replace(FILM, item_id="4k")
    plan = plan_of(
        {
            "a": [Reading(FILM, seen())],
            "b": [Reading(FILM, unseen()), Reading(copy, unseen())],
        },
        side("a", server_id="s"),
        side("b", server_id="s"),
    )
    assert set(changes_in(plan)) == {"m", "4k"}


def numbered(season_no: int, number: int, end: int | None = None, **more: Any) -> Item:
    return replace(episode(SHOW, season_no, number), episode_end=end, **more)


@pytest.mark.parametrize(
    ("ours", "theirs", "marked"),
    [
        pytest.param([numbered(1, 1)], [numbered(1, 1)], {"b-s.1.1"}, id="by number"),
        pytest.param(
            [numbered(1, 1)], [numbered(1, 2), numbered(2, 1)], set(), id="no other"
        ),
        pytest.param(
            [numbered(1, 5, provider_ids=ProviderIds(tvdb="5"))],
            [
                numbered(2, 1, provider_ids=ProviderIds(tvdb="5")),
                numbered(1, 5, provider_ids=ProviderIds(tvdb="6")),
            ],
            {"b-s.2.1"},
            id="two sides count differently",
        ),
        pytest.param(
            [numbered(1, 1, 2)],
            [numbered(1, 1), numbered(1, 2), numbered(1, 3)],
            {"b-s.1.1", "b-s.1.2"},
            id="a file of two, there two files",
        ),
        pytest.param(
            [numbered(1, 1), numbered(1, 2)],
            [numbered(1, 1, 2)],
            {"b-s.1.1"},
            id="two files, there one of two",
        ),
        pytest.param(
            [numbered(1, 1)], [numbered(1, 1, 2)], set(), id="half of what is there"
        ),
        pytest.param(
            [numbered(1, 1, 2), numbered(1, 3, 4)],
            [numbered(1, 2, 3)],
            {"b-s.1.2"},
            id="two halves",
        ),
        pytest.param(
            [numbered(1, 1, 2, provider_ids=ProviderIds(tvdb="5"))],
            [numbered(2, 3, 4, provider_ids=ProviderIds(tvdb="5"))],
            {"b-s.2.3"},
            id="a file of two, counted differently",
        ),
        pytest.param(
            [numbered(1, 1, provider_ids=ProviderIds(tvdb="5"))],
            [numbered(2, 3, 4, provider_ids=ProviderIds(tvdb="5"))],
            set(),
            id="half of what is counted differently",
        ),
        pytest.param([numbered(0, 1)], [numbered(0, 1)], {"b-s.0.1"}, id="a special"),
    ],
)
def test_episodes(ours: list[Item], theirs: list[Item], marked: set[str]) -> None:
    plan = plan_of(
        {
            "a": [(one, seen()) for one in ours],
            "b": [(one, unseen()) for one in theirs],
        }
    )
    assert set(changes_in(plan)) == marked
    assert plan.counts["b"].episodes_to_mark == len(marked)


@pytest.mark.parametrize(
    ("states", "there", "change"),
    [
        ((unseen(), unseen()), seen(), MarkUnwatched()),
        ((unseen(), seen()), seen(), None),
        ((unseen(), UNKNOWN), seen(), None),
        ((seen(), seen()), unseen(), MarkWatched()),
        ((seen(), unseen()), unseen(), None),
    ],
)
def test_a_file_of_two_is_exactly_what_both_are(
    states: tuple[PlayState, PlayState], there: PlayState, change: Change | None
) -> None:
    plan = plan_of(
        {
            "a": [(numbered(1, at), state) for at, state in enumerate(states, 1)],
            "b": [(numbered(1, 1, 2), there)],
        },
        what=EXACT,
        sources=frozenset("a"),
    )
    assert changes_in(plan) == ({} if change is None else {"b-s.1.1": change})


def test_a_whole_file_says_more_than_one_of_its_parts() -> None:
    plan = plan_of(
        {
            "a": [(numbered(1, 1, 2), unseen()), (numbered(1, 2), unseen())],
            "b": [(numbered(1, 1, 2), seen())],
        },
        what=EXACT,
        sources=frozenset("a"),
    )
    assert changes_in(plan) == {"b-s.1.1": MarkUnwatched()}


def test_half_of_a_file_is_never_passed_on_to_the_other_half() -> None:
    plan = plan_of(
        {
            "a": [(numbered(1, 1), seen()), (numbered(1, 2), unseen())],
            "b": [(numbered(1, 1, 2), unseen())],
        }
    )
    assert changes_in(plan) == {}
    assert reasons_in(plan, "b") == {"a-s.1.1": Skip.OTHER_FILE}


def test_a_mark_of_two_halves_is_dated_when_the_second_was_seen() -> None:
    plan = plan_of(
        {
            "a": [
                (numbered(1, 1), seen(last=at(9))),
                (numbered(1, 2), seen(last=at(5))),
            ],
            "b": [(numbered(1, 1, 2), unseen())],
        }
    )
    assert changes_in(plan) == {"b-s.1.1": MarkWatched(at(9))}


def test_episodes_get_the_ids_of_their_show_from_its_own_row() -> None:
    def bare(prefix: str, state: PlayState) -> Iterable[Reading]:
        parent = replace(SHOW, item_id=f"{prefix}-show")
        leaf = replace(
            numbered(1, 1),
            item_id=f"{prefix}-1",
            show_id=parent.item_id,
            show_provider_ids=ProviderIds(),
        )
        yield Reading(leaf, state)
        yield Reading(parent, unseen())
        yield Reading(season(parent, 1), unseen())
        yield Reading(replace(FILM, item_id="?", kind=MediaKind.UNKNOWN), seen())

    plan = plan_of({"a": bare("a", seen()), "b": bare("b", unseen())})
    assert changes_in(plan) == {"b-1": MarkWatched()}


def test_a_show_whose_id_is_another_s_by_now_tells_nothing() -> None:
    leaf = replace(numbered(1, 1), show_provider_ids=ProviderIds())
    plan = plan_of(
        {
            "a": [(leaf, seen()), Reading(replace(SHOW, title="Another"), unseen())],
            "b": [(numbered(1, 1), unseen())],
        }
    )
    assert reasons_in(plan, "b") == {"a-s.1.1": Skip.NO_IDS}


def test_an_episode_that_names_no_show_and_has_no_ids_is_nothing_in_particular() -> (
    None
):
    lost = Item("x", MediaKind.EPISODE, "Lost", season=1, episode=1)
    plan = plan_of({"a": [(lost, seen())], "b": [(lost, unseen())]})
    assert reasons_in(plan, "b") == {"a-x": Skip.NO_IDS}


def test_what_comes_twice_is_one() -> None:
    plan = plan_of({"a": [(FILM, seen())] * 2, "b": [(FILM, unseen())] * 2})
    assert plan.total == 1


def test_what_got_other_ids_while_it_was_read_is_changed_once() -> None:
    before, after = movie("m1"), movie("m2")
    plan = plan_of(
        {
            "a": [(before, seen()), (after, seen())],
            "b": [
                Reading(replace(before, item_id="x"), unseen()),
                Reading(replace(after, item_id="x"), unseen()),
            ],
        }
    )
    assert list(changes_in(plan)) == ["x"]


# --- what is left out ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("ours", "theirs", "reason"),
    [
        pytest.param(
            (movie("m", provider_ids=ProviderIds()), seen()),
            [],
            Skip.NO_IDS,
            id="without ids",
        ),
        pytest.param(
            (FILM, seen()), [(movie("x"), unseen())], Skip.NOT_FOUND, id="none"
        ),
        pytest.param(
            (FILM, seen()),
            [(replace(FILM, year=1970), unseen())],
            Skip.NOT_FOUND,
            id="of another year",
        ),
        pytest.param(
            (FILM, seen()),
            [
                (
                    movie("x", provider_ids=ProviderIds(imdb="tt0000001", tmdb="2")),
                    unseen(),
                )
            ],
            Skip.NOT_FOUND,
            id="one id differs",
        ),
        pytest.param(
            (movie("m", provider_ids=ProviderIds(tmdb="1")), seen()),
            [
                (movie("x", provider_ids=ProviderIds(tmdb="1", imdb="tt1")), unseen()),
                (movie("y", provider_ids=ProviderIds(tmdb="1", imdb="tt2")), unseen()),
            ],
            Skip.AMBIGUOUS,
            id="two works",
        ),
        pytest.param(
            (FILM, seen()), [(FILM, UNKNOWN)], Skip.UNREADABLE, id="unknown there"
        ),
        pytest.param(
            (FILM, UNKNOWN), [(FILM, unseen())], Skip.UNREADABLE, id="unknown here"
        ),
        pytest.param(
            (FILM, unseen(30)), [(FILM, unseen())], Skip.TOO_SHORT, id="hardly begun"
        ),
        pytest.param(
            (FILM, unseen(600)),
            [(replace(FILM, duration=300.0), unseen())],
            Skip.CANNOT_HOLD,
            id="longer than what is there",
        ),
        pytest.param(
            (numbered(1, 1, 2), unseen(600)),
            [(numbered(1, 1), unseen())],
            Skip.OTHER_FILE,
            id="a position in another file",
        ),
        pytest.param(
            (FILM, unseen(600, last=at(1))),
            [(FILM, unseen(900, last=at(50)))],
            Skip.OVERRULED,
            id="an older position",
        ),
    ],
)
def test_what_is_left_out_has_a_reason(
    ours: tuple[Item, PlayState],
    theirs: list[tuple[Item, PlayState]],
    reason: Skip,
) -> None:
    plan = plan_of({"a": [ours], "b": theirs}, what=BOTH, sources=frozenset("a"))
    assert plan.total == 0
    assert plan.left_out["b"] == (LeftOut("a", f"a-{ours[0].item_id}", reason),)
    assert plan.counts["b"].left_out == {reason: 1}


def test_nothing_is_said_of_what_nobody_has_begun() -> None:
    plan = plan_of({"a": [(movie("x"), unseen())], "b": [(FILM, unseen())]}, what=BOTH)
    assert plan.counts["b"].left_out == {}
    assert plan.counts["b"].equal == 0


def test_nor_of_what_is_unknown_and_not_there() -> None:
    plan = plan_of({"a": [(FILM, UNKNOWN)], "b": []})
    assert plan.counts["b"].left_out == {}


def test_one_copy_that_follows_is_enough() -> None:
    plan = plan_of(
        {
            "a": [(FILM, seen())],
            "b": [(replace(FILM, item_id="4k"), UNKNOWN), (FILM, unseen())],
        }
    )
    assert changes_in(plan) == {"b-m": MarkWatched()}
    assert plan.left_out["b"] == ()


def test_an_id_that_very_many_bear_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "MOST_BEARERS", 10)
    many = [movie(f"m{at}", provider_ids=ProviderIds(tmdb="1")) for at in range(11)]
    plan = plan_of(
        {"a": [(one, seen()) for one in many], "b": [(FILM, unseen())]},
    )
    assert plan.total == 0
    assert plan.counts["b"].left_out == {Skip.AMBIGUOUS: 11}
    plan = plan_of(
        {"a": [(one, seen()) for one in many[:10]], "b": [(FILM, unseen())]},
    )
    assert set(changes_in(plan)) == {"b-m"}


def test_another_id_makes_no_copies_of_what_bears_such_a_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(packing, "MOST_BEARERS", 10)
    many = [movie(f"m{at}", provider_ids=ProviderIds(tmdb="1")) for at in range(11)]
    plan = plan_of(
        {
            "a": [(FILM, seen()), *((one, unseen()) for one in many)],
            "b": [(FILM, unseen())],
        },
    )
    assert plan.total == 0
    assert plan.counts["b"].left_out == {Skip.AMBIGUOUS: 1}


def test_only_the_first_of_each_reason_are_named() -> None:
    many = [(movie(f"m{number}"), seen()) for number in range(MOST_ROWS + 1)]
    plan = plan_of({"a": many, "b": []})
    assert len(plan.left_out["b"]) == MOST_ROWS
    assert plan.counts["b"].left_out == {Skip.NOT_FOUND: MOST_ROWS + 1}


def test_what_shows_the_same_is_counted() -> None:
    plan = plan_of(
        {
            "a": [(FILM, seen()), (numbered(1, 1), unseen(600)), (movie("x"), seen())],
            "b": [
                (FILM, seen()),
                (numbered(1, 1), unseen(600)),
                (movie("x"), unseen()),
            ],
        },
        what=BOTH,
    )
    assert {name: one.equal for name, one in plan.counts.items()} == {"a": 2, "b": 2}


# --- what is asked for ---------------------------------------------------------------


def test_only_what_was_played_since_then() -> None:
    old, new, undated = movie("old"), movie("new"), movie("undated")
    plan = plan_of(
        {
            "a": [
                (old, seen(last=at(5))),
                (new, seen(last=at(50))),
                (undated, seen()),
            ],
            "b": [(one, unseen()) for one in (old, new, undated)],
        },
        since=at(20),
    )
    assert set(changes_in(plan)) == {"b-new"}
    assert plan.counts["b"].left_out == {}


def test_only_what_was_played_since_then_is_un_marked() -> None:
    old, new, undated = movie("old"), movie("new"), movie("undated")
    plan = plan_of(
        {
            "a": [(one, unseen()) for one in (old, new, undated)],
            "b": [
                (old, seen(last=at(5))),
                (new, seen(last=at(50))),
                (undated, seen()),
            ],
        },
        what=EXACT,
        sources=frozenset("a"),
        since=at(20),
    )
    assert changes_in(plan) == {"b-new": MarkUnwatched()}


def test_specials_only_if_they_are_meant() -> None:
    counted = replace(numbered(2, 9), provider_ids=ProviderIds(tvdb="7"))
    special = replace(numbered(0, 3), provider_ids=ProviderIds(tvdb="7"))
    there = {
        "a": [(numbered(0, 1), seen()), (counted, seen()), (numbered(1, 1), seen())],
        "b": [
            (numbered(0, 1), unseen()),
            (special, unseen()),
            (numbered(1, 1), unseen()),
        ],
    }
    assert set(changes_in(plan_of(there))) == {"b-s.0.1", "b-s.0.3", "b-s.1.1"}
    assert set(changes_in(plan_of(there, specials=False))) == {"b-s.1.1"}


@pytest.mark.parametrize(
    "only",
    [
        {"a": frozenset({"s"})},
        {"b": frozenset({"s"})},
        {"a": frozenset({"s.1"})},
        {"b": frozenset({"b-s.1.1"})},
    ],
)
def test_only_what_is_named_on_either_side(only: Mapping[str, frozenset[str]]) -> None:
    there = {
        "a": [(FILM, seen()), (numbered(1, 1), seen()), (movie("gone"), seen())],
        "b": [(FILM, unseen()), (numbered(1, 1), unseen())],
    }
    plan = plan_of(there, only=only)
    assert set(changes_in(plan)) == {"b-s.1.1"}
    assert plan.counts["b"].left_out == {}


def test_what_is_named_and_not_there_is_told() -> None:
    plan = plan_of({"a": [(FILM, seen())], "b": []}, only={"a": frozenset({"a-m"})})
    assert plan.counts["b"].left_out == {Skip.NOT_FOUND: 1}


# --- what is only probable -----------------------------------------------------------

NAMED = movie("m", title="The Night", year=2001, provider_ids=ProviderIds(imdb="tt1"))
TITLED = movie("x", title="Night", year=2001, provider_ids=ProviderIds(tmdb="5"))


@pytest.mark.parametrize(
    ("ours", "theirs", "is_likely"),
    [
        pytest.param(NAMED, [TITLED], True, id="but for its article"),
        pytest.param(
            replace(NAMED, provider_ids=ProviderIds()), [TITLED], True, id="no ids"
        ),
        pytest.param(
            replace(NAMED, title="The Night (2001)", year=None),
            [TITLED],
            True,
            id="a year in brackets",
        ),
        pytest.param(replace(NAMED, year=None), [TITLED], False, id="no year"),
        pytest.param(NAMED, [replace(TITLED, year=2002)], False, id="another year"),
        pytest.param(NAMED, [replace(TITLED, title="Day")], False, id="another title"),
        pytest.param(
            NAMED,
            [replace(TITLED, provider_ids=ProviderIds(imdb="tt2"))],
            False,
            id="another film of this title",
        ),
        pytest.param(
            NAMED,
            [
                TITLED,
                replace(TITLED, item_id="y", provider_ids=ProviderIds(imdb="tt2")),
            ],
            True,
            id="one that fits, and another film of this title",
        ),
        pytest.param(
            NAMED,
            [
                TITLED,
                replace(TITLED, item_id="y", provider_ids=ProviderIds(tmdb="6")),
            ],
            False,
            id="two films that fit",
        ),
        pytest.param(
            replace(numbered(1, 1), show_title="The Night (2001)"),
            [NAMED],
            False,
            id="a show is no film",
        ),
    ],
)
def test_one_title_of_one_year_is_probable_and_not_done_unasked(
    ours: Item, theirs: list[Item], *, is_likely: bool
) -> None:
    there = {"a": [(ours, seen())], "b": [(one, unseen()) for one in theirs]}
    plan = plan_of(there)
    likely = (Probable("a", f"a-{ours.item_id}", "b-x"),)
    assert plan.total == 0
    assert plan.probable["b"] == (likely if is_likely else ())
    assert plan.counts["b"].probable == len(plan.probable["b"])
    assert (plan.counts["b"].left_out == {}) is is_likely
    asked = plan_of(there, include_probable=True)
    assert changes_in(asked) == ({"b-x": MarkWatched()} if is_likely else {})
    assert all(step.probable for step in asked.steps["b"])
    assert (asked.plan_id == plan.plan_id) is False


def test_what_is_probable_and_level_is_not_worth_a_question() -> None:
    plan = plan_of({"a": [(NAMED, seen())], "b": [(TITLED, seen())]})
    assert plan.probable["b"] == ()
    assert plan.counts["b"].left_out == {Skip.NOT_FOUND: 1}


def test_what_is_probable_is_never_un_marked() -> None:
    plan = plan_of(
        {"a": [(NAMED, unseen(900))], "b": [(TITLED, seen())]},
        what=EXACT,
        sources=frozenset("a"),
        include_probable=True,
    )
    assert plan.total == 0


def test_what_ids_say_comes_before_what_is_probable() -> None:
    plan = plan_of(
        {
            "a": [
                (NAMED, seen(last=at(5))),
                (replace(TITLED, item_id="y"), seen(last=at(9))),
            ],
            "b": [(TITLED, unseen())],
        },
        include_probable=True,
    )
    assert [step.probable for step in plan.steps["b"]] == [False]
    assert plan.probable["b"] == ()


def test_only_the_first_that_are_probable_are_named() -> None:
    pairs = [
        (
            movie(
                f"m{at}", title=f"Film {at}", provider_ids=ProviderIds(imdb=f"tt{at}")
            ),
            movie(f"m{at}", title=f"Film {at}", provider_ids=ProviderIds(tmdb=str(at))),
        )
        for at in range(1, MOST_ROWS + 2)
    ]
    plan = plan_of(
        {
            "a": [(one, seen()) for one, _ in pairs],
            "b": [(other, unseen()) for _, other in pairs],
        }
    )
    assert len(plan.probable["b"]) == MOST_ROWS
    assert plan.counts["b"].probable == MOST_ROWS + 1


def of_show(
    title: str, year: int | None, ids: ProviderIds, *numbers: tuple[int, int | None]
) -> list[Item]:
    parent = replace(
        SHOW, item_id=f"{title} {ids}", title=title, year=year, provider_ids=ids
    )
    return [
        parent,
        *(replace(episode(parent, 1, one), episode_end=end) for one, end in numbers),
    ]


@pytest.mark.parametrize(
    ("theirs", "marked"),
    [
        pytest.param(
            [of_show("Dark", 2017, ProviderIds(tmdb="5"), (1, None), (3, None))],
            1,
            id="its number",
        ),
        pytest.param(
            [of_show("Dark", 2015, ProviderIds(tmdb="5"), (1, None))], 0, id="year"
        ),
        pytest.param(
            [of_show("Dark", None, ProviderIds(tmdb="5"), (1, None))], 0, id="no year"
        ),
        pytest.param(
            [of_show("Dark (2017)", None, ProviderIds(tmdb="5"), (1, None))],
            1,
            id="a year in brackets",
        ),
        pytest.param(
            [of_show("Dark", 2017, ProviderIds(tmdb="5"), (1, 2))], 0, id="half of it"
        ),
        pytest.param(
            [
                of_show("Dark", 2017, ProviderIds(tmdb="5"), (1, None)),
                of_show("Dark", 2017, ProviderIds(tmdb="6"), (1, None)),
            ],
            0,
            id="two shows",
        ),
    ],
)
def test_an_episode_is_probable_by_its_show_and_number(
    theirs: list[list[Item]], marked: int
) -> None:
    ours = of_show("Dark", 2017, ProviderIds(tvdb="1"), (1, None), (9, None))

    def rows(items: list[Item], state: PlayState) -> list[Reading]:
        parent = items[0].item_id
        lost = Item(f"? {parent}", MediaKind.EPISODE, "?", show_id=parent)
        return [Reading(one, state) for one in (*items, lost)]

    plan = plan_of(
        {
            "a": rows(ours, seen()),
            "b": [row for some in theirs for row in rows(some, unseen())],
        },
        include_probable=True,
    )
    assert plan.counts["b"].episodes_to_mark == marked


# --- the plan as a whole -------------------------------------------------------------


def test_steps_come_films_first_and_what_was_played_first_before_the_rest() -> None:
    late, early = show("late"), show("early")

    def ep(parent: Item, number: int, played: float) -> tuple[Item, PlayState]:
        return episode(parent, 1, number), seen(last=at(played))

    ours = [
        ep(late, 2, 900),
        ep(late, 1, 100),
        ep(early, 1, 300),
        ep(early, 2, 200),
        ep(early, 4, 150),
        ep(early, 3, 150),
        (movie("new"), seen(last=at(800))),
        (movie("old"), seen(last=at(5))),
        (movie("undated"), seen()),
    ]
    plan = plan_of({"a": ours, "b": [(one, unseen()) for one, _ in reversed(ours)]})
    order = [step.item_id for step in plan.steps["b"]]
    assert order == [
        "b-undated",
        "b-old",
        "b-new",
        "b-early.1.3",
        "b-early.1.4",
        "b-early.1.2",
        "b-early.1.1",
        "b-late.1.1",
        "b-late.1.2",
    ]
    chunks = list(plan.chunks("b", 4))
    assert [len(one) for one in chunks] == [4, 4, 1]
    assert [step.item_id for one in chunks for step in one] == order
    assert list(plan.chunks("elsewhere", 4)) == []


def test_the_same_plan_has_the_same_id_whatever_order_things_were_read_in() -> None:
    ours = [(movie(f"m{number}"), seen(last=at(number))) for number in range(30)]
    theirs = [(one, unseen()) for one, _ in ours]

    def made(ours: There, theirs: There, **asked: Any) -> str:
        return plan_of({"a": ours, "b": theirs}, **asked).plan_id

    plan_id = made(ours, theirs)
    assert plan_id == "b9b787dc4d4eaeb2"  # also in another process
    assert plan_id == made(ours[::-1], theirs[::-1])
    assert plan_id == made([*ours, (movie("x"), seen())], theirs)
    for other in (
        made(ours, theirs, what=BOTH),
        made(ours, theirs, sources=frozenset("a")),
        made(ours, theirs, since=at(0)),
        made(ours, theirs, specials=False),
        made(ours[1:], theirs),
        made([(ours[0][0], seen(last=at(7))), *ours[1:]], theirs),
        made(ours, [(theirs[0][0], unseen(300)), *theirs[1:]]),
    ):
        assert other != plan_id


def test_clock_of_a_server_makes_no_other_plan() -> None:
    there = {"a": [(FILM, seen(last=at(50)))], "b": [(FILM, unseen())]}
    exact, late = (
        plan_of(there, side("a", clock_offset=timedelta(seconds=seconds)))
        for seconds in (0, 0.8)
    )
    assert changes_in(exact) != changes_in(late)
    assert exact.plan_id == late.plan_id
    undated = plan_of(there, side("b", capabilities=DATES_ITSELF))
    assert undated.plan_id != exact.plan_id


def test_each_step_tells_what_it_follows_and_what_was_shown() -> None:
    plan = plan_of({"a": [(FILM, seen())], "b": [(FILM, unseen(90, last=at(3)))]})
    [step] = plan.steps["b"]
    assert (step.source_id, step.source_item_id) == ("a", "a-m")
    assert step.shown == unseen(90, last=at(3))


def a_step() -> Step:
    plan = plan_of({"a": [(FILM, seen())], "b": [(FILM, unseen())]})
    return plan.steps["b"][0]


@pytest.mark.parametrize(
    ("reading", "now"),
    [
        (None, StepNow.GONE),
        (Reading(movie("b-m", provider_ids=ProviderIds(imdb="tt9")), unseen()), "gone"),
        (Reading(FILM, unseen()), StepNow.DUE),
        (Reading(replace(FILM, title="Renamed"), unseen(last=at(3))), StepNow.DUE),
        (Reading(FILM, seen()), StepNow.DONE),
        (Reading(FILM, replace(unseen(), begun_again=True)), StepNow.DONE),
        (Reading(FILM, unseen(600)), StepNow.MOVED),
        (Reading(FILM, UNKNOWN), StepNow.MOVED),
    ],
)
def test_a_step_is_looked_at_once_more(reading: Reading | None, now: StepNow) -> None:
    assert a_step().now(reading) is StepNow(now)


def test_positions_and_un_marks_are_counted_apart() -> None:
    def rows(*states: PlayState) -> list[tuple[Item, PlayState]]:
        items = (movie("m1"), movie("m2"), movie("m3"), movie("m4"), numbered(1, 1))
        return list(zip((*items, numbered(1, 2)), states, strict=True))

    plan = plan_of(
        {
            "a": rows(seen(), unseen(), unseen(900), seen(900), unseen(900), unseen()),
            "b": rows(unseen(), seen(), unseen(), seen(), unseen(), seen()),
        },
        what=EXACT,
        sources=frozenset("a"),
    )
    counts = plan.counts["b"]
    assert (counts.films_to_mark, counts.films_to_unmark, counts.film_positions) == (
        1,
        1,
        2,
    )
    assert (counts.episodes_to_unmark, counts.episode_positions) == (1, 1)
    assert counts.total == plan.total == 6


def test_odd_numbers_are_no_trouble() -> None:
    odd = replace(movie("odd"), item_id="ü\ud800")
    far = numbered(1, 2**40, year=2**40)
    plan = plan_of(
        {
            "a": [(odd, seen()), (far, seen()), (movie("m", year=None), seen())],
            "b": [(odd, unseen()), (far, unseen()), (movie("m"), unseen())],
        }
    )
    assert set(changes_in(plan)) == {"b-ü\ud800", "b-m"}


def test_it_is_made_in_slices() -> None:
    planner = Planner([side("a"), side("b")], Question(), now=NOW)
    parents = [show(f"s{number}") for number in range(30)]
    for name, state in (("a", seen()), ("b", unseen())):
        for parent in parents:
            planner.take_in(
                name,
                LibraryPage.of(
                    Reading(
                        replace(episode(parent, 1, at), item_id=f"{name}{parent}{at}"),
                        state,
                    )
                    for at in range(1, 41)
                ),
            )
        planner.take_in(
            name,
            LibraryPage.of(
                Reading(replace(movie(f"m{at}"), item_id=f"{name}{at}"), state)
                for at in range(400)
            ),
        )
    copies = [movie(f"{at}", provider_ids=ProviderIds(tmdb="7")) for at in range(102)]
    planner.take_in("a", LibraryPage.of([Reading(copies.pop(), seen())]))
    planner.take_in("b", LibraryPage.of(Reading(one, unseen()) for one in copies))
    making = planner.plan()
    breaks = 0
    while True:
        try:
            next(making)
        except StopIteration as done:
            plan: Plan = done.value
            break
        breaks += 1
    assert plan.total == 1_600 + 101
    assert breaks > 100
