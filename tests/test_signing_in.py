"""Signing in elsewhere, against simulated servers: plex.tv, Quick Connect, Emby."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from homeassistant.config_entries import (
    SOURCE_USER,
    ConfigEntry,
    ConfigEntryState,
    ConfigFlowResult,
)
from homeassistant.core import HomeAssistant, callback
from homeassistant.data_entry_flow import (
    EVENT_DATA_ENTRY_FLOW_PROGRESSED,
    FlowResultType,
)
import pytest
from pytest_homeassistant_custom_component.common import get_schema_suggested_value

from custom_components.watched_sync import connecting, signing_in
from custom_components.watched_sync.const import DOMAIN
from custom_components.watched_sync.core.identity import Item, MediaKind
from custom_components.watched_sync.servers import approval
from custom_components.watched_sync.signing_in import PlexUser

from .common import drained, mark, say_whose
from .fakes.base import FakeClock, FakeServer, FaultKind
from .fakes.emby import FakeEmby
from .fakes.jellyfin import FakeJellyfin
from .fakes.plex import FakePlex, PlexRole, PlexUser as Simulated
from .fakes.plex_tv import FakePlexTv

KIM_PIN = "2468"


@pytest.fixture(autouse=True)
def network(socket_enabled: None) -> None:
    """Let requests out, to 127.0.0.1."""


@pytest.fixture(autouse=True)
def quiet_and_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody answers a broadcast, and nobody dawdles."""

    async def nobody(_: HomeAssistant) -> dict[str, dict[str, str]]:
        return {}

    monkeypatch.setattr(
        "custom_components.watched_sync.config_flow.async_find_servers", nobody
    )
    monkeypatch.setattr(approval, "PAUSE", 0.01)
    monkeypatch.setattr(approval, "LONGEST_PAUSE", 0.01)


@pytest.fixture
async def plex() -> AsyncIterator[FakePlex]:
    async with FakePlex() as server:
        yield server


@pytest.fixture
async def plex_tv(
    plex: FakePlex, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[FakePlexTv]:
    """The simulated plex.tv, with a clock of its own, in the real one's place."""
    async with FakePlexTv([plex], clock=FakeClock()) as house:
        monkeypatch.setattr(connecting, "PLEX_TV", house.url)
        yield house


@pytest.fixture
async def jellyfin() -> AsyncIterator[FakeJellyfin]:
    async with FakeJellyfin(clock=FakeClock()) as server:
        yield server


@pytest.fixture
async def emby() -> AsyncIterator[FakeEmby]:
    async with FakeEmby() as server:
        yield server


async def choose(hass: HomeAssistant, way: str) -> ConfigFlowResult:
    menu = await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_USER}
    )
    return await hass.config_entries.flow.async_configure(
        menu["flow_id"], {"next_step_id": way}
    )


async def submit(
    hass: HomeAssistant, form: ConfigFlowResult, typed: dict[str, Any] | None = None
) -> ConfigFlowResult:
    assert form["type"] is FlowResultType.FORM
    result = await hass.config_entries.flow.async_configure(
        form["flow_id"], typed or {}
    )
    await hass.async_block_till_done()
    return result


async def after(hass: HomeAssistant, progress: ConfigFlowResult) -> ConfigFlowResult:
    """Go on as the frontend does once it hears that the waiting is over."""
    flow_id, step_id = progress["flow_id"], progress["step_id"]
    changed = asyncio.Event()
    remove = hass.bus.async_listen(
        EVENT_DATA_ENTRY_FLOW_PROGRESSED, callback(lambda _: changed.set())
    )
    async with asyncio.timeout(10):
        while hass.config_entries.flow.async_get(flow_id)["step_id"] == step_id:
            await changed.wait()
            changed.clear()
    remove()
    result = await hass.config_entries.flow.async_configure(flow_id)
    await hass.async_block_till_done()
    return result


def shown_code(progress: ConfigFlowResult) -> str:
    assert progress["type"] is FlowResultType.SHOW_PROGRESS
    assert progress["description_placeholders"] is not None
    return progress["description_placeholders"]["code"]


async def plex_account(
    hass: HomeAssistant, plex_tv: FakePlexTv, user: str = "alex"
) -> ConfigFlowResult:
    """Sign in at plex.tv; return what the dialog shows then."""
    progress = await choose(hass, "plex_account")
    plex_tv.approve(shown_code(progress), user)
    return await after(hass, progress)


def options(form: ConfigFlowResult, field: str) -> dict[str, str]:
    """Return what can be chosen: the label by the value."""
    assert form["data_schema"] is not None
    selector = form["data_schema"].schema[field]
    return {one["value"]: one["label"] for one in selector.config["options"]}


def uuid(plex_tv: FakePlexTv, name: str) -> str:
    return plex_tv.users[name].uuid


def film(plex: FakePlex) -> Item:
    key = plex.rating_key("The Shawshank Redemption")
    return Item(str(key), MediaKind.MOVIE, "The Shawshank Redemption")


# --- a Plex account --------------------------------------------------------


async def test_a_plex_account_connects_without_looking_anything_up(
    hass: HomeAssistant, plex: FakePlex, plex_tv: FakePlexTv
) -> None:
    progress = await choose(hass, "plex_account")
    shown = progress["description_placeholders"]
    assert shown is not None
    assert shown["url"].startswith(f"{plex_tv.url}/auth#")
    assert shown_code(progress) in shown["url"]
    async with asyncio.timeout(30):
        while not plex_tv.count("/api/v2/pins/"):
            await hass.async_block_till_done()
    plex_tv.approve(shown_code(progress), "alex")
    form = await after(hass, progress)

    assert form["step_id"] == "plex_user"
    assert list(options(form, "user").values()) == ["alex", "kim"]
    assert form["data_schema"] is not None
    suggested = get_schema_suggested_value(form["data_schema"].schema, "user")
    assert suggested == uuid(plex_tv, "alex")
    result = await submit(hass, form, {"user": suggested})

    result = await say_whose(hass, result)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["title"] == "Fake Plex (alex)"
    entry = result["result"]
    assert entry.unique_id == f"{plex.machine_identifier}:1"
    assert entry.state is ConfigEntryState.LOADED
    assert entry.runtime_data.coordinator.data.connected
    account = entry.data["account_token"]
    assert entry.data == {
        "kind": "plex",
        "url": plex.url,
        "token": plex_tv.server_token(account, plex),
        "verify_ssl": True,
        "client_id": entry.data["client_id"],
        "account_token": account,
        "server_id": plex.machine_identifier,
        "server_name": "Fake Plex",
        "user_id": "1",
        "user_name": "alex",
    }
    assert account not in repr(PlexUser("1", "alex", account))
    # The token of the account is for plex.tv alone.
    for request in plex.requests:
        assert request.headers.get("X-Plex-Token") != account

    # Whoever adds it once more wants another user.
    form = await plex_account(hass, plex_tv)
    assert form["data_schema"] is not None
    suggested = get_schema_suggested_value(form["data_schema"].schema, "user")
    assert suggested == uuid(plex_tv, "kim")
    again = await submit(hass, form, {"user": uuid(plex_tv, "alex")})
    assert again["reason"] == "already_configured"


async def test_a_protected_user_of_the_home_takes_a_pin_and_marks_for_themselves(
    hass: HomeAssistant, plex: FakePlex, plex_tv: FakePlexTv
) -> None:
    form = await plex_account(hass, plex_tv)
    kim = {"user": uuid(plex_tv, "kim")}
    form = await submit(hass, form, kim)
    assert form["errors"] == {"pin": "pin_required"}
    form = await submit(hass, form, kim | {"pin": "1111"})
    assert form["errors"] == {"pin": "wrong_pin"}
    assert form["data_schema"] is not None
    fields = form["data_schema"].schema
    assert get_schema_suggested_value(fields, "user") == kim["user"]
    result = await submit(hass, form, kim | {"pin": f" {KIM_PIN} "})
    result = await say_whose(hass, result)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    entry = result["result"]
    assert entry.title == "Fake Plex (kim)"
    assert entry.unique_id == f"{plex.machine_identifier}:11000002"
    assert KIM_PIN not in str(entry.data)

    await mark(entry, film(plex))
    await drained(hass, entry)
    key = plex.rating_key("The Shawshank Redemption")
    assert plex.state("kim", key).view_count == 1
    assert plex.state("alex", key).view_count == 0


async def test_a_friend_connects_the_server_that_is_shared_with_them(
    hass: HomeAssistant, plex: FakePlex, plex_tv: FakePlexTv
) -> None:
    result = await plex_account(hass, plex_tv, "sam")
    result = await say_whose(hass, result)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["title"] == "Fake Plex (sam)"
    assert result["result"].unique_id == f"{plex.machine_identifier}:11000003"
    assert result["data"]["token"] != result["data"]["account_token"]


async def test_one_of_several_servers_is_chosen(
    hass: HomeAssistant, plex: FakePlex, plex_tv: FakePlexTv
) -> None:
    async with FakePlex(name="Cellar") as cellar:
        plex_tv.add_server(cellar)
        form = await plex_account(hass, plex_tv, "sam")
        assert form["step_id"] == "plex_server"
        assert options(form, "server") == {
            plex.machine_identifier: "Fake Plex (alex)",
            cellar.machine_identifier: "Cellar (alex)",
        }
        result = await submit(hass, form, {"server": cellar.machine_identifier})
        result = await say_whose(hass, result)
        assert result["type"] is FlowResultType.CREATE_ENTRY
        assert result["data"]["url"] == cellar.url
        await hass.config_entries.async_unload(result["result"].entry_id)


async def test_an_account_without_a_server_is_told_so(
    hass: HomeAssistant, plex: FakePlex, plex_tv: FakePlexTv
) -> None:
    plex_tv.remove_server(plex)
    result = await plex_account(hass, plex_tv)
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "no_servers"


async def test_a_user_of_the_home_without_access_is_told_so(
    hass: HomeAssistant, plex: FakePlex, plex_tv: FakePlexTv
) -> None:
    owner = plex.users["alex"]
    async with FakePlex(name="Cellar", users=[owner]) as cellar:
        plex_tv.add_server(cellar)
        form = await plex_account(hass, plex_tv)
        form = await submit(hass, form, {"server": cellar.machine_identifier})
        kim = {"user": uuid(plex_tv, "kim"), "pin": KIM_PIN}
        form = await submit(hass, form, kim)
        assert form["errors"] == {"base": "no_access"}
        result = await submit(hass, form, {"user": uuid(plex_tv, "alex")})
        result = await say_whose(hass, result)
        assert result["type"] is FlowResultType.CREATE_ENTRY
        await hass.config_entries.async_unload(result["result"].entry_id)


async def test_a_code_that_nobody_used_ends_the_dialog(
    hass: HomeAssistant, plex_tv: FakePlexTv, caplog: pytest.LogCaptureFixture
) -> None:
    progress = await choose(hass, "plex_account")
    plex_tv.clock.advance(1801)
    result = await after(hass, progress)
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "timeout"
    assert "unexpectedly" not in caplog.text


@pytest.mark.usefixtures("plex_tv")
async def test_closing_the_dialog_ends_the_questions(hass: HomeAssistant) -> None:
    progress = await choose(hass, "plex_account")
    [waiting] = [
        task for task in asyncio.all_tasks() if "waits for a sign-in" in task.get_name()
    ]
    hass.config_entries.flow.async_abort(progress["flow_id"])
    await asyncio.wait([waiting], timeout=5)
    assert waiting.cancelled()


@pytest.mark.parametrize(
    ("status", "error"),
    [(429, "plex_tv_busy"), (500, "unknown"), (502, "plex_tv_silent")],
)
async def test_a_code_that_plex_tv_does_not_give_can_be_asked_for_again(
    hass: HomeAssistant, plex_tv: FakePlexTv, status: int, error: str
) -> None:
    plex_tv.fail(FaultKind.STATUS, path="/api/v2/pins", status=status)
    form = await choose(hass, "plex_account")
    assert form["step_id"] == "plex_account"
    assert form["errors"] == {"base": error}
    progress = await submit(hass, form)
    plex_tv.approve(shown_code(progress), "sam")
    result = await after(hass, progress)
    result = await say_whose(hass, result)
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_plex_tv_out_of_reach_is_told_and_tried_again(
    hass: HomeAssistant, plex_tv: FakePlexTv
) -> None:
    await plex_tv.go_dark()
    form = await choose(hass, "plex_account")
    assert form["errors"] == {"base": "plex_tv_silent"}
    await plex_tv.come_back()
    progress = await submit(hass, form)
    assert progress["type"] is FlowResultType.SHOW_PROGRESS
    hass.config_entries.flow.async_abort(progress["flow_id"])


async def test_too_many_questions_and_a_lost_answer_do_not_end_the_sign_in(
    hass: HomeAssistant, plex_tv: FakePlexTv
) -> None:
    plex_tv.fail(FaultKind.STATUS, path="/api/v2/pins/", times=2, status=429)
    plex_tv.fail(FaultKind.DROPPED, path="/api/v2/user")
    plex_tv.fail(FaultKind.STATUS, path="/api/v2/resources", status=429)
    result = await plex_account(hass, plex_tv, "sam")
    result = await say_whose(hass, result)
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_a_token_that_plex_tv_takes_back_at_once_is_told(
    hass: HomeAssistant, plex_tv: FakePlexTv
) -> None:
    plex_tv.fail(FaultKind.STATUS, path="/api/v2/user", status=401)
    form = await plex_account(hass, plex_tv)
    assert form["step_id"] == "plex_account"
    assert form["errors"] == {"base": "invalid_auth"}


@pytest.mark.parametrize("path", ["/api/v2/home/users/.*/switch", "/api/v2/resources"])
async def test_plex_tv_may_falter_after_the_sign_in(
    hass: HomeAssistant, plex_tv: FakePlexTv, path: str
) -> None:
    form = await plex_account(hass, plex_tv)
    plex_tv.fail(FaultKind.STATUS, path=path, status=429)
    kim = {"user": uuid(plex_tv, "kim"), "pin": KIM_PIN}
    form = await submit(hass, form, kim)
    assert form["errors"] == {"base": "plex_tv_busy"}
    result = await submit(hass, form, kim)
    result = await say_whose(hass, result)
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_a_server_that_is_away_can_be_tried_again(
    hass: HomeAssistant, plex: FakePlex, plex_tv: FakePlexTv
) -> None:
    await plex.go_dark()
    form = await plex_account(hass, plex_tv, "sam")
    assert form["step_id"] == "plex_server"
    assert form["errors"] == {"base": "server_unreachable"}
    await plex.come_back()
    # A form without an address has no words about addresses either.
    plex.fail(FaultKind.REDIRECT, path="/$", location="https://attic.example")
    form = await submit(hass, form, {"server": plex.machine_identifier})
    assert form["errors"] == {"base": "server_unreachable"}
    plex.fail(FaultKind.STATUS, path="/$", status=401)
    form = await submit(hass, form, {"server": plex.machine_identifier})
    assert form["errors"] == {"base": "invalid_auth"}
    result = await submit(hass, form, {"server": plex.machine_identifier})
    result = await say_whose(hass, result)
    assert result["type"] is FlowResultType.CREATE_ENTRY


# --- a Plex account, again -------------------------------------------------


async def again(
    hass: HomeAssistant, entry: ConfigEntry[Any], way: str
) -> ConfigFlowResult:
    """Open the dialog that asks to sign in again."""
    entry.async_start_reauth(hass)
    await hass.async_block_till_done()
    [flow] = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    return await hass.config_entries.flow.async_configure(
        flow["flow_id"], {"next_step_id": way}
    )


async def connected(
    hass: HomeAssistant, plex_tv: FakePlexTv, name: str
) -> ConfigEntry[Any]:
    if name == "sam":
        result = await plex_account(hass, plex_tv, "sam")
    else:
        typed = {"user": uuid(plex_tv, name), "pin": KIM_PIN}
        result = await submit(hass, await plex_account(hass, plex_tv), typed)
    result = await say_whose(hass, result)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    return result["result"]


@pytest.mark.parametrize("name", ["alex", "sam"])
async def test_signing_in_again_at_plex_tv_asks_nothing_more(
    hass: HomeAssistant, plex_tv: FakePlexTv, name: str
) -> None:
    async with FakePlex(name="Cellar") as cellar:
        entry = await connected(hass, plex_tv, name)
        before = dict(entry.data)
        plex_tv.add_server(cellar)
        plex_tv.sign_out_everywhere(name)
        progress = await again(hass, entry, "plex_account")
        plex_tv.approve(shown_code(progress), name)
        result = await after(hass, progress)
        assert result["reason"] == "reauth_successful"
        changed = {key for key in before if before[key] != entry.data[key]}
        assert changed == {"token", "account_token"}
        assert entry.runtime_data.coordinator.data.connected
        await hass.config_entries.async_unload(entry.entry_id)


async def test_signing_in_again_for_a_user_of_the_home_asks_for_their_pin(
    hass: HomeAssistant, plex_tv: FakePlexTv
) -> None:
    entry = await connected(hass, plex_tv, "kim")
    token = entry.data["token"]
    progress = await again(hass, entry, "plex_account")
    plex_tv.approve(shown_code(progress), "alex")
    form = await after(hass, progress)
    assert options(form, "user") == {uuid(plex_tv, "kim"): "kim"}
    result = await submit(hass, form, {"user": uuid(plex_tv, "kim"), "pin": KIM_PIN})
    assert result["reason"] == "reauth_successful"
    assert entry.data["token"] != token
    assert entry.data["user_name"] == "kim"


async def test_somebody_else_of_the_home_can_sign_in_for_the_owner(
    hass: HomeAssistant, plex_tv: FakePlexTv, plex: FakePlex
) -> None:
    entry = await connected(hass, plex_tv, "alex")
    pat = Simulated("pat", PlexRole.HOME, 11000004)
    plex.users["pat"] = plex_tv.users["pat"] = pat
    progress = await again(hass, entry, "plex_account")
    plex_tv.approve(shown_code(progress), "pat")
    form = await after(hass, progress)
    # Who owns the server cannot be told from the list of users.
    assert list(options(form, "user").values()) == ["alex", "kim", "pat"]
    result = await submit(hass, form, {"user": uuid(plex_tv, "alex")})
    assert result["reason"] == "reauth_successful"
    assert entry.data["user_name"] == "alex"


async def test_another_account_or_server_is_not_taken_for_ours(
    hass: HomeAssistant, plex: FakePlex, plex_tv: FakePlexTv
) -> None:
    entry = await connected(hass, plex_tv, "alex")
    data = dict(entry.data)
    progress = await again(hass, entry, "plex_account")
    plex_tv.approve(shown_code(progress), "sam")
    result = await after(hass, progress)
    assert result["reason"] == "wrong_account"
    plex_tv.remove_server(plex)
    progress = await again(hass, entry, "plex_account")
    plex_tv.approve(shown_code(progress), "alex")
    result = await after(hass, progress)
    assert result["reason"] == "wrong_account"
    assert entry.data == data


async def test_a_code_not_used_while_signing_in_again_is_followed_by_another(
    hass: HomeAssistant, plex_tv: FakePlexTv
) -> None:
    entry = await connected(hass, plex_tv, "sam")
    progress = await again(hass, entry, "plex_account")
    plex_tv.clock.advance(1801)
    form = await after(hass, progress)
    assert form["errors"] == {"base": "timeout"}
    progress = await submit(hass, form)
    plex_tv.approve(shown_code(progress), "sam")
    result = await after(hass, progress)
    assert result["reason"] == "reauth_successful"


async def test_a_server_that_moved_is_found_while_signing_in_again(
    hass: HomeAssistant, plex: FakePlex, plex_tv: FakePlexTv
) -> None:
    entry = await connected(hass, plex_tv, "sam")
    elsewhere = {**entry.data, "url": plex_tv.unreachable_uri()}
    hass.config_entries.async_update_entry(entry, data=elsewhere)
    await hass.async_block_till_done()
    progress = await again(hass, entry, "plex_account")
    plex_tv.approve(shown_code(progress), "sam")
    result = await after(hass, progress)
    assert result["reason"] == "reauth_successful"
    assert entry.data["url"] == plex.url


# --- Quick Connect ---------------------------------------------------------


def address(server: FakeServer) -> dict[str, Any]:
    return {"url": server.url, "verify_ssl": True}


async def quick_connect(
    hass: HomeAssistant, jellyfin: FakeJellyfin
) -> ConfigFlowResult:
    form = await choose(hass, "jellyfin_quick_connect")
    return await submit(hass, form, address(jellyfin))


async def test_a_code_approved_in_jellyfin_connects(
    hass: HomeAssistant, jellyfin: FakeJellyfin
) -> None:
    progress = await quick_connect(hass, jellyfin)
    code = shown_code(progress)
    assert len(code) == 6
    assert jellyfin.approve(code, "kim")
    result = await after(hass, progress)
    result = await say_whose(hass, result)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["title"] == "Fake Jellyfin (kim)"
    entry = result["result"]
    assert entry.unique_id == f"{jellyfin.server_id}:{jellyfin.user_id('kim')}"
    assert entry.state is ConfigEntryState.LOADED
    token = jellyfin.tokens[entry.data["token"]]
    assert token.device_id == entry.data["client_id"]
    assert token.client == "Home Assistant"


async def test_a_jellyfin_code_that_nobody_approved_ends_the_dialog(
    hass: HomeAssistant, jellyfin: FakeJellyfin, monkeypatch: pytest.MonkeyPatch
) -> None:
    progress = await quick_connect(hass, jellyfin)
    # What is asked for at the end of a code's life need not be known any more.
    monkeypatch.setattr(signing_in, "_CODE_SLACK", 600.0)
    jellyfin.clock.advance(601)
    result = await after(hass, progress)
    assert result["reason"] == "timeout"


async def test_a_code_that_a_restart_forgot_is_replaced(
    hass: HomeAssistant, jellyfin: FakeJellyfin
) -> None:
    progress = await quick_connect(hass, jellyfin)
    jellyfin.clock.advance(601)
    form = await after(hass, progress)
    assert form["step_id"] == "jellyfin_quick_connect"
    assert form["errors"] == {"base": "code_forgotten"}
    progress = await submit(hass, form, address(jellyfin))
    jellyfin.approve(shown_code(progress), "kim")
    result = await after(hass, progress)
    result = await say_whose(hass, result)
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_quick_connect_that_is_switched_off_is_told_and_keeps_the_address(
    hass: HomeAssistant, jellyfin: FakeJellyfin
) -> None:
    jellyfin.quick_connect.enabled = False
    form = await quick_connect(hass, jellyfin)
    assert form["errors"] == {"base": "quick_connect_disabled"}
    assert form["data_schema"] is not None
    assert get_schema_suggested_value(form["data_schema"].schema, "url") == jellyfin.url
    jellyfin.quick_connect.enabled = True
    progress = await submit(hass, form, address(jellyfin))
    # ... and while the code is waiting.
    jellyfin.quick_connect.enabled = False
    form = await after(hass, progress)
    assert form["errors"] == {"base": "quick_connect_disabled"}


async def test_a_wrong_address_for_quick_connect_keeps_what_was_typed(
    hass: HomeAssistant, emby: FakeEmby
) -> None:
    form = await choose(hass, "jellyfin_quick_connect")
    emby.fail(FaultKind.REDIRECT, location="https://attic.example")
    form = await submit(hass, form, address(emby))
    assert form["errors"] == {"url": "redirected"}
    assert form["description_placeholders"] == {"location": "https://attic.example"}
    for typed, error in (
        ("ftp://x", {"url": "invalid_url"}),
        (emby.url, {"base": "found_emby"}),
    ):
        form = await submit(hass, form, {"url": typed, "verify_ssl": False})
        assert form["errors"] == error
        assert form["data_schema"] is not None
        fields = form["data_schema"].schema
        assert get_schema_suggested_value(fields, "url") == typed
        assert get_schema_suggested_value(fields, "verify_ssl") is False


async def test_signing_in_again_with_quick_connect_shows_the_code_at_once(
    hass: HomeAssistant, jellyfin: FakeJellyfin
) -> None:
    progress = await quick_connect(hass, jellyfin)
    jellyfin.approve(shown_code(progress), "kim")
    entry = (await say_whose(hass, await after(hass, progress)))["result"]
    token = entry.data["token"]

    progress = await again(hass, entry, "jellyfin_quick_connect")
    jellyfin.clock.advance(601)
    form = await after(hass, progress)
    assert form["errors"] == {"base": "code_forgotten"}
    assert form["step_id"] == "reauth_quick_connect"
    assert form["description_placeholders"] == {"name": entry.title}
    progress = await submit(hass, form, address(jellyfin))
    jellyfin.approve(shown_code(progress), "kim")
    result = await after(hass, progress)
    assert result["reason"] == "reauth_successful"
    assert entry.data["token"] != token

    progress = await again(hass, entry, "jellyfin_quick_connect")
    before = set(jellyfin.tokens)
    jellyfin.approve(shown_code(progress), "alex")
    result = await after(hass, progress)
    assert result["reason"] == "wrong_account"
    # The sign-in of somebody else is not left behind.
    assert set(jellyfin.tokens) == before
    assert entry.data["token"] in before


async def test_a_sign_in_that_nothing_comes_of_is_ended_if_the_server_lets_us(
    hass: HomeAssistant, jellyfin: FakeJellyfin
) -> None:
    sign_in = {"username": "alex", "password": "alex-password"}
    form = await choose(hass, "jellyfin_password")
    form = await submit(hass, form, address(jellyfin) | sign_in)
    entry = (await say_whose(hass, form))["result"]
    tokens = set(jellyfin.tokens)
    form = await choose(hass, "jellyfin_password")
    result = await submit(hass, form, address(jellyfin) | sign_in)
    assert result["reason"] == "already_configured"
    assert set(jellyfin.tokens) == tokens
    jellyfin.fail(FaultKind.STATUS, path="/Sessions/Logout", status=500)
    form = await choose(hass, "jellyfin_password")
    result = await submit(hass, form, address(jellyfin) | sign_in)
    assert result["reason"] == "already_configured"
    assert len(set(jellyfin.tokens) - tokens) == 1
    assert entry.runtime_data.coordinator.data.connected


@pytest.mark.parametrize("trouble", [None, "refuses", "is away", "is slow"])
async def test_removing_an_entry_signs_out_and_waits_for_no_server(
    hass: HomeAssistant,
    jellyfin: FakeJellyfin,
    trouble: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    form = await choose(hass, "jellyfin_password")
    typed = address(jellyfin) | {"username": "alex", "password": "alex-password"}
    result = await say_whose(hass, await submit(hass, form, typed))
    entry = result["result"]
    token = entry.data["token"]
    assert token in jellyfin.tokens
    monkeypatch.setattr(signing_in, "_SIGNING_OUT", 5.0 if trouble is None else 0.05)
    logout = "/Sessions/Logout"
    if trouble == "refuses":
        jellyfin.fail(FaultKind.STATUS, path=logout, status=500)
    elif trouble == "is slow":
        jellyfin.fail(FaultKind.SLOW, path=logout, delay=30)
    elif trouble == "is away":
        await jellyfin.go_dark()
    async with asyncio.timeout(20):
        await hass.config_entries.async_remove(entry.entry_id)
        await hass.async_block_till_done(wait_background_tasks=True)
    assert (token in jellyfin.tokens) == (trouble is not None)
    assert not hass.config_entries.async_entries(DOMAIN)
    if trouble is None:
        assert jellyfin.count(logout) == 1


async def test_a_token_of_plex_is_left_alone(
    hass: HomeAssistant, plex: FakePlex
) -> None:
    """It is in use elsewhere: in the browser it was taken from, for one."""
    typed = address(plex) | {"token": plex.token_for("alex")}
    form = await choose(hass, "plex_token")
    result = await say_whose(hass, await submit(hass, form, typed))
    assert result["type"] is FlowResultType.CREATE_ENTRY
    form = await choose(hass, "plex_token")
    result = await submit(hass, form, typed)
    assert result["reason"] == "already_configured"
    [entry] = hass.config_entries.async_entries(DOMAIN)
    await hass.config_entries.async_remove(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert not [one for one in plex.requests if one.method in ("POST", "DELETE")]


async def test_one_plex_account_is_known_whichever_way_it_signs_in(
    hass: HomeAssistant, plex: FakePlex, plex_tv: FakePlexTv
) -> None:
    """Also where its token told nothing of the account when it was connected."""
    form = await choose(hass, "plex_token")
    typed = address(plex) | {"token": plex.token_for("sam")}
    form = await submit(hass, form, typed)
    result = await say_whose(hass, form, name="Sam")
    assert result["title"] == "Fake Plex (Sam)"
    entry = result["result"]
    assert entry.data["user_id"].startswith("token-")
    # Its plays tell whose it is, as soon as there is one.
    await plex.play("sam", plex.rating_key("Arrival"))
    result = await plex_account(hass, plex_tv, "sam")
    assert result["reason"] == "already_configured"


async def test_the_token_of_a_plex_account_that_has_signed_in_is_known(
    hass: HomeAssistant, plex: FakePlex, plex_tv: FakePlexTv
) -> None:
    entry = await connected(hass, plex_tv, "sam")
    form = await choose(hass, "plex_token")
    typed = address(plex) | {"token": entry.data["token"]}
    result = await submit(hass, form, typed)
    assert result["reason"] == "already_configured"


# --- Emby ------------------------------------------------------------------


async def test_emby_is_connected_and_told_from_jellyfin(
    hass: HomeAssistant, emby: FakeEmby, jellyfin: FakeJellyfin
) -> None:
    sign_in = {"username": "alex", "password": "alex-password"}
    form = await choose(hass, "jellyfin_password")
    form = await submit(hass, form, address(emby) | sign_in)
    assert form["errors"] == {"base": "found_emby"}
    form = await choose(hass, "emby_password")
    form = await submit(hass, form, address(jellyfin) | sign_in)
    assert form["errors"] == {"base": "found_jellyfin"}
    result = await submit(hass, form, address(emby) | sign_in)
    result = await say_whose(hass, result)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    entry = result["result"]
    assert entry.title == "Fake Emby (alex)"
    assert entry.data["kind"] == "emby"
    assert entry.state is ConfigEntryState.LOADED
    assert entry.runtime_data.coordinator.data.connected


async def test_user_who_is_switched_off_is_told_apart_from_a_wrong_password(
    hass: HomeAssistant, jellyfin: FakeJellyfin
) -> None:
    typed = {"url": jellyfin.url, "username": "alex", "verify_ssl": True}
    right = typed | {"password": jellyfin.password("alex")}
    form = await choose(hass, "jellyfin_password")
    result = await submit(hass, form, typed | {"password": "wrong"})
    assert result["errors"] == {"base": "invalid_password"}
    jellyfin.disable("alex")
    result = await submit(hass, result, right)
    assert result["errors"] == {"base": "not_let_in"}
    jellyfin.enable("alex")
    result = await submit(hass, result, right)
    result = await say_whose(hass, result)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    entry = result["result"]

    jellyfin.disable("alex")
    jellyfin.enable("alex")
    form = await again(hass, entry, "jellyfin_password")
    result = await submit(hass, form, {"username": "alex", "password": "alex-password"})
    assert result["reason"] == "reauth_successful"
    assert entry.runtime_data.coordinator.data.connected
    await hass.config_entries.async_unload(entry.entry_id)
