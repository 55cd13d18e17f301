"""Posters, passed on from the servers to those who may see the entity.

A browser cannot send the server's token, and must not have it: it asks Home Assistant,
which asks the server of the lane. The address of a picture carries a key made for this
one item, as `entity_picture` has to work without a header.
"""

import asyncio
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass, field
import hashlib
import hmac
from typing import Final

from aiohttp import hdrs, web
from homeassistant.auth.permissions.const import POLICY_READ
from homeassistant.components.http import KEY_HASS_USER
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.http import (
    KEY_AUTHENTICATED,
    HomeAssistantView,
)
from homeassistant.util.hass_dict import HassKey
from yarl import URL

from .const import DOMAIN
from .core.errors import ItemGone
from .core.identity import Item
from .core.ports import Image
from .naming.asking import CannotAsk, async_ask
from .naming.known import async_known_items
from .permissions import may
from .runtime import WatchedSyncConfigEntry
from .store import PictureSecret

#: Pixels: enough for a poster on a phone and on a wall.
WIDTH: Final = 400

#: Those that may be asked for: for a list, a wall of posters, and one alone.
WIDTHS: Final = (200, WIDTH, 800)

#: Bytes of pictures kept; the one asked for least recently goes first.
CACHE_LIMIT: Final = 16 * 1024 * 1024

#: Seconds until a picture is read again, and until one that was missing is.
KEPT_FOR: Final = 24 * 3600
MISSING_FOR: Final = 600

#: Pictures read from one server at the same time: a wall of posters is not urgent.
AT_ONCE: Final = 2

_PATH: Final = f"/api/{DOMAIN}/image"

#: An entry, an item, and how wide its picture is.
type _Place = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class _Kept:
    """A picture of *item*, or None if there is none, until a time of the event loop."""

    item: Item
    image: Image | None
    until: float

    @property
    def size(self) -> int:
        return len(self.image.data) if self.image else 0


@dataclass(slots=True)
class Pictures:
    """The pictures read lately, and those being read."""

    hass: HomeAssistant
    secret: bytes
    _kept: OrderedDict[_Place, _Kept] = field(default_factory=OrderedDict)
    _size: int = 0
    _reading: dict[_Place, asyncio.Task[Image | None]] = field(default_factory=dict)
    _turns: dict[str, asyncio.Semaphore] = field(default_factory=dict)

    def key(self, entry_id: str, item_id: str) -> str:
        """Return what proves that somebody was shown this item's address."""
        message = f"{entry_id}\n{item_id}".encode()
        return hmac.new(self.secret, message, hashlib.sha256).hexdigest()[:32]

    async def async_get(
        self, entry: WatchedSyncConfigEntry, item: Item, width: int = WIDTH
    ) -> Image | None:
        """Return the picture of an item, or None if the server has none.

        *width* is one of `WIDTHS`.

        Raises `CannotAsk` while the server gives no answer and none is kept.
        """
        place = (entry.entry_id, item.item_id, width)
        kept = self._kept.get(place)
        if kept is not None and not kept.item.is_still(item):
            # The id is another work's by now.
            self._drop(place)
            kept = None
        if kept is not None:
            self._kept.move_to_end(place)
            if self.hass.loop.time() < kept.until:
                return kept.image
        if (task := self._reading.get(place)) is None:
            # A task of its own: whoever asked first may go away, others still wait.
            task = self._reading[place] = self.hass.async_create_task(
                self._async_read(entry, item, width),
                f"{DOMAIN} picture",
                eager_start=False,
            )
            task.add_done_callback(lambda _: self._reading.pop(place, None))
        try:
            return await asyncio.shield(task)
        except CannotAsk:
            if kept is None:
                raise
            return kept.image

    async def _async_read(
        self, entry: WatchedSyncConfigEntry, item: Item, width: int
    ) -> Image | None:
        turn = self._turns.setdefault(entry.entry_id, asyncio.Semaphore(AT_ONCE))
        image: Image | None = None
        async with turn:
            # There may be none, or none any more.
            with suppress(ItemGone):
                image = await async_ask(
                    entry, lambda server: server.image(item, width=width)
                )
        now = self.hass.loop.time()
        kept = _Kept(item, image, now + (KEPT_FOR if image else MISSING_FOR))
        self._keep((entry.entry_id, item.item_id, width), kept)
        return image

    def _keep(self, place: _Place, kept: _Kept) -> None:
        self._drop(place)
        self._kept[place] = kept
        self._size += kept.size
        while self._size > CACHE_LIMIT:
            self._drop(next(iter(self._kept)))

    def _drop(self, place: _Place) -> None:
        if (kept := self._kept.pop(place, None)) is not None:
            self._size -= kept.size

    @callback
    def forget(self, entry_id: str) -> None:
        """Drop what is kept of an entry that is unloaded."""
        for place in [one for one in self._kept if one[0] == entry_id]:
            self._drop(place)
        self._turns.pop(entry_id, None)


_PICTURES: Final[HassKey[Pictures]] = HassKey(f"{DOMAIN}_pictures")


class PictureView(HomeAssistantView):
    """Give out pictures of items that a loaded lane knows, and of nothing else."""

    name = f"api:{DOMAIN}:image"
    url = f"{_PATH}/{{entry_id}}/{{item_id}}"
    # `<img>` sends no header: the key in the address, or a user who may read the lane.
    requires_auth = False

    def __init__(self, pictures: Pictures) -> None:
        """Give out *pictures*."""
        self._pictures = pictures

    async def get(
        self, request: web.Request, entry_id: str, item_id: str
    ) -> web.Response:
        """Answer with the picture: 403 without key or permission, 404 for none.

        `width` may be one of `WIDTHS`, and is `WIDTH` without; 400 for any other.

        503 while its server gives no answer, or the lane is being reloaded.
        """
        key = self._pictures.key(entry_id, item_id)
        given = request.query.get("key", "")
        has_key = hmac.compare_digest(given.encode(), key.encode())
        if not (request[KEY_AUTHENTICATED] or has_key):
            if hdrs.AUTHORIZATION in request.headers:
                # A wrong login, for Home Assistant to count. A key of yesterday in a
                # tab left open is none.
                raise web.HTTPUnauthorized
            raise web.HTTPForbidden
        widths = {str(one): one for one in WIDTHS}
        width = widths.get(request.query.get("width", str(WIDTH)))
        if width is None:
            raise web.HTTPBadRequest
        hass = self._pictures.hass
        entry: WatchedSyncConfigEntry | None
        entry = hass.config_entries.async_get_entry(entry_id)
        if entry is None or entry.domain != DOMAIN:
            raise web.HTTPNotFound
        if not (has_key or may(hass, request[KEY_HASS_USER], entry, POLICY_READ)):
            raise web.HTTPForbidden
        if entry.state is not ConfigEntryState.LOADED:
            raise web.HTTPServiceUnavailable
        known = await async_known_items(entry, [item_id])
        if (target := known.get(item_id)) is None:
            raise web.HTTPNotFound
        try:
            image = await self._pictures.async_get(entry, target.item, width)
        except CannotAsk as err:
            raise web.HTTPServiceUnavailable from err
        if image is None:
            raise web.HTTPNotFound
        return web.Response(
            body=image.data,
            content_type=image.content_type,
            headers={
                hdrs.CACHE_CONTROL: f"private, max-age={KEPT_FOR}",
                # It comes from another server: nothing in it may run here.
                "Content-Security-Policy": "default-src 'none'; sandbox",
                "X-Content-Type-Options": "nosniff",
            },
        )


async def async_setup_images(hass: HomeAssistant) -> None:
    """Offer the pictures under one address, which stays over restarts."""
    secret = await PictureSecret(hass).async_load()
    pictures = hass.data[_PICTURES] = Pictures(hass, secret)
    hass.http.register_view(PictureView(pictures))


async def async_remove_images(hass: HomeAssistant) -> None:
    """Delete what was stored, as there is no entry any more."""
    await PictureSecret(hass).async_remove()


@callback
def async_forget(hass: HomeAssistant, entry: WatchedSyncConfigEntry) -> None:
    """Drop the pictures of an entry that is unloaded."""
    hass.data[_PICTURES].forget(entry.entry_id)


@callback
def picture_path(hass: HomeAssistant, entry_id: str, item: Item) -> str:
    """Return the address of an item's picture, with its key, without a host.

    A `width` may be added to it.

    It changes with the title: a browser keeps pictures, and the id may become another
    work's.
    """
    path = URL(_PATH) / entry_id / item.item_id
    key = hass.data[_PICTURES].key(entry_id, item.item_id)
    title = hashlib.sha256(item.full_title.encode()).hexdigest()[:8]
    return str(path.with_query(key=key, of=title))
