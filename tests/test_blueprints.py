"""The blueprints load, and do what they say."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
import shutil
from typing import Any, override
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
from custom_components.watched_sync.core.identity import NO_IDS, Item
from custom_components.watched_sync.core.operation import (
    Change,
    MarkWatched,
    Origin,
    SetProgress,
)
from custom_components.watched_sync.core.ports import Capabilities
from custom_components.watched_sync.runtime import Request

from .common import (
    EPISODES,
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

ROOT = Path(__file__).parents[1]
BLUEPRINTS = sorted((ROOT / "blueprints" / "automation" / DOMAIN).glob("*.yaml"))

TV = "media_player.tv"
ADA = "person.ada"
BOB = "person.bob"

_SOURCE = "https://github.com/watched-sync/watched-sync/blob/main"


def of_person(person: str) -> dict[str, Any]:
    """Return the options of an entry that belongs to a person."""
    return {"person": person}


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
    assert blueprint.name.startswith("Watched Sync: ")
    for name, one in blueprint.inputs.items():
        assert one["name"], name
        assert one["description"], name
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
    """Wait until the automation does nothing more and its operations have arrived."""
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


@pytest.mark.parametrize(
    ("button", "writes"),
    [("RETRY", [(MOVIE.item_id, MarkWatched())]), ("UNDO", [])],
)
async def test_phone_is_told_of_a_failure_and_its_buttons_work(
    hass: HomeAssistant,
    tmp_path: Path,
    phone: Phone,
    button: str,
    writes: list[tuple[str, Change]],
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
            "message": (
                "Mark as watched, Arrival (2016): "
                "Not allowed for this user, or not now."
            ),
            "data": {
                "tag": f"watched_sync_{given_up.operation_id}",
                "actions": [
                    {"action": buttons["RETRY"], "title": "Try again"},
                    {"action": buttons["UNDO"], "title": "Undo"},
                ],
            },
        }
    ]

    server.item_faults.clear()
    hass.bus.async_fire("mobile_app_notification_action", {"action": buttons[button]})
    await until(entry.runtime_data, lambda: not outbox.rejected)
    await settle(hass, entry)
    assert server.writes == writes
    assert len(outbox) == 0


class CountingServer(MemoryServer):
    """One that counts a mark of what is watched as a play: each is marked by itself."""

    @property
    @override
    def capabilities(self) -> Capabilities:
        return replace(super().capabilities, repeat_safe=False)


async def test_season_given_up_halfway_is_taken_back_by_the_phone(
    hass: HomeAssistant, tmp_path: Path, phone: Phone
) -> None:
    first, second, third = (episode(1, number) for number in (1, 2, 3))
    server = CountingServer([SHOW, season(1), first, second, third])
    server.set(first.item_id, watched=True, play_count=1)
    entry = await setup_lane(hass, server)
    await automate(
        hass, tmp_path, "tell_me_when_a_sync_fails", {"phone": phone.device_id}
    )

    def watched() -> list[str]:
        return [one for one, state in server.states.items() if state.watched]

    server.item_faults[third.item_id] = Forbidden("not for you")
    await mark(entry, season(1))
    await eventually(lambda: bool(phone.sent))
    outbox = entry.runtime_data.lane.outbox
    (given_up,) = outbox.rejected
    assert watched() == [first.item_id, second.item_id]

    server.item_faults.clear()
    _, undo = phone.sent[0]["data"]["actions"]
    hass.bus.async_fire("mobile_app_notification_action", {"action": undo["action"]})
    await until(entry.runtime_data, lambda: not outbox.rejected)
    await settle(hass, entry)
    assert watched() == [first.item_id]
    assert outbox.history[-1].operation.undoes == given_up.batch_id


async def test_phone_takes_a_change_back_on_the_server_that_failed_only(
    hass: HomeAssistant, tmp_path: Path, phone: Phone
) -> None:
    adas, bobs = MemoryServer(), MemoryServer(server_id="server-2", user_name="Bob")
    lane = await setup_lane(hass, adas)
    other = await setup_lane(hass, bobs)
    await automate(
        hass, tmp_path, "tell_me_when_a_sync_fails", {"phone": phone.device_id}
    )
    adas.item_faults[MOVIE.item_id] = Forbidden("not for you")
    await hass.services.async_call(
        DOMAIN, "mark_watched", {"title": "Arrival"}, blocking=True
    )
    await eventually(lambda: bool(phone.sent))
    await until(other.runtime_data, lambda: bool(bobs.states[MOVIE.item_id].watched))
    _, undo = phone.sent[0]["data"]["actions"]
    hass.bus.async_fire("mobile_app_notification_action", {"action": undo["action"]})
    outbox = lane.runtime_data.lane.outbox
    await until(lane.runtime_data, lambda: not outbox.rejected)
    await settle(hass, lane)
    await settle(hass, other)
    assert not adas.states[MOVIE.item_id].watched
    assert bobs.states[MOVIE.item_id].watched


# --------------------------------------------------------------------- fell asleep

BED = "binary_sensor.bed"
ASLEEP_OVER, *PLAYED_ON = EPISODES[1:]


class Night:
    """Somebody who falls asleep twenty minutes into an episode; the player goes on."""

    def __init__(
        self,
        hass: HomeAssistant,
        folder: Path,
        freezer: FrozenDateTimeFactory,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """Nobody sleeps yet, and no episode is watched."""
        self.server = MemoryServer()
        self.server.now = lambda: datetime.now(UTC)
        # What is up next is known, so that what others do to it is told.
        self.server.up_next_ids = [one.item_id for one in EPISODES[1:]]
        self.entry: MockConfigEntry
        self._hass = hass
        self._folder = folder
        self._freezer = freezer
        self._caplog = caplog

    async def falls(self) -> None:
        """Set everything up and fall asleep."""
        hass = self._hass
        self.entry = await setup_lane(hass, self.server)
        hass.states.async_set(BED, "off")
        plays(
            hass,
            media_content_type="tvshow",
            media_series_title="Severance",
            media_season="1",
            media_title="Part 1",
            media_episode="1",
            media_duration=3000,
            media_position=1200,
        )
        given = {"player": TV, "asleep": BED, "lane": self.entry.entry_id}
        await automate(hass, self._folder, "fell_asleep", given)
        hass.states.async_set(BED, "on")
        await eventually(lambda: self._waits() == 1)

    def _waits(self) -> int:
        return sum("Executing step wait for" in line for line in self._caplog.messages)

    async def plays_on(
        self, item: Item, play_count: int = 1, *, last: bool = False
    ) -> None:
        """Have the server count an episode that was played to its end.

        The *last* one is counted when the player has stopped already.
        """
        if last:
            await self._counts(item, play_count)
        else:
            self._freezer.tick(timedelta(minutes=30))
            await self._heard(self._counts(item, play_count))

    async def _counts(self, item: Item, play_count: int) -> None:
        self.server.set(
            item.item_id,
            watched=True,
            position=0.0,
            play_count=play_count,
            last_played=datetime.now(UTC),
        )
        await self.entry.runtime_data.coordinator.catch_up()

    async def marked(self, item: Item, origin: Origin) -> None:
        """Have something marked meanwhile, by *origin*."""
        self._freezer.tick(timedelta(seconds=10))
        operations = [Request(item, MarkWatched())]
        runtime = self.entry.runtime_data
        await self._heard(runtime.async_submit(operations, origin=origin))

    async def _heard(self, happening: Awaitable[object]) -> None:
        before = self._waits()
        await happening
        await eventually(lambda: self._waits() == before + 1)

    async def stops(self) -> None:
        """Have the player stop; only the last mark may still come."""
        before = self._waits()
        plays(self._hass, "idle")
        await eventually(lambda: self._waits() == before + 1)

    async def ends(self) -> None:
        """Wait until everything is put back."""
        self._freezer.tick(timedelta(seconds=16))
        async_fire_time_changed(self._hass)
        await settle(self._hass, self.entry)

    def watched(self) -> list[str]:
        """Return the ids of the episodes that are watched in the morning."""
        states = self.server.states.items()
        return [item_id for item_id, state in states if state.watched]


@pytest.fixture
def night(
    hass: HomeAssistant,
    tmp_path: Path,
    freezer: FrozenDateTimeFactory,
    caplog: pytest.LogCaptureFixture,
) -> Night:
    """A night with a television that nobody switches off."""
    return Night(hass, tmp_path, freezer, caplog)


async def test_position_goes_back_to_where_somebody_fell_asleep(night: Night) -> None:
    await night.falls()
    for one in (ASLEEP_OVER, *PLAYED_ON[:2]):
        await night.plays_on(one)
    await night.stops()
    await night.ends()
    assert night.watched() == []
    assert night.server.states[ASLEEP_OVER.item_id].position == 1200.0


async def test_mark_that_comes_after_the_end_is_taken_back(night: Night) -> None:
    await night.falls()
    await night.plays_on(ASLEEP_OVER)
    await night.stops()
    # Not the one that was waited for.
    await night.marked(PLAYED_ON[1], Origin.USER)
    await night.plays_on(PLAYED_ON[0], last=True)
    await night.ends()
    assert night.watched() == [PLAYED_ON[1].item_id]


async def test_what_a_followed_player_has_played_is_taken_back(night: Night) -> None:
    await night.falls()
    await night.marked(ASLEEP_OVER, Origin.PLAYBACK)
    await night.plays_on(PLAYED_ON[1])
    await night.marked(PLAYED_ON[0], Origin.PLAYBACK)
    await night.stops()
    await night.ends()
    assert night.watched() == []


@pytest.mark.parametrize("origin", [Origin.USER, Origin.MIRROR, Origin.UNDO])
async def test_what_was_not_marked_by_playing_stays(
    night: Night, origin: Origin
) -> None:
    await night.falls()
    await night.plays_on(ASLEEP_OVER)
    await night.marked(PLAYED_ON[2], origin)
    await night.stops()
    await night.ends()
    assert night.watched() == [PLAYED_ON[2].item_id]


async def test_show_watched_long_before_stays_watched(night: Night) -> None:
    """As Plex has it: watched all along, with a position while it plays."""
    for one in EPISODES[1:3]:
        night.server.set(one.item_id, watched=True, play_count=1, position=600.0)
    await night.falls()
    for one in EPISODES[1:3]:
        await night.plays_on(one, play_count=2)
    await night.stops()
    await night.ends()
    assert night.watched() == [one.item_id for one in EPISODES[1:3]]
    asleep_over, played_on = (night.server.states[one.item_id] for one in EPISODES[1:3])
    assert (asleep_over.position, asleep_over.play_count) == (1200.0, 2)
    assert (played_on.position, played_on.play_count) == (0.0, 2)


async def test_episode_that_playing_made_unwatched_at_first_stays_watched(
    night: Night,
) -> None:
    """As Jellyfin has it: what begins is not watched any more, but was played once."""
    await night.falls()
    await night.plays_on(ASLEEP_OVER)
    await night.plays_on(PLAYED_ON[0], play_count=2)
    await night.plays_on(PLAYED_ON[1])
    await night.stops()
    await night.ends()
    assert night.watched() == [PLAYED_ON[0].item_id]


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
