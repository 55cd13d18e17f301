"""The blueprints load, and do what they say."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
import shutil
from typing import Any
from unittest.mock import Mock

from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.automation.config import AUTOMATION_BLUEPRINT_SCHEMA
from homeassistant.components.blueprint.models import Blueprint
from homeassistant.config_entries import ConfigEntry, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import config_validation as cv, device_registry as dr
from homeassistant.helpers.template import render_complex
from homeassistant.helpers.typing import ConfigType
from homeassistant.setup import async_setup_component
from homeassistant.util.yaml import load_yaml_dict
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    MockModule,
    async_fire_time_changed,
    mock_integration,
    mock_platform,
)
import voluptuous as vol

from custom_components.watched_sync.const import DOMAIN
from custom_components.watched_sync.core.errors import Forbidden
from custom_components.watched_sync.core.identity import NO_IDS
from custom_components.watched_sync.core.operation import (
    MarkWatched,
    SetProgress,
)

from .common import (
    EPISODES,
    MOVIE,
    OTHER_MOVIE,
    SHOW,
    MemoryServer,
    drained,
    mark,
    setup_lane,
    until,
)

ROOT = Path(__file__).parents[1]
BLUEPRINTS = sorted((ROOT / "blueprints" / "automation" / DOMAIN).glob("*.yaml"))

TV = "media_player.tv"
ADA = "person.ada"
BOB = "person.bob"

_SOURCE = "https://github.com/watched-sync/watched-sync/blob/main"


def of_person(person: str) -> dict[str, Any]:
    """Return the options of an entry that belongs to a person."""
    return {"playback": {"person": person, "watched_threshold": 90}}


async def automate(
    hass: HomeAssistant,
    folder: Path,
    blueprint: str,
    given: Mapping[str, Any],
) -> None:
    """Make an automation of a blueprint, as a person does after importing it."""
    place = folder / "blueprints" / "automation" / DOMAIN
    shutil.copytree(BLUEPRINTS[0].parent, place, dirs_exist_ok=True)
    hass.config.config_dir = str(folder)
    assert await async_setup_component(
        hass,
        "automation",
        {
            "automation": {
                "id": blueprint,
                "alias": blueprint,
                "use_blueprint": {
                    "path": f"{DOMAIN}/{blueprint}.yaml",
                    "input": dict(given),
                },
            }
        },
    )
    await hass.async_block_till_done()
    (automation,) = hass.states.async_all("automation")
    assert automation.state == "on"


def test_there_are_five() -> None:
    assert [path.stem for path in BLUEPRINTS] == [
        "fell_asleep",
        "mark_by_voice",
        "mark_watched_when_a_player_stops",
        "tell_me_when_a_sync_fails",
        "watched_together",
    ]


@pytest.mark.parametrize("path", BLUEPRINTS, ids=lambda path: path.stem)
def test_blueprint_is_valid_and_says_where_it_comes_from(path: Path) -> None:
    blueprint = Blueprint(
        load_yaml_dict(str(path)),
        path=path.name,
        expected_domain="automation",
        schema=AUTOMATION_BLUEPRINT_SCHEMA,
    )
    assert blueprint.validate() is None
    assert blueprint.metadata["source_url"] == (
        f"{_SOURCE}/blueprints/automation/{DOMAIN}/{path.name}"
    )
    for name, one in blueprint.inputs.items():
        assert one["name"], name
        assert one["selector"], name


# ------------------------------------------------------------------- a player stops


def plays(hass: HomeAssistant, state: str = "playing", **changes: Any) -> None:
    """Have the television say what it does."""
    attributes = {
        "media_content_type": "movie",
        "media_title": "Arrival (2016)",
        "media_duration": 6960,
        "media_position": 6700,
        "media_position_updated_at": datetime.now(UTC),
    } | changes
    hass.states.async_set(TV, state, attributes)


async def eventually(condition: Callable[[], bool]) -> None:
    """Let everybody have their turns until *condition* holds.

    For automations that wait, and clocks that stand still.
    """
    for _ in range(100_000):
        if condition():
            return
        await asyncio.sleep(0)
    pytest.fail("it never came true")


def _idle(hass: HomeAssistant, automation: str) -> bool:
    state = hass.states.get(automation)
    return state is not None and state.attributes["current"] == 0


async def settle(hass: HomeAssistant, entry: ConfigEntry[Any]) -> None:
    """Wait until the automation does nothing more and its wishes have arrived."""
    await hass.async_block_till_done()
    (automation,) = hass.states.async_entity_ids("automation")
    await eventually(lambda: _idle(hass, automation))
    await drained(hass, entry)


async def test_film_played_to_its_end_is_marked(
    hass: HomeAssistant, tmp_path: Path
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    plays(hass)
    await automate(hass, tmp_path, "mark_watched_when_a_player_stops", {"players": TV})
    hass.states.async_set(TV, "idle", {})
    await settle(hass, entry)
    assert server.writes == [(MOVIE.item_id, MarkWatched())]


async def test_film_stopped_in_between_keeps_its_position(
    hass: HomeAssistant, tmp_path: Path
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    plays(hass, "paused", media_position=3000)
    await automate(hass, tmp_path, "mark_watched_when_a_player_stops", {"players": TV})
    hass.states.async_set(TV, "off", {})
    await settle(hass, entry)
    ((item_id, change),) = server.writes
    assert item_id == MOVIE.item_id
    assert change == SetProgress(3000.0)


@pytest.mark.parametrize(
    ("given", "changes"),
    [
        ({}, {"media_position": 30}),
        ({}, {"media_position": 100}),
        ({}, {"media_content_type": "music"}),
        ({"save_position": False}, {"media_position": 3000}),
        ({"threshold": 98, "save_position": False}, {}),
        ({"rooms": ["attic"]}, {}),
        (
            {
                "conditions": [
                    {"condition": "template", "value_template": "{{ false }}"}
                ]
            },
            {},
        ),
    ],
)
async def test_nothing_is_marked_that_was_not_meant(
    hass: HomeAssistant,
    tmp_path: Path,
    given: dict[str, Any],
    changes: dict[str, Any],
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    plays(hass, "paused", **changes)
    await automate(
        hass, tmp_path, "mark_watched_when_a_player_stops", {"players": TV, **given}
    )
    hass.states.async_set(TV, "idle", {})
    await settle(hass, entry)
    assert server.writes == []


async def test_next_episode_closes_the_one_before(
    hass: HomeAssistant, tmp_path: Path
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    first: dict[str, Any] = {
        "media_content_type": "tvshow",
        "media_series_title": "Severance",
        "media_season": "1",
        "media_title": "Part 1",
        "media_episode": "1",
        "media_duration": 3000,
        "media_position": 2950,
    }
    plays(hass, **first)
    await automate(hass, tmp_path, "mark_watched_when_a_player_stops", {"players": TV})
    plays(
        hass,
        **first | {"media_title": "Part 2", "media_episode": "2", "media_position": 0},
    )
    await settle(hass, entry)
    assert server.writes == [(EPISODES[1].item_id, MarkWatched())]


async def test_only_the_chosen_persons_servers_are_told(
    hass: HomeAssistant, tmp_path: Path
) -> None:
    adas, bobs = MemoryServer(), MemoryServer(server_id="server-2", user_name="Bob")
    lane = await setup_lane(hass, adas, options=of_person(ADA))
    other = await setup_lane(hass, bobs, options=of_person(BOB))
    plays(hass)
    await automate(
        hass,
        tmp_path,
        "mark_watched_when_a_player_stops",
        {"players": TV, "persons": [BOB]},
    )
    hass.states.async_set(TV, "idle", {})
    await settle(hass, lane)
    await settle(hass, other)
    assert (adas.writes, bobs.writes) == ([], [(MOVIE.item_id, MarkWatched())])


# ---------------------------------------------------------------- watched together


async def test_whoever_is_at_home_has_watched_it_too(
    hass: HomeAssistant, tmp_path: Path
) -> None:
    adas, bobs = MemoryServer(), MemoryServer(server_id="server-2", user_name="Bob")
    lane = await setup_lane(hass, adas, options=of_person(ADA))
    other = await setup_lane(hass, bobs, options=of_person(BOB))
    hass.states.async_set(BOB, "home")
    await automate(
        hass,
        tmp_path,
        "watched_together",
        {"leader": lane.entry_id, "persons": [BOB]},
    )
    for item in (MOVIE, EPISODES[1]):
        await mark(lane, item)
        await settle(hass, lane)
        await settle(hass, other)
    assert bobs.writes == [
        (MOVIE.item_id, MarkWatched()),
        (EPISODES[1].item_id, MarkWatched()),
    ]

    hass.states.async_set(BOB, "not_home")
    await mark(lane, OTHER_MOVIE)
    await settle(hass, lane)
    await settle(hass, other)
    assert len(bobs.writes) == 2


@pytest.mark.parametrize(
    "known",
    [
        {},
        {"show_provider_ids": NO_IDS},
        # Servers name a show's ids at few of its episodes, and some have none.
        {"show_provider_ids": NO_IDS, "provider_ids": NO_IDS},
    ],
)
async def test_episode_is_marked_for_everybody_by_whatever_is_known_of_it(
    hass: HomeAssistant, tmp_path: Path, known: dict[str, Any]
) -> None:
    watched = replace(EPISODES[1], **known)
    adas = MemoryServer([SHOW, watched])
    bobs = MemoryServer(server_id="server-2", user_name="Bob")
    lane = await setup_lane(hass, adas, options=of_person(ADA))
    other = await setup_lane(hass, bobs, options=of_person(BOB))
    hass.states.async_set(BOB, "home")
    await automate(
        hass, tmp_path, "watched_together", {"leader": lane.entry_id, "persons": [BOB]}
    )
    await mark(lane, watched)
    await settle(hass, lane)
    await settle(hass, other)
    assert bobs.writes == [(EPISODES[1].item_id, MarkWatched())]


async def test_film_without_ids_is_not_taken_for_another(
    hass: HomeAssistant, tmp_path: Path
) -> None:
    unknown = replace(MOVIE, provider_ids=NO_IDS)
    adas = MemoryServer([unknown])
    bobs = MemoryServer(server_id="server-2", user_name="Bob")
    lane = await setup_lane(hass, adas, options=of_person(ADA))
    other = await setup_lane(hass, bobs, options=of_person(BOB))
    hass.states.async_set(BOB, "home")
    await automate(
        hass, tmp_path, "watched_together", {"leader": lane.entry_id, "persons": [BOB]}
    )
    await mark(lane, unknown)
    await settle(hass, lane)
    await settle(hass, other)
    assert bobs.writes == []


# ------------------------------------------------------------------------ by voice


@pytest.mark.parametrize(
    ("said", "answer", "writes"),
    [
        ("I have watched Arrival", "Marked as watched: Arrival", 1),
        ("we've seen Arrival", "Marked as watched: Arrival", 1),
        (
            "mark Rambo as watched",
            "I could not mark Rambo. Is that its whole title?",
            0,
        ),
    ],
)
async def test_marked_by_voice(
    hass: HomeAssistant, tmp_path: Path, said: str, answer: str, writes: int
) -> None:
    assert await async_setup_component(hass, "homeassistant", {})
    assert await async_setup_component(hass, "conversation", {})
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    await automate(hass, tmp_path, "mark_by_voice", {})
    told = await hass.services.async_call(
        "conversation", "process", {"text": said}, blocking=True, return_response=True
    )
    await settle(hass, entry)
    assert told is not None
    response: Any = told["response"]
    assert response["speech"]["plain"]["speech"] == answer
    assert len(server.writes) == writes


# ----------------------------------------------------------------- when a sync fails


@dataclass(slots=True)
class Phone:
    """A phone with the app: the device, and the notifications it was sent."""

    device_id: str
    sent: list[Mapping[str, Any]]


@pytest.fixture
async def phone(hass: HomeAssistant) -> Phone:
    """A phone whose action takes what the real one takes, and keeps it."""
    sent: list[Mapping[str, Any]] = []

    async def notify(
        _: HomeAssistant, config: ConfigType, variables: Any, *__: Any
    ) -> None:
        sent.append(
            {
                key: render_complex(config[key], variables)
                for key in ("title", "message", "data")
            }
        )

    # The real one brings cameras and speech along, whose libraries have to be compiled;
    # tests/e2e has it.
    mock_integration(hass, MockModule("mobile_app"))
    mock_platform(
        hass,
        "mobile_app.device_action",
        Mock(
            spec=["ACTION_SCHEMA", "async_call_action_from_config"],
            ACTION_SCHEMA=cv.DEVICE_ACTION_BASE_SCHEMA.extend(
                {
                    vol.Required("type"): "notify",
                    vol.Required("message"): cv.template,
                    vol.Optional("title"): cv.template,
                    vol.Optional("data"): cv.template_complex,
                }
            ),
            async_call_action_from_config=notify,
        ),
    )
    entry = MockConfigEntry(domain="mobile_app", state=ConfigEntryState.LOADED)
    entry.add_to_hass(hass)
    device = dr.async_get(hass).async_get_or_create(
        config_entry_id=entry.entry_id, identifiers={("mobile_app", "phone")}
    )
    return Phone(device.id, sent)


@pytest.mark.parametrize(("button", "waiting"), [("RETRY", 1), ("UNDO", 0)])
async def test_phone_is_told_of_a_failure_and_its_buttons_work(
    hass: HomeAssistant, tmp_path: Path, phone: Phone, button: str, waiting: int
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    await automate(
        hass, tmp_path, "tell_me_when_a_sync_fails", {"phone": phone.device_id}
    )
    server.item_faults[MOVIE.item_id] = Forbidden("not for you")
    await mark(entry)
    await eventually(lambda: bool(phone.sent))

    outbox = entry.runtime_data.lane.outbox
    (given_up,) = outbox.rejected
    buttons = {
        name: f"WATCHED_SYNC_{name}_{given_up.operation_id}"
        for name in ("RETRY", "UNDO")
    }
    assert phone.sent == [
        {
            "title": "Attic (Ada): not synced",
            "message": "Arrival was given up: forbidden.",
            "data": {
                "tag": f"watched_sync_{given_up.operation_id}",
                "actions": [
                    {"action": buttons["RETRY"], "title": "Try again"},
                    {"action": buttons["UNDO"], "title": "Undo"},
                ],
            },
        }
    ]

    server.gate.clear()
    hass.bus.async_fire("mobile_app_notification_action", {"action": buttons[button]})
    await until(entry.runtime_data, lambda: not outbox.rejected)
    assert len(outbox) == waiting
    server.item_faults.clear()
    server.gate.set()
    await settle(hass, entry)
    assert len(server.writes) == waiting


# --------------------------------------------------------------------- fell asleep

BED = "binary_sensor.bed"


async def test_position_goes_back_to_where_somebody_fell_asleep(
    hass: HomeAssistant,
    tmp_path: Path,
    freezer: FrozenDateTimeFactory,
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = MemoryServer()
    server.now = lambda: datetime.now(UTC)
    entry = await setup_lane(hass, server)
    first: dict[str, Any] = {
        "media_content_type": "tvshow",
        "media_series_title": "Severance",
        "media_season": "1",
        "media_title": "Part 1",
        "media_episode": "1",
        "media_duration": 3000,
        "media_position": 1200,
    }
    hass.states.async_set(BED, "off")
    plays(hass, **first)
    await automate(
        hass,
        tmp_path,
        "fell_asleep",
        {"player": TV, "asleep": BED, "lane": entry.entry_id},
    )
    hass.states.async_set(BED, "on")

    def waits() -> int:
        return sum("Executing step wait for" in line for line in caplog.messages)

    await eventually(lambda: waits() == 1)

    # The player goes on to the end, and through the next one.
    for number, one in enumerate(EPISODES[1:3], 2):
        freezer.tick(timedelta(minutes=30))
        await mark(entry, one)
        await eventually(partial(lambda number: waits() == number, number))
    plays(hass, "idle")
    await eventually(lambda: waits() == 4)
    freezer.tick(timedelta(seconds=16))
    async_fire_time_changed(hass)
    await settle(hass, entry)

    assert server.states[EPISODES[2].item_id].watched is False
    state = server.states[EPISODES[1].item_id]
    assert (state.watched, state.position) == (False, 1200.0)


async def test_short_nap_changes_nothing(
    hass: HomeAssistant,
    tmp_path: Path,
    freezer: FrozenDateTimeFactory,
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    hass.states.async_set(BED, "off")
    plays(hass, media_position=1200)
    await automate(
        hass,
        tmp_path,
        "fell_asleep",
        {"player": TV, "asleep": BED, "lane": entry.entry_id},
    )
    hass.states.async_set(BED, "on")
    await eventually(
        lambda: any("Executing step wait for" in line for line in caplog.messages)
    )
    freezer.tick(timedelta(minutes=3))
    hass.states.async_set(BED, "off")
    await settle(hass, entry)
    assert server.writes == []
