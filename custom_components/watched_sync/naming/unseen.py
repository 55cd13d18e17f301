"""What is named before it is there, by ids of the world: what a change can wait for."""

from collections.abc import Iterable
from dataclasses import replace

from homeassistant.exceptions import ServiceValidationError

from ..core.identity import NO_IDS, Item, MediaKind, ProviderIds
from ..failures import invalid
from ..runtime import WatchedSyncConfigEntry, runtime_of
from .found import IfMissing, LaneItem, Resolution
from .names import ItemName
from .shows import ActionScope, numbered


def with_missing(
    resolution: Resolution,
    lanes: Iterable[WatchedSyncConfigEntry],
    words: ItemName,
    season: int | None,
    episode: int | None,
    scope: ActionScope,
    missing: IfMissing,
) -> Resolution:
    """Return what was found, and for lanes that do not have it what waits to be there.

    That is what waits already, where it is *missing* and may be claimed, or what would
    wait, where it is awaited. Raises ServiceValidationError for what cannot.
    """
    targets, skipped = list(resolution.targets), list(resolution.skipped)
    there = {target.entry.entry_id for target in targets}
    shown = {one.entry.entry_id: one.item for one in skipped if one.item is not None}
    elsewhere = targets[0].item if targets else None
    ids = words.ids or NO_IDS
    for entry in lanes:
        if entry.entry_id in there:
            continue
        if missing is IfMissing.AWAITED:
            kinds = (elsewhere.kind,) if elsewhere else words.kinds
            item = _unseen(words.name, kinds, ids, season, episode, scope)
            found = [_described(item, elsewhere, shown.get(entry.entry_id))]
        else:
            found = _waiting(entry, words, season, episode)
        targets += [LaneItem(entry, one) for one in found]
        if found:
            skipped = [one for one in skipped if one.entry is not entry]
    return Resolution(targets, skipped)


def _unseen(
    name: str,
    kinds: tuple[MediaKind, ...],
    ids: ProviderIds,
    season: int | None,
    episode: int | None,
    scope: ActionScope,
) -> Item:
    """Return the item that is meant by a name and a scope, as nobody has seen it yet.

    IMDb numbers everything together, so that its id needs no kind: it is a film or an
    episode. A whole show is only meant where that is said: one that is just being added
    grows for a while, and is marked as it is found first.
    """
    kind = kinds[0] if len(kinds) == 1 else MediaKind.UNKNOWN
    if season is not None:
        kind = MediaKind.SEASON if episode is None else MediaKind.EPISODE
    if scope is ActionScope.SHOW and (season is not None or MediaKind.SHOW in kinds):
        return Item.unseen(MediaKind.SHOW, ids)
    if scope is ActionScope.SEASON and season is not None:
        kind, episode = MediaKind.SEASON, None
    elif scope is not ActionScope.ITEM:
        raise invalid(f"no_{scope}_above", name=name)
    if kind is MediaKind.SHOW:
        raise invalid("when_there_whole_show", name=name)
    if kind is MediaKind.UNKNOWN and not ids.imdb:
        raise _of_no_kind(name, ids)
    item = Item.unseen(kind, ids, season, episode)
    return replace(item, title=numbered(name, season, episode))


def _of_no_kind(name: str, ids: ProviderIds) -> ServiceValidationError:
    """Return the error for an id that movies, shows and episodes have alike."""
    return invalid(
        "when_there_without_kind",
        name=name,
        movie=Item.unseen(MediaKind.MOVIE, ids).item_id,
        episode=Item.unseen(MediaKind.EPISODE, ids).item_id,
    )


def _described(item: Item, elsewhere: Item | None, show: Item | None) -> Item:
    """Return an item with what it is called where it is, or where its show is."""
    if elsewhere is not None and elsewhere.kind is item.kind:
        return replace(
            item,
            title=elsewhere.title,
            year=elsewhere.year,
            duration=elsewhere.duration,
            show_title=elsewhere.show_title,
        )
    if show is not None and item.season is not None:
        return replace(item, title=numbered(show.title, item.season, item.episode))
    return item


def _waiting(
    entry: WatchedSyncConfigEntry,
    words: ItemName,
    season: int | None,
    episode: int | None,
) -> list[Item]:
    """Return what waits to be there, or was given up, and is what was named."""
    outbox = runtime_of(entry).lane.outbox
    items = {
        one.item.item_id: one.item
        for one in (*outbox, *outbox.rejected)
        if one.item.is_unseen
    }
    ids = words.ids or NO_IDS
    return [
        item
        for item in items.values()
        if (season is None or (item.season, item.episode) == (season, episode))
        and (item.provider_ids.matches(ids) or item.show_provider_ids.matches(ids))
    ]
