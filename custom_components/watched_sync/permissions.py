"""Who may do what: the one rule for actions, entities, voice, tools and pictures.

Somebody may read or control a lane if Home Assistant lets them read or control each of
the lane's own entities. Those of tracked items, and the switches for what is up next,
are as many as people choose, and say nothing of the lane. How an item is named makes no
difference, nor whether anything would change. What belongs to a person is controlled by
them and by administrators only, and what the household shares by everybody; the panel
and cards show no more than that. An automation or a script acts for no user and may do
everything, as everywhere in Home Assistant.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from homeassistant.auth.models import User
from homeassistant.auth.permissions.const import POLICY_CONTROL, POLICY_READ
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import Unauthorized, UnknownUser
from homeassistant.helpers import entity_registry as er

from .const import PERSON_SHARED, UP_NEXT_KEY
from .persons import person_of_user
from .preferences import person_of
from .runtime import WatchedSyncConfigEntry


def may(
    hass: HomeAssistant, user: User, entry: WatchedSyncConfigEntry, policy: str
) -> bool:
    """Whether *user* may do with a lane what *policy* names: `read` or `control`.

    A lane that has no entities, as all are disabled, is only for those who may do so
    with every entity there is.
    """
    if policy == POLICY_CONTROL and not (
        user.is_admin or _is_theirs(hass, user, entry)
    ):
        return False
    permissions = user.permissions
    if permissions.access_all_entities(policy):
        return True
    own = _own_entities(hass, entry)
    return bool(own) and all(permissions.check_entity(one, policy) for one in own)


def may_see(hass: HomeAssistant, user: User, entry: WatchedSyncConfigEntry) -> bool:
    """Whether *user* is shown a lane in the panel and on cards.

    That is less than to read it by an action: what others watch is theirs.
    """
    return may(hass, user, entry, POLICY_READ) and (
        user.is_admin or _is_theirs(hass, user, entry)
    )


def _is_theirs(hass: HomeAssistant, user: User, entry: WatchedSyncConfigEntry) -> bool:
    """Whether a lane belongs to the person who signs in as *user*, or is shared."""
    return person_of(entry) in (PERSON_SHARED, person_of_user(hass, user.id))


def _own_entities(hass: HomeAssistant, entry: WatchedSyncConfigEntry) -> list[str]:
    """Return the entities of a lane that are always there, unless disabled."""
    return [
        entity.entity_id
        for entity in er.async_entries_for_config_entry(
            er.async_get(hass), entry.entry_id
        )
        if entity.config_subentry_id is None
        and not entity.disabled
        and not entity.unique_id.startswith(f"{entry.unique_id}:{UP_NEXT_KEY}")
    ]


@dataclass(frozen=True, slots=True)
class Permit:
    """What the caller behind a context may do, as far as *policy* goes.

    `user` is None where nobody is behind it.
    """

    hass: HomeAssistant
    context: Context
    policy: str
    user: User | None

    @property
    def changes(self) -> bool:
        """Whether something is to be changed, and not only told."""
        return self.policy == POLICY_CONTROL

    @property
    def person(self) -> str | None:
        """The person behind it, None for a user who is no person, and for nobody."""
        return None if self.user is None else person_of_user(self.hass, self.user.id)

    def allows(self, entry: WatchedSyncConfigEntry) -> bool:
        """Whether it covers a lane, loaded or not."""
        return self.user is None or may(self.hass, self.user, entry, self.policy)

    def check(self, entries: Iterable[WatchedSyncConfigEntry]) -> None:
        """Raise Unauthorized if one of the lanes that were named is not covered."""
        for entry in entries:
            if not self.allows(entry):
                raise Unauthorized(
                    context=self.context,
                    config_entry_id=entry.entry_id,
                    permission=self.policy,
                )

    def among(
        self, entries: Iterable[WatchedSyncConfigEntry]
    ) -> list[WatchedSyncConfigEntry]:
        """Return those lanes that are covered, where none was named.

        Raises Unauthorized if there are lanes, but none of them is covered.
        """
        entries = list(entries)
        allowed = [entry for entry in entries if self.allows(entry)]
        if not allowed:
            self.check(entries)
        return allowed

    def check_entities(self, entity_ids: Iterable[str]) -> None:
        """Raise Unauthorized if one of the entities that were named is not covered."""
        if self.user is None:
            return
        for entity_id in entity_ids:
            if not self.user.permissions.check_entity(entity_id, self.policy):
                raise Unauthorized(
                    context=self.context,
                    entity_id=entity_id,
                    permission=self.policy,
                )


async def async_permit(hass: HomeAssistant, context: Context, policy: str) -> Permit:
    """Return what the caller behind *context* may do; raises UnknownUser."""
    user: User | None = None
    if context.user_id is not None:
        user = await hass.auth.async_get_user(context.user_id)
        if user is None:
            raise UnknownUser(context=context, permission=policy)
    return Permit(hass, context, policy, user)
