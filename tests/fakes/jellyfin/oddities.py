"""A library of oddities: what people's tools, folders and files make of one.

All of it was seen on real servers: ids that are none, one show in two libraries or in
two folders of one, a show without folders for its seasons, a daily show without
numbers, a file with two episodes, a film and an episode in two versions.
"""

from dataclasses import replace
from datetime import date

from tests.fakes.library import ODD_IDS, ODD_TITLE, SeedMovie

from .items import Catalogue
from .profile import Profile

MOVIES_ODD_LIBRARY = "Movies Odd"
TV_A_LIBRARY = "TV A"
TV_B_LIBRARY = "TV B"
TV_C_LIBRARY = "TV C"


def add_oddities(catalogue: Catalogue, profile: Profile) -> None:
    """Add the four libraries of oddities to those that there are."""
    catalogue.add_library(MOVIES_ODD_LIBRARY, "movies")
    for name in (TV_A_LIBRARY, TV_B_LIBRARY, TV_C_LIBRARY):
        catalogue.add_library(name, "tvshows")
    _add_films(catalogue, profile)
    # Folders are called so that their ids come in the order in which they were seen.
    _add_folder(catalogue, "Two Homes", 2010, TV_A_LIBRARY, "777001", (1, 2, 3))
    _add_folder(
        catalogue, "Two Homes", 2010, TV_B_LIBRARY, "777001", (3, 4, 5), "Two Homes"
    )
    for folder, numbers in (("Merged (2011)", (1, 2)), ("Merged 2011", (2, 3))):
        _add_folder(catalogue, "Merged", 2011, TV_C_LIBRARY, "777002", numbers, folder)
    _add_double(catalogue)
    _add_flat(catalogue)
    _add_daily(catalogue)
    _add_versioned(catalogue, profile)


def _add_films(catalogue: Catalogue, profile: Profile) -> None:
    home = (MOVIES_ODD_LIBRARY,)
    for number, ids in enumerate(ODD_IDS):
        catalogue.add_movie(SeedMovie(f"Odd {number:02}", 2001, 133, ids, home))
    catalogue.add_movie(SeedMovie(ODD_TITLE, 2003, 133, {"tmdb": "999001"}, home))
    ids = {"imdb": "tt0468569", "tmdb": "155"}
    (film,) = catalogue.add_movie(SeedMovie("Versions", 2002, 133, ids, home))
    path = film.path.replace(".mkv", " - 2160p.mkv")
    catalogue.items[film.id] = replace(film, path=path)
    file = "Versions (2002) - 1080p"
    catalogue.add_version(film.id, file, linked=profile.versions_linked)


def _add_folder(
    catalogue: Catalogue,
    title: str,
    year: int,
    library: str,
    tvdb: str,
    numbers: tuple[int, ...],
    folder: str | None = None,
) -> None:
    """Add a folder of a show with these episodes of its first season."""
    series = catalogue.add_series(title, year, library, {"tvdb": tvdb}, folder=folder)
    season = catalogue.add_season(series, 1)
    for number in numbers:
        catalogue.add_episode(season, number, f"{title} S01E{number:02}")


def _add_double(catalogue: Catalogue) -> None:
    series = catalogue.add_series("Double", 2012, TV_A_LIBRARY, {"tvdb": "777003"})
    season = catalogue.add_season(series, 1)
    catalogue.add_episode(season, 1, "Double S01E01-E02", index_number_end=2)
    catalogue.add_episode(season, 3, "Double S01E03")


def _add_flat(catalogue: Catalogue) -> None:
    series = catalogue.add_series("Flat", 2013, TV_A_LIBRARY, {"tvdb": "777004"})
    for number in (0, 1, 2):
        # Specials have a folder in any case.
        season = catalogue.add_season(series, number, without_folder=number != 0)
        catalogue.add_episode(season, 1, f"Flat S{number:02}E01")


def _add_daily(catalogue: Catalogue) -> None:
    series = catalogue.add_series("Daily", 2014, TV_A_LIBRARY, {"tvdb": "777005"})
    season = catalogue.add_season(series, None, without_folder=True)
    for day in (date(2014, 3, 4), date(2014, 3, 5)):
        title = f"Daily {day}"
        catalogue.add_episode(season, None, title, aired=day, file=title)


def _add_versioned(catalogue: Catalogue, profile: Profile) -> None:
    series = catalogue.add_series("Versioned", 2015, TV_A_LIBRARY, {"tvdb": "777006"})
    season = catalogue.add_season(series, 1)
    title = "Versioned S01E01"
    episode = catalogue.add_episode(season, 1, title, file=f"{title} - 1080p")
    other = f"{title} - 2160p"
    if profile.versions_linked:
        catalogue.add_version(episode.id, other, linked=True)
    else:
        catalogue.add_episode(season, 1, title, file=other)
