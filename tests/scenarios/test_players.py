"""Players: what they played is counted once, whatever kind of server, over TCP."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from homeassistant import loader
from homeassistant.config_entries import ConfigEntryState, ConfigSubentryDataWithId
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import entity_registry as er, frame
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_test_home_assistant,
)

from custom_components.watched_sync.core.playback import REPORT_EVERY
from custom_components.watched_sync.players.memory import async_get_memory
from tests.common import drained
from tests.fakes import library

from .house import (
    ONE_PLAY,
    USER,
    JellyfinSide,
    PlexSide,
    Side,
    act,
    bring_back,
    cut_off,
    until_true,
)
from .machine import TimeMachine

TV = "media_player.tv"
#: Whoever tells a server where a player is.
REPORTS = "^/:/timeline$|^/Sessions/Playing"
FILM = "Alien"
SHOW = "Severance"


class Television:
    """A player that knows titles and numbers, as most do, and no ids."""

    def __init__(self, hass: HomeAssistant, machine: TimeMachine) -> None:
        self.hass = hass
        self.machine = machine
        self.entity_id = TV
        self.shown: dict[str, Any] = {}
        self.length = 0.0

    def film(self, **more: Any) -> None:
        """Put a film on."""
        seed = library.movie(FILM)
        self.length = seed.minutes * 60.0
        self.shown = {
            "media_content_type": "movie",
            "media_title": f"{FILM} ({seed.year})",
            "media_duration": self.length,
            **more,
        }

    def episode(self, number: int, length: float) -> None:
        """Put an episode on."""
        self.length = length
        self.shown = {
            "media_content_type": "tvshow",
            "media_series_title": SHOW,
            "media_season": 1,
            "media_episode": number,
            "media_duration": length,
        }

    async def at(self, share: float, state: str = "playing") -> None:
        """Be somewhere in what is on."""
        self.hass.states.async_set(
            self.entity_id,
            state,
            {
                **self.shown,
                "media_position": share * self.length,
                "media_position_updated_at": self.machine.now(),
            },
        )
        await self.hass.async_block_till_done()

    async def watch(self, *shares: float) -> None:
        """Be in one place after the other, for as long as a report takes to be due."""
        for share in shares:
            await self.at(share)
            await asyncio.sleep(REPORT_EVERY.total_seconds() + 1)

    async def stop(self, state: str = "idle") -> None:
        """Stop, and forget everything about it."""
        self.hass.states.async_set(self.entity_id, state)
        await self.hass.async_block_till_done()


@pytest.fixture
def tv(hass: HomeAssistant, machine: TimeMachine) -> Television:
    machine.running = True
    return Television(hass, machine)


def player_subentry(player: str, **data: Any) -> ConfigSubentryDataWithId:
    """Return the subentry that follows a player."""
    return ConfigSubentryDataWithId(
        data={"media_player": player, **data},
        subentry_id="television",
        subentry_type="player",
        title="Television",
        unique_id=player,
    )


async def follow(
    hass: HomeAssistant,
    side: Side,
    player: str = TV,
    *,
    entry_id: str | None = None,
    **data: Any,
) -> MockConfigEntry:
    """Set an entry up that follows a player."""
    entry = side.entry(
        subentries_data=[player_subentry(player, **data)], entry_id=entry_id
    )
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED
    return entry


async def judged(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Wait until what was played has been judged, and the server has it."""
    memory = async_get_memory(hass)
    await until_true(
        lambda: not [one for one in memory.sessions.values() if "outcome" in one],
        seconds=600,
        every=1,
    )
    await drained(hass, entry, seconds=600)


def film_id(side: Side) -> str:
    return side.item_id(FILM)


def episode_id(side: Side, number: int) -> str:
    return side.item_id(SHOW, season=1, episode=number)


# --- the story ----------------------------------------------------------------------


@pytest.mark.parametrize("reports", [True, False])
async def test_stop_at_95_percent_is_exactly_one_play(
    hass: HomeAssistant, side: Side, tv: Television, *, reports: bool
) -> None:
    entry = await follow(hass, side, report_progress=reports)
    tv.film()
    await tv.watch(0.0, 0.1, 0.5, 0.95)
    await tv.stop()
    await judged(hass, entry)
    assert side.seen(film_id(side)) == ONE_PLAY
    assert bool(side.server.find(REPORTS)) == reports
    if not reports:
        assert side.marks() == [("watched", film_id(side))]


async def test_stop_at_95_percent_without_ever_being_seen_before_is_one_play(
    hass: HomeAssistant, side: Side, tv: Television
) -> None:
    entry = await follow(hass, side)
    tv.film()
    # A server that hears of the end alone marks nothing, or counts no play.
    await tv.at(0.95)
    await tv.stop("off")
    await judged(hass, entry)
    assert side.seen(film_id(side)) == ONE_PLAY


@pytest.mark.parametrize("reports", [True, False])
async def test_stop_in_the_middle_saves_the_position(
    hass: HomeAssistant, side: Side, tv: Television, *, reports: bool
) -> None:
    entry = await follow(hass, side, report_progress=reports)
    tv.film()
    await tv.watch(0.0, 0.1, 0.5)
    await tv.stop()
    await judged(hass, entry)
    seen = side.seen(film_id(side))
    assert not seen.watched
    assert seen.position == pytest.approx(tv.length / 2, abs=60)


async def test_stop_at_one_percent_does_nothing_at_all(
    hass: HomeAssistant, side: Side, tv: Television
) -> None:
    entry = await follow(hass, side)
    tv.film()
    await tv.watch(0.0)
    await tv.at(0.01)
    await tv.stop()
    await judged(hass, entry)
    assert side.all_seen() == {}
    assert side.writes == []
    assert side.server.find(REPORTS) == []


async def test_what_the_server_has_counted_already_is_not_written(
    hass: HomeAssistant, side: Side, tv: Television
) -> None:
    entry = await follow(hass, side, report_progress=False)
    tv.film()
    await tv.watch(0.0, 0.95)
    await tv.stop()
    await side.put(film_id(side), plays=1, at=tv.machine.now())
    await judged(hass, entry)
    assert side.writes == []
    assert side.seen(film_id(side)) == ONE_PLAY


async def test_next_episode_closes_the_previous(
    hass: HomeAssistant, side: Side, tv: Television
) -> None:
    entry = await follow(hass, side, report_progress=False)
    tv.episode(1, 3300)
    await tv.watch(0.0, 0.97)
    tv.episode(2, 3000)
    await tv.at(0.0)
    await judged(hass, entry)
    assert side.marks() == [("watched", episode_id(side, 1))]
    await tv.at(0.4)
    await tv.stop()
    await judged(hass, entry)
    assert side.seen(episode_id(side, 1)) == ONE_PLAY
    second = side.seen(episode_id(side, 2))
    assert second.position == pytest.approx(1200, abs=30)
    assert [mark for mark, _ in side.marks()] == ["watched", "progress"]


async def test_server_that_was_away_is_told_when_it_is_back(
    hass: HomeAssistant, side: Side, tv: Television
) -> None:
    entry = await follow(hass, side)
    await cut_off(hass, entry, side)
    tv.film()
    await tv.watch(0.0, 0.95)
    await tv.stop()
    await bring_back(hass, entry, side)
    await judged(hass, entry)
    assert side.seen(film_id(side)) == ONE_PLAY


# --- what it is called ---------------------------------------------------------------


async def test_film_is_found_though_the_player_spells_it_otherwise(
    hass: HomeAssistant, side: Side, tv: Television
) -> None:
    side.server.search_is_exact = True
    film = film_id(side)
    side.retitle(film, "Harbour’s End")  # noqa: RUF001 - the other apostrophe
    entry = await follow(hass, side, report_progress=False)
    tv.film(media_title="Harbour's End")
    await tv.watch(0.0, 0.95)
    await tv.stop()
    await judged(hass, entry)
    assert side.marks() == [("watched", film)]


async def test_id_of_an_episode_counts_more_than_the_number_beside_it(
    hass: HomeAssistant, side: Side, tv: Television
) -> None:
    entry = await follow(hass, side, report_progress=False)
    seed = library.show("Breaking Bad")
    pilot = side.item_id(seed.title, season=1, episode=1)
    tv.length = 3480.0
    tv.shown = {
        "media_content_type": "episode",
        "media_content_id": {"imdb": "tt0959621"},
        "media_series_title": seed.title,
        "media_season": 1,
        "media_episode": 3,
        "media_duration": tv.length,
    }
    await tv.watch(0.0, 0.95)
    answer = await act(hass, "mark_watched", entity_id=TV, dry_run=True)
    assert [one["item_id"] for one in answer["operations"]] == [pilot]
    await tv.stop()
    await judged(hass, entry)
    assert side.marks() == [("watched", pilot)]


async def test_unknown_episode_and_nameless_thing_mark_nothing_and_say_so(
    hass: HomeAssistant, side: Side, tv: Television
) -> None:
    entry = await follow(hass, side, report_progress=False)
    tv.episode(-1, 3300)
    tv.shown["media_season"] = -1
    await tv.watch(0.0, 0.5, 0.95)
    await expect_refusal(hass, "player_plays_unknown_episode")
    assert lost_reason(hass, entry) == "unknown_episode"
    tv.film()
    await tv.at(0.95)
    await tv.stop()
    tv.shown = {}
    await tv.watch(0.0, *[0.1] * 7)
    await expect_refusal(hass, "player_plays_nameless")
    assert lost_reason(hass, entry) == "nameless"
    await tv.stop()
    await judged(hass, entry)
    # The film that had played before it ended by itself.
    assert side.marks() == [("watched", film_id(side))]


async def expect_refusal(hass: HomeAssistant, key: str) -> None:
    """Expect that what plays cannot be marked, for one reason."""
    with pytest.raises(ServiceValidationError) as error:
        await act(hass, "mark_watched", entity_id=TV)
    assert error.value.translation_key == key


def lost_reason(hass: HomeAssistant, entry: MockConfigEntry) -> str | None:
    """Return why a player led nowhere, as it was told last."""
    entity_id = er.async_get(hass).async_get_entity_id(
        "event", "watched_sync", f"{entry.runtime_data.lane_id}:activity"
    )
    state = hass.states.get(entity_id or "")
    assert state is not None
    if state.attributes["event_type"] != "not_followed":
        return None
    return str(state.attributes["reason"])


# --- players that are clients of the server itself ----------------------------------


def register(hass: HomeAssistant, platform: str, unique_id: str) -> str:
    registry = er.async_get(hass)
    return registry.async_get_or_create("media_player", platform, unique_id).entity_id


async def session_of(side: Side, user: str, item_id: str) -> str:
    """Have somebody play something; return the unique id of the player for it."""
    if isinstance(side, PlexSide):
        return f"{side.server.machine_identifier}:{user}"
    assert isinstance(side, JellyfinSide)
    session = await side.server.play(user, item_id)
    return f"{side.server.server_id}-{session.id}"


@pytest.mark.parametrize("user", [USER, "kim"])
async def test_session_counts_for_its_own_user_alone(
    hass: HomeAssistant, side: Side, tv: Television, user: str
) -> None:
    item_id = film_id(side)
    unique_id = await session_of(side, user, item_id)
    tv.entity_id = register(hass, side.kind, unique_id)
    entry = await follow(hass, side, tv.entity_id)
    before = side.all_seen()
    tv.film(media_content_id=item_id, username=user)
    await tv.watch(0.0, 0.95)
    await tv.stop("unavailable")
    if user != USER:
        with pytest.raises(ServiceValidationError) as error:
            await act(hass, "mark_watched", entity_id=tv.entity_id)
        assert error.value.translation_key in (
            "player_of_other_user",
            "player_of_unknown_user",
        )
    await judged(hass, entry)
    assert side.server.find(REPORTS) == []
    if user == USER:
        await until_true(lambda: side.seen(item_id).watched, 600, every=1)
        assert len(side.writes) == 1
    else:
        assert side.all_seen() == before
        assert side.writes == []


# --- by name ------------------------------------------------------------------------


async def test_what_stopped_is_marked_by_naming_the_player(
    hass: HomeAssistant, side: Side, tv: Television
) -> None:
    entry = await side.connect(hass)
    tv.film()
    await tv.at(0.3)
    await tv.stop()
    await act(hass, "mark_watched", entity_id=TV)
    await drained(hass, entry, seconds=600)
    assert side.seen(film_id(side)) == ONE_PLAY
    tv.episode(2, 3000)
    await tv.at(0.5)
    answer = await act(hass, "mark_watched", entity_id=TV, dry_run=True)
    assert [row["item_id"] for row in answer["operations"]] == [episode_id(side, 2)]


# --- restarts -----------------------------------------------------------------------


@pytest.fixture
def expected_lingering_timers() -> bool:
    """Home Assistant does not unload entries when it stops, nor do these tests."""
    return True


@pytest.fixture
def config_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "config"
    folder.mkdir()
    return folder


@asynccontextmanager
async def home_assistant(
    config_dir: Path, side: Side, machine: TimeMachine
) -> AsyncIterator[tuple[Television, MockConfigEntry]]:
    """Run one Home Assistant, which follows the television, to its stop."""
    machine.running = True
    async with async_test_home_assistant(config_dir=str(config_dir)) as hass:
        hass.data.pop(loader.DATA_CUSTOM_COMPONENTS)
        frame.async_setup(hass)
        try:
            entry = await follow(hass, side, entry_id="lane", report_progress=False)
            yield Television(hass, machine), entry
        finally:
            await hass.async_stop(force=True)


async def test_restart_in_the_middle_loses_and_doubles_nothing(
    side: Side, config_dir: Path, machine: TimeMachine
) -> None:
    async with home_assistant(config_dir, side, machine) as (tv, _):
        tv.film()
        await tv.watch(0.0, 0.5)
    assert side.writes == []
    async with home_assistant(config_dir, side, machine) as (tv, entry):
        tv.film()
        await tv.watch(0.6, 0.95)
        await tv.stop()
        await judged(tv.hass, entry)
    assert side.marks() == [("watched", film_id(side))]
    assert side.seen(film_id(side)) == ONE_PLAY


async def test_stop_while_home_assistant_is_down_counts_what_was_seen(
    side: Side, config_dir: Path, machine: TimeMachine
) -> None:
    async with home_assistant(config_dir, side, machine) as (tv, _):
        tv.film()
        await tv.watch(0.0, 0.5)
    async with home_assistant(config_dir, side, machine) as (tv, entry):
        await tv.stop()
        await judged(tv.hass, entry)
    assert side.marks() == [("progress", film_id(side))]
    seen = side.seen(film_id(side))
    assert not seen.watched
    assert seen.position == pytest.approx(library.movie(FILM).minutes * 30, abs=60)


async def test_player_names_what_it_played_before_a_restart(
    side: Side, config_dir: Path, machine: TimeMachine
) -> None:
    async with home_assistant(config_dir, side, machine) as (tv, entry):
        tv.episode(2, 3000)
        await tv.at(0.01)
        await tv.stop()
        await judged(tv.hass, entry)
    async with home_assistant(config_dir, side, machine) as (tv, entry):
        await tv.stop("unavailable")
        await act(tv.hass, "mark_watched", entity_id=TV)
        await drained(tv.hass, entry, seconds=600)
    assert side.seen(episode_id(side, 2)) == ONE_PLAY
    assert side.marks() == [("watched", episode_id(side, 2))]
