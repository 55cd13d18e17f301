"""What both sides last agreed on."""

from dataclasses import replace

from hypothesis import given, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
import pytest

from custom_components.watched_sync.core import codec, ledger as ledger_module
from custom_components.watched_sync.core.ledger import Ledger
from custom_components.watched_sync.core.play_state import UNKNOWN, PlayState, Reading

from .samples import at, readings, seen, unseen
from .twins import movie, show

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


def steps(ledger: Ledger) -> list[tuple[Reading | None, Reading]]:
    """Return the list to which every step of *ledger* is added."""
    told: list[tuple[Reading | None, Reading]] = []
    ledger.on_move = lambda known, reading: told.append((known, reading))
    return told


def test_every_step_of_a_film_is_told_in_the_very_moment() -> None:
    ledger = Ledger()
    told = steps(ledger)
    again = replace(SEEN, state=seen(last=at(60)))
    ledger.remember([UNSEEN, UNSEEN, SEEN, again])
    assert told == [(None, UNSEEN), (UNSEEN, SEEN), (SEEN, again)]


def test_what_shows_the_same_or_nothing_or_is_no_film_is_no_step() -> None:
    ledger = Ledger([UNSEEN])
    told = steps(ledger)
    ledger.remember(
        [
            replace(UNSEEN, state=UNKNOWN),
            replace(UNSEEN, state=unseen(1.0, last=at(60))),
            Reading(show(), seen()),
        ]
    )
    assert told == []


def test_a_state_that_becomes_known_has_not_moved_from_anything() -> None:
    ledger = Ledger([replace(UNSEEN, state=UNKNOWN)])
    told = steps(ledger)
    ledger.remember([SEEN])
    assert told == [(None, SEEN)]


def test_what_comes_back_after_it_was_missed_is_seen_for_the_first_time() -> None:
    ledger = Ledger([SEEN])
    assert ledger.miss({"a", "never seen"})
    assert not ledger.miss({"a"})
    restored = Ledger(ledger, ledger.absent)
    assert set(restored.absent) == {"a"}
    told = steps(restored)
    restored.remember([UNSEEN, SEEN])
    assert told == [(None, UNSEEN), (UNSEEN, SEEN)]
    assert not restored.absent
    restored.miss({"a"})
    restored.forget("a")
    assert not restored.absent


@given(st.lists(readings, max_size=20))
def test_a_ledger_rebuilt_from_itself_is_the_same(found: list[Reading]) -> None:
    ledger = Ledger(found)
    assert list(Ledger(ledger)) == list(ledger)


class LedgerMachine(RuleBasedStateMachine):
    """The ledger against a plain list of all that was ever read."""

    @initialize()
    def begin(self) -> None:
        self.ledger = Ledger()
        self.order: list[str] = []
        self.known: dict[str, Reading] = {}

    @rule(found=st.lists(readings, max_size=5))
    def read(self, found: list[Reading]) -> None:
        news = []
        for reading in found:
            item_id = reading.item.item_id
            before = self.known.get(item_id)
            if before is not None and not before.item.is_still(reading.item):
                before = None  # the id is another work's by now
            if item_id in self.order:
                self.order.remove(item_id)
            self.order.append(item_id)
            if before is not None and reading.state.watched is None:
                continue
            after = (
                reading
                if before is None
                else replace(reading, item=reading.item.completed_by(before.item))
            )
            self.known[item_id] = after
            if after != before:
                news.append(after)
        assert self.ledger.remember(found) == news

    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        if self.order:
            gone = data.draw(st.sampled_from(self.order))
            self.ledger.forget(gone)
            self.order.remove(gone)
            del self.known[gone]

    @rule()
    def start_anew(self) -> None:
        self.ledger = Ledger(self.ledger)

    @invariant()
    def it_knows_what_was_read(self) -> None:
        assert [one.item.item_id for one in self.ledger] == self.order
        assert {one.item.item_id: one for one in self.ledger} == self.known

    @invariant()
    def an_unknown_state_is_never_a_base(self) -> None:
        for item_id, reading in self.known.items():
            base = self.ledger.base(item_id)
            assert base is None or base.watched is not None
            assert (base is None) is (reading.state.watched is None)


TestLedgerAgainstAList = LedgerMachine.TestCase
TestLedgerAgainstAList.settings = settings(
    max_examples=15, stateful_step_count=12, deadline=None
)


BEGUN = Reading(movie("a"), PlayState(watched=False, play_count=2, last_played=at(20)))


def test_play_that_clears_the_flag_is_known_for_one_as_long_as_it_lasts() -> None:
    steps: list[tuple[bool, bool]] = []
    ledger = Ledger([Reading(movie("a"), seen(last=at(10)))])
    ledger.on_move = lambda known, new: steps.append(
        (known is not None and known.state.begun_again, new.state.begun_again)
    )
    (news,) = ledger.remember([BEGUN])
    assert news.state.begun_again
    assert ledger.remember([BEGUN]) == []
    assert ledger.knowing(BEGUN).state.begun_again
    ledger.remember([UNSEEN])
    assert not ledger.knowing(UNSEEN).state.begun_again
    assert steps == [(False, True), (True, False)]


def test_what_came_back_is_not_known_to_be_begun_again() -> None:
    ledger = Ledger([Reading(movie("a"), seen(last=at(10)))], ["a"])
    assert not ledger.knowing(BEGUN).state.begun_again
    ledger.remember([BEGUN])
    reading = ledger.reading("a")
    assert reading is not None
    assert not reading.state.begun_again


def test_of_what_was_never_read_nothing_is_known() -> None:
    assert Ledger().knowing(BEGUN) is BEGUN


def test_an_odd_reading_costs_the_others_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ledger = Ledger([Reading(movie("1"), seen())])
    odd = Reading(movie("1"), PlayState(watched=True, position="x"))  # type: ignore[arg-type]  # a mistake
    good = Reading(movie("2"), seen())
    ledger.on_move = lambda _, reading: told.append(reading)
    told: list[Reading] = []
    assert ledger.remember([odd, good]) == [good]
    assert told == [good]
    assert "could not be taken over" in caplog.text


def test_who_is_told_of_moves_cannot_make_them_unknown(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def mistaken(*_: object) -> None:
        raise RuntimeError

    ledger = Ledger([Reading(movie("1"), unseen())])
    ledger.on_move = mistaken
    moved = Reading(movie("1"), seen())
    assert ledger.remember([moved]) == [moved]
    assert ledger.base("1") == seen()
    assert "not taken in" in caplog.text


def test_position_that_cannot_be_read_is_neither_a_step_nor_news() -> None:
    begun = Reading(movie("a"), PlayState(watched=False, position=900.0))
    hidden = Reading(movie("a"), PlayState(watched=False, hides_position=True))
    ledger = Ledger([begun])
    steps: list[Reading] = []
    ledger.on_move = lambda _, reading: steps.append(reading)
    assert ledger.remember([hidden]) == []
    assert ledger.base("a") == begun.state
    assert steps == []
    stored = codec.decode_reading(codec.encode_reading(*ledger))
    assert stored.state.hides_position


def renumbered(reading: Reading, item_id: str) -> Reading:
    """Return what a restored server shows of a work under another id."""
    return replace(reading, item=replace(reading.item, item_id=item_id))


@pytest.mark.parametrize("new_id", ["b", "c"])
@pytest.mark.parametrize("at_once", [True, False])
def test_what_is_known_under_another_id_by_now_is_no_play(
    new_id: str, *, at_once: bool
) -> None:
    film = Reading(movie("a"), seen(last=at(10)))
    other = Reading(movie("b"), seen(last=at(5)))
    ledger = Ledger([film, other])
    told: list[Reading] = []
    ledger.on_move = lambda _, reading: told.append(reading)
    restored = [renumbered(other, "a"), renumbered(film, new_id)]
    if new_id == "c":
        ledger.miss(["b"])
    for batch in [restored] if at_once else [[one] for one in restored]:
        ledger.remember(batch)
    assert told == []


def test_what_a_second_copy_shows_is_a_play_where_the_first_has_not_shown_it() -> None:
    film = Reading(movie("a"), seen(last=at(10)))
    copy = renumbered(film, "copy")
    for known, is_told in (
        (film, False),
        (replace(film, state=seen(last=at(5))), True),
        (replace(film, state=unseen()), True),
        (replace(film, state=UNKNOWN), True),
    ):
        ledger = Ledger([known])
        told: list[Reading] = []
        ledger.on_move = lambda _, reading, told=told: told.append(reading)
        ledger.remember([copy])
        assert bool(told) is is_told
        ledger.forget("a")
        ledger.forget("copy")
        assert len(ledger) == 0


def test_play_since_it_was_known_under_another_id_is_told() -> None:
    film = Reading(movie("a"), seen(last=at(10)))
    ledger = Ledger([film])
    ledger.miss(["a"])
    told: list[Reading] = []
    ledger.on_move = lambda _, reading: told.append(reading)
    played = replace(renumbered(film, "new"), state=seen(plays=2, last=at(20)))
    ledger.remember([played])
    assert told == [played]
