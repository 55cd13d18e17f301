"""What is stored comes back the same, and damage is never taken for emptiness."""

from datetime import timedelta, timezone
import json

from hypothesis import given, settings, strategies as st
import pytest

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
)
from custom_components.watched_sync.core.identity import Item, ProviderIds
from custom_components.watched_sync.core.mirror import Move
from custom_components.watched_sync.core.operation import Change, MarkWatched, Operation
from custom_components.watched_sync.core.outbox import HistoryEntry, Outbox
from custom_components.watched_sync.core.play_state import PlayState, Reading

from .samples import (
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
    wish,
)
from .twins import episode, show

#: What `decode_outbox` may raise; its callers rely on it.
DAMAGE = (AttributeError, KeyError, TypeError, ValueError)


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
    again = decode_outbox(through_json(encode_outbox(outbox)))
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
    assert encode_item(Item("1", wish().item.kind, "T")) == {
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
    outbox = Outbox([wish(), wish(item=show())], [wish()])
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


@given(
    outboxes.filter(lambda one: len(one) > 0),
    st.data(),
)
@settings(max_examples=100)
def test_a_damaged_file_raises_or_means_something_and_nothing_else(
    outbox: Outbox, data: st.DataObject
) -> None:
    """Replace one value anywhere in the file by any other JSON."""
    stored = through_json(encode_outbox(outbox))
    here: object = stored
    while isinstance(here, dict | list) and here:
        place = data.draw(
            st.sampled_from(
                sorted(here) if isinstance(here, dict) else range(len(here))
            )
        )
        inner = here[place]
        if not isinstance(inner, dict | list) or not inner or data.draw(st.booleans()):
            here[place] = data.draw(_json)
            break
        here = inner
    try:
        again = decode_outbox(stored)
    except DAMAGE:
        return
    assert isinstance(again, Outbox)


@pytest.mark.parametrize("missing", ["operations", "rejected", "history"])
def test_a_file_without_one_of_its_parts_is_damaged_not_empty(missing: str) -> None:
    stored = encode_outbox(Outbox())
    del stored[missing]
    with pytest.raises(KeyError):
        decode_outbox(stored)
