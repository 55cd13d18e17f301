"""From how an action names something to the items meant, lane by lane.

An action names its target in exactly one way: by entity, item id, external id or
title. Whatever cannot be resolved for certain is an error, and then nothing is queued.
"""

from collections.abc import Mapping
from typing import Any

from homeassistant.const import Platform
from homeassistant.core import ServiceCall
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import (
    target as target_helpers,
)
from homeassistant.helpers.entity_platform import async_get_platforms

from ..const import DOMAIN
from ..core.identity import MediaKind
from ..dialogs.player import followed_entity_ids
from ..entity import ItemEntity
from ..failures import invalid
from ..naming.found import IfMissing, LaneItem, Resolution, nothing_found
from ..naming.names import ItemName, parse_external_id, title_words
from ..naming.played import async_plays, async_resolve_player
from ..naming.resolving import async_resolve_id, async_resolve_words
from ..naming.shows import ActionScope, async_refine, numbered
from ..naming.unseen import with_missing
from ..players.whose import says_whose_session
from ..runtime import WatchedSyncConfigEntry
from .fields import (
    ATTR_EPISODE,
    ATTR_EXTERNAL_ID,
    ATTR_ITEM_ID,
    ATTR_SCOPE,
    ATTR_SEASON,
    ATTR_TITLE,
    ATTR_YEAR,
)
from .lanes import Lanes, async_choose_lanes

# --- by entity --------------------------------------------------------------


def _selected_entities(
    call: ServiceCall, selection: target_helpers.TargetSelection, lanes: Lanes
) -> tuple[set[str], set[str]]:
    """Return the entities named, and those meant by device, area, floor or label.

    Raises Unauthorized if one of them is not permitted.
    """
    selected = target_helpers.async_extract_referenced_entity_ids(call.hass, selection)
    named = selected.referenced
    meant = selected.indirectly_referenced - named
    lanes.permit.check_entities(named | meant)
    return named, meant


def _for_player(entity_id: str, lanes: Lanes) -> Lanes:
    """Return the lanes that are meant where a player is named."""
    if lanes.caller is None and says_whose_session(lanes.permit.hass, entity_id):
        return lanes
    return lanes.for_whom(
        [
            entry
            for entry in lanes.meant
            if entity_id in followed_entity_ids(lanes.permit.hass, entry)
        ]
    )


async def _async_resolve_entities(
    call: ServiceCall, selection: target_helpers.TargetSelection, lanes: Lanes
) -> Resolution:
    named, meant = _selected_entities(call, selection, lanes)
    switches = {
        entity_id: entity
        for platform in async_get_platforms(call.hass, DOMAIN)
        if platform.domain == Platform.SWITCH
        for entity_id, entity in platform.entities.items()
        if isinstance(entity, ItemEntity)
    }
    targets: list[LaneItem] = []
    refusals: list[ServiceValidationError] = []
    for entity_id in (*sorted(named), *sorted(meant)):
        if switch := switches.get(entity_id):
            entry = switch.coordinator.config_entry
            if entity_id in meant and not lanes.takes_part(entry):
                # Others have theirs in the same room.
                continue
            # A switch reaches no further than the lane it belongs to.
            lanes.permit.check([entry])
            item = switch.item_to_mark() if lanes.permit.changes else switch.item
            if item is not None and entry in lanes.running:
                targets.append(LaneItem(entry, item))
            elif entity_id in named:
                raise (
                    invalid("switch_without_item", entity_id=entity_id)
                    if item is None
                    else invalid(
                        "entity_of_other_lane", entity_id=entity_id, lane=entry.title
                    )
                )
            continue
        if entity_id.startswith(f"{Platform.MEDIA_PLAYER}."):
            if entity_id in meant and not async_plays(call.hass, entity_id):
                # Somewhere in an area there is always one that played earlier on.
                continue
            try:
                of_player = _for_player(entity_id, lanes)
                targets += await async_resolve_player(
                    call.hass,
                    entity_id,
                    of_player.running,
                    chosen=of_player.are_chosen,
                )
            except ServiceValidationError as err:
                if entity_id in named:
                    raise
                # Somewhere in an area there is always one that plays music.
                if err.translation_key != "player_plays_nothing":
                    refusals.append(err)
            continue
        if entity_id in named:
            exists = call.hass.states.get(entity_id) is not None
            raise invalid(
                "entity_not_supported" if exists else "entity_not_found",
                entity_id=entity_id,
            )
    if not targets:
        # Something plays there, and this is why it cannot be named.
        raise refusals[0] if refusals else invalid("no_entity")
    return Resolution(targets)


# --- the way in -------------------------------------------------------------


def _check_naming(data: Mapping[str, Any], *, by_entity: bool) -> None:
    """Raise if the action names nothing, two things, or half of one."""
    ways = [key for key in (ATTR_ITEM_ID, ATTR_EXTERNAL_ID, ATTR_TITLE) if key in data]
    if by_entity:
        ways.insert(0, "target")
    if not ways:
        raise invalid("nothing_named")
    if len(ways) > 1:
        raise invalid("named_twice", ways=", ".join(f"`{way}`" for way in ways))
    if not by_entity and not str(data[ways[0]]).strip():
        raise invalid("nothing_named")
    if ATTR_YEAR in data and ATTR_TITLE not in data:
        raise invalid("year_without_title")
    if ATTR_EPISODE in data and ATTR_SEASON not in data:
        raise invalid("episode_without_season")
    if data.get(ATTR_SEASON, 0) < 0 or data.get(ATTR_EPISODE, 0) < 0:
        raise invalid("negative_number")


async def async_resolve(
    call: ServiceCall, policy: str, missing: IfMissing = IfMissing.REFUSED
) -> Resolution:
    """Return the items an action means, lane by lane.

    *policy* is what the caller must be permitted to do with the lanes. What is named by
    an external id may be *missing*. Raises Unauthorized, and ServiceValidationError if
    it names nothing, two things, something ambiguous or something that is not there.
    """
    data = call.data
    selection = target_helpers.TargetSelection(call.data)
    _check_naming(data, by_entity=selection.has_any_target)
    lanes = await async_choose_lanes(call, policy)
    in_show = ATTR_SEASON in data
    if ATTR_EXTERNAL_ID not in data:
        missing = IfMissing.REFUSED
    season, episode = data.get(ATTR_SEASON), data.get(ATTR_EPISODE)
    scope = ActionScope(data.get(ATTR_SCOPE, ActionScope.ITEM))
    if selection.has_any_target:
        name = ", ".join(sorted(selection.entity_ids))
        resolution = await _async_resolve_entities(call, selection, lanes)
    elif ATTR_ITEM_ID in data:
        name = data[ATTR_ITEM_ID]
        entry = _only(lanes.for_whom())
        resolution = Resolution([await async_resolve_id(entry, name)])
    else:
        lanes = lanes.for_whom()
        words = _words(data, in_show=in_show)
        name = words.name
        resolution = await async_resolve_words(
            lanes.running, words, lanes.not_loaded, missing
        )
    resolution = await async_refine(resolution, name, season, episode, scope, missing)
    if missing is IfMissing.REFUSED:
        return resolution
    resolution = with_missing(
        resolution, lanes.running, words, season, episode, scope, missing
    )
    if not resolution.targets:
        raise nothing_found(numbered(name, season, episode), resolution.skipped)
    return resolution


def _only(lanes: Lanes) -> WatchedSyncConfigEntry:
    """Return the one lane in whose words an item id is spoken."""
    # One that is not loaded at the moment might be the one that is meant.
    if len(lanes.running) + len(lanes.not_loaded) != 1:
        raise invalid("item_id_needs_lane")
    return lanes.running[0]


def _words(data: Mapping[str, Any], *, in_show: bool) -> ItemName:
    if ATTR_EXTERNAL_ID in data:
        text: str = data[ATTR_EXTERNAL_ID]
        kinds, ids = parse_external_id(text)
        if in_show:
            if MediaKind.SHOW not in kinds:
                raise invalid("season_without_show", name=text)
            kinds = (MediaKind.SHOW,)
        return ItemName(text, kinds, ids=ids)
    return title_words(
        data[ATTR_TITLE],
        data.get(ATTR_YEAR),
        (MediaKind.SHOW,) if in_show else (MediaKind.MOVIE, MediaKind.SHOW),
    )
