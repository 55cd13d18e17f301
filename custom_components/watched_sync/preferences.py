"""What a person chose in the options of an entry, with what holds until they do."""

from collections.abc import Collection, Mapping
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
    CONF_PANEL,
    CONF_PERSON,
    CONF_UP_NEXT_SWITCHES,
    CONF_WATCHED_THRESHOLD,
    DEFAULT_MAX_RETRY_AGE,
    DEFAULT_UP_NEXT_SWITCHES,
    DEFAULT_WATCHED_THRESHOLD,
    MAX_MAX_RETRY_AGE,
    MAX_UP_NEXT_SWITCHES,
    MIN_WATCHED_THRESHOLD,
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
    order that matters. `panel` says whether the entry has nothing against the page in
    the sidebar. Whose plays they are is asked of `person_of`.
    """

    up_next_switches: int = DEFAULT_UP_NEXT_SWITCHES
    libraries: frozenset[str] = frozenset()
    panel: bool = True
    watched_threshold: int = DEFAULT_WATCHED_THRESHOLD
    mirror_to: tuple[str, ...] = ()
    conflict_policy: Policy = Policy.NEWEST
    max_retry_age: timedelta = timedelta(days=DEFAULT_MAX_RETRY_AGE)


def preferences(entry: ConfigEntry[Any]) -> Preferences:
    """Return the options of *entry*.

    What was never chosen has its default, and so has what cannot have been chosen, as
    after an edit by hand.
    """
    entities = _Section(entry, SECTION_ENTITIES)
    playback = _Section(entry, SECTION_PLAYBACK)
    delivery = _Section(entry, SECTION_DELIVERY)
    return Preferences(
        up_next_switches=entities.number(
            CONF_UP_NEXT_SWITCHES, DEFAULT_UP_NEXT_SWITCHES, 0, MAX_UP_NEXT_SWITCHES
        ),
        libraries=frozenset(entities.ids(CONF_LIBRARIES)),
        panel=entities.is_not_off(CONF_PANEL),
        watched_threshold=playback.number(
            CONF_WATCHED_THRESHOLD,
            DEFAULT_WATCHED_THRESHOLD,
            MIN_WATCHED_THRESHOLD,
            100,
        ),
        mirror_to=tuple(_Section(entry, SECTION_MIRROR).ids(CONF_MIRROR_TO)),
        conflict_policy=delivery.policy(CONF_CONFLICT_POLICY),
        max_retry_age=timedelta(
            days=delivery.number(
                CONF_MAX_RETRY_AGE, DEFAULT_MAX_RETRY_AGE, 1, MAX_MAX_RETRY_AGE
            )
        ),
    )


class _Section:
    """One section of an entry's options, as far as it can have been chosen."""

    def __init__(self, entry: ConfigEntry[Any], name: str) -> None:
        section = entry.options.get(name)
        self._chosen = section if isinstance(section, Mapping) else {}

    def number(self, key: str, default: int, least: int, most: int) -> int:
        """Return a whole number between *least* and *most*."""
        chosen = self._chosen.get(key)
        if not isinstance(chosen, int | float) or isinstance(chosen, bool):
            return default
        return int(chosen) if least <= chosen <= most else default

    def is_not_off(self, key: str) -> bool:
        """Whether nobody switched it off."""
        return self._chosen.get(key) is not False

    def ids(self, key: str) -> list[str]:
        """Return the ids in a list."""
        chosen = self._chosen.get(key)
        if not isinstance(chosen, Collection) or isinstance(chosen, str):
            return []
        return [one for one in chosen if isinstance(one, str)]

    def policy(self, key: str) -> Policy:
        """Return who wins where a server has changed meanwhile."""
        chosen = self._chosen.get(key)
        return Policy(chosen) if chosen in tuple(Policy) else Policy.NEWEST


def person_of(entry: ConfigEntry[Any]) -> str:
    """Return whose plays the lane of *entry* is about.

    That is the entity id of a person, `PERSON_SOMEBODY_ELSE`, or `PERSON_SHARED`.
    Until somebody has said so, a lane is shared by the household.
    """
    person = entry.options.get(CONF_PERSON)
    return person if isinstance(person, str) else PERSON_SHARED


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
