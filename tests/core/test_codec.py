"""What is stored comes back the same, and damage is never taken for emptiness."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta, timezone
import json
from typing import Any

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.watched_sync.core import members
from custom_components.watched_sync.core.codec import (
    decode_change,
    decode_history_entry,
    decode_item,
    decode_move,
    decode_operation,
    decode_outbox,
    decode_reading,
    decode_state,
    encode_change,
    encode_history_entry,
    encode_item,
    encode_move,
    encode_operation,
    encode_outbox,
    encode_reading,
    encode_state,
    item_id_in,
    title_in,
)
from custom_components.watched_sync.core.identity import Item, ProviderIds
from custom_components.watched_sync.core.ledger import Ledger
from custom_components.watched_sync.core.members import DamagedRow
from custom_components.watched_sync.core.mirror import Move
from custom_components.watched_sync.core.operation import (
    Cause,
    CauseKind,
    Change,
    MarkWatched,
    Operation,
)
from custom_components.watched_sync.core.outbox import HistoryEntry, Outbox, Result
from custom_components.watched_sync.core.play_state import PlayState, Reading

from .rig import Rig
from .samples import (
    an_operation,
    at,
    changes,
    history_entries,
    items,
    moves,
    operations,
    outboxes,
    readings,
    states,
    unseen,
)
from .twins import episode, movie, show
from .virtual import run


def through_json[T](data: T) -> T:
    result: T = json.loads(json.dumps(data))
    return result


@given(items)
def test_items_come_back_the_same(item: Item) -> None:
    assert decode_item(through_json(encode_item(item))) == item


@given(states)
def test_play_states_come_back_the_same(state: PlayState) -> None:
    assert decode_state(through_json(encode_state(state))) == state


@given(changes)
def test_changes_come_back_the_same(change: Change) -> None:
    assert decode_change(through_json(encode_change(change))) == change


@given(readings)
def test_readings_come_back_the_same(reading: Reading) -> None:
    assert decode_reading(through_json(encode_reading(reading))) == reading


@given(operations)
def test_operations_come_back_the_same(operation: Operation) -> None:
    assert decode_operation(through_json(encode_operation(operation))) == operation


@given(moves)
def test_moves_that_wait_come_back_the_same(move: Move) -> None:
    assert decode_move(through_json(encode_move(move))) == move


@given(history_entries)
def test_history_comes_back_the_same(entry: HistoryEntry) -> None:
    assert decode_history_entry(through_json(encode_history_entry(entry))) == entry


@given(outboxes)
@settings(max_examples=50)
def test_an_outbox_comes_back_the_same(outbox: Outbox) -> None:
    found = decode_outbox(through_json(encode_outbox(outbox)))
    assert not found.damaged
    again = found.outbox
    assert list(again) == list(outbox)
    assert list(again.rejected) == list(outbox.rejected)
    assert list(again.history) == list(outbox.history)


def test_specials_and_an_episode_zero_keep_their_numbers() -> None:
    item = episode(show(), 0, 0)
    assert decode_item(encode_item(item)) == item


def test_times_are_stored_in_utc() -> None:
    local = at(0).astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert encode_change(MarkWatched(local))["at"] == "2026-03-01T12:00:00+00:00"


def test_play_that_has_begun_again_is_known_after_a_restart() -> None:
    begun = PlayState(watched=False, play_count=2, begun_again=True)
    assert decode_state(encode_state(begun)).begun_again
    assert encode_state(unseen()) == {"watched": False}


def test_what_is_at_its_default_takes_no_room() -> None:
    assert encode_item(Item("1", an_operation().item.kind, "T")) == {
        "id": "1",
        "kind": "movie",
        "title": "T",
    }


def test_what_was_stored_before_passes_the_gate() -> None:
    stored = {
        "item": {
            "id": "1",
            "kind": "movie",
            "title": "caf\ud83d\u202e",
            "year": 1e300,
            "duration": 1e300,
            "season": -1,
            "show_title": "a\nb",
            "ids": {"imdb": "900157", "tmdb": "0", "tvdb": "0042"},
        },
        "state": {"watched": True, "play_count": 2**64, "position": 1e300},
        "leaves": -3,
    }
    reading = decode_reading(stored)
    item = reading.item
    assert (item.title, item.show_title) == ("caf", "a b")
    assert (item.year, item.duration, item.season) == (None, None, None)
    assert item.provider_ids == ProviderIds(tvdb="42")
    assert reading.state == PlayState(watched=True)
    assert reading.leaf_count is None


@pytest.mark.parametrize(
    "item_id", ["../x", "\ud800", "a b", "é", "", "x" * 1_000_000, "a\x00"]
)
def test_an_id_that_was_stored_and_cannot_be_one_becomes_no_other(
    item_id: str,
) -> None:
    item = decode_item({"id": item_id, "kind": "movie", "title": "T"})
    if item_id != "../x":
        assert item.item_id.endswith("\N{REPLACEMENT CHARACTER}")
    assert len(item.item_id.encode()) < 1000
    assert decode_item(through_json(encode_item(item))) == item


def test_a_play_of_a_year_to_come_has_no_date() -> None:
    state = decode_state({"watched": True, "last_played": "2600-01-01T00:00:00+00:00"})
    assert state == PlayState(watched=True)


def test_a_change_from_the_future_is_not_guessed_at() -> None:
    with pytest.raises(ValueError, match="unknown change 'rate'"):
        decode_change({"type": "rate"})


def test_a_torn_file_is_never_read_as_something_else() -> None:
    outbox = Outbox([an_operation(), an_operation(item=show())], [an_operation()])
    text = json.dumps(encode_outbox(outbox))
    for end in range(len(text)):
        with pytest.raises(ValueError, match=r"."):
            json.loads(text[:end])


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["id", "item", "change", "type", "operations", "kind", "before", "ids"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


def mutate(stored: Any, data: st.DataObject) -> None:
    """Replace, drop or repeat one value anywhere in *stored*."""
    here = stored
    while True:
        places = sorted(here) if isinstance(here, dict) else range(len(here))
        place = data.draw(st.sampled_from(places))
        inner = here[place]
        if isinstance(inner, dict | list) and inner and data.draw(st.booleans()):
            here = inner
            continue
        match data.draw(st.sampled_from(["replace", "drop", "repeat"])):
            case "drop":
                del here[place]
            case "repeat" if isinstance(here, list):
                here.append(inner)
            case _:
                here[place] = data.draw(_json)
        return


def parts_of(stored: dict[str, Any]) -> list[Any]:
    return [stored.get(part) for part in ("operations", "rejected", "history")]


def all_in(outbox: Outbox) -> list[Any]:
    return [*outbox, *outbox.rejected, *outbox.history]


@given(outboxes.filter(lambda one: len(all_in(one)) > 0), st.data())
@settings(max_examples=50, deadline=None)
def test_damage_anywhere_costs_its_row_and_no_row_is_lost_silently(
    outbox: Outbox, data: st.DataObject
) -> None:
    stored = through_json(encode_outbox(outbox))
    rows = [row for part in parts_of(stored) for row in through_json(part)]
    mutate(stored, data)
    found = decode_outbox(stored)
    there = [
        row
        for part in parts_of(stored)
        for row in (part if isinstance(part, list) else [part])
    ]
    assert len(all_in(found.outbox)) + len(found.damaged) == len(there)
    # At most one row was changed; all others mean what they meant.
    kept = [row for part in parts_of(encode_outbox(found.outbox)) for row in part]
    untouched = [row for row in rows if row in there]
    assert all(row in kept for row in untouched)
    # What is understood is stored again, and then the same.
    text = json.dumps(encode_outbox(found.outbox), allow_nan=False)
    once_more = decode_outbox(json.loads(text))
    assert not once_more.damaged
    assert all_in(once_more.outbox) == all_in(found.outbox)


@given(st.data())
@settings(max_examples=30, deadline=None)
def test_lane_with_a_damaged_file_starts_and_delivers_all_other_rows(
    data: st.DataObject,
) -> None:
    films = [movie(f"m{number}") for number in range(4)]
    stored = through_json(
        encode_outbox(Outbox([an_operation(None, film) for film in films]))
    )
    before = through_json(stored["operations"])
    mutate(stored["operations"], data)
    untouched = [row for row in before if row in stored["operations"]]

    async def deliver() -> None:
        rig = Rig()
        rig.server.add(*films)
        rig._assemble(decode_outbox(stored).outbox, Ledger())
        rig.start()
        await rig.until(
            lambda: all(
                rig.server.states[row["item"]["id"]].watched for row in untouched
            ),
            seconds=24 * 3600,
        )
        await rig.stop()

    run(deliver())


def full_row() -> dict[str, Any]:
    """Return a stored operation with every member there is."""
    state = {
        "watched": True,
        "position": 61.5,
        "play_count": 2,
        "last_played": at(0).isoformat(),
        "begun_again": True,
    }
    item = {
        "id": "7",
        "kind": "episode",
        "title": "T",
        "year": 2001,
        "ids": {"imdb": "tt0000001", "tmdb": "1", "tvdb": "2"},
        "duration": 60.5,
        "library_id": "1",
        "show_id": "2",
        "show_title": "S",
        "show_ids": {"imdb": "tt0000002"},
        "season_id": "3",
        "season": 1,
        "episode": 2,
        "episode_end": 3,
        "aired": "2001-02-03",
        "listed_under": ["4"],
    }
    moment = at(0).isoformat()
    return {
        "id": "op",
        "batch_id": "batch",
        "item": item,
        "change": {
            "type": "set_progress",
            "position": 5.5,
            "watched": True,
            "at": moment,
        },
        "asked_at": moment,
        "origin": "user",
        "scope": "item",
        "include_specials": True,
        "attempts": 3,
        "not_before": moment,
        "base": state,
        "before": {"7": state},
        "traces": {"7": [state]},
        "last_error": "busy",
        "missing_since": moment,
        "undoes": "other",
        "bases": {"7": state},
        "unsure_until": moment,
        "late_until": moment,
        "flag_asked_at": moment,
        "works": [item],
    }


def ways_into(value: Any) -> Iterator[list[Any]]:
    """Yield the way to every value inside of a JSON value."""
    pairs: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, dict):
        pairs = value.items()
    elif isinstance(value, list):
        pairs = enumerate(value)
    for place, inner in pairs:
        yield [place]
        yield from ([place, *way] for way in ways_into(inner))


def _kind_of(value: Any) -> type:
    return float if type(value) is int else type(value)


#: One of each type of JSON; none is of the type that most members have.
ODD = (5, "zzz", True, [7], {"a": 7}, -1.5, 1e300)


@pytest.mark.parametrize("way", ways_into(full_row()), ids=str)
def test_a_member_of_another_type_damages_its_row_and_no_other(way: list[Any]) -> None:
    *outer, last = way
    other = through_json(encode_operation(an_operation()))
    for odd in ODD:
        row = full_row()
        here = row
        for place in outer:
            here = here[place]
        right = here[last]
        here[last] = odd
        found = decode_outbox(
            {"operations": [row, other], "rejected": [], "history": []}
        )
        assert other["id"] in found.outbox
        assert found.damaged in ([], [row])
        assert found.damaged or _kind_of(odd) is _kind_of(right)


@pytest.mark.parametrize(
    "spoil",
    [
        {"item": {"id": 5, "kind": "movie", "title": "T"}},
        {"last_error": "zzz"},
        {"asked_at": "2026-03-01T12:00:00"},
        {"asked_at": "0001-01-01T00:00:00+14:00"},
        {"asked_at": "9999-12-31T23:59:59+00:00"},
        {"change": {"type": "set_progress", "position": "x"}},
        {"change": {"type": "set_progress", "position": 1e300}},
        {"change": {"type": "set_progress", "position": None}},
        {"base": {"watched": "yes"}},
        {"base": {}},
        {"attempts": -1},
        {"attempts": 2.5},
        {"id": ""},
        {"scope": []},
    ],
    ids=str,
)
def test_operations_that_nobody_wrote_are_set_aside(spoil: dict[str, Any]) -> None:
    row = through_json(encode_operation(an_operation())) | spoil
    found = decode_outbox({"operations": [row], "rejected": [], "history": []})
    assert found.damaged == [row]
    assert not len(found.outbox)


@pytest.mark.parametrize("value", [10**400, -(10**400), float("nan"), float("inf")])
def test_a_number_beyond_all_numbers_is_a_damaged_member(value: float) -> None:
    for read in (members.number, members.count, members.position):
        with pytest.raises(DamagedRow):
            read(value)


def test_two_rows_of_one_id_are_one_operation_and_one_damaged_row() -> None:
    first, second = (
        an_operation(operation_id="a"),
        an_operation(operation_id="a", item=movie("2")),
    )
    rows = [through_json(encode_operation(one)) for one in (first, second)]
    found = decode_outbox({"operations": rows, "rejected": rows[1:], "history": []})
    assert list(found.outbox) == [first]
    assert found.damaged == [rows[1], rows[1]]
    done = through_json(
        encode_history_entry(HistoryEntry(first, Result.DELIVERED, at(0)))
    )
    found = decode_outbox({"operations": [], "rejected": [], "history": [done, done]})
    assert (len(found.outbox.history), found.damaged) == (1, [done])


@pytest.mark.parametrize("missing", ["operations", "rejected", "history"])
def test_a_part_that_is_missing_is_damage_and_not_emptiness(missing: str) -> None:
    stored = through_json(encode_outbox(Outbox([an_operation()], [an_operation()])))
    there = {one["id"] for part in stored.values() for one in part}
    gone = {one["id"] for one in stored.pop(missing)}
    found = decode_outbox(stored)
    assert found.damaged == [None]
    assert {one.operation_id for one in all_in(found.outbox)} == there - gone


@pytest.mark.parametrize("stored", [None, [], "x", {}, {"operations": 1}], ids=str)
def test_what_is_no_outbox_at_all_is_not_read_as_one(stored: object) -> None:
    with pytest.raises(DamagedRow):
        decode_outbox(stored)


def test_a_damaged_row_tells_what_it_was_about_as_far_as_it_can() -> None:
    film = through_json(encode_operation(an_operation()))
    assert title_in(film) == an_operation().item.title
    part = through_json(encode_operation(an_operation(item=episode(show(), 1, 2))))
    assert title_in({"operation": part}) == (
        f"{part['item']['show_title']}: {part['item']['title']}"
    )
    assert item_id_in(film) == film["item"]["id"]
    for row in (None, 5, {}, {"item": 5}, {"item": {"title": 5, "id": 5}}):
        assert title_in(row) is None
        assert item_id_in(row) is None


def test_by_what_an_operation_came_about_is_kept() -> None:
    """An older file has nothing of it; what a later version knows is passed over."""
    cause = Cause(CauseKind.AUTOMATION, "Bedtime", "person.ada")
    data = encode_operation(replace(an_operation(), cause=cause))
    assert decode_operation(data).cause == cause
    bare = encode_operation(replace(an_operation(), cause=Cause(CauseKind.VOICE)))
    assert decode_operation(bare).cause == Cause(CauseKind.VOICE)
    assert decode_operation({**data, "cause": {"kind": "dream"}}).cause is None
    del data["cause"]
    assert decode_operation(data).cause is None
