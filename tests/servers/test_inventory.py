"""Libraries page by page: listings that go wrong, and pages that are too long."""

from collections.abc import Awaitable, Callable, Sequence

import pytest

from custom_components.watched_sync.core.errors import (
    AuthRejected,
    Forbidden,
    ItemGone,
    Malformed,
    ServerError,
    Unanswered,
)
from custom_components.watched_sync.core.identity import Item, MediaKind
from custom_components.watched_sync.core.play_state import UNKNOWN, Reading
from custom_components.watched_sync.core.ports import Library, Page
from custom_components.watched_sync.servers.inventory import LEAST, InventoryPages
from custom_components.watched_sync.servers.learning import nothing_learnt
from custom_components.watched_sync.servers.libraries import AllowedLibraries
from custom_components.watched_sync.servers.listing import MOST_ROWS, ListingPage
from custom_components.watched_sync.servers.transport import Oversized

SIZE = 1000
FILMS = Library("films", "Films", MediaKind.MOVIE)
MOVIE = MediaKind.MOVIE

type Read = Callable[[int, int], ListingPage]


def rows(
    ids: Sequence[object], total: int | None = None, kind: MediaKind = MOVIE
) -> ListingPage:
    """Return a page of films; rows without a title are as good as any."""
    names = [str(one) for one in ids]
    return ListingPage(
        [Reading(Item(one, kind, ""), UNKNOWN) for one in names],
        len(names),
        total,
        row_ids=frozenset(names),
    )


class Rig:
    """An inventory, of a server that answers as it is told."""

    def __init__(self, read: Read, *, size: int = SIZE) -> None:
        self.read = read
        self.asked: list[tuple[int, int]] = []
        self.libraries = [FILMS]
        self.learnt = nothing_learnt()
        self.inventory = InventoryPages(
            AllowedLibraries(self._libraries, ()), size, self.learnt
        )

    async def _libraries(self) -> Sequence[Library]:
        return self.libraries

    def _at(self, start: int) -> Callable[[int], Awaitable[ListingPage]]:
        async def read(size: int) -> ListingPage:
            self.asked.append((start, size))
            return self.read(start, size)

        return read

    async def page(
        self, start: int = 0, library: Library = FILMS, kind: MediaKind = MOVIE
    ) -> Page:
        return await self.inventory.page(library, kind, start, self._at(start))

    async def all(self, start: int | None = 0) -> list[str]:
        found: list[str] = []
        while start is not None:
            page = await self.page(start)
            found += [one.item.item_id for one in page.readings]
            start = page.next_start
        return found


def library_of(count: int, total: int | None = None) -> Read:
    """Return how a library of so many films is listed."""
    return lambda start, size: rows(range(start, min(start + size, count)), total)


# Listings without an end


@pytest.mark.parametrize("total", [None, 0, 1])
async def test_full_page_goes_on_where_no_total_says_how_long_it_is(
    total: int | None,
) -> None:
    rig = Rig(library_of(2 * SIZE, total))
    assert len(await rig.all()) == 2 * SIZE
    assert [start for start, _ in rig.asked] == [0, SIZE, 2 * SIZE]


async def test_total_that_was_reached_needs_no_further_page() -> None:
    rig = Rig(library_of(2 * SIZE - 1, 2 * SIZE - 1))
    assert len(await rig.all()) == 2 * SIZE - 1
    assert [start for start, _ in rig.asked] == [0, SIZE]


async def test_whole_listing_sent_again_and_again_is_listed_once() -> None:
    """As by a server that does not page."""
    rig = Rig(lambda _start, _size: rows(range(3 * SIZE)))
    assert len(await rig.all()) == 3 * SIZE
    assert len(rig.asked) == 2


async def test_same_page_for_ever_is_malformed() -> None:
    rig = Rig(lambda _start, _size: rows(range(SIZE), 10**12))
    with pytest.raises(Malformed):
        await rig.all()
    assert len(rig.asked) == 2


@pytest.mark.parametrize("total", [None, 10**12])
async def test_pages_in_a_circle_are_noticed(total: int | None) -> None:
    """However many there are of them, and nothing of it is listed twice."""

    def circle(start: int, size: int) -> ListingPage:
        first = start % (3 * size)
        return rows(range(first, first + size), total)

    rig = Rig(circle)
    if total is None:
        assert len(await rig.all()) == 3 * SIZE
    else:
        with pytest.raises(Malformed):
            await rig.all()
    assert len(rig.asked) == 4


async def test_listing_without_an_end_is_malformed() -> None:

    def endless(start: int, size: int) -> ListingPage:
        return ListingPage([], size, 10**12, row_ids=frozenset({str(start)}))

    rig = Rig(endless, size=50_000)
    with pytest.raises(Malformed):
        await rig.all()
    assert [start for start, _ in rig.asked][-1] == MOST_ROWS
    # Whoever goes on where he stood is told the same.
    with pytest.raises(Malformed):
        await rig.all(MOST_ROWS)


async def test_listing_that_comes_row_by_row_is_malformed_some_time() -> None:
    """Each row costs a request."""
    rig = Rig(lambda start, _size: rows([start], 10**12))
    with pytest.raises(Malformed):
        await rig.all()
    assert len(rig.asked) == 2000


async def test_listing_that_ends_before_its_total_is_malformed() -> None:
    rig = Rig(library_of(SIZE, SIZE + 1))
    with pytest.raises(Malformed):
        await rig.all()


async def test_listing_that_failed_may_be_read_again() -> None:
    """What was seen of it then is not held against it."""
    rig = Rig(lambda _start, _size: rows(range(SIZE), 10**12))
    with pytest.raises(Malformed):
        await rig.all()
    rig.read = library_of(3 * SIZE, 3 * SIZE)
    assert len(await rig.all()) == 3 * SIZE
    assert len(await rig.all(SIZE)) == 2 * SIZE


async def test_page_that_failed_is_asked_for_again_and_the_reading_goes_on() -> None:
    rig = Rig(library_of(3 * SIZE, 3 * SIZE))
    page = await rig.page()
    assert page.next_start == SIZE
    good, rig.read = rig.read, failing(Unanswered("nobody waited"))
    with pytest.raises(Unanswered):
        await rig.page(SIZE)
    rig.read = good
    assert len(await rig.all(SIZE)) == 2 * SIZE


async def test_two_listings_at_once_do_not_disturb_each_other() -> None:
    """Items of two libraries, or of two kinds, may bear the same ids."""
    other = Library("other", "Other", None)
    rig = Rig(library_of(2 * SIZE, 2 * SIZE))
    for start in (0, SIZE):
        for library in (FILMS, other):
            page = await rig.page(start, library)
            assert len(page.readings) == SIZE


async def test_of_a_listing_that_was_given_up_nothing_is_kept() -> None:
    rig = Rig(library_of(10 * SIZE, 10 * SIZE))
    await rig.page()
    await rig.page(SIZE)
    assert len(rig.inventory._under_way) == 1
    await rig.all(8 * SIZE)
    assert not rig.inventory._under_way


# Rows


async def test_rows_of_another_kind_or_another_library_are_not_taken_over() -> None:
    """What a library lists is in it, whatever its rows say; kinds are asked for."""
    mixed = rows(["f1"])
    mixed.readings.extend(rows(["s1"], kind=MediaKind.SHOW).readings)
    mixed.readings.append(
        Reading(Item("f2", MOVIE, "", library_id="elsewhere"), UNKNOWN)
    )
    rig = Rig(lambda _start, _size: mixed)
    found = (await rig.page()).readings
    assert [(one.item.item_id, one.item.library_id) for one in found] == [
        ("f1", "films"),
        ("f2", "films"),
    ]


async def test_row_that_was_left_out_counts_as_one() -> None:
    """The next page would begin too early otherwise, and a full one would be short."""
    odd = ListingPage(
        rows(range(1, SIZE)).readings, SIZE, None, row_ids=frozenset({"odd"})
    )
    rig = Rig(lambda start, _size: rows([SIZE]) if start else odd)
    page = await rig.page()
    assert (len(page.readings), page.next_start) == (SIZE - 1, SIZE)


# Too much for one answer


async def test_fewer_rows_are_asked_for_once_they_were_too_much() -> None:
    def heavy(start: int, size: int) -> ListingPage:
        if size > SIZE // 2:
            raise Oversized("long rows")
        return library_of(SIZE - 1, SIZE - 1)(start, size)

    rig = Rig(heavy)
    assert len(await rig.all()) == SIZE - 1
    half = SIZE // 2
    assert rig.asked == [(0, SIZE), (0, half), (half, half)]


async def test_what_is_too_much_whatever_is_asked_for_is_asked_for_a_few_times() -> (
    None
):
    rig = Rig(failing(Oversized("a flood")))
    for _ in range(3):
        with pytest.raises(Oversized):
            await rig.all()
    sizes = [size for _, size in rig.asked]
    assert sizes == [SIZE, SIZE // 2, LEAST, LEAST, LEAST]


# Libraries


@pytest.mark.parametrize(
    ("held", "kinds"),
    [
        (MediaKind.MOVIE, {MediaKind.MOVIE}),
        (MediaKind.SHOW, {*MediaKind} - {MediaKind.MOVIE, MediaKind.UNKNOWN}),
        (None, {*MediaKind} - {MediaKind.UNKNOWN}),
    ],
)
def test_seasons_and_episodes_are_with_shows_and_what_is_unknown_is_nowhere(
    held: MediaKind | None, kinds: set[MediaKind]
) -> None:
    library = Library("1", "One", held)
    assert {kind for kind in MediaKind if library.may_hold(kind)} == kinds


@pytest.mark.parametrize(
    ("error", "meaning"),
    [(ItemGone, Malformed), (Forbidden, Forbidden), (AuthRejected, Forbidden)],
)
async def test_library_is_gone_once_it_is_not_listed_any_more(
    error: type[ServerError], meaning: type[ServerError]
) -> None:
    rig = Rig(failing(error("refused")))
    with pytest.raises(meaning):
        await rig.all()
    rig.libraries = []
    with pytest.raises(ItemGone):
        await rig.all()


def failing(error: Exception) -> Read:
    """Return what answers with an error alone."""

    def read(_start: int, _size: int) -> ListingPage:
        raise error

    return read
