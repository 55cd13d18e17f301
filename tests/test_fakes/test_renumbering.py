"""Servers that come back from another database: ids are those of other works."""

import asyncio

from aiohttp import ClientError, ClientSession
import pytest

from tests.fakes.base import FakeClock, FakeServer, FaultKind
from tests.fakes.jellyfin import FakeJellyfin
from tests.fakes.jellyfin.items import Kind
from tests.fakes.plex import FakePlex

USER = "alex"


@pytest.fixture(autouse=True)
def network(socket_enabled: None) -> None:
    """Let requests out, to 127.0.0.1."""


def test_works_of_plex_keep_all_but_their_ids() -> None:
    plex = FakePlex(clock=FakeClock())
    alien, arrival = plex.rating_key("Alien"), plex.rating_key("Arrival")
    show = plex.rating_key("Severance")
    first = plex.rating_key("Severance", season=1, episode=1)
    plex.mark(USER, alien)
    plex.mark(USER, first)
    plex.renumber({alien: arrival, arrival: alien, show: "7", first: "8"})
    assert plex.rating_key("Alien") == arrival
    assert plex.state(USER, arrival).view_count == 1
    assert plex.state(USER, alien).view_count == 0
    assert plex.entry("8").top.key == "7" == plex.rating_key("Severance")
    assert plex.state(USER, "7").view_count == 1
    assert plex.leaves("7")[0] == "8"
    with pytest.raises(ValueError, match="one key"):
        plex.renumber({alien: arrival})


def test_film_without_ids_bears_its_new_key_at_plex() -> None:
    plex = FakePlex(clock=FakeClock())
    film = next(
        entry
        for section in plex._shelf.sections
        for entry in plex._shelf.of_section(section, "movie")
        if entry.guid.startswith("local://")
    )
    plex.renumber({film.key: "7"})
    assert film.guid == "local://7"


@pytest.mark.parametrize("profile", ["10.10", "10.11", "12.0", "emby"])
def test_works_of_jellyfin_keep_all_but_their_ids(profile: str) -> None:
    jellyfin = FakeJellyfin(clock=FakeClock(), profile=profile)
    items = jellyfin.catalogue.items
    bare = next(
        one for one in items.values() if one.kind is Kind.MOVIE and not one.provider_ids
    )
    alien, show = jellyfin.item_id("Alien"), jellyfin.item_id("Severance")
    first = jellyfin.item_id("Severance", season=1, episode=1)
    user = jellyfin.user(USER)
    for item_id in (alien, bare.id, first):
        jellyfin.states.row(user, items[item_id]).played = True
    leaves = len(jellyfin.leaves(show))
    jellyfin.renumber({alien: bare.id, bare.id: alien, show: "7", first: "8"})
    assert jellyfin.item_id("Alien") == bare.id
    assert jellyfin.item_id("Severance", season=1, episode=1) == "8"
    assert jellyfin.catalogue.items["8"].series_id == "7"
    assert len(jellyfin.leaves("7")) == leaves
    assert all(jellyfin.state(USER, one).played for one in (alien, bare.id, "8"))
    with pytest.raises(ValueError, match="one id"):
        jellyfin.renumber({alien: bare.id})


@pytest.mark.parametrize("make", [FakePlex, FakeJellyfin])
async def test_whoever_waits_for_an_answer_gets_none(
    make: type[FakePlex | FakeJellyfin],
) -> None:
    server: FakeServer = make(clock=FakeClock())
    async with server, ClientSession() as session:
        path = "/identity" if isinstance(server, FakePlex) else "/System/Info/Public"
        late = server.fail(FaultKind.APPLIED_BUT_SLOW, delay=60)
        asking = asyncio.create_task(session.post(server.url + path))
        await late.struck.wait()
        await server.restart_renumbered({})
        with pytest.raises(ClientError):
            await asking
        async with session.get(server.url + path) as answer:
            assert answer.status == 200
