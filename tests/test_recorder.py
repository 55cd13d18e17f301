"""How many rows things leave in the history of Home Assistant, and the logbook's words.

The recorder is the real one, on a database in memory.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.recorder.db_schema import StateAttributes
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers.recorder import get_instance, session_scope
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
    mock_component,
)
from sqlalchemy import select

from custom_components.watched_sync import logbook
from custom_components.watched_sync.const import DOMAIN
from custom_components.watched_sync.core.lane import Phase

from .common import (
    MOVIE,
    OTHER_MOVIE,
    SHOW,
    MemoryServer,
    drained,
    episode,
    mark,
    season,
    setup_lane,
    until,
)
from .rows import Rows
from .scene import lose_contact, shown

SEASON = [episode(3, number) for number in range(1, 23)]


async def begin(
    hass: HomeAssistant, server: MemoryServer, **lane: Any
) -> tuple[MockConfigEntry, Rows]:
    """Set up a lane, and count from then on."""
    entry = await setup_lane(hass, server, **lane)
    rows = Rows(hass)
    await rows.new()
    return entry, rows


async def marked(hass: HomeAssistant, entry: MockConfigEntry, **data: Any) -> None:
    """Mark something by an action, and wait for what becomes of it."""
    await hass.services.async_call(DOMAIN, "mark_watched", data, blocking=True)
    await drained(hass, entry)
    await entry.runtime_data.coordinator.async_refresh()


@pytest.mark.usefixtures("recorder_mock")
async def test_a_film_marked_is_four_rows(hass: HomeAssistant) -> None:
    server = MemoryServer()
    entry, rows = await begin(hass, server)
    await marked(hass, entry, title="Arrival")
    assert sorted(await rows.new()) == [
        "event.attic_ada_activity",
        "sensor.attic_ada_last_synced",
        "switch.attic_ada_last_played",
        "watched_sync_marked",
    ]


@pytest.mark.usefixtures("recorder_mock")
async def test_a_film_marked_by_its_switch_is_two_more(hass: HomeAssistant) -> None:
    server = MemoryServer()
    entry, rows = await begin(hass, server, subentries=[MOVIE])
    await hass.services.async_call(
        "switch", "turn_on", {"entity_id": "switch.arrival_2016_watched"}, blocking=True
    )
    await drained(hass, entry)
    await entry.runtime_data.coordinator.async_refresh()
    new = await rows.new()
    # It is on at once, and agreed with the server a moment later.
    assert new.count("switch.arrival_2016_watched") == 2
    assert len(new) == 6


@pytest.mark.usefixtures("recorder_mock")
async def test_a_season_marked_is_eight_rows(hass: HomeAssistant) -> None:
    server = MemoryServer([SHOW, season(3), *SEASON])
    entry, rows = await begin(hass, server)
    await marked(hass, entry, item_id="season3")
    assert len(server.writes) == 1
    assert len(await rows.new()) <= 8


@pytest.mark.usefixtures("recorder_mock")
async def test_a_day_with_nothing_to_do_is_no_row(hass: HomeAssistant) -> None:
    server = MemoryServer()
    server.up_next_ids = ["m1", "e1x1"]
    server.set("m2", watched=True)
    entry, rows = await begin(hass, server, subentries=[SHOW])
    coordinator = entry.runtime_data.coordinator
    for _ in range(5):
        await coordinator.async_refresh()
        await coordinator.glance()
        await coordinator.catch_up()
    assert await rows.new() == []


async def wait_for_the_server(entry: MockConfigEntry, _: MemoryServer) -> None:
    """Have the relay find the server away once more."""
    runtime = entry.runtime_data
    before = runtime.lane.health.next_attempt
    runtime.relay.nudge()
    await until(
        runtime,
        lambda: (
            runtime.lane.health.phase is Phase.BACKING_OFF
            and runtime.lane.health.next_attempt != before
        ),
    )


@pytest.mark.usefixtures("recorder_mock")
async def test_a_night_of_waiting_for_the_server_is_no_row(hass: HomeAssistant) -> None:
    server = MemoryServer()
    entry, rows = await begin(hass, server, subentries=[MOVIE])
    await lose_contact(hass, entry, server)
    await hass.services.async_call(
        DOMAIN, "mark_watched", {"title": "Arrival"}, blocking=True
    )
    told = await rows.new()
    assert "sensor.attic_ada_sync_status" in told
    assert "sensor.attic_ada_pending_changes" in told
    for _ in range(5):
        await wait_for_the_server(entry, server)
    assert await rows.new() == []


@pytest.mark.usefixtures("recorder_mock")
async def test_a_night_of_looking_for_what_is_missing_is_no_row(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer([OTHER_MOVIE])
    entry, rows = await begin(hass, server, subentries=[MOVIE])
    runtime = entry.runtime_data
    await mark(entry)
    await until(
        runtime,
        lambda: (
            all(one.last_error for one in runtime.lane.outbox)
            and not runtime.lane.in_flight
        ),
    )
    status = shown(hass, "sensor.attic_ada_sync_status")
    assert (status.state, status.attributes["last_error"]) == ("pending", "missing")
    await rows.new()
    for _ in range(3):
        tries = len(server.requests)
        await runtime.lane.retry([one.operation_id for one in runtime.lane.outbox])
        await until(
            runtime,
            lambda before=tries: (  # type: ignore[misc]  # bound at once
                len(server.requests) > before
                and not runtime.lane.in_flight
                and all(one.last_error for one in runtime.lane.outbox)
            ),
        )
    assert await rows.new() == []


async def test_waiting_is_told_once_it_has_lasted(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    server.gate.clear()
    await mark(entry)
    status, pending = "sensor.attic_ada_sync_status", "sensor.attic_ada_pending_changes"
    state = shown(hass, status)
    assert (state.state, shown(hass, pending).state) == ("synced", "0")
    assert (state.attributes["queue"], state.attributes["oldest"]) == ([], None)
    freezer.tick(timedelta(seconds=2))
    async_fire_time_changed(hass)
    await hass.async_block_till_done()
    state = shown(hass, status)
    assert (state.state, shown(hass, pending).state) == ("syncing", "1")
    assert [row["title"] for row in state.attributes["queue"]] == ["Arrival (2016)"]
    assert state.attributes["oldest"] is not None
    server.gate.set()
    await drained(hass, entry)
    assert (shown(hass, status).state, shown(hass, pending).state) == ("synced", "0")
    # It had to wait, so that it is over is news.
    event = shown(hass, "event.attic_ada_activity")
    assert event.attributes["event_type"] == "queue_drained"


async def test_a_clock_that_was_set_back_hides_nothing(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    server.gate.clear()
    freezer.tick(timedelta(hours=1))
    await mark(entry)
    freezer.tick(timedelta(hours=-1))
    await mark(entry, OTHER_MOVIE)
    assert shown(hass, "sensor.attic_ada_pending_changes").state == "2"
    server.gate.set()
    await drained(hass, entry)


@pytest.mark.usefixtures("recorder_mock")
async def test_positions_and_pictures_are_not_recorded(hass: HomeAssistant) -> None:
    server = MemoryServer()
    server.set("m1", position=61.4)
    await begin(hass, server, subentries=[MOVIE])

    def read() -> list[str]:
        with session_scope(hass=hass, read_only=True) as session:
            return [
                str(one)
                for one in session.scalars(select(StateAttributes.shared_attrs)).all()
            ]

    recorded = await get_instance(hass).async_add_executor_job(read)
    assert any("sync_state" in one for one in recorded)
    assert not [one for one in recorded if "position" in one or "picture" in one]


async def test_last_synced_is_known_after_a_restart(hass: HomeAssistant) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    await marked(hass, entry, title="Arrival")
    last_synced = "sensor.attic_ada_last_synced"
    before = shown(hass, last_synced).state
    await hass.config_entries.async_unload(entry.entry_id)
    server.go_down()
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert shown(hass, last_synced).state == before


# --- the logbook ------------------------------------------------------------------


async def lines_of(
    hass: HomeAssistant, act: Callable[[], Awaitable[Any]]
) -> list[Mapping[str, str]]:
    """Return the lines that the logbook gets while *act* is done."""
    lines: list[Mapping[str, str]] = []

    @callback
    def describe(
        domain: str, event_type: str, in_words: Callable[[Event], Mapping[str, str]]
    ) -> None:
        assert domain == DOMAIN
        hass.bus.async_listen(event_type, lambda event: lines.append(in_words(event)))

    logbook.async_describe_events(hass, describe)
    await act()
    await hass.async_block_till_done()
    return lines


async def test_one_line_a_mark_says_who_what_and_why(hass: HomeAssistant) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server, options={"person": "person.ada"})
    hass.states.async_set("person.ada", "home", {"friendly_name": "Ada L."})

    async def act() -> None:
        await marked(hass, entry, title="Arrival")
        server.set(OTHER_MOVIE.item_id, watched=True, last_played=server.now())
        await entry.runtime_data.coordinator.look(frozenset({OTHER_MOVIE.item_id}))

    [first] = await lines_of(hass, act)
    assert first == {
        "name": "Ada L., Attic (Ada)",
        "message": "Watched: Arrival (2016) (A person or automation)",
    }


async def test_a_batch_is_one_line(hass: HomeAssistant) -> None:
    server = MemoryServer([SHOW, season(3), *SEASON])
    entry = await setup_lane(hass, server)
    [line] = await lines_of(hass, lambda: marked(hass, entry, item_id="season3"))
    assert line["name"] == "Attic (Ada)"
    assert line["message"] == (
        "Watched: "
        + ", ".join(f"Severance S03E{n:02} Part {n}" for n in range(1, 6))
        + " (+ 17) (A person or automation)"
    )


async def test_what_others_do_is_in_the_logbook_as_well(hass: HomeAssistant) -> None:
    server = MemoryServer()
    server.set("m1", watched=True)
    server.set("m2", watched=False)
    entry = await setup_lane(hass, server, subentries=[MOVIE, OTHER_MOVIE])

    async def act() -> None:
        server.set("m1", watched=False)
        server.set("m2", watched=True, last_played=server.now())
        await entry.runtime_data.coordinator.catch_up()

    lines = await lines_of(hass, act)
    assert {line["message"] for line in lines} == {
        "Unwatched: Arrival (2016) (Elsewhere on this server)",
        "Watched: Contact (1997) (Elsewhere on this server)",
    }


async def test_lines_of_an_entry_that_is_gone_are_readable(hass: HomeAssistant) -> None:
    entry = await setup_lane(hass)
    lines: list[Mapping[str, str]] = []
    logbook.async_describe_events(
        hass,
        lambda _domain, _type, in_words: lines.append(
            in_words(
                Event(
                    "watched_sync_marked",
                    {
                        "config_entry_id": "gone",
                        "activity": "watched",
                        "origin": "user",
                        "titles": ["Arrival (2016)"],
                        "count": 1,
                    },
                )
            )
        ),
    )
    assert [line["name"] for line in lines] == ["Watched Sync"]
    assert entry.entry_id != "gone"


@pytest.mark.usefixtures("recorder_mock")
async def test_home_assistant_finds_our_words_for_the_logbook(
    hass: HomeAssistant,
) -> None:
    # It is for the page that shows it, which is not needed here.
    mock_component(hass, "frontend")
    assert await async_setup_component(hass, "logbook", {})
    await setup_lane(hass)
    await hass.async_block_till_done()
    described = hass.data["logbook"].external_events
    assert "watched_sync_marked" in described
