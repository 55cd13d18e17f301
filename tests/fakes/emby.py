"""A simulated Emby server: the Jellyfin one, speaking the dialect of its forebear.

What it does otherwise was not found in a document alone but measured by others on Emby
4.9 and 4.10: paths below the user, decimal item ids, `/Users/Me` answered with 500,
listings that withhold years, dates and counts, `POST .../UserData` that replaces
everything, next episodes among the resumable and in no list of their own.
"""

from typing import Any

from .jellyfin import FakeJellyfin


class FakeEmby(FakeJellyfin):
    """An Emby server; everything else is as with `FakeJellyfin`."""

    def __init__(self, *, name: str = "Fake Emby", **options: Any) -> None:
        super().__init__(name=name, profile="emby", **options)
