"""What is believed of Jellyfin is what real ones were recorded doing."""

from collections.abc import Callable
from typing import Any, Final

import pytest

from custom_components.watched_sync.core.facts import FACTS, Product, Value

from .replay import load

type Json = Any

FILM: Final = "{film:Alien (1979)}"
EPISODE: Final = "{episode:Doctor Who/1/1}"
SEASON: Final = "{season:Doctor Who/1}"
SHOW: Final = "{show:Doctor Who}"
SPECIALS: Final = "{season:Doctor Who/0}"

_TICKS: Final = 10_000_000


def answer(recording: Json, sequence: str, step: int) -> Json:
    """Return what a server answered to one step, the first being 1."""
    (found,) = [one for one in recording["sequences"] if one["sequence"] == sequence]
    return found["steps"][step - 1]["answer"]


def listed(recording: Json, sequence: str, step: int) -> dict[str, Json]:
    """Return the user data of the rows of an answer, by the items' names."""
    rows = answer(recording, sequence, step)["Items"]
    return {one["Id"]: one["UserData"] for one in rows}


def film(recording: Json, sequence: str, step: int) -> Json:
    """Return the user data of the film."""
    return listed(recording, sequence, step)[FILM]


def told(recording: Json, after: str, name: str) -> bool:
    """Whether a frame named something once this was done, and nothing else was."""
    (found,) = [one for one in recording["sequences"] if "frames" in one]
    frames = iter(found["frames"])
    for one in frames:
        if one.get("then") == after:
            break
    for one in frames:
        if "frame" not in one:
            return False
        data = one["frame"].get("Data")
        if isinstance(data, dict) and name in {
            row["ItemId"] for row in data.get("UserDataList", ())
        }:
            return True
    return False


#: What was recorded of each fact, as far as it was.
RECORDED: Final[dict[str, Callable[[Json], Value]]] = {
    "version": lambda of: str(of["version"]),
    "batch_complete": lambda of: (
        listed(of, "items by id", 1).keys() == {FILM, EPISODE, SEASON, SHOW}
    ),
    "batch_leaves_out_gone": lambda of: listed(of, "items by id", 3).keys() == {FILM},
    "batch_narrowed_by_library": lambda of: (
        FILM not in listed(of, "a library does not narrow ids", 1)
    ),
    "mark_works": lambda of: film(of, "mark a film", 3)["Played"],
    "mark_count": lambda of: answer(of, "mark a film", 1)["PlayCount"],
    "mark_dated": lambda of: "LastPlayedDate" in answer(of, "mark a film", 1),
    "mark_told": lambda of: told(of, "film marked", FILM),
    "mark_again_counts": lambda of: film(of, "mark a film", 3)["PlayCount"] > 1,
    "position_keeps_flag": lambda of: film(of, "positions", 9)["Played"],
    "play_keeps_flag": lambda of: film(of, "watched again", 3)["Played"],
    "play_counts_at_start": lambda of: film(of, "watched again", 3)["PlayCount"] == 2,
    "play_told": lambda of: told(of, "film begun", FILM),
    "unmark_works": lambda of: not film(of, "mark a film", 6)["Played"],
    "unmark_count": lambda of: film(of, "mark a film", 6)["PlayCount"],
    "unmark_clears_date": lambda of: "LastPlayedDate" not in film(of, "mark a film", 6),
    "position_works": lambda of: (
        film(of, "positions", 2)["PlaybackPositionTicks"] == 1800 * _TICKS
    ),
    "position_high_kept": lambda of: (
        answer(of, "positions", 5)["PlaybackPositionTicks"] > 100 * 3600 * _TICKS
    ),
    "position_high_marks": lambda of: answer(of, "positions", 5)["Played"],
    "date_kept": lambda of: film(of, "dates", 10)["LastPlayedDate"].startswith(
        "2023-05-06T07:08:09.123456"
    ),
    "play_high_marks": lambda of: film(of, "watched by a player", 6)["Played"],
    "season_mark_works": lambda of: listed(of, "a season", 2)[EPISODE]["Played"],
    "season_mark_told": lambda of: told(of, "season marked", EPISODE),
    "season_mark_whole": lambda of: answer(of, "a season", 3)["UserData"]["Played"],
    "season_unmark_works": lambda of: not listed(of, "a season", 7)[EPISODE]["Played"],
    "show_mark_works": lambda of: listed(of, "a show", 2)[SEASON]["Played"],
    "show_mark_reaches_specials": lambda of: listed(of, "a show", 2)[SPECIALS][
        "Played"
    ],
    "show_mark_counted": lambda of: (
        listed(of, "a show", 2)[SHOW]["UnplayedItemCount"] == 0
    ),
    "show_unmark_works": lambda of: (
        listed(of, "a show", 6)[SHOW]["UnplayedItemCount"] > 0
    ),
}


@pytest.mark.parametrize("key", RECORDED)
@pytest.mark.parametrize("name", ["10.11", "12.0"])
def test_belief_is_what_was_recorded(name: str, key: str) -> None:
    recording = load(name)
    (fact,) = [one for one in FACTS if one.key == key]
    believed = fact.believed(Product.JELLYFIN, recording["version"])
    assert believed is not None
    value = RECORDED[key](recording)
    assert believed.holds(value), value
