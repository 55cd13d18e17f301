"""What is believed of the servers, and how findings are written."""

import pytest

from custom_components.watched_sync.core.facts import (
    EITHER,
    FACTS,
    WORDS,
    YES,
    FactVerdict,
    Finding,
    FindingsTable,
    From,
    NotTried,
    OneOf,
    Product,
    Value,
    Within,
    version_numbers,
)


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("10.8.13", (10, 8, 13)),
        ("10.11.0-rc1", (10, 11, 0, 1)),
        ("12.0", (12, 0)),
        ("", ()),
        ("unstable", ()),
    ],
)
def test_versions_are_numbers(version: str, expected: tuple[int, ...]) -> None:
    assert version_numbers(version) == expected


WORDS_ONLY = FindingsTable(
    {f"checked_word.{one}": one.upper() for one in WORDS}
    | {f"checked_fact.{one.key}": one.key for one in FACTS}
)
BY_KEY = {one.key: one for one in FACTS}


@pytest.mark.parametrize(
    ("belief", "value", "holds"),
    [
        (YES, True, True),
        (YES, False, False),
        (EITHER, False, True),
        (OneOf((0, 1)), 1, True),
        (OneOf((0, 1)), 2, False),
        (Within(30.0), 30.0, True),
        (Within(30.0), 30.1, False),
        (Within(30.0), "30", False),
        (From((10, 9)), "10.9.1", True),
        (From((10, 9)), "10.8.13", False),
        (From(), "unstable", True),
        (From(), 10, False),
    ],
)
def test_what_is_believed_holds_or_not(
    belief: OneOf | Within | From, value: Value, *, holds: bool
) -> None:
    assert belief.holds(value) is holds
    verdict = FactVerdict.SAME if holds else FactVerdict.DIFFERS
    assert Finding(FACTS[0], belief, value).verdict is verdict


@pytest.mark.parametrize(
    ("product", "version", "believed"),
    [
        (Product.PLEX, "1.43", True),
        (Product.JELLYFIN, "10.11.11", False),
        (Product.JELLYFIN, "12.0.0", True),
        (Product.EMBY, "4.9", False),
    ],
)
def test_belief_depends_on_product_and_version(
    product: Product, version: str, *, believed: bool
) -> None:
    belief = BY_KEY["play_keeps_flag"].believed(product, version)
    assert belief == OneOf((believed,))


def test_facts_have_different_keys() -> None:
    assert len(BY_KEY) == len(FACTS)


TOLD = Finding(BY_KEY["mark_told"], EITHER, value=True, seconds=0.512, with_state=True)
HINTED = Finding(BY_KEY["mark_told"], YES, value=True, seconds=1.0)
SLOW = Finding(BY_KEY["film_page_time"], Within(30.0), 31.04)
COUNTED = Finding(BY_KEY["mark_count"], OneOf((0, 1)), 2)
FAILED = Finding(BY_KEY["mark_works"], YES, None, NotTried.FAILED, "Refused")


@pytest.mark.parametrize(
    ("finding", "cells"),
    [
        (TOLD, ("EITHER", "YES (0.5 s, WITH_STATE)", "SAME")),
        (HINTED, ("YES", "YES (1.0 s, AS_HINT)", "SAME")),
        (SLOW, ("≤ 30 s", "31.04 s", "DIFFERS")),
        (COUNTED, ("0 / 1", "2", "DIFFERS")),
        (FAILED, ("YES", "FAILED (Refused)", "NOT_TRIED")),
    ],
)
def test_finding_is_a_row(finding: Finding, cells: tuple[str, ...]) -> None:
    header, row = WORDS_ONLY.rows([finding])
    assert header == ("#", "FACT", "BELIEVED", "DID", "VERDICT")
    number = str(FACTS.index(finding.fact) + 1)
    assert row == (number, finding.fact.key, *cells)
    assert WORDS_ONLY.table([finding]).splitlines()[-1] == f"| {' | '.join(row)} |"


def test_finding_for_a_report_has_what_there_is() -> None:
    assert TOLD.as_json() == {
        "fact": "mark_told",
        "verdict": "same",
        "believed": [True, False],
        "value": True,
        "seconds": 0.51,
        "with_state": True,
    }
    assert FAILED.as_json() == {
        "fact": "mark_works",
        "verdict": "not_tried",
        "believed": [True],
        "value": None,
        "not_tried": "failed",
        "error": "Refused",
    }
    assert SLOW.as_json()["believed"] == "≤ 30 s"
