"""Each test of the contract says exactly what it needs of a server."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from .needs import ALL_NEEDS, LeaveOut, Need, needs_of

_CONTRACTS: Final = sorted(Path(__file__).parent.glob("*contract.py"))

#: By which attributes what is needed shows.
_SHOWS: Final = {
    **dict.fromkeys(
        ("fail", "go_dark", "come_back", "restart", "push"),
        Need.FAULTS,
    ),
    **dict.fromkeys(
        ("tells_totals", "search_is_exact", "spoil", "totals_off", "add_views"),
        Need.SWITCHES,
    ),
    **dict.fromkeys(("remove", "retitle", "add_show", "add_file"), Need.FILES),
    **dict.fromkeys(("take_picture", "image"), Need.PICTURES),
    **dict.fromkeys(("hide", "revoke", "hidden_from_sam"), Need.USERS),
}
_OTHERS: Final = {"kim", "sam"}


def each_test(tree: ast.Module) -> Iterator[ast.AsyncFunctionDef | ast.FunctionDef]:
    for one in ast.walk(tree):
        if isinstance(
            one, ast.AsyncFunctionDef | ast.FunctionDef
        ) and one.name.startswith("test_"):
            yield one


def needed(test: ast.AST) -> set[Need]:
    found: set[Need] = set()
    for one in ast.walk(test):
        match one:
            case ast.Attribute(attr=name) if name in _SHOWS:
                found.add(_SHOWS[name])
            case ast.Constant(value=str(name)) if name in _OTHERS:
                found.add(Need.USERS)
            case ast.arg(arg="clock"):
                found.add(Need.CLOCK)
    return found


def said(test: ast.AsyncFunctionDef | ast.FunctionDef) -> set[Need]:
    return {
        Need(str(name.value))
        for decorator in test.decorator_list
        if isinstance(decorator, ast.Call)
        and ast.unparse(decorator.func) == "pytest.mark.needs"
        for name in decorator.args
        if isinstance(name, ast.Constant)
    }


def differing(text: str) -> dict[str, tuple[set[Need], set[Need]]]:
    return {
        test.name: (said(test), needed(test))
        for test in each_test(ast.parse(text))
        if said(test) != needed(test)
    }


@pytest.mark.parametrize("path", _CONTRACTS, ids=lambda path: path.stem)
def test_each_test_of_the_contract_says_exactly_what_it_needs(path: Path) -> None:
    assert differing(path.read_text(encoding="utf-8")) == {}


def test_some_need_each_and_most_need_nothing_or_other_users() -> None:
    found = [
        said(test)
        for path in _CONTRACTS
        for test in each_test(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert set().union(*found) == ALL_NEEDS
    assert sum(one <= {Need.USERS} for one in found) > len(found) / 2


@pytest.mark.parametrize(
    ("text", "finds"),
    [
        ('def test_one(bench):\n    bench.remove("1")', ({}, {"files"})),
        (
            '@pytest.mark.needs("files")\ndef test_one(bench):\n    bench.watch("1")',
            ({"files"}, {}),
        ),
        ("def test_one(bench, clock):\n    clock.set(1)", ({}, {"clock"})),
        ('def test_one(bench):\n    bench.watch("1", "kim")', ({}, {"users"})),
        ("def test_one(bench):\n    bench.server.tells_totals = 0", ({}, {"switches"})),
    ],
)
def test_what_is_not_said_and_what_is_not_needed_is_found(
    text: str, finds: tuple[set[str], set[str]]
) -> None:
    assert differing(text) == {"test_one": (set(finds[0]), set(finds[1]))}


@pytest.mark.needs("clock", "users")
def test_plugin_leaves_out_what_needs_more_than_is_given(
    request: pytest.FixtureRequest,
) -> None:
    this = request.node
    assert needs_of(this) == {Need.CLOCK, Need.USERS}
    left_out: list[pytest.Item] = []

    class _Hook:
        @staticmethod
        def pytest_deselected(items: list[pytest.Item]) -> None:
            left_out.extend(items)

    class _Config:
        hook = _Hook

    for given, kept in (({Need.USERS}, []), (ALL_NEEDS, [this])):
        items = [this]
        LeaveOut(given).pytest_collection_modifyitems(_Config, items)  # type: ignore[arg-type]  # only the hook is used
        assert items == kept
    assert left_out == [this]
