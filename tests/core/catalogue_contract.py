"""What every catalogue promises, whatever it keeps its readings in."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
import math
from typing import Any

import pytest

from custom_components.watched_sync.core.catalogue import (
    EpisodeCounts,
    Progress,
    Selection,
)
from custom_components.watched_sync.core.errors import CatalogueError
from custom_components.watched_sync.core.identity import Item, MediaKind, ProviderIds
from custom_components.watched_sync.core.leaf import Leaf
from custom_components.watched_sync.core.play_state import UNKNOWN, PlayState, Reading
from custom_components.watched_sync.core.ports import Catalogue

from .samples import at, seen, unseen
from .twins import episode, episodes, movie, season, show

FILMS = (MediaKind.MOVIE,)
NAMED = (MediaKind.MOVIE, MediaKind.SHOW, MediaKind.EPISODE)

SHOW = show("dark")
FIRST = season(SHOW, 1)


def read(*items: Item, state: PlayState | None = None) -> list[Reading]:
    return [Reading(item, state or unseen()) for item in items]


def ids(readings: Iterable[Reading]) -> list[str]:
    return [one.item.item_id for one in readings]


def called(title: str, item_id: str = "", year: int | None = None) -> Reading:
    item_id = item_id or title.replace(" ", "-")
    return Reading(movie(item_id, title=title, year=year), unseen())


class CatalogueContract:
    """Inherited by the tests of each catalogue, which have a fixture `catalogue`."""

    # --- what is kept ------------------------------------------------------------

    async def test_knows_nothing_at_first(self, catalogue: Catalogue) -> None:
        assert await catalogue.readings(["m1"]) == {}
        assert await catalogue.shows() == {}
        assert await catalogue.progress() == Progress()
        assert await catalogue.counts() == dict.fromkeys(MediaKind, 0)

    async def test_says_of_each_item_what_was_kept_last(
        self, catalogue: Catalogue
    ) -> None:
        one = Reading(
            replace(episode(SHOW, 2, 5), episode_end=6, listed_under=("other",)),
            PlayState(
                watched=False,
                position=12.5,
                play_count=2,
                last_played=at(5),
                begun_again=True,
                hides_position=True,
            ),
        )
        other = Reading(SHOW, PlayState(watched=None), 20, 0)
        await catalogue.keep(read(one.item, SHOW))
        await catalogue.keep([one, other])
        found = await catalogue.readings([one.item.item_id, SHOW.item_id, "not there"])
        assert found == {one.item.item_id: one, SHOW.item_id: other}
        state = found[one.item.item_id].state
        assert (state.begun_again, state.hides_position) == (True, True)

    async def test_of_two_readings_kept_together_the_later_counts(
        self, catalogue: Catalogue
    ) -> None:
        await catalogue.keep([*read(movie()), *read(movie(), state=seen())])
        assert (await catalogue.readings(["m1"]))["m1"].state == seen()

    async def test_gives_out_all_leaves_part_by_part(
        self, catalogue: Catalogue
    ) -> None:
        kept = [f"m{number}" for number in range(7)]
        await catalogue.keep(read(SHOW, *(movie(item_id) for item_id in kept)))
        first = await catalogue.leaves(limit=3)
        assert first.next_start is not None
        await catalogue.keep(read(movie("m1"), movie("new"), state=seen()))
        await catalogue.drop(["m0", "m5"])
        second = await catalogue.leaves(first.next_start, 3)
        assert second.next_start is not None
        third = await catalogue.leaves(second.next_start, 3)
        assert third.next_start is None
        parts = (first, second, third)
        found = [one.item_id for part in parts for one in part.leaves]
        assert len(found) == len(set(found))
        assert {*kept} - {"m5"} <= {*found} <= {*kept, "new"} - {"m5"}
        everything = await catalogue.leaves()
        found = [one.item_id for one in everything.leaves]
        assert sorted(found) == sorted({*kept, "new"} - {"m0", "m5"})
        assert everything.next_start is None

    async def test_leaves_say_the_same_in_a_few_words(
        self, catalogue: Catalogue
    ) -> None:
        begun_again = PlayState(
            watched=False,
            position=12.5,
            play_count=2,
            last_played=at(5),
            begun_again=True,
            hides_position=True,
        )
        kept = [
            Reading(movie("m1"), seen(last=at(5))),
            Reading(movie("m2", year=None, provider_ids=ProviderIds()), UNKNOWN),
            Reading(episode(SHOW, 0, 0), unseen()),
            Reading(
                replace(episode(SHOW, 2, 5), episode_end=6, listed_under=("other",)),
                begun_again,
            ),
        ]
        await catalogue.keep([*kept, *read(SHOW, FIRST)])
        found = (await catalogue.leaves()).leaves
        assert sorted(map(repr, found)) == sorted(repr(Leaf.of(one)) for one in kept)

    async def test_forgets_what_is_dropped(self, catalogue: Catalogue) -> None:
        await catalogue.keep([*read(movie("a")), *read(movie("b"))])
        await catalogue.drop(["a", "not there"])
        assert set(await catalogue.readings(["a", "b"])) == {"b"}
        assert await catalogue.titled("Film a", FILMS) == []
        assert await catalogue.like("Film a", FILMS, 5) == read(movie("b"))
        assert await catalogue.find(MediaKind.MOVIE, movie("a").provider_ids) == []

    async def test_what_came_back_is_known_again(self, catalogue: Catalogue) -> None:
        for _ in range(3):
            await catalogue.keep(read(movie("a"), episode(SHOW, 1, 1)))
            await catalogue.drop(["a", episode(SHOW, 1, 1).item_id])
        await catalogue.keep(read(movie("a"), episode(SHOW, 1, 1)))
        assert ids(await catalogue.titled("Film a", FILMS)) == ["a"]
        assert ids(await catalogue.below(SHOW)) == ["dark.1.1"]

    async def test_an_odd_row_costs_only_itself(self, catalogue: Catalogue) -> None:
        odd = movie("odd", duration=math.nan)
        odder = movie("odder", title=None)
        await catalogue.keep(read(movie("a"), odd, odder, movie("b")))
        found = await catalogue.readings(["a", "odd", "odder", "b"])
        assert set(found) == {"a", "b"}

    async def test_texts_that_no_file_can_hold_are_kept_as_far_as_possible(
        self, catalogue: Catalogue
    ) -> None:
        await catalogue.keep([called("Half\ud83d a \x00title", "m1")])
        [found] = (await catalogue.readings(["m1"])).values()
        assert found.item.title == "Half a title"
        assert ids(await catalogue.titled("half a title", FILMS)) == ["m1"]
        assert await catalogue.titled("\ud83d\x00", FILMS) == []
        assert await catalogue.readings(["m1\x00", "\ud83d"]) == {}

    async def test_an_id_that_cannot_be_one_is_not_that_of_another(
        self, catalogue: Catalogue
    ) -> None:
        await catalogue.keep(read(movie("a b")))
        assert set(await catalogue.readings(["a b", "a b\ufffd"])) == {"a b\ufffd"}

    async def test_keeps_more_than_one_step_takes(self, catalogue: Catalogue) -> None:
        await catalogue.keep(read(movie(f"m{number}"))[0] for number in range(1_200))
        assert (await catalogue.counts())[MediaKind.MOVIE] == 1_200
        await catalogue.drop([f"m{number}" for number in range(1_199)])
        assert (await catalogue.counts())[MediaKind.MOVIE] == 1

    # --- who listens -------------------------------------------------------------

    async def test_tells_what_changed_and_in_which_show(
        self, catalogue: Catalogue
    ) -> None:
        told: set[str] = set()

        def listen(changed: frozenset[str] | None) -> None:
            told.update(changed or ())

        one = episode(SHOW, 1, 1)
        await catalogue.keep(read(movie("a"), movie("b"), one))
        remove = catalogue.add_listener(listen)
        await asyncio.sleep(0)
        told.clear()
        await catalogue.keep([*read(movie("a")), *read(one, state=seen())])
        await catalogue.drop(["b", "not there"])
        await asyncio.sleep(0)
        assert told == {one.item_id, SHOW.item_id, "b"}
        remove()
        await catalogue.keep(read(movie("c")))
        await asyncio.sleep(0)
        assert "c" not in told

    async def test_revision_is_another_once_anything_has_changed(
        self, catalogue: Catalogue
    ) -> None:
        await catalogue.keep(read(movie("a"), movie("b")))
        revisions = [await catalogue.revision()]
        await catalogue.keep(read(movie("a"), movie("b")), 2)
        await catalogue.note(Progress(round_no=2))
        await catalogue.drop(["not there"])
        assert await catalogue.revision() is revisions[0]
        for readings in (read(movie("a"), state=seen()), read(movie("c"))):
            await catalogue.keep(readings)
            revisions.append(await catalogue.revision())
        await catalogue.drop(["b"])
        revisions.append(await catalogue.revision())
        assert len(set(revisions)) == 4

    # --- shows -------------------------------------------------------------------

    async def test_counts_how_far_shows_are_watched(self, catalogue: Catalogue) -> None:
        today = date(2022, 6, 1)
        other = show("other")
        begun = PlayState(watched=False, position=60.0, last_played=at(3))
        aired = [replace(one, aired=today) for one in episodes(SHOW, {1: 3})]
        coming = replace(episode(SHOW, 2, 1), aired=date(2022, 6, 2))
        merged = replace(episode(other, 1, 1), listed_under=(SHOW.item_id,))
        await catalogue.keep(
            [
                *read(aired[0], state=seen()),
                *read(aired[1], state=begun),
                *read(aired[2], coming, episode(SHOW, 0, 1), merged, SHOW, movie()),
            ]
        )
        expected = {
            SHOW.item_id: EpisodeCounts(
                4, 1, 1, max(at(3), seen().last_played or at(0))
            ),
            other.item_id: EpisodeCounts(1),
        }
        assert await catalogue.count_episodes(today) == expected
        of_one = await catalogue.count_episodes(today, [other.item_id, "not there"])
        assert of_one == {other.item_id: EpisodeCounts(1)}

    async def test_lists_episodes_in_order(self, catalogue: Catalogue) -> None:
        found = episodes(SHOW, {2: 2, 1: 12, 0: 1})
        unnumbered = replace(episode(SHOW, 2, 3), item_id="x", episode=None)
        await catalogue.keep(read(unnumbered, *reversed(found), SHOW, FIRST))
        await catalogue.keep(read(*episodes(show("other"), {1: 2}), movie()))
        below = [one.item for one in await catalogue.below(SHOW)]
        assert below == [found[-1], *found[2:14], *found[:2], unnumbered]
        assert ids(await catalogue.below(FIRST)) == ids(read(*found[2:14]))
        assert await catalogue.below(movie()) == []

    async def test_a_listing_decides_what_lies_below(
        self, catalogue: Catalogue
    ) -> None:
        """Jellyfin merges what is one show in several folders."""
        elsewhere = replace(show("folder"), provider_ids=SHOW.provider_ids)
        listed = episode(elsewhere, 1, 2).listed_for(SHOW.item_id)
        await catalogue.keep(read(episode(SHOW, 1, 1), listed))
        assert ids(await catalogue.below(SHOW)) == ["dark.1.1", "folder.1.2"]
        assert ids(await catalogue.below(FIRST)) == ["dark.1.1", "folder.1.2"]
        assert ids(await catalogue.below(elsewhere)) == ["folder.1.2"]

    async def test_an_id_of_another_show_covers_nothing(
        self, catalogue: Catalogue
    ) -> None:
        await catalogue.keep(read(episode(SHOW, 1, 1)))
        other = replace(SHOW, provider_ids=ProviderIds(tvdb="1"))
        assert await catalogue.below(other) == []

    async def test_an_episode_that_moved_is_below_its_new_show(
        self, catalogue: Catalogue
    ) -> None:
        await catalogue.keep(read(episode(SHOW, 1, 1)))
        other = show("other")
        moved = replace(episode(other, 3, 1), item_id=episode(SHOW, 1, 1).item_id)
        await catalogue.keep(read(moved))
        assert await catalogue.below(SHOW) == []
        assert ids(await catalogue.below(other)) == [moved.item_id]

    async def test_shows_come_with_their_counts(self, catalogue: Catalogue) -> None:
        kept = Reading(SHOW, unseen(), 30, 7)
        await catalogue.keep([kept, *read(movie(), episode(SHOW, 1, 1))])
        assert await catalogue.shows() == {SHOW.item_id: kept}

    # --- ids ---------------------------------------------------------------------

    async def test_finds_every_copy_of_a_work(self, catalogue: Catalogue) -> None:
        both = ProviderIds(imdb="tt0133093", tmdb="603")
        await catalogue.keep(
            read(
                movie("a", provider_ids=both),
                movie("b", provider_ids=ProviderIds(tmdb="603")),
                movie("c", provider_ids=replace(both, tmdb="604")),
                replace(show("d"), provider_ids=both),
                movie("e"),
            )
        )
        assert ids(await catalogue.find(MediaKind.MOVIE, both)) == ["a", "b"]
        assert ids(await catalogue.find(MediaKind.SHOW, both)) == ["d"]
        assert await catalogue.find(MediaKind.MOVIE, ProviderIds()) == []

    async def test_ids_that_changed_are_found_as_they_are_now(
        self, catalogue: Catalogue
    ) -> None:
        old, new = ProviderIds(tmdb="603"), ProviderIds(tmdb="604")
        await catalogue.keep(read(movie(provider_ids=old)))
        await catalogue.keep(read(movie(provider_ids=new)))
        assert await catalogue.find(MediaKind.MOVIE, old) == []
        assert ids(await catalogue.find(MediaKind.MOVIE, new)) == ["m1"]

    async def test_finds_episodes_by_show_and_number(
        self, catalogue: Catalogue
    ) -> None:
        double = replace(episode(SHOW, 1, 2), episode_end=3, item_id="double")
        # As servers answer for an episode alone: without the ids of its show.
        bare = replace(
            episode(SHOW, 1, 3), item_id="bare", show_provider_ids=ProviderIds()
        )
        other = episode(show("other"), 1, 3)
        await catalogue.keep(read(SHOW, double, bare, other, episode(SHOW, 2, 3)))

        async def numbered(season: int, number: int) -> Sequence[str]:
            found = await catalogue.find_episodes(SHOW.provider_ids, season, number)
            return ids(found)

        assert await numbered(1, 3) == ["double", "bare"]
        assert await numbered(1, 2) == ["double"]
        assert await numbered(2, 3) == ["dark.2.3"]
        assert await numbered(3, 1) == []
        assert await catalogue.find_episodes(ProviderIds(), 1, 3) == []

    # --- titles ------------------------------------------------------------------

    async def test_finds_what_bears_a_title(self, catalogue: Catalogue) -> None:
        await catalogue.keep(
            [
                called("The Long Ferry", year=1980),
                called("Long Ferry", year=2011),
                called("Long Ferry (2020)"),
                called("Longer Ferry"),
                Reading(replace(SHOW, title="Long-Ferry"), unseen()),
            ]
        )
        named = [MediaKind.MOVIE, MediaKind.SHOW]
        assert ids(await catalogue.titled("long ferry", named)) == [
            "Long-Ferry",
            "dark",
            "Long-Ferry-(2020)",
            "The-Long-Ferry",
        ]
        assert ids(await catalogue.titled("long ferry", FILMS, 1980)) == [
            "The-Long-Ferry"
        ]
        assert ids(await catalogue.titled("Long Ferry (2011)", FILMS)) == ["Long-Ferry"]
        assert await catalogue.titled("Long Ferry", []) == []

    async def test_what_is_heard_counts_as_it_sounds(
        self, catalogue: Catalogue
    ) -> None:
        await catalogue.keep([called("Spider-Man")])
        assert await catalogue.titled("spiderman", FILMS) == []
        found = await catalogue.titled("spiderman", FILMS, heard=True)
        assert ids(found) == ["Spider-Man"]

    async def test_a_new_title_takes_the_place_of_the_old(
        self, catalogue: Catalogue
    ) -> None:
        await catalogue.keep([called("Ferry", "m1")])
        await catalogue.keep([called("Harbour", "m1")])
        assert await catalogue.titled("Ferry", FILMS) == []
        assert await catalogue.like("Ferry", FILMS, 5) == []
        assert ids(await catalogue.like("Harbuor", FILMS, 5)) == ["m1"]

    async def test_the_likest_come_first(self, catalogue: Catalogue) -> None:
        await catalogue.keep(
            called(title)
            for title in (
                "Darkest Harbour",
                "The Dark",
                "Dark",
                "Dork",
                "Park Dark Bark",
                "Lark",
                "Something else",
            )
        )
        assert ids(await catalogue.like("Dark", FILMS, 9)) == [
            "Dark",
            "The-Dark",
            "Park-Dark-Bark",
            "Darkest-Harbour",
            "Dork",
            "Lark",
        ]
        assert ids(await catalogue.like("Dark", FILMS, 2)) == ["Dark", "The-Dark"]
        assert await catalogue.like("Dark", [MediaKind.SHOW], 2) == []
        assert await catalogue.like("Dark", FILMS, 0) == []

    @pytest.mark.parametrize(
        "asked",
        [
            "Severence",
            "severanc",
            "Sevreance",
            "The Severance",
            "ever",
            "Zeverance",
            "se",
        ],
    )
    async def test_a_near_miss_is_found(self, catalogue: Catalogue, asked: str) -> None:
        await catalogue.keep([called("Severance"), called("Harbour")])
        assert ids(await catalogue.like(asked, NAMED, 5)) == ["Severance"]

    # --- filters -----------------------------------------------------------------

    async def test_selects_by_every_filter(self, catalogue: Catalogue) -> None:
        await catalogue.keep(
            [
                *read(movie("a", duration=5000.0)),
                *read(movie("b", duration=None)),
                *read(movie("c", duration=7000.0), state=seen()),
                *read(movie("d", library_id="attic"), state=PlayState(watched=None)),
                *read(SHOW, FIRST, *episodes(SHOW, {1: 2})),
            ]
        )

        async def chosen(**filters: Any) -> list[str]:
            found = await catalogue.select(Selection(**filters))
            assert found.total == len(found.readings)
            return ids(found.readings)

        films = frozenset(FILMS)
        assert await chosen() == [
            *("a", "b", "c", "d"),
            *("dark", "dark.1", "dark.1.1", "dark.1.2"),
        ]
        assert await chosen(kinds=films) == ["a", "b", "c", "d"]
        assert await chosen(kinds=films, max_duration=5000.0) == ["a"]
        assert await chosen(kinds=films, watched=False) == ["a", "b"]
        assert await chosen(watched=True) == ["c"]
        assert await chosen(library_ids=frozenset({"attic"})) == ["d"]
        assert await chosen(library_ids=frozenset()) == []
        assert await chosen(text="film") == ["a", "b", "c", "d"]
        assert await chosen(text="sod") == ["dark.1.1", "dark.1.2"]
        assert await chosen(text="episode 2") == ["dark.1.2"]
        assert await chosen(text="fi", library_ids=frozenset({"attic"})) == ["d"]
        assert len(await chosen(text=" ")) == 8

    async def test_selects_in_parts(self, catalogue: Catalogue) -> None:
        titles = ["The Attic", "Barn", "A Cellar", "Den", "Étage"]
        await catalogue.keep(called(title) for title in reversed(titles))
        parts = [
            await catalogue.select(Selection(start=start, limit=2))
            for start in (0, 2, 4, 6)
        ]
        assert [part.total for part in parts] == [5, 5, 5, 5]
        found = [one.item.title for part in parts for one in part.readings]
        assert found == titles

    # --- rounds ------------------------------------------------------------------

    async def test_a_sweep_names_what_a_round_did_not_show(
        self, catalogue: Catalogue
    ) -> None:
        await catalogue.keep(read(movie("b"), movie("a"), movie("c")), 1)
        await catalogue.keep(read(movie("x", library_id="attic"), SHOW), 1)
        await catalogue.keep(read(movie("b"), movie("d")), 2)
        swept = await catalogue.sweep("films", MediaKind.MOVIE, 2)
        assert (list(swept.missing), swept.total) == (["a", "c"], 4)
        assert (await catalogue.sweep("films", MediaKind.MOVIE, 1)).missing == []
        assert (await catalogue.sweep("films", MediaKind.SHOW, 2)).total == 0
        assert (await catalogue.sweep("nowhere", MediaKind.MOVIE, 2)).total == 0

    async def test_what_is_read_beside_a_listing_is_there(
        self, catalogue: Catalogue
    ) -> None:
        await catalogue.keep(read(movie("a"), movie("b")), 1)
        await catalogue.note(Progress(round_no=2))
        await catalogue.keep(read(movie("a")))
        swept = await catalogue.sweep("films", MediaKind.MOVIE, 2)
        assert list(swept.missing) == ["b"]

    async def test_says_how_far_the_libraries_were_read(
        self, catalogue: Catalogue
    ) -> None:
        progress = Progress(
            round_no=3,
            library_id="shows",
            kind=MediaKind.EPISODE,
            start=2_000,
            show_id="dark",
            finished_at=datetime(2026, 3, 1, 4, 5, tzinfo=UTC),
            vanished=frozenset({"films", "old films"}),
        )
        await catalogue.note(Progress(round_no=1))
        await catalogue.note(progress)
        assert await catalogue.progress() == progress

    async def test_names_the_libraries_that_have_items(
        self, catalogue: Catalogue
    ) -> None:
        assert await catalogue.libraries() == frozenset()
        stray = replace(movie("stray"), library_id=None)
        await catalogue.keep(read(movie(), stray, SHOW, *episodes(SHOW, {1: 3})))
        assert await catalogue.libraries() == {"films", "shows"}
        await catalogue.drop([movie().item_id])
        assert await catalogue.libraries() == {"shows"}

    async def test_counts_each_kind(self, catalogue: Catalogue) -> None:
        await catalogue.keep(read(movie(), SHOW, FIRST, *episodes(SHOW, {1: 3})))
        assert await catalogue.counts() == {
            MediaKind.MOVIE: 1,
            MediaKind.SHOW: 1,
            MediaKind.SEASON: 1,
            MediaKind.EPISODE: 3,
            MediaKind.UNKNOWN: 0,
        }

    # --- its end -----------------------------------------------------------------

    async def test_closed_it_answers_nothing(self, catalogue: Catalogue) -> None:
        await catalogue.close()
        await catalogue.close()
        with pytest.raises(CatalogueError):
            await catalogue.readings(["m1"])
        with pytest.raises(CatalogueError):
            await catalogue.keep(read(movie()))
