"""Plex's JSON in the core's words."""

from datetime import UTC, date, datetime
from typing import Any

from hypothesis import given, strategies as st
import pytest

from custom_components.watched_sync.core.errors import Malformed
from custom_components.watched_sync.core.identity import (
    NO_IDS,
    Item,
    MediaKind,
    ProviderIds,
)
from custom_components.watched_sync.core.play_state import PlayState, Reading
from custom_components.watched_sync.core.ports import Library
from custom_components.watched_sync.servers.fields import Json
from custom_components.watched_sync.servers.listing import Page
from custom_components.watched_sync.servers.plex import wire

from .json_strategies import ANYTHING, SCALARS

MOVIE: dict[str, Any] = {
    "ratingKey": "41",
    "key": "/library/metadata/41",
    "guid": "plex://movie/5d776825880197001ec90b1a",
    "type": "movie",
    "title": "The Matrix",
    "year": 1999,
    "duration": 8_178_000,
    "viewCount": 2,
    "viewOffset": 95_500,
    "lastViewedAt": 1_700_000_000,
    "originallyAvailableAt": "1999-03-31",
    "librarySectionID": 3,
    "Guid": [{"id": "imdb://tt0133093"}, {"id": "tmdb://603"}],
}
EPISODE: dict[str, Any] = {
    "ratingKey": "73",
    "parentRatingKey": "72",
    "grandparentRatingKey": "71",
    "guid": "plex://episode/5d9c1276ba6eb9001fba5f3e",
    "grandparentGuid": "plex://show/5d9c086fe9d5a1001f4d9fe6",
    "type": "episode",
    "title": "Pilot",
    "grandparentTitle": "Breaking Bad",
    "parentTitle": "Season 1",
    "index": 1,
    "parentIndex": 1,
    "duration": 3_480_000,
    "originallyAvailableAt": "2008-01-20",
    "Guid": [{"id": "tvdb://349232"}],
}
SEASON: dict[str, Any] = {
    "ratingKey": "72",
    "parentRatingKey": "71",
    "type": "season",
    "title": "Season 1",
    "parentTitle": "Breaking Bad",
    "index": 1,
    "leafCount": 7,
    "viewedLeafCount": 3,
}
SHOW: dict[str, Any] = {
    "ratingKey": "71",
    "type": "show",
    "title": "Breaking Bad",
    "year": 2008,
    "leafCount": 62,
    "viewedLeafCount": 62,
}


def test_movie_is_read_whole() -> None:
    assert wire.parse_row(MOVIE) == Reading(
        Item(
            item_id="41",
            kind=MediaKind.MOVIE,
            title="The Matrix",
            year=1999,
            provider_ids=ProviderIds(imdb="tt0133093", tmdb="603"),
            duration=8178.0,
            library_id="3",
            aired=date(1999, 3, 31),
        ),
        PlayState(
            watched=True,
            position=95.5,
            play_count=2,
            last_played=datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC),
        ),
    )


def test_episode_is_read_whole() -> None:
    assert wire.parse_row(EPISODE, library="2") == Reading(
        Item(
            item_id="73",
            kind=MediaKind.EPISODE,
            title="Pilot",
            provider_ids=ProviderIds(tvdb="349232"),
            duration=3480.0,
            library_id="2",
            show_id="71",
            show_title="Breaking Bad",
            season_id="72",
            season=1,
            episode=1,
            aired=date(2008, 1, 20),
        ),
        PlayState(watched=False),
    )


def test_season_is_read_whole() -> None:
    assert wire.parse_row(SEASON) == Reading(
        Item(
            item_id="72",
            kind=MediaKind.SEASON,
            title="Season 1",
            show_id="71",
            show_title="Breaking Bad",
            season=1,
        ),
        PlayState(watched=False),
        leaf_count=7,
        watched_leaf_count=3,
    )


def test_show_is_watched_when_every_episode_is() -> None:
    reading = wire.parse_row(SHOW)
    assert reading is not None
    assert reading.state.watched is True
    assert (reading.leaf_count, reading.watched_leaf_count) == (62, 62)


def test_show_without_episodes_is_not_watched() -> None:
    reading = wire.parse_row({**SHOW, "leafCount": 0, "viewedLeafCount": 0})
    assert reading is not None
    assert reading.state.watched is False


def test_show_without_counts_is_unknown_rather_than_unwatched() -> None:
    row = {key: value for key, value in SHOW.items() if key != "leafCount"}
    reading = wire.parse_row(row)
    assert reading is not None
    assert reading.state.watched is None
    assert reading.leaf_count is None
    assert reading.watched_leaf_count is None


def test_missing_view_count_means_unwatched() -> None:
    row = {key: value for key, value in MOVIE.items() if not key.startswith("view")}
    reading = wire.parse_row(row)
    assert reading is not None
    assert reading.state.watched is False
    assert reading.state.play_count == 0
    assert reading.state.position == 0


def test_numbers_may_come_as_text() -> None:
    texts = {
        key: str(value) if isinstance(value, int) else value
        for key, value in MOVIE.items()
    }
    assert wire.parse_row(texts) == wire.parse_row(MOVIE)


def test_numeric_rating_key_becomes_text() -> None:
    reading = wire.parse_row({**MOVIE, "ratingKey": 41})
    assert reading is not None
    assert reading.item.item_id == "41"


@pytest.mark.parametrize(
    "kind", ["track", "clip", "artist", "album", "photo", "trailer", "unknown", "4"]
)
def test_kinds_without_our_play_state_are_skipped(kind: str) -> None:
    assert wire.parse_row({**MOVIE, "type": kind}) is None
    page = wire.parse_page({"MediaContainer": {"Metadata": [{**MOVIE, "type": kind}]}})
    assert page == Page([], 1, None)


@pytest.mark.parametrize(
    ("guid", "expected"),
    [
        ("com.plexapp.agents.imdb://tt0133093?lang=en", ProviderIds(imdb="tt0133093")),
        ("com.plexapp.agents.themoviedb://603?lang=en", ProviderIds(tmdb="603")),
        ("com.plexapp.agents.thetvdb://81189?lang=en", ProviderIds(tvdb="81189")),
        ("com.plexapp.agents.hama://tvdb-81189?lang=en", ProviderIds(tvdb="81189")),
        ("com.plexapp.agents.hama://tvdb2-81189?lang=en", ProviderIds(tvdb="81189")),
        ("com.plexapp.agents.hama://anidb-17?lang=en", NO_IDS),
        (
            "com.plexapp.agents.xbmcnfo://tt0133093?lang=en",
            ProviderIds(imdb="tt0133093"),
        ),
        ("com.plexapp.agents.xbmcnfo://603", NO_IDS),
        ("com.plexapp.agents.none://abc", NO_IDS),
        ("com.plexapp.agents.thetvdb://81189/1/1?lang=en", NO_IDS),
        ("local://4711", NO_IDS),
        ("plex://movie/5d776825880197001ec90b1a", NO_IDS),
        ("", NO_IDS),
    ],
)
def test_legacy_agents_keep_their_id_in_the_guid(
    guid: str, expected: ProviderIds
) -> None:
    row = {key: value for key, value in MOVIE.items() if key != "Guid"}
    reading = wire.parse_row({**row, "guid": guid})
    assert reading is not None
    assert reading.item.provider_ids == expected


@pytest.mark.parametrize(
    "guids",
    [
        {"guid": "com.plexapp.agents.thetvdb://81189/1/1?lang=en"},
        {"grandparentGuid": "com.plexapp.agents.thetvdb://81189?lang=en"},
        {"parentGuid": "com.plexapp.agents.thetvdb://81189/1?lang=en"},
    ],
)
def test_legacy_id_of_an_episode_names_its_show(guids: dict[str, str]) -> None:
    row = {key: value for key, value in EPISODE.items() if not key.endswith("uid")}
    reading = wire.parse_row({**row, **guids})
    assert reading is not None
    assert reading.item.provider_ids == NO_IDS
    assert reading.item.show_provider_ids == ProviderIds(tvdb="81189")


def test_legacy_id_of_a_season_names_its_show() -> None:
    reading = wire.parse_row(
        {**SEASON, "guid": "com.plexapp.agents.thetvdb://81189/1?lang=en"}
    )
    assert reading is not None
    assert reading.item.provider_ids == NO_IDS
    assert reading.item.show_provider_ids == ProviderIds(tvdb="81189")


def test_legacy_id_of_an_episode_without_numbers_names_nothing() -> None:
    row = {key: value for key, value in EPISODE.items() if not key.endswith("uid")}
    reading = wire.parse_row({**row, "guid": "com.plexapp.agents.imdb://tt0959621"})
    assert reading is not None
    assert reading.item.provider_ids == NO_IDS
    assert reading.item.show_provider_ids == NO_IDS


def test_first_of_several_ids_of_one_provider_counts() -> None:
    reading = wire.parse_row(
        {**MOVIE, "Guid": [{"id": "tmdb://1"}, {"id": "tmdb://2"}, {"id": "tvdb://"}]}
    )
    assert reading is not None
    assert reading.item.provider_ids == ProviderIds(tmdb="1")


def test_negative_offset_is_none() -> None:
    reading = wire.parse_row({**MOVIE, "viewOffset": -1})
    assert reading is not None
    assert reading.state.position == 0


def test_listing_without_metadata_is_empty() -> None:
    assert wire.parse_page({"MediaContainer": {"size": 0, "totalSize": 0}}) == (
        Page([], 0, 0)
    )


def test_listing_gives_its_library_to_its_rows() -> None:
    row = {key: value for key, value in MOVIE.items() if key != "librarySectionID"}
    page = wire.parse_page(
        {"MediaContainer": {"librarySectionID": 9, "totalSize": 40, "Metadata": [row]}}
    )
    assert page.readings[0].item.library_id == "9"
    assert (page.row_count, page.total) == (1, 40)


def test_one_bad_row_spoils_the_listing() -> None:
    """A failed read is not a shorter answer."""
    bad = {key: value for key, value in MOVIE.items() if key != "ratingKey"}
    with pytest.raises(Malformed):
        wire.parse_page({"MediaContainer": {"Metadata": [MOVIE, bad]}})


def test_hubs_are_read_one_after_the_other() -> None:
    answer: Json = {
        "MediaContainer": {
            "Hub": [
                {"type": "movie", "Metadata": [MOVIE]},
                {"type": "actor", "Directory": [{"tag": "Keanu Reeves"}]},
                {"type": "show", "Metadata": [SHOW]},
            ]
        }
    }
    assert [found.item.item_id for found in wire.parse_hubs(answer)] == ["41", "71"]


def test_libraries_of_films_and_shows_are_listed() -> None:
    answer: Json = {
        "MediaContainer": {
            "Directory": [
                {"key": "1", "type": "movie", "title": "Films"},
                {"key": 2, "type": "show"},
                {"key": "3", "type": "artist"},
                {"key": "4", "type": "photo"},
            ]
        }
    }
    assert wire.parse_sections(answer) == [
        Library("1", "Films", MediaKind.MOVIE),
        Library("2", "2", MediaKind.SHOW),
    ]


def test_owner_is_the_local_account_one() -> None:
    answer: Json = {
        "MediaContainer": {
            "Account": [{"id": 0, "name": ""}, {"id": 1, "name": "alex"}]
        }
    }
    assert wire.parse_owner_name(answer) == "alex"
    assert wire.parse_owner_name({"MediaContainer": {}}) is None


@pytest.mark.parametrize(
    ("account", "expected"),
    [
        ({"id": 7, "uuid": "a", "title": "Kim", "username": "kim77"}, ("7", "Kim")),
        ({"id": 7, "friendlyName": "Mum", "title": "Kim"}, ("7", "Mum")),
        ({"id": "7", "title": "", "username": "kim77"}, ("7", "kim77")),
        ({"id": 7}, ("7", "7")),
    ],
)
def test_account_is_named_as_plex_shows_it(
    account: Json, expected: tuple[str, str]
) -> None:
    assert wire.parse_account(account) == expected


def test_play_queue_is_read() -> None:
    answer: Json = {
        "MediaContainer": {
            "playQueueID": 7,
            "playQueueSelectedItemID": "12",
            "playQueueVersion": 1,
        }
    }
    assert wire.parse_play_queue(answer) == wire.PlayQueue("7", "12")
    with pytest.raises(Malformed):
        wire.parse_play_queue({"MediaContainer": {"playQueueID": 7}})


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (None, False),
        ("", False),
        ({"MediaContainer": None}, False),
        ({"MediaContainer": {"size": 0}}, False),
        ({"MediaContainer": {"terminationCode": 0}}, False),
        ({"MediaContainer": {"terminationCode": 2006, "terminationText": "x"}}, True),
        ({"MediaContainer": {"terminationCode": "2006"}}, True),
    ],
)
def test_end_of_a_playback_is_told_by_a_code(answer: Json, *, expected: bool) -> None:
    assert wire.was_ended(answer) is expected


def test_artwork_is_the_items_own_before_its_seasons_and_shows() -> None:
    answer: Json = {
        "MediaContainer": {
            "Metadata": [
                {
                    "grandparentThumb": "/library/metadata/71/thumb/3",
                    "thumb": "/library/metadata/73/thumb/1",
                    "parentThumb": "/library/metadata/73/thumb/1",
                },
                {"thumb": "/another"},
            ]
        }
    }
    assert wire.parse_artwork(answer) == [
        "/library/metadata/73/thumb/1",
        "/library/metadata/71/thumb/3",
    ]


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "https://example.org/x.jpg",
        "//example.org/x.jpg",
        "library/metadata/1/thumb/1",
        "/a b",
        "/a\n",
        "/ü",
        "/\ud800",
        "/" + "a" * 999,
    ],
)
def test_artwork_elsewhere_is_none(path: str) -> None:
    assert not wire.parse_artwork({"MediaContainer": {"Metadata": [{"thumb": path}]}})
    assert not wire.parse_artwork({"MediaContainer": {"size": 0}})


@pytest.mark.parametrize("value", ["1", "41234", "abc-DEF_9"])
def test_rating_keys(value: str) -> None:
    assert wire.is_rating_key(value)


@pytest.mark.parametrize(
    "value",
    ["", ".", "..", "1,2", "1/children", "1?x=1", "1#", "a b", "٣", "9" * 65, "1\n"],
)
def test_what_is_no_rating_key(value: str) -> None:
    assert not wire.is_rating_key(value)


PARSERS = [
    wire.container,
    wire.parse_identity,
    wire.parse_owner_name,
    wire.parse_account,
    wire.parse_history_account,
    wire.parse_sections,
    wire.parse_page,
    wire.parse_hubs,
    wire.parse_play_queue,
    wire.parse_artwork,
    wire.was_ended,
]
LISTS = st.sampled_from(
    ["Metadata", "Hub", "Directory", "Account", "playQueueID", "terminationCode"]
)


@given(value=ANYTHING, name=LISTS, wrap=st.integers(0, 3))
def test_no_answer_raises_anything_but_malformed(
    value: Json, name: str, wrap: int
) -> None:
    answers: list[Json] = [
        value,
        {"MediaContainer": value},
        {"MediaContainer": {name: value}},
        {"MediaContainer": {name: [value]}},
    ]
    for parse in PARSERS:
        try:
            parse(answers[wrap])
        except Malformed:
            continue


@given(
    row=st.sampled_from([MOVIE, EPISODE, SEASON, SHOW]),
    data=st.data(),
    value=ANYTHING | SCALARS,
)
def test_no_spoilt_row_raises_anything_but_malformed(
    row: dict[str, Any], data: st.DataObject, value: Json
) -> None:
    key = data.draw(st.sampled_from(sorted(row)))
    try:
        reading = wire.parse_row({**row, key: value})
    except Malformed:
        return
    assert reading is None or reading.item.item_id
