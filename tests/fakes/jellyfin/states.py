"""Play states of all users, and how items look in answers."""

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, time
from typing import Any

from .auth import FakeUser
from .items import COMPUTED, Catalogue, Item, Kind
from .merging import Merging
from .profile import Profile
from .query import EMBY_FIELDS, FIELDS
from .user_data import UserData
from .wire import wire_date

type Json = dict[str, Any]

ALL_FIELDS = frozenset(FIELDS | EMBY_FIELDS)
CREATED = datetime(2024, 1, 1, tzinfo=UTC)
"""When all items came into the library and were last changed."""

type _Key = tuple[str, str]
"""A user's id, and what that user's row of an item goes by."""

_CACHED = 100
"""Rows that the cache of 10.11 keeps for each core; the simulated server has one."""


class States:
    """User data, stored and computed.

    Every change goes through `save`, which calls *saved* with the user, the item and
    the reason (`UserDataSaveReason`). It is made to what `row` or `row_alone` returns.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        profile: Profile,
        saved: Callable[[FakeUser, Item, str], None],
    ) -> None:
        self._catalogue = catalogue
        self._profile = profile
        self._saved = saved
        self.merging = Merging(catalogue, profile)
        self._rows: dict[_Key, UserData] = {}
        #: What items show that are asked for alone, where that is not their row (12.0).
        self._alone: dict[_Key, UserData] = {}
        #: What the next notices tell of marked items, and what reads have shown of
        #: them: None where that is the row (10.11).
        self._noticed: dict[_Key, UserData] = {}
        self._cache: OrderedDict[_Key, UserData | None] = OrderedDict()

    def _key(self, user: FakeUser, item: Item) -> _Key:
        return user.id, self._row_key(item)

    def _row_key(self, item: Item) -> str:
        """Return what a row goes by, which copies of a work may have in common.

        Without ids of a provider it is made of the item's own id.
        """
        if self._profile.separate_copies:
            return item.id
        return self._catalogue.user_data_key(item)

    def renumber(self, new_ids: Mapping[str, str]) -> None:
        """Give items other ids, by the old ones, and leave them their rows.

        What was only in the memory of the server is gone.
        """
        old_keys = {
            item.id: self._row_key(item) for item in self._catalogue.items.values()
        }
        self._catalogue.renumber(new_ids)
        items = self._catalogue.items
        keys = {
            old_key: self._row_key(items[new_ids.get(item_id, item_id)])
            for item_id, old_key in old_keys.items()
        }
        self._rows = {
            (user_id, keys.get(key, key)): row
            for (user_id, key), row in self._rows.items()
        }
        for memory in (self._alone, self._noticed, self._cache):
            memory.clear()

    def has_row(self, user: FakeUser, item: Item) -> bool:
        """Whether anything was ever stored of the item for that user."""
        return self._key(user, item) in self._rows

    def row(self, user: FakeUser, item: Item) -> UserData:
        """Return the stored row, made on first use; changing it needs `save`."""
        return self._rows.setdefault(self._key(user, item), UserData())

    def row_alone(self, user: FakeUser, item: Item) -> UserData:
        """Return the stored row to be changed by a request for this item alone.

        What that does not change comes from what such requests were told so far.
        """
        key, row = self._key(user, item), self.row(user, item)
        if (shown := self._alone.pop(key, None)) is not None:
            row = self._rows[key] = shown
        self._cache.pop(key, None)
        self._noticed.pop(key, None)
        return row

    def shown(self, user: FakeUser, item: Item, *, alone: bool = False) -> UserData:
        """Return what a read shows, in a list or of the item *alone*."""
        key, row = self._key(user, item), self._of_all_files(user, item)
        if alone and key in self._alone:
            return self._alone[key]
        if not self._profile.late_notices_show_what_was:
            return row
        cached = self._cache.pop(key, None)
        self._cache[key] = cached
        while len(self._cache) > _CACHED:
            self._cache.popitem(last=False)
        return cached or row

    def _of_all_files(self, user: FakeUser, item: Item) -> UserData:
        """Return the row that is shown: for the first of several files that of all."""
        row = self.row(user, item)
        if not self._profile.versions_linked or item.is_folder or item.version_of:
            return row
        rows = [self.row(user, one) for one in self._catalogue.versions(item)]
        dates = [one.last_played_date for one in rows if one.last_played_date]
        return replace(
            row,
            played=any(one.played for one in rows),
            last_played_date=max(dates, default=None),
        )

    def save(self, user: FakeUser, item: Item, reason: str) -> None:
        """Tell that the row was changed."""
        self._saved(user, item, reason)

    def before_mark(self, user: FakeUser, leaf: Item, *, by_folder: bool) -> UserData:
        """Return the row that a mark of *leaf*, or of a folder above it, changes."""
        if not by_folder:
            return self.row_alone(user, leaf)
        key, row = self._key(user, leaf), self.row(user, leaf)
        if self._profile.folder_marks_leave_old_state:
            self._alone.setdefault(key, replace(row))
        self._cache.pop(key, None)
        return row

    def marked(self, user: FakeUser, leaf: Item, *, by_folder: bool) -> None:
        """Remember what the notice of a mark will be made of."""
        if self._profile.late_notices_show_what_was and not by_folder:
            self._noticed[self._key(user, leaf)] = replace(self.row(user, leaf))

    def notify(self, user_id: str) -> None:
        """Have the notices of what changed go out to a user's clients."""
        for key in [one for one in self._noticed if one[0] == user_id]:
            told = self._noticed.pop(key)
            if told != self._rows[key]:
                self._cache[key] = told
                self._cache.move_to_end(key)

    def turn_over(self) -> None:
        """Have other items be read until nothing of what was is left in the cache."""
        self._cache.clear()

    def snapshot(self) -> tuple[dict[_Key, UserData], ...]:
        """Copy all rows, and what is shown in their place."""
        return tuple(
            {key: replace(row) for key, row in rows.items()}
            for rows in (self._rows, self._alone, self._noticed)
        )

    def restore(self, snapshot: tuple[dict[_Key, UserData], ...]) -> None:
        """Put back what `snapshot` copied."""
        self._rows, self._alone, self._noticed = snapshot

    # -- visibility ----------------------------------------------------------

    def visible(self, user: FakeUser | None, item: Item) -> bool:
        """Whether the user may see the item; an API key sees everything."""
        if user is None or user.libraries is None:
            return True
        library = self._catalogue.library_of(item)
        return library is None or library.name in user.libraries

    def leaves(
        self,
        user: FakeUser | None,
        item: Item,
        *,
        virtual: bool = False,
        merged: bool = True,
    ) -> Iterator[Item]:
        """Return the playable items below a folder that the user may see.

        With *merged* those of the same show's or season's other folders as well.
        """
        for folder in self.merging.merged(item) if merged else (item,):
            for one in self._catalogue.descendants(folder.id):
                if (
                    not one.is_folder
                    and (virtual or not one.virtual)
                    and self.visible(user, one)
                ):
                    yield one

    def counted(self, user: FakeUser | None, item: Item) -> list[Item]:
        """Return the playable items that the counts of a folder are about."""
        merged = not self._profile.merged_shows_counted_apart
        return list(self.leaves(user, item, merged=merged))

    # -- what a user sees ----------------------------------------------------

    def folder_counts(self, user: FakeUser, item: Item) -> tuple[int, int]:
        """Return how many playable items a folder has, and how many are unplayed."""
        played = [self.row(user, leaf).played for leaf in self.counted(user, item)]
        return len(played), played.count(False)

    def is_played(self, user: FakeUser, item: Item) -> bool:
        """Return `Played` as answers show it: computed for folders."""
        if item.kind in COMPUTED:
            return self.folder_counts(user, item)[1] == 0
        return self.row(user, item).played

    def passes_played_filter(self, user: FakeUser, item: Item) -> bool:
        """Whether the filter `IsPlayed` takes the item, which is another matter."""
        if item.kind not in COMPUTED or self._profile.folder_filters_computed:
            return self.is_played(user, item)
        if item.kind is not Kind.SERIES:
            # The folder's own row, which nothing ever writes.
            return self.row(user, item).played
        total, unplayed = self.folder_counts(user, item)
        if self._profile.series_played_by_any_episode:
            return unplayed < total
        return unplayed == 0

    def is_resumable(self, user: FakeUser, item: Item) -> bool:
        """Whether the filter `IsResumable` takes the item."""
        if item.kind in COMPUTED:
            if not self._profile.folder_filters_computed:
                return False
            total, unplayed = self.folder_counts(user, item)
            return 0 < unplayed < total
        return self.row(user, item).position_ticks > 0

    # -- answers -------------------------------------------------------------

    def user_data(
        self,
        user: FakeUser,
        item: Item,
        fields: Collection[str] = ALL_FIELDS,
        *,
        alone: bool = False,
    ) -> Json:
        """Return a `UserItemDataDto`, for a list or for a request of *alone* this."""
        row = self.shown(user, item, alone=alone)
        dto: Json = {
            "Rating": row.rating,
            "PlayedPercentage": None,
            "UnplayedItemCount": None,
            "PlaybackPositionTicks": row.position_ticks,
            "PlayCount": row.play_count,
            "IsFavorite": row.favorite,
            "Likes": row.likes,
            "LastPlayedDate": row.last_played_date and wire_date(row.last_played_date),
            "Played": row.played,
            "Key": self._catalogue.user_data_key(item),
            "ItemId": item.id,
        }
        if item.kind in COMPUTED:
            total, unplayed = self.folder_counts(user, item)
            dto["Played"] = unplayed == 0
            dto["UnplayedItemCount"] = unplayed
            shown = self._profile.percentage_without_asking
            asked = "RecursiveItemCount" in fields and not self._profile.emby
            if total and (shown or asked):
                dto["PlayedPercentage"] = 100 * (total - unplayed) / total
        elif row.position_ticks > 0 and item.run_time_ticks:
            dto["PlayedPercentage"] = 100 * row.position_ticks / item.run_time_ticks
        return dto

    def item(
        self,
        item: Item,
        user: FakeUser | None,
        server_id: str,
        fields: Collection[str] = ALL_FIELDS,
        *,
        user_data: bool = True,
        images: bool = True,
        alone: bool = False,
    ) -> Json:
        """Return a `BaseItemDto`; without a user it has no UserData."""
        series = self._catalogue.get(item.series_id)
        season = self._catalogue.get(item.season_id)
        dto: Json = {
            "Name": item.name,
            "ServerId": server_id,
            "Id": item.id,
            "PremiereDate": item.premiere
            and wire_date(datetime.combine(item.premiere, time(), UTC)),
            "RunTimeTicks": item.run_time_ticks,
            "ProductionYear": item.year,
            "IndexNumber": item.index_number,
            "IndexNumberEnd": item.index_number_end,
            "ParentIndexNumber": item.season_number,
            "IsFolder": item.is_folder,
            "Type": item.kind,
            "UserData": None,
            "SeriesName": series and series.name,
            "SeriesId": item.series_id,
            "SeasonId": item.season_id if self._tells_season(item) else None,
            "SeasonName": season and season.name,
            "CollectionType": item.collection_type,
            "ImageTags": {"Primary": item.id[::-1]} if images else None,
            "LocationType": item.location,
            "MediaType": item.media_type,
        }
        if user is not None and user_data:
            dto["UserData"] = self.user_data(user, item, fields, alone=alone)
        extras: dict[str, Callable[[], Any]] = {
            "ProviderIds": lambda: dict(item.provider_ids),
            "DateCreated": lambda: wire_date(CREATED),
            "ParentId": lambda: item.parent_id,
            "Path": lambda: item.path,
            "SortName": lambda: item.sort_name,
            "Overview": lambda: f"About {item.name}.",
            "RecursiveItemCount": lambda: (
                len(self.counted(user, item)) if item.kind in COMPUTED else None
            ),
            "MediaSourceCount": lambda: self._source_count(item),
            "MediaSources": lambda: (
                None if item.is_folder or item.virtual else self._sources(item)
            ),
        }
        dto |= {name: extras[name]() for name in fields if name in extras}
        if self._profile.emby:
            self._withhold(dto, EMBY_FIELDS - set(fields))
        return dto

    @staticmethod
    def _withhold(dto: Json, unasked: Collection[str]) -> None:
        """Leave out what Emby does not tell in a listing unless it is asked to."""
        for name in ("PremiereDate", "ProductionYear"):
            if name in unasked:
                dto[name] = None
        if (data := dto["UserData"]) is not None:
            del data["Key"], data["ItemId"]
            if "UserDataLastPlayedDate" in unasked:
                data["LastPlayedDate"] = None
            if "UserDataPlayCount" in unasked:
                data["PlayCount"] = 0

    def _tells_season(self, item: Item) -> bool:
        return item.season_number is not None or self._profile.unknown_season_told

    def _source_count(self, item: Item) -> int | None:
        """Count the files of a film or episode; a single one is not counted."""
        if item.is_folder or (item.version_of and not self._profile.versions_linked):
            return None
        count = len(self._catalogue.versions(item))
        return count if count > 1 else None

    def _sources(self, item: Item) -> list[Json]:
        """Describe the files of a film or episode, that which is asked about first."""
        if item.version_of and not self._profile.versions_linked:
            return [self._source(item, item.file_name)]
        files = self._catalogue.versions(item)
        if len(files) == 1:
            return [self._source(item, item.file_name)]
        files.sort(key=lambda one: one.id != item.id)
        return [self._source(one, one.version) for one in files]

    @staticmethod
    def _source(item: Item, name: str) -> Json:
        return {
            "Protocol": "File",
            "Id": item.id,
            "Path": item.path,
            "Type": "Default",
            "Container": item.path.rpartition(".")[2],
            "Name": name,
            "RunTimeTicks": item.run_time_ticks,
        }
