"""The client library of the Jellyfin project talks to the simulated server."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

from jellyfin_apiclient_python.client import JellyfinClient
from jellyfin_apiclient_python.connection_manager import CONNECTION_STATE
import pytest

from tests.fakes.base import FaultKind
from tests.fakes.jellyfin import TICKS_PER_SECOND, FakeJellyfin

from .jellyfin_desk import ALL_PROFILES, PATIENCE

pytestmark = pytest.mark.usefixtures("socket_enabled")

MINUTE = 60 * TICKS_PER_SECOND


@pytest.fixture(params=ALL_PROFILES)
async def jf(request: pytest.FixtureRequest) -> AsyncIterator[FakeJellyfin]:
    async with FakeJellyfin(profile=request.param, debounce=0.01) as server:
        yield server


@pytest.fixture
def client() -> Iterator[JellyfinClient]:
    made = JellyfinClient()
    made.config.app("Watched Sync tests", "1.0", "Test Machine", "apiclient-device")
    made.config.data["auth.ssl"] = True
    made.config.data["http.max_retries"] = 0
    yield made
    made.stop()


@pytest.fixture
async def alex(jf: FakeJellyfin, client: JellyfinClient) -> Any:
    """What the library offers to alex, who signed in with a password."""
    state = await asyncio.to_thread(client.auth.connect_to_address, jf.url)
    assert state["State"] is CONNECTION_STATE.ServerSignIn
    answer = await asyncio.to_thread(
        client.auth.login, jf.url, "alex", jf.password("alex")
    )
    assert answer["User"]["Name"] == "alex"
    # What comes next needs what it knows: the session, the token, the user.
    credentials = client.auth.credentials.get_credentials()
    state = await asyncio.to_thread(client.authenticate, credentials, discover=False)
    assert state["State"] is CONNECTION_STATE.SignedIn
    await asyncio.to_thread(client.start)
    return client.jellyfin


async def test_library_finds_lists_marks_and_unmarks(
    jf: FakeJellyfin, alex: Any
) -> None:
    found = await asyncio.to_thread(alex.search_media_items, "Arrival", 2016, "Movie")
    (film,) = found["Items"]
    assert film["Id"] == jf.item_id("Arrival")
    item = await asyncio.to_thread(alex.get_item, film["Id"])
    assert item["ProviderIds"]["Imdb"] == "tt2543164"
    answer = await asyncio.to_thread(alex.item_played, film["Id"], watched=True)
    assert answer["Played"] is True
    assert jf.state("alex", film["Id"]).play_count == 1
    answer = await asyncio.to_thread(alex.item_played, film["Id"], watched=False)
    assert answer["Played"] is False
    assert jf.state("alex", film["Id"]).play_count == 0


async def test_library_walks_through_a_show(jf: FakeJellyfin, alex: Any) -> None:
    show = jf.item_id("Chernobyl")
    seasons = (await asyncio.to_thread(alex.get_seasons, show))["Items"]
    assert [season["Name"] for season in seasons] == ["Season 1"]
    page = await asyncio.to_thread(alex.get_season, show, seasons[0]["Id"])
    assert len(page["Items"]) == 5
    await asyncio.to_thread(alex.item_played, page["Items"][0]["Id"], watched=True)
    following = await asyncio.to_thread(alex.get_next)
    assert [item["Name"] for item in following["Items"]] == ["Please Remain Calm"]
    await asyncio.to_thread(alex.item_played, show, watched=True)
    assert all(jf.state("alex", leaf).played for leaf in jf.leaves(show))


async def test_library_reports_playback(jf: FakeJellyfin, alex: Any) -> None:
    film = jf.item_id("Arrival")
    report = {"ItemId": film, "PositionTicks": 30 * MINUTE, "IsPaused": False}
    await asyncio.to_thread(alex.session_playing, dict(report))
    await asyncio.to_thread(alex.session_progress, dict(report))
    (session,) = await asyncio.to_thread(alex.get_sessions)
    assert session["NowPlayingItem"]["Id"] == film
    await asyncio.to_thread(alex.session_stop, dict(report))
    assert jf.state("alex", film).position_ticks == 30 * MINUTE
    views = (await asyncio.to_thread(alex.get_views))["Items"]
    assert [view["Name"] for view in views][:1] == ["Movies"]


@pytest.mark.usefixtures("socket_enabled", "alex")
async def test_library_hears_what_others_do(
    jf: FakeJellyfin, client: JellyfinClient
) -> None:
    loop = asyncio.get_running_loop()
    heard: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
    client.callback = lambda kind, data: loop.call_soon_threadsafe(
        heard.put_nowait, (kind, data)
    )
    await asyncio.to_thread(client.start_wsc)
    try:
        async with asyncio.timeout(PATIENCE):
            while (await heard.get())[0] != "WebSocketConnect":
                pass
            await jf.set_state("alex", jf.item_id("Arrival"), played=True)
            while (message := await heard.get())[0] != "UserDataChanged":
                pass
        rows = {row["ItemId"]: row for row in message[1]["UserDataList"]}
        assert rows[jf.item_id("Arrival")]["Played"] is True
    finally:
        # Its own way to stop closes the socket under the thread that reads from it,
        # which then may wait for ever: let the server end the conversation.
        client.wsc.stop = True
        jf.sessions.close_all()
        await asyncio.to_thread(client.wsc.join, PATIENCE)
    assert not client.wsc.is_alive()


async def test_library_is_refused_with_a_wrong_password(
    jf: FakeJellyfin, client: JellyfinClient
) -> None:
    await asyncio.to_thread(client.auth.connect_to_address, jf.url)
    answer = await asyncio.to_thread(client.auth.login, jf.url, "alex", "wrong")
    assert not answer


async def test_library_ignores_a_500(jf: FakeJellyfin, alex: Any) -> None:
    film = jf.item_id("Arrival")
    jf.fail(FaultKind.STATUS, path="PlayedItems", status=500)
    assert await asyncio.to_thread(alex.item_played, film, watched=True) is None
    assert not jf.state("alex", film).played
