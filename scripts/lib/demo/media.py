"""What players say of the films and episodes that the simulated servers have."""

import re
from typing import Any, Final

from tests.fakes import library

type Json = dict[str, Any]

_EPISODE: Final = re.compile(r"(.+?),?\s+S(\d+)\s?E(\d+)", re.IGNORECASE)
_FILM_OF_A_YEAR: Final = re.compile(r"(.+?)\s+\((\d{4})\)")


def episode(show: str, season: int, number: int) -> Json:
    """Return how a player names an episode. Raises LookupError."""
    found = library.show(show).episode(season, number)
    return {
        "media_content_type": "tvshow",
        "media_series_title": show,
        "media_season": season,
        "media_episode": number,
        "media_title": found.title,
        "media_duration": found.minutes * 60,
    }


def film(title: str, year: int | None = None) -> Json:
    """Return how a player names a film. Raises LookupError."""
    found = library.movie(title, year)
    return {
        "media_content_type": "movie",
        "media_title": f"{title} ({found.year})",
        "media_duration": found.minutes * 60,
    }


def named(text: str) -> Json:
    """Return how a player names "Severance S02E05", "Arrival" or "Dune (2021)".

    Raises LookupError for what the simulated servers do not have.
    """
    if (match := _EPISODE.fullmatch(text.strip())) is not None:
        show, season, number = match.groups()
        return episode(show, int(season), int(number))
    if (match := _FILM_OF_A_YEAR.fullmatch(text.strip())) is not None:
        title, year = match.groups()
        return film(title, int(year))
    return film(text.strip())
