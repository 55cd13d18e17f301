"""Record what a real server answers; `scripts/record-server` starts it.

The package is entered by its side door: none of it needs Home Assistant.
"""

import signal
import sys

from scripts.lib.check_server import enter_by_the_side
from scripts.lib.contract import interrupt

if __name__ == "__main__":
    enter_by_the_side()
    from scripts.lib.real.recording import main

    # Ctrl-C as well: whoever is started in the background begins with that ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)
    raise SystemExit(main(sys.argv[1:]))
