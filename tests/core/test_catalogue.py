"""The in-memory catalogue keeps the contract; and what its rows are."""

import json
from typing import Any

from hypothesis import given
import pytest

from custom_components.watched_sync.core.catalogue import Progress
from custom_components.watched_sync.core.codec import (
    DAMAGE,
    Row,
    decode_leaf,
    decode_progress,
    decode_row,
    encode_progress,
    encode_row,
    place_in,
)
from custom_components.watched_sync.core.errors import CatalogueError
from custom_components.watched_sync.core.identity import MediaKind
from custom_components.watched_sync.core.leaf import Leaf
from custom_components.watched_sync.core.play_state import Reading
from custom_components.watched_sync.core.ports import Catalogue

from .catalogue_contract import SHOW, CatalogueContract, read
from .memory_catalogue import MemoryCatalogue
from .samples import readings, seen
from .twins import episode, movie


class TestMemoryCatalogue(CatalogueContract):
    """The twin that other tests stand on."""

    @pytest.fixture
    def catalogue(self) -> Catalogue:
        return MemoryCatalogue()

    async def test_fails_where_a_test_wants_it_to(self) -> None:
        catalogue = MemoryCatalogue()
        catalogue.fail = True
        with pytest.raises(CatalogueError):
            await catalogue.counts()


@given(readings)
def test_a_row_gives_back_the_reading(reading: Reading) -> None:
    assert decode_row(encode_row(reading)) == reading


def test_episodes_of_one_season_share_their_place() -> None:
    rows = [encode_row(Reading(episode(SHOW, 1, one), seen())) for one in (1, 2)]
    assert rows[0].place == rows[1].place
    assert rows[0].place != encode_row(Reading(episode(SHOW, 2, 1), seen())).place
    [film] = map(encode_row, read(movie()))
    assert film.place == '{"library_id":"films"}'


@pytest.mark.parametrize(
    "changes",
    [
        {"rest": "{"},
        {"rest": "[]"},
        {"rest": '{"state": 1}'},
        {"place": "null"},
        {"kind": "opera"},
        {"title": None},
        {"watched": 2},
        {"year": "1999"},
    ],
)
def test_a_row_that_was_never_written_is_damage(changes: dict[str, Any]) -> None:
    [row] = map(encode_row, read(movie()))
    with pytest.raises(DAMAGE):
        decode_row(row._replace(**changes))


def leaf_in(row: Row) -> Leaf:
    """Return what a row says in a few words."""
    rest = json.loads(row.rest)
    columns = (
        row.item_id,
        row.title,
        row.year,
        row.season,
        row.episode,
        row.duration,
        row.watched,
    )
    return decode_leaf(MediaKind(row.kind), place_in(row.place), columns, rest)


@given(readings)
def test_in_a_few_words_a_row_says_the_same(reading: Reading) -> None:
    row = encode_row(reading)
    assert repr(leaf_in(row)) == repr(Leaf.of(decode_row(row)))
    # What no server says, and an older version let pass.
    odd = row._replace(year=9_999, season=-1, episode=10**9, duration=1e300)
    assert repr(leaf_in(odd)) == repr(Leaf.of(decode_row(odd)))


@pytest.mark.parametrize(
    "changes",
    [
        {"rest": '{"item": {"ids": {"imdb": 5}}}'},
        {"rest": '{"item": {"ids": {"tmdb": 5}}}'},
        {"rest": '{"item": {"ids": {"tvdb": 5}}}'},
        {"rest": '{"item": {"episode_end": "2"}}'},
        {"rest": '{"item": {"ids": []}}'},
        {"rest": '{"item": []}'},
        {"rest": '{"state": []}'},
        {"rest": '{"state": {"last_played": 5}}'},
        {"rest": '{"state": {"position": "5"}}'},
        {"item_id": None},
        {"title": None},
        {"watched": 2},
        {"year": "1999"},
    ],
)
def test_few_words_that_were_never_written_are_damage(changes: dict[str, Any]) -> None:
    [row] = map(encode_row, read(movie()))
    with pytest.raises(DAMAGE):
        leaf_in(row._replace(**changes))


def test_progress_that_says_nothing_is_short() -> None:
    assert encode_progress(Progress()) == {}
    assert decode_progress({}) == Progress()
