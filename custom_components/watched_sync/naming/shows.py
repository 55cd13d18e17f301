"""From a show down to its seasons and episodes, and from those up to it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from ..core.errors import ItemGone
from ..core.identity import Item, MediaKind
from ..core.play_state import Reading
from ..core.ports import Find, MediaServer
from ..failures import invalid
from ..runtime import runtime_of
from .asking import CannotAsk, SkipReason, async_look_up
from .found import IfMissing, LaneItem, Resolution, Skipped, nothing_found
from .known import (
    async_known,
    async_known_items,
    derived_container,
    known_items,
)
from .spoken import NamedWork


class ActionScope(StrEnum):
    """How far an action reaches from the item named."""

    ITEM = "item"
    SEASON = "season"
    SHOW = "show"
    UP_TO = "up_to"


# --- the way down -------------------------------------------------------------


async def async_descend(
    target: LaneItem, season: int, episode: int | None
) -> list[LaneItem]:
    """Return a season, or every copy of an episode, of the show *target* is.

    Raises CannotAsk if the server cannot be asked and the lane does not know them.
    """
    entry, show = target.entry, target.item
    if show.kind is MediaKind.UNKNOWN:
        raise CannotAsk(SkipReason.OFFLINE)
    if show.kind is not MediaKind.SHOW:
        raise invalid("season_without_show", name=show.full_title)

    def fits(item: Item) -> bool:
        if not show.covers(item) or item.season != season:
            return False
        if episode is None:
            return item.kind is MediaKind.SEASON
        return (
            item.kind is MediaKind.EPISODE
            and item.episode is not None
            and item.episode <= episode <= (item.episode_end or item.episode)
        )

    known = await async_known(entry, lambda catalogue: catalogue.below(show))
    leaves = [one.item for one in known.readings if one.item.season == season]
    listed = leaves if episode is not None else _seasons(show, leaves)
    found = [LaneItem(entry, one, listed=True) for one in listed if fits(one)]
    if known.whole and found:
        return found

    async def below(server: MediaServer, _: Find) -> list[Reading]:
        leaves = [
            leaf
            for leaf in await server.fetch_leaves(show)
            if leaf.item.season == season
        ]
        if episode is not None:
            return [leaf for leaf in leaves if fits(leaf.item)]
        season_ids = _season_ids(show, [leaf.item for leaf in leaves])
        return [
            replace(reading, item=reading.item.listed_for(show.item_id))
            for reading in (await server.fetch(season_ids)).values()
        ]

    try:
        readings = await async_look_up(entry, below)
    except ItemGone:
        return []
    except CannotAsk:
        if known.whole:
            return []
        there = {one.item.item_id for one in found}
        found += [
            LaneItem(entry, item)
            for item in known_items(entry)
            if fits(item) and item.item_id not in there
        ]
        if not found:
            raise
        return found
    return [LaneItem(entry, reading.item, reading) for reading in readings]


def _season_ids(show: Item, leaves: Sequence[Item]) -> list[str]:
    """Return the ids of the season that has these episodes.

    Servers list seasons by their episodes: a season without any is not there. Of one
    that lies in several folders, one stands for all.
    """
    own = [leaf for leaf in leaves if leaf.show_id == show.item_id]
    found = (leaf.season_id for leaf in own or leaves)
    return [*dict.fromkeys(one for one in found if one is not None)]


def _seasons(show: Item, leaves: Sequence[Item]) -> list[Item]:
    """Return what the episodes of a season say of it."""
    ids = _season_ids(show, leaves)
    first = {leaf.season_id: leaf for leaf in reversed(leaves)}
    seasons = (derived_container(first[one], MediaKind.SEASON) for one in ids)
    return [one.listed_for(show.item_id) for one in seasons if one is not None]


# --- the way up -----------------------------------------------------------------


async def async_climb(target: LaneItem, scope: ActionScope) -> LaneItem:
    """Return the season or show that *target* belongs to. Raises CannotAsk."""
    if scope in (ActionScope.ITEM, ActionScope.UP_TO):
        return target
    kind = MediaKind.SEASON if scope is ActionScope.SEASON else MediaKind.SHOW
    if target.item.kind is kind:
        return target
    if target.item.kind is MediaKind.UNKNOWN:
        raise CannotAsk(SkipReason.OFFLINE)
    container = derived_container(target.item, kind)
    if container is None:
        raise invalid(f"no_{kind}_above", name=target.item.full_title)
    item_id = container.item_id
    known = (await async_known_items(target.entry, [item_id])).get(item_id)
    if known is None or not container.is_still(known.item):
        return LaneItem(target.entry, container)
    return known


async def async_refine(
    resolution: Resolution,
    name: str,
    season: int | None,
    episode: int | None,
    scope: ActionScope,
    missing: IfMissing = IfMissing.REFUSED,
) -> Resolution:
    """Go down from what *name* led to by season and episode, then up by scope.

    Without a target nothing is found, unless it may be *missing*.
    """
    refined = Resolution(skipped=list(resolution.skipped))
    for target in resolution.targets:
        try:
            below = (
                [target]
                if season is None
                else await async_descend(target, season, episode)
            )
            found = [await async_climb(one, scope) for one in below]
        except CannotAsk as err:
            refined.skipped.append(Skipped(target.entry, err.reason, target.item))
            continue
        if not found:
            refined.skipped.append(
                Skipped(target.entry, SkipReason.NOT_FOUND, target.item)
            )
        refined.targets.extend(found)
    if not refined.targets and missing is IfMissing.REFUSED:
        raise nothing_found(numbered(name, season, episode), refined.skipped)
    # Two names may lead to one item, such as the last played one being up next.
    unique = {
        (target.entry.entry_id, target.item.item_id): target
        for target in refined.targets
    }
    return replace(refined, targets=list(unique.values()))


def numbered(name: str, season: int | None, episode: int | None) -> str:
    """Return the name of a season or episode, such as `Severance S02E05`."""
    if season is not None:
        name = f"{name} S{season:02}"
    return name if episode is None else f"{name}E{episode:02}"


# --- by place in the show ---------------------------------------------------


@dataclass(frozen=True, slots=True)
class Episodes:
    """The regular episodes of a show that were aired, on one lane and in order.

    Their states are those they will have once everything that waits is delivered.
    """

    target: LaneItem
    readings: Sequence[Reading]

    @property
    def next(self) -> Reading | None:
        """The first that was not watched."""
        return next((one for one in self.readings if one.state.watched is False), None)

    @property
    def newest(self) -> Reading | None:
        """The last that was aired and is there."""
        return self.readings[-1] if self.readings else None


async def async_episodes(
    work: NamedWork, today: date
) -> tuple[list[Episodes], list[Skipped]]:
    """Return the episodes of a show on every lane that can tell, and which cannot.

    Raises ServiceValidationError if something else than a show was named, or if no
    lane can tell.
    """
    if work.item.kind is not MediaKind.SHOW:
        raise invalid("season_without_show", name=work.item.full_title)
    told: list[Episodes] = []
    skipped = list(work.skipped)
    for target in work.targets:
        try:
            leaves = await _async_leaves(target)
        except CannotAsk as err:
            skipped.append(Skipped(target.entry, err.reason, target.item))
            continue
        outbox = runtime_of(target.entry).lane.outbox
        # Specials are not meant, nor is what has no number to name it by.
        readings = [
            Reading(leaf.item, outbox.desired(leaf.item, leaf.state))
            for leaf in leaves
            if leaf.item.season
            and leaf.item.episode is not None
            and (leaf.item.aired is None or leaf.item.aired <= today)
        ]
        told.append(Episodes(target, readings))
    if not told:
        raise nothing_found(work.item.full_title, skipped)
    return told, skipped


async def _async_leaves(target: LaneItem) -> Sequence[Reading]:
    """Return all episodes of a show; raises CannotAsk."""
    entry, show = target.entry, target.item
    if leaves := await runtime_of(entry).lane.below(show):
        return leaves
    try:
        return await async_look_up(entry, lambda server, _: server.fetch_leaves(show))
    except ItemGone:
        raise CannotAsk(SkipReason.NOT_FOUND) from None
    except CannotAsk:
        # Those of a tracked show are known before the libraries were read.
        if not (tracked := runtime_of(entry).coordinator.leaves(show.item_id)):
            raise
        return tracked
