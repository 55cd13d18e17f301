"""Plex's JSON in the core's words."""

from contextlib import suppress
from dataclasses import fields, replace
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
from custom_components.watched_sync.core.play_state import (
    UNKNOWN,
    PlayState,
    Reading,
)
from custom_components.watched_sync.core.ports import Library
from custom_components.watched_sync.servers.fields import Json, Oddities, Row
from custom_components.watched_sync.servers.listing import ListingPage
from custom_components.watched_sync.servers.plex import wire
from custom_components.watched_sync.servers.plex.limits import DEFAULTS, Limits

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


def read_row(entry: Row, library: str | None = None) -> Reading | None:
    return wire.parse_row(entry, Oddities(), library)


def read_page(answer: Json) -> ListingPage:
    return wire.parse_page(answer, Oddities())


def read_hubs(answer: Json) -> list[Reading]:
    return wire.parse_hubs(answer, Oddities())


def read_sections(answer: Json) -> list[Library]:
    return wire.parse_sections(answer, Oddities())


def test_movie_is_read_whole() -> None:
    assert read_row(MOVIE) == Reading(
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
    assert read_row(EPISODE, library="2") == Reading(
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
    assert read_row(SEASON) == Reading(
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
    reading = read_row(SHOW)
    assert reading is not None
    assert reading.state.watched is True
    assert (reading.leaf_count, reading.watched_leaf_count) == (62, 62)


def test_show_without_episodes_is_unknown() -> None:
    reading = read_row({**SHOW, "leafCount": 0, "viewedLeafCount": 0})
    assert reading is not None
    assert reading.state.watched is None


def test_show_without_counts_is_unknown_rather_than_unwatched() -> None:
    row = {key: value for key, value in SHOW.items() if key != "leafCount"}
    reading = read_row(row)
    assert reading is not None
    assert reading.state.watched is None
    assert reading.leaf_count is None
    assert reading.watched_leaf_count is None


def test_missing_view_count_means_unwatched() -> None:
    row = {key: value for key, value in MOVIE.items() if not key.startswith("view")}
    reading = read_row(row)
    assert reading is not None
    assert reading.state.watched is False
    assert reading.state.play_count == 0
    assert reading.state.position == 0


def test_numbers_may_come_as_text() -> None:
    texts = {
        key: str(value) if isinstance(value, int) else value
        for key, value in MOVIE.items()
    }
    assert read_row(texts) == read_row(MOVIE)


def test_numeric_rating_key_becomes_text() -> None:
    reading = read_row({**MOVIE, "ratingKey": 41})
    assert reading is not None
    assert reading.item.item_id == "41"


@pytest.mark.parametrize(
    "kind", ["track", "clip", "artist", "album", "photo", "trailer", "unknown", "4"]
)
def test_kinds_without_our_play_state_are_skipped(kind: str) -> None:
    assert read_row({**MOVIE, "type": kind}) is None
    page = read_page({"MediaContainer": {"Metadata": [{**MOVIE, "type": kind}]}})
    assert (page.readings, page.unreadable) == ([], [])
    assert (page.row_count, page.total) == (1, None)


@pytest.mark.parametrize(
    ("guid", "expected"),
    [
        ("com.plexapp.agents.imdb://tt0133093?lang=en", ProviderIds(imdb="tt0133093")),
        ("com.plexapp.agents.themoviedb://603?lang=en", ProviderIds(tmdb="603")),
        ("com.plexapp.agents.thetvdb://81189?lang=en", ProviderIds(tvdb="81189")),
        ("com.plexapp.agents.hama://tvdb-81189?lang=en", ProviderIds(tvdb="81189")),
        ("com.plexapp.agents.hama://tvdb2-81189?lang=en", ProviderIds(tvdb="81189")),
        ("com.plexapp.agents.hama://tmdb-603?lang=en", ProviderIds(tmdb="603")),
        ("com.plexapp.agents.hama://tsdb-603?lang=en", NO_IDS),
        ("com.plexapp.agents.hama://tvdb3-81189?lang=en", NO_IDS),
        ("com.plexapp.agents.hama://tvdb4-81189?lang=en", NO_IDS),
        ("com.plexapp.agents.hama://anidb-17?lang=en", NO_IDS),
        ("com.plexapp.agents.tmdb://603?lang=en", ProviderIds(tmdb="603")),
        ("com.plexapp.agents.themoviedb://0?lang=en", NO_IDS),
        ("com.plexapp.agents.imdb://0133093?lang=en", NO_IDS),
        ("tv.plex.agents.nfo.movie://movie/tmdb_603", ProviderIds(tmdb="603")),
        (
            "tv.plex.agents.nfo.movie://movie/imdb_tt0133093?lang=en",
            ProviderIds(imdb="tt0133093"),
        ),
        ("tv.plex.agents.nfo.series://show/tvdb_81189", NO_IDS),
        (
            "com.plexapp.agents.xbmcnfo://tt0133093?lang=en",
            ProviderIds(imdb="tt0133093"),
        ),
        ("com.plexapp.agents.xbmcnfo://603", ProviderIds(tmdb="603")),
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
    reading = read_row({**row, "guid": guid})
    assert reading is not None
    assert reading.item.provider_ids == expected


@pytest.mark.parametrize(
    "guids",
    [
        {"guid": "com.plexapp.agents.thetvdb://81189/1/1?lang=en"},
        {"grandparentGuid": "com.plexapp.agents.thetvdb://81189?lang=en"},
        {"parentGuid": "com.plexapp.agents.thetvdb://81189/1?lang=en"},
        {"guid": "com.plexapp.agents.hama://tvdb-81189/2/8"},
        {"guid": "com.plexapp.agents.hama://tvdb2-81189/2/8"},
        {"guid": "com.plexapp.agents.xbmcnfotv://81189/2/8"},
        {"grandparentGuid": "tv.plex.agents.nfo.series://show/tvdb_81189"},
    ],
)
def test_legacy_id_of_an_episode_names_its_show(guids: dict[str, str]) -> None:
    row = {key: value for key, value in EPISODE.items() if not key.endswith("uid")}
    reading = read_row({**row, **guids})
    assert reading is not None
    assert reading.item.provider_ids == NO_IDS
    assert reading.item.show_provider_ids == ProviderIds(tvdb="81189")


@pytest.mark.parametrize("numbering", ["tvdb3", "tvdb4", "tvdb5", "tvdb6", "anidb"])
def test_an_episode_that_nobody_else_numbers_so_has_no_ids(numbering: str) -> None:
    """Absolute numbers would name another episode elsewhere."""
    row = {key: value for key, value in EPISODE.items() if not key.endswith("uid")}
    guids = {
        "guid": f"com.plexapp.agents.hama://{numbering}-900100/2/8",
        "grandparentGuid": f"com.plexapp.agents.hama://{numbering}-900100",
    }
    reading = read_row({**row, **guids})
    assert reading is not None
    assert reading.item.provider_ids == NO_IDS
    assert reading.item.show_provider_ids == NO_IDS


def test_nfo_agents_name_an_episode_by_itself() -> None:
    row = {key: value for key, value in EPISODE.items() if not key.endswith("uid")}
    reading = read_row(
        {**row, "guid": "tv.plex.agents.nfo.series://episode/tvdb_349232"}
    )
    assert reading is not None
    assert reading.item.provider_ids == ProviderIds(tvdb="349232")
    assert reading.item.show_provider_ids == NO_IDS


@pytest.mark.parametrize(
    "guid",
    [
        "com.plexapp.agents.hama://tsdb-1396",
        "com.plexapp.agents.themoviedb://1396",
        "tv.plex.agents.nfo.series://show/tmdb_1396",
    ],
)
def test_a_show_is_named_by_its_own_number_at_tmdb(guid: str) -> None:
    reading = read_row({**SHOW, "guid": guid})
    assert reading is not None
    assert reading.item.provider_ids == ProviderIds(tmdb="1396")


def test_a_films_number_at_tmdb_names_no_show() -> None:
    reading = read_row({**SHOW, "guid": "com.plexapp.agents.hama://tmdb-1396"})
    assert reading is not None
    assert reading.item.provider_ids == NO_IDS


def test_a_placeholder_is_no_id() -> None:
    ids: Json = [
        {"id": "tmdb://0"},
        {"id": "imdb://900157"},
        {"id": 5.5},
        "x",
        {"id": "tmdb://603"},
    ]
    reading = read_row({**MOVIE, "Guid": ids})
    assert reading is not None
    assert reading.item.provider_ids == ProviderIds(tmdb="603")


def test_legacy_id_of_a_season_names_its_show() -> None:
    reading = read_row(
        {**SEASON, "guid": "com.plexapp.agents.thetvdb://81189/1?lang=en"}
    )
    assert reading is not None
    assert reading.item.provider_ids == NO_IDS
    assert reading.item.show_provider_ids == ProviderIds(tvdb="81189")


def test_legacy_id_of_an_episode_without_numbers_names_nothing() -> None:
    row = {key: value for key, value in EPISODE.items() if not key.endswith("uid")}
    reading = read_row({**row, "guid": "com.plexapp.agents.imdb://tt0959621"})
    assert reading is not None
    assert reading.item.provider_ids == NO_IDS
    assert reading.item.show_provider_ids == NO_IDS


def test_first_of_several_ids_of_one_provider_counts() -> None:
    reading = read_row(
        {**MOVIE, "Guid": [{"id": "tmdb://1"}, {"id": "tmdb://2"}, {"id": "tvdb://"}]}
    )
    assert reading is not None
    assert reading.item.provider_ids == ProviderIds(tmdb="1")


def test_negative_offset_is_none_that_is_known() -> None:
    reading = read_row({**MOVIE, "viewOffset": -1})
    assert reading is not None
    assert reading.state.position == 0
    assert reading.state.hides_position


def test_a_play_in_years_to_come_has_no_known_time() -> None:
    """It would be the last one until then, and newer than every operation."""
    odd = Oddities(lambda: datetime(2026, 11, 21, tzinfo=UTC))
    row = {**MOVIE, "lastViewedAt": datetime(2031, 1, 1, tzinfo=UTC).timestamp()}
    reading = wire.parse_row(row, odd)
    assert reading is not None
    assert reading.state.last_played is None
    show = {**row, "type": "show", "leafCount": 2, "viewedLeafCount": 1}
    reading = wire.parse_row(show, odd)
    assert reading is not None
    assert reading.state.last_played is None
    assert odd.counts == {"lastViewedAt": 2}


def test_listing_without_metadata_is_empty() -> None:
    assert read_page({"MediaContainer": {"size": 0, "totalSize": 0}}) == (
        ListingPage([], 0, 0)
    )


def test_listing_gives_its_library_to_its_rows() -> None:
    row = {key: value for key, value in MOVIE.items() if key != "librarySectionID"}
    page = read_page(
        {"MediaContainer": {"librarySectionID": 9, "totalSize": 40, "Metadata": [row]}}
    )
    assert page.readings[0].item.library_id == "9"
    assert (page.row_count, page.total) == (1, 40)


def of(kind: type[Any], values: dict[str, Any]) -> dict[str, Any]:
    """Return the *values* that are members of *kind*."""
    names = {one.name for one in fields(kind)}
    return {name: value for name, value in values.items() if name in names}


@pytest.mark.parametrize(
    ("member", "value", "expected"),
    [
        ("lastViewedAt", 910692730085, {"last_played": None}),
        ("lastViewedAt", -5e15, {"last_played": None}),
        ("viewCount", -1, {"watched": None, "play_count": 0}),
        ("viewCount", 2**64, {"watched": None, "play_count": 0}),
        ("viewCount", "many", {"watched": None, "play_count": 0}),
        ("viewOffset", 1e300, {"position": 0.0}),
        ("viewOffset", -1, {"position": 0.0}),
        ("year", 1e300, {"year": None}),
        ("year", "2010?", {"year": None}),
        ("duration", 1e300, {"duration": None}),
        ("title", ["a"], {"title": ""}),
        ("Guid", {"id": "imdb://tt0133093"}, {"provider_ids": NO_IDS}),
        ("librarySectionID", "../3", {"library_id": None}),
    ],
)
def test_an_odd_member_costs_itself_alone(
    member: str, value: Json, expected: dict[str, Any]
) -> None:
    odd = Oddities()
    answer: Json = {"MediaContainer": {"Metadata": [MOVIE, {**MOVIE, member: value}]}}
    good, found = wire.parse_page(answer, odd).readings
    assert found == Reading(
        replace(good.item, **of(Item, expected)),
        replace(good.state, **of(PlayState, expected)),
    )
    assert found.state.hides_position == (member == "viewOffset")
    assert odd.counts == {member: 1}


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("ratingKey", None),
        ("ratingKey", "../1"),
        ("ratingKey", "1?x#"),
        ("ratingKey", {}),
        ("ratingKey", "9" * 99),
    ],
)
def test_a_row_without_an_id_is_left_out_and_the_others_are_as_they_are(
    member: str, value: Json
) -> None:
    odd = Oddities()
    answer: Json = {"MediaContainer": {"Metadata": [MOVIE, {**MOVIE, member: value}]}}
    page = wire.parse_page(answer, odd)
    assert page.readings == [read_row(MOVIE)]
    assert (page.row_count, page.unreadable) == (2, [])
    assert odd.counts["row"] == 1


@pytest.mark.parametrize("value", [None, 4.5, [], "\ud800"])
def test_a_row_that_does_not_say_of_which_kind_is_there_and_unknown(
    value: Json,
) -> None:
    odd = Oddities()
    answer: Json = {"MediaContainer": {"Metadata": [{**MOVIE, "type": value}]}}
    page = wire.parse_page(answer, odd)
    assert page.readings == []
    assert page.unreadable == [
        Reading(Item("41", MediaKind.UNKNOWN, "The Matrix"), UNKNOWN)
    ]
    assert odd.counts == {"type": 1}
    assert read_hubs(answer) == []


def test_a_show_with_an_odd_count_of_seen_episodes_is_unknown() -> None:
    reading = read_row({**SHOW, "viewedLeafCount": -1})
    assert reading is not None
    assert (reading.state.watched, reading.watched_leaf_count) == (None, None)


def test_rows_beyond_those_asked_for_are_not_looked_at() -> None:
    held: dict[str, Json] = {"Metadata": [MOVIE, SHOW, EPISODE], "totalSize": 900}
    page = wire.parse_page({"MediaContainer": held}, Oddities(), 2)
    assert len(page.readings) == page.row_count == 2
    assert page.row_ids == {"41", "71"}
    # A server that does not page has sent all there is.
    del held["totalSize"]
    assert wire.parse_page({"MediaContainer": held}, Oddities(), 2).row_count == 3


@pytest.mark.parametrize("metadata", [{}, "text", 5])
def test_a_listing_that_lists_nothing_is_malformed(metadata: Json) -> None:
    with pytest.raises(Malformed):
        read_page({"MediaContainer": {"Metadata": metadata or {"a": 1}}})


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
    assert [found.item.item_id for found in read_hubs(answer)] == ["41", "71"]


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
    assert read_sections(answer) == [
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
        ({"id": 7}, ("7", "")),
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
        "/library/../../admin",
        "/library/%2e%2e/admin",
        "/..",
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
    read_sections,
    read_page,
    read_hubs,
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
        reading = read_row({**row, key: value})
    except Malformed:
        return
    assert reading is None or reading.item.item_id


def preferences(*settings: Any) -> dict[str, Any]:
    return {"MediaContainer": {"size": len(settings), "Setting": list(settings)}}


def preference(key: str, value: Any) -> dict[str, Any]:
    return {"id": key, "type": "int", "value": value}


def test_limits_are_two_of_many_preferences() -> None:
    answer = preferences(
        preference("FriendlyName", "den"),
        preference("LibraryVideoPlayedThreshold", 70),
        preference("minimumProgressTime", "120000"),
        "odd",
    )
    assert wire.parse_limits(answer, Oddities()) == Limits(120, 0.7)


@pytest.mark.parametrize("value", [None, 0, -5, 101, "x", [], True])
def test_limit_that_cannot_be_one_is_the_usual_one(value: Any) -> None:
    answer = preferences(preference("LibraryVideoPlayedThreshold", value))
    assert wire.parse_limits(answer, Oddities()) == DEFAULTS
    answer = preferences(preference("minimumProgressTime", "much"))
    assert wire.parse_limits(answer, Oddities()) == DEFAULTS


@given(answer=ANYTHING, value=SCALARS)
def test_preferences_of_any_form_are_limits_or_malformed(
    answer: Any, value: Any
) -> None:
    settings = (
        preference("LibraryVideoPlayedThreshold", value),
        preference("minimumProgressTime", value),
    )
    for whole in (answer, preferences(*settings)):
        with suppress(Malformed):
            limits = wire.parse_limits(whole, Oddities())
            assert 0 < limits.max_progress <= 1
            assert limits.min_position >= 0
