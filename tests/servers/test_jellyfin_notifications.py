"""What Jellyfin's socket messages mean: where to look, and how to stay connected."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import given, strategies as st
import pytest

from custom_components.watched_sync.core.errors import Malformed
from custom_components.watched_sync.core.play_state import PlayState
from custom_components.watched_sync.core.ports import Changed, Told
from custom_components.watched_sync.servers.jellyfin.dialect import EMBY
from custom_components.watched_sync.servers.jellyfin.notifications import Notifications
from custom_components.watched_sync.servers.listener import GoodBye, Heard, KeepAlive

from .json_strategies import ANYTHING

USER = "a" * 32
FILM = "1" * 32
SHOW = "2" * 32
FOLDER = "3" * 32


def message(kind: str, data: Any = None) -> dict[str, Any]:
    envelope = {"MessageType": kind, "MessageId": "f" * 32}
    return envelope if data is None else {**envelope, "Data": data}


def user_data(*item_ids: Any, user: Any = USER) -> dict[str, Any]:
    rows = [{"ItemId": one, "Played": True, "Key": "x"} for one in item_ids]
    return message("UserDataChanged", {"UserId": user, "UserDataList": rows})


def library(**lists: Any) -> dict[str, Any]:
    return message("LibraryChanged", lists)


def hears(said: dict[str, Any]) -> list[Heard]:
    return list(Notifications(USER).hear(said))


def look(*item_ids: str) -> Changed:
    return Changed(frozenset(item_ids))


def told(*item_ids: str) -> Changed:
    """Return the hint that says of items what `user_data` says."""
    state = PlayState(watched=True)
    return Changed(frozenset(item_ids), told=dict.fromkeys(item_ids, Told(state)))


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (user_data(FILM), [told(FILM)]),
        (user_data(FILM, FOLDER, FILM), [told(FILM, FOLDER)]),
        # The ids may be written with dashes and in capitals.
        (
            user_data("11111111-1111-1111-1111-111111111111", user=USER.upper()),
            [told(FILM)],
        ),
        (user_data(FILM, "no id", "0" * 32), [told(FILM)]),
        (user_data(), []),
        (user_data("no id"), []),
        # A session hears of users who joined it as well.
        (user_data(FILM, user="b" * 32), []),
        (user_data(FILM, user="no id"), []),
    ],
)
def test_changed_user_data_are_looked_at_if_they_are_ours(
    said: dict[str, Any], expected: list[Heard]
) -> None:
    assert hears(said) == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (
            library(ItemsAdded=[FILM], ItemsUpdated=[SHOW], ItemsRemoved=[FOLDER]),
            [look(FILM, SHOW, FOLDER)],
        ),
        (library(ItemsAdded=[FILM], ItemsUpdated=None), [look(FILM)]),
        (library(ItemsAdded=[FILM, None, 3, "no id"]), [look(FILM)]),
        (library(ItemsAdded=["no id"]), []),
        # Something changed, without saying what.
        (library(FoldersAddedTo=[FOLDER]), [look()]),
        (library(ItemsAdded=[], ItemsUpdated=[], IsEmpty=False), [look()]),
        (library(ItemsAdded=[], ItemsUpdated=[], IsEmpty=True), []),
    ],
)
def test_what_came_or_went_is_looked_at(
    said: dict[str, Any], expected: list[Heard]
) -> None:
    assert hears(said) == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (message("ForceKeepAlive", 60), [KeepAlive(60.0)]),
        (message("ForceKeepAlive", "90"), [KeepAlive(90.0)]),
        (message("KeepAlive"), []),
        (message("ServerShuttingDown", ""), [GoodBye()]),
        (message("ServerRestarting", ""), [GoodBye()]),
        (message("RestartRequired"), []),
        (message("Sessions", [{"Id": "x"}]), []),
        (message("Invented later", {"x": 1}), []),
        ({}, []),
    ],
)
def test_the_rest_is_about_the_connection_or_not_ours(
    said: dict[str, Any], expected: list[Heard]
) -> None:
    assert hears(said) == expected


@pytest.mark.parametrize(
    "said",
    [
        message("ForceKeepAlive"),
        message("ForceKeepAlive", 0),
        message("ForceKeepAlive", -60),
        message("ForceKeepAlive", []),
        message("UserDataChanged"),
        message("UserDataChanged", []),
        message("UserDataChanged", {"UserDataList": []}),
        message("UserDataChanged", {"UserId": USER, "UserDataList": "x"}),
        message("LibraryChanged", "x"),
        library(ItemsAdded="text"),
        library(ItemsAdded={"x": 1}),
        library(IsEmpty="yes"),
        {"MessageType": ["ForceKeepAlive"]},
    ],
)
def test_what_cannot_be_understood_is_malformed(said: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        hears(said)


def test_an_odd_row_of_a_change_costs_itself_alone() -> None:
    listed = [{}, 5, {"ItemId": []}, {"ItemId": "../x"}, {"ItemId": FILM}]
    said = message("UserDataChanged", {"UserId": USER, "UserDataList": listed})
    assert hears(said) == [look(FILM)]


def test_jellyfin_wants_to_hear_of_us_and_emby_does_not() -> None:
    assert Notifications(USER).keep_alive == '{"MessageType":"KeepAlive"}'
    assert Notifications(USER, EMBY).keep_alive is None


def test_what_is_told_is_said_beside_the_hint() -> None:
    """As recorded: a film and the folder it is in; a season's row counts."""
    rows = [
        {
            "PlaybackPositionTicks": 18_000_000_000,
            "PlayCount": 2,
            "LastPlayedDate": "2026-11-30T06:56:18.1850415Z",
            "Played": False,
            "ItemId": FILM,
        },
        {"UnplayedItemCount": 28, "PlayCount": 0, "Played": False, "ItemId": FOLDER},
        # What makes no sense is looked at in any case.
        {"PlayCount": "many", "Played": True, "ItemId": SHOW},
        {"ItemId": "4" * 32},
    ]
    data = {"UserId": USER, "UserDataList": rows}
    (change,) = hears(message("UserDataChanged", data))
    assert isinstance(change, Changed)
    assert change.item_ids == {FILM, FOLDER, SHOW, "4" * 32}
    at = datetime(2026, 11, 30, 6, 56, 18, 185041, tzinfo=UTC)
    assert change.told == {
        FILM: Told(
            PlayState(watched=False, position=1800.0, play_count=2, last_played=at)
        ),
        FOLDER: Told(PlayState(watched=False), 28),
    }


def test_a_burst_comes_in_bounded_steps() -> None:
    ids = [f"{n:032x}" for n in range(1, 20_001)]
    changes = [one for one in hears(user_data(*ids)) if isinstance(one, Changed)]
    assert [len(one.item_ids) for one in changes] == [500] * 40
    assert set().union(*(one.item_ids for one in changes)) == set(ids)
    lists = [one for one in hears(library(ItemsAdded=ids)) if isinstance(one, Changed)]
    assert [len(one.item_ids) for one in lists] == [500] * 40


def test_emby_numbers_its_items() -> None:
    ear = Notifications(USER, EMBY)
    assert list(ear.hear(user_data("17", "x", FILM[:20]))) == [told("17")]


MESSAGES = st.fixed_dictionaries(
    {},
    optional={
        "MessageType": ANYTHING
        | st.sampled_from(
            "ForceKeepAlive UserDataChanged LibraryChanged ServerRestarting".split()
        ),
        "Data": ANYTHING
        | st.fixed_dictionaries(
            {},
            optional={
                "UserId": ANYTHING | st.just(USER),
                "UserDataList": ANYTHING
                | st.lists(st.fixed_dictionaries({"ItemId": ANYTHING}), max_size=3),
                "ItemsAdded": ANYTHING,
                "ItemsRemoved": ANYTHING,
                "IsEmpty": ANYTHING,
            },
        ),
    },
)


@given(MESSAGES)
def test_whatever_comes_is_understood_or_malformed(said: dict[str, Any]) -> None:
    try:
        heard = hears(said)
    except Malformed:
        return
    assert all(isinstance(one, Changed | KeepAlive | GoodBye) for one in heard)
