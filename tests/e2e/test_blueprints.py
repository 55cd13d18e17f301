"""The blueprints in a real Home Assistant: they are listed, load, and do their work."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scripts.lib.demo.client import Client
from scripts.lib.demo.household import all_loaded
from scripts.lib.demo.media import episode
from tests.fakes.base import FaultKind
from tests.fakes.jellyfin import TICKS_PER_SECOND, FakeJellyfin
from tests.scenarios.house import ONE_PLAY, UNSEEN, JellyfinSide, PlexSide, Side

from .house import JELLYFIN, PLEX, VIEWER, House, synced
from .phone import CONFIGURATION, Phone
from .player import Player

pytestmark = pytest.mark.e2e

FOLDER = Path(__file__).parents[2] / "blueprints" / "automation" / "watched_sync"
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml"))

SHOW = "Breaking Bad"
LENGTH = 47 * 60
ASLEEP = "input_boolean.asleep"
VIEWER_PERSON = "person.demo"


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A house with the blueprints, phones, and somebody who may fall asleep."""
    async with House(
        tmp_path,
        configuration=f"{CONFIGURATION}\ninput_boolean:\n  asleep:\n",
        blueprints=True,
    ) as house:
        yield house


@pytest.fixture
async def client(house: House) -> AsyncIterator[Client]:
    """Somebody who uses that house."""
    async with house.client() as client:
        yield client


@pytest.fixture
def sides(house: House) -> list[Side]:
    """Both servers as tests see them."""
    return [PlexSide(house.plex), JellyfinSide(house.jellyfin)]


async def automate(client: Client, name: str, given: Mapping[str, Any]) -> str:
    """Make an automation of a blueprint as the editor does; return its entity id."""
    await client.rest(
        "POST",
        f"/api/config/automation/config/{name}",
        {
            "alias": name,
            "use_blueprint": {
                "path": f"watched_sync/{name}.yaml",
                "input": dict(given),
            },
        },
    )
    entity_id = f"automation.{name}"
    # What cannot be understood would be there too, but unavailable.
    await client.until_state(entity_id, "on")
    return entity_id


async def until_it_waits(client: Client, name: str, step: str) -> None:
    """Wait until an automation's run has come to *step*, where it waits for something.

    What happens before that it does not hear of.
    """
    async with asyncio.timeout(15):
        while True:
            (run,) = await client.command(
                "trace/list", domain="automation", item_id=name
            )
            if run["last_step"] == step:
                return
            await asyncio.sleep(0.1)


async def lanes(client: Client) -> dict[str, str]:
    """Return the ids of the entries by their titles."""
    entries = await client.command("config_entries/get", domain="watched_sync")
    return {entry["title"]: entry["entry_id"] for entry in entries}


async def test_all_five_are_listed_and_make_automations(
    house: House, client: Client
) -> None:
    listed = await client.command("blueprint/list", domain="automation")
    ours = {
        path: one for path, one in listed.items() if path.startswith("watched_sync/")
    }
    assert set(ours) == {f"watched_sync/{name}.yaml" for name in NAMES}
    assert len(ours) == 5
    for path, one in ours.items():
        assert "error" not in one
        assert one["metadata"]["domain"] == "automation"
        assert one["metadata"]["source_url"].endswith(path)

    entry_id = (await lanes(client))["Attic (alex)"]
    async with Phone() as phone:
        given: dict[str, dict[str, Any]] = {
            "fell_asleep": {
                "player": "media_player.tv",
                "asleep": ASLEEP,
                "lane": entry_id,
            },
            "mark_by_voice": {},
            "mark_watched_when_a_player_stops": {"players": ["media_player.tv"]},
            "tell_me_when_a_sync_fails": {"phone": await phone.register(client)},
            "watched_together": {"leader": entry_id, "persons": [VIEWER_PERSON]},
        }
        assert sorted(given) == NAMES
        for name, inputs in given.items():
            await automate(client, name, inputs)
    # As they are written to automations.yaml, they load at the next start as well.
    await house.restart()
    async with house.client() as later:
        states = await later.states()
        assert {
            entity_id: state["state"]
            for entity_id, state in states.items()
            if entity_id.startswith("automation.")
        } == {f"automation.{name}": "on" for name in NAMES}
    assert house.complaints() == []


async def test_player_stops_and_both_servers_know(
    house: House, client: Client, sides: list[Side]
) -> None:
    tv = Player(client)
    await tv.stops()
    await automate(
        client, "mark_watched_when_a_player_stops", {"players": [tv.entity_id]}
    )
    await tv.played(episode(SHOW, 2, 1), 1)
    await tv.played(episode(SHOW, 2, 2), 50)
    for machine in house.simulation.machines.values():
        await machine.watch(VIEWER, machine.item_id(SHOW, 2, 4), watched=True)
    await tv.played(episode(SHOW, 2, 4), 95)
    await tv.played(episode(SHOW, 2, 3), 95)
    for side in sides:
        glanced, halfway, to_the_end, counted = (
            side.item_id(SHOW, season=2, episode=number) for number in (1, 2, 3, 4)
        )

        def knows(_: object, side: Side = side, item_id: str = to_the_end) -> bool:
            return side.seen(item_id).watched

        await client.until(knows, f"{side.kind} knows what was played")
        await synced(client)
        assert side.seen(glanced) == UNSEEN
        assert side.seen(to_the_end) == side.seen(counted) == ONE_PLAY
        assert side.seen(halfway).position == pytest.approx(LENGTH / 2, abs=5)
        assert side.marks() == [("progress", halfway), ("watched", to_the_end)]
    assert house.complaints() == []


@pytest.mark.parametrize("button", ["Try again", "Undo"])
async def test_phone_tells_of_a_failure_and_its_button_works(
    house: House, client: Client, button: str
) -> None:
    plex = PlexSide(house.plex)
    item_id = plex.item_id("Arrival")
    async with Phone() as phone:
        device_id = await phone.register(client)
        await automate(client, "tell_me_when_a_sync_fails", {"phone": device_id})
        house.plex.fail(FaultKind.STATUS, path="/:/scrobble", status=400, times=None)
        await client.action("watched_sync.mark_watched", {"title": "Arrival"})
        told = await asyncio.wait_for(phone.notifications.get(), 15)
        assert (told["title"], told["message"]) == (
            "Attic (alex): not synced",
            "Mark as watched, Arrival (2016): Refused by the server.",
        )
        buttons = {one["title"]: one["action"] for one in told["data"]["actions"]}
        assert list(buttons) == ["Try again", "Undo"]
        await client.until_state(f"sensor.{PLEX}_failed_changes", "1")
        assert plex.seen(item_id) == UNSEEN

        house.plex.clear_faults()
        house.plex.clear_log()
        await until_it_waits(client, "tell_me_when_a_sync_fails", "action/1")
        await phone.press(client, buttons[button])
        await client.until_state(f"sensor.{PLEX}_failed_changes", "0")
        await synced(client)
    if button == "Undo":
        assert plex.marks() == []
        assert plex.seen(item_id) == UNSEEN
    else:
        assert plex.marks() == [("watched", item_id)]
        assert plex.seen(item_id) == ONE_PLAY
    # Nobody else was concerned.
    jellyfin = JellyfinSide(house.jellyfin)
    assert jellyfin.seen(jellyfin.item_id("Arrival")) == ONE_PLAY
    assert house.complaints() == []


@pytest.mark.parametrize(
    ("said", "answer", "seen"),
    [
        ("I have watched Arrival", "Marked as watched: Arrival", ONE_PLAY),
        (
            "mark Arival as watched",
            "I could not mark Arival. Is that its whole title?",
            UNSEEN,
        ),
    ],
)
async def test_voice_marks_without_any_copied_sentences(
    house: House, client: Client, sides: list[Side], said: str, answer: str, seen: Any
) -> None:
    await automate(client, "mark_by_voice", {})
    told = await client.command("conversation/process", text=said, language="en")
    assert told["response"]["speech"]["plain"]["speech"] == answer
    await synced(client)
    for side in sides:
        assert side.seen(side.item_id("Arrival")) == seen
    # Whatever an automation goes on after is told by Home Assistant all the same; its
    # log is written by a thread of its own.
    if seen is UNSEEN:
        await client.until(lambda _: house.complaints(), "it is in the log")
    complaints = house.complaints()
    assert len(complaints) == (seen is UNSEEN)
    assert all("Arival was not found on any server" in one for one in complaints)


async def plays_elsewhere(client: Client, side: Side, item_id: str, title: str) -> None:
    """Have an app of Jellyfin's play something to its end, which takes its time.

    What begins is soon to be continued, and so it is up next: by then it is known.
    """
    server = side.server
    assert isinstance(server, FakeJellyfin)
    await server.play(VIEWER, item_id, position_ticks=LENGTH // 4 * TICKS_PER_SECOND)
    shown = f"todo.{JELLYFIN}_up_next"
    async with asyncio.timeout(15):
        while True:
            rows = await client.action("todo.get_items", entity_id=shown, response=True)
            if title in str(rows):
                break
            await asyncio.sleep(0.1)
    await server.stop_playing(VIEWER, position_ticks=LENGTH * TICKS_PER_SECOND)


async def test_who_is_at_home_has_watched_it_too(
    house: House, client: Client, sides: list[Side]
) -> None:
    plex, jellyfin = sides
    entries = await lanes(client)
    flows = "/api/config/config_entries/options/flow"
    menu = await client.rest("POST", flows, {"handler": entries[f"Attic ({VIEWER})"]})
    form = await client.rest(
        "POST", f"{flows}/{menu['flow_id']}", {"next_step_id": "preferences"}
    )
    chosen: dict[str, Any] = {
        field["name"]: {
            one["name"]: one["default"] for one in field["schema"] if "default" in one
        }
        for field in form["data_schema"]
        if "schema" in field
    }
    chosen["person"] = VIEWER_PERSON
    done = await client.rest("POST", f"{flows}/{form['flow_id']}", chosen)
    assert done["type"] == "create_entry"
    await all_loaded(client)
    await synced(client)
    await client.rest("POST", f"/api/states/{VIEWER_PERSON}", {"state": "home"})
    await automate(
        client,
        "watched_together",
        {"leader": entries[f"Cellar ({VIEWER})"], "persons": [VIEWER_PERSON]},
    )

    # Somebody watches it elsewhere on the leading server, without Home Assistant.
    await plays_elsewhere(
        client, jellyfin, jellyfin.item_id(SHOW, season=2, episode=6), "Peekaboo"
    )
    followed = plex.item_id(SHOW, season=2, episode=6)

    def knows(_: object) -> bool:
        return plex.seen(followed).watched

    await client.until(knows, "the other server knows as well")
    await synced(client)
    assert plex.seen(followed) == ONE_PLAY
    assert plex.marks() == [("watched", followed)]
    assert jellyfin.marks() == []
    assert house.complaints() == []


async def test_position_goes_back_to_where_somebody_fell_asleep(
    house: House, client: Client, sides: list[Side]
) -> None:
    _, jellyfin = sides
    asleep, after, known = (
        jellyfin.item_id(SHOW, season=2, episode=number) for number in (8, 9, 10)
    )
    # This Jellyfin takes the mark away from what begins anew.
    for machine in house.simulation.machines.values():
        await machine.watch(VIEWER, machine.item_id(SHOW, 2, 10), watched=True)
    tv = Player(client)
    automation = await automate(
        client,
        "fell_asleep",
        {
            "player": tv.entity_id,
            "asleep": ASLEEP,
            "lane": (await lanes(client))[f"Cellar ({VIEWER})"],
            "at_least": {"seconds": 1},
        },
    )
    await tv.plays(episode(SHOW, 2, 8), 40)
    await client.action("input_boolean.turn_on", entity_id=ASLEEP)

    def waits(states: Mapping[str, Any]) -> bool:
        return bool(states[automation]["attributes"]["current"])

    await client.until(waits, "it has noticed")
    await until_it_waits(client, "fell_asleep", "action/3/repeat/sequence/0")
    # The player goes on, and the server counts one after the other by itself.
    for item_id, title, plays in (
        (asleep, "Better Call Saul", 1),
        (after, "4 Days Out", 1),
        (known, "Over", 2),
    ):
        await plays_elsewhere(client, jellyfin, item_id, title)

        def told(states: Mapping[str, Any], item_id: str = item_id) -> bool:
            activity = states[f"event.{JELLYFIN}_activity"]["attributes"]
            return bool(activity.get("item_id") == item_id)

        await client.until(told, "it was told")
        assert jellyfin.seen(item_id) == replace(ONE_PLAY, plays=plays)
    await tv.plays(episode(SHOW, 2, 11), 5)
    await client.action("input_boolean.turn_off", entity_id=ASLEEP)

    def has_ended(states: Mapping[str, Any]) -> bool:
        return not waits(states)

    await client.until(has_ended, "it has put everything back", timeout=60)
    await synced(client)
    assert not jellyfin.seen(after).watched
    assert jellyfin.seen(known).watched
    assert not jellyfin.seen(asleep).watched
    assert jellyfin.seen(asleep).position == pytest.approx(0.4 * LENGTH, abs=10)
    assert house.complaints() == []
