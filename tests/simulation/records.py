"""What happened in a simulated world, and what its works are called."""

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta
from random import Random

from custom_components.watched_sync.core.errors import Reason
from custom_components.watched_sync.core.identity import Item, MediaKind
from custom_components.watched_sync.core.operation import Change, Operation, Scope
from custom_components.watched_sync.core.outbox import Result
from custom_components.watched_sync.core.play_state import (
    UNKNOWN,
    PlayState,
    Reading,
)

#: Seconds a queue may take to drain once nothing goes wrong any more: eight attempts
#: with the longest delays, and a clock that jumped.
PATIENCE = 6 * 3600.0


class Broken(AssertionError):
    """A promise was not kept; the seed says how to see it again."""


@dataclass(frozen=True, slots=True)
class Asked:
    """An operation, and whether its acceptance was answered."""

    operation: Operation
    at: float
    answered: bool


@dataclass(frozen=True, slots=True)
class Restored:
    """A backup that came back: when, and what it held as given up.

    Writes from before it may still be carried out until `late_until`.
    """

    at: float
    late_until: float
    given_up: tuple[Operation, ...]


@dataclass(slots=True)
class Records:
    """What happened to one lane."""

    asked: list[Asked] = field(default_factory=list)
    ended: dict[str, Result] = field(default_factory=dict)
    ended_at: dict[str, float] = field(default_factory=dict)
    moved: dict[str, float] = field(default_factory=dict)
    #: What others did: the work, when, and what it showed then.
    moves: list[tuple[str, float, PlayState]] = field(default_factory=list)
    played_elsewhere: dict[str, float] = field(default_factory=dict)
    #: What was written by a server that took minutes, and how often.
    late: Counter[str] = field(default_factory=Counter)
    #: Of which items a request to set the position went wrong.
    doubtful_positions: set[str] = field(default_factory=set)
    outages: list[tuple[float, float]] = field(default_factory=list)
    first_moved: dict[str, float] = field(default_factory=dict)
    #: What our writes changed: the work, how, and when.
    changed: list[tuple[str, Change, float]] = field(default_factory=list)
    restores: int = 0
    #: With the moment, and the server's clock minus ours as it was known by then.
    overruled: list[tuple[Operation, float, timedelta]] = field(default_factory=list)
    rejected: list[tuple[Operation, Reason | None]] = field(default_factory=list)
    oddities: list[str] = field(default_factory=list)
    #: When a row last left out when its work was played.
    undated: dict[str, float] = field(default_factory=dict)
    crashed_at: list[float] = field(default_factory=list)
    #: Whether the server has ever refused our sign-in.
    signed_out: bool = False
    #: How many requests came while the server let nobody in.
    turned_away: int = 0
    backup: Restored | None = None
    #: Operations that waited in the backup, and those that it knew nothing of.
    held: set[str] = field(default_factory=set)
    forgotten: set[str] = field(default_factory=set)

    @property
    def crashes(self) -> int:
        """How often the process has died."""
        return len(self.crashed_at)


#: Why something is not checked, where several invariants say so.
TANGLED = (
    "known too late that two operations are for it, ids being others after a restore"
)
FORGOTTEN = "what we had written since the backup was made passes for others' doing"
LATE_POSITION = "a position that nobody answered may stay"


def work_of(item: Item) -> str:
    """Return what a film or episode is called here: the id it had at first."""
    if item.kind is MediaKind.MOVIE:
        return item.title.removeprefix("Film ")
    show_id = (item.show_title or "").removeprefix("Show ")
    return f"{show_id}.{item.season}.{item.episode}"


def means(operation: Operation, leaf: Item) -> bool:
    """Whether an operation is for a film or episode, by what they are called."""
    item = operation.item
    if operation.scope is Scope.ITEM:
        # As `work_of` has it, and many times as fast.
        if item.kind is not leaf.kind:
            return False
        if item.kind is MediaKind.MOVIE:
            return item.title == leaf.title
        return (item.episode, item.season, item.show_title) == (
            leaf.episode,
            leaf.season,
            leaf.show_title,
        )
    is_show = item.kind is MediaKind.SHOW
    ids = item.provider_ids if is_show else item.show_provider_ids
    return (
        ids == leaf.show_provider_ids
        and (is_show or item.season == leaf.season)
        and (operation.include_specials or item.is_special or not leaf.is_special)
    )


def spoiled(rng: Random, reading: Reading) -> Reading | None:
    """Return what the clients make of an odd row: members are unknown, or it is out."""
    match rng.randrange(3):
        case 0:
            return None
        case 1:
            return replace(reading, state=UNKNOWN)
        case _:
            return replace(reading, state=replace(reading.state, last_played=None))
