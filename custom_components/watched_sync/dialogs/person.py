"""The question whose plays a lane is about, and by what name it is told apart."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain, count
from typing import Any, Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_NAME
from homeassistant.core import HomeAssistant, State, callback
from homeassistant.helpers.http import current_request
from homeassistant.helpers.selector import (
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
)
from homeassistant.helpers.translation import async_get_translations
import voluptuous as vol

from ..const import (
    CONF_KIND,
    CONF_PERSON,
    CONF_SERVER_ID,
    CONF_SERVER_NAME,
    CONF_USER_NAME,
    DOMAIN,
    PERSON_SHARED,
    PERSON_SOMEBODY_ELSE,
    PRODUCTS,
)
from ..core import gate

_PERSON_DOMAIN: Final = "person"


async def async_person_selector(hass: HomeAssistant) -> SelectSelector:
    """Offer the persons of Home Assistant, somebody else, and the household."""
    words = await async_get_translations(
        hass, hass.config.language, "selector", {DOMAIN}
    )
    key = f"component.{DOMAIN}.selector.{CONF_PERSON}.options"
    return SelectSelector(
        SelectSelectorConfig(
            options=[
                *(
                    SelectOptionDict(value=one.entity_id, label=one.name)
                    for one in _persons(hass)
                ),
                *(
                    SelectOptionDict(value=value, label=words[f"{key}.{value}"])
                    for value in (PERSON_SOMEBODY_ELSE, PERSON_SHARED)
                ),
            ],
            mode=SelectSelectorMode.LIST,
            # The labels are in the language of Home Assistant; with this the browser
            # puts those of whoever reads them in their place.
            translation_key=CONF_PERSON,
        )
    )


@callback
def likely_person(
    hass: HomeAssistant, data: Mapping[str, Any], entry: ConfigEntry | None = None
) -> str | None:
    """Return the person a lane with these *data* is likely to be of, if there is one.

    That is who is called like the server's user, else whoever answers the form, if no
    other lane than that of *entry* is of the same server.
    """
    persons = _persons(hass)
    named = [one for one in persons if _fold(one.name) == _fold(data[CONF_USER_NAME])]
    if len(named) == 1:
        return named[0].entity_id
    if any(
        one.data[CONF_SERVER_ID] == data[CONF_SERVER_ID]
        for one in _entries(hass)
        if entry is None or one.entry_id != entry.entry_id
    ):
        return None
    request = current_request.get()
    user = None if request is None else request.get("hass_user")
    return next(
        (
            one.entity_id
            for one in persons
            if user is not None and one.attributes.get("user_id") == user.id
        ),
        None,
    )


@dataclass(slots=True)
class NewLane:
    """A user of a server who is signed in: what is asked before the entry is made.

    `data` is the entry's data, in which the user's name may be empty; `errors` is what
    was wrong with the last answer, by field.
    """

    hass: HomeAssistant
    data: dict[str, Any]
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def told_name(self) -> str:
        """What the server calls the user, empty if it does not tell."""
        return str(self.data[CONF_USER_NAME])

    def title(self, name: str) -> str:
        """Return the title of the lane of a user with this *name*."""
        server_name: str = self.data[CONF_SERVER_NAME]
        return f"{server_name} ({name})" if name else server_name

    def suggested(self) -> dict[str, Any]:
        """Return what the form holds at first."""
        return {
            CONF_PERSON: likely_person(self.hass, self.data),
            CONF_NAME: self._free_name(),
        }

    async def async_schema(self) -> vol.Schema:
        """Return the form; it asks for a name where there is none, or one like it."""
        fields: dict[vol.Marker, Any] = {
            vol.Required(CONF_PERSON): await async_person_selector(self.hass)
        }
        if self.errors or not self.told_name or self._is_taken(self.told_name):
            fields[vol.Optional(CONF_NAME)] = TextSelector()
        return vol.Schema(fields)

    @callback
    def named(self, answers: Mapping[str, Any]) -> str | None:
        """Return the name that follows from the *answers*, None if they will not do.

        Who has no name and is given none is called like the person.
        """
        name = gate.line(answers.get(CONF_NAME, ""), gate.NAME) or self.told_name
        if not name:
            name = next(
                (
                    one.name
                    for one in _persons(self.hass)
                    if one.entity_id == answers[CONF_PERSON]
                ),
                "",
            )
        self.errors = {}
        if not name:
            self.errors = {CONF_NAME: "name_needed"}
        elif self._is_taken(name):
            self.errors = {CONF_NAME: "name_taken"}
        return None if self.errors else name

    def _is_taken(self, name: str) -> bool:
        title = _fold(self.title(name))
        return any(_fold(one.title) == title for one in _entries(self.hass))

    def _free_name(self) -> str | None:
        """Return a name that no other lane has; None if the user has none at all."""
        if not (told := self.told_name):
            return None
        with_product = f"{told}, {PRODUCTS[self.data[CONF_KIND]]}"
        numbered = (f"{with_product} {number}" for number in count(2))
        names = chain((told, with_product), numbered)
        return next(one for one in names if not self._is_taken(one))


def _fold(name: str) -> str:
    return name.casefold().strip()


def _persons(hass: HomeAssistant) -> list[State]:
    """Return the persons of Home Assistant by their names."""
    found = hass.states.async_all(_PERSON_DOMAIN)
    return sorted(found, key=lambda one: _fold(one.name))


def _entries(hass: HomeAssistant) -> list[ConfigEntry]:
    return hass.config_entries.async_entries(DOMAIN, include_ignore=False)
