"""What is wanted: changes, and the operations that carry them through the queue."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from .identity import Item
from .play_state import PlayState


@dataclass(frozen=True, slots=True)
class MarkWatched:
    """Make an item watched; `at` is when it was seen, None for now."""

    at: datetime | None = None

    def apply(self, state: PlayState) -> PlayState:
        """Return the play state wanted, starting from *state*."""
        return PlayState(
            watched=True,
            play_count=max(state.play_count, 1),
            last_played=self.at or state.last_played,
        )


@dataclass(frozen=True, slots=True)
class MarkUnwatched:
    """Make an item unwatched and forget its resume position."""

    def apply(self, state: PlayState) -> PlayState:  # noqa: ARG002 - one signature for all changes
        """Return the play state wanted, whatever it was."""
        return PlayState(watched=False)


@dataclass(frozen=True, slots=True)
class SetProgress:
    """Set the resume position, in seconds.

    `watched` is the flag the position goes with; None leaves the flag alone. It is
    set when an earlier operation for the flag was folded in, and when a change is taken
    back. `at` then is the date that earlier operation carried.
    """

    position: float
    watched: bool | None = None
    at: datetime | None = None

    def apply(self, state: PlayState) -> PlayState:
        """Return the play state wanted, starting from *state*."""
        watched = state.watched if self.watched is None else self.watched
        return replace(
            state,
            watched=watched,
            position=self.position,
            play_count=max(state.play_count, 1) if watched else 0,
            begun_again=state.begun_again and self.watched is None,
            hides_position=False,
        )


type Change = MarkWatched | MarkUnwatched | SetProgress


def flag_of(change: Change) -> MarkWatched | MarkUnwatched | None:
    """Return the part of *change* that is about the flag, None if there is none."""
    match change:
        case SetProgress(watched=None):
            return None
        case SetProgress(watched=True, at=at):
            return MarkWatched(at)
        case SetProgress():
            return MarkUnwatched()
        case _:
            return change


def fold(earlier: Change, later: Change) -> Change:
    """Return one change that does what *earlier* and then *later* would have done."""
    match earlier, later:
        case (MarkWatched(at), SetProgress(position, None)):
            return SetProgress(position, watched=True, at=at)
        case (MarkUnwatched(), SetProgress(position, None)):
            return SetProgress(position, watched=False)
        case (SetProgress(_, watched, at), SetProgress(position, None)):
            return SetProgress(position, watched=watched, at=at)
        case _:
            return later


class Scope(StrEnum):
    """How far one operation reaches."""

    ITEM = "item"
    TREE = "tree"


class Origin(StrEnum):
    """Who asked for an operation."""

    USER = "user"
    PLAYBACK = "playback"
    MIRROR = "mirror"
    UNDO = "undo"
    LEVEL = "level"

    @property
    def is_copy(self) -> bool:
        """Whether it makes a lane follow others, which therefore know of it already.

        That goes for what takes a levelling back as well: the others keep what they
        had before it.
        """
        return self in (Origin.MIRROR, Origin.LEVEL)


class CauseKind(StrEnum):
    """By what an operation came about."""

    PERSON = "person"
    AUTOMATION = "automation"
    SCRIPT = "script"
    VOICE = "voice"
    ASSISTANT = "assistant"
    PLAYER = "player"
    MIRROR = "mirror"


@dataclass(frozen=True, slots=True)
class Cause:
    """By what an operation came about, to be told; nothing is decided by it.

    `name` is that of the automation, script or player, or of the server it was copied
    from. `person` is the entity id of the person who acted, where one did.
    """

    kind: CauseKind
    name: str | None = None
    person: str | None = None


_NO_STATES: Mapping[str, PlayState] = MappingProxyType({})
_NO_WORKS: Mapping[str, Item] = MappingProxyType({})

type Traces = Mapping[str, tuple[PlayState, ...]]
_NO_TRACES: Traces = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Operation:
    """One change for one item, or for everything below one show or season.

    Times are aware and in UTC. `attempts` counts answers that refused this very
    operation; an outage counts nothing. `base` is the play state both sides agreed on
    when the operation was made, None if it was not known. `before` holds the play state
    the server showed before the first write, by item id, or before a later one if
    somebody else had changed it by then: what undo goes back to.
    `traces` holds the play states that earlier operations of ours left behind, or may
    have, by item id: finding one of them is no move of somebody else's. `missing_since`
    is set while the server does not know the item.

    `bases` are what a tree's episodes showed when both sides last agreed, by item id.
    `works` are the episodes that the ids in a tree's `before`, `bases` and `traces`
    stood for when that was noted: an id may become another's.

    A write that nobody answered, of this operation or of one for the same item before
    it, may be carried out until `unsure_until`; one that does what this operation says,
    until `late_until`. Without the latter the writes of this operation were answered.

    What is `held` waits for a person: it may have been delivered before.

    `flag_asked_at` is when the flag that a position goes with was asked for, if that
    was another operation's; None if it was this one's own.

    `undoes` names the batch that this operation takes back. What somebody else changed
    since then stays as it is, so a tree that takes back only reaches the episodes in
    `bases`: there each has the play state it must still show.

    `cause` is told in the history; operations that differ in it alone are the same.
    """

    operation_id: str
    batch_id: str
    item: Item
    change: Change
    asked_at: datetime
    origin: Origin = Origin.USER
    scope: Scope = Scope.ITEM
    include_specials: bool = False
    attempts: int = 0
    not_before: datetime | None = None
    base: PlayState | None = None
    before: Mapping[str, PlayState] = field(default=_NO_STATES)
    traces: Traces = field(default=_NO_TRACES)
    last_error: str | None = None
    missing_since: datetime | None = None
    undoes: str | None = None
    bases: Mapping[str, PlayState] = field(default=_NO_STATES)
    unsure_until: datetime | None = None
    late_until: datetime | None = None
    works: Mapping[str, Item] = field(default=_NO_WORKS)
    held: bool = False
    cause: Cause | None = field(default=None, compare=False)
    flag_asked_at: datetime | None = None

    def is_for(self, item: Item) -> bool:
        """Whether this is for *item* itself, not only for what has its id by now."""
        return self.item.item_id == item.item_id and self.item.is_still(item)

    def reaches(self, item: Item) -> bool:
        """Whether delivering this operation would touch *item*."""
        if self.is_for(item):
            return True
        if self.scope is Scope.ITEM:
            return False
        if self.undoes is not None and not item.kind.is_container:
            return item.item_id in self.bases and self.knows(item)
        return self.item.covers(item) and self._counts(item)

    def means(self, leaf: Item) -> bool:
        """Whether a tree speaks of *leaf*, which the server lists below it."""
        if self.undoes is not None:
            return leaf.item_id in self.bases and self.knows(leaf)
        return self._counts(leaf)

    def _counts(self, item: Item) -> bool:
        return self.include_specials or self.item.is_special or not item.is_special

    def knows(self, item: Item) -> bool:
        """Whether what is noted under the id of *item* is about *item*."""
        own = item.item_id == self.item.item_id
        work = self.item if own else self.works.get(item.item_id)
        return work is None or work.is_still(item)

    def as_listed(self, leaves: Iterable[Item]) -> Operation:
        """Return this tree with all that is noted under the ids its episodes have now.

        An episode whose id is gone, or another's, is looked for among *leaves*. What
        was noted under an id that is another's is forgotten where it is not found.
        """
        listed = {leaf.item_id: leaf for leaf in leaves}
        moved: dict[str, Item | None] = {}
        for item_id, work in self.works.items():
            if item_id in listed and work.is_still(listed[item_id]):
                continue
            now = [leaf for leaf in listed.values() if leaf.is_same_work(work)]
            if len(now) == 1 or item_id in listed:
                moved[item_id] = now[0] if len(now) == 1 else None
        if not moved:
            return self

        def as_now[T](noted: Mapping[str, T]) -> dict[str, T]:
            kept = {key: value for key, value in noted.items() if key not in moved}
            found = {
                item.item_id: noted[key]
                for key, item in moved.items()
                if item is not None and key in noted
            }
            return found | kept

        works = {item.item_id: item for item in moved.values() if item is not None}
        return replace(
            self,
            before=as_now(self.before),
            bases=as_now(self.bases),
            traces=as_now(self.traces),
            works=as_now(self.works) | works,
        )

    def moved_to(self, item: Item) -> Operation:
        """Return this operation for *item*, its item under another id, due at once.

        What is noted about the item goes along, but for the episodes of a tree: those
        have ids of their own (see `as_listed`). What was agreed on is forgotten: ids
        change where a server was set up anew or came back from a backup, and then what
        it shows is older than that, without anybody having moved.
        """
        old, new = self.item.item_id, item.item_id

        def as_now[T](noted: Mapping[str, T]) -> Mapping[str, T]:
            if self.scope is not Scope.ITEM or old not in noted:
                return noted
            return {new if key == old else key: value for key, value in noted.items()}

        return replace(
            self,
            item=item,
            missing_since=None,
            not_before=None,
            base=None if self.undoes is None else self.base,
            before=as_now(self.before),
            traces=as_now(self.traces),
        )

    def noting(self, items: Iterable[Item]) -> Operation:
        """Return this tree, knowing which episodes the ids of *items* stand for."""
        return replace(
            self, works={one.item_id: one for one in items} | dict(self.works)
        )

    def traces_on(self, item_id: str) -> tuple[PlayState, ...]:
        """Return what an item may show through us, once this is or was under way."""
        traces = self.traces.get(item_id, ())
        if item_id not in self.before:
            return traces
        before = self.before[item_id]
        desired = self.change.apply(before)
        if isinstance(self.change, SetProgress) and self.change.watched is not None:
            # A position that comes with a flag is two writes, the flag first; either
            # may have had no effect.
            traces = (
                *traces,
                replace(desired, position=0.0),
                replace(before, position=desired.position),
            )
        return (*traces, desired)

    def based_on(self, states: Mapping[str, PlayState]) -> Operation:
        """Return this operation, knowing what its items show after earlier operations.

        That is what both sides agree on now, date and all. It takes the place of what
        was only expected, so that somebody else's play can be told from ours.
        """
        states = {
            item_id: state
            for item_id, state in states.items()
            if item_id in self.traces and item_id not in self.before
        }
        if not states:
            return self
        traces = {
            item_id: known
            for item_id, known in self.traces.items()
            if item_id not in states
        }
        if self.scope is Scope.ITEM:
            base = states.get(self.item.item_id, self.base)
            return replace(self, traces=traces, base=base)
        bases = {
            item_id: state
            for item_id, state in {**self.bases, **states}.items()
            if self.undoes is None or item_id in self.bases
        }
        return replace(self, traces=traces, bases=bases)

    def following(self, earlier: Operation) -> Operation:
        """Return this operation, knowing what *earlier* may have written."""
        found = {
            item_id: earlier.traces_on(item_id)
            for item_id in {**earlier.traces, **earlier.before}
            if self.scope is Scope.TREE
            or (item_id == self.item.item_id and earlier.knows(self.item))
        }
        expecting = self.expecting(found).unsure_as(earlier)
        if self.scope is Scope.ITEM:
            return expecting
        items = earlier.works.values() if earlier.works else [earlier.item]
        return expecting.noting(item for item in items if item.item_id in found)

    def unsure_as(self, other: Operation) -> Operation:
        """Return this operation, unsure at least for as long as *other* is."""
        known_until = [one.unsure_until for one in (self, other) if one.unsure_until]
        unsure_until = max(known_until, default=None)
        if unsure_until == self.unsure_until:
            return self
        return replace(self, unsure_until=unsure_until)

    def left_with(self, traces: Traces, item_ids: Collection[str]) -> Operation:
        """Return this operation, of whose items *item_ids* only *traces* are possible.

        They were seen as wanted: whatever was sent and answered before is over.
        """
        kept = {
            item_id: states
            for item_id, states in self.traces.items()
            if item_id not in item_ids
        }
        return replace(self, traces=kept | dict(traces))

    def expecting(self, found: Traces) -> Operation:
        """Return this operation, knowing what else items may show through us."""
        traces = dict(self.traces)
        for item_id, states in found.items():
            known = traces.get(item_id, ())
            new = tuple(one for one in dict.fromkeys(states) if one not in known)
            if new:
                traces[item_id] = (*known, *new)
        return self if traces == self.traces else replace(self, traces=traces)


def folded(earlier: Operation, later: Operation) -> Operation:
    """Return *later* with the flag that *earlier* asks for, if it leaves that open.

    So it does with a flag that was asked for before that of *earlier*: that two
    operations are for the same item may turn out late, and in another order. A copied
    position that takes along what a person has asked for here is no mere copy any more:
    that flag is news to the other lanes.
    """
    flag_asked_at = earlier.flag_asked_at or earlier.asked_at
    change = later.change
    if (
        isinstance(change, SetProgress)
        and later.flag_asked_at is not None
        and later.flag_asked_at < flag_asked_at
        and flag_of(earlier.change) is not None
    ):
        change = SetProgress(change.position)
    both = fold(earlier.change, change)
    if both == change:
        return later
    return replace(
        later,
        change=both,
        origin=earlier.origin if later.origin.is_copy else later.origin,
        flag_asked_at=flag_asked_at,
    )
