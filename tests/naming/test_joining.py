"""Look-ups that come together are one, and few are under way."""

import asyncio
from collections.abc import Collection, Mapping
from functools import partial
from unittest.mock import patch

import pytest

from custom_components.watched_sync.core.play_state import PlayState, Reading
from custom_components.watched_sync.naming.joining import (
    LIBRARIES_KEPT,
    MOST_AT_ONCE,
    LookUps,
    ServerAway,
)
from tests.common import MOVIE


class Desk:
    """Answers when it is told to, and remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[set[str]] = []
        self.under_way = self.most = 0
        self.gate = asyncio.Event()
        self.away = False

    async def fetch(self, item_ids: Collection[str]) -> Mapping[str, Reading]:
        self.asked.append(set(item_ids))
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await self.gate.wait()
        finally:
            self.under_way -= 1
        if self.away:
            raise ServerAway
        reading = Reading(MOVIE, PlayState(watched=False))
        return {one: reading for one in item_ids if one != "no such item"}

    async def ask(self, number: int) -> int:
        await self.fetch({str(number)})
        return number


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def soon() -> None:
    """Let whoever can go on do so; a look-up waits for others for a moment."""
    await asyncio.sleep(0.05)


async def test_what_is_asked_for_together_is_read_in_one_go(desk: Desk) -> None:
    look_ups = LookUps()
    desk.gate.set()
    ids = [f"m{number}" for number in range(51)]
    found = await asyncio.gather(*(look_ups.together(one, desk.fetch) for one in ids))
    assert desk.asked == [set(ids)]
    assert all(found)


async def test_an_id_without_an_item_is_none(desk: Desk) -> None:
    look_ups = LookUps()
    desk.gate.set()
    there, gone = await asyncio.gather(
        look_ups.together("m1", desk.fetch),
        look_ups.together("no such item", desk.fetch),
    )
    assert (there is None, gone) == (False, None)


async def test_what_comes_later_is_read_by_itself(desk: Desk) -> None:
    look_ups = LookUps()
    desk.gate.set()
    await look_ups.together("m1", desk.fetch)
    await look_ups.together("m2", desk.fetch)
    assert desk.asked == [{"m1"}, {"m2"}]


async def test_what_is_asked_for_while_all_turns_are_taken_is_read_in_one_go(
    desk: Desk,
) -> None:
    look_ups = LookUps()
    busy = [
        asyncio.create_task(look_ups.in_turn(partial(desk.ask, n)))
        for n in range(MOST_AT_ONCE)
    ]
    await soon()
    waiting = []
    for item_id in ("m1", "m2", "m3"):
        waiting.append(asyncio.create_task(look_ups.together(item_id, desk.fetch)))
        await soon()
    desk.gate.set()
    await asyncio.gather(*busy, *waiting)
    assert desk.asked[MOST_AT_ONCE:] == [{"m1", "m2", "m3"}]


async def test_few_are_under_way_at_once(desk: Desk) -> None:
    look_ups = LookUps()
    asking = asyncio.gather(
        *(look_ups.in_turn(partial(desk.ask, n)) for n in range(20))
    )
    await soon()
    assert desk.under_way == MOST_AT_ONCE
    desk.gate.set()
    assert await asking == list(range(20))
    assert desk.most == MOST_AT_ONCE


async def test_who_waits_while_the_server_turns_out_to_be_away_does_not_ask(
    desk: Desk,
) -> None:
    look_ups = LookUps()
    asking = asyncio.gather(
        *(look_ups.in_turn(partial(desk.ask, n)) for n in range(20)),
        *(look_ups.together(f"m{n}", desk.fetch) for n in range(20)),
        return_exceptions=True,
    )
    await soon()
    desk.away = True
    desk.gate.set()
    assert all(isinstance(one, ServerAway) for one in await asking)
    assert len(desk.asked) == MOST_AT_ONCE
    desk.away = False
    # Whoever comes after that finds out for himself.
    assert await look_ups.in_turn(lambda: desk.ask(21)) == 21
    assert await look_ups.together("m1", desk.fetch) is not None


async def test_who_leaves_takes_the_answer_from_nobody(desk: Desk) -> None:
    look_ups = LookUps()
    leaving = asyncio.create_task(look_ups.together("m1", desk.fetch))
    staying = asyncio.create_task(look_ups.together("m2", desk.fetch))
    await soon()
    leaving.cancel()
    desk.gate.set()
    assert await staying is not None
    assert desk.asked == [{"m1", "m2"}]


async def test_failure_that_nobody_waits_for_is_not_complained_of(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    look_ups = LookUps()
    leaving = asyncio.create_task(look_ups.together("m1", desk.fetch))
    await soon()
    leaving.cancel()
    desk.away = True
    desk.gate.set()
    await soon()
    assert not caplog.records


async def test_names_of_libraries_are_due_again_after_an_hour() -> None:
    look_ups = LookUps()
    assert look_ups.are_libraries_due
    look_ups.note_libraries({"1": "Films"})
    assert not look_ups.are_libraries_due
    loop = asyncio.get_running_loop()
    later = loop.time() + LIBRARIES_KEPT
    with patch.object(loop, "time", return_value=later):
        assert look_ups.are_libraries_due
    assert look_ups.libraries == {"1": "Films"}
