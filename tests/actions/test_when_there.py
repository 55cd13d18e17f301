"""`when_there`: what is asked for before any library has it."""

from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.watched_sync.const import DOMAIN
from custom_components.watched_sync.core.errors import Reason
from custom_components.watched_sync.core.identity import Item, MediaKind
from custom_components.watched_sync.core.operation import MarkWatched, SetProgress
from custom_components.watched_sync.core.play_state import PlayState

from ..common import (
    EPISODES,
    MOVIE,
    OTHER_MOVIE,
    SHOW,
    MemoryServer,
    drained,
    setup_lane,
    take_inventory,
    until,
)
from ..scene import lose_contact

ARRIVAL = "imdb://tt2543164"
SEVERANCE = "tmdb://show/95396"


async def act(hass: HomeAssistant, action: str, /, **data: Any) -> dict[str, Any]:
    """Call an action of ours and return its response."""
    response = await hass.services.async_call(
        DOMAIN, action, data, blocking=True, return_response=True
    )
    assert isinstance(response, dict)
    return response


async def keep(hass: HomeAssistant, /, **data: Any) -> dict[str, Any]:
    """Mark something watched when it is there, and return the only row."""
    answer = await act(hass, "mark_watched", when_there=True, **data)
    (row,) = answer["operations"]
    assert isinstance(row, dict)
    return row


def second_server(*items: Item) -> MemoryServer:
    return MemoryServer(
        items, server_id="server-2", server_name="Cellar", user_id="user-2"
    )


async def bare(hass: HomeAssistant, *items: Item) -> tuple[MockConfigEntry, Any]:
    """Set up a lane that has nothing but *items*, and knows it."""
    server = MemoryServer(items)
    entry = await setup_lane(hass, server)
    await take_inventory(entry, server)
    return entry, server


async def come(entry: MockConfigEntry, server: MemoryServer, *items: Item) -> None:
    """Have items come to a server, and be listed."""
    for item in items:
        server.items[item.item_id] = item
        server.states[item.item_id] = PlayState(watched=False)
    await take_inventory(entry, server)
    entry.runtime_data.lane.look_for(items)


async def searched(entry: MockConfigEntry) -> None:
    """Wait until what waits was looked for."""
    runtime = entry.runtime_data
    await until(runtime, lambda: all(one.missing_since for one in runtime.lane.outbox))


async def test_it_waits_is_shown_and_is_delivered_once(hass: HomeAssistant) -> None:
    entry, server = await bare(hass, OTHER_MOVIE)
    requests = len(server.requests)
    row = await keep(hass, external_id=ARRIVAL, wait=30)
    assert (row["status"], row["reason"], row["item_id"]) == ("queued", "missing", None)
    assert row["title"] == ARRIVAL
    await searched(entry)
    # Neither the question nor the wait has cost the server anything.
    assert len(server.requests) == requests
    (queued,) = (await act(hass, "get_queue"))["operations"]
    assert queued["operation_id"] == row["operation_id"]
    assert (queued["last_error"], queued["item_id"]) == ("missing", None)
    shown = hass.states.get("sensor.attic_ada_sync_status")
    assert shown is not None
    assert [one["title"] for one in shown.attributes["queue"]] == [ARRIVAL]
    assert shown.attributes["last_error"] == Reason.MISSING
    answer = await act(hass, "get_library", waiting=True)
    assert answer["items"] == []
    await come(entry, server, MOVIE)
    await drained(hass, entry)
    assert server.writes == [("m1", MarkWatched())]
    (done,) = (await act(hass, "get_history"))["operations"]
    assert (done["operation_id"], done["item_id"]) == (row["operation_id"], "m1")


async def test_it_is_explained_and_can_be_discarded(hass: HomeAssistant) -> None:
    entry, _ = await bare(hass, OTHER_MOVIE)
    row = await keep(hass, external_id=ARRIVAL)
    await searched(entry)
    (told,) = (await act(hass, "explain", external_id=ARRIVAL))["items"]
    assert (told["reason"], told["item_id"]) == ("missing", None)
    assert [one["operation_id"] for one in told["waiting"]] == [row["operation_id"]]
    assert "does not have it yet" in told["summary"]
    await act(hass, "discard", operation_id=row["operation_id"])
    assert not entry.runtime_data.lane.outbox
    with pytest.raises(ServiceValidationError) as caught:
        await act(hass, "explain", external_id=ARRIVAL)
    assert caught.value.translation_key == "nothing_found"


async def test_an_episode_is_explained_by_its_number(hass: HomeAssistant) -> None:
    entry, _ = await bare(hass, OTHER_MOVIE)
    named = {"external_id": SEVERANCE, "season": 3}
    await keep(hass, **named, episode=1)
    await searched(entry)
    await keep(hass, **named, episode=2)
    (told,) = (await act(hass, "explain", **named, episode=1))["items"]
    assert told["title"] == f"{SEVERANCE} S03E01"
    told = await act(hass, "explain", external_id=SEVERANCE)
    assert len(told["items"]) == 2
    with pytest.raises(ServiceValidationError) as caught:
        await act(hass, "explain", **named, episode=3)
    assert caught.value.translation_placeholders == {"name": f"{SEVERANCE} S03E03"}


async def test_undo_takes_back_what_waits(hass: HomeAssistant) -> None:
    entry, server = await bare(hass)
    answer = await act(hass, "mark_watched", external_id=ARRIVAL, when_there=True)
    await act(hass, "undo", batch_id=answer["batch_id"])
    assert not entry.runtime_data.lane.outbox
    await come(entry, server, MOVIE)
    assert server.writes == []


async def test_a_dry_run_says_that_it_is_missing(hass: HomeAssistant) -> None:
    entry, _ = await bare(hass)
    row = await keep(hass, external_id=ARRIVAL, dry_run=True)
    assert (row["status"], row["reason"]) == ("planned", "missing")
    assert row["wanted"] == {"watched": True, "position": 0}
    assert not entry.runtime_data.lane.outbox


async def test_who_has_it_is_marked_and_who_has_not_keeps_it(
    hass: HomeAssistant,
) -> None:
    entry, server = await bare(hass, MOVIE)
    other = second_server(OTHER_MOVIE)
    lacking = await setup_lane(hass, other)
    await take_inventory(lacking, other)
    answer = await act(
        hass, "mark_watched", external_id=ARRIVAL, when_there=True, person="everyone"
    )
    rows = {row["config_entry_id"]: row for row in answer["operations"]}
    assert answer["skipped"] == []
    assert "reason" not in rows[entry.entry_id]
    assert rows[lacking.entry_id]["reason"] == "missing"
    # It is called as the server calls it that has it.
    assert rows[lacking.entry_id]["title"] == "Arrival (2016)"
    await drained(hass, entry)
    assert server.states["m1"].watched
    # A share of its length is known from there as well.
    answer = await act(
        hass,
        "set_progress",
        external_id=ARRIVAL,
        when_there=True,
        percent=50,
        config_entry_id=[entry.entry_id, lacking.entry_id],
    )
    (waiting,) = lacking.runtime_data.lane.outbox
    assert waiting.change == SetProgress(3480.0, watched=True)
    assert answer["skipped"] == []


async def test_it_works_while_the_server_is_away(hass: HomeAssistant) -> None:
    server = MemoryServer([MOVIE])
    entry = await setup_lane(hass, server)
    await lose_contact(hass, entry, server)
    row = await keep(hass, external_id=ARRIVAL)
    assert row["reason"] == "missing"
    server.come_up()
    await take_inventory(entry, server)
    entry.runtime_data.relay.nudge()
    await drained(hass, entry)
    assert server.states["m1"].watched


@pytest.mark.parametrize(
    ("data", "kind", "title"),
    [
        ({"season": 2, "episode": 9}, MediaKind.EPISODE, "Severance S02E09"),
        ({"season": 3}, MediaKind.SEASON, "Severance S03"),
        (
            {"season": 3, "episode": 2, "scope": "season"},
            MediaKind.SEASON,
            "Severance S03",
        ),
    ],
)
async def test_a_part_of_a_show_that_is_there_bears_its_title(
    hass: HomeAssistant, data: dict[str, Any], kind: MediaKind, title: str
) -> None:
    entry, _ = await bare(hass, SHOW, *EPISODES)
    row = await keep(hass, external_id=SEVERANCE, confirm=True, **data)
    assert row["title"] == title
    (waiting,) = entry.runtime_data.lane.outbox
    assert (waiting.item.kind, waiting.item.is_unseen) == (kind, True)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        ({"external_id": ARRIVAL}, MediaKind.UNKNOWN),
        ({"external_id": "imdb://movie/tt2543164"}, MediaKind.MOVIE),
        ({"external_id": "tvdb://episode/7"}, MediaKind.EPISODE),
        ({"external_id": "tvdb://371980", "scope": "show"}, MediaKind.SHOW),
        ({"external_id": "tvdb://371980", "season": 1}, MediaKind.SEASON),
        (
            {"external_id": SEVERANCE, "season": 1, "scope": "show"},
            MediaKind.SHOW,
        ),
    ],
)
async def test_what_an_id_means_that_nobody_has_seen(
    hass: HomeAssistant, data: dict[str, Any], kind: MediaKind
) -> None:
    entry, _ = await bare(hass)
    await keep(hass, confirm=True, **data)
    (waiting,) = entry.runtime_data.lane.outbox
    assert waiting.item.kind is kind


@pytest.mark.parametrize(
    ("action", "data", "error"),
    [
        ("mark_watched", {"title": "Arrival"}, "when_there_without_external_id"),
        (
            "set_progress",
            {"item_id": "m1", "percent": 5},
            "when_there_without_external_id",
        ),
        (
            "mark_watched",
            {"external_id": SEVERANCE, "season": 1, "episode": 1, "scope": "up_to"},
            "when_there_up_to",
        ),
        ("mark_watched", {"external_id": SEVERANCE}, "when_there_whole_show"),
        ("mark_watched", {"external_id": "tvdb://371980"}, "when_there_without_kind"),
        (
            "mark_watched",
            {"external_id": ARRIVAL, "scope": "season"},
            "no_season_above",
        ),
        (
            "mark_watched",
            {"external_id": "imdb://movie/tt2543164", "scope": "show"},
            "no_show_above",
        ),
        (
            "mark_watched",
            {"external_id": SEVERANCE, "scope": "show"},
            "unknown_size_needs_confirmation",
        ),
        (
            "set_progress",
            {"external_id": SEVERANCE, "season": 1, "position": "0:10:00"},
            "progress_of_many",
        ),
        ("set_progress", {"external_id": ARRIVAL, "percent": 50}, "duration_unknown"),
    ],
)
async def test_what_cannot_be_waited_for_is_refused(
    hass: HomeAssistant, action: str, data: dict[str, Any], error: str
) -> None:
    entry, _ = await bare(hass)
    with pytest.raises(ServiceValidationError) as caught:
        await act(hass, action, when_there=True, **data)
    assert caught.value.translation_key == error
    assert not entry.runtime_data.lane.outbox


async def test_without_it_nothing_waits(hass: HomeAssistant) -> None:
    entry, _ = await bare(hass)
    with pytest.raises(ServiceValidationError) as caught:
        await act(hass, "mark_watched", external_id=ARRIVAL)
    assert caught.value.translation_key == "nothing_found"
    assert not entry.runtime_data.lane.outbox


async def test_where_nothing_is_loaded_nobody_can_keep_it(hass: HomeAssistant) -> None:
    entry, _ = await bare(hass)
    await hass.config_entries.async_unload(entry.entry_id)
    with pytest.raises(ServiceValidationError) as caught:
        await act(hass, "mark_watched", external_id=ARRIVAL, when_there=True)
    assert caught.value.translation_key == "service_config_entry_not_loaded"
