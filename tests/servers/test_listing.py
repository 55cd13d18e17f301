"""Reading a listing page by page, whatever the server says of its length."""

from collections.abc import Callable

import pytest

from custom_components.watched_sync.core.errors import Malformed
from custom_components.watched_sync.core.identity import Item, MediaKind
from custom_components.watched_sync.core.play_state import UNKNOWN, Reading
from custom_components.watched_sync.servers.listing import Page, all_pages

SIZE = 3


def readings(*numbers: int) -> list[Reading]:
    return [Reading(Item(str(one), MediaKind.MOVIE, ""), UNKNOWN) for one in numbers]


async def read_all(
    page_at: Callable[[int], Page], *, exact: bool = True
) -> tuple[list[str], list[int]]:
    """Return the ids that a listing has, and the places it was asked for."""
    asked: list[int] = []

    async def read(start: int) -> Page:
        asked.append(start)
        return page_at(start)

    found = [
        one.item.item_id
        async for page in all_pages(read, SIZE, exact=exact)
        for one in page
    ]
    return found, asked


@pytest.mark.parametrize("total", [None, 0])
@pytest.mark.parametrize(
    ("rows", "asked"), [(0, [0]), (2, [0]), (3, [0, 3]), (4, [0, 3]), (6, [0, 3, 6])]
)
async def test_without_a_total_the_page_that_is_not_full_is_the_last(
    total: int | None, rows: int, asked: list[int]
) -> None:
    def page_at(start: int) -> Page:
        part = readings(*range(start, min(start + SIZE, rows)))
        return Page(part, len(part), total)

    assert await read_all(page_at) == ([str(one) for one in range(rows)], asked)


async def test_total_less_than_what_came_says_nothing() -> None:
    pages = {0: Page(readings(1, 2, 3), 3, 1), 3: Page(readings(4), 1, 1)}
    assert await read_all(pages.__getitem__) == (["1", "2", "3", "4"], [0, 3])


async def test_page_that_brings_nothing_new_is_the_last() -> None:
    """As from a server that sends the same page whatever is asked for."""
    same = readings(1, 2, 3)
    found, asked = await read_all(lambda _: Page(same, 3, None))
    assert (found, asked) == (["1", "2", "3"] * 2, [0, 3])


async def test_rows_that_are_not_ours_count_as_rows() -> None:
    pages = {0: Page(readings(1), 3, 4), 3: Page(readings(2), 1, 4)}
    assert await read_all(pages.__getitem__) == (["1", "2"], [0, 3])


async def test_total_that_was_reached_needs_no_further_page() -> None:
    assert await read_all(lambda _: Page(readings(1, 2, 3), 3, 3)) == (
        ["1", "2", "3"],
        [0],
    )


async def test_listing_that_ends_before_its_total() -> None:
    pages = {0: Page(readings(1), 1, 2), 1: Page([], 0, 2)}
    with pytest.raises(Malformed):
        await read_all(pages.__getitem__)
    assert await read_all(pages.__getitem__, exact=False) == (["1"], [0, 1])
