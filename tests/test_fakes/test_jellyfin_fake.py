"""Authorization, reading and marking at the simulated Jellyfin."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta, timezone
import re

from aiohttp import ClientError, ClientTimeout, WSServerHandshakeError
import pytest

from tests.fakes.base import FakeClock, FaultKind
from tests.fakes.jellyfin import TICKS_PER_SECOND, FakeJellyfin, JellyfinState
from tests.fakes.jellyfin.auth import parse_authorization
from tests.fakes.library import (
    MOVIES_4K_LIBRARY,
    MOVIES_LIBRARY,
    SHOWS_LIBRARY,
    SeedEpisode,
    SeedMovie,
    SeedShow,
)
from tests.fakes.poster import STORED_WIDTH, size_of

from .jellyfin_desk import ALL_PROFILES, Desk, authorization, open_desk

pytestmark = pytest.mark.usefixtures("socket_enabled")

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
MINUTE = 60 * TICKS_PER_SECOND
UNSEEN = JellyfinState(
    played=False, play_count=0, position_ticks=0, last_played_date=None
)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with open_desk(clock=FakeClock(NOON)) as opened:
        yield opened


@pytest.fixture
def arrival(desk: Desk) -> str:
    return desk.jf.item_id("Arrival")


# -- authorization -----------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ('Client="a, b", Token="t"', {"Client": "a, b", "Token": "t"}),
        (
            'Device="Living%20Room%22", Token=t',
            {"Device": 'Living Room"', "Token": "t"},
        ),
        ('Client="a+b"', {"Client": "a b"}),
        ('client="a", TOKEN="t", Other="x"', {}),
        ('Token="first",Token="last"', {"Token": "last"}),
        ('Token= "t"', {"Token": ' "t'}),
    ],
)
def test_f1_header_is_split_unquoted_and_decoded(
    header: str, expected: dict[str, str]
) -> None:
    assert parse_authorization(header) == expected


async def test_f1_scheme_does_not_depend_on_case(desk: Desk) -> None:
    token = desk.jf.token_for("alex", "alex-device")
    shouting = desk.with_headers({"Authorization": f"MEDIABROWSER Token={token}"})
    assert (await shouting.read("/Users/Me"))["Name"] == "alex"


@pytest.mark.parametrize(("profile", "status"), [("10.10", 200), ("12.0", 401)])
async def test_f2_legacy_authorization_is_refused_by_12(
    profile: str, status: int
) -> None:
    async with open_desk(profile) as desk:
        token = desk.jf.token_for("alex")
        for headers in (
            {"X-Emby-Token": token},
            {"X-MediaBrowser-Token": token},
            {"X-Emby-Authorization": f'MediaBrowser Token="{token}"'},
            {"Authorization": f'Emby Token="{token}"'},
        ):
            assert (await desk.with_headers(headers).get("/Users/Me")).status == status
        reply = await desk.stranger.get("/Users/Me", api_key=token)
        assert reply.status == status


async def test_f2_login_with_the_legacy_header_is_a_bad_request_on_12() -> None:
    async with open_desk("12.0") as desk:
        header = authorization()["Authorization"]
        reply = await desk.stranger.ask(
            "POST",
            "/Users/AuthenticateByName",
            {"Username": "alex", "Pw": desk.jf.password("alex")},
            headers={"X-Emby-Authorization": header},
        )
        assert reply.status == 400


@pytest.mark.parametrize("profile", ALL_PROFILES)
async def test_f3_api_key_parameter_works_everywhere(profile: str) -> None:
    async with open_desk(profile) as desk:
        token = desk.jf.token_for("alex")
        assert (await desk.stranger.get("/Users/Me", ApiKey=token)).status == 200
        path = f"/socket?ApiKey={token}"
        async with desk.stranger.listen(path) as ear:
            assert await ear.next("ForceKeepAlive") == 60


async def test_f3_api_key_parameter_survives_a_proxy_that_owns_the_header(
    desk: Desk,
) -> None:
    token = desk.jf.token_for("alex")
    proxied = desk.with_headers({"Authorization": "Basic dTpw"})
    assert (await proxied.get("/Users/Me", ApiKey=token)).status == 200


async def test_f4_login_gives_a_token_that_works(desk: Desk) -> None:
    reply = await desk.login("alex")
    assert reply.status == 200
    answer = reply.json
    assert answer["ServerId"] == desk.jf.server_id
    assert answer["User"]["Id"] == desk.jf.user_id("alex")
    assert answer["SessionInfo"]["UserId"] == desk.jf.user_id("alex")
    assert re.fullmatch("[0-9a-f]{32}", answer["AccessToken"])
    me = desk.with_headers(authorization(answer["AccessToken"]))
    assert (await me.read("/Users/Me"))["Name"] == "alex"


async def test_f4_login_names_what_is_wrong_by_status(desk: Desk) -> None:
    assert (await desk.login("alex", "wrong")).status == 401
    assert (await desk.login("nobody", "x")).status == 401
    assert (await desk.login("pat")).status == 403
    assert (await desk.login(" ", "x")).status == 400


@pytest.mark.parametrize("missing", ["Client", "Device", "DeviceId", "Version"])
async def test_f4_login_without_a_client_field_is_a_bad_request(
    desk: Desk, missing: str
) -> None:
    header = authorization()["Authorization"].replace(f" {missing}=", " Missing=")
    reply = await desk.stranger.ask(
        "POST",
        "/Users/AuthenticateByName",
        {"Username": "alex", "Pw": desk.jf.password("alex")},
        headers={"Authorization": header},
    )
    assert reply.status == 400


async def test_f5_second_login_on_a_device_revokes_the_first_token(desk: Desk) -> None:
    first = (await desk.login("alex", device_id="tv")).json["AccessToken"]
    person = desk.with_headers(authorization(first, device_id="tv"))
    async with person.listen() as ear:
        await ear.next("ForceKeepAlive")
        second = (await desk.login("alex", device_id="tv")).json["AccessToken"]
        assert await ear.closed() == 1000
    assert second != first
    assert (await person.get("/Users/Me")).status == 401
    other = desk.with_headers(authorization(second, device_id="tv"))
    assert (await other.get("/Users/Me")).status == 200


async def test_f5_login_elsewhere_leaves_the_first_token_alone(desk: Desk) -> None:
    first = (await desk.login("alex", device_id="tv")).json["AccessToken"]
    await desk.login("alex", device_id="phone")
    await desk.login("kim", device_id="tv")
    person = desk.with_headers(authorization(first, device_id="tv"))
    assert (await person.get("/Users/Me")).status == 200


async def test_f6_no_token_and_a_bad_token_are_401_with_an_empty_body(
    desk: Desk,
) -> None:
    for headers in ({}, authorization("0" * 32)):
        reply = await desk.with_headers(headers).get("/Items")
        assert (reply.status, reply.text) == (401, "")


async def test_f6_websocket_with_a_bad_token_is_403(desk: Desk) -> None:
    for headers in ({}, authorization("0" * 32)):
        with pytest.raises(WSServerHandshakeError) as refusal:
            async with desk.with_headers(headers).listen():
                pass
        assert refusal.value.status == 403


async def test_f6_revoked_token_and_disabled_user_are_401(desk: Desk) -> None:
    desk.jf.revoke(desk.jf.token_for("alex", "alex-device"))
    assert (await desk.alex.get("/Users/Me")).status == 401
    desk.jf.disable("kim")
    assert (await desk.kim.get("/Users/Me")).status == 401


async def test_f6_logout_revokes_the_token(desk: Desk) -> None:
    assert (await desk.alex.ask("POST", "/Sessions/Logout")).status == 204
    assert (await desk.alex.get("/Users/Me")).status == 401


async def test_f6_what_is_for_administrators_is_403_for_others(desk: Desk) -> None:
    reply = await desk.alex.get("/Auth/Keys")
    assert (reply.status, reply.text) == (403, "")
    desk.jf.user("kim").remote_access = False
    assert (await desk.kim.get("/Users/Me")).status == 403


async def test_f7_acting_for_another_user_is_403_with_a_text(
    desk: Desk, arrival: str
) -> None:
    for path in (
        f"/UserPlayedItems/{arrival}?userId={desk.kim.id}",
        f"/Users/{desk.kim.id}/PlayedItems/{arrival}",
    ):
        reply = await desk.alex.ask("POST", path)
        assert (reply.status, reply.text) == (403, "Error processing request.")
    assert (await desk.alex.get("/Items", userId=desk.kim.id)).status == 403
    assert desk.jf.state("kim", arrival) == UNSEEN


@pytest.mark.parametrize("profile", ["10.11", "12.0"])
async def test_tokens_do_not_come_back_with_the_user(profile: str) -> None:
    async with open_desk(profile) as desk:
        desk.jf.disable("kim")
        assert (await desk.kim.get("/Users/Me")).status == 401
        assert (await desk.login("kim")).status == 403
        desk.jf.enable("kim")
        assert (await desk.kim.get("/Users/Me")).status == 401
        assert (await desk.login("kim")).status == 200
        desk.jf.change_password("alex", "another")
        assert (await desk.alex.get("/Users/Me")).status == 401
        assert (await desk.login("alex", "alex-password")).status == 401
        assert (await desk.login("alex")).status == 200
        desk.jf.disable("sam")
        late = desk.person("sam")
        desk.jf.enable("sam")
        assert (await late.get("/Users/Me")).status == 401


@pytest.mark.parametrize(
    ("day", "start", "end", "comes"),
    [
        ("Everyday", 11.5, 12.5, True),
        ("Saturday", 0, 24, True),
        ("Weekend", 0, 24, True),
        ("Weekday", 0, 24, False),
        ("Everyday", 12.5, 13, False),
    ],
)
async def test_users_come_at_their_hours_only(
    desk: Desk, day: str, start: float, end: float, *, comes: bool
) -> None:
    # It is noon on a Saturday.
    schedule = {"DayOfWeek": day, "StartHour": start, "EndHour": end}
    for name in ("alex", "root"):
        desk.jf.user(name).access_schedules = [schedule]
    for path in ("/Users/Me", "/Items"):
        reply = await desk.alex.get(path)
        assert (reply.status, reply.text == "") == (
            (200, False) if comes else (403, True)
        )
    assert (await desk.alex.get("/System/Info")).status == 200
    assert (await desk.login("alex")).status == (200 if comes else 403)
    assert (await desk.root.get("/Users/Me")).status == 200


async def test_listings_sort_by_name_without_articles(desk: Desk) -> None:
    found = await desk.alex.names(recursive="true", includeItemTypes="Series")
    assert found[:2] == ["The Bear", "Breaking Bad"]


@pytest.mark.parametrize(("profile", "total"), [("10.11", 2), ("12.0", 2), ("emby", 0)])
async def test_total_that_nobody_asked_for(profile: str, total: int) -> None:
    async with open_desk(profile) as desk:
        page = await desk.alex.read(
            f"/Users/{desk.alex.id}/Items",
            recursive="true",
            limit=2,
            enableTotalRecordCount="false",
        )
        assert page["TotalRecordCount"] == total


@pytest.mark.parametrize(("profile", "both"), [("10.11", True), ("12.0", False)])
async def test_files_of_one_film_are_marked_together_from_12_on(
    profile: str, *, both: bool
) -> None:
    async with open_desk(profile, oddities=True) as desk:
        jf, alex = desk.jf, desk.alex
        film = jf.item_id("Versions")
        first, second = jf.catalogue.versions(jf.catalogue.items[film])
        listed = await alex.names(ids=f"{film},{second.id}")
        assert listed == ["Versions", "Versions (2002) - 1080p"][: 2 if both else 1]
        await alex.mark(second.id)
        assert (await alex.read(f"/Items/{film}"))["UserData"]["Played"] is not both
        assert jf.state("alex", first.id).played is not both
        await alex.unmark(film)
        assert jf.state("alex", second.id).played is both


async def test_f7_hidden_and_unknown_items_are_404(desk: Desk) -> None:
    show = desk.jf.item_id("Chernobyl")
    sam = desk.person("sam")
    for person, item in ((sam, show), (desk.alex, "0" * 31 + "1")):
        assert (await person.get(f"/Items/{item}")).status == 404
        reply = await person.ask("POST", f"/UserPlayedItems/{item}")
        assert reply.status == 404
        assert reply.json["status"] == 404
    reply = await desk.root.get("/Items", userId="0" * 31 + "1")
    assert reply.status == 404


async def test_f7_listing_a_hidden_library_is_401_with_a_sentence(desk: Desk) -> None:
    parent = desk.jf.catalogue.library(SHOWS_LIBRARY).id
    sam = desk.person("sam")
    reply = await sam.get("/Items", parentId=parent)
    assert reply.status == 401
    assert isinstance(reply.json, str)
    assert (await sam.get("/Users/Me")).status == 200


async def test_f7_hidden_items_are_not_listed(desk: Desk) -> None:
    sam = desk.person("sam")
    found = await sam.names(recursive="true", includeItemTypes="Series,Movie")
    assert "Arrival" in found
    assert "Chernobyl" not in found
    assert [view["Name"] for view in (await sam.read("/UserViews"))["Items"]] == [
        "Movies"
    ]


async def test_f8_api_key_has_no_user(desk: Desk, arrival: str) -> None:
    key = desk.with_headers(authorization(desk.jf.api_key(), device_id="key"))
    assert (await key.get("/Users/Me")).status == 400
    page = await key.read("/Items", ids=arrival)
    assert "UserData" not in page["Items"][0]
    page = await key.read("/Items", ids=arrival, userId=desk.alex.id)
    assert page["Items"][0]["UserData"]["Played"] is False
    assert (await key.get("/Items", recursive="true", isPlayed="true")).status == 500
    await key.mark(arrival, userId=desk.alex.id)
    assert desk.jf.state("alex", arrival).played


async def test_f8_playback_reported_with_an_api_key_has_no_effect(
    desk: Desk, arrival: str
) -> None:
    key = desk.with_headers(authorization(desk.jf.api_key(), device_id="key"))
    assert await key.report("", ItemId=arrival, PositionTicks=0) == 204
    assert await key.report("/Stopped", ItemId=arrival) == 204
    assert {desk.jf.state(name, arrival) for name in ("alex", "kim", "root")} == {
        UNSEEN
    }


@pytest.mark.parametrize("profile", ALL_PROFILES)
async def test_f8_socket_of_an_api_key_hears_no_user_data(profile: str) -> None:
    async with open_desk(profile) as desk:
        key = desk.with_headers(authorization(desk.jf.api_key(), device_id="key"))
        async with key.listen() as ear, desk.alex.listen() as other:
            if profile != "10.10":
                assert await ear.next("ForceKeepAlive") == 60
            await other.next("ForceKeepAlive")
            await desk.jf.set_state("alex", desk.jf.item_id("Arrival"), played=True)
            await other.next("UserDataChanged")
            assert await ear.is_silent()


# -- formats -----------------------------------------------------------------


async def test_f10_answers_are_pascal_case_without_nulls(
    desk: Desk, arrival: str
) -> None:
    item = await desk.alex.read(f"/Items/{arrival}")
    assert item["Id"] == arrival
    assert item["RunTimeTicks"] == 116 * MINUTE
    assert item["Type"] == "Movie"
    assert item["UserData"] == {
        "PlaybackPositionTicks": 0,
        "PlayCount": 0,
        "IsFavorite": False,
        "Played": False,
        "Key": "329865",
        "ItemId": arrival,
    }
    assert "IndexNumber" not in item


async def test_f10_dates_have_seven_digits_and_ids_no_dashes(
    desk: Desk, arrival: str
) -> None:
    data = await desk.alex.mark(arrival)
    assert data["LastPlayedDate"] == "2026-11-21T12:00:00.0000000Z"
    assert re.fullmatch("[0-9a-f]{32}", data["ItemId"])


async def test_f10_check_in_that_never_was_is_of_the_year_one(desk: Desk) -> None:
    await desk.login("alex")
    sessions = await desk.alex.read("/Sessions")
    assert sessions[0]["LastPlaybackCheckIn"] == "0001-01-01T00:00:00.0000000Z"


async def test_f10_episodes_name_their_show_and_season(desk: Desk) -> None:
    item_id = desk.jf.item_id("Star Trek: The Next Generation", season=1, episode=1)
    item = await desk.alex.read(f"/Items/{item_id}")
    assert item["SeriesName"] == "Star Trek: The Next Generation"
    assert item["ParentIndexNumber"] == 1
    assert (item["IndexNumber"], item["IndexNumberEnd"]) == (1, 2)
    assert item["SeriesId"] == desk.jf.item_id(item["SeriesName"])
    assert item["SeasonId"] == desk.jf.item_id(item["SeriesName"], season=1)


async def test_f11_ids_may_have_dashes(desk: Desk, arrival: str) -> None:
    dashed = desk.jf.catalogue.items[arrival].dashed_id
    assert "-" in dashed
    assert (await desk.alex.read(f"/Items/{dashed}"))["Id"] == arrival
    assert await desk.alex.names(ids=dashed) == ["Arrival"]
    await desk.alex.mark(dashed.upper())
    assert desk.jf.state("alex", arrival).played


async def test_f11_malformed_id_in_the_path_is_a_bad_request(desk: Desk) -> None:
    for path in ("/Items/12345", "/Users/alex/Items", "/Items/xyz/Images/Primary"):
        assert (await desk.alex.get(path)).status == 400
    reply = await desk.alex.ask("POST", "/UserPlayedItems/nonsense")
    assert reply.status == 400
    assert "errors" in reply.json


async def test_f11_malformed_members_of_lists_are_dropped(
    desk: Desk, arrival: str
) -> None:
    assert await desk.alex.names(ids=f"nonsense,{arrival}") == ["Arrival"]
    everything = await desk.alex.names(recursive="true")
    typo = await desk.alex.names(recursive="true", includeItemTypes="Moovie")
    assert typo == everything
    mixed = await desk.alex.names(recursive="true", includeItemTypes="Moovie,series")
    assert "Chernobyl" in mixed
    assert "Arrival" not in mixed


# -- lists -------------------------------------------------------------------


async def test_f12_items_are_paged(desk: Desk) -> None:
    async def page(start: int) -> dict[str, object]:
        found: dict[str, object] = await desk.alex.read(
            "/Items",
            recursive="true",
            includeItemTypes="Movie",
            startIndex=start,
            limit=10,
        )
        return found

    everything = await desk.alex.names(recursive="true", includeItemTypes="Movie")
    assert len(everything) == 30
    assert len(set(everything)) == 27
    seen = []
    for start in range(0, 40, 10):
        found = await page(start)
        assert found["TotalRecordCount"] == 30
        assert found["StartIndex"] == start
        assert isinstance(found["Items"], list)
        seen += [item["Name"] for item in found["Items"]]
    assert seen == everything


async def test_f12_ids_keep_their_order_and_unknown_ones_are_left_out(
    desk: Desk,
) -> None:
    wanted = ["Stalker", "Alien", "Metropolis"]
    ids = [desk.jf.item_id(title) for title in wanted]
    query = ",".join([ids[0], "0" * 31 + "1", *ids[1:]])
    assert await desk.alex.names(ids=query) == wanted
    by_name = await desk.alex.names(ids=query, sortBy="SortName")
    assert by_name == ["Alien", "Metropolis", "Stalker"]


async def test_f12_hidden_ids_are_answered_too(desk: Desk, arrival: str) -> None:
    show = desk.jf.item_id("Chernobyl")
    sam = desk.person("sam")
    assert await sam.names(ids=f"{show},{arrival}") == ["Chernobyl", "Arrival"]
    assert (await sam.get(f"/Items/{show}")).status == 404
    assert (await sam.ask("POST", f"/UserPlayedItems/{show}")).status == 404


@pytest.mark.parametrize("profile", ["10.11", "12.0", "emby"])
async def test_library_does_not_narrow_a_list_of_ids(profile: str) -> None:
    async with open_desk(profile) as desk:
        film = desk.jf.item_id("Arrival")
        shows = desk.jf.catalogue.library(SHOWS_LIBRARY).id
        path = f"/Users/{desk.jf.user_id('alex')}/Items"
        asked = {"ids": film, "parentId": shows, "recursive": "true"}
        assert await desk.alex.names(path, **asked) == ["Arrival"]
        asked = {"searchTerm": "Arrival", "parentId": shows, "recursive": "true"}
        assert await desk.alex.names(path, **asked) == []


@pytest.mark.parametrize("profile", ["10.11", "12.0", "emby"])
async def test_ancestors_name_the_library_but_not_the_folder(profile: str) -> None:
    async with open_desk(profile) as desk:
        film = desk.jf.item_id("Arrival")
        episode = desk.jf.item_id("Chernobyl", season=1, episode=1)
        for item, expected in (
            (film, ["Movies", "Media Folders"]),
            (episode, ["Season 1", "Chernobyl", "TV Shows", "Media Folders"]),
        ):
            found = await desk.alex.read(f"/Items/{item}/Ancestors")
            assert [one["Name"] for one in found] == expected
        folder = desk.jf.catalogue.items[film].parent_id
        assert folder == desk.jf.catalogue.items[desk.jf.item_id("Alien")].parent_id
        assert folder != desk.jf.catalogue.library(MOVIES_LIBRARY).id
        sam = desk.person("sam")
        assert (await sam.get(f"/Items/{episode}/Ancestors")).status == 404


async def test_f12_long_request_line_is_414(desk: Desk, arrival: str) -> None:
    ids = ["0" * 32] * 99 + [arrival]
    assert await desk.alex.names(ids=",".join(ids)) == ["Arrival"]
    reply = await desk.alex.get("/Items", ids=",".join(ids * 3))
    assert reply.status == 414


async def test_f13_provider_ids_come_only_when_asked_for(
    desk: Desk, arrival: str
) -> None:
    plain = await desk.alex.read("/Items", ids=arrival)
    assert "ProviderIds" not in plain["Items"][0]
    asked = await desk.alex.read("/Items", ids=arrival, fields="ProviderIds")
    ids = {"Imdb": "tt2543164", "Tmdb": "329865"}
    assert asked["Items"][0]["ProviderIds"] == ids
    assert (await desk.alex.read(f"/Items/{arrival}"))["ProviderIds"] == ids


async def test_f14_unknown_parameters_are_ignored(desk: Desk) -> None:
    options = {"recursive": "true", "includeItemTypes": "Movie"}
    everything = await desk.alex.names(**options)
    found = await desk.alex.names(**options, anyProviderIdEquals="imdb.tt0078748")
    assert found == everything


async def test_f14_min_date_last_saved_for_user_has_nothing_to_do_with_the_user(
    desk: Desk, arrival: str
) -> None:
    await desk.alex.mark(arrival)
    options = {"recursive": "true", "includeItemTypes": "Movie"}
    recent = await desk.alex.names(
        **options, minDateLastSavedForUser="2026-11-21T00:00:00Z"
    )
    assert recent == []
    ancient = await desk.alex.names(
        **options, minDateLastSavedForUser="2023-01-01T00:00:00Z"
    )
    assert ancient == await desk.alex.names(**options)


async def test_f14_parameter_names_and_paths_do_not_depend_on_case(desk: Desk) -> None:
    found = await desk.alex.names(
        "/items", Recursive="True", INCLUDEITEMTYPES="movie", searchterm="amelie"
    )
    assert found == ["Amélie"]


# -- folders -----------------------------------------------------------------


@pytest.mark.parametrize("profile", ALL_PROFILES)
async def test_f15_folder_state_is_that_of_its_children(profile: str) -> None:
    async with open_desk(profile) as desk:
        show = desk.jf.item_id("Chernobyl")
        leaves = desk.jf.leaves(show)
        assert len(leaves) == 5
        for leaf in leaves[:2]:
            await desk.alex.mark(leaf)
        data = (await desk.alex.read(f"/Items/{show}"))["UserData"]
        assert data["Played"] is False
        assert data["UnplayedItemCount"] == 3
        assert data["PlayedPercentage"] == 40
        assert data["PlayCount"] == 0
        for leaf in leaves[2:]:
            await desk.alex.mark(leaf)
        season = desk.jf.item_id("Chernobyl", season=1)
        data = (await desk.alex.read(f"/Items/{season}"))["UserData"]
        assert data["Played"] is True
        assert data["UnplayedItemCount"] == 0


@pytest.mark.parametrize(
    ("profile", "shown"), [("10.10", False), ("10.11", False), ("12.0", True)]
)
async def test_f15_played_percentage_of_folders_by_version(
    profile: str, *, shown: bool
) -> None:
    async with open_desk(profile) as desk:
        show = desk.jf.item_id("Chernobyl")
        page = await desk.alex.read("/Items", ids=show)
        assert ("PlayedPercentage" in page["Items"][0]["UserData"]) is shown
        page = await desk.alex.read("/Items", ids=show, fields="RecursiveItemCount")
        assert page["Items"][0]["UserData"]["PlayedPercentage"] == 0
        assert page["Items"][0]["RecursiveItemCount"] == 5


async def test_f15_folder_without_playable_children_counts_as_played(
    desk: Desk,
) -> None:
    season = desk.jf.item_id("The Last of Us", season=3)
    data = (await desk.alex.read(f"/Items/{season}"))["UserData"]
    assert data["Played"] is True
    assert data["UnplayedItemCount"] == 0
    assert "PlayedPercentage" not in data
    assert (await desk.alex.unmark(season))["Played"] is True


@pytest.mark.parametrize(
    ("profile", "begun", "finished"),
    [
        ("10.10", [], ["Chernobyl"]),
        ("10.11", ["Chernobyl"], ["Chernobyl"]),
        ("12.0", [], ["Chernobyl"]),
    ],
)
async def test_f15_is_played_filter_of_series_by_version(
    profile: str, begun: list[str], finished: list[str]
) -> None:
    async with open_desk(profile) as desk:
        options = {
            "recursive": "true",
            "includeItemTypes": "Series",
            "filters": "IsPlayed",
        }
        show = desk.jf.item_id("Chernobyl")
        await desk.alex.mark(desk.jf.leaves(show)[0])
        assert await desk.alex.names(**options) == begun
        await desk.alex.mark(show)
        assert await desk.alex.names(**options) == finished


@pytest.mark.parametrize(("profile", "found"), [("10.11", 0), ("12.0", 1)])
async def test_f15_is_played_filter_of_seasons_reads_their_own_row_before_12(
    profile: str, found: int
) -> None:
    async with open_desk(profile) as desk:
        await desk.alex.mark(desk.jf.item_id("Chernobyl"))
        show = desk.jf.item_id("Chernobyl")
        names = await desk.alex.names(
            recursive="true",
            includeItemTypes="Season",
            isPlayed="true",
            parentId=show,
        )
        assert len(names) == found


async def test_f15_box_set_is_played_when_all_it_links_is(desk: Desk) -> None:
    films = [desk.jf.item_id("Alien"), desk.jf.item_id("Stalker")]
    box = desk.jf.add_box_set("Slow", films)
    data = await desk.alex.mark(box)
    assert data["Played"] is True
    assert [desk.jf.state("alex", film).play_count for film in films] == [1, 1]
    assert desk.jf.state("alex", box) == UNSEEN
    assert (await desk.alex.unmark(films[0]))["Played"] is False
    assert (await desk.alex.read(f"/Items/{box}"))["UserData"]["Played"] is False


# -- marking -----------------------------------------------------------------


async def test_f16_marking_counts_one_play_and_dates_it(
    desk: Desk, arrival: str
) -> None:
    data = await desk.alex.mark(arrival)
    assert data["Played"] is True
    state = JellyfinState(
        played=True, play_count=1, position_ticks=0, last_played_date=NOON
    )
    assert desk.jf.state("alex", arrival) == state
    desk.jf.clock.advance(60)
    await desk.alex.mark(arrival)
    assert desk.jf.state("alex", arrival) == state
    assert desk.jf.state("kim", arrival) == UNSEEN


async def test_f16_marking_keeps_the_date_and_count_of_a_partial_view(
    desk: Desk, arrival: str
) -> None:
    earlier = NOON - timedelta(days=3)
    await desk.jf.set_state(
        "alex",
        arrival,
        position_ticks=20 * MINUTE,
        play_count=4,
        last_played_date=earlier,
    )
    await desk.alex.mark(arrival)
    assert desk.jf.state("alex", arrival) == JellyfinState(
        played=True, play_count=4, position_ticks=0, last_played_date=earlier
    )


async def test_f16_marking_with_a_date_counts_every_time(
    desk: Desk, arrival: str
) -> None:
    for count in (1, 2):
        await desk.alex.mark(arrival, datePlayed="2026-01-31T20:15:00Z")
        state = desk.jf.state("alex", arrival)
        assert state.play_count == count
        assert state.last_played_date == datetime(2026, 1, 31, 20, 15, tzinfo=UTC)


async def test_f16_unmarking_erases_the_history_but_not_the_favourite(
    desk: Desk, arrival: str
) -> None:
    await desk.alex.ask("POST", f"/UserFavoriteItems/{arrival}")
    await desk.alex.mark(arrival)
    for _ in range(2):
        data = await desk.alex.unmark(arrival)
        assert data["IsFavorite"] is True
        assert "LastPlayedDate" not in data
        assert desk.jf.state("alex", arrival) == UNSEEN


async def test_f16_old_routes_do_the_same(desk: Desk, arrival: str) -> None:
    path = f"/Users/{desk.alex.id}/PlayedItems/{arrival}"
    assert (await desk.alex.ask("POST", path)).json["Played"] is True
    assert desk.jf.state("alex", arrival).play_count == 1
    assert (await desk.alex.ask("DELETE", path)).json["Played"] is False
    assert desk.jf.state("alex", arrival) == UNSEEN


async def test_f16_marks_reach_those_who_watch_along(desk: Desk, arrival: str) -> None:
    session = (await desk.login("alex", device_id="tv")).json
    person = desk.with_headers(authorization(session["AccessToken"], device_id="tv"))
    path = f"/Sessions/{session['SessionInfo']['Id']}/User/{desk.kim.id}"
    assert (await person.ask("POST", path)).status == 204
    await person.mark(arrival)
    assert desk.jf.state("kim", arrival).played
    assert (await person.ask("DELETE", path)).status == 204
    await person.unmark(arrival)
    assert desk.jf.state("kim", arrival).played


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-31T20:15:00Z", datetime(2026, 1, 31, 20, 15, tzinfo=UTC)),
        ("2026-01-31T20:15:00%2B02:00", datetime(2026, 1, 31, 18, 15, tzinfo=UTC)),
        ("20260131201500", datetime(2026, 1, 31, 20, 15, tzinfo=UTC)),
        # No zone: the server's own time, three hours ahead here.
        ("2026-01-31T20:15:00", datetime(2026, 1, 31, 17, 15, tzinfo=UTC)),
    ],
)
async def test_f17_formats_of_date_played(text: str, expected: datetime) -> None:
    async with open_desk(local=timezone(timedelta(hours=3))) as desk:
        arrival = desk.jf.item_id("Arrival")
        path = f"/UserPlayedItems/{arrival}?datePlayed={text}"
        assert (await desk.alex.ask("POST", path, encoded=True)).status == 200
        assert desk.jf.state("alex", arrival).last_played_date == expected


@pytest.mark.parametrize("text", ["2026-01-31T20:15:00+02:00", "yesterday"])
async def test_f17_bare_plus_and_nonsense_break_date_played(
    desk: Desk, arrival: str, text: str
) -> None:
    path = f"/UserPlayedItems/{arrival}?datePlayed={text}"
    assert (await desk.alex.ask("POST", path, encoded=True)).status == 400
    assert desk.jf.state("alex", arrival) == UNSEEN


async def test_f18_marking_a_series_marks_each_episode_and_not_the_series(
    desk: Desk,
) -> None:
    show = desk.jf.item_id("The Last of Us")
    data = await desk.alex.mark(show)
    assert (data["Played"], data["UnplayedItemCount"]) == (True, 0)
    leaves = desk.jf.leaves(show)
    assert len(leaves) == 16
    assert {desk.jf.state("alex", leaf).play_count for leaf in leaves} == {1}
    unaired = desk.jf.item_id("The Last of Us", season=3, episode=1)
    assert unaired not in leaves
    for untouched in (unaired, show, desk.jf.item_id("The Last of Us", season=1)):
        assert desk.jf.state("alex", untouched) == UNSEEN
    assert desk.jf.state("alex", desk.jf.leaves(desk.jf.item_id("Severance"))[0]) == (
        UNSEEN
    )


async def test_f18_marking_a_season_leaves_the_others_and_counts_dates(
    desk: Desk,
) -> None:
    season = desk.jf.item_id("Sherlock", season=2)
    for _ in range(2):
        await desk.alex.mark(season, datePlayed="2026-01-31T20:15:00Z")
    show = desk.jf.item_id("Sherlock")
    counts = {
        leaf: desk.jf.state("alex", leaf).play_count for leaf in desk.jf.leaves(show)
    }
    assert [counts[leaf] for leaf in desk.jf.leaves(season)] == [2, 2, 2]
    assert sum(counts.values()) == 6
    await desk.alex.unmark(season)
    assert {desk.jf.state("alex", leaf) for leaf in desk.jf.leaves(show)} == {UNSEEN}


async def test_f18_marking_a_series_sweeps_its_specials_in(desk: Desk) -> None:
    await desk.alex.mark(desk.jf.item_id("Sherlock"))
    special = desk.jf.item_id("Sherlock", season=0, episode=3)
    assert desk.jf.state("alex", special).played


async def test_f18_unaired_episodes_are_skipped_even_if_missing_ones_are_shown(
    desk: Desk,
) -> None:
    desk.jf.user("alex").display_missing = True
    desk.jf.add_show(
        SeedShow("Soon", 2026, {}, (SeedEpisode(1, 1, "Now", 30, date(2026, 1, 1)),))
    )
    missing = desk.jf.item_id("Soon", season=1, episode=1)
    desk.jf.set_virtual(missing)
    await desk.alex.mark(desk.jf.item_id("Soon"))
    assert desk.jf.state("alex", missing).played
    await desk.kim.mark(desk.jf.item_id("Soon"))
    assert not desk.jf.state("kim", missing).played
    await desk.alex.mark(desk.jf.item_id("The Last of Us"))
    unaired = desk.jf.item_id("The Last of Us", season=3, episode=1)
    assert desk.jf.state("alex", unaired) == UNSEEN


async def test_f19_user_data_are_written_member_by_member(
    desk: Desk, arrival: str
) -> None:
    await desk.alex.write(arrival, PlaybackPositionTicks=115 * MINUTE)
    assert desk.jf.state("alex", arrival) == JellyfinState(
        played=False,
        play_count=0,
        position_ticks=115 * MINUTE,
        last_played_date=None,
    )
    data = await desk.alex.write(
        arrival, Played=True, LastPlayedDate="2026-01-31T20:15:00Z"
    )
    assert data["PlayedPercentage"] == pytest.approx(100 * 115 / 116)
    assert desk.jf.state("alex", arrival) == JellyfinState(
        played=True,
        play_count=0,
        position_ticks=115 * MINUTE,
        last_played_date=datetime(2026, 1, 31, 20, 15, tzinfo=UTC),
    )


async def test_f19_null_clears_nothing_and_computed_members_are_ignored(
    desk: Desk, arrival: str
) -> None:
    await desk.alex.mark(arrival)
    before = desk.jf.state("alex", arrival)
    await desk.alex.write(
        arrival,
        LastPlayedDate=None,
        PlayedPercentage=3,
        UnplayedItemCount=7,
        Key="x",
        ItemId="y",
    )
    assert desk.jf.state("alex", arrival) == before


async def test_f19_user_data_of_a_series_do_not_reach_its_episodes(desk: Desk) -> None:
    show = desk.jf.item_id("Chernobyl")
    data = await desk.alex.write(show, Played=True)
    assert data["Played"] is False
    assert {desk.jf.state("alex", leaf) for leaf in desk.jf.leaves(show)} == {UNSEEN}


async def test_f19_old_route_and_reading_back(desk: Desk, arrival: str) -> None:
    path = f"/Users/{desk.alex.id}/Items/{arrival}/UserData"
    reply = await desk.alex.ask("POST", path, {"PlayCount": 3})
    assert reply.json["PlayCount"] == 3
    data = await desk.alex.read(f"/UserItems/{arrival}/UserData")
    assert data["PlayCount"] == 3


async def test_f19_user_data_need_a_permission_that_marking_does_not(
    desk: Desk, arrival: str
) -> None:
    desk.jf.user("alex").preference_access = False
    path = f"/UserItems/{arrival}/UserData"
    assert (await desk.alex.get(path)).status == 403
    assert (await desk.alex.ask("POST", path, {"Played": True})).status == 403
    assert desk.jf.state("alex", arrival) == UNSEEN
    assert (await desk.alex.mark(arrival))["Played"] is True


async def test_f19_bad_bodies_are_refused(desk: Desk, arrival: str) -> None:
    path = f"/UserItems/{arrival}/UserData"
    bodies: tuple[dict[str, object], ...] = (
        {"Played": "perhaps"},
        {"PlayCount": {}},
        {"LastPlayedDate": "x"},
    )
    for body in bodies:
        assert (await desk.alex.ask("POST", path, body)).status == 400
    assert (await desk.alex.ask("POST", path)).status == 415
    assert desk.jf.state("alex", arrival) == UNSEEN


async def test_f20_stuck_item_answers_200_and_stays_unplayed(
    desk: Desk, arrival: str
) -> None:
    desk.jf.stuck(arrival)
    assert (await desk.alex.mark(arrival))["Played"] is False
    assert (await desk.alex.write(arrival, Played=True))["Played"] is False
    assert desk.jf.state("alex", arrival) == UNSEEN
    desk.jf.stuck(arrival, stuck=False)
    assert (await desk.alex.mark(arrival))["Played"] is True


async def test_f21_series_that_fails_half_way_leaves_some_episodes_marked(
    desk: Desk,
) -> None:
    show = desk.jf.item_id("Chernobyl")
    desk.jf.fail_mid_series(after=3)
    reply = await desk.alex.ask("POST", f"/UserPlayedItems/{show}")
    assert (reply.status, reply.text) == (500, "Error processing request.")
    leaves = desk.jf.leaves(show)
    played = [desk.jf.state("alex", leaf).played for leaf in leaves]
    assert played == [True, True, True, False, False]
    await desk.alex.mark(leaves[4])
    desk.jf.fail_mid_series(after=None)
    assert (await desk.alex.mark(show))["Played"] is True


async def test_f22_slow_answer_comes_after_the_write_was_applied(
    desk: Desk, arrival: str
) -> None:
    fault = desk.jf.fail(
        FaultKind.APPLIED_BUT_SLOW, path="PlayedItems", method="POST", delay=60
    )
    with pytest.raises(TimeoutError):
        async with desk.session.post(
            f"{desk.jf.url}/UserPlayedItems/{arrival}",
            headers=desk.alex.headers,
            timeout=ClientTimeout(total=0.5),
        ):
            pass
    await fault.struck.wait()
    assert desk.jf.state("alex", arrival).played


# -- faults and copies -------------------------------------------------------


async def test_f37_500_is_a_text(desk: Desk) -> None:
    desk.jf.fail(FaultKind.STATUS, path="/Items", status=500)
    reply = await desk.alex.get("/Items")
    assert (reply.status, reply.text) == (500, "Error processing request.")
    assert reply.headers["Content-Type"].startswith("text/plain")
    assert (await desk.alex.get("/Items")).status == 200


async def test_f37_connection_dropped_and_json_truncated(
    desk: Desk, arrival: str
) -> None:
    # Twice: aiohttp tries a GET again by itself.
    desk.jf.fail(FaultKind.DROPPED, path="/Items/", times=2)
    with pytest.raises(ClientError):
        await desk.alex.get(f"/Items/{arrival}")
    desk.jf.fail(FaultKind.TRUNCATED, path="/Items/")
    reply = await desk.alex.get(f"/Items/{arrival}")
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        assert reply.json


async def test_f37_answered_but_not_applied_changes_and_announces_nothing(
    desk: Desk, arrival: str
) -> None:
    async with desk.alex.listen() as ear:
        await ear.next("ForceKeepAlive")
        desk.jf.fail(FaultKind.NOT_APPLIED, path="PlayedItems")
        assert (await desk.alex.mark(arrival))["Played"] is True
        assert desk.jf.state("alex", arrival) == UNSEEN
        desk.jf.flush()
        assert await ear.is_silent()


async def test_f37_applied_but_dropped_is_applied_and_announced(
    desk: Desk, arrival: str
) -> None:
    async with desk.alex.listen() as ear:
        await ear.next("ForceKeepAlive")
        desk.jf.fail(FaultKind.APPLIED_BUT_DROPPED, method="POST", path="PlayedItems")
        with pytest.raises(ClientError):
            await desk.alex.mark(arrival)
        assert desk.jf.state("alex", arrival).played
        await ear.next("UserDataChanged")


async def test_f39_answers_tell_how_long_they_took(desk: Desk) -> None:
    reply = await desk.alex.get("/Users/Me")
    assert "X-Response-Time-ms" in reply.headers
    assert reply.headers["Server"] == "Kestrel"
    assert reply.headers["Date"] == "Sat, 21 Nov 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    ("profile", "shared"), [("10.10", True), ("10.11", False), ("12.0", False)]
)
async def test_f40_copies_share_their_state_until_10_10(
    profile: str, *, shared: bool
) -> None:
    async with open_desk(profile) as desk:
        one = desk.jf.item_id("Blade Runner")
        other = desk.jf.item_id("Blade Runner", library=MOVIES_4K_LIBRARY)
        assert one != other
        async with desk.alex.listen() as ear:
            await ear.next("ForceKeepAlive")
            await desk.alex.mark(one)
            data = await ear.next("UserDataChanged")
        assert desk.jf.state("alex", other).played is shared
        assert other not in {row["ItemId"] for row in data["UserDataList"]}


@pytest.mark.parametrize(("profile", "kept"), [("10.10", True), ("10.11", False)])
async def test_f40_state_of_a_moved_file_by_version(
    profile: str, *, kept: bool
) -> None:
    async with open_desk(profile, debounce=60) as desk:
        old = desk.jf.item_id("Arrival")
        await desk.alex.mark(old)
        async with desk.alex.listen() as ear:
            await ear.next("ForceKeepAlive")
            desk.jf.flush()
            await ear.next("UserDataChanged")
            desk.jf.remove_item(old)
            assert (await ear.next("LibraryChanged"))["ItemsRemoved"] == [old]
            assert (await desk.alex.get(f"/Items/{old}")).status == 404
            new = desk.jf.readd_item(old)
            assert (await ear.next("LibraryChanged"))["ItemsAdded"] == [new]
        assert new != old
        assert desk.jf.item_id("Arrival") == new
        assert desk.jf.state("alex", new).played is kept


# -- what else clients read --------------------------------------------------


async def test_episodes_of_a_season_by_number_by_id_and_missing_ones(
    desk: Desk,
) -> None:
    show = desk.jf.item_id("The Last of Us")
    path = f"/Shows/{show}/Episodes"
    assert len(await desk.alex.names(path)) == 16
    assert len(await desk.alex.names(path, season=2)) == 7
    season = desk.jf.item_id("The Last of Us", season=2)
    assert len(await desk.alex.names(path, seasonId=season, limit=3)) == 3
    assert await desk.alex.names(path, season=9) == []
    assert await desk.alex.names(path, isMissing="true") == ["TBA"]
    assert (await desk.alex.get(path, seasonId=show)).status == 404
    assert (await desk.alex.get(f"/Shows/{season}/Episodes")).status == 404
    key = desk.with_headers(authorization(desk.jf.api_key(), device_id="key"))
    assert "TBA" in await key.names(path)


async def test_seasons_without_files_are_not_listed(desk: Desk) -> None:
    path = f"/Shows/{desk.jf.item_id('The Last of Us')}/Seasons"
    assert await desk.alex.names(path) == ["Season 1", "Season 2"]
    desk.jf.user("alex").display_missing = True
    assert await desk.alex.names(path) == ["Season 1", "Season 2", "Season 3"]


async def test_seasons_without_folders_are_virtual_and_listed(desk: Desk) -> None:
    episode = SeedEpisode(1, 1, "One", 20, None)
    show = SeedShow("Flat", 2013, {}, (episode,), season_folders=False)
    path = f"/Shows/{desk.jf.add_show(show)}/Seasons"
    (season,) = (await desk.alex.read(path))["Items"]
    assert (season["Name"], season["LocationType"]) == ("Season 1", "Virtual")
    (found,) = (await desk.alex.read(path.replace("Seasons", "Episodes")))["Items"]
    assert found["LocationType"] == "FileSystem"
    assert (await desk.alex.mark(season["Id"]))["UnplayedItemCount"] == 0


def two_folders(jf: FakeJellyfin, *libraries: str) -> list[str]:
    """Add one show in two folders: two episodes in the first, one in the other."""
    jf.catalogue.add_library("More Shows", "tvshows")
    return [
        jf.add_show(
            SeedShow(
                "Merged",
                2011 + number,
                {"tvdb": "777002"},
                tuple(SeedEpisode(1, one, f"Part {one}", 20, None) for one in numbers),
                library,
            )
        )
        for number, (library, numbers) in enumerate(
            zip(libraries, ((1, 3), (2,)), strict=True)
        )
    ]


@pytest.mark.parametrize(
    ("profile", "counted"), [("10.11", [3]), ("12.0", [2, 1]), ("emby", [2, 1])]
)
async def test_show_in_two_folders_is_one_show(
    profile: str, counted: list[int]
) -> None:
    async with open_desk(profile) as desk:
        jf, alex = desk.jf, desk.alex
        shows = two_folders(jf, SHOWS_LIBRARY, SHOWS_LIBRARY)
        path = f"/Users/{alex.id}/Items"
        asked = {"fields": "RecursiveItemCount", "recursive": "true"}
        both = (await alex.read(path, ids=",".join(shows), **asked))["Items"]
        assert len(both) == (2 if profile == "emby" else 1)
        for show in shows:
            (row,) = (await alex.read(path, ids=show, **asked))["Items"]
            assert row["RecursiveItemCount"] in counted
        parts = await alex.names(f"/Shows/{shows[0]}/Episodes", userId=alex.id)
        assert parts == (
            ["Part 1", "Part 3"]
            if profile == "emby"
            else ["Part 1", "Part 2", "Part 3"]
        )
        (season,) = await alex.names(f"/Shows/{shows[0]}/Seasons", userId=alex.id)
        assert season == "Season 1"
        await alex.ask("POST", f"/Users/{alex.id}/PlayedItems/{shows[1]}")
        played = [jf.state("alex", one).played for one in jf.leaves(shows[0])]
        assert any(played) is (profile != "emby")


@pytest.mark.parametrize(
    ("profile", "rows", "parts"), [("10.11", 2, 2), ("12.0", 1, 3)]
)
async def test_show_in_two_libraries_is_one_show_from_12_on(
    profile: str, rows: int, parts: int
) -> None:
    async with open_desk(profile) as desk:
        shows = two_folders(desk.jf, SHOWS_LIBRARY, "More Shows")
        assert len(await desk.alex.names(ids=",".join(shows))) == rows
        for show in shows:
            assert await desk.alex.names(ids=show) == ["Merged"]
        assert len(await desk.alex.names(f"/Shows/{shows[0]}/Episodes")) == parts
        second = desk.jf.catalogue.library("More Shows").id
        asked = {"recursive": "true", "includeItemTypes": "Series"}
        assert await desk.alex.names(parentId=second, **asked) == ["Merged"]


async def test_virtual_episodes_are_among_items_unless_excluded(desk: Desk) -> None:
    options = {
        "recursive": "true",
        "includeItemTypes": "Episode",
        "parentId": desk.jf.item_id("The Last of Us"),
    }
    assert "TBA" in await desk.alex.names(**options)
    for without in ({"isMissing": "false"}, {"excludeLocationTypes": "Virtual"}):
        assert "TBA" not in await desk.alex.names(**options, **without)


async def test_next_up_is_the_episode_after_the_last_one_played(desk: Desk) -> None:
    assert await desk.alex.names("/Shows/NextUp") == []
    await desk.alex.mark(desk.jf.item_id("Chernobyl", season=1, episode=2))
    desk.jf.clock.advance(60)
    await desk.alex.mark(desk.jf.item_id("Severance", season=1, episode=9))
    following = ["Hello, Ms. Cobel", "Open Wide, O Earth"]
    assert await desk.alex.names("/Shows/NextUp") == following
    show = desk.jf.item_id("The Bear")
    assert await desk.alex.names("/Shows/NextUp", seriesId=show) == ["System"]
    assert await desk.kim.names("/Shows/NextUp") == []


async def test_resume_lists_what_was_begun_last_first(desk: Desk) -> None:
    titles = ["Alien", "Stalker"]
    for minutes, title in enumerate(titles):
        await desk.alex.write(
            desk.jf.item_id(title),
            PlaybackPositionTicks=30 * MINUTE,
            LastPlayedDate=f"2026-01-31T20:{minutes:02}:00Z",
        )
    for path in ("/UserItems/Resume", f"/Users/{desk.alex.id}/Items/Resume"):
        assert await desk.alex.names(path) == ["Stalker", "Alien"]
    options = {"recursive": "true", "filters": "IsResumable"}
    assert sorted(await desk.alex.names(**options)) == titles


async def test_items_played_last_come_first(desk: Desk) -> None:
    for title in ("Alien", "Stalker", "Arrival"):
        desk.jf.clock.advance(1)
        await desk.alex.mark(desk.jf.item_id(title))
    found = await desk.alex.names(
        recursive="true",
        includeItemTypes="Movie,Episode",
        filters="IsPlayed",
        sortBy="DatePlayed",
        sortOrder="Descending",
        limit=2,
    )
    assert found == ["Arrival", "Stalker"]


async def test_contradictory_filters_are_refused_by_12_only() -> None:
    for profile, status in (("10.11", 200), ("12.0", 400)):
        async with open_desk(profile) as desk:
            reply = await desk.alex.get("/Items", filters="IsPlayed,IsUnplayed")
            assert reply.status == status


async def test_same_title_is_told_apart_by_year(desk: Desk) -> None:
    found = await desk.alex.read(
        "/Items", recursive="true", includeItemTypes="Movie", searchTerm="dune"
    )
    years = {item["ProductionYear"] for item in found["Items"]}
    assert years == {1984, 2021, 2024}
    assert desk.jf.item_id("Dune", 1984) != desk.jf.item_id("Dune", 2021)
    with pytest.raises(LookupError):
        desk.jf.item_id("Dune")


async def test_posters_are_pictures(desk: Desk, arrival: str) -> None:
    reply = await desk.stranger.get(f"/Items/{arrival}/Images/Primary")
    assert reply.status == 200
    assert reply.headers["Content-Type"] == "image/png"
    assert reply.raw.startswith(b"\x89PNG\r\n\x1a\n")


async def test_posters_are_no_wider_than_asked_for(desk: Desk, arrival: str) -> None:
    path = f"/Items/{arrival}/Images/Primary"
    assert size_of((await desk.stranger.get(path)).raw)[0] == STORED_WIDTH
    small = await desk.stranger.get(f"{path}?maxWidth=60")
    assert size_of(small.raw) == (60, 90)
    large = await desk.stranger.get(f"{path}?maxWidth=6000")
    assert size_of(large.raw)[0] == STORED_WIDTH
    desk.jf.without_picture.add(arrival)
    assert (await desk.stranger.get(path)).status == 404


async def test_ids_are_the_same_on_every_start(desk: Desk, arrival: str) -> None:
    again = FakeJellyfin()
    assert again.item_id("Arrival") == arrival
    assert again.user_id("alex") == desk.jf.user_id("alex")
    assert again.server_id == desk.jf.server_id


async def test_added_titles_can_be_marked(desk: Desk) -> None:
    added = desk.jf.add_movie(SeedMovie("New", 2026, 90, {"imdb": "tt9999999"}))
    await desk.alex.mark(added)
    assert desk.jf.state("alex", added).played
    assert await desk.alex.names(recursive="true", searchTerm="New", years=2026) == [
        "New"
    ]


async def test_unknown_paths_and_methods(desk: Desk, arrival: str) -> None:
    assert (await desk.alex.get("/nowhere")).status == 404
    reply = await desk.alex.ask("PUT", f"/UserPlayedItems/{arrival}")
    assert reply.status == 405


async def test_requests_are_logged_with_their_user(desk: Desk, arrival: str) -> None:
    await desk.alex.mark(arrival)
    entry = desk.jf.find("/UserPlayedItems/", "POST")[-1]
    assert (entry.user, entry.status) == ("alex", 200)


async def test_parallel_marks_are_all_applied(desk: Desk) -> None:
    leaves = desk.jf.leaves(desk.jf.item_id("Severance"))
    await asyncio.gather(*(desk.alex.mark(leaf) for leaf in leaves))
    assert all(desk.jf.state("alex", leaf).played for leaf in leaves)
