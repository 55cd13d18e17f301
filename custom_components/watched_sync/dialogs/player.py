"""The dialog that names a player whose plays are reported to a server."""

from typing import Any, Final

from homeassistant.config_entries import (
    ConfigEntry,
    ConfigSubentry,
    ConfigSubentryFlow,
    SubentryFlowResult,
)
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant, callback, valid_entity_id
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.selector import (
    BooleanSelector,
    EntitySelector,
    EntitySelectorConfig,
)
import voluptuous as vol

from ..const import (
    CONF_LIBRARIES,
    CONF_MEDIA_PLAYER,
    CONF_REPORT_PROGRESS,
    DOMAIN,
    LOGGER,
    SUBENTRY_PLAYER,
)
from ..runtime import WatchedSyncConfigEntry
from .options import async_library_names, library_selector

_PLAYER: Final = EntitySelector(EntitySelectorConfig(domain=Platform.MEDIA_PLAYER))


@callback
def followed_entity_id(hass: HomeAssistant, subentry: ConfigSubentry) -> str:
    """Return the entity id that a reported player has now.

    The subentry's unique id is the id of its registration, which a new name does not
    change; a player that is not registered is known by its entity id alone.
    """
    entity_id: str = subentry.data[CONF_MEDIA_PLAYER]
    registry = er.async_get(hass)
    registered = registry.entities.get_entry(subentry.unique_id or "")
    return entity_id if registered is None else registered.entity_id


def players(entry: ConfigEntry[Any]) -> list[ConfigSubentry]:
    """Return the subentries of reported players, without damaged ones."""
    return [
        one
        for one in entry.get_subentries_of_type(SUBENTRY_PLAYER)
        if _names_player(one)
    ]


def _names_player(subentry: ConfigSubentry) -> bool:
    entity_id = subentry.data.get(CONF_MEDIA_PLAYER)
    libraries = subentry.data.get(CONF_LIBRARIES, ())
    return (
        isinstance(entity_id, str)
        and valid_entity_id(entity_id)
        and isinstance(libraries, list | tuple)
        and all(isinstance(one, str) for one in libraries)
    )


def log_damaged_players(entry: ConfigEntry[Any]) -> None:
    """Say in the log which subentries of *entry* do not say whom they report."""
    sound = players(entry)
    for one in entry.get_subentries_of_type(SUBENTRY_PLAYER):
        if one not in sound:
            LOGGER.warning(
                "A reported player (subentry %s) is damaged and left out: choose it "
                "anew, or delete it",
                one.subentry_id,
            )


def followed_entity_ids(hass: HomeAssistant, entry: WatchedSyncConfigEntry) -> set[str]:
    """Return the entity ids of the players that are reported to an entry's server."""
    return {followed_entity_id(hass, one) for one in players(entry)}


class ReportPlayerFlow(ConfigSubentryFlow):
    """Report what one player of Home Assistant plays to the server of the entry."""

    async def async_step_user(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask for the player, and what is to be reported of it."""
        return await self._async_ask("user", user_input, None)

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask for the same again; another player takes the place of the first."""
        return await self._async_ask(
            "reconfigure", user_input, self._get_reconfigure_subentry()
        )

    async def _async_ask(
        self,
        step_id: str,
        user_input: dict[str, Any] | None,
        before: ConfigSubentry | None,
    ) -> SubentryFlowResult:
        entry: WatchedSyncConfigEntry = self._get_entry()
        errors: dict[str, str] = {}
        if user_input is not None:
            registry = er.async_get(self.hass)
            entity_id: str = user_input[CONF_MEDIA_PLAYER]
            registered = registry.async_get(entity_id)
            unique_id = entity_id if registered is None else registered.id
            if registered is not None and registered.platform == DOMAIN:
                errors[CONF_MEDIA_PLAYER] = "own_player"
            elif unique_id in self._reported(entry, before):
                return self.async_abort(reason="already_configured")
            else:
                return self._async_keep(entry, before, user_input, unique_id)
        suggested = user_input
        if suggested is None and before is not None:
            followed = followed_entity_id(self.hass, before)
            suggested = {**before.data, CONF_MEDIA_PLAYER: followed}
        libraries = await async_library_names(
            entry, (suggested or {}).get(CONF_LIBRARIES, ())
        )
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(
                vol.Schema(
                    {
                        vol.Required(CONF_MEDIA_PLAYER): _PLAYER,
                        vol.Required(
                            CONF_REPORT_PROGRESS, default=True
                        ): BooleanSelector(),
                        vol.Optional(CONF_LIBRARIES, default=list): library_selector(
                            libraries
                        ),
                    }
                ),
                suggested,
            ),
            errors=errors,
            description_placeholders={"title": before.title} if before else None,
        )

    @callback
    def _async_keep(
        self,
        entry: WatchedSyncConfigEntry,
        before: ConfigSubentry | None,
        data: dict[str, Any],
        unique_id: str,
    ) -> SubentryFlowResult:
        state = self.hass.states.get(data[CONF_MEDIA_PLAYER])
        title = data[CONF_MEDIA_PLAYER] if state is None else state.name
        if before is None:
            return self.async_create_entry(title=title, data=data, unique_id=unique_id)
        if before.unique_id == unique_id:
            # Whoever gave it a name of their own keeps that.
            title = before.title
        return self.async_update_and_abort(
            entry, before, title=title, data=data, unique_id=unique_id
        )

    def _reported(
        self, entry: WatchedSyncConfigEntry, but: ConfigSubentry | None
    ) -> set[str]:
        """Return what names the players that are reported already."""
        registry = er.async_get(self.hass)
        taken: set[str] = set()
        for one in players(entry):
            if but is None or one.subentry_id != but.subentry_id:
                entity_id = followed_entity_id(self.hass, one)
                registered = registry.async_get(entity_id)
                taken.add(entity_id if registered is None else registered.id)
        return taken
