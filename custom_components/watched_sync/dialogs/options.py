"""The dialog for the preferences of one lane."""

import asyncio
from collections.abc import Iterable
from typing import Any, Final

from homeassistant.config_entries import (
    ConfigEntryState,
    ConfigFlowResult,
)
from homeassistant.core import HomeAssistant
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
)
import voluptuous as vol

from ..const import (
    CONF_CONFLICT_POLICY,
    CONF_KIND,
    CONF_LIBRARIES,
    CONF_MAX_RETRY_AGE,
    CONF_MIRROR_TO,
    CONF_PANEL,
    CONF_PERSON,
    CONF_UP_NEXT_SWITCHES,
    CONF_WATCHED_THRESHOLD,
    DEFAULT_MAX_RETRY_AGE,
    DEFAULT_UP_NEXT_SWITCHES,
    DEFAULT_WATCHED_THRESHOLD,
    DOMAIN,
    LOGGER,
    MAX_MAX_RETRY_AGE,
    MAX_UP_NEXT_SWITCHES,
    MIN_WATCHED_THRESHOLD,
    PRODUCTS,
    SECTION_DELIVERY,
    SECTION_ENTITIES,
    SECTION_MIRROR,
    SECTION_PLAYBACK,
)
from ..core.errors import ServerError
from ..core.reconcile import Policy
from ..panel import async_want_panel, is_panel_wanted
from ..preferences import preferences
from ..runtime import WatchedSyncConfigEntry
from .check import CheckSteps
from .person import async_person_selector, likely_person

#: Seconds that a form waits for the names of the libraries.
PATIENCE: Final = 5.0


class WatchedSyncOptionsFlow(CheckSteps):
    """Preferences of one lane, and the check of its server."""

    async def async_step_init(
        self, _: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask which of the two."""
        return self.async_show_menu(
            step_id="init", menu_options=["preferences", "check"]
        )

    async def async_step_preferences(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for all preferences."""
        if user_input is not None:
            entities, playback, delivery = (
                user_input[SECTION_ENTITIES],
                user_input[SECTION_PLAYBACK],
                user_input[SECTION_DELIVERY],
            )
            if entities[CONF_PANEL]:
                async_want_panel(self.hass, self.config_entry)
            return self.async_create_entry(
                data={
                    CONF_PERSON: user_input[CONF_PERSON],
                    SECTION_ENTITIES: {
                        **entities,
                        CONF_UP_NEXT_SWITCHES: int(entities[CONF_UP_NEXT_SWITCHES]),
                    },
                    SECTION_PLAYBACK: {
                        **playback,
                        CONF_WATCHED_THRESHOLD: int(playback[CONF_WATCHED_THRESHOLD]),
                    },
                    SECTION_MIRROR: user_input[SECTION_MIRROR],
                    SECTION_DELIVERY: {
                        **delivery,
                        CONF_MAX_RETRY_AGE: int(delivery[CONF_MAX_RETRY_AGE]),
                    },
                }
            )
        entry: WatchedSyncConfigEntry = self.config_entry
        chosen = preferences(entry)
        others = other_entries(self.hass, entry)
        suggested = {
            CONF_PERSON: likely_person(self.hass, entry.data, entry),
            **entry.options,
        }
        # The page is one for all entries: the form says whether it is there.
        suggested[SECTION_ENTITIES] = {
            **entry.options.get(SECTION_ENTITIES, {}),
            CONF_PANEL: is_panel_wanted(self.hass.config_entries.async_entries(DOMAIN)),
        }
        # An entry that was removed cannot be copied to again: it would be another.
        suggested[SECTION_MIRROR] = {
            CONF_MIRROR_TO: [one for one in chosen.mirror_to if one in others]
        }
        libraries = await async_library_names(entry, chosen.libraries)
        persons = await async_person_selector(self.hass)
        return self.async_show_form(
            step_id="preferences",
            data_schema=self.add_suggested_values_to_schema(
                _schema(persons, libraries, others), suggested
            ),
        )


def other_entries(hass: HomeAssistant, entry: WatchedSyncConfigEntry) -> dict[str, str]:
    """Return what changes can be copied to: titles and products by entry id."""
    return {
        one.entry_id: f"{one.title} - {PRODUCTS[one.data[CONF_KIND]]}"
        for one in hass.config_entries.async_entries(DOMAIN, include_ignore=False)
        if one.entry_id != entry.entry_id
    }


async def async_library_names(
    entry: WatchedSyncConfigEntry, chosen: Iterable[str]
) -> dict[str, str]:
    """Return the libraries of an entry's server, names by id, the *chosen* always.

    A server that cannot be asked has no names to give, and one that hides a library
    for now names the others: what was chosen is kept in either case, by its id.
    """
    names: dict[str, str] = {}
    if entry.state is ConfigEntryState.LOADED:
        try:
            async with asyncio.timeout(PATIENCE):
                found = await entry.runtime_data.server.libraries()
        except (ServerError, TimeoutError) as err:
            LOGGER.debug("%s: its libraries are not known: %r", entry.title, err)
        else:
            names = {one.library_id: one.title for one in found}
    return names | {one: one for one in sorted(chosen) if one not in names}


def library_selector(names: dict[str, str]) -> SelectSelector:
    """Offer libraries by their names."""
    return _several(names, SelectSelectorMode.LIST)


def _several(names: dict[str, str], mode: SelectSelectorMode) -> SelectSelector:
    return SelectSelector(
        SelectSelectorConfig(
            options=[
                SelectOptionDict(value=value, label=name)
                for value, name in names.items()
            ],
            multiple=True,
            mode=mode,
        )
    )


def _schema(
    persons: SelectSelector, libraries: dict[str, str], others: dict[str, str]
) -> vol.Schema:
    entities = {
        vol.Required(
            CONF_UP_NEXT_SWITCHES, default=DEFAULT_UP_NEXT_SWITCHES
        ): NumberSelector(
            NumberSelectorConfig(
                min=0,
                max=MAX_UP_NEXT_SWITCHES,
                step=1,
                mode=NumberSelectorMode.BOX,
            )
        ),
        vol.Optional(CONF_LIBRARIES, default=list): library_selector(libraries),
        vol.Required(CONF_PANEL, default=True): BooleanSelector(),
    }
    playback = {
        vol.Required(
            CONF_WATCHED_THRESHOLD, default=DEFAULT_WATCHED_THRESHOLD
        ): NumberSelector(
            NumberSelectorConfig(
                min=MIN_WATCHED_THRESHOLD,
                max=100,
                step=1,
                mode=NumberSelectorMode.SLIDER,
                unit_of_measurement="%",
            )
        ),
    }
    mirror = {
        vol.Optional(CONF_MIRROR_TO, default=list): _several(
            others, SelectSelectorMode.LIST
        )
    }
    delivery = {
        vol.Required(CONF_CONFLICT_POLICY, default=Policy.NEWEST.value): SelectSelector(
            SelectSelectorConfig(
                options=[policy.value for policy in Policy],
                translation_key="conflict_policy",
                mode=SelectSelectorMode.DROPDOWN,
            )
        ),
        vol.Required(CONF_MAX_RETRY_AGE, default=DEFAULT_MAX_RETRY_AGE): NumberSelector(
            NumberSelectorConfig(
                min=1,
                max=MAX_MAX_RETRY_AGE,
                step=1,
                mode=NumberSelectorMode.BOX,
                unit_of_measurement="d",
            )
        ),
    }
    sections = {
        vol.Required(name): section(vol.Schema(fields))
        for name, fields in (
            (SECTION_ENTITIES, entities),
            (SECTION_PLAYBACK, playback),
            (SECTION_MIRROR, mirror),
            (SECTION_DELIVERY, delivery),
        )
    }
    return vol.Schema({vol.Required(CONF_PERSON): persons, **sections})
