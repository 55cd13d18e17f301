"""Follow a server to another address, if it proves to be the same one.

Whatever waits is kept by the server's identity, so it goes along.
"""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final

from homeassistant.config_entries import ConfigEntry, ConfigEntryState
from homeassistant.const import CONF_URL, CONF_VERIFY_SSL
from homeassistant.core import HomeAssistant, callback
from yarl import URL

from .connecting import async_locate, async_server_id
from .const import (
    CONF_ACCOUNT_TOKEN,
    CONF_CLIENT_ID,
    CONF_KIND,
    CONF_SERVER_ID,
    DOMAIN,
    KIND_PLEX,
    LOGGER,
)
from .core.errors import Reason, ServerError
from .core.lane import Lane, LaneUpdate, Phase

#: Where Plex listens unless it says otherwise.
PLEX_PORT: Final = 32400

#: How long a server is away before plex.tv is asked, and how long until the next time.
AWAY: Final = timedelta(minutes=5)
PAUSE: Final = timedelta(minutes=15)

#: Certificates of Plex servers are for names of addresses below this one.
_PLEX_DIRECT: Final = ".plex.direct"


async def announced_at(
    hass: HomeAssistant, host: str, port: int | None, client_id: str
) -> tuple[str, str] | None:
    """Return address and id of the Plex server that announced itself, if it answers.

    A server that wants encryption has no certificate for a bare address; who it is can
    be asked all the same, as no token is shown.
    """
    for scheme in ("http", "https"):
        url = str(URL.build(scheme=scheme, host=host, port=port or PLEX_PORT))
        data = {
            CONF_KIND: KIND_PLEX,
            CONF_CLIENT_ID: client_id,
            CONF_URL: url,
            CONF_VERIFY_SSL: False,
        }
        with suppress(ServerError):
            if (server_id := await async_server_id(hass, data)) is not None:
                return url, server_id
    return None


async def async_follow(hass: HomeAssistant, entry: ConfigEntry, url: str) -> None:
    """Take *url*, at which the server of *entry* is said to be, if that is true.

    An address at which it still answers stays, and an encrypted one is never given up
    for a plain one: the token goes there.
    """
    if await _answers(hass, entry, entry.data):
        return
    for candidate in _candidates(entry.data[CONF_URL], URL(url)):
        data = {**entry.data, CONF_URL: candidate}
        if await _answers(hass, entry, data):
            LOGGER.info("A Plex server has moved")
            async_save(hass, entry, data)
            return


@callback
def async_watch_address(hass: HomeAssistant, entry: ConfigEntry, lane: Lane) -> None:
    """Ask plex.tv where a server is that is away, if the entry may ask.

    The certificate of a Plex server is for a name that changes with the certificate,
    and a new router gives a new address.
    """
    asked: datetime | None = None

    @callback
    def look(_: LaneUpdate) -> None:
        nonlocal asked
        health, now = lane.health, lane.clock.now()
        if (
            health.phase is Phase.BACKING_OFF
            and health.reason in (Reason.UNREACHABLE, Reason.WRONG_SERVER)
            and now - health.since >= AWAY
            and (asked is None or now - asked >= PAUSE)
        ):
            asked = now
            entry.async_create_background_task(
                hass, _ask_plex_tv(hass, entry), f"{DOMAIN} asks plex.tv"
            )

    if CONF_ACCOUNT_TOKEN in entry.data:
        entry.async_on_unload(lane.add_listener(look))


async def _ask_plex_tv(hass: HomeAssistant, entry: ConfigEntry) -> None:
    try:
        data = await async_locate(hass, entry.data)
    except ServerError as err:
        LOGGER.debug("plex.tv knows no address: %r", err)
        return
    if data[CONF_URL] != entry.data[CONF_URL]:
        LOGGER.info("A Plex server has moved")
        async_save(hass, entry, data)


@callback
def async_save(
    hass: HomeAssistant, entry: ConfigEntry, data: Mapping[str, Any]
) -> None:
    """Change an entry's data, and start it anew with them."""
    changed = hass.config_entries.async_update_entry(entry, data=data)
    # The update listener of a loaded entry does this itself, if there is news.
    if not changed or entry.state is not ConfigEntryState.LOADED:
        hass.config_entries.async_schedule_reload(entry.entry_id)


async def _answers(
    hass: HomeAssistant, entry: ConfigEntry, data: Mapping[str, Any]
) -> bool:
    try:
        server_id = await async_server_id(hass, data)
    except ServerError:
        return False
    return bool(server_id == entry.data[CONF_SERVER_ID])


def _candidates(before: str, announced: URL) -> list[str]:
    """Return where the server may be now, no less encrypted than *before*."""
    old = URL(before)
    if old.scheme == "http":
        return [str(announced.with_scheme("http"))]
    host = announced.host or ""
    if (old.host or "").endswith(_PLEX_DIRECT):
        # 192-168-1-5.<hash>.plex.direct: the name tells the address.
        _, _, certificate = (old.host or "").partition(".")
        host = f"{host.replace('.', '-').replace(':', '-')}.{certificate}"
    return [str(URL.build(scheme="https", host=host, port=announced.port))]
