"""The dialogs that connect a lane, sign it in again and follow it elsewhere."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
import re
from typing import Any, Final, override
from uuid import uuid4

from homeassistant.config_entries import (
    SOURCE_REAUTH,
    ConfigEntryState,
    ConfigFlow,
    ConfigFlowResult,
    ConfigSubentryFlow,
)
from homeassistant.const import (
    CONF_PASSWORD,
    CONF_PIN,
    CONF_TOKEN,
    CONF_URL,
    CONF_USERNAME,
    CONF_VERIFY_SSL,
)
from homeassistant.core import callback
from homeassistant.data_entry_flow import AbortFlow
from homeassistant.helpers.selector import (
    BooleanSelector,
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)
from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo
import voluptuous as vol

from .connecting import (
    async_find_servers,
    async_identify,
    async_is_same_account,
    async_kind_at,
    async_verify,
    normalise_url,
)
from .const import (
    CONF_CLIENT_ID,
    CONF_KIND,
    CONF_PERSON,
    CONF_SERVER,
    CONF_SERVER_ID,
    CONF_SERVER_NAME,
    CONF_USER,
    CONF_USER_ID,
    CONF_USER_NAME,
    DOMAIN,
    ENTRY_MINOR_VERSION,
    ENTRY_VERSION,
    KIND_EMBY,
    KIND_JELLYFIN,
    KIND_PLEX,
    LOGGER,
    SUBENTRY_ITEM,
    SUBENTRY_PLAYER,
)
from .core import gate
from .core.errors import (
    AuthRejected,
    Busy,
    Forbidden,
    ItemGone,
    Redirected,
    ServerError,
    Unsupported,
    UnsupportedVersion,
    WrongAddress,
    WrongServer,
)
from .core.lane import Phase
from .core.ports import ServerInfo
from .dialogs.item import TrackItemFlow
from .dialogs.options import WatchedSyncOptionsFlow
from .dialogs.person import NewLane
from .dialogs.player import ReportPlayerFlow
from .failures import flow_error
from .markdown import plain
from .moves import announced_at, async_follow, async_save
from .runtime import WatchedSyncConfigEntry
from .signing_in import PlexSignIn, QuickConnectSignIn, async_login, async_sign_out

#: Seconds that a form waits for servers that may answer a broadcast.
PATIENCE: Final = 1.0

#: How one can sign in, by the kind of server; the first is the easiest.
_WAYS: Final[Mapping[str, list[str]]] = {
    KIND_PLEX: ["plex_account", "plex_token"],
    KIND_JELLYFIN: ["jellyfin_password", "jellyfin_quick_connect"],
    KIND_EMBY: ["emby_password"],
}

#: What no password looks like, and an API key of Jellyfin or Emby does.
_API_KEY: Final = re.compile(r"[0-9a-f]{32}")

#: What is wrong with a sign-in and not with an address.
_SIGN_IN_ERRORS: Final = {
    "api_key",
    "invalid_auth",
    "invalid_password",
    "invalid_token",
    "not_let_in",
    "timeout",
}

#: What is wrong with an address and said beside it.
_ADDRESS_ERRORS: Final = {"invalid_url", "redirected"}

_FIND_X_PLEX: Final = (
    "https://support.plex.tv/articles/"
    "204059436-finding-an-authentication-token-x-plex-token/"
)
_URL: Final = TextSelector(
    TextSelectorConfig(type=TextSelectorType.URL, autocomplete="url")
)
_USERNAME: Final = TextSelector(TextSelectorConfig(autocomplete="username"))
_PASSWORD: Final = TextSelector(
    TextSelectorConfig(type=TextSelectorType.PASSWORD, autocomplete="current-password")
)
# Not a password to the browser: it would offer to keep it.
_SECRET: Final = TextSelector(
    TextSelectorConfig(type=TextSelectorType.PASSWORD, autocomplete="off")
)

type _Fields = dict[vol.Marker, Any]

_PLEX_SIGN_IN: Final[_Fields] = {vol.Required(CONF_TOKEN): _SECRET}
_PASSWORD_SIGN_IN: Final[_Fields] = {
    vol.Required(CONF_USERNAME): _USERNAME,
    # An account may have none.
    vol.Optional(CONF_PASSWORD, default=""): _PASSWORD,
}


class WatchedSyncConfigFlow(ConfigFlow, domain=DOMAIN):
    """Connect one user of one server.

    Signing in again walks through the same steps as connecting.
    """

    VERSION = ENTRY_VERSION
    MINOR_VERSION = ENTRY_MINOR_VERSION

    _plex: PlexSignIn
    _users: Mapping[str, str]
    _quick_connect: QuickConnectSignIn
    #: Waits for a person who signs in elsewhere.
    _waiting: asyncio.Task[Any]
    #: Looks for servers meanwhile: names by address, by kind.
    _looking: asyncio.Task[dict[str, dict[str, str]]] | None = None
    _is_signed_in = False
    _new_lane: NewLane
    #: Whether somebody has signed in of whom no entry is made yet.
    _is_unfinished = False
    #: Which server it has to be, or was chosen.
    _server_id = ""
    _address: Mapping[str, Any]

    def __init__(self) -> None:
        """Begin with an identity of its own: two that share one end each other."""
        self._client_id = uuid4().hex
        self._address = {}

    @staticmethod
    @callback
    @override
    def async_get_options_flow(
        config_entry: WatchedSyncConfigEntry,
    ) -> WatchedSyncOptionsFlow:
        """Return the dialog for preferences."""
        return WatchedSyncOptionsFlow()

    @classmethod
    @callback
    @override
    def async_get_supported_subentry_types(
        cls, config_entry: WatchedSyncConfigEntry
    ) -> dict[str, type[ConfigSubentryFlow]]:
        """Return what can be added to an entry."""
        return {SUBENTRY_ITEM: TrackItemFlow, SUBENTRY_PLAYER: ReportPlayerFlow}

    @callback
    @override
    def async_remove(self) -> None:
        """Look no further once the dialog is over, and ask again if it was in vain."""
        if self._looking is not None:
            self._looking.cancel()
        if self._is_unfinished:
            # Left before the last question: it would be listed for ever.
            self.hass.async_create_background_task(
                async_sign_out(self.hass, self._new_lane.data),
                f"{DOMAIN} signs out again",
            )
        in_vain = self.source == SOURCE_REAUTH and not self._is_signed_in
        if in_vain and not self.hass.is_stopping:
            entry = self.hass.config_entries.async_get_entry(self.context["entry_id"])
            if entry is not None and _is_locked_out(entry):
                # Not before everybody was told that this one is over.
                self.hass.loop.call_soon(entry.async_start_reauth, self.hass)

    # --- ways in -----------------------------------------------------------------

    @override
    async def async_step_user(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for the kind of server and of sign-in."""
        self._looking = self.hass.async_create_background_task(
            async_find_servers(self.hass), f"{DOMAIN} looks for servers"
        )
        return self.async_show_menu(
            step_id="user",
            menu_options=[way for ways in _WAYS.values() for way in ways],
        )

    @override
    async def async_step_zeroconf(
        self, discovery_info: ZeroconfServiceInfo
    ) -> ConfigFlowResult:
        """Offer a Plex server in the network, or follow one that is known."""
        found = await announced_at(
            self.hass, discovery_info.host, discovery_info.port, self._client_id
        )
        if found is None:
            return self.async_abort(reason="cannot_connect")
        url, server_id = found
        await self.async_set_unique_id(server_id)
        self._abort_if_unique_id_configured()
        known = [
            entry
            for entry in self._async_current_entries(include_ignore=False)
            if entry.data[CONF_SERVER_ID] == server_id
        ]
        for entry in known:
            await async_follow(self.hass, entry, url)
        if known:
            return self.async_abort(reason="already_configured")
        self._server_id = server_id
        self._address = {CONF_URL: url}
        self.context["title_placeholders"] = {
            "name": gate.line(discovery_info.name.partition("._")[0], gate.NAME)
        }
        return await self.async_step_zeroconf_confirm()

    async def async_step_zeroconf_confirm(
        self, _: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask how to sign in at the server that was found."""
        return self.async_show_menu(
            step_id="zeroconf_confirm",
            menu_options=_WAYS[KIND_PLEX],
            description_placeholders={
                "name": plain(self.context["title_placeholders"]["name"]),
                "url": self._address[CONF_URL],
            },
        )

    async def async_step_reauth(
        self, entry_data: Mapping[str, Any]
    ) -> ConfigFlowResult:
        """Begin to sign in again: the same server, the same user."""
        self._client_id = entry_data[CONF_CLIENT_ID]
        self._server_id = entry_data[CONF_SERVER_ID]
        self._address = {
            CONF_URL: entry_data[CONF_URL],
            CONF_VERIFY_SSL: entry_data[CONF_VERIFY_SSL],
        }
        return await self.async_step_reauth_confirm()

    async def async_step_reauth_confirm(
        self, _: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask how to sign in again, where there is a choice."""
        entry = self._get_reauth_entry()
        ways = _WAYS[entry.data[CONF_KIND]]
        if len(ways) == 1:
            return await self.async_step_emby_password()
        return self.async_show_menu(
            step_id="reauth_confirm",
            menu_options=ways,
            description_placeholders={"name": plain(entry.title)},
        )

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Follow a server to another address; the sign-in stays."""
        entry = self._get_reconfigure_entry()
        errors: dict[str, str] = {}
        placeholders = {"name": plain(entry.title)}
        if user_input is not None:
            try:
                data = {**entry.data, **_address(user_input)}
                info = await async_verify(self.hass, data)
            except ServerError as err:
                errors = await self._async_errors(
                    err, entry.data[CONF_KIND], placeholders, user_input
                )
            else:
                await self.async_set_unique_id(_unique_id(info))
                self._abort_if_unique_id_mismatch(reason="wrong_account")
                return self._async_update(entry, data)
        return self.async_show_form(
            step_id="reconfigure",
            data_schema=self.add_suggested_values_to_schema(
                _address_schema({}, {}),
                entry.data if user_input is None else user_input,
            ),
            errors=errors,
            description_placeholders=placeholders,
        )

    # --- with what is typed into a form ------------------------------------------

    async def async_step_plex_token(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Sign in at a Plex Media Server with a token."""
        return await self._async_credentials(
            "plex_token", KIND_PLEX, _PLEX_SIGN_IN, user_input
        )

    async def async_step_jellyfin_password(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Sign in at a Jellyfin server with user name and password."""
        return await self._async_credentials(
            "jellyfin_password", KIND_JELLYFIN, _PASSWORD_SIGN_IN, user_input
        )

    async def async_step_emby_password(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Sign in at an Emby server with user name and password."""
        return await self._async_credentials(
            "emby_password", KIND_EMBY, _PASSWORD_SIGN_IN, user_input
        )

    async def async_step_reauth_token(
        self, user_input: dict[str, Any]
    ) -> ConfigFlowResult:
        """Go on signing in again with a token."""
        return await self.async_step_plex_token(user_input)

    async def async_step_reauth_password(
        self, user_input: dict[str, Any]
    ) -> ConfigFlowResult:
        """Go on signing in again with user name and password."""
        if self._get_reauth_entry().data[CONF_KIND] == KIND_EMBY:
            return await self.async_step_emby_password(user_input)
        return await self.async_step_jellyfin_password(user_input)

    async def _async_credentials(
        self,
        step_id: str,
        kind: str,
        sign_in: _Fields,
        user_input: dict[str, Any] | None,
    ) -> ConfigFlowResult:
        """Show a form until it leads somewhere.

        Signing in again asks for the address only if nothing usable is there.
        """
        errors: dict[str, str] = {}
        placeholders: dict[str, str] = {}
        suggested = dict(self._address)
        if (entry := self._entry) is not None:
            step_id = "reauth_token" if kind == KIND_PLEX else "reauth_password"
            placeholders["name"] = entry.title
            suggested[CONF_USERNAME] = entry.data[CONF_USER_NAME]
        if kind == KIND_PLEX:
            placeholders["token_help"] = _FIND_X_PLEX
        if user_input is not None:
            suggested |= user_input
            try:
                data, info = await self._async_sign_in(kind, suggested)
            except ServerError as err:
                errors = await self._async_errors(err, kind, placeholders, suggested)
                if errors.get("base") == "invalid_auth":
                    is_token = kind == KIND_PLEX
                    errors["base"] = "invalid_token" if is_token else "invalid_password"
                if isinstance(err, AuthRejected) and _API_KEY.fullmatch(
                    user_input.get(CONF_PASSWORD, "")
                ):
                    errors = {CONF_PASSWORD: "api_key"}
            else:
                return await self._async_done(data | _identity(info), info)
        if entry is not None and _SIGN_IN_ERRORS.issuperset(errors.values()):
            schema = vol.Schema(sign_in)
        else:
            found = await self._async_found(kind)
            suggested.setdefault(CONF_URL, next(iter(found), None))
            schema = _address_schema(sign_in, found)
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(schema, suggested),
            errors=errors,
            description_placeholders=placeholders,
        )

    async def _async_sign_in(
        self, kind: str, typed: Mapping[str, Any]
    ) -> tuple[dict[str, Any], ServerInfo]:
        """Return entry data with what was typed, and who answers to it.

        A password becomes a token and is forgotten. Raises `ServerError`.
        """
        data = {CONF_KIND: kind, CONF_CLIENT_ID: self._client_id, **_address(typed)}
        if kind == KIND_PLEX:
            data[CONF_TOKEN] = typed[CONF_TOKEN].strip()
            return data, await async_identify(self.hass, data)
        login = await async_login(
            self.hass, data, typed[CONF_USERNAME], typed[CONF_PASSWORD]
        )
        return data | {CONF_TOKEN: login.token}, login.info

    async def _async_found(self, kind: str) -> dict[str, str]:
        """Return the servers of this kind that were found so far, names by address."""
        if self._looking is None:
            return {}
        await asyncio.wait([self._looking], timeout=PATIENCE)
        return self._looking.result().get(kind, {}) if self._looking.done() else {}

    # --- with a code that is approved in Jellyfin --------------------------------

    async def async_step_jellyfin_quick_connect(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask a Jellyfin server for a code."""
        if user_input is None and self._entry is not None:
            user_input = dict(self._address)
        if user_input is None:
            return await self._async_quick_connect_form({})
        placeholders: dict[str, str] = {}
        try:
            self._address = user_input
            self._address = _address(user_input)
            self._quick_connect = await QuickConnectSignIn.async_begin(
                self.hass, {**self._address, CONF_CLIENT_ID: self._client_id}
            )
        except ServerError as err:
            errors = await self._async_errors(
                err, KIND_JELLYFIN, placeholders, user_input
            )
            return await self._async_quick_connect_form(errors, placeholders)
        self._waiting = self._wait_for(self._quick_connect.async_wait())
        return await self.async_step_quick_connect()

    async def async_step_reauth_quick_connect(
        self, user_input: dict[str, Any]
    ) -> ConfigFlowResult:
        """Go on signing in again with another code."""
        return await self.async_step_jellyfin_quick_connect(user_input)

    async def async_step_quick_connect(
        self, _: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Show the code until somebody approves it."""
        if self._waiting.done():
            return self.async_show_progress_done(next_step_id="quick_connect_done")
        return self.async_show_progress(
            step_id="quick_connect",
            progress_action="quick_connect",
            description_placeholders={
                "code": plain(self._quick_connect.code),
                "url": self._address[CONF_URL],
            },
            progress_task=self._waiting,
        )

    async def async_step_quick_connect_done(
        self, _: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Go on with what became of the code."""
        placeholders: dict[str, str] = {}
        try:
            login = self._waiting.result()
        except ServerError as err:
            if self._quick_connect.is_forgotten:
                errors = {"base": "code_forgotten"}
            else:
                errors = self._timeout(err) or await self._async_errors(
                    err, KIND_JELLYFIN, placeholders, self._address
                )
            return await self._async_quick_connect_form(errors, placeholders)
        data = {
            CONF_KIND: KIND_JELLYFIN,
            **self._address,
            CONF_TOKEN: login.token,
            CONF_CLIENT_ID: self._client_id,
            **_identity(login.info),
        }
        return await self._async_done(data, login.info)

    async def _async_quick_connect_form(
        self, errors: dict[str, str], placeholders: dict[str, str] | None = None
    ) -> ConfigFlowResult:
        found = await self._async_found(KIND_JELLYFIN)
        step_id = "jellyfin_quick_connect"
        if (entry := self._entry) is not None:
            step_id = "reauth_quick_connect"
            placeholders = {**(placeholders or {}), "name": plain(entry.title)}
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(
                _address_schema({}, found),
                {CONF_URL: next(iter(found), None), **self._address},
            ),
            errors=errors,
            description_placeholders=placeholders,
        )

    # --- with an account at plex.tv ----------------------------------------------

    async def async_step_plex_account(
        self, _: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask plex.tv for a code."""
        self._plex = PlexSignIn(self.hass, self._client_id)
        try:
            await self._plex.async_begin()
        except ServerError as err:
            return self._plex_account_form(_plex_tv_errors(err))
        self._waiting = self._wait_for(self._plex.async_wait())
        return await self.async_step_plex_sign_in()

    def _plex_account_form(self, errors: dict[str, str]) -> ConfigFlowResult:
        """Show what went wrong; to submit is to try again."""
        return self.async_show_form(
            step_id="plex_account", data_schema=vol.Schema({}), errors=errors
        )

    async def async_step_plex_sign_in(
        self, _: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Show a link to plex.tv until somebody has signed in there."""
        if self._waiting.done():
            return self.async_show_progress_done(next_step_id="plex_signed_in")
        return self.async_show_progress(
            step_id="plex_sign_in",
            progress_action="plex_sign_in",
            description_placeholders={"url": self._plex.link, "code": self._plex.code},
            progress_task=self._waiting,
        )

    async def async_step_plex_signed_in(
        self, _: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Go on with what became of the sign-in at plex.tv."""
        try:
            self._waiting.result()
        except ServerError as err:
            return self._plex_account_form(self._timeout(err) or _plex_tv_errors(err))
        servers = list(self._plex.servers)
        if self._entry is not None and self._server_id not in servers:
            return self.async_abort(reason="wrong_account")
        if not servers:
            return self.async_abort(reason="no_servers")
        if len(servers) == 1:
            [self._server_id] = servers
        if self._server_id in servers:
            return await self._async_plex_user(self._server_id)
        return self._plex_server_form({})

    async def async_step_plex_server(
        self, user_input: dict[str, Any]
    ) -> ConfigFlowResult:
        """Go on with the server that was chosen."""
        return await self._async_plex_user(user_input[CONF_SERVER])

    def _plex_server_form(self, errors: dict[str, str]) -> ConfigFlowResult:
        return self.async_show_form(
            step_id="plex_server",
            data_schema=self.add_suggested_values_to_schema(
                vol.Schema({vol.Required(CONF_SERVER): _choice(self._plex.servers)}),
                {CONF_SERVER: self._server_id},
            ),
            errors=errors,
        )

    async def _async_plex_user(self, server_id: str) -> ConfigFlowResult:
        """Ask for the user of the Home, where there is a choice or a PIN to type."""
        self._server_id = server_id
        wanted = None if self._entry is None else self._entry.data[CONF_USER_ID]
        self._users = self._plex.users(server_id, wanted)
        if len(self._users) > 1 or any(map(self._plex.is_protected, self._users)):
            taken = {entry.unique_id for entry in self._async_current_entries()}
            free = [
                user
                for user in self._users
                if f"{server_id}:{self._plex.user_id(server_id, user)}" not in taken
            ]
            choices = free or list(self._users)
            own = next(filter(self._plex.is_own, choices), choices[0])
            return self._plex_user_form({CONF_USER: own}, {})
        return await self._async_plex_connect(
            next(iter(self._users), None), None, self._plex_server_form
        )

    async def async_step_plex_user(
        self, user_input: dict[str, Any]
    ) -> ConfigFlowResult:
        """Go on as the user of the Home that was chosen."""
        return await self._async_plex_connect(
            user_input[CONF_USER],
            user_input.get(CONF_PIN, "").strip() or None,
            partial(self._plex_user_form, user_input),
        )

    def _plex_user_form(
        self, suggested: Mapping[str, Any], errors: dict[str, str]
    ) -> ConfigFlowResult:
        fields = {
            vol.Required(CONF_USER): _choice(self._users),
            vol.Optional(CONF_PIN): _SECRET,
        }
        return self.async_show_form(
            step_id="plex_user",
            data_schema=self.add_suggested_values_to_schema(
                vol.Schema(fields), suggested
            ),
            errors=errors,
        )

    async def _async_plex_connect(
        self,
        uuid: str | None,
        pin: str | None,
        form: Callable[[dict[str, str]], ConfigFlowResult],
    ) -> ConfigFlowResult:
        """Connect the chosen user to the chosen server, or show *form* again."""
        try:
            user = await self._plex.async_go_on_as(uuid, pin)
        except Forbidden:
            return form({CONF_PIN: "pin_required" if pin is None else "wrong_pin"})
        except ServerError as err:
            return form(_plex_tv_errors(err))
        try:
            server = await self._plex.async_server(user, self._server_id)
        except Forbidden:
            return form({"base": "no_access"})
        except ServerError as err:
            return form(_plex_tv_errors(err))
        before = None if self._entry is None else self._entry.data
        try:
            data = await self._plex.async_connect(user, server, before)
            info = await async_verify(self.hass, data)
        except ServerError as err:
            errors = _errors(err, KIND_PLEX, {})
            if errors.get("base") in (None, "cannot_connect", "not_plex"):
                # No address was typed, so there is none to correct.
                errors = {"base": "server_unreachable"}
            return form(errors)
        return await self._async_done(data, info)

    # --- what all ways have in common ---------------------------------------------

    @property
    def _entry(self) -> WatchedSyncConfigEntry | None:
        """The entry that is signed in again, if this is not about a new one."""
        return self._get_reauth_entry() if self.source == SOURCE_REAUTH else None

    def _wait_for[T](self, approval: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        # In the background: starting and stopping do not wait for a person.
        return self.hass.async_create_background_task(
            approval, f"{DOMAIN} waits for a sign-in"
        )

    def _timeout(self, error: ServerError) -> dict[str, str]:
        """Return what a form says if the code was not used in time, else nothing.

        Of a new entry nothing is lost: that dialog ends. The other one is not opened
        by a person and would not come back.
        """
        if not isinstance(error, ItemGone):
            return {}
        if self._entry is None:
            raise AbortFlow("timeout")
        return {"base": "timeout"}

    async def _async_errors(
        self,
        error: ServerError,
        kind: str,
        placeholders: dict[str, str],
        typed: Mapping[str, Any],
    ) -> dict[str, str]:
        """Return what a form says about *error*, beside the field it is about.

        Where another product answers at the address that was *typed*, it is named.
        """
        if isinstance(error, WrongServer) and not isinstance(error, WrongAddress):
            address = {CONF_CLIENT_ID: self._client_id, **_address(typed)}
            found = await async_kind_at(self.hass, {CONF_KIND: kind, **address})
            if found is not None:
                return {"base": f"found_{found}"}
        return _errors(error, kind, placeholders)

    async def _async_done(
        self, data: dict[str, Any], info: ServerInfo
    ) -> ConfigFlowResult:
        """Go on to the last question, or change the entry that was signed in again.

        A sign-in that nothing comes of is ended: it would be listed for ever.
        """
        entry = self._entry
        try:
            await self.async_set_unique_id(_unique_id(info))
            if entry is None:
                await self._async_abort_if_connected(data)
            else:
                self._abort_if_unique_id_mismatch(reason="wrong_account")
        except AbortFlow:
            await async_sign_out(self.hass, data)
            raise
        if entry is not None:
            self._is_signed_in = True
            return self._async_update(entry, {**entry.data, **data})
        self._new_lane = NewLane(self.hass, data)
        self._is_unfinished = True
        return await self.async_step_person()

    async def _async_abort_if_connected(self, data: Mapping[str, Any]) -> None:
        """Abort where an entry is for this account, whichever way it was connected."""
        self._abort_if_unique_id_configured()
        for known in self._async_current_entries(include_ignore=False):
            if await async_is_same_account(self.hass, known.data, data):
                raise AbortFlow("already_configured")

    async def async_step_person(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask whose it is and, where the server does not tell, for a name."""
        lane = self._new_lane
        if user_input is not None and (name := lane.named(user_input)) is not None:
            return self._async_create(lane, name, user_input[CONF_PERSON])
        return self.async_show_form(
            step_id="person",
            data_schema=self.add_suggested_values_to_schema(
                await lane.async_schema(), user_input or lane.suggested()
            ),
            errors=lane.errors,
            description_placeholders={"name": plain(lane.title(lane.told_name))},
        )

    @callback
    def _async_create(self, lane: NewLane, name: str, person: str) -> ConfigFlowResult:
        server_id = lane.data[CONF_SERVER_ID]
        for flow in self._async_in_progress():
            # Found in the network, and offered until now.
            if flow["context"].get("unique_id") == server_id:
                self.hass.config_entries.flow.async_abort(flow["flow_id"])
        self._is_unfinished = False
        return self.async_create_entry(
            title=lane.title(name),
            data={**lane.data, CONF_USER_NAME: lane.told_name or name},
            options={CONF_PERSON: person},
        )

    def _async_update(
        self, entry: WatchedSyncConfigEntry, data: dict[str, Any]
    ) -> ConfigFlowResult:
        async_save(self.hass, entry, data)
        # Named, the reason is told in our words, which say what happens next.
        return self.async_update_and_abort(entry, reason=f"{self.source}_successful")


def _is_locked_out(entry: WatchedSyncConfigEntry) -> bool:
    """Whether an entry that was asked to sign in again still needs it."""
    if entry.state is ConfigEntryState.LOADED:
        return entry.runtime_data.lane.health.phase is Phase.PARKED
    return entry.state is ConfigEntryState.SETUP_ERROR


def _address(typed: Mapping[str, Any]) -> dict[str, Any]:
    """Return the address as it is stored. Raises `WrongAddress` if it is none."""
    return {
        CONF_URL: normalise_url(typed[CONF_URL]),
        CONF_VERIFY_SSL: typed[CONF_VERIFY_SSL],
    }


def _address_schema(sign_in: _Fields, found: Mapping[str, str]) -> vol.Schema:
    """Return the address with the sign-in in between, as people think of it."""
    return vol.Schema(
        {
            vol.Required(CONF_URL): _choice(found, custom=True) if found else _URL,
            **sign_in,
            vol.Required(CONF_VERIFY_SSL, default=True): BooleanSelector(),
        }
    )


def _choice(names: Mapping[str, str], *, custom: bool = False) -> SelectSelector:
    """Offer values by their names; with *custom*, and anything that is typed."""
    return SelectSelector(
        SelectSelectorConfig(
            options=[
                SelectOptionDict(
                    value=value, label=f"{name} - {value}" if custom else name
                )
                for value, name in names.items()
            ],
            custom_value=custom,
            mode=SelectSelectorMode.DROPDOWN if custom else SelectSelectorMode.LIST,
        )
    )


def _errors(
    error: ServerError, kind: str, placeholders: dict[str, str]
) -> dict[str, str]:
    """Return what a form says about *error*, beside the field it is about.

    What the words need to know is put into *placeholders*.
    """
    key = flow_error(error, kind)
    if isinstance(error, Forbidden) and kind != KIND_PLEX:
        # Jellyfin says 401 to a wrong password and 403 to a user who is switched off.
        key = "not_let_in"
    if isinstance(error, Unsupported):
        key = "quick_connect_disabled"
    if isinstance(error, UnsupportedVersion):
        placeholders["version"] = error.version
    if isinstance(error, Redirected):
        placeholders["location"] = error.location
    if key == "unknown":
        # Neither addresses with secrets nor tokens are in a ServerError's message.
        LOGGER.error("Setting up failed unexpectedly: %r", error)
    return {CONF_URL if key in _ADDRESS_ERRORS else "base": key}


def _plex_tv_errors(error: ServerError) -> dict[str, str]:
    """Return what a form says about *error*, which plex.tv is to blame for."""
    if isinstance(error, Busy):
        return {"base": "plex_tv_busy"}
    key = flow_error(error)
    if key == "unknown":
        LOGGER.error("Signing in at plex.tv failed unexpectedly: %r", error)
    return {"base": key if key in ("invalid_auth", "unknown") else "plex_tv_silent"}


def _unique_id(info: ServerInfo) -> str:
    return f"{info.server_id}:{info.user_id}"


def _identity(info: ServerInfo) -> dict[str, str]:
    return {
        CONF_SERVER_ID: info.server_id,
        CONF_SERVER_NAME: info.server_name,
        CONF_USER_ID: info.user_id,
        CONF_USER_NAME: info.user_name,
    }
