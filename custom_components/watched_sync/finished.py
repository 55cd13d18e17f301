"""Finding out whether a show is finished, when an episode of it became watched."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from homeassistant.core import HomeAssistant, callback
from homeassistant.util import dt as dt_util

from .const import DOMAIN, LOGGER
from .core.activity import MOST_AT_ONCE, Activity, ActivityKind
from .core.errors import ItemGone
from .core.identity import Item, MediaKind
from .core.play_state import Reading, reading_of
from .naming.asking import CannotAsk, SkipReason, async_ask
from .runtime import WatchedSyncConfigEntry

#: Shows remembered: as finished, so that one is not told of twice, and as due.
_REMEMBERED: Final = 100

#: Seconds after which news of an episode cannot be older than the look at its show.
_JUST_NOW: Final = 300.0


@dataclass(frozen=True, slots=True)
class _Due:
    """A show to be read, and the last thing that may have finished it."""

    show: Item
    activity: Activity


@dataclass(frozen=True, slots=True)
class _Told:
    """When a show was told of, and the episodes that were watched then."""

    at: float
    episodes: set[str]


class ShowsFinished:
    """Reads the shows of which something became watched, one after the other.

    A show is finished if all its episodes are watched that have been aired and are on
    the server, specials apart. Of a show that is known to have more nothing is read.
    """

    def __init__(
        self,
        hass: HomeAssistant,
        entry: WatchedSyncConfigEntry,
        tell: Callable[[Item, Activity], None],
    ) -> None:
        """Call *tell* with each show that was finished, and what finished it."""
        self._hass = hass
        self._entry = entry
        self._tell = tell
        self._due: dict[str, _Due] = {}
        self._running = False
        self._told: dict[str, _Told] = {}

    @callback
    def async_look(self, activities: Iterable[Activity]) -> None:
        """Look into the shows of these activities; the last ones if they are many."""
        due: dict[str, _Due] = {}
        for activity in activities:
            item = activity.item
            if item is None or item.show_id is None:
                continue
            known = self._just_told(item.show_id)
            if activity.what is ActivityKind.UNWATCHED:
                known.discard(item.item_id)
            elif (
                activity.what is ActivityKind.WATCHED
                and not activity.again
                and not item.is_special
                and item.item_id not in known
            ):
                due.pop(item.show_id, None)
                due[item.show_id] = _Due(_show_of(item, item.show_id), activity)
        for show_id in list(due)[-MOST_AT_ONCE:]:
            self._due.pop(show_id, None)
            self._due[show_id] = due[show_id]
        _keep_newest(self._due)
        if self._due and not self._running:
            self._running = True
            self._entry.async_create_background_task(
                self._hass,
                self._read(),
                f"{DOMAIN} {self._entry.entry_id} finished shows",
                eager_start=False,
            )

    def _just_told(self, show_id: str) -> set[str]:
        """Return the episodes of a show told of just now that are watched still."""
        told = self._told.get(show_id)
        if told is None or self._hass.loop.time() - told.at > _JUST_NOW:
            return set()
        return told.episodes

    async def _read(self) -> None:
        """Read what is due; while the server is away it stays due."""
        try:
            while self._due:
                show_id, due = next(iter(self._due.items()))
                is_finished = False
                try:
                    is_finished = await self._read_show(due)
                except ItemGone:
                    LOGGER.debug("A show is gone before it was known to be finished")
                except CannotAsk as err:
                    if err.reason is not SkipReason.SERVER_ERROR:
                        return
                    LOGGER.debug("Could not read whether a show is finished")
                except Exception:  # noqa: BLE001 - one show must not hold up others
                    LOGGER.exception("Looking whether a show is finished failed")
                # Another episode may have come while we were reading.
                if is_finished or self._due.get(show_id) is due:
                    self._due.pop(show_id, None)
        finally:
            self._running = False

    async def _read_show(self, due: _Due) -> bool:
        """Read a show; tell of it, and say so. Raises CannotAsk and ItemGone."""
        runtime = self._entry.runtime_data
        show = due.show
        if not all(_aired(await runtime.lane.below(show) or ()).values()):
            return False  # it is known to have more
        readings = await async_ask(
            self._entry, lambda server: server.fetch_leaves(show)
        )
        episode = due.activity.item
        if not any(episode and episode.is_still(leaf.item) for leaf in readings):
            return False  # the id is another show's by now
        leaves = _aired(map(runtime.lane.ledger.knowing, readings))
        if not leaves or not all(leaves.values()):
            return False
        # Rows of episodes do not say for certain which show is listed.
        shown = await async_ask(
            self._entry, lambda server: server.fetch([show.item_id])
        )
        if reading_of(show, shown) is None:
            return False
        self._told.pop(show.item_id, None)
        self._told[show.item_id] = _Told(self._hass.loop.time(), set(leaves))
        _keep_newest(self._told)
        known = runtime.lane.ledger.item(show.item_id) or show
        # Its very last episode may have come while we were reading.
        self._tell(known, self._due.get(show.item_id, due).activity)
        return True


def _aired(leaves: Iterable[Reading]) -> dict[str, bool]:
    """Return whether episodes are watched, by id; only those that count.

    One that somebody begins to watch again counts as watched.
    """
    today = dt_util.now().date()
    return {
        leaf.item.item_id: bool(leaf.state.keeping_flag().watched)
        for leaf in leaves
        if not leaf.item.is_special
        and (leaf.item.aired is None or leaf.item.aired <= today)
    }


def _show_of(episode: Item, show_id: str) -> Item:
    """Return as much of a show as its episode tells."""
    return Item(
        show_id,
        MediaKind.SHOW,
        episode.show_title or "",
        provider_ids=episode.show_provider_ids,
    )


def _keep_newest(shows: dict[str, Any]) -> None:
    while len(shows) > _REMEMBERED:
        del shows[next(iter(shows))]
