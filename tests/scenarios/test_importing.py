"""What another program has for watched: from its file to the server, over TCP."""

from collections.abc import Callable
from datetime import UTC, datetime
import json
from pathlib import Path
from typing import Any

from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import ServiceValidationError, Unauthorized
import pytest
from pytest_homeassistant_custom_component.common import MockUser

from custom_components.watched_sync.const import DOMAIN

from .house import (
    ONE_PLAY,
    UNSEEN,
    JellyfinSide,
    Side,
    act,
    bring_back,
    cut_off,
    until_true,
)
from .machine import TimeMachine
from .test_catalogue import restart
from .test_level import over, read

#: Seconds after which what is taken back is as it was.
DONE = 3600

type Put = Callable[[str, str], str]


@pytest.fixture
def put(hass: HomeAssistant, tmp_path: Path) -> Put:
    """Put a file into the media folder; return its name."""
    media = tmp_path / "media"
    media.mkdir()
    hass.config.media_dirs = {"local": str(media)}
    hass.config.allowlist_external_dirs = {str(media)}

    def put(name: str, content: str) -> str:
        (media / name).write_text(content, encoding="utf-8")
        return name

    return put


def film(title: str, year: int, tmdb: int, at: str) -> dict[str, Any]:
    movie = {"title": title, "year": year, "ids": {"trakt": tmdb, "tmdb": tmdb}}
    return {"watched_at": at, "action": "watch", "type": "movie", "movie": movie}


def episode(season: int, number: int, at: str) -> dict[str, Any]:
    ids = {"trakt": 1, "tvdb": 371980, "tmdb": 95396}
    return {
        "watched_at": at,
        "type": "episode",
        "episode": {"season": season, "number": number, "ids": {"trakt": 2}},
        "show": {"title": "Severance", "year": 2022, "ids": ids},
    }


TRAKT = json.dumps(
    [
        film("Alien", 1979, 348, "2014-04-05T15:27:00.000Z"),
        film("Arrival", 2016, 329865, "2017-04-05T15:27:00.000Z"),
        film("Glass Harbor", 2014, 999999, "2018-04-05T15:27:00.000Z"),
        episode(1, 1, "2022-03-01T20:00:00.000Z"),
        episode(1, 2, "2022-03-02T20:00:00.000Z"),
        {"watched_at": "yesterday", "type": "movie", "movie": {}},
    ]
)
LETTERBOXD = (
    "Date,Name,Year,Letterboxd URI,Rating,Rewatch,Tags,Watched Date\n"
    "2024-05-02,Dune,1984,https://boxd.it/a,4.5,,,2024-05-01\n"
    "2024-05-03,Sita Sings the Blues,2008,https://boxd.it/b,4.5,,,2024-05-02\n"
    "2024-05-03,Dune,1999,https://boxd.it/c,4.5,,,2024-05-02\n"
)
IMDB = (
    "Const,Your Rating,Date Rated,Title,Title Type,Year\n"
    "tt0078748,9,2024-03-15,Alien,Film,1979\n"
    "tt2301451,10,2024-03-16,Ozymandias,Episodio TV,2013\n"
    "tt0903747,10,2024-03-16,Breaking Bad,Serie TV,2008\n"
)


def only(answer: dict[str, Any]) -> dict[str, Any]:
    """Return what an answer says of the only lane."""
    (lane,) = answer["lanes"]
    return dict(lane)


async def confirm(
    hass: HomeAssistant, plan: dict[str, Any], **data: Any
) -> dict[str, Any]:
    answer = await act(hass, "import_history", confirm=plan["plan_id"], **data)
    assert answer["plan_id"] == plan["plan_id"]
    return answer


async def test_what_trakt_has_is_shown_confirmed_done_and_taken_back(
    hass: HomeAssistant, side: Side, machine: TimeMachine, put: Put
) -> None:
    await side.put(side.item_id("Arrival"), plays=1)
    entry = await side.connect(hass)
    machine.running = True
    await read(entry)
    file = put("watched-history-1.json", TRAKT)
    plan = await act(hass, "import_history", file=file)
    assert plan["status"] == "planned"
    lane = only(plan)
    assert (lane["films_to_mark"], lane["episodes_to_mark"], lane["equal"]) == (1, 2, 1)
    assert lane["left_out"] == {"not_found": 1}
    assert [one["title"] for one in lane["left_out_rows"]] == ["Glass Harbor (2014)"]
    assert plan["export"] == {
        "formats": ["trakt"],
        "rows": 6,
        "titles": 5,
        "unknown_columns": [],
        "passed_over": {"damaged": 1},
        "passed_over_rows": [
            {"file": file, "row": 6, "reason": "damaged", "title": None}
        ],
    }
    assert side.marks() == []
    done = await confirm(hass, plan, file=file)
    await over(hass, done["batch_id"])
    alien = side.item_id("Alien")
    wanted = {
        alien,
        *(side.item_id("Severance", season=1, episode=one) for one in (1, 2)),
    }
    assert {item_id for _, item_id in side.marks()} == wanted
    assert {side.seen(one) for one in wanted} == {ONE_PLAY}
    if isinstance(side, JellyfinSide):
        assert side.last_played(alien) == datetime(2014, 4, 5, 15, 27, tzinfo=UTC)
    assert await act(hass, "import_history", file=file) | {"plan_id": ""} == {
        **plan,
        "plan_id": "",
        "total": 0,
        "lanes": [{**lane, **NOTHING, "equal": 4, "rows": []}],
    }
    await act(hass, "undo", batch_id=done["batch_id"])
    await until_true(lambda: {side.seen(one) for one in wanted} == {UNSEEN}, DONE, 1)
    assert side.seen(side.item_id("Arrival")) == ONE_PLAY


NOTHING = {"total": 0, "films_to_mark": 0, "episodes_to_mark": 0}


async def test_an_import_goes_on_after_a_restart_and_without_its_file(
    hass: HomeAssistant, side: Side, machine: TimeMachine, put: Put, tmp_path: Path
) -> None:
    entry = await side.connect(hass)
    machine.running = True
    await read(entry)
    file = put("watched-history-1.json", TRAKT)
    plan = await act(hass, "import_history", file=file)
    await cut_off(hass, entry, side)
    done = await confirm(hass, plan, file=file)
    await hass.async_add_executor_job((tmp_path / "media" / file).unlink)
    await restart(hass, entry)
    assert side.marks() == []
    await bring_back(hass, entry, side)
    levelling = await over(hass, done["batch_id"])
    assert (levelling["state"], levelling["done"]) == ("finished", 4)
    assert len({item_id for _, item_id in side.marks()}) == 4


async def test_what_is_only_probable_is_done_if_somebody_says_so(
    hass: HomeAssistant, side: Side, machine: TimeMachine, put: Put
) -> None:
    entry = await side.connect(hass)
    machine.running = True
    await read(entry)
    file = put("diary.csv", LETTERBOXD)
    plan = await act(hass, "import_history", file=file)
    assert (plan["total"], only(plan)["probable"]) == (0, 2)
    assert {one["title"] for one in only(plan)["probable_rows"]} == {
        "Dune (1984)",
        "Sita Sings the Blues (2008)",
    }
    plan = await act(hass, "import_history", file=file, include_probable=True)
    done = await confirm(hass, plan, file=file, include_probable=True)
    await over(hass, done["batch_id"])
    assert len(side.marks()) == 2
    assert side.seen(side.item_id("Dune", 1984)) == ONE_PLAY
    assert side.seen(side.item_id("Dune", 2021)) == UNSEEN


def tautulli(show: str, season: int, number: int) -> dict[str, Any]:
    return {
        "user": "alex",
        "media_type": "episode",
        "grandparent_title": show,
        "parent_media_index": season,
        "media_index": number,
        "guid": "plex://episode/5d9c0874ffd9ef001e99607a",
        "watched_status": 1,
        "stopped": 1462688370,
    }


async def test_a_show_without_its_year_is_the_only_one_of_its_name(
    hass: HomeAssistant, side: Side, machine: TimeMachine, put: Put
) -> None:
    entry = await side.connect(hass)
    machine.running = True
    await read(entry)
    rows = [
        tautulli("Severance", 1, 1),
        tautulli("Severance", 1, 2),
        tautulli("Severance (2022)", 1, 3),
        tautulli("Night Ferry", 1, 2),
    ]
    data = {"response": {"result": "success", "data": {"data": rows}}}
    file = put("history.json", json.dumps(data))
    plan = await act(hass, "import_history", file=file)
    assert (plan["total"], only(plan)["probable"]) == (0, 3)
    plan = await act(hass, "import_history", file=file, include_probable=True)
    assert only(plan)["episodes_to_mark"] == 3


async def test_an_id_of_imdbs_is_of_the_kind_that_the_library_says(
    hass: HomeAssistant, side: Side, machine: TimeMachine, put: Put
) -> None:
    entry = await side.connect(hass)
    machine.running = True
    await read(entry)
    file = put("ratings.csv", IMDB)
    plan = await act(hass, "import_history", file=file)
    assert (only(plan)["films_to_mark"], only(plan)["episodes_to_mark"]) == (1, 1)
    assert only(plan)["left_out"] == {"not_found": 1}


async def test_another_plan_than_the_one_confirmed_is_shown_and_not_done(
    hass: HomeAssistant, side: Side, machine: TimeMachine, put: Put
) -> None:
    entry = await side.connect(hass)
    file = put("ratings.csv", IMDB)
    with pytest.raises(ServiceValidationError) as caught:
        await act(hass, "import_history", file=file)
    assert caught.value.translation_key == "level_not_read"
    machine.running = True
    await read(entry)
    plan = await act(hass, "import_history", file=file)
    put("ratings.csv", IMDB.replace("tt0078748", "tt0133093"))
    answer = await act(hass, "import_history", file=file, confirm=plan["plan_id"])
    assert answer["status"] == "plan_changed"
    assert answer["plan_id"] != plan["plan_id"]
    with pytest.raises(ServiceValidationError) as caught:
        await hass.services.async_call(
            DOMAIN,
            "import_history",
            {"file": file, "confirm": plan["plan_id"]},
            blocking=True,
        )
    assert caught.value.translation_key == "plan_changed"
    assert side.marks() == []


async def test_a_file_that_cannot_be_read_is_an_error_in_words(
    hass: HomeAssistant, jellyfin: JellyfinSide, put: Put
) -> None:
    await jellyfin.connect(hass)
    put("list.csv", "Date,Name,Year,Letterboxd URI\n2024-01-01,Dune,1984,u\n")
    put("milk.csv", "item,quantity\n")
    for data, key in (
        ({"file": "/etc/passwd"}, "export_not_allowed"),
        ({"file": "none.csv"}, "export_not_there"),
        ({"file": "list.csv"}, "export_only_listed"),
        ({"file": "milk.csv"}, "export_unknown"),
        ({"file": "list.csv", "user": "x"}, "export_only_listed"),
        (
            {"file": "list.csv", "user": "x", "all_watched": True},
            "export_without_users",
        ),
    ):
        with pytest.raises(ServiceValidationError) as caught:
            await act(hass, "import_history", **data)
        assert caught.value.translation_key == key


async def test_nobody_imports_for_another(
    hass: HomeAssistant, jellyfin: JellyfinSide, put: Put
) -> None:
    await jellyfin.connect(hass, options={"person": "person.ada"})
    user = MockUser().add_to_hass(hass)
    file = put("ratings.csv", IMDB)
    with pytest.raises(Unauthorized):
        await hass.services.async_call(
            DOMAIN,
            "import_history",
            {"file": file},
            blocking=True,
            return_response=True,
            context=Context(user_id=user.id),
        )
