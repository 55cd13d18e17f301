"""The action `level`: show a plan, carry out the one that was shown, and steer it."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from homeassistant.auth.permissions.const import POLICY_CONTROL, POLICY_READ
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse
from homeassistant.util import dt as dt_util
from homeassistant.util.json import JsonObjectType

from ..const import DOMAIN
from ..core.errors import JournalError
from ..core.level.levelling import Asked, Levelling
from ..core.level.plan import Plan, Question, What
from ..failures import invalid, refusal
from ..levelling.answers import async_plan_rows, progress_row
from ..levelling.carrying_out import UnderWay, Unknown, levellings
from ..levelling.kept import KeptSide
from ..levelling.offers import async_settle_among
from ..levelling.planning import LaneSide, NotRead, PlanSide, async_plan
from ..naming.asking import SkipReason
from ..naming.found import Skipped
from ..permissions import Permit, async_permit
from ..preferences import person_of
from ..runtime import WatchedSyncConfigEntry
from ..words import async_sentence
from .answers import skipped_row, waiting_time
from .fields import (
    ATTR_BATCH_ID,
    ATTR_CONFIRM,
    ATTR_DIRECTION,
    ATTR_DRY_RUN,
    ATTR_EXTERNAL_ID,
    ATTR_GO_ON,
    ATTR_INCLUDE_PROBABLE,
    ATTR_INCLUDE_SPECIALS,
    ATTR_SINCE,
    ATTR_SOURCE,
    ATTR_STOP,
    ATTR_TITLE,
    ATTR_WHAT,
    DIRECTION_BOTH,
    DIRECTION_FROM,
)
from .lanes import Lanes, async_choose_lanes
from .targets import async_resolve

_NAMES = (ATTR_TITLE, ATTR_EXTERNAL_ID)


async def async_level(call: ServiceCall) -> ServiceResponse:
    """Bring lanes level, or say how far that is, stop it, or go on."""
    if call.data[ATTR_STOP] or call.data[ATTR_GO_ON] or ATTR_BATCH_ID in call.data:
        return await _async_steer(call)
    lanes = (await async_choose_lanes(call, POLICY_CONTROL)).for_whom()
    kept = _kept(call, lanes)
    if len(lanes.running) + len(kept) < 2:  # noqa: PLR2004 - two are the least
        raise invalid(
            "level_needs_two", lanes=", ".join(one.title for one in lanes.running)
        )
    what: What = call.data[ATTR_WHAT]
    sources = _sources(call, [*lanes.running, *kept])
    if sources.issuperset(entry.entry_id for entry in lanes.running):
        raise invalid("level_nobody_follows")
    if what is What.EXACT and not sources:
        raise invalid("level_exact_needs_source")
    since: datetime | None = call.data.get(ATTR_SINCE)
    only, title = await _async_only(call)
    question = Question(
        what=what,
        sources=sources,
        since=None if since is None else dt_util.as_utc(since),
        specials=call.data[ATTR_INCLUDE_SPECIALS],
        only=only,
        include_probable=call.data[ATTR_INCLUDE_PROBABLE],
    )
    return await async_answer(
        call,
        [
            *(LaneSide(entry) for entry in lanes.running),
            *(KeptSide(call.hass, entry) for entry in kept),
        ],
        question,
        title=title,
        not_loaded=[entry for entry in lanes.not_loaded if entry not in kept],
    )


async def async_answer(
    call: ServiceCall,
    sides: Sequence[PlanSide],
    question: Question,
    *,
    title: str | None = None,
    not_loaded: Sequence[WatchedSyncConfigEntry] = (),
) -> ServiceResponse:
    """Plan, and carry that out if the call confirms this very plan.

    *title* is the one work it is about. Of a plan that would be another by now the new
    one is answered, and nothing is done.
    """
    hass, wait = call.hass, waiting_time(call)
    try:
        plan = await async_plan(hass, sides, question)
    except NotRead as err:
        raise invalid("level_not_read", lane=err.title) from err
    answer: JsonObjectType = {
        "status": "planned",
        "batch_id": None,
        **await async_plan_rows(plan, sides),
        "skipped": [
            skipped_row(Skipped(entry, SkipReason.NOT_LOADED)) for entry in not_loaded
        ],
    }
    confirmed: str | None = call.data.get(ATTR_CONFIRM)
    if confirmed is None:
        return answer
    if confirmed != plan.plan_id:
        if not call.return_response:
            raise invalid("plan_changed")
        return {
            **answer,
            "status": "plan_changed",
            "message": async_sentence(hass, "plan_changed"),
        }
    if call.data[ATTR_DRY_RUN] or not plan.total:
        return answer
    levelling = await async_begin(
        hass,
        plan,
        Asked(
            what=question.what.value,
            side_ids=tuple(one.side.side_id for one in sides),
            source_ids=tuple(sorted(question.sources)),
            since=question.since,
            title=title,
        ),
    )
    if wait:
        await levellings(hass).async_wait(levelling.batch_id, wait)
    return {
        **answer,
        "status": levelling.state.value,
        "batch_id": levelling.batch_id,
        "levelling": progress_row(hass, levelling),
    }


async def async_begin(hass: HomeAssistant, plan: Plan, asked: Asked) -> Levelling:
    """Carry a plan out; raises what was wrong in words."""
    try:
        levelling = await levellings(hass).async_start(plan, asked)
    except UnderWay as err:
        raise invalid("levelling_under_way") from err
    except JournalError as err:
        raise refusal(err) from err
    # A file brings something in, and leaves the lanes as different as they were.
    is_among_lanes = all(map(hass.config_entries.async_get_entry, asked.source_ids))
    if asked.title is None and is_among_lanes:
        await async_settle_among(hass, asked.side_ids)
    return levelling


def _kept(call: ServiceCall, lanes: Lanes) -> list[WatchedSyncConfigEntry]:
    """Return the entries that are named as sources and do not run.

    What was read of their libraries is known all the same. Raises Unauthorized.
    """
    named: list[str] = call.data.get(ATTR_SOURCE, [])
    found = [
        entry
        for entry in call.hass.config_entries.async_entries(DOMAIN)
        if entry.entry_id in named and entry.state is not ConfigEntryState.LOADED
    ]
    lanes.permit.check(found)
    return found


def _sources(
    call: ServiceCall, entries: Sequence[WatchedSyncConfigEntry]
) -> frozenset[str]:
    """Return the ids of the lanes that the others are to follow, none for both ways.

    They are named by themselves, or by the persons they belong to.
    """
    named: list[str] = call.data.get(ATTR_SOURCE, [])
    direction = call.data.get(ATTR_DIRECTION)
    if direction == DIRECTION_FROM and not named:
        raise invalid("level_source_needed")
    if direction == DIRECTION_BOTH and named:
        raise invalid("level_source_both_ways")
    sources: set[str] = set()
    for source in named:
        found = {
            entry.entry_id
            for entry in entries
            if source in (entry.entry_id, person_of(entry))
        }
        if not found:
            raise invalid("level_source_unknown", source=source)
        sources |= found
    return frozenset(sources)


async def _async_only(
    call: ServiceCall,
) -> tuple[Mapping[str, frozenset[str]] | None, str | None]:
    """Return the ids of the one work that is meant, by lane, and what it is called."""
    if not any(name in call.data for name in _NAMES):
        return None, None
    resolution = await async_resolve(call, POLICY_CONTROL)
    only: dict[str, frozenset[str]] = {}
    for target in resolution.targets:
        entry_id = target.entry.entry_id
        only[entry_id] = only.get(entry_id, frozenset()) | {target.item.item_id}
    return only, resolution.targets[0].item.full_title


# --- steering ---------------------------------------------------------------


async def _async_steer(call: ServiceCall) -> ServiceResponse:
    """Stop a levelling, go on with it, or just say how far it is."""
    hass, data = call.hass, call.data
    if data[ATTR_STOP] and data[ATTR_GO_ON]:
        raise invalid("level_stop_and_go_on")
    changes = data[ATTR_STOP] or data[ATTR_GO_ON]
    permit = await async_permit(
        hass, call.context, POLICY_CONTROL if changes else POLICY_READ
    )
    batch_id = data.get(ATTR_BATCH_ID) or _only_batch(permit)
    try:
        found = await levellings(hass).async_find(batch_id)
    except Unknown as err:
        raise invalid("unknown_levelling", batch_id=batch_id) from err
    permit.check(_lanes_of(hass, found))
    wait = waiting_time(call)
    try:
        if data[ATTR_STOP] and not data[ATTR_DRY_RUN]:
            found = await levellings(hass).async_stop(batch_id)
        elif data[ATTR_GO_ON] and not data[ATTR_DRY_RUN]:
            found = await levellings(hass).async_go_on(batch_id)
    except JournalError as err:
        raise refusal(err) from err
    if wait:
        await levellings(hass).async_wait(batch_id, wait)
    return {
        "status": found.state.value,
        "batch_id": batch_id,
        "levelling": progress_row(hass, found),
    }


def _only_batch(permit: Permit) -> str:
    """Return the levelling that is meant where none was named: the only one."""
    found = [
        one.batch_id
        for one in levellings(permit.hass).under_way()
        if all(map(permit.allows, _lanes_of(permit.hass, one)))
    ]
    if len(found) != 1:
        raise invalid("several_levellings" if found else "no_levelling")
    return found[0]


def _lanes_of(
    hass: HomeAssistant, levelling: Levelling
) -> list[WatchedSyncConfigEntry]:
    """Return the lanes that a levelling writes to, as far as there are any left."""
    found = map(hass.config_entries.async_get_entry, levelling.parts)
    return [entry for entry in found if entry is not None]
