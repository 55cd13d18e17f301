"""Catching up to an episode, with a date or without, on both servers."""

from datetime import UTC, datetime

from homeassistant.core import HomeAssistant
import pytest

from tests.common import drained

from .house import ONE_PLAY, USER, JellyfinSide, Side, act, bring_back, cut_off
from .machine import TimeMachine
from .test_catalogue import inventoried

SHOW = "Sherlock"
UP_TO = {"title": SHOW, "season": 3, "episode": 2, "scope": "up_to"}


def season(side: Side, number: int) -> list[str]:
    """Return the ids of a season's episodes, in order."""
    return side.leaves(side.item_id(SHOW, season=number))


def up_to_s03e02(side: Side) -> list[str]:
    """Return the ids of all that UP_TO means."""
    return [*season(side, 1), *season(side, 2), *season(side, 3)[:2]]


async def test_catching_up_marks_exactly_what_comes_before_and_asks_little(
    hass: HomeAssistant, side: Side
) -> None:
    seen_before = season(side, 2)[1]
    await side.put(seen_before, plays=3)
    entry = await side.connect(hass)
    before = side.all_seen()
    answer = await act(hass, "mark_watched", **UP_TO)
    await drained(hass, entry)
    assert side.all_seen() == {
        (USER, item_id): before.get((USER, item_id), ONE_PLAY)
        for item_id in up_to_s03e02(side)
    }
    assert {row["item_id"] for row in answer["skipped"]} == {seen_before}
    # The first season is one request. Of the second one, Plex would count the episode
    # that is watched already once more.
    of_second = 1 if isinstance(side, JellyfinSide) else len(season(side, 2)) - 1
    assert len(side.writes) == 1 + of_second + 2

    undone = await act(hass, "undo")
    await drained(hass, entry)
    assert undone["undone_batch_id"] == answer["batch_id"]
    assert side.all_seen() == before


async def test_catching_up_while_away_does_the_same_later(
    hass: HomeAssistant, side: Side, machine: TimeMachine
) -> None:
    entry = await side.connect(hass, side.show(SHOW))
    # While it is away only what was read before is known.
    machine.running = True
    await inventoried(machine, entry)
    machine.running = False
    await cut_off(hass, entry, side)
    answer = await act(hass, "mark_watched", **UP_TO)
    assert [row["status"] for row in answer["operations"]] == ["queued"] * 4
    # Somebody watches one of them meanwhile.
    await side.put(season(side, 1)[0], plays=2)
    watched_meanwhile = side.seen(season(side, 1)[0])
    await bring_back(hass, entry, side)
    await drained(hass, entry)
    assert side.all_seen() == {
        (USER, item_id): ONE_PLAY for item_id in up_to_s03e02(side)
    } | {(USER, season(side, 1)[0]): watched_meanwhile}


async def test_date_is_kept_without_another_play_or_the_answer_says_that_it_is_not(
    hass: HomeAssistant, side: Side
) -> None:
    entry = await side.connect(hass)
    at = datetime(2025, 5, 6, 7, 8, 9, tzinfo=UTC)
    answer = await act(
        hass, "mark_watched", **UP_TO, watched_at=at.isoformat(), wait=60
    )
    keeps = isinstance(side, JellyfinSide)
    assert {row["watched_at"] for row in answer["operations"]} == {
        "kept" if keeps else "not_kept"
    }
    assert {row["status"] for row in answer["operations"]} == {"confirmed"}
    await drained(hass, entry)
    for item_id in up_to_s03e02(side):
        assert side.seen(item_id) == ONE_PLAY
        assert (side.last_played(item_id) == at) is keeps


@pytest.mark.parametrize(
    ("query", "media_type"), [("sherl", "show"), ("arriv", "movie")]
)
async def test_what_is_found_is_what_can_be_marked_and_explained(
    hass: HomeAssistant, side: Side, query: str, media_type: str
) -> None:
    entry = await side.connect(hass)
    (found,) = (await act(hass, "find_media", query=query, media_type=media_type))[
        "items"
    ]
    assert found["state"]["watched"] is False
    await act(hass, "mark_watched", item_id=found["item_id"], wait=60)
    await drained(hass, entry)
    (why,) = (await act(hass, "explain", external_id=found["external_ids"][0]))["items"]
    assert why["item_id"] == found["item_id"]
    assert why["reason"] == "was_delivered"
    assert why["server"]["read_at"] is not None
    assert side.marks()
