"""Dialogs that settle a repair issue: try again or give up, and take note of a loss."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any, override

from homeassistant.components.repairs import RepairsFlow, RepairsFlowResult
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir, translation
import voluptuous as vol

from .const import (
    CONF_PERSON,
    DOMAIN,
    ISSUE_MASS_CHANGE,
    ISSUE_PERSON_NEEDED,
    ISSUE_RESTORED,
    ISSUE_UNDELIVERABLE,
)
from .core.errors import Reason
from .core.operation import Operation
from .dialogs.person import async_person_selector, likely_person
from .issues import REASON_WORDS, async_look, async_mass_change, async_person_needed
from .markdown import plain
from .runtime import WatchedSyncConfigEntry

#: Titles named for each reason; an outage of a library has thousands.
_TITLES_SHOWN = 5


async def async_create_fix_flow(
    hass: HomeAssistant, issue_id: str, data: dict[str, str | int | float | None] | None
) -> RepairsFlow:
    """Return the dialog for an issue."""
    if issue_id.startswith(f"{ISSUE_UNDELIVERABLE}_"):
        entry_id = str((data or {}).get("entry_id"))
        return UndeliverableFlow(hass.config_entries.async_get_entry(entry_id))
    if issue_id.startswith(f"{ISSUE_RESTORED}_"):
        entry_id = str((data or {}).get("entry_id"))
        return RestoredFlow(hass.config_entries.async_get_entry(entry_id))
    if issue_id.startswith(f"{ISSUE_MASS_CHANGE}_"):
        entry_id = str((data or {}).get("entry_id"))
        return MassChangeFlow(hass.config_entries.async_get_entry(entry_id))
    if issue_id.startswith(f"{ISSUE_PERSON_NEEDED}_"):
        entry_id = str((data or {}).get("entry_id"))
        return PersonFlow(hass.config_entries.async_get_entry(entry_id))
    return AcknowledgeFlow()


class UndeliverableFlow(RepairsFlow):
    """Offers to try again what was given up, or to drop it."""

    #: What can be chosen, by the steps' names.
    choices = ("try_again", "discard")

    def __init__(self, entry: WatchedSyncConfigEntry | None) -> None:
        """Speak of the lane of *entry*."""
        self._entry = entry
        self._shown: list[str] = []

    async def async_step_init(
        self, _: dict[str, str] | None = None
    ) -> RepairsFlowResult:
        """Show what was given up and why, and let the person choose."""
        if (entry := self._loaded) is None:
            return self.async_abort(reason="not_loaded")
        undecided = self._undecided(entry)
        if not undecided:
            return self.async_create_entry(data={})
        self._shown = [operation.operation_id for operation in undecided]
        return self.async_show_menu(
            step_id="init",
            menu_options=list(self.choices),
            description_placeholders={
                "name": plain(entry.title),
                "count": str(len(undecided)),
                "reasons": await self._reasons(undecided),
            },
        )

    async def async_step_try_again(
        self, _: dict[str, str] | None = None
    ) -> RepairsFlowResult:
        """Queue it again, and deliver now."""
        if (entry := self._loaded) is None:
            return self.async_abort(reason="not_loaded")
        try:
            await entry.runtime_data.async_retry(self._still_undecided(entry))
        except HomeAssistantError as err:
            return self.async_abort(reason=str(err.translation_key))
        entry.runtime_data.relay.nudge()
        return self.async_create_entry(data={})

    async def async_step_discard(
        self, _: dict[str, str] | None = None
    ) -> RepairsFlowResult:
        """Drop what was shown; what failed meanwhile was not."""
        if (entry := self._loaded) is None:
            return self.async_abort(reason="not_loaded")
        try:
            await entry.runtime_data.async_discard(self._still_undecided(entry))
        except HomeAssistantError as err:
            return self.async_abort(reason=str(err.translation_key))
        return self.async_create_entry(data={})

    @callback
    @override
    def async_remove(self) -> None:
        """Look again: the end of a dialog withdraws the issue, come what may."""
        if (entry := self._loaded) is not None:
            async_look(self.hass, entry, entry.runtime_data.lane)

    @property
    def _loaded(self) -> WatchedSyncConfigEntry | None:
        return _if_loaded(self._entry)

    def _undecided(self, entry: WatchedSyncConfigEntry) -> Collection[Operation]:
        return entry.runtime_data.lane.outbox.rejected

    def _still_undecided(self, entry: WatchedSyncConfigEntry) -> list[str]:
        undecided = {one.operation_id for one in self._undecided(entry)}
        return [one for one in self._shown if one in undecided]

    async def _reasons(self, undecided: Iterable[Operation]) -> str:
        """Return a list of the reasons, with how many and which, most first."""
        words = await translation.async_get_translations(
            self.hass, self.hass.config.language, "entity", {DOMAIN}
        )
        titles: defaultdict[str, list[str]] = defaultdict(list)
        for operation in undecided:
            titles[operation.last_error or Reason.UNEXPECTED].append(
                plain(operation.item.full_title)
            )
        return "\n".join(
            f"- {words[f'{REASON_WORDS}.{reason}']}: {len(found)} ({_some(found)})"
            for reason, found in sorted(titles.items(), key=lambda one: -len(one[1]))
        )


class RestoredFlow(UndeliverableFlow):
    """Asks whether what came with a backup is to be sent, or to be dropped."""

    choices = ("send", "discard")

    async def async_step_send(
        self, _: dict[str, str] | None = None
    ) -> RepairsFlowResult:
        """Send what was shown, as if it had been asked for just now."""
        return await self.async_step_try_again()

    @override
    def _undecided(self, entry: WatchedSyncConfigEntry) -> Collection[Operation]:
        return entry.runtime_data.lane.outbox.held


class MassChangeFlow(RepairsFlow):
    """Asks whether what changed at once is to be copied to the other lanes."""

    def __init__(self, entry: WatchedSyncConfigEntry | None) -> None:
        """Speak of the lane of *entry*."""
        self._entry = entry
        self._shown: tuple[str, ...] = ()

    async def async_step_init(
        self, _: dict[str, str] | None = None
    ) -> RepairsFlowResult:
        """Show how much of what, and let the person choose."""
        if (entry := _if_loaded(self._entry)) is None:
            return self.async_abort(reason="not_loaded")
        mirroring = entry.runtime_data.mirroring
        held = mirroring.held
        if not held.count:
            return self.async_create_entry(data={})
        self._shown = held.item_ids
        targets = (
            self.hass.config_entries.async_get_entry(entry_id)
            for entry_id in mirroring.targets
        )
        return self.async_show_menu(
            # A library that looks lost is another question.
            step_id="emptied" if held.emptied else "init",
            menu_options=["leave", "copy"] if held.emptied else ["copy", "leave"],
            description_placeholders={
                "name": plain(entry.title),
                "targets": ", ".join(
                    sorted(plain(one.title) for one in targets if one)
                ),
                "count": str(held.count),
                "watched": str(held.watched),
                "unwatched": str(held.unwatched),
                "progress": str(held.progress),
            },
        )

    async def async_step_emptied(
        self, _: dict[str, str] | None = None
    ) -> RepairsFlowResult:
        """Show it as it is now."""
        return await self.async_step_init()

    async def async_step_copy(
        self, _: dict[str, str] | None = None
    ) -> RepairsFlowResult:
        """Copy what was shown; what came meanwhile was not."""
        if (entry := _if_loaded(self._entry)) is None:
            return self.async_abort(reason="not_loaded")
        entry.runtime_data.mirroring.async_approve(self._shown)
        return self.async_create_entry(data={})

    async def async_step_leave(
        self, _: dict[str, str] | None = None
    ) -> RepairsFlowResult:
        """Leave the other lanes as they are."""
        if (entry := _if_loaded(self._entry)) is None:
            return self.async_abort(reason="not_loaded")
        entry.runtime_data.mirroring.async_refuse(self._shown)
        return self.async_create_entry(data={})

    @callback
    @override
    def async_remove(self) -> None:
        """Look again: the end of a dialog withdraws the issue, come what may."""
        if (entry := _if_loaded(self._entry)) is not None:
            async_mass_change(self.hass, entry, entry.runtime_data.mirroring.held)


class PersonFlow(RepairsFlow):
    """Asks whose a lane is that was set up before anybody was asked."""

    def __init__(self, entry: WatchedSyncConfigEntry | None) -> None:
        """Speak of the lane of *entry*."""
        self._entry = entry

    async def async_step_init(
        self, _: dict[str, str] | None = None
    ) -> RepairsFlowResult:
        """Go on to the only step."""
        return await self.async_step_person()

    async def async_step_person(
        self, user_input: dict[str, Any] | None = None
    ) -> RepairsFlowResult:
        """Offer the same answers as when a lane is connected."""
        if (entry := _if_loaded(self._entry)) is None:
            return self.async_abort(reason="not_loaded")
        if user_input is not None:
            # The listener for changed options starts the entry anew.
            self.hass.config_entries.async_update_entry(
                entry, options={**entry.options, CONF_PERSON: user_input[CONF_PERSON]}
            )
            return self.async_create_entry(data={})
        selector = await async_person_selector(self.hass)
        likely = likely_person(self.hass, entry.data, entry)
        return self.async_show_form(
            step_id="person",
            data_schema=self.add_suggested_values_to_schema(
                vol.Schema({vol.Required(CONF_PERSON): selector}),
                {CONF_PERSON: likely},
            ),
            description_placeholders={"name": plain(entry.title)},
        )

    @callback
    @override
    def async_remove(self) -> None:
        """Look again: the end of a dialog withdraws the issue, come what may."""
        if (entry := _if_loaded(self._entry)) is not None:
            async_person_needed(self.hass, entry)


class AcknowledgeFlow(RepairsFlow):
    """Tells what happened; the issue goes once that was read."""

    async def async_step_init(
        self, _: dict[str, str] | None = None
    ) -> RepairsFlowResult:
        """Go on to the only step."""
        return await self.async_step_confirm()

    async def async_step_confirm(
        self, user_input: dict[str, str] | None = None
    ) -> RepairsFlowResult:
        """Show it until it is confirmed."""
        if user_input is not None:
            return self.async_create_entry(data={})
        issue = ir.async_get(self.hass).async_get_issue(self.handler, self.issue_id)
        return self.async_show_form(
            step_id="confirm",
            description_placeholders=issue.translation_placeholders if issue else None,
        )


def _if_loaded(entry: WatchedSyncConfigEntry | None) -> WatchedSyncConfigEntry | None:
    loaded = entry is not None and entry.state is ConfigEntryState.LOADED
    return entry if loaded else None


def _some(titles: list[str]) -> str:
    more = ["…"] if len(titles) > _TITLES_SHOWN else []
    return ", ".join([*titles[:_TITLES_SHOWN], *more])
