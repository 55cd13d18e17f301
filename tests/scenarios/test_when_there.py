"""What is asked for before a server has it, and what goes and comes back, over TCP."""

from homeassistant.core import HomeAssistant

from tests.common import drained
from tests.test_trigger import automate, told

from .house import Side, act, runtime_of, state_of, until_true, waiting
from .machine import TimeMachine
from .test_catalogue import HEARD, LOOKED, inventoried, restart
from .test_live import HOUR
from .test_mirror import passing

#: Hours after which a library was read once more, whatever its server tells.
DAY = 30 * HOUR

ARRIVAL = "imdb://tt2543164"


async def test_a_film_is_marked_once_it_comes(
    hass: HomeAssistant, side: Side, machine: TimeMachine
) -> None:
    machine.take_along(side.server.clock)
    film = side.item_id("Arrival")
    side.remove(film)
    entry = await side.connect(hass)
    calls = await automate(hass, HEARD, title="trigger.title")
    machine.running = True
    await inventoried(machine, entry)
    answer = await act(hass, "mark_watched", external_id=ARRIVAL, when_there=True)
    (row,) = answer["operations"]
    assert (row["status"], row["reason"]) == ("queued", "missing")
    await until_true(
        lambda: any(one.missing_since for one in waiting(entry)), HOUR, 0.5
    )
    await restart(hass, entry)
    await until_true(lambda: state_of(hass, entry, "sync_status") == "pending", 60, 0.5)
    assert [one.operation_id for one in waiting(entry)] == [row["operation_id"]]
    new = side.put_back(film)
    await drained(hass, entry, seconds=DAY)
    assert side.marks() == [("watched", new)]
    (done,) = (await act(hass, "get_history"))["operations"]
    assert (done["result"], done["item_id"]) == ("delivered", new)
    await passing(machine, LOOKED)
    # It was asked for, and nobody has done it elsewhere.
    assert told(calls) == [{"title": "Arrival"}]


async def test_what_comes_back_under_other_ids_is_delivered_and_nothing_twice(
    hass: HomeAssistant, side: Side, machine: TimeMachine
) -> None:
    machine.take_along(side.server.clock)
    done, asked = side.item_id("Arrival"), side.item_id("Alien")
    entry = await side.connect(hass)
    calls = await automate(hass, HEARD, title="trigger.title")
    machine.running = True
    await inventoried(machine, entry)
    await act(hass, "mark_watched", item_id=done)
    await drained(hass, entry)
    marks = len(side.marks())
    for film in (done, asked):
        side.remove(film)
    await act(hass, "mark_watched", item_id=asked)
    await until_true(
        lambda: any(one.missing_since for one in waiting(entry)), HOUR, 0.5
    )
    side.put_back(done)
    new = side.put_back(asked)
    await drained(hass, entry, seconds=DAY)
    await passing(machine, LOOKED)
    assert [item_id for _, item_id in side.marks()[marks:]] == [new]
    assert sorted(one["title"] for one in told(calls)) == ["Alien", "Arrival"]
    assert not runtime_of(entry).lane.outbox.rejected
