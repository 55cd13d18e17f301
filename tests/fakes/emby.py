"""A simulated Emby server: the Jellyfin one, speaking the dialect of its forebear.

What it does otherwise was not found in a document alone but measured by others on Emby
4.9 and 4.10: paths below the user, decimal item ids, `/Users/Me` answered with 500,
listings that withhold years, dates and counts, `POST .../UserData` that replaces
everything, next episodes among the resumable and in no list of their own.
"""

from dataclasses import replace
from typing import Any

from .jellyfin import FakeJellyfin
from .jellyfin.profile import PROFILES


class FakeEmby(FakeJellyfin):
    """An Emby server; everything else is as with `FakeJellyfin`.

    A row recorded after a mark by hand had no play counted, and one report says that
    taking a mark off leaves the count: *marks_counted* and *unmarks_reset_count* are
    for that.
    """

    def __init__(
        self,
        *,
        name: str = "Fake Emby",
        marks_counted: bool = True,
        unmarks_reset_count: bool = True,
        **options: Any,
    ) -> None:
        profile = replace(
            PROFILES["emby"],
            marks_counted=marks_counted,
            unmarks_reset_count=unmarks_reset_count,
        )
        super().__init__(name=name, profile=profile, **options)
