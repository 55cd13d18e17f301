"""Posters are passed on, sparingly, and only to those who may see them."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from http import HTTPStatus
from typing import override

from aiohttp.test_utils import TestClient
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.typing import (
    ClientSessionGenerator,
)

from custom_components.watched_sync import images
from custom_components.watched_sync.core.errors import ItemGone, Unreachable
from custom_components.watched_sync.core.identity import Item
from custom_components.watched_sync.core.ports import Image
from custom_components.watched_sync.images import picture_path
from custom_components.watched_sync.runtime import WatchedSyncConfigEntry

from .common import MOVIE, OTHER_MOVIE, MemoryServer, setup_lane, take_inventory

type Browser = TestClient

POSTER = Image("image/png", b"\x89PNG a poster")


class Gallery(MemoryServer):
    """A server with a poster for some of its items."""

    def __init__(self) -> None:
        """Start with a poster for one film."""
        super().__init__()
        self.posters = {MOVIE.item_id: POSTER}
        self.asked: list[str] = []
        self.widths: list[int] = []
        self.under_way = 0
        self.most_under_way = 0
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()
        self.go_on.set()

    @override
    async def image(self, item: Item, *, width: int) -> Image:
        """Give out a poster. Raises `ItemGone`."""
        self.asked.append(item.item_id)
        self.begun.set()
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await self.go_on.wait()
        finally:
            self.under_way -= 1
        await self._request("image", item.item_id)
        self.widths.append(width)
        if (poster := self.posters.get(item.item_id)) is None:
            raise ItemGone("no picture")
        return poster


@pytest.fixture
def gallery() -> Gallery:
    """A server with posters."""
    server = Gallery()
    server.up_next_ids = [MOVIE.item_id, OTHER_MOVIE.item_id]
    return server


@pytest.fixture
async def lane(hass: HomeAssistant, gallery: Gallery) -> WatchedSyncConfigEntry:
    """A lane of that server."""
    assert await async_setup_component(hass, "http", {})
    return await setup_lane(hass, gallery)


@pytest.fixture
async def stranger(
    hass_client_no_auth: ClientSessionGenerator,
    lane: WatchedSyncConfigEntry,  # noqa: ARG001 - before the web server starts
    socket_enabled: None,  # noqa: ARG001 - the answers come over HTTP
) -> AsyncIterator[Browser]:
    """A browser that is not signed in."""
    client = await hass_client_no_auth()
    yield client
    await client.close()


async def test_picture_of_an_entity_opens_without_signing_in(
    hass: HomeAssistant, lane: WatchedSyncConfigEntry, stranger: Browser
) -> None:
    answer = await stranger.get(picture_path(hass, lane.entry_id, MOVIE))
    assert answer.status == HTTPStatus.OK
    assert await answer.read() == POSTER.data
    assert answer.content_type == POSTER.content_type
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "private" in answer.headers["Cache-Control"]
    assert lane.data["token"] not in str(answer.url)


async def test_picture_comes_in_the_size_that_is_asked_for(
    hass: HomeAssistant,
    lane: WatchedSyncConfigEntry,
    gallery: Gallery,
    stranger: Browser,
) -> None:
    path = picture_path(hass, lane.entry_id, MOVIE)
    for _ in range(2):
        for more in ("", "&width=200", "&width=800", "&width=400"):
            answer = await stranger.get(f"{path}{more}")
            assert answer.status == HTTPStatus.OK
    assert gallery.widths == [images.WIDTH, 200, 800]
    answer = await stranger.get(f"{path}&width=4000")
    assert answer.status == HTTPStatus.BAD_REQUEST


async def test_entities_show_their_posters(
    hass: HomeAssistant, lane: WatchedSyncConfigEntry, stranger: Browser
) -> None:
    shown = [
        state.attributes["entity_picture"]
        for state in hass.states.async_all("switch")
        if state.attributes.get("item_id") == MOVIE.item_id
    ]
    assert picture_path(hass, lane.entry_id, MOVIE) in shown
    for path in shown:
        assert (await stranger.get(path)).status == HTTPStatus.OK


async def test_whatever_is_listed_has_its_poster(
    hass: HomeAssistant,
    lane: WatchedSyncConfigEntry,
    gallery: Gallery,
    stranger: Browser,
) -> None:
    film = replace(MOVIE, item_id="m77", title="Nobody dealt with it")
    path = picture_path(hass, lane.entry_id, film)
    assert (await stranger.get(path)).status == HTTPStatus.NOT_FOUND
    gallery.items[film.item_id] = film
    gallery.states[film.item_id] = gallery.states[MOVIE.item_id]
    gallery.posters[film.item_id] = POSTER
    await take_inventory(lane, gallery)
    assert (await stranger.get(path)).status == HTTPStatus.OK


async def test_without_its_key_a_picture_is_refused(
    hass: HomeAssistant, lane: WatchedSyncConfigEntry, stranger: Browser
) -> None:
    path, _, key = picture_path(hass, lane.entry_id, MOVIE).partition("?")
    other = picture_path(hass, lane.entry_id, OTHER_MOVIE).partition("?")[2]
    for tried in (path, f"{path}?key=", f"{path}?{other}", f"{path}?key=\N{SNOWMAN}"):
        answer = await stranger.get(tried)
        assert answer.status == HTTPStatus.FORBIDDEN, tried
    # A login that failed is counted as one.
    answer = await stranger.get(path, headers={"Authorization": "Bearer wrong"})
    assert answer.status == HTTPStatus.UNAUTHORIZED
    assert key


async def test_whoever_is_signed_in_needs_no_key(
    hass: HomeAssistant,
    lane: WatchedSyncConfigEntry,
    hass_client: ClientSessionGenerator,
    socket_enabled: None,  # noqa: ARG001 - the answer comes over HTTP
) -> None:
    path = picture_path(hass, lane.entry_id, MOVIE).partition("?")[0]
    client = await hass_client()
    assert (await client.get(path)).status == HTTPStatus.OK


@pytest.mark.parametrize(
    ("entry_id", "item_id"),
    [("another", MOVIE.item_id), (None, "unheard of"), (None, "../m1")],
)
async def test_only_what_a_lane_knows_can_be_asked_for(
    hass: HomeAssistant,
    lane: WatchedSyncConfigEntry,
    gallery: Gallery,
    stranger: Browser,
    entry_id: str | None,
    item_id: str,
) -> None:
    path = picture_path(
        hass, entry_id or lane.entry_id, replace(MOVIE, item_id=item_id)
    )
    answer = await stranger.get(path)
    assert answer.status == HTTPStatus.NOT_FOUND
    assert gallery.asked == []


async def test_server_is_asked_once_however_many_look(
    hass: HomeAssistant,
    lane: WatchedSyncConfigEntry,
    gallery: Gallery,
    stranger: Browser,
) -> None:
    path = picture_path(hass, lane.entry_id, MOVIE)
    answers = await asyncio.gather(*(stranger.get(path) for _ in range(20)))
    assert {answer.status for answer in answers} == {HTTPStatus.OK}
    assert gallery.asked == [MOVIE.item_id]


async def test_missing_picture_is_asked_for_again_only_later(
    hass: HomeAssistant,
    lane: WatchedSyncConfigEntry,
    gallery: Gallery,
    stranger: Browser,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = picture_path(hass, lane.entry_id, OTHER_MOVIE)
    for _ in range(3):
        assert (await stranger.get(path)).status == HTTPStatus.NOT_FOUND
    assert gallery.asked == [OTHER_MOVIE.item_id]

    monkeypatch.setattr(images, "MISSING_FOR", -1)
    hass.data[images._PICTURES].forget(lane.entry_id)
    gallery.posters[OTHER_MOVIE.item_id] = POSTER
    assert (await stranger.get(path)).status == HTTPStatus.OK


async def test_while_the_server_is_away_it_is_not_asked_and_old_pictures_do(
    hass: HomeAssistant,
    lane: WatchedSyncConfigEntry,
    gallery: Gallery,
    stranger: Browser,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(images, "KEPT_FOR", -1)
    path = picture_path(hass, lane.entry_id, MOVIE)
    assert (await stranger.get(path)).status == HTTPStatus.OK
    gallery.go_down(Unreachable("no route"))
    for _ in range(3):
        assert (await stranger.get(path)).status == HTTPStatus.OK
    never_read = picture_path(hass, lane.entry_id, OTHER_MOVIE)
    answer = await stranger.get(never_read)
    assert answer.status == HTTPStatus.SERVICE_UNAVAILABLE


async def test_whoever_goes_away_spoils_it_for_nobody(
    hass: HomeAssistant, lane: WatchedSyncConfigEntry, gallery: Gallery
) -> None:
    gallery.go_on.clear()
    pictures = hass.data[images._PICTURES]
    first, second = (
        hass.async_create_task(pictures.async_get(lane, MOVIE)) for _ in range(2)
    )
    await gallery.begun.wait()
    first.cancel()
    gallery.go_on.set()
    assert await second == POSTER
    assert gallery.asked == [MOVIE.item_id]


async def test_wall_of_posters_does_not_flood_the_server(
    hass: HomeAssistant, lane: WatchedSyncConfigEntry, gallery: Gallery
) -> None:
    pictures = hass.data[images._PICTURES]
    wall = [
        Item(item_id=f"w{n}", kind=MOVIE.kind, title=f"Film {n}") for n in range(30)
    ]
    gallery.posters = {one.item_id: POSTER for one in wall}
    await asyncio.gather(*(pictures.async_get(lane, one) for one in wall))
    assert len(gallery.asked) == len(wall)
    assert gallery.most_under_way <= images.AT_ONCE


async def test_pictures_kept_are_bounded_and_the_oldest_go_first(
    hass: HomeAssistant,
    lane: WatchedSyncConfigEntry,
    gallery: Gallery,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    big = Image("image/jpeg", bytes(1000))
    monkeypatch.setattr(images, "CACHE_LIMIT", 2500)
    pictures = hass.data[images._PICTURES]
    wall = [Item(item_id=f"w{n}", kind=MOVIE.kind, title=f"Film {n}") for n in range(3)]
    gallery.posters = {one.item_id: big for one in wall}
    await pictures.async_get(lane, wall[0])
    await pictures.async_get(lane, wall[1])
    await pictures.async_get(lane, wall[0])  # looked at again: stays
    await pictures.async_get(lane, wall[2])
    gallery.asked.clear()
    await pictures.async_get(lane, wall[0])
    await pictures.async_get(lane, wall[1])
    assert gallery.asked == [wall[1].item_id]


async def test_unloading_forgets_the_pictures(
    hass: HomeAssistant,
    lane: WatchedSyncConfigEntry,
    gallery: Gallery,
    stranger: Browser,
) -> None:
    path = picture_path(hass, lane.entry_id, MOVIE)
    assert (await stranger.get(path)).status == HTTPStatus.OK
    assert await hass.config_entries.async_unload(lane.entry_id)
    # As while its server is away: it comes back.
    assert (await stranger.get(path)).status == HTTPStatus.SERVICE_UNAVAILABLE
    assert await hass.config_entries.async_setup(lane.entry_id)
    assert (await stranger.get(path)).status == HTTPStatus.OK
    assert gallery.asked == [MOVIE.item_id] * 2
    assert await hass.config_entries.async_remove(lane.entry_id)
    assert (await stranger.get(path)).status == HTTPStatus.NOT_FOUND


async def test_picture_of_another_film_is_read_when_it_has_the_id_now(
    hass: HomeAssistant,
    lane: WatchedSyncConfigEntry,
    gallery: Gallery,
    stranger: Browser,
) -> None:
    path = picture_path(hass, lane.entry_id, MOVIE)
    assert await (await stranger.get(path)).read() == POSTER.data
    now = replace(OTHER_MOVIE, item_id=MOVIE.item_id)
    gallery.items[MOVIE.item_id] = now
    gallery.posters[MOVIE.item_id] = Image("image/png", b"\x89PNG another poster")
    await lane.runtime_data.coordinator.catch_up()
    path = picture_path(hass, lane.entry_id, now)
    assert await (await stranger.get(path)).read() == b"\x89PNG another poster"
    assert gallery.asked == [MOVIE.item_id] * 2
