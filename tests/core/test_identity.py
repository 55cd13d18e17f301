"""Titles, ids and what counts as the same work."""

from dataclasses import replace

import pytest

from custom_components.watched_sync.core.identity import (
    NO_IDS,
    Item,
    MediaKind,
    ProviderIds,
)

from .twins import episode, movie, season, show

SHOW = show()
ELSEWHERE = show("elsewhere")


@pytest.mark.parametrize(
    ("ours", "theirs", "same"),
    [
        (ProviderIds(imdb="tt1"), ProviderIds(imdb="tt1"), True),
        (ProviderIds(imdb="tt1"), ProviderIds(imdb="tt2"), False),
        (ProviderIds(imdb="tt1", tmdb="5"), ProviderIds(imdb="tt1"), True),
        (ProviderIds(imdb="tt1", tmdb="5"), ProviderIds(imdb="tt1", tmdb="6"), False),
        (ProviderIds(imdb="5"), ProviderIds(tmdb="5"), False),
        (ProviderIds(tvdb="1"), NO_IDS, False),
        (NO_IDS, NO_IDS, False),
    ],
)
def test_ids_match_when_one_is_equal_and_none_contradicts(
    ours: ProviderIds, theirs: ProviderIds, *, same: bool
) -> None:
    assert ours.matches(theirs) is same
    assert theirs.matches(ours) is same


def test_no_ids_are_false() -> None:
    assert not NO_IDS
    assert ProviderIds(tvdb="1")


def on_another_server(item: Item, **changes: object) -> Item:
    return replace(item, item_id="other-id", show_id="other-show", **changes)  # type: ignore[arg-type]  # fields of any type


PILOT = episode(SHOW, 1, 1)


@pytest.mark.parametrize(
    ("ours", "theirs", "same"),
    [
        (movie("m"), on_another_server(movie("m")), True),
        (movie("m"), on_another_server(movie("m"), title="Anders"), True),
        (movie("m"), replace(movie("m"), provider_ids=NO_IDS), False),
        (movie("m"), movie("n"), False),
        (movie("m"), replace(SHOW, provider_ids=movie("m").provider_ids), False),
        (PILOT, on_another_server(PILOT), True),
        (PILOT, on_another_server(PILOT, episode=2), False),
        (PILOT, on_another_server(PILOT, season=2), False),
        (PILOT, on_another_server(PILOT, show_provider_ids=NO_IDS), False),
        (PILOT, episode(ELSEWHERE, 1, 1), False),
        (replace(PILOT, season=None), replace(PILOT, season=None), False),
        (replace(PILOT, episode=None), replace(PILOT, episode=None), False),
        (season(SHOW, 1), on_another_server(season(SHOW, 1)), True),
        (season(SHOW, 1), on_another_server(season(SHOW, 2)), False),
        (
            replace(PILOT, provider_ids=ProviderIds(tvdb="1")),
            replace(PILOT, provider_ids=ProviderIds(tvdb="2")),
            False,
        ),
    ],
)
def test_ids_decide_what_is_the_same_work_and_titles_never_do(
    ours: Item, theirs: Item, *, same: bool
) -> None:
    assert ours.is_same_work(theirs) is same


@pytest.mark.parametrize(
    ("item", "title"),
    [
        (movie("m"), "Film m (1999)"),
        (replace(movie("m"), year=None), "Film m"),
        (SHOW, "Show s"),
        (season(SHOW, 2), "Show s Season 2"),
        (replace(season(SHOW, 2), show_title=None), "Season 2"),
        (episode(SHOW, 2, 5), "Show s S02E05 Episode 5"),
        (replace(episode(SHOW, 2, 5), episode_end=6), "Show s S02E05-E06 Episode 5"),
        (replace(episode(SHOW, 2, 5), episode=None), "Show s Episode 5"),
        (replace(episode(SHOW, 2, 5), season=None), "Show s Episode 5"),
        (replace(episode(SHOW, 2, 5), show_title=None), "Episode 5"),
    ],
)
def test_a_full_title_stands_alone(item: Item, title: str) -> None:
    assert item.full_title == title


def test_only_shows_and_seasons_are_containers() -> None:
    assert [kind for kind in MediaKind if kind.is_container] == [
        MediaKind.SHOW,
        MediaKind.SEASON,
    ]


def test_a_show_covers_its_seasons_and_episodes_and_a_season_its_episodes() -> None:
    assert SHOW.covers(season(SHOW, 1))
    assert SHOW.covers(PILOT)
    assert not SHOW.covers(episode(ELSEWHERE, 1, 1))
    assert season(SHOW, 1).covers(PILOT)
    assert not season(SHOW, 2).covers(PILOT)
    assert not season(SHOW, 1).covers(season(SHOW, 1))
    assert not PILOT.covers(PILOT)
    assert not movie().covers(PILOT)


def test_specials_are_season_zero() -> None:
    assert season(SHOW, 0).is_special
    assert episode(SHOW, 0, 1).is_special
    assert not PILOT.is_special
    assert not movie().is_special


def test_r01_an_id_that_is_no_number_is_as_good_as_any() -> None:
    """An id is an opaque string; nothing reads a server or a number out of it."""
    for item_id in ("plex_alice", "jellyfin_bob", "12", "a:b", "", "ü/..//"):
        item = movie(item_id)
        assert item.item_id == item_id
        assert item.is_same_work(replace(item, item_id="else"))


@pytest.mark.parametrize(
    ("ids", "kind", "address"),
    [
        (ProviderIds(imdb="tt1", tmdb="2", tvdb="3"), MediaKind.MOVIE, "imdb://tt1"),
        (ProviderIds(tmdb="2", tvdb="3"), MediaKind.MOVIE, "tmdb://movie/2"),
        (ProviderIds(tmdb="2"), MediaKind.SHOW, "tmdb://show/2"),
        (ProviderIds(tvdb="3"), MediaKind.EPISODE, "tvdb://episode/3"),
        (ProviderIds(), MediaKind.MOVIE, None),
    ],
)
def test_ids_are_written_as_actions_take_them(
    ids: ProviderIds, kind: MediaKind, address: str | None
) -> None:
    assert ids.address(kind) == address
