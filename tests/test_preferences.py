"""Options, read by everybody the same way."""

from datetime import timedelta

from custom_components.watched_sync.core.reconcile import Policy
from custom_components.watched_sync.preferences import Preferences, preferences

from .common import MemoryServer, lane_entry


def test_what_was_never_chosen_has_its_default() -> None:
    chosen = preferences(lane_entry(MemoryServer()))
    assert chosen == Preferences(
        up_next_switches=10,
        libraries=frozenset(),
        person=None,
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
                "playback": {"person": "person.ada", "watched_threshold": 75},
                "mirror": {"mirror_to": ["other"]},
                "delivery": {"conflict_policy": "furthest", "max_retry_age": 7},
            },
        )
    )
    assert chosen == Preferences(
        up_next_switches=3,
        libraries=frozenset({"films"}),
        person="person.ada",
        watched_threshold=75,
        mirror_to=("other",),
        conflict_policy=Policy.FURTHEST,
        max_retry_age=timedelta(days=7),
    )
