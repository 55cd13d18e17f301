"""Bringing a simulated Plex and a simulated Jellyfin level, over TCP."""

from datetime import UTC, datetime, timedelta
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.watched_sync.levelling import runner
from custom_components.watched_sync.levelling.carrying_out import levellings
from tests.fakes import library

from .house import (
    CLIENT_ID,
    ONE_PLAY,
    UNSEEN,
    USER,
    JellyfinSide,
    PlexSide,
    Seen,
    Side,
    act,
    cut_off,
    runtime_of,
    until_true,
    waiting,
)
from .machine import TimeMachine
from .test_mirror import link, passing

LONG_AGO = datetime(2024, 3, 3, 20, 15, tzinfo=UTC)
LATELY = datetime(2026, 5, 5, 20, 15, tzinfo=UTC)

#: What one of the two does not have.
ONLY_ONE: frozenset[str] = frozenset()

AT_PLEX = ("Alien", "Stalker", "Casablanca")
AT_JELLYFIN = ("Arrival", "Inception")


@pytest.fixture
async def lanes(
    hass: HomeAssistant, plex: PlexSide, jellyfin: JellyfinSide, machine: TimeMachine
) -> list[MockConfigEntry]:
    """Two servers on which other things were watched, and all of it is known."""
    for title in AT_PLEX:
        await plex.put(plex.item_id(title), plays=1, at=LONG_AGO)
    for title in AT_JELLYFIN:
        await jellyfin.put(jellyfin.item_id(title), plays=1, at=LATELY)
    for side in (plex, jellyfin):
        await side.put(side.item_id("Metropolis"), plays=1, at=LONG_AGO)
    for one in (1, 2):
        episode = plex.item_id("Sherlock", season=1, episode=one)
        await plex.put(episode, plays=1, at=LONG_AGO)
    await plex.put(plex.item_id("Paddington 2"), position=1800, at=LATELY)
    entries = [await plex.connect(hass), await jellyfin.connect(hass)]
    machine.running = True
    await read(*entries)
    for side in (plex, jellyfin):
        side.server.clear_log()
    return entries


async def read(*entries: MockConfigEntry) -> None:
    """Wait until the libraries were read for the first time."""
    for entry in entries:
        inventory = runtime_of(entry).inventory
        await until_true(lambda: inventory.status.stage == "complete", 3600, every=5)  # noqa: B023 - called here


def ids(entries: list[MockConfigEntry]) -> list[str]:
    return [entry.entry_id for entry in entries]


async def level(
    hass: HomeAssistant, lanes: list[MockConfigEntry], **data: Any
) -> dict[str, Any]:
    """Have a plan made, and carried out at once."""
    plan = await act(hass, "level", config_entry_id=ids(lanes), **data)
    return await act(
        hass, "level", config_entry_id=ids(lanes), confirm=plan["plan_id"], **data
    )


async def over(hass: HomeAssistant, batch_id: str, seconds: float = 3600) -> Any:
    """Wait until a levelling is over, and return how it went."""
    answer = await act(hass, "level", batch_id=batch_id)
    found = levellings(hass)
    await until_true(
        lambda: all(one.batch_id != batch_id for one in found.under_way()),
        seconds,
        every=1,
    )
    answer = await act(hass, "level", batch_id=batch_id)
    return answer["levelling"]


def films(count: int) -> tuple[library.SeedMovie, ...]:
    """Return what both libraries must hold more, for a levelling that takes a while."""
    return tuple(
        library.SeedMovie(
            f"Film of long ago {number:04}",
            1990,
            100,
            {"imdb": f"tt8{number:07}", "tmdb": f"8{number:07}"},
        )
        for number in range(count)
    )


def flags(side: Side, user: str = USER) -> dict[tuple[str, int], bool]:
    """Return which films are watched, by their names in the world."""
    return {
        (film.title, film.year): side.seen(
            side.item_id(film.title, film.year), user
        ).watched
        for film in library.MOVIES
        if film.title not in ONLY_ONE
    }


async def test_plan_is_shown_and_costs_the_servers_nothing(
    hass: HomeAssistant,
    plex: PlexSide,
    jellyfin: JellyfinSide,
    lanes: list[MockConfigEntry],
) -> None:
    plan = await act(hass, "level", config_entry_id=ids(lanes))
    assert plan["status"] == "planned"
    at_plex, at_jellyfin = plan["lanes"]
    assert at_plex["films_to_mark"] == len(AT_JELLYFIN)
    assert {one["title"] for one in at_plex["rows"]} == {
        "Arrival (2016)",
        "Inception (2010)",
    }
    assert at_jellyfin["films_to_mark"] == len(AT_PLEX)
    assert at_jellyfin["episodes_to_mark"] == 2
    assert at_jellyfin["film_positions"] == 1
    assert plan["total"] == 8
    assert plex.server.find("") == jellyfin.server.find("") == []


async def test_both_show_the_same_once_it_was_carried_out_and_as_before_undone(
    hass: HomeAssistant,
    plex: PlexSide,
    jellyfin: JellyfinSide,
    lanes: list[MockConfigEntry],
) -> None:
    before = flags(plex), flags(jellyfin)
    begun = await level(hass, lanes)
    assert begun["status"] == "running"
    done = await over(hass, begun["batch_id"])
    assert done["state"] == "finished"
    assert (done["total"], done["done"], done["left"]) == (8, 8, 0)
    for title in AT_PLEX:
        film = jellyfin.item_id(title)
        assert jellyfin.seen(film) == ONE_PLAY
        played = jellyfin.last_played(film)
        assert played is not None
        assert abs(played - LONG_AGO) < timedelta(seconds=2)
    assert flags(plex) == flags(jellyfin)
    assert jellyfin.seen(jellyfin.item_id("Paddington 2")) == Seen(
        watched=False, plays=0, position=1800
    )
    # Nobody has played twice what both had seen.
    assert plex.seen(plex.item_id("Metropolis")) == ONE_PLAY
    again = await act(hass, "level", config_entry_id=ids(lanes))
    assert again["total"] == 0
    await act(hass, "undo", batch_id=begun["batch_id"])
    undone = await over(hass, begun["batch_id"])
    assert (undone["state"], undone["done"]) == ("undone", 8)
    assert (flags(plex), flags(jellyfin)) == before


async def test_exactly_as_the_source_and_only_what_was_played_since(
    hass: HomeAssistant,
    plex: PlexSide,
    jellyfin: JellyfinSide,
    lanes: list[MockConfigEntry],
) -> None:
    source = {"direction": "from", "source": lanes[1].entry_id}
    since = await act(
        hass,
        "level",
        config_entry_id=ids(lanes),
        since="2026-01-01 00:00:00",
        **source,
    )
    assert [one["title"] for one in since["lanes"][0]["rows"]] == [
        "Arrival (2016)",
        "Inception (2010)",
    ]
    begun = await level(hass, lanes, what="exact", **source)
    done = await over(hass, begun["batch_id"])
    assert done["state"] == "finished"
    assert flags(plex) == flags(jellyfin)
    assert plex.seen(plex.item_id("Paddington 2")) == UNSEEN
    assert plex.seen(plex.item_id("Sherlock", season=1, episode=1)) == UNSEEN
    assert jellyfin.writes == []


async def test_a_user_of_the_same_server_has_seen_what_the_other_has(
    hass: HomeAssistant,
    jellyfin: JellyfinSide,
    machine: TimeMachine,
) -> None:
    for title in AT_JELLYFIN:
        await jellyfin.put(jellyfin.item_id(title), plays=1, at=LATELY)
    hass.states.async_set("person.alex", "home")
    hass.states.async_set("person.sam", "home")
    alex = await jellyfin.connect(hass, options={"person": "person.alex"})
    sam = jellyfin.entry(options={"person": "person.sam"})
    server = jellyfin.server
    data = {
        "token": server.token_for("sam", CLIENT_ID),
        "user_id": server.user_id("sam"),
        "user_name": "sam",
    }
    sam.add_to_hass(hass)
    hass.config_entries.async_update_entry(
        sam,
        data={**sam.data, **data},
        unique_id=f"{server.server_id}:{data['user_id']}",
    )
    assert await hass.config_entries.async_setup(sam.entry_id)
    machine.running = True
    await read(alex, sam)
    persons = {"person": ["person.alex", "person.sam"], "source": "person.alex"}
    plan = await act(hass, "level", **persons)
    begun = await act(hass, "level", confirm=plan["plan_id"], **persons)
    await over(hass, begun["batch_id"])
    for title in AT_JELLYFIN:
        film = jellyfin.item_id(title)
        assert jellyfin.seen(film, "sam") == jellyfin.seen(film) == ONE_PLAY


async def test_outage_in_the_middle_is_waited_for_and_a_person_comes_first(
    hass: HomeAssistant,
    plex: PlexSide,
    jellyfin: JellyfinSide,
    lanes: list[MockConfigEntry],
    machine: TimeMachine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(runner, "CHUNK", 2)
    await cut_off(hass, lanes[1], jellyfin)
    begun = await level(hass, lanes)
    await passing(machine, 600)
    # Nothing is handed to a lane that is away; what a person wants is next.
    assert waiting(lanes[1]) == []
    film = jellyfin.item_id("Past Lives")
    await act(hass, "mark_watched", item_id=film, config_entry_id=lanes[1].entry_id)
    await jellyfin.server.come_back()
    done = await over(hass, begun["batch_id"])
    assert done["done"] == 8
    assert jellyfin.marks()[0] == ("watched", film)
    assert flags(plex) | {("Past Lives", 2023): True} == flags(jellyfin)


async def test_lanes_that_mirror_each_other_are_offered_it_and_stay_level(
    hass: HomeAssistant,
    plex: PlexSide,
    jellyfin: JellyfinSide,
    lanes: list[MockConfigEntry],
    machine: TimeMachine,
) -> None:
    await link(hass, lanes[0], lanes[1])
    await link(hass, lanes[1], lanes[0])
    issues = ir.async_get(hass).issues
    await until_true(
        lambda: any(one.startswith("level_offer_") for _, one in issues), 3600, every=1
    )
    begun = await level(hass, lanes)
    assert not any(one.startswith("level_offer_") for _, one in issues)
    await over(hass, begun["batch_id"])
    await passing(machine, 600)
    assert flags(plex) == flags(jellyfin)
    # Each of them was said once, and none of it came back.
    assert len(plex.writes) == len(AT_JELLYFIN)
    assert len(jellyfin.writes) == len(AT_PLEX) + 3
    film = plex.item_id("Past Lives")
    plex.server.mark(USER, film)
    await passing(machine, 120)
    assert jellyfin.seen(jellyfin.item_id("Past Lives")).watched
    assert flags(plex) == flags(jellyfin)
