"""The integration keeps Home Assistant's and HACS's rules; the rules find faults."""

from collections.abc import Callable
import json
from pathlib import Path
import re
import shutil
import tomllib
from typing import Any

from awesomeversion import AwesomeVersion
from homeassistant.const import __version__
import pytest
import yaml

from . import rules

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "custom_components" / "watched_sync"


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.__name__)
def test_integration_keeps_the_rule(rule: rules.Rule) -> None:
    assert not list(rule(FOLDER))


def test_hacs_json_has_only_known_keys_and_the_oldest_home_assistant() -> None:
    hacs = rules.read_json(ROOT / "hacs.json")
    assert hacs["name"] == rules.read_json(FOLDER / "manifest.json")["name"]
    assert hacs.keys() <= rules.HACS_KEYS
    # What the tests run on is the oldest release we promise.
    oldest = AwesomeVersion(hacs["homeassistant"])
    running = AwesomeVersion(__version__)
    assert oldest <= running
    assert str(oldest).split(".")[:2] == str(running).split(".")[:2]
    # Home Assistant's own installer cannot use a zip file.
    assert "zip_release" not in hacs


def test_versions_agree() -> None:
    version = rules.read_json(FOLDER / "manifest.json")["version"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["version"] == version
    changelog = ROOT / "CHANGELOG.md"
    released = re.findall(
        r"^## \[?v?(\d[\w.]*)", changelog.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert version in released[:1]


def test_every_directly_named_requirement_is_pinned() -> None:
    lines = (ROOT / "requirements_test.txt").read_text(encoding="utf-8").splitlines()
    named = [line for line in lines if line and not line.startswith("#")]
    assert [line for line in named if not re.fullmatch(r"[\w.-]+==[\w.]+", line)] == []
    # `scripts/lock` brings them together.
    assert {line.lower() for line in named} <= set(locked())


def locked() -> dict[str, list[str]]:
    """Return what the lock of the test environment names, with the hashes."""
    text = (ROOT / "requirements_test.lock").read_text(encoding="utf-8")
    found: dict[str, list[str]] = {}
    for line in re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).split("\n"):
        if match := re.fullmatch(r"    --hash=sha256:([0-9a-f]{64})(?: \\)?", line):
            next(reversed(found.values())).append(match[1])
        elif line:
            match = re.fullmatch(r"([\w.-]+==[\w.!]+)(?: ; .+)? \\", line)
            assert match is not None, line
            found[match[1]] = []
    return found


def test_everything_in_the_test_environment_is_known_by_its_hashes() -> None:
    assert [name for name, hashes in locked().items() if not hashes] == []


def test_browser_tests_install_what_is_locked() -> None:
    folder = ROOT / "scripts" / "lib" / "browser"
    wanted = rules.read_json(folder / "package.json")["dependencies"]
    packages = rules.read_json(folder / "package-lock.json")["packages"]
    assert packages.pop("")["dependencies"] == wanted
    assert {
        name.removeprefix("node_modules/"): one["version"]
        for name, one in packages.items()
        if one["integrity"].startswith("sha512-")
    } == wanted


@pytest.mark.parametrize(
    "workflow",
    sorted((ROOT / ".github" / "workflows").glob("*.yml")),
    ids=lambda workflow: workflow.stem,
)
def test_workflow_starts_without_rights_and_pins_its_actions(workflow: Path) -> None:
    text = workflow.read_text(encoding="utf-8")
    used = re.findall(r"uses: (.*)", text)
    # A tag can be moved to another commit; a commit cannot be another.
    pinned = re.compile(r"[\w./-]+@[0-9a-f]{40} # (?:v\d[\d.]+|\w+, \d{4}-\d\d-\d\d)")
    assert used
    assert [one for one in used if not pinned.fullmatch(one)] == []
    content = yaml.safe_load(text)
    assert content["permissions"] == {}
    for job in content["jobs"].values():
        assert set(job.get("permissions", {}).items()) <= {("contents", "read")}
        for step in job["steps"]:
            assert not step.get("with", {}).get("ignore")


def test_form_for_bugs_asks_for_what_was_learnt() -> None:
    file = ROOT / ".github" / "ISSUE_TEMPLATE" / "bug.yml"
    form = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert form["name"]
    assert form["description"]
    asked = {one["id"]: one for one in form["body"] if one["type"] != "markdown"}
    assert all(one["attributes"]["label"] for one in asked.values())
    required = {
        key for key, one in asked.items() if one.get("validations", {}).get("required")
    }
    assert required == {"versions", "server", "happened", "diagnostics"}
    assert "`learnt`" in asked["diagnostics"]["attributes"]["description"]
    assert "scripts/check-server" in asked["check"]["attributes"]["description"]


def test_scripts_can_be_run() -> None:
    scripts = [ROOT / ".ci" / "run"]
    scripts += [file for file in (ROOT / "scripts").iterdir() if file.is_file()]
    for script in scripts:
        assert script.stat().st_mode & 0o111, script.name
        assert script.read_text(encoding="utf-8").startswith("#!/"), script.name


# ------------------------------------------------- the rules find what is wrong

GOOD_CODE = {
    "__init__.py": """
        CONFIG_SCHEMA = None
        async def async_setup(hass, config):
            hass.services.async_register("good", "wave", None)
            raise HomeAssistantError(translation_domain="good", translation_key="tired")
            raise HomeAssistantError(translation_key=f"read_{why}")
        """,
    "config_flow.py": """
        ERRORS = {"base": "cannot_connect"}
        """,
    "sensor.py": """
        PARALLEL_UPDATES = 0
        class Mood:
            _attr_translation_key = "mood"
        """,
}
GOOD_FILES: dict[str, Any] = {
    "manifest.json": {
        "domain": "good",
        "name": "Good",
        "codeowners": ["@good"],
        "config_flow": True,
        "documentation": "https://example.com",
        "integration_type": "service",
        "iot_class": "local_push",
        "issue_tracker": "https://example.com/issues",
        "requirements": ["one==1.0"],
        "version": "1.0.0",
    },
    "translations/en.json": {
        "config": {
            "step": {
                "user": {
                    "data": {"url": "Address"},
                    "data_description": {"url": "Where it is."},
                }
            },
            "error": {"cannot_connect": "No answer from {host}."},
        },
        "config_subentries": {
            "thing": {
                "entry_type": "Thing",
                "initiate_flow": {"user": "Add a thing"},
            }
        },
        "entity": {"sensor": {"mood": {"name": "Mood", "state": {"fine": "Fine"}}}},
        "exceptions": {
            "tired": {"message": "{name} is tired."},
            "read_slowly": {"message": "It took too long."},
        },
        "selector": {"hand": {"options": {"left": "Left", "right": "Right"}}},
        "services": {
            "wave": {
                "name": "Wave",
                "description": "Waves.",
                "fields": {"hand": {"name": "Hand", "description": "Which one."}},
            }
        },
    },
    "translations/de.json": {
        "exceptions": {"tired": {"message": "{name} ist müde."}},
    },
    "services.yaml": {
        "wave": {
            "fields": {
                "hand": {
                    "selector": {
                        "select": {
                            "options": ["left", "right"],
                            "translation_key": "hand",
                        }
                    }
                }
            }
        }
    },
    "icons.json": {
        "services": {"wave": {"service": "mdi:hand-wave"}},
        "entity": {
            "sensor": {"mood": {"default": "mdi:a", "state": {"fine": "mdi:b"}}}
        },
    },
}


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """A small integration in which nothing is wrong."""
    folder = tmp_path / "good"
    (folder / "translations").mkdir(parents=True)
    for name, code in GOOD_CODE.items():
        lines = code.strip("\n").splitlines()
        indent = len(lines[0]) - len(lines[0].lstrip())
        text = "\n".join(line[indent:] for line in lines)
        (folder / name).write_text(text, encoding="utf-8")
    for name, content in GOOD_FILES.items():
        # JSON is YAML as well.
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
    shutil.copytree(FOLDER / "brand", folder / "brand")
    shutil.copy(FOLDER / "quality_scale.yaml", folder)
    return folder


def test_good_integration_keeps_every_rule(good: Path) -> None:
    assert [problem for rule in rules.RULES for problem in rule(good)] == []


def _set(file: str, path: str, value: Any) -> Callable[[Path], None]:
    """Return what puts *value* at *path* (parted by slashes) of a JSON file."""

    def spoil(folder: Path) -> None:
        content = json.loads((folder / file).read_text(encoding="utf-8"))
        *parents, last = path.split("/")
        inner = content
        for key in parents:
            inner = inner.setdefault(key, {})
        if value is None:
            del inner[last]
        else:
            inner[last] = value
        (folder / file).write_text(json.dumps(content), encoding="utf-8")

    return spoil


def _append(file: str, text: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        with (folder / file).open("a", encoding="utf-8") as opened:
            opened.write(f"\n{text}\n")

    return spoil


def _remove(file: str) -> Callable[[Path], None]:
    return lambda folder: (folder / file).unlink()


MANIFEST, ENGLISH, GERMAN = (
    "manifest.json",
    "translations/en.json",
    "translations/de.json",
)
ICONS, SERVICES = "icons.json", "services.yaml"
FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "broken JSON": (_append(ICONS, "}"), "Extra data"),
    "missing key": (_set(MANIFEST, "iot_class", None), "iot_class is missing"),
    "unknown key": (_set(MANIFEST, "zzz", 1), "zzz is not a key"),
    "unsorted keys": (_set(MANIFEST, "after_dependencies", []), "the order"),
    "other domain": (_set(MANIFEST, "domain", "bad"), "name of the folder"),
    "bad version": (_set(MANIFEST, "version", "one"), "version is not valid"),
    "plain http": (_set(MANIFEST, "documentation", "http://x"), "not https"),
    "bad iot class": (_set(MANIFEST, "iot_class", "magic"), "iot_class is none of"),
    "bad owner": (_set(MANIFEST, "codeowners", ["me"]), "code owner"),
    "open requirement": (_set(MANIFEST, "requirements", ["a"]), "names no version"),
    "bad requirement": (_set(MANIFEST, "requirements", ["=="]), "not a requirement"),
    "no such dependency": (_set(MANIFEST, "dependencies", ["zz"]), "there is no zz"),
    "config flow without file": (_remove("config_flow.py"), "does not agree"),
    "undeclared import": (
        _append("sensor.py", "from homeassistant.components import recorder"),
        "imports recorder",
    ),
    "undeclared module import": (
        _append("sensor.py", "import homeassistant.components.http.auth"),
        "imports http",
    ),
    "no English": (_remove(ENGLISH), "en.json is missing"),
    "strings.json": (_append("strings.json", "{}"), "strings.json is for core"),
    "unknown section": (_set(ENGLISH, "zzz", {"a": "b"}), "zzz is not a section"),
    "HTML": (_set(ENGLISH, "title", "<b>Good</b>"), "contains HTML"),
    "address": (_set(ENGLISH, "title", "See https://x.y"), "contains an address"),
    "quotes": (_set(ENGLISH, "title", "A '{b}'"), "single quotes"),
    "brace": (_set(ENGLISH, "title", "A {b c}"), "brace"),
    "reference": (_set(ENGLISH, "title", "[%key:common::a%]"), "reference"),
    "blank": (_set(ENGLISH, "title", " Good"), "blanks around"),
    "state placeholder": (
        _set(ENGLISH, "entity/sensor/mood/state/fine", "{a}"),
        "may have no placeholder",
    ),
    "other placeholders": (
        _set(GERMAN, "exceptions/tired/message", "{wer} ist müde."),
        "other placeholders",
    ),
    "only in German": (_set(GERMAN, "title", "Gut"), "is not in en.json"),
    "label without description": (
        _set(ENGLISH, "config/step/user/data/token", "Token"),
        "token needs both",
    ),
    "unknown step key": (_set(ENGLISH, "config/step/user/help", "x"), "help is not"),
    "unknown flow key": (_set(ENGLISH, "config/steps", {"a": "b"}), "steps is not"),
    "subentry without type": (
        _set(ENGLISH, "config_subentries/thing/entry_type", None),
        "needs entry_type",
    ),
    "issue without text": (_set(ENGLISH, "issues/a/title", "A"), "needs a title"),
    "section without name": (
        _set(ENGLISH, "config/step/user/sections/more/data", {}),
        "sections.more has no name",
    ),
    "unknown platform": (_set(ENGLISH, "entity/zzz/a/name", "A"), "not a platform"),
    "bad key": (_set(ENGLISH, "exceptions/Bad__key/message", "A"), "not a good key"),
    "exception without words": (
        _set(ENGLISH, "exceptions/tired", None),
        "tired is not in en.json",
    ),
    "entity without words": (
        _set(ENGLISH, "entity/sensor/mood", None),
        "mood is not in en.json",
    ),
    "issue without words": (
        _append("sensor.py", 'ir.async_create_issue(translation_key="lost")'),
        "lost is not in en.json",
    ),
    "named issue without words": (
        _append("sensor.py", 'LOST = "lost"\ncreate_issue(translation_key=LOST)'),
        "lost is not in en.json",
    ),
    "composed exception without words": (
        _append("sensor.py", 'x = MyError(translation_key=f"write_{x}")'),
        "write_.+ is not in en.json",
    ),
    "unused exception": (
        _set(ENGLISH, "exceptions/gone/message", "Gone."),
        "exceptions.gone is nowhere",
    ),
    "unused entity": (
        _set(ENGLISH, "entity/sensor/gone/name", "Gone"),
        "entity.sensor.gone is nowhere",
    ),
    "unused error": (_set(ENGLISH, "config/error/gone", "Gone."), "error gone"),
    "unused selector": (
        _set(ENGLISH, "selector/gone/options", {"a": "A"}),
        "selector.gone is nowhere",
    ),
    "no services.yaml": (_remove(SERVICES), "services.yaml is missing"),
    "action without words": (
        _set(ENGLISH, "services/wave/description", None),
        "wave has no description",
    ),
    "action not in code": (_set(SERVICES, "jump", {}), "jump is nowhere"),
    "bad selector": (
        _set(SERVICES, "wave/fields/hand/selector", {"zzz": {}}),
        "Unknown selector",
    ),
    "field without selector": (
        _set(SERVICES, "wave/fields/hand/selector", None),
        "has no selector",
    ),
    "field without words": (
        _set(SERVICES, "wave/fields/arm", {"selector": {"text": {}}}),
        "fields.arm has no name",
    ),
    "advanced field": (
        _set(SERVICES, "wave/fields/hand/advanced", True),  # noqa: FBT003 - a value
        "advanced is not a key",
    ),
    "other options": (
        _set(ENGLISH, "selector/hand/options/both", "Both"),
        "is not what",
    ),
    "trigger without YAML": (_append("trigger.py", ""), "triggers.yaml does not"),
    "condition without words": (
        _append("conditions.yaml", "sunny: {}"),
        "conditions.sunny has no name",
    ),
    "not mdi": (_set(ICONS, "services/wave/service", "hass:a"), "not an mdi icon"),
    "default repeated": (
        _set(ICONS, "entity/sensor/mood/state/fine", "mdi:a"),
        "repeats its default",
    ),
    "icon of nothing": (
        _set(ICONS, "entity/sensor/gone/default", "mdi:a"),
        "gone is not in en.json",
    ),
    "action without icon": (_set(ICONS, "services/wave", None), "has no icon"),
    "no PARALLEL_UPDATES": (_append("switch.py", "x = 1"), "PARALLEL_UPDATES"),
    "no CONFIG_SCHEMA": (
        lambda folder: (folder / "__init__.py").write_text("def setup(): pass"),
        "no CONFIG_SCHEMA",
    ),
    "missing quality rule": (
        lambda folder: (folder / "quality_scale.yaml").write_text("rules: {}"),
        "brands is missing",
    ),
    "platinum too early": (
        lambda folder: (
            _set(MANIFEST, "quality_scale", "platinum")(folder),
            (folder / "quality_scale.yaml").write_text("rules: {brands: todo}"),
        )[0],
        "platinum is claimed",
    ),
    "wrong icon size": (
        lambda folder: shutil.copy(
            folder / "brand" / "icon@2x.png", folder / "brand" / "icon.png"
        ),
        "brand/icon.png is",
    ),
    "no logo": (_remove("brand/logo.png"), "brand/logo.png is None"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_rules_find_the_fault(good: Path, fault: str) -> None:
    spoil, expected = FAULTS[fault]
    spoil(good)
    rule_set = rules.RULES[:1] if fault == "broken JSON" else rules.RULES[1:]
    problems = [problem for rule in rule_set for problem in rule(good)]
    assert any(expected in problem for problem in problems), problems
