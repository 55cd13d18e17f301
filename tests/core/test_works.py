"""Works: what lies on several lanes is one, and is looked through as one."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from hypothesis import given, strategies as st
import pytest

from custom_components.watched_sync.core.catalogue import shelf_place
from custom_components.watched_sync.core.errors import Reason
from custom_components.watched_sync.core.identity import Item, MediaKind, ProviderIds
from custom_components.watched_sync.core.play_state import UNKNOWN, PlayState, Reading
from custom_components.watched_sync.core.snapshot import ItemSyncState
from custom_components.watched_sync.core.works import (
    Copy,
    Line,
    Order,
    Standing,
    View,
    WorkFilter,
    Works,
    line_of,
)

from .samples import at, seen, unseen

EVERYBODY = frozenset(("ada", "bo", "cara"))


def film(item_id: str = "m", title: str = "Film", **changes: Any) -> Item:
    return Item(item_id, MediaKind.MOVIE, title, **changes)


def ids(imdb: int | None = None, tmdb: int | None = None) -> ProviderIds:
    return ProviderIds(
        imdb=None if imdb is None else f"tt{imdb:07}",
        tmdb=None if tmdb is None else str(tmdb),
    )


def copy(lane: str, item: Item, state: PlayState | None = None, **changes: Any) -> Copy:
    state = unseen() if state is None else state
    made = Copy(
        lane=lane,
        server_id=f"server of {lane}",
        item=item,
        place=shelf_place(Reading(item, state)),
        state=state,
        server=state,
    )
    return replace(made, **changes)


def works_of(*copies: Copy) -> Works:
    works = Works()
    works.put(copies)
    return works


def grouped(works: Iterable[Any]) -> set[frozenset[tuple[str, str]]]:
    return {frozenset(one.key for one in work.copies) for work in works}


def view_of(*copies: Copy, lanes: tuple[str, ...] = ("ada", "bo")) -> View:
    view = View(lanes, EVERYBODY)
    for work in works_of(*copies):
        view.put(work.key, work)
    return view


def titles(lines: Iterable[Line]) -> list[str]:
    return [one.first.item.title for one in lines]


# --- what is one work ----------------------------------------------------------------


def test_copies_that_share_an_id_are_one_work() -> None:
    works = works_of(
        copy("ada", film("a", provider_ids=ids(1, 2))),
        copy("bo", film("b", provider_ids=ids(tmdb=2))),
        copy("bo", film("c", provider_ids=ids(3))),
    )
    assert grouped(works) == {
        frozenset((("ada", "a"), ("bo", "b"))),
        frozenset((("bo", "c"),)),
    }


def test_a_third_copy_joins_two_that_had_nothing_in_common() -> None:
    one = copy("ada", film("a", provider_ids=ids(imdb=1)))
    other = copy("bo", film("b", provider_ids=ids(tmdb=2)))
    works = works_of(one, other)
    assert len(grouped(works)) == 2
    changed = works.put([copy("bo", film("c", provider_ids=ids(1, 2)))])
    assert changed == {("ada", "a"), ("bo", "b")}
    assert len(grouped(works)) == 1
    works.put((), [("bo", "c")])
    assert len(grouped(works)) == 2


def test_titles_decide_nothing() -> None:
    works = works_of(copy("ada", film("a")), copy("bo", film("b")))
    assert len(grouped(works)) == 2


def test_an_item_that_several_users_see_is_one_without_ids() -> None:
    works = works_of(
        copy("ada", film("a"), server_id="x"), copy("bo", film("a"), server_id="x")
    )
    assert len(grouped(works)) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"provider_ids": ids(1, 2)}, {"provider_ids": ids(1, 3)}),
        (
            {"provider_ids": ids(1), "year": 1999},
            {"provider_ids": ids(1), "year": 2003},
        ),
    ],
)
def test_what_contradicts_is_not_one_work(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    """But what bears exactly the same ids is, also beside it."""
    works = works_of(
        copy("ada", film("a", **one)),
        copy("bo", film("b", **other)),
        copy("bo", film("c", **one)),
    )
    assert grouped(works) == {
        frozenset((("ada", "a"), ("bo", "c"))),
        frozenset((("bo", "b"),)),
    }
    assert {work.address for work in works} == {None}
    assert works.at(MediaKind.MOVIE, "imdb.tt0000001") is None


def test_a_film_and_a_show_share_no_ids() -> None:
    show = Item("s", MediaKind.SHOW, "Film", provider_ids=ids(tmdb=1))
    works = works_of(copy("ada", film(provider_ids=ids(tmdb=1))), copy("ada", show))
    assert len(grouped(works)) == 2
    found = works.at(MediaKind.SHOW, "tmdb.1")
    assert found is not None
    assert found.key == ("ada", "s")


def test_episodes_are_linked_by_their_numbers() -> None:
    def episode(item_id: str, number: int, tvdb: str | None = None) -> Item:
        return Item(
            item_id,
            MediaKind.EPISODE,
            "Part",
            season=1,
            episode=number,
            provider_ids=ProviderIds(tvdb=tvdb),
        )

    works = works_of(
        copy("ada", episode("a1", 1)),
        copy("ada", episode("a2", 2, tvdb="7")),
        copy("bo", episode("b1", 1, tvdb="5")),
        copy("bo", episode("b3", 3, tvdb="7")),
    )
    assert grouped(works) == {
        frozenset((("ada", "a1"), ("bo", "b1"))),
        frozenset((("ada", "a2"), ("bo", "b3"))),
    }


def test_a_copy_as_it_was_changes_nothing() -> None:
    one = copy("ada", film(provider_ids=ids(1)))
    works = works_of(one, copy("bo", film(provider_ids=ids(1))))
    assert works.put([one], [("ada", "never there")]) == set()
    assert works.put([replace(one, state=seen())]) == {("ada", "m")}
    work = works.of(("bo", "m"))
    assert work is works.by_key(("ada", "m"))
    assert work is not None
    assert work.address == "imdb.tt0000001"
    assert [one.state.watched for one in work.copies] == [True, False]


def test_other_ids_take_a_copy_to_another_work() -> None:
    works = works_of(
        copy("ada", film("a", provider_ids=ids(1))),
        copy("bo", film("b", provider_ids=ids(1))),
        copy("bo", film("c", provider_ids=ids(2))),
    )
    works.put([copy("ada", film("a", provider_ids=ids(2)))])
    assert grouped(works) == {
        frozenset((("ada", "a"), ("bo", "c"))),
        frozenset((("bo", "b"),)),
    }


_COPIES = st.builds(
    lambda lane, number, imdb, tmdb: copy(
        lane, film(f"i{number}", provider_ids=ids(imdb, tmdb))
    ),
    st.sampled_from(("ada", "bo")),
    st.integers(0, 3),
    st.none() | st.integers(1, 3),
    st.none() | st.integers(1, 3),
)


@given(st.lists(st.lists(_COPIES, max_size=4), max_size=5))
def test_the_order_in_which_copies_came_makes_no_difference(
    steps: list[list[Copy]],
) -> None:
    works, last = Works(), dict[tuple[str, str], Copy]()
    for step in steps:
        kept = {one.key: one for one in step}
        gone = list(last)[:1]
        before = {work.key: work for work in works}
        changed = works.put(kept.values(), gone)
        for key in gone:
            last.pop(key)
        last |= {key: one for key, one in kept.items() if key not in gone}
        now = {work.key: work for work in works}
        differing = {key for key in before | now if before.get(key) != now.get(key)}
        assert differing <= changed
    anew = works_of(*last.values())
    assert grouped(works) == grouped(anew)
    assert {work.address for work in works} == {work.address for work in anew}
    assert {one.key for work in works for one in work.copies} == set(last)


# --- how it is for some lanes --------------------------------------------------------


def line(*copies: Copy, lanes: tuple[str, ...] = ("ada", "bo")) -> Line:
    [work] = works_of(*copies)
    found = line_of(work, lanes, EVERYBODY)
    assert found is not None
    return found


def on_both(one: PlayState, other: PlayState, **changes: Any) -> Line:
    item = film(provider_ids=ids(1), **changes)
    return line(copy("ada", item, one), copy("bo", item, other))


def test_a_work_is_watched_where_one_copy_is() -> None:
    found = on_both(unseen(position=60), seen(last=at(5)))
    assert (found.watched, found.agrees) == (True, False)
    assert (found.position, found.last_played) == (0, at(5))


def test_what_is_not_known_is_neither_and_contradicts_nothing() -> None:
    found = on_both(UNKNOWN, unseen())
    assert (found.watched, found.agrees) == (None, True)


def test_the_furthest_position_counts() -> None:
    found = on_both(unseen(position=60), unseen(position=90))
    assert (found.position, found.begun, found.agrees) == (90, True, False)


def test_the_worst_of_the_lanes_is_told_with_its_reason() -> None:
    item = film(provider_ids=ids(1))
    found = line(
        copy("ada", item, sync=ItemSyncState.PENDING),
        copy("bo", item, sync=ItemSyncState.FAILED, error=Reason.MISSING),
    )
    assert (found.sync, found.error) == (ItemSyncState.FAILED, Reason.MISSING)


def test_nobody_sees_a_work_they_do_not_have() -> None:
    [work] = works_of(copy("cara", film()))
    assert line_of(work, ("ada",)) is None


def show(lane: str, episodes: int | None, watched: int = 0, begun: int = 0) -> Copy:
    item = Item("s", MediaKind.SHOW, "Show", provider_ids=ids(1))
    state = UNKNOWN if episodes is None else PlayState(watched=watched == episodes)
    return copy(lane, item, state, episodes=episodes, seen=watched, begun=begun)


@pytest.mark.parametrize(
    ("one", "other", "agrees"),
    [
        ((10, 5), (10, 5), True),
        ((10, 5), (10, 4), False),
        ((10, 5), (8, 5), True),
        ((10, 5), (8, 0), False),
        ((None, 0), (8, 3), True),
    ],
)
def test_shows_agree_by_their_episodes(
    one: tuple[int | None, int], other: tuple[int | None, int], agrees: object
) -> None:
    assert line(show("ada", *one), show("bo", *other)).agrees is agrees


def test_a_show_is_begun_by_an_episode() -> None:
    assert line(show("ada", 10, 3)).begun
    assert line(show("ada", 10, 0, 1)).begun
    assert not line(show("ada", 10, 10)).begun
    assert not line(show("ada", None)).begun
    assert line(show("ada", 10, 3), show("bo", 12, 2)).counts == (10, 3)
    assert line(show("ada", None)).counts == (None, None)


# --- looking through -----------------------------------------------------------------


def library() -> View:
    return view_of(
        copy("ada", film("1", "The Zoo", year=1990, library_id="f"), seen(last=at(9))),
        copy("ada", film("2", "Apple", year=2001, duration=60.0), unseen(position=60)),
        copy("bo", film("3", "Middle", year=1985, library_id="f"), unseen()),
        copy("ada", film("4", "Other", provider_ids=ids(4)), unseen()),
        copy("cara", film("5", "Other", provider_ids=ids(4)), seen()),
        copy("cara", film("6", "Hers"), unseen()),
        copy("bo", film("7", "Cloud"), unseen(), sync=ItemSyncState.PENDING),
        show("ada", 10, 3),
    )


ALL = ["Apple", "Cloud", "Middle", "Other", "Show", "The Zoo"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (WorkFilter(), ALL),
        (WorkFilter(descending=True), ALL[::-1]),
        (WorkFilter(kinds=frozenset((MediaKind.SHOW,))), ["Show"]),
        (WorkFilter(standing=Standing.WATCHED), ["The Zoo"]),
        (WorkFilter(standing=Standing.UNWATCHED), ["Cloud", "Middle", "Other"]),
        (WorkFilter(standing=Standing.IN_PROGRESS), ["Apple", "Show"]),
        (WorkFilter(standing=Standing.NOBODY), ["Cloud", "Middle"]),
        (WorkFilter(waiting=True), ["Cloud"]),
        (
            WorkFilter(libraries=(("ada", frozenset("f")), ("bo", None))),
            ["Cloud", "Middle", "The Zoo"],
        ),
        (
            WorkFilter(order=Order.YEAR),
            ["Middle", "The Zoo", "Apple", "Cloud", "Other", "Show"],
        ),
        (
            WorkFilter(order=Order.YEAR, descending=True),
            ["Apple", "The Zoo", "Middle", "Cloud", "Other", "Show"],
        ),
        (
            WorkFilter(order=Order.LAST_PLAYED),
            ["The Zoo", "Apple", "Cloud", "Middle", "Other", "Show"],
        ),
        (WorkFilter(disagreeing=True), []),
    ],
)
def test_filters_and_orders(wanted: WorkFilter, found: list[str]) -> None:
    view = library()
    assert titles(view.find(wanted)) == found
    assert view.find(wanted) is view.find(wanted)


def test_what_changed_is_looked_through_anew() -> None:
    view = library()
    assert titles(view.find(WorkFilter(disagreeing=True))) == []
    works = works_of(
        copy("ada", film("9", "New", provider_ids=ids(9)), seen()),
        copy("bo", film("9", "New", provider_ids=ids(9)), unseen()),
    )
    [work] = works
    view.put(work.key, work)
    assert titles(view.find(WorkFilter(disagreeing=True))) == ["New"]
    assert view.line(work.key) is not None
    view.put(work.key, None)
    assert titles(view.find(WorkFilter(disagreeing=True))) == []


def test_a_view_remembers_only_so_many_filters() -> None:
    view = library()
    for number in range(40):
        view.find(WorkFilter(libraries=((f"{number}", None),)))
    assert titles(view.find(WorkFilter())) == ALL
