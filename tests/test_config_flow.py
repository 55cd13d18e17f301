"""The dialogs, with every mistake a person can make in them."""

from collections.abc import Iterator
from typing import Any
from unittest.mock import AsyncMock, patch

from homeassistant.config_entries import (
    SOURCE_USER,
    ConfigEntryState,
    ConfigFlowResult,
    SubentryFlowResult,
)
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType, InvalidData
from homeassistant.helpers.aiohttp_client import async_get_clientsession
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    get_schema_suggested_value,
)

from custom_components.watched_sync.const import DOMAIN
from custom_components.watched_sync.core.errors import (
    AuthRejected,
    Busy,
    CertificateRefused,
    Fault,
    Forbidden,
    Malformed,
    ServerError,
    Starting,
    Unreachable,
    UnsupportedVersion,
    WrongAddress,
    WrongServer,
)
from custom_components.watched_sync.core.identity import Item, MediaKind
from custom_components.watched_sync.core.ports import ServerInfo
from custom_components.watched_sync.runtime import (
    async_login_jellyfin,
    create_server,
)
from custom_components.watched_sync.servers.jellyfin.client import (
    JellyfinClient,
    JellyfinLogin,
)
from custom_components.watched_sync.servers.plex.client import PlexClient

from .common import MOVIE, SHOW, MemoryServer, lane_entry, setup_lane, use_server

INFO = ServerInfo("server-1", "Attic", "10.11.0", "user-1", "Ada")
OTHER_USER = ServerInfo("server-1", "Attic", "10.11.0", "user-2", "Bob")
OTHER_SERVER = ServerInfo("server-2", "Cellar", "10.11.0", "user-1", "Ada")

PLEX_INPUT = {"url": "http://attic:32400", "token": "plex-token", "verify_ssl": True}
JELLYFIN_INPUT = {
    "url": "http://attic:8096",
    "username": "ada",
    "password": "lovelace",
    "verify_ssl": True,
}

ERRORS: list[tuple[ServerError, dict[str, str]]] = [
    (Unreachable("refused"), {"base": "cannot_connect"}),
    (Busy("later"), {"base": "cannot_connect"}),
    (AuthRejected("401"), {"base": "invalid_auth"}),
    (Forbidden("403"), {"base": "invalid_auth"}),
    (WrongAddress("redirect"), {"url": "invalid_url"}),
    (UnsupportedVersion("old", "10.8.13"), {"base": "unsupported_version"}),
    (CertificateRefused("self-signed"), {"base": "ssl_error"}),
    (Starting("starting"), {"base": "startup"}),
    (Fault("500"), {"base": "unknown"}),
    (Malformed("html"), {"base": "unknown"}),
]
IDS = [type(error).__name__ for error, _ in ERRORS]


@pytest.fixture
def identify() -> Iterator[AsyncMock]:
    """Answer in every server's place."""
    with patch(
        "custom_components.watched_sync.config_flow.async_identify", return_value=INFO
    ) as mock:
        yield mock


@pytest.fixture
def login() -> Iterator[AsyncMock]:
    """Sign in at every Jellyfin server."""
    with patch(
        "custom_components.watched_sync.config_flow.async_login_jellyfin",
        return_value=JellyfinLogin("jellyfin-token", INFO),
    ) as mock:
        yield mock


@pytest.fixture
def no_setup() -> Iterator[AsyncMock]:
    """Leave entries alone once they are there."""
    with patch(
        "custom_components.watched_sync.async_setup_entry", return_value=True
    ) as mock:
        yield mock


async def start(hass: HomeAssistant, step: str) -> ConfigFlowResult:
    """Open the dialog and choose from its menu."""
    menu = await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_USER}
    )
    assert menu["type"] is FlowResultType.MENU
    assert menu["menu_options"] == ["plex_token", "jellyfin_password"]
    form = await hass.config_entries.flow.async_configure(
        menu["flow_id"], {"next_step_id": step}
    )
    assert form["type"] is FlowResultType.FORM
    assert form["step_id"] == step
    assert form["errors"] == {}
    return form


async def answer(
    hass: HomeAssistant, form: ConfigFlowResult, user_input: dict[str, Any]
) -> ConfigFlowResult:
    result = await hass.config_entries.flow.async_configure(form["flow_id"], user_input)
    await hass.async_block_till_done()
    return result


# --- Plex ------------------------------------------------------------------


@pytest.mark.usefixtures("no_setup")
async def test_plex_is_connected_by_address_and_token(
    hass: HomeAssistant, identify: AsyncMock
) -> None:
    form = await start(hass, "plex_token")
    result = await answer(hass, form, PLEX_INPUT | {"token": "  plex-token "})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["title"] == "Attic (Ada)"
    assert result["result"].unique_id == "server-1:user-1"
    client_id = result["data"]["client_id"]
    assert len(client_id) == 32
    assert result["data"] == {
        "kind": "plex",
        "url": "http://attic:32400",
        "token": "plex-token",
        "verify_ssl": True,
        "client_id": client_id,
        "server_id": "server-1",
        "server_name": "Attic",
        "user_id": "user-1",
        "user_name": "Ada",
    }
    [call] = identify.await_args_list
    assert call.args[1]["client_id"] == client_id


@pytest.mark.usefixtures("no_setup")
@pytest.mark.parametrize(
    ("error", "expected"),
    [*ERRORS, (WrongServer("another product"), {"base": "not_plex"})],
    ids=[*IDS, "WrongServer"],
)
async def test_a_refused_plex_form_says_why_and_keeps_what_was_typed(
    hass: HomeAssistant,
    identify: AsyncMock,
    error: ServerError,
    expected: dict[str, str],
) -> None:
    identify.side_effect = error
    form = await start(hass, "plex_token")
    typed = PLEX_INPUT | {"verify_ssl": False}
    result = await answer(hass, form, typed)
    assert result["type"] is FlowResultType.FORM
    assert result["errors"] == expected
    assert result["data_schema"] is not None
    assert {
        key: get_schema_suggested_value(result["data_schema"].schema, key)
        for key in typed
    } == typed

    identify.side_effect = None
    result = await answer(hass, result, typed)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["data"]["verify_ssl"] is False


@pytest.mark.usefixtures("no_setup", "identify")
@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("attic:32400", "http://attic:32400"),
        (" 192.168.1.5:32400/ ", "http://192.168.1.5:32400"),
        ("https://attic.example", "https://attic.example"),
        ("HTTPS://Attic.example/plex/", "https://attic.example/plex"),
        ("attic.example/media/plex//", "http://attic.example/media/plex"),
        ("http://attic:32400/web/index.html#!/", "http://attic:32400/web/index.html"),
        ("[fd00::1]:32400", "http://[fd00::1]:32400"),
    ],
)
async def test_an_address_is_stored_with_scheme_and_base_path_and_no_closing_slash(
    hass: HomeAssistant, typed: str, stored: str
) -> None:
    form = await start(hass, "plex_token")
    result = await answer(hass, form, PLEX_INPUT | {"url": typed})
    assert result["data"]["url"] == stored


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "   ",
        "http://",
        "ftp://attic",
        "http://ada:secret@attic:32400",
        "attic:port",
    ],
)
async def test_an_address_that_is_none_is_refused_unasked(
    hass: HomeAssistant, identify: AsyncMock, typed: str
) -> None:
    form = await start(hass, "plex_token")
    result = await answer(hass, form, PLEX_INPUT | {"url": typed})
    assert result["errors"] == {"url": "invalid_url"}
    identify.assert_not_awaited()


@pytest.mark.usefixtures("identify")
async def test_the_same_user_of_the_same_server_is_connected_once(
    hass: HomeAssistant,
) -> None:
    lane_entry(MemoryServer()).add_to_hass(hass)
    form = await start(hass, "plex_token")
    result = await answer(hass, form, PLEX_INPUT)
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "already_configured"


@pytest.mark.usefixtures("no_setup")
async def test_another_user_of_the_same_server_is_an_entry_of_its_own(
    hass: HomeAssistant, identify: AsyncMock
) -> None:
    lane_entry(MemoryServer()).add_to_hass(hass)
    identify.return_value = OTHER_USER
    form = await start(hass, "plex_token")
    result = await answer(hass, form, PLEX_INPUT)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["result"].unique_id == "server-1:user-2"


# --- Jellyfin --------------------------------------------------------------


@pytest.mark.usefixtures("no_setup")
async def test_jellyfin_is_connected_by_password_which_is_not_stored(
    hass: HomeAssistant, login: AsyncMock
) -> None:
    form = await start(hass, "jellyfin_password")
    result = await answer(hass, form, JELLYFIN_INPUT)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    data = result["data"]
    assert data == {
        "kind": "jellyfin",
        "url": "http://attic:8096",
        "token": "jellyfin-token",
        "verify_ssl": True,
        "client_id": data["client_id"],
        "server_id": "server-1",
        "server_name": "Attic",
        "user_id": "user-1",
        "user_name": "Ada",
    }
    [call] = login.await_args_list
    assert call.kwargs == {
        "url": "http://attic:8096",
        "username": "ada",
        "password": "lovelace",
        "verify_ssl": True,
        "device_id": data["client_id"],
    }


@pytest.mark.usefixtures("no_setup")
async def test_a_jellyfin_user_may_have_no_password(
    hass: HomeAssistant, login: AsyncMock
) -> None:
    form = await start(hass, "jellyfin_password")
    typed = {key: one for key, one in JELLYFIN_INPUT.items() if key != "password"}
    result = await answer(hass, form, typed)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert login.await_args_list[0].kwargs["password"] == ""


@pytest.mark.usefixtures("no_setup")
@pytest.mark.parametrize(
    ("error", "expected"),
    [*ERRORS, (WrongServer("another product"), {"base": "not_jellyfin"})],
    ids=[*IDS, "WrongServer"],
)
async def test_a_refused_jellyfin_form_says_why_and_keeps_what_was_typed(
    hass: HomeAssistant,
    login: AsyncMock,
    error: ServerError,
    expected: dict[str, str],
) -> None:
    login.side_effect = error
    form = await start(hass, "jellyfin_password")
    result = await answer(hass, form, JELLYFIN_INPUT)
    assert result["errors"] == expected
    assert result["data_schema"] is not None
    assert {
        key: get_schema_suggested_value(result["data_schema"].schema, key)
        for key in JELLYFIN_INPUT
    } == JELLYFIN_INPUT

    login.side_effect = None
    result = await answer(hass, result, JELLYFIN_INPUT)
    assert result["type"] is FlowResultType.CREATE_ENTRY


@pytest.mark.usefixtures("login")
async def test_the_same_jellyfin_user_is_connected_once(hass: HomeAssistant) -> None:
    lane_entry(MemoryServer()).add_to_hass(hass)
    form = await start(hass, "jellyfin_password")
    result = await answer(hass, form, JELLYFIN_INPUT)
    assert result["reason"] == "already_configured"


# --- signing in again ------------------------------------------------------


async def reauth(hass: HomeAssistant, entry: MockConfigEntry) -> ConfigFlowResult:
    form: ConfigFlowResult = await entry.start_reauth_flow(hass)
    assert form["step_id"] == "reauth_confirm"
    return form


async def test_a_new_plex_token_takes_the_old_ones_place_and_reloads(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer(kind="plex")
    entry = await setup_lane(hass, server)
    before = entry.runtime_data
    form = await reauth(hass, entry)
    assert form["data_schema"] is not None
    assert [str(key) for key in form["data_schema"].schema] == ["token"]
    result = await answer(hass, form, {"token": "new-token"})
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "reauth_successful"
    await hass.async_block_till_done()
    assert entry.data["token"] == "new-token"
    assert entry.data["server_id"] == "server-1"
    assert entry.runtime_data is not before


async def test_a_password_takes_the_old_tokens_place_for_the_same_device(
    hass: HomeAssistant, login: AsyncMock
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    form = await reauth(hass, entry)
    assert form["data_schema"] is not None
    assert get_schema_suggested_value(form["data_schema"].schema, "username") == "Ada"
    typed = {"username": "ada", "password": "new"}
    result = await answer(hass, form, typed)
    assert result["reason"] == "reauth_successful"
    await hass.async_block_till_done()
    assert entry.data["token"] == "jellyfin-token"
    assert login.await_args_list[0].kwargs == typed | {
        "url": server.url,
        "verify_ssl": True,
        "device_id": entry.data["client_id"],
    }


@pytest.mark.parametrize("other", [OTHER_USER, OTHER_SERVER])
async def test_another_account_does_not_take_an_entry_over(
    hass: HomeAssistant, identify: AsyncMock, login: AsyncMock, other: ServerInfo
) -> None:
    identify.return_value = other
    login.return_value = JellyfinLogin("another-token", other)
    for kind, typed in (
        ("plex", {"token": "another-token"}),
        ("jellyfin", {"username": "bob", "password": "x"}),
    ):
        server = MemoryServer(kind=kind, server_id="server-1")
        entry = lane_entry(server)
        entry.add_to_hass(hass)
        data = dict(entry.data)
        result = await answer(hass, await reauth(hass, entry), typed)
        assert result["type"] is FlowResultType.ABORT
        assert result["reason"] == "wrong_account"
        assert entry.data == data
        await hass.config_entries.async_remove(entry.entry_id)


@pytest.mark.parametrize(("error", "expected"), ERRORS, ids=IDS)
async def test_a_refused_sign_in_can_be_corrected(
    hass: HomeAssistant,
    login: AsyncMock,
    error: ServerError,
    expected: dict[str, str],
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    login.side_effect = error
    typed = {"username": "ada", "password": "wrong"}
    result = await answer(hass, await reauth(hass, entry), typed)
    assert result["errors"] == expected
    assert result["data_schema"] is not None
    assert get_schema_suggested_value(result["data_schema"].schema, "username") == "ada"
    login.side_effect = None
    result = await answer(hass, result, typed | {"password": "right"})
    assert result["reason"] == "reauth_successful"


async def test_signing_in_again_starts_an_entry_that_never_came_up(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer(kind="plex")
    server.revoke()
    entry = await setup_lane(hass, server)
    assert not hasattr(entry, "runtime_data")
    [flow] = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    server.come_up()
    result = await hass.config_entries.flow.async_configure(
        flow["flow_id"], {"token": "new"}
    )
    assert result["reason"] == "reauth_successful"
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED


# --- another address -------------------------------------------------------


async def test_a_server_that_moved_is_followed_and_keeps_its_sign_in(
    hass: HomeAssistant,
) -> None:
    old, new = MemoryServer(), MemoryServer()
    entry = await setup_lane(hass, old)
    use_server(hass, new)
    form: ConfigFlowResult = await entry.start_reconfigure_flow(hass)
    assert form["step_id"] == "reconfigure"
    assert form["data_schema"] is not None
    assert get_schema_suggested_value(form["data_schema"].schema, "url") == old.url
    result = await answer(hass, form, {"url": f"{new.url}/", "verify_ssl": False})
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "reconfigure_successful"
    await hass.async_block_till_done()
    assert (entry.data["url"], entry.data["verify_ssl"]) == (new.url, False)
    assert entry.data["token"] == "secret-token"
    assert entry.runtime_data.server is new


@pytest.mark.parametrize("other", [OTHER_USER, OTHER_SERVER])
async def test_an_entry_does_not_move_to_another_account(
    hass: HomeAssistant, identify: AsyncMock, other: ServerInfo
) -> None:
    entry = await setup_lane(hass)
    data = dict(entry.data)
    identify.return_value = other
    form: ConfigFlowResult = await entry.start_reconfigure_flow(hass)
    result = await answer(hass, form, {"url": "elsewhere:1", "verify_ssl": True})
    assert result["reason"] == "wrong_account"
    assert entry.data == data


@pytest.mark.parametrize(
    ("error", "expected"),
    [*ERRORS, (WrongServer("another product"), {"base": "not_jellyfin"})],
    ids=[*IDS, "WrongServer"],
)
async def test_a_refused_address_can_be_corrected(
    hass: HomeAssistant,
    identify: AsyncMock,
    error: ServerError,
    expected: dict[str, str],
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    identify.side_effect = error
    form: ConfigFlowResult = await entry.start_reconfigure_flow(hass)
    typed = {"url": "http://elsewhere:1", "verify_ssl": False}
    result = await answer(hass, form, typed)
    assert result["errors"] == expected
    assert result["data_schema"] is not None
    schema = result["data_schema"].schema
    assert get_schema_suggested_value(schema, "url") == "http://elsewhere:1"
    identify.side_effect = None
    result = await answer(hass, result, {"url": server.url, "verify_ssl": True})
    assert result["reason"] == "reconfigure_successful"


# --- preferences -----------------------------------------------------------


async def test_preferences_are_kept_and_take_effect(hass: HomeAssistant) -> None:
    server = MemoryServer()
    server.up_next_ids = ["m1", "m2", "e1x1"]
    entry = await setup_lane(hass, server)
    assert len(entry.runtime_data.coordinator.data.up_next) == 3
    form = await hass.config_entries.options.async_init(entry.entry_id)
    assert form["type"] is FlowResultType.FORM
    assert form["step_id"] == "init"
    chosen = {
        "entities": {"up_next_switches": 2},
        "delivery": {"conflict_policy": "server", "max_retry_age": 7},
    }
    result = await hass.config_entries.options.async_configure(form["flow_id"], chosen)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()
    assert entry.options == chosen
    assert entry.runtime_data.coordinator.data.up_next == ("m1", "m2")

    form = await hass.config_entries.options.async_init(entry.entry_id)
    assert form["data_schema"] is not None
    sections = {str(key): value for key, value in form["data_schema"].schema.items()}
    assert (
        get_schema_suggested_value(
            sections["entities"].schema.schema, "up_next_switches"
        )
        == 2
    )
    assert (
        get_schema_suggested_value(
            sections["delivery"].schema.schema, "conflict_policy"
        )
        == "server"
    )


@pytest.mark.parametrize(
    ("section", "field", "value"),
    [
        ("entities", "up_next_switches", -1),
        ("entities", "up_next_switches", 51),
        ("delivery", "max_retry_age", 0),
        ("delivery", "conflict_policy", "whoever"),
    ],
)
async def test_preferences_out_of_bounds_are_refused(
    hass: HomeAssistant, section: str, field: str, value: object
) -> None:
    entry = await setup_lane(hass)
    form = await hass.config_entries.options.async_init(entry.entry_id)
    chosen: dict[str, dict[str, object]] = {
        "entities": {"up_next_switches": 2},
        "delivery": {"conflict_policy": "server", "max_retry_age": 7},
    }
    chosen[section][field] = value
    with pytest.raises(InvalidData):
        await hass.config_entries.options.async_configure(form["flow_id"], chosen)


# --- tracking --------------------------------------------------------------


async def search(
    hass: HomeAssistant, entry: MockConfigEntry, query: str
) -> SubentryFlowResult:
    form = await hass.config_entries.subentries.async_init(
        (entry.entry_id, "item"), context={"source": SOURCE_USER}
    )
    assert form["type"] is FlowResultType.FORM
    assert form["step_id"] == "user"
    return await hass.config_entries.subentries.async_configure(
        form["flow_id"], {"query": query}
    )


def candidates(form: SubentryFlowResult) -> dict[str, str]:
    """Return what can be picked: the label by the item id."""
    assert form["step_id"] == "pick"
    assert form["data_schema"] is not None
    [selector] = form["data_schema"].schema.values()
    return {one["value"]: one["label"] for one in selector.config["options"]}


async def test_a_show_found_by_its_title_is_tracked(hass: HomeAssistant) -> None:
    entry = await setup_lane(hass)
    form = await search(hass, entry, " sever ")
    assert candidates(form) == {"s1": "Severance (2022) - Show"}
    result = await hass.config_entries.subentries.async_configure(
        form["flow_id"], {"item": "s1"}
    )
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()
    [subentry] = entry.subentries.values()
    assert (subentry.title, subentry.unique_id) == ("Severance", "s1")
    assert set(entry.runtime_data.coordinator.tracked_ids) == {"s1"}


async def test_a_movie_is_offered_with_its_year_and_kind(hass: HomeAssistant) -> None:
    entry = await setup_lane(hass)
    form = await search(hass, entry, "arrival")
    assert candidates(form) == {"m1": "Arrival (2016) - Movie"}


async def test_copies_of_one_film_can_be_told_apart(hass: HomeAssistant) -> None:
    copy = Item("m3", MediaKind.MOVIE, "Arrival", 2016, library_id="4k")
    bare = Item("m4", MediaKind.MOVIE, "Arrivals")
    entry = await setup_lane(hass, MemoryServer([MOVIE, copy, bare]))
    assert candidates(await search(hass, entry, "arrival")) == {
        "m1": "Arrival (2016) - Movie, films / m1",
        "m3": "Arrival (2016) - Movie, 4k / m3",
        "m4": "Arrivals - Movie",
    }


async def test_a_title_that_is_not_found_can_be_typed_again(
    hass: HomeAssistant,
) -> None:
    entry = await setup_lane(hass)
    form = await search(hass, entry, "nothing like it")
    assert form["errors"] == {"query": "nothing_found"}
    assert form["data_schema"] is not None
    typed = get_schema_suggested_value(form["data_schema"].schema, "query")
    assert typed == "nothing like it"
    form = await hass.config_entries.subentries.async_configure(
        form["flow_id"], {"query": "arrival"}
    )
    assert candidates(form) == {"m1": "Arrival (2016) - Movie"}


async def test_what_is_tracked_is_not_offered_again(hass: HomeAssistant) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server, subentries=[SHOW])
    form = await search(hass, entry, "severance")
    assert form["errors"] == {"query": "already_tracked"}
    form = await hass.config_entries.subentries.async_configure(
        form["flow_id"], {"query": "a"}
    )
    assert set(candidates(form)) == {"m1", "m2"}


async def test_an_item_tracked_meanwhile_is_not_tracked_twice(
    hass: HomeAssistant,
) -> None:
    entry = await setup_lane(hass)
    forms = [await search(hass, entry, "arrival") for _ in range(2)]
    results = []
    for form in forms:
        results.append(
            await hass.config_entries.subentries.async_configure(
                form["flow_id"], {"item": "m1"}
            )
        )
        await hass.async_block_till_done()
    assert results[0]["type"] is FlowResultType.CREATE_ENTRY
    assert results[1]["type"] is FlowResultType.ABORT
    assert results[1]["reason"] == "already_configured"
    assert len(entry.subentries) == 1


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        *((error, *expected.values()) for error, expected in ERRORS),
        (WrongServer("another one"), "cannot_connect"),
    ],
    ids=[*IDS, "WrongServer"],
)
async def test_a_search_that_fails_says_why(
    hass: HomeAssistant, error: ServerError, expected: str
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    server.go_down(error)
    form = await search(hass, entry, "arrival")
    assert form["errors"] == {"base": expected}
    server.come_up()
    form = await hass.config_entries.subentries.async_configure(
        form["flow_id"], {"query": "arrival"}
    )
    assert candidates(form) == {"m1": "Arrival (2016) - Movie"}


async def test_nothing_can_be_tracked_while_the_entry_is_not_loaded(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    server.go_down()
    entry = await setup_lane(hass, server)
    result = await hass.config_entries.subentries.async_init(
        (entry.entry_id, "item"), context={"source": SOURCE_USER}
    )
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "entry_not_loaded"


# --- the clients behind it -------------------------------------------------


async def test_each_kind_of_server_gets_its_own_client(hass: HomeAssistant) -> None:
    data = dict(lane_entry(MemoryServer()).data)
    jellyfin = create_server(hass, data)
    assert isinstance(jellyfin, JellyfinClient)
    plex = create_server(hass, data | {"kind": "plex"})
    assert isinstance(plex, PlexClient)
    del data["server_id"]
    assert isinstance(create_server(hass, data | {"kind": "plex"}), PlexClient)
    for client in (jellyfin, plex):
        assert "secret-token" not in repr(client)


async def test_signing_in_at_jellyfin_uses_the_session_that_fits(
    hass: HomeAssistant,
) -> None:
    with patch(
        "custom_components.watched_sync.runtime.jellyfin_authenticate",
        return_value=JellyfinLogin("token", INFO),
    ) as mock:
        for verify_ssl in (True, False):
            await async_login_jellyfin(
                hass,
                url="http://attic:8096",
                username="ada",
                password="lovelace",
                verify_ssl=verify_ssl,
                device_id="device",
            )
    sessions = [call.args[0] for call in mock.await_args_list]
    assert sessions == [
        async_get_clientsession(hass, verify_ssl=verify_ssl)
        for verify_ssl in (True, False)
    ]
    assert mock.await_args_list[0].args[1:] == (
        "http://attic:8096",
        "ada",
        "lovelace",
        "device",
    )
