"""Make config entries of simulated servers, as the config flow would have."""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import aiohttp

from custom_components.watched_sync.const import (
    CONF_PERSON,
    ENTRY_MINOR_VERSION,
    PERSON_SHARED,
)
from custom_components.watched_sync.core.codec import encode_item
from custom_components.watched_sync.core.identity import Item, MediaKind
from custom_components.watched_sync.core.ports import MediaServer, ServerInfo
from custom_components.watched_sync.servers.jellyfin.client import (
    JellyfinClient,
    authenticate,
)
from custom_components.watched_sync.servers.plex.client import PlexClient

from .home import config_entry

type Json = dict[str, Any]


async def plex_entry(
    url: str,
    token: str,
    *,
    plex_tv: str,
    track: Sequence[str] = (),
    person: str = PERSON_SHARED,
) -> Json:
    """Return the entry of a token's user, whom *plex_tv* knows (an address).

    *track* names films and shows to track; *person* says whose plays they are, as the
    entry's option of that name does.
    """
    client_id = uuid4().hex
    async with aiohttp.ClientSession() as session:
        client = PlexClient(
            session, url, token, client_id=client_id, plex_tv_url=plex_tv
        )
        entry = await _entry("plex", url, token, client_id, client, track)
    return entry | {"options": {CONF_PERSON: person}}


async def jellyfin_entry(
    url: str,
    user: str,
    password: str,
    *,
    track: Sequence[str] = (),
    person: str = PERSON_SHARED,
) -> Json:
    """Return the entry of a user, signed in; the rest is as for `plex_entry`."""
    client_id = uuid4().hex
    async with aiohttp.ClientSession() as session:
        login = await authenticate(session, url, user, password, client_id)
        client = JellyfinClient(
            session,
            url,
            login.token,
            user_id=login.info.user_id,
            device_id=client_id,
        )
        entry = await _entry("jellyfin", url, login.token, client_id, client, track)
    return entry | {"options": {CONF_PERSON: person}}


async def _entry(
    kind: str,
    url: str,
    token: str,
    client_id: str,
    client: PlexClient | JellyfinClient,
    track: Sequence[str],
) -> Json:
    info: ServerInfo = await client.identify()
    items = [await _find(client, title) for title in track]
    return config_entry(
        title=f"{info.server_name} ({info.user_name})",
        unique_id=f"{info.server_id}:{info.user_id}",
        minor_version=ENTRY_MINOR_VERSION,
        data={
            "kind": kind,
            "url": url,
            "token": token,
            "verify_ssl": True,
            "client_id": client_id,
            "server_id": info.server_id,
            "server_name": info.server_name,
            "user_id": info.user_id,
            "user_name": info.user_name,
        },
        subentries=[
            {
                "data": {"item": encode_item(item)},
                "subentry_type": "item",
                "title": item.full_title,
                "unique_id": item.item_id,
            }
            for item in items
        ],
    )


async def _find(client: MediaServer, title: str) -> Item:
    """Return the film or show of exactly that title. Raises LookupError."""
    readings = await client.search(title, (MediaKind.MOVIE, MediaKind.SHOW), 25)
    for reading in readings:
        if reading.item.title == title:
            return reading.item
    raise LookupError(title)
