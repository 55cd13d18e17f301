"""Keep the contract on a real server; `scripts/test --server` starts it.

The package is entered by its side door: none of it needs Home Assistant.
"""

import signal
import sys
from types import FrameType

from scripts.lib.check_server import enter_by_the_side


def interrupt(_number: int, _frame: FrameType | None) -> None:
    """Stop as Ctrl-C does."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    enter_by_the_side()
    from scripts.lib.real.contract import main

    # Ctrl-C as well: whoever is started in the background begins with that ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)
    raise SystemExit(main(sys.argv[1:]))
