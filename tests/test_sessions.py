"""Sessions that keep no cookies."""

from aiohttp import DummyCookieJar
from homeassistant.const import EVENT_HOMEASSISTANT_CLOSE
from homeassistant.core import HomeAssistant
from homeassistant.helpers.aiohttp_client import async_get_clientsession

from custom_components.watched_sync.sessions import (
    async_entry_session,
    async_shared_session,
)


async def test_dialogs_share_a_session_that_keeps_no_cookies(
    hass: HomeAssistant,
) -> None:
    strict, lax = (async_shared_session(hass, verify_ssl=one) for one in (True, False))
    assert strict is async_shared_session(hass)
    assert strict is not lax
    assert isinstance(strict.cookie_jar, DummyCookieJar)
    # The connections are Home Assistant's.
    assert strict.connector is async_get_clientsession(hass).connector
    hass.bus.async_fire(EVENT_HOMEASSISTANT_CLOSE)
    await hass.async_block_till_done()
    assert strict.closed
    assert lax.closed


async def test_an_entry_has_a_session_of_its_own(hass: HomeAssistant) -> None:
    session = async_entry_session(hass, verify_ssl=True)
    assert session is not async_shared_session(hass)
    assert isinstance(session.cookie_jar, DummyCookieJar)
