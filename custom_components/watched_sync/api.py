"""The websocket commands of the face: a thin door to what actions and pages do.

`watched_sync/who` and `subscribe` tell whose lanes there are and what changes on them;
`library`, `works`, `item`, `show` and `history` are pages; `mark_watched`,
`mark_unwatched`, `set_progress`, `undo`, `retry`, `discard`, `level` and `sync_now`
change something, and answer as the actions of the same names do.

Most take whose it is about: `person` or `config_entry_id`, one or several. Said
neither, what is shown is the caller's own, and for whom a change is meant is decided as
for every action. Nobody is shown more than their own lanes and those the household
shares, administrators all.

Errors carry the translation key of the sentence; what is refused is refused as a whole.
"""

from collections.abc import Awaitable, Callable
from itertools import chain
from typing import Any, Final

from homeassistant.auth.permissions.const import POLICY_CONTROL
from homeassistant.components import websocket_api
from homeassistant.components.websocket_api import ActiveConnection
from homeassistant.const import ATTR_CONFIG_ENTRY_ID
from homeassistant.core import (
    HomeAssistant,
    ServiceCall,
    ServiceResponse,
    callback,
)
from homeassistant.exceptions import HomeAssistantError, Unauthorized
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.typing import VolDictType
from homeassistant.util.json import JsonObjectType
import voluptuous as vol

from .actions.answers import change_name, lane_row
from .actions.fields import (
    ATTR_BATCH_ID,
    ATTR_CONFIRM,
    ATTR_DRY_RUN,
    ATTR_INCLUDE_SPECIALS,
    ATTR_LANGUAGE,
    ATTR_LIBRARY,
    ATTR_LIMIT,
    ATTR_OPERATION_ID,
    ATTR_PERCENT,
    ATTR_PERSON,
    ATTR_POSITION,
    ATTR_QUERY,
    ATTR_SCOPE,
    ATTR_START,
    ATTR_WAITING,
    ATTR_WATCHED_AT,
    PERSONS,
    duration,
    moment,
    number,
    valid_text,
)
from .actions.lanes import async_lanes
from .actions.levelling import async_level
from .actions.marking import async_change, check_progress, mark_asked
from .actions.queue import async_discard, async_retry, async_sync_now, async_undo
from .actions.summaries import async_words
from .browsing.feed import Feed
from .browsing.pages import async_item, async_library, async_show, async_works
from .browsing.refs import async_targets
from .browsing.rows import lane_health_row, person_rows
from .browsing.shelves import async_shelves
from .browsing.story import story_rows
from .browsing.whose import Audience, audience
from .bundle import FILES
from .causes import cause_of
from .const import DOMAIN
from .core.identity import MediaKind
from .core.operation import Change, MarkUnwatched
from .core.works import Order, Standing, WorkFilter
from .failures import as_message
from .naming.found import Resolution, nothing_found
from .naming.shows import ActionScope, async_refine
from .services import LEVEL_SCHEMA
from .undo import UndoneRow, async_undo_row, batches_from

type Message = dict[str, Any]
type Handler = Callable[[HomeAssistant, ActiveConnection, Message], Awaitable[Any]]

#: Rows of a page, and refs of one command.
PAGE_LIMIT: Final = 200
REF_LIMIT: Final = 500

_LIMIT: Final = vol.All(int, vol.Range(1, PAGE_LIMIT))
_START: Final = vol.All(int, vol.Range(0, 10**9))

_WHOSE: VolDictType = {
    vol.Optional(ATTR_CONFIG_ENTRY_ID): vol.All(cv.ensure_list, [valid_text]),
    vol.Optional(ATTR_PERSON): PERSONS,
}
_PAGE: VolDictType = {
    vol.Optional(ATTR_START, default=0): _START,
    vol.Optional(ATTR_LIMIT, default=50): _LIMIT,
}


def _refs(most: int) -> vol.All:
    return vol.All(cv.ensure_list, [valid_text], vol.Length(1, most))


_CHANGE: VolDictType = {
    **_WHOSE,
    vol.Required("ref"): _refs(REF_LIMIT),
    vol.Optional(ATTR_DRY_RUN, default=False): bool,
    vol.Optional(ATTR_CONFIRM, default=False): bool,
}
_MARK: VolDictType = {
    **_CHANGE,
    vol.Optional(ATTR_SCOPE, default=ActionScope.ITEM): vol.Coerce(ActionScope),
    vol.Optional(ATTR_INCLUDE_SPECIALS, default=False): bool,
}


@callback
def async_setup_api(hass: HomeAssistant) -> None:
    """Offer the commands; they work on whatever entries are loaded."""
    for name, schema, handler in _COMMANDS:
        _register(hass, name, schema, handler)


@callback
def _register(
    hass: HomeAssistant, name: str, schema: VolDictType, handler: Handler
) -> None:
    """Offer one command: what *handler* returns is the answer."""

    @websocket_api.async_response
    async def answer(
        hass: HomeAssistant, connection: ActiveConnection, msg: Message
    ) -> None:
        try:
            found = await handler(hass, connection, msg)
        except Unauthorized:
            raise
        except HomeAssistantError as err:
            # Not Home Assistant's own way: that writes titles into the log.
            connection.send_error(
                msg["id"],
                websocket_api.ERR_HOME_ASSISTANT_ERROR,
                str(err),
                **as_message(err),
            )
        else:
            connection.send_result(msg["id"], found)

    command = f"{DOMAIN}/{name}"
    websocket_api.async_register_command(
        hass,
        command,
        answer,
        websocket_api.BASE_COMMAND_MESSAGE_SCHEMA.extend(
            {vol.Required("type"): command, **schema}
        ),
    )


def _audience(
    hass: HomeAssistant, connection: ActiveConnection, msg: Message
) -> Audience:
    return audience(
        hass,
        connection.user,
        entry_ids=msg.get(ATTR_CONFIG_ENTRY_ID),
        persons=msg.get(ATTR_PERSON),
    )


# --- what there is -------------------------------------------------------------------


async def _who(
    hass: HomeAssistant, connection: ActiveConnection, _: Message
) -> JsonObjectType:
    """Say who is asking, whose lanes they may see, and which face goes with it."""
    looking = _audience(hass, connection, {})
    return {
        "me": looking.me,
        "is_admin": connection.user.is_admin,
        "persons": [*person_rows(hass, looking)],
        "lanes": [lane_health_row(one, looking.me) for one in looking.visible],
        "bundle": FILES,
    }


async def _subscribe(
    hass: HomeAssistant, connection: ActiveConnection, msg: Message
) -> None:
    """Tell what is up next, what waits, how the lanes are, and which works change."""
    _audience(hass, connection, msg)  # what may not be seen is refused at once

    def look() -> Audience:
        return _audience(hass, connection, msg)

    @callback
    def tell(event: JsonObjectType) -> None:
        connection.send_event(msg["id"], event)

    feed = Feed(hass, async_shelves(hass), look, tell, msg.get(ATTR_LANGUAGE))
    connection.subscriptions[msg["id"]] = feed.async_start()


async def _library(
    hass: HomeAssistant, connection: ActiveConnection, msg: Message
) -> JsonObjectType:
    """Return a part of the films and shows that pass the filters."""
    return await async_library(
        hass,
        async_shelves(hass),
        _audience(hass, connection, msg),
        WorkFilter(
            kinds=frozenset(msg["kinds"]),
            standing=msg.get("state"),
            waiting=msg[ATTR_WAITING],
            disagreeing=msg["disagree"],
            order=msg.get("sort", Order.TITLE),
            descending=msg["descending"],
        ),
        query=msg.get(ATTR_QUERY),
        libraries=msg.get(ATTR_LIBRARY),
        start=msg[ATTR_START],
        limit=msg[ATTR_LIMIT],
    )


async def _works(
    hass: HomeAssistant, connection: ActiveConnection, msg: Message
) -> JsonObjectType:
    """Return films, shows and episodes by their refs."""
    looking = _audience(hass, connection, msg)
    return await async_works(hass, async_shelves(hass), looking, msg["ref"])


async def _item(
    hass: HomeAssistant, connection: ActiveConnection, msg: Message
) -> JsonObjectType:
    """Return one film, show or episode, and how far each of the household is."""
    looking = _audience(hass, connection, msg)
    return await async_item(hass, async_shelves(hass), looking, msg["ref"])


async def _show(
    hass: HomeAssistant, connection: ActiveConnection, msg: Message
) -> JsonObjectType:
    """Return a show with its seasons and episodes."""
    looking = _audience(hass, connection, msg)
    return await async_show(hass, async_shelves(hass), looking, msg["ref"])


async def _history(
    hass: HomeAssistant, connection: ActiveConnection, msg: Message
) -> JsonObjectType:
    """Return a part of what was done."""
    looking = _audience(hass, connection, msg)
    words = await async_words(hass, msg.get(ATTR_LANGUAGE))
    return story_rows(hass, looking, words, msg[ATTR_START], msg[ATTR_LIMIT])


# --- changes -------------------------------------------------------------------------


async def _mark_watched(
    hass: HomeAssistant, connection: ActiveConnection, msg: Message
) -> JsonObjectType:
    """Mark works watched."""
    return await _async_change(hass, connection, msg, mark_asked(msg))


async def _mark_unwatched(
    hass: HomeAssistant, connection: ActiveConnection, msg: Message
) -> JsonObjectType:
    """Mark works unwatched."""
    return await _async_change(hass, connection, msg, MarkUnwatched())


async def _set_progress(
    hass: HomeAssistant, connection: ActiveConnection, msg: Message
) -> JsonObjectType:
    """Set the position of a film or an episode."""
    check_progress(msg)
    return await _async_change(hass, connection, msg, None)


async def _async_change(
    hass: HomeAssistant,
    connection: ActiveConnection,
    msg: Message,
    change: Change | None,
) -> JsonObjectType:
    """Change works on the lanes they are meant on, as one batch."""
    lanes = await async_lanes(
        hass,
        connection.context(msg),
        POLICY_CONTROL,
        entry_ids=msg.get(ATTR_CONFIG_ENTRY_ID),
        persons=msg.get(ATTR_PERSON),
    )
    lanes = lanes.for_whom()
    shelves, looking = async_shelves(hass), _audience(hass, connection, {})
    resolution = Resolution()
    for ref in dict.fromkeys(msg["ref"]):
        found = await async_targets(shelves, looking, ref, lanes.running)
        resolution.targets += found.targets
        resolution.skipped += found.skipped
    if not resolution.targets:
        raise nothing_found(", ".join(msg["ref"]), resolution.skipped)
    scope = msg.get(ATTR_SCOPE, ActionScope.ITEM)
    name = resolution.targets[0].item.full_title
    resolution = await async_refine(resolution, name, None, None, scope)
    cause = cause_of(hass, connection.context(msg))
    return await async_change(resolution, change, msg, cause=cause)


def _action(
    handle: Callable[[ServiceCall], Awaitable[ServiceResponse]], **defaults: Any
) -> Handler:
    """Return what does as an action does, with the fields of the message."""

    async def handler(
        hass: HomeAssistant, connection: ActiveConnection, msg: Message
    ) -> Any:
        data = {key: value for key, value in msg.items() if key not in ("id", "type")}
        context = connection.context(msg)
        return await handle(
            ServiceCall(
                hass,
                DOMAIN,
                msg["type"],
                {**defaults, **data},
                context,
                return_response=True,
            )
        )

    return handler


_take_back: Final = _action(async_undo, wait=0)


async def _undo(hass: HomeAssistant, connection: ActiveConnection, msg: Message) -> Any:
    """Take back a batch, everything from a batch on, or one row of the history."""
    since = msg.pop("since", None)
    operation_id = msg.pop(ATTR_OPERATION_ID, None)
    if since is None and operation_id is None:
        return await _take_back(hass, connection, msg)
    context = connection.context(msg)
    lanes = await async_lanes(
        hass,
        context,
        POLICY_CONTROL,
        entry_ids=msg.get(ATTR_CONFIG_ENTRY_ID),
        persons=msg.get(ATTR_PERSON),
    )
    if operation_id is not None:
        undone = await async_undo_row(
            lanes.running,
            operation_id,
            dry_run=msg[ATTR_DRY_RUN],
            cause=cause_of(hass, context),
        )
        return _row_answer(undone)
    answers: list[dict[str, Any]] = [
        await _take_back(hass, connection, {**msg, ATTR_BATCH_ID: batch_id})
        for batch_id in batches_from(lanes.running, since)
    ]
    return {
        "undone_batch_ids": [one["undone_batch_id"] for one in answers],
        "operations": [*chain.from_iterable(one["operations"] for one in answers)],
        "skipped": [*chain.from_iterable(one["skipped"] for one in answers)],
    }


def _row_answer(undone: UndoneRow) -> JsonObjectType:
    """Return what became of a row, as the action answers for a batch."""
    status = "queued" if undone.operations else "planned"
    ids: list[str | None] = [one.operation_id for one in undone.operations]
    ids = ids or [None] * len(undone.restores)
    return {
        "batch_id": undone.operations[0].batch_id if undone.operations else None,
        "operations": [
            {
                "operation_id": operation_id,
                **lane_row(undone.entry),
                "item_id": one.item.item_id,
                "title": one.item.full_title,
                "change": change_name(one.change),
                "status": status,
                "not_restored": [*sorted(loss.value for loss in one.losses)],
            }
            for operation_id, one in zip(ids, undone.restores, strict=True)
        ],
        "skipped": [],
    }


_OPERATIONS: VolDictType = {
    **_WHOSE,
    vol.Optional(ATTR_DRY_RUN, default=False): bool,
    vol.Optional(ATTR_OPERATION_ID): vol.All(cv.ensure_list, [valid_text]),
}
_ONE: VolDictType = {**_WHOSE, vol.Required("ref"): valid_text}

_COMMANDS: Final[tuple[tuple[str, VolDictType, Handler], ...]] = (
    ("who", {}, _who),
    ("subscribe", {**_WHOSE, vol.Optional(ATTR_LANGUAGE): valid_text}, _subscribe),
    (
        "library",
        {
            **_WHOSE,
            **_PAGE,
            vol.Optional("kinds", default=["movie", "show"]): [
                vol.All(
                    vol.Coerce(MediaKind), vol.In((MediaKind.MOVIE, MediaKind.SHOW))
                )
            ],
            vol.Optional("state"): vol.Coerce(Standing),
            vol.Optional(ATTR_WAITING, default=False): bool,
            vol.Optional("disagree", default=False): bool,
            vol.Optional(ATTR_LIBRARY): vol.All(cv.ensure_list, [valid_text]),
            vol.Optional(ATTR_QUERY): valid_text,
            vol.Optional("sort"): vol.Coerce(Order),
            vol.Optional("descending", default=False): bool,
        },
        _library,
    ),
    ("works", {**_WHOSE, vol.Required("ref"): _refs(PAGE_LIMIT)}, _works),
    ("item", _ONE, _item),
    ("show", _ONE, _show),
    (
        "history",
        {**_WHOSE, **_PAGE, vol.Optional(ATTR_LANGUAGE): valid_text},
        _history,
    ),
    ("mark_watched", {**_MARK, vol.Optional(ATTR_WATCHED_AT): moment}, _mark_watched),
    ("mark_unwatched", _MARK, _mark_unwatched),
    (
        "set_progress",
        {
            **_CHANGE,
            vol.Optional(ATTR_POSITION): duration,
            vol.Optional(ATTR_PERCENT): number,
        },
        _set_progress,
    ),
    (
        "undo",
        {
            **_WHOSE,
            vol.Optional(ATTR_DRY_RUN, default=False): bool,
            vol.Exclusive(ATTR_BATCH_ID, "what"): valid_text,
            vol.Exclusive("since", "what"): valid_text,
            vol.Exclusive(ATTR_OPERATION_ID, "what"): valid_text,
        },
        _undo,
    ),
    ("retry", _OPERATIONS, _action(async_retry)),
    ("discard", _OPERATIONS, _action(async_discard)),
    ("level", LEVEL_SCHEMA.schema, _action(async_level)),
    ("sync_now", _WHOSE, _action(async_sync_now, dry_run=False)),
)
