"""Many switches turned by one action: one batch, one write to disk."""

import asyncio
from functools import partial

from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.watched_sync.actions import batches
from custom_components.watched_sync.actions.batches import async_submit_together
from custom_components.watched_sync.actions.fields import MARK_LIMIT
from custom_components.watched_sync.const import DOMAIN
from custom_components.watched_sync.core.errors import JournalError
from custom_components.watched_sync.core.identity import Item, MediaKind
from custom_components.watched_sync.core.operation import MarkWatched, Operation
from custom_components.watched_sync.core.slots import Slot
from custom_components.watched_sync.runtime import Request

from ..common import MOVIE, SHOW, MemoryServer, drained, episode, setup_lane

FILMS = [
    Item(f"film{number}", MediaKind.MOVIE, f"Film {number}", 1990 + number)
    for number in range(30)
]


def second_server() -> MemoryServer:
    """Return another user's server."""
    return MemoryServer(
        FILMS, server_id="server-2", server_name="Cellar", user_id="user-2"
    )


def count_saves(entry: MockConfigEntry, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Note how many operations each write to disk held; nothing is delivered."""
    lane = entry.runtime_data.lane
    original = lane._journal.save
    saves: list[int] = []

    async def save() -> None:
        saves.append(len(lane.outbox))
        await original()

    monkeypatch.setattr(lane._journal, "save", save)
    monkeypatch.setattr(lane.outbox, "due", lambda *_: [])
    return saves


def film_switches(hass: HomeAssistant) -> list[str]:
    """Return the entity ids of all switches that stand for a film."""
    return [
        state.entity_id
        for state in hass.states.async_all("switch")
        if "item_id" in state.attributes
    ]


def waiting(entry: MockConfigEntry) -> list[Operation]:
    """Return what waits in a lane."""
    return list(entry.runtime_data.lane.outbox)


async def turn_on(hass: HomeAssistant, entity_ids: list[str]) -> None:
    """Turn switches on with one action."""
    await hass.services.async_call(
        "switch", "turn_on", {"entity_id": entity_ids}, blocking=True
    )


async def test_thirty_switches_turned_at_once_are_one_write_to_disk(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = await setup_lane(hass, MemoryServer(FILMS), subentries=FILMS)
    saves = count_saves(entry, monkeypatch)
    switches = film_switches(hass)
    assert len(switches) == 30
    await turn_on(hass, switches)
    assert saves == [30]
    assert all(hass.states.is_state(one, "on") for one in switches)
    assert len({one.batch_id for one in waiting(entry)}) == 1


async def test_switches_of_two_lanes_are_one_batch_and_one_undo(
    hass: HomeAssistant,
) -> None:
    servers = [MemoryServer(FILMS), second_server()]
    entries = [
        await setup_lane(hass, server, subentries=FILMS[:3]) for server in servers
    ]
    await turn_on(hass, film_switches(hass))
    for entry, server in zip(entries, servers, strict=True):
        await drained(hass, entry)
        assert len(server.writes) == 3
    (batch_id,) = {
        done.operation.batch_id
        for entry in entries
        for done in entry.runtime_data.lane.outbox.history
    }
    answer = await hass.services.async_call(
        DOMAIN, "undo", blocking=True, return_response=True
    )
    assert answer is not None
    assert answer["undone_batch_id"] == batch_id
    for entry, server in zip(entries, servers, strict=True):
        await drained(hass, entry)
        assert not any(state.watched for state in server.states.values())


async def test_switches_turned_one_after_the_other_are_batches_of_their_own(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = await setup_lane(hass, MemoryServer(FILMS), subentries=FILMS[:2])
    saves = count_saves(entry, monkeypatch)
    for entity_id in film_switches(hass):
        await turn_on(hass, [entity_id])
    assert saves == [1, 2]
    assert len({one.batch_id for one in waiting(entry)}) == 2


async def test_switches_that_cannot_be_written_down_all_say_so(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = await setup_lane(hass, MemoryServer(FILMS), subentries=FILMS[:3])

    async def fail() -> None:
        raise JournalError

    monkeypatch.setattr(entry.runtime_data.lane._journal, "save", fail)
    with pytest.raises(HomeAssistantError) as error:
        await turn_on(hass, film_switches(hass))
    assert error.value.translation_key == "outbox_write_failed"
    await hass.async_block_till_done()
    assert waiting(entry) == []


async def test_action_that_is_cancelled_is_carried_out_nevertheless(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = await setup_lane(hass, MemoryServer(FILMS), subentries=FILMS[:3])
    lane = entry.runtime_data.lane
    original = lane._journal.save
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def save() -> None:
        begun.set()
        await go_on.wait()
        await original()

    monkeypatch.setattr(lane._journal, "save", save)
    monkeypatch.setattr(lane.outbox, "due", lambda *_: [])
    task = hass.async_create_task(turn_on(hass, film_switches(hass)))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go_on.set()
    await hass.async_block_till_done()
    assert len(waiting(entry)) == 3


async def test_operation_without_a_context_is_a_batch_of_its_own(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = await setup_lane(hass)
    saves = count_saves(entry, monkeypatch)
    await async_submit_together(entry.runtime_data, Request(MOVIE, MarkWatched()), None)
    assert saves == [1]


# --- how much at once ---------------------------------------------------------------


async def all_watched(hass: HomeAssistant, films: list[Item]) -> MockConfigEntry:
    """Set up an entry that tracks watched films."""
    server = MemoryServer(films)
    for film in films:
        server.set(film.item_id, watched=True, play_count=1)
    return await setup_lane(hass, server, subentries=films)


async def turn_off(
    hass: HomeAssistant, entity_id: str | list[str], context: Context | None = None
) -> None:
    """Turn switches off with one action."""
    await hass.services.async_call(
        "switch", "turn_off", {"entity_id": entity_id}, blocking=True, context=context
    )


async def test_everything_off_does_not_unmark_more_than_an_action_may(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Slot, "is_steady", lambda *_: True)
    entry = await all_watched(hass, FILMS[:11])
    with pytest.raises(ServiceValidationError) as error:
        await turn_off(hass, "all")
    assert error.value.translation_key == "unmark_needs_confirmation"
    assert error.value.translation_placeholders == {
        "count": "11",
        "limit": "10",
        "action": "watched_sync.mark_unwatched",
    }
    assert waiting(entry) == []
    tracked = [one for one in film_switches(hass) if one.endswith("_watched")]
    await turn_off(hass, tracked[:10])
    await drained(hass, entry)
    assert len(entry.runtime_data.lane.outbox.history) == 10


async def test_switches_that_are_off_already_count_nothing(
    hass: HomeAssistant,
) -> None:
    entry = await setup_lane(hass, MemoryServer(FILMS), subentries=FILMS)
    await turn_off(hass, film_switches(hass))
    await drained(hass, entry)


@pytest.mark.parametrize(("watched", "refused"), [(10, False), (11, True)])
async def test_switch_of_a_show_counts_what_would_change(
    hass: HomeAssistant, watched: int, *, refused: bool
) -> None:
    episodes = [episode(1, number) for number in range(1, 21)]
    server = MemoryServer([SHOW, *episodes])
    for one in episodes[:watched]:
        server.set(one.item_id, watched=True, play_count=1)
    entry = await setup_lane(hass, server, subentries=[SHOW])
    if refused:
        with pytest.raises(ServiceValidationError) as error:
            await turn_off(hass, "switch.severance_watched")
        assert error.value.translation_key == "unmark_needs_confirmation"
        assert waiting(entry) == []
    else:
        await turn_off(hass, "switch.severance_watched")
    await drained(hass, entry)


async def test_loop_over_switches_counts_together_for_a_while(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = await all_watched(hass, FILMS[:12])
    *most, last, other = film_switches(hass)
    loop = Context()
    for entity_id in most:
        await turn_off(hass, entity_id, loop)
    with pytest.raises(ServiceValidationError) as error:
        await turn_off(hass, last, loop)
    assert error.value.translation_key == "unmark_needs_confirmation"
    # Somebody else has not turned any.
    await turn_off(hass, other)
    monkeypatch.setattr(batches, "WINDOW", -1.0)
    await turn_off(hass, last, loop)
    await drained(hass, entry)


@pytest.mark.parametrize(
    ("persons", "count"),
    [
        (["person.ada", "person.grace", "person.kim"], 60),
        (["person.ada", "somebody_else", "shared"], 60),
        (["person.ada", "person.ada", "person.ada"], 20),
    ],
)
async def test_what_reaches_three_people_counts_three_times(
    hass: HomeAssistant, persons: list[str], count: int
) -> None:
    show = [SHOW, *(episode(1, number) for number in range(1, 21))]
    for number, person in enumerate(persons):
        await setup_lane(
            hass,
            MemoryServer(show, server_id=f"server-{number}", user_id=f"user-{number}"),
            options={"person": person},
        )
    data = {"title": "Severance", "person": "everyone"}
    call = partial(
        hass.services.async_call,
        DOMAIN,
        "mark_watched",
        data,
        blocking=True,
        return_response=True,
    )
    if count <= MARK_LIMIT:
        answer = await call()
        assert answer is not None
        assert answer["batch_id"]
        return
    with pytest.raises(ServiceValidationError) as error:
        await call()
    assert error.value.translation_placeholders is not None
    assert error.value.translation_placeholders["count"] == str(count)
