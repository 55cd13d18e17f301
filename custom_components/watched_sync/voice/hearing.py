"""From what somebody says to the film, show or episode that is meant.

Ears are less exact than eyes: punctuation, accents and articles do not count here, a
year may stand at the end of a title. Whatever is still not certain is asked back.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
import re
from typing import Any, Final

from ..actions.fields import ATTR_EXTERNAL_ID, ATTR_TITLE, ATTR_YEAR
from ..core.errors import ItemGone
from ..core.identity import Item, MediaKind
from ..core.lane import Phase
from ..core.play_state import Reading
from ..core.ports import MediaServer
from ..core.titles import Likeness, likeness
from ..failures import invalid
from ..naming.asking import CannotAsk, SkipReason, async_ask
from ..naming.found import (
    LaneItem,
    Skipped,
    by_work,
    nearest_first,
    nothing_found,
    same_work,
)
from ..naming.known import known_items
from ..naming.names import external_ids, parse_external_id
from ..naming.searching import async_search
from ..runtime import WatchedSyncConfigEntry

#: Works that a question lists.
_CANDIDATES_ASKED = 5

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


@dataclass(frozen=True, slots=True)
class Work:
    """One film or show, on each lane that has it.

    `naming` is how actions name it; `skipped` are lanes that cannot tell.
    """

    targets: Sequence[LaneItem]
    naming: Mapping[str, Any]
    skipped: Sequence[Skipped]

    @property
    def item(self) -> Item:
        """The work as the first lane describes it."""
        return self.targets[0].item


# --- by title ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Guess:
    """One way to understand what was said."""

    title: str
    year: int | None
    kinds: tuple[MediaKind, ...]

    def likeness(self, item: Item) -> Likeness:
        """Return how well *item* fits; ears are less exact than eyes."""
        if item.kind not in self.kinds:
            return Likeness.DIFFERENT
        return likeness(self.title, self.year, item.title, item.year, heard=True)

    def fits(self, item: Item) -> bool:
        """Whether *item* may be what was said."""
        return self.likeness(item) is not Likeness.DIFFERENT

    def among(self, targets: Iterable[LaneItem]) -> list[LaneItem]:
        """Return those that sound exactly so, or else those that nearly do."""
        fitting = [one for one in targets if self.fits(one.item)]
        best = max((self.likeness(one.item) for one in fitting), default=None)
        return [one for one in fitting if self.likeness(one.item) is best]


def _guesses(heard: Heard) -> list[_Guess]:
    """Return the ways to understand what was said, the most likely first."""
    title = (heard.title or "").strip()
    kinds: tuple[MediaKind, ...] = _FILMS_AND_SHOWS
    if heard.is_in_show:
        kinds = (MediaKind.SHOW,)
    elif heard.kind is not None:
        kinds = (heard.kind,)
    guesses = [_Guess(title, heard.year, kinds)]
    if heard.kind_text:
        guesses.append(
            _Guess(f"{heard.kind_text} {title}", heard.year, _FILMS_AND_SHOWS)
        )
    # "Blade Runner 2049" is a title; "Dune 2021" is one with its year.
    match = _YEAR_AT_END.fullmatch(title)
    if match is not None and heard.year is None:
        guesses.append(_Guess(match["title"], int(match["year"]), kinds))
    return guesses


@dataclass(slots=True)
class _Found:
    """What the lanes answered."""

    targets: list[LaneItem] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)


async def _async_search(
    lanes: Sequence[WatchedSyncConfigEntry],
    guess: _Guess,
    kinds: Collection[MediaKind],
) -> _Found:
    """Ask every lane for a title; one that cannot be asked says what it knows."""

    async def on_lane(
        entry: WatchedSyncConfigEntry,
    ) -> tuple[list[LaneItem], SkipReason | None]:
        try:
            readings = await async_ask(
                entry,
                lambda server: async_search(
                    server, guess.title, kinds, fits=guess.fits
                ),
            )
        except CannotAsk as err:
            known = known_items(entry)
            return [
                LaneItem(entry, one) for one in known if one.kind in kinds
            ], err.reason
        return [LaneItem(entry, one.item, one) for one in readings], None

    found = _Found()
    answers = await asyncio.gather(*map(on_lane, lanes))
    for entry, (targets, reason) in zip(lanes, answers, strict=True):
        allows = entry.runtime_data.coordinator.allows
        found.targets.extend(one for one in targets if allows(one.item))
        if reason is not None:
            found.skipped.append(Skipped(entry, reason))
    return found


async def async_find(lanes: Sequence[WatchedSyncConfigEntry], heard: Heard) -> Work:
    """Return the film or show that was named.

    Raises NeedsAnswer if it may be several or only something like it was found, and
    ServiceValidationError if nothing was.
    """
    if heard.external_id is not None:
        return await _async_find_by_id(lanes, heard.external_id)
    # A name is only good if nothing else has it, so both kinds are looked for.
    kinds = (MediaKind.SHOW,) if heard.is_in_show else _FILMS_AND_SHOWS
    found = _Found()
    for guess in _guesses(heard):
        answer = await _async_search(lanes, guess, kinds)
        found.targets.extend(answer.targets)
        found.skipped = answer.skipped
        if hits := guess.among(found.targets):
            return _one_work(heard, hits, found)
    # What a lane that is away happens to know is not like what was said.
    similar = [one for one in found.targets if one.reading is not None]
    if similar:
        nearest = nearest_first(similar, heard.name, lambda one: one.item)
        raise NeedsAnswer(Asks.SIMILAR, name=heard.name, candidates=_distinct(nearest))
    raise nothing_found(heard.name, found.skipped)


def _distinct(targets: Iterable[LaneItem]) -> list[LaneItem]:
    """Return one target of each work, in their order."""
    works = by_work(targets, lambda one: one.item)
    return [work[0] for work in works[:_CANDIDATES_ASKED]]


def _one_work(heard: Heard, hits: Sequence[LaneItem], found: _Found) -> Work:
    if fresh := [one for one in hits if one.reading is not None]:
        # What a lane that is away knows by its title alone may be a remake.
        hits = [
            one
            for one in hits
            if one.reading is not None
            or any(same_work(one.item, two.item) for two in fresh)
        ]
    works = _distinct(hits)
    if len(works) > 1:
        raise NeedsAnswer(Asks.WHICH_WORK, name=heard.name, candidates=works)
    unique = {(one.entry.entry_id, one.item.item_id): one for one in hits}
    targets = list(unique.values())
    naming = _naming(targets, found.targets)
    return Work(targets, naming, _without(targets, found.skipped))


def _without(targets: Iterable[LaneItem], skipped: Iterable[Skipped]) -> list[Skipped]:
    """Return the lanes that could not be asked and did not know it by themselves."""
    knowing = {target.entry.entry_id for target in targets}
    return [one for one in skipped if one.entry.entry_id not in knowing]


def _naming(
    targets: Sequence[LaneItem], everything: Iterable[LaneItem]
) -> dict[str, Any]:
    """Return the fields by which an action finds exactly these."""
    item = targets[0].item
    years = {target.item.year for target in targets}
    year = years.pop() if len(years) == 1 else None
    rivals = [
        other
        for other in everything
        if likeness(item.title, year, other.item.title, other.item.year)
        is Likeness.SAME
        and not same_work(other.item, item)
    ]
    if rivals and (ids := external_ids(item)):
        return {ATTR_EXTERNAL_ID: ids[0]}
    naming: dict[str, Any] = {ATTR_TITLE: item.title}
    if year is not None:
        naming[ATTR_YEAR] = year
    return naming


async def _async_find_by_id(
    lanes: Sequence[WatchedSyncConfigEntry], external_id: str
) -> Work:
    kinds, ids = parse_external_id(external_id)
    kinds = tuple(kind for kind in kinds if kind in _FILMS_AND_SHOWS)
    targets: list[LaneItem] = []
    skipped: list[Skipped] = []

    async def on_lane(entry: WatchedSyncConfigEntry) -> None:
        async def find(_: MediaServer) -> list[Reading]:
            inventory = entry.runtime_data.inventory
            return [
                one for kind in kinds for one in await inventory.find_now(kind, ids)
            ]

        try:
            readings = await async_ask(entry, find)
            targets.extend(LaneItem(entry, one.item, one) for one in readings)
        except CannotAsk as err:
            skipped.append(Skipped(entry, err.reason))
            targets.extend(
                LaneItem(entry, item)
                for item in known_items(entry)
                if item.kind in kinds and item.provider_ids.matches(ids)
            )

    await asyncio.gather(*map(on_lane, lanes))
    targets = [
        one for one in targets if one.entry.runtime_data.coordinator.allows(one.item)
    ]
    if not targets:
        raise nothing_found(external_id, skipped)
    works = _distinct(targets)
    if len(works) > 1:
        raise NeedsAnswer(Asks.WHICH_WORK, name=external_id, candidates=works)
    naming = {ATTR_EXTERNAL_ID: external_id}
    return Work(targets, naming, _without(targets, skipped))


# --- by place in the show ---------------------------------------------------


@dataclass(frozen=True, slots=True)
class Episodes:
    """The regular episodes of a show that were aired, on one lane and in order.

    Their states are those they will have once everything that waits is delivered.
    """

    target: LaneItem
    readings: Sequence[Reading]

    @property
    def next(self) -> Reading | None:
        """The first that was not watched."""
        return next((one for one in self.readings if one.state.watched is False), None)

    @property
    def newest(self) -> Reading | None:
        """The last that was aired and is there."""
        return self.readings[-1] if self.readings else None


async def async_episodes(
    work: Work, today: date
) -> tuple[list[Episodes], list[Skipped]]:
    """Return the episodes of a show on every lane that can tell, and which cannot.

    Raises ServiceValidationError if something else than a show was named, or if no
    lane can tell.
    """
    if work.item.kind is not MediaKind.SHOW:
        raise invalid("season_without_show", name=work.item.full_title)
    told: list[Episodes] = []
    skipped = list(work.skipped)
    for target in work.targets:
        try:
            leaves = await _async_leaves(target)
        except CannotAsk as err:
            skipped.append(Skipped(target.entry, err.reason, target.item))
            continue
        outbox = target.entry.runtime_data.lane.outbox
        # Specials are not meant, nor is what has no number to name it by.
        readings = [
            Reading(leaf.item, outbox.desired(leaf.item, leaf.state))
            for leaf in leaves
            if leaf.item.season
            and leaf.item.episode is not None
            and (leaf.item.aired is None or leaf.item.aired <= today)
        ]
        told.append(Episodes(target, readings))
    if not told:
        raise nothing_found(work.item.full_title, skipped)
    return told, skipped


async def _async_leaves(target: LaneItem) -> Sequence[Reading]:
    """Return all episodes of a show; raises CannotAsk."""
    show = target.item
    try:
        return await async_ask(target.entry, lambda server: server.fetch_leaves(show))
    except ItemGone:
        raise CannotAsk(SkipReason.NOT_FOUND) from None
    except CannotAsk:
        leaves = target.entry.runtime_data.coordinator.leaves(show.item_id)
        if not leaves:
            raise
        return leaves


def is_away(entry: WatchedSyncConfigEntry) -> bool:
    """Whether what a lane accepts now is delivered only later."""
    return entry.runtime_data.lane.health.phase is not Phase.READY
