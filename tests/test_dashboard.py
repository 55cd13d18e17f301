"""The dashboard to copy: it works for whoever copies it, as it is."""

from collections.abc import Iterator
from pathlib import Path
import re
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
FILE = ROOT / "dashboards" / "watched_sync.yaml"
CARD = "custom:watched-sync-card"


def cards(part: Any) -> Iterator[dict[str, Any]]:
    """Yield every card in a part of the dashboard."""
    if isinstance(part, dict):
        if part.get("type") == CARD:
            yield part
        part = list(part.values())
    if isinstance(part, list):
        for one in part:
            yield from cards(one)


def options() -> dict[str, str]:
    """Return the options of the card with their types, as its source names them."""
    source = (ROOT / "frontend" / "src" / "card" / "config.ts").read_text("utf-8")
    fields = source.partition("interface CardConfig {")[2].partition("\n}")[0]
    return dict(re.findall(r"^  (\w+)\??: (.+);$", fields, re.MULTILINE))


def test_it_names_nothing_that_is_anybodys_own() -> None:
    text = FILE.read_text(encoding="utf-8")
    assert list(cards(yaml.safe_load(text)))
    assert re.findall(r"\b(?:sensor|switch|todo|person|button)\.\w+", text) == []


def test_its_cards_are_told_what_they_know() -> None:
    known = options() | {"grid_options": "of the view"}
    for card in cards(yaml.safe_load(FILE.read_text(encoding="utf-8"))):
        assert card.keys() - known.keys() == set()
        assert card.get("what", "up_next") in {"up_next", "films"}
        assert f"'{card.get('look', 'posters')}'" in known["look"]
        assert card.get("rows", 1) in {1, 2, 3, 4}
