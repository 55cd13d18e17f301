"""The question whose plays a lane is about: what can be answered."""

from typing import Final

from homeassistant.core import HomeAssistant
from homeassistant.helpers.selector import (
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
)
from homeassistant.helpers.translation import async_get_translations

from ..const import CONF_PERSON, DOMAIN, PERSON_SHARED, PERSON_SOMEBODY_ELSE

_PERSON_DOMAIN: Final = "person"


async def async_person_selector(hass: HomeAssistant) -> SelectSelector:
    """Offer the persons of Home Assistant, somebody else, and the household."""
    words = await async_get_translations(
        hass, hass.config.language, "selector", {DOMAIN}
    )
    key = f"component.{DOMAIN}.selector.{CONF_PERSON}.options"
    persons = sorted(
        hass.states.async_all(_PERSON_DOMAIN), key=lambda one: one.name.casefold()
    )
    return SelectSelector(
        SelectSelectorConfig(
            options=[
                *(
                    SelectOptionDict(value=one.entity_id, label=one.name)
                    for one in persons
                ),
                *(
                    SelectOptionDict(value=value, label=words[f"{key}.{value}"])
                    for value in (PERSON_SOMEBODY_ELSE, PERSON_SHARED)
                ),
            ],
            mode=SelectSelectorMode.LIST,
        )
    )
