"""Every example of the README and the documents runs as it is printed.

An action is called by a script and has to do something. An automation is set up, and
then an evening passes on which everything happens that an example may wait for. A kind
of example that is not known here fails, so that none is left out.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
import json
import logging
import os
from pathlib import Path
import re
import shutil
from typing import Any
from unittest.mock import patch
from zipfile import ZipFile

from homeassistant.components import conversation
from homeassistant.components.automation import EVENT_AUTOMATION_TRIGGERED
from homeassistant.components.homeassistant.exposed_entities import async_expose_entity
from homeassistant.components.logbook import LOG_MESSAGE_SCHEMA
from homeassistant.components.logger import CONFIG_SCHEMA as LOGGER_SCHEMA
from homeassistant.components.persistent_notification import (
    _async_get_or_create_notifications,
)
from homeassistant.const import EVENT_CALL_SERVICE
from homeassistant.core import Context, Event, HomeAssistant, ServiceCall
from homeassistant.helpers import (
    area_registry as ar,
    device_registry as dr,
    entity_registry as er,
)
from homeassistant.helpers.intent import IntentResponseType
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from homeassistant.util.ulid import ulid_now
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
    async_fire_time_changed,
    async_mock_service,
)
import yaml

from custom_components import watched_sync
from custom_components.watched_sync.const import DOMAIN
from custom_components.watched_sync.core.inventory import Stage
from tests.common import drained
from tests.fakes import library
from tests.fakes.base import FaultKind
from tests.sentences import read_once
from tests.test_docs import DOCS, README, ROOT, rows_under
from tests.test_intent import SENTENCES

from .house import (
    JellyfinSide,
    PlexSide,
    Side,
    act,
    know_films,
    runtime_of,
    until_true,
)
from .machine import TimeMachine

#: Who and what is in the examples, and is not ours.
PERSON = "person.ada"
OTHER_PERSON = "person.bob"
PLAYER = "media_player.living_room"

#: What an answer of ours holds that is more than an empty list.
ANSWERS = {
    "mark_watched": "operations",
    "mark_unwatched": "operations",
    "set_progress": "operations",
    "undo": "operations",
    "sync_now": "lanes",
    "retry": "operations",
    "discard": "operations",
    "get_queue": "operations",
    "get_history": "operations",
    "find_media": "items",
    "get_library": "items",
    "explain": "items",
}
#: What writes to a server, unless it is a dry run.
WRITERS = {"mark_watched", "mark_unwatched", "set_progress", "undo", "retry"}

# ------------------------------------------------------------------------- examples


@dataclass(frozen=True, slots=True)
class Example:
    """A block of a document: in what language, below which headline, and its text."""

    document: str
    line: int
    language: str
    headline: str
    text: str

    @property
    def content(self) -> Any:
        """What the YAML says."""
        return yaml.safe_load(self.text)

    @property
    def kind(self) -> str:
        """What kind of example it is; empty for one that nobody here knows."""
        if self.language != "yaml":
            return self.language if self.language == "sh" else ""
        content = self.content
        if not isinstance(content, dict):
            return ""
        for kind, keys in (
            ("automation", {"automation"}),
            ("automation", {"alias", "triggers", "conditions", "actions"}),
            ("action", {"action", "target", "data", "response_variable"}),
            ("logger", {"logger"}),
            ("card", {"type", "what", "look", "rows"}),
        ):
            if content.keys() <= keys:
                is_plan = kind == "action" and _is_of_a_plan(content)
                return "plan" if is_plan else kind
        return ""

    @property
    def automations(self) -> list[dict[str, Any]]:
        """The automations of one of that kind."""
        content = self.content
        found: list[dict[str, Any]] = content.get("automation", [content])
        return [{"alias": f"Example {n}", **one} for n, one in enumerate(found, 1)]

    def __str__(self) -> str:
        return f"{self.document}:{self.line} {self.headline}"


#: What stands in the examples of plans for what an answer has told.
ENTRY_IDS = ("01JOLDPLEX0000000000000000", "01JNEWJELLYFIN000000000000")
PLAN_ID = "0123456789abcdef"
BATCH_ID = "01JABCDEFGHJKMNPQRSTVWXYZ0"


def _is_of_a_plan(step: Mapping[str, Any]) -> bool:
    """Whether an action makes a plan, or goes on with one."""
    return (
        step.get("action") in {f"{DOMAIN}.level", f"{DOMAIN}.import_history"}
        or step.get("data", {}).get("batch_id") == BATCH_ID
    )


def _examples(document: Path) -> Iterator[Example]:
    headline, language, begun = "", None, 0
    block: list[str] = []
    lines = document.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, 1):
        fence = re.fullmatch(r"\s*(```+|~~~+)\s*(\S*)\s*", line)
        if fence is None:
            if language is not None:
                block.append(line)
            elif line.startswith("#"):
                headline = line.strip("# ")
        elif language is None:
            language, begun, block = fence[2], number, []
        else:
            text = "\n".join(block)
            yield Example(document.name, begun, language, headline, text)
            language = None
    assert language is None, f"{document.name}:{begun} never ends"


EXAMPLES = [one for document in (README, *DOCS) for one in _examples(document)]


def of_kind(kind: str) -> pytest.MarkDecorator:
    """Run a test with every example of a kind."""
    found = [one for one in EXAMPLES if one.kind == kind]
    assert found, kind
    return pytest.mark.parametrize("example", found, ids=str)


def test_no_example_is_left_out() -> None:
    left_out = [f"{one}: {one.language}" for one in EXAMPLES if not one.kind]
    assert left_out == []
    assert {one.document for one in EXAMPLES} >= {"README.md", "reference.md"}


# ------------------------------------------------------------------------ the house


class Home:
    """A Home Assistant with both servers, in which somebody has lived already."""

    def __init__(
        self, hass: HomeAssistant, plex: PlexSide, jellyfin: JellyfinSide
    ) -> None:
        self.hass = hass
        self.sides: Sequence[Side] = (plex, jellyfin)
        self.plex = plex
        self.jellyfin = jellyfin
        self.entries: list[MockConfigEntry] = []
        self.logged: list[ServiceCall] = []

    async def live_in(self) -> None:
        """Have somebody there, who has begun to watch something elsewhere."""
        # The real one wants a database; its fields are those of the real one.
        self.logged = async_mock_service(
            self.hass, "logbook", "log", LOG_MESSAGE_SCHEMA
        )
        self.hass.states.async_set(PERSON, "home", {"friendly_name": "Ada"})
        # What was begun elsewhere: one of each show, and a film.
        for item_id in self.begun():
            await self.jellyfin.put(item_id, position=300)
        for number in range(1, 5):
            item_id = self.jellyfin.item_id("Chernobyl", season=1, episode=number)
            await self.jellyfin.put(item_id, plays=1)

    async def connect(self, *sides: Side) -> None:
        """Connect servers to that person's entries."""
        options = {"person": PERSON}
        for side in sides:
            shows = [side.show("Severance")] if side is self.plex else []
            self.entries.append(await side.connect(self.hass, *shows, options=options))

    def begun(self) -> list[str]:
        """Return the ids of what somebody has begun on the Jellyfin."""
        return [
            self.jellyfin.item_id("Past Lives"),
            *(
                self.jellyfin.item_id(
                    show.title, season=1, episode=5 if show.title == "Chernobyl" else 1
                )
                for show in library.SHOWS
            ),
        ]

    async def play(
        self,
        title: str,
        year: int,
        percent: float,
        *,
        player: str = PLAYER,
        stops: bool = True,
    ) -> None:
        """Have a player play a film up to somewhere."""
        seconds = library.movie(title, year).minutes * 60
        for at in (0.0, percent):
            self.hass.states.async_set(
                player,
                "playing",
                {
                    "media_content_type": "movie",
                    "media_title": f"{title} ({year})",
                    "media_duration": seconds,
                    "media_position": seconds * at / 100,
                    "media_position_updated_at": dt_util.utcnow(),
                },
            )
        if stops:
            self.hass.states.async_set(player, "idle", {})
        await self.hass.async_block_till_done()

    async def fail(self, title: str, operation_id: str | None = None) -> None:
        """Have the Plex refuse a mark for good."""
        runtime = runtime_of(self.entries[0])
        self.plex.server.fail(
            FaultKind.STATUS, path="/:/scrobble", status=400, times=None
        )
        with patch(
            f"{watched_sync.__name__}.runtime.ulid_now",
            lambda: operation_id or ulid_now(),
        ):
            await act(
                self.hass,
                "mark_watched",
                title=title,
                config_entry_id=self.entries[0].entry_id,
            )
        await until_true(lambda: bool(runtime.lane.outbox.rejected))
        self.plex.server.clear_faults()

    async def drained(self) -> None:
        """Wait until nothing is left to be delivered."""
        for entry in self.entries:
            await drained(self.hass, entry)

    def clear_logs(self) -> None:
        """Forget what was written so far."""
        for side in self.sides:
            side.server.clear_log()

    @property
    def marks(self) -> list[tuple[str, str]]:
        """What was written, on both servers."""
        return [mark for side in self.sides for mark in side.marks()]


@pytest.fixture
async def lived_in(hass: HomeAssistant, plex: PlexSide, jellyfin: JellyfinSide) -> Home:
    """A house whose servers are not connected yet."""
    home = Home(hass, plex, jellyfin)
    await home.live_in()
    return home


@pytest.fixture
async def home(hass: HomeAssistant, lived_in: Home) -> Home:
    """A house for one example, with both servers connected."""
    for one in ("homeassistant", "persistent_notification"):
        assert await async_setup_component(hass, one, {})
    await lived_in.connect(*lived_in.sides)
    for entry in lived_in.entries:
        # The rest is asked for at the servers, as what was added a minute ago is.
        await know_films(entry)
    return lived_in


def no_errors(caplog: pytest.LogCaptureFixture) -> None:
    """Fail if anything was logged that is a warning or worse."""
    bad = [
        record.getMessage()
        for record in caplog.records
        if record.levelno >= logging.ERROR
        or (record.levelno >= logging.WARNING and "watched_sync" in record.name)
    ]
    assert bad == []


# -------------------------------------------------------------------------- actions


@of_kind("action")
async def test_action_does_something(
    hass: HomeAssistant, home: Home, example: Example, caplog: pytest.LogCaptureFixture
) -> None:
    step = example.content
    domain, _, name = step["action"].partition(".")
    data: dict[str, Any] = step.get("data", {})
    assert domain == DOMAIN
    # There is something to retry and to discard, to list and to take back.
    await home.fail("Stalker", data.get("operation_id"))
    await act(hass, "mark_watched", title="Inception", wait=60)
    if name == "mark_unwatched":
        said = {key: data[key] for key in data.keys() - {"dry_run", "wait"}}
        await act(hass, "mark_watched", **said, wait=60)
    await home.drained()
    home.clear_logs()

    answer = step.get("response_variable", "answer")
    assert await async_setup_component(
        hass,
        "script",
        {
            "script": {
                "example": {
                    "sequence": [
                        {**step, "response_variable": answer},
                        {"stop": "That is all", "response_variable": answer},
                    ]
                }
            }
        },
    )
    response: Any = await hass.services.async_call(
        "script", "example", {}, blocking=True, return_response=True
    )
    rows = response[ANSWERS[name]]
    assert rows
    assert {row["reason"] for row in response.get("skipped", [])} <= {"not_aired"}
    if "when_there" in data:
        # It is not there, and waits until it is.
        assert {row["reason"] for row in rows} == {"missing"}
        assert not home.marks
        no_errors(caplog)
        return
    if "dry_run" in data:
        assert {row["status"] for row in rows} == {"planned"}
    if "wait" in data:
        assert {row["status"] for row in rows} == {"confirmed"}
    await home.drained()
    assert bool(home.marks) == (name in WRITERS and not data.get("dry_run"))
    if name == "discard" and not data.get("dry_run"):
        assert not runtime_of(home.entries[0]).lane.outbox.rejected
    no_errors(caplog)


# ---------------------------------------------------------------------------- plans


@of_kind("plan")
async def test_plan_is_made_and_carried_out(
    hass: HomeAssistant, lived_in: Home, machine: TimeMachine, example: Example
) -> None:
    """With the ids that the answers before it have told, where it names some."""
    home = lived_in
    seen = home.plex.item_id("Severance", season=1, episode=1)
    await home.plex.put(seen, plays=1, at=dt_util.utcnow() - timedelta(days=1))
    machine.running = True
    for one, side in zip((PERSON, OTHER_PERSON), home.sides, strict=True):
        hass.states.async_set(one, "home")
        # Two lanes of one person, or one lane each of two.
        person = one if OTHER_PERSON in example.text else PERSON
        home.entries.append(await side.connect(hass, options={"person": person}))
    for entry in home.entries:
        await until_true(partial(_is_read, entry), 3600, every=5)
    _export(Path(hass.config.path("trakt-export.zip")))
    home.clear_logs()

    step = example.content
    name = step["action"].removeprefix(f"{DOMAIN}.")
    said = _filled_in(step["data"], dict(zip(ENTRY_IDS, _ids(home), strict=True)))
    to_plan = {key: said[key] for key in said.keys() - {"confirm", "batch_id", "wait"}}
    if BATCH_ID in example.text:
        name_of_plan, to_plan = "level", {"person": PERSON}
    else:
        name_of_plan = name
    plan = await act(hass, name_of_plan, **to_plan)
    assert (plan["status"], plan["total"] > 0) == ("planned", True)
    assert not home.marks
    if said == to_plan:
        return
    begun = await act(hass, name_of_plan, **to_plan, confirm=plan["plan_id"], wait=60)
    assert begun["status"] == "finished"
    assert home.marks
    if "batch_id" in said:
        home.clear_logs()
        answer = await act(hass, name, **{**said, "batch_id": begun["batch_id"]})
        assert answer.get("status", "undoing") in {"finished", "undoing"}


def _is_read(entry: MockConfigEntry) -> bool:
    return runtime_of(entry).inventory.status.stage is Stage.COMPLETE


def _ids(home: Home) -> list[str]:
    return [entry.entry_id for entry in home.entries]


def _filled_in(said: Any, ids: Mapping[str, str]) -> Any:
    """Return what an example says, with the ids of this house."""
    if isinstance(said, dict):
        return {key: _filled_in(value, ids) for key, value in said.items()}
    if isinstance(said, list):
        return [_filled_in(value, ids) for value in said]
    return ids.get(said, said)


def _export(file: Path) -> None:
    """Write an export in which one film was watched that nobody here has seen."""
    film = library.movie("Arrival", 2016)
    row = {
        "plays": 1,
        "last_watched_at": "2026-01-02T20:00:00.000Z",
        "movie": {"title": film.title, "year": film.year, "ids": dict(film.ids)},
    }
    with ZipFile(file, "w") as archive:
        archive.writestr("watched-movies.json", json.dumps([row]))


# ---------------------------------------------------------------------- automations


async def an_evening(home: Home, automations: Sequence[Mapping[str, Any]]) -> None:
    """Have everything happen that an automation may wait for."""
    hass = home.hass
    await home.play("Arrival", 2016, 97)
    for trigger in _triggers(automations, "state"):
        hass.states.async_set(trigger["entity_id"], trigger["to"])
    for item_id in home.begun():
        await home.jellyfin.put(item_id, plays=1)
    await home.fail("Stalker")
    await act(hass, "mark_watched", title="Inception", wait=60)
    await hass.async_block_till_done()
    for trigger in _triggers(automations, "time"):
        at = dt_util.parse_time(trigger["at"])
        assert at is not None
        now = dt_util.now()
        moment = now.replace(
            hour=at.hour, minute=at.minute, second=at.second, microsecond=0
        )
        if moment <= now:
            moment += timedelta(days=1)
        async_fire_time_changed(hass, moment)


def _triggers(
    automations: Sequence[Mapping[str, Any]], kind: str
) -> Iterator[dict[str, Any]]:
    for automation in automations:
        for trigger in automation["triggers"]:
            if trigger["trigger"] == kind:
                yield trigger


@of_kind("automation")
async def test_automation_runs(
    hass: HomeAssistant, home: Home, example: Example, caplog: pytest.LogCaptureFixture
) -> None:
    automations = example.automations
    for trigger in _triggers(automations, "state"):
        hass.states.async_set(trigger["entity_id"], "before")
    assert await async_setup_component(hass, "automation", {"automation": automations})
    await hass.async_block_till_done()
    states = hass.states.async_all("automation")
    assert [state.state for state in states] == ["on"] * len(automations)
    started = async_capture_events(hass, EVENT_AUTOMATION_TRIGGERED)
    called = async_capture_events(hass, EVENT_CALL_SERVICE)
    home.clear_logs()

    await an_evening(home, automations)
    for automation in automations:

        def has_run(automation: Mapping[str, Any] = automation) -> bool:
            return _has_run(automation, started, called)

        await until_true(has_run)
    await hass.async_block_till_done()
    await home.drained()
    runs = {event.context.id for event in started}
    calls = [event.data for event in called if event.context.id in runs]
    for call in calls:
        _did_something(home, call)
    no_errors(caplog)
    # Clocks that an automation has set would tick on.
    await hass.services.async_call(
        "automation", "turn_off", {"entity_id": "all"}, blocking=True
    )


def _has_run(
    automation: Mapping[str, Any],
    started: Sequence[Event[Any]],
    called: Sequence[Event[Any]],
) -> bool:
    """Whether all that an automation is for was asked for, in one run of it."""
    wanted = {step["action"] for step in automation["actions"]}
    runs = {
        event.context.id
        for event in started
        if event.data["name"] == automation["alias"]
    }
    return any(
        wanted
        <= {
            f"{event.data['domain']}.{event.data['service']}"
            for event in called
            if event.context.id == run
        }
        for run in runs
    )


def _did_something(home: Home, call: Mapping[str, Any]) -> None:
    """Fail if what an automation asked for has left no trace."""
    data = call["service_data"]
    # Nothing was left to be filled in, and nothing was filled in with nothing.
    for value in data.values():
        assert not re.search(r"^\s*$|\{\{|\bNone\b", str(value)), data
    match f"{call['domain']}.{call['service']}":
        case "persistent_notification.create":
            shown = _async_get_or_create_notifications(home.hass)
            assert data["message"] in [one["message"] for one in shown.values()]
        case "logbook.log":
            assert data in [one.data for one in home.logged]
        case "watched_sync.mark_watched":
            # The film that the living room has played, on both servers.
            for side in home.sides:
                assert ("watched", side.item_id("Arrival")) in side.marks()
        case other:
            pytest.fail(f"nobody knows what {other} is to leave behind")


# ----------------------------------------------------------------------- the others


@of_kind("logger")
def test_logger_logs_us_in_detail(example: Example) -> None:
    validated = LOGGER_SCHEMA(example.content)["logger"]
    assert validated["logs"] == {watched_sync.__name__: logging.DEBUG}


#: What everybody has who reads these examples.
OTHER_PROGRAMS = {"cd", "docker", "git", "python3.13"}


@of_kind("sh")
def test_commands_are_there(example: Example) -> None:
    for line in example.text.replace("\\\n", "").splitlines():
        command = line.partition("#")[0].split()
        if command and re.fullmatch(r"[A-Z_]+=\S+", command[0]):
            del command[0]  # what the environment is to say
        assert command
        name = command[0]
        # DIR is a folder of the reader's own.
        is_known = name in OTHER_PROGRAMS or name.startswith("DIR/")
        assert is_known or _is_runnable(name), name


@pytest.mark.parametrize("document", [README, *DOCS], ids=lambda one: one.name)
def test_scripts_that_are_named_are_there(document: Path) -> None:
    for name in re.findall(r"`(scripts/[\w-]+)", document.read_text("utf-8")):
        assert _is_runnable(name), name


def _is_runnable(name: str) -> bool:
    file = ROOT / name
    return name.startswith("scripts/") and file.is_file() and os.access(file, os.X_OK)


# ------------------------------------------------------------------------ sentences

VOICE = ROOT / "docs" / "voice.md"

#: What is quoted in voice.md although nobody says it: an answer, and a beginning.
NOT_SAID = {
    (
        "I marked season 1 of Severance and season 2 episodes 1 to 5 of Severance"
        " as watched"
    ),
    "what's next in",
}


def quoted(text: str) -> list[str]:
    """Return what stands in italics in a text and is a sentence of some words."""
    text = re.sub(r"\s+", " ", re.sub(r"\*\*(.+?)\*\*", r"\1", text))
    return [
        one
        for one in re.findall(r"(?<![*\w])\*([^*|]+)\*(?![*\w])", text)
        if (one.count(" ") > 1 or one.startswith("undo "))
        and re.match(r"(I|I'm|mark|undo|what|what's|this|where|which)\b", one)
        and one not in NOT_SAID
    ]


def sentences() -> list[str]:
    """Return every sentence that the documents quote in English."""
    readme = re.search(r"\[Say it\].*?\n\n", README.read_text("utf-8"), re.DOTALL)
    assert readme
    about_sentences, _, _ = VOICE.read_text("utf-8").partition("## Tools")
    return list(dict.fromkeys([*quoted(readme[0]), *quoted(about_sentences)]))


def test_every_row_of_the_sentences_is_tried() -> None:
    rows = [row[0].strip("*") for row in rows_under(VOICE, "you say", "what happens")]
    assert len(rows) > 10
    assert set(rows) <= set(sentences())


def furnish(hass: HomeAssistant) -> str:
    """Put a player into two rooms, and what is spoken to into one; return its id."""
    registry = er.async_get(hass)
    areas = ar.async_get(hass)
    for room in ("Kitchen", "Living room"):
        area = areas.async_get_or_create(room)
        player = registry.async_get_or_create(
            "media_player", "demo", room, suggested_object_id=room
        )
        registry.async_update_entity(player.entity_id, area_id=area.id)
        async_expose_entity(hass, "conversation", player.entity_id, should_expose=True)
    satellite = MockConfigEntry(domain="demo")
    satellite.add_to_hass(hass)
    devices = dr.async_get(hass)
    device = devices.async_get_or_create(
        config_entry_id=satellite.entry_id, identifiers={("demo", "satellite")}
    )
    area = areas.async_get_or_create("Living room")
    devices.async_update_device(device.id, area_id=area.id)
    return device.id


@pytest.mark.parametrize("text", sentences())
async def test_sentence_is_understood_and_done(
    hass: HomeAssistant, lived_in: Home, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    home = lived_in
    read_once(monkeypatch)
    shutil.copytree(SENTENCES / "en", Path(hass.config.path("custom_sentences", "en")))
    for one in ("homeassistant", "intent", "conversation"):
        assert await async_setup_component(hass, one, {})
    device_id = furnish(hass)
    await home.connect(home.plex)
    await home.play("Arrival", 2016, 97)
    await home.play("Alien", 1979, 50, player="media_player.kitchen", stops=False)
    if "unwatched" in text or "haven't" in text or "undo" in text:
        await act(hass, "mark_watched", title="Arrival", wait=60)
        await home.drained()
    home.clear_logs()

    told = await conversation.async_converse(
        hass, text, None, Context(), language="en", device_id=device_id
    )
    response = told.response
    spoken = response.speech["plain"]["speech"]
    assert response.intent is not None, spoken
    await home.drained()
    if response.intent.intent_type == "WatchedSyncNextUp":
        assert response.response_type is IntentResponseType.QUERY_ANSWER, spoken
        assert home.marks == []
        return
    assert response.response_type is IntentResponseType.ACTION_DONE, spoken
    wrote = {
        "WatchedSyncMark": "watched",
        "WatchedSyncUnmark": "unwatched",
        "WatchedSyncUndo": "unwatched",
        "WatchedSyncProgress": "progress",
    }[response.intent.intent_type]
    assert {what for what, _ in home.marks} == {wrote}, spoken
