"""Every language says all that English says, and says it in its own words."""

import json
from pathlib import Path
import re

import pytest

from .wording import flatten, placeholders

FOLDER = Path(__file__).parents[1] / "custom_components" / "watched_sync"
TRANSLATIONS = FOLDER / "translations"
LANGUAGES = ["de", "es", "fr", "nl"]

#: Words that are the same in English and in this language.
SAME_AS_IN_ENGLISH = {
    "de": {
        "Details",
        "Name",
        "Offline",
        "PIN",
        "Person",
        "Position",
        "Position {time}",
        "Server",
        "Token",
    },
    "es": {"PIN", "Token", "no"},
    "fr": {"Films", "Position", "Position {time}", "{count} minute", "{count} minutes"},
    "nl": {"Conflict", "Details", "Films", "Offline", "Server", "Servers", "Token"},
}

#: Names that no language changes. Quick Connect is none of them: Jellyfin itself
#: has French and Spanish words for it.
NAMES = re.compile(
    r"Home Assistant|Watched Sync|Plex Media Server|X-Plex-Token|plex\.tv"
    r"|Plex|Jellyfin|Emby|IMDb|TMDB|TVDB|YAML|\bAPI\b"
)


def _text(language: str) -> str:
    return (TRANSLATIONS / f"{language}.json").read_text(encoding="utf-8")


def _words(language: str) -> dict[str, str]:
    return flatten(json.loads(_text(language)))


def _left_in_english(language: str, english: dict[str, str]) -> set[str]:
    """Return the texts that read as in English; one of placeholders alone may."""
    return {
        text
        for path, text in _words(language).items()
        if english.get(path) == text and re.sub(r"\{\w+\}", "", text).strip()
    }


def test_every_translation_is_looked_at() -> None:
    files = {file.name for file in TRANSLATIONS.iterdir()}
    assert files == {f"{language}.json" for language in ["en", *LANGUAGES]}
    assert set(SAME_AS_IN_ENGLISH) == set(LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_language_has_the_keys_of_english_in_their_order(language: str) -> None:
    english, other = _words("en"), _words(language)
    assert english.keys() - other.keys() == set()
    assert other.keys() - english.keys() == set()
    assert list(other) == list(english)


@pytest.mark.parametrize("language", LANGUAGES)
def test_language_has_the_placeholders_of_english(language: str) -> None:
    english = _words("en")
    assert {
        path: text
        for path, text in _words(language).items()
        if placeholders(text) != placeholders(english[path])
    } == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_is_left_in_english(language: str) -> None:
    # Both ways: a word allowed and used no more would hide a later slip.
    assert _left_in_english(language, _words("en")) == SAME_AS_IN_ENGLISH[language]


@pytest.mark.parametrize("language", LANGUAGES)
def test_names_and_numbers_stay_as_they_are(language: str) -> None:
    english = _words("en")
    for path, text in _words(language).items():
        for pattern in (NAMES, re.compile(r"\d+(?:\.\d+)*")):
            named = set(pattern.findall(english[path]))
            assert named <= set(pattern.findall(text)), path


@pytest.mark.parametrize("language", LANGUAGES)
def test_lines_and_emphasis_are_those_of_english(language: str) -> None:
    english = _words("en")
    for path, text in _words(language).items():
        assert text.count("\n") == english[path].count("\n"), path
        assert text.count("*") == english[path].count("*"), path
        assert text.count("](") == english[path].count("]("), path


@pytest.mark.parametrize("language", ["en", *LANGUAGES])
def test_no_apostrophe_stands_before_a_placeholder(language: str) -> None:
    # To the browser, `'{` begins a quotation: the placeholder would not be filled.
    assert [text for text in _words(language).values() if "'{" in text] == []


@pytest.mark.parametrize("language", ["en", *LANGUAGES])
def test_file_is_indented_alike_and_spells_out_its_letters(language: str) -> None:
    text = _text(language)
    spelled = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    assert text == f"{spelled}\n"


@pytest.mark.parametrize("language", LANGUAGES)
def test_same_english_words_for_one_field_are_translated_alike(language: str) -> None:
    english, other = _words("en"), _words(language)
    by_place: dict[tuple[str, str], set[str]] = {}
    for path, text in other.items():
        # Fields of several actions or dialogs have one name and one explanation.
        place = ".".join(path.split(".")[-2:])
        by_place.setdefault((place, english[path]), set()).add(text)
    assert {key: texts for key, texts in by_place.items() if len(texts) > 1} == {}


@pytest.mark.parametrize("language", ["en", *LANGUAGES])
@pytest.mark.parametrize("kind", ["triggers", "conditions"])
def test_editor_finds_triggers_and_conditions_by_the_name_of_the_integration(
    language: str, kind: str
) -> None:
    # Its search looks at names and descriptions, and at nothing else.
    described = json.loads(_text(language))[kind]
    assert described
    for name, words in described.items():
        assert "Watched Sync" in words["description"], name
