"""Dialogs that settle a repair issue: try again or give up, and take note of a loss."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final, override

from homeassistant.components.repairs import RepairsFlow, RepairsFlowResult
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.selector import (
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
)
import voluptuous as vol

from .const import (
    CONF_PERSON,
    ISSUE_LEVEL_OFFER,
    ISSUE_MASS_CHANGE,
    ISSUE_PERSON_NEEDED,
    ISSUE_RESTORED,
    ISSUE_UNDELIVERABLE,
)
from .core.errors import JournalError, Reason
from .core.level.levelling import Asked
from .core.level.plan import Plan
from .core.operation import Operation
from .dialogs.person import async_person_selector, likely_person
from .issues import async_look, async_mass_change, async_person_needed
from .levelling.carrying_out import UnderWay, levellings
from .levelling.offers import (
    LEFT,
    LEVEL,
    STARTED,
    Offer,
    async_settle,
    lanes_of,
    names,
    offer_of,
)
from .levelling.planning import LaneSide, NotRead, async_plan
from .markdown import plain
from .runtime import WatchedSyncConfigEntry
from .words import async_change, async_reason

#: The field in which single changes are chosen.
CONF_CHANGES: Final = "changes"

#: How long a dialog waits to see what comes of another attempt, in seconds.
SECONDS_WAITED = 10.0

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
    if issue_id.startswith(f"{ISSUE_LEVEL_OFFER}_"):
        entry_id = str((data or {}).get("entry_id"))
        return LevelOfferFlow(hass.config_entries.async_get_entry(entry_id))
    if issue_id.startswith(f"{ISSUE_PERSON_NEEDED}_"):
        entry_id = str((data or {}).get("entry_id"))
        return PersonFlow(hass.config_entries.async_get_entry(entry_id))
    return AcknowledgeFlow()


class UndeliverableFlow(RepairsFlow):
    """Offers to try again what was given up, or to drop it, all or some of it."""

    #: What can be chosen for the changes shown, by the steps' names.
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
        return self._ask(entry, "init", undecided)

    async def async_step_single(
        self, user_input: dict[str, list[str]] | None = None
    ) -> RepairsFlowResult:
        """Let the person choose some of them, and then what becomes of those."""
        if (entry := self._loaded) is None:
            return self.async_abort(reason="not_loaded")
        if not (undecided := self._still_undecided(entry)):
            return await self.async_step_init()
        errors: dict[str, str] = {}
        if user_input is not None:
            chosen = user_input[CONF_CHANGES]
            some = [one for one in undecided if one.operation_id in chosen]
            if some:
                return self._ask(entry, "chosen", some)
            errors["base"] = "nothing_chosen"
        return self.async_show_form(
            step_id="single",
            data_schema=vol.Schema(
                {
                    # Without a default the frontend chooses the first one by itself.
                    vol.Required(CONF_CHANGES, default=[]): self._selector(undecided)
                }
            ),
            errors=errors,
            description_placeholders={"name": plain(entry.title)},
        )

    async def async_step_chosen(
        self, _: dict[str, str] | None = None
    ) -> RepairsFlowResult:
        """Begin again with all of them."""
        return await self.async_step_init()

    async def async_step_try_again(
        self, _: dict[str, str] | None = None
    ) -> RepairsFlowResult:
        """Queue it again, deliver now, and show what is given up again."""
        if (entry := self._loaded) is None:
            return self.async_abort(reason="not_loaded")
        lane = entry.runtime_data.lane
        tried = [one.operation_id for one in self._still_undecided(entry)]
        try:
            await entry.runtime_data.async_retry(tried)
        except HomeAssistantError as err:
            return self.async_abort(reason=str(err.translation_key))
        entry.runtime_data.relay.nudge()
        await lane.ended(tried, SECONDS_WAITED)
        failed = [one for one in lane.outbox.rejected if one.operation_id in tried]
        if failed:
            return self._ask(entry, "failed_again", failed)
        if any(operation_id in lane.outbox for operation_id in tried):
            return self.async_abort(reason="queued_again")
        return await self.async_step_init()

    async def async_step_failed_again(
        self, _: dict[str, str] | None = None
    ) -> RepairsFlowResult:
        """Begin again with all of them."""
        return await self.async_step_init()

    async def async_step_discard(
        self, _: dict[str, str] | None = None
    ) -> RepairsFlowResult:
        """Drop what was shown; what failed meanwhile was not."""
        if (entry := self._loaded) is None:
            return self.async_abort(reason="not_loaded")
        dropped = [one.operation_id for one in self._still_undecided(entry)]
        try:
            await entry.runtime_data.async_discard(dropped)
        except HomeAssistantError as err:
            return self.async_abort(reason=str(err.translation_key))
        return await self.async_step_init()

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

    def _still_undecided(self, entry: WatchedSyncConfigEntry) -> list[Operation]:
        """Return what was shown and waits still for somebody to decide."""
        shown = set(self._shown)
        return [one for one in self._undecided(entry) if one.operation_id in shown]

    def _ask(
        self,
        entry: WatchedSyncConfigEntry,
        step_id: str,
        undecided: Collection[Operation],
    ) -> RepairsFlowResult:
        """Show some changes with their reasons, and ask what becomes of them."""
        self._shown = [operation.operation_id for operation in undecided]
        single = ("single",) if len(undecided) > 1 and step_id != "chosen" else ()
        return self.async_show_menu(
            step_id=step_id,
            menu_options=[*self.choices, *single],
            description_placeholders={
                "name": plain(entry.title),
                "count": str(len(undecided)),
                "reasons": self._reasons(undecided),
            },
        )

    def _selector(self, undecided: Iterable[Operation]) -> SelectSelector:
        return SelectSelector(
            SelectSelectorConfig(
                multiple=True,
                options=[
                    SelectOptionDict(
                        value=operation.operation_id,
                        label=f"{operation.item.full_title}: {self._said(operation)}",
                    )
                    for operation in undecided
                ],
            )
        )

    def _said(self, operation: Operation) -> str:
        change = async_change(self.hass, operation.change)
        return f"{change} ({self._reason(operation)})"

    def _reason(self, operation: Operation) -> str:
        return async_reason(self.hass, operation.last_error or Reason.UNEXPECTED)

    def _reasons(self, undecided: Iterable[Operation]) -> str:
        """Return a list of the reasons, with how many and which, most first."""
        titles: defaultdict[str, list[str]] = defaultdict(list)
        for operation in undecided:
            titles[self._reason(operation)].append(plain(operation.item.full_title))
        return "\n".join(
            f"- {reason}: {len(found)} ({_some(found)})"
            for reason, found in sorted(titles.items(), key=lambda one: -len(one[1]))
        )


class RestoredFlow(UndeliverableFlow):
    """Asks whether what came with a backup is to be sent, or to be dropped."""

    choices = ("send", "discard")

    async def async_step_send(
        self, _: dict[str, str] | None = None
    ) -> RepairsFlowResult:
        """Send what was shown, as if it had been asked for just now.

        What the server refuses then is asked about by itself, as any refusal is.
        """
        if (entry := self._loaded) is None:
            return self.async_abort(reason="not_loaded")
        sent = [one.operation_id for one in self._still_undecided(entry)]
        try:
            await entry.runtime_data.async_retry(sent)
        except HomeAssistantError as err:
            return self.async_abort(reason=str(err.translation_key))
        entry.runtime_data.relay.nudge()
        return await self.async_step_init()

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


class LevelOfferFlow(RepairsFlow):
    """Shows how lanes differ, and brings them level or leaves them as they are."""

    def __init__(self, entry: WatchedSyncConfigEntry | None) -> None:
        """Speak of what is offered because of the lane of *entry*."""
        self._entry = entry
        self._offer: Offer | None = None

    async def async_step_init(
        self, _: dict[str, str] | None = None
    ) -> RepairsFlowResult:
        """Show how much would change where, as it is now."""
        if (planned := await self._async_plan()) is None:
            return self.async_abort(reason=self._why)
        offer, lanes, plan = planned
        if not plan.total:
            await async_settle(self.hass, offer, LEVEL)
            return self.async_create_entry(data={})
        counts = plan.counts.values()
        titles = {lane.entry_id: plain(lane.title) for lane in lanes}
        return self.async_show_menu(
            step_id="init",
            menu_options=["start", "leave"],
            description_placeholders={
                "names": names(lanes),
                "count": str(plan.total),
                "lanes": "\n".join(
                    f"- {titles[target_id]}: {len(steps)}"
                    for target_id, steps in plan.steps.items()
                    if steps
                ),
                "watched": str(
                    sum(one.films_to_mark + one.episodes_to_mark for one in counts)
                ),
                "positions": str(
                    sum(one.film_positions + one.episode_positions for one in counts)
                ),
                "left_out": str(sum(sum(one.left_out.values()) for one in counts)),
            },
        )

    async def async_step_start(
        self, _: dict[str, str] | None = None
    ) -> RepairsFlowResult:
        """Bring them level, as they are now: what was shown may be a minute old."""
        if (planned := await self._async_plan()) is None:
            return self.async_abort(reason=self._why)
        offer, _lanes, plan = planned
        asked = Asked(
            offer.question.what.value, offer.side_ids, tuple(sorted(offer.sources))
        )
        try:
            if plan.total:
                await levellings(self.hass).async_start(plan, asked)
        except UnderWay:
            return self.async_abort(reason="levelling_under_way")
        except JournalError:
            return self.async_abort(reason="not_started")
        await async_settle(self.hass, offer, STARTED)
        return self.async_create_entry(data={})

    async def async_step_leave(
        self, _: dict[str, str] | None = None
    ) -> RepairsFlowResult:
        """Leave them as they are, and never ask again."""
        if self._offer is None:
            return self.async_abort(reason="not_loaded")
        await async_settle(self.hass, self._offer, LEFT)
        return self.async_create_entry(data={})

    _why = "not_loaded"

    async def _async_plan(
        self,
    ) -> tuple[Offer, Sequence[WatchedSyncConfigEntry], Plan] | None:
        """Return what is offered and what it comes to now; None sets why not."""
        self._why = "not_loaded"
        if (entry := _if_loaded(self._entry)) is None:
            return None
        offer = self._offer or offer_of(self.hass, entry)
        if offer is None or (lanes := lanes_of(self.hass, offer)) is None:
            return None
        self._offer = offer
        try:
            sides = [LaneSide(lane) for lane in lanes]
            plan = await async_plan(self.hass, sides, offer.question)
        except NotRead:
            self._why = "not_read"
            return None
        return offer, lanes, plan


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
