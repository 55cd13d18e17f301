"""From a show down to its seasons and episodes, and from those up to it."""

from dataclasses import replace
from enum import StrEnum

from ..core.errors import ItemGone
from ..core.identity import Item, MediaKind
from ..core.play_state import Reading
from ..core.ports import MediaServer
from ..failures import invalid
from .asking import CannotAsk, SkipReason, async_ask
from .found import LaneItem
from .known import derived_container, known_item, known_items


class ActionScope(StrEnum):
    """How far an action reaches from the item named."""

    ITEM = "item"
    SEASON = "season"
    SHOW = "show"
    UP_TO = "up_to"


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

    async def below(server: MediaServer) -> list[Reading]:
        leaves = [
            leaf
            for leaf in await server.fetch_leaves(show)
            if leaf.item.season == season
        ]
        if episode is not None:
            return [leaf for leaf in leaves if fits(leaf.item)]
        # Servers list seasons by their episodes: a season without any is not there.
        own = [leaf for leaf in leaves if leaf.item.show_id == show.item_id]
        season_ids = dict.fromkeys(
            leaf.item.season_id
            # Of a season that lies in several folders, one stands for all.
            for leaf in own or leaves
            if leaf.item.season_id is not None
        )
        return [
            replace(reading, item=reading.item.listed_for(show.item_id))
            for reading in (await server.fetch(list(season_ids))).values()
        ]

    try:
        readings = await async_ask(entry, below)
    except ItemGone:
        return []
    except CannotAsk:
        known = [LaneItem(entry, item) for item in known_items(entry) if fits(item)]
        if not known:
            raise
        return known
    return [LaneItem(entry, reading.item, reading) for reading in readings]


def climb(target: LaneItem, scope: ActionScope) -> LaneItem:
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
    known = known_item(target.entry, container.item_id)
    if known is None or not container.is_still(known):
        known = container
    return LaneItem(target.entry, known)
