"""Which lanes an action is for: those it names, those of a person, or every one.

This is the only way from an action to a lane, and so where permissions are asked for:
a lane that is named must be permitted, and where none is named those that are not
permitted are left out, as if they did not exist.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import ATTR_CONFIG_ENTRY_ID
from homeassistant.core import HomeAssistant, ServiceCall, callback
from homeassistant.helpers import service

from ..const import DOMAIN
from ..failures import invalid
from ..permissions import Permit, async_permit
from ..preferences import person_of
from ..runtime import WatchedSyncConfigEntry
from .fields import ATTR_PERSON


@dataclass(frozen=True, slots=True)
class Lanes:
    """The lanes an action is for.

    `not_loaded` are those it is for as well, but which do not run now; of lanes named
    by their entries there are none, as these must run. `named` is whether the action
    says which lanes it is for.
    """

    running: Sequence[WatchedSyncConfigEntry]
    not_loaded: Sequence[WatchedSyncConfigEntry]
    named: bool
    permit: Permit


async def async_choose_lanes(call: ServiceCall, policy: str) -> Lanes:
    """Return the lanes an action is for: those it names, or every one.

    A person means each lane whose option says that the plays there are theirs. *policy*
    is what the caller must be permitted to do with them: `read` or `control`. Raises
    Unauthorized, and ServiceValidationError for lanes named in both ways, for one that
    is unknown or not loaded, and for a person who has none.
    """
    hass = call.hass
    permit = await async_permit(hass, call.context, policy)
    entry_ids: Sequence[str] | None = call.data.get(ATTR_CONFIG_ENTRY_ID)
    persons: Sequence[str] | None = call.data.get(ATTR_PERSON)
    if entry_ids is not None and persons is not None:
        raise invalid("lanes_named_twice")
    if entry_ids is not None:
        lanes = _by_entry(hass, entry_ids, permit)
        return Lanes(lanes, [], named=True, permit=permit)
    if persons is not None:
        meant = _of_persons(hass, persons)
        permit.check(meant)
    else:
        meant = permit.among(enabled_lanes(hass))
    running = running_lanes(hass, meant)
    not_loaded = [entry for entry in meant if entry not in running]
    return Lanes(running, not_loaded, named=persons is not None, permit=permit)


@callback
def enabled_lanes(hass: HomeAssistant) -> list[WatchedSyncConfigEntry]:
    """Return every lane that is switched on, loaded or not."""
    return hass.config_entries.async_entries(
        DOMAIN, include_ignore=False, include_disabled=False
    )


@callback
def running_lanes(
    hass: HomeAssistant, lanes: Sequence[WatchedSyncConfigEntry]
) -> list[WatchedSyncConfigEntry]:
    """Return those of *lanes* that are loaded.

    Raises ServiceValidationError if none is.
    """
    running = [entry for entry in lanes if entry.state is ConfigEntryState.LOADED]
    if not running:
        # Home Assistant's own error says which ought to run.
        service.async_get_config_entry(
            hass, DOMAIN, lanes[0].entry_id if lanes else None
        )
    return running


def _by_entry(
    hass: HomeAssistant, entry_ids: Sequence[str], permit: Permit
) -> list[WatchedSyncConfigEntry]:
    """Return the lanes of these entries, all of which must be permitted and loaded."""
    if not entry_ids:
        raise invalid("no_config_entry")
    unique = list(dict.fromkeys(entry_ids))
    permit.check(entry for entry in enabled_lanes(hass) if entry.entry_id in unique)
    return [
        service.async_get_config_entry(hass, DOMAIN, entry_id) for entry_id in unique
    ]


def _of_persons(
    hass: HomeAssistant, persons: Sequence[str]
) -> list[WatchedSyncConfigEntry]:
    """Return the lanes that belong to *persons*, loaded or not."""
    if not persons:
        raise invalid("no_config_entry")
    lanes = enabled_lanes(hass)
    owners = {person_of(entry) for entry in lanes}
    for person in persons:
        if person not in owners:
            raise invalid("person_without_lane", person=person)
    return [entry for entry in lanes if person_of(entry) in persons]
