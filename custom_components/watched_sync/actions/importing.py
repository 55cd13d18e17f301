"""The action `import_history`: what another program has for watched, as a plan."""

from typing import Final

from homeassistant.auth.permissions.const import POLICY_CONTROL
from homeassistant.core import ServiceCall, ServiceResponse
from homeassistant.util import dt as dt_util
from homeassistant.util.json import JsonObjectType, JsonValueType

from ..core.errors import CatalogueError
from ..core.importing.export import Export, Options
from ..core.importing.faults import ExportError
from ..core.level.plan import Question, What
from ..export_files import read
from ..failures import invalid, unreadable_export
from ..levelling.exported import ExportSide
from ..levelling.planning import LaneSide
from ..naming.exported import async_completed
from .fields import ATTR_ALL_WATCHED, ATTR_FILE, ATTR_INCLUDE_PROBABLE, ATTR_USER
from .lanes import async_choose_lanes
from .levelling import async_answer

#: Rows that were passed over that an answer names; all of them are counted.
MOST_NAMED: Final = 50


async def async_import_history(call: ServiceCall) -> ServiceResponse:
    """Plan to mark what an export has for watched, and do it if that is confirmed."""
    lanes = (await async_choose_lanes(call, POLICY_CONTROL)).for_whom()
    export = await _async_read(call)
    try:
        readings = await async_completed(export.readings, lanes.running)
    except CatalogueError as err:
        names = ", ".join(entry.title for entry in lanes.running)
        raise invalid("level_not_read", lane=names) from err
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
