"""Playback sessions: what `/:/timeline` reports do, and what they do not.

The rules are measurements on PMS 1.43 as published by the authors of client software:
an item is marked by one session crossing the threshold, and by nothing else.
"""

from dataclasses import dataclass
from enum import StrEnum

from .model import Key


class Effect(StrEnum):
    """What one report does to the play state."""

    NOTHING = "nothing"
    OFFSET = "offset"
    PLAYED = "played"


@dataclass(frozen=True, slots=True)
class Report:
    """One report of a player; times are in milliseconds."""

    client_id: str
    session_id: str | None
    rating_key: Key
    state: str
    time_ms: int
    duration_ms: int
    product: str = "Plex Web"
    device: str = "Chrome"
    play_queue_item_id: int | None = None


@dataclass(slots=True)
class Session:
    """One playback on one player.

    *armed* once a position below the threshold was reported, *counted* once the item
    was marked, *terminated* once an administrator has stopped it and *told* once the
    player knows.
    """

    number: int
    user: str
    report: Report
    armed: bool = False
    counted: bool = False
    terminated: bool = False
    told: bool = False

    @property
    def key(self) -> str:
        """The sessionKey, which is a string."""
        return str(self.number)

    def take(self, report: Report, *, threshold: float, min_progress_ms: int) -> Effect:
        """Follow *report*; *threshold* is a fraction of the duration."""
        if report.rating_key != self.report.rating_key:
            self.armed = self.counted = False
        self.report = report
        if report.time_ms <= 0:
            return Effect.NOTHING
        if report.time_ms >= threshold * report.duration_ms:
            if not self.armed or self.counted:
                return Effect.NOTHING
            self.counted = True
            return Effect.PLAYED
        self.armed = True
        return Effect.OFFSET if report.time_ms >= min_progress_ms else Effect.NOTHING


@dataclass(frozen=True, slots=True)
class Play:
    """One row of the play history."""

    number: int
    user: str
    rating_key: Key
    viewed_at: int


@dataclass(slots=True)
class PlayQueue:
    """What a player has been asked to play; *items* are (item id, ratingKey)."""

    number: int
    user: str
    source: str
    items: list[tuple[int, Key]]
    selected: int
    version: int = 1
