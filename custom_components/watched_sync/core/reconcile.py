"""Compare what is wanted with what is there, and plan the fewest writes.

The comparison has three sides: *base*, the last play state both sides agreed on;
the change wanted; and *remote*, what the server shows now. Only against a base can
"never watched" be told from "just un-marked".
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from .identity import Item, MediaKind
from .operation import Change, MarkUnwatched, MarkWatched, Operation, SetProgress
from .play_state import POSITION_TOLERANCE, PlayState, Reading
from .ports import Capabilities

#: A play this much younger than an operation is not yet called newer: clocks differ.
CLOCK_TOLERANCE = timedelta(seconds=10)


class Policy(StrEnum):
    """Who wins when the server moved after the operation was made."""

    NEWEST = "newest"
    FURTHEST = "furthest"
    HOME_ASSISTANT = "home_assistant"
    SERVER = "server"


@dataclass(frozen=True, slots=True)
class NoOp:
    """What is wanted is already true, whoever did it."""


@dataclass(frozen=True, slots=True)
class Push:
    """Write, so that the server shows *desired*."""

    desired: PlayState


@dataclass(frozen=True, slots=True)
class Accept:
    """The server's state stands; the operation is overruled."""


type Decision = NoOp | Push | Accept


def decide(
    base: PlayState | None,
    change: Change,
    remote: PlayState,
    *,
    asked_at: datetime,
    policy: Policy,
    clock_offset: timedelta | None = None,
    now: datetime | None = None,
) -> Decision:
    """Say what delivering *change* to a server now showing *remote* should do.

    *clock_offset* is the server's clock minus ours, *now* our time of the reading.
    *remote* must be known: an unknown state never causes a write, so it never gets
    here.
    """
    if remote.watched is None:
        msg = "an unknown play state cannot be decided upon"
        raise ValueError(msg)
    if is_true_of(change, remote):
        return NoOp()
    desired = change.apply(remote)
    remote = remote.keeping_flag()
    is_newer = played_after(remote, asked_at, clock_offset, now)
    if base is not None and _unmoved(base, remote, is_newer=is_newer):
        return Push(desired)  # nobody else moved: our turn
    if _is_mere_progress(change) and remote.watched:
        before = (
            _played_before(remote, asked_at, clock_offset)
            if base is None
            else base.watched
        )
        if not before:
            return Accept()  # watched to the end since: an older position is history
    match policy:
        case Policy.HOME_ASSISTANT:
            wins = True
        case Policy.SERVER if base is not None:
            wins = False
        case Policy.FURTHEST if base is not None:
            wins = _reach(change.apply(remote)) >= _reach(remote)
        case _:
            # Without a common base only the clock can tell who spoke last.
            wins = not is_newer
    return Push(desired) if wins else Accept()


def is_true_of(change: Change, remote: PlayState) -> bool:
    """Whether *remote* shows what *change* wants.

    A watched item that somebody has begun again only looks as if it were un-marked.
    """
    if isinstance(change, MarkUnwatched) and remote.begun_again:
        return False
    return change.apply(remote).agrees_with(remote)


def _unmoved(base: PlayState, remote: PlayState, *, is_newer: bool) -> bool:
    """Whether the server still shows *base*: a play in between leaves a later date.

    Where *base* has no date, one alone is no play: it may only not have been shown. A
    play is counted, or it is newer than what was asked for.
    """
    if not remote.means_the_same_as(base):
        return False
    if base.last_played is None and remote.play_count == base.play_count:
        return not is_newer
    return not remote.was_played_since(base)


def _is_mere_progress(change: Change) -> bool:
    return isinstance(change, SetProgress) and change.watched is None


def _reach(state: PlayState) -> tuple[bool, float]:
    return bool(state.watched), state.position


def played_after(
    remote: PlayState,
    asked_at: datetime,
    clock_offset: timedelta | None,
    now: datetime | None,
) -> bool:
    """Whether the last play is newer than the operation; an unknown time is not newer.

    A play in the future has no known time either: some clock was wrong when it was
    written down, and it would overrule every operation until then.
    """
    if remote.last_played is None:
        return False
    played_at = remote.last_played - (clock_offset or timedelta())
    if now is not None and played_at > now + CLOCK_TOLERANCE:
        return False
    return played_at > asked_at + CLOCK_TOLERANCE


def _played_before(
    remote: PlayState, asked_at: datetime, clock_offset: timedelta | None
) -> bool:
    """Whether the last play is surely older; an unknown time is not."""
    if remote.last_played is None:
        return False
    played_at = remote.last_played - (clock_offset or timedelta())
    return played_at <= asked_at - CLOCK_TOLERANCE


def elementary(change: Change, remote: PlayState) -> tuple[Change, ...]:
    """Break *change* into writes a server knows, for an item showing *remote*.

    Only `SetProgress` that carries a flag becomes two: marks clear the position, so
    the flag goes first.
    """
    if not isinstance(change, SetProgress) or change.watched is None:
        return (change,)
    steps: list[Change] = []
    position = remote.position
    if change.watched and not remote.watched:
        steps.append(MarkWatched(change.at))
        position = 0.0
    elif not change.watched and remote.watched:
        steps.append(MarkUnwatched())
        position = 0.0
    if abs(position - change.position) > POSITION_TOLERANCE or not steps:
        steps.append(SetProgress(change.position))
    return tuple(steps)


@dataclass(frozen=True, slots=True)
class PlannedWrite:
    """One write: *change* for *item*, which stands for all of *leaves*."""

    item: Item
    change: Change
    leaves: tuple[Reading, ...]


def in_scope(operation: Operation, leaves: Iterable[Reading]) -> list[Reading]:
    """Return the episodes a tree operation speaks of; specials only if asked.

    *leaves* are what the server lists below the show or season: the listing decides
    what belongs there, not the show that a row names.
    """
    return [leaf for leaf in leaves if operation.means(leaf.item)]


def plan_tree(
    operation: Operation,
    leaves: Sequence[Reading],
    decisions: Mapping[str, Decision],
    capabilities: Capabilities,
    marked_lately: Collection[str] = (),
) -> list[PlannedWrite]:
    """Plan the fewest writes that carry out *decisions* below one show or season.

    *leaves* is everything below the container, specials included; *decisions* names
    the leaves in scope by item id. A call for a whole season or show is planned only
    where it changes nothing else: no leaf out of scope lies below it, none is to
    stay as it is, and none is already watched on a server that would count that as
    another play. After a failed attempt every leaf is written singly, because some
    servers fail in the middle of a container. So it is where the mark of a container
    is not whole. Nor is a container marked while one of *marked_lately* lies below it,
    the ids of leaves that were written singly a moment ago, on a server that would
    then show what was.
    """
    if (
        operation.attempts
        or not capabilities.marks_containers
        or (
            isinstance(operation.change, MarkWatched)
            and operation.change.at is not None
            and capabilities.keeps_watched_at
        )
    ):
        return _single_steps(operation, leaves, decisions)
    repeatable = capabilities.repeat_safe or isinstance(operation.change, MarkUnwatched)

    def sweepable(below: Sequence[Reading]) -> bool:
        if capabilities.shows_what_was and any(
            leaf.item.item_id in marked_lately for leaf in below
        ):
            return False
        found = [decisions.get(leaf.item.item_id) for leaf in below]
        return any(isinstance(decision, Push) for decision in found) and all(
            isinstance(decision, Push) or (isinstance(decision, NoOp) and repeatable)
            for decision in found
        )

    if sweepable(leaves):
        return [PlannedWrite(operation.item, operation.change, tuple(leaves))]
    if operation.item.kind is not MediaKind.SHOW:
        return _single_steps(operation, leaves, decisions)
    steps: list[PlannedWrite] = []
    for below in by_season(leaves):
        season = season_of(operation.item, below)
        if season is not None and len(below) > 1 and sweepable(below):
            steps.append(PlannedWrite(season, operation.change, tuple(below)))
        else:
            steps.extend(_single_steps(operation, below, decisions))
    return steps


def _single_steps(
    operation: Operation, leaves: Iterable[Reading], decisions: Mapping[str, Decision]
) -> list[PlannedWrite]:
    return [
        PlannedWrite(leaf.item, operation.change, (leaf,))
        for leaf in leaves
        if isinstance(decisions.get(leaf.item.item_id), Push)
    ]


def by_season(leaves: Iterable[Reading]) -> list[list[Reading]]:
    """Return the episodes that a show lists, season by season.

    The number tells the season, where there is one: in a show that was merged from
    several folders one season has several ids.
    """
    seasons: defaultdict[int | str | None, list[Reading]] = defaultdict(list)
    for leaf in leaves:
        number = leaf.item.season
        seasons[leaf.item.season_id if number is None else number].append(leaf)
    return list(seasons.values())


def season_of(show: Item, leaves: Sequence[Reading]) -> Item | None:
    """Return the season that holds *leaves*, all of one season of a show.

    None if they have none, or several: then none stands for all of them.
    """
    leaf = leaves[0].item
    if leaf.season_id is None or len({one.item.season_id for one in leaves}) > 1:
        return None
    return Item(
        item_id=leaf.season_id,
        kind=MediaKind.SEASON,
        title=f"Season {leaf.season}",
        show_id=show.item_id,
        show_title=show.title,
        show_provider_ids=show.provider_ids,
        season_id=leaf.season_id,
        season=leaf.season,
        library_id=show.library_id,
    )
