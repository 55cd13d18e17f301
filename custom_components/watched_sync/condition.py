"""Conditions on watched switches: whether something is watched, or has more to come."""

from typing import Final, override

from homeassistant.const import STATE_ON, Platform
from homeassistant.core import HomeAssistant, State
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.automation import DomainSpec
from homeassistant.helpers.condition import (
    Condition,
    EntityConditionBase,
    EntityStateConditionBase,
)

from .const import DOMAIN

#: The attribute that only the switch of a tracked show has.
_UNWATCHED: Final = "unwatched_episodes"

#: Translation keys of the switches that stand for an item.
_WATCHED_SWITCHES: Final = ("last_played", "up_next", "watched")


class WatchedSwitchCondition(EntityConditionBase):
    """A condition on those switches of ours that stand for an item."""

    _domain_specs = {Platform.SWITCH: DomainSpec()}  # noqa: RUF012 - Home Assistant's own declaration

    @override
    def entity_filter(self, entities: set[str]) -> set[str]:
        """Leave out whatever is none of these switches."""
        registry = er.async_get(self._hass)
        return {
            entity_id
            for entity_id in super().entity_filter(entities)
            if (registered := registry.async_get(entity_id)) is not None
            and registered.platform == DOMAIN
            and registered.translation_key in _WATCHED_SWITCHES
        }


class IsWatched(WatchedSwitchCondition, EntityStateConditionBase):
    """An item is watched, or will be once everything is delivered."""

    _states = {STATE_ON}  # noqa: RUF012 - Home Assistant's own declaration


class HasUnwatched(WatchedSwitchCondition):
    """A tracked show has aired episodes that are not watched."""

    @override
    def _should_include(self, _state: State) -> bool:
        return super()._should_include(_state) and _UNWATCHED in _state.attributes

    @override
    def is_valid_state(self, entity_state: State) -> bool:
        """Whether any episode is left."""
        return bool(entity_state.attributes[_UNWATCHED])


CONDITIONS: Final[dict[str, type[Condition]]] = {
    "is_watched": IsWatched,
    "has_unwatched": HasUnwatched,
}


async def async_get_conditions(
    _: HomeAssistant,
) -> dict[str, type[Condition]]:
    """Return the conditions by their names."""
    return CONDITIONS
