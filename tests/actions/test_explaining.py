"""Why an item is as it is, told without changing anything and without the server."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
import re
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.watched_sync.actions.explaining import ITEM_LIMIT, ROW_LIMIT
from custom_components.watched_sync.actions.summaries import (
    Explanation,
    Rule,
    Variant,
    Why,
    async_words,
)
from custom_components.watched_sync.const import DOMAIN
from custom_components.watched_sync.core.errors import (
    Fault,
    Reason,
    Refused,
    Unanswered,
)
from custom_components.watched_sync.core.identity import Item, MediaKind
from custom_components.watched_sync.core.operation import (
    Change,
    MarkUnwatched,
    MarkWatched,
    Operation,
    SetProgress,
)
from custom_components.watched_sync.core.reconcile import Policy
from custom_components.watched_sync.languages import LANGUAGES

from ..common import (
    EPISODES,
    MOVIE,
    OTHER_MOVIE,
    SHOW,
    MemoryServer,
    drained,
    season,
    setup_lane,
    until,
)
from ..scene import lose_contact, revoke_token

EVERYTHING = (MOVIE, OTHER_MOVIE, SHOW, season(1), season(2), *EPISODES)


async def act(hass: HomeAssistant, action: str, /, **data: Any) -> dict[str, Any]:
    """Call an action of ours and return its response."""
    response = await hass.services.async_call(
        DOMAIN, action, data, blocking=True, return_response=True
    )
    assert isinstance(response, dict)
    return response


async def explain(hass: HomeAssistant, /, **data: Any) -> dict[str, Any]:
    """Return the only row of an explanation, of the first movie if none is named."""
    (row,) = (await act(hass, "explain", **(data or {"item_id": "m1"})))["items"]
    assert isinstance(row, dict)
    return row


def hold(entry: MockConfigEntry, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have nothing be delivered any more."""
    monkeypatch.setattr(entry.runtime_data.lane.outbox, "due", lambda *_: [])


def only(entry: MockConfigEntry) -> Operation:
    """Return the only operation that waits."""
    (operation,) = entry.runtime_data.lane.outbox
    return operation


def told(time: datetime) -> str:
    """Return a time as a sentence tells it."""
    return dt_util.as_local(time).isoformat(" ", "seconds")


def test_every_reason_is_explained_in_the_reference() -> None:
    text = (Path(__file__).parents[2] / "docs" / "reference.md").read_text("utf-8")
    _, _, table = text.partition("| why | what it means |\n")
    rows = table.partition("\n\n")[0]
    assert re.findall(r"^\| `(\w+)` \|", rows, re.MULTILINE) == list(Why)


# --- what it says of an item --------------------------------------------------


async def test_item_nobody_asked_for_is_told_as_it_is(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    freezer.move_to("2026-10-31 20:15:00+00:00")
    server = MemoryServer()
    entry = await setup_lane(hass, server, subentries=[MOVIE])
    server.set("m1", position=120.0)
    requests = len(server.requests)
    answer = await act(hass, "explain", item_id="m1")
    assert [name for name, _ in server.requests[requests:]] == ["fetch"]
    state = {"watched": False, "play_count": 0, "last_played": None}
    health = entry.runtime_data.lane.health
    assert answer == {
        "items": [
            {
                "config_entry_id": entry.entry_id,
                "lane": entry.title,
                "item_id": "m1",
                "media_type": "movie",
                "title": "Arrival",
                "full_title": "Arrival (2016)",
                "year": 2016,
                "show": None,
                "season": None,
                "episode": None,
                "aired": None,
                "library_id": "films",
                "external_ids": ["imdb://tt2543164", "tmdb://movie/329865"],
                "matched_by": ["item_id"],
                "shared_ids": [],
                "server": {
                    "state": {**state, "position": 120.0},
                    "read_at": "2026-10-31T20:15:00+00:00",
                    "reason": None,
                },
                # Explaining is not agreeing: the next look finds the news.
                "agreed": {**state, "position": 0.0},
                "wanted": {"watched": False, "position": 120.0},
                "waiting": [],
                "failed": [],
                "history": [],
                "not_copied": [],
                "reason": "nothing_asked",
                "summary": "Nothing waits, and nothing was asked for in the past 30 "
                "days: what the server shows stands.",
            }
        ],
        "more_items": 0,
        "lanes": [
            {
                "config_entry_id": entry.entry_id,
                "name": "Attic (Ada)",
                "kind": "jellyfin",
                "health": "ready",
                "since": health.since.isoformat(),
                "last_error": None,
                "next_attempt": None,
                "last_synced": None,
                "pending": 0,
                "failed": 0,
                "conflict_policy": "newest",
                "clock_offset": 0.0,
                "keeps_watched_at": False,
            }
        ],
        "skipped": [],
    }


@pytest.mark.parametrize(
    ("data", "matched_by"),
    [
        ({"title": "Arrival"}, ["title"]),
        ({"title": "Arrival", "year": 2016}, ["title", "year"]),
        ({"external_id": " imdb://tt2543164"}, ["imdb://tt2543164"]),
        (
            {"item_id": "s1", "season": 1, "episode": 2},
            ["item_id", "season", "episode"],
        ),
        ({"title": "Severance", "season": 2}, ["title", "season"]),
        ({"entity_id": "switch.arrival_2016_watched"}, ["target"]),
    ],
)
async def test_every_way_to_name_an_item_is_understood_and_told(
    hass: HomeAssistant, data: dict[str, Any], matched_by: list[str]
) -> None:
    await setup_lane(hass, MemoryServer(EVERYTHING), subentries=[MOVIE])
    assert (await explain(hass, **data))["matched_by"] == matched_by


async def test_copies_on_two_servers_show_by_which_ids_they_are_one_work(
    hass: HomeAssistant,
) -> None:
    servers = [
        MemoryServer(EVERYTHING, server_id=one, user_id=one)
        for one in ("server-1", "server-2")
    ]
    servers[1].up_next_ids = ["e1x1"]
    entries = [await setup_lane(hass, server) for server in servers]
    await lose_contact(hass, entries[1], servers[1])
    answer = await act(hass, "explain", title="Severance")
    assert [row["config_entry_id"] for row in answer["items"]] == [
        entry.entry_id for entry in entries
    ]
    for row in answer["items"]:
        assert row["shared_ids"] == row["external_ids"]
        assert len(row["shared_ids"]) == 3
    (row,) = (
        await act(
            hass, "explain", title="Severance", config_entry_id=entries[0].entry_id
        )
    )["items"]
    assert row["shared_ids"] == []


# --- why it waits -------------------------------------------------------------


async def test_outage_is_the_reason_while_the_server_is_away(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server, subentries=[MOVIE])
    await lose_contact(hass, entry, server)
    await act(hass, "mark_watched", item_id="m1")
    row = await explain(hass)
    health = entry.runtime_data.lane.health
    assert health.next_attempt is not None
    assert row["reason"] == "waits_for_server"
    assert row["summary"] == (
        "The change “Mark as watched” for Arrival (2016), asked for at "
        f"{told(only(entry).asked_at)}, waits because Attic (Ada) cannot be reached: "
        f"“Server does not answer”. Next attempt: {told(health.next_attempt)}. What "
        "the server shows then is compared before anything is written."
    )
    assert row["server"] == {"state": None, "read_at": None, "reason": "offline"}
    assert row["agreed"]["watched"] is False
    assert row["wanted"]["watched"] is True
    (waiting,) = row["waiting"]
    assert waiting["operation_id"] == only(entry).operation_id
    assert waiting["next_attempt"] == health.next_attempt.isoformat()


async def test_item_that_was_never_seen_can_be_explained_offline(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server)
    await lose_contact(hass, entry, server)
    await act(hass, "mark_watched", item_id="m2")
    row = await explain(hass, item_id="m2")
    assert (row["media_type"], row["agreed"]) == ("unknown", None)
    assert (row["reason"], row["external_ids"]) == ("waits_for_server", [])
    with pytest.raises(ServiceValidationError) as error:
        await explain(hass, title="Contact")
    assert error.value.translation_key == "cannot_look_up"


async def test_sign_in_is_the_reason_where_one_is_needed(hass: HomeAssistant) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server, subentries=[MOVIE])
    await revoke_token(hass, entry, server)
    await act(hass, "mark_watched", item_id="m1")
    row = await explain(hass)
    assert row["reason"] == "waits_for_sign_in"
    assert row["server"]["reason"] == "auth_required"
    assert row["summary"].endswith("until somebody signs in to Attic (Ada) again.")


async def test_what_the_server_refuses_is_tried_again_later_and_given_up_in_the_end(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    server.item_faults["m1"] = Fault("not now")
    entry = await setup_lane(hass, server, subentries=[MOVIE])
    await act(hass, "mark_watched", item_id="m1")
    await until(entry.runtime_data, lambda: bool(only(entry).attempts))
    row = await explain(hass)
    not_before = only(entry).not_before
    assert not_before is not None
    assert row["reason"] == "retries_later"
    assert row["summary"].endswith(
        " has failed so far: “Server error”. Attempts: 1. Next attempt: "
        f"{told(not_before)}."
    )
    assert row["waiting"][0]["attempts"] == 1

    server.item_faults["m1"] = Refused("no")
    await act(hass, "retry", operation_id=only(entry).operation_id)
    await drained(hass, entry)
    row = await explain(hass)
    assert row["reason"] == "given_up"
    assert row["summary"].endswith(
        " was given up: “Refused by the server”. Attempts: 1. It waits for somebody "
        "to retry or to discard it."
    )
    assert [one["last_error"] for one in row["failed"]] == ["refused"]
    assert row["waiting"] == []


async def test_what_a_late_write_may_turn_round_says_until_when(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    server.item_faults["m1"] = Unanswered("slow")
    entry = await setup_lane(hass, server, subentries=[MOVIE])
    await act(hass, "mark_watched", item_id="m1")
    await until(entry.runtime_data, lambda: bool(only(entry).last_error))
    del server.item_faults["m1"]
    await act(hass, "mark_unwatched", item_id="m1")
    await until(
        entry.runtime_data,
        lambda: (
            isinstance(only(entry).change, MarkUnwatched)
            and only(entry).not_before is not None
        ),
    )
    row = await explain(hass)
    unsure_until = only(entry).unsure_until
    assert unsure_until is not None
    assert row["reason"] == "may_have_been_written"
    assert f"until {told(unsure_until)}" in row["summary"]


async def test_item_that_is_gone_is_missing(hass: HomeAssistant) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server, subentries=[MOVIE])
    del server.items["m1"]
    row = await explain(hass)
    assert row["reason"] == "missing"
    assert row["server"]["reason"] == "not_found"
    assert row["summary"] == "Attic (Ada) does not have this item any more."
    await act(hass, "mark_watched", item_id="m1")
    await until(entry.runtime_data, lambda: only(entry).missing_since is not None)
    row = await explain(hass)
    assert row["reason"] == "missing"
    assert "has not had this item since" in row["summary"]


async def test_what_is_just_being_sent_says_so(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server, subentries=[MOVIE])
    original = server.write
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def write(*args: Any) -> None:
        begun.set()
        await go_on.wait()
        await original(*args)

    monkeypatch.setattr(server, "write", write)
    await act(hass, "mark_watched", item_id="m1")
    await begun.wait()
    row = await explain(hass)
    assert row["reason"] == "being_delivered"
    assert row["waiting"][0]["status"] == "syncing"
    go_on.set()
    await drained(hass, entry)
    assert (await explain(hass))["reason"] == "was_delivered"


# --- by which rule ------------------------------------------------------------


async def test_operation_that_nobody_contradicts_would_be_written(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server, subentries=[MOVIE])
    hold(entry, monkeypatch)
    await act(hass, "mark_watched", item_id="m1")
    row = await explain(hass)
    assert row["reason"] == "would_be_written"
    assert "By the rule “The newest change wins”, nothing" in row["summary"]
    assert server.writes == []
    server.set("m1", watched=True)
    assert (await explain(hass))["reason"] == "already_true"
    server.set("m1", watched=None)
    assert (await explain(hass))["reason"] == "state_unknown"
    del server.items["m1"]
    assert (await explain(hass))["reason"] == "missing"


async def test_operation_that_came_too_late_would_be_overruled(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = MemoryServer()
    server.set("m1", watched=True)
    entry = await setup_lane(
        hass,
        server,
        subentries=[MOVIE],
        options={"delivery": {"conflict_policy": "server"}},
    )
    hold(entry, monkeypatch)
    await act(hass, "mark_unwatched", item_id="m1")
    server.set("m1", play_count=2, last_played=datetime.now(UTC))
    row = await explain(hass)
    assert row["reason"] == "would_be_overruled"
    assert row["summary"].endswith(
        "would be overruled. Somebody else has changed the item meanwhile, and the "
        "rule “The server wins” lets that stand."
    )


async def test_watched_beats_an_older_position_by_a_rule_of_its_own(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server, subentries=[MOVIE])
    hold(entry, monkeypatch)
    await act(hass, "set_progress", item_id="m1", position=600)
    server.set("m1", watched=True, last_played=datetime.now(UTC) + timedelta(hours=1))
    row = await explain(hass)
    assert row["reason"] == "would_be_overruled"
    assert "“Watched beats an older position” lets that stand." in row["summary"]


async def test_undo_leaves_alone_what_others_did_since(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = MemoryServer()
    entry = await setup_lane(hass, server, subentries=[MOVIE])
    await act(hass, "mark_watched", item_id="m1")
    await drained(hass, entry)
    hold(entry, monkeypatch)
    await act(hass, "undo")
    server.set("m1", watched=True, position=60.0, last_played=datetime.now(UTC))
    row = await explain(hass)
    assert row["reason"] == "would_be_overruled"
    assert "rule “An undo leaves alone what others changed” lets" in row["summary"]


async def test_tree_over_an_episode_is_what_the_episode_waits_for(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = MemoryServer(EVERYTHING)
    entry = await setup_lane(hass, server, subentries=[SHOW])
    hold(entry, monkeypatch)
    await act(hass, "mark_watched", item_id="s1", season=1)
    row = await explain(hass, item_id="e1x1")
    assert row["reason"] == "would_be_written"
    assert "“Mark as watched” for Severance Season 1, asked" in row["summary"]
    assert (await explain(hass, item_id="e2x1"))["reason"] == "nothing_asked"
    # And the show waits for its season, which is decided below.
    row = await explain(hass, item_id="s1")
    assert row["reason"] == "waits_for_turn"
    assert [one["item_id"] for one in row["waiting"]] == ["season1"]


# --- what became of it --------------------------------------------------------


async def test_ends_of_earlier_operations_are_told_the_latest_first(
    hass: HomeAssistant,
) -> None:
    server = MemoryServer()
    entry = await setup_lane(
        hass,
        server,
        subentries=[MOVIE],
        options={"delivery": {"conflict_policy": "server"}},
    )
    await act(hass, "mark_watched", item_id="m1")
    await drained(hass, entry)
    row = await explain(hass)
    assert row["reason"] == "was_delivered"
    assert "was confirmed by Attic (Ada) at" in row["summary"]

    await act(hass, "mark_watched", item_id="m1")
    await drained(hass, entry)
    row = await explain(hass)
    assert row["reason"] == "was_delivered"
    assert row["summary"].endswith("without a write: Attic (Ada) showed it already.")

    server.go_down()
    await lose_contact(hass, entry, server)
    await act(hass, "mark_unwatched", item_id="m1")
    server.set("m1", position=300.0, last_played=datetime.now(UTC))
    server.come_up()
    entry.runtime_data.relay.nudge()
    await drained(hass, entry)
    row = await explain(hass)
    assert row["reason"] == "was_overruled"
    assert "the rule “The server wins” let that stand." in row["summary"]
    assert [one["result"] for one in row["history"]] == [
        "overruled",
        "already_true",
        "delivered",
    ]


# --- in whose words -----------------------------------------------------------


async def test_summary_is_in_the_language_and_the_time_zone_of_home_assistant(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    freezer.move_to("2026-10-31 20:15:00+00:00")
    await hass.config.async_update(language="de", time_zone="Europe/Berlin")
    server = MemoryServer()
    entry = await setup_lane(hass, server, subentries=[MOVIE])
    await revoke_token(hass, entry, server)
    await act(hass, "mark_watched", item_id="m1")
    row = await explain(hass)
    assert row["reason"] == "waits_for_sign_in"
    assert row["summary"] == (
        "Die Änderung „Als gesehen markieren“ für Arrival (2016), gewünscht am "
        "2026-10-31 21:15:00+01:00, wartet, bis sich jemand wieder bei Attic (Ada) "
        "anmeldet."
    )
    row = await explain(hass, item_id="m1", language="es-MX")
    assert row["summary"] == (
        "El cambio «Marcar como visto» para Arrival (2016), pedido el "
        "2026-10-31 21:15:00+01:00, espera a que alguien vuelva a iniciar sesión en "
        "Attic (Ada)."
    )


@pytest.mark.parametrize(
    ("own", "asked", "begins"),
    [
        ("pl", None, "Nothing waits"),
        ("de", "pl", "Nothing waits"),
        ("de-CH", None, "Nichts wartet"),
        ("fr", "*", "Rien n'est en attente"),
        ("es-419", "", "No hay nada en espera"),
    ],
)
async def test_closest_language_is_spoken_and_english_where_none_is_close(
    hass: HomeAssistant, own: str, asked: str | None, begins: str
) -> None:
    await hass.config.async_update(language=own)
    await setup_lane(hass, MemoryServer(), subentries=[MOVIE])
    language = {} if asked is None else {"language": asked}
    row = await explain(hass, item_id="m1", **language)
    assert row["summary"].startswith(begins)


def explanations() -> list[Explanation]:
    """Return one of each reason and variant, error, policy, rule and change."""
    asked_at = datetime(2026, 10, 31, 20, 15, tzinfo=UTC)
    changes: list[Change] = [MarkWatched(), MarkUnwatched(), SetProgress(60)]
    operations = [
        Operation(
            "id",
            "batch",
            MOVIE,
            change,
            asked_at,
            attempts=2,
            missing_since=asked_at,
            unsure_until=asked_at,
        )
        for change in changes
    ]
    return [
        *(
            Explanation(
                why, "Attic", operation, None, asked_at, Reason.BUSY, Policy.NEWEST
            )
            for why in Why
            for operation in operations
        ),
        *(
            Explanation(Why.MISSING, "Attic", operations[0], variant, asked_at)
            for variant in Variant
        ),
        *(
            Explanation(Why.GIVEN_UP, "Attic", operations[0], error=reason)
            for reason in Reason
        ),
        *(
            Explanation(Why.WAS_OVERRULED, "Attic", operations[0], rule=rule)
            for rule in (*Policy, *Rule)
        ),
    ]


async def test_everything_that_can_be_told_is_told_in_every_language(
    hass: HomeAssistant,
) -> None:
    english = await async_words(hass, "en")
    # A sentence that leaves the change out is the same for all of them.
    sentences = {english.sentence(one): one for one in explanations()}
    assert len(sentences) > len(Why) + len(Variant) + len(Reason)
    for language in set(LANGUAGES) - {"en"}:
        words = await async_words(hass, language)
        said = [words.sentence(one) for one in sentences.values()]
        assert len(set(said)) == len(said)
        assert not sentences.keys() & set(said)
        assert not [one for one in said if not one.endswith(".") or "{" in one]


async def test_there_is_no_sentence_that_nobody_says(hass: HomeAssistant) -> None:
    words = await async_words(hass, "en")
    prefix = f"component.{DOMAIN}.common.explain_"
    keys = {key.removeprefix(prefix) for key in words.texts if key.startswith(prefix)}
    assert keys == {*Why, *Variant, *Rule, "soon"}


# --- bounds -------------------------------------------------------------------


async def test_answer_is_bounded_and_says_what_is_left_out(
    hass: HomeAssistant,
) -> None:
    films = [
        Item(f"film{number}", MediaKind.MOVIE, f"Film {number}", 1990 + number)
        for number in range(ITEM_LIMIT + 3)
    ]
    server = MemoryServer(films)
    entry = await setup_lane(hass, server, subentries=films)
    switches = [
        state.entity_id
        for state in hass.states.async_all("switch")
        if "item_id" in state.attributes
    ]
    requests = len(server.requests)
    answer = await act(hass, "explain", entity_id=switches)
    assert (len(answer["items"]), answer["more_items"]) == (ITEM_LIMIT, 3)
    # One question for all of them.
    assert [name for name, _ in server.requests[requests:]] == ["fetch"]
    for _ in range(ROW_LIMIT):
        for action in ("mark_watched", "mark_unwatched"):
            await act(hass, action, item_id="film1")
            await drained(hass, entry)
    row = await explain(hass, item_id="film1")
    assert len(row["history"]) == ROW_LIMIT
    assert row["history"][0]["change"] == "mark_unwatched"


async def test_lane_that_is_not_loaded_is_listed_as_skipped_only(
    hass: HomeAssistant,
) -> None:
    entries = [
        await setup_lane(hass, MemoryServer(server_id=one, user_id=one))
        for one in ("server-1", "server-2")
    ]
    await hass.config_entries.async_unload(entries[1].entry_id)
    answer = await act(hass, "explain", title="Arrival")
    assert [row["config_entry_id"] for row in answer["lanes"]] == [entries[0].entry_id]
    assert [(row["config_entry_id"], row["reason"]) for row in answer["skipped"]] == [
        (entries[1].entry_id, "not_loaded")
    ]
