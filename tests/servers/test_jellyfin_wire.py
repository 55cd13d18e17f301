"""Jellyfin's JSON in the core's words."""

from collections.abc import Callable
from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta, timezone
from functools import partial
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
from custom_components.watched_sync.servers.jellyfin import wire
from custom_components.watched_sync.servers.listing import ListingPage

from .json_strategies import ANYTHING, SCALARS

MOVIE_ID = "a" * 32
EPISODE_ID = "b" * 32
SEASON_ID = "c" * 32
SHOW_ID = "d" * 32

MOVIE: dict[str, Any] = {
    "Id": MOVIE_ID,
    "Name": "The Matrix",
    "Type": "Movie",
    "ProductionYear": 1999,
    "PremiereDate": "1999-03-31T00:00:00.0000000Z",
    "RunTimeTicks": 81_780_000_000,
    "ProviderIds": {"Imdb": "tt0133093", "tmdb": "603", "TmdbCollection": "2344"},
    "LocationType": "FileSystem",
    "UserData": {
        "PlaybackPositionTicks": 955_000_000,
        "PlayCount": 2,
        "Played": True,
        "LastPlayedDate": "2024-02-20T19:17:06.9081762Z",
        "Key": "tt0133093",
        "ItemId": MOVIE_ID,
    },
}
EPISODE: dict[str, Any] = {
    "Id": EPISODE_ID,
    "Name": "Pilot",
    "Type": "Episode",
    "SeriesId": SHOW_ID,
    "SeriesName": "Breaking Bad",
    "SeasonId": SEASON_ID,
    "ParentIndexNumber": 1,
    "IndexNumber": 1,
    "IndexNumberEnd": 2,
    "RunTimeTicks": 34_800_000_000,
    "UserData": {"PlaybackPositionTicks": 0, "PlayCount": 0, "Played": False},
}
SEASON: dict[str, Any] = {
    "Id": SEASON_ID,
    "Name": "Season 1",
    "Type": "Season",
    "SeriesId": SHOW_ID,
    "SeriesName": "Breaking Bad",
    "IndexNumber": 1,
    "RecursiveItemCount": 7,
    "UserData": {"Played": False, "UnplayedItemCount": 4, "PlayCount": 9},
}
SHOW: dict[str, Any] = {
    "Id": SHOW_ID,
    "Name": "Breaking Bad",
    "Type": "Series",
    "ProductionYear": 2008,
    "RecursiveItemCount": 62,
    "UserData": {"Played": True, "UnplayedItemCount": 0},
}
INFO: dict[str, Any] = {
    "LocalAddress": "http://127.0.0.1:8096",
    "ServerName": "den",
    "Version": "10.11.2",
    "ProductName": "Jellyfin Server",
    "OperatingSystem": "",
    "Id": "e" * 32,
    "StartupWizardCompleted": True,
}


def read_row(entry: Row) -> Reading | None:
    return wire.parse_row(entry, Oddities())


def read_page(answer: Json) -> ListingPage:
    return wire.parse_page(answer, Oddities())


def read_libraries(answer: Json) -> list[Library]:
    return wire.parse_libraries(answer, Oddities())


def test_movie_is_read_whole() -> None:
    assert read_row(MOVIE) == Reading(
        Item(
            item_id=MOVIE_ID,
            kind=MediaKind.MOVIE,
            title="The Matrix",
            year=1999,
            provider_ids=ProviderIds(imdb="tt0133093", tmdb="603"),
            duration=8178.0,
            aired=date(1999, 3, 31),
        ),
        PlayState(
            watched=True,
            position=95.5,
            play_count=2,
            last_played=datetime(2024, 2, 20, 19, 17, 6, 908176, tzinfo=UTC),
        ),
    )


def test_episode_is_read_whole() -> None:
    assert read_row(EPISODE) == Reading(
        Item(
            item_id=EPISODE_ID,
            kind=MediaKind.EPISODE,
            title="Pilot",
            duration=3480.0,
            show_id=SHOW_ID,
            show_title="Breaking Bad",
            season_id=SEASON_ID,
            season=1,
            episode=1,
            episode_end=2,
        ),
        PlayState(watched=False),
    )


def test_file_of_one_episode_has_no_last_one() -> None:
    reading = read_row({**EPISODE, "IndexNumberEnd": 1})
    assert reading is not None
    assert reading.item.episode_end is None


def test_season_counts_its_episodes_and_has_no_plays_of_its_own() -> None:
    assert read_row(SEASON) == Reading(
        Item(
            item_id=SEASON_ID,
            kind=MediaKind.SEASON,
            title="Season 1",
            show_id=SHOW_ID,
            show_title="Breaking Bad",
            season=1,
        ),
        PlayState(watched=False),
        leaf_count=7,
        watched_leaf_count=3,
    )


def test_show_is_watched_when_the_server_says_so() -> None:
    reading = read_row(SHOW)
    assert reading is not None
    assert reading.state.watched is True
    assert reading.watched_leaf_count == 62


def test_show_without_episodes_is_unknown_though_called_played() -> None:
    reading = read_row({**SHOW, "RecursiveItemCount": 0})
    assert reading is not None
    assert reading.state.watched is None


def test_show_without_counts_keeps_the_flag() -> None:
    row = {key: value for key, value in SHOW.items() if key != "RecursiveItemCount"}
    reading = read_row(row)
    assert reading is not None
    assert reading.state.watched is True
    assert reading.leaf_count is None
    assert reading.watched_leaf_count is None


@pytest.mark.parametrize("row", [MOVIE, SHOW])
def test_item_without_user_data_is_unknown_rather_than_unwatched(
    row: dict[str, Any],
) -> None:
    reading = read_row({**row, "UserData": None})
    assert reading is not None
    assert reading.state.watched is None


def test_play_count_alone_is_not_watched() -> None:
    reading = read_row({**MOVIE, "UserData": {"PlayCount": 3, "Played": False}})
    assert reading is not None
    assert reading.state.watched is False
    assert reading.state.play_count == 3


def test_never_played_has_no_date() -> None:
    reading = read_row(
        {
            **MOVIE,
            "UserData": {
                "Played": False,
                "LastPlayedDate": "0001-01-01T00:00:00.0000000Z",
            },
        }
    )
    assert reading is not None
    assert reading.state.last_played is None


def test_negative_position_is_none() -> None:
    reading = read_row(
        {**MOVIE, "UserData": {"Played": False, "PlaybackPositionTicks": -5}}
    )
    assert reading is not None
    assert reading.state.position == 0


@pytest.mark.parametrize("ids", [None, {}, {"TvMaze": "1"}, {"Imdb": None}])
def test_item_may_have_no_ids_of_ours(ids: Json) -> None:
    reading = read_row({**MOVIE, "ProviderIds": ids})
    assert reading is not None
    assert reading.item.provider_ids == NO_IDS


@pytest.mark.parametrize(
    "kind",
    ["Audio", "MusicAlbum", "Trailer", "BoxSet", "TvChannel", "Program", "Folder"],
)
def test_kinds_without_our_play_state_are_skipped(kind: str) -> None:
    assert read_row({**MOVIE, "Type": kind}) is None
    assert read_page({"Items": [{**MOVIE, "Type": kind}]}).readings == []


def test_announced_episode_is_skipped() -> None:
    page = read_page(
        {
            "Items": [EPISODE, {**EPISODE, "LocationType": "Virtual"}],
            "TotalRecordCount": 2,
        }
    )
    assert len(page.readings) == 1
    assert (page.row_count, page.total) == (2, 2)


def test_season_without_a_folder_is_there() -> None:
    """Its location is virtual, though its episodes are files."""
    season = {"Id": "5" * 32, "Type": "Season", "LocationType": "Virtual"}
    assert len(read_page({"Items": [season]}).readings) == 1


def test_channel_is_no_library() -> None:
    views: list[Json] = [
        {"Id": MOVIE_ID, "Name": "Films", "Type": "CollectionFolder"},
        {"Id": SHOW_ID, "Name": "Trailers", "Type": "Channel"},
    ]
    assert [one.title for one in read_libraries({"Items": views})] == ["Films"]


def of(kind: type[Any], values: dict[str, Any]) -> dict[str, Any]:
    """Return the *values* that are members of *kind*."""
    names = {one.name for one in fields(kind)}
    return {name: value for name, value in values.items() if name in names}


@pytest.mark.parametrize(
    ("changes", "member", "expected"),
    [
        ({"ProductionYear": "2010?"}, "ProductionYear", {"year": None}),
        ({"ProductionYear": 1e300}, "ProductionYear", {"year": None}),
        ({"RunTimeTicks": 1e300}, "RunTimeTicks", {"duration": None}),
        ({"ProviderIds": []}, "ProviderIds", {"provider_ids": NO_IDS}),
        ({"Name": {}}, "Name", {"title": ""}),
        (
            {
                "UserData": {
                    **MOVIE["UserData"],
                    "LastPlayedDate": "2025-13-45T00:00:00Z",
                }
            },
            "LastPlayedDate",
            {"last_played": None},
        ),
        (
            {"UserData": {**MOVIE["UserData"], "PlayCount": -1}},
            "PlayCount",
            {"play_count": 0},
        ),
        (
            {"UserData": {**MOVIE["UserData"], "Played": "yes"}},
            "Played",
            {"watched": None},
        ),
        (
            {"UserData": {**MOVIE["UserData"], "PlaybackPositionTicks": 1e300}},
            "PlaybackPositionTicks",
            {"position": 0.0},
        ),
    ],
)
def test_an_odd_member_costs_itself_alone(
    changes: dict[str, Any], member: str, expected: dict[str, Any]
) -> None:
    odd = Oddities()
    answer: Json = {"Items": [MOVIE, {**MOVIE, **changes}], "TotalRecordCount": 2}
    good, found = wire.parse_page(answer, odd).readings
    assert found == Reading(
        replace(good.item, **of(Item, expected)),
        replace(good.state, **of(PlayState, expected)),
    )
    assert found.state.hides_position == (member == "PlaybackPositionTicks")
    assert odd.counts == {member: 1}


@pytest.mark.parametrize("value", [None, "../1", "a" * 31, "0" * 32, {}, "9" * 99])
def test_a_row_without_an_id_is_left_out_and_the_others_are_as_they_are(
    value: Json,
) -> None:
    odd = Oddities()
    answer: Json = {"Items": [MOVIE, {**MOVIE, "Id": value}], "TotalRecordCount": 2}
    page = wire.parse_page(answer, odd)
    assert page.readings == [read_row(MOVIE)]
    assert (page.row_count, page.unreadable) == (2, [])
    assert odd.counts["row"] == 1


@pytest.mark.parametrize("value", [None, 4.5, [], "\ud800"])
def test_a_row_that_does_not_say_of_which_kind_is_there_and_unknown(
    value: Json,
) -> None:
    odd = Oddities()
    page = wire.parse_page({"Items": [{**MOVIE, "Type": value}]}, odd)
    assert page.readings == []
    assert page.unreadable == [
        Reading(Item(MOVIE_ID, MediaKind.UNKNOWN, "The Matrix"), UNKNOWN)
    ]
    assert odd.counts == {"Type": 1}


def test_ids_of_rows_are_in_the_form_of_the_server() -> None:
    dashed = "0A1B2C3D-0000-1111-2222-333344445555"
    reading = read_row({**EPISODE, "Id": dashed, "SeriesId": dashed, "SeasonId": "?"})
    assert reading is not None
    assert reading.item.item_id == "0a1b2c3d000011112222333344445555"
    assert reading.item.show_id == reading.item.item_id
    assert reading.item.season_id is None


def test_a_malformed_id_of_a_database_is_none_and_the_right_one_decides() -> None:
    reading = read_row({**MOVIE, "ProviderIds": {"Imdb": "900157", "Tmdb": "900157"}})
    assert reading is not None
    assert reading.item.provider_ids == ProviderIds(tmdb="900157")


def test_rows_beyond_those_asked_for_are_not_looked_at() -> None:
    page = wire.parse_page({"Items": [MOVIE, SHOW, EPISODE]}, Oddities(), 2)
    assert len(page.readings) == page.row_count == 2
    assert page.row_ids == {MOVIE_ID, SHOW_ID}


@pytest.mark.parametrize("answer", [{}, [], {"items": []}, {"Items": {}}])
def test_answer_without_a_list_is_malformed(answer: Json) -> None:
    with pytest.raises(Malformed):
        read_page(answer)


def test_public_info_is_read() -> None:
    assert wire.parse_public_info(INFO) == wire.PublicInfo(
        server_id="e" * 32,
        server_name="den",
        version="10.11.2",
        product=wire.PRODUCT_NAME,
        is_starting=False,
        is_set_up=True,
    )


def test_start_up_responder_is_known_by_its_camel_case() -> None:
    info = {
        "localAddress": None,
        "serverName": "den",
        "version": "10.11.2",
        "productName": "Jellyfin Server",
        "id": "e" * 32,
        "startupWizardCompleted": False,
    }
    assert wire.parse_public_info(info).is_starting


def test_other_products_are_known_by_their_name() -> None:
    emby = {key: value for key, value in INFO.items() if key != "ProductName"}
    assert wire.parse_public_info(emby).product is None


def test_unfinished_wizard_is_noticed() -> None:
    assert not wire.parse_public_info(
        {**INFO, "StartupWizardCompleted": False}
    ).is_set_up


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("A" * 32, "a" * 32),
        ("01234567-89ab-cdef-0123-456789ABCDEF", "0123456789abcdef0123456789abcdef"),
        ("0" * 32, None),
        ("a" * 31, None),
        ("a" * 33, None),
        ("g" * 32, None),
        ("", None),
        ("a" * 32 + "\n", None),
        ("41,42", None),
    ],
)
def test_ids_are_put_in_the_form_of_the_server(
    value: str, expected: str | None
) -> None:
    assert wire.normal_id(value) == expected


def test_moment_is_written_with_a_z() -> None:
    local = datetime(2026, 1, 31, 22, 15, tzinfo=timezone(timedelta(hours=2)))
    assert wire.date_played(local) == "2026-01-31T20:15:00Z"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, 0), (1.5, 15_000_000), (-3, 0), (5400, 54_000_000_000)],
)
def test_seconds_become_ticks(seconds: float, expected: int) -> None:
    assert wire.ticks(seconds) == expected


def test_login_gives_token_and_user() -> None:
    token, user = wire.parse_login(
        {
            "User": {"Id": "f" * 32, "Name": "alex", "ServerId": "e" * 32},
            "AccessToken": "t0ken",
            "ServerId": "e" * 32,
        }
    )
    assert token == "t0ken"
    assert user == wire.User("f" * 32, "alex", "e" * 32)


def test_libraries_of_films_and_shows_are_listed() -> None:
    answer: Json = {
        "Items": [
            {"Id": MOVIE_ID, "Name": "Films", "CollectionType": "movies"},
            {"Id": SHOW_ID, "Name": "Shows", "CollectionType": "tvshows"},
            {"Id": SEASON_ID, "Name": "Both"},
            {"Id": EPISODE_ID, "Name": "Songs", "CollectionType": "music"},
            {"Id": EPISODE_ID, "Name": "Sets", "CollectionType": "boxsets"},
        ]
    }
    assert read_libraries(answer) == [
        Library(MOVIE_ID, "Films", MediaKind.MOVIE),
        Library(SHOW_ID, "Shows", MediaKind.SHOW),
        Library(SEASON_ID, "Both", None),
    ]
    with pytest.raises(Malformed):
        read_libraries({})


def test_sessions_are_known_by_whose_they_are() -> None:
    dashed = "01234567-89AB-CDEF-0123-456789ABCDEF"
    answer: Json = [
        {"Id": "s1", "UserId": dashed},
        {"Id": "s2", "UserId": None},
        {"Id": "s3"},
        {"Id": "s4", "UserId": "7"},
    ]
    assert wire.parse_session_users(answer) == {
        "s1": "0123456789abcdef0123456789abcdef",
        "s4": "7",
    }


PARSERS: list[Callable[[Json], object]] = [
    wire.parse_public_info,
    wire.parse_user,
    wire.parse_login,
    read_page,
    read_libraries,
    wire.parse_session_users,
    partial(wire.parse_folders, odd=Oddities()),
    partial(wire.parse_library_above, odd=Oddities()),
    partial(wire.parse_files, odd=Oddities()),
    partial(wire.parse_listed_files, odd=Oddities()),
    partial(wire.parse_states, odd=Oddities()),
    partial(wire.parse_video, odd=Oddities()),
]


def test_files_and_their_play_states_are_read_from_lists() -> None:
    sources = [{"Id": MOVIE_ID}, {"Id": "E" * 32}, {"Id": "../x"}]
    odd = Oddities()
    rows = {"Items": [{**MOVIE, "MediaSources": sources}, {"Id": SHOW_ID}]}
    assert wire.parse_listed_files(rows, odd) == {
        MOVIE_ID: [MOVIE_ID, "e" * 32],
        SHOW_ID: [],
    }
    video = {**MOVIE, "Id": "E" * 32, "Type": "Video"}
    states = wire.parse_states({"Items": [video, {"Id": SHOW_ID}]}, odd)
    film = read_row(MOVIE)
    assert film is not None
    assert states == {"e" * 32: film.state}
    assert odd.counts == {"row": 1}


@pytest.mark.parametrize(
    ("count", "has_more"),
    [(2, True), (1, False), (None, False), ("many", False), (-2, False)],
)
def test_film_says_whether_it_has_more_files(count: Json, *, has_more: bool) -> None:
    reading = read_row({**MOVIE, "MediaSourceCount": count})
    assert reading is not None
    assert reading.has_more_files is has_more


@pytest.mark.parametrize(
    ("file", "film"),
    [
        ("Alien (1979) - 1080p", "Alien"),
        ("Alien - Director's Cut", "Alien"),
        ("Alien [2160p]", "Alien"),
        ("(500) Days of Summer (2009) - 4K", "(500) Days of Summer"),
        ("[REC] (2007) - 4K", "[REC]"),
        ("Face-Off - 4K", "Face-Off"),
        ("(1979) - 4K", "(1979) - 4K"),
        (None, ""),
    ],
)
def test_name_of_a_file_begins_with_that_of_its_film(
    file: str | None, film: str
) -> None:
    called, ids = wire.parse_video({**MOVIE, "Name": file}, Oddities())
    assert called == film
    assert ids.tmdb == "603"


@given(value=ANYTHING, wrap=st.integers(0, 3))
def test_no_answer_raises_anything_but_malformed(value: Json, wrap: int) -> None:
    answers: list[Json] = [
        value,
        {"Items": value},
        {"Items": [value]},
        {"AccessToken": "t", "User": value, "Id": value},
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
    inner = data.draw(st.sampled_from(sorted(row["UserData"])))
    for spoilt in (
        {**row, key: value},
        {**row, "UserData": {**row["UserData"], inner: value}},
    ):
        try:
            reading = read_row(spoilt)
        except Malformed:
            continue
        assert reading is None or reading.item.item_id
