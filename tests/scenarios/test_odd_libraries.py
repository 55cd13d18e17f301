"""Libraries as people have them: odd folders, several files, some left out."""

from collections.abc import AsyncIterator
from typing import Any

from homeassistant.core import HomeAssistant
import pytest

from custom_components.watched_sync.core.errors import Reason
from custom_components.watched_sync.core.identity import Item, MediaKind, ProviderIds
from tests.common import drained
from tests.fakes.base import FakeClock
from tests.fakes.jellyfin import FakeJellyfin
from tests.fakes.library import (
    MOVIES_4K_LIBRARY,
    MOVIES_LIBRARY,
    SHOWS_LIBRARY,
    SeedEpisode,
    SeedShow,
)

from .house import (
    ONE_PLAY,
    UNSEEN,
    USER,
    JellyfinSide,
    PlexSide,
    act,
    runtime_of,
    state_of,
    until_true,
    waiting,
)
from .machine import TimeMachine
from .test_libraries import choose
from .test_live import connected
from .test_mirror import COPIED, QUIET, link, passing

IDS = {"tvdb": "777001"}
TV = "media_player.tv"


@pytest.fixture(params=["10.11", "12.0"])
async def jellyfin(request: pytest.FixtureRequest) -> AsyncIterator[JellyfinSide]:
    clock = FakeClock(ticking=True)
    async with FakeJellyfin(clock=clock, profile=request.param) as server:
        yield JellyfinSide(server)


def folder(
    title: str, year: int, *places: tuple[int, int], season_folders: bool = True
) -> SeedShow:
    """Return one folder of a show, with these episodes of these seasons."""
    episodes = tuple(
        SeedEpisode(season, number, f"S{season}E{number}", 40, None)
        for season, number in places
    )
    return SeedShow(title, year, IDS, episodes, season_folders=season_folders)


def as_picked(show_id: str, title: str) -> Item:
    """Return a show as a person picks it to be tracked."""
    return Item(show_id, MediaKind.SHOW, title, provider_ids=ProviderIds(**IDS))


def watched(side: JellyfinSide) -> set[str]:
    """Return the titles of the episodes that are watched."""
    items = side.server.catalogue.items
    return {
        items[item_id].name
        for (_, item_id), seen in side.all_seen().items()
        if seen.watched
    }


def shown(hass: HomeAssistant, entity_id: str) -> str:
    state = hass.states.get(entity_id)
    assert state is not None
    return state.state


async def test_show_without_season_folders_works_in_every_way(
    hass: HomeAssistant, jellyfin: JellyfinSide
) -> None:
    """Its seasons are virtual, its episodes are files."""
    places = [(season, number) for season in (1, 2, 3) for number in (1, 2)]
    show = jellyfin.server.add_show(folder("Flat", 2013, *places, season_folders=False))
    entry = await jellyfin.connect(hass, as_picked(show, "Flat"))
    await connected(jellyfin)
    assert shown(hass, "sensor.flat_unwatched_episodes") == "6"
    await act(hass, "mark_watched", title="Flat", season=1)
    await drained(hass, entry)
    assert watched(jellyfin) == {"S1E1", "S1E2"}
    assert shown(hass, "sensor.flat_unwatched_episodes") == "4"
    await act(hass, "mark_watched", title="Flat", season=3, episode=1, scope="up_to")
    await drained(hass, entry)
    assert watched(jellyfin) == {"S1E1", "S1E2", "S2E1", "S2E2", "S3E1"}
    switch = {"entity_id": "switch.flat_watched"}
    assert shown(hass, "switch.flat_watched") == "off"
    await hass.services.async_call("switch", "turn_on", switch, blocking=True)
    await drained(hass, entry)
    assert len(watched(jellyfin)) == 6
    assert shown(hass, "switch.flat_watched") == "on"
    assert shown(hass, "sensor.flat_unwatched_episodes") == "0"
    await act(hass, "mark_unwatched", title="Flat", season=2, episode=2, scope="season")
    await drained(hass, entry)
    assert watched(jellyfin) == {"S1E1", "S1E2", "S3E1", "S3E2"}


async def test_show_in_two_folders_is_one_show(
    hass: HomeAssistant, jellyfin: JellyfinSide
) -> None:
    first = [(1, number) for number in range(1, 10)]
    second = [(2, number) for number in range(1, 11)]
    show = jellyfin.server.add_show(folder("Two Homes", 2010, *first))
    jellyfin.server.add_show(folder("Two Homes", 2011, *second))
    entry = await jellyfin.connect(hass, as_picked(show, "Two Homes"))
    await connected(jellyfin)
    assert shown(hass, "sensor.two_homes_unwatched_episodes") == "19"
    await act(hass, "mark_watched", item_id=show, season=2, episode=3)
    await drained(hass, entry)
    assert watched(jellyfin) == {"S2E3"}
    assert shown(hass, "sensor.two_homes_unwatched_episodes") == "18"
    answer = await act(
        hass, "mark_watched", item_id=show, season=2, episode=3, scope="show", wait=10
    )
    assert [one["status"] for one in answer["operations"]] == ["confirmed"]
    assert len(watched(jellyfin)) == 19
    assert shown(hass, "sensor.two_homes_unwatched_episodes") == "0"
    assert shown(hass, "switch.two_homes_watched") == "on"


async def test_new_show_without_episodes_waits_for_them(
    hass: HomeAssistant, jellyfin: JellyfinSide
) -> None:
    """Jellyfin 10.11 calls it watched, and takes a mark that marks nothing."""
    show = jellyfin.server.add_show(folder("Tomorrow", 2026))
    entry = await jellyfin.connect(hass, as_picked(show, "Tomorrow"))
    await connected(jellyfin)
    await act(hass, "mark_watched", title="Tomorrow")
    await until_true(lambda: [one.last_error for one in waiting(entry)] != [None])
    (waits,) = waiting(entry)
    assert waits.last_error == Reason.NO_EPISODES
    (told,) = (await act(hass, "explain", item_id=show))["items"]
    assert "knows no episodes of it yet" in told["summary"]
    assert state_of(hass, entry, "sync_status") == "pending"
    assert jellyfin.writes == []
    jellyfin.server.add_episodes(
        show, *folder("Tomorrow", 2026, (1, 1), (1, 2)).episodes
    )
    await drained(hass, entry)
    assert watched(jellyfin) == {"S1E1", "S1E2"}


async def test_film_in_a_library_left_out_gets_no_copy(
    hass: HomeAssistant,
    plex: PlexSide,
    jellyfin: JellyfinSide,
    machine: TimeMachine,
) -> None:
    source = await plex.connect(hass, plex.film("Alien"), plex.film("Blade Runner"))
    target = await jellyfin.connect(hass)
    await choose(hass, target, MOVIES_4K_LIBRARY, SHOWS_LIBRARY)
    await link(hass, source, target)
    machine.running = True
    for title, library in (
        ("Alien", MOVIES_LIBRARY),
        ("Blade Runner", MOVIES_LIBRARY),
    ):
        plex.server.mark(USER, plex.item_id(title, library=library))
    copied = jellyfin.item_id("Blade Runner", library=MOVIES_4K_LIBRARY)
    await passing(machine, COPIED)
    await until_true(lambda: jellyfin.seen(copied) == ONE_PLAY, QUIET, every=1)
    await passing(machine, QUIET)
    left_out = [
        jellyfin.item_id(title, library=MOVIES_LIBRARY)
        for title in ("Alien", "Blade Runner")
    ]
    assert [jellyfin.seen(one) for one in left_out] == [UNSEEN, UNSEEN]
    runtime = runtime_of(target)
    await runtime.coordinator.catch_up()
    assert [runtime.coordinator.view(one) for one in left_out] == [None, None]


@pytest.mark.parametrize("named", ["id", "player"])
async def test_further_file_of_a_film_is_the_film_with_all_its_files(
    hass: HomeAssistant, jellyfin: JellyfinSide, named: str
) -> None:
    film = jellyfin.item_id("Alien")
    linked = jellyfin.server.profile.versions_linked
    add = jellyfin.server.catalogue.add_version
    files = [
        add(film, f"Alien (1979) - {label}", linked=linked).id
        for label in ("1080p", "2160p")
    ]
    entry = await jellyfin.connect(hass, jellyfin.film("Alien"))
    what: dict[str, Any] = {"item_id": files[1], "config_entry_id": entry.entry_id}
    if named == "player":
        hass.states.async_set(
            TV,
            "playing",
            {
                "media_content_type": "movie",
                "media_content_id": f"{jellyfin.server.url}/Videos/{files[1]}/stream",
                "media_title": "Alien (1979) - 2160p",
            },
        )
        await hass.async_block_till_done()
        what = {"entity_id": TV}
    answer = await act(hass, "mark_watched", **what, wait=10)
    assert [(one["item_id"], one["status"]) for one in answer["operations"]] == [
        (film, "confirmed")
    ]
    assert all(jellyfin.seen(one).watched for one in (film, *files))
    assert shown(hass, "switch.alien_1979_watched") == "on"
    await act(hass, "undo")
    await drained(hass, entry)
    assert [jellyfin.seen(one) for one in (film, *files)] == [UNSEEN] * 3


async def test_file_under_another_title_than_its_film_is_found_by_its_ids(
    hass: HomeAssistant, jellyfin: JellyfinSide, machine: TimeMachine
) -> None:
    """Up to 10.11 only a listing of the library finds it; the mark waits for that."""
    film = jellyfin.item_id("Alien")
    file = jellyfin.server.catalogue.add_version(
        film, "Alien (1979) - 4K", linked=jellyfin.server.profile.versions_linked
    ).id
    jellyfin.retitle(film, "Das unheimliche Wesen aus einer fremden Welt")
    entry = await jellyfin.connect(hass)
    machine.running = True
    await act(hass, "mark_watched", item_id=file, config_entry_id=entry.entry_id)
    await drained(hass, entry, 3600)
    assert jellyfin.seen(film).watched
    assert jellyfin.seen(file).watched
    (done,) = runtime_of(entry).lane.outbox.history
    assert done.operation.item.item_id == film


async def test_both_files_of_an_episode_are_marked_by_its_number(
    hass: HomeAssistant, jellyfin: JellyfinSide
) -> None:
    """Two episodes up to 10.11, and one from then on."""
    show = jellyfin.server.add_show(folder("Versioned", 2015, (1, 1), (1, 2)))
    catalogue = jellyfin.server.catalogue
    first, second = jellyfin.leaves(show)
    if jellyfin.server.profile.versions_linked:
        other = catalogue.add_version(first, "Versioned - 2160p", linked=True)
    else:
        season = catalogue.items[catalogue.items[first].season_id or ""]
        other = catalogue.add_episode(season, 1, "S1E1", file="Versioned - 2160p")
    entry = await jellyfin.connect(hass)
    await act(hass, "mark_watched", title="Versioned", season=1, episode=1)
    await drained(hass, entry)
    assert jellyfin.seen(first).watched
    assert jellyfin.seen(other.id).watched
    assert jellyfin.seen(second) == UNSEEN
