"""What a name led to: items on lanes, lanes that were passed over, and works."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

from homeassistant.exceptions import ServiceValidationError

from ..core.identity import Item, MediaKind
from ..core.matching import contradict
from ..core.play_state import Reading
from ..core.titles import Likeness, closeness, likeness
from ..failures import invalid
from ..runtime import WatchedSyncConfigEntry, runtime_of
from ..words import async_kind
from .asking import SkipReason

#: Candidates an error lists; more would not help anybody to choose.
_CANDIDATES_SHOWN = 10


@dataclass(frozen=True, slots=True)
class LaneItem:
    """One item on one lane; *reading* is set if the server was asked just now.

    It is *listed* if the catalogue has it: as the server described it, some time ago.
    """

    entry: WatchedSyncConfigEntry
    item: Item
    reading: Reading | None = None
    listed: bool = False

    @property
    def described(self) -> bool:
        """Whether it is as its server has it, and not made up from its episodes."""
        return self.listed or self.reading is not None


@dataclass(frozen=True, slots=True)
class Skipped:
    """What was passed over, and why."""

    entry: WatchedSyncConfigEntry
    reason: SkipReason
    item: Item | None = None


class IfMissing(Enum):
    """What becomes of lanes that do not have what is named.

    REFUSED if none has it. CLAIMED where something may wait to be there. AWAITED where
    it is to wait: then a catalogue that knows all there is need not be doubted.
    """

    REFUSED = auto()
    CLAIMED = auto()
    AWAITED = auto()


@dataclass(slots=True)
class Resolution:
    """What an action means."""

    targets: list[LaneItem] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)


def nearest_first[T](
    found: Iterable[T], title: str, item_of: Callable[[T], Item]
) -> list[T]:
    """Return what was found in the order in which it sounds like *title*."""
    return sorted(found, key=lambda one: -closeness(title, item_of(one).title))


def same_work(one: Item, other: Item) -> bool:
    """Whether two items found by the same words are copies of one work."""
    if one.is_same_work(other):
        return True
    return (
        not (one.provider_ids and other.provider_ids)
        and one.kind is other.kind
        and one.year is not None
        and one.year == other.year
        and likeness(one.title, one.year, other.title, other.year) is Likeness.SAME
        and (one.season, one.episode) == (other.season, other.episode)
    )


def by_work[T](found: Iterable[T], item_of: Callable[[T], Item]) -> list[list[T]]:
    """Return what was found work by work, in the order in which the works came."""
    works: list[list[T]] = []
    alike: dict[tuple[MediaKind, int | None, int | None], list[list[T]]] = {}
    for one in found:
        item = item_of(one)
        # Comparing every episode of a long show with every other one takes too long.
        nearby = alike.setdefault((item.kind, item.season, item.episode), [])
        for work in nearby:
            first = item_of(work[0])
            if first == item or same_work(first, item):
                work.append(one)
                break
        else:
            works.append([one])
            nearby.append(works[-1])
    return works


def candidates(targets: Iterable[LaneItem]) -> str:
    """Return the list of what a name may mean, for a person to choose from.

    What is on several servers is listed once, with all of them behind it. Where two
    works are called alike, their ids tell them apart.
    """
    works: list[list[LaneItem]] = []
    for target in targets:
        for work in works:
            if _is_one_line(work[0].item, target.item):
                work.append(target)
                break
        else:
            works.append([target])
    names = Counter(work[0].item.full_title for work in works)
    lines = [
        _candidate(work, told_apart=names[work[0].item.full_title] > 1)
        for work in works
    ]
    more = ["…"] if len(lines) > _CANDIDATES_SHOWN else []
    return "; ".join([*lines[:_CANDIDATES_SHOWN], *more])


def _is_one_line(one: Item, other: Item) -> bool:
    """Whether two items are one work, or nothing tells a reader otherwise."""
    return same_work(one, other) or (
        one.kind is other.kind
        and one.full_title == other.full_title
        and not contradict(one.provider_ids, other.provider_ids)
    )


def _candidate(work: Sequence[LaneItem], *, told_apart: bool) -> str:
    """Return one line: `Dune (2021), Movie: Attic (Ada), Cellar (Ada)`."""
    item = work[0].item
    hass = runtime_of(work[0].entry).hass
    name = f"{item.full_title}, {async_kind(hass, item.kind)}"
    ids = (target.item.provider_ids.address(item.kind) for target in work)
    if told_apart and (address := next(filter(None, ids), None)):
        name = f"{name}, {address}"
    lanes = dict.fromkeys(target.entry.title for target in work)
    return f"{name}: {', '.join(lanes)}"


def nothing_found(
    name: str, skipped: Iterable[Skipped], similar: Sequence[LaneItem] = ()
) -> ServiceValidationError:
    """Return the error for a name that led to no item."""
    unasked = [one for one in skipped if one.reason is not SkipReason.NOT_FOUND]
    if unasked:
        still_looking = all(one.reason is SkipReason.STILL_LOOKING for one in unasked)
        return invalid(
            "still_looking" if still_looking else "cannot_look_up",
            name=name,
            lanes=", ".join(one.entry.title for one in unasked),
        )
    if similar:
        return invalid("only_similar", name=name, candidates=candidates(similar))
    return invalid("nothing_found", name=name)
