"""The borders of the house, proved from the text of every module.

`core` is the study (standard library only), `servers` the telephones (aiohttp, no Home
Assistant), everything else the hall. A rule that is only written down is a hope, so
each one is also shown to catch a house in which it is broken.
"""

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
import subprocess
import sys

import pytest

from custom_components import watched_sync

COMPONENT = Path(watched_sync.__path__[0])

#: Home Assistant's own names for modules that only present what others hold.
PLATFORMS = {
    "binary_sensor",
    "button",
    "condition",
    "diagnostics",
    "event",
    "intent",
    "llm",
    "sensor",
    "switch",
    "system_health",
    "todo",
    "trigger",
}

#: Standard modules that read a clock, draw a number, open a file or a socket.
WORLD = {
    "glob",
    "http",
    "io",
    "multiprocessing",
    "os",
    "pathlib",
    "random",
    "secrets",
    "select",
    "selectors",
    "shutil",
    "socket",
    "sqlite3",
    "ssl",
    "subprocess",
    "tempfile",
    "threading",
    "time",
    "urllib",
    "uuid",
}

#: Those of them by which a file is opened, moved or deleted.
DISK = {"glob", "io", "os", "pathlib", "shutil", "sqlite3", "tempfile"}

#: The only modules of the hall that may touch the disk.
STORES = {"catalogue_store", "export_files", "store"}

#: The only rooms of the study that may wait for something.
WAITING = {
    "core.checking",
    "core.delivery",
    "core.inventory",
    "core.keeping",
    "core.lane",
    "core.observer",
    "core.pace",
    "core.relay",
}


@dataclass(frozen=True)
class Import:
    """One name brought into a module; `target` is a module of ours, if it is one."""

    line: int
    absolute: str | None
    target: str | None
    name: str | None


@dataclass(frozen=True)
class House:
    """All modules by their name within the component; packages by their own name."""

    modules: Mapping[str, ast.Module]
    packages: frozenset[str]

    @classmethod
    @cache
    def standing(cls) -> House:
        """Return the house as it is."""
        modules: dict[str, ast.Module] = {}
        packages: set[str] = set()
        for file in sorted(COMPONENT.rglob("*.py")):
            parts = list(file.relative_to(COMPONENT).with_suffix("").parts)
            if parts[-1] == "__init__":
                parts.pop()
                packages.add(".".join(parts))
            modules[".".join(parts)] = ast.parse(file.read_text(encoding="utf-8"))
        return cls(modules, frozenset(packages))

    @classmethod
    def of(cls, **texts: str) -> House:
        """Return a house of a few lines; `__` stands for a dot."""
        modules = {
            name.replace("__", "."): ast.parse(text) for name, text in texts.items()
        }
        packages = {"", "core", "servers", "servers.plex", "servers.jellyfin"}
        for package in packages:
            modules.setdefault(package, ast.parse(""))
        return cls(modules, frozenset(packages))

    def imports(self, module: str) -> Iterator[Import]:
        """Return everything a module imports, wherever in it, types included."""
        for node in nodes(self.modules[module]):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield Import(node.lineno, alias.name, None, None)
            elif isinstance(node, ast.ImportFrom):
                if node.level == 0:
                    for alias in node.names:
                        yield Import(node.lineno, node.module, None, alias.name)
                    continue
                base = self._base(module, node)
                for alias in node.names:
                    inner = f"{base}.{alias.name}" if base else alias.name
                    if inner in self.modules:
                        yield Import(node.lineno, None, inner, None)
                    else:
                        yield Import(node.lineno, None, base, alias.name)

    def _base(self, module: str, node: ast.ImportFrom) -> str:
        parts = module.split(".") if module else []
        up = node.level - (1 if module in self.packages else 0)
        parts = parts[: len(parts) - up]
        return ".".join([*parts, *([node.module] if node.module else [])])


@cache
def nodes(tree: ast.AST) -> Sequence[ast.AST]:
    """Return all nodes below one: every rule goes through all of the house."""
    return tuple(ast.walk(tree))


def room(module: str) -> str:
    """Return `core`, `servers` or `hall`."""
    first = module.partition(".")[0]
    return first if first in {"core", "servers"} else "hall"


def named(node: ast.expr) -> str:
    """Return the last name of what is called."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


# --- the rules: each yields what is wrong --------------------------------------------


def everything_is_relative(house: House) -> Iterator[str]:
    for module in house.modules:
        for one in house.imports(module):
            if one.absolute and one.absolute.split(".")[0] in {
                "custom_components",
                "watched_sync",
            }:
                yield f"{module}:{one.line} imports {one.absolute} absolutely"


def core_needs_the_standard_library_only(house: House) -> Iterator[str]:
    for module in house.modules:
        if room(module) != "core":
            continue
        for one in house.imports(module):
            if one.target is not None and room(one.target) != "core":
                yield f"{module}:{one.line} imports {one.target or 'the component'}"
            if one.absolute is None:
                continue
            top = one.absolute.split(".")[0]
            if top not in sys.stdlib_module_names:
                yield f"{module}:{one.line} imports {one.absolute}"
            if top in WORLD:
                yield f"{module}:{one.line} reaches into the world by {top}"
            if top == "asyncio" and module not in WAITING:
                yield f"{module}:{one.line} waits"


def core_reads_no_clock_and_opens_nothing(house: House) -> Iterator[str]:
    for module, tree in house.modules.items():
        if room(module) != "core":
            continue
        for node in nodes(tree):
            match node:
                case ast.Call(
                    func=ast.Attribute(
                        value=ast.Name(id="datetime" | "date"),
                        attr="now" | "utcnow" | "today",
                    )
                ):
                    yield f"{module}:{node.lineno} reads the clock"
                case ast.Call(func=ast.Name(id="open" | "print" | "input")):
                    yield f"{module}:{node.lineno} touches the world"


def servers_need_core_aiohttp_and_yarl_only(house: House) -> Iterator[str]:
    for module in house.modules:
        if room(module) != "servers":
            continue
        for one in house.imports(module):
            if one.target is not None and room(one.target) == "hall":
                yield f"{module}:{one.line} imports {one.target or 'the component'}"
            if one.absolute is None:
                continue
            top = one.absolute.split(".")[0]
            if top not in {"aiohttp", "yarl"} and top not in sys.stdlib_module_names:
                yield f"{module}:{one.line} imports {one.absolute}"


def plex_and_jellyfin_do_not_know_each_other(house: House) -> Iterator[str]:
    kinds = ("servers.plex", "servers.jellyfin")
    for module in house.modules:
        for one in house.imports(module):
            for ours, theirs in (kinds, kinds[::-1]):
                if f"{module}.".startswith(f"{ours}.") and f"{one.target}.".startswith(
                    f"{theirs}."
                ):
                    yield f"{module}:{one.line} imports {one.target}"
            shared = module.startswith("servers.") and not module.startswith(kinds)
            if shared and str(one.target).startswith(kinds):
                yield f"{module}:{one.line} is shared and imports {one.target}"


def two_alone_know_servers(house: House) -> Iterator[str]:
    for module in house.modules:
        if room(module) != "hall" or module in {"connecting", "signing_in"}:
            continue
        for one in house.imports(module):
            if one.target is not None and room(one.target) == "servers":
                yield f"{module}:{one.line} imports {one.target}"


def store_alone_touches_store(house: House) -> Iterator[str]:
    for module in house.modules:
        if module == "store":
            continue
        for one in house.imports(module):
            if one.absolute == "homeassistant.helpers.storage" or (
                one.absolute == "homeassistant.helpers" and one.name == "storage"
            ):
                yield f"{module}:{one.line} imports Home Assistant's storage"


def stores_alone_touch_the_disk(house: House) -> Iterator[str]:
    """And of them only the catalogue's knows SQL."""
    for module, tree in house.modules.items():
        if room(module) != "hall":
            continue
        for one in house.imports(module):
            top = str(one.absolute).split(".")[0]
            if top == "sqlite3" and module != "catalogue_store":
                yield f"{module}:{one.line} knows SQL"
            if top in DISK and module not in STORES:
                yield f"{module}:{one.line} reaches for the disk by {top}"
        for node in nodes(tree):
            match node:
                case ast.Call(func=ast.Name(id="open")) if module not in STORES:
                    yield f"{module}:{node.lineno} opens a file"


def failures_alone_knows_the_words_of_errors(house: House) -> Iterator[str]:
    """Only exceptions are given a translation domain by keyword."""
    for module, tree in house.modules.items():
        if module == "failures":
            continue
        for node in nodes(tree):
            if not isinstance(node, ast.Call):
                continue
            given = {keyword.arg for keyword in node.keywords}
            is_error = named(node.func).endswith(
                ("Error", "Failed", "NotReady", "Exception")
            )
            if "translation_domain" in given or (
                is_error and "translation_key" in given
            ):
                yield f"{module}:{node.lineno} words an error"


def provider_ids_pass_the_gate(house: House) -> Iterator[str]:
    """Text becomes a provider id in one place, which tells what is one."""
    for module, tree in house.modules.items():
        if module == "core.identity":
            continue
        for node in nodes(tree):
            if isinstance(node, ast.Call) and named(node.func) == "ProviderIds":
                yield f"{module}:{node.lineno} makes provider ids past the gate"


def naming_is_the_one_room_that_finds(house: House) -> Iterator[str]:
    """Titles are looked up in one room, and it does not know who asks."""
    for module, tree in house.modules.items():
        if room(module) != "hall":
            continue
        if module in STORES:
            continue
        if not module.startswith("naming."):
            for node in nodes(tree):
                match node:
                    case (
                        ast.Attribute(
                            value=ast.Name(id="server") | ast.Attribute(attr="server"),
                            attr="search" as name,
                        )
                        | ast.Attribute(
                            attr="titled" | "like" | "find_episodes" as name
                        )
                    ):
                        yield f"{module}:{node.lineno} finds by itself, with {name}"
            continue
        for one in house.imports(module):
            target = str(one.target)
            if target in PLATFORMS or target.startswith(
                ("actions", "dialogs", "voice")
            ):
                yield f"{module}:{one.line} knows who names things: {target}"


def platforms_are_leaves(house: House) -> Iterator[str]:
    """Nobody imports what presents; and it does not reach for disk or servers."""
    for module in house.modules:
        for one in house.imports(module):
            if one.target in PLATFORMS:
                yield f"{module}:{one.line} imports the platform {one.target}"
            if (
                module in PLATFORMS
                and one.target is not None
                and (one.target in STORES or room(one.target) == "servers")
            ):
                yield f"{module}:{one.line} imports {one.target}"


def nobody_imports_the_front_door(house: House) -> Iterator[str]:
    for module in house.modules:
        for one in house.imports(module):
            if one.target == "":
                yield f"{module}:{one.line} imports {one.name} from __init__"
            elif one.target in house.packages:
                yield f"{module}:{one.line} imports the package {one.target}"


def there_are_no_cycles(house: House) -> Iterator[str]:
    graph = {
        module: {one.target for one in house.imports(module) if one.target is not None}
        - {module}
        for module in house.modules
    }
    done: set[str] = set()

    def walk(module: str, path: tuple[str, ...]) -> Iterator[str]:
        if module in path:
            yield " imports ".join((*path[path.index(module) :], module))
        elif module not in done:
            for target in sorted(graph.get(module, ())):
                yield from walk(target, (*path, module))
            done.add(module)

    for module in sorted(graph):
        yield from walk(module, ())


type Rule = Callable[[House], Iterator[str]]

RULES: list[Rule] = [
    everything_is_relative,
    core_needs_the_standard_library_only,
    core_reads_no_clock_and_opens_nothing,
    servers_need_core_aiohttp_and_yarl_only,
    plex_and_jellyfin_do_not_know_each_other,
    two_alone_know_servers,
    store_alone_touches_store,
    stores_alone_touch_the_disk,
    failures_alone_knows_the_words_of_errors,
    provider_ids_pass_the_gate,
    naming_is_the_one_room_that_finds,
    platforms_are_leaves,
    nobody_imports_the_front_door,
    there_are_no_cycles,
]


def rule_name(rule: object) -> str | None:
    return getattr(rule, "__name__", None)


@pytest.mark.parametrize("rule", RULES, ids=rule_name)
def test_the_house_keeps_the_rule(rule: Rule) -> None:
    assert list(rule(House.standing())) == []


BROKEN: list[tuple[Rule, dict[str, str]]] = [
    (everything_is_relative, {"switch": "import custom_components.watched_sync.core"}),
    (everything_is_relative, {"core__lane": "from watched_sync.core import outbox"}),
    (core_needs_the_standard_library_only, {"core__lane": "import aiohttp"}),
    (
        core_needs_the_standard_library_only,
        {"core__lane": "from homeassistant.core import callback"},
    ),
    (
        core_needs_the_standard_library_only,
        {"core__lane": "from ..const import DOMAIN", "const": ""},
    ),
    (
        core_needs_the_standard_library_only,
        {"core__lane": "from ..servers import transport", "servers__transport": ""},
    ),
    (core_needs_the_standard_library_only, {"core__lane": "from .. import DOMAIN"}),
    (core_needs_the_standard_library_only, {"core__lane": "import time"}),
    (
        core_needs_the_standard_library_only,
        {"core__lane": "def now():\n  from random import random"},
    ),
    (core_needs_the_standard_library_only, {"core__outbox": "import asyncio"}),
    (core_reads_no_clock_and_opens_nothing, {"core__outbox": "x = datetime.now(UTC)"}),
    (core_reads_no_clock_and_opens_nothing, {"core__outbox": "open('x')"}),
    (
        servers_need_core_aiohttp_and_yarl_only,
        {"servers__transport": "import homeassistant"},
    ),
    (servers_need_core_aiohttp_and_yarl_only, {"servers__transport": "import orjson"}),
    (
        servers_need_core_aiohttp_and_yarl_only,
        {"servers__plex__client": "from ...const import DOMAIN", "const": ""},
    ),
    (
        plex_and_jellyfin_do_not_know_each_other,
        {
            "servers__plex__client": "from ..jellyfin.wire import parse",
            "servers__jellyfin__wire": "",
        },
    ),
    (
        plex_and_jellyfin_do_not_know_each_other,
        {"servers__jellyfin__wire": "from .. import plex"},
    ),
    (
        plex_and_jellyfin_do_not_know_each_other,
        {
            "servers__transport": "from .plex import wire",
            "servers__plex__wire": "",
        },
    ),
    (
        two_alone_know_servers,
        {
            "config_flow": "from .servers.plex import client",
            "servers__plex__client": "",
        },
    ),
    (
        two_alone_know_servers,
        {
            "switch": "if TYPE_CHECKING:\n  from .servers.transport import X",
            "servers__transport": "",
        },
    ),
    (
        store_alone_touches_store,
        {"coordinator": "from homeassistant.helpers.storage import Store"},
    ),
    (
        store_alone_touches_store,
        {"coordinator": "from homeassistant.helpers import storage"},
    ),
    (stores_alone_touch_the_disk, {"images": "from pathlib import Path"}),
    (stores_alone_touch_the_disk, {"store": "import sqlite3"}),
    (stores_alone_touch_the_disk, {"panel": "open('x')"}),
    (
        failures_alone_knows_the_words_of_errors,
        {"switch": "raise HomeAssistantError(translation_key='x')"},
    ),
    (
        failures_alone_knows_the_words_of_errors,
        {"switch": "raise exceptions.ConfigEntryNotReady(translation_domain='x')"},
    ),
    (provider_ids_pass_the_gate, {"planning": "ids = identity.ProviderIds(imdb=text)"}),
    (
        naming_is_the_one_room_that_finds,
        {"voice__hearing": "find = lane.server.search('x', (), 9)"},
    ),
    (
        naming_is_the_one_room_that_finds,
        {"dialogs__item": "find = runtime.catalogue.titled"},
    ),
    (
        naming_is_the_one_room_that_finds,
        {"naming__names": "from ..actions.fields import X", "actions__fields": ""},
    ),
    (platforms_are_leaves, {"services": "from .switch import X", "switch": ""}),
    (platforms_are_leaves, {"switch": "from .store import X", "store": ""}),
    (
        platforms_are_leaves,
        {"switch": "from .catalogue_store import X", "catalogue_store": ""},
    ),
    (nobody_imports_the_front_door, {"switch": "from . import X"}),
    (nobody_imports_the_front_door, {"switch": "from .core import X"}),
    (
        there_are_no_cycles,
        {
            "core__lane": "from .outbox import X",
            "core__outbox": "def f():\n  from .ledger import X",
            "core__ledger": "from . import lane",
        },
    ),
]


@pytest.mark.parametrize(
    ("rule", "texts"), BROKEN, ids=lambda value: rule_name(value) or str(sorted(value))
)
def test_the_rule_catches_a_house_that_breaks_it(
    rule: Rule, texts: dict[str, str]
) -> None:
    assert list(rule(House.of(**texts)))


def test_every_rule_is_shown_to_catch_something() -> None:
    assert {rule for rule, _ in BROKEN} == set(RULES)


def test_a_house_in_order_is_not_accused() -> None:
    house = House.of(
        core__lane="import asyncio\nfrom .outbox import Outbox",
        core__outbox="from datetime import datetime\nfrom .. import core",
        servers__plex__client="import aiohttp\nfrom ...core.outbox import Outbox\n"
        "from . import wire",
        servers__plex__wire="",
        servers__plex__account="",
        connecting="from .servers.plex.client import PlexClient",
        signing_in="from .servers.plex.account import PlexTv",
        runtime="from .store import X",
        store="from homeassistant.helpers.storage import Store\nimport os",
        catalogue_store="import sqlite3\nfrom pathlib import Path",
        switch="from .runtime import X\nfrom .core.outbox import Outbox\n"
        "X(translation_key='last_played')",
        failures="raise HomeAssistantError(translation_domain='x')",
    )
    wrong = [
        message
        for rule in RULES
        if rule is not nobody_imports_the_front_door
        for message in rule(house)
    ]
    assert wrong == []


# --- loaded for real ---------------------------------------------------------------

PROBE = """
import importlib, sys, types
room, component, *modules = sys.argv[1:]
shell = types.ModuleType("ws")
shell.__path__ = [component]
sys.modules["ws"] = shell
for module in modules:
    importlib.import_module("ws." + module)
foreign = {"homeassistant", "voluptuous", "custom_components"}
if room == "core":
    foreign |= {"aiohttp", "yarl"}
print(sorted(foreign & {name.split(".")[0] for name in sys.modules}))
"""


@pytest.mark.parametrize("part", ["core", "servers"])
def test_each_module_loads_in_an_empty_shell(part: str) -> None:
    """Importing the component would run its `__init__`: so load it without."""
    modules = [name for name in House.standing().modules if room(name) == part]
    assert len(modules) > 5
    answer = subprocess.run(
        [sys.executable, "-c", PROBE, part, str(COMPONENT), *modules],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.strip() == "[]"
