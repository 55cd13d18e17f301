"""What we believe of the servers, as questions that a server answers by what it does.

Each fact has a paragraph in `docs/server-facts.md`, under its number. What is believed
depends on the product and, where it has changed, on the version.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
import re
from typing import Final


class Product(StrEnum):
    """The kinds of server."""

    PLEX = "plex"
    JELLYFIN = "jellyfin"
    EMBY = "emby"


@dataclass(frozen=True, slots=True)
class Within:
    """A number of seconds, and no more than these."""

    seconds: float

    def holds(self, value: Value) -> bool:
        """Whether this was so."""
        return isinstance(value, float) and value <= self.seconds

    def __str__(self) -> str:
        """Write it without words."""
        return f"≤ {self.seconds:g} s"


@dataclass(frozen=True, slots=True)
class From:
    """A version, this one or a later one; any at all without numbers."""

    numbers: tuple[int, ...] = ()

    def holds(self, value: Value) -> bool:
        """Whether this was so."""
        return isinstance(value, str) and version_numbers(value) >= self.numbers

    def __str__(self) -> str:
        """Write it without words."""
        return f"≥ {'.'.join(map(str, self.numbers or (0,)))}"


@dataclass(frozen=True, slots=True)
class OneOf:
    """Yes, no, or either; or one of some numbers."""

    values: tuple[bool | int, ...]

    def holds(self, value: Value) -> bool:
        """Whether this was so."""
        return value in self.values


#: What was seen of a server: yes or no, a number, seconds, or a version.
type Value = bool | int | float | str
type Belief = OneOf | Within | From

YES: Final = OneOf((True,))
NO: Final = OneOf((False,))
EITHER: Final = OneOf((True, False))
#: How long a page may take before it is given up (`servers.transport.TIMEOUT`).
_PAGE: Final = Within(30.0)


@dataclass(frozen=True, slots=True)
class Fact:
    """One question. None where a product is not asked.

    `before_12` is what Jellyfin did before its version 12, where that was something
    else. What `writes` changes a play state to see the answer.
    """

    key: str
    plex: Belief | None
    jellyfin: Belief | None
    emby: Belief | None
    writes: bool = False
    before_12: Belief | None = None

    def believed(self, product: Product, version: str) -> Belief | None:
        """Return what we believe; None for what this product is not asked."""
        if product is Product.PLEX:
            return self.plex
        if product is Product.EMBY:
            return self.emby
        if self.before_12 is not None and version_numbers(version) < (12,):
            return self.before_12
        return self.jellyfin


def _same(key: str, belief: Belief, *, writes: bool = False) -> Fact:
    return Fact(key, belief, belief, belief, writes)


def _writes(
    key: str,
    plex: Belief | None,
    jellyfin: Belief | None,
    emby: Belief | None,
    before_12: Belief | None = None,
) -> Fact:
    return Fact(key, plex, jellyfin, emby, writes=True, before_12=before_12)


#: In the order in which they are tried and shown.
FACTS: Final[Sequence[Fact]] = (
    Fact("version", From(), From((10, 9)), From((4, 4))),
    _same("user_known", YES),
    _same("clock_told", YES),
    _same("libraries_listed", YES),
    _same("film_page_time", _PAGE),
    _same("show_page_time", _PAGE),
    _same("episode_page_time", _PAGE),
    _same("batch_complete", YES),
    _same("batch_leaves_out_gone", YES),
    # Nothing shows what Emby does with both.
    Fact("batch_narrowed_by_library", None, NO, EITHER),
    _same("search_finds", YES),
    _same("ids_find", YES),
    Fact("unwatched_counted", YES, None, None),
    Fact("plays_listed", YES, None, YES),
    _same("up_next_listed", YES),
    _same("socket_opens", YES),
    _same("mark_works", YES, writes=True),
    # Emby: a row that was recorded after a mark had a count of 0.
    _writes("mark_count", OneOf((1,)), OneOf((1,)), OneOf((0, 1))),
    _same("mark_dated", YES, writes=True),
    _writes("mark_told", NO, YES, EITHER),
    _writes("mark_again_counts", YES, NO, NO),
    _writes("mark_by_get", YES, None, None),
    _writes("mark_by_put", YES, None, None),
    _same("position_keeps_flag", YES, writes=True),
    _writes("play_keeps_flag", YES, YES, NO, before_12=NO),
    _writes("play_counts_at_start", NO, YES, YES),
    _writes("play_told", YES, YES, EITHER),
    _same("unmark_works", YES, writes=True),
    _writes("unmark_count", OneOf((0,)), OneOf((0,)), OneOf((0, 1))),
    _same("unmark_clears_date", YES, writes=True),
    _same("position_works", YES, writes=True),
    _writes("position_told", YES, YES, EITHER),
    _writes("position_low_kept", NO, YES, YES),
    _writes("position_high_kept", NO, YES, YES),
    _same("position_high_marks", NO, writes=True),
    _writes("date_kept", None, YES, YES),
    _writes("play_low_kept", None, NO, NO),
    _writes("play_high_marks", None, YES, YES),
    _same("season_mark_works", YES, writes=True),
    _same("season_mark_stays_within", YES, writes=True),
    _writes("season_mark_told", NO, YES, EITHER),
    _writes("season_mark_whole", None, NO, YES, before_12=YES),
    _same("season_unmark_works", YES, writes=True),
    _same("show_mark_works", YES, writes=True),
    _same("show_mark_reaches_specials", YES, writes=True),
    _same("show_mark_counted", YES, writes=True),
    _same("show_unmark_works", YES, writes=True),
)


class FactVerdict(StrEnum):
    """What a check says of one fact."""

    SAME = "same"
    DIFFERS = "differs"
    NOT_TRIED = "not_tried"


class NotTried(StrEnum):
    """Why a fact was not tried."""

    READ_ONLY = "read_only"
    NO_FILM = "no_film"
    NO_SHOW = "no_show"
    NO_SPECIALS = "no_specials"
    ONE_SEASON = "one_season"
    NO_IDS = "no_ids"
    ONE_LIBRARY = "one_library"
    NO_SOCKET = "no_socket"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found out about one fact.

    `value` is what the server did, None if it was `not_tried`. `error` is the name of
    the failure for which it was not. What was told over the socket has come after so
    many `seconds`, and `with_state` if it said what the play state is.
    """

    fact: Fact
    believed: Belief
    value: Value | None
    not_tried: NotTried | None = None
    error: str = ""
    seconds: float | None = None
    with_state: bool = False

    @property
    def verdict(self) -> FactVerdict:
        """Whether the server does as we believe."""
        if self.value is None:
            return FactVerdict.NOT_TRIED
        holds = self.believed.holds(self.value)
        return FactVerdict.SAME if holds else FactVerdict.DIFFERS

    def as_json(self) -> Mapping[str, object]:
        """Return it for a report, with nothing in it that is anybody's own."""
        found: dict[str, object] = {
            "fact": self.fact.key,
            "verdict": self.verdict.value,
            "believed": (
                list(self.believed.values)
                if isinstance(self.believed, OneOf)
                else str(self.believed)
            ),
            "value": self.value,
        }
        if self.not_tried is not None:
            found["not_tried"] = self.not_tried.value
        if self.error:
            found["error"] = self.error
        if self.seconds is not None:
            found["seconds"] = round(self.seconds, 2)
            found["with_state"] = self.with_state
        return found


#: Where the translations of selectors have what `FindingsTable` writes.
FACT_TEXTS: Final = "checked_fact"
WORD_TEXTS: Final = "checked_word"


class FindingsTable:
    """Writes findings as a table, in the words of one language.

    *texts* has what to call each fact, and every value, verdict and reason, under their
    keys in the translations of selectors.
    """

    def __init__(self, texts: Mapping[str, str]) -> None:
        """Take the words of one language."""
        self._texts = texts

    def rows(self, findings: Sequence[Finding]) -> list[tuple[str, ...]]:
        """Return a table, its header first.

        Number and name of each fact, what is believed, what was done, the verdict.
        """
        header = ("fact", "believed", "did", "verdict")
        return [
            ("#", *(self._word(one) for one in header)),
            *(
                (
                    str(FACTS.index(one.fact) + 1),
                    self._texts[f"{FACT_TEXTS}.{one.fact.key}"],
                    self.believed(one.believed),
                    self.done(one),
                    self._word(one.verdict),
                )
                for one in findings
            ),
        ]

    def table(self, findings: Sequence[Finding]) -> str:
        """Return the same in Markdown."""
        header, *rows = self.rows(findings)
        rule = tuple("---" for _ in header)
        return "\n".join(f"| {' | '.join(row)} |" for row in (header, rule, *rows))

    def believed(self, belief: Belief) -> str:
        """Write what is believed."""
        if not isinstance(belief, OneOf):
            return str(belief)
        if belief == EITHER:
            return self._word("either")
        return " / ".join(self._value(one) for one in belief.values)

    def done(self, finding: Finding) -> str:
        """Write what a server did, or why it was not asked."""
        if finding.value is None:
            why = self._word(finding.not_tried or NotTried.STOPPED)
            return f"{why} ({finding.error})" if finding.error else why
        done = self._value(finding.value)
        if finding.seconds is None:
            return done
        with_state = self._word("with_state" if finding.with_state else "as_hint")
        return f"{done} ({finding.seconds:.1f} s, {with_state})"

    def _value(self, value: Value) -> str:
        match value:
            case bool():
                return self._word("yes" if value else "no")
            case float():
                return f"{value:.2f} s"
            case _:
                return str(value)

    def _word(self, name: str) -> str:
        return self._texts[f"{WORD_TEXTS}.{name}"]


#: Every word that `FindingsTable` writes, beside those of the facts.
WORDS: Final[Sequence[str]] = (
    "fact",
    "believed",
    "did",
    "verdict",
    "yes",
    "no",
    "either",
    "with_state",
    "as_hint",
    *FactVerdict,
    *NotTried,
)


def version_numbers(version: str) -> tuple[int, ...]:
    """Return the numbers of a version, to be compared: `10.11.2` -> (10, 11, 2)."""
    return tuple(int(one) for one in re.findall(r"\d{1,9}", version, re.ASCII))
