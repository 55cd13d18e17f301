"""The triggers, each in an automation written in YAML."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, override

from homeassistant.components.automation.const import DOMAIN as AUTOMATION
from homeassistant.const import EVENT_HOMEASSISTANT_STARTED
from homeassistant.core import CoreState, HomeAssistant, ServiceCall
from homeassistant.helpers.trigger import (
    async_get_all_descriptions,
    async_validate_trigger_config,
)
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_mock_service,
)
import voluptuous as vol
import yaml

from custom_components.watched_sync.const import DOMAIN
from custom_components.watched_sync.core.activity import MOST_AT_ONCE
from custom_components.watched_sync.core.errors import ItemGone, Malformed, Refused
from custom_components.watched_sync.core.identity import Item, MediaKind, ProviderIds
from custom_components.watched_sync.core.lane import Phase
from custom_components.watched_sync.core.operation import (
    MarkUnwatched,
    MarkWatched,
    Origin,
)
from custom_components.watched_sync.core.play_state import Reading
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
    setup_lane,
    take_inventory,
    until,
)
from .scene import lose_contact


async def automate(hass: HomeAssistant, text: str, **data: str) -> list[ServiceCall]:
    """Set up an automation with triggers in YAML; return what it calls.

    *data* are templates, by name.
    """
    calls = async_mock_service(hass, "test", "heard")
    config = yaml.safe_load(text)
    config["mode"] = "queued"
    config["max"] = 100
    config["actions"] = [
        {
            "action": "test.heard",
            "data": {name: f"{{{{ {template} }}}}" for name, template in data.items()},
        }
    ]
    assert await async_setup_component(hass, AUTOMATION, {AUTOMATION: config})
    await hass.async_block_till_done()
    return calls


def told(calls: list[ServiceCall]) -> list[dict[str, Any]]:
    """Return what the automation was told, run by run."""
    return [dict(call.data) for call in calls]


async def idle(hass: HomeAssistant) -> None:
    """Let everything go on that waits for nothing but a catalogue, also behind us."""
    for _ in range(5):
        for _ in range(20):
            await asyncio.sleep(0)
        for entry in hass.config_entries.async_loaded_entries(DOMAIN):
            await entry.runtime_data.catalogue.progress()
    await hass.async_block_till_done()


async def catch_up(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Have everything known read again."""
    await entry.runtime_data.coordinator.catch_up()
    await idle(hass)


async def settled(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Wait until everything is delivered, and what follows has happened."""
    await drained(hass, entry)
    await idle(hass)


def played(server: MemoryServer, item_id: str) -> None:
    """Have the user watch something to the end elsewhere."""
    at = datetime(2026, 1, 1, 20, tzinfo=UTC)
    server.set(item_id, watched=True, play_count=1, last_played=at)


# --- watched, unwatched ----------------------------------------------------------


async def test_item_watched(hass: HomeAssistant) -> None:
    server = MemoryServer()
    server.up_next_ids = ["m1", "m2"]
    entry = await setup_lane(hass, server)
    calls = await automate(
        hass,
        """
        triggers:
          - trigger: watched_sync.item_watched
        """,
        title="trigger.title",
        full_title="trigger.full_title",
        item_id="trigger.item_id",
        media_type="trigger.media_type",
        origin="trigger.origin",
        entry="trigger.config_entry_id",
        entry_title="trigger.entry_title",
        imdb="trigger.imdb",
        description="trigger.description",
        platform="trigger.platform",
    )
    await mark(entry)
    await settled(hass, entry)
    ours = {
        "title": "Arrival",
        "full_title": "Arrival (2016)",
        "item_id": "m1",
        "media_type": "movie",
        "origin": "user",
        "entry": entry.entry_id,
        "entry_title": "Attic (Ada)",
        "imdb": "tt2543164",
        "description": "watched: Arrival (2016)",
        "platform": "watched_sync.item_watched",
    }
    assert told(calls) == [ours]
    played(server, "m2")
    await catch_up(hass, entry)
    assert [(one["title"], one["origin"]) for one in told(calls)[1:]] == [
        ("Contact", "server")
    ]
    await entry.runtime_data.async_submit([Request(MOVIE, MarkUnwatched())])
    await settled(hass, entry)
    assert len(calls) == 2


async def test_item_unwatched(hass: HomeAssistant) -> None:
    server = MemoryServer()
    played(server, "e1x1")
    entry = await setup_lane(hass, server)
    calls = await automate(
        hass,
        """
        triggers:
          - trigger: watched_sync.item_unwatched
        """,
        show="trigger.show",
        number="trigger.season ~ 'x' ~ trigger.episode",
        origin="trigger.origin",
    )
    await entry.runtime_data.async_submit(
        [Request(episode(1, 1), MarkUnwatched())], origin=Origin.PLAYBACK
    )
    await mark(entry)
    await settled(hass, entry)
    assert told(calls) == [{"show": "Severance", "number": "1x1", "origin": "playback"}]


async def test_triggers_can_be_narrowed_down_to_media_types_and_lanes(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server, entry_id="attic")
    other = MemoryServer(server_id="server-2", server_name="Cellar")
    other_entry = await setup_lane(hass, other, entry_id="cellar")
    calls = await automate(
        hass,
        """
        triggers:
          - trigger: watched_sync.item_watched
            id: movies
            options:
              media_type: movie
          - trigger: watched_sync.item_watched
            id: cellar
            options:
              config_entry_id: cellar
              media_type: [movie, episode]
          - trigger: watched_sync.item_watched
            id: both
            options:
              config_entry_id: [cellar, attic]
              media_type: [episode]
        """,
        id="trigger.id",
        lane="trigger.config_entry_id",
    )
    await mark(entry)
    await settled(hass, entry)
    await mark(other_entry, episode(1, 1))
    await settled(hass, other_entry)
    assert told(calls) == [
        {"id": "movies", "lane": "attic"},
        {"id": "cellar", "lane": "cellar"},
        {"id": "both", "lane": "cellar"},
    ]


async def test_triggers_can_be_narrowed_down_to_titles_and_shows(
    hass: HomeAssistant,
) -> None:
    entry = await setup_lane(hass)
    calls = await automate(
        hass,
        """
        triggers:
          - trigger: watched_sync.item_watched
            id: film
            options:
              title: [arrival (2016), Alien]
          - trigger: watched_sync.item_watched
            id: remake
            options:
              title: Arrival (1996)
          - trigger: watched_sync.item_watched
            id: episode
            options:
              title: Severance S01E01 Part 1
          - trigger: watched_sync.item_watched
            id: episode of another show
            options:
              title: Part 1
              show: Chernobyl
          - trigger: watched_sync.item_watched
            id: show
            options:
              show: [SEVERANCE]
          - trigger: watched_sync.item_watched
            id: emptied in the editor
            options:
              show: []
        """,
        id="trigger.id",
        title="trigger.title",
    )
    await mark(entry)
    await settled(hass, entry)
    assert told(calls) == [
        {"id": "film", "title": "Arrival"},
        {"id": "emptied in the editor", "title": "Arrival"},
    ]
    calls.clear()
    await mark(entry, episode(1, 1))
    await settled(hass, entry)
    assert told(calls) == [
        {"id": "episode", "title": "Part 1"},
        {"id": "show", "title": "Part 1"},
        {"id": "emptied in the editor", "title": "Part 1"},
    ]


async def test_triggers_can_be_narrowed_down_to_the_lanes_of_a_person(
    hass: HomeAssistant,
) -> None:
    persons = {"attic": "person.ada", "cellar": "person.bob", "barn": "shared"}
    entries = [
        await setup_lane(
            hass,
            MemoryServer(server_id=name, server_name=name),
            entry_id=name,
            options={"person": person},
        )
        for name, person in persons.items()
    ]
    calls = await automate(
        hass,
        """
        triggers:
          - trigger: watched_sync.item_watched
            id: ada
            options:
              person: person.ada
          - trigger: watched_sync.queue_drained
            id: both drained
            options:
              person: [person.ada, person.bob]
        """,
        id="trigger.id",
        lane="trigger.config_entry_id",
    )
    for entry in entries:
        await mark(entry)
        await settled(hass, entry)
    assert told(calls) == [
        {"id": "ada", "lane": "attic"},
        {"id": "both drained", "lane": "attic"},
        {"id": "both drained", "lane": "cellar"},
    ]


async def test_a_failure_of_a_whole_show_is_heard_by_its_title(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    seasons = {one.season_id for one in EPISODES if one.season_id}
    server.item_faults |= dict.fromkeys([*server.items, *seasons], Refused("no"))
    entry = await setup_lane(hass, server)
    calls = await automate(
        hass,
        """
        triggers:
          - trigger: watched_sync.sync_failed
            id: severance
            options:
              show: Severance
          - trigger: watched_sync.sync_failed
            id: another
            options:
              show: Chernobyl
        """,
        id="trigger.id",
        media_type="trigger.media_type",
    )
    await mark(entry, SHOW)
    await settled(hass, entry)
    assert told(calls) == [{"id": "severance", "media_type": "show"}]


async def test_a_burst_triggers_no_more_than_so_often(hass: HomeAssistant) -> None:
    films = [replace(MOVIE, item_id=f"f{number}") for number in range(30)]
    server = MemoryServer(films)
    server.up_next_ids = [film.item_id for film in films]
    entry = await setup_lane(hass, server)
    calls = await automate(
        hass,
        "triggers: {trigger: watched_sync.item_watched}",
        left_out="trigger.left_out | default(0)",
    )
    for film in films:
        played(server, film.item_id)
    await catch_up(hass, entry)
    assert len(calls) == MOST_AT_ONCE
    assert told(calls)[-1] == {"left_out": 10}


# --- failed, drained -------------------------------------------------------------


async def test_sync_failed(hass: HomeAssistant) -> None:
    server = MemoryServer()
    server.item_faults["m1"] = Refused("no")
    server.item_faults["e1x1"] = Refused("no")
    entry = await setup_lane(hass, server)
    calls = await automate(
        hass,
        """
        triggers:
          - trigger: watched_sync.sync_failed
            options:
              media_type: [movie, show]
        """,
        title="trigger.full_title",
        reason="trigger.reason",
        wanted="trigger.wanted",
        operation_id="trigger.operation_id",
        reason_in_words="trigger.reason_in_words",
        change_in_words="trigger.change_in_words",
    )
    (operation,) = await entry.runtime_data.async_submit(
        [Request(MOVIE, MarkWatched())]
    )
    await mark(entry, episode(1, 1))
    await settled(hass, entry)
    assert told(calls) == [
        {
            "title": "Arrival (2016)",
            "reason": "refused",
            "wanted": "watched",
            "operation_id": operation.operation_id,
            "reason_in_words": "Refused by the server",
            "change_in_words": "Mark as watched",
        }
    ]


async def test_queue_drained(hass: HomeAssistant) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    calls = await automate(
        hass,
        "triggers: {trigger: watched_sync.queue_drained}",
        delivered="trigger.delivered",
        lane="trigger.entry_title",
        description="trigger.description",
    )
    await lose_contact(hass, entry, server)
    await mark(entry)
    await mark(entry, OTHER_MOVIE)
    assert calls == []
    server.come_up()
    entry.runtime_data.relay.nudge()
    await settled(hass, entry)
    assert told(calls) == [
        {
            "delivered": 2,
            "lane": "Attic (Ada)",
            "description": "queue drained: Attic (Ada)",
        }
    ]


# --- a show is finished ----------------------------------------------------------

FINISHED = "triggers: {trigger: watched_sync.show_finished}"


def leaves_read(server: MemoryServer) -> int:
    """Return how often episodes of a show were listed."""
    return [name for name, _ in server.requests].count("fetch_leaves")


async def finish(
    hass: HomeAssistant, server: MemoryServer, *, subentries: tuple[Item, ...] = ()
) -> tuple[MockConfigEntry, list[ServiceCall]]:
    """Set up a lane, and an automation for finished shows."""
    entry = await setup_lane(hass, server, subentries=subentries)
    calls = await automate(
        hass,
        FINISHED,
        title="trigger.title",
        item_id="trigger.item_id",
        media_type="trigger.media_type",
        origin="trigger.origin",
        lane="trigger.entry_title",
        description="trigger.description",
    )
    server.requests.clear()
    return entry, calls


async def test_what_was_watched_while_home_assistant_was_off_is_told_once_it_started(
    hass: HomeAssistant,
) -> None:
    """Automations listen when everything has started, entries come up before that."""
    films = [
        Item(f"f{n:02}", MediaKind.MOVIE, f"Film {n:02}")
        for n in range(MOST_AT_ONCE + 10)
    ]
    server = MemoryServer(films)
    entry = await setup_lane(hass, server)
    entry.runtime_data.lane.remember(server.reading(film.item_id) for film in films)
    await hass.config_entries.async_unload(entry.entry_id)
    now = datetime(2026, 1, 1, 20, tzinfo=UTC)
    for minutes, film in enumerate(films):
        at = now + timedelta(minutes=minutes)
        server.set(film.item_id, watched=True, play_count=1, last_played=at)
    hass.set_state(CoreState.not_running)
    await hass.config_entries.async_setup(entry.entry_id)
    await idle(hass)
    assert entry.runtime_data.lane.ledger.reading("f00").state.watched
    hass.set_state(CoreState.starting)
    calls = await automate(
        hass, "triggers: {trigger: watched_sync.item_watched}", title="trigger.title"
    )
    # It goes on in the first seconds: this one is older than all the others.
    server.set("f03", watched=False)
    await catch_up(hass, entry)
    server.set("f03", watched=True, last_played=now - timedelta(days=1))
    await catch_up(hass, entry)
    assert calls == []
    hass.set_state(CoreState.running)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STARTED)
    await idle(hass)
    last = [one.title for one in films[-MOST_AT_ONCE:]]
    assert [one["title"] for one in told(calls)] == last
    await catch_up(hass, entry)
    assert len(calls) == MOST_AT_ONCE


async def test_show_finished(hass: HomeAssistant) -> None:
    server = MemoryServer()
    for one in EPISODES[1:4]:
        played(server, one.item_id)
    entry, calls = await finish(hass, server)
    await mark(entry, EPISODES[4])
    await settled(hass, entry)
    assert told(calls) == [
        {
            "title": "Severance",
            "item_id": "s1",
            "media_type": "show",
            "origin": "user",
            "lane": "Attic (Ada)",
            "description": "show finished: Severance",
        }
    ]
    # It is unmarked and marked again: finished once more.
    await entry.runtime_data.async_submit([Request(EPISODES[4], MarkUnwatched())])
    await settled(hass, entry)
    assert len(calls) == 1
    await mark(entry, EPISODES[4])
    await settled(hass, entry)
    assert len(calls) == 2


async def test_a_show_is_finished_although_somebody_begins_an_episode_again(
    hass: HomeAssistant,
) -> None:
    """Its server takes the mark away while it is watched, as Jellyfin 10.11 does."""
    server = MemoryServer()
    for one in EPISODES[1:4]:
        played(server, one.item_id)
    entry, calls = await finish(hass, server)
    begun, since = EPISODES[1].item_id, datetime(2026, 2, 1, 20, tzinfo=UTC)
    server.set(begun, watched=False, position=600, play_count=2, last_played=since)
    await catch_up(hass, entry)
    await mark(entry, EPISODES[4])
    await settled(hass, entry)
    assert [one["title"] for one in told(calls)] == ["Severance"]
    # What is watched again to its end does not finish it once more.
    server.set(begun, watched=True, play_count=2, last_played=since)
    await catch_up(hass, entry)
    assert len(calls) == 1


async def test_a_show_with_episodes_left_is_not_finished(hass: HomeAssistant) -> None:
    server = MemoryServer()
    entry, calls = await finish(hass, server)
    await mark(entry, EPISODES[1])
    await mark(entry, EPISODES[0])
    await settled(hass, entry)
    # One look for the first episode; a special finishes nothing.
    assert leaves_read(server) == 1
    assert calls == []


async def test_a_show_that_is_listed_is_read_only_to_say_that_it_is_finished(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    entry, calls = await finish(hass, server)
    await take_inventory(entry, server)
    for one in EPISODES[1:4]:
        await mark(entry, one)
        await settled(hass, entry)
    assert leaves_read(server) == 0
    await mark(entry, EPISODES[4])
    await settled(hass, entry)
    assert leaves_read(server) == 1
    assert [one["title"] for one in told(calls)] == ["Severance"]


async def test_a_show_is_finished_by_what_has_been_aired(hass: HomeAssistant) -> None:
    coming = episode(1, 2, aired=date(2099, 1, 1))
    server = MemoryServer([SHOW, episode(0, 1), episode(1, 1), coming])
    entry, calls = await finish(hass, server)
    await mark(entry, episode(1, 1))
    await settled(hass, entry)
    assert [one["title"] for one in told(calls)] == ["Severance"]


async def test_a_show_marked_as_a_whole_is_finished_once(hass: HomeAssistant) -> None:
    server = MemoryServer()
    entry, calls = await finish(hass, server)
    await mark(entry, SHOW)
    await settled(hass, entry)
    assert [one["title"] for one in told(calls)] == ["Severance"]


async def test_a_show_finished_elsewhere_is_told_once(hass: HomeAssistant) -> None:
    server = MemoryServer([SHOW, *EPISODES[1:3]])
    server.up_next_ids = ["e1x1", "e1x2"]
    entry, calls = await finish(hass, server, subentries=(SHOW,))
    played(server, "e1x1")
    await catch_up(hass, entry)
    assert calls == []
    played(server, "e1x2")
    await catch_up(hass, entry)
    await catch_up(hass, entry)
    assert [one["origin"] for one in told(calls)] == ["server"]


class RestoredMeanwhile(MemoryServer):
    """A server on which the show's id is another's when its episodes are listed."""

    @override
    async def fetch_leaves(self, item: Item) -> list[Reading]:
        other = ProviderIds(imdb="tt9000002")
        self.items[SHOW.item_id] = replace(
            SHOW, title="Tin Friends", year=2004, provider_ids=other
        )
        for one in EPISODES:
            played(self, one.item_id)
        return list(await super().fetch_leaves(item))


async def test_another_show_under_the_id_is_not_finished(hass: HomeAssistant) -> None:
    """Its episodes have the same numbers, and no ids of their own."""
    server = RestoredMeanwhile()
    entry, calls = await finish(hass, server)
    await mark(entry, EPISODES[4])
    await settled(hass, entry)
    assert leaves_read(server) == 1
    assert told(calls) == []


async def test_nothing_is_read_of_a_listed_show_that_has_more(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    entry, calls = await finish(hass, server)
    await take_inventory(entry, server)
    for one in EPISODES[1:3]:
        played(server, one.item_id)
        await entry.runtime_data.coordinator.look(frozenset({one.item_id}))
        await idle(hass)
    assert leaves_read(server) == 0
    assert calls == []


async def test_nothing_is_read_as_long_as_nobody_listens(hass: HomeAssistant) -> None:
    server = MemoryServer()
    entry, calls = await finish(hass, server)
    await hass.services.async_call(
        AUTOMATION,
        "turn_off",
        {"entity_id": hass.states.async_entity_ids(AUTOMATION)},
        blocking=True,
    )
    await mark(entry, EPISODES[1])
    await settled(hass, entry)
    assert leaves_read(server) == 0
    assert calls == []


async def test_a_show_is_looked_into_when_its_server_is_back(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer([SHOW, *EPISODES[1:3]])
    server.up_next_ids = ["e1x2"]
    played(server, "e1x1")
    entry, calls = await finish(hass, server)

    # The server is gone the moment after it has shown what was watched.
    played(server, "e1x2")
    runtime = entry.runtime_data
    remove = runtime.lane.add_listener(lambda _: server.go_down())
    await runtime.coordinator.look(frozenset({"e1x2"}))
    remove()
    await idle(hass)
    assert runtime.lane.health.phase is Phase.BACKING_OFF
    assert calls == []
    server.come_up()
    runtime.relay.nudge()
    await until(runtime, lambda: runtime.lane.health.phase is Phase.READY)
    await idle(hass)
    assert [one["title"] for one in told(calls)] == ["Severance"]


@pytest.mark.parametrize(
    "error", [ItemGone("gone"), Malformed("nonsense"), KeyError("a fault of ours")]
)
async def test_a_show_that_cannot_be_read_is_passed_over(
    hass: HomeAssistant, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = MemoryServer([SHOW, *EPISODES[1:3]])
    entry, calls = await finish(hass, server)

    async def fail(_: Item) -> None:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(server, "fetch_leaves", fail)
        await mark(entry, EPISODES[1])
        await settled(hass, entry)
    await mark(entry, EPISODES[2])
    await settled(hass, entry)
    assert [one["title"] for one in told(calls)] == ["Severance"]


async def test_an_episode_that_comes_while_its_show_is_read_is_looked_into(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer([SHOW, *EPISODES[1:3]])
    server.up_next_ids = ["e1x1", "e1x2"]
    entry, calls = await finish(hass, server)
    reading, go_on = asyncio.Event(), asyncio.Event()
    real = server.fetch_leaves

    async def slow(item: Item) -> Sequence[Reading]:
        found = await real(item)
        reading.set()
        await go_on.wait()
        return found

    server.fetch_leaves = slow  # type: ignore[method-assign]  # what a slow server does
    coordinator = entry.runtime_data.coordinator
    for item_id in ("e1x1", "e1x2"):
        played(server, item_id)
        await coordinator.look(frozenset({item_id}))
        await reading.wait()
    go_on.set()
    await idle(hass)
    assert leaves_read(server) == 2
    assert [one["title"] for one in told(calls)] == ["Severance"]


@pytest.mark.parametrize(("just_now", "times"), [(300.0, 1), (-1.0, 2)])
async def test_news_that_are_older_than_the_look_at_a_show_do_not_finish_it_again(
    hass: HomeAssistant,
    monkeypatch: pytest.MonkeyPatch,
    just_now: float,
    times: int,
) -> None:
    monkeypatch.setattr("custom_components.watched_sync.finished._JUST_NOW", just_now)
    server = MemoryServer([SHOW, *EPISODES[1:3]])
    server.up_next_ids = ["e1x1", "e1x2"]
    entry, calls = await finish(hass, server)
    # Both are watched by the time the show is read for the sake of the first.
    played(server, "e1x1")
    played(server, "e1x2")
    for item_id in ("e1x1", "e1x2"):
        await entry.runtime_data.coordinator.look(frozenset({item_id}))
        await idle(hass)
    assert len(calls) == times


async def test_of_a_burst_only_the_last_shows_are_looked_into(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("custom_components.watched_sync.finished._REMEMBERED", 2)
    episodes = [
        replace(EPISODES[1], item_id=f"e{n}", show_id=f"s{n}", show_title=f"Show {n}")
        for n in range(4)
    ]
    shows = [replace(SHOW, item_id=f"s{n}", title=f"Show {n}") for n in range(4)]
    server = MemoryServer([*shows, *episodes])
    entry, calls = await finish(hass, server)
    await lose_contact(hass, entry, server)
    await entry.runtime_data.async_submit(
        [Request(one, MarkWatched()) for one in episodes]
    )
    server.come_up()
    entry.runtime_data.relay.nudge()
    await settled(hass, entry)
    assert [one["title"] for one in told(calls)] == ["Show 2", "Show 3"]


async def test_a_finished_show_is_told_to_those_who_asked_for_its_lane(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer([SHOW, EPISODES[1]])
    entry = await setup_lane(hass, server)
    calls = await automate(
        hass,
        """
        triggers:
          - trigger: watched_sync.show_finished
            options:
              config_entry_id: another
        """,
    )
    await mark(entry, EPISODES[1])
    await settled(hass, entry)
    assert leaves_read(server) == 1
    assert calls == []


# --- what is written in the editor -----------------------------------------------


async def test_every_trigger_is_described(hass: HomeAssistant) -> None:
    await setup_lane(hass)
    await automate(hass, FINISHED)
    described = await async_get_all_descriptions(hass)
    ours = {
        name: sorted((description or {}).get("fields", {}))
        for name, description in described.items()
        if name.startswith("watched_sync.")
    }
    of_items = ["config_entry_id", "media_type", "person", "show", "title"]
    assert ours == {
        "watched_sync.item_watched": of_items,
        "watched_sync.item_unwatched": of_items,
        "watched_sync.show_finished": ["config_entry_id", "person", "show"],
        "watched_sync.sync_failed": of_items,
        "watched_sync.queue_drained": ["config_entry_id", "person"],
    }


@pytest.mark.parametrize(
    ("trigger", "options"),
    [
        ("item_watched", {"media_type": "show"}),
        ("item_watched", {"media_type": ["music"]}),
        ("queue_drained", {"media_type": "movie"}),
        ("show_finished", {"surprise": True}),
        ("show_finished", {"title": "Severance"}),
        ("item_watched", {"title": ""}),
        ("item_watched", {"show": [""]}),
        ("queue_drained", {"person": "light.ada"}),
        ("sync_failed", {"config_entry_id": [{}]}),
    ],
)
async def test_an_impossible_option_is_refused(
    hass: HomeAssistant, trigger: str, options: dict[str, Any]
) -> None:
    await setup_lane(hass)
    config = [{"platform": f"watched_sync.{trigger}", "options": options}]
    with pytest.raises(vol.Invalid):
        await async_validate_trigger_config(hass, config)
