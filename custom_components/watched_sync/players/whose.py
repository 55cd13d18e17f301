"""Whose session a player plays in, and on which lanes that is."""

from collections.abc import Awaitable, Sequence
from typing import Final

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import entity_registry as er

from ..const import (
    CONF_KIND,
    CONF_SERVER_ID,
    CONF_USER_ID,
    CONF_USER_NAME,
    KIND_EMBY,
    KIND_JELLYFIN,
    KIND_PLEX,
)
from ..core.ports import MediaServer
from ..failures import invalid
from ..naming.asking import CannotAsk, async_ask
from ..runtime import WatchedSyncConfigEntry
from .memory import Played, async_get_memory

#: What parts the server's id from the player's, in the unique ids of its players.
SEPARATORS: Final = {KIND_PLEX: ":", KIND_JELLYFIN: "-"}


def is_client_of(player: er.RegistryEntry, entry: WatchedSyncConfigEntry) -> str | None:
    """Return the id of the player on the server of *entry*, None if it has none.

    For Jellyfin that is the id of its session. Only players of the integrations that
    Home Assistant has for these servers are known to be their clients.
    """
    separator = SEPARATORS.get(player.platform)
    if separator is None or entry.data[CONF_KIND] != player.platform:
        return None
    player_id = player.unique_id.removeprefix(
        f"{entry.data[CONF_SERVER_ID]}{separator}"
    )
    return None if player_id == player.unique_id else player_id


@callback
def says_whose_session(hass: HomeAssistant, entity_id: str) -> bool:
    """Whether a player is of an integration that tells in whose session it plays."""
    registered = er.async_get(hass).async_get(entity_id)
    return registered is not None and registered.platform in (*SEPARATORS, KIND_EMBY)


def is_of_emby_user(entry: WatchedSyncConfigEntry, played: Played | None) -> bool:
    """Whether an Emby lane is of the user who plays: the app is named after them.

    Which server it is the player does not say, so its ids are worth nothing.
    """
    return entry.data[CONF_KIND] == KIND_EMBY and (
        played is None or _same_name(played.app, entry.data[CONF_USER_NAME])
    )


def _same_name(one: str | None, other: str) -> bool:
    return one is not None and one.casefold() == other.casefold()


async def lanes_of_session(
    hass: HomeAssistant,
    player: er.RegistryEntry,
    played: Played,
    on_server: Sequence[WatchedSyncConfigEntry],
    *,
    chosen: bool,
) -> Sequence[WatchedSyncConfigEntry]:
    """Return the lanes meant by what plays in somebody's session on their server.

    Even a single lane is not enough to know that it is theirs: a server has users
    that are not connected here. Plex says in every session whose it is, by name.
    Jellyfin's integration does not, but the server can be asked.
    """
    if player.platform == KIND_PLEX:
        known = played.user is not None
        theirs = [
            entry
            for entry in on_server
            if _same_name(played.user, entry.data[CONF_USER_NAME])
        ]
    else:
        user_id = await async_session_user(hass, player, played, on_server)
        known = user_id is not None
        theirs = [entry for entry in on_server if entry.data[CONF_USER_ID] == user_id]
    if known and not theirs:
        raise invalid(
            "player_of_other_user",
            entity_id=player.entity_id,
            lanes=", ".join(entry.title for entry in on_server),
        )
    if chosen:
        return on_server
    if len(theirs) != 1:
        raise invalid(
            "player_of_unknown_user",
            entity_id=player.entity_id,
            lanes=", ".join(entry.title for entry in on_server),
        )
    return theirs


async def async_session_user(
    hass: HomeAssistant,
    player: er.RegistryEntry,
    played: Played,
    lanes: Sequence[WatchedSyncConfigEntry],
) -> str | None:
    """Return the id of the user in whose Jellyfin session *played* plays or played.

    It is remembered, as the session may be gone when it is asked for again. None if
    no lane of the server may see that session, or none can be asked.
    """
    if played.user_id is not None:
        return played.user_id
    memory = async_get_memory(hass)
    key = memory.key(player.entity_id) or ""
    for entry in lanes:

        def ask(
            server: MediaServer, session_id: str = is_client_of(player, entry) or ""
        ) -> Awaitable[str | None]:
            return server.session_user(session_id)

        try:
            user_id = await async_ask(entry, ask)
        except CannotAsk:
            continue
        if user_id is not None:
            memory.note_user(player.entity_id, key, user_id)
            return user_id
    return None
