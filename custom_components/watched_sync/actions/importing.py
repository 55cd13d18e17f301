"""The action `import_history`: what another program has for watched, as a plan."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from homeassistant.auth.permissions.const import POLICY_CONTROL
from homeassistant.core import ServiceCall, ServiceResponse
from homeassistant.util import dt as dt_util
from homeassistant.util.json import JsonObjectType, JsonValueType

from ..core.errors import CatalogueError
from ..core.identity import MediaKind
from ..core.importing.export import Export, Options
from ..core.importing.faults import ExportError
from ..core.level import Question, What
from ..core.play_state import Reading
from ..export_files import read
from ..failures import invalid, unreadable_export
from ..levelling.exported import ExportSide
from ..levelling.planning import LaneSide
from ..runtime import WatchedSyncConfigEntry
from .fields import ATTR_ALL_WATCHED, ATTR_FILE, ATTR_INCLUDE_PROBABLE, ATTR_USER
from .lanes import async_choose_lanes
from .levelling import async_answer

#: Rows that were passed over that an answer names; all of them are counted.
MOST_NAMED: Final = 50


async def async_import_history(call: ServiceCall) -> ServiceResponse:
    """Plan to mark what an export has for watched, and do it if that is confirmed."""
    lanes = (await async_choose_lanes(call, POLICY_CONTROL)).for_whom()
    export = await _async_read(call)
    readings = await _async_known_kinds(export.readings, lanes.running)
    side = ExportSide(_file_name(call), readings)
    answer = await async_answer(
        call,
        [*map(LaneSide, lanes.running), side],
        Question(
            what=What.WATCHED,
            sources=frozenset({side.side.side_id}),
            include_probable=call.data[ATTR_INCLUDE_PROBABLE],
        ),
        not_loaded=lanes.not_loaded,
    )
    return {**(answer or {}), "export": _export_row(export)}


async def _async_read(call: ServiceCall) -> Export:
    options = Options(
        user=call.data.get(ATTR_USER), all_watched=call.data[ATTR_ALL_WATCHED]
    )
    try:
        return await call.hass.async_add_executor_job(
            read, call.hass, call.data[ATTR_FILE], options, dt_util.utcnow()
        )
    except ExportError as err:
        raise unreadable_export(err) from err


def _file_name(call: ServiceCall) -> str:
    name: str = call.data[ATTR_FILE]
    return name.rpartition("/")[2]


async def _async_known_kinds(
    readings: Sequence[Reading], entries: Sequence[WatchedSyncConfigEntry]
) -> list[Reading]:
    """Return readings of which each is a film or an episode.

    An id of IMDb's names one title, of whatever kind: the libraries say of which.
    """
    return [
        replace(one, item=replace(one.item, kind=await _async_kind(one, entries)))
        if one.item.kind is MediaKind.UNKNOWN
        else one
        for one in readings
    ]


async def _async_kind(
    reading: Reading, entries: Sequence[WatchedSyncConfigEntry]
) -> MediaKind:
    """Return the kind that the libraries know an id by; a film's if none has it."""
    for entry in entries:
        catalogue = entry.runtime_data.catalogue
        try:
            found = await catalogue.find(MediaKind.EPISODE, reading.item.provider_ids)
        except CatalogueError as err:
            raise invalid("level_not_read", lane=entry.title) from err
        if found:
            return MediaKind.EPISODE
    return MediaKind.MOVIE


def _export_row(export: Export) -> JsonObjectType:
    """Return what is told of a file: what was read of it, and what was not."""
    passed_over: list[JsonValueType] = [
        {
            "file": one.file,
            "row": one.row,
            "reason": one.reason.value,
            "title": one.title or None,
        }
        for one in export.notes[:MOST_NAMED]
    ]
    return {
        "formats": list(export.formats),
        "rows": export.rows,
        "titles": len(export.readings),
        "unknown_columns": list(export.unknown_columns),
        "passed_over": {
            reason.value: count for reason, count in export.passed_over.items()
        },
        "passed_over_rows": passed_over,
    }
