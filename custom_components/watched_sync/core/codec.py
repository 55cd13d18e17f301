"""Core types as JSON-native values and back; what the storage files hold.

Defaults are left out, times are ISO 8601 in UTC. Reading is strict: what cannot be
understood raises, so that a damaged file is never taken for an empty one. Texts and
numbers pass the gate as those of servers do: what was stored may be older than it.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from . import gate
from .identity import NO_IDS, Item, MediaKind, ProviderIds
from .mirror import Move
from .operation import (
    Change,
    MarkUnwatched,
    MarkWatched,
    Operation,
    Origin,
    Scope,
    SetProgress,
)
from .outbox import HistoryEntry, Outbox, Result
from .play_state import PlayState, Reading

type Json = dict[str, Any]


def _time(value: datetime) -> str:
    return value.astimezone(UTC).isoformat()


def _compact(values: Json) -> Json:
    """Leave out what is at its default: None, 0, False and empty."""
    return {key: value for key, value in values.items() if value}


def encode_ids(ids: ProviderIds) -> Json:
    """Return provider ids as JSON."""
    return _compact({"imdb": ids.imdb, "tmdb": ids.tmdb, "tvdb": ids.tvdb})


def decode_ids(data: Mapping[str, Any]) -> ProviderIds:
    """Return provider ids from JSON."""
    return ProviderIds.told(data.get("imdb"), data.get("tmdb"), data.get("tvdb"))


def encode_item(item: Item) -> Json:
    """Return an item as JSON."""
    data: Json = {"id": item.item_id, "kind": item.kind.value, "title": item.title}
    data |= _compact(
        {
            "year": item.year,
            "ids": encode_ids(item.provider_ids),
            "duration": item.duration,
            "library_id": item.library_id,
            "show_id": item.show_id,
            "show_title": item.show_title,
            "show_ids": encode_ids(item.show_provider_ids),
            "season_id": item.season_id,
            "episode_end": item.episode_end,
            "aired": item.aired and item.aired.isoformat(),
            "listed_under": list(item.listed_under),
        }
    )
    # Season 0 holds the specials and an episode may be number 0: not defaults.
    if item.season is not None:
        data["season"] = item.season
    if item.episode is not None:
        data["episode"] = item.episode
    return data


def decode_item(data: Mapping[str, Any]) -> Item:
    """Return an item from JSON."""
    return Item(
        item_id=gate.stored_id(data["id"]),
        kind=MediaKind(data["kind"]),
        title=gate.line(data["title"], gate.TITLE),
        year=_whole(data, "year", gate.YEARS),
        provider_ids=decode_ids(data["ids"]) if "ids" in data else NO_IDS,
        duration=gate.length(data["duration"]) if "duration" in data else None,
        library_id=_other_id(data, "library_id"),
        show_id=_other_id(data, "show_id"),
        show_title=gate.line(data["show_title"], gate.TITLE)
        if "show_title" in data
        else None,
        show_provider_ids=decode_ids(data["show_ids"])
        if "show_ids" in data
        else NO_IDS,
        season_id=_other_id(data, "season_id"),
        season=_whole(data, "season", gate.NUMBERS),
        episode=_whole(data, "episode", gate.NUMBERS),
        episode_end=_whole(data, "episode_end", gate.NUMBERS),
        aired=date.fromisoformat(data["aired"]) if "aired" in data else None,
        listed_under=tuple(data.get("listed_under", ())),
    )


def encode_state(state: PlayState) -> Json:
    """Return a play state as JSON."""
    data = _compact(
        {
            "position": state.position,
            "play_count": state.play_count,
            "last_played": state.last_played and _time(state.last_played),
            "begun_again": state.begun_again,
        }
    )
    data["watched"] = state.watched
    return data


def decode_state(data: Mapping[str, Any]) -> PlayState:
    """Return a play state from JSON."""
    return PlayState(
        watched=data["watched"],
        position=gate.length(data.get("position", 0.0)) or 0.0,
        play_count=_whole(data, "play_count", gate.COUNTS) or 0,
        last_played=_play_time(data.get("last_played")),
        begun_again=data.get("begun_again", False),
    )


def encode_reading(reading: Reading) -> Json:
    """Return a reading as JSON."""
    data: Json = {
        "item": encode_item(reading.item),
        "state": encode_state(reading.state),
    }
    if reading.leaf_count is not None:
        data["leaves"] = reading.leaf_count
    if reading.watched_leaf_count is not None:
        data["watched_leaves"] = reading.watched_leaf_count
    return data


def decode_reading(data: Mapping[str, Any]) -> Reading:
    """Return a reading from JSON."""
    return Reading(
        decode_item(data["item"]),
        decode_state(data["state"]),
        _whole(data, "leaves", gate.COUNTS),
        _whole(data, "watched_leaves", gate.COUNTS),
    )


def encode_move(move: Move) -> Json:
    """Return a move that waits to be copied as JSON."""
    data = _compact(
        {
            "trusted": move.trusted,
            "held": move.held,
            "batch_id": move.batch_id,
            "offered": sorted(move.offered),
        }
    )
    return data | {
        "item": encode_item(move.item),
        "after": encode_state(move.after),
        "before": {
            target: state and encode_state(state)
            for target, state in move.before.items()
        },
        "moved_at": _time(move.moved_at),
        "seen_at": _time(move.seen_at),
    }


def decode_move(data: Mapping[str, Any]) -> Move:
    """Return a move from JSON."""
    return Move(
        item=decode_item(data["item"]),
        after=decode_state(data["after"]),
        before={
            target: None if state is None else decode_state(state)
            for target, state in data["before"].items()
        },
        moved_at=datetime.fromisoformat(data["moved_at"]),
        seen_at=datetime.fromisoformat(data["seen_at"]),
        trusted=data.get("trusted", False),
        held=data.get("held", False),
        batch_id=data.get("batch_id"),
        offered=frozenset(data.get("offered", ())),
    )


def encode_change(change: Change) -> Json:
    """Return a change as JSON."""
    match change:
        case MarkWatched(at):
            return {"type": "mark_watched"} | _compact({"at": at and _time(at)})
        case MarkUnwatched():
            return {"type": "mark_unwatched"}
        case SetProgress(position, watched, at):
            data: Json = {"type": "set_progress", "position": position}
            if watched is not None:
                data["watched"] = watched
            return data | _compact({"at": at and _time(at)})


def decode_change(data: Mapping[str, Any]) -> Change:
    """Return a change from JSON; raises ValueError for a type not known."""
    at = _decode_time(data.get("at"))
    match data["type"]:
        case "mark_watched":
            return MarkWatched(at)
        case "mark_unwatched":
            return MarkUnwatched()
        case "set_progress":
            return SetProgress(data["position"], data.get("watched"), at)
        case other:
            msg = f"unknown change {other!r}"
            raise ValueError(msg)


def encode_operation(operation: Operation) -> Json:
    """Return an operation as JSON."""
    data = _compact(
        {
            "include_specials": operation.include_specials,
            "attempts": operation.attempts,
            "not_before": operation.not_before and _time(operation.not_before),
            "base": operation.base and encode_state(operation.base),
            "before": {
                item_id: encode_state(state)
                for item_id, state in operation.before.items()
            },
            "traces": {
                item_id: [encode_state(state) for state in states]
                for item_id, states in operation.traces.items()
            },
            "last_error": operation.last_error,
            "missing_since": operation.missing_since and _time(operation.missing_since),
            "undoes": operation.undoes,
            "unsure_until": operation.unsure_until and _time(operation.unsure_until),
            "bases": {
                item_id: encode_state(state)
                for item_id, state in operation.bases.items()
            },
            "works": [encode_item(item) for item in operation.works.values()],
        }
    )
    return data | {
        "id": operation.operation_id,
        "batch_id": operation.batch_id,
        "item": encode_item(operation.item),
        "change": encode_change(operation.change),
        "asked_at": _time(operation.asked_at),
        "origin": operation.origin.value,
        "scope": operation.scope.value,
    }


def decode_operation(data: Mapping[str, Any]) -> Operation:
    """Return an operation from JSON."""
    return Operation(
        operation_id=data["id"],
        batch_id=data["batch_id"],
        item=decode_item(data["item"]),
        change=decode_change(data["change"]),
        asked_at=datetime.fromisoformat(data["asked_at"]),
        origin=Origin(data["origin"]),
        scope=Scope(data["scope"]),
        include_specials=data.get("include_specials", False),
        attempts=data.get("attempts", 0),
        not_before=_decode_time(data.get("not_before")),
        base=decode_state(data["base"]) if "base" in data else None,
        before={
            item_id: decode_state(state)
            for item_id, state in data.get("before", {}).items()
        },
        traces={
            item_id: tuple(map(decode_state, states))
            for item_id, states in data.get("traces", {}).items()
        },
        last_error=data.get("last_error"),
        missing_since=_decode_time(data.get("missing_since")),
        undoes=data.get("undoes"),
        bases={
            item_id: decode_state(state)
            for item_id, state in data.get("bases", {}).items()
        },
        unsure_until=_decode_time(data.get("unsure_until")),
        works={item.item_id: item for item in map(decode_item, data.get("works", ()))},
    )


def encode_history_entry(entry: HistoryEntry) -> Json:
    """Return a history entry as JSON."""
    return {
        "operation": encode_operation(entry.operation),
        "result": entry.result.value,
        "settled_at": _time(entry.settled_at),
    }


def decode_history_entry(data: Mapping[str, Any]) -> HistoryEntry:
    """Return a history entry from JSON."""
    return HistoryEntry(
        decode_operation(data["operation"]),
        Result(data["result"]),
        datetime.fromisoformat(data["settled_at"]),
    )


def decode_outbox(data: Mapping[str, Any]) -> Outbox:
    """Return an outbox from its stored form.

    Raises AttributeError, KeyError, TypeError or ValueError for anything else.
    """
    return Outbox(
        map(decode_operation, data["operations"]),
        map(decode_operation, data["rejected"]),
        map(decode_history_entry, data["history"]),
    )


def encode_outbox(outbox: Outbox) -> Json:
    """Return the stored form of an outbox."""
    return {
        "operations": [encode_operation(operation) for operation in outbox],
        "rejected": [encode_operation(operation) for operation in outbox.rejected],
        "history": [encode_history_entry(entry) for entry in outbox.history],
    }


def _other_id(data: Mapping[str, Any], key: str) -> str | None:
    return gate.stored_id(data[key]) if data.get(key) else None


def _whole(data: Mapping[str, Any], key: str, bounds: range) -> int | None:
    value = data.get(key)
    return None if value is None else gate.whole(value, bounds)


def _play_time(value: str | None) -> datetime | None:
    moment = _decode_time(value)
    return None if moment is None else gate.play_time(moment)


def _decode_time(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)
