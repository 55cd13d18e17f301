"""Titles, ids and what counts as the same work."""

from dataclasses import replace
from datetime import date

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


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("tt0133093", "tt0133093"),
        ("TT0133093", "tt0133093"),
        (" tt0133093\n", "tt0133093"),
        ("tt00133093", "tt0133093"),
        ("tt15239678", "tt15239678"),
        ("0133093", None),
        ("tt133", None),
        ("tt0000000", None),
        ("nm0000206", None),
        ("https://www.imdb.com/title/tt0133093", None),
        ("tt\u0660\u0661\u0663\u0663\u0660\u0669\u0663", None),
        ("", None),
        (None, None),
    ],
)
def test_an_id_at_imdb_is_two_letters_and_seven_digits_or_more(
    text: str | None, known: str | None
) -> None:
    assert ProviderIds.told(imdb=text) == ProviderIds(imdb=known)


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("603", "603"),
        (" 603 ", "603"),
        ("00603", "603"),
        ("0", None),
        ("-1", None),
        ("603.0", None),
        ("tmdb:603", None),
        ("tt0133093", None),
        ("none", None),
        ("\u0666\u0660\u0663", None),
        ("9" * 11, None),
        (" ", None),
        ("", None),
        (None, None),
    ],
)
def test_an_id_at_the_other_two_is_a_positive_number(
    text: str | None, known: str | None
) -> None:
    assert ProviderIds.told(tmdb=text) == ProviderIds(tmdb=known)
    assert ProviderIds.told(tvdb=text) == ProviderIds(tvdb=known)


def test_a_malformed_id_is_no_id_and_the_right_one_decides() -> None:
    ours = ProviderIds.told(imdb="900157", tmdb="900157")
    theirs = ProviderIds.told(imdb="tt9000157", tmdb="900157")
    assert ours.matches(theirs)


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


def test_a_season_that_got_the_id_of_another_does_not_cover_its_episodes() -> None:
    known = episode(SHOW, 2, 1)
    now = replace(season(SHOW, 1), item_id=season(SHOW, 2).item_id)
    assert not now.covers(known)
    assert replace(now, season=None).covers(known)


def test_a_show_covers_what_it_lists_whatever_show_that_names() -> None:
    """Jellyfin merges what is one show in several folders."""
    twin = replace(show("t"), provider_ids=SHOW.provider_ids)
    listed = episode(twin, 1, 1).listed_for(SHOW.item_id)
    assert listed.show_ids == (twin.item_id, SHOW.item_id)
    assert listed.listed_for(SHOW.item_id) is listed
    assert PILOT.listed_for(SHOW.item_id) is PILOT
    for parent in (SHOW, twin):
        assert parent.covers(listed)
        assert season(parent, 1).covers(listed)
        assert not season(parent, 2).covers(listed)
    unnumbered = replace(season(SHOW, 1), season=None)
    assert not unnumbered.covers(replace(listed, season=None))
    assert not season(SHOW, 1).covers(season(twin, 1).listed_for(SHOW.item_id))


def test_an_item_read_by_itself_is_completed_by_what_listings_said() -> None:
    twin = show("t")
    bare = replace(episode(twin, 1, 1), show_provider_ids=NO_IDS)
    known = episode(twin, 1, 1).listed_for(SHOW.item_id)
    assert bare.completed_by(known) == known
    moved = replace(bare, show_id="u")
    assert moved.completed_by(known) == moved


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


# --- the same id, and still the same work? --------------------------------------------

LONG_NIGHT = Item(
    "1017",
    MediaKind.MOVIE,
    "The Long Night",
    year=1999,
    provider_ids=ProviderIds(imdb="tt9000001", tmdb="1"),
    duration=7200.0,
)
TIN_FRIENDS = Item(
    "1017",
    MediaKind.MOVIE,
    "Tin Friends",
    year=2004,
    provider_ids=ProviderIds(imdb="tt9000002", tmdb="2"),
    duration=5400.0,
)
UNKNOWN = Item("1017", MediaKind.UNKNOWN, "1017")


def bare(item: Item, **changes: object) -> Item:
    """Return an item, and its show, without any provider id."""
    return replace(item, provider_ids=NO_IDS, show_provider_ids=NO_IDS, **changes)  # type: ignore[arg-type]  # fields of any type


STORM = replace(
    PILOT,
    title="The Storm",
    season=1,
    episode=5,
    provider_ids=ProviderIds(tvdb="105"),
    aired=date(2024, 5, 1),
)
HARVEST = replace(
    STORM,
    title="The Harvest",
    episode=6,
    provider_ids=ProviderIds(tvdb="106"),
    aired=date(2024, 5, 8),
)
OTHER_SHOW = replace(show("t"), title="Tin")
SEASON = season(SHOW, 1)


@pytest.mark.parametrize(
    ("known", "now", "still"),
    [
        # named by its id alone
        (UNKNOWN, TIN_FRIENDS, True),
        (LONG_NIGHT, UNKNOWN, True),
        # another kind
        (LONG_NIGHT, replace(SHOW, title="The Long Night"), False),
        (SEASON, replace(PILOT, title=SEASON.title), False),
        # provider ids of one mind decide, whatever else says
        (LONG_NIGHT, TIN_FRIENDS, False),
        (LONG_NIGHT, replace(TIN_FRIENDS, provider_ids=LONG_NIGHT.provider_ids), True),
        (LONG_NIGHT, replace(LONG_NIGHT, provider_ids=ProviderIds(imdb="tt5")), False),
        (LONG_NIGHT, replace(LONG_NIGHT, provider_ids=ProviderIds(tmdb="1")), True),
        # of two minds, of different databases or of one side only, they do not
        (
            LONG_NIGHT,
            replace(LONG_NIGHT, provider_ids=ProviderIds(imdb="tt9000001", tmdb="3")),
            True,
        ),
        (
            LONG_NIGHT,
            replace(TIN_FRIENDS, provider_ids=ProviderIds(imdb="tt9000001", tmdb="3")),
            False,
        ),
        (LONG_NIGHT, replace(TIN_FRIENDS, provider_ids=ProviderIds(tvdb="1")), False),
        (LONG_NIGHT, replace(LONG_NIGHT, provider_ids=ProviderIds(tvdb="1")), True),
        (LONG_NIGHT, bare(LONG_NIGHT), True),
        (LONG_NIGHT, bare(TIN_FRIENDS), False),
        # then a title and a year or a length; one of them alone may be refreshed
        (bare(LONG_NIGHT), TIN_FRIENDS, False),
        (bare(LONG_NIGHT), bare(LONG_NIGHT, title="Die lange Nacht"), True),
        (bare(LONG_NIGHT), bare(LONG_NIGHT, year=2000, duration=60.0), True),
        (bare(LONG_NIGHT), bare(LONG_NIGHT, title="Die lange Nacht", year=1998), False),
        (bare(LONG_NIGHT), bare(TIN_FRIENDS, year=1999), False),
        (bare(LONG_NIGHT), bare(TIN_FRIENDS, year=1999, duration=7204.0), True),
        (bare(LONG_NIGHT), bare(TIN_FRIENDS, year=None, duration=None), True),
        (bare(LONG_NIGHT), bare(TIN_FRIENDS, title="the  LONG-night"), True),
        (bare(LONG_NIGHT), bare(TIN_FRIENDS, title=""), True),
        # an episode with an id of its own, renumbered, renamed, or another
        (STORM, replace(STORM, season=2, episode=9, title="Part 1"), True),
        (STORM, HARVEST, False),
        (STORM, replace(HARVEST, season=1, episode=5, title="The Storm"), False),
        # one that is known by its show and its number
        (PILOT, replace(PILOT, title="Harbour", aired=date(2020, 1, 1)), True),
        (PILOT, replace(PILOT, show_provider_ids=OTHER_SHOW.provider_ids), False),
        (bare(STORM), bare(HARVEST), False),
        (bare(STORM), bare(STORM, episode=6), True),
        (bare(STORM), bare(STORM, episode=6, title="TBA"), False),
        (bare(STORM, aired=None), bare(STORM, episode=6, aired=None), False),
        (bare(STORM, title="TBA"), bare(HARVEST, title="TBA"), False),
        (bare(STORM), bare(STORM, title="Episode 5", duration=2500.0), True),
        # of a show that has another title now
        (bare(STORM), bare(STORM, show_title="Hafen"), True),
        (bare(STORM), bare(STORM, show_title="Tin", duration=2500.0), False),
        (bare(STORM), bare(STORM, show_title="Tin", episode=6), False),
        (bare(STORM), bare(STORM, show_title="Tin", title="Pilot"), False),
        (STORM, replace(bare(STORM, show_title="Tin"), show_id="t"), True),
        # of a show that nothing is known of, or without a number
        (bare(STORM, show_title=None), bare(STORM), True),
        (bare(STORM, show_title=None), bare(STORM, title="Pilot"), True),
        (
            bare(STORM, show_title=None),
            bare(STORM, title="Pilot", duration=1200.0),
            False,
        ),
        (bare(STORM, episode=None), bare(HARVEST), False),
        (bare(STORM, episode=None, aired=None), bare(HARVEST), True),
        # a season
        (SEASON, replace(SEASON, title="Staffel 1"), True),
        (SEASON, season(SHOW, 2), False),
        (SEASON, season(OTHER_SHOW, 1), False),
        (bare(SEASON), bare(season(OTHER_SHOW, 1)), False),
        (bare(SEASON), SEASON, True),
        # a show
        (SHOW, replace(SHOW, title="Hafen", year=1990), True),
        (bare(SHOW, year=1990), bare(OTHER_SHOW, year=1991), False),
        (bare(SHOW), bare(OTHER_SHOW, year=1991), True),
    ],
)
def test_an_id_stands_for_the_same_work_unless_two_things_differ(
    known: Item, now: Item, *, still: bool
) -> None:
    assert known.is_still(now) is still
    assert now.is_still(known) is still


def test_what_lies_below_a_show_does_not_name_another() -> None:
    assert SHOW.covers(PILOT)
    assert SHOW.covers(bare(PILOT))
    other = replace(PILOT, show_provider_ids=OTHER_SHOW.provider_ids)
    assert not SHOW.covers(other)
    assert season(SHOW, 1).covers(PILOT)
    assert not season(SHOW, 1).covers(other)


def test_an_episode_takes_over_what_its_own_show_tells() -> None:
    plain = bare(PILOT, show_title=None)
    told = plain.of_show(SHOW)
    assert (told.show_provider_ids, told.show_title) == (SHOW.provider_ids, SHOW.title)
    assert plain.of_show(OTHER_SHOW) is plain, "of another show"
    renamed = bare(PILOT, show_title="What had this id before")
    assert renamed.of_show(SHOW) is renamed


@pytest.mark.parametrize(
    "ids",
    [
        ProviderIds(),
        ProviderIds.told(imdb="tt0000001", tmdb="603"),
        ProviderIds.told(imdb="tt1234567890", tvdb="9999999999"),
    ],
)
def test_ids_are_the_same_as_numbers(ids: ProviderIds) -> None:
    assert ProviderIds.numbered(*ids.numbers) == ids
