"""Reading a listing page by page, whatever the server says of its length."""

from collections.abc import Callable

import pytest

from custom_components.watched_sync.core.errors import Malformed
from custom_components.watched_sync.core.identity import Item, MediaKind
from custom_components.watched_sync.core.play_state import UNKNOWN, Reading
from custom_components.watched_sync.servers.listing import ListingPage, all_pages

SIZE = 3


def readings(*numbers: int) -> list[Reading]:
    return [Reading(Item(str(one), MediaKind.MOVIE, ""), UNKNOWN) for one in numbers]


def page(found: list[Reading], row_count: int, total: int | None) -> ListingPage:
    ids = frozenset(one.item.item_id for one in found)
    return ListingPage(found, row_count, total, row_ids=ids)


async def read_all(
    page_at: Callable[[int], ListingPage], *, exact: bool = True
) -> tuple[list[str], list[int]]:
    """Return the ids that a listing has, and the places it was asked for."""
    asked: list[int] = []

    async def read(start: int) -> ListingPage:
        asked.append(start)
        return page_at(start)

    found = [
        one.item.item_id
        async for part in all_pages(read, SIZE, exact=exact)
        for one in part.readings
    ]
    return found, asked


@pytest.mark.parametrize("total", [None, 0])
@pytest.mark.parametrize(
    ("rows", "asked"), [(0, [0]), (2, [0]), (3, [0, 3]), (4, [0, 3]), (6, [0, 3, 6])]
)
async def test_without_a_total_the_page_that_is_not_full_is_the_last(
    total: int | None, rows: int, asked: list[int]
) -> None:
    def page_at(start: int) -> ListingPage:
        part = readings(*range(start, min(start + SIZE, rows)))
        return page(part, len(part), total)

    assert await read_all(page_at) == ([str(one) for one in range(rows)], asked)


async def test_total_less_than_what_came_says_nothing() -> None:
    pages = {0: page(readings(1, 2, 3), 3, 1), 3: page(readings(4), 1, 1)}
    assert await read_all(pages.__getitem__) == (["1", "2", "3", "4"], [0, 3])


async def test_page_that_brings_nothing_new_is_the_last() -> None:
    """As from a server that sends the same page whatever is asked for."""
    same = readings(1, 2, 3)
    found, asked = await read_all(lambda _: page(same, 3, None))
    assert (found, asked) == (["1", "2", "3"] * 2, [0, 3])


async def test_rows_that_are_not_ours_count_as_rows() -> None:
    pages = {0: page(readings(1), 3, 4), 3: page(readings(2), 1, 4)}
    assert await read_all(pages.__getitem__) == (["1", "2"], [0, 3])


async def test_total_that_was_reached_needs_no_further_page() -> None:
    pages = {0: page(readings(1, 2), 2, 2)}
    assert await read_all(pages.__getitem__) == (["1", "2"], [0])


@pytest.mark.parametrize("rest", [[], [4]])
async def test_total_that_a_full_page_has_reached_may_be_too_low(
    rest: list[int],
) -> None:
    pages = {0: page(readings(1, 2, 3), 3, 3), 3: page(readings(*rest), len(rest), 3)}
    found, asked = await read_all(pages.__getitem__)
    assert found == [str(one) for one in (1, 2, 3, *rest)]
    assert asked == [0, 3]


async def test_listing_that_ends_before_its_total() -> None:
    pages = {0: page(readings(1), 1, 2), 1: page([], 0, 2)}
    with pytest.raises(Malformed):
        await read_all(pages.__getitem__)
    assert await read_all(pages.__getitem__, exact=False) == (["1"], [0, 1])


async def test_listing_that_goes_on_without_anything_new_is_malformed() -> None:
    """Always a full page, always the same one, and a total never reached."""
    asked: list[int] = []

    def page_at(start: int) -> ListingPage:
        asked.append(start)
        return page(readings(1, 2, 3), 3, 10**12)

    with pytest.raises(Malformed):
        await read_all(page_at)
    assert asked == [0, 3]


async def test_listing_of_rows_without_ids_goes_nowhere() -> None:
    with pytest.raises(Malformed):
        await read_all(lambda _: page([], 3, 10**12))


@pytest.mark.parametrize("total", [10**12, None])
async def test_listing_without_an_end_is_malformed(total: int | None) -> None:
    asked: list[int] = []

    async def read(start: int) -> ListingPage:
        asked.append(start)
        ids = frozenset(str(one) for one in range(start, start + 50_000))
        return ListingPage([], 50_000, total, row_ids=ids)

    with pytest.raises(Malformed):
        async for _ in all_pages(read, 50_000):
            pass
    assert len(asked) == 5


async def test_more_than_may_be_kept_at_once_is_malformed_before_it_is_kept() -> None:
    async def read(start: int) -> ListingPage:
        return page(readings(*range(start, start + SIZE)), SIZE, None)

    parts = all_pages(read, SIZE, most=7)
    assert len((await anext(parts)).readings) == SIZE
    assert len((await anext(parts)).readings) == SIZE
    with pytest.raises(Malformed):
        await anext(parts)


async def test_listing_that_comes_row_by_row_is_malformed_some_time() -> None:
    """Each part costs a request, however little it brings."""
    with pytest.raises(Malformed):
        await read_all(lambda start: page(readings(start), 1, 10**12))
    found, asked = await read_all(lambda start: page(readings(start), 1, 1_500))
    assert len(found) == len(asked) == 1_500
