"""The dialogs that connect, sign in again and follow, with every mistake in them."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from unittest.mock import AsyncMock, patch

from homeassistant.config_entries import (
    SOURCE_USER,
    ConfigEntryState,
    ConfigFlowResult,
)
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    MockUser,
    get_schema_suggested_value,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.watched_sync.connecting import create_server
from custom_components.watched_sync.const import DOMAIN
from custom_components.watched_sync.core.errors import (
    AuthRejected,
    Busy,
    CertificateRefused,
    Fault,
    Forbidden,
    Malformed,
    Redirected,
    ServerError,
    Starting,
    Unreachable,
    UnsupportedVersion,
    WrongAddress,
    WrongServer,
)
from custom_components.watched_sync.core.lane import Phase
from custom_components.watched_sync.core.ports import ServerInfo
from custom_components.watched_sync.servers.jellyfin.client import (
    JellyfinClient,
    JellyfinLogin,
)
from custom_components.watched_sync.servers.plex.client import PlexClient
from custom_components.watched_sync.sessions import async_shared_session
from custom_components.watched_sync.signing_in import async_login

from .common import (
    MOVIE,
    MemoryServer,
    drained,
    lane_entry,
    mark,
    say_whose,
    setup_lane,
    until,
    use_server,
)

KINDS = ["plex", "jellyfin", "emby"]
FLOW = "custom_components.watched_sync.config_flow"
WAYS = [
    "plex_account",
    "plex_token",
    "jellyfin_password",
    "jellyfin_quick_connect",
    "emby_password",
]

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
    (Forbidden("403"), {"base": "not_let_in"}),
    (WrongAddress("nowhere"), {"url": "invalid_url"}),
    (Redirected("301", "https://attic.example"), {"url": "redirected"}),
    (UnsupportedVersion("old", "10.8.13"), {"base": "unsupported_version"}),
    (CertificateRefused("self-signed"), {"base": "ssl_error"}),
    (Starting("starting"), {"base": "startup"}),
    (Fault("500"), {"base": "unknown"}),
    (Malformed("html"), {"base": "unknown"}),
]
#: What a form with a password says instead.
WITH_PASSWORD = {"invalid_auth": {"base": "invalid_password"}}
IDS = [type(error).__name__ for error, _ in ERRORS]


@pytest.fixture(autouse=True)
def find_servers() -> Iterator[AsyncMock]:
    """Find no server in the network."""
    with patch(f"{FLOW}.async_find_servers", return_value={}) as mock:
        yield mock


@pytest.fixture(autouse=True)
def kind_at() -> Iterator[AsyncMock]:
    """Find nothing of ours where something else answers."""
    with patch(f"{FLOW}.async_kind_at", return_value=None) as mock:
        yield mock


@pytest.fixture(autouse=True)
def sign_out() -> Iterator[AsyncMock]:
    """Take tokens back."""
    with patch(f"{FLOW}.async_sign_out") as mock:
        yield mock


@pytest.fixture
def identify() -> Iterator[AsyncMock]:
    """Answer in every Plex server's place."""
    with patch(f"{FLOW}.async_identify", return_value=INFO) as mock:
        yield mock


@pytest.fixture
def login() -> Iterator[AsyncMock]:
    """Sign in at every Jellyfin or Emby server."""
    with patch(
        f"{FLOW}.async_login", return_value=JellyfinLogin("jellyfin-token", INFO)
    ) as mock:
        yield mock


@pytest.fixture
def verify() -> Iterator[AsyncMock]:
    """Answer wherever an entry is to move to."""
    with patch(f"{FLOW}.async_verify", return_value=INFO) as mock:
        yield mock


@pytest.fixture
async def config_component(hass: HomeAssistant) -> None:
    """Have the requests with which the frontend fills in forms."""
    assert await async_setup_component(hass, "config", {})


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
    assert menu["menu_options"] == WAYS
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


def typed_into(form: ConfigFlowResult) -> dict[str, Any]:
    """Return what the fields of a form hold."""
    assert form["data_schema"] is not None
    fields = form["data_schema"].schema
    return {
        str(field): get_schema_suggested_value(fields, str(field)) for field in fields
    }


# --- Plex ------------------------------------------------------------------


@pytest.mark.usefixtures("no_setup")
async def test_plex_is_connected_by_address_and_token(
    hass: HomeAssistant, identify: AsyncMock
) -> None:
    form = await start(hass, "plex_token")
    result = await answer(hass, form, PLEX_INPUT | {"token": "  plex-token "})
    result = await say_whose(hass, result)
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
    [
        *(one for one in ERRORS if not isinstance(one[0], AuthRejected | Forbidden)),
        (AuthRejected("401"), {"base": "invalid_token"}),
        (Forbidden("403"), {"base": "invalid_token"}),
        (WrongServer("another product"), {"base": "not_plex"}),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, ServerError) else "",
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
    assert typed_into(result) == typed

    identify.side_effect = None
    result = await answer(hass, result, typed)
    result = await say_whose(hass, result)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["data"]["verify_ssl"] is False


@pytest.mark.usefixtures("no_setup", "identify")
@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("attic:32400", "http://attic:32400"),
        (" 192.168.1.5:32400/ ", "http://192.168.1.5:32400"),
        # What stands in the browser's bar while the server's own page is open.
        ("http://attic:32400/web/index.html#!/settings", "http://attic:32400"),
        ("https://attic/plex/web/", "https://attic/plex"),
        ("http://attic/web/#/home.html", "http://attic"),
        ("http://attic/webserver", "http://attic/webserver"),
        ("http://web", "http://web"),
        ("https://attic.example", "https://attic.example"),
        ("HTTPS://Attic.example/plex/", "https://attic.example/plex"),
        ("attic.example/media/plex//", "http://attic.example/media/plex"),
        ("[fd00::1]:32400", "http://[fd00::1]:32400"),
    ],
)
async def test_an_address_is_stored_with_scheme_and_base_path_and_no_closing_slash(
    hass: HomeAssistant, typed: str, stored: str
) -> None:
    form = await start(hass, "plex_token")
    result = await answer(hass, form, PLEX_INPUT | {"url": typed})
    result = await say_whose(hass, result)
    assert result["data"]["url"] == stored


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "   ",
        "http://",
        "ftp://attic",
        "ftp:/nowhere",
        "mailto:ada",
        "http:attic",
        "attic:",
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
    result = await say_whose(hass, result)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["result"].unique_id == "server-1:user-2"


# --- whose it is -----------------------------------------------------------


def people(hass: HomeAssistant, user_id: str | None = None, **names: str) -> None:
    """Have these persons; the first is the one of a user of Home Assistant."""
    for key, name in names.items():
        told = {"friendly_name": name} | ({"user_id": user_id} if user_id else {})
        hass.states.async_set(f"person.{key}", "home", told)
        user_id = None


@pytest.mark.usefixtures("no_setup", "identify")
@pytest.mark.parametrize("person", ["person.ada", "somebody_else", "shared"])
async def test_the_last_question_is_whose_it_is(
    hass: HomeAssistant, person: str
) -> None:
    people(hass, bob="Bob", ada="Ada")
    form = await answer(hass, await start(hass, "plex_token"), PLEX_INPUT)
    assert form["step_id"] == "person"
    assert form["description_placeholders"] == {"name": "Attic (Ada)"}
    # Who is called like the server's user is likely to be it.
    assert typed_into(form) == {"person": "person.ada"}
    result = await say_whose(hass, form, person)
    assert result["title"] == "Attic (Ada)"
    assert result["options"] == {"person": person}


@pytest.mark.usefixtures("no_setup", "login", "config_component")
@pytest.mark.parametrize("others", [False, True])
async def test_whoever_connects_the_first_lane_of_a_server_is_likely_to_be_it(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    hass_admin_user: MockUser,
    *,
    others: bool,
) -> None:
    people(hass, hass_admin_user.id, grace="Grace", bob="Bob")
    lane_entry(MemoryServer(server_id="server-9")).add_to_hass(hass)
    if others:
        lane_entry(MemoryServer(user_id="user-9", user_name="Zoe")).add_to_hass(hass)
    client = await hass_client()
    flows = "/api/config/config_entries/flow"
    menu = await (await client.post(flows, json={"handler": DOMAIN})).json()
    here = f"{flows}/{menu['flow_id']}"
    await client.post(here, json={"next_step_id": "jellyfin_password"})
    form = await (await client.post(here, json=JELLYFIN_INPUT)).json()
    [field] = [one for one in form["data_schema"] if one["name"] == "person"]
    suggested = field.get("description", {}).get("suggested_value")
    assert suggested == (None if others else "person.grace")


@pytest.mark.usefixtures("no_setup")
async def test_whom_nothing_names_is_called_like_the_person_or_as_one_says(
    hass: HomeAssistant, identify: AsyncMock
) -> None:
    people(hass, ada="Ada")
    for number, (person, typed, expected) in enumerate(
        [
            ("person.ada", {}, "Attic (Ada)"),
            ("somebody_else", {"name": " Guest  room "}, "Attic (Guest room)"),
        ]
    ):
        identify.return_value = replace(INFO, user_id=f"user-{number}", user_name="")
        form = await start(hass, "plex_token")
        form = await answer(hass, form, PLEX_INPUT | {"token": f"{number}"})
        assert form["description_placeholders"] == {"name": "Attic"}
        assert typed_into(form)["name"] is None
        for wrong, error in (
            ({"person": "shared"}, "name_needed"),
            ({"person": "shared", "name": "  "}, "name_needed"),
            ({"person": "shared", "name": "ada"}, "name_taken"),
        )[: 2 + number]:
            form = await answer(hass, form, wrong)
            assert form["errors"] == {"name": error}
            assert typed_into(form) == {"name": None} | wrong
        result = await say_whose(hass, form, person, **typed)
        assert result["title"] == expected
        assert result["data"]["user_name"] == expected[7:-1]


@pytest.mark.usefixtures("no_setup")
async def test_no_two_lanes_bear_one_title(
    hass: HomeAssistant, identify: AsyncMock
) -> None:
    """Servers of one name, with a user of one name on each."""
    for number, expected in enumerate(["Ada", "Ada, Plex", "Ada, Plex 2"]):
        identify.return_value = replace(INFO, server_id=f"server-{number}")
        form = await answer(hass, await start(hass, "plex_token"), PLEX_INPUT)
        if number:
            assert typed_into(form)["name"] == expected
            form = await answer(hass, form, {"person": "shared", "name": "Ada"})
            assert form["errors"] == {"name": "name_taken"}
            result = await say_whose(hass, form, name=expected)
        else:
            result = await say_whose(hass, form)
        assert result["title"] == f"Attic ({expected})"
        # What the server calls the user is needed to sign in again.
        assert result["data"]["user_name"] == "Ada"


@pytest.mark.usefixtures("no_setup", "login")
async def test_another_name_is_asked_for_where_it_is_taken_meanwhile(
    hass: HomeAssistant,
) -> None:
    form = await start(hass, "jellyfin_password")
    form = await answer(hass, form, JELLYFIN_INPUT)
    assert "name" not in typed_into(form)
    lane_entry(MemoryServer(server_id="server-9")).add_to_hass(hass)
    form = await answer(hass, form, {"person": "shared"})
    assert form["errors"] == {"name": "name_taken"}
    result = await say_whose(hass, form, name="Ada upstairs")
    assert result["title"] == "Attic (Ada upstairs)"


@pytest.mark.usefixtures("login")
async def test_leaving_before_the_last_answer_signs_out_again(
    hass: HomeAssistant, sign_out: AsyncMock
) -> None:
    form = await start(hass, "jellyfin_password")
    form = await answer(hass, form, JELLYFIN_INPUT)
    assert form["step_id"] == "person"
    sign_out.assert_not_awaited()
    hass.config_entries.flow.async_abort(form["flow_id"])
    await hass.async_block_till_done(wait_background_tasks=True)
    [call] = sign_out.await_args_list
    assert call.args[1]["token"] == "jellyfin-token"


@pytest.mark.usefixtures("no_setup", "login")
async def test_a_sign_in_that_is_used_is_not_ended(
    hass: HomeAssistant, sign_out: AsyncMock
) -> None:
    form = await start(hass, "jellyfin_password")
    await say_whose(hass, await answer(hass, form, JELLYFIN_INPUT))
    await hass.async_block_till_done(wait_background_tasks=True)
    sign_out.assert_not_awaited()


# --- Jellyfin and Emby -----------------------------------------------------


@pytest.mark.usefixtures("no_setup")
@pytest.mark.parametrize("kind", ["jellyfin", "emby"])
async def test_a_password_connects_and_is_not_stored(
    hass: HomeAssistant, login: AsyncMock, kind: str
) -> None:
    form = await start(hass, f"{kind}_password")
    result = await answer(hass, form, JELLYFIN_INPUT)
    result = await say_whose(hass, result)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    data = result["data"]
    address = {
        "kind": kind,
        "url": "http://attic:8096",
        "verify_ssl": True,
        "client_id": data["client_id"],
    }
    assert data == address | {
        "token": "jellyfin-token",
        "server_id": "server-1",
        "server_name": "Attic",
        "user_id": "user-1",
        "user_name": "Ada",
    }
    [call] = login.await_args_list
    assert call.args == (hass, address, "ada", "lovelace")


@pytest.mark.usefixtures("no_setup")
async def test_a_jellyfin_user_may_have_no_password(
    hass: HomeAssistant, login: AsyncMock
) -> None:
    form = await start(hass, "jellyfin_password")
    typed = {key: one for key, one in JELLYFIN_INPUT.items() if key != "password"}
    result = await answer(hass, form, typed)
    result = await say_whose(hass, result)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert login.await_args_list[0].args[3] == ""


@pytest.mark.usefixtures("no_setup")
@pytest.mark.parametrize("kind", ["jellyfin", "emby"])
@pytest.mark.parametrize(
    ("error", "expected"),
    [*ERRORS, (WrongServer("another product"), {"base": "not_"})],
    ids=[*IDS, "WrongServer"],
)
async def test_a_refused_password_form_says_why_and_keeps_what_was_typed(
    hass: HomeAssistant,
    login: AsyncMock,
    kind: str,
    error: ServerError,
    expected: dict[str, str],
) -> None:
    login.side_effect = error
    form = await start(hass, f"{kind}_password")
    result = await answer(hass, form, JELLYFIN_INPUT)
    expected = WITH_PASSWORD.get(expected.get("base", ""), expected)
    if expected == {"base": "not_"}:
        expected = {"base": f"not_{kind}"}
    assert result["errors"] == expected
    assert typed_into(result) == JELLYFIN_INPUT

    login.side_effect = None
    result = await answer(hass, result, JELLYFIN_INPUT)
    result = await say_whose(hass, result)
    assert result["type"] is FlowResultType.CREATE_ENTRY


@pytest.mark.parametrize("way", ["plex_token", "jellyfin_password", "emby_password"])
async def test_an_address_that_leads_on_is_told_where_to(
    hass: HomeAssistant, identify: AsyncMock, login: AsyncMock, way: str
) -> None:
    identify.side_effect = login.side_effect = Redirected(
        "301", "https://attic.example"
    )
    form = await start(hass, way)
    typed = PLEX_INPUT if way == "plex_token" else JELLYFIN_INPUT
    result = await answer(hass, form, typed)
    assert result["errors"] == {"url": "redirected"}
    assert result["description_placeholders"] is not None
    assert result["description_placeholders"]["location"] == "https://attic.example"


async def test_an_entry_that_is_to_move_or_to_sign_in_again_is_told_where_to(
    hass: HomeAssistant, verify: AsyncMock, login: AsyncMock
) -> None:
    entry = await setup_lane(hass, MemoryServer())
    verify.side_effect = login.side_effect = Redirected("301", "https://attic.example")
    told = {"name": entry.title, "location": "https://attic.example"}
    form: ConfigFlowResult = await entry.start_reconfigure_flow(hass)
    result = await answer(hass, form, {"url": "attic.example", "verify_ssl": True})
    assert result["description_placeholders"] == told
    form = await reauth(hass, entry, "jellyfin_password")
    result = await answer(hass, form, {"username": "ada", "password": "lovelace"})
    assert result["description_placeholders"] == told


async def test_a_server_that_is_too_old_is_named_by_its_version(
    hass: HomeAssistant, login: AsyncMock
) -> None:
    login.side_effect = UnsupportedVersion("old", "10.8.13")
    form = await start(hass, "jellyfin_password")
    result = await answer(hass, form, JELLYFIN_INPUT)
    assert result["description_placeholders"] == {"version": "10.8.13"}


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (AuthRejected("401"), {"password": "api_key"}),
        (Unreachable("refused"), {"base": "cannot_connect"}),
    ],
)
async def test_an_api_key_in_a_passwords_place_is_refused_with_the_reason(
    hass: HomeAssistant,
    login: AsyncMock,
    error: ServerError,
    expected: dict[str, str],
) -> None:
    login.side_effect = error
    form = await start(hass, "jellyfin_password")
    typed = JELLYFIN_INPUT | {"password": "0123456789abcdef" * 2}
    result = await answer(hass, form, typed)
    assert result["errors"] == expected


@pytest.mark.usefixtures("login")
async def test_the_same_jellyfin_user_is_connected_once(
    hass: HomeAssistant, sign_out: AsyncMock
) -> None:
    lane_entry(MemoryServer()).add_to_hass(hass)
    form = await start(hass, "jellyfin_password")
    result = await answer(hass, form, JELLYFIN_INPUT)
    assert result["reason"] == "already_configured"
    # The sign-in that came too late is not left behind on the server.
    [call] = sign_out.await_args_list
    assert call.args[1]["token"] == "jellyfin-token"


@pytest.mark.parametrize(
    ("found", "error"),
    [("plex", "found_plex"), ("emby", "found_emby"), (None, "not_jellyfin")],
)
async def test_what_answers_in_the_servers_place_is_named(
    hass: HomeAssistant,
    login: AsyncMock,
    kind_at: AsyncMock,
    found: str | None,
    error: str,
) -> None:
    login.side_effect = WrongServer("another product")
    kind_at.return_value = found
    form = await start(hass, "jellyfin_password")
    result = await answer(hass, form, JELLYFIN_INPUT)
    assert result["errors"] == {"base": error}
    [call] = kind_at.await_args_list
    assert call.args[1].keys() == {"kind", "url", "verify_ssl", "client_id"}


# --- servers that were found ----------------------------------------------


@pytest.mark.usefixtures("no_setup", "login")
@pytest.mark.parametrize("step", ["jellyfin_password", "jellyfin_quick_connect"])
async def test_servers_that_were_found_are_offered_and_others_can_be_typed(
    hass: HomeAssistant, find_servers: AsyncMock, step: str
) -> None:
    find_servers.return_value = {
        "jellyfin": {"http://attic:8096": "Attic", "http://cellar:8096": "Cellar"},
        "plex": {"http://attic:32400": "Plex"},
    }
    form = await start(hass, step)
    assert form["data_schema"] is not None
    selector = form["data_schema"].schema["url"]
    assert selector.config["options"] == [
        {"value": "http://attic:8096", "label": "Attic - http://attic:8096"},
        {"value": "http://cellar:8096", "label": "Cellar - http://cellar:8096"},
    ]
    assert selector.config["custom_value"] is True
    assert typed_into(form)["url"] == "http://attic:8096"


@pytest.mark.usefixtures("no_setup", "identify")
async def test_an_address_that_was_not_found_can_be_typed(
    hass: HomeAssistant, find_servers: AsyncMock
) -> None:
    find_servers.return_value = {"plex": {"http://attic:32400": "Attic"}}
    form = await start(hass, "plex_token")
    result = await answer(hass, form, PLEX_INPUT | {"url": "shed:1"})
    result = await say_whose(hass, result)
    assert result["data"]["url"] == "http://shed:1"


async def test_a_form_does_not_wait_for_a_network_without_an_answer(
    hass: HomeAssistant, find_servers: AsyncMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{FLOW}.PATIENCE", 0)
    cancelled = asyncio.Event()

    async def forever(_: HomeAssistant) -> dict[str, dict[str, str]]:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return {}

    find_servers.side_effect = forever
    form = await start(hass, "jellyfin_password")
    assert typed_into(form)["url"] is None
    # Closing the dialog ends the search.
    hass.config_entries.flow.async_abort(form["flow_id"])
    await asyncio.wait_for(cancelled.wait(), 5)


# --- signing in again ------------------------------------------------------


async def reauth(
    hass: HomeAssistant, entry: MockConfigEntry, step: str
) -> ConfigFlowResult:
    menu: ConfigFlowResult = await entry.start_reauth_flow(hass)
    assert menu["type"] is FlowResultType.MENU
    assert menu["step_id"] == "reauth_confirm"
    assert menu["description_placeholders"] == {"name": entry.title}
    kind = entry.data["kind"]
    assert menu["menu_options"] == [way for way in WAYS if way.startswith(kind)]
    return await hass.config_entries.flow.async_configure(
        menu["flow_id"], {"next_step_id": step}
    )


async def test_a_new_plex_token_takes_the_old_ones_place_and_reloads(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer(kind="plex")
    entry = await setup_lane(hass, server)
    before = entry.runtime_data
    form = await reauth(hass, entry, "plex_token")
    assert form["step_id"] == "reauth_token"
    assert (form["description_placeholders"] or {})["name"] == entry.title
    assert "support.plex.tv" in (form["description_placeholders"] or {})["token_help"]
    assert list(typed_into(form)) == ["token"]
    result = await answer(hass, form, {"token": "new-token"})
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "reauth_successful"
    await hass.async_block_till_done()
    assert entry.data["token"] == "new-token"
    assert entry.data["server_id"] == "server-1"
    assert entry.runtime_data is not before


async def test_a_token_that_is_good_again_brings_the_lane_up_again(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer(kind="plex")
    entry = await setup_lane(hass, server)
    before = entry.runtime_data
    form = await reauth(hass, entry, "plex_token")
    await answer(hass, form, {"token": entry.data["token"]})
    await hass.async_block_till_done()
    assert entry.runtime_data is not before


async def test_a_password_takes_the_old_tokens_place_for_the_same_device(
    hass: HomeAssistant, login: AsyncMock
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    form = await reauth(hass, entry, "jellyfin_password")
    assert typed_into(form) == {"username": "Ada", "password": None}
    result = await answer(hass, form, {"username": "ada", "password": "new"})
    assert result["reason"] == "reauth_successful"
    await hass.async_block_till_done()
    assert entry.data["token"] == "jellyfin-token"
    address = {"kind": "jellyfin", "url": server.url, "verify_ssl": True}
    assert login.await_args_list[0].args == (
        hass,
        address | {"client_id": entry.data["client_id"]},
        "ada",
        "new",
    )


async def test_an_emby_user_has_one_way_to_sign_in_again(
    hass: HomeAssistant, login: AsyncMock
) -> None:
    entry = await setup_lane(hass, MemoryServer(kind="emby"))
    form: ConfigFlowResult = await entry.start_reauth_flow(hass)
    assert form["step_id"] == "reauth_password"
    assert form["description_placeholders"] == {"name": entry.title}
    result = await answer(hass, form, {"username": "ada", "password": "new"})
    assert result["reason"] == "reauth_successful"
    assert login.await_args_list[0].args[1]["kind"] == "emby"


@pytest.mark.parametrize("other", [OTHER_USER, OTHER_SERVER])
async def test_another_account_does_not_take_an_entry_over(
    hass: HomeAssistant,
    identify: AsyncMock,
    login: AsyncMock,
    sign_out: AsyncMock,
    other: ServerInfo,
) -> None:
    identify.return_value = other
    login.return_value = JellyfinLogin("another-token", other)
    for step, typed in (
        ("plex_token", {"token": "another-token"}),
        ("jellyfin_password", {"username": "bob", "password": "x"}),
    ):
        server = MemoryServer(kind=step.partition("_")[0], server_id="server-1")
        use_server(hass, server)
        entry = lane_entry(server)
        entry.add_to_hass(hass)
        data = dict(entry.data)
        result = await answer(hass, await reauth(hass, entry, step), typed)
        assert result["type"] is FlowResultType.ABORT
        assert result["reason"] == "wrong_account"
        assert entry.data == data
        assert sign_out.await_args_list[-1].args[1]["token"] == "another-token"
        await hass.config_entries.async_remove(entry.entry_id)
    assert sign_out.await_count == 2


async def test_signing_in_as_somebody_else_is_no_dead_end(
    hass: HomeAssistant, identify: AsyncMock
) -> None:
    server = MemoryServer(kind="plex")
    entry = await setup_lane(hass, server)
    runtime = entry.runtime_data
    server.revoke()
    runtime.relay.nudge()
    await until(runtime, lambda: runtime.lane.health.phase is Phase.PARKED)
    await hass.async_block_till_done()
    identify.return_value = OTHER_USER
    for _ in range(2):
        # It is asked for again, as nobody would know where to find it.
        [flow] = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
        await hass.config_entries.flow.async_configure(
            flow["flow_id"], {"next_step_id": "plex_token"}
        )
        result = await hass.config_entries.flow.async_configure(
            flow["flow_id"], {"token": "bobs"}
        )
        assert result["reason"] == "wrong_account"
        await hass.async_block_till_done()
    identify.return_value = INFO
    server.come_up()
    [flow] = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    await hass.config_entries.flow.async_configure(
        flow["flow_id"], {"next_step_id": "plex_token"}
    )
    result = await hass.config_entries.flow.async_configure(
        flow["flow_id"], {"token": "adas"}
    )
    assert result["reason"] == "reauth_successful"
    await hass.async_block_till_done()
    assert hass.config_entries.flow.async_progress_by_handler(DOMAIN) == []
    assert entry.runtime_data.lane.health.phase is Phase.READY


async def test_an_entry_that_never_came_up_is_asked_again_until_it_is_removed(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer(kind="plex")
    server.revoke()
    entry = await setup_lane(hass, server)
    [flow] = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    hass.config_entries.flow.async_abort(flow["flow_id"])
    await hass.async_block_till_done()
    [again] = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    assert again["flow_id"] != flow["flow_id"]
    await hass.config_entries.async_remove(entry.entry_id)
    await hass.async_block_till_done()
    assert hass.config_entries.flow.async_progress_by_handler(DOMAIN) == []


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
    typed: dict[str, Any] = {"username": "ada", "password": "wrong"}
    form = await reauth(hass, entry, "jellyfin_password")
    result = await answer(hass, form, typed)
    expected = WITH_PASSWORD.get(expected.get("base", ""), expected)
    assert result["errors"] == expected
    # The address is asked for as well, unless only the sign-in is to blame.
    if expected not in ({"base": "invalid_password"}, {"base": "not_let_in"}):
        typed |= {"url": server.url, "verify_ssl": True}
    assert typed_into(result) == typed
    login.side_effect = None
    result = await answer(hass, result, typed | {"password": "right"})
    assert result["reason"] == "reauth_successful"


async def test_a_server_that_moved_is_followed_while_signing_in_again(
    hass: HomeAssistant, login: AsyncMock
) -> None:
    old, new = MemoryServer(), MemoryServer()
    entry = await setup_lane(hass, old)
    use_server(hass, new)
    login.side_effect = Unreachable("refused")
    typed: dict[str, Any] = {"username": "ada", "password": "right"}
    form = await reauth(hass, entry, "jellyfin_password")
    form = await answer(hass, form, typed)
    login.side_effect = None
    typed |= {"url": new.url, "verify_ssl": False}
    result = await answer(hass, form, typed)
    assert result["reason"] == "reauth_successful"
    await hass.async_block_till_done()
    assert (entry.data["url"], entry.data["verify_ssl"]) == (new.url, False)
    assert entry.runtime_data.server is new


async def test_signing_in_again_starts_an_entry_that_never_came_up(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer(kind="plex")
    server.revoke()
    entry = await setup_lane(hass, server)
    assert not hasattr(entry, "runtime_data")
    [flow] = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    server.come_up()
    form = await hass.config_entries.flow.async_configure(
        flow["flow_id"], {"next_step_id": "plex_token"}
    )
    result = await answer(hass, form, {"token": "new"})
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


async def test_an_entry_does_not_move_to_another_server_nor_shows_it_the_token(
    hass: HomeAssistant,
) -> None:
    entry = await setup_lane(hass)
    data = dict(entry.data)
    other = MemoryServer(server_id="server-2")
    use_server(hass, other)
    form: ConfigFlowResult = await entry.start_reconfigure_flow(hass)
    result = await answer(hass, form, {"url": other.url, "verify_ssl": True})
    assert result["reason"] == "wrong_account"
    assert entry.data == data
    assert other.requests == [("introduce", None)]


@pytest.mark.parametrize(
    ("error", "expected"),
    [*ERRORS, (WrongServer("another product"), {"base": "not_jellyfin"})],
    ids=[*IDS, "WrongServer"],
)
async def test_a_refused_address_can_be_corrected(
    hass: HomeAssistant,
    verify: AsyncMock,
    error: ServerError,
    expected: dict[str, str],
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    verify.side_effect = error
    form: ConfigFlowResult = await entry.start_reconfigure_flow(hass)
    typed = {"url": "http://elsewhere:1", "verify_ssl": False}
    result = await answer(hass, form, typed)
    assert result["errors"] == expected
    assert typed_into(result) == typed
    verify.side_effect = None
    result = await answer(hass, result, {"url": server.url, "verify_ssl": True})
    assert result["reason"] == "reconfigure_successful"


async def test_a_queued_operation_survives_the_move(hass: HomeAssistant) -> None:
    old, new = MemoryServer(), MemoryServer()
    entry = await setup_lane(hass, old)
    use_server(hass, new)
    old.go_down()
    await mark(entry)
    form: ConfigFlowResult = await entry.start_reconfigure_flow(hass)
    await answer(hass, form, {"url": new.url, "verify_ssl": True})
    await hass.async_block_till_done()
    await drained(hass, entry)
    assert [item_id for item_id, _ in new.writes] == [MOVIE.item_id]
    assert old.writes == []


# --- the clients behind it -------------------------------------------------


async def test_each_kind_of_server_gets_its_own_client(hass: HomeAssistant) -> None:
    data = dict(lane_entry(MemoryServer()).data)
    clients = [create_server(hass, data | {"kind": kind}) for kind in KINDS]
    assert [type(client) for client in clients] == [
        PlexClient,
        JellyfinClient,
        JellyfinClient,
    ]
    assert "Emby" in repr(clients[2])
    del data["server_id"]
    assert isinstance(create_server(hass, data | {"kind": "plex"}), PlexClient)
    for client in clients:
        assert "secret-token" not in repr(client)


async def test_signing_in_at_jellyfin_uses_the_session_that_fits(
    hass: HomeAssistant,
) -> None:
    data = {"kind": "jellyfin", "url": "http://attic:8096", "client_id": "device"}
    with patch(
        "custom_components.watched_sync.signing_in.jellyfin_authenticate",
        return_value=JellyfinLogin("token", INFO),
    ) as mock:
        for verify_ssl in (True, False):
            await async_login(
                hass, {**data, "verify_ssl": verify_ssl}, "ada", "lovelace"
            )
    sessions = [call.args[0] for call in mock.await_args_list]
    assert sessions == [
        async_shared_session(hass, verify_ssl=verify_ssl)
        for verify_ssl in (True, False)
    ]
    assert mock.await_args_list[0].args[1:] == (
        "http://attic:8096",
        "ada",
        "lovelace",
        "device",
    )
