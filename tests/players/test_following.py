"""Players that are followed: what they play is told, and what they played counted."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
import logging
from types import MappingProxyType
from typing import Any
from unittest.mock import patch

from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigEntryState, ConfigSubentry
from homeassistant.core import (
    Event,
    EventStateChangedData,
    HomeAssistant,
    State,
    callback,
)
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.event import async_track_state_change_event
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)

from custom_components.watched_sync.core.errors import Fault, Refused
from custom_components.watched_sync.core.identity import ProviderIds
from custom_components.watched_sync.core.lane import Phase
from custom_components.watched_sync.core.operation import (
    MarkWatched,
    Origin,
    SetProgress,
)
from custom_components.watched_sync.core.outbox import OutboxFull
from custom_components.watched_sync.core.play_state import PlayState
from custom_components.watched_sync.core.playback import (
    PlaybackOutcome,
    PlaybackResult,
    change_for,
    is_counted,
)
from custom_components.watched_sync.players.following import GRACE
from custom_components.watched_sync.players.memory import async_get_memory
from custom_components.watched_sync.runtime import WatchedSyncRuntime

from ..common import (
    EPISODES,
    MOVIE,
    OTHER_MOVIE,
    SHOW,
    MemoryServer,
    drained,
    lane_entry,
    until,
    use_server,
)
from ..scene import lose_contact

TV = "media_player.tv"
LENGTH = 6960
FILM = {
    "media_content_type": "movie",
    "media_title": "Arrival (2016)",
    "media_duration": LENGTH,
}


def episode(number: int) -> dict[str, Any]:
    """Return what a player shows of an episode of fifty minutes."""
    return {
        "media_content_type": "tvshow",
        "media_series_title": "Severance",
        "media_season": 1,
        "media_episode": number,
        "media_duration": 3000,
    }


class House:
    """A lane that follows one player, and the time that passes there."""

    def __init__(
        self, hass: HomeAssistant, freezer: FrozenDateTimeFactory, server: MemoryServer
    ) -> None:
        self.hass = hass
        self.freezer = freezer
        self.server = server
        self.server.now = lambda: datetime.now(UTC)
        self.entry: MockConfigEntry
        self.player = TV
        self.events: list[State] = []

        def happened(event: Event[EventStateChangedData]) -> None:
            state = event.data["new_state"]
            if state is not None and "event_type" in state.attributes:
                self.events.append(state)

        async_track_state_change_event(
            hass, "event.attic_ada_activity", callback(happened)
        )

    async def follow(
        self,
        player: str = TV,
        *,
        options: dict[str, Any] | None = None,
        unique_id: str | None = None,
        **data: Any,
    ) -> MockConfigEntry:
        """Set the entry up, with one player to follow."""
        use_server(self.hass, self.server)
        self.player = player
        self.entry = entry = lane_entry(self.server, options=options)
        entry.add_to_hass(self.hass)
        self.hass.config_entries.async_add_subentry(
            entry,
            ConfigSubentry(
                data=MappingProxyType({"media_player": player, **data}),
                subentry_type="player",
                title="Television",
                unique_id=unique_id or player,
            ),
        )
        await self.hass.config_entries.async_setup(entry.entry_id)
        await self.hass.async_block_till_done()
        assert entry.state is ConfigEntryState.LOADED
        return entry

    @property
    def runtime(self) -> WatchedSyncRuntime:
        runtime: WatchedSyncRuntime = self.entry.runtime_data
        return runtime

    async def plays(self, state: str = "playing", /, **attributes: Any) -> None:
        """Have the player show something."""
        if "media_position" in attributes:
            attributes["media_position_updated_at"] = datetime.now(UTC)
        self.hass.states.async_set(self.player, state, attributes)
        await self.breathe()

    async def stops(self, state: str = "idle") -> None:
        """Have the player stop; its position falls to zero, as many do."""
        await self.plays(state, media_position=0)

    async def breathe(self) -> None:
        """Let everything happen that needs no time."""
        for _ in range(20):
            await asyncio.sleep(0)
        await self.hass.async_block_till_done()

    async def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.freezer.tick(seconds)
        async_fire_time_changed(self.hass, datetime.now(UTC))
        await self.breathe()

    async def judged(self) -> None:
        """Wait until what was played has been judged and delivered."""
        await self.wait(GRACE + 1)
        await eventually(lambda: not self.results)
        await eventually(lambda: not len(self.runtime.lane.outbox))
        await self.breathe()

    @property
    def results(self) -> list[str]:
        """What was played and is not in the queue yet."""
        sessions = async_get_memory(self.hass).sessions.values()
        return [one["outcome"] for one in sessions if "outcome" in one]

    @property
    def told(self) -> list[tuple[str, str, int]]:
        """What the server was told on the way."""
        return [
            (one.item.item_id, one.state.value, round(one.position))
            for one in self.server.reports
        ]


async def eventually(condition: Callable[[], bool]) -> None:
    """Wait until *condition* holds; time stands still meanwhile."""
    for _ in range(5000):
        if condition():
            return
        await asyncio.sleep(0)
    pytest.fail("it never happened")


@pytest.fixture
def house(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> House:
    return House(hass, freezer, MemoryServer())


# --- what leads nowhere -------------------------------------------------


def lost(house: House) -> list[tuple[str | None, str]]:
    """Return title and reason of what was told not to be followed."""
    return [
        (one.attributes.get("title"), one.attributes["reason"])
        for one in house.events
        if one.attributes["event_type"] == "not_followed"
    ]


@pytest.mark.parametrize(
    ("attributes", "title", "reason"),
    [
        ({**FILM, "media_title": "Arivals"}, "Arivals", "not_found"),
        ({**FILM, "media_title": "Arrival (1996)"}, "Arrival (1996)", "not_found"),
        (
            {**episode(1), "media_season": -1, "media_episode": -1},
            "Severance",
            "unknown_episode",
        ),
        ({**FILM, "media_title": "Dune"}, "Dune", "ambiguous"),
    ],
)
async def test_playback_that_leads_nowhere_is_told_once(
    hass: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    attributes: dict[str, Any],
    title: str,
    reason: str,
) -> None:
    dunes = [
        replace(MOVIE, item_id=f"d{year}", title="Dune", year=year, provider_ids=ids)
        for year, ids in (
            (1984, ProviderIds(tmdb="841")),
            (2021, ProviderIds(tmdb="438631")),
        )
    ]
    house = House(hass, freezer, MemoryServer([MOVIE, SHOW, *EPISODES, *dunes]))
    await house.follow()
    await house.plays(**attributes, media_position=0)
    await house.wait(20)
    assert lost(house) == []
    for _ in range(20):
        await house.wait(30)
    await house.stops()
    await house.judged()
    assert lost(house) == [(title, reason)]
    told = house.events[-1].attributes
    assert told["player"] == TV
    # Once more it is no news.
    await house.plays(**attributes, media_position=1000)
    await house.wait(120)
    await house.stops()
    await house.judged()
    assert lost(house) == [(title, reason)]
    assert house.server.writes == []


async def test_what_may_be_any_video_is_told_of_once(house: House) -> None:
    await house.follow()
    for number in range(3):
        await house.plays(
            media_content_type="video",
            media_title=f"Holidays {number}",
            media_duration=3000,
            media_position=0,
        )
        await house.wait(1500)
        await house.stops()
        await house.judged()
    assert lost(house) == [("Holidays 0", "not_found")]


async def test_something_that_goes_on_without_a_name_is_told_once(
    house: House,
) -> None:
    await house.follow()
    await house.plays(**FILM, media_position=0)
    await house.plays()
    await house.wait(50)
    await house.plays(**FILM, media_position=50)
    await house.wait(60)
    assert lost(house) == []
    await house.plays()
    await house.wait(40)
    await house.plays(volume_level=0.5)
    await house.wait(40)
    assert lost(house) == [(None, "nameless")]
    await house.stops()
    await house.plays()
    await house.wait(80)
    assert lost(house) == [(None, "nameless")]


async def test_what_leads_nowhere_on_purpose_is_not_told(house: House) -> None:
    await house.follow(libraries=["shows"])
    await house.plays(**FILM, media_position=0)
    await house.wait(LENGTH / 2)
    await house.plays(media_content_type="music", media_title="A song")
    await house.wait(300)
    await house.stops()
    await house.judged()
    await house.runtime.async_pause()
    await house.plays(**{**FILM, "media_title": "Arivals"}, media_position=0)
    await house.plays()
    await house.wait(100)
    await house.plays(**{**FILM, "media_title": "Arivals"}, media_position=0)
    await house.wait(100)
    await house.stops()
    await house.judged()
    assert lost(house) == []


# --- the story ----------------------------------------------------------


async def test_stopped_near_the_end_is_watched(house: House) -> None:
    await house.follow()
    await house.plays(**FILM, media_position=0)
    await house.wait(LENGTH * 0.95)
    await house.stops()
    assert house.server.writes == []
    await house.judged()
    assert house.server.writes == [("m1", MarkWatched())]
    (entry,) = house.runtime.lane.outbox.history
    assert entry.operation.origin is Origin.PLAYBACK


async def test_stopped_in_the_middle_keeps_the_position(house: House) -> None:
    await house.follow()
    await house.plays(**FILM, media_position=0)
    await house.wait(LENGTH / 2)
    await house.stops()
    await house.judged()
    assert house.server.writes == [("m1", SetProgress(LENGTH / 2))]


async def test_stopped_at_the_beginning_changes_and_tells_nothing(
    house: House,
) -> None:
    await house.follow()
    await house.plays(**FILM, media_position=0)
    await house.wait(LENGTH * 0.01)
    await house.stops()
    await house.judged()
    assert house.server.writes == []
    assert house.server.reports == []


async def test_what_the_server_counted_by_itself_is_not_written(house: House) -> None:
    await house.follow()
    await house.plays(**FILM, media_position=0)
    await house.wait(LENGTH * 0.95)
    await house.stops()
    house.server.set("m1", watched=True, play_count=1)
    await house.judged()
    assert house.server.writes == []
    await house.plays(**episode(1), media_position=0)
    await house.wait(1500)
    await house.stops()
    house.server.set("e1x1", position=1490.0)
    await house.judged()
    assert house.server.writes == []


async def test_what_has_the_id_by_now_was_not_counted(house: House) -> None:
    """The server was restored while the film was on: its id is a watched film's."""
    await house.follow()
    await house.plays(**FILM, media_position=0)
    await house.wait(LENGTH * 0.95)
    server = house.server
    server.items |= {
        "m1": replace(OTHER_MOVIE, item_id="m1"),
        "m2": replace(MOVIE, item_id="m2"),
    }
    server.set("m1", watched=True, play_count=1)
    await house.stops()
    await house.judged()
    assert server.writes == [("m2", MarkWatched())]


async def test_next_episode_closes_the_previous(house: House) -> None:
    await house.follow()
    await house.plays(**episode(1), media_position=0)
    await house.wait(2950)
    await house.plays(**episode(2), media_position=0)
    await house.judged()
    assert house.server.writes == [("e1x1", MarkWatched())]
    await house.wait(600)
    await house.stops()
    await house.judged()
    assert house.server.writes[1:] == [("e1x2", SetProgress(606))]


async def test_threshold_is_the_one_that_was_chosen(house: House) -> None:
    await house.follow(options={"playback": {"watched_threshold": 50}})
    await house.plays(**FILM, media_position=0)
    await house.wait(LENGTH * 0.6)
    await house.stops()
    await house.judged()
    assert house.server.writes == [("m1", MarkWatched())]


async def test_all_copies_are_marked_as_one_batch(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    house = House(hass, freezer, MemoryServer([MOVIE, replace(MOVIE, item_id="m4k")]))
    await house.follow()
    await house.plays(**FILM, media_position=0)
    await house.wait(LENGTH * 0.95)
    await house.stops()
    await house.judged()
    assert sorted(house.server.writes) == [
        ("m1", MarkWatched()),
        ("m4k", MarkWatched()),
    ]
    assert (
        len({one.operation.batch_id for one in house.runtime.lane.outbox.history}) == 1
    )


async def test_length_that_the_player_does_not_know_is_the_servers(
    house: House,
) -> None:
    await house.follow()
    film = {key: FILM[key] for key in ("media_content_type", "media_title")}
    await house.plays(**film, media_position=0)
    await house.wait(LENGTH * 0.95)
    await house.stops()
    await house.judged()
    assert house.server.writes == [("m1", MarkWatched())]


async def test_what_is_not_on_the_server_is_left_alone(house: House) -> None:
    await house.follow()
    for what in (
        {**FILM, "media_title": "Unheard of"},
        {**FILM, "media_content_type": "music"},
        {"media_content_id": "x"},
    ):
        await house.plays(**what, media_position=0)
        await house.wait(LENGTH)
        await house.stops()
        await house.judged()
    assert house.server.writes == []
    assert house.server.reports == []


# --- what the server is told on the way -----------------------------------------------


async def test_server_is_told_where_the_playback_is(house: House) -> None:
    await house.follow()
    await house.plays(**FILM, media_position=1000)
    await house.wait(10)
    await house.plays("paused", **FILM, media_position=1015)
    await house.plays(**FILM, media_position=2000)
    await house.wait(5)
    await house.stops()
    await house.judged()
    assert house.told == [
        ("m1", "playing", 1000),
        ("m1", "playing", 1010),
        ("m1", "paused", 1015),
        ("m1", "playing", 2000),
        ("m1", "stopped", 2005),
    ]
    (one,) = {
        (one.session_id, one.player_id, one.player, one.duration)
        for one in house.server.reports
    }
    assert one[2:] == ("tv", LENGTH)


async def test_reports_that_come_too_late_are_left_out(house: House) -> None:
    await house.follow()
    house.server.gate.clear()
    await house.plays(**FILM, media_position=1000)
    for _ in range(5):
        await house.wait(10)
    house.server.gate.set()
    await house.breathe()
    await eventually(lambda: bool(house.server.reports))
    await house.breathe()
    assert house.told == [("m1", "playing", 1050)]


@pytest.mark.parametrize(
    ("data", "attributes"),
    [({"report_progress": False}, {}), ({}, {"app_name": "Jellyfin for Android TV"})],
)
async def test_server_is_told_only_of_the_end(
    house: House, data: dict[str, Any], attributes: dict[str, Any]
) -> None:
    await house.follow(**data)
    await house.plays(**FILM, **attributes, media_position=0)
    await house.wait(LENGTH * 0.95)
    await house.stops()
    await house.judged()
    assert house.server.reports == []
    assert house.server.writes == [("m1", MarkWatched())]


async def test_server_that_ended_a_playback_is_told_of_the_end_alone(
    house: House,
) -> None:
    await house.follow()
    ended = [Refused("ended by the administrator"), None]
    with patch.object(house.server, "report", side_effect=ended) as report:
        await house.plays(**FILM, media_position=1000)
        await house.wait(10)
        await house.wait(10)
        await house.stops()
        await house.judged()
    states = [call.args[0].state.value for call in report.call_args_list]
    assert states == ["playing", "stopped"]


async def test_report_that_fails_makes_no_noise_and_the_next_one_goes_out(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    await house.follow()
    await house.plays(**FILM, media_position=1000)
    caplog.clear()
    caplog.set_level(logging.INFO)
    with patch.object(house.server, "report", side_effect=Fault("out of order")):
        await house.wait(10)
    await house.wait(10)
    assert house.told == [("m1", "playing", 1000), ("m1", "playing", 1020)]
    ours = "custom_components.watched_sync"
    assert not [one for one in caplog.records if one.name.startswith(ours)]


# --- whose it is ----------------------------------------------------------


def add_client(hass: HomeAssistant, platform: str, unique_id: str) -> str:
    """Register a player of the integration of a server."""
    registry = er.async_get(hass)
    return registry.async_get_or_create("media_player", platform, unique_id).entity_id


@pytest.mark.parametrize("kind", ["plex", "jellyfin"])
@pytest.mark.parametrize("user", ["Ada", "Grace", None])
async def test_only_our_own_session_counts(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, kind: str, user: str | None
) -> None:
    house = House(hass, freezer, MemoryServer(kind=kind))
    if user is not None:
        house.server.sessions = {"a": {"Ada": "user-1", "Grace": "user-2"}[user]}
    separator = ":" if kind == "plex" else "-"
    await house.follow(add_client(hass, kind, f"server-1{separator}a"))
    session = {} if user is None else {"username": user}
    await house.plays(**FILM, **session, media_content_id="m1", media_position=0)
    await house.wait(LENGTH * 0.95)
    await house.stops("unavailable")
    await house.wait(60)
    await house.judged()
    # Such a player tells its server itself.
    assert house.server.reports == []
    assert house.server.writes == ([("m1", MarkWatched())] if user == "Ada" else [])


async def test_position_that_the_servers_own_player_left_is_right(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    house = House(hass, freezer, MemoryServer(kind="plex"))
    await house.follow(add_client(hass, "plex", "server-1:a"))
    film = {**FILM, "username": "Ada", "media_content_id": "m1"}
    await house.plays(**film, media_position=0)
    await house.wait(3000)
    house.server.set("m1", position=1234.0)
    await house.stops()
    await house.judged()
    assert house.server.writes == []
    # It left none, so its app may have died.
    await house.plays(**film, media_position=1234)
    await house.wait(2000)
    await house.stops()
    await house.judged()
    assert house.server.writes == [("m1", SetProgress(3234))]


async def test_player_of_another_server_is_not_followed(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    house = House(hass, freezer, MemoryServer(kind="plex"))
    await house.follow(add_client(hass, "plex", "server-9:a"))
    await house.plays(**FILM, username="Ada", media_content_id="m1", media_position=0)
    await house.wait(LENGTH * 0.95)
    await house.stops()
    await house.judged()
    assert house.server.writes == []


async def test_users_of_jellyfin_sessions_are_asked_for_as_long_as_they_are_there(
    hass: HomeAssistant, house: House
) -> None:
    house.server.sessions = {"a": "user-2"}
    await house.follow()
    player = add_client(hass, "jellyfin", "server-1-a")
    other = add_client(hass, "jellyfin", "server-2-a")
    radio = add_client(hass, "jellyfin", "server-1-b")
    hass.states.async_set(player, "playing", {**FILM, "media_content_id": "m1"})
    hass.states.async_set(other, "playing", {**FILM, "media_content_id": "m1"})
    hass.states.async_set(radio, "playing", {"media_content_type": "music"})
    hass.states.async_set("media_player.unregistered", "playing", FILM)
    await house.breathe()
    played = async_get_memory(hass).last(player)
    assert played is not None
    assert played.user_id == "user-2"
    asked = [one for one in house.server.requests if one[0] == "session_user"]
    assert asked == [("session_user", "a")]


async def test_guest_mode_follows_nothing(house: House) -> None:
    await house.follow()
    await house.runtime.async_pause()
    await house.plays(**FILM, media_position=0)
    await house.wait(3000)
    await house.runtime.async_resume()
    await house.wait(3700)
    await house.stops()
    await house.judged()
    # Nor does it count what a guest took over.
    await house.plays(**episode(1), media_position=0)
    await house.wait(100)
    told = len(house.server.reports)
    await house.runtime.async_pause()
    await house.wait(2800)
    await house.stops()
    await house.judged()
    assert house.server.writes == []
    assert len(house.server.reports) == told == 1


@pytest.mark.parametrize(
    ("libraries", "writes"),
    [
        ([], [("m1", MarkWatched())]),
        (["films"], [("m1", MarkWatched())]),
        (["shows"], []),
    ],
)
@pytest.mark.parametrize("place", ["films", None])
async def test_only_chosen_libraries_are_followed(
    hass: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    libraries: list[str],
    writes: list[Any],
    place: str | None,
) -> None:
    house = House(hass, freezer, MemoryServer([replace(MOVIE, library_id=place)]))
    # A client that keeps to some libraries knows where everything is.
    narrowed = MemoryServer([MOVIE])
    with patch(
        "custom_components.watched_sync.players.following.create_server",
        return_value=narrowed,
    ) as create:
        await house.follow(libraries=libraries)
        await house.plays(**FILM, media_position=0)
        await house.wait(LENGTH * 0.95)
        await house.stops()
        await house.judged()
    assert house.server.writes == writes
    assert create.called == (place is None and bool(libraries))


async def test_libraries_of_the_entry_count_as_well(house: House) -> None:
    await house.follow(options={"entities": {"libraries": ["shows"]}})
    await house.plays(**FILM, media_position=0)
    await house.wait(LENGTH * 0.95)
    await house.stops()
    await house.judged()
    assert house.server.writes == []


# --- servers that are away ----------------------------------------------------------


async def test_server_that_is_away_at_the_end_is_told_later(
    hass: HomeAssistant, house: House
) -> None:
    entry = await house.follow()
    await house.plays(**FILM, media_position=0)
    await lose_contact(hass, entry, house.server)
    await house.wait(LENGTH * 0.95)
    await house.stops()
    await house.wait(GRACE + 1)
    await eventually(lambda: len(house.runtime.lane.outbox) == 1)
    house.server.come_up()
    house.runtime.relay.nudge()
    await drained(hass, entry)
    assert house.server.writes == [("m1", MarkWatched())]
    assert house.server.reports == []


async def test_what_a_server_that_is_away_cannot_find_is_looked_for_later(
    hass: HomeAssistant, house: House
) -> None:
    entry = await house.follow()
    await lose_contact(hass, entry, house.server)
    await house.plays(**FILM, media_position=0)
    await house.wait(LENGTH * 0.95)
    ended_at = datetime.now(UTC)
    await house.stops()
    await house.wait(GRACE + 1)
    await house.wait(1800)
    assert len(house.runtime.lane.outbox) == 0
    house.server.come_up()
    house.runtime.relay.nudge()
    await until(house.runtime, lambda: house.runtime.lane.health.phase is Phase.READY)
    await eventually(lambda: not house.results)
    await drained(hass, entry)
    # It was not watched just now.
    assert house.server.writes == [("m1", MarkWatched(ended_at))]


async def test_what_was_counted_before_it_could_be_found_is_not_undone(
    hass: HomeAssistant, house: House
) -> None:
    entry = await house.follow()
    await lose_contact(hass, entry, house.server)
    await house.plays(**FILM, media_position=0)
    await house.wait(LENGTH * 0.8)
    await house.stops()
    await house.wait(GRACE + 1)
    house.server.set("m1", watched=True, play_count=1)
    house.server.come_up()
    house.runtime.relay.nudge()
    await eventually(lambda: not house.results)
    await drained(hass, entry)
    assert house.server.writes == []


async def test_what_cannot_be_found_for_too_long_is_given_up(
    hass: HomeAssistant, house: House
) -> None:
    entry = await house.follow()
    await lose_contact(hass, entry, house.server)
    await house.plays(**FILM, media_position=0)
    await house.wait(LENGTH * 0.95)
    await house.stops()
    await house.wait(GRACE + 1)
    house.freezer.tick(timedelta(days=31))
    house.server.come_up()
    house.runtime.relay.nudge()
    await eventually(lambda: not house.results)
    assert house.server.writes == []


async def test_what_cannot_be_queued_is_kept(hass: HomeAssistant, house: House) -> None:
    entry = await house.follow()
    await house.plays(**FILM, media_position=0)
    await house.wait(LENGTH * 0.95)
    with patch.object(house.runtime.lane, "submit", side_effect=OutboxFull) as submit:
        await house.stops()
        await house.wait(GRACE + 1)
        await eventually(lambda: submit.called)
        await house.breathe()
    assert len(async_get_memory(hass).sessions) == 1
    await hass.config_entries.async_reload(entry.entry_id)
    await house.breathe()
    await house.judged()
    assert house.server.writes == [("m1", MarkWatched())]


# --- coming and going ----------------------------------------------------------


async def reload(house: House, down: float = 60) -> None:
    """Unload the entry, let time pass, and load it again."""
    hass, entry = house.hass, house.entry
    assert await hass.config_entries.async_unload(entry.entry_id)
    await house.wait(down)
    await hass.config_entries.async_setup(entry.entry_id)
    await house.breathe()


async def test_restart_in_the_middle_goes_on(house: House) -> None:
    await house.follow()
    await house.plays(**FILM, media_position=0)
    await house.wait(3000)
    assert house.told == [("m1", "playing", 3000)]
    await reload(house)
    # The server is told good-bye, and nothing more: it would count another play.
    assert house.told[1:] == [("m1", "stopped", 3000)]
    await house.wait(3600)
    await house.stops()
    await house.judged()
    assert house.told[2:] == []
    assert house.server.writes == [("m1", MarkWatched())]


async def test_what_ended_during_a_restart_ended_where_it_was_seen_last(
    house: House,
) -> None:
    await house.follow(report_progress=False)
    await house.plays(**FILM, media_position=0)
    await house.wait(3000)
    assert await house.hass.config_entries.async_unload(house.entry.entry_id)
    await house.stops()
    await house.wait(600)
    await house.hass.config_entries.async_setup(house.entry.entry_id)
    await house.breathe()
    await house.judged()
    assert house.server.writes == [("m1", SetProgress(3000))]


async def test_what_somebody_went_on_with_during_a_restart_is_theirs(
    house: House,
) -> None:
    await house.follow(report_progress=False)
    await house.plays(**FILM, media_position=0)
    await house.wait(3000)
    assert await house.hass.config_entries.async_unload(house.entry.entry_id)
    await house.stops("unavailable")
    await house.wait(600)
    house.server.set("m1", position=4000.0, last_played=datetime.now(UTC))
    await house.hass.config_entries.async_setup(house.entry.entry_id)
    await house.breathe()
    await house.wait(130)
    await house.judged()
    assert house.server.writes == []


async def test_restart_before_the_verdict_judges_afterwards(house: House) -> None:
    await house.follow()
    await house.plays(**FILM, media_position=0)
    await house.wait(LENGTH * 0.95)
    await house.stops()
    await reload(house)
    await house.judged()
    assert house.server.writes == [("m1", MarkWatched())]


async def test_what_the_servers_own_player_left_is_right_after_a_restart_too(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    house = House(hass, freezer, MemoryServer(kind="plex"))
    await house.follow(add_client(hass, "plex", "server-1:a"))
    film = {**FILM, "username": "Ada", "media_content_id": "m1"}
    await house.plays(**film, media_position=0)
    await house.wait(3000)
    await house.stops()
    house.server.set("m1", position=1234.0)
    await reload(house)
    await house.judged()
    assert house.server.writes == []


async def test_playback_that_goes_on_at_once_is_judged_at_its_end(
    house: House,
) -> None:
    await house.follow(report_progress=False)
    await house.plays(**FILM, media_position=0)
    await house.wait(3000)
    await house.stops()
    await house.wait(2)
    await house.plays(**FILM, media_position=3000)
    await house.wait(3600)
    assert house.server.writes == []
    await house.stops()
    # One that is over is over, whatever begins.
    await house.plays(**FILM, media_position=0)
    await house.judged()
    await house.stops()
    await house.judged()
    assert house.server.writes == [("m1", MarkWatched())]


async def test_playback_of_a_guest_is_not_counted_after_a_restart(
    house: House,
) -> None:
    await house.follow()
    await house.runtime.async_pause()
    await house.plays(**FILM, media_position=0)
    await reload(house)
    await house.runtime.async_resume()
    await house.wait(LENGTH * 0.95)
    await house.stops()
    await house.judged()
    assert house.server.writes == []


@pytest.mark.parametrize(
    "damage",
    [
        {"at": "yesterday"},
        {"at": "2026-03-01T12:00:00"},
        {"outcome": "lost"},
        {"played": {}},
        {"played": None},
        {"played": {"at": "2026-03-01T12:00:00+00:00", "title": 5}},
        {"key": 5},
        {"position": "x"},
        {"is_guest": "x"},
    ],
)
async def test_damaged_session_is_forgotten(
    hass: HomeAssistant, house: House, damage: dict[str, Any]
) -> None:
    entry = await house.follow()
    await house.plays(**FILM, media_position=0)
    await house.wait(600)
    assert await hass.config_entries.async_unload(entry.entry_id)
    memory = async_get_memory(hass)
    for data in memory.sessions.values():
        data.update(damage)
    await house.stops()
    await hass.config_entries.async_setup(entry.entry_id)
    await house.breathe()
    assert memory.sessions == {}


async def test_player_that_is_renamed_is_followed_under_its_new_name(
    hass: HomeAssistant, house: House, entity_registry: er.EntityRegistry
) -> None:
    player = add_client(hass, "androidtv", "tv")
    registered = entity_registry.async_get(player)
    assert registered is not None
    await house.follow(player, unique_id=registered.id)
    await house.plays(**FILM, media_position=0)
    await house.wait(3000)
    entity_registry.async_update_entity(player, name="Television")
    entity_registry.async_update_entity(player, new_entity_id="media_player.den")
    await house.breathe()
    house.player = "media_player.den"
    await house.plays(**FILM, media_position=3000)
    await house.wait(3600)
    await house.stops()
    await house.judged()
    assert house.server.writes == [("m1", MarkWatched())]


async def test_player_that_is_not_followed_any_more_is_forgotten(
    hass: HomeAssistant, house: House
) -> None:
    entry = await house.follow()
    await house.plays(**FILM, media_position=0)
    await house.wait(3000)
    memory = async_get_memory(hass)
    memory.keep_session("other", {"entry_id": "another entry"})
    (subentry_id,) = entry.subentries
    hass.config_entries.async_remove_subentry(entry, subentry_id)
    await house.breathe()
    await house.stops()
    assert list(memory.sessions) == ["other"]


async def test_entry_that_is_removed_is_forgotten(
    hass: HomeAssistant, house: House
) -> None:
    entry = await house.follow()
    await house.plays(**FILM, media_position=0)
    await house.wait(3000)
    memory = async_get_memory(hass)
    memory.keep_session("other", {"entry_id": "another entry"})
    await hass.config_entries.async_remove(entry.entry_id)
    assert list(memory.sessions) == ["other"]


async def test_server_that_does_not_answer_holds_nothing_up_at_the_end(
    hass: HomeAssistant, house: House
) -> None:
    entry = await house.follow()
    await house.plays(**FILM, media_position=1000)
    await house.wait(10)
    house.server.gate.clear()
    unload = hass.async_create_task(hass.config_entries.async_unload(entry.entry_id))
    for _ in range(50):
        await asyncio.sleep(0)
    house.freezer.tick(5)
    async_fire_time_changed(hass, datetime.now(UTC))
    assert await unload
    house.server.gate.set()


async def test_nothing_is_left_when_home_assistant_stops(
    hass: HomeAssistant, house: House, hass_storage: dict[str, Any]
) -> None:
    await house.follow()
    await house.plays(**FILM, media_position=1000)
    await house.wait(10)
    await hass.async_stop(force=True)
    assert house.told[-1] == ("m1", "stopped", 1010)
    (session,) = hass_storage["watched_sync.players"]["data"]["sessions"].values()
    assert session["position"] == 1010
    assert house.server.writes == []


# --- what counts as counted ----------------------------------------------------------

ENDED = datetime(2026, 10, 31, 22, tzinfo=UTC)
SEEN = PlayState(watched=True, play_count=1)
UNSEEN = PlayState(watched=False)
WATCHED = PlaybackResult(PlaybackOutcome.WATCHED, 3500)
HALF = PlaybackResult(PlaybackOutcome.PROGRESS, 1800)


@pytest.mark.parametrize(
    ("result", "before", "after", "is_own", "expected"),
    [
        (PlaybackResult(PlaybackOutcome.NOTHING), UNSEEN, UNSEEN, "no", "counted"),
        (WATCHED, UNSEEN, SEEN, "no", "counted"),
        (WATCHED, UNSEEN, UNSEEN, "own", "not counted"),
        (WATCHED, UNSEEN, PlayState(watched=None), "no", "not counted"),
        # Watched, with a position left behind.
        (WATCHED, UNSEEN, replace(SEEN, position=3000.0), "no", "not counted"),
        (HALF, UNSEEN, UNSEEN, "no", "not counted"),
        (HALF, UNSEEN, replace(UNSEEN, position=1790.0), "no", "counted"),
        (HALF, UNSEEN, replace(UNSEEN, position=1700.0), "no", "not counted"),
        # The server's own player said otherwise, or said nothing.
        (HALF, UNSEEN, replace(UNSEEN, position=1700.0), "own", "counted"),
        (HALF, UNSEEN, UNSEEN, "own", "not counted"),
        (HALF, None, UNSEEN, "own", "counted"),
        # The server counts sooner than we do.
        (HALF, UNSEEN, SEEN, "no", "counted"),
        (HALF, None, SEEN, "no", "counted"),
        # Watched before, and watched again in part.
        (HALF, SEEN, SEEN, "no", "not counted"),
        # ... or to an end that comes before ours: it is an hour long.
        (PlaybackResult(PlaybackOutcome.PROGRESS, 3300), SEEN, SEEN, "no", "counted"),
        (
            PlaybackResult(PlaybackOutcome.PROGRESS, 3300),
            SEEN,
            UNSEEN,
            "no",
            "not counted",
        ),
        (
            HALF,
            UNSEEN,
            replace(UNSEEN, position=9.0, last_played=ENDED + timedelta(minutes=2)),
            "no",
            "counted",
        ),
        (HALF, UNSEEN, replace(UNSEEN, last_played=ENDED), "no", "not counted"),
    ],
)
def test_what_counts_as_counted(
    result: PlaybackResult,
    before: PlayState | None,
    after: PlayState,
    is_own: str,
    expected: str,
) -> None:
    counted = is_counted(
        result, ENDED, before, after, is_own=is_own == "own", duration=3600
    )
    assert counted == (expected == "counted")


def test_verdict_becomes_a_change() -> None:
    assert change_for(WATCHED) == MarkWatched()
    assert change_for(WATCHED, ENDED) == MarkWatched(ENDED)
    assert change_for(HALF, ENDED) == SetProgress(1800)
    assert change_for(PlaybackResult(PlaybackOutcome.NOTHING)) is None
