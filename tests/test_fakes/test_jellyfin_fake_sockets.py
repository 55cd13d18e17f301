"""Websockets of the simulated Jellyfin."""

import asyncio
from collections.abc import AsyncIterator
import json

from aiohttp import ClientError, WSMsgType
import pytest

from tests.fakes.jellyfin import TICKS_PER_SECOND

from .jellyfin_desk import ALL_PROFILES, PATIENCE, Desk, authorization, open_desk

pytestmark = pytest.mark.usefixtures("socket_enabled")

MINUTE = 60 * TICKS_PER_SECOND


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with open_desk() as opened:
        yield opened


@pytest.fixture
def arrival(desk: Desk) -> str:
    return desk.jf.item_id("Arrival")


# -- keep-alive --------------------------------------------------------------


async def test_f27_server_asks_for_keep_alive_and_answers_it(desk: Desk) -> None:
    async with desk.alex.listen() as ear:
        message = await ear.message()
        assert message["MessageType"] == "ForceKeepAlive"
        assert message["Data"] == 60
        assert len(message["MessageId"]) == 32
        await ear.say("KeepAlive")
        assert "Data" not in await ear.message()


@pytest.mark.parametrize("profile", ALL_PROFILES)
async def test_f27_server_reminds_after_45_seconds_of_silence(profile: str) -> None:
    async with open_desk(profile) as desk, desk.alex.listen() as ear:
        await ear.next("ForceKeepAlive")
        desk.jf.clock.advance(45)
        await desk.jf.tick()
        assert await ear.is_silent()
        desk.jf.clock.advance(46)
        # Other messages do not count.
        await ear.say("SessionsStop")
        await desk.jf.tick()
        assert await ear.next("ForceKeepAlive") == 60


async def test_f27_silent_socket_is_told_nothing_any_more_by_12() -> None:
    async with open_desk("12.0") as desk, desk.alex.listen() as ear:
        await ear.next("ForceKeepAlive")
        desk.jf.clock.advance(60)
        await desk.jf.tick()
        await desk.jf.set_state("alex", desk.jf.item_id("Arrival"), played=True)
        await ear.say("KeepAlive")
        desk.jf.flush()
        with pytest.raises(TimeoutError):
            await ear.ws.receive(timeout=0.2)
        # Seen for 90 seconds on a real server: it is not closed.
        assert len(desk.jf.sockets) == 1


@pytest.mark.parametrize("profile", ["10.10", "10.11"])
async def test_f27_silent_socket_is_left_open_before_12(profile: str) -> None:
    async with open_desk(profile) as desk, desk.alex.listen() as ear:
        await ear.next("ForceKeepAlive")
        for _ in range(3):
            desk.jf.clock.advance(60)
            await desk.jf.tick()
        await desk.jf.set_state("alex", desk.jf.item_id("Arrival"), played=True)
        await ear.next("UserDataChanged")


# -- user data ---------------------------------------------------------------


async def test_f28_change_is_announced_with_its_parent(
    desk: Desk, arrival: str
) -> None:
    episode = desk.jf.item_id("Chernobyl", season=1, episode=1)
    season = desk.jf.item_id("Chernobyl", season=1)
    async with desk.alex.listen() as ear:
        await ear.next("ForceKeepAlive")
        await desk.alex.mark(episode)
        data = await ear.next("UserDataChanged")
        assert data["UserId"] == desk.alex.id
        rows = {row["ItemId"]: row for row in data["UserDataList"]}
        assert rows.keys() == {episode, season}
        assert rows[episode]["Played"] is True
        assert rows[season]["UnplayedItemCount"] == 4
        await desk.alex.mark(arrival)
        data = await ear.next("UserDataChanged")
        film, folder = data["UserDataList"]
        assert film["ItemId"] == arrival
        # As recorded: the folder of the library, which is no item of any listing.
        assert desk.jf.catalogue.items[folder["ItemId"]].kind == "Folder"
        assert folder["UnplayedItemCount"] > 0
        assert (folder["Played"], folder["PlayCount"]) == (False, 0)
        # A mark that changes nothing is told as well.
        await desk.alex.mark(arrival)
        again = await ear.next("UserDataChanged")
        assert again["UserDataList"] == data["UserDataList"]


async def test_f28_burst_is_one_message(desk: Desk) -> None:
    season = desk.jf.item_id("Grey's Anatomy", season=3)
    async with desk.alex.listen() as ear:
        await ear.next("ForceKeepAlive")
        await desk.alex.mark(season)
        data = await ear.next("UserDataChanged")
        assert len(data["UserDataList"]) == 26
        assert await ear.is_silent()


async def test_f28_each_change_starts_the_wait_again() -> None:
    async with open_desk(debounce=3600) as desk, desk.alex.listen() as ear:
        await ear.next("ForceKeepAlive")
        await desk.alex.mark(desk.jf.item_id("Alien"))
        await desk.alex.mark(desk.jf.item_id("Stalker"))
        await desk.kim.mark(desk.jf.item_id("Stalker"))
        assert await ear.is_silent()
        # What a timer of all users does when it fires.
        desk.jf.flush()
        data = await ear.next("UserDataChanged")
        assert len(data["UserDataList"]) == 3
        assert await ear.is_silent()


async def test_f28_values_are_those_of_the_moment_of_sending(
    desk: Desk, arrival: str
) -> None:
    async with desk.alex.listen() as ear:
        await ear.next("ForceKeepAlive")
        await desk.jf.set_state("alex", arrival, played=True)
        await desk.jf.set_state("alex", arrival, played=False)
        data = await ear.next("UserDataChanged")
        rows = {row["ItemId"]: row for row in data["UserDataList"]}
        assert rows[arrival]["Played"] is False


async def test_f28_all_sessions_of_the_user_hear_it_and_nobody_else(
    desk: Desk, arrival: str
) -> None:
    tv = desk.person("alex", "tv")
    async with (
        desk.alex.listen() as own,
        tv.listen() as other,
        desk.kim.listen() as foreign,
    ):
        for ear in (own, other, foreign):
            await ear.next("ForceKeepAlive")
        await desk.alex.mark(arrival)
        await own.next("UserDataChanged")
        await other.next("UserDataChanged")
        assert await foreign.is_silent()


async def test_f28_progress_is_not_announced_though_it_marks_watched(
    desk: Desk, arrival: str
) -> None:
    async with desk.alex.listen() as ear:
        await ear.next("ForceKeepAlive")
        await desk.alex.report("", ItemId=arrival, PositionTicks=0)
        await ear.next("UserDataChanged")
        await desk.alex.report("/Progress", ItemId=arrival, PositionTicks=110 * MINUTE)
        assert desk.jf.state("alex", arrival).played
        desk.jf.flush()
        assert await ear.is_silent()
        await desk.alex.report("/Stopped", ItemId=arrival, PositionTicks=110 * MINUTE)
        data = await ear.next("UserDataChanged")
        rows = {row["ItemId"]: row for row in data["UserDataList"]}
        assert rows[arrival]["Played"] is True


async def test_f28_favourites_are_announced_like_everything_else(
    desk: Desk, arrival: str
) -> None:
    async with desk.alex.listen() as ear:
        await ear.next("ForceKeepAlive")
        await desk.alex.ask("POST", f"/UserFavoriteItems/{arrival}")
        data = await ear.next("UserDataChanged")
        rows = {row["ItemId"]: row for row in data["UserDataList"]}
        assert (rows[arrival]["IsFavorite"], rows[arrival]["Played"]) == (True, False)


async def test_f29_only_the_most_active_socket_of_a_session_hears_it(
    desk: Desk, arrival: str
) -> None:
    async with desk.alex.listen() as first, desk.alex.listen() as second:
        for ear in (first, second):
            await ear.next("ForceKeepAlive")
        await desk.jf.set_state("alex", arrival, played=True)
        await second.next("UserDataChanged")
        assert await first.is_silent()
        # That was the first one's sign of life: now it is the one.
        await desk.jf.set_state("alex", arrival, played=False)
        await first.next("UserDataChanged")
        assert await second.is_silent()


# -- sessions ----------------------------------------------------------------


async def test_f30_sessions_come_with_the_first_event_only(
    desk: Desk, arrival: str
) -> None:
    desk.jf._debounce = 3600  # told when it is flushed
    async with desk.alex.listen() as ear:
        await ear.next("ForceKeepAlive")
        await ear.say("SessionsStart", "0,1500")
        assert await ear.is_silent()
        await desk.jf.play("alex", arrival, position_ticks=MINUTE)
        sessions = await ear.next("Sessions")
        assert {one["UserId"] for one in sessions} == {desk.alex.id}
        while "NowPlayingItem" not in (one := sessions[-1]):
            sessions = await ear.next("Sessions")
        assert one["NowPlayingItem"]["Id"] == arrival
        await ear.say("SessionsStop")
        desk.jf.flush()
        while (await ear.message())["MessageType"] != "UserDataChanged":
            pass
        await desk.jf.stop_playing("alex", position_ticks=MINUTE)
        desk.jf.flush()
        await ear.next("UserDataChanged")
        assert await ear.is_silent()


async def test_f30_playing_sessions_come_once_per_interval(
    desk: Desk, arrival: str
) -> None:
    await desk.jf.play("alex", arrival)
    desk.jf.flush()
    async with desk.alex.listen() as ear:
        await ear.next("ForceKeepAlive")
        await ear.say("SessionsStart", "0,1500")
        assert await ear.is_silent()
        await desk.jf.tick()
        await ear.next("Sessions")
        await desk.jf.tick()
        assert await ear.is_silent()
        desk.jf.clock.advance(2)
        await desk.jf.tick()
        sessions = await ear.next("Sessions")
        positions = [one["PlayState"].get("PositionTicks") for one in sessions]
        assert 2 * TICKS_PER_SECOND in positions


async def test_f30_others_sessions_are_not_shown(desk: Desk, arrival: str) -> None:
    async with desk.alex.listen() as ear, desk.root.listen() as admin:
        for one in (ear, admin):
            await one.next("ForceKeepAlive")
            await one.say("SessionsStart", "0,1500")
            assert await one.is_silent()
        await desk.jf.play("kim", arrival)
        assert {one["UserId"] for one in await ear.next("Sessions")} == {desk.alex.id}
        shown = {one["UserId"] for one in await admin.next("Sessions")}
        assert desk.kim.id in shown


async def test_f30_ordinary_users_are_refused_silently_by_10_10() -> None:
    async with open_desk("10.10") as desk:
        arrival = desk.jf.item_id("Arrival")
        async with desk.alex.listen() as ear, desk.root.listen() as admin:
            for one in (ear, admin):
                await one.next("ForceKeepAlive")
                await one.say("SessionsStart", "0,1500")
            assert await ear.is_silent()
            assert await admin.is_silent()
            await desk.jf.play("kim", arrival)
            await admin.next("Sessions")
            assert await ear.is_silent()


@pytest.mark.parametrize(
    ("restarting", "kind"), [(False, "ServerShuttingDown"), (True, "ServerRestarting")]
)
async def test_f31_server_says_good_bye_and_closes_normally(
    desk: Desk, kind: str, *, restarting: bool
) -> None:
    async with desk.alex.listen() as ear, asyncio.TaskGroup() as group:
        await ear.next("ForceKeepAlive")
        group.create_task(desk.jf.shut_down(restarting=restarting))
        assert await ear.next(kind) == ""
        assert await ear.closed() == 1000
    assert not desk.jf.is_listening
    with pytest.raises(ClientError):
        await desk.alex.get("/Users/Me")
    await desk.jf.come_back()
    assert (await desk.alex.get("/Users/Me")).status == 200


async def test_f31_restart_forgets_sessions_and_keeps_tokens_and_states(
    desk: Desk, arrival: str
) -> None:
    await desk.alex.mark(arrival)
    port = desk.jf.port
    await desk.jf.restart()
    assert desk.jf.port == port
    assert await desk.alex.read("/Sessions") == []
    assert (await desk.alex.read(f"/Items/{arrival}"))["UserData"]["Played"] is True


async def test_f32_empty_frame_ends_the_connection(desk: Desk) -> None:
    async with desk.alex.listen() as ear:
        await ear.next("ForceKeepAlive")
        await ear.ws.send_str("")
        assert await ear.closed() == 1000


async def test_f32_nonsense_is_ignored(desk: Desk) -> None:
    async with desk.alex.listen() as ear:
        await ear.next("ForceKeepAlive")
        for text in ("nonsense", "[]", "{}", json.dumps({"MessageType": "Dance"})):
            await ear.ws.send_str(text)
        assert await ear.is_silent()


async def test_f33_session_goes_with_its_last_socket(desk: Desk) -> None:
    async with desk.root.listen() as watcher:
        await watcher.next("ForceKeepAlive")
        await watcher.say("SessionsStart", "0,1500")
        assert await watcher.is_silent()
        async with desk.alex.listen() as first:
            await first.next("ForceKeepAlive")
            assert len(await watcher.next("Sessions")) == 2
            async with desk.alex.listen() as second:
                await second.next("ForceKeepAlive")
            assert len(await desk.root.read("/Sessions")) == 2
        assert len(await watcher.next("Sessions")) == 1
    # One that only ever made requests stays.
    await desk.alex.mark(desk.jf.item_id("Arrival"))
    assert len(await desk.alex.read("/Sessions")) == 1


async def test_f33_two_clients_on_a_device_are_two_sessions(desk: Desk) -> None:
    token = desk.jf.token_for("alex", "alex-device")
    for client in ("One", "Two"):
        headers = authorization(token, client=client, device_id="alex-device")
        await desk.with_headers(headers).mark(desk.jf.item_id("Arrival"))
    found = await desk.alex.read("/Sessions")
    assert len({one["Id"] for one in found}) == 2


async def test_f34_administrator_who_writes_for_another_hears_that_ones_events(
    desk: Desk, arrival: str
) -> None:
    async with desk.root.listen() as ear:
        await ear.next("ForceKeepAlive")
        await desk.root.mark(arrival, userId=desk.kim.id)
        data = await ear.next("UserDataChanged")
        assert data["UserId"] == desk.kim.id
        await desk.jf.set_state("root", arrival, played=True)
        desk.jf.flush()
        assert await ear.is_silent()
        # The next request of its own makes the session root's again.
        await desk.root.unmark(arrival)
        assert (await ear.next("UserDataChanged"))["UserId"] == desk.root.id


async def test_library_changes_are_announced_to_everybody(
    desk: Desk, arrival: str
) -> None:
    show = desk.jf.item_id("Chernobyl")
    async with desk.alex.listen() as ear, desk.kim.listen() as other:
        await ear.next("ForceKeepAlive")
        await other.next("ForceKeepAlive")
        desk.jf.remove_item(show)
        data = await ear.next("LibraryChanged")
        assert len(data["ItemsRemoved"]) == 7
        assert arrival not in data["ItemsRemoved"]
        assert (await other.next("LibraryChanged")) == data
        again = desk.jf.readd_item(show)
        data = await ear.next("LibraryChanged")
        assert data["ItemsAdded"][0] == again
    assert len(await desk.alex.names(f"/Shows/{again}/Episodes")) == 5


async def test_sockets_can_be_cut_without_a_word(desk: Desk) -> None:
    async with desk.alex.listen() as ear:
        await ear.next("ForceKeepAlive")
        await desk.jf.drop_sockets()
        frame = await ear.ws.receive(timeout=PATIENCE)
        assert frame.type in {WSMsgType.CLOSED, WSMsgType.ERROR}
        assert ear.ws.close_code != 1000
        assert await desk.alex.read("/Sessions") == []
