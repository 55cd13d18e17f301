"""Rows for the face: works, episodes and lanes as plain JSON."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, callback
from homeassistant.util.json import JsonObjectType

from ..actions.for_whom import counted_for, is_shared
from ..const import CONF_KIND, CONF_SERVER_NAME, CONF_USER_NAME, PERSON_SHARED
from ..core.identity import MediaKind
from ..core.works import Copy, Line
from ..images import picture_path
from ..persons import person_name
from ..preferences import person_of
from ..runtime import WatchedSyncConfigEntry, runtime_of
from .refs import item_ref, ref_of
from .whose import Audience, is_mine


def iso(time: datetime | date | None) -> str | None:
    """Return a time or a day as JSON has it."""
    return None if time is None else time.isoformat()


# --- works ---------------------------------------------------------------------------


def line_row(
    hass: HomeAssistant, line: Line, owners: Mapping[str, str], today: date
) -> JsonObjectType:
    """Return a film, show or episode; *owners* say by whom each lane is watched."""
    first = line.first
    item = first.item
    row: JsonObjectType = {
        "ref": ref_of(line),
        "kind": item.kind.value,
        "title": item.title,
        "full_title": item.full_title,
        "year": line.year,
        "picture": picture_path(hass, first.lane, item),
        "duration": line.duration,
        "watched": line.watched,
        "position": round(line.position, 3),
        "in_progress": line.begun,
        "last_played": iso(line.last_played),
        "sync_state": line.sync.value,
        "last_error": line.error and line.error.value,
        "agrees": line.agrees,
        "lanes": [_copy_row(one) for one in line.copies],
        "seen_by": [*seen_by(line, owners)],
    }
    match item.kind:
        case MediaKind.SHOW:
            row["episodes"], row["watched_episodes"] = line.counts
        case MediaKind.EPISODE:
            show_id = item.show_id
            row["show"] = item.show_title
            row["show_ref"] = None if show_id is None else item_ref(first.lane, show_id)
            row["season"] = item.season
            row["episode"] = item.episode
            row["episode_end"] = item.episode_end
            row["number"] = item.number
            row["special"] = item.is_special
    row["aired"] = iso(item.aired)
    row["unaired"] = item.aired is not None and item.aired > today
    return row


def _copy_row(copy: Copy) -> JsonObjectType:
    row: JsonObjectType = {
        "config_entry_id": copy.lane,
        "item_id": copy.item.id_there,
        "watched": copy.state.watched,
        "position": round(copy.state.position, 3),
        "last_played": iso(copy.state.last_played),
        "sync_state": copy.sync.value,
        "last_error": copy.error and copy.error.value,
        "server_watched": copy.server.watched,
        "server_position": round(copy.server.position, 3),
    }
    if copy.item.kind is MediaKind.SHOW:
        row["episodes"], row["watched_episodes"] = copy.episodes, copy.seen
    return row


def seen_by(line: Line, owners: Mapping[str, str]) -> list[str]:
    """Return who has watched a work, of those whose lanes are among *owners*."""
    found = {
        owners[copy.lane]
        for copy in line.work.copies
        if copy.lane in owners and copy.state.watched is True
    }
    return sorted(found - {PERSON_SHARED})


def household_rows(line: Line, owners: Mapping[str, str]) -> list[JsonObjectType]:
    """Return how far each of the household is with a work, whoever has it."""
    by_owner: dict[str, list[Copy]] = {}
    for copy in line.work.copies:
        if copy.lane in owners:
            by_owner.setdefault(owners[copy.lane], []).append(copy)
    rows: list[JsonObjectType] = []
    for owner, copies in sorted(by_owner.items()):
        flags = {one.state.watched for one in copies}
        played = [at for one in copies if (at := one.state.last_played) is not None]
        row: JsonObjectType = {
            "key": owner,
            "watched": True if True in flags else None if None in flags else False,
            "position": round(max(one.state.position for one in copies), 3),
            "last_played": iso(max(played, default=None)),
        }
        if line.kind is MediaKind.SHOW:
            row["episodes"] = max((one.episodes or 0) for one in copies)
            row["watched_episodes"] = max((one.seen or 0) for one in copies)
        rows.append(row)
    return rows


# --- lanes ---------------------------------------------------------------------------


@callback
def lane_health_row(entry: WatchedSyncConfigEntry, me: str | None) -> JsonObjectType:
    """Return what a lane is, and how it is; of one that is not loaded only the first.

    Raises nothing: a lane that is being set up is as good as one that is not there.
    """
    is_loaded = entry.state is ConfigEntryState.LOADED
    row: JsonObjectType = {
        "config_entry_id": entry.entry_id,
        "lane": entry.title,
        "server": entry.data[CONF_SERVER_NAME],
        "user": entry.data[CONF_USER_NAME],
        "product": entry.data[CONF_KIND],
        "person": person_of(entry),
        "owner": counted_for(entry),
        "shared": is_shared(entry),
        "mine": is_mine(entry, me),
        "loaded": is_loaded,
        "status": None,
        "pending": 0,
        "failed": 0,
        "last_error": None,
        "since": None,
        "next_attempt": None,
        "last_synced": None,
        "inventory": None,
        "percent": None,
        "items": 0,
    }
    if not is_loaded:
        return row
    runtime = runtime_of(entry)
    snapshot, health = runtime.coordinator.data, runtime.lane.health
    inventory = runtime.inventory.status
    row |= {
        "status": snapshot.status.value,
        "pending": snapshot.pending if snapshot.waits else 0,
        "failed": snapshot.failed,
        "last_error": snapshot.last_error and snapshot.last_error.value,
        "since": iso(health.since),
        "next_attempt": iso(health.next_attempt),
        "last_synced": iso(snapshot.last_synced),
        "inventory": inventory.stage.value,
        "percent": inventory.percent,
        "items": inventory.total,
    }
    return row


@callback
def person_rows(hass: HomeAssistant, audience: Audience) -> list[JsonObjectType]:
    """Return those whose lanes may be seen, the one who looks first."""
    lanes: dict[str, WatchedSyncConfigEntry] = {}
    for entry in audience.visible:
        lanes.setdefault(counted_for(entry), entry)
    lanes.pop(PERSON_SHARED, None)
    rows = [_person_row(hass, key, entry, audience.me) for key, entry in lanes.items()]
    rows.sort(key=lambda row: (not row["me"], str(row["name"]).casefold()))
    return rows


def _person_row(
    hass: HomeAssistant, key: str, entry: WatchedSyncConfigEntry, me: str | None
) -> JsonObjectType:
    is_person = person_of(entry) == key
    state = hass.states.get(key) if is_person else None
    user: str = entry.data[CONF_USER_NAME]
    return {
        "key": key,
        "name": person_name(hass, key) if is_person else user,
        "picture": state.attributes.get("entity_picture") if state else None,
        "person": is_person,
        "me": key == me,
    }


def rows_of(
    hass: HomeAssistant, lines: Iterable[Line], audience: Audience, today: date
) -> list[JsonObjectType]:
    """Return films, shows or episodes as those who look are shown them."""
    owners = audience.owners
    return [line_row(hass, one, owners, today) for one in lines]
