"""Shows that lie in several folders, and what of them is one show to the server."""

from collections.abc import Iterable

from .items import Catalogue, Item, Kind
from .profile import Profile


class Merging:
    """Finds the folders of one show by what the server calls its presentation key.

    That is the show's provider id, up to 10.11 within each library by itself. A season
    is merged with the seasons of its number. Films and episodes never are.
    """

    def __init__(self, catalogue: Catalogue, profile: Profile) -> None:
        self._catalogue = catalogue
        self._profile = profile

    def merged(self, item: Item) -> list[Item]:
        """Return all items that are the same show or season as *item*, it included."""
        key = self._key(item)
        if key is None:
            return [item]
        if item.kind is Kind.SEASON:
            shows = self.merged(self._catalogue.items[item.series_id or ""])
            return [
                season
                for show in shows
                for season in self._catalogue.children(show.id)
                if self._key(season) == key
            ]
        return [
            show
            for library in self._catalogue.children(self._catalogue.root.id)
            if library.collection_type != "movies"
            for show in self._catalogue.children(library.id)
            # A large library is gone through for each show: the quick test first.
            if key[0] in show.provider_ids.values() and self._key(show) == key
        ]

    def listed_once(self, items: Iterable[Item]) -> list[Item]:
        """Leave of each show and season one row, where it stood first."""
        rows: dict[object, Item] = {}
        for item in items:
            key = self._key(item) or item.id
            kept = rows.setdefault(key, item)
            if item is not kept and self._precedes(item, kept):
                rows[key] = item
        return list(rows.values())

    def _precedes(self, item: Item, kept: Item) -> bool:
        if self._profile.merged_shows_counted_apart:
            return item.id < kept.id
        order = list(self._catalogue.items)
        return order.index(item.id) < order.index(kept.id)

    def _key(self, item: Item) -> tuple[str, ...] | None:
        """Return what is the same for all that is merged; None of what never is."""
        if not self._profile.shows_merged:
            return None
        if item.kind is Kind.SEASON and item.index_number is not None:
            show = self._catalogue.get(item.series_id)
            above = self._key(show) if show else None
            return above and (*above, str(item.index_number))
        if item.kind is not Kind.SERIES or not item.provider_ids:
            return None
        key = self._catalogue.user_data_key(item)
        if self._profile.shows_merged_across_libraries:
            return (key,)
        library = self._catalogue.library_of(item)
        return (key, library.id if library else "")
