"""Options, read by everybody the same way."""

from datetime import timedelta

import pytest

from custom_components.watched_sync.core.reconcile import Policy
from custom_components.watched_sync.preferences import (
    Preferences,
    person_of,
    preferences,
)

from .common import MemoryServer, lane_entry


def test_what_was_never_chosen_has_its_default() -> None:
    chosen = preferences(lane_entry(MemoryServer()))
    assert chosen == Preferences(
        up_next_switches=10,
        libraries=frozenset(),
        watched_threshold=90,
        mirror_to=(),
        conflict_policy=Policy.NEWEST,
        max_retry_age=timedelta(days=30),
    )


def test_every_option_is_read_from_its_section() -> None:
    chosen = preferences(
        lane_entry(
            MemoryServer(),
            options={
                "entities": {"up_next_switches": 3, "libraries": ["films"]},
                "playback": {"watched_threshold": 75},
                "mirror": {"mirror_to": ["other"]},
                "delivery": {"conflict_policy": "furthest", "max_retry_age": 7},
            },
        )
    )
    assert chosen == Preferences(
        up_next_switches=3,
        libraries=frozenset({"films"}),
        watched_threshold=75,
        mirror_to=("other",),
        conflict_policy=Policy.FURTHEST,
        max_retry_age=timedelta(days=7),
    )


@pytest.mark.parametrize("person", ["person.ada", "somebody_else", "shared"])
def test_whose_a_lane_is_was_said(person: str) -> None:
    assert person_of(lane_entry(MemoryServer(), options={"person": person})) == person


def test_a_lane_of_which_nobody_has_said_whose_it_is_is_shared() -> None:
    assert person_of(lane_entry(MemoryServer())) == "shared"
