"""Finding items on lanes: by id, by the ids the world gives them, and by title.

A lane that knows an item already is not asked for it; one that cannot be asked answers
from what it knows, or is skipped with a reason. Whatever cannot be told for certain is
an error.
"""

import asyncio
from collections import Counter
from collections.abc import (
    Awaitable,
    Callable,
    Collection,
    Iterable,
    Mapping,
    Sequence,
)
from dataclasses import dataclass, field, replace
from enum import IntEnum, StrEnum
import re
from typing import Final

from homeassistant.exceptions import ServiceValidationError

from .core import gate
from .core.errors import (
    ItemGone,
    LaneDown,
    Parked,
    ServerError,
    StillLooking,
    Unanswered,
    classify,
)
from .core.identity import Item, MediaKind, ProviderIds
from .core.lane import Phase
from .core.matching import contradict
from .core.play_state import Reading
from .core.ports import Find, MediaServer
from .core.titles import (
    NEARLY,
    Likeness,
    closeness,
    likeness,
    split_year,
    telling_words,
    word_ends,
)
from .failures import invalid
from .runtime import WatchedSyncConfigEntry
from .words import async_kind

#: Titles a server is asked for; a common word is part of many.
_SEARCH_LIMIT = 50

#: Candidates an error lists; more would not help anybody to choose.
_CANDIDATES_SHOWN = 10

#: How external ids are written: what the texts that speak of them show.
EXTERNAL_ID_EXAMPLES: Final[Mapping[str, str]] = {
    "imdb": "imdb://tt0133093",
    "tmdb_movie": "tmdb://movie/603",
    "tmdb_show": "tmdb://show/95396",
    "tvdb": "tvdb://371980",
}
_EXTERNAL_ID = re.compile(
    r"(?P<source>imdb|tmdb|tvdb)://(?:(?P<kind>movie|show|episode)/)?(?P<id>\w+)"
)


class ActionScope(StrEnum):
    """How far an action reaches from the item named."""

    ITEM = "item"
    SEASON = "season"
    SHOW = "show"
    UP_TO = "up_to"


class SkipReason(StrEnum):
    """Why a lane, or an item on it, was passed over."""

    OFFLINE = "offline"
    AUTH_REQUIRED = "auth_required"
    UNANSWERED = "unanswered"
    STILL_LOOKING = "still_looking"
    SERVER_ERROR = "server_error"
    NOT_LOADED = "not_loaded"
    NOT_FOUND = "not_found"
    NOT_AIRED = "not_aired"
    ALREADY_WATCHED = "already_watched"
    ALREADY_UNWATCHED = "already_unwatched"
    ALREADY_THERE = "already_there"
    ALREADY_UNDONE = "already_undone"
    CHANGED_NOTHING = "changed_nothing"
    CHANGED_SINCE = "changed_since"
    NOT_POSSIBLE = "not_possible"


@dataclass(frozen=True, slots=True)
class LaneItem:
    """One item on one lane; *reading* is set if the server was asked just now."""

    entry: WatchedSyncConfigEntry
    item: Item
    reading: Reading | None = None


@dataclass(frozen=True, slots=True)
class Skipped:
    """What was passed over, and why."""

    entry: WatchedSyncConfigEntry
    reason: SkipReason
    item: Item | None = None


@dataclass(slots=True)
class Resolution:
    """What an action means."""

    targets: list[LaneItem] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)


class CannotAsk(Exception):
    """The server of a lane gives no answer at the moment."""

    def __init__(self, reason: SkipReason) -> None:
        """Remember why."""
        super().__init__(reason)
        self.reason = reason


async def async_ask[T](
    entry: WatchedSyncConfigEntry, question: Callable[[MediaServer], Awaitable[T]]
) -> T:
    """Return what the server of a lane answers; raises CannotAsk.

    A lane that is down or waits for a person is not bothered, and a question that
    fails tells the relay so.
    """
    runtime = entry.runtime_data
    match runtime.lane.health.phase:
        case Phase.PARKED:
            raise CannotAsk(SkipReason.AUTH_REQUIRED)
        case Phase.BACKING_OFF:
            raise CannotAsk(SkipReason.OFFLINE)
    try:
        return await question(runtime.server)
    except ItemGone:
        raise
    except StillLooking as err:
        raise CannotAsk(SkipReason.STILL_LOOKING) from err
    except ServerError as err:
        runtime.relay.report(err)
        match classify(err):
            case LaneDown():
                reason = SkipReason.OFFLINE
            case Parked():
                reason = SkipReason.AUTH_REQUIRED
            case _ if isinstance(err, Unanswered):
                reason = SkipReason.UNANSWERED
            case _:
                reason = SkipReason.SERVER_ERROR
        raise CannotAsk(reason) from err


def known_item(entry: WatchedSyncConfigEntry, item_id: str) -> Item | None:
    """Return an item this lane has dealt with, without asking the server."""
    runtime = entry.runtime_data
    if item := runtime.lane.ledger.item(item_id):
        return item
    if view := runtime.coordinator.view(item_id):
        return view.item
    return None


def derived_container(item: Item, kind: MediaKind) -> Item | None:
    """Return the season or show that *item* says it belongs to."""
    if kind is item.kind:
        return item
    if kind is MediaKind.SHOW and item.show_id is not None:
        return Item(
            item_id=item.show_id,
            kind=MediaKind.SHOW,
            title=item.show_title or item.show_id,
            provider_ids=item.show_provider_ids,
            library_id=item.library_id,
        )
    if (
        kind is MediaKind.SEASON
        and item.kind is MediaKind.EPISODE
        and item.season_id is not None
    ):
        return Item(
            item_id=item.season_id,
            kind=MediaKind.SEASON,
            title=f"Season {item.season}",
            library_id=item.library_id,
            show_id=item.show_id,
            show_title=item.show_title,
            show_provider_ids=item.show_provider_ids,
            season_id=item.season_id,
            season=item.season,
            listed_under=item.listed_under,
        )
    return None


def known_items(entry: WatchedSyncConfigEntry) -> Collection[Item]:
    """Return all items this lane can name by itself, with their seasons and shows."""
    runtime = entry.runtime_data
    items = {
        view.item.item_id: view.item for view in runtime.coordinator.data.items.values()
    }
    items |= {reading.item.item_id: reading.item for reading in runtime.lane.ledger}
    for item in list(items.values()):
        for kind in (MediaKind.SEASON, MediaKind.SHOW):
            if container := derived_container(item, kind):
                items.setdefault(container.item_id, container)
    return items.values()


# --- by external id and title ----------------------------------------------


class Fit(IntEnum):
    """How an item was recognised; the greatest found decides, nothing below it."""

    NOT = 0
    BUT_FOR_ARTICLE = 1
    BY_TITLE = 2
    BY_ID = 3


_BY_TITLE: Final = {
    Likeness.DIFFERENT: Fit.NOT,
    Likeness.BUT_FOR_ARTICLE: Fit.BUT_FOR_ARTICLE,
    Likeness.SAME: Fit.BY_TITLE,
}


@dataclass(frozen=True, slots=True)
class ItemName:
    """An item named by ids or a title, not yet known on any lane.

    `year` is one said beside the title, which may end in its own. With both ids and a
    title the ids come first: the title decides only where they lead nowhere, and never
    for an item with other ids. `hint` is what it may be called on a server that cannot
    look for ids.
    """

    name: str
    kinds: tuple[MediaKind, ...]
    ids: ProviderIds | None = None
    title: str = ""
    year: int | None = None
    hint: str = ""

    @property
    def said_year(self) -> int | None:
        """The year that was said, beside the title or in brackets behind it."""
        return split_year(self.title)[1] if self.year is None else self.year

    def fit(self, item: Item) -> Fit:
        """Return how *item* is recognised as what was named."""
        if item.kind not in self.kinds:
            return Fit.NOT
        if self.ids is not None:
            if item.provider_ids.matches(self.ids):
                return Fit.BY_ID
            if not self.title or contradict(item.provider_ids, self.ids):
                return Fit.NOT
        return _BY_TITLE[likeness(self.title, self.year, item.title, item.year)]

    def fits(self, item: Item) -> bool:
        """Whether *item* may be what was named."""
        return self.fit(item) is not Fit.NOT

    async def ask(self, server: MediaServer, find: Find) -> list[Reading]:
        """Return what the server finds, by ids with *find*; some of it may not fit."""
        if self.ids is not None:
            found = await self._find(find, self.ids)
            if found or not self.title:
                return found
        return await async_search(server, self.title, self.kinds, fits=self.fits)

    async def _find(self, find: Find, ids: ProviderIds) -> list[Reading]:
        found: list[Reading] = []
        for kind in self.kinds:
            hint = self.hint or self.title or None
            found.extend(await find(kind, ids, hint))
            # IMDb numbers everything together; TVDB each kind from 1.
            if found and ids.imdb:
                break
        return found


async def async_search(
    server: MediaServer,
    title: str,
    kinds: Collection[MediaKind],
    limit: int = _SEARCH_LIMIT,
    *,
    fits: Callable[[Item], bool] = lambda _: True,
) -> list[Reading]:
    """Return what a server has that is called like *title*, the likest first.

    If nothing of it *fits*, what nearly is called so follows.
    """
    found = list(await server.search(title, kinds, limit))
    if any(fits(one.item) for one in found):
        return found
    near: dict[str, Reading] = {}
    # Parts of words are in many titles: they are asked for only if no word leads there.
    for parts in (telling_words(title), word_ends(title)):
        for part in parts:
            if part.casefold() == title.strip().casefold():
                continue  # that was asked for
            for one in await server.search(part, kinds, _SEARCH_LIMIT):
                if closeness(title, one.item.title) >= NEARLY:
                    near.setdefault(one.item.item_id, one)
        if near:
            break
    known = {one.item.item_id for one in found}
    found += (one for one in near.values() if one.item.item_id not in known)
    return nearest_first(found, title, lambda one: one.item)[:limit]


def nearest_first[T](
    found: Iterable[T], title: str, item_of: Callable[[T], Item]
) -> list[T]:
    """Return what was found in the order in which it sounds like *title*."""
    return sorted(found, key=lambda one: -closeness(title, item_of(one).title))


def title_words(title: str, year: int | None, kinds: tuple[MediaKind, ...]) -> ItemName:
    """Return the words for a title, which may end in its year in brackets."""
    title = title.strip()
    is_said = year is None or split_year(title)[1] == year
    name = title if is_said else f"{title} ({year})"
    return ItemName(name, kinds, title=title, year=year)


def parse_external_id(text: str) -> tuple[tuple[MediaKind, ...], ProviderIds]:
    """Return the kinds an external id may mean, and the id.

    `imdb://tt0133093`, `tmdb://movie/603`, `tmdb://show/95396`, `tvdb://371980`; the
    kind may be named for the other two as well. Raises ServiceValidationError.
    """
    match = _EXTERNAL_ID.fullmatch(text.strip())
    malformed = invalid(
        "malformed_external_id", external_id=text, **EXTERNAL_ID_EXAMPLES
    )
    if match is None:
        raise malformed
    source, kind, number = match["source"], match["kind"], match["id"]
    # TMDB counts movies and shows separately: the number alone says nothing.
    ids = ProviderIds.told(**{source: number})
    if not ids or (source == "tmdb" and kind is None):
        raise malformed
    if kind is not None:
        return (MediaKind(kind),), ids
    return (MediaKind.MOVIE, MediaKind.SHOW, MediaKind.EPISODE), ids


def same_work(one: Item, other: Item) -> bool:
    """Whether two items found by the same words are copies of one work."""
    if one.is_same_work(other):
        return True
    return (
        not (one.provider_ids and other.provider_ids)
        and one.kind is other.kind
        and one.year is not None
        and one.year == other.year
        and likeness(one.title, one.year, other.title, other.year) is Likeness.SAME
        and (one.season, one.episode) == (other.season, other.episode)
    )


def by_work[T](found: Iterable[T], item_of: Callable[[T], Item]) -> list[list[T]]:
    """Return what was found work by work, in the order in which the works came."""
    works: list[list[T]] = []
    alike: dict[tuple[MediaKind, int | None, int | None], list[list[T]]] = {}
    for one in found:
        item = item_of(one)
        # Comparing every episode of a long show with every other one takes too long.
        nearby = alike.setdefault((item.kind, item.season, item.episode), [])
        for work in nearby:
            first = item_of(work[0])
            if first == item or same_work(first, item):
                work.append(one)
                break
        else:
            works.append([one])
            nearby.append(works[-1])
    return works


def _is_doubtful(target: LaneItem, asked: Sequence[Item]) -> bool:
    """Whether *target* is known by its title alone, and another lane knows more.

    A lane that is away knows some shows only from their episodes. That may be the
    show found elsewhere, or its remake: no reason to refuse, none to write either.
    """
    item = target.item
    return (
        bool(asked)
        and target.reading is None
        and not item.provider_ids
        and item.year is None
        and not any(same_work(other, item) for other in asked)
    )


def candidates(targets: Iterable[LaneItem]) -> str:
    """Return the list of what a name may mean, for a person to choose from.

    What is on several servers is listed once, with all of them behind it. Where two
    works are called alike, their ids tell them apart.
    """
    works: list[list[LaneItem]] = []
    for target in targets:
        for work in works:
            if _is_one_line(work[0].item, target.item):
                work.append(target)
                break
        else:
            works.append([target])
    names = Counter(work[0].item.full_title for work in works)
    lines = [
        _candidate(work, told_apart=names[work[0].item.full_title] > 1)
        for work in works
    ]
    more = ["…"] if len(lines) > _CANDIDATES_SHOWN else []
    return "; ".join([*lines[:_CANDIDATES_SHOWN], *more])


def _is_one_line(one: Item, other: Item) -> bool:
    """Whether two items are one work, or nothing tells a reader otherwise."""
    return same_work(one, other) or (
        one.kind is other.kind
        and one.full_title == other.full_title
        and not contradict(one.provider_ids, other.provider_ids)
    )


def _candidate(work: Sequence[LaneItem], *, told_apart: bool) -> str:
    """Return one line: `Dune (2021), Movie: Attic (Ada), Cellar (Ada)`."""
    item = work[0].item
    hass = work[0].entry.runtime_data.hass
    name = f"{item.full_title}, {async_kind(hass, item.kind)}"
    ids = (target.item.provider_ids.address(item.kind) for target in work)
    if told_apart and (address := next(filter(None, ids), None)):
        name = f"{name}, {address}"
    lanes = dict.fromkeys(target.entry.title for target in work)
    return f"{name}: {', '.join(lanes)}"


async def async_resolve_words(
    lanes: Sequence[WatchedSyncConfigEntry],
    words: ItemName,
    not_loaded: Iterable[WatchedSyncConfigEntry],
) -> Resolution:
    """Find what was named on every lane; it must be one work.

    *not_loaded* are entries that would have been asked as well.
    """

    async def on_lane(
        entry: WatchedSyncConfigEntry,
    ) -> tuple[list[LaneItem], list[LaneItem], SkipReason | None]:
        allows = entry.runtime_data.coordinator.allows
        try:
            find = entry.runtime_data.inventory.find_now
            readings = await async_ask(entry, lambda server: asked.ask(server, find))
        except CannotAsk as err:
            known = [
                LaneItem(entry, item)
                for item in known_items(entry)
                if words.fits(item) and allows(item)
            ]
            return known, [], err.reason
        found = [
            LaneItem(entry, reading.item, reading)
            for reading in readings
            if allows(reading.item)
        ]
        fitting = [target for target in found if words.fits(target.item)]
        # A search also answers with what is like it.
        return fitting, found, None if fitting else SkipReason.NOT_FOUND

    asked = words
    if words.ids is not None:
        # A server that cannot look for ids is helped by a title some lane knows.
        titles = (
            item.title
            for entry in lanes
            for item in known_items(entry)
            if words.fits(item)
        )
        asked = replace(words, hint=next(titles, words.hint))
    resolution = Resolution(
        skipped=[Skipped(entry, SkipReason.NOT_LOADED) for entry in not_loaded]
    )
    similar: list[LaneItem] = []
    answers = await asyncio.gather(*map(on_lane, lanes))
    asked_items = [
        target.item
        for fitting, _, _ in answers
        for target in fitting
        if target.reading is not None
    ]
    best = max(
        (words.fit(one.item) for fitting, _, _ in answers for one in fitting),
        default=Fit.NOT,
    )
    chosen = [
        one.item
        for fitting, _, _ in answers
        for one in fitting
        if words.fit(one.item) is best
    ]
    for entry, (fitting, found, reason) in zip(lanes, answers, strict=True):
        sure = [
            target
            for target in fitting
            if not _is_doubtful(target, asked_items)
            and (
                words.fit(target.item) is best
                or any(same_work(one, target.item) for one in chosen)
            )
        ]
        resolution.targets.extend(sure)
        similar.extend(found)
        if not sure:
            resolution.skipped.append(Skipped(entry, reason or SkipReason.NOT_FOUND))
    if not resolution.targets:
        raise nothing_found(
            words.name,
            resolution.skipped,
            nearest_first(similar, words.title, lambda one: one.item),
        )
    first, *others = resolution.targets
    if all(same_work(first.item, target.item) for target in others):
        return resolution
    listed = candidates(resolution.targets)
    away = [
        entry.title
        for entry, (_, _, reason) in zip(lanes, answers, strict=True)
        if reason not in (None, SkipReason.NOT_FOUND)
    ]
    if not away:
        raise invalid("ambiguous", name=words.name, candidates=listed)
    # One that could be asked might tell that they are the same.
    raise invalid(
        "ambiguous_while_away",
        name=words.name,
        candidates=listed,
        lanes=", ".join(away),
    )


def nothing_found(
    name: str, skipped: Iterable[Skipped], similar: Sequence[LaneItem] = ()
) -> ServiceValidationError:
    """Return the error for a name that led to no item."""
    unasked = [one for one in skipped if one.reason is not SkipReason.NOT_FOUND]
    if unasked:
        still_looking = all(one.reason is SkipReason.STILL_LOOKING for one in unasked)
        return invalid(
            "still_looking" if still_looking else "cannot_look_up",
            name=name,
            lanes=", ".join(one.entry.title for one in unasked),
        )
    if similar:
        return invalid("only_similar", name=name, candidates=candidates(similar))
    return invalid("nothing_found", name=name)


# --- by item id -------------------------------------------------------------


async def async_resolve_id(
    entry: WatchedSyncConfigEntry, item_id: str, title: str | None = None
) -> LaneItem:
    """Return the item with this id on this lane.

    While the server cannot be asked an id that is not known is believed, if it can be
    one: the first reading says what it is.
    """
    own = entry.runtime_data.server.item_id(item_id)
    if own is None:
        told = gate.line(item_id, gate.NAME)
        raise invalid("impossible_item_id", item_id=told, lane=entry.title)
    item_id = own
    if item := known_item(entry, item_id):
        return LaneItem(entry, item)
    find = entry.runtime_data.inventory.find_now
    try:
        reading = await async_ask(entry, lambda server: server.resolve(item_id, find))
    except CannotAsk:
        called = gate.line(title or item_id, gate.TITLE)
        return LaneItem(entry, Item(item_id, MediaKind.UNKNOWN, called))
    if reading is None:
        raise invalid("unknown_item", item_id=item_id, lane=entry.title)
    return LaneItem(entry, reading.item, reading)


# --- down to an episode, up to a show ---------------------------------------


async def async_descend(
    target: LaneItem, season: int, episode: int | None
) -> list[LaneItem]:
    """Return a season, or every copy of an episode, of the show *target* is.

    Raises CannotAsk if the server cannot be asked and the lane does not know them.
    """
    entry, show = target.entry, target.item
    if show.kind is MediaKind.UNKNOWN:
        raise CannotAsk(SkipReason.OFFLINE)
    if show.kind is not MediaKind.SHOW:
        raise invalid("season_without_show", name=show.full_title)

    def fits(item: Item) -> bool:
        if not show.covers(item) or item.season != season:
            return False
        if episode is None:
            return item.kind is MediaKind.SEASON
        return (
            item.kind is MediaKind.EPISODE
            and item.episode is not None
            and item.episode <= episode <= (item.episode_end or item.episode)
        )

    async def below(server: MediaServer) -> list[Reading]:
        leaves = [
            leaf
            for leaf in await server.fetch_leaves(show)
            if leaf.item.season == season
        ]
        if episode is not None:
            return [leaf for leaf in leaves if fits(leaf.item)]
        # Servers list seasons by their episodes: a season without any is not there.
        own = [leaf for leaf in leaves if leaf.item.show_id == show.item_id]
        season_ids = dict.fromkeys(
            leaf.item.season_id
            # Of a season that lies in several folders, one stands for all.
            for leaf in own or leaves
            if leaf.item.season_id is not None
        )
        return [
            replace(reading, item=reading.item.listed_for(show.item_id))
            for reading in (await server.fetch(list(season_ids))).values()
        ]

    try:
        readings = await async_ask(entry, below)
    except ItemGone:
        return []
    except CannotAsk:
        known = [LaneItem(entry, item) for item in known_items(entry) if fits(item)]
        if not known:
            raise
        return known
    return [LaneItem(entry, reading.item, reading) for reading in readings]


def climb(target: LaneItem, scope: ActionScope) -> LaneItem:
    """Return the season or show that *target* belongs to. Raises CannotAsk."""
    if scope in (ActionScope.ITEM, ActionScope.UP_TO):
        return target
    kind = MediaKind.SEASON if scope is ActionScope.SEASON else MediaKind.SHOW
    if target.item.kind is kind:
        return target
    if target.item.kind is MediaKind.UNKNOWN:
        raise CannotAsk(SkipReason.OFFLINE)
    container = derived_container(target.item, kind)
    if container is None:
        raise invalid(f"no_{kind}_above", name=target.item.full_title)
    known = known_item(target.entry, container.item_id)
    if known is None or not container.is_still(known):
        known = container
    return LaneItem(target.entry, known)
