"""The sentences that a voice assistant understands, for tests that talk to it."""

from homeassistant.components.conversation.default_agent import (
    DefaultAgent,
    LanguageIntents,
)
import pytest

#: Those of each language, Home Assistant's own and ours.
_READ: dict[str, LanguageIntents | None] = {}


def read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read the sentences of a language once for all tests: that takes half a second.

    For tests that have the same sentences of ours in a language, which are all.
    """
    read = DefaultAgent._load_intents

    def load(self: DefaultAgent, language: str) -> LanguageIntents | None:
        if language not in _READ:
            _READ[language] = read(self, language)
        return _READ[language]

    monkeypatch.setattr(DefaultAgent, "_load_intents", load)
