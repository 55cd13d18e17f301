"""What a custom integration's files must satisfy, restated from public documents.

Home Assistant's own checker, hassfest, is not part of its package. Each rule here takes
the folder of an integration and yields one sentence for each problem, so that it can be
tried on a good folder and on spoilt ones. Sources: the developer documentation
(creating_integration_manifest, internationalization, integration-quality-scale,
dev_101_services) and hassfest's messages.
"""

import ast
from collections.abc import Callable, Iterable, Iterator
import json
from pathlib import Path
import re
import struct
from typing import Any

from awesomeversion import (
    AwesomeVersion,
    AwesomeVersionException,
    AwesomeVersionStrategy as Strategy,
)
from homeassistant import components
from homeassistant.const import Platform
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import config_validation as cv, selector
from homeassistant.util.yaml import load_yaml_dict
from packaging.requirements import InvalidRequirement, Requirement
import probatio

from .wording import flatten, placeholders

type Rule = Callable[[Path], Iterator[str]]

CORE = Path(components.__path__[0])
PLATFORMS = {platform.value for platform in Platform}

MANIFEST_REQUIRED = {"domain", "name", "codeowners", "documentation", "version"} | {
    "integration_type",
    "iot_class",
    "issue_tracker",
}
MANIFEST_KEYS = MANIFEST_REQUIRED | set(
    "after_dependencies bluetooth config_flow dependencies dhcp disabled homekit "
    "import_executor loggers mqtt preview_features quality_scale requirements "
    "single_config_entry ssdp usb zeroconf".split()
)
INTEGRATION_TYPES = set("device entity hardware helper hub service system".split())
IOT_CLASSES = set(
    "assumed_state calculated cloud_polling cloud_push local_polling local_push".split()
)
HACS_KEYS = set(
    "name content_in_root country filename hacs hide_default_branch homeassistant "
    "persistent_directory render_readme zip_release".split()
)
# Components that may be imported without being declared as a dependency.
IMPORTABLE = PLATFORMS | set(
    "alert automation conversation default_config device_automation frontend group "
    "homeassistant input_boolean input_button input_datetime input_number "
    "input_select input_text media_source onboarding panel_custom "
    "persistent_notification person script shopping_list sun system_health system_log "
    "timer webhook websocket_api zone".split()
)
WORDS_TOP = set(
    "title config config_subentries options selector device_automation system_health "
    "issues entity entity_component device exceptions services conversation common "
    "triggers conditions config_panel".split()
)
FLOW_KEYS = set(
    "flow_title step error abort progress create_entry initiate_flow entry_type".split()
)
STEP_KEYS = set(
    "title description data data_description menu_options menu_option_descriptions "
    "submit sections".split()
)
FIELD_KEYS = {"required", "default", "example", "selector", "filter", "context"}
ICON_KEYS = set(
    "config issues options services entity entity_component triggers conditions".split()
)
TRANSLATION_KEY = re.compile(r"(?!.*[_-]{2})[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?")
# Reasons that Home Assistant's own helpers give for the end of a flow.
CORE_ABORTS = set(
    "already_configured already_in_progress reauth_successful reconfigure_successful "
    "no_devices_found cannot_connect".split()
)
QUALITY_RULES = set(
    "action-setup appropriate-polling brands common-modules config-flow "
    "config-flow-test-coverage dependency-transparency docs-actions docs-conditions "
    "docs-high-level-description docs-installation-instructions "
    "docs-removal-instructions docs-triggers entity-event-setup entity-unique-id "
    "has-entity-name runtime-data test-before-configure test-before-setup "
    "unique-config-entry "
    "action-exceptions config-entry-unloading docs-configuration-parameters "
    "docs-installation-parameters entity-unavailable integration-owner "
    "log-when-unavailable parallel-updates reauthentication-flow test-coverage "
    "devices diagnostics discovery discovery-update-info docs-data-update "
    "docs-examples docs-known-limitations docs-supported-devices "
    "docs-supported-functions docs-troubleshooting docs-use-cases dynamic-devices "
    "entity-category entity-device-class entity-disabled-by-default "
    "entity-translations exception-translations icon-translations "
    "reconfiguration-flow repair-issues stale-devices "
    "async-dependency inject-websession strict-typing".split()
)
BRAND_SIZES = {
    "icon.png": (256, 256),
    "icon@2x.png": (512, 512),
    "dark_icon.png": (256, 256),
    "dark_icon@2x.png": (512, 512),
}
# The shortest side of a logo, in pixels: at least and at most.
LOGO_SIDES = {
    "logo.png": (128, 256),
    "logo@2x.png": (256, 512),
    "dark_logo.png": (128, 256),
    "dark_logo@2x.png": (256, 512),
}

# ------------------------------------------------------------------- reading


def read_json(file: Path) -> dict[str, Any]:
    """Return the object in this file, or nothing if there is no file."""
    if not file.exists():
        return {}
    return json.loads(file.read_text(encoding="utf-8"))


def read_yaml(file: Path) -> dict[str, Any]:
    """Return the mapping in this file, or nothing if there is no file."""
    return load_yaml_dict(str(file)) if file.exists() else {}


def english(folder: Path) -> dict[str, Any]:
    """Return the English words."""
    return read_json(folder / "translations" / "en.json")


def sources(folder: Path) -> Iterator[tuple[Path, ast.Module]]:
    """Parse every module."""
    for file in sorted(folder.rglob("*.py")):
        yield file, ast.parse(file.read_text(encoding="utf-8"), str(file))


def text_in(node: ast.AST | None) -> str | None:
    """Return the string this expression is, if it is one."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return None


def constants(folder: Path) -> dict[str, str]:
    """Return the strings that modules give a name."""
    named: dict[str, str] = {}
    for _, tree in sources(folder):
        for node in tree.body:
            match node:
                case (
                    ast.Assign(targets=[ast.Name(id=name)], value=value)
                    | ast.AnnAssign(target=ast.Name(id=name), value=value)
                ):
                    if (text := text_in(value)) is not None:
                        named[name] = text
    return named


class Literals:
    """Every string in the code, also those put together from pieces."""

    def __init__(self, folder: Path) -> None:
        nodes = [node for _, tree in sources(folder) for node in ast.walk(tree)]
        self.whole = {text for node in nodes if (text := text_in(node)) is not None}
        self.patterns = {
            pattern
            for node in nodes
            if isinstance(node, ast.JoinedStr)
            # Without a word of its own it would match everything.
            and re.search(r"[a-z]{3}", pattern := _pattern(node))
        }

    def lack(self, keys: Iterable[str]) -> list[str]:
        """Return which of *keys* no string in the code can be."""
        return [
            key
            for key in keys
            if key not in self.whole
            and not any(re.fullmatch(pattern, key) for pattern in self.patterns)
        ]


def _pattern(node: ast.JoinedStr) -> str:
    """Return what the strings that an f-string gives look like."""
    return "".join(
        re.escape(text) if (text := text_in(piece)) is not None else ".+"
        for piece in node.values
    )


# ------------------------------------------------------------------ manifest


def json_parses(folder: Path) -> Iterator[str]:
    """Every JSON file is one."""
    for file in sorted(folder.rglob("*.json")):
        try:
            json.loads(file.read_text(encoding="utf-8"))
        except ValueError as error:
            yield f"{file.name}: {error}"


def manifest_is_valid(folder: Path) -> Iterator[str]:
    """The manifest has the right keys, in the right order, with the right values."""
    manifest = read_json(folder / "manifest.json")
    for key in MANIFEST_REQUIRED - manifest.keys():
        yield f"manifest: {key} is missing"
    for key in manifest.keys() - MANIFEST_KEYS:
        yield f"manifest: {key} is not a key"
    order = sorted(manifest, key=lambda key: (key != "domain", key != "name", key))
    if list(manifest) != order:
        yield "manifest: the order is domain, name, then the alphabet"
    if manifest.get("domain") != folder.name:
        yield "manifest: domain is not the name of the folder"
    for key, allowed in (
        ("integration_type", INTEGRATION_TYPES),
        ("iot_class", IOT_CLASSES),
    ):
        if manifest.get(key) not in allowed:
            yield f"manifest: {key} is none of {sorted(allowed)}"
    try:
        AwesomeVersion(
            manifest.get("version", ""),
            ensure_strategy=[Strategy.CALVER, Strategy.SEMVER, Strategy.PEP440],
        )
    except AwesomeVersionException:
        yield "manifest: version is not valid"
    for key in ("documentation", "issue_tracker"):
        if not str(manifest.get(key)).startswith("https://"):
            yield f"manifest: {key} is not https"
    if not all(owner.startswith("@") for owner in manifest.get("codeowners", [""])):
        yield "manifest: a code owner is written @name"
    for requirement in manifest.get("requirements", []):
        try:
            if not Requirement(requirement).specifier:
                yield f"manifest: {requirement} names no version"
        except InvalidRequirement:
            yield f"manifest: {requirement} is not a requirement"
    for key in ("dependencies", "after_dependencies"):
        for domain in manifest.get(key, []):
            if not (CORE / domain).is_dir():
                yield f"manifest: {key}: there is no {domain}"
    if bool(manifest.get("config_flow")) != (folder / "config_flow.py").exists():
        yield "manifest: config_flow does not agree with config_flow.py"


def imports_are_declared(folder: Path) -> Iterator[str]:
    """A component whose code is imported is a dependency, or free for all."""
    manifest = read_json(folder / "manifest.json")
    allowed = (
        IMPORTABLE
        | {folder.name}
        | {*manifest.get("dependencies", []), *manifest.get("after_dependencies", [])}
        # A platform for another component, e.g. diagnostics.py.
        | {file.stem for file in folder.glob("*.py")}
    )
    for file, tree in sources(folder):
        for node in _run_time_nodes(tree):
            for module in _imported(node):
                match module.split("."):
                    case "homeassistant", "components", domain, *_:
                        if domain not in allowed:
                            yield f"{file.name}: imports {domain}, not a dependency"


def _run_time_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """Walk the tree, leaving out `if TYPE_CHECKING`."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        yield from _run_time_nodes(node)


def _imported(node: ast.AST) -> list[str]:
    match node:
        case ast.Import(names=names):
            return [name.name for name in names]
        case ast.ImportFrom(module=str(module), level=0, names=names):
            return [f"{module}.{name.name}" for name in names]
        case _:
            return []


# --------------------------------------------------------------------- words


def words_are_well_formed(folder: Path) -> Iterator[str]:
    """Every language keeps to the form, and says no more than English does."""
    if not english(folder):
        yield "translations/en.json is missing"
    if (folder / "strings.json").exists():
        yield "strings.json is for core; translations/en.json is for us"
    flat_english = flatten(english(folder))
    for file in sorted((folder / "translations").glob("*.json")):
        words = read_json(file)
        for key in words.keys() - WORDS_TOP:
            yield f"{file.name}: {key} is not a section"
        for path, text in flatten(words).items():
            where = f"{file.name}: {path}"
            yield from (f"{where} {problem}" for problem in _text_problems(path, text))
            if path not in flat_english:
                yield f"{where} is not in en.json"
            elif placeholders(text) != placeholders(flat_english[path]):
                yield f"{where} has other placeholders than en.json"


def _text_problems(path: str, text: str) -> Iterator[str]:
    try:
        cv.string_with_no_html(text)
    except probatio.Invalid:
        yield "contains HTML"
    if re.search(r"https?://|www\.", text):
        yield "contains an address; use a placeholder"
    if re.search(r"'\{\w+\}'", text):
        yield "puts a placeholder in single quotes"
    if re.search(r"\{(?!\w+\})", text):
        yield "has a brace that is no placeholder"
    if "[%key:" in text:
        yield "has a reference, which only core's build resolves"
    if not text or text != text.strip():
        yield "is empty or has blanks around it"
    if ".state." in path and placeholders(text):
        yield "is a state and may have no placeholder"


def flows_are_well_formed(folder: Path) -> Iterator[str]:
    """The words of each dialog are complete."""
    words = english(folder)
    flows: dict[str, Any] = {
        key: words[key] for key in ("config", "options") if key in words
    }
    for name, flow in words.get("config_subentries", {}).items():
        flows[f"config_subentries.{name}"] = flow
        if "entry_type" not in flow or "user" not in flow.get("initiate_flow", {}):
            yield f"config_subentries.{name} needs entry_type and initiate_flow.user"
    for name, issue in words.get("issues", {}).items():
        if "title" not in issue or ("description" in issue) == ("fix_flow" in issue):
            yield f"issues.{name} needs a title, and a description or a fix_flow"
        if "fix_flow" in issue:
            flows[f"issues.{name}.fix_flow"] = issue["fix_flow"]
    for name, flow in flows.items():
        for key in flow.keys() - FLOW_KEYS:
            yield f"{name}.{key} is not a key"
        for step_name, step in flow.get("step", {}).items():
            where = f"{name}.step.{step_name}"
            for key in step.keys() - STEP_KEYS:
                yield f"{where}.{key} is not a key"
            yield from _fields_are_described(where, step)
            for section_name, section in step.get("sections", {}).items():
                if "name" not in section:
                    yield f"{where}.sections.{section_name} has no name"
                yield from _fields_are_described(
                    f"{where}.sections.{section_name}", section
                )


def _fields_are_described(where: str, step: dict[str, Any]) -> Iterator[str]:
    data = step.get("data", {}).keys()
    described = step.get("data_description", {}).keys()
    for field in data ^ described:
        yield f"{where}: {field} needs both a label and a description"


def keys_are_well_formed(folder: Path) -> Iterator[str]:
    """Translation keys are lower-case and have no doubled separators."""
    words = english(folder)
    for platform, entities in words.get("entity", {}).items():
        if platform not in PLATFORMS:
            yield f"entity.{platform} is not a platform"
        for key, entity in entities.items():
            for name in (key, *entity.get("state", {})):
                if not TRANSLATION_KEY.fullmatch(name):
                    yield f"entity.{platform}.{key}: {name} is not a good key"
    for section in ("exceptions", "issues", "selector"):
        for key in words.get(section, {}):
            if not TRANSLATION_KEY.fullmatch(key):
                yield f"{section}.{key} is not a good key"


def code_speaks_in_known_words(folder: Path) -> Iterator[str]:
    """Every translation key in the code is in en.json."""
    known = flatten(english(folder))
    named = constants(folder)
    for file, tree in sources(folder):
        for key, wanted in _keys_in(tree, file.stem, named):
            if not any(re.match(rf"{wanted}(\.|$)", path) for path in known):
                yield f"{file.name}: {key} is not in en.json: {wanted}"


def _keys_in(
    tree: ast.Module, module: str, named: dict[str, str]
) -> Iterator[tuple[str, str]]:
    """Yield each translation key with a pattern for the place of its words."""
    entity = f"entity.{module}.{{}}.name" if module in PLATFORMS else None
    value: ast.expr | None
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[ast.Name(id="_attr_translation_key")]):
                place, value = entity, node.value
            case ast.Call(func=func):
                place = _place(ast.unparse(func).rpartition(".")[2], entity)
                keywords = {keyword.arg: keyword.value for keyword in node.keywords}
                value = keywords.get("translation_key")
            case _:
                continue
        match value:
            case ast.JoinedStr():
                key = _pattern(value)
            case ast.Name(id=name):
                key = re.escape(named.get(name, ""))
            case _:
                key = re.escape(text_in(value) or "")
        if place and key:
            yield key, place.format(key)


def _place(function: str, entity: str | None) -> str | None:
    """Return where the words of a call with this name are."""
    if re.search(r"(Error|Failed|NotReady|Invalid)$", function):
        return "exceptions.{}.message"
    if function.endswith("create_issue"):
        return "issues.{}.title"
    if function == "DeviceInfo":
        return "device.{}.name"
    if function.startswith("SelectSelector"):
        return "selector.{}.options"
    return entity


def words_are_used(folder: Path) -> Iterator[str]:
    """No word is left over from something that is gone."""
    words = english(folder)
    code = Literals(folder)
    for section in ("exceptions", "issues", "device"):
        for key in code.lack(words.get(section, {})):
            yield f"{section}.{key} is nowhere in the code"
    for platform, entities in words.get("entity", {}).items():
        for key in code.lack(entities):
            yield f"entity.{platform}.{key} is nowhere in the code"
    flows = [words.get("config", {}), words.get("options", {})]
    flows += words.get("config_subentries", {}).values()
    for flow in flows:
        for kind in ("error", "abort", "progress"):
            for key in code.lack(flow.get(kind, {}).keys() - CORE_ABORTS):
                yield f"{kind} {key} is nowhere in the code"
    in_yaml = "".join(
        file.read_text(encoding="utf-8") for file in sorted(folder.glob("*.yaml"))
    )
    for key in code.lack(words.get("selector", {})):
        if not re.search(rf"translation_key\W+{re.escape(key)}\b", in_yaml):
            yield f"selector.{key} is nowhere in the code"


# --------------------------------------- actions, triggers, conditions, icons


def actions_are_described(folder: Path) -> Iterator[str]:
    """services.yaml is there, valid, and has a name for everything."""
    words = english(folder)
    services = read_yaml(folder / "services.yaml")
    code = "".join(ast.unparse(tree) for _, tree in sources(folder))
    if re.search(r"services\.(async_)?register\(|async_register_\w*service\(", code):
        if not services:
            yield "services.yaml is missing"
        for service in Literals(folder).lack(services):
            yield f"services.yaml: {service} is nowhere in the code"
    elif services:
        yield "services.yaml is there, but no action is registered"
    for name, service in services.items():
        texts = words.get("services", {}).get(name, {})
        yield from _described(f"services.{name}", texts)
        for key in (service or {}).keys() - {"target", "fields"}:
            yield f"services.yaml: {name}.{key} is not a key"
        if target := (service or {}).get("target"):
            yield from _selector_problems(f"services.yaml: {name}", {"target": target})
        yield from _fields(f"services.{name}", service or {}, texts, words)
    for name in words.get("services", {}).keys() - services.keys():
        yield f"services.{name} is not in services.yaml"


def automation_parts_are_described(folder: Path) -> Iterator[str]:
    """Triggers and conditions have a YAML file, and a name for everything."""
    words = english(folder)
    for module, plural in (("trigger", "triggers"), ("condition", "conditions")):
        parts = read_yaml(folder / f"{plural}.yaml")
        if (folder / f"{module}.py").exists() != bool(parts):
            yield f"{plural}.yaml does not agree with {module}.py"
        for name, part in parts.items():
            texts = words.get(plural, {}).get(name, {})
            yield from _described(f"{plural}.{name}", texts)
            yield from _fields(f"{plural}.{name}", part or {}, texts, words)
        for name in words.get(plural, {}).keys() - parts.keys():
            yield f"{plural}.{name} is not in {plural}.yaml"


def _described(where: str, texts: dict[str, Any]) -> Iterator[str]:
    for key in ("name", "description"):
        if key not in texts:
            yield f"en.json: {where} has no {key}"


def _fields(
    where: str, part: dict[str, Any], texts: dict[str, Any], words: dict[str, Any]
) -> Iterator[str]:
    names: set[str] = set()
    for name, field in (part.get("fields") or {}).items():
        if "fields" in (field or {}):
            if "name" not in texts.get("sections", {}).get(name, {}):
                yield f"en.json: {where}.sections.{name} has no name"
            inner = field["fields"]
        else:
            inner = {name: field or {}}
        for inner_name, inner_field in inner.items():
            names.add(inner_name)
            yield from _field(f"{where}.fields.{inner_name}", inner_field, words)
            yield from _described(
                f"{where}.fields.{inner_name}",
                texts.get("fields", {}).get(inner_name, {}),
            )
    for name in texts.get("fields", {}).keys() - names:
        yield f"en.json: {where}.fields.{name} is in no YAML file"


def _field(where: str, field: dict[str, Any], words: dict[str, Any]) -> Iterator[str]:
    for key in field.keys() - FIELD_KEYS:
        yield f"{where}.{key} is not a key"
    if "selector" not in field:
        yield f"{where} has no selector"
        return
    yield from _selector_problems(where, field["selector"])
    select = (field["selector"] or {}).get("select") or {}
    if words_of := select.get("translation_key"):
        options = words.get("selector", {}).get(words_of, {}).get("options", {})
        if options.keys() != set(select["options"]):
            yield f"en.json: selector.{words_of}.options is not what {where} offers"


def _selector_problems(where: str, config: Any) -> Iterator[str]:
    try:
        selector.validate_selector(config)
    except (probatio.Invalid, HomeAssistantError) as error:
        yield f"{where}: {error}"


def icons_are_valid(folder: Path) -> Iterator[str]:
    """Icons are mdi, belong to something, and every action has one."""
    icons = read_json(folder / "icons.json")
    words = english(folder)
    for key in icons.keys() - ICON_KEYS:
        yield f"icons.json: {key} is not a section"
    for path, icon in flatten(icons).items():
        if not re.fullmatch(r"mdi:[a-z0-9-]+", icon):
            yield f"icons.json: {path} is not an mdi icon"
    for platform, entities in icons.get("entity", {}).items():
        for key, entity in entities.items():
            if key not in words.get("entity", {}).get(platform, {}):
                yield f"icons.json: entity.{platform}.{key} is not in en.json"
            if entity.get("default") in entity.get("state", {}).values():
                yield f"icons.json: entity.{platform}.{key} repeats its default"
    for plural, single in (
        ("services", "service"),
        ("triggers", "trigger"),
        ("conditions", "condition"),
    ):
        names = read_yaml(folder / f"{plural}.yaml").keys()
        there = icons.get(plural, {})
        for name in names - there.keys():
            yield f"icons.json: {plural}.{name} has no icon"
        for name in there.keys() - names:
            yield f"icons.json: {plural}.{name} is not in {plural}.yaml"
        for name in there.keys() & names:
            if single not in there[name]:
                yield f"icons.json: {plural}.{name} has no {single}"


# ----------------------------------------------------------------------- rest


def platforms_state_parallel_updates(folder: Path) -> Iterator[str]:
    """Each platform says how many updates may run at once."""
    for file in sorted(folder.glob("*.py")):
        if file.stem not in PLATFORMS:
            continue
        tree = ast.parse(file.read_text(encoding="utf-8"))
        names = {
            ast.unparse(target)
            for node in tree.body
            if isinstance(node, (ast.Assign, ast.AnnAssign))
            for target in (
                node.targets if isinstance(node, ast.Assign) else [node.target]
            )
        }
        if "PARALLEL_UPDATES" not in names:
            yield f"{file.name} does not state PARALLEL_UPDATES"


def setup_states_config_schema(folder: Path) -> Iterator[str]:
    """An integration with async_setup says what it takes from YAML: nothing."""
    code = (folder / "__init__.py").read_text(encoding="utf-8")
    if re.search(r"def (async_)?setup\(", code) and "CONFIG_SCHEMA" not in code:
        yield "__init__.py has async_setup and no CONFIG_SCHEMA"


def quality_scale_is_complete(folder: Path) -> Iterator[str]:
    """Every rule of the quality scale has an answer, and what it claims is so."""
    rules = read_yaml(folder / "quality_scale.yaml").get("rules", {})
    for rule in QUALITY_RULES ^ rules.keys():
        yield f"quality_scale.yaml: {rule} is missing or unknown"
    statuses: dict[str, Any] = {}
    for rule, answer in rules.items():
        given = answer if isinstance(answer, dict) else {"status": answer}
        statuses[rule] = given.get("status")
        if statuses[rule] not in {"done", "todo", "exempt"}:
            yield f"quality_scale.yaml: {rule} is neither done, todo nor exempt"
        if statuses[rule] != "done" and not given.get("comment"):
            yield f"quality_scale.yaml: {rule} is {statuses[rule]} without a reason"
    if "todo" in statuses.values() and (
        read_json(folder / "manifest.json").get("quality_scale") == "platinum"
    ):
        yield "manifest: platinum is claimed while quality_scale.yaml has a todo"


def brand_has_the_right_sizes(folder: Path) -> Iterator[str]:
    """Icons and logos are PNG files of the sizes Home Assistant serves."""
    for name, size in BRAND_SIZES.items():
        if (found := _png_size(folder / "brand" / name)) != size:
            yield f"brand/{name} is {found}, not {size}"
    for name, (low, high) in LOGO_SIDES.items():
        found = _png_size(folder / "brand" / name)
        if found is None or not low <= min(found) <= high:
            yield f"brand/{name} is {found}: its shortest side is {low} to {high}"


def _png_size(file: Path) -> tuple[int, int] | None:
    """Return width and height in pixels; None if this is no PNG file."""
    head = file.read_bytes()[:24] if file.exists() else b""
    if not head.startswith(b"\x89PNG\r\n\x1a\n"):
        return None
    width, height = struct.unpack(">II", head[16:24])
    return width, height


RULES: tuple[Rule, ...] = (
    json_parses,
    manifest_is_valid,
    imports_are_declared,
    words_are_well_formed,
    flows_are_well_formed,
    keys_are_well_formed,
    code_speaks_in_known_words,
    words_are_used,
    actions_are_described,
    automation_parts_are_described,
    icons_are_valid,
    platforms_state_parallel_updates,
    setup_states_config_schema,
    quality_scale_is_complete,
    brand_has_the_right_sizes,
)
