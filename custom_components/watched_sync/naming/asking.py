"""Asking the server of a lane, if it can be asked, and why it cannot."""

from collections.abc import Awaitable, Callable
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
from ..core.ports import MediaServer
from ..runtime import WatchedSyncConfigEntry


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


async def async_ask[T](
    entry: WatchedSyncConfigEntry, question: Callable[[MediaServer], Awaitable[T]]
) -> T:
    """Return what the server of a lane answers; raises CannotAsk.

    A lane that is down or waits for a person is not bothered, and a question that
    fails tells the relay so.
    """
    runtime = entry.runtime_data
    match runtime.lane.health.phase:
        case Phase.PARKED:
            raise CannotAsk(SkipReason.AUTH_REQUIRED)
        case Phase.BACKING_OFF:
            raise CannotAsk(SkipReason.OFFLINE)
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
                reason = SkipReason.OFFLINE
            case Parked():
                reason = SkipReason.AUTH_REQUIRED
            case _ if isinstance(err, Unanswered):
                reason = SkipReason.UNANSWERED
            case _:
                reason = SkipReason.SERVER_ERROR
        raise CannotAsk(reason) from err
