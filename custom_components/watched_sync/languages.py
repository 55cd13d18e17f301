"""The languages there are words in, and which of them somebody is answered in."""

from typing import Final

from homeassistant.const import MATCH_ALL
from homeassistant.core import HomeAssistant
from homeassistant.util import language as language_util

#: Languages that every sentence exists in.
LANGUAGES: Final = ("de", "en", "es", "fr", "nl")


def closest_language(hass: HomeAssistant, tag: str | None) -> str:
    """Return the one of our languages that is closest to a tag; English if none is.

    Without a tag, or with the one for any language, it is Home Assistant's own.
    """
    if not tag or tag == MATCH_ALL:
        tag = hass.config.language
    return next(iter(language_util.matches(tag, LANGUAGES)), "en")
