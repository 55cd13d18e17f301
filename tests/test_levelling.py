"""Bringing lanes level as a person asks for it: the action, its answers, its limits."""

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import (
    HomeAssistantError,
    ServiceValidationError,
    Unauthorized,
)
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    MockUser,
    async_capture_events,
)

from custom_components.watched_sync import mirroring
from custom_components.watched_sync.const import DOMAIN
from custom_components.watched_sync.core.errors import (
    CatalogueError,
    Fault,
    JournalError,
)
from custom_components.watched_sync.core.identity import Item, MediaKind, ProviderIds
from custom_components.watched_sync.core.operation import (
    Origin,
)
from custom_components.watched_sync.levelling import carrying_out, runner
from custom_components.watched_sync.levelling.carrying_out import levellings
from custom_components.watched_sync.levelling.planning import LaneSide, NotRead
from custom_components.watched_sync.store import LevellingsStore, LevellingStore

from .common import (
    MOVIE,
    OTHER_MOVIE,
    SHOW,
    MemoryServer,
    episode,
    mark,
    setup_lane,
    take_inventory,
)
from .scene import lose_contact, shown

PLAYED = datetime(2024, 3, 3, 20, 15, tzinfo=UTC)


def film(number: int) -> Item:
    """Return one of many films."""
    return Item(
        item_id=f"f{number}",
        kind=MediaKind.MOVIE,
        title=f"Film {number:03}",
        year=2000,
        provider_ids=ProviderIds(imdb=f"tt{1_000_000 + number}"),
        duration=6000.0,
        library_id="films",
    )


SOME = (MOVIE, OTHER_MOVIE, SHOW, episode(1, 1), episode(1, 2))
MANY = tuple(film(number) for number in range(1, 11))


def there(items: Iterable[Item], mark: str = "b") -> list[Item]:
    """Return the same works as another server has them, under ids of its own."""
    return [
        replace(
            item,
            item_id=f"{mark}{item.item_id}",
            show_id=item.show_id and f"{mark}{item.show_id}",
            season_id=item.season_id and f"{mark}{item.season_id}",
        )
        for item in items
    ]


def servers(items: Iterable[Item] = SOME) -> tuple[MemoryServer, MemoryServer]:
    """Return two servers with the same works."""
    items = list(items)
    return (
        MemoryServer(items),
        MemoryServer(
            there(items), server_id="server-2", server_name="Cellar", user_id="user-2"
        ),
    )


async def lanes_of(
    hass: HomeAssistant, *of: MemoryServer, persons: Iterable[str] = ()
) -> list[MockConfigEntry]:
    """Set lanes up, and have their catalogues know all there is."""
    whose = iter(persons)
    entries = []
    for server in of:
        entry = await setup_lane(
            hass, server, options={"person": next(whose, "shared")}
        )
        await take_inventory(entry, server)
        entries.append(entry)
    return entries


def watch(server: MemoryServer, *item_ids: str, at: datetime = PLAYED) -> None:
    """Have somebody have watched items long ago."""
    for item_id in item_ids:
        server.set(item_id, watched=True, play_count=1, last_played=at)


async def two_lanes(
    hass: HomeAssistant,
    items: Iterable[Item] = SOME,
    *,
    seen_here: Iterable[str] = (),
    seen_there: Iterable[str] = (),
) -> tuple[MemoryServer, MemoryServer, list[MockConfigEntry]]:
    """Set up two lanes of the same works, of which some were watched here or there.

    Returns their servers and entries.
    """
    one, other = servers(items)
    watch(one, *seen_here)
    watch(other, *seen_there)
    return one, other, await lanes_of(hass, one, other)


async def act(hass: HomeAssistant, action: str, /, **data: Any) -> dict[str, Any]:
    """Call an action of ours and return its response."""
    response = await hass.services.async_call(
        DOMAIN, action, data, blocking=True, return_response=True
    )
    assert isinstance(response, dict)
    return response


async def refused(hass: HomeAssistant, /, **data: Any) -> str | None:
    """Call the action, which must refuse; return the key of the reason."""
    with pytest.raises(HomeAssistantError) as error:
        await act(hass, "level", **data)
    return error.value.translation_key


def ids(entries: Iterable[MockConfigEntry]) -> list[str]:
    return [entry.entry_id for entry in entries]


async def begin(
    hass: HomeAssistant, entries: Iterable[MockConfigEntry], **data: Any
) -> str:
    """Have a plan made and confirmed; return the batch of the levelling."""
    plan = await act(hass, "level", config_entry_id=ids(entries), **data)
    answer = await act(
        hass, "level", config_entry_id=ids(entries), confirm=plan["plan_id"], **data
    )
    assert answer["batch_id"] is not None, answer
    batch_id: str = answer["batch_id"]
    return batch_id


async def over(hass: HomeAssistant, batch_id: str) -> dict[str, Any]:
    """Wait until a levelling rests, and return how it went."""
    answer = await act(hass, "level", batch_id=batch_id, wait=20)
    await hass.async_block_till_done()
    answer = await act(hass, "level", batch_id=batch_id)
    levelling: dict[str, Any] = answer["levelling"]
    return levelling


def flags(server: MemoryServer) -> set[str]:
    """Return the ids of what is watched."""
    return {one for one, state in server.states.items() if state.watched}


@pytest.fixture
def bit_by_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hand over two steps at a time, and write each of them down."""
    monkeypatch.setattr(runner, "CHUNK", 2)
    monkeypatch.setattr(carrying_out, "SAVED_EVERY", 0)


# --- the plan ------------------------------------------------------------------------


async def test_plan_says_what_would_change_where_and_does_nothing(
    hass: HomeAssistant,
) -> None:
    one, other, lanes = await two_lanes(
        hass, seen_here=["m1", "e1x1"], seen_there=["bm2"]
    )
    plan = await act(hass, "level", config_entry_id=ids(lanes))
    assert plan["status"] == "planned"
    assert plan["batch_id"] is None
    assert plan["total"] == 3
    here, yonder = plan["lanes"]
    assert (here["lane"], here["films_to_mark"]) == ("Attic (Ada)", 1)
    assert here["rows"] == [
        {
            "item_id": "m2",
            "title": "Contact (1997)",
            "change": "mark_watched",
            "from": "Cellar (Ada)",
        }
    ]
    assert (yonder["films_to_mark"], yonder["episodes_to_mark"]) == (1, 1)
    assert one.writes == other.writes == []
    assert (await act(hass, "level", config_entry_id=ids(lanes))) == plan


async def test_plan_names_what_is_left_out_and_what_is_only_probable(
    hass: HomeAssistant,
) -> None:
    named = replace(MOVIE, provider_ids=ProviderIds())
    one = MemoryServer([named, OTHER_MOVIE])
    other = MemoryServer(there([MOVIE]), server_id="server-2", server_name="Cellar")
    watch(one, "m1", "m2")
    lanes = await lanes_of(hass, one, other)
    plan = await act(
        hass, "level", config_entry_id=ids(lanes), source=lanes[0].entry_id
    )
    (there_,) = plan["lanes"]
    assert there_["total"] == 0
    assert there_["left_out"] == {"not_found": 1}
    assert there_["left_out_rows"] == [
        {
            "reason": "not_found",
            "from": "Attic (Ada)",
            "from_item_id": "m2",
            "title": "Contact (1997)",
        }
    ]
    assert there_["probable_rows"] == [
        {
            "item_id": "bm1",
            "title": "Arrival (2016)",
            "from": "Attic (Ada)",
            "from_item_id": "m1",
            "from_title": "Arrival (2016)",
        }
    ]
    data = {"include_probable": True, "source": lanes[0].entry_id}
    plan = await act(hass, "level", config_entry_id=ids(lanes), **data)
    assert plan["lanes"][0]["rows"][0]["probable"] is True
    await over(hass, await begin(hass, lanes, **data))
    assert flags(other) == {"bm1"}


async def test_question_that_makes_no_sense_is_refused_in_words(
    hass: HomeAssistant,
) -> None:
    *_, lanes = await two_lanes(hass)
    both = {"config_entry_id": ids(lanes)}
    assert await refused(hass, config_entry_id=ids(lanes)[:1]) == "level_needs_two"
    assert await refused(hass, what="exact", **both) == "level_exact_needs_source"
    assert await refused(hass, direction="from", **both) == "level_source_needed"
    source = ids(lanes)[0]
    assert (
        await refused(hass, direction="both", source=source, **both)
        == "level_source_both_ways"
    )
    assert await refused(hass, source="nobody", **both) == "level_source_unknown"
    assert await refused(hass, source=ids(lanes), **both) == "level_nobody_follows"
    assert await refused(hass, stop=True, go_on=True) == "level_stop_and_go_on"
    assert await refused(hass, stop=True) == "no_levelling"
    assert await refused(hass, batch_id="none") == "unknown_levelling"
    assert await refused(hass, wait=1000, **both) == "wait_out_of_range"


async def test_lane_that_was_not_read_yet_is_named(hass: HomeAssistant) -> None:
    one, other = servers()
    lanes = [await setup_lane(hass, one), await setup_lane(hass, other)]
    assert await refused(hass, config_entry_id=ids(lanes)) == "level_not_read"


async def test_lane_whose_catalogue_cannot_be_read_is_named(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    *_, lanes = await two_lanes(hass)

    async def fail(*_: Any) -> Any:
        raise CatalogueError("the disk is gone")

    catalogue = lanes[0].runtime_data.catalogue
    monkeypatch.setattr(catalogue, "leaves", fail)
    assert await refused(hass, config_entry_id=ids(lanes)) == "level_not_read"


async def test_plan_that_would_be_another_by_now_is_shown_and_nothing_is_done(
    hass: HomeAssistant,
) -> None:
    _, other, lanes = await two_lanes(hass, seen_here=["m1"])
    old = await act(hass, "level", config_entry_id=ids(lanes))
    await mark(lanes[0], OTHER_MOVIE)
    await hass.async_block_till_done()
    data = {"config_entry_id": ids(lanes), "confirm": old["plan_id"]}
    answer = await act(hass, "level", **data)
    assert answer["status"] == "plan_changed"
    assert "confirm the new plan" in answer["message"]
    assert answer["total"] == 2
    assert other.writes == []
    with pytest.raises(ServiceValidationError) as error:
        await hass.services.async_call(DOMAIN, "level", data, blocking=True)
    assert error.value.translation_key == "plan_changed"
    answer = await act(hass, "level", **{**data, "confirm": answer["plan_id"]})
    await over(hass, answer["batch_id"])
    assert flags(other) == {"bm1", "bm2"}


async def test_what_waits_to_be_delivered_counts_as_done(hass: HomeAssistant) -> None:
    _, other, lanes = await two_lanes(hass, seen_here=["m1"])
    await lose_contact(hass, lanes[1], other)
    await act(hass, "mark_watched", item_id="bm1", config_entry_id=lanes[1].entry_id)
    plan = await act(hass, "level", config_entry_id=ids(lanes))
    assert plan["total"] == 0


async def test_what_waits_for_a_whole_show_counts_for_its_episodes(
    hass: HomeAssistant,
) -> None:
    _, other, lanes = await two_lanes(hass, seen_here=["m1", "e1x1", "e1x2"])
    await lose_contact(hass, lanes[1], other)
    await act(
        hass,
        "mark_watched",
        title="Severance",
        scope="show",
        config_entry_id=lanes[1].entry_id,
    )
    plan = await act(hass, "level", config_entry_id=ids(lanes))
    assert [row["title"] for row in plan["lanes"][1]["rows"]] == ["Arrival (2016)"]


async def test_only_libraries_that_are_allowed_take_part(hass: HomeAssistant) -> None:
    elsewhere = replace(OTHER_MOVIE, library_id="elsewhere")
    unknown = replace(film(1), library_id=None)
    one, other = servers([MOVIE, elsewhere, unknown])
    watch(one, "m1", "m2", "f1")
    lanes = await lanes_of(hass, one, other)
    options = {**lanes[0].options, "entities": {"libraries": [MOVIE.library_id]}}
    hass.config_entries.async_update_entry(lanes[0], options=options)
    await hass.async_block_till_done()
    plan = await act(hass, "level", config_entry_id=ids(lanes))
    assert [row["item_id"] for row in plan["lanes"][1]["rows"]] == ["bm1"]


async def test_dry_run_of_a_confirmed_plan_does_nothing(hass: HomeAssistant) -> None:
    *_, lanes = await two_lanes(hass, seen_here=["m1"])
    plan = await act(hass, "level", config_entry_id=ids(lanes))
    data = {"config_entry_id": ids(lanes), "confirm": plan["plan_id"]}
    assert (await act(hass, "level", dry_run=True, **data))["status"] == "planned"
    assert levellings(hass).under_way() == []


async def test_level_lanes_have_nothing_to_begin(hass: HomeAssistant) -> None:
    lanes = await lanes_of(hass, *servers())
    plan = await act(hass, "level", config_entry_id=ids(lanes))
    data = {"config_entry_id": ids(lanes), "confirm": plan["plan_id"]}
    answer = await act(hass, "level", **data)
    assert (answer["status"], answer["batch_id"], answer["total"]) == (
        "planned",
        None,
        0,
    )


# --- carried out ---------------------------------------------------------------------


@pytest.mark.usefixtures("bit_by_bit")
async def test_what_differs_is_marked_bit_by_bit_on_both_sides(
    hass: HomeAssistant,
) -> None:
    one, other, lanes = await two_lanes(
        hass,
        MANY,
        seen_here=[f"f{n}" for n in range(1, 6)],
        seen_there=[f"bf{n}" for n in range(5, 9)],
    )
    batch_id = await begin(hass, lanes)
    done = await over(hass, batch_id)
    assert done["state"] == "finished"
    assert (done["total"], done["done"], done["left"]) == (7, 7, 0)
    assert flags(one) == {f"f{n}" for n in range(1, 9)}
    assert flags(other) == {f"bf{n}" for n in range(1, 9)}
    # Each of them once.
    assert len(one.writes) + len(other.writes) == 7
    history = lanes[0].runtime_data.lane.outbox.history
    assert {one.operation.batch_id for one in history} == {batch_id}
    assert {one.operation.origin for one in history} == {Origin.LEVEL}


async def test_only_one_show_and_only_what_was_played_since(
    hass: HomeAssistant,
) -> None:
    one, other = servers()
    watch(one, "m1", "m2", "e1x1")
    watch(one, "e1x2", at=datetime(2025, 1, 1, tzinfo=UTC))
    lanes = await lanes_of(hass, one, other)
    since = "2024-06-01 00:00:00"
    plan = await act(
        hass, "level", config_entry_id=ids(lanes), title="Severance", since=since
    )
    assert plan["total"] == 1
    done = await over(hass, await begin(hass, lanes, title="Severance"))
    assert flags(other) == {"be1x1", "be1x2"}
    assert done["title"] == "Severance"


async def test_exactly_as_the_source_unmarks_what_is_not_watched_there(
    hass: HomeAssistant,
) -> None:
    one, other, lanes = await two_lanes(hass, seen_here=["m1"], seen_there=["bm2"])
    data = {"what": "exact", "source": lanes[0].entry_id, "direction": "from"}
    plan = await act(hass, "level", config_entry_id=ids(lanes), **data)
    assert plan["lanes"][0]["films_to_unmark"] == 1
    await over(hass, await begin(hass, lanes, **data))
    assert flags(one) == {"m1"}
    assert flags(other) == {"bm1"}


async def test_one_person_has_seen_what_another_has_seen(
    hass: HomeAssistant,
) -> None:
    hass.states.async_set("person.ada", "home")
    hass.states.async_set("person.bob", "home")
    one = MemoryServer()
    same = MemoryServer(user_id="user-2", user_name="Bob")
    watch(one, "m1")
    watch(same, "m2")
    lanes = await lanes_of(hass, one, same, persons=["person.ada", "person.bob"])
    data = {"person": ["person.ada", "person.bob"], "source": "person.ada"}
    plan = await act(hass, "level", **data)
    answer = await act(hass, "level", confirm=plan["plan_id"], wait=20, **data)
    assert answer["status"] == "finished"
    assert flags(same) == {"m1", "m2"}
    assert flags(one) == {"m1"}
    assert lanes[1].runtime_data.lane.outbox.history


@pytest.mark.usefixtures("bit_by_bit")
async def test_what_somebody_changes_meanwhile_is_left_alone_and_counted(
    hass: HomeAssistant,
) -> None:
    one, other, lanes = await two_lanes(
        hass, MANY, seen_here=[f"f{n}" for n in range(1, 8)]
    )
    source, target = (entry.runtime_data for entry in lanes)
    other.gate.clear()
    batch_id = await begin(hass, lanes)
    await asyncio.sleep(0)
    # Before the later ones are handed over: un-marked where it was watched, begun on
    # the sofa, marked by a person and taken back again, and gone.
    one.set("f7", watched=False, play_count=0, last_played=None)
    await source.lane.take_in([one.reading("f7")])
    other.set("bf6", position=900.0)
    await target.lane.take_in([other.reading("bf6")])
    other.gate.set()
    await act(hass, "mark_unwatched", item_id="bf5", config_entry_id=lanes[1].entry_id)
    done = await over(hass, batch_id)
    assert done["changed_since"] == 3
    assert done["done"] == 4
    assert flags(other) == {f"bf{n}" for n in range(1, 5)}


@pytest.mark.usefixtures("bit_by_bit")
async def test_what_is_gone_or_fails_costs_itself(hass: HomeAssistant) -> None:
    _, other, lanes = await two_lanes(
        hass, MANY, seen_here=[f"f{n}" for n in range(1, 6)]
    )
    other.gate.clear()
    batch_id = await begin(hass, lanes)
    await lanes[1].runtime_data.catalogue.drop(["bf5"])
    other.items["bf4"] = replace(
        other.items["bf4"], provider_ids=ProviderIds(imdb="tt7777777")
    )
    await lanes[1].runtime_data.catalogue.keep([other.reading("bf4")])
    other.item_faults["bf2"] = Fault("no room")
    other.gate.set()
    await asyncio.sleep(0.1)
    lane = lanes[1].runtime_data.lane
    (failing,) = [one for one in lane.outbox if one.item.item_id == "bf2"]
    await lanes[1].runtime_data.async_discard([failing.operation_id])
    done = await over(hass, batch_id)
    assert done["not_found"] == 2
    assert done["discarded"] == 1
    assert done["done"] == 2


# --- steering ------------------------------------------------------------------------


@pytest.mark.usefixtures("bit_by_bit")
async def test_it_can_be_stopped_and_go_on_and_be_taken_back(
    hass: HomeAssistant,
) -> None:
    one, other, lanes = await two_lanes(
        hass, MANY, seen_here=[f"f{n}" for n in range(1, 8)], seen_there=["bf1", "bf9"]
    )
    before = flags(one), flags(other)
    other.gate.clear()
    batch_id = await begin(hass, lanes)
    status = shown(hass, "sensor.cellar_ada_sync_status")
    assert status.attributes["levelling"] is None or (
        status.attributes["levelling"]["batch_id"] == batch_id
    )
    stopped = await act(hass, "level", stop=True)
    assert stopped["batch_id"] == batch_id
    other.gate.set()
    await hass.async_block_till_done()
    stopped = await over(hass, batch_id)
    assert stopped["state"] == "stopped"
    assert stopped["done"] < 7
    assert len(flags(other)) < 8
    going = await act(hass, "level", go_on=True, wait=20)
    assert going["status"] == "finished"
    assert flags(one) == {f"f{n}" for n in (*range(1, 8), 9)}
    assert flags(other) == {f"bf{n}" for n in (*range(1, 8), 9)}
    undone = await act(hass, "undo", batch_id=batch_id, wait=20)
    assert undone["undone_batch_id"] == batch_id
    assert undone["levelling"]["state"] == "undone"
    assert (flags(one), flags(other)) == before


async def test_confirmed_twice_it_is_done_once(hass: HomeAssistant) -> None:
    _, other, lanes = await two_lanes(hass, seen_here=["m1"])
    await lose_contact(hass, lanes[1], other)
    plan = await act(hass, "level", config_entry_id=ids(lanes))
    data = {"config_entry_id": ids(lanes), "confirm": plan["plan_id"]}
    batch_id = (await act(hass, "level", **data))["batch_id"]
    assert await refused(hass, **data) == "levelling_under_way"
    other.come_up()
    await act(hass, "sync_now")
    assert (await over(hass, batch_id))["state"] == "finished"
    assert [item_id for item_id, _ in other.writes] == ["bm1"]


async def test_last_change_is_only_taken_back_by_name_if_it_was_a_levelling(
    hass: HomeAssistant,
) -> None:
    _, other, lanes = await two_lanes(hass, seen_here=["m1"])
    batch_id = await begin(hass, lanes)
    await over(hass, batch_id)
    with pytest.raises(ServiceValidationError) as error:
        await act(hass, "undo")
    assert error.value.translation_key == "levelling_to_be_named"
    assert error.value.translation_placeholders is not None
    assert error.value.translation_placeholders["batch_id"] == batch_id
    with pytest.raises(ServiceValidationError):
        await hass.services.async_call(
            "button",
            "press",
            {"entity_id": "button.cellar_ada_undo_last_change"},
            blocking=True,
        )
    planned = await act(hass, "undo", batch_id=batch_id, dry_run=True)
    assert planned["levelling"]["state"] == "finished"
    assert flags(other) == {"bm1"}
    data = {"batch_id": batch_id, "config_entry_id": ids(lanes)[0]}
    with pytest.raises(ServiceValidationError) as error:
        await act(hass, "undo", **data)
    assert error.value.translation_key == "unknown_batch"
    await act(hass, "undo", batch_id=batch_id, wait=20)
    assert flags(other) == set()
    # It is over, and can be asked for again.
    await act(hass, "undo", batch_id=batch_id, wait=20)
    assert (await over(hass, batch_id))["state"] == "undone"


async def test_taking_back_leaves_what_was_changed_since(hass: HomeAssistant) -> None:
    _, other, lanes = await two_lanes(
        hass, MANY, seen_here=[f"f{n}" for n in range(1, 5)]
    )
    batch_id = await begin(hass, lanes)
    await over(hass, batch_id)
    target = lanes[1].runtime_data
    other.set("bf1", position=300.0, last_played=datetime.now(UTC))
    await target.lane.take_in([other.reading("bf1")])
    del other.items["bf2"]
    undone = await act(hass, "undo", batch_id=batch_id, wait=20)
    done = undone["levelling"]
    assert (done["done"], done["changed_since"], done["not_found"]) == (2, 1, 1)
    assert flags(other) == {"bf1", "bf2"}


@pytest.mark.usefixtures("bit_by_bit")
async def test_taken_back_while_it_is_under_way(hass: HomeAssistant) -> None:
    _, other, lanes = await two_lanes(
        hass, MANY, seen_here=[f"f{n}" for n in range(1, 8)]
    )
    other.gate.clear()
    batch_id = await begin(hass, lanes)
    await asyncio.sleep(0.05)
    await act(hass, "undo", batch_id=batch_id)
    other.gate.set()
    done = await over(hass, batch_id)
    assert done["state"] == "undone"
    assert flags(other) == set()
    assert not lanes[1].runtime_data.lane.outbox.rejected


async def test_neither_it_nor_its_undo_is_copied_to_where_it_came_from(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirroring, "GATHER", 0.01)
    one, other, lanes = await two_lanes(hass, seen_here=["m1"])
    for entry, mirrored in ((lanes[0], lanes[1]), (lanes[1], lanes[0])):
        options = {**entry.options, "mirror": {"mirror_to": [mirrored.entry_id]}}
        hass.config_entries.async_update_entry(entry, options=options)
        await hass.async_block_till_done()
    batch_id = await begin(hass, lanes)
    await over(hass, batch_id)
    await asyncio.sleep(0.1)
    moves = lanes[1].runtime_data.ledger.moves
    assert len(moves) == moves.copied == moves.skips.total() == 0
    await act(hass, "undo", batch_id=batch_id, wait=20)
    await asyncio.sleep(0.1)
    assert flags(one) == {"m1"}
    assert flags(other) == set()
    assert one.writes == []
    assert len(moves) == moves.copied == 0


async def test_what_is_known_from_before_a_crash_is_read_before_it_is_taken_back(
    hass: HomeAssistant,
) -> None:
    _, other, lanes = await two_lanes(
        hass, MANY, seen_here=[f"f{n}" for n in range(1, 5)]
    )
    target = lanes[1].runtime_data
    old = [other.reading(f"bf{n}") for n in range(1, 5)]
    batch_id = await begin(hass, lanes)
    await over(hass, batch_id)
    # Home Assistant ended before it wrote down what its marks had changed.
    await target.inventory.flush()
    await target.catalogue.keep(old)
    for reading in old:
        target.lane.ledger.forget(reading.item.item_id)
    other.fail_next = [Fault("not now")]
    undone = await act(hass, "undo", batch_id=batch_id, wait=20)
    assert undone["levelling"]["done"] == 4
    assert flags(other) == set()


# --- who may -------------------------------------------------------------------------


async def test_a_person_levels_only_what_is_theirs(
    hass: HomeAssistant, hass_read_only_user: MockUser
) -> None:
    ada = MockUser(name="Ada", is_owner=False).add_to_hass(hass)
    ada.mock_policy({"entities": True})
    hass.states.async_set("person.ada", "home", {"user_id": ada.id})
    hass.states.async_set("person.bob", "home")
    one, other = servers()
    same = MemoryServer(user_id="user-3", user_name="Bob")
    watch(one, "m1")
    lanes = await lanes_of(
        hass, one, other, same, persons=["person.ada", "person.ada", "person.bob"]
    )
    context = Context(user_id=ada.id)

    async def call(**data: Any) -> Any:
        return await hass.services.async_call(
            DOMAIN, "level", data, blocking=True, return_response=True, context=context
        )

    with pytest.raises(Unauthorized):
        await call(config_entry_id=ids(lanes))
    plan = await call()
    assert {one["lane"] for one in plan["lanes"]} == {"Attic (Ada)", "Cellar (Ada)"}
    begun = await call(confirm=plan["plan_id"], wait=20)
    assert flags(other) == {"bm1"}
    assert (await call(batch_id=begun["batch_id"]))["status"] == "finished"
    with pytest.raises(Unauthorized):
        await hass.services.async_call(
            DOMAIN,
            "level",
            {"batch_id": begun["batch_id"], "stop": True},
            blocking=True,
            return_response=True,
            context=Context(user_id=hass_read_only_user.id),
        )


async def test_two_under_way_have_to_be_named(hass: HomeAssistant) -> None:
    one, other = servers()
    third, fourth = (
        MemoryServer(there([MOVIE], sign), server_id=f"server-{sign}", server_name=sign)
        for sign in "cd"
    )
    watch(one, "m1")
    watch(third, "cm1")
    lanes = await lanes_of(hass, one, other, third, fourth)
    other.gate.clear()
    fourth.gate.clear()
    batches = [await begin(hass, lanes[:2]), await begin(hass, lanes[2:])]
    assert await refused(hass, stop=True) == "several_levellings"
    # A source that goes makes no difference to what was confirmed.
    await hass.config_entries.async_remove(lanes[2].entry_id)
    for server, batch_id in zip((other, fourth), batches, strict=True):
        server.gate.set()
        assert (await over(hass, batch_id))["state"] == "finished"


# --- the disk ------------------------------------------------------------------------


async def another_life(hass: HomeAssistant, lanes: Iterable[MockConfigEntry]) -> None:
    """Begin anew from the disk, as after a restart."""
    for entry in lanes:
        assert await hass.config_entries.async_unload(entry.entry_id)
    hass.data.pop(carrying_out._LEVELLINGS)
    for entry in lanes:
        assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()


@pytest.mark.usefixtures("bit_by_bit")
async def test_it_goes_on_after_a_restart_and_nothing_is_done_twice(
    hass: HomeAssistant,
) -> None:
    _, other, lanes = await two_lanes(
        hass, MANY, seen_here=[f"f{n}" for n in range(1, 8)]
    )
    other.gate.clear()
    batch_id = await begin(hass, lanes)
    await asyncio.sleep(0.05)
    for _ in range(3):
        other.gate.set()
        await asyncio.sleep(0.02)
        other.gate.clear()
        other.gate.set()
        await another_life(hass, lanes)
    done = await over(hass, batch_id)
    assert done["state"] == "finished"
    assert done["left"] == 0
    assert flags(other) == {f"bf{n}" for n in range(1, 8)}
    assert len(other.writes) == 7
    # Also what the last life did not note can be taken back.
    assert done["done"] == 7
    await another_life(hass, lanes)
    await act(hass, "undo", batch_id=batch_id, wait=20)
    assert flags(other) == set()


async def test_what_comes_out_of_a_backup_waits_for_a_person(
    hass: HomeAssistant,
) -> None:
    _, other, lanes = await two_lanes(hass, seen_here=["m1", "m2"])
    await lose_contact(hass, lanes[1], other)
    batch_id = await begin(hass, lanes)
    assert await hass.config_entries.async_unload(lanes[1].entry_id)
    other.come_up()
    levelling = await levellings(hass).async_find(batch_id)
    await levellings(hass).async_wait(batch_id, 0)  # nobody is at work
    assert await hass.config_entries.async_setup(lanes[1].entry_id)
    detach = levellings(hass).async_attach(lanes[1], is_restored=True)
    await hass.async_block_till_done()
    assert levelling.parts[lanes[1].entry_id].is_stopped
    detach()
    await levellings(hass).async_go_on(batch_id)
    assert (await over(hass, batch_id))["state"] == "finished"


async def test_it_is_not_begun_if_it_cannot_be_written_down(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, other, lanes = await two_lanes(hass, seen_here=["m1"])
    plan = await act(hass, "level", config_entry_id=ids(lanes))

    async def fail(*_: Any) -> None:
        raise JournalError("the disk is full")

    data = {"config_entry_id": ids(lanes), "confirm": plan["plan_id"]}
    with monkeypatch.context() as patched:
        patched.setattr(LevellingStore, "async_save", fail)
        assert await refused(hass, **data) == "outbox_write_failed"
    assert levellings(hass).under_way() == []
    await hass.async_block_till_done()
    assert other.writes == []
    # Once it runs the disk may fail: how far it is is found out again.
    other.gate.clear()
    batch_id = (await act(hass, "level", **data))["batch_id"]
    with monkeypatch.context() as patched:
        patched.setattr(LevellingStore, "async_save", fail)
        patched.setattr(LevellingsStore, "async_save", fail)
        with pytest.raises(HomeAssistantError):
            await act(hass, "level", batch_id=batch_id, stop=True)
        with pytest.raises(HomeAssistantError):
            await act(hass, "undo", batch_id=batch_id)
        # What could not be written down was not begun either.
        other.gate.set()
        assert (await over(hass, batch_id))["state"] == "finished"
    assert flags(other) == {"bm1"}


async def test_what_cannot_be_read_any_more_is_unknown(hass: HomeAssistant) -> None:
    *_, lanes = await two_lanes(hass, seen_here=["m1"])
    batch_id = await begin(hass, lanes)
    await over(hass, batch_id)
    await LevellingStore(hass, batch_id).async_save({"parts": 7})
    assert await refused(hass, batch_id=batch_id) == "unknown_levelling"
    with pytest.raises(ServiceValidationError) as error:
        await act(hass, "undo", batch_id=batch_id)
    assert error.value.translation_key == "unknown_batch"
    found = levellings(hass)
    found._known[batch_id] = None
    await found._async_save_known()
    await another_life(hass, lanes)
    assert not levellings(hass).knows(batch_id)


async def test_old_ones_are_forgotten(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carrying_out, "MOST_REMEMBERED", 1)
    one, _, lanes = await two_lanes(hass)
    batches = []
    for item_id in ("m1", "m2"):
        watch(one, item_id)
        await lanes[0].runtime_data.lane.take_in([one.reading(item_id)])
        batches.append(await begin(hass, lanes))
        await over(hass, batches[-1])
    assert [levellings(hass).knows(one) for one in batches] == [False, True]


async def test_entry_that_is_removed_takes_its_part_along(hass: HomeAssistant) -> None:
    one, other = servers()
    third = MemoryServer(there([MOVIE], "c"), server_id="server-3", server_name="Shed")
    watch(one, "m1")
    lanes = await lanes_of(hass, one, other, third)
    other.gate.clear()
    third.gate.clear()
    batch_id = await begin(hass, lanes)
    for server, left in ((other, 1), (third, 0)):
        server.gate.set()
        server.go_down()
        entry = lanes[1 if server is other else 2]
        await hass.config_entries.async_remove(entry.entry_id)
        await hass.async_block_till_done()
        assert len(levellings(hass).under_way()) == left
    assert not levellings(hass).knows(batch_id)
    await hass.config_entries.async_remove(lanes[0].entry_id)


# --- what is told --------------------------------------------------------------------


async def test_it_is_told_as_a_whole_and_not_one_by_one(hass: HomeAssistant) -> None:
    *_, lanes = await two_lanes(hass, MANY, seen_here=[f"f{n}" for n in range(1, 8)])
    marked = async_capture_events(hass, "watched_sync_marked")
    batch_id = await begin(hass, lanes)
    await over(hass, batch_id)
    assert marked == []
    activity = shown(hass, "event.cellar_ada_activity").attributes
    assert activity["event_type"] == "levelled"
    assert activity["batch_id"] == batch_id
    assert activity["levelling"] == "finished"
    assert (activity["total"], activity["done"]) == (7, 7)
    status = shown(hass, "sensor.cellar_ada_sync_status")
    assert status.attributes["levelling"] is None


async def test_status_shows_how_far_it_is(hass: HomeAssistant) -> None:
    _, other, lanes = await two_lanes(
        hass, MANY, seen_here=[f"f{n}" for n in range(1, 8)]
    )
    await lose_contact(hass, lanes[1], other)
    batch_id = await begin(hass, lanes)
    await act(hass, "level", stop=True)
    await hass.async_block_till_done()
    status = shown(hass, "sensor.cellar_ada_sync_status")
    assert status.attributes["levelling"] == {
        "batch_id": batch_id,
        "state": "stopped",
        "done": 0,
        "total": 7,
    }


# --- trouble -------------------------------------------------------------------------


@pytest.mark.usefixtures("bit_by_bit")
async def test_trouble_with_the_disk_is_over_sometime(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "RETRY", 0.05)
    _, other, lanes = await two_lanes(
        hass, MANY, seen_here=[f"f{n}" for n in range(1, 5)]
    )
    runtime = lanes[1].runtime_data
    failing = [JournalError("the disk is full"), CatalogueError("the disk is gone")]
    exchange, readings = runtime.lane.exchange, runtime.catalogue.readings

    async def fail_to_write(plan: Any) -> None:
        if failing and isinstance(failing[0], JournalError):
            plan()
            raise failing.pop(0)
        await exchange(plan)

    async def fail_to_read(item_ids: Any) -> Any:
        if failing and isinstance(failing[0], CatalogueError):
            raise failing.pop(0)
        return await readings(item_ids)

    monkeypatch.setattr(runtime.lane, "exchange", fail_to_write)
    monkeypatch.setattr(runtime.catalogue, "readings", fail_to_read)
    batch_id = await begin(hass, lanes)
    done = await over(hass, batch_id)
    assert (done["state"], done["done"], failing) == ("finished", 4, [])
    failing += [JournalError("the disk is full"), JournalError("still")]
    await act(hass, "undo", batch_id=batch_id, wait=20)
    assert failing == []
    assert flags(other) == set()


async def test_fault_of_ours_stops_it_until_a_person_has_it_go_on(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    *_, lanes = await two_lanes(hass, seen_here=["m1"])

    def fail(*_: Any) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr(runner, "done_since", fail)
        batch_id = await begin(hass, lanes)
        assert (await over(hass, batch_id))["state"] == "stopped"
    await act(hass, "level", batch_id=batch_id, go_on=True)
    assert (await over(hass, batch_id))["state"] == "finished"


async def test_lane_that_shuts_down_ends_it_for_this_life(hass: HomeAssistant) -> None:
    _, other, lanes = await two_lanes(hass, seen_here=["m1"])
    await lose_contact(hass, lanes[1], other)
    batch_id = await begin(hass, lanes)
    await lanes[1].runtime_data.lane.close()
    other.come_up()
    lanes[1].runtime_data.relay.nudge()
    await levellings(hass).async_wait(batch_id, 20)
    assert (await over(hass, batch_id))["state"] == "running"
    assert flags(other) == set()


async def test_what_went_without_a_word_is_given_up_after_a_while(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "RETRY", 0.05)
    _, other, lanes = await two_lanes(hass, seen_here=["m1", "m2"])
    outbox = lanes[1].runtime_data.lane.outbox

    async def lose(item_id: str) -> None:
        async with asyncio.timeout(10):
            while not len(outbox):  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)  # it waits, and is not given up for that
        (lost,) = [one for one in outbox if one.item.item_id == item_id]
        outbox.discard([lost.operation_id])

    other.gate.clear()
    batch_id = await begin(hass, lanes)
    await lose("bm1")
    other.gate.set()
    done = await over(hass, batch_id)
    assert (done["done"], done["changed_since"]) == (1, 1)
    other.item_faults["bm2"] = Fault("no room")
    await act(hass, "undo", batch_id=batch_id)
    await lose("bm2")
    undone = await over(hass, batch_id)
    assert (undone["state"], undone["changed_since"]) == ("undone", 1)


async def test_what_is_over_on_one_lane_goes_on_with_the_other(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other, lanes = await two_lanes(hass, seen_here=["m1"], seen_there=["bm2"])
    await lose_contact(hass, lanes[1], other)
    batch_id = await begin(hass, lanes)
    async with asyncio.timeout(10):
        while not flags(one) >= {"m1", "m2"}:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
    await hass.async_block_till_done()
    await act(hass, "level", stop=True)
    await act(hass, "level", go_on=True)
    other.come_up()
    lanes[1].runtime_data.relay.nudge()
    assert (await over(hass, batch_id))["state"] == "finished"

    async def fail(*_: Any) -> None:
        raise JournalError("the disk is full")

    # The last of all entries takes along what is remembered, whatever the disk says.
    with monkeypatch.context() as patched:
        patched.setattr(LevellingsStore, "async_save", fail)
        for entry in lanes:
            await hass.config_entries.async_remove(entry.entry_id)
    assert not levellings(hass).knows(batch_id)


async def test_id_that_is_another_works_by_now_takes_no_part(
    hass: HomeAssistant,
) -> None:
    _, other, lanes = await two_lanes(hass, seen_here=["m1"])
    other.items["bm1"] = replace(
        other.items["bm1"], provider_ids=ProviderIds(imdb="tt7777777"), title="Other"
    )
    await lanes[1].runtime_data.lane.take_in([other.reading("bm1")])
    plan = await act(hass, "level", config_entry_id=ids(lanes))
    assert plan["total"] == 0


async def test_lane_that_is_unloaded_meanwhile_is_not_known(
    hass: HomeAssistant,
) -> None:
    *_, lanes = await two_lanes(hass)
    side = LaneSide(lanes[0])
    assert await hass.config_entries.async_unload(lanes[0].entry_id)
    with pytest.raises(NotRead):
        await anext(aiter(side.pages()))
