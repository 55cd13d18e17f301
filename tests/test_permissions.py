"""Who may do what: the table of the document, cell by cell, and the rule behind it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from homeassistant.auth.const import GROUP_ID_ADMIN, GROUP_ID_READ_ONLY, GROUP_ID_USER
from homeassistant.auth.models import Group, User
from homeassistant.auth.permissions.models import PermissionLookup
from homeassistant.auth.permissions.types import PolicyType
from homeassistant.components.homeassistant.exposed_entities import async_expose_entity
from homeassistant.config_entries import ConfigEntryDisabler
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import ServiceValidationError, Unauthorized, UnknownUser
from homeassistant.helpers import (
    area_registry as ar,
    device_registry as dr,
    entity_registry as er,
    intent,
    llm,
)
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.watched_sync.const import DOMAIN
from custom_components.watched_sync.core.catalogue import Progress
from custom_components.watched_sync.core.level.levelling import Asked
from custom_components.watched_sync.core.level.plan import Plan, Step, fingerprint
from custom_components.watched_sync.core.operation import MarkWatched, SetProgress
from custom_components.watched_sync.core.play_state import PlayState
from custom_components.watched_sync.images import picture_path
from custom_components.watched_sync.intent import async_setup_intents
from custom_components.watched_sync.levelling.carrying_out import levellings
from custom_components.watched_sync.llm import async_get_tools
from custom_components.watched_sync.runtime import Request, WatchedSyncRuntime
from custom_components.watched_sync.voice.assistants import Assistant
from custom_components.watched_sync.voice.hearing import Heard

from .common import EPISODES, MOVIE, SHOW, MemoryServer, drained, season, setup_lane
from .scene import look_at_it
from .test_docs import ROOT, Row, rows_under

PERSONS: Final = (
    "administrator",
    "user",
    "user of this entry only",
    "user of another entry only",
    "read-only user",
    "automation or script",
)
TABLE: Final = rows_under(ROOT / "docs" / "security.md", "way in", "needs", *PERSONS)

MOVIE_SWITCH: Final = "switch.arrival_2016_watched"

#: What each action and tool is given, beside the lane; all of it can be done.
FIELDS: Final[dict[str, dict[str, Any]]] = {
    "mark_watched": {"item_id": "m1"},
    "mark_unwatched": {"item_id": "m1"},
    "set_progress": {"item_id": "m1", "position": 600},
    "find_media": {"query": "Arrival"},
    "get_library": {},
    "explain": {"item_id": "m1"},
}
ARGUMENTS: Final[dict[str, dict[str, Any]]] = {
    "find_media": {"query": "Arrival"},
    "mark": {"title": "Arrival"},
    "set_progress": {"title": "Arrival", "percent": 50},
    "undo": {},
    "next_up": {"title": "Severance"},
    "explain": {"title": "Arrival"},
}
SLOTS: Final[dict[str, dict[str, Any]]] = {
    "WatchedSyncMark": {"title": "Arrival"},
    "WatchedSyncUnmark": {"title": "Arrival"},
    "WatchedSyncProgress": {"title": "Arrival", "percent": 50},
    "WatchedSyncUndo": {},
    "WatchedSyncNextUp": {"title": "Severance"},
}


def user_with(hass: HomeAssistant, policy: PolicyType) -> MockUser:
    """Return a user of a group of their own."""
    group = Group(name="Their own", policy=policy)
    user = MockUser(groups=[group]).add_to_hass(hass)
    user.perm_lookup = PermissionLookup(er.async_get(hass), dr.async_get(hass))
    return user


def only(entry: MockConfigEntry) -> PolicyType:
    """Return the policy of somebody who may do anything with one entry's device."""
    return {"entities": {"device_ids": {entry.runtime_data.device_id: True}}}


@dataclass(frozen=True, slots=True)
class House:
    """Two entries; the other has nothing that could be meant for the first."""

    hass: HomeAssistant
    entry: MockConfigEntry
    other: MockConfigEntry
    client: ClientSessionGenerator
    folder: Path

    async def person(self, name: str) -> User | None:
        """Return one of the persons of the table."""
        auth = self.hass.auth
        match name:
            case "administrator":
                return await auth.async_create_user(name, group_ids=[GROUP_ID_ADMIN])
            case "user":
                return await auth.async_create_user(name, group_ids=[GROUP_ID_USER])
            case "read-only user":
                return await auth.async_create_user(
                    name, group_ids=[GROUP_ID_READ_ONLY]
                )
            case "user of this entry only":
                return user_with(self.hass, only(self.entry))
            case "user of another entry only":
                return user_with(self.hass, only(self.other))
        return None

    async def token(self, user: User) -> str:
        """Return what somebody signs in with."""
        auth = self.hass.auth
        refresh = await auth.async_create_refresh_token(user, "https://example.com/app")
        return auth.async_create_access_token(refresh)

    def done(self) -> list[str]:
        """Return the operations that wait or were done on the entry."""
        outbox = self.entry.runtime_data.lane.outbox
        return [
            *(one.operation_id for one in outbox),
            *(one.operation.operation_id for one in outbox.history),
        ]

    async def change_something(self) -> None:
        """Have something changed on the entry that can be taken back."""
        runtime: WatchedSyncRuntime = self.entry.runtime_data
        position = 100.0 + len(self.done())
        await runtime.async_submit([Request(MOVIE, SetProgress(position))])
        await drained(self.hass, self.entry)

    async def level(self) -> str:
        """Have the entry brought level, and return the batch of that."""
        found = levellings(self.hass)
        entry_id = self.entry.entry_id
        for under_way in found.under_way(entry_id):
            return under_way.batch_id
        shown = PlayState(watched=False)
        step = Step("m1", MarkWatched(), shown, "elsewhere", "1", fingerprint(MOVIE))
        plan = Plan("plan", {entry_id: [step]}, {}, {}, {})
        return (await found.async_start(plan, Asked("watched", ()))).batch_id

    async def export(self) -> str:
        """Put a history where it may be read from, and return the name of the file."""
        runtime: WatchedSyncRuntime = self.entry.runtime_data
        await runtime.catalogue.note(Progress(finished_at=runtime.clock.now()))
        self.hass.config.media_dirs = {"local": str(self.folder)}
        self.hass.config.allowlist_external_dirs = {str(self.folder)}
        file = self.folder / "export.csv"
        await self.hass.async_add_executor_job(
            file.write_text, "Title,Year,WatchedDate\nArrival,2016,\n"
        )
        return file.name


@pytest.fixture
async def house(
    hass: HomeAssistant,
    hass_client_no_auth: ClientSessionGenerator,
    tmp_path: Path,
) -> House:
    """Two entries in a Home Assistant with everything that leads to them."""
    for component in ("homeassistant", "http", "llm", "config"):
        assert await async_setup_component(hass, component, {})
    await async_setup_intents(hass)
    # Whoever comes first is the owner, and may everything.
    await hass.auth.async_create_user("owner", group_ids=[GROUP_ID_ADMIN])
    server = MemoryServer((MOVIE, SHOW, season(1), season(2), *EPISODES))
    server.up_next_ids = [MOVIE.item_id]
    entry = await setup_lane(hass, server, subentries=[MOVIE])
    other = await setup_lane(
        hass,
        MemoryServer([], server_id="server-2", server_name="Cellar", user_id="user-2"),
    )
    return House(hass, entry, other, hass_client_no_auth, tmp_path)


# --- the ways in ------------------------------------------------------------------


async def by_action(house: House, action: str, user: User | None) -> bool:
    """Whether an action that names the entry is carried out."""
    fields = FIELDS.get(action, {})
    if action == "undo":
        await house.change_something()
    if action == "level":
        fields = {"batch_id": await house.level(), "stop": True}
    if action == "import_history":
        fields = {"file": await house.export()}
    before = house.done()
    try:
        answer = await house.hass.services.async_call(
            DOMAIN,
            action,
            {"config_entry_id": [house.entry.entry_id], **fields},
            blocking=True,
            return_response=True,
            context=Context(user_id=user.id if user else None),
        )
    except Unauthorized:
        assert house.done() == before
        return False
    assert answer is not None
    return True


async def by_voice(house: House, name: str, user: User | None) -> bool:
    """Whether something is done, or told, of what the entry has."""
    if name == "WatchedSyncUndo":
        await house.change_something()
    before = house.done()
    response = await intent.async_handle(
        house.hass,
        "test",
        name,
        {key: {"value": value} for key, value in SLOTS[name].items()},
        context=Context(user_id=user.id if user else None),
    )
    if response.response_type is intent.IntentResponseType.ERROR:
        assert house.done() == before
        return False
    return True


async def by_tool(house: House, name: str, user: User | None) -> bool:
    """Whether a tool does something, or tells, of what the entry has."""
    if name == "undo":
        await house.change_something()
    before = house.done()
    api = await llm.async_get_api(
        house.hass,
        llm.LLM_API_ASSIST,
        llm.LLMContext(
            platform="test",
            context=Context(user_id=user.id if user else None),
            language="en",
            assistant="conversation",
            device_id=None,
        ),
    )
    result = await api.async_call_tool(
        llm.ToolInput(f"{DOMAIN}__{name}", dict(ARGUMENTS[name]))
    )
    if result.error or not result.data.get("items", True):
        assert house.done() == before
        return False
    return True


async def by_entity(house: House, action: str, user: User | None) -> bool:
    """Whether Home Assistant lets somebody use an entity of the entry."""
    domain, _, name = action.partition(".")
    data: dict[str, dict[str, Any]] = {
        "button": {"entity_id": "button.attic_ada_sync_now"},
        "switch": {"entity_id": "switch.attic_ada_guest_mode"},
        "todo": {
            "entity_id": "todo.attic_ada_up_next",
            "item": MOVIE.item_id,
            "status": "needs_action",
        },
    }
    try:
        await house.hass.services.async_call(
            domain,
            name,
            data[domain],
            blocking=True,
            context=Context(user_id=user.id if user else None),
        )
    except Unauthorized:
        return False
    return True


async def as_somebody(house: House, user: User | None) -> dict[str, str]:
    """Return the headers of somebody who is signed in, none for nobody."""
    if user is None:
        return {}
    return {"Authorization": f"Bearer {await house.token(user)}"}


async def by_picture(house: House, _: str, user: User | None) -> bool:
    """Whether a picture's address is answered that lacks its key."""
    path = picture_path(house.hass, house.entry.entry_id, MOVIE)
    client = await house.client()
    answer = await client.get(
        path.partition("?")[0], headers=await as_somebody(house, user)
    )
    assert answer.status in (HTTPStatus.OK, HTTPStatus.FORBIDDEN)
    return answer.status == HTTPStatus.OK


async def by_dialog(house: House, _: str, user: User | None) -> bool:
    """Whether somebody may change the options."""
    client = await house.client()
    answer = await client.post(
        "/api/config/config_entries/options/flow",
        json={"handler": house.entry.entry_id},
        headers=await as_somebody(house, user),
    )
    return answer.status == HTTPStatus.OK


type Way = Callable[[House, str, User | None], Awaitable[bool]]
WAYS: Final[dict[str, Way]] = {
    "action": by_action,
    "voice": by_voice,
    "tool": by_tool,
    "entity": by_entity,
    "picture": by_picture,
    "dialog": by_dialog,
}


def way_of(row: Row) -> tuple[str, str]:
    """Return the kind of a way in, and its name."""
    kind, _, name = row[0].partition(" ")
    return kind, name.strip("`")


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row[0].replace("`", ""))
async def test_every_cell_of_the_table_is_so(
    house: House,
    row: Row,
    socket_enabled: None,  # noqa: ARG001 - some of it goes over HTTP
) -> None:
    kind, name = way_of(row)
    tried = [
        "yes" if await WAYS[kind](house, name, await house.person(person)) else "no"
        for person in PERSONS
    ]
    assert tried == list(row[2:])


@pytest.mark.usefixtures("house")
def test_the_table_lists_every_way_in(hass: HomeAssistant) -> None:
    offered = async_get_tools(
        hass,
        llm.LLMContext("test", Context(), "en", "conversation", None),
        llm.LLM_API_ASSIST,
    )
    assert offered is not None
    ways = {
        *(("action", action) for action in hass.services.async_services()[DOMAIN]),
        *(
            ("voice", handler.intent_type)
            for handler in intent.async_get(hass)
            if type(handler).__module__.startswith("custom_components.")
        ),
        *(("tool", tool.name.removeprefix(f"{DOMAIN}__")) for tool in offered.tools),
    }
    listed = [way_of(row) for row in TABLE]
    assert len(listed) == len(set(listed))
    # Of the other kinds Home Assistant has more than anybody could list.
    assert {way for way in listed if way[0] in ("action", "voice", "tool")} == ways


# --- the rule ---------------------------------------------------------------------


async def act(
    house: House, user: User, action: str = "mark_watched", /, **data: Any
) -> dict[str, Any]:
    """Call an action for somebody and return its response."""
    response = await house.hass.services.async_call(
        DOMAIN,
        action,
        data,
        blocking=True,
        return_response=True,
        context=Context(user_id=user.id),
    )
    assert isinstance(response, dict)
    return response


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize(
    "naming",
    [
        {"item_id": "m1"},
        {"external_id": "imdb://tt2543164"},
        {"title": "Arrival"},
        {"entity_id": MOVIE_SWITCH},
        {"entity_id": "media_player.tv"},
        {"area_id": "den"},
    ],
    ids=lambda naming: next(iter(naming)),
)
async def test_how_an_item_is_named_does_not_decide_what_is_allowed(
    house: House, naming: dict[str, Any], *, dry_run: bool
) -> None:
    hass = house.hass
    hass.states.async_set(
        "media_player.tv",
        "playing",
        {"media_content_type": "movie", "media_title": "Arrival"},
    )
    den = ar.async_get(hass).async_create("den")
    er.async_get(hass).async_update_entity(MOVIE_SWITCH, area_id=den.id)
    reader = await house.person("read-only user")
    assert reader is not None
    for named in ({}, {"config_entry_id": house.entry.entry_id}):
        with pytest.raises(Unauthorized):
            await act(house, reader, dry_run=dry_run, **naming, **named)
    assert house.done() == []
    naming = {**naming, "config_entry_id": house.entry.entry_id}
    assert await act(house, reader, "explain", **naming)


async def test_one_switch_is_not_enough_for_its_entry(house: House) -> None:
    user = user_with(house.hass, {"entities": {"entity_ids": {MOVIE_SWITCH: True}}})
    # Nor is an entry enough for somebody's switch of another.
    with pytest.raises(Unauthorized):
        await act(house, user, entity_id=MOVIE_SWITCH)
    both = {house.other.runtime_data.device_id: True}
    policy: PolicyType = {
        "entities": {"entity_ids": {MOVIE_SWITCH: True}, "device_ids": both}
    }
    with pytest.raises(Unauthorized):
        await act(house, user_with(house.hass, policy), entity_id=MOVIE_SWITCH)
    assert house.done() == []


async def test_entity_that_is_named_must_be_permitted_beside_its_entry(
    house: House,
) -> None:
    user = user_with(house.hass, only(house.entry))
    with pytest.raises(Unauthorized) as error:
        await act(house, user, entity_id=MOVIE_SWITCH)
    assert error.value.entity_id == MOVIE_SWITCH
    last_played = "switch.attic_ada_last_played"
    look_at_it(house.entry)
    with pytest.raises(ServiceValidationError) as nothing:
        await act(house, user, entity_id=last_played)
    assert nothing.value.translation_key == "switch_without_item"


async def test_entries_that_are_not_permitted_are_left_out_where_none_is_named(
    house: House,
) -> None:
    user = user_with(house.hass, only(house.other))
    with pytest.raises(ServiceValidationError) as error:
        await act(house, user, title="Arrival")
    assert error.value.translation_key == "nothing_found"
    found = await act(house, user, "find_media", query="Arrival")
    assert found == {"items": [], "skipped": []}
    pending = await act(house, user, "sync_now")
    assert [row["config_entry_id"] for row in pending["lanes"]] == [
        house.other.entry_id
    ]
    # Nor is it said that one of them does not run.
    await house.hass.config_entries.async_unload(house.entry.entry_id)
    assert await act(house, user, "find_media", query="Arrival") == found


async def test_own_entry_is_the_only_one_an_item_id_can_mean(house: House) -> None:
    user = user_with(house.hass, only(house.entry))
    answer = await act(house, user, item_id="m1")
    assert [row["config_entry_id"] for row in answer["operations"]] == [
        house.entry.entry_id
    ]
    await drained(house.hass, house.entry)


async def test_undo_takes_back_only_what_is_permitted(house: House) -> None:
    copy = MemoryServer(server_id="server-3", server_name="Loft", user_id="user-3")
    third = await setup_lane(house.hass, copy)
    everybody = await house.person("administrator")
    assert everybody is not None
    done = await act(house, everybody, title="Arrival")
    for entry in (house.entry, third):
        await drained(house.hass, entry)
    assert len(done["operations"]) == 2
    user = user_with(house.hass, only(third))
    undone = await act(house, user, "undo", batch_id=done["batch_id"])
    assert [row["config_entry_id"] for row in undone["operations"]] == [third.entry_id]
    await drained(house.hass, third)
    stranger = user_with(house.hass, only(house.other))
    with pytest.raises(ServiceValidationError) as error:
        await act(house, stranger, "undo", batch_id=done["batch_id"])
    assert error.value.translation_key == "unknown_batch"


@pytest.mark.parametrize("action", sorted(FIELDS))
async def test_person_who_is_named_must_be_permitted(house: House, action: str) -> None:
    house.hass.config_entries.async_update_entry(
        house.entry, options={"person": "person.ada"}
    )
    await house.hass.async_block_till_done()
    user = user_with(house.hass, only(house.other))
    with pytest.raises(Unauthorized):
        await act(house, user, action, person="person.ada", **FIELDS[action])


async def test_what_people_choose_the_number_of_is_not_asked_for(house: House) -> None:
    registry = er.async_get(house.hass)
    own = {
        entity.entity_id: True
        for entity in er.async_entries_for_config_entry(registry, house.entry.entry_id)
        if ":up_next_" not in entity.unique_id and entity.config_subentry_id is None
    }
    user = user_with(house.hass, {"entities": {"entity_ids": own}})
    assert await act(house, user, "get_queue") == {"operations": []}
    # One that is always there is asked for.
    last, *others = own
    fewer: PolicyType = {"entities": {"entity_ids": dict.fromkeys(others, True)}}
    with pytest.raises(Unauthorized):
        await act(house, user_with(house.hass, fewer), "get_queue")
    # Unless it is switched off.
    registry.async_update_entity(last, disabled_by=er.RegistryEntryDisabler.USER)
    assert await act(house, user_with(house.hass, fewer), "get_queue")


async def test_entry_without_entities_is_for_those_who_may_everything(
    house: House,
) -> None:
    user = user_with(house.hass, only(house.entry))
    registry = er.async_get(house.hass)
    for entity in er.async_entries_for_config_entry(registry, house.entry.entry_id):
        registry.async_update_entity(
            entity.entity_id, disabled_by=er.RegistryEntryDisabler.USER
        )
    with pytest.raises(Unauthorized):
        await act(house, user, "get_queue")
    everybody = await house.person("user")
    assert everybody is not None
    assert await act(house, everybody, "get_queue") == {"operations": []}


async def test_entry_that_does_not_run_is_not_told_of_to_strangers(
    house: House,
) -> None:
    user = user_with(house.hass, only(house.other))
    await house.hass.config_entries.async_unload(house.entry.entry_id)
    with pytest.raises(Unauthorized):
        await act(house, user, "get_queue", config_entry_id=house.entry.entry_id)
    # Of one that is theirs it is said.
    await house.hass.config_entries.async_unload(house.other.entry_id)
    with pytest.raises(ServiceValidationError) as error:
        await act(house, user, "get_queue")
    assert error.value.translation_key == "service_config_entry_not_loaded"
    assert error.value.translation_placeholders is not None
    assert error.value.translation_placeholders["entry_title"] == house.other.title


async def test_without_any_entry_nobody_is_told_they_may_not(house: House) -> None:
    for entry in (house.entry, house.other):
        await house.hass.config_entries.async_set_disabled_by(
            entry.entry_id, ConfigEntryDisabler.USER
        )
    reader = await house.person("read-only user")
    assert reader is not None
    with pytest.raises(ServiceValidationError) as error:
        await act(house, reader, item_id="m1")
    assert error.value.translation_key == "service_found_no_config_entry_for_domain"


async def test_user_who_is_gone_may_nothing(house: House) -> None:
    for action in ("mark_watched", "explain"):
        with pytest.raises(UnknownUser):
            await act(house, MockUser(id="nobody"), action, item_id="m1")


async def test_player_is_asked_about_by_those_who_may_only_read(house: House) -> None:
    hass = house.hass
    hass.states.async_set(
        "media_player.tv",
        "playing",
        {"media_content_type": "movie", "media_title": "Arrival"},
    )
    async_expose_entity(hass, "conversation", "media_player.tv", should_expose=True)
    reader = await house.person("read-only user")
    assert reader is not None
    assistant = Assistant(hass, Context(user_id=reader.id), "conversation")
    told = await assistant.async_explain(Heard())
    assert "'title': 'Arrival'" in str(told)
    with pytest.raises(Unauthorized):
        await assistant.async_mark(Heard())
    assert house.done() == []


async def test_person_who_speaks_and_has_no_entry_gets_those_permitted_of_nobody(
    house: House,
) -> None:
    user = user_with(house.hass, only(house.entry))
    house.hass.states.async_set("person.ada", "home", {"user_id": user.id})
    assistant = Assistant(house.hass, Context(user_id=user.id))
    done = await assistant.async_mark(Heard(title="Arrival"))
    assert [entry.entry_id for entry, _ in done.changed] == [house.entry.entry_id]
    await drained(house.hass, house.entry)
    stranger = user_with(house.hass, {"entities": {"domains": {"light": True}}})
    house.hass.states.async_set("person.eve", "home", {"user_id": stranger.id})
    with pytest.raises(Unauthorized):
        await Assistant(house.hass, Context(user_id=stranger.id)).async_next_up(Heard())


async def test_person_who_speaks_must_be_permitted_their_own_entry(
    house: House,
) -> None:
    user = user_with(house.hass, only(house.other))
    house.hass.states.async_set("person.ada", "home", {"user_id": user.id})
    house.hass.config_entries.async_update_entry(
        house.entry, options={"person": "person.ada"}
    )
    await house.hass.async_block_till_done()
    with pytest.raises(Unauthorized):
        await Assistant(house.hass, Context(user_id=user.id)).async_next_up(Heard())
