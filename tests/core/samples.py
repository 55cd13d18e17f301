"""Short ways to say things in tests, and strategies for everything stored."""

from datetime import UTC, datetime, timedelta
import itertools
from typing import Any

from hypothesis import strategies as st

from custom_components.watched_sync.core import gate
from custom_components.watched_sync.core.errors import Reason
from custom_components.watched_sync.core.identity import Item, MediaKind, ProviderIds
from custom_components.watched_sync.core.mirror import Move
from custom_components.watched_sync.core.operation import (
    Change,
    MarkUnwatched,
    MarkWatched,
    Operation,
    Origin,
    Scope,
    SetProgress,
)
from custom_components.watched_sync.core.outbox import HistoryEntry, Outbox, Result
from custom_components.watched_sync.core.play_state import PlayState, Reading

from .twins import movie
from .virtual import EPOCH

_numbers = itertools.count(1)


def at(seconds: float) -> datetime:
    """Return the moment this long after the beginning."""
    return EPOCH + timedelta(seconds=seconds)


def seen(
    position: float = 0.0, plays: int = 1, last: datetime | None = None
) -> PlayState:
    """Return the play state of a watched item."""
    return PlayState(
        watched=True, position=position, play_count=plays, last_played=last
    )


def unseen(position: float = 0.0, last: datetime | None = None) -> PlayState:
    """Return the play state of an item that is not watched."""
    return PlayState(watched=False, position=position, last_played=last)


def an_operation(
    change: Change | None = None, item: Item | None = None, **fields: Any
) -> Operation:
    """Return an operation with an id of its own; a container's is a tree."""
    item = item or movie()
    number = next(_numbers)
    fields.setdefault("operation_id", f"op{number}")
    fields.setdefault("batch_id", f"batch{number}")
    fields.setdefault("asked_at", EPOCH)
    fields.setdefault("scope", Scope.TREE if item.kind.is_container else Scope.ITEM)
    return Operation(item=item, change=change or MarkWatched(), **fields)


# --- strategies --------------------------------------------------------------

words = st.text(min_size=1, max_size=12)
#: Ids as servers have them, and texts as the gate lets them through.
ids = st.text(
    st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12
)
lines = st.text(max_size=12).map(lambda text: gate.line(text, gate.TITLE))
shown = lines.filter(bool)
positions = st.floats(min_value=0, max_value=1e6, allow_nan=False)
times = st.datetimes(
    min_value=datetime(1970, 1, 2),  # noqa: DTZ001 - the strategy adds the zone
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001 - the strategy adds the zone
    timezones=st.just(UTC),
)
maybe_times = st.none() | times
numbers = st.none() | st.integers(min_value=1, max_value=99_999)

provider_ids = st.builds(
    ProviderIds,
    imdb=st.none() | st.integers(1, 99_999_999).map(lambda one: f"tt{one:07}"),
    tmdb=st.none() | st.integers(1, 9_999_999).map(str),
    tvdb=st.none() | st.integers(1, 9_999_999).map(str),
)
items = st.builds(
    Item,
    item_id=ids,
    kind=st.sampled_from(MediaKind),
    title=lines,
    year=st.none() | st.integers(min_value=1800, max_value=2200),
    provider_ids=provider_ids,
    duration=st.none() | st.floats(min_value=1, max_value=1e6),
    library_id=st.none() | ids,
    show_id=st.none() | ids,
    show_title=st.none() | shown,
    show_provider_ids=provider_ids,
    season_id=st.none() | ids,
    season=st.none() | st.integers(min_value=0, max_value=99),
    episode=st.none() | st.integers(min_value=0, max_value=9999),
    episode_end=numbers,
    aired=st.none() | st.dates(),
    listed_under=st.lists(ids, max_size=2, unique=True).map(tuple),
)
states = st.builds(
    PlayState,
    watched=st.none() | st.booleans(),
    position=positions,
    play_count=st.integers(min_value=0, max_value=1000),
    last_played=maybe_times,
)
known_states = st.builds(
    PlayState,
    watched=st.booleans(),
    position=positions,
    play_count=st.integers(min_value=0, max_value=1000),
    last_played=maybe_times,
)
readings = st.builds(
    Reading,
    item=items,
    state=states,
    leaf_count=st.none() | st.integers(min_value=0, max_value=99_999),
    watched_leaf_count=st.none() | st.integers(min_value=0, max_value=99_999),
)
changes = (
    st.builds(MarkWatched, maybe_times)
    | st.builds(MarkUnwatched)
    | st.builds(SetProgress, positions, st.none() | st.booleans(), maybe_times)
)
operations = st.builds(
    Operation,
    operation_id=words,
    batch_id=words,
    item=items,
    change=changes,
    asked_at=times,
    origin=st.sampled_from(Origin),
    scope=st.sampled_from(Scope),
    include_specials=st.booleans(),
    attempts=st.integers(min_value=0, max_value=9),
    not_before=maybe_times,
    base=st.none() | states,
    before=st.dictionaries(words, states, max_size=3),
    traces=st.dictionaries(words, st.lists(states, max_size=2).map(tuple), max_size=2),
    last_error=st.none() | st.sampled_from(Reason).map(str),
    missing_since=maybe_times,
    undoes=st.none() | words,
    bases=st.dictionaries(words, states, max_size=3),
    unsure_until=maybe_times,
    late_until=maybe_times,
    flag_asked_at=maybe_times,
    works=st.lists(items, max_size=3).map(
        lambda found: {one.item_id: one for one in found}
    ),
)
moves = st.builds(
    Move,
    item=items,
    after=states,
    before=st.dictionaries(words, st.none() | states, max_size=3),
    moved_at=times,
    seen_at=times,
    trusted=st.booleans(),
    held=st.booleans(),
    batch_id=st.none() | words,
    offered=st.frozensets(words, max_size=3),
)
history_entries = st.builds(
    HistoryEntry,
    operation=operations,
    result=st.sampled_from(Result),
    settled_at=times,
)


def _outbox(found: list[Operation], history: list[HistoryEntry]) -> Outbox:
    half = (len(found) + 1) // 2
    return Outbox(found[:half], found[half:], history)


outboxes = st.builds(
    _outbox,
    st.lists(operations, max_size=7, unique_by=lambda one: one.operation_id),
    st.lists(
        history_entries, max_size=3, unique_by=lambda one: one.operation.operation_id
    ),
)
