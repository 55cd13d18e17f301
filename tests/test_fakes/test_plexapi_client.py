"""The client library that most Plex software uses works against the simulation.

PlexAPI blocks (even reading an attribute may send a request), so each test uses it in
a thread while the server lives in the test's loop. It speaks XML, where our own
client speaks JSON.
"""

import asyncio
from collections.abc import AsyncIterator, Callable

from plexapi.exceptions import BadRequest, NotFound, Unauthorized
from plexapi.server import PlexServer
import pytest
import requests

from tests.fakes.plex import FakePlex

pytestmark = pytest.mark.usefixtures("socket_enabled")


type Work = Callable[[PlexServer], None]


@pytest.fixture
async def plex() -> AsyncIterator[FakePlex]:
    async with FakePlex() as running:
        yield running


async def with_plexapi(plex: FakePlex, user: str, work: Work) -> None:
    """Connect as *user* and do *work*, in a thread."""

    def run() -> None:
        with requests.Session() as session:
            work(
                PlexServer(plex.url, plex.token_for(user), session=session, timeout=10)
            )

    await asyncio.to_thread(run)


async def test_it_connects_and_knows_who_it_is(plex: FakePlex) -> None:
    def work(server: PlexServer) -> None:
        assert server.machineIdentifier == plex.machine_identifier
        assert server.friendlyName == "Fake Plex"
        assert server.myPlexUsername == "alex"
        names = {account.name for account in server.systemAccounts()}
        assert names >= {"alex", "kim", "sam"}

    await with_plexapi(plex, "alex", work)


async def test_a_bad_token_is_unauthorized(plex: FakePlex) -> None:
    plex.revoke(token := plex.token_for("alex"))

    def run() -> None:
        with requests.Session() as session, pytest.raises(Unauthorized):
            PlexServer(plex.url, token, session=session, timeout=10)

    await asyncio.to_thread(run)


async def test_it_lists_libraries_and_their_items(plex: FakePlex) -> None:
    def work(server: PlexServer) -> None:
        sections = server.library.sections()
        assert [section.title for section in sections] == [
            "Movies",
            "Movies 4K",
            "TV Shows",
            "Music",
        ]
        movies = sections[0].all()
        assert len(movies) == 29
        assert {movie.type for movie in movies} == {"movie"}
        assert len(sections[2].search()) == 9
        assert len(sections[2].all(libtype="episode")) == 634

    await with_plexapi(plex, "alex", work)


async def test_it_finds_a_film_by_its_title(plex: FakePlex) -> None:
    def work(server: PlexServer) -> None:
        movies = server.library.section("Movies")
        film = movies.get("Arrival")
        assert (film.title, film.year, film.duration) == ("Arrival", 2016, 6_960_000)
        ids = {guid.id for guid in film.guids}
        assert ids == {"imdb://tt2543164", "tmdb://329865"}
        assert [item.title for item in server.search("amelie")] == ["Amélie"]
        assert [item.title for item in server.library.search("Parasite")] == [
            "Parasite"
        ]
        with pytest.raises(NotFound):
            movies.get("No Such Film")

    await with_plexapi(plex, "alex", work)


async def test_it_marks_and_unmarks_a_film(plex: FakePlex) -> None:
    key = plex.rating_key("Arrival")

    def work(server: PlexServer) -> None:
        film = server.fetchItem(int(key))
        assert (film.viewCount, film.isPlayed) == (0, False)
        film.markPlayed()
        film.reload()
        assert (film.viewCount, film.isPlayed) == (1, True)
        assert film.lastViewedAt is not None
        film.markUnplayed()
        film.reload()
        assert (film.viewCount, film.isPlayed) == (0, False)
        assert film.lastViewedAt is None
        film.markPlayed()

    await with_plexapi(plex, "alex", work)
    assert plex.state("alex", key).view_count == 1
    assert plex.state("kim", key).view_count == 0


async def test_it_lists_a_shows_episodes_and_marks_the_show(plex: FakePlex) -> None:
    def work(server: PlexServer) -> None:
        show = server.library.section("TV Shows").get("Sherlock")
        episodes = show.episodes()
        assert len(episodes) == 15
        assert sorted({episode.seasonNumber for episode in episodes}) == [0, 1, 2, 3, 4]
        assert [season.index for season in show.seasons()] == [0, 1, 2, 3, 4]
        assert show.episode(season=1, episode=1).title == "A Study in Pink"
        show.markPlayed()
        show.reload()
        assert (show.leafCount, show.viewedLeafCount) == (15, 15)
        assert show.isPlayed
        assert show.lastViewedAt is None

    await with_plexapi(plex, "alex", work)
    for key in plex.leaves(plex.rating_key("Sherlock")):
        assert plex.state("alex", key).view_count == 1


async def test_it_sets_a_resume_position(plex: FakePlex) -> None:
    key = plex.rating_key("Dune", 1984)

    def work(server: PlexServer) -> None:
        film = server.fetchItem(int(key))
        film.updateTimeline(600_000, duration=film.duration)
        film.reload()
        assert film.viewOffset == 600_000
        assert [item.title for item in server.library.onDeck()] == ["Dune"]
        assert [item.title for item in server.continueWatching()] == ["Dune"]

    await with_plexapi(plex, "alex", work)
    assert plex.state("alex", key).view_offset_ms == 600_000


async def test_another_user_sees_play_states_and_libraries_of_their_own(
    plex: FakePlex,
) -> None:
    key = plex.rating_key("Arrival")
    plex.set_state("alex", key, view_count=1)

    def work(server: PlexServer) -> None:
        assert server.fetchItem(int(key)).viewCount == 0
        titles = [section.title for section in server.library.sections()]
        assert titles == ["Movies", "TV Shows"]
        with pytest.raises(BadRequest):
            server.systemAccounts()

    await with_plexapi(plex, "kim", work)


async def test_a_played_film_is_in_its_history_and_a_marked_one_is_not(
    plex: FakePlex,
) -> None:
    await plex.play("alex", plex.rating_key("Alien"))

    def work(server: PlexServer) -> None:
        server.fetchItem(int(plex.rating_key("Arrival"))).markPlayed()
        assert [entry.title for entry in server.history()] == ["Alien"]

    await with_plexapi(plex, "alex", work)
