"""Asking the server of a lane, if it can be asked, and why it cannot."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from enum import StrEnum

from ..core.errors import (
    ItemGone,
    LaneDown,
    Parked,
    ServerError,
    StillLooking,
    Unanswered,
    classify,
)
from ..core.lane import Phase
from ..core.play_state import Reading
from ..core.ports import Find, MediaServer
from ..runtime import WatchedSyncConfigEntry, runtime_of
from .joining import ServerAway


class SkipReason(StrEnum):
    """Why a lane, or an item on it, was passed over."""

    OFFLINE = "offline"
    AUTH_REQUIRED = "auth_required"
    UNANSWERED = "unanswered"
    STILL_LOOKING = "still_looking"
    SERVER_ERROR = "server_error"
    NOT_LOADED = "not_loaded"
    NOT_FOUND = "not_found"
    NOT_AIRED = "not_aired"
    ALREADY_WATCHED = "already_watched"
    ALREADY_UNWATCHED = "already_unwatched"
    ALREADY_THERE = "already_there"
    ALREADY_UNDONE = "already_undone"
    CHANGED_NOTHING = "changed_nothing"
    CHANGED_SINCE = "changed_since"
    NOT_POSSIBLE = "not_possible"


class CannotAsk(Exception):
    """The server of a lane gives no answer at the moment."""

    def __init__(self, reason: SkipReason) -> None:
        """Remember why."""
        super().__init__(reason)
        self.reason = reason


class Away(CannotAsk, ServerAway):
    """Nobody else would be given an answer either."""


async def async_ask[T](
    entry: WatchedSyncConfigEntry, question: Callable[[MediaServer], Awaitable[T]]
) -> T:
    """Return what the server of a lane answers; raises CannotAsk.

    A lane that is down or waits for a person is not bothered, and a question that
    fails tells the relay so.
    """
    runtime = runtime_of(entry)
    match runtime.lane.health.phase:
        case Phase.PARKED:
            raise Away(SkipReason.AUTH_REQUIRED)
        case Phase.BACKING_OFF:
            raise Away(SkipReason.OFFLINE)
    try:
        return await question(runtime.server)
    except ItemGone:
        raise
    except StillLooking as err:
        raise CannotAsk(SkipReason.STILL_LOOKING) from err
    except ServerError as err:
        runtime.relay.report(err)
        match classify(err):
            case LaneDown():
                raise Away(SkipReason.OFFLINE) from err
            case Parked():
                raise Away(SkipReason.AUTH_REQUIRED) from err
            case _ if isinstance(err, Unanswered):
                raise CannotAsk(SkipReason.UNANSWERED) from err
            case _:
                raise CannotAsk(SkipReason.SERVER_ERROR) from err


async def async_look_up[T](
    entry: WatchedSyncConfigEntry,
    question: Callable[[MediaServer, Find], Awaitable[T]],
    *,
    patient: bool = True,
) -> T:
    """Ask as `async_ask` what somebody waits for, in turn with other look-ups.

    The question is given what finds items by their ids. Where the libraries have to be
    read for that, those who are *patient* wait for it, out of turn.
    """
    runtime = runtime_of(entry)
    find, find_now = runtime.inventory.find, runtime.inventory.find_now
    try:
        return await runtime.look_ups.in_turn(
            lambda: async_ask(entry, lambda server: question(server, find))
        )
    except CannotAsk as err:
        if err.reason is not SkipReason.STILL_LOOKING or not patient:
            raise
    return await async_ask(entry, lambda server: question(server, find_now))


async def async_read(entry: WatchedSyncConfigEntry, item_id: str) -> Reading | None:
    """Return what an id stands for on the server of a lane, None if for nothing.

    It is read together with what others ask for at the moment, and is what the lane
    knows of the item from now on. Raises CannotAsk.
    """
    runtime = runtime_of(entry)

    async def fetch(item_ids: Collection[str]) -> Mapping[str, Reading]:
        readings = await async_ask(entry, lambda server: server.fetch(item_ids))
        await runtime.lane.take_in(readings.values())
        return readings

    if (found := await runtime.look_ups.together(item_id, fetch)) is not None:
        return found
    return await async_look_up(
        entry, lambda server, find: server.resolve(item_id, find)
    )
