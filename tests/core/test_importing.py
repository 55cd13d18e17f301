"""What exports of other programs say, format by format, and what is made of nonsense.

The titles, numbers and dates are invented; the forms are those of real exports.
"""

from datetime import UTC, datetime
import json
from typing import Any

import pytest

from custom_components.watched_sync.core.identity import Item, MediaKind, ProviderIds
from custom_components.watched_sync.core.importing.export import (
    NAMED_ROWS,
    Export,
    File,
    Options,
    SkippedRow,
    read_export,
)
from custom_components.watched_sync.core.importing.faults import (
    DamagedExport,
    OnlyListed,
    UnknownFormat,
    WhoseRows,
)
from custom_components.watched_sync.core.importing.rows import RowReason

NOW = datetime(2026, 11, 1, tzinfo=UTC)
NOON = "T12:00:00+00:00"

FILM = {"title": "Glass Harbor", "year": 2014}
SHOW = {
    "title": "Night Ferry",
    "year": 2019,
    "ids": {"trakt": 5, "slug": "night-ferry", "imdb": "tt0099001", "tvdb": 70001},
}


def read(
    *contents: str | bytes,
    names: tuple[str, ...] = ("export.csv", "second.csv", "third.csv"),
    **options: Any,
) -> Export:
    files = [
        File(name, one if isinstance(one, bytes) else one.encode())
        for name, one in zip(names, contents, strict=False)
    ]
    return read_export(files, now=NOW, options=Options(**options))


def told(export: Export) -> list[tuple[Any, ...]]:
    """Return what is known of each work: kind, names, numbers, ids and date."""
    return [(*named(one.item), date(one.state.last_played)) for one in export.readings]


def named(item: Item) -> tuple[Any, ...]:
    ids = item.provider_ids.address(item.kind)
    if item.kind is not MediaKind.EPISODE:
        return item.kind.value, item.title, item.year, ids
    show = item.show_provider_ids.address(MediaKind.SHOW)
    return "episode", item.show_title, item.season, item.episode, ids, show


def date(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def notes(export: Export) -> list[tuple[int, str, str]]:
    return [(one.row, one.reason.value, one.title) for one in export.notes]


# --- Trakt -----------------------------------------------------------------------


def trakt_film(at: str | None, **ids: Any) -> dict[str, Any]:
    return {
        "id": 1,
        "watched_at": at,
        "action": "scrobble",
        "type": "movie",
        "movie": {**FILM, "ids": ids or {"trakt": 1, "imdb": "tt0468000", "tmdb": 155}},
    }


def trakt_episode(at: str, season: int = 1, number: int = 2) -> dict[str, Any]:
    return {
        "id": 2,
        "watched_at": at,
        "action": "watch",
        "type": "episode",
        "episode": {
            "season": season,
            "number": number,
            "title": "Low Tide",
            "ids": {"trakt": 9, "tvdb": 80001, "imdb": None},
        },
        "show": SHOW,
    }


def test_a_history_of_trakts_is_read_each_work_once_with_its_latest_play() -> None:
    export = read(
        json.dumps(
            [
                trakt_film("2014-04-05T15:27:00.000Z"),
                trakt_film("2020-02-03T20:00:00.000Z"),
                trakt_episode("2019-05-06T21:00:00.000Z"),
            ]
        )
    )
    assert told(export) == [
        (
            *("episode", "Night Ferry (2019)", 1, 2),
            *("tvdb://episode/80001", "imdb://tt0099001"),
            "2019-05-06T21:00:00+00:00",
        ),
        *[
            (
                "movie",
                "Glass Harbor",
                2014,
                "imdb://tt0468000",
                "2020-02-03T20:00:00+00:00",
            )
        ],
    ]
    assert [one.state.watched for one in export.readings] == [True, True]
    assert [one.item.item_id for one in export.readings] == ["1", "2"]
    assert (export.formats, export.rows, export.passed_over) == (("trakt",), 3, {})


def test_the_summaries_of_trakts_say_the_same() -> None:
    films = [{"plays": 3, "last_watched_at": "2020-02-03T20:00:00.000Z"}]
    films[0]["movie"] = trakt_film(None)["movie"]
    shows = [
        {
            "plays": 2,
            "last_watched_at": "2019-05-07T21:00:00.000Z",
            "show": SHOW,
            "seasons": [
                {
                    "number": 0,
                    "episodes": [
                        {
                            "number": 1,
                            "plays": 1,
                            "last_watched_at": "2019-05-07T21:00:00Z",
                        }
                    ],
                },
                {"number": 1, "episodes": [{"number": 2, "plays": 1}]},
            ],
        }
    ]
    assert told(read(json.dumps(films))) == [
        ("movie", "Glass Harbor", 2014, "imdb://tt0468000", "2020-02-03T20:00:00+00:00")
    ]
    assert [one[:4] + one[-1:] for one in told(read(json.dumps(shows)))] == [
        ("episode", "Night Ferry (2019)", 1, 2, None),
        ("episode", "Night Ferry (2019)", 0, 1, "2019-05-07T21:00:00+00:00"),
    ]


def test_a_show_without_its_episodes_is_passed_over_unless_the_history_has_them() -> (
    None
):
    summary = json.dumps([{"plays": 1, "last_watched_at": None, "show": SHOW}])
    alone = read(summary)
    assert alone.readings == []
    assert notes(alone) == [(1, "whole_show", "Night Ferry")]
    history = json.dumps([trakt_episode("2019-05-06T21:00:00.000Z")])
    both = read(summary, history)
    assert (len(both.readings), both.notes, both.rows) == (1, [], 2)


@pytest.mark.parametrize(
    "at",
    [
        None,
        "",
        "1970-01-01T00:00:00.000Z",
        "2027-01-01T00:00:00Z",
        "1234-01-01T00:00:00Z",
    ],
)
def test_a_date_that_is_none_is_not_known(at: str | None) -> None:
    assert told(read(json.dumps([trakt_film(at)])))[0][-1] is None


def test_what_is_neither_film_nor_episode_is_passed_over() -> None:
    person = {"watched_at": "2020-01-01T00:00:00Z", "type": "person", "person": {}}
    export = read(json.dumps([trakt_film(None), person, trakt_film(None, trakt=1)]))
    assert notes(export) == [(2, "other_kind", "")]
    assert [one[3] for one in told(export)] == ["imdb://tt0468000", None]


def test_what_trakt_keeps_beside_the_history_is_none() -> None:
    listed = {
        "rank": 1,
        "listed_at": "2020-01-01T00:00:00Z",
        "type": "movie",
        "movie": FILM,
    }
    with pytest.raises(UnknownFormat) as caught:
        read(json.dumps([listed]))
    assert caught.value.found == ("rank", "listed_at", "type", "movie")
    assert caught.value.file == "export.csv"
    both = read(json.dumps([listed]), "[]", json.dumps([trakt_film(None)]))
    assert (len(both.readings), both.rows) == (1, 1)


# --- Letterboxd ------------------------------------------------------------------

DIARY = """\
Date,Name,Year,Letterboxd URI,Rating,Rewatch,Tags,Watched Date
2024-05-02,"Glass, Harbor",2014,https://boxd.it/a,4.5,,"slow, blue",2024-05-01
2025-01-10,"Glass, Harbor",2014,https://boxd.it/b,5,Yes,,2025-01-09
2025-02-11,Tin Lantern,,https://boxd.it/c,,,,
"""
WATCHED = """\
Date,Name,Year,Letterboxd URI
2026-06-02,"Glass, Harbor",2014,https://boxd.it/x
2023-02-02,Paper Whale,2016,https://boxd.it/y
"""


def test_a_diary_of_letterboxds_is_read_by_the_day_of_the_play() -> None:
    export = read(DIARY)
    assert told(export) == [
        ("movie", "Glass, Harbor", 2014, None, f"2025-01-09{NOON}"),
        ("movie", "Tin Lantern", None, None, f"2025-02-11{NOON}"),
    ]
    assert (export.formats, export.rows) == (("letterboxd",), 3)


def test_the_day_of_an_entry_does_not_stand_for_a_play_that_is_known() -> None:
    both = read(WATCHED, DIARY, names=("x/watched.csv", "x/diary.csv"))
    assert (f"2025-01-09{NOON}", "Glass, Harbor") in [
        (one[-1], one[1]) for one in told(both)
    ]
    assert len(both.readings) == 3


@pytest.mark.parametrize(
    "name", ["watchlist.csv", "films.csv", "unwatched.csv", "x.csv"]
)
def test_a_mere_list_is_read_if_somebody_says_that_it_was_watched(name: str) -> None:
    with pytest.raises(OnlyListed):
        read(WATCHED, names=(name,))
    assert len(read(WATCHED, names=(name,), all_watched=True).readings) == 2
    assert len(read(WATCHED, DIARY, names=(name, "diary.csv")).readings) == 2


def test_a_list_that_is_called_watched_was_watched() -> None:
    assert len(read(WATCHED, names=("letterboxd-watched.csv",)).readings) == 2
    rated = "Date,Name,Year,Letterboxd URI,Rating\n2024-01-01,Tin Lantern,1999,u,4\n"
    assert told(read(rated, names=("ratings.csv",)))[0][1] == "Tin Lantern"


@pytest.mark.parametrize("folder", ["deleted", "orphaned", "lists", "likes"])
def test_what_letterboxd_keeps_aside_is_no_history(folder: str) -> None:
    export = read(DIARY, WATCHED, names=(f"{folder}/diary.csv", "watched.csv"))
    assert [one[1] for one in told(export)] == ["Paper Whale", "Glass, Harbor"]


def test_the_table_that_letterboxd_takes_in_has_ids() -> None:
    export = read(
        "imdbID,tmdbID,Title,Year,Directors,WatchedDate,Rating10,Mood\r\n"
        "tt0468000,155,Glass Harbor,2014,Somebody,2024-05-01,9,blue\r\n"
        ",0,Tin Lantern,,,,,\r\n"
    )
    assert told(export) == [
        ("movie", "Tin Lantern", None, None, None),
        ("movie", "Glass Harbor", 2014, "imdb://tt0468000", f"2024-05-01{NOON}"),
    ]
    assert export.unknown_columns == ("mood",)


# --- IMDb ------------------------------------------------------------------------

IMDB_HEAD = (
    "Const,Your Rating,Date Rated,Title,Original Title,URL,Title Type,IMDb Rating,"
    "Runtime (mins),Year,Genres,Num Votes,Release Date,Directors\n"
)
LIST_HEAD = (
    "Position,Const,Created,Modified,Description,Title,Original Title,URL,Title Type,"
    "IMDb Rating,Runtime (mins),Year,Genres,Num Votes,Release Date,Directors,"
    "Your Rating,Date Rated\n"
)


def rated(
    const: str, kind: str, title: str = "Glass Harbor", day: str = "2024-03-15"
) -> str:
    names = f'"{title}","{title}",https://imdb.com'
    return f'{const},9,{day},{names},{kind},8.7,136,2014,"Drama, War",1,2014-03-31,\n'


@pytest.mark.parametrize(
    ("kind", "meant"),
    [
        ("Movie", "movie"),
        ("movie", "movie"),
        ("TV Movie", "unknown"),
        ("TV Special", "unknown"),
        ("tvEpisode", "episode"),
        ("TV Episode", "episode"),
        ("Serie TV", "unknown"),
        ("Film", "unknown"),
        ("", "unknown"),
    ],
)
def test_a_rating_of_imdbs_names_one_title_of_some_kind(kind: str, meant: str) -> None:
    (reading,) = read(IMDB_HEAD + rated("tt0468000", kind)).readings
    assert reading.item.kind == meant
    assert reading.item.provider_ids == ProviderIds(imdb="tt0468000")
    assert date(reading.state.last_played) == f"2024-03-15{NOON}"


def test_what_imdb_rates_beside_films_and_episodes_is_passed_over() -> None:
    export = read(
        IMDB_HEAD
        + rated("tt0000011", "TV Series", "Night Ferry")
        + rated("tt0000012", "TV Mini Series", "Short Ferry")
        + rated("tt0000013", "Video Game", "Ferry Simulator")
        + rated("603", "Movie", "No Number")
        + rated("tt0000014", "Movie", day="15 March")
        + rated("tt0000015", "Movie").replace(",9,", ",,")
        + "\n"
        + "tt0000016,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
        + "tt0000017,8,2020-01-01\n"
    )
    assert notes(export) == [
        (2, "whole_show", "Night Ferry"),
        (3, "whole_show", "Short Ferry"),
        (4, "other_kind", "Ferry Simulator"),
        (5, "damaged", ""),
        (6, "damaged", ""),
        (7, "not_watched", "Glass Harbor"),
        (9, "damaged", ""),
    ]
    assert export.passed_over == {
        RowReason.WHOLE_SHOW: 2,
        RowReason.OTHER_KIND: 1,
        RowReason.DAMAGED: 3,
        RowReason.NOT_WATCHED: 1,
    }
    assert [one[3] for one in told(export)] == ["imdb://tt0000017"]


def test_a_list_of_imdbs_is_read_if_somebody_says_that_it_was_watched() -> None:
    table = LIST_HEAD + (
        "1,tt0000021,2023-07-09,,,Glass Harbor,,,Movie,9,152,2014,,,,,8,2025-02-02\n"
        "2,tt0000022,2023-07-11,,,Tin Lantern,,,Movie,9,152,1999,,,,,,\n"
    )
    with pytest.raises(OnlyListed):
        read(table)
    export = read(table, all_watched=True)
    assert [(one[1], one[-1]) for one in told(export)] == [
        ("Tin Lantern", f"2023-07-11{NOON}"),
        ("Glass Harbor", f"2025-02-02{NOON}"),
    ]
    assert export.unknown_columns == ()


# --- Tautulli --------------------------------------------------------------------


def tautulli_row(**members: Any) -> dict[str, Any]:
    return {
        "date": 1462687607,
        "stopped": 1462688370,
        "friendly_name": "Alex at home",
        "full_title": "Glass Harbor",
        "guid": "plex://movie/5d7768247e9a3c0020c6a8f3",
        "media_type": "movie",
        "title": "Glass Harbor",
        "year": 2014,
        "user": "alex",
        "user_id": 8008135,
        "watched_status": 1,
        **members,
    }


FERRY = {
    "media_type": "episode",
    "grandparent_title": "Night Ferry",
    "parent_media_index": 1,
    "media_index": 2,
    "title": "Low Tide",
}


def answer(*rows: Any) -> str:
    """Return an answer as Tautulli's API gives it."""
    data = {"draw": 1, "recordsTotal": len(rows), "data": list(rows)}
    return json.dumps(
        {"response": {"result": "success", "message": None, "data": data}}
    )


def test_a_history_of_tautullis_is_read_as_far_as_it_was_watched() -> None:
    guid = "com.plexapp.agents.thetvdb://70001/1/2?lang=en"
    export = read(
        answer(
            tautulli_row(),
            tautulli_row(**FERRY, guid=guid, stopped=1462689000),
            tautulli_row(
                **FERRY | {"media_index": "3"}, guid="local://7", stopped=1462689900
            ),
            tautulli_row(title="Half a Film", watched_status=0.5),
            tautulli_row(media_type="track", title="A Song"),
            tautulli_row(**FERRY | {"media_index": ""}),
            7,
        )
    )
    assert told(export) == [
        ("movie", "Glass Harbor", 2014, None, "2016-05-08T06:19:30+00:00"),
        (
            "episode",
            "Night Ferry",
            1,
            2,
            None,
            "tvdb://show/70001",
            "2016-05-08T06:30:00+00:00",
        ),
        ("episode", "Night Ferry", 1, 3, None, None, "2016-05-08T06:45:00+00:00"),
    ]
    assert notes(export) == [
        (4, "not_watched", "Half a Film"),
        (5, "other_kind", "A Song"),
        (6, "damaged", ""),
        (7, "damaged", ""),
    ]


@pytest.mark.parametrize(
    "agent", ["imdb://tt0468000", "themoviedb://155", "hama://anidb-7"]
)
def test_an_agent_of_the_old_times_names_an_id(agent: str) -> None:
    (one,) = told(
        read(answer(tautulli_row(guid=f"com.plexapp.agents.{agent}?lang=en")))
    )
    ids = {"imdb": "imdb://tt0468000", "them": "tmdb://movie/155", "hama": None}
    assert one[3] == ids[agent[:4]]


def test_of_several_users_one_is_to_be_named() -> None:
    rows = answer(
        tautulli_row(),
        tautulli_row(user="sam", friendly_name="Sam", user_id=2, title="Tin Lantern"),
    )
    with pytest.raises(WhoseRows) as caught:
        read(rows)
    assert caught.value.users == ("alex", "sam")
    for asked in ("alex", "ALEX", "Alex at home", "8008135"):
        assert [one[1] for one in told(read(rows, user=asked))] == ["Glass Harbor"]
    with pytest.raises(WhoseRows) as caught:
        read(rows, user="robin")
    assert (caught.value.users, caught.value.asked) == (("alex", "sam"), "robin")


def test_rows_that_name_no_user_are_somebodys() -> None:
    nobodys = tautulli_row(user=None, title="Tin Lantern")
    assert [one[1] for one in told(read(answer(nobodys)))] == ["Tin Lantern"]
    with pytest.raises(WhoseRows) as caught:
        read(answer(nobodys, tautulli_row()))
    assert caught.value.users == ("alex",)
    both = answer(nobodys, tautulli_row())
    assert [one[1] for one in told(read(both, user="alex"))] == ["Glass Harbor"]


@pytest.mark.parametrize("content", [DIARY, json.dumps([trakt_film(None)])])
def test_no_user_can_be_named_where_rows_have_none(content: str) -> None:
    with pytest.raises(WhoseRows) as caught:
        read(content, user="alex")
    assert caught.value.users == ()


# --- Watcharr --------------------------------------------------------------------


def watcharr(status: str = "FINISHED", **members: Any) -> dict[str, Any]:
    return {
        "id": 1,
        "createdAt": "2024-02-01T10:00:00Z",
        "status": status,
        "content": {
            "id": 3,
            "tmdbId": 155,
            "imdb_id": "tt0468000",
            "title": "Glass Harbor",
            "type": "movie",
            "release_date": "2014-03-31T00:00:00Z",
        },
        "activity": [
            {"type": "ADDED_WATCHED", "data": "", "createdAt": "2024-02-01T10:00:00Z"},
            {
                "type": "RATING_CHANGED",
                "data": "8",
                "createdAt": "2025-02-01T10:00:00Z",
            },
        ],
        **members,
    }


FERRY_CONTENT = {"tmdbId": 900, "imdb_id": "", "title": "Night Ferry", "type": "tv"}


def test_an_export_of_watcharrs_is_read() -> None:
    custom = {
        "type": "IMPORTED_ADDED_WATCHED",
        "createdAt": "2026-01-01T00:00:00Z",
        "customDate": "2019-03-04T05:06:07+01:00",
    }
    watched = {
        "seasonNumber": 1,
        "episodeNumber": 2,
        "status": "FINISHED",
        "createdAt": "2024-03-01T10:00:00Z",
    }
    export = read(
        json.dumps(
            [
                watcharr(),
                watcharr(
                    content={
                        **watcharr()["content"],
                        "tmdbId": 156,
                        "imdb_id": "",
                        "title": "Tin Lantern",
                    },
                    activity=[custom],
                ),
                watcharr(
                    "WATCHING",
                    content=FERRY_CONTENT,
                    watchedEpisodes=[
                        watched,
                        watched | {"episodeNumber": 3, "status": "PLANNED"},
                    ],
                ),
                watcharr(content=FERRY_CONTENT | {"tmdbId": 901, "title": "Day Ferry"}),
                watcharr("PLANNED"),
                watcharr(content={**FERRY_CONTENT, "type": "book"}),
                {
                    "id": 2,
                    "status": "FINISHED",
                    "game": {"name": "A Game"},
                    "activity": [],
                },
                watcharr(
                    content={"type": "movie", "title": "No Number"}, activity=None
                ),
            ]
        )
    )
    assert told(export) == [
        ("movie", "Tin Lantern", 2014, "tmdb://movie/156", "2019-03-04T04:06:07+00:00"),
        (
            "movie",
            "Glass Harbor",
            2014,
            "imdb://tt0468000",
            "2024-02-01T10:00:00+00:00",
        ),
        (
            "episode",
            "Night Ferry",
            1,
            2,
            None,
            "tmdb://show/900",
            "2024-03-01T10:00:00+00:00",
        ),
    ]
    assert notes(export) == [
        (3, "not_watched", "Night Ferry"),
        (4, "whole_show", "Day Ferry"),
        (5, "not_watched", "Glass Harbor"),
        (6, "other_kind", "Night Ferry"),
        (7, "other_kind", ""),
        (8, "damaged", ""),
    ]
    assert export.formats == ("watcharr",)


# --- what is no export -----------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("", ()),
        ("[]", ()),
        ("[1, 2]", ()),
        ('{"response": {"data": 7}, "x": 1}', ("data",)),
        ('{"x": [1], "response": {"data": {"rows": []}}}', ("rows",)),
        ('{"shows": [], "version": 2}', ("shows", "version")),
        ('[{"id": 1, "name": "x"}]', ("id", "name")),
        ("item,Quantity,,\nmilk,2\n", ("item", "quantity")),
        (",".join(f"c{n}" for n in range(99)), tuple(f"c{n}" for n in range(20))),
    ],
)
def test_an_unknown_format_is_named_by_what_was_found(
    content: str, found: tuple[str, ...]
) -> None:
    with pytest.raises(UnknownFormat) as caught:
        read(content)
    assert caught.value.found == found


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b'[{"watched_at":', None),
        (b'[{"watched_at": null, "movie": {}} {"watched_at": 1}]', None),
        (b'{"data" 7}', None),
        (b'{"data": 7', None),
        (b"[" * 100_000, None),
        (b'{"data":' * 100_000, None),
        (b'{"data": [' + b"9" * 5000 + b"]}", None),
        (b"Date,Name,Year,Letterboxd URI,Rating\n\xff\xfe,1", None),
        (DIARY.encode() + b'2025-03-01,"never ended\n\n', 5),
        (f'{DIARY}"{"x" * 200_000}"'.encode(), 5),
    ],
)
def test_a_damaged_file_is_refused_as_a_whole(content: bytes, line: int | None) -> None:
    with pytest.raises(DamagedExport) as caught:
        read(DIARY, content)
    assert (caught.value.file, caught.value.line) == ("second.csv", line)


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + DIARY.encode(),
        DIARY.encode("utf-16"),
        DIARY.replace("\n", "\r\n").encode(),
        DIARY.replace("\n", "\r").encode(),
        DIARY.upper()
        .replace("GLASS, HARBOR", "Glass, Harbor")
        .replace("TIN LANTERN", "Tin Lantern")
        .encode(),
        (
            "Date, Name ,Year,Letterboxd URI,Rating,Rewatch,Tags,Watched Date,,\n"
            + DIARY.partition("\n")[2].replace("\n", ",,\n")
        ).encode(),
    ],
)
def test_a_table_may_be_written_in_several_ways(content: bytes) -> None:
    assert told(read(content)) == told(read(DIARY))


def test_a_row_of_several_lines_is_known_by_its_first() -> None:
    export = read(
        "Date,Name,Year,Letterboxd URI,Rating,Rewatch,Review,Tags,Watched Date\n"
        '2024-01-01,Tin Lantern,1999,u,,,"Slow,\u2028and\nbetter for it",,2024-01-01\n'
        "2024-01-01,,,u,,,,,\n"
    )
    assert export.notes == [SkippedRow("export.csv", 4, RowReason.DAMAGED, "")]
    assert [one[1] for one in told(export)] == ["Tin Lantern"]


def test_only_the_first_rows_that_are_passed_over_are_named() -> None:
    export = read(json.dumps([trakt_film(None), *[{"watched_at": 1, "show": 1}] * 300]))
    assert len(export.notes) == NAMED_ROWS
    assert export.passed_over == {RowReason.DAMAGED: 300}


#: Entries of arrays, as sound as can be: `tests/fuzz` spoils them.
ENTRIES = [
    trakt_film("2020-02-03T20:00:00Z"),
    trakt_episode("2020-02-03T20:00:00Z"),
    {
        "last_watched_at": None,
        "show": SHOW,
        "seasons": [{"number": 1, "episodes": [{}]}],
    },
    tautulli_row(),
    tautulli_row(**FERRY),
    watcharr(),
    watcharr(content=FERRY_CONTENT, watchedEpisodes=[{"status": "FINISHED"}]),
]

#: Tables, for the same.
TABLES = [DIARY, WATCHED, IMDB_HEAD + rated("tt0468000", "Movie")]
