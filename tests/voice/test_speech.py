"""How things are called aloud."""

from dataclasses import replace

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceNotFound
import pytest

from custom_components.watched_sync.core.identity import Item, MediaKind
from custom_components.watched_sync.intent import tell
from custom_components.watched_sync.languages import LANGUAGES
from custom_components.watched_sync.voice.assistants import Done
from custom_components.watched_sync.voice.speech import Speech, async_speech

from ..common import MOVIE, SHOW, episode, season


@pytest.fixture
async def speech(hass: HomeAssistant) -> Speech:
    """Return the English sentences."""
    return await async_speech(hass, "en")


def many(*numbers: int, of_season: int = 1) -> list[Item]:
    """Return episodes of one season."""
    return [episode(of_season, number) for number in numbers]


@pytest.mark.parametrize(
    ("items", "name"),
    [
        ([MOVIE], "Arrival"),
        ([SHOW], "all of Severance"),
        ([season(2)], "season 2 of Severance"),
        ([season(1), *many(1, 2)], "season 1 of Severance"),
        (
            [season(1), *many(1, of_season=2)],
            "season 1 of Severance and season 2 episode 1 of Severance",
        ),
        ([SHOW, season(2), *many(1)], "all of Severance"),
        (
            [SHOW, *many(1, of_season=0)],
            "all of Severance and special episode 1 of Severance",
        ),
        ([replace(season(2), show_title=None)], "Season 2"),
        (many(3), "season 1 episode 3 of Severance"),
        (many(3, 1, 2), "season 1 episodes 1 to 3 of Severance"),
        (many(1, 1), "season 1 episode 1 of Severance"),
        (
            # What one server calls otherwise than another is one show all the same.
            [replace(episode(1, 2), show_id="another"), *many(1, 3)],
            "season 1 episodes 1 to 3 of Severance",
        ),
        (
            many(1, 2, 4),
            "season 1 episodes 1 to 2 of Severance and season 1 episode 4 of Severance",
        ),
        (
            [*many(2), *many(1, of_season=2)],
            "season 1 episode 2 of Severance and season 2 episode 1 of Severance",
        ),
        (
            [replace(episode(1, 1), episode_end=2), *many(3)],
            "season 1 episodes 1 to 3 of Severance",
        ),
        (
            [replace(episode(1, 1), episode_end=2)],
            "season 1 episodes 1 to 2 of Severance",
        ),
        (many(1, of_season=0), "special episode 1 of Severance"),
        (many(1, 2, of_season=0), "special episodes 1 to 2 of Severance"),
        ([replace(episode(1, 1), episode=None)], "Severance Part 1"),
        ([replace(episode(1, 1), show_title=None)], "Part 1"),
        ([Item("x", MediaKind.UNKNOWN, "Whatever")], "Whatever"),
        (
            [replace(MOVIE, item_id=name, title=name) for name in "ABCDEFG"],
            "A, B, C, D, E and 2 more",
        ),
    ],
)
def test_things_are_named_for_the_ear(
    speech: Speech, items: list[Item], name: str
) -> None:
    assert speech.things(items) == name


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 minutes"),
        (29, "0 minutes"),
        (60, "1 minute"),
        (2400, "40 minutes"),
        (3600, "1 hour"),
        (7260, "2 hours and 1 minute"),
    ],
)
def test_times_are_said_in_hours_and_minutes(
    speech: Speech, seconds: float, said: str
) -> None:
    assert speech.length(seconds) == said


def test_choice_without_a_year_names_the_kind_alone(speech: Speech) -> None:
    assert speech.choice(replace(MOVIE, year=None)) == "the movie Arrival"
    assert speech.choice(replace(SHOW, year=None)) == "the show Severance"
    assert speech.either(["A", "B", "C"]) == "A, B or C"


def test_error_without_a_translation_is_said_as_it_is(speech: Speech) -> None:
    assert speech.error(HomeAssistantError("No way")) == "No way"
    assert speech.error(HomeAssistantError()) == (
        "Something went wrong, and nothing was changed."
    )
    unknown = HomeAssistantError(
        "Plain words", translation_domain="elsewhere", translation_key="nobody_knows"
    )
    assert speech.error(unknown) == str(unknown)


def test_error_of_home_assistant_is_said_in_its_words(speech: Speech) -> None:
    assert speech.error(ServiceNotFound("light", "sing")) == (
        "Action light.sing not found."
    )


def test_nothing_done_is_said_to_be_nothing(speech: Speech) -> None:
    assert tell(Done(None), "marked", "already_watched", speech) == (
        "There was nothing to change."
    )


async def test_every_sentence_is_there_in_every_language(hass: HomeAssistant) -> None:
    english = await async_speech(hass, "en")
    ours = {key for key in english.sentences if ".common.voice_" in key}
    assert len(ours) > 50
    for language in LANGUAGES:
        speech = await async_speech(hass, language)
        assert speech.language == language
        assert ours <= speech.sentences.keys()
        differing = [
            key for key in ours if speech.sentences[key] == english.sentences[key]
        ]
        # French counts minutes as English does.
        assert language == "en" or len(differing) <= 2
