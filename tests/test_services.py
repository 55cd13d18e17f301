"""The actions: what they queue, what they answer, and what they refuse."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
import json
import logging
from pathlib import Path
from typing import Any, override

from homeassistant.core import HomeAssistant, SupportsResponse
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.setup import async_setup_component
import probatio
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.watched_sync import services
from custom_components.watched_sync.const import DOMAIN
from custom_components.watched_sync.core.errors import (
    Fault,
    ItemGone,
    JournalError,
    Refused,
)
from custom_components.watched_sync.core.identity import Item, MediaKind
from custom_components.watched_sync.core.operation import (
    MarkUnwatched,
    MarkWatched,
    Operation,
    Scope,
    SetProgress,
)
from custom_components.watched_sync.core.play_state import Reading
from custom_components.watched_sync.core.ports import Capabilities

from .common import (
    MOVIE,
    OTHER_MOVIE,
    SHOW,
    MemoryServer,
    drained,
    episode,
    season,
    setup_lane,
    until,
)
from .scene import lose_contact
from .wording import flatten, placeholders

LONG_SHOW = (SHOW, season(1), *(episode(1, number) for number in range(1, 32)))


class PlexLikeServer(MemoryServer):
    """A server that keeps no position below a minute nor above 90 %."""

    @property
    @override
    def capabilities(self) -> Capabilities:
        return Capabilities(
            concurrency=4,
            repeat_safe=False,
            keeps_watched_at=False,
            min_position=60,
            max_progress=0.9,
        )


def second_server(items: Iterable[Item] = (MOVIE, OTHER_MOVIE)) -> MemoryServer:
    """Return another user's server."""
    return MemoryServer(
        items, server_id="server-2", server_name="Cellar", user_id="user-2"
    )


async def act(hass: HomeAssistant, action: str, /, **data: Any) -> dict[str, Any]:
    """Call an action of ours and return its response."""
    response = await hass.services.async_call(
        DOMAIN, action, data, blocking=True, return_response=True
    )
    assert isinstance(response, dict)
    return response


def waiting(entry: MockConfigEntry) -> list[Operation]:
    """Return what waits in a lane."""
    return list(entry.runtime_data.lane.outbox)


def operations(entry: MockConfigEntry) -> list[tuple[str, Any]]:
    """Return what waits in a lane, in short."""
    return [(one.item.item_id, one.change) for one in waiting(entry)]


async def refused(
    hass: HomeAssistant,
    entries: Sequence[MockConfigEntry],
    servers: Sequence[MemoryServer],
    action: str,
    data: dict[str, Any],
) -> ServiceValidationError:
    """Return the error of an action that must be refused and leave no trace."""
    with pytest.raises(ServiceValidationError) as error:
        await hass.services.async_call(DOMAIN, action, data, blocking=True)
    await hass.async_block_till_done()
    for entry in entries:
        assert waiting(entry) == []
        assert not entry.runtime_data.lane.outbox.history
    assert not [request for server in servers for request in server.writes]
    return error.value


# --- what they queue and answer -------------------------------------------------


async def test_mark_watched_by_item_id_answers_with_what_is_queued(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    await lose_contact(hass, entry, server)
    answer = await act(hass, "mark_watched", item_id="m1")
    (operation,) = waiting(entry)
    assert operation.change == MarkWatched()
    assert answer == {
        "batch_id": operation.batch_id,
        "operations": [
            {
                "operation_id": operation.operation_id,
                "config_entry_id": entry.entry_id,
                "lane": entry.title,
                "item_id": "m1",
                "title": "m1",
                "change": "mark_watched",
                "status": "queued",
            }
        ],
        "skipped": [],
    }


async def test_action_works_without_asking_for_an_answer(hass: HomeAssistant) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    await hass.services.async_call(
        DOMAIN, "mark_watched", {"item_id": "m1"}, blocking=True
    )
    await drained(hass, entry)
    assert server.writes == [("m1", MarkWatched())]


async def test_mark_unwatched_reaches_the_server(hass: HomeAssistant) -> None:
    server = MemoryServer()
    server.set("m1", watched=True, play_count=3)
    entry = await setup_lane(hass, server)
    answer = await act(hass, "mark_unwatched", item_id="m1")
    assert [row["change"] for row in answer["operations"]] == ["mark_unwatched"]
    await drained(hass, entry)
    assert server.writes == [("m1", MarkUnwatched())]
    assert server.states["m1"].watched is False


async def test_date_is_taken_in_home_assistants_time_zone(hass: HomeAssistant) -> None:
    await hass.config.async_set_time_zone("Europe/Berlin")
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    await lose_contact(hass, entry, server)
    await act(hass, "mark_watched", item_id="m1", watched_at="2026-01-02 03:04:05")
    assert operations(entry) == [
        ("m1", MarkWatched(datetime(2026, 1, 2, 2, 4, 5, tzinfo=UTC)))
    ]


@pytest.mark.parametrize(
    ("data", "seconds"),
    [
        ({"position": "00:41:30"}, 2490),
        ({"position": {"hours": 1, "minutes": 1, "seconds": 1}}, 3661),
        ({"position": 90}, 90),
        ({"position": 0}, 0),
        ({"percent": 50}, 3480),
        ({"percent": 0}, 0),
        ({"percent": 100}, 6960),
        ({"percent": 33.3}, 2317.68),
    ],
)
async def test_progress_is_a_time_or_a_share(
    hass: HomeAssistant, data: dict[str, Any], seconds: float
) -> None:
    server = MemoryServer()
    server.up_next_ids = ["m1"]
    entry = await setup_lane(hass, server)
    await lose_contact(hass, entry, server)
    await act(hass, "set_progress", item_id="m1", **data)
    assert operations(entry) == [("m1", SetProgress(seconds))]


async def test_season_of_a_show_is_one_operation(hass: HomeAssistant) -> None:
    server = MemoryServer([SHOW, season(1), episode(1, 1), episode(1, 2)])
    entry = await setup_lane(hass, server)
    answer = await act(hass, "mark_watched", title="Severance", season=1)
    assert [(row["item_id"], row["title"]) for row in answer["operations"]] == [
        ("season1", "Severance Season 1")
    ]
    await drained(hass, entry)
    assert server.states["e1x1"].watched
    assert server.states["e1x2"].watched


async def test_whole_show_leaves_the_specials_alone_unless_asked(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    await act(hass, "mark_watched", title="Severance")
    await drained(hass, entry)
    assert not server.states["e0x1"].watched
    assert server.states["e2x2"].watched
    await act(hass, "mark_watched", title="Severance", include_specials=True)
    await drained(hass, entry)
    assert server.states["e0x1"].watched


async def test_default_is_every_lane_that_has_the_item(hass: HomeAssistant) -> None:
    first, second = MemoryServer(), second_server([OTHER_MOVIE])
    third = MemoryServer(
        [MOVIE], server_id="server-3", server_name="Shed", user_id="user-3"
    )
    entries = [await setup_lane(hass, server) for server in (first, second, third)]
    answer = await act(hass, "mark_watched", title="arrival", year=2016)
    assert [row["config_entry_id"] for row in answer["operations"]] == [
        entries[0].entry_id,
        entries[2].entry_id,
    ]
    assert answer["skipped"] == [
        {
            "config_entry_id": entries[1].entry_id,
            "lane": entries[1].title,
            "item_id": None,
            "title": None,
            "reason": "not_found",
        }
    ]
    for entry in entries:
        await drained(hass, entry)
    assert [bool(one.writes) for one in (first, second, third)] == [True, False, True]


async def test_lanes_named_are_the_only_ones(hass: HomeAssistant) -> None:
    first, second = MemoryServer(), second_server()
    entries = [await setup_lane(hass, server) for server in (first, second)]
    await act(
        hass,
        "mark_watched",
        title="Arrival",
        config_entry_id=[entries[1].entry_id],
    )
    await drained(hass, entries[1])
    assert first.writes == []
    assert second.writes == [("m1", MarkWatched())]


async def test_each_lane_is_written_to_disk_once(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    copies = [
        Item(f"copy{number}", MediaKind.MOVIE, "Arrival", 2016, MOVIE.provider_ids)
        for number in range(5)
    ]
    servers = [MemoryServer(copies), second_server(copies)]
    entries = [await setup_lane(hass, server) for server in servers]
    saves: list[str] = []
    for entry in entries:
        journal = entry.runtime_data.lane._journal
        original = journal.save

        async def save(original: Any = original, entry: Any = entry) -> None:
            saves.append(entry.entry_id)
            await original()

        monkeypatch.setattr(journal, "save", save)
        # Delivering writes to disk as well: not now.
        monkeypatch.setattr(entry.runtime_data.lane.outbox, "due", lambda *_: [])
    answer = await act(hass, "mark_watched", external_id="tmdb://movie/329865")
    assert len(answer["operations"]) == 10
    assert sorted(saves) == sorted(entry.entry_id for entry in entries)
    assert len({row["operation_id"] for row in answer["operations"]}) == 10
    batches = {one.batch_id for entry in entries for one in waiting(entry)}
    assert batches == {answer["batch_id"]}


async def test_what_the_server_shows_as_watched_is_skipped(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    server.set("m1", watched=True)
    entry = await setup_lane(hass, server)
    answer = await act(hass, "mark_watched", title="Arrival")
    assert answer == {
        "batch_id": None,
        "operations": [],
        "skipped": [
            {
                "config_entry_id": entry.entry_id,
                "lane": entry.title,
                "item_id": "m1",
                "title": "Arrival (2016)",
                "reason": "already_watched",
            }
        ],
    }
    assert waiting(entry) == []


async def test_what_the_server_shows_as_unwatched_is_skipped(
    hass: HomeAssistant,
) -> None:
    await setup_lane(hass)
    answer = await act(hass, "mark_unwatched", title="Arrival")
    assert [row["reason"] for row in answer["skipped"]] == ["already_unwatched"]


async def test_position_already_there_is_skipped(hass: HomeAssistant) -> None:
    server = MemoryServer()
    server.set("m1", position=100.0)
    await setup_lane(hass, server)
    answer = await act(hass, "set_progress", title="Arrival", position=101)
    assert [row["reason"] for row in answer["skipped"]] == ["already_there"]


async def test_unwatched_with_a_position_is_not_yet_what_unwatched_means(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    server.set("m1", position=100.0)
    entry = await setup_lane(hass, server)
    answer = await act(hass, "mark_unwatched", title="Arrival")
    assert answer["skipped"] == []
    await drained(hass, entry)
    assert server.states["m1"].position == 0


async def test_watched_item_with_a_contrary_operation_waiting_is_queued(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    server.set("m1", watched=True)
    entry = await setup_lane(hass, server)
    server.item_faults["m1"] = Fault("not now")
    await act(hass, "mark_unwatched", title="Arrival", wait=0)
    await until(entry.runtime_data, lambda: any(one.attempts for one in waiting(entry)))
    answer = await act(hass, "mark_watched", title="Arrival")
    assert [row["change"] for row in answer["operations"]] == ["mark_watched"]
    await drained(hass, entry)
    # The earlier operation is gone: it did not come through behind the later one.
    assert server.states["m1"].watched
    assert server.writes == []


async def test_dry_run_plans_and_queues_nothing(hass: HomeAssistant) -> None:
    server = MemoryServer(LONG_SHOW)
    entry = await setup_lane(hass, server)
    answer = await act(hass, "mark_unwatched", title="Severance", dry_run=True)
    assert answer == {
        "batch_id": None,
        "operations": [
            {
                "operation_id": None,
                "config_entry_id": entry.entry_id,
                "lane": entry.title,
                "item_id": "s1",
                "title": "Severance",
                "change": "mark_unwatched",
                "status": "planned",
                "state": {
                    "watched": False,
                    "position": 0.0,
                    "play_count": 0,
                    "last_played": None,
                },
                "wanted": {"watched": False, "position": 0.0},
                "episodes": 31,
                "watched_episodes": 0,
            }
        ],
        "skipped": [],
    }
    await hass.async_block_till_done()
    assert waiting(entry) == []
    assert server.writes == []


async def plan(hass: HomeAssistant, action: str, /, **data: Any) -> dict[str, Any]:
    """Return the only row of a dry run."""
    (row,) = (await act(hass, action, dry_run=True, **data))["operations"]
    assert isinstance(row, dict)
    return row


async def test_dry_run_tells_the_state_now_and_the_one_wanted(
    hass: HomeAssistant,
) -> None:
    played_at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    server = MemoryServer()
    server.set("m1", watched=True, position=90.5, play_count=2, last_played=played_at)
    await setup_lane(hass, server)
    row = await plan(hass, "set_progress", title="Arrival", position=1800)
    assert row["state"] == {
        "watched": True,
        "position": 90.5,
        "play_count": 2,
        "last_played": "2026-01-02T03:04:05+00:00",
    }
    assert row["wanted"] == {"watched": True, "position": 1800.0}
    assert "episodes" not in row
    row = await plan(hass, "mark_unwatched", title="Arrival")
    assert row["wanted"] == {"watched": False, "position": 0.0}


async def test_dry_run_offline_tells_what_was_read_last_or_nothing(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    server.set("m1", position=600.0)
    server.up_next_ids = ["m1", "e1x1"]
    entry = await setup_lane(hass, server)
    await lose_contact(hass, entry, server)
    row = await plan(hass, "mark_watched", item_id="m1")
    assert (row["state"]["watched"], row["state"]["position"]) == (False, 600.0)
    assert row["wanted"] == {"watched": True, "position": 0.0}
    row = await plan(hass, "mark_watched", item_id="m2")
    assert row["state"] == {
        "watched": None,
        "position": None,
        "play_count": None,
        "last_played": None,
    }
    row = await plan(hass, "mark_watched", item_id="e1x1", scope="season")
    assert (row["episodes"], row["watched_episodes"]) == (None, None)


async def test_several_copies_on_a_server_have_a_row_each(hass: HomeAssistant) -> None:
    copy = replace(MOVIE, item_id="m1b")
    server = MemoryServer([MOVIE, copy])
    server.set("m1b", watched=True)
    await setup_lane(hass, server)
    answer = await act(hass, "mark_watched", title="Arrival", dry_run=True)
    assert [row["item_id"] for row in answer["operations"]] == ["m1"]
    assert [(row["item_id"], row["reason"]) for row in answer["skipped"]] == [
        ("m1b", "already_watched")
    ]


# --- the date that comes with a mark ----------------------------------------------


class DatedServer(MemoryServer):
    """A server that keeps the date a mark carries."""

    @property
    @override
    def capabilities(self) -> Capabilities:
        return Capabilities(concurrency=1, repeat_safe=True, keeps_watched_at=True)


@pytest.mark.parametrize(
    ("server", "told"), [(DatedServer(), "kept"), (PlexLikeServer(), "not_kept")]
)
async def test_answer_says_whether_the_server_keeps_the_date(
    hass: HomeAssistant, server: MemoryServer, told: str
) -> None:
    await setup_lane(hass, server)
    data = {"title": "Arrival", "watched_at": "2026-01-02 03:04:05"}
    assert (await plan(hass, "mark_watched", **data))["watched_at"] == told
    answer = await act(hass, "mark_watched", **data, wait=300)
    (row,) = answer["operations"]
    assert (row["watched_at"], row["status"]) == (told, "confirmed")
    assert server.states["m1"].play_count == 1
    # Without a date there is nothing to say of it.
    assert "watched_at" not in await plan(hass, "mark_watched", title="Contact")


async def test_date_of_what_is_watched_already_stays_and_that_is_said(
    hass: HomeAssistant,
) -> None:
    server = DatedServer()
    server.up_next_ids = ["m2"]
    before = datetime(2020, 1, 1, tzinfo=UTC)
    entry = await setup_lane(hass, server)
    for item_id in ("m1", "m2"):
        server.set(item_id, watched=True, play_count=1, last_played=before)
    at = {"watched_at": "2026-01-02 03:04:05"}
    answer = await act(hass, "mark_watched", title="Arrival", **at)
    assert [row["reason"] for row in answer["skipped"]] == ["already_watched"]
    # Known as unwatched, it is found out when it is delivered.
    answer = await act(hass, "mark_watched", item_id="m2", **at, wait=300)
    (row,) = answer["operations"]
    assert (row["watched_at"], row["status"]) == ("not_kept", "confirmed")
    await drained(hass, entry)
    assert server.states["m2"].last_played == before


# --- waiting --------------------------------------------------------------------


async def test_wait_returns_once_the_server_confirmed(hass: HomeAssistant) -> None:
    server = MemoryServer()
    await setup_lane(hass, server)
    answer = await act(hass, "mark_watched", item_id="m1", wait=300)
    assert [row["status"] for row in answer["operations"]] == ["confirmed"]
    assert server.states["m1"].watched


async def test_wait_tells_of_a_change_the_server_refused(hass: HomeAssistant) -> None:
    server = MemoryServer()
    server.item_faults["m1"] = Refused("no")
    await setup_lane(hass, server)
    answer = await act(hass, "mark_watched", item_id="m1", wait=300)
    (row,) = answer["operations"]
    assert (row["status"], row["result"], row["last_error"]) == (
        "failed",
        "rejected",
        "refused",
    )


@pytest.mark.parametrize(
    ("action", "data", "entity_id"),
    [
        (f"{DOMAIN}.mark_watched", {"title": "Not There"}, None),
        (f"{DOMAIN}.mark_watched", {}, None),
        (f"{DOMAIN}.undo", {"batch_id": "none"}, None),
        ("button.press", {}, "button.attic_ada_undo_last_change"),
        ("todo.update_item", {"item": "m1", "rename": "x"}, "todo.attic_ada_up_next"),
    ],
)
async def test_what_is_refused_is_one_line_in_the_log_and_not_ours(
    hass: HomeAssistant,
    hass_ws_client: WebSocketGenerator,
    caplog: pytest.LogCaptureFixture,
    action: str,
    data: dict[str, Any],
    entity_id: str | None,
) -> None:
    server = MemoryServer()
    server.up_next_ids = ["m1"]
    await setup_lane(hass, server)
    client = await hass_ws_client()
    caplog.clear()
    domain, service = action.split(".")
    await client.send_json_auto_id(
        {
            "type": "call_service",
            "domain": domain,
            "service": service,
            "service_data": data,
            "target": {"entity_id": entity_id} if entity_id else {},
        }
    )
    assert (await client.receive_json())["error"]["code"] == "service_validation_error"
    await hass.async_block_till_done()
    (line,) = (one for one in caplog.records if one.levelno >= logging.WARNING)
    assert line.name.startswith("homeassistant.components.websocket_api")
    assert not line.exc_info


async def test_wait_ends_while_the_server_is_away_and_the_change_stays_queued(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    await lose_contact(hass, entry, server)
    answer = await act(hass, "mark_watched", item_id="m1", wait=0.01)
    assert [row["status"] for row in answer["operations"]] == ["queued"]
    assert operations(entry) == [("m1", MarkWatched())]
    assert entry.runtime_data.lane._waiters == {}


async def test_wait_does_not_outlive_an_operation_that_could_not_be_written(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = await setup_lane(hass)

    async def fail() -> None:
        raise JournalError

    monkeypatch.setattr(entry.runtime_data.lane._journal, "save", fail)
    with pytest.raises(HomeAssistantError) as error:
        await act(hass, "mark_watched", item_id="m1", wait=300)
    assert error.value.translation_key == "outbox_write_failed"
    await hass.async_block_till_done()
    assert waiting(entry) == []
    assert entry.runtime_data.lane._waiters == {}


# --- how much at once -------------------------------------------------------------


async def test_more_than_ten_to_unmark_needs_confirmation(hass: HomeAssistant) -> None:
    server = MemoryServer(LONG_SHOW)
    entry = await setup_lane(hass, server)
    error = await refused(
        hass, [entry], [server], "mark_unwatched", {"title": "Severance"}
    )
    assert error.translation_key == "unmark_needs_confirmation"
    assert error.translation_placeholders == {
        "count": "31",
        "limit": "10",
        "action": "watched_sync.mark_unwatched",
    }
    answer = await act(hass, "mark_unwatched", title="Severance", confirm=True)
    assert len(answer["operations"]) == 1


async def test_show_on_two_servers_counts_once(hass: HomeAssistant) -> None:
    servers = [MemoryServer(LONG_SHOW), second_server(LONG_SHOW)]
    for server in servers:
        await setup_lane(hass, server)
    answer = await act(hass, "mark_watched", title="Severance")
    assert len(answer["operations"]) == 2


async def test_more_than_fifty_over_all_switches_need_confirmation(
    hass: HomeAssistant,
) -> None:
    servers = [MemoryServer(LONG_SHOW), second_server(LONG_SHOW)]
    entries = [await setup_lane(hass, server, subentries=[SHOW]) for server in servers]
    switches = [
        state.entity_id
        for state in hass.states.async_all("switch")
        if state.attributes.get("media_type") == "show"
    ]
    assert len(switches) == 2
    error = await refused(
        hass, entries, servers, "mark_watched", {"entity_id": switches}
    )
    assert error.translation_key == "mark_needs_confirmation"
    assert error.translation_placeholders == {
        "count": "62",
        "limit": "50",
        "action": "watched_sync.mark_watched",
    }


async def test_specials_that_are_not_meant_do_not_count(hass: HomeAssistant) -> None:
    ten = [episode(1, number) for number in range(1, 11)]
    server = MemoryServer([SHOW, *ten, episode(0, 1)])
    entry = await setup_lane(hass, server)
    error = await refused(
        hass,
        [entry],
        [server],
        "mark_unwatched",
        {"title": "Severance", "include_specials": True},
    )
    assert error.translation_placeholders == {
        "count": "11",
        "limit": "10",
        "action": "watched_sync.mark_unwatched",
    }
    answer = await act(hass, "mark_unwatched", title="Severance")
    assert len(answer["operations"]) == 1


async def test_show_that_vanishes_while_it_is_counted_needs_confirmation(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = MemoryServer(LONG_SHOW)
    entry = await setup_lane(hass, server)

    async def gone(item: Item) -> list[Reading]:
        raise ItemGone(item.item_id)

    monkeypatch.setattr(server, "fetch_leaves", gone)
    error = await refused(
        hass, [entry], [server], "mark_unwatched", {"title": "Severance"}
    )
    assert error.translation_placeholders == {
        "count": "31",
        "limit": "10",
        "action": "watched_sync.mark_unwatched",
    }


async def test_season_of_unknown_size_needs_confirmation_while_offline(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    server.up_next_ids = ["e1x1"]
    entry = await setup_lane(hass, server)
    await lose_contact(hass, entry, server)
    data = {"item_id": "e1x1", "scope": "season"}
    error = await refused(hass, [entry], [server], "mark_watched", data)
    assert error.translation_key == "unknown_size_needs_confirmation"
    await act(hass, "mark_watched", confirm=True, **data)
    (operation,) = waiting(entry)
    assert operation.item == season(1)
    assert operation.scope is Scope.TREE


@pytest.mark.parametrize(("user_name", "is_refused"), [("Ada", False), ("Kim", True)])
async def test_show_is_as_long_on_a_server_that_is_away_for_the_same_person_alone(
    hass: HomeAssistant, user_name: str, *, is_refused: bool
) -> None:
    here = MemoryServer(LONG_SHOW[:5])
    away = MemoryServer(
        server_id="server-2",
        server_name="Cellar",
        user_id="user-2",
        user_name=user_name,
    )
    away.up_next_ids = ["e1x1"]
    entries = [await setup_lane(hass, server, options={}) for server in (here, away)]
    await lose_contact(hass, entries[1], away)
    data = {
        "title": "Severance",
        "config_entry_id": [entry.entry_id for entry in entries],
    }
    if is_refused:
        error = await refused(hass, entries, [here, away], "mark_watched", data)
        assert error.translation_key == "unknown_size_needs_confirmation"
    else:
        answer = await act(hass, "mark_watched", **data)
        assert len(answer["operations"]) == 2


async def test_size_of_a_season_never_read_is_asked_for(hass: HomeAssistant) -> None:
    server = MemoryServer(LONG_SHOW)
    server.up_next_ids = ["e1x1"]
    entry = await setup_lane(hass, server)
    data = {"item_id": "e1x1", "scope": "season"}
    error = await refused(hass, [entry], [server], "mark_unwatched", data)
    assert error.translation_key == "unmark_needs_confirmation"
    assert error.translation_placeholders == {
        "count": "31",
        "limit": "10",
        "action": "watched_sync.mark_unwatched",
    }


# --- bad input ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "data", "key"),
    [
        ("mark_watched", {}, "nothing_named"),
        ("mark_watched", {"title": " "}, "nothing_named"),
        ("mark_watched", {"config_entry_id": []}, "nothing_named"),
        ("mark_watched", {"title": "Arrival", "item_id": "m1"}, "named_twice"),
        (
            "mark_watched",
            {"entity_id": "switch.attic_ada_last_played", "title": "Arrival"},
            "named_twice",
        ),
        ("mark_watched", {"item_id": "m1", "year": 2016}, "year_without_title"),
        (
            "mark_watched",
            {"title": "Severance", "episode": 2},
            "episode_without_season",
        ),
        ("mark_watched", {"title": "Severance", "season": -1}, "negative_number"),
        (
            "mark_watched",
            {"title": "Severance", "season": 1, "episode": -1},
            "negative_number",
        ),
        ("mark_watched", {"item_id": "m1", "season": 1}, "season_without_show"),
        (
            "mark_watched",
            {"external_id": "tmdb://movie/329865", "season": 1},
            "season_without_show",
        ),
        ("mark_watched", {"item_id": "nowhere"}, "unknown_item"),
        ("mark_watched", {"title": "Nothing like it"}, "nothing_found"),
        ("mark_watched", {"title": "Arriv"}, "only_similar"),
        ("mark_watched", {"title": "Arrival", "year": 1996}, "only_similar"),
        ("mark_watched", {"title": "Arrival", "season": 1}, "nothing_found"),
        ("mark_watched", {"title": "Severance", "season": 7}, "nothing_found"),
        (
            "mark_watched",
            {"title": "Severance", "season": 1, "episode": 9},
            "nothing_found",
        ),
        ("mark_watched", {"external_id": "tmdb://movie/1"}, "nothing_found"),
        ("mark_watched", {"external_id": "tmdb://603"}, "malformed_external_id"),
        ("mark_watched", {"external_id": "imdb://0133093"}, "malformed_external_id"),
        ("mark_watched", {"external_id": "tvdb://abc"}, "malformed_external_id"),
        ("mark_watched", {"external_id": "trakt://1"}, "malformed_external_id"),
        ("mark_watched", {"external_id": "tt0133093"}, "malformed_external_id"),
        ("mark_watched", {"item_id": "m1", "scope": "season"}, "no_season_above"),
        ("mark_watched", {"item_id": "m1", "scope": "show"}, "no_show_above"),
        ("mark_watched", {"title": "Severance", "scope": "season"}, "no_season_above"),
        ("mark_watched", {"item_id": "m1", "wait": -1}, "wait_out_of_range"),
        ("mark_watched", {"item_id": "m1", "wait": 301}, "wait_out_of_range"),
        (
            "mark_watched",
            {"item_id": "m1", "watched_at": "2999-01-01 00:00:00"},
            "watched_in_future",
        ),
        ("set_progress", {"item_id": "m1"}, "no_position"),
        (
            "set_progress",
            {"item_id": "m1", "position": 1, "percent": 1},
            "two_positions",
        ),
        ("set_progress", {"item_id": "m1", "position": -1}, "negative_position"),
        (
            "set_progress",
            {"item_id": "m1", "position": {"minutes": -5}},
            "negative_position",
        ),
        ("set_progress", {"item_id": "m1", "percent": -0.1}, "percent_out_of_range"),
        ("set_progress", {"item_id": "m1", "percent": 101}, "percent_out_of_range"),
        ("set_progress", {"item_id": "m1", "percent": "nan"}, "percent_out_of_range"),
        ("set_progress", {"item_id": "m1", "position": 6961}, "position_beyond_end"),
        ("set_progress", {"title": "Severance", "percent": 1}, "progress_of_many"),
    ],
)
async def test_bad_input_is_refused_in_words_and_nothing_is_queued(
    hass: HomeAssistant, action: str, data: dict[str, Any], key: str
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    error = await refused(hass, [entry], [server], action, data)
    assert error.translation_domain == DOMAIN
    assert error.translation_key == key


@pytest.mark.parametrize(
    ("data", "key"),
    [
        ({"config_entry_id": "nowhere"}, "service_config_entry_not_found"),
        ({"config_entry_id": "other"}, "service_config_entry_wrong_domain"),
        ({"config_entry_id": "unloaded"}, "service_config_entry_not_loaded"),
        ({"config_entry_id": []}, "no_config_entry"),
    ],
)
async def test_unknown_and_unloaded_entries_are_refused(
    hass: HomeAssistant, data: dict[str, Any], key: str
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    MockConfigEntry(domain="other", entry_id="other", title="Other").add_to_hass(hass)
    MockConfigEntry(domain=DOMAIN, entry_id="unloaded", title="Old").add_to_hass(hass)
    error = await refused(
        hass, [entry], [server], "mark_watched", {"title": "Arrival", **data}
    )
    assert error.translation_key == key


async def test_action_without_any_server_is_refused(hass: HomeAssistant) -> None:
    assert await async_setup_component(hass, DOMAIN, {})
    error = await refused(hass, [], [], "mark_watched", {"title": "Arrival"})
    assert error.translation_key == "service_found_no_config_entry_for_domain"


async def test_action_while_the_only_server_is_not_loaded_is_refused(
    hass: HomeAssistant,
) -> None:
    entry = await setup_lane(hass)
    await hass.config_entries.async_unload(entry.entry_id)
    with pytest.raises(ServiceValidationError) as error:
        await act(hass, "mark_watched", item_id="m1")
    assert error.value.translation_key == "service_config_entry_not_loaded"


async def test_item_id_needs_one_lane(hass: HomeAssistant) -> None:
    servers = [MemoryServer(), second_server()]
    entries = [await setup_lane(hass, server) for server in servers]
    for data in (
        {},
        {"config_entry_id": [entry.entry_id for entry in entries]},
    ):
        error = await refused(
            hass, entries, servers, "mark_watched", {"item_id": "m1", **data}
        )
        assert error.translation_key == "item_id_needs_lane"
    await act(hass, "mark_watched", item_id="m1", config_entry_id=entries[1].entry_id)
    await drained(hass, entries[1])
    assert [len(server.writes) for server in servers] == [0, 1]


async def test_item_id_does_not_guess_while_another_entry_is_not_loaded(
    hass: HomeAssistant,
) -> None:
    servers = [MemoryServer(), second_server()]
    entries = [await setup_lane(hass, server) for server in servers]
    await hass.config_entries.async_unload(entries[1].entry_id)
    error = await refused(hass, entries[:1], servers, "mark_watched", {"item_id": "m1"})
    assert error.translation_key == "item_id_needs_lane"


@pytest.mark.parametrize(
    "data", [{"position": 59}, {"position": 6300}, {"percent": 90}, {"percent": 100}]
)
async def test_position_the_server_would_not_keep_is_refused(
    hass: HomeAssistant, data: dict[str, Any]
) -> None:
    server = PlexLikeServer()
    entry = await setup_lane(hass, server)
    error = await refused(
        hass, [entry], [server], "set_progress", {"item_id": "m1", **data}
    )
    assert error.translation_key == "position_not_kept"
    assert error.translation_placeholders is not None
    assert error.translation_placeholders["minimum"] == "1:00"
    assert error.translation_placeholders["maximum"] == "90%"


async def test_one_lane_that_cannot_is_enough_to_queue_nothing(
    hass: HomeAssistant,
) -> None:
    plex = PlexLikeServer(server_id="server-2", server_name="Cellar", user_id="user-2")
    servers = [MemoryServer(), plex]
    entries = [await setup_lane(hass, server) for server in servers]
    error = await refused(
        hass, entries, servers, "set_progress", {"title": "Arrival", "position": 30}
    )
    assert error.translation_key == "position_not_kept"


async def test_share_of_an_unknown_whole_is_refused(hass: HomeAssistant) -> None:
    endless = Item("m9", MediaKind.MOVIE, "Endless")
    server = MemoryServer([endless])
    server.up_next_ids = ["m9"]
    entry = await setup_lane(hass, server)
    error = await refused(
        hass, [entry], [server], "set_progress", {"item_id": "m9", "percent": 50}
    )
    assert error.translation_key == "duration_unknown"
    await lose_contact(hass, entry, server)
    error = await refused(
        hass, [entry], [server], "set_progress", {"item_id": "m9", "percent": 50}
    )
    assert error.translation_key == "duration_unknown"


@pytest.mark.parametrize(
    "data",
    [
        {"item_id": "m1", "position": "soon"},
        {"item_id": "m1", "position": "inf"},
        {"item_id": "m1", "percent": "half"},
        {"item_id": "m1", "position": 1, "scope": "show"},
        {"item_id": "m1", "position": 1, "nonsense": True},
        # Half a character, as YAML can write it.
        {"item_id": "m1\ud83d", "position": 1},
        {"title": "caf\ud83d", "position": 1},
        {"title": "Arrival", "year": 1e300, "position": 1},
        {"title": "Arrival", "year": 2**64, "position": 1},
        {"item_id": "m1", "position": 1, "config_entry_id": "\ud83d"},
    ],
)
async def test_nonsense_is_refused_by_the_schema(
    hass: HomeAssistant, data: dict[str, Any]
) -> None:
    entry = await setup_lane(hass)
    with pytest.raises(probatio.Invalid):
        await act(hass, "set_progress", **data)
    assert waiting(entry) == []


# --- the queue ------------------------------------------------------------------------


async def test_get_queue_lists_what_waits_and_what_failed(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    server.item_faults["m2"] = Refused("no")
    entry = await setup_lane(hass, server)
    await act(hass, "mark_watched", item_id="m2", wait=300)
    await lose_contact(hass, entry, server)
    await act(hass, "mark_watched", item_id="s1", confirm=True)
    await act(hass, "set_progress", item_id="m2", position=60)
    (first, second) = waiting(entry)
    health = entry.runtime_data.lane.health
    assert health.next_attempt is not None
    answer = await act(hass, "get_queue")
    common = {
        "config_entry_id": entry.entry_id,
        "lane": entry.title,
        "attempts": 0,
        "last_error": None,
        "status": "queued",
        "next_attempt": health.next_attempt.isoformat(),
    }
    assert answer == {
        "operations": [
            {
                **common,
                "operation_id": first.operation_id,
                "item_id": "s1",
                "title": "s1",
                "change": "mark_watched",
                "scope": "item",
                "asked_at": first.asked_at.isoformat(),
            },
            {
                **common,
                "operation_id": second.operation_id,
                "item_id": "m2",
                "title": "Contact (1997)",
                "change": "set_progress",
                "scope": "item",
                "asked_at": second.asked_at.isoformat(),
            },
        ]
    }


async def test_get_queue_tells_why_something_failed(hass: HomeAssistant) -> None:
    server = MemoryServer()
    server.item_faults["m2"] = Refused("no")
    entry = await setup_lane(hass, server)
    await act(hass, "mark_watched", item_id="m2", wait=300)
    (row,) = (await act(hass, "get_queue", config_entry_id=entry.entry_id))[
        "operations"
    ]
    assert row["status"] == "failed"
    assert row["last_error"] == "refused"
    assert row["next_attempt"] is None


async def test_get_queue_must_be_asked_for_its_answer(hass: HomeAssistant) -> None:
    await setup_lane(hass)
    assert hass.services.supports_response(DOMAIN, "get_queue") is SupportsResponse.ONLY
    for action in ("mark_watched", "set_progress", "sync_now", "retry", "discard"):
        response = hass.services.supports_response(DOMAIN, action)
        assert response is SupportsResponse.OPTIONAL


async def test_sync_now_tries_at_once_and_dry_run_does_not(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    await lose_contact(hass, entry, server)
    await act(hass, "mark_watched", item_id="m1")
    server.come_up()
    before = len(server.requests)
    answer = await act(hass, "sync_now", dry_run=True)
    await hass.async_block_till_done()
    assert answer == {
        "lanes": [
            {
                "config_entry_id": entry.entry_id,
                "lane": entry.title,
                "pending": 1,
            }
        ]
    }
    assert len(server.requests) == before
    await act(hass, "sync_now", config_entry_id=entry.entry_id)
    await drained(hass, entry)
    assert server.writes == [("m1", MarkWatched())]


async def fail_two(hass: HomeAssistant, server: MemoryServer) -> MockConfigEntry:
    """Set up a lane in which both movies were given up."""
    for item_id in ("m1", "m2"):
        server.item_faults[item_id] = Refused("no")
    entry = await setup_lane(hass, server)
    for item_id in ("m1", "m2"):
        await act(hass, "mark_watched", item_id=item_id, wait=300)
    assert len(entry.runtime_data.lane.outbox.rejected) == 2
    return entry


async def test_retry_of_one_leaves_the_other(hass: HomeAssistant) -> None:
    server = MemoryServer()
    entry = await fail_two(hass, server)
    server.item_faults.clear()
    (first, second) = entry.runtime_data.lane.outbox.rejected
    answer = await act(hass, "retry", operation_id=first.operation_id)
    assert answer == {
        "operations": [
            {
                "operation_id": first.operation_id,
                "config_entry_id": entry.entry_id,
                "lane": entry.title,
                "item_id": "m1",
                "title": "Arrival (2016)",
                "change": "mark_watched",
                "status": "queued",
            }
        ]
    }
    await drained(hass, entry)
    assert [one.operation_id for one in entry.runtime_data.lane.outbox.rejected] == [
        second.operation_id
    ]
    assert server.writes == [("m1", MarkWatched())]


async def test_retry_without_a_name_takes_all_that_failed(hass: HomeAssistant) -> None:
    server = MemoryServer()
    entry = await fail_two(hass, server)
    server.item_faults.clear()
    planned = await act(hass, "retry", dry_run=True)
    assert [row["status"] for row in planned["operations"]] == ["planned"] * 2
    assert len(entry.runtime_data.lane.outbox.rejected) == 2
    await act(hass, "retry")
    await drained(hass, entry)
    assert len(server.writes) == 2


async def test_discard_drops_what_failed_and_what_is_named(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    entry = await fail_two(hass, server)
    outbox = entry.runtime_data.lane.outbox
    (first, second) = outbox.rejected
    planned = await act(
        hass, "discard", operation_id=[second.operation_id], dry_run=True
    )
    assert [row["status"] for row in planned["operations"]] == ["planned"]
    assert len(outbox.rejected) == 2
    answer = await act(hass, "discard", operation_id=[second.operation_id])
    assert [row["status"] for row in answer["operations"]] == ["discarded"]
    assert [one.operation_id for one in outbox.rejected] == [first.operation_id]
    await act(hass, "discard")
    assert not outbox.rejected
    await lose_contact(hass, entry, server)
    await act(hass, "mark_watched", item_id="m1")
    (operation,) = waiting(entry)
    await act(hass, "discard")
    assert waiting(entry) == [operation]
    await act(hass, "discard", operation_id=operation.operation_id)
    assert waiting(entry) == []
    assert server.writes == []


@pytest.mark.parametrize("action", ["retry", "discard"])
async def test_operation_that_is_not_there_is_refused(
    hass: HomeAssistant, action: str
) -> None:
    entry = await fail_two(hass, MemoryServer())
    before = list(entry.runtime_data.lane.outbox.rejected)
    with pytest.raises(ServiceValidationError) as error:
        await act(hass, action, operation_id=[before[0].operation_id, "01NOWHERE"])
    assert error.value.translation_key == "unknown_operation"
    assert error.value.translation_placeholders == {"operation_id": "01NOWHERE"}
    assert list(entry.runtime_data.lane.outbox.rejected) == before


async def test_operation_of_this_moment_wins_over_what_the_server_shows(
    hass: HomeAssistant,
) -> None:
    # The server's clock is ahead: by it, the play is newer than the operation.
    server = MemoryServer()
    server.set("m1", watched=True, last_played=datetime.now(UTC) + timedelta(minutes=5))
    server.now = lambda: datetime.now(UTC) + timedelta(minutes=5)
    entry = await setup_lane(hass, server)
    await act(hass, "mark_unwatched", title="Arrival")
    await drained(hass, entry)
    assert server.states["m1"].watched is False


async def test_every_name_in_the_descriptions_of_fields_is_given(
    hass: HomeAssistant,
) -> None:
    await setup_lane(hass, MemoryServer())
    file = Path(services.__file__).parent / "translations" / "en.json"
    words = json.loads(file.read_text(encoding="utf-8"))["services"]
    registered = hass.services.async_services_for_domain("watched_sync")
    assert placeholders(words["mark_watched"]["fields"]["external_id"]["description"])
    for name, action in registered.items():
        wanted = set[str]().union(*map(placeholders, flatten(words[name]).values()))
        assert wanted <= (action.description_placeholders or {}).keys(), name


@pytest.mark.parametrize("person", [True, 5, None, {"person.alex": 1}, [True]])
@pytest.mark.parametrize(
    "schema", [services.MARK_WATCHED_SCHEMA, services.GET_QUEUE_SCHEMA]
)
def test_person_that_is_none_is_refused_as_such(
    schema: probatio.Schema, person: object
) -> None:
    with pytest.raises(probatio.Invalid):
        schema({"person": person})


@pytest.mark.parametrize(
    "data",
    [
        {"watched_at": "\ud83d"},
        {"watched_at": "2026-10-31T20:15:00\u0661"},
        {"wait": 10**400},
        {"wait": [1]},
    ],
)
def test_what_ends_a_parser_is_refused_before(data: dict[str, Any]) -> None:
    """One lone surrogate where a date belongs would end the whole process."""
    with pytest.raises(probatio.Invalid):
        services.MARK_WATCHED_SCHEMA({"title": "x", **data})
