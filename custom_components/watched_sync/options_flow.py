"""The dialog for the preferences of one lane."""

from typing import Any, Final

from homeassistant.config_entries import ConfigFlowResult, OptionsFlow
from homeassistant.data_entry_flow import section
from homeassistant.helpers.selector import (
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
)
import voluptuous as vol

from .const import (
    CONF_CONFLICT_POLICY,
    CONF_MAX_RETRY_AGE,
    CONF_UP_NEXT_SWITCHES,
    DEFAULT_MAX_RETRY_AGE,
    DEFAULT_UP_NEXT_SWITCHES,
    MAX_MAX_RETRY_AGE,
    MAX_UP_NEXT_SWITCHES,
    SECTION_DELIVERY,
    SECTION_ENTITIES,
)
from .core.reconcile import Policy


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
