"""Offering to bring lanes level: where one follows another, and where one is new.

It is offered once, as a repair issue, and only where something differs. Whoever has
answered is not asked again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.dispatcher import (
    async_dispatcher_connect,
    async_dispatcher_send,
)

from ..const import DOMAIN, ISSUE_LEVEL_OFFER, LOGGER, PERSON_SOMEBODY_ELSE
from ..core.inventory import Stage
from ..core.level.plan import Question
from ..markdown import plain
from ..preferences import is_person_chosen, person_of, preferences
from ..runtime import WatchedSyncConfigEntry
from .carrying_out import levellings
from .planning import LaneSide, NotRead, async_plan

#: Sent when the libraries of a lane are known as a whole.
_LISTED: Final = f"{DOMAIN}_listed"

#: What is remembered of an offer that cannot be made yet.
_PENDING: Final = "pending"

#: What an offer came to: what a person has said, or that there was nothing to say.
STARTED: Final = "started"
LEFT: Final = "left"
LEVEL: Final = "level"


@dataclass(frozen=True, slots=True)
class Offer:
    """Lanes that might be brought level, by their entry ids.

    `sources` are those that the others are to follow, none of them for both ways. `key`
    is what the answer is remembered by.
    """

    key: str
    side_ids: tuple[str, ...]
    sources: frozenset[str]

    @property
    def issue_id(self) -> str:
        """The id of its repair issue."""
        return f"{ISSUE_LEVEL_OFFER}_{self.key.replace(' ', '_')}"

    @property
    def question(self) -> Question:
        """What is to be asked of the lanes."""
        return Question(sources=self.sources)


@callback
def async_attach(
    hass: HomeAssistant, entry: WatchedSyncConfigEntry, *, is_new: bool
) -> CALLBACK_TYPE:
    """Offer to level the lane of *entry* once it is known; return what ends that.

    *is_new* is whether it was set up just now.
    """
    inventory = entry.runtime_data.inventory
    was_complete = False

    @callback
    def told() -> None:
        nonlocal was_complete
        is_complete = inventory.status.stage is Stage.COMPLETE
        if is_complete and not was_complete:
            async_dispatcher_send(hass, _LISTED)
        was_complete = is_complete

    @callback
    def look() -> None:
        _withdraw_old(hass)
        if offer_of(hass, entry) is not None:
            # Not at once: the entry may be being set up still.
            entry.async_create_background_task(
                hass,
                _async_look(hass, entry),
                f"{DOMAIN} {entry.entry_id} offer",
                eager_start=False,
            )

    if is_new:
        key = _new_key(entry)
        hass.async_create_task(levellings(hass).async_note_offer(key, _PENDING))
    removers = (
        inventory.add_listener(told),
        async_dispatcher_connect(hass, _LISTED, look),
    )
    told()

    @callback
    def detach() -> None:
        for remove in removers:
            remove()

    return detach


def offer_of(hass: HomeAssistant, entry: WatchedSyncConfigEntry) -> Offer | None:
    """Return what is to be offered because of a lane, None if nothing is."""
    answers = levellings(hass).offers
    there = {one.entry_id: one for one in hass.config_entries.async_entries(DOMAIN)}
    targets = sorted(
        (set(preferences(entry).mirror_to) & there.keys()) - {entry.entry_id}
    )
    if targets:
        follow_each_other = all(
            entry.entry_id in preferences(there[one]).mirror_to for one in targets
        )
        ids = (entry.entry_id, *targets)
        key = f"mirror {' '.join(sorted(ids) if follow_each_other else ids)}"
        sources = frozenset(() if follow_each_other else (entry.entry_id,))
        return None if key in answers else Offer(key, ids, sources)
    if answers.get(_new_key(entry)) != _PENDING:
        return None
    person = person_of(entry)
    if person == PERSON_SOMEBODY_ELSE or not is_person_chosen(entry):
        return None
    others = [
        one.entry_id
        for one in there.values()
        if one is not entry and person_of(one) == person and is_person_chosen(one)
    ]
    if not others:
        return None
    ids = tuple(sorted((entry.entry_id, *others)))
    key = f"person {' '.join(ids)}"
    return None if key in answers else Offer(key, ids, frozenset())


@callback
def open_offers(hass: HomeAssistant) -> list[Offer]:
    """Return what is offered now, and was neither answered nor ignored.

    Lanes may be offered it twice, as one is new and as one is to follow the other: then
    the latter, which says more.
    """
    issues = ir.async_get(hass)
    found: dict[frozenset[str], Offer] = {}
    for entry in hass.config_entries.async_entries(DOMAIN):
        offer = offer_of(hass, entry)
        if offer is None or lanes_of(hass, offer) is None:
            continue
        issue = issues.async_get_issue(DOMAIN, offer.issue_id)
        if issue is None or not issue.active or issue.dismissed_version is not None:
            continue
        if offer.sources:
            found[frozenset(offer.side_ids)] = offer
        else:
            found.setdefault(frozenset(offer.side_ids), offer)
    return [*found.values()]


def _new_key(entry: WatchedSyncConfigEntry) -> str:
    return f"new {entry.entry_id}"


def lanes_of(hass: HomeAssistant, offer: Offer) -> list[WatchedSyncConfigEntry] | None:
    """Return the lanes of an offer, None unless all of them run."""
    found: list[WatchedSyncConfigEntry] = []
    for entry_id in offer.side_ids:
        entry = hass.config_entries.async_get_entry(entry_id)
        if entry is None or entry.state is not ConfigEntryState.LOADED:
            return None
        found.append(entry)
    return found


async def _async_look(hass: HomeAssistant, entry: WatchedSyncConfigEntry) -> None:
    """Offer to level the lane, if it is to be offered and something differs."""
    offer = offer_of(hass, entry)
    if offer is None or (lanes := lanes_of(hass, offer)) is None:
        return
    issue = ir.async_get(hass).async_get_issue(DOMAIN, offer.issue_id)
    if issue is not None and issue.dismissed_version is not None:
        return
    if issue is not None and issue.active:
        return
    try:
        plan = await async_plan(
            hass, [LaneSide(lane) for lane in lanes], offer.question
        )
    except NotRead as err:
        LOGGER.debug("Whether lanes differ is not known yet: %s", err)
        return
    if not plan.total:
        await levellings(hass).async_note_offer(offer.key, LEVEL)
        return
    ir.async_create_issue(
        hass,
        DOMAIN,
        offer.issue_id,
        data={"entry_id": entry.entry_id},
        is_fixable=True,
        severity=ir.IssueSeverity.WARNING,
        translation_key=ISSUE_LEVEL_OFFER,
        translation_placeholders={"names": names(lanes)},
    )


def names(lanes: Sequence[WatchedSyncConfigEntry]) -> str:
    """Return what lanes are called, in one line."""
    return ", ".join(plain(lane.title) for lane in lanes)


async def async_settle(hass: HomeAssistant, offer: Offer, answer: str) -> None:
    """Remember what became of an offer, and offer it no more."""
    ir.async_delete_issue(hass, DOMAIN, offer.issue_id)
    await levellings(hass).async_note_offer(offer.key, answer)


async def async_settle_among(hass: HomeAssistant, side_ids: Sequence[str]) -> None:
    """Withdraw what was offered to lanes that are brought level by other means."""
    for entry in hass.config_entries.async_entries(DOMAIN):
        offer = offer_of(hass, entry)
        if offer is not None and set(offer.side_ids) <= set(side_ids):
            await async_settle(hass, offer, STARTED)
    _withdraw_old(hass)


@callback
def _withdraw_old(hass: HomeAssistant) -> None:
    """Withdraw what would be offered otherwise by now, or not at all."""
    entries = hass.config_entries.async_entries(DOMAIN)
    offers = [offer_of(hass, entry) for entry in entries]
    current = {one.issue_id for one in offers if one is not None}
    for issue_id in _issue_ids(hass) - current:
        ir.async_delete_issue(hass, DOMAIN, issue_id)


def _issue_ids(hass: HomeAssistant) -> set[str]:
    return {
        issue_id
        for domain, issue_id in ir.async_get(hass).issues
        if domain == DOMAIN and issue_id.startswith(f"{ISSUE_LEVEL_OFFER}_")
    }


@callback
def async_withdraw(hass: HomeAssistant, entry_id: str) -> None:
    """Withdraw what was offered to the lane of an entry that is gone."""
    for issue_id in {one for one in _issue_ids(hass) if entry_id in one}:
        ir.async_delete_issue(hass, DOMAIN, issue_id)
