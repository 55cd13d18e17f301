"""Which films and shows an entry tracks, as its subentries say."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, Protocol

from homeassistant.config_entries import ConfigEntry, ConfigEntryState, ConfigSubentry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.entity import Entity
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .const import (
    CONF_ITEM,
    CONF_SERVER_ID,
    CONF_USER_ID,
    DOMAIN,
    LOGGER,
    SUBENTRY_ITEM,
)
from .core.codec import DAMAGE, decode_item
from .core.identity import Item

#: Seconds that the entities of a newly tracked item wait until it was read.
_FIRST_READING: Final = 10.0

type _Make = Callable[[Item], Iterable[Entity]]


class _Coordinator(Protocol):
    """What is told of the items that are tracked."""

    def async_track(self, items: Iterable[Item]) -> None:
        """Track these items from now on, and no others."""

    async def async_refresh(self) -> None:
        """Read everything."""


def tracked_item(subentry: ConfigSubentry) -> Item | None:
    """Return the item a subentry tracks, as it was when it was added.

    None where the subentry does not say it any more.
    """
    try:
        return decode_item(subentry.data[CONF_ITEM])
    except DAMAGE:
        return None


def tracked_items(entry: ConfigEntry[Any]) -> Iterator[tuple[ConfigSubentry, Item]]:
    """Yield each item that *entry* tracks, with its subentry; without damaged ones."""
    for subentry in entry.get_subentries_of_type(SUBENTRY_ITEM):
        if (item := tracked_item(subentry)) is not None:
            yield subentry, item


def log_damaged(entry: ConfigEntry[Any]) -> None:
    """Say in the log which subentries of *entry* do not say what they track."""
    for subentry in entry.get_subentries_of_type(SUBENTRY_ITEM):
        if tracked_item(subentry) is None:
            LOGGER.warning(
                "A tracked movie or show (subentry %s) is damaged and left out: "
                "choose it anew, or delete it",
                subentry.subentry_id,
            )


@callback
def device_name(hass: HomeAssistant, entry: ConfigEntry[Any], item: Item) -> str:
    """Return what the device of a tracked item is called.

    The lane is named with it where another lane tracks something of the same title.
    """
    title = item.full_title.casefold()
    others = (one for one in _entries(hass) if one.entry_id != entry.entry_id)
    if any(
        one.full_title.casefold() == title
        for other in others
        for _, one in tracked_items(other)
    ):
        return f"{item.full_title} - {entry.title}"
    return item.full_title


@callback
def async_name_devices(hass: HomeAssistant) -> None:
    """Call the devices of all tracked items by what tells them apart now."""
    devices = dr.async_get(hass)
    for entry in _entries(hass):
        lane_id = f"{entry.data[CONF_SERVER_ID]}:{entry.data[CONF_USER_ID]}"
        for _, item in tracked_items(entry):
            device = devices.async_get_device_by_identifier(
                (DOMAIN, f"{lane_id}:{item.item_id}"), entry.entry_id
            )
            if device is not None:
                devices.async_update_device(
                    device.id, name=device_name(hass, entry, item)
                )


class TrackedItems:
    """Keeps to what an entry tracks while it runs.

    A movie or show that is added or deleted costs no other entity a moment.
    """

    def __init__(
        self, hass: HomeAssistant, entry: ConfigEntry[Any], coordinator: _Coordinator
    ) -> None:
        """Begin with what *entry* tracks as it is set up."""
        self._hass = hass
        self._entry = entry
        self._coordinator = coordinator
        self._settings = _settings(entry)
        self._items = _by_subentry(entry)
        self._platforms: list[tuple[_Make, AddConfigEntryEntitiesCallback]] = []

    @callback
    def async_join(self, add: AddConfigEntryEntitiesCallback, make: _Make) -> None:
        """Add what *make* returns for each item that is tracked, now and later."""
        self._platforms.append((make, add))
        for subentry_id, item in self._items.items():
            add(make(item), config_subentry_id=subentry_id)

    async def async_update(self) -> bool:
        """Track what the entry says now; False if only a new start can follow it.

        That is so if anything else was changed, or an item was found again under
        another id.
        """
        before, now = self._items, _by_subentry(self._entry)
        if _settings(self._entry) != self._settings or any(
            now.get(subentry_id, item) != item for subentry_id, item in before.items()
        ):
            return False
        self._items = now
        self._coordinator.async_track(now.values())
        async_name_devices(self._hass)
        added = now.keys() - before.keys()
        if added:
            # Not cancelled when it takes longer: that would be a failure for everybody.
            reading = self._entry.async_create_background_task(
                self._hass,
                self._coordinator.async_refresh(),
                f"{DOMAIN} {self._entry.entry_id} reads what is tracked",
            )
            await asyncio.wait({reading}, timeout=_FIRST_READING)
        for make, add in self._platforms:
            for subentry_id in added & self._entry.subentries.keys():
                if self._entry.state is ConfigEntryState.LOADED:
                    add(make(now[subentry_id]), config_subentry_id=subentry_id)
        return True


def _entries(hass: HomeAssistant) -> list[ConfigEntry[Any]]:
    return hass.config_entries.async_entries(
        DOMAIN, include_ignore=False, include_disabled=False
    )


def _by_subentry(entry: ConfigEntry[Any]) -> dict[str, Item]:
    return {subentry.subentry_id: item for subentry, item in tracked_items(entry)}


def _settings(entry: ConfigEntry[Any]) -> tuple[Mapping[str, Any] | str, ...]:
    """Return what is read once, when an entry is set up: all but what it tracks."""
    others = {
        one.subentry_id: (dict(one.data), one.title, one.unique_id)
        for one in entry.subentries.values()
        if one.subentry_type != SUBENTRY_ITEM
    }
    return dict(entry.data), dict(entry.options), entry.title, others
