"""The actions: what a person or an automation asks for, and what it is answered.

An action checks everything first, then queues all of it: one write to disk for each
lane. What it returns is on disk; whether it has reached the server is a matter of the
queue, of `wait`, and of the status sensor.
"""

from homeassistant.const import ATTR_CONFIG_ENTRY_ID
from homeassistant.core import HomeAssistant, SupportsResponse, callback
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.typing import VolDictType
import voluptuous as vol

from .actions.explaining import async_explain
from .actions.fields import (
    ATTR_ALL_WATCHED,
    ATTR_BATCH_ID,
    ATTR_CONFIRM,
    ATTR_DIRECTION,
    ATTR_DRY_RUN,
    ATTR_EPISODE,
    ATTR_EXTERNAL_ID,
    ATTR_FILE,
    ATTR_GO_ON,
    ATTR_INCLUDE_PROBABLE,
    ATTR_INCLUDE_SPECIALS,
    ATTR_ITEM_ID,
    ATTR_LANGUAGE,
    ATTR_LIBRARY,
    ATTR_LIMIT,
    ATTR_MAX_DURATION,
    ATTR_MEDIA_TYPE,
    ATTR_OPERATION_ID,
    ATTR_PERCENT,
    ATTR_PERSON,
    ATTR_POSITION,
    ATTR_QUERY,
    ATTR_SCOPE,
    ATTR_SEASON,
    ATTR_SINCE,
    ATTR_SOURCE,
    ATTR_START,
    ATTR_STOP,
    ATTR_TITLE,
    ATTR_USER,
    ATTR_WAIT,
    ATTR_WAITING,
    ATTR_WATCHED,
    ATTR_WATCHED_AT,
    ATTR_WHAT,
    ATTR_WHEN_THERE,
    ATTR_YEAR,
    DEFAULT_FOUND_ITEMS,
    DEFAULT_HISTORY_ROWS,
    DEFAULT_LISTED_ITEMS,
    DIRECTION_BOTH,
    DIRECTION_FROM,
    PERSONS,
    WHOLE_NUMBER,
    duration,
    moment,
    number,
    valid_text,
)
from .actions.finding import DEFAULT_MEDIA_TYPES, async_find_media
from .actions.importing import async_import_history
from .actions.levelling import async_level
from .actions.listing import async_get_library
from .actions.marking import (
    async_mark_unwatched,
    async_mark_watched,
    async_set_progress,
)
from .actions.queue import (
    async_discard,
    async_get_history,
    async_get_queue,
    async_retry,
    async_sync_now,
    async_undo,
)
from .const import DOMAIN
from .core.identity import MediaKind
from .core.level.plan import What
from .naming.names import EXTERNAL_ID_EXAMPLES
from .naming.shows import ActionScope

SERVICE_MARK_WATCHED = "mark_watched"
SERVICE_MARK_UNWATCHED = "mark_unwatched"
SERVICE_SET_PROGRESS = "set_progress"
SERVICE_SYNC_NOW = "sync_now"
SERVICE_RETRY = "retry"
SERVICE_DISCARD = "discard"
SERVICE_GET_QUEUE = "get_queue"
SERVICE_UNDO = "undo"
SERVICE_GET_HISTORY = "get_history"
SERVICE_FIND_MEDIA = "find_media"
SERVICE_GET_LIBRARY = "get_library"
SERVICE_EXPLAIN = "explain"
SERVICE_LEVEL = "level"
SERVICE_IMPORT_HISTORY = "import_history"


_LANES: VolDictType = {
    vol.Optional(ATTR_CONFIG_ENTRY_ID): vol.All(cv.ensure_list, [valid_text]),
    vol.Optional(ATTR_PERSON): PERSONS,
}
_DRY_RUN: VolDictType = {vol.Optional(ATTR_DRY_RUN, default=False): cv.boolean}

# Values that are out of range are refused by the handlers: in words, translated.
_ITEM: VolDictType = {
    **cv.TARGET_FIELDS,
    **_LANES,
    vol.Optional(ATTR_ITEM_ID): valid_text,
    vol.Optional(ATTR_EXTERNAL_ID): valid_text,
    vol.Optional(ATTR_TITLE): valid_text,
    vol.Optional(ATTR_YEAR): WHOLE_NUMBER,
    vol.Optional(ATTR_SEASON): WHOLE_NUMBER,
    vol.Optional(ATTR_EPISODE): WHOLE_NUMBER,
}
_NAMING: VolDictType = {
    **_ITEM,
    **_DRY_RUN,
    vol.Optional(ATTR_CONFIRM, default=False): cv.boolean,
    vol.Optional(ATTR_WAIT, default=0): number,
    vol.Optional(ATTR_WHEN_THERE, default=False): cv.boolean,
}
_MARK: VolDictType = {
    **_NAMING,
    vol.Optional(ATTR_SCOPE, default=ActionScope.ITEM): vol.Coerce(ActionScope),
    vol.Optional(ATTR_INCLUDE_SPECIALS, default=False): cv.boolean,
}
MARK_WATCHED_SCHEMA = vol.Schema({**_MARK, vol.Optional(ATTR_WATCHED_AT): moment})
MARK_UNWATCHED_SCHEMA = vol.Schema(_MARK)
SET_PROGRESS_SCHEMA = vol.Schema(
    {
        **_NAMING,
        vol.Optional(ATTR_POSITION): duration,
        vol.Optional(ATTR_PERCENT): number,
    }
)
SYNC_NOW_SCHEMA = vol.Schema({**_LANES, **_DRY_RUN})
OPERATIONS_SCHEMA = vol.Schema(
    {
        **_LANES,
        **_DRY_RUN,
        vol.Optional(ATTR_OPERATION_ID): vol.All(cv.ensure_list, [valid_text]),
    }
)
GET_QUEUE_SCHEMA = vol.Schema(_LANES)
UNDO_SCHEMA = vol.Schema(
    {
        **_LANES,
        **_DRY_RUN,
        vol.Optional(ATTR_BATCH_ID): valid_text,
        vol.Optional(ATTR_WAIT, default=0): number,
    }
)
GET_HISTORY_SCHEMA = vol.Schema(
    {
        **_LANES,
        vol.Optional(ATTR_LIMIT, default=DEFAULT_HISTORY_ROWS): WHOLE_NUMBER,
    }
)
_MEDIA_TYPES: VolDictType = {
    vol.Optional(ATTR_MEDIA_TYPE, default=list): vol.All(
        cv.ensure_list,
        [vol.All(vol.Coerce(MediaKind), vol.In(DEFAULT_MEDIA_TYPES))],
    ),
}
FIND_MEDIA_SCHEMA = vol.Schema(
    {
        **_LANES,
        **_MEDIA_TYPES,
        vol.Required(ATTR_QUERY): valid_text,
        vol.Optional(ATTR_LIMIT, default=DEFAULT_FOUND_ITEMS): WHOLE_NUMBER,
    }
)
GET_LIBRARY_SCHEMA = vol.Schema(
    {
        **_LANES,
        **_MEDIA_TYPES,
        vol.Optional(ATTR_LIBRARY): vol.All(cv.ensure_list, [valid_text]),
        vol.Optional(ATTR_WATCHED): cv.boolean,
        vol.Optional(ATTR_WAITING): cv.boolean,
        vol.Optional(ATTR_MAX_DURATION): duration,
        vol.Optional(ATTR_QUERY): valid_text,
        vol.Optional(ATTR_LIMIT, default=DEFAULT_LISTED_ITEMS): WHOLE_NUMBER,
        vol.Optional(ATTR_START, default=0): WHOLE_NUMBER,
    }
)
LEVEL_SCHEMA = vol.Schema(
    {
        **_LANES,
        **_DRY_RUN,
        vol.Optional(ATTR_DIRECTION): vol.In((DIRECTION_BOTH, DIRECTION_FROM)),
        vol.Optional(ATTR_SOURCE): vol.All(cv.ensure_list, [valid_text]),
        vol.Optional(ATTR_WHAT, default=What.WATCHED_AND_PROGRESS): vol.Coerce(What),
        vol.Optional(ATTR_SINCE): moment,
        vol.Optional(ATTR_TITLE): valid_text,
        vol.Optional(ATTR_YEAR): WHOLE_NUMBER,
        vol.Optional(ATTR_SEASON): WHOLE_NUMBER,
        vol.Optional(ATTR_EPISODE): WHOLE_NUMBER,
        vol.Optional(ATTR_EXTERNAL_ID): valid_text,
        vol.Optional(ATTR_INCLUDE_SPECIALS, default=True): cv.boolean,
        vol.Optional(ATTR_INCLUDE_PROBABLE, default=False): cv.boolean,
        vol.Optional(ATTR_CONFIRM): valid_text,
        vol.Optional(ATTR_WAIT, default=0): number,
        vol.Optional(ATTR_BATCH_ID): valid_text,
        vol.Optional(ATTR_STOP, default=False): cv.boolean,
        vol.Optional(ATTR_GO_ON, default=False): cv.boolean,
    }
)
IMPORT_HISTORY_SCHEMA = vol.Schema(
    {
        **_LANES,
        **_DRY_RUN,
        vol.Required(ATTR_FILE): valid_text,
        vol.Optional(ATTR_USER): valid_text,
        vol.Optional(ATTR_ALL_WATCHED, default=False): cv.boolean,
        vol.Optional(ATTR_INCLUDE_PROBABLE, default=False): cv.boolean,
        vol.Optional(ATTR_CONFIRM): valid_text,
        vol.Optional(ATTR_WAIT, default=0): number,
    }
)
EXPLAIN_SCHEMA = vol.Schema({**_ITEM, vol.Optional(ATTR_LANGUAGE): valid_text})


@callback
def async_setup_services(hass: HomeAssistant) -> None:
    """Register the actions."""
    for name, handler, schema, response in (
        (
            SERVICE_MARK_WATCHED,
            async_mark_watched,
            MARK_WATCHED_SCHEMA,
            SupportsResponse.OPTIONAL,
        ),
        (
            SERVICE_MARK_UNWATCHED,
            async_mark_unwatched,
            MARK_UNWATCHED_SCHEMA,
            SupportsResponse.OPTIONAL,
        ),
        (
            SERVICE_SET_PROGRESS,
            async_set_progress,
            SET_PROGRESS_SCHEMA,
            SupportsResponse.OPTIONAL,
        ),
        (
            SERVICE_SYNC_NOW,
            async_sync_now,
            SYNC_NOW_SCHEMA,
            SupportsResponse.OPTIONAL,
        ),
        (SERVICE_RETRY, async_retry, OPERATIONS_SCHEMA, SupportsResponse.OPTIONAL),
        (
            SERVICE_DISCARD,
            async_discard,
            OPERATIONS_SCHEMA,
            SupportsResponse.OPTIONAL,
        ),
        (SERVICE_GET_QUEUE, async_get_queue, GET_QUEUE_SCHEMA, SupportsResponse.ONLY),
        (SERVICE_UNDO, async_undo, UNDO_SCHEMA, SupportsResponse.OPTIONAL),
        (
            SERVICE_GET_HISTORY,
            async_get_history,
            GET_HISTORY_SCHEMA,
            SupportsResponse.ONLY,
        ),
        (
            SERVICE_FIND_MEDIA,
            async_find_media,
            FIND_MEDIA_SCHEMA,
            SupportsResponse.ONLY,
        ),
        (
            SERVICE_GET_LIBRARY,
            async_get_library,
            GET_LIBRARY_SCHEMA,
            SupportsResponse.ONLY,
        ),
        (SERVICE_EXPLAIN, async_explain, EXPLAIN_SCHEMA, SupportsResponse.ONLY),
        (SERVICE_LEVEL, async_level, LEVEL_SCHEMA, SupportsResponse.OPTIONAL),
        (
            SERVICE_IMPORT_HISTORY,
            async_import_history,
            IMPORT_HISTORY_SCHEMA,
            SupportsResponse.OPTIONAL,
        ),
    ):
        hass.services.async_register(
            DOMAIN,
            name,
            handler,
            schema,
            supports_response=response,
            # The names in the descriptions of the fields.
            description_placeholders=EXTERNAL_ID_EXAMPLES,
        )
