"""A library of oddities: what people's folders, agents and tools make of a Plex.

Ids that are none, the guids of agents of old and of Plex's own for NFO files, home
videos that nothing was matched with, photos, a daily show without numbers, two files of
one number, a show of which nothing is known but its title.
"""

from datetime import date

from tests.fakes.library import ODD_IDS, ODD_TITLE, SeedEpisode, SeedMovie, SeedShow

from .model import Shelf

MOVIES_ODD_LIBRARY = "Movies Odd"
TV_ODD_LIBRARY = "TV Odd"
HOME_VIDEOS_LIBRARY = "Home Videos"
PHOTOS_LIBRARY = "Photos"

#: Guids of films whose agents tell no others, and the one id that each of them is.
ODD_GUIDS = {
    "com.plexapp.agents.imdb://tt0133093?lang=en": "tt0133093",
    "com.plexapp.agents.themoviedb://603?lang=en": "603",
    "com.plexapp.agents.xbmcnfo://603?lang=en": "603",
    "tv.plex.agents.nfo.movie://movie/tmdb_603": "603",
    "tv.plex.agents.nfo.movie://movie/imdb_tt0133093": "tt0133093",
    "com.plexapp.agents.imdb://0133093?lang=en": None,
    "com.plexapp.agents.none://0f3a?lang=xn": None,
    "local://900001": None,
    "": None,
}


def add_oddities(shelf: Shelf) -> None:
    """Add the four libraries of oddities to those that there are."""
    films = shelf.add_section(MOVIES_ODD_LIBRARY, "movie")
    shows = shelf.add_section(TV_ODD_LIBRARY, "show")
    videos = shelf.add_section(HOME_VIDEOS_LIBRARY, "movie", is_bare=True)
    shelf.add_section(PHOTOS_LIBRARY, "photo")
    for number, ids in enumerate(ODD_IDS):
        shelf.add_movie(films, SeedMovie(f"Odd {number:02}", 2001, 133, ids))
    for number, guid in enumerate(ODD_GUIDS):
        film = shelf.add_movie(films, SeedMovie(f"Odd guid {number:02}", 2002, 133, {}))
        film.guid = guid
    shelf.add_movie(films, SeedMovie(ODD_TITLE, 2003, 133, {"tmdb": "999001"}))
    shelf.add_movie(videos, SeedMovie("2019-07-14 Beach", 2019, 3, {}))

    daily = shelf.add_show(shows, _show("Daily", {"tvdb": "777005"}, 1, 2))
    for day, episode in enumerate(daily.leaves(), 4):
        episode.index, episode.aired = None, date(2014, 3, day)
    double = shelf.add_show(shows, _show("Double", {"tvdb": "777003"}, 1, 2, 3))
    *_, last = double.leaves()
    last.index = 1
    bare = shelf.add_show(shows, _show("Bare", {}, 1))
    for one in bare.walk():
        one.guid = f"local://{one.key}"


def _show(title: str, ids: dict[str, str], *numbers: int) -> SeedShow:
    episodes = tuple(
        SeedEpisode(1, number, f"{title} S01E{number:02}", 40, None)
        for number in numbers
    )
    return SeedShow(title, 2014, ids, episodes)
