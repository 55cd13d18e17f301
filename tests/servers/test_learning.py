"""What a server does is learnt from what it is asked anyway, and asked once.

A second client with what the first one has learnt stands for one after a restart.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace

from aiohttp import ClientSession
import pytest

from custom_components.watched_sync.core.errors import ServerError, Unanswered
from custom_components.watched_sync.core.identity import Item, MediaKind
from custom_components.watched_sync.core.learnt import Learnt, Trait
from custom_components.watched_sync.core.operation import (
    MarkUnwatched,
    MarkWatched,
    SetProgress,
)
from custom_components.watched_sync.core.play_state import PlayState, Reading
from custom_components.watched_sync.core.ports import Changed, MediaServer
from custom_components.watched_sync.servers import learning
from custom_components.watched_sync.servers.jellyfin.client import JellyfinClient
from custom_components.watched_sync.servers.jellyfin.dialect import EMBY, JELLYFIN
from custom_components.watched_sync.servers.learning import (
    AfterMarks,
    nothing_learnt,
    timed,
)
from custom_components.watched_sync.servers.plex.client import PlexClient
from tests.fakes.base import FakeClock, FaultKind
from tests.fakes.emby import FakeEmby
from tests.fakes.jellyfin import FakeJellyfin
from tests.fakes.plex import FakePlex

pytestmark = pytest.mark.usefixtures("socket_enabled")

FILM = Item("41", MediaKind.MOVIE, "Alien")
UNWATCHED = PlayState(watched=False)
WATCHED = PlayState(watched=True, play_count=1)


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    async with ClientSession() as opened:
        yield opened


@pytest.fixture
def learnt() -> Learnt:
    return Learnt(FakeClock())


@pytest.fixture
async def plex() -> AsyncIterator[FakePlex]:
    async with FakePlex() as running:
        yield running


@pytest.fixture
async def jellyfin() -> AsyncIterator[FakeJellyfin]:
    async with FakeJellyfin(profile="12.0", debounce=0.01, oddities=True) as running:
        yield running


def plex_client(
    session: ClientSession, server: FakePlex, learnt: Learnt, user: str = "alex"
) -> PlexClient:
    return PlexClient(
        session,
        server.url,
        server.token_for(user),
        client_id="our-client",
        learnt=learnt,
    )


def jellyfin_client(
    session: ClientSession, server: FakeJellyfin, learnt: Learnt
) -> JellyfinClient:
    return JellyfinClient(
        session,
        server.url,
        server.token_for("alex"),
        user_id=server.user_id("alex"),
        device_id="test-device",
        dialect=EMBY if server.profile.emby else JELLYFIN,
        learnt=learnt,
    )


async def reading(client: MediaServer, item_id: str) -> Reading:
    return (await client.fetch([item_id]))[item_id]


# Plex


async def test_method_that_a_plex_takes_is_asked_with_after_a_restart(
    session: ClientSession, plex: FakePlex, learnt: Learnt
) -> None:
    plex.options.scrobble_methods = frozenset({"PUT"})
    plex.options.timeline_methods = frozenset({"GET"})
    for number in range(2):
        plex.clear_log()
        client = plex_client(session, plex, learnt)
        film = await reading(client, plex.rating_key("Alien"))
        await client.write(film.item, MarkWatched(), film.state)
        await client.write(film.item, MarkUnwatched(), film.state)
        await client.write(film.item, SetProgress(600), UNWATCHED)
        refused = plex.find("^/:/(un)?scrobble|^/:/timeline")
        assert sum(one.status == 404 for one in refused) == (3 if number == 0 else 0)
    assert learnt.word(Trait.MARK_METHOD) == "PUT"
    assert learnt.word(Trait.UNMARK_METHOD) == "PUT"
    assert learnt.word(Trait.POSITION_METHOD) == "GET"


async def test_method_that_an_updated_plex_takes_is_learnt_anew(
    session: ClientSession, plex: FakePlex, learnt: Learnt
) -> None:
    client = plex_client(session, plex, learnt)
    await client.identify()
    film = await reading(client, plex.rating_key("Alien"))
    await client.write(film.item, MarkWatched(), film.state)
    assert learnt.word(Trait.MARK_METHOD) == "GET"
    plex.options.version = "2.0.0.1-abc"
    plex.options.scrobble_methods = frozenset({"PUT"})
    assert (await client.probe()).version == "2.0.0.1-abc"
    assert learnt.word(Trait.MARK_METHOD) is None
    await client.write(film.item, MarkUnwatched(), film.state)
    assert learnt.version == "2.0.0.1-abc"
    assert learnt.word(Trait.UNMARK_METHOD) == "PUT"


async def test_what_a_plex_leaves_out_of_a_batch_is_learnt(
    session: ClientSession, plex: FakePlex, learnt: Learnt
) -> None:
    film = plex.rating_key("Alien")
    plex.options.leaves_out_gone = False
    client = plex_client(session, plex, learnt)
    assert set(await client.fetch([film, "999999"])) == {film}
    assert learnt.flag(Trait.BATCH_LEAVES_OUT_GONE) is False
    plex.options.leaves_out_gone = True
    assert set(await client.fetch([film, "999999"])) == {film}
    assert learnt.flag(Trait.BATCH_LEAVES_OUT_GONE) is True
    plex.clear_log()
    # That none is there is believed after a restart, without asking for each.
    assert await plex_client(session, plex, learnt).fetch(["999998", "999999"]) == {}
    assert plex.count("^/library/metadata/") == 1


async def test_plex_that_lists_each_library_alone_is_asked_so_after_a_restart(
    session: ClientSession, plex: FakePlex, learnt: Learnt
) -> None:
    plex.mark("alex", plex.rating_key("Alien"))
    assert len(await plex_client(session, plex, learnt).last_played(5)) == 1
    assert learnt.flag(Trait.LISTS_WHOLE_SERVER) is True
    plex.fail(FaultKind.STATUS, path="^/library/all$", status=404, times=None)
    for _ in range(2):
        assert len(await plex_client(session, plex, learnt).last_played(5)) == 1
    assert learnt.flag(Trait.LISTS_WHOLE_SERVER) is False
    assert plex.count("^/library/all$") == 3


async def test_limits_that_a_plex_has_told_or_shown_are_known_after_a_restart(
    session: ClientSession, plex: FakePlex, learnt: Learnt
) -> None:
    plex.options.played_threshold = 70
    told = plex_client(session, plex, learnt)
    film = (await reading(told, plex.rating_key("Alien"))).item
    await told.write(film, SetProgress(600), UNWATCHED)
    assert learnt.word(Trait.POSITION_LIMITS) == "told"
    again = plex_client(session, plex, learnt)
    assert again.capabilities.max_progress == 0.7
    await again.write(film, SetProgress(700), UNWATCHED)
    assert plex.count("^/:/prefs$") == 1

    others = Learnt(FakeClock())
    shown = plex_client(session, plex, others, "kim")
    shown.note_position_not_kept(4800, 6000)
    assert others.word(Trait.POSITION_LIMITS) == "learnt"
    again = plex_client(session, plex, others, "kim")
    assert again.capabilities.max_progress == 0.8


async def test_limits_that_are_told_to_nobody_are_assumed(
    session: ClientSession, plex: FakePlex, learnt: Learnt
) -> None:
    client = plex_client(session, plex, learnt, "kim")
    film = (await reading(client, plex.rating_key("Alien"))).item
    await client.write(film, SetProgress(600), UNWATCHED)
    assert learnt.word(Trait.POSITION_LIMITS) == "assumed"
    assert learnt.number(Trait.POSITION_FROM) == 60
    assert learnt.number(Trait.POSITION_BELOW) == 0.9


async def test_rows_that_fit_into_a_page_are_asked_for_after_a_restart(
    session: ClientSession, plex: FakePlex, learnt: Learnt
) -> None:
    learnt.note(Trait.PAGE_ROWS, 300)
    client = plex_client(session, plex, learnt)
    library, *_ = await client.libraries()
    await client.inventory_page(library, MediaKind.MOVIE)
    (asked,) = plex.find("^/library/sections/.*/all$")
    assert asked.query["X-Plex-Container-Size"] == "300"
    assert learnt.number(Trait.FILM_PAGE_TIME) is not None


# Jellyfin and Emby


async def test_season_that_is_not_marked_whole_is_known_after_a_restart(
    session: ClientSession, jellyfin: FakeJellyfin, learnt: Learnt
) -> None:
    client = jellyfin_client(session, jellyfin, learnt)
    await client.identify()
    season = await reading(client, jellyfin.item_id("Chernobyl", season=1))
    episode_id = jellyfin.item_id("Chernobyl", season=1, episode=1)
    await client.write(season.item, MarkWatched(), season.state)
    assert not await client.is_whole(await reading(client, episode_id))
    again = jellyfin_client(session, jellyfin, learnt)
    assert not again.capabilities.marks_containers
    # Another version has to show it anew.
    jellyfin.profile = replace(jellyfin.profile, version="12.1.0")
    await again.identify()
    assert again.capabilities.marks_containers


async def test_episode_that_cannot_be_read_shows_nothing_of_marks(
    session: ClientSession, jellyfin: FakeJellyfin, learnt: Learnt
) -> None:
    client = jellyfin_client(session, jellyfin, learnt)
    episode_id = jellyfin.item_id("Chernobyl", season=1, episode=1)
    leaf = await reading(client, episode_id)
    jellyfin.spoil(episode_id, {"Type": "Planet"})
    assert await client.is_whole(leaf)
    assert learnt.flag(Trait.SEASON_MARK_WHOLE) is None
    jellyfin.spoil(episode_id, {})
    assert await client.is_whole(leaf)
    assert learnt.flag(Trait.SEASON_MARK_WHOLE) is True


async def test_version_is_read_again_once_the_server_was_away(
    session: ClientSession, jellyfin: FakeJellyfin, learnt: Learnt
) -> None:
    client = jellyfin_client(session, jellyfin, learnt)
    await client.identify()
    jellyfin.clear_log()
    assert (await client.probe()).version == "12.0.0"
    assert len(jellyfin.requests) == 1
    jellyfin.profile = replace(jellyfin.profile, version="12.1.0")
    assert (await client.probe()).version == "12.0.0"
    await jellyfin.go_dark()
    with pytest.raises(ServerError):
        await client.probe()
    await jellyfin.come_back()
    assert (await client.probe()).version == "12.1.0"
    assert learnt.version == "12.1.0"
    jellyfin.clear_log()
    assert (await client.probe()).version == "12.1.0"
    assert len(jellyfin.requests) == 1


async def test_shows_that_are_folded_into_one_row_are_noticed(
    session: ClientSession, jellyfin: FakeJellyfin, learnt: Learnt
) -> None:
    client = jellyfin_client(session, jellyfin, learnt)
    catalogue = jellyfin.catalogue
    twins = [one.id for one in catalogue.items.values() if one.name == "Two Homes"]
    assert set(await client.fetch(twins[:1])) == set(twins[:1])
    assert learnt.flag(Trait.BATCH_FOLDS) is None
    assert set(await client.fetch(twins)) == set(twins)
    assert learnt.flag(Trait.BATCH_FOLDS) is True


async def test_mark_of_ours_that_is_told_is_noticed(
    session: ClientSession, jellyfin: FakeJellyfin, learnt: Learnt
) -> None:
    client = jellyfin_client(session, jellyfin, learnt)
    film = await reading(client, jellyfin.item_id("Alien"))
    async with asyncio.timeout(30), aclosing(client.listen()) as events:
        await anext(events)
        await client.write(film.item, MarkWatched(), film.state)
        event = await anext(events)
    assert isinstance(event, Changed)
    assert film.item.item_id in event.item_ids
    assert learnt.flag(Trait.MARK_TOLD) is True


async def test_time_that_the_episodes_of_a_show_take_is_kept(
    session: ClientSession, jellyfin: FakeJellyfin, learnt: Learnt
) -> None:
    client = jellyfin_client(session, jellyfin, learnt)
    show = await reading(client, jellyfin.item_id("Chernobyl"))
    await client.fetch_leaves(show.item)
    assert learnt.number(Trait.EPISODE_PAGE_TIME) is not None
    assert learnt.number(Trait.SHOW_PAGE_TIME) is None


@pytest.mark.parametrize("dated", [False, True])
@pytest.mark.parametrize("kind", ["plex", "jellyfin", "emby"])
async def test_count_after_a_mark_is_learnt(
    session: ClientSession, learnt: Learnt, kind: str, *, dated: bool
) -> None:
    server: FakePlex | FakeJellyfin
    server = {"plex": FakePlex, "jellyfin": FakeJellyfin, "emby": FakeEmby}[kind]()
    async with server:
        client: MediaServer
        if isinstance(server, FakePlex):
            client = plex_client(session, server, learnt)
            film_id = server.rating_key("Alien")
        else:
            client = jellyfin_client(session, server, learnt)
            film_id = server.item_id("Alien")
        film = await reading(client, film_id)
        mark = MarkWatched(server.clock() if dated else None)
        await client.write(film.item, mark, film.state)
        seen = await reading(client, film_id)
        # A Jellyfin is told the count along with a date, which shows nothing.
        shows = not dated or kind != "jellyfin"
        assert learnt.number(Trait.MARK_COUNT) == (1 if shows else None)
        await client.write(film.item, MarkUnwatched(), seen.state)
        await reading(client, film_id)
        assert learnt.number(Trait.UNMARK_COUNT) == 0


# What is learnt of marks, and of time


def test_count_is_learnt_only_where_the_mark_shows(learnt: Learnt) -> None:
    marks = AfterMarks(learnt)
    marks.marked(FILM, UNWATCHED, watched=True)
    marks.read([Reading(FILM, UNWATCHED)])
    marks.read([Reading(FILM, WATCHED)])
    assert learnt.number(Trait.MARK_COUNT) is None


@pytest.mark.parametrize(
    ("item", "state"),
    [
        (FILM, WATCHED),
        (FILM, PlayState(watched=False, play_count=2)),
        (replace(FILM, kind=MediaKind.SEASON), UNWATCHED),
    ],
)
def test_mark_of_what_had_plays_or_is_no_item_shows_no_count(
    learnt: Learnt, item: Item, state: PlayState
) -> None:
    marks = AfterMarks(learnt)
    marks.marked(item, state, watched=True)
    marks.read([Reading(item, WATCHED)])
    assert learnt.number(Trait.MARK_COUNT) is None


def test_marks_that_are_never_read_again_are_forgotten(learnt: Learnt) -> None:
    marks = AfterMarks(learnt)
    items = [replace(FILM, item_id=str(number)) for number in range(200)]
    for one in items:
        marks.marked(one, UNWATCHED, watched=True)
    marks.told(["0"])
    marks.read([Reading(items[0], WATCHED)])
    assert learnt.as_json() == []
    marks.told(["199"])
    marks.told(["199"])
    marks.read([Reading(items[199], WATCHED)])
    assert learnt.flag(Trait.MARK_TOLD) is True
    assert learnt.number(Trait.MARK_COUNT) == 1


@pytest.mark.parametrize("error", [None, Unanswered("no answer"), ServerError("down")])
def test_time_of_answers_and_of_waiting_in_vain_is_kept(
    monkeypatch: pytest.MonkeyPatch, error: ServerError | None
) -> None:
    times = iter([10.0, 70.5])
    monkeypatch.setattr(learning, "monotonic", lambda: next(times))
    learnt = nothing_learnt()
    raised: ServerError | None = None
    try:
        with timed(learnt, Trait.FILM_PAGE_TIME):
            if error is not None:
                raise error
    except ServerError as err:
        raised = err
    assert raised is error
    waited = error is None or isinstance(error, Unanswered)
    assert learnt.number(Trait.FILM_PAGE_TIME) == (60.5 if waited else None)
