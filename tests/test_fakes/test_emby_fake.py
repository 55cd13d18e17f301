"""The simulated Emby: where it differs from Jellyfin, each as it was measured.

E1-E13 are the differences that matter to a client, in the order of a client's life.
"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
import json
from typing import Any

from aiohttp import ClientSession, WSServerHandshakeError
import pytest

from tests.fakes.base import FakeClock
from tests.fakes.emby import FakeEmby
from tests.fakes.jellyfin import TICKS_PER_SECOND
from tests.fakes.library import MOVIES_4K_LIBRARY

from .jellyfin_desk import Desk, Person, authorization

pytestmark = pytest.mark.usefixtures("socket_enabled")

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with Desk(FakeEmby(clock=FakeClock(NOON), debounce=0.01)) as opened:
        yield opened


@pytest.fixture
def alex(desk: Desk) -> Person:
    return desk.alex


@pytest.fixture
def film(desk: Desk) -> str:
    return desk.jf.item_id("Alien")


def below(person: Person, path: str) -> str:
    return f"/Users/{person.id}{path}"


async def listed(person: Person, **params: Any) -> dict[str, Any]:
    page = await person.read(below(person, "/Items"), **params)
    (item,) = page["Items"]
    found: dict[str, Any] = item
    return found


async def test_e1_it_does_not_say_what_product_it_is(desk: Desk) -> None:
    info = await desk.stranger.read("/System/Info/Public")
    assert "ProductName" not in info
    assert "StartupWizardCompleted" not in info
    assert info["RemoteAddresses"] == []
    assert info["Version"] == "4.9.5.0"
    assert await desk.stranger.read("/emby/System/Info/Public") == info


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/Users/Me", 500),
        ("GET", "/QuickConnect/Enabled", 404),
        ("POST", "/QuickConnect/Initiate", 404),
        ("GET", "/UserItems/Resume", 404),
        ("GET", "/UserViews", 404),
        ("POST", "/UserPlayedItems/{film}", 404),
        ("POST", "/UserItems/{film}/UserData", 404),
        ("GET", "/Items/{film}", 404),
        ("GET", "/Users/{user}", 200),
        ("GET", "/Users/{user}/Items/{film}", 200),
        ("GET", "/Users/{user}/Items/Resume", 200),
        ("GET", "/Users/{user}/Views", 200),
        ("POST", "/Users/{user}/PlayedItems/{film}", 200),
    ],
)
async def test_e2_everything_is_below_the_user(
    alex: Person, film: str, method: str, path: str, status: int
) -> None:
    filled = path.format(film=film, user=alex.id)
    assert (await alex.ask(method, filled, {})).status == status
    assert (await alex.ask(method, f"/emby{filled}", {})).status == status


async def test_e3_the_token_may_come_in_each_of_its_headers(
    desk: Desk, alex: Person
) -> None:
    token = desk.jf.token_for("alex", "alex-device")
    for headers in ({"X-Emby-Token": token}, authorization(token)):
        sender = desk.with_headers(headers)
        assert (await sender.read(f"/Users/{alex.id}"))["Name"] == "alex"
    assert (await desk.login("alex")).status == 200
    assert (await desk.login("alex", "wrong")).status == 401


async def test_e4_ids_of_items_are_decimal(desk: Desk, alex: Person, film: str) -> None:
    assert film.isdecimal()
    assert (await listed(alex, ids=film))["Id"] == film
    gone = [item for item in desk.jf.catalogue.items if not item.isdecimal()]
    assert gone == []
    desk.jf.remove_item(film)
    again = desk.jf.readd_item(film)
    assert again.isdecimal()
    assert again != film
    poster = await alex.get(f"/Items/{again}/Images/Primary")
    assert poster.raw.startswith(b"\x89PNG")


async def test_e5_a_date_is_fourteen_digits(
    desk: Desk, alex: Person, film: str
) -> None:
    path = below(alex, f"/PlayedItems/{film}")
    reply = await alex.ask("POST", path, DatePlayed="2026-10-31T21:30:00Z")
    assert reply.status == 400
    assert (await alex.ask("POST", path, DatePlayed="20261031213000")).status == 200
    state = desk.jf.state("alex", film)
    assert state.last_played_date == datetime(2026, 10, 31, 21, 30, tzinfo=UTC)
    assert state.play_count == 1


async def test_e6_user_data_that_are_not_sent_are_lost(
    desk: Desk, alex: Person, film: str
) -> None:
    await desk.jf.set_state("alex", film, played=True, play_count=3)
    row = desk.jf.states.row(desk.jf.user("alex"), desk.jf.catalogue.items[film])
    row.favorite = True
    path = below(alex, f"/Items/{film}/UserData")
    position = 600 * TICKS_PER_SECOND
    reply = await alex.ask("POST", path, {"PlaybackPositionTicks": position})
    assert (reply.status, reply.text) == (204, "")
    assert row.position_ticks == position
    assert (row.played, row.play_count, row.favorite) == (False, 0, False)
    assert row.last_played_date is None


async def test_e7_a_listing_withholds_what_it_is_not_asked_for(
    desk: Desk, alex: Person, film: str
) -> None:
    await desk.jf.set_state("alex", film, played=True, play_count=3)
    item = await listed(alex, ids=film)
    assert "ProductionYear" not in item
    assert "PremiereDate" not in item
    assert item["UserData"] == {
        "PlaybackPositionTicks": 0,
        "PlayCount": 0,
        "IsFavorite": False,
        "Played": True,
    }
    item = await listed(
        alex,
        ids=film,
        fields="ProductionYear,PremiereDate,UserDataPlayCount,UserDataLastPlayedDate",
    )
    assert item["ProductionYear"] == 1979
    assert item["PremiereDate"].startswith("1979-")
    assert item["UserData"]["PlayCount"] == 3
    assert item["UserData"]["LastPlayedDate"].startswith("2026-11-21T12:00:00")
    whole = await alex.read(below(alex, f"/Items/{film}"))
    assert whole["ProductionYear"] == 1979
    assert whole["UserData"]["PlayCount"] == 3
    without = await listed(alex, ids=film, enableUserData="false")
    assert "UserData" not in without


async def test_e7_a_show_has_counts_and_no_percentage(desk: Desk, alex: Person) -> None:
    show = desk.jf.item_id("Chernobyl")
    await desk.jf.set_state(
        "alex", desk.jf.item_id("Chernobyl", season=1, episode=1), played=True
    )
    item = await listed(alex, ids=show, fields="RecursiveItemCount")
    assert item["RecursiveItemCount"] == 5
    assert item["UserData"]["UnplayedItemCount"] == 4
    assert "PlayedPercentage" not in item["UserData"]


async def test_e8_next_episodes_are_among_the_resumable_and_nowhere_else(
    desk: Desk, alex: Person, film: str
) -> None:
    jf = desk.jf
    await jf.set_state("alex", film, position_ticks=9, last_played_date=NOON)
    undated = jf.item_id("Arrival")
    await jf.set_state("alex", undated, position_ticks=9)
    first, second, third = (
        jf.item_id("Severance", season=1, episode=number) for number in (1, 2, 3)
    )
    await jf.set_state("alex", first, played=True)

    async def ids(path: str, **params: Any) -> list[str]:
        page = await alex.read(path, userId=alex.id, **params)
        return [item["Id"] for item in page["Items"]]

    resume = below(alex, "/Items/Resume")
    assert await ids(resume, mediaTypes="Video") == [film, second]
    assert await ids("/Shows/NextUp") == []
    show = jf.item_id("Severance")
    assert await ids("/Shows/NextUp", seriesId=show) == [second]
    await jf.set_state("alex", second, position_ticks=9, last_played_date=NOON)
    assert sorted(await ids(resume, mediaTypes="Video")) == sorted([film, second])
    await jf.set_state("alex", second, played=True)
    assert await ids(resume, mediaTypes="Video") == [film, third]


async def test_e8_items_are_found_by_their_provider_ids(
    desk: Desk, alex: Person
) -> None:
    page = await alex.read(
        below(alex, "/Items"),
        recursive="true",
        includeItemTypes="Movie",
        anyProviderIdEquals="imdb.tt0083658,tmdb.603",
    )
    assert {item["Id"] for item in page["Items"]} == {
        desk.jf.item_id("Blade Runner"),
        desk.jf.item_id("Blade Runner", library=MOVIES_4K_LIBRARY),
        desk.jf.item_id("The Matrix"),
    }


async def test_e9_the_socket_is_elsewhere_and_takes_the_token_in_its_address(
    desk: Desk, alex: Person, film: str
) -> None:
    token = desk.jf.token_for("alex", "alex-device")
    for path, status in (
        ("/socket", 404),
        ("/", 404),
        ("/embywebsocket", 403),
        ("/embywebsocket?api_key=unknown", 403),
    ):
        async with ClientSession() as session:
            with pytest.raises(WSServerHandshakeError) as caught:
                await session.ws_connect(desk.jf.url + path)
            assert caught.value.status == status
    path = f"/emby/embywebsocket?api_key={token}&deviceId=alex-device"
    async with alex.listen(path) as ear:
        # Neither greeting nor answer: it is kept alive by pings alone.
        await ear.say("KeepAlive")
        await desk.jf.set_state("alex", film, played=True)
        data = await ear.next("UserDataChanged")
        assert film in {entry["ItemId"] for entry in data["UserDataList"]}
        desk.jf.clock.advance(600)
        await desk.jf.tick()
        await desk.jf.set_state("alex", film, played=False)
        assert (await ear.message())["MessageType"] == "UserDataChanged"


async def test_e10_a_report_of_playback_needs_a_session(
    alex: Person, film: str
) -> None:
    for what in ("", "/Progress"):
        assert await alex.report(what, ItemId=film) == 400
        assert await alex.report(what, ItemId=film, PlaySessionId="one") == 204
    assert await alex.report("/Stopped", ItemId=film, PositionTicks=0) == 204
    assert await alex.report("", ItemId="x", PlaySessionId="one") == 400


async def test_body_of_user_data_is_json(alex: Person, film: str) -> None:
    path = below(alex, f"/Items/{film}/UserData")
    reply = await alex.ask("POST", path, json.dumps({}))
    assert reply.status == 400


async def test_e11_a_mark_by_hand_may_count_no_play(film: str) -> None:
    async with Desk(FakeEmby(debounce=0.01, marks_counted=False)) as desk:
        path = below(desk.alex, f"/PlayedItems/{film}")
        assert (await desk.alex.ask("POST", path)).status == 200
        state = desk.jf.state("alex", film)
        assert (state.played, state.play_count) == (True, 0)
        assert state.last_played_date is not None


async def test_e12_taking_a_mark_off_may_leave_the_count(film: str) -> None:
    async with Desk(FakeEmby(debounce=0.01, unmarks_reset_count=False)) as desk:
        await desk.jf.set_state("alex", film, played=True, play_count=3)
        path = below(desk.alex, f"/PlayedItems/{film}")
        assert (await desk.alex.ask("DELETE", path)).status == 200
        state = desk.jf.state("alex", film)
        assert (state.played, state.play_count) == (False, 3)
        assert state.last_played_date is None


async def test_e13_views_are_more_than_libraries(desk: Desk, alex: Person) -> None:
    desk.jf.catalogue.add_channel("Trailers")
    desk.jf.catalogue.add_library("Live TV", "livetv")
    page = await alex.read(below(alex, "/Views"))
    views = {one["Name"]: one for one in page["Items"]}
    assert views["Trailers"]["Type"] == "Channel"
    assert "CollectionType" not in views["Trailers"]
    assert views["Live TV"]["CollectionType"] == "livetv"
