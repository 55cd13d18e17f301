"""What a person chose in the options of an entry, with what holds until they do."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.event import async_track_entity_registry_updated_event

from .const import (
    CONF_CONFLICT_POLICY,
    CONF_LIBRARIES,
    CONF_MAX_RETRY_AGE,
    CONF_MIRROR_TO,
    CONF_PERSON,
    CONF_UP_NEXT_SWITCHES,
    CONF_WATCHED_THRESHOLD,
    DEFAULT_MAX_RETRY_AGE,
    DEFAULT_UP_NEXT_SWITCHES,
    DEFAULT_WATCHED_THRESHOLD,
    PERSON_SHARED,
    SECTION_DELIVERY,
    SECTION_ENTITIES,
    SECTION_MIRROR,
    SECTION_PLAYBACK,
)
from .core.reconcile import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """The options of one entry.

    `libraries` are library ids of its server; an empty set means all of them.
    `watched_threshold` is the percentage from which a playback counts as watched.
    `mirror_to` are the ids of the config entries that changes are copied to, in no
    order that matters. Whose plays they are is asked of `person_of`.
    """

    up_next_switches: int = DEFAULT_UP_NEXT_SWITCHES
    libraries: frozenset[str] = frozenset()
    watched_threshold: int = DEFAULT_WATCHED_THRESHOLD
    mirror_to: tuple[str, ...] = ()
    conflict_policy: Policy = Policy.NEWEST
    max_retry_age: timedelta = timedelta(days=DEFAULT_MAX_RETRY_AGE)


def preferences(entry: ConfigEntry[Any]) -> Preferences:
    """Return the options of *entry*; what was never chosen has its default."""
    options: Mapping[str, Mapping[str, Any]] = entry.options
    entities = options.get(SECTION_ENTITIES, {})
    playback = options.get(SECTION_PLAYBACK, {})
    mirror = options.get(SECTION_MIRROR, {})
    delivery = options.get(SECTION_DELIVERY, {})
    return Preferences(
        up_next_switches=entities.get(CONF_UP_NEXT_SWITCHES, DEFAULT_UP_NEXT_SWITCHES),
        libraries=frozenset(entities.get(CONF_LIBRARIES, ())),
        watched_threshold=playback.get(
            CONF_WATCHED_THRESHOLD, DEFAULT_WATCHED_THRESHOLD
        ),
        mirror_to=tuple(mirror.get(CONF_MIRROR_TO, ())),
        conflict_policy=Policy(delivery.get(CONF_CONFLICT_POLICY, Policy.NEWEST)),
        max_retry_age=timedelta(
            days=delivery.get(CONF_MAX_RETRY_AGE, DEFAULT_MAX_RETRY_AGE)
        ),
    )


def person_of(entry: ConfigEntry[Any]) -> str:
    """Return whose plays the lane of *entry* is about.

    That is the entity id of a person, `PERSON_SOMEBODY_ELSE`, or `PERSON_SHARED`.
    Until somebody has said so, a lane is shared by the household.
    """
    person: str = entry.options.get(CONF_PERSON, PERSON_SHARED)
    return person


def is_person_chosen(entry: ConfigEntry[Any]) -> bool:
    """Whether somebody has said whose plays the lane of *entry* is about."""
    return CONF_PERSON in entry.options


@callback
def async_follow_person(hass: HomeAssistant, entry: ConfigEntry[Any]) -> None:
    """Keep to the person of *entry* when their entity gets another id.

    The lane of a person who is deleted stays theirs: it is nobody else's by that.
    """

    @callback
    def changed(event: Event[er.EventEntityRegistryUpdatedData]) -> None:
        data = event.data
        if data["action"] == "update" and "old_entity_id" in data:
            hass.config_entries.async_update_entry(
                entry, options={**entry.options, CONF_PERSON: data["entity_id"]}
            )

    entry.async_on_unload(
        async_track_entity_registry_updated_event(hass, person_of(entry), changed)
    )
