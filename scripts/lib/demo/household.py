"""Who lives in the demo's home, what is connected for whom, and what happened there."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from custom_components.watched_sync.const import PERSON_SHARED
from tests.fakes.control import HOUSEHOLD

from .client import Client
from .lanes import jellyfin_entry, plex_entry

type Json = dict[str, Any]

#: The one who signs in, and the other persons. Sam is connected nowhere yet.
OWNER: Final = "Alex"
OTHERS: Final = ("Kim", "Sam")


@dataclass(frozen=True, slots=True)
class Lane:
    """A user of a server, whose plays these are, and what is tracked."""

    kind: str
    user: str
    person: str
    icon: str
    track: Sequence[str] = ()


LANES: Final = (
    Lane("plex", "alex", "person.alex", "mdi:plex", track=("Severance",)),
    Lane("plex", "kim", "person.kim", "mdi:plex"),
    Lane("jellyfin", HOUSEHOLD, PERSON_SHARED, "mdi:jellyfish", track=("Arrival",)),
)

#: Players, each in a room of its name, and the lanes that are told what they play.
PLAYERS: Final[Mapping[str, Sequence[Lane]]] = {
    "Living room": (LANES[0], LANES[2]),
    "Bedroom": (LANES[1],),
}

#: What happens before anybody looks, so that there is something to see.
_OPENING: Final[tuple[tuple[str, Json], ...]] = (
    ("mark_watched", {"title": "Inception"}),
    ("mark_watched", {"title": "Chernobyl", "season": 1, "episode": 3}),
    ("set_progress", {"title": "Arrival", "percent": 35}),
)

_FLOWS: Final = "/api/config/config_entries/subentries/flow"


def player_id(name: str) -> str:
    """Return the entity id of a player."""
    return f"media_player.{name.lower().replace(' ', '_')}"


async def connect(hello: Mapping[str, Any]) -> list[Json]:
    """Return the config entry of each lane; *hello* is that of the simulation."""
    return [await _entry(lane, hello) for lane in LANES]


async def _entry(lane: Lane, hello: Mapping[str, Any]) -> Json:
    server = hello[lane.kind]
    known = server["users"][lane.user]
    if lane.kind == "plex":
        return await plex_entry(
            server["url"],
            known["token"],
            plex_tv=hello["plex_tv"]["url"],
            track=lane.track,
            person=lane.person,
        )
    return await jellyfin_entry(
        server["url"],
        lane.user,
        known["password"],
        track=lane.track,
        person=lane.person,
    )


async def move_in(client: Client) -> None:
    """Do in a Home Assistant that has just started what a household has done before."""
    entries = {
        entry["title"]: entry["entry_id"]
        for entry in await client.command("config_entries/get", domain="watched_sync")
    }
    for name, lanes in PLAYERS.items():
        area = await client.command("config/area_registry/create", name=name)
        await client.command(
            "config/entity_registry/update",
            entity_id=player_id(name),
            area_id=area["area_id"],
        )
        for lane in lanes:
            (entry_id,) = (
                entry_id
                for title, entry_id in entries.items()
                if title.endswith(f"({lane.user})")
            )
            await report(client, entry_id, player_id(name))
    await live(client)


async def live(client: Client) -> None:
    """Have happen what is there to be seen."""
    for action, data in _OPENING:
        await client.action(f"watched_sync.{action}", {**data, "wait": 10})


async def report(
    client: Client, entry_id: str, player: str, *, report_progress: bool = True
) -> None:
    """Have a server told of a player, by the dialog *Report a player*."""
    form = await client.rest("POST", _FLOWS, {"handler": [entry_id, "player"]})
    await client.rest(
        "POST",
        f"{_FLOWS}/{form['flow_id']}",
        {"media_player": player, "report_progress": report_progress},
    )
    # Nobody follows a player while an entry is set up anew.
    await all_loaded(client)


async def all_loaded(client: Client) -> None:
    """Wait until every entry is set up, anew if it was just changed.

    What changes an entry has begun to set it up anew before it is answered. Raises
    TimeoutError.
    """
    async with asyncio.timeout(30):
        while True:
            entries = await client.command("config_entries/get", domain="watched_sync")
            if all(entry["state"] == "loaded" for entry in entries):
                return
            await asyncio.sleep(0.1)
