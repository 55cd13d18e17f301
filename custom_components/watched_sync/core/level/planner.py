"""Making the plan of a levelling, from readings that are handed over a few at a time.

Libraries are large: what a plan needs of them is packed, and the work is cut into
slices, so that whoever runs it can do other things in between.
"""

from collections import Counter, defaultdict
from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import blake2b
from heapq import merge
from itertools import batched
from typing import NamedTuple

from ..identity import MediaKind
from ..leaf import LibraryPage
from ..mirror import Skip
from ..operation import Change, MarkUnwatched, flag_of
from ..play_state import PlayState
from .packing import Packed
from .plan import (
    MOST_ROWS,
    Counts,
    LeftOut,
    Plan,
    Probable,
    Question,
    Side,
    Step,
    What,
    fingerprint,
)
from .probable import Likely, likely
from .unit import Known, Rules, Unit
from .wanted import LONG_AGO, Level

#: Rows that are looked at, or steps that are put in order, in one go.
_SLICE = 100


def complete[T](making: Generator[None, None, T]) -> T:
    """Return what a generator comes to, without a break."""
    while True:
        try:
            next(making)
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]  # what it returned


class _Due(NamedTuple):
    """A step, by when what it follows was played and by its place in the show."""

    played_at: datetime
    season: int
    episode: int
    item_id: str
    step: Step


class _Draft:
    """The plan of one side, as far as it is made."""

    def __init__(self) -> None:
        self.films: list[_Due] = []
        self.shows: defaultdict[int, list[_Due]] = defaultdict(list)
        #: The items that change, and when what they follow was played, by the clock of
        #: its own server.
        self.items: dict[str, datetime | None] = {}
        self.counts: Counter[str] = Counter()
        self.equal = 0
        self.left_out: defaultdict[Skip, list[int]] = defaultdict(list)
        self.probable: list[Probable] = []
        self.probable_count = 0

    def counted(self) -> Counts:
        return Counts(
            **self.counts,
            equal=self.equal,
            left_out={
                reason: len(rows)
                for reason, rows in sorted(self.left_out.items())
                if rows
            },
            probable=self.probable_count,
        )

    def ordered(self) -> Generator[None, None, tuple[Step, ...]]:
        """Return the steps in the order they are to be done in."""
        parts = []
        for part in batched(self.films, _SLICE, strict=False):
            parts.append(sorted(part))
            yield
        steps: list[Step] = []
        for due in merge(*parts):
            steps.append(due.step)
            if len(steps) % _SLICE == 0:
                yield
        shows = sorted(
            (max(one.played_at for one in some), min(one.item_id for one in some), key)
            for key, some in self.shows.items()
        )
        for *_, key in shows:
            steps += [one.step for one in sorted(self.shows[key])]
            yield
        return tuple(steps)


class Planner:
    """Makes one plan: takes in what is known of each side, and then plans once."""

    def __init__(
        self, sides: Sequence[Side], question: Question, *, now: datetime
    ) -> None:
        """Prepare. Raises `ValueError` for what no plan can be made of."""
        names = [side.side_id for side in sides]
        if len(names) <= 1 or len(set(names)) < len(names):
            raise ValueError("it takes two sides or more, each of them once")
        if not question.sources and question.what is What.EXACT:
            raise ValueError("without a source there is nothing to be exactly like")
        if not question.sources <= set(names):
            raise ValueError("a source is none of the sides")
        sources = frozenset(names.index(one) for one in question.sources)
        targets = {
            number: side.capabilities
            for number, side in enumerate(sides)
            if number not in sources and side.capabilities is not None
        }
        if not targets:
            raise ValueError("there is no side to write to")
        shared = [
            server_id
            for server_id, count in Counter(side.server_id for side in sides).items()
            if server_id and count > 1
        ]
        self._numbers = {name: number for number, name in enumerate(names)}
        self._packed = Packed()
        self._rules = Rules(
            sides=tuple(sides),
            question=question,
            packed=self._packed,
            now=now,
            sources=sources,
            targets=targets,
            servers=[
                shared.index(side.server_id) if side.server_id in shared else None
                for side in sides
            ],
            named=None if question.only is None else set(),
        )
        self._drafts = {number: _Draft() for number in targets}

    def take_in(self, side_id: str, page: LibraryPage) -> None:
        """Take in what is known of a side, its shows too, in any order.

        What waits to be delivered there counts as done: hand over what an item will
        show. Some ten microseconds each.
        """
        side, rules = self._numbers[side_id], self._rules
        rows = self._packed.take_in(side, page, server=rules.servers[side])
        only = rules.question.only
        asked = only.get(side_id, frozenset[str]()) if only else frozenset[str]()
        if asked and rules.named is not None:
            rules.named.update(
                row
                for row, leaf in zip(rows, page.leaves, strict=True)
                if not asked.isdisjoint((leaf.item_id, *leaf.place.container_ids))
            )

    def plan(self) -> Generator[None, None, Plan]:
        """Make the plan, once everything was taken in; yields every few milliseconds.

        It can be run once.
        """
        yield from self._packed.unite()
        looked_at = 0
        for rows in self._packed.works():
            if rows is not None:
                looked_at += len(rows)
                yield from self._settle(rows)
            if rows is None or looked_at > _SLICE:
                looked_at = 0
                yield
        yield from self._add_probable()
        return (yield from self._finish())

    def _settle(self, rows: Sequence[int]) -> Generator[None]:
        """Put into the plan what comes of what may be one work."""
        if not any(map(self._packed.may_matter, rows)):
            return
        are_copies = self._packed.are_copies(rows)
        level = self._rules.level(rows) if are_copies else None
        if level is not None:
            for row in level:
                self._drafts[self._packed.side(row)].equal += 1
            return
        unit = Unit(self._rules, rows, are_copies=are_copies)
        settled = yield from unit.settle()
        for copy, followed, change in settled.changed:
            self._add(copy, followed, change)
        for target, count in settled.equal.items():
            self._drafts[target].equal += count
        for source, target, reason in settled.left_out:
            self._drafts[target].left_out[reason].append(source.row)

    def _add(
        self, copy: Known, source: Known, change: Change, *, is_probable: bool = False
    ) -> None:
        """Put a change into the plan, if the item has none yet."""
        draft, item = self._drafts[copy.side], copy.item
        if item.item_id in draft.items:
            return
        draft.items[item.item_id] = self._packed.state(source.row).last_played
        step = Step(
            item.item_id,
            change,
            self._packed.state(copy.row),
            self._rules.sides[source.side].side_id,
            source.item.item_id,
            fingerprint(item),
            is_probable,
        )
        played_at = source.now.played_at
        due = _Due(played_at, item.season or 0, item.episode or 0, item.item_id, step)
        is_film = item.kind is MediaKind.MOVIE
        if is_film:
            draft.films.append(due)
        else:
            draft.shows[self._packed.group_number(copy.row)].append(due)
        draft.counts[_count_of(change, step.shown, is_film=is_film)] += 1

    # --- what is probable ----------------------------------------------------------

    def _add_probable(self) -> Generator[None]:
        """Look for what is left out by its title and year."""
        for target, draft in self._drafts.items():
            rows = [
                row
                for reason in (Skip.NO_IDS, Skip.NOT_FOUND)
                for row in draft.left_out[reason]
            ]
            paired = set[int]()
            for one in likely(self._packed, rows, target):
                if one is None:
                    yield
                elif self._take_probable(one, draft):
                    paired.add(one.row)
            for reason, left in draft.left_out.items():
                draft.left_out[reason] = [row for row in left if row not in paired]

    def _take_probable(self, one: Likely, draft: _Draft) -> bool:
        """Note two that are not level; False where nothing is wanted of them.

        That something is not watched says too little of what may be another work.
        """
        rules = self._rules
        source, copy = rules.known(one.row), rules.known(one.copy)
        if copy.item.item_id in draft.items or not rules.is_meant(source, copy):
            return False
        change = rules.wanted(source, copy)
        if isinstance(change, Level | Skip) or isinstance(
            flag_of(change), MarkUnwatched
        ):
            return False
        draft.probable_count += 1
        if len(draft.probable) < MOST_ROWS:
            draft.probable.append(
                Probable(
                    rules.sides[source.side].side_id,
                    source.item.item_id,
                    copy.item.item_id,
                )
            )
        if rules.question.include_probable:
            self._add(copy, source, change, is_probable=True)
        return True

    # --- the end -------------------------------------------------------------------

    def _finish(self) -> Generator[None, None, Plan]:
        sides = self._rules.sides
        steps = {}
        for number, draft in self._drafts.items():
            steps[sides[number].side_id] = yield from draft.ordered()
        drafts = {
            sides[number].side_id: draft for number, draft in self._drafts.items()
        }
        plan_id = yield from self._digest(steps, drafts)
        return Plan(
            plan_id,
            steps,
            {side_id: draft.counted() for side_id, draft in drafts.items()},
            {side_id: self._left_out(draft) for side_id, draft in drafts.items()},
            {side_id: tuple(draft.probable) for side_id, draft in drafts.items()},
        )

    def _left_out(self, draft: _Draft) -> tuple[LeftOut, ...]:
        packed, sides = self._packed, self._rules.sides
        return tuple(
            LeftOut(sides[packed.side(row)].side_id, packed.item_id(row), reason)
            for reason, rows in sorted(draft.left_out.items())
            for row in rows[:MOST_ROWS]
        )

    def _digest(
        self, steps: Mapping[str, Sequence[Step]], drafts: Mapping[str, _Draft]
    ) -> Generator[None, None, str]:
        """Return what names the steps.

        What is known of a server's clock changes a little with each of its answers, and
        the dates that are written with it. So they count as that server tells them.
        """
        question = self._rules.question
        digest = blake2b(digest_size=8)
        _feed(
            digest,
            sorted(side.side_id for side in self._rules.sides),
            question.what,
            sorted(question.sources),
            question.since and question.since.astimezone(UTC),
            question.specials,
            question.only
            and sorted((one, sorted(ids)) for one, ids in question.only.items()),
            question.include_probable,
        )
        for side_id, some in sorted(steps.items()):
            _feed(digest, side_id)
            for number, step in enumerate(some):
                if number % _SLICE == 0:
                    yield
                shown = (step.shown.watched, step.shown.position)
                _feed(
                    digest,
                    step.item_id,
                    step.fingerprint,
                    _with_any_date(step.change),
                    drafts[side_id].items[step.item_id],
                    shown,
                )
        return digest.hexdigest()


def _with_any_date(change: Change) -> Change:
    """Return a change as all are that differ from it by their dates alone."""
    if isinstance(change, MarkUnwatched) or change.at is None:
        return change
    return replace(change, at=LONG_AGO)


def _feed(digest: blake2b, *values: object) -> None:
    digest.update(repr(values).encode(errors="surrogatepass"))


def _count_of(change: Change, shown: PlayState, *, is_film: bool) -> str:
    """Return the member of `Counts` that a change is counted in."""
    flag = flag_of(change)
    kind = "film" if is_film else "episode"
    if flag is None or (shown.watched and not isinstance(flag, MarkUnwatched)):
        return f"{kind}_positions"
    if isinstance(flag, MarkUnwatched):
        return f"{kind}s_to_unmark" if shown.watched else f"{kind}_positions"
    return f"{kind}s_to_mark"
