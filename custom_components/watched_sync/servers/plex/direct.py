"""What only a check asks of Plex: see `core.restoring.DirectAccess`."""

from collections.abc import Collection, Mapping
from contextlib import suppress
from itertools import batched
from typing import Final, override
from uuid import uuid4

from aiohttp import ClientSession

from ...core.errors import ItemGone
from ...core.facts import Product
from ...core.identity import Item
from ...core.restoring import DirectAccess, Stored
from ..fields import Row, as_row, entries, needed_text
from ..playbacks import device_of
from ..transport import Transport, WrongVerb
from . import wire
from .client import client_headers

_BATCH: Final = 100
_LIBRARY: Final = "com.plexapp.plugins.library"

#: The members of a play state: an item that nobody has touched has none of them.
_MEMBERS: Final = ("viewCount", "viewOffset", "lastViewedAt")

_PLAYER: Final = "check"
_MILLISECONDS: Final = 1000


class PlexDirect(DirectAccess):
    """Requests with one token, past the client. None is sent by making it.

    No play count and no date can be written, so only what nobody has touched can be put
    back as it was.
    """

    def __init__(
        self, session: ClientSession, url: str, token: str, *, client_id: str
    ) -> None:
        """Take what a `PlexClient` takes. Raises `WrongAddress` and `AuthRejected`."""
        headers = {**client_headers(client_id), "X-Plex-Token": token}
        self._server = Transport(session, url, headers)
        self._player = device_of(client_id, _PLAYER)

    @property
    @override
    def product(self) -> Product:
        """It is Plex."""
        return Product.PLEX

    @property
    @override
    def unknown_id(self) -> str:
        """A rating key that no item has."""
        return "999999999"

    @override
    async def stored(self, item_ids: Collection[str]) -> Mapping[str, Stored]:
        """Read the members by `GET /library/metadata/{ids}`."""
        found: dict[str, Stored] = {}
        for batch in batched(dict.fromkeys(item_ids), _BATCH, strict=False):
            try:
                rows = await self._rows(batch)
            except ItemGone:
                continue
            found |= {needed_text(one, "ratingKey"): _stored(one) for one in rows}
        return found

    async def _rows(self, keys: Collection[str]) -> list[Row]:
        answer = await self._server.read_rows(
            f"/library/metadata/{','.join(keys)}",
            wire.container,
            {
                "X-Plex-Container-Start": "0",
                "X-Plex-Container-Size": str(len(keys)),
            },
            rows=len(keys),
            may_be_missing=True,
        )
        return [as_row(one, "an item") for one in entries(answer, "Metadata")]

    @override
    async def restore(self, item_id: str, stored: Stored) -> None:
        """Send `/:/unscrobble`, which takes all members away."""
        for method in ("GET", "PUT"):
            with suppress(ItemGone, WrongVerb):
                await self._server.send(
                    method,
                    "/:/unscrobble",
                    params={"identifier": _LIBRARY, "key": item_id},
                )
                return

    @override
    async def listed(
        self, item_ids: Collection[str], library_id: str | None = None
    ) -> frozenset[str]:
        """Ask `GET /library/metadata/{ids}`, which knows no library."""
        rows = await self._rows(item_ids)
        return frozenset(needed_text(one, "ratingKey") for one in rows)

    @override
    async def mark_by(self, method: str, item: Item) -> bool:
        """Send `/:/scrobble`."""
        try:
            await self._server.send(
                method,
                "/:/scrobble",
                params={"identifier": _LIBRARY, "key": item.item_id},
            )
        except ItemGone, WrongVerb:
            return False
        return True

    @override
    async def set_position(self, item: Item, position: float) -> None:
        """Send `/:/timeline` of a playback that stops at a position, by itself."""
        await self._timeline(
            item.item_id, "stopped", str(uuid4()), position, item.duration
        )

    @override
    async def play(self, item: Item, session_id: str, position: float) -> None:
        """Send `/:/timeline` of what plays; no queue is made for it."""
        await self._timeline(
            item.item_id, "playing", session_id, position, item.duration
        )

    @override
    async def stop(self, item_id: str, session_id: str) -> None:
        """Send `/:/timeline` of what has stopped, at 0, which leaves no position."""
        await self._timeline(item_id, "stopped", session_id, 0.0, None)

    async def _timeline(
        self,
        item_id: str,
        state: str,
        session_id: str,
        position: float,
        duration: float | None,
    ) -> None:
        """Send a report; one without a duration would be ignored."""
        params = {
            "ratingKey": item_id,
            "key": f"/library/metadata/{item_id}",
            "identifier": _LIBRARY,
            "state": state,
            "time": str(round(position * _MILLISECONDS)),
            "duration": str(round((duration or 1.0) * _MILLISECONDS)),
        }
        headers = {
            "X-Plex-Client-Identifier": self._player,
            "X-Plex-Session-Identifier": session_id,
        }
        for method in ("POST", "GET"):
            with suppress(ItemGone, WrongVerb):
                await self._server.send(
                    method, "/:/timeline", params=params, headers=headers
                )
                return
        raise ItemGone("neither POST nor GET is known here, or the item is gone")


def _stored(entry: Row) -> Stored:
    members = {
        name: value
        for name in _MEMBERS
        if isinstance(value := entry.get(name), bool | int | float | str)
    }
    return Stored(members, not members, not members)
