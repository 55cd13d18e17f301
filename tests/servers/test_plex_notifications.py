"""What Plex's notifications mean: where to look, and nothing else."""

from typing import Any

from hypothesis import given, strategies as st
import pytest

from custom_components.watched_sync.core.errors import Malformed
from custom_components.watched_sync.core.identity import Item, MediaKind
from custom_components.watched_sync.core.play_state import PlayState, Reading
from custom_components.watched_sync.core.ports import Changed
from custom_components.watched_sync.servers.fields import Json
from custom_components.watched_sync.servers.plex.notifications import (
    LOOK_AGAIN,
    Notifications,
)

from .json_strategies import ANYTHING

AGAIN = LOOK_AGAIN
HOUR = 3600.0


def container(kind: str, array: str, *entries: dict[str, Any]) -> dict[str, Any]:
    return {
        "NotificationContainer": {"type": kind, "size": len(entries), array: entries}
    }


def playing(*entries: dict[str, Any]) -> dict[str, Any]:
    return container("playing", "PlaySessionStateNotification", *entries)


def player(
    key: str | None = "7",
    state: str = "playing",
    minutes: float = 0,
    session: str | None = "1",
    **more: Any,
) -> dict[str, Any]:
    entry = {
        "sessionKey": session,
        "clientIdentifier": "tv",
        "guid": "",
        "ratingKey": key,
        "url": "",
        "key": f"/library/metadata/{key}",
        "viewOffset": int(minutes * 60_000),
        "state": state,
        **more,
    }
    return {name: value for name, value in entry.items() if value is not None}


def activity(**more: Any) -> dict[str, Any]:
    inner = {
        "uuid": "u",
        "type": "library.refresh.items",
        "userID": 1,
        "Context": {"key": "/library/metadata/7"},
    } | more.pop("Activity", {})
    entry = {"event": "ended", "uuid": "u", "Activity": inner} | more
    return container("activity", "ActivityNotification", entry)


def timeline(*entries: dict[str, Any]) -> dict[str, Any]:
    plain = {
        "identifier": "com.plexapp.plugins.library",
        "sectionID": "1",
        "itemID": "7",
        "type": 1,
        "title": "x",
        "state": 5,
        "updatedAt": 1,
    }
    return container("timeline", "TimelineEntry", *(plain | one for one in entries))


def hears(ear: Notifications, message: Json) -> list[Changed]:
    assert isinstance(message, dict)
    return list(ear.hear(message))


def look(*keys: str) -> Changed:
    return Changed(frozenset(keys))


def look_again(key: str) -> Changed:
    return Changed(frozenset({key}), again=AGAIN)


def lasting(key: str, seconds: float | None = HOUR) -> Reading:
    return Reading(
        Item(key, MediaKind.MOVIE, "x", duration=seconds), PlayState(watched=False)
    )


# --- what plays -----------------------------------------------------------------


def test_the_end_of_a_playback_is_looked_at_more_than_once() -> None:
    ear = Notifications()
    assert hears(ear, playing(player())) == [look("7")]
    assert hears(ear, playing(player(minutes=10))) == []
    assert hears(ear, playing(player(state="paused", minutes=11))) == []
    assert hears(ear, playing(player(state="stopped", minutes=11))) == [look_again("7")]


def test_an_end_without_a_beginning_is_one() -> None:
    assert hears(Notifications(), playing(player(state="stopped"))) == [look_again("7")]


def test_the_next_item_of_a_player_ends_the_one_before() -> None:
    ear = Notifications()
    hears(ear, playing(player("7")))
    assert hears(ear, playing(player("8"))) == [look_again("7"), look("8")]
    assert hears(ear, playing(player("9", "stopped"))) == [
        look_again("8"),
        look_again("9"),
    ]


def test_crossing_the_threshold_is_looked_at_once() -> None:
    ear = Notifications()
    hears(ear, playing(player()))
    ear.learn([lasting("7"), lasting("8")])
    assert hears(ear, playing(player(minutes=53.9))) == []
    assert hears(ear, playing(player(minutes=54))) == [look_again("7")]
    assert hears(ear, playing(player(minutes=55))) == []
    # Gone back and watched to the end again.
    assert hears(ear, playing(player(minutes=10))) == []
    assert hears(ear, playing(player(minutes=58))) == [look_again("7")]


def test_the_threshold_is_that_of_the_server() -> None:
    ear = Notifications(threshold=0.7)
    hears(ear, playing(player()))
    ear.learn([lasting("7")])
    assert hears(ear, playing(player(minutes=41.9))) == []
    assert hears(ear, playing(player(minutes=42))) == [look_again("7")]


def test_an_item_of_unknown_length_has_no_threshold() -> None:
    ear = Notifications()
    hears(ear, playing(player()))
    ear.learn([lasting("7", None)])
    assert hears(ear, playing(player(minutes=600))) == []


def test_lengths_are_remembered_of_what_plays_alone() -> None:
    ear = Notifications()
    ear.learn([lasting(str(n)) for n in range(1000)])
    assert ear._durations == {}
    hears(ear, playing(player(session="1"), player(session="2")))
    ear.learn([lasting(str(n)) for n in range(1000)])
    assert ear._durations == {"7": HOUR}
    hears(ear, playing(player(state="stopped", session="1")))
    assert ear._durations == {"7": HOUR}
    hears(ear, playing(player(state="stopped", session="2")))
    assert ear._durations == {}


def test_players_are_told_apart_by_their_session() -> None:
    ear = Notifications()
    hears(ear, playing(player("7", session="1")))
    assert hears(ear, playing(player("8", session="2"))) == [look("8")]
    assert hears(ear, playing(player("7", session="1", minutes=1))) == []


def test_without_a_session_the_player_itself_tells() -> None:
    ear = Notifications()
    bare = player("7", session=None)
    assert hears(ear, playing(bare)) == [look("7")]
    assert hears(ear, playing(bare)) == []
    assert hears(ear, playing(player("8", session=None))) == [
        look_again("7"),
        look("8"),
    ]
    nobody = player("8", "stopped", session=None, clientIdentifier=None)
    assert hears(ear, playing(nobody)) == [look_again("8")]


def test_one_message_may_hold_several_players() -> None:
    ear = Notifications()
    message = playing(player("7", session="1"), player("8", "stopped", session="2"))
    assert hears(ear, message) == [look("7"), look_again("8")]


def test_a_flood_of_players_is_not_kept() -> None:
    ear = Notifications()
    for n in range(1000):
        hears(ear, playing(player(str(n), session=f"s{n}")))
        ear.learn([lasting(str(n))])
    assert len(ear._playbacks) == len(ear._durations) == 100


@pytest.mark.parametrize("key", [None, "", "/library/metadata/7", "7,8", "../7"])
def test_what_has_no_key_of_an_item_is_ignored(key: str | None) -> None:
    assert hears(Notifications(), playing(player(key, "stopped"))) == []


# --- what is refreshed, and what the library does ----------------------------------


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (activity(), [look("7")]),
        (
            activity(Activity={"Context": {"key": "/library/metadata/7/children"}}),
            [look("7")],
        ),
        (activity(event="started"), []),
        (activity(event="progress"), []),
        (activity(Activity={"type": "library.update.section"}), []),
        (activity(Activity={"Context": None}), []),
        (activity(Activity={"Context": {}}), []),
        (activity(Activity={"Context": {"key": "/library/sections/1"}}), []),
        (activity(Activity={"Context": {"key": "/library/metadata/7/extras"}}), []),
        (
            activity(Activity={"Context": {"key": f"/library/metadata/{'9' * 99}"}}),
            [],
        ),
        ({"NotificationContainer": activity()["NotificationContainer"]}, [look("7")]),
        (
            container("activity", "ActivityNotification", {"event": "ended"}),
            [],
        ),
    ],
)
def test_an_item_that_was_refreshed_is_looked_at(
    message: Json, expected: list[Changed]
) -> None:
    assert hears(Notifications(), message) == expected


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([{}], [look("7")]),
        ([{"state": 9, "metadataState": "deleted"}], [look("7")]),
        ([{}, {"itemID": 8, "type": "4"}, {"itemID": "7"}], [look("7", "8")]),
        *(([{"state": state}], []) for state in (0, 1, 2, 3, 4, 6, None)),
        *(([{"type": kind}], []) for kind in (-1, 5, 8, 12, 18, None)),
        ([{"identifier": "tv.plex.providers.epg.cloud:2"}], []),
        ([{"identifier": None}], []),
        ([{"itemID": None}], []),
        ([{"itemID": "-1/x"}], []),
        ([], []),
    ],
)
def test_what_the_library_is_done_with_is_looked_at(
    entries: list[dict[str, Any]], expected: list[Changed]
) -> None:
    assert hears(Notifications(), timeline(*entries)) == expected


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"NotificationContainer": None},
        {"NotificationContainer": {}},
        {"NotificationContainer": {"type": "playing", "size": 3}},
        {"NotificationContainer": {"type": "reachability"}},
        {"NotificationContainer": {"type": "update.statechange"}},
        {"NotificationContainer": {"type": "invented later", "size": 1}},
    ],
)
def test_what_is_not_ours_says_nothing(message: Json) -> None:
    assert hears(Notifications(), message) == []


def test_a_message_without_the_wrapper_is_understood() -> None:
    bare = playing(player(state="stopped"))["NotificationContainer"]
    assert hears(Notifications(), bare) == [look_again("7")]


ENTRIES = st.one_of(
    ANYTHING,
    st.fixed_dictionaries(
        {},
        optional={
            **dict.fromkeys(
                "sessionKey clientIdentifier ratingKey viewOffset state event itemID "
                "identifier type".split(),
                ANYTHING,
            ),
            "Activity": ANYTHING
            | st.fixed_dictionaries(
                {"type": st.just("library.refresh.items")},
                optional={"Context": ANYTHING},
            ),
        },
    ),
)
MESSAGES = st.fixed_dictionaries(
    {
        "NotificationContainer": ANYTHING
        | st.fixed_dictionaries(
            {"type": st.sampled_from(["playing", "activity", "timeline"]) | ANYTHING},
            optional={
                "PlaySessionStateNotification": st.lists(ENTRIES, max_size=3),
                "ActivityNotification": st.lists(ENTRIES, max_size=3),
                "TimelineEntry": st.lists(ENTRIES, max_size=3),
            },
        )
    }
)


@given(st.lists(MESSAGES, max_size=4))
def test_whatever_comes_is_a_hint_or_ignored(messages: list[dict[str, Any]]) -> None:
    ear = Notifications()
    for message in messages:
        try:
            heard = hears(ear, message)
        except Malformed:
            continue
        assert all(isinstance(one, Changed) and one.item_ids for one in heard)
