"""Checks of a connected server, and what one that was ended had left to be put back.

While something is tried the entry is unloaded: what the check does would be taken for
what its user did, and copied, and told to automations. What is put back after a crash
is put back before anybody listens to the server.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import uuid4

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.translation import async_get_translations
from homeassistant.util import dt as dt_util
from homeassistant.util.hass_dict import HassKey

from .connecting import create_checked
from .const import CONF_CLIENT_ID, DOMAIN, LOGGER
from .core import members
from .core.checking import Check, CheckRequest
from .core.facts import FACT_TEXTS, WORD_TEXTS, FactVerdict, FindingsTable
from .core.identity import Item
from .core.members import DamagedRow
from .core.restoring import RestoreNote, Stored, put_back
from .issues import async_check_not_put_back
from .runtime import HAClock, WatchedSyncConfigEntry
from .store import CheckNotes

#: What is being written to, by entry: the tasks that do, and put back.
_UNDER_WAY: Final[HassKey[dict[str, asyncio.Task[Any]]]] = HassKey(f"{DOMAIN}_checks")
_FOUND: Final[HassKey[dict[str, Mapping[str, object]]]] = HassKey(
    f"{DOMAIN}_check_findings"
)

#: A note is not acted on for longer: it may come out of a backup.
_KEPT_FOR: Final = timedelta(days=1)


class EntryCheck:
    """One check of the server of an entry, for its user: first it is to be read."""

    _check: Check

    def __init__(
        self,
        hass: HomeAssistant,
        entry: WatchedSyncConfigEntry,
        wanted: CheckRequest | None = None,
    ) -> None:
        """Prepare; nothing is asked."""
        self._hass = hass
        self._entry = entry
        self._wanted = wanted or CheckRequest()
        self._notes = CheckNotes(hass, entry.entry_id)
        self._left: Mapping[str, Stored] = {}

    @property
    def items(self) -> Sequence[Item]:
        """The film and the show that would be written to, as far as there are any."""
        return [one for one in (self._check.film, self._check.show) if one is not None]

    @property
    def left(self) -> Sequence[str]:
        """The titles of what could not be put back."""
        return [self._check.titles[one] for one in self._left]

    async def async_read(self) -> None:
        """Ask what takes no write. Raises `ServerError`.

        The entry goes on meanwhile, with the one socket that a server serves.
        """
        entry = self._entry
        client, direct = create_checked(self._hass, entry.data)
        self._check = Check(
            client,
            direct,
            await client.identify(),
            device_id=entry.data[CONF_CLIENT_ID],
            session_id=uuid4().hex,
            clock=HAClock(self._hass),
            sleep=asyncio.sleep,
            wanted=self._wanted,
        )
        await self._check.read(opens_socket=False)
        self._remember()

    async def async_write(self) -> None:
        """Try the rest, with the entry unloaded, and put everything back.

        Raises `JournalError` if it cannot be noted what to put back; nothing was
        written then.
        """
        entry_id = self._entry.entry_id
        task = self._hass.async_create_task(self._async_write(), eager_start=False)
        self._hass.data.setdefault(_UNDER_WAY, {})[entry_id] = task
        await task

    async def _async_write(self) -> None:
        hass, entry_id = self._hass, self._entry.entry_id
        try:
            if await hass.config_entries.async_unload(entry_id):
                self._left = await self._check.write(self._keep)
        finally:
            del hass.data[_UNDER_WAY][entry_id]
            self._remember()
            if hass.config_entries.async_get_entry(entry_id) and not hass.is_stopping:
                await hass.config_entries.async_reload(entry_id)

    async def _keep(self, note: RestoreNote | None) -> None:
        if note is None:
            await self._notes.async_remove()
            return
        await self._notes.async_save(
            {"at": dt_util.utcnow().isoformat(), "note": note.as_json()}
        )

    def _remember(self) -> None:
        """Keep what was found for the diagnostics."""
        self._hass.data.setdefault(_FOUND, {})[self._entry.entry_id] = {
            "at": dt_util.utcnow().isoformat(),
            "put_back": not self._left,
            "facts": [one.as_json() for one in self._check.findings],
        }

    @property
    def verdicts(self) -> Mapping[str, str]:
        """How many facts were found to be the same, to differ, or not tried."""
        counts = Counter(one.verdict for one in self._check.findings)
        return {one.value: str(counts[one]) for one in FactVerdict}

    async def async_table(self) -> str:
        """Return what was found, as a table in Home Assistant's language."""
        language = self._hass.config.language
        texts = await async_get_translations(self._hass, language, "selector", {DOMAIN})
        words = {
            f"{kind}.{key.removeprefix(prefix)}": text
            for kind in (FACT_TEXTS, WORD_TEXTS)
            for key, text in texts.items()
            if key.startswith(prefix := f"component.{DOMAIN}.selector.{kind}.options.")
        }
        return FindingsTable(words).table(self._check.findings)


@callback
def async_found(hass: HomeAssistant, entry_id: str) -> Mapping[str, object] | None:
    """Return what the last check found, since Home Assistant was started."""
    return hass.data.get(_FOUND, {}).get(entry_id)


@callback
def async_is_under_way(hass: HomeAssistant, entry_id: str) -> bool:
    """Whether a check writes to the server just now."""
    return entry_id in hass.data.get(_UNDER_WAY, {})


async def async_end(hass: HomeAssistant, entry_id: str) -> None:
    """End a check, which puts back what it wrote, and forget the entry."""
    if (task := hass.data.get(_UNDER_WAY, {}).get(entry_id)) is not None:
        task.cancel()
        await asyncio.wait([task])
    hass.data.get(_FOUND, {}).pop(entry_id, None)
    await CheckNotes(hass, entry_id).async_remove()


async def async_put_back(hass: HomeAssistant, entry: WatchedSyncConfigEntry) -> None:
    """Put back what a check had noted that could not do so itself.

    Raises `ServerError` where the server does not answer; the note stays then. What a
    server that answers does not take back is told in a repair issue.
    """
    notes = CheckNotes(hass, entry.entry_id)
    if (stored := await notes.async_load()) is None:
        return
    try:
        noted_at = members.moment(stored.get("at"))
        note = RestoreNote.from_json(stored.get("note"))
    except DamagedRow as err:
        LOGGER.warning("%s: the note of a check is damaged: %s", entry.title, err)
        await notes.async_remove()
        return
    if dt_util.utcnow() - noted_at > _KEPT_FOR:
        LOGGER.warning("%s: the note of a check is too old to act on", entry.title)
        await notes.async_remove()
        return
    client, direct = create_checked(hass, entry.data)
    left = await put_back(direct, note, asyncio.sleep, ())
    # Asked for whatever is left: without an answer nothing was put back.
    found = await client.fetch(left)
    if found:
        titles = [one.item.full_title for one in found.values()]
        async_check_not_put_back(hass, entry, titles)
    await notes.async_remove()
