"""Lanes that are to be level are offered it once, and only where something differs."""

import asyncio

from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.dispatcher import async_dispatcher_send
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.watched_sync.browsing import feed
from custom_components.watched_sync.const import DOMAIN
from custom_components.watched_sync.core.errors import JournalError
from custom_components.watched_sync.levelling import offers
from custom_components.watched_sync.levelling.carrying_out import levellings
from custom_components.watched_sync.store import LevellingsStore, LevellingStore

from .common import MemoryServer, setup_lane
from .test_levelling import act, flags, ids, lanes_of, over, servers, watch
from .test_repairs import begin, choose, go_on
from .websocket import Client


def offered(hass: HomeAssistant) -> list[ir.IssueEntry]:
    """Return the offers a person sees."""
    return [
        issue
        for issue in ir.async_get(hass).issues.values()
        if issue.domain == DOMAIN and issue.translation_key == "level_offer"
    ]


async def look(hass: HomeAssistant) -> None:
    """Have everybody look whether there is something to offer."""
    async_dispatcher_send(hass, offers._LISTED)
    await hass.async_block_till_done(wait_background_tasks=False)
    for entry in hass.config_entries.async_entries(DOMAIN):
        for task in [*entry._background_tasks]:
            if isinstance(task, asyncio.Task) and "offer" in task.get_name():
                await task


async def follow(
    hass: HomeAssistant, entry: MockConfigEntry, *targets: MockConfigEntry
) -> None:
    """Have lanes follow the lane of *entry*."""
    options = {**entry.options, "mirror": {"mirror_to": ids(targets)}}
    hass.config_entries.async_update_entry(entry, options=options)
    await hass.async_block_till_done()


async def mirrored(
    hass: HomeAssistant, one: MemoryServer, other: MemoryServer
) -> list[MockConfigEntry]:
    """Return two lanes of two persons, the second of which follows the first."""
    hass.states.async_set("person.ada", "home")
    hass.states.async_set("person.bob", "home")
    lanes = await lanes_of(hass, one, other, persons=["person.ada", "person.bob"])
    await follow(hass, lanes[0], lanes[1])
    await look(hass)
    return lanes


async def test_lane_that_is_to_follow_is_offered_to_be_level(
    hass: HomeAssistant,
) -> None:
    one, other = servers()
    watch(one, "m1", "e1x1")
    watch(other, "bm2")
    await mirrored(hass, one, other)
    (issue,) = offered(hass)
    assert issue.translation_placeholders == {"names": "Attic (Ada), Cellar (Ada)"}
    await look(hass)  # it is offered already
    form = await begin(hass, issue.issue_id)
    assert form["type"] is FlowResultType.MENU
    assert form["menu_options"] == ["start", "leave"]
    assert form["description_placeholders"] == {
        "names": "Attic (Ada), Cellar (Ada)",
        "count": "2",
        "lanes": "- Cellar (Ada): 2",
        "watched": "2",
        "positions": "0",
        "left_out": "0",
    }
    result = await go_on(hass, form, "start")
    assert result["type"] is FlowResultType.CREATE_ENTRY
    for levelling in levellings(hass).under_way():
        await over(hass, levelling.batch_id)
    await hass.async_block_till_done()
    assert flags(other) == {"bm1", "bm2", "be1x1"}
    assert flags(one) == {"m1", "e1x1"}
    assert offered(hass) == []
    await look(hass)
    assert offered(hass) == []


async def test_offer_that_was_declined_is_not_made_again(hass: HomeAssistant) -> None:
    one, other = servers()
    watch(one, "m1")
    lanes = await mirrored(hass, one, other)
    (issue,) = offered(hass)
    form = await begin(hass, issue.issue_id)
    result = await go_on(hass, form, "leave")
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert await hass.config_entries.async_reload(lanes[0].entry_id)
    await look(hass)
    assert offered(hass) == []
    assert flags(other) == set()


async def test_offer_that_was_ignored_stays_ignored(hass: HomeAssistant) -> None:
    one, other = servers()
    watch(one, "m1")
    lanes = await mirrored(hass, one, other)
    (issue,) = offered(hass)
    ir.async_get(hass).async_ignore(DOMAIN, issue.issue_id, ignore=True)
    assert await hass.config_entries.async_reload(lanes[0].entry_id)
    await look(hass)
    assert [one.dismissed_version is None for one in offered(hass)] == [False]


async def test_what_is_level_is_offered_nothing(hass: HomeAssistant) -> None:
    one, other = servers()
    lanes = await mirrored(hass, one, other)
    assert offered(hass) == []
    # Nor later: what differs from now on is copied.
    watch(one, "m1")
    await lanes[0].runtime_data.lane.take_in([one.reading("m1")])
    await look(hass)
    assert offered(hass) == []


async def test_lanes_that_follow_each_other_are_offered_it_once_and_both_ways(
    hass: HomeAssistant,
) -> None:
    one, other = servers()
    watch(one, "m1")
    watch(other, "bm2")
    lanes = await lanes_of(hass, one, other)
    await follow(hass, lanes[0], lanes[1])
    await follow(hass, lanes[1], lanes[0])
    await look(hass)
    (issue,) = offered(hass)
    form = await begin(hass, issue.issue_id)
    assert form["description_placeholders"]["count"] == "2"
    # Somebody does it by the action instead.
    plan = await act(hass, "level", config_entry_id=ids(lanes))
    await act(hass, "level", config_entry_id=ids(lanes), confirm=plan["plan_id"])
    assert offered(hass) == []
    aborted = await go_on(hass, form, "start")
    assert aborted.get("reason") in {"levelling_under_way", None}


async def test_new_lane_is_offered_to_be_level_with_those_of_the_same_person(
    hass: HomeAssistant,
) -> None:
    hass.states.async_set("person.ada", "home")
    one, other = servers()
    stranger = MemoryServer(user_id="user-3", user_name="Bob")
    watch(one, "m1")
    watch(stranger, "m2")
    lanes = await lanes_of(
        hass, one, other, stranger, persons=["person.ada"] * 2 + ["somebody_else"]
    )
    await look(hass)
    (issue,) = offered(hass)
    assert issue.translation_placeholders is not None
    assert sorted(issue.translation_placeholders["names"].split(", ")) == [
        "Attic (Ada)",
        "Cellar (Ada)",
    ]
    await hass.config_entries.async_remove(lanes[1].entry_id)
    assert offered(hass) == []


async def test_nothing_is_offered_before_all_of_them_are_known(
    hass: HomeAssistant,
) -> None:
    one, other = servers()
    watch(one, "m1")
    lanes = await lanes_of(hass, one)
    lanes.append(await setup_lane(hass, other))
    await follow(hass, lanes[0], lanes[1])
    await look(hass)
    assert offered(hass) == []
    assert await hass.config_entries.async_unload(lanes[1].entry_id)
    await look(hass)
    assert offered(hass) == []
    # Nor what has been there for long.
    await follow(hass, lanes[0])
    levellings(hass).offers.clear()
    assert offers.offer_of(hass, lanes[0]) is None


async def test_dialog_says_why_it_cannot_be_done(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = servers()
    watch(one, "m1")
    lanes = await mirrored(hass, one, other)
    (issue,) = offered(hass)
    form = await begin(hass, issue.issue_id)

    async def fail(*_: object) -> None:
        raise JournalError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(LevellingStore, "async_save", fail)
        result = await go_on(hass, form, "start")
    assert result["reason"] == "not_started"
    form = await begin(hass, issue.issue_id)
    await lanes[1].runtime_data.catalogue.note(
        await lanes[1].runtime_data.catalogue.progress()
    )
    watch(other, "bm1")
    await lanes[1].runtime_data.lane.take_in([other.reading("bm1")])
    level = await begin(hass, issue.issue_id)
    assert level["type"] is FlowResultType.CREATE_ENTRY
    assert await hass.config_entries.async_unload(lanes[1].entry_id)
    result = await go_on(hass, form, "start")
    assert result["reason"] == "not_loaded"


async def test_failure_to_remember_an_answer_costs_another_offer(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = servers()
    watch(one, "m1")
    await mirrored(hass, one, other)
    (issue,) = offered(hass)

    async def fail(*_: object) -> None:
        raise JournalError("the disk is full")

    monkeypatch.setattr(LevellingsStore, "async_save", fail)
    result = await choose(hass, await begin(hass, issue.issue_id), "leave")
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_page_is_told_what_is_offered(
    hass: HomeAssistant,
    hass_ws_client: WebSocketGenerator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feed, "REST", 0)
    one, other = servers()
    watch(one, "m1")
    lanes = await mirrored(hass, one, other)
    (issue,) = offered(hass)
    client = Client(await hass_ws_client(hass))
    await client.ask("subscribe", person="everyone")
    event = await client.event()
    assert event["offers"] == {
        "order": [issue.issue_id],
        "rows": {
            issue.issue_id: {
                "config_entry_id": ids(lanes),
                "source": [lanes[0].entry_id],
                "lanes": [lane.title for lane in lanes],
            }
        },
    }
    # Nobody is asked twice: who ignores it under Repairs is not asked on the page.
    ir.async_ignore_issue(hass, DOMAIN, issue.issue_id, ignore=True)
    while "offers" not in event or event["offers"]["order"]:
        event = await client.event()
    assert await hass.config_entries.async_unload(lanes[1].entry_id)
    assert offers.open_offers(hass) == []


async def test_lanes_that_are_offered_it_for_two_reasons_are_told_once(
    hass: HomeAssistant,
) -> None:
    hass.states.async_set("person.ada", "home")
    one, other = servers()
    watch(one, "m1")
    lanes = await lanes_of(hass, one, other, persons=["person.ada"] * 2)
    await look(hass)
    (told,) = offers.open_offers(hass)
    assert told.sources == frozenset()
    await follow(hass, lanes[0], lanes[1])
    await look(hass)
    assert len(offered(hass)) == 2
    (told,) = offers.open_offers(hass)
    assert told.sources == {lanes[0].entry_id}
