"""What is said to Home Assistant, by its own conversation agent, in five languages."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
import re
import shutil
from typing import Any, override

from freezegun.api import FrozenDateTimeFactory
from hassil.intents import Intents, SlotList, TextSlotList
from hassil.recognize import recognize_best
from hassil.util import merge_dict
from home_assistant_intents import get_intents
from homeassistant.auth.permissions.system_policies import USER_POLICY
from homeassistant.components import conversation
from homeassistant.components.homeassistant.exposed_entities import async_expose_entity
from homeassistant.core import Context, HomeAssistant
from homeassistant.helpers import (
    area_registry as ar,
    device_registry as dr,
    entity_registry as er,
    intent,
)
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser
import yaml

from custom_components.watched_sync.core.errors import Fault, ItemGone
from custom_components.watched_sync.core.identity import Item, MediaKind, ProviderIds
from custom_components.watched_sync.core.operation import (
    MarkUnwatched,
    MarkWatched,
    Operation,
    SetProgress,
)
from custom_components.watched_sync.core.play_state import Reading
from custom_components.watched_sync.runtime import WatchedSyncRuntime
from custom_components.watched_sync.voice.assistants import Assistant
from custom_components.watched_sync.voice.hearing import Asks, Heard, NeedsAnswer
from custom_components.watched_sync.voice.speech import async_speech

from .common import (
    EPISODES,
    MOVIE,
    SHOW,
    MemoryServer,
    drained,
    episode,
    season,
    setup_lane,
)
from .scene import lose_contact, revoke_token
from .sentences import read_once

SENTENCES = Path(__file__).parents[1] / "custom_sentences"

VOICE_DOCUMENT = (SENTENCES.parent / "docs" / "voice.md").read_text(encoding="utf-8")

#: What is said, what is written or understood, and what is answered, by language.
VOICE: Mapping[str, Mapping[str, Any]] = yaml.safe_load(
    Path(__file__).with_name("voice.yaml").read_text(encoding="utf-8")
)

BEAR = Item(
    item_id="bear",
    kind=MediaKind.SHOW,
    title="The Bear",
    year=2022,
    provider_ids=ProviderIds(imdb="tt14452776"),
    library_id="shows",
)
OLD_FARGO = Item(
    item_id="fargo",
    kind=MediaKind.MOVIE,
    title="Fargo",
    year=1996,
    provider_ids=ProviderIds(imdb="tt0116282"),
    duration=5880.0,
)
FARGO = Item(
    item_id="fargo-show",
    kind=MediaKind.SHOW,
    title="Fargo",
    year=2014,
    provider_ids=ProviderIds(imdb="tt2802850"),
)


def bear(number: int) -> Item:
    """Return an episode of the first season of The Bear."""
    return Item(
        item_id=f"bear{number}",
        kind=MediaKind.EPISODE,
        title=f"Course {number}",
        duration=1800.0,
        library_id="shows",
        show_id="bear",
        show_title="The Bear",
        show_provider_ids=BEAR.provider_ids,
        season_id="bear-season",
        season=1,
        episode=number,
    )


LIBRARY = (
    MOVIE,
    SHOW,
    season(1),
    season(2),
    *EPISODES,
    *(episode(2, number) for number in range(3, 7)),
    BEAR,
    *(bear(number) for number in range(1, 4)),
    OLD_FARGO,
    FARGO,
    replace(
        bear(1),
        item_id="fargo1",
        show_id="fargo-show",
        show_title="Fargo",
        show_provider_ids=FARGO.provider_ids,
    ),
)


@pytest.fixture(autouse=True)
async def voice(
    hass: HomeAssistant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Have a conversation agent that knows the sentences of all five languages."""
    hass.config.config_dir = str(tmp_path)
    shutil.copytree(SENTENCES, tmp_path / "custom_sentences")
    read_once(monkeypatch)
    assert await async_setup_component(hass, "homeassistant", {})
    assert await async_setup_component(hass, "intent", {})
    assert await async_setup_component(hass, "conversation", {})


async def house(
    hass: HomeAssistant, server: MemoryServer | None = None, **kwargs: Any
) -> tuple[MockConfigEntry, MemoryServer]:
    """Set up one lane with the library."""
    server = server or MemoryServer(LIBRARY)
    return await setup_lane(hass, server, **kwargs), server


async def say(
    hass: HomeAssistant,
    text: str,
    language: str = "en",
    *,
    user_id: str | None = None,
    device_id: str | None = None,
) -> tuple[str, str]:
    """Say something; return what is answered, and of what kind the answer is."""
    result = await conversation.async_converse(
        hass,
        text,
        None,
        Context(user_id=user_id),
        language=language,
        device_id=device_id,
    )
    await hass.async_block_till_done()
    response = result.response
    return response.speech["plain"]["speech"], response.response_type.value


def untouched(entry: MockConfigEntry, server: MemoryServer) -> bool:
    """Whether nothing was written, and nothing waits or ended."""
    outbox = entry.runtime_data.lane.outbox
    return not server.writes and not len(outbox) and not outbox.history


# --- the sentences everybody says -------------------------------------------------


@pytest.mark.parametrize("language", VOICE)
async def test_a_talk_marks_what_is_said_and_says_what_was_marked(
    hass: HomeAssistant, language: str
) -> None:
    entry, server = await house(hass)
    for one in VOICE[language]["talk"]:
        server.writes.clear()
        said, _ = await say(hass, one["say"], language)
        await drained(hass, entry)
        assert said == one["answer"]
        assert [item_id for item_id, _ in server.writes] == one["writes"], one["say"]


async def test_each_intent_asks_for_its_own_change(hass: HomeAssistant) -> None:
    entry, server = await house(hass)
    for text in (
        "I watched Arrival",
        "I haven't watched Arrival",
        "I'm an hour and 20 minutes into Arrival",
        "I'm halfway through Arrival",
    ):
        await say(hass, text)
        await drained(hass, entry)
    assert server.writes == [
        ("m1", MarkWatched()),
        ("m1", MarkUnwatched()),
        ("m1", SetProgress(4800)),
        ("m1", SetProgress(3480)),
    ]


# --- what is understood -------------------------------------------------------------


def agent_of(language: str) -> tuple[Intents, dict[str, SlotList]]:
    """Return the sentences Home Assistant has for a language, and ours on top."""
    sentences: dict[str, Any] = get_intents(language) or {}
    ours = yaml.safe_load((SENTENCES / language / "watched_sync.yaml").read_text())
    for handled in ours["intents"].values():
        for block in handled["data"]:
            block["metadata"] = {"hass_custom_sentence": True}
    merge_dict(sentences, ours)
    rooms: list[tuple[str, str, Any]] = [
        (name, name, {}) for name in ("living room", "Wohnzimmer", "Kitchen")
    ]
    slot_lists: dict[str, SlotList] = {
        "area": TextSlotList.from_tuples(rooms, name="area"),
        "name": TextSlotList.from_tuples([("TV", "TV", {})], name="name"),
        "floor": TextSlotList.from_tuples([], name="floor"),
    }
    return Intents.from_dict(sentences), slot_lists


@pytest.mark.parametrize("language", VOICE)
def test_sentences_are_understood(language: str) -> None:
    intents, slot_lists = agent_of(language)
    for one in VOICE[language]["understood"]:
        result = recognize_best(
            one["say"],
            intents,
            slot_lists=slot_lists,
            language=language,
            best_metadata_key="hass_custom_sentence",
            best_slot_name="name",
        )
        assert result is not None, one["say"]
        slots = {name: entity.value for name, entity in result.entities.items()}
        assert (result.intent.name, slots) == (
            f"WatchedSync{one['intent']}",
            one.get("slots", {}),
        )


@pytest.mark.parametrize("language", VOICE)
def test_sentences_of_home_assistant_are_left_alone(language: str) -> None:
    """Ours go first, so none of them may fit what others are for."""
    ours = yaml.safe_load((SENTENCES / language / "watched_sync.yaml").read_text())
    intents = Intents.from_dict(ours)
    _, slot_lists = agent_of(language)
    theirs = get_intents(language) or {}
    names = {"area": "Kitchen", "name": "TV", "floor": "attic"}
    tried = 0
    for handled in theirs["intents"].values():
        for block in handled["data"]:
            for sentence in block["sentences"]:
                text = _plainest(sentence, theirs["expansion_rules"], names)
                tried += 1
                result = recognize_best(text, intents, slot_lists=slot_lists)
                assert result is None, (sentence, text)
    assert tried > 100


def _plainest(template: str, rules: Mapping[str, str], names: Mapping[str, str]) -> str:
    """Return a sentence that fits a template: of each choice the first."""
    while match := re.search(r"<([^<>]+)>", template):
        rule = rules.get(match[1], match[1])
        template = template.replace(match[0], f"({rule})")
    while match := re.search(r"[(\[]([^()\[\]]*)[)\]]", template):
        template = template.replace(match[0], match[1].split("|")[0])
    template = re.sub(r"\{(\w+)[^}]*\}", lambda m: names.get(m[1], "20"), template)
    return " ".join(template.replace(";", " ").split())


def test_sentences_of_the_document_are_understood() -> None:
    intents, slot_lists = agent_of("en")
    rows = re.findall(r"^\| \*(.+?)\* \|", VOICE_DOCUMENT, re.MULTILINE)
    assert len(rows) > 12
    for text in rows:
        result = recognize_best(
            text,
            intents,
            slot_lists=slot_lists,
            language="en",
            best_metadata_key="hass_custom_sentence",
        )
        assert result is not None, text
        assert result.intent.name.startswith("WatchedSync"), text


async def test_document_names_every_slot(hass: HomeAssistant) -> None:
    await house(hass)
    table = dict(
        re.findall(r"^\| (`.+?) \|.*\| (.+?) \|$", VOICE_DOCUMENT, re.MULTILINE)
    )
    for handler in intent.async_get(hass):
        if not handler.intent_type.startswith("WatchedSync"):
            continue
        slots = {str(slot) for slot in handler.slot_schema or ()}
        named = {
            slot
            for names, where in table.items()
            for slot in re.findall(r"`(\w+)`", names)
            if (f"`{handler.intent_type}`" in where) != where.startswith("all")
        }
        assert named == slots - {"preferred_area_id"}, handler.intent_type


# --- what plays in the room -------------------------------------------------------


def room(hass: HomeAssistant, name: str, entry: MockConfigEntry) -> tuple[str, str]:
    """Add a room with a satellite and a television; return their ids."""
    area = ar.async_get(hass).async_get_or_create(name)
    device = dr.async_get(hass).async_get_or_create(
        config_entry_id=entry.entry_id, identifiers={("test", name)}
    )
    dr.async_get(hass).async_update_device(device.id, area_id=area.id)
    player = er.async_get(hass).async_get_or_create(
        "media_player", "cast", name, original_name=f"{name} TV"
    )
    er.async_get(hass).async_update_entity(player.entity_id, area_id=area.id)
    async_expose_entity(hass, "conversation", player.entity_id, should_expose=True)
    return device.id, player.entity_id


def play(hass: HomeAssistant, player: str, item: Item, state: str = "playing") -> None:
    """Have a player play something."""
    attributes = {"media_content_type": "movie", "media_title": item.title}
    if item.kind is MediaKind.EPISODE:
        attributes = {
            "media_content_type": "tvshow",
            "media_series_title": item.show_title or "",
            "media_season": str(item.season),
            "media_episode": str(item.episode),
            "media_title": item.title,
        }
    hass.states.async_set(
        player, state, {"friendly_name": player.split(".")[1], **attributes}
    )


@pytest.mark.parametrize("language", VOICE)
async def test_this_one_is_what_plays_in_the_room_of_the_satellite(
    hass: HomeAssistant, language: str
) -> None:
    this_one = VOICE[language]["this one"]
    entry, server = await house(hass)
    satellite, den = room(hass, "Den", entry)
    _, kitchen = room(hass, "Kitchen", entry)
    play(hass, den, MOVIE)
    play(hass, kitchen, episode(1, 1))
    answer, _ = await say(hass, this_one["say"], language, device_id=satellite)
    assert answer == this_one["answer"]
    await drained(hass, entry)
    assert server.writes == [("m1", MarkWatched())]


async def test_this_one_is_what_played_last_in_the_room_once_nothing_plays(
    hass: HomeAssistant,
) -> None:
    entry, server = await house(hass)
    satellite, den = room(hass, "Den", entry)
    _, kitchen = room(hass, "Kitchen", entry)
    play(hass, den, MOVIE)
    hass.states.async_set(den, "idle", {})
    play(hass, kitchen, episode(1, 1))
    hass.states.async_set(kitchen, "idle", {})
    answer, _ = await say(hass, "I'm 40 minutes into this", device_id=satellite)
    assert answer == "I set Arrival to 40 minutes."
    await drained(hass, entry)
    assert server.writes == [("m1", SetProgress(2400))]


async def test_room_can_be_named(hass: HomeAssistant) -> None:
    entry, _ = await house(hass)
    room(hass, "Den", entry)
    _, kitchen = room(hass, "Kitchen", entry)
    play(hass, kitchen, episode(1, 1))
    answer, _ = await say(hass, "mark what's playing in the kitchen as watched")
    assert answer == "I marked season 1 episode 1 of Severance as watched."


async def test_one_that_is_paused_gives_way_to_one_that_plays(
    hass: HomeAssistant,
) -> None:
    entry, _ = await house(hass)
    _, den = room(hass, "Den", entry)
    _, kitchen = room(hass, "Kitchen", entry)
    play(hass, den, MOVIE, "paused")
    play(hass, kitchen, episode(1, 1))
    answer, _ = await say(hass, "I finished this one")
    assert answer == "I marked season 1 episode 1 of Severance as watched."


async def test_two_that_play_are_asked_about(hass: HomeAssistant) -> None:
    entry, server = await house(hass)
    _, den = room(hass, "Den", entry)
    _, kitchen = room(hass, "Kitchen", entry)
    play(hass, den, MOVIE)
    play(hass, kitchen, episode(1, 1))
    answer, kind = await say(hass, "I finished this one")
    assert kind == "query_answer"
    names = " or ".join(
        state.name for one in (den, kitchen) if (state := hass.states.get(one))
    )
    assert answer == f"Which one do you mean: what plays on {names}?"
    assert untouched(entry, server)


async def test_without_a_room_what_stopped_somewhere_is_not_meant(
    hass: HomeAssistant,
) -> None:
    entry, server = await house(hass)
    _, den = room(hass, "Den", entry)
    play(hass, den, MOVIE)
    hass.states.async_set(den, "idle", {})
    answer, kind = await say(hass, "this one is watched")
    assert (answer, kind) == ("Which room do you mean?", "query_answer")
    assert untouched(entry, server)


async def test_what_nobody_can_name_is_said_to_be_so(hass: HomeAssistant) -> None:
    entry, server = await house(hass)
    satellite, den = room(hass, "Den", entry)
    answer, kind = await say(hass, "this one is watched", device_id=satellite)
    assert kind == "error"
    assert answer == "Nothing that was played in this room is known."
    play(hass, den, replace(MOVIE, title="Home video"))
    answer, _ = await say(hass, "this one is watched", device_id=satellite)
    assert answer == "I did not find Home video on any server."
    assert untouched(entry, server)


async def test_what_plays_without_a_name_is_not_what_played_before(
    hass: HomeAssistant,
) -> None:
    entry, server = await house(hass)
    satellite, den = room(hass, "Den", entry)
    play(hass, den, MOVIE)
    hass.states.async_set(den, "idle", {})
    hass.states.async_set(den, "playing", {})
    answer, kind = await say(hass, "this one is watched", device_id=satellite)
    assert kind == "error"
    assert answer == "Something plays that does not say what it is. Say its title."
    play(hass, den, replace(episode(1, 1), episode=-1))
    answer, _ = await say(hass, "this one is watched", device_id=satellite)
    assert answer == (
        "An episode of Severance plays, but it is not known which. "
        "Say its season and episode."
    )
    assert untouched(entry, server)


async def test_player_that_is_not_exposed_is_not_spoken_of(hass: HomeAssistant) -> None:
    entry, server = await house(hass)
    satellite, den = room(hass, "Den", entry)
    async_expose_entity(hass, "conversation", den, should_expose=False)
    play(hass, den, MOVIE)
    answer, _ = await say(hass, "this one is watched", device_id=satellite)
    assert answer == "Nothing that was played in this room is known."
    assert untouched(entry, server)


# --- questions --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "language", "title"),
    [
        ("I watched it", "en", "It"),
        ("Ich habe es gesehen", "de", "Es"),
        ("j'ai vu ça", "fr", "Ça"),
        ("he visto eso", "es", "Eso"),
        ("ik heb het gezien", "nl", "Het"),
    ],
)
async def test_word_for_what_plays_is_a_title_only_where_nothing_does(
    hass: HomeAssistant, text: str, language: str, title: str
) -> None:
    films = [film("it", title), MOVIE]
    entry, server = await house(hass, MemoryServer(films))
    _, den = room(hass, "Den", entry)
    play(hass, den, MOVIE)
    await say(hass, text, language)
    await drained(hass, entry)
    play(hass, den, film("x", "Home video"))
    _, kind = await say(hass, text, language)
    assert kind == "error"
    hass.states.async_set(den, "off", {})
    await say(hass, text, language)
    await drained(hass, entry)
    assert [item_id for item_id, _ in server.writes] == ["m1", "it"]


async def test_title_in_quotes_is_a_title_whatever_plays(hass: HomeAssistant) -> None:
    entry, server = await house(hass, MemoryServer([film("it", "It"), MOVIE]))
    _, den = room(hass, "Den", entry)
    play(hass, den, MOVIE)
    await say(hass, 'I watched "It"')
    await drained(hass, entry)
    assert [item_id for item_id, _ in server.writes] == ["it"]


async def test_nothing_plays_and_no_film_is_called_it(hass: HomeAssistant) -> None:
    entry, server = await house(hass)
    answer = await say(hass, "I watched it")
    assert answer == ("Which room do you mean?", "query_answer")
    assert untouched(entry, server)


@pytest.mark.parametrize("language", VOICE)
async def test_ambiguous_title_is_asked_about_and_nothing_is_queued(
    hass: HomeAssistant, language: str
) -> None:
    entry, server = await house(hass)
    ambiguous = VOICE[language]["ambiguous"]
    answer = await say(hass, ambiguous["say"], language)
    assert answer == (ambiguous["answer"], "query_answer")
    assert untouched(entry, server)


@pytest.mark.parametrize(
    ("text", "item_id"),
    [
        ("I finished the movie Fargo", "fargo"),
        ("I finished the show Fargo", "fargo-show"),
        ("I finished Fargo from 1996", "fargo"),
        ("I finished Fargo 2014", "fargo-show"),
        ("I finished Fargo (2014)", "fargo-show"),
        ("I watched season 1 episode 1 of Severance", "e1x1"),
        ("I watched the bear", "bear"),
        ("I watched Bear", "bear"),
    ],
)
async def test_question_can_be_answered_by_saying_more(
    hass: HomeAssistant, text: str, item_id: str
) -> None:
    entry, server = await house(hass)
    await say(hass, text)
    await drained(hass, entry)
    assert [written for written, _ in server.writes] == [item_id]


def film(item_id: str, title: str, year: int | None = None, **ids: str) -> Item:
    """Return a film."""
    return Item(
        item_id,
        MediaKind.MOVIE,
        title,
        year=year,
        provider_ids=ProviderIds(**ids),
        duration=6000.0,
    )


@pytest.mark.parametrize(
    ("said", "title"),
    [
        ("spider man no way home", "Spider-Man: No Way Home"),
        ("spiderman no way home", "Spider-Man: No Way Home"),
        ("don't look up", "Don\u2019t Look Up"),
        ("amelie", "Amélie"),
        ("the fast and the furious", "The Fast & the Furious"),
        ("blade runner 2049", "Blade Runner 2049"),
        ("the show must go on", "The Show Must Go On"),
    ],
)
async def test_titles_are_heard_not_read(
    hass: HomeAssistant, said: str, title: str
) -> None:
    class Lenient(MemoryServer):
        """Finds whatever there is, as servers do by their own rules."""

        @override
        async def search(
            self, query: str, kinds: Collection[MediaKind], limit: int
        ) -> list[Reading]:
            return [self.reading(one.item_id) for one in self.items.values()]

    server = Lenient([film("f1", title, 2020), film("f2", "Something else", 2021)])
    entry, _ = await house(hass, server)
    assert (await say(hass, f"I watched {said}"))[0] == f"I marked {title} as watched."
    await drained(hass, entry)
    assert [item_id for item_id, _ in server.writes] == ["f1"]


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("Harbour's End", "I marked Harbour’s End as watched."),  # noqa: RUF001 - as typed
        ("north line", "I marked North Line (2002) as watched."),
        ("the north line", "I marked North Line (2002) as watched."),
        (
            "harbors end",
            "I did not find harbors end. Do you mean the 1999 movie Harbour’s End?",  # noqa: RUF001 - as typed
        ),
    ],
)
async def test_server_that_looks_at_every_character_is_asked_for_each_spelling(
    hass: HomeAssistant, said: str, answer: str
) -> None:
    films = [
        film("f1", "Harbour’s End", 1999),  # noqa: RUF001 - the other apostrophe
        film("f2", "North Line (2002)"),
    ]
    await house(hass, MemoryServer(films))
    assert (await say(hass, f"I watched {said}"))[0] == answer


async def test_two_works_of_one_title_and_year_are_told_apart_by_their_ids(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer(
        [
            film("f1", "Twins", 2020, imdb="tt0000001"),
            replace(BEAR, title="Twins", year=2020),
            bear(1),
        ]
    )
    entry, _ = await house(hass, server)
    answer, _ = await say(hass, "I watched the movie Twins")
    assert answer == "I marked Twins as watched."
    await drained(hass, entry)
    assert [item_id for item_id, _ in server.writes] == ["f1"]


async def test_title_that_is_only_like_one_is_asked_about(hass: HomeAssistant) -> None:
    entry, server = await house(hass)
    answer, kind = await say(hass, "I finished Sever")
    # As an error, so that another assistant may have a go at the sentence.
    assert kind == "error"
    assert answer == "I did not find Sever. Do you mean the 2022 show Severance?"
    assert untouched(entry, server)


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("Sevrance", "I did not find Sevrance. Do you mean the 2022 show Severance?"),
        ("Arival", "I did not find Arival. Do you mean the 2016 movie Arrival?"),
    ],
)
async def test_word_that_is_misspelt_is_asked_about(
    hass: HomeAssistant, said: str, answer: str
) -> None:
    entry, server = await house(hass)
    assert await say(hass, f"I finished {said}") == (answer, "error")
    assert untouched(entry, server)


async def test_what_is_not_there_is_not_found(hass: HomeAssistant) -> None:
    entry, server = await house(hass)
    result = await conversation.async_converse(
        hass, "I finished the dishes", None, Context(), language="en"
    )
    assert result.response.error_code == "no_valid_targets"
    speech = result.response.speech["plain"]["speech"]
    assert speech == "I did not find the dishes on any server."
    assert untouched(entry, server)


LONG = replace(SHOW, item_id="long", title="Long Show", provider_ids=ProviderIds())
LONG_SHOW = (
    LONG,
    *(
        replace(
            episode(1, 1),
            item_id=f"long{number}",
            show_id="long",
            show_title="Long Show",
            show_provider_ids=ProviderIds(),
            provider_ids=ProviderIds(),
            season_id="long-season",
            episode=number,
        )
        for number in range(1, 61)
    ),
)


@pytest.mark.parametrize("language", VOICE)
async def test_what_is_too_much_at_once_is_asked_about_and_done_for_sure(
    hass: HomeAssistant, language: str
) -> None:
    entry, server = await house(hass, MemoryServer(LONG_SHOW))
    too_much = VOICE[language]["too much"]
    answer = await say(hass, too_much["say"], language)
    assert answer == (too_much["answer"], "query_answer")
    assert untouched(entry, server)
    _, kind = await say(hass, f"{too_much['say']} {too_much['sure']}", language)
    assert kind == "action_done"
    await drained(hass, entry)
    assert server.writes == [("long", MarkWatched())]


async def test_unmarking_many_is_asked_about_too(hass: HomeAssistant) -> None:
    entry, server = await house(hass, MemoryServer(LONG_SHOW))
    answer, _ = await say(hass, "mark Long Show as unwatched")
    assert answer.startswith("That would mark 60 items as unwatched. Are you sure?")
    assert untouched(entry, server)


async def test_whatever_size_a_show_has_while_its_server_is_away_is_asked_about(
    hass: HomeAssistant,
) -> None:
    entry, server = await house(hass)
    entry.runtime_data.lane.remember([server.reading("e1x1")])
    await lose_contact(hass, entry, server)
    answer, kind = await say(hass, "I finished Severance")
    assert kind == "query_answer"
    assert answer.startswith("How much of Severance that would mark is not known")
    assert untouched(entry, server)


# --- who speaks -------------------------------------------------------------------


async def two_persons(
    hass: HomeAssistant, *persons: str | None
) -> list[tuple[MockConfigEntry, MemoryServer]]:
    """Set up a lane for each of these persons; None is nobody's."""
    lanes = []
    for number, person in enumerate(persons):
        server = MemoryServer(
            LIBRARY,
            server_id=f"server-{number}",
            server_name=f"House {number}",
            user_id=f"user-{number}",
        )
        options = {} if person is None else {"person": person}
        lanes.append(await house(hass, server, options=options))
    return lanes


async def marked(
    hass: HomeAssistant, lanes: Sequence[tuple[MockConfigEntry, MemoryServer]]
) -> list[int]:
    """Return which of the lanes have been written to."""
    for entry, _ in lanes:
        await drained(hass, entry)
    return [number for number, (_, server) in enumerate(lanes) if server.writes]


def ordinary_user(hass: HomeAssistant) -> MockUser:
    """Return a user who may control everything."""
    user = MockUser().add_to_hass(hass)
    user.mock_policy(USER_POLICY)
    return user


def person(hass: HomeAssistant, name: str) -> MockUser:
    """Return a user who is a person."""
    user = ordinary_user(hass)
    hass.states.async_set(f"person.{name}", "home", {"user_id": user.id})
    return user


async def test_a_known_person_speaks_for_their_own_servers(hass: HomeAssistant) -> None:
    lanes = await two_persons(hass, "person.ada", "person.grace", None)
    user = person(hass, "ada")
    await say(hass, "I watched Arrival", user_id=user.id)
    assert await marked(hass, lanes) == [0]


async def test_a_person_without_servers_speaks_for_those_of_nobody(
    hass: HomeAssistant,
) -> None:
    lanes = await two_persons(hass, "person.ada", None)
    user = person(hass, "grace")
    await say(hass, "I watched Arrival", user_id=user.id)
    assert await marked(hass, lanes) == [1]


async def test_nobody_marks_what_others_watch_on_their_own(hass: HomeAssistant) -> None:
    lanes = await two_persons(hass, "person.ada")
    user = person(hass, "grace")
    answer, kind = await say(hass, "I watched Arrival", user_id=user.id)
    assert (answer, kind) == ("None of the accounts on the servers is yours.", "error")
    assert await marked(hass, lanes) == []


async def test_a_voice_nobody_knows_is_asked_for_whom(hass: HomeAssistant) -> None:
    lanes = await two_persons(hass, "person.ada", "person.grace")
    answer, kind = await say(hass, "I watched Arrival")
    assert (answer, kind) == (
        "For whom is that meant: Ada or Grace? Say it again with the name.",
        "query_answer",
    )
    assert await marked(hass, lanes) == []


async def test_a_voice_nobody_knows_speaks_for_the_only_person(
    hass: HomeAssistant,
) -> None:
    lanes = await two_persons(hass, "person.ada", "shared")
    answer, _ = await say(hass, "I watched Arrival")
    assert answer == (
        "I marked Arrival as watched. That counts for Ada and House 1 (Ada)."
    )
    assert await marked(hass, lanes) == [0, 1]


async def test_a_voice_nobody_knows_is_asked_for_whom_something_plays(
    hass: HomeAssistant,
) -> None:
    lanes = await two_persons(hass, "person.ada", "person.grace")
    satellite, den = room(hass, "Den", lanes[0][0])
    play(hass, den, MOVIE)
    answer, kind = await say(hass, "I finished this one", device_id=satellite)
    assert (answer.partition(":")[0], kind) == (
        "For whom is that meant",
        "query_answer",
    )
    assert await marked(hass, lanes) == []


async def test_user_who_is_no_person_marks_what_is_shared_and_nothing_else(
    hass: HomeAssistant,
) -> None:
    lanes = await two_persons(hass, "person.ada", "shared")
    user = ordinary_user(hass)
    await say(hass, "I watched Arrival", user_id=user.id)
    assert await marked(hass, lanes) == [1]


async def three_persons(
    hass: HomeAssistant,
) -> list[tuple[MockConfigEntry, MemoryServer]]:
    """Set up lanes of two persons and of somebody else."""
    names = {"ada": "Ada Lovelace", "ada_2": "Ada Yonath", "grace": "Grace Hopper"}
    for name, full in names.items():
        hass.states.async_set(f"person.{name}", "home", {"friendly_name": full})
    lanes = await two_persons(hass, "person.ada", "person.grace")
    friend = MemoryServer(
        LIBRARY, server_id="server-9", user_id="user-9", user_name="Pat"
    )
    return [*lanes, await house(hass, friend, options={"person": "somebody_else"})]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("Grace", [1]),
        ("grace hopper", [1]),
        ("Pat", [2]),
        ("everyone", [0, 1, 2]),
    ],
)
async def test_somebody_who_is_named_is_meant(
    hass: HomeAssistant, said: str, expected: list[int]
) -> None:
    lanes = await three_persons(hass)
    assistant = Assistant(hass, Context())
    await assistant.async_mark(Heard(title="Arrival", person=said))
    assert await marked(hass, lanes) == expected


@pytest.mark.parametrize("language", VOICE)
async def test_name_at_the_end_of_a_sentence_says_for_whom(
    hass: HomeAssistant, language: str
) -> None:
    lanes = await three_persons(hass)
    await say(hass, VOICE[language]["for somebody"], language)
    assert await marked(hass, lanes) == [1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I finished Arrival for all of us", [0, 1, 2]),
        ("I finished Arrival for Grace Hopper", [1]),
        ('I finished "Arrival" for Grace', [1]),
        ("I finished season 1 of Severance for Pat", [2]),
        ("mark Arrival as watched for Grace", [1]),
        ("mark season 1 of Severance as watched for everyone", [0, 1, 2]),
        ("I'm 40 minutes into Arrival for Grace", [1]),
    ],
)
async def test_sentences_say_for_whom(
    hass: HomeAssistant, text: str, expected: list[int]
) -> None:
    lanes = await three_persons(hass)
    await say(hass, text)
    assert await marked(hass, lanes) == expected


@pytest.mark.parametrize(
    "text",
    [
        "I finished Arrival for Ada",
        "mark Arrival as watched for Ada",
        "mark Arrival as watched for Nobody",
        "I finished Arrival for me",
    ],
)
async def test_whom_a_sentence_does_not_say_for_certain_is_asked(
    hass: HomeAssistant, text: str
) -> None:
    lanes = await three_persons(hass)
    answer, kind = await say(hass, text)
    assert (answer, kind) == (
        (
            "For whom is that meant: Ada Lovelace, Grace Hopper or Attic (Pat)? "
            "Say it again with the name."
        ),
        "query_answer",
    )
    assert await marked(hass, lanes) == []


@pytest.mark.parametrize(
    "title",
    ["Free for Everyone", "A Gift for Ada", "Requiem for a Dream"],
)
async def test_title_may_end_like_a_name_of_somebody(
    hass: HomeAssistant, title: str
) -> None:
    hass.states.async_set("person.ada", "home", {"friendly_name": "Ada"})
    entry, server = await house(
        hass, MemoryServer([film("f1", title), film("f2", "Arrival")])
    )
    answer, _ = await say(hass, f"I watched {title}")
    assert answer == f"I marked {title} as watched."
    # What is called like neither is told of without the name.
    answer, kind = await say(hass, "I watched Nonsense for Ada")
    assert (answer, kind) == ("I did not find Nonsense on any server.", "error")
    await drained(hass, entry)
    assert [item_id for item_id, _ in server.writes] == ["f1"]


async def test_title_that_ends_like_a_name_may_be_asked_about(
    hass: HomeAssistant,
) -> None:
    hass.states.async_set("person.ada", "home", {"friendly_name": "Ada"})
    gifts = (film("f1", "A Gift for Ada", 1990), film("f2", "A Gift for Ada", 2020))
    entry, server = await house(hass, MemoryServer(gifts))
    answer, kind = await say(hass, "I watched A Gift for Ada")
    assert (answer, kind) == (
        (
            "Which one do you mean: the 1990 movie A Gift for Ada or the 2020 movie "
            "A Gift for Ada?"
        ),
        "query_answer",
    )
    assert untouched(entry, server)


@pytest.mark.parametrize("said", ["Nobody", "Ada"])
async def test_name_that_nobody_or_several_bear_is_asked_about(
    hass: HomeAssistant, said: str
) -> None:
    lanes = await three_persons(hass)
    with pytest.raises(NeedsAnswer) as question:
        await Assistant(hass, Context()).async_mark(Heard(title="Arrival", person=said))
    assert question.value.asks is Asks.FOR_WHOM
    assert question.value.choices == ["Ada Lovelace", "Grace Hopper", "Attic (Pat)"]
    assert await marked(hass, lanes) == []


async def test_user_who_may_not_control_a_player_is_told_so(
    hass: HomeAssistant,
) -> None:
    entry, server = await house(hass)
    _, den = room(hass, "Den", entry)
    play(hass, den, MOVIE)
    user = MockUser(is_owner=False)
    user.add_to_hass(hass)
    user.mock_policy({"entities": {"entity_ids": {"media_player.other": True}}})
    answer, kind = await say(hass, "this one is watched", user_id=user.id)
    assert (answer, kind) == ("You are not allowed to do that.", "error")
    assert untouched(entry, server)


# --- taking back ------------------------------------------------------------------


async def test_what_was_just_marked_is_taken_back(hass: HomeAssistant) -> None:
    entry, server = await house(hass)
    await say(hass, "I watched Arrival")
    await drained(hass, entry)
    answer, kind = await say(hass, "undo that")
    await drained(hass, entry)
    assert (answer, kind) == (
        "I took back the last change: Arrival.",
        "action_done",
    )
    assert server.writes == [("m1", MarkWatched()), ("m1", MarkUnwatched())]
    answer, kind = await say(hass, "undo that")
    assert (answer, kind) == ("There is nothing to undo.", "error")


async def test_what_waits_is_taken_back_and_nothing_is_told_later(
    hass: HomeAssistant,
) -> None:
    entry, server = await house(hass)
    entry.runtime_data.lane.remember([server.reading("m1")])
    await lose_contact(hass, entry, server)
    await say(hass, "I watched Arrival")
    answer, _ = await say(hass, "take that back")
    assert answer == "I took back the last change: Arrival."
    assert not len(entry.runtime_data.lane.outbox)


async def test_change_of_long_ago_is_asked_about_before_it_is_taken_back(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    """Whoever says "undo that" may mean a lamp."""
    entry, server = await house(hass)
    await say(hass, "I watched Arrival")
    await drained(hass, entry)
    freezer.tick(timedelta(minutes=16))
    answer, kind = await say(hass, "undo that")
    await drained(hass, entry)
    assert (answer, kind) == (
        (
            "The last change was made some time ago: Arrival. Shall I really take it "
            "back? Then say it again and add: for sure."
        ),
        "query_answer",
    )
    assert server.writes == [("m1", MarkWatched())]
    await say(hass, "undo that for sure")
    await drained(hass, entry)
    assert server.writes[1:] == [("m1", MarkUnwatched())]


async def test_what_was_changed_since_is_kept_and_said_to_be(
    hass: HomeAssistant,
) -> None:
    entry, server = await house(hass)
    await say(hass, "I'm 40 minutes into Arrival")
    await drained(hass, entry)
    server.set("m1", position=600.0)
    entry.runtime_data.lane.remember([server.reading("m1")])
    answer, _ = await say(hass, "undo that")
    assert answer == "Changed since, and left as it is: Arrival."
    await drained(hass, entry)
    assert len(server.writes) == 1


async def test_only_what_was_changed_for_the_person_who_speaks_is_taken_back(
    hass: HomeAssistant,
) -> None:
    lanes = await two_persons(hass, "person.ada", "person.grace")
    ada, grace = person(hass, "ada"), person(hass, "grace")
    await say(hass, "I watched Arrival", user_id=ada.id)
    await say(hass, "I watched Fargo from 1996", user_id=grace.id)
    assert await marked(hass, lanes) == [0, 1]
    answer, _ = await say(hass, "undo that", user_id=ada.id)
    assert answer == "I took back the last change: Arrival. That counts for ada."
    await marked(hass, lanes)
    assert [len(server.writes) for _, server in lanes] == [2, 1]
    # Who it is cannot be told of a voice nobody knows.
    answer, kind = await say(hass, "undo that")
    assert (answer, kind) == (
        "For whom is that meant: ada or grace? Say it again with the name.",
        "query_answer",
    )
    answer, _ = await say(hass, "undo that for Grace")
    assert answer == "I took back the last change: Fargo. That counts for grace."
    await marked(hass, lanes)
    assert [len(server.writes) for _, server in lanes] == [2, 2]


# --- servers that are away --------------------------------------------------------


async def test_server_that_is_away_hears_of_it_later(hass: HomeAssistant) -> None:
    entry, server = await house(hass)
    entry.runtime_data.lane.remember([server.reading("m1")])
    await lose_contact(hass, entry, server)
    answer, _ = await say(hass, "I watched Arrival")
    assert answer == (
        "I marked Arrival as watched. Attic (Ada) cannot be reached at the moment and "
        "will be told later."
    )
    assert len(entry.runtime_data.lane.outbox) == 1


async def test_what_was_accepted_is_said_so_though_the_entry_was_unloaded(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry, server = await house(hass)
    entry.runtime_data.lane.remember([server.reading("m1")])
    await lose_contact(hass, entry, server)
    submit = WatchedSyncRuntime.async_submit

    async def submit_and_unload(
        self: WatchedSyncRuntime, *args: Any, **kwargs: Any
    ) -> list[Operation]:
        operations = await submit(self, *args, **kwargs)
        assert await hass.config_entries.async_unload(entry.entry_id)
        return operations

    monkeypatch.setattr(WatchedSyncRuntime, "async_submit", submit_and_unload)
    answer, _ = await say(hass, "I watched Arrival")
    assert answer == (
        "I marked Arrival (2016) as watched. Attic (Ada) cannot be reached at the "
        "moment and will be told later."
    )


async def test_server_that_cannot_look_is_named(hass: HomeAssistant) -> None:
    entry, server = await house(hass)
    await revoke_token(hass, entry, server)
    answer, kind = await say(hass, "Ich habe Arrival gesehen", "de")
    assert kind == "error"
    assert answer == (
        "Ich kann Arrival gerade nicht suchen, weil Attic (Ada) nicht gefragt werden "
        "kann."
    )


async def test_server_left_out_is_named(hass: HomeAssistant) -> None:
    (first, _), (second, away) = lanes = await two_persons(hass, None, None)
    await lose_contact(hass, second, away)
    answer, _ = await say(hass, "I watched Arrival")
    assert answer == "I marked Arrival as watched. I could not ask House 1 (Ada)."
    answer, _ = await say(hass, "what's next in The Bear")
    assert answer == (
        "Next is season 1 episode 1 of The Bear: Course 1. "
        "I could not ask House 1 (Ada)."
    )
    away.come_up()
    assert await marked(hass, lanes) == [0]
    assert first is not second


async def test_entry_that_is_not_loaded_is_told_of(hass: HomeAssistant) -> None:
    entry, _ = await house(hass)
    await hass.config_entries.async_unload(entry.entry_id)
    answer, kind = await say(hass, "I watched Arrival")
    assert kind == "error"
    assert "Attic (Ada)" in answer


# --- what is next -----------------------------------------------------------------


async def test_next_of_everything_is_what_the_server_lists(hass: HomeAssistant) -> None:
    server = MemoryServer(LIBRARY)
    server.up_next_ids = ["e1x1", "m1", "bear1", "fargo"]
    await house(hass, server)
    answer, kind = await say(hass, "What should I watch next?")
    assert kind == "query_answer"
    assert answer == (
        "Next you could watch season 1 episode 1 of Severance, Arrival and season 1 "
        "episode 1 of The Bear."
    )


async def test_nothing_begun_has_nothing_next(hass: HomeAssistant) -> None:
    await house(hass)
    answer, _ = await say(hass, "What should I watch next?")
    assert answer == "There is nothing you have begun to watch."


async def test_show_that_is_watched_has_no_next_episode(hass: HomeAssistant) -> None:
    entry, _ = await house(hass)
    await say(hass, "I finished The Bear")
    await drained(hass, entry)
    answer, _ = await say(hass, "what's next in The Bear")
    assert answer == "You have watched all of The Bear that is there."
    answer, kind = await say(hass, "I watched another episode of The Bear")
    assert kind == "error"
    assert answer == "There is no unwatched episode of The Bear left."


async def test_servers_that_differ_are_told_apart(hass: HomeAssistant) -> None:
    lanes = await two_persons(hass, None, None)
    lanes[1][1].set("bear1", watched=True)
    answer, _ = await say(hass, "what's next in The Bear")
    assert answer == (
        "On House 0 (Ada): Next is season 1 episode 1 of The Bear: Course 1. "
        "On House 1 (Ada): Next is season 1 episode 2 of The Bear: Course 2."
    )
    answer, kind = await say(hass, "I watched the next episode of The Bear")
    assert kind == "query_answer"
    assert answer == (
        "The next episode of The Bear is not the same everywhere. Which one do you "
        "mean: House 0 (Ada): season 1 episode 1 of The Bear or House 1 (Ada): season 1"
        " episode 2 of The Bear?"
    )
    assert await marked(hass, lanes) == []


async def test_servers_that_call_it_otherwise_get_one_answer(
    hass: HomeAssistant,
) -> None:
    lanes = await two_persons(hass, None, None, None)
    for number, title in (("m1", "Premier contact"), ("bear1", "Plat 1")):
        server = lanes[1][1]
        server.items[number] = replace(server.items[number], title=title)
    for _, server in lanes:
        server.up_next_ids = ["m1", "bear1"]
    for entry, _ in lanes:
        await entry.runtime_data.coordinator.async_refresh()
    answer, _ = await say(hass, "what's next in The Bear")
    assert answer == "Next is season 1 episode 1 of The Bear: Course 1."
    answer, _ = await say(hass, "What should I watch next?")
    assert answer == (
        "Next you could watch Arrival and season 1 episode 1 of The Bear."
    )
    lanes[0][1].set("bear1", watched=True)
    answer, _ = await say(hass, "what's next in The Bear")
    assert answer == (
        "On House 0 (Ada): Next is season 1 episode 2 of The Bear: Course 2. "
        "On House 1 (Ada) and House 2 (Ada): Next is season 1 episode 1 of The Bear: "
        "Plat 1."
    )
    answer, _ = await say(hass, "I watched the next episode of The Bear")
    assert answer.endswith(
        "House 0 (Ada): season 1 episode 2 of The Bear or House 1 (Ada) and "
        "House 2 (Ada): season 1 episode 1 of The Bear?"
    )


async def test_what_was_just_said_counts_although_the_server_does_not_know_it(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer(LIBRARY)
    server.item_faults["bear1"] = Fault("later")
    entry, _ = await house(hass, server)
    await say(hass, "I watched season 1 episode 1 of The Bear")
    assert len(entry.runtime_data.lane.outbox) == 1
    answer, _ = await say(hass, "what's next in The Bear")
    assert answer == "Next is season 1 episode 2 of The Bear: Course 2."


# --- what is said wrong -----------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (
            "I'm 3 hours into Arrival",
            "Arrival (2016) is not that long.",
        ),
        (
            "I finished season 2 of Arrival",
            "I did not find Arrival on any server.",
        ),
        (
            "I'm up to season 9 episode 1 of Severance",
            "I did not find Severance (2022) S09E01 on any server.",
        ),
    ],
)
async def test_errors_are_spoken(hass: HomeAssistant, text: str, answer: str) -> None:
    entry, server = await house(hass)
    assert await say(hass, text) == (answer, "error")
    assert untouched(entry, server)


async def test_language_nobody_translated_is_answered_in_english(
    hass: HomeAssistant,
) -> None:
    await house(hass)
    speech = await async_speech(hass, "ja")
    assert speech.language == "en"
    assert (await async_speech(hass, "de-CH")).language == "de"
    assert (await async_speech(hass, None)).language == "en"
    # Whoever speaks any language is answered in that of Home Assistant.
    assert (await async_speech(hass, "*")).language == "en"


async def test_episode_that_has_not_aired_is_left_out_aloud(
    hass: HomeAssistant,
) -> None:
    later = episode(3, 2, aired=date(2999, 1, 1))
    entry, server = await house(hass, MemoryServer([*LIBRARY, episode(3, 1), later]))
    answer, _ = await say(hass, "I'm up to season 3 episode 2 of Severance")
    await drained(hass, entry)
    assert answer.startswith("I marked season 1 of Severance, season 2 of Severance")
    assert answer.endswith("Episodes that have not aired yet are left out.")
    assert "e3x2" not in [item_id for item_id, _ in server.writes]
    # Nor is it the newest one.
    answer, _ = await say(hass, "mark the last episode of Severance as watched")
    assert answer == "You had already watched season 3 episode 1 of Severance."


async def test_show_without_episodes_has_none_to_mark(hass: HomeAssistant) -> None:
    entry, server = await house(hass, MemoryServer([SHOW]))
    answer, kind = await say(hass, "mark the last episode of Severance as watched")
    assert kind == "error"
    assert answer == "There is no unwatched episode of Severance left."
    assert untouched(entry, server)


async def test_show_that_vanishes_meanwhile_is_not_found(hass: HomeAssistant) -> None:
    class Forgetful(MemoryServer):
        """Has lost the show when it is asked for its episodes."""

        @override
        async def fetch_leaves(self, item: Item) -> Sequence[Reading]:
            raise ItemGone("no such show")

    await house(hass, Forgetful(LIBRARY))
    answer, kind = await say(hass, "what's next in The Bear")
    assert kind == "error"
    assert answer == "I did not find The Bear on any server."


async def test_tracked_show_is_known_while_its_server_is_away(
    hass: HomeAssistant,
) -> None:
    entry, server = await house(hass, subentries=[BEAR])
    await lose_contact(hass, entry, server)
    answer, _ = await say(hass, "I watched the next episode of The Bear")
    assert answer == (
        "I marked season 1 episode 1 of The Bear as watched. "
        "Attic (Ada) cannot be reached at the moment and will be told later."
    )


async def test_show_nobody_has_looked_into_cannot_be_told_of_while_away(
    hass: HomeAssistant,
) -> None:
    entry, server = await house(hass)
    entry.runtime_data.lane.remember([server.reading("bear")])
    await lose_contact(hass, entry, server)
    answer, kind = await say(hass, "what's next in The Bear")
    assert kind == "error"
    assert answer == (
        "I cannot look for The Bear now, because Attic (Ada) cannot be asked."
    )


async def test_remake_a_server_that_is_away_may_have_does_not_disturb(
    hass: HomeAssistant,
) -> None:
    lanes = await two_persons(hass, None, None)
    away, server = lanes[1]
    # All that is known there of the show is what an episode says.
    unknown = replace(bear(1), show_provider_ids=ProviderIds())
    away.runtime_data.lane.remember([replace(server.reading("bear1"), item=unknown)])
    await lose_contact(hass, away, server)
    answer, _ = await say(hass, "I finished The Bear")
    assert answer.startswith("I marked all of The Bear as watched.")
    server.come_up()


async def test_what_played_before_what_nobody_can_name_is_meant(
    hass: HomeAssistant,
) -> None:
    entry, _ = await house(hass)
    satellite, den = room(hass, "Den", entry)
    second = er.async_get(hass).async_get_or_create("media_player", "cast", "second")
    area = er.async_get(hass).async_get(den)
    assert area is not None
    er.async_get(hass).async_update_entity(second.entity_id, area_id=area.area_id)
    async_expose_entity(hass, "conversation", second.entity_id, should_expose=True)
    play(hass, den, MOVIE)
    hass.states.async_set(den, "idle", {})
    play(hass, second.entity_id, replace(MOVIE, title="Home video"))
    hass.states.async_set(second.entity_id, "idle", {})
    answer, _ = await say(hass, "this one is watched", device_id=satellite)
    assert answer == "I marked Arrival as watched."
