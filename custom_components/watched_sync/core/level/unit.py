"""Working out what each item of a unit is to show, by the rules of one question.

A unit (see `packing`) holds all that can be the same work. What is the same is said by
`matching`, as for every single change that is copied, and what one is to show by
`wanted`. Both ways, what an item is to show counts for the others too: so a work that
two sides know by different ids is level on both as soon as a third side knows either.
"""

from collections import Counter, defaultdict
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import batched, combinations
from typing import NamedTuple

from ..identity import Item
from ..matching import Shelf, contradict
from ..mirror import Skip, played_at
from ..operation import Change, MarkUnwatched, flag_of, fold
from ..ports import Capabilities
from ..reconcile import Policy
from .packing import Packed
from .plan import Question, Side, What
from .wanted import Level, Shown, wanted

#: Questions that are answered in one go, some tens of microseconds each.
_SLICE = 100

#: How often what changed may change something else. It ends by itself, as nothing is
#: changed twice to the same; what would be level only later is level the next time.
_MOST_ROUNDS = 10


class Known:
    """An item: what it was read as, and what it is to show, its date by our clock.

    It has to `change` once it follows `source`.
    """

    __slots__ = ("change", "is_named", "now", "row", "side", "source", "was")

    def __init__(self, row: int, side: int, shown: Shown, *, is_named: bool) -> None:
        """Begin with what was read."""
        self.row = row
        self.side = side
        self.was = self.now = shown
        self.is_named = is_named
        self.change: Change | None = None
        self.source: Known | None = None

    @property
    def item(self) -> Item:
        """Its ids and numbers."""
        return self.was.item

    @property
    def is_touched(self) -> bool:
        """Whether it shows anything but that nobody has begun it."""
        return self.was.state.watched is not False or self.was.is_begun

    def follow(self, following: _Following) -> None:
        """Change so that it is level with what it follows."""
        change, played = following.change, following.played_at
        state = change.apply(self.now.state)
        if played > self.now.played_at:
            state = replace(state, last_played=played)
        self.now = Shown(self.item, state)
        self.change = change if self.change is None else fold(self.change, change)
        self.source = following.source


class _Following(NamedTuple):
    """That an item is to change, what it follows and when that was played."""

    source: Known
    change: Change
    played_at: datetime


@dataclass(frozen=True, slots=True)
class Rules:
    """One question about what was packed.

    Sides are known by their numbers: `sources` are those that the others follow,
    none if each follows all, and `targets` are those that are written to, with what
    their servers can do. Sides with one of the `servers` have the same items. `named`
    are the rows the question is about, None if it is about all.
    """

    sides: Sequence[Side]
    question: Question
    packed: Packed
    now: datetime
    sources: frozenset[int]
    targets: Mapping[int, Capabilities]
    servers: Sequence[int | None]
    named: set[int] | None

    def known(self, row: int) -> Known:
        """Return what is known of a row."""
        packed = self.packed
        side = packed.side(row)
        state = packed.state(row)
        played = played_at(state, self.sides[side].clock_offset, self.now)
        if played != state.last_played:
            state = replace(state, last_played=played)
        is_named = self.named is None or row in self.named
        return Known(row, side, Shown(packed.item(row), state), is_named=is_named)

    def is_asked_of(self, source: Known) -> bool:
        """Whether others are to follow *source*, as far as it alone can tell."""
        question, state = self.question, source.was.state
        if source.item.is_special and not question.specials:
            return False
        if question.what is What.EXACT and state.watched is False:
            return True
        if question.what is What.WATCHED and state.watched is False:
            return False
        return source.is_touched and (
            question.since is None or source.was.played_at >= question.since
        )

    def is_meant(self, source: Known, copy: Known) -> bool:
        """Whether the question is about a pair."""
        question = self.question
        return (
            (source.is_named or copy.is_named)
            and (question.specials or not copy.item.is_special)
            and (
                question.since is None
                or max(source.now.played_at, copy.now.played_at) >= question.since
            )
        )

    def policy(self, target: int) -> Policy:
        """Return what decides on a side where both moved."""
        policy = self.sides[target].policy
        if policy is Policy.HOME_ASSISTANT and not self.sources:
            return Policy.NEWEST  # nobody has said which of them is right
        return policy

    def level(self, rows: Sequence[int]) -> Sequence[int] | None:
        """Return which of some copies of one work count as equal, if all are watched.

        None if that is not seen at a glance, so that they have to be settled.
        """
        packed, question = self.packed, self.question
        if (
            question.since is not None
            or not question.specials
            or not packed.are_watched(rows)
            or not self.targets.keys() <= {packed.side(row) for row in rows}
        ):
            return None
        written_to = [row for row in rows if packed.side(row) in self.targets]
        if not self.sources and self.named is None:
            return written_to if len(rows) > 1 else []  # each is followed by all
        return [
            row
            for row in written_to
            if any(self._is_followed(other, row) for other in rows if other != row)
        ]

    def _is_followed(self, source: int, copy: int) -> bool:
        """Whether a row is to follow another, which is a copy of it."""
        return (not self.sources or self.packed.side(source) in self.sources) and (
            self.named is None or source in self.named or copy in self.named
        )

    def wanted(self, source: Known, copy: Known) -> Change | Level | Skip:
        """Return what makes a copy level with *source*."""
        return wanted(
            source.now,
            copy.now,
            self.question.what,
            self.targets[copy.side],
            self.policy(copy.side),
        )


@dataclass(frozen=True, slots=True)
class Settled:
    """What came of a unit.

    What is to follow what, and how; how many items of each side are level already; and
    which items nothing follows on a side.
    """

    changed: Sequence[tuple[Known, Known, Change]]
    equal: Mapping[int, int]
    left_out: Sequence[tuple[Known, int, Skip]]


class Unit:
    """What may be the same work on any of the sides."""

    def __init__(
        self, rules: Rules, rows: Iterable[int], *, are_copies: bool = False
    ) -> None:
        """Prepare for these rows, of which it may be known that all are copies."""
        self._rules = rules
        self._rows = rows
        self._are_copies = are_copies
        self._known: defaultdict[int, dict[str, Known]] = defaultdict(dict)
        self._shelves: dict[int, Shelf] = {}
        self._copied_by: dict[Known, list[Known]] = {}
        self._sources_of: defaultdict[Known, list[Known]] = defaultdict(list)
        self._came_to: dict[tuple[Known, int], _Following | Level | Skip] = {}
        self._equal: set[Known] = set()
        self._changed: set[Known] = set()
        self._work = 0

    def settle(self) -> Generator[None, None, Settled]:
        """Work out what every item is to show; yields every few milliseconds."""
        rules = self._rules
        for row in self._rows:
            one = rules.known(row)
            self._known[one.side].setdefault(one.item.item_id, one)
            yield from self._pause()
        active = sorted(self._sources(), key=_by_place)
        for number in range(1 if rules.sources else _MOST_ROUNDS):
            active = yield from self._go_round(active, is_first=number == 0)
            if not active or self._is_level():
                break
        return self._settled()

    def _go_round(
        self, active: Iterable[Known], *, is_first: bool
    ) -> Generator[None, None, list[Known]]:
        """Have all copies of what is *active* follow; return those that changed."""
        affected = set[Known]()
        for source in active:
            if source not in self._copied_by:
                yield from self._look_for(source, is_first=is_first)
            affected.update(self._copied_by[source])
            if not is_first:
                affected.add(source)  # it may follow something else by now
        changes: dict[Known, _Following] = {}
        for copy in sorted(affected, key=_by_place):
            yield from self._pause()
            sources = sorted(self._sources_of[copy], key=_by_place)
            came_to = yield from self._following(copy, sources)
            if isinstance(came_to, _Following):
                changes[copy] = came_to
            if is_first:
                self._note(copy, sources, came_to)
        # Only now, so that it makes no difference who is looked at first.
        for copy, following in changes.items():
            copy.follow(following)
        self._changed.update(changes)
        return list(changes)

    def _is_level(self) -> bool:
        """Whether copies show the same by now, so that nothing else can change."""
        if not self._are_copies:
            return False
        shown = [
            one.now.state for some in self._known.values() for one in some.values()
        ]
        return all(one.agrees_with(other) for one, other in combinations(shown, 2))

    def _pause(self) -> Generator[None]:
        self._work += 1
        if self._work % _SLICE == 0:
            yield

    def _sources(self) -> Iterator[Known]:
        """Yield what others may have to follow."""
        for side, known in self._known.items():
            if not self._rules.sources or side in self._rules.sources:
                yield from filter(self._rules.is_asked_of, known.values())

    def _look_for(self, source: Known, *, is_first: bool) -> Generator[None]:
        """Note what is to follow *source*, and where nothing can."""
        self._copied_by[source] = followers = list[Known]()
        for target in self._rules.targets:
            if target == source.side:
                continue
            yield from self._pause()
            copies = yield from self._copies(source, target)
            if not isinstance(copies, Skip):
                for copy in copies:
                    if self._rules.is_meant(source, copy):
                        followers.append(copy)
                        self._sources_of[copy].append(source)
            elif is_first and source.is_named and source.was.state.watched is not None:
                self._came_to[source, target] = copies

    def _copies(
        self, source: Known, side: int
    ) -> Generator[None, None, list[Known] | Skip]:
        """Return what *source* is on a side, or why nothing is."""
        rules, known = self._rules, self._known[side]
        if self._are_copies and known:
            return list(known.values())
        if side not in self._shelves:
            self._shelves[side] = shelf = Shelf(())
            for some in batched(known.values(), _SLICE, strict=False):
                shelf.put(one.item for one in some)
                if len(some) == _SLICE:
                    yield
        found: list[Item] | Skip = (
            Skip.AMBIGUOUS
            if rules.packed.is_crowded(source.row)
            else self._shelves[side].copies(source.item)
        )
        same = known.get(source.item.item_id)
        if same is not None and self._is_same_item(source, same):
            others = [] if isinstance(found, Skip) else found
            found = [
                same.item,
                *(one for one in others if one.item_id != same.item.item_id),
            ]
        if isinstance(found, Skip):
            return found
        return [known[one.item_id] for one in found]

    def _is_same_item(self, one: Known, other: Known) -> bool:
        """Whether two of the same id are one item, which two users of a server see."""
        servers = self._rules.servers
        return (
            servers[one.side] is not None
            and servers[one.side] == servers[other.side]
            and one.item.kind is other.item.kind
            and not contradict(one.item.provider_ids, other.item.provider_ids)
            and not contradict(one.item.show_provider_ids, other.item.show_provider_ids)
        )

    def _following(
        self, copy: Known, sources: Sequence[Known]
    ) -> Generator[None, None, _Following | Level | Skip]:
        """Return what a copy is to follow, or why it does not change."""
        source = self._counting(copy, sources)
        if isinstance(source, Skip):
            return source
        change = self._rules.wanted(source, copy)
        if isinstance(change, Level | Skip):
            return change
        if isinstance(flag_of(change), MarkUnwatched):
            back = yield from self._copies(copy, source.side)
            if isinstance(back, Skip) or source not in back:
                return Skip.AMBIGUOUS  # it may be something else's copy as well
        if flag_of(change) is None and not _holds_all(source.item, copy.item):
            return Skip.OTHER_FILE
        return _Following(source, change, source.now.played_at)

    def _note(
        self,
        copy: Known,
        sources: Iterable[Known],
        came_to: _Following | Level | Skip,
    ) -> None:
        """Note what came of a copy; of several copies, one that follows is enough."""
        for one in sources:
            key = one, copy.side
            if isinstance(self._came_to.get(key, Skip.NOT_FOUND), Skip):
                self._came_to[key] = came_to
        if came_to is Level.EQUAL and any(one.is_touched for one in sources):
            self._equal.add(copy)

    def _counting(self, copy: Known, sources: Sequence[Known]) -> Known | Skip:
        """Return the one of several sources that a copy is to follow.

        What is watched counts before what is not, and of that what was played last, or
        is furthest where that is the policy of the side. A file that holds several
        episodes is watched once all of them are, and not watched once none is.
        """
        whole = [one for one in sources if _holds_all(one.item, copy.item)]
        watched = [one for one in whole if one.now.state.watched]
        if not watched and len(whole) < len(sources):
            parts = [one for one in sources if one not in whole]
            seen = [one for one in parts if one.now.state.watched]
            unseen = [one for one in parts if one.now.state.watched is False]
            if _hold_all_together(seen, copy.item):
                watched = seen
            elif seen:
                return Skip.OTHER_FILE
            elif not whole:
                if not _hold_all_together(unseen, copy.item):
                    return Skip.OTHER_FILE
                whole = unseen
        if watched:
            return max(watched, key=_by_date)
        known = [one for one in whole if one.now.state.watched is not None]
        is_exact = self._rules.question.what is What.EXACT
        if not known or (is_exact and len(known) < len(whole)):
            return Skip.UNREADABLE
        is_furthest = self._rules.policy(copy.side) is Policy.FURTHEST
        return max(known, key=_by_position if is_furthest else _by_date)

    def _settled(self) -> Settled:
        changed = [
            (one, one.source, one.change)
            for one in sorted(self._changed, key=_by_place)
            if one.source is not None and one.change is not None
        ]
        equal = Counter(one.side for one in self._equal - self._changed)
        left_out = [
            (source, target, came_to)
            for (source, target), came_to in self._came_to.items()
            if isinstance(came_to, Skip)
            and (source.is_touched or came_to is Skip.AMBIGUOUS)
            # What is overruled and follows the other itself is level with it.
            and not (came_to is Skip.OVERRULED and source in self._changed)
        ]
        return Settled(changed, equal, left_out)


def _by_place(one: Known) -> tuple[int, int, int, str]:
    """Return where one stands among others, whatever order they were read in."""
    item = one.item
    return (one.side, item.season or 0, item.episode or 0, item.item_id)


def _by_date(one: Known) -> tuple[datetime, float]:
    return one.now.played_at, one.now.state.position


def _by_position(one: Known) -> tuple[float, datetime]:
    return one.now.state.position, one.now.played_at


def _holds_all(item: Item, copy: Item) -> bool:
    """Whether an item holds all episodes that its copy holds."""
    ours, theirs = item.numbers, copy.numbers
    if len(theirs) <= 1:
        return True
    if item.season == copy.season and not set(ours).isdisjoint(theirs):
        return set(theirs) <= set(ours)
    # Where two sides count differently, the ids have said that they are the same.
    return len(ours) == len(theirs)


def _hold_all_together(some: Iterable[Known], copy: Item) -> bool:
    """Whether several items hold all episodes that one copy of them holds."""
    held = {
        number
        for one in some
        if one.item.season == copy.season
        for number in one.item.numbers
    }
    return set(copy.numbers) <= held
