"""What people do all day, in a real Home Assistant: players, a dashboard, voice."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scripts.lib.demo import household
from scripts.lib.demo.client import Client
from scripts.lib.demo.media import episode, film
from tests.scenarios.house import ONE_PLAY, UNSEEN, JellyfinSide, PlexSide, Side

from .house import JELLYFIN, PLEX, VIEWER, House, no_complaints, synced
from .phone import CONFIGURATION, Phone
from .player import Player

pytestmark = pytest.mark.e2e

#: Whatever a server might take for a change of a play state, or for a playback.
WRITES = (
    r"/:/(un)?scrobble|/:/timeline|/:/progress|PlayedItems|UserData|Sessions/Playing"
)

SHOW = "Breaking Bad"
#: Of the length of each of these episodes, in seconds.
LENGTH = 47 * 60


def sides(house: House) -> list[Side]:
    """Return both servers as tests see them."""
    return [PlexSide(house.plex), JellyfinSide(house.jellyfin)]


def written_about(side: Side, item_id: str) -> list[str]:
    """List the requests of any kind that tell a server something of an item."""
    return [
        f"{one.method} {one.path}"
        for one in side.server.find(WRITES)
        if item_id in (*one.query.values(), *one.path.split("/"), *_values(one.body))
    ]


def _values(body: Any) -> list[Any]:
    return list(body.values()) if isinstance(body, dict) else []


# --- a player stops ---------------------------------------------------------------


async def report(client: Client, player: Player, *, report_progress: bool) -> None:
    """Have both servers told of a player, by the dialog *Report a player*."""
    entries = await client.command("config_entries/get", domain="watched_sync")
    assert len(entries) == 2
    for entry in entries:
        await household.report(
            client,
            entry["entry_id"],
            player.entity_id,
            report_progress=report_progress,
        )
    await synced(client)


async def until_played(
    client: Client, side: Side, *, halfway: str, to_the_end: str
) -> None:
    """Wait until a server knows what was played."""

    def knows(_: object) -> bool:
        return side.seen(halfway).position > 0 and side.seen(to_the_end).watched

    await client.until(knows, f"{side.kind} knows what was played", timeout=30)


@pytest.mark.parametrize("report_progress", [True, False])
async def test_reported_player_stops_and_the_servers_know(
    house: House, *, report_progress: bool
) -> None:
    async with house.client() as client:
        tv = Player(client)
        await tv.stops()
        await report(client, tv, report_progress=report_progress)

        glanced, halfway, to_the_end, counted = (
            {"number": number, **episode(SHOW, 2, number)} for number in (1, 2, 3, 4)
        )
        await tv.played(glanced, 1)
        await tv.played(halfway, 50)
        await tv.played(to_the_end, 95)
        await tv.plays(counted, 95)
        for machine in house.simulation.machines.values():
            await machine.watch(VIEWER, machine.item_id(SHOW, 2, 4), watched=True)
        await tv.stops()

        for side in sides(house):
            ids = [
                side.item_id(SHOW, season=2, episode=number) for number in range(5)[1:]
            ]
            await until_played(client, side, halfway=ids[1], to_the_end=ids[2])
            await synced(client)
            assert side.seen(ids[0]) == UNSEEN
            assert not side.seen(ids[1]).watched
            assert side.seen(ids[1]).position == pytest.approx(LENGTH / 2, abs=5)
            assert side.seen(ids[2]) == ONE_PLAY
            assert side.seen(ids[3]) == ONE_PLAY
            assert written_about(side, ids[0]) == []
            if not report_progress:
                assert written_about(side, ids[3]) == []
                assert len(written_about(side, ids[2])) == 1
    assert house.complaints() == []


async def test_stopped_player_is_named_in_an_action(house: House) -> None:
    async with house.client() as client:
        tv = Player(client)
        await tv.played(episode(SHOW, 2, 5), 95)
        mark = {"wait": 30}
        answer = await client.action(
            "watched_sync.mark_watched", mark, entity_id=tv.entity_id, response=True
        )
        assert [row["status"] for row in answer["operations"]] == ["confirmed"] * 2
        assert answer["skipped"] == []
        for side in sides(house):
            item_id = side.item_id(SHOW, season=2, episode=5)
            assert side.seen(item_id) == ONE_PLAY
            side.server.clear_log()

        # Once more, also after a restart: it remembers what was played, and that it
        # was counted.
        await synced(client)
    await house.restart()
    async with house.client() as client:
        answer = await client.action(
            "watched_sync.mark_watched", mark, entity_id=tv.entity_id, response=True
        )
        assert answer["operations"] == []
        assert [row["reason"] for row in answer["skipped"]] == ["already_watched"] * 2
        await synced(client)
        for side in sides(house):
            assert side.server.find(WRITES) == []
            assert side.seen(side.item_id(SHOW, season=2, episode=5)) == ONE_PLAY
    assert house.complaints() == []


# --- a button and its undoing -----------------------------------------------------


@pytest.fixture
async def house_of_two_shows(tmp_path: Path) -> AsyncIterator[House]:
    """A house that tracks one show on each server."""
    async with House(
        tmp_path, track=["Severance"], track_jellyfin=["Chernobyl"]
    ) as house:
        yield house


def button(name: str, entity_id: str) -> dict[str, Any]:
    """Return a card that presses a button."""
    return {
        "type": "button",
        "name": name,
        "icon": "mdi:eye",
        "tap_action": {
            "action": "perform-action",
            "perform_action": "button.press",
            "target": {"entity_id": entity_id},
        },
    }


async def test_button_marks_the_next_episode_and_another_takes_it_back(
    house_of_two_shows: House,
) -> None:
    house = house_of_two_shows
    plex, jellyfin = sides(house)
    async with house.client() as client:
        await client.command(
            "lovelace/dashboards/create", url_path="my-shows", title="My shows"
        )
        await client.command(
            "lovelace/config/save",
            url_path="my-shows",
            config={
                "views": [
                    {
                        "path": "shows",
                        "cards": [
                            button(
                                "Next of Severance",
                                "button.severance_mark_next_episode_watched",
                            ),
                            button(
                                "Next of Chernobyl",
                                "button.chernobyl_mark_next_episode_watched",
                            ),
                            button("Undo Attic", f"button.{PLEX}_undo_last_change"),
                            button(
                                "Undo Cellar", f"button.{JELLYFIN}_undo_last_change"
                            ),
                        ],
                    }
                ]
            },
        )
        async with house.browser() as browser:
            await browser.go("/my-shows/shows")
            for side, show, season, number, server in (
                (plex, "Severance", 2, 5, "Attic"),
                (jellyfin, "Chernobyl", 1, 3, "Cellar"),
            ):
                sensor = f"sensor.{show.lower()}_next_episode"
                item_id = side.item_id(show, season=season, episode=number)
                await client.until_state(sensor, f"S{season:02}E{number:02}")
                before = side.all_seen()
                assert side.seen(item_id) == UNSEEN

                await browser.click(f"hui-button-card:has-text('Next of {show}')")
                await client.until_state(sensor, f"S{season:02}E{number + 1:02}")
                await synced(client)
                assert side.all_seen() == {**before, (VIEWER, item_id): ONE_PLAY}

                await browser.settled()
                await browser.click(f"hui-button-card:has-text('Undo {server}')")
                await client.until_state(sensor, f"S{season:02}E{number:02}")
                await synced(client)
                assert side.seen(item_id) == UNSEEN
                assert [what for what, _ in side.marks()] == ["watched", "unwatched"]
            await no_complaints(browser)
    assert house.complaints() == []


# --- what is said -----------------------------------------------------------------

#: The television of the living room. What is posted for `media_player.tv` it shows as
#: its own, and unlike that it is registered: it can be in a room.
_TELEVISION = """\
media_player:
  - platform: universal
    name: Television
    unique_id: television
    children:
      - media_player.tv
"""


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence, and what is answered."""

    text: str
    answer: str


#: The five kinds of sentences, and what is asked back, by language.
SAID: Mapping[str, Mapping[str, Said]] = {
    "en": {
        "last": Said(
            "mark the last episode of Severance as watched",
            "I marked season 2 episode 10 of Severance as watched.",
        ),
        "up to": Said(
            "I'm up to season 2 episode 5 of Severance",
            "I marked season 1 of Severance and season 2 episodes 1 to 5 of Severance"
            " as watched.",
        ),
        "this": Said("this one is watched", "I marked Arrival as watched."),
        "next": Said(
            "what's next in The Bear",
            "On Attic (alex): Next is season 2 episode 4 of The Bear: Honeydew."
            " On Cellar (alex): Next is season 1 episode 1 of The Bear: System.",
        ),
        "much": Said(
            "I finished Breaking Bad",
            "That would mark 62 items as watched. Are you sure?"
            " Then say it again and add: for sure.",
        ),
        "sure": Said(
            "I finished Breaking Bad for sure",
            "I marked all of Breaking Bad as watched.",
        ),
        "finished": Said("I finished The Bear", "I marked all of The Bear as watched."),
        "ambiguous": Said(
            "I finished Dune",
            "Which one do you mean: the 1984 movie Dune or the 2021 movie Dune?",
        ),
    },
    "de": {
        "last": Said(
            "markiere die letzte Folge von Severance als gesehen",
            "Ich habe Staffel 2 Folge 10 von Severance als gesehen markiert.",
        ),
        "up to": Said(
            "ich bin bis Staffel 2 Folge 5 von Severance",
            "Ich habe Staffel 1 von Severance und Staffel 2 Folge 1 bis 5 von Severance"
            " als gesehen markiert.",
        ),
        "this": Said("das hier ist gesehen", "Ich habe Arrival als gesehen markiert."),
        "next": Said(
            "was kommt als nächstes in The Bear",
            "Auf Attic (alex): Als Nächstes kommt Staffel 2 Folge 4 von The Bear:"
            " Honeydew. Auf Cellar (alex): Als Nächstes kommt Staffel 1 Folge 1 von"
            " The Bear: System.",
        ),
        "much": Said(
            "ich habe Breaking Bad gesehen",
            "Damit würden 62 Titel als gesehen markiert. Bist du sicher?"
            " Dann sag es noch einmal und füge hinzu: ganz sicher.",
        ),
        "sure": Said(
            "ich habe Breaking Bad gesehen ganz sicher",
            "Ich habe die ganze Serie Breaking Bad als gesehen markiert.",
        ),
        "finished": Said(
            "ich habe The Bear gesehen",
            "Ich habe die ganze Serie The Bear als gesehen markiert.",
        ),
        "ambiguous": Said(
            "ich habe Dune gesehen",
            "Was meinst du: den Film Dune von 1984 oder den Film Dune von 2021?",
        ),
    },
}


async def furnish_living_room(client: Client, phone: Phone) -> str:
    """Put the television and a phone in one room; return the phone's device."""
    area = await client.command("config/area_registry/create", name="Living room")
    device_id = await phone.register(client)
    for command, one in (
        ("config/device_registry/update", {"device_id": device_id}),
        ("config/entity_registry/update", {"entity_id": "media_player.television"}),
    ):
        await client.command(command, **one, area_id=area["area_id"])
    return device_id


@pytest.mark.parametrize("language", SAID)
async def test_everything_said_is_understood_and_done(
    tmp_path: Path, language: str
) -> None:
    async with (
        Phone() as phone,
        House(
            tmp_path,
            configuration=f"{CONFIGURATION}{_TELEVISION}",
            sentences=[language],
        ) as house,
        house.client() as client,
    ):
        device_id = await furnish_living_room(client, phone)

        async def say(what: str) -> str:
            """Say something into the phone; return of what kind the answer is."""
            one = SAID[language][what]
            told = await client.command(
                "conversation/process",
                text=one.text,
                language=language,
                device_id=device_id,
            )
            response = told["response"]
            assert response["speech"]["plain"]["speech"] == one.answer
            await synced(client)
            return str(response["response_type"])

        plex, jellyfin = sides(house)
        shows = {
            side.kind: [
                *side.leaves(side.item_id("The Bear")),
                *side.leaves(side.item_id("Breaking Bad")),
            ]
            for side in (plex, jellyfin)
        }
        severance = {
            (side.kind, season, number): side.item_id(
                "Severance", season=season, episode=number
            )
            for side in (plex, jellyfin)
            for season, last in ((1, 9), (2, 10))
            for number in range(1, last + 1)
        }

        # Nothing is done that was asked about, or has to be asked about.
        for side in (plex, jellyfin):
            side.server.clear_log()
        before = {side.kind: side.all_seen() for side in (plex, jellyfin)}
        for what in ("next", "ambiguous", "much"):
            assert await say(what) == "query_answer"
        queue = await client.action("watched_sync.get_queue", response=True)
        history = await client.action("watched_sync.get_history", response=True)
        assert (queue["operations"], history["operations"]) == ([], [])
        for side in (plex, jellyfin):
            assert side.server.find(WRITES) == []
            assert side.all_seen() == before[side.kind]

        assert await say("last") == "action_done"
        assert await say("up to") == "action_done"
        for side in (plex, jellyfin):
            watched = {
                (season, number)
                for (kind, season, number), item_id in severance.items()
                if kind == side.kind and side.seen(item_id) == ONE_PLAY
            }
            assert watched == {
                *((1, number) for number in range(1, 10)),
                *((2, number) for number in range(1, 6)),
                (2, 10),
            }

        await Player(client).played(film("Arrival", 2016), 95)
        assert await say("this") == "action_done"
        assert await say("finished") == "action_done"
        assert await say("sure") == "action_done"
        for side in (plex, jellyfin):
            assert side.seen(side.item_id("Arrival", 2016)) == ONE_PLAY
            assert {side.seen(one) for one in shows[side.kind]} == {ONE_PLAY}
        assert house.complaints() == []
