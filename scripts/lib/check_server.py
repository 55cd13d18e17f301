"""Check a server from the command line; `scripts/check-server` starts it.

The package is entered by a side door, as its front door needs Home Assistant.
"""

from importlib import import_module
from pathlib import Path
import sys
from types import ModuleType

_PACKAGE = "custom_components.watched_sync"


def enter_by_the_side() -> None:
    """Have the package's modules be imported without its `__init__`."""
    side_door = ModuleType(_PACKAGE)
    side_door.__path__ = [str(Path(__file__).parents[2] / _PACKAGE.replace(".", "/"))]
    sys.modules[_PACKAGE] = side_door
    parent, _, name = _PACKAGE.partition(".")
    setattr(import_module(parent), name, side_door)


if __name__ == "__main__":
    enter_by_the_side()
    from scripts.lib.checking import main

    raise SystemExit(main(sys.argv[1:]))
