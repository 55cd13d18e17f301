"""The websocket commands: what each answers, changes and refuses."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from homeassistant.auth.const import GROUP_ID_USER
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import Context, CoreState, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from homeassistant.util.json import JsonObjectType
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    MockUser,
    async_fire_time_changed,
)
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.watched_sync import api, causes
from custom_components.watched_sync.browsing import feed, shelves
from custom_components.watched_sync.browsing.waiting import waiting_counts
from custom_components.watched_sync.bundle import FILES
from custom_components.watched_sync.causes import cause_of, note_cause
from custom_components.watched_sync.core.catalogue import Progress
from custom_components.watched_sync.core.errors import CatalogueError, Refused
from custom_components.watched_sync.core.identity import ProviderIds
from custom_components.watched_sync.core.operation import (
    Cause,
    CauseKind,
    MarkUnwatched,
    MarkWatched,
    Origin,
)
from custom_components.watched_sync.core.play_state import PlayState, Reading
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
)
from .scenarios.house import until_true
from .scene import lose_contact
from .websocket import Client

ADA, BO = "person.ada", "person.bo"
FILM, SHOW_REF = "movie.imdb.tt2543164", "show.imdb.tt11280740"


type Connect = Callable[[MockUser | None], Awaitable[Client]]


@pytest.fixture
def connect(hass: HomeAssistant, hass_ws_client: WebSocketGenerator) -> Connect:
    """Return what connects as a user, or as the administrator."""

    async def connect_as(user: MockUser | None = None) -> Client:
        if user is None:
            return Client(await hass_ws_client(hass))
        token = await hass.auth.async_create_refresh_token(user, "https://client.test")
        access = hass.auth.async_create_access_token(token)
        return Client(await hass_ws_client(hass, access))

    return connect_as


def person(hass: HomeAssistant, entity_id: str, user: MockUser) -> None:
    """Have a user sign in as a person."""
    name = entity_id.removeprefix("person.").title()
    hass.states.async_set(
        entity_id, "home", {"user_id": user.id, "friendly_name": name}
    )


async def a_user(hass: HomeAssistant, entity_id: str | None = None) -> MockUser:
    """Return somebody who is no administrator, and maybe a person."""
    group = await hass.auth.async_get_group(GROUP_ID_USER)
    assert group is not None
    user = MockUser(groups=[group], name="User").add_to_hass(hass)
    if entity_id is not None:
        person(hass, entity_id, user)
    return user


async def lane(
    hass: HomeAssistant, number: int, whose: str, *items: Any, **server: Any
) -> tuple[MockConfigEntry, MemoryServer]:
    """Set up a lane of a person that has these items, or all there are."""
    made = MemoryServer(
        *((items,) if items else ()),
        server_id=server.get("server_id", f"server-{number}"),
        server_name=server.get("server_name", f"Server {number}"),
        user_id=f"user-{number}",
        user_name=whose.removeprefix("person.").title(),
    )
    entry = await setup_lane(
        hass, made, options={"person": whose}, entry_id=f"lane{number}"
    )
    await take_inventory(entry, made)
    return entry, made


def elsewhere(item: Any, prefix: str = "x") -> Any:
    """Return an item as another server has it: under other ids."""
    return replace(
        item,
        item_id=f"{prefix}{item.item_id}",
        show_id=item.show_id and f"{prefix}{item.show_id}",
        season_id=item.season_id and f"{prefix}{item.season_id}",
    )


OTHERS = tuple(map(elsewhere, (MOVIE, SHOW, *EPISODES)))


async def kept(entry: MockConfigEntry, server: MemoryServer, *item_ids: str) -> None:
    """Have the catalogue know what the server shows of items."""
    await entry.runtime_data.catalogue.keep(map(server.reading, item_ids))


# --- who -----------------------------------------------------------------------------


async def test_who_says_whose_lanes_there_are(
    hass: HomeAssistant, connect: Connect
) -> None:
    await lane(hass, 1, ADA)
    await lane(hass, 2, BO, MOVIE)
    await lane(hass, 3, "shared", MOVIE)
    await lane(hass, 4, "somebody_else", MOVIE)
    ada = await a_user(hass, ADA)
    answer = await (await connect(ada)).ask("who")
    assert answer["me"] == ADA
    assert answer["is_admin"] is False
    assert answer["bundle"] == FILES
    assert [one["config_entry_id"] for one in answer["lanes"]] == ["lane1", "lane3"]
    assert answer["persons"] == [
        {"key": ADA, "name": "Ada", "picture": None, "person": True, "me": True}
    ]
    own, shared = answer["lanes"]
    assert own["lane"] == "Server 1 (Ada)"
    assert (own["status"], own["pending"], own["loaded"]) == ("synced", 0, True)
    assert (own["mine"], own["shared"], own["owner"]) == (True, False, ADA)
    assert (shared["mine"], shared["shared"], shared["owner"]) == (True, True, "shared")
    everybody = await (await connect(None)).ask("who")
    assert everybody["me"] is None
    assert everybody["is_admin"] is True
    assert len(everybody["lanes"]) == 4
    keys = [one["key"] for one in everybody["persons"]]
    assert keys == [ADA, BO, "user somebody_else"]
    assert everybody["persons"][2]["name"] == "Somebody_Else"


async def test_user_who_is_no_person_sees_what_is_shared(
    hass: HomeAssistant, connect: Connect
) -> None:
    await lane(hass, 1, ADA)
    await lane(hass, 2, "shared", MOVIE)
    client = await connect(await a_user(hass))
    answer = await client.ask("who")
    assert answer["me"] is None
    assert [one["config_entry_id"] for one in answer["lanes"]] == ["lane2"]
    assert answer["persons"] == []


async def test_lane_that_is_not_loaded_is_named(
    hass: HomeAssistant, connect: Connect
) -> None:
    entry, _ = await lane(hass, 1, "shared")
    await hass.config_entries.async_unload(entry.entry_id)
    assert entry.state is ConfigEntryState.NOT_LOADED
    client = await connect(None)
    [row] = (await client.ask("who"))["lanes"]
    assert (row["loaded"], row["status"]) == (False, None)
    answer = await client.ask("library")
    assert answer["works"] == []
    assert [one["reason"] for one in answer["skipped"]] == ["not_loaded"]
    error = await client.refused("item", ref="item.lane1.m1")
    assert error["translation_key"] == "unknown_ref"


# --- the library ---------------------------------------------------------------------


async def test_work_on_two_servers_is_one_row(
    hass: HomeAssistant, connect: Connect
) -> None:
    await lane(hass, 1, ADA)
    other, server = await lane(hass, 2, ADA, *OTHERS)
    server.set("xm1", watched=True, play_count=1)
    await kept(other, server, "xm1")
    ada = await a_user(hass, ADA)
    client = await connect(ada)
    answer = await client.ask("library")
    assert [one["title"] for one in answer["works"]] == [
        "Arrival",
        "Contact",
        "Severance",
    ]
    assert (answer["total"], answer["start"], answer["skipped"]) == (3, 0, [])
    arrival, contact, show = answer["works"]
    assert arrival["ref"] == FILM
    assert (arrival["watched"], arrival["agrees"]) == (True, False)
    assert arrival["seen_by"] == [ADA]
    assert [one["config_entry_id"] for one in arrival["lanes"]] == ["lane1", "lane2"]
    assert [one["watched"] for one in arrival["lanes"]] == [False, True]
    assert arrival["picture"].startswith("/api/watched_sync/image/lane1/m1?key=")
    assert (contact["agrees"], contact["seen_by"]) == (True, [])
    assert (show["episodes"], show["watched_episodes"]) == (4, 0)
    assert show["ref"] == SHOW_REF
    answer = await client.ask("library", disagree=True)
    assert [one["title"] for one in answer["works"]] == ["Arrival"]


async def test_library_is_filtered_sorted_and_paged(
    hass: HomeAssistant, connect: Connect
) -> None:
    entry, server = await lane(hass, 1, "shared")
    server.set("m1", position=600.0)
    server.set("e1x1", watched=True)
    await kept(entry, server, "m1", "e1x1")
    client = await connect(None)

    async def found(**wanted: Any) -> list[str]:
        answer = await client.ask("library", **wanted)
        return [one["title"] for one in answer["works"]]

    assert await found(kinds=["movie"]) == ["Arrival", "Contact"]
    assert await found(state="in_progress") == ["Arrival", "Severance"]
    assert await found(state="unwatched") == ["Contact"]
    assert await found(state="nobody") == ["Contact"]
    assert await found(state="watched") == []
    assert await found(sort="year", descending=True) == [
        "Severance",
        "Arrival",
        "Contact",
    ]
    assert await found(start=1, limit=1) == ["Contact"]
    assert await found(library=["films"]) == ["Arrival", "Contact"]
    assert await found(library="Shows") == ["Severance"]
    assert await found(query="arival") == ["Arrival"]
    assert await found(query="arrival", kinds=["show"]) == []
    assert (await client.ask("library", start=2, limit=1))["total"] == 3
    error = await client.refused("library", library=["Attic"])
    assert error["translation_key"] == "unknown_library"


async def test_library_says_what_was_not_read_yet(
    hass: HomeAssistant, connect: Connect
) -> None:
    entry, server = await lane(hass, 1, "shared")
    await entry.runtime_data.catalogue.note(Progress())
    client = await connect(None)
    answer = await client.ask("library")
    assert [one["reason"] for one in answer["skipped"]] == ["still_looking"]
    assert answer["works"][2]["episodes"] is None
    assert (await client.ask("show", ref=SHOW_REF))["skipped"] != []
    await take_inventory(entry, server)
    answer = await client.ask("library")
    assert (answer["skipped"], answer["works"][2]["episodes"]) == ([], 4)


async def test_libraries_that_are_left_out_are_not_shown(
    hass: HomeAssistant, connect: Connect
) -> None:
    server = MemoryServer()
    entry = await setup_lane(
        hass,
        server,
        options={"person": "shared", "entities": {"libraries": ["shows"]}},
    )
    await take_inventory(entry, server)
    answer = await (await connect(None)).ask("library")
    assert [one["title"] for one in answer["works"]] == ["Severance"]


async def test_page_follows_what_changes(hass: HomeAssistant, connect: Connect) -> None:
    entry, server = await lane(hass, 1, "shared")
    client = await connect(None)
    assert (await client.ask("library"))["total"] == 3
    await entry.runtime_data.catalogue.drop(["m2", "e1x2"])
    new = replace(OTHER_MOVIE, item_id="m3", provider_ids=ProviderIds(tmdb="5"))
    await entry.runtime_data.catalogue.keep([Reading(new, PlayState(watched=True))])
    answer = await client.ask("library")
    assert [one["ref"] for one in answer["works"]] == [FILM, "movie.tmdb.5", SHOW_REF]
    assert [one["watched"] for one in answer["works"][:2]] == [False, True]
    assert answer["works"][2]["episodes"] == 3
    server.set("m1", watched=True)
    await entry.runtime_data.lane.take_in([server.reading("m1")])
    answer = await client.ask("library", state="watched")
    assert answer["total"] == 2
    await hass.config_entries.async_reload(entry.entry_id)
    assert (await client.ask("library"))["total"] == 3
    await hass.config_entries.async_unload(entry.entry_id)
    assert (await client.ask("library"))["total"] == 0


async def test_household_is_told_to_who_may_know(
    hass: HomeAssistant, connect: Connect
) -> None:
    await lane(hass, 1, ADA)
    other, server = await lane(hass, 2, BO, *OTHERS)
    server.set("xm1", watched=True)
    server.set("xe1x1", watched=True)
    await kept(other, server, "xm1", "xe1x1")
    admin = await connect(None)
    answer = await admin.ask("library", person=ADA)
    assert answer["works"][0]["seen_by"] == [BO]
    assert answer["works"][0]["watched"] is False
    answer = await admin.ask("library", person=ADA, state="nobody")
    assert [one["title"] for one in answer["works"]] == ["Contact"]
    item = await admin.ask("item", ref=FILM, person=ADA)
    assert [(one["key"], one["watched"]) for one in item["household"]] == [
        (ADA, False),
        (BO, True),
    ]
    assert item["external_ids"] == ["imdb://tt2543164", "tmdb://movie/329865"]
    show = await admin.ask("item", ref=SHOW_REF, person=ADA)
    assert [one["watched_episodes"] for one in show["household"]] == [0, 1]
    client = await connect(await a_user(hass, ADA))
    answer = await client.ask("library")
    assert answer["works"][0]["seen_by"] == []
    item = await client.ask("item", ref=FILM)
    assert [one["key"] for one in item["household"]] == [ADA]


# --- one work ------------------------------------------------------------------------


async def test_show_has_its_seasons_with_every_lane(
    hass: HomeAssistant, connect: Connect
) -> None:
    tomorrow = datetime.now(UTC).date() + timedelta(days=2)
    coming = episode(3, 1, aired=tomorrow)
    entry, server = await lane(hass, 1, ADA, SHOW, *EPISODES, coming)
    other, twin = await lane(hass, 2, ADA, *OTHERS)
    server.set("e1x1", watched=True)
    await kept(entry, server, "e1x1")
    twin.set("xe1x1", watched=True)
    await kept(other, twin, "xe1x1")
    client = await connect(await a_user(hass, ADA))
    answer = await client.ask("show", ref=SHOW_REF)
    assert answer["work"]["watched_episodes"] == 1
    seasons = answer["seasons"]
    assert [one["season"] for one in seasons] == [1, 2, 3, 0]
    assert [one["special"] for one in seasons] == [False, False, False, True]
    assert [one["aired_episodes"] for one in seasons] == [2, 2, 0, 1]
    assert [one["watched_episodes"] for one in seasons] == [1, 0, 0, 0]
    first, second = seasons[0]["episodes"]
    assert (first["watched"], first["agrees"], first["number"]) == (
        True,
        True,
        "S01E01",
    )
    assert [one["item_id"] for one in first["lanes"]] == ["e1x1", "xe1x1"]
    assert first["ref"] == "item.lane1.e1x1"
    assert first["show_ref"] == "item.lane1.s1"
    assert answer["next"] == second
    assert seasons[2]["episodes"][0]["unaired"] is True
    # By the ref of one of its episodes, and of its show on one lane.
    assert await client.ask("show", ref=first["ref"]) == answer
    assert await client.ask("show", ref="item.lane2.xs1") == answer


async def test_item_and_works_by_their_refs(
    hass: HomeAssistant, connect: Connect
) -> None:
    await lane(hass, 1, "shared")
    client = await connect(None)
    item = await client.ask("item", ref="item.lane1.e2x1")
    assert item["work"]["full_title"] == "Severance S02E01 Part 1"
    assert item["work"]["season"] == 2
    answer = await client.ask(
        "works", ref=[FILM, "item.lane1.e2x1", "movie.tmdb.9", "nothing", FILM]
    )
    assert [one["title"] for one in answer["works"]] == ["Arrival", "Part 1"]


@pytest.mark.parametrize(
    "ref",
    ["nothing", "item.lane1", "item.lane1.zzz", "movie.tmdb.1", "movie.", "item..x"],
)
async def test_what_is_not_there_is_refused(
    hass: HomeAssistant, connect: Connect, ref: str
) -> None:
    await lane(hass, 1, "shared")
    client = await connect(None)
    for command in ("item", "show", "mark_watched"):
        error = await client.refused(command, ref=ref)
        if ref == "item..x":
            assert error["code"] == "unauthorized"
        else:
            assert error["code"] == "home_assistant_error"
            assert error["translation_key"] == "unknown_ref"
            assert error["translation_placeholders"] == {"ref": ref}


async def test_a_film_is_no_show(hass: HomeAssistant, connect: Connect) -> None:
    await lane(hass, 1, "shared")
    error = await (await connect(None)).refused("show", ref=FILM)
    assert error["translation_key"] == "unknown_ref"


# --- changes -------------------------------------------------------------------------


async def test_mark_reaches_every_lane_of_the_caller(
    hass: HomeAssistant, connect: Connect
) -> None:
    one, server = await lane(hass, 1, ADA)
    two, twin = await lane(hass, 2, ADA, *OTHERS)
    three, hers = await lane(hass, 3, BO)
    client = await connect(await a_user(hass, ADA))
    answer = await client.ask("mark_watched", ref=FILM)
    assert [row["config_entry_id"] for row in answer["operations"]] == [
        "lane1",
        "lane2",
    ]
    assert answer["batch_id"]
    work = (await client.ask("library", kinds=["movie"]))["works"][0]
    assert work["watched"] is True
    for entry in (one, two, three):
        await drained(hass, entry)
    assert server.states["m1"].watched
    assert twin.states["xm1"].watched
    assert not hers.states["m1"].watched
    answer = await client.ask("mark_unwatched", ref=[FILM])
    await drained(hass, one)
    assert not server.states["m1"].watched


async def test_watched_together(hass: HomeAssistant, connect: Connect) -> None:
    one, server = await lane(hass, 1, ADA)
    two, twin = await lane(hass, 2, BO, *OTHERS)
    admin = await connect(None)
    answer = await admin.ask(
        "mark_watched", ref="item.lane1.e1x1", person=[ADA, BO], watched_at="2026-01-02"
    )
    assert [row["item_id"] for row in answer["operations"]] == ["e1x1", "xe1x1"]
    await drained(hass, one)
    await drained(hass, two)
    assert server.states["e1x1"].watched
    assert twin.states["xe1x1"].watched
    # One whose server does not have it is passed over.
    answer = await admin.ask("mark_watched", ref="item.lane1.m2", person="everyone")
    assert [row["reason"] for row in answer["skipped"]] == ["not_found"]


async def test_several_persons_have_to_be_told_apart(
    hass: HomeAssistant, connect: Connect
) -> None:
    await lane(hass, 1, ADA)
    await lane(hass, 2, BO)
    error = await (await connect(None)).refused("mark_watched", ref=FILM)
    assert error["translation_key"] == "for_whom"


@pytest.mark.parametrize(
    ("scope", "ref", "watched"),
    [
        ("item", SHOW_REF, ["e1x1", "e1x2", "e2x1", "e2x2"]),
        ("season", "item.lane1.e1x2", ["e1x1", "e1x2"]),
        ("show", "item.lane1.e1x1", ["e1x1", "e1x2", "e2x1", "e2x2"]),
        ("up_to", "item.lane1.e2x1", ["e1x1", "e1x2", "e2x1"]),
    ],
)
async def test_scopes(
    hass: HomeAssistant, connect: Connect, scope: str, ref: str, watched: list[str]
) -> None:
    entry, server = await lane(hass, 1, "shared")
    await (await connect(None)).ask("mark_watched", ref=ref, scope=scope)
    await drained(hass, entry)
    assert [key for key, one in server.states.items() if one.watched] == watched


async def test_many_need_to_be_confirmed(hass: HomeAssistant, connect: Connect) -> None:
    many = [episode(1, number, aired=date(2022, 1, 1)) for number in range(1, 60)]
    entry, server = await lane(hass, 1, "shared", SHOW, *many)
    client = await connect(None)
    refs = [f"item.lane1.{one.item_id}" for one in many]
    error = await client.refused("mark_watched", ref=refs)
    assert error["translation_key"] == "mark_needs_confirmation"
    assert error["translation_placeholders"]["count"] == "59"
    plan = await client.ask("mark_watched", ref=refs, dry_run=True)
    assert {row["status"] for row in plan["operations"]} == {"planned"}
    await client.ask("mark_watched", ref=refs, confirm=True)
    await drained(hass, entry)
    assert all(one.watched for one in server.states.values())
    error = await client.refused("mark_unwatched", ref=SHOW_REF)
    assert error["translation_key"] == "unmark_needs_confirmation"


async def test_progress(hass: HomeAssistant, connect: Connect) -> None:
    entry, server = await lane(hass, 1, "shared")
    client = await connect(None)
    await client.ask("set_progress", ref=FILM, position=600)
    assert (await client.ask("item", ref=FILM))["work"]["position"] == 600
    await drained(hass, entry)
    assert server.states["m1"].position == 600
    await client.ask("set_progress", ref=FILM, percent=50)
    await drained(hass, entry)
    assert server.states["m1"].position == 3480
    for data, key in (
        ({}, "no_position"),
        ({"position": 1, "percent": 1}, "two_positions"),
        ({"percent": 101}, "percent_out_of_range"),
        ({"position": -1}, "negative_position"),
        ({"position": 10**6}, "position_beyond_end"),
    ):
        error = await client.refused("set_progress", ref=FILM, **data)
        assert error["translation_key"] == key
    error = await client.refused("set_progress", ref=SHOW_REF, percent=50)
    assert error["translation_key"] == "progress_of_many"


async def test_undo_retry_and_discard(hass: HomeAssistant, connect: Connect) -> None:
    entry, server = await lane(hass, 1, "shared")
    client = await connect(None)
    batch_id = (await client.ask("mark_watched", ref=FILM))["batch_id"]
    await drained(hass, entry)
    undone = await client.ask("undo", batch_id=batch_id)
    assert undone["undone_batch_id"] == batch_id
    await drained(hass, entry)
    assert not server.states["m1"].watched
    error = await client.refused("undo", batch_id="never")
    assert error["translation_key"] == "unknown_batch"
    server.item_faults["m1"] = Refused("no")
    await client.ask("mark_watched", ref=FILM)
    outbox = entry.runtime_data.lane.outbox
    await drained(hass, entry)
    [failed] = outbox.rejected
    work = (await client.ask("item", ref=FILM))["work"]
    assert (work["sync_state"], work["last_error"]) == ("failed", "refused")
    waiting = await client.ask("library", waiting=True)
    assert [one["ref"] for one in waiting["works"]] == [FILM]
    answer = await client.ask("retry", operation_id=failed.operation_id)
    assert [row["status"] for row in answer["operations"]] == ["queued"]
    await drained(hass, entry)
    answer = await client.ask("discard")
    assert [row["status"] for row in answer["operations"]] == ["discarded"]
    assert not outbox.rejected
    assert (await client.ask("sync_now"))["lanes"][0]["pending"] == 0


# --- who may -------------------------------------------------------------------------


async def test_what_is_anothers_is_refused(
    hass: HomeAssistant, connect: Connect
) -> None:
    await lane(hass, 1, ADA)
    theirs, _ = await lane(hass, 2, BO)
    await mark(theirs)
    client = await connect(await a_user(hass, ADA))
    for whose in ({"person": BO}, {"config_entry_id": "lane2"}):
        for command, data in (
            ("library", {}),
            ("works", {"ref": FILM}),
            ("item", {"ref": FILM}),
            ("show", {"ref": SHOW_REF}),
            ("history", {}),
            ("subscribe", {}),
            ("mark_watched", {"ref": FILM}),
            ("mark_unwatched", {"ref": FILM}),
            ("set_progress", {"ref": FILM, "percent": 1}),
            ("undo", {}),
            ("retry", {}),
            ("discard", {}),
            ("sync_now", {}),
        ):
            error = await client.refused(command, **data, **whose)
            assert error["code"] == "unauthorized", (command, error)
    error = await client.refused("item", ref="item.lane2.m1")
    assert error["code"] == "unauthorized"
    assert (await client.ask("library", person="everyone"))["total"] == 3
    assert (await client.ask("history"))["total"] == 0


async def test_names_that_mean_nothing(hass: HomeAssistant, connect: Connect) -> None:
    await lane(hass, 1, ADA)
    client = await connect(None)
    for whose, key in (
        ({"person": BO}, "person_without_lane"),
        ({"person": ADA, "config_entry_id": "lane1"}, "lanes_named_twice"),
        ({"config_entry_id": "nothing"}, "service_config_entry_not_found"),
    ):
        error = await client.refused("library", **whose)
        assert error["translation_key"] == key
    hass.states.async_set(BO, "home")
    error = await client.refused("library", person=BO)
    assert error["translation_key"] == "person_without_lane"


@pytest.mark.parametrize(
    ("command", "data"),
    [
        ("library", {"limit": 201}),
        ("library", {"start": -1}),
        ("library", {"kinds": ["episode"]}),
        ("library", {"state": "seen"}),
        ("library", {"sort": "size"}),
        ("works", {"ref": []}),
        ("item", {}),
        ("mark_watched", {"ref": FILM, "scope": "world"}),
        ("mark_watched", {"ref": [FILM] * 501}),
        ("history", {"limit": 0}),
        ("who", {"more": 1}),
    ],
)
async def test_what_does_not_fit_is_refused(
    hass: HomeAssistant, connect: Connect, command: str, data: dict[str, Any]
) -> None:
    await lane(hass, 1, "shared")
    error = await (await connect(None)).refused(command, **data)
    assert error["code"] == "invalid_format"


# --- history -------------------------------------------------------------------------


async def test_history_tells_what_was_done(
    hass: HomeAssistant, connect: Connect
) -> None:
    entry, _ = await lane(hass, 1, ADA)
    other, _ = await lane(hass, 2, ADA, *OTHERS)
    client = await connect(await a_user(hass, ADA))
    batch_id = (await client.ask("mark_watched", ref=FILM))["batch_id"]
    for one in (entry, other):
        await drained(hass, one)
    answer = await client.ask("history")
    assert answer["total"] == 2
    row = answer["rows"][0]
    assert (row["batch_id"], row["batch_size"]) == (batch_id, 2)
    assert (row["change"], row["result"]) == ("mark_watched", "delivered")
    assert (row["undone"], row["undo"]) == (False, "row")
    assert (row["owner"], row["title"]) == (ADA, "Arrival (2016)")
    await client.ask("undo", batch_id=batch_id)
    for one in (entry, other):
        await drained(hass, one)
    rows = (await client.ask("history", limit=4))["rows"]
    assert [one["undone"] for one in rows] == [False, False, True, True]
    assert [one["undo"] for one in rows] == ["row", "row", "no", "no"]
    assert [one["undoes"] for one in rows] == [batch_id, batch_id, None, None]
    assert len((await client.ask("history", start=3, limit=4))["rows"]) == 1


# --- by what it came about -----------------------------------------------------------


async def told(client: Client, **data: Any) -> list[str]:
    """Return the sentences of the history, newest first."""
    return [row["text"] for row in (await client.ask("history", **data))["rows"]]


async def test_history_tells_who_did_it(hass: HomeAssistant, connect: Connect) -> None:
    entry, _ = await lane(hass, 1, ADA)
    client = await connect(await a_user(hass, ADA))
    await client.ask("mark_watched", ref=FILM)
    await drained(hass, entry)
    [row] = (await client.ask("history"))["rows"]
    assert row["cause"] == {"kind": "person", "name": None, "person": ADA}
    assert row["text"] == (
        "Arrival (2016) was marked as watched on Server 1 (Ada), by Ada."
    )
    await client.ask("undo")
    await drained(hass, entry)
    assert (await told(client, language="de"))[0] == (
        "Zurückgenommen: Arrival (2016) wurde auf Server 1 (Ada) als nicht gesehen"
        " markiert, von Ada."
    )
    # What the server showed already, and a user who is no person.
    admin = await connect(None)
    await admin.ask("mark_unwatched", ref=FILM)
    await admin.ask("set_progress", ref="item.lane1.m2", position=90)
    await drained(hass, entry)
    texts = await told(client)
    assert "the server showed that already, by a user." in texts[1]
    assert texts[0] == "Contact (1997) was set to 1:30 on Server 1 (Ada), by a user."


async def test_history_names_the_automation_and_the_script(
    hass: HomeAssistant, connect: Connect
) -> None:
    entry, _ = await lane(hass, 1, "shared")
    marks = {
        "action": "watched_sync.mark_watched",
        "data": {"item_id": "m1", "config_entry_id": "lane1"},
    }
    scripts = {
        "bed": {"alias": "Bed", "sequence": [{**marks, "data": {"item_id": "m2"}}]}
    }
    assert await async_setup_component(hass, "script", {"script": scripts})
    automation = {
        "alias": "Bedtime",
        "triggers": {"trigger": "event", "event_type": "good_night"},
        "actions": [marks],
    }
    assert await async_setup_component(hass, "automation", {"automation": automation})
    hass.bus.async_fire("good_night")
    await hass.async_block_till_done()
    await hass.services.async_call("script", "bed", blocking=True)
    await drained(hass, entry)
    client = await connect(None)
    rows = (await client.ask("history"))["rows"]
    causes = {row["item_id"]: row["cause"] for row in rows}
    assert causes["m1"] == {"kind": "automation", "name": "Bedtime", "person": None}
    assert causes["m2"] == {"kind": "script", "name": "Bed", "person": None}
    # The action for scripts and templates tells the same.
    answer = await hass.services.async_call(
        "watched_sync", "get_history", {}, blocking=True, return_response=True
    )
    assert answer is not None
    told_causes = [row["cause"] for row in answer["operations"]]  # type: ignore[union-attr, index, call-overload]  # JSON
    assert told_causes == [row["cause"] for row in rows]
    assert any("by the automation “Bedtime”." in one for one in await told(client))


async def test_history_tells_what_was_said_played_and_copied(
    hass: HomeAssistant, connect: Connect
) -> None:
    entry, _ = await lane(hass, 1, "shared")
    runtime = entry.runtime_data
    context = Context()
    note_cause(hass, context, CauseKind.VOICE)
    for cause, origin, item_id in (
        (cause_of(hass, context), Origin.USER, "m1"),
        (cause_of(hass, Context(parent_id=context.id)), Origin.USER, "m2"),
        (Cause(CauseKind.PLAYER, "Living room"), Origin.PLAYBACK, "e1x1"),
        (Cause(CauseKind.MIRROR, "Attic"), Origin.MIRROR, "e1x2"),
        (None, Origin.PLAYBACK, "e2x1"),
        (cause_of(hass, Context()), Origin.USER, "e2x2"),
        (cause_of(hass, None), Origin.USER, "e0x1"),
    ):
        item = runtime.server.items[item_id]
        await runtime.async_submit(
            [Request(item, MarkWatched())], origin=origin, cause=cause
        )
        await drained(hass, entry)
    client = await connect(None)
    rows = (await client.ask("history"))["rows"]
    assert [row["cause"]["kind"] for row in reversed(rows)] == [
        "voice",
        "voice",
        "player",
        "mirror",
        "player",
        "unknown",
        "unknown",
    ]
    texts = [row["text"] for row in reversed(rows)]
    assert texts[0].endswith(", by voice.")
    assert texts[2].endswith(", played on Living room.")
    assert texts[3].endswith(", copied from Attic.")
    assert texts[5].endswith("as watched on Server 1 (Shared).")


async def test_only_so_many_contexts_are_remembered(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(causes, "CONTEXTS_KEPT", 2)
    contexts = [Context() for _ in range(3)]
    for one in contexts:
        note_cause(hass, one, CauseKind.ASSISTANT)
    found = [cause_of(hass, one) for one in contexts]
    assert [one is None for one in found] == [True, False, False]


# --- taking back parts ---------------------------------------------------------------


async def test_undo_of_one_row_leaves_its_batch(
    hass: HomeAssistant, connect: Connect
) -> None:
    entry, server = await lane(hass, 1, "shared")
    client = await connect(None)
    refs = [FILM, "item.lane1.m2", "item.lane1.e1x1"]
    batch_id = (await client.ask("mark_watched", ref=refs))["batch_id"]
    await drained(hass, entry)
    rows = (await client.ask("history"))["rows"]
    assert {row["undo"] for row in rows} == {"row"}
    row = next(one for one in rows if one["item_id"] == "m2")
    ask = {"operation_id": row["operation_id"]}
    plan = await client.ask("undo", **ask, dry_run=True)
    assert [one["status"] for one in plan["operations"]] == ["planned"]
    answer = await client.ask("undo", **ask)
    [undone] = answer["operations"]
    assert (undone["item_id"], undone["change"]) == ("m2", "mark_unwatched")
    await drained(hass, entry)
    watched = [key for key, one in server.states.items() if one.watched]
    assert watched == ["m1", "e1x1"]
    rows = (await client.ask("history"))["rows"]
    assert [one["undone"] for one in rows] == [False] * 4
    error = await client.refused("undo", **ask)
    assert error["translation_key"] == "row_not_undoable"
    error = await client.refused("undo", operation_id="never")
    assert error["translation_key"] == "row_not_undoable"
    await client.ask("undo", batch_id=batch_id)
    await drained(hass, entry)
    assert not any(one.watched for one in server.states.values())


async def test_undo_of_everything_since(hass: HomeAssistant, connect: Connect) -> None:
    entry, server = await lane(hass, 1, ADA)
    other, twin = await lane(hass, 2, ADA, *OTHERS)
    client = await connect(await a_user(hass, ADA))
    batches = []
    for ref in ("item.lane1.m2", FILM, "item.lane2.xe1x1", "item.lane1.e1x2"):
        batches.append((await client.ask("mark_watched", ref=ref))["batch_id"])
        for one in (entry, other):
            await drained(hass, one)
    await client.ask("undo", batch_id=batches[3])
    answer = await client.ask("undo", since=batches[1])
    assert answer["undone_batch_ids"] == [batches[2], batches[1]]
    for one in (entry, other):
        await drained(hass, one)
    assert [key for key, one in server.states.items() if one.watched] == ["m2"]
    assert not any(one.watched for one in twin.states.values())
    error = await client.refused("undo", since="never")
    assert error["translation_key"] == "unknown_batch"
    error = await client.refused("undo", since="a", batch_id="b")
    assert error["code"] == "invalid_format"


# --- level ---------------------------------------------------------------------------


async def test_level_is_planned_shown_and_carried_out(
    hass: HomeAssistant, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "REST", 0)
    entry, server = await lane(hass, 1, ADA)
    _, twin = await lane(hass, 2, ADA, *OTHERS)
    server.set("m1", watched=True)
    await kept(entry, server, "m1")
    client = await connect(await a_user(hass, ADA))
    await client.ask("subscribe")
    event = await client.event()
    assert event["levelling"] == {"order": [], "rows": {}}
    plan = await client.ask("level", person=[ADA])
    assert plan["status"] == "planned"
    begun = await client.ask("level", person=[ADA], confirm=plan["plan_id"])
    batch_id = begun["batch_id"]
    while batch_id not in event.get("levelling", {}).get("rows", {}):
        event = await client.event()
    while event.get("levelling", {}).get("order") != []:
        event = await client.event()
    assert twin.states["xm1"].watched
    progress = await client.ask("level", batch_id=batch_id)
    assert progress["levelling"]["state"] == "finished"
    rows = (await client.ask("history"))["rows"]
    assert {row["cause"]["kind"] for row in rows} == {"level"}
    assert rows[0]["text"].endswith(", to bring servers level.")
    bo = await connect(await a_user(hass, BO))
    error = await bo.refused("level", config_entry_id=["lane1", "lane2"])
    assert error["code"] == "unauthorized"


# --- the subscription ----------------------------------------------------------------


async def test_subscription_tells_all_and_then_what_changed(
    hass: HomeAssistant, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "REST", 0)
    server = MemoryServer()
    server.up_next_ids = ["m1", "e1x1"]
    entry = await setup_lane(hass, server, entry_id="lane1")
    await take_inventory(entry, server)
    client = await connect(None)
    assert await client.ask("subscribe") is None
    event = await client.event()
    assert event["type"] == "all"
    assert event["up_next"]["order"] == ["item.lane1.m1", "item.lane1.e1x1"]
    row = event["up_next"]["rows"]["item.lane1.e1x1"]
    assert (row["show"], row["number"]) == ("Severance", "S01E01")
    assert event["waiting"] == {"order": [], "rows": {}, "pending": 0, "failed": 0}
    assert event["health"]["order"] == ["lane1"]

    async def told(*, watched: bool) -> None:
        """Wait until the film is told to be as it was asked for, and at rest."""
        while True:
            event = await client.event()
            assert event["type"] == "changed"
            row = event.get("library", {}).get("works", {}).get(FILM, {})
            if (row.get("watched"), row.get("sync_state")) == (watched, "synced"):
                return

    await told(watched=False)
    await mark(entry)
    await told(watched=True)
    await entry.runtime_data.async_submit([Request(MOVIE, MarkUnwatched())])
    await told(watched=False)
    await hass.config_entries.async_unload(entry.entry_id)
    while "health" not in event or event["health"]["rows"]["lane1"]["loaded"]:
        event = await client.event()
    await hass.config_entries.async_setup(entry.entry_id)
    while event.get("library") != {"reload": True}:
        event = await client.event()


async def test_subscription_tells_why_something_waits(
    hass: HomeAssistant, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "REST", 0)
    entry, server = await lane(hass, 1, "shared")
    server.item_faults["m1"] = Refused("no")
    await mark(entry)
    await drained(hass, entry)
    client = await connect(None)
    await client.ask("subscribe", language="de")
    event = await client.event()
    waiting = event["waiting"]
    [operation_id] = waiting["order"]
    row = waiting["rows"][operation_id]
    assert (waiting["pending"], waiting["failed"]) == (0, 1)
    assert (row["why"], row["status"]) == ("given_up", "failed")
    assert row["last_error"] == "refused"
    assert "aufgegeben" in row["text"]
    assert row["ref"] == "item.lane1.m1"
    await client.ask("discard")
    while "waiting" not in event or event["type"] == "all":
        event = await client.event()
    assert event["waiting"]["order"] == []
    assert event["waiting"]["failed"] == 0


@pytest.mark.parametrize("error", [HomeAssistantError("gone"), RuntimeError("oh")])
async def test_subscription_goes_on_after_a_mistake(
    hass: HomeAssistant,
    connect: Connect,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    monkeypatch.setattr(feed, "REST", 0)
    entry, _ = await lane(hass, 1, "shared")
    client = await connect(None)
    errors = [error]

    def counts(looking: Any) -> JsonObjectType:
        if errors:
            raise errors.pop()
        return waiting_counts(looking)

    monkeypatch.setattr(feed, "waiting_counts", counts)
    await client.ask("subscribe")
    await until_true(lambda: not errors)
    await mark(entry)
    assert (await client.event())["type"] == "all"
    await drained(hass, entry)


async def test_subscription_tells_where_to_a_position_is_to_go(
    hass: HomeAssistant, connect: Connect
) -> None:
    entry, server = await lane(hass, 1, "shared")
    await lose_contact(hass, entry, server)
    client = await connect(None)
    await client.ask("set_progress", ref=FILM, position=600)
    await client.ask("subscribe")
    waiting = (await client.event())["waiting"]
    [row] = waiting["rows"].values()
    assert (row["change"], row["position"]) == ("set_progress", 600)
    assert (row["why"], waiting["pending"]) == ("waits_for_server", 1)


async def test_what_is_up_next_on_two_servers_is_one_row(
    hass: HomeAssistant, connect: Connect
) -> None:
    entries = []
    lanes = ((1, "e1x1", (SHOW, *EPISODES)), (2, "xe1x1", OTHERS))
    for number, item_id, items in lanes:
        server = MemoryServer(items, server_id=f"{number}", user_id=f"{number}")
        server.up_next_ids = [item_id]
        entries.append(await setup_lane(hass, server, entry_id=f"lane{number}"))
        await take_inventory(entries[-1], server)
    client = await connect(None)
    await client.ask("subscribe")
    up_next = (await client.event())["up_next"]
    assert up_next["order"] == ["item.lane1.e1x1"]
    row = up_next["rows"]["item.lane1.e1x1"]
    assert [one["item_id"] for one in row["lanes"]] == ["e1x1", "xe1x1"]


@pytest.mark.parametrize("names_show", [(False, False), (False, True), (True, False)])
async def test_what_is_up_next_twice_is_one_row_before_all_is_read(
    hass: HomeAssistant, connect: Connect, names_show: tuple[bool, bool]
) -> None:
    """Servers list an episode without the ids of its show, which tell what it is."""
    first = replace(EPISODES[1], provider_ids=ProviderIds())
    for number, names in enumerate(names_show, 1):
        show, item = (SHOW, first) if number == 1 else map(elsewhere, (SHOW, first))
        ids = show.provider_ids if names else ProviderIds()
        item = replace(item, show_provider_ids=ids)
        server = MemoryServer((show, item), server_id=f"{number}", user_id=f"{number}")
        server.up_next_ids = [item.item_id]
        await setup_lane(hass, server, entry_id=f"lane{number}")
        # Only once, and not at all where it is said.
        asked = server.requests.count(("fetch", show.item_id))
        assert asked == (0 if names else 1)
    client = await connect(None)
    await client.ask("subscribe")
    up_next = (await client.event())["up_next"]
    assert up_next["order"] == ["item.lane1.e1x1"]


async def test_lanes_are_chosen_by_their_entries(
    hass: HomeAssistant, connect: Connect
) -> None:
    await lane(hass, 1, ADA)
    await lane(hass, 2, BO, elsewhere(MOVIE))
    client = await connect(None)
    answer = await client.ask("library", config_entry_id=["lane2", "lane2"])
    assert [one["title"] for one in answer["works"]] == ["Arrival"]
    # What the chosen lane does not have is not there for those who look at it.
    error = await client.refused("item", ref="item.lane1.e1x1", person=BO)
    assert error["translation_key"] == "unknown_ref"
    error = await client.refused("mark_watched", ref="item.lane1.e1x1", person=BO)
    assert error["translation_key"] == "nothing_found"


async def test_show_that_waits_before_all_is_read_has_no_counts(
    hass: HomeAssistant, connect: Connect
) -> None:
    entry, server = await lane(hass, 1, "shared")
    await entry.runtime_data.catalogue.note(Progress())
    await lose_contact(hass, entry, server)
    client = await connect(None)
    await client.ask("mark_watched", ref="item.lane1.e1x1")
    work = (await client.ask("library", kinds=["show"]))["works"][0]
    assert (work["episodes"], work["sync_state"]) == (None, "pending")


# --- odd catalogues ------------------------------------------------------------------


async def test_catalogue_that_fails_is_read_again(
    hass: HomeAssistant, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry, _ = await lane(hass, 1, "shared")
    catalogue: Any = entry.runtime_data.catalogue
    client = await connect(None)

    async def fail(*_: Any) -> Any:
        raise CatalogueError("not now")

    with monkeypatch.context() as patch:
        patch.setattr(catalogue, "progress", fail)
        answer = await client.ask("library")
        assert answer["works"] == []
        assert [one["reason"] for one in answer["skipped"]] == ["still_looking"]
    assert (await client.ask("library"))["total"] == 3
    with monkeypatch.context() as patch:
        patch.setattr(catalogue, "below", fail)
        assert (await client.ask("show", ref=SHOW_REF))["seasons"] == []
    # One that began anew is read whole.
    await catalogue.drop(["m1"])
    catalogue._tell(None)
    assert (await client.ask("library"))["total"] == 2


async def test_library_that_is_not_seen_any_more_is_not_shown(
    hass: HomeAssistant, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry, _ = await lane(hass, 1, "shared")
    client = await connect(None)
    assert (await client.ask("library"))["total"] == 3
    monkeypatch.setattr(entry.runtime_data.inventory, "_unseen", frozenset({"films"}))
    answer = await client.ask("library")
    assert [one["title"] for one in answer["works"]] == ["Severance"]


async def test_views_are_forgotten_in_turn(
    hass: HomeAssistant, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelves, "_VIEWS", 1)
    await lane(hass, 1, ADA)
    await lane(hass, 2, BO, MOVIE)
    client = await connect(None)
    for _ in range(2):
        assert (await client.ask("library", person=ADA))["total"] == 3
        assert (await client.ask("library", person=BO))["total"] == 1


# --- before somebody looks -----------------------------------------------------------


async def at_rest(hass: HomeAssistant, seconds: float = shelves.REST + 1) -> None:
    """Let so much time pass, and what was to be done then be done."""
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=seconds))
    await hass.async_block_till_done()
    at_work = shelves.async_shelves(hass)._one_at_a_time
    await until_true(lambda: not at_work.locked())


def refuse_to_read(entry: MockConfigEntry, patch: pytest.MonkeyPatch) -> None:
    """Have a test fail that reads all works of a lane."""

    async def fail(_: Any) -> Any:
        pytest.fail("all works were read")

    patch.setattr(entry.runtime_data.catalogue, "select", fail)


async def test_works_are_in_order_before_somebody_looks(
    hass: HomeAssistant, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry, _ = await lane(hass, 1, ADA)
    client = await connect(await a_user(hass, ADA))
    found = shelves.async_shelves(hass)
    hass.set_state(CoreState.starting)
    found.async_stir()
    await at_rest(hass)
    assert not list(found.works)  # others have to start first
    hass.set_state(CoreState.running)
    await at_rest(hass)
    assert len(list(found.works)) == 3
    refuse_to_read(entry, monkeypatch)
    monkeypatch.setattr(shelves, "View", None)  # Ada's is there, and no other is made
    assert (await client.ask("library"))["total"] == 3


async def test_changes_are_taken_in_though_nobody_looks(
    hass: HomeAssistant, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry, server = await lane(hass, 1, "shared")
    client = await connect(None)
    await client.ask("library")
    found = shelves.async_shelves(hass)
    server.states[MOVIE.item_id] = PlayState(watched=True)
    await kept(entry, server, MOVIE.item_id)
    await hass.async_block_till_done()
    with monkeypatch.context() as patch:
        refuse_to_read(entry, patch)
        await at_rest(hass)
    copy = found.works.copy(("lane1", MOVIE.item_id))
    assert copy is not None
    assert copy.state.watched
    # Of many everything is read, in one go.
    monkeypatch.setattr(shelves, "_MANY", 0)
    server.states[MOVIE.item_id] = PlayState(watched=False)
    await kept(entry, server, MOVIE.item_id)
    await hass.async_block_till_done()
    monkeypatch.setattr(entry.runtime_data.catalogue, "readings", None)
    await at_rest(hass)
    copy = found.works.copy(("lane1", MOVIE.item_id))
    assert copy is not None
    assert copy.state.watched is False


async def test_episode_counts_from_the_first_moment_of_the_day_it_is_aired(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    tomorrow = dt_util.now().date() + timedelta(days=1)
    coming = episode(3, 1, aired=tomorrow)
    entry, _ = await lane(hass, 1, "shared", MOVIE, SHOW, *EPISODES, coming)
    found = shelves.async_shelves(hass)
    found.async_stir()
    await at_rest(hass)

    def counted() -> int | None:
        copy = found.works.copy(("lane1", SHOW.item_id))
        return None if copy is None else copy.episodes

    before = counted()
    refuse_to_read(entry, monkeypatch)
    midnight = dt_util.start_of_local_day(tomorrow)
    clock = SimpleNamespace(
        now=lambda: midnight, start_of_local_day=dt_util.start_of_local_day
    )
    to_midnight = (midnight - dt_util.now()).total_seconds()
    monkeypatch.setattr(shelves, "dt_util", clock)
    await at_rest(hass, to_midnight + 2)
    assert before is not None
    assert counted() == before + 1


async def test_episode_without_ids_is_one_for_two_users_of_a_server(
    hass: HomeAssistant, connect: Connect
) -> None:
    show = replace(SHOW, provider_ids=ProviderIds())
    bare = replace(
        EPISODES[1], provider_ids=ProviderIds(), show_provider_ids=ProviderIds()
    )
    one, server = await lane(hass, 1, ADA, show, bare, server_id="one")
    two, twin = await lane(hass, 2, BO, show, bare, server_id="one")
    client = await connect(None)
    work = (await client.ask("library", person="everyone"))["works"][0]
    assert work["ref"] == "item.lane1.s1"
    await client.ask("mark_watched", ref="item.lane1.e1x1", person=[ADA, BO])
    for entry in (one, two):
        await drained(hass, entry)
    assert server.states["e1x1"].watched
    assert twin.states["e1x1"].watched


async def test_every_command_is_tested_and_described() -> None:
    """The document of this module names each."""
    text = api.__doc__ or ""
    for name, _, _ in api._COMMANDS:
        assert f"`{name}`" in text or f"`watched_sync/{name}`" in text
