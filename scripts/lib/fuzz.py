"""Fuzz every target in turn, for as long as one likes; `scripts/fuzz` starts it."""

import argparse
from collections import Counter
import logging
import time
import traceback
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.fuzz.targets import TARGETS, Target

#: Examples of one target in a row.
ROUND = 200


def fuzz(target: Target, number: int) -> tuple[int, str | None]:
    """Return how many examples were tried with a seed, and what the smallest broke."""
    tried = 0

    @seed(number)
    @settings(
        max_examples=ROUND,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(target.inputs)
    def run(value: Any) -> None:
        nonlocal tried
        tried += 1
        target.check(value)

    try:
        run()
    except Exception:  # noqa: BLE001 - any failure is one to report
        return tried, traceback.format_exc()
    return tried, None


def main() -> int:
    """Run; 0 if nothing got out of hand."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, help="try this seed alone")
    parser.add_argument("--target", choices=TARGETS, action="append")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    chosen = options.target or list(TARGETS)
    tried: Counter[str] = Counter()
    broken: list[str] = []
    number = options.seed or 0
    until = time.monotonic() + options.minutes * 60
    while True:
        for name in chosen:
            count, problem = fuzz(TARGETS[name], number)
            tried[name] += count
            if problem is not None:
                broken.append(f"{name}, seed {number}")
                print(f"{broken[-1]}:\n{problem}", flush=True)
                chosen = [one for one in chosen if one != name]
        number += 1
        if options.seed is not None or time.monotonic() >= until or not chosen:
            break
    for name, count in tried.items():
        print(f"{name}: {count} examples")
    print(f"{tried.total()} examples with {number - (options.seed or 0)} seeds each")
    print("\n".join(["broken:", *broken]) if broken else "nothing got out of hand")
    return 1 if broken else 0


if __name__ == "__main__":
    raise SystemExit(main())
