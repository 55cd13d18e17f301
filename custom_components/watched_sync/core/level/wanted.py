"""What one item is to show, so that it is level with another of the same work.

Nothing here takes anything away, unless it is to be made *exactly* like a source:
watched anywhere is watched, a position is never taken from who has one for who has
none, and what is not known causes nothing.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from ..identity import Item
from ..mirror import Move, Skip, change_for
from ..operation import Change, MarkUnwatched, MarkWatched, SetProgress
from ..play_state import POSITION_TOLERANCE, PlayState
from ..ports import Capabilities
from ..reconcile import CLOCK_TOLERANCE, Accept, Policy, decide
from .packing import NEVER
from .plan import What

#: When something was played of which no date is known: before all that has one.
LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Level(StrEnum):
    """That there is nothing to change, and why."""

    EQUAL = "equal"
    #: It shows more than the other does.
    AHEAD = "ahead"


@dataclass(frozen=True, slots=True)
class Shown:
    """An item and what it shows, the date by our clock."""

    item: Item
    state: PlayState

    @property
    def played_at(self) -> datetime:
        """When it was played last, as far as that is known."""
        return self.state.last_played or LONG_AGO

    @property
    def is_begun(self) -> bool:
        """Whether somebody would go on there."""
        return (
            self.state.position > POSITION_TOLERANCE and not self.state.hides_position
        )


def wanted(
    source: Shown,
    target: Shown,
    what: What,
    capabilities: Capabilities,
    policy: Policy,
) -> Change | Level | Skip:
    """Return what makes *target* level with *source*, or why nothing does.

    Both are the same work. *capabilities* and *policy* are those of the target's lane.
    """
    if source.state.watched is None or target.state.watched is None:
        return Skip.UNREADABLE
    if what is What.EXACT:
        return _exactly(source, target, capabilities)
    if source.state.watched and not target.state.watched:
        return _marked(source, target, what, capabilities, policy)
    if what is What.WATCHED:
        same = source.state.watched == target.state.watched
        return Level.EQUAL if same else Level.AHEAD
    return _as_far(source, target, capabilities, policy)


def _exactly(
    source: Shown, target: Shown, capabilities: Capabilities
) -> Change | Level | Skip:
    ours, theirs = source.state, target.state
    if ours.agrees_with(theirs):
        return Level.EQUAL
    if ours.watched == theirs.watched:
        if ours.hides_position or theirs.hides_position:
            return Level.EQUAL
        if not source.is_begun:
            return SetProgress(0.0)
    if not ours.watched and theirs.watched and not source.is_begun:
        return MarkUnwatched()
    change = _change(source, target, capabilities, before=theirs)
    if isinstance(change, SetProgress) and ours.watched == theirs.watched:
        return SetProgress(change.position)
    return change


def _marked(
    source: Shown,
    target: Shown,
    what: What,
    capabilities: Capabilities,
    policy: Policy,
) -> Change | Skip:
    """Return the mark of what is not watched there; whoever has begun it may go on."""
    if policy is Policy.SERVER and target.is_begun:
        return Skip.OVERRULED
    is_further = (
        policy is Policy.FURTHEST
        and what is not What.WATCHED
        and source.is_begun
        and source.state.position > target.state.position
    )
    begun_since = (
        target.is_begun
        and target.played_at > source.played_at + CLOCK_TOLERANCE
        and not is_further
    )
    if what is What.WATCHED or begun_since:
        source = Shown(source.item, _finished(source.state))
    change = _change(source, target, capabilities, before=NEVER)
    if begun_since and isinstance(change, MarkWatched):
        return SetProgress(target.state.position, watched=True, at=change.at)
    return change


def _as_far(
    source: Shown, target: Shown, capabilities: Capabilities, policy: Policy
) -> Change | Level | Skip:
    """Return the position where the flag is to stay as it is."""
    ours, theirs = source.state, target.state
    if theirs.watched and not ours.watched:
        return Level.AHEAD
    if not source.is_begun:
        return Level.AHEAD if target.is_begun else Level.EQUAL
    if ours.agrees_with(theirs) or theirs.hides_position:
        return Level.EQUAL
    change = _change(source, target, capabilities, before=theirs)
    if isinstance(change, Skip):
        return change
    change = SetProgress(ours.position, watched=ours.watched or None)
    decision = decide(NEVER, change, theirs, asked_at=source.played_at, policy=policy)
    if isinstance(decision, Accept) or (
        # Of two that count as played at once, the clock takes neither's side.
        target.is_begun
        and policy is Policy.NEWEST
        and (source.played_at, ours.position) < (target.played_at, theirs.position)
    ):
        return Skip.OVERRULED
    return change


def _change(
    source: Shown, target: Shown, capabilities: Capabilities, before: PlayState
) -> Change | Skip:
    move = Move(source.item, source.state, {}, source.played_at, source.played_at)
    return change_for(move, before, target.item, capabilities)


def _finished(state: PlayState) -> PlayState:
    return PlayState(
        watched=True, play_count=state.play_count, last_played=state.last_played
    )
