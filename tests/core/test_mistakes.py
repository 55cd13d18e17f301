"""A fault of ours about one item costs that item alone, and is logged once."""

from typing import Any

import pytest

from custom_components.watched_sync.core import activity, snapshot
from custom_components.watched_sync.core.activity import ActivityKind, Chronicle
from custom_components.watched_sync.core.identity import Item
from custom_components.watched_sync.core.lane import LaneUpdate
from custom_components.watched_sync.core.mistakes import Mistakes
from custom_components.watched_sync.core.operation import MarkWatched
from custom_components.watched_sync.core.outbox import Outcome, Result
from custom_components.watched_sync.core.play_state import Reading
from custom_components.watched_sync.core.snapshot import ShownItems, take_snapshot

from .rig import Rig
from .samples import an_operation, at, seen, unseen
from .twins import ModelServer, movie, show
from .virtual import virtual

FILMS = [movie(one) for one in ("a", "bad", "c")]


def spoiled(original: Any) -> Any:
    """Return *original*, which does its best but for one item."""

    def stumble(*args: Any, **options: Any) -> Any:
        if any(isinstance(one, Item) and one.item_id == "bad" for one in args):
            raise RuntimeError("a mistake")
        return original(*args, **options)

    return stumble


def test_only_what_raises_is_left_out_and_each_kind_of_fault_is_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    mistakes = Mistakes()
    for _ in range(2):
        assert list(mistakes.each([1, 0, 2], lambda one: 2 // one, "Dividing")) == [
            (1, 2),
            (2, 1),
        ]
    list(mistakes.each(["x"], int, "Dividing"))
    list(mistakes.each([0], lambda one: 2 // one, "Dividing again"))
    assert [one.message for one in caplog.records] == [
        "Dividing",
        "Dividing",
        "Dividing again",
    ]


@virtual
async def test_what_cannot_be_shown_hides_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rig = Rig(ModelServer.jellyfin)
    parent = show()
    rig.lane.remember(Reading(one, unseen()) for one in FILMS)
    monkeypatch.setattr(snapshot, "view_of", spoiled(snapshot.view_of))
    monkeypatch.setattr(snapshot, "_counts", spoiled(snapshot._counts))
    shown = ShownItems(
        items=FILMS,
        tracked={one.item_id: one for one in FILMS},
        leaves={
            parent.item_id: [Reading(FILMS[0], unseen())],
            "other": [Reading(FILMS[1], unseen())],
        },
        up_next=("a", "bad"),
        last_played=None,
    )
    found = take_snapshot(rig.lane, shown, at(0).date())
    assert list(found.items) == list(found.tracked) == ["a", "c"]
    assert list(found.shows) == [parent.item_id]


@virtual
async def test_what_cannot_be_told_of_keeps_nothing_else_from_being_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rig = Rig(ModelServer.jellyfin)
    monkeypatch.setattr(activity, "_move", spoiled(activity._move))
    chronicle = Chronicle(rig.outbox, rig.lane.ledger)
    ends = [
        Outcome(
            an_operation(MarkWatched(), one, before={one.item_id: unseen()}),
            Result.DELIVERED,
            seen(),
        )
        for one in FILMS
    ]
    told = chronicle.tell(LaneUpdate(tuple(ends)))
    assert [(one.what, one.item and one.item.item_id) for one in told] == [
        (ActivityKind.WATCHED, "a"),
        (ActivityKind.WATCHED, "c"),
        (ActivityKind.QUEUE_DRAINED, None),
    ]
    told = chronicle.tell(
        LaneUpdate(
            readings=tuple(Reading(one, seen()) for one in FILMS),
            before={one.item_id: unseen() for one in FILMS},
        )
    )
    assert [(one.what, one.item and one.item.item_id) for one in told] == [
        (ActivityKind.WATCHED, "a"),
        (ActivityKind.WATCHED, "c"),
    ]
