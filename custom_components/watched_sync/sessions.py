"""Sessions of our own: what a server sets as cookies is kept by nobody.

Home Assistant's shared session keeps cookies for all integrations together, without a
bound. The connections are its own all the same.
"""

from typing import Final

from aiohttp import ClientSession, DummyCookieJar
from homeassistant.const import EVENT_HOMEASSISTANT_CLOSE
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers.aiohttp_client import async_create_clientsession
from homeassistant.util.hass_dict import HassKey

from .const import DOMAIN

_SHARED: Final[HassKey[dict[bool, ClientSession]]] = HassKey(f"{DOMAIN}_sessions")


@callback
def async_entry_session(hass: HomeAssistant, *, verify_ssl: bool) -> ClientSession:
    """Return a session for the entry being set up; it ends when that is unloaded."""
    return async_create_clientsession(
        hass, verify_ssl=verify_ssl, cookie_jar=DummyCookieJar()
    )


@callback
def async_shared_session(
    hass: HomeAssistant, *, verify_ssl: bool = True
) -> ClientSession:
    """Return the session of dialogs and discovery; it ends with Home Assistant."""
    sessions = hass.data.setdefault(_SHARED, {})
    if verify_ssl not in sessions:
        session = async_create_clientsession(
            hass,
            verify_ssl=verify_ssl,
            auto_cleanup=False,
            cookie_jar=DummyCookieJar(),
        )
        sessions[verify_ssl] = session

        @callback
        def end(_: Event) -> None:
            session.detach()

        hass.bus.async_listen_once(EVENT_HOMEASSISTANT_CLOSE, end)
    return sessions[verify_ssl]
