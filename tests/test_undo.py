"""Taking changes back, as a person asks for it: the action and the history."""

from datetime import UTC, date, datetime
from typing import Any

from homeassistant.core import HomeAssistant, SupportsResponse
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.watched_sync.const import DOMAIN
from custom_components.watched_sync.core.errors import (
    Fault,
    JournalError,
    Refused,
    Unreachable,
)
from custom_components.watched_sync.core.operation import (
    MarkUnwatched,
    MarkWatched,
    Origin,
)
from custom_components.watched_sync.core.undo import UndoPlan, plan_undo
from custom_components.watched_sync.runtime import Request

from .common import (
    MOVIE,
    OTHER_MOVIE,
    SHOW,
    MemoryServer,
    drained,
    episode,
    setup_lane,
    until,
)
from .scene import lose_contact, revoke_token

AIRED = date(2022, 2, 18)


async def act(hass: HomeAssistant, action: str, /, **data: Any) -> dict[str, Any]:
    """Call an action of ours and return its response."""
    response = await hass.services.async_call(
        DOMAIN, action, data, blocking=True, return_response=True
    )
    assert isinstance(response, dict)
    return response


async def refused(hass: HomeAssistant, action: str, /, **data: Any) -> str | None:
    """Call an action that must be refused; return the key of the reason."""
    with pytest.raises(ServiceValidationError) as error:
        await act(hass, action, **data)
    return error.value.translation_key


async def mark(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    action: str = "mark_watched",
    /,
    **data: Any,
) -> str:
    """Change something, wait until it is delivered, and return its batch."""
    answer = await act(hass, action, **data)
    await drained(hass, entry)
    batch_id: str = answer["batch_id"]
    return batch_id


def second_server() -> MemoryServer:
    return MemoryServer(
        [MOVIE, OTHER_MOVIE],
        server_id="server-2",
        server_name="Cellar",
        user_id="user-2",
    )


def was(
    *,
    watched: bool = False,
    position: float = 0.0,
    play_count: int = 0,
    last_played: str | None = None,
) -> dict[str, Any]:
    """Return what the history says that an item was before."""
    return {
        "watched": watched,
        "position": position,
        "play_count": play_count,
        "last_played": last_played,
    }


def operations(entry: MockConfigEntry) -> list[tuple[str, Any]]:
    return [(one.item.item_id, one.change) for one in entry.runtime_data.lane.outbox]


# --- undo -------------------------------------------------------------------


async def test_undo_takes_the_last_batch_back_and_says_what_it_did(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    server.set("m1", position=1800.0)
    entry = await setup_lane(hass, server)
    batch_id = await mark(hass, entry, title="Arrival")
    await lose_contact(hass, entry, server)
    answer = await act(hass, "undo")
    (waiting,) = entry.runtime_data.lane.outbox
    assert waiting.origin is Origin.UNDO
    assert answer == {
        "batch_id": waiting.batch_id,
        "undone_batch_id": batch_id,
        "operations": [
            {
                "operation_id": waiting.operation_id,
                "config_entry_id": entry.entry_id,
                "lane": entry.title,
                "item_id": "m1",
                "title": "Arrival (2016)",
                "change": "set_progress",
                "status": "queued",
                "not_restored": [],
            }
        ],
        "skipped": [],
    }
    server.come_up()
    entry.runtime_data.relay.nudge()
    await drained(hass, entry)
    assert (server.states["m1"].watched, server.states["m1"].position) == (False, 1800)


async def test_undo_works_without_asking_for_an_answer(hass: HomeAssistant) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    await mark(hass, entry, title="Arrival")
    await hass.services.async_call(DOMAIN, "undo", {}, blocking=True)
    await drained(hass, entry)
    assert server.states["m1"].watched is False


async def test_undo_again_goes_further_back_and_then_there_is_nothing(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    await mark(hass, entry, title="Arrival")
    await mark(hass, entry, title="Contact")
    await act(hass, "undo", wait=300)
    assert (server.states["m1"].watched, server.states["m2"].watched) == (True, False)
    await act(hass, "undo", wait=300)
    assert server.states["m1"].watched is False
    assert await refused(hass, "undo") == "nothing_to_undo"


async def test_undo_of_an_undo_does_it_again(hass: HomeAssistant) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    await mark(hass, entry, title="Arrival")
    undone = await act(hass, "undo", wait=300)
    assert undone["operations"][0]["status"] == "confirmed"
    redone = await act(hass, "undo", batch_id=undone["batch_id"], wait=300)
    assert redone["undone_batch_id"] == undone["batch_id"]
    assert server.states["m1"].watched


async def test_undo_of_a_named_batch_leaves_later_ones_alone(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    batch_id = await mark(hass, entry, title="Arrival")
    await mark(hass, entry, title="Contact")
    await mark(hass, entry, "set_progress", title="Arrival", position=1200)
    answer = await act(hass, "undo", batch_id=batch_id)
    assert answer["batch_id"] is None
    assert answer["operations"] == []
    assert answer["skipped"] == [
        {
            "config_entry_id": entry.entry_id,
            "lane": entry.title,
            "item_id": "m1",
            "title": "Arrival (2016)",
            "reason": "changed_since",
        }
    ]
    assert server.states["m2"].watched


async def test_unknown_batch_is_an_error(hass: HomeAssistant) -> None:
    await setup_lane(hass)
    assert await refused(hass, "undo", batch_id="nope") == "unknown_batch"


async def test_dry_run_of_undo_plans_and_queues_nothing(hass: HomeAssistant) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    await mark(hass, entry, title="Arrival")
    answer = await act(hass, "undo", dry_run=True)
    assert answer["batch_id"] is None
    assert [
        (row["operation_id"], row["change"], row["status"])
        for row in answer["operations"]
    ] == [(None, "mark_unwatched", "planned")]
    assert operations(entry) == []
    await lose_contact(hass, entry, server)
    waiting = await act(hass, "mark_watched", item_id="m2")
    answer = await act(hass, "undo", dry_run=True)
    assert [(row["operation_id"], row["status"]) for row in answer["operations"]] == [
        (waiting["operations"][0]["operation_id"], "planned")
    ]
    assert operations(entry) == [("m2", MarkWatched())]


async def test_undo_of_what_waits_drops_it(hass: HomeAssistant) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    await lose_contact(hass, entry, server)
    waiting = await act(hass, "mark_watched", item_id="m1")
    answer = await act(hass, "undo")
    assert answer["batch_id"] is None
    assert [
        (row["operation_id"], row["change"], row["status"])
        for row in answer["operations"]
    ] == [(waiting["operations"][0]["operation_id"], "mark_watched", "discarded")]
    assert operations(entry) == []
    assert await refused(hass, "undo") == "nothing_to_undo"


async def test_undo_while_the_server_is_away_is_queued_like_anything_else(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    await mark(hass, entry, title="Arrival")
    await lose_contact(hass, entry, server)
    await act(hass, "undo")
    assert operations(entry) == [("m1", MarkUnwatched())]
    server.come_up()
    entry.runtime_data.relay.nudge()
    await drained(hass, entry)
    assert server.states["m1"].watched is False


async def test_undo_of_a_show_is_one_operation(hass: HomeAssistant) -> None:
    server = MemoryServer()
    server.set("e1x1", watched=True)
    entry = await setup_lane(hass, server)
    await mark(hass, entry, title="Severance")
    answer = await act(hass, "undo", wait=300)
    assert [
        (row["item_id"], row["title"], row["status"]) for row in answer["operations"]
    ] == [("s1", "Severance", "confirmed")]
    assert [one for one, state in server.states.items() if state.watched] == ["e1x1"]


async def test_undo_says_what_the_server_cannot_take_back(hass: HomeAssistant) -> None:
    server = MemoryServer()  # keeps no dates, like Plex
    server.set(
        "m1",
        watched=True,
        play_count=3,
        last_played=datetime(2025, 5, 5, tzinfo=UTC),
    )
    entry = await setup_lane(hass, server)
    await mark(hass, entry, "mark_unwatched", title="Arrival")
    answer = await act(hass, "undo")
    assert answer["operations"][0]["not_restored"] == ["play_count", "watched_at"]


async def test_waiting_for_an_undo_finds_what_somebody_changed_unseen(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    await mark(hass, entry, title="Arrival")
    server.set("m1", watched=False, position=333.0)
    answer = await act(hass, "undo", wait=300)
    assert answer["operations"] == []
    assert [row["reason"] for row in answer["skipped"]] == ["changed_since"]
    assert server.states["m1"].position == 333


async def test_wait_of_an_undo_is_bounded(hass: HomeAssistant) -> None:
    await setup_lane(hass)
    assert await refused(hass, "undo", wait=301) == "wait_out_of_range"


async def test_what_the_lane_forgot_is_read_first(hass: HomeAssistant) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    await mark(hass, entry, title="Arrival")
    entry.runtime_data.lane.ledger.forget("m1")
    await act(hass, "undo", wait=300)
    assert server.states["m1"].watched is False


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        (lose_contact, "offline"),
        (revoke_token, "auth_required"),
        (None, "not_found"),
        (Fault("500"), "server_error"),
        (Unreachable("gone"), "offline"),
    ],
)
async def test_what_is_neither_known_nor_readable_is_skipped_with_a_reason(
    hass: HomeAssistant, trouble: Any, reason: str
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    batch_id = await mark(hass, entry, title="Arrival")
    if trouble is None:
        del server.items["m1"]
    elif isinstance(trouble, Exception):
        server.fail_next = [trouble]  # type: ignore[list-item]  # a ServerError
    else:
        await trouble(hass, entry, server)
    entry.runtime_data.lane.ledger.forget("m1")
    answer = await act(hass, "undo", batch_id=batch_id)
    assert answer["skipped"] == [
        {
            "config_entry_id": entry.entry_id,
            "lane": entry.title,
            "item_id": "m1",
            "title": "Arrival (2016)",
            "reason": reason,
        }
    ]
    assert operations(entry) == []


async def test_batch_of_several_lanes_is_undone_on_all_of_them(
    hass: HomeAssistant,
) -> None:
    servers = [MemoryServer(), second_server()]
    entries = [await setup_lane(hass, server) for server in servers]
    await act(hass, "mark_watched", title="Arrival", wait=300)
    answer = await act(hass, "undo", wait=300)
    assert {row["config_entry_id"] for row in answer["operations"]} == {
        entry.entry_id for entry in entries
    }
    assert [server.states["m1"].watched for server in servers] == [False, False]
    batches = {
        one.operation.batch_id
        for entry in entries
        for one in entry.runtime_data.lane.outbox.history
        if one.operation.undoes
    }
    assert batches == {answer["batch_id"]}


async def test_undo_on_one_lane_leaves_the_other_for_later(hass: HomeAssistant) -> None:
    servers = [MemoryServer(), second_server()]
    entries = [await setup_lane(hass, server) for server in servers]
    marked = await act(hass, "mark_watched", title="Arrival", wait=300)
    await act(hass, "undo", config_entry_id=entries[0].entry_id, wait=300)
    assert [server.states["m1"].watched for server in servers] == [False, True]
    answer = await act(hass, "undo", wait=300)
    assert answer["undone_batch_id"] == marked["batch_id"]
    assert [server.states["m1"].watched for server in servers] == [False, False]
    # The lane where nothing was left to do says so.
    assert [(row["config_entry_id"], row["reason"]) for row in answer["skipped"]] == [
        (entries[0].entry_id, "already_undone")
    ]


async def test_last_batch_is_the_last_of_all_lanes(hass: HomeAssistant) -> None:
    servers = [MemoryServer(), second_server()]
    entries = [await setup_lane(hass, server) for server in servers]
    for entry in reversed(entries):
        await mark(hass, entry, title="Arrival", config_entry_id=entry.entry_id)
    await act(hass, "undo", wait=300)
    assert [server.states["m1"].watched for server in servers] == [False, True]


async def test_undo_that_cannot_be_written_fails_in_words(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    await mark(hass, entry, title="Arrival")

    async def fail() -> None:
        raise JournalError

    monkeypatch.setattr(entry.runtime_data.lane._journal, "save", fail)
    with pytest.raises(HomeAssistantError) as error:
        await act(hass, "undo")
    assert error.value.translation_key == "outbox_write_failed"
    assert operations(entry) == []
    assert server.states["m1"].watched


async def test_what_goes_away_between_plan_and_undo_is_no_batch(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    batch_id = await mark(hass, entry, title="Arrival")
    real = plan_undo
    plans: list[UndoPlan] = []

    def plan(*args: Any, **kwargs: Any) -> UndoPlan:
        plans.append(real(*args, **kwargs) if not plans else UndoPlan(batch_id))
        return plans[-1]

    monkeypatch.setattr("custom_components.watched_sync.undo.plan_undo", plan)
    answer = await act(hass, "undo")
    assert not plans[0].is_empty
    assert (answer["batch_id"], answer["operations"]) == (None, [])


# --- the history ---------------------------------------------------------------


async def test_history_tells_what_was_done_newest_first(hass: HomeAssistant) -> None:
    server = MemoryServer()
    server.set("m2", position=600.0)
    entry = await setup_lane(hass, server)
    first = await mark(hass, entry, title="Arrival")
    second = await mark(hass, entry, title="Contact")
    played_at = server.states["m2"].last_played
    assert played_at is not None
    marked = was(watched=True, play_count=1, last_played=played_at.isoformat())
    third = await act(hass, "undo", wait=300)
    await mark(hass, entry, title="Severance")
    rows = (await act(hass, "get_history"))["operations"]
    assert [row["item_id"] for row in rows] == ["s1", "m2", "m2", "m1"]
    assert [row["before"] for row in rows] == [
        None,
        marked,
        was(position=600.0),
        was(),
    ]
    assert [row["undone"] for row in rows] == [False, False, True, False]
    assert [row["batch_id"] for row in rows][1:] == [third["batch_id"], second, first]
    done = entry.runtime_data.lane.outbox.history[2]
    assert rows[1] == {
        "operation_id": done.operation.operation_id,
        "config_entry_id": entry.entry_id,
        "lane": entry.title,
        "item_id": "m2",
        "title": "Contact (1997)",
        "change": "set_progress",
        "batch_id": third["batch_id"],
        "scope": "item",
        "origin": "undo",
        "cause": {"kind": "unknown", "name": None, "person": None},
        "result": "delivered",
        "asked_at": done.operation.asked_at.isoformat(),
        "settled_at": done.settled_at.isoformat(),
        "before": marked,
        "before_each": [],
        "items": 1,
        "undoes": second,
        "undone": False,
    }


async def test_history_of_a_show_tells_what_each_episode_was_before(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    seen_at = datetime(2026, 3, 1, 20, 15, tzinfo=UTC)
    server.set("e1x1", watched=True, play_count=2, last_played=seen_at)
    server.set("e1x2", position=300.0)
    entry = await setup_lane(hass, server)
    await mark(hass, entry, "mark_unwatched", title="Severance")
    (row,) = (await act(hass, "get_history"))["operations"]
    assert (row["item_id"], row["before"], row["items"]) == ("s1", None, 2)
    # What was unwatched already was not written, so there is nothing to go back to.
    assert row["before_each"] == [
        {
            "item_id": "e1x1",
            **was(watched=True, play_count=2, last_played=seen_at.isoformat()),
        },
        {"item_id": "e1x2", **was(position=300.0)},
    ]


async def test_history_of_a_long_show_lists_fifty_episodes_and_counts_all(
    hass: HomeAssistant,
) -> None:
    episodes = [episode(1, number, aired=AIRED) for number in range(1, 61)]
    entry = await setup_lane(hass, MemoryServer([SHOW, *episodes]))
    await mark(hass, entry, title="Severance", confirm=True)
    (row,) = (await act(hass, "get_history"))["operations"]
    assert (len(row["before_each"]), row["items"]) == (50, 60)


async def test_explaining_an_episode_tells_what_it_was_before_its_show_was_marked(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    server.set("e1x2", position=300.0)
    entry = await setup_lane(hass, server)
    await mark(hass, entry, title="Severance")
    (told,) = (await act(hass, "explain", item_id="e1x2"))["items"]
    (row,) = told["history"]
    assert (row["item_id"], row["before"]) == ("s1", was(position=300.0))
    assert row["before_each"] == []
    (told,) = (await act(hass, "explain", item_id="e0x1"))["items"]
    assert told["history"] == []
    (told,) = (await act(hass, "explain", item_id="s1"))["items"]
    (row,) = told["history"]
    assert (row["before"], len(row["before_each"])) == (None, 4)


async def test_history_of_all_lanes_is_one_list_cut_at_the_limit(
    hass: HomeAssistant,
) -> None:
    servers = [MemoryServer(), second_server()]
    entries = [await setup_lane(hass, server) for server in servers]
    for entry in (entries[0], entries[1], entries[0]):
        title = "Arrival" if not entry.runtime_data.lane.outbox.history else "Contact"
        await mark(hass, entry, title=title, config_entry_id=entry.entry_id)
    rows = (await act(hass, "get_history", limit=2))["operations"]
    assert [row["config_entry_id"] for row in rows] == [
        entries[0].entry_id,
        entries[1].entry_id,
    ]
    rows = (await act(hass, "get_history", config_entry_id=entries[0].entry_id))[
        "operations"
    ]
    assert [row["title"] for row in rows] == ["Contact (1997)", "Arrival (2016)"]


@pytest.mark.parametrize("limit", [0, 501])
async def test_limit_of_the_history_is_bounded(hass: HomeAssistant, limit: int) -> None:
    await setup_lane(hass)
    assert await refused(hass, "get_history", limit=limit) == "limit_out_of_range"


async def test_failed_changes_are_no_history_but_can_be_undone(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    server.item_faults["m1"] = Refused("no")
    entry = await setup_lane(hass, server)
    answer = await act(hass, "mark_watched", title="Arrival", wait=300)
    assert answer["operations"][0]["status"] == "failed"
    assert (await act(hass, "get_history"))["operations"] == []
    # Nobody knows what a server did that refused: it is looked at again.
    answer = await act(hass, "undo")
    assert sorted(row["status"] for row in answer["operations"]) == [
        "discarded",
        "queued",
    ]
    await drained(hass, entry)
    assert server.states["m1"].watched is False
    assert not entry.runtime_data.lane.outbox.rejected


async def test_what_is_being_delivered_can_be_undone(hass: HomeAssistant) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    runtime = entry.runtime_data
    server.gate.clear()
    await runtime.async_submit([Request(SHOW, MarkWatched())])
    await until(runtime, lambda: bool(runtime.lane.in_flight))
    await act(hass, "undo")
    server.gate.set()
    await drained(hass, entry)
    assert not any(state.watched for state in server.states.values())
    assert server.writes == []


async def test_actions_say_whether_they_answer(hass: HomeAssistant) -> None:
    await setup_lane(hass)
    assert hass.services.supports_response(DOMAIN, "undo") is SupportsResponse.OPTIONAL
    assert (
        hass.services.supports_response(DOMAIN, "get_history") is SupportsResponse.ONLY
    )
