"""Reload, restart and crash in the middle: everything resumes as it was."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
import shutil
from typing import Any

from homeassistant import loader
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import CoreState, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import frame
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_test_home_assistant,
)

from custom_components.watched_sync.core.errors import Reason
from custom_components.watched_sync.core.lane import Phase
from custom_components.watched_sync.core.operation import MarkWatched
from custom_components.watched_sync.naming.joining import LookUps
from tests.common import drained
from tests.fakes.base import FaultKind

from .house import (
    ONE_PLAY,
    USER,
    PlexSide,
    Side,
    act,
    bring_back,
    cut_off,
    on_disk,
    runtime_of,
    until_true,
    until_written,
    waiting,
)
from .machine import TimeMachine

HOUR = 3600.0
TITLES = ("Arrival", "Alien", "Stalker", "Inception", "Casablanca", "Metropolis")


@asynccontextmanager
async def home_assistant(
    config_dir: Path, side: Side, entry_id: str
) -> AsyncIterator[tuple[HomeAssistant, MockConfigEntry]]:
    """Run one Home Assistant on that folder from its start to its stop."""
    async with async_test_home_assistant(config_dir=str(config_dir)) as hass:
        hass.data.pop(loader.DATA_CUSTOM_COMPONENTS)
        frame.async_setup(hass)
        try:
            entry = await side.connect(hass, entry_id=entry_id)
            yield hass, entry
        finally:
            await hass.async_stop(force=True)


@pytest.fixture
def expected_lingering_timers() -> bool:
    """Home Assistant does not unload entries when it stops, nor do these tests."""
    return True


@pytest.fixture
def config_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "config"
    folder.mkdir()
    return folder


async def test_what_was_learnt_of_a_server_is_not_learnt_anew(
    config_dir: Path, plex: PlexSide
) -> None:
    plex.server.options.scrobble_methods = frozenset({"PUT"})
    for number, title in enumerate(TITLES[:2]):
        plex.server.clear_log()
        async with home_assistant(config_dir, plex, "lane") as (hass, entry):
            film = plex.item_id(title)
            await act(hass, "mark_watched", item_id=film, wait=60)
            assert plex.seen(film) == ONE_PLAY
            version, *_ = runtime_of(entry).ledger.learnt.as_json()
            assert version["version"] == plex.server.options.version
            assert version["seen"]["mark_method"]["value"] == "PUT"
            assert version["seen"]["mark_count"]["value"] == 1
        methods = [one.method for one in plex.server.find("^/:/scrobble$")]
        assert methods == (["GET", "PUT"] if number == 0 else ["PUT"])


async def mark_offline(
    hass: HomeAssistant, entry: MockConfigEntry, side: Side
) -> list[str]:
    """Take the server away and mark some films; return their ids."""
    await cut_off(hass, entry, side)
    films = [side.item_id(title) for title in TITLES]
    for film in films:
        await act(hass, "mark_watched", item_id=film, config_entry_id=entry.entry_id)
    return films


async def test_reload_while_offline_keeps_every_operation_as_it_was(
    hass: HomeAssistant, side: Side
) -> None:
    entry = await side.connect(hass)
    films = await mark_offline(hass, entry, side)
    before = waiting(entry)
    assert await hass.config_entries.async_unload(entry.entry_id)
    stored = on_disk(hass, entry)["operations"]
    assert [one["id"] for one in stored] == [one.operation_id for one in before]
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED
    assert waiting(entry) == before
    await bring_back(hass, entry, side)
    await drained(hass, entry)
    assert side.all_seen() == {(USER, film): ONE_PLAY for film in films}
    assert [mark for mark, _ in side.marks()] == ["watched"] * len(films)


async def test_reload_in_the_middle_of_draining_loses_and_doubles_nothing(
    hass: HomeAssistant, side: Side
) -> None:
    leaves = side.leaves(side.item_id("Grey's Anatomy"))[:60]
    entry = await side.connect(hass)
    await cut_off(hass, entry, side)
    for leaf in leaves:
        await act(hass, "mark_watched", item_id=leaf, config_entry_id=entry.entry_id)
    await side.server.come_back()
    runtime_of(entry).relay.nudge()
    for writes in (5, 20, 40):
        await until_written(side, writes)
        assert await hass.config_entries.async_reload(entry.entry_id)
    await drained(hass, entry)
    assert side.all_seen() == {(USER, leaf): ONE_PLAY for leaf in leaves}


async def test_restart_while_offline_keeps_every_operation_as_it_was(
    config_dir: Path, side: Side
) -> None:
    async with home_assistant(config_dir, side, "lane") as (hass, entry):
        films = await mark_offline(hass, entry, side)
        before = waiting(entry)
    assert hass.state is CoreState.stopped
    async with home_assistant(config_dir, side, "lane") as (hass, entry):
        assert runtime_of(entry).lane.health.phase is Phase.BACKING_OFF
        assert waiting(entry) == before
        await bring_back(hass, entry, side)
        await drained(hass, entry)
    assert side.all_seen() == {(USER, film): ONE_PLAY for film in films}
    async with home_assistant(config_dir, side, "lane") as (hass, entry):
        assert waiting(entry) == []
        done = runtime_of(entry).lane.outbox.history
        assert [one.operation.item.item_id for one in done] == films
    assert len(side.marks()) == len(films)


async def test_restart_in_the_middle_of_draining_loses_and_doubles_nothing(
    config_dir: Path, side: Side
) -> None:
    leaves = side.leaves(side.item_id("Grey's Anatomy"))[:60]
    async with home_assistant(config_dir, side, "lane") as (hass, entry):
        await cut_off(hass, entry, side)
        for leaf in leaves:
            await act(
                hass, "mark_watched", item_id=leaf, config_entry_id=entry.entry_id
            )
        await side.server.come_back()
        runtime_of(entry).relay.nudge()
        await until_written(side, 15)
    async with home_assistant(config_dir, side, "lane") as (hass, entry):
        await drained(hass, entry)
    assert side.all_seen() == {(USER, leaf): ONE_PLAY for leaf in leaves}


@pytest.mark.parametrize("writes", [0, 1, 5, 9, 12])
async def test_crash_after_any_write_delivers_the_rest_and_doubles_nothing(
    config_dir: Path, tmp_path: Path, side: Side, machine: TimeMachine, writes: int
) -> None:
    """The disk is copied as it is at that moment: nothing was flushed before.

    What was noted as about to be sent may have been, for all that the disk tells.
    """
    leaves = side.leaves(side.item_id("Severance"))[:12]
    after = tmp_path / "after"
    async with home_assistant(config_dir, side, "lane") as (hass, entry):
        await cut_off(hass, entry, side)
        for leaf in leaves:
            await act(
                hass, "mark_watched", item_id=leaf, config_entry_id=entry.entry_id
            )
        if writes:
            await side.server.come_back()
            runtime_of(entry).relay.nudge()
        await until_written(side, writes)
        await asyncio.to_thread(shutil.copytree, config_dir, after)
        runtime_of(entry).relay_task.cancel()
    await side.server.come_back()
    async with home_assistant(after, side, "lane") as (hass, entry):
        machine.running = True
        await drained(hass, entry, seconds=HOUR)
        assert waiting(entry) == []
        machine.running = False
    assert side.all_seen() == {(USER, leaf): ONE_PLAY for leaf in leaves}


async def test_crash_right_after_the_answer_keeps_the_operation(
    config_dir: Path, tmp_path: Path, side: Side
) -> None:
    film = side.item_id("Arrival")
    after = tmp_path / "after"
    async with home_assistant(config_dir, side, "lane") as (hass, entry):
        await cut_off(hass, entry, side)
        answer = await act(
            hass, "mark_watched", item_id=film, config_entry_id=entry.entry_id
        )
        shutil.copytree(config_dir, after)
    await side.server.come_back()
    async with home_assistant(after, side, "lane") as (hass, entry):
        await drained(hass, entry)
        (done,) = runtime_of(entry).lane.outbox.history
        assert done.operation.operation_id == answer["operations"][0]["operation_id"]
        assert done.operation.change == MarkWatched()
    assert side.all_seen() == {(USER, film): ONE_PLAY}


async def test_first_start_after_a_restart_without_the_server_takes_operations(
    config_dir: Path, side: Side
) -> None:
    film = side.item_id("Arrival")
    async with home_assistant(config_dir, side, "lane"):
        pass
    await side.server.go_dark()
    async with home_assistant(config_dir, side, "lane") as (hass, entry):
        await act(hass, "mark_watched", item_id=film)
        assert len(waiting(entry)) == 1
        await bring_back(hass, entry, side)
        await drained(hass, entry)
    assert side.all_seen() == {(USER, film): ONE_PLAY}


async def test_what_was_given_up_survives_and_can_be_tried_again(
    hass: HomeAssistant, side: Side
) -> None:
    film = side.item_id("Arrival")
    entry = await side.connect(hass)
    side.server.fail(FaultKind.STATUS, path=side.write_paths, status=400, times=None)
    await act(hass, "mark_watched", item_id=film)
    await drained(hass, entry)
    (before,) = runtime_of(entry).lane.outbox.rejected
    assert await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    (after,) = runtime_of(entry).lane.outbox.rejected
    assert after == before
    assert after.last_error == Reason.REFUSED
    side.server.clear_faults()
    await act(hass, "retry")
    await drained(hass, entry)
    assert side.all_seen() == {(USER, film): ONE_PLAY}


async def test_attempts_and_their_delay_survive_a_reload(
    hass: HomeAssistant, side: Side, machine: TimeMachine
) -> None:
    """Or a reload would be a way to ask a server without end."""
    film = side.item_id("Arrival")
    entry = await side.connect(hass, side.film("Arrival"))
    side.server.fail(FaultKind.NOT_APPLIED, path=side.write_paths, times=4)
    machine.running = True
    await act(hass, "mark_watched", item_id=film)
    await until_true(lambda: [one.attempts for one in waiting(entry)] == [3], HOUR, 0.5)
    machine.running = False
    (before,) = waiting(entry)
    assert await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    (after,) = waiting(entry)
    assert (after.attempts, after.not_before) == (3, before.not_before)
    assert len(side.writes) == 3
    machine.running = True
    await drained(hass, entry, seconds=HOUR)
    assert side.all_seen() == {(USER, film): ONE_PLAY}
    assert len(side.writes) == 5


async def test_action_during_a_reload_is_kept_or_refused_but_never_swallowed(
    hass: HomeAssistant, side: Side
) -> None:
    leaves = side.leaves(side.item_id("Grey's Anatomy"))[:40]
    entry = await side.connect(hass)
    await cut_off(hass, entry, side)
    accepted = []

    async def mark(leaf: str) -> None:
        try:
            await act(
                hass, "mark_watched", item_id=leaf, config_entry_id=entry.entry_id
            )
        except HomeAssistantError as err:
            assert err.translation_key  # noqa: PT017 - either is fine, silence is not
        else:
            accepted.append(leaf)

    async def mark_all() -> None:
        for leaf in leaves:
            await mark(leaf)

    await mark(leaves.pop())
    async with asyncio.TaskGroup() as group:
        group.create_task(mark_all())
        group.create_task(hass.config_entries.async_reload(entry.entry_id))
    await hass.async_block_till_done()
    assert accepted
    assert {one.item.item_id for one in waiting(entry)} == set(accepted)
    await bring_back(hass, entry, side)
    await drained(hass, entry)
    assert side.all_seen() == {(USER, leaf): ONE_PLAY for leaf in accepted}


@pytest.mark.parametrize(
    ("action", "data"),
    [
        ("mark_watched", {"item_id": f"{987654321:032d}"}),
        ("mark_unwatched", {"external_id": "imdb://tt0987654321"}),
        ("set_progress", {"title": "Nowhere to be found", "percent": 50}),
        ("explain", {"item_id": f"{987654321:032d}"}),
    ],
)
async def test_action_that_asks_a_server_while_its_entry_is_unloaded_is_refused(
    hass: HomeAssistant,
    side: Side,
    monkeypatch: pytest.MonkeyPatch,
    action: str,
    data: dict[str, Any],
) -> None:
    entry = await side.connect(hass)
    in_turn = LookUps.in_turn

    async def unload_and_ask[T](self: LookUps, ask: Callable[[], Awaitable[T]]) -> T:
        if entry.state is ConfigEntryState.LOADED:
            assert await hass.config_entries.async_unload(entry.entry_id)
        return await in_turn(self, ask)

    monkeypatch.setattr(LookUps, "in_turn", unload_and_ask)
    with pytest.raises(HomeAssistantError) as refused:
        await act(hass, action, **data)
    assert refused.value.translation_key == "not_loaded"
    assert refused.value.translation_placeholders == {"lane": entry.title}


async def test_home_assistant_that_stops_refuses_instead_of_forgetting(
    config_dir: Path, side: Side
) -> None:
    film = side.item_id("Arrival")
    async with home_assistant(config_dir, side, "lane") as (hass, entry):
        await cut_off(hass, entry, side)
        hass.set_state(CoreState.stopping)
        with pytest.raises(HomeAssistantError) as refused:
            await act(
                hass, "mark_watched", item_id=film, config_entry_id=entry.entry_id
            )
        assert refused.value.translation_key == "stopping"
        assert waiting(entry) == []
        hass.set_state(CoreState.running)
