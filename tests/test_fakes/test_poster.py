"""The cards that stand for posters."""

import struct
import zlib

import pytest

from tests.fakes.poster import STORED_WIDTH, poster, size_of


def test_poster_is_the_same_every_time() -> None:
    first = poster("Arrival", "2016")
    poster.cache_clear()
    assert poster("Arrival", "2016") == first
    assert size_of(first) == (STORED_WIDTH, STORED_WIDTH * 3 // 2)


@pytest.mark.parametrize("width", [-1, 0, 1, 24, 100, 240, 9999])
@pytest.mark.parametrize(
    ("title", "below"),
    [
        ("Star Trek: The Next Generation", "S1 E1"),
        ("Amélie", ""),
        ("千と千尋の神隠し", "2001"),
        ("", ""),
        ("...", "…"),
        ("X" * 500, "Y" * 500),
    ],
)
def test_poster_is_a_whole_picture(title: str, below: str, width: int) -> None:
    drawn = poster(title, below, width)
    across, down = size_of(drawn)
    assert 24 <= across <= 600
    assert down == across * 3 // 2
    start = drawn.index(b"IDAT")
    (length,) = struct.unpack(">I", drawn[start - 4 : start])
    pixels = zlib.decompress(drawn[start + 4 : start + 4 + length])
    assert len(pixels) == down * (1 + 3 * across)


def test_posters_differ_by_title_and_by_what_is_below() -> None:
    drawn = {
        poster(title, below)
        for title in ("Suspiria", "Stalker", "Dune")
        for below in ("", "1977", "S1 E2")
    }
    assert len(drawn) == 9
