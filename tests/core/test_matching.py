"""Which items of another lane are the same work."""

from dataclasses import replace
from typing import Any

import pytest

from custom_components.watched_sync.core.identity import Item, ProviderIds
from custom_components.watched_sync.core.matching import Shelf
from custom_components.watched_sync.core.mirror import Skip

from .twins import episode, movie, season, show

SHOW = show()
FILM = movie("x", provider_ids=ProviderIds(imdb="tt1", tmdb="1"))


def ep(number: int, end: int | None = None, **changes: Any) -> Item:
    return replace(episode(SHOW, 1, number), episode_end=end, **changes)


@pytest.mark.parametrize(
    ("item", "there", "found"),
    [
        pytest.param(FILM, [replace(FILM, item_id="y")], ["y"], id="by its ids"),
        pytest.param(
            FILM,
            [movie("y", title=FILM.title, provider_ids=ProviderIds(imdb="tt2"))],
            Skip.NOT_FOUND,
            id="P5: never by title",
        ),
        pytest.param(
            FILM,
            [movie("y", provider_ids=ProviderIds(imdb="tt1", tmdb="2"))],
            Skip.NOT_FOUND,
            id="P5: not if one id differs",
        ),
        pytest.param(
            FILM,
            [replace(FILM, item_id="y", year=2020)],
            Skip.NOT_FOUND,
            id="P5: not if the years are far apart",
        ),
        pytest.param(
            FILM,
            [replace(FILM, item_id="y", year=2000), replace(FILM, item_id="z")],
            ["y", "z"],
            id="P13: every copy",
        ),
        pytest.param(
            movie("x", provider_ids=ProviderIds(tmdb="1")),
            [
                movie("y", provider_ids=ProviderIds(tmdb="1", imdb="tt1")),
                movie("z", provider_ids=ProviderIds(tmdb="1", imdb="tt2")),
            ],
            Skip.AMBIGUOUS,
            id="P5: not if two works claim it",
        ),
        pytest.param(
            ep(1, show_provider_ids=ProviderIds(tvdb="1", tmdb="1")),
            [ep(1, item_id="y", show_provider_ids=ProviderIds(tvdb="1", tmdb="1"))],
            ["y"],
            id="by its show, which has several ids",
        ),
        pytest.param(
            movie("x", provider_ids=ProviderIds()),
            [FILM],
            Skip.NO_IDS,
            id="a film without ids",
        ),
        pytest.param(SHOW, [SHOW], Skip.NO_IDS, id="a show is nothing to copy"),
        pytest.param(
            ep(2), [ep(1), ep(2), ep(3)], ["s.1.2"], id="by show, season and number"
        ),
        pytest.param(
            ep(2, show_provider_ids=ProviderIds(tvdb="other")),
            [ep(2)],
            Skip.NOT_FOUND,
            id="not by another show",
        ),
        pytest.param(
            ep(2, show_provider_ids=ProviderIds()),
            [ep(2)],
            Skip.NO_IDS,
            id="not by a number alone",
        ),
        pytest.param(
            replace(ep(2), season=2), [ep(2)], Skip.NOT_FOUND, id="not in that season"
        ),
        pytest.param(
            ep(2, provider_ids=ProviderIds(tvdb="e2")),
            [
                ep(2, provider_ids=ProviderIds(tvdb="e1")),
                ep(3, provider_ids=ProviderIds(tvdb="e2")),
            ],
            ["s.1.3"],
            id="P5: its own ids before a number that is off by one",
        ),
        pytest.param(
            ep(2, provider_ids=ProviderIds(tvdb="e2")),
            [ep(2, provider_ids=ProviderIds(tvdb="e9"))],
            Skip.NOT_FOUND,
            id="P5: another episode has that number",
        ),
        pytest.param(
            ep(2, provider_ids=ProviderIds(tvdb="e2")),
            [
                ep(2, provider_ids=ProviderIds(tvdb="e2")),
                ep(7, provider_ids=ProviderIds(tvdb="e2")),
            ],
            Skip.AMBIGUOUS,
            id="P5: two numbers claim it",
        ),
        pytest.param(
            ep(2, provider_ids=ProviderIds(imdb="tt2")),
            [
                ep(2, provider_ids=ProviderIds(tvdb="e1"), item_id="y"),
                ep(2, provider_ids=ProviderIds(tvdb="e2"), item_id="z"),
            ],
            Skip.AMBIGUOUS,
            id="P5: two works have that number",
        ),
        pytest.param(
            ep(2, provider_ids=ProviderIds(tvdb="e2"), show_provider_ids=ProviderIds()),
            [ep(2, provider_ids=ProviderIds(tvdb="e2"))],
            ["s.1.2"],
            id="by its own ids alone",
        ),
        pytest.param(
            replace(ep(2, provider_ids=ProviderIds(tvdb="e2")), season=None),
            [ep(2, provider_ids=ProviderIds(imdb="e2"))],
            Skip.NOT_FOUND,
            id="without a season there is no number",
        ),
        pytest.param(
            ep(2),
            [ep(2), ep(2, item_id="y", show_id="copy")],
            ["s.1.2", "y"],
            id="P13: every copy of an episode",
        ),
        pytest.param(
            replace(ep(1), show_provider_ids=SHOW.provider_ids),
            [
                replace(ep(1), show_provider_ids=replace(SHOW.provider_ids, tmdb="1")),
                replace(
                    ep(1, item_id="y"),
                    show_provider_ids=replace(SHOW.provider_ids, tmdb="2"),
                ),
            ],
            Skip.AMBIGUOUS,
            id="P5: two shows claim it",
        ),
        pytest.param(
            ep(1, 2),
            [ep(1), ep(2), ep(3)],
            ["s.1.1", "s.1.2"],
            id="P15: a file of two is both of them",
        ),
        pytest.param(ep(2), [ep(1, 2)], ["s.1.1"], id="P15: one is the file of two"),
        pytest.param(
            ep(1, 2, provider_ids=ProviderIds(tvdb="e1")),
            [
                ep(1, provider_ids=ProviderIds(tvdb="e1")),
                ep(2, provider_ids=ProviderIds(tvdb="e2")),
            ],
            ["s.1.1", "s.1.2"],
            id="P15: its ids are those of the first",
        ),
        pytest.param(
            ep(1, 99),
            [ep(number) for number in range(1, 9)],
            [f"s.1.{number}" for number in range(1, 6)],
            id="P15: at most five",
        ),
        pytest.param(
            ep(1), [season(SHOW, 1), SHOW], Skip.NOT_FOUND, id="never a container"
        ),
    ],
)
def test_which_items_are_meant(
    item: Item, there: list[Item], found: list[str] | Skip
) -> None:
    copies = Shelf(there).copies(item)
    assert (
        copies if isinstance(copies, Skip) else sorted(one.item_id for one in copies)
    ) == found
