"""Everything up to and including one episode: what `scope: up_to` means.

It means the episodes with a lower season and number, in that order; where one of two
has no number, their dates decide. What has not been aired is never meant. Specials are
meant only if they are asked for, and then those that were aired no later than the
episode named. Up to a special means the specials before it.

A season that is meant as a whole becomes one request, the others one for each episode.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date

from ..core.errors import ItemGone
from ..core.identity import Item, MediaKind
from ..core.lane import Phase
from ..core.operation import Change, MarkUnwatched
from ..core.play_state import Reading
from ..core.reconcile import by_season, is_true_of, season_of
from ..failures import invalid
from ..naming.asking import CannotAsk, SkipReason, async_ask
from ..naming.found import LaneItem, Resolution, Skipped, nothing_found
from ..naming.known import derived_container
from ..runtime import Request, WatchedSyncConfigEntry, runtime_of
from .planning import Planned, already_true


@dataclass(slots=True)
class Stretch:
    """What several episodes named become: requests, and what was passed over."""

    planned: list[Planned] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Show:
    """The episodes of a show on one lane.

    They are *read* if the server was asked just now, and *true* as well if they were
    listed, and whoever changes them is heard of.
    """

    entry: WatchedSyncConfigEntry
    item: Item
    leaves: Sequence[Reading]
    read: bool
    true: bool

    def target(self, leaf: Reading) -> LaneItem:
        return LaneItem(self.entry, leaf.item, leaf if self.read else None)


async def async_up_to(
    resolution: Resolution, change: Change, *, include_specials: bool, today: date
) -> Stretch:
    """Return what it takes to bring everything up to the episodes found to *change*.

    Raises ServiceValidationError if something else than an episode was named, or if
    what comes before is known on no lane.
    """
    stretch = Stretch(skipped=list(resolution.skipped))
    named: list[LaneItem] = []
    for target in resolution.targets:
        item = target.item
        if item.kind is MediaKind.UNKNOWN:
            stretch.skipped.append(Skipped(target.entry, SkipReason.OFFLINE, item))
            continue
        if item.kind is not MediaKind.EPISODE:
            raise invalid("up_to_needs_episode", name=item.full_title)
        if item.show_id is None:
            raise invalid("no_show_above", name=item.full_title)
        named.append(target)
    found = False
    while named:
        entry, show_id = named[0].entry, named[0].item.show_id
        lane = [target.item for target in named if target.entry is entry]
        items = [item for item in lane if item.show_id == show_id]
        try:
            show = await _async_show(entry, items)
        except CannotAsk as err:
            stretch.skipped.extend(Skipped(entry, err.reason, one) for one in items)
        else:
            found = True
            listed = {leaf.item.item_id for leaf in show.leaves}
            # A show in several folders lists what names another folder's show, too.
            items = [item for item in lane if item.item_id in listed]
            meant = _meant(show.leaves, items, specials=include_specials)
            _plan(stretch, show, meant, change, today)
        done = {item.item_id for item in items}
        named = [
            target
            for target in named
            if target.entry is not entry or target.item.item_id not in done
        ]
    if not found:
        name = ", ".join(target.item.full_title for target in resolution.targets)
        raise nothing_found(name, stretch.skipped)
    return stretch


async def _async_show(entry: WatchedSyncConfigEntry, episodes: Sequence[Item]) -> _Show:
    """Return the show that has these episodes.

    Its server is asked only for what is not listed. Raises CannotAsk if it cannot be
    asked, or does not have them any more.
    """
    ids = {episode.item_id for episode in episodes}
    containers = (derived_container(one, MediaKind.SHOW) for one in episodes)
    show = next(container for container in containers if container is not None)
    lane = runtime_of(entry).lane
    listed = await lane.below(show)
    if listed and ids <= {leaf.item.item_id for leaf in listed}:
        is_heard_of = lane.health.phase is Phase.READY
        return _Show(entry, show, listed, read=False, true=is_heard_of)
    try:
        leaves = await async_ask(entry, lambda server: server.fetch_leaves(show))
    except ItemGone:
        raise CannotAsk(SkipReason.NOT_FOUND) from None
    if not ids <= {leaf.item.item_id for leaf in leaves}:
        raise CannotAsk(SkipReason.NOT_FOUND)
    return _Show(entry, show, leaves, read=True, true=True)


def _meant(
    leaves: Iterable[Reading], named: Sequence[Item], *, specials: bool
) -> list[Reading]:
    ids = {item.item_id for item in named}
    return [
        leaf
        for leaf in leaves
        if leaf.item.item_id in ids
        or any(_comes_before(leaf.item, last, specials=specials) for last in named)
    ]


def _comes_before(item: Item, last: Item, *, specials: bool) -> bool:
    """Whether *item* comes no later than *last*, and is of what is meant with it."""
    if item.is_special != last.is_special:
        return item.is_special and specials and _aired_before(item, last)
    place, end = _place(item), _place(last)
    if place is None or end is None:
        return _aired_before(item, last)
    return place <= end


def _place(item: Item) -> tuple[int, int] | None:
    """Return season and number; of a file with several episodes, that of the last."""
    number = item.episode if item.episode_end is None else item.episode_end
    if item.season is None or number is None:
        return None
    return item.season, number


def _aired_before(item: Item, last: Item) -> bool:
    return (
        item.aired is not None and last.aired is not None and item.aired <= last.aired
    )


def _plan(
    stretch: Stretch,
    show: _Show,
    meant: Sequence[Reading],
    change: Change,
    today: date,
) -> None:
    """Make requests of the episodes that are meant, as few as will do."""
    wanting: list[Reading] = []
    for leaf in meant:
        if leaf.item.aired is not None and leaf.item.aired > today:
            reason: SkipReason | None = SkipReason.NOT_AIRED
        else:
            shown = LaneItem(show.entry, leaf.item, leaf if show.true else None)
            reason = already_true(shown, change)
        if reason is None:
            wanting.append(leaf)
        else:
            stretch.skipped.append(Skipped(show.entry, reason, leaf.item))
    aired = {
        leaf.item.item_id
        for leaf in meant
        if leaf.item.aired is None or leaf.item.aired <= today
    }
    for below in by_season(wanting):
        whole = _whole_season(show, below, change, aired.__contains__)
        if whole is not None:
            request = Request(whole, change, include_specials=whole.is_special)
            known = runtime_of(show.entry).lane.ledger.reading(whole.item_id)
            target = LaneItem(show.entry, whole if known is None else known.item)
            stretch.planned.append(
                Planned(target, request, _changing(show, below, change))
            )
            continue
        stretch.planned.extend(
            Planned(
                show.target(leaf),
                Request(leaf.item, change),
                _changing(show, [leaf], change),
            )
            for leaf in below
        )


def _whole_season(
    show: _Show,
    wanting: Sequence[Reading],
    change: Change,
    is_meant: Callable[[str], bool],
) -> Item | None:
    """Return the season if one request for it says the same as one for each episode.

    That is so where everything in it is meant. A server that counts a mark once more
    is sent one for each episode if some are watched already.
    """
    ids = {leaf.item.item_id for leaf in wanting}
    all_in_it = next(
        below
        for below in by_season(show.leaves)
        if not ids.isdisjoint(leaf.item.item_id for leaf in below)
    )
    repeatable = (
        isinstance(change, MarkUnwatched)
        or not show.true
        or runtime_of(show.entry).server.capabilities.repeat_safe
    )
    if (
        len(wanting) <= 1
        or not all(is_meant(leaf.item.item_id) for leaf in all_in_it)
        or (len(wanting) < len(all_in_it) and not repeatable)
    ):
        return None
    return season_of(show.item, all_in_it)


def _changing(show: _Show, leaves: Iterable[Reading], change: Change) -> int:
    """Return how many episodes do not show, or want, what is asked for already."""
    outbox = runtime_of(show.entry).lane.outbox
    states = [outbox.desired(leaf.item, leaf.state) for leaf in leaves]
    return sum(not is_true_of(change, state) for state in states)
