"""Backups: what is copied now may be sent before it comes back.

A queue that comes out of a backup holds requests that were delivered after the backup
was made. So the queue's file says that it is in a backup, as long as one is made.
"""

import asyncio

from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util

from .const import DOMAIN, LOGGER
from .core.errors import JournalError
from .runtime import WatchedSyncConfigEntry
from .store import BACKUP_SINCE


async def async_pre_backup(hass: HomeAssistant) -> None:
    """Have the files say that they are in a backup."""
    hass.data[BACKUP_SINCE] = dt_util.utcnow()
    await _save(hass)


async def async_post_backup(hass: HomeAssistant) -> None:
    """Have them say it no more."""
    hass.data.pop(BACKUP_SINCE, None)
    await _save(hass)


async def _save(hass: HomeAssistant) -> None:
    """Write the queues of all lanes; one that cannot be written fails no backup."""
    entries: list[WatchedSyncConfigEntry] = hass.config_entries.async_loaded_entries(
        DOMAIN
    )
    journals = [entry.runtime_data.journal for entry in entries]
    results = await asyncio.gather(
        *(journal.save() for journal in journals), return_exceptions=True
    )
    for journal, result in zip(journals, results, strict=True):
        if isinstance(result, JournalError):
            # Told of in a repair issue, and written as soon as that is possible.
            LOGGER.debug("%s was not written: %r", journal.key, result)
        elif isinstance(result, BaseException):
            raise result
