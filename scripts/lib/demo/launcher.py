"""Start Home Assistant among simulated servers.

A simulated plex.tv takes the real one's place. Run as a program:
`launcher.py CONFIG_FOLDER PLEX_TV_URL CALM ARGUMENT ...`, where CALM are the seconds
for which a server that came up is left alone, or nothing for those of everybody, and
the arguments are those of `python -m homeassistant`.
"""

from importlib import import_module
import sys


def main(config_folder: str, plex_tv_url: str, calm: str, *arguments: str) -> int:
    """Run Home Assistant and return what it exits with."""
    # As Home Assistant does later, to find what is installed there.
    sys.path[0] = config_folder
    connecting = import_module("custom_components.watched_sync.connecting")
    vars(connecting)["PLEX_TV"] = plex_tv_url
    if calm:
        inventory = import_module("custom_components.watched_sync.core.inventory")
        vars(inventory)["CALM"] = float(calm)
    sys.argv = ["homeassistant", *arguments]
    exit_code: int = import_module("homeassistant.__main__").main()
    return exit_code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
