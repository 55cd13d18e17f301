"""Servers: made from an entry's data, looked for, and asked who they are.

With `signing_in` the only file that knows the servers' clients.
"""

import asyncio
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
import re
from typing import Any, Final

from aiohttp import ClientSession
from homeassistant.const import CONF_TOKEN, CONF_URL, CONF_VERIFY_SSL
from homeassistant.core import HomeAssistant

from .const import (
    CONF_ACCOUNT_TOKEN,
    CONF_CLIENT_ID,
    CONF_KIND,
    CONF_SERVER_ID,
    CONF_SERVER_NAME,
    CONF_USER_ID,
    CONF_USER_NAME,
    KIND_EMBY,
    KIND_JELLYFIN,
    KIND_PLEX,
    PRODUCTS,
)
from .core.errors import ServerError, Starting, UnsupportedVersion, WrongAddress
from .core.learnt import Learnt
from .core.ports import MediaServer, ServerInfo
from .core.restoring import DirectAccess
from .preferences import preferences
from .runtime import WatchedSyncConfigEntry
from .servers.jellyfin.client import (
    JellyfinClient,
    public_info as jellyfin_public_info,
)
from .servers.jellyfin.dialect import EMBY, JELLYFIN, Dialect
from .servers.jellyfin.direct import JellyfinDirect
from .servers.jellyfin.discovery import FoundServer, discover as jellyfin_discover
from .servers.plex.account import PlexTv, find_address
from .servers.plex.client import (
    PLEX_TV,
    UNKNOWN_ACCOUNT,
    PlexClient,
    server_id_at as plex_server_id_at,
)
from .servers.plex.direct import PlexDirect
from .servers.transport import Transport, parse_url, without_own_page
from .sessions import async_entry_session, async_shared_session

#: Seconds that the servers found in the network have to say what they are.
_INTRODUCTION: Final = 2.0

#: `ftp:/x` or `http:host`: a scheme, and not a host with its port.
_OTHER_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*:(?![0-9])", re.IGNORECASE)

#: What Jellyfin and Emby say differently, by the kind of server.
DIALECTS: Final[Mapping[str, Dialect]] = {KIND_JELLYFIN: JELLYFIN, KIND_EMBY: EMBY}


def normalise_url(url: str) -> str:
    """Return an address as it is stored: with scheme, without closing slash.

    `http://` is added where no scheme is given; a base path is kept, but not that of
    the server's own page, which people copy from their browser. Raises `WrongAddress`
    for anything that is no plain http or https address.
    """
    url = url.strip()
    if "://" not in url:
        if _OTHER_SCHEME.match(url):
            raise WrongAddress("the address is not an http or https address")
        url = f"http://{url}"
    return str(without_own_page(parse_url(url))).rstrip("/")


def known_info(data: Mapping[str, Any]) -> ServerInfo:
    """Return who answered when the entry was set up; the version is not stored."""
    return ServerInfo(
        server_id=data[CONF_SERVER_ID],
        server_name=data[CONF_SERVER_NAME],
        version="",
        user_id=data[CONF_USER_ID],
        user_name=data[CONF_USER_NAME],
    )


def create_server(
    hass: HomeAssistant,
    data: Mapping[str, Any],
    libraries: Collection[str] = (),
    session: ClientSession | None = None,
    learnt: Learnt | None = None,
) -> PlexClient | JellyfinClient:
    """Return the client for an entry's data; nothing is sent.

    Of *libraries* alone it lists and searches; none given means all of them.
    Without CONF_SERVER_ID in *data* the client does not know yet who ought to answer.
    *session* is the entry's own, once there is one, and so is what was *learnt* of the
    server. Raises `WrongAddress` for an address that is none.
    """
    session = session or async_shared_session(hass, verify_ssl=data[CONF_VERIFY_SSL])
    if data[CONF_KIND] == KIND_PLEX:
        return PlexClient(
            session,
            data[CONF_URL],
            data[CONF_TOKEN],
            client_id=data[CONF_CLIENT_ID],
            known=known_info(data) if CONF_SERVER_ID in data else None,
            plex_tv_url=PLEX_TV,
            libraries=libraries,
            learnt=learnt,
        )
    # Without being told whom to expect, the first probe reads the version as well,
    # and refuses one that is too old.
    return JellyfinClient(
        session,
        data[CONF_URL],
        data[CONF_TOKEN],
        user_id=data[CONF_USER_ID],
        device_id=data[CONF_CLIENT_ID],
        dialect=DIALECTS[data[CONF_KIND]],
        libraries=libraries,
        learnt=learnt,
    )


def entry_server(
    hass: HomeAssistant, entry: WatchedSyncConfigEntry, learnt: Learnt
) -> MediaServer:
    """Return the client an entry delivers with. Raises `WrongAddress`."""
    session = async_entry_session(hass, verify_ssl=entry.data[CONF_VERIFY_SSL])
    libraries = preferences(entry).libraries
    return create_server(hass, entry.data, libraries, session, learnt)


def create_checked(
    hass: HomeAssistant, data: Mapping[str, Any]
) -> tuple[PlexClient | JellyfinClient, DirectAccess]:
    """Return a client for an entry's data, and what a check asks past it.

    Raises `WrongAddress`.
    """
    client = create_server(hass, data)
    session = async_shared_session(hass, verify_ssl=data[CONF_VERIFY_SSL])
    url, token, client_id = data[CONF_URL], data[CONF_TOKEN], data[CONF_CLIENT_ID]
    if data[CONF_KIND] == KIND_PLEX:
        return client, PlexDirect(session, url, token, client_id=client_id)
    return client, JellyfinDirect(
        session,
        url,
        token,
        user_id=data[CONF_USER_ID],
        device_id=client_id,
        dialect=DIALECTS[data[CONF_KIND]],
    )


async def async_identify(hass: HomeAssistant, data: Mapping[str, Any]) -> ServerInfo:
    """Ask which server and user entry data lead to. Raises `ServerError`."""
    return await create_server(hass, data).identify()


async def async_is_same_account(
    hass: HomeAssistant, known: Mapping[str, Any], data: Mapping[str, Any]
) -> bool:
    """Whether the data of an entry, *known*, and new *data* are for one account.

    Both name server and user; a token of Plex that told nothing of its account when it
    was connected may do so by now, as its plays are known. A server that does not
    answer leaves it at what is known.
    """
    if known[CONF_SERVER_ID] != data[CONF_SERVER_ID]:
        return False
    if known[CONF_TOKEN] == data[CONF_TOKEN]:
        return True
    user_id: str = known[CONF_USER_ID]
    if known[CONF_KIND] == KIND_PLEX and user_id.startswith(UNKNOWN_ACCOUNT):
        with suppress(ServerError, TimeoutError):
            async with asyncio.timeout(_INTRODUCTION):
                user_id = (await async_identify(hass, known)).user_id
    return bool(user_id == data[CONF_USER_ID])


async def async_verify(hass: HomeAssistant, data: Mapping[str, Any]) -> ServerInfo:
    """Ask who answers where an entry's data lead to now. Raises `ServerError`.

    The token, which has not changed, is shown to no other server than the entry's.
    """
    known = known_info(data)
    server_id = await async_server_id(hass, data)
    if server_id not in (None, known.server_id):
        return replace(known, server_id=server_id)
    return await create_server(hass, data).probe()


async def async_server_id(hass: HomeAssistant, data: Mapping[str, Any]) -> str | None:
    """Ask which server answers at an address, without any token.

    None if it tells nobody. Raises `ServerError`; `WrongServer` for another product.
    """
    session = async_shared_session(hass, verify_ssl=data[CONF_VERIFY_SSL])
    url, client_id = data[CONF_URL], data[CONF_CLIENT_ID]
    if data[CONF_KIND] == KIND_PLEX:
        return await plex_server_id_at(session, url, client_id)
    dialect = DIALECTS[data[CONF_KIND]]
    transport = Transport(session, url, dialect.headers(client_id, None))
    return (await jellyfin_public_info(transport, dialect)).server_id


async def async_kind_at(hass: HomeAssistant, data: Mapping[str, Any]) -> str | None:
    """Tell which kind of server answers, where it is not the one in *data*.

    Asked without any token; None for something else, or what takes too long.
    """

    async def answers(kind: str) -> bool:
        try:
            await async_server_id(hass, {**data, CONF_KIND: kind})
        except Starting:
            # Plex has no words of its own for that: a 503 is anybody's.
            return kind != KIND_PLEX
        except UnsupportedVersion:
            return True
        except ServerError:
            return False
        return True

    others = [kind for kind in PRODUCTS if kind != data[CONF_KIND]]
    try:
        async with asyncio.timeout(_INTRODUCTION):
            found = await asyncio.gather(*map(answers, others))
    except TimeoutError:
        return None
    return next(
        (kind for kind, there in zip(others, found, strict=True) if there), None
    )


async def async_find_servers(hass: HomeAssistant) -> dict[str, dict[str, str]]:
    """Look for servers that can be connected: their name by address, by kind.

    Some are known to Home Assistant's own integrations, others answer a broadcast.
    Nothing is raised, and a network without an answer takes two seconds.
    """
    found: dict[str, dict[str, str]] = {}
    for kind, url, name in _known_to_home_assistant(hass):
        found.setdefault(kind, {})[url] = name
    servers = await jellyfin_discover()
    introductions = [
        asyncio.ensure_future(_introduce(hass, server, kind))
        for server in servers
        for kind in DIALECTS
    ]
    try:
        async with asyncio.timeout(_INTRODUCTION):
            for introduction in asyncio.as_completed(introductions):
                if (introduced := await introduction) is not None:
                    kind, url, name = introduced
                    found.setdefault(kind, {})[url] = name
    except TimeoutError:
        pass  # whoever is that slow can be typed in
    finally:
        for one in introductions:
            one.cancel()
    return found


def _known_to_home_assistant(hass: HomeAssistant) -> Iterator[tuple[str, str, str]]:
    """Give kind, address and name of what core's integrations are set up with."""
    for kind in (KIND_PLEX, KIND_JELLYFIN):
        for entry in hass.config_entries.async_entries(kind, include_ignore=False):
            # Plex keeps its address one level further down.
            data = entry.data.get("server_config", entry.data)
            if isinstance(url := data.get(CONF_URL), str):
                with suppress(WrongAddress):
                    yield kind, normalise_url(url), entry.title


async def _introduce(
    hass: HomeAssistant, server: FoundServer, kind: str
) -> tuple[str, str, str] | None:
    """Return kind, address and name of a server if it is of this kind."""
    data = {CONF_KIND: kind, CONF_CLIENT_ID: "discovery", CONF_VERIFY_SSL: True}
    for url in server.addresses:
        with suppress(ServerError):
            if await async_server_id(hass, {**data, CONF_URL: url}) == server.server_id:
                return kind, url, server.name
    return None


async def async_locate(hass: HomeAssistant, data: Mapping[str, Any]) -> dict[str, Any]:
    """Ask plex.tv where the server of an entry is now; return its changed data.

    For an entry that signed in at plex.tv. Raises `ServerError`.
    """
    server = await plex_tv(hass, data[CONF_CLIENT_ID]).server(
        data[CONF_ACCOUNT_TOKEN], data[CONF_SERVER_ID]
    )
    return {
        **data,
        CONF_URL: await find_address(async_shared_session(hass), server),
        CONF_TOKEN: server.token,
        CONF_VERIFY_SSL: True,
    }


def plex_tv(hass: HomeAssistant, client_id: str) -> PlexTv:
    """Return plex.tv, to be asked with an entry's own client id; nothing is sent."""
    return PlexTv(async_shared_session(hass), client_id, url=PLEX_TV)
