"""From what somebody said to the film or show that is meant, on every lane.

Ears are less exact than eyes, and there may be several ways to understand what was
said. Whatever is still not certain is asked back.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ..core.identity import Item, MediaKind
from ..core.titles import Likeness, likeness
from ..runtime import WatchedSyncConfigEntry
from .found import LaneItem, Skipped, by_work, nearest_first, nothing_found, same_work
from .looking_up import Answer, async_answers, async_known_answers
from .names import ItemName, title_words

#: Works that a question lists.
_CANDIDATES_ASKED = 5


class NotCertain(Exception):
    """What was said may mean several works, or nothing is called quite so.

    `candidates` is one item of each work to choose from.
    """

    def __init__(self, candidates: Sequence[LaneItem], *, is_similar: bool) -> None:
        """Remember what there is to choose from."""
        super().__init__()
        self.candidates = candidates
        self.is_similar = is_similar


@dataclass(frozen=True, slots=True)
class NamedWork:
    """One film or show, on each lane that has it.

    Under `name` nothing else is found; `skipped` are lanes that cannot tell.
    """

    targets: Sequence[LaneItem]
    name: ItemName
    skipped: Sequence[Skipped]

    @property
    def item(self) -> Item:
        """The work as the first lane describes it."""
        return self.targets[0].item


async def async_find_spoken(
    lanes: Sequence[WatchedSyncConfigEntry],
    guesses: Sequence[ItemName],
    kinds: tuple[MediaKind, ...],
) -> NamedWork:
    """Return the film or show that one of the *guesses* names, the first that does.

    A name is only good if nothing else has it, so all *kinds* are looked for. Raises
    NotCertain, and ServiceValidationError if nothing was found.
    """
    found: list[LaneItem] = []
    answers: list[Answer] = []
    # What one of them is known to name, no server is asked for by another.
    for ask in (async_known_answers, async_answers):
        for guess in guesses:
            answers = await ask(lanes, replace(guess, kinds=kinds))
            for answer in answers:
                found += [*answer.fitting, *answer.similar]
            if hits := guess.among(found):
                return _one_work(guess, hits, found, answers)
    # What a lane that is away happens to know is not like what was said.
    similar = [one for one in found if one.described]
    if similar:
        nearest = nearest_first(similar, guesses[0].name, lambda one: one.item)
        raise NotCertain(_distinct(nearest), is_similar=True)
    raise nothing_found(guesses[0].name, _skipped(answers))


def _skipped(answers: Iterable[Answer]) -> list[Skipped]:
    """Return the lanes that could not be asked and do not know it by themselves."""
    return [Skipped(one.entry, one.reason) for one in answers if one.reason is not None]


def _distinct(targets: Iterable[LaneItem]) -> list[LaneItem]:
    """Return one target of each work, in their order."""
    works = by_work(targets, lambda one: one.item)
    return [work[0] for work in works[:_CANDIDATES_ASKED]]


def _one_work(
    guess: ItemName,
    hits: Sequence[LaneItem],
    found: Sequence[LaneItem],
    answers: Sequence[Answer],
) -> NamedWork:
    if described := [one for one in hits if one.described]:
        # What a lane that is away knows by its title alone may be a remake.
        hits = [
            one
            for one in hits
            if one.described or any(same_work(one.item, two.item) for two in described)
        ]
    works = _distinct(hits)
    if len(works) > 1:
        raise NotCertain(works, is_similar=False)
    unique = {(one.entry.entry_id, one.item.item_id): one for one in hits}
    targets = list(unique.values())
    knowing = {target.entry.entry_id for target in targets}
    skipped = [one for one in _skipped(answers) if one.entry.entry_id not in knowing]
    name = guess if guess.ids is not None else _name(targets, found)
    return NamedWork(targets, name, skipped)


def _name(targets: Sequence[LaneItem], everything: Iterable[LaneItem]) -> ItemName:
    """Return the name by which exactly these are found, by title if that is enough."""
    item = targets[0].item
    years = {target.item.year for target in targets}
    year = years.pop() if len(years) == 1 else None
    rivals = [
        other
        for other in everything
        if likeness(item.title, year, other.item.title, other.item.year)
        is Likeness.SAME
        and not same_work(other.item, item)
    ]
    address = item.provider_ids.address(item.kind)
    if rivals and address is not None:
        return ItemName(address, (item.kind,), ids=item.provider_ids)
    return title_words(item.title, year, (item.kind,))
