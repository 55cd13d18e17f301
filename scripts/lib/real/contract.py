"""What `scripts/test --server` does: the contract of tests/servers on a real server.

On Jellyfin and Emby three users are made before, and taken away afterwards, also after
Ctrl-C. Plex has no users of its own: there the owner of a token stands for alex, and
what needs others is left out.
"""

import argparse
from collections.abc import Callable, Sequence
from getpass import getpass
import os
from pathlib import Path
import sys
from typing import Final

import pytest

from scripts.lib.checking import Refusal
from tests.servers.needs import LeaveOut, Need

from .jellyfin import RealJellyfin, dialect_at, taken_away
from .plex import RealPlex

#: Where the password, or the token of a Plex, may be; else it is asked for.
SECRET: Final = "WATCHED_SYNC_PASSWORD"  # noqa: S105 - the name of a variable

_TESTS: Final = Path(__file__).parents[3] / "tests" / "servers" / "real_contract.py"
_FAILED: Final = 2


class _Given:
    """Plugin of pytest: gives the tests their server."""

    def __init__(self, real: RealJellyfin | RealPlex) -> None:
        self._real = real

    @pytest.fixture(scope="session")
    def real(self) -> RealJellyfin | RealPlex:
        """Return the server."""
        return self._real


def main(arguments: Sequence[str], read_secret: Callable[[str], str] = getpass) -> int:
    """Run; returns what pytest returns, or 2 if it could not begin or end."""
    parser = argparse.ArgumentParser(prog="scripts/test", allow_abbrev=False)
    parser.add_argument("--server", required=True, help="the server's address")
    parser.add_argument("--admin", required=True, help="the name of its administrator")
    parser.add_argument("--plex-tv", help="of a simulated Plex: its plex.tv")
    options, more = parser.parse_known_args(arguments)
    url = options.server.rstrip("/")
    try:
        dialect = dialect_at(url)
        what = "Password" if dialect else "X-Plex-Token"
        secret = os.environ.get(SECRET) or read_secret(f"{what} of {options.admin}: ")
        if dialect is None:
            plex = RealPlex(url, secret, options.admin, options.plex_tv)
            return _run(plex, (), more)
        real = RealJellyfin.sign_in(url, dialect, options.admin, secret)
        try:
            real.make_people()
            return _run(real, {Need.USERS}, more)
        finally:
            taken_away(real)
    except Refusal as refusal:
        print(f"error: {refusal}", file=sys.stderr)
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
    return _FAILED


def _run(
    real: RealJellyfin | RealPlex, given: Sequence[Need] | set[Need], more: list[str]
) -> int:
    # Nothing of Home Assistant is there; its plugin keeps tests from the network.
    options = ["--noconftest", "-p", "no:homeassistant", "-p", "no:cacheprovider"]
    return pytest.main(
        [str(_TESTS), *options, "-n0", *more], plugins=[LeaveOut(given), _Given(real)]
    )
