"""Everything by its name while both servers are away: actions, list, voice, tools."""

from typing import Any

from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import entity_registry as er, intent, llm
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.watched_sync.const import DOMAIN
from tests.common import drained

from .house import (
    ONE_PLAY,
    JellyfinSide,
    PlexSide,
    Side,
    act,
    cut_off,
    waiting,
)
from .machine import TimeMachine
from .test_catalogue import inventoried

FILM, MISSPELT = "Arrival", "Arrivl"
SHOW = "Chernobyl"

type House = dict[Side, MockConfigEntry]


@pytest.fixture
async def away(
    hass: HomeAssistant, plex: PlexSide, jellyfin: JellyfinSide, machine: TimeMachine
) -> House:
    """Two lanes that know their libraries, and whose servers have gone."""
    for component in ("homeassistant", "intent", "llm", "todo"):
        assert await async_setup_component(hass, component, {})
    house: House = {}
    sides: tuple[Side, ...] = (plex, jellyfin)
    for side in sides:
        # It is up next.
        await side.put(side.item_id(FILM), position=1200.0)
        house[side] = await side.connect(hass)
    machine.running = True
    await inventoried(machine, *house.values())
    machine.running = False
    for side, entry in house.items():
        await cut_off(hass, entry, side)
    return house


async def comes_true(hass: HomeAssistant, house: House, *episodes: int) -> None:
    """Have the servers come back, and see that the film or these episodes are marked.

    Each is queued for both, by its id, until then.
    """
    for side, entry in house.items():
        wanted = {side.item_id(SHOW, season=1, episode=number) for number in episodes}
        wanted = wanted or {side.item_id(FILM)}
        assert {one.item.item_id for one in waiting(entry)} == wanted
        await side.server.come_back()
        await drained(hass, entry, seconds=60)
        assert {side.seen(item_id) for item_id in wanted} == {ONE_PLAY}


@pytest.mark.parametrize("name", [{"title": FILM}, {"external_id": "imdb://tt2543164"}])
async def test_film_by_an_action(
    hass: HomeAssistant, away: House, name: dict[str, str]
) -> None:
    answer = await act(hass, "mark_watched", **name)
    assert [one["status"] for one in answer["operations"]] == ["queued"] * 2
    await comes_true(hass, away)


async def test_episodes_by_an_action(hass: HomeAssistant, away: House) -> None:
    await act(hass, "mark_watched", title=SHOW, season=1, episode=2, scope="up_to")
    await comes_true(hass, away, 1, 2)


async def test_film_by_the_list(hass: HomeAssistant, away: House) -> None:
    for entry in away.values():
        (entity_id,) = [
            one.entity_id
            for one in er.async_entries_for_config_entry(
                er.async_get(hass), entry.entry_id
            )
            if one.domain == "todo"
        ]
        await hass.services.async_call(
            "todo",
            "update_item",
            {"entity_id": entity_id, "item": f"{FILM} (2016)", "status": "completed"},
            blocking=True,
        )
    await comes_true(hass, away)


async def test_episode_by_voice(hass: HomeAssistant, away: House) -> None:
    answer = await intent.async_handle(
        hass,
        DOMAIN,
        "WatchedSyncMark",
        {"title": {"value": SHOW}, "season": {"value": 1}, "episode": {"value": 2}},
    )
    assert answer.response_type is intent.IntentResponseType.ACTION_DONE
    await comes_true(hass, away, 2)


async def test_film_by_a_tool(hass: HomeAssistant, away: House) -> None:
    result = await call(hass, "mark", title=FILM)
    assert not result.error
    await comes_true(hass, away)


async def test_a_typo_is_asked_back_on_every_way(
    hass: HomeAssistant, away: House
) -> None:
    with pytest.raises(ServiceValidationError, match=FILM):
        await act(hass, "mark_watched", title=MISSPELT)
    answer = await intent.async_handle(
        hass, DOMAIN, "WatchedSyncMark", {"title": {"value": MISSPELT}}
    )
    assert answer.response_type is intent.IntentResponseType.ERROR
    assert FILM in answer.speech["plain"]["speech"]
    result = await call(hass, "mark", title=MISSPELT)
    assert (result.data["status"], result.data["reason"]) == ("needs_answer", "similar")
    assert FILM in {one["title"] for one in result.data["candidates"]}
    for side, entry in away.items():
        assert waiting(entry) == []
        assert not side.seen(side.item_id(FILM)).watched


async def call(hass: HomeAssistant, tool: str, **arguments: str) -> Any:
    """Call one of our tools as a model does, and return its `llm.ToolResult`."""
    api = await llm.async_get_api(
        hass,
        llm.LLM_API_ASSIST,
        llm.LLMContext(
            platform="test",
            context=Context(),
            language="en",
            assistant="conversation",
            device_id=None,
        ),
    )
    return await api.async_call_tool(llm.ToolInput(f"watched_sync__{tool}", arguments))
