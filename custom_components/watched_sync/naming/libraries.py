"""What the libraries of a lane are called."""

from collections.abc import Mapping

from ..runtime import WatchedSyncConfigEntry, runtime_of
from .asking import CannotAsk, async_look_up


async def async_library_names(entry: WatchedSyncConfigEntry) -> Mapping[str, str]:
    """Return the names of a lane's libraries by their ids.

    They are asked for once an hour; where the server cannot be asked they are those it
    told last, or none.
    """
    look_ups = runtime_of(entry).look_ups
    if look_ups.are_libraries_due:
        try:
            libraries = await async_look_up(entry, lambda server, _: server.libraries())
        except CannotAsk:
            return look_ups.libraries
        look_ups.note_libraries({one.library_id: one.title for one in libraries})
    return look_ups.libraries
