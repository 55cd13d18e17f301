"""Which lanes an action is for: those it names, those of persons, or those meant.

This is the only way from an action to a lane, and so where permissions are asked for:
a lane that is named must be permitted, and where none is named those that are not
permitted are left out, as if they did not exist.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import ATTR_CONFIG_ENTRY_ID
from homeassistant.core import Context, HomeAssistant, ServiceCall, callback
from homeassistant.helpers import service

from ..const import DOMAIN
from ..failures import invalid
from ..permissions import Permit, async_permit
from ..persons import owner_name
from ..preferences import person_of
from ..runtime import WatchedSyncConfigEntry
from .fields import ATTR_PERSON
from .for_whom import (
    EVERYONE,
    PersonWithoutLane,
    SeveralPersons,
    is_shared,
    lanes_for,
    one_of_each,
    owns_one,
)


@dataclass(frozen=True, slots=True)
class Lanes:
    """The lanes an action is for.

    `meant` are all of them, in a fixed order; of those `running` are loaded. Lanes
    named by their entries must all run. `named` is whether the action says which lanes
    it is for.
    """

    meant: Sequence[WatchedSyncConfigEntry]
    running: Sequence[WatchedSyncConfigEntry]
    named: bool
    permit: Permit

    @property
    def not_loaded(self) -> list[WatchedSyncConfigEntry]:
        """Those that do not run now."""
        return [entry for entry in self.meant if entry not in self.running]

    @property
    def caller(self) -> str | None:
        """The person whose user calls, where that decides for whom something is."""
        return self.permit.person if self.permit.changes and not self.named else None

    @property
    def are_chosen(self) -> bool:
        """Whether it is known to be for these, whoever plays something."""
        caller = self.caller
        return self.named or (caller is not None and owns_one(self.meant, caller))

    def for_whom(self, belonging: Collection[WatchedSyncConfigEntry] = ()) -> Lanes:
        """Return those that a change is meant for; all of them for a mere look.

        *belonging* are those to which a player belongs that was named. Raises what
        `of_caller` raises, also if it was not said which are meant.
        """
        if self.named or not self.permit.changes:
            return self
        if self.caller is not None:
            return self.of_caller(self.caller)
        hass = self.permit.hass
        meant = _decide(hass, self.meant, belonging=belonging)
        return replace(self, meant=meant, running=running_lanes(hass, meant))

    def of_caller(self, caller: str) -> Lanes:
        """Return those that are meant where a person calls.

        Raises Unauthorized if they may not use their own, and ServiceValidationError.
        """
        hass = self.permit.hass
        own = [one for one in enabled_lanes(hass) if person_of(one) == caller]
        self.permit.check(own)
        meant = _decide(hass, self.meant, caller=caller)
        return replace(self, meant=meant, running=running_lanes(hass, meant))

    def takes_part(self, entry: WatchedSyncConfigEntry) -> bool:
        """Whether a lane takes part whose switch is in a room that was named."""
        if self.caller is None:
            return entry in self.meant
        return entry in lanes_of_caller(self.meant, self.caller)


async def async_choose_lanes(call: ServiceCall, policy: str) -> Lanes:
    """Return the lanes an action names, or else all that the caller may use.

    Raises what `async_lanes` raises.
    """
    return await async_lanes(
        call.hass,
        call.context,
        policy,
        entry_ids=call.data.get(ATTR_CONFIG_ENTRY_ID),
        persons=call.data.get(ATTR_PERSON),
    )


async def async_lanes(
    hass: HomeAssistant,
    context: Context,
    policy: str,
    *,
    entry_ids: Sequence[str] | None = None,
    persons: Sequence[str] | None = None,
) -> Lanes:
    """Return the lanes that are named by entries or persons, or else all permitted.

    *policy* is what the caller must be permitted to do with them: `read` or `control`.
    Raises Unauthorized, and ServiceValidationError for lanes named in both ways, for
    one that is unknown or not loaded, and for a person who has none.
    """
    permit = await async_permit(hass, context, policy)
    if entry_ids is not None and persons is not None:
        raise invalid("lanes_named_twice")
    if entry_ids is not None:
        lanes = _by_entry(hass, entry_ids, permit)
        return Lanes(lanes, lanes, named=True, permit=permit)
    enabled = enabled_lanes(hass)
    if persons is None:
        if permit.person is not None and not any(map(permit.allows, enabled)):
            # None is theirs: that says more than that they may not use the others.
            _decide(hass, enabled, caller=permit.person)
        meant = permit.among(enabled)
    else:
        if not persons:
            raise invalid("no_config_entry")
        meant = _decide(hass, enabled, persons=persons)
        permit.check(entry for entry in meant if not is_shared(entry))
        meant = permit.among(meant)
    running = running_lanes(hass, meant)
    return Lanes(meant, running, named=persons is not None, permit=permit)


def _decide(
    hass: HomeAssistant,
    lanes: Sequence[WatchedSyncConfigEntry],
    *,
    persons: Collection[str] | None = None,
    caller: str | None = None,
    belonging: Collection[WatchedSyncConfigEntry] = (),
) -> list[WatchedSyncConfigEntry]:
    """Ask the rule; raises ServiceValidationError in its words."""
    for person in persons or ():
        # What is shared is for everybody, but not for somebody who does not exist.
        exists = person == EVERYONE or hass.states.get(person) is not None
        if not (exists or owns_one(lanes, person)):
            raise invalid("person_without_lane", person=person)
    try:
        return lanes_for(lanes, persons=persons, caller=caller, belonging=belonging)
    except PersonWithoutLane as err:
        raise invalid("person_without_lane", person=err.person) from err
    except SeveralPersons as err:
        names = owner_names(hass, lanes)
        raise invalid("for_whom", persons=", ".join(names)) from err


def lanes_of_caller(
    lanes: Sequence[WatchedSyncConfigEntry], caller: str
) -> list[WatchedSyncConfigEntry]:
    """Return those of *lanes* that are meant where a person calls; none if none is."""
    try:
        return lanes_for(lanes, caller=caller)
    except PersonWithoutLane:
        return []


def owner_names(
    hass: HomeAssistant, lanes: Sequence[WatchedSyncConfigEntry]
) -> list[str]:
    """Return the names of those to whom one or more of *lanes* belong alone."""
    return [owner_name(hass, entry) for entry in one_of_each(lanes)]


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
