"""What is asked and what a plan is: what would be marked where, before anything is.

A *side* is a lane with what is known of its whole library, or a source that cannot be
written to. A plan names each item that would change, what for, and what is left out
and why; making one (see `planner`) asks no server and changes nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import batched
from typing import Final
from zlib import crc32

from ..identity import Item
from ..mirror import Skip
from ..operation import Change
from ..play_state import PlayState, Reading
from ..ports import Capabilities
from ..reconcile import Policy, is_true_of

#: Rows of each reason, and of what is probable, that a plan names on each side.
MOST_ROWS: Final = 200


class What(StrEnum):
    """How much of the play states is to be made level."""

    WATCHED = "watched"
    WATCHED_AND_PROGRESS = "watched_and_progress"
    EXACT = "exact"


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """A lane, or a source of another kind, that takes part in a levelling.

    `side_id` is the id of its config entry, or a name of its own. Items of sides with
    one `server_id` are the same where their ids are. Without `capabilities` it is
    never written to. `clock_offset` is that of its server, `policy` that of its lane.
    """

    side_id: str
    server_id: str | None = None
    capabilities: Capabilities | None = None
    clock_offset: timedelta | None = None
    policy: Policy = Policy.NEWEST


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is to be made level, and how.

    `sources` are the sides that the others follow; with none of them each follows
    all. Of what was not played `since` then nothing is wanted, nor of what has no date.
    `only` names films, shows, seasons and episodes by their ids on any of the sides.
    """

    what: What = What.WATCHED_AND_PROGRESS
    sources: frozenset[str] = frozenset()
    since: datetime | None = None
    specials: bool = True
    only: Mapping[str, frozenset[str]] | None = None
    include_probable: bool = False


class StepNow(StrEnum):
    """What a step of a plan comes to by now."""

    DUE = "due"
    DONE = "done"
    MOVED = "moved"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Step:
    """One item that is to change, because another side shows something else.

    It `shown` that state when this was planned, and followed the item
    `source_item_id` of side `source_id`. The id may become another work's: the
    `fingerprint` tells.
    """

    item_id: str
    change: Change
    shown: PlayState
    source_id: str
    source_item_id: str
    fingerprint: int
    probable: bool = False

    def now(self, reading: Reading | None) -> StepNow:
        """Say what is left of this where the item is known as *reading* by now."""
        if reading is None or fingerprint(reading.item) != self.fingerprint:
            return StepNow.GONE
        state = reading.state.keeping_flag()
        if is_true_of(self.change, state):
            return StepNow.DONE
        return StepNow.DUE if state.agrees_with(self.shown) else StepNow.MOVED


def fingerprint(item: Item) -> int:
    """Return a number that tells a film or episode from what gets its id later."""
    names = (str(item.kind), *item.provider_ids.named, item.season, item.episode)
    return crc32(repr(names).encode(errors="surrogatepass"))


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An item that nothing follows on one side, and why."""

    source_id: str
    source_item_id: str
    reason: Skip


@dataclass(frozen=True, slots=True)
class Probable:
    """Two items of one title and year that no id makes the same work."""

    source_id: str
    source_item_id: str
    item_id: str


@dataclass(frozen=True, slots=True)
class Counts:
    """What a plan comes to on one side.

    `equal` are the items that show already what another side does.
    """

    films_to_mark: int = 0
    episodes_to_mark: int = 0
    films_to_unmark: int = 0
    episodes_to_unmark: int = 0
    film_positions: int = 0
    episode_positions: int = 0
    equal: int = 0
    left_out: Mapping[Skip, int] = field(default_factory=dict)
    probable: int = 0

    @property
    def total(self) -> int:
        """How many steps there are."""
        return (
            self.films_to_mark
            + self.episodes_to_mark
            + self.films_to_unmark
            + self.episodes_to_unmark
            + self.film_positions
            + self.episode_positions
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """What would have to be done, by the side it is done on.

    The same question has the same `plan_id` as long as it comes to the same steps, also
    after a restart. Steps are in the order they are to be done in: films, then shows,
    what was played first before what was played last, as some servers date a mark by
    the time of the write. Of each reason that something was left out for, and of what
    is probable, no more than the first `MOST_ROWS` are named; `counts` has them all.
    """

    plan_id: str
    steps: Mapping[str, Sequence[Step]]
    counts: Mapping[str, Counts]
    left_out: Mapping[str, Sequence[LeftOut]]
    probable: Mapping[str, Sequence[Probable]]

    @property
    def total(self) -> int:
        """How many steps there are on all sides."""
        return sum(map(len, self.steps.values()))

    def chunks(self, side_id: str, size: int) -> Iterator[Sequence[Step]]:
        """Yield the steps of one side in parts of *size*, in their order."""
        return batched(self.steps.get(side_id, ()), size, strict=False)
