"""Run the simulated servers: ``python -m tests.fakes``.

Prints one line of JSON with addresses, users and what they sign in with, then runs
until it is interrupted. What was watched is forgotten at the end, unless `--state`
names a file to keep it in.
"""

import argparse
import asyncio
import json
from pathlib import Path
import signal
import sys

from .control import Ports, Simulation


async def run(simulation: Simulation, ports: Ports) -> None:
    """Start, say so, and wait for SIGINT or SIGTERM."""
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    await simulation.start(ports)
    try:
        sys.stdout.write(json.dumps(simulation.hello()) + "\n")
        sys.stdout.flush()
        await stopping.wait()
    finally:
        await simulation.stop()


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.fakes", description=__doc__)
    for name in ("plex", "plex-tv", "jellyfin", "emby", "control"):
        parser.add_argument(
            f"--{name}-port", type=int, default=0, help="0, the default: a free one"
        )
    parser.add_argument("--state", type=Path, help="file that keeps what was watched")
    parser.add_argument(
        "--empty", action="store_true", help="nobody has watched anything yet"
    )
    given = parser.parse_args()
    ports = Ports(
        plex=given.plex_port,
        plex_tv=given.plex_tv_port,
        jellyfin=given.jellyfin_port,
        emby=given.emby_port,
        control=given.control_port,
    )
    simulation = Simulation()
    state: Path | None = given.state
    if state is not None and state.exists():
        simulation.load(json.loads(state.read_text(encoding="utf-8")))
    elif not given.empty:
        simulation.live_in()
    try:
        asyncio.run(run(simulation, ports))
    finally:
        if state is not None:
            state.write_text(json.dumps(simulation.dump()), encoding="utf-8")


if __name__ == "__main__":
    main()
