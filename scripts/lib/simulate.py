"""Live through simulated worlds by the thousand; `scripts/simulate` starts it."""

import argparse
import ast
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
import gc
import hashlib
import logging
import os
from pathlib import Path
import sys
import time

from tests.simulation import catalogued, day, invariants, mirrored, world
from tests.simulation.records import Broken
from tests.simulation.tally import Tally

ROOT = Path(__file__).parents[2]
GROUP = 100

#: The kinds of worlds: lanes by themselves, lanes that copy to each other, and lanes
#: that know all that their servers have.
KINDS: Mapping[str, Callable[[int], Tally]] = {
    "world": world.simulate,
    "mirrored": mirrored.simulate,
    "catalogued": catalogued.simulate,
}

#: How much of each invariant a run has to check.
FLOORS = {
    "world": invariants.FLOORS,
    "mirrored": mirrored.FLOORS,
    "catalogued": catalogued.FLOORS,
}

#: Worlds that are enough to tell whether an invariant looks away.
ENOUGH = 100


def fingerprint(kind: str) -> str:
    """Return what the worlds depend on; another program is another simulation."""
    digest = hashlib.sha256()
    for path in sorted(ingredients(ROOT / "tests" / "simulation" / f"{kind}.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def ingredients(world: Path) -> set[Path]:
    """Return a file and all of ours that it imports, by itself or through others.

    The hall is left out: it is imported on the way to the core, and has no part in it.
    """
    found: set[Path] = set()
    waiting = [world]
    while waiting:
        path = waiting.pop()
        if path in found or not path.exists():
            continue
        found.add(path)
        for node in ast.walk(ast.parse(path.read_bytes())):
            if not isinstance(node, ast.ImportFrom):
                continue
            base = path.parents[node.level - 1] if node.level else ROOT
            module = base.joinpath(*(node.module or "").split("."))
            waiting.append(module.with_suffix(".py"))
            waiting += [module / f"{name.name}.py" for name in node.names]
    return found


def live_through(kind: str, first: int, count: int) -> tuple[list[str], Tally]:
    """Return what went wrong in *count* worlds from seed *first* on, and the counts."""
    logging.disable(logging.CRITICAL)
    # Worlds make and drop much, and little of it in circles: a sixth of the time.
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)
    problems, tally = [], Tally()
    for seed in range(first, first + count):
        try:
            tally += KINDS[kind](seed)
        except Broken as err:
            problems.append(str(err))
        except Exception as err:  # noqa: BLE001 - any failure is one to report
            problems.append(f"seed {seed}: {type(err).__name__}: {err}")
    return problems, tally


def live_through_a_day(seed: int) -> int:
    """Live through one day of two lanes that follow each other, and print what was."""
    logging.disable(logging.CRITICAL)
    counts, problems = day.Counts(), []
    try:
        day.simulate(seed, counts)
    except Broken as err:
        problems.append(str(err))
    print(*(problems or [f"seed {seed}: the promise was kept"]), sep="\n")
    print(*counts.lines(), sep="\n")
    return 1 if problems else 0


def main() -> int:
    """Run; 0 if every world kept the promise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=100_000)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--fresh", action="store_true")
    parser.add_argument(
        "--mirrored", dest="kind", action="store_const", const="mirrored"
    )
    parser.add_argument(
        "--catalogued", dest="kind", action="store_const", const="catalogued"
    )
    parser.set_defaults(kind="world")
    parser.add_argument("--day", action="store_true")
    options = parser.parse_args()
    if options.day:
        return live_through_a_day(options.seed or 0)
    kind = options.kind

    if options.seed is not None:
        problems, tally = live_through(kind, options.seed, 1)
        print("\n".join(problems) or f"seed {options.seed}: the promise was kept")
        print(*tally.lines(), sep="\n")
        return 1 if problems else 0

    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    state = cache / "watched-sync" / f"simulated-{fingerprint(kind)}"
    done = 0
    if state.exists() and not options.fresh:
        done = int(state.read_text())
        print(f"{done} seeds were lived through before")
    if done >= options.seeds:
        print(f"{done} seeds, no violation")
        return 0

    started, finished, problems, tally = time.monotonic(), 0, [], Tally()
    ended: set[int] = set()
    with ProcessPoolExecutor(options.jobs) as pool:
        groups = {
            pool.submit(
                live_through, kind, first, min(GROUP, options.seeds - first)
            ): first
            for first in range(done, options.seeds, GROUP)
        }
        for group in as_completed(groups):
            ended.add(groups[group])
            found, counts = group.result()
            tally += counts
            for problem in found:
                print(problem, flush=True)
                problems.append(problem)
            finished += min(GROUP, options.seeds - groups[group])
            while done in ended and not problems:
                done = min(done + GROUP, options.seeds)
                state.parent.mkdir(parents=True, exist_ok=True)
                state.write_text(str(done))
            if len(ended) % 50 == 0:
                pace = finished / (time.monotonic() - started)
                print(f"{finished} seeds, {pace:.0f} a second", flush=True)

    pace = finished / (time.monotonic() - started)
    verdict = f"{len(problems)} violations" if problems else "no violation"
    print(*tally.lines(), sep="\n")
    print(f"{finished} seeds now ({pace:.0f} a second), {verdict}")
    blind = list(tally.too_little(FLOORS[kind], finished)) if finished >= ENOUGH else []
    print(*(f"looked away: {one}" for one in blind), sep="\n")
    if problems:
        again = "--seed N" if kind == "world" else f"--{kind} --seed N"
        print(f"See one again with: scripts/simulate {again}")
    return 1 if problems or blind else 0


if __name__ == "__main__":
    sys.exit(main())
