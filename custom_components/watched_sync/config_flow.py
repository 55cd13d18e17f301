"""The dialogs: connect a lane, sign in again, move it, tune it, track an item."""

from collections.abc import Mapping
from typing import Any, Final, override
from uuid import uuid4

from homeassistant.config_entries import (
    ConfigEntry,
    ConfigEntryState,
    ConfigFlow,
    ConfigFlowResult,
    ConfigSubentryFlow,
    OptionsFlow,
    SubentryFlowResult,
)
from homeassistant.const import (
    CONF_PASSWORD,
    CONF_TOKEN,
    CONF_URL,
    CONF_USERNAME,
    CONF_VERIFY_SSL,
)
from homeassistant.core import callback
from homeassistant.data_entry_flow import section
from homeassistant.helpers.selector import (
    BooleanSelector,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)
from homeassistant.helpers.translation import async_get_translations
import voluptuous as vol

from .const import (
    CONF_CLIENT_ID,
    CONF_CONFLICT_POLICY,
    CONF_ITEM,
    CONF_KIND,
    CONF_MAX_RETRY_AGE,
    CONF_QUERY,
    CONF_SERVER_ID,
    CONF_SERVER_NAME,
    CONF_UP_NEXT_SWITCHES,
    CONF_USER_ID,
    CONF_USER_NAME,
    DEFAULT_MAX_RETRY_AGE,
    DEFAULT_UP_NEXT_SWITCHES,
    DOMAIN,
    KIND_JELLYFIN,
    KIND_PLEX,
    LOGGER,
    MAX_MAX_RETRY_AGE,
    MAX_UP_NEXT_SWITCHES,
    SECTION_DELIVERY,
    SECTION_ENTITIES,
    SUBENTRY_ITEM,
)
from .core.codec import encode_item
from .core.errors import ServerError
from .core.identity import Item, MediaKind
from .core.ports import ServerInfo
from .core.reconcile import Policy
from .failures import flow_error
from .runtime import (
    WatchedSyncConfigEntry,
    async_identify,
    async_login_jellyfin,
    normalise_url,
)

#: Candidates a search for an item to track shows.
CANDIDATES: Final = 25

#: The selector whose words name what kind of item a candidate is.
_KIND_WORDS: Final = "media_kind"

_TEXT: Final = TextSelector()
_URL: Final = TextSelector(
    TextSelectorConfig(type=TextSelectorType.URL, autocomplete="url")
)
_USERNAME: Final = TextSelector(TextSelectorConfig(autocomplete="username"))
_PASSWORD: Final = TextSelector(
    TextSelectorConfig(type=TextSelectorType.PASSWORD, autocomplete="current-password")
)
# Not a password to the browser: it would offer to keep it.
_TOKEN: Final = TextSelector(
    TextSelectorConfig(type=TextSelectorType.PASSWORD, autocomplete="off")
)

_ADDRESS: Final[dict[vol.Marker, Any]] = {
    vol.Required(CONF_URL): _URL,
    vol.Required(CONF_VERIFY_SSL, default=True): BooleanSelector(),
}
_PLEX_SIGN_IN: Final[dict[vol.Marker, Any]] = {vol.Required(CONF_TOKEN): _TOKEN}
_JELLYFIN_SIGN_IN: Final[dict[vol.Marker, Any]] = {
    vol.Required(CONF_USERNAME): _USERNAME,
    # An account may have none.
    vol.Optional(CONF_PASSWORD, default=""): _PASSWORD,
}


class WatchedSyncConfigFlow(ConfigFlow, domain=DOMAIN):
    """Connect one user of one server."""

    VERSION = 1
    MINOR_VERSION = 1

    @staticmethod
    @callback
    @override
    def async_get_options_flow(config_entry: ConfigEntry) -> OptionsFlow:
        """Return the dialog for preferences."""
        return WatchedSyncOptionsFlow()

    @classmethod
    @callback
    @override
    def async_get_supported_subentry_types(
        cls, config_entry: ConfigEntry
    ) -> dict[str, type[ConfigSubentryFlow]]:
        """Return what can be added to an entry."""
        return {SUBENTRY_ITEM: TrackItemFlow}

    @override
    async def async_step_user(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for the kind of server and of sign-in."""
        return self.async_show_menu(
            step_id="user", menu_options=["plex_token", "jellyfin_password"]
        )

    async def async_step_plex_token(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Connect a Plex Media Server by address and token."""
        return await self._async_connect(
            "plex_token",
            KIND_PLEX,
            _schema(CONF_URL, _PLEX_SIGN_IN, CONF_VERIFY_SSL),
            user_input,
        )

    async def async_step_jellyfin_password(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Connect a Jellyfin server by address, user name and password."""
        return await self._async_connect(
            "jellyfin_password",
            KIND_JELLYFIN,
            _schema(CONF_URL, _JELLYFIN_SIGN_IN, CONF_VERIFY_SSL),
            user_input,
        )

    async def async_step_reauth(
        self,
        entry_data: Mapping[str, Any],  # noqa: ARG002 - the signature is Home Assistant's
    ) -> ConfigFlowResult:
        """Begin to sign in again."""
        return await self.async_step_reauth_confirm()

    async def async_step_reauth_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Sign in again: the same server, the same user."""
        entry = self._get_reauth_entry()
        is_plex = entry.data[CONF_KIND] == KIND_PLEX
        return await self._async_change(
            "reauth_confirm",
            vol.Schema(_PLEX_SIGN_IN if is_plex else _JELLYFIN_SIGN_IN),
            entry,
            user_input,
            {} if is_plex else {CONF_USERNAME: entry.data[CONF_USER_NAME]},
        )

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Follow a server to another address; the sign-in stays."""
        entry = self._get_reconfigure_entry()
        return await self._async_change(
            "reconfigure", vol.Schema(_ADDRESS), entry, user_input, entry.data
        )

    async def _async_connect(
        self,
        step_id: str,
        kind: str,
        schema: vol.Schema,
        user_input: dict[str, Any] | None,
    ) -> ConfigFlowResult:
        """Show a form, and create the entry once it leads somewhere."""
        errors: dict[str, str] = {}
        if user_input is not None:
            data = {CONF_KIND: kind, CONF_CLIENT_ID: uuid4().hex}
            try:
                data, info = await self._async_sign_in(data, user_input)
            except ServerError as err:
                errors = _errors(err, kind)
            else:
                await self.async_set_unique_id(_unique_id(info))
                self._abort_if_unique_id_configured()
                return self.async_create_entry(
                    title=f"{info.server_name} ({info.user_name})",
                    data=data | _identity(info),
                )
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(schema, user_input),
            errors=errors,
        )

    async def _async_change(
        self,
        step_id: str,
        schema: vol.Schema,
        entry: ConfigEntry,
        user_input: dict[str, Any] | None,
        suggested: Mapping[str, Any],
    ) -> ConfigFlowResult:
        """Show a form, and change the entry if it leads to the same lane."""
        errors: dict[str, str] = {}
        if user_input is not None:
            try:
                data, info = await self._async_sign_in(entry.data, user_input)
            except ServerError as err:
                errors = _errors(err, entry.data[CONF_KIND])
            else:
                await self.async_set_unique_id(_unique_id(info))
                self._abort_if_unique_id_mismatch(reason="wrong_account")
                # The entry's update listener reloads it, if it is loaded.
                result = self.async_update_and_abort(entry, data=data)
                if entry.state is not ConfigEntryState.LOADED:
                    self.hass.config_entries.async_schedule_reload(entry.entry_id)
                return result
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(
                schema, suggested if user_input is None else user_input
            ),
            errors=errors,
            description_placeholders={"name": entry.title},
        )

    async def _async_sign_in(
        self, data: Mapping[str, Any], user_input: Mapping[str, Any]
    ) -> tuple[dict[str, Any], ServerInfo]:
        """Return entry data with what was typed, and who answers to it.

        A password becomes a token and is forgotten. Raises `ServerError`.
        """
        data = dict(data)
        if CONF_URL in user_input:
            data[CONF_URL] = normalise_url(user_input[CONF_URL])
            data[CONF_VERIFY_SSL] = user_input[CONF_VERIFY_SSL]
        if CONF_TOKEN in user_input:
            data[CONF_TOKEN] = user_input[CONF_TOKEN].strip()
        if CONF_USERNAME not in user_input:
            return data, await async_identify(self.hass, data)
        login = await async_login_jellyfin(
            self.hass,
            url=data[CONF_URL],
            username=user_input[CONF_USERNAME],
            password=user_input[CONF_PASSWORD],
            verify_ssl=data[CONF_VERIFY_SSL],
            device_id=data[CONF_CLIENT_ID],
        )
        return data | {CONF_TOKEN: login.token}, login.info


class WatchedSyncOptionsFlow(OptionsFlow):
    """Preferences of one lane."""

    async def async_step_init(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for all of them."""
        if user_input is not None:
            entities, delivery = (
                user_input[SECTION_ENTITIES],
                user_input[SECTION_DELIVERY],
            )
            return self.async_create_entry(
                data={
                    SECTION_ENTITIES: {
                        CONF_UP_NEXT_SWITCHES: int(entities[CONF_UP_NEXT_SWITCHES])
                    },
                    SECTION_DELIVERY: {
                        CONF_CONFLICT_POLICY: delivery[CONF_CONFLICT_POLICY],
                        CONF_MAX_RETRY_AGE: int(delivery[CONF_MAX_RETRY_AGE]),
                    },
                }
            )
        return self.async_show_form(
            step_id="init",
            data_schema=self.add_suggested_values_to_schema(
                _OPTIONS, self.config_entry.options
            ),
        )


class TrackItemFlow(ConfigSubentryFlow):
    """Track a movie or a show: its own device, whatever is up next."""

    def __init__(self) -> None:
        """Begin with nothing found."""
        self._found: dict[str, Item] = {}

    async def async_step_user(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Search the server for a title."""
        entry: WatchedSyncConfigEntry = self._get_entry()
        if entry.state is not ConfigEntryState.LOADED:
            return self.async_abort(reason="entry_not_loaded")
        errors: dict[str, str] = {}
        if user_input is not None:
            try:
                readings = await entry.runtime_data.server.search(
                    user_input[CONF_QUERY].strip(),
                    (MediaKind.MOVIE, MediaKind.SHOW),
                    CANDIDATES,
                )
            except ServerError as err:
                errors["base"] = flow_error(err)
            else:
                self._found = {one.item.item_id: one.item for one in readings}
                if not readings:
                    errors[CONF_QUERY] = "nothing_found"
                elif not (self._found.keys() - self._tracked_ids(entry)):
                    errors[CONF_QUERY] = "already_tracked"
                else:
                    return await self.async_step_pick()
        return self.async_show_form(
            step_id="user",
            data_schema=self.add_suggested_values_to_schema(
                vol.Schema({vol.Required(CONF_QUERY): _TEXT}), user_input
            ),
            errors=errors,
        )

    async def async_step_pick(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Let a person say which of the candidates is meant."""
        entry: WatchedSyncConfigEntry = self._get_entry()
        tracked = self._tracked_ids(entry)
        if user_input is not None:
            item = self._found[user_input[CONF_ITEM]]
            if item.item_id in tracked:
                return self.async_abort(reason="already_configured")
            return self.async_create_entry(
                title=item.full_title,
                data={CONF_ITEM: encode_item(item)},
                unique_id=item.item_id,
            )
        candidates = [one for one in self._found.values() if one.item_id not in tracked]
        return self.async_show_form(
            step_id="pick",
            data_schema=vol.Schema(
                {
                    vol.Required(CONF_ITEM): SelectSelector(
                        SelectSelectorConfig(
                            options=await self._async_labels(candidates),
                            mode=SelectSelectorMode.LIST,
                        )
                    )
                }
            ),
        )

    async def _async_labels(self, items: list[Item]) -> list[SelectOptionDict]:
        """Return what tells the candidates apart; the library only where it must."""
        words = await async_get_translations(
            self.hass, self.hass.config.language, "selector", [DOMAIN]
        )
        kinds = f"component.{DOMAIN}.selector.{_KIND_WORDS}.options"
        labels = [
            f"{one.title} ({one.year}) - {words[f'{kinds}.{one.kind.value}']}"
            if one.year
            else f"{one.title} - {words[f'{kinds}.{one.kind.value}']}"
            for one in items
        ]
        return [
            SelectOptionDict(
                value=one.item_id,
                label=label
                if labels.count(label) == 1
                else f"{label}, {one.library_id or '?'} / {one.item_id}",
            )
            for label, one in zip(labels, items, strict=True)
        ]

    def _tracked_ids(self, entry: ConfigEntry) -> set[str | None]:
        return {one.unique_id for one in entry.get_subentries_of_type(SUBENTRY_ITEM)}


def _schema(first: str, sign_in: Mapping[vol.Marker, Any], last: str) -> vol.Schema:
    """Return the address with the sign-in in between, as people think of it."""
    address = {marker.schema: (marker, value) for marker, value in _ADDRESS.items()}
    return vol.Schema(dict([address[first], *sign_in.items(), address[last]]))


_OPTIONS: Final = vol.Schema(
    {
        vol.Required(SECTION_ENTITIES): section(
            vol.Schema(
                {
                    vol.Required(
                        CONF_UP_NEXT_SWITCHES, default=DEFAULT_UP_NEXT_SWITCHES
                    ): NumberSelector(
                        NumberSelectorConfig(
                            min=0,
                            max=MAX_UP_NEXT_SWITCHES,
                            step=1,
                            mode=NumberSelectorMode.BOX,
                        )
                    )
                }
            )
        ),
        vol.Required(SECTION_DELIVERY): section(
            vol.Schema(
                {
                    vol.Required(
                        CONF_CONFLICT_POLICY, default=Policy.NEWEST.value
                    ): SelectSelector(
                        SelectSelectorConfig(
                            options=[policy.value for policy in Policy],
                            translation_key="conflict_policy",
                            mode=SelectSelectorMode.DROPDOWN,
                        )
                    ),
                    vol.Required(
                        CONF_MAX_RETRY_AGE, default=DEFAULT_MAX_RETRY_AGE
                    ): NumberSelector(
                        NumberSelectorConfig(
                            min=1,
                            max=MAX_MAX_RETRY_AGE,
                            step=1,
                            mode=NumberSelectorMode.BOX,
                            unit_of_measurement="d",
                        )
                    ),
                }
            )
        ),
    }
)


def _errors(error: ServerError, kind: str) -> dict[str, str]:
    """Return what a form says about *error*, beside the field it is about."""
    key = flow_error(error, kind)
    if key == "unknown":
        # Neither addresses with secrets nor tokens are in a ServerError's message.
        LOGGER.error("Setting up failed unexpectedly: %r", error)
    return {CONF_URL if key == "invalid_url" else "base": key}


def _unique_id(info: ServerInfo) -> str:
    return f"{info.server_id}:{info.user_id}"


def _identity(info: ServerInfo) -> dict[str, str]:
    return {
        CONF_SERVER_ID: info.server_id,
        CONF_SERVER_NAME: info.server_name,
        CONF_USER_ID: info.user_id,
        CONF_USER_NAME: info.user_name,
    }
