"""Playback reports and pictures, where the two kinds of server differ."""

from collections.abc import AsyncIterator
from dataclasses import replace
import re
from typing import Any

from aiohttp import ClientSession
from aioresponses import aioresponses
from hypothesis import given, strategies as st
import pytest

from custom_components.watched_sync.core.errors import (
    Fault,
    ItemGone,
    Refused,
    ServerError,
    Unreachable,
    Unsupported,
)
from custom_components.watched_sync.core.identity import Item, MediaKind
from custom_components.watched_sync.core.ports import (
    PlaybackReport,
    PlaybackState,
    ServerInfo,
)
from custom_components.watched_sync.servers import playbacks
from custom_components.watched_sync.servers.jellyfin.client import JellyfinClient
from custom_components.watched_sync.servers.jellyfin.dialect import EMBY
from custom_components.watched_sync.servers.playbacks import (
    Playbacks,
    device_of,
    header_text,
)
from custom_components.watched_sync.servers.plex.client import PlexClient
from tests.fakes.base import FaultKind
from tests.fakes.emby import FakeEmby
from tests.fakes.jellyfin import TICKS_PER_SECOND, FakeJellyfin
from tests.fakes.plex import FakePlex
from tests.fakes.poster import STORED_WIDTH, size_of

from .json_strategies import ANYTHING
from .sent import sent

PLAYING, PAUSED, STOPPED = PlaybackState
ADDRESS = "http://127.0.0.1:32400"
KNOWN = ServerInfo("9" * 40, "den", "1.43.0", "1", "alex")
FILM = Item("41", MediaKind.MOVIE, "Alien", duration=7020.0)

pytestmark = pytest.mark.usefixtures("socket_enabled")


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    async with ClientSession() as opened:
        yield opened


@pytest.fixture
async def plex() -> AsyncIterator[FakePlex]:
    async with FakePlex() as running:
        yield running


@pytest.fixture
async def jellyfin() -> AsyncIterator[FakeJellyfin]:
    async with FakeJellyfin() as running:
        yield running


def plex_client(
    session: ClientSession, server: FakePlex, user: str = "alex"
) -> PlexClient:
    return PlexClient(
        session, server.url, server.token_for(user), client_id="our-client"
    )


def jellyfin_client(
    session: ClientSession, server: FakeJellyfin, **options: Any
) -> JellyfinClient:
    return JellyfinClient(
        session,
        server.url,
        server.token_for("alex"),
        user_id=server.user_id("alex"),
        device_id="test-device",
        **options,
    )


async def item_of(client: PlexClient | JellyfinClient, item_id: str) -> Item:
    return (await client.fetch([item_id]))[item_id].item


def report_of(
    item: Item,
    state: PlaybackState = PLAYING,
    position: float = 1000.0,
    session: str = "one",
    **more: Any,
) -> PlaybackReport:
    return PlaybackReport(
        session_id=session, item=item, state=state, position=position, **more
    )


# What is remembered of playbacks


def test_the_oldest_playbacks_are_forgotten() -> None:
    known = Playbacks(list[int])
    known.of("first").append(1)
    known.of("kept").append(2)
    for number in range(playbacks.MOST - 2):
        known.of(str(number))
    assert known.of("first") == [1]
    known.of("one more")
    assert known.of("first") == [1]
    assert known.of("kept") == []


def test_ended_playback_is_forgotten_and_may_be_ended_again() -> None:
    known = Playbacks(list[int])
    known.of("one").append(1)
    known.end("one")
    known.end("one")
    assert known.of("one") == []


def test_devices_of_players_stay_and_differ() -> None:
    assert device_of("us", "media_player.tv") == device_of("us", "media_player.tv")
    others = {
        device_of("us", "media_player.tv"),
        device_of("us", "media_player.hall"),
        device_of("them", "media_player.tv"),
    }
    assert len(others) == 3
    assert all(re.fullmatch(r"(us|them)-[0-9a-f]{12}", one) for one in others)


@given(st.text())
def test_anything_can_be_made_a_header(value: str) -> None:
    made = header_text(value, "Watched Sync")
    assert made
    assert len(made) <= 64
    assert made.isprintable()
    assert made.encode()
    if value.isascii() and value.isprintable() and value.strip() == value != "":
        assert made == value[:64]


# Plex


async def test_playback_has_one_queue_and_every_report_names_it(
    session: ClientSession, plex: FakePlex
) -> None:
    client = plex_client(session, plex)
    film = await item_of(client, plex.rating_key("Arrival"))
    for position in (100.0, 110.0, 120.0):
        await client.report(report_of(film, position=position))
    await client.report(report_of(film, STOPPED, 120.0))
    (queue,) = plex.play_queues
    ((queue_item, key),) = queue.items
    assert key == film.item_id
    reports = plex.find("^/:/timeline")
    assert [one.method for one in reports] == ["POST"] * 4
    for one in reports:
        assert one.query["playQueueItemID"] == str(queue_item)
        assert one.query["containerKey"] == f"/playQueues/{queue.number}"
        assert one.query["duration"] == str(round((film.duration or 0) * 1000))
    await client.report(report_of(film, session="two"))
    assert len(plex.play_queues) == 2


async def test_every_player_is_a_device_with_a_name(
    session: ClientSession, plex: FakePlex
) -> None:
    client = plex_client(session, plex)
    film = await item_of(client, plex.rating_key("Arrival"))
    await client.report(
        report_of(film, session="a", player_id="media_player.tv", player="TV Küche")
    )
    await client.report(report_of(film, session="b", player_id="media_player.hall"))
    first, second = (one.report for one in plex.sessions)
    assert first.client_id == device_of("our-client", "media_player.tv")
    assert second.client_id == device_of("our-client", "media_player.hall")
    assert (first.device, second.device) == ("TV Küche", "Home Assistant")
    assert (first.session_id, second.session_id) == ("a", "b")
    assert first.product == "Watched Sync"


@pytest.mark.parametrize(
    ("answer", "status"), [("{}", 200), ("<html>", 200), ("", 403), ("", 500)]
)
async def test_playback_is_reported_without_a_queue_where_none_is_made(
    session: ClientSession, answer: str, status: int
) -> None:
    client = PlexClient(session, ADDRESS, "token", client_id="us", known=KNOWN)
    with aioresponses() as mock:
        mock.post(re.compile(rf"{ADDRESS}/playQueues"), body=answer, status=status)
        mock.post(re.compile(rf"{ADDRESS}/:/timeline"), body="", repeat=True)
        await client.report(report_of(FILM))
        await client.report(report_of(FILM, position=1010.0))
        lines = [one.line for one in sent(mock)]
        reports = [one for one in sent(mock) if "timeline" in one.line]
    assert lines.count("POST /playQueues") == 1
    assert len(reports) == 2
    assert all("playQueueItemID" not in one.url.query for one in reports)


async def test_server_without_queues_is_told_all_the_same(
    session: ClientSession, plex: FakePlex
) -> None:
    plex.options.play_queues = False
    client = plex_client(session, plex)
    film = await item_of(client, plex.rating_key("Arrival"))
    for position in (1000.0, 3000.0, 6900.0):
        await client.report(report_of(film, position=position))
    assert plex.state("alex", film.item_id).view_count == 1
    assert plex.count("^/playQueues") == 1


async def test_unreachable_server_is_asked_for_a_queue_another_time(
    session: ClientSession, plex: FakePlex
) -> None:
    client = plex_client(session, plex)
    film = await item_of(client, plex.rating_key("Arrival"))
    plex.fail(FaultKind.DROPPED, path="^/playQueues")
    with pytest.raises(Unreachable):
        await client.report(report_of(film))
    assert plex.count("^/playQueues") == 1
    assert not plex.find("^/:/timeline")
    await client.report(report_of(film))
    assert len(plex.play_queues) == 1
    assert len(plex.sessions) == 1


async def test_server_that_takes_reports_by_get_gets_them(
    session: ClientSession, plex: FakePlex
) -> None:
    plex.options.timeline_methods = frozenset({"GET"})
    client = plex_client(session, plex)
    film = await item_of(client, plex.rating_key("Arrival"))
    for position in (1000.0, 1010.0):
        await client.report(report_of(film, position=position))
    methods = [one.method for one in plex.find("^/:/timeline")]
    assert methods == ["POST", "GET", "GET"]


async def test_ended_playback_is_reported_no_more_but_for_its_stop(
    session: ClientSession, plex: FakePlex
) -> None:
    client = plex_client(session, plex)
    film = await item_of(client, plex.rating_key("Arrival"))
    await client.report(report_of(film))
    plex.terminate_sessions()
    for position in (1010.0, 1020.0, 1030.0):
        with pytest.raises(Refused):
            await client.report(report_of(film, position=position))
    assert plex.zombie_reports == []
    assert plex.count("^/:/timeline") == 2
    await client.report(report_of(film, STOPPED, 1030.0))
    assert plex.sessions == []
    # Played once more, it is another playback.
    await client.report(report_of(film, session="two"))
    assert len(plex.sessions) == 1


async def test_length_that_nobody_knows_is_the_players(session: ClientSession) -> None:
    client = PlexClient(session, ADDRESS, "token", client_id="us", known=KNOWN)
    unknown = replace(FILM, duration=None)
    row = {"ratingKey": "41", "type": "movie", "title": "Alien"}
    with aioresponses() as mock:
        mock.get(
            re.compile(rf"{ADDRESS}/library/metadata/41"),
            payload={"MediaContainer": {"Metadata": [row]}},
            repeat=True,
        )
        mock.post(re.compile(rf"{ADDRESS}/:/timeline"), body="", repeat=True)
        with pytest.raises(Unsupported):
            await client.report(report_of(unknown, STOPPED))
        await client.report(report_of(unknown, STOPPED, 99.0, duration=90.0))
        (report,) = [one for one in sent(mock) if "timeline" in one.line]
    assert (report.url.query["time"], report.url.query["duration"]) == ("90000",) * 2


async def test_playback_seen_only_beyond_the_threshold_marks_nothing(
    session: ClientSession, plex: FakePlex
) -> None:
    """As measured: only a session that crosses the threshold counts a play."""
    client = plex_client(session, plex)
    film = await item_of(client, plex.rating_key("Arrival"))
    end = 0.97 * (film.duration or 0.0)
    await client.report(report_of(film, PLAYING, end))
    await client.report(report_of(film, STOPPED, end))
    assert plex.states("alex") == {}


async def test_managed_user_can_be_reported(
    session: ClientSession, plex: FakePlex
) -> None:
    kim = PlexClient(
        session,
        plex.url,
        plex.token_for("kim"),
        client_id="kims",
        known=replace(KNOWN, server_id=plex.machine_identifier),
    )
    film = await item_of(kim, plex.rating_key("Arrival"))
    for position in (1000.0, 6900.0):
        await kim.report(report_of(film, position=position))
    assert plex.state("kim", film.item_id).view_count == 1
    assert plex.states("alex") == {}


async def test_picture_is_read_as_it_is_where_none_is_scaled(
    session: ClientSession, plex: FakePlex
) -> None:
    plex.options.photo_transcoder = False
    client = plex_client(session, plex)
    image = await client.image(
        await item_of(client, plex.rating_key("Arrival")), width=60
    )
    assert size_of(image.data)[0] == STORED_WIDTH
    assert "X-Plex-Token" not in plex.requests[-1].query


async def test_picture_takes_two_requests(
    session: ClientSession, plex: FakePlex
) -> None:
    client = plex_client(session, plex)
    film = await item_of(client, plex.rating_key("Arrival"))
    plex.clear_log()
    await client.image(film, width=60)
    assert [one.path for one in plex.requests] == [
        f"/library/metadata/{film.item_id}",
        "/photo/:/transcode",
    ]


async def test_picture_on_another_host_is_not_asked_for(session: ClientSession) -> None:
    client = PlexClient(session, ADDRESS, "token", client_id="us", known=KNOWN)
    row = {"ratingKey": "41", "thumb": "https://example.org/x.jpg"}
    with aioresponses() as mock:
        mock.get(
            re.compile(rf"{ADDRESS}/library/metadata/41"),
            payload={"MediaContainer": {"Metadata": [row]}},
        )
        with pytest.raises(ItemGone):
            await client.image(FILM, width=100)
        assert len(sent(mock)) == 1


async def test_picture_whose_file_is_lost_gives_way_to_the_next(
    session: ClientSession,
) -> None:
    client = PlexClient(session, ADDRESS, "token", client_id="us", known=KNOWN)
    row = {"ratingKey": "41", "thumb": "/a/1?width=9", "parentThumb": "/b/2"}
    with aioresponses() as mock:
        mock.get(
            re.compile(rf"{ADDRESS}/library/metadata/41"),
            payload={"MediaContainer": {"Metadata": [row]}},
        )
        mock.get(re.compile(rf"{ADDRESS}/photo/"), status=500, repeat=True)
        mock.get(f"{ADDRESS}/a/1", status=404)
        mock.get(f"{ADDRESS}/b/2", body=b"x", content_type="image/jpeg")
        assert (await client.image(FILM, width=100)).data == b"x"


@given(thumb=ANYTHING, parent=ANYTHING)
async def test_nothing_but_a_server_error_comes_of_a_strange_picture(
    thumb: Any, parent: Any
) -> None:
    row = {"ratingKey": "41", "thumb": thumb, "parentThumb": parent}
    async with ClientSession() as session:
        client = PlexClient(session, ADDRESS, "token", client_id="us", known=KNOWN)
        with aioresponses() as mock:
            mock.get(
                re.compile(rf"{ADDRESS}/library/metadata/41"),
                payload={"MediaContainer": {"Metadata": [row]}},
            )
            mock.get(re.compile(".*"), status=404, repeat=True)
            with pytest.raises(ServerError):
                await client.image(FILM, width=100)
            assert all(one.url.host == "127.0.0.1" for one in sent(mock))


async def test_nobody_is_asked_whose_session_it_is(
    session: ClientSession, plex: FakePlex
) -> None:
    with pytest.raises(Unsupported):
        await plex_client(session, plex).session_user("1")
    assert not plex.requests


# Jellyfin and Emby


async def test_start_is_told_once_then_progress_then_the_stop(
    session: ClientSession, jellyfin: FakeJellyfin
) -> None:
    client = jellyfin_client(session, jellyfin)
    film = await item_of(client, jellyfin.item_id("Arrival"))
    for state, position in ((PLAYING, 100.0), (PAUSED, 110.0), (STOPPED, 9999.0)):
        await client.report(report_of(film, state, position))
    told = jellyfin.find("^/Sessions/")
    assert [one.path for one in told] == [
        "/Sessions/Playing",
        "/Sessions/Playing/Progress",
        "/Sessions/Playing/Stopped",
    ]
    playing = {"IsMuted": False, "CanSeek": True, "PlayMethod": "DirectPlay"}
    common = {"ItemId": film.item_id, "PlaySessionId": "one"}
    ticks = round((film.duration or 0) * TICKS_PER_SECOND)
    assert [one.body for one in told] == [
        common | playing | {"PositionTicks": 100 * TICKS_PER_SECOND, "IsPaused": False},
        common | playing | {"PositionTicks": 110 * TICKS_PER_SECOND, "IsPaused": True},
        common | {"PositionTicks": ticks},
    ]


async def test_reports_leave_the_device_of_the_token_as_it_is(
    session: ClientSession, jellyfin: FakeJellyfin
) -> None:
    client = jellyfin_client(session, jellyfin)
    film = await item_of(client, jellyfin.item_id("Arrival"))
    token = jellyfin.tokens[jellyfin.token_for("alex")]
    before = replace(token)
    await client.report(report_of(film, player="TV", player_id="media_player.tv"))
    assert token == before
    (playing,) = [
        one for one in jellyfin.sessions.all.values() if one.item_id is not None
    ]
    # The core integration makes no media player of such a session.
    assert playing.client == "Home Assistant"
    assert playing.device_id == device_of("test-device", "media_player.tv")


@pytest.mark.parametrize(
    ("profile", "plays"), [("10.10", 0), ("10.11", 0), ("12.0", 1)]
)
async def test_film_watched_again_counts_where_its_start_leaves_it_watched(
    session: ClientSession, profile: str, plays: int
) -> None:
    async with FakeJellyfin(profile=profile) as server:
        client = jellyfin_client(session, server)
        await client.identify()
        film = await item_of(client, server.item_id("Arrival"))
        await server.set_state("alex", film.item_id, played=True, play_count=3)
        for state, position in ((PLAYING, 100.0), (PLAYING, 3000.0), (STOPPED, 6900.0)):
            await client.report(report_of(film, state, position))
            assert server.state("alex", film.item_id).played
        assert server.state("alex", film.item_id).play_count == 3 + plays


async def test_film_that_goes_missing_while_it_plays_harms_nothing(
    session: ClientSession, jellyfin: FakeJellyfin
) -> None:
    client = jellyfin_client(session, jellyfin)
    film = await item_of(client, jellyfin.item_id("Arrival"))
    await client.report(report_of(film))
    jellyfin.remove_item(film.item_id)
    await client.report(report_of(film, STOPPED, 6900.0))


async def test_item_of_unknown_length_is_not_reported_as_that_would_mark_it(
    session: ClientSession, jellyfin: FakeJellyfin
) -> None:
    client = jellyfin_client(session, jellyfin)
    film = jellyfin.item_id("Arrival")
    jellyfin.set_runtime(film, None)
    with pytest.raises(Unsupported):
        await client.report(report_of(await item_of(client, film), duration=6960.0))
    assert not jellyfin.find("^/Sessions")


async def test_server_that_takes_no_reports_refuses_them(
    session: ClientSession, jellyfin: FakeJellyfin
) -> None:
    client = jellyfin_client(session, jellyfin)
    film = await item_of(client, jellyfin.item_id("Arrival"))
    jellyfin.fail(FaultKind.STATUS, status=404, path="^/Sessions")
    with pytest.raises(Refused):
        await client.report(report_of(film))


async def test_start_that_failed_is_told_again_only_if_it_was_not_counted(
    session: ClientSession, jellyfin: FakeJellyfin
) -> None:
    client = jellyfin_client(session, jellyfin)
    film = await item_of(client, jellyfin.item_id("Arrival"))
    jellyfin.fail(FaultKind.STATUS, status=500, path="^/Sessions/Playing$")
    with pytest.raises(Fault):
        await client.report(report_of(film))
    jellyfin.fail(FaultKind.APPLIED_BUT_DROPPED, path="^/Sessions/Playing$")
    with pytest.raises(Unreachable):
        await client.report(report_of(film))
    await client.report(report_of(film))
    await client.report(report_of(film))
    assert [one.path for one in jellyfin.find("^/Sessions")] == [
        "/Sessions/Playing",
        "/Sessions/Playing",
        "/Sessions/Playing/Progress",
        "/Sessions/Playing/Progress",
    ]
    assert jellyfin.state("alex", film.item_id).play_count == 1


async def test_restart_of_the_server_does_not_end_what_is_reported(
    session: ClientSession, jellyfin: FakeJellyfin
) -> None:
    client = jellyfin_client(session, jellyfin)
    film = await item_of(client, jellyfin.item_id("Arrival"))
    await client.report(report_of(film))
    await jellyfin.restart()
    await client.report(report_of(film, PLAYING, 3000.0))
    assert [one.item_id for one in jellyfin.sessions.all.values() if one.item_id] == [
        film.item_id
    ]
    await client.report(report_of(film, STOPPED, 6900.0))
    state = jellyfin.state("alex", film.item_id)
    assert (state.played, state.play_count) == (True, 1)


async def test_emby_is_told_the_session_it_insists_on(session: ClientSession) -> None:
    async with FakeEmby() as server:
        client = jellyfin_client(session, server, dialect=EMBY)
        film = await item_of(client, server.item_id("Arrival"))
        for state, position in ((PLAYING, 100.0), (STOPPED, 6900.0)):
            await client.report(report_of(film, state, position))
        told = server.find("^/Sessions/Playing")
        assert {one.body["PlaySessionId"] for one in told} == {"one"}
        assert server.state("alex", film.item_id).play_count == 1


async def test_picture_takes_one_request(
    session: ClientSession, jellyfin: FakeJellyfin
) -> None:
    client = jellyfin_client(session, jellyfin)
    film = await item_of(client, jellyfin.item_id("Arrival"))
    jellyfin.clear_log()
    await client.image(film, width=60)
    (request,) = jellyfin.requests
    assert request.path == f"/Items/{film.item_id}/Images/Primary"
    assert dict(request.query) == {"maxWidth": "60", "quality": "90"}
