"""What a user did with an item, and what each report makes of it.

The rules are those of the Jellyfin server's `BaseItem.MarkPlayed`,
`UserDataManager.UpdatePlayState` and `SessionManager.OnPlayback...`.
"""

from dataclasses import dataclass
from datetime import datetime

from .items import Item, Kind
from .profile import Profile

TICKS_PER_SECOND = 10_000_000
"""One tick is 100 ns."""

_AUDIOBOOK_MINUTES = 5

_WITHOUT_RESUME = {Kind.AUDIO, Kind.TRAILER}


@dataclass(frozen=True, slots=True)
class ResumeRules:
    """What an administrator decides about resuming; percent of the running time."""

    min_percent: int = 5
    max_percent: int = 90
    min_seconds: int = 300


@dataclass(slots=True)
class UserData:
    """The stored row of one user and one item; positions in ticks, dates in UTC."""

    played: bool = False
    play_count: int = 0
    position_ticks: int = 0
    last_played_date: datetime | None = None
    favorite: bool = False
    likes: bool | None = None
    rating: float | None = None


def supports_resume(item: Item) -> bool:
    """Whether a position within the item is kept."""
    return not item.is_folder and item.kind not in _WITHOUT_RESUME


def mark_played(data: UserData, date_played: datetime | None, now: datetime) -> None:
    """`POST PlayedItems` for a leaf: a date counts another play, none does not."""
    if date_played is not None:
        data.play_count += 1
    data.play_count = max(data.play_count, 1)
    data.last_played_date = date_played or data.last_played_date or now
    data.position_ticks = 0
    data.played = True


def mark_unplayed(data: UserData) -> None:
    """`DELETE PlayedItems` for a leaf: the history goes, favourites stay."""
    data.play_count = 0
    data.position_ticks = 0
    data.last_played_date = None
    data.played = False


def on_start(data: UserData, item: Item, profile: Profile, now: datetime) -> None:
    """`POST /Sessions/Playing`: counts a play at once."""
    data.play_count += 1
    data.last_played_date = now
    if not supports_resume(item):
        data.played = True
    elif profile.start_resets_played:
        data.played = False


def on_stop_without_position(data: UserData) -> None:
    """`POST /Sessions/Playing/Stopped` without a position: taken as finished."""
    data.play_count += 1
    data.played = True
    data.position_ticks = 0


def update_play_state(
    data: UserData, item: Item, position: int, profile: Profile, rules: ResumeRules
) -> None:
    """What a reported position, in ticks, does; the first rule that fits."""
    runtime = item.run_time_ticks or 0
    if runtime <= 0:
        data.played = True
        position = 0
    elif item.kind is Kind.AUDIO_BOOK and position > 0:
        margin = _AUDIOBOOK_MINUTES * 60 * TICKS_PER_SECOND
        if position < margin:
            position = 0
        elif runtime - position < margin or position >= runtime:
            data.played = True
            position = 0
    elif item.kind is Kind.BOOK:
        pass
    elif position > 0:
        last = TICKS_PER_SECOND if profile.last_second_is_the_end else 0
        if 100 * position < rules.min_percent * runtime:
            position = 0
        elif (
            100 * position > rules.max_percent * runtime
            or position >= runtime - last
            or runtime < rules.min_seconds * TICKS_PER_SECOND
        ):
            data.played = True
            position = 0
    if not supports_resume(item):
        position = 0
    data.position_ticks = position
