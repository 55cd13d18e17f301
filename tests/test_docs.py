"""What the documents say is so: tables, names, links and examples."""

import ast
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
import re
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
import pytest
import yaml

from custom_components import watched_sync
from custom_components.watched_sync.const import DOMAIN
from custom_components.watched_sync.core.activity import ActivityKind
from custom_components.watched_sync.core.errors import Reason
from custom_components.watched_sync.core.facts import (
    FACTS,
    WORDS,
    Fact,
    FindingsTable,
    Product,
)
from custom_components.watched_sync.core.importing.rows import RowReason as Passing
from custom_components.watched_sync.core.learnt import Trait
from custom_components.watched_sync.core.mirror import Skip
from custom_components.watched_sync.core.outbox import Result
from custom_components.watched_sync.core.reconcile import Policy
from custom_components.watched_sync.core.snapshot import SyncStatus
from custom_components.watched_sync.naming.asking import SkipReason
from custom_components.watched_sync.naming.names import EXTERNAL_ID_EXAMPLES

from . import rules
from .core.test_reconcile import ALL, TABLE
from .recordings.replay import NAMES, load
from .servers.needs import Need

ROOT = Path(__file__).parents[1]
DOCS = sorted((ROOT / "docs").glob("*.md"))
README = ROOT / "README.md"
HOW_IT_DECIDES = ROOT / "docs" / "how-it-decides.md"
MIRRORING = ROOT / "docs" / "mirroring.md"
IMPORTING = ROOT / "docs" / "importing.md"
MAINTAINING = ROOT / "docs" / "maintaining.md"
SUPPORTED_SERVERS = ROOT / "docs" / "supported-servers.md"
SERVER_FACTS = ROOT / "docs" / "server-facts.md"
PITFALLS = ROOT / "docs" / "pitfalls.md"
TROUBLESHOOTING = ROOT / "docs" / "troubleshooting.md"

ENGLISH = rules.english(Path(watched_sync.__path__[0]))

#: What stands in a cell that says nothing.
NOTHING = "\N{EN DASH}"

type Row = tuple[str, ...]


def tables(document: Path) -> Iterator[tuple[Row, list[Row]]]:
    """Yield the tables of a document: their headers, and their rows."""
    blocks = re.findall(
        r"(?:^\|.*\|\n)+", document.read_text(encoding="utf-8"), re.MULTILINE
    )
    for block in blocks:
        header, rule, *rows = (
            tuple(cell.strip() for cell in line.strip("|").split("|"))
            for line in block.splitlines()
        )
        assert all(re.fullmatch(r"-+", cell) for cell in rule), block
        assert all(len(row) == len(header) for row in (rule, *rows)), block
        yield header, rows


def rows_under(document: Path, *header: str) -> list[Row]:
    """Return the rows of all tables with this header, in order."""
    found = [row for names, rows in tables(document) if names == header for row in rows]
    assert found, header
    return found


def words(path: str) -> dict[str, str]:
    """Return what is shown for each key below a path of the translations."""
    found: Any = ENGLISH
    for key in path.split("."):
        found = found[key]
    return dict(found)


def quoted(names: Sequence[Row]) -> list[str]:
    """Return the names in the first column, which stand between back quotes."""
    assert all(re.fullmatch(r"`\w+`", row[0]) for row in names)
    return [row[0].strip("`") for row in names]


# ------------------------------------------------------------------ how it decides


def test_decision_table_is_the_one_that_is_tested() -> None:
    def told(policies: tuple[Policy, ...]) -> str:
        return "any" if policies == ALL else ", ".join(f"`{one}`" for one in policies)

    tested = [
        (base, operation, shown, played_at or NOTHING, told(policies), result)
        for base, operation, shown, played_at, policies, result in dict.fromkeys(TABLE)
    ]
    written = rows_under(
        HOW_IT_DECIDES,
        *("both knew", "change", "server shows", "played at", "policy", "result"),
    )
    assert written == tested


def test_every_policy_is_explained_by_the_words_of_the_dialog() -> None:
    rows = rows_under(HOW_IT_DECIDES, "policy", "shown as", "what it does")
    shown = words("selector.conflict_policy.options")
    assert quoted(rows) == list(Policy)
    assert {name: row[1] for name, row in zip(quoted(rows), rows, strict=True)} == shown


# ------------------------------------------------------------------------ pitfalls


@cache
def names_of_tests(file: Path) -> frozenset[str]:
    """Return the names of the tests that a file holds and that are run."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return frozenset(
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not re.search(
            r"mark\.(skip|xfail)", "".join(map(ast.unparse, node.decorator_list))
        )
    )


def is_run(file: Path) -> bool:
    """Whether pytest collects a file, or one beside it that inherits its tests."""
    inherits = re.compile(rf"^from \.{file.stem} import", re.MULTILINE)
    return file.name.startswith("test_") or any(
        inherits.search(other.read_text("utf-8"))
        for other in file.parent.glob("test_*.py")
    )


def pitfalls() -> list[Row]:
    return rows_under(
        PITFALLS,
        *("#", "what goes wrong elsewhere", "what Watched Sync does", "state", "proof"),
    )


def believed(fact: Fact, product: Product) -> str:
    """Return a cell: what is believed of a product, now and before."""
    words = FindingsTable(
        {f"checked_word.{one}": one for one in ("yes", "no")}
        | {"checked_word.either": "yes or no"}
    )
    now, before = fact.believed(product, "999"), fact.believed(product, "1")
    if now is None:
        return NOTHING
    if before is None or before == now:
        return words.believed(now)
    return f"{words.believed(now)}, before 12: {words.believed(before)}"


def test_every_fact_about_the_servers_has_its_paragraph() -> None:
    header = ("no.", "question", "Plex", "Jellyfin", "Emby", "what is known")
    rows = rows_under(SERVER_FACTS, *header)
    assert [row[:5] for row in rows] == [
        (
            str(number),
            ENGLISH["selector"]["checked_fact"]["options"][fact.key],
            *(believed(fact, product) for product in Product),
        )
        for number, fact in enumerate(FACTS, 1)
    ]
    assert all(row[5] for row in rows)


def test_everything_that_is_learnt_of_a_server_is_explained() -> None:
    rows = rows_under(SERVER_FACTS, "name", "what it says", "used")
    assert [row[0] for row in rows] == [f"`{trait}`" for trait in Trait]
    assert all(all(row) for row in rows)


def test_every_word_of_a_check_is_there() -> None:
    assert set(ENGLISH["selector"]["checked_word"]["options"]) == set(WORDS)


def test_all_28_pitfalls_are_listed() -> None:
    assert [row[0] for row in pitfalls()] == [f"P{n}" for n in range(1, 29)]


@pytest.mark.parametrize("row", pitfalls(), ids=lambda row: row[0])
def test_pitfall_is_answered_by_tests_that_exist(row: Row) -> None:
    _, _, _, state, proof = row
    assert state == "answered"
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", proof)
    assert len(named) == proof.count("`") / 2 > 0
    for path, test in named:
        assert test in names_of_tests(ROOT / path), f"{path}::{test}"
        assert is_run(ROOT / path), path


# ----------------------------------------------------------------- troubleshooting


def test_every_status_is_explained_by_the_word_that_is_shown() -> None:
    rows = rows_under(TROUBLESHOOTING, "status", "shown as", "it means", "what to do")
    shown = {name: row[1] for name, row in zip(quoted(rows), rows, strict=True)}
    assert shown.keys() == set(SyncStatus)
    assert shown == words("entity.sensor.sync_status.state")


def test_every_reason_is_explained_by_the_words_that_are_shown() -> None:
    rows = rows_under(
        TROUBLESHOOTING,
        *("reason", "shown as", "what happened"),
        *("what Watched Sync does", "what you can do"),
    )
    shown = {name: row[1] for name, row in zip(quoted(rows), rows, strict=True)}
    assert shown.keys() == set(Reason)
    assert shown == words("entity.sensor.sync_status.state_attributes.last_error.state")


def test_every_notice_is_explained_by_its_title() -> None:
    rows = rows_under(TROUBLESHOOTING, "notice", "it means", "what to do")
    titles = {
        re.sub(r"\{\w+\}", "…", issue["title"]) for issue in ENGLISH["issues"].values()
    }
    assert {row[0] for row in rows} == titles


def test_every_reason_to_skip_something_is_explained() -> None:
    rows = rows_under(TROUBLESHOOTING, "reason", "why nothing was queued")
    assert set(quoted(rows)) == set(SkipReason)


def test_every_reason_not_to_copy_is_explained() -> None:
    rows = rows_under(MIRRORING, "reason", "why nothing was copied")
    assert quoted(rows) == list(Skip)


def test_every_reason_to_pass_a_row_of_an_export_over_is_explained() -> None:
    rows = rows_under(IMPORTING, "reason", "meaning")
    assert quoted(rows) == list(Passing)


def test_every_result_in_the_history_is_explained() -> None:
    rows = rows_under(TROUBLESHOOTING, "result", "what became of the change")
    # What failed is in the queue, and the rest is not remembered.
    assert set(quoted(rows)) == set(Result) - {
        Result.SUPERSEDED,
        Result.REJECTED,
        Result.DISCARDED,
    }


# ------------------------------------------------------------------- all documents


def examples(document: Path) -> list[Any]:
    """Return the YAML examples of a document."""
    found = re.findall(
        r"^```yaml\n(.*?)^```$", document.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    return [yaml.safe_load(one) for one in found]


async def test_examples_name_actions_that_exist_and_take_what_they_are_given(
    hass: HomeAssistant,
) -> None:
    assert await async_setup_component(hass, DOMAIN, {})
    schemas = hass.services.async_services_for_domain(DOMAIN)
    called = [
        example
        for document in DOCS
        for example in examples(document)
        if "action" in example
    ]
    assert called
    for example in called:
        domain, _, name = example["action"].partition(".")
        assert domain == DOMAIN
        schema = schemas[name].schema
        assert schema is not None
        schema(example.get("data", {}))


async def test_examples_of_automations_can_be_set_up(hass: HomeAssistant) -> None:
    assert await async_setup_component(hass, DOMAIN, {})
    automations = [
        {"alias": f"{document.stem} {number}", **example}
        for document in DOCS
        for number, example in enumerate(examples(document))
        if "triggers" in example
    ]
    used = str(automations)
    assert "watched_sync.show_finished" in used
    assert "watched_sync.has_unwatched" in used
    assert await async_setup_component(hass, "automation", {"automation": automations})
    await hass.async_block_till_done()
    # One that cannot be understood would be there too, but unavailable.
    states = hass.states.async_all("automation")
    assert [state.state for state in states] == ["on"] * len(automations)
    await hass.services.async_call(
        "automation",
        "turn_off",
        {"entity_id": [state.entity_id for state in states]},
        blocking=True,
    )


@pytest.mark.parametrize("part", ["trigger", "condition"])
def test_the_reference_explains_every_trigger_and_condition(part: str) -> None:
    says = {"trigger": "it fires when", "condition": "it passes if"}
    rows = rows_under(ROOT / "docs" / "reference.md", part, says[part])
    named = [row[0].strip("`").removeprefix(f"{DOMAIN}.") for row in rows]
    assert named == list(ENGLISH[f"{part}s"])


def test_the_reference_explains_every_event_type() -> None:
    rows = rows_under(
        ROOT / "docs" / "reference.md",
        *("event type", "when it fires", "attributes of its own"),
    )
    assert set(quoted(rows)) == set(ActivityKind)


def test_debug_log_is_switched_on_by_the_name_of_our_logger() -> None:
    (example,) = (one for one in examples(TROUBLESHOOTING) if "logger" in one)
    assert example["logger"]["logs"] == {watched_sync.__name__: "debug"}


def test_actions_named_anywhere_exist() -> None:
    for document in (*DOCS, README):
        named = re.findall(rf"`{DOMAIN}\.(\w+)`", document.read_text("utf-8"))
        known = {*ENGLISH["services"], *ENGLISH["triggers"], *ENGLISH["conditions"]}
        assert set(named) <= known, document.name


def anchors(document: Path) -> set[str]:
    """Return what can be linked to within a document, as GitHub names it."""
    titles = re.findall(r"^#+ (.*)$", document.read_text("utf-8"), re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-")
        for title in titles
    }


@pytest.mark.parametrize("document", [*DOCS, README], ids=lambda one: one.name)
def test_links_lead_somewhere(document: Path) -> None:
    text = document.read_text("utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"https?://", target):
            continue
        path, _, anchor = target.partition("#")
        linked = (document.parent / path).resolve() if path else document
        assert linked.exists(), target
        assert linked.is_relative_to(ROOT), target
        if anchor:
            assert anchor in anchors(linked), target


@pytest.mark.parametrize("action", sorted(ENGLISH["services"]))
def test_the_reference_names_every_field_of_an_action(action: str) -> None:
    text = (ROOT / "docs" / "reference.md").read_text("utf-8")
    _, _, section = text.partition(f"`watched_sync.{action}`\n")
    section = section.partition("\n### ")[0]
    named = set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))
    assert named == set(ENGLISH["services"][action]["fields"])


@pytest.mark.parametrize("action", sorted(ENGLISH["services"]))
def test_the_reference_explains_an_action_by_the_words_of_its_form(action: str) -> None:
    text = (ROOT / "docs" / "reference.md").read_text("utf-8")
    _, _, section = text.partition(f"`watched_sync.{action}`\n")
    section = section.partition("\n### ")[0]
    told = ENGLISH["services"][action]
    assert told["description"] in section.splitlines()
    for name, field in told["fields"].items():
        meaning = field["description"]
        if name == "external_id":
            meaning = meaning.format_map(EXTERNAL_ID_EXAMPLES)
        assert f"| `{name}` | {meaning} |" in section.splitlines()


def test_the_reference_names_every_option_and_every_field_of_a_form() -> None:
    text = (ROOT / "docs" / "reference.md").read_text("utf-8")
    named = set(re.findall(r"^\| \*(.+?)\* \|", text, re.MULTILINE))
    options = ENGLISH["options"]["step"]["preferences"]
    forms = ENGLISH["config"]["step"].values()
    players = ENGLISH["config_subentries"]["player"]["step"].values()
    shown = {
        name
        for one in (options, *options["sections"].values(), *forms, *players)
        for name in one.get("data", {}).values()
    }
    assert named == shown


def test_needs_of_the_contract_are_listed() -> None:
    rows = rows_under(MAINTAINING, "need", "what is meant")
    assert [need for need, _ in rows] == [f"`{one}`" for one in Need]


def test_servers_that_were_recorded_are_those_that_were_tried() -> None:
    tried = {
        row[0]: row[2]
        for header, rows in tables(SUPPORTED_SERVERS)
        if header[0] == "server"
        for row in rows
    }
    versions = {load(name)["version"] for name in NAMES}
    assert set(re.findall(r"[0-9.]+[0-9]", tried["Jellyfin"])) == versions
    assert tried["Plex Media Server"] == tried["Emby (experimental)"] == "none yet"
