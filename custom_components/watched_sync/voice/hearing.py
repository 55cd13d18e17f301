"""From what somebody says to the film, show or episode that is meant.

Ears are less exact than eyes: punctuation, accents and articles do not count here, a
year may stand at the end of a title. Whatever is still not certain is asked back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
import re
from typing import Any, Final

from homeassistant.config_entries import ConfigEntryState

from ..actions.fields import ATTR_EXTERNAL_ID, ATTR_TITLE, ATTR_YEAR
from ..core.identity import MediaKind
from ..core.lane import Phase
from ..naming.found import LaneItem
from ..naming.names import ItemName, parse_external_id
from ..naming.spoken import NamedWork, NotCertain, async_find_spoken
from ..runtime import WatchedSyncConfigEntry

_FILMS_AND_SHOWS: Final = (MediaKind.MOVIE, MediaKind.SHOW)

_YEAR_AT_END = re.compile(r"(?P<title>.*\S)\s+\(?(?P<year>(?:18|19|20)\d\d)\)?")


class Which(StrEnum):
    """An episode that is named by its place in a show."""

    LAST = "last"
    NEXT = "next"


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What somebody named: a title or an external id, or else what plays near them.

    `kind_text` is the word the kind was said with: it may be part of the title.
    `person` is the name of whom it is for, or `everyone`.
    """

    title: str | None = None
    external_id: str | None = None
    year: int | None = None
    kind: MediaKind | None = None
    kind_text: str | None = None
    season: int | None = None
    episode: int | None = None
    which: Which | None = None
    up_to: bool = False
    person: str | None = None

    @property
    def is_named(self) -> bool:
        """Whether anything was named; if not, what plays nearby is meant."""
        return self.title is not None or self.external_id is not None

    @property
    def name(self) -> str:
        """What was named, as it was said."""
        return self.title or self.external_id or ""

    @property
    def is_in_show(self) -> bool:
        """Whether it can only be a show that was named."""
        return self.season is not None or self.which is not None or self.up_to


class Asks(StrEnum):
    """Why nothing was done before somebody says more."""

    WHICH_WORK = "which_work"
    SIMILAR = "similar"
    WHICH_EPISODE = "which_episode"
    WHICH_PLAYER = "which_player"
    WHERE = "where"
    FOR_WHOM = "for_whom"
    CONFIRM_MARK = "confirm_mark"
    CONFIRM_UNMARK = "confirm_unmark"
    CONFIRM_UNKNOWN = "confirm_unknown"
    CONFIRM_UNDO = "confirm_undo"


class NeedsAnswer(Exception):
    """Nothing was done: a question must be answered first.

    `candidates` are the items to choose from, `choices` other things by their names.
    """

    def __init__(
        self,
        asks: Asks,
        *,
        name: str = "",
        count: str = "",
        candidates: Sequence[LaneItem] = (),
        choices: Sequence[str] = (),
    ) -> None:
        """Remember the question."""
        super().__init__(asks)
        self.asks = asks
        self.name = name
        self.count = count
        self.candidates = candidates
        self.choices = choices


# --- by title ---------------------------------------------------------------


def _guesses(heard: Heard) -> list[ItemName]:
    """Return the ways to understand what was said, the most likely first."""
    kinds: tuple[MediaKind, ...] = _FILMS_AND_SHOWS
    if heard.external_id is not None:
        meant, ids = parse_external_id(heard.external_id)
        kinds = tuple(kind for kind in meant if kind in _FILMS_AND_SHOWS)
        return [ItemName(heard.external_id, kinds, ids=ids)]
    title = (heard.title or "").strip()
    if heard.is_in_show:
        kinds = (MediaKind.SHOW,)
    elif heard.kind is not None:
        kinds = (heard.kind,)

    def guess(title: str, year: int | None, kinds: tuple[MediaKind, ...]) -> ItemName:
        return ItemName(heard.name, kinds, title=title, year=year, heard=True)

    guesses = [guess(title, heard.year, kinds)]
    if heard.kind_text:
        guesses.append(
            guess(f"{heard.kind_text} {title}", heard.year, _FILMS_AND_SHOWS)
        )
    # "Blade Runner 2049" is a title; "Dune 2021" is one with its year.
    match = _YEAR_AT_END.fullmatch(title)
    if match is not None and heard.year is None:
        guesses.append(guess(match["title"], int(match["year"]), kinds))
    return guesses


async def async_find(
    lanes: Sequence[WatchedSyncConfigEntry], heard: Heard
) -> NamedWork:
    """Return the film or show that was named.

    Raises NeedsAnswer if it may be several or only something like it was found, and
    ServiceValidationError if nothing was.
    """
    guesses = _guesses(heard)
    if heard.external_id is not None:
        kinds = guesses[0].kinds
    else:
        # A name is only good if nothing else has it, so both kinds are looked for.
        kinds = (MediaKind.SHOW,) if heard.is_in_show else _FILMS_AND_SHOWS
    try:
        return await async_find_spoken(lanes, guesses, kinds)
    except NotCertain as err:
        asks = Asks.SIMILAR if err.is_similar else Asks.WHICH_WORK
        raise NeedsAnswer(asks, name=heard.name, candidates=err.candidates) from None


def fields_of(name: ItemName) -> dict[str, Any]:
    """Return the fields by which an action finds what a name does."""
    if name.ids is not None:
        return {ATTR_EXTERNAL_ID: name.name}
    if name.year is None:
        return {ATTR_TITLE: name.title}
    return {ATTR_TITLE: name.title, ATTR_YEAR: name.year}


def is_away(entry: WatchedSyncConfigEntry) -> bool:
    """Whether what a lane accepted is delivered only later."""
    if entry.state is not ConfigEntryState.LOADED:
        return True
    return entry.runtime_data.lane.health.phase is not Phase.READY
