"""Core types as JSON-native values and back; what the storage files hold.

Defaults are left out, times are ISO 8601 in UTC. Reading is strict: a row with a
member of another type than we write raises one of `DAMAGE`, so that nothing is guessed
from it, and never costs the rows beside it (`salvage`). Texts and numbers pass the gate
as those of servers do: what was stored may be older than it.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
import json
from typing import Any, Final, NamedTuple

from . import gate, members
from .catalogue import Progress
from .errors import Reason
from .identity import NO_IDS, Item, MediaKind, ProviderIds
from .leaf import Leaf, Place
from .mirror import Move
from .operation import (
    Cause,
    CauseKind,
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

#: Places that are remembered as they are stored: rows of one come together.
_PLACES: Final = 256

#: States of which nothing but the flag is known.
_BARE: Final[Mapping[int | None, PlayState]] = {
    flag: PlayState(flag) for flag in (True, False, None)
}

_NOTHING: Final[Mapping[str, Any]] = {}

#: What reading a row raises that is JSON, but not what we wrote.
DAMAGE: Final = (KeyError, OverflowError, TypeError, ValueError)

_SHORT: Final = json.JSONEncoder(
    separators=(",", ":"), sort_keys=True, allow_nan=False, check_circular=False
)
_JSON: Final = json.JSONDecoder()


def _time(value: datetime) -> str:
    return value.astimezone(UTC).isoformat()


def _short(data: Json) -> str:
    """Return JSON that is the same for the same values, without a blank."""
    return _SHORT.encode(data)


def _compact(values: Json) -> Json:
    """Leave out what is at its default: None, 0, False and empty."""
    return {key: value for key, value in values.items() if value}


def encode_ids(ids: ProviderIds) -> Json:
    """Return provider ids as JSON."""
    return _compact({"imdb": ids.imdb, "tmdb": ids.tmdb, "tvdb": ids.tvdb})


def decode_ids(data: Mapping[str, Any]) -> ProviderIds:
    """Return provider ids from JSON."""
    return ProviderIds.told(*_id_texts(data))


def _id_texts(data: Mapping[str, Any]) -> list[str | None]:
    data = members.mapping(data)
    return [_optional(data, name, members.text) for name in ("imdb", "tmdb", "tvdb")]


def _encode_place(place: Place) -> Json:
    return _compact(
        {
            "library_id": place.library_id,
            "show_id": place.show_id,
            "show_title": place.show_title,
            "show_ids": encode_ids(place.show_provider_ids),
            "season_id": place.season_id,
            "listed_under": list(place.listed_under),
        }
    )


def _decode_place(data: Mapping[str, Any]) -> Place:
    return Place(
        library_id=_other_id(data, "library_id"),
        show_id=_other_id(data, "show_id"),
        show_title=_optional(data, "show_title", _title),
        show_provider_ids=_optional(data, "show_ids", decode_ids) or NO_IDS,
        season_id=_other_id(data, "season_id"),
        listed_under=tuple(
            map(gate.stored_id, members.texts(data.get("listed_under", [])))
        ),
    )


def _encode_rest(item: Item) -> Json:
    """Return what is an item's own, beside its id, kind and title."""
    data = _compact(
        {
            "year": item.year,
            "ids": encode_ids(item.provider_ids),
            "duration": item.duration and members.number(item.duration),
            "episode_end": item.episode_end,
            "aired": item.aired and item.aired.isoformat(),
        }
    )
    # Season 0 holds the specials and an episode may be number 0: not defaults.
    if item.season is not None:
        data["season"] = item.season
    if item.episode is not None:
        data["episode"] = item.episode
    return data


def encode_item(item: Item) -> Json:
    """Return an item as JSON."""
    return {
        "id": item.item_id,
        "kind": item.kind.value,
        "title": item.title,
        **_encode_rest(item),
        **_encode_place(Place.of(item)),
    }


def decode_item(data: Mapping[str, Any]) -> Item:
    """Return an item from JSON."""
    data = members.mapping(data)
    return _decode_item(data, _decode_place(data))


def _decode_item(data: Mapping[str, Any], place: Place) -> Item:
    return Item(
        item_id=gate.stored_id(members.text(data["id"])),
        kind=MediaKind(data["kind"]),
        title=_title(data["title"]),
        year=_whole(data, "year", gate.YEARS),
        provider_ids=_optional(data, "ids", decode_ids) or NO_IDS,
        duration=_length(data, "duration"),
        library_id=place.library_id,
        show_id=place.show_id,
        show_title=place.show_title,
        show_provider_ids=place.show_provider_ids,
        season_id=place.season_id,
        season=_whole(data, "season", gate.NUMBERS),
        episode=_whole(data, "episode", gate.NUMBERS),
        episode_end=_whole(data, "episode_end", gate.NUMBERS),
        aired=_optional(data, "aired", _date),
        listed_under=place.listed_under,
    )


def encode_state(state: PlayState) -> Json:
    """Return a play state as JSON."""
    data = _compact(
        {
            "position": members.number(state.position),
            "play_count": state.play_count,
            "last_played": state.last_played and _time(state.last_played),
            "begun_again": state.begun_again,
            "hides_position": state.hides_position,
        }
    )
    data["watched"] = state.watched
    return data


def decode_state(data: Mapping[str, Any]) -> PlayState:
    """Return a play state from JSON."""
    data = members.mapping(data)
    watched = data["watched"]
    return PlayState(
        watched=None if watched is None else members.flag(watched),
        position=_length(data, "position") or 0.0,
        play_count=_whole(data, "play_count", gate.COUNTS) or 0,
        last_played=_optional(data, "last_played", members.play_time),
        begun_again=_flag(data, "begun_again"),
        hides_position=_flag(data, "hides_position"),
    )


def encode_reading(reading: Reading) -> Json:
    """Return a reading as JSON."""
    return {
        "item": encode_item(reading.item),
        "state": encode_state(reading.state),
        **_encode_counts(reading),
    }


def decode_reading(data: Mapping[str, Any]) -> Reading:
    """Return a reading from JSON."""
    data = members.mapping(data)
    return Reading(
        decode_item(data["item"]), decode_state(data["state"]), *_decode_counts(data)
    )


def _encode_counts(reading: Reading) -> Json:
    data: Json = {}
    if reading.leaf_count is not None:
        data["leaves"] = reading.leaf_count
    if reading.watched_leaf_count is not None:
        data["watched_leaves"] = reading.watched_leaf_count
    return data


def _decode_counts(data: Mapping[str, Any]) -> tuple[int | None, int | None]:
    return (
        _whole(data, "leaves", gate.COUNTS),
        _whole(data, "watched_leaves", gate.COUNTS),
    )


#: Where a row's `rest` has what is counted, as paths of JSON.
AIRED: Final = "$.item.aired"
POSITION: Final = "$.state.position"
LAST_PLAYED: Final = "$.state.last_played"


class Row(NamedTuple):
    """A reading as a row of the catalogue, made to be short.

    What can be asked for has a column of its own. `place` is JSON of what all episodes
    of one season have in common, to be stored once; `rest` is that of everything else.
    """

    item_id: str
    kind: str
    title: str
    year: int | None
    season: int | None
    episode: int | None
    duration: float | None
    watched: bool | None
    place: str
    rest: str


@lru_cache(_PLACES)
def _text_of(place: Place) -> str:
    return _short(_encode_place(place))


@lru_cache(_PLACES)
def place_in(text: str) -> Place:
    """Return the place that a row names; raises one of `DAMAGE`."""
    return _decode_place(_object_in(text))


def shows_in(show_id: object, listed_under: object) -> tuple[str, ...]:
    """Return the ids of the shows of a place by two of its members, as JSON has them.

    Raises one of `DAMAGE`.
    """
    own = (gate.stored_id(members.text(show_id)),) if show_id else ()
    if listed_under is None:
        return own
    others = members.texts(_JSON.decode(members.text(listed_under)))
    return (*own, *map(gate.stored_id, others))


def _object_in(text: str) -> Mapping[str, Any]:
    """Read an object from JSON as we write it: without a blank around it."""
    found, end = _JSON.raw_decode(text)
    if end != len(text):
        raise members.DamagedRow("more than an object")
    return members.mapping(found)


def encode_row(reading: Reading) -> Row:
    """Return a reading as a row; raises one of `DAMAGE` for what no row can hold.

    `has_more_files` is not kept: it is asked for whenever something is written.
    """
    item, state = _encode_rest(reading.item), encode_state(reading.state)
    return Row(
        item_id=reading.item.item_id,
        kind=reading.item.kind.value,
        title=reading.item.title,
        year=item.pop("year", None),
        season=item.pop("season", None),
        episode=item.pop("episode", None),
        duration=item.pop("duration", None),
        watched=state.pop("watched"),
        place=_text_of(Place.of(reading.item)),
        rest=_short(_compact({"item": item, "state": state}) | _encode_counts(reading)),
    )


def decode_row(row: Row) -> Reading:
    """Return the reading that a row holds; raises one of `DAMAGE`."""
    rest = _object_in(row.rest)
    more = members.mapping(rest.get("item", {}))
    place = place_in(row.place)
    item = Item(
        gate.stored_id(members.text(row.item_id)),
        MediaKind(row.kind),
        _title(row.title),
        None if row.year is None else gate.whole(row.year, gate.YEARS),
        decode_ids(more["ids"]) if "ids" in more else NO_IDS,
        None if row.duration is None else gate.length(row.duration),
        place.library_id,
        place.show_id,
        place.show_title,
        place.show_provider_ids,
        place.season_id,
        None if row.season is None else gate.whole(row.season, gate.NUMBERS),
        None if row.episode is None else gate.whole(row.episode, gate.NUMBERS),
        _whole(more, "episode_end", gate.NUMBERS),
        _optional(more, "aired", _date),
        place.listed_under,
    )
    shown = rest.get("state")
    state = (
        _BARE[row.watched]
        if shown is None
        else decode_state({"watched": row.watched, **members.mapping(shown)})
    )
    return Reading(item, state, *_decode_counts(rest))


def decode_leaf(
    kind: MediaKind, place: Place, columns: Sequence[Any], rest: object
) -> Leaf:
    """Return a film or episode in a few words, in a third of `decode_row`'s time.

    *columns* are the id, title, year, season, episode, duration and flag of its row,
    *rest* is the JSON of what that has beside them. Raises one of `DAMAGE`.
    """
    rest = members.mapping(rest)
    item_id, title, year, season, episode, duration, watched = columns
    item = members.mapping(rest.get("item", _NOTHING))
    ids, end = members.mapping(item.get("ids", _NOTHING)), item.get("episode_end")
    state = rest.get("state")
    return Leaf(
        gate.stored_id(item_id),
        kind,
        _title(title) if place.keeps_title(kind) else "",
        place,
        ProviderIds.told_numbers(ids.get("imdb"), ids.get("tmdb"), ids.get("tvdb")),
        None if year is None else gate.whole(year, gate.YEARS),
        None if season is None else gate.whole(season, gate.NUMBERS),
        None if episode is None else gate.whole(episode, gate.NUMBERS),
        None if end is None else gate.whole(end, gate.NUMBERS),
        None if duration is None else gate.length(duration),
        _BARE[watched] if state is None else _state_in(watched, members.mapping(state)),
    )


def _state_in(watched: int | None, state: Mapping[str, Any]) -> PlayState:
    """Return a play state from its flag and what a row's `rest` has of it."""
    position, played = state.get("position"), state.get("last_played")
    return PlayState(
        _BARE[watched].watched,
        (gate.length(position) or 0.0) if position else 0.0,
        _whole(state, "play_count", gate.COUNTS) or 0,
        None if played is None else members.play_time(played),
        _flag(state, "begun_again"),
        _flag(state, "hides_position"),
    )


def encode_progress(progress: Progress) -> Json:
    """Return how far the libraries were read as JSON."""
    return _compact(
        {
            "round": progress.round_no,
            "library_id": progress.library_id,
            "kind": progress.kind and progress.kind.value,
            "start": progress.start,
            "show_id": progress.show_id,
            "listings": progress.listings,
            "finished_at": progress.finished_at and _time(progress.finished_at),
            "vanished": sorted(progress.vanished),
        }
    )


def decode_progress(data: Mapping[str, Any]) -> Progress:
    """Return how far the libraries were read from JSON."""
    data = members.mapping(data)
    return Progress(
        round_no=_optional(data, "round", members.count) or 0,
        library_id=_other_id(data, "library_id"),
        kind=_optional(data, "kind", MediaKind),
        start=_optional(data, "start", members.count) or 0,
        show_id=_other_id(data, "show_id"),
        listings=_optional(data, "listings", members.count) or 0,
        finished_at=_optional(data, "finished_at", members.moment),
        vanished=frozenset(members.texts(data.get("vanished", []))),
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
    data = members.mapping(data)
    return Move(
        item=decode_item(data["item"]),
        after=decode_state(data["after"]),
        before={
            target: None if state is None else decode_state(state)
            for target, state in members.mapping(data["before"]).items()
        },
        moved_at=members.moment(data["moved_at"]),
        seen_at=members.moment(data["seen_at"]),
        trusted=_flag(data, "trusted"),
        held=_flag(data, "held"),
        batch_id=_optional(data, "batch_id", members.own_id),
        offered=frozenset(members.texts(data.get("offered", []))),
    )


def encode_change(change: Change) -> Json:
    """Return a change as JSON."""
    match change:
        case MarkWatched(at):
            return {"type": "mark_watched"} | _compact({"at": at and _time(at)})
        case MarkUnwatched():
            return {"type": "mark_unwatched"}
        case SetProgress(position, watched, at):
            data: Json = {
                "type": "set_progress",
                "position": members.position(position),
            }
            if watched is not None:
                data["watched"] = watched
            return data | _compact({"at": at and _time(at)})


def decode_change(data: Mapping[str, Any]) -> Change:
    """Return a change from JSON; raises ValueError for a type not known."""
    data = members.mapping(data)
    at = _optional(data, "at", members.moment)
    match data["type"]:
        case "mark_watched":
            return MarkWatched(at)
        case "mark_unwatched":
            return MarkUnwatched()
        case "set_progress":
            return SetProgress(
                members.position(data["position"]),
                _optional(data, "watched", members.flag),
                at,
            )
        case other:
            msg = f"unknown change {other!r}"
            raise ValueError(msg)


def encode_operation(operation: Operation) -> Json:
    """Return an operation as JSON. Raises one of `DAMAGE` for what JSON cannot say."""
    data = _compact(
        {
            "include_specials": operation.include_specials,
            "held": operation.held,
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
            "late_until": operation.late_until and _time(operation.late_until),
            "flag_asked_at": operation.flag_asked_at and _time(operation.flag_asked_at),
            "bases": {
                item_id: encode_state(state)
                for item_id, state in operation.bases.items()
            },
            "works": [encode_item(item) for item in operation.works.values()],
            "cause": operation.cause and _encode_cause(operation.cause),
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
    data = members.mapping(data)
    return Operation(
        operation_id=members.own_id(data["id"]),
        batch_id=members.own_id(data["batch_id"]),
        item=decode_item(data["item"]),
        change=decode_change(data["change"]),
        asked_at=members.moment(data["asked_at"]),
        origin=Origin(data["origin"]),
        scope=Scope(data["scope"]),
        include_specials=_flag(data, "include_specials"),
        held=_flag(data, "held"),
        attempts=_optional(data, "attempts", members.count) or 0,
        not_before=_optional(data, "not_before", members.moment),
        base=_optional(data, "base", decode_state),
        before=_states(data, "before"),
        traces={
            item_id: tuple(map(decode_state, members.rows(states)))
            for item_id, states in members.mapping(data.get("traces", {})).items()
        },
        last_error=_optional(data, "last_error", _reason),
        missing_since=_optional(data, "missing_since", members.moment),
        undoes=_optional(data, "undoes", members.own_id),
        bases=_states(data, "bases"),
        unsure_until=_optional(data, "unsure_until", members.moment),
        late_until=_optional(data, "late_until", members.moment),
        flag_asked_at=_optional(data, "flag_asked_at", members.moment),
        works={
            item.item_id: item
            for item in map(decode_item, members.rows(data.get("works", [])))
        },
        cause=_optional(data, "cause", _decode_cause),
    )


def _encode_cause(cause: Cause) -> Json:
    return _compact(
        {"kind": cause.kind.value, "name": cause.name, "person": cause.person}
    )


def _decode_cause(data: Mapping[str, Any]) -> Cause | None:
    """Return a cause; None for one of a later version: it is only told."""
    data = members.mapping(data)
    kind = members.text(data["kind"])
    if kind not in tuple(CauseKind):
        return None
    return Cause(
        CauseKind(kind),
        _optional(data, "name", _title),
        _optional(data, "person", members.text),
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
    data = members.mapping(data)
    return HistoryEntry(
        decode_operation(data["operation"]),
        Result(data["result"]),
        members.moment(data["settled_at"]),
    )


@dataclass(frozen=True, slots=True)
class Salvaged[T]:
    """What an array of rows holds, in order; its damaged rows as they were found."""

    values: list[T]
    damaged: list[Any]


def salvage[T](
    stored: object,
    decode: Callable[[Any], T],
    key: Callable[[T], str],
    taken: Collection[str] = (),
) -> Salvaged[T]:
    """Read *stored* row by row, so that a damaged one costs nothing but itself.

    *key* names a value; a row whose name an earlier one bears, or that is *taken*, is
    damaged too. What is no array is one damaged row.
    """
    if not isinstance(stored, list):
        return Salvaged([], [stored])
    values: dict[str, T] = {}
    damaged: list[Any] = []
    for row in stored:
        try:
            value = decode(row)
        except DAMAGE:
            damaged.append(row)
            continue
        if key(value) in values or key(value) in taken:
            damaged.append(row)
        else:
            values[key(value)] = value
    return Salvaged(list(values.values()), damaged)


@dataclass(frozen=True, slots=True)
class StoredOutbox:
    """What an outbox file holds: what is understood, and its damaged rows as found."""

    outbox: Outbox
    damaged: list[Any]


def decode_outbox(data: object) -> StoredOutbox:
    """Return an outbox from its stored form, and what of that is damaged.

    A part that is missing, or no array, is one damaged row. Raises one of `DAMAGE` for
    what is no outbox at all.
    """
    stored = members.mapping(data)
    parts = ("operations", "rejected", "history")
    if not any(isinstance(stored.get(part), list) for part in parts):
        raise members.DamagedRow("no outbox")
    waiting, rejected, history = map(stored.get, parts)
    operations = salvage(waiting, decode_operation, operation_key)
    given_up = salvage(
        rejected,
        decode_operation,
        operation_key,
        taken={one.operation_id for one in operations.values},
    )
    done = salvage(history, decode_history_entry, history_key)
    return StoredOutbox(
        Outbox(operations.values, given_up.values, done.values),
        [*operations.damaged, *given_up.damaged, *done.damaged],
    )


def title_in(row: object) -> str | None:
    """Return what a damaged row of an outbox was about, as far as it can be told."""
    match row:
        case {"item": {"title": str(title), **item}} | {
            "operation": {"item": {"title": str(title), **item}}
        }:
            show = item.get("show_title")
            whole = f"{show}: {title}" if isinstance(show, str) else title
            return gate.line(whole, gate.TITLE) or None
        case _:
            return None


def item_id_in(row: object) -> str | None:
    """Return the id of the item that a damaged row was about, if it can be told."""
    match row:
        case {"item": {"id": str(item_id)}}:
            return gate.stored_id(item_id)
        case _:
            return None


def operation_key(operation: Operation) -> str:
    """Return what names an operation among those stored."""
    return operation.operation_id


def history_key(entry: HistoryEntry) -> str:
    """Return what names an entry of the history among those stored."""
    return entry.operation.operation_id


def reading_key(reading: Reading) -> str:
    """Return what names a reading among those stored."""
    return reading.item.item_id


def move_key(move: Move) -> str:
    """Return what names a move among those stored."""
    return move.item.item_id


def encode_outbox(outbox: Outbox) -> Json:
    """Return the stored form of an outbox."""
    return {
        "operations": [encode_operation(operation) for operation in outbox],
        "rejected": [encode_operation(operation) for operation in outbox.rejected],
        "history": [encode_history_entry(entry) for entry in outbox.history],
    }


def _optional[T](
    data: Mapping[str, Any], key: str, read: Callable[[Any], T]
) -> T | None:
    """Return a member that may be left out."""
    value = data.get(key)
    return None if value is None else read(value)


def _flag(data: Mapping[str, Any], key: str) -> bool:
    return members.flag(data.get(key, False))


def _reason(value: object) -> str:
    return Reason(members.text(value)).value


def _title(value: object) -> str:
    return gate.line(members.text(value), gate.TITLE)


def _other_id(data: Mapping[str, Any], key: str) -> str | None:
    value = _optional(data, key, members.text)
    return gate.stored_id(value) if value else None


def _whole(data: Mapping[str, Any], key: str, bounds: range) -> int | None:
    value = _optional(data, key, members.number)
    return None if value is None else gate.whole(value, bounds)


def _length(data: Mapping[str, Any], key: str) -> float | None:
    value = _optional(data, key, members.number)
    return None if value is None else gate.length(value)


def _date(value: object) -> date:
    return date.fromisoformat(members.text(value))


def _states(data: Mapping[str, Any], key: str) -> dict[str, PlayState]:
    return {
        item_id: decode_state(state)
        for item_id, state in members.mapping(data.get(key, {})).items()
    }
