"""What only a check asks of Jellyfin and Emby: see `core.restoring.DirectAccess`."""

from collections.abc import Collection, Mapping
from itertools import batched
from typing import Final, override

from aiohttp import ClientSession

from ...core.facts import Product
from ...core.identity import Item
from ...core.restoring import DirectAccess, Stored
from ..fields import Json, Row, as_row, entries, needed_text, row, tally
from ..playbacks import device_of
from ..transport import Transport
from . import wire
from .dialect import EMBY, JELLYFIN, Dialect

_BATCH: Final = 100

#: The members of a play state, and what they are of an item that nobody has touched.
_BLANK: Final[Mapping[str, bool | int]] = {
    "Played": False,
    "PlayCount": 0,
    "PlaybackPositionTicks": 0,
}
_DATE: Final = "LastPlayedDate"
#: Members that stay as they are, but have to be sent where all of it is replaced.
_KEPT: Final = ("IsFavorite", "Likes", "Rating")

_PLAYER: Final = "check"


class JellyfinDirect(DirectAccess):
    """Requests with one user's token, past the client. None is sent by making it."""

    def __init__(
        self,
        session: ClientSession,
        url: str,
        token: str,
        *,
        user_id: str,
        device_id: str,
        dialect: Dialect = JELLYFIN,
    ) -> None:
        """Take what a `JellyfinClient` takes. Raises `WrongAddress`."""
        self._server = Transport(session, url, dialect.headers(device_id, token))
        self._player = dialect.headers(device_of(device_id, _PLAYER), token)
        self._user_id = user_id
        self._dialect = dialect

    @property
    @override
    def product(self) -> Product:
        """Which of the two it is."""
        return Product.EMBY if self._dialect is EMBY else Product.JELLYFIN

    @property
    @override
    def unknown_id(self) -> str:
        """An id that no item has."""
        return "999999999" if self._dialect is EMBY else "0123456789abcdef" * 2

    @override
    async def stored(self, item_ids: Collection[str]) -> Mapping[str, Stored]:
        """Read user data by `GET /Items?ids=`, with the number of files.

        Lists are right where an item asked for alone is not (seen on Jellyfin 12.0).
        What has several files is not restorable: their states would become one.
        """
        found: dict[str, Stored] = {}
        for batch in batched(dict.fromkeys(item_ids), _BATCH, strict=False):
            for entry in await self._rows(
                batch, fields=f"{self._dialect.fields},MediaSourceCount"
            ):
                found[needed_text(entry, "Id")] = _stored(entry)
        return found

    async def _rows(self, keys: Collection[str], **params: str) -> list[Row]:
        answer = await self._server.read_rows(
            self._path(self._dialect.items),
            lambda answer: as_row(answer, "the answer"),
            {
                "userId": self._user_id,
                "ids": ",".join(keys),
                "recursive": "true",
                "enableImages": "false",
                **params,
            },
            rows=len(keys),
        )
        return [as_row(one, "an item") for one in entries(answer, "Items")]

    @override
    async def restore(self, item_id: str, stored: Stored) -> None:
        """Un-mark the item, and write all of its user data if that was not blank.

        A date can be taken away by un-marking alone, and Emby need not reset its count
        by that.
        """
        await self._send("DELETE", self._path(self._dialect.played, item_id))
        if stored.is_blank:
            now = await self.stored([item_id])
            if item_id not in now or now[item_id].members == stored.members:
                return
        await self._send(
            "POST", self._path(self._dialect.user_data, item_id), dict(stored.members)
        )

    @override
    async def listed(
        self, item_ids: Collection[str], library_id: str | None = None
    ) -> frozenset[str]:
        """Ask `GET /Items?ids=`, with `parentId` for a library."""
        narrowed = {} if library_id is None else {"parentId": library_id}
        rows = await self._rows(item_ids, **narrowed)
        return frozenset(needed_text(one, "Id") for one in rows)

    @override
    async def set_position(self, item: Item, position: float) -> None:
        """Send `POST /UserItems/{id}/UserData`, of an item that nobody has touched."""
        await self._send(
            "POST",
            self._path(self._dialect.user_data, item.item_id),
            {**_BLANK, "PlaybackPositionTicks": wire.ticks(position)},
        )

    @override
    async def play(self, item: Item, session_id: str, position: float) -> None:
        """Send `POST /Sessions/Playing`."""
        await self._report("", item.item_id, session_id, position)

    @override
    async def play_on(self, item: Item, session_id: str, position: float) -> None:
        """Send `POST /Sessions/Playing/Progress`."""
        await self._report("/Progress", item.item_id, session_id, position)

    @override
    async def stop(self, item_id: str, session_id: str) -> None:
        """Send `POST /Sessions/Playing/Stopped`, at 0, which leaves no position."""
        await self._report("/Stopped", item_id, session_id, 0.0)

    async def _report(
        self, what: str, item_id: str, session_id: str, position: float
    ) -> None:
        body: dict[str, Json] = {
            "ItemId": item_id,
            "PlaySessionId": session_id,
            "PositionTicks": wire.ticks(position),
        }
        if what != "/Stopped":
            body |= {"IsPaused": False, "CanSeek": True, "PlayMethod": "DirectPlay"}
        await self._server.send(
            "POST", f"/Sessions/Playing{what}", body=body, headers=self._player
        )

    def _path(self, template: str, item_id: str = "") -> str:
        return template.format(user=self._user_id, item=item_id)

    async def _send(self, method: str, path: str, body: Json = None) -> None:
        await self._server.send(
            method, path, params={"userId": self._user_id}, body=body
        )


def _stored(entry: Row) -> Stored:
    data = row(entry, "UserData") or {}
    members = {
        name: value
        for name in (*_BLANK, _DATE, *_KEPT)
        if isinstance(value := data.get(name), bool | int | float | str)
    }
    files = tally(entry, "MediaSourceCount") or 1
    is_blank = _DATE not in members and all(
        members.get(name) == value for name, value in _BLANK.items()
    )
    return Stored(members, is_blank, files == 1)
