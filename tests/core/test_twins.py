"""The in-memory servers follow playbacks as the clients and real servers do."""

from collections.abc import Callable

import pytest

from custom_components.watched_sync.core.errors import Fault, ItemGone, Unsupported
from custom_components.watched_sync.core.identity import Item
from custom_components.watched_sync.core.play_state import PlayState
from custom_components.watched_sync.core.ports import (
    PlaybackReport,
    PlaybackState,
)

from .twins import ERROR, Ask, ModelServer, movie, show
from .virtual import VirtualClock, virtual

PLAYING, PAUSED, STOPPED = PlaybackState
FILM = movie()
type Maker = Callable[[VirtualClock], ModelServer]
KINDS = pytest.mark.parametrize("make", [ModelServer.plex, ModelServer.jellyfin])


def server_of(make: Maker) -> ModelServer:
    server = make(VirtualClock())
    server.add(FILM)
    return server


async def say(
    server: ModelServer, state: PlaybackState, share: float, item: Item = FILM
) -> None:
    position = share * (FILM.duration or 0.0)
    await server.report(
        PlaybackReport(session_id="one", item=item, state=state, position=position)
    )


@KINDS
@virtual
async def test_half_a_film_leaves_its_position(make: Maker) -> None:
    server = server_of(make)
    await say(server, PLAYING, 0.2)
    await say(server, PAUSED, 0.5)
    assert server.playing["one"].state is PAUSED
    await say(server, STOPPED, 0.5)
    assert server.playing == {}
    state = server.states["m1"]
    assert (state.watched, state.position) == (False, 3600.0)
    # Jellyfin counts what was begun.
    assert state.play_count == (1 if server.kind.repeat_safe else 0)


@KINDS
@virtual
async def test_whole_film_is_watched_with_one_play(make: Maker) -> None:
    server = server_of(make)
    for doing, share in ((PLAYING, 0.1), (PLAYING, 0.92), (STOPPED, 0.97)):
        await say(server, doing, share)
    state = server.states["m1"]
    assert (state.watched, state.position, state.play_count) == (True, 0.0, 1)


@KINDS
@virtual
async def test_watched_film_begun_again_stays_so(make: Maker) -> None:
    server = server_of(make)
    server.states["m1"] = PlayState(watched=True, play_count=2)
    await say(server, PLAYING, 0.1)
    await say(server, STOPPED, 0.5)
    state = server.states["m1"]
    assert (state.watched, state.position, state.play_count) == (True, 3600.0, 2)


@KINDS
@virtual
async def test_lone_stop_at_the_end_marks_as_the_kind_does(
    make: Maker,
) -> None:
    server = server_of(make)
    await say(server, STOPPED, 0.95)
    assert server.states["m1"].watched is server.kind.repeat_safe


@KINDS
@virtual
async def test_reports_and_pictures_fail_as_they_do(make: Maker) -> None:
    server = server_of(make)
    with pytest.raises(Unsupported):
        await say(server, PLAYING, 0.1, show())
    server.on(Ask.REPORT, ERROR)
    with pytest.raises(Fault):
        await say(server, PLAYING, 0.1)
    assert server.playing == {}
    assert (await server.image(FILM, width=9)).data
    server.hidden.add("m1")
    with pytest.raises(ItemGone):
        await say(server, PLAYING, 0.1)
    with pytest.raises(ItemGone):
        await server.image(FILM, width=9)
