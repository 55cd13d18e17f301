"""Slots: what they show, when that moves, and that a press means what was seen."""

from collections.abc import Mapping
from dataclasses import replace
from random import Random

import pytest

from custom_components.watched_sync.core.identity import ProviderIds
from custom_components.watched_sync.core.slots import (
    HELD_FOR,
    STEADY_AFTER,
    Slot,
    Slots,
)
from custom_components.watched_sync.core.snapshot import ItemSyncState, ItemView

from .samples import seen, unseen
from .twins import movie

MOMENT = 0.5


class Shelf:
    """Slots, the list they follow, and a clock that goes when it is told to."""

    def __init__(self, count: int = 4, listed: str = "abc") -> None:
        """List one film for each letter, and look at them for a while."""
        self.now = 100.0
        self.views: dict[str, ItemView] = {}
        self.slots = Slots(count, self.now)
        self.list(listed)
        self.pass_by(STEADY_AFTER)

    def view(self, item_id: str) -> ItemView:
        """Return how a film is."""
        return self.views.setdefault(item_id, view(item_id))

    def list(self, letters: str) -> None:
        """Have these films up next from now on."""
        self.listed = letters
        self.follow()

    def mark(self, letter: str, *, watched: bool = True) -> None:
        """Mark a film, or take that back; it stays on the list."""
        state = seen() if watched else unseen()
        self.views[letter] = replace(self.view(letter), desired=state)
        self.follow()

    def pass_by(self, seconds: float) -> None:
        """Let time pass, and the timer ring."""
        self.now += seconds
        self.follow()

    def follow(self) -> None:
        """Bring the slots up to date."""
        listed: Mapping[str, ItemView] = {one: self.view(one) for one in self.listed}
        self.slots.follow(listed, self.views.get, self.now)

    @property
    def shown(self) -> str:
        """The films in the slots, a dot for none."""
        return "".join(letter(slot) or "." for slot in self.slots.slots)

    @property
    def steady(self) -> str:
        """For each slot, whether it may be pressed."""
        return "".join(
            "y" if slot.is_steady(self.now) else "n" for slot in self.slots.slots
        )


def view(item_id: str) -> ItemView:
    """Return an unwatched film as it is shown."""
    film = replace(
        movie(item_id), provider_ids=ProviderIds(imdb=f"tt{ord(item_id):07}")
    )
    return ItemView(film, unseen(), unseen(), ItemSyncState.SYNCED)


def letter(slot: Slot) -> str | None:
    """Return the id of what a slot shows."""
    return slot.view.item.item_id if slot.view else None


@pytest.mark.parametrize(
    ("count", "shown"), [(0, ""), (2, "ab"), (3, "abc"), (5, "abc..")]
)
def test_slots_show_the_list_in_its_order(count: int, shown: str) -> None:
    assert Shelf(count).shown == shown


def test_a_slot_that_changed_is_not_pressed_until_it_was_looked_at() -> None:
    shelf = Shelf()
    assert shelf.steady == "yyyy"
    shelf.list("bac")
    assert (shelf.shown, shelf.steady) == ("bac.", "nnyy")
    shelf.pass_by(STEADY_AFTER - 0.1)
    assert shelf.steady == "nnyy"
    shelf.pass_by(0.1)
    assert shelf.steady == "yyyy"


def test_a_slot_that_was_emptied_is_not_pressed_either() -> None:
    shelf = Shelf()
    shelf.list("ab")
    assert (shelf.shown, shelf.steady) == ("ab..", "yyny")


def test_nobody_has_seen_anything_at_the_start() -> None:
    slots = Slots(2, 0.0)
    slots.follow({"a": view("a")}, lambda _: None, 0.0)
    assert [one.is_steady(STEADY_AFTER - 0.1) for one in slots.slots] == [False, False]


def test_news_of_the_same_item_does_not_count_as_a_change() -> None:
    shelf = Shelf()
    shelf.mark("a")
    assert shelf.steady == "yyyy"
    marked = shelf.slots.slots[0].view
    assert marked is not None
    assert marked.desired.watched


def test_what_was_marked_keeps_its_slot_and_then_goes() -> None:
    shelf = Shelf()
    shelf.mark("a")
    shelf.list("bc")
    assert (shelf.shown, shelf.steady) == ("abc.", "yyyy")
    assert shelf.slots.held_for(shelf.now) == HELD_FOR
    shelf.pass_by(HELD_FOR - MOMENT)
    assert shelf.shown == "abc."
    assert shelf.slots.held_for(shelf.now) == MOMENT
    shelf.pass_by(MOMENT)
    assert (shelf.shown, shelf.slots.held_for(shelf.now)) == ("bc..", 0.0)


def test_what_follows_a_marked_item_waits_in_a_free_slot_until_its_place_is_free() -> (
    None
):
    shelf = Shelf()
    shelf.mark("a")
    shelf.list("dbc")
    assert (shelf.shown, shelf.steady) == ("abcd", "yyyn")
    shelf.pass_by(HELD_FOR)
    assert shelf.shown == "dbc."


def test_what_goes_for_good_meanwhile_leaves_its_slot() -> None:
    shelf = Shelf()
    shelf.mark("a")
    shelf.list("c")
    assert shelf.shown == "a.c."


def test_taking_a_mark_back_holds_the_slot_anew() -> None:
    shelf = Shelf()
    shelf.mark("a")
    shelf.list("bc")
    shelf.pass_by(HELD_FOR - MOMENT)
    shelf.mark("a", watched=False)
    shelf.pass_by(MOMENT)
    assert shelf.shown == "abc."
    shelf.list("abc")
    shelf.pass_by(HELD_FOR)
    assert shelf.shown == "abc."


def test_each_slot_is_held_as_long_as_its_own_item_is_new() -> None:
    shelf = Shelf()
    shelf.mark("a")
    shelf.pass_by(10)
    shelf.mark("b")
    shelf.list("cd")
    assert shelf.shown == "abcd"
    shelf.pass_by(HELD_FOR - 10)
    assert shelf.shown == ".bcd"
    shelf.pass_by(10)
    assert shelf.shown == "cd.."


def test_what_was_not_known_before_was_not_marked_now() -> None:
    shelf = Shelf()
    shelf.views["a"] = replace(shelf.view("a"), desired=replace(unseen(), watched=None))
    shelf.follow()
    shelf.pass_by(HELD_FOR)
    shelf.mark("a")
    shelf.list("bc")
    assert shelf.shown == "bc.."


def test_what_has_the_id_of_a_held_item_is_not_held_for_it() -> None:
    shelf = Shelf()
    shelf.mark("a")
    shelf.views["a"] = replace(view("a"), item=replace(view("z").item, item_id="a"))
    shelf.list("bc")
    assert (shelf.shown, shelf.steady) == ("bc..", "nnny")


def test_an_id_that_is_another_works_is_a_change_where_it_stays_on_the_list() -> None:
    shelf = Shelf()
    shelf.views["a"] = replace(view("a"), item=replace(view("z").item, item_id="a"))
    shelf.follow()
    assert (shelf.shown, shelf.steady) == ("abc.", "nyyy")


@pytest.mark.parametrize("seed", range(40))
def test_no_press_means_what_the_presser_did_not_see(seed: int) -> None:
    """Whatever changes, and however long a finger takes: it is that item or none."""
    random = Random(seed)
    shelf = Shelf(count=3)
    past: list[tuple[float, str]] = []
    taken = refused = 0
    for _ in range(400):
        what = random.random()
        if what < 0.2:
            shelf.list("".join(random.sample("abcdef", random.randint(0, 6))))
        elif what < 0.35:
            shelf.mark(random.choice("abcdef"), watched=random.random() < 0.7)
        else:
            shelf.pass_by(random.choice([0.1, 0.4, 1.0, 2.9, 3.0, 31.0]))
        past.append((shelf.now, shelf.shown))
        number = random.randrange(3)
        slot = shelf.slots.slots[number]
        if not slot.is_steady(shelf.now):
            refused += 1
            continue
        taken += 1
        # What was on the screen at any moment of the last three seconds.
        first = max(
            place
            for place, (at, _) in enumerate(past)
            if place == 0 or at <= shelf.now - STEADY_AFTER
        )
        looked_at = {shown[number] for _, shown in past[first:]}
        assert looked_at == {letter(slot) or "."}
    assert taken > 20
    assert refused > 20
