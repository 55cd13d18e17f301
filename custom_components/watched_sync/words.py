"""What things are called in Home Assistant's language, for texts put together here.

The words are those of entities and actions, so that everything is called the same
everywhere.
"""

from typing import Final

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.translation import async_get_cached_translations

from .const import DOMAIN
from .core.codec import encode_change
from .core.errors import Reason
from .core.identity import MediaKind
from .core.operation import Change

_KIND: Final = "switch.watched.state_attributes.media_type.state"
_REASON: Final = "sensor.sync_status.state_attributes.last_error.state"


def clock(seconds: float) -> str:
    """Return a position as people read it, on the page as well: `1:23:45`, `23:45`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@callback
def async_kind(hass: HomeAssistant, kind: MediaKind) -> str:
    """Return what a kind of item is called: `Movie`."""
    return _word(hass, "entity", f"{_KIND}.{kind.value}")


@callback
def async_reason(hass: HomeAssistant, reason: Reason | str) -> str:
    """Return why something waits or was given up: `Refused by the server`."""
    return _word(hass, "entity", f"{_REASON}.{Reason(reason).value}")


@callback
def async_change(hass: HomeAssistant, change: Change) -> str:
    """Return what a change is called, as its action is: `Mark as watched`."""
    return _word(hass, "services", f"{encode_change(change)['type']}.name")


@callback
def async_sentence(hass: HomeAssistant, key: str) -> str:
    """Return what an error says that has no blanks to be filled in."""
    return _word(hass, "exceptions", f"{key}.message")


def _word(hass: HomeAssistant, category: str, key: str) -> str:
    language = hass.config.language
    words = async_get_cached_translations(hass, language, category, DOMAIN)
    return words[f"component.{DOMAIN}.{category}.{key}"]
