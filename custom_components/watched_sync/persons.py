"""The persons of Home Assistant: which one a user is, and what they are called."""

from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback

from .const import PERSON_SHARED, PERSON_SOMEBODY_ELSE
from .preferences import person_of

_DOMAIN = "person"


@callback
def person_of_user(hass: HomeAssistant, user_id: str | None) -> str | None:
    """Return the entity id of the person who signs in as a user, None for nobody."""
    if user_id is None:
        return None
    return next(
        (
            state.entity_id
            for state in hass.states.async_all(_DOMAIN)
            if state.attributes.get("user_id") == user_id
        ),
        None,
    )


@callback
def person_name(hass: HomeAssistant, person: str) -> str:
    """Return what the person of an entity id is called."""
    if (state := hass.states.get(person)) is not None:
        return state.name
    # A person who was removed has no other name left.
    return person.removeprefix(f"{_DOMAIN}.").replace("_", " ").title()


@callback
def owner_name(hass: HomeAssistant, entry: ConfigEntry[Any]) -> str:
    """Return whose a lane is: the name of a person, or else server and user."""
    person = person_of(entry)
    if person in (PERSON_SHARED, PERSON_SOMEBODY_ELSE):
        return entry.title
    return person_name(hass, person)


@callback
def persons_called(hass: HomeAssistant, name: str) -> list[str]:
    """Return the entity ids of those who are called *name*, or by it as first name."""
    wanted = name.strip().casefold()
    names = {
        state.entity_id: state.name.casefold()
        for state in hass.states.async_all(_DOMAIN)
    }
    return [person for person, own in names.items() if own == wanted] or [
        person for person, own in names.items() if own.split()[:1] == [wanted]
    ]
