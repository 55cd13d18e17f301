"""The rows that things leave in the history of Home Assistant.

The recorder is the real one, on a database in memory.
"""

from homeassistant.components.recorder.db_schema import (
    Events,
    EventTypes,
    States,
    StatesMeta,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import get_instance, session_scope
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)
from sqlalchemy import select

from custom_components.watched_sync.const import DOMAIN


class Rows:
    """The rows that were written, by what they are about."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Count all there are from now on."""
        self._hass = hass
        self._seen = 0

    async def new(self) -> list[str]:
        """Return what the rows since the last look are about, in their order."""
        await self._hass.async_block_till_done()
        await async_wait_recording_done(self._hass)
        rows = await get_instance(self._hass).async_add_executor_job(self._read)
        new, self._seen = rows[self._seen :], len(rows)
        return new

    def _read(self) -> list[str]:
        with session_scope(hass=self._hass, read_only=True) as session:
            states = select(States.last_updated_ts, StatesMeta.entity_id).join(
                StatesMeta, States.metadata_id == StatesMeta.metadata_id
            )
            events = select(Events.time_fired_ts, EventTypes.event_type).join(
                EventTypes, Events.event_type_id == EventTypes.event_type_id
            )
            ours = [
                *session.execute(states).all(),
                *(
                    one
                    for one in session.execute(events).all()
                    if str(one[1]).startswith(DOMAIN)
                ),
            ]
        return [str(about) for _, about in sorted(ours, key=lambda row: row[0] or 0)]
