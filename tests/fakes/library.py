"""The seeded library: what both simulated servers hold, title by title.

Titles, years, running times and provider ids are those of the real works, so that a
demonstration looks like somebody's shelf and external ids can be typed from memory.
Running times are in minutes and air dates are those of the first broadcast. Where a
show's episode titles are not listed here they are called "Episode N", and air dates
between a season's first and last episode count on weekly.

The oddities are deliberate, each there for one kind of mistake: a film in two
libraries, two films of the same title, a film without any provider id, specials
(season 0), a file that holds two episodes, an episode not aired yet, a show of more
than 300 episodes, and things that cannot be marked at all (a song, a trailer).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum

MOVIES_LIBRARY = "Movies"
MOVIES_4K_LIBRARY = "Movies 4K"
SHOWS_LIBRARY = "TV Shows"
MUSIC_LIBRARY = "Music"

UNAIRED = date(2099, 1, 1)
"""Air date of the episode that has not been broadcast, whatever the year is."""

ODD_IDS: tuple[Mapping[str, str], ...] = (
    {"imdb": "tt0000000"},
    {"tmdb": "0"},
    {"tmdb": "  "},
    {"tmdb": " 603 "},
    {"tmdb": "tmdb:603"},
    {"imdb": "0133093"},
    {"imdb": "https://www.imdb.com/title/tt0133093/"},
    {"tmdb": "603.0"},
    {"tmdb": "-1"},
    {"imdb": "TT0133093"},
    {"tmdb": "https://www.themoviedb.org/movie/603"},
    {"tvdb": "none"},
    {"imdb": "nm0000206"},
    {"tmdb": "00603"},
    {"imdb": "tt0133093 "},
)
"""Ids of films of which few can be ids, each as it stood in somebody's library."""
ODD_TITLE = '<script>alert(1)</script> & "q" \u202e \N{GRINNING FACE}'


@dataclass(frozen=True, slots=True)
class SeedMovie:
    """A film; *ids* maps `imdb`, `tmdb` and `tvdb` to the provider's id."""

    title: str
    year: int
    minutes: int
    ids: Mapping[str, str]
    libraries: tuple[str, ...] = (MOVIES_LIBRARY,)


@dataclass(frozen=True, slots=True)
class SeedEpisode:
    """An episode; season 0 holds the specials.

    *number_end* is set when one file holds the episodes *number* to *number_end*.
    """

    season: int
    number: int
    title: str
    minutes: int
    aired: date | None
    ids: Mapping[str, str] = field(default_factory=dict)
    number_end: int | None = None


@dataclass(frozen=True, slots=True)
class SeedShow:
    """A show with its episodes, specials first, then in broadcast order.

    Without *season_folders* its files lie in one folder, which only Jellyfin minds.
    """

    title: str
    year: int
    ids: Mapping[str, str]
    episodes: tuple[SeedEpisode, ...]
    library: str = SHOWS_LIBRARY
    season_folders: bool = True

    @property
    def seasons(self) -> tuple[int, ...]:
        """The season numbers in order, 0 (specials) first when there are any."""
        return tuple(sorted({episode.season for episode in self.episodes}))

    def season(self, number: int) -> tuple[SeedEpisode, ...]:
        """The episodes of one season, in order."""
        return tuple(found for found in self.episodes if found.season == number)

    def episode(self, season: int, number: int) -> SeedEpisode:
        """One episode by its number; raises LookupError when there is none."""
        for found in self.season(season):
            if found.number == number:
                return found
        message = f"no S{season:02}E{number:02} in {self.title}"
        raise LookupError(message)


@dataclass(frozen=True, slots=True)
class SeedTrack:
    """A piece of music, which has play counts but is no business of ours."""

    artist: str
    album: str
    year: int
    number: int
    title: str
    minutes: int


class ExtraKind(StrEnum):
    """What a video that belongs to a film is."""

    TRAILER = "trailer"
    CLIP = "clip"


@dataclass(frozen=True, slots=True)
class SeedExtra:
    """A trailer or a clip; *movie* and *year* name the film that it belongs to."""

    title: str
    kind: ExtraKind
    movie: str
    year: int
    minutes: int


def _movie(
    title: str,
    year: int,
    minutes: int,
    imdb: str,
    tmdb: str,
    *libraries: str,
) -> SeedMovie:
    return SeedMovie(
        title,
        year,
        minutes,
        {"imdb": imdb, "tmdb": tmdb},
        libraries or (MOVIES_LIBRARY,),
    )


def _season(
    number: int,
    first_aired: date,
    titles: tuple[str, ...],
    *,
    minutes: int,
    dates: Mapping[int, date] | None = None,
    ids: Mapping[int, Mapping[str, str]] | None = None,
    first_number: int = 1,
) -> tuple[SeedEpisode, ...]:
    """Build a season of weekly episodes; *dates* corrects single air dates."""
    return tuple(
        SeedEpisode(
            season=number,
            number=position,
            title=title,
            minutes=minutes,
            aired=(dates or {}).get(position, first_aired + timedelta(weeks=offset)),
            ids=(ids or {}).get(position, {}),
        )
        for offset, title in enumerate(titles)
        for position in (first_number + offset,)
    )


MOVIES: tuple[SeedMovie, ...] = (
    _movie("Alien", 1979, 117, "tt0078748", "348"),
    _movie("Amélie", 2001, 122, "tt0211915", "194"),
    _movie("Arrival", 2016, 116, "tt2543164", "329865"),
    _movie(
        "Blade Runner",
        1982,
        117,
        "tt0083658",
        "78",
        MOVIES_LIBRARY,
        MOVIES_4K_LIBRARY,
    ),
    _movie("Blade Runner 2049", 2017, 164, "tt1856101", "335984"),
    _movie("Casablanca", 1942, 102, "tt0034583", "289"),
    _movie("Dune", 1984, 137, "tt0087182", "841"),
    _movie("Dune", 2021, 155, "tt1160419", "438631"),
    _movie("Dune: Part Two", 2024, 167, "tt15239678", "693134"),
    _movie("Everything Everywhere All at Once", 2022, 140, "tt6710474", "545611"),
    _movie("The Godfather", 1972, 175, "tt0068646", "238"),
    _movie("The Grand Budapest Hotel", 2014, 100, "tt2278388", "120467"),
    _movie("Inception", 2010, 148, "tt1375666", "27205"),
    _movie("Mad Max: Fury Road", 2015, 121, "tt1392190", "76341"),
    _movie("The Matrix", 1999, 136, "tt0133093", "603"),
    _movie("Metropolis", 1927, 153, "tt0017136", "19"),
    _movie("Oppenheimer", 2023, 181, "tt15398776", "872585"),
    _movie("Paddington 2", 2017, 104, "tt4468740", "346648"),
    _movie("Parasite", 2019, 133, "tt6751668", "496243"),
    _movie("Past Lives", 2023, 106, "tt13238346", "666277"),
    _movie("Pulp Fiction", 1994, 154, "tt0110912", "680"),
    _movie("The Shawshank Redemption", 1994, 142, "tt0111161", "278"),
    # Never matched by the server's agent: no provider id whatever.
    SeedMovie("Sita Sings the Blues", 2008, 82, {}),
    _movie("Spirited Away", 2001, 125, "tt0245429", "129"),
    _movie("Stalker", 1979, 162, "tt0079944", "1398"),
    _movie("Suspiria", 1977, 99, "tt0076786", "11906"),
    _movie("Suspiria", 2018, 152, "tt1034415", "361292"),
    _movie("The Third Man", 1949, 105, "tt0041959", "1092"),
    _movie("Toy Story", 1995, 81, "tt0114709", "862"),
)

_BREAKING_BAD = SeedShow(
    "Breaking Bad",
    2008,
    {"imdb": "tt0903747", "tmdb": "1396", "tvdb": "81189"},
    (
        *_season(
            1,
            date(2008, 1, 20),
            (
                "Pilot",
                "Cat's in the Bag...",
                "...And the Bag's in the River",
                "Cancer Man",
                "Gray Matter",
                "Crazy Handful of Nothin'",
                "A No-Rough-Stuff-Type Deal",
            ),
            minutes=48,
            dates={
                3: date(2008, 2, 10),
                4: date(2008, 2, 17),
                5: date(2008, 2, 24),
                6: date(2008, 3, 2),
                7: date(2008, 3, 9),
            },
            ids={1: {"imdb": "tt0959621", "tmdb": "62085", "tvdb": "349232"}},
        ),
        *_season(
            2,
            date(2009, 3, 8),
            (
                "Seven Thirty-Seven",
                "Grilled",
                "Bit by a Dead Bee",
                "Down",
                "Breakage",
                "Peekaboo",
                "Negro y Azul",
                "Better Call Saul",
                "4 Days Out",
                "Over",
                "Mandala",
                "Phoenix",
                "ABQ",
            ),
            minutes=47,
        ),
        *_season(
            3,
            date(2010, 3, 21),
            (
                "No Más",
                "Caballo sin Nombre",
                "I.F.T.",
                "Green Light",
                "Más",
                "Sunset",
                "One Minute",
                "I See You",
                "Kafkaesque",
                "Fly",
                "Abiquiu",
                "Half Measures",
                "Full Measure",
            ),
            minutes=47,
        ),
        *_season(
            4,
            date(2011, 7, 17),
            (
                "Box Cutter",
                "Thirty-Eight Snub",
                "Open House",
                "Bullet Points",
                "Shotgun",
                "Cornered",
                "Problem Dog",
                "Hermanos",
                "Bug",
                "Salud",
                "Crawl Space",
                "End Times",
                "Face Off",
            ),
            minutes=47,
        ),
        *_season(
            5,
            date(2012, 7, 15),
            (
                "Live Free or Die",
                "Madrigal",
                "Hazard Pay",
                "Fifty-One",
                "Dead Freight",
                "Buyout",
                "Say My Name",
                "Gliding Over All",
            ),
            minutes=47,
        ),
        *_season(
            5,
            date(2013, 8, 11),
            (
                "Blood Money",
                "Buried",
                "Confessions",
                "Rabid Dog",
                "To'hajiilee",
                "Ozymandias",
                "Granite State",
                "Felina",
            ),
            minutes=47,
            ids={14: {"imdb": "tt2301451"}, 16: {"imdb": "tt2301455"}},
            first_number=9,
        ),
    ),
)

_CHERNOBYL = SeedShow(
    "Chernobyl",
    2019,
    {"imdb": "tt7366338", "tmdb": "87108", "tvdb": "360893"},
    _season(
        1,
        date(2019, 5, 6),
        (
            "1:23:45",
            "Please Remain Calm",
            "Open Wide, O Earth",
            "The Happiness of All Mankind",
            "Vichnaya Pamyat",
        ),
        minutes=65,
    ),
)

_DOCTOR_WHO = SeedShow(
    "Doctor Who",
    2005,
    {"imdb": "tt0436992", "tmdb": "57243", "tvdb": "78804"},
    (
        SeedEpisode(0, 1, "Born Again", 7, date(2005, 11, 18)),
        SeedEpisode(0, 2, "The Christmas Invasion", 60, date(2005, 12, 25)),
        *_season(
            1,
            date(2005, 3, 26),
            (
                "Rose",
                "The End of the World",
                "The Unquiet Dead",
                "Aliens of London",
                "World War Three",
                "Dalek",
                "The Long Game",
                "Father's Day",
                "The Empty Child",
                "The Doctor Dances",
                "Boom Town",
                "Bad Wolf",
                "The Parting of the Ways",
            ),
            minutes=45,
        ),
        *_season(
            2,
            date(2006, 4, 15),
            (
                "New Earth",
                "Tooth and Claw",
                "School Reunion",
                "The Girl in the Fireplace",
                "Rise of the Cybermen",
                "The Age of Steel",
                "The Idiot's Lantern",
                "The Impossible Planet",
                "The Satan Pit",
                "Love & Monsters",
                "Fear Her",
                "Army of Ghosts",
                "Doomsday",
            ),
            minutes=45,
        ),
    ),
)

_GREYS_ANATOMY_SEASONS: tuple[tuple[date, int], ...] = (
    (date(2005, 3, 27), 9),
    (date(2005, 9, 25), 27),
    (date(2006, 9, 21), 25),
    (date(2007, 9, 27), 17),
    (date(2008, 9, 25), 24),
    (date(2009, 9, 24), 24),
    (date(2010, 9, 23), 22),
    (date(2011, 9, 22), 24),
    (date(2012, 9, 27), 24),
    (date(2013, 9, 26), 24),
    (date(2014, 9, 25), 25),
    (date(2015, 9, 24), 24),
    (date(2016, 9, 22), 24),
    (date(2017, 9, 28), 24),
    (date(2018, 9, 27), 25),
    (date(2019, 9, 26), 21),
    (date(2020, 11, 12), 17),
    (date(2021, 9, 30), 20),
    (date(2022, 10, 6), 20),
    (date(2024, 3, 14), 10),
    (date(2024, 9, 26), 18),
)
_GREYS_ANATOMY_FIRST_SEASON = (
    "A Hard Day's Night",
    "The First Cut Is the Deepest",
    "Winning a Battle, Losing the War",
    "No Man's Land",
    "Shake Your Groove Thing",
    "If Tomorrow Never Comes",
    "The Self-Destruct Button",
    "Save Me",
    "Who's Zoomin' Who?",
)

_GREYS_ANATOMY = SeedShow(
    "Grey's Anatomy",
    2005,
    {"imdb": "tt0413573", "tmdb": "1416", "tvdb": "73762"},
    tuple(
        episode
        for number, (first_aired, count) in enumerate(_GREYS_ANATOMY_SEASONS, 1)
        for episode in _season(
            number,
            first_aired,
            _GREYS_ANATOMY_FIRST_SEASON
            if number == 1
            else tuple(f"Episode {position}" for position in range(1, count + 1)),
            minutes=43,
        )
    ),
)

_SEVERANCE = SeedShow(
    "Severance",
    2022,
    {"imdb": "tt11280740", "tmdb": "95396", "tvdb": "371980"},
    (
        *_season(
            1,
            date(2022, 2, 18),
            (
                "Good News About Hell",
                "Half Loop",
                "In Perpetuity",
                "The You You Are",
                "The Grim Barbarity of Optics and Design",
                "Hide and Seek",
                "Defiant Jazz",
                "What's for Dinner?",
                "The We We Are",
            ),
            minutes=50,
            # The first two came out on one day.
            dates={
                number: date(2022, 2, 18) + timedelta(weeks=number - 2)
                for number in range(2, 10)
            },
        ),
        *_season(
            2,
            date(2025, 1, 17),
            (
                "Hello, Ms. Cobel",
                "Goodbye, Mrs. Selvig",
                "Who Is Alive?",
                "Woe's Hollow",
                "Trojan's Horse",
                "Attila",
                "Chikhai Bardo",
                "Sweet Vitriol",
                "The After Hours",
                "Cold Harbor",
            ),
            minutes=50,
        ),
    ),
)

_SHERLOCK = SeedShow(
    "Sherlock",
    2010,
    {"imdb": "tt1475582", "tmdb": "19885", "tvdb": "176941"},
    (
        SeedEpisode(0, 1, "Unaired Pilot", 55, None),
        SeedEpisode(0, 2, "Many Happy Returns", 7, date(2013, 12, 24)),
        SeedEpisode(
            0,
            3,
            "The Abominable Bride",
            89,
            date(2016, 1, 1),
            {"imdb": "tt3845232"},
        ),
        *_season(
            1,
            date(2010, 7, 25),
            ("A Study in Pink", "The Blind Banker", "The Great Game"),
            minutes=88,
            ids={1: {"imdb": "tt1665071"}},
        ),
        *_season(
            2,
            date(2012, 1, 1),
            (
                "A Scandal in Belgravia",
                "The Hounds of Baskerville",
                "The Reichenbach Fall",
            ),
            minutes=89,
        ),
        *_season(
            3,
            date(2014, 1, 1),
            ("The Empty Hearse", "The Sign of Three", "His Last Vow"),
            minutes=88,
            dates={2: date(2014, 1, 5), 3: date(2014, 1, 12)},
        ),
        *_season(
            4,
            date(2017, 1, 1),
            ("The Six Thatchers", "The Lying Detective", "The Final Problem"),
            minutes=89,
        ),
    ),
)

_STAR_TREK_TNG = SeedShow(
    "Star Trek: The Next Generation",
    1987,
    {"imdb": "tt0092455", "tmdb": "655", "tvdb": "71470"},
    (
        # One file, two episodes.
        SeedEpisode(
            1,
            1,
            "Encounter at Farpoint",
            91,
            date(1987, 9, 28),
            {"imdb": "tt0094030"},
            number_end=2,
        ),
        *_season(
            1,
            date(1987, 10, 5),
            (
                "The Naked Now",
                "Code of Honor",
                "The Last Outpost",
                "Where No One Has Gone Before",
                "Lonely Among Us",
                "Justice",
                "The Battle",
                "Hide and Q",
                "Haven",
            ),
            minutes=45,
            first_number=3,
        ),
        *_season(
            1,
            date(1988, 1, 11),
            ("The Big Goodbye", "Datalore"),
            minutes=45,
            first_number=12,
        ),
    ),
)

_THE_BEAR = SeedShow(
    "The Bear",
    2022,
    {"imdb": "tt14452776", "tmdb": "136315", "tvdb": "403294"},
    tuple(
        SeedEpisode(season, number, title, 32, aired)
        # Whole seasons came out on one day.
        for season, aired, titles in (
            (
                1,
                date(2022, 6, 23),
                (
                    "System",
                    "Hands",
                    "Brigade",
                    "Dogs",
                    "Sheridan",
                    "Ceres",
                    "Review",
                    "Braciole",
                ),
            ),
            (
                2,
                date(2023, 6, 22),
                (
                    "Beef",
                    "Pasta",
                    "Sundae",
                    "Honeydew",
                    "Pop",
                    "Fishes",
                    "Forks",
                    "Bolognese",
                    "Omelette",
                    "The Bear",
                ),
            ),
            (
                3,
                date(2024, 6, 26),
                (
                    "Tomorrow",
                    "Next",
                    "Doors",
                    "Violet",
                    "Children",
                    "Napkins",
                    "Legacy",
                    "Ice Chips",
                    "Apologies",
                    "Forever",
                ),
            ),
        )
        for number, title in enumerate(titles, 1)
    ),
)

_THE_LAST_OF_US = SeedShow(
    "The Last of Us",
    2023,
    {"imdb": "tt3581920", "tmdb": "100088", "tvdb": "392256"},
    (
        *_season(
            1,
            date(2023, 1, 15),
            (
                "When You're Lost in the Darkness",
                "Infected",
                "Long, Long Time",
                "Please Hold to My Hand",
                "Endure and Survive",
                "Kin",
                "Left Behind",
                "When We Are in Need",
                "Look for the Light",
            ),
            minutes=55,
            dates={5: date(2023, 2, 10)},
        ),
        *_season(
            2,
            date(2025, 4, 13),
            (
                "Future Days",
                "Through the Valley",
                "The Path",
                "Day One",
                "Feel Her Love",
                "The Price",
                "Convergence",
            ),
            minutes=55,
        ),
        # Announced, not broadcast.
        SeedEpisode(3, 1, "TBA", 55, UNAIRED),
    ),
)

SHOWS: tuple[SeedShow, ...] = (
    _BREAKING_BAD,
    _CHERNOBYL,
    _DOCTOR_WHO,
    _GREYS_ANATOMY,
    _SEVERANCE,
    _SHERLOCK,
    _STAR_TREK_TNG,
    _THE_BEAR,
    _THE_LAST_OF_US,
)

TRACKS: tuple[SeedTrack, ...] = (
    SeedTrack("Miles Davis", "Kind of Blue", 1959, 1, "So What", 9),
    SeedTrack("Miles Davis", "Kind of Blue", 1959, 2, "Freddie Freeloader", 10),
)

EXTRAS: tuple[SeedExtra, ...] = (
    SeedExtra("Official Trailer", ExtraKind.TRAILER, "Dune: Part Two", 2024, 3),
    SeedExtra("Deleted Scenes", ExtraKind.CLIP, "Blade Runner", 1982, 12),
)


def movie(title: str, year: int | None = None) -> SeedMovie:
    """The film of that title, and year where there are two.

    Raises LookupError when none or several fit.
    """
    found = [
        item
        for item in MOVIES
        if item.title == title and (year is None or item.year == year)
    ]
    if len(found) != 1:
        message = f"{len(found)} films are called {title} ({year})"
        raise LookupError(message)
    return found[0]


def show(title: str) -> SeedShow:
    """The show of that title; raises LookupError when there is none."""
    for item in SHOWS:
        if item.title == title:
            return item
    message = f"no show is called {title}"
    raise LookupError(message)


def libraries() -> Iterator[tuple[str, str]]:
    """Each library as (name, `movie`, `show` or `music`), in the servers' order."""
    yield MOVIES_LIBRARY, "movie"
    yield MOVIES_4K_LIBRARY, "movie"
    yield SHOWS_LIBRARY, "show"
    yield MUSIC_LIBRARY, "music"
