"""`GET /Items`: what a query selects, in which order."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from .auth import FakeUser
from .items import Catalogue, Item, Kind, clean
from .profile import Profile
from .query import FILTERS, KINDS, LOCATIONS, SORTS, Query
from .states import CREATED, States
from .wire import Refusal, json_answer, refuse_with_problem, refuse_with_text

type Test = Callable[[Item], bool]

_LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)
_NEEDS_USER = {"IsUnplayed", "IsPlayed", "IsFavorite", "IsResumable"}
_PLAYED_OR_NOT = {"IsPlayed", "IsUnplayed"}
_CONTRADICTIONS = (
    _PLAYED_OR_NOT,
    {"IsFolder", "IsNotFolder"},
    {"Likes", "Dislikes"},
)


class Listing:
    """Selects and sorts items for one user, None for an API key."""

    def __init__(
        self,
        catalogue: Catalogue,
        states: States,
        profile: Profile,
        search_is_exact: Callable[[], bool],
    ) -> None:
        self._catalogue = catalogue
        self._states = states
        self._profile = profile
        self._search_is_exact = search_is_exact

    def is_wide(self, query: Query) -> bool:
        """Whether a listing is of the kind that old statistics make slow.

        Sorted by the date of the play, or of films or episodes of more than one show
        (seen on 10.11 and 12.0). Shows, titles and ids are found quickly all the same,
        and of Emby nothing of the kind is known that is asked for sorted.
        """
        if query.guids("ids") or query.text("searchTerm"):
            return False
        if "DatePlayed" in query.choices("sortBy", SORTS):
            return not self._profile.emby
        parent = self._catalogue.get(query.guid("parentId"))
        return (parent is None or parent.kind is Kind.LIBRARY) and bool(
            {Kind.MOVIE, Kind.EPISODE} & set(query.choices("includeItemTypes", KINDS))
        )

    def select(self, query: Query, user: FakeUser | None) -> list[Item]:
        """Return all items that the query asks for, before paging.

        Where ids are asked for, `parentId` narrows nothing.
        """
        ids = query.guids("ids")
        if ids:
            found = [item for item in map(self._catalogue.get, ids) if item]
        else:
            found = self._candidates(query, user)
        if self._profile.versions_linked:
            found = [item for item in found if item.version_of is None]
        if not ids or not self._profile.ids_show_hidden:
            found = [item for item in found if self._states.visible(user, item)]
        tests = [*_plain_tests(query), *self._user_data_tests(query, user)]
        if term := query.text("searchTerm"):
            folded = str.lower if self._search_is_exact() else clean
            tests.append(lambda item: folded(term) in folded(item.name))
        if self._profile.emby and (named := query.members("anyProviderIdEquals")):
            tests.append(lambda item: not _provider_ids(item).isdisjoint(named))
        found = [item for item in found if all(test(item) for test in tests)]
        found = self._states.merging.listed_once(found)
        if not ids and query.flag("recursive") and "sortBy" not in query:
            found.sort(key=lambda item: (item.sort_name.lower(), item.id))
        return self.sort(found, query, user)

    def _parent(self, query: Query, user: FakeUser | None) -> Item:
        """Return what a listing is narrowed to; the root if to nothing."""
        parent_id = query.guid("parentId")
        if parent_id is None:
            return self._catalogue.root
        named = self._catalogue.get(parent_id)
        if named is None:
            refuse_with_problem(404)
        if not self._states.visible(user, named):
            if named.kind is Kind.LIBRARY:
                name = user.name if user else "User"
                sentence = f"{name} is not permitted to access Library {named.name}."
                raise Refusal(json_answer(sentence, 401))
            refuse_with_problem(404)
        return named

    def _within(self, found: Iterable[Item], parent: Item) -> list[Item]:
        if parent is self._catalogue.root:
            return list(found)
        below = {item.id for item in self._catalogue.descendants(parent.id)}
        return [item for item in found if item.id in below]

    def _candidates(self, query: Query, user: FakeUser | None) -> list[Item]:
        parent = self._parent(query, user)
        recursive = query.flag("recursive")
        if recursive is None and parent is self._catalogue.root:
            recursive = self._profile.filters_imply_recursion and any(
                name in query
                for name in ("filters", "isPlayed", "includeItemTypes", "searchTerm")
            )
        if not recursive:
            return self._catalogue.children(parent.id)
        # A box set lists what lives elsewhere: nothing appears twice.
        return list({item.id: item for item in self._below(parent)}.values())

    def _below(self, parent: Item) -> list[Item]:
        return [
            item
            for item in self._catalogue.descendants(parent.id)
            if item.kind is not Kind.LIBRARY
        ]

    def _user_data_tests(self, query: Query, user: FakeUser | None) -> list[Test]:
        filters = set(query.choices("filters", FILTERS))
        if self._profile.contradictory_filters_refused and any(
            pair <= filters for pair in _CONTRADICTIONS
        ):
            refuse_with_text(400)
        if filters >= _PLAYED_OR_NOT:
            filters -= _PLAYED_OR_NOT
        played = query.flag("isPlayed")
        favorite = query.flag("isFavorite")
        if user is None:
            if filters & _NEEDS_USER or played is not None:
                # The server reads the settings of a user who is not there.
                refuse_with_text(500)
            return []
        states = self._states
        tests: list[Test] = []
        if "IsPlayed" in filters or played is True:
            tests.append(lambda item: states.passes_played_filter(user, item))
        if "IsUnplayed" in filters or played is False:
            tests.append(lambda item: not states.passes_played_filter(user, item))
        if "IsResumable" in filters:
            tests.append(lambda item: states.is_resumable(user, item))
        if "IsFavorite" in filters or favorite is True:
            tests.append(lambda item: states.row(user, item).favorite)
        if favorite is False:
            tests.append(lambda item: not states.row(user, item).favorite)
        if "Likes" in filters:
            tests.append(lambda item: states.row(user, item).likes is True)
        if "Dislikes" in filters:
            tests.append(lambda item: states.row(user, item).likes is False)
        if "IsFavoriteOrLikes" in filters:
            tests.append(
                lambda item: (
                    states.row(user, item).favorite
                    or states.row(user, item).likes is True
                )
            )
        return tests

    # -- order ---------------------------------------------------------------

    def sort(
        self, items: list[Item], query: Query, user: FakeUser | None
    ) -> list[Item]:
        """Sort by `sortBy`, each with its `sortOrder`; without it nothing moves."""
        names = query.choices("sortBy", SORTS)
        orders = query.choices("sortOrder", ("Ascending", "Descending"))
        for position, name in reversed(list(enumerate(names))):
            order = orders[min(position, len(orders) - 1)] if orders else "Ascending"
            items = sorted(
                items, key=self._key(name, user), reverse=order == "Descending"
            )
        return items

    def _key(self, name: str, user: FakeUser | None) -> Callable[[Item], Any]:
        def last_played(item: Item) -> datetime:
            row = user and self._states.row(user, item)
            return (row and row.last_played_date) or _LONG_AGO

        def series_name(item: Item) -> str:
            return (self._catalogue.get(item.series_id) or item).sort_name

        keys: dict[str, Callable[[Item], Any]] = {
            "SortName": lambda item: item.sort_name.lower(),
            "Name": lambda item: item.name.lower(),
            "DateCreated": lambda _: CREATED,
            "PremiereDate": lambda item: item.premiere or _LONG_AGO.date(),
            "ProductionYear": lambda item: item.year or 0,
            "ParentIndexNumber": lambda item: item.season_number or 0,
            "IndexNumber": lambda item: item.index_number or 0,
            "AiredEpisodeOrder": _place,
            "Runtime": lambda item: item.run_time_ticks or 0,
            "IsFolder": lambda item: not item.is_folder,
            "SeriesSortName": series_name,
            "DatePlayed": last_played,
            "SeriesDatePlayed": lambda item: max(
                (
                    last_played(leaf)
                    for leaf in self._catalogue.descendants(item.series_id or item.id)
                ),
                default=_LONG_AGO,
            ),
            "PlayCount": lambda item: (
                self._states.row(user, item).play_count if user else 0
            ),
            "IsPlayed": lambda item: user and self._states.is_played(user, item),
            "IsUnplayed": lambda item: (
                not (user and self._states.is_played(user, item))
            ),
        }
        return keys.get(name, lambda _: 0)

    # -- shows ---------------------------------------------------------------

    def seasons(self, series: Item, query: Query, user: FakeUser | None) -> list[Item]:
        """Return the seasons of a show."""
        found = [
            season
            for show in self._states.merging.merged(series)
            for season in self._catalogue.children(show.id)
            if self._states.visible(user, season)
        ]
        found = self._states.merging.listed_once(found)
        return self._without_missing(found, query, user)

    def episodes(self, series: Item, query: Query, user: FakeUser | None) -> list[Item]:
        """Return the episodes of a show or of one season, specials first."""
        season_id = query.guid("seasonId")
        number = query.number("season")
        if season_id is not None:
            season = self._catalogue.get(season_id)
            if season is None or season.kind is not Kind.SEASON:
                raise Refusal(json_answer(f"No season exists with Id {season_id}", 404))
            folder = season
        else:
            folder = series
        found = [
            item
            for item in self._states.leaves(user, folder, virtual=True)
            if season_id is not None or number is None or item.season_number == number
        ]
        if len(self._states.merging.merged(folder)) > 1:
            found.sort(key=lambda item: (*_place(item), item.id))
        found = self._without_missing(found, query, user)
        found = self.sort(found, query, user)
        start = query.guid("startItemId")
        ids = [item.id for item in found]
        if start in ids:
            found = found[ids.index(start) :]
        near = query.guid("adjacentTo")
        if near in ids:
            place = ids.index(near)
            found = found[max(place - 1, 0) : place + 2]
        return found

    @staticmethod
    def _without_missing(
        found: list[Item], query: Query, user: FakeUser | None
    ) -> list[Item]:
        missing = query.flag("isMissing")
        if missing is None and user is not None and not user.display_missing:
            missing = False
        return [item for item in found if missing is None or item.virtual == missing]

    def next_up(self, query: Query, user: FakeUser) -> list[Item]:
        """Return the episode to watch next of each show that was begun."""
        series_id = query.guid("seriesId")
        if self._profile.emby and series_id is None:
            return []
        parent = self._parent(query, user)
        return self._within(self._next_up(query, user, series_id), parent)

    def _next_up(
        self, query: Query, user: FakeUser, series_id: str | None
    ) -> list[Item]:
        cutoff = query.date("nextUpDateCutoff") or _LONG_AGO
        found: list[tuple[datetime, Item]] = []
        for series in self._catalogue.items.values():
            if (
                series.kind is not Kind.SERIES
                or not self._states.visible(user, series)
                or (series_id is not None and series.id != series_id)
            ):
                continue
            following, last = self._following(series, user)
            if following is None or (last is None and series_id is None):
                continue
            if query.flag("enableResumable") is False and self._states.is_resumable(
                user, following
            ):
                continue
            if (last or _LONG_AGO) >= cutoff or series_id is not None:
                found.append((last or _LONG_AGO, following))
        found.sort(key=lambda pair: pair[0], reverse=True)
        return [item for _, item in found]

    def _following(
        self, series: Item, user: FakeUser
    ) -> tuple[Item | None, datetime | None]:
        """Return the episode after the last played one, and when that was played."""
        following: Item | None = None
        last: datetime | None = None
        for item in self._states.leaves(user, series):
            if not item.season_number:
                continue
            row = self._states.row(user, item)
            if row.played:
                following, last = None, row.last_played_date or _LONG_AGO
            elif following is None:
                following = item
        return following, last

    def resume(self, query: Query, user: FakeUser) -> list[Item]:
        """Return what was begun and not finished, the latest first."""
        media = query.choices("mediaTypes", ("Video", "Audio", "Book"))
        found = [
            item
            for item in self._catalogue.items.values()
            if not item.is_folder
            and (not media or item.media_type in media)
            and self._states.visible(user, item)
            and self._states.row(user, item).position_ticks > 0
        ]
        found = sorted(found, key=self._key("DatePlayed", user), reverse=True)
        parent = self._parent(query, user)
        found = self._within(found, parent)
        if not self._profile.emby:
            return found
        dated = [
            item for item in found if self._states.row(user, item).last_played_date
        ]
        following = self._within(self._next_up(query, user, None), parent)
        return [*dated, *(item for item in following if item not in found)]


def _place(item: Item) -> tuple[int, int]:
    return item.season_number or 0, item.index_number or 0


def _provider_ids(item: Item) -> set[str]:
    return {f"{name.lower()}.{value}" for name, value in item.provider_ids.items()}


def _plain_tests(query: Query) -> list[Test]:
    """Return what the query asks of an item, whoever looks at it."""
    tests: list[Test] = []
    if kinds := query.choices("includeItemTypes", KINDS):
        tests.append(lambda item: item.kind in kinds)
    if not_kinds := query.choices("excludeItemTypes", KINDS):
        tests.append(lambda item: item.kind not in not_kinds)
    if media := query.choices("mediaTypes", ("Video", "Audio", "Book", "Unknown")):
        tests.append(lambda item: item.media_type in media)
    if locations := query.choices("excludeLocationTypes", LOCATIONS):
        tests.append(
            lambda item: ("Virtual" if item.virtual else "FileSystem") not in locations
        )
    if (missing := query.flag("isMissing")) is not None:
        tests.append(lambda item: item.virtual == missing)
    if years := query.numbers("years"):
        tests.append(lambda item: item.year in years)
    if (season := query.number("parentIndexNumber")) is not None:
        tests.append(lambda item: item.season_number == season)
    if (number := query.number("indexNumber")) is not None:
        tests.append(lambda item: item.index_number == number)
    if (imdb := query.flag("hasImdbId")) is not None:
        tests.append(lambda item: imdb == ("Imdb" in item.provider_ids))
    if (tmdb := query.flag("hasTmdbId")) is not None:
        tests.append(lambda item: tmdb == ("Tmdb" in item.provider_ids))
    if (tvdb := query.flag("hasTvdbId")) is not None:
        tests.append(lambda item: tvdb == ("Tvdb" in item.provider_ids))
    filters = query.choices("filters", FILTERS)
    if "IsFolder" in filters:
        tests.append(lambda item: item.is_folder)
    if "IsNotFolder" in filters:
        tests.append(lambda item: not item.is_folder)
    # Both are about the item's own metadata, whatever the second one is called.
    oldest = [
        date
        for name in ("minDateLastSaved", "minDateLastSavedForUser")
        if (date := query.date(name)) is not None
    ]
    if oldest:
        tests.append(lambda _: max(oldest) <= CREATED)
    return tests
