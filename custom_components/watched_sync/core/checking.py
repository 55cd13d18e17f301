"""Asks one server every question of `facts`, and leaves it as it was.

Reading comes first, and chooses a film and a show. What is written to is those alone,
after their play states have been noted, and put back whatever happens meanwhile.
"""

import asyncio
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Mapping,
    Sequence,
)
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from .errors import ItemGone, Refused, ServerError, Unsupported, is_outage
from .facts import FACTS, Finding, NotTried, Product, Value
from .identity import Item, MediaKind
from .operation import Change, MarkUnwatched, MarkWatched, SetProgress
from .play_state import POSITION_TOLERANCE, PlayState, Reading
from .ports import (
    Clock,
    Connected,
    Library,
    MediaServer,
    ServerEvent,
    ServerInfo,
)
from .restoring import PAUSES, DirectAccess, RestoreNote, Stored, put_back

#: Seconds that something is waited for which a server may tell, and of silence before.
PATIENCE: Final = 3.0
QUIET: Final = 1.0
#: Seconds after which it is looked once more at what is not as it was wanted.
_SECOND_LOOK: Final = 0.6

#: A film to try things on is at least so long, in seconds: of a short one, three parts
#: in a hundred are no position that any player reports.
_SHORTEST: Final = 1200.0
#: Episodes of a show to try things on, at most.
_MOST_EPISODES: Final = 60
#: How many films or shows are looked at more closely, at most.
_CANDIDATES: Final = 5

#: Where in a film things are tried: in the middle, in what servers take for its very
#: beginning, and for its end; and a second limit that is one of time.
_MIDDLE: Final = 0.5
_BEGINNING: Final = 0.03
_END: Final = 0.95
_FEW_SECONDS: Final = 30.0

#: The date of a mark that carries one.
_LONG_AGO: Final = datetime(2020, 2, 3, 4, 5, 6, tzinfo=UTC)
_ROUNDING: Final = timedelta(seconds=2)

type _Values = Mapping[str, Value | NotTried]
type Keep = Callable[[RestoreNote | None], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRequest:
    """What to check: on which film and show (any that fit, if empty), how patiently.

    `listens` is whether a socket is opened: a server serves one alone of one device.
    """

    film: str = ""
    show: str = ""
    listens: bool = True
    patience: float = PATIENCE
    quiet: float = QUIET
    second_look: float = _SECOND_LOOK
    pauses: Sequence[float] = PAUSES


class NothingSuitable(Exception):
    """The film or show that was named is not there, or could not be put back."""


@dataclass(frozen=True, slots=True)
class _Heard:
    """What was told of an item: how long after, and whether with its play state."""

    seconds: float
    with_state: bool


class Check:
    """One walk through the facts, of one user's view of one server."""

    def __init__(
        self,
        server: MediaServer,
        direct: DirectAccess,
        info: ServerInfo,
        *,
        device_id: str,
        session_id: str,
        clock: Clock,
        sleep: Callable[[float], Awaitable[None]],
        wanted: CheckRequest,
    ) -> None:
        """Prepare; nothing is asked.

        *info* is what the client's `identify` said. *session_id* is that of the
        playbacks to report, *sleep* waits for a number of seconds.
        """
        self._server = server
        self._direct = direct
        self._info = info
        self._session_id = session_id
        self._clock = clock
        self._sleep = sleep
        self._wanted = wanted
        self._found: dict[str, Finding] = {}
        self._believed = {
            fact.key: (fact, belief)
            for fact in FACTS
            if (belief := fact.believed(direct.product, info.version)) is not None
        }
        self._is_lost = False
        self._ears: _Ears | None = None
        self._libraries: Sequence[Library] = ()
        self._sample: Reading | None = None
        self._keep: Keep = _keep_nowhere
        self._note = RestoreNote(
            product=direct.product,
            server_id=info.server_id,
            user_id=info.user_id,
            device_id=device_id,
            stored={},
        )
        #: The film and the show to write to, None where there is none that fits.
        self.film: Item | None = None
        self.show: Item | None = None
        self._episodes: Sequence[Item] = ()

    @property
    def product(self) -> Product:
        """The kind of server."""
        return self._direct.product

    @property
    def titles(self) -> Mapping[str, str]:
        """What is written to: the film and the episodes, what they are called by id."""
        items = [*([self.film] if self.film else []), *self._episodes]
        return {one.item_id: one.full_title for one in items}

    @property
    def findings(self) -> Sequence[Finding]:
        """What was found out so far; the rest was not tried."""
        return [
            self._found.get(key)
            or Finding(
                fact,
                belief,
                None,
                NotTried.READ_ONLY if fact.writes else NotTried.STOPPED,
            )
            for key, (fact, belief) in self._believed.items()
        ]

    # Reading

    async def read(self, *, opens_socket: bool = True) -> None:
        """Ask what can be asked without a write, and choose a film and a show.

        Raises `NothingSuitable` for one that was named and does not fit. It
        *opens_socket* unless somebody else listens as the same device.
        """
        self._record("version", self._info.version)
        self._record("user_known", bool(self._info.user_name))
        await self._ask(["libraries_listed"], self._list_libraries)
        self._record("clock_told", self._server.clock_offset is not None)
        films = await self._page(MediaKind.MOVIE, "film_page_time")
        shows = await self._page(MediaKind.SHOW, "show_page_time")
        await self._ask(["episode_page_time"], lambda: self._time_episodes(shows))
        self._sample = next((one for one in films if one.item.provider_ids), None)
        self._sample = self._sample or next(iter(films), None)
        await self._ask(
            ["batch_complete", "batch_leaves_out_gone"], self._ask_for_batches, films
        )
        await self._ask(["batch_narrowed_by_library"], self._ask_other_library)
        await self._ask(["search_finds"], self._search)
        await self._ask(["ids_find"], self._find)
        await self._ask(["unwatched_counted"], self._count_unwatched)
        await self._ask(["plays_listed"], self._list_plays)
        await self._ask(["up_next_listed"], self._list_up_next)
        if opens_socket and self._wanted.listens:
            await self._ask(["socket_opens"], self._open_socket)
        else:
            self._record("socket_opens", NotTried.NO_SOCKET)
        if not self._is_lost:
            self.film = await self._choose_film(films)
            self.show = await self._choose_show(shows)

    async def _list_libraries(self) -> _Values:
        self._libraries = await self._server.libraries()
        return {"libraries_listed": bool(self._libraries)}

    async def _page(self, kind: MediaKind, key: str) -> Sequence[Reading]:
        """Read the first page of each library of a kind, and time the longest one."""
        found: list[Reading] = []

        async def read() -> _Values:
            longest = 0.0
            places = [one for one in self._libraries if one.may_hold(kind)]
            for library in places:
                began = self._clock.monotonic()
                page = await self._server.inventory_page(library, kind)
                longest = max(longest, self._clock.monotonic() - began)
                found.extend(page.readings)
            return {key: longest if places else _nothing_of(kind)}

        await self._ask([key], read)
        return found

    async def _time_episodes(self, shows: Sequence[Reading]) -> _Values:
        """Time a page of episodes, or those of one show where there are none."""
        places = [one for one in self._libraries if one.may_hold(MediaKind.EPISODE)]
        began = self._clock.monotonic()
        if self._server.capabilities.lists_episodes and places:
            await self._server.inventory_page(places[0], MediaKind.EPISODE)
        elif shows:
            await self._server.fetch_leaves(shows[0].item)
        else:
            return {"episode_page_time": NotTried.NO_SHOW}
        return {"episode_page_time": self._clock.monotonic() - began}

    async def _ask_for_batches(self, films: Sequence[Reading]) -> _Values:
        some = [one.item.item_id for one in films[:10]]
        if not some:
            return dict.fromkeys(
                ("batch_complete", "batch_leaves_out_gone"), NotTried.NO_FILM
            )
        is_complete = set(some) <= await self._direct.listed(some)
        gone = self._direct.unknown_id
        try:
            leaves_out = set(some) == await self._direct.listed([*some, gone])
        except ItemGone:
            leaves_out = False
        return {"batch_complete": is_complete, "batch_leaves_out_gone": leaves_out}

    async def _ask_other_library(self) -> _Values:
        key = "batch_narrowed_by_library"
        if self._sample is None:
            return {key: NotTried.NO_FILM}
        item = self._sample.item
        others = [one for one in self._libraries if one.library_id != item.library_id]
        if not others:
            return {key: NotTried.ONE_LIBRARY}
        listed = await self._direct.listed([item.item_id], others[0].library_id)
        return {key: item.item_id not in listed}

    async def _search(self) -> _Values:
        if self._sample is None:
            return {"search_finds": NotTried.NO_FILM}
        item = self._sample.item
        found = await self._server.search(item.title, {item.kind}, 50)
        return {"search_finds": any(one.item.item_id == item.item_id for one in found)}

    async def _find(self) -> _Values:
        if self._sample is None:
            return {"ids_find": NotTried.NO_FILM}
        item = self._sample.item
        if not item.provider_ids:
            return {"ids_find": NotTried.NO_IDS}
        found = await self._server.find(item.kind, item.provider_ids, item.title)
        return {"ids_find": any(one.item.item_id == item.item_id for one in found)}

    async def _count_unwatched(self) -> _Values:
        places = [one for one in self._libraries if one.may_hold(MediaKind.MOVIE)]
        if not places:
            return {"unwatched_counted": NotTried.NO_FILM}
        count = self._server.count_unwatched(places[0], MediaKind.MOVIE)
        return {"unwatched_counted": await _works(count)}

    async def _list_plays(self) -> _Values:
        return {"plays_listed": await _works(self._server.last_played(5))}

    async def _list_up_next(self) -> _Values:
        return {"up_next_listed": await _works(self._server.up_next(5))}

    async def _open_socket(self) -> _Values:
        ears = _Ears(self._server, self._clock)
        try:
            return {"socket_opens": await ears.open(self._wanted.patience)}
        finally:
            await ears.close()

    # Choosing

    async def _choose_film(self, films: Sequence[Reading]) -> Item | None:
        """Return a film that nobody has touched, or one that can be put back."""
        if name := self._wanted.film:
            films = [
                one
                for one in await self._server.search(name, {MediaKind.MOVIE}, 10)
                if one.item.title.casefold() == name.casefold()
            ]
        fitting = [one for one in films if (one.item.duration or 0) >= _SHORTEST]
        fitting.sort(
            key=lambda one: (not _is_untouched(one), not one.item.provider_ids)
        )
        fitting = fitting[:_CANDIDATES]
        stored = await self._direct.stored([one.item.item_id for one in fitting])
        for one in fitting:
            if (found := stored.get(one.item.item_id)) and found.is_restorable:
                return one.item
        if name:
            raise NothingSuitable(name)
        return None

    async def _choose_show(self, shows: Sequence[Reading]) -> Item | None:
        """Return a short show that nobody has begun, or one that can be put back."""
        if name := self._wanted.show:
            shows = [
                one
                for one in await self._server.search(name, {MediaKind.SHOW}, 10)
                if one.item.title.casefold() == name.casefold()
            ]
        fitting = [one for one in shows if 1 < (one.leaf_count or 0) <= _MOST_EPISODES]
        fitting.sort(key=lambda one: (one.watched_leaf_count or 0, one.leaf_count or 0))
        chosen: tuple[int, Item, Sequence[Item]] | None = None
        for one in fitting[:_CANDIDATES]:
            leaves = [each.item for each in await self._server.fetch_leaves(one.item)]
            stored = await self._direct.stored([each.item_id for each in leaves])
            states = [stored.get(each.item_id) for each in leaves]
            if not leaves or not all(each and each.is_restorable for each in states):
                continue
            # Specials are worth more than that nobody has touched it.
            worth = 2 * any(each.is_special for each in leaves) + all(
                each and each.is_blank for each in states
            )
            if chosen is None or worth > chosen[0]:
                chosen = (worth, one.item, leaves)
        if chosen is None:
            if name:
                raise NothingSuitable(name)
            return None
        _, show, self._episodes = chosen
        return show

    # Writing

    async def write(self, keep: Keep) -> Mapping[str, Stored]:
        """Try what takes a write, and put it back; return what could not be.

        *keep* is given what to put back before the first write, and whenever that
        changes; and None once all of it is put back. Cancelled, however often, or
        stumbling, it puts back before it says so.
        """
        self._keep = keep
        stored = await self._note_what_there_is()
        await self._noting(replace(self._note, stored=stored))
        try:
            async with self._listening():
                await self._try_film()
                await self._try_show()
        finally:
            left = await _to_its_end(self._put_back())
        return left

    async def _put_back(self) -> Mapping[str, Stored]:
        left = await put_back(
            self._direct, self._note, self._sleep, self._wanted.pauses
        )
        await self._keep(replace(self._note, stored=left) if left else None)
        return left

    async def _note_what_there_is(self) -> Mapping[str, Stored]:
        """Read the play states to put back; what cannot be any more is left alone.

        Since it was chosen somebody may have watched it.
        """
        stored = await self._direct.stored(self.titles)
        fitting = {key for key, one in stored.items() if one.is_restorable}
        if self.film is not None and self.film.item_id not in fitting:
            self.film = None
        if not all(one.item_id in fitting for one in self._episodes):
            self.show, self._episodes = None, ()
        return {key: stored[key] for key in self.titles}

    async def _noting(self, note: RestoreNote) -> None:
        await self._keep(note)
        self._note = note

    @asynccontextmanager
    async def _listening(self) -> AsyncIterator[None]:
        """Listen meanwhile, if that is wanted and can be had."""
        if not self._wanted.listens:
            yield
            return
        ears = _Ears(self._server, self._clock)
        try:
            is_open = await ears.open(self._wanted.patience)
            self._record("socket_opens", is_open)
            self._ears = ears if is_open else None
            yield
        finally:
            self._ears = None
            await ears.close()

    async def _try_film(self) -> None:
        acts = (
            (_MARK, self._mark),
            (("mark_again_counts",), self._mark_again),
            (("mark_by_get",), lambda film: self._mark_by("GET", film)),
            (("mark_by_put",), lambda film: self._mark_by("PUT", film)),
            (("position_keeps_flag",), self._position_of_watched),
            (_PLAY, self._play_watched),
            (_UNMARK, self._unmark),
            (("position_works", "position_told"), self._position),
            (("position_low_kept",), self._position_low),
            (("position_high_kept", "position_high_marks"), self._position_high),
            (("date_kept",), self._date),
            (("play_low_kept",), self._play_low),
            (("play_high_marks",), self._play_high),
        )
        for keys, act in acts:
            if self.film is None:
                for key in keys:
                    self._record(key, NotTried.NO_FILM)
            else:
                await self._ask(keys, act, self.film)

    async def _mark(self, film: Item) -> _Values:
        await self._blank(film)
        await self._be_quiet()
        await self._change(film, MarkWatched())
        state = await self._look(film, lambda found: found.watched is True)
        return {
            "mark_works": state.watched is True,
            "mark_count": state.play_count,
            "mark_dated": state.last_played is not None,
            **await self._told("mark_told", [film]),
        }

    async def _mark_again(self, film: Item) -> _Values:
        before = await self._watched(film)
        await self._change(film, MarkWatched())
        after = await self._state(film)
        return {"mark_again_counts": after.play_count > before.play_count}

    async def _mark_by(self, method: str, film: Item) -> _Values:
        await self._blank(film)
        is_known = await self._direct.mark_by(method, film)
        state = await self._state(film)
        return {f"mark_by_{method.lower()}": is_known and state.watched is True}

    async def _position_of_watched(self, film: Item) -> _Values:
        await self._watched(film)
        position = _part(film, _MIDDLE)
        await self._change(film, SetProgress(position))
        state = await self._look(film, lambda found: _is_at(found, position))
        return {
            "position_keeps_flag": state.watched is True and _is_at(state, position)
        }

    async def _play_watched(self, film: Item) -> _Values:
        before = await self._watched(film)
        await self._be_quiet()
        async with self._playing(film, _part(film, _MIDDLE)):
            state = await self._state(film)
            told = await self._told("play_told", [film])
        return {
            "play_keeps_flag": state.watched is True,
            "play_counts_at_start": state.play_count > before.play_count,
            **told,
        }

    async def _unmark(self, film: Item) -> _Values:
        await self._watched(film)
        await self._change(film, MarkUnwatched())
        state = await self._look(film, _is_blank)
        return {
            "unmark_works": state.watched is False and state.position == 0,
            "unmark_count": state.play_count,
            "unmark_clears_date": state.last_played is None,
        }

    async def _position(self, film: Item) -> _Values:
        await self._blank(film)
        await self._be_quiet()
        position = _part(film, _MIDDLE)
        await self._change(film, SetProgress(position))
        state = await self._look(film, lambda found: _is_at(found, position))
        return {
            "position_works": state.watched is False and _is_at(state, position),
            **await self._told("position_told", [film]),
        }

    async def _position_low(self, film: Item) -> _Values:
        await self._blank(film)
        await self._direct.set_position(film, _FEW_SECONDS)
        state = await self._state(film)
        return {"position_low_kept": _is_at(state, _FEW_SECONDS)}

    async def _position_high(self, film: Item) -> _Values:
        await self._blank(film)
        position = _part(film, _END)
        await self._direct.set_position(film, position)
        state = await self._state(film)
        return {
            "position_high_kept": _is_at(state, position),
            "position_high_marks": state.watched is True,
        }

    async def _date(self, film: Item) -> _Values:
        await self._blank(film)
        await self._change(film, MarkWatched(_LONG_AGO))
        played = (await self._state(film)).last_played
        is_kept = played is not None and abs(played - _LONG_AGO) <= _ROUNDING
        return {"date_kept": is_kept}

    async def _play_low(self, film: Item) -> _Values:
        await self._blank(film)
        position = _part(film, _BEGINNING)
        async with self._playing(film, position):
            await self._direct.play_on(film, self._session_id, position)
            state = await self._state(film)
        return {"play_low_kept": _is_at(state, position)}

    async def _play_high(self, film: Item) -> _Values:
        await self._blank(film)
        position = _part(film, _END)
        async with self._playing(film, position):
            await self._direct.play_on(film, self._session_id, position)
            state = await self._look(film, lambda found: found.watched is True)
        return {"play_high_marks": state.watched is True}

    async def _try_show(self) -> None:
        acts = (
            (_SEASON, self._mark_season),
            (("season_unmark_works",), self._unmark_season),
            (_SHOW, self._mark_show),
            (("show_unmark_works",), self._unmark_show),
        )
        for keys, act in acts:
            if self.show is None:
                for key in keys:
                    self._record(key, NotTried.NO_SHOW)
            else:
                await self._ask(keys, act, self.show)

    async def _mark_season(self, show: Item) -> _Values:
        season, inside, outside = await self._season(show)
        await self._change(show, MarkUnwatched())
        await self._be_quiet()
        await self._change(season, MarkWatched())
        states = await self._states(inside, wanted=True)
        told = await self._told("season_mark_told", [season, *inside])
        others = await self._states(outside, wanted=False)
        return {
            "season_mark_works": all(one.watched for one in states.values()),
            "season_mark_stays_within": (
                not any(one.watched for one in others.values())
                if others
                else NotTried.ONE_SEASON
            ),
            "season_mark_whole": await self._server.is_whole(
                Reading(inside[0], states[inside[0].item_id])
            ),
            **told,
        }

    async def _unmark_season(self, show: Item) -> _Values:
        season, inside, _ = await self._season(show)
        await self._change(season, MarkWatched())
        await self._change(season, MarkUnwatched())
        states = await self._states(inside, wanted=False)
        return {"season_unmark_works": not any(one.watched for one in states.values())}

    async def _mark_show(self, show: Item) -> _Values:
        await self._change(show, MarkUnwatched())
        await self._change(show, MarkWatched())
        states = await self._states(self._episodes, wanted=True)
        specials = [one for one in self._episodes if one.is_special]
        regular = [one for one in self._episodes if not one.is_special]
        reading = await self._reading(show)
        return {
            "show_mark_works": all(states[one.item_id].watched for one in regular),
            "show_mark_reaches_specials": (
                all(states[one.item_id].watched for one in specials)
                if specials
                else NotTried.NO_SPECIALS
            ),
            "show_mark_counted": (
                reading.state.watched is True
                and reading.watched_leaf_count == reading.leaf_count
            ),
        }

    async def _unmark_show(self, show: Item) -> _Values:
        await self._change(show, MarkWatched())
        await self._change(show, MarkUnwatched())
        states = await self._states(self._episodes, wanted=False)
        return {"show_unmark_works": not any(one.watched for one in states.values())}

    # What these have in common

    async def _season(self, show: Item) -> tuple[Item, list[Item], list[Item]]:
        """Return a season, what lies in it and what else the show has.

        Raises `ItemGone` for a show whose episodes are in no season.
        """
        ids = [one.season_id for one in self._episodes if not one.is_special]
        season_id = next((one for one in ids if one), None)
        if season_id is None:
            raise ItemGone(f"no season of {show.kind}")
        found = await self._server.fetch([season_id])
        if season_id not in found:
            raise ItemGone("the season is not told")
        season = found[season_id].item
        inside: list[Item] = []
        outside: list[Item] = []
        for one in self._episodes:
            # What is one season in several folders has an id in each of them.
            is_inside = one.season_id == season_id or (
                season.season is not None and one.season == season.season
            )
            (inside if is_inside else outside).append(one)
        return season, inside, outside

    async def _reading(self, item: Item) -> Reading:
        found = (await self._server.fetch([item.item_id])).get(item.item_id)
        if found is None:
            raise ItemGone("it is gone")
        return found

    async def _state(self, item: Item) -> PlayState:
        return (await self._reading(item)).state

    async def _states(
        self, items: Sequence[Item], *, wanted: bool
    ) -> dict[str, PlayState]:
        """Read the states of episodes, and once more if they are not as *wanted*."""
        keys = [one.item_id for one in items]
        found = await self._server.fetch(keys)
        if any(one.state.watched is not wanted for one in found.values()):
            await self._sleep(self._wanted.second_look)
            found = await self._server.fetch(keys)
        if found.keys() != set(keys):
            raise ItemGone("an episode is gone")
        return {key: one.state for key, one in found.items()}

    async def _look(
        self, item: Item, is_wanted: Callable[[PlayState], bool]
    ) -> PlayState:
        """Read the state of an item, and once more if it is not as wanted."""
        state = await self._state(item)
        if is_wanted(state):
            return state
        await self._sleep(self._wanted.second_look)
        return await self._state(item)

    async def _change(self, item: Item, change: Change) -> None:
        await self._server.write(item, change, await self._state(item))

    async def _blank(self, film: Item) -> None:
        """Have a film be untouched."""
        if not _is_blank(await self._state(film)):
            await self._change(film, MarkUnwatched())

    async def _watched(self, film: Item) -> PlayState:
        """Have a film be watched once, without a position; return its state."""
        await self._blank(film)
        await self._change(film, MarkWatched())
        return await self._state(film)

    @asynccontextmanager
    async def _playing(self, film: Item, position: float) -> AsyncIterator[None]:
        """Have a film play, from a position on; it is noted that it does."""
        note = self._note
        await self._noting(note.while_playing(film.item_id, self._session_id))
        await self._direct.play(film, self._session_id, position)
        yield
        await self._direct.stop(film.item_id, self._session_id)
        await self._noting(note)

    async def _be_quiet(self) -> None:
        if self._ears is not None:
            await self._ears.quiet(self._wanted.quiet)

    async def _told(self, key: str, items: Sequence[Item]) -> _Values:
        """Wait until one of these items is told of, and record that or the contrary."""
        if self._ears is None:
            return {key: NotTried.NO_SOCKET}
        keys = {one.item_id for one in items}
        heard = await self._ears.hears(keys, self._wanted.patience)
        if self._ears.is_deaf and heard is None:
            return {key: NotTried.NO_SOCKET}
        self._record(key, heard is not None, heard)
        return {}

    async def _ask[*Ts](
        self, keys: Sequence[str], act: Callable[[*Ts], Awaitable[_Values]], *of: *Ts
    ) -> None:
        """Do something and record what it found out, unless nobody is asked that."""
        if not any(key in self._believed for key in keys):
            return
        if self._is_lost:
            for key in keys:
                self._record(key, NotTried.STOPPED)
            return
        try:
            values = await act(*of)
        except ServerError as error:
            for key in keys:
                self._record(key, NotTried.FAILED, error=type(error).__name__)
            # One request that leads nowhere is no reason to ask nothing any more.
            self._is_lost = is_outage(error) and not await self._answers()
            return
        for key, value in values.items():
            self._record(key, value)

    async def _answers(self) -> bool:
        try:
            await self._server.probe()
        except ServerError:
            return False
        return True

    def _record(
        self,
        key: str,
        value: Value | NotTried,
        heard: _Heard | None = None,
        error: str = "",
    ) -> None:
        if (known := self._believed.get(key)) is None:
            return
        fact, belief = known
        if isinstance(value, NotTried):
            finding = Finding(fact, belief, None, value, error)
        else:
            finding = Finding(fact, belief, value)
        if heard is not None:
            finding = replace(
                finding, seconds=heard.seconds, with_state=heard.with_state
            )
        self._found[key] = finding


_MARK: Final = ("mark_works", "mark_count", "mark_dated", "mark_told")
_PLAY: Final = ("play_keeps_flag", "play_counts_at_start", "play_told")
_UNMARK: Final = ("unmark_works", "unmark_count", "unmark_clears_date")
_SEASON: Final = (
    "season_mark_works",
    "season_mark_stays_within",
    "season_mark_told",
    "season_mark_whole",
)
_SHOW: Final = ("show_mark_works", "show_mark_reaches_specials", "show_mark_counted")


class _Ears:
    """Listens to a server in the background, and remembers when it told what."""

    def __init__(self, server: MediaServer, clock: Clock) -> None:
        self._server = server
        self._clock = clock
        self._since = 0.0
        self._told: dict[str, _Heard] = {}
        self._is_open = False
        self._news = asyncio.Event()
        self._task = asyncio.create_task(self._listen())
        self._task.add_done_callback(lambda _: self._news.set())

    @property
    def is_deaf(self) -> bool:
        """Whether the connection is lost."""
        return self._task.done()

    async def open(self, patience: float) -> bool:
        """Wait until the subscription stands; return whether it does."""
        return await self._until(lambda: self._is_open, patience)

    async def close(self) -> None:
        """End the subscription."""
        self._task.cancel()
        await asyncio.wait([self._task])

    async def quiet(self, seconds: float) -> None:
        """Let what was done before be told, and forget it."""
        self._told.clear()
        while await self._until(lambda: bool(self._told), seconds):
            self._told.clear()
        self._since = self._clock.monotonic()

    async def hears(self, keys: set[str], patience: float) -> _Heard | None:
        """Return what was told of one of these items, waiting for it."""
        await self._until(lambda: not keys.isdisjoint(self._told), patience)
        heard = [self._told[one] for one in keys if one in self._told]
        return max(heard, key=lambda one: one.with_state, default=None)

    async def _until(self, is_so: Callable[[], bool], patience: float) -> bool:
        """Wait until something is so; return whether it is."""
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                while not is_so() and not self.is_deaf:
                    self._news.clear()
                    await self._news.wait()
        return is_so()

    async def _listen(self) -> None:
        # That the connection is lost shows in `is_deaf`.
        with suppress(ServerError):
            async with aclosing(self._server.listen()) as events:
                async for event in events:
                    self._take(event)

    def _take(self, event: ServerEvent) -> None:
        if isinstance(event, Connected):
            self._is_open = True
        else:
            seconds = self._clock.monotonic() - self._since
            for key in event.item_ids:
                self._told.setdefault(key, _Heard(seconds, key in event.told))
        self._news.set()


async def _to_its_end[T](work: Coroutine[None, None, T]) -> T:
    """Do something even if we are cancelled meanwhile; that is raised at the end."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    return task.result()


async def _keep_nowhere(_: RestoreNote | None) -> None:
    """Keep nothing, as nothing was written yet."""


async def _works(asked: Awaitable[object]) -> bool:
    """Whether a server knows what it is asked."""
    try:
        await asked
    except ItemGone, Refused, Unsupported:
        return False
    return True


def _is_untouched(reading: Reading) -> bool:
    return reading.state.is_untouched and reading.state.play_count == 0


def _is_blank(state: PlayState) -> bool:
    return state.watched is False and state.is_untouched and state.play_count == 0


def _is_at(state: PlayState, position: float) -> bool:
    return abs(state.position - position) <= POSITION_TOLERANCE


def _part(film: Item, part: float) -> float:
    """Return a position in a film, in whole seconds."""
    return float(round((film.duration or 0.0) * part))


def _nothing_of(kind: MediaKind) -> NotTried:
    return NotTried.NO_FILM if kind is MediaKind.MOVIE else NotTried.NO_SHOW
