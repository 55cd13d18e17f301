"""What both sides last agreed on."""

from dataclasses import replace

from hypothesis import given, strategies as st
import pytest

from custom_components.watched_sync.core import ledger as ledger_module
from custom_components.watched_sync.core.ledger import Ledger
from custom_components.watched_sync.core.play_state import UNKNOWN, Reading

from .samples import readings, seen, unseen
from .twins import movie

UNSEEN = Reading(movie("a"), unseen())
SEEN = Reading(movie("a"), seen())


def test_only_what_is_new_is_news() -> None:
    ledger = Ledger()
    assert ledger.remember([UNSEEN]) == [UNSEEN]
    assert ledger.remember([UNSEEN]) == []
    assert ledger.remember([SEEN]) == [SEEN]
    assert ledger.base("a") == seen()
    assert ledger.item("a") == movie("a")
    assert ledger.reading("a") == SEEN


def test_an_unknown_state_never_replaces_a_known_one() -> None:
    ledger = Ledger([SEEN])
    assert ledger.remember([replace(SEEN, state=UNKNOWN)]) == []
    assert ledger.base("a") == seen()


def test_an_unknown_state_is_no_base() -> None:
    ledger = Ledger()
    ledger.remember([replace(SEEN, state=UNKNOWN)])
    assert ledger.base("a") is None
    assert ledger.item("a") == movie("a")
    assert ledger.remember([SEEN]) == [SEEN]


def test_what_was_never_read_is_not_known() -> None:
    ledger = Ledger()
    assert ledger.base("a") is None
    assert ledger.item("a") is None
    assert ledger.reading("a") is None


def test_a_forgotten_item_is_not_known_any_more() -> None:
    ledger = Ledger([SEEN])
    ledger.forget("a")
    ledger.forget("a")
    assert ledger.reading("a") is None


def test_what_was_untouched_longest_is_forgotten_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ledger_module, "LEDGER_LIMIT", 3)
    ledger = Ledger(Reading(movie(one), unseen()) for one in "abc")
    ledger.remember([UNSEEN])
    ledger.remember([Reading(movie("d"), unseen())])
    assert [one.item.item_id for one in ledger] == ["c", "a", "d"]
    assert len(ledger) == 3


@given(st.lists(readings, max_size=20))
def test_a_ledger_rebuilt_from_itself_is_the_same(found: list[Reading]) -> None:
    ledger = Ledger(found)
    assert list(Ledger(ledger)) == list(ledger)
