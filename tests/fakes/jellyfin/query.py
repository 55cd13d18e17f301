"""Query strings as ASP.NET binds them."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, tzinfo

from .items import Kind
from .wire import read_date, read_guid, refuse_with_problem

FILTERS = {
    "IsFolder",
    "IsNotFolder",
    "IsUnplayed",
    "IsPlayed",
    "IsFavorite",
    "IsResumable",
    "Likes",
    "Dislikes",
    "IsFavoriteOrLikes",
}
SORTS = {
    "AiredEpisodeOrder",
    "DateCreated",
    "DatePlayed",
    "Default",
    "IndexNumber",
    "IsFolder",
    "IsPlayed",
    "IsUnplayed",
    "Name",
    "ParentIndexNumber",
    "PlayCount",
    "PremiereDate",
    "ProductionYear",
    "Runtime",
    "SeriesDatePlayed",
    "SeriesSortName",
    "SortName",
}
FIELDS = {
    "DateCreated",
    "MediaSourceCount",
    "MediaSources",
    "Overview",
    "ParentId",
    "Path",
    "ProviderIds",
    "RecursiveItemCount",
    "SortName",
}
"""The members that are only sent when they are asked for."""
EMBY_FIELDS = {
    "PremiereDate",
    "ProductionYear",
    "UserDataLastPlayedDate",
    "UserDataPlayCount",
}
"""What Emby withholds as well."""
LOCATIONS = {"FileSystem", "Virtual", "Remote", "Offline"}
KINDS = {str(kind) for kind in Kind}


class Query:
    """The parameters of one request; names do not depend on case.

    A scalar that cannot be read is a bad request. A member of a list that cannot be
    read is dropped silently (`CommaDelimitedCollectionModelBinder`).
    """

    def __init__(
        self,
        pairs: Iterable[tuple[str, str]],
        local: tzinfo,
        read_id: Callable[[str], str | None] = read_guid,
    ) -> None:
        self._values: dict[str, list[str]] = {}
        self._local = local
        self._read_id = read_id
        for name, value in pairs:
            self._values.setdefault(name.lower(), []).append(value)

    def __contains__(self, name: str) -> bool:
        return bool(self.text(name))

    def text(self, name: str) -> str | None:
        """Return the first value, None when it is missing or empty."""
        values = self._values.get(name.lower())
        return values[0] if values and values[0] else None

    def guid(self, name: str) -> str | None:
        """Return an id as the server writes it."""
        text = self.text(name)
        if text is None:
            return None
        found = self._read_id(text)
        return self._bad(name, text) if found is None else found

    def number(self, name: str) -> int | None:
        """Return a whole number."""
        text = self.text(name)
        try:
            return None if text is None else int(text)
        except ValueError:
            self._bad(name, text or "")
            return None

    def flag(self, name: str) -> bool | None:
        """Return true, false or nothing."""
        text = self.text(name)
        if text is None:
            return None
        if text.lower() not in {"true", "false"}:
            self._bad(name, text)
        return text.lower() == "true"

    def date(self, name: str) -> datetime | None:
        """Return a date in UTC."""
        text = self.text(name)
        if text is None:
            return None
        moment = read_date(text, self._local)
        if moment is None:
            self._bad(name, text)
        return moment

    def members(self, name: str) -> list[str]:
        """Return the members of a list, comma-separated or repeated."""
        return [
            member.strip()
            for value in self._values.get(name.lower(), ())
            for member in value.split(",")
            if member.strip()
        ]

    def choices(self, name: str, known: Iterable[str]) -> list[str]:
        """Return the known members of a list, written as in *known*."""
        spelling: Mapping[str, str] = {one.lower(): one for one in known}
        return [
            spelling[member.lower()]
            for member in self.members(name)
            if member.lower() in spelling
        ]

    def guids(self, name: str) -> list[str]:
        """Return the well-formed ids of a list."""
        found = (self._read_id(member) for member in self.members(name))
        return [one for one in found if one is not None]

    def numbers(self, name: str) -> list[int]:
        """Return the whole numbers of a list."""
        return [int(one) for one in self.members(name) if one.lstrip("-").isdigit()]

    @staticmethod
    def _bad(name: str, text: str) -> None:
        refuse_with_problem(400, {name: [f"The value '{text}' is not valid."]})
