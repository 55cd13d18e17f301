"""The simulated Jellyfin answers what real ones answered, but for named exceptions."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from .exceptions import EXPECTED, all_exceptions, needed
from .replay import NAMES, Difference, load, replay

pytestmark = pytest.mark.usefixtures("socket_enabled")

type Json = Any


def unexpected(found: list[Difference]) -> list[Difference]:
    return [one for one in found if needed(one) is None]


@pytest.mark.parametrize("name", NAMES)
async def test_simulated_server_answers_as_the_real_one(name: str) -> None:
    assert unexpected(await replay(name, load(name))) == []


async def test_no_exception_is_left_that_nothing_needs() -> None:
    found = [one for name in NAMES for one in await replay(name, load(name))]
    assert all_exceptions() - {needed(one) for one in found} == set()


def test_every_exception_has_its_reason() -> None:
    assert all(row.reason for row in EXPECTED)


def change(member: str, value: Json) -> Callable[[Json], None]:
    def apply(step: Json) -> None:
        above, last = reach(step, member)
        above[last] = value

    return apply


def lose(member: str) -> Callable[[Json], None]:
    def apply(step: Json) -> None:
        above, last = reach(step, member)
        del above[last]

    return apply


def reach(step: Json, member: str) -> tuple[Json, str | int]:
    *above, last = (int(one) if one.isdigit() else one for one in member.split("."))
    for one in above:
        step = step[one]
    return step, last


FILM = "answer.Items.0"


@pytest.mark.parametrize(
    ("sequence", "step", "mutate", "where"),
    [
        ("mark a film", 3, change("status", 404), "status"),
        ("mark a film", 3, change("headers.Content-Type", "text/plain"), "type"),
        (
            "mark a film",
            3,
            change(f"{FILM}.UserData.Played", value=False),
            "Items[].UserData.Played",
        ),
        (
            "mark a film",
            3,
            change(f"{FILM}.UserData.PlayCount", 2),
            "Items[].UserData.PlayCount",
        ),
        (
            "mark a film",
            3,
            lose(f"{FILM}.UserData.LastPlayedDate"),
            "Items[].UserData.LastPlayedDate",
        ),
        (
            "mark a film",
            3,
            change(f"{FILM}.UserData.LastPlayedDate", "2026-11-30 06:56:28"),
            "Items[].UserData.LastPlayedDate",
        ),
        (
            "mark a film",
            3,
            change(f"{FILM}.UserData.PlayCount", "1"),
            "Items[].UserData.PlayCount",
        ),
        ("mark a film", 3, change(f"{FILM}.Type", "Video"), "Items[].Type"),
        ("mark a film", 3, change(f"{FILM}.Watched", value=True), "Items[].Watched"),
        (
            "mark a film",
            3,
            lose(f"{FILM}.ProviderIds.Imdb"),
            "Items[].ProviderIds.Imdb",
        ),
        ("mark a film", 3, change(f"{FILM}.Id", "{other:9}"), "Items[].Id"),
        (
            "a show",
            2,
            change("answer.Items.1.UserData.UnplayedItemCount", 1),
            "Items[].UserData.UnplayedItemCount",
        ),
        ("a show", 3, lose("answer.Items.12"), "Items rows"),
        ("a show", 3, change("answer.TotalRecordCount", 14), "TotalRecordCount"),
        ("who answers", 6, change("answer", "Nobody knows."), ""),
    ],
)
async def test_one_changed_member_is_found(
    sequence: str, step: int, mutate: Callable[[Json], None], where: str
) -> None:
    recording = deepcopy(load("10.11"))
    (only,) = [one for one in recording["sequences"] if one["sequence"] == sequence]
    mutate(only["steps"][step - 1])
    found = unexpected(await replay("10.11", {"sequences": [only]}))
    assert [(one.step, one.where) for one in found] == [(step, where)]


async def test_one_changed_frame_is_found() -> None:
    recording = deepcopy(load("12.0"))
    (only,) = [one for one in recording["sequences"] if "frames" in one]
    told = [one for one in only["frames"] if "frame" in one]
    told[2]["frame"]["Data"]["UserDataList"][0]["Played"] = False
    only["frames"].remove(told[-1])
    found = unexpected(await replay("12.0", {"sequences": [only]}))
    assert [one.where for one in found] == ["Data.UserDataList[].Played", "frames"]
