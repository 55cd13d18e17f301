"""For whom a change is: every way in, by everybody who may call, in every house."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from homeassistant.auth.const import GROUP_ID_ADMIN, GROUP_ID_USER
from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import ServiceValidationError, Unauthorized
from homeassistant.helpers import area_registry as ar, entity_registry as er, intent
from homeassistant.helpers.llm import LLMContext, ToolInput
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.watched_sync.const import DOMAIN
from custom_components.watched_sync.core.identity import Item, MediaKind, ProviderIds
from custom_components.watched_sync.intent import async_setup_intents
from custom_components.watched_sync.llm import MarkTool

from .common import MemoryServer, drained, lane_entry, use_server

ADA, GRACE, KIM = "person.ada", "person.grace", "person.kim"

#: What is answered instead of marking something.
ASKED, REFUSED, ONE_LANE = "for_whom", "not allowed", "item_id_needs_lane"
LEFT_ALONE = "switch_of_another"


@dataclass(frozen=True, slots=True)
class Situation:
    """Whose the entries of a house are, and who calls: a person, or nobody."""

    owners: Sequence[str]
    caller: str | None = None
    is_admin: bool = True


SITUATIONS: Final = {
    "one person": Situation([ADA], ADA),
    "three persons": Situation([ADA, GRACE, KIM], ADA),
    "shared": Situation([ADA, GRACE, "shared"], ADA),
    "automation, unknown voice": Situation([ADA, GRACE, "somebody_else"]),
    "automation, one person": Situation([ADA, ADA, "shared"]),
    "non-administrator": Situation([GRACE, ADA, "shared"], ADA, is_admin=False),
}

#: Who is marked, by the number of the entry, or what is answered: of every way in, in
#: every situation. Lists, players and switches that are turned are the first entry's,
#: the switch that an action names is the last one's.
MATRIX: Final[dict[str, tuple[list[int] | str, ...]]] = {
    "action by title": ([0], [0], [0, 2], ASKED, [0, 1, 2], [1, 2]),
    "action by external id": ([0], [0], [0, 2], ASKED, [0, 1, 2], [1, 2]),
    "action by item id": ([0], [0], ONE_LANE, ASKED, ONE_LANE, ONE_LANE),
    "action for an entry": ([0], [0], [0], [0], [0], REFUSED),
    "action for Ada": ([0], [0], [0, 2], [0], [0, 1, 2], [1, 2]),
    "action for everyone": (
        [0],
        [0, 1, 2],
        [0, 1, 2],
        [0, 1, 2],
        [0, 1, 2],
        REFUSED,
    ),
    "action by switch": ([0], [2], [2], [2], [2], [2]),
    "action by area": ([0], [0], [0, 2], [0, 1, 2], [0, 1, 2], [1, 2]),
    "action by player": ([0], [0], [0, 2], ASKED, [0, 1, 2], [1, 2]),
    "action by reported player": ([0], [0], [0, 2], [0], [0, 2], [1, 2]),
    "one switch": ([0], [0], [0], [0], [0], REFUSED),
    "switches of a room": ([0], [0], [0, 2], [0, 1, 2], [0, 1, 2], [1, 2]),
    "to-do list": ([0], [0], [0], [0], [0], REFUSED),
    "voice": ([0], [0], [0, 2], ASKED, [0, 1, 2], [1, 2]),
    "voice for Ada": ([0], [0], [0, 2], [0], [0, 1, 2], [1, 2]),
    "voice for everyone": (
        [0],
        [0, 1, 2],
        [0, 1, 2],
        [0, 1, 2],
        [0, 1, 2],
        REFUSED,
    ),
    "tool": ([0], [0], [0, 2], ASKED, [0, 1, 2], [1, 2]),
    "tool for Ada": ([0], [0], [0, 2], [0], [0, 1, 2], [1, 2]),
}
WAYS: Final = list(MATRIX)

#: A film for every way in.
FILMS: Final = [
    Item(
        f"film{number}",
        MediaKind.MOVIE,
        f"Reel {number} of it",
        1990 + number,
        ProviderIds(imdb=f"tt9{number:07}"),
        duration=6000.0,
    )
    for number in range(len(WAYS))
]
#: Those that have switches.
TRACKED: Final = [
    film
    for way, film in zip(WAYS, FILMS, strict=True)
    if "switch" in way or "area" in way
]


@dataclass(frozen=True, slots=True)
class House:
    """Entries with the same films, and somebody who calls."""

    hass: HomeAssistant
    entries: Sequence[MockConfigEntry]
    context: Context

    def switch(self, entry: MockConfigEntry, film: Item) -> str:
        """Return the switch of a film."""
        entity_id = er.async_get(self.hass).async_get_entity_id(
            "switch", DOMAIN, f"{entry.unique_id}:{film.item_id}:watched"
        )
        assert entity_id is not None
        return entity_id

    def marked(self, film: Item) -> list[int]:
        """Return the entries on which a film was asked to be watched."""
        found = []
        for number, entry in enumerate(self.entries):
            outbox = entry.runtime_data.lane.outbox
            asked = [*outbox, *(one.operation for one in outbox.history)]
            if any(one.item.item_id == film.item_id for one in asked):
                found.append(number)
        return found

    async def call(self, action: str, **data: Any) -> None:
        """Call an action for whoever calls."""
        domain, _, name = action.partition(".")
        await self.hass.services.async_call(
            domain, name, data, blocking=True, context=self.context
        )

    async def mark(self, **data: Any) -> None:
        """Call our action."""
        await self.call(f"{DOMAIN}.mark_watched", **data)

    async def play(self, film: Item, player: str) -> None:
        """Have a player play a film, and mark what it plays."""
        playing = {"media_content_type": "movie", "media_title": film.title}
        self.hass.states.async_set(player, "playing", playing)
        await self.mark(entity_id=player)
        self.hass.states.async_set(player, "off", {})

    async def in_a_room(self, film: Item) -> str:
        """Put the switches of a film into a room of their own."""
        room = ar.async_get(self.hass).async_create(film.item_id)
        for entry in self.entries:
            er.async_get(self.hass).async_update_entity(
                self.switch(entry, film), area_id=room.id
            )
        return room.id

    async def say(self, film: Item, **slots: str) -> None:
        """Say that a film was watched; a question or a refusal is raised."""
        response = await intent.async_handle(
            self.hass,
            "test",
            "WatchedSyncMark",
            {
                key: {"value": value}
                for key, value in {"title": film.title, **slots}.items()
            },
            context=self.context,
        )
        answer = response.speech["plain"]["speech"]
        if answer == "You are not allowed to do that.":
            raise Unauthorized
        if answer.startswith("For whom is that meant: "):
            assert response.response_type is intent.IntentResponseType.QUERY_ANSWER
            raise ServiceValidationError(translation_key=ASKED)
        assert response.response_type is intent.IntentResponseType.ACTION_DONE, answer

    async def use_tool(self, film: Item, **args: str) -> None:
        """Have a language model mark a film."""
        context = LLMContext("test", self.context, "en", "conversation", None)
        told = await MarkTool().async_call(
            self.hass,
            ToolInput(MarkTool.name, {"title": film.title, **args}),
            context,
        )
        assert not told.error, told.data
        if told.data["status"] == "needs_answer":
            raise ServiceValidationError(translation_key=str(told.data["reason"]))


async def by_room(house: House, film: Item) -> None:
    """Turn on the switches of a room, of which some may be left alone."""
    try:
        await house.call("switch.turn_on", area_id=await house.in_a_room(film))
    except ServiceValidationError as err:
        if err.translation_key != LEFT_ALONE:
            raise
    except Unauthorized:
        # Home Assistant carries out the others nevertheless.
        assert house.marked(film)


async def by_area(house: House, film: Item) -> None:
    """Mark what has a switch in a room."""
    await house.mark(area_id=await house.in_a_room(film))


BY: Final[dict[str, Callable[[House, Item], Awaitable[None]]]] = {
    "action by title": lambda house, film: house.mark(title=film.title),
    "action by external id": lambda house, film: house.mark(
        external_id=f"imdb://tt9{FILMS.index(film):07}"
    ),
    "action by item id": lambda house, film: house.mark(item_id=film.item_id),
    "action for an entry": lambda house, film: house.mark(
        title=film.title, config_entry_id=house.entries[0].entry_id
    ),
    "action for Ada": lambda house, film: house.mark(title=film.title, person=ADA),
    "action for everyone": lambda house, film: house.mark(
        title=film.title, person="everyone"
    ),
    "action by switch": lambda house, film: house.mark(
        entity_id=house.switch(house.entries[-1], film)
    ),
    "action by area": by_area,
    "action by player": lambda house, film: house.play(film, "media_player.tv"),
    "action by reported player": lambda house, film: house.play(
        film, "media_player.den"
    ),
    "one switch": lambda house, film: house.call(
        "switch.turn_on", entity_id=house.switch(house.entries[0], film)
    ),
    "switches of a room": by_room,
    "to-do list": lambda house, film: house.call(
        "todo.update_item",
        entity_id="todo.house_0_user_0_up_next",
        item=film.item_id,
        status="completed",
    ),
    "voice": lambda house, film: house.say(film),
    "voice for Ada": lambda house, film: house.say(film, person="Ada"),
    "voice for everyone": lambda house, film: house.say(film, person="everyone"),
    "tool": lambda house, film: house.use_tool(film),
    "tool for Ada": lambda house, film: house.use_tool(film, person="Ada"),
}


async def moved_in(hass: HomeAssistant, situation: Situation) -> House:
    """Set up the entries of a situation, and the persons."""
    for component in ("homeassistant", "todo"):
        assert await async_setup_component(hass, component, {})
    await async_setup_intents(hass)
    # Whoever comes first is the owner, and may everything.
    await hass.auth.async_create_user("owner", group_ids=[GROUP_ID_ADMIN])
    group = GROUP_ID_ADMIN if situation.is_admin else GROUP_ID_USER
    user = await hass.auth.async_create_user("caller", group_ids=[group])
    for person in (ADA, GRACE, KIM):
        known = {"user_id": user.id} if person == situation.caller else {}
        name = person.removeprefix("person.").title()
        hass.states.async_set(person, "home", {"friendly_name": name, **known})
    entries = []
    for number, owner in enumerate(situation.owners):
        server = MemoryServer(
            FILMS,
            server_id=f"server-{number}",
            server_name=f"House {number}",
            user_id=f"user-{number}",
            user_name=f"user {number}",
        )
        server.up_next_ids = [FILMS[WAYS.index("to-do list")].item_id]
        use_server(hass, server)
        entry = lane_entry(server, options={"person": owner}, subentries=TRACKED)
        entry.add_to_hass(hass)
        if number == 0:
            hass.config_entries.async_add_subentry(entry, reported("media_player.den"))
        await hass.config_entries.async_setup(entry.entry_id)
        entries.append(entry)
    await hass.async_block_till_done()
    context = Context(user_id=user.id if situation.caller else None)
    return House(hass, entries, context)


def reported(player: str) -> ConfigSubentry:
    """Return what reports a player to a server."""
    return ConfigSubentry(
        data=MappingProxyType({"media_player": player, "report_progress": False}),
        subentry_type="player",
        title=player,
        unique_id=player,
    )


@pytest.mark.parametrize("name", SITUATIONS)
async def test_nothing_is_marked_for_somebody_who_was_not_meant(
    hass: HomeAssistant, name: str
) -> None:
    house = await moved_in(hass, SITUATIONS[name])
    column = list(SITUATIONS).index(name)
    answers: dict[str, list[int] | str] = {}
    for way, film in zip(WAYS, FILMS, strict=True):
        try:
            await BY[way](house, film)
        except Unauthorized:
            answers[way] = REFUSED
        except ServiceValidationError as err:
            answers[way] = str(err.translation_key)
        else:
            answers[way] = house.marked(film)
            continue
        assert house.marked(film) == []
    assert answers == {way: row[column] for way, row in MATRIX.items()}
    for entry in house.entries:
        await drained(hass, entry)


async def test_undo_of_a_person_takes_back_their_own_last_batch(
    hass: HomeAssistant,
) -> None:
    house = await moved_in(hass, SITUATIONS["three persons"])
    first, second, *_ = FILMS
    await house.mark(title=first.title, person="everyone")
    await house.mark(title=second.title, person=GRACE)
    for entry in house.entries:
        await drained(hass, entry)
    answer = await hass.services.async_call(
        DOMAIN,
        "undo",
        blocking=True,
        return_response=True,
        context=house.context,
    )
    assert answer is not None
    rows = answer["operations"]
    assert isinstance(rows, list)
    assert [row["title"] for row in rows if isinstance(row, dict)] == [
        first.full_title
    ] * 3
    for entry in house.entries:
        await drained(hass, entry)
