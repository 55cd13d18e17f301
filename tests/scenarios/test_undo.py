"""Taking changes back on both servers, over TCP: everything is as it was."""

from datetime import UTC, datetime
from typing import Any

from homeassistant.core import HomeAssistant
import pytest

from tests.common import drained

from .house import USER, JellyfinSide, PlexSide, Seen, Side, act, bring_back, cut_off

LAST_YEAR = datetime(2025, 5, 5, 20, 15, tzinfo=UTC)

CHANGES: dict[str, tuple[str, dict[str, Any]]] = {
    "film marked": ("mark_watched", {"title": "Arrival"}),
    "film begun": ("set_progress", {"title": "Arrival", "percent": 30}),
    "episode marked": (
        "mark_watched",
        {"title": "Sherlock", "season": 2, "episode": 1},
    ),
    "season marked": ("mark_watched", {"title": "Sherlock", "season": 2}),
    "show marked": ("mark_watched", {"title": "Sherlock"}),
    "show with specials marked": (
        "mark_watched",
        {"title": "Sherlock", "include_specials": True},
    ),
}


def flags(side: Side) -> dict[str, tuple[bool, float]]:
    """Return what a person sees of everything that is not as new."""
    return {
        item_id: (seen.watched, seen.position)
        for (user, item_id), seen in side.all_seen().items()
        if user == USER and (seen.watched or seen.position)
    }


async def somebody_lives_here(side: Side) -> None:
    """Leave plays and positions among what is changed, and around it."""
    await side.put(side.item_id("Alien"), plays=3)
    await side.put(side.item_id("Arrival"), position=1800)
    await side.put(side.item_id("Sherlock", season=2, episode=2), plays=1)
    await side.put(side.item_id("Sherlock", season=2, episode=3), position=900)
    await side.put(side.item_id("Sherlock", season=0, episode=2), plays=1)


@pytest.mark.parametrize("name", CHANGES)
async def test_what_was_changed_goes_back_to_what_it_was(
    hass: HomeAssistant, side: Side, name: str
) -> None:
    action, data = CHANGES[name]
    await somebody_lives_here(side)
    entry = await side.connect(hass)
    before = flags(side)
    await act(hass, action, **data)
    await drained(hass, entry)
    assert flags(side) != before
    answer = await act(hass, "undo")
    await drained(hass, entry)
    assert answer["skipped"] == []
    assert flags(side) == before
    assert not entry.runtime_data.lane.outbox.rejected


async def test_unmarked_show_comes_back_with_one_play_each(
    hass: HomeAssistant, side: Side
) -> None:
    leaves = side.leaves(side.item_id("Severance"))
    for leaf in leaves:
        await side.put(leaf, plays=2, at=LAST_YEAR)
    entry = await side.connect(hass)
    await act(hass, "mark_unwatched", title="Severance", confirm=True)
    await drained(hass, entry)
    assert not any(side.seen(leaf).watched for leaf in leaves)
    answer = await act(hass, "undo")
    await drained(hass, entry)
    assert {side.seen(leaf) for leaf in leaves} == {Seen(watched=True, plays=1)}
    lost = {loss for row in answer["operations"] for loss in row["not_restored"]}
    dates = {side.last_played(leaf) for leaf in leaves}
    if isinstance(side, JellyfinSide):
        assert lost == {"play_count"}
        assert dates == {LAST_YEAR}
    else:
        assert lost == {"play_count", "watched_at"}
        assert LAST_YEAR not in dates


async def test_whole_show_goes_back_with_one_write(
    hass: HomeAssistant, side: Side
) -> None:
    entry = await side.connect(hass)
    await act(hass, "mark_watched", title="Chernobyl")
    await drained(hass, entry)
    side.server.clear_log()
    await act(hass, "undo")
    await drained(hass, entry)
    assert side.marks() == [("unwatched", side.item_id("Chernobyl"))]
    assert side.all_seen() == {}


async def test_undo_and_redo_while_the_server_is_away_meet_in_the_queue(
    hass: HomeAssistant, side: Side
) -> None:
    film = side.item_id("Arrival")
    entry = await side.connect(hass)
    await act(hass, "mark_watched", title="Arrival")
    await drained(hass, entry)
    await cut_off(hass, entry, side)
    undone = await act(hass, "undo")
    # Undone before it was done: the queue is empty again, and nothing was written.
    await act(hass, "undo", batch_id=undone["batch_id"])
    assert not len(entry.runtime_data.lane.outbox)
    await bring_back(hass, entry, side)
    await drained(hass, entry)
    assert side.seen(film) == Seen(watched=True, plays=1)


async def test_what_another_client_changed_during_an_outage_stays(
    hass: HomeAssistant, side: Side
) -> None:
    film, other = side.item_id("Arrival"), side.item_id("Alien")
    entry = await side.connect(hass)
    for title in ("Arrival", "Alien"):
        await act(hass, "mark_watched", title=title)
        await drained(hass, entry)
    batches = [one.operation.batch_id for one in entry.runtime_data.lane.outbox.history]
    await cut_off(hass, entry, side)
    await side.put(film, position=1500)
    for batch_id in batches:
        await act(hass, "undo", batch_id=batch_id)
    await bring_back(hass, entry, side)
    await drained(hass, entry)
    assert side.seen(other).watched is False
    assert side.seen(film).position == 1500


async def test_batch_of_two_servers_goes_back_on_both(
    hass: HomeAssistant, plex: PlexSide, jellyfin: JellyfinSide
) -> None:
    entries = [await side.connect(hass) for side in (plex, jellyfin)]
    await act(hass, "mark_watched", title="Severance", season=1)
    for entry in entries:
        await drained(hass, entry)
    assert all(flags(side) for side in (plex, jellyfin))
    answer = await act(hass, "undo", wait=60)
    assert {row["status"] for row in answer["operations"]} == {"confirmed"}
    assert [flags(side) for side in (plex, jellyfin)] == [{}, {}]
