"""The simulated Plex Media Server: items as rows, rows as listings and hubs."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
import itertools
import re

from aiohttp import web

from tests.fakes.base import (
    RefusalError,
)

from . import query, wire
from .core import LIBRARY, PlexCore
from .model import (
    Entry,
    Key,
    PlexUser,
    Section,
    epoch,
    fold,
)
from .wire import Container

_URI = re.compile(
    r"server://(?P<machine>[^/]+)/com\.plexapp\.plugins\.library"
    r"/library/metadata/(?P<key>[^/?]+)"
)
HUB_TITLES = {
    "movie": "Movies",
    "show": "TV Shows",
    "episode": "Episodes",
    "artist": "Artists",
    "album": "Albums",
    "track": "Tracks",
}


class PlexRows(PlexCore):
    """A Plex Media Server that can write down what it holds, for one user."""

    # Reading a request

    def _owners_only(self, user: PlexUser) -> None:
        if not user.is_owner:
            raise RefusalError(self.options.owner_only_status)

    def _needed(self, request: web.Request, name: str) -> str:
        if not (value := request.query.get(name)):
            raise RefusalError(400)
        return value

    def _key_of(self, uri: str, *, status: int = 404) -> Key:
        match = _URI.fullmatch(uri)
        if match is None:
            raise RefusalError(400)
        if match["machine"] != self.machine_identifier:
            raise RefusalError(status)
        return match["key"]

    def _section_named(self, request: web.Request, user: PlexUser) -> Section:
        for section in self._sections_of(user):
            if section.key == request.match_info["section"]:
                return section
        raise RefusalError(404)

    def _named(self, request: web.Request, user: PlexUser) -> Entry:
        entry = self._visible(request.match_info["keys"], user)
        if entry is None:
            raise RefusalError(404)
        return entry

    def _select(
        self, entries: Iterable[Entry], request: web.Request, user: PlexUser
    ) -> list[Entry]:
        return query.select(
            entries,
            request.query,
            partial(self._state_of, user.name),
            epoch(self.clock()),
            self._folded,
        )

    # Choosing items

    def _folded(self, text: str) -> str:
        """Reduce *text* to what the search compares."""
        return text.lower() if self.search_is_exact else fold(text)

    def _search(
        self, sections: Iterable[Section], kinds: set[str], text: str
    ) -> list[Entry]:
        return [
            entry
            for section in sections
            for kind in HUB_TITLES
            if kind in kinds
            for entry in self._shelf.of_section(section, kind)
            if self._folded(text) in self._folded(entry.title)
        ]

    def _continue_watching(self, user: PlexUser) -> list[Entry]:
        """List what is in progress, and the next episode of what was watched."""
        found: list[tuple[float, Entry]] = []
        for section in self._sections_of(user):
            for movie in self._shelf.of_section(section, "movie"):
                state = self._state_of(user.name, movie)
                if state.view_offset_ms and state.last_viewed_at:
                    found.append((state.last_viewed_at.timestamp(), movie))
            for show in self._shelf.of_section(section, "show"):
                found += self._next_of_show(user, show)
        found.sort(key=lambda pair: -pair[0])
        return [
            entry
            for _, entry in found
            if (user.name, entry.key) not in self._state.hidden
        ]

    def _next_of_show(
        self, user: PlexUser, show: Entry
    ) -> Iterator[tuple[float, Entry]]:
        """Yield the one episode with which to go on, and when the show was seen."""
        regular: list[Entry] = []
        latest: tuple[float, int] | None = None
        for leaf in show.leaves():
            state = self._state_of(user.name, leaf)
            seen = state.last_viewed_at
            if leaf.parent is not None and leaf.parent.index == 0:
                if state.view_offset_ms and seen:
                    yield seen.timestamp(), leaf
                continue
            regular.append(leaf)
            if seen is not None:
                seen_here = (seen.timestamp(), len(regular) - 1)
                latest = seen_here if latest is None else max(latest, seen_here)
        if latest is None:
            return
        moment, place = latest
        if self._state_of(user.name, regular[place]).view_offset_ms:
            yield moment, regular[place]
            return
        for leaf in regular[place + 1 :]:
            if not self._state_of(user.name, leaf).view_count:
                yield moment, leaf
                return

    # Listings

    def _hub(self, request: web.Request, user: PlexUser, name: str) -> Container:
        rows = [
            self._row(request, user, entry, placed=True)
            for entry in self._continue_watching(user)
            if name != "home.ondeck" or entry.type == "episode"
        ]
        hub: Container = {
            "hubIdentifier": name,
            "context": f"hub.{name}",
            "title": "On Deck" if name == "home.ondeck" else "Continue Watching",
            "type": "mixed",
            "key": "/hubs/continueWatching/items",
            "size": len(rows),
            "more": False,
        }
        if rows:
            hub["Metadata"] = rows
        return hub

    def _list(
        self,
        request: web.Request,
        user: PlexUser,
        entries: Sequence[Entry],
        *,
        section: Section | None = None,
        above: Entry | None = None,
        placed: bool | None = None,
    ) -> web.Response:
        """Answer with items; *placed* rows say themselves which library they are of."""
        if placed is None:
            placed = section is None
        rows = _Rows(
            len(entries),
            lambda start, stop: [
                self._row(request, user, entry, placed=placed)
                for entry in itertools.islice(entries, start, stop)
            ],
        )
        return self._page(request, rows, section=section, above=above)

    def _page(
        self,
        request: web.Request,
        rows: _Rows | list[Container],
        *,
        section: Section | None = None,
        above: Entry | None = None,
    ) -> web.Response:
        if isinstance(rows, list):
            held = rows
            rows = _Rows(len(held), lambda start, stop: held[start:stop])
        window = None if self.options.ignore_paging else query.window(request)
        start = 0 if window is None else window.start
        size = rows.total if window is None or window.size is None else window.size
        if window is not None and self.options.max_page is not None:
            size = min(size, self.options.max_page)
        page = rows.part(start, start + size)
        container: Container = {"size": len(page), "allowSync": True}
        headers = {}
        if window is not None:
            container["offset"] = start
            headers["X-Plex-Container-Start"] = str(start)
        if window is not None and self.tells_totals:
            told = self.told_total(rows.total)
            container["totalSize"] = told
            headers["X-Plex-Container-Total-Size"] = str(told)
        container["identifier"] = LIBRARY
        if section is not None:
            container |= {
                "librarySectionID": int(section.key),
                "librarySectionTitle": section.title,
                "librarySectionUUID": section.uuid,
            }
        if above is not None:
            container |= {"key": above.key, "parentTitle": above.title}
        if page:
            container["Metadata"] = page
        return wire.answer(request, container, headers=headers)

    # Rows

    def _leaf_counts(self, user: PlexUser, entry: Entry) -> Container:
        leaves = list(entry.leaves())
        seen = sum(bool(self._state_of(user.name, leaf).view_count) for leaf in leaves)
        return {"leafCount": len(leaves), "viewedLeafCount": seen}

    def _row(
        self,
        request: web.Request,
        user: PlexUser,
        entry: Entry,
        *,
        placed: bool = False,
    ) -> Container:
        below = "" if entry.is_leaf else "/children"
        row: Container = {
            "ratingKey": entry.key,
            "key": entry.path + below,
            "guid": entry.guid,
            "type": entry.type,
            "title": entry.title,
            "summary": "",
            "addedAt": entry.added_at,
            "updatedAt": entry.added_at,
        }
        if entry.key not in self.without_picture:
            row["thumb"] = self._thumb_of(entry)
        if placed:
            row |= {
                "librarySectionTitle": entry.section.title,
                "librarySectionID": int(entry.section.key),
                "librarySectionKey": f"/library/sections/{entry.section.key}",
            }
        if entry.index is not None:
            row["index"] = entry.index
        if entry.year is not None:
            row["year"] = entry.year
        if entry.aired is not None:
            row["originallyAvailableAt"] = entry.aired.isoformat()
        if entry.duration_ms is not None:
            row["duration"] = entry.duration_ms
        if entry.extra_of is not None:
            row["subtype"] = entry.extra_kind
        for prefix, above in zip(
            ("parent", "grandparent"), entry.ancestors(), strict=False
        ):
            row |= {
                f"{prefix}RatingKey": above.key,
                f"{prefix}Key": above.path,
                f"{prefix}Guid": above.guid,
                f"{prefix}Title": above.title,
            }
            if above.key not in self.without_picture:
                row[f"{prefix}Thumb"] = self._thumb_of(above)
            if above.index is not None and prefix == "parent":
                row["parentIndex"] = above.index
        row |= self._play_state(user, entry)
        if entry.is_leaf:
            row["Media"] = [self._media(entry)]
            row |= {
                "tagline": "",
                "Genre": [{"tag": "Drama"}],
                "Director": [{"tag": "Somebody"}],
                "Role": [{"tag": "Somebody Else"}],
            }
        if entry.ids and request.query.get("includeGuids") == "1":
            row["Guid"] = [
                {"id": f"{provider}://{value}"} for provider, value in entry.ids.items()
            ]
        if self.options.leaves_out_excluded:
            for name in query.excluded(request):
                row.pop(name, None)
        return self.spoilt(entry.key, row)

    def _play_state(self, user: PlexUser, entry: Entry) -> Container:
        """Write a play state; what is zero is left out, but for the seen leaves."""
        state = self._state_of(user.name, entry)
        found: Container = {} if entry.is_leaf else self._leaf_counts(user, entry)
        if entry.type in {"show", "artist"}:
            found["childCount"] = len(entry.children)
        if state.view_count:
            found["viewCount"] = state.view_count
        if state.view_offset_ms:
            found["viewOffset"] = state.view_offset_ms
        if state.last_viewed_at is not None:
            found["lastViewedAt"] = epoch(state.last_viewed_at)
        return found

    def _thumb_of(self, entry: Entry) -> str:
        return f"{entry.path}/thumb/{self._thumbs_at}"

    @staticmethod
    def _media(entry: Entry) -> Container:
        number = int(entry.key)
        return {
            "id": number,
            "duration": entry.duration_ms,
            "container": "mkv",
            "videoResolution": "1080",
            "Part": [
                {
                    "id": number,
                    "key": f"/library/parts/{number}/file.mkv",
                    "duration": entry.duration_ms,
                    "file": f"/media/{entry.section.title}/{number}.mkv",
                }
            ],
        }


@dataclass(frozen=True, slots=True)
class _Rows:
    """A listing of which only the part that is asked for gets written."""

    total: int
    part: Callable[[int, int], list[Container]]
