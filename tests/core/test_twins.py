"""The in-memory servers do what the clients and real servers do."""

from collections.abc import Callable

import pytest

from custom_components.watched_sync.core.errors import Fault, ItemGone, Unsupported
from custom_components.watched_sync.core.identity import Item, MediaKind
from custom_components.watched_sync.core.play_state import PlayState
from custom_components.watched_sync.core.ports import (
    Library,
    PlaybackReport,
    PlaybackState,
)

from .twins import ERROR, PAGE, Ask, ModelServer, movie, show
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


async def listed(server: ModelServer, library: str, kind: MediaKind) -> list[str]:
    """Return the ids on all pages of a library."""
    found: list[str] = []
    start: int | None = 0
    while start is not None:
        place = Library(library, library, None)
        page = await server.inventory_page(place, kind, start)
        found += [one.item.item_id for one in page.readings]
        start = page.next_start
    return found


@KINDS
@virtual
async def test_libraries_are_listed_page_by_page(make: Maker) -> None:
    server = make(VirtualClock())
    films = [movie(f"m{number}") for number in range(2 * PAGE)]
    server.add(*films, movie("other", library_id="other"))
    leaves = server.add_show(show(), {1: PAGE + 1})
    server.hidden.add(films[0].item_id)
    assert [one.library_id for one in await server.libraries()] == ["films", "shows"]
    shown = [one.item_id for one in films[1:]]
    assert await listed(server, "films", MediaKind.MOVIE) == shown
    assert await listed(server, "shows", MediaKind.SHOW) == ["s"]
    assert await listed(server, "films", MediaKind.SHOW) == []
    episodes = [one.item_id for one in leaves]
    if server.kind.lists_episodes:
        assert await listed(server, "shows", MediaKind.EPISODE) == episodes
    else:
        with pytest.raises(Unsupported):
            await listed(server, "shows", MediaKind.EPISODE)
    with pytest.raises(Unsupported):
        await listed(server, "shows", MediaKind.SEASON)
    del server.shelves["films"]
    with pytest.raises(ItemGone):
        await listed(server, "films", MediaKind.MOVIE)


@KINDS
@virtual
async def test_full_page_is_the_last_where_a_total_is_told(make: Maker) -> None:
    server = make(VirtualClock())
    server.add(*(movie(f"m{number}") for number in range(PAGE)))
    await listed(server, "films", MediaKind.MOVIE)
    assert server.count(Ask.INVENTORY) == (1 if server.kind.lists_episodes else 2)


@KINDS
@virtual
async def test_unwatched_items_are_counted_as_the_kind_does(make: Maker) -> None:
    server = server_of(make)
    server.add(movie("m2"), state=PlayState(watched=True, play_count=1))
    films = Library("films", "Films", MediaKind.MOVIE)
    if server.kind.lists_episodes:
        assert await server.count_unwatched(films, MediaKind.MOVIE) == 1
        assert await server.count_unwatched(films, MediaKind.EPISODE) == 0
        del server.shelves["films"]
        with pytest.raises(ItemGone):
            await server.count_unwatched(films, MediaKind.MOVIE)
    else:
        with pytest.raises(Unsupported):
            await server.count_unwatched(films, MediaKind.MOVIE)
    with pytest.raises(Unsupported):
        await server.count_unwatched(films, MediaKind.SHOW)
