"""A real Plex Media Server, as the owner of a token sees it.

Its users are accounts of plex.tv: nobody can make any on a server, so there is one.
"""

from typing import Final

from custom_components.watched_sync.core.identity import MediaKind
from scripts.lib.checking import Refusal

from .asking import Json, ask, expect
from .shelf import LIBRARIES, Row, Shelf

#: Numbers of the kinds, of which a library lists one at a time.
_KINDS: Final = {
    MediaKind.MOVIE: 1,
    MediaKind.SHOW: 2,
    MediaKind.SEASON: 3,
    MediaKind.EPISODE: 4,
}
_LEAVES: Final = {MediaKind.MOVIE, MediaKind.EPISODE}
_STORED: Final = ("viewCount", "viewOffset", "lastViewedAt")
_LIBRARY: Final = {"identifier": "com.plexapp.plugins.library"}


class RealPlex:
    """A server that holds nothing but what was made for tests.

    Its libraries are compared with that before anything is written: what the owner has
    watched of them is forgotten.
    """

    def __init__(
        self, url: str, token: str, owner: str, plex_tv_url: str | None = None
    ) -> None:
        """Read the libraries. Raises `Refusal` if they are not those made for tests."""
        self.url = url
        self.token = token
        self.owner = owner
        self.plex_tv_url = plex_tv_url
        sections = self.get("/library/sections").get("Directory", [])
        self._sections = {one["title"]: one["key"] for one in sections}
        for library in LIBRARIES:
            if library not in self._sections:
                raise Refusal(
                    f"there is no library {library}: make its files with "
                    "scripts/make-library, and add their folders to the server"
                )
        self.shelf = Shelf([one for name in LIBRARIES for one in self._rows(name)])

    def get(self, path: str, **query: str | int) -> Json:
        """Ask for something; returns the `MediaContainer`."""
        return self._ask("GET", path, **query)["MediaContainer"]

    def tell(self, path: str, item_id: str, **query: str | int) -> None:
        """Have something done to one item."""
        self._ask("GET", path, key=item_id, **_LIBRARY, **query)

    def begin(self) -> None:
        """Forget what the owner has watched."""
        for library, kind in LIBRARIES.items():
            leaves = MediaKind.MOVIE if kind is MediaKind.MOVIE else MediaKind.EPISODE
            for one in self._listed(library, leaves):
                if any(one.get(name) for name in _STORED):
                    self.tell("/:/unscrobble", one["ratingKey"])

    def item(self, item_id: str) -> Json:
        """Return the row of one item."""
        return self.get(f"/library/metadata/{item_id}")["Metadata"][0]

    def sessions(self) -> list[Json]:
        """Return what is being played."""
        return self.get("/status/sessions").get("Metadata", [])

    def _ask(self, method: str, path: str, **query: str | int) -> Json:
        headers = {
            "Accept": "application/json",
            "X-Plex-Client-Identifier": "watched-sync-test",
            "X-Plex-Token": self.token,
        }
        asked = {name: str(value) for name, value in query.items()}
        answer = ask(self.url, method, path, headers=headers, query=asked)
        if path.startswith("/:/") and not answer.is_refusal:
            # What is done is answered without JSON.
            return {}
        return expect(answer, f"{method} {path}")

    def _listed(self, library: str, kind: MediaKind) -> list[Json]:
        path = f"/library/sections/{self._sections[library]}/all"
        found: list[Json] = self.get(path, type=_KINDS[kind]).get("Metadata", [])
        return found

    def _rows(self, library: str) -> list[Row]:
        kinds = (
            (MediaKind.MOVIE,)
            if LIBRARIES[library] is MediaKind.MOVIE
            else (MediaKind.SHOW, MediaKind.SEASON, MediaKind.EPISODE)
        )
        return [
            _row(library, kind, one)
            for kind in kinds
            for one in self._listed(library, kind)
        ]


def _row(library: str, kind: MediaKind, row: Json) -> Row:
    key = str(row["ratingKey"])
    match kind:
        case MediaKind.SEASON:
            return Row(key, kind, library, row["parentTitle"], season=row["index"])
        case MediaKind.EPISODE:
            number = row["index"]
            return Row(
                key,
                kind,
                library,
                row["grandparentTitle"],
                season=row["parentIndex"],
                episodes=range(number, number + 1),
            )
        case _:
            return Row(key, kind, library, row["title"], row.get("year"))
