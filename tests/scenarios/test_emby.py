"""An Emby, also one whose counts stay as they are whatever is marked."""

from collections.abc import AsyncIterator
from functools import partial

from homeassistant.core import HomeAssistant
import pytest

from tests.common import drained
from tests.fakes.base import FakeClock
from tests.fakes.emby import FakeEmby

from .house import (
    ONE_PLAY,
    UNSEEN,
    EmbySide,
    PlexSide,
    Seen,
    act,
    runtime_of,
    until_true,
)
from .machine import TimeMachine
from .test_live import connected
from .test_mirror import COPIED, QUIET, link, passing


@pytest.fixture(params=[True, False], ids=["counts", "counts stay"])
async def emby(request: pytest.FixtureRequest) -> AsyncIterator[EmbySide]:
    async with FakeEmby(
        clock=FakeClock(ticking=True),
        marks_counted=request.param,
        unmarks_reset_count=request.param,
    ) as server:
        yield EmbySide(server)


async def test_marks_of_films_and_shows_arrive_and_are_taken_back(
    hass: HomeAssistant, emby: EmbySide
) -> None:
    entry = await emby.connect(hass, emby.film("Alien"))
    film, show = emby.item_id("Alien"), emby.item_id("Chernobyl")
    for item_id in (film, show):
        answer = await act(hass, "mark_watched", item_id=item_id, wait=30)
        assert [one["status"] for one in answer["operations"]] == ["confirmed"]
    assert emby.seen(film).watched
    assert all(emby.seen(one).watched for one in emby.leaves(show))
    seen = runtime_of(entry).ledger.learnt.as_json()[-1]["seen"]
    counted = emby.server.profile.marks_counted
    assert seen["mark_count"]["value"] == (1 if counted else 0)
    for _ in range(2):
        await act(hass, "undo", wait=30)
    await drained(hass, entry)
    assert not emby.seen(film).watched
    assert not any(emby.seen(one).watched for one in emby.leaves(show))


async def test_mark_taken_off_elsewhere_is_no_play_that_begins(
    hass: HomeAssistant, emby: EmbySide
) -> None:
    film = emby.item_id("Alien")
    await emby.put(film, plays=2)
    entry = await emby.connect(hass, emby.film("Alien"))
    await connected(emby)
    user = emby.server.user("alex")
    emby.server.mark(user, emby.server.catalogue.items[film], played=False)
    coordinator = runtime_of(entry).coordinator

    def is_unwatched() -> bool:
        view = coordinator.view(film)
        return view is not None and view.server is not None and not view.server.watched

    await until_true(is_unwatched)
    view = coordinator.view(film)
    assert view is not None
    assert view.server is not None
    assert not view.server.begun_again
    assert not view.desired.watched


async def test_what_is_marked_there_is_copied(
    hass: HomeAssistant, emby: EmbySide, plex: PlexSide, machine: TimeMachine
) -> None:
    source = await emby.connect(hass, emby.film("Alien"))
    target = await plex.connect(hass)
    await link(hass, source, target)
    machine.running = True
    user, film = emby.server.user("alex"), emby.item_id("Alien")
    copy = plex.item_id("Alien")
    for wanted in (ONE_PLAY, UNSEEN):
        played = wanted == ONE_PLAY
        emby.server.mark(user, emby.server.catalogue.items[film], played=played)
        await passing(machine, COPIED)
        await until_true(partial(_shows, plex, copy, wanted), QUIET, every=1)


def _shows(side: PlexSide, item_id: str, wanted: Seen) -> bool:
    return side.seen(item_id) == wanted
