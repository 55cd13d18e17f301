"""Catching up: everything up to and including one episode of a show."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any, override

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.watched_sync.const import DOMAIN
from custom_components.watched_sync.core.identity import Item, MediaKind
from custom_components.watched_sync.core.operation import MarkUnwatched, MarkWatched
from custom_components.watched_sync.core.ports import Capabilities

from ..common import (
    MOVIE,
    SHOW,
    MemoryServer,
    drained,
    episode,
    season,
    setup_lane,
    take_inventory,
)
from ..scene import look_at_it, lose_contact

#: Two specials, and three seasons of three episodes; each season a year of its own.
AIRED = {
    (0, 1): date(2022, 6, 1),
    (0, 2): date(2023, 12, 1),
    **{
        (year, number): date(2021 + year, 3, number)
        for year in (1, 2, 3)
        for number in (1, 2, 3)
    },
}
SEASONS = tuple(season(number) for number in range(4))
EVERYTHING = (
    SHOW,
    *SEASONS,
    *(episode(*place, aired=aired) for place, aired in AIRED.items()),
)


class CountingServer(MemoryServer):
    """A server that counts every mark as another play."""

    @property
    @override
    def capabilities(self) -> Capabilities:
        return Capabilities(concurrency=4, repeat_safe=False, keeps_watched_at=False)


class DatedServer(MemoryServer):
    """A server that keeps the date a mark carries."""

    @property
    @override
    def capabilities(self) -> Capabilities:
        return Capabilities(concurrency=1, repeat_safe=True, keeps_watched_at=True)


async def up_to(
    hass: HomeAssistant, action: str = "mark_watched", /, **data: Any
) -> dict[str, Any]:
    """Mark everything up to an episode, Severance S02E02 if none is named."""
    named = {"title": "Severance", "season": 2, "episode": 2}
    if data.keys() & {"item_id", "entity_id", "title"}:
        named = {}
    response = await hass.services.async_call(
        DOMAIN,
        action,
        {**named, "scope": "up_to", **data},
        blocking=True,
        return_response=True,
    )
    assert isinstance(response, dict)
    return response


async def refused(hass: HomeAssistant, **data: Any) -> ServiceValidationError:
    """Return the error of a mark that must be refused."""
    with pytest.raises(ServiceValidationError) as error:
        await up_to(hass, **data)
    return error.value


def asked(answer: dict[str, Any]) -> list[str]:
    """Return the ids of what is to be marked."""
    return [row["item_id"] for row in answer["operations"]]


def passed_over(answer: dict[str, Any]) -> dict[str, str]:
    """Return why what was passed over was."""
    return {row["item_id"]: row["reason"] for row in answer["skipped"]}


def watched(server: MemoryServer) -> set[str]:
    """Return the ids of what the server shows as watched."""
    return {item_id for item_id, state in server.states.items() if state.watched}


def see(server: MemoryServer, item_ids: Iterable[str]) -> None:
    """Have episodes be watched already."""
    for item_id in item_ids:
        server.set(item_id, watched=True, play_count=1)


SEASON_1 = {"e1x1", "e1x2", "e1x3"}
UP_TO_2X2 = SEASON_1 | {"e2x1", "e2x2"}


async def test_everything_before_an_episode_is_marked_with_it_and_no_more(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer(EVERYTHING)
    entry = await setup_lane(hass, server)
    answer = await up_to(hass)
    assert asked(answer) == ["season1", "e2x1", "e2x2"]
    assert answer["skipped"] == []
    await drained(hass, entry)
    assert watched(server) == UP_TO_2X2
    # A season as a whole is one request.
    assert [item_id for item_id, _ in server.writes] == ["season1", "e2x1", "e2x2"]


async def test_it_is_one_batch_and_one_undo_takes_it_back(hass: HomeAssistant) -> None:
    server = MemoryServer(EVERYTHING)
    see(server, ["e1x2"])
    entry = await setup_lane(hass, server)
    answer = await up_to(hass)
    await drained(hass, entry)
    assert {
        one.operation.batch_id for one in entry.runtime_data.lane.outbox.history
    } == {answer["batch_id"]}
    await hass.services.async_call(DOMAIN, "undo", blocking=True)
    await drained(hass, entry)
    assert watched(server) == {"e1x2"}


async def test_it_is_written_to_disk_once(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = await setup_lane(hass, MemoryServer(EVERYTHING))
    lane = entry.runtime_data.lane
    saves = 0
    original = lane._journal.save

    async def save() -> None:
        nonlocal saves
        saves += 1
        await original()

    monkeypatch.setattr(lane._journal, "save", save)
    # Delivering writes to disk as well: not now.
    monkeypatch.setattr(lane.outbox, "due", lambda *_: [])
    assert len((await up_to(hass))["operations"]) == 3
    assert saves == 1


async def test_what_is_watched_already_is_passed_over_by_name(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer(EVERYTHING)
    see(server, [*SEASON_1, "e2x1"])
    entry = await setup_lane(hass, server)
    answer = await up_to(hass)
    assert asked(answer) == ["e2x2"]
    assert passed_over(answer) == dict.fromkeys(
        [*sorted(SEASON_1), "e2x1"], "already_watched"
    )
    await drained(hass, entry)
    assert [item_id for item_id, _ in server.writes] == ["e2x2"]


async def test_caught_up_already_queues_nothing(hass: HomeAssistant) -> None:
    server = MemoryServer(EVERYTHING)
    see(server, UP_TO_2X2)
    await setup_lane(hass, server)
    answer = await up_to(hass)
    assert answer["batch_id"] is None
    assert answer["operations"] == []
    assert len(answer["skipped"]) == 5


@pytest.mark.parametrize(
    ("kind", "operations"),
    [
        # Marking the season once more does no harm: one request.
        (MemoryServer, ["season1", "e2x1", "e2x2"]),
        # Here it would count as another play.
        (CountingServer, ["e1x1", "e1x3", "e2x1", "e2x2"]),
    ],
)
async def test_season_seen_in_part_is_asked_for_as_cheaply_as_is_harmless(
    hass: HomeAssistant, kind: type[MemoryServer], operations: list[str]
) -> None:
    server = kind(EVERYTHING)
    see(server, ["e1x2"])
    entry = await setup_lane(hass, server)
    answer = await up_to(hass)
    assert asked(answer) == operations
    assert passed_over(answer) == {"e1x2": "already_watched"}
    await drained(hass, entry)
    assert watched(server) == UP_TO_2X2
    assert [item_id for item_id, _ in server.writes] == operations
    assert server.states["e1x2"].play_count == 1


async def test_unmarking_means_the_same_range(hass: HomeAssistant) -> None:
    server = CountingServer(EVERYTHING)
    see(server, [item.item_id for item in EVERYTHING if item.episode is not None])
    server.set("e1x3", watched=False)
    entry = await setup_lane(hass, server)
    answer = await up_to(hass, "mark_unwatched")
    assert asked(answer) == ["season1", "e2x1", "e2x2"]
    assert passed_over(answer) == {"e1x3": "already_unwatched"}
    await drained(hass, entry)
    assert watched(server) == {"e0x1", "e0x2", "e2x3", "e3x1", "e3x2", "e3x3"}
    assert {change for _, change in server.writes} == {MarkUnwatched()}


async def test_specials_come_along_if_they_were_aired_by_then(
    hass: HomeAssistant,
) -> None:
    undated = replace(episode(0, 3), aired=None)
    server = MemoryServer([*EVERYTHING, undated])
    entry = await setup_lane(hass, server)
    answer = await up_to(hass, include_specials=True)
    assert asked(answer) == ["e0x1", "season1", "e2x1", "e2x2"]
    await drained(hass, entry)
    assert watched(server) == UP_TO_2X2 | {"e0x1"}


async def test_all_specials_that_come_along_are_one_operation(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer(EVERYTHING)
    entry = await setup_lane(hass, server)
    answer = await up_to(
        hass, title="Severance", season=3, episode=3, include_specials=True
    )
    assert asked(answer) == ["season0", "season1", "season2", "season3"]
    await drained(hass, entry)
    assert len(watched(server)) == 11


async def test_up_to_a_special_means_the_specials_before_it(
    hass: HomeAssistant,
) -> None:
    await setup_lane(hass, MemoryServer(EVERYTHING))
    answer = await up_to(hass, item_id="e0x2", dry_run=True)
    assert asked(answer) == ["season0"]
    answer = await up_to(hass, item_id="e0x1", include_specials=True, dry_run=True)
    assert asked(answer) == ["e0x1"]


async def test_what_was_not_aired_is_never_meant(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    # S03E02 is aired today, S03E03 tomorrow.
    freezer.move_to("2024-03-02 12:00:00+00:00")
    await hass.config.async_set_time_zone("UTC")
    await setup_lane(hass, MemoryServer(EVERYTHING))
    answer = await up_to(hass, item_id="e3x3", dry_run=True)
    assert asked(answer) == ["season1", "season2", "e3x1", "e3x2"]
    assert passed_over(answer) == {"e3x3": "not_aired"}


async def test_show_numbered_by_dates_alone_goes_by_them(hass: HomeAssistant) -> None:
    daily = [
        replace(episode(1, number), episode=None, aired=date(2022, 1, number))
        for number in (1, 2, 3)
    ]
    undated = replace(episode(1, 9), episode=None, aired=None)
    await setup_lane(hass, MemoryServer([SHOW, SEASONS[1], *daily, undated]))
    assert asked(await up_to(hass, item_id="e1x2", dry_run=True)) == ["e1x1", "e1x2"]
    # Nothing can be said of what comes before it: only itself is meant for certain.
    assert asked(await up_to(hass, item_id="e1x9", dry_run=True)) == ["e1x9"]


async def test_file_with_two_episodes_counts_by_its_last(hass: HomeAssistant) -> None:
    double = replace(episode(1, 3), episode_end=4)
    single = replace(episode(1, 3), item_id="single")
    items = [SHOW, SEASONS[1], episode(1, 1), double, single, episode(1, 5)]
    await setup_lane(hass, MemoryServer(items))
    answer = await up_to(hass, title="Severance", season=1, episode=4, dry_run=True)
    assert asked(answer) == ["e1x1", "e1x3", "single"]
    # What reaches further than the file that is named is not meant.
    assert asked(await up_to(hass, item_id="single", dry_run=True)) == [
        "e1x1",
        "single",
    ]


async def test_every_copy_of_an_episode_is_marked(hass: HomeAssistant) -> None:
    copy = replace(episode(2, 2, aired=AIRED[2, 2]), item_id="copy")
    await setup_lane(hass, MemoryServer([*EVERYTHING, copy]))
    answer = await up_to(hass, dry_run=True)
    assert asked(answer) == ["season1", "e2x1", "e2x2", "copy"]


async def test_season_is_told_by_what_it_was_last_read_as(hass: HomeAssistant) -> None:
    server = MemoryServer(EVERYTHING)
    entry = await setup_lane(hass, server)
    entry.runtime_data.lane.ledger.remember([server.reading("season1")])
    (row, *_) = (await up_to(hass, dry_run=True))["operations"]
    assert row["state"]["watched"] is False
    assert (row["episodes"], row["watched_episodes"]) == (3, 0)


async def test_several_episodes_named_are_one_range(hass: HomeAssistant) -> None:
    server = MemoryServer(EVERYTHING)
    server.up_next_ids = ["e1x2", "e2x1"]
    look_at_it(await setup_lane(hass, server))
    answer = await up_to(
        hass,
        entity_id=[
            state.entity_id
            for state in hass.states.async_all("switch")
            if state.attributes.get("item_id") in ("e1x2", "e2x1")
        ],
        dry_run=True,
    )
    assert asked(answer) == ["season1", "e2x1"]


async def test_date_reaches_every_episode_on_a_server_that_keeps_it(
    hass: HomeAssistant,
) -> None:
    server = DatedServer(EVERYTHING)
    entry = await setup_lane(hass, server)
    answer = await up_to(hass, watched_at="2026-01-02 03:04:05+00:00")
    assert {row["watched_at"] for row in answer["operations"]} == {"kept"}
    await drained(hass, entry)
    assert {server.states[item_id].last_played for item_id in UP_TO_2X2} == {
        datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    }


# --- how much at once -----------------------------------------------------------


async def test_only_what_changes_counts_for_the_guard(hass: HomeAssistant) -> None:
    long = [SHOW, season(1), *(episode(1, number) for number in range(1, 32))]
    server = MemoryServer(long)
    see(server, [f"e1x{number}" for number in range(1, 31)])
    entry = await setup_lane(hass, server)
    last = {"title": "Severance", "season": 1, "episode": 31}
    with pytest.raises(ServiceValidationError) as error:
        await up_to(hass, "mark_unwatched", **last)
    assert error.value.translation_key == "unmark_needs_confirmation"
    assert error.value.translation_placeholders == {
        "count": "30",
        "limit": "10",
        "action": "watched_sync.mark_unwatched",
    }
    assert len(entry.runtime_data.lane.outbox) == 0
    assert asked(await up_to(hass, **last)) == ["e1x31"]


# --- what cannot be said ----------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "key"),
    [
        ({"title": "Severance"}, "up_to_needs_episode"),
        ({"title": "Severance", "season": 1}, "up_to_needs_episode"),
        ({"title": "Arrival"}, "up_to_needs_episode"),
        ({"item_id": "stray"}, "no_show_above"),
    ],
)
async def test_up_to_something_else_than_an_episode_is_refused(
    hass: HomeAssistant, data: dict[str, Any], key: str
) -> None:
    stray = Item("stray", MediaKind.EPISODE, "Stray")
    entry = await setup_lane(hass, MemoryServer([MOVIE, *EVERYTHING, stray]))
    assert (await refused(hass, **data)).translation_key == key
    assert len(entry.runtime_data.lane.outbox) == 0


@pytest.mark.parametrize("gone", [["e2x2"], ["s1"]])
async def test_episode_that_is_gone_meanwhile_is_not_found(
    hass: HomeAssistant, gone: list[str]
) -> None:
    server = MemoryServer(EVERYTHING)
    server.up_next_ids = ["e2x2"]
    await setup_lane(hass, server)
    for item_id in gone:
        del server.items[item_id]
    assert (await refused(hass, item_id="e2x2")).translation_key == "nothing_found"


# --- offline ----------------------------------------------------------------------


async def two_lanes(
    hass: HomeAssistant,
) -> tuple[list[MemoryServer], list[MockConfigEntry]]:
    """Set up two lanes, the first of which has seen S02E02 and is away."""
    servers = [
        MemoryServer(EVERYTHING),
        MemoryServer(
            EVERYTHING, server_id="server-2", server_name="Cellar", user_id="user-2"
        ),
    ]
    servers[0].up_next_ids = ["e2x2"]
    entries = [await setup_lane(hass, server) for server in servers]
    await lose_contact(hass, entries[0], servers[0])
    return servers, entries


async def test_offline_lane_that_does_not_know_the_show_is_skipped(
    hass: HomeAssistant,
) -> None:
    _, entries = await two_lanes(hass)
    answer = await up_to(hass)
    assert {row["config_entry_id"] for row in answer["operations"]} == {
        entries[1].entry_id
    }
    assert answer["skipped"] == [
        {
            "config_entry_id": entries[0].entry_id,
            "lane": entries[0].title,
            "item_id": "e2x2",
            "title": "Severance S02E02 Part 2",
            "reason": "offline",
        }
    ]


@pytest.mark.parametrize("item_id", ["e2x2", "never-seen"])
async def test_offline_and_unknown_is_an_error_that_says_so(
    hass: HomeAssistant, item_id: str
) -> None:
    _, entries = await two_lanes(hass)
    error = await refused(hass, item_id=item_id, config_entry_id=entries[0].entry_id)
    assert error.translation_key == "cannot_look_up"
    assert error.translation_placeholders is not None
    assert error.translation_placeholders["lanes"] == "Attic (Ada)"
    assert len(entries[0].runtime_data.lane.outbox) == 0


async def test_show_that_is_listed_is_caught_up_without_asking(
    hass: HomeAssistant,
) -> None:
    """What is watched there by now is known, as whoever marks it is heard of."""
    server = MemoryServer(EVERYTHING)
    see(server, ["e1x1", "e1x2"])
    entry = await setup_lane(hass, server)
    await take_inventory(entry, server)
    server.set("e1x2", watched=False)
    await entry.runtime_data.lane.take_in([server.reading("e1x2")])
    server.requests.clear()
    planned = await up_to(hass, dry_run=True)
    assert server.requests == []
    assert asked(planned) == ["season1", "e2x1", "e2x2"]
    assert passed_over(planned) == {"e1x1": "already_watched"}
    await up_to(hass)
    await drained(hass, entry)
    assert watched(server) == UP_TO_2X2


async def test_episode_that_came_since_the_show_was_listed_is_asked_for(
    hass: HomeAssistant,
) -> None:
    new = episode(3, 4, aired=date(2024, 3, 4))
    server = MemoryServer(EVERYTHING)
    entry = await setup_lane(hass, server)
    await take_inventory(entry, server)
    server.items[new.item_id] = new
    server.states[new.item_id] = server.states["e3x3"]
    answer = await up_to(hass, item_id=new.item_id)
    assert asked(answer) == ["season1", "season2", "season3"]


async def test_show_that_is_known_as_a_whole_is_caught_up_offline(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer(EVERYTHING)
    see(server, ["e1x1"])
    entry = await setup_lane(hass, server)
    await take_inventory(entry, server)
    await lose_contact(hass, entry, server)
    planned = await up_to(hass, dry_run=True)
    assert asked(planned) == ["season1", "e2x1", "e2x2"]
    # What it showed last is no reason to leave something out: that may have changed.
    assert planned["skipped"] == []
    server.set("e1x1", watched=False)
    await up_to(hass)
    server.come_up()
    entry.runtime_data.relay.nudge()
    await drained(hass, entry)
    assert watched(server) == UP_TO_2X2
    assert {change for _, change in server.writes} == {MarkWatched()}
