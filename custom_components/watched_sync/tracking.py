"""Which films and shows an entry tracks, as its subentries say."""

from collections.abc import Iterator
from typing import Any

from homeassistant.config_entries import ConfigEntry, ConfigSubentry

from .const import CONF_ITEM, LOGGER, SUBENTRY_ITEM
from .core.codec import DAMAGE, decode_item
from .core.identity import Item


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
