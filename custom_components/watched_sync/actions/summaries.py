"""Why an item is as it is, as a sentence in the language of whoever asks.

The sentences are translations under `common`. Changes, errors and policies are called
in them what they are called everywhere else.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from homeassistant.core import HomeAssistant
from homeassistant.helpers import translation
from homeassistant.util import dt as dt_util

from ..const import DOMAIN
from ..core.errors import Reason
from ..core.operation import Operation
from ..core.reconcile import Policy
from ..languages import closest_language
from .answers import change_name

#: Kinds of translations that a sentence takes words from.
_CATEGORIES: Final = ("common", "entity", "selector", "services")

_ERROR = "entity.sensor.sync_status.state_attributes.last_error.state"
_POLICY = "selector.conflict_policy.options"


class Why(StrEnum):
    """What keeps a request from being delivered, or what became of it."""

    NOTHING_ASKED = "nothing_asked"
    WAITS_FOR_SIGN_IN = "waits_for_sign_in"
    WAITS_FOR_DECISION = "waits_for_decision"
    WAITS_FOR_SERVER = "waits_for_server"
    BEING_DELIVERED = "being_delivered"
    MISSING = "missing"
    MAY_HAVE_BEEN_WRITTEN = "may_have_been_written"
    RETRIES_LATER = "retries_later"
    WAITS_FOR_TURN = "waits_for_turn"
    STATE_UNKNOWN = "state_unknown"
    ALREADY_TRUE = "already_true"
    WOULD_BE_WRITTEN = "would_be_written"
    WOULD_BE_OVERRULED = "would_be_overruled"
    GIVEN_UP = "given_up"
    WAS_OVERRULED = "was_overruled"
    WAS_DELIVERED = "was_delivered"


class Variant(StrEnum):
    """A sentence of its own, where a reason has several."""

    MISSING_SINCE = "missing_since"
    MISSING_NOW = "missing_now"
    NOT_YET = "not_yet"
    NO_EPISODES = "no_episodes"
    WAS_ALREADY_TRUE = "was_already_true"


class Rule(StrEnum):
    """A rule that decides beside the policy."""

    UNDO = "rule_undo"
    WATCHED = "rule_watched"


@dataclass(frozen=True, slots=True)
class Explanation:
    """A reason, and what its sentence speaks of.

    `operation` is the request, None if there is none. `time` is when it is looked at
    next, None for as soon as possible, or when it ended.
    """

    why: Why
    server: str
    operation: Operation | None = None
    variant: Variant | None = None
    time: datetime | None = None
    error: Reason | None = None
    rule: Policy | Rule | None = None


@dataclass(frozen=True, slots=True)
class Phrases:
    """The words of one language, by their keys."""

    texts: Mapping[str, str]

    def sentence(self, explanation: Explanation) -> str:
        """Return an explanation in words."""
        key = explanation.variant or explanation.why
        return self._text(f"common.explain_{key}").format(**self._blanks(explanation))

    def say(self, key: str, **blanks: str) -> str:
        """Return one of the sentences under `common`, filled in."""
        return self._text(f"common.{key}").format(**blanks)

    def _blanks(self, explanation: Explanation) -> dict[str, str]:
        """Return what any sentence may speak of; none speaks of all."""
        blanks = {"server": explanation.server, "time": self._time(explanation.time)}
        if (error := explanation.error) is not None:
            blanks["error"] = self._text(f"{_ERROR}.{error}")
        match explanation.rule:
            case Policy() as policy:
                blanks["rule"] = self._text(f"{_POLICY}.{policy}")
            case Rule() as rule:
                blanks["rule"] = self._text(f"common.explain_{rule}")
        if (operation := explanation.operation) is not None:
            name = change_name(operation.change)
            blanks |= {
                "change": self._text(f"services.{name}.name"),
                "item": operation.item.full_title,
                "asked_at": self._time(operation.asked_at),
                "since": self._time(operation.missing_since),
                "until": self._time(operation.unsure_until),
                "count": str(operation.attempts),
            }
        return blanks

    def _time(self, time: datetime | None) -> str:
        if time is None:
            return self._text("common.explain_soon")
        return dt_util.as_local(time).isoformat(" ", "seconds")

    def _text(self, key: str) -> str:
        return self.texts[f"component.{DOMAIN}.{key}"]


async def async_words(hass: HomeAssistant, language: str | None) -> Phrases:
    """Return the words of a language tag; of Home Assistant's language without one."""
    chosen = closest_language(hass, language)
    texts: dict[str, str] = {}
    for category in _CATEGORIES:
        texts |= await translation.async_get_translations(
            hass, chosen, category, {DOMAIN}
        )
    return Phrases(texts)
