"""Places whose item changes, and when it is safe to press one.

What somebody presses is what a screen showed a moment ago. A slot that changed its item
since must not take the press, or it would mark what nobody saw. Times are seconds of a
monotonic clock.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from .snapshot import ItemView

#: Seconds that a slot has to show one item before it may be pressed.
STEADY_AFTER: Final = 3.0

#: Seconds that an item keeps its slot once it was marked, or that was taken back.
HELD_FOR: Final = 30.0


class Slot:
    """One place, with how the item it shows is; None while it shows none."""

    def __init__(self, now: float) -> None:
        """Begin empty; whoever looks has seen nothing yet."""
        self.view: ItemView | None = None
        self._since = now
        self._held_until = now

    def show(self, view: ItemView | None, now: float) -> None:
        """Show an item from now on, or how the one that is shown has become."""
        before, self.view = self.view, view
        if not _is_of_one_work(before, view):
            self._since = self._held_until = now
        elif before and view and _was_turned(before, view):
            self._held_until = now + HELD_FOR

    def is_steady(self, now: float) -> bool:
        """Whether it has shown the same long enough that a press means it."""
        return now - self._since >= STEADY_AFTER

    def held_for(self, now: float) -> float:
        """Return for how many seconds it keeps its item, whatever is up next."""
        return max(self._held_until - now, 0.0)


class Slots:
    """A fixed number of slots that follow a list.

    In general each shows what has its place on the list. As long as one of them is
    held, what the others show stays where it is too, so that nothing moves twice; what
    is new on the list takes the slots that are free.
    """

    def __init__(self, count: int, now: float) -> None:
        """Begin with *count* empty slots."""
        self.slots: Sequence[Slot] = tuple(Slot(now) for _ in range(count))

    def follow(
        self,
        listed: Mapping[str, ItemView],
        view: Callable[[str], ItemView | None],
        now: float,
    ) -> None:
        """Show what is *listed*, in its order; *view* tells how any other item is."""
        for slot in self.slots:
            if slot.view is not None:
                now_there = view(slot.view.item.item_id)
                is_same = _is_of_one_work(slot.view, now_there)
                slot.show(now_there if is_same else None, now)
        kept = [self._keeps(slot, listed, now) for slot in self.slots]
        new = iter([one for item_id, one in listed.items() if item_id not in kept])
        for slot, item_id in zip(self.slots, kept, strict=True):
            if item_id is None:
                slot.show(next(new, None), now)

    def held_for(self, now: float) -> float:
        """Return the seconds until the first held slot is free; 0 if none is held."""
        held = (slot.held_for(now) for slot in self.slots)
        return min((left for left in held if left), default=0.0)

    def _keeps(
        self, slot: Slot, listed: Mapping[str, ItemView], now: float
    ) -> str | None:
        """Return the id of the item that a slot goes on showing, come what may."""
        if slot.view is None or not self.held_for(now):
            return None
        item_id = slot.view.item.item_id
        return item_id if slot.held_for(now) or item_id in listed else None


def _is_of_one_work(one: ItemView | None, other: ItemView | None) -> bool:
    """Whether two views are of the same work, or both of none."""
    if one is None or other is None:
        return one is other
    return one.item.item_id == other.item.item_id and one.item.is_still(other.item)


def _was_turned(before: ItemView, after: ItemView) -> bool:
    """Whether an item was marked in between, or that was taken back."""
    known = before.desired.watched
    return known is not None and known != after.desired.watched
