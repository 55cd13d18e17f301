"""What media players play, as far as it can be named on a lane."""

from collections.abc import Mapping, Sequence

from homeassistant.components.media_player.const import (
    ATTR_MEDIA_CONTENT_ID,
    ATTR_MEDIA_CONTENT_TYPE,
    ATTR_MEDIA_TITLE,
    MediaType,
)
from homeassistant.core import HomeAssistant, State
from homeassistant.helpers import entity_registry as er

from .const import CONF_KIND, CONF_SERVER_ID, CONF_USER_NAME
from .core.identity import MediaKind
from .failures import invalid
from .lookup import Target, async_resolve_id
from .runtime import WatchedSyncConfigEntry

#: What a player says it plays, where that is something with a play state.
_PLAYED_KINDS: Mapping[str, MediaKind] = {
    MediaType.MOVIE: MediaKind.MOVIE,
    MediaType.EPISODE: MediaKind.EPISODE,
    MediaType.TVSHOW: MediaKind.EPISODE,
}


async def async_resolve_player(
    hass: HomeAssistant, entity_id: str, lanes: Sequence[WatchedSyncConfigEntry]
) -> Target:
    """Return what a player of the Plex or Jellyfin integration plays now.

    Such a player carries the id of its server in its unique id and the server's item
    id in `media_content_id` while it plays.
    """
    state = hass.states.get(entity_id)
    registered = er.async_get(hass).async_get(entity_id)
    if state is None:
        raise invalid("entity_not_found", entity_id=entity_id)
    separator = {"plex": ":", "jellyfin": "-"}.get(
        registered.platform if registered else ""
    )
    if registered is None or separator is None:
        raise invalid("player_not_supported", entity_id=entity_id)
    on_server = [
        entry
        for entry in lanes
        if entry.data[CONF_KIND] == registered.platform
        and registered.unique_id.startswith(f"{entry.data[CONF_SERVER_ID]}{separator}")
    ]
    if not on_server:
        raise invalid("player_of_other_server", entity_id=entity_id)
    # Plex says an item's id as a number.
    item_id = str(state.attributes.get(ATTR_MEDIA_CONTENT_ID) or "")
    kind = _PLAYED_KINDS.get(state.attributes.get(ATTR_MEDIA_CONTENT_TYPE, ""))
    if not item_id or kind is None:
        raise invalid("player_plays_nothing", entity_id=entity_id)
    return await async_resolve_id(
        _lane_of_player(state, on_server),
        item_id,
        state.attributes.get(ATTR_MEDIA_TITLE),
    )


def _lane_of_player(
    state: State, lanes: Sequence[WatchedSyncConfigEntry]
) -> WatchedSyncConfigEntry:
    """Return the lane of the user who plays; with one lane there is nothing to ask."""
    if len(lanes) == 1:
        return lanes[0]
    user_name = state.attributes.get("username")
    playing = [entry for entry in lanes if entry.data[CONF_USER_NAME] == user_name]
    if len(playing) != 1:
        raise invalid(
            "player_of_unknown_user",
            entity_id=state.entity_id,
            lanes=", ".join(entry.title for entry in lanes),
        )
    return playing[0]
