"""Whose lanes somebody looks at, and who may be told of what whom has watched."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from homeassistant.auth.models import User
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import Unauthorized
from homeassistant.helpers import service

from ..actions.for_whom import (
    EVERYONE,
    PersonWithoutLane,
    counted_for,
    is_shared,
    lanes_for,
    owns_one,
)
from ..actions.lanes import enabled_lanes
from ..const import DOMAIN
from ..failures import invalid
from ..permissions import may_see
from ..persons import person_of_user
from ..preferences import person_of
from ..runtime import WatchedSyncConfigEntry


@dataclass(frozen=True, slots=True)
class Audience:
    """Who looks, and at what.

    `lanes` are those they want to see, in a fixed order, `visible` all that they may
    see. `me` is the person they are, None for a user who is no person.
    """

    me: str | None
    lanes: Sequence[WatchedSyncConfigEntry]
    visible: Sequence[WatchedSyncConfigEntry]

    @property
    def running(self) -> list[WatchedSyncConfigEntry]:
        """Those of the lanes that are loaded."""
        return loaded(self.lanes)

    @property
    def not_loaded(self) -> list[WatchedSyncConfigEntry]:
        """Those of the lanes that are not."""
        return [one for one in self.lanes if one.state is not ConfigEntryState.LOADED]

    @property
    def lane_ids(self) -> tuple[str, ...]:
        """The ids of the loaded ones of the lanes."""
        return tuple(one.entry_id for one in self.running)

    @property
    def seen_ids(self) -> frozenset[str]:
        """The ids of the loaded lanes that tell who has watched something."""
        return frozenset(one.entry_id for one in loaded(self.visible))

    @property
    def owners(self) -> Mapping[str, str]:
        """Whose each lane is, by its id, as `counted_for` has it."""
        return {one.entry_id: counted_for(one) for one in self.visible}


def loaded(lanes: Collection[WatchedSyncConfigEntry]) -> list[WatchedSyncConfigEntry]:
    """Return those of *lanes* that are loaded."""
    return [one for one in lanes if one.state is ConfigEntryState.LOADED]


@callback
def visible_lanes(hass: HomeAssistant, user: User) -> list[WatchedSyncConfigEntry]:
    """Return all lanes that a user may see, loaded or not."""
    return [one for one in enabled_lanes(hass) if may_see(hass, user, one)]


@callback
def audience(
    hass: HomeAssistant,
    user: User,
    *,
    entry_ids: Sequence[str] | None = None,
    persons: Sequence[str] | None = None,
) -> Audience:
    """Return who looks at the lanes named by entries or persons, or else at their own.

    Who has none looks at all they may see. Raises Unauthorized for what they may not,
    and ServiceValidationError for lanes named in both ways, an entry that is unknown
    and a person who has none.
    """
    if entry_ids is not None and persons is not None:
        raise invalid("lanes_named_twice")
    me = person_of_user(hass, user.id)
    visible = visible_lanes(hass, user)
    if entry_ids is not None:
        lanes = _by_entry(hass, entry_ids, visible)
    elif persons is not None:
        lanes = _by_person(hass, persons, visible)
    elif me is not None and owns_one(visible, me):
        lanes = lanes_for(visible, caller=me)
    else:
        lanes = visible
    return Audience(me, lanes, visible)


def _by_entry(
    hass: HomeAssistant,
    entry_ids: Sequence[str],
    visible: Sequence[WatchedSyncConfigEntry],
) -> list[WatchedSyncConfigEntry]:
    known = {one.entry_id: one for one in enabled_lanes(hass)}
    for entry_id in entry_ids:
        if entry_id not in known:
            # Home Assistant's own error says that there is no such entry.
            service.async_get_config_entry(hass, DOMAIN, entry_id)
        elif known[entry_id] not in visible:
            raise Unauthorized(config_entry_id=entry_id)
    return [known[entry_id] for entry_id in dict.fromkeys(entry_ids)]


def _by_person(
    hass: HomeAssistant,
    persons: Sequence[str],
    visible: Sequence[WatchedSyncConfigEntry],
) -> list[WatchedSyncConfigEntry]:
    if EVERYONE in persons:
        return list(visible)
    everybody = enabled_lanes(hass)
    for person in persons:
        if owns_one(everybody, person) and not owns_one(visible, person):
            raise Unauthorized
        # What is shared is for everybody, but not for somebody who does not exist.
        if hass.states.get(person) is None and not owns_one(everybody, person):
            raise invalid("person_without_lane", person=person)
    try:
        return lanes_for(visible, persons=persons)
    except PersonWithoutLane as err:
        raise invalid("person_without_lane", person=err.person) from err


def is_mine(entry: WatchedSyncConfigEntry, me: str | None) -> bool:
    """Whether a lane is that of the person who looks, or of the whole household."""
    return is_shared(entry) or (me is not None and person_of(entry) == me)
