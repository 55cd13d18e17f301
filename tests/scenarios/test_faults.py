"""Everything a server or the way to it can do wrong: it ends right, with one play."""

import asyncio
from collections.abc import Iterable, Mapping
import random
from typing import Any

from homeassistant.config_entries import SOURCE_REAUTH
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import issue_registry as ir
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.watched_sync.const import DOMAIN
from custom_components.watched_sync.core.delivery import MAX_ATTEMPTS
from custom_components.watched_sync.core.errors import Reason
from custom_components.watched_sync.core.lane import Phase
from custom_components.watched_sync.core.snapshot import SyncStatus
from tests.common import drained, until
from tests.fakes import library
from tests.fakes.base import FaultKind

from .house import (
    ONE_PLAY,
    USER,
    JellyfinSide,
    PlexSide,
    Side,
    States,
    Traffic,
    act,
    runtime_of,
    until_true,
    until_written,
    waiting,
)
from .machine import TimeMachine

HOUR = 3600.0

#: Seconds that a slow request takes: longer than anybody waits for it.
SLOW = 180.0

type Trouble = Mapping[str, Any]

#: What can happen to a request, whatever it asks.
TROUBLES: dict[str, Trouble] = {
    "dropped": {"kind": FaultKind.DROPPED},
    "slow": {"kind": FaultKind.SLOW, "delay": SLOW},
    "429": {"kind": FaultKind.STATUS, "status": 429},
    "429 with Retry-After": {
        "kind": FaultKind.STATUS,
        "status": 429,
        "retry_after": "40",
    },
    "500": {"kind": FaultKind.STATUS, "status": 500},
    "502": {"kind": FaultKind.STATUS, "status": 502},
    "503": {"kind": FaultKind.STATUS, "status": 503},
    "503 with Retry-After": {
        "kind": FaultKind.STATUS,
        "status": 503,
        "retry_after": "005",
    },
    "504": {"kind": FaultKind.STATUS, "status": 504},
    "HTML from a gateway": {"kind": FaultKind.HTML},
    "redirect to a login": {"kind": FaultKind.REDIRECT},
}

WRITE_TROUBLES: dict[str, Trouble] = {
    **TROUBLES,
    "applied but dropped": {"kind": FaultKind.APPLIED_BUT_DROPPED},
    "applied but slow": {"kind": FaultKind.APPLIED_BUT_SLOW, "delay": SLOW},
    "answered but not applied": {"kind": FaultKind.NOT_APPLIED},
    "HTML that says 200": {"kind": FaultKind.HTML, "status": 200},
    "truncated": {"kind": FaultKind.TRUNCATED},
}

READ_TROUBLES: dict[str, Trouble] = {
    **TROUBLES,
    "HTML that says 200": {"kind": FaultKind.HTML, "status": 200},
    "truncated": {"kind": FaultKind.TRUNCATED},
    "404 from a proxy": {"kind": FaultKind.HTML, "status": 404},
}


def mostly_long(troubles: Iterable[str]) -> list[Any]:
    """Return the names of all troubles; only the hardest are for every run."""
    hardest = {
        "500",
        "slow",
        "applied but dropped",
        "applied but slow",
        "answered but not applied",
    }
    return [
        pytest.param(name, marks=[] if name in hardest else pytest.mark.long)
        for name in troubles
    ]


async def all_over(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Wait until all is delivered, and what was sent late has arrived as well."""
    await drained(hass, entry, seconds=HOUR)
    await asyncio.sleep(SLOW)
    await drained(hass, entry, seconds=HOUR)


def played(*item_ids: str) -> States:
    """Return the play states after one play of each item and nothing else."""
    return {(USER, item_id): ONE_PLAY for item_id in item_ids}


@pytest.mark.parametrize("times", [1, pytest.param(3, marks=pytest.mark.long)])
@pytest.mark.parametrize("trouble", WRITE_TROUBLES)
async def test_trouble_with_a_write_ends_in_one_play(
    hass: HomeAssistant, side: Side, machine: TimeMachine, trouble: str, times: int
) -> None:
    film = side.item_id("Arrival")
    entry = await side.connect(hass, side.film("Arrival"))
    fault = side.server.fail(
        path=side.write_paths, times=times, **WRITE_TROUBLES[trouble]
    )
    machine.running = True
    await act(hass, "mark_watched", item_id=film, config_entry_id=entry.entry_id)
    await all_over(hass, entry)
    assert fault.hits
    assert side.all_seen() == played(film)
    assert not runtime_of(entry).lane.outbox.rejected


@pytest.mark.parametrize("trouble", mostly_long(WRITE_TROUBLES))
async def test_trouble_with_writes_below_a_show_ends_in_one_play_each(
    hass: HomeAssistant, side: Side, machine: TimeMachine, trouble: str
) -> None:
    """Sherlock has specials: its seasons are marked one after the other."""
    show = side.show("Sherlock")
    wanted = [
        leaf
        for season in (1, 2, 3, 4)
        for leaf in side.leaves(side.item_id("Sherlock", season=season))
    ]
    entry = await side.connect(hass, show)
    fault = side.server.fail(
        path=side.write_paths, after=1, times=2, **WRITE_TROUBLES[trouble]
    )
    machine.running = True
    await act(
        hass, "mark_watched", item_id=show.item_id, config_entry_id=entry.entry_id
    )
    await all_over(hass, entry)
    assert fault.hits
    assert side.all_seen() == played(*wanted)
    assert not runtime_of(entry).lane.outbox.rejected


@pytest.mark.parametrize("trouble", mostly_long(WRITE_TROUBLES))
async def test_trouble_with_an_unmark_ends_unwatched(
    hass: HomeAssistant, side: Side, machine: TimeMachine, trouble: str
) -> None:
    film = side.item_id("Arrival")
    await side.put(film, plays=2)
    entry = await side.connect(hass, side.film("Arrival"))
    side.server.fail(path=side.write_paths, times=2, **WRITE_TROUBLES[trouble])
    machine.running = True
    await act(hass, "mark_unwatched", item_id=film, config_entry_id=entry.entry_id)
    await all_over(hass, entry)
    assert side.all_seen() == {}
    assert not runtime_of(entry).lane.outbox.rejected


@pytest.mark.parametrize("trouble", mostly_long(WRITE_TROUBLES))
async def test_trouble_with_progress_ends_at_the_position(
    hass: HomeAssistant, side: Side, machine: TimeMachine, trouble: str
) -> None:
    film = side.item_id("Arrival")
    entry = await side.connect(hass, side.film("Arrival"))
    side.server.fail(path=side.write_paths, times=2, **WRITE_TROUBLES[trouble])
    machine.running = True
    await act(
        hass,
        "set_progress",
        item_id=film,
        position=1800,
        config_entry_id=entry.entry_id,
    )
    await all_over(hass, entry)
    assert (side.seen(film).watched, side.seen(film).position) == (False, 1800)
    assert side.all_seen().keys() == {(USER, film)}
    assert not runtime_of(entry).lane.outbox.rejected


@pytest.mark.parametrize("after", [0, pytest.param(1, marks=pytest.mark.long)])
@pytest.mark.parametrize("trouble", mostly_long(READ_TROUBLES))
async def test_trouble_with_reads_ends_in_one_play(
    hass: HomeAssistant, side: Side, machine: TimeMachine, trouble: str, after: int
) -> None:
    """Of the look before the write, or (*after* 1) of the look that verifies it."""
    film = side.item_id("Arrival")
    entry = await side.connect(hass, side.film("Arrival"))
    fault = side.server.fail(
        path=side.read_paths, after=after, times=3, **READ_TROUBLES[trouble]
    )
    machine.running = True
    await act(hass, "mark_watched", item_id=film, config_entry_id=entry.entry_id)
    await drained(hass, entry, seconds=HOUR)
    assert fault.hits
    assert side.all_seen() == played(film)
    assert len(side.writes) == 1
    assert not runtime_of(entry).lane.outbox.rejected


@pytest.mark.parametrize("trouble", mostly_long(["500", "truncated", "dropped", "503"]))
async def test_trouble_in_a_crowd_doubles_nothing(
    hass: HomeAssistant, side: Side, machine: TimeMachine, trouble: str
) -> None:
    leaves = side.leaves(side.item_id("Grey's Anatomy"))[:30]
    entry = await side.connect(hass)
    side.server.fail(path=side.write_paths, after=5, times=7, **WRITE_TROUBLES[trouble])
    machine.running = True
    for leaf in leaves:
        await act(hass, "mark_watched", item_id=leaf, config_entry_id=entry.entry_id)
    await drained(hass, entry, seconds=HOUR)
    assert side.all_seen() == played(*leaves)
    assert not runtime_of(entry).lane.outbox.rejected


async def test_restart_of_the_server_in_the_middle_loses_and_doubles_nothing(
    hass: HomeAssistant, side: Side, machine: TimeMachine
) -> None:
    leaves = side.leaves(side.item_id("Grey's Anatomy"))[:60]
    entry = await side.connect(hass)
    machine.running = True
    for leaf in leaves:
        await act(hass, "mark_watched", item_id=leaf, config_entry_id=entry.entry_id)
    await until_written(side, 10)
    assert len(waiting(entry)) > 0
    if isinstance(side, PlexSide):
        await side.server.restart(busy=3)
    else:
        await side.server.restart()
    await drained(hass, entry, seconds=HOUR)
    assert side.all_seen() == played(*leaves)


async def test_server_that_vanishes_in_the_middle_loses_and_doubles_nothing(
    hass: HomeAssistant, side: Side, machine: TimeMachine
) -> None:
    leaves = side.leaves(side.item_id("Grey's Anatomy"))[:60]
    entry = await side.connect(hass)
    machine.running = True
    for leaf in leaves:
        await act(hass, "mark_watched", item_id=leaf, config_entry_id=entry.entry_id)
    for writes in (10, 30):
        await until_written(side, writes)
        await side.server.go_dark()
        await until(
            runtime_of(entry),
            lambda: runtime_of(entry).lane.health.phase is Phase.BACKING_OFF,
        )
        await side.server.come_back()
    await drained(hass, entry, seconds=HOUR)
    assert side.all_seen() == played(*leaves)


async def test_revoked_token_parks_the_lane_and_a_new_one_delivers(
    hass: HomeAssistant, side: Side, machine: TimeMachine, traffic: Traffic
) -> None:
    films = [side.item_id(title) for title in ("Arrival", "Alien", "Stalker")]
    entry = await side.connect(hass)
    side.revoke()
    machine.running = True
    for film in films:
        await act(hass, "mark_watched", item_id=film, config_entry_id=entry.entry_id)
    lane = runtime_of(entry).lane
    await until(runtime_of(entry), lambda: lane.health.phase is Phase.PARKED)
    await hass.async_block_till_done()
    flows = hass.config_entries.flow.async_progress()
    assert [flow["context"]["source"] for flow in flows] == [SOURCE_REAUTH]
    assert len(waiting(entry)) == 3
    assert all(one.attempts == 0 for one in waiting(entry))
    # A lane that waits for a person asks nothing, but once an hour.
    traffic.clear()
    await asyncio.sleep(0.9 * HOUR)
    assert traffic == []
    await asyncio.sleep(0.2 * HOUR)
    assert len(traffic) == 1
    assert [flow["flow_id"] for flow in hass.config_entries.flow.async_progress()] == [
        flow["flow_id"] for flow in flows
    ]

    way, sign_in = (
        ("plex_token", {"token": side.server.token_for(USER)})
        if isinstance(side, PlexSide)
        else (
            "jellyfin_password",
            {"username": USER, "password": f"{USER}-password"},
        )
    )
    manager = hass.config_entries.flow
    flow_id = flows[0]["flow_id"]
    await manager.async_configure(flow_id, {"next_step_id": way})
    result = await manager.async_configure(flow_id, sign_in)
    assert result["reason"] == "reauth_successful"
    await hass.async_block_till_done()
    await drained(hass, entry, seconds=HOUR)
    assert side.all_seen() == played(*films)
    assert not hass.config_entries.flow.async_progress()


async def test_user_who_is_not_let_in_for_two_hours_is_let_in_again_and_delivered_to(
    hass: HomeAssistant, side: Side, machine: TimeMachine, traffic: Traffic
) -> None:
    films = [side.item_id(title) for title in ("Arrival", "Alien")]
    entry = await side.connect(hass)
    side.lock_out(hours=2)
    machine.running = True
    for film in films:
        await act(hass, "mark_watched", item_id=film, config_entry_id=entry.entry_id)
    runtime = runtime_of(entry)
    await until(runtime, lambda: runtime.lane.health.phase is Phase.BACKING_OFF)
    assert runtime.lane.health.reason is Reason.FORBIDDEN
    traffic.clear()
    await asyncio.sleep(1.9 * HOUR)
    snapshot = runtime.coordinator.data
    assert snapshot.status is SyncStatus.OFFLINE
    assert snapshot.last_error is Reason.FORBIDDEN
    assert all(one.attempts == 0 for one in waiting(entry))
    assert not hass.config_entries.flow.async_progress(), "nobody has to sign in"
    assert 1.9 * HOUR / 300 <= len(traffic) <= 2 * HOUR / 60
    await asyncio.sleep(0.1 * HOUR)
    side.let_in()
    await drained(hass, entry, seconds=400)
    assert side.all_seen() == played(*films)
    assert not runtime.lane.outbox.rejected


@pytest.mark.parametrize(
    ("trouble", "reason", "words"),
    [
        ({"kind": FaultKind.HTML, "status": 200}, "malformed", "Answer not understood"),
        ({"kind": FaultKind.STATUS, "status": 500}, "server_fault", "Server error"),
    ],
    ids=["HTML", "500"],
)
async def test_read_that_keeps_failing_is_seen_and_holds_no_delivery_back(
    hass: HomeAssistant,
    side: Side,
    machine: TimeMachine,
    trouble: Trouble,
    reason: str,
    words: str,
) -> None:
    film = side.item_id("Arrival")
    entry = await side.connect(hass)
    runtime = runtime_of(entry)
    issue = (DOMAIN, f"reads_fail_{entry.entry_id}")
    registry = ir.async_get(hass)
    side.server.fail(path=side.list_paths, times=None, **trouble)
    machine.running = True

    async def read_now_and_then(hours: float) -> None:
        """Press *Sync now* every ten minutes."""
        for _ in range(round(hours * 6)):
            await runtime.async_sync_now()
            await asyncio.sleep(HOUR / 6)

    assert runtime.coordinator.data.status is SyncStatus.SYNCED
    await read_now_and_then(0.5)
    snapshot = runtime.coordinator.data
    assert (snapshot.status, snapshot.last_error) == (SyncStatus.FAILED, reason)
    assert snapshot.reads_failing_since is not None
    assert not registry.async_get_issue(*issue), "it may be over soon"

    await read_now_and_then(0.6)
    told = registry.async_get_issue(*issue)
    assert told is not None
    assert told.translation_placeholders == {"name": entry.title, "reason": words}

    await act(hass, "mark_watched", item_id=film, config_entry_id=entry.entry_id)
    await drained(hass, entry, seconds=60)
    assert side.all_seen() == played(film)

    side.server.clear_faults()
    await read_now_and_then(0.2)
    snapshot = runtime.coordinator.data
    assert (snapshot.status, snapshot.last_error) == (SyncStatus.SYNCED, None)
    assert snapshot.reads_failing_since is None
    assert not registry.async_get_issue(*issue)


async def test_write_the_server_refuses_waits_for_a_person(
    hass: HomeAssistant, side: Side, machine: TimeMachine
) -> None:
    film = side.item_id("Arrival")
    entry = await side.connect(hass, side.film("Arrival"))
    side.server.fail(FaultKind.STATUS, path=side.write_paths, status=400, times=None)
    machine.running = True
    await act(hass, "mark_watched", item_id=film, config_entry_id=entry.entry_id)
    await drained(hass, entry, seconds=HOUR)
    (given_up,) = runtime_of(entry).lane.outbox.rejected
    assert given_up.last_error == Reason.REFUSED
    assert len(side.writes) == 1
    assert side.all_seen() == {}
    side.server.clear_faults()
    await act(hass, "retry")
    await drained(hass, entry, seconds=HOUR)
    assert side.all_seen() == played(film)
    assert not runtime_of(entry).lane.outbox.rejected


async def test_position_beyond_the_threshold_of_a_plex_is_refused_by_its_limits(
    hass: HomeAssistant, plex: PlexSide
) -> None:
    plex.server.options.played_threshold = 70
    entry = await plex.connect(hass)
    # The server is asked before the first position; what it says is known from then on.
    answer = await act(hass, "set_progress", title="Arrival", percent=80, wait=10)
    assert [one["status"] for one in answer["operations"]] == ["failed"]
    (given_up,) = runtime_of(entry).lane.outbox.rejected
    assert (given_up.last_error, given_up.attempts) == (Reason.UNSUPPORTED, 0)
    assert plex.writes == []
    with pytest.raises(ServiceValidationError) as refused:
        await act(hass, "set_progress", title="Arrival", percent=80)
    assert refused.value.translation_key == "position_not_kept"
    assert refused.value.translation_placeholders is not None
    assert refused.value.translation_placeholders["maximum"] == "70%"
    await act(hass, "set_progress", title="Arrival", percent=69)
    await drained(hass, entry)
    assert len(plex.writes) == 1
    assert plex.seen(plex.item_id("Arrival")).position > 0


async def test_threshold_of_a_plex_that_tells_it_to_nobody_is_learnt(
    hass: HomeAssistant, plex: PlexSide, machine: TimeMachine
) -> None:
    plex.server.options.played_threshold = 70
    plex.server.fail(FaultKind.STATUS, path="^/:/prefs$", status=403, times=None)
    entry = await plex.connect(hass)
    machine.running = True
    await act(hass, "set_progress", title="Arrival", percent=80)
    await drained(hass, entry, seconds=HOUR)
    (given_up,) = runtime_of(entry).lane.outbox.rejected
    assert given_up.last_error == Reason.UNSUPPORTED
    assert len(plex.writes) == 2
    assert plex.all_seen() == {}
    with pytest.raises(ServiceValidationError) as refused:
        await act(hass, "set_progress", title="Inception", percent=80)
    assert refused.value.translation_placeholders is not None
    assert refused.value.translation_placeholders["maximum"] == "80%"
    assert len(plex.writes) == 2


async def test_change_that_never_takes_effect_is_given_up_and_said_so(
    hass: HomeAssistant, side: Side, machine: TimeMachine
) -> None:
    film = side.item_id("Arrival")
    entry = await side.connect(hass, side.film("Arrival"))
    side.server.fail(FaultKind.NOT_APPLIED, path=side.write_paths, times=None)
    machine.running = True
    await act(hass, "mark_watched", item_id=film, config_entry_id=entry.entry_id)
    await drained(hass, entry, seconds=10 * HOUR)
    (given_up,) = runtime_of(entry).lane.outbox.rejected
    assert given_up.last_error == Reason.NOT_APPLIED
    assert len(side.writes) == MAX_ATTEMPTS
    assert side.all_seen() == {}


async def test_item_replaced_while_away_is_found_under_its_new_id(
    hass: HomeAssistant, side: Side, machine: TimeMachine
) -> None:
    film = side.item_id("Arrival")
    entry = await side.connect(hass, side.film("Arrival"))
    await side.server.go_dark()
    machine.running = True
    await act(hass, "mark_watched", item_id=film, config_entry_id=entry.entry_id)
    side.remove(film)
    new = side.put_back(film)
    assert new != film
    await side.server.come_back()
    await drained(hass, entry, seconds=HOUR)
    assert side.all_seen() == played(new)


async def test_item_that_is_gone_waits_until_it_is_back(
    hass: HomeAssistant, side: Side, machine: TimeMachine
) -> None:
    film = side.item_id("Arrival")
    entry = await side.connect(hass, side.film("Arrival"))
    side.remove(film)
    machine.running = True
    await act(hass, "mark_watched", item_id=film, config_entry_id=entry.entry_id)
    await until_true(
        lambda: any(one.missing_since for one in waiting(entry)), HOUR, 0.5
    )
    new = side.put_back(film)
    await drained(hass, entry, seconds=3 * HOUR)
    assert side.all_seen() == played(new)


async def test_jellyfin_that_fails_in_the_middle_of_a_show_ends_right(
    hass: HomeAssistant, jellyfin: JellyfinSide, machine: TimeMachine
) -> None:
    show = jellyfin.show("Severance")
    leaves = jellyfin.leaves(show.item_id)
    entry = await jellyfin.connect(hass, show)
    jellyfin.server.fail_mid_series(4)
    machine.running = True
    await act(
        hass, "mark_watched", item_id=show.item_id, config_entry_id=entry.entry_id
    )
    await drained(hass, entry, seconds=HOUR)
    assert jellyfin.all_seen() == played(*leaves)


async def test_stuck_item_of_jellyfin_fails_alone(
    hass: HomeAssistant, jellyfin: JellyfinSide, machine: TimeMachine
) -> None:
    films = [jellyfin.item_id(title) for title in ("Arrival", "Alien", "Stalker")]
    entry = await jellyfin.connect(hass)
    jellyfin.server.stuck(films[1])
    machine.running = True
    for film in films:
        await act(hass, "mark_watched", item_id=film)
    await drained(hass, entry, seconds=10 * HOUR)
    assert jellyfin.all_seen() == played(films[0], films[2])
    (given_up,) = runtime_of(entry).lane.outbox.rejected
    assert (given_up.item.item_id, given_up.last_error) == (
        films[1],
        Reason.NOT_APPLIED,
    )


async def test_plex_that_knows_only_the_other_verb_is_marked_once(
    hass: HomeAssistant, plex: PlexSide
) -> None:
    plex.server.options.scrobble_methods = frozenset({"PUT"})
    films = [plex.item_id(title) for title in ("Arrival", "Alien", "Stalker")]
    entry = await plex.connect(hass)
    for film in films:
        await act(hass, "mark_watched", item_id=film, wait=10)
    await drained(hass, entry)
    assert plex.all_seen() == played(*films)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(12))
async def test_bad_day_ends_right(
    hass: HomeAssistant, side: Side, machine: TimeMachine, seed: int
) -> None:
    """Troubles of every kind at random, on reads and writes, and some reloads."""
    chance = random.Random(seed)
    # To an action that asks for an item, a proxy's 404 is what a server says of one
    # that is not there.
    readable = {
        name: trouble for name, trouble in READ_TROUBLES.items() if "404" not in name
    }
    leaves = side.leaves(side.item_id("Grey's Anatomy"))[:80]
    films = [side.item_id(film.title, film.year) for film in library.MOVIES[:20]]
    wanted = leaves + films
    entry = await side.connect(hass)
    for _ in range(40):
        path, kinds = chance.choice(
            [(side.write_paths, WRITE_TROUBLES), (side.read_paths, readable)]
        )
        side.server.fail(
            path=path,
            after=chance.randrange(12),
            times=chance.choice([1, 1, 2, 5]),
            **kinds[chance.choice(list(kinds))],
        )
    machine.running = True
    for item_id in chance.sample(wanted, len(wanted)):
        await act(hass, "mark_watched", item_id=item_id, config_entry_id=entry.entry_id)
        if chance.random() < 0.05:
            assert await hass.config_entries.async_reload(entry.entry_id)
    await settled(hass, entry)
    assert side.all_seen() == played(*wanted)


async def settled(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Wait until nothing waits; what was given up is tried again, as a person would."""
    for _ in range(5):
        await drained(hass, entry, seconds=24 * HOUR)
        await asyncio.sleep(SLOW)
        if not runtime_of(entry).lane.outbox.rejected:
            return
        await act(hass, "retry")
    assert not runtime_of(entry).lane.outbox.rejected
