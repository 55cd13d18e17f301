"""Which lanes an action is for: those it names, those of a person, or every one."""

from collections.abc import Sequence

from homeassistant.const import ATTR_CONFIG_ENTRY_ID
from homeassistant.core import HomeAssistant, ServiceCall, callback

from ..const import DOMAIN
from ..failures import invalid
from ..lookup import async_get_lanes, enabled_entries
from ..preferences import preferences
from ..runtime import WatchedSyncConfigEntry
from .fields import ATTR_PERSON


@callback
def names_lanes(call: ServiceCall) -> bool:
    """Whether an action says which lanes it is for, by entry or by person."""
    return ATTR_CONFIG_ENTRY_ID in call.data or ATTR_PERSON in call.data


@callback
def chosen_lanes(call: ServiceCall) -> list[WatchedSyncConfigEntry]:
    """Return the lanes an action is for: those it names, or every loaded one.

    A person means each lane whose option says that the plays there are theirs. Raises
    ServiceValidationError for lanes named in both ways, for one that is unknown or not
    loaded, and for a person who has none.
    """
    entry_ids: Sequence[str] | None = call.data.get(ATTR_CONFIG_ENTRY_ID)
    persons: Sequence[str] | None = call.data.get(ATTR_PERSON)
    if persons is None:
        return async_get_lanes(call.hass, entry_ids)
    if entry_ids is not None:
        raise invalid("lanes_named_twice")
    of_persons = _of_persons(call.hass, persons)
    loaded = [
        entry
        for entry in call.hass.config_entries.async_loaded_entries(DOMAIN)
        if entry.entry_id in of_persons
    ]
    # Where none is loaded, Home Assistant's own error says which ought to be.
    return loaded or async_get_lanes(call.hass, of_persons)


@callback
def lanes_not_loaded(call: ServiceCall) -> list[WatchedSyncConfigEntry]:
    """Return the lanes an action is for as well, but which do not run now.

    An entry that is named must run, so of those there are none.
    """
    if ATTR_CONFIG_ENTRY_ID in call.data:
        return []
    persons: Sequence[str] | None = call.data.get(ATTR_PERSON)
    of_persons = None if persons is None else _of_persons(call.hass, persons)
    lanes = chosen_lanes(call)
    return [
        entry
        for entry in enabled_entries(call.hass)
        if entry not in lanes and (of_persons is None or entry.entry_id in of_persons)
    ]


def _of_persons(hass: HomeAssistant, persons: Sequence[str]) -> list[str]:
    """Return the ids of the entries that belong to *persons*, loaded or not."""
    if not persons:
        raise invalid("no_config_entry")
    entries = {
        entry.entry_id: preferences(entry).person for entry in enabled_entries(hass)
    }
    for person in persons:
        if person not in entries.values():
            raise invalid("person_without_lane", person=person)
    return [entry_id for entry_id, person in entries.items() if person in persons]
