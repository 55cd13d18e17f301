"""The catalogue says what the server says once all is quiet, in dozens of worlds.

A failing seed is seen again with `scripts/simulate --catalogued --seed N`.
"""

from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from custom_components.watched_sync.core import keeping
from custom_components.watched_sync.core.activity import Activity, Chronicle
from custom_components.watched_sync.core.inventory import Inventory
from custom_components.watched_sync.core.keeping import Keeper
from custom_components.watched_sync.core.lane import Lane, LaneUpdate
from custom_components.watched_sync.core.pace import Pace
from custom_components.watched_sync.core.play_state import Reading
from tests.core.twins import UNWATCHED

from .catalogued import FLOORS, simulate
from .records import Broken
from .tally import Tally

SEEDS = 25

#: Worlds in which each of the seeded bugs has to show.
BUG_SEEDS = 60


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Worlds full of faults have much to say."""
    caplog.set_level("CRITICAL")


def test_the_catalogue_says_what_the_server_says() -> None:
    tally = Tally()
    for seed in range(SEEDS):
        tally += simulate(seed)
    print(*tally.lines(), sep="\n")  # noqa: T201 - shown with -s, and where it fails
    # A few worlds vary: half of what many have to check, of everything.
    halves = {name: (count / 2, share / 2) for name, (count, share) in FLOORS.items()}
    assert list(tally.too_little(halves, SEEDS)) == []


def _is_noticed(words: str) -> bool:
    """Whether one of some worlds says so, as it has to where there is a bug."""
    for seed in range(BUG_SEEDS):
        try:
            simulate(seed)
        except Broken as err:
            if words in str(err):
                return True
    return False


def test_what_differs_and_is_not_looked_at_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(keeping, "_is_worth_a_look", lambda *_: False)
    assert _is_noticed("is known")


def test_what_is_read_and_not_kept_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Keeper, "hear", lambda *_: None)
    assert _is_noticed("is known")


def test_what_is_gone_and_still_known_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def sweep(*_: Any) -> None:
        """Forget nothing."""

    monkeypatch.setattr(Inventory, "_sweep", sweep)
    assert _is_noticed("is not there")


def test_change_of_what_is_only_listed_that_is_not_told_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def know(*_: Any) -> None:
        """Look nothing up."""

    monkeypatch.setattr(Lane, "know", know)
    assert _is_noticed("was heard")


def test_first_inventory_that_is_told_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As where what is not known yet passed for unwatched."""
    take = Keeper.take

    async def told(
        keeper: Keeper, readings: Iterable[Reading], *args: Any, **options: Any
    ) -> Any:
        rows = list(readings)
        if options.pop("is_first", False):
            await take(
                keeper,
                [replace(one, state=UNWATCHED) for one in rows],
                *args,
                is_first=True,
                **options,
            )
        return await take(keeper, rows, *args, is_first=False, **options)

    monkeypatch.setattr(Keeper, "take", told)
    assert _is_noticed("nobody did that")


def test_change_that_is_told_twice_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    tell = Chronicle.tell

    def again(chronicle: Chronicle, update: LaneUpdate) -> list[Activity]:
        return 2 * tell(chronicle, update)

    monkeypatch.setattr(Chronicle, "tell", again)
    assert _is_noticed("was told twice")


def test_two_listings_at_once_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    @asynccontextmanager
    async def turn(_: Pace, **_options: Any) -> AsyncGenerator[None]:
        yield

    monkeypatch.setattr(Pace, "turn", turn)
    assert _is_noticed("listed at once")


@pytest.mark.long
def test_listing_without_end_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Inventory, "_daily_in", lambda *_: 0.0)
    assert _is_noticed("goes on listing")


def test_inventory_that_does_not_go_on_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def find_nothing(*_: Any) -> tuple[()]:
        return ()

    monkeypatch.setattr(Inventory, "_libraries", find_nothing)
    assert _is_noticed("come to rest")
