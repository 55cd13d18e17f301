"""By what a change comes about: an automation, a script, a voice, or a person.

Whoever acts in Home Assistant does so in a context, and what it sets off has the same
one, or one below it. So who has begun something is noted by its context, and looked up
when a change is asked for. It is only told: nothing is decided by it.
"""

from collections import OrderedDict
from typing import Any, Final

from homeassistant.const import ATTR_NAME
from homeassistant.core import Context, Event, HomeAssistant, callback
from homeassistant.util.hass_dict import HassKey

from .const import DOMAIN
from .core.operation import Cause, CauseKind
from .persons import person_of_user

#: Contexts that are remembered; what an automation sets off comes soon, or after a
#: delay of its own.
CONTEXTS_KEPT: Final = 500

#: What Home Assistant tells when one of its own begins to act, and what that is.
_BEGINNINGS: Final = {
    "automation_triggered": CauseKind.AUTOMATION,
    "script_started": CauseKind.SCRIPT,
}

_CAUSES: Final[HassKey[OrderedDict[str, Cause]]] = HassKey(f"{DOMAIN}_causes")


@callback
def async_setup_causes(hass: HomeAssistant) -> None:
    """Note from now on which automations and scripts begin to act."""

    @callback
    def begun(event: Event[dict[str, Any]]) -> None:
        kind = _BEGINNINGS[str(event.event_type)]
        _note(hass, event.context, Cause(kind, event.data.get(ATTR_NAME)))

    for name in _BEGINNINGS:
        hass.bus.async_listen(name, begun)


@callback
def note_cause(hass: HomeAssistant, context: Context, kind: CauseKind) -> None:
    """Note that what is done in a context comes of a sentence, or of a model."""
    _note(hass, context, Cause(kind, person=person_of_user(hass, context.user_id)))


@callback
def _note(hass: HomeAssistant, context: Context, cause: Cause) -> None:
    known = hass.data.setdefault(_CAUSES, OrderedDict())
    known[context.id] = cause
    known.move_to_end(context.id)
    while len(known) > CONTEXTS_KEPT:
        known.popitem(last=False)


@callback
def cause_of(hass: HomeAssistant, context: Context | None) -> Cause | None:
    """Return by what a change that is asked for in a context came about.

    None if nothing is known of it.
    """
    if context is None:
        return None
    known = hass.data.get(_CAUSES) or OrderedDict()
    for context_id in (context.id, context.parent_id or ""):
        if (cause := known.get(context_id)) is not None:
            return cause
    if context.user_id is None:
        return None
    return Cause(CauseKind.PERSON, person=person_of_user(hass, context.user_id))
