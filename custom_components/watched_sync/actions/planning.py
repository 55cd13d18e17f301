"""What an action is about to ask for: plans, and what is known of them beforehand."""

from dataclasses import dataclass

from homeassistant.util.json import JsonObjectType

from ..core.operation import Change, MarkUnwatched, MarkWatched, SetProgress
from ..core.play_state import UNKNOWN, PlayState, Reading
from ..core.reconcile import is_true_of
from ..naming.asking import SkipReason
from ..naming.found import LaneItem
from ..runtime import Request, runtime_of


@dataclass(frozen=True, slots=True)
class Planned:
    """A request and the lane it is for.

    `count` is how many films or episodes it changes, where that is known already.
    """

    target: LaneItem
    request: Request
    count: int | None = None


def already_true(target: LaneItem, change: Change) -> SkipReason | None:
    """Say so if the server has just shown what is wanted and nothing is to change it.

    A container always goes through the queue: its own flag does not tell of every
    position below.
    """
    lane = runtime_of(target.entry).lane
    if (
        target.reading is None
        or target.item.kind.is_container
        or not is_true_of(change, lane.ledger.knowing(target.reading).state)
        or lane.outbox.concerning(target.item)
        or lane.outbox.rejected_concerning(target.item)
    ):
        return None
    match change:
        case MarkWatched():
            return SkipReason.ALREADY_WATCHED
        case MarkUnwatched():
            return SkipReason.ALREADY_UNWATCHED
        case SetProgress():
            return SkipReason.ALREADY_THERE


def last_reading(target: LaneItem) -> Reading | None:
    """Return what the server showed just now, or else when it was last read."""
    return target.reading or runtime_of(target.entry).lane.ledger.reading(
        target.item.item_id
    )


def state_row(state: PlayState | None) -> JsonObjectType:
    """Return a play state as answers have it; `watched` is null if it is unknown.

    The position is in seconds, the date that of the last play.
    """
    state = state or UNKNOWN
    known = state.watched is not None
    return {
        "watched": state.watched,
        "position": round(state.position, 3) if known else None,
        "play_count": state.play_count if known else None,
        "last_played": state.last_played.isoformat() if state.last_played else None,
    }


def forecast(planned: Planned) -> JsonObjectType:
    """Return the state now, as far as it is known, and the one that is wanted.

    Of a show or season it is the number of episodes, and how many of them are
    watched: what becomes of each is decided when the change is delivered.
    """
    reading = last_reading(planned.target)
    state = None if reading is None else reading.state
    wanted = planned.request.change.apply(state or UNKNOWN)
    row: JsonObjectType = {
        "state": state_row(state),
        "wanted": {
            "watched": wanted.watched,
            "position": round(wanted.position, 3),
        },
    }
    if planned.target.item.kind.is_container:
        row["episodes"] = None if reading is None else reading.leaf_count
        row["watched_episodes"] = (
            None if reading is None else reading.watched_leaf_count
        )
    return row
