"""What the logbook says of marks: for whom, which title, and why."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from homeassistant.components.logbook.const import (
    LOGBOOK_ENTRY_MESSAGE,
    LOGBOOK_ENTRY_NAME,
)
from homeassistant.const import ATTR_CONFIG_ENTRY_ID
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers import translation

from .const import DOMAIN, EVENT_MARKED
from .preferences import person_of

#: Where the words are that the event entity says the same with.
_WORDS: Final = f"component.{DOMAIN}.entity.event.activity.state_attributes"


@callback
def async_describe_events(
    hass: HomeAssistant,
    async_describe_event: Callable[
        [str, str, Callable[[Event], Mapping[str, str]]], None
    ],
) -> None:
    """Describe the one event there is: a batch of marks."""

    @callback
    def describe(event: Event) -> Mapping[str, str]:
        data = event.data
        words = translation.async_get_cached_translations(
            hass, hass.config.language, "entity", DOMAIN
        )

        def word(attribute: str, value: str) -> str:
            return words.get(f"{_WORDS}.{attribute}.state.{value}", value)

        titles = ", ".join(data["titles"])
        if more := data["count"] - len(data["titles"]):
            titles = f"{titles} (+ {more})"
        done = word("event_type", data["activity"])
        why = word("origin", data["origin"])
        return {
            LOGBOOK_ENTRY_NAME: _whose(hass, data),
            LOGBOOK_ENTRY_MESSAGE: f"{done}: {titles} ({why})",
        }

    async_describe_event(DOMAIN, EVENT_MARKED, describe)


def _whose(hass: HomeAssistant, data: Mapping[str, Any]) -> str:
    """Return the name of the person, or else that of the server and its user."""
    entry = hass.config_entries.async_get_entry(data[ATTR_CONFIG_ENTRY_ID])
    if entry is None:
        return "Watched Sync"
    person = hass.states.get(person_of(entry))
    return entry.title if person is None else f"{person.name}, {entry.title}"
