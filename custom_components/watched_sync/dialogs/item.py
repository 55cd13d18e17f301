"""The dialog that tracks a movie or show, or finds it again under another id."""

from collections.abc import Sequence
from typing import Any, Final

from homeassistant.config_entries import (
    SOURCE_RECONFIGURE,
    ConfigEntryState,
    ConfigSubentry,
    ConfigSubentryFlow,
    SubentryFlowResult,
)
from homeassistant.core import callback
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.selector import (
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
)
from homeassistant.helpers.translation import async_get_translations
import voluptuous as vol

from ..const import CONF_ITEM, CONF_QUERY, DOMAIN
from ..core.codec import encode_item
from ..core.errors import ServerError
from ..core.identity import Item, MediaKind
from ..failures import flow_error
from ..markdown import plain
from ..naming.searching import async_browse
from ..runtime import WatchedSyncConfigEntry
from ..tracking import tracked_item, tracked_items
from .options import async_library_names

#: Candidates a search for an item to track shows.
CANDIDATES: Final = 25

#: The selector whose words name what kind of item a candidate is.
_KIND_WORDS: Final = "media_kind"

#: The kinds of what can be tracked.
_TRACKED: Final = (MediaKind.MOVIE, MediaKind.SHOW)


class TrackItemFlow(ConfigSubentryFlow):
    """Track a movie or a show: its own device, whatever is up next.

    An item that a server knows by another id now, as it was removed and added again,
    is found again: its device and entities stay what they are.
    """

    def __init__(self) -> None:
        """Begin with nothing found."""
        self._found: dict[str, Item] = {}

    async def async_step_user(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Search the server for a title."""
        return await self._async_search("user", user_input, _TRACKED)

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Search for the item that takes the place of a tracked one."""
        subentry = self._get_reconfigure_subentry()
        if (before := tracked_item(subentry)) is None:
            # It is damaged: nobody knows any more of which kind it was.
            return await self._async_search(
                "reconfigure", user_input, _TRACKED, called=subentry.title
            )
        return await self._async_search(
            "reconfigure",
            user_input,
            (before.kind,),
            query=before.title,
            called=before.full_title,
        )

    async def _async_search(
        self,
        step_id: str,
        user_input: dict[str, Any] | None,
        kinds: tuple[MediaKind, ...],
        *,
        query: str | None = None,
        called: str | None = None,
    ) -> SubentryFlowResult:
        """Search for one of *kinds*.

        *query* is suggested, and *called* is the full title of what is replaced.
        """
        entry: WatchedSyncConfigEntry = self._get_entry()
        if entry.state is not ConfigEntryState.LOADED:
            return self.async_abort(reason="entry_not_loaded")
        errors: dict[str, str] = {}
        if user_input is not None:
            try:
                found = await async_browse(
                    entry,
                    user_input[CONF_QUERY].strip(),
                    kinds,
                    CANDIDATES,
                    # Whoever stands before it need not wait until the lane tries again.
                    lambda question: question(entry.runtime_data.server),
                )
            except ServerError as err:
                errors["base"] = flow_error(err)
            else:
                items = [one.reading.item for one in found]
                self._found = {one.item_id: one for one in items}
                if not items:
                    errors[CONF_QUERY] = "nothing_found"
                elif not (self._found.keys() - self._tracked_ids(entry)):
                    errors[CONF_QUERY] = "already_tracked"
                else:
                    return await self.async_step_pick()
        elif query is not None:
            user_input = {CONF_QUERY: query}
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(
                vol.Schema({vol.Required(CONF_QUERY): TextSelector()}), user_input
            ),
            errors=errors,
            description_placeholders={"title": plain(called)} if called else None,
        )

    async def async_step_pick(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Let a person say which of the candidates is meant."""
        entry: WatchedSyncConfigEntry = self._get_entry()
        tracked = self._tracked_ids(entry)
        if user_input is not None:
            item = self._found[user_input[CONF_ITEM]]
            if item.item_id in tracked:
                return self.async_abort(reason="already_configured")
            if self.source == SOURCE_RECONFIGURE:
                return self._async_replace(entry, item)
            return self.async_create_entry(
                title=item.full_title,
                data={CONF_ITEM: encode_item(item)},
                unique_id=item.item_id,
            )
        candidates = [one for one in self._found.values() if one.item_id not in tracked]
        only = candidates[0].item_id if len(candidates) == 1 else ""
        return self.async_show_form(
            step_id="pick",
            data_schema=self.add_suggested_values_to_schema(
                vol.Schema(
                    {
                        vol.Required(CONF_ITEM): SelectSelector(
                            SelectSelectorConfig(
                                options=await self._async_labels(entry, candidates),
                                mode=SelectSelectorMode.LIST,
                            )
                        )
                    }
                ),
                # Where there is a choice, nothing is chosen beforehand.
                {CONF_ITEM: only},
            ),
        )

    @callback
    def _async_replace(
        self, entry: WatchedSyncConfigEntry, item: Item
    ) -> SubentryFlowResult:
        """Track *item* in another's place; automations go on as they were."""
        subentry = self._get_reconfigure_subentry()
        if item.item_id != subentry.unique_id:  # one that was damaged may stay the same
            self._async_move(entry, subentry, item)
        return self.async_update_and_abort(
            entry,
            subentry,
            title=item.full_title,
            data={CONF_ITEM: encode_item(item)},
            unique_id=item.item_id,
            reason="reconfigure_successful",
        )

    @callback
    def _async_move(
        self, entry: WatchedSyncConfigEntry, subentry: ConfigSubentry, item: Item
    ) -> None:
        """Hand device and entities of a tracked item over to *item*."""
        lane_id = entry.runtime_data.lane_id
        old, new = f"{lane_id}:{subentry.unique_id}", f"{lane_id}:{item.item_id}"
        devices = dr.async_get(self.hass)
        device = devices.async_get_device_by_identifier((DOMAIN, old), entry.entry_id)
        if device is not None:
            devices.async_update_device(device.id, new_identifiers={(DOMAIN, new)})
        entities = er.async_get(self.hass)
        for entity in er.async_entries_for_config_entry(entities, entry.entry_id):
            if entity.config_subentry_id == subentry.subentry_id:
                key = entity.unique_id.removeprefix(old)
                entities.async_update_entity(
                    entity.entity_id, new_unique_id=f"{new}{key}"
                )

    async def _async_labels(
        self, entry: WatchedSyncConfigEntry, items: list[Item]
    ) -> list[SelectOptionDict]:
        """Return what tells the candidates apart; the library only where it must."""
        words = await async_get_translations(
            self.hass, self.hass.config.language, "selector", [DOMAIN]
        )
        kinds = f"component.{DOMAIN}.selector.{_KIND_WORDS}.options"
        labels = [
            f"{one.title} ({one.year}) - {words[f'{kinds}.{one.kind.value}']}"
            if one.year
            else f"{one.title} - {words[f'{kinds}.{one.kind.value}']}"
            for one in items
        ]
        if len(set(labels)) < len(labels):
            chosen = {one.library_id for one in items if one.library_id}
            names = await async_library_names(entry, chosen)
            labels = _told_apart(
                labels, [names.get(one.library_id or "") for one in items]
            )
            labels = _told_apart(labels, [one.item_id for one in items])
        return [
            SelectOptionDict(value=one.item_id, label=label)
            for label, one in zip(labels, items, strict=True)
        ]

    def _tracked_ids(self, entry: WatchedSyncConfigEntry) -> set[str | None]:
        """Return what need not be offered; a damaged one can be chosen anew."""
        return {one.unique_id for one, _ in tracked_items(entry)}


def _told_apart(labels: Sequence[str], by: Sequence[str | None]) -> list[str]:
    """Add to each label that is not the only one of its kind what it differs *by*."""
    return [
        f"{label}, {more}" if more and labels.count(label) > 1 else label
        for label, more in zip(labels, by, strict=True)
    ]
