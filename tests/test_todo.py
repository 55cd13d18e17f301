"""What is up next as a to-do list: ticking marks, unticking takes back."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.todo.const import TodoListEntityFeature
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import entity_registry as er
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.watched_sync.core.errors import JournalError, Refused
from custom_components.watched_sync.core.identity import Item
from custom_components.watched_sync.core.operation import (
    MarkUnwatched,
    MarkWatched,
    Origin,
    SetProgress,
)
from custom_components.watched_sync.runtime import Request
from custom_components.watched_sync.todo import UpNextList

from .common import (
    MOVIE,
    OTHER_MOVIE,
    SHOW,
    MemoryServer,
    drained,
    episode,
    mark,
    setup_lane,
    use_server,
)
from .scene import lose_contact, shown

LIST = "todo.attic_ada_up_next"


async def items(hass: HomeAssistant) -> list[dict[str, Any]]:
    """Return what is on the list."""
    answer = await hass.services.async_call(
        "todo",
        "get_items",
        {"entity_id": LIST},
        blocking=True,
        return_response=True,
    )
    assert answer is not None
    found: Any = answer[LIST]
    rows: list[dict[str, Any]] = found["items"]
    return rows


async def statuses(hass: HomeAssistant) -> dict[str, str]:
    """Return the status of each item on the list, in order."""
    return {one["uid"]: one["status"] for one in await items(hass)}


async def update(hass: HomeAssistant, item: str, **data: str | None) -> None:
    """Change an item of the list."""
    await hass.services.async_call(
        "todo",
        "update_item",
        {"entity_id": LIST, "item": item, **data},
        blocking=True,
    )


async def tick(hass: HomeAssistant, item: str) -> None:
    """Tick an item off."""
    await update(hass, item, status="completed")


async def untick(hass: HomeAssistant, item: str) -> None:
    """Take the tick back."""
    await update(hass, item, status="needs_action")


async def look_again(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Have the coordinator read the server now."""
    await entry.runtime_data.coordinator.async_refresh()
    await hass.async_block_till_done()


# --- what is on it ---------------------------------------------------------------


async def test_list_shows_what_is_up_next_in_the_servers_order(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    server.set("m1", position=1290)
    server.up_next_ids = ["e1x2", "m1", "m2"]
    await setup_lane(hass, server, options={"entities": {"up_next_switches": 0}})
    assert await items(hass) == [
        {
            "uid": "e1x2",
            "summary": "S01E02 Severance Part 2",
            "status": "needs_action",
            "description": "50:00",
        },
        {
            "uid": "m1",
            "summary": "Arrival (2016)",
            "status": "needs_action",
            "description": "21:30 / 1:56:00",
        },
        {
            "uid": "m2",
            "summary": "Contact (1997)",
            "status": "needs_action",
            "description": "2:30:00",
        },
    ]
    state = shown(hass, LIST)
    assert (state.state, state.name) == ("3", "Attic (Ada) Up next")
    registered = er.async_get(hass).async_get(LIST)
    assert registered is not None
    assert registered.unique_id == "server-1:user-1:up_next"


async def test_an_item_without_a_length_has_no_description(hass: HomeAssistant) -> None:
    server = MemoryServer([replace(MOVIE, duration=None)])
    server.up_next_ids = ["m1"]
    await setup_lane(hass, server)
    assert "description" not in (await items(hass))[0]


async def test_nothing_can_be_added_moved_or_removed(hass: HomeAssistant) -> None:
    await setup_lane(hass)
    features = TodoListEntityFeature(shown(hass, LIST).attributes["supported_features"])
    assert TodoListEntityFeature.UPDATE_TODO_ITEM in features
    assert not features & (
        TodoListEntityFeature.CREATE_TODO_ITEM
        | TodoListEntityFeature.DELETE_TODO_ITEM
        | TodoListEntityFeature.MOVE_TODO_ITEM
    )


@pytest.mark.parametrize(
    ("item", "summary", "description"),
    [
        (
            replace(
                episode(2, 5),
                show_title="The Lord of the Rings: The Rings of Power",
                title="*Halls* of Stone",
            ),
            "S02E05 The Lord of the Rings: The Rings…",
            (
                "S02E05 The Lord of the Rings: The Rings of Power "
                r"\*Halls\* of Stone"
                "\n\n50:00"
            ),
        ),
        (
            replace(episode(2, 5), episode_end=6, title="Two at Once", duration=None),
            "S02E05-E06 Severance Two at Once",
            None,
        ),
        (
            replace(episode(2, 5), season=None, title="A Short"),
            "Severance A Short",
            "50:00",
        ),
        (
            replace(
                MOVIE,
                title="Birdman or (The Unexpected Virtue of Ignorance)",
                duration=None,
            ),
            "Birdman or (The Unexpected Virtue of Ig…",
            "Birdman or (The Unexpected Virtue of Ignorance) (2016)",
        ),
    ],
)
async def test_long_title_is_cut_and_the_number_of_an_episode_comes_first(
    hass: HomeAssistant, item: Item, summary: str, description: str | None
) -> None:
    server = MemoryServer([item])
    server.up_next_ids = [item.item_id]
    await setup_lane(hass, server)
    (row,) = await items(hass)
    assert (row["summary"], row.get("description")) == (summary, description)


# --- ticking ---------------------------------------------------------------------


async def test_ticking_off_marks_watched_and_the_item_stays_until_tomorrow(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    server = MemoryServer()
    server.up_next_ids = ["e1x1", "m1"]
    entry = await setup_lane(hass, server)
    await tick(hass, "S01E01 Severance Part 1")
    await drained(hass, entry)
    assert server.writes == [("e1x1", MarkWatched())]
    server.up_next_ids = ["e1x2", "m1"]
    await look_again(hass, entry)
    assert await statuses(hass) == {
        "e1x2": "needs_action",
        "m1": "needs_action",
        "e1x1": "completed",
    }
    (history,) = entry.runtime_data.lane.outbox.history
    assert (await items(hass))[-1][
        "completed"
    ] == history.operation.asked_at.isoformat()
    assert shown(hass, LIST).state == "2"
    freezer.tick(timedelta(days=1, minutes=1))
    server.up_next_ids = ["e1x2"]
    await look_again(hass, entry)
    assert await statuses(hass) == {"e1x2": "needs_action"}


async def test_what_was_ticked_off_leaves_after_a_day_without_any_news(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    server = MemoryServer()
    server.up_next_ids = ["m1"]
    entry = await setup_lane(hass, server)
    await tick(hass, "m1")
    await drained(hass, entry)
    server.up_next_ids = []
    await look_again(hass, entry)
    assert await statuses(hass) == {"m1": "completed"}

    async def pass_time(hours: int) -> None:
        freezer.tick(timedelta(hours=hours))
        async_fire_time_changed(hass)
        await hass.async_block_till_done()

    await pass_time(23)
    assert await statuses(hass) == {"m1": "completed"}
    await pass_time(2)
    assert await statuses(hass) == {}


async def test_a_tick_is_queued_while_the_server_is_away_and_shows_at_once(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    server.up_next_ids = ["m1", "m2"]
    entry = await setup_lane(hass, server)
    await lose_contact(hass, entry, server)
    await tick(hass, "m1")
    assert await statuses(hass) == {"m1": "completed", "m2": "needs_action"}
    assert len(entry.runtime_data.lane.outbox) == 1
    server.come_up()
    entry.runtime_data.relay.nudge()
    await drained(hass, entry)
    assert server.writes == [("m1", MarkWatched())]


async def test_a_tick_the_server_refuses_comes_off_again(hass: HomeAssistant) -> None:
    server = MemoryServer()
    server.up_next_ids = ["m1"]
    server.item_faults["m1"] = Refused("no")
    entry = await setup_lane(hass, server)
    await tick(hass, "m1")
    await drained(hass, entry)
    assert await statuses(hass) == {"m1": "needs_action"}


async def test_a_tick_that_cannot_be_written_down_is_refused(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    server.up_next_ids = ["m1"]
    entry = await setup_lane(hass, server)

    async def fail() -> None:
        raise JournalError("full")

    entry.runtime_data.journal.save = fail
    with pytest.raises(HomeAssistantError) as err:
        await tick(hass, "m1")
    assert err.value.translation_key == "outbox_write_failed"
    assert await statuses(hass) == {"m1": "needs_action"}


async def test_what_is_watched_again_can_be_ticked_off(hass: HomeAssistant) -> None:
    server = MemoryServer()
    server.set("m1", watched=True, play_count=1, position=600)
    server.up_next_ids = ["m1"]
    entry = await setup_lane(hass, server)
    assert await statuses(hass) == {"m1": "needs_action"}
    await tick(hass, "m1")
    assert await statuses(hass) == {"m1": "completed"}
    await drained(hass, entry)
    assert server.writes == [("m1", MarkWatched())]


async def test_list_survives_a_start_without_the_server(hass: HomeAssistant) -> None:
    server = MemoryServer()
    server.up_next_ids = ["m1", "m2"]
    entry = await setup_lane(hass, server)
    await tick(hass, "m1")
    await drained(hass, entry)
    server.up_next_ids = ["m2"]
    await look_again(hass, entry)
    assert await hass.config_entries.async_unload(entry.entry_id)
    server.go_down()
    use_server(hass, server)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert await statuses(hass) == {"m2": "needs_action", "m1": "completed"}


# --- what was ticked off ---------------------------------------------------------


async def test_only_single_marks_by_a_person_stay_on_the_list(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    runtime = entry.runtime_data
    await runtime.async_submit([Request(episode(1, 1), MarkWatched())])
    await runtime.async_submit(
        [Request(MOVIE, MarkWatched()), Request(OTHER_MOVIE, MarkWatched())]
    )
    await runtime.async_submit(
        [Request(episode(1, 2), MarkWatched())], origin=Origin.MIRROR
    )
    await runtime.async_submit([Request(episode(2, 1), SetProgress(600))])
    await drained(hass, entry)
    assert await statuses(hass) == {"e1x1": "completed"}
    # A mark that was taken back elsewhere is not on the list either.
    server.set("e1x1", watched=False)
    await entry.runtime_data.coordinator.catch_up()
    await hass.async_block_till_done()
    assert await statuses(hass) == {}


async def test_no_more_than_twenty_items_stay_on_the_list(hass: HomeAssistant) -> None:
    films = [replace(MOVIE, item_id=f"f{number}") for number in range(25)]
    server = MemoryServer(films)
    entry = await setup_lane(hass, server)
    for film in films:
        await mark(entry, film)
    await drained(hass, entry)
    # The newest first.
    assert list(await statuses(hass)) == [f"f{number}" for number in range(24, 4, -1)]


async def test_an_item_marked_twice_is_on_the_list_once(hass: HomeAssistant) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    for change in (MarkWatched(), MarkUnwatched(), MarkWatched()):
        await entry.runtime_data.async_submit([Request(MOVIE, change)])
        await drained(hass, entry)
    assert await statuses(hass) == {"m1": "completed"}


# --- unticking -------------------------------------------------------------------


async def test_unticking_brings_back_the_position(hass: HomeAssistant) -> None:
    server = MemoryServer()
    server.set("m1", position=1290)
    server.up_next_ids = ["m1"]
    entry = await setup_lane(hass, server)
    await tick(hass, "m1")
    await drained(hass, entry)
    assert server.states["m1"].watched
    await untick(hass, "m1")
    assert await statuses(hass) == {"m1": "needs_action"}
    await drained(hass, entry)
    assert server.states["m1"].watched is False
    assert server.states["m1"].position == 1290
    last = list(entry.runtime_data.lane.outbox.history)[-1].operation
    assert last.origin is Origin.UNDO


async def test_unticking_what_still_waits_writes_nothing(hass: HomeAssistant) -> None:
    server = MemoryServer()
    server.up_next_ids = ["m1"]
    entry = await setup_lane(hass, server)
    await lose_contact(hass, entry, server)
    await tick(hass, "m1")
    await untick(hass, "m1")
    assert await statuses(hass) == {"m1": "needs_action"}
    assert not len(entry.runtime_data.lane.outbox)
    server.come_up()
    entry.runtime_data.relay.nudge()
    await hass.async_block_till_done()
    assert server.writes == []


async def test_unticking_one_of_several_takes_back_that_one_only(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    server.up_next_ids = ["m1", "m2"]
    entry = await setup_lane(hass, server)
    await lose_contact(hass, entry, server)
    await entry.runtime_data.async_submit(
        [Request(MOVIE, MarkWatched()), Request(OTHER_MOVIE, MarkWatched())]
    )
    await untick(hass, "m1")
    assert await statuses(hass) == {"m1": "needs_action", "m2": "completed"}
    server.come_up()
    entry.runtime_data.relay.nudge()
    await drained(hass, entry)
    assert server.states["m1"].watched is False
    assert server.states["m2"].watched


async def test_unticking_below_a_marked_show_unmarks_the_episode(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    server.up_next_ids = ["e1x1"]
    entry = await setup_lane(hass, server)
    await lose_contact(hass, entry, server)
    await mark(entry, SHOW)
    assert await statuses(hass) == {"e1x1": "completed"}
    await untick(hass, "e1x1")
    assert await statuses(hass) == {"e1x1": "needs_action"}
    server.come_up()
    entry.runtime_data.relay.nudge()
    await drained(hass, entry)
    assert [server.states[one].watched for one in ("e1x1", "e1x2")] == [False, True]


async def test_unticking_what_was_watched_elsewhere_first_unmarks_it(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    server.up_next_ids = ["m1"]
    entry = await setup_lane(hass, server)
    server.set("m1", watched=True, play_count=1)
    await tick(hass, "m1")
    await drained(hass, entry)
    assert server.writes == []  # it was true already
    await untick(hass, "m1")
    await drained(hass, entry)
    assert server.writes == [("m1", MarkUnwatched())]


# --- what else may be asked of it ------------------------------------------------


async def test_nothing_can_be_renamed(hass: HomeAssistant) -> None:
    server = MemoryServer()
    server.up_next_ids = ["m1"]
    entry = await setup_lane(hass, server)
    with pytest.raises(ServiceValidationError, match="cannot be renamed") as err:
        await update(hass, "m1", rename="Something else", status="completed")
    assert err.value.translation_key == "list_cannot_rename"
    # The frontend sends the title along with every tick.
    await update(hass, "m1", rename="Arrival (2016)", status="needs_action")
    assert not len(entry.runtime_data.lane.outbox)
    await update(hass, "m1", rename="Arrival (2016)", status="completed")
    await drained(hass, entry)
    assert server.writes == [("m1", MarkWatched())]


async def test_ticking_in_the_dialog_of_an_item_works(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    freezer.move_to("2026-03-02 12:00:00+00:00")
    new = replace(episode(1, 1), aired=date(2026, 3, 1))
    server = MemoryServer([SHOW, new, MOVIE])
    server.up_next_ids = [new.item_id, "m1"]
    entry = await setup_lane(hass, server)
    # What the frontend sends: all that it was told, and null for what is empty.
    await update(
        hass,
        new.item_id,
        rename="S01E01 Severance Part 1",
        status="completed",
        description="50:00",
        due_date="2026-03-01",
    )
    await update(
        hass,
        "m1",
        rename="Arrival (2016)",
        status="completed",
        # Somebody has begun to watch it since the dialog was opened, or stopped.
        description="10:00 / 1:56:00",
        due_date=None,
    )
    await drained(hass, entry)
    assert server.writes == [(new.item_id, MarkWatched()), ("m1", MarkWatched())]


@pytest.mark.parametrize(
    "data", [{"description": "soon"}, {"description": None}, {"due_date": "2026-12-24"}]
)
async def test_length_and_date_cannot_be_changed(
    hass: HomeAssistant, data: dict[str, Any]
) -> None:
    server = MemoryServer()
    server.up_next_ids = ["m1"]
    entry = await setup_lane(hass, server)
    with pytest.raises(ServiceValidationError, match="come from the server") as err:
        await update(hass, "m1", status="needs_action", **data)
    assert err.value.translation_key == "list_cannot_edit"
    assert not len(entry.runtime_data.lane.outbox)


async def test_an_item_that_has_left_the_list_meanwhile_is_refused(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    server.up_next_ids = ["m1"]
    entry = await setup_lane(hass, server)
    entity = hass.data["todo"].get_entity(LIST)
    (item,) = entity.todo_items
    entry.runtime_data.coordinator.data = replace(
        entry.runtime_data.coordinator.data, up_next=()
    )
    with pytest.raises(ServiceValidationError) as err:
        await entity.async_update_todo_item(replace(item, status="completed"))
    assert err.value.translation_key == "not_on_the_list"
    assert not len(entry.runtime_data.lane.outbox)


async def test_frontend_is_told_of_every_change(
    hass: HomeAssistant, hass_ws_client: WebSocketGenerator
) -> None:
    server = MemoryServer()
    server.up_next_ids = ["m1"]
    await setup_lane(hass, server)
    client = await hass_ws_client()
    await client.send_json_auto_id({"type": "todo/item/subscribe", "entity_id": LIST})
    assert (await client.receive_json())["success"]
    first = await client.receive_json()
    assert [one["status"] for one in first["event"]["items"]] == ["needs_action"]
    await tick(hass, "m1")
    second = await client.receive_json()
    assert [one["status"] for one in second["event"]["items"]] == ["completed"]


async def test_built_in_sentence_ticks_an_item_off(hass: HomeAssistant) -> None:
    server = MemoryServer()
    server.up_next_ids = ["m1", "e1x1"]
    entry = await setup_lane(hass, server)
    for component in ("homeassistant", "conversation", "intent"):
        assert await async_setup_component(hass, component, {})
    er.async_get(hass).async_update_entity(LIST, aliases=["watch list"])
    await hass.async_block_till_done()
    for item in ("Arrival (2016)", "s01e01 severance part 1"):
        answer = await hass.services.async_call(
            "conversation",
            "process",
            {"text": f"complete {item} on my watch list", "language": "en"},
            blocking=True,
            return_response=True,
            context=Context(),
        )
        assert answer is not None
        response: Any = answer["response"]
        assert response["response_type"] == "action_done", response
    await drained(hass, entry)
    assert server.writes == [("m1", MarkWatched()), ("e1x1", MarkWatched())]


async def test_due_is_what_airs_or_aired_lately(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    freezer.move_to("2031-05-04 12:00:00+00:00")
    days = [date(2031, 5, 5), date(2031, 4, 20), date(2031, 4, 19)]
    episodes = [episode(2, n, aired=day) for n, day in enumerate(days, 1)]
    server = MemoryServer([SHOW, *episodes])
    server.up_next_ids = [one.item_id for one in episodes]
    await setup_lane(hass, server)
    assert [one.get("due") for one in await items(hass)] == [
        "2031-05-05",
        "2031-04-20",
        None,
    ]


async def test_list_that_cannot_be_shown_costs_the_other_entities_nothing(
    hass: HomeAssistant,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    await lose_contact(hass, entry, server)

    def mistaken(_: UpNextList) -> None:
        raise RuntimeError("a mistake")

    monkeypatch.setattr(UpNextList, "_items", mistaken)
    await entry.runtime_data.async_submit([Request(MOVIE, MarkWatched())])
    await hass.async_block_till_done()
    assert shown(hass, "sensor.attic_ada_pending_changes").state == "1"
    assert f"{LIST} cannot show what is new" in caplog.text
